"""A call, its answer, and how the answer's body is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from etl.obi.models import ItemResult

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

JSON = "application/json"
XML = "application/xml"
HTML = "text/html"
TEXT = "text/plain"
ANY = "*/*"

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What a reader raises over a body that is not what the document promises."""

_ID = re.compile(r'\s*"?((?!(?:null|true|false|ok)\b)[0-9A-Za-z-]{1,64})"?\s*', re.ASCII | re.IGNORECASE)
"""What may be an id. GUIDs are due; of other words, only those that surely are none are told apart."""


class Call(Struct, frozen=True):
    """One operation of the interface: HTTP method, a name for messages, and the media types it needs.

    ``element`` is what a JSON body that is sent would be called as XML. ``many`` says that the answer is a
    list.
    """

    method: str
    name: str
    accept: str = JSON
    content_type: str = ""
    element: str = ""
    many: bool = False

    @property
    def changes(self) -> bool:
        """True if the call changes something, so that repeating it is not harmless."""
        return self.method != "GET"

    @property
    def reads_data(self) -> bool:
        """True if an answer is data, in JSON or XML, rather than an id or nothing."""
        return JSON in self.accept

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


class Answer(Struct, frozen=True):
    """What came back: HTTP status, headers (names in any case) and the whole body, in UTF-8.

    ``asked`` is what the request held, body and query, which no error may repeat.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked: tuple[bytes | None, Mapping[str, str] | None] = (None, None)


Reader = Callable[[Answer], T]
"""Makes a value of a 2xx answer, or raises one of ``UNREADABLE``."""


def json_reader(kind: type[T]) -> Reader[T]:
    """A reader of JSON bodies of type ``kind``.

    Types are taken strictly; only where that fails, numbers in text (``"201"``) and whole floats count as
    integers, since a number is what they say.
    """
    strict = msgspec.json.Decoder(kind)
    lax = msgspec.json.Decoder(kind, strict=False)

    def read(answer: Answer) -> T:
        try:
            return strict.decode(answer.body)
        except msgspec.ValidationError:
            return lax.decode(answer.body)

    return read


def tolerant_reader(kind: type[S]) -> Reader[list[S]]:
    """A reader of JSON arrays of ``kind`` that takes an odd value for one that is not there.

    One customer with a fraction where the document has an integer must not keep a run from looking up all
    others. 204 is an empty list. Without its calls a customer loses its modificationDate too: what can't be
    read proves nothing.
    """
    strict = json_reader(list[kind])  # type: ignore[valid-type]  # a type that is known at run time

    def read(answer: Answer) -> list[S]:
        if answer.status == 204:
            return []
        try:
            return strict(answer)
        except msgspec.ValidationError:
            held = msgspec.json.decode(answer.body, type=list[dict[str, Any]])
            return [_without_oddities(one, kind) for one in held]

    return read


def tolerant_one_reader(kind: type[S]) -> Reader[S]:
    """A reader of one ``kind``, as tolerant as ``tolerant_reader``."""
    strict = json_reader(kind)

    def read(answer: Answer) -> S:
        try:
            return strict(answer)
        except msgspec.ValidationError:
            return _without_oddities(msgspec.json.decode(answer.body, type=dict[str, Any]), kind)

    return read


def _without_oddities(held: dict[str, Any], kind: type[S]) -> S:
    """``held`` as ``kind``: numbers where text is due become text, what else does not fit is left out.

    A ``kind`` with a field ``unreadable`` is told there what was.
    """
    for name in _TEXTS:
        if isinstance(held.get(name), int | float) and not isinstance(held[name], bool):
            held[name] = str(held[name])
    held.pop(_UNREADABLE, None)
    odd: list[str] = []
    while True:
        try:
            return msgspec.convert({**held, _UNREADABLE: odd} if odd else held, kind, strict=False)
        except msgspec.ValidationError as error:
            found = _ODD.search(str(error))
            if found is None or held.pop(found[1], None) is None:
                raise
            odd.append(found[1])
            if found[1] in _CALLS:
                held.pop("modificationDate", None)


_CALLS = frozenset({"callCount", "callResult", "result"})
_UNREADABLE = "unreadable"
_TEXTS = ("id", "externalId", "numbers")
_ODD = re.compile(r"at `\$\.(\w+)")
_read_items = json_reader(list[ItemResult])


def item_reader(expected: int) -> Reader[list[ItemResult]]:
    """A reader of ``customers/list``'s answer: exactly ``expected`` items, or it is unreadable.

    The order is the request's: the document implies it, and nothing in the answer could show another.
    """

    def read(answer: Answer) -> list[ItemResult]:
        items = _read_items(answer)
        if len(items) != expected:
            raise ValueError(f"{len(items)} items for {expected} customers")
        return items

    return read


def read_id(answer: Answer) -> str:
    """The id of what was created: the body, or else the end of ``Location``; empty where neither has it."""
    text = answer.body.decode(errors="replace")
    if found := _ID.fullmatch(text):
        return found[1]
    location = answer.headers.get("Location", "").split("?")[0].rstrip("/")
    if found := _ID.fullmatch(location.rpartition("/")[2]):
        return found[1]
    if text.strip():
        raise ValueError("neither the body nor Location is an id")
    return ""


def read_nothing(answer: Answer) -> None:
    """Nothing is due from PUT and DELETE; a page of HTML says that something else answered."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if answer.body.lstrip().startswith(b"<") and not kind.endswith(("/xml", "+xml")):
        raise ValueError("a page of HTML")
