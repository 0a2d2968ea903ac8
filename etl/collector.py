"""Python's collector of cycles, set for programs that make many objects without any."""

from __future__ import annotations

import gc


def look_seldom() -> None:
    """Have it look every 50,000 new objects instead of 700, for the whole process.

    A row is a score of objects, all gone when the last reference is. Looking for cycles among them took a
    tenth of a load of 100,000 rows; looking less often takes no memory to speak of (measured).
    """
    gc.set_threshold(50_000, 20, 50)
