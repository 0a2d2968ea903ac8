"""The error tree and the exit codes that scripts of users go by."""

from __future__ import annotations

import inspect
import itertools

import pytest
from hypothesis import given, strategies as st

from etl import errors
from etl.errors import BadRequestError, EtlError, ThrottledError
from etl.records import OPEN, PASSING, RowStatus, exit_code_of, worst_exit

TREE = {
    "EtlError": ("Exception", 1),
    "ConfigError": ("EtlError", 3),
    "ProfileError": ("ConfigError", 3),
    "CampaignError": ("ConfigError", 3),
    "OutputError": ("ConfigError", 3),
    "InputError": ("EtlError", 4),
    "StoppedError": ("EtlError", 5),
    "ApiError": ("EtlError", 9),
    "RefusedError": ("ApiError", 9),
    "BadRequestError": ("RefusedError", 9),
    "TooLargeError": ("RefusedError", 9),
    "NotFoundError": ("RefusedError", 3),
    "UnfitRequestError": ("RefusedError", 9),
    "NotAuthorisedError": ("RefusedError", 6),
    "UnavailableError": ("ApiError", 7),
    "UnreachableError": ("UnavailableError", 7),
    "ThrottledError": ("UnavailableError", 7),
    "UnknownOutcomeError": ("UnavailableError", 7),
    "ContractError": ("ApiError", 9),
    "StateError": ("EtlError", 8),
    "LockedError": ("StateError", 8),
    "InputChangedError": ("StateError", 8),
    "DiskFullError": ("StateError", 8),
    "InterruptedRunError": ("EtlError", 130),
}
CLASSES: dict[str, type[EtlError]] = {
    name: found for name, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, EtlError)
}
STOPPERS = (1, 2, 3, 4, 6, 7, 8, 9)


def test_every_error_class_has_its_place_in_the_tree_and_its_exit_code() -> None:
    found = {name: (cls.__bases__[0].__name__, cls.exit_code) for name, cls in CLASSES.items()}
    assert found == TREE


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = inspect.getdoc(errors) or ""
    names = [word for word in drawn.replace("│", " ").split() if word.endswith("Error")]
    assert sorted(names) == sorted(TREE)


@pytest.mark.parametrize("name", TREE)
def test_an_error_shows_its_one_sentence(name: str) -> None:
    cls = CLASSES[name]
    error = cls("What, where, what next.", call="", status=400) if cls is BadRequestError else cls("What.")
    assert str(error).startswith("What")


def test_the_body_of_a_refusal_is_kept_beside_the_message_and_never_in_it() -> None:
    error = BadRequestError("Refused.", body="+442079460000", call="POST customers", status=400)
    assert error.body == "+442079460000"
    assert "+442079460000" not in f"{error} {error!r}"


def test_a_throttled_error_knows_how_long_to_wait_or_that_nobody_said() -> None:
    assert ThrottledError("Slow down.", retry_after=3.0).retry_after == 3.0
    assert ThrottledError("Slow down.").retry_after is None


# --- exit codes of runs -----------------------------------------------------------------------------------


def test_a_run_of_passing_rows_ends_with_zero() -> None:
    assert exit_code_of(dict.fromkeys(PASSING, 1)) == 0
    assert exit_code_of({}) == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("created", 0),
        ("exists", 0),
        ("duplicate", 0),
        ("suppressed", 0),
        ("ready", 0),
        ("invalid", 5),
        ("rejected", 5),
        ("unsent", 5),
        ("unknown", 10),
    ],
)
def test_each_status_has_its_exit_code(status: str, code: int) -> None:
    assert exit_code_of({status: 1}) == code
    assert exit_code_of({status: 0}) == 0


def test_every_status_is_passing_or_not_and_open_ones_never_pass() -> None:
    assert {exit_code_of({status: 1}) for status in PASSING} == {0}
    assert 0 not in {exit_code_of({status: 1}) for status in set(RowStatus) - PASSING}
    assert not OPEN & PASSING


@given(
    counts=st.dictionaries(st.sampled_from(RowStatus), st.integers(0, 3)),
    stopped_by=st.sampled_from((0, 5, 130, *STOPPERS)),
)
def test_what_stopped_a_run_beats_what_it_left_behind(counts: dict[RowStatus, int], stopped_by: int) -> None:
    code = exit_code_of(counts, stopped_by=stopped_by)
    if stopped_by in (*STOPPERS, 130):
        assert code == stopped_by
    elif counts.get(RowStatus.UNKNOWN):
        assert code == 10
    elif stopped_by == 5 or any(count and status not in PASSING for status, count in counts.items()):
        assert code == 5
    else:
        assert code == 0


def test_of_several_runs_the_first_non_zero_code_in_the_fixed_order_counts() -> None:
    order = (130, 1, 2, 3, 4, 6, 7, 8, 9, 10, 5, 0)
    for stronger, weaker in itertools.combinations(order, 2):
        assert worst_exit([weaker, stronger]) == worst_exit([stronger, weaker]) == stronger
    assert worst_exit([]) == 0
