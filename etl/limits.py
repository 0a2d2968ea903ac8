"""What ends a run early because too much goes wrong: ``--max-errors``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from etl.errors import StoppedError
from etl.records import RowOutcome, RowStatus

_FEW = 100
"""Rows from which on a share says something."""

_ERRORS = frozenset({RowStatus.INVALID, RowStatus.REJECTED})


class ErrorLimit:
    """Counts ``invalid`` and ``rejected`` rows against ``limit``.

    That is a number, a share (``5%``) of the rows checked so far, from the hundredth on, or empty for none.
    ``counts`` are the rows by status that an earlier sitting settled.
    """

    def __init__(self, limit: str, counts: Mapping[RowStatus, int] | None = None) -> None:
        self.limit = limit
        settled = counts or {}
        self._errors = sum(settled.get(status, 0) for status in _ERRORS)
        self._checked = sum(settled.values())

    def checked(self, rows: int) -> None:
        """Count rows that our own checks have seen."""
        self._checked += rows

    def settled(self, outcomes: Iterable[RowOutcome]) -> None:
        """Count what became of rows."""
        self._errors += sum(outcome.status in _ERRORS for outcome in outcomes)

    def enforce(self) -> None:
        """Raise StoppedError where there are more than the limit allows."""
        if not self.limit or self._errors <= self._allowed():
            return
        raise StoppedError(
            f"Stopped: {self._errors:,} of {self._checked:,} rows so far are invalid or rejected, and "
            f"--max-errors allows {self.limit}.",
            go_on=" --max-errors 100%",
        )

    def _allowed(self) -> Fraction:
        share = Fraction(self.limit.removesuffix("%"))
        if not self.limit.endswith("%"):
            return share
        return share * self._checked / 100 if self._checked >= _FEW else Fraction(self._errors)
