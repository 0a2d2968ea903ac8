"""``GET /statistics``, ``statistics=true`` of campaigns, and ``GET …/customerResultStatistics``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest

from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Simulator
from etl.simulator.statistics import Figures
from etl.simulator.store import Store

ANNA, RUI, NOBODY = "A" * 32, "B" * 32, ""
ANNA36 = "-".join(("A" * 8, "A" * 4, "A" * 4, "A" * 4, "A" * 12)).lower()
COUNTS = {
    "numberOfHandledCustomers",
    "numberOfCalls",
    "numberOfSuccessfulCalls",
    "numberOfRefusalCalls",
    "numberOfAmountCalls",
    "numberOfSkipCalls",
    "numberOfRejectCalls",
    "numberOfOperLogoutCalls",
    "numberOfNotDialedCalls",
    "numberOfHangupCalls",
    "numberOfAbandonedCalls",
    "numberOfCustomers",
}
AMOUNTS = {
    "amount",
    "loginTime",
    "pauseTime",
    "waitTime",
    "previewTime",
    "callTime",
    "talkingTime",
    "wrapTime",
}
DAY = 86400.0

Rows = list[dict[str, Any]]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(f"{simulator.base_url}/", timeout=timeout) as session:
        yield session


@pytest.fixture
def store(simulator: Simulator) -> Store:
    """With three days of calls in one campaign and one in another."""
    found = simulator._service.store
    for campaign_id, agent_id, day, calls in (
        (PREVIEW_CAMPAIGN, ANNA, "2023-05-15", 1),
        (PREVIEW_CAMPAIGN, ANNA, "2023-05-16", 2),
        (PREVIEW_CAMPAIGN, RUI, "2023-05-16", 4),
        (PREVIEW_CAMPAIGN, ANNA, "2023-05-17", 8),
        (EXAMPLE_CAMPAIGN, NOBODY, "2023-05-16", 16),
    ):
        figures = Figures(number_of_calls=calls, amount=calls / 2)
        found.statistics.add(campaign_id, agent_id=agent_id, day=day, figures=figures)
    return found


async def get(http: aiohttp.ClientSession, path: str, **query: str) -> Any:
    async with http.get(path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def refused(http: aiohttp.ClientSession, path: str, **query: str) -> str:
    async with http.get(path, params=query) as answer:
        assert answer.status == 400
        return await answer.text()


def calls(rows: Rows) -> dict[tuple[str, str | None], int]:
    return {(row["campaignId"], row["agentId"]): row["numberOfCalls"] for row in rows}


async def stats(http: aiohttp.ClientSession, **query: str) -> Any:
    """The figures of the preview campaign, alone and in the list, which must be the same."""
    query = {"statistics": "true", **query}
    alone = (await get(http, f"campaigns/{PREVIEW_CAMPAIGN}", **query)).get("stats")
    listed = [each for each in await get(http, "campaigns", **query) if each["id"] == PREVIEW_CAMPAIGN]
    assert [each.get("stats") for each in listed] == ([] if alone is None and "agentId" in query else [alone])
    return alone


# --- GET /statistics ---------------------------------------------------------------------------------------


async def test_without_calls_there_are_no_statistics(http: aiohttp.ClientSession) -> None:
    assert await get(http, "statistics") == []


@pytest.mark.parametrize(
    ("query", "sums"),
    [
        ({}, {(EXAMPLE_CAMPAIGN, None): 16, (PREVIEW_CAMPAIGN, ANNA): 11, (PREVIEW_CAMPAIGN, RUI): 4}),
        (
            {"startDate": "2023-05-16T00:00:00.000Z", "endDate": "2023-05-16T00:00:00.000Z"},
            {(EXAMPLE_CAMPAIGN, None): 16, (PREVIEW_CAMPAIGN, ANNA): 2, (PREVIEW_CAMPAIGN, RUI): 4},
        ),
        ({"startDate": "2023-05-17"}, {(PREVIEW_CAMPAIGN, ANNA): 8}),
        ({"endDate": "2023-05-15T23:59:59Z"}, {(PREVIEW_CAMPAIGN, ANNA): 1}),
        (
            {"startDate": "2023-05-17T01:00:00+02:00", "campaignId": EXAMPLE_CAMPAIGN},
            {(EXAMPLE_CAMPAIGN, None): 16},
        ),
        ({"startDate": "2023-05-18"}, {}),
        ({"startDate": "2023-05-17", "endDate": "2023-05-15"}, {}),
        ({"agentId": RUI}, {(PREVIEW_CAMPAIGN, RUI): 4}),
        ({"agentId": f"{ANNA36},{RUI}"}, {(PREVIEW_CAMPAIGN, ANNA): 11, (PREVIEW_CAMPAIGN, RUI): 4}),
        ({"campaignId": EXAMPLE_CAMPAIGN.lower()}, {(EXAMPLE_CAMPAIGN, None): 16}),
        ({"campaignId": EXAMPLE_CAMPAIGN, "agentId": ANNA}, {}),
        ({"campaignId": "0" * 32}, {}),
        ({"fieldNobodyKnows": "x", "agentId": RUI}, {(PREVIEW_CAMPAIGN, RUI): 4}),
    ],
)
async def test_figures_are_summed_over_the_days_by_campaign_and_agent(
    http: aiohttp.ClientSession, store: Store, query: dict[str, str], sums: dict[tuple[str, str | None], int]
) -> None:
    assert calls(await get(http, "statistics", **query)) == sums


async def test_a_row_has_all_that_the_document_names(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    rows = [{"numbers": "+442079460001"} for _ in range(20)]
    async with http.post(f"campaigns/{PREVIEW_CAMPAIGN}/customers/list", json=rows) as answer:
        assert answer.status == 200
    assert simulator.dial(hours=12) > 20
    for row in await get(http, "statistics"):
        assert set(row) == COUNTS | AMOUNTS | {"campaignId", "campaignName", "agentId", "agentName"}
        assert {type(row[name]) for name in COUNTS} == {int}
        assert {type(row[name]) for name in AMOUNTS} == {float}
        assert (row["campaignId"], row["campaignName"]) == (PREVIEW_CAMPAIGN, "Test Preview Campaign")
        assert row["agentId"]
        assert row["agentName"]


async def test_null_stands_for_what_was_handled_without_an_agent(
    http: aiohttp.ClientSession, store: Store
) -> None:
    (row,) = await get(http, "statistics", campaignId=EXAMPLE_CAMPAIGN)
    assert row["agentId"] is row["agentName"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"agentId": "A*"},
        {"agentId": ""},
        {"agentId": f"{ANNA},"},
        {"agentId": "null"},
        {"campaignId": "?" * 32},
        {"campaignId": "0" * 31},
        {"startDate": "today"},
        {"endDate": ""},
        {"endDate": "2023-02-30"},
    ],
)
async def test_statistics_that_cannot_be_read_are_refused(
    http: aiohttp.ClientSession, query: dict[str, str]
) -> None:
    assert (await refused(http, "statistics", **query)).startswith(f"Invalid {next(iter(query))}")


# --- statistics=true ---------------------------------------------------------------------------------------


async def test_a_campaign_shows_its_figures_to_those_who_ask(
    http: aiohttp.ClientSession, store: Store
) -> None:
    assert "stats" not in await get(http, f"campaigns/{PREVIEW_CAMPAIGN}")
    assert "stats" not in await get(http, f"campaigns/{PREVIEW_CAMPAIGN}", statistics="false")
    shown = await stats(http)
    assert set(shown) == {"total", "daily"}
    for figures, of_calls, agents in ((shown["total"], 15, 2), (shown["daily"], 0, 0)):
        assert set(figures) == COUNTS | AMOUNTS | {"numberOfAgents"}
        assert (figures["numberOfCalls"], figures["numberOfAgents"]) == (of_calls, agents)


async def test_a_campaign_that_was_never_active_has_no_figures(http: aiohttp.ClientSession) -> None:
    assert "stats" not in await get(http, f"campaigns/{EXAMPLE_CAMPAIGN}", statistics="true")
    found = await get(http, "campaigns", statistics="true")
    assert {each["id"]: "stats" in each for each in found} == {
        PREVIEW_CAMPAIGN: True,
        EXAMPLE_CAMPAIGN: False,
    }


async def test_the_figures_of_a_day_come_without_the_total(http: aiohttp.ClientSession, store: Store) -> None:
    shown = await stats(http, statisticsDate="2023-05-16T00:00:00Z")
    assert set(shown) == {"daily"}
    assert shown["daily"]["numberOfCalls"] == 6
    assert (await stats(http, statisticsDate="2023-05-14"))["daily"]["numberOfCalls"] == 0
    assert await stats(http, statisticsDate="2018-01-01") is None, "it was not registered then"
    assert await stats(http, statisticsDate="2999-01-01") is None, "that day has not come"


async def test_figures_of_agents_are_theirs_alone(http: aiohttp.ClientSession, store: Store) -> None:
    assert (await stats(http, agentId=ANNA))["total"]["numberOfCalls"] == 11
    assert (await stats(http, agentId=f"{ANNA36}, {RUI}"))["total"]["numberOfAgents"] == 2
    shown = await stats(http, agentId=RUI, statisticsDate="2023-05-16")
    assert shown["daily"]["numberOfCalls"] == 4


async def test_campaigns_without_figures_for_the_agents_are_left_out(
    http: aiohttp.ClientSession, store: Store
) -> None:
    found = await get(http, "campaigns", statistics="true", agentId=ANNA)
    assert [each["id"] for each in found] == [PREVIEW_CAMPAIGN]
    assert await get(http, "campaigns", statistics="true", agentId="C" * 32) == []
    assert await stats(http, agentId="C" * 32) is None
    assert await stats(http, agentId=RUI, statisticsDate="2023-05-17") is None


@pytest.mark.parametrize("path", ["campaigns", f"campaigns/{PREVIEW_CAMPAIGN}"])
@pytest.mark.parametrize(
    "query",
    [
        {"agentId": ANNA},
        {"statisticsDate": "2023-05-16T00:00:00Z"},
        {"statistics": "false", "agentId": ANNA},
        {"statistics": "yes"},
        {"statistics": "true", "statisticsDate": "now"},
        {"statistics": "true", "agentId": "A*"},
        {"statistics": "true", "agentId": ""},
    ],
)
async def test_figures_that_cannot_be_read_are_refused(
    http: aiohttp.ClientSession, path: str, query: dict[str, str]
) -> None:
    assert await refused(http, path, **query)


async def test_a_campaign_has_daily_figures_for_the_days_on_which_it_was_active(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    clock = simulator._service.store.clock
    days: list[datetime] = []
    for status in ("Active", "Active", "Passive", "Passive", "Active"):
        async with http.put(f"campaigns/{EXAMPLE_CAMPAIGN}/status", data=status) as answer:
            assert answer.status == 204
        days.append(clock.now())
        clock.move(DAY)
    shown = []
    for day in (days[0] - timedelta(days=1), *days, clock.now(), clock.now() + timedelta(days=1)):
        query = {"statistics": "true", "statisticsDate": f"{day:%Y-%m-%d}T00:00:00Z"}
        shown.append("stats" in await get(http, f"campaigns/{EXAMPLE_CAMPAIGN}", **query))
    # The day on which it was set to Passive is one on which it was active.
    assert shown == [False, True, True, True, False, True, True, False]
    assert "total" in (await get(http, f"campaigns/{EXAMPLE_CAMPAIGN}", statistics="true"))["stats"]


async def test_an_update_does_not_change_when_a_campaign_was_active(http: aiohttp.ClientSession) -> None:
    update = {"name": "x", "dialingMode": "PREVIEW", "queueId": "0" * 32}
    async with http.put(f"campaigns/{PREVIEW_CAMPAIGN}", json=update) as answer:
        assert answer.status == 204
    assert set(await stats(http, statisticsDate="2023-05-16")) == {"daily"}


# --- GET …/customerResultStatistics ------------------------------------------------------------------------


async def test_results_are_counted_by_result_call_result_and_classifier(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    path = f"campaigns/{PREVIEW_CAMPAIGN}/customerResultStatistics"
    assert await get(http, path) == []
    success = {"result": "SUCCESS", "callResult": "SUCCESS"}
    called = [
        {},
        {"result": "DIALING"},
        success,
        {**success, "classifier": "Offer accepted"},
        {**success, "classifier": "Offer accepted"},
        {"result": "MAXCALLS", "callResult": "BUSY"},
    ]
    customers = [
        {"externalId": str(at), "numbers": "+442079460001", **each} for at, each in enumerate(called)
    ]
    simulator.seed({"campaigns": [{"id": PREVIEW_CAMPAIGN, "customers": customers}]})
    assert await get(http, path) == [
        {"result": "DIALING", "count": 1},
        {"result": "MAXCALLS", "callResult": "BUSY", "count": 1},
        {"result": "SUCCESS", "callResult": "SUCCESS", "count": 1},
        {"result": "SUCCESS", "callResult": "SUCCESS", "classifier": "Offer accepted", "count": 2},
    ]
    async with http.get(f"campaigns/{'0' * 32}/customerResultStatistics") as answer:
        assert answer.status == 404


# --- seeded customers ---------------------------------------------------------------------------------------


async def test_what_was_called_before_the_seed_is_found_by_when_and_by_whom(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    script = {"name": "Survey", "answers": [{"question": "Again?", "answer": "yes"}]}
    called = {
        "externalId": "1",
        "numbers": "+442079460001",
        "result": "SUCCESS",
        "agentId": ANNA36,
        "date": "9999-12-31T23:59:59Z",
        "modificationDate": "2023-05-16T12:00:00Z",
        "script": script,
    }
    fresh = {"externalId": "2", "numbers": "+442079460002"}
    simulator.seed({"campaigns": [{"id": PREVIEW_CAMPAIGN, "customers": [called, fresh]}]})
    query = {"modificationDateEnd": "2023-05-17", "agentId": ANNA, "includeScript": "true"}
    (found,) = await get(http, f"campaigns/{PREVIEW_CAMPAIGN}/customers", **query)
    assert found["modificationDate"] == "2023-05-16T12:00:00.000Z"
    assert (found["externalId"], found["agentId"], found["script"]) == ("1", ANNA, script)
    with pytest.raises(ValueError, match="customer 1: not an ISO 8601 time"):
        simulator.seed(
            {"campaigns": [{"id": PREVIEW_CAMPAIGN, "customers": [called | {"modificationDate": "soon"}]}]}
        )


async def test_a_campaign_is_registered_by_the_simulators_clock(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.dial(hours=48)
    now = simulator._service.store.now()
    campaign_id = simulator.add_campaign("Spring")
    assert (await get(http, f"campaigns/{campaign_id}"))["registered"] >= now
    assert set((await get(http, f"campaigns/{campaign_id}", statistics="true"))["stats"]) == {
        "total",
        "daily",
    }
