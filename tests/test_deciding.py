"""What a process of its own decides is what the run would decide, whatever becomes of that process."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from msgspec.structs import replace

from etl import apart, deciding, following
from etl.errors import InputError
from etl.journal import Journal
from etl.orders import Order
from etl.profile import GUESSED
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator
from etl.sources import rowcopy
from etl.state import StateFolder
from etl.work import Portion, Work, portions

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a second process decides on POSIX only")

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
ROWS = 230


def lead(row: int) -> str:
    number = "nonsense" if row % 20 == 0 else f"020 7946 {row:04}"
    return f"{'A1' if row % 37 == 0 else f'A{row}'},{number},020 7946 9999,Name {row}\n"


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    path.write_text("Lead ID,Phone,Mobile,Name\n" + "".join(map(lead, range(1, ROWS + 1))), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "processors", lambda: 2)
    monkeypatch.setattr(deciding, "LONG", 1)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started to decide."""
    processes: list[subprocess.Popen[bytes]] = []
    start = apart.start

    def watched(module: str, *, files: Sequence[int] = ()) -> subprocess.Popen[bytes] | None:
        process = start(module, files=files)
        assert process
        processes.append(process)
        return process

    monkeypatch.setattr(apart, "start", watched)
    return processes


@pytest.fixture
async def run(
    leads: Path, settings_for: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The journal of a run that is done, and its work."""
    with monkeypatch.context() as patch:
        patch.setattr(deciding, "LONG", 10**9)
        async with Simulator() as simulator:
            settings = settings_for(simulator.base_url)
            order = Order(input=str(leads), profile=BRITISH, campaign=PREVIEW_CAMPAIGN)
            report = await Runner(settings).load(order)
    with StateFolder(settings.state_dir).open(report.run) as journal:
        yield journal, Work.of(journal.manifest, settings, scratch=tmp_path)


def had(given: Iterator[Portion]) -> list[Portion]:
    return list(given)


async def test_another_process_decides_the_same(
    run: tuple[Journal, Work], begun: list[subprocess.Popen[bytes]]
) -> None:
    journal, work = run
    marker = ("run", "1")
    with closing(deciding.portions_of(work, journal.path, marker=marker)) as given:
        apart_from_us = had(given)
    found = dict(work.findings)
    assert apart_from_us == had(portions(work, marker=marker))
    assert found == work.findings == {"shared_numbers": 1}
    assert [process.returncode for process in begun] == [-9]  # it is not waited for once all is told


async def test_what_a_process_that_dies_did_not_tell_is_decided_here(
    run: tuple[Journal, Work], begun: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, work = run
    # Many chunks, so that it dies between two of them.
    expected = had(portions(work, marker=None))
    frames_of = deciding._frames_of

    def dying(process: subprocess.Popen[bytes]) -> Iterator[Any]:
        yield from islice(frames_of(process), 1)
        process.kill()

    monkeypatch.setattr(deciding, "_frames_of", dying)
    work.findings.clear()
    assert had(deciding.portions_of(work, journal.path, marker=None)) == expected
    assert work.findings == {"shared_numbers": 1}
    assert len(begun) == 1


@pytest.mark.parametrize(
    "output", [b"", b"\x05\0\0\0\0\0\0\0ab", b"\x02\0\0\0\0\0\0\0\xc1\xc1", b"noise", b"\xff" * 9]
)
async def test_what_it_writes_that_is_no_chunk_ends_it(
    run: tuple[Journal, Work], monkeypatch: pytest.MonkeyPatch, output: bytes
) -> None:
    journal, work = run

    def odd(_module: str, *, files: Sequence[int]) -> subprocess.Popen[bytes]:
        assert not files
        escaped = "".join(f"\\{byte:03o}" for byte in output)
        return subprocess.Popen(["/usr/bin/printf", escaped], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    monkeypatch.setattr(apart, "start", odd)
    assert had(deciding.portions_of(work, journal.path, marker=None)) == had(portions(work, marker=None))


async def test_an_error_there_is_told_as_it_would_be_here(run: tuple[Journal, Work]) -> None:
    journal, work = run
    source = work.source.read_bytes()
    work.source.write_bytes(source.replace(b"Name 200\n", b'"Name 200\n'))
    with pytest.raises(InputError, match="never closed"):
        had(deciding.portions_of(work, journal.path, marker=None))


async def test_a_run_whose_rows_are_decided_apart_is_the_same_run(
    leads: Path, settings_for: MakeSettings, answers_in: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LONG", 1)
    free = ("obi_run", "obi_id", "obi_attempts", "obi_batch", "obi_warning")
    told = []
    for long, large in ((10**9, 10**9), (1, 10**9), (1, 1)):
        monkeypatch.setattr(deciding, "LONG", long)
        monkeypatch.setattr(deciding, "LARGE", large)
        faults = [Fault(mode="504_after_commit", path="/list", nth=2)]
        async with Simulator(faults=faults) as simulator:
            settings = settings_for(simulator.base_url, batch_size=7, on_unknown="hold")
            order = Order(input=str(leads), profile=BRITISH, campaign=PREVIEW_CAMPAIGN, new_run=True)
            first = await Runner(settings).load(order)
            assert first.counts["unknown"] > 0
            report = await Runner(settings, changed={"on_unknown": "verify"}).resume(first.run)
            assert report is not None
            assert report.counts == {"created": 224, "duplicate": 6}
            assert simulator.count(PREVIEW_CAMPAIGN) == 224
        rows = answers_in(report.results)
        told.append([{name: row[name] for name in row if name not in free} for row in rows])
    assert told[0] == told[1] == told[2]


def test_a_process_stands_by_for_a_large_text_alone(
    leads: Path, begun: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = leads.stat().st_size
    packed = leads.with_suffix(".gz")
    packed.write_bytes(gzip.compress(leads.read_bytes(), compresslevel=0))
    for large, path in (
        (size + 1, leads),
        (1, packed),
        (1, leads.parent),
        (1, leads.with_name("not there")),
    ):
        monkeypatch.setattr(deciding, "LARGE", large)
        with deciding.standing_by(path) as process:
            assert process is None
    monkeypatch.setattr(deciding, "LARGE", size)
    with deciding.standing_by(leads) as process:
        assert process is not None
        assert process.poll() is None
    assert process.returncode == -9
    assert begun == [process]


async def test_the_process_that_stands_by_is_the_one_that_decides_and_is_ended_with_a_load_that_fails(
    leads: Path,
    settings_for: MakeSettings,
    begun: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deciding, "LARGE", 1)
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        order = Order(input=str(leads), profile=BRITISH, campaign=PREVIEW_CAMPAIGN)
        report = await Runner(settings).load(order)
        assert len(begun) == 1
        assert report.counts["created"] == 224
        leads.write_text('Lead ID,Phone\nA1,"020 7946 0001\n', encoding="utf-8")
        with pytest.raises(InputError, match="never closed"):
            await Runner(settings).load(order)
    assert [process.returncode for process in begun] == [-9, -9]


async def test_a_process_that_stands_by_for_fewer_rows_than_it_pays_for_is_ended_before_they_are_sent(
    run: tuple[Journal, Work], begun: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, work = run
    monkeypatch.setattr(deciding, "LARGE", 1)
    monkeypatch.setattr(deciding, "LONG", 10**9)
    with deciding.standing_by(work.source) as process:
        assert process is not None
        given = deciding.portions_of(replace(work, decider=process), journal.path, marker=None)
        with closing(given):
            next(given)
            assert process.returncode == -9
    assert begun == [process]


async def test_a_workbook_is_decided_apart_from_the_copy_that_its_survey_made(
    own_place: Path,
    settings_for: MakeSettings,
    answers_in: Answers,
    begun: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workbook = own_place / "leads.xlsx"
    with xlsxwriter.Workbook(workbook) as book:
        sheet = book.add_worksheet()
        for at, line in enumerate(["Lead ID,Phone,Mobile,Name", *map(lead, range(1, ROWS + 1))]):
            sheet.write_row(at, 0, line.strip().split(","))
    monkeypatch.setattr(following, "LONG", 1)
    told = []
    # A file that has just changed has no copy, since another change might not show.
    for settled, processes in ((10**12, 1), (0, 2)):
        rowcopy._copies.clear()
        begun.clear()
        monkeypatch.setattr(rowcopy, "_SETTLED", settled)
        async with Simulator() as simulator:
            order = Order(input=str(workbook), profile=BRITISH, campaign=PREVIEW_CAMPAIGN, new_run=True)
            report = await Runner(settings_for(simulator.base_url)).load(order)
            assert report.counts == {"created": 224, "duplicate": 6}
        assert len(begun) == processes  # the one that writes the results, and the one that decides
        assert begun[0].returncode == 0 or processes == 2
        free = ("obi_run", "obi_id")
        rows = answers_in(report.results)
        told.append([{name: row[name] for name in row if name not in free} for row in rows])
    assert told[0] == told[1]
