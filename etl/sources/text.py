"""Delimited text: its records with the line on which each begins.

The grammar is RFC 4180's as Python's ``csv`` reads it in strict mode, with the delimiter found, and with CR,
LF and CRLF as line ends.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from etl.errors import InputError
from etl.records import PREFIXED
from etl.sources import encodings
from etl.sources.files import open_bytes
from etl.sources.rows import Record, line_ends

FIELD_LIMIT = 12 << 20
"""Characters that a cell may have."""
_MARKUP = re.compile(r"\s*(<(!doctype|html|head|body|table|\?xml|!--)|mime-version:)", re.IGNORECASE)
_JSON = re.compile(r'\s*\[?\s*\{\s*("|\}|\Z)')


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
        spaced: bool = False,
    ) -> None:
        self.path = path
        self.label = label
        self.compression = compression
        self.encoding = encoding
        self.delimiter = delimiter
        self.unprefix = unprefix
        self.spaced = spaced

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
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=self.spaced)
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
        line, state = self._last_quoted(begin)
        if state == "escaped":
            return InputError(
                f"{self.label}, line {line:,}: a quote inside of a quoted field is escaped with a backslash, "
                'as databases do it; export it again with quotes written twice ("").'
            )
        if state == "closed":
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

    def _last_quoted(self, begin: int) -> tuple[int, str]:
        """Where the field that breaks the record at line ``begin`` opens, and how it is.

        That is ``open``, ``closed`` with text behind its quote, or ``escaped``: so by a backslash.
        """
        whole = io.StringIO()  # a list of millions of short lines would take ten times as much
        with closing(self.lines(begin)) as lines:
            for part in lines:
                whole.write(part)
                if whole.tell() > FIELD_LIMIT:
                    break
        text = whole.getvalue()
        quoted = re.compile(r'"[^"]*(?:""[^"]*)*"')
        end = re.compile(f"{re.escape(self.delimiter)}|\r\n|\r|\n|\\Z")
        at = 0
        state = "open"
        while at < len(text):
            opens = at
            if text[at] == '"':
                match = quoted.match(text, at)
                if match is None:
                    state = "open"
                    break
                if not end.match(text, match.end()):
                    state = "escaped" if text[match.end() - 2] == "\\" else "closed"
                    break
                at = match.end()
            found = end.search(text, at)
            at = found.end() if found and found.end() > at else at + 1
        return begin + line_ends(text[:opens]), state


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


def _without_prefix(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in PREFIXED else cell
