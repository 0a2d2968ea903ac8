"""Source rows beside journaled outcomes, in row order → results and rejects files, and counts that balance.

The journal holds what was decided, the source what the cells were; this merge brings them together in
bounded memory. Every source row comes out with exactly one answer, or the run does not balance.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, compress, islice
from pathlib import Path

from msgspec import Struct, field

from etl.csvlines import Cell
from etl.errors import StateError
from etl.outputs import Table, table
from etl.records import RowOutcome, RowStatus, SourceRow, SourceRows, SourceSpec

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


_MAY_BE_REJECTS = {RowStatus.INVALID.value, RowStatus.REJECTED.value, RowStatus.DUPLICATE.value}
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
    """The outcomes of each group of rows in turn, from outcomes in row order.

    ``absent`` gives the outcome of a row that has none; it may raise where that must not be.
    """

    def __init__(self, outcomes: Iterable[RowOutcome], absent: Callable[[int], RowOutcome]) -> None:
        self._outcomes = iter(outcomes)
        self._ahead: list[RowOutcome] = []
        self._absent = absent

    def of(self, rows: range) -> list[RowOutcome]:
        """The outcomes of the next rows. Raises StateError for outcomes of rows that the source lacks."""
        found = self._ahead
        found.extend(islice(self._outcomes, len(rows) - len(found)))
        self._ahead = []
        if [outcome.row for outcome in found] == list(rows):
            return found
        return self._merged(rows, found)

    def _merged(self, rows: range, found: list[RowOutcome]) -> list[RowOutcome]:
        """The same where rows have none. As many as there are rows reach to the last of these at least."""
        outcomes: list[RowOutcome] = []
        at = 0
        for row in rows:
            if at == len(found) or found[at].row > row:
                outcomes.append(self._absent(row))
            elif found[at].row < row:
                raise StateError(
                    f"The journal has an answer for row {found[at].row} twice, or for a row that is not "
                    "there."
                )
            else:
                outcomes.append(found[at])
                at += 1
        self._ahead = found[at:]
        return outcomes

    def finish(self) -> None:
        """Make sure that no answer is left over."""
        left = next(chain(self._ahead, self._outcomes), None)
        if left is not None:
            raise StateError(f"The journal has an answer for row {left.row}, and the input has no such row.")


def reconcile(
    groups: Iterable[SourceRows],
    answers: Answers,
    *,
    spec: SourceSpec,
    run: str,
    campaign: str,
    files: Files,
    seen: Callable[[SourceRow, RowOutcome], None] | None = None,
) -> Tally:
    """Write the results, and the rejects if there are any; give the counts.

    ``groups`` are the rows of the source; ``seen`` is told of each as it is written. Raises OutputError,
    DiskFullError, and StateError where journal and source do not fit together.
    """
    tally = Tally()
    source_columns = [name for _, name in spec.columns]
    with ExitStack() as stack:
        results = stack.enter_context(
            table(files.results, [*source_columns, *RESULT_COLUMNS], plain=files.plain, mode=files.mode)
        )
        rejects = _Rejects(stack, source_columns, files)
        for group in groups:
            outcomes = answers.of(range(group.first, group.first + len(group)))
            results.write_rows(
                [
                    *group.cells.values(),
                    *_result_columns(group, outcomes, run=run, campaign=campaign, sheet=spec.sheet),
                ]
            )
            rejects.take(group, outcomes)
            _count(tally, outcomes)
            if seen:
                for row, outcome in zip(group, outcomes, strict=True):
                    seen(row, outcome)
        answers.finish()
        tally.rejects = rejects.count
    return tally


class _Rejects:
    """The rejects file, begun with the first row that goes there.

    There go ``invalid`` and ``rejected`` rows, and what repeats a rejected one: it may be right where the
    first was not.
    """

    def __init__(self, stack: ExitStack, source_columns: Sequence[str], files: Files) -> None:
        self._stack = stack
        self._columns = source_columns
        self._places = {name: at for at, name in reversed(list(enumerate(source_columns)))}
        self._files = files
        self._table: Table | None = None
        self._rejected = bytearray(1)
        self.count = 0

    def take(self, group: SourceRows, outcomes: Sequence[RowOutcome]) -> None:
        """Write those of the next rows that belong there."""
        statuses = {outcome.status._value_ for outcome in outcomes}
        # A byte a row: the journal is not asked for the status of each row that another repeats.
        if RowStatus.REJECTED.value in statuses:
            self._rejected.extend(outcome.status is RowStatus.REJECTED for outcome in outcomes)
        else:
            self._rejected.extend(bytes(len(outcomes)))
        if self._files.rejects is None or statuses.isdisjoint(_MAY_BE_REJECTS):
            return
        chosen = list(map(self._is_reject, outcomes))
        if not any(chosen):
            return
        bad = list(compress(outcomes, chosen))
        errors = [outcome.error for outcome in bad]
        fields = [outcome.field for outcome in bad]
        cells: list[list[str]] = [
            *(list(compress(column, chosen)) for column in group.cells.values()),
            fields,
            [outcome.code for outcome in bad],
            errors,
            list(compress(group.extras, chosen)),
        ]
        self._opened(self._files.rejects).write_rows(
            cells, faults=[self._places.get(name) for name in fields], notes=errors
        )
        self.count += len(bad)

    def _opened(self, path: Path) -> Table:
        if self._table is None:
            self._table = self._stack.enter_context(
                table(path, [*self._columns, *REJECT_COLUMNS], plain=self._files.plain, mode=self._files.mode)
            )
        return self._table

    def _is_reject(self, outcome: RowOutcome) -> bool:
        if outcome.status is RowStatus.DUPLICATE and outcome.first_row is not None:
            return bool(self._rejected[outcome.first_row])
        return outcome.status is RowStatus.INVALID or outcome.status is RowStatus.REJECTED


def _result_columns(
    group: SourceRows, outcomes: Sequence[RowOutcome], *, run: str, campaign: str, sheet: str
) -> Iterator[Sequence[Cell]]:
    yield [run] * len(group)
    yield [campaign] * len(group)
    yield range(group.first, group.first + len(group))
    yield group.lines
    yield [sheet] * len(group)
    yield [outcome.status._value_ for outcome in outcomes]  # ``value`` takes ten times as long
    yield [outcome.status_code for outcome in outcomes]
    yield [outcome.id for outcome in outcomes]
    yield [outcome.external_id for outcome in outcomes]
    yield [outcome.numbers for outcome in outcomes]
    yield [outcome.field for outcome in outcomes]
    yield [outcome.code for outcome in outcomes]
    yield [outcome.error for outcome in outcomes]
    yield [outcome.warning for outcome in outcomes]
    yield [outcome.attempts for outcome in outcomes]
    yield [outcome.batch for outcome in outcomes]
    yield group.extras


def _without_values(outcome: RowOutcome) -> str:
    """The reason without personal data: ours put values in quotation marks, a server's may hold any."""
    if outcome.code.startswith(("rejected.", "unknown.", "exists.")):
        return _SAID[outcome.status]
    # Where a sentence speaks of semicolons, it does not end there.
    return re.split(r"(?<!, ); ", re.sub(r'"[^"]*"', '"…"', outcome.error), maxsplit=1)[0]


def _count(tally: Tally, outcomes: Sequence[RowOutcome]) -> None:
    tally.rows += len(outcomes)
    tally.statuses.update(
        {RowStatus(value): rows for value, rows in Counter(each.status._value_ for each in outcomes).items()}
    )
    tally.warned += sum(1 for outcome in outcomes if outcome.warning)
    with_code = [outcome for outcome in outcomes if outcome.code]
    tally.reasons.update([outcome.code for outcome in with_code])
    for outcome in with_code:
        if outcome.code not in tally.examples:
            tally.examples[outcome.code] = f"row {outcome.row}: {_without_values(outcome)}"
