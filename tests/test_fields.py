"""The laws of every field but the phone numbers: a normal form, or a reason with a stable code."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings, strategies as st

from etl import fields
from etl.records import Fault, Normal

LONDON, NEW_YORK = "Europe/London", "America/New_York"


def value(found: Normal | Fault) -> str:
    assert isinstance(found, Normal), found
    return found.value


def code(found: Normal | Fault) -> str:
    assert isinstance(found, Fault), found
    return found.code


# --- dates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2027-04-03T10:15:00Z", "", "2027-04-03T10:15:00Z"),
        ("2027-04-03t10:15:00z", "", "2027-04-03T10:15:00Z"),
        ("2027-04-03 10:15:00Z", "", "2027-04-03T10:15:00Z"),
        ("2027-04-03 10:15 UTC", "", "2027-04-03T10:15:00Z"),
        ("2027-04-03T10:15:00+02:00", "", "2027-04-03T08:15:00Z"),
        ("2027-04-03T10:15:00+0200", LONDON, "2027-04-03T08:15:00Z"),
        ("2027-04-03T10:15+02", LONDON, "2027-04-03T08:15:00Z"),
        ("2027-01-01T00:30:00+05:45", "", "2026-12-31T18:45:00Z"),
        ("2027-04-03T10:15:00.000Z", "", "2027-04-03T10:15:00Z"),
        ("2027-04-03T10:15:00.250Z", "", "2027-04-03T10:15:00.25Z"),
        ("2027-04-03T10:15:00,5Z", "", "2027-04-03T10:15:00.5Z"),
        ("2027-04-03T10:15:00.1234567Z", "", "2027-04-03T10:15:00.123456Z"),
        ("20270403T101500Z", "", "2027-04-03T10:15:00Z"),
        ("  2027-04-03T10:15:00Z ", "", "2027-04-03T10:15:00Z"),
        ("2027-04-03", "UTC", "2027-04-03T00:00:00Z"),
        ("2027-04-03", LONDON, "2027-04-02T23:00:00Z"),
        ("2027-01-03", LONDON, "2027-01-03T00:00:00Z"),
        ("20270403", LONDON, "2027-04-02T23:00:00Z"),
        ("2027-04-03", "europe/london", "2027-04-02T23:00:00Z"),
        ("2027-04-03 10", NEW_YORK, "2027-04-03T14:00:00Z"),
        ("2027-04-03 10:15", NEW_YORK, "2027-04-03T14:15:00Z"),
        ("2027-12-03T10:15:30", NEW_YORK, "2027-12-03T15:15:30Z"),
        ("2027-W14-6", "UTC", "2027-04-10T00:00:00Z"),
        ("2027W146", "UTC", "2027-04-10T00:00:00Z"),
        ("2026-W53-5", "UTC", "2027-01-01T00:00:00Z"),
        ("2028-02-29", "UTC", "2028-02-29T00:00:00Z"),
        ("2000-02-29", "UTC", "2000-02-29T00:00:00Z"),
        ("2000-01-01T00:00:00Z", "", "2000-01-01T00:00:00Z"),
        ("9998-12-30T23:59:59Z", "", "9998-12-30T23:59:59Z"),
    ],
)
def test_iso_8601_becomes_utc(text: str, zone: str, expected: str) -> None:
    assert fields.date(text, zone=zone) == Normal(expected)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "unreadable"),
        ("soon", "unreadable"),
        ("2027-02-29", "unreadable"),
        ("2100-02-29", "unreadable"),
        ("2027-13-01", "unreadable"),
        ("2027-04-31", "unreadable"),
        ("2027-W54-1", "unreadable"),
        ("2027-04-03T24:00:00", "unreadable"),
        ("2027-04-03T10:60:00", "unreadable"),
        ("2027-04-03T10:15:60", "unreadable"),
        ("2027-04-03T10:15:00+25:00", "unreadable"),
        ("2027-04-03x10:15", "unreadable"),
        ("2027-04", "unreadable"),
        ("2027", "unreadable"),
        ("10:15", "unreadable"),
        ("3 Apr 2027", "unreadable"),
        ("1712345678", "unreadable"),
        ("٢٠٢٧-٠٤-٠٣", "unreadable"),
        ("2027-04-03\x00", "unreadable"),
        ("9" * 10_000_000, "unreadable"),
        ("45000", "serial"),
        ("45000.5", "serial"),
        ("46115,25", "serial"),
        ("1899-12-31", "year"),
        ("1970-01-01T00:00:00Z", "year"),
        ("0001-01-01", "year"),
        ("03042027", "unreadable"),
        ("9999-12-31T23:59:59Z", "never"),
        ("9999-12-31T23:59:59.999999999Z", "never"),
        ("9999-01-01", "never"),
        ("9998-12-31T23:30:00-05:00", "never"),
    ],
)
def test_what_is_no_time_to_call_is_refused(text: str, what: str) -> None:
    assert code(fields.date(text, zone="UTC")) == f"date.{what}"


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("03/04/2027", "dmy", "2027-04-03"),
        ("03/04/2027", "mdy", "2027-03-04"),
        ("3/4/2027", "dmy", "2027-04-03"),
        ("3.4.2027", "dmy", "2027-04-03"),
        ("03-04-2027", "mdy", "2027-03-04"),
        ("03/04/27", "dmy", "2027-04-03"),
        ("27/04/03", "ymd", "2027-04-03"),
        ("2027/04/03", "ymd", "2027-04-03"),
        ("2027/04/03", "dmy", "2027-04-03"),
        ("2027/4/3", "", "2027-04-03"),
        ("25/04/2027", "", "2027-04-25"),
        ("04/25/2027", "", "2027-04-25"),
        ("04/04/2027", "", "2027-04-04"),
        ("29/02/2028", "dmy", "2028-02-29"),
    ],
)
def test_three_numbers_are_read_in_the_stated_order_or_in_the_only_possible_one(
    text: str, order: str, expected: str
) -> None:
    assert fields.date(text, order=order, zone="UTC") == Normal(f"{expected}T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "order", "what"),
    [
        ("03/04/2027", "", "ambiguous"),
        ("03.04.2027", "", "ambiguous"),
        ("03-04-2027 10:15", "", "ambiguous"),
        ("03/04/27", "", "ambiguous"),
        ("25/12/27", "", "ambiguous"),
        ("25/04/2027", "mdy", "order"),
        ("04/25/2027", "dmy", "order"),
        ("03/04/2027", "ymd", "order"),
        ("31/31/2027", "dmy", "unreadable"),
        ("29/02/2027", "dmy", "unreadable"),
        ("03/04.2027", "dmy", "unreadable"),
        ("203/4/27", "dmy", "unreadable"),
        ("31/12/9999", "dmy", "never"),
        ("31/12/1999", "dmy", "year"),
    ],
)
def test_an_order_is_never_guessed(text: str, order: str, what: str) -> None:
    assert code(fields.date(text, order=order, zone="UTC")) == f"date.{what}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("03/04/2027 10:15", "2027-04-03T09:15:00Z"),
        ("03/04/2027, 10:15:30", "2027-04-03T09:15:30Z"),
        ("03/04/2027 1:15 PM", "2027-04-03T12:15:00Z"),
        ("03/04/2027 12:15am", "2027-04-02T23:15:00Z"),
        ("03/04/2027 12:15 p.m.", "2027-04-03T11:15:00Z"),
        ("03/04/2027 10:15 +02:00", "2027-04-03T08:15:00Z"),
        ("03/04/2027 10:15 UTC", "2027-04-03T10:15:00Z"),
    ],
)
def test_a_time_may_follow_three_numbers(text: str, expected: str) -> None:
    assert fields.date(text, order="dmy", zone=LONDON) == Normal(expected)


def test_hours_of_the_afternoon_end_at_twelve() -> None:
    assert code(fields.date("03/04/2027 13:15 PM", order="dmy", zone=LONDON)) == "date.unreadable"


def test_the_profiles_formats_are_read_before_anything_else() -> None:
    german = ["%d.%m.%Y %H:%M", "%d.%m.%Y"]
    assert value(fields.date("03.04.2027 10:15", formats=german, zone="UTC")) == "2027-04-03T10:15:00Z"
    assert value(fields.date("03.04.2027", formats=german, zone="UTC")) == "2027-04-03T00:00:00Z"
    assert value(fields.date("2027-04-03", formats=["%Y-%d-%m"], zone="UTC")) == "2027-03-04T00:00:00Z"
    assert value(fields.date("2027-04-03", formats=german, zone="UTC")) == "2027-04-03T00:00:00Z"
    assert value(fields.date("3 Apr 2027 +0200", formats=["%d %b %Y %z"])) == "2027-04-02T22:00:00Z"


def test_formats_that_disagree_make_a_date_ambiguous() -> None:
    both = ["%d/%m/%Y", "%m/%d/%Y"]
    assert code(fields.date("03/04/2027", formats=both, zone="UTC")) == "date.ambiguous"
    assert value(fields.date("25/04/2027", formats=both, zone="UTC")) == "2027-04-25T00:00:00Z"


def test_a_format_without_a_year_and_one_with_the_name_of_a_zone_read_nothing() -> None:
    assert code(fields.date("03.04.", formats=["%d.%m."], zone="UTC")) == "date.year"
    named = fields.date("3 Apr 2027 10:15 UTC", formats=["%d %b %Y %H:%M %Z"], zone=NEW_YORK)
    assert code(named) == "date.unreadable"


def test_a_time_without_a_zone_is_refused_and_one_with_an_offset_needs_none() -> None:
    for text in ("2027-04-03", "2027-04-03T10:15:00"):
        assert code(fields.date(text)) == "date.no_zone"
        assert code(fields.date(text, zone="EST")) == "date.no_zone"
    assert value(fields.date("2027-04-03T10:15:00-04:00", zone="EST")) == "2027-04-03T14:15:00Z"


@pytest.mark.parametrize(
    ("zone", "before", "inside", "after"),
    [
        (LONDON, "2027-03-28T00:59:59", "2027-03-28T01:00:00", "2027-03-28T02:00:00"),
        (LONDON, "2027-03-28T00:59:59", "2027-03-28T01:59:59", "2027-03-28T02:00:00"),
        (NEW_YORK, "2027-03-14T01:59:59", "2027-03-14T02:00:00", "2027-03-14T03:00:00"),
        (NEW_YORK, "2027-03-14T01:59:59", "2027-03-14T02:59:59", "2027-03-14T03:00:00"),
        ("Africa/Cairo", "2027-04-29T23:59:59", "2027-04-30", "2027-04-30T01:00:00"),
    ],
)
def test_a_time_that_the_clocks_skip_is_refused(zone: str, before: str, inside: str, after: str) -> None:
    assert code(fields.date(inside, zone=zone)) == "date.gap"
    first, second = value(fields.date(before, zone=zone)), value(fields.date(after, zone=zone))
    assert datetime.fromisoformat(second) - datetime.fromisoformat(first) == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        (LONDON, "2027-10-31T01:00:00", "2027-10-31T00:00:00Z"),
        (LONDON, "2027-10-31T01:59:59", "2027-10-31T00:59:59Z"),
        (NEW_YORK, "2027-11-07T01:00:00", "2027-11-07T05:00:00Z"),
        (NEW_YORK, "2027-11-07T01:59:59", "2027-11-07T05:59:59Z"),
    ],
)
def test_of_a_time_that_comes_twice_the_first_is_taken_with_a_warning(
    zone: str, text: str, expected: str
) -> None:
    found = fields.date(text, zone=zone)
    assert value(found) == expected
    assert isinstance(found, Normal)
    assert zone in found.warning


@pytest.mark.parametrize(
    ("zone", "text"),
    [(LONDON, "2027-10-31T00:59:59"), (LONDON, "2027-10-31T02:00:00"), (NEW_YORK, "2027-11-07T02:00:00")],
)
def test_the_times_around_the_repeated_hour_come_once(zone: str, text: str) -> None:
    found = fields.date(text, zone=zone)
    assert isinstance(found, Normal)
    assert not found.warning


def test_a_date_after_the_campaigns_end_is_refused() -> None:
    end = datetime(2027, 4, 3, 10, 15, tzinfo=UTC)
    assert value(fields.date("2027-04-03T10:15:00Z", campaign_end=end)) == "2027-04-03T10:15:00Z"
    assert code(fields.date("2027-04-03T10:15:01Z", campaign_end=end)) == "date.after_end"
    assert (
        code(fields.date("2027-04-03T10:15:01Z", campaign_end=end.replace(tzinfo=None))) == "date.after_end"
    )
    assert value(fields.date("2027-04-03T10:16:00+01:00", campaign_end=end)) == "2027-04-03T09:16:00Z"


@settings(max_examples=400, deadline=None)
@given(
    moment=st.datetimes(datetime(2000, 1, 2), datetime(9998, 12, 30)),  # noqa: DTZ001  -- hypothesis wants it so
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_a_date_with_an_offset_is_the_same_moment_again(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert datetime.fromisoformat(value(fields.date(aware.isoformat()))) == aware


@settings(max_examples=300, deadline=None)
@given(
    moment=st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1)),  # noqa: DTZ001  -- the same
    zone=st.sampled_from([LONDON, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]),
)
def test_a_local_time_is_refused_or_shows_on_the_zones_clock(moment: datetime, zone: str) -> None:
    found = fields.date(moment.isoformat(), zone=zone)
    if isinstance(found, Normal):
        local = datetime.fromisoformat(found.value).astimezone(ZoneInfo(zone))
        assert local.replace(tzinfo=None, fold=0) == moment
    else:
        assert found.code == "date.gap"


@settings(max_examples=500, deadline=None)
@given(
    text=st.one_of(st.text(), st.text(alphabet="0123456789-/.:TZW+ ,", max_size=30)),
    order=st.sampled_from(["", "dmy", "mdy", "ymd"]),
    zone=st.sampled_from(["", LONDON, "Mars/Olympus"]),
)
def test_no_text_makes_a_date_raise(text: str, order: str, zone: str) -> None:
    found = fields.date(text, order=order, zone=zone, formats=["%d.%m.%y", "%H:%M"])
    assert isinstance(found, Normal) or (found.code.startswith("date.") and found.reason.encode())


# --- time zones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Europe/London", "Europe/London"),
        (" europe/london ", "Europe/London"),
        ("AMERICA/NEW_YORK", "America/New_York"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Etc/GMT+3", "Etc/GMT+3"),
        ("Etc/UTC", "Etc/UTC"),
        ("utc", "UTC"),
    ],
)
def test_an_iana_name_is_taken_in_any_case_and_given_in_its_own(text: str, expected: str) -> None:
    assert fields.time_zone(text) == Normal(expected)


REFUSED_ZONES = """|EST|CET|MST|HST|EST5EDT|GMT|GB|Zulu|Japan|GMT Standard Time|Eastern Standard Time
|W. Europe Standard Time|+01:00|-5|GMT+1|UTC+01:00|Europe/Atlantis|Europe|../../etc/passwd|Factory|localtime
|posix/Europe/London|Europe/London\\x00|\\ud800"""


@pytest.mark.parametrize("text", REFUSED_ZONES.replace("\n", "").split("|"))
def test_what_is_no_iana_name_is_refused_with_an_example(text: str) -> None:
    found = fields.time_zone(text.encode().decode("unicode-escape") if "\\" in text else text)
    assert code(found) == "timeZone.unknown"
    assert isinstance(found, Fault)
    assert "Europe/London" in found.reason


def test_every_zone_with_a_region_is_known() -> None:
    assert all(fields.time_zone(name) == Normal(name) for name in available_timezones() if "/" in name)


# --- ids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["007", "7E10", "1e5", "A-1", "ÄÖ 1", "12345.0", "2027-04-03", "#1", "0", "a,b;c"]
)
def test_an_external_id_stays_what_it_is(text: str) -> None:
    assert fields.external_id(f"  {text}\t") == Normal(text)
    assert fields.external_id(text, prefix="crm-") == Normal(f"crm-{text}")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "missing"),
        ("  \u200b ", "missing"),
        ("A*", "wildcard"),
        ("A?1", "wildcard"),
        ("A\n1", "control"),
        ("A\x001", "control"),
        ("A\x7f1", "control"),
        ("A\x851", "control"),
        ("A\u20281", "control"),
        ("A\ud8001", "control"),
        ("4.47E+11", "mangled"),
        ("4,47E+11", "mangled"),
        ("1.23457E+15", "mangled"),
        ("1e+20", "mangled"),
        ("1.5E-07", "mangled"),
        ("####", "mangled"),
        ("#N/A", "mangled"),
        ("#REF!", "mangled"),
        ("x" * 256, "long"),
    ],
)
def test_an_external_id_that_could_mean_another_lead_is_refused(text: str, what: str) -> None:
    assert code(fields.external_id(text)) == f"externalId.{what}"


def test_invisible_characters_leave_an_external_id_with_a_warning() -> None:
    found = fields.external_id("\ufeffA\u200b1")
    assert isinstance(found, Normal)
    assert found.value == "A1"
    assert found.warning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("001D000000IqhSL", "001D000000IqhSLIAZ"),
        ("001D000000IqhSLIAZ", "001D000000IqhSLIAZ"),
        ("aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaAAA"),
        ("AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA555"),
        ("0013", "0013"),
    ],
)
def test_a_salesforce_id_of_15_characters_becomes_one_of_18(text: str, expected: str) -> None:
    assert fields.external_id(text, salesforce18=True) == Normal(expected)
    assert fields.external_id(text) == Normal(text)


def test_a_salesforce_id_whose_case_was_changed_is_refused() -> None:
    assert code(fields.external_id("001d000000iqhsliaz", salesforce18=True)) == "externalId.checksum"


def test_a_derived_id_never_changes() -> None:
    assert fields.derived_external_id("+442079460123") == (
        "d1-" + hashlib.sha256(b"13:+442079460123").hexdigest()[:32]
    )
    assert fields.derived_external_id("+442079460123", ["Ada", ""]) == (
        "d1-" + hashlib.sha256(b"13:+4420794601233:Ada0:").hexdigest()[:32]
    )
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    assert fields.derived_external_id("+1", [composed]) == fields.derived_external_id(
        "+1", [f" {decomposed} "]
    )


@given(
    one=st.lists(st.text(alphabet="ab0123456789: ", max_size=5).map(str.strip), min_size=1, max_size=4),
    other=st.lists(st.text(alphabet="ab0123456789: ", max_size=5).map(str.strip), min_size=1, max_size=4),
)
def test_different_parts_derive_different_ids(one: list[str], other: list[str]) -> None:
    first = fields.derived_external_id(one[0], one[1:])
    assert (first == fields.derived_external_id(other[0], other[1:])) == (one == other)


AGENT = "0123456789ABCDEF0123456789ABCDEF"


@pytest.mark.parametrize(
    "text",
    [
        AGENT,
        AGENT.lower(),
        f" {AGENT} ",
        "01234567-89ab-cdef-0123-456789abcdef",
        "{01234567-89AB-CDEF-0123-456789ABCDEF}",
        f"{{{AGENT}}}",
    ],
)
def test_a_guid_is_sent_as_32_digits_in_upper_case(text: str) -> None:
    assert fields.guid(text) == Normal(AGENT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bob",
        AGENT[:-1],
        AGENT + "0",
        "G" + AGENT[1:],
        "0123456789-ab-cdef-0123-456789abcdef",
        "{" + AGENT,
    ],
)
def test_what_is_no_guid_is_refused(text: str) -> None:
    assert code(fields.guid(text)) == "agentId.invalid"


# --- choices and numbers --------------------------------------------------------------------------------


def test_a_customer_has_two_dialing_modes_in_any_case() -> None:
    assert fields.dialing_mode(" preview ") == Normal("PREVIEW")
    assert fields.dialing_mode("Predictive") == Normal("PREDICTIVE")
    for text in ("PROGRESSIVE", "", "preview predictive"):
        assert code(fields.dialing_mode(text)) == "dialingMode.unknown"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", "0"),
        ("5", "5"),
        ("5.0", "5"),
        ("5,00", "5"),
        ("+5", "5"),
        (" 007 ", "7"),
        ("2147483647", "2147483647"),
    ],
)
def test_a_whole_number_is_given_in_plain_digits(text: str, expected: str) -> None:
    assert fields.whole_number(text, field="priority") == Normal(expected)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        *[
            (text, "invalid")
            for text in ("", "-1", "5.5", "high", "1e3", "1_000", "1 000", "0x5", "٥", "²", "5\n6")
        ],
        *[(text, "large") for text in ("2147483648", "9" * 20)],
        ("9" * 10_000, "invalid"),
    ],
)
def test_a_number_that_is_not_whole_or_too_large_is_refused(text: str, what: str) -> None:
    assert code(fields.whole_number(text, field="previewTime")) == f"previewTime.{what}"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("yes Y TRUE true 1 1.0 x on Oui ja J si Sí sim wahr", True),
        ("no N FALSE false 0 0.0 off non Nein nee não falsch -", False),
        ("maybe 2 yes/no call n/a unknown 01.02.2027", None),
    ],
)
def test_a_flag_is_yes_or_no_or_unreadable(texts: str, expected: bool | None) -> None:
    assert {fields.yes_no(text) for text in texts.split()} == {expected}


def test_an_empty_flag_is_no() -> None:
    assert fields.yes_no("") is False
    assert fields.yes_no(" \u00a0 ") is False


# --- attributes -----------------------------------------------------------------------------------------


def test_an_attribute_value_keeps_its_lines_and_loses_its_control_characters() -> None:
    assert fields.attribute_value(" 12 Main St\r\n\tLondon ") == Normal(" 12 Main St\r\n\tLondon ")
    assert fields.attribute_value("=1+1 NA 007 e\u0301 👩‍💻") == Normal("=1+1 NA 007 e\u0301 👩‍💻")
    stripped = fields.attribute_value("a\x00b\x1bc\x7fd\x85e\ud800f")
    assert stripped.value == "abcdef"
    assert stripped.warning


def test_an_attribute_name_is_trimmed_to_one_line() -> None:
    assert fields.attribute_name("  Company / Account ") == Normal("Company / Account")
    assert fields.attribute_name("Postal\r\ncode") == Normal("Postal code")
    stripped = fields.attribute_name("Na\x00me")
    assert stripped.value == "Name"
    assert stripped.warning


@given(text=st.text())
def test_no_text_makes_a_field_raise(text: str) -> None:
    fields.yes_no(text)
    fields.attribute_name(text)
    fields.attribute_value(text).value.encode()
    for found in (
        fields.external_id(text, salesforce18=True),
        fields.guid(text),
        fields.dialing_mode(text),
        fields.whole_number(text, field="priority"),
        fields.time_zone(text),
    ):
        (found.reason if isinstance(found, Fault) else found.value).encode()


@given(
    cells=st.lists(
        st.text(st.sampled_from(" 07aEe+-#*?:\n\té\u200bnul/\\."), max_size=6), min_size=1, max_size=4
    ),
    prefix=st.sampled_from(["", "p-", "*", "é"]),
)
def test_ids_that_are_plain_together_are_so_one_by_one(cells: list[str], prefix: str) -> None:
    if fields.are_plain_ids(cells, prefix=prefix):
        assert not any(map(fields.is_no_id, cells))
        assert [fields.external_id(cell, prefix=prefix) for cell in cells] == [
            Normal(prefix + cell) for cell in cells
        ]
