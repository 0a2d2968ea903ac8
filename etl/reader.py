"""The reader: a surveyed input as numbered rows of raw text, one by one, by columns or as frames.

Cells are text exactly as written; nothing is stripped, guessed or filled. Rows are numbered from 1 over the
whole input, as a person counts records, and carry the line on which they begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.records import SourceRow, SourceRows, SourceSpec
from etl.sources import GROUP_ROWS, GROUP_SIZE, open_source, rows_of

if TYPE_CHECKING:
    import pandas as pd

_CHUNK_SIZE = 8_000_000
"""Characters that a chunk holds at most, but for its last row."""


def rows(path: Path, spec: SourceSpec) -> Iterator[SourceRow]:
    """The input's rows in order, in bounded memory (of an xls, the sheet is in it).

    Raises InputError where the input is not what ``spec`` says; a survey has found it sound.
    """
    return chain.from_iterable(groups(path, spec))


def groups(
    path: Path, spec: SourceSpec, *, rows: int = GROUP_ROWS, cells: int = 100_000, size: int = GROUP_SIZE
) -> Iterator[SourceRows]:
    """The same rows by columns: up to ``rows`` of them, of up to ``cells`` cells.

    A group ends where its cells have more than ``size`` characters together. Raises as ``rows``.
    """
    own = [at for at, _ in spec.columns]
    width = len(spec.header)
    most = max(1, min(rows, cells // width))
    # Read by a few hundred: ten thousand lists of cells would keep the garbage collector busy.
    step = min(most, GROUP_ROWS)
    lines: list[int] = []
    flat: list[str] = []
    extras: list[str] = []
    first, held = 1, 0
    with closing(rows_of(open_source(path, spec), spec, rows=step, size=size)) as parts:
        for part in parts:
            texts = list(chain.from_iterable(part.cells))
            held += len("".join(texts))
            lines += part.lines
            flat += texts
            extras += part.extras
            if len(lines) + step > most or held > size:
                yield SourceRows(first, lines, {at: flat[at::width] for at in own}, extras)
                first += len(lines)
                lines, flat, extras, held = [], [], [], 0
    if lines:
        yield SourceRows(first, lines, {at: flat[at::width] for at in own}, extras)


def chunks(
    path: Path, spec: SourceSpec, *, chunk_rows: int = 10_000, chunk_cells: int = 250_000
) -> Iterator[SourceRows]:
    """The same in groups of up to ``chunk_rows``, as they are decided; fewer where rows are wide or long."""
    return groups(path, spec, rows=chunk_rows, cells=chunk_cells, size=_CHUNK_SIZE)


def frames(
    path: Path, spec: SourceSpec, *, chunk_rows: int = 10_000, chunk_cells: int = 250_000
) -> Iterator[pd.DataFrame]:
    """The same chunks as frames, for whoever works on raw rows in pandas.

    The index ``row`` is the row's number (int64). Columns are the positions of ``spec.columns`` (``str``, an
    empty cell is ``""`` and never NA), then ``line`` (int64) and ``extra`` (``str``). Raises as ``rows``.
    """
    return map(frame_of, chunks(path, spec, chunk_rows=chunk_rows, chunk_cells=chunk_cells))


def frame_of(group: SourceRows) -> pd.DataFrame:
    """A group as a frame."""
    import pandas as pd  # noqa: PLC0415  -- a quarter of a second that rows() and --help need not pay

    data: dict[int | str, Any] = {at: pd.array(cells, dtype="str") for at, cells in group.cells.items()}
    data["line"] = pd.array(group.lines, dtype="int64")
    data["extra"] = pd.array(group.extras, dtype="str")
    return pd.DataFrame(data, index=pd.RangeIndex(group.first, group.first + len(group), name="row"))
