"""The picture of figures: whole or not there, in the place of nothing else, and good for any name."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring

from etl.errors import DiskFullError, OutputError
from etl.figures import DayFigures, StatsReport
from etl.obi.models import Campaign, CustomerResultStatistics, Statistics
from etl.pictures import check_picture, draw, outcomes
from etl.simulator import Simulator

Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]

needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib: pip install 'obi-import[plot]'"
)
SPRING = "0B5F41959B1D446FA277B4784167EC2F"


def report(*, name: str = "Spring", days: int = 14, results: int = 3, total: int = 500) -> StatsReport:
    first = date(2027, 4, 1)
    words = ["SUCCESS", "REFUSAL", "NOANSWER", *(f"RESULT_{at}" for at in range(30))]
    return StatsReport(
        first=first.isoformat(),
        last=(first + timedelta(days=days - 1)).isoformat(),
        campaign=Campaign(id=SPRING, name=name, total=total),
        results=tuple(
            CustomerResultStatistics(result=word, count=100 - at) for at, word in enumerate(words[:results])
        ),
        days=tuple(
            DayFigures(
                (first + timedelta(days=at)).isoformat(),
                Statistics(
                    number_of_calls=100 + at, number_of_successful_calls=40, number_of_refusal_calls=at % 20
                ),
            )
            for at in range(days)
        ),
    )


def texts(path: Path) -> str:
    return " ".join("".join(fromstring(path.read_bytes()).itertext()).split())


# --- what it shows ----------------------------------------------------------------------------------


def test_a_campaigns_customers_are_counted_by_result_and_those_without_one_are_last() -> None:
    title, counts = outcomes(report(total=500))
    assert title == "Customers by result"
    assert counts == {"SUCCESS": 100, "REFUSAL": 99, "NOANSWER": 98, "no result yet": 203}


def test_many_results_are_ten_and_the_others_together() -> None:
    _, counts = outcomes(report(results=33, total=0))
    assert len(counts) == 11
    assert "23 others" in counts
    assert sum(counts.values()) == sum(100 - at for at in range(33))


def test_all_campaigns_calls_are_counted_by_outcome_and_sum_up() -> None:
    figures = Statistics(
        number_of_calls=50, number_of_successful_calls=12, number_of_refusal_calls=4, number_of_hangup_calls=3
    )
    _, counts = outcomes(StatsReport(first="2027-04-01", last="2027-04-01", span=figures))
    assert counts == {"no answer, busy, other": 35, "success": 8, "refusal": 4, "hang-up": 3}


@needs_matplotlib
def test_a_picture_has_the_name_the_counts_and_the_days_as_text(tmp_path: Path) -> None:
    path = tmp_path / "spring.svg"
    draw(report(name="Spring $1 < $2 & Co"), path)
    shown = texts(path)
    for text in (
        "Spring $1 < $2 & Co",
        "Customers by result",
        "100 (20.0%)",
        "Calls by day",
        "14 Apr",
        "2027-04-01 to 2027-04-14",
    ):
        assert text in shown


@needs_matplotlib
def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        draw(report(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@needs_matplotlib
@pytest.mark.parametrize(
    "figures",
    [
        StatsReport(first="2027-04-01", last="2027-04-01"),
        report(days=1, results=0, total=0),
        report(days=366, results=33, total=10_000_000),
        report(name="春のキャンペーン 🌸 " * 10),
        report(name=""),
    ],
    ids=["nothing", "one day", "a year", "no such letters", "no name"],
)
def test_any_figures_can_be_drawn(figures: StatsReport, tmp_path: Path) -> None:
    for name in ("any.svg", "any.png"):
        draw(figures, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000


# --- where it goes ----------------------------------------------------------------------------------


@needs_matplotlib
def test_an_earlier_picture_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("spring.svg", "spring.png"):
        path = tmp_path / name
        draw(report(), path)
        before = path.read_bytes()
        draw(report(days=3), path)
        assert path.read_bytes() != before
        path.write_bytes(b"<svg>mine</svg>")
        with pytest.raises(OutputError, match="no picture of ours"):
            draw(report(), path)
        assert path.read_bytes() == b"<svg>mine</svg>"


@needs_matplotlib
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder"):
        check_picture(tmp_path / "none" / "a.svg")
    (tmp_path / "a.svg").mkdir()
    with pytest.raises(OutputError, match="name another place"):
        check_picture(tmp_path / "a.svg")
    check_picture(tmp_path / "b.SVG")


def test_an_ending_that_is_no_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.svg, \.png"):
        check_picture(tmp_path / "a.pdf")


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("etl.pictures.importlib.util.find_spec", lambda _name: None)
    with pytest.raises(OutputError, match=r"pip install 'obi-import\[plot\]'"):
        check_picture(tmp_path / "a.svg")


@needs_matplotlib
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_the_earlier_picture_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spring.svg"
    draw(report(), path)
    before = path.read_bytes()

    true = Path.open
    monkeypatch.setattr(
        "etl.pictures.Path.open",
        lambda path, mode="r": true(Path("/dev/full"), "wb") if mode == "xb" else true(path, mode),
    )
    with pytest.raises(DiskFullError, match="No space is left"):
        draw(report(days=3), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["spring.svg"]


# --- the command ------------------------------------------------------------------------------------


@needs_matplotlib
def test_the_command_draws_what_it_shows(serve: Serve, own_place: Path, obi: Obi) -> None:
    simulator = serve()
    people = [{"numbers": f"02154{at:05}"} for at in range(30)]
    simulator.seed({"campaigns": [{"name": "Spring", "customers": people}]})
    simulator.dial(hours=8)
    where = ("--base-url", simulator.base_url)
    code, out, err = obi("stats", "Spring", "--by", "agent", "--plot", "spring.svg", *where)
    assert (code, err) == (0, "Picture: spring.svg\n")
    assert "By agent" in out
    assert "SUCCESS" in texts(own_place / "spring.svg")
    assert obi("stats", "--plot", "all.png", "--csv", *where)[0] == 0
    assert (own_place / "all.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_asks_nothing(serve: Serve, own_place: Path, obi: Obi) -> None:
    simulator = serve()
    code, _, err = obi("stats", "--plot", "a.pdf", "--base-url", simulator.base_url)
    assert code == 3
    assert ".svg, .png" in err
    assert simulator.requests == []
