"""Laws of a sample: bounded whatever the input, and its examples are the input's own."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from etl.columns import map_columns
from etl.payload import item_of
from etl.profile import GUESSED
from etl.records import Customer, RowOutcome, RowStatus, SourceRow
from etl.sample import PREVIEWED, Sample, shortened, uses_of

HEADER = ("Lead ID", "Phone", "Name")
MAPPING = map_columns(tuple(enumerate(HEADER)), GUESSED)


def sample(*, bodies: int = 0) -> Sample:
    return Sample(MAPPING, item_of, bodies=bodies)


def row_of(number: int, *cells: str, extra: str = "") -> SourceRow:
    return SourceRow(number, number + 1, cells or ("A1", "020", "Ann"), extra)


def ready(number: int, *, warning: str = "") -> RowOutcome:
    return RowOutcome(row=number, status=RowStatus.READY, warning=warning)


def invalid(number: int, code: str, *, field: str = "Phone") -> RowOutcome:
    return RowOutcome(row=number, status=RowStatus.INVALID, code=code, field=field, error=f"{code} it is")


def test_no_more_is_kept_than_is_shown() -> None:
    kept = sample(bodies=2)
    for number in range(1, 2_001):
        kept.take(Customer(row=number, external_id=f"A{number}", numbers=("+442079460001",)))
        kept.see(row_of(number), ready(number, warning=f"warning {chr(0x4E00 + number)} is one of a kind"))
    assert len(kept.preview) == PREVIEWED
    assert len(kept.bodies) == 2
    cautions = kept.cautions()
    assert len(cautions) <= 101
    assert sum(caution.rows for caution in cautions) == 2_000
    assert all(len(caution.examples) <= 3 for caution in cautions)


@given(st.lists(st.sampled_from(["a.one", "a.two", "a.three"]), max_size=30))
def test_reasons_count_every_row_once_and_show_their_first_three(codes: list[str]) -> None:
    kept = sample()
    for number, code in enumerate(codes, 1):
        kept.see(row_of(number, "A1", f"cell {number}", "Ann"), invalid(number, code))
    found = {reason.code: reason for reason in kept.found()}
    assert found.keys() == set(codes)
    for code, reason in found.items():
        rows = [number for number, each in enumerate(codes, 1) if each == code]
        assert reason.rows == len(rows)
        assert [(each.row, each.value) for each in reason.examples] == [
            (number, f"cell {number}") for number in rows[:3]
        ]


@pytest.mark.parametrize(
    ("warning", "codes"),
    [
        (
            '"44 20" has a code; the extension 12 was left out',
            ['"…" has a code', "the extension … was left out"],
        ),
        ('"a; b" has letters', ['"…" has letters']),
        ("write each in full, ; between them", ["write each in full, ; between them"]),
        ("it exists (its numbers there are +44 20, other values there: Name)", ["it exists"]),
        ("left out: 3 of 10", ["left out: … of …"]),
    ],
)
def test_a_warning_is_known_by_its_words_without_the_rows_values(warning: str, codes: list[str]) -> None:
    kept = sample()
    kept.see(row_of(1), ready(1, warning=warning))
    assert [caution.code for caution in kept.cautions()] == codes


def test_a_warning_that_a_row_has_twice_counts_once() -> None:
    kept = sample()
    kept.see(row_of(1), ready(1, warning='"1" is odd; "2" is odd'))
    assert [(caution.code, caution.rows) for caution in kept.cautions()] == [('"…" is odd', 1)]


@pytest.mark.parametrize(
    ("cell", "is_one"),
    [
        ("020 7946 0001", True),
        ("+493023125001", True),
        ("01/02/2027", False),
        ("0000123456", False),
        ("x", False),
    ],
)
def test_a_column_is_one_of_numbers_by_what_can_be_dialled_in_it(cell: str, *, is_one: bool) -> None:
    kept = Sample(MAPPING, item_of, region="GB")
    kept.see(row_of(1, "A1", "020", cell), ready(1))
    assert [use.never_dialled for use in kept.columns()] == [False, False, is_one]


@pytest.mark.parametrize(
    ("header", "is_told"),
    [("Spare", True), ("Account No", False), ("Verified Phone", True), ("Stamp", False)],
)
def test_a_column_of_ids_that_may_be_dialled_is_not_told_as_numbers(header: str, *, is_told: bool) -> None:
    kept = Sample(map_columns(((0, "Phone"), (1, header)), GUESSED), item_of, region="DE")
    for number in range(1, 9):
        cell = f"030231250{number:02d}" if header == "Stamp" else f"030 231250{(number * 7) % 9:02d}"
        kept.see(SourceRow(number, number, ("020", cell)), ready(number))
    assert [use.never_dialled for use in kept.columns()] == [False, is_told]


def test_the_example_of_a_ragged_row_is_what_it_has_too_many_of() -> None:
    kept = sample()
    kept.see(row_of(1, extra="x | y"), invalid(1, "row.ragged", field=""))
    (example,) = kept.found()[0].examples
    assert (example.column, example.value) == ("", "x | y")


def test_of_columns_with_one_name_all_cells_are_shown() -> None:
    mapping = map_columns(((0, "Phone"), (1, "Note"), (2, "Note")), GUESSED)
    kept = Sample(mapping, item_of)
    kept.see(SourceRow(1, 2, ("020", "a", "b")), invalid(1, "a.code", field="Note"))
    (example,) = kept.found()[0].examples
    assert (example.column, example.value) == ("Note", "a | b")


def test_columns_keep_their_places_where_some_are_not_read_at_all() -> None:
    mapping = map_columns(((1, "Phone"), (4, "Spare"), (5, "Name")), GUESSED)
    kept = Sample(mapping, item_of)
    for number in range(1, 5):
        kept.see(SourceRow(number, number, ("020 7946 0001", "+44 20 7946 0002", "Ann")), ready(number))
    assert [(use.header, use.never_dialled) for use in kept.columns()] == [
        ("Phone", False),
        ("Spare", True),
        ("Name", False),
    ]
    assert [use.header for use in uses_of(mapping)] == ["Phone", "Spare", "Name"]


@given(st.text(max_size=700))
def test_a_cell_is_whole_or_says_what_is_missing(text: str) -> None:
    shown = shortened(text)
    assert (
        shown == text
        if len(text) <= 300
        else shown == f"{text[:300]}… (and {len(text) - 300} more characters)"
    )
