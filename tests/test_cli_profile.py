"""``obi profile``: a file's profile guessed, written, checked and shown; and loads that nobody watches."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

import etl
from etl.columns import fit, map_columns
from etl.errors import ProfileError
from etl.profile import Profile, asset, profile_folder, read_profile
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Simulator
from etl.survey import SurveyOptions, survey

Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

CAMPAIGN = ("--campaign", "Test Preview Campaign")
MISTYPED = "Lead ID,Moblie,Name\nA1,+44 20 7946 0001,Ann\nA2,+44 20 7946 0002,Bob\n"

GERMAN = "Kundennr;Name;Moblie;Telefon privat;Fax;PLZ;Werbeeinwilligung;Termin;Umsatz\n" + "".join(
    f"K{at:03};Müller {at};+49 30 23125{at:03};030/23125 {at:03};030 2312599;1011{at % 10};ja;"
    f"1{at % 10}.04.2027;{at},5\n"
    for at in range(1, 30)
)
DUMP = (
    "contact_id\tmobile_phone_no\tphone_verified\tassistant_phone\tdo_not_call\tcreated_at\temployees\n"
    + "".join(f"{at}\t020 7946 0{at:03}\t1\t+442079460999\t0\t2026-01-01\t{at}\n" for at in range(1, 30))
)
THREE = "Name,Kontakt,Ort\n" + "".join(f"Ann {at},+44 20 7946 0{at:03},London\n" for at in range(1, 30))
TITLED = "My leads\n\nLead ID,Mobile,Date,Country,Zone,Note*,\n" + "".join(
    f"{at},020 7946 0{at:03},{at}/04/2027 10:00,GB,Europe/London,a,x\n" for at in range(1, 29)
)
GOOGLE = "First Name,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value\n" + "".join(
    f"Ann{at},Mobile,+44 20 7946 0{at:03},Work Fax,+44 20 7946 1{at:03}\n" for at in range(1, 9)
)
ODD = (
    'Lead "ID",Mob\\ile\u007f Phone,"Two\nlines",Phone,Ünï[c]ode*?\n1,+44 20 7946 0001,c,+44 20 7946 0002,d\n'
)
FILES = {"german": GERMAN, "dump": DUMP, "three": THREE, "titled": TITLED, "google": GOOGLE, "odd": ODD}


def written(place: Path, name: str, text: str) -> Path:
    path = place / f"{name}.csv"
    path.write_bytes(text.encode("cp1252" if name == "german" else "utf-8"))
    return path


def one_object(out: str) -> dict[str, Any]:
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


# --- new ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_the_profile_that_is_written_loads_and_maps_the_file_as_it_was_shown(
    name: str, own_place: Path, obi: Obi
) -> None:
    path = written(own_place, name, FILES[name])
    code, out, err = obi("profile", "new", path, "--json")
    assert code == 0, err
    shown = one_object(out)
    target = path.with_name(f"{name}.profile.toml")
    profile = read_profile(str(target))
    assert tomllib.loads(target.read_text(encoding="utf-8")) == shown["document"]
    assert profile.name == name
    assert not profile.guessing

    rules = profile.source
    spec = survey(path)
    assert rules.delimiter in {"", spec.delimiter, "tab"}
    mapping = map_columns(spec.columns, profile)
    by_field: dict[str, list[str]] = {}
    for line in shown["columns"]:
        by_field.setdefault(line["field"], []).append(line["header"])
    headers = mapping.headers
    assert by_field["phones"] == [headers[at] for at in mapping.number_columns]
    assert by_field.get("do_not_call", []) == [headers[at] for at in mapping.do_not_call]
    assert {field: [headers[at]] for field, at in mapping.fields.items()} == {
        field: lines
        for field, lines in by_field.items()
        if field not in {"phones", "do_not_call", "callable", "region", "attribute", ""}
    }
    assert by_field.get("attribute", []) == [headers[at] for at, _ in mapping.attributes]
    assert profile.attributes.include != ("*",)


@pytest.mark.parametrize(
    "path",
    [path for path in sorted((asset("samples") / "crm").iterdir()) if "expected" not in path.name],
    ids=lambda path: path.stem,
)
def test_the_profile_of_an_export_reads_it_as_it_is_read_without_one(
    path: Path, own_place: Path, obi: Obi
) -> None:
    code, _, err = obi("profile", "new", path, "--out", "p.toml", "--hidden", "include")
    assert code == 0, err
    columns = survey(path, SurveyOptions(hidden="include", fit=partial(fit, profile=Profile()))).columns
    guessed, named = map_columns(columns, Profile()), map_columns(columns, read_profile("p.toml"))
    for each in ("fields", "numbers", "phones", "labels", "do_not_call", "callable", "region",
                 "other_regions", "attributes"):  # fmt: skip
        assert getattr(named, each) == getattr(guessed, each), each


def test_every_column_is_shown_with_how_surely_and_some_of_its_cells(own_place: Path, obi: Obi) -> None:
    code, out, _ = obi("profile", "new", written(own_place, "german", GERMAN))
    assert code == 0
    for words in (
        r"externalId +Kundennr +100 % +exact",
        r"phones +Telefon privat +95 % +normalised",
        r"phones +Moblie +83 % +fuzzy: it is like 'mobile' +\+49 30 23125001",
        r"agents see +Termin +60 % +perhaps date, by values",
        r"agents see +Fax",
        r"Never dialled: Fax: it is a fax",
        r"numbers in DE: say --region",
        r"Werbeeinwilligung: sounds like consent",
        r"semicolon, because",
        r"Profile: .*german\.profile\.toml",
        r"Next: .*obi check",
    ):
        assert re.search(words, out), words


def test_the_profile_says_why_beside_each_choice(own_place: Path, obi: Obi) -> None:
    obi("profile", "new", written(own_place, "german", GERMAN))
    text = (own_place / "german.profile.toml").read_text(encoding="utf-8")
    for words in (
        '#encoding = "windows-1252"',
        'delimiter = ";"',
        '#region = "DE"',
        r'  "Moblie", +# CHECK THIS: 83 % sure',
        '#date = "Termin" +# perhaps',
        "#   Fax: it is a fax",
    ):
        assert re.search(f"^{words}", text, flags=re.MULTILINE), words


def test_what_cells_look_like_is_only_proposed_where_a_name_says_phone(own_place: Path, obi: Obi) -> None:
    text = "Lead ID,Phone,Kontakt\n" + "".join(
        f"{at},+44 20 7946 0{at:03},+44 20 7946 1{at:03}\n" for at in range(9)
    )
    code, out, _ = obi("profile", "new", written(own_place, "a", text), "--json")
    assert code == 0
    (line,) = [line for line in one_object(out)["columns"] if line["header"] == "Kontakt"]
    assert (line["field"], line["proposed"], line["how"]) == ("attribute", "phones", "values")
    assert read_profile("a.profile.toml").columns.phones == ("Phone",)
    assert '  #"Kontakt",' in Path("a.profile.toml").read_text(encoding="utf-8")


def test_a_file_that_is_there_is_never_overwritten_unasked(own_place: Path, obi: Obi) -> None:
    path = written(own_place, "three", THREE)
    mine = own_place / "three.profile.toml"
    mine.write_text("# mine\n", encoding="utf-8")
    code, _, err = obi("profile", "new", path)
    assert (code, mine.read_text(encoding="utf-8")) == (3, "# mine\n")
    assert "--force" in err
    assert obi("profile", "new", path, "--out", path, "--force")[0] == 3
    assert path.read_text(encoding="utf-8") == THREE
    assert obi("profile", "new", path, "--out", "other.toml")[0] == 0
    assert obi("profile", "new", path, "--force")[0] == 0
    assert read_profile(str(mine)) == read_profile("other.toml").model_copy(update={"name": "three"})


def test_a_dash_puts_the_profile_alone_on_standard_output(own_place: Path, obi: Obi) -> None:
    code, out, err = obi("profile", "new", written(own_place, "three", THREE), "--out", "-", "--name", "mine")
    assert code == 0
    assert tomllib.loads(out)["name"] == "mine"
    assert "Kontakt" in err
    assert sorted(path.name for path in own_place.iterdir()) == ["three.csv"]


def test_json_puts_one_object_on_standard_output(own_place: Path, obi: Obi) -> None:
    code, out, err = obi("profile", "new", written(own_place, "three", THREE), "--out", "-", "--json")
    shown = one_object(out)
    assert (code, shown["profile"], shown["rows"]) == (0, "-", 29)
    assert tomllib.loads(shown["toml"]) == shown["document"]
    assert "Kontakt" in err


def test_what_is_stated_of_the_input_is_kept(own_place: Path, obi: Obi) -> None:
    path = written(own_place, "three", THREE)
    code, _, _ = obi("profile", "new", path, "--region", "gb", "--header-row", "1", "--date-order", "dmy")
    profile = read_profile("three.profile.toml")
    assert code == 0
    assert (profile.region, profile.source.header_row, profile.source.date_order) == ("GB", 1, "dmy")


def test_a_workbooks_sheet_is_named_where_it_was_chosen(own_place: Path, obi: Obi) -> None:
    with xlsxwriter.Workbook(str(own_place / "book.xlsx")) as book:
        for name in ("Leads", "Other"):
            sheet = book.add_worksheet(name)
            for row, cells in enumerate((("Lead ID", "Mobile"), ("1", "+44 20 7946 0001"))):
                sheet.write_row(row, 0, cells)
    assert obi("profile", "new", "book.xlsx")[0] == 4
    code, _, err = obi("profile", "new", "book.xlsx", "--sheet", "Leads")
    assert code == 0, err
    assert read_profile("book.profile.toml").source.sheet == "Leads"


def test_standard_input_and_compressed_files_are_read_too(own_place: Path, obi: Obi) -> None:
    assert obi("profile", "new", "-", stdin=THREE.encode())[0] == 0
    assert read_profile("stdin.profile.toml").columns.phones == ("Kontakt",)
    (own_place / "a.csv.gz").write_bytes(gzip.compress(THREE.encode()))
    assert obi("profile", "new", "a.csv.gz")[0] == 0
    assert read_profile("a.profile.toml").columns.phones == ("Kontakt",)


@pytest.mark.parametrize(
    ("text", "expected", "told"),
    [
        ("Name,City\nAnn,London\n", 4, "No column holds phone numbers"),
        ("Name,Fax\nAnn,+44 20 7946 0001\n", 4, "No column holds phone numbers"),
        ("1,+44 20 7946 0001,Ann\n2,+44 20 7946 0002,Bob\n", 4, "looks like data"),
        ("Lead ID,Mobile\n", 4, "no rows"),
        ("", 4, "empty"),
        ("Phone,phone\n+44 20 7946 0001,+44 20 7946 0002\n", 3, "no name of their own"),
    ],
)
def test_a_file_that_no_profile_could_load_gets_none(
    text: str, expected: int, told: str, own_place: Path, obi: Obi
) -> None:
    code, out, err = obi("profile", "new", written(own_place, "a", text))
    assert (code, out) == (expected, "")
    assert told in err
    assert not (own_place / "a.profile.toml").exists()


def test_a_profile_that_can_not_be_written_is_told(own_place: Path, obi: Obi) -> None:
    path = written(own_place, "three", THREE)
    code, _, err = obi("profile", "new", path, "--out", own_place / "no" / "such.toml")
    assert code == 3
    assert "can't be written" in err


def test_the_order_of_dates_is_written_where_the_file_proves_it(own_place: Path, obi: Obi) -> None:
    obi("profile", "new", written(own_place, "titled", TITLED))
    profile = read_profile("titled.profile.toml")
    assert (profile.source.date_order, profile.source.header_row) == ("dmy", 3)
    assert profile.region_column == ("Country",)
    ambiguous = "Lead ID,Mobile,Date,timeZone\n1,+44 20 7946 0001,03/04/2027 10:00,Europe/London\n"
    obi("profile", "new", written(own_place, "a", ambiguous))
    assert read_profile("a.profile.toml").source.date_order == ""


def test_samples_are_spread_and_memory_is_not_the_files(own_place: Path, obi: Obi) -> None:
    """A column whose first thousand cells are empty is still seen for what it is."""
    rows = [f"{at},{f'+44 20 7946 0{at % 1000:03}' if at > 2000 else ''}" for at in range(5000)]
    code, out, _ = obi(
        "profile", "new", written(own_place, "a", "\n".join(["Name,Kontakt", *rows])), "--json"
    )
    assert code == 0
    assert one_object(out)["columns"][0]["field"] == "phones"


def test_the_worked_example_of_the_docs_is_what_comes_out(own_place: Path, obi: Obi) -> None:
    docs = (asset("schemas").parent / "docs" / "profiles.md").read_text(encoding="utf-8")
    (leads,) = re.findall(r"^```csv\n(.*?)^```", docs, flags=re.MULTILINE | re.DOTALL)
    shown, profile, *_ = re.findall(r"^```text\n(.*?)^```", docs, flags=re.MULTILINE | re.DOTALL)
    (own_place / "leads.csv").write_text(leads, encoding="utf-8")
    code, out, _ = obi("profile", "new", "leads.csv")
    assert code == 0
    assert [line.rstrip() for line in out.splitlines()] == shown.splitlines()
    assert (own_place / "leads.profile.toml").read_text(encoding="utf-8") == profile


# --- check ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_profile_fits_the_file_that_it_was_made_from(name: str, own_place: Path, obi: Obi) -> None:
    path = written(own_place, name, FILES[name])
    assert obi("profile", "new", path)[0] == 0
    code, out, err = obi("profile", "check", path, "--json")
    assert code == 0, err
    found = one_object(out)
    assert (found["lacking"], found["new"], found["problem"]) == ([], [], "")


def test_missing_and_new_columns_are_told_with_the_nearest(own_place: Path, obi: Obi) -> None:
    obi("profile", "new", written(own_place, "german", GERMAN))
    changed = written(
        own_place, "german", GERMAN.replace("Moblie", "Mobile", 1).replace("Umsatz", "Segment", 1)
    )
    code, out, _ = obi("profile", "check", changed)
    assert code == 3
    assert "Missing: 'Moblie' (columns.phones). Did you mean 'Mobile'?" in out
    assert "Missing: 'Umsatz' (attributes.include)" in out
    assert "New: the profile does not know Mobile, Segment" in out
    assert "'Mobile' looks like a phone number (95 % sure) and is not read as one" in out
    assert "does not fit" in out


def test_what_else_would_stop_a_load_is_told(own_place: Path, obi: Obi) -> None:
    code, out, _ = obi("profile", "check", written(own_place, "a", "Name,City\nAnn,London\n"), "--json")
    assert code == 4
    assert "No column holds phone numbers" in one_object(out)["problem"]
    assert one_object(out)["exit_code"] == 4


def test_a_name_that_stands_there_twice_does_not_fit(own_place: Path, obi: Obi) -> None:
    (own_place / "p.toml").write_text('[columns]\nphones = "Tel"\n', encoding="utf-8")
    path = written(own_place, "a", "Tel,TEL\n+44 20 7946 0001,1\n")
    code, out, _ = obi("profile", "check", path, "--profile", "p.toml")
    assert code == 3
    assert "2 columns are 'Tel'" in out


def test_cells_are_counted_by_the_profiles_rules_over_the_whole_file(own_place: Path, obi: Obi) -> None:
    (own_place / "p.toml").write_text(
        'region_column = "Land"\n[source]\ndate_order = "dmy"\ntimezone = "Europe/Berlin"\n'
        '[columns]\nphones = "Tel"\ndate = "When"\npriority = "Prio"\n[attributes]\ninclude = []\n'
        '[attributes.rules.Age]\nrequired = true\ntype = "integer"\n',
        encoding="utf-8",
    )
    rows = ["030 23125001,DE,13.04.2027,1,30", "020 7946 0001,GB,,x,", "nonsense,,2027-99-99,,old", ",,,,7"]
    path = written(own_place, "a", "\n".join(["Tel,Land,When,Prio,Age", *rows]))
    code, out, err = obi("profile", "check", path, "--profile", "p.toml", "--json")
    assert code == 0, err
    rates = {(rate["header"], rate["field"]): rate for rate in one_object(out)["rates"]}
    assert [rates["Tel", "phones"][key] for key in ("filled", "good")] == [3, 2]
    assert rates["Tel", "phones"]["faults"] == {"phone.letters": 1}
    assert [rates["When", "date"][key] for key in ("filled", "good")] == [2, 1]
    assert rates["Prio", "priority"]["faults"] == {"priority.invalid": 1}
    assert rates["Age", "attribute.required"]["faults"] == {"attribute.required": 1}
    assert rates["Age", "attribute.type"]["faults"] == {"attribute.type": 1}


def test_a_built_in_profile_names_columns_that_a_file_may_lack(own_place: Path, obi: Obi) -> None:
    code, out, _ = obi("profile", "check", asset("samples") / "crm" / "hubspot.csv", "--profile", "hubspot")
    assert code == 0
    assert "Missing" not in out
    assert "is not read as one" not in out


def test_what_stands_beside_numbers_is_neither_new_nor_missed(own_place: Path, obi: Obi) -> None:
    path = written(own_place, "a", "numbers,externalId,Phone1\n+44 20 7946 0001,1,+44 20 7946 0009\n")
    code, out, _ = obi("profile", "new", path)
    assert code == 0
    assert "Never dialled: Phone1: the numbers stand in another column" in out
    code, out, _ = obi("profile", "check", path, "--json")
    assert (code, one_object(out)["new"], one_object(out)["unused"]) == (0, [], [])


def test_without_a_profile_the_one_beside_the_file_is_meant_or_none(own_place: Path, obi: Obi) -> None:
    path = written(own_place, "three", THREE.replace("Kontakt", "Mobile", 1))
    assert "no profile" in obi("profile", "check", path)[1]
    obi("profile", "new", path)
    assert "three.profile.toml" in obi("profile", "check", path)[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("check", "nothere.csv"), 4),
        (("check", "three.csv", "--profile", "nothere.toml"), 3),
        (("new", "nothere.csv"), 4),
        (("new", "three.csv", "--region", "Britain"), 3),
        (("show", "nothere"), 3),
        (("new",), 2),
    ],
)
def test_what_can_not_be_done_is_one_sentence(
    words: tuple[str, ...], expected: int, own_place: Path, obi: Obi
) -> None:
    written(own_place, "three", THREE)
    code, out, err = obi("profile", *words)
    assert (code, out) == (expected, "")
    assert "Traceback" not in err
    assert err.strip()


# --- show and schema ------------------------------------------------------------------------------------


def test_the_built_in_profiles_are_listed_and_printed(obi: Obi) -> None:
    code, out, _ = obi("profile", "show")
    names = {path.stem for path in profile_folder().glob("*.toml")}
    assert code == 0
    assert names <= {line.split()[0] for line in out.splitlines() if line.strip()}
    for name in names:
        code, out, _ = obi("profile", "show", name)
        assert code == 0
        assert tomllib.loads(out)["name"] == name
    listed = one_object(obi("profile", "show", "--json")[1])
    assert set(listed) == names
    assert all(listed.values())


def test_the_schema_is_the_one_that_ships(obi: Obi) -> None:
    code, out, _ = obi("profile", "schema")
    assert code == 0
    assert one_object(out)["properties"].keys() == {
        field.alias or name for name, field in Profile.model_fields.items() if name != "guessing"
    }


# --- loads that nobody watches --------------------------------------------------------------------------


def test_a_fuzzy_guess_stops_a_load_without_a_terminal_and_a_profile_lets_it_go(
    own_place: Path, obi: Obi, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = serve()
    monkeypatch.setenv("OBI_BASE_URL", simulator.base_url)
    path = written(own_place, "leads", MISTYPED)
    for more in ((), ("--yes",)):
        code, _, err = obi("load", path, *CAMPAIGN, *more)
        assert code == 3
        assert "'Moblie' as a phone number (83 % sure)" in err
        assert f"obi profile new {path}" in err
    assert simulator.count(PREVIEW_CAMPAIGN) == 0
    assert sorted(each.name for each in own_place.iterdir()) == ["leads.csv"]

    assert obi("profile", "new", path)[0] == 0
    code, _, err = obi("load", path, *CAMPAIGN, "--profile", "leads.profile.toml")
    assert code == 0, err
    assert simulator.count(PREVIEW_CAMPAIGN) == 2


def test_a_new_profile_knows_every_column_of_its_file(own_place: Path, obi: Obi) -> None:
    header = "Record Id,Lead Owner,Lead Owner.id,Phone,Fax,Home Fax,HasOptedOutOfFax,Mobile,Created Time"
    path = written(own_place, "zoho", f"{header}\nz1,Jane,z9,020 7946 0001,,,false,,\n")
    code, out, err = obi("profile", "new", path, "--region", "GB")
    assert code == 0, err
    assert "Never dialled: Fax, Home Fax: it is a fax\n" in out
    assert "HasOptedOutOfFax: it" not in out
    code, out, _ = obi("profile", "check", path, "--profile", "zoho.profile.toml")
    assert code == 0
    assert "New:" not in out
    assert "Lead Owner.id" not in out
    assert re.search(r"phones +Mobile +no cell with content", out)
    (own_place / "more.csv").write_text(path.read_text("utf-8").replace("Created Time", "Extra"), "utf-8")
    assert (
        "New: the profile does not know Extra.\n"
        in obi("profile", "check", "more.csv", "--profile", "zoho.profile.toml")[1]
    )


def test_a_new_profile_reads_a_later_file_in_another_encoding(own_place: Path, obi: Obi) -> None:
    """A name is not garbled because last month's export was in another code page."""
    header, row = "Kundennr;Telefon;Name", "K-1;+49 30 23125001;Müller"
    (own_place / "first.csv").write_bytes(f"{header}\n{row}\n".encode("cp1252"))
    assert obi("profile", "new", "first.csv")[0] == 0
    for encoding in ("utf-8", "utf-16", "cp1252"):
        (own_place / "later.csv").write_bytes(f"{header}\n{row}\n".encode(encoding))
        code, out, _ = obi("check", "later.csv", "--profile", "first.profile.toml", "--json")
        assert code == 0
        assert one_object(out)["preview"][0]["attributes"] == {"Name": "Müller"}


def test_a_check_only_tells_a_fuzzy_guess(own_place: Path, obi: Obi) -> None:
    code, out, _ = obi("check", written(own_place, "leads", MISTYPED))
    assert code == 0
    assert "'Moblie' as a phone number (83 % sure" in out
    (note,) = (line for line in out.splitlines() if line.startswith("Note: ") and "Moblie" in line)
    assert "obi profile new" in note
    assert "leads.csv; a load that can ask nobody" in note


def test_the_library_has_no_terminal_either(
    own_place: Path, serve: Serve, settings_for: Callable[..., Settings]
) -> None:
    simulator = serve()
    path = written(own_place, "leads", MISTYPED)
    with pytest.raises(ProfileError, match="'Moblie'"):
        etl.load(path, campaign="Test Preview Campaign", settings=settings_for(simulator.base_url))
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


@pytest.mark.parametrize(("answer", "loaded"), [("y", 2), ("n", 0)])
def test_on_a_terminal_a_fuzzy_guess_is_shown_and_asked(
    answer: str, loaded: int, own_place: Path, serve: Serve
) -> None:
    simulator = serve()
    path = written(own_place, "leads", MISTYPED)
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "etl", "load", str(path), *CAMPAIGN],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "OBI_BASE_URL": simulator.base_url, "TERM": "xterm", "COLUMNS": "70"},
        close_fds=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the terminal is gone with its process
                break
            if not piece:
                break
            shown += piece
            if b"[y/N]" in piece:
                os.write(ours, f"{answer}\n".encode())
    finally:
        os.close(ours)
        code = running.wait(timeout=60)
    text = " ".join(shown.decode().split())
    assert (code == 0) is (loaded > 0), text
    assert "83 % sure" in text
    assert simulator.count(PREVIEW_CAMPAIGN) == loaded
