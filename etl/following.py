"""The results of a long run, written while it is sent: a process of its own follows the journal.

Writing results costs a quarter of a load, and nothing of it needs the process that sends: with a second
processor it takes no time, and beside a distant server it fills the waiting. The follower reads the input
once more, waits for the outcome of each row in turn, and moves the finished file into place when it is told
that the run is over. It is a help and no truth: whatever goes wrong with it, or if an outcome was changed
that it may have written already, the run publishes by itself.

``main`` is the follower. It reads two lines of JSON, what to follow and in the end whether the run was
stopped, and answers with the tally. Where its input ends before it has answered, the run is no more.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from etl import apart
from etl.errors import EtlError
from etl.journal import Journal
from etl.publishing import publish_from
from etl.reconciler import Files, Tally
from etl.records import OPEN, RowOutcome, RowStatus
from etl.sources.rowcopy import Lent, borrow, lendable

LONG = 50_000
"""Rows from which on a run is followed: below, a second Python starts in vain."""

_PAUSE = 0.25
"""Seconds between two looks at the journal: each goes through all of its lists, and there may be 50,000."""


class _Task(Struct, frozen=True):
    journal: str
    results: str
    rejects: str
    plain: bool
    mode: int
    copies: tuple[Lent, ...]


class Follower:
    """A process that writes the results of a run: ``begin`` it, and ``finish`` or ``drop`` it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def begin(cls, journal: Journal, files: Files) -> Follower | None:
        """Follow a run; None where that can't be done, or is not worth it."""
        manifest = journal.manifest
        if manifest.spec.rows < LONG:
            return None
        copies = lendable(Path(manifest.source))
        task = _Task(
            str(journal.path), str(files.results), str(files.rejects or ""), files.plain, files.mode, copies
        )
        process = apart.begin("etl.following", task, files=[each.file for each in copies])
        return cls(process) if process else None

    async def finish(self, *, stopped: bool) -> Tally | None:
        """The tally of the finished files; None where they are not written."""
        apart.say(self._process, stopped)
        return await asyncio.to_thread(self._tally)

    def drop(self) -> None:
        """End it: it writes nothing."""
        apart.end(self._process)

    def _tally(self) -> Tally | None:
        answer = self._process.stdout.read() if self._process.stdout else b""
        return _tally_in(answer) if apart.end(self._process) == 0 else None


def _tally_in(answer: bytes) -> Tally | None:
    try:
        told = msgspec.json.decode(answer, type=dict[str, Any])
        statuses = Counter({RowStatus(word): count for word, count in told.pop("statuses").items()})
        return Tally(statuses=statuses, reasons=Counter(told.pop("reasons")), **told)
    except (msgspec.MsgspecError, LookupError, ValueError, TypeError):
        return None


# --- the other side -------------------------------------------------------------------------------------


class _OrphanedError(Exception):
    """The run is no more."""


class _Ending:
    """Whether the run is over, as its process says on our standard input."""

    def __init__(self, told: IO[bytes]) -> None:
        self.stopped = False
        self._told = told
        self._heard = threading.Event()
        self._orphaned = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        if line := self._told.readline():
            self.stopped = msgspec.json.decode(line, type=bool)
            self._heard.set()
            self._told.readline()  # the run's process holds it open until it has our answer
        self._orphaned = True
        self._heard.set()

    def has_come(self, *, within: float) -> bool:
        """Whether the run is over; waits a while for that. Raises _OrphanedError where it is no more."""
        heard = self._heard.wait(within)
        self.still_wanted()
        return heard

    def still_wanted(self) -> None:
        """Raise _OrphanedError where nobody waits for the files: what stands in their place may be newer."""
        if self._orphaned:
            raise _OrphanedError


def follow(journal: Journal, ending: _Ending) -> Iterator[RowOutcome]:
    """Outcomes in the order of rows, each once it is settled; when the run is over, those that there are."""
    row = 0
    over = False
    while True:
        for outcome in journal.outcomes(after=row):
            if not over and (outcome.row != row + 1 or outcome.status in OPEN):
                break
            ending.still_wanted()
            yield outcome
            row = outcome.row
        if over:
            ending.still_wanted()
            return
        # What is read from now on is whole, if the run was over before that.
        over = ending.has_come(within=_PAUSE)


def main() -> int:
    """Write the results of the run that the first line of standard input names; 1 where that failed."""
    apart.settle_in()
    # Without a buffer: Python aborts where it ends while a thread waits in one.
    told = open(0, "rb", buffering=0)  # noqa: SIM115  -- standard input, for as long as we are
    task = msgspec.json.decode(told.readline(), type=_Task)
    files = Files(
        results=Path(task.results),
        rejects=Path(task.rejects) if task.rejects else None,
        plain=task.plain,
        mode=task.mode,
    )
    ending = _Ending(told)
    try:
        borrow(task.copies)
        with Journal.open(Path(task.journal)) as journal:
            tally = publish_from(
                journal, follow(journal, ending), files=files, stopped=lambda: ending.stopped
            )
    except (EtlError, OSError, _OrphanedError):
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(tally))
    return 0
