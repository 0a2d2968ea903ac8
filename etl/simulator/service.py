"""What one running simulator is made of."""

from __future__ import annotations

import asyncio
import base64
from collections import deque

from msgspec import Struct

from etl.simulator.plan import Plan
from etl.simulator.store import Store

_LONGEST_LOG = 100_000


class LoggedRequest(Struct, frozen=True, kw_only=True):
    """A request that was answered, or reset (``status`` 0).

    ``committed`` counts the customers or campaigns that it created, changed or deleted for good, whatever
    the answer said. ``fault`` is the mode that hit it, if one did. ``query`` is as it was sent.
    """

    method: str
    path: str
    query: str
    status: int
    committed: int
    fault: str = ""


class Service:
    """The data, the plan of faults and the log, for the interface and for its control plane.

    ``auth`` is empty or ``basic:USER:PASSWORD``, else ValueError. ``latency`` is in seconds. ``released``
    lets all go that a fault holds back. The log keeps the last 100,000 requests.
    """

    def __init__(self, store: Store, plan: Plan, *, auth: str = "", latency: float = 0.0) -> None:
        self.store = store
        self.plan = plan
        self.latency = latency
        self.authorization = _authorization(auth)
        self.log: deque[LoggedRequest] = deque(maxlen=_LONGEST_LOG)
        self.released = asyncio.Event()

    def release(self) -> None:
        """Let all go on that faults hold back now; what comes later is held back anew."""
        self.released.set()
        self.released = asyncio.Event()


def _authorization(auth: str) -> str:
    """The Authorization header that a request must have; empty where anyone may call."""
    if not auth:
        return ""
    scheme, _, credentials = auth.partition(":")
    if scheme != "basic" or ":" not in credentials:
        raise ValueError("auth is written basic:USER:PASSWORD")
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"
