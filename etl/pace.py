"""How many requests are in flight: a fixed number, or as many as the server bears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType


class Pace:
    """A gate that lets ``limit`` deliveries through at a time.

    Fixed at ``start`` unless ``most`` is larger: then it grows by one with each good answer until the
    first sign of strain, afterwards by one a round, and is halved at most once in ``calm`` seconds when the
    server says slow down or does not answer in time.
    """

    def __init__(
        self,
        start: int,
        most: int,
        *,
        calm: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most = max(start, most)
        self._limit = float(start)
        self._fixed = self.most == start
        self._strained = False
        self._halved_at = -calm
        self._calm = calm
        self._clock = clock
        self._busy = 0
        self._changed = asyncio.Condition()

    @property
    def limit(self) -> int:
        """Deliveries that may be under way now."""
        return int(self._limit)

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._busy < self.limit)
            self._busy += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def well(self) -> None:
        """Note a good answer."""
        if not self._fixed:
            step = 1 / self._limit if self._strained else 1
            self._limit = min(self.most, self._limit + step)

    def strained(self) -> None:
        """Note a 429, a 5xx or an answer that did not come."""
        now = self._clock()
        if not self._fixed and now - self._halved_at >= self._calm:
            self._limit = max(1.0, self._limit / 2)
            self._strained = True
            self._halved_at = now
