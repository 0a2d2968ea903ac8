"""A customer as it is posted and as it is kept, and the rules between the two.

The reasons are worded as the interface's document words its examples (``Invalid numbers: '+number;'``).
"""

from __future__ import annotations

import functools
import re
import zoneinfo
from typing import Any, Literal

import msgspec
from msgspec import Struct

from etl.simulator import values
from etl.simulator.dialect import Dialect
from etl.simulator.texts import localised

PHONE_ATTRIBUTES = ("Phone1", "Phone2", "Phone3")
_PHONE_KEYS = {name.lower(): name for name in PHONE_ATTRIBUTES}
_LONGEST_ECHO = 500
_LARGEST_INTEGER = 2**31 - 1


class Attribute(Struct, frozen=True):
    """A name and its value."""

    name: str
    value: str


class AttributeList(Struct, frozen=True):
    """The wrapper in which the interface's examples send attributes."""

    attribute: list[Attribute]


class Customer(Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A customer as it is kept and answered; absent values are left out of the answer."""

    id: str
    external_id: str
    numbers: str
    attributes: AttributeList
    call_count: int
    last_b_number: int
    modification_date: str
    date: str | None = None
    agent_id: str | None = None
    dialing_mode: str | None = None
    preview_time: int | None = None
    priority: int | None = None
    time_zone: str | None = None
    result: str | None = None
    call_result: str | None = None
    classifier: str | None = None


class _Entry(Struct, rename="camel"):
    """The shape of a posted customer. Its ``id``, if any, is ignored: ids are given by the system."""

    external_id: str | None = None
    numbers: str | None = None
    date: str | None = None
    agent_id: str | None = None
    dialing_mode: Literal["PREVIEW", "PREDICTIVE"] | None = None
    preview_time: int | float | None = None
    priority: int | float | None = None
    time_zone: str | None = None
    attributes: Any = None


POSTED = tuple(each.encode_name for each in msgspec.structs.fields(_Entry))
"""The interface's names of the fields that can be posted."""


class InvalidCustomerError(ValueError):
    """Why a customer is refused: the text of an item's ``error``."""


def not_unique(external_id: str, language: str = "en") -> str:
    """The reason why a second customer of this externalId is refused."""
    return localised(f"Invalid externalId: {external_id} : Value is not unique", language)


def shown(answered: Any, form: str) -> Any:
    """Customers, or one (decoded JSON), with their attributes in a dialect's ``form`` instead of wrapped."""
    for each in answered if isinstance(answered, list) else [answered]:
        match each:
            case {"attributes": {"attribute": list(listed)}} if form == "bare":
                each["attributes"] = listed
            case {"attributes": {"attribute": [single]}} if form == "single":
                each["attributes"] = {"attribute": single}
    return answered


def draft(posted: object, *, now: str, dialect: Dialect, loose: bool = False) -> Customer:
    """The customer that ``posted`` (decoded) makes, if its externalId is free.

    ``now`` becomes its modification date. ``loose`` takes numbers in text for numbers, as XML has them.
    Raises InvalidCustomerError, in the dialect's language.
    """
    try:
        return _draft(posted, now=now, dialect=dialect, loose=loose)
    except InvalidCustomerError as error:
        raise InvalidCustomerError(localised(str(error), dialect.language)) from None


def _draft(posted: object, *, now: str, dialect: Dialect, loose: bool) -> Customer:
    try:
        entry = msgspec.convert(posted, _Entry, strict=not loose)
    except msgspec.ValidationError as error:
        raise InvalidCustomerError(f"Invalid customer: {error}") from None
    attributes = _attributes(entry.attributes)
    numbers = _numbers(entry.numbers, attributes, dialect)
    phones = [Attribute(name, number) for name, number in zip(PHONE_ATTRIBUTES, numbers, strict=False)]
    others = [each for each in attributes if each.name.lower() not in _PHONE_KEYS]
    return Customer(
        id=values.new_id(),
        external_id=_external_id(entry.external_id, dialect),
        numbers=";".join(numbers),
        attributes=AttributeList(others + phones),
        call_count=0,
        last_b_number=0,
        modification_date=now,
        date=_date(entry.date),
        agent_id=_agent_id(entry.agent_id),
        dialing_mode=entry.dialing_mode,
        preview_time=_count("previewTime", entry.preview_time),
        priority=_count("priority", entry.priority),
        time_zone=_time_zone(entry.time_zone),
    )


def _attributes(posted: object) -> list[Attribute]:
    """Attributes in any form in use: wrapped, a bare list, and one object in place of a list."""
    if posted == {}:
        return []
    if isinstance(posted, dict) and "attribute" in posted:
        posted = posted["attribute"]
    if posted is None:
        return []
    try:
        found = msgspec.convert(posted if isinstance(posted, list) else [posted], list[Attribute])
    except msgspec.ValidationError as error:
        raise InvalidCustomerError(f"Invalid attributes: {error}") from None
    for each in found:
        if not each.name or "\0" in each.name or "\0" in each.value:
            raise InvalidCustomerError("Invalid attributes: a name is empty, or there is a NUL character")
    return found


def _numbers(given: str | None, attributes: list[Attribute], dialect: Dialect) -> list[str]:
    if given:
        numbers = given.removesuffix(";").split(";")
    else:
        numbers = _numbers_of_attributes(attributes)
        given = ";".join(numbers)
    grammar = _number_grammar(dialect.shortest_number, dialect.longest_number)
    if len(numbers) > len(PHONE_ATTRIBUTES) or not all(map(grammar.fullmatch, numbers)):
        raise InvalidCustomerError(f"Invalid numbers: '{_echo(given)}'")
    return numbers


def _numbers_of_attributes(attributes: list[Attribute]) -> list[str]:
    phones: dict[str, str] = {}
    for each in attributes:
        if each.value and each.name.lower() in _PHONE_KEYS:
            phones.setdefault(_PHONE_KEYS[each.name.lower()], each.value)
    if "Phone1" not in phones:
        raise InvalidCustomerError("Invalid numbers: without numbers, attribute Phone1 is mandatory")
    return [phones[name] for name in PHONE_ATTRIBUTES if name in phones]


@functools.cache
def _number_grammar(shortest: int, longest: int) -> re.Pattern[str]:
    return re.compile(rf"\+?[0-9]{{{shortest},{longest}}}")


def _external_id(given: str | None, dialect: Dialect) -> str:
    if not given:
        return values.new_id()
    if len(given) > dialect.longest_external_id or "\0" in given:
        raise InvalidCustomerError("Invalid externalId: it is too long, or has a NUL character")
    return given


def _date(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return values.instant(given).replace(".000Z", "Z")
    except ValueError as error:
        raise InvalidCustomerError(f"Invalid date: {_echo(given)} : {error}") from None


def _agent_id(given: str | None) -> str | None:
    if given is None:
        return None
    agent = values.id32(given)
    if agent is None:
        raise InvalidCustomerError(f"Invalid agentId: {_echo(given)}")
    return agent


def _count(name: str, given: float | None) -> int | None:
    """A whole number; in JSON ``5.0`` is one too (JSON Schema)."""
    if given is None:
        return None
    if not 0 <= given <= _LARGEST_INTEGER or given != int(given):
        raise InvalidCustomerError(f"Invalid {name}: {given}")
    return int(given)


def _echo(given: str) -> str:
    """A value as a reason repeats it: all of it, unless it is absurd."""
    return given if len(given) <= _LONGEST_ECHO else f"{given[:_LONGEST_ECHO]}…"


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _time_zone(given: str | None) -> str | None:
    if given is not None and given not in _zones():
        raise InvalidCustomerError(f"Invalid timeZone: {_echo(given)}")
    return given
