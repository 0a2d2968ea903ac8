"""The words that every stage speaks: frozen, serialisable, free of any library's types.

A stage takes some of these and gives others; nothing else passes between stages but the numbered
frames of the reader. ``row`` is always the number of a data row, from 1, as a person counts them;
``line`` is the file line where its record begins, or the sheet's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count, repeat
from typing import Any, NamedTuple

from msgspec import Struct, field


class RowStatus(StrEnum):
    """What became of a row: exactly one each. ``READY`` is ``check``'s word for what would be sent."""

    CREATED = "created"
    EXISTS = "exists"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"
    UNSENT = "unsent"
    UNKNOWN = "unknown"
    READY = "ready"


PASSING = frozenset(
    {RowStatus.CREATED, RowStatus.EXISTS, RowStatus.DUPLICATE, RowStatus.SUPPRESSED, RowStatus.READY}
)
"""A run whose rows are all of these ends with exit code 0."""

OPEN = frozenset({RowStatus.UNSENT, RowStatus.UNKNOWN})
"""Rows that ``resume`` goes on with."""


PREFIXED = frozenset("=+-@\t\r'＝＋－＠")  # noqa: RUF001  -- a spreadsheet runs the full-width forms too
"""First characters of a cell that get a protective ``'`` in CSV for spreadsheets, and lose it on input."""


class LeftOut(Struct, frozen=True):
    """Lines that are no rows, and why: ``blank``, ``repeated header``, ``title``, ``footer``, ``hidden``.

    ``count`` of them in all; ``lines`` are the numbers of the first twenty.
    """

    reason: str
    count: int
    lines: tuple[int, ...] = ()


class SourceSpec(Struct, frozen=True, kw_only=True):
    """What the survey found the input to be; with the bytes, all that the reader needs.

    ``kind`` is ``csv`` (any delimited text) or a workbook's ``xlsx``, ``xlsb``, ``xls``, ``ods``.
    ``header`` holds every column as written, in order, ``obi_*`` columns of an earlier results file
    too. ``evidence`` are the sentences that tell a person how it was recognised. ``fingerprint`` is the
    SHA-256 of the bytes as they came (still compressed), ``size`` their number. ``compression`` is empty,
    ``gzip`` or ``zip``. From ``end_line`` on, 0 for none, nothing is a row (a footer). ``trailing`` is the
    number of empty fields with which every record ends beyond the header's. ``spaced``: blanks between a
    delimiter and a quote are no text. ``first_column`` is a sheet's column, from 1, of the header's first
    cell; 0 is not known.
    """

    kind: str
    header: tuple[str, ...]
    header_line: int
    rows: int
    fingerprint: str
    size: int
    compression: str = ""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    first_column: int = 0
    unprefix: bool = False
    hidden: str = "refuse"
    hidden_columns: tuple[int, ...] = ()
    ragged: int = 0
    end_line: int = 0
    trailing: int = 0
    spaced: bool = False
    left_out: tuple[LeftOut, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[tuple[int, str], ...]:
        """The source's own columns as (position, header as written), without ``obi_*``."""
        return tuple(
            (at, name)
            for at, name in enumerate(self.header)
            if not name.strip().lower().startswith("obi_") and at not in self.hidden_columns
        )


class SourceRow(NamedTuple):
    """One row as it stands in the source: its own cells (``SourceSpec.columns``), and what makes it ragged.

    ``extra`` is empty for a sound row; else the fields beyond the header's joined with `` | ``, or a word
    about fields that are missing.
    """

    row: int
    line: int
    cells: Sequence[str]
    extra: str = ""


class SourceRows(Struct, frozen=True):
    """Rows that follow one another as they stand in the source, a list a column.

    ``first`` is the number of the first of them. ``cells``: position in ``SourceSpec.header`` → the cells of
    that column, for ``SourceSpec.columns`` in their order. ``lines`` and ``extras`` are as in ``SourceRow``.
    """

    first: int
    lines: list[int]
    cells: dict[int, list[str]]
    extras: list[str]

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[SourceRow]:
        cells = zip(*self.cells.values(), strict=True) if self.cells else repeat(())
        return map(SourceRow, count(self.first), self.lines, cells, self.extras)


class Fault(Struct, frozen=True, gc=False):
    """Why a value can't be used: a stable ``code`` (``phone.no_region``) and a sentence."""

    code: str
    reason: str


class Normal(Struct, frozen=True, gc=False):
    """A value in its normal form, and what had to be guessed or dropped on the way, if anything."""

    value: str
    warning: str = ""


class Customer(Struct, frozen=True, gc=False):
    """One row that passed every check, in the interface's terms, ready to be sent.

    ``numbers`` in priority order, at most three, in the form in which they are sent. ``date`` is ISO
    8601 in UTC with a ``Z``. Absent values are None and are not sent. ``external_id`` is never empty. The
    ``values`` of attributes stand in the order of their ``names``, which the rows of an input share; those
    that are empty are not sent.
    """

    row: int
    external_id: str
    numbers: tuple[str, ...]
    date: str | None = None
    agent_id: str | None = None
    dialing_mode: str | None = None
    preview_time: int | None = None
    priority: int | None = None
    time_zone: str | None = None
    names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    warning: str = ""

    @property
    def attributes(self) -> tuple[tuple[str, str], ...]:
        """The attributes that are sent, as (name, value)."""
        return tuple((name, value) for name, value in zip(self.names, self.values, strict=True) if value)


class Item(Struct, frozen=True, gc=False, array_like=True):
    """A customer as the very bytes that stand for it in a request, and what its sendings came to.

    Beside the ``body`` stands what its outcome will say of it: ``row``, ``external_id``, ``numbers`` (with
    ``;`` between them) and ``warning``; the body alone has the rest.

    ``in_doubt`` says that a sending may have been processed: it is looked up before it is sent again.
    ``sent_at`` is the first such sending and ``doubted_at`` the last, in POSIX seconds by our clock;
    ``offset`` is the server's clock minus ours as it was known then, None where it was not. ``said`` is the
    status with which the server said last that it did not create the row, 201 where it said that it did and
    the row was not found, 0 where it said neither.
    """

    row: int
    external_id: str
    numbers: str
    body: bytes
    warning: str = ""
    in_doubt: bool = False
    sent_at: float = 0.0
    doubted_at: float = 0.0
    offset: float | None = None
    said: int = 0


class Batch(Struct, frozen=True, kw_only=True):
    """What goes out in one request; ``attempts`` counts the sendings so far.

    ``origin`` is the number of the batch that it is a part of, 0 where it is a whole one.
    """

    number: int
    items: tuple[Item, ...]
    attempts: int = 0
    origin: int = 0

    @property
    def rows(self) -> tuple[int, ...]:
        """The source rows in this batch, in order."""
        return tuple(item.row for item in self.items)

    @property
    def in_doubt(self) -> bool:
        """Whether a row of it may have been processed."""
        return any([item.in_doubt for item in self.items])  # noqa: C419  -- a generator takes twice as long


class RowOutcome(Struct, frozen=True, array_like=True, gc=False):
    """The answer for one row; see the results columns of the same names.

    ``first_row`` is the row that a duplicate repeats. ``field`` is the source's header as written, or
    the customer field where there is no column. Journals keep the fields by their order: a new one comes
    last.
    """

    row: int
    status: RowStatus
    status_code: int | None = None
    id: str = ""
    external_id: str = ""
    numbers: str = ""
    field: str = ""
    code: str = ""
    error: str = ""
    warning: str = ""
    attempts: int = 0
    batch: int | None = None
    first_row: int | None = None


class CampaignRef(Struct, frozen=True):
    """The campaign of a run, as it was when the run began; ``end_date`` as the server wrote it."""

    id: str
    name: str
    status: str = ""
    end_date: str = ""

    def notes(self) -> list[str]:
        """What a person should know before loading into it."""
        try:
            end = datetime.fromisoformat(self.end_date)
        except ValueError:
            return []
        over = end < datetime.now(end.tzinfo)
        return [f"the campaign ended on {self.end_date[:10]}, so nobody in it is called"] if over else []


class SuppressionList(Struct, frozen=True, kw_only=True):
    """A do-not-call list as a run goes by it: this content, read in this way, whatever the file is later.

    ``name`` is the file's name, ``path`` the whole of it, ``asked`` the words that named it (``ids:FILE``).
    ``kind`` is ``numbers``, ``hashes`` or ``externalIds``; ``also_ids`` says that its digits may be ids as
    well, ``hashed`` that there are hashes in it. ``columns`` are those that were read, empty for a list
    without a header. ``entries`` counts what can be looked up, ``unreadable`` what can't, on
    ``unreadable_lines`` (the first few). ``region`` is that of national numbers in it. ``modified`` is the
    file's time, ISO 8601 in UTC, ``fingerprint`` the SHA-256 of its bytes, ``index`` the name of its index in
    the state folder.
    """

    name: str
    path: str
    asked: str
    kind: str
    entries: int
    fingerprint: str
    index: str
    modified: str = ""
    region: str = ""
    columns: tuple[str, ...] = ()
    unreadable: int = 0
    unreadable_lines: tuple[int, ...] = ()
    also_ids: bool = False
    hashed: bool = False

    def told(self) -> str:
        """What a person should know of a list that is used: how many entries of what, and how old."""
        kind = {"externalIds": "externalId", "hashes": "hashed number"}.get(self.kind, "number")
        kind += "s" if self.entries != 1 else ""
        if self.also_ids:
            kind += ", perhaps externalIds (numbers:FILE or ids:FILE says which)"
        columns = f" in {', '.join(self.columns)}" if self.columns else ""
        old = datetime.now(UTC) - datetime.fromisoformat(self.modified)
        lines = ", ".join(map(str, self.unreadable_lines))
        bad = f", {self.unreadable:,} of its entries not readable (line {lines})" if self.unreadable else ""
        return f"{self.name}: {self.entries:,} {kind}{columns}, {in_days(old.total_seconds())} old{bad}"


def in_days(seconds: float) -> str:
    """A time in days, or hours where it is less than two."""
    hours = max(round(seconds / 3_600), 0)
    if hours >= 48:
        return f"{hours // 24} days"
    return "1 hour" if hours == 1 else f"{hours} hours"


class Manifest(Struct, frozen=True, kw_only=True):
    """What a run is, frozen before its first row: resume and results go by this, never by today's settings.

    ``started`` is ISO 8601 in UTC. ``input`` is the path or URL as given, ``source`` the file that the
    reader reads (our spooled copy, or the input itself). ``profile`` and ``settings`` are plain data,
    without credentials. ``results`` and ``rejects`` are the paths that the run writes.
    ``asked_campaign`` and ``flags`` are the words that a further load of the same kind of input needs.
    ``lists`` are the do-not-call lists by their content, ``if_loaded`` is what is done where a suppressed
    row's customer is in the campaign from earlier.
    """

    run: str
    started: str
    input: str
    source: str
    base_url: str
    campaign: CampaignRef
    spec: SourceSpec
    profile: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, str]
    results: str
    rejects: str
    asked_campaign: str = ""
    flags: str = ""
    simulated: bool = False
    lists: tuple[SuppressionList, ...] = ()
    if_loaded: str = "warn"


class RunReport(Struct, frozen=True, kw_only=True):
    """The end of a run, for people and machines: the summary, ``--json``, and what ``load`` returns.

    ``counts`` holds every status that occurred and sums to ``rows`` when ``balanced``. ``stopped`` is the
    sentence that says what stopped the run, empty where it finished. ``next`` is the command that goes on
    from here. ``reasons`` are rows by ``obi_code``, the most frequent first; ``examples`` say each of them in
    a sentence, without the row's values. ``evidence`` tells what the input was taken for, ``mapping`` which
    columns were read as what. ``lists`` are the do-not-call lists that were used. ``seconds`` is
    wall time, ``retries`` the requests beyond the first for their content.
    """

    run: str
    command: str
    input: str
    campaign: CampaignRef | None
    rows: int
    counts: dict[str, int]
    balanced: bool
    exit_code: int
    resumed: bool = False
    stopped: str = ""
    results: str = ""
    rejects: str = ""
    left_out: tuple[LeftOut, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    mapping: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lists: tuple[SuppressionList, ...] = ()
    warnings: tuple[str, ...] = ()
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    rows_per_second: float = 0.0
    next: str = ""


def exit_code_of(counts: Mapping[RowStatus, int] | Mapping[str, int], *, stopped_by: int = 0) -> int:
    """Exit code of a run from its counts by status and, if something stopped it, that error's code."""
    present = {RowStatus(status) for status, count in counts.items() if count}
    codes = {stopped_by}
    if RowStatus.UNKNOWN in present:
        codes.add(10)
    if not present <= PASSING:
        codes.add(5)
    return _first_of((1, 2, 3, 4, 6, 7, 8, 9, 130, 10, 5), codes)


def worst_exit(codes: Iterable[int]) -> int:
    """Exit code of several runs, one after the other: the first non-zero of 130, 1 to 4, 6 to 9, 10, 5."""
    return _first_of((130, 1, 2, 3, 4, 6, 7, 8, 9, 10, 5), set(codes))


def _first_of(order: tuple[int, ...], codes: set[int]) -> int:
    return next((code for code in order if code in codes), 0)
