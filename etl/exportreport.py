"""What is asked of an export, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from msgspec import Struct, field

from etl.exportchoice import Choice
from etl.exportgather import Gathered
from etl.exportspool import Spool
from etl.exporttable import Columns, Survey
from etl.handover import MARGIN
from etl.namesback import NamesBack
from etl.quoting import counted
from etl.records import CampaignRef


class ExportOrder(Struct, frozen=True, kw_only=True):
    """What is asked: a campaign by its name or id, to a file whose ending says its form.

    ``choice`` says whom; ``script`` adds script answers; ``names`` are the CRM's own. ``incremental`` gives
    what the receiver does not have yet: ``name`` tells several receivers apart, ``awaits`` waits for an
    acknowledgement, ``margin`` is how far before the last time it asks.
    """

    campaign: str
    out: str
    choice: Choice = field(default_factory=Choice)
    script: bool = False
    names: NamesBack = field(default_factory=NamesBack)
    plain: bool = False
    incremental: bool = False
    name: str = ""
    awaits: bool = False
    margin: timedelta = MARGIN
    simulate: bool = False

    @property
    def place(self) -> Path:
        """``out`` as a whole path."""
        return Path(self.out).absolute()


class ExportReport(Struct, frozen=True, kw_only=True):
    """The end of an export, for people and machines.

    ``rows`` customers are in ``out``. ``complete``: nobody whom the filters mean, and who was there the whole
    time, is missing; otherwise ``doubt`` says why that is not certain. ``total_before`` and ``total_after``
    are the campaign's own counts of all its customers. ``left_out`` were met although the
    filters do not mean them, ``had`` were left out because the receiver has them, ``deleted`` went while it
    was read. ``run`` names an incremental export, ``since`` is from when on it asked. ``notes`` are sentences
    that a person should know. ``status`` is how far an incremental export has come.
    """

    out: str
    rows: int
    complete: bool
    exit_code: int
    campaign: CampaignRef | None = None
    command: str = "export"
    run: str = ""
    status: str = ""
    doubt: str = ""
    filters: dict[str, str] = field(default_factory=dict)
    since: str = ""
    columns: int = 0
    total_before: int | None = None
    total_after: int | None = None
    walks: int = 0
    left_out: int = 0
    had: int = 0
    deleted: int = 0
    notes: tuple[str, ...] = ()
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    next: str = ""


def report_of(
    gathered: Gathered,
    spool: Spool,
    order: ExportOrder,
    *,
    survey: Survey,
    columns: Columns,
    notes: Sequence[str],
) -> ExportReport:
    """The report of an export whose table is written."""
    doubt = "; ".join(filter(None, (gathered.doubt, _unreadable(survey))))
    return ExportReport(
        out=str(order.place),
        rows=survey.rows,
        complete=not doubt,
        exit_code=5 if doubt else 0,
        doubt=doubt,
        columns=len(columns.headers),
        total_before=gathered.before,
        total_after=gathered.after,
        walks=gathered.walks,
        left_out=spool.size() - survey.rows - gathered.deleted,
        deleted=gathered.deleted,
        notes=tuple(notes),
    )


def _unreadable(survey: Survey) -> str:
    """What was in the server's answers and is not in the table, empty if nothing."""
    if not survey.odd:
        return ""
    fields = ", ".join(sorted(survey.odd_fields))
    return (
        f"{counted(survey.odd, 'customer')} had values that can't be read ({fields}), whose cells are empty"
    )


def notes_on(gathered: Gathered, survey: Survey, order: ExportOrder) -> Iterator[str]:
    """What a person should know of how the rows came together."""
    if gathered.ignored:
        yield "The server took no notice of a filter and gave others too; they are left out."
    if gathered.deleted:
        yield f"{counted(gathered.deleted, 'customer')} went while the campaign was read, and are left out."
    if gathered.not_met:
        yield (
            f"{counted(gathered.not_met, 'customer')} were met at first and not at the end: they are in the "
            "file, and may not be in the campaign any more."
        )
    if gathered.before != gathered.after and None not in {gathered.before, gathered.after}:
        yield (
            f"The campaign had {counted(gathered.before or 0, 'customer')} when this began and "
            f"{gathered.after or 0:,} when it ended: who came or went meanwhile may be in the file."
        )
    if survey.dateless and (order.choice.since or order.choice.before):
        yield (
            f"{counted(survey.dateless, 'customer')} without a modificationDate that can be read: they are "
            "in the file whatever time was asked for."
        )
    if survey.derived:
        yield (
            f"{counted(survey.derived, 'customer')} had no id in the input: theirs was made of the number, "
            "and only by that can they be joined."
        )
    if survey.foreign:
        yield (
            f"{counted(survey.foreign, 'externalId')} without the prefix {order.names.prefix!r} of the "
            "profile; they are left whole."
        )
