"""How a customer looks on the wire, and what proves that the server's one is ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import json
from msgspec.structs import replace

from etl.obi.models import StoredCustomer
from etl.payload import customer_of, differences, is_of_this_run, item_of, items_of, server_times
from etl.records import Customer

A, B, C = "+442079460000", "+442079460001", "+493023125000"
LEAD = Customer(row=1, external_id="007", numbers=(A, B), names=("City", "Score"), values=("Leeds", "5"))
SENT = datetime(2027, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC).timestamp()
NOW = datetime(2027, 3, 1, 12, 1, 0, tzinfo=UTC).timestamp()


def wire(customer: Customer, *, as_attributes: bool = False) -> Any:
    return json.decode(item_of(customer, as_attributes=as_attributes).body)


def stored(**changes: Any) -> StoredCustomer:
    """What a server may hold of LEAD: numbers as sent, Phone attributes of its own beside ours."""
    data: dict[str, Any] = {
        "id": "A" * 32,
        "externalId": "007",
        "numbers": f"{A};{B};",
        "callCount": 0,
        "modificationDate": "2027-03-01T12:00:01.000001Z",
        "attributes": {
            "attribute": [
                {"name": "Phone1", "value": A},
                {"name": "City", "value": "Leeds"},
                {"name": "Score", "value": 5},
                {"name": "Phone2", "value": B},
            ]
        },
    }
    return json.decode(json.encode(data | changes), type=StoredCustomer)


# --- the wire ---------------------------------------------------------------------------------------------


def test_what_a_row_does_not_have_is_not_sent() -> None:
    assert wire(Customer(row=1, external_id="007", numbers=(A,))) == {"externalId": "007", "numbers": A}


def test_everything_that_a_row_has_is_sent_in_the_interfaces_form() -> None:
    full = replace(
        LEAD,
        date="2027-07-01T08:30:00Z",
        agent_id="B" * 32,
        dialing_mode="PREVIEW",
        preview_time=0,
        priority=0,
        time_zone="Europe/London",
        warning="not for the server",
    )
    assert wire(full) == {
        "externalId": "007",
        "numbers": f"{A};{B}",
        "date": "2027-07-01T08:30:00Z",
        "agentId": "B" * 32,
        "dialingMode": "PREVIEW",
        "previewTime": 0,
        "priority": 0,
        "timeZone": "Europe/London",
        "attributes": {
            "attribute": [{"name": "City", "value": "Leeds"}, {"name": "Score", "value": "5"}],
        },
    }


def test_no_id_of_ours_and_no_trailing_separator_is_ever_sent() -> None:
    sent = wire(LEAD)
    assert "id" not in sent
    assert not sent["numbers"].endswith(";")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_numbers_as_attributes_are_phone1_to_phone3_after_ours_and_nothing_else(count: int) -> None:
    """Numbers and Phone attributes are never both sent."""
    sent = wire(replace(LEAD, numbers=(A, B, C)[:count]), as_attributes=True)
    assert "numbers" not in sent
    names = [each["name"] for each in sent["attributes"]["attribute"]]
    assert names == ["City", "Score", *("Phone1", "Phone2", "Phone3")[:count]]


@given(name=st.text(min_size=1), value=st.text(min_size=1))
def test_any_text_travels_unharmed_in_a_body_of_utf_8(name: str, value: str) -> None:
    item = item_of(replace(LEAD, names=(name,), values=(value,)))
    assert json.decode(item.body)["attributes"] == {"attribute": [{"name": name, "value": value}]}
    assert customer_of(item).attributes == ((name, value),)


@pytest.mark.parametrize("marker", [None, ("obi-run", "20261124-1")])
@pytest.mark.parametrize("as_attributes", [False, True])
def test_a_customer_is_found_again_in_the_body_that_was_made_of_it(
    marker: tuple[str, str] | None, *, as_attributes: bool
) -> None:
    for lead in (
        LEAD,
        replace(LEAD, names=(), values=()),
        replace(LEAD, numbers=(A,), priority=3, date="2027-03-01T12:00:00Z"),
    ):
        assert customer_of(item_of(lead, as_attributes=as_attributes, marker=marker), marker=marker) == lead


def test_the_same_customer_has_the_same_bytes_each_time() -> None:
    assert item_of(LEAD).body == item_of(replace(LEAD)).body


# --- what differs -----------------------------------------------------------------------------------------


def test_what_the_server_adds_is_no_difference() -> None:
    assert differences(LEAD, stored()) == []


@pytest.mark.parametrize(
    "shape",
    [
        [{"name": "Score", "value": 5}, {"name": "City", "value": "Leeds"}],
        {"attribute": [{"name": "City", "value": "Leeds"}, {"name": "Score", "value": "5"}]},
    ],
)
def test_attributes_compare_in_every_shape_and_order(shape: Any) -> None:
    assert differences(LEAD, stored(attributes=shape)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"numbers": A}, ["numbers"]),
        ({"numbers": f"{B};{A}"}, ["numbers"]),
        ({"numbers": f"{A};{B};{C}"}, ["numbers"]),
        ({"numbers": None}, ["numbers"]),
        ({"attributes": None}, ["City", "Score"]),
        ({"attributes": {"attribute": {"name": "City", "value": "Leeds"}}}, ["Score"]),
        ({"attributes": [{"name": "City", "value": "leeds"}, {"name": "Score", "value": "5"}]}, ["City"]),
    ],
)
def test_a_difference_is_told_by_its_name(changes: dict[str, Any], expected: list[str]) -> None:
    assert differences(LEAD, stored(**changes)) == expected


# --- proof ------------------------------------------------------------------------------------------------


def proved(*, between: tuple[float, float] | None = (SENT, NOW), **changes: Any) -> bool:
    return is_of_this_run(LEAD, stored(**changes), between=between)


def test_the_same_content_uncalled_and_changed_since_the_sending_is_proof() -> None:
    assert proved()
    assert proved(callCount=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"numbers": A},
        {"attributes": None},
        {"callCount": 1},
        {"callResult": "BUSY"},
        {"result": "Sold"},
        {"modificationDate": None},
        {"modificationDate": "yesterday"},
        {"modificationDate": "2027-02-28T23:00:00Z"},
        {"modificationDate": "2027-03-01T12:00:00.498000Z"},
        {"modificationDate": "2027-03-01T13:00:01Z"},
        {"modificationDate": "9999-12-31T23:59:59Z"},
    ],
)
def test_anything_less_is_no_proof(changes: dict[str, Any]) -> None:
    """A customer loaded last night must not become ``created`` because of tonight's timeout."""
    assert not proved(**changes)


def test_an_unknown_clock_proves_nothing() -> None:
    assert not proved(between=None)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2027-03-01T12:01:00Z", True),
        ("2027-03-01T12:01:05Z", True),
        ("2027-03-01T12:01:05.000001Z", False),
        ("2027-03-01T12:01:06Z", False),
    ],
)
def test_a_change_in_the_future_is_by_another_clock_and_proves_nothing(when: str, *, expected: bool) -> None:
    """Five seconds are allowed: our idea of the server's clock is a lower bound."""
    assert proved(modificationDate=when) is expected


def test_a_server_that_writes_whole_seconds_has_cut_off_the_fraction() -> None:
    assert proved(modificationDate="2027-03-01T12:00:00Z")
    assert not proved(modificationDate="2027-03-01T11:59:59Z")


@pytest.mark.parametrize(
    "when", ["2027-03-01T12:00:01", "2027-03-01T13:00:01+01:00", "2027-03-01T12:00:01+00:00"]
)
def test_a_modification_date_is_utc_unless_it_says_otherwise(when: str) -> None:
    assert proved(modificationDate=when)


def test_the_year_9999_of_the_next_call_is_no_obstacle() -> None:
    assert proved(date="9999-12-31T23:59:59Z")


# --- by the server's clock --------------------------------------------------------------------------------


def times(*, at_sending: float | None, by_now: float | None) -> tuple[float, float] | None:
    """By the server's clock: a sending at 1,000 s and now, 1,100 s, by ours."""
    item = replace(item_of(LEAD), in_doubt=True, sent_at=1_000.0, doubted_at=1_050.0, offset=at_sending)
    return server_times(item, offset=by_now, now=1_100.0)


@pytest.mark.parametrize(("at_sending", "by_now"), [(None, None), (None, 3.0), (3.0, None)])
def test_without_both_readings_of_the_servers_clock_its_times_are_not_known(
    at_sending: float | None, by_now: float | None
) -> None:
    assert times(at_sending=at_sending, by_now=by_now) is None


@pytest.mark.parametrize("offset", [-7_200.0, -0.5, 0.0, 0.25, 3_600.0])
def test_the_times_are_those_of_the_first_sending_and_now_by_the_servers_clock(offset: float) -> None:
    assert times(at_sending=offset, by_now=offset) == (1_000.0 + offset, 1_100.0 + offset)


@pytest.mark.parametrize(("at_sending", "by_now"), [(3.0, 3.9), (3.9, 3.0), (3.0, 4.5)])
def test_of_two_readings_of_one_offset_the_larger_is_the_better_one(at_sending: float, by_now: float) -> None:
    """Each is a lower bound, cut to whole seconds; a sending that seems too early would prove too much."""
    assert times(at_sending=at_sending, by_now=by_now) == (
        1_000.0 + max(at_sending, by_now),
        1_100.0 + by_now,
    )


@pytest.mark.parametrize("by_now", [-3_597.0, 1.0, 5.0, 3_603.0])
def test_where_our_clock_was_set_meanwhile_each_time_goes_by_its_own_reading(by_now: float) -> None:
    assert times(at_sending=3.0, by_now=by_now) == (1_003.0, 1_100.0 + by_now)


_TEXTS = st.text(max_size=5) | st.text(alphabet='a"\\%s{}é\x7f\u2028 ', max_size=5)
_CUSTOMERS = st.builds(
    Customer,
    row=st.integers(1, 9),
    external_id=_TEXTS.filter(bool),
    numbers=st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=3).map(tuple),
    date=st.none() | st.just("2027-03-01T12:00:00Z"),
    agent_id=st.none() | st.just("A" * 32),
    dialing_mode=st.sampled_from([None, "PREVIEW", "PREDICTIVE"]),
    preview_time=st.none() | st.integers(0, 2**31 - 1),
    priority=st.none() | st.integers(0, 9),
    time_zone=st.none() | st.just("Europe/Berlin"),
    names=st.just(("City", 'Sc"ore %s', "Größe")),
    values=st.tuples(_TEXTS, _TEXTS, _TEXTS),
    warning=st.just(""),
)


@given(
    customers=st.lists(_CUSTOMERS, max_size=5),
    as_attributes=st.booleans(),
    marker=st.none() | st.just(("obi%run", "20261124-1")),
)
def test_bodies_that_are_filled_in_are_those_that_are_encoded(
    customers: list[Customer], marker: tuple[str, str] | None, *, as_attributes: bool
) -> None:
    made = [item.body for item in items_of(customers, as_attributes=as_attributes, marker=marker)]
    alone = [item_of(each, as_attributes=as_attributes, marker=marker).body for each in customers]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etl.payload._are_plain", lambda _texts: False)
        encoded = [item.body for item in items_of(customers, as_attributes=as_attributes, marker=marker)]
    assert made == alone == encoded
