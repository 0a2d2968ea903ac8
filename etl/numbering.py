"""One cleaned number → E.164 and the form it is sent in, by the numbering plans of libphonenumber.

Floor 1, beneath ``etl.phone``: what comes in is ``+`` and digits, or digits. The parse is always
libphonenumber's own; what is added are the readings that it does not tell about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct
from phonenumbers import (
    PhoneNumber,
    PhoneNumberType,
    ValidationResult,
    is_possible_number_with_reason,
    national_significant_number,
    number_type,
)

from etl.plans import (
    Plan,
    e164_of,
    is_emergency,
    is_placeholder,
    is_short,
    kind_of,
    national_of,
    parsed,
    plan_of,
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


class Number(Struct, frozen=True, gc=False):
    """A number in E.164 and as it is sent; ``e164`` is ``""`` for one sent as written with no region."""

    e164: str
    sent: str


class Context(NamedTuple):
    """What the reading of a cell goes by, and what it gathers.

    ``without_zero`` holds, by E.164, the warning for each number that lacks the leading 0 of its region:
    fine if no other number in the cell has one, since then a spreadsheet took them off. ``country`` is what
    stands in the row's country cell, for messages.
    """

    rules: PhoneRules
    plan: Plan | None
    warnings: list[str]
    without_zero: dict[str, str]
    country: str = ""


def read_number(digits: str, text: str, *, context: Context) -> Number | Fault:
    """Read ``digits`` (``text`` is what they were written as, for messages).

    Without a plus they are national in the context's plan, unless they can only be international; if
    they can be both they are refused.
    """
    written = _Written(digits, text, *context)
    plan = context.plan
    if len(digits) <= _LONGEST_SHORT and is_emergency(digits.lstrip("+"), plan):
        return _short(text)
    if digits[0] == "+":
        number = parsed(digits, None)
    elif plan is None:
        return _without_region(written)
    else:
        number = parsed(digits, plan.region)
        if _may_be_international(digits, number, plan):
            return _weighed(number, written, plan=plan)
    if number is None or (kind := written.kind(number)) is None:
        return _mended(written) or _refused(number, written)
    return _checked(number, written, kind=kind)


class _Written(NamedTuple):
    """One number on its way: what was written, and the context's parts."""

    digits: str
    text: str
    rules: PhoneRules
    plan: Plan | None
    warnings: list[str]
    without_zero: dict[str, str]
    country: str

    def kind(self, number: PhoneNumber) -> int | None:
        """The type of a number that passes the rules' ``accept``, else None."""
        return kind_of(number, possible=self.rules.accept == "possible")


# --- readings that a parse does not tell about ---------------------------------------------------------


def _may_be_international(digits: str, number: PhoneNumber | None, plan: Plan) -> bool:
    if digits.startswith("00"):
        return plan.international != "00"
    if digits.startswith(plan.digits):
        return plan.trunk != plan.digits  # in North America 1 is both, and both mean the same
    return number is not None and number.country_code != plan.code


def _abroad(written: _Written) -> PhoneNumber | None:
    """Give what digits are with a plus before them, if that is a number."""
    number = parsed("+" + written.digits, None)
    return number if number is not None and written.kind(number) is not None else None


def _is_unusual_abroad(digits: str, number: PhoneNumber, plan: Plan) -> bool:
    """Tell prefixes that say too little: a single 0 (Cape Verde, Samoa), and 01 where 011 may be meant."""
    if digits.startswith("011") and plan.code != _NORTH_AMERICA:
        return True
    return len(digits) < len(e164_of(number)) + 1


_NORTH_AMERICA = 1


def _weighed(number: PhoneNumber | None, written: _Written, *, plan: Plan) -> Number | Fault:
    """Read digits that may be national or international: refused, if they can be both."""
    digits, text, _, _, warnings, *_ = written
    plus = ""
    if digits.startswith("00"):
        plus = "+" + digits[2:]
    elif digits.startswith(plan.digits):
        plus = "+" + digits
    elif number is not None and _is_unusual_abroad(digits, number, plan):
        number = None
    abroad = parsed(plus, None)
    good = _good_readings(number, abroad, written, plan=plan)
    if len(good) > 1 and abroad is not None and _is_mobile_for_certain(abroad, good.values(), plan):
        good = {e164_of(abroad): PhoneNumberType.MOBILE}
    if len(good) > 1:
        return _two_readings(text, good)
    for only, kind in ((each, good.get(e164_of(each))) for each in (abroad, number) if each is not None):
        if kind is not None and only is abroad:
            warnings.append(f"{quoted(text)} has a country code without a plus: read as {e164_of(only)}")
        if kind is not None:
            return _checked(only, written, kind=kind)
    return _mended(written) or _refused(number, written)


def _good_readings(
    number: PhoneNumber | None, abroad: PhoneNumber | None, written: _Written, *, plan: Plan
) -> dict[str, int]:
    """Give what the digits may mean as E.164 → type: also what the library would not say of itself.

    Its parse takes the own country code away where what is left is a number, and says nothing of the rest.
    """
    digits = written.digits
    others: list[PhoneNumber | None] = [] if digits[0] == "0" else [PhoneNumber(plan.code, int(digits))]
    if plan.region in OWN_ZEROS and (number is None or number == abroad or written.kind(number) is None):
        others.append(parsed("0" + digits, plan.region))
    readings = {e164_of(each): each for each in (number, abroad, *others) if each is not None}
    return {e164: kind for e164, each in readings.items() if (kind := written.kind(each)) is not None}


def _is_mobile_for_certain(abroad: PhoneNumber, kinds: Iterable[int], plan: Plan) -> bool:
    """Tell a mobile number after its own country code from the long area numbers of an open plan.

    491701234567 is a German mobile number without its plus. Nobody means by it one of Leer, 0491 701234567,
    without its 0 and longer than any there.
    """
    return (
        abroad.country_code == plan.code
        and len(plan.mobile) < OPEN <= len(plan.fixed)
        and sorted(kinds) == [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE]
        and number_type(abroad) == PhoneNumberType.MOBILE
    )


_MEXICAN = re.compile(r"(?:\+521|521|01|04[45])([1-9][0-9]{9})")


def _mended(written: _Written) -> Number | Fault | None:
    """Read what is no number as it stands, and one for certain by a rule of its country, if there is one.

    Mexico took its mobile 1 and its trunk prefixes 01, 044 and 045 away in 2019, and exports still have them.
    Where the 0 belongs to the number (Italy, the Ivory Coast, Hungary's 06), a spreadsheet takes it off too.
    """
    digits, text, _, plan, warnings, *_ = written
    home = "MX" if digits.startswith("+521") else plan.region if plan else ""
    if home == "MX" and (match := _MEXICAN.fullmatch(digits)):
        number = parsed(match[1], "MX")
        if number is not None and (kind := written.kind(number)) is not None:
            warnings.append(f"{quoted(text)} has a prefix that Mexico gave up: read as {e164_of(number)}")
            return _checked(number, written, kind=kind)
    if plan is None or digits[0] in "+0" or len(digits) < _SHORTEST_WITHOUT_ZERO:
        return None
    number = parsed("0" + digits, plan.region)
    if number is None or number.country_code != plan.code or (kind := written.kind(number)) is None:
        return None
    if _abroad(written) is not None:
        return _two_readings(text, (e164_of(number), f"+{digits}"))
    return _guessed_zero(number, written, kind=kind) or _checked(number, written, kind=kind)


_COMPACT_DATE = re.compile("(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_SHORTEST_WITHOUT_ZERO = 7
_LONGEST_LOCAL = 8
OPEN = 5


def _guessed_zero(number: PhoneNumber, written: _Written, *, kind: int) -> Fault | None:
    """Take digits that lack the leading 0 of their region for a number, unless they may be something else.

    Short ones may lack an area code as well: in an open plan 23125123 is a number of Berlin or of Dortmund.
    """
    digits, text, _, plan, _, without_zero, _ = written
    e164 = e164_of(number)
    if _COMPACT_DATE.fullmatch(digits):
        return Fault("phone.date", f"{quoted(text)} looks like a date: if it is a number, write it in full")
    lengths = plan.lengths(kind) if plan and kind != PhoneNumberType.MOBILE else ()
    longest = _LONGEST_LOCAL if len(lengths) >= OPEN else _LONGEST_LOCAL - 1
    if len(digits) <= longest and lengths and max(lengths) > len(national_significant_number(number)):
        reason = f"{quoted(text)} lacks its leading 0 or its area code: write it in full"
        return Fault("phone.ambiguous", reason)
    without_zero[e164] = f"{quoted(text)} lacks its leading 0: read as {e164}"
    return None


def _without_region(written: _Written) -> Number | Fault:
    digits, text, rules, *_ = written
    if is_placeholder(digits):
        return _placeholder(text)
    if rules.format != "as-written":
        return Fault("phone.no_region", f"{quoted(text)} {_why_no_region(written)}")
    if not 3 <= len(digits) <= 20:
        return Fault("phone.invalid", f"{quoted(text)} is too {'short' if len(digits) < 3 else 'long'}")
    return Number("", digits)


def _why_no_region(written: _Written) -> str:
    if written.country:
        return (
            f"has no country code with a plus, and the country {quoted(written.country)} is not known: "
            "write its English name or its two letters"
        )
    if written.digits.startswith("00"):
        return "begins with 00, which means a plus in some countries only: write the plus, or set a region"
    return "has no country code with a plus, and no region says which country it is in"


def _meant_otherwise(number: PhoneNumber, written: _Written, *, kind: int) -> Fault | None:
    """Refuse digits without a plus that are another number too: abroad, or at home with a 0 before them.

    Where numbers of a kind have one length, or nearly so, people who write that many digits mean one. In an
    open plan almost any digits are valid: 447911123456 is a number in Germany, and a British mobile number.
    331234567 is a mobile number of the short old kind in Italy, and one of Gallarate without its 0.
    """
    digits, text, _, plan, *_ = written
    if plan is None or digits[0] in "+0":
        return None
    other = None
    if len(plan.lengths(kind)) >= OPEN or kind == PhoneNumberType.VOICEMAIL:
        other = _abroad(written)
    elif plan.region in OWN_ZEROS:
        other = parsed("0" + digits, plan.region)
        short = kind == PhoneNumberType.MOBILE and len(digits) < max(plan.mobile)
        other = other if other is not None and (short or written.kind(other) == kind) else None
    if other is None or written.kind(other) is None or e164_of(other) == e164_of(number):
        return None
    return _two_readings(text, (e164_of(number), e164_of(other)))


OWN_ZEROS = frozenset({"BJ", "CG", "CI", "GA", "IT", "SM", "VA"})
"""Where a 0 belongs to the number, also after the country code."""


def _two_readings(text: str, readings: Iterable[str]) -> Fault:
    reason = f"{quoted(text)} can be read as {' or as '.join(readings)}: write it with a plus"
    return Fault("phone.ambiguous", reason)


# --- what is not dialled -------------------------------------------------------------------------------


NOT_CALLED = {
    PhoneNumberType.PREMIUM_RATE: ("premium", "a premium rate number: these are not called"),
    PhoneNumberType.PAGER: ("pager", "a pager, not a telephone"),
    PhoneNumberType.VOICEMAIL: ("voicemail", "a voicemail box, not a telephone"),
}


def _checked(number: PhoneNumber, written: _Written, *, kind: int) -> Number | Fault:
    """Give the number in its forms, unless it is one that must not be dialled."""
    digits, text, rules, plan, *_ = written
    doubt = _meant_otherwise(number, written, kind=kind)
    if doubt is None and plan is not None and plan.trunk == "0" and digits[0] not in "+0":
        doubt = _guessed_zero(number, written, kind=kind) if national_of(number) == "0" + digits else None
    if doubt is not None:
        return doubt
    if kind in NOT_CALLED and not (kind == PhoneNumberType.PREMIUM_RATE and rules.premium):
        code, what = NOT_CALLED[kind]
        return Fault(f"phone.{code}", f"{quoted(text)} is {what}")
    if is_placeholder(str(number.national_number)):
        return _placeholder(text)
    return _in_form(number, written)


def _in_form(number: PhoneNumber, written: _Written) -> Number | Fault:
    digits, text, rules, plan, *_ = written
    e164 = e164_of(number)
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
            return Number(e164, national_of(number))
    return Number(e164, e164)


def _refused(number: PhoneNumber | None, written: _Written) -> Fault:
    """Say as well as can be known why the digits are no number."""
    digits, text, _, plan, *_ = written
    if is_placeholder(digits.lstrip("+")):
        return _placeholder(text)
    if digits.startswith("+00"):
        return Fault("phone.invalid", f"{quoted(text)} begins with a plus and 00: leave only one of them")
    if digits[0] == "+" or plan is None:
        return Fault("phone.invalid", f"{quoted(text)} {what_is_wrong(number)}")
    if len(digits) <= _LONGEST_SHORT and is_short(digits, plan):
        return _short(text)
    if digits[0] != "0" and _abroad(written) is not None:
        meant = quoted(f"+{digits}")
        reason = f"{quoted(text)} is not a number in {plan.region}: if it is {meant}, write the plus"
        return Fault("phone.ambiguous", reason)
    return Fault("phone.invalid", f"{quoted(text)} {what_is_wrong(number)} in {plan.region}")


def what_is_wrong(number: PhoneNumber | None) -> str:
    """Say why a number is none, by its length and country code alone; None is one that has no parse."""
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
