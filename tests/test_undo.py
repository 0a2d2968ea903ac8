"""``obi runs undo``: what a run created is deleted, nothing else, and each customer has its answer."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from etl.errors import ApiError, DiskFullError, InterruptedRunError, LockedError, OutputError, StateError
from etl.journal import Journal
from etl.orders import Order
from etl.profile import GUESSED
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.state import JOURNAL, StateFolder
from etl.undo import UNDO_COLUMNS, Undoer, UndoOrder, UndoPlan, UndoReport
from etl.undone import UNDONE, Undone, UndoneRow, UndoStatus, undoing_of

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
ROWS = 10


def content(rows: int = ROWS, *, prefix: str = "LEAD-") -> str:
    lines = (f"{prefix}{at},020 7946 {at % 1000:04},Name {at}\n" for at in range(1, rows + 1))
    return "Lead ID,Phone,Name\n" + "".join(lines)


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    path.write_text(content(), encoding="utf-8")
    return path


async def load(settings: Settings, path: Path, **more: Any) -> RunReport:
    asked: dict[str, Any] = {"campaign": PREVIEW_CAMPAIGN, "profile": BRITISH} | more
    return await Runner(settings).load(Order(input=str(path), **asked))


async def undo(settings: Settings, run: str, **asked: Any) -> UndoReport:
    return await Undoer(settings).undo(UndoOrder(run=run, **asked))


def call(simulator: Simulator, *external_ids: str, result: str = "SUCCESS", calls: int = 1) -> None:
    """Let agents have called these customers."""
    simulator._service.store._db.executemany(
        "UPDATE customers SET result = ?, body = json_set(body, '$.result', ?, '$.callCount', ?) "
        "WHERE external_id = ?",
        [(result, result, calls, external_id) for external_id in external_ids],
    )


def remove(simulator: Simulator, external_id: str) -> None:
    """Let somebody have deleted this customer."""
    simulator._service.store._db.execute("DELETE FROM customers WHERE external_id = ?", (external_id,))


def status_in(simulator: Simulator) -> str:
    campaign = simulator._service.store.campaign(PREVIEW_CAMPAIGN)
    assert campaign is not None
    return str(campaign.status)


def set_status(simulator: Simulator, status: Literal["Active", "Passive"]) -> None:
    campaign = simulator._service.store.campaign(PREVIEW_CAMPAIGN)
    assert campaign is not None
    simulator._service.store.put_campaigns([replace(campaign, status=status)])


def ids_in(simulator: Simulator) -> set[str]:
    return {each["externalId"] for each in simulator.customers(PREVIEW_CAMPAIGN)}


def calls_of(simulator: Simulator, method: str) -> int:
    return sum(each.method == method for each in simulator.requests)


def folder_of(settings: Settings, run: str) -> Path:
    return StateFolder(settings.state_dir).folder_of(run)


# --- what is deleted --------------------------------------------------------------------------------


async def test_every_customer_that_the_run_created_is_deleted_and_has_its_answer(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        held = {each["externalId"]: each["id"] for each in simulator.customers(PREVIEW_CAMPAIGN)}
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.rows, report.counts) == (0, ROWS, {"deleted": ROWS})
        assert report.balanced
        assert simulator.count(PREVIEW_CAMPAIGN) == 0
        assert report.results == str(leads.with_name("leads.undo.csv"))
        answers = answers_in(report.results)
        assert list(answers[0]) == list(UNDO_COLUMNS)
        assert {each["obi_external_id"]: each["obi_id"] for each in answers} == held
        assert [each["obi_row"] for each in answers] == [str(row) for row in range(1, ROWS + 1)]
        assert {each["obi_status"] for each in answers} == {"deleted"}
        assert {each["obi_run"] for each in answers} == {loaded.run}


async def test_customers_that_were_there_before_stay(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        first = await load(settings, leads)
        leads.write_text(content(ROWS + 5), encoding="utf-8")
        second = await load(settings, leads)
        assert second.counts == {"created": 5, "exists": ROWS}
        report = await undo(settings, second.run)
        assert (report.rows, report.counts) == (5, {"deleted": 5})
        assert ids_in(simulator) == {f"LEAD-{at}" for at in range(1, ROWS + 1)}
        assert (await undo(settings, first.run)).counts == {"deleted": ROWS}


async def test_a_thousand_are_looked_up_page_by_page_and_those_of_another_run_stay(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        leads.write_text(content(300, prefix="OTHER-"), encoding="utf-8")
        await load(settings, leads)
        leads.write_text(content(1_000), encoding="utf-8")
        loaded = await load(settings, leads)
        call(simulator, "LEAD-7", "LEAD-900")
        before = calls_of(simulator, "GET")
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (5, {"deleted": 998, "kept": 2})
        assert ids_in(simulator) == {"LEAD-7", "LEAD-900", *(f"OTHER-{at}" for at in range(1, 301))}
        assert calls_of(simulator, "DELETE") == 998
        assert calls_of(simulator, "GET") - before < 40


async def test_few_customers_of_a_large_campaign_are_looked_up_one_by_one(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        leads.write_text(content(1_500, prefix="OTHER-"), encoding="utf-8")
        await load(settings, leads)
        leads.write_text(content(3), encoding="utf-8")
        loaded = await load(settings, leads)
        before = calls_of(simulator, "GET")
        assert (await undo(settings, loaded.run)).counts == {"deleted": 3}
        assert calls_of(simulator, "GET") - before < 12
        assert simulator.count(PREVIEW_CAMPAIGN) == 1_500


# --- who stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [{"result": "SUCCESS"}, {"result": "DIALING", "calls": 0}, {"result": "BUSY", "calls": 2}],
    ids=lambda state: state["result"],
)
async def test_who_was_called_is_kept_and_told_and_goes_only_when_that_is_asked_for(
    state: dict[str, Any], leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        call(simulator, "LEAD-2", "LEAD-10", **state)
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (5, {"deleted": 8, "kept": 2})
        assert ids_in(simulator) == {"LEAD-2", "LEAD-10"}
        kept = {each["obi_external_id"]: each for each in answers_in(report.results)}["LEAD-10"]
        assert (kept["obi_status"], state["result"] in kept["obi_error"]) == ("kept", True)
        assert [(each.row, each.external_id) for each in report.kept] == [(2, "••••-2"), (10, "•••••10")]
        again = await undo(settings, loaded.run)
        assert (again.exit_code, again.counts) == (5, {"deleted": 8, "kept": 2})
        whole = await undo(settings, loaded.run, handled_too=True)
        assert (whole.exit_code, whole.counts) == (0, {"deleted": 10})
        assert ids_in(simulator) == set()


async def test_an_active_campaign_is_paused_before_the_calls_are_looked_at(
    leads: Path, settings_for: MakeSettings
) -> None:
    """A customer whose call ends while we pause must not be taken for one that was not called."""
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        start = len(simulator.requests)
        report = await undo(settings, loaded.run)
        asked = [(each.method, each.path) for each in simulator.requests[start:]]
        pause = next(at for at, (method, _) in enumerate(asked) if method == "PUT")
        looks = [at for at, (_, path) in enumerate(asked) if "/customers" in path]
        assert pause < min(looks)
        assert report.paused
        assert status_in(simulator) == "Passive"


@pytest.mark.parametrize("mode", ["504_after_commit", "504", "reset_before_commit", "reset_after_commit"])
async def test_a_pause_without_an_answer_is_looked_at_and_asked_for_again(
    mode: str, leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode=mode, method="PUT", nth=[1, 2])]) as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        assert (await undo(settings, loaded.run)).counts == {"deleted": ROWS}
        assert status_in(simulator) == "Passive"


async def test_a_campaign_that_cannot_be_paused_keeps_its_customers(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="empty_200", method="PUT")]) as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts, report.paused) == (7, {"failed": ROWS}, False)
        assert "could not be paused" in report.stopped
        assert simulator.count(PREVIEW_CAMPAIGN) == ROWS
        assert calls_of(simulator, "DELETE") == 0


async def test_an_id_whose_customer_is_another_one_is_never_deleted(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    """A server that answers in another order gives each row the id of another."""
    async with Simulator(faults=[Fault(mode="reordered_array", nth=1)]) as simulator:
        settings = settings_for(simulator.base_url)
        leads.write_text(content(3), encoding="utf-8")
        loaded = await load(settings, leads)
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (5, {"deleted": 1, "kept": 2})
        assert ids_in(simulator) == {"LEAD-1", "LEAD-3"}
        assert "another customer's" in answers_in(report.results)[0]["obi_error"]


async def test_a_customer_that_was_put_there_again_by_another_run_stays(
    leads: Path, settings_for: MakeSettings
) -> None:
    """The externalId is the row's, and the customer is not: the id tells."""
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        remove(simulator, "LEAD-4")
        again = await load(settings, leads)
        assert again.counts == {"created": 1, "exists": ROWS - 1}
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (5, {"deleted": ROWS - 1, "kept": 1})
        assert "under another id" in report.kept[0].error
        assert ids_in(simulator) == {"LEAD-4"}
        assert (await undo(settings, again.run)).counts == {"deleted": 1}


async def test_a_row_without_an_id_is_found_by_its_external_id_and_proved_by_its_numbers(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        with Journal.open(folder_of(settings, loaded.run) / JOURNAL) as journal:
            journal.record([replace(each, id="") for each in journal.outcomes()])
        simulator._service.store._db.execute(
            "UPDATE customers SET body = json_set(body, '$.numbers', '+442079469999') "
            "WHERE external_id = 'LEAD-5'"
        )
        report = await undo(settings, loaded.run)
        assert report.counts == {"deleted": ROWS - 1, "kept": 1}
        assert ids_in(simulator) == {"LEAD-5"}


async def test_rows_of_unknown_outcome_are_not_touched_and_told(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="504_after_commit", path="/list", nth=2)]) as simulator:
        settings = settings_for(simulator.base_url, batch_size=4, concurrency=1, on_unknown="hold")
        loaded = await load(settings, leads)
        assert loaded.counts == {"created": 6, "unknown": 4}
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.rows, report.counts) == (10, 6, {"deleted": 6})
        assert (report.undecided, report.undecided_rows) == (4, (5, 6, 7, 8))
        assert ids_in(simulator) == {f"LEAD-{at}" for at in range(5, 9)}


async def test_rows_in_doubt_of_a_run_that_was_undone_are_settled_by_resume_and_undone_then(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="504_after_commit", path="/list", nth=2)]) as simulator:
        held = settings_for(simulator.base_url, batch_size=4, concurrency=1, on_unknown="hold", activate=True)
        loaded = await load(held, leads)
        assert (await undo(held, loaded.run)).exit_code == 10
        changed = {"on_unknown": "verify"}
        resumed = await Runner(held, changed=changed).resume(loaded.run)
        assert resumed is not None
        assert resumed.counts == {"created": ROWS}
        assert status_in(simulator) == "Passive"  # nobody is to call whom it put there
        report = await undo(held, loaded.run)
        assert (report.exit_code, report.counts) == (0, {"deleted": ROWS})
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_rows_that_a_killed_load_had_in_flight_are_not_decided(
    leads: Path, settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_given: object) -> None:
        raise MemoryError

    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "settle", dying)
            with pytest.raises((ExceptionGroup, MemoryError)):
                await load(settings, leads)
        (run,) = StateFolder(settings.state_dir).runs()
        report = await undo(settings, run)
        assert (report.exit_code, report.rows, report.undecided) == (10, 0, ROWS)
        assert simulator.count(PREVIEW_CAMPAIGN) == ROWS
        assert (await Runner(settings).resume(run)).counts == {"created": ROWS}  # type: ignore[union-attr]
        assert (await undo(settings, run)).counts == {"deleted": ROWS}


async def test_a_server_that_does_not_tell_of_calls_keeps_its_customers(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        simulator._service.store._db.execute(
            "UPDATE customers SET body = json_remove(body, '$.callCount', '$.modificationDate')"
        )
        assert (await undo(settings, loaded.run)).counts == {"kept": ROWS}
        assert (await undo(settings, loaded.run, handled_too=True)).counts == {"deleted": ROWS}


# --- a server that fails ----------------------------------------------------------------------------

HARMLESS = ["429_bare", "500", "502", "503", "504", "html_502", "html_200", "empty_200", "404"]
HARMLESS += ["reset_before_read", "reset_before_commit", "reset_after_commit", "504_after_commit"]
HARMLESS += ["500_after_commit", "html_200_after_commit", "empty_200_after_commit"]


@pytest.mark.parametrize("mode", HARMLESS)
async def test_a_deletion_without_a_true_answer_is_looked_at_and_repeated(
    mode: str, leads: Path, settings_for: MakeSettings
) -> None:
    faults = [Fault(mode=mode, method="DELETE", nth=[1, 2, 5, 9, 20, 21])]
    async with Simulator(faults=faults) as simulator:
        settings = settings_for(simulator.base_url)
        earlier = content(5, prefix="OTHER-")
        leads.write_text(earlier, encoding="utf-8")
        await load(settings, leads)
        leads.write_text(content(20), encoding="utf-8")
        loaded = await load(settings, leads)
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (0, {"deleted": 20})
        assert ids_in(simulator) == {f"OTHER-{at}" for at in range(1, 6)}
        assert simulator._service.plan.state()[0]["hits"], "the fault never happened"


async def test_a_gateway_that_loses_every_answer_does_not_keep_it_from_its_end(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="504_after_commit", method="DELETE")]) as simulator:
        settings = settings_for(simulator.base_url)
        leads.write_text(content(60), encoding="utf-8")
        loaded = await load(settings, leads)
        assert (await undo(settings, loaded.run)).counts == {"deleted": 60}
        assert calls_of(simulator, "DELETE") == 60


@pytest.mark.parametrize("seed", range(4))
async def test_under_any_mixture_of_faults_only_the_customers_of_the_run_go_and_all_of_them(
    seed: int, leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    dice = random.Random(seed)
    rows = dice.choice([20, 60, 250])
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, attempts=3, concurrency=dice.choice([1, 4, 8]))
        leads.write_text(content(30, prefix="OTHER-"), encoding="utf-8")
        await load(settings, leads)
        leads.write_text(content(rows), encoding="utf-8")
        loaded = await load(settings, leads)
        call(simulator, "LEAD-3")
        for mode in ("401", "403"):
            simulator.add_fault(mode, method="DELETE", rate=0.05, seed=seed, times=2)
        for at, mode in enumerate(dice.sample(HARMLESS, 5)):
            simulator.add_fault(mode, method="DELETE", rate=0.05, seed=seed + at)
        for at, mode in enumerate(dice.sample(["500", "503", "reset_before_read", "html_200", "401"], 3)):
            simulator.add_fault(mode, rate=0.03, seed=seed + at, times=20)
        for _ in range(30):
            with suppress(ApiError):  # nothing was begun
                report = await undo(settings, loaded.run)
                assert report.balanced
                assert sum(report.counts.values()) == rows
                told = Counter(each["obi_status"] for each in answers_in(report.results))
                assert told == report.counts
                if report.exit_code == 5 and not report.counts.get("failed"):
                    break
        assert report.counts == {"deleted": rows - 1, "kept": 1}
        assert ids_in(simulator) == {"LEAD-3", *(f"OTHER-{at}" for at in range(1, 31))}


@pytest.mark.parametrize("mode", ["500", "503", "reset_before_read", "truncated_json", "stale_reads"])
@pytest.mark.parametrize("rows", [20, 210])
async def test_looks_that_fail_now_and_then_change_nothing(
    mode: str, rows: int, leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        leads.write_text(content(rows), encoding="utf-8")
        loaded = await load(settings, leads)
        simulator.add_fault(mode, method="GET", path="/customers", nth=[1, 4, 5])
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (0, {"deleted": rows})
        assert ids_in(simulator) == set()


@pytest.mark.parametrize(
    ("mode", "code"), [("401", 6), ("403", 6), ("302_login", 6), ("405", 9), ("429_absurd", 7)]
)
async def test_what_stops_an_undo_leaves_it_to_go_on_from_there(
    mode: str, code: int, leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, concurrency=2, attempts=2, retry_seconds=0.1)
        loaded = await load(settings, leads)
        simulator.add_fault(mode, method="DELETE", nth=list(range(4, 20)))
        report = await undo(settings, loaded.run)
        assert report.exit_code == code
        assert report.stopped
        assert report.counts == {"deleted": 3, "failed": ROWS - 3}
        assert report.next == f"obi runs undo {loaded.run}"
        assert Counter(each["obi_status"] for each in answers_in(report.results)) == report.counts
        assert simulator.count(PREVIEW_CAMPAIGN) == ROWS - 3
        simulator.clear_faults()
        before = calls_of(simulator, "DELETE")
        again = await undo(settings, loaded.run)
        assert (again.exit_code, again.counts) == (0, {"deleted": ROWS})
        assert calls_of(simulator, "DELETE") - before == ROWS - 3


async def test_a_server_that_answers_no_deletion_stops_it_before_every_customer_was_tried(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="500", method="DELETE")]) as simulator:
        settings = settings_for(simulator.base_url)
        leads.write_text(content(100), encoding="utf-8")
        loaded = await load(settings, leads)
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (7, {"failed": 100})
        assert calls_of(simulator, "DELETE") < 40
        simulator.clear_faults()
        assert (await undo(settings, loaded.run)).counts == {"deleted": 100}


async def test_a_server_that_only_says_that_it_deletes_is_found_out(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(faults=[Fault(mode="empty_200", method="DELETE")]) as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (5, {"failed": ROWS})
        assert "shows it still" in answers_in(report.results)[0]["obi_error"]
        simulator.clear_faults()
        assert (await undo(settings, loaded.run)).counts == {"deleted": ROWS}


async def test_a_server_that_ignores_filters_and_writes_odd_values_is_understood(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        simulator.add_fault("filter_ignored", method="GET")
        simulator._service.store._db.execute(
            "UPDATE customers SET body = json_set(body, '$.priority', 1.5) WHERE external_id = 'LEAD-2'"
        )
        remove(simulator, "LEAD-9")
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (0, {"deleted": 9, "gone": 1})


async def test_a_campaign_that_is_gone_says_nothing_about_its_customers(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        simulator.add_fault("404", path="/campaigns", nth=list(range(4, 100)))
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (3, {"failed": ROWS})


# --- an end in the middle ---------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 2, 3, 4])
async def test_after_a_crash_nothing_is_told_wrong_and_nothing_deleted_twice(
    at: int, leads: Path, settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two steps of the ledger: before a deletion is kept as sent, and before its answer is."""
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        leads.write_text(content(150), encoding="utf-8")
        loaded = await load(settings, leads)
        note, notes = Undone.note, itertools.count(1)

        def dying(self: Undone, rows: Iterable[UndoneRow]) -> None:
            if next(notes) == at:
                raise MemoryError
            note(self, rows)

        with monkeypatch.context() as patch:
            patch.setattr(Undone, "note", dying)
            with pytest.raises(MemoryError):
                await undo(settings, loaded.run)
        report = await undo(settings, loaded.run)
        assert (report.exit_code, report.counts) == (0, {"deleted": 150})
        assert simulator.count(PREVIEW_CAMPAIGN) == 0
        assert calls_of(simulator, "DELETE") == 150


async def test_a_stop_ends_after_what_is_in_flight_and_goes_on_later(
    leads: Path, settings_for: MakeSettings
) -> None:
    stop = asyncio.Event()

    async with Simulator(faults=[Fault(mode="drip", method="DELETE", nth=5)]) as simulator:
        settings = settings_for(simulator.base_url, concurrency=1)
        loaded = await load(settings, leads)

        async def stopping() -> None:
            while calls_of(simulator, "DELETE") < 4:
                await asyncio.sleep(0.001)
            stop.set()

        watch = asyncio.create_task(stopping())
        report = await Undoer(settings, stop=stop).undo(UndoOrder(run=loaded.run))
        await watch
        assert report.exit_code == 130
        deleted = report.counts["deleted"]
        assert 4 <= deleted < ROWS
        assert report.counts["failed"] == ROWS - deleted == simulator.count(PREVIEW_CAMPAIGN)
        assert (await undo(settings, loaded.run)).counts == {"deleted": ROWS}
        assert calls_of(simulator, "DELETE") == ROWS


# --- before and after -------------------------------------------------------------------------------


async def test_a_dry_run_changes_nothing_and_says_what_would_be(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        call(simulator, "LEAD-3")
        remove(simulator, "LEAD-6")
        start = len(simulator.requests)
        report = await undo(settings, loaded.run, dry_run=True)
        assert (report.exit_code, report.counts) == (5, {"gone": 1, "kept": 1, "would_delete": 8})
        assert {each.method for each in simulator.requests[start:]} == {"GET"}
        assert Counter(each["obi_status"] for each in answers_in(report.results)) == report.counts
        assert undoing_of(folder_of(settings, loaded.run)) is None
        assert not (folder_of(settings, loaded.run) / UNDONE).exists()
        assert (await undo(settings, loaded.run)).counts == {"deleted": 8, "gone": 1, "kept": 1}
        after = await undo(settings, loaded.run, dry_run=True)
        assert after.counts == {"deleted": 8, "gone": 1, "kept": 1}


async def test_undoing_twice_says_so_without_a_request(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        first = await undo(settings, loaded.run)
        before = len(simulator.requests)
        second = await undo(settings, loaded.run)
        assert (second.exit_code, second.counts, second.balanced) == (0, {"deleted": ROWS}, True)
        assert second.before
        assert second.results == first.results
        assert len(simulator.requests) == before


async def test_a_run_that_created_nobody_needs_no_undoing(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings, leads)
        second = await load(settings, leads)
        report = await undo(settings, second.run)
        assert (report.exit_code, report.rows, report.counts) == (0, 0, {})
        assert simulator.count(PREVIEW_CAMPAIGN) == ROWS


async def test_after_an_undo_the_same_file_is_a_new_run_that_creates_them_again(
    leads: Path, settings_for: MakeSettings
) -> None:
    """Also where the run was not finished: to go on with it would leave out what was deleted."""
    async with Simulator(faults=[Fault(mode="401", path="/list", nth=3)]) as simulator:
        settings = settings_for(simulator.base_url, batch_size=2, concurrency=1)
        stopped = await load(settings, leads)
        assert stopped.counts == {"created": 4, "unsent": 6}
        assert (await undo(settings, stopped.run)).counts == {"deleted": 4}
        anew = await load(settings, leads)
        assert anew.run != stopped.run
        assert anew.counts == {"created": ROWS}
        assert (await undo(settings, anew.run)).counts == {"deleted": ROWS}


async def test_what_is_left_of_a_run_that_was_undone_is_not_sent_any_more(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="401", path="/list", nth=3)]) as simulator:
        settings = settings_for(simulator.base_url, batch_size=2, concurrency=1)
        stopped = await load(settings, leads)
        await undo(settings, stopped.run)
        with pytest.raises(StateError, match="undone"):
            await Runner(settings).resume(stopped.run)
        with pytest.raises(StateError, match=f"{stopped.run} was undone"):
            await Runner(settings).resume(stopped.run[-6:])
        assert await Runner(settings).resume() is None
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_nothing_is_undone_while_a_load_into_the_campaign_runs(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        with (
            StateFolder(settings.state_dir).campaign_lock(simulator.base_url, PREVIEW_CAMPAIGN),
            pytest.raises(LockedError),
        ):
            await undo(settings, loaded.run)
        assert simulator.count(PREVIEW_CAMPAIGN) == ROWS


async def test_the_answer_no_leaves_everything_as_it_was(leads: Path, settings_for: MakeSettings) -> None:
    asked: list[UndoPlan] = []

    def no(plan: UndoPlan) -> bool:
        asked.append(plan)
        return False

    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        with pytest.raises(InterruptedRunError):
            await Undoer(settings, question=no).undo(UndoOrder(run=loaded.run))
        assert [(plan.run, plan.rows, plan.campaign.status) for plan in asked] == [
            (loaded.run, ROWS, "Active")
        ]
        assert simulator.count(PREVIEW_CAMPAIGN) == ROWS
        assert status_in(simulator) == "Active"
        assert undoing_of(folder_of(settings, loaded.run)) is None


async def test_a_campaign_that_is_activated_while_the_question_stands_is_paused_too(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:

        def yes(plan: UndoPlan) -> bool:
            set_status(simulator, "Active")
            return plan.campaign.status == "Passive"

        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        set_status(simulator, "Passive")
        report = await Undoer(settings, question=yes).undo(UndoOrder(run=loaded.run))
        assert (report.counts, report.paused) == ({"deleted": ROWS}, True)
        assert status_in(simulator) == "Passive"


async def test_a_campaign_that_is_not_active_is_left_as_it_is(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        set_status(simulator, "Passive")
        report = await undo(settings, loaded.run)
        assert (report.counts, report.paused) == ({"deleted": ROWS}, False)
        assert calls_of(simulator, "PUT") == 0


# --- its files --------------------------------------------------------------------------------------


async def test_the_results_never_take_the_place_of_what_the_run_wrote_or_somebody_else(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        for taken in (loaded.results, str(leads)):
            with pytest.raises(OutputError):
                await undo(settings, loaded.run, results=taken)
        assert simulator.count(PREVIEW_CAMPAIGN) == ROWS
        mine = leads.with_name("leads.undo.csv")
        mine.write_text("mine", encoding="utf-8")
        await undo(settings, loaded.run)
        assert "mine" in [path.read_text(encoding="utf-8") for path in leads.parent.glob("leads.*undo.csv")]


async def test_the_ending_of_results_chooses_their_form(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        loaded = await load(settings, leads)
        report = await undo(settings, loaded.run, results=str(leads.with_name("gone.jsonl")))
        lines = Path(report.results).read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["obi_status"] for line in lines] == ["deleted"] * ROWS


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with Undone(tmp_path / UNDONE):
        pass
    with closing(sqlite3.connect(tmp_path / UNDONE)) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(StateError, match="format 99"):
        Undone(tmp_path / UNDONE)


def test_a_damaged_ledger_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / UNDONE).write_bytes(b"nonsense" * 1_000)
    with pytest.raises(StateError, match="can't be used"):
        Undone(tmp_path / UNDONE)


def test_a_full_disk_is_told_and_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    with Undone(tmp_path / UNDONE) as ledger:
        ledger.plan([planned(1)])
        ledger._db.execute("PRAGMA max_page_count=6")
        with pytest.raises(DiskFullError):
            ledger.plan(planned(row) for row in range(2, 10_000))
        assert [row.row for row in ledger.rows()] == [1]


def test_a_row_whose_id_is_a_new_one_is_planned_again(tmp_path: Path) -> None:
    with Undone(tmp_path / UNDONE) as ledger:
        first = planned(1, id="A")
        ledger.plan([first])
        ledger.note([replace(first, status=UndoStatus.DELETED)])
        ledger.plan([first])
        ledger.plan([planned(1)])
        assert [row.status for row in ledger.rows()] == [UndoStatus.DELETED]
        ledger.plan([planned(1, id="B")])
        assert list(ledger.rows()) == [planned(1, id="B")]


def planned(row: int, *, id: str = "") -> UndoneRow:  # noqa: A002  -- the field's name
    return UndoneRow(row, UndoStatus.PLANNED, f"LEAD-{row}", "+442079460001", id=id)


# --- the command ------------------------------------------------------------------------------------


@pytest.fixture
def server(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = serve()
    monkeypatch.setattr("etl.campaigns._TICK", 0)
    for name, value in {"BASE_URL": simulator.base_url, "BACKOFF": "0.01", "BACKOFF_MAX": "0.02"}.items():
        monkeypatch.setenv(f"OBI_{name}", value)
    return simulator


@pytest.fixture
def run(leads: Path, server: Simulator, obi: Obi) -> str:
    code, out, _ = obi("load", leads, "--campaign", PREVIEW_CAMPAIGN, "--region", "GB", "--json")
    assert code == 0
    return str(json.loads(out)["run"])


def test_undo_tells_its_counts_and_runs_show_that_and_when(run: str, server: Simulator, obi: Obi) -> None:
    call(server, "LEAD-8")
    code, out, err = obi("runs", "undo", run, "--yes")
    assert code == 5
    assert "9  deleted" in out
    assert "10  customers created by the run, and the counts sum to them" in out
    assert "Kept: row 8, ••••-8: it was called already: 1 call, SUCCESS" in out
    assert "LEAD-8" not in out + err
    assert "paused" in out
    assert server.count(PREVIEW_CAMPAIGN) == 1
    _, out, _ = obi("runs", "show", run)
    assert re.search(r"undone +on 20..-..-..T.*: 9 deleted, 1 kept", out)
    shown = json.loads(obi("runs", "show", run, "--json")[1])
    assert shown["undone"]["counts"] == {"deleted": 9, "kept": 1}
    (line,) = json.loads(obi("runs", "list", "--json")[1])
    assert line["undone"] == shown["undone"]["ended"]
    assert "undone" in obi("runs", "list")[1]


def test_undo_prints_one_json_object(run: str, server: Simulator, obi: Obi) -> None:
    code, out, _ = obi("runs", "undo", run[-4:], "--yes", "--json")
    report = json.loads(out)
    assert (code, report["exit_code"], report["command"]) == (0, 0, "undo")
    assert (report["run"], report["counts"], report["balanced"]) == (run, {"deleted": ROWS}, True)
    code, out, err = obi("runs", "undo", run, "--json")
    assert (code, json.loads(out)["counts"]) == (0, {"deleted": ROWS})
    assert "undone already" in err


def test_a_simulated_run_is_undone_in_its_simulator(leads: Path, obi: Obi) -> None:
    load = ("load", leads, "--simulate", "--campaign", PREVIEW_CAMPAIGN, "--region", "GB", "--json")
    run = json.loads(obi(*load)[1])["run"]
    assert json.loads(obi("runs", "undo", run, "--yes", "--json")[1])["counts"] == {"deleted": ROWS}
    assert json.loads(obi(*load)[1])["counts"] == {"created": ROWS}


def test_undo_asks_for_yes_where_there_is_no_terminal(run: str, server: Simulator, obi: Obi) -> None:
    code, _, err = obi("runs", "undo", run)
    assert code == 2
    assert "--yes" in err
    assert server.count(PREVIEW_CAMPAIGN) == ROWS
    code, out, _ = obi("runs", "undo", run, "--dry-run")
    assert code == 0
    assert "10  would_delete" in out
    assert server.count(PREVIEW_CAMPAIGN) == ROWS


def test_a_run_that_is_not_there_is_told(own_place: Path, obi: Obi) -> None:
    code, _, err = obi("runs", "undo", "20270403", "--yes")
    assert (code, err) == (8, "obi: There is no run '20270403'; `obi runs list` shows them.\n")


@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, 0), (b"n\n", 130, ROWS)])
def test_undo_asks_on_a_terminal(answer: bytes, code: int, left: int, run: str, server: Simulator) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "etl", "runs", "undo", run], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        while b"?" not in said:
            said += os.read(ours, 4096)
        os.write(ours, answer)
        with suppress(OSError):  # the terminal ends with its process
            while more := os.read(ours, 4096):
                said += more
        assert process.wait(20) == code, said
    os.close(ours)
    assert b"Delete the 10 customers that run" in said
    assert server.count(PREVIEW_CAMPAIGN) == left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_undo_that_is_interrupted_or_killed_is_finished_by_the_next(
    number: signal.Signals, run: str, server: Simulator, obi: Obi
) -> None:
    server._service.latency = 0.05
    words = [sys.executable, "-m", "etl", "runs", "undo", run, "--yes", "--json"]
    with subprocess.Popen(
        words, env=os.environ | {"OBI_CONCURRENCY": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not calls_of(server, "DELETE") and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert b"Traceback" not in err
    assert 0 < server.count(PREVIEW_CAMPAIGN) < ROWS
    server._service.latency = 0
    if number != signal.SIGKILL:
        report = json.loads(out)
        assert (process.returncode, report["exit_code"]) == (130, 130)
        assert report["counts"]["failed"] == server.count(PREVIEW_CAMPAIGN)
        assert f"Next: obi runs undo {run}" in err.decode()
    code, out_again, _ = obi("runs", "undo", run, "--yes", "--json")
    assert (code, json.loads(out_again)["counts"]) == (0, {"deleted": ROWS})
    assert server.count(PREVIEW_CAMPAIGN) == 0
