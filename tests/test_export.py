"""Exports over a real socket: whole files, true columns, and complete, or said not to be."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from etl import exportspool
from etl.errors import ApiError, CampaignError, ConfigError, DiskFullError, OutputError
from etl.exportchoice import Choice, moment_of
from etl.exporting import Exporter
from etl.exportreport import ExportOrder, ExportReport
from etl.namesback import NamesBack
from etl.profile import Profile
from etl.settings import Settings
from etl.simulator import Fault, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

CAMPAIGN = "Spring"
NUMBER = "+442079460{:03}"


def customer(number: int, **fields: Any) -> dict[str, Any]:
    return {"externalId": f"{number:05}", "numbers": NUMBER.format(number % 1000), **fields}


def attributes(**values: str) -> dict[str, Any]:
    return named(*values.items())


def named(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"attributes": {"attribute": [{"name": name, "value": value} for name, value in pairs]}}


def seeded(simulator: Simulator, *customers: dict[str, Any]) -> str:
    simulator.seed({"campaigns": [{"name": CAMPAIGN, "customers": list(customers)}]})
    return next(each.id for each in simulator._service.store.campaigns() if each.name == CAMPAIGN)


def many(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [customer(number, **fields) for number in range(count)]


async def export(settings: Settings, out: str | Path = "out.csv", **asked: Any) -> ExportReport:
    choice = asked.pop("choice", Choice())
    return await Exporter(settings).export(
        ExportOrder(campaign=CAMPAIGN, out=str(out), choice=choice, **asked)
    )


@contextmanager
def changing(simulator: Simulator, change: Callable[[int], None]) -> Iterator[None]:
    """Call ``change`` with the number of each page before it is read."""
    store, pages = simulator._service.store, iter(range(1, 1_000_000))
    find = store.find

    def find_changed(campaign_id: str, search: Any) -> list[bytes]:
        change(next(pages))
        return find(campaign_id, search)

    store.find = find_changed  # type: ignore[method-assign]
    yield
    del store.find


def listed() -> list[str]:
    """What is in the working folder."""
    return sorted(path.name for path in Path().iterdir())


def ids(rows: list[dict[str, str]]) -> list[str]:
    return [row["externalId"] for row in rows]


# --- columns ----------------------------------------------------------------------------------------


async def test_a_customer_is_a_row_with_all_that_the_interface_tells(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        seeded(
            simulator,
            customer(
                7,
                numbers="+442079460007;02079460008",
                result="SUCCESS",
                callResult="ANSWER",
                classifier="Sale",
                callCount=2,
                lastBNumber=1,
                date="9999-12-31T23:59:59Z",
                agentId="5F9C1B0A4C3D4E5F8A9B0C1D2E3F4A5B",
                dialingMode="PREVIEW",
                previewTime=0,
                priority=5,
                timeZone="Europe/London",
                modificationDate="2027-04-03T10:00:00.123Z",
                **attributes(Company="007", City="+Köln"),
            ),
        )
        report = await export(settings_for(simulator.base_url))
    (row,) = answers_in("out.csv")
    assert len(row.pop("id")) == 32
    assert row == {
        "externalId": "00007",
        "numbers": "+442079460007;02079460008",
        "phone1": "+442079460007",
        "phone2": "02079460008",
        "phone3": "",
        "result": "SUCCESS",
        "callResult": "ANSWER",
        "classifier": "Sale",
        "callCount": "2",
        "lastBNumber": "1",
        "date": "9999-12-31T23:59:59Z",
        "agentId": "5F9C1B0A4C3D4E5F8A9B0C1D2E3F4A5B",
        "dialingMode": "PREVIEW",
        "previewTime": "0",
        "priority": "5",
        "timeZone": "Europe/London",
        "modificationDate": "2027-04-03T10:00:00.123Z",
        "Company": "007",
        "City": "+Köln",
    }
    assert (report.rows, report.complete, report.exit_code, report.columns) == (1, True, 0, 20)


@pytest.mark.parametrize("ending", ["csv", "xlsx", "jsonl", "parquet"])
async def test_zeros_and_plus_signs_are_intact_in_every_form(
    ending: str, settings_for: MakeSettings, answers_in: Answers
) -> None:
    out = Path(f"out.{ending}")
    async with Simulator() as simulator:
        seeded(
            simulator,
            customer(7, date="9999-12-31T23:59:59Z", **attributes(Code="0049", Sum="=1+1")),
            customer(8),
        )
        await export(settings_for(simulator.base_url), out)
    wanted = ("00007", "+442079460007", "9999-12-31T23:59:59Z", "0049", "=1+1")
    absent: object = None
    columns = ("externalId", "phone1", "date", "Code", "Sum")
    if ending == "csv":
        rows: list[dict[str, Any]] = [*answers_in(out)]
        absent = ""
    elif ending == "xlsx":
        with closing(openpyxl.load_workbook(out, read_only=True)) as book:
            header, *cells = book.active.iter_rows(values_only=True)
        rows = [dict(zip(header, row, strict=True)) for row in cells]
    elif ending == "jsonl":
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    else:
        rows = pyarrow.parquet.read_table(out).to_pylist()
    assert tuple(rows[0][name] for name in columns) == wanted
    assert tuple(rows[1][name] for name in columns[2:]) == (absent, absent, absent)


async def test_no_attribute_takes_the_place_of_another_column(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        seeded(
            simulator,
            customer(1, result="SUCCESS", **attributes(result="own", Company="A", company="b", ID="x")),
            customer(2, **named(("Email", "one"), ("Email", "two"), ("Phone1", "+442079460002"))),
        )
        report = await export(settings_for(simulator.base_url))
    first, second = answers_in("out.csv")
    assert (first["result"], first["attribute: result"]) == ("SUCCESS", "own")
    assert {value for name, value in first.items() if "company" in name.lower()} == {"A", "b"}
    assert first["attribute: ID"] == "x"
    assert (second["Email"], second["Email (2)"]) == ("one", "two")
    assert not [name for name in second if "Phone1" in name]
    assert len({name.lower() for name in first}) == len(first)
    assert any("attribute: result" in note for note in report.notes)


async def test_script_answers_are_columns_behind_the_attributes(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    def script(*answers: tuple[str, str]) -> dict[str, Any]:
        listed = [{"question": question, "answer": answer} for question, answer in answers]
        return {"script": {"name": "Welcome", "answers": listed}}

    async with Simulator() as simulator:
        seeded(
            simulator,
            customer(
                1, **attributes(script="mine"), **script(("Happy?", "yes"), ("Why?", "01"), ("Why?", "2"))
            ),
            customer(2, **script(("Else?", "no"))),
            customer(3),
        )
        settings = settings_for(simulator.base_url)
        await export(settings, script=True)
        await export(settings, "without.csv")
    rows = answers_in("out.csv")
    assert [*rows[0]][-6:] == [
        "attribute: script", "script", "answer: Happy?", "answer: Why?", "answer: Why? (2)", "answer: Else?",
    ]  # fmt: skip
    assert [[*row.values()][-6:] for row in rows] == [
        ["mine", "Welcome", "yes", "01", "2", ""],
        ["", "Welcome", "", "", "", "no"],
        ["", "", "", "", "", ""],
    ]
    assert not [name for name in answers_in("without.csv")[0] if name.startswith("answer")]


async def test_a_profile_gives_the_names_of_the_crm_back(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    profile = Profile.model_validate(
        {
            "columns": {"externalId": "Lead ID", "phones": ["Mobile", "Office"]},
            "attributes": {"rename": {"Company / Account": "Company"}},
            "external_id": {"prefix": "crm-"},
        }
    )
    async with Simulator() as simulator:
        seeded(
            simulator,
            customer(1, externalId="crm-007", numbers="1001;1002;1003", **attributes(Company="X")),
            customer(2),
        )
        report = await export(settings_for(simulator.base_url), names=NamesBack.of(profile))
    first, second = answers_in("out.csv")
    assert [first[name] for name in ("Lead ID", "Mobile", "Office", "phone3", "Company / Account")] == [
        "007", "1001", "1002", "1003", "X",
    ]  # fmt: skip
    assert second["Lead ID"] == "00002"
    assert any("1 externalId without the prefix" in note for note in report.notes)


async def test_xml_comes_to_the_same_table_as_json(settings_for: MakeSettings) -> None:
    answers = {"script": {"name": "Welcome", "answers": [{"question": "Happy?", "answer": "yes"}]}}
    async with Simulator() as simulator:
        seeded(simulator, customer(1, callCount=2, **attributes(Code="007", City="")), customer(2, **answers))
        for media_type in ("json", "xml"):
            settings = settings_for(simulator.base_url, media_type=media_type)
            await export(settings, f"{media_type}.csv", script=True)
    assert Path("xml.csv").read_text(encoding="utf-8") == Path("json.csv").read_text(encoding="utf-8")


# --- whom -------------------------------------------------------------------------------------------


CALLED = [
    customer(
        1, result="SUCCESS", callResult="ANSWER", classifier="Sale", modificationDate="2027-04-01T10:00:00Z"
    ),
    customer(2, result="SUCCESS2", modificationDate="2027-04-02T10:00:00Z", **attributes(Class="Gold")),
    customer(3, result="FAILURE", modificationDate="2027-04-03T10:00:00Z", **attributes(Class="Silver")),
    customer(4, modificationDate="2027-04-04T10:00:00Z", agentId="5F9C1B0A4C3D4E5F8A9B0C1D2E3F4A5B"),
]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(results=("SUCCESS*",)), "12"),
        (Choice(results=("SUCCESS",)), "1"),
        (Choice(results=("SUCCESS", "FAIL*")), "13"),
        (Choice(results=("",)), "4"),
        (Choice(call_results=("ANSWER",)), "1"),
        (Choice(classifiers=("Sal?",)), "1"),
        (Choice(external_ids=("0000[12]",)), ""),
        (Choice(external_ids=("00002", "00003")), "23"),
        (Choice(agents=("5f9c1b0a-4c3d-4e5f-8a9b-0c1d2e3f4a5b",)), "4"),
        (Choice(attributes=(("Class", None),)), "23"),
        (Choice(attributes=(("class", "go*"),)), "2"),
        (Choice(attributes=(("Class", "Gold"), ("Class", "Silver"))), ""),
        (Choice(since=moment_of("2027-04-03T10:00:00")), "34"),
        (Choice(since=moment_of("2027-04-02"), before=moment_of("2027-04-03T12:00:00+02:00")), "2"),
        (Choice(results=("SUCCESS*",), since=moment_of("2027-04-02")), "2"),
    ],
)
@pytest.mark.parametrize("server", ["filters", "takes no notice"])
async def test_a_filter_means_the_same_whether_the_server_takes_notice_or_not(
    server: str, choice: Choice, expected: str, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *CALLED)
        if server != "filters":
            simulator.add_fault("filter_ignored")
        report = await export(settings_for(simulator.base_url), choice=choice)
    assert ids(answers_in("out.csv")) == [f"0000{digit}" for digit in expected]
    assert (report.rows, report.complete, report.exit_code) == (len(expected), True, 0)
    asked = any(value is not None for value in choice.asked().values())
    ignored = any("took no notice" in note for note in report.notes)
    assert ignored == (server != "filters" and asked)


def test_an_age_is_a_time_before_now() -> None:
    now = moment_of("2027-04-03T12:00:00Z")
    assert moment_of("2d", now=now) == moment_of("2027-04-01T12:00:00Z")
    assert moment_of("90m", now=now) == moment_of("2027-04-03T12:30:00+02:00")
    assert moment_of("") is None
    for wrong in ("yesterday", "2y", "2027-13-01", "999999w"):
        with pytest.raises(ConfigError, match="is no time"):
            moment_of(wrong)


@pytest.mark.parametrize(
    "conditions",
    [
        {"agents": ("somebody",)},
        {"attributes": ((" ", None),)},
        {"since": moment_of("2027-04-03"), "before": moment_of("2027-04-03")},
    ],
)
def test_a_choice_that_means_nobody_is_refused(conditions: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Choice(**conditions)


# --- complete, or it says that it is not --------------------------------------------------------------


async def test_a_large_campaign_is_read_once_in_its_order(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *many(1_234, modificationDate="2026-11-01T10:00:00Z"))
        report = await export(settings_for(simulator.base_url))
    assert ids(answers_in("out.csv")) == [f"{number:05}" for number in range(1_234)]
    assert (report.walks, report.total_before, report.total_after) == (1, 1_234, 1_234)
    assert report.requests < 20


async def test_an_empty_campaign_is_an_empty_table(settings_for: MakeSettings, answers_in: Answers) -> None:
    async with Simulator() as simulator:
        seeded(simulator)
        report = await export(settings_for(simulator.base_url))
    assert answers_in("out.csv") == []
    assert (report.rows, report.complete) == (0, True)


async def test_customers_deleted_while_it_is_read_hide_nobody(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *many(600))

        def delete(page: int) -> None:
            if page in {4, 5}:
                simulator._service.store._db.execute(
                    "DELETE FROM customers WHERE external_id IN (SELECT external_id FROM customers"
                    " ORDER BY number LIMIT 70)"
                )

        with changing(simulator, delete):
            report = await export(settings_for(simulator.base_url))
    assert {*ids(answers_in("out.csv"))} >= {f"{number:05}" for number in range(140, 600)}
    assert report.complete
    assert any("had 600 customers when this began and 460" in note for note in report.notes)


async def test_customers_added_while_it_is_read_are_no_harm(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        campaign = seeded(simulator, *many(500))

        def add(page: int) -> None:
            simulator.seed({"campaigns": [{"id": campaign, "name": CAMPAIGN, "customers": many(500 + page)}]})

        with changing(simulator, add):
            report = await export(settings_for(simulator.base_url))
    found = ids(answers_in("out.csv"))
    assert {*found} >= {f"{number:05}" for number in range(500)}
    assert len(found) == len({*found})
    assert report.complete


async def test_a_campaign_whose_count_is_larger_than_its_pages_is_not_complete(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *many(250))
        store = simulator._service.store
        counters = store.counters
        store.counters = lambda campaign_id: counters(campaign_id) | {"total": 260}  # type: ignore[method-assign]
        report = await export(settings_for(simulator.base_url))
    assert len(answers_in("out.csv")) == 250
    assert (report.complete, report.exit_code, report.walks) == (False, 5, 2)
    assert "260 customers" in report.doubt
    assert "250" in report.doubt


@pytest.mark.parametrize(("limit", "offset"), [(30, True), (2, True), (100, False), (1_000, False)])
async def test_a_server_that_pages_in_its_own_way_gives_all_or_the_export_says_so(
    limit: int, offset: bool, settings_for: MakeSettings, answers_in: Answers
) -> None:
    """Pages of at most ``limit``; without ``offset`` every page is the first one."""
    async with Simulator() as simulator:
        seeded(simulator, *many(250))
        store = simulator._service.store
        find = store.find

        def find_oddly(campaign_id: str, search: Any) -> list[bytes]:
            size = min(limit, search.limit) if offset else limit
            return find(campaign_id, replace(search, limit=size, offset=search.offset if offset else 0))

        store.find = find_oddly  # type: ignore[method-assign]
        report = await export(settings_for(simulator.base_url))
    found = ids(answers_in("out.csv"))
    assert report.complete == (len(found) == 250) == (offset or limit == 1_000)
    assert report.exit_code == (0 if report.complete else 5)


async def test_a_server_without_an_order_gives_all_or_the_export_says_so(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *many(400))
        store, dice = simulator._service.store, random.Random(3)
        find = store.find

        def find_shuffled(campaign_id: str, search: Any) -> list[bytes]:
            found = find(campaign_id, replace(search, limit=1_000, offset=0))
            dice.shuffle(found)
            return found[search.offset : search.offset + search.limit]

        store.find = find_shuffled  # type: ignore[method-assign]
        settings = settings_for(simulator.base_url)
        for filters in (Choice(), Choice(external_ids=("*",))):
            report = await export(settings, choice=filters)
            found = ids(answers_in("out.csv"))
            assert len(found) == len({*found}) == report.rows
            assert not report.complete or report.rows == 400
        assert not report.complete  # nothing to compare a filtered list with


async def test_a_server_whose_filter_is_looser_than_ours_is_no_cause_for_doubt(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    """It looks for the word anywhere in the result; the campaign's own count is no measure of that list."""
    async with Simulator() as simulator:
        seeded(
            simulator,
            *[
                customer(number, result=("SUCCESS", "NO SUCCESS", "BUSY")[number % 3])
                for number in range(306)
            ],
        )
        store = simulator._service.store
        find = store.find

        def find_loosely(campaign_id: str, search: Any) -> list[bytes]:
            loosely = search.where.replace("result = ?", "result LIKE '%' || ? || '%'")
            return find(campaign_id, replace(search, where=loosely))

        store.find = find_loosely  # type: ignore[method-assign]
        report = await export(settings_for(simulator.base_url), choice=Choice(results=("SUCCESS",)))
    assert (report.rows, report.complete, report.walks) == (102, True, 1)
    assert {row["result"] for row in answers_in("out.csv")} == {"SUCCESS"}


async def test_who_moves_in_a_list_that_goes_by_dates_is_not_missed(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    """The newest first: whoever is called while we read moves from behind to where we have been."""
    async with Simulator() as simulator:
        seeded(simulator, *many(300, modificationDate="2026-11-01T10:00:00Z"))
        store = simulator._service.store
        find = store.find

        def find_by_date(campaign_id: str, search: Any) -> list[bytes]:
            found = find(campaign_id, replace(search, limit=1_000, offset=0))
            found.sort(key=lambda body: json.loads(body)["modificationDate"], reverse=True)
            if search.offset == 99:
                store._db.execute(
                    "UPDATE customers SET modified = ?1, body = json_set(body, '$.modificationDate', ?1) "
                    "WHERE external_id = '00290'",
                    (store.now(),),
                )
            return found[search.offset : search.offset + search.limit]

        store.find = find_by_date  # type: ignore[method-assign]
        report = await export(settings_for(simulator.base_url), choice=Choice(external_ids=("*",)))
    assert report.complete
    assert "00290" in ids(answers_in("out.csv"))


async def test_the_newest_state_of_a_customer_counts(settings_for: MakeSettings, answers_in: Answers) -> None:
    """The first walk is in doubt, so there is a second, in which somebody was called meanwhile."""
    async with Simulator() as simulator:
        seeded(simulator, *many(150))
        store = simulator._service.store
        counters = store.counters
        read = 0

        def count(campaign_id: str) -> dict[str, int]:
            found = counters(campaign_id)
            return found | {"total": 160} if read < 4 else found

        store.counters = count  # type: ignore[method-assign]

        def call(page: int) -> None:
            nonlocal read
            read = page
            if page == 4:
                store._db.execute(
                    "UPDATE customers SET result = 'SUCCESS', body = json_set(body, '$.result', 'SUCCESS') "
                    "WHERE external_id = '00001'"
                )
                store._db.execute("DELETE FROM customers WHERE external_id = '00002'")

        with changing(simulator, call):
            report = await export(settings_for(simulator.base_url))
    rows = {row["externalId"]: row for row in answers_in("out.csv")}
    assert report.walks > 1
    assert rows["00001"]["result"] == "SUCCESS"
    assert "00002" not in rows
    assert report.deleted == 1


async def test_faults_on_the_way_are_no_harm(settings_for: MakeSettings, answers_in: Answers) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *many(900))
        for mode in ("503", "reset_mid_body", "truncated_json", "429"):
            simulator.add_fault(
                Fault(
                    mode=mode,
                    rate=0.1,
                    seed=len(mode),
                    path="/customers",
                    params={"seconds": 0} if mode == "429" else {},
                )
            )
        report = await export(settings_for(simulator.base_url))
    assert ids(answers_in("out.csv")) == [f"{number:05}" for number in range(900)]
    assert report.complete
    assert report.retries


@pytest.mark.parametrize("form", ["bare", "single"])
async def test_attributes_are_read_in_every_dialect(
    form: Any, settings_for: MakeSettings, answers_in: Answers
) -> None:
    from etl.simulator import Dialect  # noqa: PLC0415

    async with Simulator(dialect=Dialect(attributes=form)) as simulator:
        seeded(simulator, customer(1, **attributes(Company="X")))
        await export(settings_for(simulator.base_url))
    assert answers_in("out.csv")[0]["Company"] == "X"


async def test_values_that_cannot_be_read_are_told_and_never_left_out_in_silence(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *many(3))
        simulator._service.store._db.execute(
            "UPDATE customers SET body = json_set(body, '$.callCount', 'odd', '$.attributes', 'odd')"
            " WHERE external_id = '00001'"
        )
        report = await export(settings_for(simulator.base_url))
    assert ids(answers_in("out.csv")) == ["00000", "00001", "00002"]
    assert (report.complete, report.exit_code) == (False, 5)
    assert "1 customer had values that can't be read (attributes, callCount)" in report.doubt


# --- never half -------------------------------------------------------------------------------------


async def test_an_export_that_fails_leaves_what_was_there(settings_for: MakeSettings) -> None:
    Path("out.csv").write_text("mine", encoding="utf-8")
    async with Simulator() as simulator:
        seeded(simulator, *many(300))
        simulator.add_fault(Fault(mode="403", path="/customers", nth=3))
        with pytest.raises(ApiError):
            await export(settings_for(simulator.base_url))
    assert Path("out.csv").read_text(encoding="utf-8") == "mine"
    assert listed() == ["out.csv"]


async def test_an_export_that_is_cancelled_leaves_nothing(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *many(300))
        simulator.add_fault(Fault(mode="hang", path="/customers", nth=2))
        settings = settings_for(simulator.base_url)
        work = asyncio.create_task(export(settings))
        while not simulator.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        simulator.release()
    assert listed() == []
    assert [*Path(settings.state_dir, "incoming").iterdir()] == []


async def test_a_full_disk_is_told_as_that_and_leaves_no_file(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    async with Simulator() as simulator:
        seeded(simulator, *many(30))
        monkeypatch.setattr("etl.outputs._Csv.write_rows", full)
        with pytest.raises(DiskFullError, match=r"out\.csv") as told:
            await export(settings_for(simulator.base_url))
    assert told.value.exit_code == 8
    assert listed() == []


async def test_a_full_state_folder_is_told_as_that(
    settings_for: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.exportspool._SCHEMA", "PRAGMA max_page_count=20;" + exportspool._SCHEMA)
    async with Simulator() as simulator:
        seeded(simulator, *many(500))
        with pytest.raises(DiskFullError):
            await export(settings_for(simulator.base_url))
    assert listed() == []


async def test_a_folder_that_passes_its_group_on_gives_the_group_the_file(settings_for: MakeSettings) -> None:
    folder = Path("shared")
    folder.mkdir()
    folder.chmod(0o2770)
    async with Simulator() as simulator:
        seeded(simulator, customer(1))
        await export(settings_for(simulator.base_url), folder / "out.csv")
    assert (folder / "out.csv").stat().st_mode & 0o777 == 0o640


async def test_many_attributes_are_written_a_few_rows_at_a_time(
    settings_for: MakeSettings, answers_in: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.exporting._CELLS", 50)
    async with Simulator() as simulator:
        seeded(simulator, *[customer(number, **attributes(**{f"A{number}": "x"})) for number in range(60)])
        await export(settings_for(simulator.base_url))
    rows = answers_in("out.csv")
    assert [row[f"A{number}"] for number, row in enumerate(rows)] == ["x"] * 60


@pytest.mark.parametrize("out", ["out.txt", "nowhere/out.csv", "."])
async def test_a_path_that_cannot_be_written_is_told_before_anything_is_asked(
    out: str, settings_for: MakeSettings
) -> None:
    async with Simulator() as simulator:
        seeded(simulator, customer(1))
        with pytest.raises(OutputError):
            await export(settings_for(simulator.base_url), out)
        assert simulator.requests == []


async def test_a_value_that_a_sheet_would_cut_is_refused(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        seeded(simulator, customer(1, **attributes(Note="x" * 40_000)))
        settings = settings_for(simulator.base_url)
        with pytest.raises(OutputError, match="40,000 characters"):
            await export(settings, "out.xlsx")
        report = await export(settings, "out.csv")
    assert report.rows == 1
    assert listed() == ["out.csv"]


async def test_an_unknown_campaign_is_told(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        with pytest.raises(CampaignError, match="no campaign named"):
            await export(settings_for(simulator.base_url))


async def test_an_export_replaces_an_export_and_keeps_its_permissions(
    settings_for: MakeSettings, answers_in: Answers
) -> None:
    out = Path("out.csv")
    async with Simulator() as simulator:
        seeded(simulator, customer(1))
        settings = settings_for(simulator.base_url)
        await export(settings)
        assert out.stat().st_mode & 0o777 == 0o600
        out.chmod(0o640)
        simulator.seed({"campaigns": [{"name": CAMPAIGN, "customers": [customer(2)]}]})
        report = await export(settings)
    assert ids(answers_in(out)) == ["00001", "00002"]
    assert out.stat().st_mode & 0o777 == 0o640
    assert listed() == ["out.csv"]
    assert report.notes == ()


async def test_a_file_of_somebody_elses_is_moved_aside(settings_for: MakeSettings) -> None:
    Path("out.csv").write_text("mine", encoding="utf-8")
    async with Simulator() as simulator:
        seeded(simulator, customer(1))
        report = await export(settings_for(simulator.base_url))
    (other,) = (name for name in listed() if name != "out.csv")
    assert Path(other).read_text(encoding="utf-8") == "mine"
    assert any(other in note for note in report.notes)


async def test_nothing_is_sent_that_changes_anything(settings_for: MakeSettings) -> None:
    async with Simulator() as simulator:
        seeded(simulator, *many(120))
        await export(settings_for(simulator.base_url), script=True)
        assert {request.method for request in simulator.requests} == {"GET"}
