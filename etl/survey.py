"""The survey: one careful look at the whole input before anything is sent.

It gives a ``SourceSpec``: what the input is, where its header stands, how many rows it has, what was left
out, and by what evidence. With it the reader gives the same rows every time. An input that is unsound
anywhere (encoding, quoting, truncation) is refused as a whole: nothing is half imported.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import re
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import closing
from itertools import islice, takewhile
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from etl.errors import InputError
from etl.quoting import counted
from etl.records import SourceSpec
from etl.sources import (
    FOOTER_ROWS,
    DataRecord,
    DataRecords,
    Fit,
    LeftOutTally,
    Source,
    find_header,
    footer_line,
    is_blank,
    is_other_header,
    rows_of,
)
from etl.sources.cells import column_letters
from etl.sources.delimiters import find_delimiter
from etl.sources.encodings import detect
from etl.sources.files import check_readable, chunks, open_bytes, sniff
from etl.sources.header import may_hold_contact
from etl.sources.rows import too_few, too_many
from etl.sources.text import Text, refuse_markup
from etl.sources.workbook import Sheet, choose_sheet
from etl.vocabulary import is_number_of_nobody, telephone

_HEAD = 64 << 10
_OTHER_HEADER = (
    "a record among the rows names columns, and not as the header does: another table begins there; put each "
    "table into a file of its own."
)
_TWO_HEADERS = (
    "this record below the header names columns too, and not as the header does; leave one line that says of "
    "each column what it holds, or state the right one: --header-row N."
)
RESULT_COLUMNS = frozenset({"obi_row", "obi_error"})
"""Columns by which a results or rejects file of an earlier run is known."""
_MAIL = re.compile(r"\s*e-?mail(?:[\s_-]*address)?[\s_-]*\d?\s*", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_UNNAMED = "without a name: column "


class SurveyOptions(Struct, frozen=True, kw_only=True):
    """What the user states about the input; empty is "find out". ``header_row`` counts from 1.

    ``hidden`` is ``refuse``, ``include`` or ``exclude``: hidden rows and columns of a workbook. ``fit`` tells
    how many cells of a record are names of known columns: by it a header is found below a title block.
    """

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int | None = None
    hidden: str = "refuse"
    fit: Fit | None = None


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
    of_a_kind = _survey_text if kind == "csv" else _survey_sheet
    if _is_stated(options) and _is_ours(path, kind, label=label):
        ours = of_a_kind(path, found, SurveyOptions(hidden=options.hidden, fit=options.fit), label=label)
        sentence = "results or rejects of a run, for which what is stated of their source does not hold"
        return replace(ours, evidence=(sentence, *ours.evidence))
    return of_a_kind(path, found, options, label=label)


def _check_options(options: SurveyOptions) -> None:
    if options.header_row is not None and options.header_row < 1:
        raise InputError(f"header_row is {options.header_row}, but lines count from 1; mend it.")
    if options.hidden not in ("refuse", "include", "exclude"):
        raise InputError(f"hidden is {options.hidden!r}; say refuse, include or exclude.")


def _is_stated(options: SurveyOptions) -> bool:
    return any((options.encoding, options.delimiter, options.sheet, options.header_row))


def _is_ours(path: Path, kind: str, *, label: str) -> bool:
    """Whether an input is a results or rejects file as we write them, whatever its source was like."""
    try:
        if kind == "csv":
            with open_bytes(path, label) as stream:
                head = stream.read(_HEAD).decode("utf-8-sig", "ignore")
            header = next(csv.reader(io.StringIO(head, newline="")), [])
        else:
            name, _ = choose_sheet(path, label=label, kind=kind)
            _, header = next(Sheet(path, label=label, kind=kind, name=name).header_records(), (0, []))
    except (InputError, csv.Error):  # ours are UTF-8, and neither broken nor of endless fields
        return False
    return _has_result_columns(header)


def _has_result_columns(header: Sequence[str]) -> bool:
    return any(cell.strip().lower() in RESULT_COLUMNS for cell in header)


def _survey_text(path: Path, found: SourceSpec, options: SurveyOptions, *, label: str) -> SourceSpec:
    encoding = detect(
        lambda: open_bytes(path, label, compression=found.compression), label, stated=options.encoding
    )
    text = Text(path, label=label, compression=found.compression, encoding=encoding.name)
    refuse_markup(text)
    delimiter = find_delimiter(text, stated=options.delimiter, header_row=options.header_row, fit=options.fit)
    text.delimiter = delimiter.character
    text.spaced = delimiter.spaced
    first = options.header_row or delimiter.hint_lines + 1
    line, header = find_header(
        text.records(first), label=label, header_row=options.header_row, fit=options.fit
    )
    text.unprefix = _has_result_columns(header)
    if text.unprefix:
        line, header = next(text.records(line))
    tally = LeftOutTally()
    with closing(text.lines()) as lines:
        for above, content in enumerate(islice(lines, line - 1), 1):
            if above > delimiter.hint_lines and content.strip(f'{delimiter.character}" \t\r\n'):
                tally("title", above)
    packed = (
        (f"{found.compression}, because the file begins with that format's mark",)
        if found.compression
        else ()
    )
    spec = replace(
        found,
        encoding=encoding.name,
        delimiter=delimiter.character,
        unprefix=text.unprefix,
        spaced=text.spaced,
        header=tuple(header),
        header_line=line,
        evidence=(
            *packed,
            encoding.reason,
            *delimiter.reasons,
            *_header_evidence(header, f"line {line:,}"),
            *_title_evidence(tally),
        ),
    )
    return _counted(text, spec, tally, fit=options.fit)


def _survey_sheet(path: Path, found: SourceSpec, options: SurveyOptions, *, label: str) -> SourceSpec:
    name, reason = choose_sheet(path, label=label, kind=found.kind, stated=options.sheet)
    sheet = Sheet(path, label=label, kind=found.kind, name=name)
    skipped = sheet.hidden_rows if options.hidden == "exclude" else frozenset[int]()
    records = (record for record in sheet.header_records() if record[0] not in skipped)
    line, header = find_header(
        records, label=f"{label}, sheet {name!r}", header_row=options.header_row, fit=options.fit
    )
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
    where = f"row {line:,}"
    spec = replace(
        found,
        sheet=name,
        first_column=sheet.first_column,
        header=tuple(header),
        header_line=line,
        hidden_columns=tuple(sorted(at for at in hidden if 0 <= at < len(header))),
        evidence=(
            kind,
            reason,
            *sheet.notes,
            *_header_evidence(header, where, first_column=sheet.first_column),
            *_title_evidence(tally),
        ),
    )
    return _counted(sheet, spec, tally, fit=options.fit)


def _counted(source: Source, spec: SourceSpec, tally: LeftOutTally, *, fit: Fit | None) -> SourceSpec:
    """``spec`` with all that only the whole input tells: its rows, its footer, and what is ragged of it."""
    titles = copy.deepcopy(tally)
    found, narrower = _counted_once(source, spec, tally, fit=fit)
    if narrower.header == spec.header and narrower.trailing == spec.trailing:
        return found
    # Anew: what was a row may repeat a header that is shorter by a column.
    again = replace(narrower, rows=0, ragged=0, end_line=0, left_out=())
    return _counted(source, again, titles, fit=fit)


def _counted_once(
    source: Source, spec: SourceSpec, tally: LeftOutTally, *, fit: Fit | None
) -> tuple[SourceSpec, SourceSpec]:
    """The counted ``spec``, and the same or one without the delimiter that ends each line."""
    rows = 0
    ragged = _Ragged(spec.header)
    unnamed = _unnamed_at_end(spec)
    names = _Names(source.label, spec.header, fit) if fit else None
    last: deque[DataRecord] = deque([(spec.header_line, list(spec.header), "")], maxlen=FOOTER_ROWS + 1)
    for group in rows_of(source, spec, leave_out=tally):
        if names:
            names.refuse_in(group, rows_above=rows)
        rows += len(group.lines)
        if unnamed and not all(is_blank(record[-unnamed:]) for record in group.cells):
            unnamed = 0
        ragged.count_in(group)
        last.extend(zip(*(each[-FOOTER_ROWS - 1 :] for each in group), strict=True))
    end = footer_line(list(last), width=len(spec.header), sheet=spec.kind != "csv")
    for line, cells, extra in last:
        if end and line >= end:
            tally("footer", line)
            rows -= 1
            if extra:
                ragged.count(cells, extra, by=-1)
    found = replace(spec, rows=rows, ragged=ragged.rows, end_line=end, left_out=tally.result())
    if unnamed and rows and not ragged.rows:
        return found, _without_unnamed(found, unnamed)
    return found, _without_trailing(found, ragged) if 0 < rows == ragged.alike else found


def _unnamed_at_end(spec: SourceSpec) -> int:
    """How many of the last columns of a text have no name; a sheet's are gone by now."""
    if spec.kind != "csv":
        return 0
    named = [at for at, name in enumerate(spec.header, 1) if not is_blank(name)]
    return len(spec.header) - max(named, default=len(spec.header))


def _without_unnamed(spec: SourceSpec, count: int) -> SourceSpec:
    """``spec`` without its last columns, which have neither names nor content: a delimiter ends each line."""
    sentence = "the header and every record end with a delimiter, and no column is there"
    evidence = tuple(each for each in spec.evidence if not each.startswith(_UNNAMED))
    unnamed = _unnamed_evidence(spec.header[:-count])
    return replace(
        spec, header=spec.header[:-count], trailing=count, evidence=(*evidence, *unnamed, sentence)
    )


def _is_known(header: Sequence[str], fit: Fit) -> bool:
    """Whether a header is one; a line of data or a title may stand in its place."""
    return fit(header) > 0 and not any(map(may_hold_contact, header))


class _Names:
    """Looks among rows for a record that names columns, as another table's header does."""

    def __init__(self, label: str, header: Sequence[str], fit: Fit) -> None:
        self._label = label
        self._header = header
        self._fit = fit
        self._digits_at = 0

    def refuse_in(self, group: DataRecords, *, rows_above: int) -> None:
        """InputError where there is one; below no row, only if the header itself is one."""
        # Names of columns end in one digit at most: most rows show in one look, where the last row had more.
        at = self._digits_at
        unclear = [cells for cells in group.cells if not cells[at][-2:].isdecimal()]
        if not unclear:
            return
        for row, (line, cells) in enumerate(zip(group.lines, group.cells, strict=True), rows_above):
            if cells[self._digits_at][-2:].isdecimal():
                continue
            if is_other_header(cells, self._fit) and (row or _is_known(self._header, self._fit)):
                raise InputError(f"{self._label}, line {line:,}: {_OTHER_HEADER if row else _TWO_HEADERS}")
            self._digits_at = next(
                (at for at, cell in enumerate(cells) if cell[-2:].isdecimal()), self._digits_at
            )


class _Ragged:
    """Rows that are ragged; ``alike`` as the first of them is, ``shifted`` as by a comma in a text."""

    def __init__(self, header: Sequence[str]) -> None:
        self._lines = [at for at, name in enumerate(header) if telephone(name) or is_number_of_nobody(name)]
        self._mails = [at for at, name in enumerate(header) if _MAIL.fullmatch(name)]
        self.pattern = ""
        self.rows = self.alike = self.shifted = 0

    def count_in(self, group: DataRecords) -> None:
        if any(group.extras):
            for cells, extra in zip(group.cells, group.extras, strict=True):
                if extra:
                    self.count(cells, extra)

    def count(self, cells: Sequence[str], extra: str, *, by: int = 1) -> None:
        self.pattern = self.pattern or extra
        self.rows += by
        self.alike += by * (extra == self.pattern)
        self.shifted += by * self._is_shifted(cells)

    def _is_shifted(self, cells: Sequence[str]) -> bool:
        """Whether what stands in a cell belongs into the one before it."""
        # A blank begins what a delimiter within a text has cut off, and a backslash would have kept it.
        if any((cell[:1] == " " and not is_blank((cell,))) or cell[-1:] == "\\" for cell in cells):
            return True
        wordy = any(cells[at].strip() and not _DIGIT.search(cells[at]) for at in self._lines)
        return wordy or any(cells[at].strip() and "@" not in cells[at] for at in self._mails)


def _without_trailing(spec: SourceSpec, ragged: _Ragged) -> SourceSpec:
    """``spec`` of a text all of whose rows differ from the header by the same: a delimiter at the end."""
    if spec.kind != "csv" or any(name.strip().lower() == "obi_extra" for name in spec.header):
        return spec
    if ragged.shifted * 2 > spec.rows and not any(name[:1] == " " for name in spec.header):
        return spec
    pattern = ragged.pattern
    width = len(spec.header)
    # The words of raggedness say by how many fields; their grammar is that of ``data_records``.
    fields = int("".join(filter(str.isdigit, pattern)) or 0)
    if pattern == too_many(fields):
        sentence = "every record ends with a delimiter that the header lacks"
        return replace(spec, ragged=0, trailing=fields, evidence=(*spec.evidence, sentence))
    if pattern == too_few(fields) and is_blank(spec.header[width - fields :]):
        sentence = "the header ends with a delimiter that the records lack"
        header = spec.header[: width - fields]
        return replace(spec, ragged=0, header=header, evidence=(*spec.evidence, sentence))
    return spec


def _title_evidence(tally: LeftOutTally) -> list[str]:
    return [
        f"{left.count:,} title line{'s' * (left.count > 1)} above it"
        for left in tally.result()
        if left.reason == "title"
    ]


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
        counts = ((rows, "row"), (len(columns), "column"))
        hidden = " and ".join(counted(count, thing) for count, thing in counts if count)
        are, them = ("is", "it") if rows + len(columns) == 1 else ("are", "them")
        raise InputError(
            f"{sheet.label}, sheet {sheet.name!r}: {hidden} with content {are} hidden; say --hidden include "
            f"to read {them} or --hidden exclude to leave {them} out."
        )


def _header_evidence(header: Sequence[str], where: str, *, first_column: int = 0) -> list[str]:
    """Sentences on the header; columns are numbered, in a sheet (``first_column`` > 0) lettered."""
    evidence = [f"header on {where} with {counted(len(header), 'column')}"]
    evidence.extend(_unnamed_evidence(header, first_column=first_column))
    evidence.extend(
        f"{count} columns are called {name!r}"
        for name, count in Counter(name.strip() for name in header).items()
        if name and count > 1
    )
    return evidence


def _unnamed_evidence(header: Sequence[str], *, first_column: int = 0) -> list[str]:
    unnamed = [
        column_letters(first_column + at) if first_column else str(at + 1)
        for at, name in enumerate(header)
        if is_blank(name)
    ]
    return [f"{_UNNAMED}{', '.join(unnamed)}"] if unnamed else []
