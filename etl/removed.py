"""What became of customers that somebody wanted to be deleted: an answer a row, the results, the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from etl.errors import EtlError, OutputError
from etl.files import files_of, make_way, stamp
from etl.obi.models import Campaign
from etl.outputs import check_writable, table
from etl.quoting import masked
from etl.records import CampaignRef
from etl.undone import NOBODY, Undone, UndoneRow, UndoStatus
from etl.wanted import Wanted, WantedList

REMOVAL_COLUMNS = (
    "obi_campaign",
    "obi_row",
    "obi_id",
    "obi_external_id",
    "obi_status",
    "obi_code",
    "obi_error",
)
_LISTED = 20
"""Rows that a report tells one by one; the results have all."""
_TOLD = frozenset({UndoStatus.KEPT, UndoStatus.FAILED, UndoStatus.ABSENT, UndoStatus.INVALID})
"""Rows whose customer is not deleted, or of which nobody knows who is meant: exit code 5."""


class Told(Struct, frozen=True):
    """A row whose customer was not deleted: what it names, masked, and why."""

    row: int
    named: str
    status: str
    error: str


class RemovalReport(Struct, frozen=True, kw_only=True):
    """The end of a removal, for people and machines.

    ``counts`` (``deleted``, ``gone``, ``kept``, ``failed``, ``absent``, ``duplicate``, ``invalid``; of a
    dry run ``would_delete``) sums to ``rows`` when ``balanced``. ``told`` are the first twenty rows whose
    customer was not deleted. ``named_by`` says by which columns customers were named. ``stopped`` is the
    sentence that says what stopped this.
    """

    campaign: CampaignRef
    input: str
    rows: int
    counts: dict[str, int]
    balanced: bool
    exit_code: int
    command: str = "customers delete"
    named_by: dict[str, str]
    dry_run: bool = False
    stopped: str = ""
    results: str = ""
    told: tuple[Told, ...] = ()
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    next: str = ""


def reference(campaign: Campaign) -> CampaignRef:
    """What a report keeps of a campaign."""
    return CampaignRef(campaign.id, campaign.name, campaign.status or "")


def nobody(wanted: Wanted, status: UndoStatus, code: str, error: str) -> UndoneRow:
    """The row of one that means nobody, by what it names."""
    name = wanted.external_id or wanted.either
    return UndoneRow(
        wanted.row, status, name, "", id=wanted.id if not wanted.either else "", code=code, error=error
    )


def answers(wanted: Iterable[Wanted], ledger: Undone) -> Iterator[UndoneRow]:
    """What became of each row, in order, in a report's words."""
    known = ledger.rows()
    found = next(known, None)
    for each in wanted:
        while found and found.row < each.row:
            found = next(known, None)
        if found and found.row == each.row:
            yield in_words(found)
        else:
            yield nobody(each, UndoStatus.FAILED, "not_looked_at", "not looked at yet: the work ended first")


def in_words(row: UndoneRow) -> UndoneRow:
    """A row that the work left open as ``failed``, with what is known of it."""
    if row.status is UndoStatus.PLANNED:
        told = row.error or "not deleted yet: the work ended first"
        return replace(row, status=UndoStatus.FAILED, error=told)
    if row.status is UndoStatus.SENT:
        told = row.error or "its deletion had no answer yet: the work ended first"
        return replace(row, status=UndoStatus.FAILED, error=told)
    return row


def results_of(wanted: WantedList, given: str) -> Path | None:
    """Where the answers go. Raises OutputError where they could not be written."""
    source = wanted.input
    if not (given or source):
        return None
    path = files_of(source or "-", results=given, word="deleted").results
    if source and source != "-" and path.exists() and path.samefile(source):
        raise OutputError(f"{path} is the input itself; name another file.")
    check_writable(path, rows=wanted.rows, columns=len(REMOVAL_COLUMNS))
    return path


def publish(wanted: WantedList, campaign: Campaign, ledger: Undone, *, results: Path, plain: bool) -> None:
    """Write the results where nobody else's file is; those of an earlier sitting are replaced."""
    wrote = f"wrote {results}"
    if results.exists() and ledger.fact(wrote) != str(stamp(results)):
        make_way(results)
    mode = files_of(wanted.input or "-").mode
    with table(results, REMOVAL_COLUMNS, plain=plain, mode=mode) as sink:
        for row in answers(wanted, ledger):
            sink.write(
                (campaign.name, row.row, row.id, row.external_id, row.status.value, _code(row), row.error)
            )
    ledger.note_fact(wrote, str(stamp(results)))


def _code(row: UndoneRow) -> str:
    """The reason for machines; what the ledger needs for itself is none."""
    return (
        row.code
        if row.status in {UndoStatus.KEPT, *NOBODY} or row.code in {"refused", "not_looked_at"}
        else ""
    )


def report(
    wanted: WantedList, campaign: Campaign, ledger: Undone, *, stopped: EtlError | None
) -> RemovalReport:
    """The report of what the ledger says of the rows; ``stopped`` is what stopped the work."""
    counts: Counter[str] = Counter()
    told: list[Told] = []
    for row in answers(wanted, ledger):
        counts[row.status.value] += 1
        if row.status in _TOLD and len(told) < _LISTED:
            told.append(Told(row.row, masked(row.external_id or row.id), row.status.value, row.error))
    left = any(counts[status] for status in _TOLD)
    return RemovalReport(
        campaign=reference(campaign),
        input=wanted.input,
        rows=wanted.rows,
        counts=dict(sorted(counts.items())),
        balanced=sum(counts.values()) == wanted.rows,
        exit_code=stopped.exit_code if stopped else 5 if left else 0,
        named_by=wanted.columns,
        stopped=str(stopped or ""),
        told=tuple(told),
    )
