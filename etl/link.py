"""A client made from settings, connected to the interface or to the embedded simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

from msgspec import Struct
from yarl import URL

from etl.errors import ConfigError
from etl.obi import Client, Connection, RetryNotice
from etl.progress import Progress, Silence
from etl.settings import Settings
from etl.state import StateFolder

SIMULATOR = "simulator"
"""What stands for the base URL of the embedded simulator, whose port differs each time."""


class Link(Struct, frozen=True):
    """A connected client, and what its server is called in manifests and locks.

    ``on_retry`` may be added to: each is told of each repeated call.
    """

    client: Client
    server: str
    on_retry: list[Callable[[RetryNotice], None]]


@asynccontextmanager
async def connected(
    settings: Settings, *, simulate: bool = False, base_url: str = "", progress: Progress | None = None
) -> AsyncIterator[Link]:
    """Connect to ``base_url`` (by default the settings'), or start the simulator on a free loopback port.

    Raises ConfigError where there is no base URL.
    """
    told = progress or Silence()

    listeners: list[Callable[[RetryNotice], None]] = [
        lambda notice: told.retrying(notice.call, notice.wait, notice.reason)
    ]

    def on_retry(notice: RetryNotice) -> None:
        for listener in listeners:
            listener(notice)

    if simulate:
        from etl.simulator import Simulator  # noqa: PLC0415  -- only who simulates waits for it

        async with Simulator(db=StateFolder(settings.state_dir).simulator) as simulator:
            connection = Connection.of(settings, base_url=simulator.base_url, credentials=False)
            async with Client(connection, on_retry=on_retry) as client:
                yield Link(client, SIMULATOR, listeners)
        return
    url = base_url or settings.base_url
    if not url:
        raise ConfigError(
            "No server is named: set OBI_BASE_URL or --base-url to the interface's root, as in "
            "https://HOST/RI/obi, or try --simulate."
        )
    async with Client(Connection.of(settings, base_url=url), on_retry=on_retry) as client:
        yield Link(client, url, listeners)


def unencrypted(base_url: str) -> str:
    """A warning where what is sent can be read on its way, empty where it can't."""
    url = URL(base_url)
    if url.scheme != "http" or url.host == "localhost" or _is_loopback(url.host or ""):
        return ""
    return f"{base_url} is not encrypted: numbers, names and credentials can be read on their way; use https"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
