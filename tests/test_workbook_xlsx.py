"""xlsx workbooks: what programs write in their own ways is read as one text, row by row."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings, strategies as st
from openpyxl.styles import Font
from python_calamine import CalamineWorkbook

from etl.errors import InputError
from etl.reader import rows
from etl.records import LeftOut
from etl.sources import package
from etl.sources.cells import column_letters
from etl.sources.workbook import Sheet
from etl.survey import SurveyOptions, survey

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_KIND = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEAD = "<row r='1'><c r='A1' t='str'><v>ID</v></c><c r='B1' t='str'><v>Phone</v></c></row>"
Write = Callable[..., Path]


def relations(*targets: tuple[str, str, str], kind: str = KIND) -> str:
    lines = (f"<Relationship Id='{at}' Type='{kind}/{name}' Target='{part}'/>" for at, name, part in targets)
    return f"<Relationships xmlns='{PACKAGE}'>{''.join(lines)}</Relationships>"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a workbook of one sheet whose rows are ``data``; other parts by name."""

    def write(data: str, *, book: str = "", last: str = "", columns: str = "", **more: Any) -> Path:
        main, kind = more.get("main", MAIN), more.get("kind", KIND)
        parts = {
            "_rels/.rels": relations(("r1", "officeDocument", "xl/workbook.xml"), kind=kind),
            "xl/workbook.xml": f"<workbook xmlns='{main}' xmlns:r='{kind}'>{book}<sheets>"
            "<sheet name='Leads' sheetId='1' r:id='rId1'/></sheets></workbook>",
            "xl/_rels/workbook.xml.rels": relations(
                ("rId1", "worksheet", "worksheets/sheet1.xml"),
                ("rId2", "sharedStrings", "sharedStrings.xml"),
                ("rId3", "styles", "styles.xml"),
                kind=kind,
            ),
            "xl/worksheets/sheet1.xml": f"<worksheet xmlns='{main}'>{columns}<sheetData>{data}</sheetData>"
            f"{last}</worksheet>",
            **more.get("parts", {}),
        }
        path = tmp_path / "leads.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return path

    return write


def cells_of(path: Path, **options: Any) -> list[tuple[str, ...]]:
    spec = survey(path, SurveyOptions(**options))
    return [tuple(row.cells) for row in rows(path, spec)]


def records_of(path: Path) -> list[tuple[int, list[str]]]:
    return list(Sheet(path, label="leads", kind="xlsx", name="Leads").records(1))


def test_each_way_to_write_a_text_gives_the_same(write: Write) -> None:
    strings = f"""<sst xmlns='{MAIN}'><si><t>plain</t></si>
        <si><r><t>ri</t></r><r><rPr><b/></rPr><t xml:space='preserve'>ch text</t></r></si>
        <si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh><phoneticPr fontId='1'/></si>
        <si><t xml:space='preserve'>  as is </t></si><si><t>a_x000D_&#10;b &amp; c</t></si><si><t/></si><si/>
        </sst>"""
    shared = "".join(f"<row r='{2 + at}'><c r='A{2 + at}' t='s'><v>{at}</v></c></row>" for at in range(7))
    runs = "<r><t>in</t></r><r><t>line</t></r><rPh><t>no</t></rPh>"
    inline = f"<row r='9'><c r='A9' t='inlineStr'><is>{runs}</is></c></row>"
    formula = "<row r='10'><c r='A10' t='str'><f>A2</f><v>0044_x005F_x000D_</v></c></row>"
    cdata = "<row r='11'><c r='A11' t='str'><v><![CDATA[<b>]]> &#x1F600;</v></c></row>"
    path = write(HEAD + shared + inline + formula + cdata, parts={"xl/sharedStrings.xml": strings})
    assert [cells[0] for _, cells in records_of(path)[1:] if cells] == [
        "plain", "rich text", "東京", "  as is ", "a\r\nb & c", "inline", "0044_x000D_", "<b> 😀",
    ]  # fmt: skip


def test_rows_and_cells_without_references_follow_the_one_before(write: Write) -> None:
    path = write(
        "<row><c t='str'><v>ID</v></c><c/><c t='str'><v>X</v></c></row><row/><row r='5'><c><v>1</v></c></row>"
        "<row><c r='B6'><v>2</v></c></row>"
    )
    assert records_of(path) == [(1, ["ID", "", "X"]), (2, []), (3, []), (4, []), (5, ["1"]), (6, ["", "2"])]


def test_a_row_without_a_number_follows_a_blank_one_too(write: Write) -> None:
    blank = "<row r='2' s='1'><c r='A2' s='1'/><c r='B2'/></row><row r='3'/>"
    assert records_of(write(f"{HEAD}{blank}<row><c><v>5</v></c></row>"))[-1] == (4, ["5"])
    assert records_of(write(f"{HEAD}{blank}<row r='9'><c r='A9'><v>5</v></c></row>"))[-1] == (9, ["5"])


def test_what_looks_like_a_blank_row_in_a_text_is_text(write: Write) -> None:
    row = "<row r='9'/><row r='10'/>"
    cell = f"<row r='2'><c r='A2' t='str'><v><![CDATA[{row}]]></v></c></row>"
    assert cells_of(write(HEAD + cell + HEAD.replace("1'", "3'"))) == [(row, "")]


def test_a_row_without_a_number_has_that_of_its_cells(write: Write) -> None:
    assert records_of(write("<row><c r='A3'><v>1</v></c><c r='C3'><v>2</v></c></row>"))[2:] == [
        (3, ["1", "", "2"])
    ]


def test_columns_left_of_all_content_are_not_there(write: Write) -> None:
    path = write("<row r='2'><c r='C2' t='str'><v>ID</v></c></row><row r='3'><c r='D3'><v>5</v></c></row>")
    assert records_of(path)[1:] == [(2, ["ID"]), (3, ["", "5"])]
    assert survey(path).first_column == 3


def test_prefixes_strict_names_and_odd_part_names_are_all_one(write: Write) -> None:
    sheet = (
        f"<x:worksheet xmlns:x='{STRICT}'><x:sheetData><x:row r='1'><x:c r='A1' t='str'><x:v>Phone</x:v>"
        "</x:c></x:row><x:row r='2' hidden='true'><x:c r='A2' t='inlineStr'><x:is><x:t>1</x:t></x:is></x:c>"
        "</x:row>"
        "</x:sheetData></x:worksheet>"
    )
    parts = {
        "xl/_rels/workbook.xml.rels": relations(
            ("rId1", "worksheet", "/XL/Sheets\\One.xml"), kind=STRICT_KIND
        ),
        "xl/worksheets/sheet1.xml": "not the sheet",
        "xl\\sheets\\one.xml": sheet,
    }
    path = write("", main=STRICT, kind=STRICT_KIND, parts=parts)
    assert cells_of(path, hidden="include") == [("1",)]
    assert cells_of(path, hidden="exclude") == []


def test_strict_dates_are_iso_already(write: Write) -> None:
    cells = "<c t='d'><v>2026-04-03T00:00:00.000</v></c><c t='d'><v>2026-04-03T10:30:00</v></c>"
    assert cells_of(write(f"{HEAD}<row>{cells}</row>")) == [("2026-04-03", "2026-04-03T10:30:00")]


@pytest.mark.parametrize("flag", ["1", "true"])
def test_dates_from_1904_are_four_years_later(write: Write, flag: str) -> None:
    styles = (
        f"<styleSheet xmlns='{MAIN}'><cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs></styleSheet>"
    )
    cell = "<row r='2'><c r='A2' s='1'><v>44653</v></c><c r='B2'><v>44653</v></c></row>"
    path = write(HEAD + cell, book=f"<workbookPr date1904='{flag}'/>", parts={"xl/styles.xml": styles})
    assert cells_of(path) == [("2026-04-03", "44653")]


def test_zeros_that_only_the_format_has_are_read(write: Write) -> None:
    styles = (
        f"<styleSheet xmlns='{MAIN}'><numFmts><numFmt numFmtId='170' formatCode='00000000000'/>"
        "<numFmt numFmtId='171' formatCode='&quot;+44 &quot;0'/></numFmts>"
        "<cellXfs><xf numFmtId='170'/><xf numFmtId='171'/></cellXfs></styleSheet>"
    )
    cell = "<row r='2'><c r='A2' s='0'><v>2079460000</v></c><c r='B2' s='1'><v>2079460000</v></c></row>"
    assert cells_of(write(HEAD + cell, parts={"xl/styles.xml": styles})) == [
        ("02079460000", "+44 2079460000")
    ]


def test_errors_booleans_and_large_numbers_are_text(write: Write) -> None:
    values = "<c t='e'><v>#N/A</v></c><c t='b'><v>1</v></c><c><v>4.47911123456789E+17</v></c>"
    values += "<c t='e'><f>1/0</f><v>#DIV/0!</v></c>"
    path = write(f"<row><c t='str'><v>A</v></c></row><row>{values}</row>")
    assert records_of(path)[1] == (2, ["#N/A", "TRUE", "4.47911123456789E+17", "#DIV/0!"])


@pytest.mark.parametrize("cell", ["<c><f>A1</f></c>", "<c><f>A1</f><v/></c>", "<c t='str'><f>A1</f></c>"])
def test_a_formula_that_was_never_calculated_says_so_in_its_cell(write: Write, cell: str) -> None:
    path = write(f"{HEAD}<row r='2'><c t='str'><v>A1</v></c>{cell}</row>")
    assert cells_of(path) == [("A1", "#NOT CALCULATED")]
    assert any("1 formula was never calculated" in sentence for sentence in survey(path).evidence)


def test_a_formula_may_give_an_empty_text(write: Write) -> None:
    assert cells_of(write(f"{HEAD}<row r='2'><c><v>1</v></c><c t='str'><f>A1</f><v></v></c></row>")) == [
        ("1", "")
    ]


def test_the_zero_of_a_program_that_does_not_calculate_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["ID", "Phone", "Score"])
        sheet.write_row(1, 0, ["A1", "=LEFT(A1,1)", 0])
        sheet.write_formula(2, 1, "=1+1", None, 2)
        sheet.write(2, 0, "A2")
    assert cells_of(path) == [("A1", "#NOT CALCULATED", "0"), ("A2", "2", "")]


def test_openpyxl_formulas_are_not_silently_empty(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for line in (["ID", "Phone"], ["A1", "=CONCATENATE(1,2)"]):
        sheet.append(line)
    book.save(tmp_path / "leads.xlsx")
    assert cells_of(tmp_path / "leads.xlsx") == [("A1", "#NOT CALCULATED")]


def test_rows_and_columns_of_no_size_are_hidden(write: Write) -> None:
    lines = "<row r='2' ht='0' customHeight='1'><c><v>1</v></c></row>"
    lines += "<row r='3' ht='15'><c r='A3'><v>2</v></c><c><v>3</v></c></row>"
    columns = "<cols><col min='1' max='1' width='9' hidden='0'/><col min='2' max='16384' width='0'/></cols>"
    path = write(HEAD + lines, columns=columns)
    with pytest.raises(InputError, match="1 row and 1 column with content are hidden"):
        survey(path)
    spec = survey(path, SurveyOptions(hidden="exclude"))
    assert (spec.rows, spec.hidden_columns, spec.left_out) == (1, (1,), (LeftOut("hidden", 1, (2,)),))


def test_charts_dialogs_and_macro_sheets_are_no_sheets(write: Write) -> None:
    names = "".join(f"<sheet name='{name}' sheetId='{at}' r:id='r{at}'/>" for at, name in enumerate("abcd"))
    parts = {
        "xl/workbook.xml": f"<workbook xmlns='{MAIN}' xmlns:r='{KIND}'><sheets>{names}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(
            ("r0", "chartsheet", "c.xml"), ("r1", "dialogsheet", "d.xml"),
            ("r2", "worksheet", "worksheets/sheet1.xml"), ("r3", "xlMacrosheet", "m.xml"),
        ),
    }  # fmt: skip
    assert survey(write(HEAD, parts=parts)).sheet == "c"


def test_a_header_in_two_rows_names_its_merged_columns(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "Leads"
    for line in (["ID", "Numbers", None, "Name"], [None, "Mobile", "Phone"], ["A1", "1", "2", "Ann"]):
        sheet.append(line)
    for merged in ("A1:A2", "B1:C1", "D1:D2", "A3:A9"):
        sheet.merge_cells(merged)
    book.save(tmp_path / "leads.xlsx")
    records = list(Sheet(tmp_path / "leads.xlsx", label="", kind="xlsx", name="Leads").header_records())
    assert records[:3] == [
        (1, ["ID", "Numbers", "", "Name"]),
        (2, ["ID", "Mobile", "Phone", "Name"]),
        (3, ["A1", "1", "2", "Ann"]),
    ]
    assert records_of(tmp_path / "leads.xlsx")[1] == (2, ["", "Mobile", "Phone"])


@pytest.mark.parametrize(
    "data",
    [
        "<row r='2'><c r='A2'><v>1</v></c></row><row r='1'><c r='A1'><v>1</v></c></row>",
        "<row r='2'><c r='A2'><v>1</v></c></row><row r='2'><c r='A2'><v>1</v></c></row>",
        "<row r='2'><c r='A2'><v>1</v></c><c r='A2'><v>2</v></c></row>",
        "<row r='2'><c r='A22'><v>1</v></c></row>",
        "<row r='2'><c r='A2'><v>1</v><v>2</v></c></row>",
        "<row r='2'><c r='A2'><c r='B2'/></c></row>",
        "<row r='2'><row r='3'/></row>",
        "<row r='2'><c r='A2' t='s'><v>9</v></c></row>",
        "<row r='2'><c r='A2' t='s'><v>-1</v></c></row>",
        "<row r='2'><c r='XFE2'><v>1</v></c></row>",
        "<row r='1048577'><c><v>1</v></c></row>",
        "<row r='2'><c r='A2'><v>1</v></c>",
    ],
)
def test_a_sheet_that_contradicts_itself_is_refused(write: Write, data: str) -> None:
    with pytest.raises(InputError, match="damaged"):
        survey(write(data))


VALUES = st.one_of(
    st.none(),
    st.text(
        st.characters(categories=("L", "N", "P", "Zs"), include_characters="\n\t"), min_size=1, max_size=12
    ).filter(lambda text: text.strip() and not text.startswith(("=", "#"))),
    st.integers(-(10**14), 10**14),
    st.decimals(-1000, 1000, places=3).map(float),
    st.booleans(),
    st.sampled_from(["#N/A", "#REF!", "#DIV/0!"]),
    st.datetimes(dt.datetime(1904, 1, 2), dt.datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001
    st.times().map(lambda at: at.replace(microsecond=0)),
)


def text_of(value: object) -> str:
    """A value as our reader gives it, from what another library says it is."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime):
        return value.isoformat().removesuffix("T00:00:00")
    if isinstance(value, (dt.time, dt.date)):
        return value.isoformat()
    assert isinstance(value, (int, float))
    return str(int(value)) if value == int(value) else f"{value:.15g}"


def trimmed(table: list[list[str]]) -> list[list[str]]:
    """Rows without empty cells at their ends, and without empty rows at the end."""
    for cells in table:
        while cells and not cells[-1]:
            cells.pop()
    while table and not table[-1]:
        table.pop()
    return table


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(st.lists(VALUES, max_size=5), max_size=6), bold=st.booleans(), epoch=st.booleans())
def test_two_other_libraries_see_the_same_cells(
    tmp_path: Path, table: list[list[Any]], *, bold: bool, epoch: bool
) -> None:
    book = openpyxl.Workbook()
    if epoch:
        book.epoch = dt.datetime(1904, 1, 1)  # noqa: DTZ001
    sheet: Any = book.active
    sheet.title = "Leads"
    for cells in [["ID"], *table]:
        sheet.append(cells)
        sheet.cell(sheet.max_row, 1).font = Font(bold=bold)
    path = tmp_path / "leads.xlsx"
    book.save(path)
    ours = [cells for _, cells in records_of(path)]
    theirs = openpyxl.load_workbook(path, data_only=True, read_only=True)
    assert ours == trimmed([[text_of(cell) for cell in cells] for cells in theirs["Leads"].values])
    theirs.close()
    with path.open("rb") as stream:
        fastest = CalamineWorkbook.from_filelike(stream).get_sheet_by_index(0).to_python()
    without_errors = [["" if cell.startswith("#") else cell for cell in cells] for cells in ours]
    assert trimmed(without_errors) == trimmed([[text_of(cell) for cell in cells] for cells in fastest])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(0, 400), min_size=1, max_size=40))
def test_shared_strings_keep_their_numbers_however_many(write: Write, numbers: list[int]) -> None:
    items = "".join(f"<si><t>text {at}</t></si>" for at in range(401))
    cells = "".join(
        f"<c r='{column_letters(at)}1' t='s'><v>{number}</v></c>" for at, number in enumerate(numbers, 1)
    )
    path = write(
        f"<row r='1'>{cells}</row>", parts={"xl/sharedStrings.xml": f"<sst xmlns='{MAIN}'>{items}</sst>"}
    )
    assert records_of(path) == [(1, [f"text {number}" for number in numbers])]


USUAL_CELLS = [
    '<c r="{at}"/>',
    '<c r="{at}" s="1"/>',
    '<c r="{at}"><v>{number}</v></c>',
    '<c r="{at}" s="1"><v>{number}</v></c>',
    '<c r="{at}" t="n"><v>{number}.50</v></c>',
    '<c r="{at}" s="1" t="s"><v>1</v></c>',
    '<c r="{at}" t="s"><v>0</v></c>',
    '<c r="{at}" t="str"><v> text {number} </v></c>',
    '<c r="{at}" t="str"><v>_x000D_ö東😀</v></c>',
    '<c r="{at}" t="inlineStr"><is><t>inline</t></is></c>',
    '<c r="{at}" t="inlineStr"><is><t xml:space="preserve"> in </t></is></c>',
    '<c r="{at}" t="b"><v>1</v></c>',
    '<c r="{at}" t="e"><v>#N/A</v></c>',
    '<c r="{at}"><v></v></c>',
    '<c r="{at}"></c>',
]
ODD_CELLS = [
    '<c r="{at}" t="str"><v>a &amp; b</v></c>',
    '<c r="{at}" t="str"><v>two\r\nlines</v></c>',
    '<c r="{at}" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>',
    '<c r="{at}"><f>1+1</f><v>2</v></c>',
    '<c r="{at}"><f>1+1</f></c>',
    "<c t='str' r='{at}'><v>otherwise</v></c>",
    '<c r="{at}"><v>1</v><extLst/></c>',
    "<c><v>7</v></c>",
    '<c r="A1"><v>of another row</v></c>',
    '<c r="{at}" t="s"><v>99</v></c>',
]
USUAL_ROWS = ['<row r="{row}">', '<row r="{row}" spans="1:9" ht="15" x14ac:dyDescent="0.25">']
ODD_ROWS = ['<row r="{row}" hidden="1">', '<row r="{row}" ht="0">', "<row>", "<row r='{row}' s='1'>"]


@st.composite
def sheet_rows(draw: st.DrawFn) -> str:
    lines = []
    row = 1
    for _ in range(draw(st.integers(0, 6))):
        row += draw(st.sampled_from([1, 1, 1, 1, 3, 0]))
        usual = draw(st.sampled_from([True, True, True, False]))
        cells = st.sampled_from(USUAL_CELLS if usual else USUAL_CELLS + ODD_CELLS)
        columns = sorted(draw(st.sets(st.integers(1, 30), max_size=4)))
        written = (
            draw(cells).format(at=f"{column_letters(column)}{row}", number=draw(st.integers(-9, 10**11)))
            for column in columns
        )
        begin = draw(st.sampled_from(USUAL_ROWS if usual else USUAL_ROWS + ODD_ROWS))
        lines.append(f"{begin.format(row=row)}{''.join(written)}</row>")
    return "".join(lines)


def outcome(path: Path) -> object:
    try:
        sheet = Sheet(path, label="leads", kind="xlsx", name="Leads")
        return list(sheet.records(1)), sorted(sheet.hidden_rows), sheet.notes, sheet.first_column
    except InputError as error:
        return str(error)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=sheet_rows(), chunk=st.sampled_from([7, 64, 333, 1 << 16]), tail=st.booleans())
def test_rows_by_pattern_and_by_parser_are_the_same(
    write: Write, monkeypatch: pytest.MonkeyPatch, data: str, chunk: int, *, tail: bool
) -> None:
    monkeypatch.setattr(package, "CHUNK", chunk)
    styles = (
        f"<styleSheet xmlns='{MAIN}'><cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs></styleSheet>"
    )
    strings = f"<sst xmlns='{MAIN}'><si><t>zero</t></si><si><t>one</t></si></sst>"
    parts = {"xl/styles.xml": styles, "xl/sharedStrings.xml": strings}
    last = "<row r='99'/>" if tail else ""
    names = " xmlns:x14ac='x'"
    main = f"{MAIN}'{names} x='"
    by_pattern = outcome(write(data + last, parts=parts, main=main))
    by_parser = outcome(write(f"<!-- no patterns -->{data}{last}", parts=parts, main=main))
    assert by_pattern == by_parser
