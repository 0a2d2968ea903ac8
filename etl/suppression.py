"""Do-not-call lists as indexes on disk, and the numbers and ids of rows looked up in them.

An index is one file of 64-bit keys (``etl.entries``), 8 bytes an entry, written once and only read from then
on. Ten million entries and a look-up of a chunk of rows take little memory: the file is read in pieces.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np

from etl.entries import NumberReader, id_keys, keys_of, number_key, spellings
from etl.errors import DiskFullError, StateError
from etl.keyfile import DamagedError, KeyFile, KeyFileWriter, Keys
from etl.records import SuppressionList

IDS = "externalIds"
"""The kind of a list of externalIds; all others are of numbers."""


class IndexWriter:
    """A new index at ``path``, which is there when the block ends well and not at all otherwise.

    Raises DiskFullError where no space is left, StateError where the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = KeyFileWriter(path)

    def __enter__(self) -> Self:
        with _told(self._path):
            self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _told(self._path):
            self._file.__exit__(kind, error, trace)

    def add(self, keys: Keys | Iterable[int]) -> None:
        """Put keys into the index; a key that is there already is no second one."""
        with _told(self._path):
            self._file.add(keys)

    def note(self, facts: SuppressionList) -> None:
        """Keep what the list is; the last thing to do."""
        with _told(self._path):
            self._file.finish(msgspec.json.encode(facts))


class Index:
    """An index at ``path``, to be read. Raises StateError where it is not there, or damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _told(path):
            self._file = KeyFile(path)
            self.facts = msgspec.json.decode(self._file.facts, type=SuppressionList)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self.close()

    def find(self, keys: Keys) -> Keys:
        """Those of the keys that are listed."""
        with _told(self._path):
            return self._file.find(keys)


def is_index(path: Path) -> bool:
    """Whether there is an index at ``path`` that this version can read."""
    try:
        KeyFile(path).close()
    except (OSError, DamagedError):
        return False
    return True


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
        asked = _Asked(list(e164s))
        found: dict[str, str] = {}
        for each, index in self._numbers:
            for keys in asked.in_hashes if each.hashed else asked.plain:
                _note(found, asked.e164s, keys, index=index, name=each.name)
        return found

    def external_ids(self, external_ids: Iterable[str]) -> dict[str, str]:
        """ExternalId → name of the first list that has it, of those that are listed."""
        wanted = list(external_ids)
        found: dict[str, str] = {}
        for each, index in self._ids:
            if each.kind == IDS:
                pairs = [(text, key) for text in wanted for key in id_keys(text)]
            else:
                read = NumberReader(each.region).read
                pairs = [
                    (text, number_key(e164))
                    for text in wanted
                    if text.isdecimal()
                    for e164 in read(text).numbers
                ]
            keys = np.fromiter((key for _, key in pairs), np.int64, len(pairs))
            _note(found, [text for text, _ in pairs], keys, index=index, name=each.name)
        return found


NO_LISTS = Suppression((), ())
"""Where no do-not-call list is in use."""


class _Asked:
    """Numbers that are looked for, and their keys, each made once however many lists there are."""

    def __init__(self, e164s: list[str]) -> None:
        self.e164s = e164s

    @cached_property
    def plain(self) -> list[Keys]:
        return [keys_of(self.e164s)]

    @cached_property
    def in_hashes(self) -> list[Keys]:
        """Their keys in a list of hashes, one array a spelling."""
        return [*self.plain, *(keys_of(texts) for texts in spellings(self.e164s))]


def _note(found: dict[str, str], texts: Sequence[str], keys: Keys, *, index: Index, name: str) -> None:
    """Keep the list's name for those texts, one a key, whose keys it has, unless another had them."""
    hits = index.find(keys)
    if len(hits):
        for at in np.flatnonzero(np.isin(keys, hits)).tolist():
            found.setdefault(texts[at], name)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what errors mean for a list's index."""
    try:
        yield
    except (OSError, DamagedError, msgspec.MsgspecError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise DiskFullError(
                f"No space is left for the index of a do-not-call list in {path.parent}; free some, and load "
                "again."
            ) from None
        raise StateError(
            f"The index of a do-not-call list, {path}, can't be used ({error}); remove it, and it is made "
            "anew."
        ) from None
