"""The dialler: what its calls make of customers, counters and statistics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from etl.simulator import PREVIEW_CAMPAIGN, Dialect
from etl.simulator.campaigns import new_campaign
from etl.simulator.customers import draft
from etl.simulator.dialler import Dialler
from etl.simulator.store import Store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR, DAY = 3600.0, 86400.0
NUMBERS = "+442079460001;+442079460002;+442079460003"
NEVER = "9999-12-31T23:59:59Z"
OPEN = {"DIALING", "BUSY", "NOANSWER", "CALLBACK"}

Shown = dict[str, Any]


@pytest.fixture
def store() -> Iterator[Store]:
    opened = new_store()
    yield opened
    opened.close()


def new_store() -> Store:
    """A store whose real time stands still, and whose example campaigns do not take the agents."""
    store = Store(real=lambda: NOON)
    store.put_campaigns([new_campaign("Quiet", id=PREVIEW_CAMPAIGN, status="Passive")])
    return store


def add(store: Store, count: int, *, first: int = 0, campaign_id: str = "", **fields: object) -> str:
    """Put ``count`` customers into a campaign, by default into a new one, whose ``fields`` these are then."""
    if not campaign_id:
        campaign = new_campaign("Spring", id=f"{first + 1:032X}", registered="2026-01-01", **fields)
        store.put_campaigns([campaign])
        campaign_id, fields = campaign.id, {}
    posted = [
        {"externalId": str(number), "numbers": NUMBERS, **fields} for number in range(first, first + count)
    ]
    drafts = [draft(each, now=store.now(), dialect=Dialect()) for each in posted]
    store.insert(campaign_id, drafts)
    return campaign_id


def customers(store: Store, campaign_id: str) -> list[Shown]:
    return [json.loads(body) for body in store.bodies(campaign_id)]


def outcomes(store: Store, campaign_id: str) -> list[tuple[Any, ...]]:
    """What the calls made of each customer, without its id, which is no two times the same."""
    names = (
        "externalId",
        "result",
        "callResult",
        "classifier",
        "callCount",
        "lastBNumber",
        "date",
        "agentId",
    )
    return [
        tuple(each.get(name) for name in (*names, "modificationDate"))
        for each in customers(store, campaign_id)
    ]


def total(store: Store, campaign_id: str, *, agents: Sequence[str] | None = None) -> Shown:
    stats = store.statistics.of_campaign(campaign_id, now=store.now(), day=None, agents=agents)
    found: Shown = stats["total"]
    return found


def test_a_campaign_is_dialled_until_nobody_is_left_to_call(store: Store) -> None:
    campaign_id = add(store, 200)
    calls = Dialler(store).advance(8 * DAY)
    counters = store.counters(campaign_id)
    assert counters["notHandled"] == counters["callable"] == 0
    assert counters["handled"] + counters["maxCalls"] == counters["total"] == 200
    assert {each["date"] for each in customers(store, campaign_id)} == {NEVER}
    assert calls == sum(each["callCount"] for each in customers(store, campaign_id))
    results = {row["result"] for row in store.results(campaign_id)}
    assert results >= {"SUCCESS", "REFUSAL", "MAXCALLS", "HANGUP", "INVALID_NUMBER"}


def test_the_clock_moves_on_by_exactly_the_time_that_was_dialled(store: Store) -> None:
    Dialler(store).advance(2 * HOUR + 0.25)
    assert store.clock.now() == NOON + timedelta(hours=2, seconds=0.25)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 367 * DAY])
def test_a_time_that_cannot_be_dialled_is_refused(store: Store, seconds: float) -> None:
    with pytest.raises(ValueError, match="0 to 31622400 seconds"):
        Dialler(store).advance(seconds)
    assert store.clock.now() == NOON


def test_only_active_campaigns_are_dialled_between_their_start_and_end(store: Store) -> None:
    silent = [
        add(store, 5, first=10, status="Passive"),
        add(store, 5, first=20, startDate="2026-11-26T00:00:00Z"),
        add(store, 5, first=30, endDate="2026-11-24T12:00:00Z"),
    ]
    dialled = add(store, 5, first=40, startDate="2026-11-24", endDate="2026-11-26")
    assert Dialler(store).advance(DAY) > 0
    assert [store.results(each) for each in silent] == [[], [], []]
    assert store.results(dialled)
    assert store.counters(silent[0]).get("loggedOn") is None
    Dialler(store).advance(DAY)
    assert store.results(silent[1])


def test_a_campaign_dials_from_its_start_to_its_end_to_the_second(store: Store) -> None:
    first, last = "2026-11-24T14:10:00Z", "2026-11-24T14:40:00Z"
    campaign_id = add(store, 500, startDate=first, endDate=last)
    assert Dialler(store).advance(8 * HOUR) > 50
    called = [each["modificationDate"] for each in customers(store, campaign_id) if each["callCount"]]
    assert "2026-11-24T14:10" <= min(called) < "2026-11-24T14:16"
    # Calls that are under way at the end are brought to theirs.
    assert "2026-11-24T14:35" < max(called) < "2026-11-24T14:50"
    assert sum(row["loginTime"] for row in store.statistics.grouped()) == pytest.approx(5 * 1800, rel=0.2)


def test_customers_are_called_by_priority_then_in_the_order_of_adding(store: Store) -> None:
    campaign_id = add(store, 0)
    for first, priority in ((0, None), (10, 2), (20, 1), (30, 2)):
        add(store, 5, first=first, campaign_id=campaign_id, priority=priority)
    called: list[str] = []
    dialler = Dialler(store)
    while len(called) < 20:
        dialler.advance(10)
        rows = customers(store, campaign_id)
        called += [
            each["externalId"] for each in rows if "result" in each and each["externalId"] not in called
        ]
    groups = [int(each) // 10 for each in called]
    assert [groups.count(group) for group in (2, 1, 3, 0)] == [5, 5, 5, 5]
    assert all(
        abs(called.index(str(number)) - place) < 5
        for place, number in enumerate([*range(20, 25), *range(10, 15), *range(30, 35), *range(5)])
    )


def test_who_is_to_be_called_later_is_not_called_earlier(store: Store) -> None:
    campaign_id = add(store, 0)
    add(store, 3, campaign_id=campaign_id, date="2026-11-24T18:00:00Z")
    assert Dialler(store).advance(5.9 * HOUR) == 0
    assert store.counters(campaign_id)["callable"] == 0
    Dialler(store).advance(0.2 * HOUR)
    assert all(each["result"] for each in customers(store, campaign_id))


def test_who_cannot_be_reached_is_called_again_at_the_next_number_up_to_four_times(store: Store) -> None:
    campaign_id = add(store, 150)
    dialler = Dialler(store)
    seen: dict[str, list[Shown]] = {}
    for _ in range(24 * 60):
        dialler.advance(60)
        for each in customers(store, campaign_id):
            history = seen.setdefault(each["externalId"], [each])
            if each["callCount"] > history[-1]["callCount"]:
                history.append(each)
    for history in seen.values():
        for before, after in pairwise(history):
            assert after["callCount"] == before["callCount"] + 1
            assert after["lastBNumber"] == before["callCount"] % 3
            assert after["modificationDate"] >= before["modificationDate"]
            if before["callCount"] and before["date"] != NEVER:
                assert before["date"] <= after["modificationDate"]
        missed = [each["callResult"] in {"BUSY", "NOANSWER"} for each in history[1:]]
        assert sum(missed) <= 4
        assert (history[-1].get("result") == "MAXCALLS") == (sum(missed) == 4)
    assert store.counters(campaign_id)["maxCalls"] > 0


def test_successes_fill_in_a_script_and_some_bring_an_amount(store: Store) -> None:
    campaign_id = add(store, 100)
    Dialler(store).advance(2 * DAY)
    for each in customers(store, campaign_id):
        shown = json.loads(store.customer(campaign_id, each["id"]) or b"")
        assert ("script" in shown) == (each["result"] == "SUCCESS")
        if "script" in shown:
            assert shown["script"]["name"]
            assert all(set(answer) == {"question", "answer"} for answer in shown["script"]["answers"])
    figures = total(store, campaign_id)
    assert 0 < figures["numberOfAmountCalls"] < figures["numberOfSuccessfulCalls"]
    assert figures["amount"] > 0


@pytest.mark.parametrize("mode", ["PREVIEW", "PROGRESSIVE"])
def test_calls_by_hand_all_belong_to_agents(store: Store, mode: str) -> None:
    campaign_id = add(store, 60, dialingMode=mode)
    Dialler(store).advance(DAY)
    rows = store.statistics.grouped(campaigns=[campaign_id])
    assert len(rows) == 5
    assert all(len(row["agentId"]) == 32 and ", " in row["agentName"] for row in rows)
    assert all(each["agentId"] for each in customers(store, campaign_id))
    assert (total(store, campaign_id)["previewTime"] > 0) == (mode == "PREVIEW")


def test_what_the_dialler_handles_alone_in_a_predictive_campaign_belongs_to_nobody(store: Store) -> None:
    campaign_id = add(store, 200, dialingMode="PREDICTIVE")
    Dialler(store).advance(2 * DAY)
    rows = store.statistics.grouped(campaigns=[campaign_id])
    (alone,) = [row for row in rows if row["agentId"] is None]
    assert alone["agentName"] is None
    for name in ("numberOfNotDialedCalls", "numberOfAbandonedCalls", "numberOfCalls"):
        assert alone[name] > 0
    for name in ("numberOfSuccessfulCalls", "numberOfHangupCalls", "loginTime", "waitTime", "talkingTime"):
        assert alone[name] == 0
    own = {"INVALID_NUMBER", "ABANDONED"}
    for each in customers(store, campaign_id):
        assert ("agentId" in each) == (each["result"] not in own and each["result"] != "MAXCALLS") or (
            each["callCount"] > 1
        )


def test_a_customers_own_mode_of_dialling_counts_before_the_campaigns(store: Store) -> None:
    campaign_id = add(store, 0, dialingMode="PREVIEW")
    add(store, 60, campaign_id=campaign_id, dialingMode="PREDICTIVE")
    Dialler(store).advance(DAY)
    assert total(store, campaign_id)["previewTime"] == 0
    assert None in {row["agentId"] for row in store.statistics.grouped(campaigns=[campaign_id])}


def test_agents_are_logged_on_while_they_work(store: Store) -> None:
    campaign_id = add(store, 50)
    assert "loggedOn" not in store.counters(campaign_id)
    Dialler(store).advance(HOUR)
    assert store.counters(campaign_id)["loggedOn"] == 5
    (campaign,) = [each for each in store.campaigns() if each.id == campaign_id]
    store.put_campaigns([msgspec.structs.replace(campaign, status="Passive")])
    Dialler(store).advance(HOUR)
    assert "loggedOn" not in store.counters(campaign_id)


def test_a_call_under_way_shows_as_dialing_and_ends_later(store: Store) -> None:
    campaign_id = add(store, 5)
    assert Dialler(store).advance(1) == 0
    assert {each["result"] for each in customers(store, campaign_id)} == {"DIALING"}
    assert store.counters(campaign_id)["notHandled"] == 5
    assert Dialler(store).advance(HOUR) >= 5
    assert "DIALING" not in {each["result"] for each in customers(store, campaign_id)}


def test_a_customer_who_is_deleted_during_the_call_is_not_missed(store: Store) -> None:
    campaign_id = add(store, 2)
    Dialler(store).advance(1)
    for each in customers(store, campaign_id):
        store.delete(campaign_id, each["id"])
    assert Dialler(store).advance(DAY) == 0
    assert total(store, campaign_id)["numberOfCalls"] == 0


def test_figures_belong_to_the_day_of_the_call(store: Store) -> None:
    campaign_id = add(store, 400)
    Dialler(store).advance(2 * DAY)
    days = [f"2026-11-{day}" for day in (24, 25, 26)]
    called = [
        sum(row["numberOfCalls"] for row in store.statistics.grouped(first_day=day, last_day=day))
        for day in days
    ]
    assert all(called)
    assert sum(called) == total(store, campaign_id)["numberOfCalls"]
    last = Counter(each["modificationDate"][:10] for each in customers(store, campaign_id))
    assert all(called[place] >= last[day] for place, day in enumerate(days))


def test_after_a_reset_the_dialler_begins_anew(store: Store) -> None:
    dialler = Dialler(store, seed=4)
    campaign_id = add(store, 20)
    dialler.advance(HOUR)
    before = outcomes(store, campaign_id)
    store.reset()
    store.put_campaigns([new_campaign("Quiet", id=PREVIEW_CAMPAIGN, status="Passive")])
    add(store, 20)
    dialler.advance(HOUR)
    assert outcomes(store, campaign_id) == before


MODES = st.sampled_from(["PREVIEW", "PROGRESSIVE", "PREDICTIVE"])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 99),
    mode=MODES,
    count=st.integers(0, 30),
    begins=st.sampled_from(["2026-11-01", "2026-11-24T12:50:00Z", "2026-11-25"]),
    cuts=st.lists(st.integers(1, 20_000), min_size=1, max_size=6),
)
def test_time_dialled_in_pieces_by_several_gives_what_one_piece_gives(
    seed: int, mode: str, count: int, begins: str, cuts: list[int]
) -> None:
    """With the same seed and the same customers; and it does not depend on the ids that the system gave."""
    whole, pieces = new_store(), new_store()
    campaign_id = add(whole, count, dialingMode=mode, startDate=begins)
    add(pieces, count, dialingMode=mode, startDate=begins)
    calls = Dialler(whole, seed=seed).advance(sum(cuts))
    assert sum(Dialler(pieces, seed=seed).advance(cut) for cut in cuts) == calls
    lasting = [each for each in outcomes(whole, campaign_id) if each[1] != "DIALING"]
    assert [each for each in outcomes(pieces, campaign_id) if each[1] != "DIALING"] == lasting
    assert whole.results(campaign_id) == pieces.results(campaign_id)
    assert whole.counters(campaign_id) == pieces.counters(campaign_id)
    assert total(whole, campaign_id)["numberOfCalls"] == total(pieces, campaign_id)["numberOfCalls"] == calls
    whole.close()
    pieces.close()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 99),
    campaigns=st.lists(st.tuples(MODES, st.integers(0, 25)), min_size=1, max_size=3),
    seconds=st.lists(st.integers(1, 40_000), min_size=1, max_size=4),
)
def test_customers_counters_and_statistics_agree(
    seed: int, campaigns: list[tuple[str, int]], seconds: list[int]
) -> None:
    store = new_store()
    ids = [add(store, count, first=100 * at, dialingMode=mode) for at, (mode, count) in enumerate(campaigns)]
    for each in seconds:
        Dialler(store, seed=seed).advance(each)
        for campaign_id in ids:
            assert_agree(store, campaign_id)
    store.close()


def assert_agree(store: Store, campaign_id: str) -> None:
    shown, counters = customers(store, campaign_id), store.counters(campaign_id)
    counted = Counter(each.get("result") for each in shown)
    by_result: Counter[object] = Counter()
    for row in store.results(campaign_id):
        by_result[row["result"]] += int(str(row["count"]))
    assert by_result == Counter({result: count for result, count in counted.items() if result})
    assert counters["total"] == len(shown)
    assert counters["total"] == sum(
        counters[name] for name in ("handled", "notHandled", "maxCalls", "filtered")
    )
    assert counters["callable"] <= counters["notHandled"]
    assert counters["maxCalls"] == counted["MAXCALLS"]
    assert counters["notHandled"] == sum(counted[result] for result in (None, *OPEN))
    assert all(each["modificationDate"] <= store.now() for each in shown)
    figures = total(store, campaign_id)
    assert figures["numberOfCalls"] == sum(each["callCount"] for each in shown)
    assert figures["numberOfHandledCustomers"] == counters["handled"]
    assert figures["numberOfCustomers"] == sum(each["callCount"] > 0 for each in shown)
    assert figures["numberOfSuccessfulCalls"] == counted["SUCCESS"] + counted["REFUSAL"]
    assert figures["numberOfRefusalCalls"] == counted["REFUSAL"]
    times = ("pauseTime", "waitTime", "previewTime", "callTime", "talkingTime", "wrapTime")
    assert figures["loginTime"] == pytest.approx(sum(figures[name] for name in times))
    rows = store.statistics.grouped(campaigns=[campaign_id])
    for name in figures.keys() - {"numberOfAgents"}:
        assert figures[name] == pytest.approx(sum(row[name] for row in rows))
    assert figures["numberOfAgents"] == len([row for row in rows if row["agentId"]])


def test_others_may_write_between_the_pieces_of_a_long_dialling(tmp_path: Path) -> None:
    ours, theirs = (Store(tmp_path / "data.db", real=lambda: NOON) for _ in range(2))
    campaign_id = add(ours, 0)
    pieces = 0
    for _ in Dialler(ours).steps(4 * HOUR):
        add(theirs, 1, first=pieces, campaign_id=campaign_id)
        pieces += 1
    assert pieces == 8
    assert theirs.now() == ours.now() == "2026-11-24T16:00:00.000Z"
    assert theirs.counters(campaign_id)["total"] == 8
    assert any(each["callCount"] for each in customers(theirs, campaign_id))
    ours.close()
    theirs.close()


def test_two_dialers_on_one_file_share_the_agents(tmp_path: Path) -> None:
    stores = [Store(tmp_path / "data.db", real=lambda: NOON) for _ in range(2)]
    campaign_id = add(stores[0], 120)
    calls = 0
    for at in range(80):
        calls += Dialler(stores[at % 2]).advance(450)
    assert_agree(stores[0], campaign_id)
    alone = new_store()
    add(alone, 120)
    assert Dialler(alone).advance(80 * 450) == calls
    for each in (*stores, alone):
        each.close()
