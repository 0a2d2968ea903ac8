"""What ends a run early because too much goes wrong: ``--max-errors``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction

from etl.errors import StoppedError
from etl.records import RowOutcome, RowStatus

_FEW = 100
"""Rows from which on a share says something."""

_ERRORS = (RowStatus.INVALID, RowStatus.REJECTED)
_ANSWERED = (RowStatus.CREATED, RowStatus.EXISTS, RowStatus.REJECTED)
_NEVER_SENT = (RowStatus.INVALID, RowStatus.DUPLICATE, RowStatus.SUPPRESSED)


class ErrorLimit:
    """Counts ``invalid`` and ``rejected`` rows against ``limit``.

    That is a number, a share (``5%``), or empty for none. A share says something from the hundredth row on.
    Our own checks are ahead of the sending, so that it is a share of the rows checked so far, and those of
    them that have no answer yet are taken to be refused as often as those that have.
    ``counts`` are the rows by status that an earlier sitting settled.
    """

    def __init__(self, limit: str, counts: Mapping[RowStatus, int] | None = None) -> None:
        self.limit = limit
        self._counts = Counter(counts or {})
        self._checked = self._counts.total()

    def checked(self, rows: int) -> None:
        """Count rows that our own checks have seen."""
        self._checked += rows

    def settled(self, outcomes: Iterable[RowOutcome]) -> None:
        """Count what became of rows."""
        self._counts.update([outcome.status for outcome in outcomes])

    def enforce(self) -> None:
        """Raise StoppedError where there are more than the limit allows."""
        if not self.limit or not self._is_passed():
            return
        # Where the server refused none, it is our checks that tell, and they are ahead.
        decided = self._sum({*_NEVER_SENT, *_ANSWERED})
        rows = decided if self._counts[RowStatus.REJECTED] else self._checked
        raise StoppedError(
            f"Stopped: {self._sum(_ERRORS):,} of {rows:,} rows so far are invalid or rejected, and "
            f"--max-errors allows {self.limit}.",
            go_on=" --max-errors 100%",
        )

    def _is_passed(self) -> bool:
        share = Fraction(self.limit.removesuffix("%"))
        if not self.limit.endswith("%"):
            return self._sum(_ERRORS) > share
        return self._checked >= _FEW and self._expected() > share * self._checked / 100

    def _expected(self) -> Fraction:
        """Errors among the rows checked so far, once all of them have their answers."""
        answered, rejected = self._sum(_ANSWERED), self._counts[RowStatus.REJECTED]
        to_send = self._checked - self._sum(_NEVER_SENT)
        times = Fraction(max(to_send, answered), answered) if answered >= _FEW else Fraction(1)
        return self._counts[RowStatus.INVALID] + rejected * times

    def _sum(self, statuses: Iterable[RowStatus]) -> int:
        return sum(self._counts[status] for status in statuses)
