"""``/statistics``: what campaigns and agents did, day by day."""

from __future__ import annotations

from typing import Unpack

from etl.obi.models import AgentStatistics
from etl.obi.query import StatisticsFilters, to_query
from etl.obi.transport import Transport
from etl.obi.wire import Call, tolerant_reader

_LIST = Call("GET", "statistics", many=True)

_read_statistics = tolerant_reader(AgentStatistics)


class CallStatistics:
    """The statistics of all campaigns. The method raises what ``Transport.request`` does."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, **filters: Unpack[StatisticsFilters]) -> list[AgentStatistics]:
        """The figures by campaign and agent, summed from ``start_date`` to ``end_date``, both included.

        The server counts whole UTC days, so give days (``datetime.date``); one day is the same for both.
        Raises TypeError for a filter that there is not.
        """
        query = to_query(filters, StatisticsFilters)
        return await self._transport.request(_LIST, ("statistics",), read=_read_statistics, query=query)
