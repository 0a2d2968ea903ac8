"""Rows are read by groups, and nobody can tell where one ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from etl.errors import InputError
from etl.reader import frames, groups, rows
from etl.records import SourceRow, SourceSpec
from etl.sources import GROUP_ROWS, LeftOutTally, Record, data_records, in_groups
from etl.survey import survey

BORDERS = [GROUP_ROWS - 1, GROUP_ROWS, GROUP_ROWS + 1, 2 * GROUP_ROWS - 1, 2 * GROUP_ROWS, 2 * GROUP_ROWS + 1]


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def surveyed(leads: Path, lines: list[str]) -> SourceSpec:
    leads.write_text("id,note\n" + "\n".join(lines) + "\n", encoding="utf-8", newline="")
    return survey(leads)


def seen_until_broken(found: Iterator[SourceRow]) -> tuple[list[SourceRow], str]:
    seen = []
    try:
        for row in found:
            seen.append(row)  # noqa: PERF402  -- what came before an error is wanted
    except InputError as error:
        return seen, str(error)
    return seen, ""


@pytest.mark.parametrize("before", BORDERS)
@pytest.mark.parametrize(
    ("bad", "said"), [('x,"open', "never closed"), ('x,"a"b', "text follows the closing quote")]
)
def test_rows_before_a_broken_quote_come_out_and_its_line_is_told(
    before: int, bad: str, said: str, leads: Path
) -> None:
    lines = [f"{row},a" for row in range(before)]
    spec = surveyed(leads, lines)
    leads.write_text("id,note\n" + "\n".join([*lines, bad, "z,z", ""]), encoding="utf-8", newline="")
    seen, error = seen_until_broken(rows(leads, spec))
    assert [row.line for row in seen] == list(range(2, before + 2))
    assert f"line {before + 2:,}: " in error
    assert said in error


@pytest.mark.parametrize("at", BORDERS)
@pytest.mark.parametrize("cell", ['"two\nlines"', '"a\r\nb\rc\n\n"', '"\n"'])
def test_lines_stay_true_where_a_cell_with_lines_stands_at_a_border(at: int, cell: str, leads: Path) -> None:
    lines = [f"{row},a" for row in range(3 * GROUP_ROWS)]
    lines[at] = f"x,{cell}"
    more = {'"two\nlines"': 1, '"a\r\nb\rc\n\n"': 4, '"\n"': 1}[cell]
    found = list(rows(leads, surveyed(leads, lines)))
    assert [row.row for row in found] == list(range(1, len(lines) + 1))
    assert [row.line for row in found] == [row + 2 + more * (row > at) for row in range(len(lines))]


@pytest.mark.parametrize("at", BORDERS)
@pytest.mark.parametrize(
    ("line", "reason"),
    [("", "blank"), (" , ", "blank"), ("id,note", "repeated header"), ("\ufeffID,Note", "repeated header")],
)
def test_what_is_no_row_is_left_out_at_a_border(at: int, line: str, reason: str, leads: Path) -> None:
    lines = [f"{row},a" for row in range(3 * GROUP_ROWS)]
    lines.insert(at, line)
    spec = surveyed(leads, lines)
    assert [(left.reason, left.count, left.lines) for left in spec.left_out] == [(reason, 1, (at + 2,))]
    found = list(rows(leads, spec))
    assert [row.row for row in found] == list(range(1, len(lines)))
    assert at + 2 not in {row.line for row in found}


@pytest.mark.parametrize("at", BORDERS)
def test_a_ragged_row_is_told_at_a_border(at: int, leads: Path) -> None:
    lines = [f"{row},a" for row in range(3 * GROUP_ROWS)]
    lines[at] = "x,a,b"
    spec = surveyed(leads, lines)
    assert spec.ragged == 1
    assert [row.row for row in rows(leads, spec) if row.extra] == [at + 1]


@pytest.mark.parametrize("end", BORDERS)
def test_nothing_below_the_end_is_a_row(end: int, leads: Path) -> None:
    spec = surveyed(leads, [f"{row},a" for row in range(3 * GROUP_ROWS)])
    found = list(rows(leads, replace(spec, end_line=end)))
    assert [row.line for row in found] == list(range(2, end))


def test_a_group_is_bounded_by_cells_and_by_characters(leads: Path) -> None:
    spec = surveyed(leads, [f"{row},{'x' * 1_000}" for row in range(3_000)])
    assert {len(group) for group in groups(leads, spec, rows=10_000, cells=200)} == {100}
    assert max(len(group) for group in groups(leads, spec, rows=10_000, size=100_000)) <= 350
    assert [row for group in groups(leads, spec, size=5_000) for row in group] == list(rows(leads, spec))


def test_frames_hold_the_rows_of_groups(leads: Path) -> None:
    lines = [f"{row},a" if row % 7 else "" for row in range(3 * GROUP_ROWS)]
    spec = surveyed(leads, lines)
    for chunk_rows in (1, 7, GROUP_ROWS, GROUP_ROWS + 1, 10_000):
        found = list(frames(leads, spec, chunk_rows=chunk_rows))
        assert all(0 < len(frame) <= chunk_rows for frame in found)
        assert [row for frame in found for row in frame.index] == list(range(1, spec.rows + 1))
        assert [line for frame in found for line in frame["line"]] == [row.line for row in rows(leads, spec)]


cells = st.sampled_from(["", " ", "id", "ID ", "i", "\ufeffid", "_i d", "note", "7", "x"])
records = st.lists(st.lists(cells, max_size=4), max_size=12)


@settings(max_examples=300, deadline=None)
@given(found=records, hidden=st.sets(st.integers(2, 14)), end=st.integers(0, 14), size=st.integers(1, 12))
def test_what_is_a_row_does_not_depend_on_where_groups_end(
    found: list[list[str]],
    hidden: set[int],
    end: int,
    size: int,
) -> None:
    spec = SourceSpec(
        kind="csv",
        header=("id", "note"),
        header_line=1,
        rows=0,
        fingerprint="f",
        size=1,
        hidden="exclude",
        end_line=end,
    )

    def sifted(rows: int) -> tuple[list[object], object]:
        numbered: list[Record] = [(1, ["id", "note"]), *enumerate(map(list, found), 2)]
        tally = LeftOutTally()
        given_rows = data_records(in_groups(numbered, rows=rows), spec, hidden_rows=hidden, leave_out=tally)
        return [row for group in given_rows for row in zip(*group, strict=True)], tally.result()

    assert sifted(size) == sifted(1)
