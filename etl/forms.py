"""The normal forms that may be sent, as a pandera schema: the fields' own, and the rules for attributes.

It is made from the profile, so that there is one source of truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping as AnyMapping, Sequence
from functools import lru_cache, partial

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from etl import fields
from etl.columns import Mapping
from etl.patterns import matcher
from etl.profile import AttributeRule, Profile, SourceRules, normal_header
from etl.records import Normal

_FORMS = {
    "externalId": r"[^\x00-\x1f\x7f*?]+",
    "numbers": r"\+?[0-9]{3,20}(;\+?[0-9]{3,20}){0,2}",
    "date": r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z)?",
    "agentId": r"([0-9A-F]{32})?",
    "dialingMode": r"(PREVIEW|PREDICTIVE)?",
    "previewTime": r"[0-9]*",
    "priority": r"[0-9]*",
    "timeZone": r"([A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*)?",
}
"""Field → the normal forms that may be sent (the interface's document; our E.164, UTC and id32 forms)."""

_ATTRIBUTE = "attribute:"


def build_schema(profile: Profile, mapping: Mapping) -> pa.DataFrameSchema:
    """The schema of normal forms, from the profile: one column a field, then one a ruled attribute."""
    columns = {"extra": pa.Column("str", pa.Check(lambda forms: forms == "", error="row.ragged"))}
    for name, form in _FORMS.items():
        columns[name] = pa.Column("str", _matches(form, error=f"{name}.form"))
    for _, name, rule in rules_of(profile, mapping):
        columns[name] = pa.Column("str", [_check(*test) for test in rule_tests(rule, profile.source)])
    return pa.DataFrameSchema(columns, strict=True, coerce=False)


class Gate:
    """Judges the normal forms of chunks by a schema; nothing is sent that did not pass it.

    Every check of it looks at one value at a time. So a column that has the same value in all rows, as most
    fields have in most inputs, is judged by that value once, and pandera's work for a column is not done anew
    in each chunk: it takes as long as the values of a thousand rows.
    """

    def __init__(self, schema: pa.DataFrameSchema) -> None:
        self.schema = schema
        self.order = {name: at for at, name in enumerate(schema.columns)}
        self._passes = lru_cache(maxsize=128)(self._value_passes)
        self._part = lru_cache(maxsize=32)(lambda names: schema.select_columns(list(names)))

    def failures(self, normal: AnyMapping[str, Sequence[str]]) -> dict[int, list[tuple[str, str]]]:
        """Position of a row → (column, code of the check) that it failed, in the schema's order."""
        names = [name for name in self.order if not self._is_constant(name, normal[name])]
        failed = self._judge({name: normal[name] for name in names})
        for of_row in failed.values():
            if len(of_row) > 1:
                of_row.sort(key=lambda failure: self.order[failure[0]])
        return failed

    def _is_constant(self, name: str, forms: Sequence[str]) -> bool:
        """Whether all values of a column are one that passes."""
        return forms.count(forms[0]) == len(forms) > 1 and self._passes(name, forms[0])

    def _value_passes(self, name: str, value: str) -> bool:
        return not self._judge({name: [value]})

    def _judge(self, forms: AnyMapping[str, Sequence[str]]) -> dict[int, list[tuple[str, str]]]:
        failed: dict[int, list[tuple[str, str]]] = {}
        try:
            self._part(tuple(forms)).validate(pd.DataFrame(forms, dtype="str"), lazy=True)
        except SchemaErrors as errors:
            cases = errors.failure_cases
            columns = (cases[name].tolist() for name in ("index", "column", "check"))
            for at, column, check in zip(*columns, strict=True):
                failed.setdefault(at, []).append((column, check))
        return failed


def _matches(pattern: str, *, error: str) -> pa.Check:
    compiled = re.compile(pattern)
    return pa.Check(lambda forms: forms.str.fullmatch(compiled), error=error)


def rule_tests(rule: AttributeRule, source: SourceRules) -> Iterator[tuple[str, Callable[[str], bool]]]:
    """The tests of a rule as (code, whether a trimmed value passes); ``source``: how dates are written."""
    if rule.required:
        yield "attribute.required", bool
    if rule.type != "text":
        yield "attribute.type", _or_empty(_is_of_type(rule.type, source))
    if rule.pattern:
        # Not pandas' contains: its engine and dialect depend on what is installed, and may take for ever.
        yield "attribute.pattern", _or_empty(matcher(rule.pattern))
    if (longest := rule.max_length) is not None:
        yield "attribute.max_length", lambda value: len(value) <= longest
    if rule.allowed:
        yield "attribute.allowed", _or_empty(frozenset(rule.allowed).__contains__)


def _or_empty(test: Callable[[str], bool]) -> Callable[[str], bool]:
    """A test that an empty value passes: ``required`` is a rule of its own."""
    return lambda value: not value or test(value)


def _check(code: str, test: Callable[[str], bool]) -> pa.Check:
    """A check of single values; equal ones, and there are many, are tested once a frame."""
    return pa.Check(
        lambda values: values.map({value: test(value) for value in values.unique()}).astype(bool), error=code
    )


_CALLED = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number such as 1250 or 12.5",
    "date": "a date that can be read",
    "boolean": "yes or no",
    "email": "an e-mail address",
}
"""Types of attributes, as a person calls them."""

_TYPES = {
    "integer": re.compile(r"[+-]?[0-9]+"),
    "number": re.compile(r"[+-]?[0-9]+([.,][0-9]+)?"),
    "email": re.compile(r"[^\s@,;<>]+@[^\s@,;<>.]+(\.[^\s@,;<>.]+)+"),
}
"""Those that are told by the form of their values alone."""


def _is_of_type(kind: str, source: SourceRules) -> Callable[[str], bool]:
    if kind == "boolean":
        return lambda value: fields.yes_no(value) is not None
    if kind == "date":
        read = partial(fields.date, formats=source.date_formats, order=source.date_order, zone="UTC")
        return lambda value: isinstance(read(value), Normal)
    return lambda value: _TYPES[kind].fullmatch(value) is not None


def broken_rule(rule: AttributeRule, check: str, *, header: str, value: str) -> str:
    """The sentence for ``check``, the code of a rule that ``value`` of the column ``header`` broke."""
    name = header.strip()
    if check == "attribute.required":
        return f"{name} has no value, and the profile requires one"
    must = {
        "attribute.type": f"be {_CALLED[rule.type]}",
        "attribute.pattern": f"match the pattern {rule.pattern}",
        "attribute.max_length": f"have {rule.max_length} characters at most",
        "attribute.allowed": f"be one of {_listed(rule)}",
    }
    return f"{name} must {must[check]} and says {value} (the profile's rule {check.partition('.')[2]})"


def _listed(rule: AttributeRule) -> str:
    more = len(rule.allowed) - _SHOWN
    return ", ".join(rule.allowed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


_SHOWN = 10
"""Allowed values in a sentence."""


def rules_of(profile: Profile, mapping: Mapping) -> Iterator[tuple[int, str, AttributeRule]]:
    """The attribute rules as (column, name in the schema, rule)."""
    places = {normal_header(header): column for column, header in mapping.headers.items()}
    for header, rule in profile.attributes.rules.items():
        yield places[normal_header(header)], f"{_ATTRIBUTE}{header}", rule
