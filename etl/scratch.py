"""A throw-away SQLite file: fast, without durability, gone with the block that uses it.

Beside it, what a full disk means for all throw-away files.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from etl.errors import DiskFullError


class Scratch:
    """A new database at ``path`` with the tables of ``schema``; an older file there is replaced."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384; {schema}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def told_when_full(folder: Path) -> Iterator[None]:
    """Say what it means for a run that throw-away files in ``folder`` can't grow: raises DiskFullError."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or (
            isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        ):
            raise DiskFullError(
                f"No space is left in {folder} for what is kept of rows meanwhile; free some, and begin "
                "again or resume the run."
            ) from None
        raise
