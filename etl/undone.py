"""What became of each customer of a run that is being undone, on disk before it counts.

One SQLite file beside the run's journal. A row is ``planned``, ``sent`` just before its deletion leaves, and
then ``deleted``, ``gone`` (somebody else had deleted it), ``kept`` or ``failed``. What is neither deleted nor
gone is looked at again when the run is undone once more. A row that a crash left ``sent`` and that is not
there any more is our own deletion.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import astuple

from etl.errors import DiskFullError, StateError

UNDONE = "undo.sqlite"
"""The ledger's name in the run's folder."""

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (
    row INTEGER PRIMARY KEY, status TEXT NOT NULL, external_id TEXT NOT NULL, numbers TEXT NOT NULL,
    id TEXT NOT NULL, code TEXT NOT NULL, error TEXT NOT NULL
);
"""
# A row whose id is another one now was created anew since it was deleted.
_PLAN = (
    "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (row) DO UPDATE SET status = 'planned', "
    "external_id = excluded.external_id, numbers = excluded.numbers, id = excluded.id, code = '', error = '' "
    "WHERE excluded.id NOT IN ('', rows.id)"
)
_NOTE = "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"


class UndoStatus(StrEnum):
    """What became of a customer that the run created. ``WOULD_DELETE`` is the word of a dry run.

    The last three are of rows that were asked for (``etl.removal``) and mean nobody who could be deleted.
    """

    PLANNED = "planned"
    SENT = "sent"
    DELETED = "deleted"
    GONE = "gone"
    KEPT = "kept"
    FAILED = "failed"
    WOULD_DELETE = "would_delete"
    ABSENT = "absent"
    DUPLICATE = "duplicate"
    INVALID = "invalid"


DONE = (UndoStatus.DELETED, UndoStatus.GONE)
"""Nothing is left to do for rows of these."""
NOBODY = (UndoStatus.ABSENT, UndoStatus.DUPLICATE, UndoStatus.INVALID)
"""Rows that mean nobody, or somebody that an earlier row means."""
OPEN = tuple(status for status in UndoStatus if status not in {*DONE, *NOBODY})


class UndoneRow(Struct, frozen=True, gc=False):
    """One row of the run with the customer that it created; ``id`` is empty where the server told none.

    ``numbers`` as they were sent, ``;`` between them. ``code`` is the reason for machines, ``error`` a
    sentence without personal data.
    """

    row: int
    status: UndoStatus
    external_id: str
    numbers: str
    id: str = ""
    code: str = ""
    error: str = ""


class Undoing(Struct, frozen=True):
    """How far a run is undone: when that was begun and done (ISO 8601 in UTC), and rows by status.

    ``ended`` is empty while customers are there that it is to delete.
    """

    started: str
    ended: str
    counts: dict[str, int]


class Undone:
    """The ledger at ``path``, begun where it is missing.

    Every method raises DiskFullError where no space is left, StateError where the file can't be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _told(path):
            if not path.exists():
                path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_SCHEMA_VERSION}; COMMIT;")
        if version not in {0, _SCHEMA_VERSION}:
            self.close()
            raise StateError(
                f"{path} has the format {version}, and this version of obi-import reads {_SCHEMA_VERSION}; "
                "use the version that wrote it."
            )

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def copy_from(self, path: Path) -> None:
        """Take over all that the ledger at ``path`` holds, if there is one."""
        if path.exists():
            with Undone(path) as other, _told(path):
                other._db.backup(self._db)

    def plan(self, rows: Iterable[UndoneRow]) -> None:
        """Keep that these rows are to be deleted, but for those that are known under the same id."""
        self._write(_PLAN, map(astuple, rows))

    def note(self, rows: Iterable[UndoneRow]) -> None:
        """Keep what these rows have become."""
        self._write(_NOTE, map(astuple, rows))

    def pages(self, statuses: Iterable[UndoStatus], *, size: int) -> Iterator[list[UndoneRow]]:
        """Rows of these statuses in order, page by page; they may be changed meanwhile."""
        names = tuple(map(str, statuses))
        # Only question marks are put in.
        query = f"SELECT * FROM rows WHERE row > ? AND status IN ({','.join('?' * len(names))}) ORDER BY row LIMIT ?"  # noqa: S608, E501
        last = 0
        while True:
            with _told(self.path):
                page = [_row(values) for values in self._db.execute(query, (last, *names, size))]
            if not page:
                return
            yield page
            last = page[-1].row

    def between(self, first: int, last: int) -> dict[int, UndoneRow]:
        """The rows that are known of these numbers, both included, by number."""
        with _told(self.path):
            found = self._db.execute("SELECT * FROM rows WHERE row BETWEEN ? AND ?", (first, last))
            return {values[0]: _row(values) for values in found}

    def rows(self) -> Iterator[UndoneRow]:
        """Every row, in order, streamed."""
        for page in self.pages(UndoStatus, size=5_000):
            yield from page

    def counts(self) -> Counter[UndoStatus]:
        """Rows by status."""
        with _told(self.path):
            found = self._db.execute("SELECT status, COUNT(*) FROM rows GROUP BY status").fetchall()
        return Counter({UndoStatus(status): count for status, count in found})

    def fact(self, key: str) -> str:
        """A fact of the undoing, empty where there is none of this name."""
        with _told(self.path):
            found = self._db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else ""

    def note_facts(self, facts: Mapping[str, str]) -> None:
        """Keep several facts at once, as ``note_fact``."""
        self._write("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def note_fact(self, key: str, value: str) -> None:
        """Keep a fact of the undoing, replacing the one of that name."""
        with _told(self.path):
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with _told(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(statement, rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def undoing_of(folder: Path) -> Undoing | None:
    """How far the run of this folder is undone, None where nobody began to."""
    if not (folder / UNDONE).exists():
        return None
    with Undone(folder / UNDONE) as ledger:
        started = ledger.fact("started")
        counts = {status.value: count for status, count in sorted(ledger.counts().items())}
        return Undoing(started, ledger.fact("ended"), counts) if started else None


def _row(values: tuple[int, str, str, str, str, str, str]) -> UndoneRow:
    row, status, *others = values
    return UndoneRow(row, UndoStatus(status), *others)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean for the undoing."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if "full" in str(error) or getattr(error, "errno", None) == 28:
            raise DiskFullError(
                f"No space is left for {path}; free some and go on with the same command."
            ) from None
        raise StateError(f"{path}, which holds what is undone, can't be used: {error}.") from None
