"""``obi customers delete``: who is named and nobody else, each row with one true answer."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from etl.api import add_customer, delete_customers, suppress_customers
from etl.errors import (
    CampaignError,
    InputError,
    InterruptedRunError,
    LockedError,
    NotFoundError,
    OutputError,
    UnavailableError,
)
from etl.removal import RemovalOrder, RemovalPlan, Remover
from etl.removed import REMOVAL_COLUMNS, RemovalReport
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.state import StateFolder
from etl.undone import UndoStatus

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

CAMPAIGN = "Test Preview Campaign"
NOBODY = "0123456789ABCDEF0123456789ABCDEF"


def leads(count: int, *, prefix: str = "LEAD-", **fields: Any) -> list[dict[str, Any]]:
    return [
        {"externalId": f"{prefix}{at}", "numbers": f"+4420794600{at % 100:02}", **fields}
        for at in range(1, count + 1)
    ]


def seed(*customers: dict[str, Any], name: str = CAMPAIGN) -> dict[str, Any]:
    return {"campaigns": [{"name": name, "customers": list(customers)}]}


def held(simulator: Simulator) -> dict[str, str]:
    """The id of each externalId in the campaign."""
    return {each["externalId"]: each["id"] for each in simulator.customers(PREVIEW_CAMPAIGN)}


async def remove(settings: Settings, **asked: Any) -> RemovalReport:
    return await Remover(settings).remove(RemovalOrder(**({"campaign": CAMPAIGN} | asked)))


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def statuses(answers: Sequence[dict[str, str]]) -> list[str]:
    return [each["obi_status"] for each in answers]


# --- who is meant -----------------------------------------------------------------------------------


async def test_rows_that_name_ids_or_externalids_delete_these_customers_and_no_others(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(seed=seed(*leads(6))) as simulator:
        ids = held(simulator)
        path = written(own_place / "gone.csv", "Lead ID", "LEAD-2", "LEAD-5")
        report = await remove(settings_for(simulator.base_url), input=str(path))
        assert (report.exit_code, report.counts, report.balanced) == (0, {"deleted": 2}, True)
        assert report.named_by == {"externalId": "Lead ID"}
        answers = answers_in(path.with_name("gone.deleted.csv"))
        assert tuple(answers[0]) == REMOVAL_COLUMNS
        assert [each["obi_id"] for each in answers] == [ids["LEAD-2"], ids["LEAD-5"]]
        assert [each["obi_row"] for each in answers] == ["1", "2"]
        by_id = written(own_place / "ids.csv", "id", ids["LEAD-1"].lower(), ids["LEAD-3"])
        report = await remove(settings_for(simulator.base_url), input=str(by_id))
        assert (report.exit_code, report.counts, report.named_by) == (0, {"deleted": 2}, {"id": "id"})
        assert set(held(simulator)) == {"LEAD-4", "LEAD-6"}


async def test_ids_count_with_dashes_and_in_any_case_and_externalids_letter_by_letter(
    settings_for: MakeSettings,
) -> None:
    async with Simulator(seed=seed(*leads(4))) as simulator:
        ids = held(simulator)
        plain = ids["LEAD-1"].lower()
        dashed = "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))
        report = await remove(settings_for(simulator.base_url), names=(dashed, "lead-2", "LEAD-3"))
        assert (report.exit_code, report.counts) == (5, {"absent": 1, "deleted": 2})
        assert set(held(simulator)) == {"LEAD-2", "LEAD-4"}
        assert [each.row for each in report.told] == [2]


async def test_a_word_of_the_form_of_an_id_may_be_an_externalid(settings_for: MakeSettings) -> None:
    crm = "AAAABBBBCCCCDDDDEEEEFFFF00001111"
    async with Simulator(seed=seed({"externalId": crm, "numbers": "+442079460001"}, *leads(2))) as simulator:
        report = await remove(settings_for(simulator.base_url), names=(crm,))
        assert report.counts == {"deleted": 1}
        assert set(held(simulator)) == {"LEAD-1", "LEAD-2"}


async def test_one_customer_named_twice_is_deleted_once_and_the_second_row_says_so(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        ids = held(simulator)
        path = written(
            own_place / "gone.csv",
            "id,externalId",
            f"{ids['LEAD-1']},",
            ",LEAD-1",
            "",
            f"{ids['LEAD-1']},LEAD-1",
            ",LEAD-2",
            ",",
        )
        settings = settings_for(simulator.base_url)
        for _ in range(2):  # repeated, it says the same
            report = await remove(settings, input=str(path))
            answers = answers_in(report.results)
            assert statuses(answers) == ["deleted", "duplicate", "duplicate", "deleted"]
            assert "row 1" in answers[1]["obi_error"]
            assert report.exit_code == 0
        assert set(held(simulator)) == {"LEAD-3"}


async def test_a_row_whose_id_and_externalid_are_two_customers_deletes_neither(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        ids = held(simulator)
        path = written(own_place / "gone.csv", "id,externalId", f"{ids['LEAD-1']},LEAD-2")
        report = await remove(settings_for(simulator.base_url), input=str(path))
        assert (report.exit_code, report.counts) == (5, {"kept": 1})
        assert answers_in(report.results)[0]["obi_code"] == "other_customer"
        assert len(held(simulator)) == 3


async def test_rows_that_name_nobody_are_told_one_by_one(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        path = written(
            own_place / "gone.csv",
            "externalId,Name",
            "LEAD-1,A",
            ",B",
            "LEAD-404,C",
            "n/a,D",
            "LEAD-2,E,too,many",
        )
        report = await remove(settings_for(simulator.base_url), input=str(path))
        answers = answers_in(report.results)
        assert statuses(answers) == ["deleted", "invalid", "absent", "invalid", "invalid"]
        assert (report.exit_code, report.balanced) == (5, True)
        assert all(each["obi_error"] for each in answers[1:])
        assert set(held(simulator)) == {"LEAD-2", "LEAD-3"}


async def test_what_is_no_id_among_ids_is_told_and_the_others_are_deleted(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        ids = held(simulator)
        path = written(own_place / "gone.csv", "id", ids["LEAD-1"], ids["LEAD-2"][:-1], ids["LEAD-3"])
        report = await remove(settings_for(simulator.base_url), input=str(path))
        assert statuses(answers_in(report.results)) == ["deleted", "invalid", "deleted"]
        assert ids["LEAD-2"][:-1] not in report.told[0].error


async def test_our_own_results_name_customers_by_our_columns(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        ids = held(simulator)
        path = written(
            own_place / "leads.results.csv",
            "Lead ID,obi_row,obi_status,obi_id,obi_external_id,obi_error",
            f"1,1,created,{ids['LEAD-1']},LEAD-1,",
            "2,2,invalid,,,no number",
        )
        report = await remove(settings_for(simulator.base_url), input=str(path))
        assert report.named_by == {"id": "obi_id", "externalId": "obi_external_id"}
        assert report.counts == {"deleted": 1, "invalid": 1}


async def test_a_column_alone_without_a_header_is_read_from_its_first_line(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(seed=seed(*leads(5))) as simulator:
        ids = held(simulator)
        settings = settings_for(simulator.base_url)
        guids = written(own_place / "guids.txt", ids["LEAD-1"], "", ids["LEAD-2"])
        assert (await remove(settings, input=str(guids))).counts == {"deleted": 2}
        names = written(own_place / "names.txt", "LEAD-3", "LEAD-4", "LEAD-3")
        with pytest.raises(InputError, match="--by"):
            await remove(settings, input=str(names))
        report = await remove(settings, input=str(names), by="externalId")
        assert report.counts == {"deleted": 2, "duplicate": 1}
        assert set(held(simulator)) == {"LEAD-5"}


async def test_a_column_of_crm_guids_can_be_stated_to_hold_externalids(
    own_place: Path, settings_for: MakeSettings
) -> None:
    crm = ["AAAABBBBCCCCDDDDEEEEFFFF00001111", "AAAABBBBCCCCDDDDEEEEFFFF00002222"]
    customers = [{"externalId": each, "numbers": "+442079460001"} for each in crm]
    async with Simulator(seed=seed(*customers)) as simulator:
        settings = settings_for(simulator.base_url)
        path = written(own_place / "gone.csv", "id", *crm)
        report = await remove(settings, input=str(path))
        assert (report.counts, "--by externalId" in report.told[0].error) == ({"absent": 2}, True)
        report = await remove(settings, input=str(path), by="externalId")
        assert report.counts == {"deleted": 2}
        report = await remove(settings, input=str(path), by="id", column="ID")
        assert report.counts == {"absent": 2}


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["Name,City", "A,London"], "which column"),
        (["Lead ID,Contact ID", "1,2"], "more than one column"),
        (["externalId"], "names nobody"),
    ],
    ids=["none", "several", "header only"],
)
async def test_a_file_that_does_not_say_who_is_meant_is_refused_before_anything_is_asked(
    lines: list[str], match: str, own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        path = written(own_place / "gone.csv", *lines)
        with pytest.raises(InputError, match=match):
            await remove(settings_for(simulator.base_url), input=str(path))
        assert simulator.requests == []


async def test_a_workbook_names_customers_too(own_place: Path, settings_for: MakeSettings) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        path = own_place / "gone.xlsx"
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            sheet.write_column(0, 0, ["External ID", "LEAD-1", "LEAD-3"])
        report = await remove(settings_for(simulator.base_url), input=str(path))
        assert report.counts == {"deleted": 2}
        assert set(held(simulator)) == {"LEAD-2"}


async def test_several_customers_of_one_externalid_are_told_and_stay(
    settings_for: MakeSettings, own_place: Path
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        simulator._service.store._db.execute(
            "UPDATE customers SET external_id = 'LEAD-1', folded_id = 'lead-1', "
            "body = json_set(body, '$.externalId', 'LEAD-1') WHERE external_id = 'LEAD-2'"
        )
        report = await remove(settings_for(simulator.base_url), names=("LEAD-1", "LEAD-3"))
        assert report.counts == {"deleted": 1, "invalid": 1}
        assert simulator.count(PREVIEW_CAMPAIGN) == 2


async def test_the_crm_s_own_ids_are_found_behind_the_prefix_of_a_profile(
    settings_for: MakeSettings, own_place: Path
) -> None:
    people = [{"externalId": each, "numbers": "+442079460001"} for each in ("CRM-1", "CRM-2", "2", "CRM-3")]
    async with Simulator(seed=seed(*people)) as simulator:
        path = written(own_place / "gone.csv", "Lead ID", "1", "2", "CRM-3", "4")
        settings = settings_for(simulator.base_url)
        report = await remove(settings, input=str(path), prefix="CRM-")
        assert report.counts == {"absent": 1, "deleted": 2, "invalid": 1}
        assert set(held(simulator)) == {"CRM-2", "2"}  # which of them row 2 means nobody can tell
        assert (await remove(settings, names=("2",))).counts == {"deleted": 1}


# --- who stays --------------------------------------------------------------------------------------


async def test_who_was_called_stays_unless_that_is_asked_for(settings_for: MakeSettings) -> None:
    called = leads(1, prefix="CALLED-", result="SUCCESS", callCount=2)
    async with Simulator(seed=seed(*called, *leads(1))) as simulator:
        settings = settings_for(simulator.base_url)
        names = ("CALLED-1", "LEAD-1")
        report = await remove(settings, names=names)
        assert (report.exit_code, report.counts) == (5, {"deleted": 1, "kept": 1})
        assert "2 calls, SUCCESS" in report.told[0].error
        assert "CALLED" not in report.told[0].named
        report = await remove(settings, names=names, handled_too=True)
        assert (report.exit_code, report.counts) == (0, {"deleted": 2})


async def test_a_customer_that_is_added_anew_is_deleted_by_the_same_command_again(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(seed=seed(*leads(2))) as simulator:
        settings = settings_for(simulator.base_url)
        path = written(own_place / "gone.csv", "externalId", "LEAD-1", "LEAD-9")
        assert (await remove(settings, input=str(path))).counts == {"absent": 1, "deleted": 1}
        simulator.seed({"campaigns": [{"id": PREVIEW_CAMPAIGN, "name": CAMPAIGN, "customers": []}]})
        await _post(simulator, "LEAD-1", "LEAD-9")
        assert (await remove(settings, input=str(path))).counts == {"deleted": 2}
        assert set(held(simulator)) == {"LEAD-2"}


async def _post(simulator: Simulator, *external_ids: str) -> None:
    import aiohttp  # noqa: PLC0415  -- one test needs it

    async with aiohttp.ClientSession() as session:
        for external_id in external_ids:
            url = f"{simulator.base_url}/campaigns/{PREVIEW_CAMPAIGN}/customers"
            body = {"externalId": external_id, "numbers": "+442079460001"}
            async with session.post(url, json=body, headers={"Accept": "text/html"}) as answer:
                assert answer.status == 201


# --- trouble on the way -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(mode="503", method="DELETE", times=3),
        Fault(mode="504_after_commit", method="DELETE", every=3),
        Fault(mode="reset_after_commit", method="DELETE", every=4),
        Fault(mode="reset_before_read", method="DELETE", every=3),
        Fault(mode="filter_ignored"),
        Fault(mode="503", method="GET", every=7),
    ],
    ids=lambda fault: f"{fault.mode} {fault.method}",
)
async def test_faults_change_nothing_about_the_answers(
    fault: Fault, own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(seed=seed(*leads(40)), faults=[fault]) as simulator:
        rows = [f"LEAD-{at}" for at in range(11, 31)]
        path = written(own_place / "gone.csv", "externalId", *rows, "LEAD-404")
        report = await remove(settings_for(simulator.base_url), input=str(path))
        answers = answers_in(report.results)
        assert statuses(answers) == ["deleted"] * 20 + ["absent"]
        assert set(held(simulator)) == {f"LEAD-{at}" for at in (*range(1, 11), *range(31, 41))}


async def test_ten_thousand_deletions_with_faults_have_one_true_answer_each(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    faults = [
        Fault(mode="503", method="DELETE", rate=0.02, seed=1),
        Fault(mode="504_after_commit", method="DELETE", rate=0.02, seed=2),
        Fault(mode="reset_after_commit", method="DELETE", rate=0.01, seed=3),
    ]
    customers = [*leads(10_000), *leads(50, prefix="STAYS-")]
    async with Simulator(seed=seed(*customers), faults=faults) as simulator:
        rows = [f"LEAD-{at}" for at in range(1, 10_001)]
        path = written(own_place / "gone.csv", "externalId", *rows, "LEAD-7", "NEVER-1")
        report = await remove(settings_for(simulator.base_url), input=str(path))
        assert report.counts == {"absent": 1, "deleted": 10_000, "duplicate": 1}
        assert Counter(statuses(answers_in(report.results))) == report.counts
        assert set(held(simulator)) == {f"STAYS-{at}" for at in range(1, 51)}


async def test_what_a_refusal_in_the_middle_stops_goes_on_with_the_same_command(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(
        seed=seed(*leads(10)), faults=[Fault(mode="401", method="DELETE", nth=4)]
    ) as simulator:
        settings = settings_for(simulator.base_url, concurrency=1)
        path = written(own_place / "gone.csv", "externalId", *(f"LEAD-{at}" for at in range(1, 11)), "LEAD-1")
        report = await remove(settings, input=str(path))
        assert (report.exit_code, report.counts) == (6, {"deleted": 3, "duplicate": 1, "failed": 7})
        assert report.balanced
        assert report.stopped
        assert report.next
        again = await remove(settings, input=str(path))
        assert (again.exit_code, again.counts) == (0, {"deleted": 10, "duplicate": 1})
        assert len(answers_in(again.results)) == 11
        assert len(list(own_place.glob("gone*.deleted.csv"))) == 1  # the later results replace the earlier


@pytest.mark.parametrize("by", ["id", "externalId"])
async def test_a_campaign_that_is_gone_in_the_middle_makes_nobody_absent(
    by: str, settings_for: MakeSettings
) -> None:
    async with Simulator(seed=seed(*leads(5))) as simulator:
        names = (NOBODY,) if by == "id" else ("LEAD-1", "LEAD-2")
        simulator.add_fault(Fault(mode="404", path=f"/campaigns/{PREVIEW_CAMPAIGN}"))
        with pytest.raises(NotFoundError):
            await remove(settings_for(simulator.base_url), names=names, by=by)
        assert simulator.count(PREVIEW_CAMPAIGN) == 5


async def test_a_server_that_ignores_searches_costs_one_walk_and_not_one_a_row(
    settings_for: MakeSettings,
) -> None:
    people = leads(1_000)
    async with Simulator(seed=seed(*people), faults=[Fault(mode="filter_ignored")]) as simulator:
        names = tuple(f"LEAD-{at}" for at in range(900, 930))
        report = await remove(settings_for(simulator.base_url), names=names)
        assert report.counts == {"deleted": 30}
        assert sum(each.method == "GET" for each in simulator.requests) < 150


async def test_a_stop_ends_it_after_what_is_in_flight_and_it_goes_on_later(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(seed=seed(*leads(30)), latency_ms=5) as simulator:
        settings = settings_for(simulator.base_url, concurrency=1)
        stop = asyncio.Event()
        names = tuple(f"LEAD-{at}" for at in range(1, 31))
        remover = Remover(settings, stop=stop)

        async def stopper() -> None:
            while sum(each.method == "DELETE" for each in simulator.requests) < 5:
                await asyncio.sleep(0.002)
            stop.set()

        watch = asyncio.create_task(stopper())
        report = await remover.remove(RemovalOrder(campaign=CAMPAIGN, names=names))
        await watch
        assert report.exit_code == 130
        assert report.counts["failed"] == simulator.count(PREVIEW_CAMPAIGN) > 0
        assert report.balanced
        assert (await remove(settings, names=names)).counts == {"deleted": 30}


def test_a_deletion_that_was_killed_goes_on_where_it_was(
    serve: Serve, own_place: Path, answers_in: Answers
) -> None:
    simulator = serve(seed=seed(*leads(200)), latency_ms=2)
    path = written(
        own_place / "gone.csv", "externalId", *(f"LEAD-{at}" for at in range(1, 201)), "LEAD-1", "NEVER"
    )
    words = [
        sys.executable,
        "-m",
        "etl",
        "customers",
        "delete",
        CAMPAIGN,
        "--from",
        str(path),
        "--yes",
        "--json",
    ]
    env = {**os.environ, "OBI_BASE_URL": simulator.base_url, "OBI_CONCURRENCY": "2"}
    for deletions in (1, 60):
        process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while sum(each.method == "DELETE" for each in simulator.requests) < deletions:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60)
    report = json.loads(done.stdout)
    assert (report["counts"], done.returncode) == ({"absent": 1, "deleted": 200, "duplicate": 1}, 5)
    assert statuses(answers_in(report["results"])) == ["deleted"] * 200 + ["duplicate", "absent"]
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


# --- before -----------------------------------------------------------------------------------------


async def test_a_dry_run_changes_nothing_and_keeps_nothing(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        settings = settings_for(simulator.base_url)
        path = written(own_place / "gone.csv", "externalId", "LEAD-1", "LEAD-9")
        report = await remove(settings, input=str(path), dry_run=True)
        assert (report.exit_code, report.counts) == (5, {"absent": 1, "would_delete": 1})
        assert statuses(answers_in(report.results)) == ["would_delete", "absent"]
        assert {each.method for each in simulator.requests} == {"GET"}
        assert list(StateFolder(settings.state_dir).removals.iterdir()) == []
        assert len(held(simulator)) == 3


async def test_who_is_gone_meanwhile_is_told_so(settings_for: MakeSettings) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:

        def somebody_else_deletes(_plan: RemovalPlan) -> bool:
            simulator._service.store._db.execute("DELETE FROM customers WHERE external_id = 'LEAD-1'")
            return True

        remover = Remover(settings_for(simulator.base_url), question=somebody_else_deletes)
        report = await remover.remove(RemovalOrder(campaign=CAMPAIGN, names=("LEAD-1", "LEAD-2")))
        assert (report.exit_code, report.counts) == (0, {"deleted": 1, "gone": 1})


async def test_no_deletes_nobody(settings_for: MakeSettings) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        asked: list[RemovalPlan] = []

        def no(plan: RemovalPlan) -> bool:
            asked.append(plan)
            return False

        remover = Remover(settings_for(simulator.base_url), question=no)
        with pytest.raises(InterruptedRunError, match="Nothing was deleted"):
            await remover.remove(RemovalOrder(campaign=CAMPAIGN, names=("LEAD-1", "NEVER")))
        assert [(each.rows, each.customers) for each in asked] == [(2, 1)]
        assert len(held(simulator)) == 3


async def test_what_can_not_begin_is_refused_and_deletes_nobody(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(seed=seed(*leads(3))) as simulator:
        settings = settings_for(simulator.base_url)
        path = written(own_place / "gone.csv", "externalId", "LEAD-1")
        with pytest.raises(InputError, match=r"\. is a folder"):
            await remove(settings, input=".")
        with pytest.raises(OutputError, match="the input itself"):
            await remove(settings, input=str(path), results=str(path))
        with pytest.raises(OutputError):
            await remove(settings, input=str(path), results=str(own_place / "not" / "there.csv"))
        with pytest.raises(CampaignError):
            await remove(settings, input=str(path), campaign="Nobody's")
        with pytest.raises(InputError):
            await remove(settings, input=str(own_place / "missing.csv"))
        with (
            StateFolder(settings.state_dir).campaign_lock(simulator.base_url, PREVIEW_CAMPAIGN),
            pytest.raises(LockedError),
        ):
            await remove(settings, input=str(path))
        assert len(held(simulator)) == 3


# --- the command ------------------------------------------------------------------------------------


def test_the_command_demands_yes_where_nobody_can_be_asked(serve: Serve, obi: Obi) -> None:
    simulator = serve(seed=seed(*leads(3)))
    code, _, err = obi("customers", "delete", CAMPAIGN, "LEAD-1", "--base-url", simulator.base_url)
    assert (code, "--yes" in err) == (2, True)
    assert simulator.requests == []


def test_the_command_says_who_was_deleted_and_what_not(serve: Serve, obi: Obi, own_place: Path) -> None:
    simulator = serve(seed=seed(*leads(3)))
    written(own_place / "gone.csv", "externalId", "LEAD-1", "NEVER-1")
    words = ("customers", "delete", CAMPAIGN, "--from", "gone.csv", "--yes", "--base-url", simulator.base_url)
    code, out, _ = obi(*words)
    assert code == 5
    assert "1  deleted" in out
    assert "NEVER" not in out
    assert "gone.deleted.csv" in out
    code, out, _ = obi(*words, "--json")
    assert json.loads(out)["counts"] == {"absent": 1, "deleted": 1}


@pytest.mark.skipif(os.name != "posix", reason="a terminal is made with pty")
@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, 2), (b"n\n", 130, 3)])
def test_on_a_terminal_it_asks_first(
    answer: bytes, code: int, left: int, serve: Serve, own_place: Path
) -> None:
    import pty  # noqa: PLC0415  -- not everywhere

    simulator = serve(seed=seed(*leads(3)))
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "etl", "customers", "delete", CAMPAIGN, "LEAD-2"]
    env = os.environ | {"OBI_BASE_URL": simulator.base_url, "COLUMNS": "200"}
    said = b""
    with subprocess.Popen(words, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        while b"?" not in said:
            said += os.read(ours, 4096)
        os.write(ours, answer)
        with suppress(OSError):  # the terminal ends with its process
            while more := os.read(ours, 4096):
                said += more
        assert process.wait(20) == code, said
    os.close(ours)
    assert b"Delete the 1 customer of" in said
    assert simulator.count(PREVIEW_CAMPAIGN) == left


@pytest.mark.parametrize("words", [(), ("LEAD-1", "--from", "gone.csv")], ids=["neither", "both"])
def test_the_command_takes_names_or_a_file(words: tuple[str, ...], obi: Obi) -> None:
    code, _, err = obi("customers", "delete", CAMPAIGN, *words, "--yes", "--simulate")
    assert (code, "one of the two" in err) == (2, True)


def test_standard_input_names_customers_too(serve: Serve, obi: Obi, own_place: Path) -> None:
    simulator = serve(seed=seed(*leads(3)))
    words = ("customers", "delete", CAMPAIGN, "--from", "-", "--yes", "--base-url", simulator.base_url)
    code, _, _ = obi(*words, stdin=b"externalId\nLEAD-2\n")
    assert (code, set(held(simulator))) == (0, {"LEAD-1", "LEAD-3"})
    assert (own_place / "stdin.deleted.csv").exists()


def test_the_answers_of_a_month_ago_are_not_kept(own_place: Path, settings_for: MakeSettings) -> None:
    settings = settings_for("http://127.0.0.1:9/RI/obi")
    remover = Remover(settings)
    old, new = (remover.state.removals / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
    then = time.time() - 31 * 86_400
    for path in itertools.chain([old], old.iterdir()):
        os.utime(path, (then, then))
    remover._tidy()
    assert [each.name for each in remover.state.removals.iterdir()] == ["new"]


@pytest.mark.parametrize("word", [*REMOVAL_COLUMNS, *sorted(set(UndoStatus) - {"planned", "sent"})])
def test_each_column_and_each_answer_is_in_the_docs(word: str) -> None:
    page = Path(__file__).parent.parent / "docs" / "customers.md"
    assert f"`{word}`" in page.read_text(encoding="utf-8")


def test_it_is_there_for_python_too(serve: Serve, own_place: Path) -> None:
    simulator = serve(seed=seed(*leads(3)))
    settings = Settings(base_url=simulator.base_url)
    path = written(own_place / "gone.csv", "externalId", "LEAD-1")
    assert delete_customers(CAMPAIGN, source=path, settings=settings).counts == {"deleted": 1}
    assert delete_customers(CAMPAIGN, names=["LEAD-2"], settings=settings, dry_run=True).dry_run
    added = add_customer(CAMPAIGN, numbers=["020 7946 0009"], region="GB", settings=settings, priority="5")
    assert added.status == "created"
    dnc = written(own_place / "dnc.csv", "Phone", "020 7946 0009")
    found = suppress_customers([dnc], all_campaigns=True, region="GB", settings=settings, delete=True)
    assert (found.exit_code, found.counts) == (0, {"deleted": 1})
    assert set(held(simulator)) == {"LEAD-2", "LEAD-3"}


@pytest.mark.parametrize("chance", range(6))
async def test_whatever_goes_wrong_each_row_ends_with_its_one_true_answer(
    chance: int, own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    """Faults, stops and refusals in seeded order; the command is repeated until nothing is left to do."""
    draw = random.Random(chance)
    people = leads(60)
    for each in people:
        if draw.random() < 0.2:
            each |= {"result": "SUCCESS", "callCount": 1}
    modes = ["503", "504_after_commit", "reset_after_commit", "reset_before_read", "html_200_after_commit"]
    faults = [Fault(mode=mode, method="DELETE", rate=0.1, seed=chance) for mode in draw.sample(modes, 3)]
    faults += [Fault(mode="401", method="DELETE", nth=draw.randint(2, 20))]
    faults += [Fault(mode="503", method="GET", rate=0.03, seed=chance)]
    async with Simulator(seed=seed(*people), faults=faults) as simulator:
        ids, called = held(simulator), {each["externalId"] for each in people if "result" in each}
        names = draw.choices([*ids, "NEVER-1", "NEVER-2"], k=40)
        lines = [f"{ids[name]}," if name in ids and draw.random() < 0.5 else f",{name}" for name in names]
        path = written(own_place / "gone.csv", "id,externalId", *lines)
        for sitting in itertools.count():
            assert sitting < 12
            stop = asyncio.Event()
            if draw.random() < 0.3:
                asyncio.get_running_loop().call_later(draw.random() / 10, stop.set)
            remover = Remover(settings_for(simulator.base_url, concurrency=draw.choice([1, 4])), stop=stop)
            try:
                report = await remover.remove(RemovalOrder(campaign=CAMPAIGN, input=str(path)))
            except (InterruptedRunError, UnavailableError):
                continue
            assert report.balanced
            if not report.stopped and "failed" not in report.counts:
                break
        first: dict[str, int] = {}
        expected = []
        for row, name in enumerate(names, start=1):
            if name not in ids:
                expected.append("absent")
            elif first.setdefault(name, row) != row:
                expected.append("duplicate")
            else:
                expected.append("kept" if name in called else "deleted")
        assert statuses(answers_in(report.results)) == expected
        gone = {name for name, word in zip(names, expected, strict=True) if word == "deleted"}
        assert set(held(simulator)) == set(ids) - gone
