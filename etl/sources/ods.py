"""OpenDocument spreadsheets (ods), read as a stream of rows (ODF 1.2 part 1, chapters 9 and 19)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from etl.sources import package
from etl.sources.cells import LAST_COLUMN, LAST_ROW, NOT_CALCULATED, iso_text, raw_text
from etl.sources.grid import (
    MOST_ROW_TEXT,
    EncryptedError,
    Extent,
    Facts,
    Merge,
    SheetInfo,
    SheetRow,
    VastError,
    put,
)
from etl.sources.package import DEEPEST, MOST_TEXT, Markup

_CONTENT = "content.xml"
_MANIFEST = "META-INF/manifest.xml"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_TABLE, _OFFICE, _TEXT, _STYLE = (f"{_OASIS}:{name}:1.0 " for name in ("table", "office", "text", "style"))
_CALC_TYPE = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
_GROUPS = frozenset(
    _TABLE + f"table-{name}"
    for name in ("columns", "header-columns", "column-group", "rows", "header-rows", "row-group")
)
_A_TABLE, _ROW, _COLUMN = (_TABLE + name for name in ("table", "table-row", "table-column"))
_COVERED = _TABLE + "covered-table-cell"
_CELLS = frozenset({_TABLE + "table-cell", _COVERED})
_STRUCTURE = _GROUPS | {_ROW, _COLUMN}
_COLUMNS_REPEATED, _ROWS_REPEATED, _ROWS_SPANNED = (
    _TABLE + name for name in ("number-columns-repeated", "number-rows-repeated", "number-rows-spanned")
)
_PARAGRAPH = _TEXT + "p"
_VALUE_TYPE = _OFFICE + "value-type"
_STYLE_NAME, _VISIBILITY = _TABLE + "style-name", _TABLE + "visibility"
_UNSEEN = frozenset({_OFFICE + "annotation", _TEXT + "note", _TEXT + "ruby-text"})
_NO_SIZE = re.compile(r"0(?:\.0*)?(?:in|cm|mm|pt|px|pc)?\Z")
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?\Z")
_ERROR = re.compile(r"#(?!FMT\Z)[A-Z0-9/]+[!?]?\Z|Err:\d+\Z")
"""What is shown of an error; ``#FMT`` is none, but a number that its format has no room for."""
_MOST_ODD = 5_000_000
_MOST_SHEETS = 10_000
_MOST_REPEATED = 1 << 30
"""Characters that rows may have which stand once in the file and often in the sheet."""
_ERROR_SIGNS = ("#", "E")
_DIALLED = re.compile(r"[+\d ()/-]+\Z")
_TRUTHS = {"TRUE": "1", "FALSE": "0"}
_WHITE = re.compile(r"[ \t\r\n]+")


class Ods:
    """An ods workbook; the first opening goes through all of it. Raises whatever its damage raises."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with package.opened(path) as parts:
            if _MANIFEST in parts and any(
                element.name == "encryption-data" for element in parts.elements(_MANIFEST)
            ):
                raise EncryptedError
        status = path.stat()
        self.sheets = _sheets(path, status.st_size, status.st_mtime_ns)

    def rows(self, sheet: SheetInfo, facts: Facts) -> Iterator[SheetRow]:
        """The rows with content, in order. Raises whatever the damage of the sheet raises."""
        extent = Extent()
        expanded = 0
        reading = _Reading(int(sheet.place), facts)
        for _ in _passed(self._path, reading):
            for first, repeated, hidden, cells in reading.taken():
                if first + repeated - 1 > LAST_ROW:
                    raise ValueError("rows beyond the sheet")
                if repeated > 1:
                    expanded += repeated * sum(map(len, cells))
                    if expanded > _MOST_REPEATED:
                        raise VastError(first + repeated - 1, len(cells))
                for row in range(first, first + repeated):
                    extent.check(row, cells)
                    yield row, hidden, cells.copy()


def _passed(path: Path, handlers: _Tables) -> Iterator[None]:
    """Feeds the content to the handlers, chunk by chunk."""
    markup = Markup(handlers.start, handlers.end, handlers.characters, namespaces=True)
    with package.opened(path) as parts:
        for chunk in parts.chunks(_CONTENT):
            markup.feed(chunk)
            yield


# All sheets are in one part: to list them takes a third of the time that reading takes.
@lru_cache(maxsize=8)
def _sheets(path: Path, _size: int, _changed: int) -> list[SheetInfo]:
    handlers = _Tables()
    for _ in _passed(path, handlers):
        pass
    return handlers.sheets


class _Tables:
    """The handlers of a pass that finds the tables: their names, and which are visible.

    A table inside of another is no sheet.
    """

    def __init__(self) -> None:
        self.sheets: list[SheetInfo] = []
        self._depth = self._inside = 0
        self._style = ""
        self._unseen: set[str] = set()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError("elements nested without end")
        if tag == _A_TABLE:
            if not self._inside:
                self._table(attributes)
            self._inside += 1
        elif not self._inside and tag.startswith(_STYLE):
            self._note_style(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == _A_TABLE:
            self._inside -= 1

    def characters(self, more: str) -> None:
        pass

    def _table(self, attributes: dict[str, str]) -> None:
        visible = attributes.get(_STYLE_NAME, "") not in self._unseen
        place = str(len(self.sheets))
        if len(self.sheets) == _MOST_SHEETS:
            raise ValueError("sheets without end")
        self.sheets.append(SheetInfo(attributes.get(_TABLE + "name", ""), visible, place))

    def _is_unseen(self, attributes: dict[str, str]) -> bool:
        """Whether a row or column is hidden, filtered out, or of no size."""
        if attributes.get(_VISIBILITY, "visible") != "visible":
            return True
        return attributes.get(_STYLE_NAME, "") in self._unseen

    def _note_style(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == _STYLE + "style":
            self._style = attributes.get(_STYLE + "name", "")
        elif attributes.get(_TABLE + "display") == "false" or any(
            _NO_SIZE.match(attributes.get(_STYLE + size, "")) for size in ("row-height", "column-width")
        ):
            self._unseen.add(self._style)


class _Reading(_Tables):
    """The handlers of a pass through one table: rows are taken from it as they become whole."""

    def __init__(self, number: int, facts: Facts) -> None:
        super().__init__()
        self._number = number
        self._facts = facts
        self._rows: list[tuple[int, int, bool, list[str]]] = []
        self._in_table = False
        self._skipped = self._nested = self._spans = self._odd = 0
        self._row = self._column = self._columns = 0
        self._repeated_row = self._repeated = 1
        self._hidden = False
        self._cells: list[str] = []
        self._cell: dict[str, str] | None = None
        self._paragraphs: list[str] = []
        self._pieces: list[str] | None = None
        self._size = self._row_size = 0

    def taken(self) -> list[tuple[int, int, bool, list[str]]]:
        """Rows that became whole since the last call: first number, how many, whether hidden, cells."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._in_table:
            super().start(tag, attributes)
        elif self._skipped or tag in _UNSEEN:
            self._skip()
        elif self._cell is not None:
            self._in_cell(tag, attributes)
        elif tag in _CELLS:
            self._begin_cell(tag, attributes)
        elif tag in _STRUCTURE:
            self._nested += 1
            if self._nested > DEEPEST:
                raise ValueError("elements nested without end")
            if tag == _ROW:
                self._begin_row(attributes)
            elif tag == _COLUMN:
                self._pass_column(attributes)
        else:
            self._skip()

    def characters(self, more: str) -> None:
        if self._pieces is not None and not self._skipped:
            self._limit(len(more))
            plain = "  " not in more and "\n" not in more and "\t" not in more
            self._pieces.append(more if plain else _WHITE.sub(" ", more))

    def end(self, tag: str) -> None:
        if not self._in_table:
            super().end(tag)
        elif self._skipped:
            self._skipped -= 1
        elif self._cell is not None:
            if self._pieces is None:
                self._end_cell(self._cell)
            elif self._spans:
                self._spans -= 1
            else:
                self._paragraphs.append("".join(self._pieces))
                self._pieces = None
        elif tag == _A_TABLE:
            self._in_table = False
            super().end(tag)
        else:
            self._nested -= 1
            if tag == _ROW:
                self._end_row()

    def _table(self, attributes: dict[str, str]) -> None:
        super()._table(attributes)
        self._in_table = len(self.sheets) - 1 == self._number

    def _skip(self) -> None:
        self._skipped += 1
        self._count_odd()
        if self._skipped > DEEPEST:
            raise ValueError("elements nested without end")

    def _count_odd(self) -> None:
        """Counts elements that nothing else bounds."""
        self._odd += 1
        if self._odd > _MOST_ODD:
            raise ValueError("elements without end")

    def _in_cell(self, tag: str, attributes: dict[str, str]) -> None:
        if self._pieces is not None:
            self._spans += 1
            self._limit(1)
            if self._spans > DEEPEST:
                raise ValueError("elements nested without end")
            self._pieces.append(self._white_space(tag, attributes))
        elif tag == _PARAGRAPH:
            self._limit(1)
            self._pieces = []
        else:
            self._skip()

    def _white_space(self, tag: str, attributes: dict[str, str]) -> str:
        if tag == _TEXT + "s":
            spaces = min(int(attributes.get(_TEXT + "c", 1)), MOST_TEXT)
            self._limit(spaces)
            return " " * spaces
        return {_TEXT + "tab": "\t", _TEXT + "line-break": "\n"}.get(tag, "")

    def _limit(self, more: int) -> None:
        self._size += more
        self._row_size += more
        if self._size > MOST_TEXT or self._row_size > MOST_ROW_TEXT:
            raise ValueError("a text without end")

    def _begin_row(self, attributes: dict[str, str]) -> None:
        self._repeated_row = _count(attributes, _ROWS_REPEATED, LAST_ROW)
        self._hidden = self._is_unseen(attributes)
        self._column = self._row_size = 0
        self._count_odd()
        self._cells = []

    def _end_row(self) -> None:
        if self._cells:
            self._rows.append((self._row + 1, self._repeated_row, self._hidden, self._cells))
        self._row += self._repeated_row

    def _pass_column(self, attributes: dict[str, str]) -> None:
        repeated = _count(attributes, _COLUMNS_REPEATED, LAST_COLUMN)
        if self._is_unseen(attributes):
            self._facts.hide_columns(self._columns + 1, self._columns + repeated)
        self._columns += repeated

    def _begin_cell(self, tag: str, attributes: dict[str, str]) -> None:
        self._repeated = _count(attributes, _COLUMNS_REPEATED, LAST_COLUMN)
        self._cell = {} if tag == _COVERED else attributes
        self._paragraphs = []
        self._size = 0
        if _ROWS_SPANNED in self._cell:
            rows = _count(self._cell, _ROWS_SPANNED, LAST_ROW)
            self._facts.merge(Merge(self._row + 1, self._column + 1, self._row + rows, self._column + 1))

    def _end_cell(self, attributes: dict[str, str]) -> None:
        text = self._cell_text(attributes, "\n".join(self._paragraphs)) if attributes else ""
        for column in range(self._column + 1, self._column + self._repeated + 1) if text else ():
            put(self._cells, column, text)
        self._column += self._repeated
        self._cell = None
        if self._column > LAST_COLUMN:
            self._count_odd()

    def _cell_text(self, attributes: dict[str, str], shown: str) -> str:
        kind = attributes.get(_VALUE_TYPE, "")
        if attributes.get(_CALC_TYPE) == "error" or (shown[:1] in _ERROR_SIGNS and _ERROR.match(shown)):
            return shown or "#ERROR"
        if kind == "string" and shown:
            return shown
        # A formula whose result is an empty text has a paragraph, and no value.
        if not kind and not self._paragraphs and _TABLE + "formula" in attributes:
            self._facts.not_calculated += 1
            return NOT_CALCULATED
        if kind in _VALUES:
            name, text_of = _VALUES[kind]
            text = text_of(attributes.get(_OFFICE + name, ""))
            return shown if kind == "float" and _says_more(shown, text) else text
        return shown or attributes.get(_OFFICE + "string-value", "")


def _count(attributes: dict[str, str], name: str, most: int) -> int:
    return max(1, min(int(attributes[name]), most)) if name in attributes else 1


def _says_more(shown: str, text: str) -> bool:
    """Whether a number is shown as more: with zeros in front or a country code, or as true or false."""
    if _TRUTHS.get(shown) == text:
        return True
    if not _DIALLED.match(shown):
        return False
    digits = "".join(filter(str.isdigit, shown))
    return (digits != text or "+" in shown) and digits.endswith(text)


def _time(duration: str) -> str:
    """``10:30:00`` for ``PT10H30M00S``; what is no duration stays what it is."""
    found = _DURATION.match(duration)
    if not found:
        return duration
    sign, days, hours, minutes, seconds, fraction = (part or "" for part in found.groups())
    whole = (int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)
    rest = fraction.rstrip("0")[:3]
    clock = f"{sign}{whole // 60:02}:{whole % 60:02}:{int(seconds or 0):02}"
    return f"{clock}.{rest:0<3}" if rest else clock


_VALUES: dict[str, tuple[str, Callable[[str], str]]] = {
    **dict.fromkeys(("float", "currency", "percentage"), ("value", raw_text)),
    "date": ("date-value", iso_text),
    "time": ("time-value", _time),
    "boolean": ("boolean-value", str.upper),
}
"""Where a value stands, by its type, and how it becomes text."""
