"""A server of the same interface that is not like the simulator: odd, badly kept, and in another language.

It keeps one campaign in memory. What it is like is drawn once (``Quirks``); what it does to a request is
drawn from a seeded generator, request by request. It never lies about what it created, and it keeps an
externalId once, but for one fault (``DOUBLING``).
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from benchmarks.chaos.quirks import Quirks

CAMPAIGN = "0A0B0C0D0E0F40414243444546474849"

Posted = dict[str, Any]
Answers = list[dict[str, Any]]


UNDONE: dict[str, tuple[int, str]] = {
    "500": (500, "<html>kaputt</html>"),
    "503": (503, ""),
    "429": (429, "langsam"),
    "401": (401, "nein"),
}
"""Faults that answer and do nothing."""

DONE: dict[str, tuple[int, str]] = {
    "504_done": (504, "Gateway"),
    "500_done": (500, ""),
    "html_done": (200, "<!DOCTYPE html><html>Anmeldung</html>"),
    "empty_done": (200, ""),
}
"""Faults that do all and don't say so."""

SPOILT: dict[str, Callable[[Answers], str]] = {
    "short": lambda answers: json.dumps(answers[:-1]),
    "long": lambda answers: json.dumps(answers + answers[:1]),
    "truncated": lambda answers: json.dumps(answers)[:-5],
    "no_id": lambda answers: json.dumps([{k: v for k, v in each.items() if k != "id"} for each in answers]),
    "no_code": lambda answers: json.dumps(
        [{k: v for k, v in each.items() if k != "statusCode"} for each in answers]
    ),
}
"""Faults that do all and say it in a way that can't be read."""

BROKEN = (
    "reset",
    "reset_done",
    "reset_half",
    "late",
    "hang_late",
    "hang_done",
    "items_429",
    "items_500_half",
)

DOUBLING = "late_unchecked"
"""The fault that does all after its answer, and keeps what is there by then a second time."""

POST_FAULTS = (*UNDONE, *DONE, *SPOILT, *BROKEN)
LOOK_UP_FAULTS = ("500", "reset", "hang", "empty", "truncated")

_RETRY_AFTER = ("99999999", "-5", "morgen", "0", "Fri, 31 Dec 9999 23:59:59 GMT")


class Hostile:
    """An async context manager that serves while it is open.

    ``post_faults`` hit a share ``rate`` of what is posted, ``look_up_faults`` a share ``look_up_rate`` of
    look-ups. ``bad`` ids are refused, ``elsewhere`` ones taken in another campaign. ``hang`` is how long it
    says nothing, in seconds, where it does that.
    """

    def __init__(
        self,
        *,
        seed: int,
        quirks: Quirks,
        post_faults: Sequence[str] = (),
        look_up_faults: Sequence[str] = (),
        rate: float = 0.0,
        look_up_rate: float = 0.0,
        bad: Iterable[str] = (),
        elsewhere: Iterable[str] = (),
        hang: float = 0.5,
    ) -> None:
        self.quirks = quirks
        self.held: dict[str, Posted] = {}
        self.everything: list[Posted] = []
        self.faults_hit = 0
        self.posts = 0
        self.base_url = ""
        self._dice = random.Random(seed)
        self._post_faults, self._rate = post_faults, rate
        self._look_up_faults, self._look_up_rate = look_up_faults, look_up_rate
        self._bad, self._elsewhere = set(bad), set(elsewhere)
        self._hang = hang
        self._later: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/RI/obi/campaigns", self._campaigns)
        app.router.add_get("/RI/obi/campaigns/{campaign}", self._campaign)
        app.router.add_get("/RI/obi/campaigns/{campaign}/customers", self._find)
        app.router.add_post("/RI/obi/campaigns/{campaign}/customers/list", self._post)
        app.on_response_prepare.append(self._date)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/RI/obi"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.settle()
        if self._runner is not None:
            await self._runner.cleanup()

    async def settle(self) -> None:
        """Wait for all that is still to be done behind a client's back."""
        while self._later or self._busy:  # noqa: ASYNC110  -- a poll is plainer than counting both
            await asyncio.sleep(0.01)

    def clear_faults(self) -> None:
        """Be well from now on, as well as this server is."""
        self._rate = self._look_up_rate = 0.0

    def key(self, external_id: str) -> str:
        """What two externalIds have in common where this server takes them for the same."""
        return external_id.rstrip().casefold() if self.quirks.folds else external_id

    def refuses(self, external_id: str) -> bool:
        """Whether it never takes this id, whatever it holds."""
        return external_id in self._bad or external_id in self._elsewhere

    # --- what it keeps ------------------------------------------------------------------------------

    def put(self, posted: Posted, *, earlier: float = 0) -> Posted:
        """Keep a customer, as of some seconds ago."""
        given = posted.get("attributes", {}).get("attribute", [])
        numbers = posted.get("numbers", "")
        phones = [{"name": f"Phone{at}", "value": n} for at, n in enumerate(numbers.split(";"), 1)]
        customer = {
            "id": self._new_id(),
            "externalId": posted["externalId"],
            "numbers": numbers + (";" if self.quirks.semicolon else ""),
            "callCount": 0,
            "attributes": self._shaped([*given, *phones]),
            "result": None,
            "priority": posted.get("priority"),
            "zusatz": {"x": [1]},
            "_since": time.monotonic() - earlier,
        }
        if date := self._modified(time.time() - earlier):
            customer["modificationDate"] = date
        self.held[self.key(posted["externalId"])] = customer
        self.everything.append(customer)
        return customer

    def _new_id(self) -> str:
        made = uuid.UUID(int=self._dice.getrandbits(128))
        return {"upper": made.hex.upper(), "lower": made.hex, "dashed": str(made)}[self.quirks.ids]

    def _shaped(self, attributes: list[Posted]) -> object:
        if self.quirks.attributes == "bare":
            return attributes
        single = self.quirks.attributes == "single" and len(attributes) == 1
        return {"attribute": attributes[0] if single else attributes}

    def _modified(self, when: float) -> str:
        moment = datetime.fromtimestamp(when + self.quirks.ahead + self.quirks.dates_ahead, UTC)
        match self.quirks.dates:
            case "none":
                return ""
            case "seconds":
                return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            case "offset":
                return moment.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="milliseconds")
            case "milliseconds":
                return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _reason(self, posted: Posted) -> str:
        """Why it refuses a customer, empty where it does not."""
        external_id = posted["externalId"]
        if external_id in self._bad:
            return "Ungültige Telefonnummer"
        if external_id in self._elsewhere or self.key(external_id) in self.held:
            return self.quirks.reason.replace("{}", external_id)
        return ""

    def _do(self, posted: Sequence[Posted], *, stop: bool, first: int | None = None) -> Answers:
        """Take what can be taken, of the ``first`` ones where that is given."""
        if stop and any(map(self._reason, posted)):
            reasons = map(self._reason, posted)
            return [{"statusCode": 400, "error": why} if why else {"statusCode": 200} for why in reasons]
        answers: Answers = []
        for each in posted[:first]:
            why = self._reason(each)
            answers.append(
                {"statusCode": 400, "error": why, "zusatz": 1}
                if why
                else {"statusCode": 201, "id": self.put(each)["id"]}
            )
        kind = {"number": int, "text": str, "float": float}[self.quirks.codes]
        return [each | {"statusCode": kind(each["statusCode"])} for each in answers]

    # --- over HTTP ----------------------------------------------------------------------------------

    async def _post(self, request: web.Request) -> web.Response:
        posted: list[Posted] = json.loads(await request.read())
        stop = request.query.get("stopProcessIfInvalidEntriesFound") == "true"
        self.posts += 1
        fault = self._drawn(self._post_faults, self._rate)
        if fault:
            self._busy += 1
            try:
                return await self._suffer(request, fault, posted, stop=stop)
            finally:
                self._busy -= 1
        if len(posted) > self.quirks.most:
            return self._answer("zu groß", status=413)
        if self.quirks.refuses_whole and any(map(self._reason, posted)):
            return self._answer(json.dumps({"fehler": "Ungültige Anfrage"}), status=400)
        answers = self._do(posted, stop=stop)
        await asyncio.sleep(self._dice.uniform(0, self.quirks.slow))
        return self._answer(json.dumps(answers))

    async def _suffer(
        self, request: web.Request, fault: str, posted: list[Posted], *, stop: bool
    ) -> web.Response:
        if fault in UNDONE:
            status, text = UNDONE[fault]
            wait = {"Retry-After": self._dice.choice(_RETRY_AFTER)} if fault == "429" else None
            return self._answer(text, status=status, headers=wait)
        if fault in DONE:
            self._do(posted, stop=stop)
            status, text = DONE[fault]
            return self._answer(text, status=status)
        if fault in SPOILT:
            return self._answer(SPOILT[fault](self._do(posted, stop=stop)))
        return await self._break(request, fault, posted, stop=stop)

    async def _break(
        self, request: web.Request, fault: str, posted: list[Posted], *, stop: bool
    ) -> web.Response:
        match fault:
            case "items_429":
                return self._answer(json.dumps([{"statusCode": 429} for _ in posted]))
            case "items_500_half":
                self._do(posted, stop=stop, first=len(posted) // 2)
                return self._answer(json.dumps([{"statusCode": 500} for _ in posted]))
            case "late" | "late_unchecked":
                self._do_later(posted, stop=stop, checked=fault != DOUBLING)
                return self._answer("Gateway", status=504)
            case "hang_late":
                await asyncio.sleep(self._hang)
                self._do(posted, stop=stop)
            case "hang_done":
                self._do(posted, stop=stop)
                await asyncio.sleep(self._hang)
            case "reset_done":
                self._do(posted, stop=stop)
            case "reset_half":
                self._do(posted, stop=stop, first=self._dice.randint(0, len(posted)))
        return self._reset(request)

    def _do_later(self, posted: list[Posted], *, stop: bool, checked: bool) -> None:
        delay = self._dice.uniform(0.02, self._hang)
        good = [each for each in posted if not self._reason(each)]

        async def later() -> None:
            await asyncio.sleep(delay)
            if checked:
                self._do(posted, stop=stop)
            elif not stop or len(good) == len(posted):
                for each in good:
                    self.put(each)

        task = asyncio.create_task(later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _find(self, request: web.Request) -> web.Response:
        fault = self._drawn(self._look_up_faults, self._look_up_rate)
        match fault:
            case "500":
                return self._answer("kaputt", status=500)
            case "reset":
                return self._reset(request)
            case "hang":
                await asyncio.sleep(self._hang)
            case "empty":
                return self._answer("")
        query, now = request.query, time.monotonic()
        found = [each for each in self.everything if now - each["_since"] >= self.quirks.shows_after]
        if self.quirks.filters and "externalId" in query:
            wanted = self.key(query["externalId"])
            found = [each for each in found if self.key(each["externalId"]) == wanted]
        start, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100)), self.quirks.page)
        page = found[start : start + limit]
        text = json.dumps([{k: v for k, v in each.items() if k != "_since"} for each in page])
        return self._answer(text[:-3] if fault == "truncated" else text, status=200)

    async def _campaign(self, _request: web.Request) -> web.Response:
        return self._answer(json.dumps({"id": CAMPAIGN, "name": "Frühling", "status": "Active"}), status=200)

    async def _campaigns(self, _request: web.Request) -> web.Response:
        return self._answer(
            json.dumps([{"id": CAMPAIGN, "name": "Frühling", "status": "Active"}]), status=200
        )

    def _drawn(self, faults: Sequence[str], rate: float) -> str:
        if not faults or self._dice.random() >= rate:
            return ""
        self.faults_hit += 1
        return self._dice.choice(faults)

    def _answer(
        self, text: str, *, status: int | None = None, headers: dict[str, str] | None = None
    ) -> web.Response:
        kind = "text/html" if text.startswith("<") else "application/json"
        status = self.quirks.status if status is None else status
        answer = web.Response(text=text, status=status, content_type=kind, headers=headers)
        if self._dice.random() < self.quirks.closes:
            answer.force_close()
        if self.quirks.chunked:
            answer.enable_chunked_encoding()
        return answer

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        del response.headers["Date"]
        if self.quirks.dated:
            response.headers["Date"] = formatdate((time.time() + self.quirks.ahead) // 1, usegmt=True)

    def _reset(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
