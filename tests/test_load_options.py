"""What frames a load: canary, limit of errors, marker, reading back, the campaign's status, preflight."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from etl.errors import ConfigError, DiskFullError, StateError, StoppedError
from etl.limits import ErrorLimit
from etl.link import unencrypted
from etl.orders import Order
from etl.profile import GUESSED
from etl.records import RowOutcome, RowStatus, RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.undo import Undoer, UndoOrder

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
POSTS = "/customers/list"


def leads(*numbers: str) -> str:
    rows = [f"L{row:04},{number},Name {row}" for row, number in enumerate(numbers, start=1)]
    return "\n".join(["Lead ID,Phone,Name", *rows, ""])


def good(count: int) -> list[str]:
    return [f"020 7946 {row:04}" for row in range(1, count + 1)]


def written(place: Path, text: str) -> str:
    path = place / "leads.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


async def load(settings: Settings, path: str, **order: Any) -> RunReport:
    asked = Order(input=path, profile=BRITISH, campaign=PREVIEW_CAMPAIGN, **order)
    return await Runner(settings).load(asked)


def posts(simulator: Simulator) -> int:
    return sum(each.path.endswith(POSTS) for each in simulator.requests)


# --- the canary ------------------------------------------------------------------------------------------


async def test_a_canary_that_lands_is_followed_by_the_rest(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, canary=3, batch_size=10, concurrency=4)
        report = await load(settings, written(own_place, leads(*good(25))))
        assert (report.exit_code, report.counts) == (0, {"created": 25})
        first = next(each for each in simulator.requests if each.path.endswith(POSTS))
        assert first.committed == 3


async def test_a_canary_that_is_refused_stops_the_load_and_the_rest_is_unsent(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(faults=[Fault(mode="item_500", params={"item": 1}, times=9)]) as simulator:
        settings = settings_for(simulator.base_url, canary=3, batch_size=10, concurrency=4)
        report = await load(settings, written(own_place, leads(*good(25))))
        assert report.exit_code == 10
        assert "--canary" in report.stopped
        assert report.counts == {"created": 2, "unknown": 1, "unsent": 22}
        assert simulator.count(PREVIEW_CAMPAIGN) == 2
        rows = answers_in(own_place / "leads.results.csv")
        assert [row["obi_status"] for row in rows[:4]] == ["created", "unknown", "created", "unsent"]


async def test_a_canary_of_rows_that_exist_already_passes(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        path = written(own_place, leads(*good(6)))
        await load(settings_for(simulator.base_url), path)
        report = await load(settings_for(simulator.base_url, canary=2), path)
        assert (report.exit_code, report.counts) == (0, {"exists": 6})


async def test_a_run_that_is_resumed_after_its_canary_needs_no_second_one(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="401", path=POSTS, nth=3)]) as simulator:
        settings = settings_for(simulator.base_url, canary=2, batch_size=5, concurrency=1)
        path = written(own_place, leads(*good(20)))
        assert (await load(settings, path)).exit_code == 6
        before = posts(simulator)
        report = await load(settings, path)
        assert (report.exit_code, report.counts) == (0, {"created": 20})
        assert posts(simulator) - before == 3


async def test_a_canary_larger_than_the_input_is_the_whole_input(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url, canary=500), written(own_place, leads(*good(7))))
        assert (report.exit_code, report.counts) == (0, {"created": 7})


# --- the limit of errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "sent"), [("2", 0), ("3", 27), ("", 27)])
async def test_more_errors_than_the_limit_stop_the_sending(
    limit: str, sent: int, own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, max_errors=limit)
        report = await load(settings, written(own_place, leads(*good(27), "bad", "worse", "worst")))
        assert report.exit_code == 5
        assert simulator.count(PREVIEW_CAMPAIGN) == sent
        assert report.counts == {"invalid": 3} | ({"created": 27} if sent else {"unsent": 27})
        assert bool(report.stopped) is (sent == 0)


async def test_a_share_counts_from_the_hundredth_row_on(own_place: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, max_errors="1%")
        few = await load(settings, written(own_place, leads(*good(50), "bad", "worse")))
        assert (few.counts, few.stopped) == ({"created": 50, "invalid": 2}, "")
        many = await load(settings, written(own_place, leads(*good(120), "bad", "worse")))
        assert many.counts == {"invalid": 2, "unsent": 120}
        assert "2 of 122 rows" in many.stopped


@pytest.mark.parametrize(("refused", "stops"), [(5, False), (6, True), (100, True)])
def test_a_share_of_refused_rows_is_one_of_those_that_have_an_answer(refused: int, stops: bool) -> None:
    limit = ErrorLimit("5%")
    limit.checked(10_000)  # a whole frame, and only a hundred of it were sent yet
    statuses = [RowStatus.REJECTED] * refused + [RowStatus.CREATED] * (100 - refused)
    limit.settled(RowOutcome(row=row, status=status) for row, status in enumerate(statuses, start=1))
    if not stops:
        limit.enforce()
        return
    with pytest.raises(StoppedError, match=f"{refused} of 100 rows so far"):
        limit.enforce()


def test_invalid_rows_that_are_checked_ahead_do_not_weigh_more_than_their_share() -> None:
    limit = ErrorLimit("5%")
    limit.checked(10_000)
    limit.settled(RowOutcome(row=row, status=RowStatus.INVALID) for row in range(1, 401))
    limit.settled(RowOutcome(row=row, status=RowStatus.CREATED) for row in range(401, 501))
    limit.enforce()


async def test_rows_that_the_server_refuses_count_too(own_place: Path, settings_for: MakeSettings) -> None:
    numbers = ["+1 201 555 0123" if row % 2 else number for row, number in enumerate(good(40))]
    async with Simulator() as simulator:
        settings = settings_for(
            simulator.base_url, max_errors="4", existing="fail", batch_size=5, concurrency=1
        )
        path = written(own_place, leads(*numbers))
        await load(settings_for(simulator.base_url), path)
        report = await load(settings, path)
        assert report.exit_code == 5
        assert report.counts == {"rejected": 5, "unsent": 35}


async def test_a_run_that_errors_stopped_is_resumed_under_another_limit(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(
            simulator.base_url, max_errors="4", existing="fail", batch_size=5, concurrency=1
        )
        path = written(own_place, leads(*good(20)))
        await load(settings_for(simulator.base_url), path)
        more = written(own_place, leads(*good(40)))
        report = await load(settings, more)
        assert report.next == f"obi resume {report.run} --max-errors 100%"
        assert (await Runner(settings).resume(report.run)).counts["unsent"] == 35  # type: ignore[union-attr]
        again = await Runner(settings, changed={"max_errors": "100%"}).resume(report.run)
        assert again is not None
        assert again.counts == {"rejected": 20, "created": 20}


# --- the marker ------------------------------------------------------------------------------------------


async def test_every_customer_carries_the_marker(own_place: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        report = await load(
            settings_for(simulator.base_url, marker="Import"), written(own_place, leads(*good(3)))
        )
        for customer in simulator.customers(PREVIEW_CAMPAIGN):
            attributes = {each["name"]: each["value"] for each in customer["attributes"]["attribute"]}
            assert attributes["Import"] == report.run


async def test_the_marker_is_proof_also_of_a_customer_that_was_called_meanwhile(
    own_place: Path, settings_for: MakeSettings
) -> None:
    """Without it, a customer with a result can't be told from one of an earlier day."""
    path = written(own_place, leads(*good(4)))

    async def counts(**given: Any) -> dict[str, int]:
        async with Simulator(faults=[Fault(mode="504_after_commit", path=POSTS, nth=1)]) as simulator:

            def call_them() -> None:
                simulator._service.store._db.execute(
                    "UPDATE customers SET result = 'SUCCESS', "
                    "body = json_set(body, '$.result', 'SUCCESS', '$.callCount', 1)"
                )

            simulator._service.log = _Hook(call_them)  # type: ignore[assignment]
            return (await load(settings_for(simulator.base_url, **given), path)).counts

    assert await counts() == {"exists": 4}
    assert await counts(marker="Import") == {"created": 4}


class _Hook(list[Any]):
    """A log that does something when the first list of customers was answered."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = then

    def append(self, entry: Any) -> None:
        super().append(entry)
        if entry.path.endswith(POSTS):
            self._then()


@pytest.mark.parametrize("mode", ["504_after_commit", "reset_after_partial_commit", "503"])
async def test_with_a_marker_a_batch_in_doubt_is_found_by_one_search(
    mode: str, own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode=mode, path=POSTS, nth=2)]) as simulator:
        settings = settings_for(simulator.base_url, marker="Import", batch_size=50, concurrency=1)
        report = await load(settings, written(own_place, leads(*good(150))))
        assert (report.exit_code, report.counts) == (0, {"created": 150})
        assert simulator.count(PREVIEW_CAMPAIGN) == 150
        searches = [each for each in simulator.requests if "attributeName=Import" in each.query]
        assert searches
        assert sum(each.path.endswith("/customers") for each in simulator.requests) < 12


async def test_a_server_that_does_not_search_by_attributes_is_asked_row_by_row(
    own_place: Path, settings_for: MakeSettings
) -> None:
    ignoring = Fault(mode="filter_ignored", path="/customers$")
    async with Simulator(faults=[Fault(mode="504_after_commit", path=POSTS, nth=2), ignoring]) as simulator:
        path = written(own_place, leads(*good(20)))
        await load(settings_for(simulator.base_url), path)
        settings = settings_for(simulator.base_url, marker="Import", batch_size=50, concurrency=1)
        written(own_place, leads(*good(150)))
        report = await load(settings, path)
        assert report.balanced
        assert simulator.count(PREVIEW_CAMPAIGN) == 150
        assert report.counts == {"created": 130, "exists": 20}


async def test_a_marker_that_is_a_column_of_the_input_is_refused(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        with pytest.raises(ConfigError, match="--marker"):
            await load(settings_for(simulator.base_url, marker="name"), written(own_place, leads(*good(1))))
        assert posts(simulator) == 0


# --- reading back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [5, 450])
async def test_reading_back_finds_nothing_amiss_where_nothing_is(
    rows: int, own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        report = await load(
            settings_for(simulator.base_url, verify=True), written(own_place, leads(*good(rows)))
        )
        assert (report.exit_code, report.counts) == (0, {"created": rows})
        asked = sum(each.method == "GET" for each in simulator.requests)
        assert asked <= 12


async def test_a_reordered_answer_is_put_right_by_reading_back(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(faults=[Fault(mode="reordered_array", path=POSTS)]) as simulator:
        report = await load(
            settings_for(simulator.base_url, verify=True), written(own_place, leads(*good(4)))
        )
        assert report.counts == {"created": 4}
        held = {each["externalId"]: each["id"] for each in simulator.customers(PREVIEW_CAMPAIGN)}
        for row in answers_in(own_place / "leads.results.csv"):
            assert row["obi_id"] == held[row["Lead ID"]]
            assert "read back" in row["obi_warning"]


async def test_a_customer_that_is_gone_when_it_is_read_back_is_unknown(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator(faults=[Fault(mode="stale_reads", path="/customers")]) as simulator:
        report = await load(
            settings_for(simulator.base_url, verify=True), written(own_place, leads(*good(3)))
        )
        assert (report.exit_code, report.counts) == (10, {"unknown": 3})
        simulator.clear_faults()
        again = await Runner(settings_for(simulator.base_url)).resume()
        assert again is not None
        assert simulator.count(PREVIEW_CAMPAIGN) == 3
        assert (again.exit_code, again.counts) == (0, {"created": 3})


async def test_a_customer_that_was_deleted_meanwhile_is_sent_again_by_resume(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="stale_reads", path="/customers")]) as simulator:
        await load(settings_for(simulator.base_url, verify=True), written(own_place, leads(*good(3))))
        simulator.clear_faults()
        store = simulator._service.store
        store.delete(PREVIEW_CAMPAIGN, simulator.customers(PREVIEW_CAMPAIGN)[1]["id"])
        again = await Runner(settings_for(simulator.base_url)).resume()
        assert again is not None
        assert (again.exit_code, again.counts) == (0, {"created": 3})
        assert simulator.count(PREVIEW_CAMPAIGN) == 3


# --- the campaign's status -------------------------------------------------------------------------------


async def status_of(simulator: Simulator) -> str:
    campaign = simulator._service.store.campaign(PREVIEW_CAMPAIGN)
    assert campaign is not None
    return str(campaign.status)


async def test_the_campaign_is_paused_before_and_active_after(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, pause_first=True, activate=True)
        report = await load(settings, written(own_place, leads(*good(3))))
        assert (report.exit_code, await status_of(simulator)) == (0, "Active")
        asked = [(each.method, each.path.rpartition("/")[2]) for each in simulator.requests]
        assert asked.index(("PUT", "status")) < asked.index(("POST", "list"))
        assert asked.count(("PUT", "status")) == 2


async def test_a_campaign_that_was_paused_stays_so_unless_it_is_to_be_activated(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, pause_first=True)
        await load(settings, written(own_place, leads(*good(3))))
        assert await status_of(simulator) == "Passive"


async def test_resuming_a_run_that_has_ended_leaves_the_campaign_alone(
    own_place: Path, settings_for: MakeSettings
) -> None:
    """Somebody may have activated it since: its calls must not stop because a run is looked at again."""
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, pause_first=True)
        report = await load(settings, written(own_place, leads(*good(3))))
        assert "paused" in "".join(report.warnings)
        simulator._service.store.put_campaigns(
            [replace(each, status="Active") for each in simulator._service.store.campaigns()]
        )
        again = await Runner(settings).resume(report.run)
        assert again is not None
        assert (again.exit_code, again.warnings, await status_of(simulator)) == (0, (), "Active")


async def test_a_load_that_was_stopped_activates_nothing(own_place: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, pause_first=True, activate=True, max_errors="0")
        report = await load(settings, written(own_place, leads(*good(3), "bad")))
        assert (report.exit_code, await status_of(simulator)) == (5, "Passive")


async def test_a_campaign_that_cannot_be_activated_is_told_of(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="403", path="/status")]) as simulator:
        settings = settings_for(simulator.base_url, activate=True)
        report = await load(settings, written(own_place, leads(*good(3))))
        assert report.exit_code == 6
        assert report.counts == {"created": 3}
        assert "could not be activated" in report.stopped
        assert report.next == f"obi resume {report.run}"


async def test_a_resume_activates_what_could_not_be_activated(
    own_place: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(faults=[Fault(mode="403", path="/status", nth=2)]) as simulator:
        settings = settings_for(simulator.base_url, pause_first=True, activate=True)
        report = await load(settings, written(own_place, leads(*good(3))))
        assert (report.exit_code, await status_of(simulator)) == (6, "Passive")
        resumed = await Runner(settings).resume()
        assert resumed is not None
        assert (resumed.exit_code, resumed.counts, resumed.next) == (0, {"created": 3}, "")
        assert await status_of(simulator) == "Active"
        assert await Runner(settings).resume() is None


@pytest.mark.parametrize("mode", ["500", "504", "504_after_commit", "reset_after_commit"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_a_status_that_was_set_without_an_answer_is_looked_at_and_set_again(
    own_place: Path, settings_for: MakeSettings, mode: str, nth: int
) -> None:
    async with Simulator(faults=[Fault(mode=mode, path="/status", nth=nth)]) as simulator:
        settings = settings_for(simulator.base_url, pause_first=True, activate=True)
        report = await load(settings, written(own_place, leads(*good(3))))
        assert (report.exit_code, report.stopped, await status_of(simulator)) == (0, "", "Active")


# --- repeats ---------------------------------------------------------------------------------------------


async def test_a_nightly_repeat_costs_pages_and_not_a_look_up_a_row(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    numbers = [f"020 7946 {row % 1000:04}" for row in range(1, 3001)]
    async with Simulator() as simulator:
        path = written(own_place, leads(*numbers))
        assert (await load(settings_for(simulator.base_url), path)).counts == {"created": 3000}
        before = len(simulator.requests)
        report = await load(settings_for(simulator.base_url, concurrency=4), path)
        assert (report.exit_code, report.counts) == (0, {"exists": 3000})
        assert len(simulator.requests) - before < 1000
        rows = answers_in(own_place / "leads.results.csv")
        held = {each["externalId"]: each["id"] for each in simulator.customers(PREVIEW_CAMPAIGN)}
        assert all(row["obi_id"] == held[row["Lead ID"]] for row in rows)


# --- before anything is sent -----------------------------------------------------------------------------


async def test_a_disk_without_room_for_the_results_is_told_before_anything_is_sent(
    own_place: Path, settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(own_place)
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: usage._replace(free=500))
    async with Simulator() as simulator:
        with pytest.raises(DiskFullError, match="nothing was sent"):
            await load(settings_for(simulator.base_url), written(own_place, leads(*good(3))))
        assert simulator.requests == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://obi.example/RI/obi", True),
        ("https://obi.example/RI/obi", False),
        ("http://localhost:8080/RI/obi", False),
        ("http://127.0.0.1:8080/RI/obi", False),
        ("http://[::1]:8080/RI/obi", False),
        ("http://10.0.0.7/RI/obi", True),
    ],
)
def test_an_unencrypted_way_to_another_machine_is_warned_of(url: str, told: bool) -> None:
    assert bool(unencrypted(url)) is told


async def test_an_id_that_is_shown_late_is_fetched_at_the_end(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    late = Fault(mode="stale_reads", path="/customers", times=2)
    async with Simulator(faults=[Fault(mode="id_missing", path=POSTS), late]) as simulator:
        settings = settings_for(simulator.base_url, batch_size=4, concurrency=1)
        report = await load(settings, written(own_place, leads(*good(8))))
        assert report.counts == {"created": 8}
        assert all(row["obi_id"] for row in answers_in(own_place / "leads.results.csv"))


async def test_a_run_that_was_undone_is_not_continued(own_place: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        path = written(own_place, leads(*good(3)))
        first = await load(settings, path)
        await Undoer(settings).undo(UndoOrder(run=first.run))
        with pytest.raises(StateError, match="undone"):
            await Runner(settings).resume(first.run)
        again = await load(settings, path)
        assert (again.run != first.run, again.counts) == (True, {"created": 3})
