"""``check``: the same path as ``load`` and nothing sent, so that a person can trust what load will do.

Rows are surveyed, read, decided and written as a load does it; what would be sent is made by the code that
makes it there. With a campaign, it is looked at before (``etl.fit``): only reads.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from etl.campaigns import find_campaign, fit_for_load
from etl.columns import Mapping
from etl.earlier import earlier_runs
from etl.errors import InterruptedRunError
from etl.files import check_files, files_of, make_way
from etl.findings import CheckReport
from etl.fit import Ours, Theirs, copy_held, fit_notes, standing_of
from etl.holdings import Holdings
from etl.link import connected
from etl.lists import lists_for
from etl.obi.models import Campaign
from etl.obi.xml import from_json
from etl.orders import Order, check_marker, copied, if_loaded_of, survey_input
from etl.payload import item_of
from etl.pipeline import preview
from etl.progress import Progress, Silence
from etl.reconciler import Files, Tally
from etl.records import CampaignRef, Customer, RowOutcome, RowStatus, SourceSpec
from etl.reports import check_report
from etl.sample import Sample
from etl.settings import Settings
from etl.state import StateFolder
from etl.validator import Decided
from etl.work import Work


class _Looked(Struct, frozen=True, kw_only=True):
    """The campaign as it was looked at, what that took, and the work that goes by it."""

    work: Work
    campaign: Campaign
    ref: CampaignRef
    ours: Ours
    theirs: Theirs
    requests: int
    retries: int


async def check(
    order: Order, settings: Settings, *, progress: Progress | None = None, bodies: int = 0
) -> CheckReport:
    """Decide every row and write what would be, sending nothing.

    ``bodies`` is how many customers the report shows exactly as they would be sent. The campaign that the
    order itself names is read; one that only the profile names is not, since a check needs no server. Raises
    EtlError as ``load`` does before it sends.
    """
    began = time.monotonic()
    state = StateFolder(settings.state_dir)
    told = progress or Silence()
    with (
        copied(order, settings, state) as source,
        state.scratch() as scratch,
        Holdings(scratch / "held.sqlite") as holdings,
    ):
        spec, mapping = survey_input(order, source)
        check_marker(settings, mapping)
        files = _files_of(order, settings, spec)
        work = Work(
            source=source,
            spec=spec,
            profile=order.profile,
            settings=settings,
            scratch=scratch,
            lists=lists_for(order.suppress, order.profile, state, say=told.say),
            indexes=state.lists,
        )
        looked = await _look(order, work, holdings, told) if order.campaign else None
        work = looked.work if looked else work
        sample = _sample(mapping, work, bodies=bodies)
        for path in filter(None, (files.results if order.results else None, files.rejects)):
            make_way(path)
        tally = await _Rehearsal(sample, looked, told).run(work, files)
    report = check_report(
        order,
        settings,
        spec=spec,
        tally=tally,
        files=files,
        campaign=looked.ref if looked else None,
        exists=looked.ours.exists if looked else 0,
        seconds=max(round(time.monotonic() - began, 3), 0.001),
    )
    report = replace(
        report,
        warnings=(*report.warnings, *work.notes),
        lists=work.lists,
        columns=sample.columns(),
        preview=tuple(sample.preview),
        found=sample.found(),
        cautions=sample.cautions(),
        bodies=tuple(_as_sent(body, settings) for body in sample.bodies),
    )
    return _with_standing(report, looked, order, activate=settings.activate) if looked else report


def _files_of(order: Order, settings: Settings, spec: SourceSpec) -> Files:
    """Where the answers go. Raises OutputError where they can't."""
    files = files_of(
        order.input, results=order.results, rejects=order.rejects, word="check", plain=settings.plain
    )
    check_files(files, source=order.input, rows=spec.rows, columns=len(spec.columns))
    return files


async def _look(order: Order, work: Work, holdings: Holdings, progress: Progress) -> _Looked:
    """Find the campaign and read what it holds."""
    settings = work.settings
    async with connected(settings, simulate=order.simulate, progress=progress) as link:
        campaign = await find_campaign(link.client, order.campaign)
        ref = fit_for_load(campaign)
        earlier = earlier_runs(StateFolder(settings.state_dir), settings, ref, link.server)
        work = replace(work, campaign_end=ref.end_date, earlier=earlier)
        progress.say(f"Reading what the campaign {campaign.name} holds.")
        theirs = await copy_held(link, campaign, work, holdings=holdings)
        return _Looked(
            work=work,
            campaign=campaign,
            ref=ref,
            ours=Ours(holdings, existing=settings.existing, if_loaded=if_loaded_of(order)),
            theirs=theirs,
            requests=link.client.stats.requests,
            retries=link.client.stats.retries,
        )


class _Rehearsal:
    """Decides the rows in a thread, and tells the loop how far it is."""

    def __init__(self, sample: Sample, looked: _Looked | None, progress: Progress) -> None:
        self._sample = sample
        self._looked = looked
        self._progress = progress
        self._halted = threading.Event()

    async def run(self, work: Work, files: Files) -> Tally:
        """Write what would be; gives the counts."""
        loop = asyncio.get_running_loop()
        campaign = self._looked.ref.name if self._looked else ""

        def answered(decided: list[Decided]) -> list[RowOutcome]:
            if self._halted.is_set():
                raise InterruptedRunError("Stopped.")
            outcomes = self._answered(decided)
            loop.call_soon_threadsafe(self._progress.advance, outcomes)
            return outcomes

        self._progress.begin(work.spec.rows, 0)
        try:
            return await asyncio.to_thread(
                preview, work, campaign=campaign, files=files, answered=answered, seen=self._sample.see
            )
        finally:
            self._halted.set()  # a thread can't be cancelled, so it looks by itself
            self._progress.end()

    def _answered(self, decided: Sequence[Decided]) -> list[RowOutcome]:
        for answer in decided:
            if isinstance(answer, Customer):
                self._sample.take(answer)
        warnings = self._looked.ours.warnings(decided) if self._looked else {}
        outcomes = (as_ready(answer) if isinstance(answer, Customer) else answer for answer in decided)
        return [
            replace(outcome, warning="; ".join(filter(None, (outcome.warning, warnings[outcome.row]))))
            if outcome.row in warnings
            else outcome
            for outcome in outcomes
        ]


def as_ready(customer: Customer) -> RowOutcome:
    """The outcome, in a check, of a row that would be sent."""
    return RowOutcome(
        row=customer.row,
        status=RowStatus.READY,
        external_id=customer.external_id,
        numbers=";".join(customer.numbers),
        warning=customer.warning,
    )


def _sample(mapping: Mapping, work: Work, *, bodies: int) -> Sample:
    item = partial(item_of, as_attributes=work.profile.phones.send_as == "attributes")
    return Sample(mapping, item, bodies=bodies, region=work.profile.region)


def _as_sent(body: bytes, settings: Settings) -> str:
    return (from_json(body, "customer") if settings.media_type == "xml" else body).decode()


def _with_standing(report: CheckReport, looked: _Looked, order: Order, *, activate: bool) -> CheckReport:
    """The report with what the campaign holds; a person who must not be called is called there still."""
    ours, theirs = looked.ours, looked.theirs
    standing = standing_of(looked.campaign, ours, theirs)
    notes = fit_notes(looked.campaign, standing, ours=ours, theirs=theirs, profile=order.profile)
    left = ours.loaded and if_loaded_of(order) == "warn"
    if left and activate:
        notes.append(
            "a load would not activate the campaign, because people who must not be called are in it: "
            "--if-loaded delete deletes them there first"
        )
    return replace(
        report,
        standing=standing,
        exit_code=report.exit_code or (5 if left else 0),
        requests=looked.requests,
        retries=looked.retries,
        warnings=(*report.warnings, *notes),
    )
