"""xlsx: the sheet is unpacked XML, and its library may hold it whole."""

from __future__ import annotations

from functools import partial

from benchmarks.bench import OURS, Bench
from benchmarks.hard_files import workbook
from benchmarks.measure import Case
from benchmarks.servers import bare_server


def measure(bench: Bench) -> list[Case]:
    """Whole processes; the answers go into a CSV file, so that reading is what is measured."""
    cases: list[Case] = []
    with bare_server() as server:
        for rows in bench.form.workbooks:
            book = bench.file(f"leads-{rows}.xlsx", partial(workbook, rows=rows))
            load = partial(bench.load, book, server, "--quiet", sends=rows)
            cases += bench.in_turn({OURS: load}, rows=rows, runs=None if rows <= 200_000 else 1)
    return cases
