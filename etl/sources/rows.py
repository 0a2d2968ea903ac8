"""Which records of an input are its rows: the one definition that survey and reader share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from etl.errors import InputError
from etl.records import LeftOut, SourceSpec

Record = tuple[int, list[str]]
"""The line (or sheet row) on which a record begins, and its cells."""
DataRecord = tuple[int, list[str], str]
"""A record that is a row: its line, one cell for each column of the header, and what makes it ragged."""
LeaveOut = Callable[[str, int], None]
"""Told the reason and the line of each record that is no row."""

_LINES_KEPT = 20


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


def find_header(records: Iterable[Record], *, label: str, header_row: int | None = None) -> Record:
    """The record that names the columns: the stated one, else the first that is not blank.

    InputError where there is none, or the stated row is blank or not there.
    """
    for line, cells in records:
        if header_row is not None and line != header_row:
            continue
        if not is_blank(cells):
            return line, cells
        if header_row is not None:
            raise InputError(
                f"{label}, line {line:,}: the header row that is stated is blank; mend header_row."
            )
    if header_row is not None:
        raise InputError(f"{label} has no record that begins on line {header_row:,}; mend header_row.")
    raise InputError(f"{label} has nothing but blank lines; export it again.")


def data_records(
    records: Iterable[Record],
    spec: SourceSpec,
    *,
    hidden_rows: frozenset[int] = frozenset(),
    leave_out: LeaveOut | None = None,
) -> Iterator[DataRecord]:
    """The rows among ``records``, which begin with the header's own record.

    No rows are: blank records, a repeated header, and hidden rows that are to be excluded. Text with more or
    fewer fields than its header is ragged; a sheet's cells have their places, so there only content beyond
    the header is. A row that was ragged in an earlier run says so in its ``obi_extra`` column.
    """
    tell = leave_out or (lambda _reason, _line: None)
    width = len(spec.header)
    names = [name.strip() for name in spec.header]
    extra_at = next((at for at, name in enumerate(names) if name.lower() == "obi_extra"), None)
    positional = spec.kind != "csv"
    hidden = hidden_rows if spec.hidden == "exclude" else frozenset[int]()
    rows = iter(records)
    next(rows, None)
    for line, cells in rows:
        # Nearly every record is the common case: the right width and a first cell that settles the rest.
        first = cells[0].strip() if cells else ""
        if not first or first == names[0]:
            if is_blank(cells):
                tell("blank", line)
                continue
            if [cell.strip() for cell in cells[:width]] == names and is_blank(cells[width:]):
                tell("repeated header", line)
                continue
        if hidden and line in hidden:
            tell("hidden", line)
            continue
        if len(cells) == width:
            yield line, cells, "" if extra_at is None else cells[extra_at]
        else:
            fitted, extra = _fit(cells, width, positional=positional)
            yield line, fitted, extra or ("" if extra_at is None else fitted[extra_at])


def _fit(cells: list[str], width: int, *, positional: bool) -> tuple[list[str], str]:
    """Exactly ``width`` cells, and what was beyond them or that some are missing."""
    missing = width - len(cells)
    if missing > 0:
        return cells + [""] * missing, "" if positional else f"({_fields(missing)} missing)"
    beyond = cells[width:]
    if is_blank(beyond):
        return cells[:width], "" if positional else f"({_fields(-missing)} too many, empty)"
    return cells[:width], " | ".join(cell for cell in beyond if cell or not positional)


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
