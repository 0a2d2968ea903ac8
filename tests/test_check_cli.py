"""What ``obi check`` shows: on terminals of several widths, in a pipe, as JSON; and which files it leaves."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from hypothesis import given, strategies as st

from etl.cli import cli
from etl.cli.showing import printable
from etl.quoting import counted
from etl.simulator import PREVIEW_CAMPAIGN, Simulator

Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]
Answers = Callable[[str | Path], list[dict[str, str]]]

DOCS = Path(__file__).parent.parent / "docs" / "check.md"
LONG = "A remark that goes on and on, so that it takes more than one line of any terminal: " + "abc " * 40
TEXT = (
    "Lead ID;Vorname;Telefon;Mobil;Fax;Nicht anrufen;Bemerkung\r\n"
    "A1;Jörg;030 23125001;;030 23125991;nein;x\r\n"
    f"A2;Käthe;030 23125002;030 23125012;;nein;{LONG}\r\n"
    "A3;Max;kein Anschluß;;;nein;\r\n"
    "A4;Eva;030 23125004;;;ja;\r\n"
    "\r\n"
    "A1;Jörg;030 23125001;;;nein;\r\n"
)


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "kunden.csv"
    path.write_bytes(TEXT.encode("windows-1252"))
    return path


def on_a_terminal(width: int, *words: str | Path) -> tuple[int, str]:
    """Run ``obi`` on a terminal of so many columns: its exit code, and what stands there at the end."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    program = [sys.executable, "-m", "etl", *map(str, words)]
    with subprocess.Popen(program, stdin=its, stdout=its, stderr=its, env=env | {"TERM": "xterm"}) as process:
        os.close(its)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r\n", "\n")
    return process.returncode, re.sub(r"[^\n]*\r", "", plain)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # on Linux that is the end
        return b""


def squeezed(text: str) -> str:
    """Without blanks and line ends: what a table folds reads the same."""
    return "".join(text.split())


# --- for people -------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 160])
def test_a_terminal_of_any_width_shows_all_and_cuts_nothing(width: int, leads: Path) -> None:
    code, shown = on_a_terminal(width, "check", leads, "--region", "DE", "--show-bodies", "1")
    assert code == 5
    tables = shown.partition("In all\n")[0].partition("What would be sent, the first 1 customer exactly")[0]
    assert max(map(len, tables.splitlines())) <= width
    for words in (
        "windows-1252, because",
        "semicolon, because",
        "never dialled  Fax",
        "Row 1 (line 2): ready",
        "Telefon: 030 23125001",
        "+493023125001",
        "Row 3 (line 4): invalid",
        "suppressed: suppressed.flag",
        "row 4 (line 5)",
        "Nicht anrufen: ja",
        "the counts sum to them",
        "Left out: 1 blank line (6)",
        '"externalId": "A1"',
    ):
        assert squeezed(words) in squeezed(shown), words
    assert tables.count("abc") == 2 * LONG.count("abc"), "before and after"


def test_a_pipe_gets_the_same_as_plain_text(leads: Path, obi: Obi) -> None:
    code, out, err = obi("check", leads, "--region", "DE", "--show-bodies", "2")
    assert code == 5
    assert "\x1b" not in out + err
    assert not re.search(r"[─-╿━•]", out)
    assert not [line for line in out.splitlines() if line != line.rstrip()]
    bodies = [line for line in out.splitlines() if line.startswith("{")]
    assert [json.loads(body)["externalId"] for body in bodies] == ["A1", "A2"]
    assert LONG.strip() in out
    _, shown = on_a_terminal(160, "check", leads, "--region", "DE")
    for line in out.partition("What would be sent, the first 2")[0].splitlines():
        assert LONG.strip() in line or squeezed(line) in squeezed(shown)


def test_quiet_shows_no_row_of_the_file(leads: Path, obi: Obi) -> None:
    code, out, err = obi("check", leads, "--region", "DE", "--quiet")
    assert (code, err) == (5, "")
    assert "the counts sum to them" in out
    for value in ("Jörg", "23125001", "kein Anschluß"):
        assert value not in out


def test_what_a_terminal_would_obey_is_shown_as_its_escape(own_place: Path, obi: Obi) -> None:
    path = own_place / "leads.csv"
    path.write_text('Phone,Name\n020 7946 0001,"two\nlines"\n020 7946 0002,a\u202eb\n', encoding="utf-8")
    _, out, _ = obi("check", path, "--region", "GB")
    assert r"two\nlines" in out
    assert r"a\u202eb" in out
    assert "\u202e" not in out
    assert printable("a\x1b[2Jb\u00a0c") == r"a\x1b[2Jb\xa0c"


def test_the_bodies_in_a_pipe_are_exact_whatever_is_in_them(own_place: Path, obi: Obi) -> None:
    path = own_place / "leads.csv"
    path.write_text('Phone,Name\n020 7946 0001,":smile: [b]\u202ex\u0085\ty"\n', encoding="utf-8")
    words = ("check", path, "--region", "GB", "--show-bodies", "1")
    _, out, _ = obi(*words)
    (shown,) = [line for line in out.split("\n") if line.startswith("{")]
    assert json.loads(obi(*words, "--json")[1])["bodies"] == [shown]
    assert ":smile: [b]\u202ex" in shown


def test_many_attributes_that_do_not_change_are_told_in_a_line(own_place: Path, obi: Obi) -> None:
    names = [f"Field {at}" for at in range(30)]
    (own_place / "wide.csv").write_text(
        f"Phone,{','.join(names)}\n020 7946 0001,{','.join(map(str.upper, names))}\n", encoding="utf-8"
    )
    _, out, _ = obi("check", "wide.csv", "--region", "GB")
    (line,) = [line for line in out.splitlines() if "as written" in line]
    assert all(f"{name}: {name.upper()}" in line for name in names)


@given(st.text(max_size=40))
def test_what_is_shown_prints_and_what_prints_is_shown_as_it_is(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert (shown == text) is text.isprintable()


def test_markup_in_a_file_is_text(own_place: Path, obi: Obi) -> None:
    path = own_place / "leads.csv"
    path.write_text("Phone,Name [old]\n020 7946 0001,[bold]x[/bold]\n[red],[/nothing]\n", encoding="utf-8")
    code, out, _ = obi("check", path, "--region", "GB")
    assert code == 5
    for words in ("Name [old]", "[bold]x[/bold]", "[red]", "[/nothing]"):
        assert words in out


def test_a_file_of_one_column_and_one_row_reads_well(own_place: Path, obi: Obi) -> None:
    (own_place / "one.csv").write_text("Phone\n020 7946 0001\n", encoding="utf-8")
    code, out, _ = obi("check", "one.csv", "--region", "GB")
    assert code == 0
    assert "The first 1 row, before and after" in out
    assert "row read, and the counts sum to it" in out
    assert not re.search(r"\b1 [a-z]*(rows|customers|columns|entries|requests)\b", out)
    assert "Next: obi load one.csv --campaign NAME --region GB" in out


def test_where_every_row_is_invalid_no_load_is_proposed(own_place: Path, obi: Obi) -> None:
    rows = "".join(f"nothing {at}\n" for at in range(50))
    (own_place / "bad.csv").write_text(f"Phone\n{rows}", encoding="utf-8")
    code, out, _ = obi("check", "bad.csv", "--region", "GB")
    assert code == 5
    assert "50  invalid" in out
    assert len(re.findall(r"^ +row \d+ \(line \d+\)", out, flags=re.MULTILINE)) == 3
    assert "Next: " not in out


def test_with_a_campaign_the_terminal_tells_what_is_there(leads: Path, serve: Serve, obi: Obi) -> None:
    there = {"externalId": "A1", "numbers": "03023125001"}
    simulator = serve(seed={"campaigns": [{"id": PREVIEW_CAMPAIGN, "name": "Spring", "customers": [there]}]})
    words = ("check", leads, "--region", "DE", "--base-url", simulator.base_url)
    _, out, _ = obi(*words, "--campaign", PREVIEW_CAMPAIGN)
    assert "there already  1 of the 2 rows that would be sent" in out
    assert "load would make this row 'exists'" in out
    assert "dial plans differ" in out
    assert "nothing sent" in out
    assert {each.method for each in simulator.requests} == {"GET"}


# --- for machines -----------------------------------------------------------------------------------


def test_json_is_one_object_with_all_that_is_shown(leads: Path, obi: Obi) -> None:
    code, out, err = obi("check", leads, "--region", "DE", "--json", "--show-bodies", "1")
    report = json.loads(out)
    assert code == report["exit_code"] == 5
    assert report["command"] == "check"
    assert report["counts"] == {"invalid": 1, "duplicate": 1, "suppressed": 1, "ready": 2}
    assert [row["status"] for row in report["preview"]] == ["ready", "ready", "invalid"]
    assert json.loads(report["bodies"][0])["externalId"] == "A1"
    assert {reason["code"] for reason in report["found"]} == {
        "phone.letters",
        "duplicate.externalId",
        "suppressed.flag",
    }
    assert report["found"][0]["examples"][0].keys() == {"row", "line", "column", "value", "reason"}
    assert "before and after" in err


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("check", "gone.csv"), "check"),
        (("load", "gone.csv"), "load"),
        (("load", "kunden.csv", "--batch-size", "x"), "load"),
        (("check",), "check"),
        (("campaigns", "show", "Nobody's", "--simulate"), "campaigns show"),
        (("runs", "show", "20200101"), "runs show"),
    ],
)
def test_a_failure_names_its_command(words: tuple[str, ...], command: str, leads: Path, obi: Obi) -> None:
    code, out, _ = obi(*words, "--json")
    report = json.loads(out)
    assert (report["command"], report["exit_code"]) == (command, code)
    assert report["stopped"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "kunden.csv", "--show-bodies", "-1"), "'-1' is not a whole number from 0 to 10,000"),
        (("load", "kunden.csv", "--batch-size", "x"), "'x' is not a whole number from 1 to 10,000"),
        (("load", "kunden.csv", "--canary", "0"), "'0' is not a whole number from 1 or more"),
        (("load", "kunden.csv", "--max-errors", "few"), "--max-errors 'few': must be a number of rows"),
    ],
)
def test_an_unfit_value_is_told_with_its_option_and_what_would_be_right(
    words: tuple[str, ...], said: str, leads: Path, obi: Obi
) -> None:
    code, _, err = obi(*words)
    assert code in {2, 3}
    assert said in err


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows"), (1, "1 row"), (2_000, "2,000 rows")])
def test_a_count_agrees_with_what_it_counts(count: int, said: str) -> None:
    assert counted(count, "row") == said
    assert counted(count, "entry", "entries") == said.replace("rows", "entries").replace("row", "entry")


# --- files ------------------------------------------------------------------------------------------


def test_several_inputs_leave_a_check_file_each(own_place: Path, obi: Obi, answers_in: Answers) -> None:
    for name in ("a", "b"):
        (own_place / f"{name}.csv").write_text("Phone\n020 7946 0001\nx y\n", encoding="utf-8")
    code, _, _ = obi("check", "*.csv", "--region", "GB")
    assert code == 5
    assert sorted(path.name for path in own_place.iterdir()) == [
        "a.check.csv",
        "a.csv",
        "b.check.csv",
        "b.csv",
    ]
    assert obi("check", "*.csv", "--region", "GB")[0] == 5, "and those are no inputs"
    code, _, _ = obi("check", "a.csv", "b.csv", "--region", "GB", "--results", "out", "--rejects", "out")
    assert sorted(path.name for path in (own_place / "out").iterdir()) == [
        "a.check.csv",
        "a.rejects.csv",
        "b.check.csv",
        "b.rejects.csv",
    ]
    assert [row["obi_status"] for row in answers_in("out/a.check.csv")] == ["ready", "invalid"]


def test_standard_input_is_checked(own_place: Path, obi: Obi, answers_in: Answers) -> None:
    code, out, _ = obi("check", "-", "--region", "GB", stdin=b"Phone\n020 7946 0001\n")
    assert code == 0
    assert len(answers_in("stdin.check.csv")) == 1
    assert "Next: " not in out


def test_a_check_that_is_interrupted_leaves_nothing(own_place: Path) -> None:
    text = "Phone,Name\n" + "".join(f"+44 20 7946 {at % 1000:04},Name {at}\n" for at in range(60_000))
    (own_place / "leads.csv").write_text(text, encoding="utf-8")
    program = [sys.executable, "-m", "etl", "check", "leads.csv"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "checking" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "obi: Stopped.\n"
    assert [path.name for path in own_place.iterdir()] == ["leads.csv"]
    assert not [path for path in Path(os.environ["OBI_STATE_DIR"]).rglob("*") if path.is_file()]


def test_a_check_file_can_be_checked_again(leads: Path, obi: Obi) -> None:
    first = json.loads(obi("check", leads, "--region", "DE", "--json", "--show-bodies", "9")[1])
    again = json.loads(obi("check", "kunden.check.csv", "--region", "DE", "--json", "--show-bodies", "9")[1])
    for same in ("counts", "columns", "bodies", "reasons"):
        assert again[same] == first[same]


def test_results_go_where_they_are_asked_for(leads: Path, obi: Obi) -> None:
    assert obi("check", leads, "--region", "DE", "--results", "what.jsonl")[0] == 5
    assert len(leads.with_name("what.jsonl").read_text(encoding="utf-8").splitlines()) == 5
    assert not leads.with_name("kunden.check.csv").exists()


def test_every_option_of_check_is_in_its_docs() -> None:
    docs = DOCS.read_text(encoding="utf-8")
    for parameter in cli.commands["check"].params:
        if isinstance(parameter, click.Option):
            assert f"`{parameter.opts[0]}" in docs, parameter.opts[0]


def test_the_python_of_the_docs_runs(own_place: Path) -> None:
    (example,) = re.findall(
        r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    (own_place / "leads.csv").write_text("Lead ID,Phone\nA1,020 7946 0001\n", encoding="utf-8")
    program = [sys.executable, "-W", "error", "-c", example]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sent, body = done.stdout.strip().rsplit(" ", maxsplit=1)
    assert sent == "{'externalId': 'A1', 'numbers': '+442079460001'}"
    assert body == '{"externalId":"A1","numbers":"+442079460001"}'
