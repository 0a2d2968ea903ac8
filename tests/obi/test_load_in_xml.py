"""A whole load with every body in XML ends as one in JSON does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from etl.orders import Order
from etl.profile import GUESSED
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Fault, Simulator

ROWS = [
    '007,+442079460101,Zoë & <Co>,"two\nlines",10',
    '7,+442079460102, blanks kept? ,"tab\there",007',
    'x-1,+441214960103,,"a ""quote""",1.0',
    "x-2,+441614960104,田中,-,true",
    "x-3,not a number,Nobody,-,0",
    "x-4,+442079460105,\U0001f600,-,0",
]
MediaType = Literal["json", "xml"]


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    path.write_text("\n".join(["Lead ID,Phone,Name,Note,Score", *ROWS, ""]), encoding="utf-8")
    return path


def held(simulator: Simulator) -> list[tuple[Any, ...]]:
    """What of each customer does not differ from one server to the other."""
    return [
        (each["externalId"], each["numbers"], each["attributes"])
        for each in simulator.customers(PREVIEW_CAMPAIGN)
    ]


@pytest.mark.parametrize("mode", ["", "504_after_commit", "reset_after_commit", "html_200", "truncated_json"])
async def test_a_load_ends_alike_in_both_media_types(
    mode: str,
    leads: Path,
    settings_for: Callable[..., Settings],
    answers_in: Callable[[Path], list[dict[str, str]]],
) -> None:
    """With an answer lost on the way too: proof compares what was sent with what is read back."""
    ends = []
    media_types: tuple[MediaType, ...] = ("json", "xml")
    for media_type in media_types:
        faults = [Fault(mode=mode, nth=1, path="/customers/list")] if mode else []
        async with Simulator(faults=faults) as simulator:
            settings = settings_for(
                simulator.base_url, media_type=media_type, batch_size=2, state_dir=leads.parent / media_type
            )
            order = Order(input=str(leads), profile=GUESSED, campaign=PREVIEW_CAMPAIGN)
            report = await Runner(settings).load(order)
            posts = [each for each in simulator.requests if each.path.endswith("/customers/list")]
            assert {each.content_type for each in posts} == {f"application/{media_type}"}
            gets = [each for each in simulator.requests if each.method == "GET"]
            assert {each.accept for each in gets} == {f"application/{media_type}"}
            assert {each.answer_type for each in gets} == {f"application/{media_type}"}
            answers = answers_in(leads.with_name("leads.results.csv"))
            ends.append(
                (report.counts, report.exit_code, held(simulator), [row["obi_status"] for row in answers])
            )
    assert ends[0] == ends[1]
    assert ends[0][0] == {"created": 5, "invalid": 1}


async def test_a_row_that_xml_can_not_hold_is_rejected_by_itself(
    leads: Path,
    settings_for: Callable[..., Settings],
    answers_in: Callable[[Path], list[dict[str, str]]],
) -> None:
    leads.write_text(leads.read_text(encoding="utf-8").replace("Zoë", "Zo\uffff"), encoding="utf-8")
    async with Simulator() as simulator:
        order = Order(input=str(leads), profile=GUESSED, campaign=PREVIEW_CAMPAIGN)
        report = await Runner(settings_for(simulator.base_url, media_type="xml")).load(order)
        assert len(held(simulator)) == 4
    assert report.counts == {"created": 4, "rejected": 1, "invalid": 1}
    first = answers_in(leads.with_name("leads.results.csv"))[0]
    assert "XML can't hold the character U+FFFF" in first["obi_error"]


async def test_a_run_that_began_in_json_is_finished_in_xml(
    leads: Path, settings_for: Callable[..., Settings]
) -> None:
    stop = Fault(mode="401", nth=2, path="/customers/list")
    async with Simulator(faults=[stop]) as simulator:
        settings = settings_for(simulator.base_url, batch_size=2, concurrency=1)
        order = Order(input=str(leads), profile=GUESSED, campaign=PREVIEW_CAMPAIGN)
        report = await Runner(settings).load(order)
        assert report.exit_code == 6
        other = settings_for(simulator.base_url, batch_size=2, concurrency=1, media_type="xml")
        resumed = await Runner(other).resume()
        assert resumed
        assert resumed.counts == {"created": 5, "invalid": 1}
        assert len(held(simulator)) == 5
