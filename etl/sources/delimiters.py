"""Which character parts the fields of a text, with the evidence."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from itertools import islice
from typing import NamedTuple

from etl.errors import InputError
from etl.sources.header import MOST_COLUMNS, Fit, header_at
from etl.sources.text import FIELD_LIMIT, Text

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_UNUSUAL = "^~:¦"
"""Delimiters that are believed only where names of the header are known by them."""
_SAMPLE_RECORDS = 1000
_SAMPLE_SIZE = 4 << 20
# Some programs fill the hint's line up with delimiters, as any other.
_HINT = re.compile(r'"?sep=(\\t|[^"\r\n0-9A-Za-z+])"?[,;|\t ]*[\r\n]*\Z', re.IGNORECASE)
_SPACED = re.compile(r' +".*', re.DOTALL)
_ENDS = {"\r\n": "CRLF", "\n": "LF", "\r": "CR"}


class Delimiter(NamedTuple):
    """The delimiter, the sentences that say why, and the lines (0 or 1) that a ``sep=`` hint takes up.

    ``spaced``: blanks stand between delimiters and quotes.
    """

    character: str
    reasons: tuple[str, ...]
    hint_lines: int
    spaced: bool = False


class _Parting(NamedTuple):
    """What a candidate makes of the sample, from the header that it gives on."""

    header: Sequence[str]
    counts: Counter[int]
    known: int
    titles: int
    ends: tuple[str, ...]
    spaced: bool

    @property
    def usual(self) -> tuple[int, int]:
        """The usual number of fields where there are several, and how many records have it."""
        parted = {fields: count for fields, count in self.counts.items() if fields > 1}
        return Counter(parted or self.counts).most_common(1)[0]

    @property
    def weight(self) -> float:
        """How well it parts the records: nothing where it does not part the header."""
        fields, agreeing = self.usual
        if len(self.header) < 2:
            return 0
        doubts = (abs(len(self.header) - fields) > 1) + (self.titles > 0 and not self.known)
        # Weighed by the fields, so that a comma inside of one text column never beats the true delimiter.
        return agreeing / self.counts.total() * (fields - 1) / fields * (1 + self.known) * 0.5**doubts


def find_delimiter(
    text: Text, *, stated: str = "", header_row: int | None = None, fit: Fit | None = None
) -> Delimiter:
    """The delimiter by the user's word, by a ``sep=`` line, or by the most consistent number of fields.

    Counted are the first 1,000 records outside of quotes, from the header on. A candidate that does not
    part the header is none: a file of one column has no delimiter, and then any that parts nothing serves.
    Of two that part alike, the one with which more of the header's names are known (``fit``).
    """
    with closing(text.lines()) as lines:
        hint = _HINT.match(next(lines, ""))
    hint_lines = 1 if hint else 0
    sample = _sample(text, header_row or hint_lines + 1)

    def part(candidate: str) -> _Parting | None:
        return _parted(sample, candidate, fit=fit, stated=header_row is not None)

    if stated:
        character = _stated(stated)
        reason = f"{name_of(character)}, because it is stated"
    elif hint:
        character = "\t" if hint[1] == "\\t" else hint[1]
        reason = f"{name_of(character)}, because line 1 says so (sep=)"
    else:
        character, reason = _found(part)
    parting = part(character)
    reasons = [reason]
    if parting and parting.ends:
        reasons.append(f"lines end in {' and '.join(parting.ends)}")
    if parting and parting.spaced:
        reasons.append("blanks before quotes are no text, because most records have them")
    return Delimiter(character, tuple(reasons), hint_lines, spaced=bool(parting and parting.spaced))


def name_of(delimiter: str) -> str:
    """A delimiter as people call it."""
    return DELIMITERS.get(delimiter, repr(delimiter))


def _found(part: Callable[[str], _Parting | None]) -> tuple[str, str]:
    partings = {candidate: part(candidate) for candidate in DELIMITERS}
    good = {candidate: found for candidate, found in partings.items() if found and found.weight}
    if not good:
        unusual = {candidate: part(candidate) for candidate in _UNUSUAL}
        good = {candidate: found for candidate, found in unusual.items() if found and found.known > 1}
    if not good:
        alone = {candidate: found.counts[1] if found else 0 for candidate, found in partings.items()}
        return max(alone, key=alone.__getitem__), "one column, because no delimiter parts the header"
    character = max(good, key=lambda candidate: good[candidate].weight)
    fields, agreeing = good[character].usual
    total = good[character].counts.total()
    reason = f"because {agreeing:,} of {total:,} records have {fields:,} fields with it"
    return character, f"{name_of(character)}, {reason}"


def _sample(text: Text, first: int) -> list[str]:
    sample = []
    size = 0
    with closing(text.lines(first)) as lines:
        for line in islice(lines, 5 * _SAMPLE_RECORDS):
            sample.append(line)
            size += len(line)
            if size > _SAMPLE_SIZE:
                break
    return sample


def _parted(sample: list[str], delimiter: str, *, fit: Fit | None, stated: bool) -> _Parting | None:
    """What the delimiter makes of the records up to the first that can't be read with it; None for none."""
    records, ends = _records(sample, delimiter, spaced=False)
    spaced = _is_spaced(records, sample, delimiter)
    if spaced:
        records, ends = _records(sample, delimiter, spaced=True)
    if not records:
        return None
    at = 0 if stated else header_at(records[:100], fit)
    return _Parting(
        header=records[at],
        counts=Counter(map(len, records[at:])),
        known=fit(records[at]) if fit else 0,
        titles=at,
        ends=ends,
        spaced=spaced,
    )


def _records(sample: list[str], delimiter: str, *, spaced: bool) -> tuple[list[list[str]], tuple[str, ...]]:
    """The records that are not blank, and in what their lines end."""
    csv.field_size_limit(FIELD_LIMIT)
    records: list[list[str]] = []
    ends: dict[str, None] = {}
    reader = csv.reader(sample, delimiter=delimiter, strict=True, skipinitialspace=spaced)
    with suppress(csv.Error):
        for cells in islice(reader, _SAMPLE_RECORDS):
            if any(cells):
                records.append(cells[: MOST_COLUMNS + 1])
            line = sample[reader.line_num - 1]
            if end := _ENDS.get(line[len(line.rstrip("\r\n")) :]):
                ends[end] = None
    return records, tuple(ends)


def _is_spaced(records: list[list[str]], sample: list[str], delimiter: str) -> bool:
    """Whether blanks stand before the quotes of most records, which makes the quotes text for ``csv``."""
    fields = sum(any(_SPACED.fullmatch(cell) for cell in cells) for cells in records)
    # The same cell may come of quotes within quotes; but then none follows a delimiter and a blank.
    raw = re.compile(rf'{re.escape(delimiter)} +"')
    return 2 * min(fields, sum(raw.search(line) is not None for line in sample)) > len(records)


def _stated(delimiter: str) -> str:
    names = {name: character for character, name in DELIMITERS.items()} | {"\\t": "\t"}
    character = names.get(delimiter.lower(), delimiter)
    if len(character) != 1 or character in '"\r\n+' or character.isalnum():
        raise InputError(f"{delimiter!r} can't be a delimiter; give a character that no value has, or tab.")
    return character
