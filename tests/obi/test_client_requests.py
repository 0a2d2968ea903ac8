"""What the client sends, seen by a web server on a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from etl.obi import Client, Connection
from etl.obi.models import CampaignStatus, NewCustomer

CAMPAIGN = b'{"id": "C", "name": "Renewals"}'


class Recorder:
    """Keeps each request with its body, and gives the answer that is due at its path."""

    def __init__(self) -> None:
        self.seen: list[tuple[web.Request, bytes]] = []
        self.base_url = ""

    @property
    def lines(self) -> list[str]:
        """Method and target of every request, as sent."""
        return [f"{request.method} {request.raw_path}" for request, _ in self.seen]

    def header(self, name: str, *, of: int = -1) -> str | None:
        """A header of a request, None if it was not sent."""
        return self.seen[of][0].headers.get(name)

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request, await request.read()))
        headers = {"Set-Cookie": "session=1; Path=/"}
        if request.method in {"PUT", "DELETE"}:
            return web.Response(status=204)
        if request.path.endswith("/list"):
            return web.json_response([{"statusCode": 201, "id": "AA"}])
        if request.method == "POST":
            return web.Response(status=201, text="AA", content_type="text/html")
        body = b"[]" if request.path.endswith("/customers") else CAMPAIGN
        return web.Response(body=body, content_type="application/json", headers=headers)


@pytest.fixture
async def server() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", recorder.answer)
    async with TestServer(app, host="127.0.0.1") as running:
        recorder.base_url = str(running.make_url("/RI/obi"))
        yield recorder


Call = Callable[[Client], Awaitable[object]]
EACH: list[Call] = [
    lambda obi: obi.campaigns.get("C"),
    lambda obi: obi.customers.add("C", NewCustomer(external_id="7", numbers="+442079460101")),
    lambda obi: obi.customers.add_list("C", [b'{"externalId":"\xc3\xbc"}']),
    lambda obi: obi.campaigns.set_status("C", CampaignStatus.ACTIVE),
    lambda obi: obi.customers.delete("C", "K"),
]


async def test_each_call_sends_the_media_types_that_the_document_asks_for(server: Recorder) -> None:
    async with Client(Connection(base_url=server.base_url)) as obi:
        for call in EACH:
            await call(obi)
    sent = [
        (line, server.header("Accept", of=at), server.header("Content-Type", of=at))
        for at, line in enumerate(server.lines)
    ]
    assert sent == [
        ("GET /RI/obi/campaigns/C", "application/json", None),
        ("POST /RI/obi/campaigns/C/customers", "text/html", "application/json"),
        ("POST /RI/obi/campaigns/C/customers/list", "application/json, text/html;q=0.5", "application/json"),
        ("PUT /RI/obi/campaigns/C/status", "*/*", "text/plain"),
        ("DELETE /RI/obi/campaigns/C/customers/K", "*/*", None),
    ]
    assert (server.header("User-Agent") or "").startswith("obi-import/")


async def test_each_call_sends_the_body_that_the_document_asks_for(server: Recorder) -> None:
    async with Client(Connection(base_url=server.base_url)) as obi:
        for call in EACH:
            await call(obi)
    bodies = [body for _, body in server.seen]
    assert json.loads(bodies[1]) == {"externalId": "7", "numbers": "+442079460101"}
    assert [*bodies[:1], *bodies[2:]] == [b"", '[{"externalId":"ü"}]'.encode(), b"Active", b""]


async def test_a_list_is_its_customers_bytes_and_no_more(server: Recorder) -> None:
    async with Client(Connection(base_url=server.base_url, attempts=1)) as obi:
        await obi.customers.add_list("C", [b' {"a": 1} '], stop_if_invalid=True)
    assert server.seen[0][1] == b'[ {"a": 1} ]'
    assert server.lines == ["POST /RI/obi/campaigns/C/customers/list?stopProcessIfInvalidEntriesFound=true"]


async def test_a_plus_sign_in_a_search_is_escaped_and_wildcards_are_not(server: Recorder) -> None:
    async with Client(Connection(base_url=server.base_url)) as obi:
        await obi.customers.list("C", numbers="+4420*", external_id="a b&c?", attribute_name="Größe")
    [line] = server.lines
    assert "numbers=%2B4420*&" in line
    assert "externalId=a+b%26c?&" in line
    assert "attributeName=Gr%C3%B6%C3%9Fe&" in line
    assert line.endswith("offset=0&limit=100")


async def test_an_id_can_not_reach_another_path(server: Recorder) -> None:
    async with Client(Connection(base_url=server.base_url)) as obi:
        await obi.customers.delete("a/../b?c", "d e")
        for nothing in ("", ".", ".."):
            with pytest.raises(ValueError, match="empty"):
                await obi.customers.delete("C", nothing)
    assert server.lines == ["DELETE /RI/obi/campaigns/a%2F..%2Fb%3Fc/customers/d%20e"]


async def test_cookies_are_not_kept(server: Recorder) -> None:
    async with Client(Connection(base_url=server.base_url)) as obi:
        await obi.campaigns.get("C")
        await obi.campaigns.get("C")
    assert server.header("Cookie") is None


async def test_a_netrc_is_never_used(
    server: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with Client(Connection(base_url=server.base_url)) as obi:
        await obi.campaigns.get("C")
    assert server.header("Authorization") is None


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [
        ({"username": "Jürgen", "password": "a:b"}, "Basic SsO8cmdlbjphOmI="),
        ({"token": "t-1"}, "Bearer t-1"),
        ({"token": "t-1", "username": "u", "password": "p"}, "Bearer t-1"),
        ({}, None),
    ],
)
async def test_credentials_travel_in_the_authorization_header(
    server: Recorder, credentials: dict[str, Any], sent: str | None
) -> None:
    connection = Connection(base_url=server.base_url, headers={"x-api-key": "k"}, **credentials)
    async with Client(connection) as obi:
        await obi.campaigns.get("C")
    assert server.header("Authorization") == sent
    assert server.header("X-Api-Key") == "k"
