"""Where the stages meet: reader → validator → chunker → poster → reconciler, and the journal between them.

The stages don't know each other.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from functools import partial

from etl.campaigns import count_customers, sharpen_clock
from etl.circuit import CircuitRules
from etl.errors import InterruptedRunError, StoppedError
from etl.gathering import Gathering
from etl.holdings import Holdings, LookUps
from etl.journal import Journal
from etl.limits import ErrorLimit
from etl.link import Link
from etl.obi import RetryNotice
from etl.pace import Pace
from etl.poster import Poster
from etl.posting import PostRules
from etl.progress import Progress
from etl.quoting import counted
from etl.reader import groups
from etl.reconciler import Answers, Files, Tally, reconcile
from etl.records import Batch, RowOutcome, RowStatus, SourceRow
from etl.settings import Settings
from etl.steps import Step, steps
from etl.validator import Decided
from etl.work import Work, ahead, decisions, marker_of


async def deliver(
    work: Work, journal: Journal, link: Link, *, progress: Progress, stop: asyncio.Event
) -> None:
    """Send every row that is not settled yet, and settle it.

    ``stop`` ends it early, after what is in flight. Raises what stopped the run (ApiError, StateError, …;
    StoppedError for a limit that the user set), and InterruptedRunError when ``stop`` did.
    """
    journal.drop_claims()
    numbers = itertools.count(journal.next_batch())
    limit = ErrorLimit(work.settings.max_errors, journal.counts())

    def told(outcomes: Sequence[RowOutcome]) -> None:
        limit.settled(outcomes)
        progress.advance(outcomes)

    canary = 0 if journal.fact("canary_passed", bool, default=False) else work.settings.canary or 0
    todo = steps(work, journal, numbers, first=canary)
    with Holdings(work.scratch / "held.sqlite") as holdings, Gathering(journal) as ledger:
        poster = _poster(
            work.settings, journal, link, ledger=ledger, numbers=numbers, holdings=holdings, told=told
        )
        watch = asyncio.create_task(_stop_when_asked(stop, poster))
        try:
            async with aclosing(_claimed(todo, ledger, limit=limit, told=told)) as batches:
                if canary:
                    sent = await _send_first(batches, canary, poster)
                    ledger.flush()
                    _judge_canary(journal, sent, stopped=stop.is_set())
                await poster.run(batches)
        finally:
            watch.cancel()
    if stop.is_set():
        raise InterruptedRunError("Stopped by a signal; what was in flight is settled.")


def _poster(
    settings: Settings,
    journal: Journal,
    link: Link,
    *,
    ledger: Gathering,
    numbers: Iterator[int],
    holdings: Holdings,
    told: Callable[[Sequence[RowOutcome]], None],
) -> Poster:
    customers = link.client.customers
    pace = pace_of(settings)
    link.on_retry.append(partial(_slow_down, pace))
    campaign_id = journal.manifest.campaign.id
    return Poster(
        customers=customers,
        look_ups=LookUps(
            customers,
            campaign_id,
            holdings=holdings,
            pages=partial(customers.pages, campaign_id),
            total=partial(count_customers, link.client, campaign_id),
            marker=marker_of(settings, journal),
        ),
        ledger=ledger,
        campaign_id=campaign_id,
        rules=PostRules(
            existing=settings.existing,
            on_unknown=settings.on_unknown,
            stop_if_invalid=settings.stop_batch_if_invalid,
            marker=marker_of(settings, journal),
            backoff=settings.backoff,
            doubt_seconds=settings.doubt_seconds,
            circuit=CircuitRules(
                pause=settings.backoff, longest=settings.backoff_max, patience=settings.retry_seconds
            ),
        ),
        pace=pace,
        numbers=numbers,
        offset=lambda: link.client.server_time_offset,
        sharpen=partial(sharpen_clock, link.client, campaign_id),
        on_outcomes=told,
    )


async def _send_first(batches: AsyncGenerator[Batch, None], customers: int, poster: Poster) -> list[int]:
    """Send so many customers, and wait for what becomes of them; gives their rows."""
    sent: list[int] = []

    async def first() -> AsyncGenerator[Batch, None]:
        while len(sent) < customers and (batch := await anext(batches, None)) is not None:
            sent.extend(batch.rows)
            yield batch

    await poster.run(first())
    return sent


def _judge_canary(journal: Journal, rows: Sequence[int], *, stopped: bool) -> None:
    """Raise StoppedError unless each of the first rows is in the campaign; nothing where we were stopped."""
    if stopped:
        return
    bad = [row for row in rows if journal.status_of(row) not in {RowStatus.CREATED, RowStatus.EXISTS}]
    if bad:
        raise StoppedError(
            f"Stopped after the first {counted(len(rows), 'customer')}: not in the campaign are {len(bad):,} "
            f"(the first is row {bad[0]}), and --canary goes on only if all are there."
        )
    journal.note("canary_passed", value=True)


def _slow_down(pace: Pace, notice: RetryNotice) -> None:
    pace.strained()
    if notice.slow_down:
        pace.rest(notice.wait)


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


def preview(
    work: Work,
    *,
    campaign: str,
    files: Files,
    answered: Callable[[list[Decided]], list[RowOutcome]],
    seen: Callable[[SourceRow, RowOutcome], None],
) -> Tally:
    """Decide every row and write what would be, sending nothing: ``check``.

    ``answered`` gives the outcomes of a frame's rows, those of customers to send among them; ``seen`` is told
    of each row. ``campaign`` is the name of one that was looked at, empty for none.
    """
    with closing(decisions(work)) as frames_decided:
        outcomes = (outcome for decided in frames_decided for outcome in answered(decided))
        return reconcile(
            groups(work.source, work.spec),
            Answers(outcomes, lambda row: RowOutcome(row=row, status=RowStatus.UNSENT)),
            spec=work.spec,
            run="",
            campaign=campaign,
            files=files,
            seen=seen,
        )


def pace_of(settings: Settings) -> Pace:
    """Fixed where a number of requests in flight is set, else growing from two."""
    if settings.concurrency == "auto":
        return Pace(min(2, settings.max_concurrency), settings.max_concurrency)
    return Pace(settings.concurrency, settings.concurrency)


async def _claimed(
    source: Generator[Step, None, None],
    ledger: Gathering,
    *,
    limit: ErrorLimit,
    told: Callable[[Sequence[RowOutcome]], None],
) -> AsyncGenerator[Batch, None]:
    """Batches, each on record before it is given.

    Raises StoppedError in place of a batch where the limit is passed.
    """
    async with aclosing(ahead(source)) as worked_out:
        async for step in worked_out:
            limit.checked(step.rows)
            if step.outcomes:
                ledger.record(step.outcomes)
                told(step.outcomes)
            for batch in step.batches:
                limit.enforce()
                if not batch.in_doubt:
                    ledger.claim(batch)
                yield batch


async def _stop_when_asked(stop: asyncio.Event, poster: Poster) -> None:
    await stop.wait()
    poster.stop()
