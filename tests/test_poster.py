"""What the poster makes of answers, and of their absence: the campaign is a script, and time stands still."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from etl import outcomes
from etl.circuit import CircuitRules
from etl.errors import NotAuthorisedError, TooLargeError, UnavailableError, UnknownOutcomeError
from etl.gathering import Gathering
from etl.journal import Journal
from etl.obi.models import ItemResult, StoredCustomer
from etl.pace import Pace
from etl.payload import item_of
from etl.poster import Poster
from etl.posting import PostRules
from etl.records import Batch, CampaignRef, Customer, Item, Manifest, RowOutcome, RowStatus, SourceSpec

Answer = Callable[[list[str]], list[ItemResult]]
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC).timestamp()


class Clock:
    """Time that passes only where somebody waits, or where a test says so."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class Campaign:
    """The sending part of a client: answers from ``script``, then as a sound server does.

    ``hidden`` ids are held and not shown, ``taken`` ones are in use elsewhere; a request with a ``poison``
    row has no answer.
    """

    def __init__(self, clock: Clock, script: Iterable[Answer] = ()) -> None:
        self.held: dict[str, StoredCustomer] = {}
        self.hidden: set[str] = set()
        self.taken: set[str] = set()
        self.poison: set[str] = set()
        self.script: list[Answer] = list(script)
        self.posts: list[list[str]] = []
        self.look_ups: list[list[str]] = []
        self.on_look_up: Callable[[], None] = lambda: None
        self._clock = clock

    def take(self, external_ids: list[str]) -> list[ItemResult]:
        return [self._take(each) for each in external_ids]

    def _take(self, external_id: str) -> ItemResult:
        if external_id in self.held or external_id in self.taken:
            return ItemResult(400, None, "Value is not unique")
        self.put(external_id)
        return ItemResult(201, self.held[external_id].id, None)

    def put(self, external_id: str, *, earlier: float = 0) -> None:
        when = datetime.fromtimestamp(self._clock.now - earlier, UTC).isoformat(timespec="microseconds")
        self.held[external_id] = StoredCustomer(
            id=f"id-{external_id}",
            external_id=external_id,
            numbers=customer(int(external_id[1:])).numbers[0],
            call_count=0,
            modification_date=when,
        )

    async def add_list(
        self,
        campaign_id: str,  # noqa: ARG002  -- the protocol's
        bodies: Sequence[bytes],
        *,
        stop_if_invalid: bool = False,  # noqa: ARG002  -- the protocol's
    ) -> list[ItemResult]:
        ids = [body.decode().partition('"externalId":"')[2].partition('"')[0] for body in bodies]
        self.posts.append(ids)
        await asyncio.sleep(0)
        if self.script:
            return self.script.pop(0)(ids)
        if self.poison & set(ids):
            return lost(ids)
        return self.take(ids)

    async def find_all(
        self,
        campaign_id: str,  # noqa: ARG002  -- the protocol's
        external_ids: Sequence[str],
    ) -> dict[str, StoredCustomer]:
        self.on_look_up()
        self.look_ups.append([*external_ids])
        await asyncio.sleep(0)
        return {each: self.held[each] for each in external_ids if each in self.held.keys() - self.hidden}

    async def now(self, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        return await self.find_all("C", external_ids)

    async def sent(self, external_ids: Sequence[str], *, since: float | None) -> dict[str, StoredCustomer]:  # noqa: ARG002
        return await self.find_all("C", external_ids)

    async def earlier(self, external_ids: Sequence[str]) -> dict[str, StoredCustomer]:
        return await self.find_all("C", external_ids) if external_ids else {}


def lost(ids: list[str]) -> list[ItemResult]:
    raise UnknownOutcomeError("no answer")


def saying(*statuses: int) -> Answer:
    return lambda ids: [ItemResult(status) for status, _ in zip(itertools.cycle(statuses), ids, strict=False)]


def refusing(error: Exception) -> Answer:
    def answer(ids: list[str]) -> list[ItemResult]:
        raise error

    return answer


def customer(row: int) -> Customer:
    return Customer(row=row, external_id=f"K{row}", numbers=(f"+44207946{row:04}",))


def batch_of(number: int, *rows: int, **more: Any) -> Batch:
    return Batch(number=number, items=tuple(replace(item_of(customer(row)), **more) for row in rows))


MANIFEST = Manifest(
    run="r",
    started="2027-03-01T12:00:00+00:00",
    input="leads.csv",
    source="leads.csv",
    base_url="https://obi.example/RI/obi",
    campaign=CampaignRef("A" * 32, "Spring"),
    spec=SourceSpec(kind="csv", header=("Phone",), header_line=1, rows=1, fingerprint="", size=1),
    profile={},
    settings={},
    versions={},
    results="",
    rejects="",
)


class Bench:
    """One run: sittings with their posters, over one journal, one campaign and one clock."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.campaign = Campaign(self.clock)
        self.journal = Journal.create(path, MANIFEST)
        self.sharpen: Callable[[], Any] = self._nothing
        self.offset = 0.0

    async def _nothing(self) -> None:
        pass

    async def post(self, *batches: Batch, at_once: int = 1, **rules: Any) -> None:
        with Gathering(self.journal) as ledger:
            await self._post(ledger, *batches, at_once=at_once, **rules)

    async def _post(self, ledger: Gathering, *batches: Batch, at_once: int, **rules: Any) -> None:
        poster = Poster(
            customers=self.campaign,
            look_ups=self.campaign,
            ledger=ledger,
            campaign_id="C",
            rules=PostRules(**{"backoff": 0.0} | rules),
            pace=Pace(at_once, at_once),
            numbers=itertools.count(1_000 + self.journal.next_batch()),
            offset=lambda: self.offset,
            sharpen=self.sharpen,
            on_outcomes=lambda _outcomes: None,
            sleep=self.clock.sleep,
            clock=self.clock,
        )

        async def given() -> AsyncIterator[Batch]:
            for batch in batches:
                if not batch.in_doubt:
                    ledger.claim(batch)
                yield batch

        await poster.run(given())

    async def resume(self, **rules: Any) -> None:
        """Send again what the journal has in doubt, each row by itself."""
        await self.post(*self.in_doubt(), **rules)

    def in_doubt(self) -> Iterator[Batch]:
        for row, sent in self.journal.in_doubt().items():
            item: Item = replace(
                item_of(customer(row)),
                in_doubt=True,
                sent_at=sent.sent_at,
                doubted_at=sent.last_at,
                offset=sent.offset,
            )
            yield Batch(number=sent.batch, items=(item,), attempts=sent.attempts)

    @property
    def outcomes(self) -> dict[int, RowOutcome]:
        return {outcome.row: outcome for outcome in self.journal.outcomes()}

    @property
    def statuses(self) -> dict[int, str]:
        return {row: str(outcome.status) for row, outcome in self.outcomes.items()}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "journal.sqlite")
    with closing(made.journal):
        yield made


# --- in doubt, then refused ---------------------------------------------------------------------------------


async def test_a_row_in_doubt_that_is_refused_is_unknown_and_after_its_time_rejected_with_a_warning(
    bench: Bench,
) -> None:
    bench.campaign.taken = {"K1"}
    bench.campaign.script = [lost]
    await bench.post(batch_of(1, 1, 2))
    assert bench.statuses == {1: "unknown", 2: "created"}
    assert bench.outcomes[1].code == "unknown.refused"
    bench.clock.now += 59
    await bench.resume()
    assert bench.statuses[1] == "unknown"
    bench.clock.now += 2
    await bench.resume()
    assert bench.statuses[1] == "rejected"
    assert "without an answer" in bench.outcomes[1].warning
    assert bench.journal.in_doubt() == {}


async def test_the_time_of_doubt_may_pass_within_the_run(bench: Bench) -> None:
    def slow(ids: list[str]) -> list[ItemResult]:
        bench.clock.now += 61
        return bench.campaign.take(ids)

    bench.campaign.taken = {"K1"}
    bench.campaign.script = [lost, bench.campaign.take, slow]
    await bench.post(batch_of(1, 1), batch_of(2, 2))
    assert bench.statuses == {1: "rejected", 2: "created"}


async def test_answered_sendings_do_not_prolong_doubt(bench: Bench) -> None:
    """Whoever resumes every half minute comes to an end too."""
    bench.campaign.taken = {"K1"}
    bench.campaign.script = [lost]
    await bench.post(batch_of(1, 1))
    for _ in range(3):
        assert bench.statuses == {1: "unknown"}
        bench.clock.now += 25
        await bench.resume()
    assert bench.statuses == {1: "rejected"}


async def test_each_sending_without_an_answer_begins_the_time_of_doubt_anew(bench: Bench) -> None:
    bench.campaign.taken = {"K1"}
    bench.campaign.script = [lost]
    await bench.post(batch_of(1, 1))
    bench.clock.now += 100
    bench.campaign.script = [lost]
    await bench.resume()
    assert bench.statuses == {1: "unknown"}


async def test_doubt_of_a_row_is_not_shortened_by_the_refusal_of_another_of_its_batch(bench: Bench) -> None:
    bench.campaign.taken = {"K1"}
    bench.campaign.script = [lost]
    await bench.post(batch_of(1, 1, 2), rounds=1)
    bench.clock.now += 50
    both = Batch(number=1, items=tuple(item for each in bench.in_doubt() for item in each.items))
    bench.campaign.script = [saying(400, 500)]
    await bench.post(both, rounds=1)
    assert {sent.last_at for sent in bench.journal.in_doubt().values()} == {bench.clock.now}


async def test_a_row_after_one_that_was_created_only_now_did_not_land_before_either(bench: Bench) -> None:
    """A server works through a request in its order: what kept the one from it kept the other too."""
    bench.campaign.taken = {"K2"}
    bench.campaign.script = [lost]
    await bench.post(batch_of(1, 1, 2))
    assert bench.statuses == {1: "created", 2: "rejected"}
    assert bench.outcomes[2].warning == ""


async def test_a_row_in_doubt_for_longer_than_the_one_before_it_may_have_landed_all_the_same(
    bench: Bench,
) -> None:
    def put_off_and_landed(ids: list[str]) -> list[ItemResult]:
        bench.campaign.take(ids[1:])
        return saying(429, 500)(ids)

    bench.campaign.hidden = {"K2"}
    bench.campaign.script = [put_off_and_landed, saying(500)]
    await bench.post(batch_of(1, 1, 2), backoff=0.5)
    assert bench.statuses == {1: "created", 2: "unknown"}


async def test_rows_of_a_batch_whose_answer_was_lost_with_its_process_prove_nothing_of_each_other(
    bench: Bench,
) -> None:
    """The journal has the whole batch in doubt, also a row that the server had put off."""
    bench.campaign.put("K2")
    bench.campaign.hidden = {"K2"}
    bench.journal.claim(batch_of(1, 1, 2))
    bench.journal.sent(1, at=bench.clock.now, offset=0.0)
    bench.clock.now += 1
    together = tuple(item for each in bench.in_doubt() for item in each.items)
    await bench.post(Batch(number=1, items=together, attempts=1))
    assert bench.statuses == {1: "created", 2: "unknown"}


async def test_what_landed_and_is_refused_while_it_is_not_shown_is_created_once_it_is(bench: Bench) -> None:
    def landed(ids: list[str]) -> list[ItemResult]:
        bench.campaign.take(ids)
        return lost(ids)

    bench.campaign.hidden = {"K1", "K2"}
    bench.campaign.script = [landed]
    await bench.post(batch_of(1, 1, 2))
    assert bench.statuses == {1: "unknown", 2: "unknown"}
    bench.campaign.hidden = set()
    await bench.resume()
    assert bench.statuses == {1: "created", 2: "created"}
    assert bench.outcomes[1].id == "id-K1"


@pytest.mark.parametrize("existing", ["skip", "fail"])
async def test_a_row_in_doubt_that_is_found_without_proof_is_never_rejected(
    existing: str, bench: Bench
) -> None:
    bench.campaign.put("K1", earlier=3_600)
    bench.campaign.script = [lost]
    await bench.post(batch_of(1, 1), existing=existing)
    assert (bench.statuses, bench.outcomes[1].code) == ({1: "exists"}, "exists.unproved")


async def test_a_row_that_was_never_in_doubt_and_exists_is_rejected_where_that_is_wanted(
    bench: Bench,
) -> None:
    bench.campaign.put("K1", earlier=3_600)
    await bench.post(batch_of(1, 1), existing="fail")
    assert (bench.statuses, bench.outcomes[1].code) == ({1: "rejected"}, "rejected.exists")


# --- what an item's status means ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 99, 100, 202, 204, 302, 408, 500, 503, 999])
async def test_a_status_that_is_no_refusal_puts_its_row_in_doubt(status: int, bench: Bench) -> None:
    def landed(ids: list[str]) -> list[ItemResult]:
        bench.campaign.take(ids[:1])
        return saying(status)(ids)

    bench.campaign.script = [landed]
    await bench.post(batch_of(1, 1, 2))
    assert bench.statuses == {1: "created", 2: "created"}
    assert bench.campaign.look_ups[0] == ["K1", "K2"]
    assert bench.campaign.posts[1:] == [["K2"]]


async def test_rows_that_are_put_off_each_time_are_unsent(bench: Bench) -> None:
    bench.campaign.script = [saying(429)] * 4
    await bench.post(batch_of(1, 1, 2))
    assert bench.statuses == {1: "unsent", 2: "unsent"}
    assert bench.journal.in_doubt() == {}


@pytest.mark.parametrize("silent", range(4))
async def test_a_row_of_which_one_sending_had_no_answer_is_never_unsent(silent: int, bench: Bench) -> None:
    bench.campaign.script = [saying(429)] * 4
    bench.campaign.script[silent] = lost
    await bench.post(batch_of(1, 1))
    assert bench.statuses == {1: "unknown"}
    assert sorted(bench.journal.in_doubt()) == [1]


async def test_a_created_row_without_an_id_is_created_even_where_its_look_up_fails(bench: Bench) -> None:
    def fail() -> None:
        raise UnavailableError("look-ups are down")

    bench.campaign.script = [saying(201)]
    bench.campaign.on_look_up = fail
    with pytest.raises(UnavailableError, match="down"):
        await bench.post(batch_of(1, 1, 2))
    assert bench.statuses == {1: "created", 2: "created"}
    assert "gave no id" in bench.outcomes[1].warning


async def test_rows_left_unsent_are_in_doubt_when_their_next_sending_has_no_answer(bench: Bench) -> None:
    bench.campaign.script = [saying(429)]
    await bench.post(batch_of(1, 1), rounds=1)
    assert bench.statuses == {1: "unsent"}
    bench.campaign.script = [lost]
    await bench.post(batch_of(2, 1), rounds=1)
    assert bench.statuses == {1: "unknown"}
    assert bench.journal.in_doubt()[1].batch == 2


# --- what the journal keeps of a batch that falls apart -----------------------------------------------------


async def test_an_unknown_row_stays_on_record_when_the_rest_of_its_batch_is_split(bench: Bench) -> None:
    recorded: list[set[int]] = []

    def look(ids: list[str]) -> list[ItemResult]:
        with Journal.open(bench.journal.path) as as_after_a_crash:
            recorded.append(set(as_after_a_crash.in_doubt()))
        return bench.campaign.take(ids)

    bench.campaign.script = [lost, saying(400, 500, 500), refusing(TooLargeError("too large")), look]
    await bench.post(batch_of(1, 1, 2, 3))
    assert recorded == [{1, 2, 3}]
    assert bench.statuses == {1: "unknown", 2: "created", 3: "created"}
    assert set(bench.journal.in_doubt()) == {1}


async def test_an_unknown_row_stays_on_record_when_the_rest_of_its_batch_is_turned_away(
    bench: Bench,
) -> None:
    bench.campaign.script = [
        saying(500, 429),
        saying(400, 429),
        refusing(NotAuthorisedError("the password expired")),
    ]
    with pytest.raises(NotAuthorisedError):
        await bench.post(batch_of(1, 1, 2))
    bench.journal.drop_claims()
    assert 1 in bench.journal.in_doubt()


async def test_a_batch_that_is_turned_away_and_never_was_in_doubt_is_sent_afresh(bench: Bench) -> None:
    bench.campaign.script = [refusing(NotAuthorisedError("the password expired"))]
    with pytest.raises(NotAuthorisedError):
        await bench.post(batch_of(1, 1, 2))
    assert bench.journal.in_doubt() == {}


# --- servers that do not answer -----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 40), at=st.sets(st.integers(1, 40), max_size=3), at_once=st.integers(1, 3))
async def test_poison_rows_are_found_by_halving_and_all_others_are_created(
    size: int, at: set[int], at_once: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    poison = {row for row in at if row <= size}
    bench = Bench(tmp_path_factory.mktemp("poison") / "journal.sqlite")
    with closing(bench.journal):
        bench.campaign.poison = {f"K{row}" for row in poison}
        batches = [
            batch_of(1 + first // 20, *range(first + 1, min(first + 20, size) + 1))
            for first in range(0, size, 20)
        ]
        await bench.post(*batches, at_once=at_once, circuit=CircuitRules(trials=1000, patience=1e9))
        expected = {row: "unknown" if row in poison else "created" for row in range(1, size + 1)}
        assert bench.statuses == expected
        assert set(bench.journal.in_doubt()) == poison


@pytest.mark.parametrize("at", [1, 57, 100])
async def test_one_poison_row_of_a_full_batch_never_passes_for_a_dead_server(at: int, bench: Bench) -> None:
    bench.campaign.poison = {f"K{at}"}
    await bench.post(batch_of(1, *range(1, 101)))
    assert {row for row, status in bench.statuses.items() if status != "created"} == {at}


@pytest.mark.parametrize("at_once", [1, 4])
async def test_a_server_that_answers_nothing_stops_the_run_and_nothing_is_lost(
    at_once: int, bench: Bench
) -> None:
    rows = range(1, 41)
    bench.campaign.poison = {f"K{row}" for row in rows}
    batches = [batch_of(number, *range(4 * number - 3, 4 * number + 1)) for number in range(1, 11)]
    with pytest.raises(UnavailableError, match="resume") as stopped:
        await bench.post(*batches, at_once=at_once, circuit=CircuitRules(trips=5, most=8, trials=4))
    assert stopped.value.exit_code == 7
    assert 12 <= len(bench.campaign.posts) < 12 + at_once
    sent = {int(each[1:]) for post in bench.campaign.posts for each in post}
    assert set(bench.journal.in_doubt()) == sent
    assert set(bench.statuses.values()) <= {"unknown"}
    bench.campaign.poison = set()
    await bench.resume()
    assert bench.statuses == dict.fromkeys(sent, "created")


async def test_an_answer_now_and_then_is_no_dead_server(bench: Bench) -> None:
    bench.campaign.script = [lost, lost, bench.campaign.take] * 10
    await bench.post(*(batch_of(row, row) for row in range(1, 11)), circuit=CircuitRules(trips=3, trials=1))
    assert set(bench.statuses.values()) == {"created"}


# --- clocks -------------------------------------------------------------------------------------------------


async def test_no_row_is_judged_before_the_servers_clock_is_known_sharply(bench: Bench) -> None:
    """Another run put the same content there half a second before; two batches come to doubt at once."""

    async def sharpen() -> None:
        await asyncio.sleep(0.01)
        bench.offset = 0.0

    bench.offset = -0.9
    bench.sharpen = sharpen
    for each in ("K1", "K2"):
        bench.campaign.put(each, earlier=0.5)
    bench.campaign.script = [lost, lost]
    await bench.post(batch_of(1, 1), batch_of(2, 2), at_once=2)
    assert bench.statuses == {1: "exists", 2: "exists"}


@pytest.mark.parametrize("earlier", [-3_600, -6, 1, 3_600])
async def test_a_change_before_the_sending_or_in_the_future_proves_nothing(
    earlier: float, bench: Bench
) -> None:
    bench.campaign.put("K1", earlier=earlier)
    bench.campaign.script = [lost]
    await bench.post(batch_of(1, 1))
    assert (bench.statuses, bench.outcomes[1].code) == ({1: "exists"}, "exists.unproved")


async def test_a_poster_that_is_asked_to_hold_leaves_doubt_alone(bench: Bench) -> None:
    bench.campaign.script = [lost]
    await bench.post(batch_of(1, 1), on_unknown="hold")
    assert bench.statuses == {1: "unknown"}
    assert bench.outcomes[1].status is RowStatus.UNKNOWN
    assert bench.campaign.look_ups == []


@pytest.mark.parametrize(
    "results",
    [
        [ItemResult(201, "A"), ItemResult(201, "A")],
        [ItemResult(201, "A"), ItemResult(201, "")],
        [ItemResult(201, "A"), ItemResult(201, None)],
        [ItemResult(201, "A"), ItemResult(200, "B")],
        [ItemResult(201, "A"), ItemResult(400, "B", "no")],
        [ItemResult(201, "A")],
        [ItemResult(201, "A"), ItemResult(201, "B"), ItemResult(201, "C")],
    ],
)
def test_only_an_answer_of_201_with_an_id_of_its_own_each_is_an_ordinary_one(
    results: list[ItemResult],
) -> None:
    items = (Item(1, "a", "+44", b"{}"), Item(2, "b", "+44", b"{}", "w"))
    assert outcomes.all_created(Batch(number=1, items=items), results) is None


def test_an_ordinary_answer_says_of_each_row_what_it_says_of_one() -> None:
    items = (Item(1, "a", "+44", b"{}"), Item(2, "b", "+45", b"{}", "w"))
    sent = Batch(number=3, items=items, attempts=2)
    ordinary = outcomes.all_created(sent, [ItemResult(201, "A"), ItemResult(201, "B")])
    assert ordinary == [outcomes.created(items[0], sent, "A"), outcomes.created(items[1], sent, "B")]


def test_an_answer_for_rows_in_doubt_is_no_ordinary_one() -> None:
    """Of a row in doubt it may tell more: when the sending before it landed."""
    sent = Batch(number=1, items=(Item(1, "a", "+44", b"{}", in_doubt=True),))
    assert outcomes.all_created(sent, [ItemResult(201, "A")]) is None
