"""The two kinds of servers, and their truth: what they hold, whose it is, and what they would not take."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self

from msgspec import Struct

from benchmarks.chaos.hostile import CAMPAIGN, Hostile, Posted
from benchmarks.chaos.leads import Lead
from etl.simulator import PREVIEW_CAMPAIGN, Dialect, Simulator
from etl.simulator.customers import draft

POSTS = "/customers/list"


class Held(Struct, frozen=True, kw_only=True):
    """A customer that a server holds; ``earlier`` says that it was there before the load.

    ``since`` is by ``time.monotonic``, 0 where that is not known.
    """

    id: str
    external_id: str
    number: str
    name: str
    earlier: bool
    since: float = 0.0


class World(Protocol):
    """A server with a campaign, open while its context is."""

    campaign: str
    earlier: set[str]
    """Ids of customers that were there before the load."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def base_url(self) -> str:
        """Where it is served."""

    @property
    def faults_hit(self) -> int:
        """Requests that a fault hit."""

    @property
    def posts(self) -> int:
        """Requests that brought customers."""

    @property
    def proves(self) -> bool:
        """Whether its clocks can prove who put a customer there."""

    def put_earlier(self, lead: Lead, *, same: bool, seconds: float) -> None:
        """Put a lead's id there as of some time ago, with the ``same`` content or another."""

    def refuses(self, external_id: str) -> bool:
        """Whether it would never take this id, whatever it holds."""

    def key(self, external_id: str) -> str:
        """What externalIds have in common that it takes for the same."""

    def clear_faults(self) -> None:
        """Be well from now on."""

    async def settle(self) -> None:
        """Wait until nothing happens any more."""

    def customers(self) -> list[Posted]:
        """All that the campaign holds, as the interface shows it."""


class SimulatedWorld:
    """The simulator; ids that are longer than its dialect bears are refused."""

    campaign = PREVIEW_CAMPAIGN
    proves = True

    def __init__(self, *, dialect: Dialect, **given: Any) -> None:
        self.simulator = Simulator(dialect=dialect, **given)
        self.earlier: set[str] = set()
        self._dialect = dialect

    async def __aenter__(self) -> Self:
        await self.simulator.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.simulator.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """Where it is served."""
        return self.simulator.base_url

    @property
    def faults_hit(self) -> int:
        """Requests that a fault hit."""
        return sum(bool(each.fault) for each in self.simulator.requests)

    @property
    def posts(self) -> int:
        """Requests that brought customers."""
        return sum(each.method == "POST" for each in self.simulator.requests)

    def put_earlier(self, lead: Lead, *, same: bool, seconds: float) -> None:
        """Put a lead's id there as of some time ago, with the ``same`` content or another."""
        when = datetime.now(UTC) - timedelta(seconds=seconds)
        now = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        made = draft(posted_earlier(lead, same=same), now=now, dialect=self._dialect)
        self.earlier.add(made.id)
        # No call of the interface can put a customer into the past.
        self.simulator._service.store.insert(PREVIEW_CAMPAIGN, [made])  # noqa: SLF001

    def refuses(self, external_id: str) -> bool:
        """Whether it would never take this id, whatever it holds."""
        return len(external_id) > self._dialect.longest_external_id

    def key(self, external_id: str) -> str:
        """What externalIds have in common that it takes for the same."""
        return external_id.casefold() if self._dialect.ids_ignore_case else external_id

    def clear_faults(self) -> None:
        """Be well from now on."""
        self.simulator.clear_faults()

    async def settle(self) -> None:
        """Wait until nothing happens any more."""
        self.simulator.release()
        await asyncio.sleep(0.03)

    def customers(self) -> list[Posted]:
        """All that the campaign holds, as the interface shows it."""
        return self.simulator.customers(PREVIEW_CAMPAIGN)


class HostileWorld:
    """The hostile server."""

    campaign = CAMPAIGN

    def __init__(self, **given: Any) -> None:
        self.server = Hostile(**given)
        self.earlier: set[str] = set()

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.server.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """Where it is served."""
        return self.server.base_url

    @property
    def faults_hit(self) -> int:
        """Requests that a fault hit."""
        return self.server.faults_hit

    @property
    def posts(self) -> int:
        """Requests that brought customers."""
        return self.server.posts

    @property
    def proves(self) -> bool:
        """Whether its clocks can prove who put a customer there."""
        return self.server.quirks.proves

    def put_earlier(self, lead: Lead, *, same: bool, seconds: float) -> None:
        """Put a lead's id there as of some time ago, with the ``same`` content or another."""
        self.earlier.add(self.server.put(posted_earlier(lead, same=same), earlier=seconds)["id"])

    def refuses(self, external_id: str) -> bool:
        """Whether it would never take this id, whatever it holds."""
        return self.server.refuses(external_id)

    def key(self, external_id: str) -> str:
        """What externalIds have in common that it takes for the same."""
        return self.server.key(external_id)

    def clear_faults(self) -> None:
        """Be well from now on."""
        self.server.clear_faults()

    async def settle(self) -> None:
        """Wait until nothing happens any more."""
        await self.server.settle()

    def customers(self) -> list[Posted]:
        """All that the campaign holds, as the interface shows it."""
        return self.server.everything


def held_in(world: World) -> list[Held]:
    """All that a world's campaign holds."""
    return [
        Held(
            id=each["id"],
            external_id=each["externalId"],
            number=each["numbers"].rstrip(";"),
            name=_name(each["attributes"]),
            earlier=each["id"] in world.earlier,
            since=each.get("_since", 0.0),
        )
        for each in world.customers()
    ]


def _name(attributes: Any) -> str:
    listed = attributes["attribute"] if isinstance(attributes, dict) else attributes
    listed = listed if isinstance(listed, list) else [listed]
    return next((str(each["value"]) for each in listed if each["name"] == "Name"), "")


def posted_earlier(lead: Lead, *, same: bool) -> Posted:
    """What somebody put there on an earlier day."""
    return {
        "externalId": lead.external_id,
        "numbers": lead.number if same else "+441214960999",
        "attributes": {"attribute": [{"name": "Name", "value": lead.name}]},
    }
