"""What the rows of a run have claimed so far: their ids and numbers, in throw-away files.

Nothing of it outlives the process: a resumed run decides its rows anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from etl.scratch import Scratch
from etl.scratchfiles import Pairs, Places, Prints, Rows, Texts, Words, hashes_of


class Keys(NamedTuple):
    """What a chunk's rows hold of one kind: the texts, their hashes, and the positions of their rows.

    Positions ascend; a row may have several keys, or none.
    """

    texts: Sequence[str]
    hashes: Words
    at: Places

    @classmethod
    def of(cls, texts: Sequence[str]) -> Keys:
        """Of a text a row; an empty one is no key."""
        if all(texts):
            return cls(texts, hashes_of(texts), np.arange(len(texts)))
        held = [at for at, text in enumerate(texts) if text]
        texts = [texts[at] for at in held]
        return cls(texts, hashes_of(texts), np.asarray(held, np.intp))

    @classmethod
    def of_several(cls, texts: Sequence[Sequence[str]]) -> Keys:
        """Of any number of texts a row."""
        flat = list(chain.from_iterable(texts))
        counts = np.fromiter(map(len, texts), np.intp, len(texts))
        return cls(flat, hashes_of(flat), np.repeat(np.arange(len(texts)), counts))


class Met(NamedTuple):
    """A key that an earlier ``row`` may hold, by its hash; ``text`` is what that row does hold."""

    key: str
    row: int
    text: str


class Claimed:
    """Keys of one kind, and the rows that claimed them."""

    def __init__(self, folder: Path) -> None:
        self._prints = Prints(folder)
        self._texts = Texts(folder)

    def close(self) -> None:
        """Let go of memory and disk."""
        self._prints.close()
        self._texts.close()

    def add(self, keys: Keys, rows: Rows, texts: Sequence[str]) -> None:
        """Keep the keys of a chunk's ``rows``, and for each row that has any a text that says which."""
        if texts:
            self._prints.add(keys.hashes, rows[keys.at])
            self._texts.add(rows[np.unique(keys.at)], texts)

    def meeting(self, keys: Keys) -> tuple[set[int], list[Met]]:
        """Which of a chunk's keys meet any by their hashes: the texts must tell whether they are the same.

        Gives the positions of the rows whose keys meet those of earlier chunks or each other's, and the
        earlier ones.
        """
        order = np.argsort(keys.hashes)
        again = np.flatnonzero(keys.hashes[order][1:] == keys.hashes[order][:-1])
        odd = set(keys.at[order[np.concatenate([again, again + 1])]].tolist())
        met = []
        # Each text is asked for once: rows that hold it again are odd already, and with ids that differ by
        # case alone every row of the chunk would meet every earlier one.
        asked = np.arange(len(keys.texts))
        if len(again):
            asked = np.fromiter(dict(zip(keys.texts, count(), strict=False)).values(), np.intp)
        for places, rows in self._prints.find(keys.hashes[asked]):
            which = asked[places]
            odd.update(keys.at[which].tolist())
            texts = self._texts.get(rows)
            met += [
                Met(keys.texts[each], row, texts[row])
                for each, row in zip(which.tolist(), rows.tolist(), strict=True)
            ]
        return odd, met


class Ordinals(Scratch):
    """How often a derived id came, from its second time on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "CREATE TABLE times (id TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID; BEGIN;")

    def next(self, derived: str) -> int:
        """Count one more time, and give which it is."""
        query = "INSERT INTO times VALUES (?, 2) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n"
        return int(self._db.execute(query, (derived,)).fetchone()[0])


class Seen:
    """All that is claimed, in files in ``folder`` that go with it, and the pairs of numbers and ids."""

    def __init__(self, folder: Path) -> None:
        self.ids = Claimed(folder)
        self.numbers = Claimed(folder)
        self.pairs = Pairs(folder)
        self.ordinals = Ordinals(folder / "ordinals.sqlite")

    def shared(self) -> int:
        """How many numbers stand under more than one externalId."""
        return self.pairs.several()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self.ids, self.numbers, self.pairs):
            each.close()
        self.ordinals.__exit__(kind, error, trace)
