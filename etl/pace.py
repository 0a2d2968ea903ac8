"""How many requests are in flight: a fixed number, or as many as bring more through."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from types import TracebackType

_AS_GOOD = 0.97
"""The share of the best rate from which on a smaller limit counts as no worse."""

_PAYS = 1.25
"""How much more must come through for doubling the limit to go on."""

_REMEMBERED = 60
"""Rounds after which what a limit brought through is forgotten: servers change."""

_SHORTEST_HOLD, _LONGEST_HOLD = 4, 16
"""Rounds between two tries of a neighbouring limit; tries that fail make them rarer."""

_SPARED = 16
"""Good answers after a strain, for each place, until a fixed number takes back a place that it gave up."""

_SHORTEST_TRUCE, _LONGEST_TRUCE = 32, 512
"""Rounds until a limit that strained the server is tried again; one that fails soon makes it rarer."""


class Pace:
    """A gate that lets ``limit`` deliveries through at a time, and none while it rests.

    Fixed at ``start`` unless ``most`` is larger: then ``Climb`` says how many, by what comes through in a
    second. A fixed number gives up a place for each one who is told to rest, and takes it back after a while
    of good answers. ``clock`` gives seconds from anywhere.
    """

    def __init__(
        self,
        start: int,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.most = max(start, most)
        self._fixed = start
        self._climb = Climb(start, most, clock=clock) if most > start else None
        self._clock = clock
        self._sleep = sleep
        self._rests_until = clock()
        self._busy = 0
        self._given_up = 0
        self._good = 0
        self._changed = asyncio.Condition()

    @property
    def limit(self) -> int:
        """Deliveries that may be under way now."""
        return self._climb.limit if self._climb else self._fixed - self._given_up

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._busy < self.limit)
            self._busy += 1
        try:
            while (wait := self._rests_until - self._clock()) > 0:
                await self._sleep(wait)
        except BaseException:
            await self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        async with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Let nothing further through for so long: one was told to slow down, and that holds for all."""
        if not self._climb:
            self._given_up = min(self._given_up + 1, self._fixed - 1)
            self._good = 0
        self._rests_until = max(self._rests_until, self._clock() + seconds)

    def well(self) -> None:
        """Note a good answer."""
        if self._climb:
            self._climb.well()
        elif self._given_up:
            self._good += 1
            if self._good >= _SPARED * self.limit:
                self._given_up -= 1
                self._good = 0

    def strained(self) -> None:
        """Note a 429, a 5xx or an answer that did not come."""
        if self._climb:
            self._climb.strained()


class Climb:
    """The search for the limit at which most comes through, from ``start`` up to ``most``.

    A round is as many good answers as make two turns of the limit; at its end the limit may move.

    - At first it doubles, as long as a quarter more comes through.
    - Afterwards it stays at the smallest limit that is about as good as the best known, and tries a
      neighbour now and then, above and below by turns. So it grows where the server has room, and shrinks
      where latency grows without throughput.
    - Strain shows a ceiling: the limit falls below it by a quarter (half, while it doubles), climbs back
      under it, and tries it again seldom. Answers to requests that were in flight at that time tell nothing
      new and are passed over.
    """

    def __init__(self, start: int, most: int, *, clock: Callable[[], float]) -> None:
        self.limit = start
        self._most = most
        self._clock = clock
        self._round = 0
        self._good = 0
        self._began = clock()
        self._rates: dict[int, float] = {}  # good answers a second, by limit
        self._seen: dict[int, int] = {}  # the round that told so last, by limit
        self._doubling = True
        self._home = start
        self._upwards = False
        self._held = 0
        self._hold = _SHORTEST_HOLD
        self._ceiling = most
        self._truce = _SHORTEST_TRUCE
        self._truce_ends = 0
        self._echoes = 0

    def well(self) -> None:
        """Note a good answer."""
        self._echoes = max(0, self._echoes - 1)
        self._good += 1
        if self._good >= max(2 * self.limit, 4 if self._doubling else 8):
            self._note_rate()
            self._move(self._next())

    def strained(self) -> None:
        """Note an answer that says slow down, or one that did not come."""
        if self._echoes:
            self._echoes -= 1
            return
        self._echoes = self.limit - 1
        if self._round < self._truce_ends - self._truce + _SHORTEST_HOLD:
            self._truce = min(2 * self._truce, _LONGEST_TRUCE)
        self._ceiling, self._truce_ends = max(1, self.limit - 1), self._round + self._truce
        self._rates = {limit: rate for limit, rate in self._rates.items() if limit < self.limit}
        down = max(1, self.limit // 2 if self._doubling else self.limit * 3 // 4)
        self._settle(min(down, self._best()) if self._rates else down)
        self._move(self._home)

    def _note_rate(self) -> None:
        rate = self._good / max(self._clock() - self._began, 1e-9)
        self._round += 1
        self._rates[self.limit] = (rate + self._rates.get(self.limit, rate)) / 2
        self._seen[self.limit] = self._round
        for limit in [limit for limit in self._rates if self._round - self._seen[limit] >= _REMEMBERED]:
            del self._rates[limit]

    def _next(self) -> int:
        if self._ceiling < self._most and self._round >= self._truce_ends:
            self._ceiling += 1
            self._truce_ends = self._round + self._truce
            return self._ceiling
        if self._doubling:
            if self._doubling_pays() and self.limit < self._ceiling:
                self._home = self.limit
                return 2 * self.limit
            self._settle(self._best())
        best = self._best()
        if best != self._home:
            self._settle(best)
        elif self.limit != best:
            self._held = 0  # a neighbour was tried, and it was no better
            self._hold = min(2 * self._hold, _LONGEST_HOLD)
        elif self._held < self._hold:
            self._held += 1
        else:
            return self._neighbour()
        return best

    def _doubling_pays(self) -> bool:
        before = self._rates.get(self._home)
        if self.limit == self._home or before is None:
            return True
        share = self.limit / self._home - 1  # less than 1 where the ceiling cut the doubling short
        return self._rates[self.limit] >= before * math.pow(_PAYS, share)

    def _settle(self, limit: int) -> None:
        self._doubling = False
        self._home, self._held, self._hold = limit, 0, _SHORTEST_HOLD

    def _neighbour(self) -> int:
        self._upwards = not self._upwards
        if self._upwards and self._home < self._ceiling:
            return self._home + max(1, self._home // 4)
        return self._home - max(1, self._home // 8)

    def _best(self) -> int:
        enough = _AS_GOOD * max(self._rates.values())
        return min(limit for limit, rate in self._rates.items() if rate >= enough)

    def _move(self, limit: int) -> None:
        self.limit = max(1, min(limit, self._ceiling))
        self._good, self._began = 0, self._clock()
