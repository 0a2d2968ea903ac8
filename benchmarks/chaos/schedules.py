"""Random schedules: a lead file, a server, its faults and a loader's settings, all from one seed.

A load, then the faults are cleared and the run is resumed: once, or twice where a limit, a hold or a stopped
batch is what left rows behind. After each sitting the answers are held against what the server holds.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, structs

import etl.campaigns
from benchmarks.chaos.hostile import DOUBLING, LOOK_UP_FAULTS, POST_FAULTS
from benchmarks.chaos.judge import Holes, Verdict, judge
from benchmarks.chaos.leads import Lead, draw_leads, write_leads
from benchmarks.chaos.quirks import Quirks, draw_quirks
from benchmarks.chaos.worlds import POSTS, HostileWorld, SimulatedWorld, World
from etl.errors import EtlError
from etl.orders import Order
from etl.profile import GUESSED
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import Dialect, Fault
from etl.simulator.faults import MODES

BRITISH = GUESSED.model_copy(update={"region": "GB"})
LONGEST_ID = 40
QUICK: dict[str, Any] = {
    "connect_timeout": 2,
    "read_timeout": 0.3,
    "total_timeout": 0.5,
    "attempts": 6,
    "retry_seconds": 10,
    "backoff": 0.01,
    "backoff_max": 0.05,
}
"""Timings under which a run against a broken server is soon over."""
PATIENT: dict[str, Any] = {"read_timeout": 20, "total_timeout": 20}
"""Time-outs for a server that is well on a machine that may not be."""

HANG = 0.6
"""Seconds that a server says nothing: longer than any time-out above."""

LATEST = 1.5
"""Seconds after which nothing is done behind our back any more, nor hidden: the shortest time of doubt."""

_HANGS = ("hang", "hang_then_commit", "hang_after_commit")
_OF_ONE_ITEM = (
    "item_200", "item_429", "item_500", "item_503",
    "short_array", "id_missing", "status_code_missing", "duplicate_ids",
)  # fmt: skip
_SITTINGS = 6
UNIQUENESS_BREAKERS = {mode for mode in MODES if mode.startswith("racy")}
_LONGEST = 90
"""Seconds that a sitting may take before it counts as hanging."""


class Schedule(Struct, frozen=True, kw_only=True):
    """All that happens to one load; ``earlier`` are rows whose id is there already: (row, same, seconds)."""

    seed: int
    leads: list[Lead]
    earlier: list[tuple[int, bool, float]]
    settings: dict[str, Any]
    server: Literal["simulator", "hostile"]
    dialect: Dialect = Dialect()
    faults: list[Fault] = []
    quirks: Quirks = Quirks()
    hostile: dict[str, Any] = {}

    @property
    def holes(self) -> Holes:
        """Where this server may fool us."""
        modes = {fault.mode for fault in self.faults}
        unread = not self.settings.get("verify")
        return Holes(
            ids=unread and "reordered_array" in modes,
            swapped="reordered_array" in modes,
            refused="413" in modes,
            doubled=bool(modes & UNIQUENESS_BREAKERS) or DOUBLING in self.hostile.get("post_faults", ()),
            unproved=self.server == "hostile" and not (self.quirks.proves or self.settings.get("marker")),
        )

    @property
    def text(self) -> str:
        """The schedule in a few lines, without its rows."""
        server = (
            [f"dialect {self.dialect}", *map(str, self.faults)]
            if self.server == "simulator"
            else [str(self.quirks), str(self.hostile)]
        )
        lines = [f"seed {self.seed}: {len(self.leads)} rows, settings {self.settings}", *server]
        return "\n  ".join(lines)


class Result(Struct, kw_only=True):
    """What one schedule came to."""

    seed: int
    rows: int
    faults: int
    verdict: Verdict
    told: str = ""


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    dice = random.Random(seed)
    hostile = dice.random() < 0.4
    quirks = draw_quirks(dice) if hostile else Quirks()
    refused = [
        f"refused-for-it-is-longer-than-the-server-bears-{at}" for at in range(dice.choice([0, 0, 1, 3]))
    ]
    leads = draw_leads(dice, rows=dice.randint(30, 150), refused=refused, twins=hostile and quirks.folds)
    own = [
        lead for lead in leads if lead.external_id and lead.due == "send" and lead.external_id not in refused
    ]
    # One who differs in case only from somebody who is there would be there too.
    own = [lead for lead in own if lead.external_id.startswith("K")]
    earlier = [
        (lead.row, dice.random() < 0.5, dice.choice([3.0, 86_400.0, 86_400.0]))
        for lead in dice.sample(own, min(len(own), dice.choice([0, 3, 8])))
    ]
    taken = {row for row, *_ in earlier}
    free = [lead.external_id for lead in own if lead.row not in taken]
    settings = _draw_settings(dice)
    if hostile:
        doubling = [DOUBLING] if dice.random() < 0.1 else []
        given = {
            "post_faults": dice.sample(POST_FAULTS, dice.randint(1, 6)) + doubling,
            "look_up_faults": dice.sample(LOOK_UP_FAULTS, dice.randint(0, 2)),
            "rate": dice.choice([0.05, 0.2, 0.5]),
            "look_up_rate": dice.choice([0, 0.02, 0.1]),
            "bad": refused,
            "elsewhere": dice.sample(free, min(len(free), dice.choice([0, 2]))),
            "hang": HANG,
        }
        return Schedule(
            seed=seed, leads=leads, earlier=earlier, settings=settings, server="hostile",
            quirks=quirks, hostile=given,
        )  # fmt: skip
    faults = [_draw_fault(dice, len(leads) // settings["batch_size"] + 1) for _ in range(dice.randint(1, 5))]
    modes = {fault.mode for fault in faults}
    if "stale_reads" in modes:
        settings["doubt_seconds"] = 60  # the least for which docs/delivery.md promises anything
    if "reordered_array" in modes:
        settings["stop_batch_if_invalid"] = False  # a good row that is told 400 is not sent again
    return Schedule(
        seed=seed, leads=leads, earlier=earlier, settings=settings, server="simulator",
        dialect=_draw_dialect(dice), faults=faults,
    )  # fmt: skip


def _draw_dialect(dice: random.Random) -> Dialect:
    return Dialect(
        duplicates=dice.choice(["first", "none"]),
        attributes=dice.choice(["wrapped", "bare", "single"]),
        language=dice.choice(["en", "de", "fi"]),
        longest_external_id=LONGEST_ID,
    )


def _draw_settings(dice: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {
        "batch_size": dice.choice([1, 2, 3, 5, 9, 25, 100]),
        "concurrency": dice.choice([1, 2, 4, 8, "auto"]),
        "doubt_seconds": dice.choice([LATEST, 60]),
    }
    chances: dict[str, tuple[float, Any]] = {
        "on_unknown": (0.15, "hold"),
        "stop_batch_if_invalid": (0.2, True),
        "strict": (0.05, True),
        "canary": (0.15, dice.randint(1, 9)),
        "marker": (0.25, "Import"),
        "verify": (0.25, True),
        "existing": (0.2, "fail"),
        "max_errors": (0.15, dice.choice(["2", "5%"])),
    }
    return given | {name: value for name, (chance, value) in chances.items() if dice.random() < chance}


def _draw_fault(dice: random.Random, batches: int) -> Fault:
    mode = dice.choice(sorted(MODES))
    own_method, own_path = MODES[mode].target
    method, path = dice.choice([("POST", POSTS)] * 3 + [("GET", "/customers$"), (None, None)])
    if own_path is not None:
        method, path = own_method, own_path
    return Fault(
        mode=mode, method=method, path=path, params=_draw_params(dice, mode), **_draw_rule(dice, batches)
    )


def _draw_rule(dice: random.Random, batches: int) -> dict[str, Any]:
    return dice.choice(
        [
            {"nth": 1},
            {"nth": max(1, batches // 2)},
            {"nth": batches},
            {"nth": [1, 2, 3]},
            {"every": 3},
            {"rate": 0.1, "seed": dice.randint(0, 9_999)},
            {"rate": 0.4, "seed": dice.randint(0, 9_999)},
            {"times": dice.randint(1, 9)},
        ]
    )


def _draw_params(dice: random.Random, mode: str) -> dict[str, Any]:
    """What the fault functions read (``etl.simulator.faults``)."""
    item, few = dice.randint(0, 4), dice.randint(1, 5)
    wait = {"seconds": dice.choice([0, 1, -5])}
    params: dict[str, dict[str, Any]] = {
        **{name: {"seconds": HANG} for name in _HANGS},
        **{name: {"item": item} for name in _OF_ONE_ITEM},
        "429": wait,
        "429_date": wait,
        "413_above": {"items": few},
        "400_above": {"items": few},
        "drip": {"seconds": 0.001},
        "reset_after_partial_commit": {"items": item},
    }
    return params.get(mode, {})


def world_of(schedule: Schedule) -> World:
    """The server of a schedule, not yet open."""
    if schedule.server == "hostile":
        return HostileWorld(seed=schedule.seed, quirks=schedule.quirks, **schedule.hostile)
    return SimulatedWorld(dialect=schedule.dialect, faults=schedule.faults)


async def play(schedule: Schedule) -> Result:
    """Load, resume and judge one schedule."""
    with tempfile.TemporaryDirectory(prefix=f"chaos-{schedule.seed}-") as folder:
        place = Path(folder)
        path = place / "leads.csv"
        write_leads(path, schedule.leads)
        async with world_of(schedule) as world:
            for row, same, seconds in schedule.earlier:
                world.put_earlier(schedule.leads[row - 1], same=same, seconds=seconds)
            verdict = await _Sittings(schedule, world, path).play()
            result = Result(
                seed=schedule.seed, rows=len(schedule.leads), faults=world.faults_hit, verdict=verdict
            )
    if not verdict.is_good:
        result.told = "\n  ".join([schedule.text, *verdict.wrong[:8]])
    return result


class _Sittings:
    """A load and its resumes."""

    def __init__(self, schedule: Schedule, world: World, path: Path) -> None:
        self._schedule = schedule
        self._world = world
        self._path = path
        self._settings = Settings(
            base_url=world.base_url, state_dir=path.parent / "state", **(QUICK | schedule.settings)
        )
        self._patient = self._settings.model_copy(update=PATIENT)
        self._unlimited = self._patient.model_copy(update=_UNLIMITED)

    async def play(self) -> Verdict:
        """Sit until all is done, or until it should be; the last verdict, with whatever was wrong before."""
        wrong: list[str] = []
        report: RunReport | None = None
        for sitting in range(1, _SITTINGS + 1):
            try:
                report = await asyncio.wait_for(self._sit(report), _LONGEST)
            except EtlError as error:
                if problem := self._refused_wrongly(error, sitting):
                    return Verdict(wrong=[*wrong, problem])
                self._world.clear_faults()
                continue
            except Exception:  # noqa: BLE001  -- whatever it is, it is a finding
                return Verdict(wrong=[*wrong, f"sitting {sitting} broke: {traceback.format_exc()[-900:]}"])
            ended = time.monotonic()
            await self._world.settle()
            final = sitting >= 2 and not self._may_go_on(report)
            holes, leads = self._schedule.holes, self._schedule.leads
            verdict = judge(self._world, leads, report, holes=holes, final=final, ended=ended)
            wrong += [f"sitting {sitting}: {each}" for each in verdict.wrong]
            if final or not {"unknown", "unsent"} & report.counts.keys():
                break
            if sitting == _SITTINGS:
                wrong.append(f"rows are left after {sitting} sittings: {report.reasons}")
            self._world.clear_faults()
            if self._settings.doubt_seconds < 60:
                await asyncio.sleep(self._settings.doubt_seconds)
        return structs.replace(verdict, wrong=wrong)

    async def _sit(self, report: RunReport | None) -> RunReport:
        if report is None or report.next.startswith("obi load"):
            order = Order(input=str(self._path), profile=BRITISH, campaign=self._world.campaign)
            return await Runner(self._settings if report is None else self._unlimited).load(order)
        resumed = await Runner(self._patient, changed=_UNLIMITED).resume(report.run)
        return report if resumed is None else resumed

    def _refused_wrongly(self, error: EtlError, sitting: int) -> str:
        """Why it was wrong to raise: only before a run begins may it, and only for what the server did."""
        if sitting > 1:
            return f"sitting {sitting} raised {error!r} though the server is well"
        if self._world.posts:
            return f"the load raised {error!r} after it had sent something"
        return ""

    def _may_go_on(self, report: RunReport) -> bool:
        """Whether rows may be left after this sitting: a limit ended it, a batch stopped, or a hold."""
        settings = self._schedule.settings
        held = settings.get("on_unknown") == "hold" and "unknown" in report.counts and not report.resumed
        stopped = settings.get("stop_batch_if_invalid") and "unsent.batch_stopped" in report.reasons
        return bool(held or stopped or report.stopped)


_UNLIMITED: dict[str, Any] = {"canary": None, "max_errors": "", "strict": False}
"""What somebody changes who wants the rest sent all the same."""


def play_seed(seed: int) -> Result:
    """Draw a schedule and play it, in an event loop of its own."""
    # Nine in ten don't wait for the server's clock to tick: what it proves is a second less sharp then.
    etl.campaigns._TICK = 0 if seed % 10 else 1_100  # noqa: SLF001
    return asyncio.run(play(draw(seed)))
