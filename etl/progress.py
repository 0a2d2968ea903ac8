"""What a long run tells while it works; the default tells nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from etl.records import RowOutcome


class Progress(Protocol):
    """Told by the pipeline; must not block."""

    def begin(self, total: int, done: int) -> None:
        """Sending begins: ``done`` of ``total`` rows are settled already."""

    def advance(self, outcomes: Sequence[RowOutcome]) -> None:
        """These rows have their answer."""

    def retrying(self, call: str, wait: float, reason: str) -> None:
        """A call is made again in ``wait`` seconds."""

    def say(self, sentence: str) -> None:
        """Something that the person should know now."""

    def end(self) -> None:
        """Nothing more comes."""


class Silence:
    """Progress that nobody sees."""

    def begin(self, total: int, done: int) -> None:
        """Say nothing."""

    def advance(self, outcomes: Sequence[RowOutcome]) -> None:
        """Say nothing."""

    def retrying(self, call: str, wait: float, reason: str) -> None:
        """Say nothing."""

    def say(self, sentence: str) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


class Ticker:
    """Lets a sentence through to ``say`` when the last one is ``every`` seconds ago."""

    def __init__(self, say: Callable[[str], None], *, every: float = 5.0) -> None:
        self._say = say
        self._every = every
        self._told = time.monotonic()

    def tell(self, sentence: str) -> None:
        """Say it, if it is time to say something."""
        now = time.monotonic()
        if now - self._told >= self._every:
            self._told = now
            self._say(sentence)
