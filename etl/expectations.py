"""The profile's ``[expect]`` limits: what tells a normal night from a broken one."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from etl.profile import Expect
from etl.records import RowStatus


def rows_unexpected(expect: Expect, rows: int) -> str:
    """Why a file of so many rows is not expected, empty where it is; known before anything is sent."""
    if expect.rows is None:
        return ""
    least, most = expect.rows
    if least <= rows <= most:
        return ""
    return f"the profile expects {least:,} to {most:,} rows, and the input has {rows:,}"


def outcome_unexpected(expect: Expect, counts: Mapping[RowStatus, int], rows: int) -> str:
    """Which limit the counts break, empty where none."""
    bad = counts.get(RowStatus.INVALID, 0) + counts.get(RowStatus.REJECTED, 0)
    if expect.invalid_max and bad > _limit(expect.invalid_max, rows):
        return (
            f"{bad:,} of {rows:,} rows are invalid or rejected, and the profile expects at most "
            f"{expect.invalid_max}"
        )
    created = counts.get(RowStatus.CREATED, 0) + counts.get(RowStatus.READY, 0)
    if expect.created_min and created < _limit(expect.created_min, rows):
        return (
            f"{created:,} of {rows:,} rows are created, and the profile expects {expect.created_min} or more"
        )
    return ""


def excused(expect: Expect, counts: Mapping[RowStatus, int]) -> dict[RowStatus, int]:
    """The counts without the invalid and rejected rows that the profile expects."""
    if not expect.invalid_max:
        return dict(counts)
    expected = {RowStatus.INVALID, RowStatus.REJECTED}
    return {status: count for status, count in counts.items() if status not in expected}


def _limit(text: str, rows: int) -> Fraction:
    """Reckoned exactly: in floats, 1.1 % of 3,000 is a little more than 33."""
    share = Fraction(text.removesuffix("%"))
    return share * rows / 100 if text.endswith("%") else share
