"""The benchmark measures what it says, and every contestant does the same work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks import stopwatch
from benchmarks.bare_server import POST_PATH, Server, Temper, bulk_items, created_items
from benchmarks.bench import FORMS, Bench
from benchmarks.figures import Figures, Part
from benchmarks.goals import GOALS, Goal, Verdict, judge
from benchmarks.make_leads import make
from benchmarks.measure import Case, FailedError, Sample, run
from benchmarks.page import page
from benchmarks.parts import PARTS
from benchmarks.peers import sequential
from benchmarks.servers import bare_server
from etl.simulator import PREVIEW_CAMPAIGN, Simulator

DOCS = Path(__file__).parent.parent / "docs"
ROWS = 230
BODY = b'[{"externalId": "1"}, {"externalId": "2"}]'

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


def case(name: str, rows: int, *walls: float, **facts: float) -> Case:
    samples = [Sample(wall=wall, cpu=wall, peaks=[100.0], facts=facts) for wall in walls]
    return Case(name=name, rows=rows, samples=samples)


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    make(path := tmp_path / "leads.csv", ROWS)
    return path


def part(*cases: Case) -> Part:
    return Part(form="full", day="2027-04-03", cases=list(cases))


# --- the server -------------------------------------------------------------------------------------


def test_the_bare_server_creates_each_item() -> None:
    status, content = Server(Temper()).answer(b"POST", POST_PATH.encode(), BODY)
    items = msgspec.json.decode(content)
    assert (status, [item["statusCode"] for item in items]) == (HTTPStatus.OK, [201, 201])


def test_the_bare_server_speaks_bulk_at_the_same_work_a_row() -> None:
    status, content = Server(Temper()).answer(b"PUT", b"/_bulk", BODY)
    items = msgspec.json.decode(content)["items"]
    assert (status, [item["index"]["status"] for item in items]) == (HTTPStatus.OK, [201, 201])
    assert len(bulk_items(100)) < 2 * len(created_items(100))


def test_the_bare_server_refuses_what_is_beyond_its_capacity() -> None:
    server = Server(Temper(latency=1, capacity=8))
    server.under_way = 8
    assert server.answer(b"POST", POST_PATH.encode(), BODY) == (HTTPStatus.TOO_MANY_REQUESTS, b"")
    server.under_way = 7
    assert server.answer(b"POST", POST_PATH.encode(), BODY)[0] is HTTPStatus.OK
    assert (server.counters.requests, server.counters.refused, server.counters.rows) == (2, 1, 2)


def test_a_crowded_server_brings_most_through_at_its_knee() -> None:
    temper = Temper(latency=0.02, knee=8)
    assert max(range(1, 65), key=lambda number: number / temper.seconds(number)) == 8


def test_the_counters_begin_anew_when_they_were_read(leads: Path) -> None:
    with bare_server(latency=1) as server:
        assert sequential.main(leads, server.post_url) == 0
        counted = server.counters()
        assert (counted.requests, counted.rows, counted.refused) == (3, ROWS, 0)
        assert counted.last > counted.first
        assert server.counters().requests == 0


# --- measuring --------------------------------------------------------------------------------------


@linux
def test_cpu_time_and_memory_of_child_processes_count(tmp_path: Path) -> None:
    child = "import time\nx = bytearray(60_000_000)\nwhile time.process_time() < .4: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    sample = run([sys.executable, "-c", parent], folder=tmp_path, env=dict(os.environ))
    assert sample.cpu > 0.4
    assert len(sample.peaks) == 2
    assert sample.peaks[1] > 57 > sample.peaks[0] > 0


def test_a_command_that_fails_gives_no_figures(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=r"ended with 3: .*what was wrong"):
        run([sys.executable, "-c", "print('what was wrong'); exit(3)"], folder=tmp_path, env=dict(os.environ))


def test_the_stopwatch_counts_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopwatch, "_spent", spent := {"outer": 0.0, "inner": 0.0})
    clock = iter(range(100))
    monkeypatch.setattr("time.thread_time", lambda: float(next(clock)))

    class Work:
        def outer(self) -> None:
            self.inner()
            self.inner()

        def inner(self) -> None:
            pass

    for name in ("outer", "inner"):
        stopwatch.watch(Work, name, name)
    Work().outer()
    # Five ticks from the first to the last look of six, of which each inner call has one.
    assert spent == {"outer": 3.0, "inner": 2.0}


def test_the_stopwatch_runs_while_a_generator_works_and_not_while_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopwatch, "_spent", spent := {"steps": 0.0})
    now = [0.0]
    monkeypatch.setattr("time.thread_time", lambda: now[0])

    class Work:
        def steps(self) -> Any:
            for _ in range(3):
                now[0] += 1
                yield now[0]

    stopwatch.watch(Work, "steps", "steps")
    for _ in Work().steps():
        now[0] += 10
    assert spent == {"steps": 3.0}


# --- contestants ------------------------------------------------------------------------------------


def test_the_peers_send_what_we_send(
    leads: Path, serve: Callable[..., Simulator], obi: Callable[..., tuple[int, str, str]]
) -> None:
    ours, theirs = serve(), serve()
    words = ("--campaign", PREVIEW_CAMPAIGN, "--base-url", ours.base_url, "--region", "GB", "--yes")
    assert obi("load", leads, *words)[0] == 0
    url = f"{theirs.base_url}/campaigns/{PREVIEW_CAMPAIGN}/customers/list"
    assert sequential.main(leads, url) == 0

    def sent(simulator: Simulator) -> dict[str, tuple[str, set[tuple[str, str]]]]:
        return {
            each["externalId"]: (
                each["numbers"],
                {(pair["name"], pair["value"]) for pair in each["attributes"]["attribute"]},
            )
            for each in simulator.customers(PREVIEW_CAMPAIGN)
        }

    assert sent(theirs) == sent(ours)
    assert len(sent(ours)) == ROWS


@linux
@pytest.mark.parametrize("name", ["beginning", "shares"])
def test_a_part_measures_what_its_goals_are_about(name: str, tmp_path: Path) -> None:
    told: list[str] = []
    measured = PARTS[name](Bench(FORMS["smoke"], tmp_path, tell=told.append))
    assert len(told) == len(measured)
    verdicts = judge(Figures(parts={name: part(*measured)}))
    assert {verdict.goal.part for verdict in verdicts if verdict.figure is not None} == {name}
    assert [
        verdict.what for verdict in verdicts if verdict.goal.part == name and verdict.figure is None
    ] == []


# --- goals and page ---------------------------------------------------------------------------------


def test_each_goal_is_of_a_part_and_has_one_limit() -> None:
    for goal in GOALS:
        assert goal.part in PARTS
        assert (goal.least is None) is not (goal.most is None), goal.what


@pytest.mark.parametrize(
    ("figure", "reached"), [(3.9, False), (4.0, True), (4.1, True), (None, None)], ids=str
)
def test_a_goal_is_reached_at_its_limit(figure: float | None, reached: bool | None) -> None:
    least = Goal(part="growth", what="", figure=lambda _: 0, least=4)
    assert Verdict(goal=least, what="", figure=figure).reached is reached
    most = Goal(part="growth", what="", figure=lambda _: 0, most=-4)
    negative = None if figure is None else -figure
    assert Verdict(goal=most, what="", figure=negative).reached is reached


def test_figures_are_ratios_of_medians() -> None:
    figures = Figures(
        parts={
            "side-by-side": part(
                case("obi load", 100_000, 2.0, 9.0, 1.0),
                case("obi load, one process", 100_000, 3.0),
                case("sequential", 100_000, 5.0),
                case("obi load", 1_000_000, 11.0),
                case("obi load, one process", 1_000_000, 12.0),
                case("sequential", 1_000_000, 49.5),
            ),
            "growth": part(case("obi load", 100_000, 2.0), case("obi load", 1_000_000, 20.5)),
        }
    )
    found = {verdict.what: verdict.figure for verdict in judge(figures)}
    assert found["1,000,000 rows, rows/s ÷ the sequential script's"] == pytest.approx(4.5)
    assert found["100,000 rows, rows/s ÷ the sequential script's"] == pytest.approx(2.5)
    assert found["1,000,000 rows, rows/s ÷ dlt's"] is None
    assert found["steady state in one process, start-up taken off"] == pytest.approx(100_000)
    assert found["ten times the rows: time"] == pytest.approx(10.25)


def test_figures_are_kept_a_case_a_line(tmp_path: Path) -> None:
    figures = Figures(
        note="so", machine={"Python": "3"}, parts={"growth": part(case("a", 1, 2.0), case("b", 3, 4.5))}
    )
    figures.write(path := tmp_path / "performance.json")
    assert Figures.read(path) == figures
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3


def test_a_page_without_figures_says_so() -> None:
    text = page(Figures())
    assert text.count("Not measured yet.") == len(PARTS)
    assert "not measured" in text


def test_the_page_in_the_docs_is_made_from_the_figures_beside_it() -> None:
    figures = Figures.read(DOCS / "performance.json")
    assert page(figures) == (DOCS / "performance.md").read_text(encoding="utf-8"), "make bench BENCH=--render"
    assert set(figures.parts) == set(PARTS)


def test_the_full_form_has_the_sizes_that_goals_are_set_for() -> None:
    full = FORMS["full"]
    assert (full.small, full.large, full.distant, full.listed) == (100_000, 1_000_000, 1_000_000, 10_000_000)
    assert full.growth[-1] == 5_000_000
    assert full.workbooks == (200_000, 1_000_000)
