"""A sitting of a run: one process works on its journal until it is done or stopped, and writes the answers.

From its first moment on, what stops it stands in the report, and the results are written as far as they are
known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from subprocess import Popen
from typing import Any

from msgspec.structs import replace

from etl.campaigns import activate, pause
from etl.earlier import earlier_than
from etl.errors import EtlError, StoppedError
from etl.expectations import outcome_unexpected, rows_unexpected
from etl.files import make_way, remember, remove_own
from etl.following import Follower
from etl.journal import Journal
from etl.link import Link
from etl.loaded import loaded_of, settle_loaded
from etl.pipeline import deliver, rehearse
from etl.progress import Progress
from etl.publishing import publish
from etl.quoting import counted
from etl.readback import read_back, tell_copies
from etl.reconciler import Files, Tally
from etl.records import OPEN, RowStatus, RunReport, SuppressionList
from etl.reports import has_open_rows, run_report, with_loaded
from etl.scratch import told_when_full
from etl.settings import Settings
from etl.state import StateFolder
from etl.undone import undoing_of
from etl.work import Work


class Sitting:
    """Works on the run of ``journal``, by the settings that it began with.

    ``changed`` are settings that count instead of those. ``lists`` are the do-not-call lists in use. ``stop``
    ends the sending after what is in flight; ``while_sending`` is entered for that time. ``repeat`` are the
    words that further commands need to find the same state. ``decider`` is a process that stands by to
    decide the rows.
    """

    def __init__(
        self,
        journal: Journal,
        link: Link,
        settings: Settings,
        *,
        state: StateFolder,
        files: Files,
        lists: tuple[SuppressionList, ...],
        changed: Mapping[str, Any],
        progress: Progress,
        stop: asyncio.Event,
        while_sending: Callable[[], AbstractContextManager[None]],
        repeat: str,
        decider: Popen[bytes] | None = None,
    ) -> None:
        self._journal = journal
        self._manifest = journal.manifest
        self._link = link
        self._settings = settings.model_copy(
            update=journal.manifest.settings | {**changed} | {"base_url": settings.base_url}
        )
        self._state = state
        self._files = files
        self._lists = lists
        self._changed = changed
        self._progress = progress
        self._stop = stop
        self._while_sending = while_sending
        self._repeat = repeat
        self._decider = decider
        self._warnings: list[str] = []
        self._follower: Follower | None = None
        # A run that has ended has no business with the campaign's status, unless that is asked for now.
        self._ended = journal.state() == "finished"

    async def work(self, *, command: str, resumed: bool, seconds: Callable[[], float]) -> RunReport:
        """Deliver, publish and report; ``seconds`` gives how long it took until it is asked."""
        journal = self._journal
        journal.note("state", "running")
        before = self._settled()
        self._progress.begin(self._manifest.spec.rows, before)
        stopped: EtlError | None = None
        with self._state.scratch() as scratch:
            work = Work.of(
                self._manifest,
                self._settings,
                scratch=scratch,
                lists=self._lists,
                indexes=self._state.lists,
                earlier=earlier_than(journal, self._state, self._settings),
                decider=self._decider,
            )
            try:
                await self._expected(work)
                with self._while_sending(), told_when_full(scratch.parent):
                    self._follower = Follower.begin(journal, self._files)
                    await self._send(work)
            except EtlError as error:
                stopped = error
            except BaseException:
                self._unfollow()
                raise
            finally:
                self._progress.end()
        tally = await self._published(stopped=stopped is not None)
        # What a limit stopped before anything was sent is over: a further load goes by today's settings.
        over = not has_open_rows(tally) or (isinstance(stopped, StoppedError) and not journal.was_sent())
        loaded = loaded_of(journal)
        over = over and not loaded.open
        report = run_report(
            self._manifest,
            tally,
            files=self._files,
            stopped=stopped,
            over=over,
            repeat=self._repeat,
            seconds=seconds(),
            worked=self._settled() - before,
        )
        activates = self._may_activate(report)
        if activates and not loaded.left:
            report = await self._activated(report)
            over = over and not report.stopped
        elif journal.fact("paused", bool, default=False) and not self._ended:
            self._warnings.append("the campaign was paused first, and stays so until somebody activates it")
        report = with_loaded(report, loaded, withheld=activates and bool(loaded.left), repeat=self._repeat)
        report = replace(
            report,
            command=command,
            resumed=resumed,
            lists=self._lists,
            requests=self._link.client.stats.requests,
            retries=self._link.client.stats.retries,
            warnings=(*report.warnings, *work.notes, *self._warnings),
        )
        journal.note("report", report)
        journal.note("state", "finished" if over else "stopped")
        return report

    async def _expected(self, work: Work) -> None:
        """Raise StoppedError where it is known before sending that the file is not as it should be."""
        expect = work.profile.expect
        if unexpected := rows_unexpected(expect, work.spec.rows):
            raise StoppedError(f"Nothing was sent: {unexpected}.")
        if not (work.settings.strict or expect.invalid_max):
            return
        counts = await asyncio.to_thread(rehearse, work, record=self._journal.record)
        invalid = counts[RowStatus.INVALID]
        if work.settings.strict and invalid:
            raise StoppedError(
                f"Nothing was sent: the checks refuse {counted(invalid, 'row')}, and --strict allows none."
            )
        if unexpected := outcome_unexpected(expect, counts, work.spec.rows):
            raise StoppedError(f"Nothing was sent: {unexpected}.")

    async def _send(self, work: Work) -> None:
        """Deliver, with what the settings want done around it."""
        journal, link, campaign = self._journal, self._link, self._manifest.campaign
        if work.settings.pause_first and not self._ended and await pause(link.client, campaign.id):
            self._progress.say(f"The campaign {campaign.name} is paused.")
            journal.note("paused", value=True)
        await deliver(work, journal, link, progress=self._progress, stop=self._stop)
        await settle_loaded(work, journal, link, stop=self._stop, say=self._progress.say)
        if copies := await tell_copies(journal, link):
            rows = counted(copies, "row")
            self._warnings.append(f"in the campaign more than once: {rows}, see the results")
        if work.settings.verify:
            if amiss := await read_back(work, journal, link):
                customers = counted(amiss, "customer")
                self._warnings.append(f"read back, not as sent: {customers}; the results say which")
            else:
                self._progress.say("Read back: every customer that was created is as it was sent.")

    async def _published(self, *, stopped: bool) -> Tally:
        """Write results and rejects; those of this run's earlier sittings are replaced."""
        journal, files = self._journal, self._files
        try:
            make_way(files.results, journal)
            if files.rejects:
                make_way(files.rejects, journal)
            tally = await self._followed(stopped=stopped)
        except BaseException:
            self._unfollow()
            raise
        if tally is None:
            tally = await asyncio.to_thread(publish, journal, files=files, stopped=stopped)
        remember(files.results, journal)
        if files.rejects and tally.rejects:
            remember(files.rejects, journal)
        elif files.rejects:
            remove_own(files.rejects, journal)
        return tally

    async def _followed(self, *, stopped: bool) -> Tally | None:
        """The tally of what was written while the rows were sent, None where that did not come to be."""
        if self._follower is None or self._journal.amended:
            self._unfollow()
            return None
        return await self._follower.finish(stopped=stopped)

    def _unfollow(self) -> None:
        if self._follower is not None:
            self._follower.drop()

    def _may_activate(self, report: RunReport) -> bool:
        asked = self._settings.activate and (not self._ended or "activate" in self._changed)
        undone = undoing_of(self._journal.path.parent)  # what is settled of it must not be called
        return asked and not undone and report.exit_code in {0, 5} and not report.stopped

    async def _activated(self, report: RunReport) -> RunReport:
        """The report after activating the campaign; an error there stops a run that is done otherwise."""
        campaign = self._manifest.campaign
        try:
            await activate(self._link.client, campaign.id)
        except EtlError as error:
            sentence = f"The load is done, and the campaign could not be activated: {error}"
            again = f"obi resume {report.run}{self._repeat}"
            return replace(report, exit_code=error.exit_code, stopped=sentence, next=again)
        self._progress.say(f"The campaign {campaign.name} is active.")
        return report

    def _settled(self) -> int:
        """Rows that are not to be gone on with."""
        return sum(count for status, count in self._journal.counts().items() if status not in OPEN)
