"""Workbooks of the years before 2007, written here byte by byte ([MS-XLS], [MS-CFB])."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from python_calamine import CalamineWorkbook

from etl.errors import InputError
from etl.reader import rows
from etl.sources.workbook import Sheet
from etl.survey import SurveyOptions, survey

GENERAL, DATE, TIME, ELAPSED, ZEROS = range(5)
FORMATS = {DATE: "yyyy-mm-dd", TIME: "h:mm", ELAPSED: "[h]:mm", ZEROS: "00000000000"}
STANDARD_XFS = 16
Cell = str | float | bool | bytes | tuple[int, float] | None


def record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def text(value: str, length: str = "<H") -> bytes:
    return struct.pack(length, len(value)) + b"\x01" + value.encode("utf-16-le")


def globals_stream(
    *, sheets: list[tuple[str, int]], strings: list[str], extra: bytes, offsets: list[int]
) -> bytes:
    shared = struct.pack("<II", len(strings), len(strings)) + b"".join(map(text, strings))
    xf = struct.pack("<HHH", 0, 0, 0xFFF5) + bytes(14)
    cell_xfs = b"".join(
        record(0xE0, struct.pack("<HHH", 0, 0xA4 + style if style else 0, 1) + bytes(14))
        for style in (GENERAL, *FORMATS)
    )
    return (
        record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
        + extra
        + record(0x42, struct.pack("<H", 1200))
        + record(0x31, struct.pack("<HHHHHBBBB", 200, 0, 0, 400, 0, 0, 0, 0, 0) + text("Arial", "<B")) * 5
        + b"".join(
            record(0x41E, struct.pack("<H", 0xA4 + style) + text(code)) for style, code in FORMATS.items()
        )
        + record(0xE0, xf) * STANDARD_XFS
        + cell_xfs
        + b"".join(
            record(0x85, struct.pack("<IBB", offset, state, 0) + text(name, "<B"))
            for (name, state), offset in zip(sheets, offsets, strict=True)
        )
        + record(0xFC, shared)
        + record(0x0A)
    )


def cell_record(row: int, column: int, value: Cell, strings: list[str]) -> bytes:
    style = value[0] if isinstance(value, tuple) else GENERAL
    at = struct.pack("<HHH", row, column, STANDARD_XFS + style)
    if isinstance(value, tuple):
        value = value[1]
    if isinstance(value, str):
        strings.append(value)
        return record(0xFD, at + struct.pack("<I", len(strings) - 1))
    if isinstance(value, bool):
        return record(0x205, at + bytes([value, 0]))
    if isinstance(value, bytes):
        return record(0x205, at + value + b"\x01")
    return record(0x203, at + struct.pack("<d", value)) if value is not None else record(0x201, at)


def sheet_stream(
    table: list[list[Cell]],
    strings: list[str],
    *,
    hidden_rows: tuple[int, ...] = (),
    flat_rows: tuple[int, ...] = (),
    hidden_columns: tuple[int, ...] = (),
    merged: tuple[int, int, int, int] | None = None,
    last: bytes = b"",
) -> bytes:
    width = max(map(len, table), default=0)
    head = b"".join(
        record(0x7D, struct.pack("<HHHHHH", column - 1, column - 1, 2560, STANDARD_XFS, 1, 0))
        for column in hidden_columns
    )
    heads = b"".join(
        record(
            0x208,
            struct.pack(
                "<HHHHHHHH", row, 0, width, 0 if row + 1 in flat_rows else 255, 0, 0,
                0x120 if row + 1 in hidden_rows else 0x100, STANDARD_XFS,
            ),
        )
        for row in range(len(table))
    )  # fmt: skip
    cells = b"".join(
        cell_record(row, column, value, strings)
        for row, values in enumerate(table)
        for column, value in enumerate(values)
    )
    ranges = record(0xE5, struct.pack("<HHHHH", 1, *merged)) if merged else b""
    return (
        record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
        + head
        + record(0x200, struct.pack("<IIHHH", 0, len(table), 0, width, 0))
        + heads
        + cells
        + last
        + ranges
        + record(0x0A)
    )


def compound_file(stream: bytes) -> bytes:
    """The smallest OLE2 file that holds ``stream`` as the workbook."""
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    sectors = len(stream) // 512
    tables = -(-(sectors + 2) // 127)
    end, table = 0xFFFFFFFE, 0xFFFFFFFD
    chain = [table] * tables + [end] + [*range(tables + 2, tables + 1 + sectors), end]
    chain += [0xFFFFFFFF] * (tables * 128 - len(chain))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, tables, tables, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109I", *range(tables), *[0xFFFFFFFF] * (109 - tables))

    def entry(name: str, kind: int, *, child: int, start: int, size: int) -> bytes:
        encoded = (name + "\0").encode("utf-16-le") if name else b""
        return (
            encoded.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(encoded), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
            + bytes(36)
            + struct.pack("<IQ", start, size)
        )

    none = 0xFFFFFFFF
    folder = entry("Root Entry", 5, child=1, start=end, size=0)
    folder += entry("Workbook", 2, child=none, start=tables + 1, size=len(stream))
    folder += entry("", 0, child=none, start=0, size=0) * 2
    return header + struct.pack(f"<{len(chain)}I", *chain) + folder + stream


def write_xls(
    path: Path,
    sheets: dict[str, bytes],
    strings: list[str],
    *,
    states: tuple[int, ...] = (),
    extra: bytes = b"",
) -> Path:
    named = [(name, (states or (0,) * len(sheets))[at]) for at, name in enumerate(sheets)]
    offsets = [0] * len(sheets)
    at = len(globals_stream(sheets=named, strings=strings, extra=extra, offsets=offsets))
    for number, content in enumerate(sheets.values()):
        offsets[number] = at
        at += len(content)
    book = globals_stream(sheets=named, strings=strings, extra=extra, offsets=offsets)
    path.write_bytes(compound_file(book + b"".join(sheets.values())))
    return path


TABLE: list[list[Cell]] = [
    ["ID", "Phone", "When", "Other"],
    ["A1", (ZEROS, 2079460000.0), (DATE, 46115.0), b"\x2a"],
    ["007", 442079460001.0, (DATE, 46115.4375), True],
    ["A3", 4479111234567890.0, (TIME, 0.4375), (ELAPSED, 26.5 / 24)],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "leads.xls"


def test_an_old_workbook_gives_the_text_that_a_person_sees(folder: Path) -> None:
    strings: list[str] = []
    path = write_xls(folder, {"Leads": sheet_stream(TABLE, strings)}, strings)
    spec = survey(path)
    assert (spec.kind, spec.sheet, spec.header) == ("xls", "Leads", ("ID", "Phone", "When", "Other"))
    assert [row.cells for row in rows(path, spec)] == [
        ("A1", "02079460000", "2026-04-03", "#N/A"),
        ("007", "442079460001", "2026-04-03T10:30:00", "TRUE"),
        ("A3", "4.47911123456789E+15", "10:30:00", "26:30:00"),
    ]
    assert not any("does not tell" in sentence for sentence in spec.evidence)


def test_hidden_rows_and_columns_of_an_old_workbook_are_known(folder: Path) -> None:
    strings: list[str] = []
    sheet = sheet_stream(TABLE, strings, hidden_rows=(2,), flat_rows=(3,), hidden_columns=(4,))
    path = write_xls(folder, {"Leads": sheet}, strings)
    with pytest.raises(InputError, match="2 rows and 1 column with content are hidden"):
        survey(path)
    spec = survey(path, SurveyOptions(hidden="exclude"))
    assert [(row.line, row.cells[0]) for row in rows(path, spec)] == [(4, "A3")]
    assert spec.hidden_columns == (3,)
    assert survey(path, SurveyOptions(hidden="include")).rows == 3


def test_dates_from_1904_are_four_years_later(folder: Path) -> None:
    strings: list[str] = []
    sheet = sheet_stream([["ID", "When"], ["A1", (DATE, 44653.0)]], strings)
    path = write_xls(folder, {"Leads": sheet}, strings, extra=record(0x22, struct.pack("<H", 1)))
    assert next(rows(path, survey(path))).cells == ("A1", "2026-04-03")


def test_hidden_sheets_of_an_old_workbook_are_not_read(folder: Path) -> None:
    strings: list[str] = []
    sheets = {name: sheet_stream(TABLE, strings) for name in ("Old", "Leads", "Lists")}
    path = write_xls(folder, sheets, strings, states=(1, 0, 2))
    assert survey(path).sheet == "Leads"
    with pytest.raises(InputError, match="is hidden"):
        survey(path, SurveyOptions(sheet="lists"))


def test_an_encrypted_old_workbook_is_called_encrypted(folder: Path) -> None:
    strings: list[str] = []
    protected = record(0x2F, struct.pack("<HHH", 1, 1, 1) + bytes(48))
    path = write_xls(folder, {"Leads": sheet_stream(TABLE, strings)}, strings, extra=protected)
    with pytest.raises(InputError, match="is an encrypted workbook"):
        survey(path)


def test_a_merged_header_of_an_old_workbook_names_its_columns(folder: Path) -> None:
    strings: list[str] = []
    table: list[list[Cell]] = [["ID", "Numbers"], [None, "Mobile", "Phone"], ["A1", "1", "2"]]
    path = write_xls(folder, {"Leads": sheet_stream(table, strings, merged=(0, 1, 0, 0))}, strings)
    sheet = Sheet(path, label="leads", kind="xls", name="Leads")
    assert list(sheet.header_records())[1] == (2, ["ID", "Mobile", "Phone"])


def test_the_bare_cells_that_scripts_write_are_a_workbook(folder: Path) -> None:
    def label(row: int, column: int, value: str) -> bytes:
        return record(0x204, struct.pack("<HHHH", row, column, 0, len(value)) + value.encode())

    number = record(0x203, struct.pack("<HHHd", 1, 1, 0, 2079460000.0))
    cells = label(0, 0, "ID") + label(0, 1, "Phone") + label(1, 0, "A1") + number
    folder.write_bytes(record(0x809, struct.pack("<HHHH", 0, 0x10, 0, 0)) + cells + record(0x0A))
    spec = survey(folder)
    assert (spec.kind, spec.header) == ("xls", ("ID", "Phone"))
    assert next(rows(folder, spec)).cells == ("A1", "2079460000")


def bare_labels(path: Path, *lines: tuple[bytes, ...]) -> Path:
    """A stream of nothing but texts, of which nothing tells the code page."""
    cells = b"".join(
        record(0x204, struct.pack("<HHHH", row, column, 0, len(value)) + value)
        for row, values in enumerate(lines)
        for column, value in enumerate(values)
    )
    path.write_bytes(record(0x809, struct.pack("<HHHH", 0, 0x10, 0, 0)) + cells + record(0x0A))
    return path


@pytest.mark.parametrize(
    ("name", "codec"),
    [("Jürgen Müller", "utf-8"), ("Jürgen Müller – €", "cp1252"), ("Иванов", "cp1251"), ("Łukasz", "cp1250")],
)
def test_texts_of_no_stated_code_page_are_read_in_the_one_that_explains_them(
    folder: Path, name: str, codec: str
) -> None:
    path = bare_labels(folder, (b"ID", b"Name"), (b"A1", name.encode(codec)))
    assert next(rows(path, survey(path))).cells == ("A1", name)


def test_texts_that_no_code_page_explains_are_refused(folder: Path) -> None:
    path = bare_labels(folder, (b"ID", b"Name"), (b"A1", b"\x81\x8d a\xd7\x90b"))
    with pytest.raises(InputError, match="damaged"):
        survey(path)


def test_an_ole_file_without_a_workbook_is_refused(folder: Path) -> None:
    folder.write_bytes(
        compound_file(b"no workbook").replace("Workbook".encode("utf-16-le"), "Contents".encode("utf-16-le"))
    )
    with pytest.raises(InputError, match="damaged"):
        survey(folder)


def test_another_library_sees_the_same_old_workbook(folder: Path) -> None:
    strings: list[str] = []
    path = write_xls(folder, {"Leads": sheet_stream(TABLE[:1] * 3, strings)}, strings)
    with path.open("rb") as stream:
        theirs = CalamineWorkbook.from_filelike(stream).get_sheet_by_index(0).to_python()
    ours = [cells for _, cells in Sheet(path, label="", kind="xls", name="Leads").records(1)]
    assert ours == theirs


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_of_an_old_workbook_gives_rows_or_a_sentence(folder: Path, data: st.DataObject) -> None:
    strings: list[str] = []
    sheet = sheet_stream(TABLE, strings, hidden_rows=(2,), hidden_columns=(4,))
    content = write_xls(folder, {"Leads": sheet}, strings).read_bytes()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content = (
            content[:at] + data.draw(st.binary(max_size=4)) + content[at + data.draw(st.integers(0, 4)) :]
        )
    folder.write_bytes(content)
    try:
        spec = survey(folder, SurveyOptions(hidden="include"))
    except InputError:
        return
    assert spec.rows == sum(1 for _ in rows(folder, spec))
