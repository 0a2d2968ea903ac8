"""What passes between the socket and the rules: a call, its answer, and the exchange of both.

Nothing here knows aiohttp or SQLite, so handlers and faults are plain functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from msgspec import Struct, field

JSON = "application/json"
HTML = "text/html"
TEXT = "text/plain"


class Call(Struct, frozen=True, kw_only=True):
    """A request as the handlers see it: ``campaign`` and ``customer`` are the ids in its path, as written.

    ``body`` is JSON (or plain text, for a status). ``loose`` says that it was XML: numbers are text in it.
    ``as_of`` is the number of the newest customer that a check of uniqueness sees, None for all.
    """

    method: str
    path: str
    campaign: str = ""
    customer: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    loose: bool = False
    as_of: int | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """A response. ``committed`` counts the customers or campaigns that were created, changed or deleted.

    Faults may break the delivery: ``cut`` bytes of the body and then a reset of the connection, or a pause
    of ``drip`` seconds before each tenth of the body.
    """

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)
    committed: int = 0
    cut: int | None = None
    drip: float = 0.0

    @property
    def is_reset(self) -> bool:
        """True when the connection is to be reset in place of an answer."""
        return self.status == 0


RESET = Answer(status=0)


class Refusal(Exception):  # noqa: N818  -- an answer on its way out, not something that went wrong here
    """A 4xx with its reason, raised wherever a rule is found broken."""

    def __init__(self, status: int, reason: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.answer = Answer(status=status, body=reason.encode(), headers=headers or {})


def json_answer(content: object) -> Answer:
    """200 with ``content`` as JSON."""
    return Answer(status=200, body=msgspec.json.encode(content), content_type=JSON)


class Exchange:
    """One request on its way through the simulator: what a fault may look at, change, or let pass.

    ``committed`` sums what the calls that were let pass have committed.
    """

    def __init__(
        self,
        call: Call,
        *,
        read: Callable[[], Awaitable[bytes]],
        handle: Callable[[Call], Answer],
        released: asyncio.Event,
    ) -> None:
        self.head = call
        self.committed = 0
        self._read = read
        self._handle = handle
        self._released = released
        self._call: Call | None = None

    async def read(self) -> Call:
        """The call with its body, which is taken off the socket when this is first asked for."""
        if self._call is None:
            self._call = msgspec.structs.replace(self.head, body=await self._read())
        return self._call

    async def proceed(self, call: Call | None = None) -> Answer:
        """Handle the call (or ``call`` in its place) for real; what it changes is committed on return."""
        answer = self._handle(call or await self.read())
        self.committed += answer.committed
        return answer

    async def pause(self, seconds: float) -> None:
        """Wait, at most until the simulator releases what it holds back."""
        try:
            await asyncio.wait_for(self._released.wait(), seconds)
        except TimeoutError:
            return
