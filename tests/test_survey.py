"""What the survey finds, and what it refuses as a whole."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from etl import spooling
from etl.errors import DiskFullError, InputError, StateError
from etl.reader import frames, rows
from etl.records import LeftOut
from etl.spooling import spool
from etl.survey import SurveyOptions, fingerprint, survey


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def refusal(path: Path, options: SurveyOptions | None = None) -> str:
    with pytest.raises(InputError) as caught:
        survey(path, options or SurveyOptions())
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_plain_file_is_surveyed_with_evidence(leads: Path) -> None:
    leads.write_text("ID;Phone\n1;020 7946 0000\n2;020 7946 0001\n", "utf-8")
    spec = survey(leads)
    assert (spec.kind, spec.encoding, spec.delimiter, spec.compression) == ("csv", "utf-8", ";", "")
    assert (spec.header, spec.header_line, spec.rows, spec.ragged) == (("ID", "Phone"), 1, 2, 0)
    assert spec.evidence == (
        "UTF-8, because the whole file decodes as such and all of it is ASCII",
        "semicolon, because 3 of 3 records have 2 fields with it",
        "lines end in LF",
        "header on line 1 with 2 columns",
    )


def test_fingerprint_and_size_are_of_the_bytes_as_they_came(leads: Path) -> None:
    data = gzip.compress(b"ID,Phone\n1,2\n")
    leads.write_bytes(data)
    spec = survey(leads)
    assert spec.fingerprint == hashlib.sha256(data).hexdigest() == fingerprint(leads)
    assert (spec.size, spec.compression, spec.rows) == (len(data), "gzip", 1)


def test_blank_lines_and_repeated_headers_are_no_rows_and_are_told(leads: Path) -> None:
    leads.write_text("ID,Phone\n\n1,2\n , \n ID ,Phone\n3,4\n,\n", "utf-8")
    spec = survey(leads)
    assert spec.rows == 2
    assert spec.left_out == (LeftOut("blank", 3, (2, 4, 7)), LeftOut("repeated header", 1, (5,)))


def test_of_many_left_out_lines_the_first_twenty_are_kept(leads: Path) -> None:
    leads.write_text("ID,Phone\n" + "\n" * 30 + "1,2\n", "utf-8")
    assert survey(leads).left_out == (LeftOut("blank", 30, tuple(range(2, 22))),)


def test_ragged_rows_are_counted(leads: Path) -> None:
    leads.write_text("a,b,c\n1,2\n1,2,3\n1,2,3,4\n1,2,3,\n", "utf-8")
    spec = survey(leads)
    assert (spec.rows, spec.ragged) == (4, 3)


def test_the_header_may_stand_below_blank_lines(leads: Path) -> None:
    leads.write_text("\n , \nID,Phone\n1,2\n", "utf-8")
    spec = survey(leads)
    assert (spec.header, spec.header_line, spec.rows) == (("ID", "Phone"), 3, 1)


def test_a_stated_header_row_leaves_the_title_above_it_out(leads: Path) -> None:
    leads.write_text('Leads, "spring" of 2027\n\nID;Phone\n1;2\n', "utf-8")
    spec = survey(leads, SurveyOptions(header_row=3))
    assert (spec.header, spec.header_line, spec.rows) == (("ID", "Phone"), 3, 1)
    assert spec.left_out == (LeftOut("title", 1, (1,)),)


def test_a_header_is_kept_as_written_with_blanks_and_duplicates(leads: Path) -> None:
    leads.write_text(" ID ,Phone,,Phone\n1,2,3,4\n", "utf-8")
    spec = survey(leads)
    assert spec.header == (" ID ", "Phone", "", "Phone")
    assert spec.evidence[-2:] == ("without a name: column 3", "2 columns are called 'Phone'")


def test_a_file_with_a_header_only_has_no_rows_and_is_no_error(leads: Path) -> None:
    leads.write_text("ID,Phone\n", "utf-8")
    assert survey(leads).rows == 0


@pytest.mark.parametrize("content", [b"", b"\n\n", b" , \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_without_content_is_refused(leads: Path, content: bytes) -> None:
    leads.write_bytes(content)
    assert refusal(leads).startswith("leads.csv")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html><html><table><tr><td>ID</td></tr></table>", "web page"),
        (b"\xef\xbb\xbf \n<html xmlns:x='urn:x'><body>", "web page"),
        ('<html><body><table border="1">'.encode("utf-16"), "web page"),
        (b'<?xml version="1.0"?><Workbook/>', "web page or XML"),
        (b'[\n {"id": 1}]', "JSON"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"PK\x03\x04 not really a zip", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is damaged"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "encrypted",
        ),
        (bytes(range(256)) * 8, "binary"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "leads.xls"
    path.write_bytes(content)
    assert what in refusal(path)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    assert "is not there" in refusal(tmp_path / "none.csv")
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refusal(tmp_path / "pipe")


def test_an_unreadable_file_is_refused(
    leads: Path, ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    leads.write_text("a,b\n")
    leads.chmod(0)
    with ordinary_user():
        assert "may not be read" in refusal(leads)


def test_errors_use_the_name_that_is_given(leads: Path) -> None:
    leads.write_bytes(b"")
    with pytest.raises(InputError, match=r"^standard input is empty"):
        survey(leads, name="standard input")


@pytest.mark.parametrize("options", [SurveyOptions(header_row=0), SurveyOptions(hidden="maybe")])
def test_options_that_make_no_sense_are_refused(leads: Path, options: SurveyOptions) -> None:
    leads.write_text("a,b\n1,2\n")
    refusal(leads, options)


def test_a_stated_header_row_must_be_there_and_not_blank(leads: Path) -> None:
    leads.write_text("a,b\n\n1,2\n")
    assert "line 2: the header row that is stated is blank" in refusal(leads, SurveyOptions(header_row=2))
    assert "no record that begins on line 9" in refusal(leads, SurveyOptions(header_row=9))


def test_a_results_file_is_known_by_its_columns(leads: Path) -> None:
    leads.write_text("'=ID,Phone,obi_row,obi_status\n1,'+44,1,invalid\n", "utf-8")
    spec = survey(leads)
    assert spec.unprefix
    assert spec.header[0] == "=ID"
    assert spec.columns == ((0, "=ID"), (1, "Phone"))


@pytest.mark.parametrize("as_stream", [False, True])
def test_a_spooled_copy_is_whole_and_only_ours(tmp_path: Path, leads: Path, *, as_stream: bool) -> None:
    data = os.urandom(3 << 20)
    leads.write_bytes(data)
    target = tmp_path / "spool.bin"
    spool(io.BytesIO(data) if as_stream else leads, target)
    assert target.read_bytes() == data
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == sorted([leads, target])


def test_a_source_that_breaks_off_leaves_no_copy(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError("gone")

    with pytest.raises(InputError, match="gone"):
        spool(Broken(), tmp_path / "copy")
    with pytest.raises(InputError, match="is not there"):
        spool(tmp_path / "none.csv", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_cannot_be_written_is_a_state_error(tmp_path: Path) -> None:
    with pytest.raises(StateError):
        spool(io.BytesIO(b"x"), tmp_path / "no folder" / "copy")


def test_a_full_disk_has_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError), spooling._writing(tmp_path / "copy"):
        raise OSError(errno.ENOSPC, "No space left on device")


_STARTS = (
    b"",
    b"\x1f\x8b\x08",
    b"PK\x03\x04",
    b"\xff\xfe",
    b'a,"',
    b"ID;Phone\n1;2\n",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from(_STARTS),
    data=st.one_of(
        st.binary(max_size=300),
        st.text(st.sampled_from('a1é,;\t|"\n\r \x00\ufeff'), max_size=200).map(str.encode),
    ),
)
@example(start=b'a,"', data=b'"\ra')
def test_any_bytes_give_a_spec_that_holds_or_an_input_error(
    tmp_path: Path, start: bytes, data: bytes
) -> None:
    path = tmp_path / "fuzz"
    path.write_bytes(start + data)
    try:
        spec = survey(path, SurveyOptions(fit=lambda cells: len({"ID", "Phone"} & set(cells))))
    except InputError:
        return
    assert spec.rows == sum(1 for _ in rows(path, spec)) == sum(len(frame) for frame in frames(path, spec))
