"""Files that are made to mislead: a wrong number must not be dialled for it, nor a lead be lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from etl.columns import Mapping, fit, map_columns
from etl.duplicates import Duplicates
from etl.errors import InputError, ProfileError
from etl.profile import GUESSED, Profile
from etl.reader import chunks
from etl.records import Customer, SourceSpec
from etl.seen import Seen
from etl.sources import footer_line
from etl.survey import SurveyOptions, survey
from etl.validator import Decided, Validator
from etl.vocabulary import CONSENT, is_number_of_nobody, loose, telephone

Write = Callable[[str], Path]
GB = Profile(name="traps", region="GB")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "leads.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return written


def surveyed(path: Path, profile: Profile = GUESSED) -> SourceSpec:
    return survey(path, SurveyOptions(fit=partial(fit, profile=profile)))


def mapped(*header: str, profile: Profile = GUESSED) -> Mapping:
    return map_columns(tuple(enumerate(header)), profile)


def decided(path: Path, profile: Profile = GB) -> list[Decided]:
    spec = surveyed(path, profile)
    with Seen(path.parent) as seen:
        validator = Validator(
            profile=profile,
            mapping=map_columns(spec.columns, profile),
            duplicates=Duplicates(seen, by="externalId"),
        )
        return [answer for rows in chunks(path, spec) for answer in validator.decide(rows)]


def dialled(path: Path) -> list[tuple[str, ...]]:
    return [answer.numbers if isinstance(answer, Customer) else () for answer in decided(path)]


# --- headers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "second", ["NAME,PHONE,FAX_1", " name , Phone,fax 1", "Name,Phone,Fax-1", "NAME,phone,fax1,,"]
)
def test_a_header_that_comes_again_in_another_spelling_is_no_lead(write: Write, second: str) -> None:
    spec = surveyed(write(f"Name,Phone,Fax 1\nA,020 7946 0001,\n{second}\nB,020 7946 0002,\n"))
    assert spec.rows == 2
    assert [(left.reason, left.lines) for left in spec.left_out] == [("repeated header", (3,))]


def test_rows_that_begin_as_the_header_does_are_rows(write: Write) -> None:
    spec = surveyed(write("Name,Phone\nname,020 7946 0001\nN,020 7946 0002\n-,020 7946 0003\nNAME,\n"))
    assert spec.rows == 4
    assert spec.left_out == ()


@pytest.mark.parametrize(
    "second", ["Name,Fax 1,Phone 1", "Name,Telefax,Telefon", "Name,Business Fax,Mobile 2"]
)
def test_a_table_with_other_columns_below_the_first_is_refused(write: Write, second: str) -> None:
    """Else its fax numbers would be dialled."""
    path = write(f"Name,Phone 1,Fax 1\nA,020 7946 0001,\n\n{second}\nB,020 7946 0008,020 7946 0002\n")
    with pytest.raises(InputError, match="line 4: a record among the rows names columns"):
        surveyed(path)


def test_a_second_line_of_the_header_that_says_something_else_is_refused(write: Write) -> None:
    path = write("Name,Phone,Phone\n,Mobile,Fax\nA,020 7946 0001,020 7946 0008\n")
    with pytest.raises(InputError, match="line 2: this record below the header names columns too"):
        surveyed(path)


def test_a_digit_or_a_letter_is_no_delimiter_that_a_hint_may_name(write: Write) -> None:
    spec = surveyed(write("sep=0\nName,Phone\nA,020 7946 0001\n"))
    assert spec.delimiter == ","


@pytest.mark.parametrize("delimiter", ["0", "+", "x"])
def test_what_stands_in_numbers_is_no_delimiter(write: Write, delimiter: str) -> None:
    with pytest.raises(InputError, match="can't be a delimiter"):
        survey(write("Name,Phone\n"), SurveyOptions(delimiter=delimiter))


@pytest.mark.parametrize(
    "header", ["phone" + "1" * 60, "phone" + "1" * 50 + "x", "fax" + "1" * 50 + "x", "assist" * 50_000]
)
def test_no_header_takes_long_to_understand(header: str) -> None:
    """Nested repetitions in a pattern would take longer than anybody waits."""
    telephone(header)
    is_number_of_nobody(header)
    assert "Phone" in mapped("Phone", header).summary()["numbers"]


@pytest.mark.parametrize(
    "header", ["Fax 2", "Business Fax", "Telefax", "Pager", "Assistant Phone", "Tel. Fax Nr."]
)
def test_lines_that_no_lead_answers_are_known_names(header: str) -> None:
    assert is_number_of_nobody(header)
    assert fit([header], GUESSED) == 1


@pytest.mark.parametrize("cell", ["Faxmann Ltd", "Fax machines", "Ann Pager", "020 7946 0001"])
def test_other_texts_are_not(cell: str) -> None:
    assert not is_number_of_nobody(cell)


# --- footers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell", ["Total 02079460002", "02079460002 records", "Leads: 020 7946 0002", "Sum: 447911123456"]
)
def test_no_count_is_as_long_as_a_telephone_number(cell: str) -> None:
    rows = [(1, ["Phone"], ""), (2, ["020 7946 0001"], ""), (3, [cell], "")]
    assert footer_line(rows, width=1, sheet=False) == 0


@pytest.mark.parametrize(
    "cell", ["Total: 1,234,567", "Total 1.234 records", "12 rows", "Leads: 0", "Total: 1'234", "Sum 99,50"]
)
def test_counts_are_footers(cell: str) -> None:
    rows = [(1, ["Phone"], ""), (2, ["020 7946 0001"], ""), (3, [cell], "")]
    assert footer_line(rows, width=1, sheet=False) == 3


def test_a_lead_called_total_whose_number_has_separators_stays_a_row() -> None:
    rows = [
        (1, ["Name", "Phone"], ""),
        (2, ["A", "020 7946 0001"], ""),
        (3, ["Total", "447,911,123,456"], ""),
    ]
    assert footer_line(rows, width=2, sheet=False) == 0


# --- columns ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["Phone Country Code", "Dial Code", "Country Calling Code", "Ländervorwahl"]
)
def test_a_dialled_code_beside_a_number_says_where_it_is(write: Write, header: str) -> None:
    """3023125001 is a number in Britain too, and somebody else's."""
    assert dialled(write(f"Name,{header},Phone\nA,+49,3023125001\n")) == [("+493023125001",)]


@pytest.mark.parametrize("code", ["49", "0049", "+ 49", " 49 ", "49.0"])
def test_a_dialled_code_needs_no_plus_where_the_column_says_what_it_is(write: Write, code: str) -> None:
    assert dialled(write(f"Name,Dial Code,Phone\nA,{code},3023125001\n")) == [("+493023125001",)]


@pytest.mark.parametrize(("header", "code"), [("Dial Code", "020"), ("Dial Code", "9999"), ("Country", "49")])
def test_a_code_that_can_not_be_read_lets_no_national_number_by(write: Write, header: str, code: str) -> None:
    """An area code, nonsense, or what may be anybody's number of a country."""
    assert dialled(write(f"Name,{header},Phone\nA,{code},3023125001\n")) == [()]


def test_a_code_that_several_countries_share_agrees_with_each(write: Write) -> None:
    table = "Phone,Country,Dial Code\n604 555 0123,Canada,+1\n604 555 0123,Canada,+44\n"
    assert dialled(write(table)) == [("+16045550123",), ()]


@pytest.mark.parametrize(
    ("phone", "label"),
    [
        ("Phone 1", "Phone Type 1"),
        ("Phone 1", "Phone 1 Type"),
        ("Telefon", "Telefonart"),
        ("Telefon", "Telefontyp"),
    ],
)
def test_a_number_that_is_labelled_a_fax_is_not_dialled(write: Write, phone: str, label: str) -> None:
    assert dialled(write(f"Name,{phone},{label}\nA,020 7946 0001,Fax\nB,020 7946 0002,Mobile\n")) == [
        (),
        ("+442079460002",),
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"phones": "Phone", "callable": "DNC"},
        {"phones": "Phone", "callable": "Calls", "do_not_call": "Calls"},
    ],
)
def test_no_column_is_both_leave_and_prohibition(columns: dict[str, str]) -> None:
    with pytest.raises(ProfileError, match="a yes can't mean both"):
        mapped("Phone", "DNC", "Calls", profile=Profile.model_validate({"columns": columns}))


@pytest.mark.parametrize(
    "header",
    [
        "Not to be called",
        "No phone contact",
        "No marketing calls",
        "Suppressed",
        "Deceased",
        "Phone Preference",
        "Can we call?",
    ],
)
def test_headers_that_sound_like_a_wish_are_told(header: str) -> None:
    assert CONSENT.search(loose(header))
    told = mapped("Phone", header)
    assert told.callable or told.do_not_call or any("sounds like consent" in note for note in told.notes)


# --- ids ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", ["NULL", r"\N", "n/a", "None", "nan", "-", "(null)", " null "])
def test_what_stands_for_no_id_makes_nobody_a_duplicate(write: Write, nothing: str) -> None:
    table = f"Lead ID,Phone\n{nothing},020 7946 0001\n{nothing},020 7946 0002\n"
    answers = decided(write(table))
    assert [isinstance(answer, Customer) for answer in answers] == [True, True]
    assert all(answer.external_id.startswith("d1-") for answer in answers)


@pytest.mark.parametrize("text", ["NA", "0", "007", "TRUE", "1e5"])
def test_an_id_stays_what_it_is(write: Write, text: str) -> None:
    (answer,) = decided(write(f"Lead ID,Phone\n{text},020 7946 0001\n"))
    assert answer.external_id == text


def test_rows_that_an_escaped_delimiter_has_shifted_have_no_trailing_one(write: Write) -> None:
    spec = surveyed(write("Name,Fax,Phone\nSmith\\,Ann,020 7946 0008,\nJones\\,Bob,020 7946 0009,\n"))
    assert (spec.trailing, spec.ragged) == (0, 2)


def test_rows_that_are_all_shifted_by_a_comma_do_not_dial_the_fax(write: Write) -> None:
    path = write(
        "Name,Fax,Phone,Email\nSmith,Ann,020 7946 0001,020 7946 0002,\nHill,Bo,020 7946 0003,020 7946 0004,\n"
    )
    assert surveyed(path).trailing == 0
    assert dialled(path) == [(), ()]


def test_a_delimiter_at_the_end_of_rows_that_fit_their_header_shifts_nothing(write: Write) -> None:
    path = write(
        "Name,Fax,Phone,Email\nAnn,020 7946 0001,020 7946 0002,ann@example.com,\nBo,,020 7946 0004,,\n"
    )
    assert surveyed(path).trailing == 1
    assert dialled(path) == [("+442079460002",), ("+442079460004",)]


# --- area codes, statistics ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "header", "code", "number"),
    [
        ("IT", "Prefisso", "352", "2857543"),
        ("SE", "Riktnr", "08", "21605483"),
        ("DE", "Vorwahl", "089", "5432112345"),
        ("DE", "Vorwahl", "040", "4123456789"),
        ("AT", "Vorwahl", "01", "7321234567"),
    ],
)
def test_a_part_beside_its_area_code_is_not_dialled_as_a_whole_number(
    write: Write, region: str, header: str, code: str, number: str
) -> None:
    path = write(f"ID,{header},Phone\n1,{code},{number}\n")
    (answer,) = decided(path, Profile(name="traps", region=region))
    assert not isinstance(answer, Customer)


@pytest.mark.parametrize(
    ("region", "code", "number", "sent"),
    [
        ("DE", "030", "030 23125001", "+493023125001"),
        ("DE", "030", "+49 30 23125001", "+493023125001"),
        ("US", "212", "2125550100", "+12125550100"),
        ("GB", "44", "7911123456", "+447911123456"),
        ("IT", "39", "3472857543", "+393472857543"),
        ("DE", "", "3023125001", "+493023125001"),
    ],
)
def test_a_number_in_full_is_dialled_whatever_stands_beside_it(
    write: Write, region: str, code: str, number: str, sent: str
) -> None:
    path = write(f"ID,Area code,Phone\n1,{code},{number}\n")
    (answer,) = decided(path, Profile(name="traps", region=region))
    assert isinstance(answer, Customer)
    assert answer.numbers == (sent,)


@pytest.mark.parametrize("word", ["Average", "Mittelwert", "Median:"])
def test_what_a_spreadsheet_computed_of_the_numbers_is_no_lead(write: Write, word: str) -> None:
    spec = surveyed(write(f"ID,Name,Phone\n1,A,07911123456\n{word},,7911123490\n"))
    assert (spec.rows, spec.end_line) == (1, 3)


def test_a_lead_called_like_a_statistic_is_one(write: Write) -> None:
    spec = surveyed(write("ID,Name,Phone\n1,A,07911123456\nAverage,Average Ltd,7911123490\n"))
    assert spec.rows == 2


@pytest.mark.parametrize("header", ["First Phone", "Telefon stacjonarny", "Telefono fisso", "Vaste telefoon"])
def test_more_words_of_telephone_columns_are_known(header: str) -> None:
    assert mapped("ID", "Mobile", header).phones == (1, 2)
