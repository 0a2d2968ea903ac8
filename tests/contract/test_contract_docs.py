"""The pages about interface and simulator say what is so: their tables are the code's, their lines run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from etl.cli import cli
from etl.simulator import Dialect, Simulator
from etl.simulator.app import application
from etl.simulator.faults import MODES
from etl.simulator.plan import Plan
from etl.simulator.service import Service
from etl.simulator.store import Store

ROOT = Path(__file__).parent.parent.parent
INTERFACE = (ROOT / "docs" / "interface.md").read_text(encoding="utf-8")
SIMULATOR = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
SHOWN = {"2019-09-25T07:07:50.243Z", *re.findall(r"(?:Id\": \"|C=|/campaigns/)([0-9A-F]{32})", SIMULATOR)}
"""Ids and times on the page that are not made anew each time."""


def section(title: str) -> str:
    return SIMULATOR.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def in_code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_the_table_of_the_calls_is_what_the_code_makes_of_it() -> None:
    script = ROOT / "docs" / "make_calls_table.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run: python docs/make_calls_table.py\n{done.stderr}"
    assert len(re.findall(r"^\| (?:GET|PUT|POST|DELETE) /", INTERFACE, flags=re.MULTILINE)) == 11


def test_the_operations_are_the_simulators_routes_and_the_clients_calls() -> None:
    routes = application(Service(Store(), Plan())).router.routes()
    served = {
        (each.method, each.resource.canonical.removeprefix("/RI/obi")) for each in routes if each.resource
    }
    assert {(verb, re.sub(r"{\w+}", "{}", path)) for verb, path in described()} == {
        (verb, re.sub(r"{\w+}", "{}", path))
        for verb, path in served
        if path.startswith(("/campaigns", "/statistics"))
    }
    script = runpy.run_path(str(ROOT / "docs" / "make_calls_table.py"))
    assert script["client_methods"]().keys() == {name for name, _, _ in script["operations"]()}


def test_the_tests_in_the_table_of_the_calls_are_there() -> None:
    files = dict(re.findall(r"^\[(client|simulator)\]: \.\./(tests/\S+)$", INTERFACE, flags=re.MULTILINE))
    tests = dict(re.findall(r"^(Client|Simulator): `(test_\w+)`", INTERFACE, flags=re.MULTILINE))
    assert len(files) == len(tests) == 2
    for name, test in tests.items():
        code = (ROOT / files[name.lower()]).read_text(encoding="utf-8")
        assert f"def {test}(" in code
    operations = re.findall(r"\[simulator\]\[\]: `(\w+)` \|$", INTERFACE, flags=re.MULTILINE)
    assert [
        f'"{each}": [' in (ROOT / files["client"]).read_text(encoding="utf-8") for each in operations
    ] == 11 * [True]


def test_the_commands_in_the_table_of_the_calls_are_there() -> None:
    for words in re.findall(r"`obi ([a-z ]+)`", INTERFACE):
        command: Any = cli
        for word in words.split():
            command = command.commands[word]


def test_each_option_of_the_simulator_is_in_the_docs() -> None:
    options = [name for each in cli.commands["simulator"].params for name in each.opts]
    table = "".join(line for line in SIMULATOR.splitlines(keepends=True) if line.startswith("| "))
    named = {words.partition(" ")[0] for words in in_code(table) if words.startswith("--")}
    assert named == set(options)


def test_each_switch_of_the_dialect_is_in_the_docs_with_its_default() -> None:
    lines = [line.split(" | ") for line in section("Dialects").splitlines() if line.startswith("| ")][1:]
    named = {
        field: default.strip()
        for _, fields, defaults, _ in lines
        for field, default in zip(in_code(fields), defaults.split(","), strict=True)
    }
    defaults = structs.asdict(Dialect())
    assert named == {name: "off" if value is False else str(value) for name, value in defaults.items()}


def test_each_fault_is_in_the_table_once() -> None:
    lines = [line.split(" | ")[1] for line in section("Faults").splitlines() if line.startswith("| ")][1:]
    assert sorted(mode for line in lines for mode in in_code(line)) == sorted(MODES)


async def test_each_call_of_the_control_plane_is_in_the_docs() -> None:
    async with Simulator() as simulator:
        done = await run("bash", "-c", f"curl -s {simulator.control_url}/")
    served = {f"{each['method']} {each['path']}" for each in json.loads(done)}
    lines = [
        line.split(" | ")[0] for line in section("The control plane").splitlines() if line.startswith("| ")
    ]
    assert {call for line in lines for call in in_code(line)} == served


async def run(*command: str) -> str:
    if shutil.which(command[0]) is None or shutil.which("curl") is None:
        missing = "the lines of the docs need bash and curl, and one of them is not installed here"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    out: str = done.stdout
    return out


def session() -> Iterator[tuple[str, str]]:
    """(command, what it prints) of the ``console`` blocks, in order."""
    blocks = re.findall(r"^```console\n(.*?)^```", SIMULATOR, flags=re.MULTILINE | re.DOTALL)
    for part in re.split(r"^\$ ", "".join(blocks), flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        length = next(at for at, line in enumerate(lines, start=1) if not line.endswith("\\\n"))
        yield "".join(lines[:length]), "".join(lines[length:])


def without_chance(text: str) -> str:
    """``text`` with ids and times that differ from case to case all alike."""
    text = re.sub(r"[0-9A-F]{32}", lambda found: found[0] if found[0] in SHOWN else "ID", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", lambda found: found[0] if found[0] in SHOWN else "TIME", text)


def told(text: str) -> Any:
    """What an answer tells: JSON as its content, with headers a set of lines, else text."""
    text = without_chance(text.strip())
    if text.startswith(("[", "{")):
        return json.loads(text)
    return text


async def test_the_curl_lines_of_the_docs_run_one_after_the_other_and_answer_what_is_shown() -> None:
    lines = list(session())
    script = "".join(f"{command}printf '\\036'\n" for command, _ in lines)
    async with Simulator() as simulator:
        script = script.replace("http://127.0.0.1:8080", simulator.base_url.removesuffix("/RI/obi"))
        answers = (await run("bash", "-uc", script)).replace("\r\n", "\n").split("\036")[:-1]
        made = {(each.method, call_of(each.path)) for each in simulator.requests if each.status < 400}
    for (command, shown), answer in zip(lines, answers, strict=True):
        if shown.startswith("HTTP/"):
            head, _, body = answer.partition("\n\n")
            shown_head, _, shown_body = shown.partition("\n\n")
            assert set(without_chance(shown_head).splitlines()) <= set(without_chance(head).splitlines()), (
                command
            )
            assert told(shown_body) == told(body), command
        else:
            assert told(shown) == told(answer), command
    assert made == described()


def call_of(path: str) -> str:
    """The path of the description that this one is an instance of."""
    path = re.sub("/campaigns/[0-9A-F]{32}", "/campaigns/{campaignId}", path.removeprefix("/RI/obi"))
    return re.sub("/customers/[0-9A-F]{32}", "/customers/{customerId}", path)


def described() -> set[tuple[str, str]]:
    paths = json.loads((ROOT / "schemas" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    methods = {"get", "put", "post", "delete"}
    return {(method.upper(), path) for path, item in paths.items() for method in methods & item.keys()}


@pytest.mark.parametrize(
    "example", re.findall(r"^```python\n(.*?)^```", SIMULATOR, flags=re.MULTILINE | re.DOTALL)
)
def test_the_python_of_the_page_runs(example: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
