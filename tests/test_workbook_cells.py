"""Numbers of spreadsheets as the text that a person sees."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904, from_excel

from etl.sources.cells import formatted, iso_text, number_format, number_text, raw_text, unescaped

DATE = "dd/mm/yyyy hh:mm:ss"


def shown(code: str, value: float, *, from_1904: bool = False) -> str:
    found = number_format(code)
    return formatted(value, found, from_1904=from_1904) if found else number_text(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (447911123456.0, "447911123456"),
        (5, "5"),
        (-3.0, "-3"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (1.5, "1.5"),
        (999999999999999.0, "999999999999999"),
        (1e15, "1E+15"),
        (4479111234567890.0, "4.47911123456789E+15"),
        (-4.47911123456789e18, "-4.47911123456789E+18"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_has_no_more_digits_than_a_spreadsheet_shows(value: float, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("447911123456", "447911123456"),
        ("007", "7"),
        ("4.47911123456E11", "447911123456"),
        ("5.0", "5"),
        ("123456789012345678", "1.23456789012346E+17"),
        ("1_000", "1_000"),
        ("١٢", "12"),
        ("no number", "no number"),
        ("nan", "nan"),
    ],
)
def test_a_number_in_a_file_is_read_as_a_number_and_anything_else_as_it_is(raw: str, text: str) -> None:
    assert raw_text(raw) == text


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("yyyy-mm-dd", 46115.0, "2026-04-03"),
        ("yyyy-mm-dd", 46115.4375, "2026-04-03T10:30:00"),
        (DATE, 46115.43750001, "2026-04-03T10:30:00"),
        (DATE, 46115.999999, "2026-04-04"),
        ("hh:mm:ss.000", 0.5 + 0.1234 / 86_400, "12:00:00.123"),
        ("[$-409]d-mmm-yy;@", 46115.0, "2026-04-03"),
        ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", 46115.0, "2026-04-03"),
        ("h:mm AM/PM", 0.4375, "10:30:00"),
        ("h:mm", 1.5, "1900-01-01T12:00:00"),
        ("yyyy-mm-dd", 0.0, "00:00:00"),
        ("yyyy-mm-dd", 1.0, "1900-01-01"),
        ("yyyy-mm-dd", 59.0, "1900-02-28"),
        ("yyyy-mm-dd", 60.0, "1900-02-29"),
        ("yyyy-mm-dd", 61.0, "1900-03-01"),
        ("yyyy-mm-dd", 2958465.0, "9999-12-31"),
        ("yyyy-mm-dd", 2958465.9, "9999-12-31T21:36:00"),
        ("yyyy-mm-dd", 2958466.0, "2958466"),
        ("yyyy-mm-dd", 447911123456.0, "447911123456"),
        ("yyyy-mm-dd", -1.0, "-1"),
        ("[h]:mm:ss", 26.5 / 24, "26:30:00"),
        ("[mm]:ss", -90 / 86_400, "-00:01:30"),
        ("mm:ss", 90 / 86_400, "00:01:30"),
    ],
)
def test_dates_times_and_durations_are_told_by_their_format(code: str, value: float, text: str) -> None:
    assert shown(code, value) == text


@pytest.mark.parametrize(
    "code",
    [
        "", "General", "General;-General", "@", "0", "0.00", "#,##0", "0%", "0.00E+00", "# ?/?", "0_);(0)",
        "[Red]0;[Blue]-0", '0" days"', '"Phone: "0', "\\d0", "_-* #,##0.00_-", "[$€-407] #,##0.00",
        "[$-409]0", "[>=1000]0;0.0", "# ??/16", "00/00", "# ##0", 'General" x"',
    ],
)  # fmt: skip
def test_other_formats_leave_the_number_alone(code: str) -> None:
    assert shown(code, 7911123456.0) == "7911123456"
    assert shown(code, 0.25) == "0.25"


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("00000000000", 7911123456.0, "07911123456"),
        ("00000", 123456.0, "123456"),
        ("00000 000000", 7911123456.0, "07911 123456"),
        ('"+44 "0000000000', 7911123456.0, "+44 7911123456"),
        ("\\+44\\ 0000\\ 000000", 7911123456.0, "+44 7911 123456"),
        ("+44 #", 7911123456.0, "+44 7911123456"),
        ('"0"#', 7911123456.0, "07911123456"),
        ('"0"General', 7911123456.0, "07911123456"),
        ('"+"General', 447911123456.0, "+447911123456"),
        ('0#" "##" "##" "##" "##', 612345678.0, "06 12 34 56 78"),
        ("0##", 5.0, "005"),
        ("0000\\/0000000", 2079460000.0, "0207/9460000"),
        ("[<=9999999]###-####;\\(000\\) 000-0000", 2015550123.0, "(201) 555-0123"),
        ("[<=9999999]###-####;\\(000\\) 000-0000", 5550123.0, "5550123"),
        ("00000", 0.0, "00000"),
        ("00000", -5.0, "-5"),
        ("00000", 1.5, "1.5"),
        ("00000", 4479111234567890.0, "4.47911123456789E+15"),
    ],
)
def test_digits_that_only_the_format_has_are_read(code: str, value: float, text: str) -> None:
    assert shown(code, value) == text


@given(days=st.floats(61, 2_900_000), from_1904=st.booleans())
def test_dates_are_those_of_another_library(days: float, *, from_1904: bool) -> None:
    days = round(days * 86_400) / 86_400
    text = shown(DATE, days, from_1904=from_1904)
    theirs = from_excel(days, CALENDAR_MAC_1904) if from_1904 else from_excel(days)
    assert dt.datetime.fromisoformat(text) == theirs


@given(code=st.text("dmyhs0#?.,;:/-[]\"\\@%E+ AaPM_*'(){}", max_size=12))
def test_no_format_breaks_a_number(code: str) -> None:
    found = number_format(code)
    text = shown(code, 46115.4375)
    assert text
    assert found is not None or text == "46115.4375"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("2026-04-03", "2026-04-03"),
        ("2026-04-03T00:00:00", "2026-04-03"),
        ("2026-04-03T00:00:00.000Z", "2026-04-03"),
        ("2026-04-03T10:30:00.000000000", "2026-04-03T10:30:00"),
    ],
)
def test_a_date_that_is_written_as_such_loses_only_a_midnight(raw: str, text: str) -> None:
    assert iso_text(raw) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a_x000D_b", "a\rb"),
        ("_x005F_x000D_", "_x000D_"),
        ("_xD83D__xDE00_", "😀"),
        ("_xD83D_", "_xD83D_"),
        ("max_x12", "max_x12"),
    ],
)
def test_characters_that_xml_cannot_have_are_escapes(raw: str, text: str) -> None:
    assert unescaped(raw) == text
