"""Hand-overs: each version of each customer is delivered once, whatever is interrupted where."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from etl import handedover, handover
from etl.errors import DiskFullError, LockedError, OutputError, StateError
from etl.handover import Delivery, DeliveryStatus, Handover, Version, holding, opened
from etl.obi.models import Script, StoredCustomer, instant
from etl.state import StateFolder

EVENING = datetime(2026, 11, 24, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SERVER = "https://obi.example/RI/obi"


def customer(number: int, when: datetime | None = EVENING, **fields: Any) -> StoredCustomer:
    return StoredCustomer(
        id=f"{number:032X}",
        external_id=f"lead-{number}",
        numbers=f"+44207946{number:04}",
        modification_date=instant(when) if when else None,
        **fields,
    )


class Campaign:
    """Customers of a server that answers what was modified since a time."""

    def __init__(self, *customers: StoredCustomer, now: datetime = EVENING) -> None:
        self.held = {each.id: each for each in customers}
        self.now = now

    def put(self, *customers: StoredCustomer) -> None:
        self.held |= {each.id: each for each in customers}
        dates = [when for each in customers if (when := each.modified_at)]
        self.now = max([self.now, *dates])

    def since(self, when: datetime | None) -> Iterator[StoredCustomer]:
        for key in list(self.held):
            each = self.held[key]
            if when is None or each.modified_at is None or each.modified_at > when:
                yield each


class Place:
    """A state folder, and the folder from which the receiver takes what is there."""

    def __init__(self, path: Path) -> None:
        self.state = StateFolder(path / "state")
        self.out = path / "out"
        self.out.mkdir(exist_ok=True)
        self.final = self.out / "leads.jsonl"
        self.taken: list[str] = []

    def opened(self, **given: Any) -> contextlib.AbstractContextManager[Handover]:
        return opened(self.state, server=SERVER, campaign_id="C", **given)

    def export(
        self,
        campaign: Campaign,
        *,
        awaits: bool = False,
        complete: bool = True,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Delivery:
        """What the command does; ``meanwhile`` happens once the first customer was read."""
        with self.opened() as held:
            if recovered := held.roll_forward():
                return recovered
            run, table = held.begin(self.final, server_time=campaign.now, awaits=awaits)
            new: dict[str, tuple[Version, bytes]] = {}
            for each in campaign.since(held.since):
                version = Version.of(each)
                if held.is_new(version):
                    new[each.id] = version, msgspec.json.encode(each)
                meanwhile()
            table.write_bytes(b"".join(line + b"\n" for _, line in new.values()))
            versions = [version for version, _ in new.values()]
            held.prepare(run, versions=versions, rows=len(new), complete=complete)
            return held.deliver(run)

    def take(self) -> list[str]:
        """What the receiver finds, files that were moved aside too; what it has taken is gone."""
        found: list[str] = []
        for path in sorted(self.out.glob("[!.]*")):
            found += path.read_text().splitlines()
            path.unlink()
        self.taken += found
        return found

    def files(self) -> list[str]:
        return sorted(path.name for path in self.out.iterdir())


def ids(lines: Sequence[str]) -> list[int]:
    return sorted(int(json.loads(line)["id"], 16) for line in lines)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# --- what is given ------------------------------------------------------------------------------------


def test_the_first_export_has_all_and_the_next_only_what_came_since(place: Place) -> None:
    campaign = Campaign(*map(customer, range(3)))
    first = place.export(campaign)
    assert (first.status, first.rows, ids(place.take())) == ("acknowledged", 3, [0, 1, 2])
    campaign.put(customer(1, EVENING + MINUTE, result="SUCCESS"), customer(7, EVENING + MINUTE))
    assert place.export(campaign).rows == 2
    assert ids(place.take()) == [1, 7]
    assert place.export(campaign).rows == 0
    assert place.take() == []


def test_the_next_export_asks_from_a_margin_before_the_newest_date(place: Place) -> None:
    place.export(Campaign(customer(1, EVENING - MINUTE), customer(2)))
    with place.opened() as held:
        assert held.since == EVENING - timedelta(minutes=10)
    with place.opened(margin=timedelta(hours=1)) as held:
        assert held.since == EVENING - timedelta(hours=1)


def test_a_change_that_was_committed_late_is_given(place: Place) -> None:
    campaign = Campaign(customer(1))
    place.export(campaign)
    place.take()
    campaign.put(customer(2, EVENING - 9 * MINUTE))
    assert place.export(campaign).rows == 1
    assert ids(place.take()) == [2]


def test_a_second_change_within_the_same_tick_of_the_clock_is_given(place: Place) -> None:
    campaign = Campaign(customer(1, result="DIALING"))
    place.export(campaign)
    campaign.put(customer(1, result="SUCCESS"))
    assert place.export(campaign).rows == 1


def test_a_date_that_goes_backwards_is_a_change_too_where_it_is_seen(place: Place) -> None:
    campaign = Campaign(customer(1))
    place.export(campaign)
    campaign.put(customer(1, EVENING - 5 * MINUTE))
    assert place.export(campaign).rows == 1
    with place.opened() as held:
        assert held.since == EVENING - timedelta(minutes=10)


def test_a_customer_without_a_date_is_given_once_and_again_when_it_has_changed(place: Place) -> None:
    campaign = Campaign(customer(1, None))
    assert [place.export(campaign).rows for _ in range(2)] == [1, 0]
    campaign.put(customer(1, None, result="BUSY"))
    assert [place.export(campaign).rows for _ in range(2)] == [1, 0]


def test_a_stale_answer_gives_nothing_twice(place: Place) -> None:
    old, new = customer(1, result="BUSY"), customer(1, EVENING + MINUTE, result="SUCCESS")
    campaign = Campaign(old)
    place.export(campaign)
    campaign.put(new)
    place.export(campaign)
    campaign.put(old)
    assert place.export(campaign).rows == 0


def test_a_date_in_the_future_holds_nothing_back(place: Place) -> None:
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    campaign = Campaign(customer(1), customer(2, never))
    campaign.now = EVENING
    place.export(campaign)
    campaign.held[customer(3).id] = customer(3, EVENING + MINUTE)
    assert place.export(campaign).rows == 1
    assert ids(place.take()) == [1, 2, 3]


def test_who_changes_during_a_long_export_is_given_by_the_next(place: Place) -> None:
    """The walk meets the first customer, who changes then, and the last one much later."""
    campaign = Campaign(customer(1), customer(2))

    def an_hour_passes() -> None:
        campaign.put(customer(1, EVENING + MINUTE, result="SUCCESS"))
        campaign.put(customer(2, EVENING + 60 * MINUTE, result="BUSY"))

    place.export(campaign, meanwhile=an_hour_passes)
    place.take()
    assert place.export(campaign).rows == 1
    assert ["SUCCESS" in line for line in place.take()] == [True]


def test_an_export_that_may_lack_somebody_moves_nothing_and_repeats_nothing(place: Place) -> None:
    campaign = Campaign(customer(1), customer(2))
    place.export(campaign, complete=False)
    with place.opened() as held:
        assert held.since is None
        last = held.last()
        assert last is not None
        assert not last.complete
    campaign.put(customer(3, EVENING - timedelta(days=9)))
    assert place.export(campaign).rows == 1


def test_another_way_of_writing_the_same_and_a_script_are_no_change() -> None:
    plain = StoredCustomer(
        id="62718C7889CC44F7B944C1A6F6BE9B7F", modification_date="2026-11-24T20:00:00Z", last_b_number=0
    )
    dashed = StoredCustomer(
        id="62718c78-89cc-44f7-b944-c1a6f6be9b7f",
        modification_date="2026-11-24T20:00:00.000Z",
        script=Script(name="Welcome"),
        last_b_number="0",
        result="",
    )
    assert Version.of(plain) == Version.of(dashed)


def test_hand_overs_of_other_campaigns_servers_and_filters_know_nothing_of_one_another(place: Place) -> None:
    place.export(Campaign(customer(1)))
    others = ((SERVER, "D", ""), ("https://other.example/RI/obi", "C", ""), (SERVER, "C", "result=SUCCESS*"))
    for server, campaign_id, key in others:
        with opened(place.state, server=server, campaign_id=campaign_id, key=key) as held:
            assert held.since is None
            assert held.last() is None
    with opened(place.state, server="HTTPS://OBI.example:443/RI/obi", campaign_id="C") as held:
        assert held.since is not None


# --- the receiver's folder ------------------------------------------------------------------------------


def test_a_file_that_the_receiver_has_not_taken_is_moved_aside(place: Place) -> None:
    campaign = Campaign(customer(1))
    place.export(campaign)
    campaign.put(customer(2, EVENING + MINUTE))
    place.export(campaign)
    assert len(place.files()) == 2
    assert ids(place.final.read_text().splitlines()) == [2]
    assert ids(place.take()) == [1, 2]


def test_what_stands_in_the_state_folder_is_the_user_s_own_and_names_nobody(place: Place) -> None:
    place.export(Campaign(customer(1)))
    (folder,) = place.state.exports.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    ledger = folder / handover.LEDGER
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert place.final.stat().st_mode & 0o777 == 0o600
    kept = b"".join(path.read_bytes() for path in folder.glob("ledger*"))
    assert not [text for text in (b"lead-1", b"79460001", customer(1).id.encode()) if text in kept]


def test_only_the_last_export_is_kept(place: Place) -> None:
    campaign = Campaign(customer(1))
    for minute in range(3):
        campaign.put(customer(1, EVENING + minute * MINUTE))
        last = place.export(campaign)
    (folder,) = place.state.exports.iterdir()
    assert [path.name for path in folder.glob("*.jsonl")] == [last.table]


def test_two_exports_of_one_hand_over_do_not_run_at_once(place: Place) -> None:
    with place.opened(), pytest.raises(LockedError), place.opened():
        pass


def test_a_full_disk_leaves_nothing_in_place_and_is_no_loss(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    campaign = Campaign(customer(1))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        with pytest.raises(DiskFullError, match=r"leads\.jsonl"):
            place.export(campaign)
    assert not place.final.exists()
    assert place.export(campaign).rows == 1
    assert place.files() == ["leads.jsonl"]


def test_a_full_state_folder_takes_nothing_back_and_gives_nothing_twice(place: Place) -> None:
    campaign = Campaign(customer(1))
    place.export(campaign)
    campaign.put(customer(1, EVENING + MINUTE))
    with place.opened() as held:
        ((pages,),) = held._ledger._db.execute("PRAGMA page_count")
        held._ledger._db.execute(f"PRAGMA max_page_count={pages}")
        run, table = held.begin(place.final, server_time=campaign.now)
        table.write_text("{}\n")
        versions = [Version(number.to_bytes(16, "big"), "") for number in range(5_000)]
        with pytest.raises(DiskFullError, match="No space"):
            held.prepare(run, versions=versions, rows=1)
    assert [place.export(campaign).rows for _ in range(2)] == [1, 0]
    assert ids(place.take()) == [1, 1]


def test_a_ledger_of_a_later_version_is_left_alone(place: Place) -> None:
    place.export(Campaign(customer(1)))
    (path,) = place.state.exports.glob(f"*/{handover.LEDGER}")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(StateError, match="format 9"):
        place.export(Campaign(customer(1)))


# --- once more ------------------------------------------------------------------------------------------


def test_again_gives_the_very_file_of_the_last_export_and_changes_nothing_else(place: Place) -> None:
    campaign = Campaign(customer(1), customer(2))
    place.export(campaign)
    first = place.final.read_bytes()
    campaign.put(customer(3, EVENING + MINUTE))
    place.final.unlink()
    with place.opened() as held:
        before = held.since
        held.again()
        assert (place.final.read_bytes(), held.since) == (first, before)
        held.again()
        held.again(place.out / "other.jsonl")
    assert place.files() == ["leads.jsonl", "other.jsonl"]
    assert (place.out / "other.jsonl").read_bytes() == first
    assert place.export(campaign).rows == 1


def test_again_overwrites_nobody_s_file(place: Place) -> None:
    place.export(Campaign(customer(1)))
    place.final.write_text("somebody's\n")
    with place.opened() as held:
        held.again()
    assert "somebody's" in place.take()


def test_again_says_why_it_can_t(place: Place) -> None:
    with place.opened() as held, pytest.raises(StateError, match="Nothing was handed over"):
        held.again()
    last = place.export(Campaign(customer(1)))
    with place.opened() as held:
        with pytest.raises(OutputError, match=r"\.jsonl"):
            held.again(place.out / "leads.csv")
        (kept,) = place.state.exports.glob(f"*/{last.table}")
        kept.unlink()
        with pytest.raises(StateError, match="not kept"):
            held.again()


# --- acknowledged by the receiver -------------------------------------------------------------------------


def test_nothing_is_had_until_the_receiver_says_so(place: Place) -> None:
    campaign = Campaign(customer(1))
    first = place.export(campaign, awaits=True)
    assert first.status == DeliveryStatus.DELIVERED
    campaign.put(customer(2, EVENING + MINUTE))
    second = place.export(campaign, awaits=True)
    assert second.rows == 2
    with holding(place.state, second.run) as held:
        done = held.acknowledge(second.run)
    assert (done.status, bool(done.acknowledged)) == ("acknowledged", True)
    assert place.export(campaign, awaits=True).rows == 0


def test_an_unacknowledged_file_makes_way_for_the_one_that_has_its_customers_again(place: Place) -> None:
    campaign = Campaign(customer(1))
    place.export(campaign, awaits=True)
    campaign.put(customer(2, EVENING + MINUTE))
    place.export(campaign, awaits=True)
    assert place.files() == ["leads.jsonl"]
    assert ids(place.take()) == [1, 2]


def test_who_was_only_in_an_export_that_nobody_acknowledged_is_not_had(place: Place) -> None:
    campaign = Campaign(customer(1), customer(2))
    place.export(campaign, awaits=True)
    missed = campaign.held.pop(customer(2).id)
    second = place.export(campaign, awaits=True)
    with place.opened() as held:
        held.acknowledge(second.run)
    campaign.put(missed)
    assert place.export(campaign, awaits=True).rows == 1


def test_acknowledging_twice_is_as_good_as_once(place: Place) -> None:
    run = place.export(Campaign(customer(1)), awaits=True).run
    with holding(place.state, run) as held:
        assert held.acknowledge(run) == held.acknowledge(run)


def test_an_acknowledgement_of_what_was_given_again_names_the_last(place: Place) -> None:
    campaign = Campaign(customer(1))
    first, second = (place.export(campaign, awaits=True) for _ in range(2))
    with holding(place.state, first.run) as held, pytest.raises(StateError, match=second.run):
        held.acknowledge(first.run)
    assert place.export(campaign, awaits=True).rows == 1


def test_an_acknowledgement_of_an_older_one_that_was_acknowledged_is_no_news(place: Place) -> None:
    campaign = Campaign(customer(1))
    first = place.export(campaign)
    place.export(campaign, awaits=True)
    with holding(place.state, first.run) as held:
        assert held.acknowledge(first.run) == first


def test_an_acknowledgement_of_an_unknown_export_says_so(place: Place) -> None:
    place.export(Campaign(customer(1)), awaits=True)
    with pytest.raises(StateError, match="no export 'nonsense'"), holding(place.state, "nonsense"):
        pass
    with place.opened() as held, pytest.raises(StateError, match="the last is"):
        held.acknowledge("nonsense")


def test_an_export_goes_by_the_end_of_its_name(place: Place) -> None:
    run = place.export(Campaign(customer(1)), awaits=True).run
    with holding(place.state, run[-8:]) as held:
        assert held.acknowledge(run[-8:]).run == run


# --- interrupted ----------------------------------------------------------------------------------------

A_KILL_CLOSES_NOTHING = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Files that are open when the end comes are closed by the collector, which would say so."""


class Killed(BaseException):
    """The process ends here."""


@contextlib.contextmanager
def killed_at(step: int) -> Iterator[None]:
    """End before this line that the hand-over's own code runs, from 1; the block ends, late or early."""
    left = step
    own = {handover.__file__, handedover.__file__}

    def each_line(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal left
        left -= event == "line"
        if not left:
            sys.settrace(None)
            raise Killed
        return each_line

    def each_call(frame: FrameType, _event: str, _arg: object) -> Any:
        return each_line if frame.f_code.co_filename in own else None

    before = sys.gettrace()
    sys.settrace(each_call)
    try:
        yield
    except Killed:
        pass
    finally:
        sys.settrace(before)


def every_step(tmp_path: Path, work: Callable[[Place], object], *, stride: int) -> Iterator[Place]:
    """A place for every ``stride``-th line of the work on it: the work was killed there."""
    for step in count(1, stride):
        path = tmp_path / str(step)
        path.mkdir()
        place, finished = Place(path), False
        with killed_at(step):
            work(place)
            finished = True
        yield place
        shutil.rmtree(path)
        if finished:
            return


@A_KILL_CLOSES_NOTHING
def test_whatever_an_export_is_killed_at_the_next_ones_give_all_of_it_once(tmp_path: Path) -> None:
    campaign = Campaign(customer(1), customer(2, None))
    for place in every_step(tmp_path, lambda place: place.export(campaign), stride=1):
        place.export(campaign)
        place.export(campaign)
        assert ids(place.take()) == [1, 2]
        assert place.files() == []


@A_KILL_CLOSES_NOTHING
def test_a_receiver_that_takes_the_file_before_we_know_is_asked_and_nothing_is_given_twice(
    tmp_path: Path,
) -> None:
    campaign = Campaign(customer(1))
    asked = 0
    for place in every_step(tmp_path, lambda place: place.export(campaign), stride=3):
        has_it = bool(place.take())
        try:
            place.export(campaign)
        except StateError as error:
            asked += has_it and "--ack" in str(error)
            with place.opened() as held:
                last = held.last()
                assert last is not None
                held.acknowledge(last.run)
            place.export(campaign)
        place.take()
        assert ids(place.taken) == [1]
    assert asked


def test_a_file_that_vanished_on_its_way_is_put_there_again(place: Place) -> None:
    campaign = Campaign(customer(1))
    with place.opened() as held:
        run, table = held.begin(place.final, server_time=campaign.now)
        table.write_text("{}\n")
        held.prepare(run, versions=[Version.of(customer(1))], rows=1)
    for path in place.out.iterdir():
        path.unlink()
    with pytest.raises(StateError, match="neither"):
        place.export(campaign)
    with place.opened() as held:
        assert held.again().status == DeliveryStatus.ACKNOWLEDGED
    assert place.take() == ["{}"]
    assert place.export(campaign).rows == 0


def test_a_folder_that_is_not_there_is_waited_for(place: Place) -> None:
    campaign = Campaign(customer(1))
    with place.opened() as held:
        run, table = held.begin(place.final, server_time=campaign.now)
        table.write_text("{}\n")
        held.prepare(run, versions=[Version.of(customer(1))], rows=1)
    away = place.out.rename(place.out.with_name("unmounted"))
    with pytest.raises(StateError, match="bring it back"):
        place.export(campaign)
    away.rename(place.out)
    assert place.export(campaign).run == run
    assert place.files() == ["leads.jsonl"]


def test_what_was_never_in_place_can_t_be_acknowledged(place: Place) -> None:
    campaign = Campaign(customer(1))
    with place.opened() as held:
        run, table = held.begin(place.final, server_time=campaign.now, awaits=True)
        with pytest.raises(StateError, match="never in place"):
            held.acknowledge(run)
        table.write_text("{}\n")
        held.prepare(run, versions=[Version.of(customer(1))], rows=1)
    with place.opened() as held:
        with pytest.raises(StateError, match="only now"):
            held.acknowledge(run)
        assert place.final.exists()
        assert held.acknowledge(run).status == DeliveryStatus.ACKNOWLEDGED


@A_KILL_CLOSES_NOTHING
def test_whatever_an_acknowledgement_is_killed_at_it_can_be_said_again(tmp_path: Path) -> None:
    campaign = Campaign(customer(1))

    def work(place: Place) -> None:
        with place.opened() as held:
            last = held.last()
            assert last is not None
            held.acknowledge(last.run)

    for step in count(1, 2):
        (path := tmp_path / str(step)).mkdir()
        place, finished = Place(path), False
        place.export(campaign, awaits=True)
        with killed_at(step):
            work(place)
            finished = True
        work(place)
        assert place.export(campaign, awaits=True).rows == 0
        if finished:
            return


@A_KILL_CLOSES_NOTHING
def test_whatever_again_is_killed_at_the_file_is_there_at_the_next_attempt(tmp_path: Path) -> None:
    campaign = Campaign(customer(1))
    for step in count(1, 5):
        (path := tmp_path / str(step)).mkdir()
        place, finished = Place(path), False
        place.export(campaign)
        place.take()
        with killed_at(step), place.opened() as held:
            held.again()
            finished = True
        place.take()
        with place.opened() as held:
            held.again()
        assert ids(place.take()) == [1]
        assert place.export(campaign).rows == 0
        if finished:
            return


SCRIPT = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_handover as model
real = os.replace
def replace(source, target, **given):
    if {late}:
        real(source, target, **given)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
model.Place(Path({path!r})).export(model.Campaign(*map(model.customer, range(50))))
"""


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL elsewhere")
@pytest.mark.parametrize("late", [False, True])
def test_a_process_that_is_killed_leaves_neither_its_lock_nor_half_a_file(late: bool, tmp_path: Path) -> None:
    place = Place(tmp_path)
    script = SCRIPT.format(tests=str(Path(__file__).parent), path=str(tmp_path), late=late)
    ended = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert place.final.exists() is late
    campaign = Campaign(*map(customer, range(50)))
    assert place.export(campaign).rows == 50
    assert place.export(campaign).rows == 0
    assert ids(place.take()) == list(range(50))


# --- whole stories --------------------------------------------------------------------------------------

CHANGES = st.tuples(
    st.just("change"),
    st.integers(0, 4),
    st.one_of(st.none(), st.integers(-9, 2)),
    st.sampled_from(["BUSY", "NOANSWER", "SUCCESS"]),
)
KILLS = st.one_of(st.none(), st.integers(1, 400))
STORIES = st.lists(
    st.one_of(
        CHANGES,
        st.tuples(st.just("export"), KILLS, st.integers(0, 4), st.booleans()),
        st.just(("take",)),
    ),
    max_size=12,
)


class Story:
    """A campaign that lives, exports that are killed, and a receiver."""

    def __init__(self, path: Path, *, awaits: bool) -> None:
        self.place = Place(path)
        self.campaign = Campaign()
        self.awaits = awaits

    def change(self, number: int, minutes: int | None, result: str) -> None:
        when = None if minutes is None else self.campaign.now + minutes * MINUTE
        self.campaign.put(customer(number, when, result=result))

    def export(self, kill: int | None, changed: int, complete: bool) -> None:
        def meanwhile() -> None:
            self.campaign.put(customer(changed, self.campaign.now + 20 * MINUTE, result="MEANWHILE"))

        given: dict[str, Any] = {"meanwhile": meanwhile} if kill else {}
        try:
            with killed_at(kill) if kill else contextlib.nullcontext():
                self.place.export(self.campaign, awaits=self.awaits, complete=complete, **given)
        except StateError:  # the receiver had taken the file before we knew that it was in place, and says so
            with self.place.opened() as held:
                last = held.last()
                assert last is not None
                held.acknowledge(last.run)

    def take(self) -> None:
        """The receiver takes what is there; where it has to say so, only the last export, and it does."""
        if not self.awaits:
            self.place.take()
            return
        with self.place.opened() as held:
            held.roll_forward()
            last = held.last()
            if last is not None and last.status == DeliveryStatus.DELIVERED:
                self.place.take()
                held.acknowledge(last.run)

    def end(self) -> None:
        """Whatever was interrupted is finished, and what came since is given."""
        for _ in range(2):
            self.export(None, 0, complete=True)
            self.take()


@A_KILL_CLOSES_NOTHING
@settings(max_examples=60, deadline=None)
@given(story=STORIES, awaits=st.booleans())
def test_the_union_of_all_files_has_each_version_once_and_every_customer_as_it_is(
    story: list[tuple[Any, ...]], awaits: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("story")
    told = Story(path, awaits=awaits)
    for word, *words in story:
        getattr(told, word)(*words)
    told.end()
    times = Counter(told.place.taken)
    now = {msgspec.json.encode(each).decode() for each in told.campaign.held.values()}
    assert set(times.values()) <= {1}
    assert now <= set(times)
    shutil.rmtree(path)
