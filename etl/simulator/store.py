"""The simulator's campaigns and customers, in SQLite.

Every method runs to its end on the caller's thread. In the event loop that makes a call atomic without
further ado, and costs less than handing each statement to a thread would: a hundred customers are stored
in about a millisecond. Between threads, and between processes on one file, ``transaction`` is what makes
several calls one: what is looked at within it stays so until its end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import msgspec

from etl.simulator import schema, values
from etl.simulator.calling import CallList
from etl.simulator.campaigns import Campaign, examples
from etl.simulator.clock import Clock, real_time
from etl.simulator.customers import Customer
from etl.simulator.database import Database
from etl.simulator.dialect import Dialect
from etl.simulator.search import CustomerSearch
from etl.simulator.statistics import Statistics

# The states are disjoint; their sum is the total.
_COUNTERS = """
SELECT state, count(*) AS customers, count(*) FILTER (WHERE date IS NULL OR date <= ?) AS due
FROM customers WHERE campaign = ? GROUP BY state
"""
_RESULTS = """
SELECT result, json_extract(body, '$.callResult') AS callResult,
    json_extract(body, '$.classifier') AS classifier, count(*) AS count
FROM customers WHERE campaign = ? AND result IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class Store:
    """Campaigns and customers in the database at ``path``; one that is new holds the example campaigns.

    ``clock`` is its own, ahead of ``real`` time. ``statistics`` has what was dialled, and
    ``call_list`` what the dialler needs. Raises sqlite3.Error where the database can't be opened, or was
    written by a newer version.
    """

    def __init__(
        self,
        path: Path | str = ":memory:",
        *,
        dialect: Dialect | None = None,
        real: Callable[[], datetime] = real_time,
    ) -> None:
        self.dialect = dialect or Dialect()
        self._db = Database(path)
        self.clock = Clock(self._db, real)
        self.statistics = Statistics(self._db)
        self.call_list = CallList(self._db)
        try:
            schema.prepare(self._db)
            with self.transaction():
                if not self.campaigns():
                    self.put_campaigns(examples())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the database; the data of ``:memory:`` are gone then."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """All of the block is committed on leaving it, or nothing where it raises; nobody else writes."""
        return self._db.transaction()

    def now(self) -> str:
        """The present time by the simulator's clock, as ``values.instant`` writes it."""
        return values.written(self.clock.now())

    def last_number(self) -> int:
        """The number of the newest customer, 0 where there was none."""
        rows = self._db.query("SELECT seq FROM sqlite_sequence WHERE name = 'customers'")
        return rows[0]["seq"] if rows else 0

    def campaigns(self) -> list[Campaign]:
        """All campaigns, the first registered first."""
        found = [
            msgspec.json.decode(row["body"], type=Campaign)
            for row in self._db.query("SELECT body FROM campaigns")
        ]
        return sorted(found, key=lambda each: (values.instant(each.registered), each.id))

    def campaign(self, campaign_id: str) -> Campaign | None:
        """The campaign of this id (id32, upper case)."""
        rows = self._db.query("SELECT body FROM campaigns WHERE id = ?", (campaign_id,))
        return msgspec.json.decode(rows[0]["body"], type=Campaign) if rows else None

    def put_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Add the campaigns, or replace those of the same ids.

        One that is added as active has been so since it was registered.
        """
        with self.transaction():
            now = self.now()
            for each in campaigns:
                since = now if self.campaign(each.id) else min(now, values.instant(each.registered))
                self._db.execute(
                    "INSERT INTO campaigns VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                    (each.id, msgspec.json.encode(each.as_dict()).decode()),
                )
                self.statistics.note_status(each.id, active=each.status == "Active", since=since)

    def counters(self, campaign_id: str) -> dict[str, int]:
        """The six counters of its customers at this moment, ``total`` first.

        While agents are logged on to the campaign, ``loggedOn`` counts them.
        """
        counters = {"total": 0, "handled": 0, "notHandled": 0, "callable": 0, "maxCalls": 0, "filtered": 0}
        for row in self._db.query(_COUNTERS, (self.now(), campaign_id)):
            counters["total"] += row["customers"]
            counters[row["state"]] = row["customers"]
            if row["state"] == "notHandled":
                counters["callable"] = row["due"]
        if logged_on := self.call_list.logged_on(campaign_id):
            counters["loggedOn"] = logged_on
        return counters

    def results(self, campaign_id: str) -> list[dict[str, object]]:
        """How many of its customers have each ``result``, ``callResult`` and ``classifier``.

        The last two may be missing. Those without a result do not count.
        """
        return [
            {
                name: row[name]
                for name in ("result", "callResult", "classifier", "count")
                if row[name] is not None
            }
            for row in self._db.query(_RESULTS, (campaign_id,))
        ]

    def key(self, external_id: str) -> str:
        """What two externalIds have in common if they are the same in this dialect."""
        return external_id.casefold() if self.dialect.ids_ignore_case else external_id

    def taken(self, campaign_id: str, keys: Collection[str], *, as_of: int | None = None) -> set[str]:
        """Those of the ``keys`` that customers have, in the campaign or the whole system (the dialect).

        Customers after the number ``as_of`` do not count. Only in the transaction that adds them are they
        sure to be free then.
        """
        rows = self._db.query(
            "SELECT external_id FROM customers WHERE folded_id IN (SELECT value FROM json_each(?))"
            " AND (? OR campaign = ?) AND number <= ?",
            (
                msgspec.json.encode([each.casefold() for each in keys]).decode(),
                self.dialect.unique == "system",
                campaign_id,
                2**63 - 1 if as_of is None else as_of,
            ),
        )
        return {self.key(row["external_id"]) for row in rows} & set(keys)

    def insert(
        self, campaign_id: str, customers: Sequence[Customer], *, scripts: Mapping[str, bytes] | None = None
    ) -> None:
        """Add the customers, with the ``scripts`` (JSON, by customer id) that some have.

        Whether their externalIds are free is for the caller to see to, in the same transaction.
        """
        scripts = scripts or {}
        self._db.executemany(
            "INSERT INTO customers"
            " (campaign, external_id, folded_id, id, rank, date, modified, result, body, script)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    campaign_id,
                    each.external_id,
                    each.external_id.casefold(),
                    each.id,
                    schema.LAST_RANK if each.priority is None else each.priority,
                    each.date and values.instant(each.date),
                    each.modification_date,
                    each.result,
                    msgspec.json.encode(each).decode(),
                    scripts[each.id].decode() if each.id in scripts else None,
                )
                for each in customers
            ],
        )

    def find(self, campaign_id: str, search: CustomerSearch) -> list[bytes]:
        """The customers of a page as JSON, in the order in which they were added."""
        rows = self._db.query(
            # The condition is built from fixed fragments; every value is a parameter.
            "SELECT body, script FROM customers"  # noqa: S608
            f" WHERE campaign = ? AND {search.where} ORDER BY number LIMIT ? OFFSET ?",
            (campaign_id, *search.values, search.limit, search.offset),
        )
        return [_with_script(row) if search.include_script else row["body"].encode() for row in rows]

    def customer(self, campaign_id: str, customer_id: str) -> bytes | None:
        """The customer of this id (id32, upper case) as JSON, with its script if it has one."""
        rows = self._db.query(
            "SELECT body, script FROM customers WHERE id = ? AND campaign = ?", (customer_id, campaign_id)
        )
        return _with_script(rows[0]) if rows else None

    def delete(self, campaign_id: str, customer_id: str) -> int:
        """How many customers were deleted: 1, or 0 where there is none of this id."""
        return self._db.execute(
            "DELETE FROM customers WHERE id = ? AND campaign = ?", (customer_id, campaign_id)
        )

    def bodies(self, campaign_id: str) -> list[bytes]:
        """All customers of a campaign as JSON, in the order in which they were added."""
        rows = self._db.query("SELECT body FROM customers WHERE campaign = ? ORDER BY number", (campaign_id,))
        return [row["body"].encode() for row in rows]

    def reset(self) -> None:
        """Back to a new database: the example campaigns, no customers, no statistics, the real time."""
        with self.transaction():
            for table in ("customers", "campaigns", "statistics", "activity", "agents"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608  -- fixed names
            self.clock.reset()
            self.put_campaigns(examples())


def _with_script(row: sqlite3.Row) -> bytes:
    body: bytes = row["body"].encode()
    return body if row["script"] is None else b'%s,"script":%s}' % (body[:-1], row["script"].encode())
