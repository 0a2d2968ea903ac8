"""The answers of a run: its source and its journal → results and rejects.

A module of its own, without what deciding and sending need: a process that only writes results stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from etl.errors import StateError
from etl.journal import InDoubt, Journal
from etl.reader import groups
from etl.reconciler import Answers, Files, Tally, reconcile
from etl.records import RowOutcome, RowStatus


def publish(journal: Journal, *, files: Files, stopped: bool) -> Tally:
    """Write results and rejects of a run from its source and its journal.

    Rows without an outcome are ``unsent`` where the run was ``stopped``, ``unknown`` where they were sent.
    Raises StateError where a finished run lacks the outcome of a row.
    """
    return publish_from(journal, journal.outcomes(), files=files, stopped=lambda: stopped)


def publish_from(
    journal: Journal, outcomes: Iterable[RowOutcome], *, files: Files, stopped: Callable[[], bool]
) -> Tally:
    """The same from ``outcomes`` in the order of rows; ``stopped`` is asked once a row has none."""
    manifest = journal.manifest
    return reconcile(
        groups(Path(manifest.source), manifest.spec),
        Answers(outcomes, _Unsettled(journal, stopped)),
        spec=manifest.spec,
        run=manifest.run,
        campaign=manifest.campaign.name,
        files=files,
    )


class _Unsettled:
    """Gives the outcomes of rows that have none."""

    def __init__(self, journal: Journal, stopped: Callable[[], bool]) -> None:
        self._journal = journal
        self._stopped = stopped
        self._in_doubt: dict[int, InDoubt] | None = None

    def __call__(self, row: int) -> RowOutcome:
        if self._in_doubt is None:
            self._in_doubt = self._journal.in_doubt()
        if sent := self._in_doubt.get(row):
            return RowOutcome(
                row=row,
                status=RowStatus.UNKNOWN,
                external_id=sent.external_id,
                code="unknown.not_settled",
                error="the row was sent, and the run ended before its outcome was known; `obi resume` looks",
                attempts=sent.attempts,
                batch=sent.batch,
            )
        if not self._stopped():
            raise StateError(f"The journal has no answer for row {row} of a run that is finished.")
        return RowOutcome(
            row=row,
            status=RowStatus.UNSENT,
            code="unsent.run_ended",
            error="the run ended before the row was sent",
        )
