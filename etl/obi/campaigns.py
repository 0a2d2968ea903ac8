"""``/campaigns``: what there is, and switching it on and off."""

from __future__ import annotations

from etl.obi.models import Campaign, CampaignStatus
from etl.obi.query import Filter, to_query
from etl.obi.transport import Transport
from etl.obi.wire import ANY, JSON, TEXT, Call, json_reader, read_nothing

_LIST = Call("GET", "campaigns", accept=JSON)
_GET = Call("GET", "campaigns/ID", accept=JSON)
_SET_STATUS = Call("PUT", "campaigns/ID/status", accept=ANY, content_type=TEXT)

_read_campaigns = json_reader(list[Campaign])
_read_campaign = json_reader(Campaign)


class Campaigns:
    """The campaigns of the interface. Every method raises what ``Transport.request`` does."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, **filters: Filter) -> list[Campaign]:
        """The campaigns that match ``filters``.

        Filters are any searchable field (``name``, ``queue_id``, …), ``start_date_end=…`` and
        ``statistics=True``. ``*`` and ``?`` are wildcards in values but those of ids. A server may ignore a
        filter it does not know.
        """
        return await self._transport.request(
            _LIST, ("campaigns",), read=_read_campaigns, query=to_query(filters)
        )

    async def get(self, campaign_id: str) -> Campaign:
        """The campaign with this id (id32 or id36)."""
        return await self._transport.request(_GET, ("campaigns", campaign_id), read=_read_campaign)

    async def set_status(self, campaign_id: str, status: CampaignStatus) -> None:
        """Activate or pause: the document takes ``ACTIVE`` and ``PASSIVE`` only."""
        path = ("campaigns", campaign_id, "status")
        await self._transport.request(_SET_STATUS, path, read=read_nothing, body=status.encode())
