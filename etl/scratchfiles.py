"""Numbers and texts of millions of rows in throw-away files: appended, found again, gone with their process.

The files have no name, so that nothing is left of them, whatever ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BufferedRandom
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
"""Hashes of texts, or what is made of them."""

Rows: TypeAlias = NDArray[np.uint32]
Places: TypeAlias = NDArray[np.intp]

_ROW = np.uint64(0xFFFF_FFFF)
_MOST_IN_MEMORY = 1 << 20
"""Keys of a run, eight bytes each; a larger one is put into the file, and grows no more."""


def hashes_of(texts: Sequence[str]) -> Words:
    """Python's own 64-bit hash of each text, which is keyed anew in every process, and fast."""
    return np.fromiter(map(hash, texts), np.int64, len(texts)).view(np.uint64)


def scratch_file(folder: Path) -> BufferedRandom:
    """A new file without a name in ``folder``."""
    return TemporaryFile(dir=folder)


def thrown_away(file: BufferedRandom) -> None:
    """Close it, also where what it has still to write finds no room: nobody reads that any more."""
    with suppress(OSError):
        file.close()


class Prints:
    """Which rows may hold a text: of each text half its hash, and the row; eight bytes.

    They are kept as sorted runs, of which two are merged when they are about the same size, as in a
    log-structured tree: a key is moved a few times, and a look-up searches a few runs. Rows go up to 2³² - 1.
    """

    def __init__(self, folder: Path) -> None:
        self._file = scratch_file(folder)
        self._runs: list[Words] = []

    def close(self) -> None:
        """Let go of memory and disk."""
        self._runs.clear()
        thrown_away(self._file)

    def add(self, hashes: Words, rows: Rows) -> None:
        """Keep that each row holds a text of that hash."""
        run = np.sort(hashes & ~_ROW | rows)
        while self._runs and len(run) < _MOST_IN_MEMORY and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        self._runs.append(self._on_disk(run) if len(run) >= _MOST_IN_MEMORY else run)

    def find(self, hashes: Words) -> Iterator[tuple[Places, Rows]]:
        """Pairs of (index into ``hashes``, row) that may hold the same text, in parts.

        Two texts of which half the hash is the same, one pair in four thousand million, meet as well.
        """
        order = np.argsort(hashes)
        wanted = (hashes & ~_ROW)[order]  # sorted: neighbours are searched together, and fast
        for run in self._runs:
            starts = run.searchsorted(wanted)
            met = run[np.minimum(starts, len(run) - 1)] & ~_ROW == wanted
            if met.any():
                at, starts = order[met], starts[met]
                counts = run.searchsorted(wanted[met] | _ROW, side="right") - starts
                within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
                yield (
                    np.repeat(at, counts),
                    (run[np.repeat(starts, counts) + within] & _ROW).astype(np.uint32),
                )

    def _on_disk(self, run: Words) -> Words:
        start = self._file.seek(0, 2)
        self._file.write(run.tobytes())  # NumPy's own way does not say that the disk is full
        self._file.flush()
        return np.memmap(self._file, np.uint64, "r", start, run.shape)


class _Block(NamedTuple):
    """Where texts stand in the file: so many, in so many bytes."""

    start: int
    texts: int
    size: int


class Texts:
    """A text a row, added in the order of rows."""

    def __init__(self, folder: Path) -> None:
        self._file = scratch_file(folder)
        self._blocks: list[_Block] = []
        self._first: list[int] = []

    def close(self) -> None:
        """Let go of the disk."""
        thrown_away(self._file)

    def add(self, rows: Rows, texts: Sequence[str]) -> None:
        """Keep the text of each row; all rows come after those that are there."""
        if not texts:
            return
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        self._blocks.append(_Block(self._file.seek(0, 2), len(encoded), int(ends[-1])))
        self._first.append(int(rows[0]))
        self._file.write(b"".join([rows.tobytes(), ends.tobytes(), *encoded]))

    def get(self, rows: Rows) -> dict[int, str]:
        """Row → its text, of rows that are there."""
        rows = np.unique(rows)
        found: dict[int, str] = {}
        places = np.searchsorted(self._first, rows, side="right") - 1
        for place in np.unique(places):
            found.update(self._read(self._blocks[place], rows[places == place]))
        return found

    def _read(self, block: _Block, rows: Rows) -> Iterator[tuple[int, str]]:
        self._file.seek(block.start)
        data = self._file.read(block.texts * 12 + block.size)
        held = np.frombuffer(data, np.uint32, block.texts)
        ends = np.frombuffer(data, np.int64, block.texts, 4 * block.texts)
        at = np.searchsorted(held, rows)
        first = 12 * block.texts
        stops = ends[at] + first
        starts = np.where(at > 0, ends[at - 1], 0) + first
        for row, start, stop in zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True):
            yield row, data[start:stop].decode("utf-8", "surrogatepass")


class Pairs:
    """Pairs of hashes, and how many of the first ones stand beside more than one of the second."""

    def __init__(self, folder: Path) -> None:
        self._file = scratch_file(folder)

    def close(self) -> None:
        """Let go of the disk."""
        thrown_away(self._file)

    def add(self, first: Words, second: Words) -> None:
        """Keep pairs, in any order."""
        self._file.write(np.column_stack([first, second]).tobytes())

    def several(self, *, at_once: int = 1 << 18) -> int:
        """How many of the first ones have several partners; about ``at_once`` pairs are in memory."""
        pairs = self._file.seek(0, 2) // 16
        parts = -(-pairs // at_once)
        return sum(_with_several(self._part(part, of=parts, at_once=at_once)) for part in range(parts))

    def _part(self, part: int, *, of: int, at_once: int) -> NDArray[Any]:
        """The pairs whose first ones are of this part: all that are equal are."""
        self._file.seek(0)
        found = []
        while data := self._file.read(16 * at_once):
            pairs = np.frombuffer(data, np.uint64).reshape(-1, 2)
            found.append(pairs if of == 1 else pairs[pairs[:, 0] % np.uint64(of) == part])
        return np.concatenate(found)


def _with_several(pairs: NDArray[Any]) -> int:
    first = np.ascontiguousarray(pairs[:, 0])
    order = np.argsort(first)
    first, second = first[order], pairs[:, 1][order]
    # Whatever the order of its partners, two neighbours differ where they are not all the same.
    differ = (first[1:] == first[:-1]) & (second[1:] != second[:-1])
    return len(np.unique(first[1:][differ]))
