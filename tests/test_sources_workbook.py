"""Workbooks: which sheet, true rows and columns, cells as text, and what is hidden."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl.errors import InputError
from etl.reader import frames, rows
from etl.records import LeftOut
from etl.sources import files
from etl.sources.cells import column_letters, column_number
from etl.survey import SurveyOptions, survey

openpyxl: Any = pytest.importorskip("openpyxl")
Worksheet = Any

TABLE: list[list[Any]] = [["ID", "Phone"], ["A1", "020 7946 0000"], ["A2", "020 7946 0001"]]


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    """Writes sheets (name → rows), lets ``change`` change them, and gives the path."""

    def write(change: Callable[[Worksheet], None] | None = None, **sheets: list[list[Any]]) -> Path:
        workbook = openpyxl.Workbook()
        del workbook["Sheet"]
        for name, table in (sheets or {"Leads": TABLE}).items():
            sheet = workbook.create_sheet(name)
            for cells in table:
                sheet.append(cells)
            if change:
                change(sheet)
        path = tmp_path / "leads.csv"  # the content says what it is, not the name
        workbook.save(path)
        return path

    return write


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        survey(path, SurveyOptions(**options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_workbook_is_read_whatever_its_name(book: Callable[..., Path]) -> None:
    path = book()
    spec = survey(path)
    assert (spec.kind, spec.sheet, spec.header, spec.header_line, spec.rows) == (
        "xlsx",
        "Leads",
        ("ID", "Phone"),
        1,
        2,
    )
    assert [row.cells for row in rows(path, spec)] == [("A1", "020 7946 0000"), ("A2", "020 7946 0001")]
    assert "sheet 'Leads', because it is the only visible one with content" in spec.evidence


def test_rows_carry_their_true_numbers_when_the_table_begins_at_c5(book: Callable[..., Path]) -> None:
    def move(sheet: Worksheet) -> None:
        sheet.move_range("A1:B3", rows=4, cols=2)
        sheet["C7"], sheet["D7"], sheet["C9"] = None, None, "A3"

    path = book(move)
    spec = survey(path)
    assert (spec.header, spec.header_line) == (("ID", "Phone"), 5)
    assert [(row.row, row.line, row.cells[0]) for row in rows(path, spec)] == [(1, 6, "A1"), (2, 9, "A3")]
    assert spec.left_out == (LeftOut("blank", 2, (7, 8)),)
    (frame,) = frames(path, spec)
    assert list(frame["line"]) == [6, 9]


def test_a_stated_header_row_is_a_sheet_row(book: Callable[..., Path]) -> None:
    path = book(Leads=[["A title"], [], *TABLE])
    spec = survey(path, SurveyOptions(header_row=3))
    assert (spec.header, spec.header_line, spec.rows) == (("ID", "Phone"), 3, 2)
    assert spec.left_out == (LeftOut("title", 1, (1,)),)


def test_values_survive_a_real_workbook(book: Callable[..., Path]) -> None:
    values = [
        447911123456,
        "0049",
        4479111234567890,
        1.25,
        True,
        dt.date(2027, 4, 3),
        dt.datetime(2027, 4, 3, 10, 0, 1),  # noqa: DTZ001
        dt.time(10, 30),
        None,
        "end",
    ]
    path = book(Leads=[[f"c{at}" for at in range(len(values))], values])
    (row,) = rows(path, survey(path))
    assert row.cells == (
        "447911123456",
        "0049",
        "4.47911123456789E+15",
        "1.25",
        "TRUE",
        "2027-04-03",
        "2027-04-03T10:00:01",
        "10:30:00",
        "",
        "end",
    )


def test_error_cells_are_text_and_not_empty(book: Callable[..., Path]) -> None:
    path = book(Leads=[["ID", "When", "Phone"], ["A1", "#N/A", "020 7946 0000"], ["A2", "#DIV/0!", "#REF!"]])
    assert [row.cells[1:] for row in rows(path, survey(path))] == [
        ("#N/A", "020 7946 0000"),
        ("#DIV/0!", "#REF!"),
    ]


def test_several_sheets_with_content_need_a_word(book: Callable[..., Path]) -> None:
    path = book(Leads=TABLE, Empty=[], Old=TABLE[:2])
    assert "'Leads' (3 rows), 'Old' (2 rows)" in refusal(path)
    assert "--sheet 'Leads'" in refusal(path)
    assert survey(path, SurveyOptions(sheet="Old")).rows == 1
    assert survey(path, SurveyOptions(sheet=" old ")).sheet == "Old"
    assert "no sheet called 'New'" in refusal(path, sheet="New")


def test_empty_sheets_do_not_count(book: Callable[..., Path]) -> None:
    assert survey(book(Empty=[], Leads=TABLE)).sheet == "Leads"
    assert "no visible sheet with content" in refusal(book(Empty=[], Also=[]))
    assert "nothing but blank" in refusal(book(Empty=[]))


def test_hidden_sheets_are_not_read(book: Callable[..., Path]) -> None:
    def hide(sheet: Worksheet) -> None:
        sheet.sheet_state = "hidden" if sheet.title == "Old" else "visible"

    path = book(hide, Old=TABLE, Leads=TABLE)
    assert survey(path).sheet == "Leads"
    assert "is hidden" in refusal(path, sheet="Old")


def _hide(sheet: Worksheet) -> None:
    sheet["C1"], sheet["C2"] = "Note", "x"
    sheet.row_dimensions[2].hidden = True
    sheet.row_dimensions[9].hidden = True  # nothing in it
    sheet.column_dimensions["B"].hidden = True
    sheet.column_dimensions["F"].hidden = True


def test_hidden_rows_and_columns_stop_the_run(book: Callable[..., Path]) -> None:
    message = refusal(book(_hide))
    assert "1 row and 1 column with content are hidden" in message
    assert "--hidden include" in message


def test_one_hidden_thing_is_told_as_one(book: Callable[..., Path]) -> None:
    def hide(sheet: Worksheet) -> None:
        sheet.column_dimensions["B"].hidden = True

    assert "1 column with content is hidden; say --hidden include to read it" in refusal(book(hide))


def test_hidden_rows_and_columns_can_be_included(book: Callable[..., Path]) -> None:
    path = book(_hide)
    spec = survey(path, SurveyOptions(hidden="include"))
    assert (spec.rows, spec.hidden_columns) == (2, ())
    assert next(rows(path, spec)).cells == ("A1", "020 7946 0000", "x")


def test_hidden_rows_and_columns_can_be_excluded(book: Callable[..., Path]) -> None:
    path = book(_hide)
    spec = survey(path, SurveyOptions(hidden="exclude"))
    assert (spec.rows, spec.hidden_columns) == (1, (1,))
    assert spec.columns == ((0, "ID"), (2, "Note"))
    assert spec.left_out == (LeftOut("hidden", 1, (2,)),)
    assert list(rows(path, spec)) == [(1, 3, ("A2", ""), "")]
    (frame,) = frames(path, spec)
    assert list(frame.columns) == [0, 2, "line", "extra"]


def test_hidden_columns_are_found_where_the_table_begins_at_c5(book: Callable[..., Path]) -> None:
    def change(sheet: Worksheet) -> None:
        sheet.move_range("A1:B3", rows=4, cols=2)
        sheet.column_dimensions["D"].hidden = True

    assert survey(book(change), SurveyOptions(hidden="exclude")).hidden_columns == (1,)


def test_hidden_and_empty_stops_nothing(book: Callable[..., Path]) -> None:
    def change(sheet: Worksheet) -> None:
        sheet.row_dimensions[9].hidden = True
        sheet.column_dimensions["F"].hidden = True

    assert survey(book(change)).rows == 2


def test_trailing_blank_columns_are_dropped_and_content_beyond_the_header_is_extra(
    book: Callable[..., Path],
) -> None:
    path = book(Leads=[["ID", "", "Phone", " "], ["A1", "x", "1", "", "beyond", "more"], ["A2"]])
    spec = survey(path)
    assert (spec.header, spec.ragged) == (("ID", "", "Phone"), 1)
    assert "without a name: column B" in spec.evidence
    assert [(row.cells, row.extra) for row in rows(path, spec)] == [
        (("A1", "x", "1"), "beyond | more"),
        (("A2", "", ""), ""),
    ]


def test_an_earlier_results_workbook_keeps_its_apostrophes(book: Callable[..., Path]) -> None:
    path = book(Leads=[["ID", "obi_row", "obi_extra"], ["'+44", "1", ""], ["A2", "2", "x"]])
    spec = survey(path)
    assert not spec.unprefix
    assert [(row.cells, row.extra) for row in rows(path, spec)] == [(("'+44",), ""), (("A2",), "x")]


def test_a_header_only_sheet_has_no_rows(book: Callable[..., Path]) -> None:
    path = book(Leads=TABLE[:1])
    spec = survey(path)
    assert spec.rows == 0
    assert list(frames(path, spec)) == []


def test_a_stray_cell_far_away_is_a_row_that_says_so(book: Callable[..., Path]) -> None:
    def change(sheet: Worksheet) -> None:
        sheet["XFD1048576"] = "oops"

    path = book(change)
    spec = survey(path)
    assert (spec.rows, spec.ragged, spec.header) == (3, 1, ("ID", "Phone"))
    assert list(rows(path, spec))[-1] == (3, 1_048_576, ("", ""), "oops")


def test_a_damaged_workbook_is_refused(book: Callable[..., Path]) -> None:
    path = book()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refusal(path)


def test_a_workbook_that_unpacks_without_measure_is_refused(
    book: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = book()
    monkeypatch.setattr(files, "WORKBOOK_FLOOR", 1 << 20)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/bomb.bin", bytes(32 << 20))
    assert "100 times its size" in refusal(path)


def _with_part(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_entities_in_a_workbook_are_never_expanded(book: Callable[..., Path], part: str) -> None:
    path = book()
    doctype = b'<!DOCTYPE x [<!ENTITY a "hidden"><!ENTITY b "&a;&a;">]>'
    _with_part(path, part, lambda xml: doctype + xml)
    assert "damaged" in refusal(path)


def test_rows_and_cells_without_references_are_counted(book: Callable[..., Path]) -> None:
    path = book()
    sheet = b"""<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
        <row><c t="str"><v>ID</v></c><c t="str"><v>When</v></c></row>
        <row hidden="1"><c t="str"><v>A1</v></c><c t="e"><f>NA()</f><v>#N/A</v></c></row>
        <row><c t="str"><v>A2</v></c><c t="e"><v>#NUM!</v></c></row></sheetData></worksheet>"""
    _with_part(path, "xl/worksheets/sheet1.xml", lambda _: sheet)
    spec = survey(path, SurveyOptions(hidden="exclude"))
    assert list(rows(path, spec)) == [(1, 3, ("A2", "#NUM!"), "")]


def test_an_open_document_sheet_is_read(tmp_path: Path) -> None:
    def row(cells: list[str]) -> str:
        kind = "office:value-type='string'"
        texts = (f"<table:table-cell {kind}><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
        return f"<table:table-row>{''.join(texts)}</table:table-row>"

    cells = "".join(map(row, TABLE))
    base = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(f"xmlns:{name}='{base}:{name}:1.0'" for name in ("office", "table", "text"))
    gap = "<table:table-row table:number-rows-repeated='3'><table:table-cell/></table:table-row>"
    path = tmp_path / "leads"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f"<table:table table:name='Leads'>{gap}{cells}</table:table>"
            "</office:spreadsheet></office:body></office:document-content>",
        )
        archive.writestr(
            "META-INF/manifest.xml",
            "<manifest:manifest xmlns:manifest='urn:oasis:names:tc:opendocument:xmlns:manifest:1.0'/>",
        )
    spec = survey(path)
    assert (spec.kind, spec.sheet, spec.header, spec.header_line, spec.rows) == (
        "ods",
        "Leads",
        ("ID", "Phone"),
        4,
        2,
    )
    assert [(row.line, row.cells[0]) for row in rows(path, spec)] == [(5, "A1"), (6, "A2")]


@given(number=st.integers(1, 16_384))
def test_letters_of_a_column_lead_back_to_its_number(number: int) -> None:
    assert column_number(column_letters(number)) == number
    assert openpyxl.utils.get_column_letter(number) == column_letters(number)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_a_spec_that_holds_or_an_input_error(
    book: Callable[..., Path], data: st.DataObject
) -> None:
    path = book(_hide)
    if data.draw(st.booleans()):
        _with_part(path, "xl/worksheets/sheet1.xml", lambda xml: _damaged(xml, data))
    else:
        path.write_bytes(_damaged(path.read_bytes(), data))
    try:
        spec = survey(path, SurveyOptions(hidden=data.draw(st.sampled_from(["include", "exclude"]))))
    except InputError:
        return
    assert spec.rows == sum(1 for _ in rows(path, spec))


def _damaged(content: bytes, data: st.DataObject) -> bytes:
    for _ in range(data.draw(st.integers(1, 3))):
        # A share of the length and no offset: a saved workbook holds the time, so its length varies.
        at = len(content) * data.draw(st.integers(0, 9_999)) // 10_000
        content = (
            content[:at] + data.draw(st.binary(max_size=3)) + content[at + data.draw(st.integers(0, 3)) :]
        )
    return content
