"""One cleaned number → E.164 and the form it is sent in, by the numbering plans of libphonenumber.

Floor 1, beneath ``etl.phone``: what comes in is ``+`` and digits, or digits. The parse is always
libphonenumber's own; what is added are the readings that it does not tell about.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct
from phonenumbers import (
    SUPPORTED_REGIONS,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
    format_number,
    is_emergency_number,
    is_possible_number_with_reason,
    is_valid_short_number_for_region,
    national_significant_number,
    number_type,
    parse,
    region_code_for_country_code,
)

from etl.quoting import quoted
from etl.records import Fault

_LONGEST_SHORT = 6


class PhoneRules(Struct, frozen=True, kw_only=True):
    """How numbers are read and sent; the profile's ``[phones]`` and ``region``.

    ``region`` is ISO 3166-1 alpha-2 in upper case, ``""`` for none. ``accept`` is ``valid`` or
    ``possible`` (the length alone), ``format`` is ``e164``, ``national``, ``digits`` (E.164 without its
    plus) or ``as-written``, ``bad_beside_good`` is ``drop`` or ``reject``.
    """

    region: str = ""
    accept: str = "valid"
    format: str = "e164"
    premium: bool = False
    bad_beside_good: str = "drop"


class Number(Struct, frozen=True):
    """A number in E.164 and as it is sent; ``e164`` is ``""`` for one sent as written with no region."""

    e164: str
    sent: str


class Plan(NamedTuple):
    """What is needed of a region's numbering plan: ``+code``, the trunk and the international prefix."""

    region: str
    code: int
    digits: str
    trunk: str
    international: str


class Context(NamedTuple):
    """What the reading of a cell goes by, and what it gathers.

    ``without_zero`` holds, by E.164, the warning for each number that lacks the leading 0 of its region:
    fine if no other number in the cell has one, since then a spreadsheet took them off.
    """

    rules: PhoneRules
    plan: Plan | None
    warnings: list[str]
    without_zero: dict[str, str]


@lru_cache(maxsize=512)
def plan_of(region: str) -> Plan | None:
    """Give the numbering plan of a region, None where there is no such region."""
    metadata = PhoneMetadata.metadata_for_region(region) if region in SUPPORTED_REGIONS else None
    if metadata is None or metadata.country_code is None:
        return None
    return Plan(
        region=region,
        code=metadata.country_code,
        digits=str(metadata.country_code),
        trunk=metadata.national_prefix or "",
        international=metadata.international_prefix or "",
    )


def read_number(digits: str, text: str, *, context: Context) -> Number | Fault:
    """Read ``digits`` (``text`` is what they were written as, for messages).

    Without a plus they are national in the context's plan, unless they can only be international; if
    they can be both they are refused.
    """
    written = _Written(digits, text, *context)
    plan = context.plan
    if len(digits) <= _LONGEST_SHORT and _is_emergency(digits.lstrip("+"), plan):
        return _short(text)
    if digits[0] == "+":
        number = _parsed(digits, None)
    elif plan is None:
        return _without_region(written)
    else:
        number = _parsed(digits, plan.region)
        if _may_be_international(digits, number, plan):
            return _weighed(number, written, plan=plan)
    if number is None or (kind := _kind(number, context.rules)) is None:
        return _refused(number, written)
    return _checked(number, written, kind=kind)


class _Written(NamedTuple):
    """One number on its way: what was written, and the context's parts."""

    digits: str
    text: str
    rules: PhoneRules
    plan: Plan | None
    warnings: list[str]
    without_zero: dict[str, str]


def _parsed(digits: str, region: str | None) -> PhoneNumber | None:
    try:
        return parse(digits, region)
    except NumberParseException:
        return None


def _kind(number: PhoneNumber, rules: PhoneRules) -> int | None:
    """Give the type of a number that passes ``accept``, else None; only valid numbers have a known type."""
    kind = number_type(number)
    if kind != PhoneNumberType.UNKNOWN:
        return kind
    return kind if rules.accept == "possible" and _is_possible(number) else None


def _is_possible(number: PhoneNumber) -> bool:
    """Tell a number of fitting length that has its area code and no trunk 0 left in front of it."""
    if is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return False
    plan = plan_of(region_code_for_country_code(number.country_code or 0))
    return not number.italian_leading_zero or plan is None or plan.trunk != "0"


# --- readings that a parse does not tell about ---------------------------------------------------------


def _may_be_international(digits: str, number: PhoneNumber | None, plan: Plan) -> bool:
    if digits.startswith("00"):
        return plan.international != "00"
    if digits.startswith(plan.digits):
        return plan.trunk != plan.digits  # in North America 1 is both, and both mean the same
    return number is not None and number.country_code != plan.code


def _weighed(number: PhoneNumber | None, written: _Written, *, plan: Plan) -> Number | Fault:
    """Read digits that may be national or international: refused, if they can be both."""
    digits, text, rules, _, warnings, _ = written
    plus = ""
    if digits.startswith("00"):
        plus = "+" + digits[2:]
    elif digits.startswith(plan.digits):
        plus = "+" + digits
    elif number is not None and len(digits) < len(_e164(number)) + 1:
        number = None  # Cape Verde and Samoa dial abroad with a single 0: too little to go by
    # As a number it would lose its zeros: two of them are no national number that the library does not know.
    bare = None if digits.startswith("00") else PhoneNumber(plan.code, int(digits))
    readings = {_e164(each): each for each in (number, bare, _parsed(plus, None)) if each is not None}
    good = {e164: (each, kind) for e164, each in readings.items() if (kind := _kind(each, rules)) is not None}
    if len(good) > 1:
        reason = f"{quoted(text)} can be read as {' or as '.join(good)}: write it with a plus"
        return Fault("phone.ambiguous", reason)
    for e164, (only, kind) in good.items():
        if e164 == plus:
            warnings.append(f"{quoted(text)} has a country code without a plus: read as {e164}")
        return _checked(only, written, kind=kind)
    return _refused(number, written)


def _without_region(written: _Written) -> Number | Fault:
    digits, text, rules, *_ = written
    if _is_placeholder(digits):
        return _placeholder(text)
    if rules.format != "as-written":
        reason = f"{quoted(text)} has no country code with a plus, and no region says which country it is in"
        return Fault("phone.no_region", reason)
    if not 3 <= len(digits) <= 20:
        return Fault("phone.invalid", f"{quoted(text)} is too {'short' if len(digits) < 3 else 'long'}")
    return Number("", digits)


# --- what is not dialled -------------------------------------------------------------------------------


def _checked(number: PhoneNumber, written: _Written, *, kind: int) -> Number | Fault:
    """Give the number in its forms, unless it is one that must not be dialled."""
    digits, text, rules, plan, _, without_zero = written
    if kind == PhoneNumberType.PREMIUM_RATE and not rules.premium:
        return Fault("phone.premium", f"{quoted(text)} is a premium rate number: these are not called")
    if kind == PhoneNumberType.PAGER:
        return Fault("phone.pager", f"{quoted(text)} is a pager, not a telephone")
    if _is_placeholder(str(number.national_number)):
        return _placeholder(text)
    if plan is not None and plan.trunk == "0" and digits[0] not in "+0" and _national(number) == "0" + digits:
        without_zero[_e164(number)] = f"{quoted(text)} lacks its leading 0: read as {_e164(number)}"
    return _in_form(number, written)


def _in_form(number: PhoneNumber, written: _Written) -> Number | Fault:
    digits, text, rules, plan, *_ = written
    e164 = _e164(number)
    match rules.format:
        case "digits":
            return Number(e164, e164[1:])
        case "as-written":
            return Number(e164, e164 if digits[0] == "+" or "(0)" in text else digits)
        case "national":
            home = plan_of(rules.region) or plan
            if home is None or home.code != number.country_code:
                reason = f"{quoted(text)} is in another country, and can't be sent in national form"
                return Fault("phone.foreign", reason)
            return Number(e164, _national(number))
    return Number(e164, e164)


def _refused(number: PhoneNumber | None, written: _Written) -> Fault:
    """Say as well as can be known why the digits are no number."""
    digits, text, rules, plan, *_ = written
    if _is_placeholder(digits.lstrip("+")):
        return _placeholder(text)
    if digits[0] == "+" or plan is None:
        return Fault("phone.invalid", f"{quoted(text)} {_what_is_wrong(number)}")
    if len(digits) <= _LONGEST_SHORT and _is_short(digits, plan):
        return _short(text)
    abroad = _parsed("+" + digits, None)
    if digits[0] != "0" and abroad is not None and _kind(abroad, rules) is not None:
        meant = quoted(f"+{digits}")
        reason = f"{quoted(text)} is not a number in {plan.region}: if it is {meant}, write the plus"
        return Fault("phone.ambiguous", reason)
    return Fault("phone.invalid", f"{quoted(text)} {_what_is_wrong(number)} in {plan.region}")


def _what_is_wrong(number: PhoneNumber | None) -> str:
    match None if number is None else is_possible_number_with_reason(number):
        case ValidationResult.TOO_SHORT:
            return "is too short for a phone number"
        case ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            return "lacks the area code of a phone number"
        case ValidationResult.TOO_LONG:
            return "is too long for a phone number"
    return "is not a phone number that exists"


def _short(text: str) -> Fault:
    return Fault("phone.short", f"{quoted(text)} is an emergency or service number: these are never called")


def _placeholder(text: str) -> Fault:
    return Fault("phone.placeholder", f"{quoted(text)} looks like a placeholder, not a real number")


_RUNS = ("1234567890", "9876543210")


def _is_placeholder(digits: str) -> bool:
    """Tell 000000, 07777777777 and 1234567890 from a number that somebody answers."""
    rest = digits.lstrip("0")
    return not rest or (len(rest) > 4 and (not rest.strip(rest[0]) or any(rest in run for run in _RUNS)))


@lru_cache(maxsize=4096)
def _is_emergency(digits: str, plan: Plan | None) -> bool:
    """Tell an emergency number of the plan's region, or of any region where there is no plan."""
    regions = SUPPORTED_REGIONS if plan is None else {plan.region}
    return any(is_emergency_number(digits, region) for region in regions)


def _is_short(digits: str, plan: Plan) -> bool:
    number = PhoneNumber(country_code=plan.code, national_number=int(digits))
    return is_valid_short_number_for_region(number, plan.region)


# --- forms ---------------------------------------------------------------------------------------------

_NOT_DIGIT = re.compile(r"[^0-9]")


def _e164(number: PhoneNumber) -> str:
    if number.italian_leading_zero:
        return f"+{number.country_code}{national_significant_number(number)}"
    return f"+{number.country_code}{number.national_number}"


def _national(number: PhoneNumber) -> str:
    """Give the digits that are dialled within the number's own country, trunk prefix and all."""
    return _NOT_DIGIT.sub("", format_number(number, PhoneNumberFormat.NATIONAL))
