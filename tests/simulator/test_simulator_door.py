"""Media types, credentials, refusals and the rest of what a request meets before its handler."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings, strategies as st

from etl.simulator import PREVIEW_CAMPAIGN, Simulator, formats
from etl.simulator.messages import JSON, XML

CAMPAIGN = f"campaigns/{PREVIEW_CAMPAIGN}"
CUSTOMERS = f"{CAMPAIGN}/customers"
CUSTOMER = {"externalId": "1", "numbers": "+442079460001"}

Open = Callable[..., AbstractAsyncContextManager[tuple[Simulator, aiohttp.ClientSession]]]


@pytest.fixture
def opened() -> Open:
    """A simulator with these options, and a session that sends no header unasked."""

    @asynccontextmanager
    async def open_one(**options: Any) -> AsyncIterator[tuple[Simulator, aiohttp.ClientSession]]:
        async with (
            Simulator(**options) as simulator,
            aiohttp.ClientSession(
                f"{simulator.base_url}/",
                skip_auto_headers=("Accept", "Content-Type"),
                timeout=aiohttp.ClientTimeout(total=10),
            ) as session,
        ):
            yield simulator, session

    return open_one


# --- Accept ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/xml", XML),
        ("text/xml", XML),
        ("APPLICATION/XML ; charset=utf-8", XML),
        ("application/xml, application/json", JSON),
        ("application/json;q=0.5, application/xml", XML),
        ("application/json, application/xml;q=0.9", JSON),
        ("application/xml;q=0.2, */*;q=0.1", XML),
        ("application/json;q=0, */*", XML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", XML),
        ("text/html", JSON),
        ("image/png", JSON),
        ("application/xml;q=0", JSON),
        ("nonsense;;;q=x,,/", JSON),
    ],
)
async def test_an_answer_is_json_unless_xml_is_preferred(
    opened: Open, accept: str | None, media: str
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    async with opened() as (_, http):
        for path in ("campaigns", CAMPAIGN, CUSTOMERS, "statistics", f"{CAMPAIGN}/customerResultStatistics"):
            async with http.get(path, headers=headers) as answer:
                assert (answer.status, answer.headers["Content-Type"]) == (200, f"{media}; charset=utf-8")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("*/*", 200),
        ("application/*;q=0.1", 200),
        ("application/json", 200),
        ("text/html, application/xml;q=0.1", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("application/*;q=0.0", 406),
        ("nonsense", 406),
    ],
)
async def test_strict_wants_json_or_xml_accepted(opened: Open, accept: str | None, status: int) -> None:
    headers = {} if accept is None else {"Accept": accept}
    async with opened(strict=True) as (_, http), http.get("campaigns", headers=headers) as answer:
        assert answer.status == status
        if status == 406:
            assert await answer.text() == "Accept: application/json or application/xml is expected"


@pytest.mark.parametrize(
    ("accept", "status"), [(None, 201), ("text/html", 201), ("text/*", 201), ("*/*", 201), (JSON, 406)]
)
async def test_strict_wants_html_accepted_for_the_id_of_a_customer(
    opened: Open, accept: str | None, status: int
) -> None:
    headers = {"Content-Type": JSON} | ({} if accept is None else {"Accept": accept})
    async with opened(strict=True) as (simulator, http):
        async with http.post(CUSTOMERS, data=json.dumps(CUSTOMER), headers=headers) as answer:
            assert answer.status == status
        assert simulator.count(PREVIEW_CAMPAIGN) == (status == 201)


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/xml", 200), ("text/html", 200), ("*/*", 200), ("image/png", 406), ("text/plain", 406)],
)
async def test_strict_wants_json_xml_or_html_accepted_for_a_list_of_customers(
    opened: Open, accept: str, status: int
) -> None:
    headers = {"Content-Type": JSON, "Accept": accept}
    async with opened(strict=True) as (simulator, http):
        async with http.post(f"{CUSTOMERS}/list", data=json.dumps([CUSTOMER]), headers=headers) as answer:
            assert answer.status == status
        assert simulator.count(PREVIEW_CAMPAIGN) == (status == 200)


@pytest.mark.parametrize("strict", [True, False])
async def test_a_list_is_answered_in_json_also_to_who_accepts_html(opened: Open, *, strict: bool) -> None:
    async with opened(strict=strict) as (_, http):
        for accept, media in ((None, JSON), ("text/html", JSON), ("text/html;q=0.5, application/xml", XML)):
            headers = {"Content-Type": JSON} | ({} if accept is None else {"Accept": accept})
            async with http.post(f"{CUSTOMERS}/list", data=b"[]", headers=headers) as answer:
                assert (answer.status, answer.content_type) == (200, media)


async def test_put_and_delete_have_no_answer_and_so_no_type(opened: Open) -> None:
    async with opened(strict=True) as (simulator, http):
        for status in ("Passive", "Active"):
            headers = {"Content-Type": "text/plain", "Accept": "image/png"}
            async with http.put(f"{CAMPAIGN}/status", data=status, headers=headers) as answer:
                assert (answer.status, await answer.read()) == (204, b"")
                assert "Content-Type" not in answer.headers
        assert [each.answer_type for each in simulator.requests] == ["", ""]


MEDIA = st.sampled_from(["application/json", "application/xml", "text/html", "application/*", "*/*", "x"])
RANGES = st.lists(
    st.tuples(MEDIA, st.sampled_from(["", ";q=0", ";q=0.5", ";q=1", ";q=9", ";q="])), min_size=1
)


@settings(max_examples=300, deadline=None)
@given(RANGES | st.text(max_size=30).map(lambda text: [(text, "")]))
def test_weights_are_within_bounds_whatever_is_accepted(ranges: list[tuple[str, str]]) -> None:
    accept = ",".join(name + q for name, q in ranges)
    assert 0 <= formats.quality(accept, JSON) <= 1
    preferred = formats.preferred(accept)
    assert preferred in {JSON, XML}
    if formats.accepts_either(accept):
        other = XML if preferred == JSON else JSON
        assert formats.quality(accept, preferred) >= formats.quality(accept, other)


# --- Content-Type ------------------------------------------------------------------------------------

AS_JSON = json.dumps(CUSTOMER).encode()
AS_XML = b"<customer><externalId>1</externalId><numbers>+442079460001</numbers></customer>"


@pytest.mark.parametrize(
    "body", [AS_JSON, b" \n" + AS_JSON, AS_XML, b"\n " + AS_XML, b"\xef\xbb\xbf" + AS_XML]
)
@pytest.mark.parametrize(
    "media", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "json"]
)
async def test_a_body_without_a_useful_type_is_guessed_by_its_first_byte(
    opened: Open, media: str | None, body: bytes
) -> None:
    headers = {} if media is None else {"Content-Type": media}
    async with opened() as (simulator, http):
        async with http.post(CUSTOMERS, data=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
        assert simulator.customers(PREVIEW_CAMPAIGN)[0]["externalId"] == "1"


@pytest.mark.parametrize(
    "media", ["image/png", "multipart/form-data; boundary=x", "application/zip", "video/mp4"]
)
async def test_a_body_that_surely_is_neither_is_refused(opened: Open, media: str) -> None:
    async with opened() as (simulator, http):
        for path in (CUSTOMERS, f"{CUSTOMERS}/list"):
            async with http.post(path, data=AS_JSON, headers={"Content-Type": media}) as answer:
                assert answer.status == 415
                assert await answer.text() == "Content-Type: application/json or application/xml is expected"
        async with http.put(f"{CAMPAIGN}/status", data=b"Passive", headers={"Content-Type": media}) as answer:
            assert (answer.status, await answer.text()) == (415, "Content-Type: text/plain is expected")
        assert sum(each.committed for each in simulator.requests) == 0


@pytest.mark.parametrize("media", [None, "text/plain", "text/json", "application/vnd.x+json", "json"])
async def test_strict_wants_the_right_type_of_a_body(opened: Open, media: str | None) -> None:
    headers = {} if media is None else {"Content-Type": media}
    async with opened(strict=True) as (simulator, http):
        for path in (CUSTOMERS, f"{CUSTOMERS}/list"):
            async with http.post(path, data=AS_JSON, headers=headers) as answer:
                assert answer.status == 415
        async with http.put(CAMPAIGN, data=b"{}", headers=headers) as answer:
            assert answer.status == 415
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_strict_wants_a_status_in_plain_text(opened: Open) -> None:
    async with opened(strict=True) as (_, http):
        for media, status in ((JSON, 415), (XML, 415), ("text/html", 415), ("text/plain;charset=utf-8", 204)):
            headers = {"Content-Type": media}
            async with http.put(f"{CAMPAIGN}/status", data="Passive", headers=headers) as answer:
                assert answer.status == status


async def test_a_status_is_taken_from_who_forgets_its_type(opened: Open) -> None:
    async with opened() as (_, http):
        for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": JSON}):
            async with http.put(f"{CAMPAIGN}/status", data="Active\n", headers=headers) as answer:
                assert answer.status == 204


# --- charsets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("", "utf-8"),
        ("; charset=utf-8", "utf-8"),
        ('; charset="UTF-8"', "utf-8-sig"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
        ("; charset=utf-16", "utf-16"),
        (";charset=UTF-16LE", "utf-16-le"),
        ("; x=y; charset=iso-8859-1", "iso-8859-1"),
        ("; charset=windows-1252", "cp1252"),
        ("; charset=iso-8859-1", "utf-8-sig"),
    ],
)
@pytest.mark.parametrize("media", [JSON, XML])
async def test_a_body_is_read_in_its_charset(opened: Open, media: str, charset: str, codec: str) -> None:
    text = (AS_JSON if media == JSON else AS_XML).decode().replace('"1"', '"Köln"').replace(">1<", ">Köln<")
    headers = {"Content-Type": media + charset}
    async with opened() as (simulator, http):
        async with http.post(CUSTOMERS, data=text.encode(codec), headers=headers) as answer:
            assert answer.status == 201, await answer.text()
        assert simulator.customers(PREVIEW_CAMPAIGN)[0]["externalId"] == "Köln"


@pytest.mark.parametrize(
    "charset", ["klingon", "hex", "idna", "punycode", "utf-7", "unicode_escape", "é", "a" * 999]
)
async def test_a_charset_that_is_not_known_is_refused(opened: Open, charset: str) -> None:
    async with opened() as (simulator, http):
        for media in (JSON, XML, "text/plain"):
            headers = {"Content-Type": f"{media}; charset={charset}"}
            async with http.post(CUSTOMERS, data=AS_JSON, headers=headers) as answer:
                assert answer.status == 415
                assert await answer.text() == "Content-Type: this charset is not known"
        assert simulator.count(PREVIEW_CAMPAIGN) == 0


# --- credentials -------------------------------------------------------------------------------------


def basic(credentials: str) -> str:
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


@pytest.mark.parametrize(
    ("auth", "good", "scheme"),
    [
        ("basic:user:pass:word", basic("user:pass:word"), "Basic"),
        ("basic:üser:päss", basic("üser:päss"), "Basic"),
        ("basic:user:", basic("user:"), "Basic"),
        ("bearer:a.b.c:d", "Bearer a.b.c:d", "Bearer"),
    ],
)
async def test_only_the_right_credentials_open_the_door(
    opened: Open, auth: str, good: str, scheme: str
) -> None:
    async with opened(auth=auth) as (simulator, http):
        for given in (
            None,
            "",
            "Basic",
            "Bearer",
            good + "x",
            good[:-1],
            good.split()[1],
            "Basic \u00ff",
            "é",
        ):
            headers = {} if given is None else {"Authorization": given}
            async with http.get("campaigns", headers=headers) as answer:
                assert (answer.status, await answer.text()) == (401, "Not authorised")
                assert answer.headers["WWW-Authenticate"] == f'{scheme} realm="OBI"'
        for name in (scheme, scheme.lower(), scheme.upper()):
            headers = {"Authorization": f"{name} {good.partition(' ')[2]}"}
            async with http.get("campaigns", headers=headers) as answer:
                assert answer.status == 200
        assert [each.status for each in simulator.requests] == [401] * 9 + [200] * 3


async def test_credentials_come_before_everything_else(opened: Open) -> None:
    async with opened(auth="bearer:t", strict=True) as (simulator, http):
        for method, path in (
            ("GET", "nowhere"),
            ("POST", "campaigns"),
            ("PUT", CAMPAIGN),
            ("POST", CUSTOMERS),
        ):
            headers = {"Content-Type": "image/png", "Accept": "image/png"}
            async with http.request(method, path, data=b"{", headers=headers) as answer:
                assert answer.status == 401
        assert len(simulator.requests) == 4


@pytest.mark.parametrize("auth", ["user:pass", "basic:user", "basic:", "bearer:", "digest:u:p", ":"])
def test_an_authorisation_that_nobody_could_meet_is_told(auth: str) -> None:
    with pytest.raises(ValueError, match="basic:USER:PASSWORD or bearer:TOKEN"):
        Simulator(auth=auth)


# --- paths and methods -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["nowhere", "campaigns/", f"{CAMPAIGN}/nothing", f"{CUSTOMERS}/1/2", "Campaigns", ""]
)
async def test_where_nothing_is_a_sentence_says_so(opened: Open, path: str) -> None:
    async with opened() as (simulator, http), http.get(path) as answer:
        assert (answer.status, answer.content_type) == (404, "text/plain")
        assert await answer.text() == "There is nothing at this path"
        assert [each.status for each in simulator.requests] == [404]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "campaigns", "GET"),
        ("DELETE", CAMPAIGN, "GET, PUT"),
        ("GET", f"{CAMPAIGN}/status", "PUT"),
        ("PATCH", CUSTOMERS, "GET, POST"),
        ("PUT", f"{CUSTOMERS}/1", "DELETE, GET"),
        ("OPTIONS", "statistics", "GET"),
        ("GET", f"{CUSTOMERS}/list", "POST"),
    ],
)
async def test_a_method_that_is_not_allowed_is_told_which_are(
    opened: Open, method: str, path: str, allow: str
) -> None:
    async with opened() as (_, http), http.request(method, path) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, allow)
        assert await answer.text() == "This method is not allowed here"


async def test_beside_the_interface_a_sentence_says_that_nothing_is_there(opened: Open) -> None:
    async with opened() as (simulator, http):
        root = simulator.base_url.removesuffix("/RI/obi")
        for path in ("/RI", "/RI/obix", "/favicon.ico", "/_sim/nothing"):
            async with http.get(f"{root}{path}") as answer:
                assert (answer.status, await answer.text()) == (404, "There is nothing at this path")
        assert simulator.requests == []


async def test_a_bug_would_be_a_logged_500_and_no_end_of_the_connection(
    opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """That no request gets so far is what the tests of bad input show."""
    async with opened() as (simulator, http):
        monkeypatch.setattr(simulator._service.store, "campaigns", None)
        async with http.get("campaigns") as answer:
            assert (answer.status, await answer.text()) == (500, "Internal error")
        assert [each.levelname for each in caplog.records] == ["ERROR"]
        async with http.get(CAMPAIGN) as answer:
            assert answer.status == 200


# --- the clock and the log ---------------------------------------------------------------------------


async def test_every_answer_is_dated_by_the_simulators_clock(opened: Open) -> None:
    async with opened() as (simulator, http):
        simulator._service.store.clock.move(400 * 24 * 3600)
        for method, path in (
            ("GET", "campaigns"),
            ("GET", "nowhere"),
            ("GET", simulator.control_url + "/faults"),
        ):
            async with http.request(method, path) as answer:
                ahead = parsedate_to_datetime(answer.headers["Date"]).isoformat()
        async with http.post(CUSTOMERS, json=CUSTOMER) as answer:
            assert answer.status == 201
        modified = simulator.customers(PREVIEW_CAMPAIGN)[0]["modificationDate"]
        assert ahead[:16] == modified[:16] == simulator.requests[-1].time[:16]


async def test_the_log_tells_media_types_and_numbers(opened: Open) -> None:
    async with opened() as (simulator, http):
        headers = {"Content-Type": "application/json; charset=utf-8", "Accept": "text/html"}
        async with http.post(CUSTOMERS, data=AS_JSON, headers=headers) as answer:
            assert answer.status == 201
        async with http.get(f"{CUSTOMERS}?limit=1&limit=2", headers={"Accept": XML}) as answer:
            assert answer.status == 200
        one, two = simulator.requests
        assert (one.number, one.accept, one.content_type) == (1, "text/html", headers["Content-Type"])
        assert (one.answer_type, one.committed) == ("text/html", 1)
        assert (two.number, two.query, two.answer_type, two.committed) == (2, "limit=1&limit=2", XML, 0)
        async with http.get(f"{simulator.control_url}/requests?since=1") as answer:
            (logged,) = await answer.json()
            assert logged["number"] == 2
