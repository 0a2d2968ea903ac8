"""The tables on workbooks in docs/inputs.md say what is read."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from etl.reader import rows
from etl.survey import survey

DOC = (Path(__file__).parent.parent / "docs" / "inputs.md").read_text("utf-8")


def table(name: str) -> list[list[str]]:
    lines = DOC.split(f"<!-- {name}:")[1].split("\n\n")[0].splitlines()[3:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


CELLS = {cells[0]: cells[1].strip("`") for cells in table("cells")}
Write = Callable[[Any, Any], object]


def formatted(value: float, code: str) -> Write:
    return lambda book, sheet: sheet.write_number(1, 1, value, book.add_format({"num_format": code}))


def moment(value: Any) -> Write:
    code = "h:mm" if isinstance(value, dt.time) else "d/m/yy h:mm"
    return lambda book, sheet: sheet.write_datetime(1, 1, value, book.add_format({"num_format": code}))


MADE: dict[str, Write] = {
    "text `0044`, also behind an apostrophe": lambda book, sheet: sheet.write_string(
        1, 1, "0044", book.add_format({"quote_prefix": True})
    ),
    "number 447911123456": formatted(447911123456, "#,##0.00"),
    "number 4479111234567890": formatted(4479111234567890, "0"),
    "number 2079460000 in the format `00000000000`": formatted(2079460000, "00000000000"),
    'number 2079460000 in the format `"+44 "0`': formatted(2079460000, '"+44 "0'),
    "number 0.25 in the format `0%`": formatted(0.25, "0%"),
    "date 2026-04-03": moment(dt.date(2026, 4, 3)),
    "date and time 2026-04-03 10:30": moment(dt.datetime(2026, 4, 3, 10, 30)),  # noqa: DTZ001
    "time 10:30": moment(dt.time(10, 30)),
    "duration 26:30 in the format `[h]:mm`": formatted(26.5 / 24, "[h]:mm"),
    "day 60 of 1900": formatted(60, "yyyy-mm-dd"),
    "TRUE": lambda _, sheet: sheet.write_boolean(1, 1, True),  # noqa: FBT003
    "`#N/A`, `#REF!`, …": lambda _, sheet: sheet.write_formula(1, 1, "=NA()", None, "#N/A"),
    "formula": lambda _, sheet: sheet.write_formula(1, 1, "=2+3", None, 5),
    "formula that no spreadsheet program has calculated": lambda _, sheet: sheet.write_formula(1, 1, "=2+3"),
}


def test_each_cell_of_the_table_is_tried_and_no_other() -> None:
    assert list(CELLS) == list(MADE)


@pytest.mark.parametrize("cell", MADE)
def test_a_cell_is_read_as_the_table_says(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for at, line in enumerate((["ID", "Value"], ["A1", None], ["A2", "x"])):
            sheet.write_row(at, 0, line)
        MADE[cell](book, sheet)
    spec = survey(path)
    assert spec.evidence[0].startswith("xlsx, by the content")
    assert next(rows(path, spec)).cells == ("A1", CELLS[cell])


def test_each_kind_of_workbook_has_its_own_tests() -> None:
    kinds = [re.split(r",\s*", cells[0])[0] for cells in table("workbooks")]
    assert kinds == ["xlsx", "xlsb", "xls", "ods"]
    assert all((Path(__file__).parent / f"test_workbook_{kind}.py").exists() for kind in kinds)
