"""What is wrong with a command is said in one sentence on standard error, and nothing is sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator

Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

CLEAN = "Lead ID,Phone,Name\nA1,+44 20 7946 0001,Ann\nA2,+44 20 7946 0002,Bob\n"
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


def assert_one_sentence(err: str, *words: str) -> None:
    """Standard error is one line that says what, where and what to do, without a traceback."""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert lines[0].startswith("obi: ")
    assert lines[0].endswith((".", ": https://HOST/RI/obi", "--simulate.")) or "?" in lines[0]
    assert "Traceback" not in err
    for word in words:
        assert word in lines[0]


def assert_one_json_object(out: str, code: int) -> None:
    report = json.loads(out)
    assert isinstance(report, dict)
    assert report["exit_code"] == code
    assert report["stopped"].endswith((".", "?"))


INPUTS = {
    "missing.csv": (None, ["missing.csv", "not there"]),
    "empty.csv": (b"", ["empty"]),
    "blank.csv": (b"\n \n\n", ["blank lines"]),
    "header.csv": (b"Lead ID,Phone\n", ["header", "no rows"]),
    "no_phone.csv": (b"Lead ID,Name,Fax\nA1,Ann,+442079460001\n", ["phone numbers", "profile", "Name"]),
    "quotes.csv": (b'Lead ID,Phone\nA1,"+442079460001\nA2,+442079460002\n', ["line 2", "never closed"]),
    "page.xls": (
        b"<html><body><table><tr><td>Phone</td></tr></table></body></html>",
        ["web page", "save it as CSV"],
    ),
    "leads.pdf": (b"%PDF-1.7 ...", ["PDF"]),
    "binary.csv": (bytes(range(256)) * 8, ["binary.csv"]),
    "half.csv.gz": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x01\x02", ["gzip"]),
    "folder.csv": ("folder", ["folder"]),
    "two_ids.csv": (b"externalId,External ID,Phone\nA1,B1,+442079460001\n", ["externalId"]),
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("command", ["load", "check"])
@pytest.mark.parametrize("name", INPUTS)
def test_an_input_that_cannot_be_loaded_is_refused_whole(
    name: str, command: str, as_json: bool, own_place: Path, server: Simulator, obi: Obi
) -> None:
    content, words = INPUTS[name]
    path = own_place / name
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    code, out, err = obi(command, path, *CAMPAIGN, *(["--json"] if as_json else []))
    assert code == (3 if name == "two_ids.csv" else 4)
    assert_one_sentence(err, *words)
    if as_json:
        assert_one_json_object(out, code)
    else:
        assert out == ""
    assert not [each for each in server.requests if each.method == "POST"]
    assert not list(own_place.glob("*.results.*"))


PROFILES = {
    "not_toml": ("region = GB", ["TOML", "line 1"]),
    "unknown_key": ('regoin = "GB"', ["regoin", "region"]),
    "unknown_inner_key": ('[phones]\nacept = "valid"', ["acept", "accept"]),
    "bad_value": ('[phones]\naccept = "maybe"', ["phones.accept", "maybe"]),
    "bad_region": ('region = "Britain"', ["region"]),
    "missing_column": ('[columns]\nphones = ["Telefon"]', ["Telefon"]),
    "missing_id_column": ('[columns]\nexternalId = "Lead Id 2"', ["Lead Id 2", "Lead ID"]),
    "not_there": (None, ["not_there"]),
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("name", PROFILES)
def test_a_broken_profile_is_told_by_key_and_value(
    name: str, as_json: bool, leads: Path, server: Simulator, obi: Obi
) -> None:
    content, words = PROFILES[name]
    path = leads.with_name(f"{name}.toml")
    if content is not None:
        path.write_text(content, encoding="utf-8")
    code, out, err = obi("load", leads, *CAMPAIGN, "--profile", path, *(["--json"] if as_json else []))
    assert code == 3
    assert_one_sentence(err, *words)
    if as_json:
        assert_one_json_object(out, 3)
    assert not server.requests


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_an_unknown_campaign_lists_the_near_names(
    as_json: tuple[str, ...], leads: Path, server: Simulator, obi: Obi
) -> None:
    code, out, err = obi("load", leads, "--campaign", "Test Preveiw Campaign", *as_json)
    assert code == 3
    assert_one_sentence(err, "'Test Preview Campaign'", "'Test Campaign'")
    if as_json:
        assert_one_json_object(out, 3)


def test_an_ambiguous_campaign_lists_the_ids(leads: Path, server: Simulator, obi: Obi) -> None:
    ids = [server.add_campaign("Spring"), server.add_campaign("Spring")]
    code, _, err = obi("load", leads, "--campaign", "Spring")
    assert code == 3
    assert_one_sentence(err, *ids)
    assert obi("load", leads, "--campaign", ids[1])[0] == 0
    assert server.count(ids[1]) == 2


@pytest.mark.parametrize("given", ["0" * 32, "62718C78-89CC-44F7-B944-C1A6F6BE9B70", ""])
def test_a_campaign_that_is_not_there_is_told(given: str, leads: Path, server: Simulator, obi: Obi) -> None:
    code, _, err = obi("load", leads, "--campaign", given)
    assert code == 3
    assert_one_sentence(err, given or "--campaign")


@pytest.mark.parametrize("status", ["Expired", "Deleted", "Quota"])
def test_a_campaign_that_is_closed_for_good_is_not_loaded(
    status: str, leads: Path, server: Simulator, obi: Obi
) -> None:
    server.add_campaign("Over", status=status)
    code, _, err = obi("load", leads, "--campaign", "Over")
    assert code == 3
    assert_one_sentence(err, status)


@pytest.mark.parametrize("command", [("load", "leads.csv", *CAMPAIGN), ("campaigns", "list")])
def test_without_a_base_url_a_command_says_how_to_name_one(
    command: tuple[str, ...], leads: Path, obi: Obi
) -> None:
    code, _, err = obi(*command)
    assert code == 3
    assert_one_sentence(err, "OBI_BASE_URL", "--base-url", "--simulate")


@pytest.mark.parametrize("url", ["ftp://x/RI/obi", "host/RI/obi", "http://", "http://u:p@127.0.0.1/RI/obi"])
def test_a_base_url_that_can_be_none_is_refused(url: str, leads: Path, obi: Obi) -> None:
    code, _, err = obi("load", leads, *CAMPAIGN, "--base-url", url)
    assert code == 3
    assert_one_sentence(err)


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize("password", ["wrong-secret-9", ""])
def test_wrong_credentials_are_told_without_showing_them(
    password: str,
    as_json: tuple[str, ...],
    leads: Path,
    serve: Serve,
    obi: Obi,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulator = serve(auth="basic:user:right")
    monkeypatch.setenv("OBI_USERNAME", "user" if password else "")
    monkeypatch.setenv("OBI_PASSWORD", password)
    code, out, err = obi("load", leads, *CAMPAIGN, "--base-url", simulator.base_url, *as_json)
    assert code == 6
    assert_one_sentence(err, "OBI_USERNAME")
    assert "wrong-secret-9" not in out + err
    if as_json:
        assert_one_json_object(out, 6)


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_server_that_is_not_there_is_told_and_the_load_can_be_repeated(
    as_json: tuple[str, ...], leads: Path, obi: Obi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBI_BACKOFF", "0.01")
    monkeypatch.setenv("OBI_ATTEMPTS", "2")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/RI/obi"
        code, out, err = obi("load", leads, *CAMPAIGN, "--base-url", url, "--quiet", *as_json)
    assert code == 7
    assert_one_sentence(err, "no connection")
    if as_json:
        assert_one_json_object(out, 7)


def test_something_that_is_not_obi_is_told(leads: Path, server: Simulator, obi: Obi) -> None:
    wrong = server.base_url.removesuffix("/obi")
    code, _, err = obi("load", leads, *CAMPAIGN, "--base-url", wrong, "--quiet")
    assert code == 3
    assert_one_sentence(err, "base URL")
    server.add_fault(Fault(mode="html_200"))
    code, _, err = obi("load", leads, *CAMPAIGN, "--quiet")
    assert code == 9
    assert_one_sentence(err, "base URL")


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize("results", ["no/such/folder/a.csv", "/proc/a.csv", "a.docx", "leads.csv"])
def test_a_results_path_that_cannot_be_written_is_told_before_anything_is_sent(
    results: str, as_json: tuple[str, ...], leads: Path, server: Simulator, obi: Obi
) -> None:
    code, out, err = obi("load", leads, *CAMPAIGN, "--results", results, *as_json)
    assert code == 3
    assert_one_sentence(err, Path(results).name)
    if as_json:
        assert_one_json_object(out, 3)
    assert not [each for each in server.requests if each.method == "POST"]


def test_a_state_folder_that_cannot_be_made_is_told(leads: Path, server: Simulator, obi: Obi) -> None:
    code, _, err = obi("load", leads, *CAMPAIGN, "--state-dir", "/proc/state")
    assert code == 8
    assert_one_sentence(err, "/proc/state", "--state-dir")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("load",), "INPUT"),
        (("load", "leads.csv", "--capmaign", "x"), "--campaign"),
        (("load", "leads.csv", "--batch-size", "0"), "--batch-size"),
        (("load", "leads.csv", "--existing", "maybe"), "--existing"),
        (("load", "leads.csv", "--wait-lock", "soon"), "soon"),
        (("loda", "leads.csv"), "loda"),
        (("runs", "show"), "RUN"),
        (("campaigns", "show"), "CAMPAIGN"),
        (("simulator", "--port", "99999"), "--port"),
    ],
)
def test_a_command_that_is_misspelt_ends_with_2(
    words: tuple[str, ...], said: str, leads: Path, obi: Obi
) -> None:
    code, out, err = obi(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--concurrency", "lots"), "concurrency"),
        (("--concurrency", "0"), "concurrency"),
        (("--rate", "0"), "rate"),
        (("--region", "Britain"), "Region"),
    ],
)
def test_an_option_with_an_unfit_value_is_told(
    words: tuple[str, ...], said: str, leads: Path, server: Simulator, obi: Obi
) -> None:
    code, _, err = obi("load", leads, *CAMPAIGN, *words)
    assert code in {2, 3}
    assert said in err
    assert not server.requests


@pytest.mark.parametrize(
    ("content", "said"),
    [("base_ulr = 'x'", "base_ulr"), ("batch_size = 'many'", "batch_size"), ("= 3", "obi.toml")],
)
def test_a_broken_settings_file_is_told_with_its_name(content: str, said: str, leads: Path, obi: Obi) -> None:
    leads.with_name("obi.toml").write_text(content, encoding="utf-8")
    code, _, err = obi("load", leads, *CAMPAIGN)
    assert code == 3
    assert_one_sentence(err, said)


def test_a_run_that_is_not_there_is_told(own_place: Path, obi: Obi) -> None:
    for words in (("runs", "show", "20200101"), ("resume", "20200101")):
        code, _, err = obi(*words)
        assert code == 8
        assert_one_sentence(err, "20200101", "obi runs list")


def test_a_pattern_that_fits_nothing_is_told(own_place: Path, server: Simulator, obi: Obi) -> None:
    code, out, err = obi("load", "*.nothing", *CAMPAIGN, "--json")
    assert code == 4
    assert_one_sentence(err, "*.nothing")
    assert_one_json_object(out, 4)


def test_a_folder_without_write_permission_is_told(
    leads: Path, server: Simulator, obi: Obi, ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    assert obi("check", leads)[0] == 0, "and every module is imported, which nobody might not read"
    leads.parent.chmod(0o500)
    try:
        with ordinary_user():
            code, _, err = obi("load", leads, *CAMPAIGN)
    finally:
        leads.parent.chmod(0o700)
    assert code == 3
    assert_one_sentence(err, "leads.results.csv")
    assert server.count(PREVIEW_CAMPAIGN) == 0
