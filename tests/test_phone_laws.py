"""The law of phone numbers, against an oracle of its own: what can be read in two ways is never sent.

The oracle derives every reading that somebody could have meant from libphonenumber alone, without a line of
the product: as it stands, in the region, with a plus, with the international prefix, with the 0 that a
spreadsheet takes off.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable
from functools import cache

import phonenumbers
import pytest
from hypothesis import example, given, settings, strategies as st
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from etl.phone import CellReading, PhoneRules, read_cell

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = {
    name: kind for name, kind in vars(PhoneNumberType).items() if isinstance(kind, int) and 0 <= kind <= 10
}
NOT_DIALLED = {"PREMIUM_RATE": "premium", "PAGER": "pager", "VOICEMAIL": "voicemail"}


def read(text: str, region: str) -> CellReading:
    return read_cell(text, PhoneRules(region=region))


def e164s(reading: CellReading) -> list[str]:
    return [number.e164 for number in reading.numbers]


def codes(reading: CellReading) -> list[str]:
    return [fault.code for fault in reading.faults]


# --- the oracle ------------------------------------------


def parsed(text: str, region: str | None) -> PhoneNumber | None:
    """The library's number, if it is valid and no longer than a number may be (ITU-T E.164)."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) and len(e164(number)) <= 16 else None


def e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def meanings(written: str, region: str) -> dict[str, str]:
    """How ``+`` and digits could have been meant → the valid number that it gives."""
    spellings: dict[str, tuple[str, str | None]] = {"as it stands": (written, region)}
    if written[0] not in "+0":
        spellings |= {"a plus is missing": ("+" + written, None), "a 0 is missing": ("0" + written, region)}
    for prefix in ("00", "011"):
        if written.startswith(prefix):
            spellings[f"{prefix} is a plus"] = ("+" + written.removeprefix(prefix), None)
    if region == "MX" and (match := re.fullmatch(r"(?:1|521|01|044|045)([0-9]{10})", written)):
        spellings["without a prefix of old"] = (match[1], "MX")
    if match := re.fullmatch(r"\+521([0-9]{10})", written):
        spellings["without a prefix of old"] = (match[1], "MX")
    numbers = {how: parsed(*spelling) for how, spelling in spellings.items()}
    return {how: e164(number) for how, number in numbers.items() if number is not None}


def metadata_of(region: str) -> phonenumbers.PhoneMetadata:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    return metadata


@cache
def lengths(region: str, kind: int) -> int:
    """How many lengths the numbers of a kind have in a region, where it is a kind that areas have."""
    metadata = metadata_of(region)
    kinds = {0: metadata.fixed_line, 1: metadata.mobile, 2: metadata.fixed_line}
    described = kinds.get(kind)
    return len(described.possible_length) if described else 1


def is_short_mobile(number: PhoneNumber, region: str) -> bool:
    mobile = metadata_of(region).mobile
    longest = max(mobile.possible_length) if mobile else 0
    is_mobile = phonenumbers.number_type(number) == PhoneNumberType.MOBILE
    has_own_zeros = region in {"BJ", "CG", "CI", "GA", "IT", "SM", "VA"}
    digits = phonenumbers.national_significant_number(number)
    return is_mobile and has_own_zeros and not digits.startswith("0") and len(digits) < longest


def is_how_people_write(written: str, region: str, meant: dict[str, str]) -> bool:
    """A national number of a kind with few lengths, and with no country code of its own in front: no guess.

    Where a 0 belongs to the number, a mobile number that is shorter than others may lack one.
    """
    number = parsed(written, region)
    metadata = metadata_of(region)
    code = str(metadata.country_code)
    return (
        number is not None
        and str(number.country_code) == code
        and (written.startswith("0") or lengths(region, phonenumbers.number_type(number)) < 5)
        and (
            "a plus is missing" not in meant
            or not written.startswith(code)
            or metadata.national_prefix == code
        )
        and not ("a 0 is missing" in meant and is_short_mobile(number, region))
        and phonenumbers.number_type(number) != PhoneNumberType.VOICEMAIL
    )


def is_mobile_with_its_code(written: str, region: str, e164: str) -> bool:
    """A mobile number after its country code, in a plan whose area numbers may have nearly any length."""
    number = parsed(e164, None)
    return (
        e164 == "+" + written
        and number is not None
        and phonenumbers.number_type(number) == PhoneNumberType.MOBILE
        and number.country_code == metadata_of(region).country_code
        and lengths(region, PhoneNumberType.MOBILE) < 5 <= lengths(region, PhoneNumberType.FIXED_LINE)
    )


# --- law 1: whatever is written ------------------------------------------


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, str]:
    """Digits near a number that exists somewhere, in some spelling, and a region that may be another."""
    home = draw(st.sampled_from(REGIONS))
    kind = draw(st.sampled_from([0, 1, 1, 2, 3, 6, 7]))
    number = phonenumbers.example_number_for_type(home, kind) or phonenumbers.example_number(home)
    assert number is not None
    digits = phonenumbers.national_significant_number(number)
    changed = draw(st.integers(0, min(5, len(digits) - 1)))
    tail = draw(st.text(string.digits, min_size=changed, max_size=changed))
    digits = digits[: len(digits) - changed] + tail
    prefix = draw(
        st.sampled_from(["", "", "0", "+{}", "{}", "00{}", "011{}", "+{}0", "{}0", "8", "1", "0015"])
    )
    region = draw(st.sampled_from([home, home, home, *REGIONS]))
    return prefix.format(number.country_code) + digits, region


COMMON = ["GB", "DE", "US", "IT", "FR", "NO", "AT", "BR", "RU", "JP", "AR", "MX", "HU", "CI", "LU", "FI"]
ANY_DIGITS = st.tuples(st.from_regex(r"\A\+?[0-9]{5,16}\Z"), st.sampled_from(COMMON))


@settings(max_examples=2500, deadline=None)
@example(case=("447911123456", "DE"))
@example(case=("33612345678", "IT"))
@example(case=("33612345678", "LU"))
@example(case=("6031234", "GA"))
@example(case=("0119752345678", "SB"))
@example(case=("070123456", "MU"))
@example(case=("39010000", "IT"))
@example(case=("390000000", "IT"))
@example(case=("030123450306789", "DE"))
@given(case=st.one_of(spelled(), spelled(), ANY_DIGITS))
def test_what_is_sent_is_the_only_meaning_or_the_way_people_write(case: tuple[str, str]) -> None:
    written, region = case
    meant = meanings(written, region)
    sent = e164s(read(written, region))
    assert set(sent) <= set(meant.values())
    if len(set(meant.values())) > 1 and sent and not is_mobile_with_its_code(written, region, sent[0]):
        assert sent == [meant.get("as it stands")], meant
        assert is_how_people_write(written, region, meant), meant


@settings(max_examples=800, deadline=None)
@given(
    case=spelled(),
    gaps=st.lists(st.sampled_from(["", " ", "-", ".", " - ", "  "]), min_size=24, max_size=24),
    around=st.sampled_from(
        ["{}", " {} ", "Tel: {}", "'{}", '"{}"', "Mobile {}", "{} (m)", "{};", "tel:{}", "[{}]"]
    ),
)
def test_spaces_and_labels_do_not_change_a_number(
    case: tuple[str, str], gaps: list[str], around: str
) -> None:
    written, region = case
    spaced = "".join(char + gap for char, gap in zip(written[:24], gaps, strict=False)) + written[24:]
    plain, dressed = e164s(read(written, region)), e164s(read(around.format(spaced), region))
    assert dressed in ([], plain)


@settings(max_examples=400, deadline=None)
@given(
    first=spelled(),
    second=spelled(),
    between=st.sampled_from([" ", "/", ",", ";", "\n", " / ", " or ", "-", ""]),
)
def test_two_numbers_in_a_cell_never_make_a_third(
    first: tuple[str, str], second: tuple[str, str], between: str
) -> None:
    region = first[1]
    both = read(first[0] + between + second[0], region)
    joined = (
        meanings(first[0] + second[0], region) if between in {"", " ", "-"} and second[0][0] != "+" else {}
    )
    known = {*joined.values()}
    for written, _ in (first, second):
        known |= set(meanings(written, region).values())
    if between in {"/", " / "}:  # 030/23125123 is one number
        for digits in ((first[0] + second[0]).replace("+", ""), first[0] + second[0].lstrip("+")):
            known |= set(meanings(digits, region).values())
    assert set(e164s(both)) <= known


# --- law 2: every example of every region, in every usual spelling ------------------------------------------


def fmt(number: PhoneNumber, form: int) -> str:
    return phonenumbers.format_number(number, form)


def international(number: PhoneNumber) -> str:
    return fmt(number, PhoneNumberFormat.INTERNATIONAL)


def national(number: PhoneNumber) -> str:
    return fmt(number, PhoneNumberFormat.NATIONAL)


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if char in string.digits + "+" else char for char in text)


def has_prefix(number: PhoneNumber, prefix: str) -> bool:
    region = phonenumbers.region_code_for_number(number) or ""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    return metadata is not None and metadata.international_prefix == prefix


SURE: dict[str, Callable[[PhoneNumber], str]] = {
    "E.164": e164,
    "international": international,
    "RFC 3966": lambda n: fmt(n, PhoneNumberFormat.RFC3966),
    "labelled": lambda n: "Mobile: " + international(n),
    "no-break spaces": lambda n: international(n).replace(" ", "\u00a0"),
    "full-width digits": lambda n: full_width(international(n)),
    "with an apostrophe": lambda n: "'" + e164(n),
    "dashes": lambda n: international(n).replace(" ", "-"),
    "00": lambda n: "00" + e164(n)[1:] if has_prefix(n, "00") else "",
    "011": lambda n: "011" + e164(n)[1:] if n.country_code == 1 else "",
}
NATIONAL: dict[str, Callable[[PhoneNumber], str]] = {
    "national": national,
    "national digits": lambda n: re.sub(r"[^0-9]", "", national(n)),
    "national, dots": lambda n: re.sub(r"[ -]", ".", national(n)),
    "national, dashes": lambda n: national(n).replace(" ", "-"),
}
GUESSED: dict[str, Callable[[PhoneNumber], str]] = {
    "no plus": lambda n: e164(n)[1:],
    "no plus, a number cell": lambda n: e164(n)[1:] + ".0",
    "no trunk prefix": phonenumbers.national_significant_number,
    "no leading zeros, a number cell": lambda n: f"{n.national_number}.0",
    "brackets": lambda n: "({}) {}".format(*_halves(phonenumbers.national_significant_number(n))),
    "(0)": lambda n: f"+{n.country_code} (0){phonenumbers.national_significant_number(n)}",
}
REASONS = {"SURE": {"placeholder"}, "NATIONAL": {"placeholder", "date", "ambiguous"}}


def _halves(digits: str) -> tuple[str, str]:
    return digits[:3], digits[3:]


def examples() -> list[tuple[str, str, PhoneNumber]]:
    """Region, kind and number of each example that the library has."""
    return [
        (region, kind, number)
        for region in REGIONS
        for kind in KINDS
        if (number := phonenumbers.example_number_for_type(region, KINDS[kind])) is not None
    ]


EXAMPLES = examples()
PLACEHOLDER = re.compile(r"0*(?:(.)\1*|.(.)\2{7,}|\d+)")


def is_true(code: str, text: str, region: str, number: PhoneNumber) -> bool:
    """Whether the reason for a refusal holds: nobody may be told what is not so."""
    digits = re.sub(r"[^0-9+]", "", text.removesuffix(".0"))
    nsn = str(number.national_number)
    match code:
        case "placeholder":
            return (
                len(set(nsn)) == 1 or nsn in "1234567890" or nsn in "9876543210" or set(nsn[1:]) == {nsn[-1]}
            )
        case "date":
            return re.fullmatch(r"\d\d([.-])\d\d\1\d\d", text) is not None or nsn[:2] in {"19", "20"}
        case "ambiguous" if "(" in text:
            return True
        case "ambiguous":
            several = len(set(meanings(digits, region).values())) > 1
            return several or (len(digits) <= 8 and not digits.startswith("0"))
        case "invalid":
            return e164(number) not in meanings(digits, region).values() or len(digits) < 7
    return False


@pytest.mark.parametrize("name", [*SURE, *NATIONAL, *GUESSED])
def test_an_example_of_every_region_and_kind_comes_out_right_or_is_truly_refused(name: str) -> None:
    spell = {**SURE, **NATIONAL, **GUESSED}[name]
    allowed = {"placeholder"} if name in SURE else {"placeholder", "date", "ambiguous"}
    allowed |= {"invalid"} if name in GUESSED else set()
    seen: Counter[str] = Counter()
    for region, kind, number in EXAMPLES:
        if not (text := spell(number)):
            continue
        reading = read(text, region)
        if kind in NOT_DIALLED:
            assert not reading.numbers
        elif reading.numbers:
            assert e164s(reading) == [e164(number)], (region, kind, text)
            seen["right"] += 1
        else:
            code = reading.faults[0].code.removeprefix("phone.")
            assert code in allowed, (region, kind, text, reading.faults)
            assert is_true(code, text, region, number), (region, kind, text, reading.faults)
            seen[code] += 1
    assert seen["right"] >= 0.9 * seen.total(), seen


@pytest.mark.parametrize("name", SURE)
def test_kinds_that_are_not_dialled_are_refused_by_their_name(name: str) -> None:
    for region, kind, number in EXAMPLES:
        if kind in NOT_DIALLED and (text := SURE[name](number)):
            assert codes(read(text, region)) in ([f"phone.{NOT_DIALLED[kind]}"], ["phone.placeholder"])


def test_an_emergency_or_short_number_of_any_region_is_never_dialled_there() -> None:
    for region in REGIONS:
        for cost in (None, 0, 1, 2, 3):
            short = (
                shortnumberinfo._example_short_number(region)
                if cost is None
                else shortnumberinfo._example_short_number_for_cost(region, cost)
            )
            if short and parsed(short, region) is None:
                for text in (short, f"Tel: {short}", f"+{short}"):
                    assert not read(text, region).numbers, (region, text)


# --- peculiar plans ------------------------------------------

PLANS = [
    ("IT", "06 69812345", "+390669812345"),
    ("IT", "+39 06 69812345", "+390669812345"),
    ("IT", "+39 (0)6 69812345", "+390669812345"),
    ("IT", "669812345", "+390669812345"),
    ("IT", "333 1234567", "+393331234567"),
    ("IT", "331 2345678", "+393312345678"),
    ("IT", "331234567", ""),
    ("IT", "+39 (0)333 1234567", "+393331234567"),
    ("IT", "+39 (0)312 3456789", ""),
    ("VA", "06 69812345", "+390669812345"),
    ("SM", "0549 886377", "+3780549886377"),
    ("SM", "+378 0549 886377", "+3780549886377"),
    ("CI", "07 07 12 34 56", "+2250707123456"),
    ("CI", "707123456", "+2250707123456"),
    ("CI", "07 12 34 56", ""),
    ("AR", "011 15-2345-6789", "+5491123456789"),
    ("AR", "+54 9 11 2345 6789", "+5491123456789"),
    ("AR", "+54 11 15 2345 6789", "+5491123456789"),
    ("AR", "15 2345 6789", ""),
    ("MX", "55 1234 5678", "+525512345678"),
    ("MX", "+52 1 55 1234 5678", "+525512345678"),
    ("US", "+52 1 55 1234 5678", "+525512345678"),
    ("MX", "044 55 1234 5678", "+525512345678"),
    ("MX", "01 55 1234 5678", "+525512345678"),
    ("BR", "(11) 96123-4567", "+5511961234567"),
    ("BR", "0 15 11 96123-4567", "+5511961234567"),
    ("BR", "961234567", ""),
    ("DE", "030 231250", "+4930231250"),
    ("DE", "030 23125-0", "+4930231250"),
    ("DE", "030 23125-123", "+493023125123"),
    ("DE", "0151 23456789", "+4915123456789"),
    ("DE", "4915123456789", "+4915123456789"),
    ("DE", "491701234567", "+491701234567"),
    ("DE", "492112345", ""),
    ("DE", "23125123", ""),
    ("DE", "3023125123", "+493023125123"),
    ("DE", "447911123456", ""),
    ("DE", "030 12345 030 67890", ""),
    ("AT", "0664 1234567", "+436641234567"),
    ("AT", "192.168.10.10", ""),
    ("FI", "040 1234567", "+358401234567"),
    ("FI", "00358 40 1234567", "+358401234567"),
    ("HU", "06 20 123 4567", "+36201234567"),
    ("HU", "(06-1) 234-5679", "+3612345679"),
    ("HU", "6201234567", "+36201234567"),
    ("HU", "+36 20 123 4567", "+36201234567"),
    ("RU", "8 (495) 123-45-67", "+74951234567"),
    ("RU", "+7 495 123-45-67", "+74951234567"),
    ("RU", "8 10 44 20 7946 0123", "+442079460123"),
    ("KZ", "8 (701) 123 45 68", "+77011234568"),
    ("KZ", "+7 701 123 45 68", "+77011234568"),
    ("LT", "8 612 34567", "+37061234567"),
    ("LT", "0 612 34567", "+37061234567"),
    ("SG", "8123 4567", "+6581234567"),
    ("SG", "6512 3457", "+6565123457"),
    ("SG", "65 8123 4567", "+6581234567"),
    ("CV", "991 12 34", "+2389911234"),
    ("CV", "0 44 20 7946 0123", ""),
    ("US", "242-359-1234", "+12423591234"),
    ("US", "604 555 0123", "+16045550123"),
    ("CA", "1-876-555-1234", "+18765551234"),
    ("JM", "876 555 1234", "+18765551234"),
    ("BS", "359-1234", "+12423591234"),
    ("JE", "01534 456789", "+441534456789"),
    ("GB", "01534 456789", "+441534456789"),
    ("GG", "020 7946 0123", "+442079460123"),
    ("IM", "+44 7624 123457", "+447624123457"),
    ("NO", "+47 (0)22 33 44 55", "+4722334455"),
    ("LU", "33612345678", ""),
    ("DK", "20 12 34 56", "+4520123456"),
]


@pytest.mark.parametrize(("region", "text", "expected"), PLANS)
def test_the_peculiar_plans_of_the_world_are_known(region: str, text: str, expected: str) -> None:
    reading = read(text, region)
    assert e164s(reading) == ([expected] if expected else [])
    assert bool(reading.faults) is not bool(expected)


def test_the_regions_whose_numbers_begin_with_their_own_zero_are_those_that_the_library_has() -> None:
    from etl.numbering import OWN_ZEROS  # noqa: PLC0415  -- the one detail that is copied from the library

    zeros = {region for region, kind, number in EXAMPLES if number.italian_leading_zero and KINDS[kind] < 3}
    assert zeros <= OWN_ZEROS
