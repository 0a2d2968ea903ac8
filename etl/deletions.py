"""Deleting customers one by one, several at a time, each looked at before and settled in a ledger.

What is looked at: the customer must be the row's own, and not called yet. A deletion without a readable
answer is looked at and sent again, since deleting twice does what deleting once does. At the end the campaign
is looked at once more: an answer may have been somebody else's than the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from etl.errors import (
    BadRequestError,
    ContractError,
    EtlError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnknownOutcomeError,
)
from etl.holdings import Holdings
from etl.obi import Client
from etl.obi.models import StoredCustomer
from etl.quoting import counted
from etl.settings import Settings
from etl.undone import DONE, OPEN, Undone, UndoneRow, UndoStatus

_ROWS = 100
"""Rows that are looked at, kept as sent, and settled together."""
_FEW = 200
"""Customers up to which each is looked at by itself, whatever the campaign holds."""
_PAGE = 100
"""Customers a page, by which the requests of a walk through the campaign are reckoned."""
_SILENCE = 30
"""Deletions without a readable answer and without effect, one after the other, that stop the work."""
_SENT_BEFORE = "sent_before"
"""The code of a row of which an earlier deletion may have been processed."""
_EVERY = 5.0
"""Seconds between two words on how far it is."""


class Rules(Struct, frozen=True, kw_only=True):
    """How customers are deleted: ``at_once`` of them in flight, each tried ``attempts`` times.

    ``handled_too`` deletes who was called already as well, ``dry_run`` deletes nobody. ``pause`` gives the
    seconds before the n-th attempt, from 0.
    """

    handled_too: bool = False
    dry_run: bool = False
    at_once: int = 8
    attempts: int = 5
    pause: Callable[[int], float] = lambda _attempt: 0.0

    @classmethod
    def of(cls, settings: Settings, *, handled_too: bool = False, dry_run: bool = False) -> Rules:
        """The rules by which these settings have customers deleted."""
        return cls(
            handled_too=handled_too,
            dry_run=dry_run,
            at_once=8 if settings.concurrency == "auto" else settings.concurrency,
            attempts=settings.attempts,
            pause=partial(pause_of, settings),
        )


def pause_of(settings: Settings, attempt: int) -> float:
    """Seconds before the n-th attempt, from 0: at random up to a bound that doubles; at first none."""
    if attempt == 0:
        return 0.0
    bound = min(settings.backoff * 2.0 ** (attempt - 1), settings.backoff_max)
    return random.uniform(0, bound)  # noqa: S311  -- jitter is no secret


class Deletions:
    """Deletes what the ledger has open from one campaign.

    ``scratch`` is a folder for a copy of the campaign, where that is cheaper than one look-up a customer.
    ``stop`` ends the work after what is in flight; ``say`` is told how far it is now and then.
    """

    def __init__(
        self,
        client: Client,
        campaign_id: str,
        *,
        ledger: Undone,
        scratch: Path,
        rules: Rules,
        stop: asyncio.Event,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._campaign_id = campaign_id
        self._ledger = ledger
        self._scratch = scratch
        self._copy: Holdings | None = None
        self._rules = rules
        self._stop = stop
        self._say = say
        self._turns = asyncio.Semaphore(rules.at_once)
        self._looks = asyncio.Semaphore(rules.at_once)
        self._halted = False
        self._silent = 0
        self._told = time.monotonic()

    async def work(self) -> None:
        """Settle every open row. Raises what stops that: 401, 403, no connection, a server that is silent."""
        await self._settle(OPEN)
        if self._rules.dry_run:
            return
        for attempt in range(self._rules.attempts):
            await asyncio.sleep(self._rules.pause(attempt))
            if self._stop.is_set() or not (shown := await self._shown_still()):
                return
            status = UndoStatus.PLANNED if attempt + 1 < self._rules.attempts else UndoStatus.FAILED
            error = "the server says that it is deleted, and shows it still"
            self._ledger.note([replace(row, status=status, code=_SENT_BEFORE, error=error) for row in shown])
            await self._settle((UndoStatus.PLANNED,))

    # --- page by page -------------------------------------------------------------------------------

    async def _settle(self, statuses: tuple[UndoStatus, ...]) -> None:
        async with self._copied_if_cheaper(statuses):
            for rows in self._ledger.pages(statuses, size=_ROWS):
                if self._stop.is_set():
                    return
                await self._settle_page(rows)
                self._tell()

    async def _settle_page(self, rows: Sequence[UndoneRow]) -> None:
        decided = await self._looked_at(rows)
        self._ledger.note(decided)
        sent = [row for row in decided if row.status is UndoStatus.SENT]
        settled = await asyncio.gather(*map(self._in_turn, sent), return_exceptions=True)
        self._ledger.note(row for row in settled if isinstance(row, UndoneRow))
        for failed in settled:
            if isinstance(failed, BaseException):
                raise failed

    async def _shown_still(self) -> list[UndoneRow]:
        """Rows that are told to be deleted or gone, and that the campaign shows."""
        shown = []
        async with self._copied_if_cheaper(DONE):
            for page in self._ledger.pages(DONE, size=_ROWS):
                rows = [row for row in page if row.id]
                held = await (self._from_copy(rows) if self._copy else self._by_ids(rows))
                shown += [row for row in rows if row.row in held]
        return shown

    def _tell(self) -> None:
        if time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            counts = self._ledger.counts()
            left = counts[UndoStatus.PLANNED]
            deleted = counted(counts[UndoStatus.DELETED], "customer")
            self._say(f"Deleted so far: {deleted}; {left:,} left to look at.")

    # --- looking ------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _copied_if_cheaper(self, statuses: tuple[UndoStatus, ...]) -> AsyncIterator[None]:
        """Read the campaign as it is now, where that takes fewer requests than looking up these rows."""
        counts = self._ledger.counts()
        rows = sum(counts[status] for status in statuses)
        with Holdings(self._scratch / "held.sqlite") as copy:
            if rows > _FEW and rows > await self._total() / _PAGE:
                await copy.fill(self._until_stopped())
                self._copy = copy
            try:
                yield
            finally:
                self._copy = None

    async def _total(self) -> int:
        return (await self._client.campaigns.get(self._campaign_id)).total or 0

    async def _until_stopped(self) -> AsyncIterator[Sequence[StoredCustomer]]:
        async for page in self._client.customers.pages(self._campaign_id):
            if self._stop.is_set():
                return
            yield page

    async def _looked_at(self, rows: Sequence[UndoneRow], *, now: bool = False) -> list[UndoneRow]:
        """The rows as the campaign shows them, ``sent`` for those that may be deleted.

        ``now`` does not go by the copy. What one look does not show, two others must not show either.
        """
        held = {} if now else await self._from_copy(rows)
        held |= await self._by_ids([row for row in rows if row.id and row.row not in held])
        if unseen := [row for row in rows if row.row not in held]:
            wanted = [row.external_id for row in unseen if row.external_id]
            found = await self._client.customers.find_all(self._campaign_id, wanted)
            held |= {row.row: found[row.external_id] for row in unseen if row.external_id in found}
        if len(held) < len(rows):
            # Where the campaign itself is not there, nothing can be said of its customers.
            await self._client.campaigns.get(self._campaign_id)
        return [self._decided(row, held.get(row.row)) for row in rows]

    async def _from_copy(self, rows: Sequence[UndoneRow]) -> dict[int, StoredCustomer]:
        found = self._copy.find([row.external_id for row in rows]) if self._copy else {}
        pairs = ((row, found.get(row.external_id)) for row in rows)
        return {row.row: held for row, held in pairs if held and _is(row, held)}

    async def _by_ids(self, rows: Sequence[UndoneRow]) -> dict[int, StoredCustomer]:
        found = await asyncio.gather(*(self._by_id(row.id) for row in rows))
        return {row.row: held for row, held in zip(rows, found, strict=True) if held}

    async def _by_id(self, customer_id: str) -> StoredCustomer | None:
        async with self._looks:
            # What can't be read here, a list reads: it takes an odd value for one that is not there.
            with contextlib.suppress(NotFoundError, ContractError):
                return await self._client.customers.get(self._campaign_id, customer_id)
        return None

    def _decided(self, row: UndoneRow, held: StoredCustomer | None) -> UndoneRow:
        ours = row.status is UndoStatus.SENT or row.code == _SENT_BEFORE
        if held is None or (ours and not _is(row, held)):
            return replace(row, status=UndoStatus.DELETED if ours else UndoStatus.GONE, code="", error="")
        if not _is(row, held):
            return _kept(row, "other_id", "its externalId is there under another id, so nobody was deleted")
        if (held.external_id or "") != row.external_id:
            return _kept(row, "other_customer", "its id is another customer's, so nobody was deleted")
        if not row.id and ";".join(held.number_list) != row.numbers:
            told = "the server gave no id, and who has its externalId has other numbers"
            return _kept(row, "other_numbers", told)
        row = replace(row, id=row.id or held.id)
        called = calls_of(held)
        if called and not self._rules.handled_too:
            return _kept(row, "called", called)
        status = UndoStatus.WOULD_DELETE if self._rules.dry_run else UndoStatus.SENT
        return replace(row, status=status, code=_SENT_BEFORE if ours else "", error="")

    # --- deleting -----------------------------------------------------------------------------------

    async def _in_turn(self, row: UndoneRow) -> UndoneRow:
        async with self._turns:
            if self._halted or self._stop.is_set():
                return replace(row, status=UndoStatus.PLANNED)
            try:
                return await self._deleted(row)
            except EtlError:
                self._halted = True
                raise

    async def _deleted(self, row: UndoneRow) -> UndoneRow:
        """Delete a customer that was looked at; what can't be settled stays ``sent``, and is told."""
        error: EtlError | None = None
        for attempt in range(self._rules.attempts):
            if error:
                if self._stop.is_set():
                    break
                await asyncio.sleep(self._rules.pause(attempt))
                (row,) = await self._looked_at([row], now=True)
                if row.status is not UndoStatus.SENT:
                    self._silent = 0  # it gets on, if without a word
                    return row
            try:
                await self._client.customers.delete(self._campaign_id, row.id)
            except NotFoundError as gone:
                if error is None and row.code != _SENT_BEFORE:
                    row = replace(row, status=UndoStatus.PLANNED)  # not ours, if it is gone
                error = gone
            except UnknownOutcomeError as doubt:
                error = doubt
                self._count_silence()
            except (BadRequestError, TooLargeError) as refused:
                return replace(row, status=UndoStatus.FAILED, code="refused", error=str(refused))
            else:
                self._silent = 0
                return replace(row, status=UndoStatus.DELETED, code="")
        return replace(row, status=UndoStatus.SENT, code=_SENT_BEFORE, error=str(error))

    def _count_silence(self) -> None:
        self._silent += 1
        if self._silent >= _SILENCE:
            raise UnavailableError(
                f"{_SILENCE} deletions in a row had no readable answer, so the server is given a rest; "
                "try again later."
            )


def _is(row: UndoneRow, held: StoredCustomer) -> bool:
    """Whether this is the very customer; ids are GUIDs, with dashes or without (the document)."""
    return not row.id or _plain(row.id) == _plain(held.id)


def _plain(guid: str) -> str:
    return guid.replace("-", "").upper()


def calls_of(held: StoredCustomer) -> str:
    """What is known of calls to the customer in a sentence; empty where there was none."""
    if held.call_count is None and held.modification_date is None and not held.result:
        return "the server does not tell whether it was called"
    calls = held.call_count or 0
    times = f"{calls} call{'s' if calls > 1 else ''}" if calls else ""
    told = [each for each in (times, held.result or held.call_result) if each]
    return f"it was called already: {', '.join(told)}" if told else ""


def _kept(row: UndoneRow, code: str, error: str) -> UndoneRow:
    return replace(row, status=UndoStatus.KEPT, code=code, error=error)
