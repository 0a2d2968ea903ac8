"""The mapping profile: every key of the contract, what is wrong with one, and freezing."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from etl.errors import ProfileError
from etl.profile import (
    GUESSED,
    Profile,
    SuppressWhen,
    asset,
    find_profile,
    names_of,
    normal_header,
    profile_folder,
    read_profile,
)
from etl.schemas import PROFILE, profile_schema, text_of

EVERYTHING = """
name = "acme-crm"
campaign = "Spring"
region = "GB"
region_column = "Country"
missing_columns = "stop"

[source]
encoding = "windows-1252"
delimiter = ";"
sheet = "Leads"
header_row = 4
date_order = "dmy"
date_formats = ["%d.%m.%Y %H:%M"]
timezone = "Europe/London"
hidden = "refuse"

[columns]
externalId = "Lead ID"
numbers = "Numbers"
phones = ["Mobile", "Phone", "Other Phone"]
date = "Call after"
agentId = "Owner"
dialingMode = "Mode"
previewTime = "Preview"
priority = "Priority"
timeZone = "Time zone"
do_not_call = ["Do Not Call"]
callable = ["Callable"]
not_fields = ["Status"]

[defaults]
priority = 5
previewTime = 30
dialingMode = "PREVIEW"
timeZone = "infer"

[attributes]
include = ["*"]
exclude = ["Internal*"]
[attributes.rename]
"Company / Account" = "Company"
[attributes.rules."Postcode"]
required = true
type = "text"
pattern = "^[A-Z0-9 ]{3,10}$"
max_length = 10
allowed = ["SW1A 1AA"]

[phones]
accept = "valid"
format = "e164"
send_as = "numbers"
premium = false
suppressed = "suppress-row"
bad_beside_good = "drop"

[external_id]
when_missing = "derive"
derive_from = ["Product"]
prefix = "acme-"
salesforce18 = false

[suppress]
files = []
max_age = "7d"
region = "GB"
max_unreadable = 0
if_loaded = "warn"

[[suppress_when]]
column = "Consent"
is = ["no"]
is_not = ["yes"]
empty = true
older_than = "180d"

[expect]
rows = [0, 60000]
invalid_max = "2%"
created_min = "50%"
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def leaves(data: Any, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every value of a nested table under its path."""
    if isinstance(data, dict):
        return {path: leaf for key, part in data.items() for path, leaf in leaves(part, (*at, key)).items()}
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return {p: v for i, part in enumerate(data) for p, v in leaves(part, (*at, str(i))).items()}
    return {at: data}


# --- every key --------------------------------------------------------------------------------------------


def test_every_key_of_the_contract_is_taken_with_its_example(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path, EVERYTHING))
    given = leaves(tomllib.loads(EVERYTHING))
    kept = leaves(profile.frozen())
    assert {path for path in given if path not in kept} == set()
    for path, value in given.items():
        one = [value] if isinstance(value, str) and isinstance(kept[path], list) else value
        assert kept[path] == one, path


def test_the_contract_has_no_key_that_the_example_leaves_out(tmp_path: Path) -> None:
    given = set(leaves(tomllib.loads(EVERYTHING)))
    kept = set(leaves(read_profile(written(tmp_path, EVERYTHING)).frozen()))
    assert kept - given == {("guessing",)}


@pytest.mark.parametrize("path", sorted(leaves(tomllib.loads(EVERYTHING))), ids=".".join)
def test_every_key_may_stand_alone(path: tuple[str, ...]) -> None:
    """All keys are optional but the column of a ``suppress_when``."""
    value = leaves(tomllib.loads(EVERYTHING))[path]
    if path[0] == "suppress_when":
        Profile.model_validate({"suppress_when": [{"column": "Consent"} | {path[-1]: value}]})
        return
    data: Any = value
    for key in reversed(path):
        data = {key: data}
    Profile.model_validate(data)


def test_an_empty_profile_is_one_and_is_named_after_its_file(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path, ""))
    assert profile == Profile(name="mine")
    assert profile.guessing


@pytest.mark.parametrize(
    ("text", "guessing"),
    [
        ('region = "GB"', True),
        ("[columns]", True),
        ('[columns]\nphones = "Tel"', False),
        ("[columns]\ndo_not_call = []", False),
        ('region = "GB"\n[source]\nhidden = "include"\n[expect]\ninvalid_max = "2%"', True),
    ],
)
def test_a_profile_guesses_where_it_names_no_column(text: str, guessing: bool, tmp_path: Path) -> None:
    assert read_profile(written(tmp_path, text)).guessing is guessing
    assert find_profile(written(tmp_path, text), region="DE", hidden="exclude").guessing is guessing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ('[columns]\nphones = "Tel"', None),
        ("[columns]\ndo_not_call = []", ()),
        ('[columns]\ndo_not_call = "Stop"', ("Stop",)),
    ],
)
def test_no_do_not_call_column_is_another_thing_than_none_named(
    text: str, expected: tuple[str, ...] | None, tmp_path: Path
) -> None:
    profile = read_profile(written(tmp_path, text))
    assert profile.columns.do_not_call == expected
    thawed = Profile.thawed(json.loads(json.dumps(profile.frozen())))
    assert thawed.columns.do_not_call == expected


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("source.hidden", ["refuse", "include", "exclude"]),
        ("source.date_order", ["dmy", "mdy", "ymd"]),
        ("defaults.dialingMode", ["PREVIEW", "PREDICTIVE"]),
        ("defaults.timeZone", ["infer", "Europe/Berlin", "UTC"]),
        ("phones.accept", ["valid", "possible"]),
        ("phones.format", ["e164", "national", "digits", "as-written"]),
        ("phones.send_as", ["numbers", "attributes"]),
        ("phones.suppressed", ["suppress-row", "drop-number"]),
        ("phones.bad_beside_good", ["drop", "reject"]),
        ("external_id.when_missing", ["derive", "reject"]),
        ("suppress.if_loaded", ["warn", "delete"]),
        ("expect.invalid_max", ["2%", "0.5%", "10", "0"]),
    ],
)
def test_every_word_of_the_contract_is_taken_and_no_other(key: str, values: list[str]) -> None:
    table, name = key.split(".")
    for value in values:
        assert leaves(Profile.model_validate({table: {name: value}}).frozen())[table, name] == value
    with pytest.raises(ValidationError):
        Profile.model_validate({table: {name: "something else"}})


# --- what is wrong is told --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('regoin = "GB"', r"regoin is not a key\. Did you mean region\?"),
        ('[columns]\nexternalID = "x"', r"columns\.externalID is not a key\. Did you mean externalId\?"),
        ("[sauce]", r"sauce is not a key\. Did you mean source\?"),
        ('[source]\ndate_ordre = "dmy"', r"source\.date_ordre is not a key\. Did you mean date_order\?"),
        ('[attributes.rules."P"]\nrequird = true', r"P\.requird is not a key\. Did you mean required\?"),
        ('[attributes.rules."P"]\nkind = "date"', r"kind is not a key\. Known are .*pattern.*type"),
        ('[attributes]\nexlude = "x"', r"attributes\.exlude is not a key\. Did you mean exclude\?"),
        ('[[suppress_when]]\ncolumn="C"\nolder = "1d"', r"older is not a key\. Did you mean older_than\?"),
        ("guessing = true", r"guessing is not a key"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=told) as error:
        read_profile(written(tmp_path, text))
    assert "mine.toml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[source]\ndate_order = "ddmm"', r"source\.date_order = 'ddmm'.*'dmy'"),
        ("[source]\nheader_row = 0", r"source\.header_row = 0.*greater than or equal to 1"),
        ('[source]\ntimezone = "GMT Standard Time"', r"timezone = 'GMT Standard Time'.*Europe/London"),
        ('[source]\ntimezone = "../etc/passwd"', r"timezone"),
        ('[defaults]\ntimeZone = "Mars/Base"', r"defaults\.timeZone = 'Mars/Base'.*IANA"),
        ("[defaults]\npriority = -1", r"defaults\.priority = -1"),
        ('[defaults]\ndialingMode = "PROGRESSIVE"', r"dialingMode = 'PROGRESSIVE'.*PREDICTIVE"),
        ('[attributes.rules."P"]\npattern = "("', r"pattern = '\('.*regular expression"),
        ('[attributes.rules."P"]\nmax_length = 0', r"max_length = 0"),
        ('[phones]\nformat = "E164"', r"phones\.format = 'E164'.*'e164'"),
        ('[phones]\npremium = "maybe"', r"phones\.premium = 'maybe'"),
        ('[[suppress_when]]\ncolumn="C"\nolder_than = "6 months"', r"'6 months'.*180d"),
        ('[[suppress_when]]\nis = ["x"]', r"column"),
        ('[expect]\ninvalid_max = "few"', r"expect\.invalid_max = 'few'.*2%"),
        ("[expect]\nrows = [1]", r"expect\.rows"),
        ('region = "Britain"', r"region = 'BRITAIN'"),
        ("region = \nname = 'x'", r"not valid TOML.*line 1"),
        ("region = 44", r"region = 44"),
        ('[columns]\nphones = ""', r"columns\.phones = ''.*empty name"),
        ('[columns]\nphones = ["Tel", " "]', r"columns\.phones.*empty name"),
        ("[columns]\nexternalId = 7", r"columns\.externalId = 7"),
        ("[defaults]\npriority = 3000000000", r"defaults\.priority = 3000000000.*2147483647"),
        ('[attributes.rename]\n"A" = " "', r"rename.*'A' an empty name.*exclude"),
        ('[attributes.rules."P"]\ntype = "phone"', r"type = 'phone'.*'boolean'.*'email'"),
        ('[attributes.rules."P"]\npattern = "(?=a)(a+)+"', r"pattern.*for ever"),
        ('[attributes.rules."P"]\nallowed = [1, 2]', r"allowed\.0 = 1"),
        ('[suppress]\nmax_age = "soon"', r"max_age = 'soon'.*7d"),
        ('[[suppress_when]]\ncolumn = ""', r"column = ''"),
        ("[expect]\ninvalid_max = true", r"invalid_max = True"),
    ],
)
def test_a_wrong_value_names_key_value_and_what_is_right(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=told):
        read_profile(written(tmp_path, text))


def test_a_profile_that_is_not_there_is_told_with_the_built_in_ones() -> None:
    with pytest.raises(ProfileError, match="no profile 'no-such-one'"):
        read_profile("no-such-one")


def test_a_folder_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(ProfileError):
        read_profile(str(tmp_path))


def test_every_built_in_profile_is_sound() -> None:
    for path in profile_folder().glob("*.toml"):
        assert read_profile(path.stem).name


# --- regions, hidden, freezing ----------------------------------------------------------------------------


def test_a_region_on_the_command_line_beats_the_profiles_own(tmp_path: Path) -> None:
    given = written(tmp_path, 'region = "DE"\n[source]\nhidden = "include"')
    assert find_profile(given).region == "DE"
    assert find_profile(given, region="gb").region == "GB"
    assert find_profile(given, region="GB").source.hidden == "include"
    assert find_profile(given, hidden="exclude").source.hidden == "exclude"


def test_without_a_profile_the_mapping_is_guessed_also_under_a_region() -> None:
    assert find_profile(None) is GUESSED
    assert find_profile(None, region="GB", hidden="include").guessing


@pytest.mark.parametrize("region", ["Britain", "G", "44", "G1"])
def test_a_region_that_is_no_country_code_is_refused(region: str) -> None:
    with pytest.raises(ProfileError, match="Region"):
        find_profile(None, region=region)


@pytest.mark.parametrize("region", ["UK", "ZZ", "XX"])
def test_a_region_that_no_country_has_is_refused(region: str) -> None:
    """Under it every national number would be refused, row by row, for a reason that is not theirs."""
    with pytest.raises(ProfileError, match=region):
        find_profile(None, region=region)


@pytest.mark.parametrize("guessing", [True, False])
def test_thawing_what_was_frozen_gives_the_same_profile(
    guessing: bool,
    tmp_path: Path,
) -> None:
    profile = read_profile(written(tmp_path, EVERYTHING)).model_copy(update={"guessing": guessing})
    thawed = Profile.thawed(json.loads(json.dumps(profile.frozen())))
    assert thawed == profile
    assert thawed.guessing is guessing


def test_a_profile_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Profile().name = "x"  # type: ignore[misc]


# --- rules of suppression ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "suppressed", "kept"),
    [
        ({"is": ["No", "stop"]}, ["no", " NO ", "Stop"], ["", "yes", "nope"]),
        ({"is": "no"}, ["no"], [""]),
        ({"is_not": ["yes"]}, ["", "no", "maybe"], ["yes", " YES "]),
        ({"empty": True}, ["", "  "], ["x"]),
        ({"is": ["no"], "empty": True}, ["no", ""], ["yes"]),
        ({"is": ["STRASSE"]}, ["straße"], ["gasse"]),
    ],
)
def test_a_rule_of_suppression_compares_trimmed_and_without_case(
    rule: dict[str, Any], suppressed: list[str], kept: list[str]
) -> None:
    when = SuppressWhen.model_validate({"column": "Consent"} | rule)
    assert all(when.says_so(value) for value in suppressed)
    assert not any(when.says_so(value) for value in kept)


def test_an_age_is_told_in_days() -> None:
    assert SuppressWhen(column="C", older_than="180d").max_days == 180
    assert SuppressWhen(column="C").max_days == 0


def test_headers_compare_without_case_blanks_dashes_and_underscores() -> None:
    for header in ("External ID", " external_id ", "EXTERNAL-ID", "External\u00a0ID", "\ufeffexternalId"):
        assert normal_header(header) == "externalid"


def test_the_customer_fields_are_those_of_the_contract() -> None:
    assert [name for name, _ in names_of(Profile().columns)] == [
        "externalId",
        "numbers",
        "phones",
        "date",
        "agentId",
        "dialingMode",
        "previewTime",
        "priority",
        "timeZone",
        "do_not_call",
        "callable",
    ]


# --- the schema for editors -------------------------------------------------------------------------------


def faults(data: Any) -> list[str]:
    validator = jsonschema_rs.validator_for(profile_schema())
    return [
        f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(data)
    ]


def described(schema: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a schema with its description."""
    for name, key in schema.get("properties", {}).items():
        yield f"{at}.{name}", key.get("description", "")
    for name, table in schema.get("$defs", {}).items():
        yield from described(table, name)


def test_the_schema_that_ships_is_of_this_version() -> None:
    """If it is not, `python -m etl.schemas` writes it anew."""
    shipped = (asset("schemas") / PROFILE).read_text(encoding="utf-8")
    assert shipped == text_of(profile_schema())


def test_every_key_of_the_schema_says_what_it_is_for() -> None:
    texts = dict(described(profile_schema()))
    assert len(texts) > 60
    assert [name for name, text in texts.items() if not text or "``" in text] == []


@pytest.mark.parametrize("path", sorted(profile_folder().glob("*.toml")), ids=lambda path: path.stem)
def test_every_built_in_profile_is_as_the_schema_says(path: Path) -> None:
    assert faults(tomllib.loads(path.read_text(encoding="utf-8"))) == []


def test_the_example_of_every_key_is_as_the_schema_says() -> None:
    assert faults(tomllib.loads(EVERYTHING)) == []


@pytest.mark.parametrize(
    "text",
    [
        'regoin = "GB"',
        'region = "Britain"',
        '[phones]\nformat = "E164"',
        "[source]\nheader_row = 0",
        '[attributes.rules.P]\ntype = "phone"',
        "[columns]\nphones = 7",
        '[[suppress_when]]\nis = ["x"]',
    ],
)
def test_what_a_load_refuses_is_underlined_by_an_editor(text: str, tmp_path: Path) -> None:
    assert faults(tomllib.loads(text))
    with pytest.raises(ProfileError):
        read_profile(written(tmp_path, text))


@pytest.mark.parametrize("value", ["2%", "0", 0, 10, 0.5])
def test_a_limit_may_be_a_number_too(value: str | float) -> None:
    profile = Profile.model_validate({"expect": {"invalid_max": value}})
    assert profile.expect.invalid_max == str(value)
    assert faults({"expect": {"invalid_max": value}}) == []


def test_one_text_stands_for_a_list_of_it() -> None:
    profile = Profile.model_validate(
        {
            "region_column": "Country",
            "source": {"date_formats": "%d.%m.%Y"},
            "columns": {"phones": "Tel", "do_not_call": "DNC"},
            "attributes": {"rules": {"P": {"allowed": "x"}}},
            "suppress_when": [{"column": "C", "is": "no"}],
        }
    )
    assert profile.region_column == ("Country",)
    assert profile.source.date_formats == ("%d.%m.%Y",)
    assert (profile.columns.phones, profile.columns.do_not_call) == (("Tel",), ("DNC",))
    assert profile.attributes.rules["P"].allowed == ("x",)
    assert profile.suppress_when[0].is_ == ("no",)
