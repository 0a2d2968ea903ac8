"""What earlier runs put into the campaign, by number and externalId (``--duplicates-across runs``).

The truth is in their journals. Rows that were created count, and those of which nobody knows whether they
were; customers that were deleted since, by ``obi runs undo`` or ``--if-loaded delete``, do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice, repeat
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etl.entries import NumberReader, keys_of
from etl.journal import Journal
from etl.profile import Profile
from etl.records import CampaignRef, RowOutcome, RowStatus
from etl.scratch import Scratch
from etl.settings import Settings
from etl.state import JOURNAL, StateFolder
from etl.undone import DONE, UNDONE, Undone

LOADED = "loaded.sqlite"
"""The ledger of customers that ``--if-loaded delete`` deleted, in the run's folder."""

_FACT = "earlier"
_AT_ONCE = 500
_BLOCK = 100_000
"""Rows of a journal that are put in at once."""
_SENT = frozenset({RowStatus.CREATED, RowStatus.UNKNOWN})


def earlier_runs(
    state: StateFolder, settings: Settings, campaign: CampaignRef, server: str
) -> tuple[Path, ...]:
    """The journals of all runs into the campaign, the oldest first, where the settings ask for them."""
    if settings.duplicates_across != "runs":
        return ()
    found = []
    for run in state.runs():
        with state.open(run) as journal:
            if journal.manifest.campaign.id == campaign.id and journal.manifest.base_url == server:
                found.append(journal.path)
    return tuple(found)


def earlier_than(journal: Journal, state: StateFolder, settings: Settings) -> tuple[Path, ...]:
    """The same for a run: those that were there when it began, each time that it is worked on."""
    if settings.duplicates_across != "runs":
        return ()
    names = journal.fact(_FACT, list[str])
    if names is None:
        manifest = journal.manifest
        paths = earlier_runs(state, settings, manifest.campaign, manifest.base_url)
        names = [path.parent.name for path in paths if path != journal.path]
        journal.note(_FACT, names)
    paths = tuple(state.folder_of(name) / JOURNAL for name in names)
    return tuple(path for path in paths if path.exists())


class Sent(Struct, frozen=True):
    """The run and the row that sent a number or an id, ``by`` which of the two it was found."""

    run: str
    row: int
    by: str


class Earlier(Scratch):
    """Numbers and ids of earlier runs, in a file at ``path`` that goes with it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "CREATE TABLE sent (key INTEGER PRIMARY KEY, run INTEGER, row INTEGER);")
        self._runs: list[str] = []

    def fill(self, journals: Iterable[Path]) -> None:
        """Take in what the runs of these journals sent, the oldest first: of several the first counts.

        Raises StateError where a journal can't be read.
        """
        paths = list(journals)
        deleted = {each for path in paths for each in _deleted(path.parent / LOADED)}
        for path in paths:
            with Journal.open(path) as journal:
                self._runs.append(journal.manifest.run)
                reader = NumberReader(Profile.thawed(journal.manifest.profile).region)
                for keys, rows in _keys(journal, reader, deleted, _undone(path.parent / UNDONE)):
                    self._put(keys, rows)

    def _put(self, keys: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        order = np.argsort(keys, kind="stable")  # neighbours share pages, and the first row stays the first
        run = repeat(len(self._runs) - 1)
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR IGNORE INTO sent VALUES (?, ?, ?)",
            zip(keys[order].tolist(), run, rows[order].tolist(), strict=False),
        )
        self._db.execute("COMMIT")

    def find(self, external_ids: Iterable[str], numbers: Iterable[str]) -> dict[str, Sent]:
        """ExternalId or number → who sent it, of those that were sent; numbers are in E.164."""
        numbers = list(filter(None, numbers))
        wanted = {_id_key(each): (each, "externalId") for each in external_ids}
        wanted |= zip(keys_of(numbers).tolist(), zip(numbers, repeat("number")), strict=False)
        found: dict[str, Sent] = {}
        keys = sorted(wanted)
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            # Only question marks are put in.
            query = f"SELECT key, run, row FROM sent WHERE key IN ({','.join('?' * len(part))})"  # noqa: S608
            for key, run, row in self._db.execute(query, part):
                text, by = wanted[key]
                found[f"{by}:{text}"] = Sent(self._runs[run], row, by)
        return found


def _keys(
    journal: Journal, reader: NumberReader, deleted: set[str], undone: set[int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The keys of what a run sent, and the row of each, in the order of rows."""
    sent = (
        (outcome.row, outcome.external_id, outcome.numbers)
        for outcome in journal.outcomes()
        if _counts(outcome) and outcome.row not in undone and outcome.id not in deleted
    )
    while block := list(islice(sent, _BLOCK)):
        rows, ids, numbers = map(list, zip(*block, strict=True))
        pairs = [(row, each) for row, of_row in zip(rows, numbers, strict=True) for each in of_row.split(";")]
        found = reader.plain(each for _, each in pairs)
        e164s = [
            (row, e164)
            for (row, text), plain in zip(pairs, found, strict=True)
            for e164 in (plain or (reader.read(text).numbers if text else ()))
        ]
        yield (
            np.concatenate([np.array(list(map(_id_key, ids)), np.int64), keys_of(e164 for _, e164 in e164s)]),
            np.array([*rows, *(row for row, _ in e164s)], np.int64),
        )


def _counts(outcome: RowOutcome) -> bool:
    return outcome.status in _SENT and bool(outcome.external_id)


def _id_key(external_id: str) -> int:
    digest = blake2b(external_id.encode("utf-8", "surrogatepass"), digest_size=8, key=b"id").digest()
    return int.from_bytes(digest, "big", signed=True)


def _deleted(path: Path) -> Sequence[str]:
    """The customers that the ledger at ``path`` has deleted, by the server's ids."""
    if not path.exists():
        return ()
    with Undone(path) as ledger:
        return [row.id for row in ledger.rows() if row.status in DONE and row.id]


def _undone(path: Path) -> set[int]:
    """The rows whose customers the ledger at ``path`` has deleted."""
    if not path.exists():
        return set()
    with Undone(path) as ledger:
        return {row.row for row in ledger.rows() if row.status in DONE}
