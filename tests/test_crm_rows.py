"""What becomes of the rows of a CRM's export: flags, labels and countries, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from etl.columns import map_columns
from etl.duplicates import Duplicates
from etl.fields import call_forbidden, yes_no
from etl.profile import Profile
from etl.records import Customer, RowOutcome, RowStatus, SourceRows
from etl.seen import Seen
from etl.validator import Validator

LONDON, MANCHESTER, BERLIN = "020 7946 0001", "0161 496 0001", "030 23125001"
LONDON_E164, MANCHESTER_E164, BERLIN_E164 = "+442079460001", "+441614960001", "+493023125001"


def decided(tmp_path: Path, header: Sequence[str], *cells: str, **tables: Any) -> Customer | RowOutcome:
    """The answer for one row."""
    profile = Profile.model_validate({"region": "GB"} | tables)
    mapping = map_columns(list(enumerate(header)), profile)
    source = SourceRows(1, [2], {at: [cell] for at, cell in enumerate(cells)}, [""])
    with Seen(tmp_path) as seen:
        validator = Validator(profile=profile, mapping=mapping, duplicates=Duplicates(seen, by="externalId"))
        (answer,) = validator.decide(source)
    return answer


def sent(tmp_path: Path, header: Sequence[str], *cells: str, **tables: Any) -> Customer:
    answer = decided(tmp_path, header, *cells, **tables)
    assert isinstance(answer, Customer), answer
    return answer


def kept(tmp_path: Path, header: Sequence[str], *cells: str, **tables: Any) -> RowOutcome:
    answer = decided(tmp_path, header, *cells, **tables)
    assert isinstance(answer, RowOutcome), answer
    return answer


# --- what a flag says -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["1", "yes", "TRUE", "Y", "X", "ja", "oui", "sí", "checked", "✓", "Do Not Allow", "do not  allow",
     "Opted Out", "opt-out", "Unsubscribed", "DNC", "Nicht zulassen", "Registered"],
)  # fmt: skip
def test_a_do_not_call_column_forbids(text: str) -> None:
    assert call_forbidden(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "no",
        "FALSE",
        "n",
        "nein",
        "non",
        "-",
        "Allow",
        "Opted In",
        "unchecked",
        "Zulassen",
        "Clear",
    ],
)
def test_a_do_not_call_column_forbids_nothing(text: str) -> None:
    assert call_forbidden(text) is False


@pytest.mark.parametrize("text", ["ask first", "2", "2024-05-01", "maybe", "unknown", "n/a"])
@pytest.mark.parametrize("asks_for_leave", [False, True])
def test_what_can_not_be_read_is_neither(text: str, asks_for_leave: bool) -> None:
    assert call_forbidden(text, asks_for_leave=asks_for_leave) is None


@given(st.text(max_size=12))
def test_a_column_that_asks_for_leave_says_the_opposite_of_yes_and_no_alone(text: str) -> None:
    plain, other = call_forbidden(text), call_forbidden(text, asks_for_leave=True)
    if yes_no(text) is not None and text.strip() not in {"", "-"} and text.strip().casefold() != "null":
        assert plain is not other
    else:
        assert plain is other


@pytest.mark.parametrize("text", ["Do Not Allow", "Opted Out", "Allow", "Opted In"])
def test_words_about_calls_mean_the_same_in_both_kinds_of_columns(text: str) -> None:
    assert call_forbidden(text) is call_forbidden(text, asks_for_leave=True)


@pytest.mark.parametrize(("header", "stop", "go"), [
    ("Do not allow Phone Calls", "Do Not Allow", "Allow"),
    ("Do Not Call", "1", "0"),
    ("ContactCallable", "0", "1"),
    ("Callable-Phone", "0", ""),
    ("Callable-Phone", "false", "true"),
    ("Call allowed", "No", "Allowed"),
])  # fmt: skip
def test_a_row_that_may_not_be_called_is_suppressed_and_says_by_which_column(
    tmp_path: Path, header: str, stop: str, go: str
) -> None:
    columns = ("externalId", "Phone", header)
    outcome = kept(tmp_path, columns, "a", LONDON, stop)
    assert (outcome.status, outcome.code, outcome.field) == (RowStatus.SUPPRESSED, "suppressed.flag", header)
    assert sent(tmp_path, columns, "a", LONDON, go).attributes == ()


@pytest.mark.parametrize("header", ["Do Not Call", "ContactCallable"])
def test_a_flag_that_can_not_be_read_suppresses(tmp_path: Path, header: str) -> None:
    outcome = kept(tmp_path, ("externalId", "Phone", header), "a", LONDON, "ask")
    assert (outcome.status, outcome.code) == (RowStatus.SUPPRESSED, "suppressed.unreadable")


# --- labels ---------------------------------------------------------------------------------------------

GOOGLE = ("externalId", "Phone 1 - Label", "Phone 1 - Value", "Phone 2 - Label", "Phone 2 - Value")


def test_a_number_that_is_labelled_a_fax_is_not_dialled_and_the_others_are(tmp_path: Path) -> None:
    found = sent(tmp_path, GOOGLE, "a", "Home Fax", LONDON, "Work", MANCHESTER)
    assert found.numbers == (MANCHESTER_E164,)
    assert 'Phone 1 - Value is labelled "Home Fax"' in found.warning


def test_a_row_with_a_fax_alone_has_no_number(tmp_path: Path) -> None:
    outcome = kept(tmp_path, GOOGLE, "a", "Work Fax", LONDON, "", "")
    assert (outcome.status, outcome.code) == (RowStatus.INVALID, "phone.missing")
    assert "labelled" in outcome.warning


def test_several_numbers_in_a_cell_go_each_with_its_label(tmp_path: Path) -> None:
    found = sent(tmp_path, GOOGLE, "a", "Mobile ::: Home Fax", f"{LONDON} ::: {MANCHESTER}", "", "")
    assert found.numbers == (LONDON_E164,)


def test_an_empty_cell_beside_a_fax_label_is_no_news(tmp_path: Path) -> None:
    assert sent(tmp_path, GOOGLE, "a", "Mobile", LONDON, "Home Fax", "").warning == ""


# --- countries ------------------------------------------------------------------------------------------


def test_the_country_of_a_row_rules_over_the_region_of_the_load(tmp_path: Path) -> None:
    header = ("externalId", "Phone", "Country")
    assert sent(tmp_path, header, "a", BERLIN, "Germany").numbers == (BERLIN_E164,)
    assert sent(tmp_path, header, "a", LONDON, "").numbers == (LONDON_E164,)
    assert sent(tmp_path, header, "a", BERLIN, "+49").numbers == (BERLIN_E164,)
    outcome = kept(tmp_path, header, "a", LONDON, "Atlantis")
    assert outcome.code == "phone.no_region"


def test_a_row_whose_columns_name_two_countries_needs_a_country_code(tmp_path: Path) -> None:
    header = ("externalId", "Phone", "Business Country/Region", "Home Country/Region")
    outcome = kept(tmp_path, header, "a", LONDON, "United Kingdom", "Germany")
    assert outcome.code == "phone.no_region"
    assert 'more than one country ("United Kingdom", "Germany")' in outcome.warning
    assert sent(tmp_path, header, "a", BERLIN_E164, "United Kingdom", "Germany").numbers == (BERLIN_E164,)


@pytest.mark.parametrize("home", ["", "UK", "GBR", "Great Britain", "Atlantis"])
def test_columns_that_do_not_gainsay_each_other_are_one_country(tmp_path: Path, home: str) -> None:
    header = ("externalId", "Phone", "Business Country/Region", "Home Country/Region")
    assert sent(tmp_path, header, "a", LONDON, "United Kingdom", home).numbers == (LONDON_E164,)


def test_where_the_first_country_is_empty_the_second_one_rules(tmp_path: Path) -> None:
    header = ("externalId", "Phone", "Business Country/Region", "Home Country/Region")
    assert sent(tmp_path, header, "a", BERLIN, "", "Germany").numbers == (BERLIN_E164,)
