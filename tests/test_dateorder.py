"""The order of day and month: one in all of a file, and known before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl.dateorder import DateEvidence, date_evidence
from etl.dates import date, possible_orders
from etl.errors import InputError
from etl.orders import Order, survey_input
from etl.profile import Profile, find_profile
from etl.records import Normal
from etl.survey import SurveyOptions, survey


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def evidence(path: Path, dates: list[str], *, order: str = "", formats: tuple[str, ...] = ()) -> DateEvidence:
    path.write_text("Phone;Date\n" + "".join(f"1;{each}\n" for each in dates), "utf-8")
    return date_evidence(path, survey(path, SurveyOptions()), 1, order=order, formats=formats)


def refusal(path: Path, dates: list[str], *, order: str = "") -> str:
    with pytest.raises(InputError) as caught:
        evidence(path, dates, order=order)
    return str(caught.value)


def test_a_date_of_another_order_than_the_stated_one_stops_all_with_its_line(leads: Path) -> None:
    said = refusal(leads, ["04/13/2027", "01/02/2027", "13/04/2027 09:00", "14/04/2027"], order="mdy")
    assert said.startswith("leads.csv, line 4: this date can't be month first, as is stated (date_order mdy)")


def test_two_dates_that_agree_on_no_order_stop_all_with_their_lines(leads: Path) -> None:
    said = refusal(leads, ["01/02/2027", "31/12/2027", "", "12/31/2027"])
    assert "line 3 can only be read with the day first and that on line 5 only with the month first" in said


def test_what_the_dates_look_like_is_told_without_guessing(leads: Path) -> None:
    found = evidence(leads, ["01/02/2027", "31/12/2027", "05/05/2027", "30.12.2027 10:00"])
    assert (found.sure, found.ambiguous) == ({"dmy": 2}, 1)
    assert found.sentence == (
        "dates: day first, because 2 can only be so (the first on line 3); 1 could be in another order too "
        "and is refused, unless you state --date-order dmy"
    )
    assert evidence(leads, ["31/12/2027"]).sentence == (
        "dates: day first, because 1 can only be so (the first on line 2)"
    )
    assert "state --date-order" in evidence(leads, ["01/02/2027"]).sentence


def test_a_stated_order_is_told_with_its_proof(leads: Path) -> None:
    found = evidence(leads, ["01/02/2027", "31/12/2027"], order="dmy")
    assert found.sentence == "dates: day first, because it is stated; 1 can only be so"
    assert evidence(leads, ["01/02/2027"], order="dmy").sentence == "dates: day first, because it is stated"


def test_dates_that_need_no_order_say_nothing_of_it(leads: Path) -> None:
    iso = ["2027-04-03", "20270403", "2027/04/13", "2027-04-03T09:00:00Z", "", "soon", "44000", "04/04/2027"]
    assert evidence(leads, iso[:-1]) == DateEvidence()
    assert evidence(leads, iso[:-1], order="mdy") == DateEvidence()
    assert evidence(leads, iso).ambiguous == 0
    assert evidence(leads, ["31/12/2027"], formats=("%d/%m/%Y",)) == DateEvidence()


def test_rows_that_are_ragged_are_no_evidence(leads: Path) -> None:
    leads.write_text("Phone;Date\n1;31/12/2027\n1;12/31/2027;x\n1;x;12/31/2027\n", "utf-8")
    assert date_evidence(leads, survey(leads), 1).sure == {"dmy": 1}


def test_footers_are_no_evidence(leads: Path) -> None:
    leads.write_text("Phone;Date\n1;31/12/2027\nTotal;\nRun on:;12/31/2027\n", "utf-8")
    assert date_evidence(leads, survey(leads), 1).sure == {"dmy": 1}


def test_a_load_knows_before_it_begins(leads: Path) -> None:
    leads.write_text(
        "ID,Phone,Date\n" + "1,+44 20 7946 0001,01/02/2027\n" * 900 + "2,x,04/13/2027\n", "utf-8"
    )
    order = Order(input=str(leads), profile=find_profile(None, date_order="dmy"))
    with pytest.raises(InputError, match=r"line 902: this date can't be day first"):
        survey_input(order, leads)
    spec, mapping = survey_input(Order(input=str(leads), profile=Profile(name="x")), leads)
    assert mapping.fields["date"] == 2
    assert spec.evidence[-1].startswith(
        "dates: month first, because 1 can only be so (the first on line 902)"
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["2027", "27", "03"])),
    separator=st.sampled_from("/.-"),
)
def test_what_can_be_read_in_one_order_only_is_what_a_row_is_read_as(
    parts: tuple[int, int, str], separator: str
) -> None:
    text = separator.join(map(str, parts))
    days = set(possible_orders(text).values())
    found = date(text, zone="UTC")
    assert isinstance(found, Normal) == (len(days) == 1)
    if isinstance(found, Normal):
        assert found.value == f"{days.pop():%Y-%m-%d}T00:00:00Z"
