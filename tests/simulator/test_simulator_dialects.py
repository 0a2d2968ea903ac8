"""What the interface's document leaves open, switched."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import etl.simulator
from etl.simulator import PREVIEW_CAMPAIGN, Dialect, Simulator
from etl.simulator.texts import TEXTS, localised

CUSTOMERS = f"campaigns/{PREVIEW_CAMPAIGN}/customers"
CITY = {"name": "City", "value": "Kyiv"}
PHONE = {"name": "Phone1", "value": "111"}
FORMS = [{"attribute": [CITY]}, {"attribute": CITY}, [CITY], CITY]

Open = Callable[..., AbstractAsyncContextManager[tuple[Simulator, aiohttp.ClientSession]]]


@pytest.fixture
def opened() -> Open:
    @asynccontextmanager
    async def open_one(**switches: Any) -> AsyncIterator[tuple[Simulator, aiohttp.ClientSession]]:
        async with (
            Simulator(dialect=Dialect(**switches)) as simulator,
            aiohttp.ClientSession(
                f"{simulator.base_url}/", timeout=aiohttp.ClientTimeout(total=10)
            ) as session,
        ):
            yield simulator, session

    return open_one


async def refusal(http: aiohttp.ClientSession, customer: object) -> str:
    async with http.post(CUSTOMERS, json=customer) as answer:
        assert answer.status == 400
        return await answer.text()


# --- attributes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "one", "two"),
    [
        ("wrapped", {"attribute": [PHONE]}, {"attribute": [CITY, PHONE]}),
        ("bare", [PHONE], [CITY, PHONE]),
        ("single", {"attribute": PHONE}, {"attribute": [CITY, PHONE]}),
    ],
)
async def test_attributes_are_answered_in_the_form_of_the_dialect(
    opened: Open, form: str, one: object, two: object
) -> None:
    async with opened(attributes=form) as (simulator, http):
        for posted in (None, *FORMS):
            async with http.post(CUSTOMERS, json={"numbers": "111", "attributes": posted}) as answer:
                assert answer.status == 201
                customer_id = await answer.text()
            async with http.get(f"{CUSTOMERS}/{customer_id}") as answer:
                assert (await answer.json())["attributes"] == (two if posted else one)
        async with http.get(CUSTOMERS) as answer:
            assert [each["attributes"] for each in await answer.json()] == [one, *[two] * 4]
        assert simulator.customers(PREVIEW_CAMPAIGN)[0]["attributes"] == {"attribute": [PHONE]}


@pytest.mark.parametrize("form", ["bare", "single"])
async def test_in_xml_attributes_are_the_same_in_every_dialect(opened: Open, form: str) -> None:
    async with opened(attributes=form) as (_, http):
        async with http.post(CUSTOMERS, json={"numbers": "111"}) as answer:
            assert answer.status == 201
        async with http.get(CUSTOMERS, headers={"Accept": "application/xml"}) as answer:
            assert (
                "<attributes><attribute><name>Phone1</name><value>111</value></attribute></attributes>"
                in await answer.text()
            )


@pytest.mark.parametrize("form", ["bare", "single"])
async def test_attributes_keep_their_form_when_an_answer_is_damaged(opened: Open, form: str) -> None:
    async with opened(attributes=form) as (simulator, http):
        async with http.post(CUSTOMERS, json={"numbers": "111"}) as answer:
            assert answer.status == 201
        for mode in ("long_array", "filter_ignored", "duplicate_ids"):
            simulator.add_fault(mode, method="GET", path="/customers", times=1)
            async with http.get(CUSTOMERS) as answer:
                assert answer.status == 200
                assert (b'"attributes":[{' if form == "bare" else b'"attribute":{') in await answer.read()
        simulator.add_fault("reset_mid_body", times=1)
        with pytest.raises(aiohttp.ClientPayloadError):
            async with http.get(CUSTOMERS) as answer:
                await answer.read()


# --- reasons -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "not_unique", "numbers", "unknown"),
    [
        (
            "en",
            "Invalid externalId: 007 : Value is not unique",
            "Invalid numbers: '+number;'",
            "Campaign not found",
        ),
        (
            "de",
            "Ungültige externalId: 007 : Der Wert ist nicht eindeutig",
            "Ungültiger Wert für numbers: '+number;'",
            "Kampagne nicht gefunden",
        ),
        (
            "fi",
            "Virheellinen externalId: 007 : Arvo ei ole yksilöllinen",
            "Virheellinen numbers: '+number;'",
            "Kampanjaa ei löydy",
        ),
    ],
)
async def test_reasons_are_in_the_language_of_the_dialect(
    opened: Open, language: str, not_unique: str, numbers: str, unknown: str
) -> None:
    async with opened(language=language) as (_, http):
        async with http.post(CUSTOMERS, json={"externalId": "007", "numbers": "111"}) as answer:
            assert answer.status == 201
        assert await refusal(http, {"externalId": "007", "numbers": "111"}) == not_unique
        assert await refusal(http, {"numbers": "+number;"}) == numbers
        items = [{"externalId": "007", "numbers": "111"}, {"numbers": "+number;"}]
        async with http.post(f"{CUSTOMERS}/list", json=items) as answer:
            assert [each["error"] for each in await answer.json()] == [not_unique, numbers]
        async with http.get("campaigns/unknown") as answer:
            assert (answer.status, await answer.text()) == (404, unknown)


REFUSED = [
    ("GET", "nowhere", "", b""),
    ("PATCH", "campaigns", "", b""),
    ("GET", f"{CUSTOMERS}?limit=x", "", b""),
    ("GET", f"{CUSTOMERS}/1", "", b""),
    ("POST", CUSTOMERS, "image/png", b"x"),
    ("POST", CUSTOMERS, "application/xml", b"x"),
    ("POST", CUSTOMERS, "application/json", b"x"),
    ("POST", f"{CUSTOMERS}/list", "application/json", b"{}"),
    ("PUT", f"campaigns/{PREVIEW_CAMPAIGN}/status", "", b"x"),
]


async def test_every_refusal_at_the_door_is_in_each_language_another(opened: Open) -> None:
    async def texts(language: str) -> list[str]:
        found = []
        async with opened(language=language) as (_, http):
            for method, path, media, body in REFUSED:
                headers = {"Content-Type": media}
                async with http.request(method, path, headers=headers, data=body) as answer:
                    assert 400 <= answer.status < 500
                    found.append(await answer.text())
        return found

    for in_all in zip(await texts("en"), await texts("de"), await texts("fi"), strict=True):
        assert len(set(in_all)) == 3


def sentences() -> Iterator[tuple[str, str]]:
    """Each reason in the simulator's code, with ``{}`` for what is put into it, and the call it stands in."""
    for path in Path(etl.simulator.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                at = {"Refusal": 1, "InvalidCustomerError": 0, "localised": 0}.get(node.func.id)
                if at is not None and isinstance(node.args[at], ast.Constant | ast.JoinedStr):
                    yield "".join(_parts(node.args[at])), path.name


def _parts(text: ast.expr) -> Iterator[str]:
    if isinstance(text, ast.Constant):
        yield str(text.value)
    elif isinstance(text, ast.JoinedStr):
        for part in text.values:
            yield str(part.value) if isinstance(part, ast.Constant) else "X"


def test_every_reason_of_the_code_has_its_text_in_every_language() -> None:
    found = list(sentences())
    assert len(found) > 25
    assert [
        each for each in found if localised(each[0], "de") == each[0] or localised(each[0], "fi") == each[0]
    ] == []


@pytest.mark.parametrize("english", TEXTS)
def test_texts_keep_what_is_put_into_them(english: str) -> None:
    for text in TEXTS[english]:
        assert text.count("{}") == english.count("{}")
    given = english.format(*"ABC")
    for language in ("de", "fi"):
        assert all(letter in localised(given, language) for letter in "ABC"[: english.count("{}")])
        assert localised(given, language) != given
    assert localised(given, "en") == given


# --- numbers, and what is no dialect -----------------------------------------------------------------


async def test_numbers_have_the_lengths_of_the_dialect(opened: Open) -> None:
    async with opened(shortest_number=5, longest_number=7) as (_, http):
        for numbers, status in (
            ("1234", 400),
            ("12345", 201),
            ("+1234567", 201),
            ("12345678", 400),
            ("12345;1", 400),
        ):
            async with http.post(CUSTOMERS, json={"numbers": numbers}) as answer:
                assert answer.status == status


@pytest.mark.parametrize(
    "switches",
    [
        {"attributes": "flat"},
        {"language": "sv"},
        {"unique": "world"},
        {"duplicates": "last"},
        {"shortest_number": 0},
        {"shortest_number": 9, "longest_number": 8},
    ],
)
def test_what_is_no_choice_is_refused(switches: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(switches)):
        Dialect(**switches)
