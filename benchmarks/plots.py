"""The plots of the page, as SVG whose text stays text."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.bench import ALONE, OURS
from benchmarks.figures import Figures, Part

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "obi-import",  # the same figures give the same file
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
}
_OURS, _THEIRS = "#1f77b4", "#b0b0b0"


def draw(figures: Figures, folder: Path) -> None:
    """Draw what there are figures for; where matplotlib is not installed, the plots stay as they are."""
    if find_spec("matplotlib") is None:
        return
    from matplotlib import use  # noqa: PLC0415  -- half a second that measuring need not pay

    use("agg")
    if part := figures.parts.get("growth"):
        _draw_growth(part, folder / "performance-growth.svg")
    if part := figures.parts.get("side-by-side"):
        _draw_peers(part, folder / "performance-peers.svg")


def _draw_growth(part: Part, path: Path) -> None:
    cases = part.sizes(OURS)
    rows = [case.rows for case in cases]
    from matplotlib.ticker import EngFormatter  # noqa: PLC0415  -- as in draw

    figure, (time, memory) = _axes(columns=2)
    time.loglog(rows, [case.wall for case in cases], "o-", color=_OURS)
    time.set(title="seconds, whole process", xlabel="rows")
    time.yaxis.set_major_formatter("{x:g}")
    memory.semilogx(rows, [case.peak for case in cases], "o-", color=_OURS)
    memory.set(title="peak MiB of the process", xlabel="rows", ylim=(0, None))
    for axis in (time, memory):
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))  # 10k, 1M
    _save(figure, path)


def _draw_peers(part: Part, path: Path) -> None:
    names = [name for name in reversed(part.names()) if name != "floor"]
    figure, axis = _axes(columns=1)
    colours = [_OURS if name in {ALONE, OURS} else _THEIRS for name in names]
    bars = axis.barh(names, [part.one(name).rate for name in names], color=colours)
    axis.bar_label(bars, fmt="{:,.0f}", padding=3)
    axis.set(title=f"rows a second, {part.one(OURS).rows:,} rows, whole process")
    axis.grid(axis="y", visible=False)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.margins(x=0.1)
    _save(figure, path)


def _axes(*, columns: int) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt  # noqa: PLC0415  -- as in draw

    plt.rcParams.update(_STYLE)
    figure, axes = plt.subplots(1, columns, figsize=(9, 3.2), layout="constrained")
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    # No date, and no word of who made it: only what was measured changes the file.
    figure.savefig(path, metadata={"Date": None, "Creator": None})
