from __future__ import annotations

import asyncio
import io
import json
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings, strategies as st
from yarl import URL

from etl.simulator import EXAMPLE_CAMPAIGN, PREVIEW_CAMPAIGN, Simulator
from etl.simulator.customers import InvalidCustomerError, draft
from etl.simulator.dialect import Dialect

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


async def added(http: aiohttp.ClientSession, **customer: Any) -> str:
    async with http.post(PATH, json={"numbers": NUMBER, **customer}) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.text()


async def refused(http: aiohttp.ClientSession, **customer: Any) -> str:
    async with http.post(PATH, json=customer) as answer:
        assert answer.status == 400
        return await answer.text()


async def customer(http: aiohttp.ClientSession, customer_id: str) -> dict[str, Any]:
    async with http.get(f"{PATH}/{customer_id}") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


def attributes(shown: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["name"], each["value"]) for each in shown["attributes"]["attribute"]]


async def test_an_added_customer_is_answered_by_its_id_and_its_place(http: aiohttp.ClientSession) -> None:
    async with http.post(PATH, json={"numbers": NUMBER}, headers={"Accept": "text/html"}) as answer:
        assert (answer.status, answer.content_type) == (201, "text/html")
        customer_id = await answer.text()
        assert re.fullmatch(r"[0-9A-F]{32}", customer_id)
        place = answer.url.join(answer.url.with_path(answer.headers["Location"]))
    async with http.get(place) as answer:
        assert (await answer.json())["id"] == customer_id


async def test_a_customer_is_shown_in_the_interfaces_form(http: aiohttp.ClientSession) -> None:
    shown = await customer(
        http,
        await added(
            http,
            id="ignored",
            externalId="007",
            numbers="0215428754;98521542;",
            date="2027-03-01T12:00:00+02:00",
            agentId="38ffaea3-c2b5-4cd6-bcfb-ccf2006c0800",
            dialingMode="PREVIEW",
            previewTime=30,
            priority=5,
            timeZone="Europe/Helsinki",
            attributes={"attribute": [{"name": "City", "value": "Łódź"}]},
            unknownField=[1, 2],
        ),
    )
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown.pop("modificationDate"))
    assert re.fullmatch(r"[0-9A-F]{32}", shown.pop("id"))
    assert shown == {
        "externalId": "007",
        "numbers": "0215428754;98521542",
        "date": "2027-03-01T10:00:00Z",
        "agentId": "38FFAEA3C2B54CD6BCFBCCF2006C0800",
        "dialingMode": "PREVIEW",
        "previewTime": 30,
        "priority": 5,
        "timeZone": "Europe/Helsinki",
        "callCount": 0,
        "lastBNumber": 0,
        "attributes": {
            "attribute": [
                {"name": "City", "value": "Łódź"},
                {"name": "Phone1", "value": "0215428754"},
                {"name": "Phone2", "value": "98521542"},
            ]
        },
    }


@pytest.mark.parametrize(
    "posted",
    [
        {"attribute": [{"name": "City", "value": "Kyiv"}]},
        {"attribute": {"name": "City", "value": "Kyiv"}},
        [{"name": "City", "value": "Kyiv"}],
        {"name": "City", "value": "Kyiv"},
    ],
)
async def test_attributes_are_read_in_every_form_in_use(http: aiohttp.ClientSession, posted: object) -> None:
    shown = await customer(http, await added(http, attributes=posted))
    assert attributes(shown) == [("City", "Kyiv"), ("Phone1", NUMBER)]


@pytest.mark.parametrize("nothing", [None, [], {}, {"attribute": []}, {"attribute": None}])
async def test_attributes_may_be_missing(http: aiohttp.ClientSession, nothing: object) -> None:
    shown = await customer(http, await added(http, attributes=nothing))
    assert attributes(shown) == [("Phone1", NUMBER)]


async def test_given_numbers_beat_phone_attributes(http: aiohttp.ClientSession) -> None:
    phones = [{"name": "Phone1", "value": "111111"}, {"name": "Phone3", "value": "not a number"}]
    shown = await customer(http, await added(http, attributes=phones))
    assert shown["numbers"] == NUMBER
    assert attributes(shown) == [("Phone1", NUMBER)]


async def test_without_numbers_they_are_made_from_phone_attributes(http: aiohttp.ClientSession) -> None:
    phones = [{"name": "Phone2", "value": "222222"}, {"name": "Phone1", "value": "111111"}]
    shown = await customer(http, await added(http, numbers=None, attributes=phones))
    assert shown["numbers"] == "111111;222222"
    assert attributes(shown) == [("Phone1", "111111"), ("Phone2", "222222")]


@pytest.mark.parametrize(
    "phones", [[], [{"name": "Phone2", "value": "222222"}], [{"name": "Phone1", "value": ""}]]
)
async def test_without_numbers_phone1_is_mandatory(
    http: aiohttp.ClientSession, phones: list[dict[str, str]]
) -> None:
    assert "Phone1 is mandatory" in await refused(http, attributes=phones)


@pytest.mark.parametrize(
    "numbers",
    [
        "+number;",
        "+number",
        "12",
        "1" * 21,
        "+44 20 7946 0001",
        "+",
        ";",
        "111;;222",
        "111111;;",
        "111;222;333;444",
        "١٢٣٤٥",
        "111\n",
        "111\0",
        " 111",
    ],
)
async def test_numbers_that_break_the_grammar_are_echoed_as_given(
    http: aiohttp.ClientSession, numbers: str
) -> None:
    assert await refused(http, numbers=numbers) == f"Invalid numbers: '{numbers}'"


@pytest.mark.parametrize("numbers", ["+52145200", "0215428754", "123", "1" * 20, "111;222;333;", "111;111"])
async def test_numbers_within_the_grammar_are_kept(http: aiohttp.ClientSession, numbers: str) -> None:
    assert (await customer(http, await added(http, numbers=numbers)))["numbers"] == numbers.rstrip(";")


async def test_a_whole_number_may_be_written_as_a_fraction(http: aiohttp.ClientSession) -> None:
    shown = await customer(http, await added(http, priority=5.0, previewTime=0.0))
    assert (shown["priority"], shown["previewTime"]) == (5, 0)
    assert type(shown["priority"]) is int


@pytest.mark.parametrize(
    "broken",
    [
        {"externalId": 7},
        {"externalId": "a\0b"},
        {"externalId": "x" * 256},
        {"numbers": 442079460001},
        {"date": "31.12.2027"},
        {"date": "2027-02-30T00:00:00Z"},
        {"date": "0001-01-01T00:00:00+01:00"},
        {"date": 5},
        {"agentId": "38FF"},
        {"dialingMode": "PROGRESSIVE"},
        {"dialingMode": "preview"},
        {"previewTime": "30"},
        {"previewTime": -1},
        {"priority": 1.5},
        {"priority": 1e300},
        {"priority": True},
        {"priority": 10**30},
        {"timeZone": "Mars/Base"},
        {"attributes": "City"},
        {"attributes": [["City", "Rome"]]},
        {"attributes": [{"name": "Age", "value": 42}]},
        {"attributes": [{"name": "Age"}]},
        {"attributes": [{"name": "", "value": "x"}]},
        {"attributes": [{"name": "A", "value": "x\0"}]},
    ],
)
async def test_a_broken_field_refuses_the_customer(
    http: aiohttp.ClientSession, simulator: Simulator, broken: dict[str, Any]
) -> None:
    assert (await refused(http, **{"numbers": NUMBER, **broken})).startswith("Invalid ")
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_an_external_id_is_unique_within_a_campaign(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    await added(http, externalId="007")
    await added(http, externalId="7")
    assert await refused(http, externalId="007", numbers=NUMBER) == (
        "Invalid externalId: 007 : Value is not unique"
    )
    other = f"campaigns/{EXAMPLE_CAMPAIGN}/customers"
    async with http.post(other, json={"externalId": "007", "numbers": NUMBER}) as answer:
        assert answer.status == 201
    assert simulator.count(PREVIEW_CAMPAIGN) == 2


async def test_an_external_id_is_made_where_none_is_given(http: aiohttp.ClientSession) -> None:
    made = [(await customer(http, await added(http, externalId=none)))["externalId"] for none in (None, "")]
    assert all(made)
    assert len(set(made)) == 2


async def test_of_fifty_posts_at_once_of_one_external_id_one_is_created(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    async def post(number: int) -> int:
        body = {"externalId": "same", "numbers": f"+4420794600{number:02}"}
        if number % 2:
            async with http.post(PATH, json=body) as answer:
                return answer.status
        async with http.post(f"{PATH}/list", json=[body]) as answer:
            status: int = (await answer.json())[0]["statusCode"]
            return status

    statuses = await asyncio.gather(*map(post, range(50)))
    assert sorted(statuses) == [201] + [400] * 49
    assert simulator.count(PREVIEW_CAMPAIGN) == 1


async def test_two_simulators_on_one_file_create_an_external_id_once(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    async with Simulator(db=path) as one, Simulator(db=path) as two, aiohttp.ClientSession() as session:

        async def post(number: int) -> int:
            url = f"{(one, two)[number % 2].base_url}/{PATH}"
            async with session.post(url, json={"externalId": "same", "numbers": NUMBER}) as answer:
                return answer.status

        assert sorted(await asyncio.gather(*map(post, range(20)))) == [201] + [400] * 19
        assert one.count(PREVIEW_CAMPAIGN) == two.count(PREVIEW_CAMPAIGN) == 1


async def test_a_deleted_customer_is_gone_and_its_external_id_free(
    http: aiohttp.ClientSession, simulator: Simulator
) -> None:
    customer_id = await added(http, externalId="007")
    for status in (204, 404):
        async with http.delete(f"{PATH}/{customer_id}") as answer:
            assert answer.status == status
    async with http.get(f"{PATH}/{customer_id}") as answer:
        assert answer.status == 404
    await added(http, externalId="007")
    assert simulator.count(PREVIEW_CAMPAIGN) == 1


async def test_a_customer_belongs_to_its_campaign_alone(http: aiohttp.ClientSession) -> None:
    customer_id = await added(http)
    elsewhere = f"campaigns/{EXAMPLE_CAMPAIGN}/customers/{customer_id}"
    for method in ("GET", "DELETE"):
        async with http.request(method, elsewhere) as answer:
            assert answer.status == 404
    id36 = str(uuid.UUID(customer_id))
    assert (await customer(http, id36))["id"] == customer_id


MALFORMED = [
    b"",
    b"{",
    b"[" * 100_000,
    b'{"numbers": "\xff"}',
    b'{"numbers": "\\ud800"}',
    b'{"numbers": "12\x003"}',
    b'{"numbers": NaN}',
    b'{"numbers": 1e999}',
    b'{"numbers": "111",}',
]


@pytest.mark.parametrize("body", MALFORMED)
@pytest.mark.parametrize("path", [PATH, f"{PATH}/list"])
async def test_malformed_json_is_refused_with_a_reason(
    http: aiohttp.ClientSession, path: str, body: bytes
) -> None:
    async with http.post(path, data=body, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 400
        assert (await answer.text()).startswith("Malformed JSON")


@pytest.mark.parametrize("body", ["text", 5, None, [], [{"numbers": NUMBER}]])
async def test_a_customer_is_an_object(http: aiohttp.ClientSession, body: object) -> None:
    payload = json.dumps(body).encode()
    async with http.post(PATH, data=payload, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("segment", ["%00", "%ff", "..%2f", "'%20OR%201", "a" * 4000])
async def test_a_path_that_names_nobody_is_not_found(
    http: aiohttp.ClientSession, simulator: Simulator, segment: str
) -> None:
    for path in (f"campaigns/{segment}", f"{PATH}/{segment}"):
        async with http.get(URL(f"{simulator.base_url}/{path}", encoded=True)) as answer:
            assert answer.status == 404


async def test_a_huge_body_is_refused(http: aiohttp.ClientSession) -> None:
    body = io.BytesIO(b" " * (16 * 2**20 + 1))
    async with http.post(PATH, data=body, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 413
        assert await answer.text()


async def test_a_body_that_is_not_what_its_encoding_says_is_refused(http: aiohttp.ClientSession) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with http.post(PATH, data=b"{}", headers=headers) as answer:
        assert answer.status == 400


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    "externalId",
    "numbers",
    "date",
    "agentId",
    "dialingMode",
    "previewTime",
    "priority",
    "timeZone",
    "attributes",
]


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES) | JSON_VALUES)
def test_whatever_json_is_posted_makes_a_customer_or_a_reason(posted: object) -> None:
    made = reason = None
    try:
        made = draft(posted, now="2026-11-24T07:00:00.000Z", dialect=Dialect())
    except InvalidCustomerError as error:
        reason = str(error)
    assert made is not None or (reason is not None and reason.startswith("Invalid "))
    assert made is None or (made.numbers and made.external_id)
