"""Bare servers in processes of their own."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from benchmarks.bare_server import BASE_PATH, POST_PATH, Counters


class Address(msgspec.Struct, frozen=True):
    """Where a bare server listens on this machine."""

    port: int

    @property
    def root(self) -> str:
        """The server's root."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What ``--base-url`` takes."""
        return self.root + BASE_PATH

    @property
    def post_url(self) -> str:
        """Where customers are posted to."""
        return self.root + POST_PATH

    def counters(self) -> Counters:
        """What was asked of it since the last time that this was called."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", "/counters")
            return msgspec.json.decode(connection.getresponse().read(), type=Counters)
        finally:
            connection.close()


@contextmanager
def bare_server(*, latency: float = 0, capacity: int = 0, knee: int = 0) -> Iterator[Address]:
    """A bare server (see ``bare_server``) for as long as the block lasts; ``latency`` in milliseconds."""
    words = ["--latency", str(latency), "--capacity", str(capacity), "--knee", str(knee)]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_server", *words], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101  -- for the type checker: it is a pipe
            yield Address(int(process.stdout.readline()))
        finally:
            process.terminate()
