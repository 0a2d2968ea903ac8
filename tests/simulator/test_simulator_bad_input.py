"""Bad input over raw sockets: a 4xx with a reason, never a 500, never a hang, and nothing is committed."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl.simulator import PREVIEW_CAMPAIGN, Simulator

CAMPAIGN = f"/RI/obi/campaigns/{PREVIEW_CAMPAIGN}"
CUSTOMERS = f"{CAMPAIGN}/customers"
LIST = f"{CUSTOMERS}/list"
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
ONE = b'{"externalId":"1","numbers":"+442079460001"}'
MIB = 2**20

Exchange = Callable[[bytes], Awaitable[tuple[int, dict[str, str], bytes]]]


def request(
    method: str, path: str | bytes, headers: dict[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """A request as it goes over the wire; with a body it says how long it is, unless ``headers`` do."""
    path = path if isinstance(path, bytes) else path.encode()
    given = {"Host": "x", "Connection": "close"} | (headers or {})
    if body is not None and not given.keys() & {"Content-Length", "Transfer-Encoding"}:
        given["Content-Length"] = str(len(body))
    lines = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in given.items())
    return method.encode() + b" " + path + b" HTTP/1.1\r\n" + lines + b"\r\n" + (body or b"")


def post(headers: dict[str, str], body: bytes, path: str = CUSTOMERS) -> bytes:
    return request("POST", path, headers, body)


async def talk(simulator: Simulator, sent: bytes, *, end: bool = False) -> bytes:
    """All that comes back until the connection ends; with ``end`` the sending side is closed at once."""
    host, port = simulator.base_url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(20):
            writer.write(sent)
            if end:
                writer.write_eof()
            return await reader.read()
    finally:
        writer.close()


@pytest.fixture
async def simulator(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Simulator]:
    """One that must not stumble: a bug would be in the log."""
    async with Simulator() as running:
        yield running
    assert caplog.records == []


@pytest.fixture
def exchange(simulator: Simulator) -> Exchange:
    """Send bytes: the status, the headers and the body that come back."""

    async def one(sent: bytes) -> tuple[int, dict[str, str], bytes]:
        head, _, body = (await talk(simulator, sent)).partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body

    return one


def entities(depth: int = 9) -> bytes:
    declared = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(depth))
    return f"<!DOCTYPE c [{declared}]><c><numbers>&e{depth - 1};</numbers></c>".encode()


def deflated(body: bytes, window: int) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(body) + packer.flush()


BODIES = {
    "no JSON": post(JSON, b"{"),
    "no body": post(JSON, b""),
    "no UTF-8": post(JSON, b'{"numbers":"\xff"}'),
    "a lone surrogate": post(JSON, b'{"externalId":"\\ud800","numbers":"111"}'),
    "a lone surrogate in UTF-16": post(
        {"Content-Type": "application/json; charset=utf-16"}, b"\xff\xfe\0\xd8"
    ),
    "a NUL in an id": post(JSON, b'{"externalId":"a\\u0000b","numbers":"111"}'),
    "a NUL in JSON": post(JSON, b'{"numbers":"1\x0011"}'),
    "a float beyond floats": post(JSON, b'{"priority":1e400,"numbers":"111"}'),
    "an integer of 31 digits": post(JSON, b'{"priority":1%s,"numbers":"111"}' % (b"0" * 30)),
    "an integer of a million digits": post(JSON, b'{"x":1%s,"numbers":"111"}' % (b"0" * 10**6)),
    "deep JSON": post(JSON, b'{"x":' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
    "deep attributes": post(JSON, b'{"numbers":"111","attributes":' + b"[" * 900 + b"]" * 900 + b"}"),
    "an array for an object": post(JSON, b"[%s]" % ONE),
    "an object for an array": post(JSON, ONE, LIST),
    "wrong types": post(JSON, b'{"externalId":1,"numbers":[]}'),
    "ten megabytes of a number": post(JSON, b'{"numbers":"%s"}' % (b"1" * 10**7)),
    "ten megabytes of numbers": post(JSON, b'{"numbers":"%s"}' % (b"1;" * 5 * 10**6)),
    "JSON called XML": post(XML, ONE),
    "XML called JSON": post(JSON, b"<customer><numbers>111</numbers></customer>"),
    "no XML": post(XML, b"<customer>"),
    "no XML at all": post(XML, b""),
    "two roots": post(XML, b"<c/><c/>"),
    "entities that multiply": post(XML, entities()),
    "an external entity": post(
        XML, b'<!DOCTYPE c [<!ENTITY e SYSTEM "file:///etc/hosts">]><c><numbers>&e;</numbers></c>'
    ),
    "an external DTD": post(
        XML, b'<!DOCTYPE c SYSTEM "http://127.0.0.1:9/x.dtd"><c><numbers>111</numbers></c>'
    ),
    "a DTD": post(XML, b"<!DOCTYPE c><c><numbers>111</numbers></c>"),
    "an unknown entity": post(XML, b"<c><numbers>&nbsp;</numbers></c>"),
    "deep XML": post(XML, b"<a>" * 10**5),
    "deep XML that ends": post(XML, b"<a>" * 33 + b"</a>" * 33),
    "an encoding that nobody knows": post(XML, b'<?xml version="1.0" encoding="x"?><c/>'),
    "an encoding of more than a byte": post(XML, b'<?xml version="1.0" encoding="utf-7"?><c/>'),
    "an encoding that is none of text": post(XML, b'<?xml version="1.0" encoding="hex"?><c/>'),
    "XML that is no UTF-8": post(XML, b"<c><numbers>\xff</numbers></c>"),
    "a NUL in XML": post(XML, b"<c>\0</c>"),
    "an undeclared prefix": post(XML, b"<o:c/>"),
    "text for a customer": post(XML, b"<c>hello</c>"),
    "text for a list": post(XML, b"<customers>hello</customers>", LIST),
    "an image": post({"Content-Type": "image/png"}, b"\x89PNG\r\n"),
    "an unknown charset": post({"Content-Type": "application/json; charset=x"}, ONE),
    "an unknown coding": post(JSON | {"Content-Encoding": "br"}, ONE),
    "no gzip": post(JSON | {"Content-Encoding": "gzip"}, ONE),
    "half a gzip": post(JSON | {"Content-Encoding": "gzip"}, gzip.compress(ONE)[:-9]),
    "more than a gzip": post(JSON | {"Content-Encoding": "gzip"}, gzip.compress(ONE) + b"x"),
    "no deflate": post(JSON | {"Content-Encoding": "deflate"}, ONE),
    "a gzip of nothing": post(JSON | {"Content-Encoding": "gzip"}, b""),
    "a broken status": request("PUT", f"{CAMPAIGN}/status", {}, b"\xff\xfe\0"),
    "no status": request("PUT", f"{CAMPAIGN}/status", {}, b""),
    "a campaign of the wrong shape": request("PUT", CAMPAIGN, JSON, b"[]"),
    "a campaign with half its fields": request("PUT", CAMPAIGN, XML, b"<c><name>x</name></c>"),
}


@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES.keys())
async def test_a_bad_body_is_refused_with_a_reason(
    exchange: Exchange, simulator: Simulator, sent: bytes
) -> None:
    before = await exchange(request("GET", CAMPAIGN))
    status, headers, body = await exchange(sent)
    assert status in {400, 415}
    assert headers["Content-Type"].startswith("text/plain")
    assert 0 < len(body) < 1000
    assert b"\n" not in body
    assert simulator.requests[-1].committed == 0
    assert (await exchange(request("GET", CAMPAIGN)))[2] == before[2]


LARGE = {
    "more than its length": post(JSON | {"Content-Length": str(10**12)}, ONE),
    "blanks": post(JSON, b" " * (16 * MIB + 1)),
    "chunks": post(
        JSON | {"Transfer-Encoding": "chunked"}, b"%x\r\n%s\r\n" % (MIB, b" " * MIB) * 17 + b"0\r\n\r\n"
    ),
    "a gzip that swells": post(JSON | {"Content-Encoding": "gzip"}, gzip.compress(b" " * 40 * MIB, 1)),
    "a deflate that swells": post(JSON | {"Content-Encoding": "deflate"}, deflated(b" " * 40 * MIB, 15)),
    "a gzip in a gzip": post(
        JSON | {"Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b" " * 40 * MIB))
    ),
}


@pytest.mark.parametrize("sent", LARGE.values(), ids=LARGE.keys())
async def test_too_large_a_body_is_refused_however_it_is_packed(
    exchange: Exchange, simulator: Simulator, sent: bytes
) -> None:
    status, _, body = await exchange(sent)
    assert (status, body) == (413, b"More than 16777216 bytes in one request")
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_ten_megabytes_of_customers_are_taken(exchange: Exchange, simulator: Simulator) -> None:
    customer = {"numbers": "+442079460001", "attributes": [{"name": "Note", "value": "x" * 2100}]}
    body = json.dumps([customer] * 5000).encode()
    assert len(body) > 10 * MIB
    status, _, answer = await exchange(post(JSON, body, LIST))
    assert (status, len(json.loads(answer))) == (200, 5000)
    assert simulator.count(PREVIEW_CAMPAIGN) == 5000


@pytest.mark.parametrize("entry", [b"1,", b"[],", b'{"numbers":"111"},'])
async def test_too_many_customers_are_refused_without_looking_at_them(
    exchange: Exchange, simulator: Simulator, entry: bytes
) -> None:
    body = b"[" + entry * 500_000 + entry[:-1] + b"]"
    status, _, reason = await exchange(post(JSON, body, LIST))
    assert (status, reason) == (413, b"More than 10000 customers in one request")
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "gzip"}, gzip.compress(ONE, mtime=0)),
        ({"Content-Encoding": "GZIP, identity"}, gzip.compress(ONE, mtime=0)),
        ({"Content-Encoding": "x-gzip"}, gzip.compress(ONE, mtime=0)),
        ({"Content-Encoding": "deflate"}, deflated(ONE, 15)),
        ({"Content-Encoding": "deflate"}, deflated(ONE, -15)),
        ({"Content-Encoding": "deflate, gzip"}, gzip.compress(deflated(ONE, 15), mtime=0)),
        ({"Content-Encoding": "identity"}, ONE),
        (
            {"Transfer-Encoding": "chunked"},
            b"5;x=y\r\n%s\r\n%x\r\n%s\r\n0\r\nX: y\r\n\r\n" % (ONE[:5], len(ONE) - 5, ONE[5:]),
        ),
        ({"Expect": "100-continue"}, ONE),
    ],
)
async def test_a_packed_or_chunked_body_is_a_body(
    simulator: Simulator, headers: dict[str, str], body: bytes
) -> None:
    answer = await talk(simulator, post(JSON | headers, body))
    assert answer.startswith(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201" if "Expect" in headers else b"HTTP/1.1 201"
    )
    assert simulator.count(PREVIEW_CAMPAIGN) == 1


PATHS = [
    "/RI/obi/campaigns/%00",
    "/RI/obi/campaigns/%ff%fe",
    "/RI/obi/campaigns/%zz",
    "/RI/obi/campaigns/%",
    "/RI/obi/campaigns/" + "a" * 8000,
    f"/RI/obi/campaigns%2F{PREVIEW_CAMPAIGN}",
    f"/RI/obi/campaigns/..%2fcampaigns%2f{PREVIEW_CAMPAIGN}",
    f"{CAMPAIGN};x=1",
    f"{CAMPAIGN}/",
    f"{CAMPAIGN}//customers",
    f"//RI/obi/campaigns/{PREVIEW_CAMPAIGN}",
    "/RI/obi/%2e%2e/obi/campaigns",
    "/RI/obi/campaigns/../campaigns",
    "/RI/obi/./campaigns",
    "/../../../../etc/hosts",
    "/RI/obi/..%5c..%5cetc",
    f"{CUSTOMERS}/' OR 1=1 --".replace(" ", "%20"),
    f"{CUSTOMERS}/%F0%9F%98%80",
    f"{CUSTOMERS}/{PREVIEW_CAMPAIGN}",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_trick_in_a_path_finds_nothing(
    exchange: Exchange, simulator: Simulator, method: str, path: str
) -> None:
    status, _, body = await exchange(request(method, path))
    assert status in ({404} if method == "GET" else {404, 405})
    assert body
    status, _, body = await exchange(request("GET", "/_sim/requests"))
    assert (status, len(json.loads(body))) == (200, len(simulator.requests))


@pytest.mark.parametrize(
    "query",
    [
        "limit=",
        "limit=-1",
        "limit=1.5",
        "limit=1e3",
        "offset=99999999999999999999",
        "limit=%D9%A3",
        "limit=+1",
        "limit=%00",
        "date=",
        "date=yesterday",
        "dateEnd=2020-02-30",
        "modificationDate=0000-00-00T00:00:00Z",
        "agentId=",
        "agentId=,",
        "agentId=*",
        "includeScript=",
        "includeScript=maybe",
        "attributeValue=x",
    ],
)
async def test_a_bad_query_is_refused_with_a_reason(exchange: Exchange, query: str) -> None:
    status, _, body = await exchange(request("GET", f"{CUSTOMERS}?{query}"))
    assert status == 400
    assert query.partition("=")[0].encode() in body or b"attributeName" in body


@pytest.mark.parametrize(
    "query",
    [
        "externalId=%ff",
        "externalId=%zz%",
        "externalId=%00",
        "=",
        "&&&=&=x&externalId",
        "unknown=%F0%9F%98%80",
        "externalId=" + "*a" * 2000,
        "numbers=" + "[" * 2000,
        "attributeName=%5B%5Ea-%5D*",
        "limit=3&limit=bad",
        "agentId=" + ",".join([PREVIEW_CAMPAIGN] * 200),
        "externalId='%20OR%20'1'='1",
    ],
)
async def test_an_odd_query_finds_nobody_or_is_refused(exchange: Exchange, query: str) -> None:
    await exchange(post(JSON, b'{"externalId":"%s","numbers":"111"}' % (b"a" * 255)))
    status, _, body = await exchange(request("GET", f"{CUSTOMERS}?{query}"))
    assert status in {200, 400}
    assert status == 400 or isinstance(json.loads(body), list)


async def test_of_a_repeated_parameter_the_first_value_counts(exchange: Exchange) -> None:
    for number in (b"1", b"2", b"3"):
        await exchange(post(JSON, b'{"externalId":"%s","numbers":"111"}' % number))
    status, _, body = await exchange(request("GET", f"{CUSTOMERS}?limit=2&limit=3&externalId=*&externalId=1"))
    assert (status, [each["externalId"] for each in json.loads(body)]) == (200, ["1", "2"])


HEADS = {
    "bytes in the path": request("GET", b"/RI/obi/campaigns/\xff\xfe"),
    "bytes in the query": request("GET", CUSTOMERS.encode() + b"?externalId=\xff"),
    "a long path": request("GET", "/" + "a" * 200_000),
    "a long query": request("GET", f"{CUSTOMERS}?externalId=" + "a" * 9_000),
    "a long header": request("GET", CAMPAIGN, {"X": "a" * 100_000}),
    "many headers": request("GET", CAMPAIGN, {f"X{number}": "a" for number in range(1000)}),
    "a blank in a header's name": request("GET", CAMPAIGN, {"X y": "a"}),
    "a NUL in a header": request("GET", CAMPAIGN, {"X": "a\0b"}),
    "no Host": b"GET %s HTTP/1.1\r\nConnection: close\r\n\r\n" % CAMPAIGN.encode(),
    "another version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
    "nothing but NULs": b"\0" * 100 + b"\r\n\r\n",
    "a word": b"HELLO\r\n\r\n",
    "a method of one's own": request("FOO", CAMPAIGN),
    "no absolute path": request("GET", "RI/obi/campaigns"),
    "half a host": request("GET", "http://[::1/RI/obi/campaigns"),
    "two lengths": post(JSON | {"Content-Length": "5", "content-length": "6"}, ONE),
    "a length below nothing": post(JSON | {"Content-Length": "-5"}, ONE),
    "a length that is none": post(JSON | {"Content-Length": "abc"}, ONE),
    "a length of 400 digits": post(JSON | {"Content-Length": "9" * 400}, ONE),
    "length and chunks": post(JSON | {"Content-Length": "5", "Transfer-Encoding": "chunked"}, b"0\r\n\r\n"),
    "another transfer": post(JSON | {"Transfer-Encoding": "gzip"}, ONE),
    "chunks without a length": post(
        JSON | {"Transfer-Encoding": "chunked"}, b"zz\r\n" + ONE + b"\r\n0\r\n\r\n"
    ),
    "chunks of another length": post(
        JSON | {"Transfer-Encoding": "chunked"}, b"5\r\n" + ONE + b"\r\n0\r\n\r\n"
    ),
    "an expectation nobody knows": post(JSON | {"Expect": "miracles"}, ONE),
}


@pytest.mark.parametrize("sent", HEADS.values(), ids=HEADS.keys())
async def test_what_is_no_proper_http_is_refused(
    exchange: Exchange, simulator: Simulator, sent: bytes
) -> None:
    status, _, body = await exchange(sent)
    assert 400 <= status < 500
    assert body
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


@pytest.mark.parametrize("name", ["Authorization", "Accept", "Content-Type", "Content-Encoding", "X-Any"])
@pytest.mark.parametrize("value", ["\xff\xfe", "a" * 8000, ",;=\"'", "*"])
async def test_an_odd_header_is_no_reason_to_stumble(
    exchange: Exchange, simulator: Simulator, name: str, value: str
) -> None:
    for sent in (request("GET", "/RI/obi/campaigns", {name: value}), post(JSON | {name: value}, b"{")):
        status, _, body = await exchange(sent)
        assert status in {200, 400, 415}
        assert body
    status, _, body = await exchange(request("GET", "/_sim/requests"))
    assert (status, len(json.loads(body))) == (200, len(simulator.requests))


@pytest.mark.parametrize(
    "sent",
    [
        post(JSON | {"Content-Length": "500"}, ONE),
        post(JSON | {"Transfer-Encoding": "chunked"}, b"500\r\n" + ONE),
        f"POST {LIST} HTTP/1.1\r\nHost: x\r\nContent-".encode(),
        b"GET",
        b"",
    ],
)
async def test_a_request_that_breaks_off_changes_nothing(simulator: Simulator, sent: bytes) -> None:
    assert await talk(simulator, sent, end=True) == b""
    assert simulator.count(PREVIEW_CAMPAIGN) == 0


async def test_garbage_behind_a_request_is_refused(simulator: Simulator) -> None:
    """The request before it may be answered or not: that depends on how the bytes arrive."""
    first = post(JSON | {"Connection": "keep-alive"}, ONE)
    answers = await talk(simulator, first + b"\0\1\2 garbage\r\n\r\n" + first)
    assert answers.split(b"HTTP/1.")[-1].startswith(b"0 400 ")
    assert simulator.count(PREVIEW_CAMPAIGN) == answers.count(b"HTTP/1.1 201 ")


async def test_requests_in_a_pipeline_are_answered_in_order(simulator: Simulator) -> None:
    keep = {"Connection": "keep-alive"}
    answers = await talk(
        simulator,
        post(JSON | keep, ONE)
        + post(JSON | keep, ONE)
        + request("GET", "/RI/obi/nowhere", keep)
        + request("GET", CAMPAIGN),
    )
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"201", b"400", b"404", b"200"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    st.sampled_from(
        ["", "/status", "/customers", "/customers/list", "/customers/1", "/customerResultStatistics"]
    ),
    st.dictionaries(
        st.sampled_from(["Accept", "Content-Type", "Content-Encoding", "Authorization"]),
        st.sampled_from(
            ["application/json", "application/xml", "text/plain; charset=utf-16", "gzip", "*/*;q=0.1"]
        ),
    ),
    st.binary(max_size=60) | st.sampled_from([ONE, b"<c/>", b"[]", b"{}", b"null", b"Active"]),
)
async def test_whatever_is_sent_is_answered_and_never_by_500(
    exchange: Exchange, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    status, _, _ = await exchange(request(method, CAMPAIGN + path, headers, body))
    assert status in {200, 201, 204} or 400 <= status < 500
