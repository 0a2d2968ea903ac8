"""``obi campaigns update``: what is named is changed, nothing else is, and what the server made is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings as given_settings, strategies as st
from msgspec.structs import replace

from etl.campaignchanges import UpdateReport, apply_update, plan_update, report_of
from etl.campaignfields import FIELDS, Value
from etl.errors import CampaignError, ConfigError, ContractError, NotAuthorisedError, UnknownOutcomeError
from etl.obi import Client, Connection
from etl.settings import Settings
from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Fault, Simulator, handlers

MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

QUEUE = "0B5F41959B1D446FA277B4784167EC2F"
FULL: dict[str, Any] = {
    "dialingMode": "PREDICTIVE",
    "remarks": "Zoë & <Søn>, évening",
    "customIvrNumber": "+442079460999",
    "startDate": "2026-11-01T08:00:00Z",
    "endDate": "2099-12-31T18:00:00.500Z",
    "timeZone": "Europe/London",
    "abandonRate": 1.5,
    "increasePredictiveRatio": 12.5,
}
PUTS = f"/campaigns/{EXAMPLE_CAMPAIGN}$"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.campaignchanges._PAUSES", (0, 0, 0))


def held(simulator: Simulator, campaign_id: str) -> dict[str, Any]:
    """The ten fields of a campaign, straight from the database."""
    campaign = simulator._service.store.campaign(campaign_id)
    assert campaign is not None
    plain = campaign.as_dict()
    return {field: plain.get(field) for field in FIELDS}


def puts(simulator: Simulator) -> int:
    return sum(each.method == "PUT" for each in simulator.requests)


def set_by_somebody(simulator: Simulator, campaign_id: str, **fields: Any) -> None:
    campaign = simulator._service.store.campaign(campaign_id)
    assert campaign is not None
    simulator._service.store.put_campaigns([replace(campaign, **fields)])


def tell_also(monkeypatch: pytest.MonkeyPatch, more: Callable[[], dict[str, object]]) -> None:
    """Let the simulator show a campaign with other fields than it has."""
    true = handlers._with_counters

    def told(*args: Any) -> dict[str, object]:
        return {name: value for name, value in {**true(*args), **more()}.items() if value != "-"}

    monkeypatch.setattr("etl.simulator.handlers._with_counters", told)


async def update(client: Client, campaign: str, **changes: Value) -> UpdateReport:
    return await apply_update(client, await plan_update(client, campaign, changes))


# --- what is changed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("name", "Autumn", "Autumn"),
        ("remarks", "007\nsecond line", "007\nsecond line"),
        ("dialingMode", "progressive", "PROGRESSIVE"),
        ("queueId", "0b5f4195-9b1d-446f-a277-b4784167ec2f", QUEUE),
        ("customIvrNumber", "0042", "0042"),
        ("startDate", "2026-12-01T09:00+01:00", "2026-12-01T08:00:00Z"),
        ("endDate", "2098-01-01T00:00Z", "2098-01-01T00:00:00Z"),
        ("timeZone", "europe/berlin", "Europe/Berlin"),
        ("abandonRate", "0.5", 0.5),
        ("increasePredictiveRatio", 0, 0.0),
        ("remarks", None, None),
        ("customIvrNumber", None, None),
        ("startDate", None, None),
        ("endDate", None, None),
        ("timeZone", None, None),
        ("abandonRate", None, None),
    ],
)
async def test_what_is_named_is_changed_and_everything_else_stays(
    field: str, value: Value, kept: Value, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        campaign = simulator.add_campaign("Spring", **FULL)
        before = held(simulator, campaign)
        async with Client(settings_for(simulator.base_url)) as client:
            report = await update(client, "Spring", **{field: value})
        assert (report.state, report.exit_code, report.made) == ("changed", 0, ())
        assert [(each.field, each.before) for each in report.changes] == [(field, before[field])]
        assert held(simulator, campaign) == before | {field: kept}
        assert puts(simulator) == 1


FULL_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["Spring", "Été 1", "100 % [new]"]),
    "remarks": st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=20).filter(
        lambda text: text.strip() == text
    ),
    "customIvrNumber": st.sampled_from(["0042", "+442079460999"]),
    "startDate": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.250Z"]),
    "endDate": st.sampled_from(["2030-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]),
    "timeZone": st.sampled_from(["Europe/Rome", "America/New_York"]),
    "abandonRate": st.floats(0, 2).map(lambda number: round(number, 3)),
    "increasePredictiveRatio": st.floats(0, 100).map(lambda number: round(number, 3)),
}
SOME = st.fixed_dictionaries({}, optional=FULL_VALUES)


@given_settings(max_examples=30, deadline=None)
@given(begin=SOME, wanted=SOME, cleared=st.sets(st.sampled_from(sorted(FULL_VALUES.keys() - {"name"}))))
def test_no_field_changes_that_is_not_named(
    begin: dict[str, Any], wanted: dict[str, Any], cleared: set[str]
) -> None:
    changes = wanted | dict.fromkeys(cleared)

    async def work() -> None:
        async with Simulator() as simulator:
            name = begin.get("name", "Winter")
            campaign = simulator.add_campaign(
                **{"name": name, "dialingMode": "PREDICTIVE", "queueId": QUEUE, **begin}
            )
            before = held(simulator, campaign)
            async with Client(Connection(base_url=simulator.base_url)) as client:
                plan = await plan_update(client, campaign, changes)
                report = await apply_update(client, plan)
            assert report.exit_code == 0
            assert held(simulator, campaign) == before | changes
            assert {each.field for each in report.changes} == {
                field for field, value in changes.items() if value != before[field]
            }

    if changes:
        asyncio.run(work())


async def test_an_update_that_changes_nothing_sends_nothing(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        simulator.add_campaign("Spring", **FULL)
        async with Client(settings_for(simulator.base_url)) as client:
            report = await update(
                client, "Spring", endDate="2099-12-31T19:00:00.500+01:00", abandonRate="1.50"
            )
        assert (report.state, report.exit_code, report.changes) == ("unchanged", 0, ())
        assert puts(simulator) == 0


async def test_a_plan_alone_sends_nothing(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        async with Client(settings_for(simulator.base_url)) as client:
            plan = await plan_update(client, EXAMPLE_CAMPAIGN, {"remarks": "Late"})
        assert report_of(plan, state="would_change").exit_code == 0
        assert puts(simulator) == 0


# --- what is refused before anything is sent ----------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Nothing is to be changed"),
        ({"colour": "red"}, "no colour"),
        ({"name": None}, "can't be cleared"),
        ({"queueId": None}, "can't be cleared"),
        ({"remarks": ""}, "is empty"),
        ({"remarks": "  "}, "to be cleared"),
        ({"name": " "}, "name is empty"),
        ({"name": "a\x1b[31mb"}, "can't be printed"),
        ({"dialingMode": "FAST"}, "PREVIEW, PROGRESSIVE, PREDICTIVE"),
        ({"queueId": "Sales"}, "32 hexadecimal digits"),
        ({"startDate": "2027-04-01"}, "in which zone"),
        ({"endDate": "2027-04-01T08:00"}, "in which zone"),
        ({"endDate": "tomorrow"}, "not a time"),
        ({"timeZone": "CET"}, "abbreviation"),
        ({"timeZone": "Europe/Atlantis"}, "time zone"),
        ({"abandonRate": "2.1"}, "from 0 to 2"),
        ({"abandonRate": "nan"}, "from 0 to 2"),
        ({"abandonRate": "much"}, "from 0 to 2"),
        ({"increasePredictiveRatio": -1}, "from 0 to 100"),
    ],
)
async def test_values_that_cannot_be_meant_are_refused_and_nothing_is_asked(
    changes: dict[str, Value], words: str, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        with pytest.raises(ConfigError, match=words):
            await plan_update(client, EXAMPLE_CAMPAIGN, changes)
        assert simulator.requests == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"abandonRate": 1}, "for predictive campaigns"),
        ({"startDate": "2027-04-01T00:00Z", "endDate": "2027-03-01T00:00Z"}, "before it starts"),
    ],
)
async def test_what_does_not_fit_the_campaign_is_refused(
    changes: dict[str, Value], words: str, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        with pytest.raises(CampaignError, match=words):
            await plan_update(client, PREVIEW_CAMPAIGN, changes)
        assert puts(simulator) == 0


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"startDate": {"day": 1}}, "can't be read"),
        ({"abandonRate": "much"}, "can't be read"),
        ({"remarks": ["a"]}, "can't be read"),
        ({"queueId": "-"}, "no queueId"),
        ({"dialingMode": None}, "no dialingMode"),
    ],
)
async def test_a_campaign_that_cannot_be_put_back_whole_is_left_as_it_is(
    odd: dict[str, object], words: str, settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        before = held(simulator, EXAMPLE_CAMPAIGN)
        tell_also(monkeypatch, lambda: odd)
        with pytest.raises(CampaignError, match=words):
            await plan_update(client, EXAMPLE_CAMPAIGN, {"customIvrNumber": "0042"})
        assert (held(simulator, EXAMPLE_CAMPAIGN), puts(simulator)) == (before, 0)


async def test_a_field_that_the_server_does_not_tell_can_be_given(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        tell_also(monkeypatch, lambda: {} if puts(simulator) else {"queueId": "-"})
        report = await update(client, EXAMPLE_CAMPAIGN, queueId=QUEUE)
        assert report.state == "changed"
        assert held(simulator, EXAMPLE_CAMPAIGN)["queueId"] == QUEUE


async def test_a_number_where_a_text_is_due_is_put_back_as_its_digits(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        tell_also(monkeypatch, lambda: {"customIvrNumber": 4420794609})
        report = await update(client, EXAMPLE_CAMPAIGN, remarks="Late")
        assert report.state == "changed"
        assert held(simulator, EXAMPLE_CAMPAIGN)["customIvrNumber"] == "4420794609"


async def test_an_answer_about_another_campaign_is_not_taken_for_this_one(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        tell_also(monkeypatch, lambda: {"id": PREVIEW_CAMPAIGN} if len(simulator.requests) else {})
        with pytest.raises(ContractError, match="another"):
            await plan_update(client, EXAMPLE_CAMPAIGN, {"remarks": "Late"})


async def test_a_deleted_campaign_is_not_changed_and_an_expired_one_can_be_given_a_new_end(
    settings_for: MakeSettings,
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        simulator.add_campaign("Gone", status="Deleted")
        with pytest.raises(CampaignError, match="is Deleted"):
            await plan_update(client, "Gone", {"remarks": "Late"})
        simulator.add_campaign("Over", status="Expired")
        assert (await update(client, "Over", endDate="2099-01-01T00:00Z")).state == "changed"


async def test_an_end_in_the_past_is_noted(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        plan = await plan_update(client, EXAMPLE_CAMPAIGN, {"endDate": "2021-03-01T00:00Z"})
        assert "passed already" in plan.notes[0]


async def test_a_name_that_another_campaign_has_is_noted(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        plan = await plan_update(client, EXAMPLE_CAMPAIGN, {"name": "Test Preview Campaign"})
        assert f"the name of {PREVIEW_CAMPAIGN} too" in plan.notes[0]
        assert not (await plan_update(client, EXAMPLE_CAMPAIGN, {"name": "Test Campaign"})).notes


# --- answers that get lost ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        ("504_after_commit", 1),
        ("reset_after_commit", 1),
        ("html_200_after_commit", 1),
        ("503", 2),
        ("504", 2),
        ("reset_before_commit", 2),
        ("html_200", 2),
        ("429", 2),
    ],
)
async def test_without_a_readable_answer_the_campaign_is_looked_at_before_it_is_sent_again(
    mode: str, sent: int, settings_for: MakeSettings
) -> None:
    params = {"seconds": 0} if mode == "429" else {}
    lost = Fault(mode=mode, method="PUT", path=PUTS, nth=1, params=params)
    async with Simulator(faults=[lost]) as simulator:
        before = held(simulator, EXAMPLE_CAMPAIGN)
        async with Client(settings_for(simulator.base_url)) as client:
            report = await update(client, EXAMPLE_CAMPAIGN, remarks="Late")
        assert (report.state, puts(simulator)) == ("changed", sent)
        assert held(simulator, EXAMPLE_CAMPAIGN) == before | {"remarks": "Late"}


async def test_a_change_that_never_gets_an_answer_is_told_as_not_certain(settings_for: MakeSettings) -> None:
    async with Simulator(faults=[Fault(mode="503", method="PUT", path=PUTS)]) as simulator:
        async with Client(settings_for(simulator.base_url)) as client:
            with pytest.raises(UnknownOutcomeError, match="not changed so far, and may be yet"):
                await update(client, EXAMPLE_CAMPAIGN, remarks="Late")
        assert puts(simulator) == 3


async def test_where_it_cannot_be_looked_at_either_nobody_guesses(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url, attempts=1)) as client:
        plan = await plan_update(client, EXAMPLE_CAMPAIGN, {"remarks": "Late"})
        simulator.add_fault("504_after_commit", method="PUT", path=PUTS)
        simulator.add_fault("500", method="GET", nth=[2, 3, 4, 5, 6, 7, 8, 9])
        with pytest.raises(UnknownOutcomeError, match=f"obi campaigns show {EXAMPLE_CAMPAIGN}"):
            await apply_update(client, plan)
        assert puts(simulator) == 1


async def test_a_change_that_cannot_be_read_back_is_told_as_accepted(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        plan = await plan_update(client, EXAMPLE_CAMPAIGN, {"remarks": "Late"})
        simulator.add_fault("401", method="GET", nth=2)
        report = await apply_update(client, plan)
        assert (report.state, report.exit_code) == ("unconfirmed", NotAuthorisedError.exit_code)
        assert "accepted" in report.stopped


# --- what the server makes of it ----------------------------------------------------------------------


async def test_a_change_that_the_server_ignores_is_told(settings_for: MakeSettings) -> None:
    """It answers as if all were well."""
    ignoring = Fault(mode="empty_200", method="PUT", path=PUTS)
    async with Simulator(faults=[ignoring]) as simulator:
        async with Client(settings_for(simulator.base_url)) as client:
            report = await update(client, EXAMPLE_CAMPAIGN, remarks="Late")
        assert (report.state, report.exit_code) == ("different", 5)
        assert [(each.field, each.before, each.after) for each in report.made] == [("remarks", "Late", None)]


async def test_a_change_that_the_server_alters_is_told(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        tell_also(monkeypatch, lambda: {"remarks": "LAT", "timeZone": "-"} if puts(simulator) else {})
        report = await update(client, EXAMPLE_CAMPAIGN, remarks="Late")
        assert report.exit_code == 5
        assert {(each.field, each.before, each.after) for each in report.made} == {
            ("remarks", "Late", "LAT"),
            ("timeZone", "Europe/Berlin", None),
        }


async def test_what_is_read_a_little_late_is_no_difference(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        stale: Iterator[dict[str, object]] = iter([{}, {}, {}, {"remarks": "-"}])
        tell_also(monkeypatch, lambda: next(stale, {}))
        assert (await update(client, EXAMPLE_CAMPAIGN, remarks="Late")).state == "changed"


async def test_what_the_document_does_not_know_and_an_update_clears_is_told(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        tell_also(monkeypatch, lambda: {"region": "North"} | ({} if puts(simulator) else {"retryCount": 5}))
        report = await update(client, EXAMPLE_CAMPAIGN, remarks="Late")
        assert [(each.field, each.before, each.after) for each in report.made] == [("retryCount", 5, None)]
        assert report.exit_code == 5
        assert "region, retryCount" in report.notes[0]


async def test_a_ratio_that_the_dialer_moves_by_itself_is_no_difference(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        tell_also(monkeypatch, lambda: {"increasePredictiveRatio": float(len(simulator.requests))})
        report = await update(client, EXAMPLE_CAMPAIGN, remarks="Late")
        assert (report.state, report.notes) == ("changed", ())


async def test_a_campaign_whose_status_follows_from_the_change_is_told(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        tell_also(monkeypatch, lambda: {"status": "Expired"} if puts(simulator) else {})
        report = await update(client, EXAMPLE_CAMPAIGN, endDate="2021-02-01T00:00Z")
        assert report.exit_code == 0
        assert any("was Passive, and is Expired" in note for note in report.notes)


async def test_an_update_travels_as_xml_too(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        campaign = simulator.add_campaign("Spring", **FULL)
        before = held(simulator, campaign)
        async with Client(settings_for(simulator.base_url, media_type="xml")) as client:
            report = await update(client, "Spring", customIvrNumber="007", abandonRate=None)
        assert report.state == "changed"
        assert held(simulator, campaign) == before | {"customIvrNumber": "007", "abandonRate": None}


# --- somebody else ------------------------------------------------------------------------------------


async def test_what_somebody_else_changed_meanwhile_is_kept_and_told(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        plan = await plan_update(client, EXAMPLE_CAMPAIGN, {"remarks": "Late"})
        set_by_somebody(simulator, EXAMPLE_CAMPAIGN, time_zone="Europe/Rome")
        report = await apply_update(client, plan)
        found = held(simulator, EXAMPLE_CAMPAIGN)
        assert (found["timeZone"], found["remarks"]) == ("Europe/Rome", "Late")
        assert report.state == "changed"
        assert "timeZone" in report.notes[0]


async def test_where_somebody_else_changed_the_same_field_nothing_is_sent(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        plan = await plan_update(client, EXAMPLE_CAMPAIGN, {"remarks": "Late"})
        set_by_somebody(simulator, EXAMPLE_CAMPAIGN, remarks="Early")
        with pytest.raises(CampaignError, match="meanwhile"):
            await apply_update(client, plan)
        assert puts(simulator) == 0
