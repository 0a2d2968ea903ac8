"""The socket side: aiohttp's requests in, answers (and broken answers) out.

Everything that has to do with media types, authorisation, the log and broken delivery is here, so that
handlers know only calls and answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hmac
import logging
import os
import socket
import sqlite3
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from etl.simulator import control, faults, handlers
from etl.simulator.messages import JSON, TEXT, Answer, Call, Exchange, Refusal
from etl.simulator.service import LoggedRequest, Service

_log = logging.getLogger(__name__)

PREFIX = "/RI/obi"
_LARGEST_BODY = 16 * 2**20
_FLIGHT_SECONDS = 0.02  # for the first bytes to arrive before the reset overtakes them

_CAMPAIGN = "/campaigns/{campaign}"
_CUSTOMERS = f"{_CAMPAIGN}/customers"
_ROUTES: list[tuple[str, str, handlers.Handler, str | None]] = [
    # method, path, handler, the media type that a body must have
    ("GET", "/campaigns", handlers.list_campaigns, None),
    ("GET", _CAMPAIGN, handlers.get_campaign, None),
    ("PUT", _CAMPAIGN, handlers.put_campaign, JSON),
    ("PUT", f"{_CAMPAIGN}/status", handlers.put_status, TEXT),
    ("GET", _CUSTOMERS, handlers.list_customers, None),
    ("POST", _CUSTOMERS, handlers.add_customer, JSON),
    ("POST", f"{_CUSTOMERS}/list", handlers.add_customers, JSON),
    ("GET", f"{_CUSTOMERS}/{{customer}}", handlers.get_customer, None),
    ("DELETE", f"{_CUSTOMERS}/{{customer}}", handlers.delete_customer, None),
]


def application(service: Service) -> web.Application:
    """The interface under ``PREFIX`` and its control plane under ``/_sim``, as an aiohttp application."""
    app = web.Application(client_max_size=_LARGEST_BODY)
    for method, path, handler, media in _ROUTES:
        app.router.add_route(method, PREFIX + path, _endpoint(service, handler, media))
    control.add_routes(app, service)
    return app


def _endpoint(
    service: Service, handler: handlers.Handler, media: str | None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def endpoint(request: web.Request) -> web.StreamResponse:
        if service.latency:
            await asyncio.sleep(service.latency)
        call = _call(request)
        exchange = Exchange(
            call,
            read=functools.partial(_body, request),
            handle=functools.partial(_handle, service, handler, media),
            released=service.released,
        )
        fault = service.plan.pick(call)
        try:
            if fault is None:
                answer = await exchange.proceed()
            else:
                answer = await faults.MODES[fault.mode].run(exchange, fault.params)
        except Refusal as refusal:
            answer = refusal.answer
        service.log.append(
            LoggedRequest(
                method=call.method,
                path=call.path,
                query=request.query_string,
                status=answer.status,
                committed=exchange.committed,
                fault=fault.mode if fault else "",
            )
        )
        return await _deliver(request, answer)

    return endpoint


def _call(request: web.Request) -> Call:
    return Call(
        method=request.method,
        path=request.path,
        campaign=request.match_info.get("campaign", ""),
        customer=request.match_info.get("customer", ""),
        query={name: request.query[name] for name in request.query},
        headers=request.headers,
    )


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413, f"More than {_LARGEST_BODY} bytes in one request") from None
    except web.RequestPayloadError as error:
        raise Refusal(400, f"Unreadable body: {error}") from None


def _handle(service: Service, handler: handlers.Handler, media: str | None, call: Call) -> Answer:
    try:
        _authorise(service, call)
        _negotiate(call, media)
        return handler(service.store, call)
    except Refusal as refusal:
        return refusal.answer
    except sqlite3.OperationalError as error:
        _log.warning("the simulator's database refused a call: %s", error)
        return Answer(status=503, body=b"The database is busy")


def _authorise(service: Service, call: Call) -> None:
    given = call.headers.get("Authorization", "")
    if service.authorization and not hmac.compare_digest(given.encode(), service.authorization.encode()):
        raise Refusal(401, "Not authorised", headers={"WWW-Authenticate": 'Basic realm="OBI"'})


def _negotiate(call: Call, media: str | None) -> None:
    """Refuse media types that are not served. POST may ask for text/html alone, as the document has it."""
    if media is not None:
        given = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if given != media:
            raise Refusal(415, f"Content-Type: {media} is expected")
    if call.method == "GET":
        accepted = call.headers.get("Accept", "*/*").lower()
        if not any(each in accepted for each in (JSON, "application/*", "*/*")):
            raise Refusal(406, f"Accept: {JSON} is expected")


async def _deliver(request: web.Request, answer: Answer) -> web.StreamResponse:
    if answer.is_reset:
        _reset(request)
        return web.Response()
    headers = dict(answer.headers)
    if answer.status != 204:
        headers["Content-Type"] = f"{answer.content_type}; charset=utf-8"
    if answer.cut is None and not answer.drip:
        return web.Response(status=answer.status, body=answer.body or None, headers=headers)
    headers["Content-Length"] = str(len(answer.body))
    return await _deliver_in_pieces(
        request, web.StreamResponse(status=answer.status, headers=headers), answer
    )


async def _deliver_in_pieces(
    request: web.Request, response: web.StreamResponse, answer: Answer
) -> web.StreamResponse:
    await response.prepare(request)
    if answer.cut is not None:
        await response.write(answer.body[: answer.cut])
        await asyncio.sleep(_FLIGHT_SECONDS)
        _reset(request)
        return response
    step = max(1, len(answer.body) // 10)
    with contextlib.suppress(ConnectionError):
        for start in range(0, len(answer.body), step):
            await response.write(answer.body[start : start + step])
            await asyncio.sleep(answer.drip)
    return response


def _reset(request: web.Request) -> None:
    """Close the connection with a TCP reset; without the linger option a close is mostly an orderly one."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
