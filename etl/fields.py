"""One value → its normal form or the reason why it has none, for every field but the phone numbers.

Each function gives ``Normal`` (the value, and a warning for what was changed) or ``Fault`` (a stable code
``field.what`` and a sentence). The fields and their forms are those of the interface's document; refused is
what could put a lead under a wrong id, or have it called in a wrong way.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from etl.dates import date, time_zone
from etl.quoting import quoted
from etl.records import Fault, Normal

__all__ = [
    "are_plain_ids",
    "attribute_name",
    "attribute_value",
    "call_forbidden",
    "date",
    "derived_external_id",
    "dialing_mode",
    "external_id",
    "guid",
    "have_controls",
    "is_no_id",
    "time_zone",
    "whole_number",
    "yes_no",
]

_MOST = 2**31 - 1
_LONGEST_ID = 255


# --- ids ----------------------------------------------------------------------------------------------

_MANGLED = re.compile(
    r"[+-]?\d(?:[.,]\d+)?E[+-]\d{2,3}|#+|Err:\d+"
    r"|#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|ERROR|SPILL!|CALC!|GETTING_DATA|NOT CALCULATED)",
    re.IGNORECASE,
)
_SALESFORCE15 = re.compile(r"[0-9A-Za-z]{15}")
_SALESFORCE18 = re.compile(r"[0-9A-Za-z]{15}[A-Z0-5]{3}", re.IGNORECASE)
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_GUID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def external_id(text: str, *, prefix: str = "", salesforce18: bool = False) -> Normal | Fault:
    """Give an external id, trimmed, behind ``prefix``; invisible characters go, with a warning.

    ``*`` and ``?`` are refused since look-ups read them as wildcards. ``salesforce18`` turns Salesforce's
    15 characters, which differ by case alone, into the 18 that don't, and checks those that have 18.
    """
    visible = text if text.isascii() else "".join(c for c in text if unicodedata.category(c) != "Cf")
    value = visible.strip()
    if fault := _unfit(prefix + value if value else ""):
        return fault
    if _MANGLED.fullmatch(value):
        return Fault(
            "externalId.mangled", f"a spreadsheet has damaged the id to {value}: take it from the source"
        )
    if salesforce18 and _SALESFORCE15.fullmatch(value):
        value += _salesforce_checksum(value)
    elif salesforce18 and _SALESFORCE18.fullmatch(value) and value[15:] != _salesforce_checksum(value):
        return Fault("externalId.checksum", "upper and lower case of the Salesforce id have been changed")
    warning = "invisible characters were taken out of the id" if visible != text else ""
    return Normal(prefix + value, warning)


def are_plain_ids(cells: Sequence[str], *, prefix: str = "") -> bool:
    """Tell whether ``external_id`` would give every one of the cells as it is, behind ``prefix``.

    None of them stands for no id then. It is a look at all of them together, and may say no wrongly.
    """
    joined = "".join((prefix, *cells))
    lines = "\n".join(("", *cells, ""))
    return (
        joined.isascii()
        and joined.isprintable()
        and "*" not in joined
        and "?" not in joined
        and " \n" not in lines
        and not _NOT_PLAIN.search(lines)
        and len(prefix) + max(map(len, cells)) <= _LONGEST_ID
    )


def is_no_id(text: str) -> bool:
    """Whether a cell is empty, or has what databases and people write for that: ``NULL``, ``n/a``, ``-``."""
    return text.strip().casefold() in _NO_ID


# NA is not among them: it stays what it is, as every text does.
_NO_ID = frozenset(("", "null", "(null)", "\\n", "n/a", "none", "nan", "undefined", "-", "--"))


_NOT_PLAIN = re.compile(
    r"\n(?: |(?:[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]+|#.*|Err:.*"
    rf"|{'|'.join(map(re.escape, sorted(_NO_ID)))})\n)",
    re.IGNORECASE,
)
"""A line of ids that stands for none, was mangled, or begins with a blank."""


def _unfit(value: str) -> Fault | None:
    if not value:
        return Fault("externalId.missing", "there is no externalId")
    if "*" in value or "?" in value:
        return Fault(
            "externalId.wildcard", f"{quoted(value)} has * or ? in it, which searches read as wildcards"
        )
    if _has_controls(value):
        return Fault("externalId.control", "the id has a line break or another control character in it")
    if len(value) > _LONGEST_ID:
        return Fault("externalId.long", f"the id is longer than {_LONGEST_ID} characters")
    return None


def _salesforce_checksum(value: str) -> str:
    """Give the three characters that say which of the first fifteen are in upper case, five each."""
    groups = (value[at : at + 5] for at in (0, 5, 10))
    return "".join(
        _CHECKSUM[sum(1 << place for place, char in enumerate(group) if char.isupper())] for group in groups
    )


def derived_external_id(e164: str, parts: Sequence[str] = ()) -> str:
    """Give the id of a row that has none: ``d1-`` and 32 hexadecimal digits of a SHA-256.

    It depends on the first good number and on ``parts`` (trimmed, in order), each behind its length so
    that no two rows join to the same text. It must never change: a repeated load is recognised by it.
    """
    texts = [
        unicodedata.normalize("NFC", part.strip()).encode("utf-8", "surrogatepass") for part in (e164, *parts)
    ]
    joined = b"".join([b"%d:%b" % (len(text), text) for text in texts])
    return f"d1-{hashlib.sha256(joined).hexdigest()[:32]}"


def guid(text: str) -> Normal | Fault:
    """Give an agent's id as 32 hexadecimal digits in upper case, from id32 or id36, in braces or not."""
    value = text.strip()
    if value.startswith("{") and value.endswith("}"):
        value = value[1:-1]
    if _GUID.fullmatch(value):
        return Normal(value.replace("-", "").upper())
    return Fault(
        "agentId.invalid",
        f"{quoted(text)} is not an agent's id: 32 hexadecimal digits, with or without dashes",
    )


# --- choices and numbers --------------------------------------------------------------------------------

_MODES = ("PREVIEW", "PREDICTIVE")
_WHOLE = re.compile(r"\+?([0-9]{1,20})(?:[.,]0{1,2})?")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YES = _words(
    "1 1.0 y yes true t x on oui o ja j si sí sì s sim wahr vrai verdadero vero da tak ano kyllä evet "
    "checked ✓ ✔ ☑ ✅"
)
_NO = _words("0 0.0 n no false f off non nein nee nej não nao falsch faux falso nie ei ne unchecked ☐ - null")
_SAYS_NOTHING = _words("- null")
_FORBID = frozenset(
    (
        "do not allow", "don't allow", "not allowed", "disallow", "do not call", "don't call",
        "do not contact", "dnc", "opted out", "opted-out", "opt out", "opt-out", "optout", "unsubscribed",
        "blocked", "not callable", "listed", "registered", "on list", "nicht zulassen", "nicht erlaubt",
        "nicht anrufen", "gesperrt", "ne pas autoriser", "ne pas appeler", "no permitir", "no llamar",
        "non consentire",
    )
)  # fmt: skip
_ALLOW = frozenset(
    (
        "allow", "allowed", "callable", "can call", "ok to call", "opted in", "opted-in", "opt in",
        "opt-in", "optin", "subscribed", "clear", "clean", "not listed", "not registered", "not on list",
        "zulassen", "erlaubt", "autoriser", "permitir", "consentire",
    )
)  # fmt: skip
"""What the value of a column says about calls, whichever way round its header asks."""


def dialing_mode(text: str) -> Normal | Fault:
    """Give PREVIEW or PREDICTIVE, the two modes of a customer, from any case."""
    value = text.strip().upper()
    if value in _MODES:
        return Normal(value)
    return Fault(
        "dialingMode.unknown",
        f"{quoted(text)} is not a dialing mode of customers: write PREVIEW or PREDICTIVE",
    )


def whole_number(text: str, *, field: str) -> Normal | Fault:
    """Give a whole number from 0 to 2,147,483,647 in digits; a number cell's ``5.0`` is 5."""
    value = text.strip()
    if not value.isascii() or not (match := _WHOLE.fullmatch(value)):
        return Fault(f"{field}.invalid", f"{quoted(text)} is not a whole number of 0 or more")
    if (number := int(match[1])) > _MOST:
        return Fault(f"{field}.large", f"{quoted(text)} is more than {_MOST}")
    return Normal(str(number))


def yes_no(text: str) -> bool | None:
    """Read a flag: yes or no in the larger languages; empty is no. None where it can't be read."""
    value = text.strip().casefold()
    if value in _YES:
        return True
    return False if not value or value in _NO else None


def call_forbidden(text: str, *, asks_for_leave: bool = False) -> bool | None:
    """Tell whether a do-not-call column's value says that nobody may call; None where it can't be read.

    ``asks_for_leave`` is true of columns of the other sense (``ContactCallable``), whose no forbids. Words
    that speak of calls themselves (``Do Not Allow``, ``Opted Out``) mean the same in both. An empty value
    forbids nothing.
    """
    value = " ".join(text.split()).casefold()
    if not value or value in _SAYS_NOTHING:
        return False
    if value in _FORBID or value in _ALLOW:
        return value in _FORBID
    said = yes_no(value)
    return None if said is None else said is not asks_for_leave


# --- attributes -----------------------------------------------------------------------------------------


def attribute_name(text: str) -> Normal:
    """Give an attribute's name on one line, trimmed, without control characters."""
    spaced = " ".join(re.split(r"[\t\r\n]+", text.strip()))
    value = "".join(char for char in spaced if not _is_control(char)).strip()
    return Normal(value, _STRIPPED if len(value) != len(spaced.strip()) else "")


def attribute_value(text: str) -> Normal:
    """Give a value without control characters but line breaks and tabs, which people do write."""
    value = _UNSENT.sub("", text)
    return Normal(value, _STRIPPED if len(value) != len(text) else "")


def have_controls(values: Iterable[str]) -> bool:
    """Tell whether ``attribute_value`` would change any of the values."""
    joined = "".join(values)
    return not joined.isprintable() and _UNSENT.search(joined) is not None


_UNSENT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What ``_is_control`` tells, but for line breaks and tabs."""

_STRIPPED = "control characters were taken out"


def _has_controls(text: str) -> bool:
    return not text.isprintable() and any(map(_is_control, text))


def _is_control(char: str) -> bool:
    """Tell controls (C0, C1, DEL), line and paragraph separators, and halves of characters (surrogates)."""
    return unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
