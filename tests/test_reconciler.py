"""The merge of source and journal: one line a row, in order, and counts that balance."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from hypothesis import given, settings, strategies as st

from etl.errors import StateError
from etl.reader import rows as read_rows
from etl.reconciler import REJECT_COLUMNS, RESULT_COLUMNS, Answers, Files, Tally, reconcile
from etl.records import PREFIXED, RowOutcome, RowStatus, SourceRow, SourceRows, SourceSpec
from etl.survey import survey

SPEC = SourceSpec(
    kind="xlsx",
    header=("externalId", "Phone 1", "obi_row", "hidden", "Note"),
    header_line=1,
    rows=0,
    fingerprint="f",
    size=1,
    sheet="Leads",
    hidden_columns=(3,),
)
OWN = ["externalId", "Phone 1", "Note"]


def source(*rows: int, extra: str = "") -> list[SourceRow]:
    return [SourceRow(row, row + 1, (f"id-{row}", "+442079460000", "n"), extra) for row in rows]


def grouped(rows: Sequence[SourceRow], spec: SourceSpec = SPEC, *, size: int = 2) -> list[SourceRows]:
    """The rows as the reader gives them, some at a time."""
    groups = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        groups.append(
            SourceRows(
                part[0].row,
                [row.line for row in part],
                {at: [row.cells[place] for row in part] for place, (at, _) in enumerate(spec.columns)},
                [row.extra for row in part],
            )
        )
    return groups


def outcome(row: int, status: RowStatus = RowStatus.CREATED, **more: str | int) -> RowOutcome:
    return RowOutcome(row=row, status=status, **more)  # type: ignore[arg-type]  # fields by name


def must_not_be(row: int) -> RowOutcome:
    raise StateError(f"no answer for row {row}")


def merged(
    rows: Sequence[SourceRow],
    outcomes: Sequence[RowOutcome],
    folder: Path,
    *,
    absent: object = must_not_be,
    spec: SourceSpec = SPEC,
    rejects: str = "a.rejects.csv",
) -> Tally:
    return reconcile(
        grouped(rows, spec),
        Answers(outcomes, absent if callable(absent) else must_not_be),
        spec=spec,
        run="the-run",
        campaign="Spring",
        files=Files(results=folder / "a.results.csv", rejects=folder / rejects, plain=True),
    )


def table_in(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- one line a row ---------------------------------------------------------------------------------------


def test_results_are_the_sources_own_columns_and_then_the_answers(tmp_path: Path) -> None:
    full = RowOutcome(
        row=1,
        status=RowStatus.REJECTED,
        status_code=409,
        id="A" * 32,
        external_id="id-1",
        numbers="+442079460000",
        field="Phone 1",
        code="rejected.409",
        error="why",
        warning="but",
        attempts=2,
        batch=7,
    )
    merged(source(1, extra="beyond"), [full], tmp_path)
    (line,) = table_in(tmp_path / "a.results.csv")
    assert list(line) == [*OWN, *RESULT_COLUMNS]
    assert line == {
        "externalId": "id-1",
        "Phone 1": "+442079460000",
        "Note": "n",
        "obi_run": "the-run",
        "obi_campaign": "Spring",
        "obi_row": "1",
        "obi_line": "2",
        "obi_sheet": "Leads",
        "obi_status": "rejected",
        "obi_status_code": "409",
        "obi_id": "A" * 32,
        "obi_external_id": "id-1",
        "obi_numbers": "+442079460000",
        "obi_field": "Phone 1",
        "obi_code": "rejected.409",
        "obi_error": "why",
        "obi_warning": "but",
        "obi_attempts": "2",
        "obi_batch": "7",
        "obi_extra": "beyond",
    }


statuses = st.sampled_from([status for status in RowStatus if status is not RowStatus.READY])


@settings(max_examples=60, deadline=None)
@given(answers=st.lists(st.tuples(statuses, st.integers(0, 20)), max_size=20))
def test_every_row_has_one_line_in_order_and_rejects_are_those_of_the_law(
    answers: list[tuple[RowStatus, int]],
) -> None:
    """Rejects are ``invalid``, ``rejected``, and duplicates of a ``rejected`` row."""
    outcomes = [
        RowOutcome(
            row=row, status=status, first_row=first % row or None if status is RowStatus.DUPLICATE else None
        )
        for row, (status, first) in enumerate(answers, 1)
    ]
    count = len(outcomes)
    expected = [
        str(each.row)
        for each in outcomes
        if each.status in {RowStatus.INVALID, RowStatus.REJECTED}
        or (each.first_row and outcomes[each.first_row - 1].status is RowStatus.REJECTED)
    ]
    with TemporaryDirectory() as name:
        folder = Path(name)
        tally = merged(source(*range(1, count + 1)), outcomes, folder)
        lines = table_in(folder / "a.results.csv")
        rejects = folder / "a.rejects.csv"
        assert [line["obi_row"] for line in lines] == [str(row) for row in range(1, count + 1)]
        assert [line["obi_status"] for line in lines] == [each.status for each in outcomes]
        assert rejects.exists() is bool(expected)
        found = [line["externalId"].removeprefix("id-") for line in table_in(rejects)] if expected else []
        assert found == expected
    assert (tally.rows, tally.rejects, sum(tally.statuses.values())) == (count, len(expected), count)
    assert tally.statuses == Counter(each.status for each in outcomes)


def test_a_suppressed_row_is_never_among_the_rejects(tmp_path: Path) -> None:
    merged(source(1), [outcome(1, RowStatus.SUPPRESSED, code="suppressed.flag")], tmp_path)
    assert not (tmp_path / "a.rejects.csv").exists()


def test_rejects_hold_the_sources_cells_what_is_wrong_and_what_was_too_much(tmp_path: Path) -> None:
    bad = outcome(1, RowStatus.INVALID, field="Phone 1", code="phone.short", error="too short")
    merged(source(1, extra="beyond"), [bad], tmp_path)
    (line,) = table_in(tmp_path / "a.rejects.csv")
    assert list(line) == [*OWN, *REJECT_COLUMNS]
    assert [line[name] for name in REJECT_COLUMNS] == ["Phone 1", "phone.short", "too short", "beyond"]


def test_in_a_workbook_of_rejects_the_faulty_cell_is_marked(tmp_path: Path) -> None:
    bad = [
        outcome(1, RowStatus.INVALID, field="Phone 1", code="phone.short", error="too short"),
        outcome(2, RowStatus.INVALID, field="", code="row.ragged", error="ragged"),
    ]
    merged(source(1, 2), bad, tmp_path, rejects="a.rejects.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.rejects.xlsx").worksheets[0]
    assert sheet["B2"].comment.text == "too short"
    assert [cell.comment for cell in sheet[3]] == [None] * 7


def test_rejects_are_counted_and_not_written_where_no_place_is_named_for_them(tmp_path: Path) -> None:
    files = Files(results=tmp_path / "a.check.csv")
    answers = Answers([outcome(1, RowStatus.INVALID)], must_not_be)
    tally = reconcile(grouped(source(1)), answers, spec=SPEC, run="", campaign="", files=files)
    assert [path.name for path in tmp_path.iterdir()] == ["a.check.csv"]
    assert tally.statuses == {RowStatus.INVALID: 1}


def test_reasons_and_warnings_are_counted(tmp_path: Path) -> None:
    outcomes = [
        outcome(1, RowStatus.INVALID, code="phone.short"),
        outcome(2, RowStatus.INVALID, code="phone.short", warning="w"),
        outcome(3, warning="w"),
    ]
    tally = merged(source(1, 2, 3), outcomes, tmp_path)
    assert tally.reasons == {"phone.short": 2}
    assert tally.warned == 2


# --- what does not fit together ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "answered"),
    [
        ((1, 2, 3), (1, 3)),
        ((1, 2, 3), (1, 2)),
        ((1, 2), (1, 2, 3)),
        ((1, 2), (1, 1, 2)),
        ((), (1,)),
        ((1, 2), ()),
    ],
)
def test_missing_extra_and_double_answers_stop_it_and_leave_no_file(
    rows: tuple[int, ...], answered: tuple[int, ...], tmp_path: Path
) -> None:
    outcomes = [outcome(row, RowStatus.INVALID) for row in answered]
    with pytest.raises(StateError):
        merged(source(*rows), outcomes, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_row_without_an_answer_gets_the_one_that_the_run_gives_it(tmp_path: Path) -> None:
    tally = merged(source(1, 2, 3), [outcome(2)], tmp_path, absent=lambda row: outcome(row, RowStatus.UNSENT))
    assert tally.statuses == {RowStatus.UNSENT: 2, RowStatus.CREATED: 1}


def test_no_rows_give_a_header_alone(tmp_path: Path) -> None:
    assert merged([], [], tmp_path).rows == 0
    assert table_in(tmp_path / "a.results.csv") == []


# --- results load again -----------------------------------------------------------------------------------

awkward = st.text(
    st.sampled_from([*sorted(PREFIXED - {"\r"}), '"', ",", ";", "a", "0", " ", "\n", "é"]), max_size=5
)


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(st.tuples(awkward, awkward), min_size=1, max_size=5), rejects=st.booleans())
def test_a_results_or_rejects_file_is_read_with_the_very_cells_of_its_source(
    cells: list[tuple[str, str]],
    rejects: bool,
) -> None:
    """The protective prefix is taken off again, and what began with a ``'`` of its own keeps it."""
    spec = SourceSpec(
        kind="csv", header=("=id", "Phone1", "Note"), header_line=1, rows=len(cells), fingerprint="f", size=1
    )
    rows = [SourceRow(at, at + 1, ("+7", first, second)) for at, (first, second) in enumerate(cells, 1)]
    outcomes = [outcome(row.row, RowStatus.INVALID, code="x", error="e") for row in rows]
    with TemporaryDirectory() as folder:
        results, beside = Path(folder) / "r.csv", Path(folder) / "j.csv"
        files = Files(results=results, rejects=beside)
        reconcile(
            grouped(rows, spec), Answers(outcomes, must_not_be), spec=spec, run="r", campaign="c", files=files
        )
        path = beside if rejects else results
        again = survey(path)
        assert [name for _, name in again.columns] == ["=id", "Phone1", "Note"]
        assert [tuple(row.cells) for row in read_rows(path, again)] == [tuple(row.cells) for row in rows]


@pytest.mark.parametrize("extra", ["beyond | more", "(1 field missing)"])
def test_a_ragged_row_is_still_ragged_when_it_comes_back(extra: str, tmp_path: Path) -> None:
    outcomes = [outcome(1, RowStatus.INVALID, code="row.ragged", error="e"), outcome(2)]
    merged([*source(1, extra=extra), *source(2)], outcomes, tmp_path)
    for name in ("a.results.csv", "a.rejects.csv"):
        path = tmp_path / name
        first, *others = read_rows(path, survey(path))
        assert first.extra == extra
        assert [row.extra for row in others] == [""] * len(others)
