"""The search through one campaign for customers who are on a do-not-call list, and their deletion.

Every customer is compared by all its numbers, by what its attributes of a telephone hold, and by its
externalId; a stored number is read as widely as a list's entry, since who is on a list must not be called. A
stored number that can't be read is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import msgspec
from msgspec import Struct

from etl.deletions import Deletions, Rules
from etl.entries import NumberReader
from etl.errors import InterruptedRunError
from etl.exportwalk import walk
from etl.link import Link
from etl.obi.models import Campaign, StoredCustomer
from etl.progress import Ticker
from etl.quoting import counted
from etl.removed import in_words
from etl.settings import Settings
from etl.suppression import Suppression
from etl.undone import DONE, OPEN, Undone, UndoneRow, UndoStatus
from etl.vocabulary import telephone

_WALKS = 4
"""Walks through one campaign at most, where it changes meanwhile."""
_HIT = "hit "
_PHONES = frozenset({"phone1", "phone2", "phone3"})


class Hit(Struct, frozen=True, kw_only=True):
    """A customer that is listed, or could not be compared: ``by`` what, and the ``listed`` name of the list.

    ``by`` is a number or an externalId. Where ``listed`` is empty, ``by`` is the stored number that can't be
    read. ``result`` and ``call_count`` are as the campaign shows them.
    """

    id: str
    external_id: str
    numbers: str
    by: str
    listed: str
    result: str = ""
    call_count: int | None = None


class Comparison:
    """Compares customers with do-not-call lists; national numbers are of ``region``.

    ``prefix`` is what loads have put before the CRM's own ids.
    """

    def __init__(self, lists: Suppression, *, region: str, prefix: str = "") -> None:
        self._lists = lists
        self._prefix = prefix
        self._read = lru_cache(maxsize=65_536)(NumberReader(region).read)

    def hits(self, page: Sequence[StoredCustomer]) -> list[Hit]:
        """Those of a page that are listed, or of whom a number can't be read; by the first that is."""
        found = []
        readings = [self._numbers_of(each) for each in page] if self._lists.of_numbers else [{} for _ in page]
        ids = [self._ids_of(each) for each in page]
        listed = self._lists.numbers(
            {e164 for of_one in readings for numbers in of_one.values() for e164 in numbers or ()}
        )
        named = (
            self._lists.external_ids({each for of_one in ids for each in of_one})
            if self._lists.of_ids
            else {}
        )
        for customer, of_one, own in zip(page, readings, ids, strict=True):
            hit = next(
                (
                    (text, listed[e164])
                    for text, numbers in of_one.items()
                    for e164 in numbers or ()
                    if e164 in listed
                ),
                None,
            )
            hit = hit or next(((each, named[each]) for each in own if each in named), None)
            hit = hit or next(((text, "") for text, numbers in of_one.items() if numbers is None), None)
            if hit is not None:
                found.append(_hit(customer, *hit))
        return found

    def _numbers_of(self, customer: StoredCustomer) -> dict[str, tuple[str, ...] | None]:
        """Each stored number → what it may be in E.164, None where it can't be read."""
        texts = dict.fromkeys(customer.number_list)
        texts |= dict.fromkeys(
            each.value.strip()
            for each in customer.attributes
            if each.name.lower() in _PHONES and each.value.strip()
        )
        found = {text: self._read(text).numbers or None for text in texts}
        if not texts:
            found[""] = None
        for each in customer.attributes:
            # Nobody dials these by himself, but a load would have gone by them as well.
            if each.value.strip() and each.name.lower() not in _PHONES and telephone(each.name) is not None:
                found.setdefault(each.value.strip(), self._read(each.value.strip()).numbers)
        return found

    def _ids_of(self, customer: StoredCustomer) -> tuple[str, ...]:
        own = customer.external_id or ""
        return tuple(dict.fromkeys(each for each in (own, own.removeprefix(self._prefix)) if each))


def _hit(customer: StoredCustomer, by: str, listed: str) -> Hit:
    return Hit(
        id=customer.id,
        external_id=customer.external_id or "",
        numbers=";".join(customer.number_list),
        by=by,
        listed=listed,
        result=customer.result or customer.call_result or "",
        call_count=customer.call_count,
    )


class Answer(Struct, frozen=True):
    """What became of a customer that was found: ``listed``, ``unreadable``, or a deletion's word, and why."""

    hit: Hit
    status: str
    error: str = ""


class _Met:
    """Whom the walks through a campaign have met (about 150 bytes each).

    ``look_at`` is given each page, and how many customers this walk has met by then.
    """

    def __init__(self, look_at: Callable[[Sequence[StoredCustomer], int], None]) -> None:
        self.everybody: set[str] = set()
        self._places: dict[str, int] = {}
        self._look_at = look_at

    def begin_walk(self) -> None:
        """From now on nobody was met."""
        self._places.clear()

    def met(self, ids: Sequence[str]) -> dict[str, int]:
        """Those of ``ids`` that this walk has brought already, and as the how manieth."""
        return {each: self._places[each] for each in ids if each in self._places}

    def put(self, page: Sequence[StoredCustomer]) -> int:
        """Look at a page; how many of it no walk had brought."""
        before = len(self.everybody)
        for customer in page:
            self._places.setdefault(customer.id, len(self._places))
            self.everybody.add(customer.id)
        self._look_at(page, len(self._places))
        return len(self.everybody) - before


class CampaignSearch:
    """The search through one campaign; the file ``ledger`` keeps what is found and what becomes of it.

    It is open only while it is needed, since there may be more campaigns than a process may have files.

    ``deletes`` says that the customers are deleted, whether they were called or not. ``say`` is told how far
    it is.
    """

    def __init__(
        self,
        campaign: Campaign,
        link: Link,
        settings: Settings,
        *,
        comparison: Comparison,
        ledger: Path,
        scratch: Path,
        stop: asyncio.Event,
        deletes: bool,
        say: Callable[[str], None],
    ) -> None:
        self._campaign = campaign
        self._link = link
        self._settings = settings
        self._comparison = comparison
        self._ledger = ledger
        self._scratch = scratch
        self._stop = stop
        self._deletes = deletes
        self._say = say
        self._ticker = Ticker(say)
        self._rows: dict[str, int] = {}
        self.compared = 0
        self.complete = False

    async def look(self) -> None:
        """Walk through the campaign until nobody can have been passed over, as far as its counts tell.

        Raises what stops that.
        """
        with Undone(self._ledger) as ledger:
            self._rows = {row.id: row.row for row in ledger.rows()}
            await self._look(_Met(partial(self._compare, ledger)))

    async def _look(self, met: _Met) -> None:
        first = before = await self._total()
        for number in range(_WALKS):
            met.begin_walk()
            walked = await walk(self._page, met, expected=before)
            after = await self._total()
            self.compared = max(self.compared, walked.customers)
            # A count alone proves nothing: who comes makes up for who goes, and pages shift all the same.
            if before is None or after is None:
                self.complete = walked.joined
            elif walked.joined or (walked.unpaged and before == after):
                self.complete = walked.customers >= max(before, after)
            else:
                steady = first == before == after and number > 0
                self.complete = steady and not walked.new and len(met.everybody) == after
            if self.complete:
                return
            before = after

    async def delete(self) -> None:
        """Delete who was found, and look again for who was passed over meanwhile."""
        for _ in range(_WALKS):
            with Undone(self._ledger) as ledger:
                await Deletions(
                    self._link.client,
                    self._campaign.id,
                    ledger=ledger,
                    scratch=self._scratch,
                    rules=Rules.of(self._settings, handled_too=True),
                    stop=self._stop,
                    say=self._say,
                ).work()
            self._check_stop()
            found = len(self._rows)
            await self.look()
            if len(self._rows) == found:
                return
        self.complete = False

    @property
    def found(self) -> int:
        """Customers found so far, those whose numbers can't be read among them."""
        return len(self._rows)

    @property
    def open_ones(self) -> int:
        """Customers who are to be deleted, as far as is known."""
        return self._count(OPEN)

    @property
    def done(self) -> int:
        """Customers who are deleted, by an earlier sitting too."""
        return self._count(DONE)

    def _count(self, statuses: Sequence[UndoStatus]) -> int:
        with Undone(self._ledger) as ledger:
            counts = ledger.counts()
        return sum(counts[status] for status in statuses)

    async def _total(self) -> int | None:
        return (await self._link.client.campaigns.get(self._campaign.id)).total

    async def _page(self, offset: int, limit: int) -> Sequence[StoredCustomer]:
        self._check_stop()
        return await self._link.client.customers.list(self._campaign.id, offset=offset, limit=limit)

    def _compare(self, ledger: Undone, page: Sequence[StoredCustomer], seen: int) -> None:
        """Keep who of a page is found, if nobody had found him yet."""
        self._ticker.tell(f"{self._campaign.name}: {counted(seen, 'customer')} compared so far.")
        new = {hit.id: hit for hit in self._comparison.hits(page) if hit.id not in self._rows}
        if not new:
            return
        ledger.note_facts({f"{_HIT}{each}": msgspec.json.encode(hit).decode() for each, hit in new.items()})
        planned = []
        for hit in new.values():
            self._rows[hit.id] = row = len(self._rows) + 1
            # Nobody is deleted because of what can't be read.
            status = UndoStatus.PLANNED if hit.listed else UndoStatus.INVALID
            planned.append(UndoneRow(row, status, hit.external_id, hit.numbers, id=hit.id))
        ledger.note(planned)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise InterruptedRunError("Stopped; what was in flight is done.")

    def answers(self) -> Iterator[Answer]:
        """What became of each customer that was found."""
        with Undone(self._ledger) as ledger:
            yield from answers_of(ledger, deletes=self._deletes)


def answers_of(ledger: Undone, *, deletes: bool) -> Iterator[Answer]:
    """What a ledger says of each customer that was found, in the order of the search."""
    for row in ledger.rows():
        hit = msgspec.json.decode(ledger.fact(f"{_HIT}{row.id}"), type=Hit)
        if not hit.listed:
            told = "a stored number can't be read, so it was not compared" if hit.by else "it has no number"
            yield Answer(hit, "unreadable", told)
        elif not deletes:
            yield Answer(hit, "listed")
        else:
            ended = in_words(row)
            yield Answer(hit, ended.status.value, ended.error)
