"""The reader: a surveyed input as numbered rows of raw text, one by one or as frames.

Cells are text exactly as written; nothing is stripped, guessed or filled. Rows are numbered from 1 over the
whole input, as a person counts records, and carry the line on which they begin.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.records import SourceRow, SourceSpec
from etl.sources import DataRecord, data_records, open_source

if TYPE_CHECKING:
    import pandas as pd

_FRAME_SIZE = 8_000_000
"""Characters that a frame holds at most, but for its last row."""


def rows(path: Path, spec: SourceSpec) -> Iterator[SourceRow]:
    """The input's rows in order, in bounded memory (of an xls, the sheet is in it).

    Raises InputError where the input is not what ``spec`` says; a survey has found it sound.
    """
    own = [at for at, _ in spec.columns]
    pick = itemgetter(*own) if len(own) > 1 else None
    with closing(_records(path, spec)) as records:
        for row, (line, cells, extra) in enumerate(records, 1):
            picked = pick(cells) if pick else tuple(cells[at] for at in own)
            yield SourceRow(row, line, picked, extra)


def frames(
    path: Path, spec: SourceSpec, *, chunk_rows: int = 10_000, chunk_cells: int = 250_000
) -> Iterator[pd.DataFrame]:
    """The same rows as frames of up to ``chunk_rows``, fewer where rows are wide or their cells long.

    The index ``row`` is the row's number (int64). Columns are the positions of ``spec.columns`` (``str``, an
    empty cell is ``""`` and never NA), then ``line`` (int64) and ``extra`` (``str``). Raises as ``rows``.
    """
    import pandas as pd  # noqa: PLC0415  -- a quarter of a second that rows() and --help need not pay

    own = [at for at, _ in spec.columns]
    width = len(spec.header)
    most = max(1, min(chunk_rows, chunk_cells // width))
    first = 1
    with closing(_records(path, spec)) as records:
        while True:
            # One flat list of all cells: ten thousand small ones would keep the garbage collector busy.
            lines: list[int] = []
            cells: list[str] = []
            extras: list[str] = []
            size = 0
            for line, row_cells, extra in islice(records, most):
                lines.append(line)
                cells.extend(row_cells)
                extras.append(extra)
                size += sum(map(len, row_cells))
                if size > _FRAME_SIZE:
                    break
            if not lines:
                return
            data: dict[int | str, Any] = {at: pd.array(cells[at::width], dtype="str") for at in own}
            data["line"] = pd.array(lines, dtype="int64")
            data["extra"] = pd.array(extras, dtype="str")
            yield pd.DataFrame(data, index=pd.RangeIndex(first, first + len(lines), name="row"))
            first += len(lines)


def _records(path: Path, spec: SourceSpec) -> Generator[DataRecord, None, None]:
    source = open_source(path, spec)
    records = source.records(spec.header_line)
    yield from data_records(records, spec, hidden_rows=source.hidden_rows)
