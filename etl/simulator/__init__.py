"""The OBI v1 interface served for real, from a database of its own, with faults on demand.

It is written from the interface's document and shares no code with the client in ``etl.obi``, so that the
two check each other::

    async with Simulator(faults=[Fault(mode="504_after_commit", nth=2)]) as simulator:
        ...  # load into simulator.base_url
        assert simulator.count(PREVIEW_CAMPAIGN) == 1000

``obi simulator`` serves the same on the command line. What it can do is said where it is done:

- ``app``: the calls; ``door``: what a request meets before them, and in what order
- ``formats`` and ``elements``: JSON and XML, media types, charsets, packed bodies; ``strict``
- ``dialect`` and ``texts``: what the document leaves open, as switches; the languages of reasons
- ``faults`` and ``plan``: what can go wrong, and when it does
- ``seed``: campaigns and customers to begin with
- ``dialler``: customers are called in simulated time, for results and statistics
- ``control``: all this over HTTP, with a log of what was asked and committed

aiohttp is imported when a simulator starts, not with this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

import msgspec

from etl.simulator.campaigns import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, new_campaign
from etl.simulator.dialect import Dialect
from etl.simulator.dialler import Dialler
from etl.simulator.plan import Fault, Plan, read_faults
from etl.simulator.seed import read_seed, sow
from etl.simulator.service import LoggedRequest, Service
from etl.simulator.store import Store

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["EXAMPLE_CAMPAIGN", "PREVIEW_CAMPAIGN", "Dialect", "Fault", "LoggedRequest", "Simulator", "serve"]


class SimulatorOptions(TypedDict, total=False):
    """The parameters of Simulator, but for the port."""

    db: Path | str
    host: str
    auth: str
    strict: bool
    latency_ms: float
    faults: Sequence[Fault] | Path | None
    seed: Mapping[str, Any] | Path | None
    dialect: Dialect | None
    dial: float
    dial_seed: int


class Simulator:
    """An async context manager that serves OBI v1 while it is open.

    ``db`` is a file, which keeps its data, or ``:memory:``. ``port`` 0 takes a free one. ``auth`` is empty,
    ``basic:USER:PASSWORD`` or ``bearer:TOKEN``. ``strict`` enforces the document's media types (406, 415).
    ``latency_ms`` is added to every call. ``faults`` are in force from the start: rules, or a JSON file of
    them. ``seed`` is what ``etl.simulator.seed`` reads, or a file of it. ``dialect`` settles what the
    document leaves open. With ``dial`` that many seconds of simulated time are dialled in each real second,
    by a dialler that draws from ``dial_seed``.

    Making one raises ValueError for what can't be meant, sqlite3.Error where ``db`` can't be used, OSError
    where a file can't be read; opening raises OSError where the port is taken.
    """

    def __init__(
        self,
        *,
        db: Path | str = ":memory:",
        host: str = "127.0.0.1",
        port: int = 0,
        auth: str = "",
        strict: bool = False,
        latency_ms: float = 0,
        faults: Sequence[Fault] | Path | None = None,
        seed: Mapping[str, Any] | Path | None = None,
        dialect: Dialect | None = None,
        dial: float = 0,
        dial_seed: int = 0,
    ) -> None:
        if not (0 <= latency_ms < float("inf") and 0 <= dial < float("inf")):
            raise ValueError("latency_ms and dial are numbers from 0")
        self.base_url = ""
        plan = Plan(read_faults(faults) if isinstance(faults, Path) else faults or ())
        planted = read_seed(seed) if isinstance(seed, Path) else seed
        store = Store(db, dialect=dialect)
        try:
            self._service = Service(store, plan, auth=auth, strict=strict, latency=latency_ms / 1000)
            if planted is not None:
                sow(store, planted)
        except BaseException:
            store.close()
            raise
        self._host = host
        self._port = port
        self._dial = dial
        self._dial_seed = dial_seed
        self._dialling: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        from aiohttp import web  # noqa: PLC0415  -- keeps this module cheap to import

        from etl.simulator.app import PREFIX, WIRE_LOG, application  # noqa: PLC0415  -- the same

        self._runner = web.AppRunner(
            application(self._service),
            access_log=None,
            logger=WIRE_LOG,
            auto_decompress=False,  # a body's coding is for the door to judge
            lingering_time=1,  # second for the rest of a body that was refused
            shutdown_timeout=0.1,  # what faults hold back must not hold up the end
        )
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:
            await self._close()
            raise
        port = self._runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.base_url = f"http://{host}:{port}{PREFIX}"
        if self._dial:
            self._dialling = asyncio.create_task(
                self._service.keep_dialling(self._dial, seed=self._dial_seed)
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.wait([self._dialling])
            self._dialling = None
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

    def dial(self, *, hours: float = 1, seed: int = 0) -> int:
        """Dial for so many hours of simulated time: the number of calls. Raises ValueError."""
        return Dialler(self._service.store, seed=seed).advance(hours * 3600)

    def seed(self, given: Mapping[str, Any]) -> int:
        """Add what ``etl.simulator.seed`` describes: the number of new customers. Raises ValueError."""
        return sow(self._service.store, given)

    def add_campaign(self, name: str, **fields: Any) -> str:
        """The id of a new active preview campaign; ``fields`` by the interface's names. Raises ValueError."""
        campaign = new_campaign(name, **{"registered": self._service.store.now(), **fields})
        self._service.store.put_campaigns([campaign])
        return campaign.id

    def count(self, campaign_id: str) -> int:
        """The number of customers in a campaign, straight from the database."""
        return self._service.store.counters(campaign_id)["total"]

    def customers(self, campaign_id: str) -> list[dict[str, Any]]:
        """The customers of a campaign as the interface shows them, the first added first.

        Their attributes are wrapped in every dialect.
        """
        return [msgspec.json.decode(body) for body in self._service.store.bodies(campaign_id)]


async def serve(
    *, port: int = 8080, ready: Callable[[Simulator], None] | None = None, **options: Unpack[SimulatorOptions]
) -> None:
    """Serve until cancelled; ``ready`` is called once with the simulator when it listens.

    ``options`` are those of Simulator. Raises what making and opening one raises.
    """
    async with Simulator(port=port, **options) as simulator:
        if ready is not None:
            ready(simulator)
        await asyncio.Event().wait()
