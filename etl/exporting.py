"""Exports: a campaign's customers, with what became of them, as a file that is whole or not there.

Everybody is gathered into a throw-away file first, since what columns there are shows at the end. The table
is written beside its place and moved there, so that whatever stops an export leaves what stood there before.
An incremental one goes by way of the hand-over (``etl.handover``), which knows what the receiver has.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from glob import escape
from hashlib import blake2b
from pathlib import Path
from stat import S_ISGID

from msgspec import json
from msgspec.structs import replace

from etl.campaigns import find_campaign
from etl.errors import ConfigError, OutputError
from etl.exportgather import Gathered, Gatherer
from etl.exportreport import ExportOrder, ExportReport, notes_on, report_of
from etl.exportspool import Spool
from etl.exporttable import Columns, Survey
from etl.files import make_way, stamp
from etl.handover import MARGIN, Delivery, Handover, Version, holding, opened
from etl.link import Link, connected
from etl.obi.models import Campaign
from etl.outputs import SHEET_CELL, check_writable, drafted, filled, put_in_place
from etl.progress import Progress, Silence
from etl.records import CampaignRef
from etl.settings import Settings
from etl.state import StateFolder, input_mode

_CELLS = 200_000
"""Cells that are made at once, so that a campaign of many attributes takes no more memory."""

_THEN = "export again"
"""What to do once a full disk has room."""


class Exporter:
    """Exports with one set of settings and one state folder.

    ``repeat`` are the words that further commands need to find the same state (``--state-dir …``).
    """

    def __init__(self, settings: Settings, *, progress: Progress | None = None, repeat: str = "") -> None:
        self.settings = settings
        self.state = StateFolder(settings.state_dir)
        self.run = ""
        self.repeat = repeat
        self._progress = progress or Silence()

    async def export(self, order: ExportOrder) -> ExportReport:
        """Write the file. Raises EtlError for whatever stops it: there is no file then but the one before."""
        began = time.monotonic()
        _check(order)
        async with connected(self.settings, simulate=order.simulate, progress=self._progress) as link:
            campaign = await find_campaign(link.client, order.campaign)
            if order.incremental:
                report = await self._hand_over(link, campaign, order)
            else:
                report = await self._export(link, campaign, order)
            return replace(
                report,
                campaign=CampaignRef(
                    campaign.id, campaign.name, campaign.status or "", campaign.end_date or ""
                ),
                filters=order.choice.told(),
                requests=link.client.stats.requests,
                retries=link.client.stats.retries,
                seconds=max(round(time.monotonic() - began, 3), 0.001),
            )

    async def again(self, order: ExportOrder) -> ExportReport:
        """Put the last incremental export in place once more, as it was; raises StateError without one.

        Without ``out`` it goes where it went before.
        """
        out = order.place if order.out else None
        if out:
            _check(order)
        async with connected(self.settings, simulate=order.simulate, progress=self._progress) as link:
            campaign = await find_campaign(link.client, order.campaign)
            with self._handover(link, campaign, order) as handover:
                delivery = handover.again(out, mode=_mode(out) if out else 0o600)
            note = f"This is export {delivery.run} once more, as it was."
            return self._told(delivery, notes=(note,), campaign=campaign)

    def acknowledge(self, run: str) -> ExportReport:
        """Note that the receiver has this export. Raises StateError unless it is the last one."""
        with holding(self.state, run) as handover:
            delivery = handover.acknowledge(run)
        note = f"Export {delivery.run} is acknowledged since {delivery.acknowledged}."
        return replace(self._told(delivery, notes=(note,)), exit_code=0)

    # --- a whole export -----------------------------------------------------------------------------

    async def _export(self, link: Link, campaign: Campaign, order: ExportOrder) -> ExportReport:
        out = order.place
        with self.state.scratch() as scratch, Spool(scratch / "customers", order.choice.fits) as spool:
            gathered = await self._gathered(link, campaign, order, spool=spool)
            survey = surveyed(spool, order)
            columns = fit_columns(survey, order)
            notes = [*notes_on(gathered, survey, order), *columns.notes]
            with drafted(out, then=_THEN) as temporary:
                write(temporary, spool, columns, order=order)
                mode = _mode(out)
                notes += self._made_way(out)
                put_in_place(temporary, out, mode=mode)
            self._remember(out)
            return report_of(gathered, spool, order, survey=survey, columns=columns, notes=notes)

    async def _gathered(
        self,
        link: Link,
        campaign: Campaign,
        order: ExportOrder,
        *,
        spool: Spool,
        since: datetime | None = None,
    ) -> Gathered:
        return await Gatherer(
            link.client,
            campaign.id,
            choice=replace(order.choice, since=since) if since else order.choice,
            script=order.script,
            spool=spool,
            progress=self._progress,
        ).gather()

    def _made_way(self, out: Path) -> Iterator[str]:
        """Keep what is at ``out``, unless an export wrote it: it is replaced by this one then."""
        if out.exists() and self._own(out) != stamp(out) and (moved := make_way(out)):
            yield f"What stood at {out} is {moved.name} now."

    def _remember(self, out: Path) -> None:
        self._mark(out).parent.mkdir(mode=0o700, exist_ok=True)
        self._mark(out).write_bytes(json.encode(stamp(out)))

    def _own(self, out: Path) -> list[int]:
        try:
            return json.decode(self._mark(out).read_bytes(), type=list[int])
        except (OSError, ValueError):
            return []

    def _mark(self, out: Path) -> Path:
        """Where it is kept that an export wrote ``out``."""
        name = blake2b(str(out).encode(errors="surrogateescape"), digest_size=12).hexdigest()
        return self.state.exports / "written" / name

    # --- what the receiver does not have yet --------------------------------------------------------

    def _handover(
        self, link: Link, campaign: Campaign, order: ExportOrder
    ) -> AbstractContextManager[Handover]:
        key = json.encode([order.name, order.choice.meant()]).decode()
        return opened(self.state, server=link.server, campaign_id=campaign.id, key=key, margin=order.margin)

    async def _hand_over(self, link: Link, campaign: Campaign, order: ExportOrder) -> ExportReport:
        out = order.place
        with self._handover(link, campaign, order) as handover:
            recovered = handover.roll_forward()
            notes = []
            if recovered is not None:
                notes.append(
                    f"Export {recovered.run} was interrupted, and is in place only now: {recovered.final}."
                )
                if recovered.final == str(out):
                    notes.append("Export again, once it is fetched, for what came since.")
                    return self._told(recovered, notes=notes)
            return await self._new(link, campaign, order, handover=handover, notes=notes)

    async def _new(
        self, link: Link, campaign: Campaign, order: ExportOrder, *, handover: Handover, notes: list[str]
    ) -> ExportReport:
        since = handover.since  # is asked for only: what is older and was not had yet is welcome
        out = order.place
        run, table = handover.begin(out, server_time=_server_time(link), awaits=order.awaits)
        self._progress.say(f"Export {run} of what changed since {since or 'the beginning'}.")
        with self.state.scratch() as scratch, Spool(scratch / "customers", order.choice.fits) as spool:
            gathered = await self._gathered(link, campaign, order, spool=spool, since=since)
            had = drop_had(spool, handover)
            survey = surveyed(spool, order)
            columns = fit_columns(survey, order)
            with drafted(table, then=_THEN) as temporary:
                write(temporary, spool, columns, order=order)
                put_in_place(temporary, table)
            versions = (Version.of(customer) for block in spool.blocks() for customer in block)
            stood = stamp(out) if out.exists() else []
            handover.prepare(
                run, versions=versions, rows=survey.rows, complete=not gathered.doubt, mode=_mode(out)
            )
            delivery = handover.deliver(run)
            notes += _moved_aside(out, stood)
            notes += [*notes_on(gathered, survey, order), *columns.notes]
            report = report_of(gathered, spool, order, survey=survey, columns=columns, notes=notes)
        return replace(
            report,
            run=run,
            status=delivery.status.value,
            since=since.isoformat() if since else "",
            had=had,
            left_out=max(report.left_out - had, 0),
            next=self._next(delivery),
        )

    def _told(
        self, delivery: Delivery, *, notes: Sequence[str], campaign: Campaign | None = None
    ) -> ExportReport:
        """What is known of an export that was made earlier."""
        return ExportReport(
            out=delivery.final,
            rows=delivery.rows,
            complete=delivery.complete,
            exit_code=0 if delivery.complete else 5,
            doubt="" if delivery.complete else "this was not certain when it was made",
            campaign=_ref(campaign) if campaign else None,
            run=delivery.run,
            status=delivery.status.value,
            notes=tuple(notes),
            next=self._next(delivery),
        )

    def _next(self, delivery: Delivery) -> str:
        waits = delivery.awaits and not delivery.acknowledged
        return f"obi export --ack {delivery.run}{self.repeat}" if waits else ""


def _ref(campaign: Campaign) -> CampaignRef:
    return CampaignRef(campaign.id, campaign.name, campaign.status or "", campaign.end_date or "")


def _check(order: ExportOrder) -> None:
    """Raise ConfigError for what can't be, before anything is asked of the server."""
    check_writable(order.place, rows=0, columns=0, option="--out")
    if order.incremental and (order.choice.since or order.choice.before):
        raise ConfigError(
            "An incremental export knows itself from when on it asks; leave out --modified-since and "
            "--modified-before, or --incremental."
        )
    if (order.awaits or order.name or order.margin != MARGIN) and not order.incremental:
        raise ConfigError(
            "An acknowledgement, a --name or a --margin belongs to --incremental; add it, or leave them out."
        )


def _mode(out: Path) -> int:
    """The permissions of what stands at ``out``; else for its owner, and for the group of a shared folder."""
    if out.exists():
        return input_mode(out)
    return 0o640 if out.parent.stat().st_mode & S_ISGID else 0o600


def _moved_aside(out: Path, stood: list[int]) -> Iterator[str]:
    """What became of the file that stood at ``out``, by its stamp, where it is still beside it."""
    for other in out.parent.glob(f"{escape(out.stem)}.*{escape(out.suffix)}") if stood else ():
        if other != out and stamp(other) == stood:
            yield f"What stood at {out} is {other.name} now."


def _server_time(link: Link) -> datetime:
    """The present time by the server's clock, as far as it told; rather a little too early."""
    return datetime.now(UTC) + timedelta(seconds=link.client.server_time_offset or 0)


def drop_had(spool: Spool, handover: Handover) -> int:
    """Take out whom the receiver has in this very state: how many."""
    dropped = 0
    for block in spool.blocks():
        had = [customer.id for customer in block if not handover.is_new(Version.of(customer))]
        spool.drop(had)
        dropped += len(had)
    return dropped


def surveyed(spool: Spool, order: ExportOrder) -> Survey:
    """All that must be known of the customers before their table can be written."""
    survey = Survey(order.names, script=order.script)
    for block in spool.blocks():
        survey.look_at(block)
    return survey


def fit_columns(survey: Survey, order: ExportOrder) -> Columns:
    """The table's columns. Raises OutputError where the file's form can't hold them, or a cell."""
    out = order.place
    ending = out.suffix.lower()
    columns = survey.columns(absent=None if ending in {".jsonl", ".parquet"} else "")
    check_writable(out, rows=survey.rows, columns=len(columns.headers), option="--out")
    if ending == ".xlsx" and survey.longest > SHEET_CELL:
        raise OutputError(
            f"A value has {survey.longest:,} characters, and a sheet's cell holds {SHEET_CELL:,}; "
            "export to .csv, .jsonl or .parquet."
        )
    return columns


def write(temporary: Path, spool: Spool, columns: Columns, *, order: ExportOrder) -> None:
    """Write the whole table into a file that is not in place yet."""
    ending = Path(order.out).suffix
    step = max(_CELLS // len(columns.headers), 1)
    with filled(temporary, columns.headers, ending=ending, plain=order.plain) as sink:
        for block in spool.blocks():
            for start in range(0, len(block), step):
                sink.write_rows(columns.cells(block[start : start + step]))
