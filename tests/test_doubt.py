"""Doubt, from a lead file to its results: what each row is told when a server does not say what it did.

Every run is a real one over a socket, against a small server of our own that keeps customers in memory and
does with each request what a test scripts.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from etl.orders import Order
from etl.profile import GUESSED
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.state import JOURNAL, StateFolder

CAMPAIGN = "0A0B0C0D0E0F40414243444546474849"
BRITISH = GUESSED.model_copy(update={"region": "GB"})
HOUR = 3_600.0

Posted = dict[str, Any]
Act = Callable[["Server", list[Posted]], web.Response | None]
"""What becomes of one request: an answer, or None where the connection breaks."""


class Server:
    """A campaign in memory. ``script`` says what becomes of the next requests, later ones are served well.

    ``bad`` ids are refused, ``taken`` ones are not unique and not shown, ``poison`` ones break every request
    that holds them. ``dialect``: ``folds`` case where it compares ids; ``refuses_whole`` requests for one bad
    row. Its clock is ``ahead`` of ours by so many seconds; ``dates_ahead`` are its modification dates of
    that. ``phase`` sets the clock, once it is first asked, to that fraction of a second.
    """

    def __init__(self) -> None:
        self.held: dict[str, Posted] = {}
        self.posts: list[list[str]] = []
        self.script: list[Act] = []
        self.bad: set[str] = set()
        self.taken: set[str] = set()
        self.poison: set[str] = set()
        self.folds = self.refuses_whole = self.hides = self.dead = self.look_ups_fail = False
        self.dated = True
        self.ahead = self.dates_ahead = 0.0
        self.phase: float | None = None
        self.url = ""

    def clock(self) -> float:
        if self.phase is not None:
            self.ahead, self.phase = (self.phase - time.time()) % 1, None
        return time.time() + self.ahead

    def put(self, posted: Posted, *, earlier: float = 0) -> Posted:
        when = datetime.fromtimestamp(self.clock() + self.dates_ahead - earlier, UTC)
        customer = posted | {
            "id": f"{len(self.held) + 1:032X}",
            "callCount": 0,
            "modificationDate": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        self.held[self._key(posted["externalId"])] = customer
        return customer

    def take(self, posted: list[Posted], *, stop: bool = False) -> list[Posted]:
        if stop and any(map(self._fault, posted)):
            return [self._refusal(each) or {"statusCode": 200} for each in posted]
        return [self._refusal(each) or {"statusCode": 201, "id": self.put(each)["id"]} for each in posted]

    def _key(self, external_id: str) -> str:
        return external_id.casefold() if self.folds else external_id

    def _fault(self, posted: Posted) -> str:
        external_id = posted["externalId"]
        if external_id in self.bad:
            return "Ungültige Telefonnummer"
        if external_id in self.taken or self._key(external_id) in self.held:
            return f"Invalid externalId: {external_id} : Value is not unique"
        return ""

    def _refusal(self, posted: Posted) -> Posted | None:
        fault = self._fault(posted)
        return {"statusCode": 400, "error": fault} if fault else None

    # --- over HTTP ----------------------------------------------------------------------------------

    async def campaign(self, _request: web.Request) -> web.Response:
        return web.json_response({"id": CAMPAIGN, "name": "Spring", "status": "Active"})

    async def customers(self, request: web.Request) -> web.Response:
        if self.look_ups_fail:
            return web.Response(status=500)
        found = self.held.get(self._key(request.query["externalId"]))
        shown = [found] if found and not self.hides and request.query["offset"] == "0" else []
        return web.json_response(shown)

    async def post(self, request: web.Request) -> web.Response:
        posted = await request.json()
        self.posts.append([each["externalId"] for each in posted])
        if self.script:
            answer = self.script.pop(0)(self, posted)
        elif self.dead or self.poison & set(self.posts[-1]):
            answer = web.Response(status=500, text="<h1>Interner Fehler</h1>")
        elif self.refuses_whole and any(map(self._fault, posted)):
            answer = web.json_response({"fehler": "Ungültige Anfrage"}, status=400)
        else:
            stop = request.query.get("stopProcessIfInvalidEntriesFound") == "true"
            answer = web.json_response(self.take(posted, stop=stop))
        if answer is None and request.transport:
            request.transport.abort()
        return answer or web.Response()

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        del response.headers["Date"]
        if self.dated:
            response.headers["Date"] = formatdate(self.clock() // 1, usegmt=True)

    async def serve(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/campaigns/{campaign}", self.campaign)
        app.router.add_get("/campaigns/{campaign}/customers", self.customers)
        app.router.add_post("/campaigns/{campaign}/customers/list", self.post)
        app.on_response_prepare.append(self._date)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner


def lost(_server: Server, _posted: list[Posted]) -> None:
    """The connection breaks before the request is read."""


def landed(server: Server, posted: list[Posted]) -> web.Response:
    """The server does it, and a gateway gives up waiting for it."""
    server.take(posted)
    return web.Response(status=504)


def saying(status: int, *, done: bool = False) -> Act:
    def act(server: Server, posted: list[Posted]) -> web.Response:
        if done:
            server.take(posted)
        return web.json_response([{"statusCode": status} for _ in posted])

    return act


class Desk:
    """Someone at work with one lead file and one server."""

    def __init__(self, server: Server, leads: Path, settings: Callable[..., Settings]) -> None:
        self.server = server
        self.leads = leads
        self._settings = settings
        self._given: dict[str, Any] = {}

    def write(self, *lines: str, header: str = "Lead ID,Phone,Name") -> None:
        self.leads.write_text("\n".join([header, *lines, ""]), encoding="utf-8")

    async def load(self, **given: Any) -> RunReport:
        self._given = {"batch_size": 4, "concurrency": 1, "attempts": 2, "spool": "never"} | given
        order = Order(input=str(self.leads), profile=BRITISH, campaign=CAMPAIGN)
        return await Runner(self._settings(self.server.url, **self._given)).load(order)

    async def resume(self) -> RunReport:
        report = await Runner(self._settings(self.server.url, **self._given)).resume()
        assert report is not None
        return report

    def let_pass(self, seconds: float) -> None:
        """Make every sending so far as old as if this time had passed."""
        for journal in Path(os.environ["OBI_STATE_DIR"]).glob(f"runs/*/{JOURNAL}"):
            with sqlite3.connect(journal) as db:
                db.execute("UPDATE batches SET sent_at = sent_at - ?, last_at = last_at - ?", [seconds] * 2)
            db.close()


@pytest.fixture
async def desk(own_place: Path, settings_for: Callable[..., Settings]) -> AsyncIterator[Desk]:
    server = Server()
    runner = await server.serve()
    made = Desk(server, own_place / "leads.csv", settings_for)
    made.write(*map(lead, range(1, 5)))
    yield made
    await runner.cleanup()


@pytest.fixture
def told(desk: Desk, answers_in: Callable[[Path], list[dict[str, str]]]) -> Callable[[str], dict[str, str]]:
    """One results column by externalId."""

    def read(column: str) -> dict[str, str]:
        rows = answers_in(desk.leads.with_name("leads.results.csv"))
        return {row["obi_external_id"] or row["obi_row"]: row[f"obi_{column}"] for row in rows}

    return read


Told = Callable[[str], dict[str, str]]


def lead(row: int) -> str:
    return f"K{row},+44 20 7946 {row:04},Name {row}"


def posted(row: int) -> Posted:
    name = {"name": "Name", "value": f"Name {row}"}
    return {
        "externalId": f"K{row}",
        "numbers": f"+44207946{row:04}",
        "attributes": {"attribute": [name]},
    }


# --- in doubt, then refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["bad", "taken", "refused as a whole", "a twin but for case"])
async def test_a_row_in_doubt_that_is_refused_is_rejected_once_the_time_of_doubt_is_over(
    why: str, desk: Desk, told: Told
) -> None:
    server, row = desk.server, "K1"
    server.bad = {"K1"} if why in {"bad", "refused as a whole"} else set()
    server.taken = {"K1"} if why == "taken" else set()
    server.refuses_whole = why == "refused as a whole"
    server.script = [lost]
    if why == "a twin but for case":
        server.folds, server.script, row = True, [landed], "k1"
        desk.write(lead(1), lead(1).replace("K", "k"), lead(3), lead(4))
    report = await desk.load()
    assert (report.exit_code, report.counts) == (10, {"created": 3, "unknown": 1})
    assert told("code")[row] == "unknown.refused"
    desk.let_pass(50)
    assert (await desk.resume()).exit_code == 10
    desk.let_pass(10)
    report = await desk.resume()
    assert (report.exit_code, report.counts) == (5, {"created": 3, "rejected": 1})
    assert "without an answer" in told("warning")[row]
    assert "obi resume" not in report.next


async def test_without_a_time_of_doubt_a_refused_row_is_rejected_in_the_same_run(
    desk: Desk, told: Told
) -> None:
    desk.server.bad, desk.server.script = {"K1"}, [lost]
    report = await desk.load(doubt_seconds=0)
    assert (report.exit_code, told("status")["K1"]) == (5, "rejected")
    assert "without an answer" in told("warning")["K1"]


async def test_an_id_that_is_its_phone_number_is_not_rejected_for_what_a_refusal_repeats(
    desk: Desk, told: Told
) -> None:
    """It was created and is not shown yet; the text of the refusal names number and id alike."""
    phones = [f"+4420794600{row:02}" for row in range(1, 5)]
    desk.write(*(f"{phone},{phone},Name" for phone in phones))
    desk.server.script, desk.server.hides = [landed], True
    report = await desk.load()
    assert (report.exit_code, report.counts) == (10, {"unknown": 4})
    desk.server.hides = False
    report = await desk.resume()
    assert (report.exit_code, told("status")) == (0, dict.fromkeys(phones, "created"))


# --- held back or put off, then in doubt --------------------------------------------------------------------


@pytest.mark.parametrize("why", ["a batch that stopped", "too many requests"])
async def test_rows_left_unsent_and_sent_again_without_an_answer_are_in_doubt(
    why: str, desk: Desk, told: Told
) -> None:
    server = desk.server
    stops = why == "a batch that stopped"
    server.bad = {"K2"} if stops else set()
    server.script = [] if stops else [saying(429)] * 4
    unsent = {"K1", "K3", "K4"} if stops else {"K1", "K2", "K3", "K4"}
    await desk.load(stop_batch_if_invalid=stops)
    assert {row for row, status in told("status").items() if status == "unsent"} == unsent
    server.script, server.look_ups_fail = [landed], True
    assert (await desk.resume()).exit_code == 7
    assert {row for row, status in told("status").items() if status == "unknown"} == unsent
    server.look_ups_fail = False
    await desk.resume()
    assert {row for row, status in told("status").items() if status == "created"} == unsent
    assert server.held.keys() == unsent


async def test_a_row_of_which_a_sending_had_no_answer_is_not_unsent_after_429s(
    desk: Desk, told: Told
) -> None:
    desk.server.script, desk.server.hides = [landed, *[saying(429)] * 3], True
    assert (await desk.load()).counts == {"unknown": 4}
    desk.server.hides = False
    assert (await desk.resume()).counts == {"created": 4}


# --- servers that do not answer -----------------------------------------------------------------------------


@pytest.mark.parametrize("poison", [{"K3"}, {"K2", "K6", "K10"}], ids=["one", "a batch after the other"])
async def test_a_poison_row_ends_unknown_by_itself_and_all_others_are_created(
    poison: set[str], desk: Desk, told: Told
) -> None:
    desk.write(*map(lead, range(1, 21)))
    desk.server.poison = poison
    report = await desk.load()
    assert (report.exit_code, report.stopped) == (10, "")
    assert report.counts == {"created": 20 - len(poison), "unknown": len(poison)}
    assert {row for row, status in told("status").items() if status == "unknown"} == poison
    desk.server.poison = set()
    assert (await desk.resume()).counts == {"created": 20}


async def test_a_dead_server_stops_the_run_and_resume_finishes_it_when_it_is_well(
    desk: Desk, told: Told
) -> None:
    desk.write(*map(lead, range(1, 41)))
    desk.server.dead = True
    report = await desk.load()
    assert (report.exit_code, report.balanced) == (7, True)
    assert len(desk.server.posts) < 40
    assert set(told("status").values()) == {"unknown", "unsent"}
    desk.server.dead = False
    report = await desk.resume()
    assert (report.exit_code, report.counts) == (0, {"created": 40})


async def test_a_row_without_an_id_is_created_though_its_id_cannot_be_looked_up(
    desk: Desk, told: Told
) -> None:
    desk.server.script, desk.server.look_ups_fail = [saying(201, done=True)], True
    assert (await desk.load()).counts == {"created": 4}
    assert all("gave no id" in warning for warning in told("warning").values())


@pytest.mark.parametrize("status", [99, 202, 302, 408])
@pytest.mark.parametrize("done", [True, False])
async def test_an_item_status_that_is_no_refusal_is_looked_into(
    status: int, done: bool, desk: Desk, told: Told
) -> None:
    desk.server.script = [saying(status, done=done)]
    assert (await desk.load()).counts == {"created": 4}
    assert len(desk.server.posts) == (1 if done else 2)
    assert told("id") == {row: held["id"] for row, held in desk.server.held.items()}


# --- whose it is --------------------------------------------------------------------------------------------


async def test_a_row_in_doubt_that_a_new_version_would_not_send_is_left_alone(
    desk: Desk, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be in the campaign: to call it suppressed would say that it is not."""
    desk.write("K1,+44 20 7946 0001,no", header="Lead ID,Phone,Do Not Call")
    desk.server.script, desk.server.look_ups_fail = [landed], True
    assert (await desk.load()).exit_code == 7
    desk.server.look_ups_fail = False
    with monkeypatch.context() as newer:
        newer.setattr("etl.fields.yes_no", lambda _text: True)
        report = await desk.resume()
    assert (report.exit_code, report.counts) == (10, {"unknown": 1})
    assert set(told("code").values()) == {"unknown.decided_otherwise"}
    assert (await desk.resume()).counts == {"created": 1}


async def test_a_row_in_doubt_that_a_new_version_would_name_otherwise_is_left_alone(
    desk: Desk, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("+44 20 7946 0001,Ann", "+44 20 7946 0002,Ben", header="Phone,Name")
    desk.server.script, desk.server.look_ups_fail = [landed], True
    assert (await desk.load()).exit_code == 7
    desk.server.look_ups_fail = False
    sent = desk.server.posts.copy()
    with monkeypatch.context() as newer:
        newer.setattr("etl.fields.derived_external_id", lambda e164, _parts=(): f"d9-{e164[1:]}")
        report = await desk.resume()
    assert (report.exit_code, report.counts) == (10, {"unknown": 2})
    assert set(told("code").values()) == {"unknown.decided_otherwise"}
    assert set(told("code")) == set(sent[0])
    assert desk.server.posts == sent
    assert (await desk.resume()).counts == {"created": 2}


@pytest.mark.parametrize("existing", ["skip", "fail"])
async def test_without_a_date_header_what_is_found_is_told_as_not_provably_ours(
    existing: str, desk: Desk, told: Told
) -> None:
    desk.server.script, desk.server.dated = [landed], False
    assert (await desk.load(existing=existing)).counts == {"exists": 4}
    assert set(told("code").values()) == {"exists.unproved"}


@pytest.mark.parametrize(
    ("clock", "dates", "earlier"),
    [(0, HOUR, HOUR / 2), (-2 * HOUR, 2 * HOUR, HOUR)],
    ids=["local time", "a gateway's date"],
)
async def test_a_modification_date_by_another_clock_proves_nothing(
    clock: float, dates: float, earlier: float, desk: Desk, told: Told
) -> None:
    server = desk.server
    server.ahead, server.dates_ahead = clock, dates
    server.put(posted(2), earlier=earlier)
    server.script = [lost]
    assert (await desk.load()).counts == {"created": 3, "exists": 1}
    assert told("code")["K2"] == "exists.unproved"


async def test_what_another_run_put_there_half_a_second_before_is_not_called_created(
    own_place: Path, answers_in: Callable[[Path], list[dict[str, str]]]
) -> None:
    """Its content is ours and the ``Date`` header's second is the same: only the tick of its clock tells."""

    def others_came_first(server: Server, each: list[Posted]) -> web.Response:
        for one in each[:2]:
            server.put(one, earlier=0.5)
        server.take(each[2:])
        return web.Response(status=504)

    server = Server()
    runner = await server.serve()
    server.phase, server.script = 0.6, [others_came_first]
    desk = Desk(server, own_place / "leads.csv", lambda url, **given: Settings(base_url=url, **given))
    desk.write(*map(lead, range(1, 5)))
    await desk.load(backoff=0.01)
    await runner.cleanup()
    rows = answers_in(own_place / "leads.results.csv")
    assert [row["obi_status"] for row in rows] == ["exists", "exists", "created", "created"]


@pytest.mark.parametrize("duplicates_by", ["externalId", "number", "both", "none"])
@pytest.mark.parametrize("same_number", [True, False])
@pytest.mark.parametrize("act", [None, lost, landed])
async def test_two_rows_with_one_id_are_never_both_created(
    act: Act | None, same_number: bool, duplicates_by: str, desk: Desk
) -> None:
    twin = lead(1) if same_number else lead(3).replace("K3", "K1")
    desk.write(lead(1), twin, lead(2))
    desk.server.script = [act] if act else []
    report = await desk.load(duplicates_by=duplicates_by)
    assert report.counts == {"created": 2, "duplicate": 1}
    assert sorted(desk.server.held) == ["K1", "K2"]


# --- killed -------------------------------------------------------------------------------------------------

KILLED = """
import os, pathlib, signal, sys
import etl.cli, etl.journal
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if sys.argv.pop() == "unwritten": etl.journal._put_fact = die
else:
    rename = pathlib.Path.rename
    pathlib.Path.rename = lambda self, to: die() if self.suffix == ".part" else rename(self, to)
etl.cli.main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("moment", ["unwritten", "unnamed"])
async def test_a_journal_that_was_half_made_when_its_process_was_killed_is_no_run(
    moment: str, desk: Desk
) -> None:
    async def run(*words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            env=os.environ | {"OBI_BASE_URL": desk.server.url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    words = ["load", str(desk.leads), "--campaign", CAMPAIGN, "--region", "GB", "--quiet", "--json"]
    code, out = await run("-c", KILLED, *words, moment)
    assert code == -9, out
    state = StateFolder(Path(os.environ["OBI_STATE_DIR"]))
    assert [*state.path.glob(f"runs/*/{JOURNAL}.part")]
    assert (state.runs(), state.unfinished()) == ([], ([], []))
    code, out = await run("-m", "etl", "runs", "list")
    assert (code, "Traceback" in out) == (0, False), out
    code, out = await run("-m", "etl", "resume")
    assert (code, "Traceback" in out) == (0, False), out
    code, out = await run("-m", "etl", *words)
    assert (code, json.loads(out.splitlines()[-1])["counts"]) == (0, {"created": 4})
    assert len(state.runs()) == 1
