"""Whatever a table is written with, and whatever stands around it, it is read back exactly."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl.columns import fit
from etl.profile import Profile
from etl.reader import frames, rows
from etl.survey import SurveyOptions, survey

OPTIONS = SurveyOptions(fit=lambda cells: fit(cells, Profile(name="test")))
HEADER = ["Lead ID", "First Name", "Phone", "Notes"]
WORDS = ["Jörg", "Straße", "Müller, Eva", "a;b", "x|y", "1,50", "tab\there", 'six" pipe', "ends\\", "", " "]
CELL = st.one_of(
    st.sampled_from([*WORDS, "two\nlines", "two\r\nlines", "'quoted'", '"', "Total", "Phone", "03/04/2027"]),
    st.text(st.sampled_from("ab ,;\t|\"'\n\r"), max_size=6),
)
PHONE = st.integers(0, 999).map(lambda n: f"+44 20 7946 0{n:03}")
TITLE = st.lists(
    st.sampled_from(
        [
            ["Spring leads 2027"],
            ["Report:", "Spring"],
            ["Run on", "03/04/2027 10:00"],
            [],
            ["Leads, open and new"],
            ["Status: open; new", ""],
        ]
    ),
    max_size=4,
)
FOOTER = st.sampled_from(
    [
        [],
        [["Total", "", "", "12"]],
        [[], ["(12 rows affected)"]],
        [[], [], ["Spring leads"], ["Copyright (c) 2000-2027 salesforce.com, inc."], ["Acme Ltd"]],
        [["", "", "", ""], ["Vertraulich"], ["Seite 1 von 1"]],
    ]
)


def _quoted(cell: str, *, delimiter: str, every: bool) -> str:
    # Python before 3.13 leaves a lone CR or LF unquoted when it is not the line end; files don't.
    must = every or any(char in cell for char in f'{delimiter}"\r\n')
    return '"{}"'.format(cell.replace('"', '""')) if must else cell


def _packed(data: bytes, how: str) -> bytes:
    if how == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("__MACOSX/._a.csv", b"x")
            archive.writestr("a.csv", data)
        return buffer.getvalue()
    return gzip.compress(data[:9]) + gzip.compress(data[9:]) if how == "gzip" else data


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.tuples(CELL, CELL, PHONE, CELL), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(
        [
            "utf-8",
            "utf-8-sig",
            "utf-16",
            "utf-16-le",
            "utf-16-be",
            "utf-32",
            "utf-32-le",
            "utf-32-be",
            "cp1252",
        ]
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    every=st.booleans(),
    trailing=st.booleans(),
    hint=st.booleans(),
    title=TITLE,
    footer=FOOTER,
    how=st.sampled_from(["", "gzip", "zip"]),
)
def test_a_table_is_read_back_exactly(leads: Path, table: list[tuple[str, ...]], **form: Any) -> None:
    delimiter, end = str(form["delimiter"]), str(form["end"])
    if form["trailing"]:  # where blanks begin most of such rows, or a backslash ends a cell, a text was cut
        table = [tuple(cell.lstrip(" ").rstrip("\\") for cell in cells) for cells in table]

    def line(cells: list[str] | tuple[str, ...], tail: str = "") -> str:
        return (
            delimiter.join(_quoted(cell, delimiter=delimiter, every=form["every"]) for cell in cells)
            + tail
            + end
        )

    text = f"sep={delimiter}{end}" if form["hint"] else ""
    text += "".join(line(cells) for cells in form["title"])
    text += line(HEADER)
    text += "".join(line(cells, delimiter if form["trailing"] else "") for cells in table)
    text += "".join(line(cells) for cells in form["footer"])
    leads.write_bytes(_packed(text.encode(form["encoding"]), form["how"]))

    spec = survey(leads, OPTIONS)
    assert spec.delimiter == delimiter
    assert spec.header == tuple(HEADER)
    assert (spec.rows, spec.ragged) == (len(table), 0)
    found = list(rows(leads, spec))
    assert [row.cells for row in found] == table
    assert not any(row.extra for row in found)
    (frame,) = frames(leads, spec)
    assert [tuple(cells) for cells in frame[[0, 1, 2, 3]].itertuples(index=False)] == table
    lines = io.StringIO(text, newline="").readlines()
    assert all(lines[row.line - 1].startswith(_begin(row.cells[0])) for row in found)


def _begin(cell: str) -> tuple[str, ...]:
    first = re.split('[\r\n"]', cell, maxsplit=1)[0]
    return (first, f'"{first}')


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.tuples(CELL, CELL, PHONE, CELL), min_size=1, max_size=8),
    dialect=st.sampled_from(["excel", "excel-tab", "unix"]),
    title=TITLE,
)
def test_what_the_dialects_of_csv_write_is_read_back(
    leads: Path, table: list[tuple[str, ...]], dialect: str, title: list[list[str]]
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, dialect, quoting=csv.QUOTE_ALL)
    writer.writerows([*title, HEADER, *table])
    leads.write_text(buffer.getvalue(), "utf-8", newline="")
    spec = survey(leads, OPTIONS)
    assert [row.cells for row in rows(leads, spec)] == table
