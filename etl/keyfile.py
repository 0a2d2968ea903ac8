"""A file of 64-bit keys, sorted: millions of them are looked for in one reading of it.

Keys are as good as random, so looking for the numbers of a chunk of rows in ten million touches nearly every
page anyway. A file that is read through in pieces costs less than any tree does, and no memory but a piece's.

The file is the keys (little-endian, ascending, each once), the facts of who wrote it, and a tail: how many
keys, the length of the facts, a CRC-32 of both, and the name of the format. It is written beside its place
and renamed into it, so that it is whole or not there.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
"""Keys as signed integers of 64 bits."""

_KEY = np.dtype("<i8")
_TAIL = struct.Struct("<QQI12s")
_FORMAT = b"obi keys 1\r\n"
_PIECE = 32_768
"""Keys that are read at once."""
_FLUSH = 1_000_000
"""Keys that are sorted in memory; more are merged from a file."""
_EDGES = np.arange(-128, 129, dtype=np.int64)[1:-1] << 56
"""What parts all keys into 256 ranges of one size, in which sorted runs are merged."""


class DamagedError(Exception):
    """The file is not one of keys, or not what was written."""


class KeyFileWriter:
    """A new file at ``path``, which is there when the block ends well and not at all otherwise."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._new: list[Keys] = []
        self._count = 0
        self._runs: list[list[int]] = []

    def __enter__(self) -> Self:
        self._part.unlink(missing_ok=True)
        self._part.touch(mode=0o600)
        self._sorted: IO[bytes] = tempfile.TemporaryFile(dir=self._path.parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sorted.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)
            return
        self._part.replace(self._path)

    def add(self, keys: Keys | Iterable[int]) -> None:
        """Put keys into the file; a key that is there already is no second one."""
        self._new.append(keys if isinstance(keys, np.ndarray) else np.fromiter(keys, np.int64))
        self._count += len(self._new[-1])
        if self._count >= _FLUSH:
            self._flush()

    def finish(self, facts: bytes) -> None:
        """Write all keys, and what is to be known of them; the last thing to do."""
        self._flush()
        count = check = 0
        with self._part.open("wb") as file:
            for keys in self._merged():
                content = keys.astype(_KEY, copy=False).tobytes()
                check = crc32(content, check)
                count += len(keys)
                file.write(content)
            file.write(facts)
            file.write(_TAIL.pack(count, len(facts), crc32(facts, check), _FORMAT))
            file.flush()
            os.fsync(file.fileno())

    def _flush(self) -> None:
        """Keep what came since as a sorted run, with the places in it where the ranges meet."""
        run = np.concatenate([*self._new, np.empty(0, np.int64)])
        self._new, self._count = [], 0
        run.sort()
        start = self._sorted.tell()
        self._runs.append([start + 8 * int(at) for at in (0, *run.searchsorted(_EDGES), len(run))])
        self._sorted.write(run.tobytes())

    def _merged(self) -> Iterator[Keys]:
        for at in range(len(_EDGES) + 1):
            yield np.unique(np.concatenate([self._read(run[at], run[at + 1]) for run in self._runs]))

    def _read(self, start: int, end: int) -> Keys:
        self._sorted.seek(start)
        return np.frombuffer(self._sorted.read(end - start), np.int64)


class KeyFile:
    """The file at ``path``, to be read; ``facts`` are those that it was finished with.

    Raises OSError where it is not there, DamagedError where it is not what was written: of another format or
    length at once, of another content at the first look-up.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        try:
            size = self._file.seek(0, os.SEEK_END)
            self._file.seek(max(0, size - _TAIL.size))
            self._count, length, self._check = _tail(self._file.read(), size)
            self._file.seek(self._count * 8)
            self.facts = self._file.read(length)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def find(self, keys: Keys) -> Keys:
        """Those of the keys that are in the file, in ascending order."""
        wanted = np.sort(keys)
        cuts = [*wanted.searchsorted(self._firsts), len(wanted)]
        found = [wanted[:0]]
        for at, (start, end) in enumerate(pairwise(cuts)):
            if start < end:
                piece = self._piece(at)
                part = wanted[start:end]
                places = piece.searchsorted(part)
                places[places == len(piece)] = 0
                found.append(part[piece[places] == part])
        return np.concatenate(found)

    @cached_property
    def _firsts(self) -> Keys:
        """The first key of each piece. To know them is to read it all, which is checked meanwhile."""
        firsts, check = [], 0
        for at in range(-(-self._count // _PIECE)):
            piece = self._piece(at)
            firsts.append(piece[0])
            check = crc32(piece.data, check)
        if crc32(self.facts, check) != self._check:
            raise DamagedError("its content is not what was written")
        return np.array(firsts, np.int64)

    @cached_property
    def _buffer(self) -> bytearray:
        return bytearray(8 * _PIECE)

    def _piece(self, at: int) -> NDArray[Any]:
        """The keys of a piece, until another one is asked for."""
        start = at * _PIECE
        length = 8 * min(_PIECE, self._count - start)
        view = memoryview(self._buffer)[:length]
        self._file.seek(8 * start)
        if self._file.readinto(view) != length:
            raise DamagedError("it is not whole")
        return np.frombuffer(view, _KEY)


def _tail(content: bytes, size: int) -> tuple[int, int, int]:
    """How many keys there are, the length of the facts, and the check, of a file of ``size`` bytes."""
    if len(content) == _TAIL.size:
        count, length, check, name = _TAIL.unpack(content)
        if name == _FORMAT and size == count * 8 + length + _TAIL.size:
            return count, length, check
    raise DamagedError("it is of another format, or not whole")
