"""Which status and which body becomes which error."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal

import pytest
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientPayloadError,
    ServerDisconnectedError,
)
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import aioresponses
from hypothesis import given, strategies as st

from etl import errors
from etl.errors import (
    ApiError,
    BadRequestError,
    ContractError,
    NotAuthorisedError,
    NotFoundError,
    RefusedError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UnfitRequestError,
    UnknownOutcomeError,
    UnreachableError,
)
from etl.obi import Client, Connection
from etl.obi.models import Attributes, CampaignStatus, CampaignUpdate, DialingMode, NewCustomer, encode
from etl.obi.privacy import EXCERPT, masked

BASE = "https://obi.example.com/RI/obi"
ANY_URL = re.compile(r"^https://obi\.example\.com/")
KEY = ConnectionKey(
    "obi.example.com", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
)

UPDATE = CampaignUpdate(name="Renewals", dialing_mode=DialingMode.PREVIEW, queue_id="Q")

Call = Callable[[Client], Awaitable[object]]
CALLS: dict[str, Call] = {
    "GET campaigns": lambda obi: obi.campaigns.list(),
    "GET campaigns/ID": lambda obi: obi.campaigns.get("C"),
    "GET campaigns/ID/customerResultStatistics": lambda obi: obi.campaigns.result_statistics("C"),
    "GET statistics": lambda obi: obi.statistics.list(),
    "GET customers": lambda obi: obi.customers.list("C"),
    "GET customers/ID": lambda obi: obi.customers.get("C", "K"),
    "POST customers": lambda obi: obi.customers.add("C", NewCustomer(external_id="7")),
    "POST customers/list": lambda obi: obi.customers.add_list("C", [b"{}", b"{}"]),
    "PUT campaigns/ID": lambda obi: obi.campaigns.update("C", UPDATE),
    "PUT campaigns/ID/status": lambda obi: obi.campaigns.set_status("C", CampaignStatus.PASSIVE),
    "DELETE customers/ID": lambda obi: obi.customers.delete("C", "K"),
}
CHANGES = [name for name in CALLS if not name.startswith("GET")]
GETS = [name for name in CALLS if name.startswith("GET")]

CERTAIN: dict[int, type[ApiError]] = {
    302: NotAuthorisedError,
    400: BadRequestError,
    401: NotAuthorisedError,
    403: NotAuthorisedError,
    404: NotFoundError,
    405: UnfitRequestError,
    406: UnfitRequestError,
    407: NotAuthorisedError,
    409: BadRequestError,
    410: NotFoundError,
    413: TooLargeError,
    415: UnfitRequestError,
    422: BadRequestError,
}
IN_DOUBT = [408, 444, 460, 499, 500, 501, 502, 503, 504, 520, 599, 799]


@pytest.fixture
def sleeps() -> list[float]:
    """The waits that the client asked for, in seconds."""
    return []


@pytest.fixture
def sleep(sleeps: list[float]) -> Callable[[float], Awaitable[None]]:
    """Remembers the wait and does not wait."""

    async def remember(seconds: float) -> None:
        sleeps.append(seconds)
        await asyncio.sleep(0)

    return remember


@pytest.fixture
async def obi(sleep: Callable[[float], Awaitable[None]]) -> Client:
    return Client(Connection(base_url=BASE, attempts=3), sleep=sleep)


async def fails(obi: Client, name: str) -> ApiError:
    """The error of the call ``name``."""
    async with obi:
        with pytest.raises(ApiError) as caught:
            await CALLS[name](obi)
    assert caught.value.call == name
    assert str(caught.value).startswith(f"{name} at obi.example.com: ")
    return caught.value


def script(
    mocked: aioresponses,
    name: str,
    *,
    status: int = 200,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> None:
    """The same answer to every request of the call ``name``'s method."""
    mocked.add(ANY_URL, method=name.partition(" ")[0], status=status, body=body, repeat=True, headers=headers)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", CERTAIN)
async def test_a_refusal_is_final_and_certain_for_every_call(
    mocked_http: aioresponses, obi: Client, name: str, status: int
) -> None:
    script(mocked_http, name, status=status)
    error = await fails(obi, name)
    assert type(error) is CERTAIN[status]
    assert isinstance(error, RefusedError)
    assert error.status == status
    assert obi.stats.requests == 1


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("status", IN_DOUBT)
async def test_any_other_status_leaves_a_change_in_doubt(
    mocked_http: aioresponses, obi: Client, name: str, status: int
) -> None:
    script(mocked_http, name, status=status, headers={"Retry-After": "0"})
    error = await fails(obi, name)
    assert type(error) is UnknownOutcomeError
    assert error.status == status
    assert obi.stats.requests == 1


@pytest.mark.parametrize("name", GETS)
@pytest.mark.parametrize("status", IN_DOUBT)
async def test_any_other_status_makes_a_get_try_again_and_then_give_up(
    mocked_http: aioresponses, obi: Client, name: str, status: int
) -> None:
    script(mocked_http, name, status=status)
    error = await fails(obi, name)
    assert type(error) is UnavailableError
    assert error.exit_code == 7
    assert obi.stats.requests == 3


@pytest.mark.parametrize("name", CALLS)
async def test_too_many_requests_means_not_processed_and_is_tried_again(
    mocked_http: aioresponses, obi: Client, name: str, sleeps: list[float]
) -> None:
    script(mocked_http, name, status=429, headers={"Retry-After": "7"})
    error = await fails(obi, name)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 7
    assert obi.stats.requests == 3
    assert all(7 <= seconds <= 7.5 for seconds in sleeps)


def connector_error() -> ClientConnectorError:
    return ClientConnectorError(KEY, ConnectionRefusedError(111, "Connection refused"))


@pytest.mark.parametrize("name", CALLS)
async def test_no_connection_is_certain_and_tried_again(
    mocked_http: aioresponses, obi: Client, name: str
) -> None:
    mocked_http.add(ANY_URL, method=name.partition(" ")[0], exception=connector_error(), repeat=True)
    error = await fails(obi, name)
    assert type(error) is UnreachableError
    assert "Connection refused" in str(error)
    assert obi.stats.requests == 3


async def test_an_untrusted_certificate_is_not_tried_again_and_names_the_setting(
    mocked_http: aioresponses, obi: Client
) -> None:
    untrusted = ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("self-signed"))
    mocked_http.add(ANY_URL, method="POST", exception=untrusted, repeat=True)
    error = await fails(obi, "POST customers")
    assert type(error) is UnreachableError
    assert "OBI_CA_BUNDLE" in str(error)
    assert obi.stats.requests == 1


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(
    "lost", [TimeoutError(), ServerDisconnectedError(), ClientPayloadError("cut"), ConnectionResetError()]
)
async def test_a_lost_answer_leaves_a_change_in_doubt(
    mocked_http: aioresponses, obi: Client, name: str, lost: Exception
) -> None:
    mocked_http.add(ANY_URL, method=name.partition(" ")[0], exception=lost, repeat=True)
    assert type(await fails(obi, name)) is UnknownOutcomeError
    assert obi.stats.requests == 1


LIST_ANSWERS = {
    "empty": b"",
    "a blank": b" ",
    "html": b"<html><body>Log in</body></html>",
    "cut": b'[{"statusCode":201},{"statusCo',
    "no list": b'{"statusCode":201}',
    "null": b"null",
    "a list of something else": b"[1,2]",
    "too short": b'[{"statusCode":201,"id":"A"}]',
    "too long": b'[{"statusCode":201},{"statusCode":201},{"statusCode":201}]',
    "none": b"[]",
    "an item without a statusCode": b'[{"statusCode":201},{"id":"A"}]',
    "a statusCode of null": b'[{"statusCode":201},{"statusCode":null}]',
    "a broken statusCode": b'[{"statusCode":201},{"statusCode":201.5}]',
    "a wordy statusCode": b'[{"statusCode":201},{"statusCode":"created"}]',
    "a true statusCode": b'[{"statusCode":201},{"statusCode":true}]',
    "an id that is no text": b'[{"statusCode":201},{"statusCode":201,"id":{}}]',
    "invalid UTF-8": b'[{"statusCode":201},{"statusCode":400,"error":"\xff"}]',
    "something behind": b'[{"statusCode":201},{"statusCode":201}] x',
}


@pytest.mark.parametrize("body", LIST_ANSWERS.values(), ids=LIST_ANSWERS)
async def test_an_answer_that_does_not_tell_of_every_item_leaves_the_batch_in_doubt(
    mocked_http: aioresponses, obi: Client, body: bytes
) -> None:
    script(mocked_http, "POST customers/list", body=body)
    error = await fails(obi, "POST customers/list")
    assert type(error) is UnknownOutcomeError
    assert error.status == 200
    assert obi.stats.requests == 1


@pytest.mark.parametrize(
    "name", ["POST customers", "PUT campaigns/ID", "PUT campaigns/ID/status", "DELETE customers/ID"]
)
async def test_a_page_where_nothing_or_an_id_was_due_leaves_a_change_in_doubt(
    mocked_http: aioresponses, obi: Client, name: str
) -> None:
    script(mocked_http, name, body=b"\n<!DOCTYPE html><html>Log in</html>")
    assert type(await fails(obi, name)) is UnknownOutcomeError


@pytest.mark.parametrize("name", GETS)
@pytest.mark.parametrize("body", [b"", b"<html>Log in</html>", b'{"id":', b"[1]", b'"text"', b'[{"name":1}]'])
async def test_a_get_that_stays_unreadable_breaks_the_contract(
    mocked_http: aioresponses, obi: Client, name: str, body: bytes
) -> None:
    script(mocked_http, name, body=body)
    error = await fails(obi, name)
    assert type(error) is ContractError
    assert error.exit_code == 9
    assert obi.stats.requests == 3


async def test_every_error_of_the_tree_is_produced_by_something(
    mocked_http: aioresponses, sleep: Callable[[float], Awaitable[None]]
) -> None:
    name = "POST customers/list"
    produced: set[type[ApiError]] = set()
    for status in [*CERTAIN, 429, *IN_DOUBT]:
        mocked_http.add(ANY_URL, method="POST", status=status, repeat=3 if status == 429 else 1)
        produced.add(type(await fails(Client(Connection(base_url=BASE, attempts=3), sleep=sleep), name)))
    mocked_http.add(ANY_URL, method="POST", exception=connector_error())
    produced.add(type(await fails(Client(Connection(base_url=BASE, attempts=1)), name)))
    mocked_http.add(ANY_URL, method="GET", status=500)
    produced.add(type(await fails(Client(Connection(base_url=BASE, attempts=1)), "GET campaigns")))
    mocked_http.add(ANY_URL, method="GET", body=b"<html>")
    produced.add(type(await fails(Client(Connection(base_url=BASE, attempts=1)), "GET campaigns")))
    assert produced == set(leaves(ApiError)) | {UnavailableError}


def leaves(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    """The error classes below ``kind`` that have none below them."""
    below: list[type[ApiError]] = [
        value for value in vars(errors).values() if isinstance(value, type) and value.__base__ is kind
    ]
    if not below:
        yield kind
    for child in below:
        yield from leaves(child)


async def test_a_bad_request_keeps_its_body_in_clear_and_out_of_the_message(
    mocked_http: aioresponses, obi: Client
) -> None:
    body = "Invalid numbers: '+44 20 7946 0123' of jane.doe@example.com"
    script(mocked_http, "POST customers", status=400, body=body.encode())
    error = await fails(obi, "POST customers")
    assert isinstance(error, BadRequestError)
    assert error.body == body
    assert error.excerpt == "Invalid numbers: '+*************23' of ***@***"
    assert error.excerpt in str(error)
    assert "7946" not in str(error)


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("name", CALLS)
async def test_what_proves_who_we_are_is_in_no_error_even_where_the_server_repeats_it(
    mocked_http: aioresponses, sleep: Callable[[float], Awaitable[None]], name: str, status: int
) -> None:
    obi = Client(
        Connection(
            base_url=BASE,
            attempts=1,
            username="u",
            password="pass-word",
            headers={"x-api-key": "pass-word-2"},
        ),
        sleep=sleep,
    )
    echo = b"<p>Authorization: Basic dTpwYXNzLXdvcmQ= (u:pass-word) x-api-key: pass-word-2</p>"
    script(mocked_http, name, status=status, body=echo)
    error = await fails(obi, name)
    assert error.excerpt == "Authorization: Basic *** (u:***) x-api-key: ***"
    assert "pass-word" not in repr(vars(error))
    assert "dTpw" not in repr(vars(error))


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize("media_type", ["json", "xml"])
async def test_what_was_sent_of_a_person_is_in_no_error_even_where_the_server_repeats_it(
    status: int, media_type: Literal["json", "xml"], mocked_http: aioresponses
) -> None:
    customer = NewCustomer(
        external_id="EXT-Okoye",
        numbers="+442079460101;0042",
        attributes=Attributes.of([("City", "Leeds"), ("Surname", "Okoye")]),
    )
    told = "No: EXT-Okoye of Leeds, Okoye, +442079460101 0042 (City)"
    mocked_http.post(f"{BASE}/campaigns/C/customers/list", status=status, body=told)
    mocked_http.get(
        f"{BASE}/campaigns/C/customers?externalId=EXT-Okoye&limit=100&offset=0", status=400, body=told
    )
    connection = Connection(base_url=BASE, media_type=media_type, attempts=1)
    async with Client(connection) as obi:
        with pytest.raises(ApiError) as raised:
            await obi.customers.add_list("C", [encode(customer)])
        with pytest.raises(ApiError) as looked:
            await obi.customers.list("C", external_id="EXT-Okoye")
    for error in (raised.value, looked.value):
        assert "EXT" not in f"{error} {error.excerpt}"
    for personal in ("Okoye", "Leeds", "442079460101", "0042"):
        assert personal not in f"{raised.value} {raised.value.excerpt}"
    assert "(City)" in raised.value.excerpt


@pytest.mark.parametrize(
    ("status", "headers", "advice"),
    [
        (401, {}, "none were given; set OBI_USERNAME and OBI_PASSWORD"),
        (403, {}, "lacks the rights"),
        (407, {}, "proxy wants credentials"),
        (302, {"Location": "https://sso.example.com/login?u=1"}, "redirected to sso.example.com"),
        (302, {"Location": "/login"}, "redirected to another page"),
        (302, {"Location": "http://[broken"}, "redirected to another page"),
        (302, {}, "redirected to another page"),
    ],
)
async def test_not_authorised_says_which(
    mocked_http: aioresponses, obi: Client, status: int, headers: dict[str, str], advice: str
) -> None:
    script(mocked_http, "GET campaigns", status=status, headers=headers)
    error = await fails(obi, "GET campaigns")
    assert advice in str(error)
    assert error.exit_code == 6


async def test_credentials_that_were_refused_are_to_be_checked(mocked_http: aioresponses) -> None:
    script(mocked_http, "GET campaigns", status=401)
    connection = Connection(base_url=BASE, username="me", password="expired")
    error = await fails(Client(connection), "GET campaigns")
    assert "check OBI_USERNAME and OBI_PASSWORD" in str(error)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+442079460123", "+**********23"),
        ("020 7946 0123 / 0121-496-0456", "***********23 / ***********56"),
        ("HTTP 404, 007", "HTTP 404, 007"),
        ("a@b.example and 'c.d@e.example'", "***@*** and '***@***'"),
        ("<title>502</title><h1>502</h1>", "502 502"),
        ("<h1>502\n Bad   Gateway</h1>", "502 Bad Gateway"),
        ("\x1b]0;owned\x07 12\u200b34\x00 no", "]0;owned ***34 no"),
        ("x" * 500, "x" * (EXCERPT - 1) + "…"),
    ],
)
def test_an_excerpt_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(st.text(st.sampled_from("0123456789 +-./()abc@<>\n"), max_size=300))
def test_no_four_digits_of_a_number_survive_the_mask(text: str) -> None:
    line = masked(text)
    assert not re.search(r"\d{4}", line)
    assert len(line) <= EXCERPT
    assert "\n" not in line


async def test_errors_in_flight_do_not_mix(mocked_http: aioresponses, obi: Client) -> None:
    """One retrier serves all calls: what each of them waits for and raises stays its own."""
    for status in (500, 404):
        mocked_http.get(re.compile(rf".*/{status}-\d+$"), status=status, repeat=True)
    async with obi:
        paths = [f"{status}-{at}" for at in range(10) for status in (500, 404)]
        found = await asyncio.gather(*map(obi.campaigns.get, paths), return_exceptions=True)
    assert [type(error) for error in found] == [UnavailableError, NotFoundError] * 10
