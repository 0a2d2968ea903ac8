"""The calls one by one, over a real socket or a scripted aiohttp."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from aioresponses import CallbackResult, aioresponses
from yarl import URL

from etl.errors import ConfigError, UnknownOutcomeError
from etl.obi import Client, Connection
from etl.obi.models import CampaignStatus, NewCustomer
from etl.obi.proxy import proxy_for

BASE = "https://obi.example.com/RI/obi"
CUSTOMERS = f"{BASE}/campaigns/C/customers"


def example(name: str) -> bytes:
    """The body of this name, in the document's shape."""
    return (Path(__file__).parent / "fixtures" / f"{name}.json").read_bytes()


@pytest.fixture
def obi() -> Client:
    return Client(Connection(base_url=f"{BASE}/"))


async def drain(obi: Client, **more: Any) -> list[list[str]]:
    """The externalIds of every page."""
    async with obi:
        pages = [page async for page in obi.customers.pages("C", **more)]
    return [[customer.external_id or "" for customer in page] for page in pages]


class Campaign:
    """Customers behind a mocked ``GET customers`` with a server's habits, good and bad."""

    def __init__(self, mocked: aioresponses, ids: list[str]) -> None:
        self.customers = [{"id": f"{at:032X}", "externalId": name} for at, name in enumerate(ids)]
        self.cap = 100
        self.filters = True
        self.pages = True
        self.asked = 0
        mocked.get(re.compile(f"^{CUSTOMERS}"), callback=self.answer, repeat=True)

    def answer(self, _url: URL, **kwargs: Any) -> CallbackResult:
        self.asked += 1
        assert self.asked < 50, "an endless loop"
        query = kwargs["params"]
        found = self.customers
        if self.filters and "externalId" in query:
            wanted = query["externalId"].casefold()
            found = [item for item in found if item["externalId"].casefold() == wanted]
        if self.pages:
            start = int(query["offset"])
            found = found[start : start + min(int(query["limit"]), self.cap)]
        return CallbackResult(payload=found)  # type: ignore[arg-type]


async def test_pages_come_until_one_is_empty(mocked_http: aioresponses, obi: Client) -> None:
    campaign = Campaign(mocked_http, [str(at) for at in range(250)])
    pages = await drain(obi)
    assert [len(page) for page in pages] == [100, 100, 50]
    assert [*chain(*pages)] == [str(at) for at in range(250)]
    assert campaign.asked == 4


async def test_a_server_that_caps_the_page_loses_no_customer(mocked_http: aioresponses, obi: Client) -> None:
    Campaign(mocked_http, [str(at) for at in range(100)]).cap = 30
    pages = await drain(obi, page_size=60)
    assert [len(page) for page in pages] == [30, 30, 30, 10]
    assert len({name for page in pages for name in page}) == 100


async def test_a_server_that_ignores_the_offset_ends_the_walk(mocked_http: aioresponses, obi: Client) -> None:
    campaign = Campaign(mocked_http, ["1", "2", "3"])
    campaign.pages = False
    assert await drain(obi, page_size=2) == [["1", "2", "3"]]
    assert campaign.asked == 2


async def test_a_customer_that_moved_to_the_next_page_comes_once(
    mocked_http: aioresponses, obi: Client
) -> None:
    first, second, third = ({"id": f"{at}", "externalId": f"{at}"} for at in range(3))
    for page in ([first, second], [second, third], []):
        mocked_http.get(re.compile(f"^{CUSTOMERS}"), payload=page)
    assert await drain(obi, page_size=2) == [["0", "1"], ["2"]]


async def test_an_empty_campaign_has_no_page(mocked_http: aioresponses, obi: Client) -> None:
    Campaign(mocked_http, [])
    assert await drain(obi) == []


async def test_find_gives_the_customer_with_exactly_this_external_id(
    mocked_http: aioresponses, obi: Client
) -> None:
    campaign = Campaign(mocked_http, ["a7", "A7", "007", "7"])
    async with obi:
        for name in ("A7", "7", "007"):
            found = await obi.customers.find("C", name)
            assert found
            assert found.external_id == name
        campaign.asked = 0
        assert await obi.customers.find("C", "8") is None
        assert campaign.asked == 1
        assert await obi.customers.find("C", " 7") is None
        assert not obi.customers.ignores_filters


async def test_find_walks_on_where_the_filter_is_ignored_and_says_so(
    mocked_http: aioresponses, obi: Client
) -> None:
    campaign = Campaign(mocked_http, [str(at) for at in range(1000, 1250)])
    campaign.filters = False
    async with obi:
        found = await obi.customers.find("C", "1249")
        assert found
        assert found.id == f"{249:032X}"
        assert obi.customers.ignores_filters
        assert await obi.customers.find("C", "77") is None
    assert campaign.asked == 3 + 4


async def test_a_case_variant_is_no_sign_of_an_ignored_filter(mocked_http: aioresponses, obi: Client) -> None:
    Campaign(mocked_http, ["a7"])
    async with obi:
        assert await obi.customers.find("C", "A7") is None
        assert not obi.customers.ignores_filters


@pytest.mark.parametrize("body", [b"null", b"true", b'"OK"'])
async def test_a_word_that_is_no_id_leaves_the_outcome_in_doubt(
    mocked_http: aioresponses, obi: Client, body: bytes
) -> None:
    mocked_http.post(CUSTOMERS, status=200, body=body)
    async with obi:
        with pytest.raises(UnknownOutcomeError):
            await obi.customers.add("C", NewCustomer(external_id="7"))


@pytest.mark.parametrize("status", [200, 201, 202, 207])
async def test_any_2xx_is_a_success(mocked_http: aioresponses, obi: Client, status: int) -> None:
    mocked_http.post(f"{CUSTOMERS}/list", status=status, body=b'[{"statusCode":201,"id":"A"}]')
    mocked_http.post(CUSTOMERS, status=status, body=b"A")
    mocked_http.put(f"{BASE}/campaigns/C/status", status=status)
    mocked_http.delete(f"{CUSTOMERS}/K", status=status)
    async with obi:
        assert len(await obi.customers.add_list("C", [b"{}"])) == 1
        assert await obi.customers.add("C", NewCustomer(external_id="7")) == "A"
        await obi.campaigns.set_status("C", CampaignStatus.PASSIVE)
        await obi.customers.delete("C", "K")


async def test_campaigns_and_single_things_are_found_where_the_document_says(
    mocked_http: aioresponses, obi: Client
) -> None:
    mocked_http.get(f"{BASE}/campaigns?name=Re*&statistics=true", body=example("campaigns"))
    mocked_http.get(f"{BASE}/campaigns/C", body=example("campaign"))
    mocked_http.get(f"{CUSTOMERS}?externalId=43&limit=5&offset=10", body=example("customers"))
    mocked_http.get(f"{CUSTOMERS}/K", body=example("customer"))
    async with obi:
        assert len(await obi.campaigns.list(name="Re*", statistics=True)) == 2
        assert (await obi.campaigns.get("C")).name == "Renewals"
        assert len(await obi.customers.list("C", external_id="43", offset=10, limit=5)) == 2
        assert (await obi.customers.get("C", "K")).external_id == "0042"


@pytest.mark.parametrize(
    "bad",
    [
        {"base_url": ""},
        {"base_url": "obi.example.com/RI/obi"},
        {"base_url": "ftp://obi.example.com"},
        {"base_url": "https://"},
        {"base_url": "https://[broken"},
        {"base_url": "https://obi example.com/RI/obi"},
        {"base_url": "https://user:secret@obi.example.com/RI/obi"},
        {"base_url": "https://obi.example.com/RI/obi?key=secret"},
        {"username": "a:b", "password": "secret"},
        {"token": "secret\nX-Evil: 1"},
        {"token": "two secrets"},
        {"headers": {"x-api-key": "secret\r\nX-Evil: 1"}},
        {"headers": {"x api key": "secret"}},
        {"headers": {"": "secret"}},
        {"headers": {"Content-Length": "5"}},
        {"ca_bundle": "/nowhere/ca.pem"},
        {"ca_bundle": __file__},
        {"token_command": "echo 'secret"},
        {"token_command": "  "},
        {"token_command": "secret-that-is-no-program"},
        {"client_key": "/nowhere/secret.pem"},
        {"client_cert": "/nowhere/client.pem"},
        {"media_type": "secret"},
    ],
)
def test_a_connection_that_can_not_be_used_is_refused_before_anything_is_sent(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Client(Connection(**{"base_url": BASE, **bad}))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        (BASE, {}, None),
        (BASE, {"https_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        (BASE, {"https_proxy": "proxy.example:3128"}, "http://proxy.example:3128"),
        (BASE, {"all_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        (BASE, {"http_proxy": "http://proxy.example:3128"}, None),
        (BASE, {"https_proxy": "http://proxy.example:3128", "no_proxy": "example.com"}, None),
        (BASE, {"https_proxy": "http://proxy.example:3128", "no_proxy": "*"}, None),
        ("http://10.1.2.3/obi", {"http_proxy": "http://p:1", "no_proxy": "x, 10.0.0.0/8"}, None),
        ("http://10.1.2.3/obi", {"http_proxy": "http://p:1", "no_proxy": "10.2.0.0/16"}, "http://p:1"),
        ("http://localhost:8080/obi", {"http_proxy": "http://p:1"}, None),
        ("http://127.0.0.2/obi", {"http_proxy": "http://p:1"}, None),
        ("http://[::1]/obi", {"http_proxy": "http://p:1"}, None),
    ],
)
def test_the_proxy_is_the_environment_s(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], proxy: str | None
) -> None:
    monkeypatch.setattr("os.environ", environment)
    assert proxy_for(URL(url)) == (URL(proxy) if proxy else None)


@pytest.mark.parametrize("proxy", ["http://u:word@[bad", "http://u:word@proxy.example:99999"])
def test_a_proxy_that_is_no_url_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setattr("os.environ", {"https_proxy": proxy})
    with pytest.raises(ConfigError, match="mend HTTPS_PROXY") as caught:
        proxy_for(URL(BASE))
    assert "word" not in str(caught.value)


def test_a_socks_proxy_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"all_proxy": "socks5://proxy.example:1080"})
    with pytest.raises(ConfigError, match="socks5 proxy"):
        proxy_for(URL(BASE))
