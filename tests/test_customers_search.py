"""``obi customers list`` and ``show``: who is searched for, whatever the server makes of the search."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from etl.customersearch import fits, number_pattern
from etl.obi.models import StoredCustomer
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator

Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

CAMPAIGN = "Test Preview Campaign"
AGENT, OTHER = "0B5F41959B1D446FA277B4784167EC2F", "78F308DA7ADE42E093A150B08968CA15"
SCRIPT = {"name": "Sales", "answers": [{"question": "Which brand?", "answer": "Other"}]}


def city(name: str) -> dict[str, Any]:
    return {"attribute": [{"name": "City", "value": name}]}


PEOPLE = [
    {"externalId": "L-1", "numbers": "+442079460001", "result": "SUCCESS", "callCount": 2, "script": SCRIPT,
     "modificationDate": "2026-04-01T10:00:00.000Z", "attributes": city("London"), "agentId": AGENT,
     "date": "9999-12-31T23:59:59Z"},
    {"externalId": "L-2", "numbers": "+441214960002;+442079460002", "result": "SUCCESS_2", "callCount": 1,
     "modificationDate": "2026-05-01T10:00:00.000Z", "attributes": city("Hull"), "agentId": OTHER},
    {"externalId": "L-3", "numbers": "02079460003", "classifier": "Later", "priority": 7,
     "modificationDate": "2026-06-01T10:00:00.000Z", "attributes": city("london"),
     "date": "2026-07-01T10:00:00Z", "timeZone": "Europe/London", "dialingMode": "PREVIEW"},
]  # fmt: skip
SEED = {"campaigns": [{"name": CAMPAIGN, "customers": PEOPLE}]}


def listed(obi: Obi, simulator: Simulator, *words: str) -> list[str]:
    code, out, _ = obi("customers", "list", CAMPAIGN, *words, "--json", "--base-url", simulator.base_url)
    assert code == 0, out
    return [each["externalId"] for each in json.loads(out)]


SEARCHES: list[tuple[list[str], list[str]]] = [
    ([], ["L-1", "L-2", "L-3"]),
    (["--external-id", "L-2"], ["L-2"]),
    (["--result", "SUCCESS*"], ["L-1", "L-2"]),
    (["--result", "SUCCESS"], ["L-1"]),
    (["--classifier", "L?ter"], ["L-3"]),
    (["--call-count", "2"], ["L-1"]),
    (["--attribute", "City"], ["L-1", "L-2", "L-3"]),
    (["--attribute", "City=London"], ["L-1", "L-3"]),
    (["--agent", AGENT.lower(), "--agent", OTHER], ["L-1", "L-2"]),
    (["--agent", OTHER], ["L-2"]),
    (["--modified-since", "2026-05-15"], ["L-3"]),
    (["--modified-before", "2026-05-15T00:00+02:00"], ["L-1", "L-2"]),
    (["--modified-since", "1h"], []),
    (["--call-after", "2027-01-01"], ["L-1"]),
    (["--call-before", "2027-01-01"], ["L-3"]),
    (["--number", "020 7946 0002"], ["L-2"]),
    (["--number", "+44 20 7946 0003"], []),
    (["--number", "(020) 7946-0003"], ["L-3"]),
    (["--number", "*0001"], ["L-1"]),
    (["--priority", "7", "--time-zone", "Europe/London", "--dialing-mode", "PREVIEW"], ["L-3"]),
    (["--result", "SUCCESS*", "--attribute", "City=Hull"], ["L-2"]),
]


@pytest.mark.parametrize("ignored", [False, True], ids=["as searched", "the server ignores searches"])
def test_who_is_searched_for_is_listed_whatever_the_server_makes_of_the_search(
    ignored: bool, serve: Serve, obi: Obi
) -> None:
    simulator = serve(seed=SEED, faults=[Fault(mode="filter_ignored")] if ignored else [])
    found = {" ".join(words): listed(obi, simulator, *words) for words, _ in SEARCHES}
    assert found == {" ".join(words): ids for words, ids in SEARCHES}


def test_all_pages_are_listed_and_a_limit_says_that_there_are_more(serve: Serve, obi: Obi) -> None:
    people = [{"externalId": f"P-{at}", "numbers": "+442079460001"} for at in range(250)]
    simulator = serve(seed={"campaigns": [{"name": CAMPAIGN, "customers": people}]})
    assert len(listed(obi, simulator)) == 250
    words = ("customers", "list", CAMPAIGN, "--csv", "--base-url", simulator.base_url)
    for limit, more in ((10, True), (250, False), (1_000, False)):
        code, out, err = obi(*words, "--limit", str(limit))
        assert (code, len(out.splitlines()) - 1) == (0, min(limit, 250))
        assert ("more than these" in err) == more


def test_a_list_has_three_forms(serve: Serve, obi: Obi) -> None:
    simulator = serve(seed=SEED)
    words = ("customers", "list", CAMPAIGN, "--base-url", simulator.base_url)
    _, table, _ = obi(*words)
    assert "L-2" in table
    assert "+442079460002" in table  # a person looks for a person
    _, out, _ = obi(*words, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0]["externalId"] == "L-1"
    assert rows[0]["date"] == "9999-12-31T23:59:59Z"
    assert rows[0]["numbers"] == "+442079460001"
    _, out, _ = obi(*words, "--json")
    first = json.loads(out)[0]
    assert {"name": "City", "value": "London"} in first["attributes"]
    code, _, err = obi(*words, "--json", "--csv")
    assert (code, "two forms" in err) == (2, True)


@pytest.mark.parametrize("words", [(), ("--result", "*")], ids=["all", "searched"])
def test_a_server_that_shows_one_page_only_is_not_taken_for_the_whole(
    words: tuple[str, ...], serve: Serve, obi: Obi
) -> None:
    people = [{"externalId": f"P-{at}", "numbers": "+442079460001", "result": "BUSY"} for at in range(250)]
    simulator = serve(seed={"campaigns": [{"name": CAMPAIGN, "customers": people}]})
    store = simulator._service.store
    find = store.find
    store.find = lambda campaign_id, search: find(  # type: ignore[method-assign]
        campaign_id, msgspec.structs.replace(search, offset=0)
    )
    code, out, err = obi("customers", "list", CAMPAIGN, "--csv", *words, "--base-url", simulator.base_url)
    assert (code, len(out.splitlines())) == (5, 101)
    assert "missing" in err


@pytest.mark.parametrize("words", [(), ("--external-id", "*")], ids=["all", "searched"])
def test_somebody_whom_a_shifting_page_hides_is_listed_too(
    words: tuple[str, ...], serve: Serve, obi: Obi
) -> None:
    """After the first page one customer goes and another comes, so that the count says nothing."""
    people = [{"externalId": f"P-{at}", "numbers": "+442079460001"} for at in range(250)]
    simulator = serve(seed={"campaigns": [{"name": CAMPAIGN, "customers": people}]})
    store = simulator._service.store
    find, offsets = store.find, []

    def find_and_shift(campaign_id: str, search: Any) -> Any:
        found = find(campaign_id, search)
        offsets.append(search.offset)
        if len(offsets) == 1:
            store._db.execute("DELETE FROM customers WHERE external_id = 'P-0'")
            store._db.execute(_ANOTHER)
        return found

    store.find = find_and_shift  # type: ignore[method-assign]
    assert {f"P-{at}" for at in range(250)} <= {*listed(obi, simulator, *words)}


_ANOTHER = """
INSERT INTO customers (campaign, external_id, folded_id, id, modified, rank, body)
SELECT campaign, 'NEW', 'new', 'F', modified, rank, json_set(body, '$.id', 'F', '$.externalId', 'NEW')
FROM customers WHERE external_id = 'P-1'
"""


def test_a_server_without_a_fixed_order_is_not_taken_for_the_whole(serve: Serve, obi: Obi) -> None:
    people = [{"externalId": f"P-{at}", "numbers": "+442079460001"} for at in range(250)]
    simulator = serve(seed={"campaigns": [{"name": CAMPAIGN, "customers": people}]})
    store = simulator._service.store
    find = store.find

    def find_and_turn(campaign_id: str, search: Any) -> Any:
        found = find(campaign_id, search)
        store._db.execute("UPDATE customers SET number = -number")
        return found

    store.find = find_and_turn  # type: ignore[method-assign]
    words = ("--external-id", "P-*", "--csv", "--base-url", simulator.base_url)
    code, _, err = obi("customers", "list", CAMPAIGN, *words)
    assert (code, "may be missing" in err) == (5, True)


def test_nobody_is_told_and_no_error(serve: Serve, obi: Obi) -> None:
    simulator = serve(seed=SEED)
    words = ("customers", "list", CAMPAIGN, "--result", "NEVER", "--base-url", simulator.base_url)
    code, _, err = obi(*words)
    assert (code, "no customer" in err) == (0, True)


def test_one_customer_is_shown_by_id_in_any_form_or_by_externalid(serve: Serve, obi: Obi) -> None:
    simulator = serve(seed=SEED)
    key = simulator.customers(PREVIEW_CAMPAIGN)[0]["id"]
    dashed = "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:])).lower()
    for name in (key, dashed, "L-1"):
        code, out, _ = obi("customers", "show", CAMPAIGN, name, "--json", "--base-url", simulator.base_url)
        shown = json.loads(out)
        assert (code, shown["id"], shown["script"]) == (0, key, SCRIPT)
    code, out, _ = obi("customers", "show", CAMPAIGN, "L-1", "--base-url", simulator.base_url)
    assert code == 0
    for word in ("L-1", "City", "London", "Which brand?", "Other", "Sales"):
        assert word in out


def test_what_stands_in_a_campaign_can_not_steer_a_terminal(serve: Serve, obi: Obi) -> None:
    evil = {
        "externalId": "E-1",
        "numbers": "+442079460001",
        "result": "\x1b[2J",
        "attributes": city("\x1b]0;x\x07"),
    }
    simulator = serve(seed={"campaigns": [{"name": CAMPAIGN, "customers": [evil]}]})
    for words in (("list", CAMPAIGN), ("show", CAMPAIGN, "E-1")):
        code, out, _ = obi("customers", *words, "--base-url", simulator.base_url)
        assert (code, "\x1b" in out, "E-1" in out) == (0, False, True)


@pytest.mark.parametrize("name", ["l-1", "L-*", "0" * 32])
def test_a_customer_that_is_not_there_is_said_in_words(name: str, serve: Serve, obi: Obi) -> None:
    simulator = serve(seed=SEED)
    code, out, err = obi("customers", "show", CAMPAIGN, name, "--base-url", simulator.base_url)
    assert (code, out) == (3, "")
    assert "no customer" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--agent", "me"), "no id"),
        (("--number", "none"), "no digit"),
        (("--modified-since", "yesterday"), "neither a time"),
        (("--limit", "0"), "whole number"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_an_option_that_can_not_be_meant_is_refused_in_words(
    words: tuple[str, str], said: str, obi: Obi
) -> None:
    code, _, err = obi("customers", "list", CAMPAIGN, *words, "--simulate")
    assert (code, said in err) == (2, True)


def customer(**fields: Any) -> StoredCustomer:
    return StoredCustomer(id="0" * 32, **fields)


@given(st.text("ab*?.[+", max_size=6), st.text("ab.[+", max_size=6))
def test_wildcards_are_the_only_patterns(pattern: str, text: str) -> None:
    """By a reference that matches letter by letter."""

    def match(left: str, right: str) -> bool:
        if not left:
            return not right
        if left[0] == "*":
            return match(left[1:], right) or (bool(right) and match(left, right[1:]))
        return bool(right) and left[0] in {"?", right[0]} and match(left[1:], right[1:])

    assert fits(customer(result=text), {"result": pattern}) == match(pattern, text)


@given(st.integers(10_000_000, 999_999_999))
def test_a_number_is_found_nationally_and_internationally(number: int) -> None:
    for written in (f"+44{number}", f"0{number}", f"1;+44{number}"):
        assert fits(customer(numbers=written), {"numbers": number_pattern(f"0{number}")})


def test_a_field_that_is_not_there_does_not_fit_and_no_search_fits_all() -> None:
    assert not fits(customer(), {"result": "*"})
    assert not fits(customer(), {"modification_date": datetime(2026, 1, 1, tzinfo=UTC)})
    assert fits(customer(), {"result": None, "include_script": True})
