"""Search parameters: their names and their values."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from etl.obi import Client, Connection
from etl.obi.models import CampaignStatus, instant, moment
from etl.obi.query import (
    CampaignFilters,
    CampaignStatisticsFilters,
    CustomerFilters,
    StatisticsFilters,
    camel,
    to_query,
)

HELSINKI = timezone(timedelta(hours=3))


@pytest.fixture
def obi() -> Client:
    return Client(Connection(base_url="https://obi.example.com/RI/obi"))


def names(kind: Any) -> set[str]:
    return {camel(name) for name in kind.__optional_keys__}


def test_every_parameter_of_the_document_has_its_name() -> None:
    assert names(CampaignFilters) == {
        *("name", "dialerId", "dialerName", "dialingMode", "status", "dialerStatus", "queueId", "queueName"),
        *("customIvrNumber", "total", "handled", "maxCalls", "filtered", "timeZone", "startDate"),
        *("startDateEnd", "endDate", "endDateEnd", "registered", "registeredEnd"),
        *("statistics", "statisticsDate", "agentId"),
    }
    assert names(CampaignStatisticsFilters) == {"statistics", "statisticsDate", "agentId"}
    assert names(CustomerFilters) == {
        *("includeScript", "agentId", "externalId", "numbers", "result", "callResult", "classifier"),
        *("callCount", "lastBNumber", "dialingMode", "previewTime", "priority", "timeZone", "date"),
        *("dateEnd", "modificationDate", "modificationDateEnd", "attributeName", "attributeValue"),
    }
    assert names(StatisticsFilters) == {"startDate", "endDate", "campaignId", "agentId"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Re*", "Re*"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (CampaignStatus.ACTIVE, "Active"),
        ("2026-05-05T12:00:00.000Z", "2026-05-05T12:00:00.000Z"),
        (date(2026, 5, 5), "2026-05-05T00:00:00.000Z"),
        (datetime(2026, 5, 5, 12), "2026-05-05T12:00:00.000Z"),  # noqa: DTZ001  -- naive is UTC here
        (datetime(2026, 5, 5, 12, 0, 0, 123_999, tzinfo=UTC), "2026-05-05T12:00:00.123Z"),
        (datetime(2026, 5, 5, 1, tzinfo=HELSINKI), "2026-05-04T22:00:00.000Z"),
        (datetime(1, 1, 1, tzinfo=HELSINKI), "0001-01-01T00:00:00.000Z"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=3))), "9999-12-31T23:59:59.999Z"),
    ],
)
def test_values_take_the_interface_s_notation(value: Any, text: str) -> None:
    assert to_query({"name": value}, CampaignFilters) == {"name": text}


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_a_time_is_sent_as_the_same_time_to_the_millisecond(when: datetime) -> None:
    try:
        utc = when.astimezone(UTC)
    except OverflowError:
        return
    sent = moment(instant(when))
    assert sent
    assert timedelta(0) <= utc - sent < timedelta(milliseconds=1)


def test_none_leaves_a_filter_out() -> None:
    assert to_query({"name": None, "total": 0}, CampaignFilters) == {"total": "0"}


def test_ids_of_agents_travel_in_one_list() -> None:
    assert to_query({"agent_id": ["A", "B"]}, CustomerFilters) == {"agentId": "A,B"}
    assert to_query({"agent_id": ("A",)}, CustomerFilters) == {"agentId": "A"}
    assert to_query({"agent_id": "A"}, CustomerFilters) == {"agentId": "A"}
    with pytest.raises(ValueError, match="empty list"):
        to_query({"agent_id": []}, CustomerFilters)
    for value in (["A"], 1.5, {"A": 1}, b"A"):
        with pytest.raises(TypeError, match="'name' can't be a"):
            to_query({"name": value}, CampaignFilters)


@pytest.mark.parametrize(
    ("name", "near"),
    [("nmae", "name"), ("queueId", "queue_id"), ("registred_end", "registered_end"), ("zzz", "Known are")],
)
async def test_a_filter_that_there_is_not_is_told_with_the_nearest(obi: Client, name: str, near: str) -> None:
    """A server would ignore it, and answer everything."""
    wrong: Any = {name: "x"}
    async with obi:
        with pytest.raises(TypeError, match=rf"no filter '{name}'.*{near}"):
            await obi.campaigns.list(**wrong)
    assert obi.stats.requests == 0


async def test_each_list_knows_its_own_filters(obi: Client) -> None:
    other: Any = {"external_id": "7"}
    customers: Any = {"queue_id": "Q"}
    async with obi:
        with pytest.raises(TypeError):
            await obi.campaigns.list(**other)
        with pytest.raises(TypeError):
            await obi.campaigns.get("C", **other)
        with pytest.raises(TypeError):
            await obi.statistics.list(**other)
        with pytest.raises(TypeError):
            await obi.customers.list("C", **customers)
        with pytest.raises(TypeError):
            await anext(obi.customers.iterate("C", **customers))
    assert obi.stats.requests == 0


@pytest.mark.parametrize(
    ("filters", "kind"),
    [
        ({"attribute_value": "x"}, CustomerFilters),
        ({"agent_id": "A"}, CampaignFilters),
        ({"statistics_date": date(2026, 5, 5), "statistics": False}, CampaignFilters),
        ({"statistics_date": date(2026, 5, 5)}, CampaignStatisticsFilters),
    ],
)
def test_a_filter_that_counts_beside_another_only_is_told_without_it(
    filters: dict[str, Any], kind: Any
) -> None:
    with pytest.raises(TypeError, match="counts beside"):
        to_query(filters, kind)


def test_agents_of_customers_and_of_statistics_need_nothing_beside_them() -> None:
    assert to_query({"agent_id": "A"}, CustomerFilters) == to_query({"agent_id": "A"}, StatisticsFilters)
