"""The parts of the benchmark by name; each takes a Bench and gives what it measured."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.measure import Case
from benchmarks.parts import (
    bad_input,
    beginning,
    distant,
    growth,
    pace,
    shares,
    side_by_side,
    workbooks,
)

PARTS: dict[str, Callable[[Bench], list[Case]]] = {
    "beginning": beginning.measure,
    "side-by-side": side_by_side.measure,
    "distant": distant.measure,
    "pace": pace.measure,
    "growth": growth.measure,
    "workbooks": workbooks.measure,
    "shares": shares.measure,
    "bad-input": bad_input.measure,
}
