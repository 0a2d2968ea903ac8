"""``schemas/openapi.json`` itself: it is OpenAPI, it is tidy, and what the document shows is valid by it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import msgspec
import pytest
import schemathesis

from etl.obi import models
from etl.simulator import EXAMPLE_CAMPAIGN, Simulator

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "schemas" / "openapi.json").read_text(encoding="utf-8")
SPEC = json.loads(TEXT)
FIXTURES = ROOT / "tests" / "obi" / "fixtures"
DOCUMENT = Path(__file__).parent / "examples"
METHODS = {"get", "put", "post", "delete"}

EXAMPLES: dict[str, tuple[str, Any]] = {
    "campaign": ("Campaign", models.Campaign),
    "campaign_update": ("CampaignUpdate", models.CampaignUpdate),
    "campaigns": ("Campaigns", list[models.Campaign]),
    "customer": ("Customer", models.StoredCustomer),
    "customer_result_statistics": ("ResultStatisticsList", list[models.CustomerResultStatistics]),
    "customers": ("Customers", list[models.StoredCustomer]),
    "new_customer": ("NewCustomer", models.NewCustomer),
    "new_customers": ("NewCustomers", list[models.NewCustomer]),
    "results_all_created": ("ItemResults", list[models.ItemResult]),
    "results_one_invalid": ("ItemResults", list[models.ItemResult]),
    "results_stopped": ("ItemResults", list[models.ItemResult]),
    "statistics": ("AgentStatisticsList", list[models.AgentStatistics]),
}
"""By fixture: the schema that it is an example of, and the client's type for it."""


def inner(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inner(below)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in SPEC["paths"].items():
        for method in METHODS & item.keys():
            yield method, path, item[method]


def validator(schema: str) -> Any:
    return jsonschema_rs.validator_for(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}, validate_formats=True
    )


def test_the_description_is_openapi_by_its_own_meta_schema() -> None:
    schemathesis.openapi.from_dict(json.loads(TEXT)).validate()


@pytest.mark.parametrize("name", SPEC["components"]["schemas"])
def test_each_schema_is_json_schema_and_described(name: str) -> None:
    schema = SPEC["components"]["schemas"][name]
    jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    assert schema.get("description") or schema["type"] == "array"
    for field, inside in schema.get("properties", {}).items():
        assert "$ref" in inside or inside.get("description") or "oneOf" in inside, field


def test_each_reference_leads_somewhere_and_each_component_is_referred_to() -> None:
    used = {each["$ref"] for each in inner(SPEC) if "$ref" in each}
    named = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "parameters", "responses")
        for name in SPEC["components"][kind]
    }
    assert used == named


def test_the_file_is_written_as_json_is_printed() -> None:
    assert json.dumps(SPEC, indent=2, ensure_ascii=False) + "\n" == TEXT


def test_each_operation_says_what_it_does_and_what_may_go_wrong() -> None:
    for method, path, operation in operations():
        assert operation["summary"]
        assert {"401", "403"} < operation["responses"].keys()
        assert ("404" in operation["responses"]) == ("{campaignId}" in path)
        assert (
            ("415" in operation["responses"]) == ("requestBody" in operation) == (method in {"put", "post"})
        )


def test_each_example_of_the_description_is_valid_by_its_schema() -> None:
    found = [
        each for each in inner(SPEC["paths"]) if "schema" in each and {"example", "examples"} & each.keys()
    ]
    assert len(found) > 5
    for each in found:
        check = jsonschema_rs.validator_for({**each["schema"], "components": SPEC["components"]})
        shown = (
            [each["example"]] if "example" in each else [one["value"] for one in each["examples"].values()]
        )
        for example in shown:
            check.validate(example)


@pytest.mark.parametrize(
    "path",
    [*sorted(DOCUMENT.glob("*.json")), *sorted(FIXTURES.glob("*.json"))],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_the_examples_of_the_document_are_valid_and_the_client_reads_them(path: Path) -> None:
    schema, model = EXAMPLES[path.stem]
    validator(schema).validate(json.loads(path.read_bytes()))
    read = msgspec.json.decode(path.read_bytes(), type=model)
    assert read


def test_each_figure_of_the_document_is_in_what_the_client_reads() -> None:
    (customer, other) = msgspec.json.decode(
        (DOCUMENT / "customers.json").read_bytes(), type=list[models.StoredCustomer]
    )
    assert (customer.external_id, customer.number_list) == ("10", ("0215428754",))
    assert (other.external_id, other.number_list) == ("7", ("951254875", "951254875"))
    assert models.Attribute("Classification", "Gold") in customer.attributes
    assert customer.call_at is not None
    assert customer.call_at.year == 9999
    _, campaign = msgspec.json.decode((DOCUMENT / "campaigns.json").read_bytes(), type=list[models.Campaign])
    assert campaign.status is models.CampaignStatus.ACTIVE
    assert campaign.stats is not None
    assert campaign.stats.total is not None
    assert (campaign.stats.total.number_of_calls, campaign.stats.total.login_time) == (15, 5122.0327)


async def test_what_the_document_sends_gets_the_answers_that_it_shows() -> None:
    def sent(name: str) -> bytes:
        return (DOCUMENT / f"{name}.json").read_bytes()

    json_body = {"Content-Type": "application/json"}
    async with Simulator() as simulator, aiohttp.ClientSession() as session:
        root = f"{simulator.base_url}/campaigns/{EXAMPLE_CAMPAIGN}"
        async with session.put(root, data=sent("campaign_update"), headers=json_body) as answer:
            assert (answer.status, await answer.read()) == (204, b"")
        accept = {"Accept": "text/html"}
        async with session.post(
            f"{root}/customers", data=sent("new_customer"), headers=json_body | accept
        ) as answer:
            assert answer.status == 201
            assert re.fullmatch("[0-9A-F]{32}", await answer.text())
        async with session.post(
            f"{root}/customers/list", data=sent("new_customers"), headers=json_body
        ) as answer:
            assert [each["statusCode"] for each in await answer.json()] == [201] * 5
        shown = json.loads(sent("campaign"))
        async with session.get(root) as answer:
            told = await answer.json()
    counters = {"total", "handled", "notHandled", "callable", "maxCalls", "filtered"}
    assert told.keys() == shown.keys() - {"dialer"}
    assert {name: told[name] for name in told.keys() - counters} == {
        name: shown[name] for name in told.keys() - counters
    }


@pytest.mark.parametrize(
    "attributes",
    [
        {"attribute": [{"name": "City", "value": "Leeds"}, {"name": "Phone1", "value": "02079460101"}]},
        {"attribute": {"name": "City", "value": "Leeds"}},
        [{"name": "City", "value": "Leeds"}],
    ],
    ids=["wrapped", "single", "bare"],
)
def test_attributes_may_be_answered_in_each_of_three_forms(attributes: object) -> None:
    customer = {"id": "B637B17AF08ACED8850C18CCCDE915DA", "externalId": "7", "numbers": "02079460101"}
    validator("Customer").validate(customer | {"attributes": attributes})
    assert not validator("Customer").is_valid(customer | {"attributes": "City"})


@pytest.mark.parametrize(
    ("numbers", "valid"),
    [
        ("+52145200;", True),
        ("0215428754;98521542", True),
        ("+442079460101;+441214960102;+441614960103", True),
        ("+number;", False),
        ("", False),
        ("+44 20 7946 0101", False),
        ("111;222;333;444", False),
        (";111", False),
    ],
)
def test_numbers_are_one_to_three_with_semicolons(numbers: str, valid: bool) -> None:
    assert validator("NewCustomer").is_valid({"numbers": numbers}) is valid


def test_a_new_customer_has_numbers_or_attributes() -> None:
    check = validator("NewCustomer")
    assert check.is_valid({"attributes": {"attribute": [{"name": "Phone1", "value": "02079460101"}]}})
    assert not check.is_valid({"externalId": "7"})


@pytest.mark.parametrize(
    "written", ["9AB62B5EF34A985438BFDF7EE0102229", "9ab62b5e-f34a-9854-38bf-df7ee0102229"]
)
def test_ids_are_asked_for_in_either_form_and_answered_in_one(written: str) -> None:
    assert validator("IdReference").is_valid(written)
    assert validator("Id").is_valid(written) is (re.fullmatch("[0-9A-F]{32}", written) is not None)
    assert not validator("IdReference").is_valid(written[1:])


def test_statistics_without_an_agent_have_null_for_one() -> None:
    figures = SPEC["components"]["schemas"]["AgentStatistics"]["required"]
    row = dict.fromkeys(figures, 0) | {
        "campaignId": "9AB62B5EF34A985438BFDF7EE0102229",
        "campaignName": "Welcome",
    }
    for agent in (None, "21A144F1824E4C768868D10201608E2E"):
        validator("AgentStatistics").validate(row | {"agentId": agent, "agentName": agent and "Agent"})
