"""Lines of CSV by columns: what ``csv.writer`` writes, and what keeps spreadsheets from running a cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from etl.csvlines import Cell, csv_lines
from etl.outputs import table
from etl.records import PREFIXED, RowStatus

awkward = st.text(
    st.sampled_from([*sorted(PREFIXED), '"', ",", ";", "a", "7", " ", "\n", "\0", "\u2028", "é", "😀"]),
    max_size=4,
)
texts = st.lists(awkward, min_size=4, max_size=4)
same = awkward.map(lambda text: [text] * 4)
numbers = st.lists(st.none() | st.integers(-3, 300), min_size=4, max_size=4)
columns = st.lists(texts | same | numbers | st.just(range(1, 5)), min_size=2, max_size=6)


def by_writer(columns: Sequence[Sequence[Cell]], *, plain: bool) -> str:
    def shown(cell: Cell) -> Cell:
        is_run = isinstance(cell, str) and cell != "" and cell[0] in PREFIXED
        return f"'{cell}" if is_run and not plain else cell

    out = io.StringIO(newline="")
    csv.writer(out).writerows([shown(cell) for cell in row] for row in zip(*columns, strict=True))
    return out.getvalue()


@settings(max_examples=400, deadline=None)
@given(columns=columns, plain=st.booleans())
def test_lines_are_those_of_csv_writer_byte_for_byte(
    columns: list[Sequence[Cell]],
    plain: bool,
) -> None:
    assert csv_lines(columns, plain=plain, longest=1_000) == by_writer(columns, plain=plain)


@pytest.mark.parametrize("first", sorted(PREFIXED))
@pytest.mark.parametrize("at", [0, 1, 998, 999])
def test_one_cell_that_a_spreadsheet_would_run_is_found_wherever_it_stands(first: str, at: int) -> None:
    column = [f"a{row}" for row in range(1_000)]
    column[at] = f"{first}7"
    columns: list[Sequence[Cell]] = [column, range(1_000)]
    assert csv_lines(columns, plain=False, longest=1_000_000) == by_writer(columns, plain=False)


@pytest.mark.parametrize("text", ['a"', "a,", "a\r", "a\n", '"', "\n"])
@pytest.mark.parametrize("at", [0, 499, 999])
def test_one_cell_that_needs_quotes_gets_them(text: str, at: int) -> None:
    column = ["a"] * 1_000
    column[at] = text
    columns: list[Sequence[Cell]] = [column, [None] * 1_000]
    assert csv_lines(columns, plain=True, longest=1_000_000) == by_writer(columns, plain=True)


def test_a_status_is_written_as_its_word() -> None:
    columns: list[Sequence[Cell]] = [[RowStatus.CREATED, RowStatus.INVALID], [1, 2]]
    assert csv_lines(columns, plain=False, longest=9) == "created,1\r\ninvalid,2\r\n"


def test_what_is_no_matter_of_columns_is_left_to_the_writer_of_rows() -> None:
    assert csv_lines([["", "a"]], plain=False, longest=9) is None
    assert csv_lines([["a" * 10, "b"], ["c", "d"]], plain=False, longest=9) is None
    assert csv_lines([["a", 1], ["c", "d"]], plain=False, longest=9) is None


# --- every kind of table ----------------------------------------------------------------------------------

COLUMNS = ["Name", "Phone 1", "obi_row"]
ROWS: list[list[Cell]] = [
    ["Zoë", "+442079460000", 1],
    ["", "=1+1", 2],
    ['a "b", c\nd', "'x", None],
    ["-", "x" * (1 << 20), 4],
    ["x" * (1 << 20), "'" * 3, 5],
    ["last", "", 6],
]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".xlsx"])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("size", [1, 2, 6])
def test_rows_by_columns_are_the_rows_one_by_one(ending: str, plain: bool, size: int, tmp_path: Path) -> None:
    one, other = tmp_path / f"one{ending}", tmp_path / f"other{ending}"
    with table(one, COLUMNS, plain=plain) as sink:
        for row in ROWS:
            sink.write(row, fault=1, note="why")
    with table(other, COLUMNS, plain=plain) as sink:
        for start in range(0, len(ROWS), size):
            part = ROWS[start : start + size]
            sink.write_rows(list(zip(*part, strict=True)), faults=[1] * len(part), notes=["why"] * len(part))
    if ending == ".parquet":
        assert pq.read_table(one).equals(pq.read_table(other))
    elif ending == ".xlsx":
        cells = [
            [
                [(cell.value, cell.comment and cell.comment.text, cell.fill.fgColor.rgb) for cell in row]
                for row in openpyxl.load_workbook(path)["Leads"].iter_rows()
            ]
            for path in (one, other)
        ]
        assert cells[0] == cells[1]
    else:
        assert one.read_bytes() == other.read_bytes()


def test_an_empty_cell_of_a_table_of_one_column_is_no_blank_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with table(path, ["a"], plain=True) as sink:
        sink.write_rows([["x", ""]])
    assert path.read_text() == 'a\nx\n""\n'
