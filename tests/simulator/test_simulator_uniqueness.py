"""One externalId, one customer: in one request and in many, between threads and between processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Dialect, Simulator
from etl.simulator.handlers import add_customers, list_customers
from etl.simulator.messages import Call
from etl.simulator.store import Store

NUMBER = "+442079460001"
IGNORING_CASE = Dialect(ids_ignore_case=True)


def customer(external_id: str) -> dict[str, str]:
    return {"externalId": external_id, "numbers": NUMBER}


def post(
    store: Store, *external_ids: str, campaign: str = PREVIEW_CAMPAIGN, **call: Any
) -> tuple[int | None, ...]:
    """The status codes of the items of one request."""
    body = json.dumps([customer(each) for each in external_ids]).encode()
    answer = add_customers(store, Call(method="POST", path="", campaign=campaign, body=body, **call))
    return tuple(item["statusCode"] for item in json.loads(answer.body))


async def test_of_fifty_concurrent_posts_of_one_id_exactly_one_is_created() -> None:
    connector = aiohttp.TCPConnector(limit=50)
    async with (
        Simulator() as simulator,
        aiohttp.ClientSession(f"{simulator.base_url}/", connector=connector) as http,
    ):
        path = f"campaigns/{PREVIEW_CAMPAIGN}/customers"

        async def single(_number: int) -> int:
            async with http.post(path, json=customer("007"), headers={"Accept": "text/html"}) as answer:
                return answer.status

        async def listed(_number: int) -> int:
            async with http.post(f"{path}/list", json=[customer("008")]) as answer:
                return int((await answer.json())[0]["statusCode"])

        for each in (single, listed):
            statuses = Counter(await asyncio.gather(*map(each, range(50))))
            assert statuses == {201: 1, 400: 49}
        assert simulator.count(PREVIEW_CAMPAIGN) == 2


def test_between_threads_an_id_is_given_once() -> None:
    store = Store()
    start = threading.Barrier(8)
    codes: list[int | None] = []

    def load() -> None:
        start.wait()
        for number in range(25):
            codes.extend(post(store, str(number)))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert Counter(codes) == {201: 25, 400: 175}
    store.close()


PROCESS = """
import json, sys
from etl.simulator.handlers import add_customers
from etl.simulator.messages import Call
from etl.simulator.store import Store

path, campaign = sys.argv[1:]
store = Store(path)
print("ready", flush=True)
sys.stdin.readline()
created = 0
for number in range(100):
    body = json.dumps([{"externalId": str(number), "numbers": "+442079460001"}]).encode()
    created += add_customers(store, Call(method="POST", path="", campaign=campaign, body=body)).committed
print(created)
"""


def test_between_processes_on_one_file_an_id_is_given_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "data.db"), PREVIEW_CAMPAIGN]
    pipe = subprocess.PIPE
    loaders = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for each in loaders:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in loaders:  # both are released before either is waited for
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    created = [int(each.communicate(timeout=30)[0]) for each in loaders]
    assert sum(created) == 100
    store = Store(tmp_path / "data.db")
    assert store.counters(PREVIEW_CAMPAIGN)["total"] == 100
    store.close()


def test_an_id_may_stand_in_two_campaigns_unless_it_is_unique_in_the_system() -> None:
    for dialect, second in ((Dialect(), 201), (Dialect(unique="system"), 400)):
        store = Store(dialect=dialect)
        assert post(store, "007") == (201,)
        assert post(store, "007", campaign=EXAMPLE_CAMPAIGN) == (second,)
        store.close()


@pytest.mark.parametrize("unique", ["campaign", "system"])
def test_ids_that_differ_in_case_are_two_unless_the_dialect_ignores_it(unique: Any) -> None:
    store = Store(dialect=Dialect(unique=unique))
    assert post(store, "Straße", "STRASSE", "straße") == (201, 201, 201)
    store.close()
    store = Store(dialect=Dialect(unique=unique, ids_ignore_case=True))
    assert post(store, "Straße", "other") == (201, 201)
    assert post(store, "STRASSE", "OTHER", "new", "NEW") == (400, 400, 201, 400)
    store.close()


@pytest.mark.parametrize(
    ("dialect", "ids"),
    [(Dialect(), ["Abc"]), (IGNORING_CASE, ["Abc"]), (Dialect(unique="system"), ["Abc"])],
)
def test_an_id_is_found_as_it_was_written(dialect: Dialect, ids: list[str]) -> None:
    store = Store(dialect=dialect)
    post(store, "Abc")
    assert found(store, "Abc") == ids
    assert found(store, "A*") == ids
    store.close()


def test_where_case_is_ignored_searches_ignore_it_too() -> None:
    store = Store()
    post(store, "Abc", "ABC", "Äb")
    assert found(store, "abc") == []
    assert found(store, "a*") == []
    store.close()
    store = Store(dialect=IGNORING_CASE)
    post(store, "Abc", "Äb")
    assert found(store, "aBC") == ["Abc"]
    assert found(store, "äB") == ["Äb"]
    assert found(store, "?B*") == ["Abc", "Äb"]
    store.close()


def found(store: Store, external_id: str) -> list[str]:
    query = {"externalId": external_id}
    answer = list_customers(store, Call(method="GET", path="", campaign=PREVIEW_CAMPAIGN, query=query))
    return [each["externalId"] for each in json.loads(answer.body)]


@pytest.mark.parametrize(
    ("dialect", "stop", "codes"),
    [
        (Dialect(), False, (201, 201, 400, 201)),
        (Dialect(duplicates="none"), False, (201, 400, 400, 201)),
        (Dialect(), True, (200, 400, 400, 200)),
        (Dialect(duplicates="none"), True, (200, 400, 400, 200)),
        (Dialect(duplicates="none", ids_ignore_case=True), False, (201, 400, 400, 400)),
    ],
)
def test_which_copy_in_one_request_is_created_is_a_matter_of_the_dialect(
    dialect: Dialect, *, stop: bool, codes: tuple[int, ...]
) -> None:
    store = Store(dialect=dialect)
    query = {"stopProcessIfInvalidEntriesFound": str(stop).lower()}
    copies = ("1", "a", "a", "A" if not stop else "2")
    assert post(store, *copies, query=query) == codes
    store.close()


def test_a_check_as_of_an_earlier_customer_does_not_see_those_after_it() -> None:
    store = Store()
    post(store, "1")
    seen = store.last_number()
    post(store, "2")
    assert post(store, "1", "2", as_of=seen) == (400, 201)
    assert post(store, "1", "2", as_of=0) == (201, 201)
    assert post(store, "1", "2") == (400, 400)
    assert store.counters(PREVIEW_CAMPAIGN)["total"] == 5
    store.close()


def test_a_deleted_customers_id_is_free_again() -> None:
    store = Store()
    assert post(store, "1") == (201,)
    (body,) = store.bodies(PREVIEW_CAMPAIGN)
    store.delete(PREVIEW_CAMPAIGN, json.loads(body)["id"])
    assert post(store, "1") == (201,)
    store.close()
