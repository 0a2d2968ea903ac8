"""What a long run tells while it works; the default tells nobody."""

from __future__ import annotations

from collections.abc import Sequence
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
