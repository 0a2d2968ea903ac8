"""What of a run is still to be done: its rows, without those that are settled, in batches.

Rows that an earlier process sent without learning their outcome come last, in their old batches.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

from msgspec import Struct
from msgspec.structs import replace

from etl.chunker import Chunker
from etl.deciding import portions_of
from etl.journal import InDoubt, Journal
from etl.records import Batch, Item, RowOutcome, RowStatus
from etl.work import Portion, Work, marker_of


class Step(Struct, frozen=True):
    """What one frame comes to: rows that are decided already, and full batches; ``rows`` were open in it."""

    outcomes: list[RowOutcome]
    batches: list[Batch]
    rows: int = 0


def steps(
    work: Work, journal: Journal, numbers: Iterator[int], *, first: int = 0
) -> Generator[Step, None, None]:
    """What is still to do, chunk by chunk; rows that the journal has settled are passed over.

    The ``first`` customers fill batches of their own.
    """
    chunker = Chunker(
        max_items=work.settings.batch_size,
        max_bytes=work.settings.batch_bytes,
        numbers=numbers,
        first=first,
    )
    in_doubt = journal.in_doubt()
    doubtful: dict[int, list[Item]] = {}
    ready = portions_of(work, journal.path, marker=marker_of(work.settings, journal))
    with Journal.open(journal.path) as before, closing(ready):
        settled = _Settled(before.settled_rows())
        for portion in ready:
            todo = _not_settled(portion, settled, work) if settled.is_any else portion
            rows = len(todo.outcomes) + len(todo.items)
            if in_doubt:
                todo = _without_doubtful(todo, in_doubt, doubtful)
            yield Step(todo.outcomes, chunker.add(todo.items), rows=rows)
    rest = chunker.rest()
    yield Step([], [rest] if rest else [])
    yield Step(
        [],
        [
            Batch(number=number, items=tuple(again), attempts=in_doubt[again[0].row].attempts)
            for number, again in doubtful.items()
        ],
    )


def _not_settled(portion: Portion, settled: _Settled, work: Work) -> Portion:
    """What is still open; of the rest is noted what would be suppressed by now."""
    rows = sorted([each.row for each in portion.outcomes] + [each.row for each in portion.items])
    known = {row for row in rows if settled.has(row)}
    work.listed_since.extend(
        each.row for each in portion.outcomes if each.row in known and each.code == "suppressed.list"
    )
    return Portion(
        [each for each in portion.outcomes if each.row not in known],
        [each for each in portion.items if each.row not in known],
    )


def _without_doubtful(
    portion: Portion, in_doubt: dict[int, InDoubt], doubtful: dict[int, list[Item]]
) -> Portion:
    """The portion without rows that were sent; those still to be sent are put into ``doubtful``, by batch."""
    outcomes: list[RowOutcome] = []
    for outcome in portion.outcomes:
        sent = in_doubt.get(outcome.row)
        outcomes.append(outcome if sent is None else _decided_otherwise(outcome, sent))
    items: list[Item] = []
    for item in portion.items:
        sent = in_doubt.get(item.row)
        if sent is None:
            items.append(item)
        elif item.external_id == sent.external_id:
            doubtful.setdefault(sent.batch, []).append(_item_again(item, sent))
        else:
            outcomes.append(_decided_otherwise(item, sent))
    return Portion(outcomes, items)


def _item_again(item: Item, sent: InDoubt) -> Item:
    return replace(
        item,
        in_doubt=True,
        sent_at=sent.sent_at,
        doubted_at=sent.last_at,
        offset=sent.offset,
        said=201 if sent.said_created else 0,
    )


def _decided_otherwise(answer: Item | RowOutcome, sent: InDoubt) -> RowOutcome:
    """A row that was sent, and that is decided otherwise now: nothing certain can be done about it."""
    if isinstance(answer, RowOutcome) and answer.code == "suppressed.list":
        code = "unknown.listed_since"
        error = (
            f"it was sent as {sent.external_id}, and has come onto a do-not-call list since, so it is not "
            "sent again: look the customer up, and delete it if it is there"
        )
    else:
        code = "unknown.decided_otherwise"
        error = (
            f"it was sent as {sent.external_id}, and this version of obi-import decides it otherwise: "
            "resume with the version that began the run (`obi runs show` names it), or look the customer up"
        )
    return RowOutcome(
        row=answer.row,
        status=RowStatus.UNKNOWN,
        external_id=sent.external_id,
        code=code,
        error=error,
        attempts=sent.attempts,
        batch=sent.batch,
    )


class _Settled:
    """Whether a row is settled, asked in the order of rows."""

    def __init__(self, rows_settled: Iterator[int]) -> None:
        self._rows = rows_settled
        self._next = next(rows_settled, 0)

    @property
    def is_any(self) -> bool:
        """Whether there are any from here on."""
        return bool(self._next)

    def has(self, row: int) -> bool:
        while self._next and self._next < row:
            self._next = next(self._rows, 0)
        return self._next == row
