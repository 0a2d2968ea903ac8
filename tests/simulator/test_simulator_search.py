"""``GET …/customers``: which customers a query means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings, strategies as st

from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Simulator
from etl.simulator.handlers import (
    Handler,
    add_customers,
    get_campaign,
    get_statistics,
    list_campaigns,
    list_customers,
)
from etl.simulator.messages import Call, Refusal
from etl.simulator.store import Store

PATH = f"campaigns/{PREVIEW_CAMPAIGN}/customers"
NUMBER = "+442079460001"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(f"{simulator.base_url}/", timeout=timeout) as session:
        yield session


async def found(http: aiohttp.ClientSession, **query: str) -> list[str]:
    async with http.get(PATH, params=query) as answer:
        assert answer.status == 200, await answer.text()
        return [each["externalId"] for each in await answer.json()]


SEARCHED: list[dict[str, Any]] = [
    {"externalId": "A-1", "numbers": "+442079460001;+442079460002", "agentId": "A" * 32, "priority": 1},
    {"externalId": "A-2", "numbers": "0215428754", "agentId": "B" * 32, "dialingMode": "PREVIEW"},
    {"externalId": "A[3]", "numbers": "+442079460004", "date": "2027-06-01T12:00:00Z", "previewTime": 30},
    {
        "externalId": "b+4",
        "numbers": "+442079460005",
        "timeZone": "Europe/Rome",
        "attributes": [{"name": "Classification", "value": "Gold"}, {"name": "City", "value": "Öbo"}],
    },
    {"externalId": "c", "numbers": "+442079460006", "attributes": [{"name": "City", "value": "gold"}]},
]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["A-1", "A-2", "A[3]", "b+4", "c"]),
        ({"externalId": "A-1"}, ["A-1"]),
        ({"externalId": "a-1"}, []),
        ({"externalId": "A-*"}, ["A-1", "A-2"]),
        ({"externalId": "?-2"}, ["A-2"]),
        ({"externalId": "A[*"}, ["A[3]"]),
        ({"externalId": "A[3]"}, ["A[3]"]),
        ({"externalId": "b+4"}, ["b+4"]),
        ({"externalId": "' OR 1 --"}, []),
        ({"numbers": "0215428754"}, ["A-2"]),
        ({"numbers": "+442079460001"}, []),
        ({"numbers": "*+442079460002*"}, ["A-1"]),
        ({"agentId": f"{'b' * 32},{'C' * 32}"}, ["A-2"]),
        ({"agentId": f"{'A' * 32},{'B' * 32}"}, ["A-1", "A-2"]),
        ({"priority": "1"}, ["A-1"]),
        ({"previewTime": "3?"}, ["A[3]"]),
        ({"dialingMode": "PRE*"}, ["A-2"]),
        ({"timeZone": "Europe/*"}, ["b+4"]),
        ({"callCount": "0", "lastBNumber": "0", "externalId": "c"}, ["c"]),
        ({"result": "*"}, []),
        ({"callResult": "SUCCESS*"}, []),
        ({"classifier": "x"}, []),
        ({"date": "2027-06-01T11:59:59Z"}, ["A[3]"]),
        ({"date": "2027-06-01T12:00:00Z"}, []),
        ({"dateEnd": "2027-06-01T14:00:01+02:00"}, ["A[3]"]),
        ({"modificationDate": "2020-01-01T00:00:00.000Z", "modificationDateEnd": "2020-02-01"}, []),
        ({"modificationDate": "2020-01-01T00:00:00.000Z", "limit": "2"}, ["A-1", "A-2"]),
        ({"attributeName": "classification"}, ["b+4"]),
        ({"attributeName": "classification", "attributeValue": "gold"}, ["b+4"]),
        ({"attributeName": "City", "attributeValue": "gold"}, ["c"]),
        ({"attributeName": "City", "attributeValue": "Ö*"}, ["b+4"]),
        ({"attributeName": "phone1", "attributeValue": "0215428754"}, ["A-2"]),
        ({"offset": "1", "limit": "2"}, ["A-2", "A[3]"]),
        ({"offset": "99"}, []),
        ({"limit": "0"}, []),
        ({"fieldNobodyKnows": "x", "limit": "1"}, ["A-1"]),
        ({"includeScript": "true", "externalId": "c"}, ["c"]),
        ({"agentId": "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"}, ["A-2"]),
        ({"numbers": "+4420794600??"}, ["A[3]", "b+4", "c"]),
        ({"priority": "*"}, ["A-1"]),
        ({"priority": "01"}, []),
        ({"priority": "9" * 400}, []),
        ({"callCount": "?", "lastBNumber": "*", "timeZone": "*"}, ["b+4"]),
        ({"attributeName": "CITY"}, ["b+4", "c"]),
        ({"attributeName": "C*", "attributeValue": "GOLD"}, ["b+4", "c"]),
        ({"attributeName": "City", "attributeValue": "öBO"}, ["b+4"]),
        ({"attributeName": "City", "attributeValue": "ö*"}, ["b+4"]),
        ({"attributeName": ""}, []),
        ({"date": "2020-01-01", "dateEnd": "2030-01-01", "previewTime": "30"}, ["A[3]"]),
        ({"externalId": "*[3]"}, ["A[3]"]),
        ({"externalId": "A[!3]"}, []),
        ({"externalId": "*" * 3000}, ["A-1", "A-2", "A[3]", "b+4", "c"]),
        ({"offset": "5"}, []),
        ({"offset": "999999999", "limit": "999999999"}, []),
        ({"offset": "4", "limit": "999999999"}, ["c"]),
        ({"id": "x", "script": "x"}, ["A-1", "A-2", "A[3]", "b+4", "c"]),
    ],
)
async def test_customers_are_searched_by_their_fields_in_the_order_of_adding(
    http: aiohttp.ClientSession, query: dict[str, str], ids: list[str]
) -> None:
    async with http.post(f"{PATH}/list", json=SEARCHED) as answer:
        assert [item["statusCode"] for item in await answer.json()] == [201] * 5
    assert await found(http, **query) == ids


async def test_a_page_holds_a_hundred_by_default(http: aiohttp.ClientSession) -> None:
    rows = [{"externalId": str(number), "numbers": NUMBER} for number in range(130)]
    async with http.post(f"{PATH}/list", json=rows) as answer:
        assert answer.status == 200
    assert await found(http) == [str(number) for number in range(100)]
    assert await found(http, offset="100") == [str(number) for number in range(100, 130)]


async def test_a_script_is_shown_to_those_who_ask(http: aiohttp.ClientSession, simulator: Simulator) -> None:
    async with http.post(PATH, json={"numbers": NUMBER}) as answer:
        customer_id = await answer.text()
    script = {"name": "Survey", "answers": [{"question": "Again?", "answer": "yes"}]}
    simulator._service.store._db.execute("UPDATE customers SET script = ?", (json.dumps(script),))
    for query, shown in (({}, None), ({"includeScript": "true"}, script)):
        async with http.get(PATH, params=query) as answer:
            assert (await answer.json())[0].get("script") == shown
    async with http.get(f"{PATH}/{customer_id}") as answer:
        assert (await answer.json())["script"] == script


@pytest.mark.parametrize(
    "query",
    [
        {"attributeValue": "gold"},
        {"agentId": "A*"},
        {"agentId": ""},
        {"date": "soon"},
        {"dateEnd": "9999-12-31T23:59:59-12:00"},
        {"offset": "-1"},
        {"limit": "ten"},
        {"limit": "9" * 30},
        {"includeScript": "perhaps"},
        {"limit": ""},
        {"offset": "1.0"},
        {"offset": "\u0661"},
        {"agentId": f"{'A' * 32},B?"},
        {"agentId": ","},
        {"modificationDate": "2027-06-01T12:00Zulu"},
        {"externalId": "a\0b"},
        {"attributeName": "a\0*"},
    ],
)
async def test_a_search_that_cannot_be_read_is_refused(
    http: aiohttp.ClientSession, query: dict[str, str]
) -> None:
    async with http.get(PATH, params=query) as answer:
        assert answer.status == 400
        assert await answer.text()


async def test_paging_shows_everybody_once_whatever_the_size_of_a_page(http: aiohttp.ClientSession) -> None:
    rows = [{"externalId": str(number), "numbers": NUMBER} for number in range(257)]
    async with http.post(f"{PATH}/list", json=rows) as answer:
        assert answer.status == 200
    for size in (1, 7, 100, 256, 257, 300):
        seen: list[str] = []
        while page := await found(http, offset=str(len(seen)), limit=str(size)):
            assert len(page) <= size
            seen += page
        assert seen == [str(number) for number in range(257)]


async def test_who_is_added_while_somebody_pages_comes_at_the_end(http: aiohttp.ClientSession) -> None:
    async with http.post(f"{PATH}/list", json=SEARCHED) as answer:
        ids = [item["id"] for item in await answer.json()]
    seen = await found(http, limit="3")
    async with http.post(PATH, json={"externalId": "late", "numbers": NUMBER}) as answer:
        assert answer.status == 201
    seen += await found(http, offset="3", limit="3")
    assert seen == ["A-1", "A-2", "A[3]", "b+4", "c", "late"]
    # Who is deleted moves the others up; what is behind the page that was read last is not lost by it.
    async with http.delete(f"{PATH}/{ids[4]}") as answer:
        assert answer.status == 204
    assert await found(http, offset="3", limit="3") == ["b+4", "late"]


PARAMETERS = [
    "externalId",
    "numbers",
    "date",
    "modificationDateEnd",
    "agentId",
    "priority",
    "attributeName",
    "attributeValue",
    "offset",
    "limit",
]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12).filter(lambda text: "\0" not in text and text.isprintable() and text))
def test_a_customer_is_found_by_its_very_external_id(external_id: str) -> None:
    store = Store()
    body = json.dumps([{"externalId": external_id, "numbers": NUMBER}]).encode()
    assert (
        add_customers(store, Call(method="POST", path="", campaign=EXAMPLE_CAMPAIGN, body=body)).committed
        == 1
    )
    query = {"externalId": external_id}
    answer = list_customers(store, Call(method="GET", path="", campaign=EXAMPLE_CAMPAIGN, query=query))
    assert [each["externalId"] for each in json.loads(answer.body)] == [external_id]
    store.close()


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(PARAMETERS),
        st.text(st.characters(codec=None, categories=None)) | st.text("*?[]^-%_'\"\\\0\ud800", max_size=20),
    )
)
def test_whatever_customers_are_searched_by_is_answered_or_refused(query: dict[str, str]) -> None:
    store = Store()
    try:
        answer = list_customers(store, Call(method="GET", path="", campaign=EXAMPLE_CAMPAIGN, query=query))
    except Refusal as refusal:
        answer = refusal.answer
    assert answer.status == 400 or answer.body == b"[]"
    store.close()


OTHER_PARAMETERS = [
    "name",
    "total",
    "queueId",
    "endDate",
    "registeredEnd",
    "statistics",
    "statisticsDate",
    "agentId",
    "campaignId",
    "startDate",
]


@settings(max_examples=200, deadline=None)
@given(
    handler=st.sampled_from([list_campaigns, get_campaign, get_statistics]),
    query=st.dictionaries(
        st.sampled_from(OTHER_PARAMETERS),
        st.text()
        | st.text("*?[]^-\0\ud800", max_size=20)
        | st.sampled_from(["true", "A" * 32, "2027-01-01"]),
    ),
)
def test_whatever_else_is_searched_is_answered_or_refused(handler: Handler, query: dict[str, str]) -> None:
    store = Store()
    try:
        answer = handler(store, Call(method="GET", path="", campaign=EXAMPLE_CAMPAIGN, query=query))
    except Refusal as refusal:
        answer = refusal.answer
    assert answer.status in {200, 400}
    store.close()


@pytest.mark.parametrize("length", [10_000, 10_001, 1_000_000])
def test_a_pattern_of_any_length_is_answered_or_refused(length: int) -> None:
    store = Store()
    for name in ("externalId", "numbers", "attributeName"):
        for value in ("[" * (length - 1) + "*", "x" * length):
            call = Call(method="GET", path="", campaign=EXAMPLE_CAMPAIGN, query={name: value})
            if length > 10_000 and "*" in value:
                with pytest.raises(Refusal, match="too long"):
                    list_customers(store, call)
            else:
                assert list_customers(store, call).body == b"[]"
    store.close()


def test_a_thousand_agents_may_be_searched_for() -> None:
    store = Store()
    query = {"agentId": ",".join(f"{number:032X}" for number in range(100_000))}
    call = Call(method="GET", path="", campaign=EXAMPLE_CAMPAIGN, query=query)
    assert list_customers(store, call).body == b"[]"
    assert get_statistics(store, call).body == b"[]"
    store.close()
