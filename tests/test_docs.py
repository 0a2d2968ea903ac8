"""The docs say what is true: what exists is named in them, and their examples run."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from etl import errors
from etl.cli import cli
from etl.profile import Profile
from etl.reconciler import REJECT_COLUMNS, RESULT_COLUMNS
from etl.records import RowStatus
from etl.settings import Settings
from etl.simulator import Simulator

ROOT = Path(__file__).parent.parent
DOCS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
README = (ROOT / "README.md").read_text(encoding="utf-8")
EVERYTHING = {"README.md": README, **DOCS}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(group: click.Group, prefix: str = "obi") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}"


def error_classes(base: type[errors.EtlError] = errors.EtlError) -> Iterator[type[errors.EtlError]]:
    yield base
    for below in base.__subclasses__():
        yield from error_classes(below)


@pytest.mark.parametrize("command", sorted(commands(cli)))
def test_each_command_is_in_the_docs(command: str) -> None:
    assert f"`{command}" in DOCS["run.md"]


@pytest.mark.parametrize("column", [*RESULT_COLUMNS, *REJECT_COLUMNS])
def test_each_results_column_is_in_the_docs(column: str) -> None:
    assert f"| `{column}` |" in DOCS["results.md"]


@pytest.mark.parametrize("status", [status for status in RowStatus if status is not RowStatus.READY])
def test_each_status_is_in_the_docs(status: RowStatus) -> None:
    assert f"| `{status}` |" in DOCS["results.md"]


@pytest.mark.parametrize("code", sorted({0, 2, 10, *(found.exit_code for found in error_classes())}))
def test_each_exit_code_is_in_the_docs(code: int) -> None:
    assert re.search(rf"^\| {code} \|", DOCS["run.md"], flags=re.MULTILINE)


@pytest.mark.parametrize("setting", list(Settings.model_fields))
def test_each_setting_is_in_the_docs(setting: str) -> None:
    assert f"`{setting}`" in DOCS["run.md"]


def test_the_profile_in_the_docs_is_one_and_names_every_key() -> None:
    (text,) = blocks(DOCS["profiles.md"], "toml")
    shown = tomllib.loads(text)
    Profile.model_validate(shown)
    model = Profile().model_dump(by_alias=True)
    for name, inner in model.items():
        assert name in shown, name
        for key in inner if isinstance(inner, dict) else ():
            assert key in shown[name], f"{name}.{key}"


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_links_between_the_docs_lead_somewhere(name: str) -> None:
    folder = ROOT if name == "README.md" else ROOT / "docs"
    for target in re.findall(r"\]\(([^)#]+)", EVERYTHING[name]):
        if not target.startswith("https://"):
            assert (folder / target).exists(), target


def test_the_readme_begins_with_the_two_commands() -> None:
    first_screen = "\n".join(README.splitlines()[:25])
    assert "make demo" in first_screen
    assert "make test" in first_screen
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("help", "demo", "test", "lint", "types", "check"):
        assert re.search(rf"^{target}:.*## ", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "line", [line for text in blocks(README, "sh") for line in text.splitlines() if line.startswith("obi ")]
)
def test_the_commands_of_the_readme_run(line: str, tmp_path: Path) -> None:
    """Those for a system of the reader's own are tried on the simulator."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "leads.csv").write_bytes((ROOT / "samples" / "leads.csv").read_bytes())
    (tmp_path / "leads.profile.toml").write_text("[columns]\nexternalId = 'External ID'\n", encoding="utf-8")
    (tmp_path / "opted-out.csv").write_text("Phone\n+442079460000\n", encoding="utf-8")
    line = line.replace("Spring offer", "Test Preview Campaign")
    words = [*shlex.split(line, comments=True)[1:], "--state-dir", str(tmp_path / "state")]
    reads_leads = words[0] in {"check", "load", "profile"}
    if reads_leads and words[0] != "profile":
        words += ["--results", "r.csv"]
    if words[0] not in {"check", "profile"} and "--simulate" not in words:
        words.append("--simulate")
    if "--delete" in words:
        words.append("--yes")  # there is no terminal to be asked on
    if words[:2] == ["profile", "new"]:
        (tmp_path / "leads.profile.toml").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "etl", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not reads_leads or "250" in done.stdout


@pytest.mark.parametrize("example", blocks(DOCS["interface.md"], "python"))
async def test_the_python_of_the_docs_runs(example: str) -> None:
    async with Simulator() as simulator:
        example = example.replace("http://127.0.0.1:8080/RI/obi", simulator.base_url)
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-W", "error", "-c", example],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    (example,) = blocks(README, "python")
    example = example.replace('campaign="Spring offer"', 'campaign="Test Preview Campaign", simulate=True')
    (tmp_path / "leads.csv").write_bytes((ROOT / "samples" / "leads.csv").read_bytes())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        cwd=tmp_path,
        env={**os.environ, "OBI_STATE_DIR": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["{'created': 250}", "0"], done.stderr


def test_the_changelog_says_what_is_not_released() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
