"""``obi`` with a stopwatch: which part of a load takes how much CPU time.

``python -m benchmarks.stopwatch`` takes the words of ``obi``, and writes seconds by part as JSON to the file
that ``STOPWATCH`` names. Every watched call is on the clock of its own thread, without what it calls of
other watched parts; what child processes take is in the rest. There are a few calls a batch, so that
watching costs nothing worth a mention; a profiler would slow small functions most.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

import etl.cli
import etl.cli.telling
import etl.gathering
import etl.journal
import etl.orders
import etl.pipeline
import etl.runs
import etl.sittings
import etl.work
from benchmarks.alone import without_help

JOURNAL, RESULTS, PROGRESS = "journal", "results", "progress"
WRITES = ("record", "claim", "split", "sent", "returned", "settle", "answered", "drop_claims", "note")

_spent: defaultdict[str, float] = defaultdict(float)
_stack = threading.local()


def watch(place: Any, name: str, part: str) -> None:
    """Put a stopwatch on the function, method or generator function ``name`` of a module or class."""
    function = getattr(place, name)
    setattr(place, name, _watched(function, part))


def _watched(function: Callable[..., Any], part: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        with _on_the_clock(part):
            result = function(*args, **kwargs)
        return _watched_steps(result, part) if isinstance(result, Generator) else result

    return watched


def _watched_steps(steps: Generator[Any, None, None], part: str) -> Iterator[Any]:
    try:
        while True:
            with _on_the_clock(part):
                try:
                    given = next(steps)
                except StopIteration:
                    return
            yield given
    finally:
        steps.close()


@contextmanager
def _on_the_clock(part: str) -> Iterator[None]:
    nested: list[float] = _stack.__dict__.setdefault("nested", [])
    nested.append(0.0)
    began = time.thread_time()
    try:
        yield
    finally:
        took = time.thread_time() - began
        _spent[part] += took - nested.pop()
        if nested:
            nested[-1] += took


def main() -> None:
    """Run ``obi`` watched, all of it in this process."""
    without_help()
    for name in WRITES:
        watch(etl.journal.Journal, name, JOURNAL)
    for name in ("_now", "_soon", "_let_go"):
        watch(etl.gathering.Gathering, name, JOURNAL)
    watch(etl.cli.telling.PlainProgress, "advance", PROGRESS)
    watch(etl.sittings, "publish", RESULTS)
    watch(etl.orders, "spool", "copy")
    watch(etl.runs, "survey_input", "survey")
    watch(etl.work, "chunks", "reading")
    watch(etl.work, "decisions", "deciding")
    watch(etl.pipeline, "steps", "bodies and batches")
    began = sum(os.times()[:4])
    try:
        etl.cli.main()
    finally:
        total = sum(os.times()[:4])
        rest = total - began - sum(_spent.values())
        parts = {"start": began, **_spent, "sending and the rest": rest}
        Path(os.environ["STOPWATCH"]).write_bytes(msgspec.json.encode(parts))


if __name__ == "__main__":
    main()
