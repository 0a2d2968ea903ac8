"""The survey: one careful look at the whole input before anything is sent.

It gives a ``SourceSpec``: what the input is, where its header stands, how many rows it has, what was left
out, and by what evidence. With it the reader gives the same rows every time. An input that is unsound
anywhere (encoding, quoting, truncation) is refused as a whole: nothing is half imported.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice, takewhile
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from etl.errors import DiskFullError, InputError, StateError
from etl.records import SourceSpec
from etl.sources import LeftOutTally, Source, data_records, find_header, is_blank
from etl.sources.encodings import detect
from etl.sources.files import check_readable, chunks, open_bytes, sniff
from etl.sources.sheetxml import column_letters
from etl.sources.text import Text, find_delimiter, refuse_markup
from etl.sources.workbook import Sheet, choose_sheet

RESULT_COLUMNS = frozenset({"obi_row", "obi_error"})
"""Columns by which a results or rejects file of an earlier run is known."""


class SurveyOptions(Struct, frozen=True, kw_only=True):
    """What the user states about the input; empty is "find out". ``header_row`` counts from 1.

    ``hidden`` is ``refuse``, ``include`` or ``exclude``: hidden rows and columns of a workbook.
    """

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int | None = None
    hidden: str = "refuse"


def spool(source: Path | BinaryIO, target: Path) -> None:
    """Copy the bytes of ``source`` to ``target``, for our user only, and on the disk when this returns.

    A copy that did not become whole is not left behind. Raises InputError where the source can't be read,
    DiskFullError or StateError where the copy can't be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        with _opened_for_copy(source) as stream, _writing(target):
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy:
                for chunk in _read(stream, source):
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            part.replace(target)
            _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def fingerprint(path: Path) -> str:
    """SHA-256 of the file's bytes as they are (still compressed), as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_bytes(path, path.name) as stream:
        for chunk in chunks(stream):
            digest.update(chunk)
    return digest.hexdigest()


def survey(path: Path, options: SurveyOptions = SurveyOptions(), *, name: str = "") -> SourceSpec:  # noqa: B008
    """What the input at ``path`` is; with its bytes, all that the reader needs.

    ``name`` is what errors call it, by default the file's name. A header without rows is no error here: the
    spec's ``rows`` are 0 and the pipeline decides. Raises InputError for all that can't be read as a whole.
    """
    label = name or path.name
    _check_options(options)
    size = check_readable(path, label)
    kind, compression = sniff(path, label)
    found = SourceSpec(
        kind=kind,
        header=(),
        header_line=0,
        rows=0,
        fingerprint=fingerprint(path),
        size=size,
        compression=compression,
        hidden=options.hidden,
    )
    if kind == "csv":
        return _survey_text(path, found, options, label=label)
    return _survey_sheet(path, found, options, label=label)


def _check_options(options: SurveyOptions) -> None:
    if options.header_row is not None and options.header_row < 1:
        raise InputError(f"header_row is {options.header_row}, but lines count from 1; mend it.")
    if options.hidden not in ("refuse", "include", "exclude"):
        raise InputError(f"hidden is {options.hidden!r}; say refuse, include or exclude.")


def _survey_text(path: Path, found: SourceSpec, options: SurveyOptions, *, label: str) -> SourceSpec:
    encoding = detect(
        lambda: open_bytes(path, label, compression=found.compression), label, stated=options.encoding
    )
    text = Text(path, label=label, compression=found.compression, encoding=encoding.name)
    refuse_markup(text)
    delimiter = find_delimiter(text, stated=options.delimiter, header_row=options.header_row)
    text.delimiter = delimiter.character
    first = options.header_row or delimiter.hint_lines + 1
    line, header = find_header(text.records(first), label=label, header_row=options.header_row)
    text.unprefix = any(cell.strip().lower() in RESULT_COLUMNS for cell in header)
    if text.unprefix:
        line, header = next(text.records(line))
    tally = LeftOutTally()
    with closing(text.lines()) as lines:
        for above, content in enumerate(islice(lines, line - 1), 1):
            if above > delimiter.hint_lines and content.strip():
                tally("title", above)
    gzip = ("gzip, because the file begins with that format's mark",) if found.compression else ()
    spec = replace(
        found,
        encoding=encoding.name,
        delimiter=delimiter.character,
        unprefix=text.unprefix,
        header=tuple(header),
        header_line=line,
        evidence=(*gzip, encoding.reason, delimiter.reason, *_header_evidence(header, f"line {line:,}")),
    )
    return _counted(text, spec, tally)


def _survey_sheet(path: Path, found: SourceSpec, options: SurveyOptions, *, label: str) -> SourceSpec:
    name, reason = choose_sheet(path, label=label, kind=found.kind, stated=options.sheet)
    sheet = Sheet(path, label=label, kind=found.kind, name=name)
    skipped = sheet.hidden_rows if options.hidden == "exclude" else frozenset[int]()
    records = (record for record in sheet.records(1) if record[0] not in skipped)
    line, header = find_header(records, label=f"{label}, sheet {name!r}", header_row=options.header_row)
    while is_blank(header[-1:]):
        header.pop()
    if options.hidden == "refuse":
        _refuse_hidden(sheet, line, len(header))
    tally = LeftOutTally()
    for above, cells in takewhile(lambda record: record[0] < line, sheet.records(1)):
        if not is_blank(cells):
            tally("title", above)
    hidden = sheet.hidden_columns if options.hidden == "exclude" else frozenset[int]()
    kind = f"{found.kind}, by the content of the file"
    blind = (
        ()
        if found.kind == "xlsx"
        else (f"hidden rows and columns are read: {found.kind} does not tell them",)
    )
    where = f"row {line:,}"
    spec = replace(
        found,
        sheet=name,
        header=tuple(header),
        header_line=line,
        hidden_columns=tuple(sorted(at for at in hidden if 0 <= at < len(header))),
        evidence=(kind, reason, *blind, *_header_evidence(header, where, first_column=sheet.first_column)),
    )
    return _counted(sheet, spec, tally)


def _counted(source: Source, spec: SourceSpec, tally: LeftOutTally) -> SourceSpec:
    """``spec`` with its rows, ragged rows and left out lines counted over the whole input."""
    rows = ragged = 0
    records = source.records(spec.header_line)
    for _, _, extra in data_records(records, spec, hidden_rows=source.hidden_rows, leave_out=tally):
        rows += 1
        ragged += extra != ""
    return replace(spec, rows=rows, ragged=ragged, left_out=tally.result())


def _refuse_hidden(sheet: Sheet, header_line: int, width: int) -> None:
    """InputError where content, from the header on, stands in hidden rows or columns."""
    if not sheet.hidden_rows and not sheet.hidden_columns:
        return
    rows = 0
    columns: set[int] = set()
    watched = [at for at in sheet.hidden_columns if 0 <= at < width]
    for row, cells in sheet.records(header_line):
        rows += row in sheet.hidden_rows and not is_blank(cells)
        columns.update(at for at in watched if not is_blank(cells[at : at + 1]))
    if rows or columns:
        raise InputError(
            f"{sheet.label}, sheet {sheet.name!r}: {rows:,} rows and {len(columns):,} columns with content "
            "are hidden; say --hidden include to read them or --hidden exclude to leave them out."
        )


def _header_evidence(header: Sequence[str], where: str, *, first_column: int = 0) -> list[str]:
    """Sentences on the header; columns are numbered, in a sheet (``first_column`` > 0) lettered."""
    evidence = [f"header on {where} with {len(header):,} columns"]
    unnamed = [
        column_letters(first_column + at) if first_column else str(at + 1)
        for at, name in enumerate(header)
        if is_blank(name)
    ]
    if unnamed:
        evidence.append(f"without a name: column {', '.join(unnamed)}")
    evidence.extend(
        f"{count} columns are called {name!r}"
        for name, count in Counter(name.strip() for name in header).items()
        if name and count > 1
    )
    return evidence


@contextmanager
def _opened_for_copy(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        check_readable(source, source.name)
        with open_bytes(source, source.name) as stream:
            yield stream
    else:
        yield source


def _read(stream: BinaryIO, source: Path | BinaryIO) -> Iterator[bytes]:
    label = source.name if isinstance(source, Path) else "the standard input"
    try:
        yield from chunks(stream)
    except OSError as error:
        raise InputError(f"{label} can't be read to its end ({error}); try again.") from error


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"No space left in {target.parent} for a copy of the input; free some."
            ) from error
        raise StateError(f"{target} can't be written ({error.strerror}); check the state folder.") from error


def _sync_folder(folder: Path) -> None:
    # The new name must survive a power cut too; Windows has no handle of a folder, and needs none.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
