"""Delimited text: its delimiter, its header, and its records with the line on which each begins.

The grammar is RFC 4180's as Python's ``csv`` reads it in strict mode, with the delimiter found, and with CR,
LF and CRLF as line ends.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from etl.errors import InputError
from etl.records import PREFIXED
from etl.sources import encodings
from etl.sources.files import open_bytes
from etl.sources.rows import Record

FIELD_LIMIT = 64 << 20
"""Characters that a cell may have."""
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SAMPLE_RECORDS = 1000
_SAMPLE_SIZE = 4 << 20
_HINT = re.compile(r'"?sep=(.)"?[\r\n]*\Z', re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"\s*<(!doctype|html|head|body|table|\?xml|!--)", re.IGNORECASE)
_JSON = re.compile(r'\s*\[?\s*\{\s*("|\}|\Z)')


class Delimiter(NamedTuple):
    """The delimiter, the sentence that says why, and the lines (0 or 1) that a ``sep=`` hint takes up."""

    character: str
    reason: str
    hint_lines: int


class Text:
    """A delimited text whose encoding and delimiter are known."""

    hidden_rows: frozenset[int] = frozenset()

    def __init__(
        self,
        path: Path,
        *,
        label: str,
        compression: str,
        encoding: str,
        delimiter: str = ",",
        unprefix: bool = False,
    ) -> None:
        self.path = path
        self.label = label
        self.compression = compression
        self.encoding = encoding
        self.delimiter = delimiter
        self.unprefix = unprefix

    def lines(self, first: int = 1) -> Generator[str, None, None]:
        """The lines from the one numbered ``first`` on, with their ends, without a byte order mark."""
        try:
            with (
                open_bytes(self.path, self.label, compression=self.compression) as stream,
                io.TextIOWrapper(stream, self.encoding, "strict", newline="") as text,
            ):
                start = (line.lstrip("\ufeff") for line in islice(text, 1))
                yield from islice(chain(start, text), first - 1, None)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.label} has bytes that are not {encodings.display(self.encoding)}; "
                "save it as UTF-8, or state its encoding."
            ) from error

    def records(self, first: int) -> Iterator[Record]:
        """The records from the line ``first`` on: the line on which each begins, and its cells.

        A blank line is a record without cells. InputError, with the line, for broken quoting.
        """
        csv.field_size_limit(FIELD_LIMIT)
        with closing(self.lines(first)) as lines:
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            before = first - 1
            line = first
            try:
                if self.unprefix:
                    for cells in reader:
                        yield line, [_without_prefix(cell) for cell in cells]
                        line = before + reader.line_num + 1
                else:
                    for cells in reader:
                        yield line, cells
                        line = before + reader.line_num + 1
            except csv.Error as error:
                raise self._broken(line, str(error)) from error

    def _broken(self, begin: int, what: str) -> InputError:
        line, closed = self._last_quoted(begin)
        if closed:
            return InputError(
                f"{self.label}, line {line:,}: text follows the closing quote of a field that opens on this "
                f'line; write quotes inside of a quoted field twice ("").'
            )
        if "limit" in what:
            return InputError(
                f"{self.label}, line {line:,}: a field that opens on this line is longer than "
                f"{FIELD_LIMIT >> 20} MiB; its closing quote is probably missing."
            )
        return InputError(
            f"{self.label}, line {line:,}: a quoted field that opens on this line is never closed; "
            'close it, or write a quote that belongs to the text twice ("").'
        )

    def _last_quoted(self, begin: int) -> tuple[int, bool]:
        """Where the field that breaks the record at line ``begin`` opens, and whether its quote is closed."""
        size = 0
        parts = []
        with closing(self.lines(begin)) as lines:
            for part in lines:
                parts.append(part)
                size += len(part)
                if size > FIELD_LIMIT:
                    break
        text = "".join(parts)
        quoted = re.compile(r'"[^"]*(?:""[^"]*)*"')
        end = re.compile(f"{re.escape(self.delimiter)}|\r\n|\r|\n|\\Z")
        at = 0
        closed = False
        while at < len(text):
            opens = at
            if text[at] == '"':
                match = quoted.match(text, at)
                closed = match is not None
                if match is None or not end.match(text, match.end()):
                    break
                at = match.end()
            found = end.search(text, at)
            at = found.end() if found and found.end() > at else at + 1
        return begin + _line_ends(text[:opens]), closed


def refuse_markup(text: Text) -> None:
    """InputError for a web page, XML or JSON that calls itself a table."""
    with closing(text.lines()) as lines:
        head = "".join(islice(lines, 20))[:4096]
    if _MARKUP.match(head):
        raise InputError(
            f"{text.label} is a web page or XML, whatever its name says; open it in a spreadsheet "
            "program and save it as CSV or xlsx."
        )
    if _JSON.match(head):
        raise InputError(f"{text.label} is JSON, not a table; export it as CSV or xlsx.")


def find_delimiter(text: Text, *, stated: str = "", header_row: int | None = None) -> Delimiter:
    """The delimiter by the user's word, by a ``sep=`` line, or by the most consistent number of fields.

    Counted are the first 1,000 records outside of quotes, from the header on. A candidate that does not
    part the header is none: a file of one column has no delimiter, and then any that parts nothing serves.
    """
    with closing(text.lines()) as lines:
        hint = _HINT.match(next(lines, ""))
    hint_lines = 1 if hint else 0
    first = header_row or hint_lines + 1
    if stated:
        character = _stated(stated)
        return Delimiter(character, f"{_name(character)}, because it is stated", hint_lines)
    if hint and hint[1] not in '"\r\n':
        return Delimiter(hint[1], f"{_name(hint[1])}, because line 1 says so (sep=)", hint_lines)
    sample = _sample(text, first)
    measured = {candidate: _field_counts(sample, candidate) for candidate in DELIMITERS}
    parting = {
        candidate: Counter(counts).most_common(1)[0]
        for candidate, counts in measured.items()
        if counts and counts[0] > 1
    }
    if not parting:
        character = max(DELIMITERS, key=lambda candidate: measured[candidate].count(1))
        return Delimiter(character, "one column, because no delimiter parts the header", hint_lines)

    def consistency(candidate: str) -> float:
        fields, agreeing = parting[candidate]
        # weighed by the fields, so that a comma inside of one text column never beats the true delimiter
        return agreeing / len(measured[candidate]) * (fields - 1) / fields

    character = max(parting, key=consistency)
    fields, agreeing = parting[character]
    total = len(measured[character])
    return Delimiter(
        character,
        f"{_name(character)}, because {agreeing:,} of {total:,} records have {fields:,} fields with it",
        hint_lines,
    )


def _sample(text: Text, first: int) -> list[str]:
    sample = []
    size = 0
    with closing(text.lines(first)) as lines:
        for line in islice(lines, 5 * _SAMPLE_RECORDS):
            sample.append(line)
            size += len(line)
            if size > _SAMPLE_SIZE:
                break
    return sample


def _field_counts(sample: list[str], delimiter: str) -> list[int]:
    """Fields of each record that is not blank, up to the first that can't be read with this delimiter."""
    csv.field_size_limit(FIELD_LIMIT)
    counts: list[int] = []
    reader = csv.reader(sample, delimiter=delimiter, strict=True)
    with suppress(csv.Error):
        counts.extend(len(cells) for cells in islice(reader, _SAMPLE_RECORDS) if any(cells))
    return counts


def _stated(delimiter: str) -> str:
    names = {name: character for character, name in DELIMITERS.items()} | {"\\t": "\t"}
    character = names.get(delimiter.lower(), delimiter)
    if len(character) != 1 or character in '"\r\n':
        raise InputError(f"{delimiter!r} can't be a delimiter; give one character, or tab.")
    return character


def _name(delimiter: str) -> str:
    return DELIMITERS.get(delimiter, repr(delimiter))


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _without_prefix(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in PREFIXED else cell
