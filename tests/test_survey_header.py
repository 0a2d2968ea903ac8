"""The header below a title block, and the delimiter that both agree on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from etl.columns import fit
from etl.errors import InputError
from etl.profile import Profile
from etl.reader import rows
from etl.records import LeftOut, SourceSpec
from etl.sources.header import header_at, may_hold_contact
from etl.survey import SurveyOptions, survey

PROFILE = Profile(name="test")


def known(cells: Sequence[str]) -> int:
    return fit(cells, PROFILE)


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def surveyed(path: Path, content: str, **options: object) -> SourceSpec:
    path.write_text(content, "utf-8", newline="")
    return survey(path, SurveyOptions(**{"fit": known} | options))  # type: ignore[arg-type]


TITLES = [
    "Spring leads 2027\n\n",
    "Report:,Spring leads\nRun on:,03/04/2027 10:00\n",
    '"Leads, spring, all of 2027"\nShow: all leads; status: open\n\n\n',
    "Status,Open\nOwner,Anna\n",
    "Report ID 1234567\nexported by anna@example.com\n",
    "Leads 2026-2027,,,\n,,,\nCampaign,,,\n",
]
TABLE = "Lead ID,First Name,Phone,City\nL1,Eva,+44 20 7946 0001,London\nL2,Jo,+44 20 7946 0002,\n"


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_header_is_found_below_a_title_block(leads: Path, title: str, delimiter: str) -> None:
    spec = surveyed(leads, title + TABLE.replace(",", delimiter))
    assert spec.delimiter == delimiter
    assert spec.header == ("Lead ID", "First Name", "Phone", "City")
    assert (spec.rows, spec.ragged) == (2, 0)
    assert spec.header_line == title.count("\n") + 1
    told = [left for left in spec.left_out if left.reason == "title"]
    assert told
    assert f"{told[0].count} title line" in " ".join(spec.evidence)


def test_title_lines_are_told_and_blank_ones_are_not(leads: Path) -> None:
    spec = surveyed(leads, 'Spring leads\n\n;;;\n"Open; new";;;\n' + TABLE.replace(",", ";"))
    assert spec.header_line == 5
    assert spec.left_out == (LeftOut("title", 2, (1, 4)),)


def test_a_header_of_unknown_names_is_found_by_its_shape(leads: Path) -> None:
    title = "Liidit keväällä\nSuodatin:;avoimet\n\n"
    table = "Tunnus;Nimi;Numero päivällä;Kaupunki;Lähde\n" + "1;Matti;020 7946 0001;Turku;messut\n" * 3
    spec = surveyed(leads, title + table)
    assert (spec.header_line, spec.rows) == (4, 3)
    assert surveyed(leads, title + table, fit=None).header_line == 4


@pytest.mark.parametrize(
    "first",
    [
        "Nimi;Numero",
        "Phone",
        "a;b;c",
        "Nimi;Numero;Lähde;Kanava",
    ],
)
def test_a_first_line_that_is_the_header_stays_it(leads: Path, first: str) -> None:
    width = first.count(";") + 1
    row = ";".join(["020 7946 0001", "Phone", "Email", "Mobile"][:width])
    spec = surveyed(leads, f"{first}\n" + f"{row}\n" * 4)
    assert spec.header_line == 1
    assert spec.rows == 4


def test_cells_that_are_known_names_make_no_row_a_header(leads: Path) -> None:
    """A lead source or a preferred channel is called as a column is."""
    table = "Nimi;Lähde;Kanava\nMatti;Phone;Email\nMaija;Email;Mobile\n"
    spec = surveyed(leads, table)
    assert (spec.header, spec.rows) == (("Nimi", "Lähde", "Kanava"), 2)


def test_nothing_that_could_be_a_lead_is_taken_for_a_title(leads: Path) -> None:
    """A file without a header, put before one that has one: then the first line stays the header."""
    above = "L0,+44 20 7946 0009\n"
    spec = surveyed(leads, above + TABLE)
    assert spec.header_line == 1
    assert spec.left_out == ()


@pytest.mark.parametrize(
    ("cell", "contact"),
    [
        ("01.23.45.67.89", True),
        ("06-12-34-56-78", True),
        ("020 1999-2001", True),
        ("030 12.34.56", True),
        ("1999-2001 123", True),
        ("+44 20 7946 0001", True),
        ("(020) 79460001", True),
        ("a@b.example", True),
        ("03/04/2027 10:00:00", False),
        ("2027-04-03", False),
        ("2000-2027", False),
        ("3.4.27 9:00", False),
        ("1,234", False),
        ("30 records", False),
    ],
)
def test_a_number_is_told_from_a_date(cell: str, *, contact: bool) -> None:
    assert may_hold_contact(cell) is contact


def test_a_file_without_a_header_keeps_its_first_line(leads: Path) -> None:
    for content in (
        "L1,Eva,+44 20 7946 0001\nL2,Jo,+44 20 7946 0002\n",
        "+44 20 7946 0001,,\nEva,+44 20 7946 0002,London\nJo,+44 20 7946 0003,London\n",
    ):
        assert surveyed(leads, content).header_line == 1


def test_a_stated_header_row_wins(leads: Path) -> None:
    spec = surveyed(leads, "Lead ID,Phone\nx,y\nName,Mobile\nEva,+44 20 7946 0001\n", header_row=3)
    assert (spec.header, spec.header_line, spec.rows) == (("Name", "Mobile"), 3, 1)
    assert spec.left_out == (LeftOut("title", 2, (1, 2)),)


def test_of_two_headers_the_first_counts_and_the_other_is_a_repetition(leads: Path) -> None:
    spec = surveyed(leads, TABLE + TABLE)
    assert (spec.header_line, spec.rows) == (1, 4)
    assert spec.left_out == (LeftOut("repeated header", 1, (4,)),)


def test_a_group_header_above_the_header_is_a_title(leads: Path) -> None:
    spec = surveyed(
        leads, "Person,,Phone,,\nLead ID,Name,Phone,Mobile,City\n1,Eva,+44 20 7946 0001,,London\n"
    )
    assert (spec.header_line, spec.header[0]) == (2, "Lead ID")


def test_a_repeated_header_behind_a_byte_order_mark_is_one(leads: Path) -> None:
    quoted = '"Lead ID","Phone"\n"L2","+44 20 7946 0002"\n'
    spec = surveyed(leads, "\ufeffLead ID,Phone\nL1,+44 20 7946 0001\n\ufeffLead ID,Phone\n\ufeff" + quoted)
    assert spec.left_out == (LeftOut("repeated header", 2, (3, 4)),)
    assert [row.cells for row in rows(leads, spec)] == [
        ("L1", "+44 20 7946 0001"),
        ("L2", "+44 20 7946 0002"),
    ]


def test_a_decimal_comma_is_no_delimiter_of_a_semicolon_file(leads: Path) -> None:
    spec = surveyed(leads, "Betrag;Telefon\n" + "12,50;+49 30 23125001\n" * 50)
    assert (spec.delimiter, spec.ragged) == (";", 0)


def test_a_one_column_file_has_no_delimiter_though_titles_have_some(leads: Path) -> None:
    spec = surveyed(leads, "Phone\n020 7946 0001, ext 3\n020 7946 0002\n")
    assert (spec.header, spec.rows, spec.ragged) == (("Phone",), 2, 0)


def test_footers_do_not_hide_the_delimiter_of_a_short_table(leads: Path) -> None:
    notices = (
        "Copyright (c) 2000-2027 salesforce.com, inc. All rights reserved.\nConfidential, all of it\n" * 3
    )
    spec = surveyed(leads, f"Phone;Name\n+44 20 7946 0001;Meier, Eva\n\n{notices}")
    assert spec.delimiter == ";"


def test_a_title_alone_is_no_table(leads: Path) -> None:
    with pytest.raises(InputError, match="nothing but blank lines"):
        surveyed(leads, "\n ,, \n")
    assert surveyed(leads, "Spring leads\n").rows == 0


def test_the_first_record_is_the_header_in_doubt() -> None:
    assert header_at([["x"]]) == 0
    assert header_at([["a", "b"], ["1", "2"]], lambda _cells: 0) == 0
    assert header_at([["t"], ["1", "2"], ["3", "4"], ["5", "6"]]) == 0  # figures name no columns
    assert header_at([["t"], ["a", "a"], ["3", "4"], ["5", "6"]]) == 0  # nor does one name twice


@pytest.mark.parametrize("delimiter", "^~:")
def test_an_unusual_delimiter_is_believed_where_it_parts_known_names(leads: Path, delimiter: str) -> None:
    spec = surveyed(leads, TABLE.replace(",", delimiter))
    assert (spec.delimiter, spec.rows, spec.ragged) == (delimiter, 2, 0)
    assert len(surveyed(leads, "Nimi^Numero\nMatti^020 7946 0001\n").header) == 1


def test_titles_wider_than_the_header_are_titles_where_all_its_names_are_known(leads: Path) -> None:
    title = "Filters,Status,Open,Owner,Anna,Region,UK\n"
    assert surveyed(leads, title + TABLE).header_line == 2
    assert surveyed(leads, title.replace("Anna", "anna@example.com") + TABLE).header_line == 1


@pytest.mark.parametrize(
    ("other", "line"),
    [
        ("Phone,City,Lead ID,First Name\n+44 20 7946 0001,London,L1,Eva\n", 4),  # the names in another order
        ("\n\nRecord ID,Mobile,Email,Fax\nL1,,eva@example.com,+44 20 7946 0001\n", 6),
        ("Agents\nName,Extension,Phone,Email\nAnna,12,+44 20 7946 0009,anna@example.com\n", 5),
    ],
)
def test_another_table_among_the_rows_stops_all(leads: Path, other: str, line: int) -> None:
    """Its columns would be read as the header's: the fax number of one as the phone of the other."""
    with pytest.raises(InputError, match=rf"line {line}: a record among the rows names columns"):
        surveyed(leads, TABLE + other)


def test_a_row_of_stray_words_is_no_other_table(leads: Path) -> None:
    spec = surveyed(leads, TABLE.replace(",City", ",City,Notes,Fax") + ",Mobile,,Phone,,\n" + "L4,Eva,,,,\n")
    assert spec.rows == 4


def test_a_second_line_of_names_right_below_the_header_stops_nothing(leads: Path) -> None:
    """Some exports name the columns twice, for machines and for people."""
    spec = surveyed(leads, "lead_id,first_name,phone,city\n" + TABLE)
    assert (spec.header_line, spec.rows) == (1, 2)
    assert [(left.reason, left.lines) for left in spec.left_out] == [("repeated header", (2,))]
