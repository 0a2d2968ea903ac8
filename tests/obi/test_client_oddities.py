"""A server may write what the document does not allow; a look-up must survive it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from etl.obi.models import StoredCustomer
from etl.obi.wire import Answer, tolerant_reader

read = tolerant_reader(StoredCustomer)


def customer(**fields: Any) -> StoredCustomer:
    held = {
        "id": "A1",
        "externalId": "7",
        "numbers": "+442079460001",
        "modificationDate": "2027-01-01T00:00:00Z",
    }
    return read(Answer(200, {}, json.dumps([held | fields]).encode()))[0]


def test_numbers_that_should_be_text_are_text() -> None:
    assert customer(externalId=7, numbers=442079460001).external_id == "7"
    assert customer(numbers=442079460001).number_list == ("442079460001",)


@pytest.mark.parametrize(
    "odd",
    [
        {"previewTime": 1.5},
        {"modificationDate": 1_800_000_000_000},
        {"script": {"answers": {"question": "one"}}},
        {"attributes": {"attribute": [{"name": None, "value": "x"}]}},
        {"previewTime": "soon", "priority": [], "date": {}},
    ],
)
def test_an_odd_value_is_one_that_is_not_there(odd: dict[str, Any]) -> None:
    found = customer(**odd)
    assert (found.id, found.external_id, found.number_list) == ("A1", "7", ("+442079460001",))


@pytest.mark.parametrize("name", ["callCount", "result", "callResult"])
def test_a_customer_whose_calls_cannot_be_read_proves_nothing(name: str) -> None:
    assert customer(**{name: {"odd": 1}}).modified_at is None
    assert customer().modified_at is not None


def test_no_content_is_no_customer() -> None:
    assert read(Answer(204, {}, b"")) == []


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1}', b"[1]", b'[{"externalId": "7"}]'])
def test_what_is_no_list_of_customers_stays_unreadable(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read(Answer(200, {}, body))
