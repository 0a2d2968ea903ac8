"""A sheet's rows once they have been parsed, so that the passes to come need not parse them again.

A sheet is passed several times: by the survey, for what is sent, for the results. To parse it costs ten times
what its rows cost from here. A copy is no part of a run: a file without a name, which is gone with the
process, and a run that is resumed parses its workbook anew. Only a whole pass makes one. It can be ``lent``
to a process that is started with its open file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, Self, cast

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import astuple

from etl.sources.grid import Book, Facts, SheetInfo, SheetRow

_Key = tuple[int, int, int, int, str]

_BLOCK_ROWS = 256
_BLOCK_SIZE = 1 << 18
"""Rows and bytes of a block: what is in memory of a copy, with one more row."""
_MOST = 2 << 30
"""Bytes of a copy. Cells may all refer to one long text, so that a small file has rows without end."""
_SHARE_OF_FREE = 4
_KEPT = 4
"""Copies that are kept: an input's, and those of do-not-call lists beside it."""
_SETTLED = 20_000_000
"""Nanoseconds after which another change of a file has another time of change, on all file systems."""

_encode = Encoder().encode
_decode = Decoder(list[SheetRow]).decode
_copies: OrderedDict[_Key, RowCopy] = OrderedDict()


class Lent(Struct, frozen=True):
    """A copy as another process may read it: of which sheet, and its open ``file`` with its blocks' ends."""

    key: _Key
    file: int
    ends: list[int]
    facts: Facts


class RowCopy:
    """Rows of one sheet in a temporary ``file``; ``facts`` are what came to light when they were parsed.

    Any number of passes may read it, in several threads and processes too.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        # The file lives as long as the copy does, and no pass has to close it.
        weakref.finalize(self, file.close)
        self._lock = threading.Lock()
        self._most = min(_MOST, shutil.disk_usage(tempfile.gettempdir()).free // _SHARE_OF_FREE)
        self._ends = [0]
        self._block: list[bytes] = []
        self._held = 0
        self.facts = Facts()

    @classmethod
    def lent(cls, given: Lent) -> Self:
        """The copy that another process has made. Raises OSError where we have not inherited its file."""
        copy = cls(os.fdopen(given.file, "rb"))
        copy._ends, copy.facts = given.ends, given.facts
        return copy

    def lend(self, key: _Key) -> Lent:
        """What a process must know that inherits the file."""
        return Lent(key, self._file.fileno(), self._ends, self.facts)

    def add(self, row: SheetRow) -> None:
        """Add a row at the end, as it is now. Raises OSError where there is no room for it."""
        content = _encode(row)
        self._block.append(content)
        self._held += len(content)
        if self._held > _BLOCK_SIZE or len(self._block) == _BLOCK_ROWS:
            self._write()

    def finish(self, facts: Facts) -> None:
        """Make the copy whole. Raises as ``add``."""
        self._write()
        self._file.flush()
        self.facts = facts

    def rows(self) -> Iterator[SheetRow]:
        """The rows in order; each pass gets lists of its own."""
        for begin, end in pairwise(self._ends):
            yield from _decode(self._read(begin, end - begin))

    def _read(self, begin: int, size: int) -> bytes:
        if hasattr(os, "pread"):  # whoever was lent the file shares our place in it
            return os.pread(self._file.fileno(), size, begin)
        with self._lock:
            self._file.seek(begin)
            return self._file.read(size)

    def _write(self) -> None:
        # MessagePack: an array of so many elements, which are encoded already.
        block = b"".join([b"\xdc", len(self._block).to_bytes(2, "big"), *self._block])
        end = self._ends[-1] + len(block)
        if end > self._most:
            raise OSError("no room for a copy of a sheet's rows")
        self._file.write(block)
        self._ends.append(end)
        self._block, self._held = [], 0


def rows_of(book: Book, sheet: SheetInfo, *, path: Path, facts: Facts) -> Iterator[SheetRow]:
    """The rows of a sheet of the ``book`` at ``path``, from a copy of what stands there now if there is one.

    ``facts`` are filled in meanwhile. Raises whatever the damage of the sheet raises.
    """
    key = _key(path, sheet)
    if copy := _copies.get(key):
        yield from copy.rows()
        facts.hidden_columns, facts.merges, facts.not_calculated = astuple(copy.facts)
        return
    copy = _begun()
    for row in book.rows(sheet, facts):
        copy = _with(copy, row)
        yield row
    if copy and _key(path, sheet) == key and key[-2] < time.time_ns() - _SETTLED:
        _keep(key, copy, facts)


def lendable(path: Path) -> tuple[Lent, ...]:
    """The copies that there are of sheets of the workbook at ``path``."""
    try:
        content = _content(path) if _copies else None
    except OSError:
        return ()
    return tuple(copy.lend(key) for key, copy in _copies.items() if key[:-1] == content)


def borrow(copies: Iterable[Lent]) -> None:
    """Read these copies from now on. Raises OSError where we have not inherited a file."""
    _copies.update({each.key: RowCopy.lent(each) for each in copies})


def _key(path: Path, sheet: SheetInfo) -> _Key:
    """Which sheet of which content: the same under another name, another one after a change."""
    return *_content(path), sheet.place


def _content(path: Path) -> tuple[int, int, int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _begun() -> RowCopy | None:
    """A copy to fill; None where there can't be one, here and below: the sheet is parsed again then."""
    try:
        return RowCopy(cast("IO[bytes]", tempfile.TemporaryFile()))
    except OSError:
        return None


def _with(copy: RowCopy | None, row: SheetRow) -> RowCopy | None:
    try:
        if copy:
            copy.add(row)
    except OSError:
        return None
    return copy


def _keep(key: _Key, copy: RowCopy, facts: Facts) -> None:
    try:
        copy.finish(facts)
    except OSError:
        return
    _copies[key] = copy
    while len(_copies) > _KEPT:
        _copies.popitem(last=False)
