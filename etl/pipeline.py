"""Where the stages meet: reader → validator → chunker → poster → reconciler, and the journal between them.

The stages don't know each other. Reading and validating run in a thread, one frame ahead of sending, so that
the next frame is ready when the server is.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from functools import partial
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from etl.campaigns import sharpen_clock
from etl.chunker import Chunker
from etl.columns import map_columns
from etl.duplicates import Duplicates, Seen
from etl.errors import InterruptedRunError, StateError
from etl.journal import InDoubt, Journal
from etl.link import Link
from etl.obi.models import moment
from etl.pace import Pace
from etl.payload import item_of
from etl.poster import Poster
from etl.posting import PostRules
from etl.profile import Profile
from etl.progress import Progress
from etl.reader import frames, rows
from etl.reconciler import Answers, Files, Tally, reconcile
from etl.records import Batch, Customer, Item, Manifest, RowOutcome, RowStatus, SourceSpec
from etl.settings import Settings
from etl.validator import Decided, Validator


class Step(Struct, frozen=True):
    """What one frame comes to: rows that are decided already, and full batches."""

    outcomes: list[RowOutcome]
    batches: list[Batch]


class Work(Struct, frozen=True, kw_only=True):
    """One input, where it is and how its rows are decided; the same on each day the run is worked on."""

    source: Path
    spec: SourceSpec
    profile: Profile
    settings: Settings
    campaign_end: str = ""
    scratch: Path = field(default_factory=Path)

    @classmethod
    def of(cls, manifest: Manifest, settings: Settings, *, scratch: Path) -> Work:
        """The work of a run, from its manifest; ``settings`` are the manifest's, with today's credentials."""
        return cls(
            source=Path(manifest.source),
            spec=manifest.spec,
            profile=Profile.thawed(manifest.profile),
            settings=settings,
            campaign_end=manifest.campaign.end_date,
            scratch=scratch,
        )


def decisions(work: Work) -> Generator[list[Decided], None, None]:
    """Every row decided, frame by frame, in order: a customer to send, or the outcome without sending."""
    with Seen(work.scratch / "seen.sqlite") as seen:
        validator = Validator(
            profile=work.profile,
            mapping=map_columns(work.spec.columns, work.profile),
            duplicates=Duplicates(seen, by=work.settings.duplicates_by),
            campaign_end=moment(work.campaign_end),
        )
        for frame in frames(work.source, work.spec):
            yield list(validator.decide(frame))


async def deliver(
    work: Work, journal: Journal, link: Link, *, progress: Progress, stop: asyncio.Event
) -> None:
    """Send every row that is not settled yet, and settle it.

    ``stop`` ends it early, after what is in flight. Raises what stopped the run (ApiError, StateError, …),
    and InterruptedRunError when ``stop`` did.
    """
    journal.drop_claims()
    numbers = itertools.count(journal.next_batch())
    settings = work.settings
    pace = pace_of(settings)
    link.on_retry.append(lambda _notice: pace.strained())
    campaign_id = journal.manifest.campaign.id

    poster = Poster(
        customers=link.client.customers,
        ledger=journal,
        campaign_id=campaign_id,
        rules=PostRules(
            existing=settings.existing,
            on_unknown=settings.on_unknown,
            stop_if_invalid=settings.stop_batch_if_invalid,
            backoff=settings.backoff,
            doubt_seconds=settings.doubt_seconds,
        ),
        pace=pace,
        numbers=numbers,
        offset=lambda: link.client.server_time_offset,
        sharpen=partial(sharpen_clock, link.client, campaign_id),
        on_outcomes=progress.advance,
    )
    watch = asyncio.create_task(_stop_when_asked(stop, poster))
    try:
        async with aclosing(_claimed(steps(work, journal, numbers), journal, progress)) as batches:
            await poster.run(batches)
    finally:
        watch.cancel()
    if stop.is_set():
        raise InterruptedRunError("Stopped by a signal; what was in flight is settled.")


def steps(work: Work, journal: Journal, numbers: Iterator[int]) -> Generator[Step, None, None]:
    """What is still to do, frame by frame; rows that the journal has settled are passed over.

    Rows that an earlier process sent without learning their outcome come last, in their old batches.
    """
    chunker = Chunker(
        max_items=work.settings.batch_size, max_bytes=work.settings.batch_bytes, numbers=numbers
    )
    as_attributes = work.profile.phones.send_as == "attributes"
    in_doubt = journal.in_doubt()
    doubtful: dict[int, list[Item]] = {}
    with Journal.open(journal.path) as before, closing(decisions(work)) as frames_decided:
        settled = _Settled(before.settled_rows())
        for decided in frames_decided:
            step = Step([], [])
            for answer in decided:
                if settled.has(answer.row):
                    continue
                sent = in_doubt.get(answer.row)
                if sent is not None and not _is_still(answer, sent):
                    step.outcomes.append(_decided_otherwise(answer.row, sent))
                elif isinstance(answer, RowOutcome):
                    step.outcomes.append(answer)
                elif sent is not None:
                    item = _item_again(item_of(answer, as_attributes=as_attributes), sent)
                    doubtful.setdefault(sent.batch, []).append(item)
                elif full := chunker.add(item_of(answer, as_attributes=as_attributes)):
                    step.batches.append(full)
            yield step
    rest = chunker.rest()
    yield Step([], [rest] if rest else [])
    yield Step(
        [],
        [
            Batch(number=number, items=tuple(items), attempts=in_doubt[items[0].customer.row].attempts)
            for number, items in doubtful.items()
        ],
    )


def publish(journal: Journal, *, files: Files, stopped: bool) -> Tally:
    """Write results and rejects of a run from its source and its journal.

    Rows without an outcome are ``unsent`` where the run was ``stopped``, ``unknown`` where they were sent.
    Raises StateError where a finished run lacks the outcome of a row.
    """
    manifest = journal.manifest
    in_doubt = journal.in_doubt()

    def absent(row: int) -> RowOutcome:
        return _unsettled(row, in_doubt.get(row), stopped=stopped)

    return reconcile(
        rows(Path(manifest.source), manifest.spec),
        Answers(journal.outcomes(), absent),
        spec=manifest.spec,
        run=manifest.run,
        campaign=manifest.campaign.name,
        files=files,
        status_of=journal.status_of,
    )


def rehearse(
    work: Work, *, record: Callable[[list[RowOutcome]], None] = lambda _outcomes: None
) -> Counter[RowStatus]:
    """Decide every row before anything is sent, and count; ``record`` is given those that won't be sent."""
    counts: Counter[RowStatus] = Counter()
    with closing(decisions(work)) as frames_decided:
        for decided in frames_decided:
            outcomes = [answer for answer in decided if isinstance(answer, RowOutcome)]
            counts.update(outcome.status for outcome in outcomes)
            counts[RowStatus.READY] += len(decided) - len(outcomes)
            record(outcomes)
    return counts


def preview(work: Work, *, files: Files) -> Tally:
    """Decide every row and write what would be, sending nothing: ``check``."""
    with closing(decisions(work)) as frames_decided:
        outcomes = (
            as_ready(answer) if isinstance(answer, Customer) else answer
            for decided in frames_decided
            for answer in decided
        )
        return reconcile(
            rows(work.source, work.spec),
            Answers(outcomes, lambda row: RowOutcome(row=row, status=RowStatus.UNSENT)),
            spec=work.spec,
            run="",
            campaign="",
            files=files,
        )


def as_ready(customer: Customer) -> RowOutcome:
    """The outcome, in ``check``, of a row that would be sent."""
    return RowOutcome(
        row=customer.row,
        status=RowStatus.READY,
        external_id=customer.external_id,
        numbers=";".join(customer.numbers),
        warning=customer.warning,
    )


def pace_of(settings: Settings) -> Pace:
    """Fixed where a number of requests in flight is set, else growing from two."""
    if settings.concurrency == "auto":
        return Pace(min(2, settings.max_concurrency), settings.max_concurrency)
    return Pace(settings.concurrency, settings.concurrency)


async def _claimed(
    source: Generator[Step, None, None], journal: Journal, progress: Progress
) -> AsyncGenerator[Batch, None]:
    """Batches, each on record before it is given; the next step is worked out meanwhile, in a thread."""
    try:
        ahead = asyncio.create_task(asyncio.to_thread(next, source, None))
        # Shielded: cancelling the run does not end the thread, and its generator can't be closed meanwhile.
        while (step := await asyncio.shield(ahead)) is not None:
            ahead = asyncio.create_task(asyncio.to_thread(next, source, None))
            if step.outcomes:
                journal.record(step.outcomes)
                progress.advance(step.outcomes)
            for batch in step.batches:
                if not batch.in_doubt:
                    journal.claim(batch)
                yield batch
    finally:
        await asyncio.wait([ahead])
        await asyncio.to_thread(source.close)


async def _stop_when_asked(stop: asyncio.Event, poster: Poster) -> None:
    await stop.wait()
    poster.stop()


def _item_again(item: Item, sent: InDoubt) -> Item:
    return replace(item, in_doubt=True, sent_at=sent.sent_at, doubted_at=sent.last_at, offset=sent.offset)


def _is_still(answer: Decided, sent: InDoubt) -> bool:
    """Whether a row that was sent is still one to be sent, under the same id."""
    return isinstance(answer, Customer) and answer.external_id == sent.external_id


def _decided_otherwise(row: int, sent: InDoubt) -> RowOutcome:
    """A row that was sent, and that this version decides otherwise: nothing certain can be done about it."""
    return RowOutcome(
        row=row,
        status=RowStatus.UNKNOWN,
        external_id=sent.external_id,
        code="unknown.decided_otherwise",
        error=f"it was sent as {sent.external_id}, and this version of obi-import decides it otherwise: "
        "resume with the version that began the run (`obi runs show` names it), or look the customer up",
        attempts=sent.attempts,
        batch=sent.batch,
    )


def _unsettled(row: int, sent: InDoubt | None, *, stopped: bool) -> RowOutcome:
    if sent is not None:
        return RowOutcome(
            row=row,
            status=RowStatus.UNKNOWN,
            external_id=sent.external_id,
            code="unknown.not_settled",
            error="the row was sent, and the run ended before its outcome was known; `obi resume` looks",
            attempts=sent.attempts,
            batch=sent.batch,
        )
    if not stopped:
        raise StateError(f"The journal has no answer for row {row} of a run that is finished.")
    return RowOutcome(
        row=row,
        status=RowStatus.UNSENT,
        code="unsent.run_ended",
        error="the run ended before the row was sent",
    )


class _Settled:
    """Whether a row is settled, asked in the order of rows."""

    def __init__(self, rows_settled: Iterator[int]) -> None:
        self._rows = rows_settled
        self._next = next(rows_settled, 0)

    def has(self, row: int) -> bool:
        while self._next and self._next < row:
            self._next = next(self._rows, 0)
        return self._next == row
