"""Binary Office Open XML workbooks (xlsb), read as a stream of records ([MS-XLSB], 2.1.4 and 2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from struct import Struct as Layout

from etl.sources import package
from etl.sources.cells import BUILT_IN, ERRORS, NumberFormat, formatted, number_format, number_text
from etl.sources.grid import LONG_TEXT, Extent, Facts, Merge, SheetInfo, SheetRow, put
from etl.sources.package import MOST_ELEMENTS, Package
from etl.sources.strings import Strings

# Records, by the names of [MS-XLSB] 2.3.2 without their Brt.
_ROW_HDR = 0
_CELL_BLANK, _CELL_RK, _CELL_ERROR, _CELL_BOOL, _CELL_REAL, _CELL_ST, _CELL_ISST = range(1, 8)
_FMLA_STRING, _FMLA_NUM, _FMLA_BOOL, _FMLA_ERROR = range(8, 12)
_SHORT_BLANK, _SHORT_ISST = 12, 18
_SST_ITEM = 19
_FMT, _XF = 44, 47
_COL_INFO = 60
_CELL_R_STRING = 62
_WB_PROP, _BUNDLE_SH = 153, 156
_MERGE_CELL = 176
_BEGIN_CELL_XFS, _END_CELL_XFS = 617, 618

_MEANING = {_FMLA_STRING: _CELL_ST, _FMLA_NUM: _CELL_REAL, _FMLA_BOOL: _CELL_BOOL, _FMLA_ERROR: _CELL_ERROR}
_CELLS = frozenset({*range(_CELL_BLANK, _FMLA_ERROR + 1), _CELL_R_STRING})
_LONGEST_HEAD = 6
_LONGEST_RECORD = 4 << 20
_MOST_CHARACTERS = 1 << 20

_NUMBER = Layout("<I").unpack_from
_SHORT = Layout("<H").unpack_from
_REAL = Layout("<d").unpack_from
_PAIR = Layout("<II").unpack_from
_FOUR = Layout("<IIII").unpack_from


class Xlsb:
    """An xlsb workbook; opening it reads all but the cells. Raises whatever its damage raises."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.from_1904 = False
        self.sheets: list[SheetInfo] = []
        with package.opened(path) as parts:
            book = package.main_part(parts, "xl/workbook.bin")
            relations = parts.relations(book)
            self._read_book(parts, book, relations)
            others = {relation.kind: relation.part for relation in relations.values()}
            self._strings_part = others.get("sharedStrings", "")
            styles = others.get("styles", "")
            self._formats = _formats(parts, styles) if styles in parts else []

    def _read_book(self, parts: Package, book: str, relations: dict[str, package.Relation]) -> None:
        for kind, content in _few_records(parts, book):
            if kind == _WB_PROP:
                self.from_1904 = bool(content[0] & 1)
            elif kind == _BUNDLE_SH:
                identifier, at = _text(content, 8)
                name, _ = _text(content, at)
                relation = relations.get(identifier)
                if relation and relation.kind == "worksheet":
                    visible = _NUMBER(content)[0] == 0
                    self.sheets.append(SheetInfo(name, visible, relation.part))

    def rows(self, sheet: SheetInfo, facts: Facts) -> Iterator[SheetRow]:
        """The rows with content, in order. Raises whatever the damage of the sheet raises."""
        extent = Extent()
        row, hidden = 0, False
        cells: list[str] = []
        column = 0
        with package.opened(self._path) as parts:
            for kind, content in _records(parts.chunks(sheet.place)):
                if kind in _CELLS:
                    column = _NUMBER(content)[0] + 1
                    text = self._cell_text(kind, content)
                elif _SHORT_BLANK <= kind <= _SHORT_ISST:  # these lack the column: it is the next one
                    column += 1
                    text = self._cell_text(kind - _SHORT_BLANK + 1, bytes(4) + content)
                elif kind == _ROW_HDR:
                    if cells:
                        extent.check(row, cells)
                        yield row, hidden, cells
                    row = _NUMBER(content)[0] + 1
                    hidden = bool(content[11] & 0x10) or not any(content[8:10])
                    cells, column = [], 0
                    continue
                else:
                    _note(facts, kind, content)
                    continue
                if len(text) > LONG_TEXT:
                    extent.hold(text)
                put(cells, column, text)
        if cells:
            extent.check(row, cells)
            yield row, hidden, cells

    def _cell_text(self, kind: int, content: bytes) -> str:
        kind = _MEANING.get(kind, kind)
        if kind == _CELL_ISST:
            return self._strings[_NUMBER(content, 8)[0]]
        if kind in {_CELL_RK, _CELL_REAL}:
            value = _rk(_NUMBER(content, 8)[0]) if kind == _CELL_RK else _REAL(content, 8)[0]
            style = _NUMBER(content, 4)[0] & 0xFFFFFF
            shown = self._formats[style] if style < len(self._formats) else None
            return formatted(value, shown, from_1904=self.from_1904) if shown else number_text(value)
        if kind == _CELL_ST:
            return _text(content, 8)[0]
        if kind == _CELL_R_STRING:
            return _text(content, 9)[0]
        if kind == _CELL_BOOL:
            return "TRUE" if content[8] else "FALSE"
        return ERRORS.get(content[8], "#ERROR") if kind == _CELL_ERROR else ""

    @cached_property
    def _strings(self) -> Strings:
        strings = Strings()
        with package.opened(self._path) as parts:
            if self._strings_part in parts:
                for kind, content in _records(parts.chunks(self._strings_part)):
                    if kind == _SST_ITEM:
                        strings.append(_text(content, 1)[0])
        return strings


def _formats(parts: Package, styles: str) -> list[NumberFormat | None]:
    codes = dict(BUILT_IN)
    used: list[int] = []
    in_cells = False
    for kind, content in _few_records(parts, styles):
        if kind == _FMT:
            codes[_SHORT(content)[0]] = _text(content, 2)[0]
        elif kind in {_BEGIN_CELL_XFS, _END_CELL_XFS}:
            in_cells = kind == _BEGIN_CELL_XFS
        elif kind == _XF and in_cells:
            used.append(_SHORT(content, 2)[0])
    return [number_format(codes.get(number, "General")) for number in used]


def _note(facts: Facts, kind: int, content: bytes) -> None:
    if kind == _COL_INFO:
        first, last, width, _ = _FOUR(content)
        if content[16] & 1 or not width:
            facts.hide_columns(first + 1, last + 1)
    elif kind == _MERGE_CELL:
        top, bottom, left, right = _FOUR(content)
        facts.merge(Merge(top + 1, left + 1, bottom + 1, right + 1))


def _few_records(parts: Package, part: str) -> Iterator[tuple[int, bytes]]:
    """The records of a part that is no sheet; ValueError for more than could be meant."""
    for count, record in enumerate(_records(parts.chunks(part))):
        if count > MOST_ELEMENTS:
            raise ValueError("records without end")
        yield record


def _records(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The records of a part: their types and contents. ValueError where one ends too early or is vast."""
    buffer = b""
    at = 0
    while True:
        if len(buffer) - at < _LONGEST_HEAD:
            buffer = buffer[at:] + next(chunks, b"")
            at = 0
            if not buffer:
                return
        kind = buffer[at]
        at += 1
        if kind & 0x80:
            kind = (kind & 0x7F) | (buffer[at] & 0x7F) << 7
            at += 1
        size = 0
        for shift in range(0, 28, 7):
            byte = buffer[at]
            at += 1
            size |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
        if size > _LONGEST_RECORD:
            raise ValueError("a record without end")
        while len(buffer) - at < size:
            more = next(chunks, b"")
            if not more:
                raise ValueError("a record that ends too early")
            buffer = buffer[at:] + more
            at = 0
        yield kind, buffer[at : at + size]
        at += size


def _text(content: bytes, at: int) -> tuple[str, int]:
    """The text whose length stands at ``at``, and where it ends; 0xFFFFFFFF characters are none at all."""
    (length,) = _NUMBER(content, at)
    if length == 0xFFFFFFFF:
        return "", at + 4
    end = at + 4 + 2 * length
    if length > _MOST_CHARACTERS or end > len(content):
        raise ValueError("a text that ends too early")
    return content[at + 4 : end].decode("utf-16-le"), end


def _rk(packed: int) -> float:
    """A number in four bytes ([MS-XLSB] 2.5.122): an integer or the upper half of a float, or a hundredth."""
    if packed & 2:
        whole = packed >> 2
        value = float(whole - (1 << 30) if whole >= 1 << 29 else whole)
    else:
        (value,) = _REAL(bytes(4) + (packed & 0xFFFFFFFC).to_bytes(4, "little"))
    return value / 100 if packed & 1 else value
