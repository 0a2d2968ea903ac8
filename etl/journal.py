"""The truth of a run: what was decided for each row, on disk before it counts.

One SQLite file a run (WAL). A batch is ``claimed`` when it is made, ``sent`` just before its bytes leave,
and a row is settled when its outcome stands in ``outcomes``; ``open`` counts the rows of a batch that are
not. After a crash, a row of a batch that was sent and has no outcome is in doubt; a row that was only
claimed was certainly not sent.

Sendings and outcomes are committed with ``synchronous=FULL``: a power cut must not make a sent batch look
unsent, nor a created row look in doubt. A lost claim costs nothing and is committed with the next sending.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct

from etl.errors import DiskFullError, StateError
from etl.records import OPEN, Batch, Manifest, RowOutcome, RowStatus

SCHEMA_VERSION = 1
NOT_READ_BACK = "unknown.not_read_back"
"""The code of a row that the server said it created, and that was not there when it was read back."""

_PAGE = 5_000

_SCHEMA = """
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
"""
_COLUMNS = RowOutcome.__struct_fields__
_NAMES = ", ".join(_COLUMNS)
_MARKS = ", ".join("?" * len(_COLUMNS))
_PUT_OUTCOME = f"INSERT OR REPLACE INTO outcomes ({_NAMES}) VALUES ({_MARKS})"  # noqa: S608  -- our own words
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


class Claimed(Struct, frozen=True, array_like=True):
    """One row of a batch as the journal keeps it: enough to find it again and to tell a changed body."""

    row: int
    external_id: str
    digest: str


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

    ``amended`` says that it changed the outcome of a row that was settled: who has read that must read again.
    Every method raises DiskFullError when there is no space left, StateError when the file is damaged.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, manifest: Manifest) -> None:
        self._db = db
        self.path = path
        self.manifest = manifest
        self._durable: bool | None = None
        self.amended = False

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
        return cls(db, path, manifest)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open the journal of an earlier process; raises StateError if it is none, or of a newer version."""
        if not path.is_file():
            raise StateError(f"There is no journal at {path}; `obi runs list` shows the runs that there are.")
        with _told(path):
            db = _connect(path)
            version = _fact(db, "schema_version", int)
            if version != SCHEMA_VERSION:
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

    def record(self, outcomes: Iterable[RowOutcome]) -> None:
        """Keep outcomes that needed no sending; they are derived again if lost."""
        outcomes = list(outcomes)
        with self._committed(durable=False):
            self.amended |= self._count_settled([outcome.row for outcome in outcomes]) > 0
            self._put(outcomes)

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
            before = self._count_settled(rows)
            self.amended |= before > 0
            settled = len(rows) - before
            self._put(outcomes)
            self._db.execute(_SETTLE, (settled, settled, number))

    def reopen(self, outcomes: Sequence[RowOutcome]) -> None:
        """Keep that rows of settled batches are in doubt again, with these outcomes."""
        with self._committed():
            self.amended |= bool(outcomes)
            self._put(outcomes)
            for outcome in outcomes:
                query = "SELECT rows FROM batches WHERE number = ?"
                claims = _claims(self._db.execute(query, (outcome.batch,)).fetchone()[0])
                claims = [each for each in claims if each.row != outcome.row]
                claims.append(Claimed(outcome.row, outcome.external_id, ""))
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

    def outcomes(self, *, after: int = 0) -> Iterator[RowOutcome]:
        """Every outcome of the rows ``after`` this one, in order, streamed; ``unknown`` ones too."""
        for values in self._pages(_NAMES, "1", after=after):
            yield _outcome(values)

    def settled_rows(self) -> Iterator[int]:
        """Rows that need nothing more, in order, streamed; what is written meanwhile may be among them."""
        for (row,) in self._pages("row", "status NOT IN ('unknown', 'unsent')"):
            yield row

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
                found = self._db.execute("SELECT status, code FROM outcomes WHERE row = ?", (row,)).fetchone()
                if found and found[0] != RowStatus.UNKNOWN:
                    del doubtful[row]
                elif found and found[1] == NOT_READ_BACK:
                    doubtful[row] = msgspec.structs.replace(doubtful[row], said_created=True)
            return doubtful

    def status_of(self, row: int) -> RowStatus | None:
        """The status of one row, None where there is none yet."""
        with _told(self.path):
            found = self._db.execute("SELECT status FROM outcomes WHERE row = ?", (row,)).fetchone()
        return RowStatus(found[0]) if found else None

    def counts(self) -> Counter[RowStatus]:
        """Rows by status, of those that have an outcome."""
        with _told(self.path):
            rows = self._db.execute("SELECT status, COUNT(*) FROM outcomes GROUP BY status").fetchall()
        return Counter({RowStatus(status): count for status, count in rows})

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

    def _pages(self, columns: str, where: str, *, after: int = 0) -> Iterator[Any]:
        """Rows of ``outcomes`` page by page: no cursor stays open over a yield, so writing may go on."""
        # Only our own words are put in.
        query = f"SELECT {columns} FROM outcomes WHERE row > ? AND {where} ORDER BY row LIMIT {_PAGE}"  # noqa: S608
        last = after
        while True:
            with _told(self.path):
                page = self._db.execute(query, (last,)).fetchall()
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def _claim(self, batch: Batch) -> None:
        rows = [
            Claimed(item.row, item.external_id, blake2b(item.body, digest_size=8).hexdigest())
            for item in batch.items
        ]
        first = min(batch.items, key=lambda item: (not item.in_doubt, item.sent_at))
        # A row that an earlier sitting left unsent is sent now: what was said of it holds no longer.
        marks = ",".join("?" * len(rows))
        self._db.execute(
            f"DELETE FROM outcomes WHERE status = 'unsent' AND row IN ({marks})",  # noqa: S608  -- only marks
            batch.rows,
        )
        self._db.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                batch.number,
                "sent" if batch.in_doubt else "claimed",
                batch.attempts,
                first.sent_at,
                max(item.doubted_at for item in batch.items),
                first.offset,
                len(rows),
                msgspec.json.encode(rows),
            ),
        )

    def _release(self, number: int, rows: set[int]) -> None:
        """Take rows off the record of a batch; the others stay on it as they are."""
        found = self._db.execute("SELECT rows FROM batches WHERE number = ?", (number,)).fetchone()
        kept = [claimed for claimed in _claims(found[0]) if claimed.row not in rows]
        still_open = len(kept) - self._count_settled([claimed.row for claimed in kept])
        self._db.execute(_SHRINK, (still_open, msgspec.json.encode(kept), number))

    def _count_settled(self, rows: Sequence[int]) -> int:
        # Only question marks are put in.
        query = f"SELECT COUNT(*) FROM outcomes WHERE status != 'unknown' AND row IN ({'?,' * len(rows)}NULL)"  # noqa: S608
        return int(self._db.execute(query, rows).fetchone()[0])

    def _put(self, outcomes: Iterable[RowOutcome]) -> None:
        self._db.executemany(_PUT_OUTCOME, map(msgspec.structs.astuple, outcomes))

    @contextlib.contextmanager
    def _committed(self, *, durable: bool = True) -> Iterator[None]:
        with _told(self.path):
            if durable is not self._durable:
                self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    return db


def _put_fact(db: sqlite3.Connection, key: str, value: Any) -> None:
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, msgspec.json.encode(value)))


def _fact(db: sqlite3.Connection, key: str, kind: Any, default: Any = None) -> Any:
    found = db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
    return msgspec.json.decode(found[0], type=kind) if found else default


def _claims(rows: bytes) -> list[Claimed]:
    return msgspec.json.decode(rows, type=list[Claimed]) if rows else []


def _outcome(values: Sequence[Any]) -> RowOutcome:
    fields = dict(zip(_COLUMNS, values, strict=True))
    return RowOutcome(**fields | {"status": RowStatus(fields["status"])})


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
