"""Office Open XML workbooks (xlsx, xlsm), read as a stream of rows (ECMA-376 and ISO 29500, strict too)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from etl.sources import package
from etl.sources.cells import BUILT_IN, NumberFormat, number_format, unescaped
from etl.sources.grid import Facts, SheetInfo, SheetRow
from etl.sources.package import Element
from etl.sources.sheetxml import TRUE, SheetReading, Values
from etl.sources.strings import Strings, read_strings

_OF_THE_BOOK = frozenset({"sheet", "workbookPr", "calcPr"})


class Xlsx:
    """An xlsx workbook; opening it reads all but the cells. Raises whatever its damage raises."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with package.opened(path) as parts:
            book = package.main_part(parts, "xl/workbook.xml")
            relations = parts.relations(book)
            elements = [each for each in parts.elements(book) if each.name in _OF_THE_BOOK]
            others = {relation.kind: relation.part for relation in relations.values()}
            self._strings_part = others.get("sharedStrings", "")
            styles = others.get("styles", "")
            formats = _formats(parts.elements(styles)) if styles in parts else []
        self.sheets = [
            SheetInfo(said["name"], said.get("state", "visible") == "visible", relation.part)
            for name, _, said in elements
            if name == "sheet" and (relation := relations.get(said.get("id", "")))
            if relation.kind == "worksheet"
        ]
        flags = {name: said for name, _, said in elements}
        self._formats = formats
        self._from_1904 = flags.get("workbookPr", {}).get("date1904") in TRUE
        self._to_calculate = flags.get("calcPr", {}).get("fullCalcOnLoad") in TRUE

    def rows(self, sheet: SheetInfo, facts: Facts) -> Iterator[SheetRow]:
        """The rows with content, in order. Raises whatever the damage of the sheet raises."""
        reading = SheetReading(self._values, facts)
        with package.opened(self._path) as parts:
            for chunk in parts.chunks(sheet.place):
                reading.feed(chunk)
                yield from reading.taken()

    @cached_property
    def _values(self) -> Values:
        strings = Strings()
        with package.opened(self._path) as parts:
            if self._strings_part in parts:
                strings = read_strings(parts.chunks(self._strings_part))
        return Values(strings, self._formats, from_1904=self._from_1904, to_calculate=self._to_calculate)


def _formats(styles: Iterable[Element]) -> list[NumberFormat | None]:
    """What each cell format, by its number, makes of a number."""
    codes = dict(BUILT_IN)
    used = []
    for name, parent, said in styles:
        if name == "numFmt" and parent == "numFmts":
            codes[int(said["numFmtId"])] = unescaped(said["formatCode"])
        elif name == "xf" and parent == "cellXfs":
            used.append(int(said.get("numFmtId", 0)))
    kinds = {number: number_format(codes.get(number, "General")) for number in set(used)}
    return [kinds[number] for number in used]
