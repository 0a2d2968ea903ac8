"""``obi stats``: figures of all time, by day, by agent and by result add up, also where some are missing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import structs

from etl.cli.showing_figures import hms, with_share
from etl.errors import ApiError, CampaignError, ConfigError
from etl.figures import Days, StatsReport, gather, successes, summed
from etl.obi import Client
from etl.obi.models import AgentStatistics, Statistics
from etl.settings import Settings
from etl.simulator import EXAMPLE_CAMPAIGN, Fault, Simulator, search
from etl.simulator.statistics import Figures

MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

AGENT, OTHER = "38FFAEA3C2B54CD6BCFBCCF2006C0800", "6B818C08D6B543ED8A1FDB45D8BC173F"
SPRING = "0B5F41959B1D446FA277B4784167EC2F"
TODAY = datetime.now(UTC).date()


def dialled(simulator: Simulator, *, hours: float = 30, customers: int = 40) -> int:
    """Dial two campaigns over more than a day: the number of calls."""
    people = [{"numbers": f"02154{at:05}"} for at in range(customers)]
    spring = {"id": SPRING, "name": "Spring", "dialingMode": "PREDICTIVE", "customers": people}
    simulator.seed({"campaigns": [spring, {"name": "Summer", "customers": people}]})
    return simulator.dial(hours=hours, seed=3)


def add(
    simulator: Simulator, day: date, *, campaign: str = SPRING, agent: str = AGENT, **figures: Any
) -> None:
    simulator._service.store.statistics.add(
        campaign, agent_id=agent, day=day.isoformat(), figures=Figures(**figures)
    )


@pytest.fixture
def server(serve: Serve, own_place: object, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = serve()
    monkeypatch.setenv("OBI_BASE_URL", simulator.base_url)
    monkeypatch.setenv("OBI_BACKOFF", "0.01")
    monkeypatch.setenv("OBI_BACKOFF_MAX", "0.02")
    return simulator


# --- sums -------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.builds(
        AgentStatistics,
        campaign_id=st.just(SPRING),
        agent_id=st.sampled_from([AGENT, OTHER, None]),
        number_of_calls=st.none() | st.integers(0, 1000),
        talking_time=st.none() | st.floats(0, 1e6),
    )
)


@given(rows=ROWS)
def test_a_sum_is_of_what_is_told_and_none_only_where_nobody_tells(rows: list[AgentStatistics]) -> None:
    found = summed(rows)
    told = [each.number_of_calls for each in rows if each.number_of_calls is not None]
    assert found.number_of_calls == (sum(told) if told or not rows else None)
    times = [each.talking_time for each in rows if each.talking_time is not None]
    assert found.talking_time == (pytest.approx(sum(times)) if times or not rows else None)
    assert found.number_of_agents == len({each.agent_id for each in rows} - {None})


def test_success_is_without_the_refusals_that_the_interface_counts_with_it() -> None:
    figures = Statistics(number_of_successful_calls=5, number_of_refusal_calls=2)
    assert successes(figures) == 3
    assert successes(Statistics(number_of_successful_calls=5)) is None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, ""), (0, "0:00:00"), (59.5, "0:01:00"), (5122.0327, "1:25:22"), (3_600_000, "1,000:00:00")],
)
def test_times_are_hours_minutes_and_seconds(seconds: float | None, shown: str) -> None:
    assert hms(seconds) == shown


@pytest.mark.parametrize(
    ("count", "whole", "shown"),
    [
        (None, 5, ""),
        (0, 0, "0"),
        (1, None, "1"),
        (0, 5, "0 (0.0%)"),
        (1234, 2468, "1,234 (50.0%)"),
        (1, 9999, "1 (<0.1%)"),
        (9998, 9999, "9,998 (>99.9%)"),
        (7, 7, "7 (100.0%)"),
    ],
)
def test_a_count_has_its_share_where_there_is_something_to_share(
    count: int | None, whole: int | None, shown: str
) -> None:
    assert with_share(count, whole) == shown


# --- days -------------------------------------------------------------------------------------------

DAY = date(2027, 4, 10)


@pytest.mark.parametrize(
    ("days", "first", "last"),
    [
        (Days(), date(2027, 4, 4), DAY),
        (Days(count=1), DAY, DAY),
        (Days(first=date(2027, 4, 1)), date(2027, 4, 1), DAY),
        (Days(last=date(2027, 3, 1)), date(2027, 2, 23), date(2027, 3, 1)),
        (Days(first=date(2027, 3, 1), count=3), date(2027, 3, 1), date(2027, 3, 3)),
        (Days(last=date(2027, 3, 1), count=2), date(2027, 2, 28), date(2027, 3, 1)),
        (Days(first=DAY, last=DAY), DAY, DAY),
        (Days(count=366), date(2026, 4, 10), DAY),
    ],
)
def test_days_end_today_and_are_seven_unless_they_say_otherwise(days: Days, first: date, last: date) -> None:
    assert days.between(DAY) == (first, last)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (Days(first=date(2027, 4, 11)), "is after the last"),
        (Days(first=date(2020, 1, 1)), "366 can be asked"),
        (Days(first=date(1, 1, 1), last=date(9999, 12, 31)), "366 can be asked"),
        (Days(first=date(9999, 12, 31), count=3), "beyond the calendar"),
        (Days(last=date(1, 1, 1)), "beyond the calendar"),
    ],
)
def test_days_that_cannot_be_asked_for_are_refused(days: Days, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        days.between(DAY)


# --- what is asked of the server ----------------------------------------------------------------------


async def test_the_parts_of_a_campaigns_figures_add_up(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        dialled(simulator)
        report = await gather(client, "Spring")
        assert report.span is not None
        assert report.total is not None
        assert report.notes == ()
        calls = report.span.number_of_calls
        assert calls == report.total.number_of_calls
        assert sum(each.figures.number_of_calls or 0 for each in report.days) == calls
        assert sum(each.figures.number_of_calls or 0 for each in report.agents) == calls
        assert len(report.days) == 7
        assert sum((each.figures.number_of_calls or 0) > 0 for each in report.days) == 2
        assert report.days[0].figures.number_of_calls == 0
        assert report.agents[-1].agent_id is None  # what the dialer did alone
        counts = {each["result"] for each in simulator.customers(SPRING) if "result" in each}
        assert {each.result for each in report.results} == counts
        assert report.campaigns == ()


async def test_without_a_campaign_the_figures_are_of_all(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        calls = dialled(simulator)
        report = await gather(client)
        assert (report.campaign, report.results) == (None, ())
        assert {each.name for each in report.campaigns} >= {"Spring", "Summer"}
        assert report.span is not None
        assert report.total is not None
        assert report.span.number_of_calls == report.total.number_of_calls == calls
        assert report.total.number_of_agents is None
        assert report.span.number_of_agents == 5


async def test_days_go_by_the_servers_clock(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        dialled(simulator, hours=24 * 10)
        report = await gather(client, "Spring")
        assert report.last == (TODAY + timedelta(days=10)).isoformat()


async def test_a_campaign_that_was_never_called_has_zeros_and_no_total(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        report = await gather(client, EXAMPLE_CAMPAIGN)
        assert report.total is None
        assert report.span is not None
        assert set(structs.astuple(report.span)) == {0}
        assert {each.figures.number_of_calls for each in report.days} == {0}
        assert (report.results, report.agents, report.notes) == ((), (), ())


async def test_figures_can_be_of_some_agents(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        simulator.add_campaign("Spring", id=SPRING)
        for agent, calls in ((AGENT, 3), (OTHER, 4), ("", 9)):
            add(simulator, TODAY, agent=agent, number_of_calls=calls)
        dashed = "38ffaea3-c2b5-4cd6-bcfb-ccf2006c0800"
        for agents, calls in (([dashed], 3), ([dashed, OTHER], 7)):
            report = await gather(client, "Spring", agents=agents)
            assert report.span is not None
            assert report.span.number_of_calls == calls
            assert "those of all agents" in report.notes[0]
        with pytest.raises(ConfigError, match="not an agent's id"):
            await gather(client, "Spring", agents=["Ada"])


async def test_only_what_is_wanted_is_asked_for(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        await gather(client, EXAMPLE_CAMPAIGN, parts={"result"})
        assert not any("/statistics" in each.path for each in simulator.requests)


async def test_rows_of_other_campaigns_are_left_out_and_noted(settings_for: MakeSettings) -> None:
    ignoring = Fault(mode="filter_ignored", path="/statistics")
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        simulator.add_campaign("Spring", id=SPRING)
        add(simulator, TODAY, number_of_calls=3)
        add(simulator, TODAY, campaign=EXAMPLE_CAMPAIGN, number_of_calls=100)
        simulator.add_fault(ignoring)
        report = await gather(client, "Spring", days=Days(count=1))
        assert report.span is not None
        assert report.span.number_of_calls == 3
        assert report.notes == ("The server told of other campaigns too; they were left out.",)


async def test_days_that_the_server_does_not_go_by_are_noted(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        simulator.add_campaign("Spring", id=SPRING)
        add(simulator, TODAY - timedelta(days=1), number_of_calls=3)
        simulator.add_fault("filter_ignored", path="/statistics")
        report = await gather(client, "Spring", days=Days(count=3))
        assert "9 calls one by one, and 3 together" in report.notes[-1]
        assert not report.sound


async def test_calls_that_come_in_meanwhile_are_no_reason_for_a_note(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:

    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        simulator.add_campaign("Spring", id=SPRING)
        true = search.days

        def days(query: Any) -> tuple[str, str]:
            add(simulator, TODAY, number_of_calls=1)
            return true(query)

        monkeypatch.setattr("etl.simulator.search.days", days)
        report = await gather(client, "Spring", days=Days(count=3))
        assert (report.notes, report.sound) == ((), True)


async def test_a_failing_day_fails_the_whole_in_words(settings_for: MakeSettings) -> None:
    refusing = Fault(mode="403", path="/statistics", nth=4)
    async with Simulator(faults=[refusing]) as simulator, Client(settings_for(simulator.base_url)) as client:
        with pytest.raises(ApiError, match="lacks the rights"):
            await gather(client, EXAMPLE_CAMPAIGN)


async def test_a_server_that_fails_once_is_asked_again(settings_for: MakeSettings) -> None:
    faults = [
        Fault(mode="503", path="/statistics", nth=2),
        Fault(mode="reset_mid_body", path="Result", nth=1),
    ]
    async with Simulator(faults=faults) as simulator, Client(settings_for(simulator.base_url)) as client:
        assert len((await gather(client, EXAMPLE_CAMPAIGN)).days) == 7


async def test_an_unknown_campaign_is_told_with_the_near_ones(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator, Client(settings_for(simulator.base_url)) as client:
        with pytest.raises(CampaignError, match="'Test Campaign'"):
            await gather(client, "Test Campain")


async def test_figures_are_read_from_xml_too(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        dialled(simulator)
        found = []
        for kind in ("json", "xml"):
            async with Client(settings_for(simulator.base_url, media_type=kind)) as client:
                found.append(await gather(client, "Spring"))
        assert found[0] == found[1]


# --- the command ------------------------------------------------------------------------------------


def test_all_is_shown_for_people(server: Simulator, obi: Obi) -> None:
    dialled(server)
    code, out, err = obi("stats", "Spring")
    assert (code, err) == (0, "")
    for title in ("Calls and times", "Customers by result", "By agent", "By day (UTC)"):
        assert title in out
    assert "(no agent)" in out
    assert "Laine, Aino" in out
    assert (TODAY + timedelta(days=1)).isoformat() in out
    code, out, _ = obi("stats")
    assert code == 0
    assert "By campaign" in out


def test_a_campaign_without_calls_is_shown_in_words(server: Simulator, obi: Obi) -> None:
    code, out, _ = obi("stats", "Test Campaign")
    assert code == 0
    assert "There are no figures of all time." in out
    assert "None." in out


@pytest.mark.parametrize("by", ["total", "result", "agent", "day"])
def test_one_table_can_be_had_alone_and_as_csv(by: str, server: Simulator, obi: Obi) -> None:
    dialled(server)
    code, out, _ = obi("stats", "Spring", "--by", by)
    assert (code, out.count("By agent")) == (0, int(by == "agent"))
    code, out, _ = obi("stats", "Spring", "--by", by, "--csv")
    header, *rows = csv.reader(io.StringIO(out))
    assert code == 0
    assert rows
    assert all(len(row) == len(header) for row in rows)
    if by == "result":
        assert header == ["result", "callResult", "classifier", "count"]
        with_result = sum("result" in each for each in server.customers(SPRING))
        assert sum(int(row[3]) for row in rows) == with_result
    else:
        assert header[-1] == "numberOfAgents"
        assert "talkingTime" in header


def test_csv_is_the_days_by_default(server: Simulator, obi: Obi) -> None:
    dialled(server)
    code, out, _ = obi("stats", "--from", TODAY.isoformat(), "--days", "2", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["day"] for row in rows] == [TODAY.isoformat(), (TODAY + timedelta(days=1)).isoformat()]


def test_the_json_is_the_whole_report(server: Simulator, obi: Obi) -> None:
    dialled(server)
    code, out, _ = obi("stats", "Spring", "--by", "day", "--json")
    found = json.loads(out)
    assert code == 0
    assert set(found) == set(StatsReport.__struct_fields__)
    assert found["days"][-1]["figures"]["numberOfCalls"] >= 0
    assert found["results"]


def test_days_that_cannot_be_right_end_with_5(server: Simulator, obi: Obi) -> None:
    server.add_campaign("Spring", id=SPRING)
    add(server, TODAY, number_of_calls=3)
    server.add_fault("filter_ignored", path="/statistics")
    code, out, err = obi("stats", "Spring", "--csv")
    assert code == 5
    assert "the server does not go by the days" in err
    assert out.count("\n") == 8


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--from", "2027-04-01", "--to", "2027-04-02", "--days", "2"), 2, "leave one out"),
        (("--from", "April"), 2, "not a day"),
        (("--days", "0"), 2, "from 1 to 366"),
        (("--by", "result"), 2, "name it"),
        (("Test Campaign", "--by", "campaign"), 2, "name none"),
        (("--json", "--csv"), 2, "two forms"),
        (("--from", "2027-04-02", "--to", "2027-04-01"), 3, "after the last"),
        (("--from", "2020-01-01", "--to", "2027-04-01"), 3, "366"),
        (("Test Campain",), 3, "Test Campaign"),
        (("--agent", "Ada"), 3, "agent's id"),
        (("",), 2, "name is empty"),
    ],
)
def test_a_wrong_command_line_says_what_would_be_right(
    words: tuple[str, ...], code: int, told: str, server: Simulator, obi: Obi
) -> None:
    ended, _, err = obi("stats", *words)
    assert ended == code
    assert told in " ".join(err.split())
