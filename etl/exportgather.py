"""Everybody whom an export means, in the newest state, and whether nobody is missing.

One walk is enough where its pages join and the campaign's own count agrees. Otherwise it is walked again,
until a walk is in order, or brings nobody new while the count says that all are there; a bounded number of
times. What can't be made certain is told, and never passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from etl.campaigns import count_customers, id32
from etl.errors import NotFoundError
from etl.exportchoice import Choice
from etl.exportspool import Spool
from etl.exportwalk import PAGE, Walk, walk
from etl.obi import Client
from etl.obi.models import StoredCustomer
from etl.obi.query import CustomerFilters
from etl.progress import Progress
from etl.quoting import counted
from etl.records import RowOutcome, RowStatus

WALKS = 5
"""How often a campaign is walked through at most."""

_LOOKED_AT = 200
"""Customers who are looked up one by one because the last walk did not meet them."""

_AT_ONCE = 8

_ROUND = 50
"""A server that cuts a search off does so at a multiple of this."""

_SLACK = timedelta(seconds=5)
"""By which the clock of a server's dates may be behind that of its answers."""


class Gathered(Struct, frozen=True, kw_only=True):
    """What a gathering came to: ``doubt`` is the sentence that says why it may be incomplete, empty if not.

    ``before`` and ``after`` are the campaign's own counts of all its customers, None where it does not tell.
    ``deleted`` customers were met and were gone by the end, ``not_met`` ones were not met by the last walk
    and may be gone as well. ``ignored``: the server took no notice of a filter.
    """

    doubt: str = ""
    walks: int = 0
    before: int | None = None
    after: int | None = None
    deleted: int = 0
    not_met: int = 0
    ignored: bool = False


class Gatherer:
    """Gathers what a ``choice`` means in one campaign into a ``spool``; ``script`` brings answers too."""

    def __init__(
        self,
        client: Client,
        campaign_id: str,
        *,
        choice: Choice,
        script: bool,
        spool: Spool,
        progress: Progress,
    ) -> None:
        self._client = client
        self._campaign_id = campaign_id
        self._choice = choice
        self._asked = choice.asked()
        self._is_filtered = any(value is not None for value in self._asked.values())
        self._asked["include_script"] = script or None
        self._spool = spool
        self._progress = progress
        self._ignored = False

    async def gather(self) -> Gathered:
        """Walk until everybody is there for certain, or for ``WALKS`` times. Raises what the client does."""
        first = before = await self._count()
        began = datetime.now(UTC) + timedelta(seconds=self._client.server_time_offset or 0)
        found = Gathered()
        for number in range(1, WALKS + 1):
            if number > 1:
                self._progress.say(
                    f"Not everybody may have been met ({found.doubt}); walking through it again."
                )
            walked = await self._walk(before)
            after = await self._count()
            steady = first == before == after
            doubt = self._doubt(walked, before, after, steady=steady)
            if not doubt and self._is_filtered and _may_be_cut_off(walked, after):
                self._ask_for_all()
                doubt = "the search ended at a round number, where a server may have cut it off"
            found = Gathered(doubt=doubt, walks=number, before=first, after=after, ignored=self._ignored)
            if not doubt or (number > 1 and walked.joined and steady and not walked.new):
                break  # another walk would find the same
            before = after
        deleted = await self._drop_deleted() if found.walks > 1 else 0
        found = replace(found, deleted=deleted, not_met=self._spool.count_not_met())
        await self._catch_up(began - _SLACK)
        return found

    async def _catch_up(self, since: datetime) -> None:
        """Ask once more for who changed since this began.

        They come in their newest state; and a server that lists people by when they changed may have moved
        them to where we had been already. One that takes no notice of dates has nothing to tell here.
        """
        since = max(since, self._choice.since or since)
        if self._choice.before and self._choice.before <= since:
            return
        choice = replace(self._choice, since=since)
        asked: CustomerFilters = {**choice.asked(), "include_script": self._asked["include_script"]}

        async def page(offset: int, limit: int) -> Sequence[StoredCustomer]:
            found = await self._client.customers.list(self._campaign_id, offset=offset, limit=limit, **asked)
            found = [*map(_known_by_one_id, found)]
            return found if all(map(choice.was_asked_for, found)) else []

        self._spool.begin_walk()
        await walk(page, self._spool, limit=PAGE)

    async def _count(self) -> int | None:
        return await count_customers(self._client, self._campaign_id)

    async def _walk(self, total: int | None) -> Walk:
        self._spool.begin_walk()
        self._progress.begin(total or 0, 0)
        try:
            return await walk(
                self._page,
                self._spool,
                expected=None if self._is_filtered else total,
                limit=PAGE,
                on_page=lambda fresh: self._progress.advance(_SEEN * fresh),
            )
        finally:
            self._progress.end()

    async def _page(self, offset: int, limit: int) -> Sequence[StoredCustomer]:
        page = await self._client.customers.list(self._campaign_id, offset=offset, limit=limit, **self._asked)
        if self._is_filtered:
            self._ignored |= not all(map(self._choice.was_asked_for, page))
        return [*map(_known_by_one_id, page)]

    def _ask_for_all(self) -> None:
        """From now on walk through the whole campaign, whose end its own count tells."""
        self._asked = {"include_script": self._asked["include_script"]}
        self._is_filtered = False

    def _doubt(self, walked: Walk, before: int | None, after: int | None, *, steady: bool) -> str:
        """Why somebody may be missing after this walk; empty where nobody can be."""
        joined = walked.joined
        if before is None or after is None or (self._is_filtered and (joined or not self._ignored)):
            return "" if joined else _torn(walked)
        all_met = walked.unpaged and walked.customers == before == after
        all_met |= walked.new == 0 and steady and self._spool.size() == after
        if all_met or (joined and walked.customers >= min(before, after)):
            return ""
        if walked.customers >= min(before, after):
            return _torn(walked)
        return (
            f"the campaign counts {counted(after, 'customer')}, and its pages gave {walked.customers:,} "
            "different ones"
        )

    async def _drop_deleted(self) -> int:
        """Take out whom an earlier walk met, the last one did not, and the server does not know any more."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def look_up(customer_id: str) -> str:
            async with turns:
                try:
                    found = await self._client.customers.get(self._campaign_id, customer_id)
                except NotFoundError:
                    return customer_id
                self._spool.put([_known_by_one_id(found)])
                return ""

        ids = self._spool.not_met(_LOOKED_AT)
        deleted = [each for each in await asyncio.gather(*map(look_up, ids)) if each]
        self._spool.drop(deleted)
        return len(deleted)


def _torn(walked: Walk) -> str:
    if walked.unpaged:
        return "the server gives the same page whatever it is asked for"
    return "the server's pages did not join: customers were added or deleted, or it has no fixed order"


def _may_be_cut_off(walked: Walk, total: int | None) -> bool:
    """Whether a search that seems whole may be only its beginning: no count tells how long it should be."""
    return 0 < walked.customers != total and walked.customers % _ROUND == 0


def _known_by_one_id(customer: StoredCustomer) -> StoredCustomer:
    """The customer under the upper case id32, whichever of the document's two forms the server gave."""
    same = id32(customer.id) or customer.id
    return customer if same == customer.id else replace(customer, id=same)


_SEEN = [RowOutcome(row=0, status=RowStatus.EXISTS)]
"""What progress is told for each customer: it speaks in rows and their answers."""
