"""One SQLite connection for all of the simulator's data, safe between threads and between processes."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_BUSY_SECONDS = 5.0


class Database:
    """The database at ``path``. Raises sqlite3.Error where it can't be opened or used.

    A lock guards the connection where tests look in from another thread. In SQL, ``casefold`` is Python's.
    """

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.create_function("casefold", 1, _casefold, deterministic=True)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the data of ``:memory:`` are gone then."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block is committed on leaving it, or nothing where it raises.

        It is the only writer meanwhile, across threads and processes. A block within another is part of it.
        """
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows that a question gives."""
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Do one statement; the number of rows that it changed."""
        with self._lock:
            return self._db.execute(sql, parameters).rowcount

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Do one statement for each of ``rows``."""
        with self._lock:
            self._db.executemany(sql, rows)


def _casefold(text: str | None) -> str | None:
    return text and text.casefold()
