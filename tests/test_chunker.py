"""Batches: nothing lost, order kept, never over a limit, and blind to the chunks of the file."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from etl.chunker import Chunker
from etl.records import Batch, Item


def item(row: int, size: int = 1) -> Item:
    return Item(row, str(row), "+442079460000", b"x" * size)


def batches_of(
    items: Sequence[Item], *, max_items: int = 100, max_bytes: int = 10_000, first: int = 1
) -> list[Batch]:
    chunker = Chunker(max_items=max_items, max_bytes=max_bytes, numbers=itertools.count(first))
    full = chunker.add(items)
    rest = chunker.rest()
    return [*full, rest] if rest else full


def body_of(batch: Batch) -> bytes:
    return b"[" + b",".join(each.body for each in batch.items) + b"]"


sizes = st.lists(st.integers(1, 60), max_size=60)


@given(sizes=sizes, max_items=st.integers(1, 8), max_bytes=st.integers(1, 120))
def test_every_customer_goes_out_once_in_order_and_within_the_limits(
    sizes: list[int], max_items: int, max_bytes: int
) -> None:
    items = [item(row, size) for row, size in enumerate(sizes, 1)]
    batches = batches_of(items, max_items=max_items, max_bytes=max_bytes)
    assert [each for batch in batches for each in batch.items] == items
    for batch in batches:
        assert 1 <= len(batch.items) <= max_items
        assert len(body_of(batch)) <= max_bytes or len(batch.items) == 1


@given(sizes=sizes, max_items=st.integers(1, 8), max_bytes=st.integers(1, 120))
def test_no_batch_is_smaller_than_it_must_be(sizes: list[int], max_items: int, max_bytes: int) -> None:
    items = [item(row, size) for row, size in enumerate(sizes, 1)]
    for batch, following in itertools.pairwise(batches_of(items, max_items=max_items, max_bytes=max_bytes)):
        one_more = Batch(number=0, items=(*batch.items, following.items[0]))
        assert len(batch.items) == max_items or len(body_of(one_more)) > max_bytes


@given(rows=st.integers(0, 60), cuts=st.sets(st.integers(0, 60)), max_items=st.integers(1, 8))
def test_where_a_chunk_of_the_file_ends_makes_no_difference(
    rows: int, cuts: set[int], max_items: int
) -> None:
    items = [item(row) for row in range(1, rows + 1)]
    borders = [0, *sorted(cut for cut in cuts if cut < rows), rows]
    chunker = Chunker(max_items=max_items, max_bytes=10_000, numbers=itertools.count(1))
    batches = []
    for start, end in itertools.pairwise(borders):
        batches += chunker.add(items[start:end])
    if rest := chunker.rest():
        batches.append(rest)
    assert batches == batches_of(items, max_items=max_items)


def test_the_brackets_and_commas_of_the_request_count() -> None:
    four = [item(row, 10) for row in range(1, 5)]
    assert [len(batch.items) for batch in batches_of(four, max_bytes=45)] == [4]
    assert [len(batch.items) for batch in batches_of(four, max_bytes=44)] == [3, 1]


def test_a_customer_that_is_too_large_alone_goes_alone() -> None:
    found = batches_of([item(1), item(2, 500), item(3)], max_bytes=50)
    assert [batch.rows for batch in found] == [(1,), (2,), (3,)]


def test_batches_are_numbered_in_order_from_the_number_that_is_free() -> None:
    found = batches_of([item(row) for row in range(1, 6)], max_items=2, first=7)
    assert [batch.number for batch in found] == [7, 8, 9]


def test_no_number_is_used_up_for_a_batch_that_is_empty() -> None:
    numbers = itertools.count(1)
    chunker = Chunker(max_items=2, max_bytes=100, numbers=numbers)
    assert chunker.rest() is None
    chunker.add([item(1)])
    assert chunker.rest() is not None
    assert chunker.rest() is None
    assert next(numbers) == 2


@pytest.mark.parametrize("rows", [99, 100, 101, 200, 250])
def test_batches_are_full_but_for_the_last(rows: int) -> None:
    found = batches_of([item(row) for row in range(1, rows + 1)])
    assert [len(batch.items) for batch in found] == [100] * (rows // 100) + [rows % 100] * bool(rows % 100)


def test_a_new_batch_was_never_sent() -> None:
    (batch,) = batches_of([item(1)])
    assert (batch.attempts, batch.in_doubt) == (0, False)


def test_a_batch_is_in_doubt_where_one_of_its_rows_is() -> None:
    sure, doubtful = item(1), replace(item(2), in_doubt=True, sent_at=10.0, doubted_at=10.0)
    found = batches_of([sure, doubtful, sure], max_items=2)
    assert [batch.in_doubt for batch in found] == [True, False]
