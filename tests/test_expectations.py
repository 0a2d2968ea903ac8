"""The limits of a profile's ``[expect]``."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from etl.expectations import excused, outcome_unexpected, rows_unexpected
from etl.profile import Expect
from etl.records import RowStatus, exit_code_of

INVALID, REJECTED, CREATED, READY = RowStatus.INVALID, RowStatus.REJECTED, RowStatus.CREATED, RowStatus.READY


def test_nothing_is_unexpected_where_nothing_is_expected() -> None:
    assert rows_unexpected(Expect(), 0) == ""
    assert outcome_unexpected(Expect(), {INVALID: 100}, 100) == ""
    assert excused(Expect(), {INVALID: 100}) == {INVALID: 100}


@pytest.mark.parametrize(("rows", "fine"), [(0, False), (9, False), (10, True), (20, True), (21, False)])
def test_the_limits_of_rows_belong_to_what_is_expected(rows: int, fine: bool) -> None:
    told = rows_unexpected(Expect(rows=(10, 20)), rows)
    assert (told == "") is fine
    assert fine or str(rows) in told


def test_a_file_with_a_header_only_is_expected_where_the_profile_allows_no_rows() -> None:
    assert rows_unexpected(Expect(rows=(0, 60_000)), 0) == ""


def test_invalid_and_rejected_rows_count_together() -> None:
    expect = Expect(invalid_max="3")
    assert outcome_unexpected(expect, {INVALID: 2, REJECTED: 1}, 100) == ""
    assert "4 of 100" in outcome_unexpected(expect, {INVALID: 2, REJECTED: 2}, 100)


def test_ready_rows_count_as_created_in_a_check() -> None:
    expect = Expect(created_min="50%")
    assert outcome_unexpected(expect, {READY: 5}, 10) == ""
    assert outcome_unexpected(expect, {CREATED: 4}, 10) != ""


@given(tenths=st.integers(1, 1_000), rows=st.integers(0, 100_000), bad=st.integers(0, 100_000))
def test_a_share_is_reckoned_exactly(tenths: int, rows: int, bad: int) -> None:
    """1.1 % of 3,000 is 33, and not 33.00000000000001."""
    share = f"{tenths / 10:g}%"
    limit = Fraction(tenths * rows, 1_000)
    assert (outcome_unexpected(Expect(invalid_max=share), {INVALID: bad}, rows) == "") is (bad <= limit)
    assert (outcome_unexpected(Expect(created_min=share), {CREATED: bad}, rows) == "") is (bad >= limit)


@pytest.mark.parametrize(("share", "limit"), [("1.1%", 33), ("2.3%", 69), ("4.4%", 132)])
def test_exactly_the_limit_is_within_it(share: str, limit: int) -> None:
    assert outcome_unexpected(Expect(invalid_max=share), {INVALID: limit}, 3_000) == ""
    assert outcome_unexpected(Expect(created_min=share), {CREATED: limit}, 3_000) == ""


def test_rows_within_the_limit_are_excused_and_other_ones_never() -> None:
    counts = {INVALID: 1, REJECTED: 1, CREATED: 5}
    assert exit_code_of(excused(Expect(invalid_max="2%"), counts)) == 0
    assert exit_code_of(excused(Expect(invalid_max="2%"), counts | {RowStatus.UNSENT: 1})) == 5
    assert exit_code_of(excused(Expect(invalid_max="2%"), counts | {RowStatus.UNKNOWN: 1})) == 10


def test_a_limit_of_none_at_all_is_a_limit() -> None:
    assert outcome_unexpected(Expect(invalid_max="0"), {INVALID: 1}, 1_000) != ""
    assert outcome_unexpected(Expect(invalid_max="0%"), {}, 1_000) == ""
