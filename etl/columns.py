"""Header and profile → which column is what: the mapping of one input.

What a saved profile names rules, and must be there. Otherwise columns are recognised: by the interface's own
names, by those of the export that the header looks like (a built-in profile), by common names, and telephone
columns by what their headers consist of (``etl.vocabulary``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import filterfalse

from msgspec import Struct

from etl.errors import InputError, ProfileError
from etl.exports import Export, names, profile_of, recognised
from etl.fields import attribute_name
from etl.guesses import Guess, guess, note_of
from etl.header import NO_HEADER, Header, label_columns, listed
from etl.profile import Profile, names_of, normal_header
from etl.vocabulary import (
    ANOTHER_LINE,
    COMMON_NAMES,
    CONSENT,
    FORBIDS_CALLS,
    NO_TELEPHONE,
    OTHER_CHANNEL,
    OTHERS,
    OWN_NAMES,
    SCALARS,
    WHEN_TO_CALL,
    is_area_code,
    is_number_of_nobody,
    loose,
    telephone,
)

_DIALLED = frozenset({"phone1", "phone2", "phone3"})
"""Normal names of attributes that the interface makes numbers of."""

_FLAGS = ("do_not_call", "callable")
_SEVERAL = frozenset({"phones", *_FLAGS})
"""Fields of which every column counts; of the others one does."""

_OF_A_NUMBER = re.compile(
    r"\s*(?:(callable|contactablebyvoice)|callrecordlastattempt)-(.+)", re.IGNORECASE | re.DOTALL
)
"""Genesys keeps such columns for each telephone column, whatever that is called."""


class Mapping(Struct, frozen=True, kw_only=True):
    """Which column is what; columns are positions in ``SourceSpec.header``.

    ``fields``: customer field → column. ``phones`` and ``numbers``: columns in priority order; where
    ``numbers`` has a column, ``phones`` is empty. ``labels``: phone column → the column that says what its
    number is (``Phone 1 - Label``). A yes in ``do_not_call`` suppresses, and so does a no in ``callable``.
    ``region`` is the column of each row's country; where one of ``other_regions`` names another country, the
    row has none. ``attributes``: (column, attribute name) in file order. ``headers``: position → header as
    written. ``export``: what the header looks like, empty where nothing is recognised. ``notes``: sentences
    for a person about what was guessed. ``guesses``: what was read without a profile that names it, how and
    how surely.
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
    callable: tuple[int, ...] = ()
    labels: tuple[tuple[int, int], ...] = ()
    other_regions: tuple[int, ...] = ()
    export: str = ""
    notes: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()

    def summary(self) -> dict[str, tuple[str, ...]]:
        """What a person should see: what each column is read as, what is not dialled, and what agents see."""

        def named(columns: Sequence[int]) -> tuple[str, ...]:
            return tuple(" ".join(self.headers[column].split()) for column in columns)

        found = {"numbers": named(self.number_columns)}
        found |= {field: named([column]) for field, column in self.fields.items()}
        found |= {"do not call": named((*self.do_not_call, *self.callable, *self.suppress_when))}
        if self.region is not None:
            found["region"] = named([self.region, *self.other_regions])
        if never := self.never_dialled:
            found["not dialled"] = named(never)
        return found | {"agents see": tuple(name for _, name in self.attributes)}

    @property
    def area_codes(self) -> tuple[int, ...]:
        """The columns that hold area codes apart from their numbers."""
        return tuple(at for at, name in self.headers.items() if is_area_code(name))

    @property
    def number_columns(self) -> tuple[int, ...]:
        """The columns that numbers are read from."""
        return self.numbers or self.phones

    @property
    def never_dialled(self) -> tuple[int, ...]:
        """The columns that hold numbers which nobody is called at: fax, pager, assistant."""
        dialled = frozenset(self.number_columns)
        return tuple(
            at
            for at, name in self.headers.items()
            if at not in dialled
            and ANOTHER_LINE.search(loose(name))
            and not CONSENT.search(normal_header(name))
        )


def map_columns(columns: Sequence[tuple[int, str]], profile: Profile) -> Mapping:
    """Map ``columns`` (position, header as written) by ``profile``.

    Raises ProfileError for a named column that is not there or not unique, InputError where no column
    holds phone numbers.
    """
    header = Header(columns)
    export = recognised(header.written) if profile.guessing else None
    rules = _with_export(profile, export) if export else profile
    derive_from = tuple(header.at(name, "external_id.derive_from") for name in rules.external_id.derive_from)
    suppress_when = tuple(header.at(rule.column, "suppress_when") for rule in rules.suppress_when)
    _check_attributes(header, rules)
    found, guesses = _fields(header, rules)
    numbers = found["numbers"]
    if not numbers and not found["phones"]:
        raise InputError(_without_numbers(header))
    taken = {at for field, places in found.items() if field != "region" for at in places}
    attributes, unsent = _attributes(header, rules, taken)
    return Mapping(
        headers=dict(columns),
        fields={name: found[name][0] for name in SCALARS if found[name]},
        numbers=numbers,
        phones=() if numbers else found["phones"],
        labels=() if numbers else label_columns(found["phones"], header),
        do_not_call=found["do_not_call"],
        callable=found["callable"],
        suppress_when=suppress_when,
        region=found["region"][0] if found["region"] else None,
        other_regions=found["region"][1:],
        derive_from=derive_from,
        attributes=attributes,
        export=export.title if export else "",
        notes=(
            *([f"looks like {export.title}; --profile {export.profile} pins that down"] if export else []),
            *filter(None, [note_of(guesses)]),
            *_notes(found, header, rules, suppress_when=suppress_when),
            *_unsent_note(unsent, rules),
        ),
        guesses=guesses,
    )


def fit(cells: Sequence[str], profile: Profile) -> int:
    """How many ``cells`` of a record are names of known columns, or of columns that ``profile`` names.

    Cheap, and by names alone: what the survey finds a header below a title by. A name counts once.
    """
    keys = {loose(cell) for cell in cells if len(cell) <= _LONGEST_NAME}
    known = keys & (_KNOWN | names() | {loose(name) for name in _known_to(profile)})
    return len(known) + sum(bool(telephone(key)) or is_number_of_nobody(key) for key in keys - known)


_LONGEST_NAME = 100
_KNOWN = frozenset(
    loose(name) for known in (*OWN_NAMES.values(), *COMMON_NAMES.values(), OTHERS) for name in known
)


def _with_export(profile: Profile, export: Export) -> Profile:
    """A guessing profile with the column names of the export that the header looks like."""
    built_in = profile_of(export.profile)
    exclude = (*profile.attributes.exclude, *built_in.attributes.exclude)
    return profile.model_copy(
        update={
            "columns": built_in.columns,
            "missing_columns": "ignore",
            "attributes": profile.attributes.model_copy(update={"exclude": exclude}),
        }
    )


def _known_to(profile: Profile) -> list[str]:
    """Every column that a profile names."""
    rules = profile.attributes
    return [
        *(name for _, named in names_of(profile.columns) for name in named),
        *profile.region_column,
        *profile.external_id.derive_from,
        *(rule.column for rule in profile.suppress_when),
        *rules.rename,
        *rules.rules,
        *(name for name in (*rules.include, *rules.exclude) if not _is_pattern(name)),
    ]


# --- fields -------------------------------------------------------------------------------------------


def _fields(header: Header, profile: Profile) -> tuple[dict[str, tuple[int, ...]], tuple[Guess, ...]]:
    """Field → its columns, and how surely they are read so where no profile names them.

    Raises ProfileError for all that the profile has asked for and that is not there.
    """
    found = {field: _columns_of(field, named, header, profile) for field, named in names_of(profile.columns)}
    found["region"] = _region(header, profile)
    header.stop_if_lacking(_known_to(profile))
    _refuse_contradiction(found, header)
    if not profile.guessing:
        return found, ()
    no_fields = header.places(profile.columns.not_fields)
    guesses = guess([column for column in header.columns if column[0] not in no_fields], found)
    for each in guesses:
        if each.column not in found[each.field]:
            found[each.field] = (*found[each.field], each.column)
    return found, guesses


def _refuse_contradiction(found: dict[str, tuple[int, ...]], header: Header) -> None:
    """ProfileError where a column is a wish not to be called and leave to call: then a yes says nothing."""
    if both := [at for at in found["do_not_call"] if at in found["callable"]]:
        name = dict(header.columns)[both[0]].strip()
        raise ProfileError(
            f"The column {name!r} is to be callable and is do_not_call, by the profile or by its name: a yes "
            "can't mean both; name it under one of them in [columns], and if need be do_not_call = []."
        )


def _columns_of(field: str, named: Sequence[str], header: Header, profile: Profile) -> tuple[int, ...]:
    """The columns of a field: those that the profile demands, or else those that are recognised."""
    demanded = profile.missing_columns == "stop"
    if demanded and (named or (field in _FLAGS and getattr(profile.columns, field) is not None)):
        return tuple(header.at(column, f"columns.{field}") for column in named)
    own = [header.named(name) for name in OWN_NAMES[field]]
    known = [header.known(name) for name in named]
    if profile.guessing or not demanded or field in _FLAGS:
        known += [header.known(name) for name in COMMON_NAMES.get(field, ())]
        known += _by_form(field, header)
    no_fields = header.places(profile.columns.not_fields)
    places = [[at for at in found if at not in no_fields] for found in (*own, *known)]
    if field in _SEVERAL:
        return tuple(dict.fromkeys(at for found in places for at in found))
    first = next((found for found in places if found), [])
    if len(first) > 1:
        raise ProfileError(
            f"The input has {len(first)} columns that could be {field}; name one in a profile under "
            "[columns], or rename the others."
        )
    return tuple(first)


def _by_form(field: str, header: Header) -> list[list[int]]:
    """Columns whose names are not listed anywhere: they consist of known words, or name another column."""
    if field == "do_not_call":
        return [[at] for at, name in header.columns if FORBIDS_CALLS.fullmatch(loose(name))]
    if field == "callable":
        return [[at] for at, name in header.columns if (match := _OF_A_NUMBER.match(name)) and match[1]]
    if field != "phones":
        return []
    by_others = [
        header.known(match[2])
        for _, name in header.columns
        if (match := _OF_A_NUMBER.match(name)) and not NO_TELEPHONE.search(loose(match[2]))
    ]
    lines = sorted((line, at) for at, name in header.columns if (line := telephone(name)))
    return [*by_others, *([at] for _, at in lines)]


def _region(header: Header, profile: Profile) -> tuple[int, ...]:
    """The column of each row's country, and others that may gainsay it.

    It is used without being asked for: a national number beside another country's name would be dialled
    wrongly by the default region.
    """
    if profile.region_column:
        named = [header.at(name, "region_column") for name in profile.region_column]
        return tuple(at for at in named if at >= 0)
    if not profile.guessing and profile.missing_columns == "stop":
        return ()
    countries = _countries(header)
    called = [dict(header.columns)[at].strip() for at in countries]
    if twice := [name for name in called if len(header.known(name)) > 1]:
        raise ProfileError(
            f"The input has several columns called {twice[0]}, and each row's "
            "country rules how its numbers are read: rename all but one, or name another in a profile as "
            "region_column."
        )
    return countries


def _countries(header: Header) -> tuple[int, ...]:
    """The columns that are known to name a country, the one that counts in front."""
    places = [header.known(name) for name in COMMON_NAMES["region"]]
    return tuple(dict.fromkeys(at for found in places for at in found))


# --- attributes ---------------------------------------------------------------------------------------


def _check_attributes(header: Header, profile: Profile) -> None:
    """Ask for every column that the profile's [attributes] name, and refuse names that would be dialled."""
    rules = profile.attributes
    for column in (*rules.rename, *rules.rules, *filterfalse(_is_pattern, rules.include)):
        if not header.named(column):
            header.at(column, "attributes")
    for old, new in rules.rename.items():
        if normal_header(new) in _DIALLED:
            raise ProfileError(
                f"The profile renames {old!r} to {new!r}, which would be dialled; choose another name."
            )


def _attributes(
    header: Header, profile: Profile, taken: set[int]
) -> tuple[tuple[tuple[int, str], ...], list[str]]:
    """(Column, name) of the attributes, and the headers that the profile's include does not know."""
    rules = profile.attributes
    rename = {normal_header(old): new for old, new in rules.rename.items()}
    chosen, unknown = [], []
    for at, written in header.columns:
        name = attribute_name(written).value or f"Column {at + 1}"
        if at in taken or normal_header(name) in _DIALLED or _matches(name, rules.exclude):
            continue
        if _matches(name, rules.include):
            chosen.append((at, rename.get(normal_header(written), name)))
        else:
            unknown.append(written)
    distinct = _distinct([name for _, name in chosen])
    return tuple(zip((at for at, _ in chosen), distinct, strict=True)), unknown


def _distinct(names_given: Sequence[str]) -> Iterator[str]:
    """The names, a repeated one with the first ordinal that makes it differ from all others."""
    given, used = set(names_given), set[str]()
    for name in names_given:
        unique, ordinal = name, 1
        while unique in used or (ordinal > 1 and unique in given):
            ordinal += 1
            unique = f"{name} ({ordinal})"
        used.add(unique)
        yield unique


def _matches(name: str, patterns: Sequence[str]) -> bool:
    normal = normal_header(name)
    return any(fnmatchcase(normal, normal_header(pattern)) for pattern in patterns)


def _is_pattern(name: str) -> bool:
    return any(char in "*?[" for char in name)


# --- what a person is told ----------------------------------------------------------------------------


def _notes(
    found: dict[str, tuple[int, ...]], header: Header, profile: Profile, *, suppress_when: Sequence[int]
) -> Iterator[str]:
    written = dict(header.columns)
    if found["numbers"] and found["phones"]:
        unread = listed([written[at] for at in found["phones"]])
        yield f"{written[found['numbers'][0]].strip()} holds the numbers, so these are not read: {unread}"
    if not found["externalId"] and profile.external_id.when_missing == "derive":
        yield "no column holds an externalId, so ids are derived from the first number of each row"
    if not found["region"] and (countries := _countries(header)):
        named = listed([written[at] for at in countries])
        yield (
            f"{named} is not read: national numbers are read as the region's, whatever country a row names; "
            "region_column in the profile would go by it"
        )
    if not found["date"] and (
        times := [name for _, name in header.columns if WHEN_TO_CALL.search(normal_header(name))]
    ):
        yield (
            f"{listed(times)}: sounds like when to call, and everybody may be called at once; if it is, "
            "name it in a profile under [columns] date"
        )
    heeded = {*found["do_not_call"], *found["callable"], *suppress_when}
    if unheeded := [
        name for at, name in header.columns if at not in heeded and _sounds_like_consent(normal_header(name))
    ]:
        words = (
            "sound like consent and suppress nobody; if they should, name them"
            if len(unheeded) > 1
            else "sounds like consent and suppresses nobody; if it should, name it"
        )
        yield f"{listed(unheeded)}: {words} in a profile under [columns] do_not_call or in [[suppress_when]]"


def _unsent_note(unsent: Sequence[str], profile: Profile) -> Iterator[str]:
    if unsent and profile.attributes.include:
        it = "it" if len(unsent) == 1 else "them"
        yield f"not in the profile's [attributes] include, so agents don't see {it}: {listed(unsent)}"


def _without_numbers(header: Header) -> str:
    if header.looks_like_data:
        return NO_HEADER
    return (
        f"No column holds phone numbers: the header is {listed(header.written)}; rename a column to "
        "Phone1, or name it in a profile under [columns] phones (obi profile new FILE looks at values too). "
        "If the header stands further down, give its line: --header-row N."
    )


def _sounds_like_consent(normal: str) -> bool:
    return CONSENT.search(normal) is not None and OTHER_CHANNEL.match(normal) is None
