"""Files as records: what the survey and the reader, who must not know each other, have in common."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Set as AbstractSet
from contextlib import closing
from pathlib import Path
from typing import Protocol

from etl.records import SourceSpec
from etl.sources.footer import FOOTER_ROWS, footer_line
from etl.sources.header import Fit, find_header, is_other_header
from etl.sources.rows import (
    GROUP_ROWS,
    GROUP_SIZE,
    DataRecord,
    DataRecords,
    LeaveOut,
    LeftOutTally,
    Record,
    Records,
    data_records,
    in_groups,
    is_blank,
)
from etl.sources.text import Text
from etl.sources.workbook import Sheet

__all__ = [
    "FOOTER_ROWS",
    "GROUP_ROWS",
    "GROUP_SIZE",
    "DataRecord",
    "DataRecords",
    "Fit",
    "LeaveOut",
    "LeftOutTally",
    "Record",
    "Records",
    "Source",
    "data_records",
    "find_header",
    "footer_line",
    "in_groups",
    "is_blank",
    "is_other_header",
    "open_source",
    "rows_of",
]


class Source(Protocol):
    """An input of which it is known how to read it.

    ``hidden_rows`` are numbered as its records are; a row is among them before its record is given.
    """

    label: str

    @property
    def hidden_rows(self) -> AbstractSet[int]: ...  # noqa: D102

    def records(self, first: int) -> Iterator[Record]:
        """All records from the line or sheet row ``first`` on."""
        ...


def rows_of(
    source: Source,
    spec: SourceSpec,
    *,
    rows: int = GROUP_ROWS,
    size: int = GROUP_SIZE,
    leave_out: LeaveOut | None = None,
) -> Generator[DataRecords, None, None]:
    """The rows of ``source``, which is what ``spec`` says, by up to ``rows`` of them.

    A group has fewer rows where records among them are none (``data_records``), and where they have more than
    ``size`` characters. ``leave_out`` is told of records that are no rows.
    """
    first = spec.header_line
    if isinstance(source, Text):
        groups = source.groups(first, rows=rows, size=size)
    else:
        groups = in_groups(source.records(first), rows=rows, size=size)
    with closing(groups):
        yield from data_records(groups, spec, hidden_rows=source.hidden_rows, leave_out=leave_out)


def open_source(path: Path, spec: SourceSpec, *, label: str = "") -> Source:
    """The source that ``spec`` describes; ``label`` is what errors call it. Raises InputError."""
    label = label or path.name
    if spec.kind != "csv":
        return Sheet(path, label=label, kind=spec.kind, name=spec.sheet, first_column=spec.first_column)
    return Text(
        path,
        label=label,
        compression=spec.compression,
        encoding=spec.encoding,
        delimiter=spec.delimiter,
        unprefix=spec.unprefix,
        spaced=spec.spaced,
    )
