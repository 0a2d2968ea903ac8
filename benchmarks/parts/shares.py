"""Where the time goes: the CPU time of a load by its parts."""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec.structs import replace

from benchmarks.bench import OURS, Bench
from benchmarks.measure import Case, Sample
from benchmarks.servers import Address, bare_server


def measure(bench: Bench) -> list[Case]:
    """One case, whose facts are seconds of CPU time by part (see ``stopwatch``)."""
    rows = bench.form.large
    with bare_server() as server:
        return bench.in_turn({OURS: partial(_watched, bench, server, rows)}, rows=rows)


def _watched(bench: Bench, server: Address, rows: int) -> Sample:
    told = bench.folder / "stopwatch.json"
    sample = bench.load(
        bench.leads(rows), server, sends=rows, module="benchmarks.stopwatch", env={"STOPWATCH": str(told)}
    )
    return replace(sample, facts=msgspec.json.decode(told.read_bytes(), type=dict[str, float]))
