"""Every pass through a sheet gives the same rows, parsed or copied, and those of what stands there now."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
import xlsxwriter

from etl.sources import rowcopy
from etl.sources.grid import Facts, SheetInfo, SheetRow
from etl.sources.rowcopy import lendable, rows_of
from etl.sources.workbook import Sheet
from etl.sources.xlsx import Xlsx

_ROWS = 700
_LONG_AGO = 1_700_000_000


@pytest.fixture(autouse=True)
def _no_copies() -> None:
    rowcopy._copies.clear()


def _workbook(path: Path, *, word: str = "Lead", merged: bool = False) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        for at in range(_ROWS):
            sheet.write_row(at, 1, [f"{word} {at}", at, "" if at % 3 else "x", "=" * (at % 5)])
        sheet.set_row(5, None, None, {"hidden": True})
        sheet.set_column(2, 2, 10, None, {"hidden": True})
        sheet.write_formula(9, 6, "=1+1", None, "")
        if merged:
            sheet.merge_range(0, 7, 1, 7, "Both")
    os.utime(path, (_LONG_AGO, _LONG_AGO))
    return path


def _sheet(path: Path) -> Sheet:
    return Sheet(path, label=path.name, kind="xlsx", name="Leads")


def _pass(path: Path) -> tuple[list[SheetRow], Facts]:
    book, facts = Xlsx(path), Facts()
    return list(rows_of(book, book.sheets[0], path=path, facts=facts)), facts


def test_a_further_pass_gives_the_same_rows_and_facts_and_parses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _workbook(tmp_path / "leads.xlsx", merged=True)
    first = _pass(path)

    def parsed(*_: object) -> None:
        raise AssertionError("parsed once more")

    monkeypatch.setattr(Xlsx, "rows", parsed)

    assert _pass(path) == first
    assert len(first[0]) == _ROWS


def test_a_copy_serves_its_content_under_another_name_too(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "leads.xlsx")
    first = _pass(path)

    moved = path.rename(tmp_path / "source")

    assert _pass(moved) == first
    assert len(rowcopy._copies) == 1


@pytest.mark.skipif(os.name != "posix", reason="open files are inherited on POSIX only")
def test_a_copy_can_be_lent_to_a_process_that_inherits_its_file(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "leads.xlsx")
    rows, _ = _pass(path)
    (copy,) = lendable(path)
    assert not lendable(tmp_path / "other.xlsx")

    script = (
        "import sys, msgspec; from pathlib import Path; from etl.sources.rowcopy import *;"
        "from etl.sources.grid import Facts; from etl.sources.xlsx import Xlsx;"
        "borrow([msgspec.json.decode(sys.stdin.buffer.read(), type=Lent)]);"
        "Xlsx.rows = None; path = Path(sys.argv[1]); book = Xlsx(path);"
        "given = rows_of(book, book.sheets[0], path=path, facts=Facts());"
        "sys.stdout.buffer.write(msgspec.json.encode([[*row] for row in given]))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, path],
        input=msgspec.json.encode(copy),
        capture_output=True,
        check=True,
        pass_fds=[copy.file],
    )

    assert msgspec.json.decode(child.stdout) == [[*row] for row in rows]
    assert _pass(path)[0] == rows


def test_a_changed_file_is_parsed_anew(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "leads.xlsx")
    before, _ = _pass(path)
    _workbook(path, word="Done")
    os.utime(path, (_LONG_AGO + 1, _LONG_AGO + 1))

    after, _ = _pass(path)

    assert before[0][2][1] == "Lead 0"
    assert after[0][2][1] == "Done 0"


def test_a_file_that_has_just_changed_has_no_copy_since_a_change_more_might_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rowcopy, "_SETTLED", 10**12)
    path = _workbook(tmp_path / "leads.xlsx")
    os.utime(path)

    first, _ = _pass(path)

    assert not rowcopy._copies
    assert _pass(path)[0] == first


def test_a_pass_that_is_left_in_its_midst_makes_no_copy(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "leads.xlsx")
    book = Xlsx(path)

    next(iter(rows_of(book, book.sheets[0], path=path, facts=Facts())))

    assert not rowcopy._copies


def test_what_a_pass_does_to_its_rows_does_not_reach_the_copy(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "leads.xlsx")
    for _ in range(2):
        book = Xlsx(path)
        for _, _, cells in rows_of(book, book.sheets[0], path=path, facts=Facts()):
            cells.clear()

    assert all(cells for _, _, cells in _pass(path)[0])


def test_no_room_for_a_copy_changes_nothing_but_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _workbook(tmp_path / "leads.xlsx")
    first = _pass(path)
    rowcopy._copies.clear()
    monkeypatch.setattr(rowcopy, "_MOST", 1_000)

    assert _pass(path) == first
    assert not rowcopy._copies


def test_hidden_rows_and_columns_and_notes_are_known_after_any_pass(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "leads.xlsx")
    parsed, copied = _sheet(path), _sheet(path)

    assert len(rowcopy._copies) == 1
    assert list(copied.records(1)) == list(parsed.records(1))
    assert list(copied.hidden_rows) == list(parsed.hidden_rows) == [6]
    assert copied.hidden_columns == parsed.hidden_columns == {1}
    assert copied.notes == parsed.notes
    assert copied.notes


def test_passes_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "leads.xlsx")
    first, _ = _pass(path)
    found: list[list[SheetRow]] = []
    threads = [threading.Thread(target=lambda: found.append(_pass(path)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [first] * 4


def test_only_the_latest_sheets_have_copies(tmp_path: Path) -> None:
    for at in range(6):
        _pass(_workbook(tmp_path / f"leads{at}.xlsx"))

    assert len(rowcopy._copies) == rowcopy._KEPT


def test_two_sheets_of_a_book_are_two(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "leads.xlsx")

    assert rowcopy._key(path, SheetInfo("A", visible=True, place="1")) != rowcopy._key(
        path, SheetInfo("B", visible=True, place="2")
    )
