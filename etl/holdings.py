"""What a campaign holds: looked up customer by customer, or in a copy once that is cheaper.

A nightly file repeats nearly all of last night's rows, and each costs a look-up. When as many have been made
as a walk through the whole campaign would take requests, the walk is made, once, into a throw-away SQLite
file: at worst twice what the cheaper way alone would have cost, without knowing in advance which that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import json

from etl.obi.models import StoredCustomer
from etl.payload import pairs_of
from etl.posting import Customers
from etl.scratch import Scratch

_AT_ONCE = 500
_FEW = 200
"""Look-ups that are never worth a walk."""

_MANY = 10
"""Rows in doubt from which on a search by the marker is cheaper."""

_SLACK = 5.0
"""Seconds by which the server's clock may be behind what we take it for."""

_PAGE = 100
"""Customers a page, by which the requests of a walk are reckoned (the document's default)."""


class Holdings(Scratch):
    """A copy of customers by externalId, in a file at ``path`` that goes with it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "CREATE TABLE held (external_id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID;")

    async def fill(self, pages: AsyncIterable[Sequence[StoredCustomer]]) -> None:
        """Copy the customers of all pages; of several with one externalId, the last."""
        async for page in pages:
            self.keep(page)

    def keep(self, customers: Iterable[StoredCustomer]) -> None:
        """Copy some customers; of several with one externalId, the last."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR REPLACE INTO held VALUES (?, ?)",
            ((each.external_id, json.encode(each)) for each in customers if each.external_id),
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

    ``pages`` walks through the campaign, or through what filters choose of it; ``total`` gives about how many
    customers it holds (None: unknown). ``marker`` is the attribute that this run's customers carry.
    """

    def __init__(
        self,
        customers: Customers,
        campaign_id: str,
        *,
        holdings: Holdings,
        pages: Callable[..., AsyncIterator[Sequence[StoredCustomer]]],
        total: Callable[[], Awaitable[int | None]],
        marker: tuple[str, str] | None = None,
    ) -> None:
        self._customers = customers
        self._campaign_id = campaign_id
        self._holdings = holdings
        self._pages = pages
        self._total = total
        self._marker = marker
        self._made = 0
        self._enough: float | None = None
        self._copied = False
        self._turn = asyncio.Lock()

    async def now(self, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Those that are there at this moment: what rows in doubt are decided by."""
        return await self._customers.find_all(self._campaign_id, external_ids)

    async def sent(self, external_ids: Sequence[str], *, since: float | None) -> dict[str, StoredCustomer]:
        """Those of a batch that this run has put there by now, ``since`` a time by the server's clock.

        With a marker one search finds them all, page by page; who is there from an earlier day is not among
        them then, and is refused when sent again. Without one, or where the server does not search by
        attributes, as ``now``.
        """
        if self._marker is None or len(external_ids) < _MANY:
            return await self.now(external_ids)
        name, value = self._marker
        after = None if since is None else datetime.fromtimestamp(since - _SLACK, UTC)
        wanted, found = set(external_ids), dict[str, StoredCustomer]()
        pages = self._pages(attribute_name=name, attribute_value=value, modification_date=after)
        for _ in range(len(external_ids) // 2):  # beyond that, look-ups are cheaper
            page = await anext(pages, None)
            if page is None:
                return found
            if not all(self._marker in pairs_of(held) for held in page):
                break  # it is not by attributes that this server searches
            found |= {held.external_id: held for held in page if held.external_id in wanted}
            if len(found) == len(wanted):
                return found
        return found | await self.now([each for each in external_ids if each not in found])

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
