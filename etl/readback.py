"""``--verify``: every customer that a run created is read back and compared with what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from msgspec.structs import replace

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
