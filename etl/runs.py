"""Runs from beginning to end: ``load`` and ``resume``.

A load surveys its input, finds its campaign, takes the campaign's lock, freezes a manifest, delivers, and
writes the results, whatever happened on the way. It raises only while there is no run yet; from then on
what stopped it stands in the report.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

from etl.campaigns import find_fit_campaign
from etl.checks import check
from etl.deciding import standing_by
from etl.earlier import earlier_runs
from etl.errors import InterruptedRunError, StateError
from etl.files import check_files, check_space, files_of
from etl.findings import CheckReport
from etl.guesses import refuse_uncertain
from etl.journal import Journal
from etl.link import Link, connected
from etl.lists import lists_for, lists_named, lists_of_run
from etl.orders import (
    Order,
    Plan,
    around,
    campaign_of,
    check_marker,
    check_unchanged,
    copied,
    manifest_of,
    refuse_other_rules,
    survey_input,
)
from etl.pipeline import rehearse
from etl.profile import Profile
from etl.progress import Progress, Silence
from etl.reconciler import Files
from etl.records import CampaignRef, Manifest, RunReport, SourceSpec, SuppressionList
from etl.settings import Settings
from etl.sittings import Sitting
from etl.state import JOURNAL, SOURCE, StateFolder
from etl.undone import undoing_of
from etl.work import Work


class Runner:
    """Does runs with one set of settings and one state folder.

    ``run`` names the run under way. ``stop`` ends one that sends, after what is in flight; ``while_sending``
    is entered for that time. ``question`` is asked before a new run sends anything; the answer no ends it.
    Without one nobody can be asked, and a fuzzy guess for who is called or when stops the load.
    ``repeat`` are the words that further commands need to find the same state (``--state-dir …``).
    ``changed`` are settings that a resume goes by instead of those that the run began with.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Progress | None = None,
        stop: asyncio.Event | None = None,
        question: Callable[[Plan], bool] | None = None,
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
        self.run = ""
        self._while_sending = while_sending
        self._began = time.monotonic()
        self._decider: Popen[bytes] | None = None

    async def load(self, order: Order) -> RunReport:
        """Load one input into one campaign; goes on with an unfinished run of the same content into it.

        Raises EtlError for what stops a load before it is a run: settings, input, campaign, lock.
        """
        self._began = time.monotonic()
        with copied(order, self.settings, self.state) as source, standing_by(source) as self._decider:
            spec, mapping = survey_input(order, source)
            check_marker(self.settings, mapping)
            files = files_of(
                order.input, results=order.results, rejects=order.rejects, plain=self.settings.plain
            )
            _check(files, order.input, spec)
            check_space(files, state=self.state.path, spec=spec)
            # Not in a thread, which Ctrl-C would have to wait for.
            lists = lists_for(order.suppress, order.profile, self.state, say=self._progress.say)
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
                            if order.if_loaded:
                                journal.note("if_loaded", order.if_loaded)
                            files = files_of(
                                order.input,
                                results=order.results or journal.manifest.results,
                                rejects=order.rejects or journal.manifest.rejects,
                                plain=bool(journal.manifest.settings["plain"]),
                            )
                            return await self._work(
                                journal, link, files=files, command="load", resumed=True, lists=lists
                            )
                    with self.state.scratch() as scratch:
                        count = partial(
                            rehearse,
                            self._work_on(
                                order,
                                source=source,
                                spec=spec,
                                campaign=campaign,
                                scratch=scratch,
                                link=link,
                                lists=lists,
                            ),
                        )
                        plan = Plan(
                            order,
                            spec,
                            mapping,
                            campaign,
                            link.server,
                            count,
                            around=around(self.settings),
                            lists=lists,
                        )
                        self._ask(plan)
                    with self._begin(
                        order, source, spec=spec, campaign=campaign, files=files, link=link, lists=lists
                    ) as journal:
                        return await self._work(
                            journal, link, files=files, command="load", resumed=False, lists=lists
                        )

    async def resume(
        self, run: str = "", *, suppress: Sequence[str] = (), if_loaded: str = ""
    ) -> RunReport | None:
        """Go on with a run; without a name, with the only one that is not finished. None where there is none.

        ``suppress`` and ``if_loaded`` are as of an order: do-not-call lists beside the run's own. Raises
        StateError where the run can't be told or worked on, and EtlError as ``load``.
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
            profile = Profile.thawed(manifest.profile)
            lists = lists_named(suppress, profile, self.state, say=self._progress.say)
            if if_loaded:
                journal.note("if_loaded", if_loaded)
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
                    return await self._work(
                        journal, link, files=files, command="resume", resumed=True, lists=lists
                    )

    async def check(self, order: Order, *, bodies: int = 0) -> CheckReport:
        """Decide every row and write what would be, sending nothing (``etl.checks``)."""
        return await check(order, self.settings, progress=self._progress, bodies=bodies)

    def _ask(self, plan: Plan) -> None:
        """Raise InterruptedRunError where the answer is no, ProfileError where nobody can answer a guess."""
        if self._question is None:
            refuse_uncertain(plan.mapping.guesses, source=plan.order.input)
        elif not self._question(plan):
            raise InterruptedRunError("Nothing was sent.")

    # --- beginning ----------------------------------------------------------------------------------

    def _work_on(
        self,
        order: Order,
        *,
        source: Path,
        spec: SourceSpec,
        campaign: CampaignRef,
        scratch: Path,
        link: Link,
        lists: tuple[SuppressionList, ...],
    ) -> Work:
        return Work(
            source=source,
            spec=spec,
            profile=order.profile,
            settings=self.settings,
            campaign_end=campaign.end_date,
            scratch=scratch,
            lists=lists,
            indexes=self.state.lists,
            earlier=earlier_runs(self.state, self.settings, campaign, link.server),
        )

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
        lists: tuple[SuppressionList, ...],
    ) -> Journal:
        run, folder = self.state.new_run()
        spooled = self.settings.spool == "auto" or not order.is_file
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
            lists=lists,
        )
        return Journal.create(folder / JOURNAL, manifest)

    # --- working ------------------------------------------------------------------------------------

    async def _work(
        self,
        journal: Journal,
        link: Link,
        *,
        files: Files,
        command: str,
        resumed: bool,
        lists: tuple[SuppressionList, ...] = (),
    ) -> RunReport:
        check_unchanged(journal.manifest)
        lists = lists_of_run(journal, self.state, given=lists, say=self._progress.say)
        self.run = journal.manifest.run
        sitting = Sitting(
            journal,
            link,
            self.settings,
            state=self.state,
            files=files,
            lists=lists,
            changed=self._changed,
            progress=self._progress,
            stop=self._stop,
            while_sending=self._while_sending,
            repeat=self.repeat,
            decider=self._decider,
        )
        return await sitting.work(command=command, resumed=resumed, seconds=self._seconds)

    def _seconds(self) -> float:
        return max(round(time.monotonic() - self._began, 3), 0.001)


def _check(files: Files, source: str, spec: SourceSpec) -> None:
    check_files(files, source=source, rows=spec.rows, columns=len(spec.columns))
