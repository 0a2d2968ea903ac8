"""What every part of the benchmark works with: its sizes, its files, and how a load is measured."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.bare_server import CAMPAIGN
from benchmarks.make_leads import make
from benchmarks.measure import Case, FailedError, Sample, run
from benchmarks.servers import Address


class Peer(Struct, frozen=True):
    """What stands beside us: the ``script`` in ``benchmarks.peers``, and the ``module`` that it needs."""

    script: str
    module: str


PEERS = {
    "sequential": Peer("sequential", "requests"),
    "dlt": Peer("with_dlt", "dlt"),
    "singer-sdk": Peer("with_singer", "singer_sdk"),
    "elasticsearch": Peer("with_elasticsearch", "elasticsearch"),
    "floor": Peer("floor", "asyncio"),
}
OURS = "obi load"
ALONE = "obi load, one process"


class Form(Struct, frozen=True, kw_only=True):
    """How much is measured. Goals are set for the ``full`` form.

    ``runs`` of each; ``small`` and ``large`` are the rows of what is set side by side, ``growth`` those of
    CSV files and ``workbooks`` of xlsx files, ``distant`` those that a slow server gets, ``bad`` those of
    awkward files and ``wide`` of the one with a thousand columns; ``paced`` are the requests to find the
    best concurrency with, and ``listed`` the numbers on a do-not-call list.
    """

    name: str
    runs: int
    small: int
    large: int
    growth: Sequence[int]
    distant: int
    paced: int
    workbooks: Sequence[int]
    bad: int
    wide: int
    listed: int


FORMS = {
    form.name: form
    for form in (
        Form(
            name="smoke", runs=1, small=1_000, large=3_000, growth=(1_000, 3_000), distant=5_000, paced=100,
            workbooks=(1_000, 3_000), bad=3_000, wide=50, listed=30_000,
        ),
        Form(
            name="short", runs=3, small=10_000, large=100_000, growth=(1_000, 10_000, 100_000),
            distant=100_000, paced=600, workbooks=(20_000, 100_000), bad=30_000, wide=2_000, listed=1_000_000,
        ),
        Form(
            name="full", runs=3, small=100_000, large=1_000_000,
            growth=(1_000, 10_000, 100_000, 1_000_000, 5_000_000), distant=1_000_000, paced=3_000,
            workbooks=(200_000, 1_000_000), bad=300_000, wide=20_000, listed=10_000_000,
        ),
    )
}  # fmt: skip


def _say(line: str) -> None:
    print(line, flush=True)


class Bench:
    """One run of the benchmark: ``folder`` is for files, which are made once and removed with it."""

    def __init__(self, form: Form, folder: Path, *, tell: Callable[[str], None] = _say) -> None:
        self.form = form
        self.folder = folder
        self.tell = tell
        self.skipped: list[str] = []

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """The file of this name, which ``write`` makes where it is not there yet."""
        path = self.folder / name
        if not path.exists():
            write(path)
        return path

    def leads(self, rows: int) -> Path:
        """A clean file."""
        return self.file(f"leads-{rows}.csv", lambda path: make(path, rows))

    @cached_property
    def env(self) -> dict[str, str]:
        """An environment in which no setting of anybody's counts."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OBI_")}
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        nobodys = str(self.folder / "nobodys-configuration")
        return kept | {"PYTHONPATH": path, "XDG_CONFIG_HOME": nobodys}

    def load(
        self,
        leads: Path,
        server: Address,
        *words: str,
        sends: int | None = None,
        exits: Iterable[int] = (0,),
        module: str = "etl",
        env: Mapping[str, str] | None = None,
    ) -> Sample:
        """The whole process of ``obi load``, from nothing to the results file.

        Raises FailedError where the server did not get ``sends`` rows (None: as many as it may).
        """
        with tempfile.TemporaryDirectory(prefix="load-", dir=self.folder) as place:
            command = [
                sys.executable, "-m", module, "load", str(leads), "--campaign", CAMPAIGN["name"],
                "--base-url", server.base_url, "--region", "GB", "--results", "results.csv",
                "--rejects", "rejects.csv", "--state-dir", "state", "--yes", *words,
            ]  # fmt: skip
            return self._checked(command, server, place=Path(place), sends=sends, exits=exits, env=env or {})

    def peer(self, name: str, leads: Path, server: Address, *, sends: int) -> Sample:
        """The whole process of a peer; raises as ``load``."""
        script = f"benchmarks.peers.{PEERS[name].script}"
        command = [sys.executable, "-m", script, str(leads), server.post_url]
        with tempfile.TemporaryDirectory(prefix="peer-", dir=self.folder) as place:
            return self._checked(command, server, place=Path(place), sends=sends, exits=(0,), env={})

    def _checked(
        self,
        command: Sequence[str],
        server: Address,
        *,
        place: Path,
        sends: int | None,
        exits: Iterable[int],
        env: Mapping[str, str],
    ) -> Sample:
        server.counters()
        sample = run(command, folder=place, env={**self.env, **env}, exits=exits)
        got = server.counters()
        if sends is not None and got.rows != sends:
            raise FailedError(f"{' '.join(command)} sent {got.rows:,} rows of {sends:,}")
        seconds = got.last - got.first
        facts = {"requests": got.requests, "refused": got.refused, "rows_sent": got.rows, "sending": seconds}
        return replace(sample, facts=facts)

    def peers(self) -> list[str]:
        """The peers that are installed; says which are not."""
        found = []
        for name, peer in PEERS.items():
            if importlib.util.find_spec(peer.module):
                found.append(name)
            else:
                self.skip(f"{name} is not installed (pip install '.[bench]')")
        return found

    def skip(self, reason: str) -> None:
        """Note what is left out, and why."""
        self.tell(f"  left out: {reason}")
        self.skipped.append(reason)

    def in_turn(
        self, jobs: Mapping[str, Callable[[], Sample]], *, rows: int, runs: int | None = None
    ) -> list[Case]:
        """Each job so many times, by turns: what slows the machine for a while slows all of them."""
        samples: dict[str, list[Sample]] = {name: [] for name in jobs}
        for at in range(runs or self.form.runs):
            for name, job in jobs.items():
                sample = job()
                samples[name].append(sample)
                self.tell(f"  {name}, {rows:,} rows, run {at + 1}: {_told(sample, rows)}")
        return [Case(name=name, rows=rows, samples=each) for name, each in samples.items()]


def _told(sample: Sample, rows: int) -> str:
    memory = " + ".join(f"{peak:,.0f}" for peak in sample.peaks)
    whole = rows and sample.facts.get("rows_sent", rows) == rows
    rate = f" ({rows / sample.wall:,.0f} rows/s)" if whole else ""
    return f"{sample.wall:.2f} s{rate}, CPU {sample.cpu:.2f} s, {memory} MiB"
