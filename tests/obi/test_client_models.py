"""What the interface's bodies become, and what becomes of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from etl.obi.campaigns import _read_campaign, _read_campaigns
from etl.obi.customers import _read_customers
from etl.obi.models import (
    Attribute,
    Attributes,
    CampaignStatus,
    DialerType,
    DialingMode,
    NewCustomer,
    StoredCustomer,
    encode,
    moment,
)
from etl.obi.wire import Answer, item_reader, read_id


def example(name: str) -> bytes:
    """The body of this name, in the document's shape."""
    return (Path(__file__).parent / "fixtures" / f"{name}.json").read_bytes()


def customer(**fields: object) -> StoredCustomer:
    """A stored customer of these fields of the wire."""
    [found] = _read_customers(Answer(200, {}, json.dumps([{"id": "K", **fields}]).encode()))
    return found


def test_campaigns_are_read_with_their_statistics() -> None:
    body = example("campaigns")
    parsed = json.loads(body)
    first, second = _read_campaigns(Answer(200, {}, body))
    assert (first.name, first.dialer_type, first.dialing_mode) == (
        "Renewals",
        DialerType.QUEUE_DIALER,
        DialingMode.PREDICTIVE,
    )
    assert (first.total, first.handled, first.not_handled, first.callable) == (9, 5, 4, 0)
    assert first.ends_at == datetime(2026, 12, 18, 22, tzinfo=UTC)
    assert first.stats is None
    assert second.status is CampaignStatus.ACTIVE
    assert second.starts_at is None
    assert second.stats
    assert second.stats.total
    assert second.stats.total.number_of_not_dialed_calls == 17
    assert second.stats.total.login_time == parsed[1]["stats"]["total"]["loginTime"]


def test_a_single_campaign_is_read() -> None:
    body = example("campaign")
    parsed = json.loads(body)
    assert _read_campaign(Answer(200, {}, body)).id == parsed["id"]


def test_customers_are_read() -> None:
    body = example("customers")
    first, second = _read_customers(Answer(200, {}, body))
    assert first.external_id == "0042"
    assert first.attributes[1] == Attribute("First Name", "Zoë")
    assert first.script
    assert first.script.answers
    assert first.script.answers[0].answer == "yes"
    assert second.number_list == ("03023125001", "03023125002")
    assert second.modified_at == datetime(2026, 5, 5, 12, 31, tzinfo=UTC)
    assert second.script is None


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ({"attribute": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}, "AB"),
        ([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "AB"),
        ({"attribute": {"name": "A", "value": "1"}}, "A"),
        ({"name": "A", "value": "1"}, "A"),
        ({"attribute": []}, ""),
        ({"attribute": None}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_attributes_read_alike_wrapped_bare_and_single(attributes: object, names: str) -> None:
    found = customer(attributes=attributes).attributes
    assert [attribute.name for attribute in found] == list(names)
    assert [attribute.value for attribute in found] == list("12")[: len(names)]


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (1.5, "1.5"), (True, "true"), (None, ""), ("007", "007"), ("null", "null")]
)
def test_an_attribute_s_value_is_text_however_it_is_written(value: object, text: str) -> None:
    assert customer(attributes=[{"name": "A", "value": value}]).attributes == (Attribute("A", text),)


def test_what_is_absent_null_or_unknown_does_not_matter() -> None:
    assert customer() == customer(externalId=None, numbers=None, callCount=None, new={"a": [1]})
    assert customer().attributes == ()
    assert customer().number_list == ()
    assert customer().call_at is None


def test_an_unknown_word_of_a_closed_list_is_kept_and_equals_none_of_it() -> None:
    found = customer(dialingMode="TELEPATHIC").dialing_mode
    assert found == "TELEPATHIC"
    assert isinstance(found, DialingMode)
    assert found not in list(DialingMode)
    assert len(DialingMode) == 3
    assert encode(NewCustomer(dialing_mode=found)) == b'{"dialingMode":"TELEPATHIC"}'
    with pytest.raises(ValueError, match="7"):
        DialingMode(7)  # type: ignore[arg-type]


def test_numbers_in_text_and_whole_floats_count_as_integers() -> None:
    found = customer(callCount="3", priority=5.0, externalId="007")
    assert (found.call_count, found.priority, found.external_id) == (3, 5, "007")


def test_the_year_9999_is_a_date_like_any_other() -> None:
    found = customer(date="9999-12-31T23:59:59Z")
    assert found.date == "9999-12-31T23:59:59Z"
    assert found.call_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert found.call_at > datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-05-05T12:30:00.393Z", datetime(2026, 5, 5, 12, 30, 0, 393_000, tzinfo=UTC)),
        ("2026-05-05T14:30:00+02:00", datetime(2026, 5, 5, 12, 30, tzinfo=UTC)),
        ("2026-05-05T12:30:00", datetime(2026, 5, 5, 12, 30, tzinfo=UTC)),
        ("", None),
        (None, None),
        ("tomorrow", None),
    ],
)
def test_a_moment_is_aware_or_none(text: str | None, when: datetime | None) -> None:
    found = moment(text)
    assert found == when
    assert found is None or found.utcoffset() is not None


@given(st.datetimes(timezones=st.just(UTC)) | st.just(datetime.max.replace(tzinfo=UTC)))
def test_every_time_survives_its_text(when: datetime) -> None:
    assert moment(when.isoformat().replace("+00:00", "Z")) == when
    assert (moment(when.isoformat()) or when).utcoffset() == timedelta(0)


def test_new_customers_are_sent_as_the_document_shows_them() -> None:
    parsed = json.loads(example("new_customers"))
    full = NewCustomer(
        external_id="0042",
        numbers="+442079460101;+441214960102",
        time_zone="Europe/London",
        attributes=Attributes.of([("City", "Leeds")]),
    )
    plain = NewCustomer(external_id="43", numbers="+493023125001", attributes=Attributes.of([]))
    assert [json.loads(encode(item)) for item in (full, plain)] == parsed


def test_a_zero_is_sent_and_an_id_never() -> None:
    assert json.loads(encode(NewCustomer(preview_time=0, priority=0))) == {"previewTime": 0, "priority": 0}
    assert "id" not in NewCustomer.__struct_fields__


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
)
def test_attributes_come_back_as_they_were_sent(pairs: dict[str, str]) -> None:
    sent = json.loads(encode(NewCustomer(attributes=Attributes.of(pairs.items()))))
    found = customer(**sent).attributes
    assert [(attribute.name, attribute.value) for attribute in found] == [*pairs.items()]


@pytest.mark.parametrize("name", ["results_all_created", "results_one_invalid", "results_stopped"])
def test_item_results_are_read_one_for_one(name: str) -> None:
    body = example(name)
    parsed = json.loads(body)
    results = item_reader(len(parsed))(Answer(200, {}, body))
    assert [(item.status_code, item.id, item.error) for item in results] == [
        (item["statusCode"], item.get("id"), item.get("error")) for item in parsed
    ]


@pytest.mark.parametrize("code", ["201", "201.0", '"201"'])
def test_a_status_code_is_any_number_that_says_201(code: str) -> None:
    """The document types it as a number; text and floats are what some serialisers make of one."""
    body = f'[{{"statusCode":{code},"id":"A"}},{{"statusCode":400}}]'.encode()
    assert [item.status_code for item in item_reader(2)(Answer(200, {}, body))] == [201, 400]


@pytest.mark.parametrize(
    ("body", "location", "found"),
    [
        (b"F5168FBDD6914C8DB1C6D0BD64563A39", None, "F5168FBDD6914C8DB1C6D0BD64563A39"),
        (b' "f5168fbd-d691-4c8d-b1c6-d0bd64563a39"\r\n', "/other", "f5168fbd-d691-4c8d-b1c6-d0bd64563a39"),
        (b"", "http://h/RI/obi/campaigns/C/customers/AB12", "AB12"),
        (b"", "/campaigns/C/customers/AB12/?x=1", "AB12"),
        (b"<p>created</p>", "customers/AB12", "AB12"),
        (b"", None, ""),
        (b" \n", "", ""),
    ],
)
def test_a_new_id_is_the_body_or_the_end_of_the_location(
    body: bytes, location: str | None, found: str
) -> None:
    headers = {} if location is None else {"Location": location}
    assert read_id(Answer(201, headers, body)) == found
