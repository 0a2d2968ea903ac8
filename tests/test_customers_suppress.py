"""``obi customers suppress``: who opted out after the load is found everywhere, and listed or deleted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.errors import CampaignError, ConfigError, InterruptedRunError, LockedError, OutputError
from etl.optouts import OPT_OUT_COLUMNS, OptOutOrder, OptOutPlan, OptOutReport, OptOuts
from etl.profile import GUESSED, Profile
from etl.progress import Ticker
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.state import StateFolder

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

CAMPAIGN = "Test Preview Campaign"
BRITISH = GUESSED.model_copy(update={"region": "GB"})


def lead(at: int, **fields: Any) -> dict[str, Any]:
    return {"externalId": f"LEAD-{at}", "numbers": f"+44207946{at:04}"} | fields


def seed(*customers: dict[str, Any], name: str = CAMPAIGN, **more: list[dict[str, Any]]) -> dict[str, Any]:
    others = [{"name": each, "customers": people} for each, people in more.items()]
    return {"campaigns": [{"name": name, "customers": list(customers)}, *others]}


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def suppress(settings: Settings, *lists: Path, **asked: Any) -> OptOutReport:
    order: dict[str, Any] = {"campaigns": (CAMPAIGN,), "profile": BRITISH} | asked
    return await OptOuts(settings).suppress(OptOutOrder(lists=tuple(map(str, lists)), **order))


def ids_in(simulator: Simulator, campaign: str = PREVIEW_CAMPAIGN) -> set[str]:
    return {each["externalId"] for each in simulator.customers(campaign)}


# --- who is found -----------------------------------------------------------------------------------


async def test_who_is_listed_by_any_number_is_found_however_it_is_written(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    people = [
        lead(1),
        lead(2, numbers="+441214960001;02079460002"),
        lead(3, numbers="00442079460003"),
        lead(
            4,
            numbers="+441214960004",
            attributes={"attribute": [{"name": "Other Phone", "value": "020 7946 0004"}]},
        ),
        lead(5),
    ]
    dnc = written(own_place / "dnc.csv", "Phone", *(f"020 7946 000{at}" for at in range(1, 5)))
    async with Simulator(seed=seed(*people)) as simulator:
        report = await suppress(settings_for(simulator.base_url), dnc)
        assert (report.exit_code, report.counts, report.compared) == (5, {"listed": 4}, 5)
        answers = answers_in(dnc.with_name("dnc.suppressed.csv"))
        assert tuple(answers[0]) == OPT_OUT_COLUMNS
        assert {each["obi_external_id"] for each in answers} == {f"LEAD-{at}" for at in range(1, 5)}
        assert answers[1]["obi_matched"] == "02079460002"
        assert {each["obi_list"] for each in answers} == {"dnc.csv"}
        assert {each.method for each in simulator.requests} == {"GET"}


async def test_hashes_and_externalids_are_found_as_by_a_load(
    own_place: Path, settings_for: MakeSettings
) -> None:
    hashed = hashlib.sha256(b"+442079460001").hexdigest()
    hashes = written(own_place / "hashes.csv", "sha256", hashed)
    ids = written(own_place / "ids.csv", "External ID", "lead-2", "77")
    async with Simulator(seed=seed(lead(1), lead(2), lead(3), lead(4, externalId="CRM-77"))) as simulator:
        profile = Profile.model_validate({"region": "GB", "external_id": {"prefix": "CRM-"}})
        report = await suppress(settings_for(simulator.base_url), hashes, ids, profile=profile, delete=True)
        assert (report.exit_code, report.counts) == (0, {"deleted": 3})
        assert ids_in(simulator) == {"LEAD-3"}


async def test_a_stored_number_that_can_not_be_read_is_told_and_never_passed_over(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    people = [lead(1, numbers="02079460001"), lead(2, numbers="98521542"), lead(3)]
    async with Simulator(seed=seed(*people)) as simulator:
        report = await suppress(settings_for(simulator.base_url), dnc, profile=GUESSED, delete=True)
        assert report.exit_code == 5
        assert report.counts["unreadable"] >= 1
        told = {each["obi_external_id"]: each for each in answers_in(report.results)}
        assert told["LEAD-1"]["obi_status"] == "unreadable"
        assert told["LEAD-1"]["obi_matched"] == "02079460001"
        assert "LEAD-1" in ids_in(simulator)
        report = await suppress(settings_for(simulator.base_url), dnc, delete=True)
        assert report.counts["deleted"] == 1
        assert "LEAD-1" not in ids_in(simulator)


async def test_a_customer_without_any_number_is_told(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1), lead(2))) as simulator:
        simulator._service.store._db.execute(
            "UPDATE customers SET body = json_remove(json_set(body, '$.numbers', ''), '$.attributes')"
            " WHERE external_id = 'LEAD-2'"
        )
        report = await suppress(settings_for(simulator.base_url), dnc)
        assert report.counts == {"listed": 1, "unreadable": 1}
        assert "no number" in answers_in(report.results)[1]["obi_error"]


async def test_somebody_whom_only_a_later_walk_shows_is_deleted_too(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1), lead(2))) as simulator:
        store = simulator._service.store
        delete = store.delete

        def delete_and_add(campaign_id: str, customer_id: str) -> int:
            done = delete(campaign_id, customer_id)
            store._db.execute(
                "UPDATE customers SET body = json_set(body, '$.numbers', '+442079460001')"
                " WHERE external_id = 'LEAD-2'"
            )
            return done

        store.delete = delete_and_add  # type: ignore[method-assign]
        report = await suppress(settings_for(simulator.base_url), dnc, delete=True)
        assert (report.exit_code, report.counts) == (0, {"deleted": 2})
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_who_was_called_is_deleted_too_and_the_results_say_what_became_of_the_calls(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1, result="SUCCESS", callCount=2), lead(2))) as simulator:
        report = await suppress(settings_for(simulator.base_url), dnc, delete=True)
        assert (report.exit_code, report.counts) == (0, {"deleted": 1})
        (answer,) = answers_in(report.results)
        assert (answer["obi_result"], answer["obi_call_count"]) == ("SUCCESS", "2")
        assert (answer["obi_campaign"], answer["obi_campaign_id"]) == (CAMPAIGN, PREVIEW_CAMPAIGN)
        assert ids_in(simulator) == {"LEAD-2"}


async def test_every_campaign_is_looked_through_and_one_that_fails_hides_no_other(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1), Spring=[lead(1), lead(2)], Summer=[lead(1)])) as simulator:
        spring = next(each.id for each in simulator._service.store.campaigns() if each.name == "Spring")
        simulator.add_fault(Fault(mode="404", method="GET", path=f"/{spring}/customers"))
        report = await suppress(
            settings_for(simulator.base_url), dnc, campaigns=(), all_campaigns=True, delete=True
        )
        by_name = {each.name: each for each in report.campaigns}
        assert by_name["Spring"].error
        assert by_name["Spring"].exit_code == 3
        assert by_name[CAMPAIGN].counts == by_name["Summer"].counts == {"deleted": 1}
        assert report.exit_code == 3
        assert simulator.count(PREVIEW_CAMPAIGN) == 0
        simulator.clear_faults()
        again = await suppress(
            settings_for(simulator.base_url), dnc, campaigns=(), all_campaigns=True, delete=True
        )
        assert again.exit_code == 0
        assert {each.name: each.counts for each in again.campaigns}["Spring"] == {"deleted": 1}


@pytest.mark.parametrize("ending", ["csv", "xlsx", "jsonl", "parquet"])
async def test_results_have_every_form_that_a_load_s_have(
    ending: str, own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001", "+442079460002")
    people = [lead(1, result="BUSY", callCount=2), lead(2)]
    async with Simulator(seed=seed(*people)) as simulator:
        report = await suppress(
            settings_for(simulator.base_url), dnc, results=str(own_place / f"found.{ending}"), delete=True
        )
        assert report.counts == {"deleted": 2}
        assert (own_place / f"found.{ending}").stat().st_size > 0


async def test_a_list_that_nobody_is_on_ends_well(own_place: Path, settings_for: MakeSettings) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460999")
    async with Simulator(seed=seed(lead(1))) as simulator:
        report = await suppress(settings_for(simulator.base_url), dnc, delete=True)
        assert (report.exit_code, report.counts) == (0, {})
        assert list(StateFolder(settings_for(simulator.base_url).state_dir).removals.iterdir()) == []


# --- trouble ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(mode="503", method="DELETE", times=2),
        Fault(mode="504_after_commit", method="DELETE", every=3),
        Fault(mode="reset_after_commit", method="DELETE", every=4),
        Fault(mode="filter_ignored"),
        Fault(mode="503", method="GET", every=5),
    ],
    ids=lambda fault: fault.mode,
)
async def test_faults_change_nothing_about_the_answers(
    fault: Fault, own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", *(f"+44207946{at:04}" for at in range(1, 31)))
    async with Simulator(seed=seed(*map(lead, range(1, 251))), faults=[fault]) as simulator:
        report = await suppress(settings_for(simulator.base_url), dnc, delete=True)
        assert (report.exit_code, report.counts) == (0, {"deleted": 30})
        assert len(answers_in(report.results)) == 30
        assert ids_in(simulator) == {f"LEAD-{at}" for at in range(31, 251)}


_ANOTHER = """
INSERT INTO customers (campaign, external_id, folded_id, id, modified, rank, body)
SELECT campaign, 'NEW', 'new', 'F', modified, rank, json_set(body, '$.id', 'F', '$.externalId', 'NEW')
FROM customers WHERE external_id = 'LEAD-2'
"""


@pytest.mark.parametrize("comes", [False, True], ids=["one goes", "one goes and another comes"])
async def test_somebody_whom_a_shifting_page_hides_is_found_whatever_the_count_says(
    comes: bool, own_place: Path, settings_for: MakeSettings
) -> None:
    """After the first page the first customer is deleted, so that all others move up by one."""
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460101", "+442079460100")
    async with Simulator(seed=seed(*map(lead, range(1, 301)))) as simulator:
        store = simulator._service.store
        find, calls = store.find, []

        def find_and_shift(campaign_id: str, search: Any) -> Any:
            found = find(campaign_id, search)
            calls.append(search.offset)
            if len(calls) == 1:
                store._db.execute("DELETE FROM customers WHERE external_id = 'LEAD-1'")
                if comes:
                    store._db.execute(_ANOTHER)
            return found

        store.find = find_and_shift  # type: ignore[method-assign]
        report = await suppress(settings_for(simulator.base_url), dnc)
        assert (report.counts, report.campaigns[0].complete) == ({"listed": 2}, True)


async def test_an_opt_out_without_an_externalid_is_deleted_too(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1), lead(2))) as simulator:
        store = simulator._service.store
        store._db.execute(
            "UPDATE customers SET body = json_remove(body, '$.externalId') WHERE external_id = 'LEAD-1'"
        )
        report = await suppress(settings_for(simulator.base_url), dnc, delete=True)
        assert (report.exit_code, report.counts) == (0, {"deleted": 1})
        assert len(simulator.customers(PREVIEW_CAMPAIGN)) == 1


async def test_a_campaign_that_turns_round_with_every_page_is_not_called_complete(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460999")
    async with Simulator(seed=seed(*map(lead, range(1, 301)))) as simulator:
        store = simulator._service.store
        find = store.find

        def find_and_shift(campaign_id: str, search: Any) -> Any:
            found = find(campaign_id, search)
            store._db.execute("UPDATE customers SET number = -number")
            return found

        store.find = find_and_shift  # type: ignore[method-assign]
        report = await suppress(settings_for(simulator.base_url), dnc)
        assert (report.exit_code, report.campaigns[0].complete) == (5, False)


def test_a_search_that_was_killed_while_it_deleted_goes_on_and_tells_all(
    serve: Serve, own_place: Path, answers_in: Answers
) -> None:
    simulator = serve(seed=seed(*map(lead, range(1, 201))), latency_ms=2)
    dnc = written(own_place / "dnc.csv", "Phone", *(f"+44207946{at:04}" for at in range(1, 101)))
    words = [sys.executable, "-m", "etl", "customers", "suppress", "--list", str(dnc), "--campaign", CAMPAIGN]
    words += ["--delete", "--yes", "--json"]
    env = {**os.environ, "OBI_BASE_URL": simulator.base_url, "OBI_CONCURRENCY": "2"}
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while sum(each.method == "DELETE" for each in simulator.requests) < 30:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60)
    report = json.loads(done.stdout)
    assert (done.returncode, report["counts"]) == (0, {"deleted": 100})
    assert len({each["obi_id"] for each in answers_in(report["results"])}) == 100
    assert ids_in(simulator) == {f"LEAD-{at}" for at in range(101, 201)}
    assert not list((Path(env["OBI_STATE_DIR"]) / "removals").iterdir())


async def test_a_refusal_in_the_middle_is_told_and_the_same_command_goes_on(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", *(f"+44207946{at:04}" for at in range(1, 11)))
    faults = [Fault(mode="401", method="DELETE", nth=4)]
    async with Simulator(seed=seed(*map(lead, range(1, 21))), faults=faults) as simulator:
        settings = settings_for(simulator.base_url, concurrency=1)
        report = await suppress(settings, dnc, delete=True)
        assert (report.exit_code, report.counts) == (6, {"deleted": 3, "failed": 7})
        assert report.next
        again = await suppress(settings, dnc, delete=True)
        assert (again.exit_code, again.counts) == (0, {"deleted": 10})


async def test_two_of_the_same_command_do_not_get_into_each_other_s_way(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", *(f"+44207946{at:04}" for at in range(1, 31)))
    async with Simulator(seed=seed(*map(lead, range(1, 51)))) as simulator:
        settings = settings_for(simulator.base_url)
        ended = await asyncio.gather(
            *(suppress(settings, dnc, delete=True) for _ in range(2)), return_exceptions=True
        )
        (locked,) = [each for each in ended if isinstance(each, LockedError)]
        assert "wait" in str(locked)
        (report,) = [each for each in ended if isinstance(each, OptOutReport)]
        assert (report.exit_code, report.counts) == (0, {"deleted": 30})


def test_there_may_be_more_campaigns_than_a_process_may_have_files(
    serve: Serve, own_place: Path, answers_in: Answers
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460000")
    campaigns = [{"name": f"Campaign {at}", "customers": [lead(at % 79)]} for at in range(80)]
    simulator = serve(seed={"campaigns": campaigns})
    words = [sys.executable, "-m", "etl", "customers", "suppress", "--list", str(dnc), "--all-campaigns",
             "--delete", "--yes", "--json", "--base-url", simulator.base_url]  # fmt: skip
    shell = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *words]
    env = os.environ | {"OBI_STATE_DIR": str(own_place / "state")}
    done = subprocess.run(shell, env=env, capture_output=True, text=True, check=False, timeout=60)
    report = json.loads(done.stdout)
    assert (done.returncode, report["counts"], report["compared"]) == (0, {"deleted": 2}, 80)
    assert len(answers_in(report["results"])) == 2


async def test_what_was_stopped_does_not_settle_who_is_found_by_another_prefix(
    own_place: Path, settings_for: MakeSettings
) -> None:
    ids = written(own_place / "ids.csv", "External ID", "LEAD-1", "77")
    numbers = written(own_place / "dnc.csv", "Phone", "+442079460009")
    faults = [Fault(mode="401", method="DELETE", nth=1)]
    people = [lead(1), lead(2, externalId="CRM-77", numbers="123456")]
    async with Simulator(seed=seed(*people), faults=faults) as simulator:
        settings = settings_for(simulator.base_url, concurrency=1)
        report = await suppress(settings, ids, numbers, delete=True)
        assert report.counts == {"failed": 1, "unreadable": 1}
        profile = Profile.model_validate({"region": "GB", "external_id": {"prefix": "CRM-"}})
        report = await suppress(settings, ids, numbers, profile=profile, delete=True)
        assert (report.exit_code, report.counts) == (0, {"deleted": 2})


async def test_a_load_into_the_same_campaign_keeps_its_customers_from_being_deleted_under_it(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1))) as simulator:
        settings = settings_for(simulator.base_url)
        with StateFolder(settings.state_dir).campaign_lock(simulator.base_url, PREVIEW_CAMPAIGN):
            report = await suppress(settings, dnc, delete=True)
            assert (report.exit_code, report.counts) == (8, {})
            assert "running" in report.campaigns[0].error
            assert (await suppress(settings, dnc)).counts == {"listed": 1}
        assert ids_in(simulator) == {"LEAD-1"}


# --- before -----------------------------------------------------------------------------------------


async def test_no_deletes_nobody(own_place: Path, settings_for: MakeSettings) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1), lead(2))) as simulator:
        asked: list[OptOutPlan] = []

        def no(plan: OptOutPlan) -> bool:
            asked.append(plan)
            return False

        opt_outs = OptOuts(settings_for(simulator.base_url), question=no)
        with pytest.raises(InterruptedRunError, match="Nothing was deleted"):
            await opt_outs.suppress(
                OptOutOrder(lists=(str(dnc),), campaigns=(CAMPAIGN,), profile=BRITISH, delete=True)
            )
        assert asked == [OptOutPlan(1, (CAMPAIGN,))]
        assert ids_in(simulator) == {"LEAD-1", "LEAD-2"}
        assert list(opt_outs.state.removals.iterdir()) == []


async def test_a_list_or_a_campaign_that_is_not_there_stops_it_before_anything_is_looked_at(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1))) as simulator:
        settings = settings_for(simulator.base_url)
        with pytest.raises(ConfigError, match="not there"):
            await suppress(settings, own_place / "missing.csv")
        with pytest.raises(ConfigError, match="No do-not-call list"):
            await suppress(settings)
        assert simulator.requests == []
        with pytest.raises(CampaignError):
            await suppress(settings, dnc, campaigns=(CAMPAIGN, "Nobody's"))
        assert {each.path.rpartition("/")[2] for each in simulator.requests} == {"campaigns"}


async def test_results_never_take_the_place_of_a_list(own_place: Path, settings_for: MakeSettings) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1))) as simulator:
        with pytest.raises(OutputError, match="list itself"):
            await suppress(settings_for(simulator.base_url), dnc, results=str(dnc))
        assert dnc.read_text(encoding="utf-8").startswith("Phone")


async def test_the_standing_lists_of_a_profile_count_where_none_is_named(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "020 7946 0001")
    profile = Profile.model_validate({"suppress": {"files": [str(dnc)], "region": "GB"}})
    async with Simulator(seed=seed(lead(1))) as simulator:
        assert (await suppress(settings_for(simulator.base_url), profile=profile)).counts == {"listed": 1}


def test_the_command_takes_several_lists_and_campaigns_and_passes_over_its_own_results(
    serve: Serve, obi: Obi, own_place: Path
) -> None:
    simulator = serve(seed=seed(lead(1), Spring=[lead(2)], Summer=[lead(3)]))
    folder = own_place / "dnc"
    folder.mkdir()
    written(folder / "a.csv", "Phone", "+442079460001")
    written(folder / "b.csv", "Phone", "+442079460002", "+442079460003")
    words = ("customers", "suppress", "--list", "dnc/a.csv", "dnc/b.csv", "--campaign", CAMPAIGN, "Spring")
    code, out, _ = obi(*words, "--base-url", simulator.base_url)
    assert (code, "2  listed" in out) == (5, True)
    assert (folder / "a.suppressed.csv").exists()
    everywhere = ("customers", "suppress", "--list", "dnc/*.csv", "--all-campaigns")
    code, out, _ = obi(*everywhere, "--delete", "--yes", "--json", "--base-url", simulator.base_url)
    assert (code, json.loads(out)["counts"]) == (0, {"deleted": 3})
    assert len(list(folder.glob("a.*suppressed.csv"))) == 2


def test_the_command_demands_yes_and_campaigns(serve: Serve, obi: Obi, own_place: Path) -> None:
    written(own_place / "dnc.csv", "Phone", "+442079460001")
    words = ("customers", "suppress", "--list", "dnc.csv", "--simulate")
    assert obi(*words)[0] == 2
    assert obi(*words, "--all-campaigns", "--campaign", "Spring")[0] == 2
    code, _, err = obi(*words, "--all-campaigns", "--delete")
    assert (code, "--yes" in err) == (2, True)


async def test_a_stop_is_told_and_the_rest_is_not_looked_through(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = written(own_place / "dnc.csv", "Phone", "+442079460001")
    async with Simulator(seed=seed(lead(1), Spring=[lead(1)])) as simulator:
        stop = asyncio.Event()
        stop.set()
        report = await OptOuts(settings_for(simulator.base_url), stop=stop).suppress(
            OptOutOrder(lists=(str(dnc),), all_campaigns=True, profile=BRITISH)
        )
        assert report.exit_code == 130
        assert all(each.error for each in report.campaigns)


@pytest.mark.parametrize("column", OPT_OUT_COLUMNS)
def test_each_column_is_in_the_docs(column: str) -> None:
    page = Path(__file__).parent.parent / "docs" / "customers.md"
    assert f"`{column}`" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("every", "said"), [(0, ["a", "b"]), (1_000, [])])
def test_how_far_it_is_is_said_now_and_then(every: float, said: list[str]) -> None:
    told: list[str] = []
    ticker = Ticker(told.append, every=every)
    ticker.tell("a")
    ticker.tell("b")
    assert told == said
