"""Runs that are repeated, continued, stopped or refused, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from etl.errors import ConfigError, OutputError, StateError
from etl.journal import Journal
from etl.orders import Order
from etl.profile import GUESSED, Profile
from etl.progress import Silence
from etl.records import RowOutcome, RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.state import JOURNAL, StateFolder

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
POSTS = "/customers/list"
CLEAN = "Lead ID,Phone,Name\n" + "".join(f"A{at},020 7946 {at:04},Name {at}\n" for at in range(1, 11))
BAD_TWO = CLEAN.replace("020 7946 0003", "nonsense").replace("020 7946 0007", "")


def order(path: Path | str, *, profile: Profile = BRITISH, **more: Any) -> Order:
    return Order(input=str(path), profile=profile, **({"campaign": PREVIEW_CAMPAIGN} | more))


async def load(settings: Settings, path: Path | str, **more: Any) -> RunReport:
    return await Runner(settings).load(order(path, **more))


async def resume(settings: Settings, run: str = "") -> RunReport:
    report = await Runner(settings).resume(run)
    assert report is not None
    return report


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    path.write_text(CLEAN, encoding="utf-8")
    return path


def sent(simulator: Simulator) -> int:
    return sum(each.method == "POST" for each in simulator.requests)


def runs_in(settings: Settings) -> list[str]:
    return StateFolder(settings.state_dir).runs()


# --- repeated ---------------------------------------------------------------------------------------


async def test_a_second_load_of_the_same_content_is_a_new_run_in_which_all_rows_exist(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        first = await load(settings, leads)
        second = await load(settings, leads)
        assert second.run != first.run
        assert (second.counts, second.exit_code, second.resumed) == ({"exists": 10}, 0, False)
        assert simulator.count(PREVIEW_CAMPAIGN) == 10


async def test_load_of_the_same_content_continues_an_unfinished_run(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=3)]) as simulator:
        settings = settings_for(simulator.base_url, batch_size=2, concurrency=1)
        stopped = await load(settings, leads)
        assert (stopped.exit_code, stopped.counts) == (6, {"created": 4, "unsent": 6})
        assert [row["obi_status"] for row in answers_in(stopped.results)] == ["created"] * 4 + ["unsent"] * 6
        report = await load(settings, leads)
        assert (report.run, report.resumed, report.counts) == (stopped.run, True, {"created": 10})
        assert [row["obi_status"] for row in answers_in(report.results)] == ["created"] * 10
        assert runs_in(settings) == [stopped.run]
        assert sent(simulator) == 6


async def test_new_run_begins_anew_beside_an_unfinished_one(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=2)]) as simulator:
        settings = settings_for(simulator.base_url, batch_size=2, concurrency=1)
        stopped = await load(settings, leads)
        report = await load(settings, leads, new_run=True)
        assert report.run != stopped.run
        assert report.counts == {"created": 8, "exists": 2}
        again = await resume(settings)
        assert again.run == stopped.run
        assert again.counts == {"created": 2, "exists": 8}


async def test_another_content_or_another_campaign_continues_nothing(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=1)]) as simulator:
        settings = settings_for(simulator.base_url)
        stopped = await load(settings, leads)
        other = await load(settings, leads, campaign=simulator.add_campaign("Other"))
        assert (other.resumed, other.run != stopped.run) == (False, True)
        leads.write_text(CLEAN + "A11,020 7946 0011,Name 11\n", encoding="utf-8")
        longer = await load(settings, leads)
        assert longer.counts == {"created": 11}
        assert not longer.resumed


async def test_a_continued_run_keeps_the_settings_that_it_began_with(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=1)]) as simulator:
        await load(settings_for(simulator.base_url, batch_size=2, concurrency=1), leads)
        before = sent(simulator)
        await load(settings_for(simulator.base_url, batch_size=100), leads)
        assert sent(simulator) - before == 5
        assert simulator.count(PREVIEW_CAMPAIGN) == 10


async def test_a_run_is_not_continued_under_other_rules_than_it_began_with(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=1)]) as simulator:
        settings = settings_for(simulator.base_url)
        stopped = await load(settings, leads)
        before = sent(simulator)
        with pytest.raises(ConfigError, match="began with other rules") as told:
            await load(settings, leads, profile=GUESSED)
        assert stopped.run in str(told.value)
        assert "--new-run" in str(told.value)
        assert sent(simulator) == before
        assert (await resume(settings)).counts == {"created": 10}


# --- resumed ----------------------------------------------------------------------------------------


async def test_resume_without_unfinished_runs_has_nothing_to_do(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        assert await Runner(settings).resume() is None
        await load(settings, leads)
        assert await Runner(settings).resume() is None


async def test_resume_needs_a_name_where_several_runs_are_unfinished(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=[1, 2])]) as simulator:
        settings = settings_for(simulator.base_url)
        first = await load(settings, leads)
        second = await load(settings, leads, new_run=True)
        with pytest.raises(StateError, match="2 runs are not finished") as told:
            await Runner(settings).resume()
        assert first.run in str(told.value)
        assert second.run in str(told.value)
        with pytest.raises(StateError, match="no run 'nothing'"):
            await Runner(settings).resume("nothing")
        assert (await resume(settings, second.run)).counts == {"created": 10}
        assert (await resume(settings)).counts == {"exists": 10}


async def test_a_finished_run_that_is_resumed_by_name_sends_nothing_and_writes_its_results_again(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await load(settings, leads)
        before = answers_in(report.results)
        Path(report.results).unlink()
        again = await resume(settings, report.run)
        assert (again.counts, again.exit_code) == ({"created": 10}, 0)
        assert answers_in(report.results) == before
        assert sent(simulator) == 1


async def test_an_input_that_changed_on_disk_is_not_resumed_where_there_is_no_copy(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=1)]) as simulator:
        settings = settings_for(simulator.base_url, spool="never")
        stopped = await load(settings, leads)
        leads.write_text(CLEAN.replace("0001", "0099"), encoding="utf-8")
        with pytest.raises(StateError, match="is not what run") as told:
            await Runner(settings).resume()
        assert told.value.exit_code == 8
        assert simulator.count(PREVIEW_CAMPAIGN) == 0
        leads.write_text(CLEAN, encoding="utf-8")
        assert (await resume(settings, stopped.run)).counts == {"created": 10}


async def test_an_input_that_is_gone_is_resumed_from_our_copy(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=1)]) as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings, leads)
        leads.unlink()
        report = await resume(settings)
        assert report.counts == {"created": 10}
        assert [row["Name"] for row in answers_in(report.results)] == [f"Name {at}" for at in range(1, 11)]


class StopAfter(Silence):
    """Progress that asks to stop once so many rows have their answer."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.stop = asyncio.Event()

    def advance(self, outcomes: Sequence[RowOutcome]) -> None:
        self.rows -= len(outcomes)
        if self.rows <= 0:
            self.stop.set()


async def test_a_run_that_is_asked_to_stop_settles_what_is_in_flight_and_is_resumable(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, batch_size=2, concurrency=1)
        progress = StopAfter(4)
        report = await Runner(settings, progress=progress, stop=progress.stop).load(order(leads))
        assert report.exit_code == 130
        assert set(report.counts) == {"created", "unsent"}
        assert simulator.count(PREVIEW_CAMPAIGN) == report.counts["created"]
        assert [row["obi_status"] for row in answers_in(report.results)].count("unsent") == report.counts[
            "unsent"
        ]
        assert (await resume(settings)).counts == {"created": 10}


# --- files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "results", ["missing/folder/a.csv", "/proc/a.csv", "a.txt", "leads.csv", "leads.rejects.csv", "."]
)
async def test_a_results_path_that_cannot_be_written_is_refused_before_anything_is_sent(
    results: str, leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        with pytest.raises(OutputError):
            await load(settings, leads, results=results)
        assert not simulator.requests
        assert runs_in(settings) == []
    assert leads.read_text(encoding="utf-8") == CLEAN


async def test_results_of_another_run_are_renamed_and_never_overwritten(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    leads.with_name("leads.results.csv").write_text("somebody's notes", encoding="utf-8")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        first = await load(settings, leads)
        second = await load(settings, leads)
        third = await load(settings, leads)
    kept = sorted(leads.parent.glob("leads.2*.results.csv"))
    assert len(kept) == 3
    texts = [path.read_text(encoding="utf-8-sig") for path in kept]
    assert sum(text == "somebody's notes" for text in texts) == 1
    runs = {answers_in(path)[0]["obi_run"] for path in kept if "notes" not in path.read_text("utf-8-sig")}
    assert runs == {first.run, second.run}
    assert {row["obi_run"] for row in answers_in(third.results)} == {third.run}


async def test_rejects_that_were_not_corrected_yet_survive_the_next_run(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    leads.write_text(BAD_TWO, encoding="utf-8")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        first = await load(settings, leads)
        leads.write_text(CLEAN.replace("A1", "B1"), encoding="utf-8")
        clean = await load(settings, leads)
    assert clean.rejects == ""
    assert not Path(first.rejects).exists(), "no run but its own may be taken for the one that wrote it"
    (kept,) = leads.parent.glob("leads.*.rejects.csv")
    assert [row["Name"] for row in answers_in(kept)] == ["Name 3", "Name 7"]


async def test_the_journal_keeps_what_each_row_was_told(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await load(settings, leads)
    path = StateFolder(settings.state_dir).folder_of(report.run) / JOURNAL
    with Journal.open(path) as journal:
        kept = [(outcome.row, outcome.status.value, outcome.id) for outcome in journal.outcomes()]
        assert journal.state() == "finished"
        assert journal.fact("report", RunReport) == report
    rows = answers_in(report.results)
    assert kept == [(int(row["obi_row"]), row["obi_status"], row["obi_id"]) for row in rows]
