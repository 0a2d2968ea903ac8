"""Files as records: what the survey and the reader, who must not know each other, have in common."""

from __future__ import annotations

from collections.abc import Iterator, Set as AbstractSet
from pathlib import Path
from typing import Protocol

from etl.records import SourceSpec
from etl.sources.footer import FOOTER_ROWS, footer_line
from etl.sources.header import Fit, find_header, is_other_header
from etl.sources.rows import DataRecord, LeaveOut, LeftOutTally, Record, data_records, is_blank
from etl.sources.text import Text
from etl.sources.workbook import Sheet

__all__ = [
    "FOOTER_ROWS",
    "DataRecord",
    "Fit",
    "LeaveOut",
    "LeftOutTally",
    "Record",
    "Source",
    "data_records",
    "find_header",
    "footer_line",
    "is_blank",
    "is_other_header",
    "open_source",
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
