"""No row gets dearer without anybody noticing: CPU time as a multiple of a yardstick's, never seconds.

The yardstick is what phonenumbers takes to check one number, on the same machine in the same minute. Limits
are generous: they catch what costs half as much again, not a few hundredths. ``make bench`` measures.
"""

from __future__ import annotations

import random
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks import hard_files
from benchmarks.bench import FORMS, Bench
from benchmarks.make_leads import row
from benchmarks.measure import Sample
from benchmarks.peers.leads import e164
from benchmarks.servers import Address, bare_server

FEW, MANY = 2_000, 42_000

LIMITS = {
    "numbers that could be checked in the time of a row": 1.2,
    "numbers that could be checked in the time of a bad row": 2.4,
    "memory of many rows by that of few": 1.5,  # frames fill up, and that is all
    "requests by what a hundred rows a request make": 1.0,
}


def cheaper(bench: Bench, leads: Path, server: Address) -> Sample:
    """The cheaper of two loads: what else the machine does makes a load dearer, never cheaper."""
    loads = (bench.load(leads, server, "--quiet", exits=(0, 5)) for _ in range(2))
    return min(loads, key=lambda sample: sample.cpu)


def yardstick() -> float:
    """CPU seconds that checking one number takes, the least of some rounds."""
    dice = random.Random(1)
    numbers = [row(0, dice)[1] for _ in range(2_000)]

    def seconds() -> float:
        began = time.process_time()
        for number in numbers:
            e164(number)
        return (time.process_time() - began) / len(numbers)

    return min(seconds() for _ in range(5))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_rows_cost_no_more_than_their_limits(tmp_path: Path) -> None:
    bench = Bench(FORMS["smoke"], tmp_path)
    with bare_server() as server:
        few, many = (cheaper(bench, bench.leads(rows), server) for rows in (FEW, MANY))
        bad = cheaper(bench, bench.file("bad.csv", partial(hard_files.every_row_bad, rows=MANY)), server)
    number = yardstick()
    figures = (
        (many.cpu - few.cpu) / (MANY - FEW) / number,
        (bad.cpu - few.cpu) / (MANY - FEW) / number,
        many.peak / few.peak,
        many.facts["requests"] / (MANY / 100),
    )
    found = dict(zip(LIMITS, figures, strict=True))
    assert {name: figure for name, figure in found.items() if figure > LIMITS[name]} == {}
