"""What the poster goes by, and what it works with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from etl.circuit import CircuitRules
from etl.obi.models import ItemResult, StoredCustomer
from etl.records import Batch, RowOutcome


class PostRules(Struct, frozen=True, kw_only=True):
    """What ``load``'s options say about sending; ``rounds`` bounds the sendings of a batch.

    ``backoff`` is the longest first pause in seconds before a look-up or a second round; it doubles.
    ``marker`` is the attribute, name and value, that each customer of this run carries, None for none.
    ``doubt_seconds`` after its last sending without an answer, a row that the campaign does not show is not
    there. ``circuit`` says when the server is given up.
    """

    existing: str = "skip"
    on_unknown: str = "verify"
    stop_if_invalid: bool = False
    marker: tuple[str, str] | None = None
    rounds: int = 4
    backoff: float = 0.5
    doubt_seconds: float = 60
    circuit: CircuitRules = CircuitRules()


class Customers(Protocol):
    """The part of the client that sends and looks up (``etl.obi``)."""

    async def add_list(
        self, campaign_id: str, bodies: Sequence[bytes], *, stop_if_invalid: bool = False
    ) -> list[ItemResult]:
        """Add customers; one result a body, in order."""

    async def find_all(self, campaign_id: str, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Give the customers of these externalIds that are there."""


class LookUps(Protocol):
    """How customers of the campaign are found (``etl.holdings``)."""

    async def now(self, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Give those that are there at this moment."""

    async def sent(self, external_ids: Sequence[str], *, since: float | None) -> dict[str, StoredCustomer]:
        """Give those of a batch that this run has put there, since a time by the server's clock."""

    async def earlier(self, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Give those that are there, as they were at some time in this run."""


class Ledger(Protocol):
    """Where each step is kept before it counts (``etl.journal``)."""

    async def sent(self, number: int, *, at: float, offset: float | None) -> None:
        """Keep that the batch is about to leave, and by which clocks."""

    def returned(self, number: int) -> None:
        """Keep that it was certainly not processed."""

    def answered(self, number: int, *, doubted_at: float) -> None:
        """Keep that the last sending had an answer; the last one without was at this time."""

    def split(self, number: int, parts: Sequence[Batch]) -> None:
        """Put parts in the place of a batch."""

    def settle(self, number: int, outcomes: Sequence[RowOutcome]) -> None:
        """Keep outcomes of its rows."""
