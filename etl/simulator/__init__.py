"""The OBI v1 interface served for real, from a database of its own, with faults on demand.

It is written from the interface's document and shares no code with the client in ``etl.obi``, so that the
two check each other::

    async with Simulator(faults=[Fault(mode="504_after_commit", nth=2)]) as simulator:
        ...  # load into simulator.base_url
        assert simulator.count(PREVIEW_CAMPAIGN) == 1000

aiohttp is imported when a simulator starts, not with this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from etl.simulator.campaigns import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, new_campaign
from etl.simulator.dialect import Dialect
from etl.simulator.plan import Fault, Plan
from etl.simulator.service import LoggedRequest, Service
from etl.simulator.store import Store

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["EXAMPLE_CAMPAIGN", "PREVIEW_CAMPAIGN", "Dialect", "Fault", "LoggedRequest", "Simulator", "serve"]


class Simulator:
    """An async context manager that serves OBI v1 while it is open.

    ``db`` is a file, which keeps its data, or ``:memory:``. ``port`` 0 takes a free one. ``auth`` is empty or
    ``basic:USER:PASSWORD``, else ValueError. ``latency_ms`` is added to every call. ``faults`` are in force
    from the start. Opening raises OSError where the port is taken, sqlite3.Error where ``db`` can't be used.
    """

    def __init__(
        self,
        *,
        db: Path | str = ":memory:",
        host: str = "127.0.0.1",
        port: int = 0,
        auth: str = "",
        latency_ms: float = 0,
        faults: Sequence[Fault] = (),
        dialect: Dialect | None = None,
    ) -> None:
        self.base_url = ""
        self._service = Service(
            Store(db, dialect=dialect), Plan(faults), auth=auth, latency=latency_ms / 1000
        )
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        from aiohttp import web  # noqa: PLC0415  -- keeps this module cheap to import

        from etl.simulator.app import PREFIX, application  # noqa: PLC0415  -- the same

        # What faults hold back must not hold up the end.
        self._runner = web.AppRunner(application(self._service), access_log=None, shutdown_timeout=0.1)
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:
            await self._close()
            raise
        port = self._runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.base_url = f"http://{host}:{port}{PREFIX}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._service.store.close()

    @property
    def control_url(self) -> str:
        """Where the control plane is: ``http://HOST:PORT/_sim``."""
        return self.base_url.partition("/RI/")[0] + "/_sim"

    @property
    def requests(self) -> list[LoggedRequest]:
        """What was asked of the interface so far, in the order of the answers."""
        return list(self._service.log)

    def add_fault(self, fault: Fault | str, **fields: Any) -> None:
        """Put a rule behind those in force: a Fault, or a mode and the fields of one. Raises ValueError."""
        self._service.plan.add(Fault(mode=fault, **fields) if isinstance(fault, str) else fault)

    def clear_faults(self) -> None:
        """Drop all rules; what is held back already stays so."""
        self._service.plan.clear()

    def release(self) -> None:
        """Let the requests go on that faults hold back now."""
        self._service.release()

    def add_campaign(self, name: str, **fields: Any) -> str:
        """The id of a new active preview campaign; ``fields`` by the interface's names. Raises ValueError."""
        campaign = new_campaign(name, **fields)
        self._service.store.put_campaigns([campaign])
        return campaign.id

    def count(self, campaign_id: str) -> int:
        """The number of customers in a campaign, straight from the database."""
        return self._service.store.counters(campaign_id)["total"]

    def customers(self, campaign_id: str) -> list[dict[str, Any]]:
        """The customers of a campaign as the interface shows them, in the order in which they were added."""
        return [msgspec.json.decode(body) for body in self._service.store.bodies(campaign_id)]


async def serve(
    *,
    db: Path | str = ":memory:",
    host: str = "127.0.0.1",
    port: int = 8080,
    auth: str = "",
    latency_ms: float = 0,
    faults: Sequence[Fault] = (),
    ready: Callable[[Simulator], None] | None = None,
) -> None:
    """Serve until cancelled; ``ready`` is called once with the simulator when it listens.

    Raises what opening a Simulator raises.
    """
    simulator = Simulator(db=db, host=host, port=port, auth=auth, latency_ms=latency_ms, faults=faults)
    async with simulator:
        if ready is not None:
            ready(simulator)
        await asyncio.Event().wait()
