"""What a command takes before it does anything: help, the version, and a load of ten rows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from benchmarks.bench import Bench
from benchmarks.measure import Case, Sample, run
from benchmarks.servers import bare_server

TEN = 10
QUICK = {"obi --help": "--help", "obi --version": "--version"}
_RUNS = 10


def measure(bench: Bench) -> list[Case]:
    """Cases named after the command; those without rows have the fact ``pandas``, its imported modules."""
    runs = _RUNS if bench.form.runs > 1 else 1
    with bare_server() as server:
        jobs = {name: partial(_quick, bench, word) for name, word in QUICK.items()}
        return [
            *bench.in_turn(jobs, rows=0, runs=runs),
            *bench.in_turn(
                {"ten rows": partial(bench.load, bench.leads(TEN), server, "--quiet", sends=TEN)},
                rows=TEN,
                runs=runs,
            ),
        ]


def _quick(bench: Bench, word: str) -> Sample:
    command = [sys.executable, "-m", "etl", word]
    sample = run(command, folder=bench.folder, env=bench.env)
    facts = {"pandas": float(sum(name.partition(".")[0] == "pandas" for name in _imported(bench, command)))}
    return replace(sample, facts=facts)


def _imported(bench: Bench, command: Sequence[str]) -> set[str]:
    """The modules that a Python command imports."""
    python, *words = command
    told = subprocess.run(
        [python, "-X", "importtime", *words],
        cwd=bench.folder,
        env=bench.env,
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
