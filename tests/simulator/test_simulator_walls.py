"""What the simulator may know of the project, and the running of it as a service."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

import etl
from etl.simulator import Simulator, serve

ROOT = Path(etl.__file__).parent


def imports(package: Path) -> Iterator[tuple[str, str]]:
    """Each (file, imported module) of a package, also those inside functions; nothing where it is missing."""
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path.name, each.name) for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.name} has a relative import"
                yield from ((path.name, f"{node.module}.{each.name}") for each in node.names)


def of_the_project(package: str) -> list[tuple[str, str]]:
    inside = f"etl.{package}"
    return [
        (file, module)
        for file, module in imports(ROOT / package)
        if module.startswith("etl.") and not f"{module}.".startswith(f"{inside}.")
    ]


def test_the_simulator_knows_nothing_else_of_the_project() -> None:
    assert [each for each in of_the_project("simulator") if not each[1].startswith("etl.errors.")] == []


def test_the_client_knows_nothing_of_the_simulator() -> None:
    assert [each for each in of_the_project("obi") if each[1].startswith("etl.simulator")] == []


def test_importing_the_simulator_does_not_import_the_server() -> None:
    program = "import sys, etl.simulator; sys.exit('aiohttp' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


async def test_it_serves_until_it_is_cancelled() -> None:
    listening: asyncio.Future[Simulator] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(port=0, ready=listening.set_result))
    simulator = await listening
    async with aiohttp.ClientSession() as session, session.get(f"{simulator.base_url}/campaigns") as answer:
        assert answer.status == 200
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{simulator.base_url}/campaigns")


async def test_a_port_that_is_taken_is_told() -> None:
    async with Simulator() as simulator:
        port = int(simulator.base_url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match="in use"):
            await Simulator(port=port).__aenter__()
