"""The words of a check: what it found, beside the report that every run has.

Everything here is plain data. It holds cells of the input as they stand there, which are people's data: a
report of a check is shown to who checks, and kept nowhere.
"""

from __future__ import annotations

from msgspec import Struct, field

from etl.records import RunReport


class ColumnUse(Struct, frozen=True, kw_only=True):
    """What a column of the input is read as.

    ``field`` is the customer field (``externalId``, ``numbers``, ``date``, …), ``do not call`` or ``call
    allowed``, ``attribute`` for what agents see under ``name``, or empty. ``also`` are words about what it
    decides beside that (``region``, ``a rule that suppresses``, …). A column without either is not read.
    ``rank`` counts columns of the same field in priority order, from 1. ``guess`` says by what it was
    recognised and how sure that is, where that was not certain. ``never_dialled`` marks a column that looks
    like phone numbers and is no source of numbers.
    """

    header: str
    field: str = ""
    also: tuple[str, ...] = ()
    name: str = ""
    rank: int = 1
    guess: str = ""
    never_dialled: bool = False


class PreviewRow(Struct, frozen=True, kw_only=True):
    """One row before and after.

    ``cells`` are the input's, one a column of ``CheckReport.columns``. ``sent`` is what ``load`` would send,
    by the interface's names, and ``attributes`` likewise; both are empty where nothing would be sent, and
    ``reason`` says why.
    """

    row: int
    line: int
    status: str
    cells: tuple[str, ...]
    sent: dict[str, str | int] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    warning: str = ""


class Example(Struct, frozen=True, kw_only=True):
    """A row that stands for others like it: where it is, and the cell that the ``reason`` is about."""

    row: int
    line: int
    column: str
    value: str
    reason: str


class Reason(Struct, frozen=True, kw_only=True):
    """Why rows are not ``ready``, or what is to be known of rows that are.

    ``code`` is the row's ``obi_code``; of a warning it is the sentence without the row's values, and
    ``status`` is empty. ``rows`` is how many there are, ``examples`` are the first three of them.
    """

    code: str
    status: str
    rows: int
    examples: tuple[Example, ...]


class Standing(Struct, frozen=True, kw_only=True):
    """What the campaign holds, beside what would be loaded into it.

    ``customers`` is how many it has, None where the server does not tell. ``exists`` counts the ``ready``
    rows whose externalId is there, ``loaded`` the ``suppressed`` ones. What else is told of the campaign is
    told of its ``looked_at`` first customers: ``forms`` counts their numbers by how they are written (``+``,
    ``00``, ``0``, ``other``), ``own_forms`` those of the first rows that would be sent; ``new`` attributes
    are on none of these customers, ``missing`` ones are in no row, ``near`` pairs (ours, theirs) are probably
    the same.
    """

    name: str
    status: str
    dialing_mode: str
    customers: int | None
    exists: int = 0
    loaded: int = 0
    looked_at: int = 0
    forms: dict[str, int] = field(default_factory=dict)
    own_forms: dict[str, int] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    near: tuple[tuple[str, str], ...] = ()


class CheckReport(RunReport, frozen=True, kw_only=True):
    """The report of a check: that of a run, and what a person wants to see before there is one.

    ``sheet`` is the one that was read, empty for a text. ``profile`` is the name of the mapping profile,
    ``region`` that of national numbers (empty: they are refused). ``columns`` are the input's in their order.
    ``preview`` shows the first rows before and after. ``found`` are the reasons of rows that are not ready,
    ``cautions`` the warnings of all rows, the most frequent first. ``bodies`` are the first customers exactly
    as ``load`` would send them (JSON, or XML where that is set), in their order, as many as were asked for.
    ``standing`` is there where a campaign was named.
    """

    sheet: str = ""
    profile: str = ""
    region: str = ""
    columns: tuple[ColumnUse, ...] = ()
    preview: tuple[PreviewRow, ...] = ()
    found: tuple[Reason, ...] = ()
    cautions: tuple[Reason, ...] = ()
    bodies: tuple[str, ...] = ()
    standing: Standing | None = None
