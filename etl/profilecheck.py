"""A profile against a file: the columns that it names and finds, those that are new, what it makes of cells.

It is what somebody asks before a nightly load meets a changed export: nothing is decided row by row here
(``obi check`` does that), every column is read by itself, over the whole file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from etl import fields, phone
from etl.columns import Mapping, map_columns
from etl.errors import InputError, ProfileError
from etl.forms import rule_tests
from etl.guesses import READ_AS
from etl.orders import Order, survey_only
from etl.profile import Profile, names_of, normal_header
from etl.reader import rows
from etl.records import Fault, Normal, SourceSpec
from etl.vocabulary import OWN_NAMES

_CACHED = 4096
_FLAGS = frozenset({"do_not_call", "callable"})


class Lacking(Struct, frozen=True):
    """A column that the profile names under ``key``, and that can't be told in the input.

    ``count`` of that name are there: none, or several. ``nearest`` is the most similar header, if any is.
    """

    key: str
    name: str
    count: int
    nearest: str = ""


class Rate(Struct, frozen=True, kw_only=True):
    """How many cells of a column can be read as the field, or keep to the rule, that the profile says.

    ``filled``: cells with content. ``faults``: why others can't be read, by code, the most frequent first.
    """

    header: str
    field: str
    filled: int
    good: int
    faults: dict[str, int] = msgspec.field(default_factory=dict)


class ProfileCheck(Struct, frozen=True, kw_only=True):
    """How a profile fits an input; it does where nothing is ``lacking``.

    ``new``: columns that the profile knows nothing of. ``unused``: sentences on columns that look like a
    field and are not read as one. ``problem`` is what else keeps the columns from being mapped. ``exit_code``
    is that of a load which would be stopped by this, else 0.
    """

    input: str
    profile: str
    rows: int
    lacking: tuple[Lacking, ...] = ()
    new: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    rates: tuple[Rate, ...] = ()
    agents_see: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    exit_code: int = 0


def check_profile(order: Order, source: Path) -> ProfileCheck:
    """How ``order.profile`` fits the input at ``source``. Raises InputError where that can't be read."""
    profile = order.profile
    spec = survey_only(order, source)
    lacking = tuple(_lacking(profile, spec))
    mapping, problem, exit_code = None, "", ProfileError.exit_code if lacking else 0
    if not lacking:
        try:
            mapping = map_columns(spec.columns, profile)
        except (ProfileError, InputError) as error:
            problem, exit_code = str(error), error.exit_code
    read = frozenset(_read(mapping)) if mapping else frozenset[int]()
    seen = frozenset(at for at, _ in mapping.attributes) if mapping else frozenset[int]()
    return ProfileCheck(
        input=order.input,
        profile=profile.name,
        rows=spec.rows,
        lacking=lacking,
        new=_new(profile, spec, read | seen),
        unused=_unused(profile, spec, read),
        rates=tuple(_rates(source, spec, profile, _places(profile, spec, mapping))),
        agents_see=tuple(name for _, name in mapping.attributes) if mapping else (),
        notes=mapping.notes if mapping else (),
        problem=problem,
        exit_code=exit_code,
    )


# --- columns ------------------------------------------------------------------------------------------


def named_columns(profile: Profile) -> Iterator[tuple[str, str]]:
    """Every column that an input must have for ``profile``, as (key that names it, name as written there)."""
    if profile.missing_columns == "stop":
        for each, names in names_of(profile.columns):
            yield from ((f"columns.{each}", name) for name in names)
    yield from (("region_column", name) for name in profile.region_column)
    yield from (("external_id.derive_from", name) for name in profile.external_id.derive_from)
    yield from (("suppress_when", rule.column) for rule in profile.suppress_when)
    rules = profile.attributes
    yield from (("attributes.rename", name) for name in rules.rename)
    yield from (("attributes.rules", name) for name in rules.rules)
    yield from (("attributes.include", name) for name in rules.include if not _is_pattern(name))


def _is_pattern(name: str) -> bool:
    return any(char in name for char in "*?[")


def _lacking(profile: Profile, spec: SourceSpec) -> Iterator[Lacking]:
    written = {normal_header(header): header.strip() for _, header in spec.columns}
    counts = Counter(normal_header(header) for _, header in spec.columns)
    for key, name in named_columns(profile):
        normal = normal_header(name)
        if counts[normal] == 1 or (counts[normal] and key.startswith("attributes.")):
            continue
        near = get_close_matches(normal, written, n=1) if not counts[normal] else []
        yield Lacking(key, name, counts[normal], written[near[0]] if near else "")


def _new(profile: Profile, spec: SourceSpec, used: frozenset[int]) -> tuple[str, ...]:
    """Columns that are neither read, nor seen by agents, nor named; all are known to a guessing profile."""
    known = {normal_header(name) for _, name in named_columns(profile)}
    known |= {normal_header(name) for name in profile.attributes.exclude}
    known |= {normal_header(name) for names in OWN_NAMES.values() for name in names}
    if profile.guessing or "*" in profile.attributes.include:
        return ()
    return tuple(
        header.strip()
        for at, header in spec.columns
        if at not in used and header.strip() and normal_header(header) not in known
    )


def _read(mapping: Mapping) -> Iterator[int]:
    """The columns that a load reads itself."""
    yield from (*mapping.number_columns, *mapping.fields.values(), *mapping.do_not_call, *mapping.callable)
    yield from (*mapping.suppress_when, *mapping.derive_from, *mapping.other_regions)
    yield from (at for pair in mapping.labels for at in pair)
    if mapping.region is not None:
        yield mapping.region


def _unused(profile: Profile, spec: SourceSpec, read: frozenset[int]) -> tuple[str, ...]:
    """What would be guessed without the profile's ``[columns]``, and is not read so with them."""
    if profile.guessing:
        return ()
    try:
        guesses = map_columns(spec.columns, Profile()).guesses
    except (ProfileError, InputError):
        return ()
    named = {normal_header(name) for _, name in named_columns(profile)}
    named |= {normal_header(name) for name in profile.columns.not_fields}
    named -= {normal_header(name) for name in profile.attributes.include}
    filled = {each for each, names in names_of(profile.columns) if names}
    if profile.region_column:
        filled.add("region")
    return tuple(
        f"{guess.header.strip()!r} looks like {READ_AS[guess.field]} ({guess.confidence} % sure) and is not "
        f"read as one; if it should be, name it under {_place(guess.field)}"
        for guess in guesses
        if guess.column not in read
        and normal_header(guess.header) not in named
        and (guess.field == "phones" or guess.field not in filled)
        and guess.field not in _FLAGS
        and not (guess.field == "phones" and profile.columns.numbers)
    )


def _place(each: str) -> str:
    return "region_column" if each == "region" else f"[columns] {each}"


# --- cells --------------------------------------------------------------------------------------------


class _Reading(NamedTuple):
    """What the cells of a column are read as; ``judge`` gives the code of what is wrong with one, or nothing.

    It is told the row's country and zone as written, where the input has columns for them.
    """

    column: int
    field: str
    judge: Callable[[str, str, str], str]


def _readings(profile: Profile, places: Sequence[tuple[str, int]]) -> Iterator[_Reading]:
    """How the columns at ``places`` (field, column) are read; equal cells are read once."""
    rules = _rules(profile)
    for each, column in places:
        if each in rules:
            yield _Reading(column, each, lru_cache(_CACHED)(rules[each]))
    for header, rule in profile.attributes.rules.items():
        for name, column in places:
            if name == f"attributes.rules.{normal_header(header)}":
                for code, passes in rule_tests(rule, profile.source):
                    yield _Reading(column, code, partial(_by_test, code, passes))


def _rules(profile: Profile) -> dict[str, Callable[[str, str, str], str]]:
    """Field → the code of what is wrong with a cell, by the profile's rules."""
    policy, source = profile.phones, profile.source
    numbers = phone.PhoneRules(
        region=profile.region, accept=policy.accept, format=policy.format, premium=policy.premium
    )
    default = profile.defaults.time_zone
    zone_else = source.timezone or ("UTC" if default == "infer" else default)

    def of_phone(cell: str, country: str, _zone: str) -> str:
        region = (phone.region_of(country) or "") if country.strip() else None
        found = phone.read_cell(cell, numbers, region=region)
        return "" if found.numbers or not found.faults else found.faults[0].code

    def of_date(cell: str, _country: str, zone: str) -> str:
        return _code(
            fields.date(
                cell, formats=source.date_formats, order=source.date_order, zone=zone.strip() or zone_else
            )
        )

    def of_flag(cell: str, _country: str, _zone: str) -> str:
        return "" if fields.yes_no(cell) is not None else "flag.unreadable"

    def of_region(cell: str, _country: str, _zone: str) -> str:
        return "" if phone.region_of(cell) else "region.unknown"

    def scalar(rule: Callable[[str], Normal | Fault]) -> Callable[[str, str, str], str]:
        return lambda cell, _country, _zone: _code(rule(cell))

    ids = partial(
        fields.external_id, prefix=profile.external_id.prefix, salesforce18=profile.external_id.salesforce18
    )
    return {
        "externalId": scalar(ids),
        "numbers": of_phone,
        "phones": of_phone,
        "region": of_region,
        "date": of_date,
        "agentId": scalar(fields.guid),
        "dialingMode": scalar(fields.dialing_mode),
        "previewTime": scalar(partial(fields.whole_number, field="previewTime")),
        "priority": scalar(partial(fields.whole_number, field="priority")),
        "timeZone": scalar(fields.time_zone),
        "do_not_call": of_flag,
        "callable": of_flag,
    }


def _code(read: Normal | Fault) -> str:
    return read.code if isinstance(read, Fault) else ""


def _by_test(code: str, passes: Callable[[str], bool], cell: str, _country: str, _zone: str) -> str:
    return "" if passes(cell.strip()) else code


def _places(profile: Profile, spec: SourceSpec, mapping: Mapping | None) -> list[tuple[str, int]]:
    """(Field, column) of all that is read: as mapped, or else the named columns that can be told."""
    at: dict[str, list[int]] = {}
    for column, header in spec.columns:
        at.setdefault(normal_header(header), []).append(column)
    rules = [
        (f"attributes.rules.{normal}", at[normal][0])
        for normal in map(normal_header, profile.attributes.rules)
        if normal in at
    ]
    if mapping is None:
        named = [(key, at.get(normal_header(name), [])) for key, name in named_columns(profile)]
        found = [(key.removeprefix("columns."), places[0]) for key, places in named if len(places) == 1]
        return [*(("region" if key == "region_column" else key, place) for key, place in found), *rules]
    return [
        *mapping.fields.items(),
        *(("numbers" if mapping.numbers else "phones", column) for column in mapping.number_columns),
        *(("region", column) for column in (mapping.region, *mapping.other_regions) if column is not None),
        *(("do_not_call", column) for column in mapping.do_not_call),
        *(("callable", column) for column in mapping.callable),
        *rules,
    ]


@lru_cache(_CACHED)
def _country(said: tuple[str, ...]) -> str:
    """The row's country as written; where two columns say two, one that there is not."""
    filled = [text for text in said if text.strip()]
    several = (
        len({phone.region_of(text) for text in filled[1:]} - {None, phone.region_of(filled[0])})
        if filled
        else 0
    )
    return "(several)" if several else "".join(filled[:1])


def _rates(
    source: Path, spec: SourceSpec, profile: Profile, places: Sequence[tuple[str, int]]
) -> Iterator[Rate]:
    """How every column does over the whole input; ragged rows are left out, since a load refuses them."""
    readings = list(_readings(profile, places))
    index = {at: place for place, (at, _) in enumerate(spec.columns)}
    countries = [index[column] for name, column in places if name == "region"]
    zones = [index[column] for name, column in places if name == "timeZone"]
    filled, faults = [0] * len(readings), [Counter[str]() for _ in readings]
    for row in rows(source, spec):
        if row.extra:
            continue
        cells = row.cells
        where = _country(tuple(cells[at] for at in countries)), "".join(cells[at] for at in zones)
        for number, (column, name, judge) in enumerate(readings):
            cell = cells[index[column]]
            if cell.strip() or name == "attribute.required":
                filled[number] += 1
                if code := judge(cell, *where):
                    faults[number][code] += 1
    headers = dict(spec.columns)
    for reading, count, found in zip(readings, filled, faults, strict=True):
        yield Rate(
            header=headers[reading.column],
            field=reading.field,
            filled=count,
            good=count - found.total(),
            faults=dict(found.most_common()),
        )
