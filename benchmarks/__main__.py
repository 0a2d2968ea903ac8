"""``python -m benchmarks``: measure, print goals beside figures, and write the page."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench import FORMS, Bench
from benchmarks.figures import Figures, Part, machine, today
from benchmarks.goals import judge, lines
from benchmarks.measure import FailedError
from benchmarks.page import write_page
from benchmarks.parts import PARTS

DOCS = Path(__file__).resolve().parent.parent / "docs"


def main() -> int:
    """Measure what the command line says; a goal that is missed is no failure: the page explains it.

    1 where a part could not be measured; its earlier figures stay.
    """
    chosen = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # no server and no file outlives us
    chosen.out.mkdir(parents=True, exist_ok=True)
    kept = chosen.out / "performance.json"
    figures = Figures.read(kept)
    failed = False
    if not chosen.render:
        began = time.monotonic()
        figures.machine, figures.note = machine(), chosen.note
        with tempfile.TemporaryDirectory(prefix="bench-", dir=chosen.work) as folder:
            for name in chosen.only or PARTS:
                try:
                    figures.parts[name] = measure(name, Bench(FORMS[chosen.form], Path(folder)))
                except FailedError as error:
                    failed = True
                    print(f"  failed: {error}", flush=True)
                figures.write(kept)  # an hour's work is not lost with its last minute
        print(f"\n{time.monotonic() - began:,.0f} s\n")
    write_page(figures, chosen.out)
    print(*lines(judge(figures)), sep="\n")
    return 1 if failed else 0


def measure(name: str, bench: Bench) -> Part:
    """What a part measures now."""
    print(f"{name}:", flush=True)
    cases = PARTS[name](bench)
    return Part(form=bench.form.name, day=today(), cases=cases, skipped=bench.skipped)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    forms = options.add_mutually_exclusive_group()
    for name, what in (
        ("full", "the sizes that goals are set for: forty minutes or so  [default]"),
        ("short", "a tenth of them: a quarter of an hour"),
        ("smoke", "as little as shows that it works"),
    ):
        forms.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=what)
    options.add_argument("--only", action="append", choices=list(PARTS), help="this part (again and again)")
    options.add_argument("--render", action="store_true", help="measure nothing, make the page anew")
    options.add_argument("--out", type=Path, default=DOCS, help="folder of page, plots and figures  [docs]")
    options.add_argument("--work", type=Path, help="folder of files and journals while it runs")
    options.add_argument("--note", default="", help="a sentence about how it was measured, for the page")
    options.set_defaults(form="full")
    chosen = options.parse_args()
    if sys.platform != "linux" and not chosen.render:
        options.error("memory is read from /proc, so that measuring needs Linux")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
