"""What the columns of a do-not-call list hold: numbers, hashes of numbers, or externalIds.

A list that is read as something else protects nobody, and nobody would see it. So the header decides, or
values that can be only one thing; where both are silent the list is refused, with the words that settle it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from etl.entries import NumberReader, cleaned, is_hash, is_valid
from etl.profile import LIST_KINDS, normal_header
from etl.vocabulary import COMMON_NAMES, OWN_NAMES, telephone

NUMBERS, HASHES, IDS = LIST_KINDS.values()

_IDS = frozenset(map(normal_header, (*OWN_NAMES["externalId"], *COMMON_NAMES["externalId"], "ids")))
_NUMBERS = frozenset(
    ("number", "numbers", "phonenumbers", "telephonenumbers", "phones", "msisdns", "e164", "e.164", "cli",
     "ani", "telno", "telnumber", "dncnumber", "blockednumber", "rufnummern", "telefonnummern", "nummer",
     "nummern", "numéro", "numéros", "numero", "número", "números")
)  # fmt: skip
"""Names that may stand for telephones, and do where no column is named for them outright."""
_HASHES = re.compile(r"sha-?[0-9]+|md5|hash|digest")
_COMMENT = re.compile(r"#+ *(?!N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!)[^\W\d]|#+$(?<!#{2})")
_MOST = 0.9
_FEW = 0.1
_LIKE_A_NUMBER = re.compile(r"\+?[(]?\+?[0-9][0-9 ().\-/\u00a0]{5,30}")
_SURE = re.compile(r"(?:\+|\(|00|0[1-9])[0-9 ().\-/\u00a0]+|[0-9]+[ ().\-/\u00a0][0-9 ().\-/\u00a0]+")
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-./][0-9]{1,2}[-./]|[0-9]{1,2}[-./][0-9]{1,2}[-./](?:19|20)?[0-9]{2}\b"
)
_AN_ID = re.compile(r"(?=.*[0-9])[\w.:/#+-]{1,60}")
_CODE = re.compile(r"(?:0|\+)[1-9][0-9]{0,4}")
"""Without a header, what is the first half of a number: an area code, or a country's."""
_SHORT = re.compile(r"[(+]*[0-9]{1,6}\)?")
_HALVES = frozenset(
    ("areacode", "area", "prefix", "citycode", "stdcode", "std", "ndc", "npa", "vorwahl", "ortsvorwahl",
     "indicatif", "prefisso", "prefijo", "netnummer", "kengetal", "riktnummer")
)  # fmt: skip
_COUNTRIES = frozenset(
    map(normal_header, (*OWN_NAMES.get("region", ()), *COMMON_NAMES["region"], "isd", "isd code",
                        "country calling code", "country dial code", "country prefix", "landesvorwahl",
                        "ländervorwahl", "cc", "dial code", "dialing code", "dialling code"))
)  # fmt: skip
_OTHER_HASHES = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{96}|[0-9a-f]{128}", re.IGNORECASE
)
_MANGLED = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+|#+", re.IGNORECASE)


class Chosen(NamedTuple):
    """The columns to read, and as what; ``also_ids``: digits that may be externalIds as well.

    ``country`` is the column that says of which country the numbers of a row are.
    """

    kind: str
    columns: tuple[int, ...]
    also_ids: bool = False
    country: int | None = None


class UnclearError(Exception):
    """What a list holds can't be told; the message says why, without the list's name."""


def choose(
    columns: Sequence[tuple[int, str]],
    samples: Sequence[Sequence[str]],
    *,
    stated: str,
    reader: NumberReader,
) -> Chosen:
    """What to read of a list with these ``columns`` (position, header as written).

    ``samples`` are some values of each column, trimmed and not empty. ``stated`` is a kind, or empty. Raises
    UnclearError.
    """
    chosen = _choose(columns, samples, stated=stated, reader=reader)
    if chosen.kind != NUMBERS:
        return chosen
    others = [(at, normal_header(name)) for at, name in columns if at not in chosen.columns]
    values = dict(zip((at for at, _ in columns), samples, strict=True))
    for at, name in others:
        half = _SHORT if name in _HALVES else _CODE if not name or _CODE.fullmatch(name) else None
        if half and values[at] and all(map(half.fullmatch, values[at])):
            raise UnclearError("the area code stands in a column of its own: put each number into one cell")
    country = next((at for at, name in others if name in _COUNTRIES), None)
    return chosen._replace(country=country)


def _choose(
    columns: Sequence[tuple[int, str]],
    samples: Sequence[Sequence[str]],
    *,
    stated: str,
    reader: NumberReader,
) -> Chosen:
    named = {at: _kind_of_header(name) for at, name in columns}
    found = {at: _kind_of_values(values, reader) for (at, _), values in zip(columns, samples, strict=True)}
    if stated:
        return Chosen(stated, _stated(stated, named, found))
    # A column that is named for numbers may well hold their hashes.
    hashed = tuple(at for at, kind in found.items() if kind == HASHES and named[at] != IDS)
    numbers = tuple(at for at, kind in named.items() if kind == NUMBERS and at not in hashed)
    outright = tuple(at for at, name in columns if at in numbers and telephone(name) is not None)
    numbers = outright or numbers
    if numbers or hashed:
        return Chosen(NUMBERS if numbers else HASHES, tuple(sorted(numbers + hashed)))
    if ids := tuple(at for at, kind in named.items() if kind == IDS):
        if len(ids) > 1 or found[ids[0]] in {NUMBERS, HASHES}:
            raise UnclearError(_SAY)
        if found[ids[0]] == _DIGITS:  # good numbers under the name of ids: both, to be safe
            return Chosen(NUMBERS, ids, also_ids=True)
        return Chosen(IDS, ids)
    return _by_values(found)


def fit(cells: Sequence[str]) -> int:
    """How many of the cells are names of columns that a list may have."""
    return sum(bool(_kind_of_header(cell)) for cell in cells)


def is_comment(text: str) -> bool:
    """Whether a line of a plain list is one for its readers: ``# fetched on Monday``."""
    return _COMMENT.match(text) is not None


def is_id_header(text: str) -> bool:
    """Whether this is the name of a column of externalIds rather than one of them."""
    return _kind_of_header(text) == IDS


def _stated(stated: str, named: dict[int, str], found: dict[int, str]) -> tuple[int, ...]:
    if len(named) == 1:
        return tuple(named)
    chosen = tuple(at for at, kind in named.items() if kind == stated)
    chosen = chosen or tuple(at for at, kind in found.items() if kind == stated)
    if not chosen or (stated == IDS and len(chosen) > 1):
        raise UnclearError(
            f"it is stated to hold {stated}, and {'more than one column' if chosen else 'no column'} does: "
            "keep the one column"
        )
    return chosen


_SAY = (
    "whether it holds numbers or externalIds can't be told: name the column Phone or External ID, or write "
    "numbers:FILE or ids:FILE"
)


def _by_values(found: dict[int, str]) -> Chosen:
    for kind in (NUMBERS, _DIGITS):
        fitting = tuple(at for at, each in found.items() if each == kind)
        if len(fitting) == 1:
            return Chosen(NUMBERS, fitting, also_ids=kind == _DIGITS)
        if fitting:
            raise UnclearError("more than one column looks like numbers: name one Phone, or keep only that")
    if len(found) == 1 and IDS in found.values():
        return Chosen(IDS, tuple(found))
    if len(found) == 1 and _FOREIGN in found.values():
        raise UnclearError(
            "it holds what are neither numbers nor externalIds, as far as can be told (names, e-mail "
            "addresses, hashes other than SHA-256): keep the numbers, or write ids:FILE if they are ids"
        )
    if len(found) > 1:
        raise UnclearError("no column is named or looks like numbers: name one Phone, or External ID")
    raise UnclearError(_SAY)


_FOREIGN = "foreign"
_DIGITS = "digits"
"""Values that are good numbers, and nothing but digits, so that they may be ids."""


def _kind_of_header(header: str) -> str:
    name = normal_header(header)
    if _HASHES.search(name):
        return HASHES
    if telephone(header) is not None or name in _NUMBERS:
        return NUMBERS
    return IDS if name in _IDS else ""


def _kind_of_values(values: Sequence[str], reader: NumberReader) -> str:
    """One of the kinds, ``digits``, ``foreign``, or nothing where it can't be told."""
    values = [text for text in map(cleaned, values) if not is_comment(text)]
    if not values:
        return ""
    total = len(values)
    if sum(map(is_hash, values)) >= _MOST * total:
        return HASHES
    like = [value for value in values if _LIKE_A_NUMBER.fullmatch(value) and not _DATE.match(value)]
    if len(like) < _FEW * total:
        if any(map(_MANGLED.fullmatch, values)) or any(
            any(map(is_valid, reader.read(text).numbers)) for text in like
        ):
            return ""
        return IDS if all(map(_may_be_an_id, values)) else _FOREIGN
    sure = [value for value in like if _SURE.fullmatch(value) and reader.read(value).numbers]
    if len(sure) >= _MOST * total:
        return NUMBERS
    good = len(sure) + sum(
        any(map(is_valid, reader.read(value).numbers)) for value in like if not _SURE.fullmatch(value)
    )
    return _DIGITS if good >= _MOST * total else ""


def _may_be_an_id(text: str) -> bool:
    return _AN_ID.fullmatch(text) is not None and _OTHER_HASHES.fullmatch(text) is None
