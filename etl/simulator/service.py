"""What one running simulator is made of."""

from __future__ import annotations

import asyncio
import base64
import functools
import hmac
import logging
import sqlite3
from collections import deque
from datetime import datetime
from email.utils import format_datetime

from msgspec import Struct

from etl.simulator.dialler import Dialler
from etl.simulator.messages import Answer, Call, readable
from etl.simulator.plan import Plan
from etl.simulator.store import Store

_log = logging.getLogger(__name__)

_LONGEST_LOG = 100_000
_DIALLING_SECONDS = 0.1


class LoggedRequest(Struct, frozen=True, kw_only=True):
    """A request that was answered, or reset (``status`` 0); ``number`` counts them from 1.

    ``time`` is the simulator's when it was answered. ``query``, ``accept`` and ``content_type`` are as they
    were sent; ``answer_type`` is the answer's media type, empty where it has no body.
    ``committed`` counts the customers or campaigns that it created, changed or deleted for good, whatever
    the answer said. ``fault`` is the mode that hit it, if one did.
    """

    number: int
    time: str
    method: str
    path: str
    query: str
    accept: str = ""
    content_type: str = ""
    status: int
    answer_type: str = ""
    committed: int
    fault: str = ""


class Service:
    """The data, the plan of faults and the log, for the interface and for its control plane.

    ``auth`` is empty, ``basic:USER:PASSWORD`` or ``bearer:TOKEN``, else ValueError. ``latency`` is in
    seconds. ``strict`` enforces the document's rules for media types. ``released`` lets all go that a fault
    holds back. The log keeps the last 100,000 requests.
    """

    def __init__(
        self, store: Store, plan: Plan, *, auth: str = "", latency: float = 0.0, strict: bool = False
    ) -> None:
        self.store = store
        self.plan = plan
        self.latency = latency
        self.strict = strict
        self.log: deque[LoggedRequest] = deque(maxlen=_LONGEST_LOG)
        self.logged = 0
        self.reads_since_write = 0
        self.released = asyncio.Event()
        self._scheme, self._credentials = _credentials(auth)

    @property
    def challenge(self) -> str:
        """The ``WWW-Authenticate`` header of a 401."""
        return f'{self._scheme.title() or "Basic"} realm="OBI"'

    def lets_in(self, authorization: str) -> bool:
        """Whether a request with this ``Authorization`` header may call."""
        scheme, _, credentials = authorization.partition(" ")
        given = credentials.strip().encode(errors="replace")
        same = hmac.compare_digest(given, self._credentials.encode())
        return not self._scheme or (same and scheme.lower() == self._scheme)

    def date(self) -> str:
        """The ``Date`` header of an answer: the simulator's present time."""
        return _http_date(self.store.now()[:19])

    def record(self, call: Call, answer: Answer, *, committed: int, fault: str) -> None:
        """Put an answered call into the log."""
        if committed:
            self.reads_since_write = 0
        self.logged += 1
        request = LoggedRequest(
            number=self.logged,
            time=self.store.now(),
            method=call.method,
            path=call.path,
            query=call.query_string,
            accept=readable(call.headers.get("Accept", "")),
            content_type=readable(call.headers.get("Content-Type", "")),
            status=answer.status,
            answer_type=answer.content_type if answer.body else "",
            committed=committed,
            fault=fault,
        )
        self.log.append(request)

    async def keep_dialling(self, speed: float, *, seed: int) -> None:
        """Dial ``speed`` seconds of simulated time in each real second, until cancelled.

        The clock goes on by them, beside the real time that passes.
        """
        dialler = Dialler(self.store, seed=seed)
        loop = asyncio.get_running_loop()
        dialled = loop.time()
        while True:
            await asyncio.sleep(_DIALLING_SECONDS)
            now = loop.time()
            try:
                dialler.advance((now - dialled) * speed)
            except (sqlite3.OperationalError, OverflowError, ValueError) as error:
                _log.warning("the dialler could not dial: %s", error)
            dialled = now

    def release(self) -> None:
        """Let all go on that faults hold back now; what comes later is held back anew."""
        self.released.set()
        self.released = asyncio.Event()

    def reset(self) -> None:
        """As new: no faults, no log, no customers, the example campaigns."""
        self.plan.clear()
        self.log.clear()
        self.logged = self.reads_since_write = 0
        self.store.reset()


@functools.lru_cache(maxsize=16)
def _http_date(instant: str) -> str:
    return format_datetime(datetime.fromisoformat(f"{instant}+00:00"), usegmt=True)


def _credentials(auth: str) -> tuple[str, str]:
    """The scheme and the credentials that a request must have; empty where anyone may call."""
    if not auth:
        return "", ""
    scheme, _, credentials = auth.partition(":")
    if scheme == "basic" and ":" in credentials:
        return scheme, base64.b64encode(credentials.encode()).decode()
    if scheme == "bearer" and credentials:
        return scheme, credentials
    raise ValueError("auth is written basic:USER:PASSWORD or bearer:TOKEN")
