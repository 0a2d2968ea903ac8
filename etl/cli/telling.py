"""Progress for people: a bar on a terminal, a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from etl.records import PASSING, RowOutcome, RowStatus

_EVERY = 5.0
"""Seconds between two plain lines."""


class RichProgress:
    """A bar with rows, rate, errors, retries and the time left."""

    def __init__(self, console: Console, *, doing: str, verbose: bool) -> None:
        self._console = console
        self._doing = doing
        self._verbose = verbose
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._bad = 0
        self._retries = 0
        self._done = 0
        self._began = 0.0

    def begin(self, total: int, done: int) -> None:
        """Show the bar."""
        self._bar = Progress(
            TextColumn(self._doing),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} rows/s"),
            TextColumn("{task.fields[bad]} bad"),
            TextColumn("{task.fields[retries]} retries"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._bad = self._retries = self._done = 0
        self._began = time.monotonic()
        self._task = self._bar.add_task("", total=total, completed=done, rate="?", bad=0, retries=0)
        self._bar.start()

    def advance(self, outcomes: Sequence[RowOutcome]) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bad += sum(outcome.status not in PASSING for outcome in outcomes)
            self._done += len(outcomes)
            passed = time.monotonic() - self._began
            rate = f"{self._done / passed:,.0f}" if passed >= 1 else "?"
            self._bar.update(self._task, advance=len(outcomes), bad=self._bad, rate=rate)

    def retrying(self, call: str, wait: float, reason: str) -> None:
        """Count a retry, and tell it where asked to."""
        self._retries += 1
        if self._bar is not None:
            self._bar.update(self._task, retries=self._retries)
        if self._verbose:
            self.say(f"{call} again in {wait:.1f} s: {reason}")

    def say(self, sentence: str) -> None:
        """Print above the bar."""
        self._console.print(sentence, markup=False)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class PlainProgress:
    """A line every few seconds, as text or JSON, on standard error."""

    def __init__(self, *, doing: str, as_json: bool, verbose: bool) -> None:
        self._doing = doing
        renderer = (
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
        )
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), renderer],
        )
        self._verbose = verbose
        self._total = 0
        self._done = 0
        self._counts: Counter[RowStatus] = Counter()
        self._began = self._told = 0.0
        self._sent_before = 0

    def begin(self, total: int, done: int) -> None:
        """Say how much there is to do."""
        self._total, self._done, self._sent_before = total, done, done
        self._counts.clear()
        self._began = self._told = time.monotonic()
        self._log.msg(self._doing, rows=total, done=done)

    def advance(self, outcomes: Sequence[RowOutcome]) -> None:
        """Say where we are, if the last line is long ago."""
        self._done += len(outcomes)
        self._counts.update([outcome.status for outcome in outcomes])
        now = time.monotonic()
        if now - self._told >= _EVERY:
            self._told = now
            rate = (self._done - self._sent_before) / (now - self._began)
            left = (self._total - self._done) / rate if rate else 0
            counts = {status.value: count for status, count in self._counts.items()}
            self._log.msg(
                "progress",
                rows=self._total,
                done=self._done,
                rate=round(rate),
                seconds_left=round(left),
                **counts,
            )

    def retrying(self, call: str, wait: float, reason: str) -> None:
        """Say that a call is made again, where asked to."""
        if self._verbose:
            self._log.msg("retrying", call=call, wait=round(wait, 2), reason=reason)

    def say(self, sentence: str) -> None:
        """Say it."""
        self._log.msg(sentence)

    def end(self) -> None:
        """Say nothing: the summary comes."""
