"""Files that are valid or not, and in any case awkward; and do-not-call lists."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import xlsxwriter

from benchmarks.make_leads import HEADER, row

HUGE = 10_000_000
"""Characters of one cell."""

COLUMNS = 1_000


def rows_of(number: int, *, seed: int = 1) -> Iterator[list[str]]:
    """So many clean rows, the same as a clean file's."""
    dice = random.Random(seed)
    return (row(at, dice) for at in range(number))


def every_row_bad(path: Path, rows: int) -> None:
    """Neither number of any row is one: words, and too few digits; each another, as in life."""
    _write(
        path,
        HEADER,
        (
            [cells[0], f"ask {at}", f"020 {at % 100_000:05}", *cells[3:]]
            for at, cells in enumerate(rows_of(rows))
        ),
    )


def one_huge_cell(path: Path, rows: int) -> None:
    """A cell in the middle of the file is 10 MB long."""
    _write(
        path,
        HEADER,
        ([*cells[:-1], "x" * HUGE] if at == rows // 2 else cells for at, cells in enumerate(rows_of(rows))),
    )


def many_columns(path: Path, rows: int) -> None:
    """A thousand columns, each of them filled."""
    more = [f"Column {at}" for at in range(len(HEADER), COLUMNS)]
    _write(path, [*HEADER, *more], ([*cells, *more] for cells in rows_of(rows)))


def all_duplicates(path: Path, rows: int) -> None:
    """Every row repeats the id of the first."""
    _write(path, HEADER, (["L1", *cells[1:]] for cells in rows_of(rows)))


def do_not_call_list(path: Path, numbers: int) -> None:
    """So many numbers in E.164, of which no lead has one."""
    with path.open("w", encoding="ascii") as file:
        # One block of ten millions, all of them valid: a list may hold nothing that can't be read.
        file.writelines(f"+44730{at:07d}\n" for at in range(numbers))


def workbook(path: Path, rows: int) -> None:
    """The clean file as xlsx, every cell text."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Leads")
        for at, cells in enumerate(chain([HEADER], rows_of(rows))):
            for column, cell in enumerate(cells):
                sheet.write_string(at, column, cell)


def _write(path: Path, header: list[str], rows: Iterator[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(header)
        out.writerows(rows)
