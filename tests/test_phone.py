"""The laws of phone cells: never a wrong number in silence, and a reason for whatever is refused."""

from __future__ import annotations

import string

import phonenumbers
import pytest
from hypothesis import example, given, settings, strategies as st
from phonenumbers import PhoneNumberFormat

from etl.phone import (
    CellReading,
    Number,
    PhoneRules,
    mask,
    read_cell,
    read_row,
    region_of,
    time_zone_of,
)

LONDON, LONDON_2 = "+442079460123", "+442079460124"
BERLIN, BERLIN_2 = "+493023125123", "+493023125124"
NEW_YORK, MOBILE = "+12125550123", "+447911123456"


def read(text: str, region: str = "", *, accept: str = "valid", form: str = "e164") -> CellReading:
    return read_cell(text, PhoneRules(region=region, accept=accept, format=form))


def e164s(reading: CellReading) -> list[str]:
    return [number.e164 for number in reading.numbers]


def codes(reading: CellReading) -> list[str]:
    return [fault.code for fault in reading.faults]


# --- cells as people write them -------------------------------------------------------------------------

CLEAN = [
    # as it should be
    ("+442079460123", "", LONDON),
    ("+44 20 7946 0123", "", LONDON),
    ("+44-20-7946-0123", "DE", LONDON),
    ("+44.20.7946.0123", "US", LONDON),
    ("+ 44 20 7946 0123", "GB", LONDON),
    ("  +44 20 7946 0123  ", "GB", LONDON),
    ("02079460123", "GB", LONDON),
    ("020 7946 0123", "GB", LONDON),
    ("(020) 7946 0123", "GB", LONDON),
    ("(020)79460123", "GB", LONDON),
    ("020-7946-0123", "GB", LONDON),
    ("020.7946.0123", "GB", LONDON),
    ("(02079460123)", "GB", LONDON),
    ("020 7946 0123.", "GB", LONDON),
    ("+44 (0)20 7946 0123", "GB", LONDON),
    ("+44 (0) 20 7946 0123", "DE", LONDON),
    ("+44(0)(20)7946 0123", "GB", LONDON),
    ("+(44) 20 7946 0123", "GB", LONDON),
    ("(+44) 20 7946 0123", "GB", LONDON),
    ("0044 20 7946 0123", "GB", LONDON),
    ("00442079460123", "DE", LONDON),
    ("00 44 (0)20 7946 0123", "GB", LONDON),
    ("011 44 20 7946 0123", "US", LONDON),
    ("0011 44 20 7946 0123", "AU", LONDON),
    ("010 44 20 7946 0123", "JP", LONDON),
    ("8 10 44 20 7946 0123", "RU", LONDON),
    ("030 23125123", "DE", BERLIN),
    ("(030) 23125123", "DE", BERLIN),
    ("030/23125123", "DE", BERLIN),
    ("030 / 23125123", "DE", BERLIN),
    ("030/23125-123", "DE", BERLIN),
    ("(030)/23125123", "DE", BERLIN),
    ("+49/30/23125123", "DE", BERLIN),
    ("+49 (0)30/23125123", "DE", BERLIN),
    ("0049/30/23125123", "DE", BERLIN),
    ("030 23125-123", "DE", BERLIN),
    ("0664/1234567", "AT", "+436641234567"),
    ("+43/1/58858", "", "+43158858"),
    ("06.12.34.56.78", "FR", "+33612345678"),
    ("06 12 34 56 78", "FR", "+33612345678"),
    ("(212) 555-0123", "US", NEW_YORK),
    ("212-555-0123", "US", NEW_YORK),
    ("212.555.0123", "CA", NEW_YORK),
    ("212/555-0123", "US", NEW_YORK),
    ("1 212 555 0123", "US", NEW_YORK),
    ("12125550123", "US", NEW_YORK),
    ("1-212-555-0123", "US", NEW_YORK),
    ("+39 06 69812345", "IT", "+390669812345"),
    ("+39 (0)6 69812345", "IT", "+390669812345"),
    ("06 69812345", "IT", "+390669812345"),
    ("3912345678", "IT", "+393912345678"),
    ("8 (495) 123-45-67", "RU", "+74951234567"),
    ("(11) 96123-4567", "BR", "+5511961234567"),
    ("22 33 44 55", "NO", "+4722334455"),
    # labels, links, odd characters
    ("tel:+44-20-7946-0123", "", LONDON),
    ("TEL:020 7946 0123", "GB", LONDON),
    ("Tel. 020 7946 0123", "GB", LONDON),
    ("Tel.: 030/23125123", "DE", BERLIN),
    ("Tel No: 020 7946 0123", "GB", LONDON),
    ("Mobile: 07911 123456", "GB", MOBILE),
    ("Mobile/WhatsApp: 07911 123456", "GB", MOBILE),
    ("Handy 0151 23456789", "DE", "+4915123456789"),
    ("m: 07911 123456", "GB", MOBILE),
    ("(m) 07911 123456", "GB", MOBILE),
    ("07911 123456 (m)", "GB", MOBILE),
    ("07911 123456 (mobile)", "GB", MOBILE),
    ("07911 123456 mobile", "GB", MOBILE),
    ("020 7946 0123 (Büro)", "GB", LONDON),
    ("０２０７９４６０１２３", "GB", LONDON),
    ("＋４４ ２０ ７９４６ ０１２３", "GB", LONDON),
    ("+٤٤ ٢٠ ٧٩٤٦ ٠١٢٣", "", LONDON),
    ("020\u00a07946\u202f0123", "GB", LONDON),
    ("\u202a+44 20 7946 0123\u202c", "", LONDON),
    ("\ufeff020\u200b7946\u20600123", "GB", LONDON),
    ("020\u20117946\u20130123", "GB", LONDON),
    ("020\u22127946\u22120123", "GB", LONDON),
    ("020\t7946\t0123", "GB", LONDON),
]


@pytest.mark.parametrize(("text", "region", "expected"), CLEAN)
def test_a_usual_spelling_is_read_without_a_warning(text: str, region: str, expected: str) -> None:
    assert read(text, region) == CellReading((Number(expected, expected),))


WARNED = [
    ("447911123456", "GB", MOBILE, "without a plus"),
    ("44 7911 123456", "GB", MOBILE, "without a plus"),
    ("49 30 23125123", "DE", BERLIN, "without a plus"),
    ("393312345678", "IT", "+393312345678", "without a plus"),
    ("447911123456.0", "GB", MOBILE, "decimals"),
    ("447911123456.00", "GB", MOBILE, "decimals"),
    ("447911123456,0", "GB", MOBILE, "decimals"),
    ("2079460123.0", "GB", LONDON, "decimals"),
    ("7911123456", "GB", MOBILE, "leading 0"),
    ("30 23125123", "DE", BERLIN, "leading 0"),
    ("0044 20 7946 0123", "US", LONDON, "without a plus"),
    ("020 7946 0123 ext 5", "GB", LONDON, "extension 5"),
    ("020 7946 0123 ext. 5", "GB", LONDON, "extension 5"),
    ("020 7946 0123, ext 5", "GB", LONDON, "extension 5"),
    ("020 7946 0123 Extension: 12", "GB", LONDON, "extension 12"),
    ("020 7946 0123x5", "GB", LONDON, "extension 5"),
    ("020 7946 0123 x 5", "GB", LONDON, "extension 5"),
    ("020 7946 0123 #5", "GB", LONDON, "extension 5"),
    ("020 7946 0123;ext=5", "GB", LONDON, "extension 5"),
    ("tel:+44-20-7946-0123;ext=5", "", LONDON, "extension 5"),
    ("020 7946 0123 (ext 5)", "GB", LONDON, "extension 5"),
    ("030 23125123 Durchwahl 12", "DE", BERLIN, "extension 12"),
    ("01 70 18 99 00 poste 12", "FR", "+33170189900", "extension 12"),
    ("'02079460123", "GB", LONDON, "quotation mark"),
    ("'+442079460123", "GB", LONDON, "quotation mark"),
    ('="02079460123"', "GB", LONDON, "quotation mark"),
    ('"02079460123"', "GB", LONDON, "quotation mark"),
    ("1-800-FLOWERS", "US", "+18003569377", "keys"),
    ("1800FLOWERS", "US", "+18003569377", "keys"),
    ("1 (800) GO-FEDEX", "US", "+18004633339", "keys"),
    ("0800 BERATEN", "DE", "+498002372836", "keys"),
]


@pytest.mark.parametrize(("text", "region", "expected", "warning"), WARNED)
def test_what_was_guessed_or_dropped_is_told(text: str, region: str, expected: str, warning: str) -> None:
    reading = read(text, region)
    assert (e164s(reading), codes(reading)) == ([expected], [])
    assert any(warning in told for told in reading.warnings)


REFUSED = [
    ("4.47E+11", "GB", "digits_lost"),
    ("4,47E+11", "DE", "digits_lost"),
    ("4.47911E+14", "GB", "digits_lost"),
    ("4E+11", "GB", "digits_lost"),
    ("########", "GB", "digits_lost"),
    ("447911123456.5", "GB", "fraction"),
    ("447911123456,5", "GB", "fraction"),
    ("2079460123.25", "GB", "fraction"),
    ("3101.5", "TK", "fraction"),
    ("030 458471.0", "DE", "fraction"),
    ("+49 30 23125.0", "", "fraction"),
    ("030.23125.0", "DE", "fraction"),
    ("2027-04-03", "DE", "date"),
    ("2027-04-03 10:15:00", "DE", "date"),
    ("2027/04/03", "DE", "date"),
    ("03/04/2027", "GB", "date"),
    ("3/4/27", "GB", "date"),
    ("03.04.2027", "DE", "date"),
    ("03-04-2027", "NO", "date"),
    ("20 12 1987", "NO", "date"),
    ("12/25/2027", "US", "date"),
    ("10:30", "GB", "date"),
    ("12345/67", "DE", "ambiguous"),
    ("02079460123/4", "GB", "ambiguous"),
    ("020 7946 0123/0124", "GB", "ambiguous"),
    ("030 23125123/24", "DE", "ambiguous"),
    ("030 23125123 (2)", "DE", "ambiguous"),
    ("01/0664 1234567", "AT", "ambiguous"),
    ("(020) 7946,0123", "GB", "ambiguous"),
    ("020 7946 0123, 0124", "GB", "ambiguous"),
    ("447,911,123,456", "GB", "ambiguous"),
    ("020) 7946 0123", "GB", "ambiguous"),
    ("+44 20 7946 0123 +44 20 7946 0124", "GB", "ambiguous"),
    ("44+2079460123", "GB", "ambiguous"),
    ("++44 20 7946 0123", "GB", "unreadable"),
    ("33612345678", "GB", "ambiguous"),
    ("4915123456789", "GB", "ambiguous"),
    ("442079460123", "US", "ambiguous"),
    ("020 7946 0123", "", "no_region"),
    ("0044 20 7946 0123", "", "no_region"),
    ("2079460123", "", "no_region"),
    ("020 7946 0123", "XX", "no_region"),
    ("O20 7946 0123", "GB", "letters"),
    ("o20 7946 0123", "GB", "letters"),
    ("020 7946 O123", "GB", "letters"),
    ("020 7946 012 O", "GB", "letters"),
    ("020 7946 0l23", "GB", "letters"),
    ("07911l23456", "GB", "letters"),
    ("030 23125 OIL", "DE", "letters"),
    ("030 2312 BOB", "DE", "letters"),
    ("ask for Bob 020 7946 0123", "GB", "letters"),
    ("old: 020 7946 0123", "GB", "letters"),
    ("1-800-flowers", "US", "letters"),
    ("call 1-800-FLOWERS", "US", "letters"),
    ("1-800-FLOWERS; 1-800-GOFEDEX", "US", "letters letters"),
    ("0302312x512", "DE", "letters"),
    ("someone@example.com", "GB", "letters"),
    ("#NAME?", "GB", "unreadable"),
    ("tel:020-7946-0123;phone-context=+1", "GB", "ambiguous"),
    ("*31#02079460123", "GB", "unreadable"),
    ("-447911123456", "GB", "unreadable"),
    ("=447911123456", "GB", "unreadable"),
    ("020\x007946\x000123", "GB", "unreadable"),
    ("02079460²²³", "GB", "unreadable"),
    ("Fax: 020 7946 0123", "GB", "fax"),
    ("020 7946 0123 (fax)", "GB", "fax"),
    ("Tel/Fax: 020 7946 0123", "GB", "fax"),
    ("Telefax 030 23125123", "DE", "fax"),
    ("112", "DE", "short"),
    ("999", "GB", "short"),
    ("911", "US", "short"),
    ("+112", "GB", "short"),
    ("118118", "GB", "short"),
    ("000", "AU", "short"),
    ("112", "", "short"),
    ("09098790123", "GB", "premium"),
    ("+49 900 1234567", "", "premium"),
    ("1-900-555-0123", "US", "premium"),
    ("07640 123456", "GB", "pager"),
    ("000000", "GB", "placeholder"),
    ("0000000000", "GB", "placeholder"),
    ("1111111111", "US", "placeholder"),
    ("9999999999", "GB", "placeholder"),
    ("07777777777", "GB", "placeholder"),
    ("+44 7777 777777", "", "placeholder"),
    ("1234567890", "US", "placeholder"),
    ("0123456789", "FR", "placeholder"),
    ("1234567", "", "placeholder"),
    ("07700 900123", "GB", "invalid"),
    ("555-0123", "US", "invalid"),
    ("7946 0123", "GB", "invalid"),
    ("020 7946 012", "GB", "invalid"),
    ("020 7946 01234", "GB", "invalid"),
    ("+999 123456789", "", "invalid"),
    ("+0044 20 7946 0123", "GB", "invalid"),
    ("02079460123", "CV", "invalid"),
    ("12345678901234567890123", "GB", "invalid"),
    ("0" * 501, "GB", "unreadable"),
]


@pytest.mark.parametrize(("text", "region", "expected"), REFUSED)
def test_what_may_be_a_wrong_number_is_refused(text: str, region: str, expected: str) -> None:
    reading = read(text, region)
    assert e164s(reading) == []
    assert codes(reading) == [f"phone.{code}" for code in expected.split()]
    assert not reading.warnings


NOTHING = """|  |n/a|N/A|none|-|--|.|unknown|Unbekannt|null|?|( )|;|; ;|\ufeff|no phone|not available"""


@pytest.mark.parametrize("text", NOTHING.split("|"))
def test_words_for_nothing_are_an_empty_cell(text: str) -> None:
    assert read(text, "GB") == CellReading(())


SEVERAL = [
    ("020 7946 0123; 020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("020 7946 0123;020 7946 0124;", "GB", [LONDON, LONDON_2], []),
    ("020 7946 0123, 020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("020 7946 0123,", "GB", [LONDON], []),
    ("020 7946 0123 / 020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("02079460123/02079460124", "GB", [LONDON, LONDON_2], []),
    ("030/23125123, 030/23125124", "DE", [BERLIN, BERLIN_2], []),
    ("020 7946 0123 | 020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("+442079460123 ::: +442079460124", "", [LONDON, LONDON_2], []),
    ("020 7946 0123 or 020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("030 23125123 oder 030 23125124", "DE", [BERLIN, BERLIN_2], []),
    ("020 7946 0123\n020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("020 7946 0123\r\n020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("020 7946 0123\u2028020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("020 7946 0123 & 020 7946 0124", "GB", [LONDON, LONDON_2], []),
    ("Mobile: 07911 123456; Home: 020 7946 0123", "GB", [MOBILE, LONDON], []),
    ("020 7946 0123; fax: 020 7946 0124", "GB", [LONDON], ["fax"]),
    ("020 7946 0123 / 020 7946 0124 (fax)", "GB", [LONDON], ["fax"]),
    ("020 7946 0123; n/a", "GB", [LONDON], []),
    ("020 7946 0123; 0124", "GB", [LONDON], ["invalid"]),
    ("020 7946 0123 & 4", "GB", [LONDON], ["invalid"]),
    ("020 7946 0123, 07700 900123", "GB", [LONDON], ["invalid"]),
    ("020 7946 0123; 4.47E+11", "GB", [LONDON], ["digits_lost"]),
    ("7911123456; 7911123457", "GB", [MOBILE, "+447911123457"], []),
    ("030 23125123; 23125124", "DE", [BERLIN], ["ambiguous"]),
    ("030 23125123, 23125124", "DE", [BERLIN], ["ambiguous"]),
]


@pytest.mark.parametrize(("text", "region", "numbers", "faults"), SEVERAL)
def test_several_numbers_in_a_cell_keep_their_order(
    text: str, region: str, numbers: list[str], faults: list[str]
) -> None:
    reading = read(text, region)
    assert (e164s(reading), codes(reading)) == (numbers, [f"phone.{fault}" for fault in faults])


def test_digits_that_are_valid_at_home_and_abroad_are_refused() -> None:
    # Area code 04921 of Emden and the country code 49 with area code 21xx: both exist.
    national, abroad = phonenumbers.parse("0492112345", "DE"), phonenumbers.parse("+492112345", "DE")
    assert phonenumbers.is_valid_number(national)
    assert phonenumbers.is_valid_number(abroad)
    reading = read("492112345", "DE")
    assert (e164s(reading), codes(reading)) == ([], ["phone.ambiguous"])


def test_the_region_of_the_row_beats_the_default() -> None:
    rules = PhoneRules(region="DE")
    assert e164s(read_cell("020 7946 0123", rules, region="GB")) == [LONDON]
    assert codes(read_cell("030 23125123", rules, region="")) == ["phone.no_region"]


# --- options -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "region", "form", "sent"),
    [
        ("+44 20 7946 0123", "GB", "national", "02079460123"),
        ("7911123456", "GB", "national", "07911123456"),
        ("+1 212 555 0123", "US", "national", "2125550123"),
        ("06 69812345", "IT", "national", "0669812345"),
        ("020 7946 0123", "GB", "digits", "442079460123"),
        ("020 7946-0123", "GB", "as-written", "02079460123"),
        ("+44 (0)20 7946-0123", "GB", "as-written", LONDON),
        ("0044 (0)20 7946-0123", "GB", "as-written", LONDON),
        ("0044 20 7946 0123", "GB", "as-written", "00442079460123"),
    ],
)
def test_a_number_is_sent_in_the_form_that_was_asked_for(
    text: str, region: str, form: str, sent: str
) -> None:
    (number,) = read(text, region, form=form).numbers
    assert number.sent == sent
    assert number.e164 == e164s(read(text, region))[0]


def test_the_national_form_is_for_numbers_of_the_own_country() -> None:
    assert codes(read("+33 6 12 34 56 78", "GB", form="national")) == ["phone.foreign"]
    assert codes(read("+33 6 12 34 56 78", form="national")) == ["phone.foreign"]
    rules = PhoneRules(region="GB", format="national")
    assert read_cell("06 12 34 56 78", rules, region="FR").faults[0].code == "phone.foreign"


def test_as_written_needs_no_region() -> None:
    assert read("(0215) 428-754", form="as-written").numbers == (Number("", "0215428754"),)
    assert read("98521542", form="as-written").numbers == (Number("", "98521542"),)
    assert read("+44 20 7946 0123", form="as-written").numbers == (Number(LONDON, LONDON),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("4.47E+11", "digits_lost"),
        ("2027-04-03", "date"),
        ("020 79L6 0123", "letters"),
        ("112", "short"),
        ("911", "short"),
        ("99999999", "placeholder"),
        ("12", "invalid"),
        ("123456780123456780123", "invalid"),
        ("+44 123", "invalid"),
    ],
)
def test_as_written_still_refuses_what_is_no_number(text: str, code: str) -> None:
    assert codes(read(text, form="as-written")) == [f"phone.{code}"]


def test_possible_asks_for_a_fitting_length_only() -> None:
    assert e164s(read("07700 900123", "GB", accept="possible")) == ["+447700900123"]
    assert codes(read("07700 90", "GB", accept="possible")) == ["phone.invalid"]
    assert codes(read("555-0123", "US", accept="possible")) == ["phone.invalid"]


def test_possible_keeps_the_rules_of_ambiguity() -> None:
    assert codes(read("493023125", "DE", accept="possible")) == ["phone.ambiguous"]
    assert codes(read("12345/67", "DE", accept="possible")) == ["phone.ambiguous"]
    assert codes(read("999", "GB", accept="possible")) == ["phone.short"]


def test_premium_numbers_can_be_allowed() -> None:
    rules = PhoneRules(region="GB", premium=True)
    assert e164s(read_cell("0909 879 0123", rules)) == ["+449098790123"]


# --- rows ----------------------------------------------------------------------------------------------

GB = PhoneRules(region="GB")


def sent(*cells: str, rules: PhoneRules = GB, strict: bool = False) -> list[str]:
    return [number.sent for number in read_row(cells, rules, strict=strict).numbers]


def test_a_row_keeps_the_order_of_its_cells_without_repeats() -> None:
    assert sent("020 7946 0124", "", "+44 20 7946 0124", "020 7946 0123") == [LONDON_2, LONDON]


def test_a_row_sends_its_first_three_good_numbers_and_tells_the_rest() -> None:
    row = read_row(["bad1", "020 7946 0120; 020 7946 0121", "020 7946 0122", "020 7946 0123"], GB)
    assert [number.sent[-1] for number in row.numbers] == ["0", "1", "2"]
    assert row.fault is None
    assert [LONDON in warning for warning in row.warnings] == [False, True]


def test_a_row_without_content_says_that_a_number_is_missing() -> None:
    for cells in ([], ["", "  "], ["n/a", "-"]):
        row = read_row(cells, GB)
        assert row.fault is not None
        assert (row.fault.code, row.at, row.numbers) == ("phone.missing", 0, ())


def test_a_row_without_a_good_number_names_the_first_bad_cell_and_tells_the_others() -> None:
    row = read_row(["", "112", "4.47E+11"], GB)
    assert row.fault is not None
    assert (row.fault.code, row.at, row.numbers) == ("phone.short", 1, ())
    assert len(row.warnings) == 1


def test_a_bad_number_beside_a_good_one_is_dropped_or_rejects_the_row() -> None:
    cells = ["020 7946 0123", "112"]
    dropped = read_row(cells, GB)
    assert [number.sent for number in dropped.numbers] == [LONDON]
    assert dropped.fault is None
    assert '"112"' in dropped.warnings[0]
    rejected = read_row(cells, PhoneRules(region="GB", bad_beside_good="reject"))
    assert rejected.fault is not None
    assert (rejected.numbers, rejected.fault.code, rejected.at) == ((), "phone.short", 1)


def test_a_strict_cell_has_no_other_to_fall_back_on() -> None:
    assert sent("112", "020 7946 0123", strict=True) == []
    assert sent("020 7946 0123;112", "020 7946 0124", strict=True) == [LONDON]
    assert sent("", "020 7946 0123", strict=True) == [LONDON]


# --- laws over all texts and all regions ----------------------------------------------------------------

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
PHONE_LIKE = st.text(alphabet=string.digits * 3 + "+ ().-/,;xE'\u00a0٣Oem\n", max_size=30)
PUNCTUATED = st.from_regex(r"\A\+?[0-9(][0-9 ().-]{5,20}\Z")
TEXTS = st.one_of(PHONE_LIKE, PUNCTUATED, st.text(max_size=60))


def possible_meanings(text: str, region: str) -> set[str]:
    """All valid numbers that the library makes of the text's runs of digits, with a plus or without one."""
    digits = "".join(str(int(char)) if char.isdecimal() else char for char in text)
    found = set()
    for start in range(len(digits)):
        for end in range(start + 2, len(digits) + 1):
            piece = "".join(char for char in digits[start:end] if char in string.digits)
            for spelling in {piece, f"+{piece}", f"+{piece[2:]}", piece.removesuffix("0")}:
                try:
                    number = phonenumbers.parse(spelling, region)
                except phonenumbers.NumberParseException:
                    continue
                if phonenumbers.is_valid_number(number):
                    found.add(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    return found


@settings(max_examples=1500, deadline=None)
@given(text=TEXTS, region=st.sampled_from([*REGIONS, ""]))
def test_no_text_raises_and_what_is_given_is_valid(text: str, region: str) -> None:
    reading = read(text, region)
    assert not (reading.numbers and text.strip() == "")
    for number in reading.numbers:
        assert phonenumbers.is_valid_number(phonenumbers.parse(number.e164))
        assert number.sent == number.e164


@settings(max_examples=1500, deadline=None)
@example(text="00310000000", region="JP")
@given(text=PUNCTUATED, region=st.sampled_from(["GB", "DE", "US", "IT", "FR", "NO", "AT", "BR", "RU", "JP"]))
def test_digits_and_punctuation_mean_what_the_library_says_or_nothing(text: str, region: str) -> None:
    cleaned = "".join(char for char in text if char in "+0123456789")
    reading = read(text, region)
    if reading.numbers and not reading.warnings:
        number = phonenumbers.parse(cleaned, region)
        assert e164s(reading) == [phonenumbers.format_number(number, PhoneNumberFormat.E164)]


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(alphabet="0123456789+ /,;x", min_size=8, max_size=22), region=st.sampled_from(["GB", "DE"])
)
def test_every_number_given_stands_in_the_cell(text: str, region: str) -> None:
    numbers = e164s(read(text, region))
    assert not numbers or set(numbers) <= possible_meanings(text, region)


@pytest.mark.parametrize(
    "text",
    ["0" * 10_000_000, "\ud800" * 600, "\x00", "\ud800+44", "(" * 499, "/" * 499, "tel" * 160, "0/" * 249],
)
def test_monstrous_cells_are_read_like_others(text: str) -> None:
    reading = read(text, "GB")
    assert not reading.numbers
    assert all(fault.reason.encode() for fault in reading.faults)


SPELLINGS = [
    ("E.164", lambda n: fmt(n, PhoneNumberFormat.E164)),
    ("international", lambda n: fmt(n, PhoneNumberFormat.INTERNATIONAL)),
    ("national", lambda n: fmt(n, PhoneNumberFormat.NATIONAL)),
    ("RFC 3966", lambda n: fmt(n, PhoneNumberFormat.RFC3966)),
    ("digits", lambda n: fmt(n, PhoneNumberFormat.E164)[1:]),
    ("00", lambda n: "00" + fmt(n, PhoneNumberFormat.E164)[1:]),
    ("national digits", lambda n: "".join(filter(str.isdecimal, fmt(n, PhoneNumberFormat.NATIONAL)))),
    ("no trunk prefix", phonenumbers.national_significant_number),
    ("number cell", lambda n: f"{n.national_number}.0"),
    ("dotted", lambda n: fmt(n, PhoneNumberFormat.NATIONAL).replace(" ", ".").replace("-", ".")),
    ("quoted", lambda n: "'" + fmt(n, PhoneNumberFormat.NATIONAL)),
    ("labelled", lambda n: "Tel.: " + fmt(n, PhoneNumberFormat.INTERNATIONAL)),
]


def fmt(number: phonenumbers.PhoneNumber, form: int) -> str:
    return phonenumbers.format_number(number, form)


@pytest.mark.parametrize(("name", "spell"), SPELLINGS, ids=[name for name, _ in SPELLINGS])
def test_an_example_of_every_region_is_right_or_refused_in_every_spelling(name: str, spell: object) -> None:
    assert callable(spell)
    types = (None, phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.TOLL_FREE)
    right = 0
    for region in REGIONS:
        for kind in types:
            number = (
                phonenumbers.example_number(region)
                if kind is None
                else phonenumbers.example_number_for_type(region, kind)
            )
            if number is None or (name == "number cell" and number.italian_leading_zero):
                continue  # a number cell can't tell that a 0 of the number itself is lost
            expected = fmt(number, PhoneNumberFormat.E164)
            found = e164s(read(spell(number), region))
            right += found == [expected]
            assert found in ([expected], []), (region, spell(number), found)
    assert right > 300


# --- countries, zones, masks ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "region"),
    [
        *[(text, "GB") for text in ("GB", "gb", " GBR ", "UK", "U.K.", "United Kingdom", "Great Britain")],
        *[(text, "GB") for text in ("England", "Vereinigtes Königreich", "Royaume-Uni", "Reino Unido")],
        *[
            (text, "DE")
            for text in ("DE", "DEU", "Germany", "GERMANY", "Deutschland", "Allemagne", "Alemania")
        ],
        *[(text, "US") for text in ("US", "USA", "U.S.A.", "United States of America", "the United States")],
        *[(text, "KR") for text in ("Korea, Republic of", "South Korea")],
        *[(text, "AT") for text in ("Österreich", "osterreich", "Autriche")],
        *[(text, "CH") for text in ("Schweiz", "Suisse", "Switzerland")],
        *[(text, "NL") for text in ("The Netherlands", "Nederland", "Holland")],
        *[(text, "LC") for text in ("Saint Lucia", "St. Lucia")],
        *[(text, "CZ") for text in ("Czechia", "Czech Republic", "Česko")],
        *[(text, "JP") for text in ("日本", "Japan", "Japon")],
        *[(text, "XK") for text in ("Kosovo", "XK")],
        *[(text, None) for text in ("", "  ", "Narnia", "n/a", "ZZ", "EU", "44", "\ud800", "x" * 10_000)],
    ],
)
def test_a_country_is_known_by_codes_and_names(text: str, region: str | None) -> None:
    assert region_of(text) == region


def test_every_region_is_known_by_its_code_and_every_code_is_a_region() -> None:
    assert all(region_of(region) == region for region in REGIONS)


def test_a_number_has_a_time_zone_if_it_can_be_only_one() -> None:
    assert time_zone_of(LONDON) == "Europe/London"
    assert time_zone_of(MOBILE) == "Europe/London"
    assert time_zone_of(NEW_YORK) == "America/New_York"
    assert time_zone_of("+61412345678") is None
    assert time_zone_of("+80012345678") is None
    assert time_zone_of("02079460123") is None


def test_a_mask_leaves_the_last_two_digits() -> None:
    assert mask("+44 20 7946 0123") == "+•• •• •••• ••23"
    assert mask("١٢٣٤") == "••٣٤"
    assert mask("12") == "12"
    assert mask("") == ""
