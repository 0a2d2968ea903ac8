"""Which records of an input are its rows: the one definition that survey and reader share."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable, Sequence, Set as AbstractSet
from itertools import islice
from typing import NamedTuple

from etl.errors import InputError
from etl.records import LeftOut, SourceSpec

Record = tuple[int, list[str]]
"""The line (or sheet row) on which a record begins, and its cells."""
DataRecord = tuple[int, list[str], str]
"""A record that is a row: its line, one cell for each column of the header, and what makes it ragged."""
GROUP_ROWS = 500
"""Records in a group, at most: fewer than make the collector of cycles look, as Python sets it (700)."""
GROUP_SIZE = 1 << 20
"""Characters in a group, at most but for its last record."""


class Records(NamedTuple):
    """Consecutive records: what a ``Record`` says, a list each."""

    lines: list[int]
    cells: list[list[str]]


class DataRecords(NamedTuple):
    """Rows that follow one another: what a ``DataRecord`` says, a list each."""

    lines: list[int]
    cells: list[list[str]]
    extras: list[str]


LeaveOut = Callable[[str, int], None]
"""Told the reason and the line of each record that is no row."""

_LINES_KEPT = 20
_IGNORED = re.compile(r"[\s_\ufeff\u200b-]+")


class LeftOutTally:
    """Counts what is left out by reason, and keeps the first twenty lines of each."""

    def __init__(self) -> None:
        self._lines: dict[str, list[int]] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, reason: str, line: int) -> None:
        """Count one more."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        lines = self._lines.setdefault(reason, [])
        if len(lines) < _LINES_KEPT:
            lines.append(line)

    def result(self) -> tuple[LeftOut, ...]:
        """What was left out, in the order in which the reasons turned up."""
        return tuple(
            LeftOut(reason, count, tuple(self._lines[reason])) for reason, count in self._counts.items()
        )


def is_blank(cells: Iterable[str]) -> bool:
    """Whether a record has no cells, or only empty and white ones."""
    return not "".join(cells).strip()


def in_groups(
    records: Iterable[Record], *, rows: int = GROUP_ROWS, size: int = GROUP_SIZE
) -> Generator[Records, None, None]:
    """``records`` by up to ``rows``, fewer where their cells are longer than ``size`` characters together.

    The first, which is the header mostly, comes alone; what ``records`` raises after those before it.
    """
    given = iter(records)
    wanted = 1
    broken: InputError | None = None
    while broken is None:
        group = Records([], [])
        held = 0
        try:
            for line, cells in islice(given, wanted):
                group.lines.append(line)
                group.cells.append(cells)
                held += sum(map(len, cells))
                if held > size:
                    break
        except InputError as error:
            broken = error
        wanted = rows
        if group.lines:
            yield group
        elif broken is None:
            return
    raise broken


def data_records(
    groups: Iterable[Records],
    spec: SourceSpec,
    *,
    hidden_rows: AbstractSet[int] = frozenset(),
    leave_out: LeaveOut | None = None,
) -> Generator[DataRecords, None, None]:
    """The rows in each of ``groups``, the first of which is the header's own record.

    No rows are: blank records, a repeated header, the footer, and hidden rows that are to be excluded. Text
    with more or fewer fields than its header is ragged, but for delimiters that end every record; a sheet's
    cells have their places, so there only content beyond the header is. A row that was ragged in an earlier
    run says so in its ``obi_extra`` column. A group without any row is not given.
    """
    rules = _Rules(spec, hidden_rows, leave_out or (lambda _reason, _line: None))
    for lines, cells in islice(groups, 1, None):
        is_over = lines[-1] >= rules.end
        if not is_over and rules.are_plain(cells):
            found = DataRecords(lines, cells, rules.said(cells))
        else:
            found = rules.sifted(lines, cells)
        if found.lines:
            yield found
        if is_over:
            return


class _Rules:
    """What is a row of an input that ``spec`` describes."""

    def __init__(self, spec: SourceSpec, hidden_rows: AbstractSet[int], tell: LeaveOut) -> None:
        self.end = spec.end_line or sys.maxsize
        self._width = len(spec.header)
        self._trailing = spec.trailing
        self._keys = [_key(name) for name in spec.header]
        self._extra_at = next(
            (at for at, name in enumerate(spec.header) if name.strip().lower() == "obi_extra"), None
        )
        self._initials = {"\ufeff", *_initials(spec.header[0])}
        self._positional = spec.kind != "csv"
        self._hidden = hidden_rows if spec.hidden == "exclude" else frozenset[int]()
        self._tell = tell

    def are_plain(self, records: Sequence[list[str]]) -> bool:
        """Whether all are rows at a glance: as wide as the header, none blank and none like the header."""
        if self._hidden or set(map(len, records)) != {self._width}:
            return False
        heads = {cells[0][:1] for cells in records}
        return heads.isdisjoint(self._initials) and "" not in heads and not any(map(str.isspace, heads))

    def said(self, records: Sequence[list[str]]) -> list[str]:
        """What an earlier run said of records of the right width."""
        at = self._extra_at
        return [""] * len(records) if at is None else [cells[at] for cells in records]

    def sifted(self, lines: Iterable[int], records: Iterable[list[str]]) -> DataRecords:
        """The rows among records, each looked at."""
        found = DataRecords([], [], [])
        for line, cells in zip(lines, records, strict=True):
            if line >= self.end:
                break
            if reason := self._no_row(line, cells):
                self._tell(reason, line)
                continue
            fitted, extra = self._fitted(cells)
            found.lines.append(line)
            found.cells.append(fitted)
            found.extras.append(extra)
        return found

    def _no_row(self, line: int, cells: list[str]) -> str:
        """Why a record is no row, empty where it is one."""
        first = cells[0].strip() if cells else ""
        if not first and is_blank(cells):
            return "blank"
        if (not first or first[0] in self._initials) and _repeats(cells, self._keys):
            return "repeated header"
        return "hidden" if line in self._hidden else ""

    def _fitted(self, cells: list[str]) -> tuple[list[str], str]:
        """A row's cells, one for each column, and what makes it ragged."""
        width = self._width
        extra = ""
        if len(cells) != width:
            if self._trailing and len(cells) == width + self._trailing and is_blank(cells[width:]):
                del cells[width:]
            cells, extra = _fit(cells, width, positional=self._positional)
        return cells, extra or ("" if self._extra_at is None else cells[self._extra_at])


def _repeats(cells: list[str], keys: list[str]) -> bool:
    """Whether a record is the header once more, also where it is spelled in another way."""
    if not cells:
        return False
    first = cells[0].strip()
    if first[:1] == "\ufeff":
        # Files put together have the mark of the second in their midst, where a quote after it is no quote.
        first = first.lstrip("\ufeff").strip().strip('"')
    if _key(first) != keys[0]:
        return False
    width = len(keys)
    return [_key(cell) for cell in cells[1:width]] == keys[1:] and is_blank(cells[width:])


def _key(name: str) -> str:
    """A column's name as headers match: case, white, ``_`` and ``-`` are ignored, unless nothing is left."""
    stripped = name.strip()
    return _IGNORED.sub("", stripped).casefold() or stripped


def _initials(name: str) -> set[str]:
    """With which characters a cell of the same name may begin."""
    stripped = name.strip()
    bare = _IGNORED.sub("", stripped) or stripped
    return {"_", "-", *bare[:1].lower(), *bare[:1].upper(), *bare[:1]}


def _fit(cells: list[str], width: int, *, positional: bool) -> tuple[list[str], str]:
    """Exactly ``width`` cells, and what was beyond them or that some are missing."""
    missing = width - len(cells)
    if not missing:
        return cells, ""
    if missing > 0:
        return cells + [""] * missing, "" if positional else too_few(missing)
    beyond = cells[width:]
    if is_blank(beyond):
        return cells[:width], "" if positional else too_many(-missing)
    return cells[:width], " | ".join(cell for cell in beyond if cell or not positional)


def too_few(count: int) -> str:
    """What makes a row ragged that lacks ``count`` fields."""
    return f"({_fields(count)} missing)"


def too_many(count: int) -> str:
    """What makes a row ragged that has ``count`` fields beyond the header's, all of them empty."""
    return f"({_fields(count)} too many, empty)"


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def line_ends(text: str) -> int:
    """How many lines of a file end inside of ``text``: CR, LF and CRLF end one each."""
    return text.count("\n") + text.count("\r") - text.count("\r\n") if "\n" in text or "\r" in text else 0
