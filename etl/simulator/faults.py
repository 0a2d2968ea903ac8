"""What can go wrong, by name: ``MODES`` is the table, and an entry is a few lines.

A fault is a function that stands around the real handling of one exchange. It may answer in its place,
let it pass (``exchange.proceed()``, after which everything is committed), and change the call before or
the answer after. ``params`` come from the rule; every fault says which it reads (seconds are real ones).
Names that end in ``_after_commit`` are the cruel ones: the answer says nothing of what was stored.

- in place of an answer: ``401`` (at once, or with ``nth`` in mid-run) ``403`` ``404`` ``405`` ``406`` ``413``
  ``415`` ``500`` ``502`` ``503`` ``504`` ``302_login`` ``html_200`` ``html_502`` ``empty_200``; of these
  ``500`` ``502`` ``503`` ``504`` ``html_200`` ``html_502`` ``empty_200`` with ``_after_commit`` too
- throttling: ``429`` ``429_date`` ``429_bare`` ``429_absurd``
- the connection: ``reset_before_read`` ``reset_before_commit`` ``reset_after_commit`` ``reset_mid_body``
  ``reset_after_partial_commit`` ``hang`` ``hang_then_commit`` ``hang_after_commit`` ``slow_first_byte``
  ``drip``
- limits: ``413_above`` ``400_above``
- a true answer, damaged: ``truncated_json`` ``short_array`` ``long_array`` ``reordered_array``
  ``body_no_list`` ``status_code_missing`` ``status_code_string`` (nothing to see in XML) ``id_missing``
  ``duplicate_ids``
- one item of a list not handled: ``item_429`` ``item_500`` ``item_503`` ``item_200``
- a server that is not what one trusts in: ``stale_reads`` ``filter_ignored`` ``racy_uniqueness``

All of them hit exchanges in XML as well: they work on JSON, before an answer becomes XML, and those that cut
bodies on the bytes that are sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
from msgspec import Struct, structs

from etl.simulator import values
from etl.simulator.messages import HTML, JSON, RESET, Answer, Call, Exchange

Params = Mapping[str, Any]
Target = tuple[str | None, str | None]
FaultFunction = Callable[[Exchange, Params], Awaitable[Answer]]

ANY: Target = (None, None)
LIST: Target = ("POST", "/customers/list$")
LOOK_UP: Target = ("GET", "/customers")


class Mode(Struct, frozen=True):
    """A fault function, and the (method, path) of the requests it is made for."""

    run: FaultFunction
    target: Target


MODES: dict[str, Mode] = {}


def _mode(name: str, *, target: Target = ANY) -> Callable[[FaultFunction], FaultFunction]:
    def register(function: FaultFunction) -> FaultFunction:
        MODES[name] = Mode(function, target)
        return function

    return register


# Answers in place of the handling, or after it: the plain ones are a table.

_REASONS = {
    401: b"Not authorised",
    403: b"Access is denied",
    404: b"There is nothing at this path",
    405: b"This method is not allowed here",
    406: b"Accept: application/json is expected",
    413: b"Too large a request",
    415: b"Content-Type: application/json is expected",
    500: b"Internal error",
    502: b"Bad gateway",
    503: b"Service unavailable",
}
_LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>"
_ERROR_PAGE = b"<html><head><title>%d</title></head><body><center><h1>%d</h1></center></body></html>"


def _page(status: int) -> Answer:
    return Answer(status=status, body=_ERROR_PAGE % (status, status), content_type=HTML)


def _canned(answer: Answer, *, commit: bool) -> FaultFunction:
    async def fault(exchange: Exchange, _params: Params) -> Answer:
        await (exchange.proceed() if commit else exchange.receive())
        return answer

    return fault


_CANNED: dict[str, Answer] = {
    **{str(status): Answer(status=status, body=reason) for status, reason in _REASONS.items()},
    "504": _page(504),
    "html_502": _page(502),
    "html_200": Answer(status=200, body=_LOGIN_PAGE, content_type=HTML),
    "empty_200": Answer(status=200, content_type=JSON),
    "302_login": Answer(status=302, headers={"Location": "/_sim/login"}),
    "reset_before_commit": RESET,
}
for _name, _answer in _CANNED.items():
    MODES[_name] = Mode(_canned(_answer, commit=False), ANY)
for _name in ("500", "502", "503", "504", "html_502", "html_200", "empty_200"):
    MODES[f"{_name}_after_commit"] = Mode(_canned(_CANNED[_name], commit=True), ANY)
MODES["reset_after_commit"] = Mode(_canned(RESET, commit=True), ANY)


# Throttling. ``seconds`` (default 1) is how long to wait.


def _throttled(retry_after: str | None) -> Answer:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer(status=429, body=b"Too many requests", headers=headers)


@_mode("429")
async def _throttle_seconds(_exchange: Exchange, params: Params) -> Answer:
    return _throttled(str(params.get("seconds", 1)))


@_mode("429_date")
async def _throttle_date(exchange: Exchange, params: Params) -> Answer:
    until = datetime.fromisoformat(exchange.door.now()) + timedelta(seconds=params.get("seconds", 1))
    return _throttled(format_datetime(until, usegmt=True))


@_mode("429_bare")
async def _throttle_bare(_exchange: Exchange, _params: Params) -> Answer:
    return _throttled(None)


@_mode("429_absurd")
async def _throttle_absurd(_exchange: Exchange, params: Params) -> Answer:
    """``retry_after``: the header as it stands, by default a number of seconds beyond any patience."""
    return _throttled(str(params.get("retry_after", "99999999999")))


# The connection.


@_mode("reset_before_read")
async def _reset_before_read(_exchange: Exchange, _params: Params) -> Answer:
    return RESET


@_mode("reset_mid_body")
async def _reset_mid_body(exchange: Exchange, params: Params) -> Answer:
    """``bytes`` of the answer (by default half of it) arrive before the reset; all is committed."""
    answer = exchange.door.render(await exchange.proceed())
    return structs.replace(answer, cut=int(params.get("bytes", len(answer.body) // 2)))


@_mode("reset_after_partial_commit", target=LIST)
async def _reset_after_partial_commit(exchange: Exchange, params: Params) -> Answer:
    """Only the first ``items`` (by default half of them) are handled, then the connection is reset."""
    call = await exchange.read()
    items = _items(call)
    await exchange.proceed(_with_items(call, items[: int(params.get("items", len(items) // 2))]))
    return RESET


@_mode("hang")
async def _hang(exchange: Exchange, params: Params) -> Answer:
    """Nothing for ``seconds`` (default 3600), then a reset; nothing is committed."""
    await exchange.receive()
    await exchange.door.pause(params.get("seconds", 3600))
    return RESET


@_mode("hang_then_commit")
async def _hang_then_commit(exchange: Exchange, params: Params) -> Answer:
    """Nothing for ``seconds`` (default 3600), then a true answer: long after a client gave up, it commits."""
    await exchange.receive()
    await exchange.door.pause(params.get("seconds", 3600))
    return await exchange.proceed()


@_mode("hang_after_commit")
async def _hang_after_commit(exchange: Exchange, params: Params) -> Answer:
    """Committed at once; the true answer comes after ``seconds`` (default 3600)."""
    answer = await exchange.proceed()
    await exchange.door.pause(params.get("seconds", 3600))
    return answer


@_mode("slow_first_byte")
async def _slow_first_byte(exchange: Exchange, params: Params) -> Answer:
    """A true answer, late by ``seconds`` (default 1); with ``part`` "body" its head comes at once."""
    seconds = params.get("seconds", 1)
    answer = await exchange.proceed()
    if params.get("part") == "body":
        return structs.replace(answer, stall=float(seconds))
    await exchange.door.pause(seconds)
    return answer


@_mode("drip")
async def _drip(exchange: Exchange, params: Params) -> Answer:
    """A true answer, a tenth of it each ``seconds`` (default 0.1)."""
    return structs.replace(await exchange.proceed(), drip=float(params.get("seconds", 0.1)))


# Limits.


@_mode("413_above", target=LIST)
async def _too_large(exchange: Exchange, params: Params) -> Answer:
    """413 above ``items`` customers or ``bytes`` of body; a request within the limits passes."""
    call = await exchange.read()
    if call.size > params.get("bytes", float("inf")) or _above(call, params):
        return Answer(status=413, body=b"Too large a request")
    return await exchange.proceed()


@_mode("400_above", target=LIST)
async def _too_many(exchange: Exchange, params: Params) -> Answer:
    """400 above ``items`` customers; a request within the limit passes."""
    if _above(await exchange.read(), params):
        return Answer(status=400, body=b"Too many customers in one request")
    return await exchange.proceed()


def _above(call: Call, params: Params) -> bool:
    return "items" in params and len(_items(call)) > params["items"]


# Bodies that are not what they should be. All is committed.


@_mode("truncated_json")
async def _truncated(exchange: Exchange, _params: Params) -> Answer:
    """Half of the body, with a Content-Length that fits: JSON, or XML, that ends too soon."""
    answer = exchange.door.render(await exchange.proceed())
    return structs.replace(answer, body=answer.body[: len(answer.body) // 2])


def _edited(edit: Callable[[list[dict[str, Any]], int], object]) -> FaultFunction:
    """A fault that edits the answer's array; ``item`` (from 0, default 0) is the item that the edit hits."""

    async def fault(exchange: Exchange, params: Params) -> Answer:
        answer = await exchange.proceed()
        items = _items(answer)
        if not items:
            return answer
        edited = edit(items, min(int(params.get("item", 0)), len(items) - 1))
        return structs.replace(answer, body=msgspec.json.encode(edited))

    return fault


def _without_key(key: str) -> Callable[[list[dict[str, Any]], int], object]:
    def edit(items: list[dict[str, Any]], at: int) -> object:
        items[at].pop(key, None)
        return items

    return edit


_EDITS: dict[str, Callable[[list[dict[str, Any]], int], object]] = {
    "short_array": lambda items, at: [*items[:at], *items[at + 1 :]],
    "long_array": lambda items, _at: [*items, {"statusCode": 201, "id": values.new_id()}],
    "reordered_array": lambda items, _at: items[::-1],
    "body_no_list": lambda items, _at: {"items": {"item": items}},
    "status_code_missing": _without_key("statusCode"),
    "id_missing": _without_key("id"),
    "status_code_string": lambda items, _at: [
        {**each, "statusCode": str(each.get("statusCode"))} for each in items
    ],
    "duplicate_ids": lambda items, at: [
        {**each, "id": items[at].get("id")} if "id" in each else each for each in items
    ],
}
for _name, _edit in _EDITS.items():
    MODES[_name] = Mode(_edited(_edit), LIST)


# One item that is not handled, while the others are.


def _item(content: dict[str, Any]) -> FaultFunction:
    async def fault(exchange: Exchange, params: Params) -> Answer:
        call = await exchange.read()
        items = _items(call)
        at = min(int(params.get("item", 0)), len(items) - 1)
        if at < 0:
            return await exchange.proceed()
        answer = await exchange.proceed(_with_items(call, [*items[:at], *items[at + 1 :]]))
        if answer.status != 200:
            return answer
        answers = _items(answer)
        return structs.replace(answer, body=msgspec.json.encode([*answers[:at], content, *answers[at:]]))

    return fault


for _status in (429, 500, 503):
    MODES[f"item_{_status}"] = Mode(
        _item({"statusCode": _status, "error": "The customer could not be processed"}), LIST
    )
MODES["item_200"] = Mode(_item({"statusCode": 200}), LIST)


# Look-ups and rules that can't be trusted.


@_mode("stale_reads", target=LOOK_UP)
async def _stale(exchange: Exchange, params: Params) -> Answer:
    """As if nobody had been added lately: lists lack those customers, and a single one is not found.

    Lately is the last ``seconds`` by the simulator's clock, or else ever. With ``reads`` only so many
    look-ups after each change are stale.
    """
    answer = await exchange.proceed()
    if answer.status != 200 or exchange.door.reads_since_write() > params.get("reads", float("inf")):
        return answer
    since = _ago(exchange, params["seconds"]) if "seconds" in params else ""
    shown = msgspec.json.decode(answer.body)
    if isinstance(shown, list):
        kept = [each for each in shown if each.get("modificationDate", "") <= since]
        return structs.replace(answer, body=msgspec.json.encode(kept))
    if exchange.head.customer and shown.get("modificationDate", "") > since:
        return Answer(status=404, body=b"Customer not found")
    return answer


def _ago(exchange: Exchange, seconds: float) -> str:
    return values.instant(
        (datetime.fromisoformat(exchange.door.now()) - timedelta(seconds=seconds)).isoformat()
    )


@_mode("filter_ignored", target=LOOK_UP)
async def _filter_ignored(exchange: Exchange, _params: Params) -> Answer:
    """Only ``offset`` and ``limit`` of the query count."""
    call = await exchange.read()
    kept = {name: value for name, value in call.query.items() if name in {"offset", "limit"}}
    return await exchange.proceed(structs.replace(call, query=kept))


@_mode("racy_uniqueness", target=("POST", "/customers"))
async def _racy(exchange: Exchange, params: Params) -> Answer:
    """Uniqueness is checked now, and ``seconds`` later (default 0.05) the customers are added in any case."""
    as_of = exchange.door.last_number()
    call = await exchange.read()
    await exchange.door.pause(params.get("seconds", 0.05))
    return await exchange.proceed(structs.replace(call, as_of=as_of))


def _items(message: Call | Answer) -> list[Any]:
    """The entries of a call or an answer; none where its body is no array."""
    try:
        items = msgspec.json.decode(message.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return items if isinstance(items, list) else []


def _with_items(call: Call, items: list[Any]) -> Call:
    return structs.replace(call, body=msgspec.json.encode(items))


# What a rule may say to a mode.

_PARAMS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("items", "item", "bytes", "reads"), lambda given: type(given) is int and given >= 0),
    "seconds": lambda given: type(given) in {int, float} and abs(given) < 2**31,
    "part": lambda given: given in {"head", "body"},
    "retry_after": lambda given: type(given) is int or (isinstance(given, str) and given.isprintable()),
}


def check(mode: str, params: Params) -> None:
    """Raises ValueError where there is no such mode, or ``params`` has what no mode could read."""
    if mode not in MODES:
        raise ValueError(f"there is no fault mode {mode!r}; there are {', '.join(MODES)}")
    for name, given in params.items():
        if name not in _PARAMS:
            raise ValueError(f"params has {name!r}; there are {', '.join(_PARAMS)}")
        if not _PARAMS[name](given):
            raise ValueError(f"params has no fit value for {name!r}")
