"""Do-not-call lists as indexes on disk, and the numbers and ids of rows looked up in them.

An index is one SQLite file of 64-bit keys (``etl.entries``), 12 bytes an entry, written once and only read
from then on. It is built beside its place and renamed into it, so that it is whole or not there. Ten million
entries and a look-up of a chunk of rows take little memory: the file is read where the keys are.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from etl.entries import NumberReader, id_keys, keys_in_hashes, number_key
from etl.errors import DiskFullError, StateError
from etl.records import SuppressionList

_FLUSH = 1_000_000
"""Keys that are sorted in memory before they are written: neighbours share pages."""
_PART = 50_000
_AT_ONCE = 500
_SCHEMA = """
PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;
CREATE TABLE facts (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE entries (key INTEGER PRIMARY KEY);
"""
IDS = "externalIds"
"""The kind of a list of externalIds; all others are of numbers."""


class IndexWriter:
    """A new index at ``path``, which is there when the block ends well and not at all otherwise.

    Raises DiskFullError where no space is left, StateError where the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._keys = array("q")

    def __enter__(self) -> Self:
        with _told(self._path):
            self._part.unlink(missing_ok=True)
            self._part.touch(mode=0o600)
            self._db = sqlite3.connect(self._part, isolation_level=None, check_same_thread=False)
            self._db.executescript(_SCHEMA)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)
            return
        with _told(self._path):
            with self._part.open("rb") as written:
                os.fsync(written.fileno())
            self._part.replace(self._path)

    def add(self, keys: Iterable[int]) -> None:
        """Put keys into the index; a key that is there already is no second one."""
        self._keys.extend(keys)
        if len(self._keys) >= _FLUSH:
            self._flush()

    def note(self, facts: SuppressionList) -> None:
        """Keep what the list is; the last thing to do."""
        self._flush()
        with _told(self._path):
            self._db.execute("INSERT INTO facts VALUES ('list', ?)", (msgspec.json.encode(facts),))

    def _flush(self) -> None:
        import numpy as np  # noqa: PLC0415  -- only who builds an index waits for it

        keys = np.frombuffer(self._keys, dtype=np.int64)
        keys.sort()
        with _told(self._path):
            self._db.execute("BEGIN")
            for start in range(0, len(keys), _PART):  # as Python's integers they take five times the memory
                part = keys[start : start + _PART].tolist()
                self._db.executemany("INSERT OR IGNORE INTO entries VALUES (?)", ((key,) for key in part))
            self._db.execute("COMMIT")
        del keys
        self._keys = array("q")


class Index:
    """An index at ``path``, to be read. Raises StateError where it is not there, or damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _told(path):
            # It is never changed once it is there, so SQLite need not lock it.
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            self._db.execute("PRAGMA cache_size=-8192")
            found = self._db.execute("SELECT value FROM facts WHERE key = 'list'").fetchone()
            self.facts = msgspec.json.decode(found[0], type=SuppressionList)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self.close()

    def find(self, keys: Iterable[int]) -> set[int]:
        """Those of the keys that are listed."""
        wanted = sorted(keys)  # neighbours share pages
        found: set[int] = set()
        with _told(self._path):
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                # Only question marks are put in.
                query = f"SELECT key FROM entries WHERE key IN ({','.join('?' * len(part))})"  # noqa: S608
                found.update(key for (key,) in self._db.execute(query, part))
        return found


class Suppression:
    """The lists of a run, asked for many numbers or ids at once; ``indexes`` in the order of the lists."""

    def __init__(self, lists: Sequence[SuppressionList], indexes: Sequence[Index]) -> None:
        pairs = list(zip(lists, indexes, strict=True))
        self._numbers = [(each, index) for each, index in pairs if each.kind != IDS]
        self._ids = [(each, index) for each, index in pairs if each.kind == IDS or each.also_ids]

    @classmethod
    @contextlib.contextmanager
    def opened(cls, folder: Path, lists: Sequence[SuppressionList]) -> Iterator[Suppression]:
        """The lists with their indexes in ``folder`` open. Raises StateError where one is not there."""
        with contextlib.ExitStack() as stack:
            yield cls(lists, [stack.enter_context(Index(folder / each.index)) for each in lists])

    @property
    def of_numbers(self) -> bool:
        """Whether a list holds numbers, or hashes of them."""
        return bool(self._numbers)

    @property
    def of_ids(self) -> bool:
        """Whether a list holds externalIds, or may."""
        return bool(self._ids)

    def numbers(self, e164s: Iterable[str]) -> dict[str, str]:
        """Number in E.164 → name of the first list that has it, of those that are listed."""
        if not self._numbers:
            return {}
        wanted = list(e164s)
        found: dict[str, str] = {}
        for each, index in self._numbers:
            keys = {e164: keys_in_hashes(e164) if each.hashed else {number_key(e164)} for e164 in wanted}
            found = _find(keys, [(each, index)]) | found
        return found

    def external_ids(self, external_ids: Iterable[str]) -> dict[str, str]:
        """ExternalId → name of the first list that has it, of those that are listed."""
        if not self._ids:
            return {}
        wanted = list(external_ids)
        found: dict[str, str] = {}
        for each, index in self._ids:
            if each.kind == IDS:
                keys = {external_id: id_keys(external_id) for external_id in wanted}
            else:
                read = NumberReader(each.region).read
                keys = {
                    external_id: set(map(number_key, read(external_id).numbers))
                    for external_id in wanted
                    if external_id.isdecimal()
                }
            found = _find(keys, [(each, index)]) | found
        return found


NO_LISTS = Suppression((), ())
"""Where no do-not-call list is in use."""


def _find(keys: dict[str, set[int]], indexes: Sequence[tuple[SuppressionList, Index]]) -> dict[str, str]:
    found: dict[str, str] = {}
    wanted = {key for of_one in keys.values() for key in of_one}
    for each, index in indexes:
        if listed := index.find(wanted):
            for text, of_one in keys.items():
                if not listed.isdisjoint(of_one):
                    found.setdefault(text, each.name)
    return found


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean for a list's index."""
    try:
        yield
    except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
        if "full" in str(error) or getattr(error, "errno", None) == 28:
            raise DiskFullError(
                f"No space is left for the index of a do-not-call list in {path.parent}; free some, and load "
                "again."
            ) from None
        raise StateError(
            f"The index of a do-not-call list, {path}, can't be used ({error}); remove it, and it is made "
            "anew."
        ) from None
