"""A CRM's file, loaded, dialled and exported with one profile, joins itself again by the CRM's own id."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest

from etl import handover
from etl.handedover import Ledger
from etl.handover import Handover
from etl.simulator import PREVIEW_CAMPAIGN, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

PROFILE = """
region = "GB"

[columns]
externalId = "Id"
phones = ["Mobile", "Phone"]
priority = "Score"
timeZone = "Zone"

[attributes.rename]
"Company / Account" = "Company"
"Straße" = "Street"

[external_id]
prefix = "acme-"
"""
HEADER = [
    "Id", "Name", "Mobile", "Phone", "Score", "Zone", "Company / Account", "Straße", "PLZ", "Result",
    "date of birth", "Notes",
]  # fmt: skip
ODD = [
    "007", "+49", "=1+1", "1e5", "TRUE", "'quoted'", 'a "b", c', "two\nlines", "ÄÖÜ € 漢", "9999-12-31", "",
]  # fmt: skip


def row(number: int) -> list[str]:
    """Every fourth has no mobile, every second a second number; ids and postcodes begin with zeros."""
    mobile = f"020 7946 0{number:03}" if number % 4 else ""
    phone = f"0121 496 0{number:03}" if number % 2 == 0 else ""
    odd = [ODD[(number + place) % len(ODD)] for place in range(3)]
    return [
        f"{number:06}", f"Person {number}", mobile, phone, str(number % 7), "Europe/London", odd[0],
        "Ring 1", f"{number:05}", odd[1], "1980-02-29", odd[2],
    ]  # fmt: skip


ROWS = [row(number) for number in range(1, 301)]
CARRIED = [name for name in HEADER if name not in {"Mobile", "Phone", "Result"}]
"""What comes back under its own header as it was."""


@pytest.fixture
def crm_file(own_place: Path) -> Path:
    (own_place / "acme.toml").write_text(PROFILE, encoding="utf-8")
    path = own_place / "leads.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *ROWS])
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for place, cells in enumerate([HEADER, *ROWS], 1):
        for at, text in enumerate(cells, 1):
            if text:
                sheet.cell(place, at, text).data_type = "s"
    book.save(own_place / "leads.xlsx")
    return path


def of_sheet(path: Path) -> list[dict[str, str]]:
    """A workbook's rows; every cell must be text, so that no spreadsheet makes numbers of ids."""
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    header, *rows = ([cell.value for cell in cells] for cells in sheet.iter_rows())
    assert {type(value) for values in rows for value in values} <= {str, type(None)}
    return [
        dict(zip(map(str, header), (str(value or "") for value in values), strict=True)) for values in rows
    ]


def called(simulator: Simulator) -> dict[str, dict[str, object]]:
    """Customers by the CRM's own ids, as they are now."""
    return {
        str(each["externalId"]).removeprefix("acme-"): each for each in simulator.customers(PREVIEW_CAMPAIGN)
    }


def numbers_of(source: dict[str, str]) -> list[str]:
    return [f"+44{text[1:].replace(' ', '')}" for text in (source["Mobile"], source["Phone"]) if text]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_crm_s_file_joins_its_results_row_for_row(
    ending: str, crm_file: Path, obi: Obi, serve: Serve, answers_in: Answers
) -> None:
    simulator = serve()
    server = ("--base-url", simulator.base_url)
    source_file = crm_file.with_suffix(f".{ending}")
    loaded = obi(
        "load", source_file, "--campaign", PREVIEW_CAMPAIGN, "--profile", "acme.toml", "--yes", *server
    )
    assert loaded[0] == 0, loaded[2]
    simulator.dial(hours=6, seed=7)
    out = crm_file.with_name(f"back.{ending}")
    code, text, errors = obi(
        "export", PREVIEW_CAMPAIGN, "--out", out, "--profile", "acme.toml", "--json", *server
    )
    assert code == 0, errors
    report = json.loads(text)
    assert (report["rows"], report["complete"]) == (len(ROWS), True)

    back = of_sheet(out) if ending == "xlsx" else answers_in(out)
    assert len(back) == len(ROWS)
    by_id = {each["Id"]: each for each in back}
    held = called(simulator)
    assert any(each.get("result") for each in held.values())
    for cells in ROWS:
        source = dict(zip(HEADER, cells, strict=True))
        found, now = by_id[source["Id"]], held[source["Id"]]
        assert {name: found.get(name, "") for name in CARRIED} == {name: source[name] for name in CARRIED}
        assert found.get("attribute: Result", "") == source["Result"]
        assert [text for text in (found["Mobile"], found["Phone"]) if text] == numbers_of(source)
        for name in ("result", "callResult", "classifier", "agentId", "modificationDate"):
            assert found[name] == (now.get(name) or "")
        assert found["callCount"] == str(now["callCount"])
        assert found["obi_id"] == now["id"]


def test_nightly_hand_overs_join_to_the_campaign_as_it_is(
    crm_file: Path, obi: Obi, serve: Serve, answers_in: Answers
) -> None:
    """Each night the dialler has called; the receiver keeps the newest state that it was given."""
    simulator = serve()
    server = ("--base-url", simulator.base_url)
    obi("load", crm_file, "--campaign", PREVIEW_CAMPAIGN, "--profile", "acme.toml", "--yes", *server)
    received: dict[str, dict[str, str]] = {}
    times: Counter[tuple[str, str]] = Counter()
    out = crm_file.with_name("night.csv")
    words: Sequence[str | Path] = (
        "export", PREVIEW_CAMPAIGN, "--out", out, "--profile", "acme.toml", "--incremental", *server
    )  # fmt: skip
    for night in range(4):
        code, _, errors = obi(*words)
        assert code == 0, errors
        for each in answers_in(out):
            received[each["Id"]] = each
            times[each["Id"], each["modificationDate"]] += 1
        out.unlink()
        simulator.dial(hours=3, seed=night)
    assert obi(*words)[0] == 0
    for each in answers_in(out):
        received[each["Id"]] = each
        times[each["Id"], each["modificationDate"]] += 1
    assert set(times.values()) == {1}
    assert {key: each["modificationDate"] for key, each in received.items()} == {
        key: each["modificationDate"] for key, each in called(simulator).items()
    }
    assert {key: each["result"] for key, each in received.items()} == {
        key: each.get("result", "") for key, each in called(simulator).items()
    }


KILLED = """
import os, signal, sys
from etl import handedover, handover
place = sys.argv.pop(1)
def each_line(frame, event, arg):
    if f"{frame.f_code.co_name}:{frame.f_lineno - frame.f_code.co_firstlineno}" == place:
        os.kill(os.getpid(), signal.SIGKILL)
    return each_line
own = {handover.__file__, handedover.__file__}
sys.settrace(lambda frame, event, arg: each_line if frame.f_code.co_filename in own else None)
from etl.cli import main
main()
"""


def places_of_code() -> list[str]:
    """Lines of what an export goes through, as ``function:line``, from its beginning to its end."""
    ways = (
        Handover.begin, Handover.prepare, handover._copy, Ledger.prepare, Handover.deliver,
        Handover._delivered, Ledger.deliver, Ledger._advance,
    )  # fmt: skip
    return [
        f"{way.__name__}:{line - way.__code__.co_firstlineno}"
        for way in ways
        for line in sorted({line for _, _, line in way.__code__.co_lines() if line})[1:]
    ]


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL elsewhere")
def test_a_nightly_hand_over_that_is_killed_again_and_again_loses_and_repeats_nothing(
    crm_file: Path, obi: Obi, serve: Serve, answers_in: Answers
) -> None:
    simulator = serve()
    server = ("--base-url", simulator.base_url)
    obi("load", crm_file, "--campaign", PREVIEW_CAMPAIGN, "--profile", "acme.toml", "--yes", *server)
    received: dict[str, dict[str, str]] = {}
    times: Counter[tuple[str, str]] = Counter()
    out = crm_file.with_name("night.csv")
    words = (
        "export",
        PREVIEW_CAMPAIGN,
        "--out",
        str(out),
        "--profile",
        "acme.toml",
        "--incremental",
        *server,
    )

    def take() -> None:
        for path in sorted(crm_file.parent.glob("night*.csv")):
            for each in answers_in(path):
                received[each["Id"]] = each
                times[each["Id"], each["modificationDate"]] += 1
            path.unlink()

    places = places_of_code()
    kills = random.Random(7).sample(places, 9)
    killed = 0
    for night, place in enumerate(kills):
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, place, *words], capture_output=True, check=False, timeout=60
        )
        assert ended.returncode in {0, -signal.SIGKILL}, ended.stderr
        killed += ended.returncode != 0
        if night % 2:
            take()
        code, _, errors = obi(*words)
        if code == 8:  # it was in place and taken before the ledger knew: the receiver says so
            run = re.findall(r"export (\S+) was interrupted", errors)
            assert obi("export", "--ack", *run)[0] == 0
        else:
            assert code == 0, errors
        take()
        simulator.dial(hours=1, seed=night)
    for _ in range(2):
        assert obi(*words)[0] == 0
        take()
    assert killed > len(kills) // 2
    assert set(times.values()) == {1}
    assert {key: each["modificationDate"] for key, each in received.items()} == {
        key: each["modificationDate"] for key, each in called(simulator).items()
    }
