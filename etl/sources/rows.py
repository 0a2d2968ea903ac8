"""Which records of an input are its rows: the one definition that survey and reader share."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable, Set as AbstractSet

from etl.records import LeftOut, SourceSpec

Record = tuple[int, list[str]]
"""The line (or sheet row) on which a record begins, and its cells."""
DataRecord = tuple[int, list[str], str]
"""A record that is a row: its line, one cell for each column of the header, and what makes it ragged."""
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


def data_records(
    records: Iterable[Record],
    spec: SourceSpec,
    *,
    hidden_rows: AbstractSet[int] = frozenset(),
    leave_out: LeaveOut | None = None,
) -> Generator[DataRecord, None, None]:
    """The rows among ``records``, which begin with the header's own record.

    No rows are: blank records, a repeated header, the footer, and hidden rows that are to be excluded. Text
    with more or fewer fields than its header is ragged, but for delimiters that end every record; a sheet's
    cells have their places, so there only content beyond the header is. A row that was ragged in an earlier
    run says so in its ``obi_extra`` column.
    """
    tell = leave_out or (lambda _reason, _line: None)
    width = len(spec.header)
    keys = [_key(name) for name in spec.header]
    extra_at = next((at for at, name in enumerate(spec.header) if name.strip().lower() == "obi_extra"), None)
    initials = {"\ufeff", *_initials(spec.header[0])}
    positional = spec.kind != "csv"
    hidden = hidden_rows if spec.hidden == "exclude" else frozenset[int]()
    end = spec.end_line or sys.maxsize
    rows = iter(records)
    next(rows, None)
    for line, cells in rows:
        if line >= end:
            return
        # Nearly every record is the common case: the right width and a first cell that settles the rest.
        first = cells[0].strip() if cells else ""
        if not first or first[0] in initials:
            if not first and is_blank(cells):
                tell("blank", line)
                continue
            if _repeats(cells, keys):
                tell("repeated header", line)
                continue
        if hidden and line in hidden:
            tell("hidden", line)
            continue
        if len(cells) == width:
            yield line, cells, "" if extra_at is None else cells[extra_at]
        else:
            if spec.trailing and len(cells) == width + spec.trailing and is_blank(cells[width:]):
                del cells[width:]
            fitted, extra = _fit(cells, width, positional=positional)
            yield line, fitted, extra or ("" if extra_at is None else fitted[extra_at])


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
