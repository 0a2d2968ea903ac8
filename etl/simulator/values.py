"""Single values of the interface: ids, times, search patterns."""

from __future__ import annotations

import functools
import re
import secrets
import time
import zoneinfo
from datetime import UTC, datetime

_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def new_id() -> str:
    """A fresh id: 32 hexadecimal digits in upper case, as the interface writes them.

    It begins with the time (like UUID version 7), so that a batch touches few pages of the index.
    """
    return f"{time.time_ns() // 1_000_000:012X}{secrets.token_hex(10).upper()}"


def id32(text: str) -> str | None:
    """``text`` (id32 or id36, any case) as the interface writes ids, or None where it is no id."""
    return text.replace("-", "").upper() if _ID.fullmatch(text) else None


def instant(text: str) -> str:
    """An ISO 8601 time as UTC with milliseconds, ``2026-11-24T07:00:00.000Z``: such texts sort as times do.

    Without an offset it is UTC already, as the interface's document says of its queries. Raises ValueError.
    """
    if not _TIME.fullmatch(text):
        raise ValueError("not an ISO 8601 time")
    given = datetime.fromisoformat(text)
    try:
        return written(given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC))
    except OverflowError:
        raise ValueError("a time outside the years 1 to 9999") from None


def shown(text: str) -> str:
    """A time as the interface shows those that were set: as ``instant`` gives it, but whole seconds bare.

    Raises ValueError.
    """
    return instant(text).replace(".000Z", "Z")


def now() -> str:
    """The present real time, written as ``instant`` does."""
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """A time in UTC, written as ``instant`` does."""
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


def moment(text: str) -> datetime:
    """The time that ``instant`` or ``written`` wrote."""
    return datetime.fromisoformat(text)


@functools.cache
def time_zones() -> frozenset[str]:
    """The names of all time zones (IANA)."""
    return frozenset(zoneinfo.available_timezones())


def is_pattern(text: str) -> bool:
    """Whether a search value has a wildcard."""
    return "*" in text or "?" in text


NEVER = "9999-12-31T23:59:59Z"
"""The ``date`` of a customer who is not to be called again, as the interface's document shows it."""


def as_glob(text: str) -> str:
    """A search value with the interface's ``*`` and ``?`` as an SQLite GLOB pattern."""
    return text.replace("[", "[[]")
