from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Simulator
from etl.simulator.handlers import put_campaign
from etl.simulator.messages import Call, Refusal
from etl.simulator.store import Store

ID36 = "62718C78-89CC-44F7-B944-C1A6F6BE9B7F"
COUNTERS = ("total", "handled", "notHandled", "callable", "maxCalls", "filtered")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(f"{simulator.base_url}/", timeout=timeout) as session:
        yield session


async def campaigns(http: aiohttp.ClientSession, **query: str) -> list[str]:
    async with http.get("campaigns", params=query) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "application/json"
        return [each["name"] for each in await answer.json()]


async def campaign(http: aiohttp.ClientSession, campaign_id: str = PREVIEW_CAMPAIGN) -> dict[str, Any]:
    async with http.get(f"campaigns/{campaign_id}") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def test_a_new_database_has_the_documents_campaigns_and_nobody_in_them(
    http: aiohttp.ClientSession,
) -> None:
    assert sorted(await campaigns(http)) == ["Test Campaign", "Test Preview Campaign"]
    for campaign_id in (EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN):
        assert [(await campaign(http, campaign_id))[name] for name in COUNTERS] == [0] * 6


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"name": "Test Campaign"}, ["Test Campaign"]),
        ({"name": "Test*"}, ["Test Preview Campaign", "Test Campaign"]),
        ({"name": "Test ?ampaign"}, ["Test Campaign"]),
        ({"name": "test*"}, []),
        ({"name": "Test"}, []),
        ({"name": "[T]est*"}, []),
        ({"dialingMode": "PRE*", "status": "Passive"}, ["Test Campaign"]),
        ({"total": "0", "timeZone": "Europe/*"}, ["Test Campaign"]),
        ({"queueId": "63aa93f4-93a5-4c5a-8597-fcfa670b2382"}, ["Test Preview Campaign", "Test Campaign"]),
        ({"dialerId": "0" * 32}, []),
        ({"startDate": "2020-12-20T21:59:59Z"}, ["Test Campaign"]),
        ({"startDate": "2020-12-20T22:00:00Z"}, []),
        ({"endDateEnd": "2021-02-21T00:00:00.000Z"}, ["Test Campaign"]),
        ({"registered": "2020-01-01T00:00:00", "registeredEnd": "2021-01-01"}, ["Test Campaign"]),
        ({"statistics": "true"}, ["Test Preview Campaign", "Test Campaign"]),
        ({"statistics": "true", "agentId": "0" * 32}, []),
        ({"fieldNobodyKnows": "x"}, ["Test Preview Campaign", "Test Campaign"]),
        ({"timeZone": "*"}, ["Test Campaign"]),
        ({"customIvrNumber": "*"}, []),
        ({"dialerName": "Queue*", "queueName": "Test ?ueue"}, ["Test Campaign"]),
        ({"dialerStatus": "O*"}, ["Test Preview Campaign"]),
        ({"handled": "0", "maxCalls": "?", "filtered": "*"}, ["Test Preview Campaign", "Test Campaign"]),
        ({"total": "00"}, []),
        ({"total": "9" * 400}, []),
        ({"dialerId": "88b8b41c-99e6-484a-94f4-02ea5e465fc5", "name": "*P*"}, ["Test Preview Campaign"]),
        ({"startDateEnd": "2020-12-20T22:00:00.001Z"}, ["Test Campaign"]),
        ({"endDate": "2021-02-20T22:00:00Z"}, []),
        ({"name": "*" * 3000 + "Preview Campaign"}, ["Test Preview Campaign"]),
        ({"id": "x", "notHandled": "7", "remarks": "x"}, ["Test Preview Campaign", "Test Campaign"]),
    ],
)
async def test_campaigns_are_searched_by_their_fields(
    http: aiohttp.ClientSession, query: dict[str, str], found: list[str]
) -> None:
    assert await campaigns(http, **query) == found


@pytest.mark.parametrize(
    "query",
    [
        {"queueId": "63AA*"},
        {"startDate": "yesterday"},
        {"statistics": "maybe"},
        {"agentId": "0" * 32},
        {"statisticsDate": "2023-05-16T00:00:00Z"},
        {"dialerId": ""},
        {"dialerId": "88B8B41C99E6484A94F402EA5E465FC?"},
        {"registeredEnd": "2023-05-16T25:00:00Z"},
        {"name": "a\0"},
    ],
)
async def test_a_query_that_cannot_be_read_is_refused(
    http: aiohttp.ClientSession, query: dict[str, str]
) -> None:
    async with http.get("campaigns", params=query) as answer:
        assert answer.status == 400
        assert await answer.text()


@pytest.mark.parametrize("written", [PREVIEW_CAMPAIGN, PREVIEW_CAMPAIGN.lower(), ID36, ID36.lower()])
async def test_an_id_may_be_written_as_id32_or_id36(http: aiohttp.ClientSession, written: str) -> None:
    assert (await campaign(http, written))["id"] == PREVIEW_CAMPAIGN


@pytest.mark.parametrize(
    "call",
    [
        "GET",
        "PUT",
        "PUT /status",
        "GET /customerResultStatistics",
        "GET /customers",
        "POST /customers",
        "POST /customers/list",
        f"GET /customers/{PREVIEW_CAMPAIGN}",
        f"DELETE /customers/{PREVIEW_CAMPAIGN}",
    ],
)
@pytest.mark.parametrize("unknown", ["0" * 32, "nothing-like-an-id"])
async def test_an_unknown_campaign_is_not_found(http: aiohttp.ClientSession, call: str, unknown: str) -> None:
    method, _, path = call.partition(" ")
    body: dict[str, Any] = {"data": "Active"} if path == "/status" else {"json": []}
    sent = body if method in {"PUT", "POST"} else {}
    async with http.request(method, f"campaigns/{unknown}{path}", **sent) as got:
        assert (got.status, got.content_type) == (404, "text/plain")
        assert await got.text() == "Campaign not found"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("unknown", ["0" * 32, "nothing-like-an-id"])
async def test_an_unknown_customer_is_not_found(
    http: aiohttp.ClientSession, method: str, unknown: str
) -> None:
    async with http.request(method, f"campaigns/{PREVIEW_CAMPAIGN}/customers/{unknown}") as got:
        assert (got.status, await got.text()) == (404, "Customer not found")


async def test_the_status_is_set_by_plain_text(http: aiohttp.ClientSession) -> None:
    async with http.put(f"campaigns/{PREVIEW_CAMPAIGN}/status", data="Passive") as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    changed = await campaign(http)
    assert (changed["status"], changed["dialerStatus"]) == ("Passive", "PASSIVE")


async def test_spaces_around_a_status_do_not_count(http: aiohttp.ClientSession) -> None:
    async with http.put(f"campaigns/{PREVIEW_CAMPAIGN}/status", data=" Passive\r\n") as answer:
        assert answer.status == 204
    assert (await campaign(http))["status"] == "Passive"


@pytest.mark.parametrize("status", ["Handled", "active", '"Active"', "", "\xff"])
async def test_no_other_status_can_be_set(http: aiohttp.ClientSession, status: str) -> None:
    body = status.encode("latin-1")
    headers = {"Content-Type": "text/plain"}
    async with http.put(f"campaigns/{PREVIEW_CAMPAIGN}/status", data=body, headers=headers) as answer:
        assert answer.status == 400
    assert (await campaign(http))["status"] == "Active"


REQUIRED: dict[str, Any] = {"name": "Renamed", "dialingMode": "PREDICTIVE", "queueId": "0" * 32}
OPTIONAL: dict[str, Any] = {
    "remarks": "spring",
    "customIvrNumber": "100",
    "startDate": "2027-01-01T00:00:00Z",
    "endDate": "2027-02-01T00:00:00.500Z",
    "timeZone": "Europe/Rome",
    "abandonRate": 0.5,
    "increasePredictiveRatio": 100.0,
}


async def update(http: aiohttp.ClientSession, body: object) -> int:
    async with http.put(f"campaigns/{EXAMPLE_CAMPAIGN}", json=body) as answer:
        text = await answer.text()
        assert bool(text) == (answer.status == 400)
        return answer.status


async def test_an_update_replaces_every_field_that_can_be_set(http: aiohttp.ClientSession) -> None:
    before = await campaign(http, EXAMPLE_CAMPAIGN)
    assert await update(http, REQUIRED | OPTIONAL) == 204
    full = await campaign(http, EXAMPLE_CAMPAIGN)
    assert full == before | REQUIRED | OPTIONAL
    assert await update(http, REQUIRED | {"remarks": None}) == 204
    assert await campaign(http, EXAMPLE_CAMPAIGN) == {
        name: value for name, value in full.items() if name not in OPTIONAL
    }


async def test_an_update_takes_ids_and_times_in_any_form_and_shows_them_in_one(
    http: aiohttp.ClientSession,
) -> None:
    forms = {"queueId": ID36.lower(), "startDate": "2027-01-01", "endDate": "2027-02-01T02:00:00+02:00"}
    assert await update(http, REQUIRED | forms) == 204
    changed = await campaign(http, EXAMPLE_CAMPAIGN)
    assert changed["queueId"] == PREVIEW_CAMPAIGN
    assert changed["startDate"] == "2027-01-01T00:00:00Z"
    assert changed["endDate"] == "2027-02-01T00:00:00Z"


async def test_what_is_the_systems_and_what_nobody_knows_is_ignored_in_an_update(
    http: aiohttp.ClientSession,
) -> None:
    before = await campaign(http, EXAMPLE_CAMPAIGN)
    system = {"id": "0" * 32, "dialerId": "1" * 32, "status": "Active", "registered": "soon", "total": 7}
    assert await update(http, before | system | {"name": "Renamed", "colour": "red", "stats": []}) == 204
    assert await campaign(http, EXAMPLE_CAMPAIGN) == before | {"name": "Renamed"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "needs a name"),
        ({"name": 5}, "name"),
        ({"dialingMode": "MANUAL"}, "dialingMode"),
        ({"queueId": "q"}, "queueId is neither id32 nor id36"),
        ({"queueId": "0" * 31 + "*"}, "queueId"),
        ({"startDate": "soon"}, "startDate is not an ISO 8601 time"),
        ({"endDate": ""}, "endDate"),
        ({"endDate": "2027-02-30T00:00:00Z"}, "endDate"),
        ({"timeZone": "EST5"}, "timeZone"),
        ({"timeZone": ""}, "timeZone"),
        ({"abandonRate": 2.01}, "abandonRate is a number from 0 to 2"),
        ({"abandonRate": -0.1}, "abandonRate"),
        ({"abandonRate": "1.0"}, "abandonRate"),
        ({"increasePredictiveRatio": 100.5}, "increasePredictiveRatio is a number from 0 to 100"),
        ({"increasePredictiveRatio": 10**400}, ""),
        ({"remarks": ["x"]}, "remarks"),
    ],
)
async def test_an_update_that_breaks_the_rules_changes_nothing_and_is_told_why(
    http: aiohttp.ClientSession, wrong: dict[str, Any], reason: str
) -> None:
    before = await campaign(http, EXAMPLE_CAMPAIGN)
    async with http.put(f"campaigns/{EXAMPLE_CAMPAIGN}", json=REQUIRED | wrong) as answer:
        assert answer.status == 400
        assert reason in await answer.text()
    assert await campaign(http, EXAMPLE_CAMPAIGN) == before


@pytest.mark.parametrize("missing", list(REQUIRED))
async def test_an_update_without_a_required_field_is_refused(
    http: aiohttp.ClientSession, missing: str
) -> None:
    assert await update(http, {name: value for name, value in REQUIRED.items() if name != missing}) == 400
    assert await update(http, []) == 400
    assert await update(http, None) == 400


def test_in_an_update_from_xml_numbers_are_text() -> None:
    store = Store()
    body = msgspec.json.encode(REQUIRED | {"abandonRate": "1.5"})
    call = Call(method="PUT", path="", campaign=EXAMPLE_CAMPAIGN, body=body)
    with pytest.raises(Refusal):
        put_campaign(store, call)
    assert put_campaign(store, msgspec.structs.replace(call, loose=True)).status == 204
    changed = store.campaign(EXAMPLE_CAMPAIGN)
    assert changed is not None
    assert changed.abandon_rate == 1.5
    store.close()


async def test_counters_move_with_customers(http: aiohttp.ClientSession) -> None:
    path = f"campaigns/{PREVIEW_CAMPAIGN}/customers"
    posted: list[dict[str, str]] = [
        {"numbers": "+442079460001"},
        {"numbers": "+442079460002", "date": "2999-01-01T00:00:00Z"},
        {"numbers": "+442079460003", "date": "2001-01-01T00:00:00Z"},
    ]
    async with http.post(f"{path}/list", json=posted) as answer:
        ids = [item["id"] for item in await answer.json()]
    now = await campaign(http)
    assert [now[name] for name in COUNTERS] == [3, 0, 3, 2, 0, 0]
    async with http.delete(f"{path}/{ids[0]}") as answer:
        assert answer.status == 204
    now = await campaign(http)
    assert [now[name] for name in COUNTERS] == [2, 0, 2, 1, 0, 0]
    assert (await campaign(http, EXAMPLE_CAMPAIGN))["total"] == 0


async def test_counters_are_disjoint_and_sum_to_the_total(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    results = [None, "DIALING", "BUSY", "SUCCESS", "REFUSAL", "MAXCALLS", "FILTERED"]
    rows = [{"externalId": str(at), "numbers": "+442079460001"} for at in range(len(results))]
    async with http.post(f"campaigns/{PREVIEW_CAMPAIGN}/customers/list", json=rows) as answer:
        assert answer.status == 200
    update = "UPDATE customers SET result = ? WHERE external_id = ?"
    for at, result in enumerate(results):
        simulator._service.store._db.execute(update, (result, str(at)))
    now = await campaign(http)
    assert [now[name] for name in COUNTERS] == [7, 2, 3, 3, 1, 1]
    assert await asyncio.to_thread(simulator.count, PREVIEW_CAMPAIGN) == 7


async def test_a_method_that_is_not_offered_is_refused(http: aiohttp.ClientSession) -> None:
    for method, path in (("POST", "campaigns"), ("PUT", f"campaigns/{PREVIEW_CAMPAIGN}/customers")):
        async with http.request(method, path, json={}) as answer:
            assert answer.status == 405


async def test_every_answer_tells_the_servers_time(http: aiohttp.ClientSession) -> None:
    for path in ("campaigns", "campaigns/none", f"campaigns/{PREVIEW_CAMPAIGN}/customers"):
        async with http.get(path) as answer:
            assert answer.headers["Date"]


async def test_basic_authorisation_is_asked_for_where_it_is_set() -> None:
    async with Simulator(auth="basic:loader:pass:word") as simulator, aiohttp.ClientSession() as session:
        url = f"{simulator.base_url}/campaigns"
        for header in ({}, {"Authorization": "Bearer abc"}, {"Authorization": "Basic é"}):
            async with session.get(url, headers=header) as answer:
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"].startswith("Basic")
        good = {"Authorization": f"Basic {base64.b64encode(b'loader:pass:word').decode()}"}
        async with session.get(url, headers=good) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("auth", ["loader:password", "digest:x:y", "basic:loader"])
def test_an_authorisation_that_cannot_be_read_is_told(auth: str) -> None:
    with pytest.raises(ValueError, match="basic:USER:PASSWORD"):
        Simulator(auth=auth)


async def test_a_file_keeps_its_data(tmp_path: Path) -> None:
    path = tmp_path / "simulator.db"
    async with Simulator(db=path) as simulator, aiohttp.ClientSession(f"{simulator.base_url}/") as http:
        added = simulator.add_campaign("Spring", dialingMode="PREDICTIVE")
        async with http.post(f"campaigns/{added}/customers", json={"numbers": "+442079460001"}) as answer:
            assert answer.status == 201
    async with Simulator(db=path) as simulator, aiohttp.ClientSession(f"{simulator.base_url}/") as http:
        assert simulator.count(added) == 1
        assert sorted(await campaigns(http)) == ["Spring", "Test Campaign", "Test Preview Campaign"]


async def test_an_added_campaign_takes_the_interfaces_fields(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="dialingMode"):
        simulator.add_campaign("x", dialingMode="MANUAL")
    with pytest.raises(ValueError, match="unknown field"):
        simulator.add_campaign("x", colour="red")
