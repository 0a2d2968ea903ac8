"""Searching campaigns: the server's filters, gone by once more here, since a server may ignore one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Unpack

from msgspec import Struct

from etl.campaigns import id32
from etl.obi import Client
from etl.obi.models import Campaign, instant, moment
from etl.obi.query import CampaignFilters

_IDS = ("dialer_id", "queue_id")
_DATES = ("start_date", "end_date", "registered")
_STATISTICS = ("statistics", "statistics_date")


class Found(Struct, frozen=True):
    """The campaigns that were searched for, and how many others the server answered."""

    campaigns: list[Campaign]
    others: int


async def search(client: Client, **filters: Unpack[CampaignFilters]) -> Found:
    """The campaigns that match the filters.

    Letters count alike in either case here, since a server may see it so; it decides on its own as well.
    Raises TypeError for a filter that there is not, and what the client raises.
    """
    answered = await client.campaigns.list(**filters)
    fitting = [each for each in answered if fits(each, filters)]
    return Found(fitting, len(answered) - len(fitting))


def fits(campaign: Campaign, filters: Mapping[str, Any]) -> bool:
    """Whether nothing that the campaign shows speaks against a filter; a field that is not there does."""
    return all(
        _fits(campaign, name, value)
        for name, value in filters.items()
        if value is not None and name not in _STATISTICS
    )


def _fits(campaign: Campaign, name: str, value: Any) -> bool:
    if name == "agent_id":
        return campaign.stats is not None
    field = name.removesuffix("_end") if name.removesuffix("_end") in _DATES else name
    held = getattr(campaign, field)
    if held is None:
        return False
    if field in _DATES:
        at, bound = moment(held), moment(instant(value) if isinstance(value, date) else value)
        # Whether the bound itself is meant is not said anywhere.
        return at is None or bound is None or (at <= bound if name != field else at >= bound)
    if name in _IDS:
        return (id32(str(held)) or held) == (id32(str(value)) or value)
    return _pattern(str(value)).fullmatch(str(held)) is not None


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    """The interface's wildcards as a regular expression: ``*`` for any text, ``?`` for one character."""
    parts = ({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in text)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
