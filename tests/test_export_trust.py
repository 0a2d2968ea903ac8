"""What an export does not take a server's word for, and what it says of itself."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

import etl
from etl.errors import ConfigError, DiskFullError
from etl.exportchoice import Choice, moment_of
from etl.exporting import Exporter
from etl.exportreport import ExportOrder, ExportReport
from etl.namesback import listed
from etl.obi.customers import Customers
from etl.obi.models import StoredCustomer
from etl.settings import Settings
from etl.simulator import Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

CAMPAIGN = "Spring"


def customer(number: int, **fields: Any) -> dict[str, Any]:
    return {"externalId": f"{number:05}", "numbers": "+442079460001", **fields}


def named(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"attributes": {"attribute": [{"name": name, "value": value} for name, value in pairs]}}


def seeded(simulator: Simulator, *customers: dict[str, Any]) -> None:
    simulator.seed({"campaigns": [{"name": CAMPAIGN, "customers": [*customers]}]})


async def export(settings: Settings, out: str = "out.csv", **asked: Any) -> ExportReport:
    return await Exporter(settings).export(ExportOrder(campaign=CAMPAIGN, out=out, **asked))


Change = Callable[[int, list[StoredCustomer]], list[StoredCustomer]]


def changing(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Let ``change`` make each page, by its offset, what the server would have given."""
    true_list = Customers.list

    async def changed(self: Customers, campaign_id: str, **asked: Any) -> list[StoredCustomer]:
        return change(asked["offset"], [*await true_list(self, campaign_id, **asked)])

    monkeypatch.setattr(Customers, "list", changed)


@pytest.mark.parametrize("most", [50, 100, 250])
async def test_a_search_that_the_server_cuts_off_is_not_taken_for_whole(
    most: int, settings_for: MakeSettings, answers_in: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No count tells how long a search should be; the whole campaign has one."""
    async with Simulator() as simulator:
        seeded(
            simulator, *[customer(number, result=("SUCCESS", "BUSY")[number % 2]) for number in range(801)]
        )
        store = simulator._service.store
        find = store.find

        def find_some(campaign_id: str, search: Any) -> list[bytes]:
            found = find(campaign_id, search)
            return found[: max(most - search.offset, 0)] if "result" in search.where else found

        store.find = find_some  # type: ignore[method-assign]
        report = await export(settings_for(simulator.base_url), choice=Choice(results=("SUCCESS",)))
    assert (report.rows, report.complete) == (401, True)
    assert len({row["externalId"] for row in answers_in("out.csv")}) == 401


async def test_a_server_that_shows_only_the_first_of_any_list_is_found_out_by_the_count(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(monkeypatch, lambda offset, page: page[: max(200 - offset, 0)])
    async with Simulator() as simulator:
        seeded(simulator, *[customer(number, result="SUCCESS") for number in range(450)])
        report = await export(settings_for(simulator.base_url), choice=Choice(results=("SUCCESS",)))
    assert (report.rows, report.complete, report.exit_code) == (200, False, 5)
    assert "counts 450 customers" in report.doubt


async def test_a_search_that_finds_the_whole_campaign_is_not_doubted(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *[customer(number, result="SUCCESS") for number in range(100)])
        report = await export(settings_for(simulator.base_url), choice=Choice(results=("SUCCESS",)))
    assert (report.rows, report.complete, report.walks) == (100, True, 1)


async def test_a_customer_whose_id_comes_in_two_forms_is_one_row(
    settings_for: MakeSettings, answers_in: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document has ids with dashes and without; some pages show them so, and others otherwise."""
    turns = iter(range(1_000))

    def otherwise(_offset: int, page: list[StoredCustomer]) -> list[StoredCustomer]:
        return page if next(turns) % 2 else [replace(each, id=str(UUID(each.id))) for each in page]

    changing(monkeypatch, otherwise)
    async with Simulator() as simulator:
        seeded(simulator, *[customer(number) for number in range(250)])
        report = await export(settings_for(simulator.base_url))
    rows = answers_in("out.csv")
    assert (report.rows, len({row["externalId"] for row in rows}), report.complete) == (250, 250, True)
    assert all(len(row["id"]) == 32 and row["id"] == row["id"].upper() for row in rows)


async def test_the_summary_says_which_names_a_customer_has_twice(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        seeded(simulator, customer(1, **named(("Email", "1"), ("Email", "2"), ("Email (2)", "3"))))
        report = await export(settings_for(simulator.base_url))
    (note,) = report.notes
    assert note.startswith("Names that a customer has more than once: 'Email' as 'Email (2)', 'Email (2)' as")


def test_of_many_names_a_sentence_tells_the_first() -> None:
    assert listed([("a", "b")]) == "'a' as 'b'"
    assert listed([("a", "b")] * 12).endswith("'a' as 'b' and 2 more")


async def test_a_hand_over_is_the_same_however_its_filters_are_written(settings_for: MakeSettings) -> None:
    one = Choice(results=("SUCCESS*", ""), attributes=(("City", "York"), ("Zip", None)))
    other = Choice(results=("", "success*", "SUCCESS* "), attributes=(("zip", None), ("City", "york")))
    async with Simulator() as simulator:
        seeded(simulator, customer(1, **named(("City", "York"), ("Zip", "1"))))
        settings = settings_for(simulator.base_url)
        reports = [
            await export(settings, f"{nth}.csv", choice=choice, incremental=True)
            for nth, choice in enumerate((one, other))
        ]
    assert [report.rows for report in reports] == [1, 0]
    assert one.meant() == other.meant()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Choice(), Choice(results=("",))),
        (Choice(results=("A or B",)), Choice(results=("A", "B"))),
        (Choice(results=("A",)), Choice(call_results=("A",))),
        (Choice(attributes=(("City", None),)), Choice(attributes=(("City", ""),))),
        (Choice(since=moment_of("2027-04-03")), Choice(before=moment_of("2027-04-03"))),
    ],
)
def test_filters_that_mean_others_are_not_taken_for_the_same(one: Choice, other: Choice) -> None:
    assert one.meant() != other.meant()


def test_a_filter_for_those_without_a_value_is_told_so() -> None:
    assert Choice(results=("", "BUSY")).told() == {"result": '"" or BUSY'}


async def test_a_margin_without_a_hand_over_is_refused(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        seeded(simulator)
        with pytest.raises(ConfigError, match="--margin belongs to --incremental"):
            await export(settings_for(simulator.base_url), margin=timedelta(hours=1))


async def test_a_disk_that_fills_up_keeps_no_half_of_a_hand_over_beside_its_place(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fills_up(_read: Any, written: Any, _size: int) -> None:
        written.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    async with Simulator() as simulator:
        seeded(simulator, customer(1))
        settings = settings_for(simulator.base_url)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "copyfileobj", fills_up)
            with pytest.raises(DiskFullError, match=r"/out\.csv; free some and export again"):
                await export(settings, incremental=True)
        assert [*Path().iterdir()] == []
        assert (await export(settings, incremental=True)).rows == 1


async def test_a_full_disk_says_to_export_again(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with Simulator() as simulator:
        seeded(simulator, customer(1))
        monkeypatch.setattr("etl.outputs._Csv.write_rows", full)
        with pytest.raises(DiskFullError, match="free some and export again"):
            await export(settings_for(simulator.base_url))


def test_python_acknowledges_too(
    serve: Callable[..., Simulator], own_place: Path, settings_for: MakeSettings
) -> None:
    simulator = serve()
    seeded(simulator, customer(1))
    settings = settings_for(simulator.base_url)
    asked: dict[str, Any] = {"incremental": True, "awaits": True, "settings": settings}
    first = etl.export(CAMPAIGN, "1.csv", **asked)
    again = etl.export(CAMPAIGN, "2.csv", **asked)
    acknowledged = etl.acknowledge_export(again.run, settings=settings)
    assert (first.rows, again.rows, acknowledged.status) == (1, 1, "acknowledged")
    assert etl.export(CAMPAIGN, "3.csv", **asked).rows == 0
