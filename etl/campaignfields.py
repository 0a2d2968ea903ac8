"""The fields of a campaign that can be changed, and when two values of one come to the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from msgspec import structs

from etl.campaigns import id32
from etl.dates import time_zone
from etl.errors import ConfigError
from etl.obi.models import CampaignUpdate, DialingMode, instant, moment
from etl.quoting import quoted
from etl.records import Fault

Value: TypeAlias = str | float | None
"""None is for no value."""

FIELDS = tuple(each.encode_name for each in structs.fields(CampaignUpdate))
"""The interface's names of what an update replaces, those that it needs first."""

NEEDED = ("name", "dialingMode", "queueId")
"""What no campaign can be without (the interface's document)."""

_HIGHEST = {"abandonRate": 2.0, "increasePredictiveRatio": 100.0}
_MODES = tuple(each.value for each in DialingMode)
_DATES = ("startDate", "endDate")
_CLOSE = 1e-6
"""Of two numbers; some servers keep them in single precision."""


def tidied(field: str, value: Value) -> Value:
    """A new value in the interface's form; None, which clears, stays None.

    Raises ConfigError for a field that there is not, for a value that can't be meant, and where a field that
    is needed would be cleared.
    """
    if field not in FIELDS:
        raise ConfigError(f"A campaign has no {field} that could be changed; there are {', '.join(FIELDS)}.")
    if value is None:
        if field in NEEDED:
            raise ConfigError(f"{field} can't be cleared: every campaign has one.")
        return None
    if field in _HIGHEST:
        return _number(field, value)
    text = str(value).strip()
    if not text:
        raise ConfigError(f"{field} is empty; give a value" + _or_clear(field))
    if not text.isprintable() and field != "remarks":
        raise ConfigError(f"{field} has a character that can't be printed; leave it out.")
    return _READ.get(field, str)(text)


def is_same(field: str, one: Any, other: Any) -> bool:
    """Whether two values of a field, from us or from a server, come to the same."""
    if one in (None, "") or other in (None, ""):
        return one in (None, "") and other in (None, "")
    if field in _DATES and (when := moment(str(one))) is not None:
        return when == moment(str(other))
    if field in _HIGHEST:
        try:
            return math.isclose(float(one), float(other), rel_tol=_CLOSE, abs_tol=_CLOSE)
        except (TypeError, ValueError):
            return False
    if field == "queueId":
        return (id32(str(one)) or one) == (id32(str(other)) or other)
    return str(one) == str(other)


def _or_clear(field: str) -> str:
    return "." if field in NEEDED else ", or say that it is to be cleared."


def _number(field: str, value: Value) -> float:
    highest = _HIGHEST[field]
    try:
        number = float(value or 0)
    except ValueError:
        number = math.nan
    if not 0 <= number <= highest:
        raise ConfigError(f"{field} is a number from 0 to {highest:g}, and {quoted(str(value))} is none.")
    return number


def _when(text: str) -> str:
    """A time with its offset; which midnight a bare day means would be a guess."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{quoted(text)} is not a time; write 2027-04-01T08:00Z.") from None
    if when.tzinfo is None:
        raise ConfigError(
            f"{quoted(text)} does not say in which zone; write 2027-04-01T00:00Z for UTC, or its offset "
            "as in 2027-04-01T00:00+02:00."
        )
    return instant(when)


def _mode(text: str) -> str:
    if text.upper() not in _MODES:
        raise ConfigError(f"dialingMode is one of {', '.join(_MODES)}, and {quoted(text)} is none.")
    return text.upper()


def _queue(text: str) -> str:
    found = id32(text)
    if found is None:
        raise ConfigError(f"queueId is an id of 32 hexadecimal digits, and {quoted(text)} is none.")
    return found


def _zone(text: str) -> str:
    found = time_zone(text)
    if isinstance(found, Fault):
        raise ConfigError(f"timeZone: {found.reason}.")
    return found.value


_READ: dict[str, Callable[[str], str]] = {
    "dialingMode": _mode,
    "queueId": _queue,
    "startDate": _when,
    "endDate": _when,
    "timeZone": _zone,
}
