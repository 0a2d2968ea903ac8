"""What the client sends is what ``schemas/openapi.json`` describes: method, path, query, headers and body."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import jsonschema_rs
import pytest
from aiohttp import ClientSession, web
from msgspec import structs

from etl.obi import Client, Connection
from etl.obi.models import Attributes, CampaignStatus, CampaignUpdate, DialingMode, NewCustomer, encode
from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Simulator

SPEC = json.loads(
    (Path(__file__).parent.parent.parent / "schemas" / "openapi.json").read_text(encoding="utf-8")
)
AGENTS = ("38FFAEA3C2B54CD6BCFBCCF2006C0800", "6b818c08-d6b5-43ed-8a1f-db45d8bc173f")
NEW = NewCustomer(external_id="0042", numbers="+442079460101;+441214960102")
FULL = NewCustomer(
    external_id="Zoë & <Søn>",
    numbers="+442079460101",
    date="9999-12-31T23:59:59Z",
    agent_id=AGENTS[0],
    dialing_mode=DialingMode.PREVIEW,
    preview_time=30,
    priority=0,
    time_zone="Europe/London",
    attributes=Attributes.of([("City", "Leeds"), ("Note", " spaces, <tags> & 'quotes' "), ("Empty", "")]),
)
PHONES = NewCustomer(attributes=Attributes.of([("Phone1", "02079460101"), ("Phone2", "01214960102")]))
UPDATE = CampaignUpdate(name="Renewals", dialing_mode=DialingMode.PREDICTIVE, queue_id=AGENTS[0])
DAY = date(2026, 11, 24)

Ask = Callable[[Client], Awaitable[object]]


async def added(obi: Client) -> str:
    return await obi.customers.add(PREVIEW_CAMPAIGN, NewCustomer(numbers="+442079460101"))


async def get_added(obi: Client) -> object:
    return await obi.customers.get(PREVIEW_CAMPAIGN, await added(obi))


async def delete_added(obi: Client) -> None:
    await obi.customers.delete(PREVIEW_CAMPAIGN, await added(obi))


async def walk(obi: Client) -> object:
    await obi.customers.add_list(PREVIEW_CAMPAIGN, [encode(NEW), encode(FULL)])
    return [one async for one in obi.customers.iterate(PREVIEW_CAMPAIGN, page_size=1, include_script=True)]


CALLS: dict[str, list[Ask]] = {
    "listCampaigns": [
        lambda obi: obi.campaigns.list(),
        lambda obi: obi.campaigns.list(name="Spring* ü+&", queue_id=AGENTS[1], max_calls=3, status="Active"),
        lambda obi: obi.campaigns.list(statistics=True, statistics_date=DAY, agent_id=AGENTS),
        lambda obi: obi.campaigns.list(
            start_date=datetime(2026, 6, 29, 12, tzinfo=UTC),
            start_date_end=DAY,
            end_date=DAY,
            registered_end=DAY,
        ),
    ],
    "getCampaign": [
        lambda obi: obi.campaigns.get(PREVIEW_CAMPAIGN),
        lambda obi: obi.campaigns.get(PREVIEW_CAMPAIGN.lower(), statistics=True, statistics_date=DAY),
    ],
    "updateCampaign": [
        lambda obi: obi.campaigns.update(EXAMPLE_CAMPAIGN, UPDATE),
        lambda obi: obi.campaigns.update(
            EXAMPLE_CAMPAIGN,
            structs.replace(
                UPDATE,
                remarks="Zoë & <Søn>",
                custom_ivr_number="123",
                start_date="2026-11-24T00:00:00.000Z",
                end_date="2026-12-24T00:00:00Z",
                time_zone="Europe/Berlin",
                abandon_rate=1.5,
                increase_predictive_ratio=0.0,
            ),
        ),
    ],
    "setCampaignStatus": [
        lambda obi: obi.campaigns.set_status(EXAMPLE_CAMPAIGN, CampaignStatus.ACTIVE),
        lambda obi: obi.campaigns.set_status(EXAMPLE_CAMPAIGN, CampaignStatus.PASSIVE),
    ],
    "listCustomerResultStatistics": [lambda obi: obi.campaigns.result_statistics(PREVIEW_CAMPAIGN)],
    "listCustomers": [
        lambda obi: obi.customers.list(PREVIEW_CAMPAIGN),
        lambda obi: obi.customers.list(
            PREVIEW_CAMPAIGN, offset=20, limit=5, call_result="SUCCESS*", call_count=0
        ),
        lambda obi: obi.customers.list(
            PREVIEW_CAMPAIGN, include_script=True, agent_id=AGENTS, numbers="+44*"
        ),
        lambda obi: obi.customers.list(
            PREVIEW_CAMPAIGN,
            date=DAY,
            date_end=datetime(9999, 12, 31, tzinfo=UTC),
            modification_date=DAY,
            modification_date_end=DAY,
        ),
        lambda obi: obi.customers.list(PREVIEW_CAMPAIGN, attribute_name="City", attribute_value="L?eds &+"),
        lambda obi: obi.customers.find(PREVIEW_CAMPAIGN, "nobody"),
        lambda obi: obi.customers.find_all(PREVIEW_CAMPAIGN, ["nobody", "no one"]),
        walk,
    ],
    "addCustomer": [
        lambda obi: obi.customers.add(PREVIEW_CAMPAIGN, NEW),
        lambda obi: obi.customers.add(PREVIEW_CAMPAIGN, FULL),
        lambda obi: obi.customers.add(PREVIEW_CAMPAIGN, PHONES),
    ],
    "getCustomer": [get_added],
    "deleteCustomer": [delete_added],
    "addCustomers": [
        lambda obi: obi.customers.add_list(PREVIEW_CAMPAIGN, [encode(NEW)]),
        lambda obi: obi.customers.add_list(
            PREVIEW_CAMPAIGN, [encode(each) for each in (NEW, FULL, PHONES)], stop_if_invalid=True
        ),
    ],
    "listStatistics": [
        lambda obi: obi.statistics.list(),
        lambda obi: obi.statistics.list(
            start_date=DAY, end_date=DAY, campaign_id=PREVIEW_CAMPAIGN, agent_id=AGENTS[1]
        ),
    ],
}
"""Every call of the client by the operation that it is, with arguments of many kinds."""


class Sent(NamedTuple):
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@pytest.fixture
async def wire() -> AsyncIterator[tuple[str, list[Sent]]]:
    """A server that notes what arrives and hands it on to a simulator: its root, and the notes."""
    notes: list[Sent] = []

    async def hand_on(request: web.Request) -> web.Response:
        body = await request.read()
        path = request.rel_url.raw_path
        notes.append(
            Sent(request.method, path, request.rel_url.raw_query_string, dict(request.headers), body)
        )
        url = simulator.base_url.removesuffix("/RI/obi") + request.raw_path
        async with session.request(request.method, url, data=body, headers=request.headers) as answer:
            kept = {
                name: answer.headers[name] for name in ("Content-Type", "Location") if name in answer.headers
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hand_on)
    async with Simulator() as simulator, ClientSession() as session:
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/RI/obi", notes
        await runner.cleanup()


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    found: Any = part
    while "$ref" in found:
        found = SPEC
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def operation_of(sent: Sent) -> tuple[dict[str, Any], dict[str, str]]:
    """The operation that a request is, and its path parameters."""
    path = sent.path.removeprefix("/RI/obi")
    for template in sorted(SPEC["paths"], key=lambda each: each.count("{")):
        names = re.findall(r"{(\w+)}", template)
        found = re.fullmatch(re.sub(r"{\w+}", "([^/]+)", template), path)
        item = SPEC["paths"][template]
        if found and sent.method.lower() in item:
            operation = {"parameters": [], **item[sent.method.lower()]}
            parameters = [*item.get("parameters", []), *operation["parameters"]]
            return operation | {"parameters": parameters}, dict(
                zip(names, map(unquote, found.groups()), strict=True)
            )
    raise AssertionError(f"no operation is {sent.method} {path}")


def validate(value: object, schema: dict[str, Any]) -> None:
    jsonschema_rs.validator_for({**schema, "components": SPEC["components"]}, validate_formats=True).validate(
        value
    )


def value_of(text: str, schema: dict[str, Any]) -> object:
    """What the text of a parameter means."""
    match resolved(schema)["type"]:
        case "array":
            return text.split(",")
        case "boolean":
            return {"true": True, "false": False}[text]
        case "integer":
            return int(text)
        case _:
            return text


def check(sent: Sent, xml_as_json: Callable[[bytes, Any], Any]) -> str:
    """Hold a request against the description: the operationId of what it is."""
    operation, in_path = operation_of(sent)
    query = parse_qsl(sent.query, keep_blank_values=True, strict_parsing=bool(sent.query))
    assert len(dict(query)) == len(query)
    given = in_path | dict(query)
    for parameter in map(resolved, operation["parameters"]):
        if parameter["name"] in given:
            validate(value_of(given.pop(parameter["name"]), parameter["schema"]), parameter["schema"])
        else:
            assert not parameter.get("required"), parameter["name"]
    assert not given
    check_accept(sent.headers["Accept"], operation)
    if "requestBody" in operation:
        check_body(sent, resolved(operation["requestBody"])["content"], xml_as_json)
    else:
        assert not sent.body
        assert "Content-Type" not in sent.headers
    name: str = operation["operationId"]
    return name


def check_accept(accept: str, operation: dict[str, Any]) -> None:
    good = next(each for status, each in operation["responses"].items() if status.startswith("2"))
    asked = {each.partition(";")[0].strip() for each in accept.split(",")}
    assert "*/*" in asked or asked & good["content"].keys()


def check_body(sent: Sent, contents: dict[str, Any], xml_as_json: Callable[[bytes, Any], Any]) -> None:
    media = sent.headers["Content-Type"].partition(";")[0]
    schema = contents[media]["schema"]
    if media == "application/json":
        validate(json.loads(sent.body), schema)
    elif media == "application/xml":
        validate(xml_as_json(sent.body, {**schema, "components": SPEC["components"]}), schema)
    else:
        validate(sent.body.decode(), schema)


@pytest.mark.parametrize("media_type", ["json", "xml"])
@pytest.mark.parametrize("operation", CALLS)
async def test_a_call_of_the_client_is_what_the_contract_describes(
    operation: str,
    media_type: Any,
    wire: tuple[str, list[Sent]],
    xml_as_json: Callable[[bytes, Any], Any],
) -> None:
    root, notes = wire
    async with Client(Connection(base_url=root, attempts=1, media_type=media_type)) as obi:
        for call in CALLS[operation]:
            await call(obi)
            assert check(notes[-1], xml_as_json) == operation
    for sent in notes:
        check(sent, xml_as_json)
        assert sent.headers.get("Content-Type", f"application/{media_type}") in {
            f"application/{media_type}",
            "text/plain",
        }
        assert "Authorization" not in sent.headers


@pytest.mark.parametrize(
    ("given", "scheme"), [({"username": "user", "password": "secret"}, "basic"), ({"token": "abc"}, "bearer")]
)
async def test_credentials_travel_as_a_scheme_of_the_contract(
    given: dict[str, str], scheme: str, wire: tuple[str, list[Sent]]
) -> None:
    root, notes = wire
    async with Client(Connection(base_url=root, **given)) as obi:  # type: ignore[arg-type]
        await obi.campaigns.list()
    described = SPEC["components"]["securitySchemes"][scheme]
    assert {scheme: []} in SPEC["security"]
    assert (described["type"], described["scheme"]) == ("http", scheme)
    assert notes[0].headers["Authorization"].partition(" ")[0].lower() == scheme


def test_the_calls_tried_here_are_all_of_the_contract() -> None:
    described = {
        item[method]["operationId"]
        for item in SPEC["paths"].values()
        for method in ("get", "put", "post", "delete")
        if method in item
    }
    assert CALLS.keys() == described
