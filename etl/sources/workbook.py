"""Workbooks (xlsx, xlsm, xlsb, xls, ods): which sheet, and its rows as text.

Rows are streamed; of an xlsx of a million rows, hardly more is in memory than of one of ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set as AbstractSet
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from etl.errors import InputError
from etl.sources.cells import LAST_ROW, NOT_CALCULATED, column_letters
from etl.sources.grid import MERGED_ROWS, Book, EncryptedError, Facts, SheetInfo, VastError
from etl.sources.ods import Ods
from etl.sources.rowcopy import rows_of
from etl.sources.rows import Record, is_blank
from etl.sources.xls import Xls
from etl.sources.xlsb import Xlsb
from etl.sources.xlsx import Xlsx

_BOOKS: dict[str, Callable[[Path], Book]] = {"xlsx": Xlsx, "xlsb": Xlsb, "xls": Xls, "ods": Ods}


_NAMED = 10
"""Sheets that a sentence names."""


class HiddenRows(AbstractSet[int]):
    """Numbers of a sheet's hidden rows, one byte each of those that a sheet can have."""

    def __init__(self) -> None:
        self._marks = bytearray(LAST_ROW + 1)
        self._count = 0

    def add(self, row: int) -> None:
        """One more, or the same again."""
        self._count += not self._marks[row]
        self._marks[row] = 1

    def __contains__(self, row: object) -> bool:
        return isinstance(row, int) and 0 <= row <= LAST_ROW and self._marks[row] == 1

    def __iter__(self) -> Iterator[int]:
        return (row for row, mark in enumerate(self._marks) if mark)

    def __len__(self) -> int:
        return self._count


class Sheet:
    """One sheet of a workbook.

    ``first_column`` is the sheet's column (from 1) of the cells at position 0: columns left of all content
    are not there. Where it is not given, all of the sheet is read once to find it, and with it
    ``hidden_columns`` (positions) and ``notes`` (sentences for a person). ``hidden_rows`` are those of the
    rows that were read so far: a row is among them before its record is given.
    """

    def __init__(self, path: Path, *, label: str, kind: str, name: str, first_column: int = 0) -> None:
        self.label = label
        self.name = name
        self._path = path
        self.hidden_rows = HiddenRows()
        self._facts = Facts()
        with _trouble(label):
            self._book = _open(path, kind)
            found = [sheet for sheet in self._book.sheets if sheet.name == name]
            if not found:
                raise InputError(f"{label} has no sheet called {name!r} any more; look at the workbook.")
            self._info = found[0]
        self.first_column = first_column or self._first_column()

    @property
    def hidden_columns(self) -> frozenset[int]:
        """Positions of the hidden columns."""
        return frozenset(column - self.first_column for column in self._facts.hidden_columns)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the cells."""
        count = self._facts.not_calculated
        formulas = (
            "1 formula was never calculated and reads"
            if count == 1
            else (f"{count:,} formulas were never calculated and read")
        )
        sentence = f"{formulas} {NOT_CALCULATED}: open the workbook in a spreadsheet program and save it"
        return (sentence,) if count else ()

    def records(self, first: int) -> Iterator[Record]:
        """The sheet's rows from the one numbered ``first`` on, each with its true number, as text.

        Blank rows above and between others are records without cells; below the last one there are none.
        """
        skipped = self.first_column - 1
        due = first
        for row, cells in self._rows():
            if row < first:
                continue
            for blank in range(due, row):
                yield blank, []
            due = row + 1
            yield row, cells[skipped:] if skipped else cells

    def header_records(self) -> Iterator[Record]:
        """The records in which a header may be looked for: of merged cells, every row has the content."""
        merges = self._facts.merges
        tops: dict[tuple[int, int], str] = {}
        for row, cells in self.records(1):
            for merge in merges if row <= MERGED_ROWS else ():
                at = merge.left - self.first_column
                if merge.top == row and 0 <= at < len(cells):
                    tops[merge.top, merge.left] = cells[at]
                elif merge.top < row <= merge.bottom and at >= 0:
                    cells.extend([""] * (at + 1 - len(cells)))
                    cells[at] = cells[at] or tops.get((merge.top, merge.left), "")
            yield row, cells

    def _rows(self) -> Iterator[Record]:
        facts = Facts()
        with _trouble(self.label, self.name):
            for row, hidden, cells in rows_of(self._book, self._info, path=self._path, facts=facts):
                if hidden:
                    self.hidden_rows.add(row)
                yield row, cells
        self._facts = facts

    def _first_column(self) -> int:
        columns = (
            next((at for at, cell in enumerate(cells, 1) if cell), len(cells)) for _, cells in self._rows()
        )
        return min(columns, default=1)


def choose_sheet(path: Path, *, label: str, kind: str, stated: str = "") -> tuple[str, str]:
    """The name of the sheet to read, and why: the stated one, else the only visible one with content.

    InputError where it is not there, is hidden, or where several have content and none is stated.
    """
    with _trouble(label):
        book = _open(path, kind)
        visible = [sheet for sheet in book.sheets if sheet.visible]
        if stated:
            name = _stated_sheet(book.sheets, label=label, stated=stated)
            return name, f"sheet {name!r}, because it is stated"
        filled = visible if len(visible) == 1 else [sheet for sheet in visible if _has_content(book, sheet)]
        if len(filled) == 1:
            name = filled[0].name
            return name, f"sheet {name!r}, because it is the only visible one with content"
        if not filled:
            raise InputError(f"{label} has no visible sheet with content; unhide the sheet or save it again.")
        counted = _listed(
            f"{sheet.name!r} ({_rows_with_content(book, sheet):,} rows)" for sheet in filled[: _NAMED + 1]
        )
    raise InputError(
        f"{label} has several sheets with content ({counted}): say which one by --sheet {filled[0].name!r}, "
        'or in a profile: [source] sheet = "...".'
    )


def _stated_sheet(sheets: Sequence[SheetInfo], *, label: str, stated: str) -> str:
    wanted = stated.strip().casefold()
    found = [sheet for sheet in sheets if sheet.name == stated] or [
        sheet for sheet in sheets if sheet.name.strip().casefold() == wanted
    ]
    if len(found) != 1:
        names = _listed(repr(sheet.name) for sheet in sheets if sheet.visible) or "none that is visible"
        raise InputError(f"{label} has no sheet called {stated!r}; it has {names}.")
    if not found[0].visible:
        raise InputError(
            f"{label}: the sheet {found[0].name!r} is hidden, and hidden sheets are not read; unhide it."
        )
    return found[0].name


def _listed(words: Iterable[str]) -> str:
    first = list(islice(words, _NAMED + 1))
    return ", ".join(first[:_NAMED]) + (", and more" if len(first) > _NAMED else "")


def _open(path: Path, kind: str) -> Book:
    book = _BOOKS[kind](path)
    if len({sheet.place for sheet in book.sheets}) < len(book.sheets):
        raise ValueError("two sheets in one part")
    return book


def _has_content(book: Book, sheet: SheetInfo) -> bool:
    return any(not is_blank(cells) for _, _, cells in book.rows(sheet, Facts()))


def _rows_with_content(book: Book, sheet: SheetInfo) -> int:
    return sum(not is_blank(cells) for _, _, cells in book.rows(sheet, Facts()))


@contextmanager
def _trouble(label: str, sheet: str = "") -> Iterator[None]:
    """Whatever goes wrong while a workbook is read, as InputError: readers meet damage of every kind."""
    where = f"{label}, sheet {sheet!r}" if sheet else label
    try:
        yield
    except InputError:
        raise
    except EncryptedError:
        raise InputError(f"{label} is an encrypted workbook; save it without a password.") from None
    except VastError as vast:
        raise InputError(
            f"{where} reaches to column {column_letters(vast.column)} and row {vast.row:,}; "
            "delete the stray cells right of and below the table."
        ) from None
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(f"{where} is damaged; open the workbook and save it again as xlsx.") from error
