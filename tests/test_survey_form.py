"""Hints, encodings, line ends and quoting of a text, and the archives that hold one."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from etl.errors import InputError
from etl.reader import rows
from etl.records import SourceSpec
from etl.sources import encodings, files
from etl.survey import SurveyOptions, survey

LEADS = "ID;Phone;Name\n1;+49 30 23125001;Jörg\n2;+49 30 23125002;Eva\n"


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def surveyed(path: Path, content: str | bytes, **options: object) -> SourceSpec:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return survey(path, SurveyOptions(**options))  # type: ignore[arg-type]


def refusal(path: Path, content: str | bytes, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        surveyed(path, content, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Hints and line ends


@pytest.mark.parametrize("hint", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;", '"sep=;";;'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_hint_is_heeded_in_every_encoding(leads: Path, hint: str, encoding: str) -> None:
    spec = surveyed(leads, f"{hint}\r\n{LEADS}".encode(encoding))
    assert (spec.delimiter, spec.header_line, spec.rows) == (";", 2, 2)
    assert spec.left_out == ()


@pytest.mark.parametrize("hint", ["sep=\t", "sep=\\t", '"sep=\t"'])
def test_a_tab_may_be_hinted(leads: Path, hint: str) -> None:
    assert surveyed(leads, f"{hint}\n{LEADS.replace(';', chr(9))}").delimiter == "\t"


def test_an_unusual_delimiter_may_be_hinted(leads: Path) -> None:
    assert surveyed(leads, f"sep=^\n{LEADS.replace(';', '^')}").delimiter == "^"


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (("\n", "\n", "\n"), "LF"),
        (("\r\n", "\r\n", "\r\n"), "CRLF"),
        (("\r", "\r", "\r"), "CR"),
        (("\r\n", "\n", "\r"), "CRLF and LF and CR"),
        (("\r\n", "\r\n", ""), "CRLF"),
    ],
)
def test_line_ends_are_told_and_may_be_mixed(leads: Path, ends: tuple[str, ...], told: str) -> None:
    first, second, third = LEADS.splitlines()
    spec = surveyed(
        leads, first + ends[0] + second.replace("Jörg", '"Jörg\nWeiß"') + ends[1] + third + ends[2]
    )
    assert f"lines end in {told}" in spec.evidence
    assert (spec.rows, spec.ragged) == (2, 0)


# Encodings


def test_what_a_spreadsheet_calls_unicode_text_is_read(leads: Path) -> None:
    spec = surveyed(leads, LEADS.replace(";", "\t").replace("\n", "\r\n").encode("utf-16"))
    assert (spec.encoding, spec.delimiter, spec.rows) == ("utf-16-le", "\t", 2)


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("content", [LEADS, "a\n1\n", LEADS.replace("Eva", "Ева Иванова 漢字") * 40])
def test_wide_encodings_are_known_without_a_mark(leads: Path, encoding: str, content: str) -> None:
    spec = surveyed(leads, content.encode(encoding))
    assert spec.encoding == encoding
    assert "without a byte order mark" in spec.evidence[0]


def test_a_file_continued_in_another_encoding_is_told_with_the_line(leads: Path) -> None:
    more = "3;+49 30 23125003;Ann\n" * 3
    assert "line 4: from here on it is UTF-16" in refusal(leads, LEADS.encode() + more.encode("utf-16-le"))
    assert "line 4: from here on it is UTF-16" in refusal(leads, LEADS.encode() + more.encode("utf-16"))
    ascii_only = LEADS.replace("ö", "o").encode()
    assert "line 4: from here on it is UTF-16" in refusal(leads, ascii_only + more.encode("utf-16-be") * 100)
    assert "line 2: this line is not UTF-8" in refusal(leads, LEADS.encode("cp1252") + LEADS.encode())


def test_a_hole_in_a_file_is_told_with_the_line(leads: Path) -> None:
    long = LEADS.encode() + b"3;+49 30 23125003;Ann\n" * 9000
    assert "line 9,004: there is a hole of NUL bytes" in refusal(leads, long + bytes(4096))


def test_a_stray_nul_is_a_character_of_its_cell(leads: Path) -> None:
    spec = surveyed(leads, LEADS.replace("Eva", "Eva\x00") + "3;+49 30 23125003;Ann\n" * 9)
    assert list(rows(leads, spec))[1].cells[2] == "Eva\x00"


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    leads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "LONGEST_LINE", 2 << 20)
    for content in ("x" * (4 << 20), LEADS + "x," * (2 << 20), "é" * (2 << 20)):
        assert "a line of more than 2 MiB" in refusal(leads, content)


@pytest.mark.parametrize(
    ("words", "codecs"),
    [
        ("Müller Köln Straße Jürgen Äpfel", ("cp850", "cp437", "mac_roman")),
        ("Jürgen", ("cp850", "cp437")),
        ("François Hélène Chloé Noël", ("cp850", "mac_roman")),
        ("José Muñoz García", ("cp850", "mac_roman")),
        ("Łukasz Żółć Wójcik Świątek", ("cp852", "iso8859-2")),
        ("Jiří Novák Řehoř Dvořák Štěpán Žižka", ("cp852", "iso8859-2")),
        ("Иванов Сергей Москва Петров", ("koi8_r", "cp866", "iso8859-5")),
    ],
)
def test_an_old_code_page_is_not_taken_for_another(leads: Path, words: str, codecs: tuple[str, ...]) -> None:
    """Names would reach agents garbled: it is refused, and read once it is stated."""
    content = "ID,Name\n" + "".join(f"{n},{word}\n" for n, word in enumerate(words.split()))
    for codec in codecs:
        assert "line 2: " in refusal(leads, content.encode(codec))
        spec = surveyed(leads, content.encode(codec), encoding=codec)
        assert [row.cells[1] for row in rows(leads, spec)] == words.split()


def test_a_few_mistyped_words_and_neighbours_do_not_hide_a_code_page(leads: Path) -> None:
    many = "".join(f"{n},Mül{chr(97 + n % 26)}{chr(97 + n // 26)}er\n" for n in range(400))
    for codec, words in (("cp1252", "MÜller Peña Größe Çelik"), ("cp1250", "Łódź Dvořák Györ Müller")):
        content = "ID,Name\n" + many + "".join(f"1,{word}\n" for word in words.split())
        assert surveyed(leads, content.encode(codec)).encoding == codec


# Quoting


def test_ordinals_are_letters_of_western_europe(leads: Path) -> None:
    content = "Nº Cliente;Teléfono;Móvil;Apellido\n1;2;3;García Hélène\n"
    spec = surveyed(leads, content.encode("cp1252"))
    assert (spec.encoding, spec.header[0]) == ("cp1252", "Nº Cliente")


def test_quotes_escaped_by_a_backslash_are_told(leads: Path) -> None:
    content = 'ID,Name,Phone\n1,"Eva",2\n2,"Jo \\"Joey\\" Lee",3\n'
    assert "line 3: a quote inside of a quoted field is escaped with a backslash" in refusal(leads, content)


def test_a_backslash_before_a_closing_quote_is_text(leads: Path) -> None:
    spec = surveyed(leads, 'ID,Path,Phone\n1,"C:\\",2\n')
    assert next(rows(leads, spec)).cells == ("1", "C:\\", "2")


def test_lone_quotes_within_fields_are_text_and_a_broken_one_stops_all(leads: Path) -> None:
    spec = surveyed(leads, 'ID,Name,Phone\n1,6" pipe,2\n2,Jo "Joey" Lee,3\n')
    assert [row.cells[1] for row in rows(leads, spec)] == ['6" pipe', 'Jo "Joey" Lee']
    assert "line 3: text follows the closing quote" in refusal(leads, 'ID,Name\n1,x\n2,"Joey" Lee\n')


def test_blanks_between_delimiters_and_quotes_are_no_text(leads: Path) -> None:
    content = 'ID, "Name", "Phone"\n1, "Meier, Eva", "+44 20 7946 0001"\n2, "Jo ""Joey"" Lee", "x"\n'
    spec = surveyed(leads, content)
    assert (spec.header, spec.ragged) == (("ID", "Name", "Phone"), 0)
    assert [row.cells[1] for row in rows(leads, spec)] == ["Meier, Eva", 'Jo "Joey" Lee']
    spec = surveyed(leads, 'ID,Name,Phone\n1, "Joey" Lee,2\n2, Eva,3\n3,Ann,4\n')
    assert [row.cells[1] for row in rows(leads, spec)] == [' "Joey" Lee', " Eva", "Ann"]


# Archives


def zipped(members: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


BESIDE: dict[str, bytes | str] = {
    "leads/": "",
    "__MACOSX/leads/._a.csv": b"\x00\x05",
    "leads/.DS_Store": b"\x00",
    "Thumbs.db": b"\x00",
}


def test_a_zip_archive_of_one_file_is_read(leads: Path) -> None:
    spec = surveyed(leads, zipped({**BESIDE, "leads/a.csv": LEADS.encode("cp1252")}))
    assert (spec.kind, spec.compression, spec.encoding, spec.rows) == ("csv", "zip", "cp1252", 2)
    assert spec.evidence[0] == "zip, because the file begins with that format's mark"
    assert [row.cells[2] for row in rows(leads, spec)] == ["Jörg", "Eva"]


def test_a_zip_archive_of_none_or_several_is_refused_and_they_are_listed(leads: Path) -> None:
    assert "without any file in it" in refusal(leads, zipped(BESIDE))
    several = zipped({f"{name}.csv": LEADS for name in "abcdefg"})
    assert "7 files (a.csv, b.csv, c.csv, d.csv, e.csv and 2 more)" in refusal(leads, several)


def test_archives_in_archives_and_documents_are_refused(leads: Path) -> None:
    workbook = zipped({"xl/workbook.xml": "<workbook/>"})
    for content in (
        zipped({"a.zip": zipped({"a.csv": LEADS})}),
        zipped({"a.xlsx": workbook}),
        zipped({"a.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)}),
        gzip.compress(workbook),
    ):
        assert "holds a workbook or another archive; unpack it first" in refusal(leads, content)
    assert "gzip file inside" in refusal(leads, zipped({"a.csv.gz": gzip.compress(LEADS.encode())}))
    assert "a document and no workbook" in refusal(
        leads, zipped({"[Content_Types].xml": "", "word/a.xml": ""})
    )
    assert "is empty" in refusal(leads, zipped({"a.csv": ""}))


def test_a_tar_archive_is_called_one(leads: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = len(LEADS.encode())
        archive.addfile(info, io.BytesIO(LEADS.encode()))
    assert "another archive" in refusal(leads, buffer.getvalue())


def test_an_encrypted_or_damaged_zip_archive_is_refused(leads: Path) -> None:
    whole = bytearray(zipped({"a.csv": LEADS * 100}))
    encrypted = bytearray(whole)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.index(mark) + offset] |= 1
    assert "is an encrypted zip archive" in refusal(leads, bytes(encrypted))
    for at in (40, 60):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        assert "damaged zip file" in refusal(leads, bytes(damaged))
    assert "damaged workbook or archive" in refusal(leads, bytes(whole[:-30]))


def test_a_zip_bomb_is_stopped(leads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "EXPANSION_FLOOR", 1 << 20)
    assert "1,000 times its size" in refusal(leads, zipped({"a.csv": "a\n" * (8 << 20)}))


def test_gzip_members_one_after_the_other_are_one_text(leads: Path) -> None:
    half = len(LEADS.encode()) // 2
    parts = gzip.compress(LEADS.encode()[:half]) + gzip.compress(LEADS.encode()[half:])
    assert surveyed(leads, parts).rows == 2


# Our own files


@pytest.mark.parametrize("column", ["obi_row", "obi_error"])
def test_what_is_stated_of_a_source_does_not_hold_for_its_rejects(leads: Path, column: str) -> None:
    """The same profile and flags load a file and what was rejected of it."""
    content = f"\ufeffID,Name,{column}\r\n1,Jörg,x\r\n2,Eva,x\r\n"
    spec = surveyed(leads, content, encoding="cp1252", delimiter=";", header_row=2)
    assert (spec.encoding, spec.delimiter, spec.header_line, spec.rows) == ("utf-8", ",", 1, 2)
    assert spec.evidence[0].startswith("results or rejects of a run")
    other = surveyed(leads, content.replace(column, "error"), encoding="utf-8", header_row=2)
    assert other.header_line == 2


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (LEADS.replace("\n", "\r\n").encode("utf-16"), {"encoding": "utf-16-le"}),
        (LEADS.replace("\n", "\r").encode(), {"delimiter": ";"}),
        (b"ID;Phone\n1;" + b"x" * 140_000 + b"\n", {"delimiter": ";"}),
    ],
)
def test_what_is_stated_holds_whatever_the_lines_end_in(
    leads: Path, content: bytes, options: dict[str, str]
) -> None:
    spec = surveyed(leads, content, **options)
    assert (spec.header[:2], spec.delimiter) == (("ID", "Phone"), ";")
