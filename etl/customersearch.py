"""Searching customers: the server's filters, gone by once more here, since a server may ignore one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple, Unpack

from etl.campaigns import id32
from etl.errors import CampaignError, ContractError, NotFoundError
from etl.exportwalk import Walk, walk
from etl.obi import Client
from etl.obi.models import StoredCustomer, instant, moment
from etl.obi.query import CustomerFilters
from etl.quoting import quoted

_DATES = ("date", "modification_date")
_ATTRIBUTE = ("attribute_name", "attribute_value")
_NO_DIGIT = re.compile(r"[^0-9]")


class Found(NamedTuple):
    """What a search found; ``more``: than its limit. ``walked`` is how it went, None where it ended early."""

    customers: list[StoredCustomer]
    more: bool
    walked: Walk | None


async def search(
    client: Client, campaign_id: str, *, limit: int | None = None, **filters: Unpack[CustomerFilters]
) -> Found:
    """The customers that match the filters, none twice; the first ``limit`` of them.

    Raises TypeError for a filter that there is not, and what the client raises.
    """
    fitting = _Fitting(filters, limit)

    async def page(offset: int, size: int) -> list[StoredCustomer]:
        return await client.customers.list(campaign_id, offset=offset, limit=size, **filters)

    try:
        walked = await walk(page, fitting)
    except _EnoughError:
        return Found(fitting.found[:limit], more=True, walked=None)
    return Found(fitting.found, more=False, walked=walked)


def fits(customer: StoredCustomer, filters: Mapping[str, Any]) -> bool:
    """Whether nothing that the customer shows speaks against a filter; a field that is not there does.

    Letters count alike in either case, since a server may see it so; the bound of a date is in.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    given.pop("include_script", None)
    name, value = (given.pop(each, None) for each in _ATTRIBUTE)
    if name is not None and not _has_attribute(customer, str(name), value):
        return False
    return all(_fits(customer, field, wanted) for field, wanted in given.items())


def number_pattern(text: str) -> str:
    """A search for a number however it is written: its digits between wildcards, without what differs.

    A national number and the same one with its country code end alike, so zeros in front are left out. What
    has wildcards of its own is taken as it is.
    """
    if "*" in text or "?" in text:
        return text
    return f"*{_NO_DIGIT.sub('', text).lstrip('0')}*"


def is_guid(text: str) -> bool:
    """Whether a text has the form of the server's ids (id32 or id36, the document)."""
    return id32(text) is not None


def bare_id(text: str) -> str:
    """An id without its dashes, in upper case, as the server writes it."""
    return text.replace("-", "").upper()


async def find_customer(client: Client, campaign_id: str, given: str) -> StoredCustomer:
    """The customer with this id (id32 or id36) or exactly this externalId, with the script if there is one.

    Raises CampaignError where there is none, and what the client raises.
    """
    if is_guid(given):
        try:
            return await client.customers.get(campaign_id, bare_id(given))
        except (NotFoundError, ContractError):
            await client.campaigns.get(campaign_id)  # where that is gone nothing can be said of customers
    held = await client.customers.find(campaign_id, given)
    if held is None:
        raise CampaignError(
            f"There is no customer with the id or externalId {quoted(given)} in the campaign; "
            "`obi customers list` searches, and case counts."
        )
    try:
        return await client.customers.get(campaign_id, held.id)
    except (NotFoundError, ContractError):
        return held


class _EnoughError(Exception):
    """More were found than are wanted."""


class _Fitting:
    """Keeps whom a walk brings, if they fit."""

    def __init__(self, filters: Mapping[str, Any], limit: int | None) -> None:
        self.found: list[StoredCustomer] = []
        self._filters = filters
        self._limit = limit
        self._places: dict[str, int] = {}

    def met(self, ids: Sequence[str]) -> dict[str, int]:
        """Those of ``ids`` that are known, and as the how manieth."""
        return {each: self._places[each] for each in ids if each in self._places}

    def put(self, page: Sequence[StoredCustomer]) -> int:
        """Keep who is new and fits; how many are new. Raises _EnoughError."""
        new = {each.id: each for each in page if each.id not in self._places}
        self._places |= {each: len(self._places) + at for at, each in enumerate(new)}
        self.found += [each for each in new.values() if fits(each, self._filters)]
        if self._limit is not None and len(self.found) > self._limit:
            raise _EnoughError
        return len(new)


def _fits(customer: StoredCustomer, name: str, value: Any) -> bool:
    if name == "agent_id":
        agents = value.split(",") if isinstance(value, str) else value
        return customer.agent_id is not None and bare_id(customer.agent_id) in {
            bare_id(each.strip()) for each in agents
        }
    field = name.removesuffix("_end") if name.removesuffix("_end") in _DATES else name
    held = getattr(customer, field)
    if held is None:
        return False
    if field in _DATES:
        at, bound = moment(held), moment(instant(value) if isinstance(value, date) else value)
        # Whether the bound itself is meant is not said anywhere.
        return at is None or bound is None or (at <= bound if name != field else at >= bound)
    return _pattern(str(value)).fullmatch(str(held)) is not None


def _has_attribute(customer: StoredCustomer, name: str, value: Any) -> bool:
    return any(
        _pattern(name).fullmatch(each.name)
        and (value is None or _pattern(str(value)).fullmatch(each.value) is not None)
        for each in customer.attributes
    )


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    """The interface's wildcards as a regular expression: ``*`` for any text, ``?`` for one character."""
    parts = ({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in text)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
