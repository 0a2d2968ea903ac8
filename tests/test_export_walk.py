"""Walking through a list paged by offset: whoever was there all the time is met, or the walk says so."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings, strategies as st

from etl.exportwalk import Walk, walk
from etl.obi.models import StoredCustomer


class Kept:
    """A keeper in memory."""

    def __init__(self) -> None:
        self.now: dict[str, int] = {}

    def met(self, ids: Sequence[str]) -> dict[str, int]:
        return {each: self.now[each] for each in ids if each in self.now}

    def put(self, page: Sequence[StoredCustomer]) -> int:
        before = len(self.now)
        for customer in page:
            self.now.setdefault(customer.id, len(self.now))
        return len(self.now) - before


class Listed:
    """A server's list; ``change`` may edit it before each page is read."""

    def __init__(self, ids: Sequence[str], *, cap: int = 1_000) -> None:
        self.ids = [*ids]
        self.cap = cap
        self.asked: list[int] = []
        self.change: Callable[[list[str]], None] = lambda _ids: None

    async def __call__(self, offset: int, limit: int) -> list[StoredCustomer]:
        self.asked.append(offset)
        self.change(self.ids)
        return [StoredCustomer(id=each) for each in self.ids[offset : offset + min(limit, self.cap)]]


def people(count: int) -> list[str]:
    return [f"C{number}" for number in range(count)]


async def walked(listed: Listed, *, limit: int = 10, expected: int | None = None) -> tuple[Walk, Kept]:
    kept = Kept()
    return await walk(listed, kept, limit=limit, expected=expected), kept


@pytest.mark.parametrize("expected", ["told", "unknown"])
@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 19, 20, 21, 95, 100])
async def test_a_list_that_rests_is_met_whole(count: int, expected: str) -> None:
    found, kept = await walked(Listed(people(count)), expected=count if expected == "told" else None)
    assert found == Walk(customers=count, new=count)
    assert {*kept.now} == {*people(count)}


@pytest.mark.parametrize("cap", [1, 2, 3, 7, 10, 50])
@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 30])
async def test_a_server_may_give_fewer_than_were_asked_for(cap: int, count: int) -> None:
    found, kept = await walked(Listed(people(count), cap=cap), expected=count)
    assert {*kept.now} == {*people(count)}
    if cap > 1:
        assert found.joined


async def test_pages_are_not_asked_for_twice_while_nothing_changes() -> None:
    listed = Listed(people(100))
    await walked(listed, expected=100)
    assert sorted(listed.asked) == sorted(set(listed.asked))
    assert len(listed.asked) <= 13


async def test_a_server_that_ignores_the_offset_is_found_out() -> None:
    async def same(_offset: int, limit: int) -> list[StoredCustomer]:
        return [StoredCustomer(id=each) for each in people(limit)]

    found = await walk(same, Kept(), limit=10)
    assert (found.customers, found.unpaged, found.joined) == (10, True, False)


async def test_a_list_that_never_ends_is_left() -> None:
    """Without order, offset or end: each page is some of the same hundred."""
    dice = random.Random(1)

    async def any_of_them(_offset: int, limit: int) -> list[StoredCustomer]:
        return [StoredCustomer(id=each) for each in dice.sample(people(100), limit)]

    found = await walk(any_of_them, Kept(), limit=10)
    assert not found.joined


async def test_a_server_without_an_order_is_found_out() -> None:
    listed = Listed(people(300))
    dice = random.Random(7)
    listed.change = dice.shuffle
    found, kept = await walked(listed, expected=300)
    assert not found.joined
    assert len(kept.now) == found.customers


async def test_deletions_in_front_hide_nobody() -> None:
    """Each page finds the list shifted by more than a page's half: what an offset alone would lose."""
    listed = Listed(people(400))
    gone: list[str] = []

    def delete(ids: list[str]) -> None:
        if len(listed.asked) > 8 and len(gone) < 45:
            gone.extend(ids[:15])
            del ids[:15]

    listed.change = delete
    found, kept = await walked(listed)
    assert found.joined
    assert kept.now.keys() >= {*people(400)} - {*gone}


async def test_a_list_that_grows_as_fast_as_it_is_read_is_not_run_after() -> None:
    listed = Listed(people(100))
    listed.change = lambda ids: ids.append(f"N{len(ids)}")
    found, kept = await walked(listed, expected=100)
    assert found.joined
    assert {*kept.now} >= {*people(100)}


async def test_many_more_in_front_repeat_nobody() -> None:
    listed = Listed(people(100))

    def add(ids: list[str]) -> None:
        if len(listed.asked) == 3:
            ids[:0] = [f"N{number}" for number in range(200)]

    listed.change = add
    found, kept = await walked(listed)
    assert {*kept.now} >= {*people(100)}
    assert found.customers == len(kept.now)


async def test_when_all_who_were_met_are_deleted_the_walk_says_that_it_does_not_know() -> None:
    listed = Listed(people(100))

    def delete(ids: list[str]) -> None:
        if len(listed.asked) == 3:
            del ids[:40]

    listed.change = delete
    found, _ = await walked(listed)
    assert not found.joined


@settings(max_examples=300, deadline=None)
@given(data=st.data())
async def test_whoever_was_there_the_whole_time_is_met_or_the_walk_says_that_somebody_may_be_missing(
    data: st.DataObject,
) -> None:
    """The law of the module, over lists that are edited anywhere between any two pages."""
    listed = Listed(
        people(data.draw(st.integers(0, 60))), cap=data.draw(st.sampled_from([2, 3, 5, 8, 1_000]))
    )
    seed = data.draw(st.integers(0, 2**32))
    dice, stay, rate = random.Random(seed), {*listed.ids}, data.draw(st.sampled_from([0.1, 0.4, 0.9]))
    added = iter(range(100_000))

    def edit(ids: list[str]) -> None:
        while dice.random() < rate:
            at = dice.randint(0, len(ids))
            many = dice.randint(1, 4)
            if dice.random() < 0.5:
                stay.difference_update(ids[at : at + many])
                del ids[at : at + many]
            elif len(ids) < 150:
                ids[at:at] = [f"N{next(added)}" for _ in range(many)]

    listed.change = edit
    expected = len(listed.ids) if data.draw(st.booleans()) else None
    found, kept = await walked(listed, limit=data.draw(st.sampled_from([2, 4, 8])), expected=expected)
    if found.joined:
        assert stay <= kept.now.keys()
