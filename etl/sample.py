"""What a check shows of an input's rows: the first before and after, and three that stand for each reason.

A sample takes every row in turn and keeps few of them, however long the input is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec import json
from msgspec.structs import replace

from etl import phone
from etl.columns import Mapping
from etl.findings import ColumnUse, Example, PreviewRow, Reason
from etl.guesses import never_dialled
from etl.looks import is_a_series
from etl.obi.models import NewCustomer
from etl.records import Customer, Item, RowOutcome, SourceRow
from etl.vocabulary import loose

PREVIEWED = 3
"""Rows that are shown before and after."""

_EXAMPLES = 3
_LONGEST = 300
"""Characters of a cell that are shown."""

_MOST_CAUTIONS = 100
_LOOKED_AT = 200
"""Rows by whose cells a column is taken for one of phone numbers."""

_OTHER = "other warnings"
_BETWEEN = re.compile(r'(?<!, ); (?=(?:[^"]*"[^"]*")*[^"]*$)')
"""Between two warnings of a row: not inside a value, nor where a sentence speaks of semicolons."""

_QUOTED = re.compile(r'"[^"]*"')
_DETAILS = re.compile(r" \([^()]*\)$")
_FIGURES = re.compile(r"\+?\d(?:[\d,;:.+-]*\d)?")
_PHONE_CELL = re.compile(r"\s*(?:\+|00|\(?0)[\d\s()/.-]{6,}")
"""What may be a phone number at a glance: reading every cell of an input as one would take too long."""
_LINE = re.compile(r"phone|tel|mobil|cell|handy|fax|pager|ruf|callback|rappel")
"""Headers that speak of a line, so that numbers in such a column are told whatever else the header says."""


class Sample:
    """Keeps what is shown of the rows of an input that is mapped by ``mapping``.

    ``item`` makes the body of a customer. ``bodies`` is how many of them are kept. ``region`` is that of
    national numbers.
    """

    def __init__(
        self, mapping: Mapping, item: Callable[[Customer], Item], *, bodies: int = 0, region: str = ""
    ) -> None:
        self._mapping = mapping
        self._headers = list(mapping.headers.values())
        places = {column: at for at, column in enumerate(mapping.headers)}
        self._dialled = [places[column] for column in mapping.number_columns]
        self._rules = phone.PhoneRules(region=region)
        self._item = item
        self._wanted = bodies
        self.bodies: list[bytes] = []
        self.preview: list[PreviewRow] = []
        self._bodies_of: dict[int, bytes] = {}
        self._reasons: dict[str, _Collected] = {}
        self._cautions: dict[str, _Collected] = {}
        self._filled: Counter[int] = Counter()
        self._like_phones: dict[int, list[str]] = defaultdict(list)

    def take(self, customer: Customer) -> None:
        """A row that would be sent, before ``see`` is told of it."""
        previewed = customer.row <= PREVIEWED
        if previewed or len(self.bodies) < self._wanted:
            body = self._item(customer).body
            if previewed:
                self._bodies_of[customer.row] = body
            if len(self.bodies) < self._wanted:
                self.bodies.append(body)

    def see(self, row: SourceRow, outcome: RowOutcome) -> None:
        """A row of the input, and what would become of it."""
        if row.row <= PREVIEWED:
            self.preview.append(self._previewed(row, outcome))
        if row.row <= _LOOKED_AT:
            self._look_for_phones(row)
        if outcome.code:
            _collected(self._reasons, outcome.code, outcome.status.value).add(
                partial(self._example, row, outcome)
            )
        if outcome.warning:
            self._warned(row, _BETWEEN.split(outcome.warning))

    def columns(self) -> tuple[ColumnUse, ...]:
        """What each column of the input is read as."""
        return tuple(
            replace(use, never_dialled=True)
            if use.field in {"", "attribute"} and self._holds_phones(at, use.header)
            else use
            for at, use in enumerate(uses_of(self._mapping))
        )

    def found(self) -> tuple[Reason, ...]:
        """The reasons of rows that are not ready, the most frequent first."""
        return _sorted(self._reasons)

    def cautions(self) -> tuple[Reason, ...]:
        """The warnings of rows, the most frequent first."""
        return _sorted(self._cautions)

    def _previewed(self, row: SourceRow, outcome: RowOutcome) -> PreviewRow:
        sent, attributes = _sent(self._bodies_of.pop(row.row, b""))
        return PreviewRow(
            row=row.row,
            line=row.line,
            status=outcome.status.value,
            cells=tuple(map(shortened, row.cells)),
            sent=sent,
            attributes=attributes,
            reason=outcome.error,
            warning=outcome.warning,
        )

    def _warned(self, row: SourceRow, warnings: Sequence[str]) -> None:
        told: dict[str, str] = {}
        for warning in warnings:
            code = _FIGURES.sub("…", _QUOTED.sub('"…"', _DETAILS.sub("", warning)))
            if code not in self._cautions and len(self._cautions) >= _MOST_CAUTIONS:
                code = _OTHER
            told.setdefault(code, warning)
        for code, warning in told.items():
            _collected(self._cautions, code, "").add(partial(_caution, row, warning))

    def _example(self, row: SourceRow, outcome: RowOutcome) -> Example:
        column, value = self._cell_of(row, outcome.field) if outcome.field else ("", row.extra)
        return Example(
            row=row.row, line=row.line, column=column, value=shortened(value), reason=outcome.error
        )

    def _cell_of(self, row: SourceRow, field: str) -> tuple[str, str]:
        """The column that an outcome's field names, and what stands in it."""
        named = [at for at, header in enumerate(self._headers) if header == field]
        if named and named[0] in self._dialled and not row.cells[named[0]].strip():
            # What is said of the first of these columns is said of the row's numbers.
            named = [at for at in self._dialled if row.cells[at].strip()] or named
        # Of two columns of one name nobody can tell here which one is meant.
        headers = dict.fromkeys(self._headers[at].strip() for at in named)
        return ", ".join(headers) or field, " | ".join(row.cells[at] for at in named)

    def _look_for_phones(self, row: SourceRow) -> None:
        for at, cell in enumerate(row.cells):
            if cell.strip():
                self._filled[at] += 1
                if self._is_phone(cell):
                    self._like_phones[at].append(cell)

    def _is_phone(self, cell: str) -> bool:
        return bool(_PHONE_CELL.fullmatch(cell) and phone.read_cell(cell, self._rules).numbers)

    def _holds_phones(self, at: int, header: str) -> bool:
        """Whether most cells of a column are phone numbers, and not the ids or dates that may look so."""
        cells = self._like_phones[at]
        if 2 * len(cells) <= self._filled[at] or is_a_series(cells):
            return False
        return not never_dialled(header) or bool(_LINE.search(loose(header)))


def uses_of(mapping: Mapping) -> Iterator[ColumnUse]:
    """What each column of the input is read as, in the input's order."""
    names = dict(mapping.attributes)
    guesses = {guess.column: guess for guess in mapping.guesses if not guess.is_certain}
    several = {
        "numbers": mapping.number_columns,
        "do not call": mapping.do_not_call,
        "call allowed": mapping.callable,
    }
    uses = {at: (field, rank) for field, columns in several.items() for rank, at in enumerate(columns, 1)}
    uses |= {at: (field, 1) for field, at in mapping.fields.items()}
    beside = {
        "region": (mapping.region, *mapping.other_regions),
        "label of a number": [label for _, label in mapping.labels],
        "a rule that suppresses": mapping.suppress_when,
        "part of derived ids": mapping.derive_from,
    }
    never_dialled = frozenset(mapping.never_dialled)
    for at, header in mapping.headers.items():
        field, rank = uses.get(at, ("attribute" if at in names else "", 1))
        guess = guesses.get(at)
        yield ColumnUse(
            header=header,
            field=field,
            also=tuple(word for word, columns in beside.items() if at in columns),
            name=names.get(at, ""),
            rank=rank,
            guess=f"a guess, {guess.confidence} % sure: {guess.reason}" if guess else "",
            never_dialled=at in never_dialled,
        )


def shortened(text: str) -> str:
    """A cell as it is kept to be shown; what is cut says so."""
    more = len(text) - _LONGEST
    return text if more <= 0 else f"{text[:_LONGEST]}… (and {more:,} more characters)"


def _caution(row: SourceRow, warning: str) -> Example:
    return Example(row=row.row, line=row.line, column="", value="", reason=warning)


class _Collected:
    """Rows of one kind: how many, and the first of them."""

    def __init__(self, code: str, status: str) -> None:
        self.code = code
        self.status = status
        self.rows = 0
        self.examples: list[Example] = []

    def add(self, example: Callable[[], Example]) -> None:
        self.rows += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(example())


def _collected(among: dict[str, _Collected], code: str, status: str) -> _Collected:
    if code not in among:
        among[code] = _Collected(code, status)
    return among[code]


def _sorted(collected: dict[str, _Collected]) -> tuple[Reason, ...]:
    return tuple(
        Reason(code=each.code, status=each.status, rows=each.rows, examples=tuple(each.examples))
        for each in sorted(collected.values(), key=lambda each: -each.rows)
    )


def _sent(body: bytes) -> tuple[dict[str, str | int], dict[str, str]]:
    """Fields and attributes of the customer that stands in a request as ``body``; empty for none."""
    if not body:
        return {}, {}
    attributes = json.decode(body, type=NewCustomer).attributes
    fields: dict[str, str | int] = json.decode(body)
    fields.pop("attributes", None)
    return fields, {each.name: each.value for each in attributes.attribute} if attributes else {}
