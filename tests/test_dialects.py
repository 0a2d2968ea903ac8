"""Servers read the interface's document differently: a load ends in true answers whichever way they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from etl.orders import Order
from etl.profile import GUESSED
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Dialect, Fault, Simulator
from etl.simulator.customers import draft

POSTS = "/customers/list"
YESTERDAY = "2026-01-02T03:04:05.678Z"
HEADER = "Lead ID,Phone,Name,Score"

DIALECTS = {
    "as in the document": Dialect(),
    "unique in the system": Dialect(unique="system"),
    "ids without case": Dialect(ids_ignore_case=True),
    "ids without case in the system": Dialect(unique="system", ids_ignore_case=True),
    "no copy of a duplicate": Dialect(duplicates="none"),
    "bare attributes": Dialect(attributes="bare"),
    "single attributes": Dialect(attributes="single"),
    "German": Dialect(language="de"),
    "Finnish": Dialect(language="fi", attributes="single", unique="system"),
}
FAULTS: dict[str, list[Fault]] = {
    "no fault": [],
    "lost answers": [Fault(mode="504_after_commit", path=POSTS, every=2)],
    "half a batch": [Fault(mode="reset_after_partial_commit", path=POSTS, every=3)],
    "nothing lands at first": [Fault(mode="503", path=POSTS, nth=[1, 2])],
}


def lead(row: int, external_id: str = "") -> str:
    return f"{external_id or f'L{row:03}'},+44 20 7946 {row:04},Name {row},{'007' if row % 2 else ''}"


def put(simulator: Simulator, campaign: str, *rows: int) -> None:
    """Customers of an earlier day, with the very content of these rows."""
    drafts = [
        draft(
            {
                "externalId": f"L{row:03}",
                "numbers": f"+44207946{row:04}",
                "attributes": {"attribute": [{"name": "Name", "value": f"Name {row}"}]},
            },
            now=YESTERDAY,
            dialect=Dialect(),
        )
        for row in rows
    ]
    simulator._service.store.insert(campaign, drafts)


@pytest.mark.parametrize("media_type", ["json", "xml"])
@pytest.mark.parametrize("faults", FAULTS, ids=str)
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
async def test_every_row_has_its_true_answer_in_every_dialect(
    dialect: str,
    faults: str,
    media_type: Literal["json", "xml"],
    own_place: Path,
    settings_for: Callable[..., Settings],
    answers_in: Callable[[Path], list[dict[str, str]]],
) -> None:
    ways = DIALECTS[dialect]
    rows = [lead(row) for row in range(1, 25)]
    rows[11] = lead(12, "l003")  # differs from row 3 in case only
    rows[19] = lead(20, "L019")  # repeats row 19
    leads = own_place / "leads.csv"
    leads.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    async with Simulator(dialect=ways, faults=FAULTS[faults]) as simulator:
        put(simulator, PREVIEW_CAMPAIGN, 5, 17)
        put(simulator, simulator.add_campaign("Elsewhere"), 8)
        settings = settings_for(
            simulator.base_url, batch_size=5, concurrency=3, media_type=media_type, doubt_seconds=0
        )
        order = Order(input=str(leads), profile=GUESSED, campaign=PREVIEW_CAMPAIGN)
        report = await Runner(settings).load(order)

        expected: dict[int, Any] = dict.fromkeys(range(1, 25), "created")
        expected |= {5: "exists", 17: "exists", 20: "duplicate"}
        if ways.unique == "system":
            expected[8] = "rejected"
        answers = answers_in(own_place / "leads.results.csv")
        said = {row: answer["obi_status"] for row, answer in enumerate(answers, 1)}
        if ways.ids_ignore_case:
            # Which of the two came first at the server is nobody's choice.
            assert sorted([said.pop(3), said.pop(12)]) == ["created", "rejected"]
            del expected[3], expected[12]
        assert said == expected
        assert report.balanced

        held = {each["externalId"]: each for each in simulator.customers(PREVIEW_CAMPAIGN)}
        assert len(held) == simulator.count(PREVIEW_CAMPAIGN)
        for answer in answers:
            if answer["obi_status"] == "created":
                there = held[answer["Lead ID"]]
                attributes = {each["name"]: each["value"] for each in there["attributes"]["attribute"]}
                assert answer["obi_id"] == there["id"]
                assert attributes["Name"] == answer["Name"]
                assert attributes.get("Score", "") == answer["Score"]
