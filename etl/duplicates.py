"""Which rows repeat an earlier one, over the whole input and in bounded memory.

Most rows repeat nothing, and that is told of a whole chunk at once by the hashes of what its rows hold: equal
texts have equal hashes, so none is missed. Where hashes meet, the texts themselves decide, row by row: a hash
alone would lose a lead once in a while. Beside that the numbers are counted that stand under several ids: the
interface takes them, and somebody is called twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set as AbstractSet
from operator import attrgetter

import numpy as np
from msgspec import Struct

from etl.earlier import Earlier
from etl.scratchfiles import hashes_of
from etl.seen import Keys, Met, Ordinals, Seen

_BETWEEN = ";"
"""Between the numbers of a row; there is none in a number."""


class Repeat(Struct, frozen=True, gc=False):
    """A row repeats ``first``, by its ``externalId`` or a ``number``; an earlier ``run``'s, if it has one."""

    first: int
    by: str
    run: str = ""


class Claims(Struct, frozen=True, kw_only=True):
    """What the good rows of a chunk hold, in order: the id of each, and the numbers that identify it.

    ``derived`` and ``suppressed`` are positions in these lists. A suppressed row claims what it holds even
    where it repeats another: nobody slips by it. It may have no id.
    """

    rows: Sequence[int]
    external_ids: Sequence[str]
    numbers: Sequence[tuple[str, ...]]
    derived: AbstractSet[int] = frozenset()
    suppressed: AbstractSet[int] = frozenset()


class Verdict(Struct, frozen=True, gc=False):
    """``repeat`` of an earlier row, or the id to send and a warning about one that is nearly the same."""

    external_id: str
    repeat: Repeat | None = None
    warning: str = ""


class Duplicates:
    """Tells repeats over the whole input; only rows that are no repeats themselves claim anything.

    ``by`` is ``externalId``, ``number`` (any in common), ``both`` (either) or ``none``. An externalId of the
    file's own counts always, since the interface takes it once. Under ``none`` repeated derived ids get an
    ordinal, which depends on the order of the rows. ``earlier``: what an earlier run sent, by either, is a
    repeat as well.
    """

    def __init__(self, seen: Seen, *, by: str, earlier: Earlier | None = None) -> None:
        self._seen = seen
        self._ordinals = seen.ordinals if by == "none" else None
        self._by_number = by in {"number", "both"}
        self._earlier = earlier

    def judge(self, claims: Claims) -> dict[int, Verdict]:
        """The verdicts on a chunk's rows, by position; a row without one is sent as it is."""
        ids = Keys.of(list(map(str.casefold, claims.external_ids)))
        numbers = Keys.of_several(claims.numbers)
        odd, met = self._seen.ids.meeting(ids)
        court = _Court(claims, met, ordinals=self._ordinals)
        if self._by_number:
            more, met = self._seen.numbers.meeting(numbers)
            court.know_numbers(met)
            odd |= more
        before = self._sent_before(claims)
        verdicts = {at: court.judge(at, before.get(at)) for at in sorted(odd.union(before))}
        self._claim(claims, ids, numbers, court)
        self._count(claims, numbers, verdicts)
        return verdicts

    def _sent_before(self, claims: Claims) -> dict[int, Repeat]:
        """Position → what of that row an earlier run sent."""
        if self._earlier is None:
            return {}
        sent = self._earlier.find(
            set(claims.external_ids), {number for of_row in claims.numbers for number in of_row}
        )
        found = {}
        for at, (external_id, numbers) in enumerate(zip(claims.external_ids, claims.numbers, strict=True)):
            keys = (f"externalId:{external_id}", *(f"number:{number}" for number in numbers))
            if first := next((sent[key] for key in keys if key in sent), None):
                found[at] = Repeat(first.row, first.by, first.run)
        return found

    def _claim(self, claims: Claims, ids: Keys, numbers: Keys, court: _Court) -> None:
        """Keep what the rows hold, but for what the court has not let them claim."""
        rows = np.asarray(claims.rows, np.uint32)
        external_ids = claims.external_ids
        if len(ids.at) < len(rows) or court.without_id:
            kept = np.isin(ids.at, list(court.without_id), invert=True)
            ids = Keys(ids.texts, ids.hashes[kept], ids.at[kept])
            external_ids = [external_ids[at] for at in ids.at.tolist()]
        self._seen.ids.add(ids, rows, external_ids)
        if self._by_number:
            of_rows = list(claims.numbers)
            if court.numbers:
                for at, held in court.numbers.items():
                    of_rows[at] = held
                numbers = Keys.of_several(of_rows)
            self._seen.numbers.add(numbers, rows, list(map(_BETWEEN.join, filter(None, of_rows))))

    def _count(self, claims: Claims, numbers: Keys, verdicts: dict[int, Verdict]) -> None:
        """Note under which id each number stands."""
        external_ids = list(claims.external_ids)
        for at, verdict in verdicts.items():
            external_ids[at] = verdict.external_id
        self._seen.pairs.add(numbers.hashes, hashes_of(external_ids)[numbers.at])


class _Court:
    """Judges the rows of a chunk one by one, those that may repeat another, in their order.

    ``without_id`` are the positions of those that don't claim their id, ``numbers`` those that they claim.
    """

    def __init__(self, claims: Claims, met: Iterable[Met], *, ordinals: Ordinals | None) -> None:
        self._claims = claims
        self._ordinals = ordinals
        self._ids: dict[str, dict[str, int]] = {}
        """Folded form → {exact text: row} of what is claimed, so far as it matters here, by rows."""
        self._rows: dict[str, int] = {}
        """Number → row."""
        self.without_id: set[int] = set()
        self.numbers: dict[int, tuple[str, ...]] = {}
        self._by_number = False
        for fold, row, text in sorted(met, key=attrgetter("row")):
            if text.casefold() == fold:
                self._ids.setdefault(fold, {})[text] = row

    def know_numbers(self, met: Iterable[Met]) -> None:
        """From here on numbers count as well."""
        self._by_number = True
        for number, row, text in met:
            if number in text.split(_BETWEEN):
                self._rows[number] = row

    def judge(self, at: int, before: Repeat | None) -> Verdict:
        """The verdict on a row; ``before`` is what an earlier run sent of it."""
        external_id = self._claims.external_ids[at]
        spelled = self._ids.get(external_id.casefold(), {})
        if spelled and self._ordinals and at in self._claims.derived:
            self._claim_nothing(at)
            return Verdict(f"{external_id}-{self._ordinals.next(external_id)}")
        first = self._repeated(at, spelled) or before
        if first is None or at in self._claims.suppressed:
            self._claim(at)
        else:
            self._claim_nothing(at)
        if first or not spelled:
            return Verdict(external_id, first)
        nearly = next(iter(spelled.values()))
        return Verdict(
            external_id,
            warning=f"the externalId is that of row {nearly} except for upper and lower case",
        )

    def _repeated(self, at: int, spelled: dict[str, int]) -> Repeat | None:
        """The earlier row that holds the same, by the id before the numbers."""
        if (first := spelled.get(self._claims.external_ids[at])) is not None:
            return Repeat(first, "externalId")
        if self._by_number:
            for number in self._claims.numbers[at]:
                if (first := self._rows.get(number)) is not None:
                    return Repeat(first, "number")
        return None

    def _claim(self, at: int) -> None:
        """Let the row have all that no other has claimed."""
        row, external_id = self._claims.rows[at], self._claims.external_ids[at]
        if external_id:
            spelled = self._ids.setdefault(external_id.casefold(), {})
            if spelled.setdefault(external_id, row) != row:
                self.without_id.add(at)
        if self._by_number:
            numbers = dict.fromkeys(self._claims.numbers[at])
            self.numbers[at] = tuple(
                number for number in numbers if self._rows.setdefault(number, row) == row
            )

    def _claim_nothing(self, at: int) -> None:
        self.without_id.add(at)
        self.numbers[at] = ()
