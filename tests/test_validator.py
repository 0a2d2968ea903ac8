"""The validator: each row exactly one answer, in order; and which answer beats which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl.chunk import REFUSED, Chunk
from etl.columns import map_columns
from etl.duplicates import Duplicates
from etl.entries import id_keys, number_key
from etl.fields import derived_external_id
from etl.profile import Profile
from etl.records import Customer, Fault, Normal, RowOutcome, RowStatus, SourceRows, SuppressionList
from etl.seen import Seen
from etl.suppression import IndexWriter, Suppression
from etl.validator import Decided, Validator

A, B, C, D = (f"+44207946000{at}" for at in range(4))
HEADER = ("externalId", "Phone1", "Phone2")
NOW = datetime(2027, 3, 1, tzinfo=UTC)

Row = Sequence[str]


def source_of(
    rows: Sequence[Row], *, width: int, first: int = 1, extra: Sequence[str] | None = None
) -> SourceRows:
    """What the reader would give for these rows."""
    return SourceRows(
        first,
        list(range(first + 1, first + 1 + len(rows))),
        {at: [row[at] for row in rows] for at in range(width)},
        list(extra or [""] * len(rows)),
    )


@contextmanager
def validating(
    header: Sequence[str] = HEADER,
    *,
    by: str = "externalId",
    campaign_end: datetime | None = None,
    listed: Sequence[str] = (),
    listed_ids: Sequence[str] = (),
    **tables: Any,
) -> Iterator[Validator]:
    profile = Profile.model_validate({"region": "GB"} | tables)
    keys = {
        "numbers": map(number_key, listed),
        "externalIds": (key for each in listed_ids for key in id_keys(each)),
    }
    with (
        TemporaryDirectory() as folder,
        Seen(Path(folder)) as seen,
        Suppression.opened(
            Path(folder),
            [indexed(Path(folder), kind, given) for kind, given in keys.items() if listed or listed_ids],
        ) as suppression,
    ):
        yield Validator(
            profile=profile,
            mapping=map_columns(list(enumerate(header)), profile),
            duplicates=Duplicates(seen, by=by),
            campaign_end=campaign_end,
            now=NOW,
            suppression=suppression,
        )


def indexed(folder: Path, kind: str, keys: Iterable[int]) -> SuppressionList:
    """A do-not-call list of these keys."""
    facts = SuppressionList(
        name=f"{kind}.csv", path="", asked="", kind=kind, entries=1, fingerprint="", index=f"{kind}.sqlite"
    )
    with IndexWriter(folder / facts.index) as index:
        index.add(keys)
        index.note(facts)
    return facts


def decided(
    *rows: Row, header: Sequence[str] = HEADER, chunk: int | None = None, extra: Sequence[str] | None = None,
    **more: Any,
) -> list[Decided]:  # fmt: skip
    size = chunk or len(rows) or 1
    with validating(header, **more) as validator:
        return [
            answer
            for start in range(0, len(rows), size)
            for answer in validator.decide(
                source_of(
                    rows[start : start + size],
                    width=len(header),
                    first=start + 1,
                    extra=extra and extra[start : start + size],
                )
            )
        ]


def customer(*row: str, **more: Any) -> Customer:
    (answer,) = decided(row, **more)
    assert isinstance(answer, Customer), answer
    return answer


def outcome(*row: str, **more: Any) -> RowOutcome:
    (answer,) = decided(row, **more)
    assert isinstance(answer, RowOutcome), answer
    return answer


def words(answers: Sequence[Decided]) -> list[str]:
    return [answer.status if isinstance(answer, RowOutcome) else "customer" for answer in answers]


# --- one row ----------------------------------------------------------------------------------------------


def test_a_good_row_is_a_customer_in_the_interfaces_terms() -> None:
    header = ("externalId", "Phone1", "Phone2", "date", "agentId", "dialingMode", "previewTime", "priority",
              "timeZone", "City")  # fmt: skip
    row = (" 007 ", "020 7946 0000", "0121 496 0001", "2027-07-01 09:30",
           "{0f8fad5b-d9cb-469f-a165-70867728950e}", "preview", "30.0", "5",
           "europe/london", " Leeds ")  # fmt: skip
    assert customer(*row, header=header) == Customer(
        row=1,
        external_id="007",
        numbers=("+442079460000", "+441214960001"),
        date="2027-07-01T08:30:00Z",
        agent_id="0F8FAD5BD9CB469FA16570867728950E",
        dialing_mode="PREVIEW",
        preview_time=30,
        priority=5,
        time_zone="Europe/London",
        names=("City",),
        values=("Leeds",),
    )


def test_a_value_that_is_not_there_is_not_sent() -> None:
    header = (
        "externalId",
        "Phone1",
        "date",
        "agentId",
        "dialingMode",
        "previewTime",
        "priority",
        "timeZone",
        "City",
    )
    found = customer("7", A, " ", "", "  ", "", " ", "", "\t", header=header)
    assert found == Customer(row=1, external_id="7", numbers=(A,), names=("City",), values=("",))
    assert found.attributes == ()


def test_defaults_stand_where_the_row_has_no_value_and_nowhere_else() -> None:
    defaults = {"priority": 0, "previewTime": 7, "dialingMode": "PREDICTIVE", "timeZone": "Europe/Berlin"}
    header = ("externalId", "Phone1", "priority", "dialingMode")
    found = decided(("1", A, "", " "), ("2", B, "3", "preview"), header=header, defaults=defaults)
    told = [
        (c.priority, c.preview_time, c.dialing_mode, c.time_zone) for c in found if isinstance(c, Customer)
    ]
    assert told == [(0, 7, "PREDICTIVE", "Europe/Berlin"), (3, 7, "PREVIEW", "Europe/Berlin")]


def test_a_default_never_hides_a_value_that_is_wrong() -> None:
    found = outcome("1", A, "soon", header=("externalId", "Phone1", "priority"), defaults={"priority": 5})
    assert (found.status, found.code, found.field) == (RowStatus.INVALID, "priority.invalid", "priority")


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("date", "03/04/2027", "date.ambiguous"),
        ("date", "2027-07-01 09:30", "date.no_zone"),
        ("date", "9999-12-31T23:59:59Z", "date.never"),
        ("date", "soon", "date.unreadable"),
        ("timeZone", "EST", "timeZone.unknown"),
        ("timeZone", "GMT Standard Time", "timeZone.unknown"),
        ("dialingMode", "PROGRESSIVE", "dialingMode.unknown"),
        ("agentId", "42", "agentId.invalid"),
        ("priority", "-1", "priority.invalid"),
        ("priority", "5.5", "priority.invalid"),
        ("previewTime", "1e3", "previewTime.invalid"),
        ("priority", "99999999999", "priority.large"),
        ("externalId", "7*", "externalId.wildcard"),
        ("externalId", "7\n8", "externalId.control"),
        ("externalId", "4.5E+11", "externalId.mangled"),
        ("Phone1", "112", "phone.short"),
        ("Phone1", "", "phone.missing"),
        ("Phone1", "+number", "phone.letters"),
    ],
)
def test_a_bad_value_makes_the_row_invalid_and_names_its_column(column: str, value: str, code: str) -> None:
    """To send the row without it could call at the wrong time, or the wrong person."""
    row = {"externalId": "7", "Phone1": A, f" {column} ".strip(): value}
    found = outcome(*row.values(), header=tuple(row))
    assert (found.status, found.code, found.field) == (RowStatus.INVALID, code, column)
    assert found.error


def test_the_field_is_the_header_as_written() -> None:
    found = outcome("7", "x", "soon", header=("External ID", " phone-1 ", "DATE"))
    assert found.field == " phone-1 "
    assert "DATE: " in found.error


def test_all_that_is_wrong_is_told_and_the_first_in_the_fixed_order_names_the_row() -> None:
    found = outcome("7*", "x", "soon", "-1", header=("externalId", "Phone1", "date", "priority"))
    assert found.code == "externalId.wildcard"
    told = [part.split(":")[0] for part in found.error.split("; ")]
    assert told == ["externalId", "Phone1", "date", "priority"]


def test_a_row_without_a_number_and_without_an_id_falls_for_its_number_alone() -> None:
    found = outcome("", "", header=("externalId", "Phone1"))
    assert (found.code, found.external_id) == ("phone.missing", "")
    assert "externalId" not in found.error


def test_no_form_of_a_refusal_can_be_sent_or_hide_one() -> None:
    """A value that looks like a refused one is an ordinary value."""
    found = customer("7", A, "!phone.missing", header=("externalId", "Phone1", "Note"))
    assert found.attributes == (("Note", "!phone.missing"),)
    assert customer("!7", A, "").external_id == "!7"


# --- numbers ----------------------------------------------------------------------------------------------


def test_numbers_over_several_columns_count_in_priority_order_without_repeats() -> None:
    header = ("externalId", "Phone3", "Phone1", "Phone2")
    assert customer("7", B, A, "020 7946 0000", header=header).numbers == (A, B)


def test_more_than_three_numbers_are_cut_to_three_with_a_warning() -> None:
    found = customer("7", f"{A};{B}", f"{C};{D}")
    assert found.numbers == (A, B, C)
    assert D in found.warning


def test_a_bad_number_beside_a_good_one_is_left_out_with_a_warning_or_refused() -> None:
    assert customer("7", "12", A).numbers == (A,)
    assert "left out" in customer("7", "12", A).warning
    found = outcome("7", "12", A, phones={"bad_beside_good": "reject"})
    assert (found.status, found.field) == (RowStatus.INVALID, "Phone1")


def test_the_second_phone_column_is_named_where_its_number_is_the_bad_one() -> None:
    found = outcome("7", A, "banana", phones={"bad_beside_good": "reject"})
    assert found.field == "Phone2"


def test_a_numbers_column_rules_and_there_is_no_silent_fall_back() -> None:
    header = ("externalId", "Phone1", "numbers")
    assert customer("7", A, f"{B};{C}", header=header).numbers == (B, C)
    assert outcome("7", A, "banana", header=header).field == "numbers"
    assert outcome("7", A, "", header=header).code == "phone.missing"


def test_of_several_numbers_columns_the_first_with_content_decides_alone() -> None:
    columns = {"numbers": ["N1", "N2"]}
    header = ("externalId", "N1", "N2")
    assert customer("7", "", B, header=header, columns=columns).numbers == (B,)
    found = outcome("7", "banana", B, header=header, columns=columns)
    assert (found.status, found.field) == (RowStatus.INVALID, "N1")


def test_a_rows_country_beats_the_default_region() -> None:
    header = ("externalId", "Phone1", "Country")
    more = {"header": header, "region_column": "Country"}
    assert customer("7", "030 23125000", "Germany", **more).numbers == ("+493023125000",)
    assert customer("7", "030 23125000", "de", **more).numbers == ("+493023125000",)
    assert customer("7", "020 7946 0000", " ", **more).numbers == (A,)


def test_under_a_country_that_is_not_understood_only_international_numbers_pass() -> None:
    header = ("externalId", "Phone1", "Country")
    more = {"header": header, "region_column": "Country"}
    assert customer("7", A, "Atlantis", **more).numbers == (A,)
    assert outcome("7", "020 7946 0000", "Atlantis", **more).code == "phone.no_region"


def test_the_country_column_is_still_an_attribute() -> None:
    found = customer("7", A, "UK", header=("externalId", "Phone1", "Country"), region_column="Country")
    assert found.attributes == (("Country", "UK"),)


@pytest.mark.parametrize(
    ("form", "sent"),
    [("e164", A), ("national", "02079460000"), ("digits", "442079460000"), ("as-written", "02079460000")],
)
def test_numbers_are_sent_in_the_form_of_the_profile(form: str, sent: str) -> None:
    assert customer("7", "020 7946 0000", "", phones={"format": form}).numbers == (sent,)


# --- ids --------------------------------------------------------------------------------------------------


def test_an_id_is_text_trimmed_and_prefixed() -> None:
    assert customer(" 007 ", A, "", external_id={"prefix": "acme-"}).external_id == "acme-007"


def test_a_missing_id_is_derived_from_the_first_good_number_and_says_so() -> None:
    found = customer(" ", "banana", A)
    assert found.external_id == derived_external_id(A)
    assert "no externalId" in found.warning


@pytest.mark.parametrize("form", ["e164", "national", "digits", "as-written"])
def test_a_derived_id_does_not_depend_on_the_form_in_which_numbers_are_sent(form: str) -> None:
    assert customer("", "020 7946 0000", "", phones={"format": form}).external_id == derived_external_id(A)


def test_a_derived_id_does_not_depend_on_a_second_number_nor_on_other_columns() -> None:
    header = ("Phone1", "Phone2", "Score")
    ids = {customer(*row, header=header).external_id for row in ((A, "", "1"), (A, B, "2"))}
    assert ids == {derived_external_id(A)}


def test_the_columns_of_the_profile_join_the_derived_id_behind_its_prefix() -> None:
    more: dict[str, Any] = {
        "header": ("Phone1", "Product"),
        "external_id": {"derive_from": ["Product"], "prefix": "p-"},
    }
    assert customer(A, " loan ", **more).external_id == "p-" + derived_external_id(A, ["loan"])
    assert words(decided((A, "loan"), (A, "card"), (A, "loan "), **more)) == [
        "customer",
        "customer",
        "duplicate",
    ]


def test_a_missing_id_may_be_refused() -> None:
    found = outcome("", A, "", external_id={"when_missing": "reject"})
    assert (found.code, found.field) == ("externalId.missing", "externalId")
    found = outcome(A, header=("Phone1",), external_id={"when_missing": "reject"})
    assert (found.code, found.field) == ("externalId.missing", "externalId")


# --- what beats what --------------------------------------------------------------------------------------

DNC = ("externalId", "Phone1", "do not call")


def test_invalid_beats_suppressed_beats_duplicate() -> None:
    rows = [("7", A, ""), ("7", "banana", "yes"), ("7", A, "yes"), ("7", A, "")]
    assert words(decided(*rows, header=DNC)) == ["customer", "invalid", "suppressed", "duplicate"]


def test_an_invalid_first_row_does_not_block_a_good_second_one() -> None:
    assert words(decided(("7", "banana", ""), ("7", A, ""), ("7", B, ""))) == [
        "invalid",
        "customer",
        "duplicate",
    ]


def test_a_repeat_of_a_suppressed_row_is_a_duplicate_and_not_called() -> None:
    found = decided(("7", A, "yes"), ("7", A, ""), header=DNC)
    assert words(found) == ["suppressed", "duplicate"]
    assert isinstance(found[1], RowOutcome)
    assert found[1].first_row == 1


def test_a_duplicate_names_its_first_row_and_the_column_as_written() -> None:
    found = decided(("7", A), ("8", B), ("7", C), header=("External ID", "Phone 1"))[2]
    assert isinstance(found, RowOutcome)
    assert (found.first_row, found.field, found.code) == (1, "External ID", "duplicate.externalId")
    assert "row 1" in found.error


def test_rows_without_ids_are_duplicates_by_their_first_number_and_name_its_column() -> None:
    found = decided((A, B), (A, C), (B, A), header=("Phone1", "Phone2"))
    assert words(found) == ["customer", "duplicate", "customer"]
    assert isinstance(found[1], RowOutcome)
    assert (found[1].field, found[1].code) == ("Phone1", "duplicate.number")


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("externalId", ["customer", "duplicate", "customer", "customer"]),
        ("number", ["customer", "duplicate", "duplicate", "customer"]),
        ("both", ["customer", "duplicate", "duplicate", "customer"]),
        ("none", ["customer", "duplicate", "customer", "customer"]),
    ],
)
def test_what_makes_a_duplicate_beside_an_id_of_the_files_own_is_chosen(by: str, expected: list[str]) -> None:
    rows = [("7", A, ""), ("7", B, ""), ("8", C, A), ("9", D, "")]
    assert words(decided(*rows, by=by)) == expected


def test_a_duplicate_by_number_names_the_number_columns() -> None:
    found = decided(("7", A, ""), ("8", B, "020 7946 0000"), by="number")[1]
    assert isinstance(found, RowOutcome)
    assert (found.code, found.first_row) == ("duplicate.number", 1)
    assert found.field in {"Phone1", "Phone2"}


def test_without_duplicates_a_repeated_derived_id_gets_an_ordinal() -> None:
    found = decided((A, ""), (A, B), (A, C), header=("Phone1", "Phone2"), by="none", chunk=2)
    base = derived_external_id(A)
    assert [each.external_id for each in found] == [base, f"{base}-2", f"{base}-3"]


def test_ids_that_differ_only_by_case_are_two_leads_with_a_warning() -> None:
    found = decided(("abc", A, ""), ("ABC", B, ""), ("abc", C, ""), chunk=1)
    assert words(found) == ["customer", "customer", "duplicate"]
    assert "case" in found[1].warning
    assert "row 1" in found[1].warning


# --- do-not-call ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "word"),
    [("", "customer"), ("no", "customer"), ("0", "customer"), ("FALSE", "customer"), ("yes", "suppressed"),
     ("1", "suppressed"), (" X ", "suppressed"), ("ja", "suppressed")],
)  # fmt: skip
def test_a_do_not_call_flag_suppresses(value: str, word: str) -> None:
    assert words(decided(("7", A, value), header=DNC)) == [word]


@pytest.mark.parametrize("value", ["perhaps", "2027-01-01", "#N/A", "2", "?"])
def test_a_do_not_call_value_that_cannot_be_read_suppresses(value: str) -> None:
    found = outcome("7", A, value, header=DNC)
    assert (found.status, found.code) == (RowStatus.SUPPRESSED, "suppressed.unreadable")
    assert found.field == "do not call"


def test_any_of_several_do_not_call_columns_suppresses() -> None:
    columns = {"do_not_call": ["Stop", "Never"]}
    header = ("externalId", "Phone1", "Stop", "Never")
    found = outcome("7", A, "no", "yes", header=header, columns=columns)
    assert (found.code, found.field) == ("suppressed.flag", "Never")


def test_the_flag_columns_are_no_attributes() -> None:
    assert customer("7", A, "no", header=DNC).attributes == ()


@pytest.mark.parametrize(
    ("rule", "value", "word"),
    [
        ({"is_not": ["yes"]}, "yes", "customer"),
        ({"is_not": ["yes"]}, "", "suppressed"),
        ({"is": ["no"]}, "NO ", "suppressed"),
        ({"empty": True}, " ", "suppressed"),
        ({"older_than": "180d"}, "2026-01-01", "suppressed"),
        ({"older_than": "180d"}, "2027-02-01", "customer"),
        ({"older_than": "180d"}, "01/02/2027", "suppressed"),
        ({"older_than": "180d"}, "1999-01-01", "suppressed"),
        ({"older_than": "180d"}, "whenever", "suppressed"),
        ({"older_than": "180d"}, "", "customer"),
        ({"older_than": "180d", "empty": True}, "", "suppressed"),
    ],
)
def test_a_rule_of_the_profile_suppresses(rule: dict[str, Any], value: str, word: str) -> None:
    more: dict[str, Any] = {"suppress_when": [{"column": "Consent"} | rule]}
    found = decided(("7", A, value), header=("externalId", "Phone1", "Consent"), **more)
    assert words(found) == [word]
    if isinstance(found[0], RowOutcome):
        assert (found[0].code, found[0].field) == ("suppressed.rule", "Consent")


def test_the_end_of_the_campaign_says_nothing_about_the_age_of_a_consent() -> None:
    more: dict[str, Any] = {"suppress_when": [{"column": "Consent", "older_than": "180d"}]}
    found = decided(
        ("7", A, "2027-02-20"),
        header=("externalId", "Phone1", "Consent"),
        campaign_end=datetime(2027, 2, 15, tzinfo=UTC),
        **more,
    )
    assert words(found) == ["customer"]


# --- ragged rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", ["(1 field missing)", "beyond", "(2 fields too many, empty)"])
def test_a_ragged_row_is_invalid_however_good_its_cells_look(extra: str) -> None:
    """A shifted column must never give a number from another column."""
    found = outcome("7", A, "", extra=[extra])
    assert (found.status, found.code, found.field) == (RowStatus.INVALID, "row.ragged", "")


def test_a_ragged_row_claims_nothing_and_beats_a_do_not_call_flag() -> None:
    found = decided(("7", A, "yes"), ("7", A, "no"), header=DNC, extra=["beyond", ""])
    assert words(found) == ["invalid", "customer"]


def test_no_other_value_of_a_ragged_row_is_judged_or_told() -> None:
    """Its cells may be those of other columns, so nothing that is said about them can be believed."""
    found = outcome("7*", "banana", A, extra=["beyond"])
    assert found.code == "row.ragged"
    assert (found.external_id, found.numbers) == ("", "")
    assert "Phone1" not in found.error


# --- dates ------------------------------------------------------------------------------------------------

DATED = ("externalId", "Phone1", "date", "timeZone")


@pytest.mark.parametrize(
    ("date", "zone", "sent"),
    [
        ("2027-07-01 09:30", "Europe/Berlin", "2027-07-01T07:30:00Z"),
        ("2027-07-01 09:30", "", "2027-07-01T08:30:00Z"),
        ("2027-07-01T09:30:00+05:30", "Europe/Berlin", "2027-07-01T04:00:00Z"),
        ("2027-01-01", "America/New_York", "2027-01-01T05:00:00Z"),
        ("2027-07-01T09:30:00Z", "", "2027-07-01T09:30:00Z"),
    ],
)
def test_a_time_is_in_the_rows_zone_else_in_the_profiles_unless_it_says_its_own(
    date: str, zone: str, sent: str
) -> None:
    found = customer("7", A, date, zone, header=DATED, source={"timezone": "Europe/London"})
    assert found.date == sent


def test_a_default_zone_places_times_and_is_sent() -> None:
    found = customer("7", A, "2027-07-01 09:30", "", header=DATED, defaults={"timeZone": "Europe/Berlin"})
    assert (found.date, found.time_zone) == ("2027-07-01T07:30:00Z", "Europe/Berlin")


def test_a_zone_is_inferred_from_a_number_that_has_exactly_one() -> None:
    more = {"header": DATED, "defaults": {"timeZone": "infer"}}
    found = customer("7", "+49 30 23125000", "2027-07-01 09:30", "", **more)
    assert (found.date, found.time_zone) == ("2027-07-01T07:30:00Z", "Europe/Berlin")
    assert customer("7", A, "", "Asia/Tokyo", **more).time_zone == "Asia/Tokyo"
    assert customer("7", "+1 800 555 0199", "", "", **more).time_zone is None


def test_a_gap_is_refused_and_of_an_overlap_the_first_is_taken_with_a_warning() -> None:
    found = decided(
        ("1", A, "2027-03-28 01:30", "Europe/London"),
        ("2", B, "2027-10-31 01:30", "Europe/London"),
        header=DATED,
    )
    assert isinstance(found[0], RowOutcome)
    assert found[0].code == "date.gap"
    assert isinstance(found[1], Customer)
    assert found[1].date == "2027-10-31T00:30:00Z"
    assert found[1].warning


def test_a_date_after_the_end_of_the_campaign_is_invalid() -> None:
    end = datetime(2027, 6, 30, 22, tzinfo=UTC)
    rows = [("1", A, "2027-06-30T22:00:00Z", ""), ("2", B, "2027-06-30T22:00:01Z", "")]
    found = decided(*rows, header=DATED, campaign_end=end)
    assert words(found) == ["customer", "invalid"]
    assert isinstance(found[1], RowOutcome)
    assert found[1].code == "date.after_end"


def test_dates_are_read_by_the_order_or_the_formats_of_the_profile() -> None:
    more = {"header": DATED}
    by_order = customer("7", A, "03/04/2027", "UTC", source={"date_order": "dmy"}, **more)
    assert by_order.date == "2027-04-03T00:00:00Z"
    by_form = customer("7", A, "03.04.27 10h", "UTC", source={"date_formats": ["%d.%m.%y %Hh"]}, **more)
    assert by_form.date == "2027-04-03T10:00:00Z"


# --- attributes -------------------------------------------------------------------------------------------

RULED = ("externalId", "Phone1", "Postcode")


@pytest.mark.parametrize(
    ("rule", "good", "bad", "code"),
    [
        ({"required": True}, ["x"], ["", "  "], "attribute.required"),
        ({"pattern": "^[A-Z]{2}$"}, ["AB", "", " AB "], ["ab", "ABC", "A"], "attribute.pattern"),
        ({"pattern": "^(A|B)$"}, ["A", "B"], ["C"], "attribute.pattern"),
        ({"pattern": r"^(?P<x>[0-9])\1$"}, ["11"], ["12"], "attribute.pattern"),
        ({"pattern": r"^(?!X)"}, ["A"], ["XA"], "attribute.pattern"),
        ({"pattern": "(?i)^ab$"}, ["AB", "ab"], ["b"], "attribute.pattern"),
        ({"pattern": "b"}, ["abc"], ["xyz"], "attribute.pattern"),
        ({"max_length": 3}, ["abc", "äöü", "", " abc "], ["abcd"], "attribute.max_length"),
        ({"allowed": ["a", "b"]}, ["a", "", " b "], ["c", "A"], "attribute.allowed"),
    ],
)
def test_a_rule_of_the_profile_judges_the_trimmed_value(
    rule: dict[str, Any], good: list[str], bad: list[str], code: str
) -> None:
    attributes = {"rules": {"postcode": rule}}
    for value in good:
        customer("7", A, value, header=RULED, attributes=attributes)
    for value in bad:
        found = outcome("7", A, value, header=RULED, attributes=attributes)
        assert (found.code, found.field) == (code, "Postcode")


def test_rules_join_and_name_each_what_is_wrong() -> None:
    rules = {"Postcode": {"max_length": 2, "allowed": ["ab"]}}
    found = outcome("7", A, "abc", header=RULED, attributes={"rules": rules})
    assert found.error.count("Postcode: ") == 2


def test_a_rule_holds_also_for_a_column_that_is_mapped_or_left_out() -> None:
    attributes = {
        "exclude": ["*"],
        "rules": {"Postcode": {"required": True}, "externalId": {"max_length": 3}},
    }
    assert customer("7", A, "x", header=RULED, attributes=attributes).attributes == ()
    assert outcome("7", A, "", header=RULED, attributes=attributes).code == "attribute.required"
    assert outcome("7777", A, "x", header=RULED, attributes=attributes).code == "attribute.max_length"


def test_renamed_attributes_are_sent_under_their_new_name() -> None:
    attributes = {"rename": {"Postcode": "ZIP"}, "rules": {"Postcode": {"max_length": 2}}}
    assert customer("7", A, "ab", header=RULED, attributes=attributes).attributes == (("ZIP", "ab"),)


def test_control_characters_are_taken_out_of_attributes_with_a_warning() -> None:
    found = customer("7", A, "a\x00b\x85c\nd", header=("externalId", "Phone1", "Note"))
    assert found.attributes == (("Note", "abc\nd"),)
    assert "Note: control characters were taken out" in found.warning


@pytest.mark.parametrize("value", ["\x00", "\x00 \x00", " \x7f\t"])
def test_an_attribute_of_control_characters_alone_is_not_sent(value: str) -> None:
    assert customer("7", A, value, header=("externalId", "Phone1", "Note")).attributes == ()


@pytest.mark.parametrize("odd", ["a\u2028b", "a\u2029b", "a\x7fb", "a\x9fb", "a\tb", "a\u200bb"])
def test_what_becomes_of_a_value_does_not_depend_on_its_neighbours(odd: str) -> None:
    header = ("externalId", "Phone1", "Note")
    alone = decided(("1", A, odd), header=header)
    beside = decided(("1", A, odd), ("2", B, "a\x00b"), header=header)
    assert alone[0] == beside[0]


# --- whole frames -----------------------------------------------------------------------------------------


def test_an_empty_frame_has_no_answers() -> None:
    with validating() as validator:
        assert list(validator.decide(source_of([], width=3))) == []


def test_rows_keep_their_numbers_in_later_chunks() -> None:
    found = decided(("1", A, ""), ("2", "x", ""), ("3", B, ""), ("4", "y", ""), chunk=2)
    assert [each.row for each in found] == [1, 2, 3, 4]
    assert words(found) == ["customer", "invalid", "customer", "invalid"]


@pytest.mark.parametrize("by", ["externalId", "number"])
def test_duplicates_thirty_thousand_rows_apart_are_found(by: str) -> None:
    rows = [(f"id-{at}", f"+4930231{at:05d}", "") for at in range(30_000)]
    again = ("id-3" if by == "externalId" else "id-new", "+493023100009", "")
    with validating(by=by) as validator:
        found = [
            answer
            for first in range(0, 30_000, 10_000)
            for answer in validator.decide(source_of(rows[first : first + 10_000], width=3, first=first + 1))
        ]
        (last,) = validator.decide(source_of([again], width=3, first=30_001))
    assert len(found) == 30_000
    assert isinstance(last, RowOutcome)
    assert (last.status, last.row) == (RowStatus.DUPLICATE, 30_001)
    assert last.first_row == (4 if by == "externalId" else 10)


texts = st.sampled_from(
    ["", " ", "7", "007", "abc", "ABC", "7*", "a\nb", "!x", "1E+05", "\u200b", "d1-0", "é", "x" * 256, "#N/A"]
)
phones = st.sampled_from(
    ["", " ", A, "020 7946 0000", B, f"{A};{B}", f"{A};{B};{C};{D}", "112", "banana", "n/a",
     "4.4E+11", "0049 30 23125000", "'+442079460001", "020 7946 0000 ext 5", "+39 06 698 12345"]
)  # fmt: skip
dates = st.sampled_from(
    [
        "",
        "2027-07-01",
        "2027-07-01T09:00Z",
        "03/04/2027",
        "soon",
        "9999-12-31T23:59:59Z",
        "2027-03-28 01:30",
        "46000",
    ]
)
cells = st.tuples(
    texts,
    phones,
    phones,
    dates,
    st.sampled_from(["", "UTC", "EST", "europe/london"]),
    st.sampled_from(["", "no", "yes", "maybe"]),
    st.sampled_from(["", "5", "5.0", "-1", "x"]),
    st.sampled_from(["", "preview", "PREDICTIVE", "PROGRESSIVE"]),
    st.sampled_from(["", "0F8FAD5BD9CB469FA16570867728950E", "42"]),
    st.text(st.sampled_from("aé \x00\u2028\n=;\"'"), max_size=6),
)
WIDE = ("externalId", "Phone1", "Phone2", "date", "timeZone", "do not call", "priority", "dialingMode",
        "agentId", "Note")  # fmt: skip
FORMS = {
    "external_id": r"[^\x00-\x1f\x7f*?]+",
    "numbers": r"\+[1-9][0-9]{6,14}",
    "date": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "agent_id": r"[0-9A-F]{32}",
    "dialing_mode": r"PREVIEW|PREDICTIVE",
    "time_zone": r"UTC|[A-Z]\w+/\w+",
}


def check_customer(found: Customer) -> None:
    assert 1 <= len(found.numbers) <= 3
    assert len(set(found.numbers)) == len(found.numbers)
    for name, form in FORMS.items():
        held = getattr(found, name)
        for value in held if isinstance(held, tuple) else [held]:
            assert (value is None and name not in {"external_id", "numbers"}) or re.fullmatch(form, value)
    assert found.external_id == found.external_id.strip()
    for value in (found.priority, found.preview_time):
        assert value is None or value >= 0
    for name, value in found.attributes:
        assert name
        assert value.strip()
        assert not re.search(r"[\x00-\x08\x7f-\x9f\u2028\u2029]", value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(cells, max_size=12),
    ragged=st.sets(st.integers(0, 11)),
    chunk=st.integers(1, 12),
    by=st.sampled_from(["externalId", "number", "both", "none"]),
)
def test_every_row_comes_out_exactly_once_in_order_and_customers_are_in_their_normal_forms(
    rows: list[tuple[str, ...]], ragged: set[int], chunk: int, by: str
) -> None:
    extra = ["beyond" if at in ragged else "" for at in range(len(rows))]
    found = decided(*rows, header=WIDE, chunk=chunk, extra=extra, by=by)
    assert [each.row for each in found] == list(range(1, len(rows) + 1))
    for at, each in enumerate(found):
        if isinstance(each, Customer):
            check_customer(each)
            assert at not in ragged
            assert rows[at][5] in {"", "no"}
        else:
            assert each.status in {RowStatus.INVALID, RowStatus.SUPPRESSED, RowStatus.DUPLICATE}
            assert each.code
            assert each.error
            assert (each.first_row is not None) is (each.status is RowStatus.DUPLICATE)
        if at in ragged:
            assert isinstance(each, RowOutcome)
            assert (each.status, each.code) == (RowStatus.INVALID, "row.ragged")
    if by != "none":
        ids = [each.external_id for each in found if isinstance(each, Customer)]
        assert by == "number" or len(set(ids)) == len(ids)
    assert found == decided(*rows, header=WIDE, extra=extra, by=by)


# --- do-not-call lists --------------------------------------------------------------------------------------


def test_one_listed_number_suppresses_the_row_and_names_list_and_column() -> None:
    found = outcome("7", A, B, listed=[B])
    assert (found.status, found.code, found.field) == (RowStatus.SUPPRESSED, "suppressed.list", "Phone2")
    assert found.error == "Phone2 holds a number that is on the do-not-call list numbers.csv"
    assert (found.external_id, found.numbers) == ("7", f"{A};{B}")


def test_a_listed_number_is_found_in_any_spelling_of_the_row() -> None:
    for spelling in ("020 7946 0000", "00442079460000", "+44 (0)20 7946 0000", "442079460000"):
        assert outcome("7", spelling, "", listed=[A]).code == "suppressed.list"


def test_a_number_beyond_the_third_counts_too() -> None:
    assert outcome("7", f"{A}; {B}; {C}; {D}", "", listed=[D]).code == "suppressed.list"


def test_what_a_bad_cell_may_mean_counts_too() -> None:
    found = outcome("7", A, "020 7946 0001/2", listed=[B])
    assert (found.code, found.field) == ("suppressed.list", "Phone2")
    assert customer("7", A, "020 7946 0001/2", listed=[D]).numbers == (A,)


def test_a_telephone_column_that_is_not_read_counts_too() -> None:
    header = ("externalId", "numbers", "Phone1", "Fax")
    found = outcome("7", A, "020 7946 0001", "", header=header, listed=[B])
    assert (found.code, found.field) == ("suppressed.list", "Phone1")
    assert customer("7", A, "", "020 7946 0001", header=header, listed=[B]).numbers == (A,)
    rules: dict[str, Any] = {"phones": {"suppressed": "drop-number"}}
    assert customer("7", A, B, "", header=header, listed=[B], **rules).numbers == (A,)


@pytest.mark.parametrize("listed", ["7", " 7 ", "crm-7", "CRM-7"])
def test_an_id_is_looked_for_with_its_prefix_and_without(listed: str) -> None:
    found = outcome("7", A, "", listed_ids=[listed], external_id={"prefix": "CRM-"})
    assert (found.code, found.field, found.external_id) == ("suppressed.list", "externalId", "CRM-7")


def test_a_derived_id_is_looked_for_too() -> None:
    derived = derived_external_id(A)
    found = outcome("", A, "", listed_ids=[derived])
    assert (found.code, found.external_id) == ("suppressed.list", derived)


def test_with_drop_number_the_listed_one_goes_and_the_next_ones_move_up() -> None:
    rules: dict[str, Any] = {"phones": {"suppressed": "drop-number"}}
    found = customer("7", f"{A};{B};{C}", D, listed=[B], **rules)
    assert found.numbers == (A, C, D)
    assert found.warning == f"left out: {B} is on the do-not-call list numbers.csv"
    assert outcome("7", A, B, listed=[A, B], **rules).code == "suppressed.list"
    assert customer("7", A, B, listed=[D], **rules).numbers == (A, B)
    assert outcome("7", A, B, listed=[A], listed_ids=["7"], **rules).code == "suppressed.list"


def test_a_derived_id_and_what_repeats_go_by_the_numbers_before_any_was_dropped() -> None:
    rules: dict[str, Any] = {"phones": {"suppressed": "drop-number"}, "by": "number"}
    first, second = decided(("", A, B), ("8", A, C), listed=[A], **rules)
    assert isinstance(first, Customer)
    assert first.external_id == derived_external_id(A)
    assert first.numbers == (B,)
    assert isinstance(second, RowOutcome)
    assert second.first_row == 1


def test_the_time_zone_is_that_of_the_first_number_that_is_sent() -> None:
    rules: dict[str, Any] = {"phones": {"suppressed": "drop-number"}, "defaults": {"timeZone": "infer"}}
    berlin = "+493023125123"
    assert customer("7", A, berlin, listed=[A], **rules).time_zone == "Europe/Berlin"
    assert customer("7", A, berlin, listed=[D], **rules).time_zone == "Europe/London"


def test_what_has_no_e164_is_invalid_while_numbers_are_looked_for() -> None:
    rules: dict[str, Any] = {"region": "", "phones": {"format": "as-written"}}
    found = outcome("7", "", "0215428754", listed=[A], **rules)
    assert (found.status, found.code, found.field) == (RowStatus.INVALID, "phone.no_e164", "Phone2")
    assert customer("7", "", "0215428754", **rules).numbers == ("0215428754",)
    assert customer("7", "+442079460001", "", listed=[A], **rules).numbers == ("+442079460001",)


def test_an_invalid_row_is_no_suppressed_one_and_a_suppressed_one_claims_its_id() -> None:
    header = ("externalId", "Phone1", "Phone2", "priority")
    rows = [("7", A, "", "bad"), ("7", A, "", ""), ("7", B, "", "")]
    assert words(decided(*rows, header=header, listed=[A])) == ["invalid", "suppressed", "duplicate"]


# --- the workbench ----------------------------------------------------------------------------------------


@pytest.fixture
def bench() -> Chunk:
    rows = [("7", A, ""), ("8", B, "")]
    return Chunk(source_of(rows, width=3, first=41), map_columns(list(enumerate(HEADER)), Profile()))


def test_the_workbench_keeps_normal_forms_defaults_and_refusals_apart(bench: Chunk) -> None:
    bench.put("externalId", [Fault("externalId.missing", "there is none"), None], default="x")
    assert bench.normal["externalId"] == [f"{REFUSED}externalId.missing", "x"]
    assert (bench.accepted(0, "externalId"), bench.accepted(1, "externalId")) == ("", "x")
    assert bench.fault_of(0, "externalId") == ("externalId", Fault("externalId.missing", "there is none"))
    assert bench.fault_of(1, "externalId") is None


def test_a_fault_of_a_field_without_a_column_names_the_field(bench: Chunk) -> None:
    bench.put("date", [Fault("date.x", "why"), None])
    assert bench.fault_of(0, "date") == ("date", Fault("date.x", "why"))


def test_equal_cells_are_read_once(bench: Chunk) -> None:
    asked: list[str] = []

    def rule(text: str) -> Normal:
        asked.append(text)
        return Normal(text, "guessed")

    bench.mapping.fields["priority"] = 2
    bench.put_scalar("priority", rule)
    assert asked == []
    bench.mapping.fields["priority"] = 0
    bench.put_scalar("priority", rule)
    assert asked == ["7", "8"]


def test_warnings_are_joined_without_repeats(bench: Chunk) -> None:
    for warning in ("one", "", "two", "one"):
        bench.warn(0, warning)
    assert bench.warning(0) == "one; two"
    assert bench.warning(1) == ""
