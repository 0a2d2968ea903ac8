"""Answers held against the truth: what is lost, what is there twice, and what is told wrong.

A row that is told ``unknown``, or ``exists`` with "cannot tell whether this run created it", is told truly
wherever nobody could tell; where the server's clocks prove it, the second is wrong too.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct, field

from benchmarks.chaos.leads import Lead
from benchmarks.chaos.worlds import Held, World, held_in
from etl.records import PREFIXED, RunReport

Answer = dict[str, str]


class Holes(Struct, frozen=True, kw_only=True):
    """Where ``docs/delivery.md`` says that a server can fool us.

    ``ids``: it gives other ids than it keeps, and nobody reads back. ``swapped``: its answers are in another
    order than the rows. ``refused``: it refuses good rows for a while. ``doubled``: it breaks its own
    uniqueness. ``unproved``: its clocks or its look-ups prove nothing.
    """

    ids: bool = False
    swapped: bool = False
    refused: bool = False
    doubled: bool = False
    unproved: bool = False


class Verdict(Struct, kw_only=True):
    """Rows that are lost, customers that are there twice, rows that end unknown, and what is told wrong."""

    lost: int = 0
    doubled: int = 0
    unknown: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, doubled or wrong."""
        return not (self.lost or self.doubled or self.wrong)


def read_answers(path: Path | str) -> list[Answer]:
    """The rows of a results file in CSV, the protective prefix taken off again."""
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return [
            {k: v[1:] if v[:1] == "'" and v[1:2] in PREFIXED else v for k, v in row.items()}
            for row in csv.DictReader(file, strict=True)
        ]


_SEEN = 1.0
"""Seconds before the end of a run at which a second copy must have been there to be told."""


def judge(
    world: World, leads: Sequence[Lead], report: RunReport, *, holes: Holes, final: bool, ended: float = 0.0
) -> Verdict:
    """Hold the results of ``report`` against the world; all must be done where it is ``final``.

    The run ``ended`` then, by ``time.monotonic``.
    """
    verdict = Verdict()
    answers = read_answers(report.results)
    held = held_in(world)
    _judge_report(verdict, answers, report, rows=len(leads))
    _judge_customers(verdict, world, held, leads, may_double=holes.doubled)
    court = _Court(verdict, world, held, holes=holes, final=final, ended=0 if report.stopped else ended)
    for lead, answer in zip(leads, answers, strict=False):
        court.hear(lead, answer)
    return verdict


def _judge_report(verdict: Verdict, answers: Sequence[Answer], report: RunReport, *, rows: int) -> None:
    told = [answer["obi_row"] for answer in answers]
    if told != [str(row) for row in range(1, rows + 1)]:
        verdict.wrong.append(f"the results have {len(told)} rows, not each of {rows} once and in order")
    counts = Counter(answer["obi_status"] for answer in answers)
    verdict.unknown = counts["unknown"]
    if counts != Counter(report.counts) or not report.balanced or report.rows != rows:
        verdict.wrong.append(f"the report counts {report.counts}, the results {dict(counts)}")
    passing = {"created", "exists", "duplicate", "suppressed"}
    due = 10 if counts["unknown"] else 0 if counts.keys() <= passing else 5
    if report.exit_code != due and not report.stopped:
        verdict.wrong.append(f"exit code {report.exit_code} where {due} is due")
    if report.exit_code == 0 and due:
        verdict.wrong.append(f"exit code 0 after a stop, where {due} is due")


def _judge_customers(
    verdict: Verdict, world: World, held: Iterable[Held], leads: Iterable[Lead], *, may_double: bool
) -> None:
    """Nobody is there twice, under one id or under two; nobody is there who was not to be sent."""
    ids = Counter(world.key(each.external_id) for each in held)
    ours = Counter(each.name for each in held if not each.earlier)
    twice = sum(n - 1 for n in ids.values()) or sum(n - 1 for n in ours.values())
    verdict.doubled = 0 if may_double else twice
    sendable = {lead.name for lead in leads if lead.due == "send"}
    if strangers := ours.keys() - sendable:
        verdict.wrong.append(f"the campaign holds {sorted(strangers)[:3]}, who were not to be sent")


class _Court:
    """Hears one row after the other."""

    def __init__(
        self,
        verdict: Verdict,
        world: World,
        held: Sequence[Held],
        *,
        holes: Holes,
        final: bool,
        ended: float,
    ) -> None:
        self._verdict = verdict
        self._world = world
        self._holes = holes
        self._final = final
        self._ended = ended
        self._ours: dict[str, list[Held]] = defaultdict(list)
        for each in held:
            if not each.earlier:
                self._ours[each.name].append(each)
        self._by_key: dict[str, list[Held]] = defaultdict(list)
        for each in held:
            self._by_key[world.key(each.external_id)].append(each)

    def hear(self, lead: Lead, answer: Answer) -> None:
        """Judge what one row is told."""
        if lead.due == "send":
            self._hear_sent(lead, answer)
        elif answer["obi_status"] not in ({lead.due} if self._final else {lead.due, "unsent"}):
            self._wrong(lead, answer, f"where {lead.due} is due")

    def _hear_sent(self, lead: Lead, answer: Answer) -> None:
        mine = self._ours.get(lead.name, [])
        there = self._there(answer["obi_external_id"] or lead.external_id)
        if self._is_told_alone(answer, there):
            self._wrong(lead, answer, "and the campaign holds it twice, which nothing says")
        match answer["obi_status"]:
            case "created":
                self._hear_created(lead, answer, mine)
            case "exists":
                self._hear_exists(lead, answer, mine, there)
            case "rejected" | "unsent":
                if mine and not self._may_be_there(answer, there):
                    self._wrong(lead, answer, "and this run put it into the campaign")
                elif self._final and not self._may_be_left_out(lead, answer, there):
                    self._wrong(lead, answer, "and the server would have taken it")
            case "unknown":
                if self._final and not mine and not self._may_be_left_out(lead, answer, there):
                    self._wrong(lead, answer, "after a resume, and the server would have taken it")
            case _:
                self._wrong(lead, answer, "though it is a good row")

    def _there(self, external_id: str) -> list[Held]:
        return self._by_key.get(self._world.key(external_id), [])

    def _is_told_alone(self, answer: Answer, there: Sequence[Held]) -> bool:
        """Whether nothing tells of a second copy that was there when the run looked for the last time."""
        copies = sorted(each.since for each in there)
        return (
            self._holes.doubled
            and len(copies) > 1
            and copies[1] < self._ended - _SEEN
            and answer["obi_status"] in {"created", "exists"}
            and not answer["obi_warning"]
        )

    def _hear_created(self, lead: Lead, answer: Answer, mine: Sequence[Held]) -> None:
        if self._holes.swapped:
            return
        if not mine:
            self._verdict.lost += 1
            self._wrong(lead, answer, "and the campaign does not hold it from this run")
        elif mine[0].number != lead.number:
            self._wrong(lead, answer, f"with the number {mine[0].number} instead of {lead.number}")
        elif not answer["obi_id"] and "gave no id" in answer["obi_warning"]:
            return  # true, where the server shows nobody whom it has just created
        elif not self._holes.ids and _plain(answer["obi_id"]) not in {_plain(each.id) for each in mine}:
            told = answer["obi_id"] or "no id"
            self._wrong(lead, answer, f"as {told}, and the server holds it as {mine[0].id}")

    def _hear_exists(self, lead: Lead, answer: Answer, mine: Sequence[Held], there: Sequence[Held]) -> None:
        if not there:
            self._verdict.lost += 1
            self._wrong(lead, answer, "and the campaign does not hold it")
        elif self._holes.swapped:
            return
        elif not any(_plain(answer["obi_id"]) == _plain(each.id) for each in there):
            self._wrong(lead, answer, f"as {answer['obi_id']}, and the server holds it as {there[0].id}")
        elif mine and answer["obi_code"] != "exists.unproved":
            self._wrong(lead, answer, "and this run created it")
        elif mine and not self._holes.unproved:
            self._wrong(lead, answer, "and the server's clock proves that this run created it")
        elif not answer["obi_warning"]:
            self._wrong(lead, answer, "without saying whose it is")

    def _may_be_there(self, answer: Answer, there: Sequence[Held]) -> bool:
        """Whether a row that was told ``rejected`` may be in the campaign by our doing."""
        swapped = self._holes.swapped and answer["obi_code"] == "rejected.exists"
        # Refused for its twin, and put there beside it afterwards.
        return swapped or (self._holes.doubled and len(there) > 1)

    def _may_be_left_out(self, lead: Lead, answer: Answer, there: Sequence[Held]) -> bool:
        """Whether a good row may end outside of the campaign, told so."""
        refused = self._world.refuses(lead.external_id) or bool(there)
        if answer["obi_status"] == "unsent":
            return False
        return refused or self._holes.refused

    def _wrong(self, lead: Lead, answer: Answer, why: str) -> None:
        code = answer["obi_code"]
        told = answer["obi_status"] + (f" ({code})" if code else "")
        self._verdict.wrong.append(f"row {lead.row} ({lead.external_id or 'no id'}) is told {told} {why}")


def _plain(customer_id: str) -> str:
    """Ids are the same in id32 and id36 form, in either case."""
    return customer_id.replace("-", "").upper()
