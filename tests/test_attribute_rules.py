"""The rules for attributes: types, patterns that can't take for ever, and what is said of a broken one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from etl.columns import map_columns
from etl.duplicates import Duplicates
from etl.errors import ProfileError
from etl.forms import rule_tests
from etl.patterns import LONGEST, matcher
from etl.profile import AttributeRule, Profile, SourceRules
from etl.reader import chunks
from etl.records import Customer, RowOutcome
from etl.seen import Seen
from etl.survey import survey
from etl.validator import Decided, Validator


@pytest.fixture
def decide(tmp_path: Path) -> Any:
    """The answers for a file whose columns are Phone, Age and City, under attribute rules."""

    def run(rows: Sequence[str], attributes: dict[str, Any], **tables: Any) -> list[Decided]:
        path = tmp_path / "leads.csv"
        path.write_text("\n".join(["externalId,Phone1,Age,City", *rows]), encoding="utf-8")
        profile = Profile.model_validate({"region": "GB", "attributes": attributes} | tables)
        spec = survey(path)
        with Seen(tmp_path) as seen:
            validator = Validator(
                profile=profile,
                mapping=map_columns(spec.columns, profile),
                duplicates=Duplicates(seen, by="none"),
            )
            return [answer for rows in chunks(path, spec) for answer in validator.decide(rows)]

    return run


def passes(value: str, source: SourceRules | None = None, **rule: Any) -> bool:
    tests = rule_tests(AttributeRule.model_validate(rule), source or SourceRules())
    return all(test(value) for _, test in tests)


# --- types ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", ["x", "1", "…"], []),
        ("integer", ["0", "007", "-5", "+5"], ["5.0", "1e3", "x", "1 000", "٣", "--1", "+"]),
        ("number", ["0", "-1.5", "12,5", "+3"], ["1.2.3", "1,234.5", "x", ".", "1e3", "NaN", "٣"]),
        ("date", ["2027-04-03", "2027-04-03T10:00", "2027-04-03 10:00:00+02:00"], ["x", "2027-02-30", "5"]),
        ("boolean", ["yes", "no", "1", "0", "TRUE", "nein", "ja", " Oui "], ["maybe", "2", "y/n"]),
        (
            "email",
            ["a@example.com", "ä.b+c@sub.example.org"],
            ["a@b", "a b@example.com", "a@@b.c", "@b.c", "a@.c"],
        ),
    ],
)
def test_a_value_must_be_of_the_rules_type(kind: str, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not passes(value, type=kind)] == []
    assert [value for value in bad if passes(value, type=kind)] == []
    assert passes("", type=kind)


def test_a_date_is_read_in_the_order_and_the_forms_of_the_source() -> None:
    assert not passes("03/04/2027", type="date")
    assert passes("03/04/2027", SourceRules(date_order="dmy"), type="date")
    assert not passes("13/13/2027", SourceRules(date_order="dmy"), type="date")
    assert passes("2027|04|03", SourceRules(date_formats=("%Y|%m|%d",)), type="date")


@pytest.mark.parametrize(
    ("rule", "value", "code", "said"),
    [
        ({"type": "integer"}, "old", "attribute.type", "Age must be a whole number and says"),
        ({"pattern": "^[0-9]{2}$"}, "old", "attribute.pattern", "Age must match the pattern ^[0-9]{2}$"),
        ({"max_length": 2}, "old", "attribute.max_length", "Age must have 2 characters at most"),
        ({"allowed": ["1", "2"]}, "old", "attribute.allowed", "Age must be one of 1, 2"),
        ({"required": True}, " ", "attribute.required", "Age has no value, and the profile requires one"),
    ],
)
def test_a_broken_rule_names_column_value_and_rule(
    rule: dict[str, Any], value: str, code: str, said: str, decide: Any
) -> None:
    (answer,) = decide([f"1,020 7946 0001,{value},x"], {"rules": {"age": rule}})
    assert isinstance(answer, RowOutcome)
    assert (answer.status, answer.code, answer.field) == ("invalid", code, "Age")
    assert answer.error.startswith(said)
    assert ('says "old"' in answer.error) is bool(value.strip())


def test_every_broken_rule_of_a_row_is_told(decide: Any) -> None:
    rules = {"Age": {"type": "integer", "max_length": 2}, "City": {"required": True}}
    (answer,) = decide(["1,020 7946 0001,old,"], {"rules": rules})
    assert answer.code == "attribute.type"
    assert "whole number" in answer.error
    assert "2 characters" in answer.error
    assert "City has no value" in answer.error


def test_a_long_list_of_allowed_values_is_not_all_told(decide: Any) -> None:
    (answer,) = decide(
        ["1,020 7946 0001,old,x"], {"rules": {"Age": {"allowed": [str(at) for at in range(50)]}}}
    )
    assert "and 40 more" in answer.error


@pytest.mark.parametrize("more", [{"exclude": ["Age"]}, {"include": ["City"]}, {"rename": {"Age": "Years"}}])
def test_a_rule_holds_for_a_column_also_where_agents_do_not_see_it(more: dict[str, Any], decide: Any) -> None:
    good, bad = decide(
        ["1,020 7946 0001,5,x", "2,020 7946 0002,old,y"], more | {"rules": {"Age": {"type": "integer"}}}
    )
    assert isinstance(good, Customer)
    assert isinstance(bad, RowOutcome)
    assert (bad.code, bad.field) == ("attribute.type", "Age")


def test_a_rule_holds_for_a_column_of_a_field_too(decide: Any) -> None:
    (answer,) = decide(["1,020 7946 0001,5,x"], {"rules": {"externalId": {"pattern": "^L"}}})
    assert (answer.code, answer.field) == ("attribute.pattern", "externalId")


def test_a_rule_for_a_column_that_is_not_there_stops_the_run(decide: Any) -> None:
    with pytest.raises(ProfileError, match=r"'Agee'.*Age"):
        decide(["1,020 7946 0001,5,x"], {"rules": {"Agee": {"required": True}}})


def test_a_value_is_sent_as_it_was_written_whatever_its_type(decide: Any) -> None:
    (answer,) = decide(["1,020 7946 0001,007,x"], {"rules": {"Age": {"type": "integer"}}})
    assert answer.attributes == (("Age", "007"), ("City", "x"))


# --- patterns -------------------------------------------------------------------------------------------

EVIL = "a" * 40 + "!"


@pytest.mark.parametrize(
    "pattern", [r"^(a+)+$", r"^(a|a)*$", r"^(a*)*b$", r"(x+x+)+y", r"^([a-z]+)*$", r"^(\w+\s?)*$"]
)
def test_a_pattern_that_would_take_pythons_engine_for_ever_takes_no_time(pattern: str) -> None:
    assert not matcher(pattern)(EVIL)


@pytest.mark.parametrize(
    "pattern",
    [r"(?=a)(a+)+$", r"(?=a)(a|a)*$", r"(?!x)(a*)*b", r"(?=a)((a+)b)*", r"(?=a)(a?){30}b", r"(a+)+\Z",
     r"(?<!x)([a-z]+){2,}", r"(?=x)(?:a+)+", r"(a)\1(b+)*"],
)  # fmt: skip
def test_a_pattern_that_only_pythons_engine_knows_repeats_no_repetition(pattern: str) -> None:
    with pytest.raises(ValueError, match="for ever"):
        matcher(pattern)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^(?!X)", "A", "XA"),
        (r"^(\d)\1$", "11", "12"),
        (r"^\d{5}\Z", "12345", "1234"),
        (r"^(?=.*\d)[A-Z0-9 ]+$", "N1 1AA", "NN"),
        (r"(?=a)[(a+)+]+b", "a+b", "ba"),
        (r"^(?!0)(\d{3}){2}$", "123456", "012345"),
        (r"(?i)^ab$", "AB", "abc"),
        (r"^[^\]]+$", "a", "]"),
    ],
)
def test_other_patterns_mean_what_they_mean_in_python(pattern: str, good: str, bad: str) -> None:
    assert matcher(pattern)(good)
    assert re.search(pattern, good)
    assert not matcher(pattern)(bad)
    assert not re.search(pattern, bad)


def test_pythons_engine_is_let_loose_on_short_values_only() -> None:
    assert matcher("^(?!X)")("a" * LONGEST)
    assert not matcher("^(?!X)")("a" * (LONGEST + 1))
    assert matcher("^[^X]")("a" * (LONGEST + 1))


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "a{2,1}", "(?P<x", "a{1000}{1000}", "(?=a)(", "\\"])
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"regular expression|for ever|repeats too much"):
        matcher(pattern)


SIMPLE = st.recursive(
    st.sampled_from(["a", "b", "[ab]", ".", r"\d", "x?", "a*", "b+", "a{1,2}", "^a", "b$"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("({0[0]}|{0[1]})".format),
        inner.map("(?:{})".format),
    ),
    max_leaves=6,
)


@given(SIMPLE, st.text("abx1", max_size=8))
@settings(max_examples=300)
def test_both_engines_find_the_same(pattern: str, text: str) -> None:
    assert matcher(pattern)(text) is bool(re.search(pattern, text))
