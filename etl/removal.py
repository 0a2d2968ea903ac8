"""Deleting customers that somebody names: by a file's rows or by words, each with one true answer.

Who is meant is settled for all rows before anybody is deleted. The deleting itself is that of
``etl.deletions``: a customer is looked at just before, goes only if it is the row's own, and stays if it was
called already, unless that is asked for. What becomes of each row stands in a ledger (``etl.undone``) before
it counts, by the content of what was asked: the same command goes on after a crash, and repeated later it
gives the same answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from etl.campaigns import find_campaign
from etl.deletions import Deletions, Rules
from etl.errors import EtlError, InterruptedRunError
from etl.link import Link, connected
from etl.obi.models import Campaign
from etl.progress import Progress, Silence
from etl.records import CampaignRef
from etl.removed import RemovalReport, nobody, publish, reference, report, results_of
from etl.roster import Member, Roster
from etl.settings import Settings
from etl.spooling import spool
from etl.state import StateFolder
from etl.undone import OPEN, UNDONE, Undone, UndoneRow, UndoStatus
from etl.wanted import Wanted, WantedList, of_file, of_words

_PART = 500
_KEPT = 30 * 86_400
"""Seconds that is kept what became of a deletion."""
_ABSENT_ID = "no customer of the campaign has this id; if it is the CRM's own, state --by externalId"
_ABSENT_NAME = "no customer of the campaign has this externalId, letter by letter"


class RemovalOrder(Struct, frozen=True, kw_only=True):
    """What is asked: to delete customers of a ``campaign`` (an id or an exact name).

    They are named by ``names`` (ids or externalIds), or by the rows of ``input``, a path or ``-``: by the
    ``column`` that holds ids or externalIds (``by``), where the headers do not say it. ``prefix`` is what
    loads have put before externalIds: they are meant with it and without. ``handled_too`` deletes who was
    called already as well, ``dry_run`` changes nothing and says what would be. ``results`` is a path, by
    default beside the input; of names there are none.
    """

    campaign: str
    names: tuple[str, ...] = ()
    input: str = ""
    by: str = ""
    column: str = ""
    sheet: str = ""
    hidden: str = "refuse"
    prefix: str = ""
    handled_too: bool = False
    dry_run: bool = False
    results: str = ""
    simulate: bool = False


class RemovalPlan(Struct, frozen=True):
    """What is about to be done, for the question before: ``customers`` of ``rows`` may be deleted."""

    campaign: CampaignRef
    rows: int
    customers: int
    handled_too: bool


class Remover:
    """Deletes customers with one set of settings and one state folder.

    ``run`` names the campaign once there is something to go on with, in the words of a command line, and
    ``repeat`` are the words behind it. ``stop`` ends the work after what is in flight; ``while_sending`` is
    entered for that time. ``question`` is asked before anybody is deleted; the answer no ends it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Progress | None = None,
        stop: asyncio.Event | None = None,
        question: Callable[[RemovalPlan], bool] = lambda _plan: True,
        while_sending: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        repeat: str = "",
    ) -> None:
        self.settings = settings
        self.state = StateFolder(settings.state_dir)
        self.run = ""
        self.repeat = repeat
        self._progress = progress or Silence()
        self._stop = stop or asyncio.Event()
        self._question = question
        self._while_sending = while_sending

    async def remove(self, order: RemovalOrder) -> RemovalReport:
        """Delete who is wanted, and write what became of each row.

        Raises EtlError for what stops it before anybody is deleted: the campaign, another load into it, the
        results path, no. What stops it later stands in the report.
        """
        began = time.monotonic()
        with self._wanted(order) as wanted:
            report = await self._remove(order, wanted)
        goes_on = report.stopped or report.counts.get(UndoStatus.FAILED)
        again = f"obi customers delete {self.run}{self.repeat}"
        return replace(
            report,
            next=again if goes_on and self.run and not order.dry_run else "",
            seconds=max(round(time.monotonic() - began, 3), 0.001),
        )

    @contextlib.contextmanager
    def _wanted(self, order: RemovalOrder) -> Iterator[WantedList]:
        """Who is named; of a file by our own copy, since it may be overwritten while we read it."""
        if not order.input:
            yield replace(of_words(order.names, by=order.by), prefix=order.prefix)
            return
        with self.state.incoming() as copy:
            spool(sys.stdin.buffer if order.input == "-" else Path(order.input), copy)
            found = of_file(
                copy,
                name=order.input,
                by=order.by,
                column=order.column,
                sheet=order.sheet,
                hidden=order.hidden,
            )
            yield replace(found, prefix=order.prefix)

    async def _remove(self, order: RemovalOrder, wanted: WantedList) -> RemovalReport:
        results = results_of(wanted, order.results)
        async with connected(self.settings, simulate=order.simulate, progress=self._progress) as link:
            campaign = await find_campaign(link.client, order.campaign)
            with (
                self.state.campaign_lock(link.server, campaign.id, wait=self.settings.wait_lock),
                self._ledger(
                    link.server, campaign.id, wanted.key + wanted.prefix, dry_run=order.dry_run
                ) as ledger,
                self.state.scratch() as scratch,
            ):
                await self._settle_who(wanted, campaign, link, ledger=ledger, scratch=scratch)
                self._ask(order, campaign, ledger, rows=wanted.rows)
                self.run = campaign.id
                stopped = await self._delete(order, campaign, link, ledger=ledger, scratch=scratch)
                if results is not None:
                    publish(wanted, campaign, ledger, results=results, plain=self.settings.plain)
                return replace(
                    report(wanted, campaign, ledger, stopped=stopped),
                    dry_run=order.dry_run,
                    results=str(results or ""),
                    requests=link.client.stats.requests,
                    retries=link.client.stats.retries,
                )

    @contextlib.contextmanager
    def _ledger(self, server: str, campaign_id: str, key: str, *, dry_run: bool) -> Iterator[Undone]:
        """The ledger of what is asked; for a dry run a copy that is thrown away."""
        self._tidy()
        folder = self.state.removals / key_of(server, campaign_id, key)
        if not dry_run:
            folder.mkdir(mode=0o700, exist_ok=True)
            with Undone(folder / UNDONE) as ledger:
                yield ledger
            return
        with self.state.scratch() as scratch, Undone(scratch / UNDONE) as ledger:
            ledger.copy_from(folder / UNDONE)
            yield ledger

    def _tidy(self) -> None:
        """Remove what is kept of deletions that were asked for a month ago."""
        for folder in self.state.removals.iterdir():
            with contextlib.suppress(OSError):
                if max(path.stat().st_mtime for path in (folder, *folder.iterdir())) < time.time() - _KEPT:
                    shutil.rmtree(folder)

    def _ask(self, order: RemovalOrder, campaign: Campaign, ledger: Undone, *, rows: int) -> None:
        open_ones = sum(ledger.counts()[status] for status in OPEN)
        plan = RemovalPlan(reference(campaign), rows, open_ones, order.handled_too)
        if open_ones and not order.dry_run and not self._question(plan):
            raise InterruptedRunError("Nothing was deleted.")

    async def _delete(
        self, order: RemovalOrder, campaign: Campaign, link: Link, *, ledger: Undone, scratch: Path
    ) -> EtlError | None:
        """Delete what the ledger has open; gives what stopped it."""
        deletions = Deletions(
            link.client,
            campaign.id,
            ledger=ledger,
            scratch=scratch,
            rules=Rules.of(self.settings, handled_too=order.handled_too, dry_run=order.dry_run),
            stop=self._stop,
            say=self._progress.say,
        )
        try:
            with self._while_sending():
                await deletions.work()
        except EtlError as error:
            return error
        return InterruptedRunError("Stopped; what was in flight is done.") if self._stop.is_set() else None

    # --- who is meant -------------------------------------------------------------------------------

    async def _settle_who(
        self, wanted: WantedList, campaign: Campaign, link: Link, *, ledger: Undone, scratch: Path
    ) -> None:
        """Keep of every row who is to be deleted, or why nobody is, before anybody is deleted."""
        claimed: dict[str, int] = {}
        async with Roster.of(
            link.client,
            campaign.id,
            wanted=wanted.rows,
            total=campaign.total,
            scratch=scratch,
            stop=self._stop,
            say=self._progress.say,
        ) as roster:
            rows = iter(wanted)
            while part := list(islice(rows, _PART)):
                if self._stop.is_set():
                    raise InterruptedRunError("Stopped before anything was deleted.")
                found = await roster.find(part)
                if not all(found):
                    # Where the campaign itself is not there, nothing can be said of its customers.
                    await link.client.campaigns.get(campaign.id)
                known = ledger.between(part[0].row, part[-1].row)
                pairs = zip(part, found, strict=True)
                told = [
                    row for each, who in pairs if (row := _meant(each, who, known.get(each.row), claimed))
                ]
                ledger.plan(row for row in told if row.status is UndoStatus.PLANNED)
                ledger.note(row for row in told if row.status is not UndoStatus.PLANNED)


def key_of(*words: str) -> str:
    """The name of a folder for what is asked in these words."""
    return blake2b("\n".join(words).encode(), digest_size=12).hexdigest()


def _nobody_of(wanted: Wanted, found: int) -> UndoneRow:
    """The row of one that nobody has, or several."""
    if found:
        told = f"{found} customers have this externalId (or with the prefix); delete each by its id"
        return nobody(wanted, UndoStatus.INVALID, "several", told)
    told = _ABSENT_ID if wanted.id and not wanted.either else _ABSENT_NAME
    return nobody(wanted, UndoStatus.ABSENT, "absent", told)


def _meant(
    wanted: Wanted, found: Sequence[Member], before: UndoneRow | None, claimed: dict[str, int]
) -> UndoneRow | None:
    """Who the row means, to be deleted, or why nobody; None where the ledger knows more than the campaign."""
    if wanted.fault:
        return nobody(wanted, UndoStatus.INVALID, "names_nobody", wanted.fault)
    if len(found) != 1:
        told = _nobody_of(wanted, len(found))
        # It was one customer's, and what became of that stands there or will.
        return told if before is None or before.status in {UndoStatus.ABSENT, UndoStatus.INVALID} else None
    (who,) = found
    first = claimed.setdefault(who.id, wanted.row)
    if first != wanted.row:
        row = nobody(wanted, UndoStatus.DUPLICATE, "duplicate", f"means the same customer as row {first}")
        return replace(row, id=who.id, external_id=who.external_id)
    # A row with both is its own customer's only if both are: that is looked at before the deletion.
    own = (wanted.external_id, wanted.prefixed)
    external_id = who.external_id if who.external_id in own else wanted.external_id or who.external_id
    return UndoneRow(wanted.row, UndoStatus.PLANNED, external_id, "", id=who.id)
