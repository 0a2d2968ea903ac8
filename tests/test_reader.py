"""Rows and frames: the cells as written, with true row numbers and true lines."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl.errors import InputError
from etl.reader import frames, rows
from etl.records import SourceRow, SourceSpec
from etl.survey import SurveyOptions, survey

DELIMITERS = (",", ";", "\t", "|")


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def read(path: Path, content: str | bytes, options: SurveyOptions | None = None) -> list[SourceRow]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(rows(path, survey(path, options or SurveyOptions())))


def test_cells_are_text_as_written(leads: Path) -> None:
    found = read(leads, "a,b,c,d,e\nNA, 007 ,TRUE,1e5,\n")
    assert found == [SourceRow(1, 2, ("NA", " 007 ", "TRUE", "1e5", ""), "")]


def test_rows_count_records_and_lines_count_lines(leads: Path) -> None:
    found = read(leads, 'a,b\n\n1,"two\nlines\r\nand three"\r\n\r\n3,4\r5,6')
    assert [(row.row, row.line) for row in found] == [(1, 3), (2, 7), (3, 8)]


def test_fields_beyond_the_header_are_extra(leads: Path) -> None:
    found = read(leads, "a,b\n1,2,3, 4\n1\n1,2,\n1,2\n")
    assert [row.cells for row in found] == [("1", "2"), ("1", ""), ("1", "2"), ("1", "2")]
    assert [row.extra for row in found] == ["3 |  4", "(1 field missing)", "(1 field too many, empty)", ""]


def test_a_one_column_file_is_allowed(leads: Path) -> None:
    found = read(leads, "Phone\n020 7946 0000\n\n020 7946 0001, ext 3\n")
    assert [row.cells for row in found] == [("020 7946 0000",), ("020 7946 0001, ext 3",)]
    assert [row.line for row in found] == [2, 4]


def test_obi_columns_are_left_out_and_an_earlier_extra_is_said_again(leads: Path) -> None:
    found = read(leads, "a,obi_row,b,obi_extra\n1,1,2,\n1,2,2,'+3 | 4\n1,3,2,,9\n")
    assert [row.cells for row in found] == [("1", "2")] * 3
    assert [row.extra for row in found] == ["", "+3 | 4", "9"]


PREFIXED = "=+-@＝＋－＠\t\r'"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.text(st.sampled_from(f"{PREFIXED}a1 ,\n"), max_size=5), min_size=1, max_size=20))
def test_taking_the_prefix_off_undoes_putting_it_on(leads: Path, cells: list[str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "obi_error", "key"])
    for cell in cells:
        writer.writerow([f"'{cell}" if cell[:1] and cell[0] in PREFIXED else cell, "", "k"])
    assert [row.cells[0] for row in read(leads, text.getvalue())] == cells


def test_without_obi_columns_an_apostrophe_stays(leads: Path) -> None:
    assert read(leads, "a,b\n'+44,'x\n")[0].cells == ("'+44", "'x")
    assert read(leads, "a,obi_row\n'x,1\n")[0].cells == ("'x",)


def test_a_frame_has_numbered_rows_positions_lines_and_extra(leads: Path) -> None:
    leads.write_text("Phone,obi_row,Phone\n1,1,\n\n2,2,3,4\n", "utf-8")
    (frame,) = frames(leads, survey(leads))
    assert frame.index.name == "row"
    assert frame.index.dtype == "int64"
    assert list(frame.index) == [1, 2]
    assert list(frame.columns) == [0, 2, "line", "extra"]
    assert frame["line"].dtype == "int64"
    assert list(frame["line"]) == [2, 4]
    assert all(isinstance(frame[at].dtype, pd.StringDtype) for at in (0, 2, "extra"))
    assert frame[2].tolist() == ["", "3"]
    assert frame["extra"].tolist() == ["", "4"]
    assert not frame.isna().any(axis=None)


def test_frames_are_cut_by_rows_and_numbered_through(leads: Path) -> None:
    leads.write_text("a,b\n" + "".join(f"{n},x\n" for n in range(25)), "utf-8")
    parts = list(frames(leads, survey(leads), chunk_rows=10))
    assert [len(part) for part in parts] == [10, 10, 5]
    assert [part.index[0] for part in parts] == [1, 11, 21]
    assert parts[2][0].tolist() == ["20", "21", "22", "23", "24"]


def test_frames_of_wide_rows_have_fewer_of_them(leads: Path) -> None:
    names = ",".join(f"c{n}" for n in range(50))
    leads.write_text(f"{names}\n" + f"{names}\n".replace("c", "v") * 25, "utf-8")
    parts = list(frames(leads, survey(leads), chunk_cells=500))
    assert [len(part) for part in parts] == [10, 10, 5]
    assert [part.index[0] for part in parts] == [1, 11, 21]


def test_a_frame_of_long_cells_ends_with_the_one_that_fills_it(leads: Path) -> None:
    leads.write_text("a,b\n" + f"{'x' * 3_000_000},1\n" * 7, "utf-8")
    assert [len(part) for part in frames(leads, survey(leads))] == [3, 3, 1]


def test_a_file_without_rows_gives_no_frame(leads: Path) -> None:
    leads.write_text("a,b\n", "utf-8")
    assert list(frames(leads, survey(leads))) == []


def test_a_cell_of_ten_megabytes_passes_whole(leads: Path) -> None:
    big = "x" * (10 << 20)
    assert read(leads, f'a,b\n"{big}",2\n')[0].cells == (big, "2")


def test_a_reader_that_stops_early_leaves_nothing_open(leads: Path) -> None:
    leads.write_text("a,b\n1,2\n3,4\n", "utf-8")
    iterator = rows(leads, survey(leads))
    assert next(iterator).row == 1
    del iterator  # a ResourceWarning would fail this test


def test_an_input_that_changed_into_something_unsound_is_an_input_error(leads: Path) -> None:
    leads.write_text("a,b\n1,2\n", "utf-8")
    spec = survey(leads)
    leads.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(InputError):
        list(rows(leads, spec))
    leads.unlink()
    with pytest.raises(InputError):
        list(frames(leads, spec))


def _lines_of(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


# Cells of a table: anything that text can be, and much of what trips parsers.
CELL = st.one_of(
    st.text(st.sampled_from("ab ,;\t|\"'\n\réß€漢"), max_size=6),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
)
HEADER = ["c0", "c1", "c2"]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=12),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quote_all=st.booleans(),
)
def test_what_csv_writes_is_read_back_exactly(
    leads: Path,
    table: list[list[str]],
    delimiter: str,
    encoding: str,
    end: str,
    quote_all: bool,
) -> None:
    buffer = io.StringIO()
    # Python before 3.13 leaves a lone CR or LF unquoted when it is not the line end.
    broken = any(char in cell for cells in table for cell in cells for char in "\r\n")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all or broken else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(HEADER)
    expected: list[SourceRow] = []
    for cells in table:
        line = _lines_of(buffer.getvalue()) + 1
        writer.writerow(cells)
        if "".join(cells).strip() and [cell.strip() for cell in cells] != HEADER:
            expected.append(SourceRow(len(expected) + 1, line, tuple(cells), ""))
    leads.write_bytes(buffer.getvalue().encode(encoding))
    spec = survey(leads)
    assert spec.header == tuple(HEADER)
    assert spec.delimiter == delimiter
    assert (spec.rows, spec.ragged) == (len(expected), 0)
    assert list(rows(leads, spec)) == expected
    assert list(_rows_of_frames(leads, spec)) == expected


def _rows_of_frames(path: Path, spec: SourceSpec) -> list[SourceRow]:
    found: list[SourceRow] = []
    for frame in frames(path, spec, chunk_rows=5):
        for row, *cells, line, extra in frame.itertuples(name=None):
            found.append(SourceRow(row, line, tuple(cells), extra))
    return found
