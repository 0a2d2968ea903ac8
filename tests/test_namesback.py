"""A load's profile read backwards: the CRM's own names, and no header that may be a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from etl.columns import map_columns
from etl.fields import derived_external_id
from etl.namesback import NamesBack
from etl.profile import Profile, profile_folder, read_profile

OWN = (
    "externalId", "phone1", "phone2", "phone3", "result", "callResult", "date", "agentId", "priority",
    "timeZone", "modificationDate", "id",
)  # fmt: skip


def names(columns: dict[str, Any] | None = None, **tables: Any) -> NamesBack:
    return NamesBack.of(Profile.model_validate({"columns": columns or {}, **tables}))


def of_table(back: NamesBack, *attributes: str) -> dict[str, str]:
    """Field or attribute → its header in a table of all our own fields."""
    headers = back.headers(OWN, attributes).names
    return dict(zip((*OWN, *attributes), headers, strict=True))


# --- fields -------------------------------------------------------------------------------------------


def test_a_field_stands_under_the_header_that_the_profile_names() -> None:
    back = names({"externalId": "Lead ID", "agentId": "Owner", "priority": "Score", "timeZone": "TZ"})
    assert [back.header_of_field(name) for name in ("externalId", "agentId", "priority", "timeZone")] == [
        "Lead ID",
        "Owner",
        "Score",
        "TZ",
    ]
    assert back.notes == ()


def test_a_field_that_the_profile_does_not_name_keeps_the_interface_s_name() -> None:
    back = names({"externalId": "Lead ID"})
    assert back.header_of_field("callResult") == "callResult"
    assert back.header_of_field("date") == "date"


def test_without_a_profile_nothing_is_renamed() -> None:
    assert NamesBack().headers(OWN, ("City", "Name")).names == (*OWN, "City", "Name")
    assert NamesBack() == NamesBack.of(Profile())


def test_of_several_names_the_first_is_the_header_and_that_is_told() -> None:
    back = names({"externalId": ["Lead ID", "Contact ID"]})
    assert back.header_of_field("externalId") == "Lead ID"
    assert ["externalId" in note and "'Lead ID'" in note for note in back.notes] == [True]


def test_a_column_that_is_two_fields_is_the_header_of_the_id_and_that_is_told() -> None:
    back = names({"externalId": "Number", "phones": ["number", "Mobile"], "priority": "NUMBER"})
    assert back.header_of_field("externalId") == "Number"
    assert back.phone_headers == ("Mobile",)
    assert back.header_of_field("priority") == "priority"
    assert any("externalId and priority" in note for note in back.notes)


# --- numbers ------------------------------------------------------------------------------------------


def test_numbers_stand_under_the_columns_of_the_profile_in_their_order_and_that_is_told() -> None:
    back = names({"phones": ["Mobile", "Phone"]})
    assert back.phone_headers == ("Mobile", "Phone")
    assert back.numbers_header == ""
    assert [back.header_of_field(f"phone{at}") for at in (1, 2, 3)] == ["Mobile", "Phone", "phone3"]
    assert "in the order of dialling" in back.notes[0]


def test_one_column_of_numbers_leaves_nothing_to_be_told() -> None:
    back = names({"phones": "Telephone"})
    assert (back.phone_headers, back.notes) == (("Telephone",), ())


def test_there_are_no_more_columns_of_numbers_than_a_customer_has_numbers() -> None:
    assert names({"phones": ["A", "B", "C", "D"]}).phone_headers == ("A", "B", "C")


def test_a_column_of_all_numbers_takes_them_all_back() -> None:
    back = names({"numbers": "All numbers", "phones": ["Mobile"]})
    assert (back.numbers_header, back.phone_headers) == ("All numbers", ())
    assert back.header_of_field("numbers") == "All numbers"


def test_names_that_a_column_may_go_by_are_no_headers_for_numbers() -> None:
    """Built-in profiles list what a column is called in any language: the second is no second column."""
    back = names({"phones": ["Mobile", "Mobil", "Phone"]}, missing_columns="ignore")
    assert back.phone_headers == ()
    assert "interface" in back.notes[0]


# --- ids ----------------------------------------------------------------------------------------------


def test_the_prefix_is_taken_off_again_once_and_an_id_without_it_stays_whole() -> None:
    back = names(external_id={"prefix": "acme-"})
    assert back.external_id("acme-007") == "007"
    assert back.external_id("acme-acme-1") == "acme-1"
    assert back.external_id("ACME-7") == "ACME-7"
    assert [back.lacks_prefix(text) for text in ("acme-007", "ACME-7", "7")] == [False, True, True]


def test_without_a_prefix_no_id_lacks_one() -> None:
    assert not NamesBack().lacks_prefix("007")
    assert NamesBack().external_id("007") == "007"


def test_an_id_that_a_load_made_is_known_for_one() -> None:
    back = names(external_id={"prefix": "acme-"})
    made = derived_external_id("+442079460123")
    assert back.was_derived(f"acme-{made}")
    assert not back.was_derived("acme-d1-7")


def test_salesforce_s_ids_come_back_in_their_longer_form_and_that_is_told() -> None:
    assert "form of 18" in names(external_id={"salesforce18": True}).notes[0]


# --- attributes ---------------------------------------------------------------------------------------


def test_an_attribute_stands_under_the_header_that_it_was_renamed_from() -> None:
    back = names(attributes={"rename": {"Company / Account": "Company", " Ort ": "City"}})
    assert back.header_of_attribute("Company") == "Company / Account"
    assert back.header_of_attribute("City") == "Ort"
    assert back.header_of_attribute("Street") == "Street"


def test_two_columns_that_change_names_change_them_back() -> None:
    back = names(attributes={"rename": {"A": "B", "B": "A"}})
    assert of_table(back, "A", "B") | {"A": "B", "B": "A"} == of_table(back, "A", "B")


def test_a_name_that_several_columns_are_renamed_to_stays_and_that_is_told() -> None:
    back = names(attributes={"rename": {"Firm": "Company", "Account": "Company"}})
    assert back.header_of_attribute("Company") == "Company"
    assert "'Firm', 'Account'" in back.notes[0]


def test_two_spellings_of_one_column_are_one_column() -> None:
    back = names(attributes={"rename": {"Lead Source": "From", "lead_source": "Source"}})
    assert (back.header_of_attribute("Source"), back.notes) == ("lead_source", ())


def test_of_two_columns_that_came_to_one_name_neither_is_guessed() -> None:
    """A file may have had a column of the new name itself: which of the two came first, nobody knows."""
    back = names(attributes={"rename": {"Firm": "Company"}})
    found = back.headers(OWN, ("Company", "Company (2)"))
    assert found.names[-2:] == ("Company", "Company (2)")
    assert "can't be told" in found.notes[0]
    assert back.headers(OWN, ("Company",)).names[-1:] == ("Firm",)


# --- a whole table --------------------------------------------------------------------------------------


def test_our_own_column_makes_way_for_the_crm_s_id() -> None:
    back = names({"externalId": "Id"})
    table = of_table(back)
    assert (table["externalId"], table["id"]) == ("Id", "obi_id")
    assert "'id' as 'obi_id'" in back.headers(OWN).notes[0]


def test_an_attribute_with_the_name_of_a_column_of_ours_says_that_it_is_one() -> None:
    headers = NamesBack().headers(OWN, ("Result", "result", "ID", "City", "city"))
    assert headers.names[len(OWN) :] == (
        "attribute: Result",
        "attribute: result (2)",
        "attribute: ID",
        "City",
        "attribute: city",
    )
    assert "'City'" not in headers.notes[0]


def test_a_renamed_column_has_its_name_before_an_attribute_that_happens_to_have_it() -> None:
    back = names(attributes={"rename": {"Firm": "Company"}})
    assert back.headers(OWN, ("Firm", "Company")).names[-2:] == ("attribute: Firm", "Firm")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_two_columns_of_a_table_have_one_name(data: st.DataObject) -> None:
    words = st.sampled_from(["Id", "id", "ID ", "result", "phone1", "A", "a", "attribute: A", "obi_id"])
    several = st.lists(words, min_size=1, max_size=3)
    fields = st.dictionaries(st.sampled_from(["externalId", "phones", "date", "agentId"]), several)
    rename = data.draw(st.dictionaries(words, words, max_size=4))
    back = names(data.draw(fields), attributes={"rename": rename})
    attributes = data.draw(st.lists(words, unique=True))
    headers = back.headers(OWN, attributes).names
    assert len(headers) == len(OWN) + len(attributes)
    assert len({header.strip().casefold() for header in headers}) == len(headers)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_what_a_load_makes_of_a_header_comes_back_as_that_header(data: st.DataObject) -> None:
    """The law of the round trip, for headers that a profile names and for the others."""
    words = st.from_regex(r"[A-Z][a-z]{1,6}( [A-Z][a-z]{1,4})?", fullmatch=True)
    taken = {"Number", "Id", "Priority", "Date"}
    headers = data.draw(
        st.lists(words, min_size=4, max_size=9, unique_by=lambda text: text.replace(" ", "").casefold())
    )
    free = [header for header in headers if header not in taken and "one" not in header]
    if len(free) < 4:
        return
    renamed = data.draw(st.lists(st.sampled_from(free[3:]), unique=True))
    profile = Profile.model_validate(
        {
            "columns": {"externalId": free[0], "phones": [free[1]], "agentId": free[2]},
            "attributes": {"rename": {old: f"agents see {at}" for at, old in enumerate(renamed)}},
        }
    )
    mapping = map_columns(list(enumerate(free)), profile)
    back = NamesBack.of(profile)
    table = back.headers(("externalId", "phone1", "agentId"), [name for _, name in mapping.attributes])
    assert table.names == (*free[:3], *(free[at] for at, _ in mapping.attributes))
    assert table.notes == ()


# --- files --------------------------------------------------------------------------------------------


def test_a_small_file_with_columns_and_renames_only_is_a_profile_too(tmp_path: Path) -> None:
    file = tmp_path / "names.toml"
    text = '[columns]\nexternalId = "Lead ID"\n[attributes.rename]\n"Ort" = "City"\n'
    file.write_text(text, encoding="utf-8")
    back = NamesBack.of(read_profile(str(file)))
    assert (back.header_of_field("externalId"), back.header_of_attribute("City")) == ("Lead ID", "Ort")


@pytest.mark.parametrize("name", sorted(path.stem for path in profile_folder().glob("*.toml")))
def test_every_built_in_profile_can_be_read_backwards(name: str) -> None:
    headers = NamesBack.of(read_profile(name)).headers(OWN, ("City",)).names
    assert len({header.casefold() for header in headers}) == len(OWN) + 1
