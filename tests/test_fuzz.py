"""Bad input of every kind: a result that adds up, or one clear sentence, and never anything else.

Sound files of each kind are damaged (cut, flipped, spliced, filled; in their containers and inside of them;
headers and endings changed) and go the whole way of ``etl.check``. ``FUZZ_EXAMPLES`` says how many there
are: the few of a usual run are a guard, and thousands the search (``FUZZ_EXAMPLES=5000``).
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import random
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings, strategies as st

import etl

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
LONGEST = 30
"""Seconds that a small file may take, whatever is in it."""
ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data" / "fuzz"

TEXT = "Lead ID,Phone,Mobile,Country,Name,Do Not Call,Date\n" + "".join(
    f'A{at},020 7946 {at:04},+44 7911 {at:06},GB,"Doe, Ann {at}",no,2027-04-03T10:00:00Z\n'
    for at in range(1, 9)
)


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def workbook() -> bytes:
    """Leads in a workbook: shared and inline text, numbers, dates, a formula, an error, a merged cell."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Leads")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["Lead ID", "Phone", "Date", "Score", "Name"])
        for row in range(1, 6):
            sheet.write_row(row, 0, [f"A{row}", 442079460000.0 + row])
            sheet.write_number(row, 2, 46480 + row, day)
            sheet.write_formula(row, 3, "=1/0" if row == 2 else "=1+1", None, "#DIV/0!" if row == 2 else 2)
            sheet.write_string(row, 4, f"Ann {row}")
        sheet.merge_range(5, 4, 5, 5, "Bob")
        book.add_worksheet("Empty")
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """A sound file of each kind, by its name."""
    text = TEXT.encode()
    return {
        "leads.csv": text,
        "leads.tsv": TEXT.replace(",", "\t").encode(),
        "semicolons.csv": b"sep=;\r\n" + TEXT.replace(",", ";").replace("\n", "\r\n").encode("cp1252"),
        "bom.csv": text.decode().encode("utf-8-sig"),
        "wide.csv": TEXT.encode("utf-16"),
        "leads.csv.gz": gzip.compress(text),
        "leads.zip": zipped("leads.csv", text),
        "leads.xlsx": workbook(),
        **{name: (DATA / name).read_bytes() for name in ("leads.xls", "leads.xlsb", "leads.ods")},
        "dirty.csv": (ROOT / "samples" / "leads-dirty.csv").read_bytes()[:6000],
        "obi-admin.txt": (ROOT / "samples" / "crm" / "obi-admin.txt").read_bytes()[:4000],
    }


SEEDS = seeds()
ENDINGS = sorted({Path(name).suffix for name in SEEDS} | {".xlsm", ".gz", "", ".pdf"})
ODD = [
    *(
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b'"',
        b'""',
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b",",
        b";",
        b"\t",
        b"|",
    ),
    *(
        b"\xc3",
        b"\xed\xa0\x80",
        b"\x1a",
        b"\x1b",
        b"=1+1",
        b"+44",
        b"E+11",
        b"\xe2\x80\xa8",
        b"sep=,\n",
        b"'",
        b"<",
    ),
    *(b"PK\x03\x04", b"\x1f\x8b", b"<!DOCTYPE x>", b"&amp;", b"]]>", b"\x00" * 64, b"9" * 400, b"a" * 70_000),
]
HEADERS = [
    "",
    " ",
    "Phone",
    "phone1",
    "Phone1",
    "numbers",
    "externalId",
    "External ID",
    "obi_row",
    "obi_error",
    "Fax",
]
HEADERS += [
    "Date",
    "agentId",
    "Do Not Call",
    "=HYPERLINK(1)",
    "020 7946 0000",
    "\u202e",
    "x" * 300,
    "Country",
    '"',
]

# --- damage --------------------------------------------------------------------------------------------


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def behead(content: bytes, rng: random.Random) -> bytes:
    return content[rng.randrange(len(content) + 1) :]


def flip(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def overwrite(content: bytes, rng: random.Random) -> bytes:
    start, count = rng.randrange(len(content)), rng.choice((1, 2, 4, 16, 256))
    return content[:start] + rng.randbytes(count) + content[start + count :]


def insert(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice(ODD) * rng.choice((1, 1, 1, 3, 50)) + content[start:]


def remove(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.choice((1, 2, 8, 100, 1000)) :]


def repeat(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    piece = content[start : start + rng.choice((1, 10, 100, 1000))]
    return content[:start] + piece * rng.choice((2, 3, 20)) + content[start:]


def splice(content: bytes, rng: random.Random) -> bytes:
    other = SEEDS[rng.choice(sorted(SEEDS))]
    return cut(content, rng) + behead(other, rng)


def fill(content: bytes, rng: random.Random) -> bytes:
    """Set a number in the bytes to one of those that counters and sizes break on."""
    start, size = rng.randrange(len(content)), rng.choice((1, 2, 4, 8))
    value = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)) % (1 << 8 * size)
    return content[:start] + value.to_bytes(size, "little") + content[start + size :]


def reheader(content: bytes, rng: random.Random) -> bytes:
    """Change names of columns, double them, or take them away."""
    first, newline, rest = content.partition(b"\n")
    names = first.split(b",")
    for _ in range(rng.randrange(1, 4)):
        names[rng.randrange(len(names))] = rng.choice(HEADERS).encode()
    names = rng.choice((names, names[1:] or names, names + names, names * 20))
    return b",".join(names) + newline + rest


DAMAGE: list[Callable[[bytes, random.Random], bytes]] = [
    *(cut, behead, flip, flip, overwrite, insert, insert, remove, repeat, splice, fill, fill, reheader)
]


def damaged(content: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 4))):
        if content:
            content = rng.choice(DAMAGE)(content, rng)
    return content


def damaged_inside(content: bytes, rng: random.Random) -> bytes:
    """Damage what is in a container, and close it again with checksums that fit."""
    if content.startswith(b"\x1f\x8b"):
        return gzip.compress(damaged(gzip.decompress(content), rng))
    if not content.startswith(b"PK"):
        return damaged(content, rng)
    source = zipfile.ZipFile(io.BytesIO(content))
    victim = rng.choice(source.namelist())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            part = source.read(name)
            archive.writestr(name, damaged(part, rng) if name == victim and part else part)
    return buffer.getvalue()


# --- the law -------------------------------------------------------------------------------------------


@contextmanager
def in_time(seconds: int) -> Iterator[None]:
    """Break off what takes longer."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"not finished after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def assert_a_result_or_a_sentence(path: Path) -> str:
    """Check the file; give the sentence that refused it, or nothing."""
    results = path.parent / "results.csv"
    results.unlink(missing_ok=True)
    try:
        with in_time(LONGEST):
            report = etl.check(path, region="GB", results=results)
    except etl.EtlError as error:
        said = str(error)
        assert said.strip()
        assert "\n" not in said
        assert "Traceback" not in said
        assert said.isprintable(), said
        assert len(said) < 1000, said
        assert not results.exists()
        return said
    assert sum(report.counts.values()) == report.rows
    assert report.balanced
    with results.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["obi_row"] for line in lines] == [str(row) for row in range(1, report.rows + 1)]
    return ""


NO_PLACE = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", SEEDS)
def test_the_sound_files_are_read(own_place: Path, name: str) -> None:
    path = own_place / name
    path.write_bytes(SEEDS[name])
    assert assert_a_result_or_a_sentence(path) == ""


@NO_PLACE
@given(name=st.sampled_from(sorted(SEEDS)), seed=st.integers(0, 2**32), ending=st.sampled_from(ENDINGS))
def test_a_damaged_file_gives_a_result_or_a_sentence(
    own_place: Path, name: str, seed: int, ending: str
) -> None:
    rng = random.Random(seed)
    path = own_place / (name if rng.random() < 0.8 else f"leads{ending}")
    path.write_bytes(damaged(SEEDS[name], rng))
    assert_a_result_or_a_sentence(path)


@NO_PLACE
@given(
    name=st.sampled_from(["leads.csv.gz", "leads.zip", "leads.xlsx", "leads.xlsb", "leads.ods", "leads.xls"]),
    seed=st.integers(0, 2**32),
)
def test_a_file_damaged_within_its_container_gives_a_result_or_a_sentence(
    own_place: Path, name: str, seed: int
) -> None:
    path = own_place / name
    path.write_bytes(damaged_inside(SEEDS[name], random.Random(seed)))
    assert_a_result_or_a_sentence(path)


CELLS = st.text(
    alphabet=st.sampled_from("0123456789+-;,|\t\"'\n\r ()./=@#AZaz\0\x1a\u00a0\u2028\ud7ffé€😀"), max_size=12
)


@NO_PLACE
@given(
    header=st.lists(st.one_of(st.sampled_from(HEADERS), CELLS), min_size=1, max_size=8),
    rows=st.lists(st.lists(CELLS, max_size=9), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "shift_jis"]),
)
def test_any_table_gives_a_result_or_a_sentence(
    own_place: Path, header: list[str], rows: list[list[str]], delimiter: str, quoting: int, encoding: str
) -> None:
    text = io.StringIO()
    lines = [header, *rows]
    if quoting == csv.QUOTE_NONE:
        text.write("\n".join(delimiter.join(cells) for cells in lines))
    else:
        csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(lines)
    path = own_place / "leads.csv"
    path.write_bytes(text.getvalue().encode(encoding, errors="replace"))
    assert_a_result_or_a_sentence(path)


@NO_PLACE
@given(content=st.binary(max_size=2000), ending=st.sampled_from(ENDINGS))
def test_random_bytes_give_a_result_or_a_sentence(own_place: Path, content: bytes, ending: str) -> None:
    path = own_place / f"leads{ending}"
    path.write_bytes(content)
    assert_a_result_or_a_sentence(path)


# --- files that are made to do harm --------------------------------------------------------------------

MOST_MEMORY = 300
"""MiB that a check may take, whatever is in a file; a sound file of a few rows takes 160."""
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
CHECK = """
import re, sys
from pathlib import Path
sys.modules["pyarrow"] = None  # as it is installed without extras; pandas takes 60 MiB more with it
import etl
try:
    said = f"{etl.check(sys.argv[1], region='GB').rows} rows"
except etl.EtlError as error:
    said = str(error)
print(said)
print(int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) >> 10)
"""
"""The process's own peak by the kernel's word: ``getrusage`` begins with that of its parent."""


def packed(parts: dict[str, Iterator[bytes]], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, pieces in parts.items():
            with archive.open(name, "w", force_zip64=True) as part:
                for piece in pieces:
                    part.write(piece)


def workbook_with(path: Path, part: str, pieces: Iterator[bytes]) -> None:
    """Our workbook with another part in the place of its own."""
    source = zipfile.ZipFile(io.BytesIO(SEEDS["leads.xlsx"]))
    own = {name: iter([source.read(name)]) for name in source.namelist()}
    assert part in own
    packed({**own, part: pieces}, path)


def times(piece: bytes, count: int, *, before: bytes = b"", after: bytes = b"") -> Iterator[bytes]:
    yield before
    for _ in range(count):
        yield piece
    yield after


SHEET = b"<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'>"
FAR = b"<sheetData><row r='1048576'><c r='XFD1048576'><v>1</v></c></row></sheetData></worksheet>"
HEADER = b"Lead ID,Phone\nA1,020 7946 0001\n"
MIB = 1 << 20
MANY = 2_147_483_647

STRINGS, SHEET_PART = "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"
CELLS_OF_ODS = b"<table:table-cell table:number-columns-repeated='%d' " % MANY
ROWS_OF_ODS = b"<table:table-row table:number-rows-repeated='%d' " % MANY

TEXTS: dict[str, Callable[[], Iterator[bytes]]] = {
    "unclosed.csv": lambda: times(b"a,b\n" * 1000, 10_000, before=b'Lead ID,Phone\nA1,"'),
    "columns.csv": lambda: times(b",Col" * 1000, 1000, before=b"Phone", after=b"\n1\n"),
    "quoted.csv": lambda: times(b"x" * MIB, 64, before=b'Lead ID,Phone\nA1,"', after=b'"\n'),
    "one-line.csv": lambda: times(b"x" * MIB, 10),
    "long-line.csv": lambda: times(b"x" * MIB, 10, before=HEADER, after=b"\n"),
    "fields.csv": lambda: times(b",x" * 1000, 1000, before=HEADER + b"A2,020 7946 0002", after=b"\n"),
    "same.csv": lambda: times(b",Phone" * 1000, 16, before=b"Phone", after=b"\n1\n"),
    "blank.csv": lambda: times(b"\n" * MIB, 4, before=HEADER),
    "nul.csv": lambda: times(b"\0" * MIB, 16, before=HEADER),
    "quotes.csv": lambda: times(b'"' * MIB, 8, before=HEADER),
    "blanks.csv": lambda: times(b" " * MIB, 16, before=HEADER),
    "binary.csv": lambda: times(bytes(range(256)) * 4096, 8),
}
PARTS: dict[str, Callable[[], tuple[str, Iterator[bytes]]]] = {
    "laughs.xlsx": lambda: (STRINGS, iter([LAUGHS, b"<sst><si><t>&c;</t></si></sst>"])),
    "far.xlsx": lambda: (SHEET_PART, iter([SHEET, b"<dimension ref='A1:XFD1048576'/>", FAR])),
    "deep.xlsx": lambda: (SHEET_PART, times(b"<a>" * 1000, 1000, before=SHEET)),
    "bomb.xlsx": lambda: (SHEET_PART, times(b" " * MIB, 600, before=SHEET)),
    "string.xlsx": lambda: (STRINGS, times(b"x" * MIB, 200, before=b"<sst><si><t>")),
}
CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "laughs.ods": lambda _: LAUGHS + b"<x>&c;</x>",
    "cells.ods": lambda content: content.replace(b"<table:table-cell ", CELLS_OF_ODS, 1),
    "rows.ods": lambda content: content.replace(b"<table:table-row ", ROWS_OF_ODS),
}
ARCHIVES = ("bomb.zip", "bomb.csv.gz", "many.zip")


def write_hostile(path: Path) -> None:
    """Write a file that expands, nests, repeats or never ends."""
    if path.name in TEXTS:
        with path.open("wb") as file:
            file.writelines(TEXTS[path.name]())
    elif path.name in PARTS:
        workbook_with(path, *PARTS[path.name]())
    elif path.name in CONTENTS:
        content = zipfile.ZipFile(io.BytesIO(SEEDS["leads.ods"])).read("content.xml")
        changed = CONTENTS[path.name](content)
        assert changed != content
        mimetype = b"application/vnd.oasis.opendocument.spreadsheet"
        packed({"mimetype": iter([mimetype]), "content.xml": iter([changed])}, path)
    elif path.name == "many.zip":
        packed({f"{at}.csv": iter([HEADER]) for at in range(20_000)}, path)
    elif path.name == "bomb.zip":
        packed({"leads.csv": times(b"0" * MIB, 600, before=HEADER)}, path)
    else:
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.writelines(times(b"0" * MIB, 600, before=HEADER))


HOSTILE = [*TEXTS, *PARTS, *CONTENTS, *ARCHIVES]
USUAL = ("unclosed.csv", "columns.csv", "laughs.xlsx", "bomb.zip")
"""The few of a usual run; with FUZZ_EXAMPLES, all of them."""


@pytest.mark.parametrize("name", HOSTILE if "FUZZ_EXAMPLES" in os.environ else USUAL)
def test_a_file_that_is_made_to_do_harm_takes_little_memory_and_ends(own_place: Path, name: str) -> None:
    path = own_place / name
    write_hostile(path)
    command = [sys.executable, "-c", CHECK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert (done.returncode, done.stderr) == (0, "")
    said, memory = done.stdout.splitlines()
    assert int(memory) < MOST_MEMORY, said
