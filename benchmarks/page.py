"""``docs/performance.md``: the words of ``page.template.md``, and the figures as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from string import Template

from benchmarks.bench import ALONE, OURS
from benchmarks.figures import Figures, Part
from benchmarks.goals import Verdict, judge, said, steady_rate
from benchmarks.measure import Case
from benchmarks.parts import bad_input, distant, pace
from benchmarks.plots import draw

TEMPLATE = Path(__file__).with_name("page.template.md")


def write_page(figures: Figures, folder: Path) -> None:
    """Write the page and its plots."""
    draw(figures, folder)
    (folder / "performance.md").write_text(page(figures), encoding="utf-8")


def page(figures: Figures) -> str:
    """The page as Markdown."""
    verdicts = judge(figures)
    tables = {name.replace("-", "_"): _part(figures, name) for name in _TABLES}
    words = Template(TEMPLATE.read_text(encoding="utf-8"))
    text = words.substitute(
        tables,
        warning=_warning(figures),
        goals=_goals(verdicts),
        short=_short_of(verdicts),
        machine=_table(("", ""), [*figures.machine.items(), *_days(figures)]),
    )
    return text.rstrip() + "\n"


def _warning(figures: Figures) -> str:
    lesser = sorted({part.form for part in figures.parts.values()} - {"full"})
    note = f" {figures.note}" if figures.note else ""
    if not lesser:
        return f"{note.strip()}\n" if note else ""
    forms = " and ".join(lesser)
    return f"**Measured in the {forms} form, at smaller sizes than the goals are set for.{note}**\n"


def _goals(verdicts: Sequence[Verdict]) -> str:
    marks = {True: "yes", False: "**no**", None: "?"}
    return _table(
        ("goal", "wanted", "measured", "reached"),
        [(each.what, each.wanted, each.measured, marks[each.reached]) for each in verdicts],
    )


def _short_of(verdicts: Sequence[Verdict]) -> str:
    missed = [each for each in verdicts if each.reached is False]
    return (
        "".join(f"- {each.what} ({each.measured}): {each.goal.reason}.\n" for each in missed) or "Nothing.\n"
    )


def _days(figures: Figures) -> list[tuple[str, str]]:
    return [(f"measured: {name}", f"{part.day}, {part.form} form") for name, part in figures.parts.items()]


# --- parts ------------------------------------------------------------------------------------------


def _part(figures: Figures, name: str) -> str:
    part = figures.parts.get(name)
    if part is None:
        return "Not measured yet.\n"
    left_out = f"\nLeft out: {'; '.join(part.skipped)}.\n" if part.skipped else ""
    return _TABLES[name](part) + left_out


def _side_by_side(part: Part) -> str:
    rows = []
    for name in part.names():
        small, large = part.small(name), part.one(name)
        rows.append(
            (
                f"**{name}**" if name in {OURS, ALONE} else name,
                *(f"{case.rate:,.0f} ({case.spread:.0%})" for case in (small, large)),
                f"{steady_rate(small, large):,.0f}",
                _per_row(large.cpu, large),
                _memory(large),
            )
        )
    sizes = [f"{case.rows:,} rows: rows/s (spread)" for case in part.sizes(OURS)]
    return _table(("", *sizes, "steady: rows/s", "CPU a row", "MiB"), rows)


def _distant(part: Part) -> str:
    limit = distant.limit(part.one(OURS).rows)
    rate = part.one(OURS).rows / limit
    return _table(
        ("", "rows", "seconds (spread)", "rows/s", "MiB"),
        [
            ("arithmetic limit", f"{part.one(OURS).rows:,}", f"{limit:,.2f}", f"{rate:,.0f}", ""),
            *(
                (case.name, f"{case.rows:,}", _seconds(case), f"{case.rate:,.0f}", _memory(case))
                for case in part.cases
            ),
        ],
    )


def _pace(part: Part) -> str:
    numbers = [*map(str, pace.FIXED), pace.AUTO]
    return _table(
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


def _sizes(part: Part) -> str:
    return _table(
        ("rows", "seconds (spread)", "rows/s", "CPU a row", "MiB"),
        [
            (f"{case.rows:,}", _seconds(case), f"{case.rate:,.0f}", _per_row(case.cpu, case), _memory(case))
            for case in part.cases
        ],
    )


def _beginning(part: Part) -> str:
    rows = [(case.name, _seconds(case), _memory(case)) for case in part.cases]
    return _table(("", "seconds (spread)", "MiB"), rows)


def _shares(part: Part) -> str:
    case = part.one(OURS)
    parts = {name: case.fact(name) for name in case.samples[0].facts}
    total = sum(parts.values())
    return _table(
        ("part", f"CPU seconds, {case.rows:,} rows", "a row", "share"),
        [
            (name, f"{seconds:,.2f}", _per_row(seconds, case), f"{seconds / total:.0%}")
            for name, seconds in parts.items()
        ],
    )


def _bad_input(part: Part) -> str:
    return _table(
        ("", "rows", "cells", "seconds (spread)", "a row", "MiB"),
        [
            (
                case.name,
                f"{case.rows:,}",
                f"{bad_input.cells(case):,}",
                _seconds(case),
                _per_row(case.wall, case),
                _memory(case),
            )
            for case in part.cases
        ],
    )


_TABLES: Mapping[str, Callable[[Part], str]] = {
    "side-by-side": _side_by_side,
    "distant": _distant,
    "pace": _pace,
    "growth": _sizes,
    "workbooks": _sizes,
    "beginning": _beginning,
    "shares": _shares,
    "bad-input": _bad_input,
}


# --- pieces -----------------------------------------------------------------------------------------


def _seconds(case: Case) -> str:
    return f"{case.wall:,.2f} ({case.spread:.0%})"


def _per_row(seconds: float, case: Case) -> str:
    return f"{seconds / case.rows * 1e6:,.1f} µs"


def _memory(case: Case) -> str:
    """The process's own, and what each further process adds."""
    return " + ".join(f"{peak:,.0f}" for peak in (case.peak, *case.workers))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))
