"""Figures as a picture, SVG or PNG: customers by result, and calls by day.

The colours are of a palette that stays apart for colour-blind eyes (Okabe and Ito), on white.
"""

from __future__ import annotations

import errno
import importlib.util
import io
import math
import os
import secrets
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from etl.errors import DiskFullError, OutputError
from etl.figures import DayFigures, StatsReport, share, successes
from etl.obi.models import Statistics

ENDINGS = (".svg", ".png")

_MADE_BY = "obi-import"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": _MADE_BY,  # the same figures give the same file
    "text.parse_math": False,  # a dollar in a campaign's name is one
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.edgecolor": "#888888",
    "xtick.color": "#555555",
    "ytick.color": "#333333",
}
_BLUE, _ORANGE, _GREY, _PALE = "#0072B2", "#E69F00", "#8C8C8C", "#D5D5D5"
_COLOURS = {"SUCCESS": _BLUE, "REFUSAL": _ORANGE, "success": _BLUE, "refusal": _ORANGE}
_WAITING = "no result yet"
_MOST_BARS = 10
_MOST_TICKS = 7
_FEWEST_DAYS = 5
_MOST_GAPS = 60
_LONGEST_NAME, _LONGEST_LABEL = 70, 24
_DOTS_PER_INCH = 150


def check_picture(path: Path) -> None:
    """Raise OutputError where no picture can be written to ``path``, or something else stands there."""
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(f"{path} ends in none of {', '.join(ENDINGS)}; choose one of these.")
    if importlib.util.find_spec("matplotlib") is None:
        raise OutputError("Pictures need one more package; run: pip install 'obi-import[plot]'")
    if not path.parent.is_dir():
        raise OutputError(f"The folder of {path} is not there; make it, or name another place.")
    if path.exists() and not _is_ours(path):
        raise OutputError(f"{path} is there already and no picture of ours; name another place.")


def draw(report: StatsReport, path: Path) -> None:
    """Write the picture of a campaign's figures, or of all campaigns', whole or not at all.

    An earlier picture of ours is replaced. Raises OutputError, and DiskFullError where no space is left.
    """
    check_picture(path)
    from matplotlib import rc_context  # noqa: PLC0415  -- an extra, and half a second
    from matplotlib.figure import Figure  # noqa: PLC0415  -- the same
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415  -- the same

    content = io.BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    # No date: only the figures change the file.
    metadata = {"Creator": _MADE_BY, "Date": None} if kind == "svg" else {"Software": _MADE_BY}
    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a script that the font lacks is still a name
        layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12, wspace=0.05)
        figure = Figure(figsize=(10, 4.2), layout=layout, facecolor="white")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
        figure.suptitle(_title(report), x=0.012, ha="left", fontsize=13, fontweight="bold")
        figure.supxlabel(_footnote(report), x=0.012, ha="left", fontsize=9, color="#555555")
        _draw_outcomes(left, report)
        _draw_days(right, report.days)
        figure.savefig(content, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
    _put(content.getvalue(), path)


def outcomes(report: StatsReport) -> tuple[str, dict[str, int]]:
    """What the left half shows, and how often each outcome is there, the most frequent first.

    Of a campaign its customers by result, those without one last; of all campaigns the calls of the days.
    """
    if report.campaign is None:
        return "Calls by outcome", _outcomes_of_calls(report.span or Statistics())
    counts: Counter[str] = Counter()
    for each in report.results:
        counts[each.result or "(none)"] += each.count or 0
    shown = dict(counts.most_common(_MOST_BARS))
    if (others := counts.total() - sum(shown.values())) > 0:
        kinds = len(counts) - len(shown)
        shown[f"{kinds} others" if kinds > 1 else "other"] = others
    if (waiting := (report.campaign.total or 0) - counts.total()) > 0:
        shown[_WAITING] = waiting
    return "Customers by result", shown


def _outcomes_of_calls(figures: Statistics) -> dict[str, int]:
    told = {
        "success": successes(figures),
        "refusal": figures.number_of_refusal_calls,
        "hang-up": figures.number_of_hangup_calls,
        "abandoned": figures.number_of_abandoned_calls,
        "not dialled": figures.number_of_not_dialed_calls,
        "rejected by agent": figures.number_of_reject_calls,
        "skipped": figures.number_of_skip_calls,
    }
    counts = Counter({name: count for name, count in told.items() if count})
    if (others := (figures.number_of_calls or 0) - counts.total()) > 0:
        counts["no answer, busy, other"] = others
    return dict(counts.most_common())


def _title(report: StatsReport) -> str:
    name = report.campaign.name if report.campaign else "All campaigns"
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def _footnote(report: StatsReport) -> str:
    days = f"{report.first} to {report.last}" if report.first != report.last else report.first
    results = "; results are of all time" if report.campaign else ""
    return f"{days}, days are UTC{results}"


def _draw_outcomes(axis: Any, report: StatsReport) -> None:
    title, counts = outcomes(report)
    axis.set_title(title)
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="both", length=0)
    axis.set_xticks([])
    if not counts:
        _say_none(axis)
        return
    whole = sum(counts.values())
    names = list(counts)
    colours = [_PALE if name == _WAITING else _COLOURS.get(name, _GREY) for name in names]
    bars = axis.barh(range(len(names)), list(counts.values()), color=colours, height=0.72)
    axis.set_yticks(range(len(names)), [_shortened(name) for name in names])
    axis.bar_label(
        bars, [f"{count:,}  ({share(count, whole)})" for count in counts.values()], padding=4, color="#333333"
    )
    axis.set_ylim(max(len(names), 4) - 0.4, -0.6)  # the first on top, and few bars no fatter than many
    axis.margins(x=0.32)


def _say_none(axis: Any) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    axis.text(0, 0.9, "none so far", color="#555555", transform=axis.transAxes)


def _draw_days(axis: Any, days: Sequence[DayFigures]) -> None:
    axis.set_title("Calls by day")
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="both", length=0)
    axis.grid(axis="y", color="#E5E5E5", linewidth=0.8)
    axis.set_axisbelow(True)
    places = range(len(days))
    width = 0.78 if len(days) <= _MOST_GAPS else 1.0  # gaps below a pixel would shimmer
    below = [0] * len(days)
    for name, colour, counts in _layers(days):
        axis.bar(places, counts, bottom=below, color=colour, width=width, linewidth=0, label=name)
        below = [lower + count for lower, count in zip(below, counts, strict=True)]
    if not any(below):
        _say_none(axis)
        return
    axis.set_ylim(0, max(below) * 1.05)
    axis.set_xlim(-0.6, max(len(days), _FEWEST_DAYS) - 0.4)  # few bars no fatter than many
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.yaxis.get_major_locator().set_params(integer=True)
    step = max(1, math.ceil(len(days) / _MOST_TICKS))
    ticks = list(places)[::-1][::step][::-1]  # the last day always has its name
    axis.set_xticks(ticks, [f"{(day := date.fromisoformat(days[at].day)).day} {day:%b}" for at in ticks])
    axis.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, fontsize=9,
        handlelength=0.9, handleheight=0.9, handletextpad=0.5, columnspacing=1.1, borderaxespad=0.3,
    )  # fmt: skip


def _layers(days: Sequence[DayFigures]) -> list[tuple[str, str, list[int]]]:
    """The parts of each day's bar from below: name, colour, and a count a day."""
    good = [successes(each.figures) or 0 for each in days]
    refused = [each.figures.number_of_refusal_calls or 0 for each in days]
    calls = [each.figures.number_of_calls or 0 for each in days]
    other = [max(0, every - yes - no) for every, yes, no in zip(calls, good, refused, strict=True)]
    return [("success", _BLUE, good), ("refusal", _ORANGE, refused), ("other", _GREY, other)]


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.is_file() and _MADE_BY.encode() in file.read(4096)
    except OSError:
        return False


def _put(content: bytes, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(f"No space is left for {path}; free some and try again.") from None
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from None
    finally:
        temporary.unlink(missing_ok=True)
