"""Where the stages meet: what holds between them when a run ends early."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import cast

import pytest

from etl.gathering import Gathering
from etl.limits import ErrorLimit
from etl.pipeline import _claimed
from etl.steps import Step


async def test_a_run_that_is_cancelled_while_a_frame_is_worked_out_ends_its_reader_in_order() -> None:
    """The frame is worked out in a thread, which no cancelling stops: it must end before it is closed."""
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def source() -> Generator[Step, None, None]:
        try:
            begun.set()
            go_on.wait(10)
            yield Step([], [])
        finally:
            closed.set()

    batches = _claimed(source(), cast("Gathering", None), limit=ErrorLimit(""), told=lambda _outcomes: None)
    waiting = asyncio.ensure_future(anext(batches))
    await asyncio.to_thread(begun.wait, 10)
    waiting.cancel()
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert closed.is_set()
