"""Customers as a table: our own fields, then attributes in order of first appearance, then script answers.

What columns there are is known only when every customer was looked at once (``Survey``); ``Columns`` then
makes their cells. All cells are text, as the interface gave it: zeros, a leading plus and the year 9999 stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from etl.namesback import NamesBack, listed
from etl.obi.models import StoredCustomer

Cells = list[list[str | None]]

_PHONES = ("phone1", "phone2", "phone3")
_FIELDS = {
    "externalId": "external_id",
    "numbers": "numbers",
    "result": "result",
    "callResult": "call_result",
    "classifier": "classifier",
    "callCount": "call_count",
    "lastBNumber": "last_b_number",
    "date": "date",
    "agentId": "agent_id",
    "dialingMode": "dialing_mode",
    "previewTime": "preview_time",
    "priority": "priority",
    "timeZone": "time_zone",
    "modificationDate": "modification_date",
    "id": "id",
}
OWN = (
    "externalId",
    "numbers",
    *_PHONES,
    *[name for name in _FIELDS if name not in {"externalId", "numbers"}],
)
"""The columns of every export, by the interface's names; ``phone1`` and so on are the numbers one by one."""

_SCRIPT = "script"
_NAMELESS = "(no name)"
_UNASKED = "(no question)"

_Key = tuple[str, int]
"""A name, and whether it is a customer's first, second, … of that name."""


class Survey:
    """What a table of customers needs, learned from all of them.

    ``longest`` is the length of the longest cell, ``foreign`` the number of externalIds that lack the
    prefix of the names, ``derived`` of those that a load made, ``dateless`` that of customers without a
    readable modificationDate. ``odd`` customers lack values that could not be read, of ``odd_fields``.
    """

    def __init__(self, names: NamesBack, *, script: bool) -> None:
        self.rows = 0
        self.longest = 0
        self.foreign = 0
        self.derived = 0
        self.odd = 0
        self.odd_fields: set[str] = set()
        self.dateless = 0
        self._names = names
        self._script = script
        self._most_numbers = 0
        self._attributes: dict[_Key, None] = {}
        self._questions: dict[_Key, None] = {}

    def look_at(self, customers: Iterable[StoredCustomer]) -> None:
        """Learn from some customers."""
        for customer in customers:
            self.rows += 1
            derived = self._names.was_derived(customer.external_id or "")
            self.derived += derived
            self.foreign += not derived and self._names.lacks_prefix(customer.external_id or "")
            self.odd += bool(customer.unreadable)
            self.odd_fields.update(customer.unreadable)
            self.dateless += customer.modified_at is None
            self._most_numbers = max(self._most_numbers, len(numbers_of(customer)))
            attributes, answers = _attributes(customer), _answers(customer) if self._script else []
            self._attributes.update(dict.fromkeys(key for key, _ in attributes))
            self._questions.update(dict.fromkeys(key for key, _ in answers))
            self._measure(customer.numbers or "", customer.external_id or "")
            self._measure(*(value for _, value in attributes), *(value for _, value in answers))

    def _measure(self, *texts: str) -> None:
        self.longest = max(self.longest, *map(len, texts), 0)

    def columns(self, *, absent: str | None) -> Columns:
        """The columns of all customers; ``absent`` is the cell of what a customer does not have."""
        own = [name for name in OWN if self._has(name)] + [_SCRIPT] * self._script
        attributes = _distinct(self._attributes)
        questions = [(f"answer: {question}", nth) for question, nth in self._questions]
        names = _apart([*attributes, *_distinct(questions)])
        told = self._names.headers(own, names)
        headers = list(told.names)
        if self._script:  # its place is before its answers
            at = len(own) - 1
            headers.insert(at + len(attributes), headers.pop(at))
            own = own[:-1]
        return Columns(
            headers=tuple(headers),
            notes=(*self._names.notes, *_told_apart([*self._attributes, *questions], names), *told.notes),
            own=tuple(own),
            attributes=tuple(self._attributes),
            questions=tuple(self._questions),
            names=self._names,
            script=self._script,
            absent=absent,
        )

    def _has(self, name: str) -> bool:
        if name == "numbers":
            return not self._names.phone_headers or self._most_numbers > len(_PHONES)
        return name not in _PHONES or not self._names.numbers_header


class Columns(Struct, frozen=True, kw_only=True):
    """The columns of one table: ``headers``, all different, and ``notes`` on how they came about."""

    headers: tuple[str, ...]
    notes: tuple[str, ...]
    own: tuple[str, ...]
    attributes: tuple[_Key, ...]
    questions: tuple[_Key, ...]
    names: NamesBack
    script: bool
    absent: str | None

    def cells(self, customers: Sequence[StoredCustomer]) -> Cells:
        """The cells of some customers, a list a column."""
        cells = [[self._own(name, customer) for customer in customers] for name in self.own]
        cells += self._spread(self.attributes, map(_attributes, customers), len(customers))
        if self.script:
            scripts = [customer.script.name if customer.script else None for customer in customers]
            cells.append([self.absent if name is None else name for name in scripts])
            cells += self._spread(self.questions, map(_answers, customers), len(customers))
        return cells

    def _own(self, name: str, customer: StoredCustomer) -> str | None:
        if name in _PHONES:
            numbers, at = numbers_of(customer), _PHONES.index(name)
            return numbers[at] if at < len(numbers) else self.absent
        value = getattr(customer, _FIELDS[name])
        if value is None:
            return self.absent
        return self.names.external_id(value) if name == "externalId" else str(value)

    def _spread(
        self, keys: Sequence[_Key], held: Iterable[list[tuple[_Key, str]]], rows: int
    ) -> Iterator[list[str | None]]:
        """Named values, one list a customer, as one list a name."""
        columns = {key: [self.absent] * rows for key in keys}
        for row, pairs in enumerate(held):
            for key, value in pairs:
                columns[key][row] = value
        yield from columns.values()


def numbers_of(customer: StoredCustomer) -> tuple[str, ...]:
    """The numbers one by one; where the server shows none, those of the attributes Phone1 to Phone3."""
    if customer.number_list:
        return customer.number_list
    phones = {name.strip().casefold(): value.strip() for name, value in _pairs(customer)}
    return tuple(phones[name] for name in _PHONES if phones.get(name))


def _pairs(customer: StoredCustomer) -> Iterator[tuple[str, str]]:
    return ((each.name, each.value) for each in customer.attributes)


def _attributes(customer: StoredCustomer) -> list[tuple[_Key, str]]:
    """The attributes, without Phone1 to Phone3 where they repeat the numbers, as the interface has it."""
    numbers = dict(zip(_PHONES, numbers_of(customer), strict=False))
    return _numbered(
        (name if name.strip() else _NAMELESS, value)
        for name, value in _pairs(customer)
        if (phone := name.strip().casefold()) not in _PHONES or numbers.get(phone, "") != value.strip()
    )


def _answers(customer: StoredCustomer) -> list[tuple[_Key, str]]:
    answers = customer.script.answers if customer.script else ()
    return _numbered((each.question or _UNASKED, each.answer or "") for each in answers)


def _numbered(pairs: Iterable[tuple[str, str]]) -> list[tuple[_Key, str]]:
    """Pairs whose keys differ: the second value of a name must not take the place of the first."""
    seen: Counter[str] = Counter()
    numbered = []
    for name, value in pairs:
        seen[name] += 1
        numbered.append(((name, seen[name]), value))
    return numbered


def _distinct(keys: Iterable[_Key]) -> list[str]:
    """A name for each key: its own, with its number from the second on."""
    return [name if nth == 1 else f"{name} ({nth})" for name, nth in keys]


def _told_apart(keys: Sequence[_Key], names: Sequence[str]) -> Iterator[str]:
    """What a person should know of names that are a customer's second, or look like one."""
    pairs = [(name, given) for (name, _), given in zip(keys, names, strict=True) if name != given]
    if pairs:
        yield f"Names that a customer has more than once: {listed(pairs)}."


def _apart(names: Sequence[str]) -> list[str]:
    """The names, those that stand there already with a number."""
    whole, given = set(names), set[str]()
    apart = []
    for name in names:
        each, ordinal = name, 2
        while each in given or (each != name and each in whole):
            each, ordinal = f"{name} ({ordinal})", ordinal + 1
        given.add(each)
        apart.append(each)
    return apart
