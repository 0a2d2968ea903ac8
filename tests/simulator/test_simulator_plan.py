"""When a fault happens."""

from __future__ import annotations

from typing import Any

import pytest

from etl.simulator import Fault
from etl.simulator.messages import Call
from etl.simulator.plan import Plan


def hits(fault: Fault, requests: int = 12, *, call: Call | None = None) -> list[int]:
    plan = Plan([fault])
    call = call or Call(method="POST", path="/RI/obi/campaigns/1/customers/list")
    return [number for number in range(1, requests + 1) if plan.pick(call)]


@pytest.mark.parametrize(
    ("fault", "hit"),
    [
        (Fault(mode="503"), list(range(1, 13))),
        (Fault(mode="503", nth=3), [3]),
        (Fault(mode="503", nth=[1, 5]), [1, 5]),
        (Fault(mode="503", every=5), [5, 10]),
        (Fault(mode="503", times=2), [1, 2]),
        (Fault(mode="503", every=3, times=2), [3, 6]),
        (Fault(mode="503", rate=0.0), []),
        (Fault(mode="503", rate=1.0, times=1), [1]),
        (Fault(mode="503", method="get"), []),
        (Fault(mode="503", method="post", nth=1), [1]),
        (Fault(mode="503", path="/customers", nth=1), [1]),
        (Fault(mode="503", path="/customers$"), []),
        (Fault(mode="503", path="/list$", nth=1), [1]),
        (Fault(mode="stale_reads"), []),
        (Fault(mode="stale_reads", path="/list"), []),
        (Fault(mode="stale_reads", path="/list", method="POST", nth=4), [4]),
        (Fault(mode="short_array", nth=1), [1]),
    ],
)
def test_a_rule_hits_the_requests_it_names(fault: Fault, hit: list[int]) -> None:
    assert hits(fault) == hit


def test_a_rate_is_the_same_draw_each_time() -> None:
    drawn = [hits(Fault(mode="503", rate=0.3, seed=seed), 1000) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert 200 < len(drawn[0]) < 400


def test_of_two_rules_that_are_due_the_first_happens_and_both_count() -> None:
    plan = Plan([Fault(mode="500", nth=2), Fault(mode="503", nth=[2, 3])])
    call = Call(method="POST", path="/x")
    assert [fault and fault.mode for fault in (plan.pick(call) for _ in range(3))] == [None, "500", "503"]


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "no such mode"},
        {"mode": "503", "nth": 1, "every": 2},
        {"mode": "503", "nth": 0},
        {"mode": "503", "nth": [1, 0]},
        {"mode": "503", "nth": []},
        {"mode": "503", "times": 0},
        {"mode": "503", "every": 0},
        {"mode": "503", "rate": 1.5},
        {"mode": "503", "params": {"second": 1}},
        {"mode": "429", "params": {"seconds": "1"}},
        {"mode": "429", "params": {"seconds": 1e300}},
        {"mode": "413_above", "params": {"items": -1}},
        {"mode": "hang", "params": {"seconds": float("nan")}},
        {"mode": "item_500", "params": {"item": 1.5}},
        {"mode": "short_array", "params": {"item": True}},
        {"mode": "slow_first_byte", "params": {"part": "tail"}},
        {"mode": "429_absurd", "params": {"retry_after": "1\r\nX: 2"}},
    ],
)
def test_a_rule_that_could_never_happen_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"mode|one of|nth|times|every|rate|params"):
        Fault(**fields)
