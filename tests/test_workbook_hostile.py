"""Workbooks made to do harm, or that grew by themselves: a result or one sentence, in little memory."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from etl.errors import InputError
from etl.reader import rows
from etl.sources.grid import Facts, SheetInfo
from etl.sources.xlsx import Xlsx
from etl.survey import survey

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
LEADS_SHEET = SheetInfo("Leads", visible=True, place="xl/worksheets/sheet1.xml")
MOST_MEMORY = 300
"""MiB that reading a small file may take, whatever is in it."""
LEADS = (
    "<row r='1'><c r='A1' t='str'><v>ID</v></c><c r='B1' t='str'><v>Phone</v></c></row>"
    "<row r='2'><c r='A2' t='str'><v>A1</v></c><c r='B2' t='str'><v>020 7946 0000</v></c></row>"
)
PARTS = {
    "_rels/.rels": f"<Relationships xmlns='{PACKAGE}'><Relationship Id='r' Type='{KIND}/officeDocument' "
    "Target='xl/workbook.xml'/></Relationships>",
    "xl/workbook.xml": f"<workbook xmlns='{MAIN}' xmlns:r='{KIND}'><sheets>"
    "<sheet name='Leads' sheetId='1' r:id='a'/></sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f"<Relationships xmlns='{PACKAGE}'>"
    f"<Relationship Id='a' Type='{KIND}/worksheet' Target='worksheets/sheet1.xml'/>"
    f"<Relationship Id='b' Type='{KIND}/sharedStrings' Target='sharedStrings.xml'/>"
    f"<Relationship Id='c' Type='{KIND}/styles' Target='styles.xml'/></Relationships>",
    "xl/styles.xml": f"<styleSheet xmlns='{MAIN}'><cellXfs><xf numFmtId='0'/></cellXfs></styleSheet>",
    "xl/sharedStrings.xml": f"<sst xmlns='{MAIN}'><si><t>x</t></si></sst>",
}
CHEAP_TO_READ = """
import re, resource, sys
from pathlib import Path
from etl.errors import InputError
from etl.reader import rows
from etl.survey import SurveyOptions, survey
path = Path(sys.argv[1])
try:
    spec = survey(path, SurveyOptions(hidden="include"))
    print(spec.rows, sum(1 for _ in rows(path, spec)))
except InputError as error:
    print(error)
# What getrusage tells begins with the peak of the process that started this one.
status = Path("/proc/self/status")
peak = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.exists() else None
print(int(peak[1] if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) >> 10)
"""


def sheet(*data: str) -> str:
    return f"<worksheet xmlns='{MAIN}'><sheetData>{LEADS}{''.join(data)}</sheetData></worksheet>"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the parts of a workbook (a name to its text, or to pieces of it) over those of a sound one."""

    def write(parts: dict[str, str | Iterable[str]]) -> Path:
        path = tmp_path / "leads.xlsx"
        whole = {**PARTS, "xl/worksheets/sheet1.xml": sheet(), **parts}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, content in whole.items():
                with archive.open(name, "w", force_zip64=True) as stream:
                    for piece in [content] if isinstance(content, str) else content:
                        stream.write(piece.encode())
        return path

    return write


def write_ods(folder: Path, body: str) -> Path:
    """An ods whose content begins with ``body``; what ends it is the caller's."""
    path = folder / "leads.ods"
    base = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f"xmlns:{name}='{base}:{name}:1.0'" for name in ("office", "table", "text"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", f"<office:document-content {names}><office:body>{body}")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        survey(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read_apart(path: Path) -> str:
    """What reading the file says, in a process of its own whose memory is looked at."""
    done = subprocess.run(
        [sys.executable, "-c", CHEAP_TO_READ, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    said, memory = done.stdout.splitlines()
    assert int(memory) < MOST_MEMORY
    return said


def repeated(piece: str, count: int, *, before: str = "", after: str = "") -> Iterable[str]:
    yield before
    for _ in range(count // 1000):
        yield piece * 1000
    yield after


OPEN = f"<worksheet xmlns='{MAIN}'><sheetData>"
BOMB = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("part", [*PARTS, "xl/worksheets/sheet1.xml"])
def test_no_part_may_declare_entities(write: Callable[..., Path], part: str) -> None:
    content = {**PARTS, "xl/worksheets/sheet1.xml": sheet("<row><c t='s'><v>0</v></c></row>")}
    path = write({**content, part: BOMB + content[part]})
    assert "damaged" in refusal(path)


def test_an_ods_may_not_declare_entities(tmp_path: Path) -> None:
    path = tmp_path / "leads.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", BOMB + "<x>&b;</x>")
    assert "damaged" in refusal(path)


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/worksheets/sheet1.xml", lambda: repeated("<a>", 1_000_000, before=OPEN)),
        ("xl/worksheets/sheet1.xml", lambda: repeated("<row>", 1_000_000, before=OPEN)),
        ("xl/worksheets/sheet1.xml", lambda: repeated("<c>", 1_000_000, before=f"{OPEN}<row>")),
        (
            "xl/worksheets/sheet1.xml",
            lambda: repeated("x" * 100, 500_000, before=f"{OPEN}<row><c t='str'><v>"),
        ),
        (
            "xl/worksheets/sheet1.xml",
            lambda: repeated("<t>xxxxxxxx</t>", 1_000_000, before=f"{OPEN}<row><c><is>"),
        ),
        ("xl/worksheets/sheet1.xml", lambda: repeated("x" * 100, 500_000, before=f"{OPEN}<row><c r='")),
        ("xl/worksheets/sheet1.xml", lambda: repeated("<!--" + "x" * 93, 500_000, before=OPEN)),
        ("xl/worksheets/sheet1.xml", lambda: repeated("<row/>", 1_100_000, before=OPEN)),
        ("xl/worksheets/sheet1.xml", lambda: repeated("<c/>", 2_100_000, before=f"{OPEN}<row>")),
        ("xl/sharedStrings.xml", lambda: repeated("<si>", 1_000_000, before="<sst>")),
        ("xl/sharedStrings.xml", lambda: repeated("<t>xxxxxxxx</t>", 1_000_000, before="<sst><si>")),
        ("xl/sharedStrings.xml", lambda: repeated("x" * 100, 500_000, before="<sst><si><t>")),
        ("xl/styles.xml", lambda: repeated("<xf/>", 500_000, before="<styleSheet><cellXfs>")),
        ("xl/workbook.xml", lambda: repeated("<a>", 5_000_000, before="<workbook>")),
        ("xl/_rels/workbook.xml.rels", lambda: repeated(" ", 50_000_000, before="<Relationships>")),
    ],
)
def test_parts_without_end_are_refused_in_little_memory(
    write: Callable[..., Path], part: str, content: Callable[[], Iterable[str]]
) -> None:
    parts: dict[str, str | Iterable[str]] = {
        "xl/worksheets/sheet1.xml": sheet("<row><c t='s'><v>0</v></c></row>")
    }
    assert "damaged" in read_apart(write({**parts, part: content()}))


def test_blank_rows_that_are_formatted_to_the_end_of_the_sheet_are_no_rows(
    write: Callable[..., Path],
) -> None:
    def blank() -> Iterable[str]:
        yield OPEN + LEADS
        for first in range(3, 1_048_577, 1000):
            last = min(first + 1000, 1_048_577)
            yield "".join(
                f'<row r="{row}" s="1" customFormat="1"><c r="A{row}" s="0"/></row>'
                for row in range(first, last, 4)
            )
        yield "</sheetData></worksheet>"

    assert read_apart(write({"xl/worksheets/sheet1.xml": blank()})) == "1 1"


def test_stray_cells_in_every_row_make_a_sheet_too_vast(write: Callable[..., Path]) -> None:
    stray = "".join(f"<row r='{row}'><c r='XFD{row}'><v>1</v></c></row>" for row in range(3, 5000))
    path = write({"xl/worksheets/sheet1.xml": sheet(stray)})
    assert "reaches to column XFD" in read_apart(path)


def test_a_stray_cell_at_the_end_of_the_sheet_is_read_in_no_time(write: Callable[..., Path]) -> None:
    stray = "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>"
    assert read_apart(write({"xl/worksheets/sheet1.xml": sheet(stray)})) == "2 2"


def test_strings_that_unpack_to_much_more_stand_on_disk(write: Callable[..., Path]) -> None:
    strings = repeated(
        f"<si><t>{'x' * 400}</t></si>", 100_000, before=f"<sst xmlns='{MAIN}'>", after="</sst>"
    )
    cell = "<row r='3'><c t='s'><v>99999</v></c><c><v>2</v></c></row>"
    path = write({"xl/sharedStrings.xml": strings, "xl/worksheets/sheet1.xml": sheet(cell)})
    assert read_apart(path) == "2 2"


@pytest.mark.parametrize(
    "piece", ["<text:p/>", "<text:p>x</text:p>", "<text:p><text:span>x</text:span></text:p>"]
)
def test_a_cell_of_an_ods_may_not_have_pieces_without_end(tmp_path: Path, piece: str) -> None:
    around = "<table:table table:name='Leads'><table:table-row><table:table-cell>"
    assert "damaged" in read_apart(write_ods(tmp_path, around + piece * 1_100_000))


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"])
def test_parts_may_not_have_elements_without_end(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    assert survey(write({})).rows == 1
    monkeypatch.setattr("etl.sources.package.MOST_ELEMENTS", 1000)
    start, end = PARTS[part].rsplit("</", 1)
    assert "damaged" in refusal(write({part: f"{start}{'<a/>' * 2000}</{end}"}))


@pytest.mark.parametrize("data", ["<row r='3'>" + "<c r='A3'/>" * 2000, "<x/>" * 2000])
def test_a_sheet_may_not_have_odd_elements_without_end(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    monkeypatch.setattr("etl.sources.sheetxml._MOST_ODD", 1000)
    with pytest.raises(ValueError, match="elements without end"):
        list(Xlsx(write({"xl/worksheets/sheet1.xml": OPEN + data})).rows(LEADS_SHEET, Facts()))


def test_cells_that_all_refer_to_one_long_text_are_a_row_without_end(write: Callable[..., Path]) -> None:
    strings = f"<sst xmlns='{MAIN}'><si><t>{'x9 ' * 300_000}</t></si></sst>"
    cells = "<c t='s'><v>0</v></c>" * 16_000
    parts = {"xl/sharedStrings.xml": strings, "xl/worksheets/sheet1.xml": sheet(f"<row r='3'>{cells}</row>")}
    assert "damaged" in read_apart(write(parts))


def test_long_texts_of_one_row_are_refused_before_it_is_whole(write: Callable[..., Path]) -> None:
    cell = f"<c t='inlineStr'><is><t>{'x' * 100_000}</t></is></c>"
    content = f"{OPEN}{LEADS}<row r='3'>{cell * 100}"
    assert "damaged" in read_apart(write({"xl/worksheets/sheet1.xml": content}))


@pytest.mark.parametrize(
    ("row", "columns", "said"),
    [(1, 16_384, "damaged"), (1_000_000, 10, "reaches to column J and row 1,000,000")],
)
def test_what_an_ods_repeats_has_an_end(tmp_path: Path, row: int, columns: int, said: str) -> None:
    cell = (
        f"<table:table-cell table:number-columns-repeated='{columns}'><text:p>{'x9 ' * 1000}</text:p>"
        "</table:table-cell>"
    )
    path = write_ods(
        tmp_path,
        f"<table:table table:name='Leads'><table:table-row table:number-rows-repeated='{row}'>{cell}"
        "</table:table-row></table:table></office:body></office:document-content>",
    )
    assert said in read_apart(path)


def test_an_ods_may_not_have_sheets_without_end(tmp_path: Path) -> None:
    end = "</office:body></office:document-content>"
    assert "damaged" in refusal(write_ods(tmp_path, "<table:table/>" * 20_000 + end))


def test_two_parts_of_one_name_are_refused(write: Callable[..., Path]) -> None:
    path = write({"xl/Worksheets/SHEET1.xml": sheet()})
    assert "damaged" in refusal(path)


def test_one_part_is_one_sheet(write: Callable[..., Path]) -> None:
    sheets = "".join(f"<sheet name='Leads {at}' sheetId='{at}' r:id='a'/>" for at in range(9))
    book = f"<workbook xmlns='{MAIN}' xmlns:r='{KIND}'><sheets>{sheets}</sheets></workbook>"
    assert "damaged" in refusal(write({"xl/workbook.xml": book}))


def test_parts_outside_of_the_package_are_never_looked_for(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "sheet1.xml").write_text(sheet())
    rels = PARTS["xl/_rels/workbook.xml.rels"].replace("worksheets/sheet1.xml", "../../../../sheet1.xml")
    assert "damaged" in refusal(write({"xl/_rels/workbook.xml.rels": rels}))


def test_sheets_outside_of_the_workbook_are_no_sheets(write: Callable[..., Path]) -> None:
    rels = PARTS["xl/_rels/workbook.xml.rels"].replace(
        "Target='worksheets", "TargetMode='External' Target='worksheets"
    )
    assert "no visible sheet" in refusal(write({"xl/_rels/workbook.xml.rels": rels}))


def test_macros_and_links_are_not_touched(write: Callable[..., Path]) -> None:
    path = write({"xl/vbaProject.bin": "no project", "xl/externalLinks/externalLink1.xml": BOMB})
    spec = survey(path)
    assert [row.cells for row in rows(path, spec)] == [("A1", "020 7946 0000")]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_a_part_of_a_workbook_is_called_damaged(write: Callable[..., Path], share: float) -> None:
    path = write({})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "damaged" in refusal(path)


def test_a_changed_byte_in_a_sheet_is_noticed(write: Callable[..., Path]) -> None:
    path = write({})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("xl/worksheets/sheet1.xml")
    content[entry.header_offset + 200] ^= 0xFF
    path.write_bytes(content)
    assert "damaged" in refusal(path)
