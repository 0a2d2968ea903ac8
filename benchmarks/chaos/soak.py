"""A million rows with one fault in fifty requests: memory must not grow with what is done."""

from __future__ import annotations

import asyncio
import csv
import tempfile
from pathlib import Path

from benchmarks.chaos.judge import Verdict
from benchmarks.chaos.kills import Process, load_words
from benchmarks.chaos.schedules import Result
from benchmarks.chaos.worlds import POSTS, SimulatedWorld
from benchmarks.make_leads import make
from etl.simulator import PREVIEW_CAMPAIGN, Dialect, Fault

MODES = (
    "503",
    "429_bare",
    "504_after_commit",
    "reset_after_partial_commit",
    "html_200_after_commit",
    "short_array",
    "item_500",
)
ONE_IN = 50
ALLOWED = 1.1
"""By how much the memory of the last third of the time may pass that of the second third."""


async def soak(rows: int, *, seed: int) -> Result:
    """Load so many rows, and tell what memory it took; Linux only."""
    faults = [
        Fault(mode=mode, method="POST", path=POSTS, rate=1 / ONE_IN / len(MODES), seed=seed + at)
        for at, mode in enumerate(MODES)
    ]
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        place = Path(folder)
        leads = place / "leads.csv"
        await asyncio.to_thread(make, leads, rows, seed=seed)
        async with SimulatedWorld(dialect=Dialect(), db=place / "sim.sqlite", faults=faults) as world:
            process = Process(load_words(leads, world.campaign), world, place, OBI_BACKOFF="0.05")
            started = await process.start()
            sampling = asyncio.create_task(_sampled(started))
            _, err = await started.communicate()
            code, memory = started.returncode, await sampling
            print(f"  soak: RSS {_thirds_told(memory)}", flush=True)
            verdict = Verdict(wrong=[*_growth(memory)])
            if code:
                verdict.wrong.append(f"it ended with {code}: {err.decode(errors='replace')[-500:]}")
            _judge(verdict, world, place / "leads.results.csv", rows)
            hits = sum(int(str(rule["hits"])) for rule in world.simulator._service.plan.state())  # noqa: SLF001
    told = "\n  ".join(["soak", *verdict.wrong]) if not verdict.is_good else ""
    return Result(seed=seed, rows=rows, faults=hits, verdict=verdict, told=told)


async def _sampled(process: asyncio.subprocess.Process) -> list[int]:
    """Resident kilobytes of a process, twice a second while it lives."""
    status = Path(f"/proc/{process.pid}/status")
    samples = []
    while process.returncode is None:
        told = await asyncio.to_thread(_resident, status)
        if told:
            samples.append(told)
        await asyncio.sleep(0.5)
    return samples


def _resident(status: Path) -> int:
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def _thirds(samples: list[int]) -> list[int]:
    """The most that each third of the time saw."""
    third = len(samples) // 3
    return [max(samples[third * at : third * (at + 1)], default=0) for at in range(3)]


def _thirds_told(samples: list[int]) -> str:
    return " / ".join(f"{kilobytes / 1024:,.0f} MB" for kilobytes in _thirds(samples))


def _growth(samples: list[int]) -> list[str]:
    _, second, last = _thirds(samples)
    return [f"memory grows: {_thirds_told(samples)}"] if last > ALLOWED * second else []


def _judge(verdict: Verdict, world: SimulatedWorld, results: Path, rows: int) -> None:
    """Each row is created, once, as the id that the server holds; streamed, for there are many."""
    held: set[int] = set()
    ids: set[int] = set()
    for each in world.simulator.customers(PREVIEW_CAMPAIGN):
        held.add(hash((each["externalId"], each["id"])))
        ids.add(hash(each["externalId"]))
    verdict.doubled = world.simulator.count(PREVIEW_CAMPAIGN) - len(ids)
    told = 0
    with results.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, strict=True):
            told += 1
            verdict.unknown += row["obi_status"] == "unknown"
            if row["obi_status"] != "created":
                verdict.wrong.append(f"row {row['obi_row']} is told {row['obi_status']} ({row['obi_code']})")
            elif hash((row["obi_external_id"], row["obi_id"])) not in held:
                verdict.lost += 1
    if told != rows or len(ids) != rows:
        verdict.wrong.append(f"{rows} rows, {told} answers, {len(ids)} customers")
    del verdict.wrong[20:]


def soak_report(rows: int, seed: int) -> Result:
    """Soak, in an event loop of its own."""
    return asyncio.run(soak(rows, seed=seed))
