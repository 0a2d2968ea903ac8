"""Which customers are meant: words, or a file's rows, each of which names one by id, externalId or both.

An id is the server's own (a GUID, with dashes or without, in any case); an externalId counts letter by
letter. A file's columns are told apart by their headers, or by what is stated. Rows are numbered from 1 as
everywhere; a line with nothing in it is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from itertools import chain
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from etl.customersearch import bare_id, is_guid
from etl.errors import InputError
from etl.fields import is_no_id
from etl.profile import normal_header
from etl.quoting import quoted
from etl.records import SourceSpec
from etl.sources import open_source, rows_of
from etl.survey import SurveyOptions, survey
from etl.vocabulary import COMMON_NAMES, OWN_NAMES

ID, EXTERNAL_ID = "id", "externalId"
"""What a row may name a customer by."""

_OURS = {"obi_id": ID, "obi_external_id": EXTERNAL_ID}
"""Columns of our own results, which beat a source's that stand beside them."""
_IDS = frozenset(map(normal_header, ("id", "customer id", "obi id")))
_EXTERNAL_IDS = frozenset(
    map(normal_header, (*OWN_NAMES["externalId"], *COMMON_NAMES["externalId"], "ids"))
) - {"id"}
_SAMPLE = 200


class Wanted(Struct, frozen=True, gc=False):
    """Who one row means: ``id`` as the server writes it, ``external_id`` as written; ``fault``: nobody, why.

    ``id`` is empty where only the externalId is given, and the other way round. ``either`` has the form of an
    id, and is an externalId where nobody has that id. ``prefixed`` is the externalId as loads with a prefix
    have sent it, empty where there is none.
    """

    row: int
    id: str = ""
    external_id: str = ""
    fault: str = ""
    either: str = ""
    prefixed: str = ""


class WantedList(Struct, frozen=True):
    """Rows that name customers, to be read again and again; ``key`` is the same for the same rows.

    ``columns``: what the customers are named by, and the column's header (empty: there is none). ``input`` is
    what the file is called, empty for words, ``path`` where it is read.
    """

    key: str
    rows: int
    input: str = ""
    path: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    by: str = ""
    prefix: str = ""
    spec: SourceSpec | None = None
    places: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Wanted]:
        """Every row, in order, streamed."""
        rows = self._of_words() if self.spec is None else self._of_file(Path(self.path), self.spec)
        if not self.prefix:
            return rows
        return (
            replace(each, prefixed=self.prefix + name) if (name := each.external_id or each.either) else each
            for each in rows
        )

    def _of_words(self) -> Iterator[Wanted]:
        return (_of_word(row, word, by=self.by) for row, word in enumerate(self.words, start=1))

    def _of_file(self, path: Path, spec: SourceSpec) -> Iterator[Wanted]:
        if not any(self.columns.values()):
            (kind,) = self.columns
            for row, cell in enumerate(_alone(path, spec), start=1):
                yield _wanted(row, {kind: cell})
            return
        row = 0
        with closing(rows_of(open_source(path, spec), spec)) as groups:
            for group in groups:
                for cells, extra in zip(group.cells, group.extras, strict=True):
                    row += 1
                    named = {kind: cells[at].strip() for kind, at in self.places.items()}
                    yield _wanted(row, named, ragged=bool(extra))


def of_words(words: Iterable[str], *, by: str = "") -> WantedList:
    """The customers that these words name, by ``id`` or ``externalId``.

    Without ``by``, what has the form of an id is one, or else an externalId.
    """
    words = tuple(words)
    return WantedList(key=_key("words", by, *words), rows=len(words), words=words, by=by)


def of_file(
    path: Path, *, name: str, by: str = "", column: str = "", sheet: str = "", hidden: str = "refuse"
) -> WantedList:
    """The customers that a file's rows name.

    ``path`` is where it is read, ``name`` what it is called. ``by`` is ``id`` or ``externalId``, ``column``
    the header of the column that holds it; both may be empty, and are told by the headers then. Raises
    InputError where that can't be done, or the file can't be read.
    """
    spec = survey(path, SurveyOptions(sheet=sheet, hidden=hidden, fit=_fit), name=name)
    places = _places(path, spec, name=name, by=by, column=column)
    if not places:
        columns, rows = {by or ID: ""}, sum(1 for _ in _alone(path, spec))
    else:
        columns, rows = {kind: spec.header[at].strip() for kind, at in places.items()}, spec.rows
    if not rows:
        raise InputError(f"{name} names nobody; nothing was deleted.")
    key = _key(spec.fingerprint, *chain.from_iterable(columns.items()), hidden, sheet)
    return WantedList(
        key=key, rows=rows, input=name, path=str(path), columns=columns, spec=spec, places=places
    )


def _places(path: Path, spec: SourceSpec, *, name: str, by: str, column: str) -> dict[str, int]:
    """What is named by which column; empty for a column of ids alone, without a header."""
    names = {at: header.strip() for at, header in enumerate(spec.header)}
    if column:
        found = [at for at, each in names.items() if normal_header(each) == normal_header(column)]
        if len(found) != 1:
            told = "more than one column" if found else "no column"
            raise InputError(f"{name} has {told} named {quoted(column)}; its columns are {_shown(spec)}.")
        return {by or _kind_of_cells(path, spec, found[0]): found[0]}
    ours = {_OURS[each.lower()]: at for at, each in names.items() if each.lower() in _OURS}
    kinds = ours or _by_headers(path, spec, names, name=name)
    if by:
        # The only column whose name says that it is one of ids holds what it is stated to hold.
        at = kinds.get(by, next(iter(kinds.values())) if len(kinds) == 1 else None)
        kinds = {} if at is None else {by: at}
    if kinds:
        return kinds
    if len(names) == 1 and (by or is_guid(names[0])):
        return {}
    told = f"a column of {by}s" if by else "the ids"
    raise InputError(
        f"{name}: which column holds {told} can't be told of {_shown(spec)}; name one id or externalId, or "
        "state it: --column NAME --by id or --by externalId."
    )


def _by_headers(path: Path, spec: SourceSpec, names: dict[int, str], *, name: str) -> dict[str, int]:
    """The columns by their names; of several of a kind none, but for the interface's own name."""
    kinds: dict[str, list[int]] = {ID: [], EXTERNAL_ID: []}
    for at, each in names.items():
        if normal_header(each) in _IDS:
            kinds[_kind_of_cells(path, spec, at)].append(at)
        elif normal_header(each) in _EXTERNAL_IDS:
            kinds[EXTERNAL_ID].append(at)
    for kind, found in kinds.items():
        own = [at for at in found if normal_header(names[at]) == normal_header(kind)]
        if len(own) == 1:
            kinds[kind] = own
        elif len(found) > 1:
            raise InputError(
                f"{name} has more than one column that may hold the {kind}: "
                f"{', '.join(quoted(names[at]) for at in found)}; state the right one: --column NAME."
            )
    return {kind: found[0] for kind, found in kinds.items() if found}


def _kind_of_cells(path: Path, spec: SourceSpec, at: int) -> str:
    """The server's ids are GUIDs; a column in which most are something else holds externalIds."""
    cells: list[str] = []
    with closing(rows_of(open_source(path, spec), spec)) as groups:
        for group in groups:
            cells += [record[at].strip() for record in group.cells]
            if len(cells) >= _SAMPLE:
                break
    filled = [cell for cell in cells if cell]
    return ID if 2 * sum(map(is_guid, filled)) > len(filled) else EXTERNAL_ID


def _alone(path: Path, spec: SourceSpec) -> Iterator[str]:
    """The cells of a file of one column without a header, blank ones left out."""
    for _, cells in open_source(path, spec).records(1):
        if text := "".join(cells[:1]).strip():
            yield text


def _wanted(row: int, named: dict[str, str], *, ragged: bool = False) -> Wanted:
    customer_id, external_id = (
        "" if is_no_id(text) else text for text in (named.get(ID, ""), named.get(EXTERNAL_ID, ""))
    )
    fault = ""
    if ragged:
        fault = "the row has more or fewer fields than the header, so its cells may be in the wrong columns"
    elif not (customer_id or external_id):
        fault = "the row names nobody"
    elif customer_id and not is_guid(customer_id):
        fault = "what stands there is no id of a customer: 32 hexadecimal digits, perhaps with dashes"
    return Wanted(row, fault=fault) if fault else Wanted(row, bare_id(customer_id), external_id)


def _of_word(row: int, word: str, *, by: str) -> Wanted:
    word = word.strip()
    if by == ID:
        return _wanted(row, {ID: word})
    if by == EXTERNAL_ID or not is_guid(word):
        return _wanted(row, {EXTERNAL_ID: word})
    return Wanted(row, bare_id(word), either=word)


def _fit(cells: Sequence[str]) -> int:
    known = {*_IDS, *_EXTERNAL_IDS, *_OURS}
    return sum(normal_header(cell) in known or cell.strip().lower() in known for cell in cells)


def _shown(spec: SourceSpec) -> str:
    return ", ".join(quoted(name) for name in spec.header[:20])


def _key(*words: str) -> str:
    return blake2b("\n".join(words).encode(), digest_size=12).hexdigest()
