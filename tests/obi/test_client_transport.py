"""What happens on the wire, over a real socket."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from msgspec import structs

from etl.errors import (
    ApiError,
    BadRequestError,
    ContractError,
    NotAuthorisedError,
    TooLargeError,
    UnavailableError,
    UnknownOutcomeError,
    UnreachableError,
)
from etl.obi import Client, Connection, RetryNotice
from etl.obi.models import CampaignStatus, NewCustomer

CREATED = b'[{"statusCode": 201, "id": "AA"}]'
CAMPAIGN = b'{"id": "C", "name": "Renewals"}'

Call = Callable[[Client], Awaitable[object]]


async def post_list(obi: Client) -> object:
    return await obi.customers.add_list("C", [b"{}"])


async def post_one(obi: Client) -> object:
    return await obi.customers.add("C", NewCustomer(external_id="7"))


async def put(obi: Client) -> None:
    await obi.campaigns.set_status("C", CampaignStatus.ACTIVE)


async def delete(obi: Client) -> None:
    await obi.customers.delete("C", "K")


async def get(obi: Client) -> object:
    return await obi.campaigns.get("C")


CHANGING = pytest.mark.parametrize("call", [post_list, post_one, put, delete])


Step = Callable[[asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Answers each request with the next step of ``script`` (the last one again, when it has run out).

    ``requests`` holds every request as it came, ``connections`` counts the connections.
    """

    def __init__(self) -> None:
        self.script: list[Step] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._over = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The base URL to give to a client."""
        return f"http://127.0.0.1:{self.port}/RI/obi"

    @property
    def lines(self) -> list[str]:
        """The request lines so far."""
        return [request.split(b"\r\n", 1)[0].decode() for request in self.requests]

    def header(self, name: str, *, of: int = -1) -> str | None:
        """A header of a request, None if it was not sent."""
        head = self.requests[of].split(b"\r\n\r\n", 1)[0].decode()
        pairs = (line.split(": ", 1) for line in head.split("\r\n")[1:])
        return next((value for key, value in pairs if key.lower() == name.lower()), None)

    @staticmethod
    def answer(status: int = 200, body: bytes = b"", **headers: str) -> Step:
        """A whole answer; ``Retry_After="1"`` stands for the header ``Retry-After: 1``."""
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return RawServer.raw("\r\n".join([*lines, "", ""]).encode() + body, close=False)

    @staticmethod
    def raw(data: bytes, *, close: bool = True) -> Step:
        """Bytes as they are, then the end of the connection."""

        async def step(writer: asyncio.StreamWriter) -> None:
            writer.write(data)
            await writer.drain()
            if close:
                writer.close()

        return step

    @staticmethod
    def reset() -> Step:
        """The connection is aborted without a word."""

        async def step(writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        return step

    def hang(self, first: bytes = b"") -> Step:
        """Nothing (more than ``first``) comes until the end of the test."""

        async def step(writer: asyncio.StreamWriter) -> None:
            writer.write(first)
            await self._over.wait()
            writer.close()

        return step

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._over.set()
        if self._server:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        self.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                sizes = [
                    line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
                ]
                self.requests.append(head + await reader.readexactly(int(sizes[0]) if sizes else 0))
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                await step(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    raw = RawServer()
    await raw.start()
    yield raw
    await raw.stop()


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
def connect(sleep: Callable[[float], Awaitable[None]]) -> Callable[..., Client]:
    def make(base_url: str, *, on_retry: Callable[[RetryNotice], None] | None = None, **more: Any) -> Client:
        return Client(Connection(base_url=base_url, **more), sleep=sleep, on_retry=on_retry)

    return make


@CHANGING
async def test_a_change_that_meets_a_closing_kept_alive_connection_is_sent_once(
    server: RawServer, connect: Callable[..., Client], call: Call
) -> None:
    """By itself aiohttp would send a PUT or DELETE again here, though the server may have processed it."""
    server.script = [server.answer(200, CAMPAIGN), server.raw(b""), server.answer(204)]
    async with connect(server.url) as obi:
        await obi.campaigns.get("C")
        with pytest.raises(UnknownOutcomeError):
            await call(obi)
    assert (len(server.requests), server.connections) == (2, 1)
    assert obi.stats.requests == 2


@CHANGING
@pytest.mark.parametrize(
    "loss", ["reset", "end", "half a head", "half a body", "silence", "silence in the body"]
)
async def test_a_change_whose_answer_is_lost_is_in_doubt_at_once(
    server: RawServer, connect: Callable[..., Client], call: Call, loss: str
) -> None:
    half = b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n[{"
    steps = {
        "reset": server.reset(),
        "end": server.raw(b""),
        "half a head": server.raw(b"HTTP/1.1 201 Cre"),
        "half a body": server.raw(half),
        "silence": server.hang(),
        "silence in the body": server.hang(half),
    }
    server.script = [steps[loss]]
    async with connect(server.url, read_timeout=0.05) as obi:
        with pytest.raises(UnknownOutcomeError) as caught:
            await call(obi)
    assert len(server.requests) == 1
    assert caught.value.exit_code == 7
    assert "look before sending it again" in str(caught.value)


@pytest.mark.parametrize("loss", ["reset", "end", "half a body", "silence", "no JSON", "empty", "nonsense"])
async def test_a_get_is_sent_again_after_any_loss(
    server: RawServer, connect: Callable[..., Client], loss: str
) -> None:
    steps = {
        "reset": server.reset(),
        "end": server.raw(b""),
        "half a body": server.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"id"'),
        "silence": server.hang(),
        "no JSON": server.answer(200, b"<html>Log in</html>", Content_Type="text/html"),
        "empty": server.answer(200, b""),
        "nonsense": server.raw(b"\x00\x01 nonsense\r\n\r\n"),
    }
    server.script = [steps[loss], server.answer(200, CAMPAIGN)]
    notices: list[RetryNotice] = []
    async with connect(server.url, read_timeout=0.05, on_retry=notices.append) as obi:
        campaign = await obi.campaigns.get("C")
    assert campaign.name == "Renewals"
    assert (obi.stats.requests, obi.stats.retries) == (2, 1)
    assert [(notice.call, notice.attempt) for notice in notices] == [("GET campaigns/ID", 1)]


async def test_a_get_lost_to_the_last_attempt_says_unavailable(
    server: RawServer, connect: Callable[..., Client], sleeps: list[float]
) -> None:
    server.script = [server.reset()]
    async with connect(server.url, attempts=3) as obi:
        with pytest.raises(UnavailableError) as caught:
            await get(obi)
    assert type(caught.value) is UnavailableError
    assert (len(server.requests), len(sleeps)) == (3, 2)


@CHANGING
async def test_without_a_connection_nothing_was_processed_so_it_is_tried_again(
    server: RawServer, connect: Callable[..., Client], sleeps: list[float], call: Call
) -> None:
    await server.stop()
    async with connect(server.url, attempts=4) as obi:
        with pytest.raises(UnreachableError, match=rf"at 127\.0\.0\.1:{server.port}: no connection"):
            await call(obi)
    assert len(sleeps) == 3


async def test_a_post_gets_through_once_the_server_is_up(server: RawServer) -> None:
    server.script = [server.answer(200, CREATED)]
    port = server.port
    await server.stop()

    async def start_server(_seconds: float) -> None:
        await server.start(port)

    async with Client(Connection(base_url=server.url), sleep=start_server) as obi:
        [result] = await obi.customers.add_list("C", [b"{}"])
    assert (result.status_code, result.id) == (201, "AA")
    assert len(server.requests) == 1


async def test_a_failed_tls_handshake_is_certain_too(
    server: RawServer, connect: Callable[..., Client]
) -> None:
    server.script = [server.answer(200, CREATED)]
    base_url = server.url.replace("http:", "https:")
    async with connect(base_url, attempts=1, connect_timeout=0.05) as obi:
        with pytest.raises(UnreachableError):
            await post_list(obi)


async def test_a_host_name_that_nobody_knows_is_unreachable(
    connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect("http://obi.invalid/RI/obi", attempts=1) as obi:
        with pytest.raises(UnreachableError, match="host name is not known"):
            await post_list(obi)


@pytest.mark.parametrize("call", [get, post_list, put, delete])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    server: RawServer, connect: Callable[..., Client], call: Call, status: int
) -> None:
    server.script = [server.answer(status, Location="https://login.example.com/sso?next=/RI/obi")]
    async with connect(server.url) as obi:
        with pytest.raises(NotAuthorisedError, match=r"redirected to login\.example\.com,"):
            await call(obi)
    assert len(server.requests) == 1


async def test_an_answer_that_comes_before_the_request_has_left_counts(
    connect: Callable[..., Client],
) -> None:
    """A gateway refuses a body that is too large without reading it, and hangs up."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as gateway:
        port = gateway.sockets[0].getsockname()[1]
        async with connect(f"http://127.0.0.1:{port}/RI/obi") as obi:
            with pytest.raises(TooLargeError):
                await obi.customers.add_list("C", [b"0" * 1_000_000])


async def test_a_dripping_answer_ends_with_the_total_timeout(
    server: RawServer, connect: Callable[..., Client]
) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
        for _ in range(9000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.script = [drip]
    async with connect(server.url, total_timeout=0.08) as obi:
        with pytest.raises(UnknownOutcomeError, match="timed out"):
            await post_list(obi)


async def test_a_refusal_counts_even_if_its_body_is_cut(
    server: RawServer, connect: Callable[..., Client]
) -> None:
    server.script = [server.raw(b"HTTP/1.1 400 Bad\r\nContent-Length: 900\r\n\r\nInvalid")]
    async with connect(server.url) as obi:
        with pytest.raises(BadRequestError):
            await post_list(obi)


async def test_bodies_are_bounded(
    server: RawServer, connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.obi.transport.MAX_BODY", 1000)
    bomb = gzip.compress(b" " * 100_000 + CAMPAIGN)
    server.script = [server.answer(200, bomb, Content_Encoding="gzip")]
    async with connect(server.url) as obi:
        with pytest.raises(ContractError, match="too large"):
            await get(obi)
        with pytest.raises(UnknownOutcomeError, match="too large"):
            await post_list(obi)
    assert len(server.requests) == 2


async def test_the_body_of_a_refusal_is_cut_short(
    server: RawServer, connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.obi.transport.MAX_ERROR_BODY", 100)
    server.script = [server.answer(400, b"x" * 5000)]
    async with connect(server.url) as obi:
        with pytest.raises(BadRequestError) as caught:
            await post_list(obi)
    assert caught.value.body == "x" * 100


async def test_compressed_and_foreign_encodings_are_read(
    server: RawServer, connect: Callable[..., Client]
) -> None:
    text = '{"id": "C", "name": "Müller"}'
    server.script = [
        server.answer(200, gzip.compress(text.encode()), Content_Encoding="gzip"),
        server.answer(200, text.encode("latin-1"), Content_Type="application/json;charset=ISO-8859-1"),
        server.answer(200, text.encode("utf-8-sig"), Content_Type="application/json; charset=utf-8"),
    ]
    async with connect(server.url) as obi:
        names = [(await obi.campaigns.get("C")).name for _ in range(3)]
    assert names == ["Müller"] * 3


async def test_the_environment_s_proxy_is_used_and_this_machine_is_direct(
    server: RawServer, connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{server.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.script = [server.answer(200, CAMPAIGN)]
    async with connect("http://obi.example.com/RI/obi") as obi:
        await get(obi)
    async with connect(server.url) as obi:
        await get(obi)
    assert server.lines == [
        "GET http://obi.example.com/RI/obi/campaigns/C HTTP/1.1",
        "GET /RI/obi/campaigns/C HTTP/1.1",
    ]
    assert server.header("Proxy-Authorization", of=0) == "Basic dXNlcjpzZWNyZXQ="
    assert server.header("Proxy-Authorization", of=1) is None


@pytest.mark.parametrize(("status", "error"), [(407, NotAuthorisedError), (503, UnreachableError)])
async def test_a_proxy_that_opens_no_tunnel_passed_nothing_on(
    server: RawServer,
    connect: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    error: type[ApiError],
) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.script = [server.answer(status)]
    async with connect("https://obi.example.com/RI/obi", attempts=2) as obi:
        with pytest.raises(error):
            await post_list(obi)
    assert server.lines[0] == "CONNECT obi.example.com:443 HTTP/1.1"


async def test_waiting_for_a_free_connection_is_no_timeout(
    server: RawServer, connect: Callable[..., Client]
) -> None:
    """The clock of a request starts when it has a connection, so a long queue harms nobody."""
    busy = 0

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal busy
        busy += 1
        assert busy == 1
        await asyncio.sleep(0.02)
        busy -= 1
        await server.answer(200, CAMPAIGN)(writer)

    server.script = [slow]
    limits = {"connect_timeout": 0.08, "read_timeout": 0.08, "total_timeout": 0.08}
    async with connect(server.url, max_connections=1, attempts=1, **limits) as obi:
        await asyncio.gather(*(get(obi) for _ in range(8)))
    assert server.connections == 1


async def test_a_cancelled_call_stays_cancelled(server: RawServer, connect: Callable[..., Client]) -> None:
    arrived = asyncio.Event()

    async def step(_writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.Event().wait()

    server.script = [step]
    async with connect(server.url) as obi:
        task = asyncio.create_task(post_list(obi))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_clock_offset_is_the_best_lower_bound_of_all_answers(server: RawServer) -> None:
    ours = iter([1_000_000_000.0, 1_000_000_001.75, 1_000_000_003.0])
    dates = [
        "Sun, 09 Sep 2001 01:46:45 GMT",
        "Sun, 09 Sep 2001 01:46:47 GMT",
        "Sun, 09 Sep 2001 01:46:47 GMT",
        "rubbish",
        "Sun, 09 Sep 2001 01:46:46 GMT",
    ]
    server.script = [server.answer(200, CAMPAIGN, Date=date) for date in dates]
    async with Client(Connection(base_url=server.url), clock=lambda: next(ours)) as obi:
        assert obi.server_time_offset is None
        offsets: list[float | None] = []
        for _ in dates:
            await get(obi)
            offsets.append(obi.server_time_offset)
    assert offsets == [5.0, 5.25, 5.25, 5.25, 5.25]


async def test_latencies_are_counted(server: RawServer, connect: Callable[..., Client]) -> None:
    server.script = [server.answer(200, CAMPAIGN)]
    async with connect(server.url, rate=10_000) as obi:
        for _ in range(3):
            await get(obi)
    assert len(obi.stats.latencies) == obi.stats.requests == 3
    assert all(seconds > 0 for seconds in obi.stats.latencies)


async def test_a_client_that_is_not_open_says_so(server: RawServer) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await get(Client(Connection(base_url=server.url)))


async def test_no_secret_and_no_query_stands_in_an_error_or_its_causes(
    server: RawServer, connect: Callable[..., Client]
) -> None:
    server.script = [server.raw(b"\x00 nonsense\r\n\r\n"), server.answer(401, b"no such user 12345678")]
    async with connect(server.url, username="someone", password="hunter22", attempts=2) as obi:
        for _ in range(2):
            with pytest.raises(ApiError) as caught:
                await obi.customers.list("C", numbers="+442079460123")
            shown = str(caught.getrepr(style="long", chain=True).reprcrash) + repr(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__ or caught.value.__context__ is None
            for secret in ("hunter22", "aHVudGVy", "460123", "12345678"):
                assert secret not in shown


def test_a_connection_shows_no_secret() -> None:
    connection = Connection(
        base_url="https://u:secret1@obi.example.com/RI/obi",
        username="u",
        password="secret2",
        token="secret3",
        headers={"x-api-key": "secret4"},
    )
    assert structs.asdict(connection)["password"] == "secret2"
    for shown in (repr(connection), str(connection), f"{connection}", str(connection.__rich_repr__())):
        assert "obi.example.com" in shown
        assert "secret" not in shown
