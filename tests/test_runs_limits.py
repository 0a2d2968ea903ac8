"""Runs that send nothing, or only within limits: checks, strict, expectations, locks; over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.errors import ConfigError, InputError, InterruptedRunError, LockedError
from etl.orders import Order
from etl.profile import GUESSED, Profile
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Simulator
from etl.state import StateFolder

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


# --- checked, refused, limited ----------------------------------------------------------------------


async def test_check_sends_nothing_and_says_what_load_would_do(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    leads.write_text(BAD_TWO, encoding="utf-8")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await Runner(settings).check(order(leads))
        assert (report.exit_code, report.counts) == (5, {"invalid": 2, "ready": 8})
        assert not [each for each in simulator.requests if each.method != "GET"]
        checked = answers_in(leads.with_name("leads.check.csv"))
        assert not leads.with_name("leads.results.csv").exists()
        assert runs_in(settings) == []
        await load(settings, leads)
        loaded = answers_in(leads.with_name("leads.results.csv"))
    said = [[row[name] for name in ("obi_numbers", "obi_external_id", "obi_code")] for row in checked]
    assert said == [[row[name] for name in ("obi_numbers", "obi_external_id", "obi_code")] for row in loaded]


async def test_check_needs_no_server(leads: Path, settings_for: MakeSettings) -> None:
    report = await Runner(settings_for("")).check(order(leads, campaign=""))
    assert (report.exit_code, report.counts, report.requests) == (0, {"ready": 10}, 0)


async def test_strict_sends_nothing_where_one_row_fails(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    leads.write_text(BAD_TWO, encoding="utf-8")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, strict=True)
        report = await load(settings, leads)
        assert (report.exit_code, report.counts) == (5, {"invalid": 2, "unsent": 8})
        assert sent(simulator) == 0
        assert [row["obi_status"] for row in answers_in(report.results)].count("unsent") == 8
        leads.write_text(CLEAN, encoding="utf-8")
        assert (await load(settings, leads)).counts == {"created": 10}


async def test_a_run_that_strict_stopped_says_how_to_load_without_it(
    leads: Path, settings_for: MakeSettings
) -> None:
    leads.write_text(BAD_TWO, encoding="utf-8")
    async with Simulator() as simulator:
        stopped = await load(settings_for(simulator.base_url, strict=True), leads)
        assert stopped.next.startswith("obi load ")
        report = await load(settings_for(simulator.base_url), leads)
        assert (report.counts, report.resumed) == ({"created": 8, "invalid": 2}, False)


@pytest.mark.parametrize(
    ("expect", "text", "code", "posted"),
    [
        ({"invalid_max": "20%"}, BAD_TWO, 0, 1),
        ({"invalid_max": "2"}, BAD_TWO, 0, 1),
        ({"invalid_max": "19%"}, BAD_TWO, 5, 0),
        ({"invalid_max": "1"}, BAD_TWO, 5, 0),
        ({"rows": [11, 100]}, CLEAN, 5, 0),
        ({"rows": [1, 9]}, CLEAN, 5, 0),
        ({"rows": [10, 10]}, CLEAN, 0, 1),
        ({"created_min": "100%"}, CLEAN, 0, 1),
        ({"created_min": "100%"}, BAD_TWO, 5, 1),
        ({"created_min": "8"}, BAD_TWO, 5, 1),
    ],
)
async def test_expectations_tell_a_normal_night_from_a_broken_one(
    expect: dict[str, Any], text: str, code: int, posted: int, leads: Path, settings_for: MakeSettings
) -> None:
    leads.write_text(text, encoding="utf-8")
    profile = Profile.model_validate(BRITISH.frozen() | {"expect": expect})
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), leads, profile=profile)
        assert report.exit_code == code
        assert sent(simulator) == posted
        assert report.balanced
        assert bool(report.stopped) is (code != 0 and expect != {"created_min": "8"})


async def test_a_file_of_a_header_only_is_refused_unless_the_profile_expects_it(
    leads: Path, settings_for: MakeSettings
) -> None:
    leads.write_text("Lead ID,Phone\n", encoding="utf-8")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        with pytest.raises(InputError, match="no rows"):
            await load(settings, leads)
        profile = Profile.model_validate(BRITISH.frozen() | {"expect": {"rows": [0, 10]}})
        report = await load(settings, leads, profile=profile)
        assert (report.exit_code, report.rows, report.counts, report.balanced) == (0, 0, {}, True)


async def test_two_loads_into_one_campaign_at_once_are_refused(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator(latency_ms=50) as simulator:
        settings = settings_for(simulator.base_url, batch_size=1, concurrency=1)
        slow = asyncio.create_task(load(settings, leads))
        while not sent(simulator):
            await asyncio.sleep(0.01)
        other = leads.with_name("other.csv")
        other.write_text(CLEAN.replace("A1", "B1"), encoding="utf-8")
        with pytest.raises(LockedError):
            await load(settings, other)
        assert (await slow).counts == {"created": 10}


async def test_a_question_that_is_answered_no_sends_nothing(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        with pytest.raises(InterruptedRunError):
            await Runner(settings, question=lambda _plan: False).load(order(leads))
        assert sent(simulator) == 0
        assert runs_in(settings) == []


@pytest.mark.parametrize("check", [False, True])
async def test_a_do_not_call_list_that_is_not_there_stops_before_anything_is_sent(
    check: bool, leads: Path, settings_for: MakeSettings
) -> None:
    """To load without the list would call people who must not be called."""
    profile = Profile.model_validate(BRITISH.frozen() | {"suppress": {"files": ["dnc/tps.csv"]}})
    async with Simulator() as simulator:
        runner = Runner(settings_for(simulator.base_url))
        with pytest.raises(ConfigError, match=r"dnc/tps\.csv is not there.*nothing was sent") as told:
            await (runner.check if check else runner.load)(order(leads, profile=profile))
        assert told.value.exit_code == 3
        assert sent(simulator) == 0
