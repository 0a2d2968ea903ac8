"""The journal: what was decided is on disk before it counts, and nothing in it is half."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import json
from msgspec.structs import replace

from etl.errors import DiskFullError, StateError
from etl.journal import SCHEMA_VERSION, InDoubt, Journal
from etl.records import Batch, CampaignRef, Item, Manifest, RowOutcome, RowStatus, SourceSpec

MANIFEST = Manifest(
    run="20270301-120000-abcd",
    started="2027-03-01T12:00:00Z",
    input="leads.csv",
    source="/state/source",
    base_url="https://host/RI/obi",
    campaign=CampaignRef("0" * 32, "Spring", "Active", "9999-12-31T23:59:59Z"),
    spec=SourceSpec(
        kind="csv", header=("externalId", "Phone1"), header_line=1, rows=9, fingerprint="f", size=1
    ),
    profile={"region": "GB"},
    settings={"batch_size": 100},
    versions={"obi-import": "0"},
    results="leads.results.csv",
    rejects="leads.rejects.csv",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.create(path, MANIFEST) as made:
        yield made


def item_of(row: int, **more: object) -> Item:
    return replace(Item(row, f"id-{row}", "+442079460000", b"{}"), **more)


def batch_of(number: int, *rows: int) -> Batch:
    return Batch(number=number, items=tuple(map(item_of, rows)))


def outcome(row: int, status: RowStatus = RowStatus.CREATED, **more: object) -> RowOutcome:
    return replace(RowOutcome(row=row, status=status), **more)


# --- what a journal is ------------------------------------------------------------------------------------


def test_a_journal_that_is_opened_again_is_what_it_was(path: Path, journal: Journal) -> None:
    journal.note("counted", [1, 2])
    journal.close()
    with Journal.open(path) as again:
        assert again.manifest == MANIFEST
        assert again.state() == "running"
        assert again.fact("counted", list[int]) == [1, 2]
        assert again.fact("never noted", int, 7) == 7
        assert list(again.outcomes()) == []
        assert again.next_batch() == 1


def test_a_journal_is_for_the_users_eyes_only(path: Path, journal: Journal) -> None:
    journal.record([outcome(1)])
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_journal_is_never_written_over_another(path: Path, journal: Journal) -> None:
    journal.record([outcome(1)])
    with pytest.raises(StateError, match="already"):
        Journal.create(path, MANIFEST)
    assert journal.counts() == {RowStatus.CREATED: 1}


def test_what_a_crash_left_of_an_unfinished_journal_is_made_anew(path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(b"half a journal")
    with Journal.create(path, MANIFEST) as made:
        assert made.manifest == MANIFEST
    assert not part.exists()


def test_a_journal_that_cannot_be_made_whole_does_not_stand_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half one would be taken for a damaged run."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(DiskFullError):
        Journal.create(path, MANIFEST)
    assert not path.exists()


def test_a_journal_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(StateError, match="no journal"):
        Journal.open(path)
    assert not path.exists()


def test_a_fact_replaces_the_one_of_its_name(journal: Journal) -> None:
    journal.note("state", "stopped")
    journal.note("state", "finished")
    assert journal.state() == "finished"


def altered(path: Path, key: str, value: bytes) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE facts SET value = ? WHERE key = ?", (value, key))
    db.close()


def test_a_journal_of_a_newer_version_is_refused_with_both_versions(path: Path, journal: Journal) -> None:
    journal.close()
    altered(path, "schema_version", json.encode(SCHEMA_VERSION + 1))
    with pytest.raises(StateError, match=rf"{SCHEMA_VERSION + 1}.*{SCHEMA_VERSION}"):
        Journal.open(path)


@pytest.mark.parametrize("content", [b"", b"externalId,Phone1\n", b"SQLite format 3\0" + b"\xff" * 4_000])
def test_a_file_that_is_no_journal_is_told(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"journal\.sqlite"):
        Journal.open(path)


@pytest.mark.parametrize("key", ["manifest", "schema_version", "state"])
@pytest.mark.parametrize("value", [b'{"run": ', b"[]", b"\xff\xfe"])
def test_a_damaged_fact_is_told_as_damage_and_not_as_a_bug(
    key: str, value: bytes, path: Path, journal: Journal
) -> None:
    journal.close()
    altered(path, key, value)
    with pytest.raises(StateError, match=r"journal\.sqlite"), Journal.open(path) as again:
        again.state()


def test_a_journal_with_spoilt_pages_is_told_as_damaged(path: Path, journal: Journal) -> None:
    for first in range(1, 20_000, 1_000):
        journal.record(outcome(row, error="x" * 50) for row in range(first, first + 1_000))
    journal.close()
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 4096] = os.urandom(len(content) - 4096 - 8192)
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"journal\.sqlite"), Journal.open(path) as again:
        list(again.outcomes())


# --- claimed, sent, settled -------------------------------------------------------------------------------


def test_a_batch_that_was_only_claimed_is_not_in_doubt(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2))
    assert journal.in_doubt() == {}
    assert journal.next_batch() == 2


def test_a_batch_that_was_sent_is_in_doubt_until_it_is_settled(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2))
    journal.sent(1, at=1_000.5, offset=0.25)
    assert journal.in_doubt() == {
        1: InDoubt(1, 1, 1_000.5, 1_000.5, 0.25, "id-1"),
        2: InDoubt(1, 1, 1_000.5, 1_000.5, 0.25, "id-2"),
    }
    journal.settle(1, [outcome(1), outcome(2, RowStatus.REJECTED)])
    assert journal.in_doubt() == {}
    assert list(journal.settled_rows()) == [1, 2]


def test_of_a_batch_that_is_settled_in_part_the_rest_is_in_doubt(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2, 3))
    journal.sent(1, at=10.0, offset=None)
    journal.settle(1, [outcome(2)])
    assert sorted(journal.in_doubt()) == [1, 3]


def test_unknown_rows_stay_in_doubt_and_unsent_ones_do_not(journal: Journal) -> None:
    """``unsent`` after a sending means that the server held the row back: certain that it is not there."""
    journal.claim(batch_of(1, 1, 2, 3))
    journal.sent(1, at=10.0, offset=None)
    settled = [outcome(1, RowStatus.UNKNOWN), outcome(2, RowStatus.UNSENT), outcome(3)]
    journal.settle(1, settled)
    assert sorted(journal.in_doubt()) == [1]
    assert list(journal.settled_rows()) == [3]
    assert [each.row for each in journal.outcomes()] == [1, 2, 3]


def test_a_row_that_was_unknown_is_settled_by_a_later_outcome(journal: Journal) -> None:
    journal.claim(batch_of(1, 1))
    journal.sent(1, at=10.0, offset=None)
    journal.settle(1, [outcome(1, RowStatus.UNKNOWN)])
    journal.settle(1, [outcome(1, RowStatus.CREATED, id="A" * 32)])
    assert journal.status_of(1) is RowStatus.CREATED
    assert journal.counts() == Counter({RowStatus.CREATED: 1})
    assert journal.in_doubt() == {}


def test_a_row_that_was_settled_is_not_counted_twice(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2))
    journal.sent(1, at=10.0, offset=None)
    for _ in range(2):
        journal.settle(1, [outcome(1)])
    assert sorted(journal.in_doubt()) == [2]


def test_an_unsent_row_that_is_claimed_again_has_no_outcome_any_more(journal: Journal) -> None:
    """What an earlier sitting said of it holds no longer, and the new sending must be able to be in doubt."""
    journal.claim(batch_of(1, 1, 2))
    journal.sent(1, at=10.0, offset=None)
    journal.settle(1, [outcome(1, RowStatus.UNSENT), outcome(2)])
    journal.claim(batch_of(2, 1))
    assert journal.status_of(1) is None
    assert journal.status_of(2) is RowStatus.CREATED
    assert journal.in_doubt() == {}
    journal.sent(2, at=20.0, offset=None)
    assert journal.in_doubt() == {1: InDoubt(2, 1, 20.0, 20.0, None, "id-1")}


def test_an_unsent_row_that_is_claimed_again_is_not_in_doubt_by_its_old_batch(journal: Journal) -> None:
    """Its old batch is open for another row only."""
    journal.claim(batch_of(1, 1, 2))
    journal.sent(1, at=10.0, offset=None)
    journal.settle(1, [outcome(1, RowStatus.UNKNOWN), outcome(2, RowStatus.UNSENT)])
    journal.claim(batch_of(2, 2))
    assert sorted(journal.in_doubt()) == [1]
    journal.drop_claims()
    assert sorted(journal.in_doubt()) == [1]
    journal.settle(1, [outcome(1)])
    assert journal.in_doubt() == {}


def test_an_unknown_row_counts_as_open_however_often_that_is_said(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2))
    journal.sent(1, at=10.0, offset=None)
    for _ in range(3):
        journal.settle(1, [outcome(1, RowStatus.UNKNOWN)])
    journal.settle(1, [outcome(2)])
    assert sorted(journal.in_doubt()) == [1]


def test_the_first_sendings_time_stays_the_last_ones_moves_and_sendings_are_counted(journal: Journal) -> None:
    """What the server holds since the first may be ours; the last tells how long there was no answer."""
    journal.claim(batch_of(1, 1))
    for at, offset in ((10.0, 1.0), (20.0, 2.0), (30.0, None)):
        journal.sent(1, at=at, offset=offset)
    assert journal.in_doubt()[1] == InDoubt(1, 3, 10.0, 30.0, 1.0, "id-1")


def test_a_first_sending_by_an_unknown_clock_is_not_given_a_later_reading_of_it(journal: Journal) -> None:
    journal.claim(batch_of(1, 1))
    journal.sent(1, at=10.0, offset=None)
    journal.sent(1, at=20.0, offset=2.0)
    assert journal.in_doubt()[1] == InDoubt(1, 2, 10.0, 20.0, None, "id-1")


def test_a_returned_batch_is_not_in_doubt_and_its_next_sending_is_the_first(journal: Journal) -> None:
    journal.claim(batch_of(1, 1))
    journal.sent(1, at=10.0, offset=1.0)
    journal.returned(1)
    assert journal.in_doubt() == {}
    journal.sent(1, at=20.0, offset=2.0)
    assert journal.in_doubt()[1] == InDoubt(1, 2, 20.0, 20.0, 2.0, "id-1")


def test_claims_of_an_earlier_process_are_dropped_and_sent_batches_are_not(journal: Journal) -> None:
    journal.claim(batch_of(1, 1))
    journal.claim(batch_of(2, 2))
    journal.sent(2, at=10.0, offset=None)
    journal.drop_claims()
    assert sorted(journal.in_doubt()) == [2]
    journal.claim(batch_of(1, 1))
    assert journal.next_batch() == 3


# --- splitting --------------------------------------------------------------------------------------------


def test_the_parts_of_a_split_batch_stand_in_its_place(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2, 3))
    journal.sent(1, at=10.0, offset=None)
    journal.split(1, [batch_of(2, 1, 2), batch_of(3, 3)])
    assert journal.in_doubt() == {}
    journal.sent(3, at=20.0, offset=2.0)
    assert journal.in_doubt() == {3: InDoubt(3, 1, 20.0, 20.0, 2.0, "id-3")}
    assert journal.next_batch() == 4


def test_the_rows_in_doubt_of_a_split_batch_stay_in_doubt_since_their_first_sending(journal: Journal) -> None:
    """An earlier sending may have been processed, whatever became of the last one."""
    journal.claim(batch_of(1, 1, 2))
    journal.sent(1, at=10.0, offset=1.0)
    doubt = {"in_doubt": True, "sent_at": 10.0, "doubted_at": 15.0, "offset": 1.0}
    parts = [
        Batch(number=number, items=(item_of(row, **doubt),), attempts=1) for number, row in ((2, 1), (3, 2))
    ]
    journal.split(1, parts)
    journal.sent(2, at=20.0, offset=2.0)
    assert journal.in_doubt() == {
        1: InDoubt(2, 2, 10.0, 20.0, 1.0, "id-1"),
        2: InDoubt(3, 1, 10.0, 15.0, 1.0, "id-2"),
    }


def test_a_batch_in_doubt_is_so_since_the_first_sending_of_its_rows_in_doubt(journal: Journal) -> None:
    """Its other rows were never sent, which is no earlier time than any."""
    items = (
        item_of(1),
        item_of(2, in_doubt=True, sent_at=20.0, doubted_at=25.0, offset=2.0),
        item_of(3, in_doubt=True, sent_at=10.0, doubted_at=15.0, offset=1.0),
    )
    journal.claim(Batch(number=1, items=items, attempts=1))
    assert set(journal.in_doubt().values()) == {
        InDoubt(1, 1, 10.0, 25.0, 1.0, f"id-{row}") for row in (1, 2, 3)
    }


def test_rows_that_a_split_leaves_out_stay_on_record(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2, 3, 4))
    journal.sent(1, at=10.0, offset=1.0)
    journal.settle(1, [outcome(1, RowStatus.UNKNOWN), outcome(2)])
    journal.split(1, [batch_of(2, 3), batch_of(3, 4)])
    assert journal.in_doubt() == {1: InDoubt(1, 1, 10.0, 10.0, 1.0, "id-1")}
    journal.settle(1, [outcome(1)])
    assert journal.in_doubt() == {}


@pytest.mark.parametrize("settled_before", [True, False])
def test_a_row_that_a_split_leaves_out_is_in_doubt_until_it_is_settled_itself(
    settled_before: bool,
    journal: Journal,
) -> None:
    """However many of its batch's rows are settled, before and after."""
    journal.claim(batch_of(1, 1, 2, 3, 4))
    journal.sent(1, at=10.0, offset=None)
    if settled_before:
        journal.settle(1, [outcome(2)])
    journal.split(1, [batch_of(2, 3, 4)])
    journal.sent(2, at=20.0, offset=None)
    journal.settle(2, [outcome(3), outcome(4)])
    if not settled_before:
        journal.settle(1, [outcome(2)])
    assert sorted(journal.in_doubt()) == [1]
    assert sorted(journal.settled_rows()) == [2, 3, 4]


def test_a_split_that_fails_leaves_the_batch_as_it_was(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2))
    journal.claim(batch_of(2, 3))
    journal.sent(1, at=10.0, offset=None)
    with pytest.raises(StateError):
        journal.split(1, [batch_of(9, 1), batch_of(2, 2)])
    assert sorted(journal.in_doubt()) == [1, 2]
    assert journal.next_batch() == 3


# --- reading ----------------------------------------------------------------------------------------------


def test_outcomes_come_in_the_order_of_rows_with_all_that_they_hold(journal: Journal) -> None:
    full = RowOutcome(
        row=2,
        status=RowStatus.REJECTED,
        status_code=409,
        id="A" * 32,
        external_id="id-2",
        numbers="+442079460000",
        field="Phone 1",
        code="rejected.409",
        error="Ünique",
        warning="w",
        attempts=3,
        batch=7,
        first_row=1,
    )
    journal.record([full, outcome(3, RowStatus.DUPLICATE, first_row=2)])
    journal.record([outcome(1, RowStatus.INVALID)])
    found = list(journal.outcomes())
    assert [each.row for each in found] == [1, 2, 3]
    assert found[1] == full
    assert all(isinstance(each.status, RowStatus) for each in found)


def test_outcomes_may_be_written_while_they_are_read(journal: Journal) -> None:
    journal.record(outcome(row) for row in range(1, 12_001))
    seen = []
    for row in journal.settled_rows():
        if row % 4_000 == 0:
            journal.settle(1, [outcome(20_000 + row)])
        seen.append(row)
    assert seen[:12_000] == list(range(1, 12_001))
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("rows", [0, 1, 4_999, 5_000, 5_001, 10_000])
def test_a_page_border_loses_nothing(rows: int, journal: Journal) -> None:
    journal.record(outcome(row) for row in range(1, rows + 1))
    assert [each.row for each in journal.outcomes()] == list(range(1, rows + 1))


def test_a_row_without_an_outcome_has_no_status(journal: Journal) -> None:
    assert journal.status_of(1) is None
    assert journal.counts() == Counter()


steps = st.lists(
    st.tuples(
        st.sampled_from(["sent", "returned", "settle", "unknown", "reopen"]),
        st.integers(1, 4),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_what_is_in_doubt_is_what_was_sent_and_has_no_answer(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    journal = Journal.create(path, MANIFEST)
    state = dict.fromkeys(range(1, 5), "claimed")
    for number in state:
        journal.claim(batch_of(number, number))
    for step, number in steps:
        if step == "reopen":
            journal.close()
            journal = Journal.open(path)
        elif step == "sent" and state[number] != "settled":
            journal.sent(number, at=1.0, offset=None)
            state[number] = "sent"
        elif step == "returned" and state[number] == "sent":
            journal.returned(number)
            state[number] = "claimed"
        elif step in {"settle", "unknown"} and state[number] == "sent":
            known = step == "settle"
            status = RowStatus.CREATED if known else RowStatus.UNKNOWN
            journal.settle(number, [outcome(number, status)])
            state[number] = "settled" if known else "sent"
        assert set(journal.in_doubt()) == {row for row, what in state.items() if what == "sent"}
        assert set(journal.settled_rows()) == {row for row, what in state.items() if what == "settled"}
    journal.close()


# --- what a disk can do -----------------------------------------------------------------------------------


def synchronous(journal: Journal) -> int:
    """SQLite's level of durability: 1 is NORMAL, 2 is FULL."""
    return int(journal._db.execute("PRAGMA synchronous").fetchone()[0])


def test_sendings_and_outcomes_are_on_disk_before_they_count(journal: Journal) -> None:
    journal.claim(batch_of(1, 1, 2))
    assert synchronous(journal) == 1
    journal.sent(1, at=10.0, offset=None)
    assert synchronous(journal) == 2
    journal.record([outcome(9, RowStatus.INVALID)])
    assert synchronous(journal) == 1
    journal.settle(1, [outcome(1), outcome(2)])
    assert synchronous(journal) == 2
    journal.drop_claims()
    journal.returned(1)
    assert synchronous(journal) == 2
    journal.claim(batch_of(2, 3))
    journal.note("state", "finished")
    assert synchronous(journal) == 2


def test_the_journal_is_written_ahead(path: Path, journal: Journal) -> None:
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    assert journal.state() == "running"


def test_a_full_disk_is_told_and_what_was_written_before_stays(journal: Journal) -> None:
    journal.claim(batch_of(1, 1))
    journal.sent(1, at=10.0, offset=None)
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DiskFullError, match="free some and resume"):
        journal.record(outcome(row, error="x" * 500) for row in range(2, 2_000))
    assert journal.counts() == Counter()
    journal._db.execute("PRAGMA max_page_count = 100000")
    journal.settle(1, [outcome(1)])
    assert journal.counts() == Counter({RowStatus.CREATED: 1})


def test_an_error_within_a_transaction_leaves_no_half_of_it(journal: Journal) -> None:
    def broken() -> Iterator[RowOutcome]:
        yield outcome(1)
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        journal.record(broken())
    assert journal.counts() == Counter()
    journal.record([outcome(1)])
    assert journal.counts() == Counter({RowStatus.CREATED: 1})


def test_two_openings_of_one_journal_see_each_others_writing(path: Path, journal: Journal) -> None:
    with Journal.open(path) as aside:
        aside.record([outcome(1, RowStatus.INVALID)])
        journal.claim(batch_of(1, 2))
        assert journal.status_of(1) is RowStatus.INVALID
        assert aside.next_batch() == 2


def test_a_killed_process_leaves_what_it_committed(path: Path) -> None:
    script = """
        import os, signal, sys
        from pathlib import Path
        from msgspec import json
        from etl.journal import Journal
        from etl.records import Batch, Item, Manifest, RowOutcome, RowStatus

        journal = Journal.create(Path(sys.argv[1]), json.decode(sys.argv[2], type=Manifest))
        for number in (1, 2, 3):
            item = Item(number, f"id-{number}", "+442079460000", b"{}")
            journal.claim(Batch(number=number, items=(item,)))
        journal.sent(1, at=10.0, offset=None)
        journal.settle(1, [RowOutcome(row=1, status=RowStatus.CREATED)])
        journal.sent(2, at=20.0, offset=1.5)
        journal._db.execute("BEGIN IMMEDIATE")
        journal._db.execute("DELETE FROM outcomes")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path), json.encode(MANIFEST).decode()],
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    with Journal.open(path) as journal:
        assert journal.state() == "running"
        assert list(journal.settled_rows()) == [1]
        assert journal.in_doubt() == {2: InDoubt(2, 1, 20.0, 20.0, 1.5, "id-2")}
        journal.drop_claims()
        assert journal.next_batch() == 3
