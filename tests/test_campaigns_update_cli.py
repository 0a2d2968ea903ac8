"""``obi campaigns update`` at the command line: shown, asked, changed, told; and from Python."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from etl import stats, switch_campaigns, update_campaign
from etl.simulator import EXAMPLE_CAMPAIGN, Simulator

Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.campaignchanges._PAUSES", (0, 0, 0))


def held(simulator: Simulator) -> dict[str, Any]:
    """The campaign's fields, straight from the database."""
    campaign = simulator._service.store.campaign(EXAMPLE_CAMPAIGN)
    assert campaign is not None
    return campaign.as_dict()


def puts(simulator: Simulator) -> int:
    return sum(each.method == "PUT" for each in simulator.requests)


@pytest.fixture
def server(serve: Serve, own_place: object, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = serve()
    monkeypatch.setenv("OBI_BASE_URL", simulator.base_url)
    monkeypatch.setenv("OBI_BACKOFF", "0.01")
    return simulator


UPDATE = ("campaigns", "update", "Test Campaign")


def test_a_dry_run_shows_the_difference_and_changes_nothing(server: Simulator, obi: Obi) -> None:
    code, out, _ = obi(*UPDATE, "--remarks", "Late shift", "--clear", "time-zone", "--dry-run")
    assert code == 0
    assert "remarks   nothing → 'Late shift'" in out
    assert "timeZone  'Europe/Berlin' → nothing" in out
    assert "dry run" in out
    assert puts(server) == 0


def test_without_a_terminal_an_update_wants_a_yes(server: Simulator, obi: Obi) -> None:
    code, _, err = obi(*UPDATE, "--remarks", "Late shift")
    assert code == 2
    assert "--yes" in err
    assert puts(server) == 0
    code, out, _ = obi(*UPDATE, "--remarks", "Late shift", "--yes")
    assert code == 0
    assert "read back" in out
    assert held(server)["remarks"] == "Late shift"
    assert "so already" in obi(*UPDATE, "--remarks", "Late shift", "--yes")[1]


@pytest.mark.parametrize(("answer", "sent"), [("y", 1), ("n", 0)])
def test_on_a_terminal_the_difference_is_shown_and_asked(answer: str, sent: int, server: Simulator) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "etl", *UPDATE, "--remarks", "Late shift"]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ}) as running:
        os.close(theirs)
        seen = b""
        while piece := _read(ours):
            seen += piece
            if b"[y/N]" in piece:
                os.write(ours, f"{answer}\n".encode())
        os.close(ours)
    text = " ".join(seen.decode().split())
    assert text.index("remarks nothing → 'Late shift'") < text.index("Change 1 field of 'Test Campaign'?"), (
        text
    )
    assert puts(server) == sent
    assert (running.returncode == 0) is bool(sent), text


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # on Linux that is the end
        return b""


def test_an_update_is_one_object_for_programs(server: Simulator, obi: Obi) -> None:
    code, out, _ = obi(*UPDATE, "--end-date", "2027-04-30T18:00+02:00", "--yes", "--json")
    report = json.loads(out)
    assert (code, report["state"], report["exit_code"]) == (0, "changed", 0)
    assert report["changes"] == [
        {"field": "endDate", "before": "2021-02-20T22:00:00Z", "after": "2027-04-30T16:00:00.000Z"}
    ]
    server.add_fault("empty_200", method="PUT")
    code, out, _ = obi(*UPDATE, "--abandon-rate", "0.5", "--yes", "--json")
    assert (code, json.loads(out)["state"]) == (5, "different")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "Nothing is to be changed"),
        (("--remarks", "a", "--clear", "remarks"), 2, "choose one"),
        (("--clear", "name"), 2, "'name' is not one of"),
        (("--remarks", ""), 3, "is empty"),
        (("--end-date", "2027-04-30"), 3, "in which zone"),
        (("--abandon-rate", "3"), 3, "from 0 to 2"),
    ],
)
def test_a_wrong_command_line_says_what_would_be_right(
    words: tuple[str, ...], code: int, told: str, server: Simulator, obi: Obi
) -> None:
    ended, _, err = obi(*UPDATE, *words, "--yes")
    assert ended == code
    assert told in " ".join(err.split())
    assert puts(server) == 0


def test_an_unknown_campaign_is_told_with_the_near_ones(server: Simulator, obi: Obi) -> None:
    code, _, err = obi("campaigns", "update", "Test Campain", "--remarks", "a", "--yes")
    assert code == 3
    assert "Test Campaign" in err


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_who_stops_it_while_it_is_sent_is_told_where_to_look(server: Simulator) -> None:
    server.add_fault("hang_after_commit", method="PUT", params={"seconds": 60})
    words = [sys.executable, "-m", "etl", *UPDATE, "--remarks", "Late shift", "--yes"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        while held(server).get("remarks") is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    server.release()
    assert running.returncode == 130
    assert f"obi campaigns show {EXAMPLE_CAMPAIGN}" in err.decode()


def test_from_python_it_is_one_call(server: Simulator) -> None:
    report = update_campaign("Test Campaign", {"remarks": "Late"})
    assert (report.state, held(server)["remarks"]) == ("changed", "Late")
    (switched,) = switch_campaigns("Test Campaign", active=True)
    assert (switched.was, switched.now) == ("Passive", "Active")
    assert stats("Test Campaign").campaign is not None
