"""``--concurrency auto`` beside every fixed number, on servers that can have enough.

Ten rows a request, so that the server is what there is to wait for. Measured is what comes through between
the server's first and last request, without what a process does before and after.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TypedDict

from msgspec.structs import replace

from benchmarks.bench import Bench
from benchmarks.measure import Case, Sample
from benchmarks.servers import Address, bare_server

BATCH = 10
FIXED = (1, 2, 4, 6, 8, 10, 12, 16)
AUTO = "auto"
_ALL_FROM = 8
"""With fewer requests in flight, as many fewer are sent: the rate is as steady, known in less time."""


class _Kind(TypedDict, total=False):
    latency: float
    capacity: int
    knee: int


_GAVE_UP = 7
"""The exit code of a load that asked too often in vain: a fixed number above the capacity may end so."""

KINDS: Mapping[str, _Kind] = {
    "limited": {"latency": 40, "capacity": 8},
    "crowded": {"latency": 20, "knee": 8},
}
"""One that answers 429 beyond eight requests at a time, and one that brings most through at eight."""


def measure(bench: Bench) -> list[Case]:
    """Cases ``KIND NUMBER`` and ``KIND auto``, with the facts ``rate`` and ``refused_share``.

    ``rate`` is in rows/s, and 0 where the load gave up.
    """
    rows = bench.form.paced * BATCH
    cases: list[Case] = []
    for kind, temper in KINDS.items():
        with bare_server(**temper) as server:
            for number in FIXED:
                few = rows * min(number, _ALL_FROM) // _ALL_FROM
                job = partial(_load, bench, server, few, str(number))
                cases += bench.in_turn({f"{kind} {number}": job}, rows=few, runs=1)
            cases += bench.in_turn({f"{kind} {AUTO}": partial(_load, bench, server, rows, AUTO)}, rows=rows)
    return cases


def _load(bench: Bench, server: Address, rows: int, concurrency: str) -> Sample:
    words = ("--quiet", "--batch-size", str(BATCH), "--concurrency", concurrency)
    sample = bench.load(bench.leads(rows), server, *words, exits=(0, _GAVE_UP))
    facts = sample.facts
    whole = facts["rows_sent"] == rows
    more = {
        "rate": rows / facts["sending"] if whole else 0.0,
        "refused_share": facts["refused"] / facts["requests"],
    }
    return replace(sample, facts=facts | more)
