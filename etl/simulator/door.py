"""Where requests come in and answers go out.

Everything that has to do with authorisation, media types, languages and the log is here, so that handlers
know only calls and answers in JSON. What can keep a request out comes in this order: its size (413),
authorisation (401), ``Accept`` (406), ``Content-Type`` (415), body (400); then what its handler finds, and so
do unknown paths (404) and methods (405). A refusal is one sentence in text/plain. A body may have 16 MiB, as
it is sent and unpacked.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from msgspec import Struct, structs

from etl.simulator import customers, elements, faults, formats, handlers
from etl.simulator.delivery import deliver
from etl.simulator.elements import Names
from etl.simulator.messages import HTML, JSON, TEXT, XML, Answer, Call, Exchange, Refusal, readable
from etl.simulator.service import Service
from etl.simulator.texts import localised

_log = logging.getLogger(__name__)

_LARGEST_BODY = 16 * 2**20
_WITH_ATTRIBUTES = (elements.CUSTOMER, elements.CUSTOMERS)


class Route(Struct, frozen=True):
    """A call of the interface, with what it ``takes`` and ``gives``, named as in XML.

    A body is taken as JSON or XML where it has names, as plain text where they are ``elements.NONE``, and
    not at all where ``takes`` is None. What is given is JSON or XML where it has names, else ``HTML`` or
    nothing.
    """

    method: str
    path: str
    handler: handlers.Handler
    takes: Names | None = None
    gives: Names | str = ""


def endpoint(service: Service, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """What answers the requests of a route."""

    async def respond(request: web.Request) -> web.StreamResponse:
        if service.latency:
            await asyncio.sleep(service.latency)
        head = _head(request)
        if head.method == "GET":
            service.reads_since_write += 1
        fault = service.plan.pick(head)
        door = _Door(service, route, request=request, head=head)
        exchange = Exchange(head, door)
        try:
            answer = await (
                faults.MODES[fault.mode].run(exchange, fault.params) if fault else exchange.proceed()
            )
            answer = door.render(answer)
        except Refusal as refusal:
            answer = door.render(refusal.answer)
        except ConnectionError:
            return web.Response()  # the client is gone, in the middle of its request
        except Exception:  # a bug, which must not take the connection with it  # noqa: BLE001
            _log.exception("the simulator stumbled over a %s of %s", head.method, route.path)
            answer = Answer(status=500, body=b"Internal error")
        service.record(head, answer, committed=exchange.committed, fault=fault.mode if fault else "")
        return await deliver(request, answer, date=service.date(), pause=door.pause)

    return respond


def _head(request: web.Request) -> Call:
    return Call(
        method=request.method,
        path=readable(request.path),
        campaign=readable(request.match_info.get("campaign", "")),
        customer=readable(request.match_info.get("customer", "")),
        query={readable(name): readable(request.query[name]) for name in request.query},
        query_string=readable(request.query_string),
        headers=request.headers,
    )


class _Door:
    """The door of one request: ``messages.Door`` over aiohttp."""

    def __init__(self, service: Service, route: Route, *, request: web.Request, head: Call) -> None:
        self._service = service
        self._route = route
        self._request = request
        self._head = head
        self._accept = ",".join(request.headers.getall("Accept", []))

    async def receive(self) -> bytes:
        if (self._request.content_length or 0) > _LARGEST_BODY:
            raise formats.too_large(_LARGEST_BODY)
        body = bytearray()
        try:
            async for chunk in self._request.content.iter_any():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    raise formats.too_large(_LARGEST_BODY)
        except web.RequestPayloadError as error:
            raise Refusal(400, f"Unreadable body: {error}") from None
        return bytes(body)

    def read(self, sent: bytes) -> Call:
        service, route, headers = self._service, self._route, self._head.headers
        if not service.lets_in(headers.get("Authorization", "")):
            raise Refusal(401, "Not authorised")
        if service.strict:
            self._check_accept()
        if route.takes is None:
            return structs.replace(self._head, size=len(sent))
        media = headers.get("Content-Type", "")
        formats.check_content_type(media, text=not route.takes.root, strict=service.strict)
        body = formats.unpacked(sent, headers.get("Content-Encoding", ""), largest=_LARGEST_BODY)
        loose = False
        if route.takes.root:
            body, loose = formats.read_entity(body, media, route.takes)
        else:
            body = formats.read_text(body, media)
        return structs.replace(self._head, body=body, size=len(sent), loose=loose)

    def _check_accept(self) -> None:
        wants_id = formats.quality(self._accept, HTML) > 0
        if self._route.gives == HTML and not wants_id:
            raise Refusal(406, f"Accept: {HTML} is expected")
        if formats.accepts_either(self._accept):
            return
        # The document asks for text/html in every POST, so a list of customers may be sent with it too.
        is_list = isinstance(self._route.gives, Names) and not wants_id
        if self._head.method == "GET" or is_list:
            raise Refusal(406, f"Accept: {JSON} or {XML} is expected")

    def handle(self, call: Call) -> Answer:
        try:
            return self._route.handler(self._service.store, call)
        except sqlite3.OperationalError as error:
            _log.warning("the simulator's database refused a call: %s", error)
            return Answer(status=503, body=b"The database is busy")

    def render(self, answer: Answer) -> Answer:
        if answer.rendered or answer.is_reset:
            return answer
        answer = structs.replace(answer, rendered=True)
        if answer.content_type == JSON and isinstance(self._route.gives, Names):
            return self._as_wanted(answer, self._route.gives)
        if answer.content_type == TEXT and self._service.store.dialect.language != "en":
            reason = localised(answer.body.decode(), self._service.store.dialect.language)
            answer = structs.replace(answer, body=reason.encode())
        if answer.status == 401:
            headers = {"WWW-Authenticate": self._service.challenge}
            answer = structs.replace(answer, headers=headers)
        return answer

    def _as_wanted(self, answer: Answer, names: Names) -> Answer:
        form = self._service.store.dialect.attributes
        if formats.preferred(self._accept) == XML:
            body = elements.to_xml(msgspec.json.decode(answer.body), names) if answer.body else b""
            return structs.replace(answer, body=body, content_type=XML)
        if form != "wrapped" and names in _WITH_ATTRIBUTES and answer.body:
            content = customers.shown(msgspec.json.decode(answer.body), form)
            return structs.replace(answer, body=msgspec.json.encode(content))
        return answer

    def now(self) -> str:
        return self._service.store.now()

    def last_number(self) -> int:
        return self._service.store.last_number()

    def reads_since_write(self) -> int:
        return self._service.reads_since_write

    async def pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            await asyncio.wait_for(self._service.released.wait(), seconds)
        except TimeoutError:
            return
