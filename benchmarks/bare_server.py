"""A server that costs as little as can be: a 201 for each item of a list, and nothing else.

It counts items by ``"externalId"`` and gives the same ids again and again. What a load takes against it is
what we take. ``_bulk`` is answered in Elasticsearch's form, at the same work a row, so that its client can be
measured too. ``/counters`` tells what was asked of it.

It can be slow, and in two ways it can have enough: refuse what comes beside ``--capacity`` requests, or
take the longer the more are under way (``--knee``).
"""

from __future__ import annotations

import argparse
import asyncio
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import cast

import msgspec

CAMPAIGN = {"id": "62718C7889CC44F7B944C1A6F6BE9B7F", "name": "Bench", "status": "Active"}
POST_PATH = f"/RI/obi/campaigns/{CAMPAIGN['id']}/customers/list"
BASE_PATH = "/RI/obi"
SENDING = frozenset({b"POST", b"PUT"})
"""Elasticsearch's client puts."""


class Temper(msgspec.Struct, frozen=True, kw_only=True):
    """How slow the server is, in seconds a request, and what makes it slower or refuse.

    Beyond ``capacity`` requests at a time (0: no limit) it answers 429 at once. With a ``knee`` (0: none) a
    request that finds n under way takes ``1 + (n / knee)²`` times the latency: most comes through at that n.
    """

    latency: float = 0.0
    capacity: int = 0
    knee: int = 0

    def seconds(self, under_way: int) -> float:
        """How long a request takes that makes so many under way."""
        return self.latency * (1 + (under_way / self.knee) ** 2) if self.knee else self.latency


class Counters(msgspec.Struct, kw_only=True):
    """What was asked: requests that send, those answered 429, items taken; and when the first and last came.

    Times are in seconds by a clock that begins anywhere.
    """

    requests: int = 0
    refused: int = 0
    rows: int = 0
    first: float = 0.0
    last: float = 0.0


class Server:
    """What the connections share."""

    def __init__(self, temper: Temper) -> None:
        self.temper = temper
        self.counters = Counters()
        self.under_way = 0

    def answer(self, method: bytes, path: bytes, body: bytes) -> tuple[HTTPStatus, bytes]:
        """Status and content."""
        if method in SENDING:
            return self._take(path, body)
        if path == b"/counters":
            content = msgspec.json.encode(self.counters)
            self.counters = Counters()
            return HTTPStatus.OK, content
        if path.startswith(BASE_PATH.encode()):
            return HTTPStatus.OK, msgspec.json.encode([CAMPAIGN])
        return HTTPStatus.NOT_FOUND, b""

    def _take(self, path: bytes, body: bytes) -> tuple[HTTPStatus, bytes]:
        counters = self.counters
        counters.requests += 1
        if self.temper.capacity and self.under_way >= self.temper.capacity:
            counters.refused += 1
            return HTTPStatus.TOO_MANY_REQUESTS, b""
        items = body.count(b'"externalId":')
        counters.rows += items
        counters.first = counters.first or time.monotonic()
        counters.last = time.monotonic()
        return HTTPStatus.OK, bulk_items(items) if path.startswith(b"/_bulk") else created_items(items)


@lru_cache
def created_items(count: int) -> bytes:
    """The answer of ``customers/list`` to so many that are all created."""
    return msgspec.json.encode([{"statusCode": 201, "id": f"{n:032X}"} for n in range(count)])


@lru_cache
def bulk_items(count: int) -> bytes:
    """The same, as Elasticsearch says it."""
    items = [{"index": {"_index": "leads", "_id": f"{n:032X}", "status": 201}} for n in range(count)]
    return msgspec.json.encode({"took": 0, "errors": False, "items": items})


class Connection(asyncio.Protocol):
    """One connection: HTTP/1.1 with Content-Length only, one request after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = bytearray()
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each whole request in the buffer."""
        self._buffer += data
        # Until the whole of a large body is there, a look at each piece of it would be work for nothing.
        while len(self._buffer) >= self._needed and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            self._needed = end + 4 + _length(head)
            if len(self._buffer) < self._needed:
                return
            body = bytes(self._buffer[end + 4 : self._needed])
            del self._buffer[: self._needed]
            self._needed = 0
            method, path, _ = head.split(b" ", 2)
            self._reply(*self._server.answer(method, path, body), counts=method in SENDING)

    def _reply(self, status: HTTPStatus, content: bytes, *, counts: bool) -> None:
        response = _response(status, content)
        server = self._server
        if not (counts and status is HTTPStatus.OK and server.temper.latency):
            self._transport.write(response)
            return
        server.under_way += 1
        wait = server.temper.seconds(server.under_way)
        asyncio.get_running_loop().call_later(wait, self._late, response)

    def _late(self, response: bytes) -> None:
        self._server.under_way -= 1
        self._transport.write(response)


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _response(status: HTTPStatus, content: bytes) -> bytes:
    # Elasticsearch's client speaks to nobody who does not say the name of its product.
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"X-Elastic-Product: Elasticsearch\r\nDate: {formatdate(usegmt=True)}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def serve(port: int, temper: Temper) -> None:
    """Say the port, and serve until stopped."""
    shared = Server(temper)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(shared), "127.0.0.1", port)
    print(listening.sockets[0].getsockname()[1], flush=True)
    async with listening:
        await listening.serve_forever()


def main() -> None:
    """Serve as the command line says."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0, help="the port is printed  [a free one]")
    options.add_argument("--latency", type=float, default=0.0, help="milliseconds")
    options.add_argument("--capacity", type=int, default=0, help="requests at a time, 429 beyond")
    options.add_argument("--knee", type=int, default=0, help="requests at a time from which on it gets slow")
    chosen = options.parse_args()
    temper = Temper(latency=chosen.latency / 1000, capacity=chosen.capacity, knee=chosen.knee)
    asyncio.run(serve(chosen.port, temper))


if __name__ == "__main__":
    main()
