"""Laws over generated lead files, each loaded as a whole run over a real socket.

The generator writes the text itself, so that what it expects owes nothing to the reader under test.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings as rules, strategies as st
from msgspec import Struct

from etl.orders import Order
from etl.profile import GUESSED
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import Fault, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]

HEADER = ["Lead ID", "Phone", "Note", "Other"]
NOTES = st.text(st.sampled_from("ab é漢😀 \u00a0,;|\t\"'=+-@0123\n\r"), max_size=12)
KINDS = ["good"] * 5 + [
    "bad",
    "missing",
    "repeat",
    "no id",
    "short",
    "long",
    "blank",
    "white",
    "commas",
    "header",
]
NO_ROWS = {"blank": [""], "white": ["  "], "commas": ["", " ", "", ""], "header": HEADER}

quick = rules(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Record(Struct, frozen=True):
    """One record as it stands in the file: its cells, and the status that is due to it (None: no row)."""

    cells: list[str]
    status: str | None
    extra: str = ""


class File(Struct, frozen=True):
    """A generated lead file."""

    text: str
    rows: list[Record]
    lines: list[int]
    left_out: int


@st.composite
def lead_files(draw: st.DrawFn) -> File:
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=25))
    records = _records(draw, ["good", *kinds])
    text = delimiter.join(HEADER) + end
    rows, lines, left_out = [], [], 0
    for record in records:
        line = 1 + text.count("\n") + text.replace("\r\n", "").count("\r")
        text += delimiter.join(_quoted(draw, cell, delimiter) for cell in record.cells) + end
        if record.status is None:
            left_out += 1
        else:
            rows.append(record)
            lines.append(line)
    if draw(st.booleans()) and records[-1].cells != [""]:  # a last line without an end
        text = text.removesuffix(end)
    return File(text, rows, lines, left_out)


def _records(draw: st.DrawFn, kinds: list[str]) -> list[Record]:
    records = []
    claimed: set[str] = set()
    for at, kind in enumerate(kinds):
        external_id = {"repeat": f"L{draw(st.integers(0, at))}", "no id": ""}.get(kind, f"L{at}")
        phone = {"bad": "call me", "missing": ""}.get(kind, f"+44 20 7946 {at:04}")
        cells = [external_id, phone, draw(NOTES), draw(NOTES)]
        if kind in NO_ROWS:
            records.append(Record(NO_ROWS[kind], None))
        elif kind == "short":
            records.append(Record(cells[:3], "invalid", "(1 field missing)"))
        elif kind == "long":
            records.append(Record([*cells, "x", "y"], "invalid", "x | y"))
        elif kind in {"bad", "missing"}:
            records.append(Record(cells, "invalid"))
        else:
            key = external_id or phone
            records.append(Record(cells, "duplicate" if key in claimed else "created"))
            claimed.add(key)
    return records


def _quoted(draw: st.DrawFn, cell: str, delimiter: str) -> str:
    """The cell as RFC 4180 writes it; quotes where they are needed, and sometimes where they are not."""
    needed = any(mark in cell for mark in f'{delimiter}"\r\n')
    if needed or (cell.strip() and draw(st.booleans())):
        doubled = cell.replace('"', '""')
        return f'"{doubled}"'
    return cell


async def _load(runner: Runner, path: Path | str, campaign: str) -> RunReport:
    return await runner.load(Order(input=str(path), profile=GUESSED, campaign=campaign))


def load(settings: Settings, path: Path | str, campaign: str) -> RunReport:
    return asyncio.run(_load(Runner(settings), path, campaign))


def bodies(simulator: Simulator, campaign: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in each.items() if name not in {"id", "modificationDate"}}
        for each in simulator.customers(campaign)
    ]


def clean(folder: Path) -> None:
    """Leave nothing of the example before: no files, and no runs to pass over."""
    for path in folder.iterdir():
        path.unlink()
    shutil.rmtree(folder.with_name("state"), ignore_errors=True)


def test_each_row_comes_out_once_in_order_with_its_own_cells_and_line(
    own_place: Path,
    serve: Callable[..., Simulator],
    settings_for: Callable[..., Settings],
    answers_in: Answers,
) -> None:
    simulator = serve()
    settings = settings_for(simulator.base_url, batch_size=3)
    ordinal = itertools.count()

    @quick
    @given(file=lead_files())
    def law(file: File) -> None:
        clean(own_place)
        path = own_place / "leads.csv"
        path.write_text(file.text, encoding="utf-8", newline="")
        campaign = simulator.add_campaign(f"Campaign {next(ordinal)}")
        report = load(settings, path, campaign)
        answers = answers_in(report.results)
        assert report.rows == len(file.rows) == sum(report.counts.values()) == len(answers)
        assert report.balanced
        assert sum(left.count for left in report.left_out) == file.left_out
        assert [answer["obi_row"] for answer in answers] == [str(at) for at in range(1, len(answers) + 1)]
        assert [int(answer["obi_line"]) for answer in answers] == file.lines
        for answer, record in zip(answers, file.rows, strict=True):
            assert answer["obi_status"] == record.status
            assert answer["obi_extra"] == record.extra
            assert [answer[name] for name in HEADER] == (record.cells + [""] * 4)[:4]
        created = [answer["obi_external_id"] for answer in answers if answer["obi_status"] == "created"]
        assert sorted(created) == sorted(each["externalId"] for each in simulator.customers(campaign))

    law()


def test_the_results_of_any_file_load_with_the_customers_of_their_source(
    own_place: Path,
    serve: Callable[..., Simulator],
    settings_for: Callable[..., Settings],
    answers_in: Answers,
) -> None:
    simulator = serve()
    settings = settings_for(simulator.base_url, batch_size=4)
    ordinal = itertools.count()

    @quick
    @given(file=lead_files())
    def law(file: File) -> None:
        clean(own_place)
        path = own_place / "leads.csv"
        path.write_text(file.text, encoding="utf-8", newline="")
        first, second = (simulator.add_campaign(f"Campaign {next(ordinal)}") for _ in range(2))
        report = load(settings, path, first)
        again = load(settings, report.results, second)
        assert again.counts == report.counts
        order = [each["externalId"] for each in bodies(simulator, first)]
        assert sorted(bodies(simulator, second), key=lambda each: order.index(each["externalId"])) == bodies(
            simulator, first
        )
        answers = [answer["obi_status"] for answer in answers_in(again.results)]
        assert answers == [record.status for record in file.rows]

    law()


def test_any_mix_of_faults_leaves_the_campaign_and_the_answers_in_agreement(
    own_place: Path,
    serve: Callable[..., Simulator],
    settings_for: Callable[..., Settings],
    answers_in: Answers,
) -> None:
    simulator = serve()
    ordinal = itertools.count()
    modes = st.sampled_from(
        ["503", "504_after_commit", "reset_after_partial_commit", "429_bare", "item_500", "item_200",
         "short_array", "truncated_json", "401", "413_above", "400_above", "id_missing"]
    )  # fmt: skip
    numbered = st.lists(st.tuples(modes, st.integers(1, 12)), max_size=8, unique_by=lambda each: each[1])

    @quick
    @given(file=lead_files(), faults=numbered, size=st.integers(1, 6), flying=st.sampled_from([1, 4]))
    def law(file: File, faults: list[tuple[str, int]], size: int, flying: int) -> None:
        clean(own_place)
        path = own_place / "leads.csv"
        path.write_text(file.text, encoding="utf-8", newline="")
        campaign = simulator.add_campaign(f"Campaign {next(ordinal)}")
        simulator.clear_faults()
        for mode, nth in faults:
            params = {"items": 1} if mode.endswith(("_above", "partial_commit")) else {}
            simulator.add_fault(Fault(mode=mode, nth=nth, path=f"{campaign}/customers/list", params=params))
        settings = settings_for(simulator.base_url, batch_size=size, concurrency=flying)
        report = load(settings, path, campaign)
        if "resume" in report.next:
            simulator.clear_faults()
            resumed = asyncio.run(Runner(settings).resume(report.run))
            assert resumed is not None
            report = resumed
        held = {each["externalId"]: each["id"] for each in simulator.customers(campaign)}
        answers = answers_in(report.results)
        assert [answer["obi_status"] for answer in answers] == [record.status for record in file.rows]
        told = {a["obi_external_id"]: a["obi_id"] for a in answers if a["obi_status"] == "created"}
        assert told == held
        assert report.balanced

    law()
