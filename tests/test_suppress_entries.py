"""One entry of a do-not-call list: found again in whatever spelling it stands, in the list or in a row."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings, strategies as st
from phonenumbers import SUPPORTED_REGIONS, PhoneNumberFormat, example_number, format_number

from etl.entries import (
    NumberReader,
    hash_key,
    id_keys,
    is_hash,
    is_valid,
    keys_of,
    number_key,
    reference,
)
from etl.fields import external_id
from etl.records import Normal

LONDON = "+442079460123"
REGIONS = sorted(SUPPORTED_REGIONS)
EXAMPLES = {
    region: example for region in REGIONS if (example := example_number(region)) is not None
}  # regions without one have no numbers to list


def numbers(text: str, region: str = "GB") -> tuple[str, ...]:
    return NumberReader(region).read(text).numbers


# --- spellings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "+442079460123",
        "+44 20 7946 0123",
        "+44 (0)20 7946 0123",
        "+44-20-7946-0123",
        "00442079460123",
        "0044 20 7946 0123",
        "020 7946 0123",
        "02079460123",
        "(020) 7946 0123",
        "020/79460123",
        "2079460123",
        "442079460123",
        "tel: 020 7946 0123",
        "020 7946 0123 ext. 12",
        "٠٢٠٧٩٤٦٠١٢٣",
        "2079460123.0",
    ],
)
def test_every_usual_spelling_of_a_number_is_the_number(text: str) -> None:
    assert LONDON in numbers(text)
    assert NumberReader("GB").read(text).whole


def test_digits_that_may_be_national_or_international_are_both() -> None:
    assert set(numbers("4930231251", "GB")) >= {"+4930231251"}
    assert set(numbers("212555012345", "")) == {"+212555012345"}
    assert set(numbers("2125550123", "US")) >= {"+12125550123"}


def test_without_a_region_national_digits_are_no_number() -> None:
    assert NumberReader("").read("020 7946 0123") == ((), False)


def test_several_numbers_in_an_entry_are_all_listed() -> None:
    assert set(numbers("020 7946 0123; 0121 496 0456")) == {LONDON, "+441214960456"}


@pytest.mark.parametrize("text", ["abc", "12", "+", "4.47911E+11", "n/a", "+99912345678", "1" * 30])
def test_what_is_no_number_is_told_to_be_none(text: str) -> None:
    assert NumberReader("GB").read(text) == ((), False)


def test_a_part_that_can_not_be_read_is_told() -> None:
    read = NumberReader("GB").read("020 7946 0123 or 0999")
    assert (read.numbers, read.whole) == ((LONDON,), False)


def test_words_beside_the_number_do_no_harm() -> None:
    assert NumberReader("GB").read("020 7946 0123 (never again!)") == ((LONDON,), True)


def test_a_number_that_does_not_exist_is_listed_all_the_same() -> None:
    assert numbers("+447700900123") == ("+447700900123",)  # fiction: it fits nobody's valid number
    assert not is_valid("+447700900123")


# --- the quick way --------------------------------------------------------------------------------------


@st.composite
def digit_strings(draw: st.DrawFn) -> tuple[str, str]:
    """A region, and digits as lists have them: at random, behind prefixes, or of a number that exists."""
    region = draw(st.sampled_from([*REGIONS, *["GB", "DE", "US", "FR", "IT", "BR", "RU", "MX", ""] * 8]))
    at_random = st.text("0123456789", min_size=5, max_size=17)
    prefixed = st.tuples(
        st.sampled_from(["0", "00", "1", "8", "06", "44", "49", "180020", "011", "15", "90"]),
        st.text("0123456789", min_size=4, max_size=12),
    ).map("".join)
    own = st.sampled_from(sorted(EXAMPLES)).flatmap(
        lambda home: st.sampled_from(
            [
                "".join(filter(str.isdecimal, format_number(EXAMPLES[home], PhoneNumberFormat.NATIONAL))),
                format_number(EXAMPLES[home], PhoneNumberFormat.E164)[1:],
                f"{EXAMPLES[home].country_code}0{EXAMPLES[home].national_number}",
            ]
        )
    )
    digits = draw(st.one_of(at_random, prefixed, own))[:19]
    return region, draw(st.sampled_from(["", "+"])) + digits


@settings(max_examples=3_000, deadline=None)
@given(digit_strings())
def test_the_quick_way_gives_what_the_full_parse_gives(given_digits: tuple[str, str]) -> None:
    region, digits = given_digits
    quick = NumberReader(region)._quick(digits)
    assert quick is None or quick == reference(digits, region)


@pytest.mark.parametrize("region", ["GB", "DE", "FR", "US", "IT", "NL"])
def test_the_common_forms_go_the_quick_way(region: str) -> None:
    example = EXAMPLES[region]
    reader = NumberReader(region)
    e164 = format_number(example, PhoneNumberFormat.E164)
    national = "".join(filter(str.isdecimal, format_number(example, PhoneNumberFormat.NATIONAL)))
    assert reader._quick(e164) == (e164,)
    found = reader._quick(national)
    assert found is not None
    assert e164 in found


@settings(max_examples=500, deadline=None)
@given(
    region=st.sampled_from(sorted(EXAMPLES)),
    form=st.sampled_from(
        [
            PhoneNumberFormat.E164,
            PhoneNumberFormat.INTERNATIONAL,
            PhoneNumberFormat.NATIONAL,
            PhoneNumberFormat.RFC3966,
        ]
    ),
)
def test_a_number_of_any_region_is_found_in_any_of_its_formats(region: str, form: int) -> None:
    example = EXAMPLES[region]
    assert format_number(example, PhoneNumberFormat.E164) in numbers(format_number(example, form), region)


# --- keys -----------------------------------------------------------------------------------------------


@given(st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z"))
def test_a_hash_and_the_number_it_is_of_have_one_key(e164: str) -> None:
    text = sha256(e164.encode()).hexdigest()
    assert is_hash(text)
    assert hash_key(text) == hash_key(text.upper()) == number_key(e164)


def test_only_sixty_four_hexadecimal_digits_are_a_hash() -> None:
    assert not is_hash("a" * 63)
    assert not is_hash("g" * 64)
    assert not is_hash("1" * 65)


def test_ids_are_compared_without_case_and_a_salesforce_id_in_both_its_lengths() -> None:
    assert id_keys("lead-7") == id_keys("LEAD-7 ")
    assert id_keys("007").isdisjoint(id_keys("7"))
    whole = external_id("0015g00000AbCdE", salesforce18=True)
    assert isinstance(whole, Normal)
    assert len(whole.value) == 18
    assert id_keys("0015g00000AbCdE") & id_keys(whole.value)


def test_a_number_and_an_id_of_the_same_digits_are_two_things() -> None:
    assert number_key(LONDON) not in id_keys(LONDON)


# --- many at once -----------------------------------------------------------------------------------------


@settings(max_examples=3_000, deadline=None)
@given(digit_strings(), st.sampled_from(["", " ", "-"]), st.integers(1, 12))
def test_many_at_once_are_read_as_each_alone(given_digits: tuple[str, str], gap: str, at: int) -> None:
    region, digits = given_digits
    reader = NumberReader(region)
    text = (digits[:at] + gap + digits[at:]).strip()
    (found,) = reader.plain([text])
    assert found is None or (found, True) == reader.read(text)


@pytest.mark.parametrize("text", ["+442079460123", "+44 20 7946 0123", "020 7946 0123", "442079460123"])
def test_the_usual_spellings_are_known_by_their_first_digits(text: str) -> None:
    assert NumberReader("GB").plain([text]) == [(LONDON,)]


@pytest.mark.parametrize("text", ["", "abc", "020 7946 0123 x1", "0999", "(020) 79460123", "\u0660" * 10])
def test_what_is_more_than_digits_is_left_to_be_read_alone(text: str) -> None:
    assert NumberReader("GB").plain([text]) == [None]


def test_keys_of_many_are_the_keys_of_each() -> None:
    e164s = [f"+4420794601{at:02}" for at in range(50)]
    assert keys_of(e164s).tolist() == list(map(number_key, e164s))
    assert keys_of([]).tolist() == []
