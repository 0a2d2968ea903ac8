"""Which rows repeat an earlier one, over the whole input and in bounded memory.

A throw-away SQLite file takes 41 bytes of disk a key and 2.3 µs; a Python set would take a hundred bytes
of memory. The file is rebuilt on each run, resumed ones too, so it needs no durability. Beside the keys it
counts the numbers that stand under several ids: the interface takes them, and somebody is called twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from etl.earlier import Earlier
from etl.scratch import Scratch

_AT_ONCE = 500


class Seen(Scratch):
    """Keys and the row that claimed each; a look-up takes a chunk's keys together.

    A key is a pair of a folded form, by which it is found, and the exact text: ids that differ only by
    case share the first and not the second.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            "CREATE TABLE seen (fold TEXT, exact TEXT, line INTEGER, PRIMARY KEY (fold, exact))"
            "WITHOUT ROWID;"
            "CREATE TABLE numbers (number INTEGER PRIMARY KEY, id INTEGER, several INTEGER);",
        )

    def find(self, folds: Iterable[str]) -> dict[str, dict[str, int]]:
        """Folded form → {exact text: row} of those that are claimed."""
        found: dict[str, dict[str, int]] = {}
        wanted = sorted(folds)  # neighbours share pages
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(part))
            # Only question marks are put in.
            query = f"SELECT fold, exact, line FROM seen WHERE fold IN ({marks})"  # noqa: S608
            rows = self._db.execute(query, part)
            for fold, exact, row in rows:
                found.setdefault(fold, {})[exact] = row
        return found

    def claim(self, keys: Iterable[tuple[str, str, int]]) -> None:
        """Keep (folded form, exact text, row) for each key; a key that is there stays with its row."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", sorted(keys))
        self._db.execute("COMMIT")

    def note(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep (number, externalId) of rows."""
        # Equal in this process is all that is needed of a hash: the file does not outlive it.
        hashes = sorted((hash(number), hash(external_id)) for number, external_id in pairs)
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO numbers VALUES (?, ?, 0) ON CONFLICT (number) DO UPDATE SET several = 1 "
            "WHERE id != excluded.id",
            hashes,
        )
        self._db.execute("COMMIT")

    def shared(self) -> int:
        """How many numbers stand under more than one externalId."""
        return int(self._db.execute("SELECT COUNT(*) FROM numbers WHERE several").fetchone()[0])


class Repeat(Struct, frozen=True):
    """A row repeats ``first``, by its ``externalId`` or a ``number``; an earlier ``run``'s, if it has one."""

    first: int
    by: str
    run: str = ""


class Claim(Struct, frozen=True, gc=False):
    """What a good row holds: its id, whether that is derived, and the numbers that identify it.

    A ``suppressed`` row claims what it holds even where it repeats another: nobody slips by it. It may have
    no id.
    """

    row: int
    external_id: str
    derived: bool
    numbers: tuple[str, ...]
    suppressed: bool = False


class Verdict(Struct, frozen=True, gc=False):
    """``repeat`` of an earlier row, or the id to send and a warning about one that is nearly the same."""

    external_id: str
    repeat: Repeat | None = None
    warning: str = ""


class Duplicates:
    """Tells repeats over the whole input; only rows that are no repeats themselves claim anything.

    ``by`` is ``externalId``, ``number`` (any in common), ``both`` (either) or ``none``. An externalId of the
    file's own counts always, since the interface takes it once. Under ``none`` repeated derived ids get an
    ordinal, which depends on the order of the rows. ``earlier``: what an earlier run sent, by either, is a
    repeat as well.
    """

    def __init__(self, seen: Seen, *, by: str, earlier: Earlier | None = None) -> None:
        self._seen = seen
        self._by = by
        self._earlier = earlier

    def judge(self, claims: Sequence[Claim]) -> list[Verdict]:
        """The verdict for each claim, in order."""
        before = self._sent_before(claims)
        keys = [self._keys(claim) for claim in claims]
        known = self._seen.find({fold for of_claim in keys for fold, _ in of_claim})
        new: list[tuple[str, str, int]] = []
        verdicts = []
        for claim, of_claim in zip(claims, keys, strict=True):
            verdict, kept = self._judge_one(claim, of_claim, known)
            if verdict.repeat is None and (sent := before.get(claim.row)):
                verdict, kept = Verdict(claim.external_id, sent), of_claim if claim.suppressed else []
            verdicts.append(verdict)
            for fold, exact in kept:
                if exact not in known.setdefault(fold, {}):
                    known[fold][exact] = claim.row
                    new.append((fold, exact, claim.row))
        self._seen.claim(new)
        self._seen.note(
            (number, verdict.external_id)
            for claim, verdict in zip(claims, verdicts, strict=True)
            for number in claim.numbers
        )
        return verdicts

    def _sent_before(self, claims: Sequence[Claim]) -> dict[int, Repeat]:
        """Row → what of it an earlier run sent."""
        if self._earlier is None:
            return {}
        sent = self._earlier.find(
            {claim.external_id for claim in claims}, {number for claim in claims for number in claim.numbers}
        )
        found = {}
        for claim in claims:
            keys = (f"externalId:{claim.external_id}", *(f"number:{number}" for number in claim.numbers))
            if first := next((sent[key] for key in keys if key in sent), None):
                found[claim.row] = Repeat(first.row, first.by, first.run)
        return found

    def _keys(self, claim: Claim) -> list[tuple[str, str]]:
        folded = claim.external_id.casefold()
        own = [(f"id:{folded}", "" if folded == claim.external_id else claim.external_id)] if folded else []
        if self._by in {"externalId", "none"}:
            return own
        # An id counts here too: the interface takes it once, so its second row is no lead of its own.
        return [*own, *((f"no:{number}", "") for number in dict.fromkeys(claim.numbers))]

    def _judge_one(
        self, claim: Claim, keys: list[tuple[str, str]], known: dict[str, dict[str, int]]
    ) -> tuple[Verdict, list[tuple[str, str]]]:
        if self._by == "none" and claim.derived:
            fold, _ = keys[0]
            ordinal = len(known.get(fold, ())) + 1
            external_id = claim.external_id if ordinal == 1 else f"{claim.external_id}-{ordinal}"
            return Verdict(external_id), [(fold, str(ordinal))]
        warning = ""
        for fold, exact in keys:
            rows = known.get(fold, {})
            if exact in rows:
                by = "number" if fold.startswith("no:") else "externalId"
                return Verdict(claim.external_id, Repeat(rows[exact], by)), keys if claim.suppressed else []
            if rows:
                warning = (
                    f"the externalId is that of row {min(rows.values())} except for upper and lower case"
                )
        return Verdict(claim.external_id, warning=warning), keys
