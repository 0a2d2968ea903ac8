"""The work of a run: its input decided frame by frame, and what of it is still to be sent.

Reading and validating run in a thread, one frame ahead of sending, so that the next frame is ready when the
server is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeGuard, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from etl.chunker import Chunker
from etl.columns import map_columns
from etl.duplicates import Duplicates
from etl.earlier import Earlier
from etl.journal import InDoubt, Journal
from etl.obi.models import moment
from etl.payload import items_of
from etl.profile import Profile
from etl.reader import chunks
from etl.records import Batch, Customer, Item, Manifest, RowOutcome, RowStatus, SourceSpec, SuppressionList
from etl.seen import Seen
from etl.settings import Settings
from etl.suppression import Suppression
from etl.validator import Decided, Validator

T = TypeVar("T")


class Work(Struct, frozen=True, kw_only=True):
    """One input, where it is and how its rows are decided; the same on each day the run is worked on.

    ``lists`` are the do-not-call lists in use, with their indexes in the folder ``indexes``. ``earlier`` are
    the journals of runs whose customers count as duplicates. ``findings`` are counts over all rows, filled in
    when they are decided; ``listed_since`` the settled rows that would be suppressed by now.
    """

    source: Path
    spec: SourceSpec
    profile: Profile
    settings: Settings
    campaign_end: str = ""
    scratch: Path = field(default_factory=Path)
    lists: tuple[SuppressionList, ...] = ()
    indexes: Path = field(default_factory=Path)
    earlier: tuple[Path, ...] = ()
    findings: dict[str, int] = field(default_factory=dict)
    listed_since: list[int] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        settings: Settings,
        *,
        scratch: Path,
        lists: Sequence[SuppressionList] = (),
        indexes: Path = Path(),
        earlier: Sequence[Path] = (),
    ) -> Work:
        """The work of a run, from its manifest; ``settings`` are the manifest's, with today's credentials."""
        return cls(
            source=Path(manifest.source),
            spec=manifest.spec,
            profile=Profile.thawed(manifest.profile),
            settings=settings,
            campaign_end=manifest.campaign.end_date,
            scratch=scratch,
            lists=tuple(lists),
            indexes=indexes,
            earlier=tuple(earlier),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of all rows together, once they are decided."""
        shared = self.findings.get("shared_numbers", 0)
        if not shared:
            return ()
        number = "1 number stands" if shared == 1 else f"{shared:,} numbers stand"
        return (f"{number} under more than one externalId; --duplicates-by number sends only the first",)


class Step(Struct, frozen=True):
    """What one frame comes to: rows that are decided already, and full batches; ``rows`` were open in it."""

    outcomes: list[RowOutcome]
    batches: list[Batch]
    rows: int = 0


def decisions(work: Work) -> Generator[list[Decided], None, None]:
    """Every row decided, frame by frame, in order: a customer to send, or the outcome without sending."""
    with (
        Seen(work.scratch) as seen,
        Suppression.opened(work.indexes, work.lists) as suppression,
        Earlier(work.scratch / "earlier.sqlite") as earlier,
    ):
        earlier.fill(work.earlier)
        validator = Validator(
            profile=work.profile,
            mapping=map_columns(work.spec.columns, work.profile),
            duplicates=Duplicates(
                seen, by=work.settings.duplicates_by, earlier=earlier if work.earlier else None
            ),
            campaign_end=moment(work.campaign_end),
            suppression=suppression,
        )
        for rows in chunks(work.source, work.spec):
            yield validator.decide(rows)
        work.findings["shared_numbers"] = seen.shared()


async def ahead(source: Generator[T, None, None]) -> AsyncGenerator[T, None]:
    """What ``source`` gives, each worked out in a thread while the one before is used.

    It closes the source at its end, however it ends.
    """
    try:
        task = asyncio.create_task(asyncio.to_thread(next, source, None))
        # Shielded: cancelling the run does not end the thread, and its generator can't be closed meanwhile.
        while (given := await asyncio.shield(task)) is not None:
            task = asyncio.create_task(asyncio.to_thread(next, source, None))
            yield given
    finally:
        await asyncio.wait([task])
        await asyncio.to_thread(source.close)


def steps(
    work: Work, journal: Journal, numbers: Iterator[int], *, first: int = 0
) -> Generator[Step, None, None]:
    """What is still to do, frame by frame; rows that the journal has settled are passed over.

    The ``first`` customers fill batches of their own. Rows that an earlier process sent without learning
    their outcome come last, in their old batches.
    """
    chunker = Chunker(
        max_items=work.settings.batch_size,
        max_bytes=work.settings.batch_bytes,
        numbers=numbers,
        first=first,
    )
    items = partial(
        items_of,
        as_attributes=work.profile.phones.send_as == "attributes",
        marker=marker_of(work.settings, journal),
    )
    in_doubt = journal.in_doubt()
    doubtful: dict[int, list[Item]] = {}
    with Journal.open(journal.path) as before, closing(decisions(work)) as frames_decided:
        settled = _Settled(before.settled_rows())
        for decided in frames_decided:
            todo = _not_settled(decided, settled, work) if settled.is_any else decided
            step = Step([], [], rows=len(todo))
            if in_doubt:
                fresh = []
                for answer in todo:
                    sent = in_doubt.get(answer.row)
                    if sent is None:
                        fresh.append(answer)
                    elif _is_still(answer, sent):
                        doubtful.setdefault(sent.batch, []).extend(
                            _item_again(item, sent) for item in items([answer])
                        )
                    else:
                        step.outcomes.append(_decided_otherwise(answer, sent))
                todo = fresh
            step.outcomes.extend(answer for answer in todo if isinstance(answer, RowOutcome))
            step.batches.extend(
                chunker.add(items([answer for answer in todo if isinstance(answer, Customer)]))
            )
            yield step
    rest = chunker.rest()
    yield Step([], [rest] if rest else [])
    yield Step(
        [],
        [
            Batch(number=number, items=tuple(again), attempts=in_doubt[again[0].row].attempts)
            for number, again in doubtful.items()
        ],
    )


def marker_of(settings: Settings, journal: Journal) -> tuple[str, str] | None:
    """The attribute that the run's customers carry, None where they carry none."""
    return (settings.marker, journal.manifest.run) if settings.marker else None


def _item_again(item: Item, sent: InDoubt) -> Item:
    return replace(
        item,
        in_doubt=True,
        sent_at=sent.sent_at,
        doubted_at=sent.last_at,
        offset=sent.offset,
        said=201 if sent.said_created else 0,
    )


def _not_settled(decided: Sequence[Decided], settled: _Settled, work: Work) -> list[Decided]:
    """Those that are still open; of the others is noted which would be suppressed by now."""
    still_open = []
    for answer in decided:
        if not settled.has(answer.row):
            still_open.append(answer)
        elif isinstance(answer, RowOutcome) and answer.code == "suppressed.list":
            work.listed_since.append(answer.row)
    return still_open


def _is_still(answer: Decided, sent: InDoubt) -> TypeGuard[Customer]:
    """Whether a row that was sent is still one to be sent, under the same id."""
    return isinstance(answer, Customer) and answer.external_id == sent.external_id


def _decided_otherwise(answer: Decided, sent: InDoubt) -> RowOutcome:
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
