"""The reader: a surveyed input as numbered rows of raw text, one by one or as frames.

Cells are text exactly as written; nothing is stripped, guessed or filled. Rows are numbered from 1 over the
whole input, as a person counts records, and carry the line on which they begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from etl.records import SourceSpec
from etl.sources import DataRecord, data_records, open_source

if TYPE_CHECKING:
    import pandas as pd


class SourceRow(NamedTuple):
    """A row of the input: its number, its line, the source's own cells, and what makes it ragged.

    ``cells`` are in the order of ``SourceSpec.columns``. ``extra`` is empty for a sound row; else the fields
    beyond the header's joined with `` | ``, ``(2 fields missing)``, or what an earlier run said.
    """

    row: int
    line: int
    cells: tuple[str, ...]
    extra: str


def rows(path: Path, spec: SourceSpec) -> Iterator[SourceRow]:
    """The input's rows in order, in bounded memory (a workbook's sheet is held by its library).

    Raises InputError where the input is not what ``spec`` says; a survey has found it sound.
    """
    own = [at for at, _ in spec.columns]
    pick = itemgetter(*own) if len(own) > 1 else None
    with closing(_records(path, spec)) as records:
        for row, (line, cells, extra) in enumerate(records, 1):
            picked = pick(cells) if pick else tuple(cells[at] for at in own)
            yield SourceRow(row, line, picked, extra)


def frames(path: Path, spec: SourceSpec, *, chunk_rows: int = 10_000) -> Iterator[pd.DataFrame]:
    """The same rows as frames of up to ``chunk_rows``.

    The index ``row`` is the row's number (int64). Columns are the positions of ``spec.columns`` (``str``, an
    empty cell is ``""`` and never NA), then ``line`` (int64) and ``extra`` (``str``). Raises as ``rows``.
    """
    own = [at for at, _ in spec.columns]
    first = 1
    with closing(_records(path, spec)) as records:
        while chunk := list(islice(records, chunk_rows)):
            yield _frame(chunk, own, first)
            first += len(chunk)


def _frame(chunk: list[DataRecord], own: list[int], first: int) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415  -- a quarter of a second that rows() and --help need not pay

    lines, records, extras = zip(*chunk, strict=True)
    columns = list(zip(*records, strict=True))
    index = pd.RangeIndex(first, first + len(chunk), name="row")
    data: dict[int | str, object] = {at: pd.array(columns[at], dtype="str") for at in own}
    data["line"] = pd.array(lines, dtype="int64")
    data["extra"] = pd.array(extras, dtype="str")
    return pd.DataFrame(data, index=index)


def _records(path: Path, spec: SourceSpec) -> Iterator[DataRecord]:
    source = open_source(path, spec)
    records = source.records(spec.header_line)
    yield from data_records(records, spec, hidden_rows=source.hidden_rows)
