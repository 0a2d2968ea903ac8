"""What a campaign holds: looked up customer by customer, or in a copy once that is cheaper.

A nightly file repeats nearly all of last night's rows, and each costs a look-up. When as many have been made
as a walk through the whole campaign would take requests, the walk is made, once, into a throw-away SQLite
file: at worst twice what the cheaper way alone would have cost, without knowing in advance which that is.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import json

from etl.obi.models import StoredCustomer
from etl.posting import Customers

_AT_ONCE = 500
_FEW = 200
"""Look-ups that are never worth a walk."""

_PAGE = 100
"""Customers a page, by which the requests of a walk are reckoned (the document's default)."""


class Holdings:
    """A copy of customers by externalId, in a file at ``path`` that goes with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE held (external_id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID;"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._path.unlink(missing_ok=True)

    async def fill(self, pages: AsyncIterable[Sequence[StoredCustomer]]) -> None:
        """Copy the customers of all pages; of several with one externalId, the last."""
        async for page in pages:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR REPLACE INTO held VALUES (?, ?)",
                ((each.external_id, json.encode(each)) for each in page if each.external_id),
            )
            self._db.execute("COMMIT")

    def find(self, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Those that are held, by externalId."""
        found: dict[str, StoredCustomer] = {}
        for start in range(0, len(external_ids), _AT_ONCE):
            part = external_ids[start : start + _AT_ONCE]
            # Only question marks are put in.
            query = f"SELECT external_id, body FROM held WHERE external_id IN ({','.join('?' * len(part))})"  # noqa: S608
            for external_id, body in self._db.execute(query, part):
                found[external_id] = json.decode(body, type=StoredCustomer)
        return found


class LookUps:
    """Finds customers of one campaign by externalId.

    ``pages`` walks through the campaign, ``total`` gives about how many customers it holds (None: unknown).
    """

    def __init__(
        self,
        customers: Customers,
        campaign_id: str,
        *,
        holdings: Holdings,
        pages: Callable[[], AsyncIterable[Sequence[StoredCustomer]]],
        total: Callable[[], Awaitable[int | None]],
    ) -> None:
        self._customers = customers
        self._campaign_id = campaign_id
        self._holdings = holdings
        self._pages = pages
        self._total = total
        self._made = 0
        self._enough: float | None = None
        self._copied = False
        self._turn = asyncio.Lock()

    async def now(self, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Those that are there at this moment: what rows in doubt are decided by."""
        return await self._customers.find_all(self._campaign_id, external_ids)

    async def earlier(self, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Those that are there, as they were at some time since this began: what ``exists`` is told by."""
        if await self._is_copied(len(external_ids)):
            found = self._holdings.find(external_ids)
            since = [each for each in external_ids if each not in found]
            return found | (await self.now(since) if since else {})
        return await self.now(external_ids)

    async def _is_copied(self, more: int) -> bool:
        async with self._turn:
            self._made += more
            if not self._copied and self._made > await self._worth():
                await self._holdings.fill(self._pages())
                self._copied = True
            return self._copied

    async def _worth(self) -> float:
        """Look-ups from which on the walk is cheaper."""
        if self._made <= _FEW:
            return _FEW
        if self._enough is None:
            total = await self._total()
            self._enough = max(_FEW, (10_000 if total is None else total) / _PAGE)
        return self._enough
