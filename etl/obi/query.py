"""Search parameters: which there are, Python names to the interface's, values to its notation.

A server ignores a parameter that it does not know and answers everything, so a misspelt one is an error here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias, TypedDict

from etl.obi.models import instant
from etl.settings import nearest

Text: TypeAlias = str | None
"""A value in which ``*`` and ``?`` are wildcards, but for ids (id32 or id36). None leaves the filter out."""

Number: TypeAlias = int | str | None
"""A number, or a text with wildcards."""

Moment: TypeAlias = date | str | None
"""A day or a time (without a zone: UTC), or the interface's own text for one."""

Ids: TypeAlias = str | Sequence[str] | None
"""One id, or several."""


class StatisticsFilters(TypedDict, total=False):
    """What ``GET /statistics`` can be asked for: days (UTC, both included), a campaign, an agent."""

    start_date: Moment
    end_date: Moment
    campaign_id: Text
    agent_id: Text


class CampaignStatisticsFilters(TypedDict, total=False):
    """The statistics that come with campaigns: of all time and today's, those of one day, of some agents.

    The last two need ``statistics=True``.
    """

    statistics: bool | None
    statistics_date: Moment
    agent_id: Ids


class CampaignFilters(CampaignStatisticsFilters, total=False):
    """The searchable fields of campaigns. A date finds what is after it, with ``_end`` what is before it."""

    name: Text
    dialer_id: Text
    dialer_name: Text
    dialing_mode: Text
    status: Text
    dialer_status: Text
    queue_id: Text
    queue_name: Text
    custom_ivr_number: Text
    total: Number
    handled: Number
    max_calls: Number
    filtered: Number
    time_zone: Text
    start_date: Moment
    start_date_end: Moment
    end_date: Moment
    end_date_end: Moment
    registered: Moment
    registered_end: Moment


class CustomerFilters(TypedDict, total=False):
    """The searchable fields of customers. A date finds what is after it, with ``_end`` what is before it.

    ``attribute_value`` needs ``attribute_name``. ``include_script`` adds each customer's script and answers.
    """

    include_script: bool | None
    agent_id: Ids
    external_id: Text
    numbers: Text
    result: Text
    call_result: Text
    classifier: Text
    call_count: Number
    last_b_number: Number
    dialing_mode: Text
    preview_time: Number
    priority: Number
    time_zone: Text
    date: Moment
    date_end: Moment
    modification_date: Moment
    modification_date_end: Moment
    attribute_name: Text
    attribute_value: Text


_NEEDS = (
    ("attribute_value", "attribute_name"),
    ("statistics_date", "statistics"),
    ("agent_id", "statistics"),
)
"""The document's rules of the form: the first only beside the second."""


def to_query(filters: Mapping[str, Any], kind: type[Any]) -> dict[str, str]:
    """The query of ``filters``: ``external_id`` becomes ``externalId``, True ``true``; None is left out.

    ``kind`` is the TypedDict that names what there is. Raises TypeError for any other name, and for a filter
    that the server would ignore because it lacks the one that it belongs to; ValueError for an empty list.
    """
    known: frozenset[str] = kind.__optional_keys__
    for name in filters.keys() - known:
        raise TypeError(f"there is no filter {name!r}{nearest(name, known)}")
    given = {name: value for name, value in filters.items() if value is not None}
    for name, needed in _NEEDS:
        if name in given and needed in known and not given.get(needed):
            raise TypeError(f"the filter {name!r} counts beside {needed!r} only")
    return {camel(name): _plain(name, value) for name, value in given.items()}


@lru_cache(maxsize=128)
def camel(name: str) -> str:
    """The interface's name for a Python one."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _plain(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return instant(value)
    if isinstance(value, str | int):
        return str(value)
    if name == "agent_id" and isinstance(value, Sequence):
        if not value:
            raise ValueError("agent_id is an empty list, which a server would take for no filter at all")
        return ",".join(value)
    raise TypeError(f"the filter {name!r} can't be a {type(value).__name__}")
