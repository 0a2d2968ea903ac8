"""Who is meant in a campaign: customers found by id or externalId, one by one or in a copy of all of them.

A copy is made where that takes fewer requests, or where the server ignores searches; what it does not show is
looked up as well, since paging over a campaign that lives may pass somebody over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from etl.customersearch import bare_id
from etl.errors import ContractError, InterruptedRunError, NotFoundError
from etl.obi import Client
from etl.obi.models import StoredCustomer
from etl.progress import Ticker
from etl.quoting import counted
from etl.scratch import Scratch
from etl.wanted import Wanted

_AT_ONCE = 8
_FEW = 200
"""Customers up to which each is looked up by itself."""
_PAGE = 100
_PART = 500


class Member(Struct, frozen=True, gc=False):
    """A customer that is there: the server's id, and the externalId."""

    id: str
    external_id: str


class _Copy(Scratch):
    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            "CREATE TABLE held (id TEXT PRIMARY KEY, external_id TEXT NOT NULL) WITHOUT ROWID;"
            "CREATE INDEX by_external_id ON held (external_id);",
        )

    def keep(self, page: Iterable[StoredCustomer]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR REPLACE INTO held VALUES (?, ?)",
            ((bare_id(each.id), each.external_id or "") for each in page),
        )
        self._db.execute("COMMIT")

    def by(self, column: str, texts: Sequence[str]) -> list[Member]:
        found = []
        for start in range(0, len(texts), _PART):
            part = texts[start : start + _PART]
            query = f"SELECT id, external_id FROM held WHERE {column} IN ({','.join('?' * len(part))})"  # noqa: S608  -- one of two names of ours, and question marks
            found += [Member(*row) for row in self._db.execute(query, part)]
        return found


class Roster:
    """Finds customers of one campaign; to be made by ``Roster.of``."""

    def __init__(
        self, client: Client, campaign_id: str, *, copy: _Copy, stop: asyncio.Event, ticker: Ticker
    ) -> None:
        self._client = client
        self._campaign_id = campaign_id
        self._copy = copy
        self._stop = stop
        self._ticker = ticker
        self._copied = False
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    @contextlib.asynccontextmanager
    async def of(
        cls,
        client: Client,
        campaign_id: str,
        *,
        wanted: int,
        total: int | None,
        scratch: Path,
        stop: asyncio.Event,
        say: Callable[[str], None],
    ) -> AsyncIterator[Roster]:
        """A roster for about so many customers of a campaign that holds ``total`` (None: not known).

        Raises InterruptedRunError where ``stop`` ends the copying, and what the client raises.
        """
        with _Copy(scratch / "roster.sqlite") as copy:
            roster = cls(client, campaign_id, copy=copy, stop=stop, ticker=Ticker(say))
            if wanted > _FEW and wanted > (total or 0) / _PAGE:
                await roster._fill()
            yield roster

    async def _fill(self) -> None:
        copied = 0
        async for page in self._client.customers.pages(self._campaign_id):
            self._copy.keep(page)
            copied += len(page)
            self._ticker.tell(f"Looking through the campaign: {counted(copied, 'customer')} so far.")
            if self._stop.is_set():
                raise InterruptedRunError("Stopped before anything was changed.")
        self._copied = True

    async def find(self, wanted: Sequence[Wanted]) -> list[list[Member]]:
        """Who each of them may mean, one list each: nobody, one, or several of one externalId."""
        by_id = {each.id: each for each in await self._of_ids([each.id for each in wanted if each.id])}
        names = [() if each.id in by_id else _names_of(each) for each in wanted]
        by_name: dict[str, list[Member]] = {}
        for member in await self._of_names([name for each in names for name in each]):
            by_name.setdefault(member.external_id, []).append(member)
        return [
            [by_id[each.id]]
            if each.id in by_id
            else [member for name in own for member in by_name.get(name, ())]
            for each, own in zip(wanted, names, strict=True)
        ]

    async def _of_ids(self, ids: Sequence[str]) -> list[Member]:
        found = self._copy.by("id", ids) if self._copied else []
        known = {each.id for each in found}
        looked_up = await asyncio.gather(
            *(self._get(each) for each in dict.fromkeys(ids) if each not in known)
        )
        return [*found, *filter(None, looked_up)]

    async def _get(self, customer_id: str) -> Member | None:
        async with self._turns:
            # What can't be read here counts as not there: nobody is deleted.
            with contextlib.suppress(NotFoundError, ContractError):
                held = await self._client.customers.get(self._campaign_id, customer_id)
                if bare_id(held.id) == customer_id:
                    return Member(customer_id, held.external_id or "")
        return None

    async def _of_names(self, names: Sequence[str]) -> list[Member]:
        names = list(dict.fromkeys(names))
        found = self._copy.by("external_id", names) if self._copied else []
        known = {each.external_id for each in found}
        missing = [each for each in names if each not in known]
        if not missing:
            return found
        customers = self._client.customers
        await customers.find(self._campaign_id, missing[0])  # tells whether the server searches at all
        if not customers.ignores_filters:
            return found + [
                each for part in await asyncio.gather(*map(self._search, missing)) for each in part
            ]
        if not self._copied:
            await self._fill()
            return self._copy.by("external_id", names)
        held = await customers.find_all(self._campaign_id, missing)
        return found + [Member(bare_id(each.id), external_id) for external_id, each in held.items()]

    async def _search(self, external_id: str) -> list[Member]:
        """All customers of exactly this externalId."""
        async with self._turns:
            return [
                Member(bare_id(each.id), external_id)
                async for page in self._client.customers.pages(self._campaign_id, external_id=external_id)
                for each in page
                if each.external_id == external_id
            ]


def _names_of(wanted: Wanted) -> tuple[str, ...]:
    """The externalIds by which somebody may be meant; a row with an id of the server means nobody else."""
    name = wanted.either or ("" if wanted.id else wanted.external_id)
    return tuple(filter(None, dict.fromkeys((name, wanted.prefixed)))) if name else ()
