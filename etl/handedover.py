"""What a hand-over has delivered, on disk before it counts: exports by name, and the versions in them.

One SQLite file a hand-over. An export is ``begun``, ``prepared`` when its file is whole, ``delivered`` when
it is in place, and ``acknowledged`` when its customers count as had: at once, or only when the receiver says
so; one that is given again with a later export is ``superseded`` by it. Of customers nothing is kept but a
digest of each version, which says nothing about anybody.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from etl.errors import DiskFullError, StateError
from etl.obi.models import StoredCustomer, instant, moment

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE exports (number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, content BLOB NOT NULL);
CREATE TABLE had (version BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE waiting (version BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_WATERMARK = "watermark"


class DeliveryStatus(StrEnum):
    """How far an export of a hand-over has come."""

    BEGUN = "begun"
    PREPARED = "prepared"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    SUPERSEDED = "superseded"


class Delivery(Struct, frozen=True, kw_only=True):
    """One export of a hand-over; times are ISO 8601 in UTC, empty while it has not come so far.

    ``final`` is where its file goes, ``temporary`` where it waits beside that, ``table`` the name of our own
    copy in the hand-over's folder. ``awaits``: its customers count as had only when the receiver says so.
    ``complete``: nobody was missed for all we know. ``newest`` is the newest modificationDate that the next
    export may begin from, empty where this one moves nothing. ``stamp`` is what the file in place
    looks like from outside.
    """

    run: str
    status: DeliveryStatus
    started: str
    final: str
    temporary: str
    table: str
    awaits: bool = False
    rows: int = 0
    complete: bool = True
    newest: str = ""
    stamp: tuple[int, ...] = ()
    delivered: str = ""
    acknowledged: str = ""


class Version(NamedTuple):
    """A customer as it was when it was read: a digest of all of it, and its modificationDate.

    The date alone would not do: it may be missing, or cut to whole seconds and so equal after a change.
    Scripts do not count, since they are there only where somebody asks for them.
    """

    key: bytes
    modified: str

    @classmethod
    def of(cls, customer: StoredCustomer) -> Version:
        """The version that this is; ``modified`` in one form, empty where the server tells none."""
        when = customer.modified_at
        modified = instant(when) if when else customer.modification_date or ""
        fields = (
            customer.id.replace("-", "").upper(),
            modified,
            customer.external_id,
            customer.numbers,
            customer.result,
            customer.call_result,
            customer.classifier,
            customer.call_count,
            customer.last_b_number,
            customer.date,
            customer.agent_id,
            customer.dialing_mode,
            customer.preview_time,
            customer.priority,
            customer.time_zone,
        )
        # JSON and XML differ in what is a number, and in what is absent or empty.
        texts = ["" if value is None else str(value) for value in fields]
        attributes = sorted((each.name, each.value) for each in customer.attributes)
        content = texts, attributes
        return cls(blake2b(msgspec.json.encode(content), digest_size=16).digest(), modified)


class Ledger:
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

    def fact(self, key: str) -> str:
        """A fact of the hand-over, empty where there is none of this name."""
        with _told(self.path):
            found = self._db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else ""

    def note_fact(self, key: str, value: str) -> None:
        """Keep a fact of the hand-over, replacing the one of that name."""
        with self._one_step():
            self._note(key, value)

    @property
    def watermark(self) -> datetime | None:
        """The newest modificationDate of all that counts as had, None before the first."""
        return moment(self.fact(_WATERMARK))

    def deliveries(self) -> list[Delivery]:
        """Every export, the oldest first."""
        with _told(self.path):
            found = self._db.execute("SELECT content FROM exports ORDER BY number").fetchall()
        return [_decode(content) for (content,) in found]

    def has_had(self, version: Version) -> bool:
        """Whether this very version of the customer counts as had."""
        with _told(self.path):
            found = self._db.execute("SELECT 1 FROM had WHERE version = ?", (version.key,)).fetchone()
        return found is not None

    def begin(self, delivery: Delivery) -> None:
        """Keep that an export begins, before there is any file of it."""
        with self._one_step():
            self._put(delivery)

    def forget(self, delivery: Delivery) -> None:
        """Drop an export that was begun and never prepared."""
        with self._one_step():
            self._db.execute("DELETE FROM exports WHERE run = ?", (delivery.run,))

    def prepare(self, delivery: Delivery, versions: Iterable[Version]) -> None:
        """Keep that its file is whole, and which versions are in it; what waited before waits no more.

        The newest of their dates becomes ``newest``, but none that is later than the one it has.
        """
        limit = moment(delivery.newest)
        newest: datetime | None = None
        with self._one_step():
            self._db.execute("DELETE FROM waiting")
            for version in versions:
                self._db.execute("INSERT OR IGNORE INTO waiting VALUES (?)", (version.key,))
                if when := moment(version.modified):
                    newest = max(newest or when, when)
            reached = min(newest, limit).isoformat() if newest and limit else ""
            self._put(replace(delivery, status=DeliveryStatus.PREPARED, newest=reached))

    def deliver(self, delivery: Delivery, *, at: str) -> Delivery:
        """Keep that its file is in place; unless the receiver has to say so, its customers are had now.

        Earlier exports that nobody acknowledged are superseded: this one has their customers again.
        """
        delivered = replace(delivery, status=DeliveryStatus.DELIVERED, delivered=at)
        with self._one_step():
            for other in self.deliveries():
                if other.status == DeliveryStatus.DELIVERED and other.run != delivery.run:
                    self._put(replace(other, status=DeliveryStatus.SUPERSEDED))
            if not delivered.awaits:
                return self._advance(delivered, at)
            self._put(delivered)
        return delivered

    def acknowledge(self, delivery: Delivery, *, at: str) -> Delivery:
        """Keep that the receiver has what was delivered last."""
        with self._one_step():
            return self._advance(delivery, at)

    def put(self, delivery: Delivery) -> None:
        """Keep what is known of an export now."""
        with self._one_step():
            self._put(delivery)

    def _advance(self, delivery: Delivery, at: str) -> Delivery:
        self._db.execute("INSERT OR IGNORE INTO had SELECT version FROM waiting")
        self._db.execute("DELETE FROM waiting")
        before = self.watermark
        reached = moment(delivery.newest)
        if reached and (before is None or reached > before):
            self._note(_WATERMARK, reached.isoformat())
        advanced = replace(
            delivery, status=DeliveryStatus.ACKNOWLEDGED, delivered=delivery.delivered or at, acknowledged=at
        )
        self._put(advanced)
        return advanced

    def _put(self, delivery: Delivery) -> None:
        self._db.execute(
            "INSERT INTO exports (run, content) VALUES (?, ?) ON CONFLICT (run) DO UPDATE "
            "SET content = excluded.content",
            (delivery.run, msgspec.json.encode(delivery)),
        )

    def _note(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    @contextlib.contextmanager
    def _one_step(self) -> Iterator[None]:
        with _told(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


_decode = msgspec.json.Decoder(Delivery).decode


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean for the hand-over."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if "full" in str(error) or getattr(error, "errno", None) == 28:
            raise DiskFullError(f"No space is left for {path}; free some and export again.") from None
        raise StateError(f"{path}, which holds what was handed over, can't be used: {error}.") from None
