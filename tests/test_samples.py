"""The samples and schemas that are shipped: they are what they say, and what the program does.

The expected results beside the samples were read by a person, row by row; `python samples/make_samples.py
--accept` writes them anew where a change is meant.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from etl import RunReport, Settings, aload
from etl.orders import Order
from etl.profile import Profile, asset, find_profile, read_profile
from etl.reconciler import RESULT_COLUMNS
from etl.records import RowStatus
from etl.runs import Runner
from etl.schemas import PROFILE, profile_schema, text_of
from etl.simulator import PREVIEW_CAMPAIGN, Simulator

openpyxl: Any = pytest.importorskip("openpyxl")  # ships no types

SAMPLES = asset("samples")
SCHEMAS = asset("schemas")
FOR_FICTION = re.compile(r"\+44(?:2079460|1214960|1614960)\d{3}|\+493023125\d{3}")

Load = Callable[..., Any]


@pytest.fixture(scope="module")
def maker() -> Iterator[ModuleType]:
    """The script that makes the samples."""
    spec = importlib.util.spec_from_file_location("make_samples", SAMPLES / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def load_sample(settings_for: Callable[..., Settings], own_place: Path) -> Load:
    """Load a sample into a running simulator; its results and rejects are in the working folder."""

    async def load(simulator: Simulator, path: Path, *, ending: str = ".csv", **given: Any) -> RunReport:
        return await aload(
            path,
            campaign=PREVIEW_CAMPAIGN,
            settings=settings_for(simulator.base_url),
            results=own_place / f"{path.stem}.results{ending}",
            rejects=own_place / f"{path.stem}.rejects{ending}",
            **given,
        )

    return load


# --- the samples are what the script makes --------------------------------------------------------------


def test_the_text_samples_are_what_the_script_makes(maker: ModuleType) -> None:
    assert (SAMPLES / "leads.csv").read_bytes() == maker.clean()
    assert (SAMPLES / "leads-dirty.csv").read_bytes() == maker.dirty()


def test_the_workbook_has_the_cells_that_the_script_makes(maker: ModuleType, tmp_path: Path) -> None:
    maker.workbook(tmp_path / "made.xlsx")

    assert _cells(SAMPLES / "leads.xlsx") == _cells(tmp_path / "made.xlsx")


def _cells(path: Path) -> list[list[tuple[Any, str, str]]]:
    (sheet,) = openpyxl.load_workbook(path).worksheets
    return [[(cell.value, cell.data_type, cell.number_format) for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize("name", ["leads.csv", "leads-dirty.csv", "leads.xlsx"])
async def test_no_sample_holds_a_number_or_address_that_anybody_has(
    name: str, maker: ModuleType, load_sample: Load
) -> None:
    given = maker.EXPECTED.get(name, {"region": "GB"})
    async with Simulator() as simulator:
        await load_sample(simulator, SAMPLES / name, **given)
        customers = simulator.customers(PREVIEW_CAMPAIGN)

    numbers = [number for customer in customers for number in customer["numbers"].split(";")]
    assert numbers
    assert [number for number in numbers if not FOR_FICTION.fullmatch(number)] == []
    assert re.findall(r"@(?!example\.com\b|example\b)\w", json.dumps(customers)) == []


# --- the samples end as they are expected to --------------------------------------------------------------


async def test_each_row_of_the_clean_sample_is_created_without_a_warning(
    load_sample: Load, answers_in: Callable[[str], list[dict[str, str]]]
) -> None:
    async with Simulator() as simulator:
        report = await load_sample(simulator, SAMPLES / "leads.csv", region="GB")
        assert simulator.count(PREVIEW_CAMPAIGN) == 250

    assert report.counts == {"created": 250}
    assert (report.exit_code, report.balanced, report.rejects) == (0, True, "")
    assert {row["obi_warning"] for row in answers_in(report.results)} == {""}


@pytest.mark.parametrize("name", ["leads-dirty.csv", "leads.xlsx"])
async def test_each_row_of_a_sample_ends_as_expected(name: str, maker: ModuleType, load_sample: Load) -> None:
    async with Simulator() as simulator:
        report = await load_sample(simulator, SAMPLES / name, **maker.EXPECTED[name])

    for written, expected in zip((report.results, report.rejects), maker.expected_of(name), strict=True):
        assert _lines(maker.comparable(Path(written))) == _lines(expected.read_bytes())


def _lines(content: bytes) -> list[str]:
    """Line by line, ends kept, so that a difference is shown where it is."""
    return content.decode("utf-8-sig").splitlines(keepends=True)


def test_the_dirty_sample_is_surveyed_by_its_content_alone(maker: ModuleType) -> None:
    raw = (SAMPLES / "leads-dirty.csv").read_bytes()

    assert "Zoë;Groß-Nuñez;Œuvre & Fils, 5 €" in raw.decode("cp1252")
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    assert read_profile(str(SAMPLES / "leads-dirty.toml")).source.encoding == ""
    assert len({about for about, _ in maker.TROUBLES}) == len(maker.TROUBLES)


async def test_the_campaign_holds_just_what_the_results_call_created(
    maker: ModuleType, load_sample: Load, answers_in: Callable[[str], list[dict[str, str]]]
) -> None:
    async with Simulator() as simulator:
        report = await load_sample(
            simulator, SAMPLES / "leads-dirty.csv", **maker.EXPECTED["leads-dirty.csv"]
        )
        held = {customer["externalId"]: customer for customer in simulator.customers(PREVIEW_CAMPAIGN)}

    created = [row for row in answers_in(report.results) if row["obi_status"] == "created"]
    assert {row["obi_external_id"]: (row["obi_id"], row["obi_numbers"]) for row in created} == {
        external_id: (customer["id"], customer["numbers"]) for external_id, customer in held.items()
    }
    dates = {row["About this row"]: held[row["obi_external_id"]].get("date") for row in created}
    assert dates["a date and time"] == "2027-04-06T07:30:00Z"
    assert dates["a time without a zone"] == "2027-04-06T08:30:00Z"
    assert dates["a time in the row's own zone"] == "2027-04-06T07:30:00Z"
    assert dates["a day above twelve tells the order"] == "2027-04-25T23:00:00Z"
    assert dates["in order"] is None


async def test_agents_see_the_cells_as_they_were_written(
    maker: ModuleType, load_sample: Load, answers_in: Callable[[str], list[dict[str, str]]]
) -> None:
    async with Simulator() as simulator:
        report = await load_sample(
            simulator, SAMPLES / "leads-dirty.csv", **maker.EXPECTED["leads-dirty.csv"]
        )
        customers = simulator.customers(PREVIEW_CAMPAIGN)

    about = {row["obi_external_id"]: row["About this row"] for row in answers_in(report.results)}
    seen = {about[customer["externalId"]]: _attributes(customer) for customer in customers}
    assert seen["NA is text"]["Last Name"] == "NA"
    assert seen["NA is text"]["Firm"] == "TRUE"
    assert seen["a line break"]["Firm"] == "Specimen Ceramics\r\n2nd floor"
    assert seen["a control character"]["Firm"] == "Testbed Optics"
    assert seen["a formula"]["Firm"] == '=HYPERLINK("https://example.com";"Offer")'
    assert seen["an apostrophe in front"]["Firm"] == "'t Voorbeeld"
    assert seen["letters of western Europe"]["Firm"] == "Œuvre & Fils, 5 €"
    assert not any("About this row" in attributes for attributes in seen.values())


def _attributes(customer: dict[str, Any]) -> dict[str, str]:
    found = customer["attributes"]
    items = found["attribute"] if isinstance(found, dict) else found
    return {item["name"]: item["value"] for item in items}


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
async def test_rejects_that_nobody_corrected_are_rejected_for_the_same_reasons(
    ending: str, maker: ModuleType, load_sample: Load, answers_in: Callable[[str], list[dict[str, str]]]
) -> None:
    given = maker.EXPECTED["leads-dirty.csv"]
    async with Simulator() as simulator:
        first = await load_sample(simulator, SAMPLES / "leads-dirty.csv", ending=ending, **given)
        again = await load_sample(simulator, Path(first.rejects), **given)

    assert again.counts == {"invalid": first.counts["invalid"]}
    assert [(row["Lead ID"], row["obi_code"], row["obi_error"]) for row in answers_in(again.results)] == [
        (row["Lead ID"], row["obi_code"], row["obi_error"])
        for row in csv.DictReader(_lines(maker.expected_of("leads-dirty.csv")[1].read_bytes()))
    ]


# --- the profiles -----------------------------------------------------------------------------------------

KEY = re.compile(r"^#(?=[\w\[\"])", re.MULTILINE)
"""A key that is commented out; prose has a space after its #."""


@pytest.mark.parametrize("path", sorted((SCHEMAS / "profiles").glob("*.toml")), ids=lambda path: path.stem)
def test_each_built_in_profile_loads_by_its_name(path: Path) -> None:
    assert read_profile(path.stem).name == path.stem


def test_the_obi_profile_is_the_one_without_any_rule() -> None:
    assert read_profile("obi") == Profile()


def test_the_obi_profile_shows_every_key_there_is() -> None:
    text = (SCHEMAS / "profiles" / "obi.toml").read_text(encoding="utf-8")
    shown = tomllib.loads(KEY.sub("", text))

    Profile.model_validate(shown)
    assert _keys(shown) == _keys_of(Profile) - {"guessing"}


def test_each_key_of_the_obi_profile_that_shows_a_default_shows_the_right_one() -> None:
    text = (SCHEMAS / "profiles" / "obi.toml").read_text(encoding="utf-8")
    shown = Profile.model_validate(tomllib.loads(KEY.sub("", text)))

    for table in ("phones", "external_id"):
        assert getattr(shown, table) == getattr(Profile(), table)


def _keys(table: dict[str, Any], prefix: str = "") -> set[str]:
    found = set()
    for key, value in table.items():
        inner = value[0] if key == "suppress_when" else value
        if isinstance(inner, dict) and key != "rename":
            inner = inner["Postcode"] if key == "rules" else inner
            found |= _keys(inner, f"{prefix}{key}.")
        else:
            found.add(prefix + key)
    return found


def _keys_of(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        parts = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        found |= _keys_of(inner[0], f"{key}.") if inner else {key}
    return found


# --- the schemas --------------------------------------------------------------------------------------------


def test_the_schema_of_profiles_is_the_models() -> None:
    """If it is not, `python -m etl.schemas` writes it anew."""
    assert (SCHEMAS / PROFILE).read_text(encoding="utf-8") == text_of(profile_schema())


def test_the_schema_of_profiles_allows_one_name_where_several_may_be() -> None:
    columns = profile_schema()["$defs"]["ColumnRules"]["properties"]

    for name in ("phones", "do_not_call"):
        assert [form["type"] for form in columns[name]["anyOf"]] == ["string", "array"]
        assert all("minItems" not in form for form in columns[name]["anyOf"])
    assert "null" not in text_of(profile_schema())


def test_the_schema_of_results_has_the_columns_and_the_statuses() -> None:
    schema = _results_schema()

    assert tuple(schema["properties"]) == tuple(schema["required"]) == RESULT_COLUMNS
    assert schema["properties"]["obi_status"]["enum"] == [status.value for status in RowStatus]


async def test_results_are_as_their_schema_says_and_so_are_those_of_the_same_file_again(
    maker: ModuleType, load_sample: Load
) -> None:
    given = maker.EXPECTED["leads-dirty.csv"]
    async with Simulator() as simulator:
        for status in ("created", "exists"):
            report = await load_sample(simulator, SAMPLES / "leads-dirty.csv", ending=".jsonl", **given)

            assert report.counts[status] > 0
            assert _faults_of(Path(report.results)) == []


async def test_results_of_a_check_are_as_the_schema_says(
    maker: ModuleType, settings_for: Callable[..., Settings], own_place: Path
) -> None:
    profile = find_profile(maker.EXPECTED["leads-dirty.csv"]["profile"])
    order = Order(
        input=str(SAMPLES / "leads-dirty.csv"),
        profile=profile,
        results=str(own_place / "check.jsonl"),
        rejects=str(own_place / "rejects.jsonl"),
    )
    report = await Runner(settings_for("")).check(order)

    assert report.counts["ready"] > 0
    assert _faults_of(Path(report.results)) == []


def _results_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / "results.schema.json").read_text(encoding="utf-8"))
    return schema


_TYPES: dict[str, type] = {"integer": int, "string": str, "null": type(None)}


def _faults_of(results: Path) -> list[str]:
    """What in a .jsonl file is not as its schema says; the few words of JSON Schema that it uses."""
    schema = _results_schema()
    found = []
    for line in results.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if tuple(row)[-len(RESULT_COLUMNS) :] != RESULT_COLUMNS:
            found.append(f"columns: {tuple(row)}")
        for name, value in row.items():
            rule = schema["properties"].get(name, schema["additionalProperties"])
            if not _fits(value, rule):
                found.append(f"row {row['obi_row']}: {name} is {value!r}")
    return found


def _fits(value: Any, rule: dict[str, Any]) -> bool:
    types = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", [])
    return (
        (not types or type(value) in {_TYPES[name] for name in types})
        and ("enum" not in rule or value in rule["enum"])
        and ("minimum" not in rule or value >= rule["minimum"])
        and ("pattern" not in rule or re.search(rule["pattern"], value) is not None)
    )
