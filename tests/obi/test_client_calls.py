"""The eleven calls: what each sends, in JSON and in XML, and what it makes of the document's examples."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from etl.errors import ContractError
from etl.obi import Client, Connection
from etl.obi.models import (
    Attributes,
    Campaign,
    CampaignStatus,
    CampaignUpdate,
    DialingMode,
    NewCustomer,
    encode,
)

CAMPAIGN, CUSTOMER = "A9F7E97965D6CF799A529102A973B8B9", "B637B17AF08ACED8850C18CCCDE915DA"
LEAD = NewCustomer(
    external_id="007", numbers="+442079460101", attributes=Attributes.of([("City", " Leeds & York ")])
)
PAGE = "modificationDate=2026-05-05T12:00:00.000Z&offset=10&limit=5"
UPDATE = CampaignUpdate(name="Renewals", dialing_mode=DialingMode.PREVIEW, queue_id="Q", abandon_rate=0.0)


def example(name: str) -> bytes:
    """The body of this name, in the document's shape."""
    return (Path(__file__).parent / "fixtures" / f"{name}.json").read_bytes()


def as_xml(content: Any, root: str, item: str = "") -> bytes:
    """What a server would write for decoded JSON, made by another library than the client reads it with."""

    def fill(parent: ET.Element, name: str, value: Any) -> None:
        for one in value if isinstance(value, list) else [value]:
            element = ET.SubElement(parent, name)
            if isinstance(one, dict):
                for key, inner in one.items():
                    fill(element, key, inner)
            elif one is not None:
                element.text = str(one).lower() if isinstance(one, bool) else str(one)

    top = ET.Element(root)
    for key, value in {item: content}.items() if item else content.items():
        fill(top, key, value)
    return bytes(ET.tostring(top, encoding="utf-8", xml_declaration=True))


Case = tuple[str, str, Callable[[Client], Awaitable[object]]]
CASES: dict[str, Case] = {
    "campaigns": (
        "GET /campaigns?name=Re*&statistics=true&statisticsDate=2026-05-05T00:00:00.000Z&agentId=A,B",
        "",
        lambda obi: obi.campaigns.list(
            name="Re*", statistics=True, statistics_date=date(2026, 5, 5), agent_id=["A", "B"]
        ),
    ),
    "campaign": (
        f"GET /campaigns/{CAMPAIGN}?statistics=true&agentId=A",
        "",
        lambda obi: obi.campaigns.get(CAMPAIGN, statistics=True, agent_id="A"),
    ),
    "update": (
        f"PUT /campaigns/{CAMPAIGN}",
        '{"name":"Renewals","dialingMode":"PREVIEW","queueId":"Q","abandonRate":0.0}',
        lambda obi: obi.campaigns.update(CAMPAIGN, UPDATE),
    ),
    "status": (
        f"PUT /campaigns/{CAMPAIGN}/status",
        "Active",
        lambda obi: obi.campaigns.set_status(CAMPAIGN, CampaignStatus.ACTIVE),
    ),
    "customer_result_statistics": (
        f"GET /campaigns/{CAMPAIGN}/customerResultStatistics",
        "",
        lambda obi: obi.campaigns.result_statistics(CAMPAIGN),
    ),
    "customers": (
        f"GET /campaigns/{CAMPAIGN}/customers?numbers=%2B4420*&includeScript=true&{PAGE}",
        "",
        lambda obi: obi.customers.list(
            CAMPAIGN,
            numbers="+4420*",
            include_script=True,
            modification_date=datetime(2026, 5, 5, 12, tzinfo=UTC),
            offset=10,
            limit=5,
        ),
    ),
    "add": (
        f"POST /campaigns/{CAMPAIGN}/customers",
        encode(LEAD).decode(),
        lambda obi: obi.customers.add(CAMPAIGN, LEAD),
    ),
    "customer": (
        f"GET /campaigns/{CAMPAIGN}/customers/{CUSTOMER}",
        "",
        lambda obi: obi.customers.get(CAMPAIGN, CUSTOMER),
    ),
    "delete": (
        f"DELETE /campaigns/{CAMPAIGN}/customers/{CUSTOMER}",
        "",
        lambda obi: obi.customers.delete(CAMPAIGN, CUSTOMER),
    ),
    "results_one_invalid": (
        f"POST /campaigns/{CAMPAIGN}/customers/list?stopProcessIfInvalidEntriesFound=true",
        "[" + ",".join([encode(LEAD).decode()] * 4) + "]",
        lambda obi: obi.customers.add_list(CAMPAIGN, [encode(LEAD)] * 4, stop_if_invalid=True),
    ),
    "statistics": (
        "GET /statistics?startDate=2026-05-05T00:00:00.000Z&endDate=2026-05-06T00:00:00.000Z&campaignId=C",
        "",
        lambda obi: obi.statistics.list(
            start_date=date(2026, 5, 5), end_date=date(2026, 5, 6), campaign_id="C", agent_id=None
        ),
    ),
}
LISTS = {
    "campaigns": "campaign",
    "customers": "customer",
    "statistics": "statistic",
    "customer_result_statistics": "customerResultStatistic",
    "results_one_invalid": "item",
}
HEADERS = {
    "GET": ("application/json", None),
    "update": ("*/*", "application/json"),
    "status": ("*/*", "text/plain"),
    "add": ("text/html", "application/json"),
    "delete": ("*/*", None),
    "results_one_invalid": ("application/json, text/html;q=0.5", "application/json"),
}


class Server:
    """Answers each call as the document does, in ``speaks``, whatever it was asked for in."""

    def __init__(self) -> None:
        self.speaks: Literal["json", "xml"] = "json"
        self.name = ""
        self.requests: list[tuple[web.Request, bytes]] = []
        self.base_url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request, await request.read()))
        if self.name == "add":
            return web.Response(
                status=201, text=CUSTOMER, content_type="text/html", headers={"Location": f"x/{CUSTOMER}"}
            )
        if request.method in {"PUT", "DELETE"}:
            return web.Response(status=204)
        body = example(self.name)
        if self.speaks == "json":
            return web.Response(body=body, content_type="application/json")
        root = "items" if self.name.startswith("results") else self.name
        xml = as_xml(json.loads(body), root, LISTS.get(self.name, ""))
        return web.Response(body=xml, content_type="application/xml")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    async with TestServer(app, host="127.0.0.1") as running:
        server.base_url = str(running.make_url("/RI/obi"))
        yield server


async def ask(server: Server, name: str, *, media_type: Literal["json", "xml"] = "json") -> object:
    server.name = name
    async with Client(Connection(base_url=server.base_url, media_type=media_type, attempts=1)) as obi:
        return await CASES[name][2](obi)


@pytest.mark.parametrize("name", CASES)
async def test_a_call_sends_what_the_document_asks_for(server: Server, name: str) -> None:
    await ask(server, name)
    line, body, _ = CASES[name]
    [(request, sent)] = server.requests
    assert f"{request.method} {request.raw_path.removeprefix('/RI/obi')}" == line
    assert sent.decode() == body
    accept, content_type = HEADERS.get(name, HEADERS["GET"])
    assert (request.headers["Accept"], request.headers.get("Content-Type")) == (accept, content_type)


@pytest.mark.parametrize("name", CASES)
async def test_in_xml_only_the_media_types_and_the_bodies_are_others(server: Server, name: str) -> None:
    await ask(server, name, media_type="xml")
    line, body, _ = CASES[name]
    [(request, sent)] = server.requests
    assert f"{request.method} {request.raw_path.removeprefix('/RI/obi')}" == line
    accept, content_type = HEADERS.get(name, HEADERS["GET"])
    assert request.headers["Accept"] == accept.replace("json", "xml")
    assert request.headers.get("Content-Type") == (content_type and content_type.replace("json", "xml"))
    if not content_type or "json" not in content_type:
        assert sent.decode() == body


async def test_bodies_in_xml_have_the_json_names(server: Server) -> None:
    for name in ("add", "results_one_invalid", "update"):
        await ask(server, name, media_type="xml")
    customer = (
        "<customer><externalId>007</externalId><numbers>+442079460101</numbers>"
        "<attributes><attribute><name>City</name><value> Leeds &amp; York </value></attribute></attributes>"
        "</customer>"
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    update = (
        "<campaign><name>Renewals</name><dialingMode>PREVIEW</dialingMode><queueId>Q</queueId>"
        "<abandonRate>0.0</abandonRate></campaign>"
    )
    assert [body.decode() for _, body in server.requests] == [
        head + customer,
        f"{head}<customers>{customer * 4}</customers>",
        head + update,
    ]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("asked", ["json", "xml"])
async def test_an_answer_means_the_same_in_json_and_in_xml_whichever_was_asked_for(
    server: Server, name: str, asked: Literal["json", "xml"]
) -> None:
    found = []
    for server.speaks in ("json", "xml"):
        found.append(await ask(server, name, media_type=asked))
    assert found[0] == found[1]
    assert found[0] or name in {"update", "status", "delete"}


async def test_result_statistics_may_lack_the_call_s_result_and_the_classifier(server: Server) -> None:
    found = await ask(server, "customer_result_statistics")
    assert isinstance(found, list)
    assert [(row.result, row.call_result, row.classifier, row.count) for row in found] == [
        ("AGENT_REJECTED", "AGENT_REJECTED", "AGENT_REJECTED", 31),
        ("DIALING", None, None, 402),
        ("SUCCESS", "SUCCESS", "Plan kept", 250),
    ]


async def test_statistics_without_an_agent_are_the_dialer_s_own(server: Server) -> None:
    found = await ask(server, "statistics")
    assert isinstance(found, list)
    agent, dialer = found
    assert (agent.campaign_name, agent.agent_name, agent.amount) == ("Renewals", "Doe, Jane", 12.5)
    assert (agent.number_of_calls, agent.wait_time) == (3, 1.4059999)
    assert (dialer.agent_id, dialer.agent_name, dialer.number_of_not_dialed_calls) == (None, None, 4)


async def test_a_campaign_s_own_update_changes_nothing(server: Server) -> None:
    campaign = await ask(server, "campaign")
    assert isinstance(campaign, Campaign)
    update = campaign.as_update()
    assert json.loads(encode(update)) == json.loads(example("campaign_update"))
    assert json.loads(encode(replace(update, end_date=None, remarks="x"))).keys() == {
        *json.loads(example("campaign_update")),
        "remarks",
    } - {"endDate"}


def test_every_property_of_an_update_comes_from_the_campaign() -> None:
    full = CampaignUpdate(
        name="N",
        dialing_mode=DialingMode.PREDICTIVE,
        queue_id="Q",
        remarks="R",
        custom_ivr_number="I",
        start_date="S",
        end_date="E",
        time_zone="T",
        abandon_rate=0.5,
        increase_predictive_ratio=0.0,
    )
    held = {name: getattr(full, name) for name in full.__struct_fields__}
    assert Campaign(id="C", status=CampaignStatus.ACTIVE, **held).as_update() == full
    assert len(json.loads(encode(full))) == len(full.__struct_fields__)


@pytest.mark.parametrize("lack", [{"dialing_mode": None}, {"queue_id": None}, {"queue_id": ""}])
def test_a_campaign_that_lacks_what_an_update_needs_can_not_become_one(lack: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"id": "C", "name": "N", "dialing_mode": DialingMode.PREVIEW, "queue_id": "Q"}
    with pytest.raises(ContractError, match="dialing mode or no queue"):
        Campaign(**(whole | lack)).as_update()


async def test_customers_come_one_by_one(server: Server) -> None:
    server.name = "customers"
    async with Client(Connection(base_url=server.base_url)) as obi:
        found = [customer.external_id async for customer in obi.customers.iterate(CAMPAIGN, result="*")]
    assert found == ["0042", "43"]
    assert "result=*&offset=2&limit=100" in server.requests[1][0].raw_path
