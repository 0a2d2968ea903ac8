"""What a header, or cells, are taken for: surely, by likeness, and never."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from etl.columns import Mapping, map_columns
from etl.errors import InputError, ProfileError
from etl.guesses import DECIDING, Guess, guess, never_dialled, refuse_uncertain, tokens
from etl.looks import fitting_regions, guess_by_values, phone_share
from etl.profile import Profile
from etl.vocabulary import COMMON_NAMES, OWN_NAMES

LONDON = [f"020 7946 0{at:03}" for at in range(1, 30)]
BERLIN = [f"030 23125{at:03}" for at in range(1, 30)]
ABROAD = [f"+49 30 23125{at:03}" for at in range(1, 30)]


def mapped(*header: str, **tables: object) -> Mapping:
    return map_columns(list(enumerate(header)), Profile.model_validate(tables))


def guessed(header: str, **found: Sequence[int]) -> Guess | None:
    """The guess for one header that no name is known for."""
    (one,) = guess([(0, header)], found) or (None,)
    return one


def looks(header: str, cells: Sequence[str], region: str = "") -> Guess | None:
    (one,) = guess_by_values({0: header}, {0: cells}, region=region) or (None,)
    return one


# --- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "how"),
    [("Phone1", "exact"), (" phone1 ", "exact"), ("PHONE_1", "normalised"), ("Mobile Tel Nr", "normalised")],
)
def test_a_known_name_is_certain_however_it_is_spelled(header: str, how: str) -> None:
    (one, *_) = mapped(header).guesses
    assert (one.field, one.column, one.header, one.how, one.is_certain) == ("phones", 0, header, how, True)
    assert one.confidence >= 95
    assert not any("sure" in note for note in mapped(header).notes)


@pytest.mark.parametrize(
    "header",
    ["Moblie", "Phne", "Moible Tel Nr", "Telphone Numbr", "Phonenumbr", "Privat Telfon", "MOBIEL_PHNOE",
     "Telefonnumer", "Mobilnumer (privat)", "Phone Nubmer 2", "celullar"],
)  # fmt: skip
def test_a_mistyped_name_of_a_telephone_column_is_a_fuzzy_guess(header: str) -> None:
    found = mapped("Phone1", header)
    (one,) = [each for each in found.guesses if each.column == 1]
    assert (one.field, one.how, one.is_certain) == ("phones", "fuzzy", False)
    assert 60 <= one.confidence <= 90
    assert found.phones == (0, 1)
    assert any(header in note and f"{one.confidence} % sure" in note for note in found.notes)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Exernal ID", "externalId"),
        ("ExternelId", "externalId"),
        ("Contcat ID", "externalId"),
        ("ID Lead", "externalId"),
        ("Priorty", "priority"),
        ("Time Zoen", "timeZone"),
        ("Dailing Mode", "dialingMode"),
        ("Do Not Cal", "do_not_call"),
        ("Call: do not", "do_not_call"),
    ],
)
def test_other_fields_are_guessed_by_a_slip_or_another_order_of_words(header: str, field: str) -> None:
    one = guessed(header)
    assert one is not None
    assert (one.field, one.how) == (field, "fuzzy")
    assert "like" in one.reason


NEVER_A_PHONE = [
    "Telefon alt", "Handynummer alt",
    "Fax", "Phnoe Fax", "Moblie Fax", "Telefax", "Pager", "Phnoe Pager", "Asistant Phone", "Assistant Phnoe",
    "Phnoe Ext", "Phone Extension", "Telephnoe Extn.", "Phnoe Type", "Phone Label", "Phnoe Label",
    "Phone Consent", "Phnoe opt-in", "Postcode", "Phone Postcode", "Postleitzahl", "VAT Number",
    "Bank Account Number", "Mobile IBAN", "Konto Nummer", "Phone Price", "Mobile Cost", "Date of birth",
    "Phone Verified", "Phnoe Verified", "Phone Valid", "Phone Status", "Phone Date", "Phnoe Last Call",
    "Employees", "Number of Employees", "Mobile Count", "Moblie Provider", "Mobile Network", "Phnoe Model",
    "Phnoe Country Code", "Phnoe Area Code", "Order Number", "Invoice Number", "Phnoe ID", "Moblie App",
    "Emergency Contact Phnoe", "Agent Phnoe", "Owner Phnoe", "E-Mail", "House Number", "No Phnoe",
    "Movie", "Zone", "Home", "Call", "Model", "Sell", "Hardy", "Sandy", "Phase", "Phoned", "Telephony",
    "Möbel", "Name", "Mobility", "Telefonica", "Portal", "Number", "Nummer", "Contract ID", "Phrase", "",
    " ", "*", "12", "ö", "Mo",
]  # fmt: skip


@pytest.mark.parametrize("header", NEVER_A_PHONE)
def test_what_speaks_against_a_phone_weighs_more_than_likeness(header: str) -> None:
    one = guessed(header)
    assert one is None or one.field != "phones"


@pytest.mark.parametrize("header", ["Load ID", "Deal ID", "Contract ID", "contractid", "Read ID", "Lead"])
def test_a_word_of_its_own_is_no_slip_of_another(header: str) -> None:
    assert guessed(header) is None


@pytest.mark.parametrize("header", ["Do not mail", "Do not email", "Do call", "Opted in of call", "Ring"])
def test_another_wish_is_no_slip_of_the_wish_not_to_be_called(header: str) -> None:
    one = guessed(header)
    assert one is None or one.field != "do_not_call"


def test_a_field_that_has_a_column_gets_no_other_by_likeness_but_phones_and_flags_do() -> None:
    found = {"externalId": [0], "phones": [1], "do_not_call": [2]}
    header = ["External ID", "Phone 1", "DNC", "Exernal ID", "Phnoe", "Do not cal"]
    columns = list(enumerate(header))
    assert {each.column: each.field for each in guess(columns, found) if each.how == "fuzzy"} == {
        4: "phones",
        5: "do_not_call",
    }


def test_of_two_columns_that_are_as_like_neither_is_taken() -> None:
    assert guess([(0, "Priorty"), (1, "Priortiy")], {}) == ()


def test_beside_numbers_no_phone_is_guessed() -> None:
    assert [each.field for each in mapped("numbers", "Phnoe").guesses] == ["numbers"]


def test_mobile_numbers_are_guessed_to_be_dialled_first() -> None:
    assert mapped("Telephnoe", "Moblie", "Home phnoe").phones == (1, 0, 2)


def test_a_profile_that_names_columns_is_not_guessed_beside() -> None:
    found = mapped("Tel", "Moblie", columns={"phones": "Tel"})
    assert (found.phones, found.guesses) == ((0,), ())


def test_every_guess_of_a_mapping_is_of_its_columns() -> None:
    found = mapped("Lead ID", "Mobile", "Phnoe", "DNC", "Date", "Country", "City")
    by_field: dict[str, set[int]] = {}
    for each in found.guesses:
        by_field.setdefault(each.field, set()).add(each.column)
    assert by_field["phones"] == set(found.phones)
    assert by_field["do_not_call"] == set(found.do_not_call)
    assert {field: {at} for field, at in found.fields.items()}.items() <= by_field.items()


@given(st.lists(st.text(max_size=30), max_size=8))
@settings(max_examples=150)
def test_guessing_never_fails_and_no_two_guesses_are_of_one_column(header: list[str]) -> None:
    guesses = guess(list(enumerate(header)), {})
    columns = [each.column for each in guesses]
    assert len(set(columns)) == len(columns)
    assert all(0 < each.confidence <= 90 and each.how == "fuzzy" for each in guesses)


NAMES = sorted({name for known in (OWN_NAMES, COMMON_NAMES) for some in known.values() for name in some})


@given(st.sampled_from([*NAMES, "Mobile", "Telephone", "Telefonnummer", "Phone number"]), st.data())
@settings(max_examples=150)
def test_a_slip_never_makes_a_phone_of_another_fields_name(name: str, data: st.DataObject) -> None:
    """Whatever two letters change places: a column keeps its field or loses it, or was a phone before."""
    at = data.draw(st.integers(0, max(0, len(name) - 2)))
    slipped = name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
    one = guessed(slipped)
    field = next(
        (field for known in (OWN_NAMES, COMMON_NAMES) for field in known if name in known[field]), ""
    )
    assert one is None or one.field != "phones" or field in {"", "phones", "numbers"}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("workPhone_2", ("work", "phone", "2")),
        ("HTTPStatus", ("http", "status")),
        ("Téléphone-Privé", ("telephone", "prive")),
        ("Don't call", ("dont", "call")),
        ("", ()),
    ],
)
def test_a_header_is_taken_apart_into_words_and_numbers(header: str, words: tuple[str, ...]) -> None:
    assert tokens(header) == words


@pytest.mark.parametrize("header", ["Phone", "Mobile", "Contact", "Kontakt", "Nummer", "Daytime number"])
def test_nothing_speaks_against_a_plain_name(header: str) -> None:
    assert never_dialled(header) == ""


# --- whom nobody asks -----------------------------------------------------------------------------------


def fuzzy(field: str) -> Guess:
    return Guess(field=field, column=0, header=" Moblie ", confidence=83, how="fuzzy", reason="r")


@pytest.mark.parametrize("field", sorted(DECIDING))
def test_a_fuzzy_guess_for_who_is_called_or_when_stops_where_nobody_is_asked(field: str) -> None:
    with pytest.raises(ProfileError, match=r"'Moblie'.*83 % sure.*obi profile new leads\.csv") as told:
        refuse_uncertain([fuzzy(field)], source="leads.csv")
    assert told.value.exit_code == 3


@pytest.mark.parametrize("field", ["externalId", "priority", "timeZone", "agentId"])
def test_a_fuzzy_guess_for_something_else_stops_nothing(field: str) -> None:
    refuse_uncertain([fuzzy(field)], source="leads.csv")


def test_a_known_name_stops_nothing() -> None:
    refuse_uncertain(mapped("Mobile", "Lead ID", "DNC", "Date").guesses, source="-")


# --- values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "region"),
    [
        (LONDON, "GB"),
        (BERLIN, "DE"),
        (ABROAD, ""),
        (LONDON, ""),
        (BERLIN[:3], "DE"),
        (["2125550147", "3125550123", "2025550181", "6175550110", "4155550132"], "US"),
    ],
)
def test_a_column_of_numbers_looks_like_phones(cells: list[str], region: str) -> None:
    one = looks("Kontakt", cells, region)
    assert one is not None
    assert (one.field, one.how) == ("phones", "values")
    assert one.confidence <= 85
    assert (one.confidence <= 50) is (len(cells) < 5)


@pytest.mark.parametrize("header", [name for name in NEVER_A_PHONE if never_dialled(name)])
def test_no_column_with_a_name_against_it_is_a_phone_for_its_values(header: str) -> None:
    one = looks(header, LONDON, "GB")
    assert one is None or one.field != "phones"


@pytest.mark.parametrize(
    "cells",
    [
        [f"{number}" for number in range(2079460001, 2079460030)],
        [f"0{number}" for number in range(3023125001, 3023125030)],
        ["2027-04-03", "2027-04-04", "2027-04-05", "2027-04-06", "2027-04-07"],
        ["03.04.2027", "04.04.2027", "05.04.2027", "06.04.2027", "07.04.2027"],
        ["10115", "80331", "20095", "50667", "60311"],
        ["1250.00", "99.90", "100.00", "12.50", "3000.00"],
        ["DE89370400440532013000"] * 5,
        ["4111 1111 1111 1111", "4222 2222 2222 2222", "5555 5555 5555 4444"] * 3,
        ["192.168.0.1", "10.0.0.1", "8.8.8.8", "127.0.0.1", "1.1.1.1"],
        ["Ann", "Bob", "Cid", "Dan", "Eve"],
        ["", "", ""],
        [],
    ],
    ids=lambda cells: cells[0] if cells else "none",
)
@pytest.mark.parametrize("region", ["", "GB", "DE", "US"])
def test_what_is_no_number_does_not_look_like_one(cells: list[str], region: str) -> None:
    one = looks("Something", cells, region)
    assert one is None or one.field != "phones"


@pytest.mark.parametrize(
    ("header", "cells", "field"),
    [
        ("Zone", ["Europe/Berlin", "America/New_York"] * 3, "timeZone"),
        ("M", ["preview", "PREDICTIVE"] * 3, "dialingMode"),
        ("Agent", ["0" * 31 + f"{at:x}" for at in range(9)], "agentId"),
        ("Callback on", [f"{at}.04.2027 10:00" for at in range(10, 19)], "date"),
        ("Wiedervorlage", [f"2027-04-{at}" for at in range(10, 19)], "date"),
        ("Prio", list("123451234"), "priority"),
        ("Werbeeinwilligung", ["ja", "nein"] * 4, "callable"),
        ("Marketing consent", ["1", "0"] * 4, "callable"),
        ("Contact Opt Out", ["TRUE", "FALSE"] * 4, "do_not_call"),
        ("Kundenref", [f"K-{at}" for at in range(9)], "externalId"),
        ("X", [f"00000000-0000-4000-8000-00000000000{at}" for at in range(9)], "externalId"),
    ],
)
def test_other_fields_have_looks_too(header: str, cells: list[str], field: str) -> None:
    one = looks(header, cells)
    assert one is not None
    assert (one.field, one.how) == (field, "values")


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("Created on", [f"2026-04-{at}" for at in range(10, 19)]),
        ("Date of birth", [f"1980-04-{at}" for at in range(10, 19)]),
        ("Email", [f"a{at}@example.com" for at in range(9)]),
        ("Email Opt Out", ["TRUE", "FALSE"] * 4),
        ("Consent to SMS", ["yes", "no"] * 4),
        ("Consent", ["verbal", "written"] * 4),
        ("Customer", ["yes", "no"] * 4),
        ("Owner", ["0" * 31 + f"{at:x}" for at in range(3)] * 3),
        ("Reference", ["A", "A", "B", "C", "D"]),
        ("Reference", ["A", "", "B", "C", "D"]),
        ("Full name", [f"Ann B{at}" for at in range(9)]),
        ("City", ["London", "Berlin", "Rome", "Paris", "Oslo"]),
    ],
)
def test_looks_alone_are_not_enough_for_a_date_or_an_id(header: str, cells: list[str]) -> None:
    assert looks(header, cells) is None


def test_the_regions_that_explain_national_numbers_are_found() -> None:
    assert "GB" in fitting_regions(LONDON)
    assert fitting_regions([*BERLIN, *ABROAD]) == ("DE",)
    assert fitting_regions(ABROAD) == ()
    assert fitting_regions([]) == ()


@given(st.lists(st.text(max_size=20), max_size=6), st.sampled_from(["", "GB", "US"]))
@settings(max_examples=100)
def test_looking_never_fails(cells: list[str], region: str) -> None:
    guess_by_values({0: "Kontakt", 1: "Id"}, {0: cells, 1: cells}, region=region)
    assert 0 <= phone_share(cells, region=region) <= 1


def test_a_file_whose_names_say_no_phone_is_still_refused_by_a_load() -> None:
    """What cells look like never decides by itself who is called."""
    with pytest.raises(InputError, match="No column holds phone numbers"):
        mapped("Name", "Kontakt")
