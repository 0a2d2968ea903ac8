"""What every workbook reader gives: its sheets, and the rows of one as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct, field

from etl.sources.cells import LAST_COLUMN, LAST_ROW

SheetRow = tuple[int, bool, list[str]]
"""A row's number from 1, whether it is hidden, and its cells from column A up to the last with content."""
MERGED_ROWS = 200
"""Down to this row, merged cells are looked at: a header stands there or nowhere."""
LONG_TEXT = 1024
"""Characters of a text that counts while its row is read."""
MOST_ROW_TEXT = 4 << 20
"""Characters that a row may have."""
_WIDE = 256
_MOST_WIDE_CELLS = 20_000_000
_NARROW = 16


class SheetInfo(NamedTuple):
    """A worksheet: its name, whether it is visible, and what its book knows it by."""

    name: str
    visible: bool
    place: str


class Merge(NamedTuple):
    """Cells merged into one, which holds its content at the top left; from 1, ends included."""

    top: int
    left: int
    bottom: int
    right: int


class Facts(Struct):
    """What comes to light while a sheet is read; columns are numbered from 1.

    ``merges`` are those of several rows down to ``MERGED_ROWS``. ``not_calculated`` counts formulas without a
    value.
    """

    hidden_columns: set[int] = field(default_factory=set)
    merges: list[Merge] = field(default_factory=list)
    not_calculated: int = 0

    def hide_columns(self, first: int, last: int) -> None:
        """Columns from ``first`` to ``last`` are hidden."""
        self.hidden_columns.update(range(first, min(last, LAST_COLUMN) + 1))

    def merge(self, merge: Merge) -> None:
        """Keep a merge if a header may stand in it."""
        if merge.top < merge.bottom and merge.top <= MERGED_ROWS and len(self.merges) < LAST_COLUMN:
            self.merges.append(merge)


class Book(Protocol):
    """A workbook of one kind."""

    @property
    def sheets(self) -> Sequence[SheetInfo]:
        """The worksheets in their order; charts, dialogs and macro sheets are none."""
        ...

    def rows(self, sheet: SheetInfo, facts: Facts) -> Iterator[SheetRow]:
        """The rows with content, in ascending order; ``facts`` are filled in meanwhile."""
        ...


class Extent:
    """Keeps the rows of a stream in order and within what a sheet can hold, and their width within reason."""

    def __init__(self) -> None:
        self._row = self._wide = self._held = 0

    def hold(self, text: str) -> None:
        """One more long text of the row that is being read; ValueError for a row without end."""
        self._held += len(text)
        if self._held > MOST_ROW_TEXT:
            raise ValueError("a row without end")

    def check(self, row: int, cells: Sequence[str]) -> None:
        """A row is whole.

        ValueError where it comes too late, is too far, or has too much text; VastError for wide rows without
        end.
        """
        width = len(cells)
        if not self._row < row <= LAST_ROW or width > LAST_COLUMN:
            raise ValueError("a row out of order or beyond the sheet")
        self._row = row
        self._held = 0
        # Cells may all refer to one text: a few bytes each in the file, a million characters each in the row.
        if width > _NARROW and sum(map(len, cells)) > MOST_ROW_TEXT:
            raise ValueError("a row without end")
        if width > _WIDE:
            self._wide += width
            if self._wide > _MOST_WIDE_CELLS:
                raise VastError(row, width)


class EncryptedError(Exception):
    """The workbook can't be read without its password."""


class VastError(Exception):
    """Stray cells make a sheet vast; ``row`` and ``column`` say how far it reaches."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__(row, column)
        self.row = row
        self.column = column


def put(cells: list[str], column: int, text: str) -> None:
    """Put a text at its column, from 1, if there is any; ValueError where one is, or beyond the sheet."""
    if not text:
        return
    missing = column - 1 - len(cells)
    if column > LAST_COLUMN:
        raise ValueError("a cell beyond the sheet")
    if missing >= 0:
        cells.extend([""] * missing)
        cells.append(text)
    elif cells[column - 1]:
        raise ValueError("two cells in one place")
    else:
        cells[column - 1] = text
