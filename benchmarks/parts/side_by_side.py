"""Ours beside the peers: the same file, the same bare server, every number checked in full by each."""

from __future__ import annotations

from functools import partial

from benchmarks.bench import ALONE, OURS, Bench
from benchmarks.measure import Case
from benchmarks.servers import bare_server

_ONCE = frozenset({"elasticsearch"})
"""No goal is about it: of the large size one run has to do."""


def measure(bench: Bench) -> list[Case]:
    """Whole processes at two sizes, whose difference is the steady state."""
    cases: list[Case] = []
    peers = bench.peers()
    with bare_server() as server:
        for rows in (bench.form.small, bench.form.large):
            leads = bench.leads(rows)
            ours = partial(bench.load, leads, server, "--quiet", sends=rows)
            jobs = {OURS: ours, ALONE: partial(ours, module="benchmarks.alone")}
            jobs |= {name: partial(bench.peer, name, leads, server, sends=rows) for name in peers}
            once = {name: jobs.pop(name) for name in _ONCE & jobs.keys() if rows == bench.form.large}
            cases += bench.in_turn(jobs, rows=rows) + bench.in_turn(once, rows=rows, runs=1)
    return cases
