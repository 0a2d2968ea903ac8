"""A file → the draft of its mapping profile: what each column would be, how surely, and what its cells say.

The draft is made as a profile first, and what it shows is what that profile makes of the file: so the file
that is written maps exactly as it was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from etl.columns import Mapping, map_columns
from etl.dateorder import date_evidence
from etl.errors import InputError, ProfileError
from etl.exports import recognised
from etl.fields import attribute_name
from etl.guesses import READ_AS, Guess, never_dialled
from etl.header import Header
from etl.looks import fitting_regions, guess_by_values, phone_share
from etl.orders import Order, survey_only
from etl.profile import Profile, names_of, normal_header
from etl.reader import rows
from etl.records import SourceSpec

_SAMPLED = 1_000
"""Rows that are looked at, spread over the input."""
_SHOWN = 3
_TAKEN_BY_VALUES = frozenset({"externalId", "timeZone", "dialingMode"})
"""Fields that are taken from a column for what its cells look like; others are proposed, and not taken."""
_SEVERAL = frozenset({"phones", "do_not_call", "callable"})
_ATTRIBUTE = "attribute"


class Line(Struct, frozen=True, kw_only=True):
    """What becomes of one column.

    ``field`` is what the profile reads it as: a customer field, ``region``, ``attribute`` or, where nobody
    sees it, nothing. ``guess`` says how that was found; where it is of another field, that is only proposed,
    for a person to decide. ``samples`` are up to three different cells.
    """

    column: int
    header: str
    field: str
    guess: Guess | None = None
    samples: tuple[str, ...] = ()

    @property
    def proposed(self) -> str:
        """The field that is only proposed, empty where none is."""
        return self.guess.field if self.guess and self.guess.field != self.field else ""


class Draft(Struct, frozen=True, kw_only=True):
    """A profile for a file, and what it makes of it.

    ``document`` is the profile as plain data. ``lines``: every column of the input, mapped ones first, in the
    order of the fields. ``not_dialled``: (header, why) of columns with numbers in them. ``regions``: those
    that explain the national numbers where no region is known. ``notes`` are sentences for a person.
    """

    input: str
    spec: SourceSpec
    document: dict[str, Any]
    mapping: Mapping
    lines: tuple[Line, ...]
    not_dialled: tuple[tuple[str, str], ...]
    regions: tuple[str, ...]
    notes: tuple[str, ...]

    def of(self, field: str) -> tuple[Line, ...]:
        """The lines of a field."""
        return tuple(line for line in self.lines if line.field == field)

    def proposed(self, field: str) -> tuple[Line, ...]:
        """The lines that might be of a field, and are not."""
        return tuple(line for line in self.lines if line.proposed == field)


def draft(order: Order, source: Path, *, name: str) -> Draft:
    """The draft of a profile called ``name`` for the input at ``source``.

    ``order.profile`` holds what the user states: region and ``[source]``. Raises InputError where the input
    can't be read or nothing in it can be dialled, ProfileError where names stand in the way.
    """
    spec = survey_only(order, source)
    if not spec.rows:
        raise InputError(f"{order.label} has a header and no rows, so nothing can be told of its columns.")
    columns = spec.columns
    samples = _sampled(source, spec)
    looks = guess_by_values(dict(columns), samples, region=order.profile.region)
    guessed, guesses = _guessed(columns, order.profile, looks)
    known = {each.column for each in guesses}
    free = [each for each in looks if each.column not in known and each.field not in guessed.fields]
    taken = _taken_by_values(free, guessed)
    # Phones are not read beside numbers.
    mapped = [each for each in (*guesses, *taken) if each.field != "phones" or not guessed.numbers]
    unnameable = [each for each in mapped if not _can_be_named(each.header, columns)]
    mapped = [each for each in mapped if each not in unnameable]
    _refuse_without_numbers(mapped, unnameable)
    spec, date_order = _with_dates(order, source, spec, mapped)
    document = _document(order.profile, spec, mapped, name=name, date_order=date_order)
    _complete(document, mapped, guessed)
    mapping = map_columns(columns, Profile.model_validate(document))
    return Draft(
        input=order.input,
        spec=spec,
        document=document,
        mapping=mapping,
        lines=_lines(mapping, mapped, [each for each in free if each not in mapped], samples),
        not_dialled=tuple(_not_dialled(mapping, samples, but={each.column for each in free})),
        regions=_regions(mapping, samples, order.profile),
        notes=tuple(_notes(guessed, mapping, unnameable)),
    )


def _notes(guessed: Mapping, mapping: Mapping, unnameable: Sequence[Guess]) -> Iterator[str]:
    if export := recognised(list(guessed.headers.values())):
        yield f"looks like {export.title}; such files load with --profile {export.profile} too"
    for each in unnameable:
        yield (
            f"{each.header.strip() or '(blank)'} would be {READ_AS[each.field]}, but has no name of its own, "
            "so the profile does without it: rename it in the input"
        )
    yield from mapping.notes


# --- what is read as what -----------------------------------------------------------------------------


def _sampled(source: Path, spec: SourceSpec) -> dict[int, list[str]]:
    """Cells of rows that are spread over the input, by column; ragged rows say nothing of a column."""
    step = max(1, spec.rows // _SAMPLED)
    places = [at for at, _ in spec.columns]
    samples: dict[int, list[str]] = {at: [] for at in places}
    for row in rows(source, spec):
        if row.row % step == 0 and not row.extra:
            for at, cell in zip(places, row.cells, strict=True):
                samples[at].append(cell)
    return samples


def _guessed(
    columns: Sequence[tuple[int, str]], profile: Profile, looks: Sequence[Guess]
) -> tuple[Mapping, tuple[Guess, ...]]:
    """The mapping by names; where no name says phone, with the columns that look like phones for phones."""
    try:
        mapping = map_columns(columns, profile)
    except InputError:
        phones = [each for each in looks if each.field == "phones" and _can_be_named(each.header, columns)]
        if not phones or Header(columns).looks_like_data:
            raise
        named = {"columns": {"phones": [each.header for each in phones]}, "guessing": True}
        mapping = map_columns(columns, Profile.model_validate(profile.frozen() | named))
        by_name = [each for each in mapping.guesses if each.field != "phones"]
        return mapping, (*by_name, *phones)
    return mapping, mapping.guesses


def _taken_by_values(free: Sequence[Guess], mapping: Mapping) -> list[Guess]:
    """For a field without a column, the one that looks most like it, unless two do alike."""
    taken = []
    for field in sorted(_TAKEN_BY_VALUES - mapping.fields.keys()):
        alike = sorted((each for each in free if each.field == field), key=lambda each: -each.confidence)
        if len(alike) == 1 or (alike and alike[0].confidence > alike[1].confidence):
            taken.append(alike[0])
    return taken


def _can_be_named(header: str, columns: Sequence[tuple[int, str]]) -> bool:
    normal = normal_header(header)
    return bool(normal) and sum(normal_header(other) == normal for _, other in columns) == 1


def _can_be_shown(header: str) -> bool:
    """Whether the attribute of a column can be named in a profile."""
    return bool(header.strip()) and normal_header(attribute_name(header).value) == normal_header(header)


def _refuse_without_numbers(mapped: Sequence[Guess], unnameable: Sequence[Guess]) -> None:
    if any(each.field in {"numbers", "phones"} for each in mapped):
        return
    names = ", ".join(sorted({each.header.strip() or "(blank)" for each in unnameable}))
    raise ProfileError(
        f"Columns of numbers have no name of their own ({names}), so a profile can't name them; "
        "rename them in the input."
    )


# --- the profile --------------------------------------------------------------------------------------


def _with_dates(
    order: Order, source: Path, spec: SourceSpec, mapped: Sequence[Guess]
) -> tuple[SourceSpec, str]:
    """The spec with what its dates say of their order, and the one order that some of them can only have."""
    rules = order.profile.source
    column = next((each.column for each in mapped if each.field == "date"), None)
    if column is None:
        return spec, ""
    dates = date_evidence(
        source, spec, column, formats=rules.date_formats, order=rules.date_order, name=order.label
    )
    found = next(iter(dates.sure.keys() - {"ymd"}), "") if not rules.date_order else ""
    sentence = dates.sentence.partition(";")[0] if found else dates.sentence
    return replace(spec, evidence=(*spec.evidence, *filter(None, [sentence]))), found


def _document(
    profile: Profile, spec: SourceSpec, mapped: Sequence[Guess], *, name: str, date_order: str
) -> dict[str, Any]:
    """The profile as plain data, but for ``[attributes]``."""
    document: dict[str, Any] = {"name": name}
    if profile.region:
        document["region"] = profile.region
    if regions := [each.header.strip() for each in mapped if each.field == "region"]:
        document["region_column"] = regions if len(regions) > 1 else regions[0]
    document["source"] = _source(profile, spec) | ({"date_order": date_order} if date_order else {})
    document["columns"] = {}
    for field, _ in names_of(profile.columns):
        headers = [each.header.strip() for each in mapped if each.field == field]
        if headers:
            document["columns"][field] = headers if field in _SEVERAL else headers[0]
    return document


def _complete(document: dict[str, Any], mapped: Sequence[Guess], guessed: Mapping) -> None:
    """Name what agents see, and the columns that a profile would take for fields by their names alone."""
    used = {each.column for each in mapped if each.field != "region"}
    columns, headers = list(guessed.headers.items()), guessed.headers
    fields = map_columns(columns, Profile.model_validate(document)).fields.values()
    if not_fields := [headers[at].strip() for at in fields if at not in used]:
        document["columns"]["not_fields"] = not_fields
    seen = [at for at, _ in guessed.attributes if at not in used and _can_be_shown(headers[at])]
    document["attributes"] = {"include": _patterns(headers[at] for at in seen)}
    known = {normal_header(headers[at]) for at in {*used, *seen}}
    if unseen := [name for _, name in columns if name.strip() and normal_header(name) not in known]:
        document["attributes"]["exclude"] = _patterns(unseen)


def _source(profile: Profile, spec: SourceSpec) -> dict[str, Any]:
    """``[source]``: what was stated, and what was found that is not plain."""
    found: dict[str, Any] = {}
    if spec.kind == "csv" and spec.delimiter != ",":
        found["delimiter"] = "tab" if spec.delimiter == "\t" else spec.delimiter
    if any(left_out.reason == "title" for left_out in spec.left_out):
        found["header_row"] = spec.header_line
    stated = profile.source.model_dump(exclude_defaults=True)
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in (found | stated).items()
    }


def _patterns(headers: Iterable[str]) -> list[str]:
    """Headers as patterns that fit themselves alone."""
    return list(dict.fromkeys("".join(f"[{c}]" if c in "*?[" else c for c in h.strip()) for h in headers))


# --- what is shown ------------------------------------------------------------------------------------


def _lines(
    mapping: Mapping, mapped: Sequence[Guess], proposed: Sequence[Guess], samples: dict[int, list[str]]
) -> tuple[Line, ...]:
    order = [field for field, _ in names_of(Profile().columns)]
    order.insert(order.index("date"), "region")
    lines = [
        Line(
            column=each.column,
            header=each.header,
            field=each.field,
            guess=each,
            samples=_different(samples[each.column]),
        )
        for each in sorted(mapped, key=lambda each: order.index(each.field))
    ]
    looks = {each.column: each for each in proposed}
    seen = {at for at, _ in mapping.attributes}
    used = {each.column for each in mapped}
    lines += [
        Line(
            column=at,
            header=header,
            field=_ATTRIBUTE if at in seen else "",
            guess=looks.get(at),
            samples=_different(samples[at]),
        )
        for at, header in mapping.headers.items()
        if at not in used or at in seen
    ]
    return tuple(lines)


def _different(cells: Sequence[str]) -> tuple[str, ...]:
    """Three different cells, from the beginning, the middle and the end."""
    different = list(dict.fromkeys(cell.strip() for cell in cells if cell.strip()))
    return tuple(different[:: max(1, len(different) // _SHOWN)][:_SHOWN])


def _not_dialled(
    mapping: Mapping, samples: dict[int, list[str]], *, but: set[int]
) -> Iterator[tuple[str, str]]:
    """Columns of numbers that are none to dial, and why; ``but`` for those that are talked of anyway."""
    other_lines = mapping.never_dialled
    for at, header in mapping.headers.items():
        if at in but or at in mapping.number_columns or at in mapping.fields.values():
            continue
        if at in other_lines or phone_share(samples[at]) > 1 / 2:
            yield (
                header.strip(),
                never_dialled(header)
                or (
                    "the numbers stand in another column"
                    if mapping.numbers
                    else "its name does not say that it is a phone"
                ),
            )


def _regions(mapping: Mapping, samples: dict[int, list[str]], profile: Profile) -> tuple[str, ...]:
    if profile.region or mapping.region is not None:
        return ()
    return fitting_regions([cell for at in mapping.number_columns for cell in samples[at]])
