"""Whatever fails on the way, a campaign is as it was or as it was wanted, and the answer says which."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as given_settings, strategies as st

from etl.campaignchanges import UpdateReport, apply_update, plan_update
from etl.campaignfields import FIELDS
from etl.errors import ApiError, UnavailableError
from etl.obi import Client, Connection
from etl.obi.models import CampaignStatus
from etl.simulator import EXAMPLE_CAMPAIGN, Fault, Simulator
from etl.switching import switch

READ = (
    "500", "502", "503", "504", "reset_before_commit", "reset_mid_body", "truncated_json", "html_200", "403",
)  # fmt: skip
WRITTEN = (
    "500", "503", "504", "403", "html_200", "reset_before_read", "reset_before_commit", "reset_after_commit",
    "reset_mid_body", "500_after_commit", "504_after_commit", "html_502_after_commit",
    "html_200_after_commit",
)  # fmt: skip
FAULTS = st.lists(
    st.tuples(st.sampled_from(["GET", "PUT"]), st.integers(1, 6), st.integers(0, 100)), max_size=6
).map(
    lambda drawn: [
        Fault(mode=(names := READ if method == "GET" else WRITTEN)[at % len(names)], method=method, nth=nth)
        for method, nth, at in drawn
    ]
)
CHANGES: dict[str, Any] = {"remarks": "Late", "timeZone": None}
QUICK = given_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("campaignchanges", "campaigns", "switching"):
        monkeypatch.setattr(f"etl.{module}._PAUSES", (0, 0, 0))


def connection(simulator: Simulator) -> Connection:
    return Connection(base_url=simulator.base_url, attempts=2, backoff=0.001, backoff_max=0.002)


def held(simulator: Simulator) -> dict[str, Any]:
    campaign = simulator._service.store.campaign(EXAMPLE_CAMPAIGN)
    assert campaign is not None
    plain = campaign.as_dict()
    return {field: plain.get(field) for field in ("status", *FIELDS)}


@QUICK
@given(faults=FAULTS)
def test_an_update_is_whole_or_not_at_all_and_never_told_wrongly(faults: list[Fault]) -> None:
    async def work() -> None:
        async with Simulator(faults=faults) as simulator:
            before = held(simulator)
            wanted = before | CHANGES
            answer: UpdateReport | ApiError
            try:
                async with Client(connection(simulator)) as client:
                    plan = await plan_update(client, EXAMPLE_CAMPAIGN, CHANGES)
                    answer = await apply_update(client, plan)
            except ApiError as error:
                answer = error
            after = held(simulator)
            assert after in (before, wanted)
            if isinstance(answer, UpdateReport):
                assert (after, answer.state in {"changed", "unconfirmed"}) == (wanted, True)
            elif not isinstance(answer, UnavailableError):
                assert after == before, answer  # it said for certain that nothing was done

    asyncio.run(work())


@QUICK
@given(faults=FAULTS)
def test_a_switch_is_never_told_wrongly(faults: list[Fault]) -> None:
    async def work() -> None:
        async with Simulator(faults=faults) as simulator:
            try:
                async with Client(connection(simulator)) as client:
                    (answer,) = await switch(client, [EXAMPLE_CAMPAIGN], status=CampaignStatus.ACTIVE)
            except ApiError:
                assert held(simulator)["status"] == "Passive"  # it was not found, so not touched
                return
            now = held(simulator)["status"]
            assert answer.now in {now, ""}
            assert (answer.state == "switched") <= (now == "Active")

    asyncio.run(work())
