"""How many deliveries are under way: fixed, or as many as the server bears."""

from __future__ import annotations

import asyncio

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


def test_it_grows_by_one_with_each_good_answer_until_the_first_strain(clock: Clock) -> None:
    pace = Pace(2, 16, clock=clock)
    for _ in range(5):
        pace.well()
    assert pace.limit == 7


def test_it_never_grows_beyond_the_most(clock: Clock) -> None:
    pace = Pace(2, 4, clock=clock)
    for _ in range(50):
        pace.well()
    assert pace.limit == 4


def test_strain_halves_it_and_afterwards_it_grows_by_one_a_round(clock: Clock) -> None:
    pace = Pace(8, 16, clock=clock)
    pace.strained()
    assert pace.limit == 4
    for _ in range(3):
        pace.well()
    assert pace.limit == 4
    for _ in range(2):
        pace.well()
    assert pace.limit == 5


def test_a_burst_of_bad_answers_halves_it_once(clock: Clock) -> None:
    """The requests that were in flight together tell the same thing."""
    pace = Pace(16, 17, clock=clock)
    for _ in range(16):
        pace.strained()
    assert pace.limit == 8
    clock.now += 0.999
    pace.strained()
    assert pace.limit == 8
    clock.now += 0.001
    pace.strained()
    assert pace.limit == 4


def test_the_first_strain_counts_at_whatever_time(clock: Clock) -> None:
    clock.now = 0.0
    pace = Pace(8, 16, clock=clock)
    pace.strained()
    assert pace.limit == 4


def test_one_delivery_is_always_let_through(clock: Clock) -> None:
    pace = Pace(2, 16, clock=clock)
    for _ in range(20):
        pace.strained()
        clock.now += 5
    assert pace.limit == 1


@given(st.lists(st.booleans(), max_size=60))
def test_the_limit_stays_between_one_and_the_most_whatever_comes(answers: list[bool]) -> None:
    clock = Clock()
    pace = Pace(2, 6, clock=clock)
    for good in answers:
        clock.now += 2
        (pace.well if good else pace.strained)()
        assert 1 <= pace.limit <= 6


@pytest.mark.parametrize("most", [1, 5])
def test_a_fixed_number_stays_what_it_is(most: int, clock: Clock) -> None:
    pace = Pace(5, most, clock=clock)
    for _ in range(9):
        pace.strained()
        pace.well()
        clock.now += 5
    assert (pace.limit, pace.most) == (5, 5)


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
