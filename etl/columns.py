"""Header and profile → which column is what: the mapping of one input.

Headers match trimmed, with case, spaces, ``_``, ``-`` and NBSP ignored. A column that the profile names
and the input lacks stops the run; so does a header that the profile names and that stands there twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from etl.errors import InputError, ProfileError
from etl.fields import attribute_name
from etl.profile import Profile, names_of, normal_header
from etl.settings import nearest
from etl.vocabulary import COMMON_NAMES, CONSENT, OWN_NAMES, SCALARS

_DIALLED = frozenset({"phone1", "phone2", "phone3"})
"""Normal names of attributes that the interface makes numbers of."""


_DATA = re.compile(r"[0-9][0-9 ()./-]{5,}[0-9]|[^\s@]@[^\s@]+\.")
_NO_HEADER = (
    "The first line looks like data and not like a header: put a line with the columns' names above it. "
    "If the header stands further down, name its line in a profile: [source] header_row."
)


class Mapping(Struct, frozen=True, kw_only=True):
    """Which column is what; columns are positions in ``SourceSpec.header``.

    ``fields``: customer field → column. ``phones`` and ``numbers``: columns in priority order; where
    ``numbers`` has a column, ``phones`` is empty. ``attributes``: (column, attribute name) in file order.
    ``headers``: position → header as written. ``notes``: sentences for a person about what was guessed.
    """

    headers: dict[int, str]
    fields: dict[str, int]
    numbers: tuple[int, ...]
    phones: tuple[int, ...]
    do_not_call: tuple[int, ...]
    suppress_when: tuple[int, ...]
    region: int | None
    derive_from: tuple[int, ...]
    attributes: tuple[tuple[int, str], ...]
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, tuple[str, ...]]:
        """What a person should see: what each column is read as, and what agents see."""

        def named(columns: Sequence[int]) -> tuple[str, ...]:
            return tuple(self.headers[column].strip() for column in columns)

        found = {"numbers": named(self.number_columns)}
        found |= {field: named([column]) for field, column in self.fields.items()}
        found |= {"do not call": named((*self.do_not_call, *self.suppress_when))}
        if self.region is not None:
            found["region"] = named([self.region])
        return found | {"agents see": tuple(name for _, name in self.attributes)}

    @property
    def number_columns(self) -> tuple[int, ...]:
        """The columns that numbers are read from."""
        return self.numbers or self.phones


def map_columns(columns: Sequence[tuple[int, str]], profile: Profile) -> Mapping:
    """Map ``columns`` (position, header as written) by ``profile``.

    Raises ProfileError for a named column that is not there or not unique, InputError where no column
    holds phone numbers.
    """
    header = _Header(columns)
    found = {
        name: _columns_of(name, named, header, guessing=profile.guessing)
        for name, named in names_of(profile.columns)
    }
    if not profile.columns.do_not_call:
        found["do_not_call"] = _do_not_call(header, profile)
    numbers = found["numbers"]
    region = header.at(profile.region_column, "region_column") if profile.region_column else None
    derive_from = tuple(
        header.at(name, "external_id.derive_from") for name in profile.external_id.derive_from
    )
    suppress_when = tuple(header.at(rule.column, "suppress_when") for rule in profile.suppress_when)
    if not numbers and not found["phones"]:
        if _looks_like_data(header.written):
            raise InputError(_NO_HEADER)
        raise InputError(
            f"No column holds phone numbers: the header is {_listed(header.written)}; rename a column to "
            "Phone1, or name it in a profile under [columns] phones. If the header stands further down, name "
            "its line there: [source] header_row."
        )
    taken = {at for columns_of_field in found.values() for at in columns_of_field}
    attributes = _attributes(header, profile, taken)
    return Mapping(
        headers=dict(columns),
        fields={name: found[name][0] for name in SCALARS if found[name]},
        numbers=numbers,
        phones=() if numbers else found["phones"],
        do_not_call=found["do_not_call"],
        suppress_when=suppress_when,
        region=region,
        derive_from=derive_from,
        attributes=attributes,
        notes=_notes(found, header, profile, suppress_when=suppress_when),
    )


class _Header:
    """The header, looked up by normal name."""

    def __init__(self, columns: Sequence[tuple[int, str]]) -> None:
        self.columns = columns
        self.written = [name for _, name in columns]
        self.places: dict[str, list[int]] = {}
        for at, name in columns:
            self.places.setdefault(normal_header(name), []).append(at)

    def find(self, name: str) -> list[int]:
        return self.places.get(normal_header(name), [])

    def at(self, name: str, key: str) -> int:
        """The one column of this name that the profile's ``key`` means."""
        found = self.find(name)
        if not found:
            hint = f". {_NO_HEADER}" if _looks_like_data(self.written) else nearest(name, self.written)
            raise ProfileError(f"The profile names the column {name!r} ({key}), and the input has none{hint}")
        if len(found) > 1:
            raise ProfileError(
                f"The profile names the column {name!r} ({key}), and the input has {len(found)} of that "
                "name; rename them in the input so that it is clear which one is meant."
            )
        return found[0]


def _columns_of(name: str, named: Sequence[str], header: _Header, *, guessing: bool) -> tuple[int, ...]:
    if named:
        return tuple(header.at(column, f"columns.{name}") for column in named)
    known = OWN_NAMES[name] + (COMMON_NAMES.get(name, ()) if guessing else ())
    places = [header.find(candidate) for candidate in known]
    if name in {"phones", "do_not_call"}:
        return tuple(dict.fromkeys(at for found in places for at in found))
    first = next((found for found in places if found), [])
    if len(first) > 1:
        raise ProfileError(
            f"The input has {len(first)} columns that could be {name}; name one in a profile under "
            "[columns], or rename the others."
        )
    return tuple(first)


def _do_not_call(header: _Header, profile: Profile) -> tuple[int, ...]:
    """Known columns of that kind count whatever else the profile names; an empty list says that none does."""
    if profile.columns.do_not_call is not None:
        return ()
    return _columns_of("do_not_call", (), header, guessing=True)


def _attributes(header: _Header, profile: Profile, taken: set[int]) -> tuple[tuple[int, str], ...]:
    rules = profile.attributes
    rename = {normal_header(old): new for old, new in rules.rename.items()}
    for column in (*rules.rename, *rules.rules):
        if not header.find(column):
            raise ProfileError(
                f"The profile names the column {column!r} (attributes), and the input has none"
                f"{nearest(column, header.written)}"
            )
    for old, new in rules.rename.items():
        if normal_header(new) in _DIALLED:
            raise ProfileError(
                f"The profile renames {old!r} to {new!r}, which would be dialled; choose another name."
            )
    chosen = []
    for at, written in header.columns:
        name = attribute_name(written).value or f"Column {at + 1}"
        if at in taken or normal_header(name) in _DIALLED:
            continue
        if _matches(name, rules.include) and not _matches(name, rules.exclude):
            chosen.append((at, rename.get(normal_header(written), name)))
    return tuple(zip((at for at, _ in chosen), _distinct([name for _, name in chosen]), strict=True))


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """The names, a repeated one with the first ordinal that makes it differ from all others."""
    given, used = set(names), set[str]()
    for name in names:
        unique, ordinal = name, 1
        while unique in used or (ordinal > 1 and unique in given):
            ordinal += 1
            unique = f"{name} ({ordinal})"
        used.add(unique)
        yield unique


def _matches(name: str, patterns: Sequence[str]) -> bool:
    normal = normal_header(name)
    return any(fnmatchcase(normal, normal_header(pattern)) for pattern in patterns)


def _notes(
    found: dict[str, tuple[int, ...]], header: _Header, profile: Profile, *, suppress_when: Sequence[int]
) -> tuple[str, ...]:
    names = dict(header.columns)
    notes = []
    if found["numbers"] and found["phones"]:
        unread = _listed([names[at] for at in found["phones"]])
        notes.append(
            f"{names[found['numbers'][0]].strip()} holds the numbers, so these are not read: {unread}"
        )
    if not found["externalId"] and profile.external_id.when_missing == "derive":
        notes.append("no column holds an externalId, so ids are derived from the first number of each row")
    heeded = {*found["do_not_call"], *suppress_when}
    if unheeded := [
        name for at, name in names.items() if at not in heeded and CONSENT.search(normal_header(name))
    ]:
        notes.append(
            f"{_listed(unheeded)}: sounds like consent and suppresses nobody; if it should, name it in a "
            "profile under [columns] do_not_call or in [[suppress_when]]"
        )
    return tuple(notes)


def _looks_like_data(names: Sequence[str]) -> bool:
    """Whether the cells are a person's rather than names of columns: they must not be shown then."""
    return any(_DATA.search(name) for name in names)


def _listed(names: Sequence[str]) -> str:
    shown = [name.strip() or "(blank)" for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
