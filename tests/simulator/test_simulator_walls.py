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
THIRD_PARTY = {"aiohttp", "defusedxml", "msgspec"}


def module_at(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_at(path): path for path in ROOT.rglob("*.py")}


def imports(module: str) -> Iterator[str]:
    """What a module imports, also inside functions: names of modules, and of what is in them."""
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            yield from (f"{node.module}.{each.name}" for each in node.names)
            yield str(node.module)


def reached(package: str) -> set[str]:
    """The modules of ours that the package has or imports, directly or by way of others, but for ``etl``."""
    found: set[str] = set()
    waiting = {each for each in FILES if f"{each}.".startswith(f"{package}.")}
    while waiting:
        module = waiting.pop()
        found.add(module)
        ours = {each for each in imports(module) if each in FILES}
        parents = {each.rpartition(".")[0] for each in ours}
        waiting |= (ours | parents) - found - {"etl"}
    return found - {"etl"}


def test_the_simulator_knows_nothing_else_of_the_project() -> None:
    assert {each for each in reached("etl.simulator") if not each.startswith("etl.simulator")} == set()


def test_client_and_simulator_share_no_module_of_ours() -> None:
    """Not even by a detour: what both had would be wrong in both, and no test would tell."""
    assert reached("etl.obi") & reached("etl.simulator") == set()
    assert {"etl.obi.wire", "etl.errors"} <= reached("etl.obi")
    assert {"etl.simulator.store", "etl.simulator.door"} <= reached("etl.simulator")


def test_the_package_that_holds_both_brings_nothing_in_by_itself() -> None:
    """``etl`` is imported with each of them, so it must import neither."""
    program = "import sys, {0}; sys.exit(any(each.startswith('{1}') for each in sys.modules))"
    for one, other in (("etl.simulator", "etl.obi"), ("etl.obi", "etl.simulator")):
        subprocess.run([sys.executable, "-c", program.format(one, other)], check=True)


def test_the_simulator_needs_few_libraries() -> None:
    roots = {name.partition(".")[0] for each in reached("etl.simulator") for name in imports(each)}
    assert roots - set(sys.stdlib_module_names) == THIRD_PARTY | {"etl"}


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
