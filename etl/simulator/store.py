"""The simulator's data in SQLite.

Every method runs to its end on the caller's thread. In the event loop that makes a call atomic without
further ado, and costs less than handing each statement to a thread would: a hundred customers are stored
in well under a millisecond. A lock guards the one connection where tests look in from another thread, and
the unique index is what refuses a second externalId, also to another process on the same file.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from etl.simulator import values
from etl.simulator.campaigns import Campaign, examples
from etl.simulator.customers import Customer
from etl.simulator.dialect import Dialect
from etl.simulator.search import CustomerSearch

_SCHEMA = """
CREATE TABLE IF NOT EXISTS campaigns (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS customers (
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
CREATE INDEX IF NOT EXISTS customers_by_state ON customers (campaign, result, date);
CREATE INDEX IF NOT EXISTS customers_by_campaign ON customers (campaign, number);
"""
# The counters are disjoint and sum to the total; a call that is under way or may be repeated handles nobody.
_COUNTERS = """
WITH states AS (
    SELECT date, CASE
        WHEN result IS NULL OR result IN ('DIALING', 'BUSY', 'NOANSWER') THEN 'notHandled'
        WHEN result = 'MAXCALLS' THEN 'maxCalls'
        WHEN result = 'FILTERED' THEN 'filtered'
        ELSE 'handled' END AS state
    FROM customers WHERE campaign = ?
)
SELECT count(*) AS total,
    count(*) FILTER (WHERE state = 'handled') AS handled,
    count(*) FILTER (WHERE state = 'notHandled') AS notHandled,
    count(*) FILTER (WHERE state = 'notHandled' AND (date IS NULL OR date <= ?)) AS callable,
    count(*) FILTER (WHERE state = 'maxCalls') AS maxCalls,
    count(*) FILTER (WHERE state = 'filtered') AS filtered
FROM states
"""
_BUSY_SECONDS = 5.0


class Store:
    """Campaigns and customers in the database at ``path``; one that is new holds the example campaigns.

    Raises sqlite3.Error where the database can't be opened.
    """

    def __init__(self, path: Path | str = ":memory:", *, dialect: Dialect | None = None) -> None:
        self.dialect = dialect or Dialect()
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        with self.transaction():
            if not self.campaigns():
                self.put_campaigns(examples())

    def close(self) -> None:
        """Close the database; the data of ``:memory:`` are gone then."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block is committed on leaving it, or nothing where it raises."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def now(self) -> str:
        """The present time by the simulator's clock, as ``values.instant`` writes it."""
        return values.now()

    def last_number(self) -> int:
        """The number of the newest customer, 0 where there is none."""
        with self._lock:
            number: int = self._db.execute("SELECT ifnull(max(number), 0) FROM customers").fetchone()[0]
        return number

    def campaigns(self) -> list[Campaign]:
        """All campaigns, the first registered first."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM campaigns").fetchall()
        found = [msgspec.json.decode(row["body"], type=Campaign) for row in rows]
        return sorted(found, key=lambda each: (values.instant(each.registered), each.id))

    def campaign(self, campaign_id: str) -> Campaign | None:
        """The campaign of this id (id32, upper case)."""
        with self._lock:
            row = self._db.execute("SELECT body FROM campaigns WHERE id = ?", (campaign_id,)).fetchone()
        return row and msgspec.json.decode(row["body"], type=Campaign)

    def put_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Add the campaigns, or replace those of the same ids."""
        rows = [(each.id, msgspec.json.encode(each.as_dict()).decode()) for each in campaigns]
        with self._lock:
            self._db.executemany(
                "INSERT INTO campaigns VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                rows,
            )

    def counters(self, campaign_id: str) -> dict[str, int]:
        """``total``, ``handled``, ``notHandled``, ``callable``, ``maxCalls``, ``filtered`` at this moment."""
        with self._lock:
            return dict(self._db.execute(_COUNTERS, (campaign_id, values.now())).fetchone())

    def taken(self, campaign_id: str, external_ids: Sequence[str], *, as_of: int | None = None) -> set[str]:
        """Those of the externalIds that customers of the campaign have, by what was there ``as_of``."""
        del as_of
        query = (
            "SELECT external_id FROM customers WHERE campaign = ?"
            " AND external_id IN (SELECT value FROM json_each(?))"
        )
        wanted = msgspec.json.encode(external_ids).decode()
        with self._lock:
            return {row[0] for row in self._db.execute(query, (campaign_id, wanted))}

    def insert(self, campaign_id: str, customers: Sequence[Customer]) -> None:
        """Add the customers. Raises sqlite3.IntegrityError where an externalId is taken."""
        rows = [
            (
                campaign_id,
                each.external_id,
                each.id,
                each.date and values.instant(each.date),
                each.modification_date,
                msgspec.json.encode(each).decode(),
            )
            for each in customers
        ]
        with self._lock:
            self._db.executemany(
                "INSERT INTO customers (campaign, external_id, id, date, modified, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )

    def find(self, campaign_id: str, search: CustomerSearch) -> list[bytes]:
        """The customers of a page as JSON, in the order in which they were added."""
        # The condition is built from fixed fragments; every value is a parameter.
        query = (
            "SELECT body, script FROM customers"  # noqa: S608
            f" WHERE campaign = ? AND {search.where} ORDER BY number LIMIT ? OFFSET ?"
        )
        with self._lock:
            rows = self._db.execute(query, (campaign_id, *search.values, search.limit, search.offset))
            return [_with_script(row) if search.include_script else row["body"].encode() for row in rows]

    def customer(self, campaign_id: str, customer_id: str) -> bytes | None:
        """The customer of this id (id32, upper case) as JSON, with its script if it has one."""
        with self._lock:
            row = self._db.execute(
                "SELECT body, script FROM customers WHERE id = ? AND campaign = ?", (customer_id, campaign_id)
            ).fetchone()
        return row and _with_script(row)

    def delete(self, campaign_id: str, customer_id: str) -> int:
        """How many customers were deleted: 1, or 0 where there is none of this id."""
        with self._lock:
            return self._db.execute(
                "DELETE FROM customers WHERE id = ? AND campaign = ?", (customer_id, campaign_id)
            ).rowcount

    def bodies(self, campaign_id: str) -> list[bytes]:
        """All customers of a campaign as JSON, in the order in which they were added."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM customers WHERE campaign = ? ORDER BY number", (campaign_id,)
            )
            return [row["body"].encode() for row in rows]

    def reset(self) -> None:
        """Back to a new database: the example campaigns, no customers."""
        with self.transaction():
            self._db.execute("DELETE FROM customers")
            self._db.execute("DELETE FROM campaigns")
            self.put_campaigns(examples())


def _with_script(row: sqlite3.Row) -> bytes:
    body: bytes = row["body"].encode()
    return body if row["script"] is None else b'%s,"script":%s}' % (body[:-1], row["script"].encode())
