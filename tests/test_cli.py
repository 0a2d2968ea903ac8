"""Every command of ``obi`` by its exit code, what it prints where, and what it leaves on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from etl.cli import cli
from etl.simulator import PREVIEW_CAMPAIGN, Simulator

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


# --- help -------------------------------------------------------------------------------------------


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


@pytest.mark.parametrize("path", [*commands()], ids=" ".join)
def test_every_command_helps_and_explains_each_of_its_options(path: tuple[str, ...], obi: Obi) -> None:
    code, out, err = obi(*path, "--help")
    assert (code, err) == (0, "")
    assert " ".join(("Usage: obi", *path)) in out
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"
    assert obi(*path, "-h")[1] == out


def test_the_version_is_told(obi: Obi) -> None:
    code, out, _ = obi("--version")
    assert code == 0
    assert out.startswith("obi, version ")


def test_without_a_command_the_help_is_shown(obi: Obi) -> None:
    code, out, err = obi()
    assert code == 2
    assert "Commands:" in out + err


# --- load, check, resume ----------------------------------------------------------------------------


def test_load_prints_a_summary_that_sums_up(
    leads: Path, server: Simulator, obi: Obi, answers_in: Answers
) -> None:
    leads.write_text(DIRTY, encoding="utf-8")
    code, out, _ = obi("load", leads, *CAMPAIGN)
    assert code == 5
    for words in (
        "2  created",
        "1  invalid",
        "3",
        "the counts sum to them",
        "Results: ",
        "Rejects: ",
        "Next: ",
    ):
        assert words in out
    assert str(leads.with_name("leads.results.csv")) in out
    assert [row["obi_status"] for row in answers_in("leads.results.csv")] == ["created", "created", "invalid"]
    assert server.count(PREVIEW_CAMPAIGN) == 2


def test_json_puts_one_object_on_standard_output_and_all_else_on_standard_error(
    leads: Path, server: Simulator, obi: Obi
) -> None:
    leads.write_text(DIRTY, encoding="utf-8")
    code, out, err = obi("load", leads, *CAMPAIGN, "--json")
    report = one_object(out)
    assert code == report["exit_code"] == 5
    assert report["counts"] == {"created": 2, "invalid": 1}
    assert report["rows"] == sum(report["counts"].values()) == 3
    assert (report["balanced"], report["command"], report["resumed"]) == (True, "load", False)
    assert report["campaign"]["id"] == PREVIEW_CAMPAIGN
    assert report["results"] == str(leads.with_name("leads.results.csv"))
    assert "the counts sum to them" in err


@pytest.mark.parametrize(
    ("mode", "expected"), [("401", 6), ("404", 3), ("415", 9), ("503", 7), ("429_bare", 7)]
)
def test_json_tells_the_same_after_a_stop(
    mode: str, expected: int, leads: Path, server: Simulator, obi: Obi
) -> None:
    server.add_fault(mode, path="/customers/list")
    code, out, err = obi("load", leads, *CAMPAIGN, "--json", "--batch-size", "1", "--concurrency", "1")
    report = one_object(out)
    # Two batches are too few for giving up on the server: their rows are unknown.
    assert code == report["exit_code"] == (10 if mode == "503" else expected)
    assert report["balanced"]
    assert report["next"].startswith("obi resume ")
    assert ("obi: " in err) is (mode != "503")
    server.clear_faults()
    code, out, _ = obi("resume", "--json")
    report = one_object(out)
    assert (code, report["command"], report["counts"]) == (0, "resume", {"created": 2})


FAILING = [
    ("load", "missing.csv", *CAMPAIGN),
    ("load", "leads.csv", "--campaign", "Nothing like it"),
    ("load", "leads.csv", *CAMPAIGN, "--state-dir", "/proc/state"),
    ("load", "leads.csv", *CAMPAIGN, "--capmaign", "x"),
    ("load", "leads.csv", *CAMPAIGN, "--batch-size", "none"),
    ("load", "leads.csv", "missing.csv", *CAMPAIGN, "--results", "one.csv"),
    ("load",),
    ("check", "missing.csv"),
    ("check", "leads.csv", "--state-dir", "/proc/state"),
    ("resume", "20200101"),
    ("resume",),
    ("runs", "show", "20200101"),
    ("campaigns", "show", "Nothing like it"),
    ("campaigns", "list", "--base-url", "nowhere"),
]


@pytest.mark.parametrize("words", FAILING, ids=" ".join)
def test_json_puts_one_object_on_standard_output_also_where_a_command_fails(
    words: tuple[str, ...], leads: Path, server: Simulator, obi: Obi
) -> None:
    code, out, err = obi(*words, "--json")
    assert one_object(out)["exit_code"] == code
    assert (code == 0) is (words == ("resume",))
    assert err.strip()
    assert "Traceback" not in err


def test_json_tells_a_failure_within_several_inputs_in_its_place(
    leads: Path, server: Simulator, obi: Obi
) -> None:
    code, out, _ = obi("load", leads, "missing.csv", *CAMPAIGN, "--json")
    reports = [json.loads(line) for line in out.splitlines()]
    assert [report["exit_code"] for report in reports] == [0, 4]
    assert code == 4


def test_several_inputs_are_several_runs_with_answers_of_their_own(
    own_place: Path, server: Simulator, obi: Obi, answers_in: Answers
) -> None:
    for name in ("a", "b", "c"):
        text = CLEAN.replace("A1", f"{name}1").replace("A2", f"{name}2")
        (own_place / f"{name}.csv").write_text(text, encoding="utf-8")
    (own_place / "a.results.csv").write_text(CLEAN, encoding="utf-8")
    (own_place / "a.rejects.csv").write_text(CLEAN, encoding="utf-8")
    (own_place / "out").mkdir()
    code, out, _ = obi("load", "*.csv", *CAMPAIGN, "--results", "out", "--json")
    reports = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [Path(report["input"]).name for report in reports] == ["a.csv", "b.csv", "c.csv"]
    assert len({report["run"] for report in reports}) == 3
    assert sorted(path.name for path in (own_place / "out").iterdir()) == [
        "a.results.csv", "b.results.csv", "c.results.csv",
    ]  # fmt: skip
    assert [row["Lead ID"] for row in answers_in(own_place / "out" / "b.results.csv")] == ["b1", "b2"]
    assert server.count(PREVIEW_CAMPAIGN) == 6


def test_several_inputs_want_a_folder_for_their_results(leads: Path, server: Simulator, obi: Obi) -> None:
    leads.with_name("more.csv").write_text(CLEAN, encoding="utf-8")
    code, _, err = obi("load", leads, "more.csv", *CAMPAIGN, "--results", "all.csv")
    assert code == 2
    assert "folder" in err
    assert not server.requests


def test_the_first_trouble_of_several_inputs_gives_the_exit_code(
    leads: Path, server: Simulator, obi: Obi
) -> None:
    leads.with_name("dirty.csv").write_text(DIRTY, encoding="utf-8")
    assert obi("load", leads, "dirty.csv", *CAMPAIGN)[0] == 5
    assert obi("load", "dirty.csv", "missing.csv", leads, *CAMPAIGN)[0] == 4


def test_of_several_inputs_an_error_says_which_one_it_is(
    own_place: Path, server: Simulator, obi: Obi
) -> None:
    for name in ("a", "b"):
        (own_place / f"{name}.csv").write_text("Colour,Size\nred,1\n", encoding="utf-8")
    _, _, err = obi("check", "a.csv", "b.csv")
    assert [line.partition(": No column")[0] for line in err.splitlines()] == ["obi: a.csv", "obi: b.csv"]
    assert obi("check", "a.csv")[2].startswith("obi: No column holds phone numbers")


def test_one_results_file_alone_can_be_loaded(leads: Path, server: Simulator, obi: Obi) -> None:
    obi("load", leads, *CAMPAIGN)
    code, out, _ = obi("load", "leads.results.csv", *CAMPAIGN, "--json")
    assert code == 0
    assert one_object(out)["counts"] == {"exists": 2}
    assert Path("leads.results.results.csv").exists()


def test_standard_input_is_loaded(own_place: Path, server: Simulator, obi: Obi, answers_in: Answers) -> None:
    code, out, _ = obi("load", "-", *CAMPAIGN, "--json", stdin=CLEAN.encode())
    assert code == 0
    assert one_object(out)["input"] == "-"
    assert len(answers_in("stdin.results.csv")) == 2
    code, out, _ = obi("load", "-", *CAMPAIGN, "--json", stdin=b"")
    assert code == 4
    assert "standard input" in one_object(out)["stopped"]


def test_check_sends_nothing_and_needs_no_server(leads: Path, obi: Obi, answers_in: Answers) -> None:
    leads.write_text(DIRTY, encoding="utf-8")
    code, out, _ = obi("check", leads)
    assert code == 5
    assert "ready" in out
    assert "nothing sent" in out
    assert [row["obi_status"] for row in answers_in("leads.check.csv")] == ["ready", "ready", "invalid"]
    assert obi("runs", "list")[1].strip() == "There are no runs yet."


def test_check_looks_for_the_campaign_that_it_is_given(leads: Path, server: Simulator, obi: Obi) -> None:
    assert obi("check", leads, "--campaign", "Nothing")[0] == 3
    assert obi("check", leads, *CAMPAIGN)[0] == 0
    assert {each.method for each in server.requests} == {"GET"}


def test_simulate_loads_into_a_simulator_whose_data_stays(leads: Path, obi: Obi) -> None:
    code, out, _ = obi("load", leads, *CAMPAIGN, "--simulate", "--json")
    assert (code, one_object(out)["counts"]) == (0, {"created": 2})
    code, out, _ = obi("load", leads, *CAMPAIGN, "--simulate", "--json")
    assert (code, one_object(out)["counts"]) == (0, {"exists": 2})
    code, out, _ = obi("campaigns", "show", "Test Preview Campaign", "--simulate", "--json")
    assert one_object(out)["total"] == 2


OPTIONS = [
    ("--region", "GB"),
    ("--hidden", "include"),
    ("--duplicates-by", "both"),
    ("--spool", "never"),
    ("--results", "r.jsonl"),
    ("--rejects", "r.csv"),
    ("--plain",),
    ("--batch-size", "1"),
    ("--concurrency", "auto"),
    ("--concurrency", "3"),
    ("--max-concurrency", "2"),
    ("--rate", "500"),
    ("--existing", "fail"),
    ("--on-unknown", "hold"),
    ("--strict",),
    ("--stop-batch-if-invalid",),
    ("--wait-lock", "1s"),
    ("--new-run",),
    ("--yes",),
    ("--quiet",),
    ("--verbose",),
    ("--log-format", "json"),
]


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_every_option_of_load_is_taken(
    words: tuple[str, ...], leads: Path, server: Simulator, obi: Obi
) -> None:
    code, out, _ = obi("load", leads, *CAMPAIGN, "--json", *words)
    assert (code, one_object(out)["counts"]) == (0, {"created": 2})


def test_quiet_says_nothing_but_the_summary(leads: Path, server: Simulator, obi: Obi) -> None:
    code, out, err = obi("load", leads, *CAMPAIGN, "--quiet")
    assert (code, err) == (0, "")
    assert "created" in out


def test_log_lines_in_json_are_json(leads: Path, server: Simulator, obi: Obi) -> None:
    server.add_fault("429_bare", nth=1)
    leads.write_text(DIRTY, encoding="utf-8")
    code, _, err = obi("load", leads, *CAMPAIGN, "--log-format", "json", "--verbose")
    assert code == 5
    lines = [json.loads(line) for line in err.splitlines()]
    assert lines
    assert all(line["event"] and line["timestamp"] for line in lines)
    assert "retrying" in [line["event"] for line in lines]
