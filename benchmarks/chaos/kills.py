"""``kill -9`` at random moments of a real process, and the same command again, until all is done.

What is compared with a load that nobody disturbed are the campaign and the results, but for ids, run,
attempts, batch numbers and warnings; and for the code of a row that was there before, which says whether the
server told us so or whether we saw it after a sending without an answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct, convert, structs

from benchmarks.chaos.judge import Answer, Holes, Verdict, judge, read_answers
from benchmarks.chaos.leads import Lead, draw_leads, write_leads
from benchmarks.chaos.schedules import LONGEST_ID, Result
from benchmarks.chaos.worlds import POSTS, SimulatedWorld
from etl.journal import Journal
from etl.records import RunReport
from etl.simulator import Dialect, Fault
from etl.state import JOURNAL

ROOT = Path(__file__).parents[2]
FREE = ("obi_run", "obi_campaign", "obi_id", "obi_attempts", "obi_batch", "obi_warning")
"""Result columns that may differ between a load that was killed and one that was not."""

_DOUBT = 1.5
_LONGEST = 120
_MOST_KILLS = 4
_DIALECT = Dialect(longest_external_id=LONGEST_ID)
_REFUSED = "refused-for-it-is-longer-than-the-server-bears"


class Killing(Struct, frozen=True, kw_only=True):
    """A load that is to be killed so many times; ``earlier`` as in a ``Schedule``."""

    seed: int
    leads: list[Lead]
    earlier: list[tuple[int, bool, float]]
    batch_size: int
    concurrency: int
    kills: int
    faults: list[Fault]


class Killed(Struct, kw_only=True):
    """What became of it, and how many kills hit a process that was at work."""

    result: Result
    kills: int


def draw_killing(seed: int) -> Killing:
    """The killing of a seed."""
    dice = random.Random(seed)
    rows = dice.randint(40, 120)
    leads = draw_leads(dice, rows=rows, refused=[_REFUSED] if dice.random() < 0.3 else [])
    own = [lead for lead in leads if lead.due == "send" and lead.external_id.startswith("K")]
    repeated = {lead.external_id for lead in leads if lead.due == "duplicate"}
    own = [lead for lead in own if lead.external_id not in repeated]
    fault = Fault(
        mode=dice.choice(["504_after_commit", "reset_before_commit"]), path=POSTS, rate=0.1, seed=seed
    )
    return Killing(
        seed=seed,
        leads=leads,
        earlier=[(lead.row, dice.random() < 0.5, 86_400.0) for lead in dice.sample(own, 3)],
        batch_size=dice.choice([1, 3, 7]),
        concurrency=dice.choice([1, 2, 6]),
        kills=dice.randint(1, _MOST_KILLS),
        faults=[fault] if dice.random() < 0.3 else [],
    )


class Process:
    """An ``obi`` process that is at work against a world."""

    def __init__(self, words: list[str], world: SimulatedWorld, place: Path, **environment: str) -> None:
        self._words = words
        self._environment = (
            {name: value for name, value in os.environ.items() if not name.startswith("OBI_")}
            | {
                "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
                "OBI_BASE_URL": world.base_url,
                "OBI_STATE_DIR": str(place / "state"),
                "OBI_BACKOFF": "0.01",
                "OBI_BACKOFF_MAX": "0.1",
                "OBI_DOUBT_SECONDS": str(_DOUBT),
            }
            | environment
        )
        self._place = place
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *python: str) -> asyncio.subprocess.Process:
        """Start it; ``python`` are words for the interpreter in place of ``-m etl``."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(python or ("-m", "etl")),
            *self._words,
            cwd=self._place,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return self.process

    async def end(self) -> tuple[int, RunReport | None, str]:
        """Its exit code, its report if it gave one, and what it said on standard error."""
        assert self.process is not None  # noqa: S101  -- it was started
        out, err = await asyncio.wait_for(self.process.communicate(), _LONGEST)
        said = json.loads(out) if out.strip() else None
        report = convert(said, RunReport) if said else None
        return self.process.returncode or 0, report, err.decode(errors="replace")


def load_words(path: Path, campaign: str, **options: Any) -> list[str]:
    """``obi load`` for a lead file."""
    given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return ["load", str(path), "--campaign", campaign, "--region", "GB", "--yes", "--json", "--quiet", *given]


RESUME_WORDS = ["resume", "--json", "--quiet"]


def comparable(path: Path) -> list[Answer]:
    """Results without what a kill may change."""
    rows = []
    for answer in read_answers(path):
        free = (*FREE, "obi_code", "obi_status_code") if answer["obi_status"] == "exists" else FREE
        free = free if answer["obi_status"] != "created" else (*free, "obi_status_code")
        rows.append({name: cell for name, cell in answer.items() if name not in free})
    return rows


def campaign_of(world: SimulatedWorld) -> list[dict[str, Any]]:
    """All that a campaign holds, without what differs each time."""
    held = sorted(world.customers(), key=lambda each: str(each["externalId"]))
    return [{k: v for k, v in each.items() if k not in {"id", "modificationDate"}} for each in held]


def new_world(earlier: list[tuple[int, bool, float]], leads: list[Lead], **given: Any) -> SimulatedWorld:
    """A simulator that holds the customers of an earlier day."""
    world = SimulatedWorld(dialect=_DIALECT, **given)
    for row, same, seconds in earlier:
        world.put_earlier(leads[row - 1], same=same, seconds=seconds)
    return world


class _Bench:
    """One lead file, and the processes that load it."""

    def __init__(self, killing: Killing, place: Path) -> None:
        self._killing = killing
        self._place = place
        self._path = place / "leads.csv"
        self._dice = random.Random(killing.seed)
        self._results = place / "leads.results.csv"
        write_leads(self._path, killing.leads)
        self.kills = 0
        self.wrong: list[str] = []

    async def undisturbed(self) -> tuple[list[Answer], list[dict[str, Any]]]:
        """What the results and the campaign are where nobody kills."""
        quiet = structs.replace(self._killing, faults=[])
        async with new_world(quiet.earlier, quiet.leads) as world:
            process = Process(self._words(world), world, self._place / "quiet")
            (self._place / "quiet").mkdir()
            await process.start()
            code, _, err = await process.end()
            if code not in {0, 5}:
                self.wrong.append(f"the undisturbed load ended with {code}: {err[-500:]}")
                return [], []
            results = comparable(self._results)
            self._results.unlink()
            self._results.with_name("leads.rejects.csv").unlink(missing_ok=True)
            return results, campaign_of(world)

    def _words(self, world: SimulatedWorld) -> list[str]:
        killing = self._killing
        return load_words(
            self._path, world.campaign, batch_size=killing.batch_size, concurrency=killing.concurrency
        )

    async def load(self, world: SimulatedWorld) -> RunReport | None:
        """Load until it is done, killed on the way."""
        command = self._words(world)
        patience = self._killing.kills + 6
        for _ in range(patience):
            process = Process(command, world, self._place)
            started = await process.start()
            if self.kills < self._killing.kills:
                await self._shoot(started, world)
            code, report, err = await process.end()
            if "Traceback" in err:
                self.wrong.append(f"a process broke: {err[-700:]}")
                return report
            if code == -signal.SIGKILL:
                self.kills += 1
                if (report := self._finished()) is not None:
                    return report
            elif report is None or not report.results:
                self.wrong.append(f"{command[0]} gave no results and ended with {code}: {err[-500:]}")
                return None
            elif not {"unknown", "unsent"} & report.counts.keys():
                return report
            else:
                await asyncio.sleep(_DOUBT)
            command = self._dice.choice([self._words(world), RESUME_WORDS])
            if command is RESUME_WORDS and not [*self._place.glob(f"state/runs/*/{JOURNAL}")]:
                command = self._words(world)
        self.wrong.append(f"not done after {patience} processes")
        return None

    def _finished(self) -> RunReport | None:
        """The report of a run that was over when its process was killed: only saying so was left."""
        for path in self._place.glob(f"state/runs/*/{JOURNAL}"):
            with Journal.open(path) as journal:
                if journal.state() == "finished":
                    report: RunReport | None = journal.fact("report", RunReport)
                    return report
        return None

    async def _shoot(self, process: asyncio.subprocess.Process, world: SimulatedWorld) -> None:
        """Kill it at a random moment: while it starts, sends, looks up, or writes its results."""
        ours = sum(lead.due == "send" for lead in self._killing.leads)
        batches = max(1, ours // self._killing.batch_size)
        goal = world.posts + self._dice.randint(1, max(1, batches // 2))
        moment = self._dice.random()
        if moment < 0.15:
            await asyncio.sleep(self._dice.uniform(0.2, 2.5))
        elif moment < 0.35:
            left = set(self._place.glob(".leads.re*"))  # by whom we killed before
            await _until(process, lambda: bool(set(self._place.glob(".leads.re*")) - left))
            await asyncio.sleep(self._dice.choice([0, 0, 0.002, 0.01]))
        elif moment < 0.45:
            await _until(process, lambda: world.posts >= batches)
            await asyncio.sleep(self._dice.uniform(0, 0.25))
        else:
            await _until(process, lambda: world.posts >= goal)
            await asyncio.sleep(self._dice.uniform(0, 0.03))
        if process.returncode is None:
            process.kill()


async def _until(process: asyncio.subprocess.Process, reached: Callable[[], bool]) -> None:
    """Watch a process until it has got somewhere, or has ended."""
    while process.returncode is None and not reached():  # noqa: ASYNC110  -- another process is watched
        await asyncio.sleep(0.0005)


async def kill(killing: Killing) -> Killed:
    """Load, kill, go on, and compare with what nobody disturbed."""
    with tempfile.TemporaryDirectory(prefix=f"kill-{killing.seed}-") as folder:
        place = Path(folder)
        bench = _Bench(killing, place)
        results, campaign = await bench.undisturbed()
        verdict, faults = Verdict(), 0
        if not bench.wrong:
            async with new_world(
                killing.earlier, killing.leads, latency_ms=15, faults=killing.faults
            ) as world:
                report = await bench.load(world)
                faults = world.faults_hit
                if report is not None:
                    verdict = judge(world, killing.leads, report, holes=Holes(), final=True)
                    bench.wrong += _differences(results, comparable(place / "leads.results.csv"), "results")
                    bench.wrong += _differences(campaign, campaign_of(world), "campaign")
    verdict.wrong += bench.wrong
    result = Result(seed=killing.seed, rows=len(killing.leads), faults=faults + bench.kills, verdict=verdict)
    if not verdict.is_good:
        shown = structs.replace(killing, leads=[])
        result.told = "\n  ".join([f"kill seed {killing.seed}: {shown}", *verdict.wrong[:8]])
    return Killed(result=result, kills=bench.kills)


def _differences(one: list[Any], other: list[Any], what: str) -> list[str]:
    if one == other:
        return []
    if len(one) != len(other):
        return [f"the {what} has {len(other)} rows where an undisturbed load makes {len(one)}"]
    at = next(at for at, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1])
    return [f"the {what} differs from an undisturbed load's: {other[at]} where {one[at]} is due"]


def kill_seed(seed: int) -> Killed:
    """Draw a killing and do it, in an event loop of its own."""
    return asyncio.run(kill(draw_killing(seed)))
