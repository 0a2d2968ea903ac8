"""Delimited text: its delimiter, its encoding, and where its quoting breaks."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from etl.errors import InputError
from etl.reader import rows
from etl.records import SourceSpec
from etl.sources import files, text as text_module
from etl.sources.encodings import detect
from etl.survey import SurveyOptions, survey


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def surveyed(path: Path, content: str | bytes, **options: str) -> SourceSpec:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return survey(path, SurveyOptions(**options))  # type: ignore[arg-type]


def refusal(path: Path, content: str | bytes, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        surveyed(path, content, **options)
    return str(caught.value)


# Delimiters


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_delimiter_is_found_though_others_stand_in_the_text(leads: Path, delimiter: str) -> None:
    others = "".join({",", ";", "\t", "|"} - {delimiter})
    lines = [
        ["ID", "Name", "Phone"],
        *([f"{n}", f"a{others * (n % 3)}b", f'"{delimiter}"'] for n in range(50)),
    ]
    spec = surveyed(leads, "\n".join(delimiter.join(line) for line in lines))
    assert spec.delimiter == delimiter
    assert (spec.rows, spec.ragged) == (50, 0)


def test_a_comma_in_every_text_does_not_beat_a_semicolon_with_a_ragged_row(leads: Path) -> None:
    spec = surveyed(leads, "Name;Phone, any;City\n" + "Meier, Eva;12,5;Köln\n" * 40 + "x;y\n")
    assert spec.delimiter == ";"
    assert spec.ragged == 1
    assert "semicolon, because 41 of 42 records have 3 fields with it" in spec.evidence


@pytest.mark.parametrize("hint", ["sep=;\r\n", '"sep=;"\r\n', "SEP=;\n", "\ufeffsep=;\n"])
def test_a_sep_line_is_a_hint_and_no_header(leads: Path, hint: str) -> None:
    spec = surveyed(leads, f"{hint}a,b;c,d\n1,2;3,4\n")
    assert (spec.delimiter, spec.header, spec.header_line, spec.rows) == (";", ("a,b", "c,d"), 2, 1)
    assert spec.left_out == ()
    assert "semicolon, because line 1 says so (sep=)" in spec.evidence


@pytest.mark.parametrize(("stated", "character"), [("#", "#"), ("tab", "\t"), ("\\t", "\t"), (";", ";")])
def test_a_stated_delimiter_rules(leads: Path, stated: str, character: str) -> None:
    spec = surveyed(leads, f"a{character}b,c\n1{character}2\n", delimiter=stated)
    assert (spec.delimiter, spec.header) == (character, ("a", "b,c"))


@pytest.mark.parametrize("stated", ["::", '"', "\n"])
def test_a_delimiter_that_can_be_none_is_refused(leads: Path, stated: str) -> None:
    assert "can't be a delimiter" in refusal(leads, "a,b\n", delimiter=stated)


# Quoting


def test_an_unclosed_quote_is_told_with_the_line_where_it_opens(leads: Path) -> None:
    content = 'a,b\n1,2\n"x\ny","two\nlines\n3,4\n'
    assert "line 4: a quoted field that opens on this line is never closed" in refusal(leads, content)


def test_text_after_a_closing_quote_is_told_with_its_line(leads: Path) -> None:
    content = 'a,b\r\n1,2\r\n"say ""hi""","ok\r\n"no,3\r\n'
    assert "line 3: text follows the closing quote of a field that opens on this line" in refusal(
        leads, content
    )


def test_broken_quoting_in_the_header_is_told(leads: Path) -> None:
    assert "line 1: " in refusal(leads, '"a,b\n1,2\n')


def test_a_cell_without_measure_is_taken_for_an_unclosed_quote(
    leads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_module, "FIELD_LIMIT", 1 << 20)
    content = 'a,b\n1,2\n3,"' + "x\n" * (1 << 20)
    assert "line 3: a field that opens on this line is longer than 1 MiB" in refusal(leads, content)


def test_a_quote_inside_of_an_unquoted_field_is_text(leads: Path) -> None:
    spec = surveyed(leads, 'a,b\n6" pipe,2\n')
    assert next(rows(leads, spec)).cells == ('6" pipe', "2")


# Encodings

NAMES = "ID,Name\n1,Jürgen Weiß\n2,François Müller\n"


@pytest.mark.parametrize(
    ("codec", "mark", "name"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("utf-32-le", b"\xff\xfe\x00\x00", "utf-32-le"),
        ("utf-32-be", b"\x00\x00\xfe\xff", "utf-32-be"),
        ("cp1252", b"", "cp1252"),
    ],
)
def test_an_encoding_is_found_and_its_mark_is_no_text(
    leads: Path, codec: str, mark: bytes, name: str
) -> None:
    spec = surveyed(leads, mark + NAMES.encode(codec))
    assert (spec.encoding, spec.header) == (name, ("ID", "Name"))
    assert [row.cells[1] for row in rows(leads, spec)] == ["Jürgen Weiß", "François Müller"]


def test_the_first_character_that_is_not_ascii_may_stand_at_the_very_end(leads: Path) -> None:
    filler = "ID,Name\n" + "1,Smith\n" * 300_000
    assert surveyed(leads, (filler + "2,Jürgen\n").encode("cp1252")).encoding == "cp1252"
    spec = surveyed(leads, (filler + "2,Jürgen\n").encode())
    assert spec.encoding == "utf-8"
    assert spec.evidence[0].endswith("and 1 character is not ASCII")


@pytest.mark.parametrize(
    ("codec", "words"),
    [
        ("cp1252", "Müller Köln Straße Jürgen Äpfel"),
        ("cp1252", "José Muñoz García señor Peña"),
        ("cp1252", "François Hélène Chloé Noël Zoë Müller Søren Åke"),
        ("cp1252", "O’Neill – Zoë’s 5 € “Café”"),
        ("cp1252", "Jürgen"),
        ("cp1250", "Łukasz Żółć Wójcik Świątek Gdańsk Źrebię"),
        ("cp1250", "Jiří Novák Řehoř Dvořák Štěpán Žižka Třebíč"),
        ("cp1250", "Győr Szőke Kővári Erdős Pál Hűvös Tűzkő Zsófia Öcsi"),
        ("cp1254", "Gülşen Yıldız İstanbul Çağlar Şahin Özdoğan"),
        ("cp1257", "Jānis Bērziņš Rīga Kārlis Šķēle Ķekava"),
        ("cp1251", "Иванов Сергей Москва Петров Алексей Мария Новосибирск"),
        ("cp1253", "Παπαδόπουλος Γιώργος Αθήνα Ελένη Νίκος"),
        ("cp1255", "שלום כהן ישראל תל אביב דוד לוי"),
        ("cp1256", "محمد أحمد القاهرة علي فاطمة"),
    ],
)
def test_a_windows_code_page_is_told_by_its_letters(leads: Path, codec: str, words: str) -> None:
    content = "ID,Name\n" + "".join(f"{n},{word}\n" for n, word in enumerate(words.split()))
    spec = surveyed(leads, content.encode(codec))
    assert spec.encoding == codec
    assert spec.evidence[0].startswith(f"windows-{codec[2:]}, because")


def test_mixed_encodings_are_refused_with_the_first_line_that_is_not_utf8(leads: Path) -> None:
    content = "ID,Name\n1,Jürgen\n".encode() + "2,José\n3,Zoë\n".encode("cp1252")
    message = refusal(leads, content)
    assert "line 3: this line is not UTF-8 while others are (2 bytes against 1 character)" in message


@pytest.mark.parametrize("stated", ["windows-1252", "latin-1", "cp850"])
def test_a_page_of_single_bytes_stated_of_utf8_is_refused_and_not_garbled(leads: Path, stated: str) -> None:
    message = refusal(leads, "ID,Name\n1,Jürgen\n".encode(), encoding=stated)
    assert "would garble them; leave the encoding out" in message


def test_a_page_stated_of_ascii_is_fine(leads: Path) -> None:
    assert surveyed(leads, b"ID,Name\n1,Ann\n", encoding="windows-1252").encoding == "cp1252"


def test_a_character_cut_off_at_the_end_is_refused(leads: Path) -> None:
    assert "line 3" in refusal(leads, "ID,Name\n1,Zoë\n2,Jürgen ü".encode()[:-1])


def test_bytes_that_a_stated_or_marked_encoding_does_not_know_are_refused_with_their_line(
    leads: Path,
) -> None:
    bad = b"ID,Name\r\n1,ok\r\n2,\x81\r\n"
    assert "line 3: these bytes are not windows-1252" in refusal(leads, bad, encoding="windows-1252")
    assert "line 3: these bytes are not UTF-8" in refusal(leads, bad, encoding="utf8")
    assert "line 3: these bytes are not UTF-8" in refusal(leads, b"\xef\xbb\xbf" + bad)
    assert "line 2: these bytes are not UTF-16-LE" in refusal(
        leads, "\ufeffa\nb".encode("utf-16-le") + b"\x00\xd8"
    )


def test_a_stated_encoding_rules(leads: Path) -> None:
    spec = surveyed(leads, "ID,Name\n1,Łódź\n".encode("iso8859-2"), encoding="latin2")
    assert next(rows(leads, spec)).cells == ("1", "Łódź")
    assert spec.evidence[0] == "ISO8859-2, because it is stated"
    assert surveyed(leads, NAMES.encode("utf-8-sig"), encoding="utf-8").header == ("ID", "Name")
    assert surveyed(leads, NAMES.encode("utf-16"), encoding="utf-16").header == ("ID", "Name")


@pytest.mark.parametrize("stated", ["klingon", "base64", "rot13", "undefined", "a\x00b"])
def test_an_encoding_that_is_none_is_refused(leads: Path, stated: str) -> None:
    assert "is not an encoding" in refusal(leads, "a,b\n", encoding=stated)


def test_a_utf8_character_across_two_reads_is_one_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK", 1)

    @contextmanager
    def opener() -> Iterator[BinaryIO]:
        yield io.BytesIO("€uro,漢字\n".encode())

    assert detect(opener, "x").reason.endswith("3 characters are not ASCII")


# Compression


def test_a_gzip_file_is_known_by_its_bytes_and_read(leads: Path) -> None:
    spec = surveyed(leads, gzip.compress(NAMES.encode("cp1252")))
    assert (spec.compression, spec.encoding, spec.rows) == ("gzip", "cp1252", 2)
    assert [row.cells[1] for row in rows(leads, spec)] == ["Jürgen Weiß", "François Müller"]


def test_a_truncated_or_damaged_gzip_file_is_refused(leads: Path) -> None:
    whole = gzip.compress(b"".join(b"%d,x\n" % n for n in range(50_000)))
    assert "ends too early" in refusal(leads, whole[:-20])
    assert "ends too early" in refusal(leads, whole[:8])
    assert "damaged gzip" in refusal(leads, whole[:2000] + b"\x00\x01\x02" + whole[2003:])
    assert "damaged gzip" in refusal(leads, whole + b"garbage")


def test_gzip_in_gzip_and_nothing_in_gzip_are_refused(leads: Path) -> None:
    assert "unpack it" in refusal(leads, gzip.compress(gzip.compress(b"a,b\n1,2\n")))
    assert "is empty" in refusal(leads, gzip.compress(b""))


def test_a_gzip_bomb_is_stopped(leads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "EXPANSION_FLOOR", 1 << 20)
    assert "1,000 times its size" in refusal(leads, gzip.compress(b"\n" * (8 << 20)))
