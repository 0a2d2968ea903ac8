"""How many deliveries are under way: fixed, or as many as bring more through."""

from __future__ import annotations

import asyncio
import heapq
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from etl.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


# --- the gate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 5])
def test_a_fixed_number_stays_what_it_is(most: int, clock: Clock) -> None:
    pace = Pace(5, most, clock=clock)
    for _ in range(9):
        pace.strained()
        pace.well()
        clock.now += 5
    assert (pace.limit, pace.most) == (5, 5)


def test_a_fixed_number_gives_up_a_place_for_each_that_is_told_to_rest(clock: Clock) -> None:
    pace = Pace(5, 5, clock=clock)
    pace.rest(1)
    pace.rest(1)
    assert pace.limit == 3
    for _ in range(9):
        pace.rest(1)
    assert pace.limit == 1


def test_a_fixed_number_takes_its_places_back_while_all_is_well(clock: Clock) -> None:
    pace = Pace(5, 5, clock=clock)
    for _ in range(4):
        pace.rest(1)
    taken_back = []
    for _ in range(1000):
        pace.well()
        taken_back.append(pace.limit)
    assert taken_back == sorted(taken_back)
    assert pace.limit == 5


async def test_no_more_deliveries_than_the_limit_are_under_way() -> None:
    pace = Pace(3, 3)
    busy, most = 0, 0

    async def deliver() -> None:
        nonlocal busy, most
        async with pace:
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0)
            busy -= 1

    await asyncio.gather(*(deliver() for _ in range(20)))
    assert (most, busy) == (3, 0)


async def test_growth_lets_in_who_waits() -> None:
    pace = Pace(1, 8)
    entered = asyncio.Event()

    async def wait() -> None:
        async with pace:
            entered.set()

    async with pace:
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        assert not entered.is_set()
        for _ in range(4):
            pace.well()
    await asyncio.wait_for(waiting, 5)


async def test_a_failed_delivery_gives_its_place_back() -> None:
    pace = Pace(1, 1)
    with pytest.raises(ValueError, match="mine"):
        async with pace:
            raise ValueError("mine")
    async with asyncio.timeout(5), pace:
        pass


async def test_who_is_cancelled_while_waiting_takes_no_place() -> None:
    pace = Pace(1, 1)

    async def wait() -> None:
        async with pace:
            pass

    async with pace:
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(5), pace:
        pass


async def test_what_one_is_told_holds_for_all() -> None:
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        await asyncio.sleep(0)

    pace = Pace(4, 4, clock=clock, sleep=sleep)
    pace.rest(7)
    pace.rest(3)
    async with pace:
        assert clock.now == 107
    async with pace:
        assert clock.now == 107


async def test_who_is_cancelled_while_it_rests_gives_the_place_back() -> None:
    pace = Pace(1, 1)
    pace.rest(0.2)

    async def enter() -> None:
        async with pace:
            pass

    waiting = asyncio.create_task(enter())
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5), pace:
        pass


# --- the climb -----------------------------------------------------------------------------------------


def test_it_begins_at_its_start(clock: Clock) -> None:
    assert Pace(2, 16, clock=clock).limit == 2


def test_strain_halves_it_while_it_doubles(clock: Clock) -> None:
    pace = Pace(8, 16, clock=clock)
    pace.strained()
    assert pace.limit == 4


def test_a_burst_of_bad_answers_lowers_it_once(clock: Clock) -> None:
    """The requests that were in flight together tell the same thing."""
    pace = Pace(16, 17, clock=clock)
    for _ in range(16):
        pace.strained()
    assert pace.limit == 8
    pace.strained()
    assert pace.limit == 6


def test_one_delivery_is_always_let_through(clock: Clock) -> None:
    pace = Pace(2, 16, clock=clock)
    for _ in range(40):
        pace.strained()
    assert pace.limit == 1


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 4), st.integers(5, 9))
def test_the_limit_stays_between_one_and_the_most_whatever_comes(
    answers: list[bool], start: int, most: int
) -> None:
    clock = Clock()
    pace = Pace(start, most, clock=clock)
    for good in answers:
        clock.now += 0.1
        (pace.well if good else pace.strained)()
        assert 1 <= pace.limit <= most


def test_answers_without_any_time_between_them_do_no_harm(clock: Clock) -> None:
    pace = Pace(2, 16, clock=clock)
    for _ in range(1000):
        pace.well()
    assert 1 <= pace.limit <= 16


# --- against servers, in simulated time ------------------------------------------------------------------

Server = Callable[[int, random.Random], float | None]
"""Seconds until the answer to a request that makes so many in flight; None for a 429."""


def bearing(most: int, seconds: float) -> Server:
    return lambda in_flight, dice: None if in_flight > most else seconds * dice.uniform(0.9, 1.1)


def slowing(seconds: float, *, knee: float, power: float) -> Server:
    def answer(in_flight: int, dice: random.Random) -> float:
        return seconds * (1 + math.pow(in_flight / knee, power)) * dice.uniform(0.9, 1.1)

    return answer


def steady(seconds: float) -> Server:
    return bearing(1000, seconds)


def brought_through(server: Server, pace: Pace, clock: Clock, *, requests: int) -> tuple[float, float]:
    """Good answers a second, and the share of requests that were answered 429 (and sent again later)."""
    dice = random.Random(1)
    events: list[tuple[float, int, bool]] = []  # when, a number to break ties, whether it is an answer
    began, sent, in_flight, under_way, good, refused = clock.now, 0, 0, 0, 0, 0

    def send() -> None:
        nonlocal sent, in_flight, refused
        sent += 1
        seconds = server(in_flight + 1, dice)
        if seconds is None:
            refused += 1
            pace.strained()
            heapq.heappush(events, (clock.now + dice.uniform(0, 0.5), sent, False))
        else:
            in_flight += 1
            heapq.heappush(events, (clock.now + seconds, sent, True))

    while good < requests:
        while under_way < pace.limit and good + under_way < requests:
            under_way += 1
            send()
        clock.now, _, answered = heapq.heappop(events)
        if not answered:
            send()
            continue
        in_flight -= 1
        under_way -= 1
        good += 1
        pace.well()
    return requests / (clock.now - began), refused / sent


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(bearing(8, 0.05), id="bears-8"),
        pytest.param(bearing(3, 0.05), id="bears-3"),
        pytest.param(slowing(0.03, knee=8, power=2), id="slows-beyond-8"),
        pytest.param(slowing(0.03, knee=4, power=3), id="collapses-beyond-4"),
        pytest.param(slowing(0.02, knee=4, power=1), id="slows-from-the-first"),
        pytest.param(steady(0.05), id="steady-50-ms"),
        pytest.param(steady(0.002), id="steady-2-ms"),
    ],
)
def test_it_brings_nine_tenths_of_the_best_fixed_number_through(server: Server) -> None:
    requests = 5000
    best = max(
        brought_through(server, Pace(fixed, fixed), Clock(), requests=500)[0] for fixed in range(1, 17)
    )
    clock = Clock()
    rate, refused = brought_through(server, Pace(2, 16, clock=clock), clock, requests=requests)
    assert rate >= 0.9 * best
    assert refused < 0.01


def test_where_more_at_a_time_bring_no_more_through_it_stays_small() -> None:
    """One worker behind a queue: the latency grows and the throughput does not."""
    clock = Clock()
    free_at = clock.now

    def queue(_in_flight: int, dice: random.Random) -> float:
        nonlocal free_at
        free_at = max(free_at, clock.now) + 0.01 * dice.uniform(0.8, 1.2)
        return free_at - clock.now

    pace = Pace(2, 64, clock=clock)
    brought_through(queue, pace, clock, requests=3000)
    assert pace.limit <= 4


def test_a_server_that_recovers_is_used_again() -> None:
    clock = Clock()
    pace = Pace(2, 16, clock=clock)
    brought_through(bearing(2, 0.05), pace, clock, requests=500)
    assert pace.limit <= 3
    brought_through(steady(0.05), pace, clock, requests=20_000)
    assert pace.limit >= 14


def test_a_server_that_weakens_is_spared() -> None:
    clock = Clock()
    pace = Pace(2, 16, clock=clock)
    brought_through(steady(0.05), pace, clock, requests=2000)
    assert pace.limit >= 12
    _, refused = brought_through(bearing(4, 0.05), pace, clock, requests=5000)
    assert pace.limit <= 5
    assert refused < 0.02
