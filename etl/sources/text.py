"""Delimited text: its records with the line on which each begins.

The grammar is RFC 4180's as Python's ``csv`` reads it in strict mode, with the delimiter found, and with CR,
LF and CRLF as line ends.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from etl.errors import InputError
from etl.records import PREFIXED
from etl.sources import encodings
from etl.sources.files import open_bytes
from etl.sources.rows import GROUP_ROWS, GROUP_SIZE, Record, Records, line_ends

if TYPE_CHECKING:
    from _csv import Reader

FIELD_LIMIT = 12 << 20
"""Characters that a cell may have."""
_BLOCK = 1 << 17
"""Characters of lines that are read at a time, at least."""
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
        with closing(self._blocks(first)) as blocks:
            for block in blocks:
                yield from block

    def records(self, first: int) -> Generator[Record, None, None]:
        """The records from the line ``first`` on: the line on which each begins, and its cells.

        A blank line is a record without cells. InputError, with the line, for broken quoting.
        """
        with closing(self.groups(first)) as groups:
            for lines, cells in groups:
                yield from zip(lines, cells, strict=True)

    def groups(
        self, first: int, *, rows: int = GROUP_ROWS, size: int = GROUP_SIZE
    ) -> Generator[Records, None, None]:
        """The same by up to ``rows``, fewer where more than ``size`` characters were read for them.

        The first record, which is the header mostly, comes alone; the error after the group of the records
        before it.
        """
        csv.field_size_limit(FIELD_LIMIT)
        with closing(self._blocks(first)) as blocks:
            lines = _Lines(blocks)
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=self.spaced)
            line = first
            wanted = 1
            while True:
                cells: list[list[str]] = []
                ends: list[int] = []
                broken = _read_on(reader, lines, cells, ends, rows=wanted, size=size)
                wanted = rows
                if cells:
                    following = [first + end for end in ends]
                    if self.unprefix:
                        cells = [[_without_prefix(cell) for cell in record] for record in cells]
                    yield Records([line, *following[:-1]], cells)
                    line = following[-1]
                if broken:
                    raise self._broken(line, str(broken)) from broken
                if not cells:
                    return

    def _blocks(self, first: int) -> Generator[list[str], None, None]:
        """The lines from the one numbered ``first`` on, by some hundreds."""
        try:
            with (
                open_bytes(self.path, self.label, compression=self.compression) as stream,
                io.TextIOWrapper(stream, self.encoding, "strict", newline="") as text,
            ):
                start = [line.lstrip("\ufeff") for line in islice(text, 1)]
                if first == 1:
                    yield start
                for _above in islice(text, max(first - 2, 0)):
                    pass
                while block := text.readlines(_BLOCK):
                    yield block
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.label} has bytes that are not {encodings.display(self.encoding)}; "
                "save it as UTF-8, or state its encoding."
            ) from error

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


class _Lines:
    """Lines out of blocks of them, and the characters of the blocks that were begun since this was 0."""

    def __init__(self, blocks: Iterable[list[str]]) -> None:
        self._lines = chain.from_iterable(map(self._begun, blocks))
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def _begun(self, block: list[str]) -> list[str]:
        self.size += sum(map(len, block))
        return block


def _read_on(
    reader: Reader, lines: _Lines, cells: list[list[str]], ends: list[int], *, rows: int, size: int
) -> csv.Error | None:
    """Put a group's records into ``cells``, and into ``ends`` how many lines were read at the end of each.

    Gives the error that ended it, if one did.
    """
    lines.size = 0
    try:
        for record in islice(reader, rows):
            cells.append(record)
            ends.append(reader.line_num)
            if lines.size > size:
                break
    except csv.Error as error:
        return error
    return None


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
