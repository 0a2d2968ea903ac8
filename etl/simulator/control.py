"""The control plane under ``/_sim``: what tests and demonstrations tell the simulator over HTTP.

Faults, latency and authorisation do not apply here, and what is asked here is not in the log. What can't be
read is 400 with a sentence. ``openapi.json`` is at ``/openapi.json`` and ``/RI/obi/openapi.json`` as well.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from etl.simulator.campaigns import new_campaign
from etl.simulator.dialler import Dialler
from etl.simulator.openapi import description
from etl.simulator.plan import Fault
from etl.simulator.seed import sow
from etl.simulator.service import Service

_Control = Callable[[Service, web.Request], Awaitable[web.Response]]
_LARGEST_BODY = 64 * 2**20


class _Route(Struct, frozen=True):
    method: str
    path: str
    control: _Control
    about: str


def add_routes(app: web.Application, service: Service, *, prefix: str) -> None:
    """Serve the control plane of ``service`` in ``app``, and the description under ``prefix`` too."""
    for route in _ROUTES:
        app.router.add_route(route.method, f"/_sim/{route.path}", _endpoint(service, route.control))
    for path in ("/_sim", "/"):
        app.router.add_route("GET", path, _endpoint(service, _index))
    for path in ("/openapi.json", f"{prefix}/openapi.json"):
        app.router.add_route("GET", path, _endpoint(service, _openapi))


def _endpoint(service: Service, control: _Control) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def endpoint(request: web.Request) -> web.Response:
        try:
            answer = await control(service, request)
        except (ValueError, RecursionError, OverflowError) as error:
            answer = web.Response(status=400, text=str(error) or "Unreadable")
        except sqlite3.OperationalError:
            answer = web.Response(status=503, text="The database is busy")
        answer.headers["Date"] = service.date()
        return answer

    return endpoint


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > _LARGEST_BODY:
                raise ValueError(f"more than {_LARGEST_BODY} bytes in one request")
    except web.RequestPayloadError as error:
        raise ValueError(str(error)) from None
    return bytes(body)


async def _index(_service: Service, _request: web.Request) -> web.Response:
    return _json(
        [{"method": each.method, "path": f"/_sim/{each.path}", "about": each.about} for each in _ROUTES]
    )


async def _list_faults(service: Service, _request: web.Request) -> web.Response:
    return _json(service.plan.state())


async def _add_faults(service: Service, request: web.Request) -> web.Response:
    posted = msgspec.json.decode(await _body(request))
    for fault in msgspec.convert(posted if isinstance(posted, list) else [posted], list[Fault]):
        service.plan.add(fault)
    return _json(service.plan.state(), status=201)


async def _clear_faults(service: Service, _request: web.Request) -> web.Response:
    service.plan.clear()
    return web.Response(status=204)


async def _list_requests(service: Service, request: web.Request) -> web.Response:
    since = request.query.get("since", "0")
    if not re.fullmatch(r"[0-9]{1,9}", since):
        raise ValueError("since is the number of a request in the log")
    return _json([each for each in service.log if each.number > int(since)])


async def _add_campaign(service: Service, request: web.Request) -> web.Response:
    fields = msgspec.json.decode(await _body(request), type=dict[str, Any])
    campaign = new_campaign(**{"name": "", "registered": service.store.now(), **fields})
    service.store.put_campaigns([campaign])
    return _json(campaign.as_dict(), status=201)


async def _seed(service: Service, request: web.Request) -> web.Response:
    seed = msgspec.json.decode(await _body(request), type=dict[str, Any])
    return _json({"customers": sow(service.store, seed)}, status=201)


class _Dial(Struct, forbid_unknown_fields=True):
    hours: float = 1
    seed: int = 0


async def _dial(service: Service, request: web.Request) -> web.Response:
    given = msgspec.json.decode(await _body(request) or b"{}", type=_Dial)
    calls = 0
    for some in Dialler(service.store, seed=given.seed).steps(given.hours * 3600):
        calls += some
        await asyncio.sleep(0)  # for others to be answered meanwhile
    return _json({"calls": calls, "now": service.store.now()})


async def _release(service: Service, _request: web.Request) -> web.Response:
    service.release()
    return web.Response(status=204)


async def _reset(service: Service, _request: web.Request) -> web.Response:
    service.reset()
    return web.Response(status=204)


async def _openapi(_service: Service, _request: web.Request) -> web.Response:
    found = description()
    if found is None:
        return web.Response(status=404, text="This installation has no openapi.json")
    return web.Response(body=found, content_type="application/json")


async def _login(_service: Service, _request: web.Request) -> web.Response:
    return web.Response(text="<!DOCTYPE html><title>Sign in</title>", content_type="text/html")


_ROUTES = [
    _Route("GET", "", _index, "this list"),
    _Route("GET", "faults", _list_faults, "the rules in force, with the requests they looked at and hit"),
    _Route("POST", "faults", _add_faults, 'add a rule or a list of them: {"mode": "503", "nth": 2}'),
    _Route("DELETE", "faults", _clear_faults, "drop all rules"),
    _Route("GET", "requests", _list_requests, "the log; ?since=N: what came after request N"),
    _Route("POST", "campaigns", _add_campaign, 'add a campaign: {"name": …} and any other of its fields'),
    _Route(
        "POST", "seed", _seed, 'add campaigns with customers: {"campaigns": [{"name": …, "customers": […]}]}'
    ),
    _Route("POST", "dial", _dial, 'let the dialler call for simulated time: {"hours": 8, "seed": 1}'),
    _Route("POST", "release", _release, "let go what faults hold back"),
    _Route("POST", "reset", _reset, "as new: no faults, no log, no customers, the example campaigns"),
    _Route("GET", "openapi.json", _openapi, "the interface's description (OpenAPI)"),
    _Route("GET", "login", _login, "the page that the fault 302_login leads to"),
]


def _json(content: object, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(content), content_type="application/json")
