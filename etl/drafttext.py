"""The draft of a profile → the TOML file that a person goes on with: every choice beside its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from etl.drafts import Draft, Line
from etl.profile import Profile, names_of
from etl.sources.encodings import display

_WIDTH = 46
"""Column in which comments begin."""

_FIELDS = tuple(name for name, _ in names_of(Profile().columns))


def text_of(draft: Draft, *, file: str) -> str:
    """The profile as it is written to ``file``, with comments; read again, it is ``draft.document``."""
    parts = (_head(draft, file), _source(draft), _columns(draft), _attributes(draft), _rest())
    return "\n".join(line for part in parts for line in (*part, "")).rstrip() + "\n"


def quote(text: str) -> str:
    """A text as a TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def plain(text: str) -> str:
    """A text as it may stand in a comment: on one line, without control characters."""
    return "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return quote(value) if isinstance(value, str) else json.dumps(value)


def _with(line: str, comment: str) -> str:
    return f"{line:<{_WIDTH}} # {plain(comment)}" if comment else line


def _head(draft: Draft, file: str) -> Iterator[str]:
    source, name = Path(draft.input).name, plain(Path(file).name)
    what = "standard input" if source == "-" else plain(source)
    yield f"# How {what} is read: which column is what, and by which rules."
    yield "# Made by `obi profile new` from the header and a sample of the rows; change it as you like."
    yield "#"
    yield f"#   obi profile check FILE --profile {name}        whether it fits a file"
    yield f'#   obi load FILE --campaign "…" --profile {name}'
    yield ""
    yield f"name = {quote(draft.document['name'])}"
    yield '#campaign = ""                                 # id or exact name, where --campaign is not given'
    yield from _region(draft)


def _region(draft: Draft) -> Iterator[str]:
    if region := draft.document.get("region", ""):
        yield _with(f"region = {quote(region)}", "the country of numbers without a country code")
    else:
        yield ""
        yield "# The country of numbers without a country code. Without it such numbers are refused."
        if draft.regions:
            yield f"# NOT KNOWN; those of this file would be numbers in {_listed(draft.regions)}."
        yield f"#region = {quote(draft.regions[0] if draft.regions else 'GB')}"
    if "region_column" in draft.document:
        several = isinstance(draft.document["region_column"], list)
        why = "beats region, row by row" + ("; where they differ, the row has none" if several else "")
        yield _with(f"region_column = {_value(draft.document['region_column'])}", why)


def _listed(regions: Sequence[str]) -> str:
    return ", ".join(regions[:5]) + (" and others" if len(regions) > 5 else "")


def _source(draft: Draft) -> Iterator[str]:
    yield "[source]"
    yield "# Found in the file:"
    yield from (f"#   {plain(sentence)}" for sentence in draft.spec.evidence)
    document = draft.document["source"]
    for key, value in document.items():
        yield f"{key} = {_value(value)}"
    encoding = display(draft.spec.encoding) if draft.spec.kind == "csv" else "UTF-8"
    if encoding != "UTF-8" and "encoding" not in document:
        yield _with(f"#encoding = {quote(encoding)}", "found anew in every file, unless it is stated")
    if draft.spec.sheet and "sheet" not in document:
        yield _with(
            f"#sheet = {quote(draft.spec.sheet)}", "the only one with content; say it where there are more"
        )
    if "date" in draft.document["columns"]:
        if "date_order" not in document:
            yield _with('#date_order = "dmy"', "of dates such as 03/04/2027, which are refused without it")
        if "timezone" not in document:
            yield _with('#timezone = "Europe/London"', "of times without a zone, where the row names none")


def _columns(draft: Draft) -> Iterator[str]:
    yield "[columns]"
    yield "# Customer field = column. A column that is named here and not in a file stops the load, before"
    yield "# anything is sent."
    for field in _FIELDS:
        lines = draft.of(field)
        if field in draft.document["columns"]:
            if isinstance(draft.document["columns"][field], list):
                yield f"{field} = ["
                yield from (_with(f"  {quote(line.header.strip())},", _how(line)) for line in lines)
                for line in draft.proposed(field):
                    yield _with(f"  #{quote(line.header.strip())},", f"perhaps: {_how(line)}")
                yield "]"
            else:
                yield _with(f"{field} = {quote(lines[0].header.strip())}", _how(lines[0]))
        elif field == "externalId":
            yield _with(
                '#externalId = "…"', "no column was found: ids are derived from the first good number"
            )
        for line in draft.proposed(field) if field not in draft.document["columns"] else ():
            yield _with(f"#{field} = {quote(line.header.strip())}", f"perhaps: {_how(line)}")
    if not_fields := draft.document["columns"].get("not_fields"):
        yield _with(f"not_fields = {_value(not_fields)}", "named as a field is, and none in such an export")
    if draft.not_dialled:
        yield "# Never dialled:"
        yield from (f"#   {plain(header)}: {why}" for header, why in draft.not_dialled)


def _how(line: Line) -> str:
    guess = line.guess
    if guess is None:
        return ""
    if guess.is_certain:
        return guess.reason
    beware = "" if line.proposed else "CHECK THIS: "
    return f"{beware}{guess.confidence} % sure, {guess.reason}"


def _attributes(draft: Draft) -> Iterator[str]:
    yield "[attributes]"
    yield "# What agents see beside the numbers: these columns, and no others that a later file may have."
    include = draft.document["attributes"]["include"]
    if include:
        yield "include = ["
        yield from (f"  {quote(pattern)}," for pattern in include)
        yield "]"
    else:
        yield "include = []"
    if exclude := draft.document["attributes"].get("exclude"):
        yield "# Columns of this file that are neither read nor shown:"
        yield "exclude = ["
        yield from (f"  {quote(pattern)}," for pattern in exclude)
        yield "]"
    yield "#[attributes.rename]"
    yield '#"Company / Account" = "Company"               # header in the file = name that agents see'
    yield '#[attributes.rules."Postcode"]                 # a row that breaks a rule is invalid'
    yield "#required = true"
    yield "#max_length = 10"


def _rest() -> Iterator[str]:
    yield "# [phones], [external_id], [suppress], [[suppress_when]] and [expect]: docs/profiles.md, or"
    yield "# `obi profile show obi`, which names every key."
