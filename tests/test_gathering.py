"""Commits that serve several batches: what is sent is on disk first, and nothing waits for long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from etl.errors import DiskFullError
from etl.gathering import Gathering
from etl.journal import Journal
from etl.records import Batch, CampaignRef, Item, Manifest, RowOutcome, RowStatus, SourceSpec

MANIFEST = Manifest(
    run="20270301-120000-abcd",
    started="2027-03-01T12:00:00Z",
    input="leads.csv",
    source="/state/source",
    base_url="https://host/RI/obi",
    campaign=CampaignRef("0" * 32, "Spring"),
    spec=SourceSpec(kind="csv", header=("Phone1",), header_line=1, rows=9, fingerprint="f", size=1),
    profile={},
    settings={},
    versions={},
    results="r.csv",
    rejects="j.csv",
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.create(tmp_path / "journal.sqlite", MANIFEST) as made:
        yield made


@pytest.fixture
def disk(journal: Journal) -> Iterator[Journal]:
    """The journal as another process finds it: what is committed."""
    with Journal.open(journal.path) as opened:
        yield opened


def batch_of(number: int, *rows: int) -> Batch:
    return Batch(number=number, items=tuple(Item(row, f"id-{row}", "+442079460000", b"{}") for row in rows))


def created(*rows: int) -> list[RowOutcome]:
    return [RowOutcome(row, RowStatus.CREATED, 201, f"A{row}", f"id-{row}") for row in rows]


async def test_a_sending_is_on_disk_when_it_may_leave_and_with_it_all_that_came_before(
    journal: Journal, disk: Journal
) -> None:
    with Gathering(journal) as ledger:
        ledger.claim(batch_of(1, 1, 2))
        await ledger.sent(1, at=10.0, offset=None)
        assert sorted(disk.in_doubt()) == [1, 2]
        ledger.settle(1, created(1, 2))
        ledger.claim(batch_of(2, 3))
        assert sorted(disk.in_doubt()) == [1, 2], "as if the process had died before the answer"
        await ledger.sent(2, at=20.0, offset=None)
        assert sorted(disk.in_doubt()) == [3]
        assert list(disk.settled_rows()) == [1, 2]


async def test_what_nothing_follows_is_on_disk_soon(journal: Journal, disk: Journal) -> None:
    with Gathering(journal) as ledger:
        ledger.settle(1, created(1))
        assert disk.status_of(1) is None
        while disk.status_of(1) is None:
            await asyncio.sleep(0.001)
        ledger.settle(1, created(2))
        while disk.status_of(2) is None:
            await asyncio.sleep(0.001)


async def test_nothing_waits_beyond_the_end(journal: Journal, disk: Journal) -> None:
    with Gathering(journal) as ledger:
        ledger.settle(1, created(1))
    assert disk.counts() == {RowStatus.CREATED: 1}


async def test_nothing_waits_beyond_an_error(journal: Journal, disk: Journal) -> None:
    def stopped() -> None:
        with Gathering(journal) as ledger:
            ledger.settle(1, created(1))
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        stopped()
    assert disk.counts() == {RowStatus.CREATED: 1}


async def test_what_could_not_be_written_is_written_with_the_next_and_nothing_is_sent_before(
    journal: Journal, disk: Journal
) -> None:
    def room(pages: int) -> None:
        journal._db.execute(f"PRAGMA max_page_count = {pages}")

    ledger = Gathering(journal)
    ledger.claim(batch_of(1, *range(1, 101)))
    await ledger.sent(1, at=10.0, offset=None)
    room(1)  # as many as there are
    ledger.settle(1, [replace(each, error="x" * 500) for each in created(*range(1, 101))])
    await asyncio.sleep(0.02)
    assert len(disk.in_doubt()) == 100
    ledger.claim(batch_of(2, 101))
    with pytest.raises(DiskFullError):
        await ledger.sent(2, at=20.0, offset=None)
    assert len(disk.in_doubt()) == 100
    room(100_000)
    await ledger.sent(2, at=30.0, offset=None)
    assert sorted(disk.in_doubt()) == [101]
    assert disk.counts() == {RowStatus.CREATED: 100}


async def test_batches_that_leave_in_one_moment_share_a_commit(journal: Journal, disk: Journal) -> None:
    commits: list[str] = []
    journal._db.set_trace_callback(commits.append)
    with Gathering(journal) as ledger:
        for number in range(1, 9):
            ledger.claim(batch_of(number, number))
        await asyncio.gather(*(ledger.sent(number, at=10.0, offset=None) for number in range(1, 9)))
        assert sorted(disk.in_doubt()) == list(range(1, 9))
    assert commits.count("COMMIT") == 1


async def test_one_that_is_cancelled_before_it_leaves_takes_no_other_with_it(
    journal: Journal, disk: Journal
) -> None:
    with Gathering(journal) as ledger:
        leaving = []
        for number in (1, 2):
            ledger.claim(batch_of(number, number))
            leaving.append(asyncio.create_task(ledger.sent(number, at=10.0, offset=None)))
        await asyncio.sleep(0)
        leaving[0].cancel()
        await leaving[1]
        assert sorted(disk.in_doubt()) == [1, 2]
    assert leaving[0].cancelled()


async def test_all_that_would_leave_together_are_told_what_went_wrong(journal: Journal) -> None:
    ledger = Gathering(journal)
    journal._db.execute("PRAGMA max_page_count = 1")  # as many as there are
    ledger.settle(3, [replace(each, error="x" * 500) for each in created(*range(1, 101))])
    told = await asyncio.gather(
        *(ledger.sent(number, at=10.0, offset=None) for number in (1, 2)), return_exceptions=True
    )
    assert [type(each) for each in told] == [DiskFullError, DiskFullError]
