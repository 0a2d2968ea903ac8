"""Which record of an input names its columns, though a title block may stand above it.

A header is found by how many of its cells are names of known columns; where none is known, by its shape.
Nothing that could be a lead is ever taken for a title: then the first record stays the header, and what is
wrong with it is told when its columns are mapped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from etl.errors import InputError
from etl.sources.rows import Record, is_blank

Fit = Callable[[Sequence[str]], int]
"""How many of a record's cells are names of known columns."""

_WINDOW = 100
"""Records that are not blank, among which the header is."""
_WINDOW_SIZE = 4 << 20
MOST_COLUMNS = 16_384
"""Columns of the widest sheet."""
_MOMENT = re.compile(
    # Not within a longer run of digits: 01.23.45.67.89 and 020 1999-2001 are numbers.
    r"(?<![\d./-])(?<!\d )"
    r"(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})|\d{4}([./-])\d{1,2}\2\d{1,2}"
    r"|(?:19|20)\d\d\s*[-–/]\s*(?:19|20)\d\d)"  # noqa: RUF001  -- a dash that people write
    r"(?![./-]?\d)(?! \d{3})"
    r"|\b\d{1,2}:\d{2}(?::\d{2})?\b"
)
_MORE_THAN_ORDINAL = re.compile(r"\d\D?\d\D?\d")
_SURE = 4
"""Known names that make a record of nothing else a header, whatever stands above it."""
_FEWEST_DIGITS = 6
"""Digits of a telephone number, at least."""
_MOST_LETTERS = 4
"""Letters that may stand beside them (``Tel``, ``ext``); more make it a sentence with a number in it."""
_EMAIL = re.compile(r"[^\s@]@[^\s@]+\.")


def find_header(
    records: Iterable[Record], *, label: str, header_row: int | None = None, fit: Fit | None = None
) -> Record:
    """The record that names the columns: the stated one, else the one found among the first hundred.

    InputError where there is none, or the stated row is blank or not there.
    """
    records = _not_too_wide(records, label)
    if header_row is not None:
        return _stated(records, label=label, header_row=header_row)
    window = _first(records)
    if not window:
        raise InputError(f"{label} has nothing but blank lines; export it again.")
    return window[header_at([cells for _, cells in window], fit)]


def _not_too_wide(records: Iterable[Record], label: str) -> Iterator[Record]:
    """The records; InputError where one is wider than any sheet, since each of its fields may be a column."""
    for line, cells in records:
        if len(cells) > MOST_COLUMNS:
            raise InputError(
                f"{label}, line {line:,}: {len(cells):,} fields are more columns than a sheet has "
                f"({MOST_COLUMNS:,}); export it with a line a lead."
            )
        yield line, cells


def header_at(records: Sequence[Sequence[str]], fit: Fit | None = None) -> int:
    """The place of the header among the first ``records`` of an input, none of which is blank; 0 in doubt."""
    filled = [sum(1 for cell in cells if cell.strip()) for cells in records]

    def titles_above(at: int) -> bool:
        return all(
            filled[above] < filled[at] and not any(map(_could_be_number, records[above]))
            for above in range(at)
        )

    if fit is not None:
        known = [fit(cells) for cells in records]
        for at in sorted(range(len(records)), key=lambda at: (-known[at], at)):
            if not known[at]:
                break
            if _has_contact(records[at]):
                continue
            # Where every name is known, what stands above may be as wide, if there is nobody to call in it.
            certain = known[at] == filled[at] >= _SURE
            if titles_above(at) or (certain and not any(_has_contact(each) for each in records[:at])):
                return at
    usual = sorted(filled)[3 * len(filled) // 4]
    by_shape = next(at for at, count in enumerate(filled) if 2 * count > usual or count == max(filled))
    if by_shape == len(records) - 1:
        return 0
    return by_shape if _is_like_a_header(records[by_shape]) and titles_above(by_shape) else 0


def is_other_header(cells: Sequence[str], fit: Fit) -> bool:
    """Whether a record among the rows names the columns of another table, whose cells are other things."""
    if any(map(_MORE_THAN_ORDINAL.search, cells)):
        return False
    filled = sum(1 for cell in cells if cell.strip())
    known = fit(cells)
    if known == filled > 1:
        return 2 * filled > len(cells)  # two stray words in a wide table are no header
    return known >= _SURE - 1 and 2 * known >= filled


def may_hold_contact(cell: str) -> bool:
    """Whether there could be a telephone number or an e-mail address in a cell, beside whatever else."""
    return _digits(cell) >= _FEWEST_DIGITS or _EMAIL.search(cell) is not None


def _has_contact(cells: Sequence[str]) -> bool:
    return any(map(may_hold_contact, cells))


def _could_be_number(cell: str) -> bool:
    """Whether a whole cell could be a telephone number."""
    return _digits(cell) >= _FEWEST_DIGITS and sum(map(str.isalpha, cell)) <= _MOST_LETTERS


def _digits(cell: str) -> int:
    return sum(map(str.isdigit, _MOMENT.sub(" ", cell)))


def _stated(records: Iterable[Record], *, label: str, header_row: int) -> Record:
    for line, cells in records:
        if line != header_row:
            continue
        if is_blank(cells):
            raise InputError(
                f"{label}, line {line:,}: the header row that is stated is blank; mend header_row."
            )
        return line, cells
    raise InputError(f"{label} has no record that begins on line {header_row:,}; mend header_row.")


def _first(records: Iterable[Record]) -> list[Record]:
    window: list[Record] = []
    size = 0
    for line, cells in records:
        if not is_blank(cells):
            window.append((line, cells))
            size += sum(map(len, cells))
            if len(window) == _WINDOW or size > _WINDOW_SIZE:
                break
    return window


def _is_like_a_header(cells: Sequence[str]) -> bool:
    names = [cell.strip() for cell in cells if cell.strip()]
    worded = all(any(map(str.isalpha, name)) for name in names)
    return worded and not _has_contact(names) and len(set(names)) == len(names) > 1
