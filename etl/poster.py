"""Batches → outcomes: several in flight, answers paired with rows, and doubt settled by looking.

The interface refuses an externalId that is there already, so a row that is sent twice is not created
twice; and a customer can be looked up by its externalId. On these two stands the protocol: what certainly
was not processed is sent again; what may have been is looked up first, and only what is missing is sent
again. A row that can't be settled in a few rounds is ``unknown``, never guessed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from random import uniform

from msgspec import Struct
from msgspec.structs import replace

from etl import outcomes
from etl.circuit import Circuit
from etl.errors import (
    ApiError,
    BadRequestError,
    EtlError,
    RefusedError,
    TooLargeError,
    UnknownOutcomeError,
)
from etl.obi.models import ItemResult, StoredCustomer
from etl.pace import Pace
from etl.payload import server_times
from etl.posting import Customers, Ledger, LookUps, PostRules
from etl.records import Batch, Item, RowOutcome, RowStatus


class _Refusal(Struct, frozen=True):
    """A row that the server refused.

    ``certain`` says that our earlier sending did not reach it: a row before it, in doubt since the same
    sending, was created only now, and a server works through a request in its order.
    """

    item: Item
    result: ItemResult
    certain: bool = False


class Poster:
    """Sends the batches of one run.

    Once it is stopping, by ``stop`` or by an error, it begins nothing new and leaves what is in doubt so.

    ``numbers`` gives numbers to batches that a split makes. ``clock`` is ours, in POSIX seconds, and
    ``offset`` gives the server's minus ours as far as it is known; ``sharpen`` makes it better known, once,
    before it is first needed as proof. ``on_outcomes`` is told of rows as they are settled.
    """

    def __init__(
        self,
        *,
        customers: Customers,
        look_ups: LookUps,
        ledger: Ledger,
        campaign_id: str,
        rules: PostRules,
        pace: Pace,
        numbers: Iterator[int],
        offset: Callable[[], float | None],
        sharpen: Callable[[], Awaitable[None]],
        on_outcomes: Callable[[Sequence[RowOutcome]], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._customers = customers
        self._look_ups = look_ups
        self._ledger = ledger
        self._campaign_id = campaign_id
        self._rules = rules
        self._pace = pace
        self._numbers = numbers
        self._offset = offset
        self._sharpen = sharpen
        self._sharpened: asyncio.Future[None] | None = None
        self._on_outcomes = on_outcomes
        self._sleep = sleep
        self._clock = clock
        self._began = clock()
        self._most_items: int | None = None
        self._unknown: list[tuple[Batch, Item, ItemResult | None]] = []
        self._nameless: list[tuple[Batch, Item]] = []
        self._stopped_by: EtlError | None = None
        self._stopping = asyncio.Event()
        self._circuit = Circuit(rules.circuit, stopping=self._stopping, sleep=sleep, clock=clock)

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
        rest = await self._settle_by_looking(batch)
        for sending in range(1, self._rules.rounds + 1):
            if rest is None:
                return
            size = len(rest.items)
            await self._circuit.enter()
            if self._stopping.is_set():
                return  # the journal has the rest as claimed, or as sent: resume sends, or looks
            rest, silent = await self._send(rest)
            if rest is None:
                return
            unheard = any(item.in_doubt and not item.said for item in rest.items)
            if unheard and self._rules.on_unknown == "hold":
                break
            await self._pause(sending)
            rest = await self._settle_by_looking(rest)
            if rest is None or self._stopping.is_set():
                return  # where it is stopping, the journal has the rest as sent: resume looks
            if silent and sending > 1 and len(rest.items) == size > 1:
                # Twice no answer, and nothing of it landed: one row may be more than the server can bear.
                await self._deliver_parts(rest, (size + 1) // 2)
                return
        if rest is not None:
            self._give_up(rest)

    async def _send(self, batch: Batch) -> tuple[Batch | None, bool]:
        """Send once; gives the rows that are not settled, if any, and whether there was no answer."""
        now = self._clock()
        await self._ledger.sent(batch.number, at=now, offset=self._offset())
        sent = replace(batch, attempts=batch.attempts + 1)
        try:
            results = await self._customers.add_list(
                self._campaign_id,
                [item.body for item in batch.items],
                stop_if_invalid=self._rules.stop_if_invalid,
            )
        except UnknownOutcomeError:
            self._pace.strained()
            self._circuit.silent(batch.origin or batch.number)
            until = self._clock()
            doubtful = tuple(self._doubt(item, sent_at=now, until=until) for item in batch.items)
            return replace(sent, items=doubtful), True
        except (TooLargeError, BadRequestError) as refusal:
            self._circuit.answered()
            await self._take_apart(batch, refusal)
            return None, False
        except ApiError:
            # Its rows that are unknown already must stay in doubt with it.
            if not batch.in_doubt and batch.number not in {each.number for each, _, _ in self._unknown}:
                self._ledger.returned(batch.number)
            raise
        self._circuit.answered()
        self._pace.well()
        if ordinary := outcomes.all_created(sent, results):
            self._keep(sent, ordinary)
            return None, False
        return await self._settle(sent, results, sent_at=now), False

    def _doubt(self, item: Item, *, sent_at: float, until: float) -> Item:
        if not item.in_doubt:
            item = replace(item, in_doubt=True, sent_at=sent_at, offset=self._offset())
        return replace(item, doubted_at=until, said=0)

    async def _take_apart(self, batch: Batch, refusal: RefusedError) -> None:
        """Find what a request was refused for as a whole: send it in halves, down to the guilty row."""
        size = len(batch.items)
        if size == 1:
            status = refusal.status or 400
            text = refusal.body if isinstance(refusal, BadRequestError) else str(refusal)
            sent = replace(batch, attempts=batch.attempts + 1)
            refused = [_Refusal(batch.items[0], ItemResult(status, None, text))]
            await self._explain(refused, sent)
            return
        half = (size + 1) // 2
        if isinstance(refusal, TooLargeError):
            self._most_items = min(half, self._most_items or half)
        await self._deliver_parts(batch, half)

    async def _deliver_parts(self, batch: Batch, size: int) -> None:
        parts = [
            replace(
                batch,
                number=next(self._numbers),
                items=batch.items[start : start + size],
                origin=batch.origin or batch.number,
            )
            for start in range(0, len(batch.items), size)
        ]
        self._ledger.split(batch.number, parts)
        for part in parts:
            if not self._stopping.is_set():
                await self._deliver(part)

    # --- answers ------------------------------------------------------------------------------------

    async def _settle(self, sent: Batch, results: Sequence[ItemResult], *, sent_at: float) -> Batch | None:
        """Settle what the answer settles; gives the rows that are in doubt or to be sent again."""
        settled: list[RowOutcome] = []
        nameless: list[Item] = []
        refused: list[_Refusal] = []
        rest: list[Item] = []
        landed_now: set[tuple[float, float]] = set()
        until = self._clock()
        ids = Counter(result.id for result in results)
        for item, result in zip(sent.items, results, strict=True):
            status = result.status_code
            if status == 201:
                own_id = result.id if result.id and ids[result.id] == 1 else ""  # what two share is nobody's
                settled.append(outcomes.created(item, sent, own_id))
                nameless += [] if own_id else [item]
                # Of an earlier sitting the journal knows batches, not which row was in doubt since when.
                if item.in_doubt and item.sent_at >= self._began:
                    landed_now.add((item.sent_at, item.doubted_at))
            elif status == 200 and self._rules.stop_if_invalid and not item.in_doubt:
                settled.append(outcomes.held_back(item, sent))
            elif status in {200, 429}:
                rest.append(replace(item, said=status))
            elif 400 <= status < 500 and status != 408:
                refused.append(_Refusal(item, result, (item.sent_at, item.doubted_at) in landed_now))
            else:
                rest.append(self._doubt(item, sent_at=sent_at, until=until))
        if settled:
            self._keep(sent, settled)
        if nameless:
            await self._name(nameless, sent)
        if refused:
            await self._explain(refused, sent, rest=rest)
        return replace(sent, items=tuple(rest)) if rest else None

    async def _name(self, items: Sequence[Item], sent: Batch) -> None:
        """Fetch the ids of customers that were created without one being told; who is not shown is kept."""
        stored = await self._look_up(items)
        named = []
        for item in items:
            if held := stored.get(item.external_id):
                named.append(outcomes.created(item, sent, held.id))
            else:
                self._nameless.append((sent, item))
        if named:
            self._ledger.settle(sent.number, named)

    async def _explain(self, refused: Sequence[_Refusal], sent: Batch, *, rest: Sequence[Item] = ()) -> None:
        """Settle refusals by looking: their text may be in any language, and the id may be taken."""
        items = [refusal.item for refusal in refused]
        if any(item.in_doubt for item in items):
            self._ledger.answered(sent.number, doubted_at=max(item.doubted_at for item in [*items, *rest]))
        stored = await self._look_up([item for item in items if item.in_doubt])
        stored |= await self._look_ups.earlier([item.external_id for item in items if not item.in_doubt])
        for attempt in range(2):
            unseen = [item for item in items if item.in_doubt and item.external_id not in stored]
            if unseen:
                # What we sent before may have landed, and the server may not show it yet.
                await self._pause(attempt + 1)
                stored |= await self._look_up(unseen)
        self._keep(
            sent,
            [
                self._explained(refusal, sent, stored=stored.get(refusal.item.external_id))
                for refusal in refused
            ],
        )

    def _explained(self, refusal: _Refusal, sent: Batch, *, stored: StoredCustomer | None) -> RowOutcome:
        item, result = refusal.item, refusal.result
        if stored is not None:
            return self._found(item, sent, stored, status_code=result.status_code)
        if not item.in_doubt or refusal.certain:
            return outcomes.rejected(item, sent, result)
        passed = self._clock() - item.doubted_at
        if passed >= self._rules.doubt_seconds:
            return outcomes.rejected_after_doubt(item, sent, result, seconds=passed)
        self._unknown.append((sent, item, result))
        return outcomes.refused_unseen(item, sent, result)

    def _found(
        self, item: Item, sent: Batch, stored: StoredCustomer, *, status_code: int | None = None
    ) -> RowOutcome:
        return outcomes.found(
            item,
            sent,
            stored,
            existing=self._rules.existing,
            between=server_times(item, offset=self._offset(), now=self._clock()),
            marker=self._rules.marker,
            status_code=status_code,
        )

    async def _settle_by_looking(self, batch: Batch) -> Batch | None:
        """Settle what of the rows in doubt is in the campaign; gives the others, None where none is left."""
        doubtful = [item for item in batch.items if item.in_doubt]
        if not doubtful:
            return batch
        self._sharpened = self._sharpened or asyncio.ensure_future(self._sharpen())
        await self._sharpened
        stored = await self._look_ups.sent(
            [item.external_id for item in doubtful], since=self._since(doubtful)
        )
        there = {id(item) for item in doubtful if item.external_id in stored}
        if there:
            self._circuit.answered()  # not in words, but it takes customers
            self._keep(
                batch,
                [
                    self._found(item, batch, stored[item.external_id])
                    for item in doubtful
                    if id(item) in there
                ],
            )
        rest = tuple(item for item in batch.items if id(item) not in there)
        return replace(batch, items=rest) if rest else None

    def _since(self, items: Sequence[Item]) -> float | None:
        """When the first of the rows was sent, by the server's clock; None where that is not known."""
        times = [item.sent_at + item.offset for item in items if item.offset is not None]
        return min(times) if len(times) == len(items) else None

    def _give_up(self, batch: Batch) -> None:
        self._unknown += [(batch, item, None) for item in batch.items if item.in_doubt]
        self._keep(
            batch,
            [
                outcomes.unknown(item, batch) if item.in_doubt else outcomes.not_created(item, batch)
                for item in batch.items
            ],
        )

    async def _look_once_more(self) -> None:
        """A server may have committed late, or show late, what was not there when we looked."""
        nameless, self._nameless = self._nameless, []
        for sent, item in nameless:
            await self._name([item], sent)
        if self._rules.on_unknown == "hold" or not self._unknown:
            return
        stored = await self._look_up([item for _, item, _ in self._unknown])
        for batch, item, result in self._unknown:
            passed = self._clock() - item.doubted_at
            if held := stored.get(item.external_id):
                self._keep(batch, [self._found(item, batch, held)])
            elif result is not None and passed >= self._rules.doubt_seconds:
                self._keep(batch, [outcomes.rejected_after_doubt(item, batch, result, seconds=passed)])

    async def _look_up(self, items: Sequence[Item]) -> dict[str, StoredCustomer]:
        if not items:
            return {}
        return await self._look_ups.now([item.external_id for item in items])

    async def _pause(self, attempt: int) -> None:
        """Full jitter: the pauses of many workers must not fall together."""
        await self._sleep(uniform(0, self._rules.backoff * 2 ** (attempt - 1)))  # noqa: S311  -- jitter, no secret

    def _keep(self, batch: Batch, settled: Sequence[RowOutcome]) -> None:
        self._ledger.settle(batch.number, settled)
        unknown = RowStatus.UNKNOWN
        self._on_outcomes([outcome for outcome in settled if outcome.status is not unknown])
