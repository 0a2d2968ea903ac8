"""What libphonenumber's metadata say of a whole block of numbers at once; ``etl.plans`` asks of one number.

Floor 1, beneath ``etl.quicknumbers``. The steps are those of the library's ``parse``, ``number_type`` and
``format_number`` for text that is a plus and digits, or digits; where the numbers of a block would go
different ways, Undecided is raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeVar

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberType
from phonenumbers.phonemetadata import PhoneNumberDesc

from etl import digitpatterns
from etl.digitpatterns import Block, Undecided
from etl.plans import is_placeholder

_SHORTEST, _LONGEST = 2, 17  # the library's own bounds of a national number
_LONGEST_CODE = 3
_LONGEST_E164 = 15
Found = TypeVar("Found")


class Numbers(NamedTuple):
    """A block of numbers in E.164: country code, and national (significant) numbers."""

    code: int
    national: Block

    @property
    def e164(self) -> str:
        """What is known of them in E.164, with the plus."""
        return f"+{self.code}{self.national.known}"


def abroad(digits: Block) -> Numbers | None:
    """Give what digits are after a plus, None where the library finds no number."""
    if digits.length <= _SHORTEST:
        return None
    for length in range(1, _LONGEST_CODE + 1):
        if digits.starts_with("0"):
            return None
        rest = digits.after(length)
        code = int(digits.known[:length])
        if regions := COUNTRY_CODE_TO_REGION_CODE.get(code):
            return _national(rest, code=code, metadata=_metadata(code, regions[0]))
    return None


def at_home(digits: Block, region: str) -> Numbers | None:
    """Give what digits are that are dialled in a region, None where the library finds no number."""
    metadata = _region_metadata(region)
    if metadata.international_prefix:
        match = digitpatterns.prefix(metadata.international_prefix).match(digits)
        if match:
            rest = digits.after(match.end())
            if not rest.length or not rest.starts_with("0"):
                return abroad(rest)
    code = metadata.country_code or 0
    if digits.starts_with(str(code)):
        without = _stripped(digits.after(len(str(code))), metadata)
        general = _general(metadata)
        if _is_too_long(digits, metadata) or (not _matches(digits, general) and _matches(without, general)):
            return _national(
                without, code=code, metadata=_metadata(code, COUNTRY_CODE_TO_REGION_CODE[code][0])
            )
    return _national(digits, code=code, metadata=metadata)


def kind(numbers: Numbers) -> int:
    """Give the type of the numbers, UNKNOWN where they are not valid."""
    national = numbers.national
    if len(str(numbers.code)) + national.length > _LONGEST_E164:
        raise Undecided  # too long is what etl.plans says of some of these only
    regions = COUNTRY_CODE_TO_REGION_CODE[numbers.code]
    if len(regions) == 1:
        return _kind(national, _metadata(numbers.code, regions[0]))
    for region in regions:
        metadata = _region_metadata(region)
        if metadata.leading_digits is None:
            if (found := _kind(national, metadata)) != PhoneNumberType.UNKNOWN:
                return found
        elif digitpatterns.beginning(metadata.leading_digits).matches(national):
            return _kind(national, metadata)
    return PhoneNumberType.UNKNOWN


def main_region(numbers: Numbers) -> str:
    """Give the region whose metadata stand for the country code where several share it."""
    return COUNTRY_CODE_TO_REGION_CODE[numbers.code][0]


def is_possible(numbers: Numbers) -> bool:
    """Tell numbers whose length is that of a whole number."""
    metadata = _metadata(numbers.code, main_region(numbers))
    general = _general(metadata)
    length = numbers.national.length
    return length in general.possible_length and length not in general.possible_length_local_only


def national_prefix(numbers: Numbers) -> str:
    """Give what stands before the digits of the numbers in national form.

    Raises Undecided where national form is more than digits in front: mobile numbers in Argentina.
    """
    national = numbers.national
    metadata = _metadata(numbers.code, main_region(numbers))
    for form in metadata.number_format:
        leading = form.leading_digits_pattern
        if leading and not digitpatterns.beginning(leading[-1]).matches(national):
            continue
        if digitpatterns.whole(form.pattern).matches(national):
            return _written_before(form.pattern, form.format, form.national_prefix_formatting_rule or r"\1")
    return ""


def has_placeholder(digits: Block) -> bool:
    """Whether the digits are what people type in for want of one, as ``etl.plans`` tells them."""
    known = digits.known.lstrip("0")
    if not digits.free:
        return is_placeholder(known)
    if len(set(known[1:])) < 2 or _is_run(known):
        raise Undecided
    return False


def _is_run(digits: str) -> bool:
    return digits in "1234567890" or digits in "9876543210"


# --- a region's metadata --------------------------------------------------------------------------------


def _metadata(code: int, region: str) -> PhoneMetadata:
    return _there(PhoneMetadata.metadata_for_region_or_calling_code(code, region))


def _region_metadata(region: str) -> PhoneMetadata:
    return _there(PhoneMetadata.metadata_for_region(region))


def _general(metadata: PhoneMetadata) -> PhoneNumberDesc:
    return _there(metadata.general_desc)


def _there(found: Found | None) -> Found:
    """Give what the library has; nothing can be told of numbers without it."""
    if found is None:
        raise Undecided
    return found


def _matches(digits: Block, description: PhoneNumberDesc | None) -> bool:
    pattern = description.national_number_pattern if description else None
    return bool(pattern) and digitpatterns.whole(pattern).matches(digits)


def _is(national: Block, description: PhoneNumberDesc | None) -> bool:
    if description is None:
        return False
    lengths = description.possible_length
    return (not lengths or national.length in lengths) and _matches(national, description)


_KINDS: tuple[tuple[Callable[[PhoneMetadata], PhoneNumberDesc | None], int], ...] = (
    (lambda metadata: metadata.premium_rate, PhoneNumberType.PREMIUM_RATE),
    (lambda metadata: metadata.toll_free, PhoneNumberType.TOLL_FREE),
    (lambda metadata: metadata.shared_cost, PhoneNumberType.SHARED_COST),
    (lambda metadata: metadata.voip, PhoneNumberType.VOIP),
    (lambda metadata: metadata.personal_number, PhoneNumberType.PERSONAL_NUMBER),
    (lambda metadata: metadata.pager, PhoneNumberType.PAGER),
    (lambda metadata: metadata.uan, PhoneNumberType.UAN),
    (lambda metadata: metadata.voicemail, PhoneNumberType.VOICEMAIL),
)


def _kind(national: Block, metadata: PhoneMetadata) -> int:
    if not _is(national, metadata.general_desc):
        return PhoneNumberType.UNKNOWN
    for description, found in _KINDS:
        if _is(national, description(metadata)):
            return found
    same = metadata.same_mobile_and_fixed_line_pattern
    if _is(national, metadata.fixed_line):
        both = same or _is(national, metadata.mobile)
        return PhoneNumberType.FIXED_LINE_OR_MOBILE if both else PhoneNumberType.FIXED_LINE
    if not same and _is(national, metadata.mobile):
        return PhoneNumberType.MOBILE
    return PhoneNumberType.UNKNOWN


# --- what is taken from the front -----------------------------------------------------------------------


def _national(digits: Block, *, code: int, metadata: PhoneMetadata) -> Numbers | None:
    if digits.length < _SHORTEST:
        return None
    without = _stripped(digits, metadata)
    general = _general(metadata)
    length = without.length
    if length not in general.possible_length_local_only and (
        length in general.possible_length or length > general.possible_length[-1]
    ):
        digits = without
    return Numbers(code, digits) if _SHORTEST <= digits.length <= _LONGEST else None


def _is_too_long(digits: Block, metadata: PhoneMetadata) -> bool:
    general = _general(metadata)
    longest = general.possible_length[-1]
    return digits.length > longest and digits.length not in general.possible_length_local_only


def _stripped(digits: Block, metadata: PhoneMetadata) -> Block:
    """Take the national prefix off, and put in its place what the region's rule says, if it says anything."""
    pattern = metadata.national_prefix_for_parsing
    if not pattern or not digits.length or not (match := digitpatterns.prefix(pattern).match(digits)):
        return digits
    without = digits.after(match.end())
    rule = metadata.national_prefix_transform_rule
    if rule and match[match.re.groups] is not None:
        without = Block(match.expand(rule) + without.known, without.free)
    general = _general(metadata)
    if not _matches(without, general) and _matches(digits, general):
        return digits
    return without


@lru_cache(maxsize=4096)
def _written_before(pattern: str, form: str, rule: str) -> str:
    """Give the digits that a form writes before the number's own, if it writes these in their order."""
    written = _FIRST_GROUP.sub(rule, form, count=1)
    groups = "".join(rf"\{at}" for at in range(1, re.compile(pattern).groups + 1))
    match = _GROUPS.fullmatch(re.sub(r"[^0-9\\]", "", written))
    if match is None or match["groups"] != groups or not _SIMPLE.fullmatch(pattern):
        raise Undecided
    return match["before"]


_FIRST_GROUP = re.compile(r"(\\[0-9])")
_GROUPS = re.compile(r"(?P<before>[0-9]*)(?P<groups>(?:\\[0-9])+)")
_SIMPLE = re.compile(r"(?:\([^()|]*\))+")
