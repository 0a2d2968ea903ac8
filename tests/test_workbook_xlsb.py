"""Binary workbooks, written here record by record ([MS-XLSB])."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from python_calamine import CalamineWorkbook

from etl.errors import InputError
from etl.reader import rows
from etl.sources.workbook import Sheet
from etl.survey import SurveyOptions, survey

GENERAL, DATE, ZEROS = range(3)
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
Cell = tuple[int, bytes]
"""A record's type, and what follows the cell's place and style."""


def record(kind: int, content: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = len(content)
    while True:
        head += bytes([size & 0x7F | (0x80 if size > 0x7F else 0)])
        size >>= 7
        if not size:
            return head + content


def wide(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode("utf-16-le")


def shared(number: int) -> Cell:
    return 7, struct.pack("<I", number)


def real(value: float) -> Cell:
    return 5, struct.pack("<d", value)


def row_head(row: int, *, flags: int = 0, height: int = 300) -> bytes:
    return record(0, struct.pack("<IIHBBBI", row, 0, height, 0, flags, 0, 0))


def cell(column: int, value: Cell, style: int = GENERAL) -> bytes:
    return record(value[0], struct.pack("<II", column, style) + value[1])


def sheet_part(*lines: bytes, columns: bytes = b"", last: bytes = b"") -> bytes:
    size = record(148, struct.pack("<IIII", 0, len(lines), 0, 3))
    return record(129) + size + columns + record(145) + b"".join(lines) + record(146) + last + record(130)


def relations(*targets: tuple[str, str, str]) -> str:
    lines = (f'<Relationship Id="{at}" Type="{KIND}/{kind}" Target="{part}"/>' for at, kind, part in targets)
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{''.join(lines)}</Relationships>"
    )


def write_xlsb(
    path: Path,
    sheets: dict[str, bytes],
    *,
    strings: tuple[str, ...] = (),
    hidden: tuple[str, ...] = (),
    flags: int = 0,
) -> Path:
    names = list(sheets)
    book = record(131) + record(153, struct.pack("<II", flags, 0) + wide("")) + record(143)
    for at, name in enumerate(names):
        book += record(156, struct.pack("<II", name in hidden, at + 1) + wide(f"rId{at + 1}") + wide(name))
    formats = record(44, struct.pack("<H", 164) + wide("yyyy-mm-dd"))
    formats += record(44, struct.pack("<H", 165) + wide("00000000000"))
    xfs = b"".join(record(47, struct.pack("<HH", 0, number) + bytes(12)) for number in (0, 164, 165))
    styles = (
        record(626, struct.pack("<I", 1)) + record(47, struct.pack("<HH", 0, 0) + bytes(12)) + record(627)
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", relations(("r1", "officeDocument", "xl/workbook.bin")))
        archive.writestr("xl/workbook.bin", book + record(144) + record(132))
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            relations(
                *((f"rId{at}", "worksheet", f"worksheets/sheet{at}.bin") for at in range(1, len(names) + 1)),
                ("rId98", "styles", "styles.bin"),
                ("rId99", "sharedStrings", "sharedStrings.bin"),
            ),
        )
        items = b"".join(record(19, b"\0" + wide(value)) for value in strings)
        archive.writestr(
            "xl/styles.bin", formats + styles + record(617, struct.pack("<I", 3)) + xfs + record(618)
        )
        archive.writestr(
            "xl/sharedStrings.bin",
            record(159, struct.pack("<II", len(strings), len(strings))) + items + record(160),
        )
        for at, content in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/sheet{at}.bin", content)
    return path


STRINGS = ("ID", "Phone", "When", "Other", "007")
HEAD = row_head(0) + b"".join(cell(at, shared(at)) for at in range(4))
INTEGER_RK = (2, struct.pack("<i", 2079 << 2 | 2))
HUNDREDTH_RK = (2, struct.pack("<i", -150 << 2 | 3))


def leads(path: Path, **options: int) -> Path:
    first = row_head(1, flags=options.get("first", 0)) + cell(0, shared(4))
    first += cell(1, real(2079460000.0), ZEROS) + cell(2, real(46115.0), DATE) + cell(3, (3, b"\x2a"))
    second = row_head(2, height=options.get("height", 300)) + cell(0, (6, wide("A2")))
    second += cell(1, INTEGER_RK) + cell(2, HUNDREDTH_RK) + cell(3, (4, b"\x01"))
    third = (
        row_head(4) + cell(0, (8, wide("A3") + b"\0\0" + bytes(8))) + cell(1, (9, struct.pack("<dH", 5.0, 0)))
    )
    third += cell(2, (11, b"\x07\0\0")) + cell(3, (62, b"\0" + wide("rich")))
    columns = record(60, struct.pack("<IIIIH", 3, 3, 2560, 0, options.get("hidden", 0)))
    return write_xlsb(
        path, {"Leads": sheet_part(HEAD, first, second, third, columns=columns)}, strings=STRINGS
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.xlsb"


def test_a_binary_workbook_gives_the_text_that_a_person_sees(path: Path) -> None:
    spec = survey(leads(path))
    assert (spec.kind, spec.sheet, spec.header) == ("xlsb", "Leads", ("ID", "Phone", "When", "Other"))
    assert [(row.line, row.cells) for row in rows(path, spec)] == [
        (2, ("007", "02079460000", "2026-04-03", "#N/A")),
        (3, ("A2", "2079", "-1.5", "TRUE")),
        (5, ("A3", "5", "#DIV/0!", "rich")),
    ]


def test_another_library_sees_the_same_binary_workbook(path: Path) -> None:
    lines = HEAD + row_head(1) + cell(0, shared(4)) + cell(1, INTEGER_RK) + cell(3, (6, wide("x")))
    write_xlsb(path, {"Leads": sheet_part(lines)}, strings=STRINGS)
    with path.open("rb") as stream:
        theirs = CalamineWorkbook.from_filelike(stream).get_sheet_by_index(0).to_python()
    assert theirs == [["ID", "Phone", "When", "Other"], ["007", 2079.0, "", "x"]]
    ours = [cells for _, cells in Sheet(path, label="", kind="xlsb", name="Leads").records(1)]
    assert ours == [["ID", "Phone", "When", "Other"], ["007", "2079", "", "x"]]


def test_hidden_rows_and_columns_of_a_binary_workbook_are_known(path: Path) -> None:
    leads(path, first=0x10, height=0, hidden=1)
    with pytest.raises(InputError, match="2 rows and 1 column with content are hidden"):
        survey(path)
    spec = survey(path, SurveyOptions(hidden="exclude"))
    assert [row.line for row in rows(path, spec)] == [5]
    assert spec.hidden_columns == (3,)


def test_cells_without_a_column_follow_the_one_before(path: Path) -> None:
    short = (
        record(18, struct.pack("<II", GENERAL, 4)) + record(12, bytes(4)) + record(17, bytes(4) + wide("x"))
    )
    after_blank = cell(1, (1, b"")) + record(17, bytes(4) + wide("y"))
    write_xlsb(
        path, {"Leads": sheet_part(HEAD, row_head(1) + short, row_head(2) + after_blank)}, strings=STRINGS
    )
    assert [row.cells for row in rows(path, survey(path))] == [("007", "", "x", ""), ("", "", "y", "")]


def test_dates_from_1904_are_four_years_later(path: Path) -> None:
    lines = HEAD + row_head(1) + cell(2, real(44653.0), DATE)
    write_xlsb(path, {"Leads": sheet_part(lines)}, strings=STRINGS, flags=1)
    assert next(rows(path, survey(path))).cells == ("", "", "2026-04-03", "")


def test_hidden_sheets_of_a_binary_workbook_are_not_read(path: Path) -> None:
    write_xlsb(path, {"Old": sheet_part(HEAD), "Leads": sheet_part(HEAD)}, strings=STRINGS, hidden=("Old",))
    assert survey(path).sheet == "Leads"


def test_a_merged_header_of_a_binary_workbook_names_its_columns(path: Path) -> None:
    merged = record(176, struct.pack("<IIII", 0, 1, 0, 0))
    write_xlsb(
        path, {"Leads": sheet_part(HEAD, row_head(1) + cell(1, shared(1)), last=merged)}, strings=STRINGS
    )
    sheet = Sheet(path, label="", kind="xlsb", name="Leads")
    assert list(sheet.header_records())[1] == (2, ["ID", "Phone"])


@pytest.mark.parametrize(
    "lines",
    [
        row_head(1) + cell(0, shared(99)),
        row_head(1) + cell(0, (6, struct.pack("<I", 1 << 30))),
        row_head(1) + cell(20_000, shared(1)),
        row_head(1) + cell(0, shared(1)) + cell(0, shared(1)),
        row_head(1) + cell(0, shared(1)) + row_head(1) + cell(0, shared(1)),
        row_head(2_000_000) + cell(0, shared(1)),
        row_head(1) + bytes([7, 0xFF, 0xFF, 0xFF, 0x7F]),
        bytes([7, 0x80]),
    ],
)
def test_a_binary_sheet_that_contradicts_itself_is_refused(path: Path, lines: bytes) -> None:
    write_xlsb(path, {"Leads": record(145) + HEAD + lines}, strings=STRINGS)
    with pytest.raises(InputError, match="damaged"):
        survey(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_of_a_binary_sheet_gives_rows_or_a_sentence(path: Path, data: st.DataObject) -> None:
    content = sheet_part(HEAD, row_head(1) + cell(0, shared(4)) + cell(1, real(2079460000.0), ZEROS))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content = (
            content[:at] + data.draw(st.binary(max_size=4)) + content[at + data.draw(st.integers(0, 4)) :]
        )
    write_xlsb(path, {"Leads": content}, strings=STRINGS)
    try:
        spec = survey(path, SurveyOptions(hidden="include"))
    except InputError:
        return
    assert spec.rows == sum(1 for _ in rows(path, spec))
