"""No row gets dearer without anybody noticing: CPU time as a multiple of a yardstick's, never seconds.

The yardstick is what phonenumbers takes to check one number, on the same machine in the same minute. Limits
are generous: they catch what costs half as much again, not a few hundredths. ``make bench`` measures.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks import hard_files
from benchmarks.bench import FORMS, Bench
from benchmarks.make_leads import row
from benchmarks.measure import Sample
from benchmarks.peers.leads import e164
from benchmarks.servers import Address, bare_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

FEW, MANY = 2_000, 22_000

MOST_NUMBERS_A_ROW = 8.0
"""Numbers that could be checked in the CPU time of a row, which has two of them."""

MOST_BAD = 2.0
"""A row that is bad may cost so many times what a clean one costs."""

MOST_MEMORY = 1.5
"""By how much more memory eleven times the rows may take: frames fill up, and that is all."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(FORMS["smoke"], tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def server() -> Iterator[Address]:
    with bare_server() as address:
        yield address


@pytest.fixture(scope="module")
def few(bench: Bench, server: Address) -> Sample:
    return loaded(bench, bench.leads(FEW), server)


@pytest.fixture(scope="module")
def many(bench: Bench, server: Address) -> Sample:
    return loaded(bench, bench.leads(MANY), server)


def loaded(bench: Bench, path: Path, server: Address) -> Sample:
    """The cheaper of two loads: what else the machine does makes a load dearer, never cheaper."""
    return min(
        (bench.load(path, server, "--quiet", exits=(0, 5)) for _ in range(2)), key=lambda sample: sample.cpu
    )


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


def test_a_row_costs_no_more_than_some_checked_numbers(few: Sample, many: Sample) -> None:
    numbers = (many.cpu - few.cpu) / (MANY - FEW) / yardstick()
    assert numbers < MOST_NUMBERS_A_ROW


def test_a_bad_row_costs_no_more_than_two_clean_ones(
    bench: Bench, server: Address, few: Sample, many: Sample
) -> None:
    bad = bench.file("bad.csv", partial(hard_files.every_row_bad, rows=MANY))
    assert (loaded(bench, bad, server).cpu - few.cpu) / (many.cpu - few.cpu) < MOST_BAD


def test_memory_does_not_grow_with_the_rows(few: Sample, many: Sample) -> None:
    assert many.peak / few.peak < MOST_MEMORY


def test_a_request_holds_a_hundred_rows(many: Sample) -> None:
    assert many.facts["requests"] == MANY / 100
