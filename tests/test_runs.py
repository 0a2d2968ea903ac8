"""Whole runs over a real socket: what a load leaves in the campaign, in its files and in its report."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest

from etl.orders import Order
from etl.profile import GUESSED, Profile
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Dialect, Fault, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
CLEAN = """Lead ID,Phone,Name
A1,020 7946 0001,Ann
A2,0121 496 0002,"Bob, junior"
A3,+44 161 496 0003,Cid
"""
DIRTY = """Lead ID,Phone,Name,Do Not Call
A1,020 7946 0001,Ann,
A2,nonsense,Bob,
A3,020 7946 0003,Cid,yes
A1,020 7946 0004,Dan,

,020 7946 0005,Eve,
A6,020 7946 0006,Fay
A7,020 7946 0007,Guy,,extra
,020 7946 0005,Hal,no
A9,,Ida,
"""


async def load(
    settings: Settings, path: Path | str, *, profile: Profile = BRITISH, **order: Any
) -> RunReport:
    asked = Order(input=str(path), profile=profile, **({"campaign": PREVIEW_CAMPAIGN} | order))
    return await Runner(settings).load(asked)


async def check(
    settings: Settings, path: Path | str, *, profile: Profile = BRITISH, **order: Any
) -> RunReport:
    return await Runner(settings).check(Order(input=str(path), profile=profile, **order))


async def resume(settings: Settings, run: str = "") -> RunReport:
    report = await Runner(settings).resume(run)
    assert report is not None
    return report


def posts(simulator: Simulator) -> list[str]:
    return [each.path for each in simulator.requests if each.method == "POST"]


def written(folder: Path, text: str, name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def statuses(rows: list[dict[str, str]]) -> list[str]:
    return [row["obi_status"] for row in rows]


async def test_a_clean_file_is_created_row_by_row(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), written(own_place, CLEAN))
        held = simulator.customers(PREVIEW_CAMPAIGN)
    assert (report.exit_code, report.counts, report.balanced) == (0, {"created": 3}, True)
    assert (report.rejects, report.next, report.stopped) == ("", "", "")
    rows = answers_in(own_place / "leads.results.csv")
    assert [row["obi_id"] for row in rows] == [each["id"] for each in held]
    assert [each["numbers"] for each in held] == ["+442079460001", "+441214960002", "+441614960003"]
    assert {"name": "Name", "value": "Bob, junior"} in held[1]["attributes"]["attribute"]
    assert [row["Phone"] for row in rows] == ["020 7946 0001", "0121 496 0002", "+44 161 496 0003"]
    assert [row["obi_line"] for row in rows] == ["2", "3", "4"]
    assert {row["obi_run"] for row in rows} == {report.run}
    assert not (own_place / "leads.rejects.csv").exists()
    assert not [path for path in own_place.iterdir() if path.name.startswith(".")]


async def test_each_row_of_a_dirty_file_gets_its_own_answer(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), written(own_place, DIRTY))
        held = simulator.customers(PREVIEW_CAMPAIGN)
    rows = answers_in(own_place / "leads.results.csv")
    assert statuses(rows) == [
        "created", "invalid", "suppressed", "duplicate", "created", "invalid", "invalid", "duplicate",
        "invalid",
    ]  # fmt: skip
    assert [row["obi_line"] for row in rows] == ["2", "3", "4", "5", "7", "8", "9", "10", "11"]
    assert [row["obi_code"] for row in rows] == [
        "", "phone.letters", "suppressed.flag", "duplicate.externalId", "", "row.ragged", "row.ragged",
        "duplicate.number", "phone.missing",
    ]  # fmt: skip
    assert rows[6]["obi_extra"] == "extra"
    assert "row 1" in rows[3]["obi_error"]
    assert "row 5" in rows[7]["obi_error"]
    assert "derived" in rows[4]["obi_warning"]
    assert report.exit_code == 5
    assert report.counts == {"created": 2, "invalid": 4, "duplicate": 2, "suppressed": 1}
    assert [(left.reason, left.count, left.lines) for left in report.left_out] == [("blank", 1, (6,))]
    assert [each["externalId"] for each in held] == ["A1", rows[4]["obi_external_id"]]
    rejects = answers_in(own_place / "leads.rejects.csv")
    assert [row["Name"] for row in rejects] == ["Bob", "Fay", "Guy", "Ida"]
    assert list(rejects[0]) == [
        "Lead ID", "Phone", "Name", "Do Not Call", "obi_field", "obi_code", "obi_error", "obi_extra",
    ]  # fmt: skip
    assert report.next.startswith(f"obi load {own_place / 'leads.rejects.csv'} --campaign {PREVIEW_CAMPAIGN}")


@pytest.mark.parametrize("stop", [False, True])
async def test_a_row_that_the_server_refuses_is_rejected_with_the_servers_words(
    stop: bool,
    own_place: Path,
    settings_for: MakeSettings,
    answers_in: Answers,
) -> None:
    """The deployment takes shorter numbers than ours: 11 digits, so that only the American one passes."""
    text = "Lead ID,Phone\nA1,+1 201 555 0123\nA2,020 7946 0001\nA2,020 7946 0002\nA4,+1 201 555 0124\n"
    async with Simulator(dialect=Dialect(longest_number=11)) as simulator:
        settings = settings_for(simulator.base_url, stop_batch_if_invalid=stop)
        report = await load(settings, written(own_place, text))
        rows = answers_in(own_place / "leads.results.csv")
        sent = "unsent" if stop else "created"
        assert statuses(rows) == [sent, "rejected", "duplicate", sent]
        assert rows[1]["obi_status_code"] == "400"
        assert "+442079460001" in rows[1]["obi_error"]
        assert report.exit_code == 5
        rejects = answers_in(own_place / "leads.rejects.csv")
        assert [row["Phone"] for row in rejects] == ["020 7946 0001", "020 7946 0002"], "with its duplicate"
        if stop:
            assert rows[0]["obi_status_code"] == "200"
            assert report.next.startswith("obi resume ")
            report = await resume(settings)
            rows = answers_in(own_place / "leads.results.csv")
            assert statuses(rows) == ["created", "rejected", "duplicate", "created"]
            assert simulator.count(PREVIEW_CAMPAIGN) == 2
        assert report.next.startswith("obi load ")


@pytest.mark.parametrize("existing", ["skip", "fail"])
async def test_an_id_that_is_there_already_is_told_with_what_differs(
    existing: str, own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, existing=existing)
        await load(settings, written(own_place, CLEAN, "first.csv"))
        changed = (
            CLEAN.replace("0121 496 0002", "0121 496 0099").replace("Cid", "Sid") + "A4,020 7946 0004,Dan\n"
        )
        report = await load(settings, written(own_place, changed, "second.csv"))
        held = {each["externalId"]: each for each in simulator.customers(PREVIEW_CAMPAIGN)}
    rows = answers_in(own_place / "second.results.csv")
    there = "exists" if existing == "skip" else "rejected"
    assert statuses(rows) == [there, there, there, "created"]
    assert report.exit_code == (0 if existing == "skip" else 5)
    assert [row["obi_id"] for row in rows] == [held[row["Lead ID"]]["id"] for row in rows]
    assert "+441214960002" in rows[1]["obi_warning"]
    assert "Name" in rows[2]["obi_warning"]
    assert "numbers" not in rows[0]["obi_warning"]
    assert held["A2"]["numbers"] == "+441214960002", "what is there stays as it is"
    assert (own_place / "second.rejects.csv").exists() is (existing == "fail")


async def test_standard_input_is_loaded_and_answered_in_the_current_folder(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CLEAN.encode())))
    async with Simulator(faults=[Fault(mode="403", path="/customers/list", nth=1)]) as simulator:
        settings = settings_for(simulator.base_url, spool="never")
        stopped = await load(settings, "-")
        assert stopped.exit_code == 6
        report = await resume(settings)
    assert report.counts == {"created": 3}
    rows = answers_in(own_place / "stdin.results.csv")
    assert statuses(rows) == ["created"] * 3
    assert (own_place / "stdin.results.csv").stat().st_mode & 0o777 == 0o600


async def test_a_compressed_file_is_answered_under_its_bare_name(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    path = own_place / "leads.csv.gz"
    path.write_bytes(gzip.compress(CLEAN.encode()))
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), path)
    assert report.results == str(own_place / "leads.results.csv")
    assert statuses(answers_in(report.results)) == ["created"] * 3


async def test_a_workbook_is_loaded_and_its_rejects_are_a_workbook_again(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Lead ID", "Phone", "Name"], ["A1", "020 7946 0001", "Ann"], ["A2", "nonsense", "Bob"]):
        sheet.append(row)
    book.save(own_place / "leads.xlsx")
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await load(settings, own_place / "leads.xlsx")
        assert statuses(answers_in(own_place / "leads.results.csv")) == ["created", "invalid"]
        assert report.rejects == str(own_place / "leads.rejects.xlsx")
        rejects = openpyxl.load_workbook(report.rejects)
        cells = rejects.active
        assert cells is not None
        assert [cell.value for cell in cells[2]][:3] == ["A2", "nonsense", "Bob"]
        faulty = cells["B2"]
        assert faulty.comment is not None
        assert "nonsense" in faulty.comment.text
        assert faulty.fill.fill_type == "solid"
        faulty.value = "020 7946 0002"
        rejects.save(report.rejects)
        again = await load(settings, report.rejects)
        assert again.counts == {"created": 1}
        assert simulator.customers(PREVIEW_CAMPAIGN)[1]["numbers"] == "+442079460002"


@pytest.mark.parametrize("ending", ["csv", "xlsx", "jsonl", "parquet"])
async def test_results_say_the_same_in_each_format(
    ending: str, own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    path = own_place / f"answers.{ending}"
    async with Simulator() as simulator:
        await load(settings_for(simulator.base_url), written(own_place, DIRTY), results=str(path))
    rows: list[dict[str, Any]]
    if ending == "csv":
        rows = [dict(row) for row in answers_in(path)]
    elif ending == "jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    elif ending == "parquet":
        rows = pyarrow.parquet.read_table(path).to_pylist()
    else:
        sheet = openpyxl.load_workbook(path).active
        assert sheet is not None
        header, *cells = sheet.iter_rows(values_only=True)
        rows = [dict(zip(map(str, header), row, strict=True)) for row in cells]
    assert [(str(row["obi_row"]), row["obi_status"], row["Phone"] or "") for row in rows] == [
        ("1", "created", "020 7946 0001"), ("2", "invalid", "nonsense"), ("3", "suppressed", "020 7946 0003"),
        ("4", "duplicate", "020 7946 0004"), ("5", "created", "020 7946 0005"),
        ("6", "invalid", "020 7946 0006"), ("7", "invalid", "020 7946 0007"),
        ("8", "duplicate", "020 7946 0005"), ("9", "invalid", ""),
    ]  # fmt: skip
    assert rows[0]["obi_numbers"] == "+442079460001"


async def test_plain_results_are_csv_for_machines(own_place: Path, settings_for: MakeSettings) -> None:
    text = CLEAN + "=A4,+442079460004,@x\n"
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url, plain=True), written(own_place, text))
    content = Path(report.results).read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(content.decode().splitlines()))[4][:3] == ["=A4", "+442079460004", "@x"]


async def test_results_have_the_permissions_of_their_input(
    own_place: Path, settings_for: MakeSettings
) -> None:
    path = written(own_place, DIRTY)
    path.chmod(0o640)
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), path)
    assert Path(report.results).stat().st_mode & 0o777 == 0o640
    assert Path(report.rejects).stat().st_mode & 0o777 == 0o640
