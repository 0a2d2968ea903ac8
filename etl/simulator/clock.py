"""The simulator's own clock: the real time, and what the dialler has moved it on by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from etl.simulator.database import Database


def real_time() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


class Clock:
    """``real`` gives the real time; how far this one is ahead of it is kept in the database."""

    def __init__(self, db: Database, real: Callable[[], datetime] = real_time) -> None:
        self._db = db
        self._real = real

    def now(self) -> datetime:
        """The present time by this clock, in UTC."""
        return self._real() + timedelta(seconds=self._db.query("SELECT seconds FROM clock")[0][0])

    def move(self, seconds: float) -> None:
        """Move it on. Raises OverflowError where it would leave the calendar."""
        _ = self.now() + timedelta(seconds=seconds)
        self._db.execute("UPDATE clock SET seconds = seconds + ?", (seconds,))

    def reset(self) -> None:
        """Back to the real time."""
        self._db.execute("UPDATE clock SET seconds = 0")
