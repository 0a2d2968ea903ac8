"""Which customers an export means: what the server is asked for, and the same rules again on our side.

A server may ignore a filter that it does not know and give everybody, so that the filter alone proves
nothing; it takes one value a filter, too, so that of several nothing is asked and all are sorted here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from msgspec import Struct

from etl.errors import ConfigError
from etl.obi.models import StoredCustomer
from etl.obi.query import CustomerFilters

_AGE = re.compile(r"(\d{1,6})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ID = re.compile(r"[0-9A-F]{32}")
_TICK = timedelta(seconds=1)
"""The document does not say whether "after" takes in the instant itself, nor how finely a server compares."""


class Choice(Struct, frozen=True, kw_only=True, dict=True):
    """Conditions, all of which must hold; of several values of one, any.

    ``results``, ``call_results``, ``classifiers`` and ``external_ids`` are patterns with ``*`` and ``?``, an
    empty one for customers that have no such value. ``agents`` are ids. ``attributes`` are names, with a
    value or None for any; both are patterns. Case makes no difference on our side. ``since`` is the first
    modificationDate that counts, ``before`` the first that does not any more.
    """

    results: tuple[str, ...] = ()
    call_results: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str | None], ...] = ()
    since: datetime | None = None
    before: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse with ConfigError what could mean nobody."""
        for agent in self.agents:
            if not _ID.fullmatch(_id32(agent)):
                raise ConfigError(
                    f"The agent {agent!r} is no id: 32 hexadecimal digits, with dashes or without."
                )
        for name, _ in self.attributes:
            if not name.strip():
                raise ConfigError("An attribute is named NAME or NAME=VALUE, and the name is missing.")
        if self.since and self.before and self.since >= self.before:
            raise ConfigError("Nothing can be modified since a time and before an earlier one; mend the two.")

    def asked(self) -> CustomerFilters:
        """What the server is asked for: each condition that it can take."""
        filters: CustomerFilters = {
            "result": _single(self.results),
            "call_result": _single(self.call_results),
            "classifier": _single(self.classifiers),
            "external_id": _single(self.external_ids),
            "agent_id": [_id32(agent) for agent in self.agents] or None,
            "modification_date": self.since and _shifted(self.since, -_TICK),
            "modification_date_end": self.before and _shifted(self.before, _TICK),
        }
        if self.attributes:
            name, value = self.attributes[0]
            filters |= {"attribute_name": name.strip(), "attribute_value": value or None}
        return filters

    def _several(self) -> dict[str, tuple[str, ...]]:
        """The values of all conditions but the dates, by the command's names for them."""
        return {
            "result": self.results,
            "call-result": self.call_results,
            "classifier": self.classifiers,
            "external-id": self.external_ids,
            "agent": tuple(_id32(agent) for agent in self.agents),
            "attribute": tuple(
                name if value is None else f"{name}={value}" for name, value in self.attributes
            ),
        }

    def fits(self, customer: StoredCustomer) -> bool:
        """Whether all conditions hold; a modificationDate that can't be read counts as one that fits."""
        return all(holds(customer) for holds in self._rules)

    def was_asked_for(self, customer: StoredCustomer) -> bool:
        """Whether a server that takes every filter of ``asked`` may have given this customer."""
        return all(holds(customer) for holds in self._asked_rules)

    @cached_property
    def _rules(self) -> tuple[Callable[[StoredCustomer], bool], ...]:
        return tuple(_rules(self))

    @cached_property
    def _asked_rules(self) -> tuple[Callable[[StoredCustomer], bool], ...]:
        asked = Choice(
            results=_lone(self.results),
            call_results=_lone(self.call_results),
            classifiers=_lone(self.classifiers),
            external_ids=_lone(self.external_ids),
            agents=self.agents,
            attributes=self.attributes[:1],
            since=self.since and _shifted(self.since, -2 * _TICK),
            before=self.before and _shifted(self.before, 2 * _TICK),
        )
        return asked._rules

    def meant(self) -> list[tuple[str, list[str]]]:
        """The conditions in one form, however they were written: what differs in it means others."""
        several = {name: sorted({*map(_folded, values)}) for name, values in self._several().items()}
        dates = {"modified-since": self.since, "modified-before": self.before}
        several |= {name: [when.astimezone(UTC).isoformat()] for name, when in dates.items() if when}
        return sorted((name, values) for name, values in several.items() if values)

    def told(self) -> dict[str, str]:
        """The conditions in words, by the command's names for them."""
        several = self._several()
        told = {
            name: " or ".join(each or '""' for each in values) for name, values in several.items() if values
        }
        if self.attributes:
            told["attribute"] = told["attribute"].replace(" or ", " and ")
        if self.since:
            told["modified-since"] = self.since.isoformat()
        if self.before:
            told["modified-before"] = self.before.isoformat()
        return told


def moment_of(when: str | date | None, *, now: datetime | None = None) -> datetime | None:
    """The aware time that somebody means: ISO 8601 (UTC where no zone is named), a day, or an age.

    An age is ``90m``, ``12h``, ``2d``, ``1w``: so long before ``now``. None and an empty text are None.
    Raises ConfigError.
    """
    if not when:
        return None
    if isinstance(when, datetime):
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    if isinstance(when, date):
        return datetime.combine(when, time.min, UTC)
    text = when.strip()
    try:
        if age := _AGE.fullmatch(text):
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{text!r} is no time: write 2027-04-03, 2027-04-03T18:00:00+02:00 (UTC where no zone is named), "
            "or an age such as 12h or 2d."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def attribute_of(given: str) -> tuple[str, str | None]:
    """The name, and the value or None for any, that ``NAME[=VALUE]`` means."""
    name, equals, value = given.partition("=")
    return name.strip(), value if equals else None


def _rules(choice: Choice) -> Iterable[Callable[[StoredCustomer], bool]]:
    """One rule a condition."""
    texts = (
        ("result", choice.results),
        ("call_result", choice.call_results),
        ("classifier", choice.classifiers),
        ("external_id", choice.external_ids),
    )
    for name, patterns in texts:
        if patterns:
            yield _text_rule(name, patterns)
    if choice.agents:
        agents = {_id32(agent) for agent in choice.agents}
        yield lambda customer: _id32(customer.agent_id or "") in agents
    for name, value in choice.attributes:
        yield _attribute_rule(name, value)
    if choice.since or choice.before:
        yield _date_rule(choice.since, choice.before)


def _text_rule(name: str, patterns: Sequence[str]) -> Callable[[StoredCustomer], bool]:
    wanted = _any_of(patterns)
    return lambda customer: bool(wanted.fullmatch((getattr(customer, name) or "").strip()))


def _attribute_rule(name: str, value: str | None) -> Callable[[StoredCustomer], bool]:
    names, values = _any_of([name]), None if value is None else _any_of([value])
    return lambda customer: any(
        names.fullmatch(each.name.strip()) and (values is None or values.fullmatch(each.value.strip()))
        for each in customer.attributes
    )


def _date_rule(since: datetime | None, before: datetime | None) -> Callable[[StoredCustomer], bool]:
    def holds(customer: StoredCustomer) -> bool:
        modified = customer.modified_at
        if modified is None:
            return True
        return (since is None or modified >= since) and (before is None or modified < before)

    return holds


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """What fits one of the patterns as a whole; only ``*`` and ``?`` mean something in them."""
    wild = {"*": ".*", "?": "."}
    each = ("".join(wild.get(char, re.escape(char)) for char in pattern.strip()) for pattern in patterns)
    return re.compile("|".join(f"(?:{one})" for one in each), re.IGNORECASE | re.DOTALL)


def _single(values: tuple[str, ...]) -> str | None:
    """The only value; an empty one, which a server may read as no filter, is not asked for."""
    return (values[0].strip() or None) if len(values) == 1 else None


def _lone(values: tuple[str, ...]) -> tuple[str, ...]:
    return values if _single(values) else ()


def _folded(pattern: str) -> str:
    return pattern.strip().casefold()


def _id32(text: str) -> str:
    return text.strip().replace("-", "").upper()


def _shifted(when: datetime, by: timedelta) -> datetime:
    try:
        return when + by
    except OverflowError:
        return when
