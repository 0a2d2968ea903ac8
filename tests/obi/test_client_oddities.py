"""A server may write what the document does not allow; a look-up must survive it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from etl.obi.models import AgentStatistics, Campaign, CustomerResultStatistics, ScriptAnswer, StoredCustomer
from etl.obi.wire import Answer, tolerant_one_reader, tolerant_reader

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
    assert {*found.unreadable} == {*odd} - {"script"}
    assert customer().unreadable == ()


def test_an_answer_of_a_script_may_come_without_its_list() -> None:
    script = customer(script={"name": "Renewal", "answers": {"question": "Keep it?", "answer": "yes"}}).script
    assert script is not None
    assert script.answers == (ScriptAnswer("Keep it?", "yes"),)


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        (Campaign, {"id": "A", "name": "Spring", "abandonRate": "high", "total": 1.5, "stats": {"total": 3}}),
        (CustomerResultStatistics, {"result": None, "count": 1.5}),
        (AgentStatistics, {"campaignId": "A", "numberOfCalls": 1.5, "agentName": 7}),
    ],
)
def test_an_odd_figure_does_not_hide_the_others(kind: type[Struct], odd: dict[str, Any]) -> None:
    found = tolerant_reader(kind)(Answer(200, {}, json.dumps([odd, odd]).encode()))
    assert len(found) == 2


@pytest.mark.parametrize("name", ["callCount", "result", "callResult"])
def test_a_customer_whose_calls_cannot_be_read_proves_nothing(name: str) -> None:
    assert customer(**{name: {"odd": 1}}).modified_at is None
    assert customer().modified_at is not None


@pytest.mark.parametrize(
    "odd", [{"externalId": 7}, {"externalId": "7", "previewTime": 1.5, "attributes": "odd"}]
)
def test_a_single_customer_is_read_as_those_of_a_list_are(odd: dict[str, Any]) -> None:
    body = json.dumps({"id": "A1", "numbers": "123", **odd}).encode()
    found = tolerant_one_reader(StoredCustomer)(Answer(200, {}, body))
    assert (found.id, found.external_id, found.number_list) == ("A1", "7", ("123",))


def test_no_content_is_no_customer() -> None:
    assert read(Answer(204, {}, b"")) == []


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1}', b"[1]", b'[{"externalId": "7"}]'])
def test_what_is_no_list_of_customers_stays_unreadable(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read(Answer(200, {}, body))
