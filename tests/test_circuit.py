"""The circuit breaker: what it holds back, and when it gives up."""

from __future__ import annotations

import asyncio

import pytest

from etl.circuit import Circuit, CircuitRules
from etl.errors import UnavailableError

RULES = CircuitRules(trips=3, most=100, pause=1, longest=4, trials=4, patience=100)


class Time:
    """Time that passes where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


def circuit_in(time: Time, rules: CircuitRules = RULES) -> Circuit:
    return Circuit(rules, stopping=asyncio.Event(), sleep=time.sleep, clock=time)


async def test_nothing_is_held_back_before_it_opens(time: Time) -> None:
    circuit = circuit_in(time)
    for batch in range(2):
        await circuit.enter()
        circuit.silent(batch)
    await circuit.enter()
    assert time.now == 0


async def test_each_trial_that_fails_doubles_the_pause_up_to_the_longest(time: Time) -> None:
    circuit = circuit_in(time, CircuitRules(trips=1, pause=1, longest=4, trials=9, patience=100))
    circuit.silent(1)
    waits = []
    for _ in range(5):
        before = time.now
        await circuit.enter()
        waits.append(time.now - before)
        circuit.silent(1)
    assert waits == [1, 2, 4, 4, 4]


async def test_an_answer_closes_it(time: Time) -> None:
    circuit = circuit_in(time)
    for batch in range(3):
        circuit.silent(batch)
    await circuit.enter()
    circuit.answered()
    at = time.now
    await circuit.enter()
    assert time.now == at == 1


async def test_it_gives_up_after_so_many_trials(time: Time) -> None:
    circuit = circuit_in(time)
    for batch in range(3):
        circuit.silent(batch)
    for batch in range(3):
        await circuit.enter()
        circuit.silent(batch)
    await circuit.enter()
    with pytest.raises(UnavailableError, match="resume"):
        circuit.silent(1)


async def test_what_was_in_flight_when_it_opened_is_no_trial(time: Time) -> None:
    circuit = circuit_in(time)
    for batch in range(50):
        circuit.silent(batch)
    await circuit.enter()
    assert time.now == 1


async def test_it_gives_up_after_so_long(time: Time) -> None:
    circuit = circuit_in(time)
    for batch in range(2):
        circuit.silent(batch)
    time.now = 100
    with pytest.raises(UnavailableError, match="100 s"):
        circuit.silent(2)


async def test_requests_that_wait_leave_one_after_the_other(time: Time) -> None:
    circuit = circuit_in(time)
    for batch in range(3):
        circuit.silent(batch)
    await asyncio.gather(*(circuit.enter() for _ in range(3)))
    assert time.now == 3


async def test_who_waits_goes_on_at_once_when_a_trial_is_answered(time: Time) -> None:
    circuit = circuit_in(time)
    for batch in range(3):
        circuit.silent(batch)

    async def try_one() -> None:
        await circuit.enter()
        circuit.answered()

    await asyncio.gather(*(try_one() for _ in range(5)))
    assert time.now == 1


async def test_stopping_ends_the_wait() -> None:
    stopping = asyncio.Event()
    circuit = Circuit(CircuitRules(trips=1, pause=1000, longest=1000), stopping=stopping)
    circuit.silent(1)
    waiting = asyncio.create_task(circuit.enter())
    await asyncio.sleep(0)
    stopping.set()
    await asyncio.wait_for(waiting, 5)


async def test_one_batch_that_is_never_answered_is_no_dead_server(time: Time) -> None:
    circuit = circuit_in(time)
    for _ in range(99):
        await circuit.enter()
        circuit.silent(7)
    assert time.now == 0


async def test_so_many_sendings_without_an_answer_are_one_whatever_they_held(time: Time) -> None:
    circuit = circuit_in(time)
    for _ in range(100):
        circuit.silent(7)
    await circuit.enter()
    assert time.now == 1
