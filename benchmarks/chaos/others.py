"""What else happens to a load: a full disk, a journal that is held, a clock that is set, a cut network.

Each drill loads one file of leads, with customers of an earlier day in the campaign, and goes on until done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.chaos.judge import Holes, Verdict, judge
from benchmarks.chaos.kills import RESUME_WORDS, Process, load_words, new_world
from benchmarks.chaos.leads import Lead, draw_leads, write_leads
from benchmarks.chaos.schedules import Result
from benchmarks.chaos.worlds import POSTS, SimulatedWorld
from etl.records import RunReport
from etl.simulator import Fault
from etl.state import JOURNAL

ROWS = 150
_FILLER = "filler"
_LOCKED = 12.0
"""Seconds for which somebody holds the journal: longer than a run waits for it."""

_JUMPY = """
import sys, time
real, began, jump = time.time, time.monotonic(), float(sys.argv.pop(1))
at = float(sys.argv.pop(1))
time.time = lambda: real() + (jump if time.monotonic() - began > at else 0)
import etl.cli
etl.cli.main()
"""
"""A loader whose clock is set by so many seconds when so many have passed."""


class SkippedError(Exception):
    """This drill can't be done here; the message says why."""


class _Site:
    """One lead file in one place, against one world."""

    def __init__(self, seed: int, place: Path, *, rows: int = ROWS) -> None:
        self.place = place
        self.path = place / "leads.csv"
        dice = random.Random(seed)
        self.leads: list[Lead] = draw_leads(dice, rows=rows)
        own = [lead for lead in self.leads if lead.due == "send" and lead.external_id]
        self.earlier = [(lead.row, dice.random() < 0.5, 86_400.0) for lead in dice.sample(own, 5)]
        write_leads(self.path, self.leads)

    def world(self, **given: Any) -> SimulatedWorld:
        return new_world(self.earlier, self.leads, **given)

    @property
    def journal(self) -> Path:
        """The journal of the one run there is."""
        (journal,) = self.place.glob(f"state/runs/*/{JOURNAL}")
        return journal

    def load_words(self, world: SimulatedWorld, **options: Any) -> list[str]:
        given = {"batch_size": 3, "concurrency": 2} | options
        return load_words(self.path, world.campaign, **given)

    async def finish(self, world: SimulatedWorld, *, wrong: list[str], holes: Holes) -> Verdict:
        """Load once more, and judge: all must be done then."""
        process = Process(self.load_words(world), world, self.place)
        await process.start()
        code, report, err = await process.end()
        if report is None or not report.results or "Traceback" in err:
            return Verdict(wrong=[*wrong, f"the load after it ended with {code}: {err[-500:]}"])
        return self.judged(world, report, wrong=wrong, holes=holes)

    def judged(self, world: SimulatedWorld, report: RunReport, *, wrong: list[str], holes: Holes) -> Verdict:
        verdict = judge(world, self.leads, report, holes=holes, final=True)
        verdict.wrong[:0] = wrong
        return verdict


async def disk_full(seed: int, place: Path) -> Result:
    """The disk of the state folder is full in the middle of the run: exit code 8, and all can go on."""
    state = place / "state"
    with _small_disk(state):
        # Results lie on another disk: it is the journal that finds no space.
        site = _Site(seed, place, rows=900)
        async with site.world(latency_ms=5) as world:
            process = Process(site.load_words(world), world, place)
            started = await process.start()
            await _reach(world, 10 + seed % 20, started)
            _fill(state / _FILLER)
            code, _, err = await process.end()
            wrong = [] if code == 8 else [f"with a full disk it ended with {code}: {err[-500:]}"]
            wrong += ["it broke: " + err[-500:]] if "Traceback" in err else []
            (state / _FILLER).unlink()
            verdict = await site.finish(world, wrong=wrong, holes=Holes())
            return Result(seed=seed, rows=len(site.leads), faults=1, verdict=verdict)


async def journal_locked(seed: int, place: Path) -> Result:
    """Somebody holds the journal for longer than a run waits: exit code 8; a second load is refused."""
    site = _Site(seed, place)
    async with site.world(latency_ms=40) as world:
        process = Process(site.load_words(world), world, place)
        started = await process.start()
        await _reach(world, 5, started)
        second = Process(site.load_words(world), world, place)
        await second.start()
        holder = sqlite3.connect(site.journal, timeout=5, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        refused, _, err = await second.end()
        wrong = [] if refused == 8 else [f"a second load at once ended with {refused}: {err[-300:]}"]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(started.wait(), _LOCKED)
        holder.execute("ROLLBACK")
        holder.close()
        code, _, err = await process.end()
        if code != 8 or "Traceback" in err:
            wrong.append(f"with a locked journal it ended with {code}: {err[-500:]}")
        verdict = await site.finish(world, wrong=wrong, holes=Holes())
        return Result(seed=seed, rows=len(site.leads), faults=2, verdict=verdict)


async def clock_jumps(seed: int, place: Path) -> Result:
    """Our clock is set by hours in mid-run, while requests go without an answer."""
    dice = random.Random(seed)
    site = _Site(seed, place)
    fault = Fault(mode=dice.choice(["504_after_commit", "reset_after_commit"]), path=POSTS, every=3)
    async with site.world(latency_ms=30, faults=[fault]) as world:
        process = Process(site.load_words(world), world, place)
        jump, at = dice.choice([-1, 1]) * dice.uniform(1, 30) * 3_600, dice.uniform(0.5, 2.0)
        await process.start("-c", _JUMPY, str(jump), str(at))
        code, report, err = await process.end()
        wrong = (
            [] if code in {0, 5, 10} else [f"with a clock that was set it ended with {code}: {err[-500:]}"]
        )
        # What was sent before the jump and is looked at after it may be beyond proof.
        holes = Holes(unproved=True)
        if report is None or {"unknown", "unsent"} & report.counts.keys():
            verdict = await site.finish(world, wrong=wrong, holes=holes)
        else:
            verdict = site.judged(world, report, wrong=wrong, holes=holes)
        return Result(seed=seed, rows=len(site.leads), faults=world.faults_hit + 1, verdict=verdict)


async def network_cut(seed: int, place: Path) -> Result:
    """Everything between loader and server is dropped for a second, and then the network is back."""
    dice = random.Random(seed)
    site = _Site(seed, place)
    async with site.world(latency_ms=20) as world, _proxied(world.base_url) as wire:
        process = Process(
            site.load_words(world),
            world,
            place,
            OBI_BASE_URL=wire.base_url,
            OBI_READ_TIMEOUT="0.5",
            OBI_CONNECT_TIMEOUT="0.5",
            OBI_RETRY_SECONDS="20",
            OBI_ATTEMPTS="9",
        )
        started = await process.start()
        await _reach(world, dice.randint(2, 15), started)
        await wire.cut(1.0, silently=seed % 2 == 0)
        code, report, err = await process.end()
        wrong = [] if code in {0, 5, 7, 10} else [f"with a cut network it ended with {code}: {err[-500:]}"]
        if report is None or {"unknown", "unsent"} & report.counts.keys():
            process = Process(RESUME_WORDS, world, place, OBI_BASE_URL=wire.base_url)
            await process.start()
            code, report, err = await process.end()
        if report is None:
            verdict = Verdict(wrong=[*wrong, f"the resume ended with {code}: {err[-500:]}"])
        else:
            verdict = site.judged(world, report, wrong=wrong, holes=Holes())
        return Result(seed=seed, rows=len(site.leads), faults=1, verdict=verdict)


Drill = Callable[[int, Path], Coroutine[Any, Any, Result]]
DRILLS: dict[str, Drill] = {
    "disk full": disk_full,
    "journal locked": journal_locked,
    "clock set": clock_jumps,
    "network cut": network_cut,
}


def drill_seed(name: str, seed: int) -> Result:
    """Do one drill, in an event loop and a place of its own. Raises SkippedError."""
    with tempfile.TemporaryDirectory(prefix=f"drill-{seed}-") as folder:
        result = asyncio.run(DRILLS[name](seed, Path(folder)))
    if not result.verdict.is_good:
        result.told = "\n  ".join([f"{name}, seed {seed}", *result.verdict.wrong[:8]])
    return result


async def _reach(world: SimulatedWorld, posts: int, process: asyncio.subprocess.Process) -> None:
    while world.posts < posts and process.returncode is None:  # noqa: ASYNC110  -- another process is watched
        await asyncio.sleep(0.002)


# --- a small disk -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _small_disk(path: Path) -> Any:
    """A file system of eight megabytes at ``path``. Raises SkippedError where none can be mounted."""
    path.mkdir(mode=0o700)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.name != "posix" or os.geteuid() != 0 or not (mount and umount):
        raise SkippedError("only root may mount a small disk")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", path], check=False, capture_output=True
    )
    if made.returncode:
        raise SkippedError(f"no small disk can be mounted: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run([umount, path], check=True)


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


# --- a wire that can be cut -------------------------------------------------------------------------


class _Wire:
    """A TCP proxy. While it is cut, nothing gets through and nobody can connect."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._silent = False
        self._open: set[asyncio.StreamWriter] = set()
        self.base_url = ""

    async def cut(self, seconds: float, *, silently: bool) -> None:
        """Cut it for so long: ``silently`` as if the packets were lost, or with connections that break."""
        self._silent = silently
        self._whole.clear()
        if not silently:
            for writer in list(self._open):
                writer.transport.abort()
        await asyncio.sleep(seconds)
        for writer in list(self._open):  # what was lost never comes
            writer.transport.abort()
        self._whole.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect somebody through."""
        if not self._whole.is_set() and not self._silent:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            await self._whole.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._open.add(far_writer)
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
            self._open.discard(far_writer)
        except ConnectionError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if not self._whole.is_set():
                    return
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def _proxied(base_url: str) -> AsyncIterator[_Wire]:
    host, _, path = base_url.removeprefix("http://").partition("/")
    wire = _Wire(int(host.rpartition(":")[2]))
    server = await asyncio.start_server(wire.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire.base_url = f"http://127.0.0.1:{port}/{path}"
    async with server:
        yield wire
