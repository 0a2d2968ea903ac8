"""Laws of a check: what it shows is what a load would do, and it leaves nothing behind but its results."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from yarl import URL

import etl
from etl.errors import ConfigError, InputError, ProfileError
from etl.findings import CheckReport, ColumnUse, Reason
from etl.orders import Order
from etl.profile import GUESSED, Profile
from etl.reconciler import RESULT_COLUMNS
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Simulator
from etl.state import StateFolder

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

BRITISH = GUESSED.model_copy(update={"region": "GB"})
HEADER = "Lead ID,Phone,Mobile,Name,Fax,Do not call\n"
CLEAN = HEADER + "".join(f"A{at},020 7946 {at:04},,Name {at},,no\n" for at in range(1, 11))


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    path.write_text(CLEAN, encoding="utf-8")
    return path


def order(path: Path | str, *, profile: Profile = BRITISH, **more: Any) -> Order:
    return Order(input=str(path), profile=profile, **more)


async def check(made: Settings, path: Path | str, *, bodies: int = 0, **more: Any) -> CheckReport:
    return await Runner(made).check(order(path, **more), bodies=bodies)


def reason_of(report: CheckReport, code: str) -> Reason:
    (found,) = [reason for reason in (*report.found, *report.cautions) if reason.code == code]
    return found


def use_of(report: CheckReport, header: str) -> ColumnUse:
    (found,) = [use for use in report.columns if use.header == header]
    return found


@asynccontextmanager
async def overheard(simulator: Simulator) -> AsyncIterator[tuple[str, bytearray]]:
    """A base URL from which all goes on to the simulator, and the bytes that went there."""
    heard = bytearray()
    url = URL(simulator.base_url)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, listen: bool) -> None:
        while chunk := await source.read(65_536):
            if listen:
                heard.extend(chunk)
            target.write(chunk)
            await target.drain()
        target.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(url.host, url.port)
        await asyncio.gather(
            pump(reader, inner_writer, listen=True), pump(inner_reader, writer, listen=False)
        )

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield str(url.with_port(port)), heard


def posts(heard: bytes) -> Iterator[bytes]:
    """The bodies of the POSTs among requests that came over one connection (RFC 9112)."""
    while heard:
        head, _, rest = heard.partition(b"\r\n\r\n")
        length = re.search(rb"(?im)^content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        if head.startswith(b"POST "):
            yield rest[:size]
        heard = rest[size:]


# --- what is shown is what is sent ------------------------------------------------------------------


@pytest.mark.parametrize("send_as", ["numbers", "attributes"])
@pytest.mark.parametrize("media_type", ["json", "xml"])
async def test_the_bodies_shown_are_the_very_bytes_that_load_posts(
    leads: Path, settings_for: MakeSettings, send_as: str, media_type: str
) -> None:
    leads.write_text(CLEAN.replace("A3,020 7946 0003", "A3,nonsense"), encoding="utf-8")
    profile = BRITISH.model_copy(update={"phones": BRITISH.phones.model_copy(update={"send_as": send_as})})
    async with Simulator() as simulator, overheard(simulator) as (base_url, heard):
        made = settings_for(base_url, batch_size=1, media_type=media_type, concurrency=1)
        report = await check(made, leads, profile=profile, bodies=5)
        assert (await Runner(made).load(order(leads, profile=profile, campaign=PREVIEW_CAMPAIGN))).counts == {
            "created": 9,
            "invalid": 1,
        }
        posted = [body.decode() for body in posts(bytes(heard))]
    assert len(report.bodies) == 5
    if media_type == "json":
        assert [f"[{body}]" for body in report.bodies] == posted[:5]
    else:
        start = '<?xml version="1.0" encoding="UTF-8"?>'
        inner = [f"<customers>{body.removeprefix(start)}</customers>" for body in report.bodies]
        assert [start + each for each in inner] == posted[:5]


async def test_as_many_bodies_are_shown_as_there_are_rows_to_send(
    leads: Path, settings_for: MakeSettings
) -> None:
    assert (await check(settings_for(""), leads)).bodies == ()
    assert len((await check(settings_for(""), leads, bodies=100)).bodies) == 10


async def test_the_preview_shows_the_cells_as_written_and_what_goes_out_instead(
    leads: Path, settings_for: MakeSettings
) -> None:
    report = await check(settings_for(""), leads, bodies=1)
    first = report.preview[0]
    assert [row.row for row in report.preview] == [1, 2, 3]
    assert (first.line, first.status) == (2, "ready")
    assert first.cells == ("A1", "020 7946 0001", "", "Name 1", "", "no")
    assert first.sent == {"externalId": "A1", "numbers": "+442079460001"}
    assert first.attributes == {"Name": "Name 1"}
    body = msgspec.json.decode(report.bodies[0])
    assert body.pop("attributes")["attribute"] == [
        {"name": name, "value": value} for name, value in first.attributes.items()
    ]
    assert body == first.sent


async def test_the_preview_of_a_row_that_is_not_sent_says_why(
    leads: Path, settings_for: MakeSettings
) -> None:
    leads.write_text(CLEAN.replace("A1,020 7946 0001", "A1,nonsense"), encoding="utf-8")
    report = await check(settings_for(""), leads)
    first = report.preview[0]
    assert (first.status, first.sent, first.attributes) == ("invalid", {}, {})
    assert "nonsense" in first.reason


async def test_every_column_is_accounted_for_in_the_order_of_the_file(
    leads: Path, settings_for: MakeSettings
) -> None:
    report = await check(settings_for(""), leads)
    assert [use.header for use in report.columns] == HEADER.strip().split(",")
    assert use_of(report, "Lead ID").field == "externalId"
    numbers = sorted((use.rank, use.header) for use in report.columns if use.field == "numbers")
    assert numbers == [(1, "Mobile"), (2, "Phone")]
    assert use_of(report, "Name") == ColumnUse(header="Name", field="attribute", name="Name")
    assert use_of(report, "Do not call").field == "do not call"
    assert use_of(report, "Fax").never_dialled


async def test_a_column_of_numbers_that_no_name_gives_away_is_told_as_never_dialled(
    leads: Path, settings_for: MakeSettings
) -> None:
    leads.write_text("Phone,Notes\n020 7946 0001,+44 20 7946 0009\n020 7946 0002,\n", encoding="utf-8")
    report = await check(settings_for(""), leads)
    assert [use.header for use in report.columns if use.never_dialled] == ["Notes"]


# --- reasons ----------------------------------------------------------------------------------------


async def test_each_reason_has_its_first_three_rows_with_line_column_value_and_sentence(
    leads: Path, settings_for: MakeSettings
) -> None:
    rows = [f"A{at},nonsense {at},,Name,,no\n" for at in range(1, 6)]
    leads.write_text(HEADER + "\n" + "".join(rows), encoding="utf-8")
    report = await check(settings_for(""), leads)
    found = reason_of(report, "phone.letters")
    assert (found.rows, found.status) == (5, "invalid")
    assert [(each.row, each.line, each.column, each.value) for each in found.examples] == [
        (1, 3, "Phone", "nonsense 1"),
        (2, 4, "Phone", "nonsense 2"),
        (3, 5, "Phone", "nonsense 3"),
    ]
    assert all(each.value in each.reason for each in found.examples)
    assert report.left_out[0].lines == (2,)


async def test_reasons_come_the_most_frequent_first_and_sum_to_the_rows_that_have_one(
    leads: Path, settings_for: MakeSettings
) -> None:
    text = HEADER + "A1,x y,,,,no\n" + "A2,020 7946 0002,,,,yes\n" * 2 + "A3,020 7946 0003,,,,no,z\n"
    leads.write_text(text, encoding="utf-8")
    report = await check(settings_for(""), leads)
    assert [each.rows for each in report.found] == sorted((each.rows for each in report.found), reverse=True)
    assert sum(each.rows for each in report.found) == report.rows - report.counts.get("ready", 0)
    assert reason_of(report, "row.ragged").examples[0].value == "z"


async def test_the_value_of_a_duplicate_by_its_number_is_a_number_of_the_row(
    leads: Path, settings_for: MakeSettings
) -> None:
    leads.write_text("Mobile,Phone\n,020 7946 0001\n,020 7946 0001\n", encoding="utf-8")
    report = await check(settings_for(""), leads)
    (example,) = reason_of(report, "duplicate.number").examples
    assert (example.column, example.value) == ("Phone", "020 7946 0001")


async def test_warnings_are_told_together_whatever_the_values_in_them(
    leads: Path, settings_for: MakeSettings
) -> None:
    text = "Lead ID,Phone\n" + "".join(f"A{at},44 20 7946 {at:04}\n" for at in range(1, 6))
    leads.write_text(text, encoding="utf-8")
    report = await check(settings_for(""), leads)
    (caution,) = report.cautions
    assert (caution.rows, len(caution.examples)) == (5, 3)
    assert "7946" not in caution.code
    assert "44 20 7946 0001" in caution.examples[0].reason


async def test_a_long_cell_says_that_it_is_cut(leads: Path, settings_for: MakeSettings) -> None:
    leads.write_text(f"Phone,Notes\n020 7946 0001,{'n' * 5_000}\n", encoding="utf-8")
    report = await check(settings_for(""), leads)
    assert report.preview[0].cells[1].endswith("… (and 4,700 more characters)")
    assert report.preview[0].attributes["Notes"] == "n" * 5_000


# --- exit codes and what is written -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "code", "counts"),
    [
        ("A1,020 7946 0001,,,,no\n", 0, {"ready": 1}),
        ("A1,020 7946 0001,,,,no\nA1,020 7946 0001,,,,no\n", 0, {"duplicate": 1, "ready": 1}),
        ("A1,020 7946 0001,,,,yes\n", 0, {"suppressed": 1}),
        ("A1,nonsense,,,,no\n", 5, {"invalid": 1}),
    ],
)
async def test_the_exit_code_says_whether_a_row_is_invalid(
    leads: Path, settings_for: MakeSettings, rows: str, code: int, counts: dict[str, int]
) -> None:
    leads.write_text(HEADER + rows, encoding="utf-8")
    report = await check(settings_for(""), leads)
    assert (report.exit_code, report.counts) == (code, counts)


async def test_expected_invalid_rows_are_no_failure_and_a_broken_expectation_is_one(
    leads: Path, settings_for: MakeSettings
) -> None:
    leads.write_text(CLEAN.replace("020 7946 0003", "nonsense"), encoding="utf-8")
    tolerant = Profile.model_validate({"region": "GB", "expect": {"invalid_max": "10%"}})
    assert (await check(settings_for(""), leads, profile=tolerant)).exit_code == 0
    strict = Profile.model_validate({"region": "GB", "expect": {"invalid_max": "5%"}})
    report = await check(settings_for(""), leads, profile=strict)
    assert (report.exit_code, report.stopped[:10]) == (5, "1 of 10 ro")


async def test_what_would_stop_a_load_stops_a_check_before_it_writes_anything(
    leads: Path, settings_for: MakeSettings
) -> None:
    with pytest.raises(ConfigError, match="--marker"):
        await check(settings_for("", marker="Name"), leads)
    leads.write_text(HEADER, encoding="utf-8")
    with pytest.raises(InputError, match="no rows"):
        await check(settings_for(""), leads)
    assert [path.name for path in leads.parent.iterdir()] == ["leads.csv"]


async def test_settings_that_would_stop_a_load_are_told(leads: Path, settings_for: MakeSettings) -> None:
    leads.write_text(CLEAN.replace("020 7946 0003", "nonsense"), encoding="utf-8")
    told = (await check(settings_for("", strict=True), leads)).warnings
    assert any("strict" in sentence for sentence in told)
    told = (await check(settings_for("", max_errors="0"), leads)).warnings
    assert any("max_errors" in sentence for sentence in told)


async def test_the_results_have_the_columns_of_a_results_file_and_nothing_else_is_written(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    leads.write_text(CLEAN.replace("020 7946 0003", "nonsense"), encoding="utf-8")
    made = settings_for("")
    report = await check(made, leads)
    rows = answers_in(report.results)
    assert list(rows[0]) == [*HEADER.strip().split(","), *RESULT_COLUMNS]
    assert [row["obi_status"] for row in rows].count("ready") == report.counts["ready"] == 9
    assert sorted(path.name for path in leads.parent.iterdir()) == ["leads.check.csv", "leads.csv"]
    assert StateFolder(made.state_dir).runs() == []


async def test_rejects_are_written_where_they_are_asked_for(
    leads: Path, settings_for: MakeSettings, answers_in: Answers
) -> None:
    leads.write_text(CLEAN.replace("020 7946 0003", "nonsense"), encoding="utf-8")
    report = await check(settings_for(""), leads, rejects="bad.csv")
    assert [row["Lead ID"] for row in answers_in(report.rejects)] == ["A3"]


async def test_the_report_says_how_to_load(leads: Path, settings_for: MakeSettings) -> None:
    report = await check(settings_for(""), leads, flags=" --region GB")
    assert report.next == f"obi load {leads} --campaign NAME --region GB"
    leads.write_text(HEADER + "A1,nonsense,,,,no\n", encoding="utf-8")
    assert (await check(settings_for(""), leads)).next == ""


# --- the library ------------------------------------------------------------------------------------


def test_the_library_gives_the_same_report_and_prints_nothing(
    leads: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = etl.check(leads, region="GB", show_bodies=2)
    assert isinstance(report, RunReport)
    assert (report.counts, len(report.preview), len(report.bodies)) == ({"ready": 10}, 3, 2)
    assert msgspec.json.decode(msgspec.json.encode(report), type=CheckReport) == report
    assert capfd.readouterr() == ("", "")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.tuples(
            st.sampled_from(["020 7946 0001", "+442079460002", "nonsense", "", "44 20 7946 0003"]),
            st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=12),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_is_counted_once_in_the_counts_and_in_the_reasons(
    leads: Path, cells: list[tuple[str, str]]
) -> None:
    with leads.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("Phone", "Name"), *cells, ("020 7946 0009", "the last")])
    report = etl.check(leads, region="GB")
    assert report.balanced
    assert sum(report.counts.values()) == report.rows
    assert sum(each.rows for each in report.found) == report.rows - report.counts.get("ready", 0)
    assert len(report.preview) == min(3, report.rows)


# --- guesses and lists ------------------------------------------------------------------------------


async def test_a_guess_that_stops_an_unattended_load_is_told_and_fails_no_check(
    leads: Path, settings_for: MakeSettings
) -> None:
    leads.write_text("Lead ID,Telefonnumer\nA1,020 7946 0001\n", encoding="utf-8")
    report = await check(settings_for(""), leads)
    assert report.exit_code == 0
    assert "% sure" in use_of(report, "Telefonnumer").guess
    (told,) = [sentence for sentence in report.warnings if "exit code 3" in sentence]
    assert "'Telefonnumer'" in told
    assert "obi profile new" in told
    async with Simulator() as simulator:
        with pytest.raises(ProfileError):
            await Runner(settings_for(simulator.base_url)).load(order(leads, campaign=PREVIEW_CAMPAIGN))


async def test_do_not_call_lists_count_as_in_a_load(leads: Path, settings_for: MakeSettings) -> None:
    (leads.parent / "dnc.txt").write_text("+442079460002\n", encoding="utf-8")
    report = await check(settings_for(""), leads, suppress=("dnc.txt",))
    assert report.counts == {"suppressed": 1, "ready": 9}
    assert [each.name for each in report.lists] == ["dnc.txt"]
    assert sum(each.rows for each in report.found) == 1


async def test_what_a_column_decides_beside_its_field_is_told(
    leads: Path, settings_for: MakeSettings
) -> None:
    rules = {"region": "GB", "suppress_when": [{"column": "Consent", "is_not": ["yes"]}]}
    profile = Profile.model_validate({**rules, "external_id": {"derive_from": ["Product"]}})
    leads.write_text("Phone,Consent,Product\n020 7946 0001,yes,Car\n", encoding="utf-8")
    report = await check(settings_for(""), leads, profile=profile)
    assert use_of(report, "Consent").also == ("a rule that suppresses",)
    assert use_of(report, "Product").also == ("part of derived ids",)
    assert (report.region, report.profile) == ("GB", profile.name)


async def test_a_number_under_two_ids_is_told(leads: Path, settings_for: MakeSettings) -> None:
    leads.write_text("Lead ID,Phone\nA1,020 7946 0001\nA2,020 7946 0001\n", encoding="utf-8")
    report = await check(settings_for(""), leads)
    assert any("under more than one externalId" in sentence for sentence in report.warnings)


async def test_a_file_of_somebody_elses_is_renamed_where_the_results_are_to_go(
    leads: Path, settings_for: MakeSettings
) -> None:
    (leads.parent / "mine.csv").write_text("mine", encoding="utf-8")
    await check(settings_for(""), leads, results="mine.csv")
    assert "mine" in [path.read_text(encoding="utf-8-sig") for path in leads.parent.glob("mine.*.csv")]
