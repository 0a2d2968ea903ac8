"""Commands of ``obi`` that look at runs and campaigns or serve, secrets, and real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator

Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]
Answers = Callable[[str | Path], list[dict[str, str]]]

CLEAN = "Lead ID,Phone,Name\nA1,+44 20 7946 0001,Ann\nA2,+44 20 7946 0002,Bob\n"
DIRTY = CLEAN + "A3,nonsense,Cid\n"
CAMPAIGN = ("--campaign", "Test Preview Campaign")


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    path.write_text(CLEAN, encoding="utf-8")
    return path


@pytest.fixture
def server(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = serve()
    monkeypatch.setenv("OBI_BASE_URL", simulator.base_url)
    monkeypatch.setenv("OBI_BACKOFF", "0.01")
    monkeypatch.setenv("OBI_BACKOFF_MAX", "0.02")
    return simulator


def one_object(out: str) -> dict[str, Any]:
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


# --- runs and campaigns -----------------------------------------------------------------------------


def test_runs_are_listed_and_shown(leads: Path, server: Simulator, obi: Obi) -> None:
    assert json.loads(obi("runs", "list", "--json")[1]) == []
    run = one_object(obi("load", leads, *CAMPAIGN, "--json")[1])["run"]
    code, out, _ = obi("runs", "list", "--json")
    (line,) = json.loads(out)
    assert (code, line["run"], line["state"], line["counts"]) == (0, run, "finished", {"created": 2})
    assert run in obi("runs", "list")[1].replace("\n", "")
    shown = one_object(obi("runs", "show", run, "--json")[1])
    assert shown["manifest"]["campaign"]["id"] == PREVIEW_CAMPAIGN
    assert shown["report"]["counts"] == {"created": 2}
    code, out, _ = obi("runs", "show", run[-4:])
    assert code == 0
    assert "2" in out
    assert "created" in out


def test_campaigns_are_listed_filtered_and_shown(own_place: Path, server: Simulator, obi: Obi) -> None:
    server.add_campaign("Spring [bold] 1")
    code, out, _ = obi("campaigns", "list", "--json")
    assert code == 0
    assert {each["name"] for each in json.loads(out)} == {
        "Test Campaign", "Test Preview Campaign", "Spring [bold] 1",
    }  # fmt: skip
    assert "Spring [bold] 1" in obi("campaigns", "list")[1]
    code, out, _ = obi("campaigns", "list", "--name", "Spring*", "--status", "Active", "--json")
    assert [each["name"] for each in json.loads(out)] == ["Spring [bold] 1"]
    shown = one_object(obi("campaigns", "show", PREVIEW_CAMPAIGN.lower(), "--json")[1])
    assert shown["name"] == "Test Preview Campaign"
    assert PREVIEW_CAMPAIGN in obi("campaigns", "show", "Test Preview Campaign")[1]


# --- secrets and processes --------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_no_secret_shows_anywhere(
    as_json: tuple[str, ...],
    leads: Path,
    serve: Serve,
    obi: Obi,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    simulator = serve(
        auth="basic:agent-7:geheim-4711", faults=[Fault(mode="503", path="/customers/list", nth=1)]
    )
    secrets = {
        "OBI_USERNAME": "agent-7",
        "OBI_PASSWORD": "geheim-4711",
        "OBI_HEADERS": '{"x-api-key": "schluessel-0815"}',
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OBI_BACKOFF", "0.01")
    url = ("--base-url", simulator.base_url)
    said = []
    for words in (
        ("load", leads, *CAMPAIGN, *url, "--verbose", *as_json),
        ("runs", "list", *as_json),
        ("campaigns", "list", *url, *as_json),
    ):
        code, out, err = obi(*words)
        assert code == 0
        said.append(out + err)
    run = next(path.name for path in (tmp_path / "state" / "runs").iterdir())
    said.append(obi("runs", "show", run, *as_json)[1])
    monkeypatch.setenv("OBI_PASSWORD", "geheim-4712")
    code, out, err = obi("load", leads, *CAMPAIGN, *url, *as_json)
    assert code == 6
    said.append(out + err)
    token = "YWdlbnQtNzpnZWhlaW0tNDcxMQ"  # the two in base64, as they travel
    for secret in ("geheim-471", "schluessel-0815", token):
        assert not [text for text in said if secret in text]
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_a_process_ends_with_the_code_and_shows_no_traceback(leads: Path, server: Simulator) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "etl", "load", "missing.csv", *CAMPAIGN, "--json"],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ended.returncode == 4
    assert json.loads(ended.stdout)["exit_code"] == 4
    assert ended.stderr.decode().count("\n") == 1


def test_the_simulator_serves_until_it_is_stopped(own_place: Path, obi: Obi) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "etl",
            "simulator",
            "--port",
            "0",
            "--db",
            ":memory:",
            "--auth",
            "basic:u:p",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        assert serving.stderr is not None
        line = serving.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        try:
            assert obi("campaigns", "list", "--base-url", url)[0] == 6
            os.environ["OBI_USERNAME"], os.environ["OBI_PASSWORD"] = "u", "p"
            code, out, _ = obi("campaigns", "list", "--base-url", url, "--json")
            assert (code, len(json.loads(out))) == (0, 2)
        finally:
            os.environ.pop("OBI_USERNAME", None)
            os.environ.pop("OBI_PASSWORD", None)
            serving.send_signal(signal.SIGINT)
            err = serving.stderr.read()
        assert serving.wait(10) == 0
    assert err == ""


def test_a_simulator_that_cannot_start_says_why(own_place: Path, obi: Obi, server: Simulator) -> None:
    port = server.base_url.split(":")[2].partition("/")[0]
    for words in (
        ("--port", port),
        ("--port", "0", "--db", "/proc/x.sqlite"),
        ("--port", "0", "--auth", "u:p"),
    ):
        code, _, err = obi("simulator", *words)
        assert code == 3
        assert err.startswith("obi: The simulator can't start")
        assert err.count("\n") == 1


# --- what a summary says ----------------------------------------------------------------------------------


def test_the_counts_of_a_run_that_was_stopped_sum_to_its_rows(
    own_place: Path, server: Simulator, obi: Obi
) -> None:
    path = own_place / "dirty.csv"
    path.write_text(DIRTY, encoding="utf-8")
    assert obi("load", path, *CAMPAIGN, "--strict")[0] == 5
    (line,) = json.loads(obi("runs", "list", "--json")[1])
    assert line["counts"] == {"invalid": 1, "unsent": 2}


def test_the_next_command_names_the_region_that_is_missing(
    own_place: Path, server: Simulator, obi: Obi
) -> None:
    path = own_place / "national.csv"
    path.write_text("Lead ID,Phone\nA1,020 7946 0001\n", encoding="utf-8")
    assert "--region CC" in one_object(obi("load", path, *CAMPAIGN, "--json")[1])["next"]


def test_a_server_beside_simulate_is_refused(leads: Path, server: Simulator, obi: Obi) -> None:
    code, _, err = obi("load", leads, *CAMPAIGN, "--simulate", "--base-url", server.base_url)
    assert (code, server.count(PREVIEW_CAMPAIGN)) == (2, 0)
    assert "--simulate" in err


def test_what_stopped_a_run_stands_before_the_summary_and_its_next_command(
    leads: Path, server: Simulator, obi: Obi
) -> None:
    server.add_fault("401", path="/customers/list")
    code, out, err = obi("load", leads, *CAMPAIGN, "--quiet")
    assert code == 6
    assert "obi: " in err
    assert out.strip().splitlines()[-1].startswith("Next: ")
