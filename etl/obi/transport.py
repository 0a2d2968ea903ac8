"""One session, one way to make a request: credentials, timeouts, pace, bounded bodies, the server's clock."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from functools import lru_cache
from typing import TypeVar
from urllib.parse import quote

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)
from aiolimiter import AsyncLimiter
from msgspec.structs import replace
from yarl import URL

from etl.obi.auth import auth_from
from etl.obi.charsets import as_utf8
from etl.obi.command import CommandError
from etl.obi.connection import Connection, headers_of, root_of, speaks_xml
from etl.obi.failures import DroppedError, Failures, OversizeError, StrangerError, http_date, is_stranger
from etl.obi.proxy import proxy_for
from etl.obi.retry import Retrier, RetryNotice, RetryPolicy
from etl.obi.tls import tls_of
from etl.obi.wire import JSON, UNREADABLE, XML, Answer, Call, Reader
from etl.obi.xml import XmlError, from_json, is_xml, to_json

T = TypeVar("T")
Query = Mapping[str, str]

MAX_BODY = 64 * 2**20
"""Bytes of a 2xx answer, decompressed; a page of customers is far below one MiB."""

MAX_ERROR_BODY = 64 * 2**10
"""Bytes read of any other answer: the status decides there, the body only explains."""

IDLE_SECONDS = 4.0
"""How long an idle connection is kept: less than the 5 s after which some servers close theirs, so that a
POST seldom meets a connection that is just going away (its outcome would be in doubt)."""


class Stats:
    """What was sent so far: ``requests`` in all, ``retries`` among them.

    ``latencies`` are the seconds from sending to the last byte of the latest thousand answers.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.retries = 0
        self.latencies: deque[float] = deque(maxlen=1000)


class Transport:
    """Makes requests over one session: ``open`` it first, ``close`` it at the end.

    ``server_time_offset`` is a lower bound of the server's clock minus ours in seconds, None before the first
    answer that tells; ``last_offset`` is what the latest answer alone told. Raises ConfigError for a
    connection that can't be used.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        dice: Callable[[], float] = random.random,
        on_retry: Callable[[RetryNotice], None] | None = None,
    ) -> None:
        self.stats = Stats()
        self.server_time_offset: float | None = None
        self.last_offset: float | None = None
        self._connection = connection
        self._clock = clock
        self._on_retry = on_retry
        self._base = root_of(connection)
        self._root = str(self._base)
        self._proxy = proxy_for(self._base)
        self._ssl = tls_of(connection)
        self._headers = headers_of(connection)
        self._xml = speaks_xml(connection)
        self._auth = auth_from(
            username=connection.username,
            password=connection.password,
            token=connection.token,
            token_command=connection.token_command,
        )
        self._failures = Failures(self._base, clock=clock)
        self._failures.hide(connection.password, *connection.headers.values())
        self._retrier = Retrier(
            RetryPolicy(
                attempts=connection.attempts,
                seconds=connection.retry_seconds,
                backoff=connection.backoff,
                backoff_max=connection.backoff_max,
            ),
            sleep=sleep,
            dice=dice,
            notice=self._before_retry,
        )
        self._slots = asyncio.Semaphore(connection.max_connections)
        # One a period: a limiter of N a second would let twice as many through in the first.
        self._pace = AsyncLimiter(1, 1 / connection.rate) if connection.rate else nullcontext()
        self._session: ClientSession | None = None
        self._last_date = ""

    async def open(self) -> None:
        """Make the session; needs a running event loop."""
        connection = self._connection
        self._session = ClientSession(
            # The slots above bound the connections, so that a request's timeouts begin when it has one.
            connector=TCPConnector(limit=0, ssl=self._ssl, keepalive_timeout=IDLE_SECONDS),
            timeout=ClientTimeout(
                total=connection.total_timeout,
                connect=connection.connect_timeout,
                sock_read=connection.read_timeout,
            ),
            headers=self._headers,
            cookie_jar=DummyCookieJar(),
            proxy=self._proxy,
            trust_env=False,  # it would read .netrc
            middlewares=(_send_once,),
        )

    async def close(self) -> None:
        """Close the session and its connections."""
        if self._session:
            await self._session.close()

    async def request(
        self,
        call: Call,
        path: tuple[str, ...],
        *,
        read: Reader[T],
        query: Query | None = None,
        body: bytes | None = None,
    ) -> T:
        """What ``read`` makes of the answer to ``call`` at ``path`` (segments below the base URL).

        ``body`` and what ``read`` is given are JSON, also where XML travels. Raises RefusedError and
        UnavailableError with their kin, and ContractError; ``failures`` says which and when.
        """
        url = _url(self._root, path)
        if self._xml and body is not None and call.element:
            try:
                body = from_json(body, call.element)
            except XmlError as why:
                raise self._failures.unsendable(call, why) from None
        return await self._retrier(self._attempt, call, url, read, query, body)

    async def _attempt(
        self, call: Call, url: URL, read: Reader[T], query: Query | None, body: bytes | None
    ) -> T:
        try:
            answer = await self._authorised(call, url, query, body)
        except CommandError as why:
            raise self._failures.tokenless(call, why) from None
        except (ClientError, OSError, OversizeError) as cause:
            # Without the cause: aiohttp's exceptions hold the request's headers and query.
            raise self._failures.broken(call, cause) from None
        if not 200 <= answer.status < 300:
            raise self._failures.refused(call, answer)
        try:
            return read(_in_json(call, answer))
        except UNREADABLE as why:
            raise self._failures.unreadable(call, answer, why) from None

    async def _authorised(self, call: Call, url: URL, query: Query | None, body: bytes | None) -> Answer:
        """The answer to a request with credentials; once more with new ones, if there are, after a 401."""
        credentials = await self._auth.headers()
        answer = await self._exchange(call, url, query, body, credentials)
        if answer.status == 401 and await self._auth.renew(credentials):
            answer = await self._exchange(call, url, query, body, await self._auth.headers())
        return answer

    async def _exchange(
        self, call: Call, url: URL, query: Query | None, body: bytes | None, credentials: Mapping[str, str]
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("the client is not open: use it in 'async with'")
        headers = {**self._media_types(call), **credentials}
        self._failures.hide(*(value.partition(" ")[2] for value in credentials.values()))
        async with self._pace, self._slots:
            self.stats.requests += 1
            started = time.perf_counter()
            async with self._session.request(
                call.method, url, params=query, data=body, headers=headers, allow_redirects=False
            ) as response:
                self._failures.heard = True
                self._failures.well |= response.status < 500 and response.status != 429
                self._compare_clocks(response.headers.get("Date", ""))
                content = await _content(response)
            self.stats.latencies.append(time.perf_counter() - started)
        return Answer(response.status, response.headers, content, (body, query))

    def _media_types(self, call: Call) -> dict[str, str]:
        headers = {"Accept": call.accept}
        if call.content_type:
            headers["Content-Type"] = call.content_type
        if self._xml:
            return {name: value.replace(JSON, XML) for name, value in headers.items()}
        return headers

    def _compare_clocks(self, date: str) -> None:
        # A date that came before, but later by our clock, can't raise the bound.
        if not date or date == self._last_date:
            return
        self._last_date = date
        server = http_date(date)
        if server is not None:
            offset = server - self._clock()
            self.last_offset = offset
            known = self.server_time_offset
            self.server_time_offset = offset if known is None else max(known, offset)

    def _before_retry(self, notice: RetryNotice) -> None:
        self.stats.retries += 1
        if self._on_retry:
            self._on_retry(notice)


async def _send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE a second time by itself after a lost connection.

    It does so for every idempotent method, unasked and uncounted, and a refused second connection would then
    pass for proof that nothing was processed.
    """
    try:
        return await handler(request)
    except ClientConnectorError:
        raise
    except (ClientOSError, ServerDisconnectedError) as error:
        raise (StrangerError() if is_stranger(error) else DroppedError(type(error).__name__)) from None


async def _content(response: ClientResponse) -> bytes:
    """The body, bounded. Where the status is not 2xx, whatever of it could be read."""
    good = 200 <= response.status < 300
    content = bytearray()
    try:
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > MAX_BODY:
                raise OversizeError
            if not good and len(content) >= MAX_ERROR_BODY:
                return bytes(content[:MAX_ERROR_BODY])
    except (ClientError, OSError):
        if good:
            raise
    return as_utf8(bytes(content), response.charset)


def _in_json(call: Call, answer: Answer) -> Answer:
    """The answer as the reader wants it, whatever of the two it came in and we had asked for."""
    if call.reads_data and is_xml(answer.body):
        return replace(answer, body=to_json(answer.body, many=call.many))
    return answer


@lru_cache(maxsize=256)
def _url(root: str, path: tuple[str, ...]) -> URL:
    """``path`` below ``root``; an empty or dotted segment would address something else, so it is refused."""
    if any(segment.strip(".") == "" for segment in path):
        raise ValueError("an id is empty")
    return URL("/".join((root, *(quote(segment, safe="") for segment in path))), encoded=True)
