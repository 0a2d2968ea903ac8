"""A load that is killed or interrupted, at any moment, loses nothing and doubles nothing once it is resumed.

Each load is a process of its own against a simulator here. What is compared with an undisturbed run are the
campaign and the results, but for ids, run, attempts, batch numbers and warnings. Each row must be told
``created``, also those whose answer was lost with the process: their content, their time and the absence of
any call prove that this run put them there.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]

ROWS = 60
FREE = ("obi_run", "obi_campaign", "obi_id", "obi_attempts", "obi_batch", "obi_warning")
"""Result columns that may differ between a run that was killed and one that was not."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    lines = ["Lead ID,Phone,Name"]
    for row in range(1, ROWS + 1):
        number = "nonsense" if row % 20 == 0 else f"+44 20 7946 {row:04}"
        external_id = "K001" if row in {30, 31} else f"K{row:03}"
        lines.append(f"{external_id},{number},Name {row}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class Loader:
    """``obi`` processes that work on one lead file."""

    def __init__(self, simulator: Simulator, leads: Path) -> None:
        self.simulator = simulator
        self.leads = leads

    async def start(self, command: str, *more: str) -> asyncio.subprocess.Process:
        words = [command, "--json", "--quiet", *more]
        if command == "load":
            words += [str(self.leads), "--campaign", PREVIEW_CAMPAIGN, "--batch-size", "3"]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "etl",
            *words,
            env=os.environ | {"OBI_BASE_URL": self.simulator.base_url, "OBI_BACKOFF": "0.01"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def finish(self, process: asyncio.subprocess.Process) -> tuple[int, dict[str, Any], str]:
        """The exit code, the report and what standard error said."""
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert b"Traceback" not in err, err.decode()
        code = process.returncode
        assert code is not None
        return code, json.loads(out) if out else {}, err.decode()

    async def reached(self, posts: int, process: asyncio.subprocess.Process) -> None:
        """Wait until so many posts more than now are answered, or the process has ended."""
        goal = self.posts + posts
        while self.posts < goal and process.returncode is None:
            await asyncio.sleep(0.001)

    @property
    def posts(self) -> int:
        return sum(each.method == "POST" for each in self.simulator.requests)

    def answers(self, read: Answers) -> list[dict[str, str]]:
        rows = read(self.leads.with_name("leads.results.csv"))
        return [{name: cell for name, cell in row.items() if name not in FREE} for row in rows]

    def campaign(self) -> list[dict[str, Any]]:
        held = sorted(self.simulator.customers(PREVIEW_CAMPAIGN), key=lambda each: str(each["externalId"]))
        return [{k: v for k, v in each.items() if k not in {"id", "modificationDate"}} for each in held]

    def assert_ids_are_true(self, read: Answers) -> None:
        held = {each["externalId"]: each["id"] for each in self.simulator.customers(PREVIEW_CAMPAIGN)}
        for row in read(self.leads.with_name("leads.results.csv")):
            if row["obi_status"] == "created":
                assert row["obi_id"] == held[row["obi_external_id"]]


async def undisturbed(leads: Path, read: Answers) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    async with Simulator() as simulator:
        loader = Loader(simulator, leads)
        code, report, _ = await loader.finish(await loader.start("load"))
        assert code == 5
        assert report["counts"] == {"created": 55, "invalid": 3, "duplicate": 2}
        return loader.answers(read), loader.campaign()


@pytest.mark.parametrize("seed", range(4))
async def test_a_load_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    seed: int, leads: Path, answers_in: Answers
) -> None:
    chance = random.Random(seed)
    results, campaign = await undisturbed(leads, answers_in)
    leads.with_name("leads.results.csv").unlink()
    faults = [Fault(mode="504_after_commit", path="/customers/list", rate=0.1, seed=seed)] if seed % 2 else []
    async with Simulator(latency_ms=20, faults=faults) as simulator:
        loader = Loader(simulator, leads)
        command = "load"
        for _ in range(3):
            process = await loader.start(command, *(("--concurrency", "2") if command == "load" else ()))
            await loader.reached(chance.randint(1, 3), process)
            await asyncio.sleep(chance.uniform(0, 0.03))
            process.kill()
            code, *_ = await loader.finish(process)
            assert code == -signal.SIGKILL, "the load was over before it was killed"
            command = chance.choice(["load", "resume"])
        code, report, _ = await loader.finish(await loader.start(command))
        assert code == 5
        assert report["balanced"]
        assert report["resumed"]
        assert loader.answers(answers_in) == results
        assert loader.campaign() == campaign
        loader.assert_ids_are_true(answers_in)


@pytest.mark.parametrize("moment", [0.4, 0.9])
async def test_a_load_that_is_killed_before_it_sends_leaves_nothing_in_the_way(
    moment: float, leads: Path, answers_in: Answers
) -> None:
    async with Simulator(latency_ms=100) as simulator:
        loader = Loader(simulator, leads)
        process = await loader.start("load")
        await asyncio.sleep(moment)
        process.kill()
        await loader.finish(process)
        code, report, _ = await loader.finish(await loader.start("load"))
        assert code == 5
        assert report["counts"] == {"created": 55, "invalid": 3, "duplicate": 2}
        assert simulator.count(PREVIEW_CAMPAIGN) == 55
        loader.assert_ids_are_true(answers_in)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_one_signal_settles_what_is_in_flight_and_writes_the_results(
    number: signal.Signals, leads: Path, answers_in: Answers
) -> None:
    async with Simulator(latency_ms=40) as simulator:
        loader = Loader(simulator, leads)
        process = await loader.start("load", "--concurrency", "2")
        await loader.reached(3, process)
        process.send_signal(number)
        code, report, err = await loader.finish(process)
        assert code == report["exit_code"] == 130
        assert "obi resume" in report["next"]
        assert "Stopping after what is in flight" in err
        assert set(report["counts"]) <= {"created", "invalid", "duplicate", "unsent"}
        assert report["counts"]["created"] == simulator.count(PREVIEW_CAMPAIGN) < 55
        written = [row["obi_status"] for row in loader.answers(answers_in)]
        assert {status: written.count(status) for status in report["counts"]} == report["counts"]
        code, report, _ = await loader.finish(await loader.start("resume"))
        assert code == 5
        assert report["counts"] == {"created": 55, "invalid": 3, "duplicate": 2}
        loader.assert_ids_are_true(answers_in)


async def test_two_signals_stop_at_once_and_resume_finds_what_had_landed(
    leads: Path, answers_in: Answers
) -> None:
    hang = Fault(mode="hang_after_commit", path="/customers/list", nth=3)
    async with Simulator(latency_ms=10, faults=[hang]) as simulator:
        loader = Loader(simulator, leads)
        process = await loader.start("load", "--concurrency", "1")
        await loader.reached(2, process)
        while simulator.count(PREVIEW_CAMPAIGN) < 9:
            await asyncio.sleep(0.005)
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.1)
        process.send_signal(signal.SIGINT)
        code, report, err = await loader.finish(process)
        assert code == 130
        assert "obi resume" in err
        assert "obi resume" in report["stopped"]
        code, report, _ = await loader.finish(await loader.start("resume"))
        assert code == 5
        assert report["counts"] == {"created": 55, "invalid": 3, "duplicate": 2}
        assert simulator.count(PREVIEW_CAMPAIGN) == 55
        loader.assert_ids_are_true(answers_in)


async def test_a_killed_run_whose_content_was_there_before_is_not_told_as_created(
    leads: Path, answers_in: Answers
) -> None:
    """Last night's load put all of it there; tonight's is killed in the middle of the same content."""
    async with Simulator(latency_ms=20) as simulator:
        loader = Loader(simulator, leads)
        await loader.finish(await loader.start("load"))
        simulator._service.store._db.execute(
            "UPDATE customers SET body = json_set(body, '$.modificationDate', '2026-01-02T03:04:05.678Z')"
        )
        process = await loader.start("load", "--concurrency", "2", "--new-run")
        await loader.reached(4, process)
        process.kill()
        await loader.finish(process)
        code, report, _ = await loader.finish(await loader.start("resume"))
        assert code == 5
        assert report["counts"] == {"exists": 55, "invalid": 3, "duplicate": 2}
