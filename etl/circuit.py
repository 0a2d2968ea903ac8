"""A circuit breaker: where nothing is answered any more, wait and try, instead of burning the file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from msgspec import Struct

from etl.errors import UnavailableError


class CircuitRules(Struct, frozen=True, kw_only=True):
    """When the circuit opens, and for how long it is borne with.

    After sendings of ``trips`` different batches in a row without an answer, or ``most`` sendings of fewer (a
    single row that the server can't bear takes 18 to be found among 100), nothing is sent for ``pause``
    seconds, doubled each time up to ``longest``, and then one request, as a trial. So many ``trials`` that
    fail, or ``patience`` seconds since the first sending without an answer, end the run.
    """

    trips: int = 5
    most: int = 20
    pause: float = 0.5
    longest: float = 30
    trials: int = 8
    patience: float = 120


class Circuit:
    """Asked before each sending (``enter``), told after it (``answered``, ``silent``).

    ``stopping`` ends all waiting.
    """

    def __init__(
        self,
        rules: CircuitRules,
        *,
        stopping: asyncio.Event,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._stopping = stopping
        self._sleep = sleep
        self._clock = clock
        self._silent = 0
        self._batches: set[int] = set()
        self._since = 0.0
        self._trials = 0
        self._failed_trials = 0
        self._turn = asyncio.Lock()

    async def enter(self) -> None:
        """Wait until a request may leave: at once, or as the trial; returns early where all is stopping."""
        if not self._is_open():
            return
        async with self._turn:
            # Who waited for its turn while a trial was answered goes on at once.
            if self._is_open() and not self._stopping.is_set():
                await self._rest()
                self._trials += 1

    def _is_open(self) -> bool:
        return len(self._batches) >= self._rules.trips or self._silent >= self._rules.most

    async def _rest(self) -> None:
        pause = min(self._rules.pause * 2**self._failed_trials, self._rules.longest)
        sleeping = asyncio.ensure_future(self._sleep(pause))
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({sleeping, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopped.cancel()

    def answered(self) -> None:
        """Note an answer, good or bad: somebody is there."""
        self._silent = self._trials = self._failed_trials = 0
        self._batches.clear()

    def silent(self, batch: int) -> None:
        """Note a sending without an answer, of a batch or of a part of it.

        Raises UnavailableError where it is time to end the run.
        """
        if not self._silent:
            self._since = self._clock()
        if self._trials:  # what was in flight when the circuit opened is no trial
            self._trials -= 1
            self._failed_trials += 1
        self._silent += 1
        self._batches.add(batch)
        waited = self._clock() - self._since
        if self._is_open() and (self._failed_trials >= self._rules.trials or waited >= self._rules.patience):
            raise UnavailableError(
                f"The server takes no customers: {self._silent} requests one after the other had no readable "
                f"answer, in {waited:.0f} s; resume the run when it is well again.",
                call="POST customers/list",
            )
