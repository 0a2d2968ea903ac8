"""OpenDocument sheets: repeats, hidden rows and columns, errors, values of every type."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from python_calamine import CalamineWorkbook

from etl.errors import InputError
from etl.reader import rows
from etl.sources.workbook import Sheet
from etl.survey import SurveyOptions, survey

BASE = "urn:oasis:names:tc:opendocument:xmlns"
CALC = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
SPACES = " ".join(
    f"xmlns:{name}='{BASE}:{name}:1.0'" for name in ("office", "table", "text", "style", "drawing")
)
MIME = "application/vnd.oasis.opendocument.spreadsheet"
MANIFEST = f"<m:manifest xmlns:m='{BASE}:manifest:1.0'>{{}}</m:manifest>"
Write = Callable[..., Path]


def text(value: str, attributes: str = "") -> str:
    kind = f"office:value-type='string' {attributes}"
    return f"<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>"


def value(kind: str, attribute: str, shown: str = "", more: str = "") -> str:
    return (
        f"<table:table-cell office:value-type='{kind}' office:{attribute} {more}><text:p>{shown}</text:p>"
        "</table:table-cell>"
    )


def line(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


HEADER = line(text("ID"), text("Phone"))
DRAWN = (
    "<table:table-cell office:value-type='string'><office:annotation><text:p>x</text:p></office:annotation>"
    "<text:p>y</text:p><drawing:frame><text:p>z</text:p></drawing:frame></table:table-cell>"
)
COVERED = "<table:covered-table-cell office:value-type='string'><text:p>x</text:p></table:covered-table-cell>"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*lines: str, tables: str = "", styles: str = "", manifest: str = "", columns: str = "") -> Path:
        path = tmp_path / "leads.ods"
        own = f"<table:table table:name='Leads'>{columns}{''.join(lines)}</table:table>"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mimetype", MIME)
            archive.writestr(
                "content.xml",
                f"<office:document-content {SPACES} xmlns:calcext='{CALC}'><office:automatic-styles>{styles}"
                f"</office:automatic-styles><office:body><office:spreadsheet>{tables}{own if lines else ''}"
                "</office:spreadsheet></office:body></office:document-content>",
            )
            archive.writestr("META-INF/manifest.xml", MANIFEST.format(manifest))
        return path

    return write


def cells_of(path: Path, hidden: str = "include") -> list[tuple[str, ...]]:
    return [tuple(row.cells) for row in rows(path, survey(path, SurveyOptions(hidden=hidden)))]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (value("float", "value='447911123456'", "447911123456"), "447911123456"),
        (value("float", "value='4479111234567890'", "4.48E+15"), "4.47911123456789E+15"),
        (value("float", "value='2079460000'", "02079460000"), "02079460000"),
        (value("float", "value='2079460000'", "+44 2079460000"), "+44 2079460000"),
        (value("float", "value='1234.5'", "1,234.50"), "1234.5"),
        (value("float", "value='12'", "12.00"), "12"),
        (value("percentage", "value='0.25'", "25%"), "0.25"),
        (value("currency", "value='5'", "£5.00"), "5"),
        (value("date", "date-value='2026-04-03'", "03/04/26"), "2026-04-03"),
        (value("date", "date-value='2026-04-03T10:30:00'", "03/04/26 10:30"), "2026-04-03T10:30:00"),
        (value("time", "time-value='PT10H30M05S'", "10:30"), "10:30:05"),
        (value("time", "time-value='PT26H05M00.500000S'", "26:05"), "26:05:00.500"),
        (value("boolean", "boolean-value='true'", "WAHR"), "TRUE"),
        (value("float", "value='0'", "#N/A"), "#N/A"),
        (value("float", "value='0'", "Err:502"), "Err:502"),
        (value("float", "value='447911123456'", "#FMT"), "447911123456"),
        (value("float", "value='1'", "TRUE"), "TRUE"),
        (value("string", "string-value=''", "#REF!", "calcext:value-type='error'"), "#REF!"),
        ("<table:table-cell office:value-type='string' office:string-value='007'/>", "007"),
        ("<table:table-cell table:formula='of:=[.A1]'/>", "#NOT CALCULATED"),
        ("<table:table-cell table:formula='of:=&quot;&quot;'><text:p/></table:table-cell>", ""),
        (text("a<text:s text:c='2'/>b<text:tab/>c<text:line-break/>d"), "a  b\tc\nd"),
        (text("two</text:p><text:p>lines"), "two\nlines"),
        (text("a\n   <text:span>b</text:span> <text:a>c</text:a>"), "a b c"),
        (text("x<office:annotation><text:p>note</text:p></office:annotation>"), "x"),
        (DRAWN, "y"),
        (COVERED, ""),
    ],
)  # fmt: skip
def test_a_cell_is_the_text_that_a_person_sees(write: Write, cell: str, expected: str) -> None:
    assert cells_of(write(HEADER, line(cell, text("A1")), line(text("A2"), text("1"))))[0] == (expected, "A1")


def test_a_formula_that_was_never_calculated_is_told(write: Write) -> None:
    path = write(HEADER, line("<table:table-cell table:formula='of:=[.A1]'/>"))
    assert any("never calculated" in sentence for sentence in survey(path).evidence)


def test_repeated_rows_and_cells_are_as_many(write: Write) -> None:
    gap = "<table:table-cell table:number-columns-repeated='2'/>"
    path = write(
        line("<table:table-cell/>", attributes="table:number-rows-repeated='3'"),
        line(gap, text("ID"), text("Phone", "table:number-columns-repeated='2'")),
        line(gap, text("A1"), attributes="table:number-rows-repeated='2'"),
        line(
            "<table:table-cell table:number-columns-repeated='16384'/>",
            attributes="table:number-rows-repeated='1048570'",
        ),
    )
    spec = survey(path)
    assert (spec.header, spec.header_line, spec.first_column, spec.rows) == (
        ("ID", "Phone", "Phone"),
        4,
        3,
        2,
    )
    assert [(row.line, row.cells) for row in rows(path, spec)] == [(5, ("A1", "", "")), (6, ("A1", "", ""))]


def test_hidden_rows_and_columns_are_known(write: Write) -> None:
    styles = (
        "<style:style style:name='flat'><style:table-row-properties style:row-height='0cm'/></style:style>"
        "<style:style style:name='thin'><style:table-column-properties style:column-width='0in'/>"
        "</style:style>"
    )
    columns = "<table:table-column table:number-columns-repeated='2'/>"
    columns += "<table:table-column table:visibility='collapse'/>"
    columns += "<table:table-column table:style-name='thin'/>"
    header = line(*map(text, ("ID", "Phone", "Note", "Other")))
    lines = [
        line(text("A1"), text("1"), attributes="table:visibility='filter' table:number-rows-repeated='2'"),
        line(text("A3"), text("3"), text("x"), text("y")),
        "<table:table-row-group>"
        + line(text("A4"), attributes="table:visibility='collapse'")
        + "</table:table-row-group>",
        line(text("A5"), attributes="table:style-name='flat'"),
    ]
    path = write(header, *lines, columns=columns, styles=styles)
    with pytest.raises(InputError, match="4 rows and 2 columns with content are hidden"):
        survey(path)
    assert cells_of(path, "exclude") == [("A3", "3")]
    assert len(cells_of(path)) == 5


def test_hidden_sheets_are_not_read_and_tables_in_cells_are_none(write: Write) -> None:
    styles = "<style:style style:name='gone'><style:table-properties table:display='false'/></style:style>"
    inner = (
        "<table:table table:name='Inner'><table:table-row>" + text("no") + "</table:table-row></table:table>"
    )
    old = f"<table:table table:name='Old' table:style-name='gone'>{line(text('Old'))}</table:table>"
    path = write(
        HEADER, line(f"<table:table-cell>{inner}</table:table-cell>", text("1")), tables=old, styles=styles
    )
    assert survey(path).sheet == "Leads"
    assert cells_of(path) == [("", "1")]
    with pytest.raises(InputError, match="is hidden"):
        survey(path, SurveyOptions(sheet="Old"))


def test_a_header_in_two_rows_names_its_merged_columns(write: Write) -> None:
    covered = "<table:covered-table-cell/>"
    path = write(
        line(
            text("ID", "table:number-rows-spanned='2'"),
            text("Numbers", "table:number-columns-spanned='2'"),
            covered,
        ),
        line(covered, text("Mobile"), text("Phone")),
        line(text("A1"), text("1"), text("2")),
    )
    sheet = Sheet(path, label="", kind="ods", name="Leads")
    assert list(sheet.header_records())[1] == (2, ["ID", "Mobile", "Phone"])


def test_an_encrypted_document_is_called_encrypted(write: Write) -> None:
    path = write(HEADER, manifest="<m:file-entry><m:encryption-data/></m:file-entry>")
    with pytest.raises(InputError, match="is an encrypted workbook"):
        survey(path)


def test_a_document_that_is_encrypted_as_a_whole_is_called_encrypted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "leads.ods", "w") as archive:
        archive.writestr("mimetype", MIME)
        archive.writestr("encrypted-package", bytes(99))
    with pytest.raises(InputError, match="is an encrypted workbook"):
        survey(tmp_path / "leads.ods")


def test_another_library_sees_the_same_sheet(write: Write) -> None:
    path = write(
        HEADER, line(text("007"), value("float", "value='5'", "5")), line(text("a<text:s/>b"), text("x"))
    )
    with path.open("rb") as stream:
        theirs = CalamineWorkbook.from_filelike(stream).get_sheet_by_index(0).to_python()
    assert theirs == [["ID", "Phone"], ["007", 5.0], ["a b", "x"]]
    assert cells_of(path) == [("007", "5"), ("a b", "x")]


@pytest.mark.parametrize(
    "content",
    [
        line(text("x"), attributes="table:number-rows-repeated='16777216'"),
        line(text("x", "table:number-columns-repeated='16384'"), text("y")),
        line(text("x"), attributes="table:number-rows-repeated='many'"),
        "<table:table-row>",
    ],
)
def test_a_sheet_beyond_all_sheets_is_refused(write: Write, content: str) -> None:
    with pytest.raises(InputError):
        survey(write(HEADER, content))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_rows_or_a_sentence(write: Write, data: st.DataObject) -> None:
    content = HEADER + line(
        text("A1", "table:number-columns-repeated='2'"), attributes="table:number-rows-repeated='2'"
    )
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content = (
            content[:at]
            + data.draw(st.text("<>/='1 a:", max_size=3))
            + content[at + data.draw(st.integers(0, 3)) :]
        )
    path = write(content)
    try:
        spec = survey(path, SurveyOptions(hidden="include"))
    except InputError:
        return
    assert spec.rows == sum(1 for _ in rows(path, spec))
