"""Exports of a campaign that is loaded, dialled and tidied while it is read, by a server that falters."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.exportchoice import Choice
from etl.exporting import Exporter
from etl.exportreport import ExportOrder, ExportReport
from etl.settings import Settings
from etl.simulator import Fault, Simulator

Answers = Callable[[str | Path], list[dict[str, str]]]
MakeSettings = Callable[..., Settings]

CAMPAIGN = "Spring"
AT_FIRST = 700


class Life:
    """What others do to a campaign: at each page that is read, something at random, and kept in mind.

    ``all_the_time`` are those who were never deleted and fitted from the beginning to the end.
    """

    def __init__(self, simulator: Simulator, *, seed: int, wanted: str) -> None:
        self._simulator = simulator
        self._store = simulator._service.store
        self._dice = random.Random(seed)
        self._wanted = wanted
        self._results: dict[str, str] = {}
        self.busy = True
        for number in range(AT_FIRST):
            self._add(f"{number:05}", result=self._dice.choice(("", "SUCCESS", "FAILURE")))
        self.all_the_time = {each for each, result in self._results.items() if self._fits(result)}
        find = self._store.find

        def find_living(campaign_id: str, search: Any) -> list[bytes]:
            if self.busy:
                self.go_on()
            return find(campaign_id, search)

        self._store.find = find_living  # type: ignore[method-assign]

    def _fits(self, result: str) -> bool:
        return not self._wanted or result == self._wanted

    def go_on(self) -> None:
        some = self._dice.sample(sorted(self._results), k=self._dice.randint(0, 12))
        match self._dice.choice(("call", "call", "delete", "add", "rest")):
            case "call":
                for each in some:
                    self._call(each, self._dice.choice(("SUCCESS", "FAILURE")))
            case "delete":
                for each in some:
                    self._store._db.execute("DELETE FROM customers WHERE external_id = ?", (each,))
                    del self._results[each]
                self.all_the_time -= {*some}
            case "add":
                for _ in some:
                    self._add(f"{self._dice.randrange(10_000, 99_999):05}", result="")

    def _add(self, external_id: str, *, result: str) -> None:
        if external_id in self._results:
            return
        fields: dict[str, Any] = {"externalId": external_id, "numbers": "+442079460001"}
        self._simulator.seed(
            {
                "campaigns": [
                    {"name": CAMPAIGN, "customers": [fields | ({"result": result} if result else {})]}
                ]
            }
        )
        self._results[external_id] = result

    def _call(self, external_id: str, result: str) -> None:
        now = self._store.now()
        self._store._db.execute(
            "UPDATE customers SET result = ?1, modified = ?2, body = json_set(body, '$.result', ?1, "
            "'$.modificationDate', ?2) WHERE external_id = ?3",
            (result, now, external_id),
        )
        self._results[external_id] = result
        if not self._fits(result):
            self.all_the_time.discard(external_id)

    def fitting(self) -> set[str]:
        """Who fits at this moment."""
        return {each for each, result in self._results.items() if self._fits(result)}


async def export(settings: Settings, *, wanted: str) -> ExportReport:
    choice = Choice(results=(wanted,)) if wanted else Choice()
    return await Exporter(settings).export(ExportOrder(campaign=CAMPAIGN, out="out.csv", choice=choice))


@pytest.mark.parametrize("wanted", ["", "SUCCESS"])
@pytest.mark.parametrize("seed", range(8))
async def test_whoever_is_there_all_the_time_is_in_the_file_once_or_it_says_that_it_is_not_whole(
    seed: int, wanted: str, settings_for: MakeSettings, answers_in: Answers
) -> None:
    async with Simulator() as simulator:
        life = Life(simulator, seed=seed, wanted=wanted)
        if seed % 2:
            for mode in ("503", "reset_mid_body", "504_after_commit"):
                simulator.add_fault(Fault(mode=mode, rate=0.05, seed=seed, path="/customers"))
        if seed % 4 == 3:
            simulator.add_fault(Fault(mode="filter_ignored", rate=0.3, seed=seed))
        report = await export(settings_for(simulator.base_url), wanted=wanted)
        found = [row["externalId"] for row in answers_in("out.csv")]
        assert len(found) == len({*found}) == report.rows
        if report.complete:
            assert life.all_the_time <= {*found}
        life.busy = False
        simulator.clear_faults()
        rested = await export(settings_for(simulator.base_url), wanted=wanted)
        assert {row["externalId"] for row in answers_in("out.csv")} == life.fitting()
        assert rested.complete
