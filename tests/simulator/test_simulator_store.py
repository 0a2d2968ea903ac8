"""The database: its versions, its clock, its order."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Dialect, Simulator
from etl.simulator.customers import Customer, draft
from etl.simulator.schema import VERSION
from etl.simulator.store import Store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NUMBER = "+442079460001"

VERSION_0 = """
CREATE TABLE campaigns (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE customers (
    number INTEGER PRIMARY KEY,
    campaign TEXT NOT NULL REFERENCES campaigns (id),
    external_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    date TEXT,
    modified TEXT NOT NULL,
    result TEXT,
    body TEXT NOT NULL,
    script TEXT,
    UNIQUE (campaign, external_id)
);
CREATE INDEX customers_by_state ON customers (campaign, result, date);
CREATE INDEX customers_by_campaign ON customers (campaign, number);
"""


def customer(external_id: str, **fields: object) -> Customer:
    posted = {"externalId": external_id, "numbers": NUMBER, **fields}
    return draft(posted, now="2026-11-01T00:00:00.000Z", dialect=Dialect())


def write_version_0(path: Path) -> list[dict[str, object]]:
    """A file as the first version left it, with three customers, who are returned as they were answered."""
    store = Store()
    campaigns = [(each.id, json.dumps(each.as_dict())) for each in store.campaigns()]
    store.insert(
        PREVIEW_CAMPAIGN,
        [customer("Ä-1", priority=5), customer("b"), customer("c", date="2027-01-01T00:00:00Z")],
    )
    rows = store._db.query("SELECT * FROM customers ORDER BY number")
    store.close()
    db = sqlite3.connect(path)
    with db:
        db.executescript(VERSION_0)
        db.executemany("INSERT INTO campaigns VALUES (?, ?)", campaigns)
        columns = ("campaign", "external_id", "id", "date", "modified", "result", "body", "script")
        db.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(10 * row["number"], *(row[name] for name in columns)) for row in rows],
        )
        db.execute('UPDATE customers SET script = \'{"name":"S","answers":[]}\' WHERE external_id = \'b\'')
    db.close()
    return [json.loads(row["body"]) for row in rows]


async def test_a_file_of_the_first_version_keeps_its_data(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    kept = write_version_0(path)
    for _ in range(2):  # moved once, then opened as it is
        async with Simulator(db=path) as simulator, aiohttp.ClientSession(f"{simulator.base_url}/") as http:
            assert simulator.customers(PREVIEW_CAMPAIGN) == kept
            customers = f"campaigns/{PREVIEW_CAMPAIGN}/customers"
            async with http.get(customers, params={"externalId": "Ä-1"}) as answer:
                assert await answer.json() == kept[:1]
            async with http.get(f"{customers}/{kept[1]['id']}") as answer:
                assert (await answer.json())["script"]["name"] == "S"
            async with http.post(customers, json={"externalId": "b", "numbers": NUMBER}) as answer:
                assert answer.status == 400
            async with http.get(f"campaigns/{PREVIEW_CAMPAIGN}") as answer:
                found = await answer.json()
                assert (found["total"], found["callable"]) == (3, 2)
            async with http.get("campaigns", params={"statistics": "true"}) as answer:
                assert ["stats" in each for each in await answer.json()] == [True, False]
        assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_file_that_was_moved_calls_by_priority(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    write_version_0(path)
    store = Store(path)
    called = store.call_list.next(PREVIEW_CAMPAIGN, at="2026-11-24T00:00:00.000Z")
    assert called is not None
    assert (called.number, called.customer.external_id) == (10, "Ä-1")
    assert store.last_number() == 30
    store.close()


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match="newer version"):
        Simulator(db=path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("name;phone\n" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Store(path)
    assert path.read_text() == "name;phone\n" * 100


def test_the_clock_is_the_real_one_and_what_it_was_moved_on_by() -> None:
    store = Store(real=lambda: NOON)
    assert store.now() == "2026-11-24T12:00:00.000Z"
    store.clock.move(3600.5)
    assert store.now() == "2026-11-24T13:00:00.500Z"
    with pytest.raises(OverflowError):
        store.clock.move(1e12)
    assert store.now() == "2026-11-24T13:00:00.500Z"
    store.reset()
    assert store.now() == "2026-11-24T12:00:00.000Z"
    store.close()


def test_the_clock_is_kept_in_the_file(tmp_path: Path) -> None:
    first, second = (Store(tmp_path / "data.db", real=lambda: NOON) for _ in range(2))
    first.clock.move(60)
    assert second.now() == "2026-11-24T12:01:00.000Z"
    first.close()
    second.close()


async def test_times_of_changes_and_who_is_callable_go_by_the_simulators_clock() -> None:
    async with Simulator() as simulator, aiohttp.ClientSession(f"{simulator.base_url}/") as http:
        store = simulator._service.store
        path = f"campaigns/{EXAMPLE_CAMPAIGN}/customers"
        later = {"numbers": NUMBER, "date": "2999-01-01T00:00:00Z"}
        async with http.post(path, json=later) as answer:
            assert answer.status == 201
        assert store.counters(EXAMPLE_CAMPAIGN)["callable"] == 0
        store.clock.move(1000 * 366 * 86400)
        assert store.counters(EXAMPLE_CAMPAIGN)["callable"] == 1
        before = store.now()
        async with http.post(path, json=later) as answer:
            assert answer.status == 201
        assert before <= simulator.customers(EXAMPLE_CAMPAIGN)[1]["modificationDate"] <= store.now()


def test_the_number_of_a_deleted_customer_is_never_given_again() -> None:
    store = Store()
    assert store.last_number() == 0
    store.insert(PREVIEW_CAMPAIGN, [customer("1"), newest := customer("2")])
    store.delete(PREVIEW_CAMPAIGN, newest.id)
    store.insert(PREVIEW_CAMPAIGN, [customer("3")])
    assert store.last_number() == 3
    store.close()


def test_a_transaction_that_fails_leaves_nothing_not_even_of_those_within_it() -> None:
    store = Store()

    def fail() -> None:
        with store.transaction():
            with store.transaction():
                store.insert(PREVIEW_CAMPAIGN, [customer("1")])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert store.bodies(PREVIEW_CAMPAIGN) == []
    store.close()
