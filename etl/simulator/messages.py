"""What passes between the socket and the rules: a call, its answer, and the exchange of both.

Nothing here knows aiohttp or SQLite, so handlers and faults are plain functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import Struct, field

JSON = "application/json"
XML = "application/xml"
HTML = "text/html"
TEXT = "text/plain"


class Call(Struct, frozen=True, kw_only=True):
    """A request as the handlers see it: ``campaign`` and ``customer`` are the ids in its path, as written.

    ``body`` is JSON (or plain text, for a status), and ``size`` the bytes that were sent for it. ``loose``
    says that it was XML: numbers are text in it. ``query_string`` is the query as it was sent; of a parameter
    that it repeats, the first value counts.
    ``as_of`` is the number of the newest customer that a check of uniqueness sees, None for all.
    """

    method: str
    path: str
    campaign: str = ""
    customer: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    size: int = 0
    loose: bool = False
    as_of: int | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """A response. ``committed`` counts the customers or campaigns that were created, changed or deleted.

    Faults may break the delivery: ``cut`` bytes of the body and then a reset of the connection, a pause of
    ``stall`` seconds between head and body, or of ``drip`` seconds before each tenth of the body.
    ``rendered`` says that it is as it was asked for (JSON or XML, a language), and not to be touched again.
    """

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)
    committed: int = 0
    cut: int | None = None
    stall: float = 0.0
    drip: float = 0.0
    rendered: bool = False

    @property
    def is_reset(self) -> bool:
        """True when the connection is to be reset in place of an answer."""
        return self.status == 0


RESET = Answer(status=0)


def readable(text: str) -> str:
    """Without the lone surrogates that stand for bytes of a request's head which are no UTF-8."""
    return text.encode(errors="replace").decode()


class Refusal(Exception):  # noqa: N818  -- an answer on its way out, not something that went wrong here
    """A 4xx with its reason, raised wherever a rule is found broken."""

    def __init__(self, status: int, reason: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.answer = Answer(status=status, body=reason.encode(errors="replace"), headers=headers or {})


def json_answer(content: object) -> Answer:
    """200 with ``content`` as JSON."""
    return Answer(status=200, body=msgspec.json.encode(content), content_type=JSON)


class Door(Protocol):
    """What an exchange needs of the simulator around it; a door is for one request."""

    async def receive(self) -> bytes:
        """The body, taken off the socket as it was sent."""

    def read(self, sent: bytes) -> Call:
        """The call that head and body make. Raises Refusal where either is not as it must be."""

    def handle(self, call: Call) -> Answer:
        """What the interface does with the call; it is committed on return."""

    def render(self, answer: Answer) -> Answer:
        """The answer in the media type and language that are wanted; one that is so already stays."""

    def now(self) -> str:
        """The present time by the simulator's clock."""

    def last_number(self) -> int:
        """The number of the newest customer."""

    def reads_since_write(self) -> int:
        """Which look-up since the last change this one is, from 1."""

    async def pause(self, seconds: float) -> None:
        """Wait, at most until the simulator releases what it holds back."""


class Exchange:
    """One request on its way through the simulator: what a fault may look at, change, or let pass.

    ``head`` is the call without its body. ``committed`` sums what the calls that were let pass have
    committed. Answers are JSON until they are rendered, which happens at the end, or earlier where a fault
    deals with the bytes as they are sent.
    """

    def __init__(self, head: Call, door: Door) -> None:
        self.head = head
        self.door = door
        self.committed = 0
        self._sent: bytes | None = None
        self._call: Call | None = None

    async def receive(self) -> bytes:
        """The body as it was sent, which is taken off the socket when this is first asked for."""
        if self._sent is None:
            self._sent = await self.door.receive()
        return self._sent

    async def read(self) -> Call:
        """The call with its body. Raises Refusal where the door does not let it in."""
        if self._call is None:
            self._call = self.door.read(await self.receive())
        return self._call

    async def proceed(self, call: Call | None = None) -> Answer:
        """Handle the call (or ``call`` in its place) for real; what it changes is committed on return."""
        try:
            answer = self.door.handle(call or await self.read())
        except Refusal as refusal:
            return refusal.answer
        self.committed += answer.committed
        return answer
