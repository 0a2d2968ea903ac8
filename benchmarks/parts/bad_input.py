"""Bad input must not be slow: at most twice a clean file's time by row, and at most twice its memory.

A row of a thousand columns is as much to read as 83 rows of twelve, so that time is compared by cell.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from benchmarks import hard_files
from benchmarks.bench import Bench
from benchmarks.make_leads import HEADER
from benchmarks.measure import Case, Sample
from benchmarks.servers import Address, bare_server

CLEAN = "clean"
BAD = "every row bad"
HUGE = "one cell of 10 MB"
WIDE = "1,000 columns"
TWICE = "all rows duplicates"
LISTED = "beside a long do-not-call list"
UNLISTED = "beside none"
INDEXED = "making the index of the do-not-call list"
_FEW = 10
_SOME_BAD = 5
"""The exit code of a load with rows that need a look."""


def measure(bench: Bench) -> list[Case]:
    """The clean file and the others, and a larger clean one with a do-not-call list and without."""
    rows, few = bench.form.bad, bench.form.wide
    with bare_server() as server:
        files = {
            CLEAN: bench.leads(rows),
            BAD: bench.file("bad.csv", partial(hard_files.every_row_bad, rows=rows)),
            HUGE: bench.file("huge.csv", partial(hard_files.one_huge_cell, rows=rows)),
            TWICE: bench.file("twice.csv", partial(hard_files.all_duplicates, rows=rows)),
        }
        jobs = {
            name: partial(bench.load, path, server, "--quiet", exits=(0, _SOME_BAD))
            for name, path in files.items()
        }
        wide = bench.file("wide.csv", partial(hard_files.many_columns, rows=few))
        cases = bench.in_turn(jobs, rows=rows)
        cases += bench.in_turn({WIDE: partial(bench.load, wide, server, "--quiet", sends=few)}, rows=few)
        return cases + _suppressed(bench, server)


def cells(case: Case) -> int:
    """How many cells the file of a case has; a list has one a number."""
    if case.name == INDEXED:
        return case.rows
    return case.rows * (hard_files.COLUMNS if case.name == WIDE else len(HEADER))


def _suppressed(bench: Bench, server: Address) -> list[Case]:
    """A clean file beside a do-not-call list of millions, whose index is ready, and beside none.

    The index is kept in the state folder for all loads to come, so that making it is a case of its own: a
    load of ten rows, of which the list is all that takes time. Its ``rows`` are the list's numbers.
    """
    command = [sys.executable, "-m", "etl", "load", "--help"]
    told = subprocess.run(command, env=bench.env, capture_output=True, text=True, check=True)
    if "--suppress" not in told.stdout:
        bench.skip("do-not-call lists: this version of obi load has no --suppress")
        return []
    numbers, rows = bench.form.listed, bench.form.large
    listed = bench.file("listed.txt", partial(hard_files.do_not_call_list, numbers=numbers))
    load = partial(bench.load, bench.leads(rows), server, "--quiet", sends=rows)
    beside = ("--suppress", str(listed), "--new-run", "--state-dir", str(bench.folder / "with-index"))

    def indexed() -> Sample:
        return bench.load(bench.leads(_FEW), server, "--quiet", *beside, sends=_FEW)

    made = bench.in_turn({INDEXED: indexed}, rows=numbers, runs=1)
    return made + bench.in_turn({UNLISTED: load, LISTED: partial(load, *beside)}, rows=rows)
