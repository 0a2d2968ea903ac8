"""A typed client of the Outbound Campaign Interface (OBI) v1, after the interface's document.

``async with Client(settings) as obi: await obi.campaigns.list()``. It resends a GET, and a call that changes
something only when that was not processed for certain; every failure is one of ``etl.errors``. It knows
nothing of lead files, runs or journals.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from etl.obi.campaigns import Campaigns
from etl.obi.connection import Connection
from etl.obi.customers import Customers
from etl.obi.retry import RetryNotice
from etl.obi.statistics import CallStatistics
from etl.obi.transport import Stats, Transport
from etl.settings import Settings

__all__ = ["Client", "Connection", "RetryNotice", "Stats"]


class Client:
    """The interface: ``campaigns``, ``customers`` and ``statistics`` hold its calls, inside ``async with``.

    ``settings`` say where it is and who we are: the ones of the whole program, or just a Connection.
    ``sleep`` and ``clock`` (POSIX seconds) are there to be replaced in tests. ``on_retry`` is told before
    each wait for another attempt; it must not block. Raises ConfigError for a connection that can't be used.
    """

    def __init__(
        self,
        settings: Settings | Connection,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        on_retry: Callable[[RetryNotice], None] | None = None,
    ) -> None:
        connection = settings if isinstance(settings, Connection) else Connection.of(settings)
        self._transport = Transport(connection, sleep=sleep, clock=clock, on_retry=on_retry)
        self.campaigns = Campaigns(self._transport)
        self.customers = Customers(self._transport)
        self.statistics = CallStatistics(self._transport)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.close()

    @property
    def server_time_offset(self) -> float | None:
        """A lower bound of the server's clock minus ours, in seconds; None before the first answer.

        From ``Date`` headers, which are cut to whole seconds and travel a while: both only lower it.
        """
        return self._transport.server_time_offset

    @property
    def last_offset(self) -> float | None:
        """What the latest answer alone told of the server's clock minus ours, in seconds."""
        return self._transport.last_offset

    @property
    def stats(self) -> Stats:
        """Counters of what was sent so far."""
        return self._transport.stats
