"""Ours beside the peers: the same file, the same bare server, every number checked in full by each."""

from __future__ import annotations

from functools import partial

from benchmarks.bench import OURS, Bench
from benchmarks.measure import Case
from benchmarks.servers import bare_server


def measure(bench: Bench) -> list[Case]:
    """Whole processes at two sizes, whose difference is the steady state."""
    cases: list[Case] = []
    peers = bench.peers()
    with bare_server() as server:
        for rows in (bench.form.small, bench.form.large):
            leads = bench.leads(rows)
            jobs = {OURS: partial(bench.load, leads, server, "--quiet", sends=rows)}
            jobs |= {name: partial(bench.peer, name, leads, server, sends=rows) for name in peers}
            cases += bench.in_turn(jobs, rows=rows)
    return cases
