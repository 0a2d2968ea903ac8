"""One do-not-call list: which file is meant, what it holds, and its entries on their way into an index."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain, islice, takewhile
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from etl.entries import NumberReader, hash_key, id_keys, is_hash, keys_of, number_key, region_of_code
from etl.errors import ConfigError, InputError
from etl.fields import external_id
from etl.listcolumns import HASHES, IDS, Chosen, UnclearError, choose, fit, is_comment, is_id_header
from etl.profile import LIST_KINDS
from etl.reader import rows
from etl.records import Fault, SourceSpec, SuppressionList
from etl.regions import region_of
from etl.remote import is_url, shown
from etl.sources import open_source
from etl.suppression import IndexWriter
from etl.survey import SurveyOptions, fingerprint, survey

_SAMPLE = 2_000
"""Rows from which it is told what a list holds."""
_FEW = 20
"""Rows up to which a first line that is an entry counts for what the list holds."""
_TITLE = 10
"""Rows in which a header may stand below a title."""
_LINES = 5
_BLOCK = 5_000
"""Rows that are read at once, fewer where they have more than ``_BLOCK_SIZE`` characters."""
_BLOCK_SIZE = 4_000_000
_MANY = 200_000
"""Rows that take long to read."""


class Asked(Struct, frozen=True):
    """A list that is asked for: its file, and what it is stated to hold, if anything."""

    path: Path
    stated: str = ""

    @property
    def words(self) -> str:
        """The words that ask for it again."""
        prefix = next((word for word, kind in LIST_KINDS.items() if kind == self.stated), "")
        return f"{prefix}{self.path}"


def expand(words: Iterable[str]) -> list[Asked]:
    """The files that words name: paths and globs, perhaps behind ``numbers:``, ``hashes:`` or ``ids:``.

    Raises ConfigError for a pattern that fits nothing.
    """
    found: list[Asked] = []
    for word in words:
        prefix = next((each for each in LIST_KINDS if word.startswith(each)), "")
        if prefix and Path(word).exists():
            prefix = ""
        name = word.removeprefix(prefix)
        if is_url(name):
            raise ConfigError(
                f"The do-not-call list {shown(name)} is no file, so nothing was sent; fetch it, and name "
                "the file."
            )
        paths = [Path(name)]
        if glob.has_magic(name) and not paths[0].exists():
            found_there = glob.glob(name, recursive=True)  # noqa: PTH207  -- it may begin anywhere
            paths = sorted(path for path in map(Path, found_there) if ".suppressed" not in path.suffixes)
            if not paths:
                raise ConfigError(f"No do-not-call list fits {name}, so nothing was sent; check the pattern.")
        found += [Asked(path.absolute(), LIST_KINDS.get(prefix, "")) for path in paths]
    return list(dict.fromkeys(found))


def build_index(asked: Asked, target: Path, *, region: str, digest: str, say: Callable[[str], None]) -> None:
    """Read a list into a new index at ``target``; ``digest`` is the fingerprint that its bytes must have.

    Raises ConfigError, with the line where there is one, where it can't be read as a whole.
    """
    path, reader = asked.path, NumberReader(region)
    try:
        # What looks like a footer is an entry that can't be read, until somebody says otherwise.
        spec = replace(_surveyed(path), end_line=0)
        chosen = _chosen(path, spec, reader, stated=asked.stated)
        if spec.rows > _MANY:
            say(f"Reading the do-not-call list {path.name}: {spec.rows:,} rows.")
        with IndexWriter(target) as index:
            entries = _Entries(index, chosen, reader)
            entries.read_all(path, spec)
            _check_unchanged(path, digest)
            named = tuple(spec.header[at].strip() for at in chosen.columns)
            index.note(
                SuppressionList(
                    name=path.name,
                    path=str(path),
                    asked=asked.words,
                    kind=chosen.kind,
                    entries=entries.read,
                    fingerprint=digest,
                    index=target.name,
                    region=region,
                    columns=named if entries.headed else (),
                    unreadable=entries.unreadable,
                    unreadable_lines=tuple(entries.lines),
                    also_ids=chosen.also_ids,
                    hashed=chosen.kind == HASHES or entries.hashed,
                )
            )
    except InputError as error:
        raise ConfigError(f"Nothing was sent: do-not-call list {error}") from None
    except UnclearError as error:
        hint = "" if region else " (national numbers need a region: --region)"
        raise ConfigError(f"Nothing was sent: do-not-call list {path}: {error}{hint}.") from None


class _Entries:
    """Puts the entries of one list into its index, and counts what could be read."""

    def __init__(self, index: IndexWriter, chosen: Chosen, reader: NumberReader) -> None:
        self._index = index
        self._columns = chosen.columns
        self._ids = chosen.kind == IDS
        self._reader = reader
        self._country = chosen.country
        self._readers = lru_cache(maxsize=512)(NumberReader)
        self.hashed = False
        self.read = 0
        self.unreadable = 0
        self.lines: list[int] = []
        self.headed = True

    def read_all(self, path: Path, spec: SourceSpec) -> None:
        """Read every row. What stands above the rows is read too, and may be no entry: a header."""
        columns = range(len(spec.header)) if len(spec.header) == 1 or not self._ids else self._columns
        above = takewhile(lambda record: record[0] <= spec.header_line, open_source(path, spec).records(1))
        for _, cells in above:
            for cell in (cells[at] for at in columns if at < len(cells)):
                keys, whole = self._keys(cell.strip())
                self._index.add(keys)
                if keys and whole and not (self._ids and is_id_header(cell)):
                    self.read += 1
                    self.headed = False
        place = {at: position for position, (at, _) in enumerate(spec.columns)}
        positions = [place[at] for at in self._columns]
        country = None if self._country is None else place[self._country]
        width = len(spec.columns)
        source = rows(path, spec)
        while True:
            # One flat list of all cells: thousands of small ones would keep the garbage collector busy.
            lines: list[int] = []
            block: list[str] = []
            size = 0
            for row in islice(source, _BLOCK):
                lines.append(row.line)
                block.extend(row.cells)
                size += sum(map(len, row.cells))
                if size > _BLOCK_SIZE:
                    break
            if not lines:
                return
            where = [""] * len(lines) if country is None else list(map(str.strip, block[country::width]))
            bad: list[int] = []
            for position in positions:
                texts = list(map(str.strip, block[position::width]))
                bad += self._add(texts, where, alone=width == 1)
            self.unreadable += len(bad)
            self.lines += [lines[at] for at in sorted(bad)][: _LINES - len(self.lines)]

    def _add(self, texts: Sequence[str], countries: Sequence[str], *, alone: bool) -> list[int]:
        """Put a column's entries into the index; gives the positions of those that could not be read."""
        plain = [None] * len(texts) if self._ids or self._country is not None else self._reader.plain(texts)
        known = [numbers for numbers in plain if numbers is not None]
        self._index.add(keys_of(chain.from_iterable(known)))
        self.read += len(known)
        keys: list[int] = []
        bad = []
        for at in (at for at, numbers in enumerate(plain) if numbers is None):
            text = texts[at]
            if text and not (alone and is_comment(text)):
                found, whole = self._keys(text, country=countries[at])
                keys += found
                self.read += bool(found)
                if not whole:
                    bad.append(at)
        self._index.add(keys)
        return bad

    def _keys(self, text: str, *, country: str = "") -> tuple[Iterable[int], bool]:
        if self._ids:
            return id_keys(text), not isinstance(external_id(text), Fault)
        if is_hash(text):
            self.hashed = True
            return (hash_key(text),), True
        numbers, whole = self._reader.read(text)
        if country and text[0] != "+":
            region = region_of_code(country) or region_of(country) or ""
            there = self._readers(region).read(text)
            return [number_key(e164) for e164 in {*numbers, *there.numbers}], bool(region) and there.whole
        return [number_key(e164) for e164 in numbers], whole


def _check_unchanged(path: Path, digest: str) -> None:
    if fingerprint(path) != digest:
        raise InputError(f"{path} was changed while it was read; load again.")


def _surveyed(path: Path) -> SourceSpec:
    """The list's survey; in one column a title is no header where a known name stands below it."""
    options = SurveyOptions(hidden="include", fit=fit)
    spec = survey(path, options, name=str(path))
    if len(spec.columns) == 1 and not fit(spec.header):
        named = next((row.line for row in islice(rows(path, spec), _TITLE) if fit(row.cells)), None)
        if named is not None:
            return survey(path, replace(options, header_row=named), name=str(path))
    return spec


def _chosen(path: Path, spec: SourceSpec, reader: NumberReader, *, stated: str) -> Chosen:
    columns = spec.columns
    samples: list[list[str]] = [[] for _ in columns]
    for row in islice(rows(path, spec), _SAMPLE):
        for values, cell in zip(samples, row.cells, strict=True):
            if text := cell.strip():
                values.append(text)
    if spec.rows < _FEW:
        for (_, header), values in zip(columns, samples, strict=True):
            text = header.strip()
            if text and (is_hash(text) or reader.read(text).whole):
                values.append(text)
    return choose(columns, samples, stated=stated, reader=reader)
