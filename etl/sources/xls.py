"""Excel workbooks up to 2003 (xls), by way of xlrd ([MS-XLS]).

xlrd holds a sheet in memory, which is bounded here: 65,536 rows of 256 cells, and nothing is compressed.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import xlrd
from xlrd.biffh import XL_CELL_BOOLEAN, XL_CELL_DATE, XL_CELL_ERROR, XL_CELL_NUMBER, XL_CELL_TEXT

from etl.sources.cells import ERRORS, NumberFormat, formatted, number_format, number_text
from etl.sources.codepages import find_code_page
from etl.sources.grid import EncryptedError, Extent, Facts, Merge, SheetInfo, SheetRow, put

_FIRST_UNICODE = 80
"""The version of the format (BIFF 8, Excel 97) from which on texts are Unicode."""


class Xls:
    """An xls workbook, of which one sheet at a time is in memory. Raises whatever its damage raises."""

    def __init__(self, path: Path) -> None:
        try:
            # The log is xlrd's standard output; what it warns of is no concern of a reader of cells.
            self._book = xlrd.open_workbook(
                str(path), logfile=io.StringIO(), formatting_info=True, on_demand=True, ragged_rows=True
            )
        except xlrd.XLRDError as error:
            if "encrypted" in str(error).lower():
                raise EncryptedError from error
            raise
        weakref.finalize(self, self._book.release_resources)
        # xlrd tells a sheet's visibility only once all of the sheet is loaded.
        visibility = self._book._sheet_visibility  # noqa: SLF001
        self.sheets = [
            SheetInfo(name, not state, str(at))
            for at, (name, state) in enumerate(zip(self._book.sheet_names(), visibility, strict=True))
        ]
        self._loaded = self._code_page = ""
        self._formats: dict[int, NumberFormat | None] = {}

    def rows(self, sheet: SheetInfo, facts: Facts) -> Iterator[SheetRow]:
        """The rows with content, in order. Raises whatever the damage of the sheet raises."""
        grid = self._load(sheet.place)
        _note(grid, facts)
        extent = Extent()
        for row in range(grid.nrows):
            cells: list[str] = []
            for column, (kind, value) in enumerate(
                zip(grid.row_types(row), grid.row_values(row), strict=True)
            ):
                put(cells, column + 1, self._cell_text(kind, value, grid=grid, at=(row, column)))
            if cells:
                extent.check(row + 1, cells)
                yield row + 1, _is_hidden(grid.rowinfo_map.get(row)), cells

    def _load(self, place: str) -> Any:
        if self._loaded and self._loaded != place:
            self._book.unload_sheet(int(self._loaded))
        self._loaded = place
        grid = self._book.sheet_by_index(int(place))
        if self._book.biff_version < _FIRST_UNICODE and self._book.codepage is None:
            self._code_page = _code_page(grid)
        return grid

    def _cell_text(self, kind: int, value: Any, *, grid: Any, at: tuple[int, int]) -> str:
        if kind == XL_CELL_TEXT:
            return value.encode("latin-1").decode(self._code_page) if self._code_page else str(value)
        if kind in {XL_CELL_NUMBER, XL_CELL_DATE}:
            shown = self._format(grid.cell_xf_index(*at))
            from_1904 = self._book.datemode == 1
            return formatted(value, shown, from_1904=from_1904) if shown else number_text(value)
        if kind == XL_CELL_BOOLEAN:
            return "TRUE" if value else "FALSE"
        return ERRORS.get(value, "#ERROR") if kind == XL_CELL_ERROR else ""

    def _format(self, number: int | None) -> NumberFormat | None:
        # Scripts write streams of bare cells, without the formats that these name.
        if number is None or number >= len(self._book.xf_list):
            return None
        if number not in self._formats:
            key = self._book.xf_list[number].format_key
            self._formats[number] = number_format(self._book.format_map[key].format_str)
        return self._formats[number]


def _code_page(grid: Any) -> str:
    """What the texts are in of a workbook that does not say so, as scripts write them; empty for ASCII.

    xlrd takes them for Latin-1. ValueError where nothing tells.
    """
    texts = chain.from_iterable(
        (
            value
            for kind, value in zip(grid.row_types(row), grid.row_values(row), strict=True)
            if kind == XL_CELL_TEXT
        )
        for row in range(grid.nrows)
    )
    words = b" ".join(
        word
        for text in texts
        if not text.isascii()
        for word in text.encode("latin-1").split()
        if not word.isascii()
    )
    try:
        return "utf-8" if words.decode() else ""
    except UnicodeDecodeError:
        found, _ = find_code_page(words)
    if not found:
        raise ValueError("a text in an unknown code page")
    return found


def _note(grid: Any, facts: Facts) -> None:
    for column, info in grid.colinfo_map.items():
        if info.hidden or not info.width:
            facts.hide_columns(column + 1, column + 1)
    for top, below, left, right in grid.merged_cells:
        facts.merge(Merge(top + 1, left + 1, below, right))


def _is_hidden(info: Any) -> bool:
    return info is not None and bool(info.hidden or info.height == 0)
