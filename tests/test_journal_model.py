"""The journal beside a model of plain dictionaries: however outcomes are kept, the answers are the same."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import json
from msgspec.structs import replace

from etl.errors import StateError
from etl.journal import NOT_READ_BACK, InDoubt, Journal
from etl.records import OPEN, Batch, CampaignRef, Item, Manifest, RowOutcome, RowStatus, SourceSpec

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

FORMAT_1 = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE batches (
    number INTEGER PRIMARY KEY, state TEXT NOT NULL, attempts INTEGER NOT NULL, sent_at REAL NOT NULL,
    last_at REAL NOT NULL, offset REAL, open INTEGER NOT NULL, rows BLOB NOT NULL
);
CREATE TABLE outcomes (
    row INTEGER PRIMARY KEY, status TEXT NOT NULL, status_code INTEGER, id TEXT NOT NULL,
    external_id TEXT NOT NULL, numbers TEXT NOT NULL, field TEXT NOT NULL, code TEXT NOT NULL,
    error TEXT NOT NULL, warning TEXT NOT NULL, attempts INTEGER NOT NULL, batch INTEGER, first_row INTEGER
);
INSERT INTO facts VALUES ('schema_version', '1'), ('state', '"running"');
"""


def old_journal(path: Path, outcomes: Sequence[tuple[int, str]] = ()) -> None:
    """A journal as the version before wrote it: no lists, and a digest of each body beside its claim."""
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode=WAL;" + FORMAT_1)
    db.execute("INSERT INTO facts VALUES ('manifest', ?)", (json.encode(MANIFEST),))
    db.executemany(
        "INSERT INTO outcomes VALUES (?, ?, 201, 'A', 'id', '+44', '', '', '', '', 1, 1, NULL)", outcomes
    )
    db.commit()
    db.close()


class Model:
    """What is true of batches and rows, in the plainest way."""

    def __init__(self) -> None:
        self.outcomes: dict[int, RowOutcome] = {}
        self.batches: dict[int, dict[str, Any]] = {}

    def put(self, outcomes: list[RowOutcome]) -> None:
        self.outcomes |= {each.row: each for each in outcomes}

    def certain(self, rows: list[int]) -> int:
        held = (self.outcomes.get(row) for row in rows)
        return sum(each is not None and each.status is not RowStatus.UNKNOWN for each in held)

    def claim(self, batch: Batch) -> None:
        for item in batch.items:
            held = self.outcomes.get(item.row)
            if held and held.status is RowStatus.UNSENT:
                del self.outcomes[item.row]
        first = min(batch.items, key=lambda item: (not item.in_doubt, item.sent_at))
        self.batches[batch.number] = {
            "state": "sent" if batch.in_doubt else "claimed",
            "attempts": batch.attempts,
            "sent_at": first.sent_at,
            "last_at": max(item.doubted_at for item in batch.items),
            "offset": first.offset,
            "open": len(batch.items),
            "rows": [(item.row, item.external_id) for item in batch.items],
        }

    def release(self, number: int, rows: set[int]) -> None:
        batch = self.batches[number]
        batch["rows"] = [each for each in batch["rows"] if each[0] not in rows]
        batch["open"] = len(batch["rows"]) - self.certain([row for row, _ in batch["rows"]])

    def settle(self, number: int, outcomes: list[RowOutcome]) -> None:
        if unsent := {each.row for each in outcomes if each.status is RowStatus.UNSENT}:
            self.release(number, unsent)
        rows = [each.row for each in outcomes if each.status not in OPEN]
        settled = len(rows) - self.certain(rows)
        self.put(outcomes)
        batch = self.batches[number]
        if batch["open"] <= settled:
            batch["rows"] = []
        batch["open"] -= settled

    def reopen(self, outcomes: list[RowOutcome]) -> None:
        self.put(outcomes)
        for each in outcomes:
            batch = self.batches[each.batch or 0]
            batch["open"] += 1
            batch["rows"] = [kept for kept in batch["rows"] if kept[0] != each.row]
            batch["rows"].append((each.row, each.external_id))

    def in_doubt(self) -> dict[int, InDoubt]:
        found = {}
        for number, batch in sorted(self.batches.items()):
            if batch["state"] != "sent" or batch["open"] <= 0:
                continue
            for row, external_id in batch["rows"]:
                found[row] = InDoubt(
                    number,
                    batch["attempts"],
                    batch["sent_at"],
                    batch["last_at"],
                    batch["offset"],
                    external_id,
                )
        for row in list(found):
            held = self.outcomes.get(row)
            if held and held.status is not RowStatus.UNKNOWN:
                del found[row]
            elif held and held.code == NOT_READ_BACK:
                found[row] = replace(found[row], said_created=True)
        return found


ROWS = st.lists(st.integers(1, 30), unique=True, min_size=1, max_size=12)
SOME = st.lists(st.sampled_from(list(RowStatus)), min_size=12, max_size=12)
SETTLED = st.just([RowStatus.CREATED] * 12)


class Journals(RuleBasedStateMachine):
    """Two openings of one journal are written and read by turns; either must say what the model says."""

    @initialize(old=st.booleans(), held=st.dictionaries(st.integers(1, 30), st.sampled_from(list(RowStatus))))
    def begin(self, old: bool, held: dict[int, RowStatus]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.sqlite"
        self.model = Model()
        self.next = 1
        if old:
            old_journal(self.path, [(row, status.value) for row, status in held.items()])
            self.model.put(
                [
                    RowOutcome(row, status, 201, "A", "id", "+44", attempts=1, batch=1)
                    for row, status in held.items()
                ]
            )
            self.journals = [Journal.open(self.path)]
        else:
            self.journals = [Journal.create(self.path, MANIFEST)]
        self.journals.append(Journal.open(self.path))
        self.turn = 0

    def teardown(self) -> None:
        for journal in getattr(self, "journals", ()):
            journal.close()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @property
    def journal(self) -> Journal:
        return self.journals[self.turn]

    def number(self, pick: int) -> int:
        numbers = sorted(self.model.batches)
        return numbers[pick % len(numbers)]

    def batch(self, rows: list[int], *, in_doubt: bool) -> Batch:
        items = tuple(
            Item(
                row,
                f"id-{row}",
                "+442079460000",
                b"{}",
                "",
                in_doubt and row % 2 == 0,
                row * 1.0,
                row * 2.0,
                0.5,
            )
            for row in rows
        )
        self.next += 1
        return Batch(number=self.next - 1, items=items, attempts=int(in_doubt))

    def outcomes(self, rows: list[int], statuses: list[RowStatus], code: str = "") -> list[RowOutcome]:
        return [
            RowOutcome(row, status, 201, f"ID{row}", f"id-{row}", code=code, attempts=self.next, first_row=7)
            for row, status in zip(rows, statuses, strict=False)
        ]

    @rule(which=st.integers(0, 1))
    def other(self, which: int) -> None:
        self.turn = which

    @rule()
    def again(self) -> None:
        self.journal.close()
        self.journals[self.turn] = Journal.open(self.path)

    @rule(rows=ROWS, in_doubt=st.booleans())
    def claim(self, rows: list[int], in_doubt: bool) -> None:
        batch = self.batch(rows, in_doubt=in_doubt)
        self.journal.claim(batch)
        self.model.claim(batch)

    @rule(rows=ROWS, statuses=SOME | SETTLED)
    def record(self, rows: list[int], statuses: list[RowStatus]) -> None:
        outcomes = self.outcomes(rows, statuses)
        self.journal.record(outcomes)
        self.model.put(outcomes)

    @precondition(lambda self: self.model.batches)
    @rule(pick=st.integers(0, 9), at=st.floats(1, 99), offset=st.none() | st.floats(-1, 1))
    def sent(self, pick: int, at: float, offset: float | None) -> None:
        number = self.number(pick)
        self.journal.sent(number, at=at, offset=offset)
        batch = self.model.batches[number]
        if batch["state"] != "sent":
            batch |= {"sent_at": at, "offset": offset}
        batch |= {"state": "sent", "attempts": batch["attempts"] + 1, "last_at": at}

    @precondition(lambda self: self.model.batches)
    @rule(pick=st.integers(0, 9))
    def returned(self, pick: int) -> None:
        self.journal.returned(self.number(pick))
        self.model.batches[self.number(pick)]["state"] = "claimed"

    @precondition(lambda self: self.model.batches)
    @rule(pick=st.integers(0, 9))
    def answered(self, pick: int) -> None:
        self.journal.answered(self.number(pick), doubted_at=5.0)
        self.model.batches[self.number(pick)]["last_at"] = 5.0

    @precondition(lambda self: self.model.batches)
    @rule(pick=st.integers(0, 9), whole=st.booleans(), more=ROWS, statuses=SOME | SETTLED)
    def settle(self, pick: int, whole: bool, more: list[int], statuses: list[RowStatus]) -> None:
        number = self.number(pick)
        own = [row for row, _ in self.model.batches[number]["rows"]]
        outcomes = self.outcomes(own if whole else more, statuses)
        self.journal.settle(number, outcomes)
        self.model.settle(number, outcomes)

    @precondition(lambda self: self.model.batches)
    @rule(pick=st.integers(0, 9), rows=ROWS, code=st.sampled_from(["", NOT_READ_BACK]))
    def reopen(self, pick: int, rows: list[int], code: str) -> None:
        outcomes = self.outcomes(rows, [RowStatus.UNKNOWN] * 12, code)
        outcomes = [replace(each, batch=self.number(pick)) for each in outcomes]
        self.journal.reopen(outcomes)
        self.model.reopen(outcomes)

    @precondition(lambda self: self.model.batches)
    @rule(pick=st.integers(0, 9), size=st.integers(1, 5), in_doubt=st.booleans())
    def split(self, pick: int, size: int, in_doubt: bool) -> None:
        number = self.number(pick)
        rows = [row for row, _ in self.model.batches[number]["rows"]][1:]
        parts = [self.batch(rows[at : at + size], in_doubt=in_doubt) for at in range(0, len(rows), size)]
        self.journal.split(number, parts)
        self.model.release(number, {row for part in parts for row in part.rows})
        for part in parts:
            self.model.claim(part)

    @rule()
    def drop_claims(self) -> None:
        self.journal.drop_claims()
        for number in [key for key, batch in self.model.batches.items() if batch["state"] == "claimed"]:
            del self.model.batches[number]
        self.next = max(self.next, self.journal.next_batch())

    @rule(rows=ROWS, statuses=SOME)
    def failed(self, rows: list[int], statuses: list[RowStatus]) -> None:
        """What fails within one step leaves nothing behind, whatever of it was written."""

        def write() -> None:
            with self.journal.together():
                self.journal.record(self.outcomes(rows, statuses))
                for _ in range(2):  # a number can't be taken twice
                    self.journal.claim(Batch(number=10_000, items=(Item(rows[0], "id", "", b""),)))

        with pytest.raises(StateError):
            write()

    @invariant()
    def the_answers_are_the_models(self) -> None:
        if not hasattr(self, "journals"):
            return
        held = [outcome for _, outcome in sorted(self.model.outcomes.items())]
        assert list(self.journal.outcomes()) == held
        assert list(self.journal.settled_rows()) == [each.row for each in held if each.status not in OPEN]
        assert self.journal.counts() == Counter(each.status for each in held)
        assert self.journal.in_doubt() == self.model.in_doubt()
        for row in range(1, 31):
            found = self.model.outcomes.get(row)
            assert self.journal.status_of(row) is (found.status if found else None)
        assert self.journal.was_sent() == any(batch["attempts"] for batch in self.model.batches.values())
        assert self.journal.next_batch() == max(self.model.batches, default=0) + 1


TestJournals = Journals.TestCase
TestJournals.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
