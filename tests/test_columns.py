"""Which column is what: by the profile, by the interface's own names, by common headers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from etl.columns import Mapping, map_columns
from etl.errors import InputError, ProfileError
from etl.profile import GUESSED, Profile
from etl.vocabulary import COMMON_NAMES, OWN_NAMES


def mapped(*header: str, profile: Profile | None = None, **tables: Any) -> Mapping:
    return map_columns(list(enumerate(header)), profile or Profile.model_validate(tables))


# --- the interface's own names ----------------------------------------------------------------------------


def test_every_field_is_recognised_by_its_own_name() -> None:
    header = ("externalId", "Phone1", "Phone2", "Phone3", "date", "agentId", "dialingMode", "previewTime",
              "priority", "timeZone", "do not call")  # fmt: skip
    found = mapped(*header)
    assert {name: header[at] for name, at in found.fields.items()} == {
        name: name for name in header if not name.startswith(("Phone", "do"))
    }
    assert (found.phones, found.numbers, found.do_not_call) == ((1, 2, 3), (), (10,))
    assert found.attributes == ()


@pytest.mark.parametrize(
    ("external_id", "phone"),
    [("External ID", "Phone 1"), ("EXTERNAL_ID", "phone-1"), (" external\u00a0id ", "PHONE1")],
)
def test_names_match_without_case_blanks_dashes_and_underscores(external_id: str, phone: str) -> None:
    found = mapped(external_id, phone)
    assert (found.fields["externalId"], found.phones) == (0, (1,))
    assert found.headers == {0: external_id, 1: phone}


def test_phones_are_in_the_order_of_their_names_and_not_of_their_columns() -> None:
    assert mapped("Phone3", "Phone1", "Phone2").phones == (1, 2, 0)


def test_a_numbers_column_beats_the_phone_columns_and_says_so() -> None:
    found = mapped("Phone1", "numbers", "Phone2")
    assert (found.numbers, found.phones, found.number_columns) == ((1,), (), (1,))
    assert any("Phone1, Phone2" in note for note in found.notes)
    assert found.attributes == ()


def test_an_input_without_phone_columns_is_refused_with_what_is_there_and_what_to_do() -> None:
    with pytest.raises(InputError, match=r"Name, \(blank\).*Phone1.*\[columns\] phones"):
        mapped("Name", " ")


@pytest.mark.parametrize(
    "tables", [{}, {"columns": {}}, {"region": "GB"}, {"attributes": {"exclude": "Fax"}}]
)
def test_common_headers_are_recognised_where_no_column_is_named(tables: dict[str, Any]) -> None:
    found = mapped("Lead ID", "Mobile", "Fax", "DNC", **tables)
    assert (found.fields, found.phones, found.do_not_call) == ({"externalId": 0}, (1,), (3,))


def test_common_headers_are_not_recognised_beside_named_columns() -> None:
    with pytest.raises(InputError):
        mapped("Lead ID", "Mobile", columns={"externalId": "Lead ID"})
    found = mapped("Lead ID", "Mobile", "Tel", columns={"phones": "Tel"})
    assert (found.fields, found.phones) == ({}, (2,))


@pytest.mark.parametrize(
    "header", ["Fax", "Fax Number", "Business Fax", "Pager", "ISDN", "Assistant's Phone", "Telex"]
)
def test_what_is_no_telephone_is_never_dialled(header: str) -> None:
    assert mapped(header, "Mobile", profile=GUESSED).number_columns == (1,)


def test_no_common_header_could_mean_two_fields() -> None:
    names = [name for known in (OWN_NAMES, COMMON_NAMES) for some in known.values() for name in some]
    assert len({name.replace(" ", "").casefold() for name in names}) == len(names)


# --- by the profile ---------------------------------------------------------------------------------------


def test_the_profile_says_which_columns_and_in_which_order() -> None:
    columns = {"phones": ["Mobile", "Landline"], "externalId": "Lead", "do_not_call": ["Stop", "Never"]}
    found = mapped("Never", "Landline", "LEAD", "mobile", "Stop", "Phone1", columns=columns)
    assert (found.phones, found.fields, found.do_not_call) == ((3, 1), {"externalId": 2}, (4, 0))
    assert found.attributes == ()


@pytest.mark.parametrize("header", ["do not call", "DNC", "TPS", "CTPS", "Robinson", "Has opted out of call"])
def test_a_known_do_not_call_column_counts_whatever_other_columns_are_named(header: str) -> None:
    found = mapped("Tel", header, columns={"phones": ["Tel"]})
    assert (found.do_not_call, found.attributes) == ((1,), ())


def test_every_known_do_not_call_column_counts() -> None:
    assert mapped("Tel", "TPS", "City", "DNC", columns={"phones": "Tel"}).do_not_call == (3, 1)


def test_where_do_not_call_is_named_the_named_columns_alone_count_and_the_others_are_told() -> None:
    found = mapped("Phone1", "DNC", "Stop", "externalId", columns={"do_not_call": "Stop"})
    assert (found.do_not_call, found.attributes) == ((2,), ((1, "DNC"),))
    assert any("DNC" in note for note in found.notes)


def test_an_empty_list_says_that_no_column_is_a_do_not_call_column() -> None:
    found = mapped("Phone1", "DNC", "Do not call", "externalId", columns={"do_not_call": []})
    assert (found.do_not_call, found.attributes) == ((), ((1, "DNC"), (2, "Do not call")))
    (note,) = found.notes
    assert "DNC, Do not call: sound like consent" in note


def test_fields_that_the_profile_does_not_name_keep_their_own_names() -> None:
    found = mapped("Tel", "priority", "externalId", columns={"phones": "Tel"})
    assert found.fields == {"priority": 1, "externalId": 2}


@pytest.mark.parametrize(
    "tables",
    [
        {"columns": {"phones": ["Phone1", "Mobil"]}},
        {"columns": {"date": "Mobil"}},
        {"region_column": "Mobil"},
        {"external_id": {"derive_from": ["Mobil"]}},
        {"suppress_when": [{"column": "Mobil"}]},
        {"attributes": {"rename": {"Mobil": "x"}}},
        {"attributes": {"rules": {"Mobil": {"required": True}}}},
    ],
)
def test_a_column_that_the_profile_names_and_the_input_lacks_stops_with_the_nearest(
    tables: dict[str, Any],
) -> None:
    with pytest.raises(ProfileError, match=r"'Mobil'.*Did you mean Mobile\?"):
        mapped("Phone1", "Mobile", **tables)


@pytest.mark.parametrize("tables", [{"columns": {"phones": "Tel"}}, {"region_column": "tel"}])
def test_a_column_that_the_profile_names_and_that_stands_there_twice_stops(tables: dict[str, Any]) -> None:
    with pytest.raises(ProfileError, match="2 of that name"):
        mapped("Phone1", "Tel", "TEL ", **tables)


def test_two_columns_of_one_fields_own_name_stop() -> None:
    with pytest.raises(ProfileError, match="2 columns that could be externalId"):
        mapped("externalId", "Phone1", "External ID")


def test_two_phone_columns_of_one_name_are_both_read() -> None:
    assert mapped("Phone1", "phone 1").phones == (0, 1)


def test_region_suppression_and_derivation_columns_are_found() -> None:
    found = mapped(
        "Phone1", "Country", "Consent", "Product", "Score",
        region_column="country",
        suppress_when=[{"column": "consent"}],
        external_id={"derive_from": ["Score", "Product"]},
    )  # fmt: skip
    assert (found.region, found.suppress_when, found.derive_from) == (1, (2,), (4, 3))


# --- attributes -------------------------------------------------------------------------------------------


def test_unmapped_columns_become_attributes_under_their_trimmed_header_in_order() -> None:
    found = mapped("Phone1", " Company ", "externalId", "City")
    assert found.attributes == ((1, "Company"), (3, "City"))


def test_attributes_are_included_excluded_and_renamed_by_pattern() -> None:
    attributes = {
        "include": ["c*", "Internal Code"],
        "exclude": ["*secret*"],
        "rename": {"company / account": "Company"},
    }
    found = mapped(
        "Phone1", "Company / Account", "City", "C_Secret", "Internal code", "Other", attributes=attributes
    )
    assert found.attributes == ((1, "Company"), (2, "City"), (4, "Internal code"))


def test_attributes_of_one_name_are_told_apart() -> None:
    names = [name for _, name in mapped("Phone1", "Note", "Note", "note", "", " ").attributes]
    assert names == ["Note", "Note (2)", "note", "Column 5", "Column 6"]


@given(
    st.lists(st.sampled_from(["Note", "Note (2)", "note", "", " ", "Column 2", "Column 3", "x"]), max_size=9)
)
def test_no_two_attributes_have_the_same_name(header: list[str]) -> None:
    names = [name for _, name in mapped("Phone1", *header).attributes]
    assert len(set(names)) == len(names) == len(header)


@pytest.mark.parametrize("name", ["Phone1", "phone 2", "PHONE_3"])
def test_no_attribute_can_be_taken_for_a_number(name: str) -> None:
    """The interface makes numbers of Phone1 to Phone3, so a renamed fax would be dialled."""
    with pytest.raises(ProfileError, match=rf"'Fax' to '{name}'.*dialled"):
        mapped("Phone1", "Fax", attributes={"rename": {"Fax": name}})
    assert mapped("Tel", "Phone1", "Phone2", columns={"phones": "Tel"}).attributes == ()


def test_an_attributes_name_is_one_line_without_control_characters() -> None:
    names = [
        name
        for _, name in mapped(
            "Tel", "Comp\nany\x00", "Phone1\x00", "\x00", columns={"phones": "Tel"}
        ).attributes
    ]
    assert names == ["Comp any", "Column 4"]


@pytest.mark.parametrize(
    "header",
    [
        "Consent",
        "Marketing_Consent",
        "Opt Out",
        "opted-in",
        "Unsubscribed",
        "Do Not Call Reason",
        "Not callable since",
        "Blacklist",
        "Do not disturb",
        "GDPR",
        "Block_List",
        "No Calls before",
    ],
)
def test_a_header_that_sounds_like_consent_and_is_not_mapped_is_told(header: str) -> None:
    for profile in (Profile(), GUESSED):
        assert any(header in note for note in mapped("externalId", "Phone1", header, profile=profile).notes)
    assert mapped("externalId", "Phone1", header, suppress_when=[{"column": header}]).notes == ()
    assert mapped("externalId", "Phone1", header, columns={"do_not_call": header}).notes == ()


@pytest.mark.parametrize("header", ["Adoption", "Option", "Constant", "Opinion", "HTTPS", "Callback"])
def test_a_header_that_does_not_sound_like_consent_is_not(header: str) -> None:
    assert mapped("externalId", "Phone1", header).notes == ()


def test_positions_are_those_of_the_source_also_where_columns_are_left_out() -> None:
    found = map_columns([(2, "Phone1"), (5, "City")], Profile())
    assert (found.phones, found.attributes) == ((2,), ((5, "City"),))


def test_it_is_told_where_ids_will_be_derived() -> None:
    assert any("derived" in note for note in mapped("Phone1").notes)
    assert mapped("Phone1", "externalId").notes == ()
    assert mapped("Phone1", external_id={"when_missing": "reject"}).notes == ()


# --- in other languages, and without a header -------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Bitte nicht anrufen", "Nicht anrufen", "Telefonsperre", "Werbesperre", "Sperrvermerk", "Ne pas appeler",
     "No llamar", "Ei saa soittaa", "Call blocked", "Niet bellen"],
)  # fmt: skip
def test_a_do_not_call_column_counts_in_other_languages_too(header: str) -> None:
    found = mapped("Telefon", header, profile=GUESSED)
    assert found.do_not_call == (1,)
    assert found.attributes == ()


@pytest.mark.parametrize("header", ["Werbeeinwilligung", "Widerspruch Telefon", "Consentement", "RGPD"])
def test_what_sounds_like_consent_in_other_languages_is_told(header: str) -> None:
    assert any(header in note for note in mapped("Telefon", header, profile=GUESSED).notes)


@pytest.mark.parametrize(
    ("header", "tables"),
    [
        (("L1", "Anna Smith", "+442079460000"), {}),
        (("L1", "Anna Smith", "anna@example.com"), {}),
        (("L1", "Anna Smith", "020 7946 0000"), {"columns": {"phones": ["Mobile"]}}),
    ],
)
def test_a_row_of_data_in_the_headers_place_is_not_shown(header: tuple[str, ...], tables: Any) -> None:
    with pytest.raises((InputError, ProfileError), match="looks like data") as told:
        mapped(*header, **tables)
    assert not any(cell in str(told.value) for cell in header)


def test_a_header_in_one_piece_is_told_as_a_matter_of_the_delimiter() -> None:
    with pytest.raises(ProfileError, match="one column with ',' in it; state another delimiter"):
        mapped("ID,Name,Phone", columns={"externalId": "ID", "phones": "Phone"})


@pytest.mark.parametrize(
    "header", ["Email Opt Out", "HasOptedOutOfFax", "SMS Opt Out", "Unsubscribed from email"]
)
def test_a_wish_about_another_channel_is_not_told(header: str) -> None:
    assert not any("consent" in note for note in mapped("Phone", header).notes)


@pytest.mark.parametrize("header", ["Email and Phone Opt In", "Telemarketing consent", "Consent"])
def test_a_wish_that_may_be_about_calls_is_told(header: str) -> None:
    assert any("consent" in note for note in mapped("Phone", header).notes)


@pytest.mark.parametrize("header", ["Deceased", "Is Deceased", "Verstorben"])
def test_whoever_is_dead_is_not_called(header: str) -> None:
    assert mapped("Phone", header).do_not_call == (1,)


def test_a_lead_that_was_deleted_in_salesforce_is_not_called() -> None:
    found = mapped("Id", "MobilePhone", "LeadSource", "DoNotCall", "IsDeleted", "IsConverted")
    assert set(found.do_not_call) == {3, 4}


@pytest.mark.parametrize("header", ["Contact Allowed", "Phone Allowed"])
def test_a_no_to_being_called_is_heeded(header: str) -> None:
    assert mapped("Phone", header).callable == (1,)


def test_leave_that_is_not_known_is_told() -> None:
    assert any("consent" in note for note in mapped("Phone", "Evening contact allowed").notes)


@pytest.mark.parametrize(
    "header", ["Call After", "Callback Date", "Next Call", "Wiedervorlage", "Rückruftermin"]
)
def test_a_header_that_sounds_like_when_to_call_is_told_and_no_date_by_guess(header: str) -> None:
    found = mapped("externalId", "Phone1", header)
    assert any(f"{header}: sounds like when to call" in note for note in found.notes)
    assert "date" not in found.fields
    assert mapped("externalId", "Phone1", header, columns={"date": header}).notes == ()


@pytest.mark.parametrize("header", ["Last Called", "Callback", "Call Result", "Phone", "Date"])
def test_a_header_that_does_not_is_not(header: str) -> None:
    assert not any("when to call" in note for note in mapped("externalId", "Phone1", header).notes)
