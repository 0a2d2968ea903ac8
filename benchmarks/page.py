"""``docs/performance.md`` from the figures: nothing in it is written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.bench import OURS
from benchmarks.figures import Figures, Part
from benchmarks.goals import Verdict, judge, said, steady_rate
from benchmarks.measure import Case
from benchmarks.parts import bad_input, distant, pace
from benchmarks.plots import draw

_HEAD = """\
# Performance

Made by `make bench` from measurements; to change a word here, change `benchmarks/page.py`. Every figure comes from whole processes,
from nothing to the results file, against a bare server in a process of its own that answers at once, unless something else is said.
Figures are medians; *spread* is the slowest less the fastest run, as a share of the median. What runs beside each other was run by turns.
"""

_HOW = """\
## Measure it yourself

```sh
make bench                        # all of it, an hour or so; writes this page
make bench BENCH=--short          # a tenth of the sizes, some minutes
make bench BENCH='--only growth'  # one part; the other figures stay
```

It needs Linux (memory is read from `/proc`) and some gigabytes of disk. It makes an environment of its own, `.venv-bench`, with the
peers at the versions of `constraints.txt`. `python -m benchmarks --help` lists the rest: `--work FOLDER` puts files and journals on
another disk, `--out FOLDER` leaves this page as it is.

No test asserts seconds. What guards against regressions is `tests/test_speed.py`: the CPU time of a row, as a multiple of what
checking one number with phonenumbers takes on the same machine in the same minute.
"""

_PEERS = """\
The same file (12 columns, two of them numbers), the same bare server, 100 customers a request, and every number parsed, checked
and brought to E.164 by phonenumbers: `benchmarks/peers/` holds each peer as a script. None of them keeps a journal, writes results,
finds duplicates or looks up what is in doubt; `obi load` does, with its default options. `elasticsearch` is that library's own
bulk helper (`async_streaming_bulk`) against the same server. `floor` sends one body, made beforehand, again and again over raw
sockets: that is what the server itself can take. *Steady* is the difference of the two sizes, without start-up.
"""

_DISTANT = """\
A server that takes {latency} ms a request: with {flight} in flight, nothing can be faster than rows ÷ 100 ÷ {flight} × {latency} ms.
"""

_PACE = """\
Two servers that can have enough: *limited* takes eight requests at a time and answers 429 beyond, *crowded* takes the longer the more
are under way, and brings most through at eight. Ten rows a request; rows/s between the server's first and last request.
"""

_GROWTH = """\
![Seconds and memory over rows](performance-growth.svg)
"""

_SHARES = """\
CPU time by part, taken with a stopwatch on the calls between the parts (`benchmarks/stopwatch.py`), not with a profiler.
"""

_BAD = """\
The clean file has as many rows as the bad ones; the one of a thousand columns has as many cells. The do-not-call list stands beside a
larger clean file.
"""


def write_page(figures: Figures, folder: Path) -> None:
    """Write the page and its plots."""
    draw(figures, folder)
    text = "\n".join(_sections(figures))
    (folder / "performance.md").write_text(text, encoding="utf-8")


def _sections(figures: Figures) -> Iterator[str]:
    verdicts = judge(figures)
    yield _HEAD
    yield from _warning(figures)
    yield "## Goals\n"
    yield _table(
        ("goal", "wanted", "measured", "reached"),
        [(each.what, each.wanted, each.measured, _mark(each)) for each in verdicts],
    )
    yield from _short_of(verdicts)
    for name, make in _PARTS.items():
        if name in figures.parts:
            yield from make(figures.parts[name])
    yield _HOW
    yield "## Where this was measured\n"
    yield _table(("", ""), figures.machine.items())
    yield _table(
        ("part", "form", "day"), [(name, part.form, part.day) for name, part in figures.parts.items()]
    )


def _warning(figures: Figures) -> Iterator[str]:
    lesser = sorted({part.form for part in figures.parts.values()} - {"full"})
    if lesser:
        yield (
            f"**Measured in the {' and '.join(lesser)} form, at smaller sizes than goals are set for, "
            "while other work ran on the machine: these figures hold a place until the full form is run.**\n"
        )


def _mark(verdict: Verdict) -> str:
    return "**no**" if verdict.reached is False else verdict.word


def _short_of(verdicts: Sequence[Verdict]) -> Iterator[str]:
    missed = [each for each in verdicts if each.reached is False]
    yield "## What falls short, and why\n"
    yield "\n".join(f"- {each.what} ({each.measured}): {each.goal.reason}." for each in missed) + "\n" if (
        missed
    ) else "Nothing.\n"


# --- parts ------------------------------------------------------------------------------------------


def _side_by_side(part: Part) -> Iterator[str]:
    yield "## Side by side\n"
    yield _PEERS
    yield "![Rows a second, side by side](performance-peers.svg)\n"
    rows = []
    for name in part.names():
        small, large = part.small(name), part.one(name)
        rows.append(
            (
                f"**{name}**" if name == OURS else name,
                *(f"{case.rate:,.0f} ({case.spread:.0%})" for case in (small, large)),
                f"{steady_rate(small, large):,.0f}",
                f"{large.cpu / large.rows * 1e6:,.1f} µs",
                _memory(large),
            )
        )
    small, large = part.small(OURS), part.one(OURS)
    yield _table(
        (
            "",
            f"{small.rows:,} rows: rows/s (spread)",
            f"{large.rows:,} rows: rows/s (spread)",
            "steady: rows/s",
            "CPU a row",
            "peak MiB",
        ),
        rows,
    )
    yield from _left_out(part)


def _distant(part: Part) -> Iterator[str]:
    yield "## A distant server\n"
    yield _DISTANT.format(latency=distant.LATENCY, flight=distant.IN_FLIGHT)
    limit = distant.limit(part.one(OURS).rows)
    yield _table(
        ("", "rows", "seconds (spread)", "rows/s", "peak MiB"),
        [
            ("arithmetic limit", f"{part.one(OURS).rows:,}", f"{limit:,.2f}", "64,000", ""),
            *((case.name, f"{case.rows:,}", _seconds(case), f"{case.rate:,.0f}", _memory(case)) for case in part.cases),
        ],
    )
    yield from _left_out(part)


def _pace(part: Part) -> Iterator[str]:
    yield "## `--concurrency auto`\n"
    yield _PACE
    numbers = [*map(str, pace.FIXED), pace.AUTO]
    yield _table(
        ("", *numbers, "auto: answered 429"),
        [
            (
                kind,
                *(_came_through(part.one(f"{kind} {number}")) for number in numbers),
                said(part.one(f"{kind} {pace.AUTO}").fact("refused_share"), "%"),
            )
            for kind in pace.KINDS
        ],
    )


def _came_through(case: Case) -> str:
    return f"{case.fact('rate'):,.0f}" if case.fact("rate") else "gave up"


def _growth(part: Part) -> Iterator[str]:
    yield "## Growth\n"
    yield _GROWTH
    yield _cases(part.cases)


def _workbooks(part: Part) -> Iterator[str]:
    yield "## Workbooks\n"
    yield "xlsx, every cell text, written by XlsxWriter; the results are CSV.\n"
    yield _cases(part.cases)


def _beginning(part: Part) -> Iterator[str]:
    yield "## Before anything is done\n"
    yield _table(
        ("", "seconds (spread)", "peak MiB"),
        [(case.name, _seconds(case), _memory(case)) for case in part.cases],
    )


def _shares(part: Part) -> Iterator[str]:
    case = part.one(OURS)
    total = sum(map(case.fact, case.samples[0].facts))
    yield f"## Where the time goes\n\n{_SHARES}"
    yield _table(
        ("part", f"CPU seconds, {case.rows:,} rows", "µs a row", "share"),
        [
            (name, f"{seconds:,.2f}", f"{seconds / case.rows * 1e6:,.1f}", f"{seconds / total:.0%}")
            for name in case.samples[0].facts
            for seconds in [case.fact(name)]
        ],
    )


def _bad_input(part: Part) -> Iterator[str]:
    yield f"## Bad input\n\n{_BAD}"
    yield _table(
        ("", "rows", "seconds (spread)", "µs a row", "peak MiB"),
        [
            (case.name, f"{case.rows:,}", _seconds(case), f"{case.wall / case.rows * 1e6:,.1f}", _memory(case))
            for case in part.cases
        ],
    )
    yield from _left_out(part)


_PARTS = {
    "side-by-side": _side_by_side,
    "distant": _distant,
    "pace": _pace,
    "growth": _growth,
    "workbooks": _workbooks,
    "beginning": _beginning,
    "shares": _shares,
    "bad-input": _bad_input,
}


# --- pieces -----------------------------------------------------------------------------------------


def _cases(cases: Iterable[Case]) -> str:
    return _table(
        ("rows", "seconds (spread)", "rows/s", "CPU a row", "peak MiB"),
        [
            (
                f"{case.rows:,}",
                _seconds(case),
                f"{case.rate:,.0f}",
                f"{case.cpu / case.rows * 1e6:,.1f} µs",
                _memory(case),
            )
            for case in cases
        ],
    )


def _seconds(case: Case) -> str:
    return f"{case.wall:,.2f} ({case.spread:.0%})"


def _memory(case: Case) -> str:
    """The process's own, and what each further process adds."""
    return " + ".join(f"{peak:,.0f}" for peak in (case.peak, *case.workers))


def _left_out(part: Part) -> Iterator[str]:
    if part.skipped:
        yield "Left out: " + "; ".join(part.skipped) + ".\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
