"""The truth of a run: what was decided for each row, on disk before it counts.

One SQLite file a run (WAL). A batch is ``claimed`` when it is made, ``sent`` just before its bytes leave,
and a row is settled when its outcome is kept (``etl.rowstore`` says how); ``open`` counts the rows of a
batch that are not. After a crash, a row of a batch that was sent and has no outcome is in doubt; a row that
was only claimed was certainly not sent.

Sendings and outcomes are committed with ``synchronous=FULL``: a power cut must not make a sent batch look
unsent, nor a created row look in doubt. A lost claim costs nothing and is committed with the next sending.
Each method commits what it writes before it returns, but within ``together`` all of it is one step.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct

from etl.errors import DiskFullError, StateError
from etl.records import OPEN, Batch, Manifest, RowOutcome, RowStatus
from etl.rowstore import OUTCOMES, SETTLED, RowStore

SCHEMA_VERSION = 2
"""Format 1 has no lists of outcomes: it becomes 2 when it is opened, by an empty table of them."""

NOT_READ_BACK = "unknown.not_read_back"
"""The code of a row that the server said it created, and that was not there when it was read back."""

_SCHEMA = (
    """
CREATE TABLE facts (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE batches (
    number INTEGER PRIMARY KEY, state TEXT NOT NULL, attempts INTEGER NOT NULL, sent_at REAL NOT NULL,
    last_at REAL NOT NULL, offset REAL, open INTEGER NOT NULL, rows BLOB NOT NULL
);
"""
    + OUTCOMES
    + SETTLED
)
_IN_DOUBT = (
    "SELECT number, attempts, sent_at, last_at, offset, rows FROM batches "
    "WHERE state = 'sent' AND open > 0 ORDER BY number"
)
_SETTLE = (
    "UPDATE batches SET open = open - ?, rows = CASE WHEN open > ? THEN rows ELSE x'' END WHERE number = ?"
)
_SENT = (
    "UPDATE batches SET state = 'sent', attempts = attempts + 1, last_at = ?, "
    "sent_at = CASE WHEN state = 'sent' THEN sent_at ELSE ? END, "
    "offset = CASE WHEN state = 'sent' THEN offset ELSE ? END WHERE number = ?"
)
_SHRINK = "UPDATE batches SET open = ?, rows = ? WHERE number = ?"


class Claimed(Struct, frozen=True, array_like=True, gc=False):
    """One row of a batch as the journal keeps it: enough to find it again."""

    row: int
    external_id: str


class InDoubt(Struct, frozen=True):
    """A row that was sent and has no outcome: its batch, the sendings so far, and when they were.

    ``sent_at`` is the first and ``last_at`` the last that was not ``answered``, in POSIX seconds by our
    clock; ``offset`` is the server's clock minus ours as it was known at the first, None where it was not.
    ``said_created``: the server said so, and the customer was not there when it was read back.
    """

    batch: int
    attempts: int
    sent_at: float
    last_at: float
    offset: float | None
    external_id: str
    said_created: bool = False


class Journal:
    """The journal of one run; made by ``create``, found again by ``open``.

    Every method raises DiskFullError when there is no space left, StateError when the file is damaged.
    """

    def __init__(
        self, db: sqlite3.Connection, path: Path, manifest: Manifest, *, empty: bool = False
    ) -> None:
        self._db = db
        self._rows = RowStore(db, empty=empty)
        self.path = path
        self.manifest = manifest
        self._durable: bool | None = None
        self._writing = False

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> Journal:
        """Begin the journal of a run at ``path``, which must not exist."""
        with _told(path):
            # Whole or not there: what a crash leaves of an unfinished file has another name.
            part = path.with_name(f"{path.name}.part")
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            db = sqlite3.connect(part, isolation_level=None)
            db.executescript("PRAGMA synchronous=FULL; BEGIN;" + _SCHEMA)
            _put_fact(db, "schema_version", SCHEMA_VERSION)
            _put_fact(db, "manifest", manifest)
            _put_fact(db, "state", "running")
            db.execute("COMMIT")
            db.close()
            if path.exists():
                raise FileExistsError
            part.rename(path)
            db = _connect(path)
        return cls(db, path, manifest, empty=True)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open the journal of an earlier process; raises StateError if it is none, or of a newer version."""
        if not path.is_file():
            raise StateError(f"There is no journal at {path}; `obi runs list` shows the runs that there are.")
        with _told(path):
            db = _connect(path)
            version = _fact(db, "schema_version", int)
            if version == 1:
                _upgrade(db)
            elif version != SCHEMA_VERSION:
                raise StateError(
                    f"The journal {path} has the format {version}, and this version of obi-import reads "
                    f"{SCHEMA_VERSION}; use the version that wrote it."
                )
            manifest = _fact(db, "manifest", Manifest)
        return cls(db, path, manifest)

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- facts of the run ---------------------------------------------------------------------------

    def state(self) -> str:
        """``running`` (or killed while it was), ``stopped``, or ``finished``."""
        with _told(self.path):
            return str(_fact(self._db, "state", str))

    def note(self, key: str, value: Any) -> None:
        """Keep a fact of the run, replacing the one of that name."""
        with self._committed():
            _put_fact(self._db, key, value)

    def fact(self, key: str, kind: Any, default: Any = None) -> Any:
        """A fact of the run as ``kind``, or ``default``."""
        with _told(self.path):
            return _fact(self._db, key, kind, default)

    # --- what happens to rows -----------------------------------------------------------------------

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Keep all that is written within in one step, on disk at its end, or nothing of it."""
        with self._committed():
            yield

    def record(self, outcomes: Iterable[RowOutcome]) -> None:
        """Keep outcomes that needed no sending; they are derived again if lost."""
        with self._committed(durable=False):
            self._rows.put(outcomes)

    def claim(self, batch: Batch) -> None:
        """Keep that these rows will go out together."""
        with self._committed(durable=False):
            self._claim(batch)

    def split(self, number: int, parts: Sequence[Batch]) -> None:
        """Put ``parts`` in the place of these rows of a batch, in one step.

        Its other rows stay on record as they are: some may be unknown.
        """
        with self._committed(durable=False):
            self._release(number, {row for part in parts for row in part.rows})
            for part in parts:
                self._claim(part)

    def sent(self, number: int, *, at: float, offset: float | None) -> None:
        """Keep that the batch is about to leave, at this time in POSIX seconds by our clock.

        ``offset`` is the server's clock minus ours, None while it is not known. Time and offset of the first
        sending stay: what a server holds since then may be ours.
        """
        with self._committed():
            self._db.execute(_SENT, (at, at, offset, number))

    def returned(self, number: int) -> None:
        """Keep that the batch was certainly not processed."""
        with self._committed():
            self._db.execute("UPDATE batches SET state = 'claimed' WHERE number = ?", (number,))

    def settle(self, number: int, outcomes: Sequence[RowOutcome]) -> None:
        """Keep the outcomes of rows of a batch; those that are ``unknown`` stay in doubt."""
        rows = [outcome.row for outcome in outcomes if outcome.status not in OPEN]
        unsent = {outcome.row for outcome in outcomes if outcome.status is RowStatus.UNSENT}
        with self._committed():
            if unsent:
                # Their next batch takes the outcome away: this one must not put them in doubt then.
                self._release(number, unsent)
            settled = len(rows) - self._rows.count_certain(rows)
            self._rows.put(outcomes)
            self._db.execute(_SETTLE, (settled, settled, number))

    def reopen(self, outcomes: Sequence[RowOutcome]) -> None:
        """Keep that rows of settled batches are in doubt again, with these outcomes."""
        with self._committed():
            self._rows.put(outcomes)
            for outcome in outcomes:
                query = "SELECT rows FROM batches WHERE number = ?"
                claims = _claims(self._db.execute(query, (outcome.batch,)).fetchone()[0])
                claims = [each for each in claims if each.row != outcome.row]
                claims.append(Claimed(outcome.row, outcome.external_id))
                self._db.execute(
                    "UPDATE batches SET open = open + 1, rows = ? WHERE number = ?",
                    (msgspec.json.encode(claims), outcome.batch),
                )

    def answered(self, number: int, *, doubted_at: float) -> None:
        """Keep that the last sending had its answer: rows are in doubt since this earlier one, not longer."""
        with self._committed():
            self._db.execute("UPDATE batches SET last_at = ? WHERE number = ?", (doubted_at, number))

    def drop_claims(self) -> None:
        """Forget batches that an earlier process made and never sent."""
        with self._committed(durable=False):
            self._db.execute("DELETE FROM batches WHERE state = 'claimed'")

    # --- what is known ------------------------------------------------------------------------------

    @property
    def amended(self) -> bool:
        """Whether it changed the outcome of a row that was settled: who has read that must read again."""
        return self._rows.amended

    def outcomes(self, *, after: int = 0) -> Iterator[RowOutcome]:
        """Every outcome of the rows ``after`` this one, in order, streamed; ``unknown`` ones too."""
        with _told(self.path):
            yield from self._rows.outcomes(after=after)

    def settled_rows(self) -> Iterator[int]:
        """Rows that need nothing more, in order, streamed; what is written meanwhile may be among them."""
        with _told(self.path):
            yield from self._rows.settled_rows()

    def in_doubt(self) -> dict[int, InDoubt]:
        """Row → how it was sent, for every row that was sent and is not settled."""
        with _told(self.path):
            batches = self._db.execute(_IN_DOUBT).fetchall()
            doubtful = {
                claimed.row: InDoubt(number, attempts, sent_at, last_at, offset, claimed.external_id)
                for number, attempts, sent_at, last_at, offset, rows in batches
                for claimed in _claims(rows)
            }
            for row in list(doubtful):
                status = self._rows.status_of(row)
                if status is RowStatus.UNKNOWN and self._rows.code_of(row) == NOT_READ_BACK:
                    doubtful[row] = msgspec.structs.replace(doubtful[row], said_created=True)
                elif status not in {None, RowStatus.UNKNOWN}:
                    del doubtful[row]
            return doubtful

    def status_of(self, row: int) -> RowStatus | None:
        """The status of one row, None where there is none yet."""
        with _told(self.path):
            return self._rows.status_of(row)

    def counts(self) -> Counter[RowStatus]:
        """Rows by status, of those that have an outcome."""
        with _told(self.path):
            return self._rows.counts()

    def was_sent(self) -> bool:
        """Whether anything of the run may ever have reached the server."""
        with _told(self.path):
            found = self._db.execute("SELECT 1 FROM batches WHERE attempts > 0 LIMIT 1").fetchone()
        return found is not None

    def next_batch(self) -> int:
        """The first batch number that is not taken."""
        with _told(self.path):
            found = self._db.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM batches").fetchone()
        return int(found[0])

    # --- inside -------------------------------------------------------------------------------------

    def _claim(self, batch: Batch) -> None:
        items = batch.items
        if batch.in_doubt:
            first = min(items, key=lambda item: (not item.in_doubt, item.sent_at))
            state, sent_at, offset = "sent", first.sent_at, first.offset
            last_at = max(item.doubted_at for item in items)
        else:
            state, sent_at, offset, last_at = "claimed", 0.0, None, 0.0
        # A row that an earlier sitting left unsent is sent now: what was said of it holds no longer.
        self._rows.drop_unsent([item.row for item in items])
        self._db.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                batch.number,
                state,
                batch.attempts,
                sent_at,
                last_at,
                offset,
                len(items),
                msgspec.json.encode([(item.row, item.external_id) for item in items]),
            ),
        )

    def _release(self, number: int, rows: set[int]) -> None:
        """Take rows off the record of a batch; the others stay on it as they are."""
        found = self._db.execute("SELECT rows FROM batches WHERE number = ?", (number,)).fetchone()
        kept = [claimed for claimed in _claims(found[0]) if claimed.row not in rows]
        still_open = len(kept) - self._rows.count_certain([claimed.row for claimed in kept])
        self._db.execute(_SHRINK, (still_open, msgspec.json.encode(kept), number))

    @contextlib.contextmanager
    def _committed(self, *, durable: bool = True) -> Iterator[None]:
        if self._writing:  # a part of ``together``
            yield
            return
        with _told(self.path):
            if durable is not self._durable:
                self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self._db.execute("BEGIN IMMEDIATE")
            self._writing = True
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._rows.forget()
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                self._writing = False


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    return db


def _upgrade(db: sqlite3.Connection) -> None:
    """Make a journal of format 1 one of format 2, in one step; another process may do so at the same time."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if _fact(db, "schema_version", int) == 1:
            db.execute(SETTLED.rstrip(";"))
            _put_fact(db, "schema_version", 2)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _put_fact(db: sqlite3.Connection, key: str, value: Any) -> None:
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, msgspec.json.encode(value)))


def _fact(db: sqlite3.Connection, key: str, kind: Any, default: Any = None) -> Any:
    found = db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
    return msgspec.json.decode(found[0], type=kind) if found else default


def _claims(rows: bytes) -> list[Claimed]:
    return msgspec.json.decode(rows, type=list[Claimed]) if rows else []


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean for the run."""
    try:
        yield
    except FileExistsError:
        raise StateError(f"There is a journal at {path} already.") from None
    except (sqlite3.OperationalError, OSError) as error:
        if "full" in str(error) or getattr(error, "errno", None) == 28:
            raise DiskFullError(
                f"No space is left for the journal {path}; free some and resume the run."
            ) from None
        raise StateError(f"The journal {path} can't be used: {error}.") from None
    except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
        raise StateError(f"The journal {path} is damaged: {error}.") from None
