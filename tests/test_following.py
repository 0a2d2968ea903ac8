"""What is written while rows are sent is what the run would publish; a follower is only a help."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from etl import apart, following, sittings
from etl.following import Follower
from etl.journal import Journal
from etl.orders import Order
from etl.profile import GUESSED
from etl.publishing import publish
from etl.reconciler import Files, Tally
from etl.records import RowStatus, RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.state import StateFolder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a run is followed on POSIX only")

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]
Told = list[Tally | None]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
ROWS = 230


def lead(row: int) -> str:
    number = "nonsense" if row % 20 == 0 else f"020 7946 {row:04}"
    return f"{'A1' if row % 37 == 0 else f'A{row}'},{number},=Name {row}\n"


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "processors", lambda: 2)


@pytest.fixture
def leads(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(following, "LONG", 1)
    path = own_place / "leads.csv"
    path.write_text("Lead ID,Phone,Name\n" + "".join(map(lead, range(1, ROWS + 1))), encoding="utf-8")
    return path


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What followers told of their work, None for one that could not finish it."""
    tallies: Told = []
    finish = Follower.finish

    async def watched(self: Follower, *, stopped: bool) -> Tally | None:
        tallies.append(await finish(self, stopped=stopped))
        return tallies[-1]

    monkeypatch.setattr(Follower, "finish", watched)
    return tallies


async def load(settings: Settings, path: Path, **more: Any) -> RunReport:
    stop = more.pop("stop", None)
    order = Order(input=str(path), profile=BRITISH, campaign=PREVIEW_CAMPAIGN)
    return await Runner(settings, stop=stop).load(order)


def published_anew(report: RunReport, settings: Settings, folder: Path) -> tuple[bytes, bytes]:
    """Results and rejects as the run itself would have written them."""
    files = Files(results=folder / "again.csv", rejects=folder / "again.rejects.csv")
    with StateFolder(settings.state_dir).open(report.run) as journal:
        publish(journal, files=files, stopped=True)
    assert files.rejects
    return files.results.read_bytes(), files.rejects.read_bytes()


async def test_a_follower_writes_what_the_run_would_publish(
    leads: Path, settings_for: MakeSettings, told: Told, tmp_path: Path
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, batch_size=7)
        report = await load(settings, leads)
    assert (told[0] and told[0].rows, report.balanced) == (ROWS, True)
    assert report.counts == {"created": 213, "invalid": 11, "duplicate": 6}
    written = Path(report.results).read_bytes(), Path(report.rejects).read_bytes()
    assert written == published_anew(report, settings, tmp_path)


async def test_rows_that_a_stopped_run_did_not_send_are_told_too(
    leads: Path, settings_for: MakeSettings, told: Told, answers_in: Answers, tmp_path: Path
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, batch_size=7, max_errors="5")
        report = await load(settings, leads)
        assert report.counts["unsent"] > 0
        assert Path(report.results).read_bytes() == published_anew(report, settings, tmp_path)[0]
        assert len(answers_in(report.results)) == ROWS
        resumed = await Runner(settings, changed={"max_errors": ""}).resume(report.run)
    assert resumed is not None
    assert resumed.counts == {"created": 213, "invalid": 11, "duplicate": 6}
    assert [each is not None for each in told] == [True, True]


async def test_an_outcome_that_was_changed_later_is_in_the_results(
    leads: Path, settings_for: MakeSettings, told: Told, answers_in: Answers
) -> None:
    async with Simulator(faults=[Fault(mode="id_missing", path="/customers/list")]) as simulator:
        report = await load(settings_for(simulator.base_url, batch_size=7), leads)
    rows = answers_in(report.results)
    assert all(row["obi_id"] for row in rows if row["obi_status"] == "created")
    assert told == []


async def test_a_run_whose_follower_is_killed_publishes_by_itself(
    leads: Path, settings_for: MakeSettings, told: Told, answers_in: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Follower.begin

    def doomed(journal: Journal, files: Files) -> Follower | None:
        follower = begin(journal, files)
        assert follower
        follower._process.kill()
        return follower

    monkeypatch.setattr(Follower, "begin", doomed)
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), leads)
    assert told == [None]
    assert len(answers_in(report.results)) == ROWS
    assert not list(leads.parent.glob(".*"))


async def test_a_follower_whose_run_is_gone_leaves_nothing_behind(
    leads: Path, settings_for: MakeSettings, tmp_path: Path
) -> None:
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        report = await load(settings, leads)
    place = tmp_path / "left"
    place.mkdir()
    files = Files(results=place / "r.csv", rejects=place / "j.csv")
    with StateFolder(settings.state_dir).open(report.run) as journal:
        follower = Follower.begin(journal, files)
        assert follower
        while not list(place.iterdir()):
            await asyncio.sleep(0.01)
        follower.drop()
    assert follower._process.returncode == 1
    assert not list(place.iterdir())


async def begun(settings: Settings, leads: Path, files: Files) -> Follower:
    """A follower of a run that is finished, which nobody has told it yet."""
    report = await load(settings, leads)
    with StateFolder(settings.state_dir).open(report.run) as journal:
        follower = Follower.begin(journal, files)
    assert follower
    return follower


async def test_what_nobody_waits_for_any_more_is_not_put_in_place(
    leads: Path, settings_for: MakeSettings, tmp_path: Path
) -> None:
    place = tmp_path / "left"
    place.mkdir()
    async with Simulator() as simulator:
        follower = await begun(settings_for(simulator.base_url), leads, Files(results=place / "r.csv"))
    pipe = follower._process.stdin
    assert pipe
    pipe.write(b"true\n")  # over; and the run's process dies before it has the answer
    follower.drop()
    assert follower._process.returncode == 1
    assert not list(place.iterdir())


async def test_a_follower_that_can_not_write_ends_at_once_and_in_order(
    leads: Path, settings_for: MakeSettings, tmp_path: Path
) -> None:
    nowhere = Files(results=tmp_path / "gone" / "r.csv")
    async with Simulator() as simulator:
        follower = await begun(settings_for(simulator.base_url), leads, nowhere)
    assert follower._process.wait(30) == 1
    follower.drop()


async def test_a_package_of_our_name_in_the_current_folder_is_not_run(
    leads: Path, settings_for: MakeSettings, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("etl", "csv"):
        other = leads.parent / "work" / name
        other.mkdir(parents=True)
        (other / "__init__.py").write_text(f"open({str(leads.parent / name)!r}, 'w')", encoding="utf-8")
    monkeypatch.chdir(leads.parent / "work")
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    async with Simulator() as simulator:
        await load(settings_for(simulator.base_url), leads)
    assert told[0] is not None
    assert not (leads.parent / "etl").exists()
    assert not (leads.parent / "csv").exists()


@pytest.mark.parametrize(("name", "value"), [("frozen", True), ("executable", ""), ("executable", None)])
async def test_where_there_is_no_python_to_start_the_run_publishes_by_itself(
    leads: Path,
    settings_for: MakeSettings,
    told: Told,
    answers_in: Answers,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: object,
) -> None:
    monkeypatch.setattr(sys, name, value, raising=False)
    async with Simulator() as simulator:
        report = await load(settings_for(simulator.base_url), leads)
    assert told == []
    assert len(answers_in(report.results)) == ROWS


async def test_a_run_that_can_not_publish_leaves_no_follower(
    leads: Path, settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    followers: list[Follower] = []
    begin = Follower.begin

    def kept(journal: Journal, files: Files) -> Follower | None:
        followers.extend(filter(None, [begin(journal, files)]))
        return followers[-1]

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Follower, "begin", kept)
    monkeypatch.setattr(sittings, "make_way", refused)
    async with Simulator() as simulator:
        with pytest.raises(PermissionError):
            await load(settings_for(simulator.base_url), leads)
    assert followers[0]._process.returncode == 1
    assert not list(leads.parent.glob(".*"))


def test_what_a_follower_says_that_is_no_tally_is_none(tmp_path: Path) -> None:
    script = tmp_path / "says.py"
    for said in (b"", b"null", b"{}", b'{"statuses": {"odd": 1}, "reasons": {}}', b"\xff"):
        script.write_bytes(b"import sys; sys.stdin.read(1); sys.stdout.buffer.write(%r)" % said)
        process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert asyncio.run(Follower(process).finish(stopped=False)) is None


def test_a_tally_comes_through_as_it_was() -> None:
    tally = Tally(rows=3, rejects=1, warned=2, examples={"a.b": "row 1: …"})
    tally.statuses.update([RowStatus.CREATED, RowStatus.CREATED, RowStatus.INVALID])
    tally.reasons.update(["a.b"])
    assert following._tally_in(json.encode(tally)) == tally
