"""How time and memory grow with the file."""

from __future__ import annotations

from functools import partial

from benchmarks.bench import OURS, Bench
from benchmarks.measure import Case
from benchmarks.servers import bare_server

_ONCE_FROM = 2_000_000
"""Rows from which on one run has to do."""


def measure(bench: Bench) -> list[Case]:
    """Whole processes from small to large, and what each worker process takes, where there are any."""
    cases: list[Case] = []
    with bare_server() as server:
        for rows in bench.form.growth:
            load = partial(bench.load, bench.leads(rows), server, "--quiet", sends=rows)
            cases += bench.in_turn({OURS: load}, rows=rows, runs=1 if rows >= _ONCE_FROM else None)
    return cases
