"""A results or rejects file loads with the very customers of its source."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from etl.orders import Order
from etl.outputs import table
from etl.profile import GUESSED, Profile
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
HEADER = ["Lead ID", "Phone", "Mobile", "Priority", "Time Zone", "Date", "Note", "+Plus", "Note"]
ROWS = [
    ["A1", "020 7946 0001", "", "5", "Europe/London", "2027-04-03T10:00:00", "=1+1", "-x", "two"],
    ["=A2", "+442079460002", "", "", "", "", "+44 is a code", "@home", ""],
    ["007", "02079460003", "0121 496 0003", "0", "", "", "'quoted'", "''twice", "''=odd"],
    ["", "020 7946 0004", "", "", "", "", 'a, "b"\nand more', "＝wide", "'"],
    ["-A5", "020 7946 0005", "", "", "", "", "  padded  ", "\tx", "'='"],
    ["TRUE", "020 7946 0006", "", "", "", "", "1e5", "NA", "nan"],
]  # fmt: skip


async def load(settings: Settings, path: Path | str, campaign: str, profile: Profile = BRITISH) -> RunReport:
    return await Runner(settings).load(Order(input=str(path), profile=profile, campaign=campaign))


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def bodies(simulator: Simulator, campaign: str) -> list[dict[str, Any]]:
    """The customers as they were sent, without what the server adds to each."""
    return [
        {name: value for name, value in each.items() if name not in {"id", "modificationDate"}}
        for each in simulator.customers(campaign)
    ]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_a_results_file_loads_with_the_customers_of_its_source(
    ending: str, plain: bool, own_place: Path, settings_for: MakeSettings
) -> None:
    # A plain CSV has no prefix, and nothing that says so: an apostrophe of the source's own is lost there.
    rows = [[cell.lstrip("'") for cell in row] for row in ROWS] if plain else ROWS
    source = write(own_place / "leads.csv", [HEADER, *rows])
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url, plain=plain)
        order = Order(
            input=str(source),
            profile=BRITISH,
            campaign=PREVIEW_CAMPAIGN,
            results=str(own_place / f"answers.{ending}"),
        )
        first = await Runner(settings).load(order)
        assert first.counts == {"created": len(ROWS)}
        other = simulator.add_campaign("Other")
        second = await load(settings, first.results, other)
        assert second.counts == {"created": len(ROWS)}
        assert bodies(simulator, other) == bodies(simulator, PREVIEW_CAMPAIGN)


async def test_results_of_results_of_results_are_still_the_source(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    path = str(write(own_place / "leads.csv", [HEADER, *ROWS]))
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        for generation in range(4):
            campaign = simulator.add_campaign(f"Generation {generation}")
            path = (await load(settings, path, campaign)).results
            assert bodies(simulator, campaign)[0]["externalId"] == "A1"
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert [name.removeprefix("'") for name in header[: len(HEADER)]] == HEADER
    assert header.count("obi_row") == 1
    unprefixed = [
        [cell[1:] if cell[:1] == "'" and cell[1:2] in set("=+-@\t'＝") else cell for cell in row]
        for row in rows
    ]
    assert [row[: len(HEADER)] for row in unprefixed] == ROWS


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_rejects_that_are_corrected_load_with_the_customers_that_the_source_should_have_made(
    ending: str, own_place: Path, settings_for: MakeSettings
) -> None:
    spoilt = [[row[0], "nonsense", *row[2:]] if at in {1, 3, 4} else row for at, row in enumerate(ROWS)]
    source = write(own_place / "leads.csv", [HEADER, *spoilt])
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        order = Order(
            input=str(source),
            profile=BRITISH,
            campaign=PREVIEW_CAMPAIGN,
            rejects=str(own_place / f"again.{ending}"),
        )
        first = await Runner(settings).load(order)
        assert first.counts == {"created": 3, "invalid": 3}
        correct(Path(first.rejects), [ROWS[at][1] for at in (1, 3, 4)])
        second = await load(settings, first.rejects, PREVIEW_CAMPAIGN)
        assert second.counts == {"created": 3}
        whole = simulator.add_campaign("Whole")
        await load(settings, write(own_place / "right.csv", [HEADER, *ROWS]), whole)
        by_id = {each["externalId"]: each for each in bodies(simulator, whole)}
        assert {each["externalId"]: each for each in bodies(simulator, PREVIEW_CAMPAIGN)} == by_id


def correct(path: Path, phones: Sequence[str]) -> None:
    """Put the phones into the second column, as a person would."""
    if path.suffix == ".xlsx":
        import openpyxl  # noqa: PLC0415  -- only here

        book = openpyxl.load_workbook(path)
        sheet = book.active
        assert sheet is not None
        for at, phone in enumerate(phones, 2):
            sheet.cell(at, 2).value = phone
        book.save(path)
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    fixed = [[row[0], phone, *row[2:]] for row, phone in zip(rows, phones, strict=True)]
    write(path, [header, *fixed])


async def test_a_ragged_row_is_no_customer_when_it_comes_back_in_a_results_file(
    own_place: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    source = write(own_place / "leads.csv", [HEADER, ROWS[0], [*ROWS[2], "beyond"], ROWS[5][:4]])
    async with Simulator() as simulator:
        settings = settings_for(simulator.base_url)
        first = await load(settings, source, PREVIEW_CAMPAIGN)
        assert first.counts == {"created": 1, "invalid": 2}
        second = await load(settings, first.results, PREVIEW_CAMPAIGN)
        assert second.counts == {"exists": 1, "invalid": 2}
        third = await load(settings, second.rejects, PREVIEW_CAMPAIGN)
        assert third.counts == {"invalid": 2}
        assert [row["obi_extra"] for row in answers_in(third.results)] == ["beyond", "(5 fields missing)"]


def test_a_table_keeps_its_own_prefix_apart_from_the_sources(tmp_path: Path, answers_in: Answers) -> None:
    cells = ["'=x", "''=x", "=x", "x", "'", "''", "'x"]
    with table(tmp_path / "t.csv", [*"abcdefg"]) as sink:
        sink.write(cells)
    assert [*answers_in(tmp_path / "t.csv")[0].values()] == cells
