"""Undoing a run: the customers that it created are deleted, and each has one true answer.

A customer is deleted only if it is the row's own (the run's id *and* the row's externalId) and was not called
yet, as it is after the campaign was paused: a result that an agent worked for can't be had back. Deleting is
repeatable, so a deletion without an answer is looked at and sent again. The ledger (``etl.undone``) holds
each step, so that what was stopped goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from etl.campaigns import find_campaign, pause
from etl.deletions import Deletions, Rules, pause_of
from etl.errors import EtlError, InterruptedRunError, OutputError, UnavailableError, UnknownOutcomeError
from etl.files import check_files, files_of, make_way, remember
from etl.journal import Journal
from etl.link import Link, connected
from etl.obi.models import Campaign, CampaignStatus
from etl.outputs import table
from etl.progress import Progress, Silence
from etl.quoting import masked
from etl.reconciler import Files
from etl.records import CampaignRef, Manifest, RowStatus
from etl.removed import in_words
from etl.settings import Settings
from etl.state import StateFolder
from etl.undone import DONE, OPEN, UNDONE, Undone, UndoneRow, UndoStatus

UNDO_COLUMNS = (
    "obi_run",
    "obi_campaign",
    "obi_row",
    "obi_external_id",
    "obi_id",
    "obi_status",
    "obi_error",
)
_LEFT = (UndoStatus.PLANNED, UndoStatus.SENT, UndoStatus.FAILED)
"""What is still to be deleted."""
_LISTED = 20
"""Rows that a report names one by one; the results have all."""


class UndoOrder(Struct, frozen=True, kw_only=True):
    """What is asked: ``run`` by its name, a beginning or an end of it.

    ``handled_too`` deletes customers that were called already as well, ``dry_run`` changes nothing and says
    what would be. ``results`` is a path, by default beside the run's input.
    """

    run: str
    handled_too: bool = False
    dry_run: bool = False
    results: str = ""


class UndoPlan(Struct, frozen=True):
    """What is about to be done, for the question before: ``rows`` customers may be deleted."""

    run: str
    campaign: CampaignRef
    rows: int
    handled_too: bool


class Listed(Struct, frozen=True):
    """A customer that was kept: the row, its externalId masked, and why."""

    row: int
    external_id: str
    error: str


class UndoReport(Struct, frozen=True, kw_only=True):
    """The end of an undoing, for people and machines.

    ``rows`` is how many customers the run created; ``counts`` (``deleted``, ``gone``, ``kept``, ``failed``;
    of a dry run ``would_delete``) sums to it when ``balanced``. ``kept`` names the first twenty that were
    kept, ``undecided`` counts rows of which nobody knows whether they were created, with the first twenty.
    ``before`` is when the run was undone already, ``stopped`` the sentence that says what stopped this.
    """

    run: str
    input: str
    campaign: CampaignRef
    rows: int
    counts: dict[str, int]
    balanced: bool
    exit_code: int
    command: str = "undo"
    dry_run: bool = False
    before: str = ""
    paused: bool = False
    stopped: str = ""
    results: str = ""
    kept: tuple[Listed, ...] = ()
    undecided: int = 0
    undecided_rows: tuple[int, ...] = ()
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    next: str = ""


class Undoer:
    """Undoes runs with one set of settings and one state folder.

    ``run`` names the run under way. ``stop`` ends the work after what is in flight; ``while_sending`` is
    entered for that time. ``question`` is asked before anything is changed; the answer no ends it.
    ``repeat`` are the words that further commands need to find the same state (``--state-dir …``).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Progress | None = None,
        stop: asyncio.Event | None = None,
        question: Callable[[UndoPlan], bool] = lambda _plan: True,
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

    async def undo(self, order: UndoOrder) -> UndoReport:
        """Delete what the run created, and write what became of each customer.

        Raises EtlError for what stops it before anything is deleted: no such run, another load into the
        campaign, settings, the campaign, the results path. What stops it later stands in the report.
        """
        began = time.monotonic()
        with self.state.open(order.run) as journal:
            manifest = journal.manifest
            self.run = manifest.run
            files = _files(manifest, order.results)
            with (
                self.state.campaign_lock(
                    manifest.base_url, manifest.campaign.id, wait=self.settings.wait_lock
                ),
                self._ledger(dry_run=order.dry_run) as ledger,
            ):
                ledger.plan(_created(journal))
                if not _count(ledger, OPEN) and (ledger.fact("ended") or not _count(ledger, DONE)):
                    return _nothing_left(journal, ledger, order, files=files)
                report = await self._work(journal, ledger, order, files=files)
        again = f"obi runs undo {self.run}{' --handled-too' if order.handled_too else ''}{self.repeat}"
        goes_on = bool(report.stopped or report.counts.get(UndoStatus.FAILED)) and not order.dry_run
        return replace(
            report, next=again if goes_on else "", seconds=max(round(time.monotonic() - began, 3), 0.001)
        )

    @contextlib.contextmanager
    def _ledger(self, *, dry_run: bool) -> Iterator[Undone]:
        """The run's ledger; for a dry run a copy that is thrown away."""
        path = self.state.folder_of(self.run) / UNDONE
        if not dry_run:
            with Undone(path) as ledger:
                yield ledger
            return
        with self.state.scratch() as scratch, Undone(scratch / UNDONE) as ledger:
            ledger.copy_from(path)
            yield ledger

    async def _work(self, journal: Journal, ledger: Undone, order: UndoOrder, *, files: Files) -> UndoReport:
        manifest = journal.manifest
        check_files(files, source=manifest.input, rows=manifest.spec.rows, columns=0)
        stopped: EtlError | None = None
        async with connected(
            self.settings,
            simulate=manifest.simulated,
            base_url="" if manifest.simulated else manifest.base_url,
            progress=self._progress,
        ) as link:
            campaign = await find_campaign(link.client, manifest.campaign.id)
            if order.dry_run and campaign.status == CampaignStatus.ACTIVE:
                self._progress.say(f"The campaign {campaign.name} is Active; it would be paused first.")
            if not order.dry_run:
                self._ask(campaign, ledger, order)
            try:
                if not order.dry_run:
                    await self._begin(campaign, link, journal, ledger=ledger)
                with self._while_sending():
                    await self._delete(campaign, link, ledger, order=order)
            except EtlError as error:
                stopped = error
            if stopped is None and self._stop.is_set():
                stopped = InterruptedRunError("Stopped; what was in flight is done.")
            if stopped is None and not _count(ledger, _LEFT):
                ledger.note_fact("ended", _now())
            kept = _publish(journal, ledger, files)
            return replace(
                _report(journal, ledger, order, stopped=stopped),
                results=str(files.results),
                kept=kept,
                requests=link.client.stats.requests,
                retries=link.client.stats.retries,
            )

    def _ask(self, campaign: Campaign, ledger: Undone, order: UndoOrder) -> None:
        reference = CampaignRef(campaign.id, campaign.name, campaign.status or "")
        if not self._question(UndoPlan(self.run, reference, _count(ledger, OPEN), order.handled_too)):
            raise InterruptedRunError("Nothing was deleted.")

    async def _begin(self, campaign: Campaign, link: Link, journal: Journal, *, ledger: Undone) -> None:
        """Pause the campaign, and keep that the run is being undone: it is not continued from here on."""
        if await self._paused(campaign, link):
            ledger.note_fact("paused", _now())
            self._progress.say(f"The campaign {campaign.name} is paused, and stays so.")
        if not ledger.fact("started"):
            ledger.note_fact("started", _now())
        ledger.note_fact("ended", "")
        # What was deleted must not count as created when the same content is loaded again.
        journal.note("state", "finished")

    async def _paused(self, campaign: Campaign, link: Link) -> bool:
        """Whether the campaign is active no more; False where it was not. It may be since the question."""
        for attempt in range(self.settings.attempts):
            await asyncio.sleep(pause_of(self.settings, attempt))
            # Without a readable answer it is as without one at all: the next look tells.
            with contextlib.suppress(UnknownOutcomeError):
                if not await pause(link.client, campaign.id):
                    return attempt > 0
        raise UnavailableError(
            f"The campaign {campaign.name} could not be paused, so nothing was deleted; pause it, and undo "
            "the run again."
        )

    async def _delete(self, campaign: Campaign, link: Link, ledger: Undone, *, order: UndoOrder) -> None:
        rules = Rules.of(self.settings, handled_too=order.handled_too, dry_run=order.dry_run)
        with self.state.scratch() as scratch:
            deletions = Deletions(
                link.client,
                campaign.id,
                ledger=ledger,
                scratch=scratch,
                rules=rules,
                stop=self._stop,
                say=self._progress.say,
            )
            await deletions.work()


def _files(manifest: Manifest, results: str) -> Files:
    files = files_of(manifest.input, results=results, word="undo", plain=bool(manifest.settings["plain"]))
    if str(files.results) in {manifest.results, manifest.rejects}:
        raise OutputError(f"{files.results} holds what the run itself wrote; name another file.")
    return files


def _created(journal: Journal) -> Iterator[UndoneRow]:
    for outcome in journal.outcomes():
        if outcome.status is RowStatus.CREATED:
            yield UndoneRow(
                outcome.row, UndoStatus.PLANNED, outcome.external_id, outcome.numbers, id=outcome.id
            )


def _count(ledger: Undone, statuses: Iterable[UndoStatus]) -> int:
    counts = ledger.counts()
    return sum(counts[status] for status in statuses)


def _nothing_left(journal: Journal, ledger: Undone, order: UndoOrder, *, files: Files) -> UndoReport:
    """The report of a run that is undone, or that created nobody; its results are not written anew."""
    report = _report(journal, ledger, order)
    if report.rows and (order.results or not ledger.fact("results")):
        _publish(journal, ledger, files)
    return replace(report, before=ledger.fact("ended"), results=ledger.fact("results"))


def _publish(journal: Journal, ledger: Undone, files: Files) -> tuple[Listed, ...]:
    """Write the results where nobody else's file is; give the first rows that were kept."""
    manifest = journal.manifest
    kept: list[Listed] = []
    make_way(files.results, journal)
    with table(files.results, UNDO_COLUMNS, plain=files.plain, mode=files.mode) as results:
        for row in _answers(journal, ledger):
            if row.status is UndoStatus.KEPT and len(kept) < _LISTED:
                kept.append(Listed(row.row, masked(row.external_id), row.error))
            run, campaign = manifest.run, manifest.campaign.name
            results.write((run, campaign, row.row, row.external_id, row.id, row.status.value, row.error))
    remember(files.results, journal)
    ledger.note_fact("results", str(files.results))
    return tuple(kept)


def _answers(journal: Journal, ledger: Undone) -> Iterator[UndoneRow]:
    """What became of each customer that the run created, in the order of rows, in a report's words."""
    known = ledger.rows()
    found = next(known, None)
    for row in _created(journal):
        while found and found.row < row.row:
            found = next(known, None)
        yield in_words(found if found and found.row == row.row else row)


def _report(
    journal: Journal,
    ledger: Undone,
    order: UndoOrder,
    *,
    stopped: EtlError | None = None,
) -> UndoReport:
    manifest = journal.manifest
    counts = Counter(row.status.value for row in _answers(journal, ledger))
    rows = journal.counts()[RowStatus.CREATED]
    undecided = sorted(_undecided(journal))
    return UndoReport(
        run=manifest.run,
        input=manifest.input,
        campaign=manifest.campaign,
        rows=rows,
        counts=dict(sorted(counts.items())),
        balanced=sum(counts.values()) == rows,
        exit_code=stopped.exit_code if stopped else _exit_code(counts, undecided=len(undecided)),
        dry_run=order.dry_run,
        paused=bool(ledger.fact("paused")),
        stopped=str(stopped or ""),
        undecided=len(undecided),
        undecided_rows=tuple(undecided[:_LISTED]),
    )


def _undecided(journal: Journal) -> set[int]:
    """Rows that were sent, and of which nobody knows whether they were created."""
    told = {outcome.row for outcome in journal.outcomes() if outcome.status is RowStatus.UNKNOWN}
    return told | set(journal.in_doubt())


def _exit_code(counts: Counter[str], *, undecided: int) -> int:
    if undecided:
        return 10
    return 5 if counts[UndoStatus.KEPT] or counts[UndoStatus.FAILED] else 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
