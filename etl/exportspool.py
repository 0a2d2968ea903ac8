"""What a walk through a campaign brings, on disk: each customer once, in its newest state.

It stands in a throw-away file, so that memory does not grow with the campaign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import json

from etl.obi.models import StoredCustomer, instant
from etl.scratch import Scratch

_SCHEMA = """
CREATE TABLE held (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, modified TEXT,
    walk INTEGER NOT NULL, place INTEGER NOT NULL, body BLOB
);
"""
# Where one of the two dates is missing, what was read later counts.
_PUT = """
INSERT INTO held (id, modified, walk, place, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    walk = excluded.walk,
    place = CASE WHEN held.walk = excluded.walk THEN held.place ELSE excluded.place END,
    body = CASE WHEN held.modified > excluded.modified THEN held.body ELSE excluded.body END,
    modified = CASE WHEN held.modified > excluded.modified THEN held.modified ELSE excluded.modified END
"""
_BLOCK = 500
"""Customers that are in memory at once."""


class Spool(Scratch):
    """Customers in a file at ``path`` that goes with it, in the order in which they were first met.

    Those that ``fits`` does not want are known by their ids only.
    """

    def __init__(self, path: Path, fits: Callable[[StoredCustomer], bool]) -> None:
        super().__init__(path, _SCHEMA)
        self._fits = fits
        self._walk = self._place = 0

    def begin_walk(self) -> None:
        """From now on nobody was met."""
        self._walk += 1

    def met(self, ids: Sequence[str]) -> dict[str, int]:
        """Those of ``ids`` that this walk has brought already, and as the how manieth."""
        query = "SELECT id, place FROM held WHERE id IN (SELECT value FROM json_each(?)) AND walk = ?"
        return dict(self._db.execute(query, (json.encode(ids).decode(), self._walk)))

    def put(self, page: Sequence[StoredCustomer]) -> int:
        """Keep the customers of a page; of several states of one the newest. How many nobody had met yet."""
        before = self.size()
        self._db.execute("BEGIN")
        self._db.executemany(_PUT, map(self._row, page))
        self._db.execute("COMMIT")
        return self.size() - before

    def _row(self, customer: StoredCustomer) -> tuple[str, str | None, int, int, bytes | None]:
        modified = customer.modified_at
        self._place += 1
        return (
            customer.id,
            None if modified is None else instant(modified),
            self._walk,
            self._place,
            json.encode(customer) if self._fits(customer) else None,
        )

    def size(self) -> int:
        """How many customers were met in all walks, wanted or not."""
        # Nobody is ever taken out, so the numbers have no gaps; a count would look at every row.
        found: int | None = self._db.execute("SELECT max(number) FROM held").fetchone()[0]
        return found or 0

    def wanted(self) -> int:
        """How many rows ``blocks`` gives."""
        return self._count("body IS NOT NULL")

    def _count(self, condition: str) -> int:
        query = f"SELECT count(*) FROM held WHERE {condition}"  # noqa: S608  -- ours
        found: int = self._db.execute(query).fetchone()[0]
        return found

    def count_not_met(self) -> int:
        """How many wanted customers an earlier walk brought and this one did not."""
        return self._count(f"walk < {self._walk} AND body IS NOT NULL")

    def not_met(self, most: int) -> list[str]:
        """The ids of wanted customers whom an earlier walk brought and this one did not; ``most`` of them."""
        query = "SELECT id FROM held WHERE walk < ? AND body IS NOT NULL ORDER BY number LIMIT ?"
        return [found for (found,) in self._db.execute(query, (self._walk, most))]

    def drop(self, ids: Sequence[str]) -> None:
        """Keep these no longer."""
        self._db.executemany("UPDATE held SET body = NULL WHERE id = ?", [(each,) for each in ids])

    def blocks(self) -> Iterator[list[StoredCustomer]]:
        """The wanted customers, some at a time."""
        decode = msgspec.json.Decoder(StoredCustomer).decode
        last = 0
        query = "SELECT number, body FROM held WHERE number > ? AND body IS NOT NULL ORDER BY number LIMIT ?"
        while rows := self._db.execute(query, (last, _BLOCK)).fetchall():
            last = rows[-1][0]
            yield [decode(body) for _, body in rows]
