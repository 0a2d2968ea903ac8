"""``/campaigns``: what there is, changing it, switching it on and off, and its results."""

from __future__ import annotations

from typing import Any, TypeAlias, Unpack

from etl.obi.models import Campaign, CampaignStatus, CampaignUpdate, CustomerResultStatistics, encode
from etl.obi.query import CampaignFilters, CampaignStatisticsFilters, to_query
from etl.obi.transport import Transport
from etl.obi.wire import (
    ANY,
    JSON,
    TEXT,
    Call,
    json_reader,
    read_nothing,
    tolerant_one_reader,
    tolerant_reader,
)

_LIST = Call("GET", "campaigns", many=True)
_GET = Call("GET", "campaigns/ID")
_UPDATE = Call("PUT", "campaigns/ID", accept=ANY, content_type=JSON, element="campaign")
_SET_STATUS = Call("PUT", "campaigns/ID/status", accept=ANY, content_type=TEXT)
_RESULTS = Call("GET", "campaigns/ID/customerResultStatistics", many=True)

_read_campaigns = tolerant_reader(Campaign)
_read_campaign = tolerant_one_reader(Campaign)
_read_object = json_reader(dict[str, Any])
_read_results = tolerant_reader(CustomerResultStatistics)

_Results: TypeAlias = list[CustomerResultStatistics]


class Campaigns:
    """The campaigns of the interface. Every method raises what ``Transport.request`` does."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, **filters: Unpack[CampaignFilters]) -> list[Campaign]:
        """The campaigns that match ``filters``, as ``name="Spring*"`` or ``statistics=True``.

        Raises TypeError for a filter that there is not. A server may still ignore one that there is.
        """
        query = to_query(filters, CampaignFilters)
        return await self._transport.request(_LIST, ("campaigns",), read=_read_campaigns, query=query)

    async def get(self, campaign_id: str, **which: Unpack[CampaignStatisticsFilters]) -> Campaign:
        """The campaign with this id (id32 or id36), with ``statistics`` if they are asked for."""
        query = to_query(which, CampaignStatisticsFilters)
        return await self._transport.request(
            _GET, ("campaigns", campaign_id), read=_read_campaign, query=query
        )

    async def describe(self, campaign_id: str) -> dict[str, Any]:
        """All that the server tells of the campaign, by the interface's names, unread and unchecked.

        For who must know of what is not understood too, as before a whole campaign is put back.
        """
        path = ("campaigns", campaign_id)
        return await self._transport.request(_GET, path, read=_read_object)

    async def update(self, campaign_id: str, update: CampaignUpdate) -> None:
        """Replace the campaign's properties by ``update`` as a whole: what that leaves out is cleared.

        Begin from ``Campaign.as_update()``, so that nothing is cleared unasked.
        """
        path = ("campaigns", campaign_id)
        await self._transport.request(_UPDATE, path, read=read_nothing, body=encode(update))

    async def set_status(self, campaign_id: str, status: CampaignStatus) -> None:
        """Activate or pause: the document takes ``ACTIVE`` and ``PASSIVE`` only."""
        path = ("campaigns", campaign_id, "status")
        await self._transport.request(_SET_STATUS, path, read=read_nothing, body=status.encode())

    async def result_statistics(self, campaign_id: str) -> _Results:
        """How many customers have which result, call result and classifier."""
        path = ("campaigns", campaign_id, "customerResultStatistics")
        return await self._transport.request(_RESULTS, path, read=_read_results)
