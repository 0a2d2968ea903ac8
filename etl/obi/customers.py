"""``/campaigns/{id}/customers``: finding, adding and deleting customers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias, Unpack

from etl.obi.models import ItemResult, NewCustomer, StoredCustomer, encode
from etl.obi.query import CustomerFilters, to_query
from etl.obi.transport import Transport
from etl.obi.wire import (
    ANY,
    HTML,
    JSON,
    Call,
    item_reader,
    read_id,
    read_nothing,
    tolerant_one_reader,
    tolerant_reader,
)

PAGE = 100
"""Customers a page: the document's default ``limit``."""

_LOOK_UPS = 8

_LIST = Call("GET", "customers", many=True)
_GET = Call("GET", "customers/ID")
_ADD = Call("POST", "customers", accept=HTML, content_type=JSON, element="customer")
_DELETE = Call("DELETE", "customers/ID", accept=ANY)
# The document asks for text/html in every POST, and answers this one in JSON.
_ADD_LIST = Call(
    "POST",
    "customers/list",
    accept=f"{JSON}, {HTML};q=0.5",
    content_type=JSON,
    element="customer",
    many=True,
)

_read_customers = tolerant_reader(StoredCustomer)
_read_customer = tolerant_one_reader(StoredCustomer)

_Page: TypeAlias = list[StoredCustomer]
_Results: TypeAlias = list[ItemResult]


class Customers:
    """The customers of the interface's campaigns. Every method raises what ``Transport.request`` does."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.ignores_filters = False
        """True once a look-up by externalId was answered with customers that it did not ask for."""

    async def list(
        self, campaign_id: str, *, offset: int = 0, limit: int = PAGE, **filters: Unpack[CustomerFilters]
    ) -> _Page:
        """One page of the customers that match ``filters``, beginning at ``offset``.

        ``limit`` is how many at most; a server may cap it. Raises TypeError for a filter that there is not. A
        server may still ignore one that there is.
        """
        query = to_query(filters, CustomerFilters) | {"offset": str(offset), "limit": str(limit)}
        return await self._transport.request(
            _LIST, _customers(campaign_id), read=_read_customers, query=query
        )

    async def iterate(
        self, campaign_id: str, *, page_size: int = PAGE, **filters: Unpack[CustomerFilters]
    ) -> AsyncIterator[StoredCustomer]:
        """All customers that match ``filters``, one by one, none twice, in the server's order.

        Pages are fetched as they are needed, by their offset. Over a campaign that changes meanwhile this
        promises less: who is added or deleted while we read shifts the others, so that some may be missed
        (never given twice), and each customer is as it was when its page was fetched. The document names no
        order either; a server that has none may miss some at any time.
        """
        async for page in self.pages(campaign_id, page_size=page_size, **filters):
            for customer in page:
                yield customer

    async def pages(
        self, campaign_id: str, *, page_size: int = PAGE, **filters: Unpack[CustomerFilters]
    ) -> AsyncIterator[_Page]:
        """What ``iterate`` gives, page by page.

        It ends at a page that holds no new customer, never at a short one: a server may cap the page size,
        and one that ignores ``offset`` must not hold us forever. Ids are kept to know (about 130 bytes
        each).
        """
        seen: set[str] = set()
        offset = 0
        while page := await self.list(campaign_id, offset=offset, limit=page_size, **filters):
            offset += len(page)
            new = {customer.id: customer for customer in page if customer.id not in seen}
            if not new:
                return
            seen.update(new)
            yield [*new.values()]

    async def find(self, campaign_id: str, external_id: str) -> StoredCustomer | None:
        """The customer with exactly this externalId, None where there is none.

        The server's own idea of equality does not count: it may ignore the filter, the case or trailing
        blanks, or read ``*`` and ``?`` as patterns. None is certain, so a server that ignores the filter
        costs a walk through the whole campaign; ``ignores_filters`` tells, and one walk is cheaper
        then than a second ``find``.
        """
        async for page in self.pages(campaign_id, external_id=external_id):
            for customer in page:
                if customer.external_id == external_id:
                    return customer
            self.ignores_filters |= not _looks_alike(page, external_id)
        return None

    async def find_all(self, campaign_id: str, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        """Those of ``external_ids`` that are there, by externalId, equal as in ``find``.

        One look-up each, eight at a time; one walk through the campaign instead where the server is known
        to ignore the filter.
        """
        found: dict[str, StoredCustomer] = {}
        turns = asyncio.Semaphore(_LOOK_UPS)

        async def look_up(external_id: str) -> None:
            async with turns:
                if not self.ignores_filters and (customer := await self.find(campaign_id, external_id)):
                    found[external_id] = customer

        await asyncio.gather(*map(look_up, external_ids))
        if self.ignores_filters:
            wanted = set(external_ids)
            async for page in self.pages(campaign_id):
                found |= {held.external_id: held for held in page if held.external_id in wanted}
        return found

    async def get(self, campaign_id: str, customer_id: str) -> StoredCustomer:
        """The customer with this id (id32 or id36)."""
        return await self._transport.request(
            _GET, (*_customers(campaign_id), customer_id), read=_read_customer
        )

    async def add(self, campaign_id: str, customer: NewCustomer) -> str:
        """Add one customer: its new id, empty where the server does not tell."""
        body = encode(customer)
        return await self._transport.request(_ADD, _customers(campaign_id), read=read_id, body=body)

    async def add_list(
        self, campaign_id: str, bodies: Sequence[bytes], *, stop_if_invalid: bool = False
    ) -> _Results:
        """Add customers, each ``encode``d already: one result each, in the order of ``bodies``.

        ``stop_if_invalid``: if one fails the server's validation, none is added (the valid ones get 200).
        Raises a RefusedError, ThrottledError or UnreachableError if nothing was processed for certain, and
        UnknownOutcomeError if that can't be told, an answer of another length included.
        """
        return await self._transport.request(
            _ADD_LIST,
            (*_customers(campaign_id), "list"),
            read=item_reader(len(bodies)),
            query={"stopProcessIfInvalidEntriesFound": "true"} if stop_if_invalid else None,
            body=b"[" + b",".join(bodies) + b"]",
        )

    async def delete(self, campaign_id: str, customer_id: str) -> None:
        """Delete a customer; NotFoundError if it is not there (any more)."""
        await self._transport.request(_DELETE, (*_customers(campaign_id), customer_id), read=read_nothing)


def _customers(campaign_id: str) -> tuple[str, ...]:
    return ("campaigns", campaign_id, "customers")


def _looks_alike(page: _Page, external_id: str) -> bool:
    """True if a filter may have chosen the page: only ids equal but for case and blanks, or a pattern."""
    wanted = external_id.strip().casefold()
    if "*" in wanted or "?" in wanted:
        return True
    return all((customer.external_id or "").strip().casefold() == wanted for customer in page)
