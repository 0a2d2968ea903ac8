"""How an answer leaves: whole, or broken as a fault wants it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from etl.simulator.messages import Answer

_FLIGHT_SECONDS = 0.02  # for the first bytes to arrive before the reset overtakes them


Pause = Callable[[float], Awaitable[None]]


async def deliver(
    request: web.Request, answer: Answer, *, date: str, pause: Pause = asyncio.sleep
) -> web.StreamResponse:
    """Send the answer, with ``date`` as its ``Date``; ``pause`` waits where it is to be late."""
    if answer.is_reset:
        _reset(request)
        return web.Response()
    headers = {"Date": date, **answer.headers}
    if answer.status != 204:
        headers["Content-Type"] = f"{answer.content_type}; charset=utf-8"
    if answer.cut is None and not answer.stall and not answer.drip:
        return web.Response(status=answer.status, body=answer.body or None, headers=headers)
    headers["Content-Length"] = str(len(answer.body))
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    await pause(answer.stall)
    return await _in_pieces(request, response, answer)


async def _in_pieces(
    request: web.Request, response: web.StreamResponse, answer: Answer
) -> web.StreamResponse:
    if answer.cut is not None:
        await response.write(answer.body[: answer.cut])
        await asyncio.sleep(_FLIGHT_SECONDS)
        _reset(request)
        return response
    step = max(1, len(answer.body) // 10 if answer.drip else len(answer.body))
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
