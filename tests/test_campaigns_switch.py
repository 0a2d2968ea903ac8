"""``obi campaigns activate`` and ``pause``: each campaign has its answer, and twice is once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from etl.errors import CampaignError, ContractError
from etl.obi import Client
from etl.obi.models import CampaignStatus
from etl.settings import Settings
from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Fault, Simulator, handlers
from etl.switching import switch

MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

ACTIVE, PASSIVE = CampaignStatus.ACTIVE, CampaignStatus.PASSIVE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.campaigns._PAUSES", (0, 0))
    monkeypatch.setattr("etl.switching._PAUSES", (0, 0))
    monkeypatch.setattr("etl.switching._EVERY", 0.01)


@pytest.fixture
def server(serve: Serve, own_place: object, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = serve()
    monkeypatch.setenv("OBI_BASE_URL", simulator.base_url)
    monkeypatch.setenv("OBI_BACKOFF", "0.01")
    monkeypatch.setenv("OBI_BACKOFF_MAX", "0.02")
    return simulator


def status_of(simulator: Simulator, campaign_id: str) -> str:
    campaign = simulator._service.store.campaign(campaign_id)
    assert campaign is not None
    return str(campaign.status)


def puts(simulator: Simulator) -> int:
    return sum(each.method == "PUT" for each in simulator.requests)


async def test_several_are_switched_and_twice_is_once(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        both = ["Test Campaign", PREVIEW_CAMPAIGN]
        found = await switch(client, both, status=ACTIVE)
        assert [(each.name, each.was, each.now, each.state) for each in found] == [
            ("Test Campaign", "Passive", "Active", "switched"),
            ("Test Preview Campaign", "Active", "Active", "same"),
        ]
        assert puts(simulator) == 1
        found = await switch(client, [*both, EXAMPLE_CAMPAIGN.lower()], status=ACTIVE)
        assert [each.state for each in found] == ["same", "same"]
        found = await switch(client, both, status=PASSIVE)
        assert [each.state for each in found] == ["switched", "switched"]
        assert {status_of(simulator, EXAMPLE_CAMPAIGN), status_of(simulator, PREVIEW_CAMPAIGN)} == {"Passive"}


async def test_a_campaign_that_has_ended_is_activated_with_a_note(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        (over,) = await switch(client, [EXAMPLE_CAMPAIGN], status=ACTIVE)
        assert (over.state, over.exit_code, over.note[:13]) == ("switched", 0, "it ended 2021")
        (paused,) = await switch(client, [EXAMPLE_CAMPAIGN], status=PASSIVE)
        assert not paused.note


async def test_a_campaign_that_the_server_mistakes_for_another_is_not_touched(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        true = handlers._with_counters
        monkeypatch.setattr(
            handlers,
            "_with_counters",
            lambda store, campaign: true(store, campaign) | {"id": PREVIEW_CAMPAIGN},
        )
        with pytest.raises(ContractError, match="tells of another"):
            await switch(client, [EXAMPLE_CAMPAIGN], status=ACTIVE)
        assert puts(simulator) == 0


@pytest.mark.parametrize("closed", ["Expired", "Deleted", "Quota", "Invalid"])
@pytest.mark.parametrize("status", [ACTIVE, PASSIVE])
async def test_a_campaign_that_is_closed_for_good_is_left_as_it_is(
    closed: str, status: CampaignStatus, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        over = simulator.add_campaign("Over", status=closed)
        found = await switch(client, ["Over", "Test Campaign"], status=status)
        assert (found[0].state, found[0].now, found[0].exit_code) == ("closed", closed, 3)
        assert closed in found[0].error
        assert found[1].state in {"switched", "same"}
        assert status_of(simulator, over) == closed


async def test_where_one_is_not_known_none_is_changed(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        with pytest.raises(CampaignError, match="Test Campaign"):
            await switch(client, [PREVIEW_CAMPAIGN, "Test Campain"], status=PASSIVE)
        assert puts(simulator) == 0


@pytest.mark.parametrize("mode", ["504_after_commit", "reset_after_commit", "503", "reset_before_commit"])
async def test_an_answer_that_is_lost_is_looked_up(mode: str, settings_for: MakeSettings) -> None:
    lost = Fault(mode=mode, method="PUT", path="/status$", nth=1)
    async with Simulator(faults=[lost]) as simulator, Client(settings_for(simulator.base_url)) as client:
        (found,) = await switch(client, [EXAMPLE_CAMPAIGN], status=ACTIVE)
        assert (found.state, status_of(simulator, EXAMPLE_CAMPAIGN)) == ("switched", "Active")


async def test_a_server_that_leaves_it_as_it_was_is_told(settings_for: MakeSettings) -> None:
    ignoring = Fault(mode="empty_200", method="PUT")
    async with Simulator(faults=[ignoring]) as simulator, Client(settings_for(simulator.base_url)) as client:
        (found,) = await switch(client, [EXAMPLE_CAMPAIGN], status=ACTIVE)
        assert (found.state, found.now, found.exit_code) == ("failed", "Passive", 5)
        assert "is Passive" in found.error


async def test_one_that_is_refused_does_not_keep_the_others(settings_for: MakeSettings) -> None:
    gone = Fault(mode="404", method="PUT", path=f"{EXAMPLE_CAMPAIGN}/status")
    async with Simulator(faults=[gone]) as simulator, Client(settings_for(simulator.base_url)) as client:
        other = simulator.add_campaign("Other", status="Passive")
        found = await switch(client, [EXAMPLE_CAMPAIGN, "Other"], status=ACTIVE)
        assert [(each.state, each.exit_code) for each in found] == [("failed", 3), ("switched", 0)]
        assert status_of(simulator, other) == "Active"


@pytest.mark.parametrize(("mode", "code"), [("403", 6), ("503", 7)])
async def test_where_the_server_is_away_the_others_are_not_tried(
    mode: str, code: int, settings_for: MakeSettings
) -> None:
    away = Fault(mode=mode, method="PUT")
    async with Simulator(faults=[away]) as simulator, Client(settings_for(simulator.base_url)) as client:
        simulator.add_campaign("Other", status="Passive")
        found = await switch(client, [EXAMPLE_CAMPAIGN, "Other"], status=ACTIVE)
        assert [each.exit_code for each in found] == [code, code]
        assert "not tried" in found[1].error
        assert {each.path for each in simulator.requests if each.method == "PUT"} == {
            f"/RI/obi/campaigns/{EXAMPLE_CAMPAIGN}/status"
        }


async def test_a_dialer_that_closes_slowly_is_waited_for(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:

    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        true = handlers._with_counters
        closing = iter(["OPEN", "OPEN", "CLOSING", "CLOSING2"])

        def told(store: object, campaign: object) -> dict[str, object]:
            found = true(store, campaign)  # type: ignore[arg-type]
            return {**found, "dialerStatus": next(closing, found["dialerStatus"])}

        monkeypatch.setattr("etl.simulator.handlers._with_counters", told)
        (found,) = await switch(client, [PREVIEW_CAMPAIGN], status=PASSIVE, wait=30)
        assert (found.state, found.dialer) == ("switched", "PASSIVE")


async def test_a_dialer_that_does_not_follow_in_time_is_told(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        store = simulator._service.store
        campaign = store.campaign(PREVIEW_CAMPAIGN)
        assert campaign is not None
        store.put_campaigns([replace(campaign, status="Passive", dialer_status="CLOSING")])
        (found,) = await switch(client, [PREVIEW_CAMPAIGN], status=PASSIVE, wait=0.05)
        assert (found.state, found.exit_code) == ("failed", 5)
        assert "still CLOSING" in found.error


# --- the commands -----------------------------------------------------------------------------------


def test_campaigns_are_switched_at_the_command_line(server: Simulator, obi: Obi) -> None:
    code, out, _ = obi("campaigns", "activate", "Test Campaign", "Test Preview Campaign")
    over = "it ended 2021-02-20T22:00:00Z, so nobody is called"
    assert (code, out.splitlines()) == (
        0,
        [
            f"Test Campaign: was Passive, is Active, its dialer OPEN; {over}",
            "Test Preview Campaign: is Active already, its dialer OPEN",
        ],
    )
    code, out, err = obi("campaigns", "pause", PREVIEW_CAMPAIGN, "--wait", "1s", "--json")
    (found,) = json.loads(out)
    assert (code, found["state"], found["was"], found["now"]) == (0, "switched", "Active", "Passive")
    assert "was Active" in err


def test_the_worst_of_several_answers_is_the_exit_code(server: Simulator, obi: Obi) -> None:
    server.add_campaign("Over", status="Expired")
    code, out, _ = obi("campaigns", "activate", "Test Campaign", "Over")
    assert code == 3
    assert "Over: was Expired; it is Expired" in out
    assert status_of(server, EXAMPLE_CAMPAIGN) == "Active"
    assert obi("campaigns", "pause")[0] == 2
