"""``obi campaigns list`` and ``show``: what is searched for, also where the server ignores it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic_core import SchemaError

from etl.campaignsearch import fits, search
from etl.obi import Client
from etl.obi.models import Campaign, CampaignStatistics, Statistics
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator

MakeSettings = Callable[..., Settings]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

SPRING = "0B5F41959B1D446FA277B4784167EC2F"
CAMPAIGN = Campaign(
    id=SPRING,
    name="Spring [1]",
    dialer_id="88B8B41C99E6484A94F402EA5E465FC5",
    dialing_mode=None,
    custom_ivr_number="0042",
    total=120,
    handled=0,
    start_date="2026-04-01T00:00:00Z",
    end_date="9999-12-31T23:59:59Z",
    time_zone="Europe/London",
)


@pytest.fixture
def server(serve: Serve, own_place: object, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = serve()
    monkeypatch.setenv("OBI_BASE_URL", simulator.base_url)
    monkeypatch.setenv("OBI_BACKOFF", "0.01")
    return simulator


# --- the filters, once more -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "fit"),
    [
        ({}, True),
        ({"name": "Spring [1]"}, True),
        ({"name": "spring*"}, True),
        ({"name": "Spring ?1?"}, True),
        ({"name": "Spring"}, False),
        ({"name": "Spr.*"}, False),
        ({"name": None}, True),
        ({"dialer_id": "88b8b41c-99e6-484a-94f4-02ea5e465fc5"}, True),
        ({"dialer_id": "88B8*"}, False),
        ({"dialing_mode": "PREVIEW"}, False),
        ({"custom_ivr_number": "42"}, False),
        ({"custom_ivr_number": "00*"}, True),
        ({"total": "1*"}, True),
        ({"total": "12"}, False),
        ({"handled": 0}, True),
        ({"max_calls": 0}, False),
        ({"time_zone": "Europe/*"}, True),
        ({"start_date": "2026-03-31T00:00:00.000Z"}, True),
        ({"start_date": date(2026, 4, 1)}, True),
        ({"start_date": "2026-04-01T00:00:00.001Z"}, False),
        ({"start_date_end": "2026-04-02T00:00:00Z"}, True),
        ({"start_date_end": "2026-03-31T00:00:00Z"}, False),
        ({"end_date": "2099-01-01T00:00:00Z"}, True),
        ({"end_date_end": "2099-01-01T00:00:00Z"}, False),
        ({"registered": "2000-01-01T00:00:00Z"}, False),
        ({"statistics": True, "statistics_date": date(2026, 4, 1)}, True),
        ({"statistics": True, "agent_id": [SPRING]}, False),
    ],
)
def test_a_campaign_fits_where_nothing_that_it_shows_speaks_against_it(
    filters: dict[str, Any], fit: bool
) -> None:
    assert fits(CAMPAIGN, filters) is fit


def test_a_campaign_with_figures_of_an_agent_fits_a_search_for_agents() -> None:
    campaign = Campaign(id=SPRING, name="Spring", stats=CampaignStatistics(total=Statistics()))
    assert fits(campaign, {"agent_id": [SPRING]})


async def test_what_does_not_fit_is_left_out_where_the_server_ignores_the_search(
    settings_for: MakeSettings,
) -> None:
    ignoring = Fault(mode="filter_ignored", path="/campaigns$")
    async with Simulator(faults=[ignoring]) as simulator, Client(settings_for(simulator.base_url)) as client:
        found = await search(client, name="Test Pre*", status="Active")
        assert ([each.id for each in found.campaigns], found.others) == ([PREVIEW_CAMPAIGN], 1)
        simulator.clear_faults()
        found = await search(client, name="Test Pre*", status="Active")
        assert ([each.id for each in found.campaigns], found.others) == ([PREVIEW_CAMPAIGN], 0)


# --- the command ------------------------------------------------------------------------------------

FIELDS = {
    "name": "Spring *",
    "status": "Passive",
    "dialing-mode": "PREDICTIVE",
    "dialer-id": "88B8B41C-99E6-484A-94F4-02EA5E465FC5",
    "dialer-name": "Queue D*",
    "dialer-status": "PASSIVE",
    "queue-id": SPRING,
    "queue-name": "Sales",
    "custom-ivr-number": "+44*",
    "total": "0",
    "handled": "0",
    "max-calls": "0",
    "filtered": "0",
    "time-zone": "Europe/*",
    "starts-after": "2026-10-31",
    "starts-before": "2026-11-01T08:00:00.001Z",
    "ends-after": "2099-12-31T19:00+01:00",
    "ends-before": "2100-01-01",
    "registered-after": "2026-01-01",
    "registered-before": "2026-02-01",
}


@pytest.mark.parametrize("option", FIELDS)
def test_each_filter_is_an_option_that_finds_what_it_names(option: str, server: Simulator, obi: Obi) -> None:
    server.add_campaign(
        "Spring 2",
        status="Passive",
        dialerStatus="PASSIVE",
        dialerName="Queue Dialer",
        dialingMode="PREDICTIVE",
        queueId=SPRING,
        queueName="Sales",
        customIvrNumber="+442079460999",
        startDate="2026-11-01T08:00:00Z",
        endDate="2099-12-31T18:00:01Z",
        registered="2026-01-15T00:00:00Z",
        timeZone="Europe/London",
    )
    code, out, err = obi("campaigns", "list", f"--{option}", FIELDS[option], "--json")
    assert (code, err) == (0, "")
    assert "Spring 2" in [each["name"] for each in json.loads(out)]
    everything = [word for each, value in FIELDS.items() for word in (f"--{each}", value)]
    code, out, err = obi("campaigns", "list", *everything, "--json")
    assert (code, [each["name"] for each in json.loads(out)]) == (0, ["Spring 2"])


def test_a_search_that_the_server_ignores_is_said_once_and_answered_right(
    server: Simulator, obi: Obi
) -> None:
    server.add_fault("filter_ignored", path="/campaigns$")
    code, out, err = obi("campaigns", "list", "--status", "Passive", "--json")
    assert (code, [each["name"] for each in json.loads(out)]) == (0, ["Test Campaign"])
    assert err == "Note: the server answered 1 campaign that does not fit the filters; left out.\n"


def test_the_list_is_csv_with_the_interfaces_names(server: Simulator, obi: Obi) -> None:
    server.add_campaign("0042", remarks='two\n"lines"', customIvrNumber="007")
    code, out, _ = obi("campaigns", "list", "--name", "0042", "--csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert code == 0
    assert (row["name"], row["remarks"], row["customIvrNumber"]) == ("0042", 'two\n"lines"', "007")
    assert (row["total"], row["endDate"], row["dialingMode"]) == ("0", "", "PREVIEW")


def test_statistics_are_columns_of_the_list(server: Simulator, obi: Obi) -> None:
    server.seed({"campaigns": [{"name": "Spring", "customers": [{"numbers": "0215428754"}] * 5}]})
    calls = server.dial(hours=1)
    code, out, _ = obi("campaigns", "list", "--name", "Spring", "--statistics", "--csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (code, row["numberOfCalls"]) == (0, str(calls))
    shown = obi("campaigns", "list", "--statistics")[1]
    assert "success or refusal" in shown
    assert "numberOfCalls" not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--agent", SPRING), "add --statistics"),
        (("--statistics-date", "2026-04-01"), "add --statistics"),
        (("--statistics", "--agent", "Ada"), "not an id"),
        (("--queue-id", "12"), "not an id"),
        (("--name", ""), "--name is empty"),
        (("--statistics", "--statistics-date", "April"), "not a day"),
        (("--starts-after", "soon"), "not a day or time"),
        (("--json", "--csv"), "two forms"),
    ],
)
def test_a_wrong_search_says_what_would_be_right(
    words: tuple[str, ...], told: str, server: Simulator, obi: Obi
) -> None:
    code, _, err = obi("campaigns", "list", *words)
    assert code == 2
    assert told in " ".join(err.split())


def test_words_of_the_interface_are_searched_for_in_its_own_case(server: Simulator, obi: Obi) -> None:
    code, out, err = obi("campaigns", "list", "--status", "ACTIVE", "--dialing-mode", "preview")
    assert (code, err) == (0, "")
    assert "Test Preview Campaign" in out


def test_a_search_that_finds_nothing_says_so(server: Simulator, obi: Obi) -> None:
    code, _, err = obi("campaigns", "list", "--name", "Autumn*")
    assert (code, err) == (0, "obi: no campaign fits.\n")


def test_a_name_does_not_move_the_cursor_of_a_terminal(server: Simulator, obi: Obi) -> None:
    named = server.add_campaign("Red \x1b[31m \u202e[bold]\\[x]")
    for words in (("list",), ("show", named), ("pause", named), ("update", named, "--remarks", "x", "--yes")):
        code, out, _ = obi("campaigns", *words)
        assert (code, "\x1b" in out, "\u202e" in out) == (0, False, False)
        assert "Red \\x1b[31m \\u202e[bold]\\[x]" in out
    assert "Red \\x1b[31m" in obi("stats", named, "--by", "day")[1]


def test_on_a_narrow_terminal_no_word_of_a_list_is_folded(
    server: Simulator, obi: Obi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    out = obi("campaigns", "list", "--name", "Test Prev*")[1]
    assert "Test Preview Campaign  Active  PREVIEW  OPEN" in out
    server.add_campaign("long " * 12)
    out = obi("campaigns", "list", "--name", "long*")[1]
    assert len(out.splitlines()) == 4, "a long name is folded, and nothing else"
    assert " long long long long long" in out
    assert "2026-" in obi("stats", "--days", "2", "--by", "day")[1]


def test_a_campaign_is_shown_for_people(server: Simulator, obi: Obi) -> None:
    server.seed(
        {
            "campaigns": [
                {
                    "name": "Spring [bold] \x1b[31m",
                    "timeZone": "Europe/Berlin",
                    "endDate": "2099-06-30T22:00:00Z",
                    "customers": [{"numbers": "0215428754", "result": "SUCCESS"}, {"numbers": "0215428755"}],
                }
            ]
        }
    )
    (spring,) = json.loads(obi("campaigns", "list", "--name", "Spring*", "--json")[1])
    code, out, _ = obi("campaigns", "show", spring["id"], "--statistics")
    words = " ".join(out.split())
    assert code == 0
    assert "Active (dialer OPEN)" in words
    assert "2099-06-30T22:00:00Z (2099-07-01 00:00 in Europe/Berlin)" in words
    assert "handled 1 (50.0%)" in words
    assert "[bold]" in out
    assert "There are no figures of all time." not in out  # it is active
    code, out, _ = obi("campaigns", "show", "Test Campaign", "--statistics")
    assert "There are no figures of all time." in out


def test_the_end_of_the_calendar_is_shown_as_it_is(server: Simulator, obi: Obi) -> None:
    server.add_campaign("Ever", endDate="9999-12-31T23:59:59Z", timeZone="Asia/Tokyo")
    assert "9999-12-31T23:59:59Z" in obi("campaigns", "show", "Ever")[1]


def test_an_unavailable_server_ends_a_list_with_its_code(server: Simulator, obi: Obi) -> None:
    server.add_fault("403")
    assert obi("campaigns", "list")[0] == 6


def test_a_stop_while_models_are_made_is_told_as_one(obi: Obi, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(**_: object) -> None:
        raise SchemaError('Error building "model" validator:\n  KeyboardInterrupt: ')

    monkeypatch.setattr("etl.settings.load_settings", stopped)
    assert obi("campaigns", "list", "--base-url", "http://127.0.0.1:9/obi") == (130, "", "obi: Stopped.\n")
