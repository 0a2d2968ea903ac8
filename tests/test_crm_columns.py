"""Exports of CRMs and spreadsheets are read right by their headers alone: who is dialled, who never is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from etl.columns import Mapping, fit, map_columns
from etl.errors import ProfileError
from etl.exports import EXPORTS, profile_of, recognised
from etl.profile import GUESSED, Profile, names_of, read_profile
from etl.vocabulary import COMMON_NAMES, NO_TELEPHONE, OWN_NAMES, Line, dialled, loose, telephone


def mapped(*header: str, profile: Profile | None = None, **tables: Any) -> Mapping:
    return map_columns(list(enumerate(header)), profile or Profile.model_validate(tables))


def numbers(*header: str) -> list[str]:
    return [header[at] for at in mapped(*header).number_columns]


# --- what a telephone column is called ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "line"),
    [
        *((name, Line.MOBILE) for name in (
            "Mobile", "MobilePhone", "PHONE_MOBILE",
            "mobile_phone__c", "Telefon (mobil)", "Mobile (Personal)",
            "Handynummer", "Téléphone portable", "Teléfono móvil", "Cell Phone", "PersonMobilePhone",
            "Numéro de téléphone mobile", "Mobilfunknummer", "Mobile\nPhone",
            " Mobile\u00a0Number ", "Mob. No.",
        )),
        *((name, Line.WORK) for name in (
            "Business Phone", "Work Phone 2", "Person - Phone - Work", "Office Phone", "Direct Dial",
            "Telefon geschäftlich", "Geschäftstelefon", "Tél. professionnel", "npe01__WorkPhone__c",
        )),
        *((name, Line.PLAIN) for name in (
            "Phone", "Phone #2", "Phone_1_Number", "Tel.",
            "Tel.-Nr.", "Telefonnummer", "Rufnummer", "Phone 1 - Value",
            "Phone No.", "Main Phone", "Numéro de téléphone", "N° de téléphone", "N° tél.", "Num. tél",
            "Rufnr.", "Nr telefonu", "Teléfono de contacto",
            "Número de teléfono", "Contact Phone", "2nd Phone",
            "Festnetz", "Telefoonnummer", "Puhelin", "phone_e164", "Applicant Phone", "MSISDN",
        )),
        *((name, Line.HOME) for name in (
            "Home Phone", "Tel. privat", "Telefon (privat)", "Tel. Nr. (priv.)", "Evening Phone",
        )),
        *((name, Line.OTHER) for name in (
            "Other Phone", "Alternate Phone", "Weiteres Telefon", "Secondary Mobile",
        )),
        *((name, Line.COMPANY) for name in ("Company Main Phone", "Telefon Firma", "Account Phone")),
    ],
)  # fmt: skip
def test_a_header_of_nothing_but_words_for_telephones_is_one(header: str, line: Line) -> None:
    found = telephone(header)
    assert found is not None
    assert found[0] is line
    assert mapped("externalId", header).phones == (1,)


@pytest.mark.parametrize(
    "header",
    [
        "Customer Number", "Customer No", "Customer No.", "CUSTOMER_NR", "Kunden-Nr", "Kundennr.", "KdNr",
        "Kd.-Nr.", "Client No", "Client No.", "N° client", "Réf. client", "Nº Cliente", "Núm. cliente",
        "Código cliente", "ID externe", "Externe ID", "Debitoren-Nr.", "Mitgliedsnummer", "URN", "Lead Ref",
        "klantnr",
    ],
)  # fmt: skip
def test_a_customer_number_is_the_lead_s_id_however_it_is_shortened(header: str) -> None:
    assert mapped("Name", header, "Phone").fields == {"externalId": 1}


@pytest.mark.parametrize("header", ["DND", "DND Status", "NDNC"])
def test_a_register_of_those_who_want_to_be_left_alone_is_heeded(header: str) -> None:
    assert mapped("Phone1", header).do_not_call == (1,)


@pytest.mark.parametrize("header", ["Customer", "Customer 1", "Client", "Contact No", "Order No"])
def test_other_numbers_and_names_are_no_id(header: str) -> None:
    assert mapped("Name", header, "Phone").fields == {}


@pytest.mark.parametrize(
    "header",
    [
        "Fax", "Home Fax", "Tel/Fax", "Fax Phone", "Telefax", "Pager", "ISDN", "Telex", "TTY/TDD Phone",
        "Texttelefon", "Assistant's Phone", "Asst. Phone", "Telefon Assistent(in)", "Callback", "Rückmeldung",
        "Car Phone", "Radio Phone", "Autotelefon",
        "Funktelefon", "Telefon für Hörbehinderte", "Manager Phone",
        "Emergency Contact Phone", "Spouse Phone", "Phone Type", "Phone 1 - Label", "Phone Verified",
        "Phone Opt In", "Preferred Phone", "Has Phone", "No Phone",
        "Phone Country Code", "Phone Extension", "Ext",
        "Phone Ext.", "Vorwahl", "Phone Status", "Phone Notes",
        "Last Phone Call", "Phone Calls", "Mobile App",
        "Mobile Opt Out", "Phonetic First Name", "WhatsApp Phone Number",
        "Telephone Consent", "Phone Owner", "Home",
        "Work", "Number", "Direct", "", " ", "\u00a0", "-", "#",
    ],
)  # fmt: skip
def test_a_word_that_is_not_known_keeps_a_column_from_being_dialled(header: str) -> None:
    assert telephone(header) is None
    assert mapped("Mobile", "externalId", header).number_columns == (0,)


def test_mobiles_are_dialled_first_then_work_plain_home_other_and_the_company_last() -> None:
    header = ("Company Phone", "Other Phone", "Home Phone", "Phone", "Work Phone 2", "Work Phone", "Mobile")
    assert numbers(*header) == list(reversed(header))


@given(st.text(alphabet="teldiofnphmbcrkswu012 -_.()", max_size=80))
@settings(max_examples=200)
def test_a_header_is_judged_at_once_however_it_is_made(header: str) -> None:
    found = telephone(header)
    assert found is None or not NO_TELEPHONE.search(loose(header))


@given(st.sampled_from(["Mobile Phone", "Work Phone 2", "Telefon (privat)", "Company Main Phone"]), st.data())
@settings(max_examples=60)
def test_case_blanks_and_punctuation_change_nothing(name: str, data: st.DataObject) -> None:
    spelled = "".join(
        data.draw(st.sampled_from([char, char.upper(), f"{char} ", f"{char}_", f"{char}."])) for char in name
    )
    if "no." not in spelled.casefold():  # an abbreviation of its own
        assert telephone(spelled) == telephone(name)


# --- whose export it is -------------------------------------------------------------------------------------

HEADERS: dict[str, tuple[str, tuple[str, ...], str]] = {
    # name: profile, columns, the numbers in the order in which they are dialled
    "Salesforce leads, API": (
        "salesforce-leads",
        ("Id", "IsDeleted", "LastName", "Company", "Phone", "MobilePhone", "Fax", "LeadSource", "OwnerId",
         "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall", "SystemModstamp", "Country"),
        "MobilePhone Phone",
    ),
    "Salesforce leads, German": (
        "salesforce-leads",
        ("Lead-ID", "Lead-Inhaber", "Vorname", "Nachname", "Firma/Account", "Telefon", "Mobil", "Fax",
         "Leadquelle", "Nicht anrufen", "Land"),
        "Mobil Telefon",
    ),
    "Salesforce contacts, report": (
        "salesforce-contacts",
        ("Contact ID", "First Name", "Account Name", "Mailing Street", "Mailing Country", "Phone", "Mobile",
         "Home Phone", "Other Phone", "Asst. Phone", "Fax", "Account Owner", "Do Not Call"),
        "Mobile Phone Home.Phone Other.Phone",
    ),
    "HubSpot, internal names": (
        "hubspot",
        ("hs_object_id", "firstname", "lastname", "phone", "mobilephone", "fax", "lifecyclestage", "country"),
        "mobilephone phone",
    ),
    "HubSpot, German": (
        "hubspot",
        ("Datensatz-ID", "Vorname", "Nachname", "Telefonnummer", "Mobiltelefonnummer", "Lifecycle-Phase",
         "Land/Region"),
        "Mobiltelefonnummer Telefonnummer",
    ),
    "HubSpot, Spanish": (
        "hubspot",
        ("ID de registro", "Nombre", "Número de teléfono", "Número de teléfono móvil",
         "Etapa del ciclo de vida", "País/región"),
        "Número.de.teléfono.móvil Número.de.teléfono",
    ),
    "Zoho leads": (
        "zoho",
        ("Record Id", "Lead Owner.id", "Lead Owner", "Company", "Phone", "Mobile", "Fax", "Lead Source",
         "Lead Status", "Email Opt Out", "Skype ID", "Country", "Created Time"),
        "Mobile Phone",
    ),
    "Pipedrive, one phone column": (
        "pipedrive",
        ("Person - ID", "Person - Name", "Person - Phone", "Person - Email", "Person - Owner"),
        "Person.-.Phone",
    ),
    "Pipedrive deals": (
        "pipedrive",
        ("Deal - Title", "Deal - Stage", "Deal - ID", "Person - ID", "Person - Phone - Work",
         "Person - Phone - Mobile"),
        "Person.-.Phone.-.Mobile Person.-.Phone.-.Work",
    ),
    "Dynamics, logical names": (
        "dynamics365",
        ("contactid", "fullname", "telephone1", "telephone2", "mobilephone", "fax", "donotphone",
         "donotemail", "address1_country", "statecode"),
        "mobilephone telephone1 telephone2",
    ),
    "Dynamics, German": (
        "dynamics365",
        ("(Nicht ändern) Kontakt", "(Nicht ändern) Zeilenprüfsumme", "(Nicht ändern) Geändert am",
         "Vollständiger Name", "Telefon (geschäftlich)", "Mobiltelefon", "Fax",
         "Telefonanrufe nicht zulassen"),
        "Mobiltelefon Telefon.(geschäftlich)",
    ),
    "Google, old": (
        "google-contacts",
        ("Name", "Given Name", "Yomi Name", "Group Membership", "E-mail 1 - Type", "E-mail 1 - Value",
         "Phone 1 - Type", "Phone 1 - Value", "Phone 2 - Type", "Phone 2 - Value"),
        "Phone.1.-.Value Phone.2.-.Value",
    ),
    "Outlook, German, with brackets": (
        "outlook",
        ("Vorname", "Nachname", "Telefon Assistent(in)", "Fax (geschäftlich)", "Telefon (geschäftlich)",
         "Telefon 2 (geschäftlich)", "Telefon (privat)", "Handy", "Fax (privat)", "Pager", "Texttelefon"),
        "Handy Telefon.(geschäftlich) Telefon.2.(geschäftlich) Telefon.(privat)",
    ),
    "Odoo, technical names": (
        "odoo",
        ("id", "name", "phone", "mobile", "country_id", "user_id", "parent_id", "is_company",
         "phone_blacklisted"),
        "mobile phone",
    ),
    "SuiteCRM, labels": (
        "suitecrm",
        ("ID", "First Name", "Last Name", "Office Phone", "Mobile", "Home", "Fax", "Do Not Call",
         "Primary Address Country", "Assigned User", "Date Created", "Assistant Phone"),
        "Mobile Office.Phone Home",
    ),
    "Five9": (
        "five9",
        ("number1", "number2", "number3", "first_name", "last_name", "last_disposition"),
        "number1 number2 number3",
    ),
    "Genesys": (
        "genesys",
        ("inin-outbound-id", "Fono", "ContactCallable", "CallRecordLastAttempt-Fono", "Callable-Fono"),
        "Fono",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_an_export_is_recognised_and_its_numbers_are_dialled_in_its_order(name: str) -> None:
    profile, header, order = HEADERS[name]
    export = recognised(header)
    assert export is not None
    assert export.profile == profile
    found = mapped(*header)
    assert [header[at].replace(" ", ".") for at in found.number_columns] == order.split()
    assert any(export.title in note for note in found.notes)


@pytest.mark.parametrize("name", HEADERS)
def test_a_built_in_profile_maps_as_no_profile_does(name: str) -> None:
    """So that a person can pin an export down, and the same leads get the same ids and numbers."""
    profile, header, _ = HEADERS[name]
    guessed, named = mapped(*header), mapped(*header, profile=read_profile(profile))
    for field in set(guessed.__struct_fields__) - {"export", "notes", "guesses"}:
        assert getattr(guessed, field) == getattr(named, field), field


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.profile)
def test_a_built_in_profile_takes_a_file_that_has_one_of_its_columns_only(export: Any) -> None:
    profile = profile_of(export.profile)
    assert profile.missing_columns == "ignore"
    phones = profile.columns.phones or ("Phone",)
    assert mapped(phones[0], profile=profile).number_columns == (0,)


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.profile)
def test_a_built_in_profile_names_no_column_for_two_fields_and_none_that_nobody_is_called_at(
    export: Any,
) -> None:
    profile = profile_of(export.profile)
    keys = [loose(name) for _, named in names_of(profile.columns) for name in set(map(loose, named))]
    assert len(keys) == len(set(keys))
    assert not [name for name in profile.columns.phones if NO_TELEPHONE.search(loose(name))]


def test_no_two_known_names_of_different_fields_fall_together() -> None:
    fields: dict[str, str] = {}
    for known in (OWN_NAMES, COMMON_NAMES):
        for field, names in known.items():
            for name in names:
                assert fields.setdefault(loose(name), field) == field, name
                assert field == "phones" or telephone(name) is None, name


def test_an_ordinary_list_is_nobodys_export() -> None:
    assert recognised(("Name", "Phone", "City")) is None
    assert mapped("externalId", "Phone", "City").notes == ()


# --- columns that are never guessed -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Owner", "Lead Owner", "Contact owner", "OwnerId", "Assigned User", "Agent", "Last Activity Date",
     "Last Activity", "Created Date", "Create Date", "Date of Birth", "Next activity date", "Created On"],
)  # fmt: skip
def test_owners_and_dates_of_a_crm_are_attributes_and_no_fields(header: str) -> None:
    found = mapped("externalId", "Mobile", header)
    assert found.fields == {"externalId": 0}
    assert found.attributes == ((2, header),)


def test_what_an_export_calls_priority_or_time_zone_is_not_the_interfaces() -> None:
    outlook = ("Business Fax", "Business Phone", "Telex", "Priority")
    hubspot = ("Record ID", "Lifecycle Stage", "Phone Number", "Time Zone")
    for header in (outlook, hubspot):
        found = mapped(*header)
        assert not {"priority", "timeZone"} & set(found.fields)
        assert header[3] in [name for _, name in found.attributes]


def test_a_column_can_be_said_to_be_no_field() -> None:
    found = mapped("externalId", "Phone1", "Priority", columns={"not_fields": "priority"})
    assert found.fields == {"externalId": 0}
    assert found.attributes == ((2, "Priority"),)


def test_checksums_and_technical_columns_are_not_shown_to_agents() -> None:
    header = ("(Do Not Modify) Contact", "(Do Not Modify) Row Checksum", "(Do Not Modify) Modified On",
              "Business Phone", "Full Name")  # fmt: skip
    found = mapped(*header)
    assert (found.fields, found.attributes) == ({"externalId": 0}, ((4, "Full Name"),))
    assert not any("sounds like consent" in note for note in found.notes)


# --- the country of a row -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Country", "Country/Region", "COUNTRY_CODE", "Mailing Country", "MAILINGCOUNTRY",
     "Primary Address Country", "Address 1: Country/Region", "Land", "Pays", "País/región",
     "country_id/name"],
)  # fmt: skip
def test_a_country_column_is_used_without_being_asked_for_and_told(header: str) -> None:
    found = mapped("Phone1", "externalId", header)
    assert found.region == 2
    assert found.summary()["region"] == (header,)
    assert found.attributes == ((2, header),)


@pytest.mark.parametrize("header", ["County", "Country of birth", "Countries visited"])
def test_other_columns_say_no_country(header: str) -> None:
    assert mapped("Phone1", "externalId", header).region is None


def test_a_saved_profile_goes_by_the_country_column_that_it_names_and_by_no_other() -> None:
    unread = mapped("Tel", "externalId", "Country", columns={"phones": "Tel"})
    assert unread.region is None
    assert any("Country is not read" in note for note in unread.notes)
    assert mapped("Tel", "Country", "Land", columns={"phones": "Tel"}, region_column="Land").region == 2
    assert mapped("Tel", "Country", "Land", region_column="Land").other_regions == ()


def test_two_country_columns_may_gainsay_each_other() -> None:
    found = mapped("Business Phone", "Home Country/Region", "Business Country/Region")
    assert (found.region, found.other_regions) == (2, (1,))


def test_two_country_columns_of_one_name_stop() -> None:
    with pytest.raises(ProfileError, match=r"several columns called Country.*region_column"):
        mapped("Country", "Phone1", "COUNTRY")


# --- do not call --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Do Not Call?", "DO_NOT_CALL", "Do_Not_Call__c", "DoNotCall", "donotphone", "HasOptedOutOfCall",
     "No Call",
     "Do not allow Phone Calls", "Phone Opt-Out", "Phone Blacklisted"],
)  # fmt: skip
def test_a_do_not_call_column_counts_however_it_is_spelled(header: str) -> None:
    more = ("Salesperson", "Is a Company") if header == "Phone Blacklisted" else ()
    assert mapped("Mobile", header, *more).do_not_call == (1,)


@pytest.mark.parametrize(
    "header",
    ["ContactCallable", "Callable-Mobile", "Call allowed", "Anruf erlaubt", "ContactableByVoice-Mobile"],
)
@pytest.mark.parametrize("columns", [{}, {"phones": "Mobile"}])
def test_a_column_that_asks_for_leave_counts_the_other_way_round(
    header: str, columns: dict[str, Any]
) -> None:
    found = mapped("Mobile", header, columns=columns)
    assert (found.callable, found.do_not_call, found.attributes) == ((1,), (), ())


def test_a_named_callable_column_counts_alone_and_an_empty_list_says_none() -> None:
    header = ("Phone1", "externalId", "Callable", "May phone")
    assert mapped(*header, columns={"callable": "May phone"}).callable == (3,)
    found = mapped(*header, columns={"callable": []})
    assert (found.callable, [name for _, name in found.attributes]) == ((), ["Callable", "May phone"])
    assert any("Callable: sounds like consent" in note for note in found.notes)


@pytest.mark.parametrize("header", ["Do Not Call Reason", "DNC Date", "TPS Checked", "Do Not Call Until"])
def test_what_is_said_about_a_wish_is_not_the_wish_and_is_told(header: str) -> None:
    found = mapped("Mobile", "externalId", header)
    assert found.do_not_call == ()
    assert any(header in note for note in found.notes)


def test_a_count_of_calls_is_no_wish_not_to_be_called() -> None:
    assert mapped("Mobile", "No. of Calls", "No. Calls").do_not_call == ()


# --- labels -------------------------------------------------------------------------------------------------


def test_a_label_column_goes_with_the_phone_column_that_it_is_named_after() -> None:
    header = (
        "Phone 1 - Label",
        "Phone 1 - Value",
        "Phone 2 - Type",
        "Phone 2 - Value",
        "Mobile",
        "Mobile Type",
    )
    assert set(mapped(*header).labels) == {(1, 0), (3, 2), (4, 5)}
    named = mapped("Phone 1 - Type", "Phone 1 - Value", columns={"phones": "Phone 1 - Value"})
    assert named.labels == ((1, 0),)


@pytest.mark.parametrize(
    ("cell", "label", "left"),
    [
        ("1", "Mobile", "1"),
        ("1", "", "1"),
        ("1", "* Work", "1"),
        ("1", "Home Fax", ""),
        ("1", "faxHome", ""),
        ("1", "Oscar's mobile", "1"),
        ("1", "Betty", "1"),
        ("1", "Car", ""),
        ("1 ::: 2", "Work Fax", ""),
        ("1 ::: 2", "Mobile", "1 ::: 2"),
        ("1 ::: 2", "Mobile ::: Home Fax", "1 "),
        ("1 ::: 2", "Pager ::: Work", " 2"),
        ("1 ::: 2 ::: 3", "Mobile ::: Fax", ""),
    ],
)
def test_a_number_whose_label_says_that_nobody_answers_is_not_dialled(
    cell: str, label: str, left: str
) -> None:
    assert dialled(cell, label) == left


# --- odd headers --------------------------------------------------------------------------------------------


def test_duplicate_names_keep_all_their_columns() -> None:
    found = mapped("Phone", "Name", "Phone", "Name", "phone ", "externalId")
    assert found.phones == (0, 2, 4)
    assert found.attributes == ((1, "Name"), (3, "Name (2)"))


def test_names_that_a_spreadsheet_numbered_are_read_in_the_order_of_their_columns() -> None:
    assert mapped("Phone", "Phone.1", "externalId").phones == (0, 1)


def test_blank_headers_are_no_columns_of_anything() -> None:
    found = mapped("", "Mobile", " ", "\u00a0", "externalId", "???", "---")
    assert (found.phones, found.fields) == ((1,), {"externalId": 4})


def test_three_hundred_columns_are_mapped_as_three_are() -> None:
    header = [f"Custom field {number}" for number in range(300)]
    header[250:253] = ["Lead ID", "Mobile", "Do Not Call"]
    found = mapped(*header)
    assert (found.fields, found.phones, found.do_not_call) == ({"externalId": 250}, (251,), (252,))
    assert len(found.attributes) == 297


# --- finding the header -------------------------------------------------------------------------------------


def test_a_header_fits_better_than_its_title_and_its_data() -> None:
    profile = Profile.model_validate(
        {"columns": {"phones": "Anschluss"}, "attributes": {"include": ["Farbe", "x*"]}}
    )
    assert fit(["Anschluss", "Farbe", "Vorname", "Lead ID"], profile) == 4
    assert fit(["Anschluss", "Farbe"], GUESSED) == 0
    assert fit(["Leads without a call", "", ""], GUESSED) == 0
    assert fit(["00Q5g00000Ab001", "Abena", "+44 20 7946 0001"], GUESSED) == 0
    assert fit(["", " ", "x" * 5000], GUESSED) == 0


@pytest.mark.parametrize("name", HEADERS)
def test_the_header_of_an_export_fits(name: str) -> None:
    _, header, _ = HEADERS[name]
    assert fit(header, GUESSED) >= len(header) // 2


# --- drift --------------------------------------------------------------------------------------------------


def test_all_columns_that_a_saved_profile_misses_are_told_at_once_with_what_is_new() -> None:
    columns = {"phones": ["Mobile", "Landline"], "externalId": "Lead No"}
    with pytest.raises(ProfileError) as told:
        mapped("Mobil", "Lead No.", "Festnetz", columns=columns, attributes={"include": ["Company"]})
    message = str(told.value)
    assert "4 columns" in message
    for said in (
        "'Mobile' (columns.phones)",
        "'Landline'",
        "'Lead No'",
        "'Company' (attributes)",
        "Did you mean Lead No., Mobil?",
        "Not in the profile: Mobil, Lead No., Festnetz",
    ):
        assert said in message


def test_a_new_column_is_told_and_not_sent_where_the_profile_lists_its_attributes() -> None:
    found = mapped("Phone1", "externalId", "Company", "Salary", attributes={"include": ["Company"]})
    assert found.attributes == ((2, "Company"),)
    (note,) = found.notes
    assert "Salary" in note
    assert "agents don't see it" in note


def test_a_column_that_is_excluded_is_no_news() -> None:
    tables: dict[str, Any] = {"attributes": {"include": ["Company"], "exclude": ["Sal*"]}}
    assert mapped("Phone1", "externalId", "Company", "Salary", **tables).notes == ()


# --- whatever the header ------------------------------------------------------------------------------------

ANY_NAME = st.one_of(
    st.text(max_size=20),
    st.sampled_from(sorted({name for known in COMMON_NAMES.values() for name in known})),
    st.sampled_from(sorted({name for _, header, _ in HEADERS.values() for name in header})),
)


@given(st.lists(ANY_NAME, max_size=12))
@settings(max_examples=150, deadline=None)
def test_a_column_is_read_as_one_thing_or_shown_whatever_the_header(header: list[str]) -> None:
    try:
        found = mapped(*header, "Mobile")
    except ProfileError:  # two columns of one name, and one is meant: it asks
        return
    read = [*found.number_columns, *found.do_not_call, *found.callable, *found.fields.values()]
    shown = [at for at, _ in found.attributes]
    assert len(read) == len(set(read))
    assert not set(read) & set(shown)
    assert not set(found.never_dialled) & set(found.number_columns)
    assert len(header) in found.number_columns or found.numbers
    assert fit([*header, "Mobile"], GUESSED) >= 1
