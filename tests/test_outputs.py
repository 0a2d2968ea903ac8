"""Tables on their way out: whole or not at all, and what stands in them."""

from __future__ import annotations

import csv
import errno
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st
from msgspec import json

from etl.errors import DiskFullError, OutputError
from etl.outputs import ENDINGS, SHEET_ROWS, check_writable, distinct, table
from etl.records import PREFIXED

COLUMNS = ["Name", "Phone 1", "obi_row"]
ROWS: list[list[Any]] = [["Zoë", "+442079460000", 1], ["", "=1+1", 2], ['a "b", c\nd', "'x", None]]


def write(
    path: Path, rows: Sequence[Sequence[Any]] = ROWS, columns: Sequence[str] = COLUMNS, **more: Any
) -> Path:
    with table(path, columns, **more) as sink:
        for row in rows:
            sink.write(row)
    return path


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- CSV --------------------------------------------------------------------------------------------------


def test_csv_for_spreadsheets_has_a_bom_crlf_and_a_prefix_before_what_they_would_run(tmp_path: Path) -> None:
    content = write(tmp_path / "a.csv").read_bytes()
    assert content.decode("utf-8") == (
        "\ufeffName,Phone 1,obi_row\r\n"
        "Zoë,'+442079460000,1\r\n"
        ",'=1+1,2\r\n"
        '"a ""b"", c\nd",\'\'x,\r\n'
    )  # fmt: skip


def test_csv_for_machines_has_neither_bom_nor_prefix(tmp_path: Path) -> None:
    content = write(tmp_path / "a.csv", plain=True).read_text(encoding="utf-8")
    assert not content.startswith("\ufeff")
    assert list(csv.reader(io.StringIO(content, newline=""))) == [
        COLUMNS,
        *([str("" if cell is None else cell) for cell in row] for row in ROWS),
    ]


@pytest.mark.parametrize("first", sorted(PREFIXED))
def test_every_dangerous_first_character_gets_its_prefix_in_cells_and_headers(
    first: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", [[f"{first}x"], [f"x{first}"]], [f"{first}head"])
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [cell for (cell,) in csv.reader(file)] == [f"'{first}head", f"'{first}x", f"x{first}"]


def test_a_cell_of_megabytes_reads_back_as_any_other(tmp_path: Path) -> None:
    long = 'a "quote", and a line\n' * 100_000
    content = write(tmp_path / "a.csv", [[long, "+1", None]], plain=True).read_text(encoding="utf-8")
    csv.field_size_limit(len(long))
    (_, row) = csv.reader(io.StringIO(content, newline=""))
    assert row == [long, "+1", ""]


def test_a_number_gets_no_prefix(tmp_path: Path) -> None:
    assert b"\r\n-5\r\n" in write(tmp_path / "a.csv", [[-5]], ["n"]).read_bytes()


# --- JSON lines and parquet -------------------------------------------------------------------------------


def test_json_lines_are_lossless(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl").read_bytes().splitlines()
    assert [json.decode(line) for line in lines] == [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


def test_parquet_is_lossless_with_text_and_counts(tmp_path: Path) -> None:
    found = pq.read_table(write(tmp_path / "a.parquet"))
    assert [str(kind) for kind in found.schema.types] == ["string", "string", "int64"]
    assert found.to_pylist() == [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


@pytest.mark.parametrize("rows", [0, 1, 9_999, 10_000, 10_001])
def test_parquet_loses_nothing_at_the_border_of_a_group(rows: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [["x", "y", at] for at in range(rows)])
    assert pq.read_table(path)["obi_row"].to_pylist() == list(range(rows))


def test_columns_of_one_name_are_told_apart_and_keep_their_cells(tmp_path: Path) -> None:
    columns = ["Note", "Note", "", "note"]
    line = write(tmp_path / "a.jsonl", [["1", "2", "3", "4"]], columns).read_bytes()
    assert json.decode(line) == {"Note": "1", "Note (2)": "2", "Column 3": "3", "note": "4"}
    found = pq.read_table(write(tmp_path / "a.parquet", [["1", "2", "3", "4"]], columns))
    assert found.to_pylist() == [json.decode(line)]


@given(
    st.lists(
        st.sampled_from(["a", "a (2)", "a (3)", "", " ", "Column 1", "Column 2", "Column 2 (2)"]), max_size=9
    )
)
def test_distinct_names_are_distinct_and_the_first_of_a_name_keeps_it(columns: list[str]) -> None:
    names = distinct(columns)
    assert len(set(names)) == len(names) == len(columns)
    assert all(name.strip() for name in names)
    for at, column in enumerate(columns):
        if column.strip() and column not in columns[:at] and not column.startswith("Column"):
            assert names[at] == column


# --- workbooks --------------------------------------------------------------------------------------------


def sheet_of(path: Path) -> Any:
    book = openpyxl.load_workbook(path)
    assert len(book.worksheets) == 1
    return book.worksheets[0]


def test_a_workbook_holds_text_cells_under_a_frozen_bold_header_with_filters(tmp_path: Path) -> None:
    sheet = sheet_of(write(tmp_path / "a.xlsx"))
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        COLUMNS,
        ["Zoë", "+442079460000", "1"],
        [None, "=1+1", "2"],
        ['a "b", c\nd', "'x", None],
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    assert {cell.number_format for cell in sheet[2]} == {"@"}
    assert sheet["A1"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:C4"


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+44", "007", "1e5", "4.47911E+11", "https://host/x", "mailto:a@b", "TRUE", "#N/A", "{=A1}",
     "  x ", "\t", "_x0041_", "2027-01-01", "\u00a0", "x" * 255, "internal:A1"],
)  # fmt: skip
def test_a_workbooks_cell_is_the_text_that_was_given_and_nothing_else(value: str, tmp_path: Path) -> None:
    cell = sheet_of(write(tmp_path / "a.xlsx", [[value]], ["v"]))["A2"]
    text = cell.value.replace("_x005F_", "_")  # how the format writes a _ that would else begin an escape
    assert (text, cell.data_type, cell.hyperlink) == (value, "s", None)


def test_a_faulty_cell_is_filled_and_its_reason_is_its_note(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with table(path, COLUMNS) as sink:
        sink.write(["a", "b", "c"], fault=1, note="phone.invalid: too short")
        sink.write(["a", "", "c"], fault=1, note="there is no number")
        sink.write(["a", "b", "c"], fault=None, note="ragged")
    sheet = sheet_of(path)
    assert sheet["B2"].comment.text == "phone.invalid: too short"
    assert sheet["B3"].comment.text == "there is no number"
    assert (sheet["B2"].fill.fgColor.rgb, sheet["B3"].fill.fgColor.rgb) == ("FFF9C9C9", "FFF9C9C9")
    plain = [sheet[at] for at in ("A2", "C2", "A4", "B4")]
    assert [(cell.comment, cell.fill.fill_type) for cell in plain] == [(None, None)] * 4


def test_an_empty_workbook_has_its_header(tmp_path: Path) -> None:
    assert [cell.value for cell in sheet_of(write(tmp_path / "a.xlsx", []))[1]] == COLUMNS


# --- whole or not at all ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_error_on_the_way_leaves_no_file_and_no_trace(ending: str, tmp_path: Path) -> None:
    def broken() -> None:
        with table(tmp_path / f"a{ending}", COLUMNS) as sink:
            sink.write(ROWS[0])
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        broken()
    assert only(tmp_path) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_error_on_the_way_leaves_the_earlier_file_as_it_was(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"of an earlier run")

    def broken() -> None:
        with table(path, COLUMNS) as sink:
            sink.write(ROWS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert path.read_bytes() == b"of an earlier run"
    assert only(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_until_the_end_nothing_stands_in_its_place(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    with table(path, COLUMNS) as sink:
        sink.write(ROWS[0])
        assert not path.exists()
    assert only(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_file_has_the_permissions_that_were_asked_for(ending: str, mode: int, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{ending}", mode=mode)
    assert path.stat().st_mode & 0o777 == mode


def test_while_it_is_written_only_its_owner_may_read_it(tmp_path: Path) -> None:
    with table(tmp_path / "a.csv", COLUMNS, mode=0o644):
        (temporary,) = tmp_path.iterdir()
        assert temporary.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("number", "error", "told"),
    [(errno.ENOSPC, DiskFullError, "No space"), (errno.EIO, OutputError, "can't be written")],
)
def test_what_the_disk_says_at_the_end_is_told(
    number: int, error: type[Exception], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error, match=told):
        write(tmp_path / "a.csv")
    assert only(tmp_path) == []


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.csv can't be written"):
        write(tmp_path / "gone" / "a.csv")


# --- before anything is sent ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.xlsx", "a.jsonl", "a.parquet"])
def test_a_path_that_can_be_written_passes_and_nothing_is_left_there(name: str, tmp_path: Path) -> None:
    check_writable(tmp_path / name, rows=10, columns=1)
    assert only(tmp_path) == []
    write(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "rows", "told"),
    [
        ("a.txt", 1, "ends in none of"),
        ("a", 1, "ends in none of"),
        ("a.csv.gz", 1, "ends in none of"),
        ("a.xlsx", SHEET_ROWS + 1, r"\.csv instead"),
        ("gone/a.csv", 1, "can't be written"),
    ],
)
def test_a_path_that_cannot_be_written_is_told_before(
    name: str, rows: int, told: str, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match=told):
        check_writable(tmp_path / name, rows=rows, columns=1)
    check_writable(tmp_path / "a.xlsx", rows=SHEET_ROWS, columns=1)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path / "a.csv", rows=1, columns=1)


def test_a_folder_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="can't be written"):
        check_writable(tmp_path / "file" / "a.csv", rows=1, columns=1)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import os; print(os.getpid())"]
    dead = int(subprocess.run(program, check=True, capture_output=True).stdout)
    left = tmp_path / f".out.csv.{dead}-abc.tmp"
    others = [
        tmp_path / f".out.csv.{os.getpid()}-abc.tmp",  # somebody who is at work
        tmp_path / f".other.csv.{dead}-abc.tmp",
        tmp_path / ".out.csv.notes",
    ]
    for path in (left, *others):
        path.write_text("x", encoding="utf-8")
    write(tmp_path / "out.csv")
    assert not left.exists()
    assert all(path.exists() for path in others)
