"""The CRM's own names for what comes back from a campaign: a load's profile, read the other way round.

A profile says which column of the CRM's file is which customer field, and under which name agents see the
others. Read backwards it says under which header a value stands when it goes home, so that an export joins
the file that was loaded by the CRM's own id. What a profile can't say backwards keeps the name that it has
in the interface, and ``notes`` say why: a header that may be wrong is worse than one that is strange.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, field

from etl.fields import attribute_name
from etl.profile import Profile, names_of, normal_header
from etl.vocabulary import SCALARS

MOST_NUMBERS = 3
"""Numbers that a customer has at most (the interface's document)."""

_LISTED = 10
"""Names that a sentence tells one by one."""

_DERIVED = re.compile("d1-[0-9a-f]{32}")
"""What ``etl.fields.derived_external_id`` gives."""


class Headers(Struct, frozen=True):
    """The headers of a table, one a column and all different, and what a person should know of them."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


class NamesBack(Struct, frozen=True, kw_only=True):
    """What the fields and attributes of customers are called where they go; ``NamesBack()`` renames nothing.

    ``phone_headers`` are the columns of single numbers, the first to be dialled in front, at most three, and
    ``numbers_header`` the column that holds all of them with ``;`` between: one of the two is empty, and both
    are where the profile says nothing. ``prefix`` was put before every externalId. ``notes`` are sentences
    about what could not be told backwards.
    """

    phone_headers: tuple[str, ...] = ()
    numbers_header: str = ""
    prefix: str = ""
    notes: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, profile: Profile) -> NamesBack:
        """The inverse of a load's profile; one with ``[columns]`` and ``[attributes.rename]`` is enough."""
        inverse = _Inverse(profile)
        return cls(
            phone_headers=inverse.phones,
            numbers_header=inverse.numbers,
            prefix=profile.external_id.prefix,
            notes=tuple(inverse.notes),
            fields=inverse.fields,
            attributes=inverse.attributes,
        )

    def external_id(self, text: str) -> str:
        """The CRM's own id: without the profile's prefix, and whole where it does not begin with it."""
        return text.removeprefix(self.prefix)

    def lacks_prefix(self, text: str) -> bool:
        """Whether an externalId can't have come by a load with this profile: it lacks the prefix."""
        return not text.startswith(self.prefix)

    def was_derived(self, text: str) -> bool:
        """Whether an externalId was made by a load for a row that had none: the CRM does not know it."""
        return _DERIVED.fullmatch(self.external_id(text)) is not None

    def header_of_field(self, name: str) -> str:
        """The header of a customer field (``externalId``, ``numbers``, ``phone1``, ``agentId``, …).

        One that the profile does not name is called as the interface calls it.
        """
        return self.fields.get(name, name)

    def header_of_attribute(self, name: str) -> str:
        """The header of the column that an attribute was made of, as far as the profile alone can tell."""
        return self.attributes.get(name, name)

    def headers(self, own: Sequence[str], attributes: Sequence[str] = ()) -> Headers:
        """The headers of a table: of ``own`` fields by the interface's names, then of ``attributes``.

        All of them differ, in more than case. Where two want one name, a column of the CRM that the profile
        names has it; then our own fields, else called ``obi_NAME`` (which a load does not read); then the
        attributes, else called ``attribute: NAME``.
        """
        table = _Table()
        named_first = sorted(own, key=self.fields.__contains__, reverse=True)
        fields = {
            name: table.give(name, self.fields.get(name, name), other=f"obi_{name}") for name in named_first
        }
        back = {name: header for name, header in self.attributes.items() if name in attributes}
        notes = []
        for name in _with_twins(back, attributes):
            del back[name]
            notes.append(
                f"The attributes {name!r} and {name + ' (2)'!r} were two columns of one name, and which one "
                "the profile renamed can't be told: both keep the names that agents see."
            )
        renamed_first = sorted(attributes, key=back.__contains__, reverse=True)
        others = {
            name: table.give(name, back.get(name, name), other=f"attribute: {name}") for name in renamed_first
        }
        if table.moved:
            notes.append(f"Names that are taken already: {listed(table.moved)}.")
        names = (*(fields[name] for name in own), *(others[name] for name in attributes))
        return Headers(names, tuple(notes))


def listed(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and the headers that stand for them, of many the first."""
    shown = ", ".join(f"{name!r} as {header!r}" for name, header in pairs[:_LISTED])
    return shown + (f" and {len(pairs) - _LISTED:,} more" if len(pairs) > _LISTED else "")


class _Table:
    """Names given to columns, of which no two are equal but for case and blanks at their ends."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self.moved: list[tuple[str, str]] = []

    def give(self, name: str, wanted: str, *, other: str) -> str:
        """A header for ``name``: as it is ``wanted``; where that is taken ``other``, numbered if need be."""
        header = next(each for each in _numbered(wanted, other) if _key(each) not in self._taken)
        if header != wanted:
            self.moved.append((name, header))
        self._taken.add(_key(header))
        return header


def _numbered(wanted: str, other: str) -> Iterator[str]:
    yield wanted
    yield other
    ordinal = 2
    while True:
        yield f"{other} ({ordinal})"
        ordinal += 1


def _key(header: str) -> str:
    return header.strip().casefold()


def _with_twins(back: dict[str, str], attributes: Iterable[str]) -> list[str]:
    """Renamed attributes beside which stands one that a load calls so where two columns have one name."""
    there = set(attributes)
    return [name for name in back if f"{name} (2)" in there]


class _Inverse:
    """What a profile says backwards; a column is the header of one thing only."""

    def __init__(self, profile: Profile) -> None:
        self.fields: dict[str, str] = {}
        self.notes: list[str] = []
        self.numbers = ""
        self.phones: tuple[str, ...] = ()
        self._taken: dict[str, str] = {}
        named = dict(names_of(profile.columns))
        self._any_of = profile.missing_columns == "ignore"
        self._scalar("externalId", named["externalId"])
        if named["numbers"]:
            self._scalar("numbers", named["numbers"])
            self.numbers = self.fields.get("numbers", "")
        else:
            self._phones(named["phones"])
        for name in SCALARS[1:]:
            self._scalar(name, named[name])
        self.attributes = self._renamed(profile.attributes.rename)
        if profile.external_id.salesforce18:
            self.notes.append(
                "Salesforce's ids of 15 characters come back in their form of 18, which Salesforce takes too."
            )

    def _scalar(self, name: str, named: Sequence[str]) -> None:
        free = [header for header in named if normal_header(header) not in self._taken]
        if free:
            self._take(name, free[0])
        elif named:
            other = self._taken[normal_header(named[0])]
            self.notes.append(
                f"The profile reads {other} and {name} from the column {named[0]!r}: the header stands for "
                f"{other}, and {name} keeps its own name."
            )
        if len(named) > 1 and free:
            self.notes.append(
                f"The profile knows {len(named)} names for {name}, and the first that is free is the header: "
                f"{free[0]!r}."
            )

    def _take(self, name: str, header: str) -> None:
        self._taken[normal_header(header)] = name
        self.fields[name] = header.strip()

    def _phones(self, named: Sequence[str]) -> None:
        """Headers for single numbers, by their order: a customer does not tell its numbers' columns."""
        if not named:
            return
        if self._any_of:
            self.notes.append(
                "The phones of the profile are names that a column may go by, so numbers keep those of the "
                "interface; `obi profile new FILE` makes a profile with those of your file."
            )
            return
        for header in named:
            if len(self.phones) < MOST_NUMBERS and normal_header(header) not in self._taken:
                self._take(f"phone{len(self.phones) + 1}", header)
                self.phones = (*self.phones, header.strip())
        if len(named) > 1:
            self.notes.append(
                f"Numbers stand under {', '.join(self.phones)} in the order of dialling: whoever had "
                "none in the first column has the next one's there."
            )

    def _renamed(self, rename: dict[str, str]) -> dict[str, str]:
        """Attribute → header; none for a name that several columns are renamed to."""
        in_force = {normal_header(old): (old.strip(), new) for old, new in rename.items()}
        times = Counter(new for _, new in in_force.values())
        for name in (name for name, count in times.items() if count > 1):
            columns = ", ".join(repr(old) for old, new in in_force.values() if new == name)
            self.notes.append(
                f"The profile renames several columns ({columns}) to {name!r}, so that attribute keeps the "
                "name that agents see."
            )
        back: dict[str, str] = {}
        for old, new in in_force.values():
            if times[new] == 1:
                # A server that tidies names has the second.
                back |= dict.fromkeys((new, attribute_name(new).value), old)
        return back
