"""Suppressed rows whose customers are in the campaign from earlier: told, or deleted there (``--if-loaded``).

Somebody who came onto a do-not-call list today may have been loaded last week, and is called until somebody
deletes the customer. A suppressed row's customer is looked for by its externalId. What is deleted goes
through a ledger of its own (``etl.undone``) beside the run's journal: a run that was killed in between goes
on where it was, and a deletion without an answer is looked at and sent again. A customer that was called
already is deleted too, and the row says what became of the calls. What this very run created is told, and
stays.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from etl.campaigns import count_customers
from etl.deletions import Deletions, Rules, calls_of
from etl.earlier import LOADED
from etl.errors import InterruptedRunError
from etl.holdings import Holdings, LookUps
from etl.journal import Journal
from etl.link import Link
from etl.obi.models import StoredCustomer
from etl.records import RowOutcome, RowStatus
from etl.undone import DONE, Undone, UndoneRow, UndoStatus
from etl.work import Work

_FACT = "loaded"
_ROWS = 500
"""Rows that are looked up and amended together."""
_MARK = "its customer "
_THERE = frozenset({RowStatus.CREATED, RowStatus.EXISTS})
_ENDS = {
    UndoStatus.DELETED: "deleted",
    UndoStatus.GONE: "gone before it could be deleted",
}
_END = re.compile(r": (?:deleted|gone before it could be deleted|not deleted\b.*)$")


class Loaded(Struct, frozen=True):
    """Suppressed rows whose customer was ``found`` in the campaign; how many of them were ``deleted``.

    ``called`` are those of which a call is known, deleted or not.

    ``own`` were put there by other rows of the run. ``since`` are rows that were settled before they came
    onto a list, and whose customers are there. ``open`` says that the campaign was not looked through to the
    end.
    """

    found: int = 0
    deleted: int = 0
    called: int = 0
    open: bool = False
    own: int = 0
    since: int = 0

    @property
    def left(self) -> int:
        """Customers that are still there, and may be called."""
        return self.found - self.deleted + self.since

    @property
    def deletable(self) -> int:
        """Those of them that ``--if-loaded delete`` deletes."""
        return max(self.found - self.deleted - self.own, 0)

    def sentences(self) -> Iterator[str]:
        """What a person should know."""
        called = f", {self.called:,} of them called already" if self.called else ""
        if self.deletable:
            yield (
                f"{self.deletable:,} suppressed rows have their customer in the campaign from earlier, where "
                f"it may be called{called}; the results say which, and --if-loaded delete deletes them"
            )
        if self.own:
            yield (
                f"{self.own:,} suppressed rows have the externalId of a customer that another row of this "
                "run put into the campaign, where it stays and may be called; the results say which"
            )
        if self.since:
            yield (
                f"{self.since:,} rows came onto a do-not-call list after this run had loaded them, and may "
                "be called; the results say which, and loading the input again (--new-run --if-loaded "
                "delete) deletes them"
            )
        if self.deleted:
            yield f"{self.deleted:,} customers of suppressed rows were deleted from the campaign{called}"


def loaded_of(journal: Journal) -> Loaded:
    """What was found for the suppressed rows of a run, so far."""
    found: Loaded = journal.fact(_FACT, Loaded, Loaded())
    return found


def if_loaded_in(journal: Journal) -> str:
    """``warn`` or ``delete``: as the run began, or as a later sitting was asked."""
    return str(journal.fact("if_loaded", str, journal.manifest.if_loaded))


async def settle_loaded(
    work: Work, journal: Journal, link: Link, *, stop: asyncio.Event, say: Callable[[str], None]
) -> None:
    """Look for the customers of all suppressed rows, and tell or delete them; the rows' warnings say it.

    Raises what stops that (ApiError, StateError), and InterruptedRunError when ``stop`` did; it is done again
    from where it was when the run is resumed.
    """
    since = _tell_since(journal, set(work.listed_since))
    if not journal.counts()[RowStatus.SUPPRESSED]:
        journal.note(_FACT, Loaded(since=since))
        return
    journal.note(_FACT, replace(loaded_of(journal), open=True, since=since))
    with Undone(journal.path.parent / LOADED) as ledger:
        found = await _found(work, journal, link)
        own = _created(journal, {held.id for held in found.values()}) if found else set[str]()
        _tell(journal, found, own)
        if if_loaded_in(journal) == "delete":
            await _delete(work, journal, link, ledger, found=_plan(found, own), stop=stop, say=say)
        _tell_ends(journal, ledger)
        done = {row.row for row in ledger.rows() if row.status in DONE}
        rows = set(found) | done
        journal.note(
            _FACT,
            Loaded(
                found=len(rows),
                deleted=len(done),
                called=sum(" was called already" in each.warning for each in _outcomes(journal, rows)),
                open=stop.is_set(),
                own=sum(held.id in own for held in found.values()),
                since=since,
            ),
        )
    if stop.is_set():
        raise InterruptedRunError("Stopped by a signal; what was in flight is settled.")


async def _found(work: Work, journal: Journal, link: Link) -> dict[int, StoredCustomer]:
    """Row → its customer, for the suppressed rows that have one in the campaign."""
    customers, campaign_id = link.client.customers, journal.manifest.campaign.id
    found: dict[int, StoredCustomer] = {}
    with Holdings(work.scratch / "held.sqlite") as holdings:
        look_ups = LookUps(
            customers,
            campaign_id,
            holdings=holdings,
            pages=partial(customers.pages, campaign_id),
            total=partial(count_customers, link.client, campaign_id),
        )
        for part in _parts(journal):
            ids = list(dict.fromkeys(each.external_id for each in part))
            held = await look_ups.earlier(ids)
            found |= {each.row: held[each.external_id] for each in part if each.external_id in held}
    return found


def _parts(journal: Journal) -> Iterator[list[RowOutcome]]:
    part: list[RowOutcome] = []
    for outcome in journal.outcomes():
        if outcome.status is RowStatus.SUPPRESSED and outcome.external_id:
            part.append(outcome)
            if len(part) == _ROWS:
                yield part
                part = []
    if part:
        yield part


def _created(journal: Journal, ids: set[str]) -> set[str]:
    """Those of the customers that this run has put there, by another row of the same externalId."""
    return {each.id for each in journal.outcomes() if each.status is RowStatus.CREATED} & ids


def _outcomes(journal: Journal, rows: set[int]) -> Iterator[RowOutcome]:
    return (each for each in journal.outcomes() if each.row in rows)


def _tell(journal: Journal, found: dict[int, StoredCustomer], own: set[str]) -> None:
    amended = []
    for outcome in _outcomes(journal, set(found)):
        held = found[outcome.row]
        since = "was put there by another row of this run" if held.id in own else "is there from earlier"
        told = f"{_MARK}{held.id} {since} ({calls_of(held) or 'it was not called yet'})"
        amended.append(replace(outcome, warning=_with(outcome.warning, told)))
    journal.record(amended)


def _tell_since(journal: Journal, rows: set[int]) -> int:
    """Tell the rows that were loaded before they came onto a list; gives how many there are."""
    told = [
        replace(
            each, warning=_with(each.warning, f"{_MARK}{each.id} is there, and on a do-not-call list since")
        )
        for each in _outcomes(journal, rows)
        if each.status in _THERE
    ]
    if told:
        journal.record(told)
    return len(told)


def _tell_ends(journal: Journal, ledger: Undone) -> None:
    """Say behind what is told of a customer what became of it."""
    rows = {row.row: row for row in ledger.rows()}
    amended = []
    for outcome in _outcomes(journal, set(rows)):
        row = rows[outcome.row]
        end = _ENDS.get(row.status, f"not deleted ({row.error or 'the run ended first'})")
        part = next((each for each in outcome.warning.split("; ") if each.startswith(_MARK)), "")
        told = f"{_END.sub('', part) or f'{_MARK}{row.id} was there from earlier'}: {end}"
        amended.append(replace(outcome, warning=_with(outcome.warning, told)))
    journal.record(amended)


def _with(warning: str, told: str) -> str:
    parts = [each for each in warning.split("; ") if each and not each.startswith(_MARK)]
    return "; ".join((*parts, told))


def _plan(found: dict[int, StoredCustomer], own: set[str]) -> Iterator[UndoneRow]:
    for row, held in found.items():
        if held.id not in own:
            yield UndoneRow(
                row, UndoStatus.PLANNED, str(held.external_id), ";".join(held.number_list), id=held.id
            )


async def _delete(
    work: Work,
    journal: Journal,
    link: Link,
    ledger: Undone,
    *,
    found: Iterator[UndoneRow],
    stop: asyncio.Event,
    say: Callable[[str], None],
) -> None:
    ledger.plan(found)
    await Deletions(
        link.client,
        journal.manifest.campaign.id,
        ledger=ledger,
        scratch=work.scratch,
        rules=Rules.of(work.settings, handled_too=True),
        stop=stop,
        say=say,
    ).work()
