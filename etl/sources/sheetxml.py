"""What a sheet's XML tells and the workbook reader does not: hidden rows and columns, and error cells.

Read as a stream by expat, with document types refused, so that no entity is ever expanded. The parts of a
package are those of ECMA-376 (Office Open XML).
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from pathlib import Path
from typing import Any
from xml.parsers import expat

from defusedxml.ElementTree import fromstring
from msgspec import Struct

from etl.errors import InputError

_CHUNK = 1 << 20
_MARKS = (b"hidden", b't="e"', b"t='e'", b"<!DOCTYPE")
_WIDE = re.compile(rb"""\sr=["']([A-Z]{2,3})\d""")
_LONG = re.compile(rb"""\sr=["'][A-Z]*(\d{6,7})["']""")
_OVERLAP = 24
_MOST_CELLS = 100_000_000
"""python-calamine lays a sheet out as a full rectangle of about 30 bytes a cell, blank or not."""
_SMALL_PART = 16 << 20
_LAST_COLUMN = 16_384
_TRUE = ("1", "true")


class SheetFacts(Struct, frozen=True):
    """Rows and columns are numbered from 1; ``errors`` maps (row, column) to text such as ``#N/A``."""

    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    errors: dict[tuple[int, int], str] = {}


def sheet_facts(path: Path, sheet: str, *, label: str) -> SheetFacts:
    """The facts of the sheet of this name in an xlsx package; InputError where its XML is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = _sheet_part(archive, sheet)
            marked, rows, columns = _scan(archive, part)
            _refuse_vast(rows, columns, where=f"{label}, sheet {sheet!r}")
            if not marked:
                return SheetFacts()
            collector = _Collector()
            with archive.open(part) as stream:
                while chunk := stream.read(_CHUNK):
                    collector.parser.Parse(chunk, False)  # noqa: FBT003  -- expat takes it by position only
                collector.parser.Parse(b"", True)  # noqa: FBT003
            return collector.facts()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{label} is a damaged workbook (sheet {sheet!r}); save it again.") from error


def _refuse_vast(rows: int, columns: int, *, where: str) -> None:
    if rows * columns > _MOST_CELLS:
        raise InputError(
            f"{where} reaches to column {column_letters(columns)} and row {rows:,}; "
            "delete the stray cells right of and below the table."
        )


def _sheet_part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The path in the archive of the sheet called ``sheet``, by way of the workbook's relationships."""
    book = _part(archive, "xl/workbook.xml")
    relation = next(
        value
        for element in book.iter()
        if _local(element.tag) == "sheet" and element.get("name") == sheet
        for name, value in element.items()
        if _local(name) == "id"
    )
    relations = _part(archive, "xl/_rels/workbook.xml.rels")
    target = next(str(element.get("Target")) for element in relations if element.get("Id") == relation)
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _part(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as stream:
        return fromstring(stream.read(_SMALL_PART), forbid_dtd=True)


def _scan(archive: zipfile.ZipFile, part: str) -> tuple[bool, int, int]:
    """Whether a full parse can find anything, and at most how many rows and columns the cells take up.

    A fast look at the bytes: in UTF-8, the names of attributes can't be written in any other way. Extents
    are found only where they are large: up to row 99,999 and column Z there is nothing to look for.
    """
    marked = False
    rows, columns = 99_999, 26
    tail = b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            window = tail + chunk
            marked = marked or b"\x00" in window[:4] or any(mark in window for mark in _MARKS)
            wide = {match[1] for match in _WIDE.finditer(window)}
            columns = max([columns, *(column_number(letters.decode()) for letters in wide)])
            rows = max(rows, max((int(match[1]) for match in _LONG.finditer(window)), default=0))
            tail = window[-_OVERLAP:]
    return marked, rows, columns


class _Collector:
    """The handlers of one parse: rows, columns and cells as they begin, and the text of error cells."""

    def __init__(self) -> None:
        self.rows: set[int] = set()
        self.columns: set[int] = set()
        self.errors: dict[tuple[int, int], str] = {}
        self._row = 0
        self._column = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.StartDoctypeDeclHandler = self._refuse

    def facts(self) -> SheetFacts:
        return SheetFacts(frozenset(self.rows), frozenset(self.columns), self.errors)

    def _refuse(self, *_declaration: object) -> None:
        raise ValueError("a document type in a sheet")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if name == "c":
            self._cell(attributes)
        elif name == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
            if attributes.get("hidden") in _TRUE:
                self.rows.add(self._row)
        elif name == "col" and attributes.get("hidden") in _TRUE:
            first, last = int(attributes["min"]), int(attributes["max"])
            self.columns.update(range(first, min(last, _LAST_COLUMN) + 1))

    def _cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        self._column = column_number(reference) if reference else self._column + 1
        if attributes.get("t") == "e":
            self.parser.CharacterDataHandler = self._text
            self.parser.EndElementHandler = self._end

    def _text(self, text: str) -> None:
        # A formula stands before the value in its cell, so the last text is the value's.
        self.errors[self._row, self._column] = text

    def _end(self, tag: str) -> None:
        if _local(tag) == "c":
            self.parser.CharacterDataHandler = None
            self.parser.EndElementHandler = None


def column_number(reference: str) -> int:
    """3 for ``C5`` or ``C``."""
    number = 0
    for letter in reference:
        if not letter.isalpha():
            break
        number = number * 26 + ord(letter.upper()) - 64
    return number


def column_letters(number: int) -> str:
    """``C`` for 3."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2]
