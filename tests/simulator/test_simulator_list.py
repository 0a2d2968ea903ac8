"""``POST …/customers/list``: the answers of the interface's document, item by item."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings, strategies as st

from etl.simulator import PREVIEW_CAMPAIGN, Simulator
from etl.simulator.handlers import add_customers
from etl.simulator.messages import Call
from etl.simulator.store import Store

PATH = f"campaigns/{PREVIEW_CAMPAIGN}/customers/list"
NUMBER = "+52145200;"
NOT_UNIQUE = "Invalid externalId: 007 : Value is not unique"

Items = list[dict[str, Any]]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(f"{simulator.base_url}/", timeout=timeout) as session:
        yield session


async def post(http: aiohttp.ClientSession, customers: object, **query: str) -> Items:
    async with http.post(PATH, json=customers, params=query) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "application/json"
        items: Items = await answer.json()
        return items


def codes(items: Items) -> list[int]:
    return [item["statusCode"] for item in items]


def customer(external_id: str | None = None, numbers: str = NUMBER) -> dict[str, Any]:
    return {"externalId": external_id, "numbers": numbers}


async def test_every_customer_gets_its_item_in_order(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    items = await post(http, [customer(str(number), f"+5214520{number}") for number in range(10)])
    assert codes(items) == [201] * 10
    kept = simulator.customers(PREVIEW_CAMPAIGN)
    assert [each["id"] for each in kept] == [item["id"] for item in items]
    assert [each["externalId"] for each in kept] == [str(number) for number in range(10)]


async def test_a_refused_item_does_not_hold_up_the_others(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    items = await post(http, [customer(), customer(numbers="+number;"), customer(), "no customer", None])
    assert codes(items) == [201, 400, 201, 400, 400]
    assert items[1] == {"statusCode": 400, "error": "Invalid numbers: '+number;'"}
    assert simulator.count(PREVIEW_CAMPAIGN) == 2


async def test_with_stop_one_refused_item_is_enough_for_nothing_to_be_created(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    customers = [customer("1"), customer(numbers="+number;"), customer("2")]
    items = await post(http, customers, stopProcessIfInvalidEntriesFound="true")
    assert items == [
        {"statusCode": 200},
        {"statusCode": 400, "error": "Invalid numbers: '+number;'"},
        {"statusCode": 200},
    ]
    assert simulator.count(PREVIEW_CAMPAIGN) == 0
    assert simulator.requests[-1].committed == 0


async def test_with_stop_and_nothing_refused_all_are_created(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    items = await post(http, [customer("1"), customer("2")], stopProcessIfInvalidEntriesFound="true")
    assert codes(items) == [201, 201]
    assert simulator.count(PREVIEW_CAMPAIGN) == 2


async def test_of_two_copies_in_a_request_the_first_is_created(http: aiohttp.ClientSession) -> None:
    items = await post(http, [customer("1"), customer("007"), customer("007"), customer("2")])
    assert codes(items) == [201, 201, 400, 201]
    assert items[2]["error"] == NOT_UNIQUE


async def test_with_stop_both_copies_in_a_request_are_refused(http: aiohttp.ClientSession) -> None:
    customers = [customer("1"), customer("007"), customer("2"), customer("007")]
    items = await post(http, customers, stopProcessIfInvalidEntriesFound="true")
    refused = {"error": NOT_UNIQUE, "statusCode": 400}
    assert items == [{"statusCode": 200}, refused, {"statusCode": 200}, refused]


async def test_a_copy_that_is_refused_for_another_reason_takes_no_external_id(
    http: aiohttp.ClientSession,
) -> None:
    items = await post(http, [customer("007", "+number"), customer("007")])
    assert codes(items) == [400, 201]


@pytest.mark.parametrize("stop", ["true", "false"])
async def test_an_external_id_of_an_earlier_request_is_refused(
    http: aiohttp.ClientSession, simulator: Simulator, stop: str
) -> None:
    await post(http, [customer("007")])
    items = await post(http, [customer("007")], stopProcessIfInvalidEntriesFound=stop)
    assert items == [{"error": NOT_UNIQUE, "statusCode": 400}]
    assert simulator.count(PREVIEW_CAMPAIGN) == 1


async def test_an_empty_list_gets_an_empty_answer(http: aiohttp.ClientSession) -> None:
    assert await post(http, []) == []


async def test_more_than_a_hundred_customers_are_taken(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    assert codes(await post(http, [customer(str(number)) for number in range(2500)])) == [201] * 2500
    assert simulator.count(PREVIEW_CAMPAIGN) == 2500


@pytest.mark.parametrize("body", [{"customers": []}, "text", None, 5])
async def test_a_body_that_is_no_array_is_refused_as_a_whole(
    http: aiohttp.ClientSession, body: object
) -> None:
    async with http.post(PATH, data=aiohttp.JsonPayload(body)) as answer:
        assert answer.status == 400
        assert await answer.text() == "An array of customers is expected"


async def test_a_stop_that_is_no_boolean_is_refused(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    query = {"stopProcessIfInvalidEntriesFound": "1"}
    async with http.post(PATH, json=[customer()], params=query) as answer:
        assert answer.status == 400
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


CUSTOMER = st.tuples(st.sampled_from([None, "1", "2", "3"]), st.sampled_from(["111", "x"]))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.lists(CUSTOMER, max_size=5)), max_size=4))
def test_the_answers_and_the_database_agree(
    requests: list[tuple[bool, list[tuple[str | None, str]]]],
) -> None:
    store = Store()
    created: list[str] = []
    for stop, customers in requests:
        body = json.dumps([customer(*each) for each in customers]).encode()
        query = {"stopProcessIfInvalidEntriesFound": str(stop)}
        call = Call(method="POST", path="", campaign=PREVIEW_CAMPAIGN, query=query, body=body)
        answer = add_customers(store, call)
        items = json.loads(answer.body)
        assert len(items) == len(customers)
        assert codes(items).count(201) == answer.committed
        assert not stop or 201 not in codes(items) or set(codes(items)) == {201}
        created += [item["id"] for item in items if item["statusCode"] == 201]
    kept = [json.loads(each) for each in store.bodies(PREVIEW_CAMPAIGN)]
    assert [each["id"] for each in kept] == created
    assert len({each["externalId"] for each in kept}) == len(kept)
    store.close()
