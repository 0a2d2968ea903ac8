"""What the product should reach, and whether it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from benchmarks.bench import ALONE, OURS
from benchmarks.figures import Figures, Part
from benchmarks.measure import Case
from benchmarks.parts import bad_input, distant, pace
from benchmarks.parts.beginning import QUICK
from benchmarks.stopwatch import JOURNAL, PROGRESS, RESULTS

NOT_SEEN = "not looked into: it was reached when last measured at the sizes that the goals are set for"


class Goal(Struct, frozen=True, kw_only=True):
    """One line: of which part, what, and its ``least`` or ``most``; ``figure`` takes it from the part.

    ``what`` may name the part's ``{small}`` and ``{large}`` sizes. ``reason`` is why it is missed, where it
    is: said by whoever looked into it.
    """

    part: str
    what: str
    figure: Callable[[Part], float]
    unit: str = "times"
    least: float | None = None
    most: float | None = None
    reason: str = NOT_SEEN


class Verdict(Struct, frozen=True, kw_only=True):
    """A goal and its figure, None where it was not measured."""

    goal: Goal
    what: str
    figure: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where that is not known."""
        if self.figure is None:
            return None
        if self.goal.least is not None:
            return self.figure >= self.goal.least
        return self.goal.most is not None and self.figure <= self.goal.most

    @property
    def wanted(self) -> str:
        """The goal in words."""
        if self.goal.least is not None:
            return f"at least {said(self.goal.least, self.goal.unit)}"
        return f"at most {said(self.goal.most or 0, self.goal.unit)}"

    @property
    def measured(self) -> str:
        """The figure in words."""
        return "not measured" if self.figure is None else said(self.figure, self.goal.unit)

    @property
    def word(self) -> str:
        """``yes``, ``no`` or ``?``."""
        return {True: "yes", False: "no", None: "?"}[self.reached]


def judge(figures: Figures) -> list[Verdict]:
    """Every goal beside its figure."""
    return [_judged(goal, figures.parts.get(goal.part)) for goal in GOALS]


def _judged(goal: Goal, part: Part | None) -> Verdict:
    if part is None:
        return Verdict(goal=goal, what=goal.what.format(small="100,000", large="1,000,000"), figure=None)
    rows = sorted({case.rows for case in part.cases})
    what = goal.what.format(small=f"{rows[0]:,}", large=f"{rows[-1]:,}")
    try:
        return Verdict(goal=goal, what=what, figure=goal.figure(part))
    except LookupError:
        return Verdict(goal=goal, what=what, figure=None)


def said(figure: float, unit: str) -> str:
    """A figure with its unit, to three digits or so."""
    if unit == "%":
        return f"{figure * 100:.3g} %"
    return f"{figure:,.0f} {unit}" if figure >= 1_000 else f"{figure:.3g} {unit}"


def lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The verdicts as a table of text."""
    cells = [("goal", "wanted", "measured", "reached")]
    cells += [(each.what, each.wanted, each.measured, each.word) for each in verdicts]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


# --- figures ----------------------------------------------------------------------------------------


def _faster_than(peer: str, *, small: bool = False) -> Callable[[Part], float]:
    """By how much ours brings more rows a second than a peer, whole processes."""

    def figure(part: Part) -> float:
        ours, theirs = (part.small if small else part.one)(OURS), (part.small if small else part.one)(peer)
        return ours.rate / theirs.rate

    return figure


def steady_rate(small: Case, large: Case) -> float:
    """Rows a second of what the large file has more than the small one: start-up is in both."""
    return (large.rows - small.rows) / (large.wall - small.wall)


def _steady(part: Part) -> float:
    return steady_rate(part.small(ALONE), part.one(ALONE))


def _over_the_limit(part: Part) -> float:
    ours = part.one(OURS)
    return ours.wall / distant.limit(ours.rows)


def _auto_by_best(kind: str) -> Callable[[Part], float]:
    def figure(part: Part) -> float:
        best = max(part.one(f"{kind} {number}").fact("rate") for number in pace.FIXED)
        return part.one(f"{kind} {pace.AUTO}").fact("rate") / best

    return figure


def _tenfold(part: Part) -> tuple[Case, Case]:
    """The two sizes, one ten times the other, that the goal of growth is about: the largest such."""
    found = part.sizes(OURS)
    pairs = [(few, many) for few in found for many in found if many.rows == 10 * few.rows]
    if not pairs:
        raise LookupError("no two sizes of which one is ten times the other")
    return pairs[-1]


def _time_tenfold(part: Part) -> float:
    few, many = _tenfold(part)
    return many.wall / few.wall


def _memory_tenfold(part: Part) -> float:
    few, many = _tenfold(part)
    return many.peak / few.peak


def _most_memory(part: Part) -> float:
    return max(case.peak for case in part.sizes(OURS))


def _most_memory_alone(part: Part) -> float:
    return max(case.peak for case in part.sizes(ALONE))


def _slowest_quick(part: Part) -> float:
    return max(part.one(name).wall for name in QUICK)


def _pandas_imported(part: Part) -> float:
    return max(part.one(name).fact("pandas") for name in QUICK)


def _keeping_share(part: Part) -> float:
    case = part.one(OURS)
    keeping = sum(case.fact(name) for name in (JOURNAL, RESULTS, PROGRESS))
    return keeping / sum(map(case.fact, case.samples[0].facts))


def _by_clean(name: str, clean: str = bad_input.CLEAN, *, memory: bool = False) -> Callable[[Part], float]:
    """Time by cell, or memory, of a bad file as a multiple of the clean one's."""

    def figure(part: Part) -> float:
        bad, good = part.one(name), part.one(clean)
        if memory:
            return bad.peak / good.peak
        return bad.wall / bad_input.cells(bad) / (good.wall / bad_input.cells(good))

    return figure


def _rate(part: Part) -> float:
    return part.small(OURS).rate


def _peak_of_small(part: Part) -> float:
    return part.small(OURS).peak


def _peak_of_large(part: Part) -> float:
    return part.one(OURS).peak


_STEADY = (
    "the goal comes from a machine on which the sequential script makes 21,500 rows/s, so that the same code "
    "would make half as many more there; and of the 20 µs of a row, journal and results take 5, which the "
    "prototype behind the goal did not keep"
)
_DISTANT = (
    "the first row leaves after 2.5 s (start-up, and a survey of the whole file: nothing is sent of one that "
    "is unsound), and each of the 32 places waits about 9 ms beside the server's 50, for its commit to be on "
    "disk and for its turn"
)
_KEEPING = (
    "all else has become seven times cheaper, and these three stay at 5 µs a row: an outcome on disk 2, a "
    "line of 29 columns of results 3; where a second process writes the results, they take none of the "
    "load's own time"
)
_WORKBOOK = "half of the time is the one pass that parses the sheet's XML, before anything may be sent"
_BAD = "what is wrong with a cell is found by a score of expressions, 10 µs a cell, so that a person is told"


def _bad_goals() -> Iterator[Goal]:
    for name in (bad_input.BAD, bad_input.HUGE, bad_input.WIDE, bad_input.TWICE, bad_input.LISTED):
        clean = bad_input.UNLISTED if name == bad_input.LISTED else bad_input.CLEAN
        for memory in (False, True):
            measure = "memory" if memory else "time by cell" if name == bad_input.WIDE else "time"
            what = f"{name}: {measure} ÷ the clean file's"
            figure = _by_clean(name, clean, memory=memory)
            yield Goal(part="bad-input", what=what, figure=figure, most=2, reason=_BAD)


GOALS: tuple[Goal, ...] = (
    Goal(
        part="side-by-side",
        what="{large} rows, rows/s ÷ the sequential script's",
        figure=_faster_than("sequential"),
        least=4,
    ),
    Goal(
        part="side-by-side",
        what="{small} rows, rows/s ÷ the sequential script's",
        figure=_faster_than("sequential", small=True),
        least=2.5,
    ),
    Goal(part="side-by-side", what="{large} rows, rows/s ÷ dlt's", figure=_faster_than("dlt"), least=8),
    Goal(
        part="side-by-side",
        what="{large} rows, rows/s ÷ singer-sdk's",
        figure=_faster_than("singer-sdk"),
        least=7,
    ),
    Goal(
        part="side-by-side",
        what="steady state in one process, start-up taken off",
        figure=_steady,
        unit="rows/s",
        least=90_000,
        reason=_STEADY,
    ),
    Goal(
        part="distant",
        what="server at 50 ms, 32 in flight, {large} rows: time ÷ the arithmetic limit",
        figure=_over_the_limit,
        most=1.1,
        reason=_DISTANT,
    ),
    Goal(
        part="pace",
        what="server that takes 8 at a time: auto ÷ the best fixed concurrency",
        figure=_auto_by_best("limited"),
        least=0.9,
    ),
    Goal(
        part="pace",
        what="server that takes 8 at a time: answered 429",
        figure=lambda part: part.one(f"limited {pace.AUTO}").fact("refused_share"),
        unit="%",
        most=0.01,
    ),
    Goal(
        part="pace",
        what="server that slows with load: auto ÷ the best fixed concurrency",
        figure=_auto_by_best("crowded"),
        least=0.9,
    ),
    Goal(part="growth", what="ten times the rows: time", figure=_time_tenfold, most=10.5),
    Goal(
        part="growth",
        what="ten times the rows: peak memory",
        figure=_memory_tenfold,
        most=1.1,
    ),
    Goal(
        part="side-by-side",
        what="peak memory of a load in one process, CSV, up to {large} rows",
        figure=_most_memory_alone,
        unit="MiB",
        most=250,
    ),
    Goal(
        part="growth",
        what="peak memory of the process itself, CSV, up to {large} rows",
        figure=_most_memory,
        unit="MiB",
        most=250,
    ),
    Goal(
        part="workbooks",
        what="xlsx, {small} rows",
        figure=_rate,
        unit="rows/s",
        least=30_000,
        reason=_WORKBOOK,
    ),
    Goal(
        part="workbooks", what="xlsx, {small} rows: peak memory", figure=_peak_of_small, unit="MiB", most=450
    ),
    Goal(
        part="workbooks", what="xlsx, {large} rows: peak memory", figure=_peak_of_large, unit="MiB", most=600
    ),
    Goal(
        part="beginning",
        what="`obi --help` and `--version`, the slower",
        figure=_slowest_quick,
        unit="s",
        most=0.15,
    ),
    Goal(
        part="beginning",
        what="modules of pandas that they import",
        figure=_pandas_imported,
        unit="modules",
        most=0,
    ),
    Goal(
        part="beginning",
        what="10 rows, whole `obi load`",
        figure=lambda part: part.one("ten rows").wall,
        unit="s",
        most=1.2,
    ),
    Goal(
        part="shares",
        what="journal, results and progress, of the CPU time",
        figure=_keeping_share,
        unit="%",
        most=0.15,
        reason=_KEEPING,
    ),
    *_bad_goals(),
)
