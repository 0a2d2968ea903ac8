"""Which rows must not be called: by a column that says so, by a rule of the profile, by a do-not-call list.

A list is asked for every good number of a row, those beyond the three that are sent too, and for what its
bad cells and telephone columns that are not read may mean; and for its externalId, as it is sent and as it
stands in the input. In doubt a row is suppressed: who is on a list is never called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from itertools import chain
from operator import attrgetter, itemgetter

from msgspec.structs import replace

from etl import fields, phone
from etl.chunk import Chunk, Listed
from etl.columns import Mapping
from etl.entries import NumberReader, other_readings
from etl.phone import Number, Phones
from etl.profile import Profile, SuppressWhen
from etl.quoting import quoted
from etl.records import Fault, Normal, RowStatus
from etl.suppression import Suppression
from etl.vocabulary import telephone

_MOST_NUMBERS = 3
_NO_E164 = Fault(
    "phone.no_e164",
    "the number has no country code and no region is known, so it can't be looked for on the do-not-call "
    "list: write it with a plus, or state the region",
)
_NUMBERS, _BEYOND, _PLACES, _BAD, _NOTES = map(attrgetter, ("numbers", "beyond", "places", "bad", "notes"))
_E164 = attrgetter("e164")
_reader = lru_cache(maxsize=512)(NumberReader)

Row = Sequence[str]


class Suppressor:
    """Suppresses rows of chunks; ``read_date`` reads a date in a zone, ``now`` is what ages count from."""

    def __init__(
        self,
        profile: Profile,
        mapping: Mapping,
        *,
        suppression: Suppression,
        read_date: Callable[[str, str], Normal | Fault],
        now: datetime,
    ) -> None:
        self._profile = profile
        self._mapping = mapping
        self._lists = suppression
        self._read_date = read_date
        self._now = now
        self._drops = profile.phones.suppressed == "drop-number"
        self._valid_only = profile.phones.accept == "valid"
        self._others = tuple(
            at
            for at, name in mapping.headers.items()
            if at not in mapping.number_columns and (at in mapping.phones or telephone(name) is not None)
        )

    # --- numbers ------------------------------------------------------------------------------------

    def weigh(
        self, chunk: Chunk, found: list[Phones], *, cells: Sequence[Row], regions: Sequence[str | None]
    ) -> list[Phones]:
        """Look for the numbers of each row on the lists; gives them as they may be sent.

        What identifies a row (``chunk.e164``) is as it was before. What is listed, or has a note that says
        not to call, is kept in ``chunk``; only a profile that drops numbers gets them without those.
        """
        chunk.e164 = _numbers_of_all(found)
        noted = [at for at, notes in enumerate(map(_NOTES, found)) if notes]
        if noted:
            found = found.copy()
        for at in noted:
            chunk.e164[at] = self._identity(found[at], cells[at], regions[at])
            found[at] = self._heeded(chunk, at, found[at], row=cells[at], region=regions[at])
        if not self._lists.of_numbers:
            return found
        unsent = self._all_unsent(chunk, found, cells, regions)
        of_rows = _looked_for(found)
        good = set(chain.from_iterable(of_rows))
        others = {} if self._valid_only else {e164: other_readings(e164) for e164 in good if e164}
        wanted = {*good, *chain.from_iterable(others.values())}
        wanted.update(e164 for of_row in unsent.values() for e164, _ in of_row)
        wanted.discard("")
        listed = self._lists.numbers(wanted)
        for e164, readings in others.items():
            if e164 not in listed and (hit := next((each for each in readings if each in listed), "")):
                listed[e164] = listed[hit]
        at_stake = {"", *listed}
        odd = {at for at, of_row in enumerate(of_rows) if not at_stake.isdisjoint(of_row)}
        odd.update(at for at, of_row in unsent.items() if any(e164 in listed for e164, _ in of_row))
        return [
            self._weighed(chunk, at, each, listed, unsent=unsent.get(at, ())) if at in odd else each
            for at, each in enumerate(found)
        ]

    def _identity(self, found: Phones, row: Row, region: str | None) -> tuple[str, ...]:
        """What identifies a row with notes: its numbers and those beside a note, cell by cell."""
        numbers = list(zip(found.places, _numbers_of(found), strict=False))
        for place, _ in found.notes:
            numbers += [(place, e164) for e164 in self._read(row[place], region)]
        return tuple(dict.fromkeys(number for _, number in sorted(numbers, key=itemgetter(0))))

    def _heeded(self, chunk: Chunk, at: int, found: Phones, *, row: Row, region: str | None) -> Phones:
        """The row's numbers where only those beside a note are dropped; else the row is noted."""
        beside = {e164 for place, _ in found.notes for e164 in self._read(row[place], region)}
        numbers = zip((*found.numbers, *found.beyond), found.places, strict=True)
        kept = [(number, place) for number, place in numbers if number.e164 not in beside]
        if not (self._drops and kept):
            place, fault = found.notes[0]
            chunk.noted[at] = (self._mapping.number_columns[place], fault)
            return found
        left = tuple(f"left out: {fault.reason}" for _, fault in found.notes)
        numbers_kept = tuple(number for number, _ in kept)
        return replace(
            found,
            numbers=numbers_kept[:_MOST_NUMBERS],
            beyond=numbers_kept[_MOST_NUMBERS:],
            places=tuple(place for _, place in kept),
            warnings=(*found.warnings, *left),
        )

    def _read(self, cell: str, region: str | None) -> tuple[str, ...]:
        """Every number that a cell may mean; an unknown country's may be the profile's."""
        return _reader(region or self._profile.region).read(cell.strip()).numbers

    def _all_unsent(
        self, chunk: Chunk, found: Sequence[Phones], cells: Sequence[Row], regions: Sequence[str | None]
    ) -> dict[int, list[tuple[str, int]]]:
        """Position → what a row holds besides its good numbers, with the column; of most rows nothing.

        A row whose cells are empty or have given a number, and all of it, has nothing more in them.
        """
        width = len(self._mapping.number_columns)
        rows = zip(map(_PLACES, found), map(_BAD, found), cells, strict=True)
        at_hand = {
            at
            for at, (places, bad, row) in enumerate(rows)
            if bad or len(set(places)) + row.count("") != width
        }
        for column in self._others:
            at_hand.update(at for at, cell in enumerate(chunk.raw(column)) if cell)
        return {at: self._unsent(chunk, at, found[at], cells[at], regions[at]) for at in sorted(at_hand)}

    def _unsent(
        self, chunk: Chunk, at: int, found: Phones, row: Row, region: str | None
    ) -> list[tuple[str, int]]:
        """What a row holds besides its good numbers, with the column."""
        whole = set(found.places) - set(found.bad)
        cells = [
            (cell, self._mapping.number_columns[place])
            for place, cell in enumerate(row)
            if cell and place not in whole
        ]
        cells += [(chunk.raw(column)[at], column) for column in self._others]
        return [(e164, at) for cell, at in cells if cell.strip() for e164 in self._read(cell, region)]

    def _weighed(
        self,
        chunk: Chunk,
        at: int,
        found: Phones,
        listed: dict[str, str],
        *,
        unsent: Sequence[tuple[str, int]],
    ) -> Phones:
        columns = self._mapping.number_columns
        numbers = list(zip((*found.numbers, *found.beyond), found.places, strict=True))
        for number, place in numbers:
            if not number.e164:
                return replace(found, numbers=(), fault=_NO_E164, at=place)
        if not listed:
            return found
        hits = [(number.e164, columns[place]) for number, place in numbers if number.e164 in listed]
        kept = [number for number, _ in numbers if number.e164 not in listed]
        if self._drops and kept:
            return _without(found, kept, listed) if hits else found
        hits += [(e164, column) for e164, column in unsent if e164 in listed]
        if hits:
            e164, column = hits[0]
            chunk.listed[at] = Listed(column, listed[e164])
        return found

    # --- rows ---------------------------------------------------------------------------------------

    def suppress(self, chunk: Chunk) -> None:
        """Give every row of the chunk that must not be called its outcome, unless it has another."""
        for at, (column, fault) in chunk.noted.items():
            why = f"has a note: {fault.reason}"
            self._suppressed(chunk, at, column=column, code="suppressed.note", why=why)
        for column in (*self._mapping.do_not_call, *self._mapping.callable):
            verdict = partial(_flagged, asks_for_leave=column in self._mapping.callable)
            self._suppress_by_value(chunk, column, verdict)
        for rule, column in zip(self._profile.suppress_when, self._mapping.suppress_when, strict=True):
            self._suppress_by_value(chunk, column, partial(self._ruled, rule))
        for at, hit in chunk.listed.items():
            why = f"holds a number that is on the do-not-call list {hit.name}"
            self._suppressed(chunk, at, column=hit.column, code="suppressed.list", why=why)
        self._suppress_ids(chunk)

    def _suppress_by_value(
        self, chunk: Chunk, column: int, verdict: Callable[[str], tuple[str, str] | None]
    ) -> None:
        """Suppress the rows of whose cell ``verdict`` gives a code and why; equal cells are judged once."""
        texts = chunk.raw(column)
        said = {text: found for text in set(texts) if (found := verdict(text))}
        for at, text in enumerate(texts) if said else ():
            if text in said:
                code, why = said[text]
                self._suppressed(chunk, at, column=column, code=code, why=why)

    def _ruled(self, rule: SuppressWhen, text: str) -> tuple[str, str] | None:
        if not self._says_so(rule, text):
            return None
        value = f"says {quoted(text.strip())}" if text.strip() else "is empty"
        return "suppressed.rule", f"{value}, and the profile suppresses such rows"

    def _says_so(self, rule: SuppressWhen, text: str) -> bool:
        if rule.says_so(text):
            return True
        if not rule.max_days or not text.strip():
            return False
        read = self._read_date(text, self._profile.source.timezone or "UTC")
        if isinstance(read, Fault):
            return True
        return datetime.fromisoformat(read.value) < self._now - timedelta(days=rule.max_days)

    def _suppress_ids(self, chunk: Chunk) -> None:
        if not self._lists.of_ids:
            return
        ids = list(zip(*self._ids_of(chunk), strict=True))
        listed = self._lists.external_ids(set(chain.from_iterable(ids)))
        column = self._mapping.fields.get("externalId")
        for at, of_row in enumerate(ids) if listed else ():
            if name := next((listed[each] for each in of_row if each in listed), ""):
                where = None if at in chunk.derived else column
                why = f"is on the do-not-call list {name}"
                self._suppressed(chunk, at, column=where, code="suppressed.list", why=why)

    def _ids_of(self, chunk: Chunk) -> Iterator[Iterable[str]]:
        """The externalIds as they are sent, without the profile's prefix, and as they stand in the input."""
        external_ids = chunk.normal["externalId"]
        yield external_ids
        if prefix := self._profile.external_id.prefix:
            yield [external_id.removeprefix(prefix) for external_id in external_ids]
        yield map(str.strip, chunk.scalar("externalId"))

    def _suppressed(self, chunk: Chunk, at: int, *, column: int | None, code: str, why: str) -> None:
        if at not in chunk.outcomes:
            header = "externalId" if column is None else self._mapping.headers[column]
            chunk.outcomes[at] = chunk.not_sent(
                at, RowStatus.SUPPRESSED, field=header, code=code, error=f"{header.strip()} {why}"
            )


def _flagged(text: str, *, asks_for_leave: bool) -> tuple[str, str] | None:
    """The code and why, where a do-not-call column's value says not to call, or nobody knows what."""
    said = fields.call_forbidden(text, asks_for_leave=asks_for_leave)
    if said is None:
        why = f"says {quoted(text.strip())}, which is neither yes nor no: not called, to be safe"
        return "suppressed.unreadable", why
    return ("suppressed.flag", f"says {quoted(text.strip())}: must not be called") if said else None


def _numbers_of(found: Phones) -> tuple[str, ...]:
    return tuple(number.e164 or number.sent for number in found.numbers)


def _numbers_of_all(found: Sequence[Phones]) -> list[tuple[str, ...]]:
    """The same for each row; what stands for a number without E.164 is looked for only where one is."""
    numbers = [tuple(map(_E164, of_row)) for of_row in map(_NUMBERS, found)]
    if "" in chain.from_iterable(numbers):
        return list(map(_numbers_of, found))
    return numbers


def _looked_for(found: Sequence[Phones]) -> list[tuple[str, ...]]:
    """The numbers of each row in E.164, those beyond the third too, ``""`` for one that has none."""
    return [
        tuple(map(_E164, (*numbers, *beyond) if beyond else numbers))
        for numbers, beyond in zip(map(_NUMBERS, found), map(_BEYOND, found), strict=True)
    ]


def _without(found: Phones, kept: Sequence[Number], listed: dict[str, str]) -> Phones:
    """The row's numbers without those that are listed: the next ones move up."""
    warnings = [warning for warning in found.warnings if not warning.startswith(phone.ONLY_THREE)]
    warnings += [
        f"left out: {each.sent} is on the do-not-call list {listed[each.e164]}"
        for each in (*found.numbers, *found.beyond)
        if each.e164 in listed
    ]
    if beyond := kept[_MOST_NUMBERS:]:
        warnings.append(f"{phone.ONLY_THREE}, not {', '.join(number.sent for number in beyond)}")
    return replace(found, numbers=tuple(kept[:_MOST_NUMBERS]), beyond=tuple(beyond), warnings=tuple(warnings))
