"""The normal forms that may be sent, as a pandera schema: the fields' own, and the rules for attributes.

It is made from the profile, so that there is one source of truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pandas as pd
import pandera.pandas as pa

from etl.columns import Mapping
from etl.profile import AttributeRule, Profile, normal_header

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
        columns[name] = pa.Column("str", _attribute_checks(rule))
    return pa.DataFrameSchema(columns, strict=True, coerce=False)


def _matches(pattern: str, *, error: str) -> pa.Check:
    compiled = re.compile(pattern)
    return pa.Check(lambda forms: forms.str.fullmatch(compiled), error=error)


def _attribute_checks(rule: AttributeRule) -> list[pa.Check]:
    checks = []
    if rule.required:
        checks.append(pa.Check(lambda values: values != "", error="attribute.required"))
    if rule.pattern:
        # Not pandas' contains: it warns of groups, and its engine and dialect depend on what is installed.
        search = re.compile(rule.pattern).search
        checks.append(
            _optional(
                lambda values: values.map(lambda value: search(value) is not None), error="attribute.pattern"
            )
        )
    if (longest := rule.max_length) is not None:
        checks.append(_optional(lambda values: values.str.len() <= longest, error="attribute.max_length"))
    if rule.allowed:
        checks.append(_optional(lambda values: values.isin(rule.allowed), error="attribute.allowed"))
    return checks


def _optional(test: Callable[[pd.Series[str]], pd.Series[bool]], *, error: str) -> pa.Check:
    """A check that an empty value passes: ``required`` is a rule of its own."""
    return pa.Check(lambda values: (values == "") | test(values), error=error)


def broken_rule(rule: AttributeRule, check: str, value: str) -> str:
    """The sentence for ``check``, the code of a rule that a value broke."""
    return {
        "attribute.required": "there is no value, and the profile requires one",
        "attribute.pattern": f"{value} does not match the profile's pattern {rule.pattern}",
        "attribute.max_length": f"{value} is longer than the profile's {rule.max_length} characters",
        "attribute.allowed": f"{value} is not one of the profile's values: {', '.join(rule.allowed)}",
    }[check]


def rules_of(profile: Profile, mapping: Mapping) -> Iterator[tuple[int, str, AttributeRule]]:
    """The attribute rules as (column, name in the schema, rule)."""
    places = {normal_header(header): column for column, header in mapping.headers.items()}
    for header, rule in profile.attributes.rules.items():
        yield places[normal_header(header)], f"{_ATTRIBUTE}{header}", rule
