"""``python -m benchmarks.chaos``: all parts, one line now and then, and one table in the end."""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import TypeVar

from msgspec import Struct, field

from benchmarks.chaos.kills import kill_seed
from benchmarks.chaos.others import DRILLS, SkippedError, drill_seed
from benchmarks.chaos.schedules import Result, draw, play_seed
from benchmarks.chaos.soak import soak_report

T = TypeVar("T")

_EVERY = 20.0
"""Seconds between two lines of progress."""

_HEAD = ("part", "runs", "faults", "rows", "lost", "doubled", "unknown", "wrong")


class Part(Struct, kw_only=True):
    """One line of the table, and what to do to see each finding again."""

    name: str
    repeat: str
    runs: int = 0
    faults: int = 0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    unknown: int = 0
    wrong: int = 0
    findings: list[str] = field(default_factory=list)
    skipped: str = ""

    def add(self, result: Result, *, runs: int = 1) -> None:
        """Count one result; ``runs`` is what it counts as."""
        verdict = result.verdict
        self.runs += runs
        self.faults += result.faults
        self.rows += result.rows
        self.lost += verdict.lost
        self.doubled += verdict.doubled
        self.unknown += verdict.unknown
        self.wrong += len(verdict.wrong)
        if not verdict.is_good:
            self.findings.append(self.repeat.format(seed=result.seed))
            print(f"FOUND {result.told}", flush=True)

    @property
    def cells(self) -> tuple[str, ...]:
        """The line of the table."""
        counts = (self.runs, self.faults, self.rows, self.lost, self.doubled, self.unknown, self.wrong)
        return (self.name, *(f"{count:,}" for count in counts))


def main() -> int:
    """Do what the command line says; 1 where anything is lost, doubled or wrong."""
    chosen = _options()
    _be_quiet()
    began = time.monotonic()
    if chosen.seed is not None:
        print(draw(chosen.seed).text)
        parts = [_one(Part(name="schedule", repeat=""), play_seed(chosen.seed))]
    elif chosen.kill_seed is not None:
        parts = [_one(Part(name="kill", repeat=""), kill_seed(chosen.kill_seed).result)]
    else:
        parts = [
            _schedules(chosen.schedules, first=chosen.first),
            _kills(chosen.kills, first=chosen.first),
            *(_drills(name, chosen.drills, first=chosen.first) for name in DRILLS),
        ]
        if chosen.soak:
            soaked = Part(name="soak", repeat="python -m benchmarks.chaos --soak")
            parts.append(_one(soaked, soak_report(chosen.soak_rows, chosen.first)))
    _print_table(parts)
    print(f"\n{time.monotonic() - began:,.0f} s")
    findings = [repeat for part in parts for repeat in part.findings]
    if findings:
        print("\nTo see them again:", *dict.fromkeys(findings), sep="\n  ")
    return 1 if findings else 0


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    options.add_argument("--seed", type=int, help="repeat one schedule, and say what it is")
    options.add_argument("--kill-seed", type=int, help="repeat one load that is killed")
    options.add_argument("--schedules", type=int, default=3_000, help="how many  [3000]")
    options.add_argument("--kills", type=int, default=200, help="how many at least  [200]")
    options.add_argument("--drills", type=int, default=5, help="how many of each  [5]")
    options.add_argument("--first", type=int, default=1, help="the first seed  [1]")
    options.add_argument("--soak", action="store_true", help="load a million rows as well: some minutes")
    options.add_argument("--soak-rows", type=int, default=1_000_000, help="other than a million")
    return options.parse_args()


def _be_quiet() -> None:
    """Servers and loaders that are cut off say much, and settings of ours are nobody's business."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for name in [name for name in os.environ if name.startswith("OBI_")]:
        del os.environ[name]


def _one(part: Part, result: Result) -> Part:
    part.add(result)
    return part


def _schedules(count: int, *, first: int) -> Part:
    part = Part(name="schedules", repeat="python -m benchmarks.chaos --seed {seed}")
    # Most of a schedule is waiting.
    for result in _spread(play_seed, range(first, first + count), at_once=4 * _cores()):
        part.add(result)
        _tell(part, count)
    return part


def _kills(count: int, *, first: int) -> Part:
    part = Part(name="kills", repeat="python -m benchmarks.chaos --kill-seed {seed}")
    seeds = itertools.count(first) if count else ()
    for killed in _spread(kill_seed, seeds, at_once=2 * _cores()):
        part.add(killed.result, runs=killed.kills)
        _tell(part, count)
        if part.runs >= count:
            break
    return part


def _drills(name: str, count: int, *, first: int) -> Part:
    part = Part(
        name=name, repeat=f"python -m benchmarks.chaos --schedules 0 --kills 0  # {name}, seed {{seed}}"
    )
    jobs = [(name, seed) for seed in range(first, first + count)]
    try:
        for result in _spread(_drill, jobs, at_once=2 * _cores()):
            part.add(result)
            _tell(part, count)
    except SkippedError as reason:
        part.skipped = str(reason)
        print(f"  {name}: skipped, {reason}", flush=True)
    return part


def _drill(job: tuple[str, int]) -> Result:
    return drill_seed(*job)


def _cores() -> int:
    return os.cpu_count() or 1


def _spread(do: Callable[..., T], jobs: Iterable[object], *, at_once: int) -> Iterator[T]:
    """Results as they come, of jobs in processes of their own, so many at once."""
    waiting = iter(jobs)
    pool = ProcessPoolExecutor(max_workers=at_once, initializer=_be_quiet)
    try:
        running: set[Future[T]] = {pool.submit(do, job) for job in itertools.islice(waiting, at_once)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(do, job) for job in itertools.islice(waiting, len(done))}
            for each in done:
                yield each.result()
    finally:
        pool.shutdown(cancel_futures=True)


_told_at = 0.0


def _tell(part: Part, of: int) -> None:
    global _told_at  # noqa: PLW0603  -- one clock for the lines of one program
    if time.monotonic() - _told_at < _EVERY:
        return
    _told_at = time.monotonic()
    bad = part.lost + part.doubled + part.wrong
    print(f"  {part.name}: {part.runs:,} of {of:,}, {part.faults:,} faults, {bad:,} bad", flush=True)


def _print_table(parts: Iterable[Part]) -> None:
    rows = [_HEAD, *(part.cells for part in parts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for name, *cells in rows:
        print(name.ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells, widths[1:], strict=True)), sep="  ")


if __name__ == "__main__":
    sys.exit(main())
