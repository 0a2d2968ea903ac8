"""Which rows repeat an earlier one: over the whole input, by id, number, both or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from msgspec import Struct

from etl.duplicates import Claims, Duplicates, Repeat, Verdict
from etl.seen import Keys, Seen

A, B, C, D = (f"+44207946000{at}" for at in range(4))


class Claim(Struct, frozen=True):
    """What one row holds."""

    row: int
    external_id: str
    derived: bool
    numbers: tuple[str, ...]
    suppressed: bool


def claims_together(claims: Sequence[Claim]) -> Claims:
    return Claims(
        rows=[each.row for each in claims],
        external_ids=[each.external_id for each in claims],
        numbers=[each.numbers for each in claims],
        derived={at for at, each in enumerate(claims) if each.derived},
        suppressed={at for at, each in enumerate(claims) if each.suppressed},
    )


def claim(
    row: int, external_id: str, *numbers: str, derived: bool = False, suppressed: bool = False
) -> Claim:
    return Claim(row, external_id, derived, numbers, suppressed)


@contextmanager
def seen() -> Iterator[Seen]:
    with TemporaryDirectory() as folder, Seen(Path(folder)) as keys:
        yield keys


def judged(by: str, claims: Sequence[Claim], *, chunk: int | None = None) -> list[Verdict]:
    """The verdicts, with the claims judged in chunks of so many."""
    size = chunk or len(claims) or 1
    with seen() as keys:
        duplicates = Duplicates(keys, by=by)
        found = []
        for start in range(0, len(claims), size):
            part = claims[start : start + size]
            verdicts = duplicates.judge(claims_together(part))
            found += [verdicts.get(at, Verdict(each.external_id)) for at, each in enumerate(part)]
        return found


def repeats(by: str, *claims: Claim) -> list[int | None]:
    found = judged(by, claims)
    assert found == judged(by, claims, chunk=1)
    return [each.repeat.first if each.repeat else None for each in found]


# --- modes ------------------------------------------------------------------------------------------------


def test_by_id_a_repeated_id_is_a_duplicate_of_its_first_row() -> None:
    assert repeats("externalId", claim(1, "7", A), claim(2, "8", A), claim(3, "7", B), claim(4, "7", A)) == [
        None,
        None,
        1,
        1,
    ]


def test_by_number_any_number_in_common_is_a_duplicate() -> None:
    rows = (claim(1, "7", A, B), claim(2, "8", C), claim(3, "9", D, B), claim(4, "10", A))
    assert repeats("number", *rows) == [None, None, 1, 1]


@pytest.mark.parametrize("by", ["externalId", "number", "both", "none"])
def test_an_id_of_the_files_own_counts_whatever_makes_a_duplicate(by: str) -> None:
    """The interface takes an externalId once, so its second row is no lead of its own."""
    rows = [claim(1, "7", A), claim(2, "7", B), claim(3, "8", C), claim(4, "7", D)]
    assert [each.repeat for each in judged(by, rows)] == [
        None,
        Repeat(1, "externalId"),
        None,
        Repeat(1, "externalId"),
    ]


@pytest.mark.parametrize("by", ["externalId", "number", "both"])
def test_a_derived_id_that_comes_again_is_a_duplicate(by: str) -> None:
    assert repeats(by, claim(1, "d1-x", A, derived=True), claim(2, "d1-x", A, derived=True)) == [None, 1]


def test_by_both_either_will_do() -> None:
    rows = (claim(1, "7", A), claim(2, "7", B), claim(3, "8", A), claim(4, "9", C))
    assert repeats("both", *rows) == [None, 1, 1, None]


@pytest.mark.parametrize("by", ["number", "both"])
def test_the_id_is_named_where_id_and_number_are_repeated(by: str) -> None:
    found = judged(by, [claim(1, "8", A), claim(2, "7", B), claim(3, "7", A)])
    assert found[2].repeat == Repeat(2, "externalId")


def test_by_none_only_an_id_of_the_files_own_makes_a_duplicate() -> None:
    rows = (claim(1, "7", A), claim(2, "8", A), claim(3, "7", A))
    assert repeats("none", *rows) == [None, None, 1]
    assert [each.external_id for each in judged("none", rows)] == ["7", "8", "7"]


def test_by_none_a_repeated_derived_id_gets_an_ordinal_also_over_chunk_borders() -> None:
    rows = [claim(row, "d1-x", A, derived=True) for row in range(1, 5)]
    for chunk in (1, 2, 3, 4):
        found = judged("none", rows, chunk=chunk)
        assert [each.external_id for each in found] == ["d1-x", "d1-x-2", "d1-x-3", "d1-x-4"]
        assert not any(each.repeat for each in found)


def test_a_row_that_is_a_duplicate_claims_nothing() -> None:
    """Row 2 is not sent, so its second number is not dialled by it."""
    rows = (claim(1, "1", A), claim(2, "2", A, B), claim(3, "3", B))
    assert repeats("number", *rows) == [None, 1, None]


def test_a_suppressed_row_claims_what_it_holds_also_where_it_repeats_another() -> None:
    """Who must not be called in row 2 is not called by row 3 either."""
    rows = (claim(1, "1", A), claim(2, "1", B, suppressed=True), claim(3, "3", B))
    assert repeats("number", *rows) == [None, 1, 2]
    assert repeats("both", *rows) == [None, 1, 2]


def test_what_a_suppressed_row_repeats_stays_with_its_first_row() -> None:
    rows = (claim(1, "1", A), claim(2, "1", A, B, suppressed=True), claim(3, "3", A), claim(4, "1", C))
    assert repeats("both", *rows) == [None, 1, 1, 1]


def test_a_number_that_a_row_has_twice_is_no_repeat_of_itself() -> None:
    assert repeats("both", claim(1, "1", A, A)) == [None]


def test_an_id_and_a_number_of_the_same_text_are_two_things() -> None:
    assert repeats("both", claim(1, A, B), claim(2, "2", A)) == [None, None]


# --- case -------------------------------------------------------------------------------------------------


def test_ids_that_differ_only_by_case_are_two_leads_with_a_warning() -> None:
    for order in (("abc", "ABC", "Abc"), ("ABC", "abc", "Abc"), ("Abc", "ABC", "abc")):
        found = judged("externalId", [claim(row, text) for row, text in enumerate(order, 1)])
        assert [each.repeat for each in found] == [None, None, None]
        assert found[0].warning == ""
        for each in found[1:]:
            assert "case" in each.warning
            assert "row 1" in each.warning


def test_each_spelling_of_an_id_is_found_again() -> None:
    rows = [claim(row, text) for row, text in enumerate(["abc", "ABC", "abc", "ABC", "aBC"], 1)]
    assert repeats("externalId", *rows) == [None, None, 1, 2, None]


def test_a_repeat_has_no_warning_about_case() -> None:
    found = judged("externalId", [claim(1, "abc"), claim(2, "ABC"), claim(3, "ABC")])
    assert (found[2].repeat, found[2].warning) == (Repeat(2, "externalId"), "")


# --- the whole input --------------------------------------------------------------------------------------

ids = st.sampled_from(["a", "A", "b", "straße", "STRASSE", "ǅ", "ı", "I"])
claims = st.lists(
    st.tuples(ids, st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=3), st.booleans()), max_size=14
)
modes = st.sampled_from(["externalId", "number", "both", "none"])


def claims_of(rows: Sequence[tuple[str, list[str], bool]]) -> list[Claim]:
    return [
        claim(row, text, *numbers, suppressed=suppressed)
        for row, (text, numbers, suppressed) in enumerate(rows, 1)
    ]


@given(rows=claims, chunk=st.integers(1, 14), by=modes)
def test_where_a_chunk_ends_makes_no_difference(
    rows: list[tuple[str, list[str], bool]], chunk: int, by: str
) -> None:
    made = claims_of(rows)
    assert judged(by, made, chunk=chunk) == judged(by, made)


@given(rows=claims, by=modes)
def test_the_verdicts_are_those_of_a_plain_comparison_with_every_row_that_claims(
    rows: list[tuple[str, list[str], bool]], by: str
) -> None:
    made = claims_of(rows)
    kept: list[Claim] = []
    for each, verdict in zip(made, judged(by, made), strict=True):
        same_id = [other.row for other in kept if other.external_id == each.external_id]
        same_number = [
            other.row for other in kept if by in {"number", "both"} and set(other.numbers) & set(each.numbers)
        ]
        if same_id:
            assert verdict.repeat == Repeat(same_id[0], "externalId")
        elif same_number:
            assert verdict.repeat
            assert verdict.repeat.by == "number"
            assert verdict.repeat.first in same_number
        else:
            assert verdict.repeat is None
        if each.suppressed or not verdict.repeat:
            kept.append(each)


def test_more_keys_than_one_statement_takes_are_all_found() -> None:
    rows = [claim(row, f"id-{row}", A) for row in range(1, 2_001)]
    again = [claim(row + 2_000, f"id-{row}", A) for row in range(1, 2_001)]
    found = judged("externalId", [*rows, *again], chunk=2_000)
    assert [each.repeat for each in found[:2_000]] == [None] * 2_000
    assert [each.repeat and each.repeat.first for each in found[2_000:]] == list(range(1, 2_001))


# --- numbers under several ids ------------------------------------------------------------------------------


def shared(claims: Sequence[Claim], *, by: str = "externalId", chunk: int = 2) -> int:
    """How many numbers stand under more than one id."""
    with seen() as keys:
        duplicates = Duplicates(keys, by=by)
        for start in range(0, len(claims), chunk):
            duplicates.judge(claims_together(claims[start : start + chunk]))
        return keys.shared()


def test_a_number_under_two_ids_is_counted_once_and_repeats_of_an_id_are_not() -> None:
    assert shared([claim(1, "7", A, B), claim(2, "8", A), claim(3, "9", A), claim(4, "7", B)]) == 1
    assert shared([claim(1, "7", A), claim(2, "7", A)]) == 0
    assert shared([claim(1, "7", A), claim(2, "8", A)], by="number") == 1


@settings(deadline=None)
@given(rows=claims, chunk=st.integers(1, 7))
def test_the_numbers_under_several_ids_are_those_of_a_plain_count(
    rows: list[tuple[str, list[str], bool]], chunk: int
) -> None:
    made = claims_of(rows)
    ids: dict[str, set[str]] = {}
    for each in made:
        for number in each.numbers:
            ids.setdefault(number, set()).add(each.external_id)
    assert shared(made, chunk=chunk) == sum(len(of_number) > 1 for of_number in ids.values())


# --- the file ---------------------------------------------------------------------------------------------


def test_nothing_is_left_of_what_was_claimed(tmp_path: Path) -> None:
    """A resumed run decides its rows anew: what is left of a killed one must not make them duplicates."""
    for _ in range(2):
        with Seen(tmp_path) as keys:
            assert Duplicates(keys, by="both").judge(claims_together([claim(1, "7", A)])) == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["'; DROP TABLE seen; --", "a\nb", "𝒳", "x" * 5_000])
def test_any_text_is_a_key(text: str) -> None:
    assert repeats("externalId", claim(1, text), claim(2, text)) == [None, 1]


@pytest.mark.parametrize("by", ["externalId", "number", "both", "none"])
@pytest.mark.parametrize("chunk", [1, 7, 40])
def test_texts_whose_hashes_meet_are_no_repeats(by: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash alone would lose a lead: with two hashes for all texts the verdicts are the same."""
    rows = [claim(row, f"id-{row % 30}", f"+4420794600{row:02d}", derived=row % 3 == 0) for row in range(40)]
    expected = judged(by, rows)
    monkeypatch.setattr(
        "etl.seen.hashes_of", lambda texts: np.array([len(text) % 2 for text in texts], np.uint64)
    )
    assert judged(by, rows, chunk=chunk) == expected


def test_ids_of_one_spelling_but_for_case_are_met_once_a_chunk_and_not_once_a_row() -> None:
    with seen() as keys:
        rows = range(1, 301)
        keys.ids.add(
            Keys.of(["same"] * 300),
            np.asarray(rows, np.uint32),
            [f"{row:09b}".replace("0", "S") for row in rows],
        )
        odd, met = keys.ids.meeting(Keys.of(["same", "other"] + ["same"] * 298))
    assert odd == {0, *range(2, 300)}
    assert [each.row for each in met] == list(rows)
