"""What is looked at once a run is through: ``--verify``, and copies of what was sent more than once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from etl.campaigns import count_customers
from etl.errors import ApiError
from etl.holdings import Holdings
from etl.journal import NOT_READ_BACK, Journal
from etl.link import Link
from etl.obi.models import StoredCustomer
from etl.payload import differences
from etl.records import Customer, RowOutcome, RowStatus
from etl.validator import Decided
from etl.work import Work, ahead, decisions

_FEW = 200
"""Customers up to which each is looked up by itself; more are read page by page."""

_LOOKS = 3

_PAGE = 100
_COPIES = "customers of this externalId"


async def read_back(work: Work, journal: Journal, link: Link) -> int:
    """Compare the ``created`` rows of a run with what the campaign holds; gives how many are not as sent.

    What differs is told in the row's warning. A row that the campaign does not hold becomes ``unknown``:
    the server said that it created it. An id that the answer gave to another row is put right.
    """
    customers, campaign_id = link.client.customers, journal.manifest.campaign.id
    with Holdings(work.scratch / "held.sqlite") as holdings:
        if journal.counts()[RowStatus.CREATED] > _FEW:
            await holdings.fill(customers.pages(campaign_id))
        created = _Created(journal.outcomes())
        amiss = 0
        async with aclosing(ahead(decisions(work))) as frames:
            async for decided in frames:
                pairs = created.among(decided)
                ids = [customer.external_id for customer, _ in pairs]
                found = holdings.find(ids)
                # Paging over a campaign that changes meanwhile may pass somebody over, and what was just
                # written may not be shown yet.
                for attempt in range(_LOOKS):
                    missed = [external_id for external_id in ids if external_id not in found]
                    if not missed:
                        break
                    await asyncio.sleep(work.settings.backoff * 2 ** (attempt - 1) if attempt else 0)
                    found |= await customers.find_all(campaign_id, missed)
                amended = [
                    changed
                    for customer, outcome in pairs
                    if (changed := _compared(customer, outcome, found.get(customer.external_id)))
                ]
                journal.record([each for each in amended if each.status is RowStatus.CREATED])
                journal.reopen([each for each in amended if each.status is RowStatus.UNKNOWN])
                amiss += len(amended)
    return amiss


async def tell_copies(journal: Journal, link: Link) -> int:
    """Warn in rows whose externalId the campaign holds more than once; gives how many there are.

    Only what was sent more than once can be there so, where a server does not hold to its own uniqueness.
    """
    again = [each for each in journal.outcomes() if each.attempts > 1 and each.id]
    try:
        counts = await _counted({each.external_id for each in again}, journal.manifest.campaign.id, link)
    except ApiError:
        return 0  # every row has its answer; nobody is there to say more
    several = [each for each in again if counts[each.external_id] > 1]
    journal.record(
        replace(each, warning="; ".join(filter(None, (each.warning, _told(counts[each.external_id], each)))))
        for each in several
        if _COPIES not in each.warning
    )
    return len(several)


async def _counted(external_ids: set[str], campaign_id: str, link: Link) -> Counter[str]:
    """How often the campaign holds each, by the fewer requests: one by one, or page by page."""
    customers, counts = link.client.customers, Counter[str]()
    if not external_ids:
        return counts
    if 2 * len(external_ids) * _PAGE < (await count_customers(link.client, campaign_id) or 0):
        walks = [customers.pages(campaign_id, external_id=each) for each in external_ids]
    else:
        walks = [customers.pages(campaign_id)]
    ids: set[str] = set()  # a server that ignores filters shows everybody to each look-up
    for pages in walks:
        async for page in pages:
            new = [held for held in page if held.external_id in external_ids and held.id not in ids]
            ids.update(held.id for held in new)
            counts.update(str(held.external_id) for held in new)
    return counts


def _told(copies: int, outcome: RowOutcome) -> str:
    return (
        f"the campaign holds {copies} {_COPIES}, as the server carried out an earlier sending as well; "
        f"keep {outcome.id} and delete the rest"
    )


class _Created:
    """The ``created`` outcomes of a run, asked frame by frame in the order of rows."""

    def __init__(self, outcomes: Iterator[RowOutcome]) -> None:
        self._outcomes = (outcome for outcome in outcomes if outcome.status is RowStatus.CREATED)
        self._next = next(self._outcomes, None)

    def among(self, decided: Sequence[Decided]) -> list[tuple[Customer, RowOutcome]]:
        pairs = []
        for answer in decided:
            while self._next and self._next.row < answer.row:
                self._next = next(self._outcomes, None)
            if self._next and self._next.row == answer.row and isinstance(answer, Customer):
                pairs.append((answer, self._next))
        return pairs


def _compared(customer: Customer, outcome: RowOutcome, stored: StoredCustomer | None) -> RowOutcome | None:
    """The outcome with what reading back showed; None where all is as sent."""
    if stored is None:
        return replace(
            outcome,
            status=RowStatus.UNKNOWN,
            code=NOT_READ_BACK,
            error="the server said that it created the customer, and the campaign does not show it; "
            "`obi resume` looks again, and sends it again if it is not there",
        )
    told = []
    if differ := differences(customer, stored):
        told.append(f"read back, it differs in {', '.join(differ)}")
    if stored.id != outcome.id:
        told.append("the id is the one that was read back; the answer gave another" if outcome.id else "")
    if not told:
        return None
    warning = "; ".join(filter(None, (outcome.warning, *told)))
    return replace(outcome, id=stored.id, warning=warning)
