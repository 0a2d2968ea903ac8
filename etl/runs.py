"""Runs from beginning to end: ``load``, ``resume`` and ``check``.

A load surveys its input, finds its campaign, takes the campaign's lock, freezes a manifest, delivers, and
writes the results, whatever happened on the way. It raises only while there is no run yet; from then on
what stopped it stands in the report.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from etl.campaigns import activate, find_fit_campaign, pause
from etl.errors import (
    EtlError,
    InterruptedRunError,
    StateError,
    StoppedError,
)
from etl.expectations import outcome_unexpected, rows_unexpected
from etl.files import check_files, check_space, files_of, make_way, remember, remove_own
from etl.journal import Journal
from etl.link import Link, connected
from etl.orders import (
    Order,
    Plan,
    around,
    campaign_of,
    check_marker,
    check_unchanged,
    manifest_of,
    refuse_other_rules,
    survey_input,
)
from etl.pipeline import deliver, preview, publish, rehearse
from etl.progress import Progress, Silence
from etl.readback import read_back, tell_copies
from etl.reconciler import Files
from etl.records import OPEN, CampaignRef, Manifest, RowStatus, RunReport, SourceSpec
from etl.reports import check_report, has_open_rows, run_report
from etl.settings import Settings
from etl.state import JOURNAL, SOURCE, StateFolder
from etl.survey import spool
from etl.undone import undoing_of
from etl.work import Work


class Runner:
    """Does runs with one set of settings and one state folder.

    ``run`` names the run under way. ``stop`` ends one that sends, after what is in flight; ``while_sending``
    is entered for that time. ``question`` is asked before a new run sends anything; the answer no ends it.
    ``repeat`` are the words that further commands need to find the same state (``--state-dir …``).
    ``changed`` are settings that a resume goes by instead of those that the run began with.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Progress | None = None,
        stop: asyncio.Event | None = None,
        question: Callable[[Plan], bool] = lambda _plan: True,
        while_sending: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        repeat: str = "",
        changed: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings
        self.state = StateFolder(settings.state_dir)
        self._progress = progress or Silence()
        self._stop = stop or asyncio.Event()
        self._question = question
        self.repeat = repeat
        self._changed = dict(changed or {})
        self._warnings: list[str] = []
        self._ended = False
        self.run = ""
        self._while_sending = while_sending
        self._began = time.monotonic()

    async def load(self, order: Order) -> RunReport:
        """Load one input into one campaign; goes on with an unfinished run of the same content into it.

        Raises EtlError for what stops a load before it is a run: settings, input, campaign, lock.
        """
        self._began = time.monotonic()
        with self._copied(order) as source:
            spec, mapping = survey_input(order, source)
            check_marker(self.settings, mapping)
            files = files_of(
                order.input, results=order.results, rejects=order.rejects, plain=self.settings.plain
            )
            _check(files, order.input, spec)
            check_space(files, state=self.state.path, spec=spec)
            async with connected(self.settings, simulate=order.simulate, progress=self._progress) as link:
                campaign = await find_fit_campaign(link.client, campaign_of(order))
                with self.state.campaign_lock(link.server, campaign.id, wait=self.settings.wait_lock):
                    earlier = None if order.new_run else self._unfinished(spec, campaign, link)
                    if earlier is not None:
                        refuse_other_rules(order, self.settings, earlier, repeat=self.repeat)
                        self._progress.say(
                            f"Going on with run {earlier.run}, which is not finished (--new-run begins anew)."
                        )
                        with self.state.open(earlier.run) as journal:
                            files = files_of(
                                order.input,
                                results=order.results or journal.manifest.results,
                                rejects=order.rejects or journal.manifest.rejects,
                                plain=bool(journal.manifest.settings["plain"]),
                            )
                            return await self._work(journal, link, files=files, command="load", resumed=True)
                    with self.state.scratch() as scratch:
                        count = partial(
                            rehearse,
                            self._work_on(
                                order, source=source, spec=spec, campaign=campaign, scratch=scratch
                            ),
                        )
                        plan = Plan(order, spec, mapping, campaign, link.server, count, around(self.settings))
                        if not self._question(plan):
                            raise InterruptedRunError("Nothing was sent.")
                    with self._begin(
                        order, source, spec=spec, campaign=campaign, files=files, link=link
                    ) as journal:
                        return await self._work(journal, link, files=files, command="load", resumed=False)

    async def resume(self, run: str = "") -> RunReport | None:
        """Go on with a run; without a name, with the only one that is not finished. None where there is none.

        Raises StateError where the run can't be told or worked on, and EtlError as ``load``.
        """
        self._began = time.monotonic()
        if not run:
            manifests, unreadable = self.state.unfinished()
            unfinished = [manifest.run for manifest in manifests]
            if unreadable:
                raise StateError(
                    f"The journal of {', '.join(unreadable)} can't be read, so nobody knows what it sent; "
                    "name the run to resume, or restore the journal."
                )
            if not unfinished:
                return None
            if len(unfinished) > 1:
                raise StateError(
                    f"{len(unfinished)} runs are not finished; name one: {', '.join(unfinished)}."
                )
            run = unfinished[0]
        with self.state.open(run) as journal:
            manifest = journal.manifest
            # Rows in doubt must be settled before they can be undone too.
            if undoing_of(journal.path.parent) and not journal.in_doubt():
                raise StateError(
                    f"Run {manifest.run} was undone, and is not continued; load its input anew to put the "
                    "customers back."
                )
            files = files_of(
                manifest.input,
                results=manifest.results,
                rejects=manifest.rejects,
                plain=bool(manifest.settings["plain"]),
            )
            _check(files, manifest.input, manifest.spec)
            async with connected(
                self.settings,
                simulate=manifest.simulated,
                base_url="" if manifest.simulated else manifest.base_url,
                progress=self._progress,
            ) as link:
                # Also learns the server's clock, without which nothing that is sent could be proved ours.
                await find_fit_campaign(link.client, manifest.campaign.id)
                with self.state.campaign_lock(
                    link.server, manifest.campaign.id, wait=self.settings.wait_lock
                ):
                    return await self._work(journal, link, files=files, command="resume", resumed=True)

    async def check(self, order: Order) -> RunReport:
        """Decide every row and write what would be, sending nothing."""
        self._began = time.monotonic()
        with self._copied(order) as source, self.state.scratch() as scratch:
            spec, _ = survey_input(order, source)
            files = files_of(
                order.input,
                results=order.results,
                rejects=order.rejects,
                word="check",
                plain=self.settings.plain,
            )
            _check(files, order.input, spec)
            campaign = await self._campaign_to_check(order) if order.campaign else None
            work = self._work_on(order, source=source, spec=spec, campaign=campaign, scratch=scratch)
            if order.results:
                make_way(files.results)
            if files.rejects:
                make_way(files.rejects)
            tally = await asyncio.to_thread(preview, work, files=files)
        return check_report(
            order.profile,
            spec,
            tally,
            source=order.input,
            campaign=campaign,
            files=files,
            seconds=self._seconds(),
        )

    # --- beginning ----------------------------------------------------------------------------------

    def _work_on(
        self, order: Order, *, source: Path, spec: SourceSpec, campaign: CampaignRef | None, scratch: Path
    ) -> Work:
        return Work(
            source=source,
            spec=spec,
            profile=order.profile,
            settings=self.settings,
            campaign_end=campaign.end_date if campaign else "",
            scratch=scratch,
        )

    @contextlib.contextmanager
    def _copied(self, order: Order) -> Iterator[Path]:
        """The input to read: our own copy, since a CRM may overwrite its export while we work."""
        if order.input != "-" and self.settings.spool == "never":
            yield Path(order.input).absolute()
            return
        with self.state.incoming() as copy:
            spool(sys.stdin.buffer if order.input == "-" else Path(order.input), copy)
            yield copy

    def _unfinished(self, spec: SourceSpec, campaign: CampaignRef, link: Link) -> Manifest | None:
        """The latest unfinished run of this content into this campaign."""
        unfinished, unreadable = self.state.unfinished()
        for run in unreadable:
            self._progress.say(f"The journal of run {run} can't be read, so that run can't be continued.")
        return next(
            (
                manifest
                for manifest in reversed(unfinished)
                if manifest.spec.fingerprint == spec.fingerprint
                and manifest.campaign.id == campaign.id
                and manifest.base_url == link.server
                and not undoing_of(self.state.folder_of(manifest.run))
            ),
            None,
        )

    def _begin(
        self,
        order: Order,
        source: Path,
        *,
        spec: SourceSpec,
        campaign: CampaignRef,
        files: Files,
        link: Link,
    ) -> Journal:
        run, folder = self.state.new_run()
        spooled = self.settings.spool == "auto" or order.input == "-"
        kept = source.rename(folder / SOURCE) if spooled else source
        manifest = manifest_of(
            order,
            self.settings,
            run=run,
            source=kept,
            spec=spec,
            campaign=campaign,
            files=files,
            server=link.server,
        )
        return Journal.create(folder / JOURNAL, manifest)

    async def _campaign_to_check(self, order: Order) -> CampaignRef:
        async with connected(self.settings, simulate=order.simulate, progress=self._progress) as link:
            return await find_fit_campaign(link.client, campaign_of(order))

    # --- working ------------------------------------------------------------------------------------

    async def _work(
        self, journal: Journal, link: Link, *, files: Files, command: str, resumed: bool
    ) -> RunReport:
        manifest = journal.manifest
        check_unchanged(manifest)
        self.run = manifest.run
        self._warnings.clear()
        # A run that has ended has no business with the campaign's status, unless that is asked for now.
        self._ended = journal.state() == "finished"
        journal.note("state", "running")
        before = sum(_settled(journal).values())
        self._progress.begin(manifest.spec.rows, before)
        stopped: EtlError | None = None
        settings = self.settings.model_copy(
            update=manifest.settings | self._changed | {"base_url": self.settings.base_url}
        )
        with self.state.scratch() as scratch:
            work = Work.of(manifest, settings, scratch=scratch)
            try:
                await self._expected(work, journal)
                with self._while_sending():
                    await self._send(work, journal, link)
            except EtlError as error:
                stopped = error
            finally:
                self._progress.end()
        make_way(files.results, journal)
        if files.rejects:
            make_way(files.rejects, journal)
        tally = await asyncio.to_thread(publish, journal, files=files, stopped=stopped is not None)
        remember(files.results, journal)
        if files.rejects and tally.rejects:
            remember(files.rejects, journal)
        elif files.rejects:
            remove_own(files.rejects, journal)
        # What a limit stopped before anything was sent is over: a further load goes by today's settings.
        over = not has_open_rows(tally) or (isinstance(stopped, StoppedError) and not journal.was_sent())
        report = run_report(
            manifest,
            tally,
            files=files,
            stopped=stopped,
            over=over,
            repeat=self.repeat,
            seconds=self._seconds(),
            worked=sum(_settled(journal).values()) - before,
        )
        undone = undoing_of(journal.path.parent)  # what is settled of it must not be called
        if self._may_activate(settings, report) and not undone:
            report = await self._activated(report, link, manifest.campaign)
            over = over and not report.stopped
        elif journal.fact("paused", bool, default=False) and not self._ended:
            self._warnings.append("the campaign was paused first, and stays so until somebody activates it")
        report = replace(
            report,
            command=command,
            resumed=resumed,
            requests=link.client.stats.requests,
            retries=link.client.stats.retries,
            warnings=(*report.warnings, *self._warnings),
        )
        journal.note("report", report)
        journal.note("state", "finished" if over else "stopped")
        return report

    async def _send(self, work: Work, journal: Journal, link: Link) -> None:
        """Deliver, with what the settings want done around it."""
        settings, campaign = work.settings, journal.manifest.campaign
        if settings.pause_first and not self._ended and await pause(link.client, campaign.id):
            self._progress.say(f"The campaign {campaign.name} is paused.")
            journal.note("paused", value=True)
        await deliver(work, journal, link, progress=self._progress, stop=self._stop)
        if copies := await tell_copies(journal, link):
            self._warnings.append(f"{copies:,} rows are in the campaign more than once, see the results")
        if settings.verify:
            if amiss := await read_back(work, journal, link):
                self._warnings.append(f"{amiss:,} customers read back are not as sent; the results say which")
            else:
                self._progress.say("Read back: every customer that was created is as it was sent.")

    def _may_activate(self, settings: Settings, report: RunReport) -> bool:
        asked = settings.activate and (not self._ended or "activate" in self._changed)
        return asked and report.exit_code in {0, 5} and not report.stopped

    async def _activated(self, report: RunReport, link: Link, campaign: CampaignRef) -> RunReport:
        """The report after activating the campaign; an error there stops a run that is done otherwise."""
        try:
            await activate(link.client, campaign.id)
        except EtlError as error:
            sentence = f"The load is done, and the campaign could not be activated: {error}"
            again = f"obi resume {report.run}{self.repeat}"
            return replace(report, exit_code=error.exit_code, stopped=sentence, next=again)
        self._progress.say(f"The campaign {campaign.name} is active.")
        return report

    async def _expected(self, work: Work, journal: Journal) -> None:
        """Raise StoppedError where it is known before sending that the file is not as it should be."""
        expect = work.profile.expect
        if unexpected := rows_unexpected(expect, work.spec.rows):
            raise StoppedError(f"Nothing was sent: {unexpected}.")
        if not (work.settings.strict or expect.invalid_max):
            return
        counts = await asyncio.to_thread(rehearse, work, record=journal.record)
        invalid = counts[RowStatus.INVALID]
        if work.settings.strict and invalid:
            raise StoppedError(
                f"Nothing was sent: {invalid:,} rows fail the checks, and --strict allows none."
            )
        if unexpected := outcome_unexpected(expect, counts, work.spec.rows):
            raise StoppedError(f"Nothing was sent: {unexpected}.")

    def _seconds(self) -> float:
        return max(round(time.monotonic() - self._began, 3), 0.001)


def _check(files: Files, source: str, spec: SourceSpec) -> None:
    check_files(files, source=source, rows=spec.rows, columns=len(spec.columns))


def _settled(journal: Journal) -> dict[RowStatus, int]:
    return {status: count for status, count in journal.counts().items() if status not in OPEN}
