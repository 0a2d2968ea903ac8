"""The control plane under ``/_sim``: what tests and demonstrations tell the simulator over HTTP.

::

    GET, POST, DELETE /_sim/faults      the rules in force; add one or a list of them; drop all
    GET  /_sim/requests                 the log: what was asked, answered, and committed
    POST /_sim/campaigns                add a campaign: {"name": …} and any other of its fields
    POST /_sim/release                  let go what faults hold back
    POST /_sim/reset                    as new: no faults, no log, no customers, the example campaigns

Faults, latency and authorisation do not apply here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from etl.simulator.campaigns import new_campaign
from etl.simulator.plan import Fault
from etl.simulator.service import Service

_Control = Callable[[Service, web.Request], Awaitable[web.Response]]


def add_routes(app: web.Application, service: Service) -> None:
    """Serve the control plane of ``service`` in ``app``."""
    for method, path, control in _ROUTES:
        app.router.add_route(method, f"/_sim/{path}", _endpoint(service, control))


def _endpoint(service: Service, control: _Control) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def endpoint(request: web.Request) -> web.Response:
        try:
            return await control(service, request)
        except ValueError as error:
            return web.Response(status=400, text=str(error))

    return endpoint


async def _list_faults(service: Service, _request: web.Request) -> web.Response:
    return _json(service.plan.state())


async def _add_faults(service: Service, request: web.Request) -> web.Response:
    posted = msgspec.json.decode(await request.read())
    for fault in msgspec.convert(posted if isinstance(posted, list) else [posted], list[Fault]):
        service.plan.add(fault)
    return _json(service.plan.state(), status=201)


async def _clear_faults(service: Service, _request: web.Request) -> web.Response:
    service.plan.clear()
    return web.Response(status=204)


async def _list_requests(service: Service, _request: web.Request) -> web.Response:
    return _json(list(service.log))


async def _add_campaign(service: Service, request: web.Request) -> web.Response:
    fields = msgspec.json.decode(await request.read(), type=dict[str, Any])
    campaign = new_campaign(fields.pop("name", ""), **fields)
    service.store.put_campaigns([campaign])
    return _json(campaign.as_dict(), status=201)


async def _release(service: Service, _request: web.Request) -> web.Response:
    service.release()
    return web.Response(status=204)


async def _reset(service: Service, _request: web.Request) -> web.Response:
    service.plan.clear()
    service.log.clear()
    service.store.reset()
    return web.Response(status=204)


async def _login(_service: Service, _request: web.Request) -> web.Response:
    return web.Response(text="<!DOCTYPE html><title>Sign in</title>", content_type="text/html")


_ROUTES: list[tuple[str, str, _Control]] = [
    ("GET", "faults", _list_faults),
    ("POST", "faults", _add_faults),
    ("DELETE", "faults", _clear_faults),
    ("GET", "requests", _list_requests),
    ("POST", "campaigns", _add_campaign),
    ("POST", "release", _release),
    ("POST", "reset", _reset),
    ("GET", "login", _login),
]


def _json(content: object, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(content), content_type="application/json")
