"""Each fault does what its name says, above all to what is committed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.simulator.faults import MODES

CUSTOMERS = f"campaigns/{PREVIEW_CAMPAIGN}/customers"
LIST = f"{CUSTOMERS}/list"
TIMED = {"drip", "slow_first_byte", "racy_uniqueness"}
STATUSES = ["401", "403", "404", "405", "406", "413", "415", "429", "500", "502", "503", "504"]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


def rows(count: int = 4) -> list[dict[str, str]]:
    return [{"externalId": str(number), "numbers": f"+44207946000{number}"} for number in range(count)]


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that never resends by itself: each request here is one request there."""
    connector = aiohttp.TCPConnector(force_close=True)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(
        f"{simulator.base_url}/", connector=connector, timeout=timeout
    ) as session:
        yield session


class Reply:
    """What came back: ``status`` 0 where the connection broke."""

    def __init__(self, status: int, body: bytes = b"", headers: Any = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    @property
    def items(self) -> Any:
        return json.loads(self.body)


async def post(http: aiohttp.ClientSession, customers: object = None) -> Reply:
    try:
        body = rows() if customers is None else customers
        async with http.post(LIST, json=body, allow_redirects=False) as answer:
            return Reply(answer.status, await answer.read(), answer.headers)
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
        return Reply(0)


@pytest.mark.parametrize(
    ("mode", "status", "committed"),
    [
        *((mode, int(mode), 0) for mode in STATUSES),
        ("429_date", 429, 0),
        ("429_bare", 429, 0),
        ("429_absurd", 429, 0),
        ("302_login", 302, 0),
        ("html_200", 200, 0),
        ("html_502", 502, 0),
        ("empty_200", 200, 0),
        ("reset_before_read", 0, 0),
        ("reset_before_commit", 0, 0),
        ("reset_after_commit", 0, 4),
        ("reset_mid_body", 0, 4),
        ("reset_after_partial_commit", 0, 2),
        ("500_after_commit", 500, 4),
        ("502_after_commit", 502, 4),
        ("503_after_commit", 503, 4),
        ("504_after_commit", 504, 4),
        ("html_200_after_commit", 200, 4),
        ("html_502_after_commit", 502, 4),
        ("empty_200_after_commit", 200, 4),
        ("truncated_json", 200, 4),
        ("short_array", 200, 4),
        ("long_array", 200, 4),
        ("reordered_array", 200, 4),
        ("body_no_list", 200, 4),
        ("status_code_missing", 200, 4),
        ("status_code_string", 200, 4),
        ("id_missing", 200, 4),
        ("duplicate_ids", 200, 4),
        ("drip", 200, 4),
        ("slow_first_byte", 200, 4),
        ("racy_uniqueness", 200, 4),
        ("item_429", 200, 3),
        ("item_500", 200, 3),
        ("item_503", 200, 3),
        ("item_200", 200, 3),
    ],
)
async def test_a_fault_answers_so_and_commits_so_many(
    http: aiohttp.ClientSession, simulator: Simulator, mode: str, status: int, committed: int
) -> None:
    simulator.add_fault(mode, times=1, params={"seconds": 0} if mode in TIMED else {})
    assert (await post(http)).status == status
    assert simulator.count(PREVIEW_CAMPAIGN) == committed
    (logged,) = simulator.requests
    answered = 200 if mode == "reset_mid_body" else status
    assert (logged.fault, logged.status, logged.committed) == (mode, answered, committed)
    assert (await post(http)).status == 200
    assert simulator.count(PREVIEW_CAMPAIGN) == 4


async def test_retry_after_comes_in_every_form(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    for mode in ("429", "429_date", "429_bare", "429_absurd"):
        simulator.add_fault(mode, times=1, params={"seconds": 7})
    seconds, date, absent, absurd = [(await post(http)).headers for _ in range(4)]
    assert seconds["Retry-After"] == "7"
    wait = parsedate_to_datetime(date["Retry-After"]) - parsedate_to_datetime(date["Date"])
    assert 5 <= wait.total_seconds() <= 8
    assert "Retry-After" not in absent
    assert int(absurd["Retry-After"]) > 10**9


async def test_a_login_page_stands_behind_the_redirect(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.add_fault("302_login")
    async with http.get("campaigns") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")


@pytest.mark.parametrize("mode", ["html_200", "html_502", "504", "html_200_after_commit"])
async def test_a_gateways_page_is_html(http: aiohttp.ClientSession, simulator: Simulator, mode: str) -> None:
    simulator.add_fault(mode)
    reply = await post(http)
    assert reply.headers["Content-Type"].startswith("text/html")
    assert b"<html>" in reply.body


async def test_damaged_arrays_are_damaged_as_named(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    async def damaged(mode: str, **params: int) -> Any:
        simulator.add_fault(mode, times=1, params=params)
        return (await post(http, [{"numbers": "111"}] * 3)).items

    true = [{"statusCode": 201, "id": each["id"]} for each in await damaged("short_array")]
    assert len(true) == 2
    assert len(await damaged("long_array")) == 4
    assert isinstance(await damaged("body_no_list"), dict)
    assert [sorted(item) for item in await damaged("status_code_missing", item=1)] == [
        ["id", "statusCode"],
        ["id"],
        ["id", "statusCode"],
    ]
    assert [sorted(item) for item in await damaged("id_missing", item=9)] == [
        ["id", "statusCode"],
        ["id", "statusCode"],
        ["statusCode"],
    ]
    assert [item["statusCode"] for item in await damaged("status_code_string")] == ["201"] * 3
    assert len({item["id"] for item in await damaged("duplicate_ids")}) == 1
    reordered = await damaged("reordered_array")
    kept = [each["id"] for each in simulator.customers(PREVIEW_CAMPAIGN)][-3:]
    assert [item["id"] for item in reordered] == kept[::-1]


@pytest.mark.parametrize(("mode", "code"), [("item_500", 500), ("item_200", 200)])
async def test_one_item_fails_in_its_place(
    http: aiohttp.ClientSession, simulator: Simulator, mode: str, code: int
) -> None:
    simulator.add_fault(mode, params={"item": 2})
    assert [item["statusCode"] for item in (await post(http)).items] == [201, 201, code, 201]
    assert [each["externalId"] for each in simulator.customers(PREVIEW_CAMPAIGN)] == ["0", "1", "3"]


@pytest.mark.parametrize("mode", [name for name in MODES if not name.startswith("hang")])
async def test_no_fault_stumbles_over_an_empty_or_a_broken_request(
    http: aiohttp.ClientSession, simulator: Simulator, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    bodies: list[object] = [[], {}, "x", [5]]
    for body in bodies:
        simulator.add_fault(mode, times=1, params={"seconds": 0})
        await post(http, body)
        if not mode.startswith("500"):
            assert simulator.requests[-1].status != 500
    assert len(simulator.requests) == 4
    for method in ("GET", "POST"):
        for path in ("campaigns/unknown/customers/list", "nowhere", CUSTOMERS, "campaigns"):
            simulator.add_fault(mode, method=method, path="/", times=1, params={"seconds": 0})
            with contextlib.suppress(aiohttp.ClientError):
                async with http.request(method, path, json=rows(), allow_redirects=False) as answer:
                    await answer.read()
            assert mode.startswith("500") or simulator.requests[-1].status != 500
            assert mode in {each.fault for each in simulator.requests[-2:]}  # a GET may be sent again
            simulator.clear_faults()
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.parametrize("mode", ["413_above", "400_above"])
async def test_above_a_number_of_items_a_request_is_refused(
    http: aiohttp.ClientSession, simulator: Simulator, mode: str
) -> None:
    simulator.add_fault(mode, params={"items": 3})
    assert (await post(http, rows(4))).status == int(mode[:3])
    assert simulator.count(PREVIEW_CAMPAIGN) == 0
    assert (await post(http, rows(3))).status == 200


async def test_above_a_number_of_bytes_a_request_is_too_large(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.add_fault("413_above", params={"bytes": 200})
    assert (await post(http, rows(5))).status == 413
    assert (await post(http, rows(1))).status == 200


async def test_a_partial_commit_takes_the_first_items(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.add_fault("reset_after_partial_commit", params={"items": 3})
    assert (await post(http)).status == 0
    assert [each["externalId"] for each in simulator.customers(PREVIEW_CAMPAIGN)] == ["0", "1", "2"]


async def test_a_reset_is_a_reset_and_no_orderly_end(simulator: Simulator) -> None:
    simulator.add_fault("reset_before_commit")
    host, port = simulator.base_url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /RI/obi/campaigns HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_reset_in_mid_body_lets_the_beginning_through(simulator: Simulator) -> None:
    simulator.add_fault("reset_mid_body", params={"bytes": 5})
    host, port = simulator.base_url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /RI/obi/campaigns HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head
    assert len(await reader.readexactly(5)) == 5
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def _times_out(http: aiohttp.ClientSession) -> None:
    with pytest.raises(TimeoutError):
        async with http.post(LIST, json=rows(), timeout=aiohttp.ClientTimeout(total=0.05)):
            pass


async def _until(simulator: Simulator, requests: int) -> None:
    async with asyncio.timeout(5):
        while len(simulator.requests) < requests:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("mode", "at_timeout", "in_the_end"),
    [("hang", 0, 0), ("hang_then_commit", 0, 4), ("hang_after_commit", 4, 4)],
)
async def test_a_hang_commits_never_late_or_at_once(
    http: aiohttp.ClientSession, simulator: Simulator, mode: str, at_timeout: int, in_the_end: int
) -> None:
    simulator.add_fault(mode)
    await _times_out(http)
    assert simulator.count(PREVIEW_CAMPAIGN) == at_timeout
    simulator.release()
    await _until(simulator, 1)
    assert simulator.count(PREVIEW_CAMPAIGN) == in_the_end


async def test_a_hang_ends_by_itself(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    simulator.add_fault("hang_then_commit", params={"seconds": 0.001})
    assert (await post(http)).status == 200


async def test_stale_reads_show_nobody_for_a_while(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    customer_id = (await post(http)).items[0]["id"]
    simulator.add_fault("stale_reads", times=2)
    async with http.get(CUSTOMERS, params={"externalId": "0"}) as answer:
        assert await answer.json() == []
    async with http.get(f"{CUSTOMERS}/{customer_id}") as answer:
        assert answer.status == 404
    async with http.get(CUSTOMERS, params={"externalId": "0"}) as answer:
        assert [each["id"] for each in await answer.json()] == [customer_id]


async def ids(http: aiohttp.ClientSession) -> list[str]:
    async with http.get(CUSTOMERS) as answer:
        return [each["externalId"] for each in await answer.json()]


async def test_stale_reads_may_end_with_time(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    clock = simulator._service.store.clock
    simulator.add_fault("stale_reads", params={"seconds": 60})
    await post(http, rows(2))
    clock.move(30)
    await post(http, [{"externalId": "later", "numbers": "111"}])
    assert await ids(http) == []
    clock.move(40)
    assert await ids(http) == ["0", "1"]
    clock.move(30)
    assert await ids(http) == ["0", "1", "later"]


async def test_stale_reads_may_end_after_so_many(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    simulator.add_fault("stale_reads", params={"reads": 2})
    for added in (1, 2):
        await post(http, [{"externalId": str(added), "numbers": "111"}])
        assert [len(await ids(http)) for _ in range(4)] == [0, 0, added, added]


async def test_stale_reads_do_not_hide_what_is_refused(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    simulator.add_fault("stale_reads")
    async with http.get("campaigns/unknown/customers") as answer:
        assert answer.status == 404
    async with http.get(CUSTOMERS, params={"limit": "x"}) as answer:
        assert answer.status == 400


async def test_a_racy_uniqueness_lets_two_at_once_have_one_external_id(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    one = [{"externalId": "same", "numbers": "111"}]
    await post(http, [{"externalId": "before", "numbers": "111"}])
    simulator.clear_faults()
    simulator.add_fault("racy_uniqueness", params={"seconds": 3600})
    posts = [
        asyncio.create_task(post(http, [*one, {"externalId": "before", "numbers": "111"}])) for _ in range(2)
    ]
    async with asyncio.timeout(5):
        while simulator._service.plan.state()[0]["hits"] != 2 or not all(each.done() for each in posts):
            if simulator._service.plan.state()[0]["hits"] == 2:
                simulator.release()
            await asyncio.sleep(0.001)
    for each in posts:
        assert [item["statusCode"] for item in (await each).items] == [201, 400]
    assert [each["externalId"] for each in simulator.customers(PREVIEW_CAMPAIGN)] == [
        "before",
        "same",
        "same",
    ]
    simulator.clear_faults()
    assert (await post(http, one)).items[0]["statusCode"] == 400


@pytest.mark.parametrize("part", ["head", "body"])
async def test_a_first_byte_may_be_late(simulator: Simulator, part: str) -> None:
    simulator.add_fault("slow_first_byte", params={"seconds": 3600, "part": part})
    host, port = simulator.base_url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /RI/obi/campaigns HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    if part == "body":
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    rest = asyncio.create_task(reader.read())
    await asyncio.wait([rest], timeout=0.05)
    assert not rest.done()
    simulator.release()
    assert (await asyncio.wait_for(rest, 5)).endswith(b"]")
    writer.close()


async def test_credentials_may_expire_in_mid_run() -> None:
    async with Simulator(auth="bearer:t", faults=[Fault(mode="401", nth=[3, 4])]) as simulator:
        headers = {"Authorization": "Bearer t"}
        async with aiohttp.ClientSession(f"{simulator.base_url}/", headers=headers) as http:
            statuses = []
            for _ in range(5):
                async with http.get("campaigns") as answer:
                    statuses.append(answer.status)
                    assert answer.headers.get("WWW-Authenticate", "Bearer").startswith("Bearer")
    assert statuses == [200, 200, 401, 401, 200]


async def test_a_look_up_may_ignore_the_filter(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    await post(http)
    simulator.add_fault("filter_ignored")
    async with http.get(CUSTOMERS, params={"externalId": "nobody", "limit": "3", "offset": "1"}) as answer:
        assert [each["externalId"] for each in await answer.json()] == ["1", "2", "3"]


async def test_leaving_does_not_wait_for_what_hangs() -> None:
    async with Simulator(faults=[Fault(mode="hang")]) as simulator, aiohttp.ClientSession() as session:
        with pytest.raises(TimeoutError):
            await session.get(f"{simulator.base_url}/campaigns", timeout=aiohttp.ClientTimeout(total=0.05))
