"""Laws of a check that looks at a campaign: it only reads, in few requests, and tells what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.errors import CampaignError, ConfigError, NotAuthorisedError
from etl.findings import CheckReport, Standing
from etl.fit import form_of
from etl.orders import Order
from etl.profile import GUESSED, Profile
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
NAME = "Test Preview Campaign"


def held(
    count: int, *, numbers: str = "+4420794600{at:02}", names: tuple[str, ...] = ("Name",)
) -> dict[str, Any]:
    """A seed of ``count`` customers, A1 and so on, with these attributes."""
    customers = [
        {
            "externalId": f"A{at}",
            "numbers": numbers.format(at=at % 100),
            "attributes": {"attribute": [{"name": name, "value": f"{name} {at}"} for name in names]},
        }
        for at in range(1, count + 1)
    ]
    return {"campaigns": [{"id": PREVIEW_CAMPAIGN, "name": NAME, "customers": customers}]}


def leads_of(count: int, *, first: int = 1, header: str = "Lead ID,Phone,Name", more: str = "") -> str:
    rows = (f"A{at},020 7946 00{at % 100:02},Name {at}{more}\n" for at in range(first, first + count))
    return f"{header}\n" + "".join(rows)


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    path.write_text(leads_of(10), encoding="utf-8")
    return path


async def check(made: Settings, path: Path, *, profile: Profile = BRITISH, **more: Any) -> CheckReport:
    order = Order(input=str(path), profile=profile, **({"campaign": PREVIEW_CAMPAIGN} | more))
    return await Runner(made).check(order)


def standing(report: CheckReport) -> Standing:
    assert report.standing is not None
    return report.standing


def told(report: CheckReport, words: str) -> str:
    (found,) = [sentence for sentence in report.warnings if words in sentence]
    return found


# --- what is there already --------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "customers"), [(10, 5), (10, 700), (450, 700), (450, 20_000)])
async def test_rows_that_are_there_stay_ready_with_a_warning_and_load_makes_them_exist(
    rows: int, customers: int, leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    """Whichever way the campaign is read: whole, or looked up row by row."""
    leads.write_text(leads_of(rows, first=customers - 4), encoding="utf-8")
    async with Simulator(seed=held(customers)) as simulator:
        made = settings_for(simulator.base_url, duplicates_by="none")
        report = await check(made, leads)
        assert {each.method for each in simulator.requests} == {"GET"}
        assert report.requests == len(simulator.requests) <= 3 + min(rows + 5, customers // 100)
        assert (report.counts, report.exit_code) == ({"ready": rows}, 0)
        assert standing(report).exists == 5
        checked = answers_in(report.results)
        assert [row["obi_campaign"] for row in checked] == [NAME] * rows
        loaded = await Runner(made).load(Order(input=str(leads), profile=BRITISH, campaign=NAME))
        assert loaded.counts == {"created": rows - 5, "exists": 5}
        exist = [row["obi_status"] == "exists" for row in answers_in(loaded.results)]
    assert ["is in the campaign already" in row["obi_warning"] for row in checked] == exist


async def test_what_is_there_is_told_with_what_differs(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator(seed=held(1, numbers="+441614960004")) as simulator:
        report = await check(settings_for(simulator.base_url), leads)
    (caution,) = [each for each in report.cautions if "is in the campaign already" in each.code]
    assert (caution.rows, caution.examples[0].row) == (1, 1)
    assert "its numbers there are +441614960004" in caution.examples[0].reason


async def test_under_existing_fail_the_warning_says_rejected(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator(seed=held(1)) as simulator:
        report = await check(settings_for(simulator.base_url, existing="fail"), leads)
    assert "'rejected'" in report.cautions[0].code


async def test_rows_that_exist_do_not_count_as_created_for_what_is_expected(
    leads: Path, settings_for: MakeSettings
) -> None:
    profile = Profile.model_validate({"region": "GB", "expect": {"created_min": "50%"}})
    async with Simulator(seed=held(6)) as simulator:
        report = await check(settings_for(simulator.base_url), leads, profile=profile)
    assert (report.exit_code, report.counts) == (5, {"ready": 10})
    assert report.stopped.startswith("4 of 10 rows")


@pytest.mark.parametrize(
    ("if_loaded", "code", "words"), [("warn", 5, "leave it there"), ("delete", 0, "delete it")]
)
async def test_suppressed_rows_whose_customer_is_there_are_told_and_fail_the_check_as_they_would_the_load(
    leads: Path, settings_for: MakeSettings, if_loaded: str, code: int, words: str
) -> None:
    text = leads_of(3, header="Lead ID,Phone,Name,Do not call", more=",no").replace("Name 2,no", "Name 2,yes")
    leads.write_text(text, encoding="utf-8")
    async with Simulator(seed=held(2)) as simulator:
        report = await check(settings_for(simulator.base_url), leads, if_loaded=if_loaded)
        assert {each.method for each in simulator.requests} == {"GET"}
    assert (report.exit_code, report.counts) == (code, {"suppressed": 1, "ready": 2})
    assert (standing(report).exists, standing(report).loaded) == (1, 1)
    (caution,) = [each for each in report.cautions if words in each.code]
    assert [example.row for example in caution.examples] == [2]


async def test_many_rows_cost_a_walk_and_not_a_look_up_each(leads: Path, settings_for: MakeSettings) -> None:
    leads.write_text(leads_of(5_000), encoding="utf-8")
    async with Simulator(seed=held(3_000)) as simulator:
        report = await check(settings_for(simulator.base_url, duplicates_by="none"), leads)
    assert standing(report).exists == 3_000
    assert report.requests < 40


# --- whether it fits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "chosen", "wanted"),
    [
        ("020794600{at:02}", "e164", "national"),
        ("4420794600{at:02}", "e164", "digits"),
        ("+4420794600{at:02}", "national", "e164"),
        ("004420794600{at:02}", "e164", "as-written"),
    ],
)
async def test_numbers_written_otherwise_than_those_there_are_warned_of(
    leads: Path, settings_for: MakeSettings, there: str, chosen: str, wanted: str
) -> None:
    profile = Profile.model_validate({"region": "GB", "phones": {"format": chosen}})
    async with Simulator(seed=held(20, numbers=there)) as simulator:
        report = await check(settings_for(simulator.base_url), leads, profile=profile)
    assert f'format = "{wanted}"' in told(report, "dial plans differ")


@pytest.mark.parametrize("chosen", ["e164", "national"])
async def test_numbers_written_as_those_there_are_not_warned_of(
    leads: Path, settings_for: MakeSettings, chosen: str
) -> None:
    there = {"e164": "+4420794600{at:02}", "national": "020794600{at:02}"}[chosen]
    profile = Profile.model_validate({"region": "GB", "phones": {"format": chosen}})
    async with Simulator(seed=held(20, numbers=there)) as simulator:
        report = await check(settings_for(simulator.base_url), leads, profile=profile)
    assert not [sentence for sentence in report.warnings if "dial plans" in sentence]


async def test_names_of_attributes_are_compared_near_ones_too(
    leads: Path, settings_for: MakeSettings
) -> None:
    header = "Lead ID,Phone,Name,Firstname,Adress,Colour"
    leads.write_text(leads_of(3, header=header, more=",Ann,Street 1,blue"), encoding="utf-8")
    names = ("Name", "First name", "Address", "Phone1", "Town")
    async with Simulator(seed=held(3, names=names)) as simulator:
        report = await check(settings_for(simulator.base_url), leads)
    found = standing(report)
    assert found.near == (("Adress", "Address"), ("Firstname", "First name"))
    assert (found.new, found.missing) == (("Colour",), ("Town",))
    assert "attributes.rename" in told(report, "'Firstname' (there 'First name')")


async def test_an_empty_campaign_is_told_and_has_nothing_to_compare_with(
    leads: Path, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        report = await check(settings_for(simulator.base_url), leads)
    found = standing(report)
    assert (found.customers, found.looked_at, found.new, found.missing, found.near) == (0, 0, (), (), ())
    assert told(report, "holds no customers yet")


async def test_a_dialing_mode_that_is_not_the_campaigns_is_told(
    leads: Path, settings_for: MakeSettings
) -> None:
    header = "Lead ID,Phone,Name,dialingMode"
    leads.write_text(leads_of(3, header=header, more=",PREDICTIVE"), encoding="utf-8")
    async with Simulator(seed=held(1)) as simulator:
        report = await check(settings_for(simulator.base_url), leads)
    assert "PREVIEW" in told(report, "dialingMode is PREDICTIVE in 3 rows")


@pytest.mark.parametrize(
    ("status", "words"), [("Active", "as soon as"), ("Passive", "until it is activated")]
)
async def test_the_campaigns_status_is_told(
    leads: Path, settings_for: MakeSettings, status: str, words: str
) -> None:
    async with Simulator() as simulator:
        campaign = simulator.add_campaign("Other", status=status)
        report = await check(settings_for(simulator.base_url), leads, campaign=campaign)
    assert words in told(report, f"the campaign is {status}")
    assert standing(report).status == status


async def test_a_date_after_the_campaigns_end_is_invalid_as_in_a_load(
    leads: Path, settings_for: MakeSettings
) -> None:
    text = "Lead ID,Phone,date\nA1,020 7946 0001,2031-01-01T10:00:00Z\nA2,020 7946 0002,\n"
    leads.write_text(text, encoding="utf-8")
    async with Simulator() as simulator:
        campaign = simulator.add_campaign("Short", endDate="2030-12-31T00:00:00.000Z")
        report = await check(settings_for(simulator.base_url), leads, campaign=campaign)
    assert report.counts == {"invalid": 1, "ready": 1}


# --- what stops it ----------------------------------------------------------------------------------


async def test_a_campaign_that_load_would_refuse_is_refused(leads: Path, settings_for: MakeSettings) -> None:
    async with Simulator(auth="basic:me:secret") as simulator:
        with pytest.raises(NotAuthorisedError):
            await check(settings_for(simulator.base_url), leads)
    async with Simulator() as simulator:
        expired = simulator.add_campaign("Old", status="Expired")
        for campaign in (expired, "Nobody's"):
            with pytest.raises(CampaignError):
                await check(settings_for(simulator.base_url), leads, campaign=campaign)
    with pytest.raises(ConfigError, match="OBI_BASE_URL"):
        await check(settings_for(""), leads)
    assert not leads.with_name("leads.check.csv").exists()


async def test_without_a_campaign_of_its_own_a_check_asks_no_server(
    leads: Path, settings_for: MakeSettings
) -> None:
    profile = BRITISH.model_copy(update={"campaign": NAME})
    async with Simulator() as simulator:
        report = await check(settings_for(simulator.base_url), leads, profile=profile, campaign="")
        assert not simulator.requests
    assert report.standing is None
    assert report.next == f"obi load {leads} --campaign '{NAME}'"
    assert told(report, "was not looked at")


@pytest.mark.parametrize(
    ("number", "form"),
    [("+442079460001", "+"), ("00442079460001", "00"), ("020", "0"), ("951254875", "other")],
)
def test_the_form_of_a_number_is_how_it_begins(number: str, form: str) -> None:
    assert form_of(number) == form
