"""A server that takes 50 ms a request: there a load should take what the waiting takes."""

from __future__ import annotations

from functools import partial

from benchmarks.bench import OURS, Bench
from benchmarks.measure import Case
from benchmarks.peers.leads import BATCH
from benchmarks.servers import bare_server

LATENCY = 50
"""Milliseconds a request."""

IN_FLIGHT = 32

_SHARES = {"sequential": 50, "dlt": 10}
"""By how much fewer rows a peer is given: it takes that much longer."""


def limit(rows: int) -> float:
    """Seconds that so many rows take at least: those of the waiting alone."""
    return rows / BATCH / IN_FLIGHT * LATENCY / 1000


def measure(bench: Bench) -> list[Case]:
    """Ours with 32 requests in flight, and two peers that tell what is usual."""
    rows = bench.form.distant
    peers = [name for name in bench.peers() if name in _SHARES]
    with bare_server(latency=LATENCY) as server:
        words = ("--quiet", "--concurrency", str(IN_FLIGHT))
        ours = partial(bench.load, bench.leads(rows), server, *words, sends=rows)
        cases = bench.in_turn({OURS: ours}, rows=rows)
        for name in peers:
            few = rows // _SHARES[name]
            job = partial(bench.peer, name, bench.leads(few), server, sends=few)
            cases += bench.in_turn({name: job}, rows=few, runs=1)
    return cases
