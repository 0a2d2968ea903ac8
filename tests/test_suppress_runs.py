"""Whole loads with do-not-call lists: who is on one is never sent, and is told or deleted in the campaign."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from etl.api import check as python_check, load as python_load
from etl.errors import ConfigError, StateError
from etl.orders import Order
from etl.profile import GUESSED, Profile, asset
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.state import StateFolder
from etl.undo import Undoer, UndoOrder

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
LEADS = """Lead ID,Phone,Mobile,Name
L1,020 7946 0001,,Ann
L2,020 7946 0002,07400 123456,Bob
L3,020 7946 0003,,Cid
L4,020 7946 0004,,Dan
"""


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


async def load(settings: Settings, path: str = "leads.csv", **order: Any) -> RunReport:
    asked: dict[str, Any] = {"campaign": PREVIEW_CAMPAIGN, "profile": BRITISH} | order
    return await Runner(settings).load(Order(input=path, **asked))


async def resume(settings: Settings, run: str = "", **more: Any) -> RunReport:
    report = await Runner(settings).resume(run, **more)
    assert report is not None
    return report


def ids_in(simulator: Simulator) -> list[str]:
    return sorted(each["externalId"] for each in simulator.customers(PREVIEW_CAMPAIGN))


def status_of(simulator: Simulator) -> str | None:
    campaigns = simulator._service.store.campaigns()
    return next(each.status for each in campaigns if each.id == PREVIEW_CAMPAIGN)


def call(simulator: Simulator, external_id: str, result: str = "SUCCESS") -> None:
    """Let an agent have called this customer."""
    simulator._service.store._db.execute(
        "UPDATE customers SET result = ?, body = json_set(body, '$.result', ?, '$.callCount', 1) "
        "WHERE external_id = ?",
        (result, result, external_id),
    )


@pytest.fixture
def leads(own_place: Path) -> Path:
    return written("leads.csv", LEADS)


# --- who is on a list -----------------------------------------------------------------------------------


async def test_who_is_on_a_list_is_not_sent_and_the_row_says_which_list_and_column(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("dnc.txt", "+447400123456\n")
    written("hashed.csv", f"sha256\n{sha256(b'+442079460003').hexdigest()}\n")
    written("left.csv", "Lead ID\nl4\n")
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), suppress=("dnc.txt", "hashed.csv", "left.csv"))
        assert ids_in(simulator) == ["L1"]
    assert (report.exit_code, report.counts) == (0, {"created": 1, "suppressed": 3})
    rows = answers_in(report.results)
    assert [(row["obi_status"], row["obi_code"], row["obi_field"]) for row in rows] == [
        ("created", "", ""),
        ("suppressed", "suppressed.list", "Mobile"),
        ("suppressed", "suppressed.list", "Phone"),
        ("suppressed", "suppressed.list", "Lead ID"),
    ]
    assert [row["obi_error"].rpartition(" ")[2] for row in rows[1:]] == ["dnc.txt", "hashed.csv", "left.csv"]
    assert report.rejects == ""
    assert not Path("leads.rejects.csv").exists()
    assert [(each.name, each.entries) for each in report.lists] == [
        ("dnc.txt", 1),
        ("hashed.csv", 1),
        ("left.csv", 1),
    ]


async def test_what_is_wrong_with_a_list_stops_before_anything_is_sent(
    leads: Path, settings_for: MakeSettings
) -> None:
    written("empty.csv", "Phone\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        for words, said in (("gone.csv", "not there"), ("empty.csv", "empty")):
            with pytest.raises(ConfigError, match=said):
                await load(settings, suppress=(words,))
            profile = Profile.model_validate(BRITISH.frozen() | {"suppress": {"files": [words]}})
            with pytest.raises(ConfigError, match=said):
                await load(settings, profile=profile)
        assert simulator.requests == []
    assert StateFolder(settings.state_dir).runs() == []


async def test_numbers_beyond_the_third_and_behind_bad_spellings_are_looked_for_too(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written(
        "leads.csv",
        "Lead ID,Phone,Mobile\n"
        "L1,020 7946 0001; 020 7946 0002; 020 7946 0003; 020 7946 0004,\n"
        "L2,020 7946 0005,442079460006 or nobody\n"
        "L3,020 7946 0007,\n",
    )
    written("dnc.txt", "02079460004\n02079460006\n")
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), suppress=("dnc.txt",))
        assert ids_in(simulator) == ["L3"]
    assert [row["obi_field"] for row in answers_in(report.results)] == ["Phone", "Mobile", ""]


async def test_only_the_listed_number_is_dropped_where_the_profile_says_so(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written(
        "leads.csv",
        "Lead ID,Phone\n"
        "L1,020 7946 0001; 020 7946 0002; 020 7946 0003; 020 7946 0004\n"
        "L2,020 7946 0001\n"
        "L3,020 7946 0005\n",
    )
    written("dnc.txt", "02079460001\n")
    profile = Profile.model_validate(BRITISH.frozen() | {"phones": {"suppressed": "drop-number"}})
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), suppress=("dnc.txt",), profile=profile)
        held = {each["externalId"]: each["numbers"] for each in simulator.customers(PREVIEW_CAMPAIGN)}
    assert held == {"L1": "+442079460002;+442079460003;+442079460004", "L3": "+442079460005"}
    rows = answers_in(report.results)
    assert "left out: +442079460001 is on the do-not-call list dnc.txt" in rows[0]["obi_warning"]
    assert "only the first three" not in rows[0]["obi_warning"]
    assert rows[1]["obi_status"] == "suppressed"


async def test_a_number_that_can_not_be_looked_for_makes_its_row_invalid_while_a_list_is_in_use(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("leads.csv", "Lead ID,Phone\nL1,0215428754\nL2,+442079460002\n")
    written("dnc.txt", "+442079460009\n")
    written("left.csv", "Lead ID\nL9\n")
    profile = Profile.model_validate({"phones": {"format": "as-written"}})
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await load(settings, suppress=("dnc.txt",), profile=profile)
        assert report.counts == {"created": 1, "invalid": 1}
        row = answers_in(report.results)[0]
        assert (row["obi_field"], row["obi_code"]) == ("Phone", "phone.no_e164")
        again = await load(settings, suppress=("left.csv",), profile=profile, new_run=True)
        assert again.counts == {"created": 1, "exists": 1}


async def test_derived_ids_and_those_behind_a_prefix_are_looked_for_as_they_are_and_as_they_are_sent(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("leads.csv", "Lead ID,Phone\n7,020 7946 0001\n8,020 7946 0002\n,020 7946 0003\n9,020 7946 0004\n")
    profile = Profile.model_validate(BRITISH.frozen() | {"external_id": {"prefix": "CRM-"}})
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings, profile=profile)
        (derived,) = [each for each in ids_in(simulator) if each.startswith("CRM-d1-")]
        written("left.csv", f"External ID\n7\nCRM-8\n{derived}\n")
        report = await load(settings, profile=profile, suppress=("left.csv",), new_run=True)
    assert report.counts == {"exists": 1, "suppressed": 3}
    assert [row["obi_field"] for row in answers_in(report.results)][:3] == [
        "Lead ID",
        "Lead ID",
        "externalId",
    ]


async def test_invalid_beats_suppressed_beats_duplicate(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written(
        "leads.csv",
        "Lead ID,Phone,Priority\n"
        "L1,020 7946 0001,bad\nL1,020 7946 0001,\nL1,020 7946 0001,\nL1,020 7946 0002,\n",
    )
    written("dnc.txt", "+442079460001\n")
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), suppress=("dnc.txt",))
        assert ids_in(simulator) == []
    assert [row["obi_status"] for row in answers_in(report.results)] == [
        "invalid",
        "suppressed",
        "suppressed",
        "duplicate",
    ]


async def test_a_check_applies_the_lists_and_shows_them(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("dnc.txt", "+442079460001\n")
    order = Order(input="leads.csv", profile=BRITISH, suppress=("dnc.txt",))
    report = await Runner(settings_for("")).check(order)
    assert report.counts == {"suppressed": 1, "ready": 3}
    assert [each.name for each in report.lists] == ["dnc.txt"]


async def test_the_lists_among_the_samples_suppress_five_of_its_leads(
    own_place: Path, settings_for: MakeSettings
) -> None:
    samples = asset("samples")
    lists = tuple(str(samples / name) for name in ("do-not-call.csv", "do-not-call-hashed.txt"))
    Path("leads.csv").write_bytes((samples / "leads.csv").read_bytes())
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), suppress=lists)
    assert (report.exit_code, report.counts["suppressed"], report.rows) == (0, 5, 250)


# --- unfinished runs ------------------------------------------------------------------------------------


async def stopped_load(settings: Settings, simulator: Simulator, **order: Any) -> RunReport:
    """A load that the server stops before its first row is in."""
    simulator.add_fault(Fault(mode="401", path="/customers/list"))
    report = await load(settings, **order)
    simulator.clear_faults()
    assert report.counts.get("unsent")
    return report


async def test_a_resumed_run_goes_by_the_list_as_it_was_though_the_file_is_gone(
    leads: Path, settings_for: MakeSettings
) -> None:
    written("dnc.txt", "+442079460002\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await stopped_load(settings, simulator, suppress=("dnc.txt",))
        Path("dnc.txt").unlink()
        resumed = await resume(settings, report.run)
        assert resumed.counts == {"created": 3, "suppressed": 1}
        assert ids_in(simulator) == ["L1", "L3", "L4"]


async def test_a_list_that_has_changed_since_counts_as_it_was_and_as_it_is(
    leads: Path, settings_for: MakeSettings
) -> None:
    written("dnc.txt", "+442079460002\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await stopped_load(settings, simulator, suppress=("dnc.txt",))
        written("dnc.txt", "+442079460003\n")
        again = await load(settings, suppress=("dnc.txt",))
        assert again.resumed
        assert again.counts == {"created": 2, "suppressed": 2}
        assert ids_in(simulator) == ["L1", "L4"]
        assert len(again.lists) == 2


async def test_a_load_that_goes_on_without_naming_the_list_is_bound_by_it_all_the_same(
    leads: Path, settings_for: MakeSettings
) -> None:
    written("dnc.txt", "+442079460002\n")
    written("more.txt", "+442079460004\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await stopped_load(settings, simulator, suppress=("dnc.txt",))
        again = await load(settings, suppress=("more.txt",))
        assert again.counts == {"created": 2, "suppressed": 2}
        assert ids_in(simulator) == ["L1", "L3"]


async def test_a_run_whose_list_can_not_be_had_any_more_does_not_go_on(
    leads: Path, settings_for: MakeSettings
) -> None:
    written("dnc.txt", "+442079460002\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await stopped_load(settings, simulator, suppress=("dnc.txt",))
        for index in StateFolder(settings.state_dir).lists.iterdir():
            index.unlink()
        written("dnc.txt", "+442079460003\n")
        with pytest.raises(StateError, match=r"dnc\.txt is not what the run began with"):
            await resume(settings, report.run)
        assert simulator.count(PREVIEW_CAMPAIGN) == 0
        written("dnc.txt", "+442079460002\n")
        assert (await resume(settings, report.run)).counts == {"created": 3, "suppressed": 1}


async def test_a_row_that_was_in_flight_and_is_listed_since_is_not_sent_again_and_says_so(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("dnc.txt", "+442079460099\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, on_unknown="hold", batch_size=4)
        simulator.add_fault(Fault(mode="reset_before_commit", path="/customers/list"))
        report = await load(settings, suppress=("dnc.txt",))
        assert (report.exit_code, report.counts) == (10, {"unknown": 4})
        simulator.clear_faults()
        written("dnc.txt", "+442079460002\n")
        resumed = await Runner(settings, changed={"on_unknown": "verify"}).resume(report.run)
        assert resumed is not None
        assert (resumed.exit_code, resumed.counts) == (10, {"created": 3, "unknown": 1})
        assert ids_in(simulator) == ["L1", "L3", "L4"]
        row = answers_in(resumed.results)[1]
        assert row["obi_code"] == "unknown.listed_since"
        assert "not sent again" in row["obi_error"]


# --- customers that are there from earlier --------------------------------------------------------------


async def test_a_suppressed_row_whose_customer_is_there_is_told_and_ends_five(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings)
        call(simulator, "L3", "BUSY")
        written("dnc.txt", "+442079460002\n+442079460003\n+442079460099\n")
        report = await load(settings, suppress=("dnc.txt",))
        assert (report.exit_code, report.counts) == (5, {"exists": 2, "suppressed": 2})
        assert simulator.count(PREVIEW_CAMPAIGN) == 4
        held = {each["externalId"]: each["id"] for each in simulator.customers(PREVIEW_CAMPAIGN)}
    _, second, third, _ = answers_in(report.results)
    assert second["obi_warning"] == f"its customer {held['L2']} is there from earlier (it was not called yet)"
    assert "called already: 1 call, BUSY" in third["obi_warning"]
    (told,) = [each for each in report.warnings if "from earlier" in each]
    assert told.startswith("2 suppressed rows")
    assert "1 of them called already" in told
    assert report.next == f"obi resume {report.run} --if-loaded delete"


async def test_if_loaded_delete_deletes_and_says_what_was_known_of_the_calls(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings)
        call(simulator, "L3", "BUSY")
        written("dnc.txt", "+442079460002\n+442079460003\n")
        report = await load(settings, suppress=("dnc.txt",), if_loaded="delete")
        assert (report.exit_code, report.next) == (0, "")
        assert ids_in(simulator) == ["L1", "L4"]
        rows = answers_in(report.results)
        assert rows[1]["obi_warning"].endswith("(it was not called yet): deleted")
        assert rows[2]["obi_warning"].endswith("(it was called already: 1 call, BUSY): deleted")
        assert any("1 of them called already" in each for each in report.warnings)
        again = await resume(settings, report.run)
        assert (again.exit_code, again.counts) == (0, report.counts)
        assert [row["obi_warning"] for row in answers_in(again.results)] == [
            row["obi_warning"] for row in rows
        ]


async def test_a_run_that_only_told_deletes_when_it_is_resumed_so(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings)
        written("dnc.txt", "+442079460002\n")
        report = await load(settings, suppress=("dnc.txt",))
        assert report.exit_code == 5
        resumed = await resume(settings, report.run, if_loaded="delete")
        assert resumed.exit_code == 0
        assert ids_in(simulator) == ["L1", "L3", "L4"]


async def test_the_profile_may_say_that_they_are_deleted(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings)
        written("dnc.txt", "+442079460002\n")
        suppress = {"files": ["dnc.txt"], "if_loaded": "delete"}
        profile = Profile.model_validate(BRITISH.frozen() | {"suppress": suppress})
        await load(settings, profile=profile)
        assert ids_in(simulator) == ["L1", "L3", "L4"]


async def test_a_customer_that_this_run_created_by_another_row_is_told_and_stays(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("leads.csv", "Lead ID,Phone,Do Not Call\nL1,020 7946 0001,\nL1,020 7946 0001,yes\n")
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), if_loaded="delete")
        assert (report.exit_code, report.counts) == (5, {"created": 1, "suppressed": 1})
        assert ids_in(simulator) == ["L1"]
    assert "put there by another row of this run" in answers_in(report.results)[1]["obi_warning"]


async def test_a_campaign_that_holds_who_must_not_be_called_is_not_activated(
    leads: Path, settings_for: MakeSettings
) -> None:
    written("dnc.txt", "+442079460001\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, pause_first=True, activate=True)
        await load(settings_for(simulator.base_url))
        report = await load(settings, suppress=("dnc.txt",), new_run=True)
        assert status_of(simulator) == "Passive"
        assert (report.exit_code, report.stopped) == (5, "")
        assert any("not activated, because people who must not be called" in each for each in report.warnings)
        assert report.next == f"obi resume {report.run} --if-loaded delete --activate"
        again = await resume(settings, report.run)
        assert (status_of(simulator), again.exit_code) == ("Passive", 5)
        runner = Runner(settings, changed={"activate": True})
        ended = await runner.resume(report.run, if_loaded="delete")
        assert ended is not None
        assert (status_of(simulator), ended.exit_code, ended.next) == ("Active", 0, "")
        assert ids_in(simulator) == ["L2", "L3", "L4"]


async def test_where_they_are_deleted_first_the_campaign_is_activated(
    leads: Path, settings_for: MakeSettings
) -> None:
    written("dnc.txt", "+442079460001\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, pause_first=True, activate=True)
        await load(settings_for(simulator.base_url))
        report = await load(settings, suppress=("dnc.txt",), if_loaded="delete", new_run=True)
        assert (status_of(simulator), report.exit_code) == ("Active", 0)


async def test_a_check_says_that_a_load_would_not_activate(leads: Path, settings_for: MakeSettings) -> None:
    written("dnc.txt", "+442079460001\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, activate=True)
        await load(settings_for(simulator.base_url))
        order = Order(input="leads.csv", campaign=PREVIEW_CAMPAIGN, profile=BRITISH, suppress=("dnc.txt",))
        report = await Runner(settings).check(order)
        assert report.exit_code == 5
        assert any("would not activate the campaign" in each for each in report.warnings)


async def test_many_suppressed_rows_are_looked_for_page_by_page(
    own_place: Path, settings_for: MakeSettings
) -> None:
    rows = [(f"L{at}", f"020 7946 {at:04}") for at in range(1_000)]
    written("leads.csv", "Lead ID,Phone\n" + "".join(f"{name},{number}\n" for name, number in rows))
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings)
        written("dnc.txt", "".join(f"{number}\n" for _, number in rows))
        simulator.requests.clear()
        report = await load(settings, suppress=("dnc.txt",), if_loaded="delete")
        assert (report.exit_code, report.counts) == (0, {"suppressed": 1_000})
        assert simulator.count(PREVIEW_CAMPAIGN) == 0
        gets = [each for each in simulator.requests if each.method == "GET"]
        assert len(gets) < 600


async def test_a_look_up_that_fails_leaves_the_run_to_be_resumed(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, retry_seconds=0.05, attempts=2)
        await load(settings)
        written("dnc.txt", "".join(f"+44207946000{at}\n" for at in range(1, 5)))
        simulator.add_fault(Fault(mode="503", path="/customers", rate=1.0))
        report = await load(settings, suppress=("dnc.txt",), if_loaded="delete")
        assert (report.exit_code, report.counts) == (7, {"suppressed": 4})
        assert report.next.startswith(f"obi resume {report.run}")
        assert simulator.count(PREVIEW_CAMPAIGN) == 4
        simulator.clear_faults()
        assert (await resume(settings)).exit_code == 0
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


_LOADER = """
import os, signal, sys
from etl import deletions
from etl.obi.customers import Customers
left = [int(sys.argv.pop(1))]
before = sys.argv.pop(1) == "before"
delete = Customers.delete
async def counted(self, campaign_id, customer_id):
    left[0] -= 1
    if before and not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    await delete(self, campaign_id, customer_id)
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
Customers.delete = counted
sys.argv[0] = "obi"
from etl.cli import main
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("deletions", "when"), [(1, "before"), (1, "after"), (3, "before"), (4, "after")])
async def test_a_load_that_is_killed_while_it_deletes_ends_as_if_it_had_not_been(
    deletions: int, when: str, leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings)
        call(simulator, "L2", "BUSY")
        written("dnc.txt", "".join(f"+44207946000{at}\n" for at in range(1, 5)))
        words = (
            "load",
            "leads.csv",
            "--campaign",
            PREVIEW_CAMPAIGN,
            "--region",
            "GB",
            "--suppress",
            "dnc.txt",
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _LOADER, str(deletions), when, *words,
            "--if-loaded", "delete", "--base-url", simulator.base_url, "--quiet", "--concurrency", "1",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        _, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == -signal.SIGKILL, err
        report = await load(settings, suppress=("dnc.txt",), if_loaded="delete")
        assert report.resumed
        assert (report.exit_code, report.counts) == (0, {"suppressed": 4})
        assert simulator.count(PREVIEW_CAMPAIGN) == 0
        assert [row["obi_warning"].rpartition(": ")[2] for row in answers_in(report.results)] == [
            "deleted"
        ] * 4
        assert "1 call, BUSY" in answers_in(report.results)[1]["obi_warning"]


# --- repeats across runs --------------------------------------------------------------------------------


async def test_across_runs_what_an_earlier_run_sent_is_a_duplicate_that_names_run_and_row(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("new.csv", "Lead ID,Phone\nN1,0207 946 0003\nL4,020 7946 0044\nN3,020 7946 0055\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, duplicates_across="runs")
        first = await load(settings)
        report = await load(settings, "new.csv")
        assert (report.exit_code, report.counts) == (0, {"created": 1, "duplicate": 2})
        assert ids_in(simulator) == ["L1", "L2", "L3", "L4", "N3"]
        rows = answers_in(report.results)
        assert [row["obi_code"] for row in rows] == ["duplicate.earlier_run"] * 2 + [""]
        assert f"the same number as row 3 of run {first.run}" in rows[0]["obi_error"]
        assert f"the same externalId as row 4 of run {first.run}" in rows[1]["obi_error"]
        assert [row["obi_field"] for row in rows] == ["Phone", "Lead ID", ""]


async def test_without_the_option_an_earlier_run_makes_no_duplicate(
    leads: Path, settings_for: MakeSettings
) -> None:
    written("new.csv", "Lead ID,Phone\nN1,0207 946 0003\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await load(settings)
        assert (await load(settings, "new.csv")).counts == {"created": 1}


async def test_what_was_undone_is_no_duplicate(leads: Path, settings_for: MakeSettings) -> None:
    written("new.csv", "Lead ID,Phone\nN1,0207 946 0003\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, duplicates_across="runs")
        first = await load(settings)
        await Undoer(settings).undo(UndoOrder(run=first.run))
        assert (await load(settings, "new.csv")).counts == {"created": 1}


async def test_a_resumed_run_is_no_earlier_run_of_itself(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, duplicates_across="runs", batch_size=2, concurrency=1)
        simulator.add_fault(Fault(mode="401", path="/customers/list", nth=2))
        report = await load(settings)
        assert report.counts == {"created": 2, "unsent": 2}
        simulator.clear_faults()
        assert (await resume(settings)).counts == {"created": 4}


async def test_numbers_under_several_ids_are_counted(own_place: Path, settings_for: MakeSettings) -> None:
    written(
        "leads.csv",
        "Lead ID,Phone,Mobile\n"
        "L1,020 7946 0001,020 7946 0002\nL2,020 7946 0001,\nL3,020 7946 0002,\nL4,020 7946 0001,\n",
    )
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        checked = await Runner(settings).check(Order(input="leads.csv", profile=BRITISH))
        report = await load(settings)
    assert report.counts == {"created": 4}
    for each in (report, checked):
        assert any(
            said.startswith("2 numbers stand under more than one externalId") for said in each.warnings
        )


# --- the command line -----------------------------------------------------------------------------------


def test_every_word_behind_suppress_is_a_list(leads: Path, obi: Obi, serve: Serve) -> None:
    written("a.txt", "+442079460001\n")
    written("b.txt", "+442079460002\n")
    simulator = serve()
    code, out, _ = obi(
        "load", "leads.csv", "--suppress", "a.txt", "b.txt", "--region", "GB",
        "--campaign", PREVIEW_CAMPAIGN, "--base-url", simulator.base_url, "--json",
    )  # fmt: skip
    assert code == 0
    report = json.loads(out)
    assert report["counts"] == {"created": 2, "suppressed": 2}
    assert [each["name"] for each in report["lists"]] == ["a.txt", "b.txt"]
    assert {each["kind"] for each in report["lists"]} == {"numbers"}
    code, out, _ = obi("check", "leads.csv", "--suppress=a.txt", "--region", "GB", "--suppress", "b.txt")
    assert "Do-not-call list a.txt: 1 number, " in out
    assert "suppressed" in out
    assert "--suppress=" in out, "the command that goes on must not lose the lists"


def test_a_list_is_never_taken_for_the_input(leads: Path, obi: Obi) -> None:
    written("a.txt", "+442079460001\n")
    code, _, err = obi("load", "--suppress", "a.txt", "leads.csv", "--campaign", "x", "--simulate")
    assert code == 2
    assert "before it" in err
    code, out, _ = obi("check", "--suppress=a.txt", "leads.csv", "--region", "GB", "--json")
    assert json.loads(out)["counts"] == {"suppressed": 1, "ready": 3}


def test_a_list_that_is_not_there_ends_three(leads: Path, obi: Obi) -> None:
    code, _, err = obi("load", "leads.csv", "--campaign", "x", "--simulate", "--suppress", "gone.txt")
    assert code == 3
    assert "gone.txt is not there" in err


def test_lists_are_named_in_python_too(leads: Path, serve: Serve) -> None:
    path = written("dnc.txt", "+442079460002\n")
    settings = Settings(base_url=serve().base_url)
    report = python_load(
        leads, campaign=PREVIEW_CAMPAIGN, region="GB", settings=settings, suppress=[path], if_loaded="delete"
    )
    assert report.counts == {"created": 3, "suppressed": 1}
    assert python_check(leads, region="GB", settings=settings, suppress=[path]).counts["suppressed"] == 1


# --- the law --------------------------------------------------------------------------------------------

_spellings: tuple[Callable[[str], str], ...] = (
    lambda e164: e164,
    lambda e164: f"0{e164[3:]}",
    lambda e164: f"0{e164[3:5]} {e164[5:9]} {e164[9:]}",
    lambda e164: f"00{e164[1:]}",
    lambda e164: e164[1:],
    lambda e164: f"(0{e164[3:5]}) {e164[5:9]}-{e164[9:]}",
    lambda e164: f"tel: +44 (0){e164[3:]}",
)
_number = st.integers(0, 40).map(lambda at: f"+44207946{at:04}")
_written = st.tuples(_number, st.sampled_from(_spellings))


@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.lists(_written, min_size=1, max_size=5), min_size=1, max_size=20),
    entries=st.lists(st.tuples(_number, st.sampled_from((*_spellings, None))), min_size=1, max_size=15),
    drop=st.booleans(),
)
def test_no_number_that_is_sent_is_on_the_list_in_any_spelling(
    rows: list[list[tuple[str, Callable[[str], str]]]],
    entries: list[tuple[str, Callable[[str], str] | None]],
    drop: bool,
    settings_for: MakeSettings,
) -> None:
    lines = [f"L{at}," + "; ".join(spell(number) for number, spell in row) for at, row in enumerate(rows)]
    written("law.csv", "Lead ID,Phone\n" + "\n".join(lines) + "\n")
    spelled = [
        sha256(number.encode()).hexdigest() if spell is None else spell(number) for number, spell in entries
    ]
    written("law.txt", "Phone\n" + "\n".join(spelled) + "\n")
    policy = {"suppressed": "drop-number" if drop else "suppress-row"}
    profile = Profile.model_validate(BRITISH.frozen() | {"phones": policy})
    banned = {number for number, _ in entries}

    async def law() -> None:
        async with Simulator() as simulator:
            report = await load(
                settings_for(simulator.base_url),
                "law.csv",
                suppress=("law.txt",),
                profile=profile,
                new_run=True,
            )
            held = simulator.customers(PREVIEW_CAMPAIGN)
        sent = {number for each in held for number in each["numbers"].split(";")}
        assert sent.isdisjoint(banned)
        assert report.balanced
        free = [at for at, row in enumerate(rows) if banned.isdisjoint(number for number, _ in row)]
        assert {f"L{at}" for at in free} <= {each["externalId"] for each in held}

    asyncio.run(law())


# --- notes beside numbers ---------------------------------------------------------------------------------

NOTED = """Lead ID,Phone,Mobile,Date,Name
L1,020 7946 0001 (do not call),,,Ann
L2,do not call,020 7946 0002,,Bob
L3,020 7946 0003,,,Cid
L1,020 7946 0004,,,Ann again
L5,deceased,,no date,Eve
,020 7946 0006 (DNC),,,Fay
,020 7946 0006,,,Fay again
,nicht anrufen,,,Gus
,nicht anrufen,,,Hal
"""


async def test_a_note_not_to_call_suppresses_its_row_and_is_nothing_to_correct(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("leads.csv", NOTED)
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url))
        assert ids_in(simulator) == ["L3"]
    rows = answers_in(report.results)
    assert [(row["obi_status"], row["obi_code"], row["obi_field"]) for row in rows] == [
        ("suppressed", "suppressed.note", "Phone"),
        ("suppressed", "suppressed.note", "Phone"),
        ("created", "", ""),
        ("duplicate", "duplicate.externalId", "Lead ID"),
        ("suppressed", "suppressed.note", "Phone"),
        ("suppressed", "suppressed.note", "Phone"),
        ("duplicate", "duplicate.number", "Mobile"),
        ("suppressed", "suppressed.note", "Phone"),
        ("suppressed", "suppressed.note", "Phone"),
    ]
    assert [row["obi_external_id"] for row in rows][-2:] == ["", ""]
    assert "do not call" in rows[0]["obi_error"]
    assert (report.exit_code, report.rejects, report.balanced) == (0, "", True)


async def test_only_the_number_beside_the_note_is_dropped_where_the_profile_says_so(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written(
        "leads.csv",
        "Lead ID,Phone,Mobile\n"
        "L1,020 7946 0001 (do not call),020 7946 0002\n"
        "L2,020 7946 0003 (do not call),+442079460003\n"
        "L3,do not call,\n",
    )
    profile = Profile.model_validate(BRITISH.frozen() | {"phones": {"suppressed": "drop-number"}})
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), profile=profile)
        assert [each["numbers"] for each in simulator.customers(PREVIEW_CAMPAIGN)] == ["+442079460002"]
    rows = answers_in(report.results)
    assert [row["obi_status"] for row in rows] == ["created", "suppressed", "suppressed"]
    assert "left out" in rows[0]["obi_warning"]


async def test_a_note_and_a_listed_number_in_a_column_that_is_not_read_count_too(
    own_place: Path, settings_for: MakeSettings
) -> None:
    written("leads.csv", "externalId,numbers,Mobile\nL1,020 7946 0001,020 7946 0002\nL2,020 7946 0003,\n")
    written("dnc.txt", "02079460002\n")
    async with Simulator() as simulator:
        await load(settings_for(simulator.base_url), suppress=("dnc.txt",))
        assert ids_in(simulator) == ["L2"]


# --- lists that change while a run is open -----------------------------------------------------------------


async def test_who_was_loaded_before_he_came_onto_a_list_is_told_when_the_run_goes_on(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    written("dnc.txt", "+442079460099\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, batch_size=2, concurrency=1, activate=True)
        simulator.add_fault(Fault(mode="401", path="/customers/list", nth=2))
        report = await load(settings, suppress=("dnc.txt",))
        assert report.counts == {"created": 2, "unsent": 2}
        simulator.clear_faults()
        written("dnc.txt", "+442079460001\n+442079460003\n")
        resumed = await resume(settings, report.run)
        assert (resumed.exit_code, resumed.counts) == (5, {"created": 3, "suppressed": 1})
        assert any("1 rows came onto a do-not-call list after" in each for each in resumed.warnings)
        assert "on a do-not-call list since" in answers_in(resumed.results)[0]["obi_warning"]
        assert any("not activated" in each for each in resumed.warnings)
        anew = await load(settings, suppress=("dnc.txt",), new_run=True, if_loaded="delete")
        assert (anew.exit_code, ids_in(simulator)) == (0, ["L2", "L4"])


@pytest.mark.parametrize("content", ["", "+442079460003\nrubbish\n"])
async def test_a_list_that_has_become_unreliable_stops_a_run_that_still_sends(
    content: str, leads: Path, settings_for: MakeSettings
) -> None:
    written("dnc.txt", "+442079460002\n")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await stopped_load(settings, simulator, suppress=("dnc.txt",))
        written("dnc.txt", content)
        with pytest.raises(ConfigError, match=r"dnc\.txt"):
            await resume(settings, report.run)
        assert simulator.count(PREVIEW_CAMPAIGN) == 0
        written("dnc.txt", "+442079460003\n")
        assert (await resume(settings, report.run)).counts == {"created": 2, "suppressed": 2}


async def test_a_list_that_is_too_old_by_now_stops_a_run_that_still_sends(
    leads: Path, settings_for: MakeSettings
) -> None:
    listed = written("dnc.txt", "+442079460002\n")
    profile = Profile.model_validate(BRITISH.frozen() | {"suppress": {"max_age": "7d"}})
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await stopped_load(settings, simulator, suppress=("dnc.txt",), profile=profile)
        os.utime(listed, (0, 0))
        with pytest.raises(ConfigError, match="max_age is 7d"):
            await resume(settings, report.run)
        os.utime(listed)
        assert (await resume(settings, report.run)).counts == {"created": 3, "suppressed": 1}


async def test_digits_that_are_only_possible_are_looked_for_as_an_international_number_too(
    own_place: Path, settings_for: MakeSettings
) -> None:
    written("leads.csv", "Lead ID,Phone\nL1,390212345648\nL2,46701234560\n")
    written("dnc.txt", "+390212345648\n")
    frozen = BRITISH.frozen() | {"region": "SE", "phones": {"accept": "possible", "format": "national"}}
    async with Simulator() as simulator:
        await load(
            settings_for(simulator.base_url), profile=Profile.model_validate(frozen), suppress=("dnc.txt",)
        )
        assert ids_in(simulator) == ["L2"]
