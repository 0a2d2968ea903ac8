"""The simulator keeps the contract of ``schemas/openapi.json``, over all operations.

schemathesis makes the requests: from the examples, from the limits of each schema, and at random, valid and
invalid. ``make contract`` asks for a thousand random ones an operation.
"""

from __future__ import annotations

import copy
import json
import os
import re
import zoneinfo
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings, strategies
from schemathesis import (
    APIOperation,
    Case,
    CheckContext,
    DeserializationContext,
    Response,
    SerializationContext,
)
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.transport.serialization import serialize_xml

from etl.simulator import PREVIEW_CAMPAIGN, Simulator

SPEC = json.loads(
    (Path(__file__).parent.parent.parent / "schemas" / "openapi.json").read_text(encoding="utf-8")
)
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "20"))
"""Random requests an operation."""

CALLED = [
    {
        "externalId": str(number),
        "numbers": f"+4420794601{number:02}",
        "timeZone": "Europe/London",
        "priority": number,
        "attributes": {"attribute": [{"name": "City", "value": "Leeds & <York>"}]},
    }
    for number in range(30)
]
CUSTOMERS = [f"{number:032X}" for number in range(1, 4)]
"""Stand for a customer that is there at the moment of the call."""

BASIC = f"Basic {b64encode(b'user:secret').decode()}"
ELSEWHERE = set(ParameterLocation) - {ParameterLocation.BODY}
REASONS = (
    rb"(statisticsDate|agentId) needs statistics=true",
    rb"attributeName is mandatory when attributeValue is given",
    rb"attribute Phone1 is mandatory",
    rb"Value is not unique",
    rb"NUL character",
    rb"there is a character that is not allowed",
    rb"a time outside the years 1 to 9999",
)
"""What no schema says of a request that is valid by it: fields that need each other, and what is taken."""

schemathesis.openapi.format("iana-time-zone", strategies.sampled_from(sorted(zoneinfo.available_timezones())))


@schemathesis.serializer("application/xml")
def serialize(ctx: SerializationContext, value: Any) -> bytes:
    """As schemathesis writes XML, but what is null has no element: there is no null in XML."""
    written: bytes = serialize_xml(ctx.case, without_nulls(value))["data"]
    return written


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value if each is not None] if isinstance(value, list) else value


def description(spec: dict[str, Any], *, max_examples: int = EXAMPLES, limits: bool = True) -> Any:
    """The contract for schemathesis: the same requests each time, most of them about what is there."""
    config = schemathesis.Config.from_dict(
        {
            "generation": {
                "deterministic": True,
                "max-examples": max_examples,
                "allow-extra-parameters": False,  # unknown ones are to be ignored
                "with-security-parameters": False,  # credentials are right or wrong, never random
            },
            "phases": {"coverage": {"enabled": limits}},
            "dictionaries": {
                "campaigns": {"values": [PREVIEW_CAMPAIGN, PREVIEW_CAMPAIGN.lower()]},
                "customers": {"values": CUSTOMERS},
                "numbers": {"values": ["+442079460101", "02079460101;+441214960102;"]},
            },
            "parameters": {
                "path.campaignId": {"dictionary": "campaigns", "probability": 0.8},
                "path.customerId": {"dictionary": "customers", "probability": 0.7},
                "body.numbers": {"dictionary": "numbers", "probability": 0.5},
                "body.[*].numbers": {"dictionary": "numbers", "probability": 0.5},
            },
            "checks": {"positive_data_acceptance": {"expected-statuses": [200, 201, 204]}},
        }
    )
    return schemathesis.openapi.from_dict(copy.deepcopy(spec), config=config)


contract = description(SPEC)
with_basic = description({**SPEC, "security": [{"basic": []}]}, max_examples=5, limits=False)
ONCE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one simulator for all of an operation
    deadline=None,  # a wall clock decides nothing here
)

Test = TypeVar("Test", bound=Callable[..., None])


def for_each_operation(described: Any) -> Callable[[Test], Test]:
    parametrize: Callable[[Test], Test] = described.parametrize()
    return lambda test: parametrize(ONCE(test))


class Asker:
    """Sends generated requests and holds the answers against the contract."""

    def __init__(
        self, simulator: Simulator, session: requests.Session, read_xml: Callable[[bytes, Any], Any]
    ) -> None:
        self._base_url = simulator.base_url
        self._session = session
        self._read_xml = read_xml
        self._there = False

    def __call__(self, case: Case[Any], **headers: str) -> None:
        self._there = self._find(case.path_parameters)
        case.call_and_validate(
            base_url=self._base_url,
            session=self._session,
            headers=headers,
            additional_checks=[self.valid_data_is_accepted, self.invalid_data_is_refused],
            excluded_checks=[positive_data_acceptance, negative_data_rejection],
        )

    def _find(self, path: dict[str, Any]) -> bool:
        """Whether the path leads somewhere; a stand-in for a customer becomes one."""
        if path.get("customerId") in CUSTOMERS:
            url = f"{self._base_url}/campaigns/{PREVIEW_CAMPAIGN}/customers"
            path["customerId"] = self._session.post(url, json={"numbers": "+442079460101"}).text
        elif "customerId" in path:
            return False
        return str(path.get("campaignId", PREVIEW_CAMPAIGN)).upper() == PREVIEW_CAMPAIGN

    def valid_data_is_accepted(self, ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
        """As schemathesis has it, but for unknown ids and what no schema says."""
        if response.status_code == 404 and not self._there:
            return None
        if self._is_valid_xml(case, response) is False:
            return None
        if response.status_code == 400 and any(re.search(each, response.content) for each in REASONS):
            return None
        return positive_data_acceptance(ctx, response, case)

    def invalid_data_is_refused(self, ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
        """As schemathesis has it, but in a list a refusal is an item's own, and XML is judged as read."""
        if case.operation.path.endswith("/list") and re.search(rb"statusCode\W+400\b", response.content):
            return None
        elsewhere = case.meta is not None and any(map(case.meta.is_negative_at, ELSEWHERE))
        if self._is_valid_xml(case, response) and not elsewhere:
            return None
        return negative_data_rejection(ctx, response, case)

    def _is_valid_xml(self, case: Case[Any], response: Response) -> bool | None:
        """Whether the body is valid as XML, whatever it was as JSON; None where it is not XML.

        An empty list and an empty text are the same in XML, as are 7 and "7", and lists have no names there.
        """
        body = response.request.body
        if case.media_type != "application/xml" or not isinstance(body, bytes):
            return None
        schema = in_full(operation_of(case.operation)["requestBody"]["content"]["application/xml"]["schema"])
        try:
            read = self._read_xml(body, schema)
        except (ParseError, ValueError):
            return False
        return jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(read)


def operation_of(tested: APIOperation[Any, Any, Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = SPEC["paths"][tested.path][tested.method.lower()]
    return operation


def in_full(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": SPEC["components"]}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


@pytest.fixture
def ask(
    serve: Callable[..., Simulator], session: requests.Session, xml_as_json: Callable[[bytes, Any], Any]
) -> Asker:
    """Of a simulator whose customers have been called, so that answers have something in them."""
    simulator = serve(strict=True, seed={"campaigns": [{"id": PREVIEW_CAMPAIGN, "customers": CALLED}]})
    assert session.post(f"{simulator.control_url}/dial", json={"hours": 2}).json()["calls"] > len(CALLED)
    return Asker(simulator, session, xml_as_json)


@pytest.fixture
def answers_in_xml(xml_as_json: Callable[[bytes, Any], Any]) -> None:
    """Let schemathesis read XML answers, so that it can hold them against their schemas."""

    def read(ctx: DeserializationContext, response: Response) -> Any:
        answer = operation_of(ctx.operation)["responses"][str(response.status_code)]
        return xml_as_json(response.content, in_full(answer["content"]["application/xml"]["schema"]))

    schemathesis.deserializer("application/xml")(read)


@for_each_operation(contract)
def test_the_simulator_keeps_the_contract(case: Case[Any], ask: Asker) -> None:
    ask(case)


@for_each_operation(contract.include(operation_id_regex="^(get|list|addCustomers)"))
def test_the_simulator_keeps_the_contract_when_it_answers_in_xml(
    case: Case[Any], ask: Asker, answers_in_xml: None
) -> None:
    ask(case, Accept="application/xml")


@for_each_operation(with_basic)
def test_no_call_of_the_simulator_forgets_to_ask_for_credentials(
    case: Case[Any],
    serve: Callable[..., Simulator],
    session: requests.Session,
    xml_as_json: Callable[[bytes, Any], Any],
) -> None:
    session.headers["Authorization"] = BASIC
    Asker(serve(strict=True, auth="basic:user:secret"), session, xml_as_json)(case, Authorization=BASIC)
