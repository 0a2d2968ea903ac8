"""Hand-overs of a campaign that lives: called, added to and deleted from while it is exported."""

from __future__ import annotations

import json
import random
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.simulator import PREVIEW_CAMPAIGN, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
Obi = Callable[..., tuple[int, str, str]]
Serve = Callable[..., Simulator]


def ask(url: str, method: str = "GET", body: object = None) -> Any:
    """What a server answers; None where that is nothing, or no JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310  -- ours
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  -- the same
        text = answer.read()
        return json.loads(text) if answer.headers.get_content_type() == "application/json" and text else None


class Life:
    """Calls, new customers and deletions, over the interface, until ``stop``."""

    def __init__(self, simulator: Simulator, *, seed: int) -> None:
        self._simulator = simulator
        self._customers = f"{simulator.base_url}/campaigns/{PREVIEW_CAMPAIGN}/customers"
        self._draw = random.Random(seed)
        self._number = 0
        self.stop = threading.Event()
        self.failed: list[BaseException] = []
        self.thread = threading.Thread(target=self._live)

    def add(self, count: int) -> None:
        for _ in range(count):
            self._number += 1
            ask(
                self._customers,
                "POST",
                {"externalId": f"{self._number:05}", "numbers": f"+44207946{self._number % 1000:04}"},
            )

    def _live(self) -> None:
        try:
            while not self.stop.wait(0.002):
                self._change()
        except BaseException as error:  # noqa: BLE001  -- a thread's end would not be seen
            self.failed.append(error)

    def _change(self) -> None:
        match self._draw.choice(["call", "call", "add", "delete"]):
            case "call":
                ask(f"{self._simulator.control_url}/dial", "POST", {"hours": 0.05, "seed": self._number})
            case "add":
                self.add(3)
            case _:
                page = ask(f"{self._customers}?offset={self._draw.randrange(100)}&limit=1")
                for each in page or ():
                    ask(f"{self._customers}/{each['id']}", "DELETE")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_living_campaign_is_handed_over_once_and_whole(
    seed: int, own_place: Path, obi: Obi, serve: Serve, answers_in: Answers
) -> None:
    simulator = serve(latency_ms=3)
    out = own_place / "new.csv"
    words = ("export", PREVIEW_CAMPAIGN, "--out", out, "--incremental", "--base-url", simulator.base_url)
    received: dict[str, dict[str, str]] = {}
    times: Counter[tuple[str, str]] = Counter()

    def hand_over() -> int:
        code, _, errors = obi(*words)
        assert code in {0, 5}, errors
        for path in own_place.glob("new*.csv"):
            for each in answers_in(path):
                received[each["id"]] = each
                times[each["id"], each["modificationDate"]] += 1
            path.unlink()
        return code

    life = Life(simulator, seed=seed)
    life.add(150)
    life.thread.start()
    try:
        for _ in range(6):
            hand_over()
    finally:
        life.stop.set()
        life.thread.join()
    assert not life.failed, life.failed
    assert hand_over() == 0
    assert set(times.values()) == {1}
    for each in simulator.customers(PREVIEW_CAMPAIGN):
        last = received[each["id"]]
        assert (last["modificationDate"], last["result"]) == (
            each["modificationDate"],
            each.get("result", ""),
        )


def test_what_was_not_certain_is_not_certain_when_it_is_given_again(
    own_place: Path, obi: Obi, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = serve()
    Life(simulator, seed=0).add(5)
    counters = simulator._service.store.counters
    monkeypatch.setattr(
        simulator._service.store, "counters", lambda campaign: counters(campaign) | {"total": 9}
    )
    server = ("--base-url", simulator.base_url, "--json")
    words = ("export", PREVIEW_CAMPAIGN, "--out", "new.csv", "--incremental", "--ack", *server)
    first, again = (obi(*more) for more in (words, ("export", PREVIEW_CAMPAIGN, "--again", *server)))
    assert [first[0], again[0]] == [5, 5]
    assert [json.loads(text)["complete"] for _, text, _ in (first, again)] == [False, False]
    assert obi("export", "--ack", json.loads(first[1])["run"])[0] == 0
