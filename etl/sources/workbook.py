"""Workbooks (xlsx, xlsb, xls, ods): which sheet, and its rows as text.

python-calamine holds a whole sheet in memory (about 1.2 KB a row of twelve cells); what is built from it
here is one row at a time.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from etl.errors import InputError
from etl.sources.rows import Record, is_blank
from etl.sources.sheetxml import SheetFacts, sheet_facts

DIGITS = 15
"""Significant digits that a spreadsheet's number keeps."""


class Sheet:
    """One sheet of a workbook, opened.

    ``first_column`` is the sheet's column (from 1) of the cells at position 0: columns left of all content
    are not there. ``hidden_columns`` are positions likewise.
    """

    def __init__(self, path: Path, *, label: str, kind: str, name: str) -> None:
        self.label = label
        self.kind = kind
        self.name = name
        # First, because calamine ends the process when a stray cell makes the sheet larger than memory.
        facts = _facts(path, label=label, kind=kind, name=name)
        with _opened(path, label) as book:
            self._sheet = book.get_sheet_by_name(name)
        self.first_column = self._sheet.start[1] + 1 if self._sheet.start else 1
        self._errors = facts.errors
        self.hidden_rows = facts.hidden_rows
        self.hidden_columns = frozenset(column - self.first_column for column in facts.hidden_columns)

    def records(self, first: int) -> Iterator[Record]:
        """The sheet's rows from the one numbered ``first`` on, each with its true number, as text."""
        errors = self._errors
        for row, values in enumerate(self._sheet.iter_rows(), 1):  # padded above, from row 1 on
            if row < first:
                continue
            cells = [value if type(value) is str else cell_text(value) for value in values]
            if errors:
                for at, cell in enumerate(cells):
                    cells[at] = cell or errors.get((row, at + self.first_column), "")
            yield row, cells


def cell_text(value: Any) -> str:
    """The text of a cell's value, as a person reads it and later rules can judge it.

    Whole numbers without ``.0``; from 1e15 on in scientific form, because a spreadsheet loses digits there;
    dates and times in ISO 8601.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return _number_text(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, dt.timedelta):
        return _duration_text(value)
    return str(value.isoformat()) if isinstance(value, (dt.date, dt.time)) else str(value)


def choose_sheet(path: Path, *, label: str, kind: str, stated: str = "") -> tuple[str, str]:
    """The name of the sheet to read, and why: the stated one, else the only visible one with content.

    InputError where it is not there, is hidden, or where several have content and none is stated.
    """
    with _opened(path, label) as book:
        sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
        if stated:
            name = _stated_sheet([sheet.name for sheet in sheets], visible, label=label, stated=stated)
            return name, f"sheet {name!r}, because it is stated"
        filled = visible
        if len(visible) > 1:
            for name in visible:
                _facts(path, label=label, kind=kind, name=name)
            filled = [name for name in visible if _has_content(book, name)]
    if len(filled) == 1:
        return filled[0], f"sheet {filled[0]!r}, because it is the only visible one with content"
    if not filled:
        raise InputError(f"{label} has no visible sheet with content; unhide the sheet or save it again.")
    raise InputError(
        f"{label} has several sheets with content ({_listed(filled)}): say which in a profile, as in "
        f'[source] sheet = "{filled[0]}".'
    )


def _stated_sheet(names: list[str], visible: list[str], *, label: str, stated: str) -> str:
    wanted = stated.strip().casefold()
    found = [name for name in names if name == stated] or [
        name for name in names if name.strip().casefold() == wanted
    ]
    if len(found) != 1:
        raise InputError(f"{label} has no sheet called {stated!r}; it has {_listed(visible)}.")
    if found[0] not in visible:
        raise InputError(
            f"{label}: the sheet {found[0]!r} is hidden, and hidden sheets are not read; unhide it."
        )
    return found[0]


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none that is visible"


def _has_content(book: CalamineWorkbook, name: str) -> bool:
    rows = book.get_sheet_by_name(name).iter_rows()
    return any(not is_blank(map(cell_text, values)) for values in rows)


def _facts(path: Path, *, label: str, kind: str, name: str) -> SheetFacts:
    return sheet_facts(path, name, label=label) if kind == "xlsx" else SheetFacts()


@contextmanager
def _opened(path: Path, label: str) -> Iterator[CalamineWorkbook]:
    """The workbook, read by content and not by its name; whatever calamine makes of it, as InputError."""
    try:
        with path.open("rb") as stream, CalamineWorkbook.from_filelike(stream) as book:
            yield book
    except InputError:
        raise
    except PasswordError:
        raise InputError(f"{label} is an encrypted workbook; save it without a password.") from None
    except Exception as error:
        raise InputError(f"{label} is a damaged workbook; save it again as xlsx.") from error
    except BaseException as error:
        # A panic of the Rust code is no Exception, so that nobody catches it by chance; here it is meant.
        if type(error).__name__ != "PanicException":
            raise
        raise InputError(f"{label} is a damaged workbook; save it again as xlsx.") from error


def _number_text(value: float) -> str:
    if not math.isfinite(value):
        return repr(value)
    if abs(value) >= 10**DIGITS:
        mantissa, exponent = f"{value:.{DIGITS - 1}E}".split("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"
    return str(int(value)) if value == int(value) else repr(value)


def _duration_text(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign = "-" if seconds < 0 else ""
    minutes, seconds = divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours:02}:{minutes:02}:{seconds:02}"
