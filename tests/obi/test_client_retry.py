"""How long the client waits, and how often it tries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any

import pytest
from aioresponses import aioresponses
from hypothesis import given, strategies as st
from yarl import URL

from etl.errors import ThrottledError, UnavailableError
from etl.obi import Client, Connection, RetryNotice
from etl.obi.failures import Failures
from etl.obi.retry import Again, Retrier, RetryPolicy
from etl.obi.wire import Answer, Call

BASE = "https://obi.example.com/RI/obi"
POLICY = RetryPolicy(attempts=5, seconds=120, backoff=0.5, backoff_max=30)
TOO_LONG = {"Retry-After": "999999"}
NOW = 1_800_000_000.0


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


def retry_after(text: str | None, **headers: str) -> float | None:
    """What a 429 with this ``Retry-After`` asks for."""
    given = headers if text is None else {"Retry-After": text, **headers}
    again = Failures(URL("https://obi.example.com"), clock=lambda: NOW).refused(
        Call("GET", "campaigns"), Answer(429, given, b"")
    )
    assert isinstance(again, Again)
    assert isinstance(again.error, ThrottledError)
    assert again.error.retry_after == again.after
    return again.after


@given(
    attempt=st.integers(1, 10_000),
    after=st.none() | st.floats(-1e9, 1e12),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_no_wait_is_negative_or_beyond_the_maximum(attempt: int, after: float | None, chance: float) -> None:
    assert 0 <= POLICY.wait(attempt, after=after, chance=chance) <= POLICY.backoff_max


@given(after=st.floats(0.001, 30), chance=st.floats(0, 1, exclude_max=True))
def test_a_wait_that_the_server_asked_for_is_kept(after: float, chance: float) -> None:
    assert POLICY.wait(1, after=after, chance=chance) >= after


def test_the_wait_doubles_and_jitters_over_all_of_it() -> None:
    assert [POLICY.wait(attempt, after=None, chance=0.0) for attempt in range(1, 9)] == [0.0] * 8
    longest = [POLICY.wait(attempt, after=None, chance=1.0) for attempt in range(1, 9)]
    assert longest == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("86400", 86400.0),
        (formatdate(NOW + 20, usegmt=True), 20.0),
        (formatdate(NOW - 20, usegmt=True), 0.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("1e999", None),
        ("nan", None),
        ("٣", None),
        ("soon", None),
        ("9" * 400, None),
        ("Mon, 32 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_anything_else_is_none(
    text: str | None, seconds: float | None
) -> None:
    assert retry_after(text) == seconds


def test_a_retry_after_date_is_read_by_the_server_s_own_clock() -> None:
    ahead = NOW + 3600
    date, until = (formatdate(when, usegmt=True) for when in (ahead, ahead + 5))
    assert retry_after(until, Date=date) == 5


async def test_an_absurd_retry_after_is_capped(
    mocked_http: aioresponses, sleep: Callable[[float], Awaitable[None]], sleeps: list[float]
) -> None:
    mocked_http.post(f"{BASE}/campaigns/C/customers/list", status=429, headers=TOO_LONG, repeat=True)
    async with Client(Connection(base_url=BASE, attempts=3, backoff_max=10), sleep=sleep) as obi:
        with pytest.raises(ThrottledError) as caught:
            await obi.customers.add_list("C", [b"{}"])
    assert sleeps == [10, 10]
    assert caught.value.retry_after == 999999


async def test_the_total_time_is_bounded_before_a_wait_would_exceed_it(
    mocked_http: aioresponses, sleep: Callable[[float], Awaitable[None]], sleeps: list[float]
) -> None:
    mocked_http.get(f"{BASE}/campaigns", status=429, headers={"Retry-After": "30"}, repeat=True)
    connection = Connection(base_url=BASE, attempts=100, retry_seconds=100)
    async with Client(connection, sleep=sleep) as obi:
        with pytest.raises(ThrottledError):
            await obi.campaigns.list()
    assert sleeps == [30, 30, 30]


@pytest.mark.parametrize("failure", [{"status": 503}, {"exception": ConnectionResetError("gone")}])
async def test_a_server_that_was_well_is_waited_for_three_times_as_long(
    mocked_http: aioresponses,
    sleep: Callable[[float], Awaitable[None]],
    sleeps: list[float],
    failure: dict[str, Any],
) -> None:
    mocked_http.get(f"{BASE}/campaigns", payload=[])
    mocked_http.get(f"{BASE}/campaigns", repeat=True, **failure)
    async with Client(Connection(base_url=BASE, attempts=3), sleep=sleep) as obi:
        assert await obi.campaigns.list() == []
        with pytest.raises(UnavailableError):
            await obi.campaigns.list()
    assert len(sleeps) == 3 * 2


async def test_a_notice_comes_before_each_wait(
    sleep: Callable[[float], Awaitable[None]], sleeps: list[float]
) -> None:
    notices: list[RetryNotice] = []
    retrier = Retrier(POLICY, sleep=sleep, dice=random.Random(7).random, notice=notices.append)

    async def attempt(word: str) -> str:
        if len(notices) < 3:
            raise Again(UnavailableError("The server failed.", call="GET campaigns"))
        return word

    assert await retrier(attempt, "done") == "done"
    assert [notice.attempt for notice in notices] == [1, 2, 3]
    assert [notice.wait for notice in notices] == sleeps
    assert {(notice.call, notice.reason) for notice in notices} == {("GET campaigns", "The server failed.")}
    assert len(set(sleeps)) == 3


async def test_what_is_not_marked_is_not_tried_again(sleep: Callable[[float], Awaitable[None]]) -> None:
    tried = []

    async def attempt() -> None:
        tried.append(1)
        raise UnavailableError("The server failed.")

    with pytest.raises(UnavailableError):
        await Retrier(POLICY, sleep=sleep, dice=random.random, notice=lambda _: None)(attempt)
    assert tried == [1]
