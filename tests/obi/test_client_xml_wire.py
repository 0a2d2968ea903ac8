"""XML on the wire: what comes of answers good and bad, in any encoding, and what is never sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from etl.errors import (
    ApiError,
    BadRequestError,
    ContractError,
    NotFoundError,
    UnavailableError,
    UnknownOutcomeError,
)
from etl.obi import Client, Connection
from etl.obi.models import Attributes, CampaignUpdate, DialingMode, NewCustomer, encode

LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><customers><customer><id>&c;</id></customer></customers>'
)
BAD = {
    "cut": "<customers><customer><id>K</id>",
    "crossed": "<customers><customer></customers></customer>",
    "two roots": "<customers/><customers/>",
    "laughs": LAUGHS,
    "a harmless DTD": "<!DOCTYPE customers><customers/>",
    "an outside entity": '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><customers>&a;</customers>',
    "an outside DTD": '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><customers/>',
    "an unknown entity": "<customers>&nbsp;</customers>",
    "a control character": "<customers><customer><id>\x01</id></customer></customers>",
    "a forbidden reference": "<customers><customer><id>&#0;</id></customer></customers>",
    "deep": "<a>" * 40 + "</a>" * 40,
    "very deep": "<a>" * 100_000,
    "an unbound prefix": "<x:customers/>",
    "nothing but a head": '<?xml version="1.0"?>',
    "a text": "<customers>none</customers>",
    "customers without an id": "<customers><customer><numbers>+442079460101</numbers></customer></customers>",
    "a single customer": "<customer><id>K</id><numbers>+442079460101</numbers></customer>",
    "a list in a list": "<answer><customers><customer><id>K</id></customer></customers></answer>",
    "an error": "<error><code>500</code><message>no</message></error>",
    "a page that says it is XML": "<!DOCTYPE html><html><body>Log in</body></html>",
    "a page in XHTML": '<html xmlns="http://www.w3.org/1999/xhtml"><head/><body><p/></body></html>',
}


class Server:
    """Answers everything with one body."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.content_type: str | None = "application/xml"
        self.asked = 0
        self.base_url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked += 1
        response = web.StreamResponse(status=self.status)
        if self.content_type is not None:
            response.headers["Content-Type"] = self.content_type
        await response.prepare(request)
        await response.write(self.body)
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{tail:.*}", server.answer)
    async with TestServer(app, host="127.0.0.1") as running:
        server.base_url = str(running.make_url("/RI/obi"))
        yield server


@pytest.fixture
async def obi(server: Server) -> AsyncIterator[Client]:
    async def no_time(_seconds: float) -> None:
        await asyncio.sleep(0)

    connection = Connection(base_url=server.base_url, media_type="xml", attempts=2)
    async with Client(connection, sleep=no_time) as client:
        yield client


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_bad_xml_is_what_bad_json_is(server: Server, obi: Client, body: str) -> None:
    server.body = body.encode()
    with pytest.raises(ContractError, match="the answer is not OBI v1's") as caught:
        await obi.customers.list("C")
    assert (caught.value.call, caught.value.status) == ("GET customers", 200)
    assert server.asked == 2
    assert "460101" not in str(caught.value)
    with pytest.raises(UnknownOutcomeError) as doubt:
        await obi.customers.add_list("C", [b"{}"])
    assert (doubt.value.call, doubt.value.status) == ("POST customers/list", 200)
    assert server.asked == 3


ITEM = "<item><statusCode>201</statusCode><id>A</id></item>"


@pytest.mark.parametrize(
    "items",
    [ITEM, ITEM * 3, "", ITEM + "<item/>", ITEM + "<item><statusCode>done</statusCode></item>", ITEM + "x"],
)
async def test_items_in_xml_that_do_not_tell_of_every_customer_leave_all_in_doubt(
    server: Server, obi: Client, items: str
) -> None:
    server.body = f"<items>{items}</items>".encode()
    with pytest.raises(UnknownOutcomeError):
        await obi.customers.add_list("C", [b"{}", b"{}"])


async def test_items_in_xml_are_read_one_for_one(server: Server, obi: Client) -> None:
    refused = "<item><statusCode> 400 </statusCode><error>Invalid externalId: 007 : taken</error></item>"
    server.body = f"<items>{ITEM}{refused}</items>".encode()
    found = await obi.customers.add_list("C", [b"{}", b"{}"])
    assert [(item.status_code, item.id, item.error) for item in found] == [
        (201, "A", None),
        (400, None, "Invalid externalId: 007 : taken"),
    ]


@pytest.mark.parametrize(
    "kind", ["application/xml", "text/xml; charset=utf-8", "text/html", "text/json", None]
)
async def test_xml_is_known_by_its_looks_whatever_it_is_said_to_be(
    server: Server, obi: Client, kind: str | None
) -> None:
    server.content_type = kind
    server.body = b"\r\n <campaign><id>C</id><name>N</name></campaign>"
    assert (await obi.campaigns.get("C")).name == "N"


@pytest.mark.parametrize(("kind", "fine"), [("application/xml", True), ("text/html", False), (None, False)])
async def test_a_change_may_be_answered_with_xml_but_not_with_a_page(
    server: Server, obi: Client, kind: str | None, fine: bool
) -> None:
    server.body, server.content_type = b"<ok/>", kind
    if fine:
        await obi.customers.delete("C", "K")
        return
    with pytest.raises(UnknownOutcomeError):
        await obi.customers.delete("C", "K")


ACCENTED = "<campaign><id>C</id><name>Müller &amp; Søn €</name></campaign>"
PLAIN = "<campaign><id>C</id><name>Müller</name></campaign>"


def declared(encoding: str, text: str = ACCENTED) -> str:
    return f"<?xml version='1.0' encoding='{encoding}'?>{text}"


@pytest.mark.parametrize(
    ("body", "content_type", "name"),
    [
        (ACCENTED.encode(), "application/xml", "Müller & Søn €"),
        (declared("UTF-8").encode("utf-8-sig"), "application/xml", "Müller & Søn €"),
        (declared("UTF-16").encode("utf-16"), "application/xml", "Müller & Søn €"),
        (b"\xfe\xff" + declared("UTF-16").encode("utf-16-be"), "text/xml", "Müller & Søn €"),
        (declared("UTF-16").encode("utf-16-le"), "application/xml", "Müller & Søn €"),
        (declared("UTF-16").encode("utf-16-be"), None, "Müller & Søn €"),
        (declared("UTF-16").encode(), "application/xml", "Müller & Søn €"),
        (declared("windows-1252").encode("cp1252"), "application/xml", "Müller & Søn €"),
        (declared("ISO-8859-1", PLAIN).encode("latin-1"), "application/xml", "Müller"),
        (PLAIN.encode("latin-1"), "application/xml; charset=ISO-8859-1", "Müller"),
        (declared("UTF-8", PLAIN).encode("latin-1"), "application/xml; charset=ISO-8859-1", "Müller"),
        (declared("ISO-8859-1", PLAIN).encode(), "application/xml; charset=utf-8", "Müller"),
        (declared("Shift_JIS", PLAIN.replace("ü", "田")).encode("shift_jis"), "text/xml", "M田ller"),
        (PLAIN.encode(), "application/xml; charset=nonsense", "Müller"),
        ('{"id": "C", "name": "Müller"}'.encode("utf-16"), "application/json", "Müller"),
    ],
)
async def test_any_encoding_that_is_told_is_read(
    server: Server, obi: Client, body: bytes, content_type: str | None, name: str
) -> None:
    server.body, server.content_type = body, content_type
    assert (await obi.campaigns.get("C")).name == name


@pytest.mark.parametrize(
    "body",
    [
        declared("nonsense").encode("cp1252"),
        declared("UTF-8").encode("cp1252"),
        declared("hex").encode("cp1252"),
        declared("punycode").encode("cp1252"),
        b"<\xff\xfe>",
    ],
)
async def test_an_encoding_that_is_told_wrong_breaks_the_contract(
    server: Server, obi: Client, body: bytes
) -> None:
    server.body = body
    with pytest.raises(ContractError):
        await obi.campaigns.get("C")


@pytest.mark.parametrize("text", ["a\x00b", "a\x0bb", "a\x1fb", "a\ufffeb", "a\uffffb"])
async def test_what_xml_can_not_hold_is_told_before_anything_is_sent(
    server: Server, obi: Client, text: str
) -> None:
    customer = NewCustomer(external_id="7", attributes=Attributes.of([("Note", f"secret {text}")]))
    update = CampaignUpdate(name="N", dialing_mode=DialingMode.PREVIEW, queue_id="Q", remarks=text)
    calls = [
        ("POST customers/list", obi.customers.add_list("C", [b"{}", encode(customer)])),
        ("POST customers", obi.customers.add("C", customer)),
        ("PUT campaigns/ID", obi.campaigns.update("C", update)),
    ]
    for name, call in calls:
        with pytest.raises(BadRequestError, match=r"nothing was sent: XML can't hold .* U\+") as caught:
            await call
        assert (caught.value.call, caught.value.status) == (name, None)
        assert "secret" not in str(caught.value) + caught.value.body
    assert server.asked == 0


async def test_bodies_that_are_no_json_are_not_sent_as_xml(server: Server, obi: Client) -> None:
    for body in (b"{", b'{"no name": 1}', b'{"": 1}', b'{"a><b": 1}'):
        with pytest.raises(BadRequestError, match="nothing was sent"):
            await obi.customers.add_list("C", [body])
    assert server.asked == 0


async def test_an_error_in_xml_is_told_without_its_tags_and_numbers(server: Server, obi: Client) -> None:
    server.body = declared("UTF-16", "<error><text>Invalid numbers: +442079460101</text></error>").encode(
        "utf-16"
    )
    for server.status, kind in ((400, BadRequestError), (404, NotFoundError), (503, UnavailableError)):
        with pytest.raises(kind, match=r"Invalid numbers: \+\*+01\)") as caught:
            await obi.customers.list("C")
        assert isinstance(caught.value, ApiError)
        assert "<" not in str(caught.value)


async def test_a_large_answer_in_xml_is_read(server: Server, obi: Client) -> None:
    one = "<customer><id>K{}</id><externalId>{}</externalId><numbers>+442079460101</numbers></customer>"
    inner = "".join(one.format(at, at) for at in range(20_000))
    server.body = f"<customers>{inner}</customers>".encode()
    assert len(await obi.customers.list("C", limit=20_000)) == 20_000
