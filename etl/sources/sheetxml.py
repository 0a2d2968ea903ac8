"""A sheet's XML as rows (ECMA-376 part 1, 18.3), fed piece by piece.

Rows of the form that nearly all programs write are taken by a pattern; whatever differs from it goes through
expat. Both give the same text, and the pattern may not be wider than what expat takes for such a row.
"""

from __future__ import annotations

import re
from string import ascii_letters

from etl.sources.cells import (
    LAST_COLUMN,
    LAST_ROW,
    NOT_CALCULATED,
    NumberFormat,
    column_number,
    iso_text,
    raw_text,
    unescaped,
)
from etl.sources.grid import LONG_TEXT, Extent, Facts, Merge, SheetRow, put
from etl.sources.package import DEEPEST, MOST_TEXT, Markup, local
from etl.sources.strings import Strings

TRUE = ("1", "true", "on")
"""How an attribute says yes."""
_TAGS = ("c", "v", "f", "t", "row")
_LETTERS = re.compile(r"[A-Za-z]{1,3}\Z")
_RANGE = re.compile(r"([A-Z]{1,3})(\d+):([A-Z]{1,3})(\d+)\Z", re.IGNORECASE)
_MOST_ODD = 2_000_000
_HEAD = 200
_ENCODING = re.compile(rb"""encoding=["']([\w-]+)""")
_ROW_END = b"</row>"

_TEXT = r"[^<&\x00-\x08\x0b-\x1f]"
_VALUE = rf"<v>({_TEXT}*+)</v>"
_INLINE = rf'<is><t(?: xml:space="preserve")?>({_TEXT}*+)</t></is>'
_STYLE_AND_KIND = r'(?: s="(\d{1,6})")?(?: t="(\w{1,9})")?'
_CELL = rf'<c r="([A-Z]{{1,3}})\d{{1,7}}"{_STYLE_AND_KIND}(?:/>|>(?:{_VALUE}|{_INLINE})?</c>)'
_CELLS = re.sub(r"\((?!\?)", "(?:", _CELL.replace(r"\d{1,7}", "(?P=row)"))
_PLAIN_ATTRIBUTE = r' (?!hidden|ht="0)[\w:]+="[^"<&]*"'
_PLAIN_ROW = re.compile(
    rf'<row r="(?P<row>[1-9]\d{{0,6}})"(?:{_PLAIN_ATTRIBUTE})*+(?:/>|>((?:{_CELLS})*+)</row>)'.encode()
)
_BLANK_ROW = re.compile(
    rb"""<row r=["'][^<>]*+(?:(?<=/)>|>(?:<c r=[^<>]*+(?<=/)>)*+</row>)(?=<row r=|</sheetData)"""
)
"""A row without any content, before one that has its own number."""
_PLAIN_CELLS = re.compile(_CELL)


class Values:
    """What the cells of a workbook refer to: shared strings, number formats, the system of dates.

    ``to_calculate``: the program that wrote the workbook leaves calculating to whoever opens it.
    """

    def __init__(
        self,
        strings: Strings,
        formats: list[NumberFormat | None],
        *,
        from_1904: bool,
        to_calculate: bool,
    ) -> None:
        self.strings = strings
        self.formats = formats
        self.from_1904 = from_1904
        self.to_calculate = to_calculate

    def text(self, kind: str, style: str, raw: str) -> str:
        """The text of a cell of this kind (``t``, ``n`` where there is none), format (``s``) and content."""
        if kind == "s":
            return self.strings[int(raw)] if raw else ""
        if kind == "n" or not kind:
            number = int(style or 0)
            shown = self.formats[number] if number < len(self.formats) else None
            return raw_text(raw, shown, from_1904=self.from_1904) if raw else ""
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(raw, raw.upper())
        if kind == "d":
            return iso_text(raw)
        return raw if kind == "e" else unescaped(raw)


class SheetReading:
    """One pass through a sheet: pieces of it are fed, and rows taken as they become whole."""

    def __init__(self, values: Values, facts: Facts) -> None:
        self._values = values
        self._facts = facts
        self._extent = Extent()
        self._rows: list[SheetRow] = []
        self._places: dict[str, int] = {}
        self._name("")
        self._depth = self._phonetic = self._odd = 0
        self._row = self._column = 0
        self._digits = ""
        self._in_row = self._in_cell = self._hidden = self._formula = self._has_value = False
        self._text = self._value = self._kind = self._style = ""
        self._runs: list[str] = []
        self._runs_size = 0
        self._cells: list[str] = []
        self._in_data = False
        self._begun = False
        self._patterned = True
        self._rest = b""
        self._markup = Markup(self._start, self._end, self._characters)

    def feed(self, chunk: bytes) -> None:
        """Take some more of the sheet; empty bytes end it."""
        data = self._rest + chunk
        self._rest = b""
        if self._patterned and not self._is_plain(data):
            self._patterned = False
        if self._patterned and not self._in_row:
            # Sheets that somebody has formatted to their end have a million of blank rows.
            data = _BLANK_ROW.sub(b"", data)
        at = 0
        while self._patterned:
            if self._in_data and not self._in_row:
                at = self._take_plain_rows(data, at)
            end = data.find(_ROW_END, at)
            if end < 0:
                break
            end += len(_ROW_END)
            self._markup.feed(data[at:end])
            at = end
        rest = data[at:]
        if self._patterned and chunk and len(rest) < MOST_TEXT:
            self._rest = rest
            return
        self._patterned = False
        if rest:
            self._markup.feed(rest)
        if not chunk:
            self._markup.feed(b"")

    def taken(self) -> list[SheetRow]:
        """The rows that became whole since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _is_plain(self, data: bytes) -> bool:
        """Whether what looks like a row must be one: in UTF-8, outside of comments and the like."""
        if not self._begun:
            declared = _ENCODING.search(data[:_HEAD])
            self._begun = True
            if b"\0" in data[:_HEAD] or (declared and declared[1].lower() not in {b"utf-8", b"us-ascii"}):
                return False
            data = data.replace(b"<?xml ", b"", 1)
        return b"<!" not in data and b"<?" not in data

    def _take_plain_rows(self, data: bytes, at: int) -> int:
        """Takes the plain rows from ``at`` on, and gives where the first begins that is none."""
        values_text, places = self._values.text, self._places
        while found := _PLAIN_ROW.match(data, at):
            at = found.end()
            self._row = int(found[1])
            cells: list[str] = []
            for letters, style, kind, value, inline in _PLAIN_CELLS.findall((found[2] or b"").decode()):
                if inline and kind == "inlineStr" and "_x" not in inline:
                    text = inline  # by far the most cells of files that are written by programs
                else:
                    text = values_text(kind, style, value or inline)
                if text:
                    column = places.get(letters) or self._place_of(letters)
                    if column == len(cells) + 1 <= LAST_COLUMN:
                        cells.append(text)
                    else:
                        put(cells, column, text)
            if cells:
                self._extent.check(self._row, cells)
                self._rows.append((self._row, False, cells))
        return at

    # Every other cell of a sheet comes through the three handlers: what is usual is asked for first.

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._text = ""
        if tag == self._c:
            if self._in_cell:
                raise ValueError("a cell in a cell")
            self._in_cell = True
            reference = attributes.get("r")
            column = self._place(reference) if reference else self._column + 1
            if column <= self._column or column > LAST_COLUMN:
                self._count_odd()
            self._column = column
            self._kind = attributes.get("t", "")
            self._style = attributes.get("s", "")
            self._value = ""
            self._has_value = self._formula = False
        elif tag == self._v:
            if self._has_value:
                raise ValueError("two values in a cell")
            self._has_value = True
        elif tag == self._row_tag:
            self._begin_row(attributes)
        else:
            self._depth += 1
            self._count_odd()
            if tag == self._f:
                self._formula = True
            elif tag != self._t:
                self._other(tag, attributes)

    def _count_odd(self) -> None:
        """Counts elements of a row, or outside of rows, that nothing else bounds."""
        self._odd += 1
        if self._depth > DEEPEST or self._odd > _MOST_ODD:
            raise ValueError("elements without end")

    def _characters(self, more: str) -> None:
        if not self._text:
            self._text = more
        else:
            self._text += more
            if len(self._text) > MOST_TEXT:
                raise ValueError("a text without end")

    def _end(self, tag: str) -> None:
        if tag == self._v:
            self._value = self._text
        elif tag == self._c:
            self._in_cell = False
            self._end_cell()
        elif tag == self._row_tag:
            self._end_row()
        else:
            self._depth -= 1
            if tag == self._t and not self._phonetic:
                self._add_run()
                return
            name = local(tag)
            if name == "rPh":
                self._phonetic -= 1
            elif name == "sheetData":
                self._in_data = False

    def _add_run(self) -> None:
        self._runs.append(self._text)
        self._runs_size += len(self._text)
        if self._runs_size > MOST_TEXT:
            raise ValueError("a text without end")

    def _begin_row(self, attributes: dict[str, str]) -> None:
        if self._in_row:
            raise ValueError("a row in a row")
        self._in_row = True
        self._digits = attributes.get("r", "")
        self._row = int(self._digits) if self._digits else self._row + 1
        if self._row > LAST_ROW:
            raise ValueError("a row beyond the sheet")
        self._odd = 0
        self._column = 0
        self._hidden = attributes.get("hidden") in TRUE or _is_zero(attributes.get("ht"))
        self._cells = []

    def _end_row(self) -> None:
        self._in_row = False
        if self._cells:
            self._extent.check(self._row, self._cells)
            self._rows.append((self._row, self._hidden, self._cells))

    def _place(self, reference: str) -> int:
        """The column of a cell; a row without a number has its first cell's."""
        if not self._digits:
            self._digits = reference.lstrip(ascii_letters)
            self._row = int(self._digits)
        if not reference.endswith(self._digits):
            raise ValueError("a cell that is not in its row")
        letters = reference[: -len(self._digits)]
        return self._places.get(letters) or self._place_of(letters)

    def _place_of(self, letters: str) -> int:
        if not _LETTERS.match(letters):
            raise ValueError("a cell that is in no column")
        column = self._places[letters] = column_number(letters)
        return column

    def _end_cell(self) -> None:
        if self._runs:
            self._value += "".join(self._runs)
            self._runs = []
            self._runs_size = 0
        text = self._cell_text()
        if len(text) > LONG_TEXT:
            self._extent.hold(text)
        if text and self._column == len(self._cells) + 1 <= LAST_COLUMN:
            self._cells.append(text)
        else:
            put(self._cells, self._column, text)

    def _cell_text(self) -> str:
        if self._formula and self._is_not_calculated():
            self._facts.not_calculated += 1
            return NOT_CALCULATED
        return self._values.text(self._kind, self._style, self._value)

    def _is_not_calculated(self) -> bool:
        if self._kind == "str":
            return not self._has_value  # an empty text is a formula's result too
        return not self._value or (self._values.to_calculate and self._value == "0")

    def _other(self, tag: str, attributes: dict[str, str]) -> None:
        name = local(tag)
        if self._depth == 1:
            self._name(tag.removesuffix(name))
        elif name == "sheetData":
            self._in_data = True
        elif name == "rPh":
            self._phonetic += 1
        elif self._in_data and name in ("row", "c"):
            raise ValueError("a row or a cell under another prefix")
        elif name == "col":
            if attributes.get("hidden") in TRUE or _is_zero(attributes.get("width")):
                self._facts.hide_columns(int(attributes["min"]), int(attributes["max"]))
        elif name == "mergeCell":
            found = _RANGE.match(attributes.get("ref", ""))
            if found:
                left, top, right, bottom = found.groups()
                self._facts.merge(Merge(int(top), column_number(left), int(bottom), column_number(right)))

    def _name(self, prefix: str) -> None:
        self._c, self._v, self._f, self._t, self._row_tag = (prefix + name for name in _TAGS)


def _is_zero(size: str | None) -> bool:
    return size is not None and float(size) == 0
