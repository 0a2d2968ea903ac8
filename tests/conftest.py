"""What every test may ask for."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses

from etl.records import PREFIXED
from etl.settings import Settings
from etl.simulator import Simulator

_NOBODY = 65534


class _MockedResponse(ClientResponse):
    """What aioresponses 0.7.9 should make: since aiohttp 3.14 a response wants a stream writer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def mocked_http(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Requests of aiohttp answered from a script: small bodies only, and no middlewares or traces."""
    monkeypatch.setattr("aioresponses.core.ClientResponse", _MockedResponse)
    with aioresponses() as mocked:
        yield mocked


@pytest.fixture
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and a state folder and configuration that are nobody else's."""
    for name in [name for name in os.environ if name.startswith("OBI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("OBI_STATE_DIR", str(tmp_path / "state"))
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def settings_for(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Make settings for a base URL that never wait long, not even for the server's clock to tick."""
    monkeypatch.setattr("etl.campaigns._TICK", 0)

    def make(base_url: str, **given: Any) -> Settings:
        quick: dict[str, Any] = {"backoff": 0.01, "backoff_max": 0.02, "retry_seconds": 20}
        return Settings(base_url=base_url, **(quick | given))

    return make


@pytest.fixture
def answers_in() -> Callable[[str | Path], list[dict[str, str]]]:
    """Read a results or rejects file in CSV, the protective prefix taken off again."""

    def read(path: str | Path) -> list[dict[str, str]]:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file, strict=True)
        return [
            {
                name: cell[1:] if cell[:1] == "'" and cell[1:2] in PREFIXED else cell
                for name, cell in zip(header, row, strict=True)
            }
            for row in rows
        ]

    return read


@pytest.fixture
def serve() -> Iterator[Callable[..., Simulator]]:
    """Open simulators in a thread, for commands that run an event loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving: list[Simulator] = []

    def start(**given: Any) -> Simulator:
        simulator = Simulator(**given)
        asyncio.run_coroutine_threadsafe(simulator.__aenter__(), loop).result(10)
        serving.append(simulator)
        return simulator

    yield start
    for simulator in serving:
        asyncio.run_coroutine_threadsafe(simulator.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def obi(
    own_place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run ``obi`` with these words in this process: its exit code, standard output and standard error."""
    from etl.cli import main  # noqa: PLC0415  -- only tests of commands wait for it

    def run(*words: str | Path, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["obi", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return run


@pytest.fixture
def ordinary_user(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """Be nobody in particular for a while: root may read and write everything."""

    @contextmanager
    def being_nobody() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == 0 and folder.name.startswith(("test_", "pytest-", "popen-")):
                folder.chmod(0o711)
        for path in (tmp_path, *tmp_path.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return being_nobody
