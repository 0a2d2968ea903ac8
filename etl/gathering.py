"""The journal as sending writes it: what need not be on disk at once goes with the next thing that must.

A commit costs as much as all else that the journal does for a batch. Before a batch leaves, its sending must
be on disk; a claim before it, and the outcomes of another batch, are as well kept in that commit as in one of
their own. Outcomes that are not on disk when the process dies leave their rows in doubt, as if it had died an
instant before, and the next sitting looks them up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from etl.errors import StateError
from etl.journal import Journal
from etl.records import Batch, RowOutcome

_SOON = 0.005
"""Seconds after which what waits is committed by itself: where requests take long, nothing else may come."""

_MOMENT = 0.001
"""Seconds that a batch waits for others to share its commit: the disk takes about as long for each."""


class Gathering:
    """Writes to ``journal``: outcomes and claims soon, the rest at once, all of it in the order it came in.

    Whoever reads the journal itself must ``flush`` first; leaving it as a context manager does so too. What
    can't be written goes on waiting, and is tried again with the next thing, which raises the StateError
    then: so nothing is sent after it. To be used in one event loop.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._leaving: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if kind is None:
            self.flush()
        else:
            self._try()  # what went wrong first is what is told

    def record(self, outcomes: Sequence[RowOutcome]) -> None:
        """Keep outcomes that needed no sending."""
        self._now(partial(self._journal.record, outcomes))

    def claim(self, batch: Batch) -> None:
        """Keep that these rows will go out together."""
        self._soon(partial(self._journal.claim, batch))

    def settle(self, number: int, outcomes: Sequence[RowOutcome]) -> None:
        """Keep the outcomes of rows of a batch."""
        self._soon(partial(self._journal.settle, number, outcomes))

    async def sent(self, number: int, *, at: float, offset: float | None) -> None:
        """Keep that the batch is about to leave; it may once this returns.

        Batches that are about to leave within a moment share a commit.
        """
        self._waiting.append(partial(self._journal.sent, number, at=at, offset=offset))
        if self._leaving is None:
            loop = asyncio.get_running_loop()
            self._leaving = loop.create_future()
            loop.call_later(_MOMENT, self._let_go)
        # Shielded: one that is cancelled must not take the others with it.
        await asyncio.shield(self._leaving)

    def returned(self, number: int) -> None:
        """Keep that the batch was certainly not processed."""
        self._now(partial(self._journal.returned, number))

    def answered(self, number: int, *, doubted_at: float) -> None:
        """Keep that the last sending had its answer."""
        self._now(partial(self._journal.answered, number, doubted_at=doubted_at))

    def split(self, number: int, parts: Sequence[Batch]) -> None:
        """Put parts in the place of a batch."""
        self._now(partial(self._journal.split, number, parts))

    def flush(self) -> None:
        """Have everything on disk."""
        self._now()

    def _soon(self, write: Callable[[], None]) -> None:
        self._waiting.append(write)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SOON, self._on_time)

    def _now(self, write: Callable[[], None] | None = None) -> None:
        writes = [*self._waiting, write] if write else self._waiting
        if not writes:
            return
        with self._journal.together():
            for each in writes:
                each()
        self._waiting.clear()

    def _let_go(self) -> None:
        """Commit for those that wait to leave, and let them, or raise there what went wrong."""
        leaving, self._leaving = self._leaving, None
        if leaving is None:
            return
        try:
            self.flush()
        except BaseException as error:  # noqa: BLE001  -- theirs, whatever it is
            leaving.set_exception(error)
            leaving.exception()  # all who wait may be cancelled
        else:
            leaving.set_result(None)

    def _on_time(self) -> None:
        self._timer = None
        self._try()

    def _try(self) -> None:
        with suppress(StateError):  # a DiskFullError too: whoever writes next is told
            self.flush()
