"""What a command takes: time, CPU time of its whole process tree, and the memory of each of its processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from msgspec import Struct, field

_FIRST, _EVERY = 0.01, 0.1
"""Seconds to the first look at the processes, and between two later on: less would itself cost time."""


class Sample(Struct, frozen=True, kw_only=True):
    """One run of a command.

    ``wall`` and ``cpu`` (user and system, of the command and its descendants) are seconds. ``peaks`` is the
    most resident memory of each process in MiB, the command's own first, its descendants' from the largest
    on. ``facts`` is what else was measured.
    """

    wall: float
    cpu: float = 0.0
    peaks: list[float] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def peak(self) -> float:
        """The most memory of the command's own process."""
        return self.peaks[0] if self.peaks else 0.0


class Case(Struct, frozen=True, kw_only=True):
    """Several runs of the same: ``name`` says of what, over so many ``rows``."""

    name: str
    rows: int
    samples: list[Sample]

    @property
    def wall(self) -> float:
        """The median of the seconds."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        """The median of the CPU seconds."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def peak(self) -> float:
        """The median of the most MiB of the command's own process."""
        return statistics.median(sample.peak for sample in self.samples)

    @property
    def workers(self) -> list[float]:
        """The most MiB of each further process, of the run that had most of them."""
        return max((sample.peaks[1:] for sample in self.samples), key=sum)

    @property
    def rate(self) -> float:
        """Rows a second, from the median of the seconds."""
        return self.rows / self.wall

    @property
    def spread(self) -> float:
        """The slowest less the fastest run, as a share of the median."""
        walls = [sample.wall for sample in self.samples]
        return (max(walls) - min(walls)) / self.wall

    def fact(self, name: str) -> float:
        """The median of a fact."""
        return statistics.median(sample.facts[name] for sample in self.samples)


class FailedError(RuntimeError):
    """A measured command did not do its work, so that its figures mean nothing."""


def run(
    command: Sequence[str], *, folder: Path, env: Mapping[str, str], exits: Iterable[int] = (0,)
) -> Sample:
    """Run a command in ``folder`` and give what it took; Linux only.

    Raises FailedError with the end of its words where it ends with another exit code.
    """
    with tempfile.TemporaryFile() as words:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=words, stderr=words)
        with _Watch(process.pid) as watch:
            try:
                # Not Popen.wait: only this gives what the process and all it has waited for have used.
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                raise
            wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in exits:
            words.seek(0)
            said = words.read().decode(errors="replace")[-2_000:]
            raise FailedError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    return Sample(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peaks=watch.peaks())


class _Watch:
    """Looks at a process and its descendants while the block lasts.

    The kernel keeps the most that each has had (VmHWM), so that no peak between two looks is missed.
    ``ru_maxrss`` would also count what this process had when it forked.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: dict[int, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def peaks(self) -> list[float]:
        """MiB of each process, the watched one's own first."""
        others = sorted((kib for pid, kib in self._peaks.items() if pid != self._pid), reverse=True)
        return [kib / 1024 for kib in (self._peaks.get(self._pid, 0), *others)]

    def _look(self) -> None:
        wait = _FIRST
        while not self._over.wait(wait):
            wait = min(1.5 * wait, _EVERY)
            for pid in family(self._pid):
                self._peaks[pid] = max(peak_kib(pid), self._peaks.get(pid, 0))


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for each in Path("/proc").iterdir():
        if each.name.isdecimal() and (parent := _parent(each)):
            children.setdefault(parent, []).append(int(each.name))
    found = [pid]
    for one in found:
        found.extend(children.get(one, ()))
    return found


def peak_kib(pid: int) -> int:
    """The most resident KiB that a process has had; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def _parent(process: Path) -> int:
    try:
        stat = (process / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    # The command's name stands in parentheses and may hold anything.
    return int(stat.rpartition(")")[2].split()[1])
