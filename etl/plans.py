"""What libphonenumber knows of numbers, in the terms of this project: plans, kinds, validity, forms.

Floor 1, beneath ``etl.numbering``, which weighs readings.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

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

_LONGEST = 15  # ITU-T E.164: country code and number together
_TEN_DIGITS = 9_999_999_999
_GEOGRAPHIC = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


class Plan(NamedTuple):
    """What is needed of a region's numbering plan: ``+code``, the trunk and the international prefix.

    ``fixed`` and ``mobile`` are the lengths that numbers of the kind have, without the trunk prefix.
    """

    region: str
    code: int
    digits: str
    trunk: str
    international: str
    fixed: tuple[int, ...]
    mobile: tuple[int, ...]

    def lengths(self, kind: int) -> tuple[int, ...]:
        """The lengths that numbers of the kind have; of kinds that are of one length mostly, none."""
        if kind == PhoneNumberType.MOBILE:
            return self.mobile
        return self.fixed if kind in _GEOGRAPHIC else ()


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
        fixed=tuple(metadata.fixed_line.possible_length or ()) if metadata.fixed_line else (),
        mobile=tuple(metadata.mobile.possible_length or ()) if metadata.mobile else (),
    )


def parsed(digits: str, region: str | None) -> PhoneNumber | None:
    """Give libphonenumber's own parse of a plus and digits, or of digits in a region, if there is one."""
    try:
        return parse(digits, region)
    except NumberParseException:
        return None


def kind_of(number: PhoneNumber, *, possible: bool = False) -> int | None:
    """Give the type of a valid number, else None; ``possible`` lets UNKNOWN pass where the length fits.

    No number is longer than E.164 allows, though the library thinks some of them valid: two German numbers
    with a space between them, for one.
    """
    if (number.national_number or 0) > _TEN_DIGITS and len(e164_of(number)) > _LONGEST + 1:
        return None
    kind = number_type(number)
    if kind != PhoneNumberType.UNKNOWN:
        return kind
    return kind if possible and _is_possible(number) else None


def _is_possible(number: PhoneNumber) -> bool:
    """Tell a number of fitting length that has its area code and no trunk 0 left in front of it."""
    if is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return False
    plan = plan_of(region_code_for_country_code(number.country_code or 0))
    return not number.italian_leading_zero or plan is None or plan.trunk != "0"


# --- numbers that are not called ------------------------------------------------------------------------

_FILLED = 9
_RUNS = ("1234567890", "9876543210")


def is_placeholder(digits: str) -> bool:
    """Tell 000000, 07777777777, 07000000000 and 1234567890 from a number that somebody answers."""
    rest = digits.lstrip("0")
    if not rest or (len(rest) >= _FILLED and not rest[1:].strip(rest[1])):
        return True
    return len(rest) > 4 and (not rest.strip(rest[0]) or any(rest in run for run in _RUNS))


@lru_cache(maxsize=4096)
def is_emergency(digits: str, plan: Plan | None) -> bool:
    """Tell an emergency number of the plan's region, or of any region where there is no plan."""
    regions = SUPPORTED_REGIONS if plan is None else {plan.region}
    return any(is_emergency_number(digits, region) for region in regions)


def is_short(digits: str, plan: Plan) -> bool:
    """Tell a short number of the plan's region: information, services, emergency."""
    number = PhoneNumber(country_code=plan.code, national_number=int(digits))
    return is_valid_short_number_for_region(number, plan.region)


# --- forms ---------------------------------------------------------------------------------------------

_NOT_DIGIT = re.compile(r"[^0-9]")


def e164_of(number: PhoneNumber) -> str:
    """Give the number in E.164: plus, country code, national number with the zeros that belong to it."""
    if number.italian_leading_zero:
        return f"+{number.country_code}{national_significant_number(number)}"
    return f"+{number.country_code}{number.national_number}"


def national_of(number: PhoneNumber) -> str:
    """Give the digits that are dialled within the number's own country, trunk prefix and all."""
    return _NOT_DIGIT.sub("", format_number(number, PhoneNumberFormat.NATIONAL))
