"""Tables on their way out: CSV, xlsx, JSON lines or parquet by a path's ending, never half in place.

A file is written under a temporary name beside its place, made durable, and then moved there.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from etl.csvlines import Cell, csv_lines
from etl.errors import DiskFullError, OutputError
from etl.records import PREFIXED

ENDINGS = (".csv", ".xlsx", ".jsonl", ".parquet")
SHEET_ROWS = 1_048_575
"""Data rows that a sheet holds below its header (the limit of Excel's file format)."""
SHEET_COLUMNS = 16_384
SHEET_CELL = 32_767
"""Characters that a cell of a sheet holds (the same)."""
_CUT = " … (cut: a sheet's cell holds no more)"
_GROUP = 10_000


class Table(Protocol):
    """Takes rows in order. ``fault`` is the position of the cell that ``note`` explains, None for none."""

    def write(self, cells: Sequence[Cell], *, fault: int | None = None, note: str = "") -> None:
        """Add one row, a cell for each column."""

    def write_rows(
        self, cells: Sequence[Sequence[Cell]], *, faults: Sequence[int | None] = (), notes: Sequence[str] = ()
    ) -> None:
        """Add rows by columns: the cells of each of them, as many as there are rows.

        ``faults`` and ``notes``, if any, are one a row.
        """

    def close(self) -> None:
        """Finish the file."""


def check_writable(path: Path, *, rows: int, columns: int, option: str = "--results") -> None:
    """Raise OutputError where a table of so many rows and columns can't be written to ``path``.

    ``option`` is what names another place.
    """
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(f"{path} ends in none of {', '.join(ENDINGS)}; choose one of these.")
    if path.suffix.lower() == ".xlsx" and (rows > SHEET_ROWS or columns > SHEET_COLUMNS):
        raise OutputError(f"{rows:,} rows of {columns:,} columns do not fit into a sheet; use .csv instead.")
    if path.suffix.lower() == ".parquet":
        _pyarrow()
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it.")
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise OutputError(
            f"{path} can't be written: {error.strerror}; name another place with {option}."
        ) from None


@contextlib.contextmanager
def table(path: Path, columns: Sequence[str], *, plain: bool = False, mode: int = 0o600) -> Iterator[Table]:
    """Write a table that is in place, whole, when the block ends without an error.

    ``columns`` are the headers. ``plain`` is for machines: CSV without a BOM and without the prefix that
    keeps spreadsheets from running a cell. ``mode`` are the file's permissions. Raises OutputError, and
    DiskFullError where no space is left.
    """
    with drafted(path) as temporary:
        with filled(temporary, columns, ending=path.suffix, plain=plain) as sink:
            yield sink
        put_in_place(temporary, path, mode=mode)


@contextlib.contextmanager
def filled(temporary: Path, columns: Sequence[str], *, ending: str, plain: bool = False) -> Iterator[Table]:
    """Write a table into the file ``temporary``, in the form that a path with this ``ending`` has."""
    sink: Table = _SINKS[ending.lower()](temporary, columns, plain=plain)
    try:
        yield sink
    finally:
        sink.close()


def put_in_place(temporary: Path, path: Path, *, mode: int = 0o600) -> None:
    """Make a file durable, and then move it to ``path`` in the same folder, in the place of what is there."""
    temporary.chmod(mode)
    _sync(temporary)
    temporary.replace(path)
    if os.name == "posix":  # elsewhere a folder can't be opened
        _sync(path.parent)


@contextlib.contextmanager
def drafted(path: Path, *, then: str = "resume the run, or begin again") -> Iterator[Path]:
    """A file beside ``path`` to write to; what was not moved from there by the end is removed.

    ``then`` is what to do once there is room. Raises OutputError, and DiskFullError where no space is left.
    """
    temporary: Path | None = None
    try:
        _clear_leftovers(path)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}-", suffix=".tmp")
        temporary = Path(name)
        os.close(handle)
        yield temporary
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(f"No space is left for {path}; free some and {then}.") from None
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _clear_leftovers(path: Path) -> None:
    """Remove what a process that was killed left half written for ``path``: it holds people's data."""
    if os.name != "posix":  # elsewhere a process can't be asked for without harm
        return
    for other in path.parent.iterdir():
        owner, _, rest = other.name.removeprefix(f".{path.name}.").partition("-")
        if other.name.startswith(f".{path.name}.") and rest.endswith(".tmp") and owner.isdecimal():
            try:
                os.kill(int(owner), 0)
            except ProcessLookupError:
                other.unlink(missing_ok=True)
            except (PermissionError, OverflowError):
                continue


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_PIECE = 1 << 20


class _Csv:
    """RFC 4180 for spreadsheets: UTF-8 with a BOM, and a ``'`` before what they would run."""

    def __init__(self, path: Path, columns: Sequence[str], *, plain: bool) -> None:
        self._file: IO[str] = path.open("w", encoding="utf-8" if plain else "utf-8-sig", newline="")
        self._rows = csv.writer(self._file)
        self._plain = plain
        self.write(columns)

    def write(self, cells: Sequence[Cell], *, fault: int | None = None, note: str = "") -> None:
        del fault, note
        if not self._plain:
            cells = [
                f"'{cell}" if isinstance(cell, str) and cell[:1] in PREFIXED and cell else cell
                for cell in cells
            ]
        if any(isinstance(cell, str) and len(cell) > _PIECE for cell in cells):
            self._write_in_pieces(cells)
        else:
            self._rows.writerow(cells)

    def write_rows(
        self, cells: Sequence[Sequence[Cell]], *, faults: Sequence[int | None] = (), notes: Sequence[str] = ()
    ) -> None:
        del faults, notes
        lines = csv_lines(cells, plain=self._plain, longest=_PIECE)
        if lines is not None:
            self._file.write(lines)
        else:
            for row in zip(*cells, strict=True):
                self.write(row)

    def _write_in_pieces(self, cells: Sequence[Cell]) -> None:
        """The same row, every cell quoted: ``csv`` would hold it four times over, and for good."""
        for at, cell in enumerate(cells):
            text = "" if cell is None else str(cell)
            self._file.write(',"' if at else '"')
            for start in range(0, len(text), _PIECE):
                self._file.write(text[start : start + _PIECE].replace('"', '""'))
            self._file.write('"')
        self._file.write("\r\n")

    def close(self) -> None:
        self._file.close()


class _Jsonl:
    """One JSON object a line, lossless: columns of one name are told apart by a number."""

    def __init__(self, path: Path, columns: Sequence[str], *, plain: bool) -> None:
        del plain
        self._file = path.open("wb")
        self._keys = distinct(columns)
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, cells: Sequence[Cell], *, fault: int | None = None, note: str = "") -> None:
        del fault, note
        self.write_rows([(cell,) for cell in cells])

    def write_rows(
        self, cells: Sequence[Sequence[Cell]], *, faults: Sequence[int | None] = (), notes: Sequence[str] = ()
    ) -> None:
        del faults, notes
        rows = (dict(zip(self._keys, row, strict=True)) for row in zip(*cells, strict=True))
        self._file.write(self._encode(rows))

    def close(self) -> None:
        self._file.close()


class _Xlsx:
    """A workbook that a person can work in: text cells, a frozen header with filters, faults marked."""

    def __init__(self, path: Path, columns: Sequence[str], *, plain: bool) -> None:
        del plain
        import xlsxwriter  # noqa: PLC0415  -- only who wants a workbook waits for it

        self._book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_numbers": False})
        self._sheet = self._book.add_worksheet("Leads")
        self._text = self._book.add_format({"num_format": "@"})
        self._fault = self._book.add_format({"num_format": "@", "bg_color": "#F9C9C9"})
        head = self._book.add_format({"bold": True, "bottom": 1, "num_format": "@"})
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, max(len(columns) - 1, 0), 18)
        for at, name in enumerate(columns):
            self._sheet.write_string(0, at, name, head)
        self._width = len(columns)
        self._row = 0

    def write(self, cells: Sequence[Cell], *, fault: int | None = None, note: str = "") -> None:
        self._row += 1
        for at, cell in enumerate(cells):
            if cell is None or (cell == "" and at != fault):
                continue
            form = self._fault if at == fault else self._text
            text = str(cell)
            if len(text) > SHEET_CELL:
                text = text[: SHEET_CELL - len(_CUT)] + _CUT
            self._sheet.write_string(self._row, at, text, form)
        if fault is not None and note:
            self._sheet.write_comment(self._row, fault, note[:1_000], {"x_scale": 2})

    def write_rows(
        self, cells: Sequence[Sequence[Cell]], *, faults: Sequence[int | None] = (), notes: Sequence[str] = ()
    ) -> None:
        rows = zip(*cells, strict=True)
        for row, fault, note in zip(rows, faults or repeat(None), notes or repeat(""), strict=False):
            self.write(row, fault=fault, note=note)

    def close(self) -> None:
        self._sheet.autofilter(0, 0, self._row, max(self._width - 1, 0))
        self._book.close()


class _Parquet:
    """Columns of text, ``obi_`` counts as integers."""

    def __init__(self, path: Path, columns: Sequence[str], *, plain: bool) -> None:
        del plain
        self._arrow, self._parquet = _pyarrow()
        whole = {"obi_row", "obi_line", "obi_status_code", "obi_attempts", "obi_batch", "obi_call_count"}
        self._schema = self._arrow.schema(
            [
                (name, self._arrow.int64() if name in whole else self._arrow.string())
                for name in distinct(columns)
            ]
        )
        self._writer = self._parquet.ParquetWriter(path, self._schema)
        self._columns: list[list[Cell]] = [[] for _ in self._schema]

    def write(self, cells: Sequence[Cell], *, fault: int | None = None, note: str = "") -> None:
        del fault, note
        self.write_rows([(cell,) for cell in cells])

    def write_rows(
        self, cells: Sequence[Sequence[Cell]], *, faults: Sequence[int | None] = (), notes: Sequence[str] = ()
    ) -> None:
        del faults, notes
        for kept, more in zip(self._columns, cells, strict=True):
            kept.extend(more)
        if len(self._columns[0]) >= _GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._columns[0]:
            arrays = [
                self._arrow.array(column, type=kind.type)
                for column, kind in zip(self._columns, self._schema, strict=True)
            ]
            self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
            self._columns = [[] for _ in self._schema]


_SINKS: dict[str, Any] = {".csv": _Csv, ".xlsx": _Xlsx, ".jsonl": _Jsonl, ".parquet": _Parquet}


def distinct(columns: Sequence[str]) -> list[str]:
    """Column names that differ: blank ones get their number, repeated ones an ordinal."""
    seen: Counter[str] = Counter()
    taken = set(columns)
    names = []
    for at, column in enumerate(columns, start=1):
        name = column if column.strip() else f"Column {at}"
        seen[name] += 1
        unique = name
        while seen[name] > 1 and unique in taken:
            unique = f"{name} ({seen[name]})"
            seen[name] += unique in taken
        taken.add(unique)
        names.append(unique)
    return names


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415  -- an extra
        from pyarrow import parquet  # noqa: PLC0415  -- an extra
    except ImportError:
        raise OutputError(
            "Parquet files need one more package; run: pip install 'obi-import[parquet]'"
        ) from None
    return pa, parquet
