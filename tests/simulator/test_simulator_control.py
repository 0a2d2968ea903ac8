"""The control plane: what is told to the simulator, and asked of it, over HTTP."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from etl.simulator import PREVIEW_CAMPAIGN, Simulator, database, openapi

ROWS = [{"externalId": str(number), "numbers": f"+44207946000{number}"} for number in range(4)]
SEED = {
    "campaigns": [
        {
            "name": "Spring",
            "customers": [{"externalId": "10", "numbers": "0215428754"}, {"numbers": "111;222"}],
        },
        {"id": PREVIEW_CAMPAIGN, "customers": [{"externalId": "x", "numbers": "333"}]},
    ]
}
BROKEN_SEED = {"campaigns": [{"name": "A", "customers": [{"numbers": "x"}]}]}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def control(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(f"{simulator.control_url}/", timeout=timeout) as session:
        yield session


async def test_the_control_plane_does_it_all_over_http(simulator: Simulator) -> None:
    async with (
        aiohttp.ClientSession(f"{simulator.control_url}/") as control,
        aiohttp.ClientSession(f"{simulator.base_url}/") as http,
    ):
        async with control.post("faults", json={"mode": "504_after_commit", "nth": 1}) as answer:
            assert answer.status == 201
        async with control.post("campaigns", json={"name": "Spring", "timeZone": "Europe/Rome"}) as answer:
            assert answer.status == 201
            spring = (await answer.json())["id"]
        async with http.post(f"campaigns/{spring}/customers/list?x=1", json=ROWS) as answer:
            assert answer.status == 504
        async with control.get("requests") as answer:
            (logged,) = await answer.json()
            assert logged.pop("time") <= simulator._service.store.now()
            assert logged == {
                "number": 1,
                "method": "POST",
                "path": f"/RI/obi/campaigns/{spring}/customers/list",
                "query": "x=1",
                "accept": "*/*",
                "content_type": "application/json",
                "status": 504,
                "answer_type": "text/html",
                "committed": 4,
                "fault": "504_after_commit",
            }
        async with control.get("faults") as answer:
            (rule,) = await answer.json()
            assert (rule["fault"]["mode"], rule["seen"], rule["hits"]) == ("504_after_commit", 1, 1)
        async with control.delete("faults") as answer:
            assert answer.status == 204
        async with control.post("reset") as answer:
            assert answer.status == 204
        assert simulator.requests == []
        async with http.get(f"campaigns/{spring}") as answer:
            assert answer.status == 404


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"mode": "x"}', b'{"mode": "503", "x": 1}', b"5", b"[5]"])
async def test_the_control_plane_refuses_what_it_cannot_read(simulator: Simulator, body: bytes) -> None:
    async with aiohttp.ClientSession(f"{simulator.control_url}/") as control:
        for path in ("faults", "campaigns"):
            async with control.post(path, data=body) as answer:
                assert answer.status == 400
                assert await answer.text()


async def test_the_control_plane_lists_itself(simulator: Simulator, control: aiohttp.ClientSession) -> None:
    async with control.get("") as answer:
        listed = await answer.json()
    assert {each["path"].removeprefix("/_sim/") for each in listed} == {
        "",
        "faults",
        "requests",
        "campaigns",
        "seed",
        "dial",
        "release",
        "reset",
        "openapi.json",
        "login",
    }
    for each in listed:
        if each["method"] == "GET":
            async with control.get(each["path"]) as answer:
                assert answer.status == 200
    assert simulator.requests == []


async def test_a_seed_may_come_over_http(simulator: Simulator, control: aiohttp.ClientSession) -> None:
    for added in (3, 0):
        async with control.post("seed", json=SEED) as answer:
            assert (answer.status, await answer.json()) == (201, {"customers": added})
    for body in (b"", b"{", b"[]", json.dumps(BROKEN_SEED).encode(), b"[" * 10**5):
        async with control.post("seed", data=body) as answer:
            assert answer.status == 400
            assert await answer.text()
    async with control.post("reset") as answer:
        assert answer.status == 204
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_the_log_goes_on_from_a_number(simulator: Simulator, control: aiohttp.ClientSession) -> None:
    async with aiohttp.ClientSession(f"{simulator.base_url}/") as http:
        for _ in range(3):
            await (await http.get("campaigns")).read()
    for since, numbers in (("", [1, 2, 3]), ("?since=0", [1, 2, 3]), ("?since=2", [3]), ("?since=9", [])):
        async with control.get(f"requests{since}") as answer:
            assert [each["number"] for each in await answer.json()] == numbers
    for since in ("x", "-1", ""):
        async with control.get(f"requests?since={since}") as answer:
            assert answer.status == 400


async def test_the_description_is_served_where_one_looks_for_it(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = simulator.base_url.removesuffix("/RI/obi")
    description = openapi.description()
    assert description is not None
    async with aiohttp.ClientSession() as http:
        for path in ("/openapi.json", "/RI/obi/openapi.json", "/_sim/openapi.json"):
            async with http.get(root + path) as answer:
                assert (answer.status, answer.content_type) == (200, "application/json")
                assert await answer.read() == description
        monkeypatch.setattr("importlib.resources.files", lambda _package: tmp_path / "etl")
        async with http.get(f"{root}/openapi.json") as answer:
            assert (answer.status, await answer.text()) == (404, "This installation has no openapi.json")
        shipped = tmp_path / "etl" / "_assets" / "schemas"
        shipped.mkdir(parents=True)
        (shipped / "openapi.json").write_text("{}")
        async with http.get(f"{root}/openapi.json") as answer:
            assert (answer.status, await answer.json()) == (200, {})


@pytest.mark.parametrize("path", ["seed", "campaigns", "dial", "reset"])
async def test_a_database_that_another_program_holds_is_503_on_the_control_plane_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.01)
    bodies = {"seed": SEED, "campaigns": {"name": "Spring"}, "dial": {}, "reset": {}}
    async with (
        Simulator(db=tmp_path / "data") as simulator,
        aiohttp.ClientSession(f"{simulator.control_url}/") as control,
    ):
        with contextlib.closing(sqlite3.connect(tmp_path / "data", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with control.post(path, json=bodies[path]) as answer:
                assert (answer.status, await answer.text()) == (503, "The database is busy")
