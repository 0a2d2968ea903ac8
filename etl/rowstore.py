"""Outcomes of rows as a journal keeps them: what is settled together in one value, the rest row by row.

Two tables. ``settled`` holds a list of outcomes a record: a request's rows, or those of a frame that are not
sent, in the order of rows; what the lists span may overlap. ``outcomes`` holds a row a record. Three laws
make one answer a row of them:

1. a row stands in one list of ``settled`` at most;
2. what stands in ``outcomes`` holds, whatever ``settled`` says of the row;
3. a row that may change yet (``unknown``, ``unsent``) is in no list, so that deleting it in ``outcomes``
   uncovers nothing.

Transactions are the caller's, and so is what SQLite's errors mean; after a rollback, call ``forget``.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import dropwhile, pairwise
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from msgspec import Struct, msgpack, structs

from etl.records import OPEN, RowOutcome, RowStatus

SETTLED = "CREATE TABLE settled (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, outcomes BLOB NOT NULL);"
"""The lists, by the first and the last row in each."""

OUTCOMES = """
CREATE TABLE outcomes (
    row INTEGER PRIMARY KEY, status TEXT NOT NULL, status_code INTEGER, id TEXT NOT NULL,
    external_id TEXT NOT NULL, numbers TEXT NOT NULL, field TEXT NOT NULL, code TEXT NOT NULL,
    error TEXT NOT NULL, warning TEXT NOT NULL, attempts INTEGER NOT NULL, batch INTEGER, first_row INTEGER
);
"""

_MOST = 1_000
"""Rows of a list: as many are read at once, and more where lists overlap."""

_PAGE = 5_000
_LISTS = 16

_COLUMNS = RowOutcome.__struct_fields__
_NAMES = ", ".join(_COLUMNS)
_MARKS = ", ".join("?" * len(_COLUMNS))
_PUT_ONE = f"INSERT OR REPLACE INTO outcomes ({_NAMES}) VALUES ({_MARKS})"  # noqa: S608  -- our own words
_PUT_LIST = "INSERT INTO settled VALUES (?, ?, ?)"

_STATUSES = tuple(RowStatus)
_CODES = {status: code for code, status in enumerate(_STATUSES, start=1)}
_UNSENT, _UNKNOWN = _CODES[RowStatus.UNSENT], _CODES[RowStatus.UNKNOWN]
_OPEN = bytes((_UNSENT, _UNKNOWN))
_NOT_SETTLED = b"\0" + _OPEN


class _Numbered(Protocol):
    @property
    def row(self) -> int: ...


class _Head(Struct, frozen=True, array_like=True, gc=False):
    """The beginning of an outcome, where the rest is not needed."""

    row: int
    status: RowStatus


S = TypeVar("S", bound=_Numbered)
_row = attrgetter("row")
_encode = msgpack.Encoder().encode
_outcomes_in = msgpack.Decoder(list[RowOutcome]).decode
_heads_in = msgpack.Decoder(list[_Head]).decode


class RowStore:
    """Outcomes in the tables of ``db``. ``empty`` says that they were made just now.

    ``amended`` says that the outcome of a row was changed that was settled.
    """

    def __init__(self, db: sqlite3.Connection, *, empty: bool) -> None:
        self._db = db
        self.amended = False
        self._statuses: bytearray | None = bytearray(1) if empty else None  # by row: 0, or its status's code
        self._version = self._data_version() if empty else 0

    def forget(self) -> None:
        """Take nothing for known that is not read again: a transaction was rolled back."""
        self._statuses = None

    # --- writing ------------------------------------------------------------------------------------

    def put(self, outcomes: Iterable[RowOutcome]) -> None:
        """Keep outcomes, each in the place of what was said of its row before."""
        new = list(outcomes)
        if not new:
            return
        rows = [outcome.row for outcome in new]
        codes = bytes([_CODES[outcome.status] for outcome in new])
        before = self._codes(rows)
        statuses = self._known(max(rows))
        if not _increase(rows):
            new = sorted({outcome.row: outcome for outcome in new}.values(), key=_row)
            self.put(new)
            return
        self.amended |= bool(before.strip(_NOT_SETTLED))
        if any(before) or any(code in codes for code in _OPEN):
            self._put_mixed(new, before)
        else:
            self._put_lists(new)
        for row, code in zip(rows, codes, strict=True):
            statuses[row] = code

    def drop_unsent(self, rows: Sequence[int]) -> None:
        """Forget what is said of those of the rows that are ``unsent``."""
        codes = self._codes(rows)
        if _UNSENT not in codes:
            return
        unsent = [row for row, code in zip(rows, codes, strict=True) if code == _UNSENT]
        self._db.executemany("DELETE FROM outcomes WHERE row = ?", [(row,) for row in unsent])
        statuses = self._known()
        for row in unsent:
            statuses[row] = 0

    def _put_mixed(self, new: Sequence[RowOutcome], before: bytes) -> None:
        first_time, single, opened = [], [], []
        for outcome, code in zip(new, before, strict=True):
            is_open = outcome.status in OPEN
            if code or is_open:
                single.append(outcome)
            else:
                first_time.append(outcome)
            if is_open and code and code not in _OPEN:
                opened.append(outcome.row)
        if opened:
            self._take_out(opened)
        self._db.executemany(_PUT_ONE, map(structs.astuple, single))
        self._put_lists(first_time)

    def _put_lists(self, new: Sequence[RowOutcome]) -> None:
        for start in range(0, len(new), _MOST):
            part = new[start : start + _MOST]
            self._db.execute(_PUT_LIST, (part[0].row, part[-1].row, _encode(part)))

    def _take_out(self, rows: Sequence[int]) -> None:
        """Take rows that are open again out of their lists."""
        leaving = set(rows)
        query = "SELECT first, outcomes FROM settled WHERE first <= ? AND last >= ?"
        for first, held in self._db.execute(query, (max(rows), min(rows))).fetchall():
            listed = _outcomes_in(held)
            kept = [outcome for outcome in listed if outcome.row not in leaving]
            if len(kept) < len(listed):
                self._db.execute("DELETE FROM settled WHERE first = ?", (first,))
                self._put_lists(kept)

    # --- what is known of statuses --------------------------------------------------------------------

    def status_of(self, row: int) -> RowStatus | None:
        """The status of one row, None where there is none yet."""
        code = self._codes([row])[0]
        return _STATUSES[code - 1] if code else None

    def counts(self) -> Counter[RowStatus]:
        """Rows by status."""
        statuses = self._known()
        counts = {status: statuses.count(code) for status, code in _CODES.items()}
        return Counter({status: count for status, count in counts.items() if count})

    def count_certain(self, rows: Sequence[int]) -> int:
        """How many of the rows have an outcome other than ``unknown``."""
        codes = self._codes(rows)
        return len(codes) - codes.count(0) - codes.count(_UNKNOWN)

    def code_of(self, row: int) -> str:
        """The reason's code of a row that stands by itself, as each does that is ``unknown``."""
        found = self._db.execute("SELECT code FROM outcomes WHERE row = ?", (row,)).fetchone()
        return str(found[0]) if found else ""

    def _codes(self, rows: Sequence[int]) -> bytes:
        return bytes(map(self._known(max(rows, default=0)).__getitem__, rows))

    def _known(self, up_to: int = 0) -> bytearray:
        """The code of each row's status, by row, at least ``up_to`` this one; read where it is not known.

        That is a byte a row. Another connection's writing makes it void, and SQLite tells of that.
        """
        version = self._data_version()
        if self._statuses is None or self._version != version:
            self._version = version
            self._statuses = bytearray(1)
            for head in self.heads():
                _reach(self._statuses, head.row)
                self._statuses[head.row] = _CODES[head.status]
        _reach(self._statuses, up_to)
        return self._statuses

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    # --- reading ------------------------------------------------------------------------------------

    def outcomes(self, *, after: int = 0) -> Iterator[RowOutcome]:
        """Every outcome of the rows ``after`` this one, in order, streamed with what is written meanwhile."""
        found = _merged(self._lists(_outcomes_in, after=after), self._singles(_NAMES, _outcome, after=after))
        return dropwhile(lambda outcome: outcome.row <= after, found) if after else found

    def heads(self) -> Iterator[_Head]:
        """The same, with the row and its status only."""
        return _merged(self._lists(_heads_in), self._singles("row, status", _head))

    def settled_rows(self) -> Iterator[int]:
        """Rows that need nothing more, in order, streamed."""
        return (head.row for head in self.heads() if head.status not in OPEN)

    def _lists(self, decode: Callable[[bytes], list[S]], *, after: int = 0) -> Iterator[list[S]]:
        """What the lists that reach beyond ``after`` hold, in lists that follow each other."""
        waiting: list[S] = []
        for first, held in self._held(after):
            # No list that comes yet has a row before this one's first.
            ready = bisect_left(waiting, first, key=_row)
            if ready:
                yield waiting[:ready]
            came = decode(held)
            waiting = sorted(waiting[ready:] + came, key=_row) if ready < len(waiting) else came
        yield waiting

    def _held(self, after: int) -> Iterator[tuple[int, bytes]]:
        query = "SELECT MIN(first) - 1 FROM settled WHERE last > ?"
        before = self._db.execute(query, (after,)).fetchone()[0] if after else 0
        query = f"SELECT first, outcomes FROM settled WHERE first > ? ORDER BY first LIMIT {_LISTS}"  # noqa: S608
        return self._pages(query, _LISTS, after=after if before is None else before)

    def _singles(self, columns: str, made: Callable[[Any], S], *, after: int = 0) -> Iterator[S]:
        query = f"SELECT {columns} FROM outcomes WHERE row > ? ORDER BY row LIMIT {_PAGE}"  # noqa: S608
        return map(made, self._pages(query, _PAGE, after=after))

    def _pages(self, query: str, size: int, *, after: int) -> Iterator[Any]:
        """Records by their first column, page by page: no cursor stays open, so that writing may go on."""
        last = after
        while True:
            page = self._db.execute(query, (last,)).fetchall()
            yield from page
            if len(page) < size:
                return
            last = page[-1][0]


def _merged(lists: Iterator[list[S]], singles: Iterator[S]) -> Iterator[S]:
    """Both in the order of rows; of two for one row the single one. None comes late or twice."""
    single = next(singles, None)
    done = 0
    for held in lists:
        if not held:
            continue
        if single is None or single.row > held[-1].row:
            yield from held
            done = held[-1].row
            continue
        for one in held:
            while single is not None and single.row <= one.row:
                if single.row > done:
                    yield single
                    done = single.row
                single = next(singles, None)
            if one.row > done:
                yield one
                done = one.row
    while single is not None:
        if single.row > done:
            yield single
        single = next(singles, None)


def _increase(rows: Sequence[int]) -> bool:
    return all(one < other for one, other in pairwise(rows))


def _reach(statuses: bytearray, row: int) -> None:
    if row >= len(statuses):
        statuses.extend(bytes(row + 1 - len(statuses)))


def _outcome(values: Sequence[Any]) -> RowOutcome:
    row, status, *others = values
    return RowOutcome(row, RowStatus(status), *others)


def _head(values: tuple[int, str]) -> _Head:
    return _Head(values[0], RowStatus(values[1]))
