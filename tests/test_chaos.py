"""A small part of ``make chaos`` (``benchmarks.chaos``), its findings, and the laws that its judge stands on.

``python -m benchmarks.chaos --seed N`` plays one schedule alone, and says what it is.
"""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.hostile import DOUBLING
from benchmarks.chaos.judge import Holes, Verdict, judge
from benchmarks.chaos.kills import draw_killing, kill
from benchmarks.chaos.leads import Lead, write_leads
from benchmarks.chaos.others import clock_jumps, network_cut
from benchmarks.chaos.quirks import Quirks
from benchmarks.chaos.schedules import BRITISH, Result, Schedule, draw, play
from benchmarks.chaos.worlds import POSTS, SimulatedWorld
from etl.orders import Order
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import Dialect, Fault

AT_ONCE = 10
SHARE = 20
"""Schedules a test, so that several processes may share them."""

posix = pytest.mark.skipif(os.name != "posix", reason="signals")


def leads(rows: int, **ids: str) -> list[Lead]:
    return [
        Lead(
            row=row,
            external_id=ids.get(f"row{row}", f"K{row:03}"),
            number=f"+44207946{row:04}",
            valid=True,
            due="send",
        )
        for row in range(1, rows + 1)
    ]


async def played(seeds: range) -> list[Result]:
    """Play schedules, but for those whose server keeps an id twice: that has a test of its own."""
    turn = asyncio.Semaphore(AT_ONCE)
    schedules = [schedule for schedule in map(draw, seeds) if not schedule.holes.doubled]

    async def one(schedule: Schedule) -> Result:
        async with turn:
            return await play(schedule)

    return await asyncio.gather(*map(one, schedules))


@pytest.mark.usefixtures("settings_for")
@pytest.mark.parametrize("share", range(10))
async def test_no_schedule_of_faults_loses_doubles_or_misnames_a_row(share: int) -> None:
    results = await played(range(share * SHARE + 1, (share + 1) * SHARE + 1))
    assert [result.told for result in results if not result.verdict.is_good] == []
    assert sum(result.faults for result in results) > SHARE


@posix
@pytest.mark.usefixtures("own_place")
@pytest.mark.parametrize("seed", [2, 5, 12])
async def test_a_load_that_is_killed_at_a_random_moment_ends_as_if_it_had_not_been(seed: int) -> None:
    killed = await kill(draw_killing(seed))
    assert killed.result.told == ""


@posix
@pytest.mark.parametrize("drill", [clock_jumps, network_cut])
async def test_a_clock_that_is_set_and_a_network_that_is_cut_change_no_answer(
    drill: Callable[[int, Path], Any], own_place: Path
) -> None:
    result = await drill(1, own_place)
    assert result.verdict.wrong == []
    assert result.verdict.is_good


# --- what it found ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("settings_for")
async def test_an_id_that_two_rows_of_an_answer_share_is_neither_rows() -> None:
    fault = Fault(mode="duplicate_ids", path=POSTS)
    schedule = Schedule(
        seed=1, leads=leads(4), earlier=[], settings={"batch_size": 2}, server="simulator", faults=[fault]
    )
    assert (await play(schedule)).told == ""


@pytest.mark.usefixtures("settings_for")
async def test_a_held_row_that_a_resume_got_an_answer_for_is_not_held_again() -> None:
    """One row of the batch is refused, so that the answer for the others is "not created": 200."""
    schedule = Schedule(
        seed=1,
        leads=leads(4, row2="refused-for-it-is-longer-than-the-server-bears"),
        earlier=[],
        settings={"batch_size": 4, "on_unknown": "hold", "stop_batch_if_invalid": True},
        server="simulator",
        dialect=Dialect(longest_external_id=40),
        faults=[Fault(mode="504", path=POSTS, nth=1)],
    )
    result = await play(schedule)
    assert result.told == ""
    assert result.verdict.unknown == 1


@pytest.mark.usefixtures("settings_for")
async def test_a_customer_that_a_server_keeps_twice_is_told_in_the_results() -> None:
    """It breaks its own uniqueness, and carries out what it gave no answer to once more."""
    schedule = Schedule(
        seed=1,
        leads=leads(30),
        earlier=[],
        settings={"batch_size": 2, "concurrency": 1},
        server="hostile",
        quirks=Quirks(slow=0.3),
        hostile={"post_faults": [DOUBLING], "rate": 0.3, "hang": 0.2},
    )
    assert (await play(schedule)).told == ""


# --- the judge ----------------------------------------------------------------------------------------------


class Bench:
    """A load that went well, whose answers and customers a test falsifies."""

    def __init__(self, world: SimulatedWorld, report: RunReport) -> None:
        self.world = world
        self.leads = leads(4)
        self.report = report

    def judged(self, *, final: bool = True, **holes: bool) -> Verdict:
        return judge(self.world, self.leads, self.report, holes=Holes(**holes), final=final)

    def rewrite(self, row: int, **cells: str) -> None:
        path = Path(self.report.results)
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
        for name, cell in cells.items():
            rows[row - 1][header.index(name)] = cell
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def delete(self, row: int) -> None:
        db = self.world.simulator._service.store._db
        db.execute("DELETE FROM customers WHERE external_id = ?", (f"K{row:03}",))


@pytest.fixture
async def bench(own_place: Path, settings_for: Callable[..., Settings]) -> Any:
    path = own_place / "leads.csv"
    write_leads(path, leads(4))
    async with SimulatedWorld(dialect=Dialect()) as world:
        world.put_earlier(leads(4)[3], same=True, seconds=86_400)
        order = Order(input=str(path), profile=BRITISH, campaign=world.campaign)
        yield Bench(world, await Runner(settings_for(world.base_url)).load(order))


def test_the_judge_finds_nothing_where_nothing_is_wrong(bench: Bench) -> None:
    assert bench.judged() == Verdict()


def test_the_judge_finds_a_lost_row(bench: Bench) -> None:
    bench.delete(2)
    verdict = bench.judged()
    assert (verdict.lost, verdict.doubled, len(verdict.wrong)) == (1, 0, 1)


def test_the_judge_finds_a_customer_that_is_there_under_two_ids(bench: Bench) -> None:
    other = leads(4, row1="another")[0]
    bench.world.put_earlier(other, same=True, seconds=0)
    bench.world.earlier.clear()
    assert bench.judged().doubled


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (1, {"obi_status": "rejected"}),
        (1, {"obi_status": "unsent"}),
        (1, {"obi_status": "invalid"}),
        (1, {"obi_status": "exists", "obi_code": "exists.earlier", "obi_warning": "it was there"}),
        (1, {"obi_status": "exists", "obi_code": "exists.unproved", "obi_warning": "cannot tell"}),
        (1, {"obi_id": "0" * 32}),
        (4, {"obi_status": "created"}),
        (4, {"obi_warning": ""}),
        (1, {"obi_row": "2"}),
    ],
    ids=str,
)
def test_the_judge_finds_a_wrong_answer(row: int, cells: dict[str, str], bench: Bench) -> None:
    bench.rewrite(row, **cells)
    assert bench.judged().wrong


def test_the_judge_finds_good_rows_that_are_left_behind(bench: Bench) -> None:
    bench.delete(1)
    for status, code in (("unknown", "unknown.no_answer"), ("unsent", "unsent.run_ended")):
        bench.rewrite(1, obi_status=status, obi_code=code)
        left = [each for each in bench.judged().wrong if "would have taken it" in each]
        assert len(left) == 1
        assert not [each for each in bench.judged(final=False).wrong if "would have taken it" in each]
