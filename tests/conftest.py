"""What every test may ask for."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from xml.etree.ElementTree import Element

import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses
from defusedxml.ElementTree import fromstring

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


class _XmlReader:
    """Reads XML as the JSON that a JSON Schema means by it; what is not in the schema is left out.

    Raises ValueError where the XML can't mean anything.
    """

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def read(self, element: Element, schema: dict[str, Any]) -> Any:
        text = element.text or ""
        if not len(element) and not text.strip() and self._is_nullable(schema):
            return None
        schema = self._first(schema)
        match schema["type"]:
            case "array":
                _refuse(element, content=text.strip())
                return [self.read(each, schema["items"]) for each in element]
            case "object":
                _refuse(element, content=text.strip())
                return self._read_object(element, schema["properties"])
        _refuse(element, content=len(element))
        return json.loads(text) if {"integer", "number"} & {*_kinds(schema)} else text

    def _read_object(self, element: Element, properties: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        _refuse(element, content=len(element) and not any(child.tag in properties for child in element))
        for child in element:
            schema = properties.get(child.tag)
            if schema is None:
                continue
            listed = self._first(schema)["type"] == "array"
            value = self.read(child, self._first(schema)["items"] if listed else schema)
            if value == {}:
                continue  # an element with nothing in it is as good as absent
            _refuse(child, content=not listed and child.tag in found)
            found[child.tag] = [*found.get(child.tag, []), value] if listed else value
        return found

    def _first(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Of a choice, the first: for attributes the wrapped form."""
        while "$ref" in schema or "oneOf" in schema:
            name = schema.get("$ref", "").rpartition("/")[2]
            schema = self._schemas[name] if name else schema["oneOf"][0]
        return schema

    def _is_nullable(self, schema: dict[str, Any]) -> bool:
        return {"type": "null"} in schema.get("oneOf", ()) or "null" in _kinds(schema)


def _kinds(schema: dict[str, Any]) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _refuse(element: Element, *, content: object) -> None:
    if content:
        raise ValueError(f"{element.tag} has what it can't have")


@pytest.fixture(scope="session")
def xml_as_json() -> Callable[[bytes, Any], Any]:
    """Read XML as the JSON that a JSON Schema (its ``$ref`` below ``components``) means by it.

    It is a third reading of the elements' names for contract tests, beside the client's and the simulator's.
    """
    return lambda body, schema: _XmlReader(schema["components"]["schemas"]).read(fromstring(body), schema)
