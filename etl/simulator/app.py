"""The calls of the interface, and where they and the control plane are served.

========================================================== ==================================================
``GET  /campaigns``                                        JSON or XML
``GET, PUT /campaigns/{id}``                               JSON or XML; 204
``PUT  /campaigns/{id}/status``                            text/plain; 204
``GET  /campaigns/{id}/customerResultStatistics``          JSON or XML
``GET, POST /campaigns/{id}/customers``                    JSON or XML; 201, the id as text/html, ``Location``
``POST /campaigns/{id}/customers/list``                    JSON or XML
``GET, DELETE /campaigns/{id}/customers/{id}``             JSON or XML; 204
``GET  /statistics``                                       JSON or XML
========================================================== ==================================================

All of it stands under ``/RI/obi``. The control plane is at ``/_sim``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from etl.simulator import control, elements, handlers
from etl.simulator.delivery import deliver
from etl.simulator.door import Route, endpoint
from etl.simulator.messages import HTML, Answer, Call, Refusal
from etl.simulator.service import Service

PREFIX = "/RI/obi"
WIRE_LOG = logging.getLogger(f"{__name__}.wire")
"""Where aiohttp tells of the wire; not of requests that are no HTTP, which are answered by 400."""
WIRE_LOG.addFilter(
    lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
)

_CAMPAIGN = "/campaigns/{campaign}"
_CUSTOMERS = f"{_CAMPAIGN}/customers"
_CUSTOMER = f"{_CUSTOMERS}/{{customer:(?!list$)[^/]+}}"
_ROUTES = [
    Route("GET", "/campaigns", handlers.list_campaigns, gives=elements.CAMPAIGNS),
    Route("GET", _CAMPAIGN, handlers.get_campaign, gives=elements.CAMPAIGN),
    Route("PUT", _CAMPAIGN, handlers.put_campaign, takes=elements.CAMPAIGN),
    Route("PUT", f"{_CAMPAIGN}/status", handlers.put_status, takes=elements.NONE),
    Route("GET", _CUSTOMERS, handlers.list_customers, gives=elements.CUSTOMERS),
    Route("POST", _CUSTOMERS, handlers.add_customer, takes=elements.CUSTOMER, gives=HTML),
    Route(
        "POST",
        f"{_CUSTOMERS}/list",
        handlers.add_customers,
        takes=elements.CUSTOMERS,
        gives=elements.ITEMS,
    ),
    Route("GET", _CUSTOMER, handlers.get_customer, gives=elements.CUSTOMER),
    Route("DELETE", _CUSTOMER, handlers.delete_customer),
    Route(
        "GET",
        f"{_CAMPAIGN}/customerResultStatistics",
        handlers.get_result_statistics,
        gives=elements.RESULT_STATISTICS,
    ),
    Route("GET", "/statistics", handlers.get_statistics, gives=elements.STATISTICS),
]

_Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(service: Service) -> web.Application:
    """The interface under ``PREFIX`` and its control plane under ``/_sim``, as an aiohttp application."""
    app = web.Application(middlewares=[_unrouted(service)])
    for route in _ROUTES:
        app.router.add_route(route.method, PREFIX + route.path, endpoint(service, route))
    control.add_routes(app, service, prefix=PREFIX)
    return app


def _unrouted(service: Service) -> Middleware:
    """Answer 404 and 405 as the rest: under the prefix with authorisation, faults and log."""

    @web.middleware
    async def middleware(request: web.Request, handler: _Respond) -> web.StreamResponse:
        error = request.match_info.http_exception
        if error is None:
            return await handler(request)
        refusal = _refusal(error)

        def refuse(_store: object, _call: Call) -> Answer:
            raise refusal

        if request.path.startswith(f"{PREFIX}/"):
            return await endpoint(service, Route(request.method, request.path, refuse))(request)
        return await deliver(request, refusal.answer, date=service.date())

    return middleware


def _refusal(error: web.HTTPException) -> Refusal:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allow = ", ".join(sorted(error.allowed_methods))
        return Refusal(405, "This method is not allowed here", headers={"Allow": allow})
    return Refusal(404, "There is nothing at this path")
