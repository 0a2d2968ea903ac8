"""Customers → batches, by number of customers and by bytes; pure, and the same for the same input.

A batch is filled before the next begins, whatever chunks the customers came in: nothing is sent small
because a chunk of the file ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from etl.records import Batch, Item


class Chunker:
    """Fills one batch after the other.

    ``max_bytes`` bounds the request's body, brackets and commas included; a customer that is larger alone
    goes alone. ``numbers`` gives each batch its number. A batch ends after the ``first`` customers, which go
    ahead of the others.
    """

    def __init__(self, *, max_items: int, max_bytes: int, numbers: Iterator[int], first: int = 0) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._numbers = numbers
        self._items: list[Item] = []
        self._bytes = 0
        self._first = first
        self._added = 0

    def add(self, items: Iterable[Item]) -> list[Batch]:
        """Take customers; give the batches that are full because of them."""
        full = []
        for item in items:
            size = len(item.body) + 1
            if self._items and self._is_full(size):
                full.append(self._filled())
            self._items.append(item)
            self._bytes += size
            self._added += 1
        return full

    def rest(self) -> Batch | None:
        """Give what is left over, None where nothing is."""
        return self._filled() if self._items else None

    def _filled(self) -> Batch:
        batch = Batch(number=next(self._numbers), items=tuple(self._items))
        self._items, self._bytes = [], 0
        return batch

    def _is_full(self, size: int) -> bool:
        """Whether a customer of ``size`` bytes has no place beside those of the batch."""
        return (
            len(self._items) == self._max_items
            or 1 + self._bytes + size > self._max_bytes
            or self._added == self._first
        )
