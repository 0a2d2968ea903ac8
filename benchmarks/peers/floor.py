"""The floor: bodies that are ready, over raw sockets, eight at a time. Nothing is read, checked or kept."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.peers.leads import BATCH, customer, lines

CONNECTIONS = 8


def request(path: Path, url: str) -> bytes:
    """A whole request with the first hundred customers of the file."""
    parts = urlsplit(url)
    body = json.dumps([customer(line) for line in islice(lines(path), BATCH)], separators=(",", ":")).encode()
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def send(url: str, requests: Iterator[bytes]) -> None:
    """Send one request after the other over one connection, as long as there are any."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    for each in requests:
        writer.write(each)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def main(path: Path, url: str) -> None:
    """Send as many customers as the file has lines, rounded up to a hundred."""
    with path.open("rb") as file:
        rows = sum(1 for _ in file) - 1
    requests = iter([request(path, url)] * -(-rows // BATCH))
    await asyncio.gather(*(send(url, requests) for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
