"""A server that costs as little as can be: answers ``customers/list`` with a 201 an item, and nothing else.

It counts items by ``"externalId"`` and gives the same ids again and again. What a load takes against it is
what we take.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from email.utils import formatdate
from typing import cast

CAMPAIGN = {"id": "62718C7889CC44F7B944C1A6F6BE9B7F", "name": "Bench", "status": "Active"}


class Bare(asyncio.Protocol):
    """One connection: HTTP/1.1 with Content-Length only."""

    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.Transport", transport)
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole request in the buffer."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            answer = self.answer(head.split(b" ", 1)[0], body)
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.transport.write, answer)
            else:
                self.transport.write(answer)

    def answer(self, method: bytes, body: bytes) -> bytes:
        """The whole response."""
        if method == b"post":
            count = body.count(b'"externalId":')
            content = json.dumps([{"statusCode": 201, "id": f"{n:032X}"} for n in range(count)]).encode()
        else:
            content = json.dumps([CAMPAIGN]).encode()
        date = formatdate(usegmt=True).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: " + date
        return head + b"\r\nContent-Length: %d\r\n\r\n" % len(content) + content


async def main() -> None:
    """Serve until stopped."""
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=8099)
    options.add_argument("--latency", type=float, default=0.0, help="milliseconds")
    chosen = options.parse_args()
    Bare.latency = chosen.latency / 1000
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", chosen.port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
