"""Dates, times and time zones of lead files → the interface's UTC form, or the reason why not.

A date says when a lead may be called: read wrongly, it rings at night. So an order of day and month is
never guessed, and a time without a zone is refused. ``datetime`` throughout: the year 9999, which the
interface uses for "not to be called again", overflows nanosecond timestamps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from etl.quoting import quoted
from etl.records import Fault, Normal

# The mark is the last second of 9999; a day before that year begins, so that it is so in every zone.
_NEVER = datetime(9998, 12, 31)  # noqa: DTZ001  -- compared with the clock's time in any zone
_EARLIEST = datetime(2000, 1, 1)  # noqa: DTZ001  -- the same
_LONGEST = 100

# ISO 8601 dates in calendar and week form, extended or basic; hours to 23, no leap second, any fraction.
_ISO = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-W[0-9]{2}-[1-7]|[0-9]{4}W[0-9]{2}[1-7])"
    r"(?:(?:T| +)(?P<time>(?:[01][0-9]|2[0-3])(?::?[0-5][0-9](?::?[0-5][0-9](?:[.,][0-9]{1,9})?)?)?)"
    r" ?(?P<offset>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?",
    re.IGNORECASE,
)
_ORDERED = re.compile(
    r"([0-9]{1,4})(?P<separator>[./-])([0-9]{1,2})(?P=separator)([0-9]{1,4})"
    r"(?:,? +([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)(?: ?([ap])\.?m\.?)?"
    r"(?: ?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?)?",
    re.IGNORECASE,
)
_ORDERS = ("dmy", "mdy", "ymd")
_SERIAL = re.compile(r"[1-9][0-9]{4}(?:[.,][0-9]+)?")
_WIDE = re.compile(r"[0-9]{6,}")


def date(
    text: str,
    *,
    formats: Sequence[str] = (),
    order: str = "",
    zone: str = "",
    campaign_end: datetime | None = None,
) -> Normal | Fault:
    """Give a date and time as ``YYYY-MM-DDTHH:MM:SSZ``, with a fraction of a second if there is one.

    Read as one of ``formats`` (strptime patterns), as ISO 8601, or as three numbers in ``order`` (``dmy``,
    ``mdy``, ``ymd``; without one, only where a single order is possible). A time without an offset is in
    ``zone`` (IANA name); a date alone is its midnight. ``campaign_end`` is aware, or else in UTC.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return Fault("date.unreadable", "the date is too long to be one")
    found = _readings(text, formats=formats, order=order)
    placed = found if isinstance(found, Fault) else _placed(found, text, zone=zone)
    if isinstance(placed, Fault):
        return placed
    moment, warning = placed
    if campaign_end is not None and moment > _aware(campaign_end):
        reason = (
            f"{text} is after the end of the campaign ({campaign_end:%Y-%m-%d}): it would never be called"
        )
        return Fault("date.after_end", reason)
    return Normal(_utc_form(moment), warning)


def possible_orders(text: str, *, formats: Sequence[str] = ()) -> dict[str, datetime]:
    """The orders in which a text can be read as a date of three numbers, and the day that it is in each.

    Empty for what needs no order: one of ``formats``, the year first with four digits, or no such date.
    """
    match = _ORDERED.fullmatch(text.strip())
    if not match or len(match[1]) > 2 or any(_by_format(text.strip(), formats)):
        return {}
    return _days(match[1], match[3], match[4])


@lru_cache(maxsize=4096)
def _days(first: str, second: str, third: str) -> dict[str, datetime]:
    days = {}
    for order in _ORDERS:
        parts = dict(zip(order, (first, second, third), strict=True))
        with suppress(ValueError):
            days[order] = _built(parts, "", "")
    return days


def time_zone(text: str) -> Normal | Fault:
    """Give an IANA time zone's name in its own spelling, for a name in any case.

    Refused, with what to write: Windows names, offsets, and abbreviations, also those that the tz
    database keeps for old times' sake (``EST`` has no summer time, and who writes it seldom means that).
    """
    name = text.strip()
    known = _zone_names().get(name.casefold())
    if known is not None:
        return Normal(known)
    if re.fullmatch(r"(?:UTC|GMT)? ?[+-]?[0-9]{1,2}(?::?[0-9]{2})?", name, re.IGNORECASE):
        why = "is an offset, which does not know summer time"
    elif re.fullmatch(r"[A-Za-z]{2,5}(?:[0-9][A-Za-z]{3})?", name):
        why = "is an abbreviation, which can mean several zones"
    elif " " in name:
        why = "is not an IANA name (Windows names are not understood)"
    else:
        why = "is not a time zone of the IANA database"
    return Fault("timeZone.unknown", f"{quoted(name)} {why}: write a name such as Europe/London")


# --- readings -----------------------------------------------------------------------------------------


def _readings(text: str, *, formats: Sequence[str], order: str) -> datetime | Fault:
    """Give the one datetime (aware if the text has an offset) that the text can be read as."""
    for source in (_by_format(text, formats), _by_iso(text), _by_order(text, order)):
        found = set(source)
        if len(found) > 1:
            reason = f"{quoted(text)} can be two dates: write it as in {_EXAMPLE}, or state a date_order"
            return Fault("date.ambiguous", reason)
        if found:
            return _in_reach(found.pop(), text)
    return _unreadable(text, order)


_EXAMPLE = "2027-04-03"


def _in_reach(found: datetime, text: str) -> datetime | Fault:
    """Refuse the interface's mark for "not to be called again", and the zero dates of databases."""
    clock = found.replace(tzinfo=None)
    if clock >= _NEVER:
        reason = f"{text} means that the lead is never called: leave it out, or give a real date"
        return Fault("date.never", reason)
    if clock < _EARLIEST:
        return Fault("date.year", f"{text} is in the year {clock.year}, before anything could be called")
    return found


def _by_format(text: str, formats: Sequence[str]) -> Iterator[datetime]:
    for pattern in formats:
        if "%Z" not in pattern:  # strptime reads the name of a zone and then forgets it
            with suppress(ValueError):
                yield datetime.strptime(text, pattern)  # noqa: DTZ007  -- made aware by _placed


def _by_iso(text: str) -> Iterator[datetime]:
    if match := _ISO.fullmatch(text):
        iso = match["date"].upper()
        if match["time"]:
            iso += "T" + match["time"].replace(",", ".") + _offset(match["offset"])
        with suppress(ValueError):
            yield datetime.fromisoformat(iso)


def _offset(text: str | None) -> str:
    return "+00:00" if text and text.upper() in ("Z", "UTC", "GMT") else text or ""


def _by_order(text: str, order: str) -> Iterator[datetime]:
    match = _ORDERED.fullmatch(text)
    if not match:
        return
    first, _, second, third, clock, half, offset = match.groups()
    if len(first) > 2:
        orders: tuple[str, ...] = ("ymd",)
    elif len(third) > 2:
        orders = (order,) if order else ("dmy", "mdy")
    else:
        orders = (order,) if order else _ORDERS
    for each in orders:
        parts = dict(zip(each, (first, second, third), strict=True))
        with suppress(ValueError):
            yield _built(parts, f"{clock} {half}M" if half else clock or "", _offset(offset))


def _built(parts: dict[str, str], clock: str, offset: str) -> datetime:
    year = parts["y"]
    if len(year) == 2:
        year = f"20{year}"
    if len(year) != 4:
        raise ValueError(year)
    hours = f"{'%I' if clock.endswith('M') else '%H'}:%M{':%S' if clock.count(':') == 2 else ''}"
    pattern = f"%Y-%m-%d {hours}{' %p' if clock.endswith('M') else ''}{'%z' if offset else ''}"
    return datetime.strptime(  # noqa: DTZ007  -- made aware by _placed
        f"{year}-{parts['m']}-{parts['d']} {clock or '0:00'}{offset}", pattern
    )


def _unreadable(text: str, order: str) -> Fault:
    if _SERIAL.fullmatch(text):
        reason = (
            f"{text} is a spreadsheet's number for a day: format the column as a date, or write {_EXAMPLE}"
        )
        return Fault("date.serial", reason)
    if order and any(_by_order(text, "")):
        return Fault("date.order", f"{text} is not a date in the order {order}, which the profile sets")
    if _WIDE.fullmatch(text):
        return Fault(
            "date.unreadable",
            f"{quoted(text)} is a number, not a date: write it as in {_EXAMPLE}, or add to date_formats",
        )
    return Fault(
        "date.unreadable",
        f"{quoted(text)} is not a date: write it as in {_EXAMPLE}, or add its format to date_formats",
    )


# --- zones --------------------------------------------------------------------------------------------


def _placed(found: datetime, text: str, *, zone: str) -> tuple[datetime, str] | Fault:
    """Give the moment in UTC that a datetime means in its zone, and a warning where there were two."""
    if found.tzinfo is not None:
        return _moment(found), ""
    if not zone.strip():
        reason = f"{text} names no time zone: give the row one, set one in the profile, or add an offset"
        return Fault("date.no_zone", reason)
    name = time_zone(zone)
    if isinstance(name, Fault):
        return Fault("date.no_zone", f"the time zone of {text} is not known: {name.reason}")
    local = found.replace(tzinfo=_zone(name.value))
    first, second = _moment(local), _moment(local.replace(fold=1))
    if first > second:
        reason = f"{text} does not exist in {name.value}: the clocks skip it as they go forward"
        return Fault("date.gap", reason)
    if first < second:
        return first, f"{text} comes twice in {name.value}, as the clocks go back: the first was taken"
    return first, ""


def _moment(aware: datetime) -> datetime:
    return aware.astimezone(UTC)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    names = (name for name in available_timezones() if "/" in name)
    return {name.casefold(): name for name in (*names, "UTC")}


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


# --- forms --------------------------------------------------------------------------------------------


def _utc_form(moment: datetime) -> str:
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
