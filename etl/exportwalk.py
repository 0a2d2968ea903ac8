"""Walking through a list that is paged by offset, while others change it.

The interface pages by offset and names no order, so that whoever is added or deleted meanwhile moves all
others behind. Pages therefore overlap: one that holds nobody whom we have met does not join what was read
before, somebody may stand between the two, and it is asked for again further in front. What joins everywhere
has nobody missing who was there the whole time, as long as the server's order is the same in every answer;
where it is not, it shows: those who are known come in another order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from typing import Protocol

from msgspec import Struct

from etl.obi.models import StoredCustomer

PAGE = 100
"""Customers a page: the document's default ``limit``."""

AT_ONCE = 4
"""Pages in flight."""

_TAILS = 5
"""Pages in a row of less than half the size, all with somebody new, after which a list is at its end: others
are added as fast as we read, and were not there when this began."""

_PATIENCE = 50
"""Pages out of turn, beside a tenth of all, that a walk takes before it gives up joining."""

Page = Sequence[StoredCustomer]
Fetch = Callable[[int, int], Awaitable[Page]]
"""Gives the page at an offset, with at most so many customers."""


class Keeper(Protocol):
    """Keeps what a walk brings."""

    def met(self, ids: Sequence[str]) -> Mapping[str, int]:
        """Those of ``ids`` that this walk has brought already, and as the how manieth."""

    def put(self, page: Page) -> int:
        """Keep a page: how many of it no walk had brought."""


class Walk(Struct, frozen=True):
    """What a walk came to: ``customers`` different ones, ``new`` of whom no walk before had brought.

    ``gaps`` are places where pages did not join, ``strays`` pages that showed another order than before.
    ``unpaged``: the server gives the same page whatever the offset is.
    """

    customers: int
    new: int
    gaps: int = 0
    strays: int = 0
    unpaged: bool = False

    @property
    def joined(self) -> bool:
        """Whether nobody who was there the whole time can be missing."""
        return not (self.gaps or self.strays or self.unpaged)


async def walk(
    fetch: Fetch,
    keeper: Keeper,
    *,
    expected: int | None = None,
    limit: int = PAGE,
    on_page: Callable[[int], None] = lambda _customers: None,
) -> Walk:
    """Walk through the whole list once.

    ``expected`` is about how long it is, None where nobody knows. ``on_page`` is told how many customers a
    page had that the walk had not met. Raises what ``fetch`` does.
    """
    walker = _Walker(keeper, limit=limit, on_page=on_page)
    ahead = _Ahead(fetch)
    try:
        while not walker.ended:
            page = await ahead.page(walker.offset, walker.limit, further=walker.further(expected))
            walker.look_at(page)
    finally:
        await ahead.close()
    return walker.result()


class _Walker:
    """Where a walk stands, and where it goes from there."""

    def __init__(self, keeper: Keeper, *, limit: int, on_page: Callable[[int], None]) -> None:
        self.offset = 0
        self.limit = limit
        self.ended = False
        self._keeper = keeper
        self._on_page = on_page
        self._customers = self._new = self._gaps = self._strays = 0
        self._unpaged = False
        self._pages = 0
        self._first: list[str] = []
        self._last: list[str] = []
        self._largest = 0
        self._empty_at = -1
        self._backs = 0
        self._out_of_turn = 0
        self._barren = self._tails = 0

    def result(self) -> Walk:
        """What it came to."""
        return Walk(self._customers, self._new, self._gaps, self._strays, self._unpaged)

    def further(self, expected: int | None) -> list[int]:
        """Offsets of the pages that will be wanted next if nothing unforeseen comes."""
        if self._backs or (expected is None and len(self._last) < self.limit):
            return []
        step = max(self.limit - 1, 1)
        ahead = [self.offset + turn * step for turn in range(1, AT_ONCE)]
        return [each for each in ahead if expected is None or each < expected]

    def look_at(self, page: Page) -> None:
        """Take in the page at ``offset``, if it joins what was read, and say where to go on."""
        ids = [customer.id for customer in page]
        repeats = bool(ids) and ids == self._first and self.offset > 0
        self._last = ids
        self._first = self._first if self._customers else ids
        met = self._keeper.met(ids) if ids else {}
        self._largest = max(self._largest, len(ids))
        if repeats:
            self._unpaged = self.ended = True
        elif not (ids or self._customers):
            self.ended = True
        elif met or not self._customers:
            self._take(page, ids, met)
        else:
            self._go_back(page, ids)

    def _take(self, page: Page, ids: list[str], met: Mapping[str, int]) -> None:
        """A page that joins."""
        fresh = [each for each in ids if each not in met]
        end = self.offset + len(ids)
        self._strays += _is_another_order([met[each] for each in ids if each in met])
        if fresh:
            self._learn_cap(ids)
            self._put(page, len(set(fresh)))
        self._backs = 0
        self._barren = 0 if fresh else self._barren + 1
        self._tails = self._tails + 1 if 2 * len(ids) < self._largest else 0
        if self._barren > self._pages + 2:  # a list that never ends
            self._gaps += 1
            self.ended = True
        elif (
            not fresh and (len(ids) < self._largest or (self._largest == 1 and end == self._empty_at))
        ) or self._tails > _TAILS:
            self.ended = True
        self.offset = end - 1 if len(ids) > 1 else end

    def _put(self, page: Page, fresh: int) -> None:
        self._pages += 1
        self._customers += fresh
        self._new += self._keeper.put(page)
        self._on_page(fresh)

    def _learn_cap(self, ids: Sequence[str]) -> None:
        """A page that is not full, and behind which others follow, is as large as the server makes them."""
        if self._pages and len(ids) <= self._largest < self.limit:
            self.limit = max(self._largest, 2)

    def _go_back(self, page: Page, ids: list[str]) -> None:
        """A page that does not join: ask again further in front, each time twice as far."""
        self._out_of_turn += 1
        if not ids:
            self._empty_at = self.offset
        single = ids and self._largest == 1  # pages of one customer can't overlap
        if self.offset and not single and self._out_of_turn <= _PATIENCE + self._pages // 10:
            self.offset = max(self.offset - max(self._largest // 2, 1) * 2**self._backs, 0)
            self._backs += 1
            return
        self._gaps += 1
        self._backs = 0
        if ids:
            self._put(page, len(set(ids)))
            self.offset += max(len(ids) - 1, 1)
        else:
            self.ended = True


def _is_another_order(places: Sequence[int]) -> bool:
    """Whether known customers come in another order than before: more than a quarter of neighbours.

    A few may: who began to fit a filter, or was added in front, while others were asked for again.
    """
    neighbours = list(pairwise(places))
    return 4 * sum(later < before for before, later in neighbours) > len(neighbours)


class _Ahead:
    """Fetches the page that is wanted, and those that will be wanted next beside it."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._under_way: dict[tuple[int, int], asyncio.Task[Page]] = {}
        self._dropped: list[asyncio.Task[Page]] = []

    async def page(self, offset: int, limit: int, *, further: Sequence[int]) -> Page:
        """The page at ``offset``."""
        wanted = [(each, limit) for each in (offset, *further)]
        for key in self._under_way.keys() - set(wanted):
            self._drop(key)
        for key in wanted:
            if key not in self._under_way:
                self._under_way[key] = asyncio.create_task(self._get(*key))
        page = await self._under_way[wanted[0]]
        del self._under_way[wanted[0]]
        return page

    async def _get(self, offset: int, limit: int) -> Page:
        return await self._fetch(offset, limit)

    def _drop(self, key: tuple[int, int]) -> None:
        task = self._under_way.pop(key)
        task.cancel()
        self._dropped.append(task)

    async def close(self) -> None:
        """Leave nothing under way."""
        for key in [*self._under_way]:
            self._drop(key)
        await asyncio.gather(*self._dropped, return_exceptions=True)
