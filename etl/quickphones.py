"""Whole columns of phone cells → the numbers of their rows: what ``etl.phone.read_row`` gives, and quickly.

Most cells of a column are written alike: ``020 7946 0123`` is of the shape ``999 9999 9999``. Which shapes
can only be one plain number, whatever their digits, is found out once, and so is what becomes of numbers
that begin with the same digits (``etl.quicknumbers``). A cell is then two look-ups; what is not certain in
this way is read by ``etl.phone`` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations, repeat
from operator import eq, getitem
from typing import NamedTuple

from etl import phonetext
from etl.digitpatterns import Block, Undecided
from etl.phone import CellReading, Number, PhoneRules, Phones, phones_of, read_cell
from etl.quicknumbers import Beginning, BlockReader, Refusal
from etl.quoting import quoted
from etl.records import Fault

_MOST_KEPT = 200_000
"""Beginnings that are kept from chunk to chunk; with more than these it starts anew."""

_MOST_READ = 4_096
_LONGEST_READ = 100
"""Cells that are read with care are kept as well, if they are no longer than this."""

_MOST_NUMBERS = 3


class PhoneReader:
    """Reads the phone columns of one chunk after another by one set of rules."""

    def __init__(self, rules: PhoneRules) -> None:
        self._rules = rules
        self._homes: dict[str, _Home] = {}
        self._read_again = lru_cache(maxsize=_MOST_READ)(self._read_carefully)

    def read(
        self,
        columns: Sequence[Sequence[str]],
        *,
        regions: Sequence[str | None],
        countries: Sequence[str],
        strict: bool,
    ) -> list[Phones]:
        """Give the numbers of each row, as ``etl.phone.read_row`` does.

        ``columns`` are the phone columns in priority order, each with one cell a row; ``regions`` and
        ``countries`` have one entry a row.
        """
        if not regions:
            return []
        self._forget()
        if strict and len(columns) > 1:
            firsts = [_first_filled(row) for row in zip(*columns, strict=True)]
            column = self._column([cell for _, cell in firsts], regions=regions, countries=countries)
            return [self._row([(at, each)]) for (at, _), each in zip(firsts, column.found, strict=True)]
        found = [self._column(cells, regions=regions, countries=countries) for cells in columns]
        if not 0 < len(columns) <= _MOST_NUMBERS:
            cells = zip(*(column.found for column in found), strict=True) if columns else [()] * len(regions)
            return [self._row(enumerate(row)) for row in cells]
        places = tuple(range(len(columns)))
        numbers = zip(*(column.found for column in found), strict=True)
        rows = list(map(Phones, numbers, repeat(()), repeat(places)))
        for at in _odd_rows(found):  # repeats, blanks, and what is not quick
            rows[at] = self._row([(place, column.found[at]) for place, column in enumerate(found)])
        return rows

    def _column(
        self, cells: Sequence[str], *, regions: Sequence[str | None], countries: Sequence[str]
    ) -> _Column:
        """Read the cells of one column."""
        shapes, digits = _taken_apart(cells)
        keys = [each[:KNOWN] for each in digits]
        homes = {region: self._home(region) for region in set(regions)}
        if len(homes) == 1:
            tables = list(map(homes[regions[0]].__getitem__, shapes))
        else:
            tables = list(map(getitem, map(homes.__getitem__, regions), shapes))
        begins = list(map(getitem, tables, keys))
        e164s = [begin + each[KNOWN:] for begin, each in zip(begins, digits, strict=True)]
        sents = e164s
        if self._rules.format != "e164":
            written = zip(tables, keys, digits, strict=True)
            sents = [table.sent.get(key, "") + each[KNOWN:] for table, key, each in written]
        found: list[Found] = list(map(Number, e164s, sents))
        odd = [at for at, begin in enumerate(begins) if not begin]
        for at in odd:
            cell = cells[at]
            match tables[at].find(digits[at]):
                case Beginning(e164, sent):
                    e164s[at] = e164
                    found[at] = Number(e164, sent)
                case Refusal(code, what):
                    found[at] = CellReading((), (Fault(code, f"{quoted(cell)} {what}"),))
                case _:
                    found[at] = self._read(cell, regions[at], countries[at]) if cell.strip() else None
        return _Column(found, e164s, odd)

    def _row(self, cells: Iterable[tuple[int, Found]]) -> Phones:
        """Give the Phones of a row from the indexes of its cells and what is in them."""
        filled = [(at, each) for at, each in cells if each is not None]
        if len(filled) == 1 and isinstance(number := filled[0][1], Number):
            return Phones((number,), (), (filled[0][0],))
        readings = [(at, CellReading((each,)) if isinstance(each, Number) else each) for at, each in filled]
        return phones_of(readings, self._rules)

    def _read(self, cell: str, region: str | None, country: str) -> CellReading:
        read = self._read_again if len(cell) <= _LONGEST_READ else self._read_carefully
        return read(cell, region, country)

    def _read_carefully(self, cell: str, region: str | None, country: str) -> CellReading:
        return read_cell(cell, self._rules, region=region, country=country)

    def _home(self, region: str | None) -> _Home:
        region = self._rules.region if region is None else region
        if region not in self._homes:
            self._homes[region] = _Home(BlockReader(self._rules, region))
        return self._homes[region]

    def _forget(self) -> None:
        """Keep memory within bounds, whatever the input."""
        if sum(home.kept for home in self._homes.values()) > _MOST_KEPT:
            self._homes.clear()


Found = Number | CellReading | None
"""What is in a cell: one good number and nothing to say, what the careful way gave, or nothing at all."""


class _Column(NamedTuple):
    """The cells of a column, read; ``odd`` are the rows where they were not two look-ups.

    ``e164s`` are the numbers of those that are one.
    """

    found: list[Found]
    e164s: list[str]
    odd: list[int]


def _odd_rows(columns: Sequence[_Column]) -> set[int]:
    """Give the rows that have other things than one number in each column, or one number twice."""
    odd = {at for column in columns for at in column.odd}
    for one, other in combinations(columns, 2):
        same = list(map(eq, one.e164s, other.e164s))
        if True in same:
            odd.update(at for at, is_same in enumerate(same) if is_same)
    return odd


def _first_filled(row: Sequence[str]) -> tuple[int, str]:
    return next(((at, cell) for at, cell in enumerate(row) if cell.strip()), (0, ""))


# --- what begins alike ----------------------------------------------------------------------------------

KNOWN = 8
"""Digits, a plus among them, by which a number is looked up."""

_LEVELS = (4, 6, KNOWN)
_DEEPER = (10, 12)


class _Home(dict[str, "_Table"]):
    """Where the numbers of a region are looked up, by the shape of their cells."""

    def __init__(self, reader: BlockReader) -> None:
        super().__init__()
        self._reader = reader
        self._tables: dict[_Form, _Table] = {}

    @property
    def kept(self) -> int:
        """The number of entries, in all tables."""
        return len(self) + sum(table.kept for table in self._tables.values())

    def __missing__(self, shape: str) -> _Table:
        if len(shape) > _LONGEST_READ:
            return _CAREFUL
        form = _form_of(shape)
        if form is None:
            table: _Table = _CAREFUL
        else:
            table = self._tables.setdefault(form, _Table(self._reader, form))
        self[shape] = table
        return table


class _Table(dict[str, str]):
    """The first digits of numbers of one length → what these are in E.164, or ``""`` where that is not known.

    ``sent`` is the same in the form that is sent.
    """

    def __init__(self, reader: BlockReader, form: _Form) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._reader = reader
        self._form = form
        self._known: dict[str, Beginning | Refusal | None] = {}
        self._undecided: set[str] = set()

    @property
    def kept(self) -> int:
        """The number of entries, of all kinds."""
        return len(self) + len(self._known) + len(self._undecided)

    def __missing__(self, digits: str) -> str:
        found = self._find(digits, _LEVELS)
        begin = found if isinstance(found, Beginning) else _NOTHING
        self[digits], self.sent[digits] = begin
        return begin.e164

    def find(self, digits: str) -> Beginning | Refusal | None:
        """Give what becomes of digits whose beginning is not known to be a number's: the whole of it."""
        part = digits[:KNOWN]
        if part in self._undecided:
            return self._find(digits, _DEEPER) or self._read(digits)
        return self._find(digits, _LEVELS)

    def _find(self, digits: str, levels: Iterable[int]) -> Beginning | Refusal | None:
        """Give what the digits are, by as few of them as decide it."""
        for level in levels:
            part, rest = digits[:level], digits[level:]
            if part in self._undecided:
                continue
            if part not in self._known:
                self._known[part] = self._read(part)
            if part not in self._undecided:
                found = self._known[part]
                return (
                    Beginning(found.e164 + rest, found.sent + rest) if isinstance(found, Beginning) else found
                )
        return None

    def _read(self, part: str) -> Beginning | Refusal | None:
        block = Block(part, self._form.length - len(part))
        try:
            return self._reader.read(block, zero_at=self._form.zero_at)
        except Undecided:
            self._undecided.add(part)
            return None


_NOTHING = Beginning("", "")


class _Careful(_Table):
    """The table of shapes that can be something else than one plain number: nothing in it is known."""

    def __init__(self) -> None:
        dict.__init__(self)
        self.sent = {}

    def __missing__(self, digits: str) -> str:
        return ""

    def find(self, digits: str) -> Beginning | Refusal | None:  # noqa: ARG002  -- as in every table
        return None


_CAREFUL = _Careful()

# --- the shapes of cells --------------------------------------------------------------------------------

_PUNCTUATION = b" ().-"
_NINES = bytes.maketrans(b"012345678", b"999999999")


def _taken_apart(cells: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give the shapes of cells, which have a 9 for every digit, and their digits without punctuation."""
    text = "\n".join(cells)
    if not text.isascii() or text.count("\n") != len(cells) - 1:
        text = "\n".join(cell if cell.isascii() and "\n" not in cell else "?" for cell in cells)
    data = text.encode("ascii")
    shapes = data.translate(_NINES).decode("ascii").split("\n")
    return shapes, data.translate(None, _PUNCTUATION).decode("ascii").split("\n")


class _Form(NamedTuple):
    """What is certain of cells of one shape: one plain number of so many digits (a plus counts as one).

    ``zero_at`` is the place of a digit that stands alone in brackets, -1 for none.
    """

    length: int
    zero_at: int = -1


_MAYBE_DATE = re.compile(r"9{4}[-. ]99?[-. ]99?|99?[-. ]99?[-. ](?:99|9999)|99?\.99 ?- ?99?\.99")
_MAYBE_ADDRESS = re.compile(r"9{1,3}(?:\.9{1,3}){3}")
_ALONE = re.compile(r"\( ?9 ?\)")


@lru_cache(maxsize=4096)
def _form_of(shape: str) -> _Form | None:
    """Give the form of cells of a shape, None where they may be anything but one number, or not be one."""
    if not phonetext.PLAIN.fullmatch(shape):
        return None
    text = shape.strip()
    if _MAYBE_DATE.fullmatch(text) or _MAYBE_ADDRESS.fullmatch(text) or phonetext.FRACTION.fullmatch(text):
        return None
    zero_at = -1
    if alone := _ALONE.search(text):
        # A 0 there is for callers at home; any other digit is looked at with care.
        text = text.replace(alone[0], alone[0].replace("9", "0"), 1)
        if text[0] != "+" or _ALONE.search(text) or not phonetext.OPTIONAL_ZERO.fullmatch(text):
            return None
        zero_at = len(re.findall("[+9]", text[: alone.start()]))
    if ("(" in text or ")" in text) and not phonetext.BRACKETS.fullmatch(text):
        return None
    return _Form(len(re.findall("[+09]", text)), zero_at)
