"""Whatever a server does to the requests of a run, each row ends where its answer says.

Every run is a real one over a socket. Some customers are in the campaign from an earlier day: two of them
with the very content of the file, so that only proof can tell whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from etl.orders import Order
from etl.profile import GUESSED
from etl.records import RunReport
from etl.runs import Runner
from etl.settings import Settings
from etl.simulator import PREVIEW_CAMPAIGN, Dialect, Fault, Simulator
from etl.simulator.customers import draft

ROWS = 20
BATCH = 2
LAST_BATCH = ROWS // BATCH
EARLIER = {4: "same", 5: "other", 11: "other", 20: "same"}
"""Rows that are in the campaign from an earlier day, with the file's content or with another."""
YESTERDAY = "2026-01-02T03:04:05.678Z"
POSTS = "/customers/list"
LOOK_UPS = "/customers$"


class Trouble(Struct, frozen=True, kw_only=True):
    """A fault, what it needs to know, and the exit codes that it may end a run with."""

    mode: str
    params: dict[str, Any] = {}
    short: bool = False
    stops: frozenset[int] = frozenset()

    def __str__(self) -> str:
        told = "_".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.mode}_{told}" if told else self.mode


def _troubles() -> Iterator[Trouble]:
    yield Trouble(mode="429", params={"seconds": 0})
    yield Trouble(mode="429_date", params={"seconds": -5})
    yield Trouble(mode="429_bare")
    yield Trouble(mode="429_absurd")
    yield Trouble(mode="429_absurd", params={"retry_after": "soon"})
    for mode in ("500", "502", "503", "504", "html_502", "html_200", "empty_200"):
        yield Trouble(mode=mode)
        yield Trouble(mode=f"{mode}_after_commit")
    for mode in ("reset_before_read", "reset_before_commit", "reset_after_commit", "reset_mid_body"):
        yield Trouble(mode=mode)
    yield Trouble(mode="reset_mid_body", params={"bytes": 0})
    for items in (0, 1):
        yield Trouble(mode="reset_after_partial_commit", params={"items": items})
    yield Trouble(mode="hang", params={"seconds": 0.6}, short=True)
    yield Trouble(mode="hang_then_commit", params={"seconds": 0.5}, short=True)
    yield Trouble(mode="hang_after_commit", params={"seconds": 0.6}, short=True)
    yield Trouble(mode="drip", params={"seconds": 0.001})
    for mode in ("truncated_json", "long_array", "body_no_list", "status_code_string"):
        yield Trouble(mode=mode)
    for mode in ("short_array", "status_code_missing", "id_missing"):
        yield Trouble(mode=mode, params={"item": 1})
    for mode in ("item_500", "item_503", "item_429", "item_200"):
        for item in (0, 1):
            yield Trouble(mode=mode, params={"item": item})
    yield Trouble(mode="413_above", params={"items": 1})
    yield Trouble(mode="400_above", params={"items": 1})
    for mode, code in (("401", 6), ("403", 6), ("302_login", 6), ("404", 3), ("405", 9), ("415", 9)):
        yield Trouble(mode=mode, stops=frozenset({code}))


TROUBLES = list(_troubles())
PLACES = {
    "first": {"nth": 1},
    "middle": {"nth": LAST_BATCH // 2},
    "last": {"nth": LAST_BATCH},
    "every third": {"every": 3},
}


def external_id(row: int) -> str:
    return f"L{row:03}"


def number(row: int) -> str:
    return f"+44207946{row:04}"


@pytest.fixture
def leads(own_place: Path) -> Path:
    path = own_place / "leads.csv"
    lines = [f"{external_id(row)},{number(row)},Name {row}" for row in range(1, ROWS + 1)]
    path.write_text("\n".join(["Lead ID,Phone,Name", *lines, ""]), encoding="utf-8")
    return path


def put_earlier(simulator: Simulator) -> None:
    """Put the customers of an earlier day into the campaign, as of that day."""
    posted = [
        {
            "externalId": external_id(row),
            "numbers": number(row) if content == "same" else "+441214960999",
            "attributes": {"attribute": [{"name": "Name", "value": f"Name {row}"}]},
        }
        for row, content in EARLIER.items()
    ]
    drafts = [draft(each, now=YESTERDAY, dialect=Dialect()) for each in posted]
    simulator._service.store.insert(PREVIEW_CAMPAIGN, drafts)


class Bench:
    """A loader with its settings, and the laws that hold after its runs."""

    def __init__(
        self, simulator: Simulator, leads: Path, read: Callable[[Path], list[dict[str, str]]]
    ) -> None:
        self.simulator = simulator
        self.leads = leads
        self._read = read

    async def load(self, settings: Settings) -> RunReport:
        order = Order(input=str(self.leads), profile=GUESSED, campaign=PREVIEW_CAMPAIGN)
        return await Runner(settings).load(order)

    async def resume(self, settings: Settings) -> RunReport:
        report = await Runner(settings).resume()
        assert report is not None
        return report

    @property
    def answers(self) -> list[dict[str, str]]:
        return self._read(self.leads.with_name("leads.results.csv"))

    def assert_answers_are_true(self, report: RunReport) -> None:
        """What an answer claims holds in the campaign, also after a run that was stopped."""
        held = {each["externalId"]: each for each in self.simulator.customers(PREVIEW_CAMPAIGN)}
        answers = self.answers
        assert [answer["obi_row"] for answer in answers] == [str(row) for row in range(1, ROWS + 1)]
        assert report.balanced
        assert sum(report.counts.values()) == report.rows == ROWS
        for row, answer in enumerate(answers, 1):
            there = held.get(external_id(row))
            status = answer["obi_status"]
            if status == "created":
                assert row not in EARLIER, f"row {row} was in the campaign before the run"
                assert there is not None, f"row {row} is lost"
                assert answer["obi_id"] == there["id"]
                assert there["numbers"] == number(row)
                assert {"name": "Name", "value": f"Name {row}"} in there["attributes"]["attribute"]
            elif status == "exists":
                assert there is not None, f"row {row} is lost"
                assert answer["obi_id"] == there["id"]
                assert answer["obi_warning"]
            elif status in {"rejected", "invalid", "unsent"}:
                assert there is None or row in EARLIER, f"row {row} is {status}, and in the campaign"

    def assert_all_done(self, report: RunReport) -> None:
        """After at most one resume: nothing lost, nothing twice, and each row's owner told right."""
        self.assert_answers_are_true(report)
        ids = [each["externalId"] for each in self.simulator.customers(PREVIEW_CAMPAIGN)]
        assert sorted(ids) == [external_id(row) for row in range(1, ROWS + 1)]
        statuses = {row: answer["obi_status"] for row, answer in enumerate(self.answers, 1)}
        assert statuses == {row: "exists" if row in EARLIER else "created" for row in range(1, ROWS + 1)}
        assert report.exit_code == 0
        different = {
            row for row, answer in enumerate(self.answers, 1) if "numbers there" in answer["obi_warning"]
        }
        assert different == {row for row, content in EARLIER.items() if content == "other"}


@pytest.fixture
def bench_for(
    leads: Path, answers_in: Callable[[Path], list[dict[str, str]]]
) -> Callable[[Simulator], Bench]:
    def make(simulator: Simulator) -> Bench:
        put_earlier(simulator)
        return Bench(simulator, leads, answers_in)

    return make


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
async def test_no_fault_of_the_server_loses_doubles_or_misnames_a_row(
    trouble: Trouble,
    place: str,
    concurrency: int,
    bench_for: Callable[[Simulator], Bench],
    settings_for: Callable[..., Settings],
) -> None:
    rule: dict[str, Any] = dict(PLACES[place])
    fault = Fault(mode=trouble.mode, params=trouble.params, path=POSTS, **rule)
    async with Simulator(faults=[fault]) as simulator:
        bench = bench_for(simulator)
        timeout = {"total_timeout": 0.2} if trouble.short else {}
        settings = settings_for(
            simulator.base_url, batch_size=BATCH, concurrency=concurrency, attempts=8, **timeout
        )
        report = await bench.load(settings)
        assert simulator._service.plan.state()[0]["hits"], "the fault never happened"
        if trouble.stops:
            assert report.exit_code in trouble.stops
            bench.assert_answers_are_true(report)
            assert report.next.startswith(f"obi resume {report.run}")
            simulator.clear_faults()
            report = await bench.resume(settings)
        bench.assert_all_done(report)


LOOK_UP_TROUBLES = [
    ("500", {}),
    ("503", {}),
    ("504", {}),
    ("429_bare", {}),
    ("429_absurd", {}),
    ("reset_before_commit", {}),
    ("reset_mid_body", {}),
    ("html_200", {}),
    ("empty_200", {}),
    ("truncated_json", {}),
    ("hang", {"seconds": 0.5}),
    ("filter_ignored", {}),
]


@pytest.mark.parametrize("rule", [{"nth": 1}, {"every": 2}, {"nth": [1, 2, 3]}], ids=str)
@pytest.mark.parametrize(("mode", "params"), LOOK_UP_TROUBLES)
async def test_look_ups_that_fail_settle_no_doubt_in_a_wrong_way(
    mode: str,
    params: dict[str, Any],
    rule: dict[str, Any],
    bench_for: Callable[[Simulator], Bench],
    settings_for: Callable[..., Settings],
) -> None:
    doubt = Fault(mode="reset_after_partial_commit", params={"items": 3}, path=POSTS, every=2)
    trouble = Fault(mode=mode, params=params, method="GET", path=LOOK_UPS, **rule)
    async with Simulator(faults=[doubt, trouble]) as simulator:
        bench = bench_for(simulator)
        timeout = 0.2 if mode == "hang" else 5
        settings = settings_for(simulator.base_url, batch_size=5, total_timeout=timeout, attempts=8)
        bench.assert_all_done(await bench.load(settings))


@pytest.mark.parametrize("mode", ["401", "403", "302_login", "404"])
async def test_a_look_up_that_is_refused_leaves_its_rows_unknown_until_the_run_is_resumed(
    mode: str, bench_for: Callable[[Simulator], Bench], settings_for: Callable[..., Settings]
) -> None:
    doubt = Fault(mode="504_after_commit", path=POSTS, nth=2)
    refusal = Fault(mode=mode, method="GET", path=LOOK_UPS)
    async with Simulator(faults=[doubt, refusal]) as simulator:
        bench = bench_for(simulator)
        settings = settings_for(simulator.base_url, batch_size=5, concurrency=1)
        stopped = await bench.load(settings)
        assert stopped.exit_code == (3 if mode == "404" else 6)
        assert stopped.counts["unknown"] == 2  # the first that were refused, and could not be looked up
        bench.assert_answers_are_true(stopped)
        simulator.clear_faults()
        bench.assert_all_done(await bench.resume(settings))


async def test_a_server_that_shows_late_what_it_has_taken_gets_nothing_twice(
    bench_for: Callable[[Simulator], Bench], settings_for: Callable[..., Settings]
) -> None:
    doubt = Fault(mode="504_after_commit", path=POSTS, nth=2)
    stale = Fault(mode="stale_reads", times=2)
    async with Simulator(faults=[doubt, stale]) as simulator:
        bench = bench_for(simulator)
        settings = settings_for(simulator.base_url, batch_size=BATCH, concurrency=1)
        bench.assert_all_done(await bench.load(settings))


async def test_a_row_in_doubt_that_is_refused_and_never_shown_is_unknown_and_not_rejected(
    bench_for: Callable[[Simulator], Bench], settings_for: Callable[..., Settings]
) -> None:
    """The refusal may mean our own earlier sending: "rejected" would say that the row is not there."""
    doubt = Fault(mode="504_after_commit", path=POSTS, nth=4)
    stale = Fault(mode="stale_reads")
    async with Simulator(faults=[doubt, stale]) as simulator:
        bench = bench_for(simulator)
        settings = settings_for(simulator.base_url, batch_size=BATCH, concurrency=1)
        report = await bench.load(settings)
        assert report.exit_code in {5, 10}
        bench.assert_answers_are_true(report)


async def test_a_server_that_ignores_the_filter_is_paged_through(
    bench_for: Callable[[Simulator], Bench], settings_for: Callable[..., Settings]
) -> None:
    doubt = Fault(mode="504_after_commit", path=POSTS, every=2)
    async with Simulator(faults=[doubt, Fault(mode="filter_ignored")]) as simulator:
        bench = bench_for(simulator)
        others = [
            draft({"externalId": f"X{at}", "numbers": "+493023125999"}, now=YESTERDAY, dialect=Dialect())
            for at in range(250)
        ]
        elsewhere = simulator.add_campaign("Elsewhere")
        simulator._service.store.insert(elsewhere, others[:50])
        simulator._service.store.insert(PREVIEW_CAMPAIGN, others[50:])
        report = await bench.load(settings_for(simulator.base_url, batch_size=BATCH))
        bench.assert_answers_are_true(report)
        assert report.counts == {"created": ROWS - len(EARLIER), "exists": len(EARLIER)}


@pytest.mark.parametrize("seed", range(12))
async def test_a_storm_of_faults_is_weathered(
    seed: int, bench_for: Callable[[Simulator], Bench], settings_for: Callable[..., Settings]
) -> None:
    storm = ["503", "504_after_commit", "reset_after_partial_commit", "429_bare", "item_500", "short_array"]
    faults = [
        Fault(mode=mode, path=POSTS, method="POST", rate=0.2, seed=seed * 100 + at)
        for at, mode in enumerate(storm)
    ]
    faults.append(Fault(mode="502", method="GET", path=LOOK_UPS, rate=0.2, seed=seed))
    async with Simulator(faults=faults) as simulator:
        bench = bench_for(simulator)
        settings = settings_for(simulator.base_url, batch_size=3, concurrency=(1, 4)[seed % 2], attempts=8)
        report = await bench.load(settings)
        bench.assert_answers_are_true(report)
        if report.exit_code:
            assert report.exit_code in {7, 10}
            simulator.clear_faults()
            report = await bench.resume(settings)
        bench.assert_all_done(report)


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("mode", ["503", "504_after_commit", "reset_before_read", "429_bare"])
async def test_an_outage_stops_the_run_and_resume_finishes_it(
    mode: str,
    concurrency: int,
    bench_for: Callable[[Simulator], Bench],
    settings_for: Callable[..., Settings],
) -> None:
    async with Simulator(faults=[Fault(mode=mode, path=POSTS)]) as simulator:
        bench = bench_for(simulator)
        settings = settings_for(simulator.base_url, batch_size=1, concurrency=concurrency)
        report = await bench.load(settings)
        bench.assert_answers_are_true(report)
        if mode != "504_after_commit":  # there, looking up settles it all
            assert report.exit_code == 7
            assert report.stopped
            simulator.clear_faults()
            report = await bench.resume(settings)
        bench.assert_all_done(report)


async def test_hold_looks_nothing_up_and_resume_does(
    bench_for: Callable[[Simulator], Bench], settings_for: Callable[..., Settings]
) -> None:
    doubt = Fault(mode="reset_after_partial_commit", path=POSTS, nth=[2, 3])
    async with Simulator(faults=[doubt]) as simulator:
        bench = bench_for(simulator)
        settings = settings_for(simulator.base_url, batch_size=BATCH, concurrency=1, on_unknown="hold")
        report = await bench.load(settings)
        assert report.exit_code == 10
        assert report.counts["unknown"] == 4
        asked = [each.query for each in simulator.requests if each.path.endswith("/customers")]
        assert not [query for query in asked if any(f"L00{row}" in query for row in (3, 6))]
        bench.assert_answers_are_true(report)
        bench.assert_all_done(await bench.resume(settings))


async def test_what_has_landed_is_looked_up_and_not_sent_again(
    bench_for: Callable[[Simulator], Bench], settings_for: Callable[..., Settings]
) -> None:
    doubt = Fault(mode="504_after_commit", path=POSTS)
    async with Simulator(faults=[doubt]) as simulator:
        bench = bench_for(simulator)
        settings = settings_for(simulator.base_url, batch_size=5, concurrency=1, on_unknown="hold")
        report = await bench.load(settings)
        for _ in range(ROWS // 5):  # one batch fewer is unknown each time
            if report.exit_code:
                report = await bench.resume(settings)
        bench.assert_all_done(report)
        assert sum(each.method == "POST" for each in simulator.requests) == ROWS // 5
