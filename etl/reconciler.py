"""Source rows beside journaled outcomes, in row order → results and rejects files, and counts that balance.

The journal holds what was decided, the source what the cells were; this merge brings them together in
bounded memory. Every source row comes out with exactly one answer, or the run does not balance.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct, field

from etl.errors import StateError
from etl.outputs import Cell, Table, table
from etl.records import RowOutcome, RowStatus, SourceRow, SourceSpec

RESULT_COLUMNS = (
    "obi_run",
    "obi_campaign",
    "obi_row",
    "obi_line",
    "obi_sheet",
    "obi_status",
    "obi_status_code",
    "obi_id",
    "obi_external_id",
    "obi_numbers",
    "obi_field",
    "obi_code",
    "obi_error",
    "obi_warning",
    "obi_attempts",
    "obi_batch",
    "obi_extra",
)
REJECT_COLUMNS = ("obi_field", "obi_code", "obi_error", "obi_extra")


_SAID = {
    RowStatus.EXISTS: "the externalId is in the campaign, and obi_warning says more",
    RowStatus.REJECTED: "the server's reason stands in obi_error",
    RowStatus.UNKNOWN: "the server did not say whether it took the row",
}


class Files(Struct, frozen=True, kw_only=True):
    """Where the answers go. ``rejects``, if wanted, is written when there are any. ``mode``: permissions."""

    results: Path
    rejects: Path | None = None
    plain: bool = False
    mode: int = 0o600


class Tally(Struct, kw_only=True):
    """Counts over the rows that came out: by status, and by reason (``obi_code``).

    ``examples`` say each reason in the words of its first row, with the row's values cut out.
    """

    rows: int = 0
    statuses: Counter[RowStatus] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    rejects: int = 0
    warned: int = 0


class Answers:
    """The outcome for each row in turn, from outcomes in row order.

    ``absent`` gives the outcome of a row that has none; it may raise where that must not be.
    """

    def __init__(self, outcomes: Iterable[RowOutcome], absent: Callable[[int], RowOutcome]) -> None:
        self._outcomes = iter(outcomes)
        self._next = next(self._outcomes, None)
        self._absent = absent

    def of(self, row: int) -> RowOutcome:
        """The outcome of the next row. Raises StateError for outcomes of rows that the source lacks."""
        found = self._next
        if found is None or found.row > row:
            return self._absent(row)
        if found.row < row:
            raise StateError(
                f"The journal has an answer for row {found.row} twice, or for a row that is not there."
            )
        self._next = next(self._outcomes, None)
        return found

    def finish(self) -> None:
        """Make sure that no answer is left over."""
        if self._next is not None:
            raise StateError(
                f"The journal has an answer for row {self._next.row}, and the input has no such row."
            )


def reconcile(
    rows: Iterable[SourceRow],
    answers: Answers,
    *,
    spec: SourceSpec,
    run: str,
    campaign: str,
    files: Files,
    status_of: Callable[[int], RowStatus | None] = lambda _row: None,
    seen: Callable[[SourceRow, RowOutcome], None] = lambda _row, _outcome: None,
) -> Tally:
    """Write the results, and the rejects if there are any; give the counts.

    ``status_of`` gives the settled status of a row that a duplicate repeats; ``seen`` is told of each row as
    it is written. Raises OutputError, DiskFullError, and StateError where journal and source do not fit
    together.
    """
    tally = Tally()
    source_columns = [name for _, name in spec.columns]
    with ExitStack() as stack:
        results = stack.enter_context(
            table(files.results, [*source_columns, *RESULT_COLUMNS], plain=files.plain, mode=files.mode)
        )
        rejects = _Rejects(stack, source_columns, files)
        for row in rows:
            outcome = answers.of(row.row)
            results.write(
                [*row.cells, *_result_cells(row, outcome, run=run, campaign=campaign, sheet=spec.sheet)]
            )
            if _is_reject(outcome, status_of):
                rejects.write(row, outcome)
            _count(tally, outcome)
            seen(row, outcome)
        answers.finish()
        tally.rejects = rejects.count
    return tally


class _Rejects:
    """The rejects file, begun with the first row that goes there."""

    def __init__(self, stack: ExitStack, source_columns: Sequence[str], files: Files) -> None:
        self._stack = stack
        self._columns = source_columns
        self._places = {name: at for at, name in reversed(list(enumerate(source_columns)))}
        self._files = files
        self._table: Table | None = None
        self.count = 0

    def write(self, row: SourceRow, outcome: RowOutcome) -> None:
        if self._files.rejects is None:
            return
        if self._table is None:
            self._table = self._stack.enter_context(
                table(
                    self._files.rejects,
                    [*self._columns, *REJECT_COLUMNS],
                    plain=self._files.plain,
                    mode=self._files.mode,
                )
            )
        self.count += 1
        self._table.write(
            [*row.cells, outcome.field, outcome.code, outcome.error, row.extra],
            fault=self._places.get(outcome.field),
            note=outcome.error,
        )


def _result_cells(
    row: SourceRow, outcome: RowOutcome, *, run: str, campaign: str, sheet: str
) -> Iterator[Cell]:
    yield from (run, campaign, row.row, row.line, sheet, outcome.status.value, outcome.status_code)
    yield from (outcome.id, outcome.external_id, outcome.numbers, outcome.field, outcome.code)
    yield from (outcome.error, outcome.warning, outcome.attempts, outcome.batch, row.extra)


def _is_reject(outcome: RowOutcome, status_of: Callable[[int], RowStatus | None]) -> bool:
    """``invalid``, ``rejected``, and what repeats a rejected row: it may be right where the first was not."""
    if outcome.status is RowStatus.DUPLICATE and outcome.first_row is not None:
        return status_of(outcome.first_row) is RowStatus.REJECTED
    return outcome.status in {RowStatus.INVALID, RowStatus.REJECTED}


def _without_values(outcome: RowOutcome) -> str:
    """The reason without personal data: ours put values in quotation marks, a server's may hold any."""
    if outcome.code.startswith(("rejected.", "unknown.", "exists.")):
        return _SAID[outcome.status]
    # Where a sentence speaks of semicolons, it does not end there.
    return re.split(r"(?<!, ); ", re.sub(r'"[^"]*"', '"…"', outcome.error), maxsplit=1)[0]


def _count(tally: Tally, outcome: RowOutcome) -> None:
    tally.rows += 1
    tally.statuses[outcome.status] += 1
    if outcome.code:
        tally.reasons[outcome.code] += 1
        if outcome.code not in tally.examples:
            tally.examples[outcome.code] = f"row {outcome.row}: {_without_values(outcome)}"
    tally.warned += bool(outcome.warning)
