"""Who we say we are: a token that a command prints, and what is done when it is refused."""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from etl.errors import ConfigError, NotAuthorisedError
from etl.obi import Client, Connection
from etl.orders import Order
from etl.profile import GUESSED
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator

SECRET = "correct-horse-battery"
CAMPAIGN = {"id": "C", "name": "Renewals"}


class Door:
    """A server that lets in who has one of its ``tokens``, after ``closed`` requests were refused."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.seen: list[str] = []
        self.base_url = ""
        self.together = 1
        self._arrived = 0
        self._all_there = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(request.headers.get("Authorization", ""))
        self._arrived += 1
        if self._arrived >= self.together:
            self._all_there.set()
        await self._all_there.wait()
        if self.seen[-1].removeprefix("Bearer ") not in self.tokens:
            return web.Response(status=401, text="no")
        if request.method == "POST":
            return web.json_response([{"statusCode": 201, "id": "AA"}])
        return web.json_response(CAMPAIGN)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", door.answer)
    async with TestServer(app, host="127.0.0.1") as running:
        door.base_url = str(running.make_url("/RI/obi"))
        yield door


class Vault:
    """A command that prints the n-th of its tokens at its n-th run, and counts its runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = folder / "runs"
        self.command = ""

    def holds(self, *tokens: str, then: str = "") -> None:
        program = self._folder / "vault tool.py"
        program.write_text(
            "import sys, pathlib, time, os\n"
            f"runs = pathlib.Path({str(self._runs)!r})\n"
            "with runs.open('a') as file: file.write('x')\n"
            f"tokens = {list(tokens)!r}\n"
            "print(' ', tokens[min(runs.stat().st_size, len(tokens)) - 1])\n"
            f"{then}\n",
            encoding="utf-8",
        )
        self.command = shlex.join([sys.executable, str(program)])

    @property
    def runs(self) -> int:
        return self._runs.stat().st_size if self._runs.exists() else 0


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


def client(door: Door, command: str, **more: Any) -> Client:
    return Client(Connection(base_url=door.base_url, token_command=command, **more))


async def test_a_token_comes_from_a_command_that_is_run_once(door: Door, vault: Vault) -> None:
    vault.holds("t-1")
    door.tokens = {"t-1"}
    async with client(door, vault.command) as obi:
        for _ in range(3):
            await obi.campaigns.get("C")
    assert door.seen == ["Bearer t-1"] * 3
    assert vault.runs == 1


async def test_after_a_401_the_command_is_run_again_and_the_request_sent_again(
    door: Door, vault: Vault
) -> None:
    """A POST too: 401 says for certain that it was not processed."""
    vault.holds("old", "new")
    door.tokens = {"new"}
    async with client(door, vault.command) as obi:
        [result] = await obi.customers.add_list("C", [b"{}"])
        await obi.campaigns.get("C")
    assert result.status_code == 201
    assert door.seen == ["Bearer old", "Bearer new", "Bearer new"]
    assert (vault.runs, obi.stats.requests, obi.stats.retries) == (2, 3, 0)


async def test_a_second_401_is_final(door: Door, vault: Vault) -> None:
    vault.holds("old", "older")
    async with client(door, vault.command) as obi:
        with pytest.raises(NotAuthorisedError, match="the credentials were refused"):
            await obi.customers.add_list("C", [b"{}"])
    assert door.seen == ["Bearer old", "Bearer older"]


async def test_many_requests_that_are_refused_at_once_run_the_command_once(door: Door, vault: Vault) -> None:
    vault.holds("old", "new")
    door.tokens = {"new"}
    door.together = 20
    async with client(door, vault.command) as obi:
        await asyncio.gather(*(obi.campaigns.get("C") for _ in range(20)))
    assert vault.runs == 2
    assert (door.seen.count("Bearer old"), door.seen.count("Bearer new")) == (20, 20)


async def test_a_command_that_fails_fails_once_for_all_that_wait_for_it(door: Door, vault: Vault) -> None:
    vault.holds("", then="time.sleep(0.1); sys.exit(3)")
    async with client(door, vault.command) as obi:
        calls = [obi.campaigns.get("C") for _ in range(10)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in errors] == [NotAuthorisedError] * 10
    assert vault.runs == 1
    assert door.seen == []


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ("sys.exit(3)", "it ended with code 3"),
        ("print('and more')", "it printed more than a token"),
        ("print('x' * 200_000)", "it printed far more than a token"),
        ("sys.stdout.flush(); sys.stdout.buffer.write(b'\\xff')", "it printed something that is no text"),
        ("sys.exit(tokens[0])", "it ended with code 1"),
        ("os.kill(os.getpid(), 9)", "it ended with code -9"),
    ],
)
async def test_a_command_that_gives_no_token_is_told_without_what_it_printed(
    door: Door, vault: Vault, then: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.holds(SECRET, then=then)
    async with client(door, vault.command) as obi:
        with pytest.raises(NotAuthorisedError, match=f"OBI_TOKEN_COMMAND gave no token: {told}") as caught:
            await obi.campaigns.get("C")
    assert str(caught.value).startswith("GET campaigns/ID at 127.0.0.1:")
    assert (caught.value.exit_code, caught.value.status, caught.value.call) == (6, None, "GET campaigns/ID")
    assert caught.value.__suppress_context__
    assert SECRET not in str(caught.value) + "".join(capfd.readouterr())
    assert door.seen == []


@pytest.mark.parametrize("command", ["true", "printf '  \n'"])
async def test_a_command_that_prints_nothing_gives_no_token(door: Door, command: str) -> None:
    async with client(door, command) as obi:
        with pytest.raises(NotAuthorisedError, match="it printed nothing"):
            await obi.campaigns.get("C")


async def test_a_program_that_the_system_can_not_start_is_told(door: Door, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x00 no program")
    program.chmod(0o755)
    async with client(door, str(program)) as obi:
        with pytest.raises(NotAuthorisedError, match=r"it can't be run \(Exec format error\)"):
            await obi.campaigns.get("C")


async def test_a_command_goes_through_no_shell(door: Door, tmp_path: Path) -> None:
    door.tokens = {"$HOME;id"}
    async with client(door, "printf '%s' '$HOME;id'") as obi:
        await obi.campaigns.get("C")
    assert door.seen == ["Bearer $HOME;id"]


async def test_a_command_has_nothing_to_read_and_no_terminal(door: Door) -> None:
    door.tokens = {"none"}
    script = "import sys; print('none' if not sys.stdin.read() else 'some')"
    async with client(door, shlex.join([sys.executable, "-c", script])) as obi:
        await obi.campaigns.get("C")


def is_running(pid_file: Path) -> bool:
    """Whether the process that wrote its id there, if it came to that, is there (a zombie is not)."""
    try:
        stat = Path(f"/proc/{pid_file.read_text()}/stat")
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid_file: Path) -> bool:
    for _ in range(100):
        if not is_running(pid_file):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.fixture
def sleeper(tmp_path: Path) -> tuple[str, Path]:
    """A command that starts another and waits for it, and where the other's process id will stand."""
    pid = tmp_path / "pid"
    return f"sh -c 'sh -c \"printf \\$\\$ > {pid}.new; mv {pid}.new {pid}; exec sleep 100\"; true'", pid


async def test_a_command_that_takes_too_long_is_killed_with_what_it_started(
    door: Door, sleeper: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    command, pid = sleeper
    monkeypatch.setattr("etl.obi.command.SECONDS", 0.4)
    async with client(door, command) as obi:
        with pytest.raises(NotAuthorisedError, match=r"not done within 0\.4 seconds"):
            await obi.campaigns.get("C")
    assert await gone(pid)


async def test_a_command_is_killed_when_the_call_is_cancelled(door: Door, sleeper: tuple[str, Path]) -> None:
    command, pid = sleeper
    async with client(door, command) as obi:
        call = asyncio.create_task(obi.campaigns.get("C"))
        until = time.monotonic() + 10
        while not pid.exists():
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await gone(pid)


async def test_a_command_is_killed_when_the_call_is_cancelled_while_it_is_being_started(
    door: Door, sleeper: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    command, pid = sleeper
    start = asyncio.create_subprocess_exec

    async def slowly(*words: Any, **given: Any) -> asyncio.subprocess.Process:
        process = await start(*words, **given)
        await asyncio.sleep(0.2)  # as on a machine with much else to do
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    async with client(door, command) as obi:
        call = asyncio.create_task(obi.campaigns.get("C"))
        while not pid.exists():
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await gone(pid)


async def test_who_waits_for_a_cancelled_run_runs_the_command_itself(door: Door, vault: Vault) -> None:
    vault.holds("t-1", then="time.sleep(0.2)")
    door.tokens = {"t-1"}
    async with client(door, vault.command) as obi:
        first, second = (asyncio.create_task(obi.campaigns.get("C")) for _ in range(2))
        while not vault.runs:
            await asyncio.sleep(0.01)
        first.cancel()
        assert (await second).name == "Renewals"
        with pytest.raises(asyncio.CancelledError):
            await first
    assert vault.runs == 2


async def test_a_token_beats_its_command_and_that_beats_a_password(door: Door, vault: Vault) -> None:
    vault.holds("t-1")
    door.tokens = {"t-1", "t-0"}
    async with client(door, vault.command, token="t-0", username="u", password="p") as obi:
        await obi.campaigns.get("C")
    assert vault.runs == 0
    async with client(door, vault.command, username="u", password="p") as obi:
        await obi.campaigns.get("C")
    assert door.seen == ["Bearer t-0", "Bearer t-1"]


async def test_without_a_command_a_401_is_final_at_once(door: Door) -> None:
    async with Client(Connection(base_url=door.base_url, token="t-1")) as obi:
        with pytest.raises(NotAuthorisedError):
            await obi.campaigns.get("C")
    assert door.seen == ["Bearer t-1"]


async def test_a_token_that_expires_in_mid_run_stops_no_load(
    vault: Vault, own_place: Path, settings_for: Callable[..., Settings]
) -> None:
    vault.holds("t-1")
    leads = own_place / "leads.csv"
    rows = [f"L-{row},+4420794601{row:02}" for row in range(20)]
    leads.write_text("\n".join(["Lead ID,Phone", *rows, ""]), encoding="utf-8")
    expired = Fault(mode="401", nth=[1, 5], path="/customers/list")
    async with Simulator(auth="bearer:t-1", faults=[expired]) as simulator:
        settings = settings_for(simulator.base_url, token_command=vault.command, batch_size=2, concurrency=1)
        order = Order(input=str(leads), profile=GUESSED, campaign=PREVIEW_CAMPAIGN)
        report = await Runner(settings).load(order)
        assert simulator.count(PREVIEW_CAMPAIGN) == 20
    assert (report.counts, report.exit_code) == ({"created": 20}, 0)
    assert vault.runs == 3


def test_a_client_takes_the_settings_of_the_whole_program(own_place: Path) -> None:
    settings = Settings(
        base_url="https://obi.example.com/RI/obi",
        username="u",
        password=SECRET,
        token=f"{SECRET}-1",
        token_command="true",
        headers={"x-api-key": f"{SECRET}-2"},
        client_key_password=f"{SECRET}-3",
        concurrency=5,
        attempts=7,
        media_type="xml",
    )
    connection = Connection.of(settings)
    assert (connection.password, connection.token, connection.token_command) == (
        SECRET,
        f"{SECRET}-1",
        "true",
    )
    assert (connection.headers, connection.client_key_password) == (
        {"x-api-key": f"{SECRET}-2"},
        f"{SECRET}-3",
    )
    assert (connection.attempts, connection.max_connections, connection.media_type) == (7, 10, "xml")
    assert SECRET not in repr(connection)
    Client(settings)
    with pytest.raises(ConfigError, match="OBI_BASE_URL"):
        Client(Settings())


def test_a_connection_without_credentials_has_none(own_place: Path) -> None:
    settings = Settings(
        base_url="https://obi.example.com/RI/obi",
        username="u",
        password=SECRET,
        token=SECRET,
        token_command=SECRET,
        headers={"x-api-key": SECRET},
        client_cert=SECRET,
        client_key=SECRET,
        client_key_password=SECRET,
    )
    connection = Connection.of(settings, base_url="http://127.0.0.1:1/obi", credentials=False)
    assert connection.base_url == "http://127.0.0.1:1/obi"
    assert SECRET not in str([getattr(connection, name) for name in connection.__struct_fields__])
