"""``obi customers add``: one person by the rules of a load, never twice and never under a wrong number."""

from __future__ import annotations

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

from etl.adding import AddOrder, AddReport, Person, add
from etl.errors import CampaignError, ConfigError
from etl.profile import GUESSED, Profile
from etl.records import RowStatus
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator

MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

CAMPAIGN = "Test Preview Campaign"
BRITISH = GUESSED.model_copy(update={"region": "GB"})


async def added(
    settings: Settings,
    *numbers: str,
    profile: Profile = BRITISH,
    order: dict[str, Any] | None = None,
    **person: Any,
) -> AddReport:
    who = Person(numbers=numbers, **person)
    return await add(AddOrder(campaign=CAMPAIGN, person=who, profile=profile, **(order or {})), settings)


async def test_a_person_is_added_as_a_row_of_a_load_would_be(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        report = await added(
            settings_for(simulator.base_url),
            "020 7946 0001",
            "0121 496 0002",
            external_id="007",
            attributes=(
                ("Name", "A. Smith"),
                ("priority", "an attribute"),
                ("Time Zone", "Mars"),
                ("Empty", ""),
            ),
            date="2027-04-03T02:00Z",
            agent_id="0b5f41959b1d446fa277b4784167ec2f",
            dialing_mode="preview",
            priority="5",
        )
        assert (report.exit_code, report.status) == (0, RowStatus.CREATED), report
        (held,) = simulator.customers(PREVIEW_CAMPAIGN)
        assert held["id"] == report.id
        assert (held["externalId"], held["numbers"]) == ("007", "+442079460001;+441214960002")
        assert held["date"] == "2027-04-03T02:00:00Z"
        assert (held["dialingMode"], held["priority"], held.get("timeZone")) == ("PREVIEW", 5, None)
        attributes = {each["name"]: each["value"] for each in held["attributes"]["attribute"]}
        assert (attributes["Name"], attributes["priority"]) == ("A. Smith", "an attribute")
        assert attributes["Time Zone"] == "Mars"


async def test_without_an_id_one_is_derived_so_that_a_repeat_is_seen(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        first = await added(settings, "020 7946 0001")
        again = await added(settings, "+44 20 7946 0001")
        assert first.external_id.startswith("d1-")
        assert (again.exit_code, again.status) == (0, RowStatus.EXISTS)
        assert simulator.count(PREVIEW_CAMPAIGN) == 1


async def test_an_id_that_is_there_is_told_with_what_differs_and_nothing_is_sent(
    settings_for: MakeSettings,
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await added(settings, "020 7946 0001", external_id="LEAD-1")
        report = await added(settings, "020 7946 0002", external_id="LEAD-1")
        assert report.status is RowStatus.EXISTS
        assert "numbers" in report.warning
        assert sum(each.method == "POST" for each in simulator.requests) == 1


async def test_somebody_else_with_the_number_is_told(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        await added(settings, "020 7946 0001", external_id="LEAD-1")
        report = await added(settings, "0121 496 0002", "020 7946 0001", external_id="LEAD-2")
        assert report.status is RowStatus.CREATED
        assert "number already" in report.notes[0]


@pytest.mark.parametrize(
    ("numbers", "profile", "code"),
    [
        (("020 7946 0001",), GUESSED, "phone.no_region"),
        (("12345/67",), BRITISH, "phone."),
        (("999",), BRITISH, "phone."),
        (("4.47911E+11",), BRITISH, "phone.digits_lost"),
    ],
    ids=["no region", "two readings", "emergency", "digits lost"],
)
async def test_a_number_that_is_not_safe_to_dial_is_never_sent(
    numbers: tuple[str, ...], profile: Profile, code: str, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        report = await added(settings_for(simulator.base_url), *numbers, profile=profile)
        assert (report.exit_code, report.status) == (5, RowStatus.INVALID)
        assert report.code.startswith(code)
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_a_bad_date_keeps_the_person_from_being_called_at_a_wrong_time(
    settings_for: MakeSettings,
) -> None:
    async with Simulator() as simulator:
        report = await added(settings_for(simulator.base_url), "+442079460001", date="03/04/2027")
        assert (report.status, report.field) == (RowStatus.INVALID, "option --date")
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_who_is_on_a_list_is_not_added_also_by_a_standing_one(
    own_place: Path, settings_for: MakeSettings
) -> None:
    dnc = own_place / "dnc.csv"
    dnc.write_text("Phone\n020 7946 0001\n", encoding="utf-8")
    standing = Profile.model_validate({"region": "GB", "suppress": {"files": [str(dnc)]}})
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        numbers = ("0121 496 0002", "020 7946 0001")
        for more in ({"order": {"suppress": (str(dnc),)}}, {"profile": standing}):
            report = await added(settings, *numbers, **more)
            assert (report.exit_code, report.status) == (0, RowStatus.SUPPRESSED)
            assert report.lists[0].name == "dnc.csv"
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_the_rules_of_a_profile_count_and_its_columns_do_not(settings_for: MakeSettings) -> None:
    profile = Profile.model_validate(
        {
            "region": "GB",
            "region_column": "Country",
            "columns": {"externalId": "Lead ID", "phones": ["Mobile", "Phone"]},
            "defaults": {"priority": 7},
            "external_id": {"prefix": "CRM-", "derive_from": ["Company"]},
            "attributes": {
                "include": ["Town"],
                "rename": {"Town": "City"},
                "rules": {"Postcode": {"max_length": 10}},
            },
        }
    )
    async with Simulator() as simulator:
        report = await added(
            settings_for(simulator.base_url),
            "020 7946 0001",
            profile=profile,
            external_id="77",
            attributes=(("Town", "Hull"), ("Note", "x")),
        )
        assert report.status is RowStatus.CREATED, report
        (held,) = simulator.customers(PREVIEW_CAMPAIGN)
        assert (held["externalId"], held["priority"]) == ("CRM-77", 7)
        names = {each["name"] for each in held["attributes"]["attribute"]}
        assert {"City", "Note"} <= names


@pytest.mark.parametrize(
    "rules",
    [
        {"attributes": {"rules": {"Postcode": {"required": True}}}},
        {"suppress_when": [{"column": "Consent", "is_not": ["yes"]}]},
        {"external_id": {"derive_from": ["Company"]}},
    ],
    ids=lambda rules: next(iter(rules)),
)
async def test_a_rule_that_goes_by_what_is_not_given_is_named_and_nothing_is_asked(
    rules: dict[str, Any], settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        profile = Profile.model_validate({"region": "GB"} | rules)
        with pytest.raises(ConfigError, match="--attribute"):
            await added(settings_for(simulator.base_url), "020 7946 0001", profile=profile)
        assert simulator.requests == []


async def test_a_rule_of_suppression_counts_by_hand_too(settings_for: MakeSettings) -> None:
    profile = Profile.model_validate(
        {"region": "GB", "suppress_when": [{"column": "Consent", "is_not": ["yes"]}]}
    )
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        no = await added(settings, "020 7946 0001", profile=profile, attributes=(("Consent", "no"),))
        yes = await added(settings, "020 7946 0001", profile=profile, attributes=(("consent", "yes"),))
        assert [no.status, yes.status] == [RowStatus.SUPPRESSED, RowStatus.CREATED]


@pytest.mark.parametrize(
    "mode",
    ["504_after_commit", "reset_after_commit", "html_200_after_commit", "reset_before_commit", "503", "429"],
)
async def test_an_answer_that_is_lost_is_looked_up_and_nobody_is_added_twice(
    mode: str, settings_for: MakeSettings
) -> None:
    params = {"seconds": 0} if mode == "429" else {}
    fault = Fault(mode=mode, path="/customers/list", nth=1, params=params)
    async with Simulator(faults=[fault]) as simulator:
        report = await added(settings_for(simulator.base_url), "020 7946 0001", external_id="LEAD-1")
        assert (report.exit_code, report.status) == (0, RowStatus.CREATED)
        assert report.id == simulator.customers(PREVIEW_CAMPAIGN)[0]["id"]
        assert simulator.count(PREVIEW_CAMPAIGN) == 1


async def test_what_stays_unknown_says_which_command_looks_again(settings_for: MakeSettings) -> None:
    async with Simulator(faults=[Fault(mode="html_200", path="/customers/list")]) as simulator:
        settings = settings_for(simulator.base_url)
        report = await added(settings, "020 7946 0001", external_id="LEAD-1")
        assert (report.exit_code, report.status) == (10, RowStatus.UNKNOWN)
        assert "the same command looks" in report.error
        assert "resume" not in report.error


async def test_a_server_that_refuses_us_is_told_with_its_own_exit_code(settings_for: MakeSettings) -> None:
    async with Simulator(faults=[Fault(mode="401", path="/customers/list")]) as simulator:
        report = await added(settings_for(simulator.base_url), "020 7946 0001")
        assert (report.exit_code, report.status) == (6, RowStatus.UNSENT)
        assert report.stopped


async def test_a_dry_run_sends_nothing(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        report = await added(settings_for(simulator.base_url), "020 7946 0001", order={"dry_run": True})
        assert (report.exit_code, report.status) == (0, RowStatus.READY)
        assert {each.method for each in simulator.requests} == {"GET"}


@pytest.mark.parametrize(
    "person",
    [
        {"attributes": (("Phone1", "020 7946 0001"),)},
        {"attributes": (("Name", "A"), ("name", "B"))},
        {"attributes": ((" ", "A"),)},
        {"numbers": ("",)},
    ],
    ids=["a number as attribute", "twice", "without a name", "no number"],
)
async def test_what_can_not_be_meant_is_refused_before_anything_is_asked(
    person: dict[str, Any], settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        who = Person(**({"numbers": ("020 7946 0001",)} | person))
        with pytest.raises(ConfigError):
            await add(
                AddOrder(campaign=CAMPAIGN, person=who, profile=BRITISH), settings_for(simulator.base_url)
            )
        assert simulator.requests == []


async def test_nobody_is_added_to_a_campaign_that_is_closed(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        simulator.add_campaign("Over", status="Expired")
        order = AddOrder(campaign="Over", person=Person(numbers=("+442079460001",)))
        with pytest.raises(CampaignError, match="Expired"):
            await add(order, settings_for(simulator.base_url))


def test_the_command_adds_says_so_and_has_json(serve: Serve, obi: Obi) -> None:
    simulator = serve()
    words = [
        "customers",
        "add",
        CAMPAIGN,
        "--number",
        "020 7946 0001",
        "--region",
        "GB",
        "--external-id",
        "L-1",
    ]
    words += ["--attribute", "Name=A=B", "--base-url", simulator.base_url]
    code, out, _ = obi(*words)
    assert (code, "created" in out, "L-1" in out) == (0, True, True)
    (held,) = simulator.customers(PREVIEW_CAMPAIGN)
    assert {"name": "Name", "value": "A=B"} in held["attributes"]["attribute"]
    code, out, _ = obi(*words, "--json")
    assert (code, json.loads(out)["status"]) == (0, "exists")


def test_stopped_while_it_sends_it_says_how_to_know(serve: Serve, own_place: Path) -> None:
    simulator = serve(faults=[Fault(mode="hang_after_commit", path="/customers/list")])
    words = [sys.executable, "-m", "etl", "customers", "add", CAMPAIGN, "--number", "+442079460001",
             "--base-url", simulator.base_url]  # fmt: skip
    env = os.environ | {"OBI_STATE_DIR": str(own_place / "state")}
    process = subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not simulator.count(PREVIEW_CAMPAIGN):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "same command again" in told


def test_the_command_refuses_an_attribute_without_a_value(obi: Obi) -> None:
    code, _, err = obi("customers", "add", CAMPAIGN, "--number", "1", "--attribute", "Name", "--simulate")
    assert (code, "NAME=VALUE" in err) == (2, True)


def test_the_campaign_is_never_taken_for_a_list(obi: Obi) -> None:
    words = ("customers", "add", "--number", "+442079460001", "--suppress", "dnc.csv", CAMPAIGN, "--simulate")
    code, _, err = obi(*words)
    assert (code, "CAMPAIGN before it" in err) == (2, True)
