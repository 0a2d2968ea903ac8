"""Batches → outcomes: several in flight, answers paired with rows, and doubt settled by looking.

The interface refuses an externalId that is there already, so a row that is sent twice is not created
twice; and a customer can be looked up by its externalId. On these two stands the protocol: what certainly
was not processed is sent again; what may have been is looked up first, and only what is missing is sent
again. A row that can't be settled in a few rounds is ``unknown``, never guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from random import uniform
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from etl import outcomes
from etl.errors import (
    ApiError,
    BadRequestError,
    EtlError,
    RefusedError,
    TooLargeError,
    UnavailableError,
    UnknownOutcomeError,
)
from etl.obi.models import ItemResult, StoredCustomer
from etl.pace import Pace
from etl.records import Batch, Item, RowOutcome, RowStatus


class PostRules(Struct, frozen=True, kw_only=True):
    """What ``load``'s options say about sending; ``rounds`` bounds the sendings of a row in doubt.

    ``backoff`` is the longest first pause in seconds before a look-up or a second round; it doubles.
    """

    existing: str = "skip"
    on_unknown: str = "verify"
    stop_if_invalid: bool = False
    rounds: int = 4
    backoff: float = 0.5
    give_up_after: int = 3


class Customers(Protocol):
    """The part of the client that sends and looks up (``etl.obi``)."""

    async def add_list(
        self, campaign_id: str, bodies: Sequence[bytes], *, stop_if_invalid: bool = False
    ) -> list[ItemResult]:
        """Add customers; one result a body, in order."""

    async def find_all(self, campaign_id: str, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Give the customers of these externalIds that are there."""


class Ledger(Protocol):
    """Where each step is kept before it counts (``etl.journal``)."""

    def sent(self, number: int, *, at: float | None) -> None:
        """Keep that the batch is about to leave."""

    def returned(self, number: int) -> None:
        """Keep that it was certainly not processed."""

    def split(self, number: int, parts: Sequence[Batch]) -> None:
        """Put parts in the place of a batch."""

    def settle(self, number: int, outcomes: Sequence[RowOutcome]) -> None:
        """Keep outcomes of its rows."""


class Poster:
    """Sends the batches of one run.

    Once it is stopping, by ``stop`` or by an error, it begins nothing new and leaves what is in doubt so.

    ``numbers`` gives numbers to batches that a split makes. ``server_time`` gives the time by the server's
    clock in POSIX seconds, None while it is not known. ``on_outcomes`` is told of rows as they are settled.
    """

    def __init__(
        self,
        *,
        customers: Customers,
        ledger: Ledger,
        campaign_id: str,
        rules: PostRules,
        pace: Pace,
        numbers: Iterator[int],
        server_time: Callable[[], float | None],
        on_outcomes: Callable[[Sequence[RowOutcome]], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._customers = customers
        self._ledger = ledger
        self._campaign_id = campaign_id
        self._rules = rules
        self._pace = pace
        self._numbers = numbers
        self._server_time = server_time
        self._on_outcomes = on_outcomes
        self._sleep = sleep
        self._most_items: int | None = None
        self._given_up: list[Batch] = []
        self._not_created: dict[int, int] = {}  # row → the status with which the server said so last
        self._lost_in_a_row = 0
        self._stopped_by: EtlError | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin no further batch; those in flight are finished."""
        self._stopping.set()

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Deliver every batch; returns when each of their rows is settled or given up as unknown.

        Raises what stopped the run (ApiError, StateError, …) after the batches in flight are finished.
        """
        turn = asyncio.Lock()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._pace.most):
                group.create_task(self._work(batches, turn))
        if self._stopped_by is None and not self._stopping.is_set():
            await self._guarded(self._look_once_more())
        if self._stopped_by is not None:
            raise self._stopped_by

    async def _work(self, batches: AsyncIterator[Batch], turn: asyncio.Lock) -> None:
        while not self._stopping.is_set():
            async with self._pace:
                if not await self._guarded(self._next(batches, turn)):
                    return

    async def _next(self, batches: AsyncIterator[Batch], turn: asyncio.Lock) -> bool:
        """Deliver one batch; False where there is none left."""
        async with turn:
            batch = None if self._stopping.is_set() else await anext(batches, None)
        if batch is None:
            return False
        await self._deliver(batch)
        return True

    async def _guarded(self, step: Awaitable[bool | None]) -> bool | None:
        """Do a step; the first error that stops the run is kept until what is in flight is finished."""
        try:
            return await step
        except EtlError as error:
            self._stopped_by = self._stopped_by or error
            self._stopping.set()
            return False

    # --- one batch ----------------------------------------------------------------------------------

    async def _deliver(self, batch: Batch) -> None:
        if self._most_items and len(batch.items) > self._most_items:
            await self._deliver_parts(batch, self._most_items)
            return
        rest = await self._settle_by_looking(batch) if batch.in_doubt else batch
        sendings = 0
        while rest is not None:
            rest = await self._send(rest)
            if rest is None:
                break
            sendings += 1
            if self._rules.on_unknown == "verify":
                await self._pause(sendings)
                rest = await self._settle_by_looking(rest)
            if rest is not None and self._stopping.is_set():
                return  # the journal has it as sent: resume looks
            if rest is not None and (sendings >= self._rules.rounds or self._rules.on_unknown == "hold"):
                self._give_up(rest)
                return
        self._lost_in_a_row = 0

    async def _send(self, batch: Batch) -> Batch | None:
        """Send once; gives the rows that are in doubt afterwards, None when all are settled."""
        now = self._server_time()
        self._ledger.sent(batch.number, at=now)
        sent = replace(batch, attempts=batch.attempts + 1, sent_at=batch.sent_at if batch.in_doubt else now)
        try:
            results = await self._customers.add_list(
                self._campaign_id,
                [item.body for item in batch.items],
                stop_if_invalid=self._rules.stop_if_invalid,
            )
        except UnknownOutcomeError:
            self._pace.strained()
            for row in batch.rows:
                self._not_created.pop(row, None)
            return replace(sent, in_doubt=True)
        except (TooLargeError, BadRequestError) as refusal:
            await self._take_apart(batch, refusal)
            return None
        except ApiError:
            if not batch.in_doubt:
                self._ledger.returned(batch.number)
            raise
        self._pace.well()
        return await self._settle(sent, results)

    async def _take_apart(self, batch: Batch, refusal: RefusedError) -> None:
        """Find what a request was refused for as a whole: send it in halves, down to the guilty row."""
        size = len(batch.items)
        if size == 1:
            status = refusal.status or 400
            text = refusal.body if isinstance(refusal, BadRequestError) else str(refusal)
            sent = replace(batch, attempts=batch.attempts + 1)
            refused = [(batch.items[0], ItemResult(status, None, text))]
            await self._explain(refused, sent)
            return
        half = (size + 1) // 2
        if isinstance(refusal, TooLargeError):
            self._most_items = min(half, self._most_items or half)
        await self._deliver_parts(batch, half)

    async def _deliver_parts(self, batch: Batch, size: int) -> None:
        parts = [
            replace(batch, number=next(self._numbers), items=batch.items[start : start + size])
            for start in range(0, len(batch.items), size)
        ]
        self._ledger.split(batch.number, parts)
        for part in parts:
            if not self._stopping.is_set():
                await self._deliver(part)

    # --- answers ------------------------------------------------------------------------------------

    async def _settle(self, sent: Batch, results: Sequence[ItemResult]) -> Batch | None:
        settled: list[RowOutcome] = []
        refused: list[tuple[Item, ItemResult]] = []
        doubtful: list[Item] = []
        for item, result in zip(sent.items, results, strict=True):
            status, row = result.status_code, item.customer.row
            self._not_created.pop(row, None)
            if status == 201 and result.id:
                settled.append(outcomes.created(item, sent, result.id))
            elif status == 200 and self._rules.stop_if_invalid:
                settled.append(outcomes.held_back(item, sent))
            elif status in {200, 429}:
                self._not_created[row] = status
                doubtful.append(item)
            elif status >= 500:
                doubtful.append(item)
            else:
                refused.append((item, result))
        if settled:
            self._keep(sent, settled)
        if refused:
            await self._explain(refused, sent)
        return replace(sent, items=tuple(doubtful), in_doubt=True) if doubtful else None

    async def _explain(self, refused: Sequence[tuple[Item, ItemResult]], sent: Batch) -> None:
        """Settle refusals by looking: their text may be in any language, and the id may be taken."""
        stored = await self._look_up([item for item, _ in refused])
        for attempt in range(2) if sent.in_doubt else ():
            missing = [item for item, _ in refused if item.customer.external_id not in stored]
            if missing:
                # What we sent before may have landed, and the server may not show it yet.
                await self._pause(attempt + 1)
                stored |= await self._look_up(missing)
        explained = [
            self._explained(item, result, sent, stored=stored.get(item.customer.external_id))
            for item, result in refused
        ]
        self._keep(sent, explained)
        self._remember_unknown(sent, explained)

    def _explained(
        self, item: Item, result: ItemResult, sent: Batch, *, stored: StoredCustomer | None
    ) -> RowOutcome:
        status = result.status_code
        if status == 201:
            return outcomes.created(item, sent, stored.id if stored else "")
        if stored is not None:
            return outcomes.found(item, sent, stored, existing=self._rules.existing, status_code=status)
        if sent.in_doubt:
            return outcomes.refused_unseen(item, sent, result)
        return outcomes.rejected(item, sent, result)

    async def _settle_by_looking(self, batch: Batch) -> Batch | None:
        """Settle what is in the campaign; gives what is missing, None where nothing is left to send."""
        stored = await self._look_up(batch.items)
        found = [
            outcomes.found(item, batch, stored[item.customer.external_id], existing=self._rules.existing)
            for item in batch.items
            if item.customer.external_id in stored
        ]
        if found:
            self._keep(batch, found)
        missing = tuple(item for item in batch.items if item.customer.external_id not in stored)
        return replace(batch, items=missing) if missing else None

    def _give_up(self, batch: Batch) -> None:
        given_up = [
            outcomes.not_created(item, batch, status)
            if (status := self._not_created.pop(item.customer.row, 0))
            else outcomes.unknown(item, batch)
            for item in batch.items
        ]
        self._keep(batch, given_up)
        self._remember_unknown(batch, given_up)
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= self._rules.give_up_after:
            raise UnavailableError(
                f"The server takes no customers: {self._lost_in_a_row} batches one after the other had no "
                "readable answer; resume the run when it is well again.",
                call="POST customers/list",
            )

    def _remember_unknown(self, batch: Batch, kept: Sequence[RowOutcome]) -> None:
        rows = {outcome.row for outcome in kept if outcome.status is RowStatus.UNKNOWN}
        if items := tuple(item for item in batch.items if item.customer.row in rows):
            self._given_up.append(replace(batch, items=items, in_doubt=True))

    async def _look_once_more(self) -> None:
        """A server may have committed late, or show late, what was not there when we looked."""
        for batch in self._given_up if self._rules.on_unknown == "verify" else ():
            await self._settle_by_looking(batch)

    async def _look_up(self, items: Sequence[Item]) -> dict[str, StoredCustomer]:
        ids = [item.customer.external_id for item in items]
        return await self._customers.find_all(self._campaign_id, ids)

    async def _pause(self, attempt: int) -> None:
        """Full jitter: the pauses of many workers must not fall together."""
        await self._sleep(uniform(0, self._rules.backoff * 2 ** (attempt - 1)))  # noqa: S311  -- jitter, no secret

    def _keep(self, batch: Batch, settled: Sequence[RowOutcome]) -> None:
        self._ledger.settle(batch.number, settled)
        self._on_outcomes([outcome for outcome in settled if outcome.status is not RowStatus.UNKNOWN])
