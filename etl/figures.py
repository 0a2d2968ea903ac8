"""What campaigns came to: figures of all time, by UTC day, by agent, by campaign, and customers by result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from math import fsum
from typing import TypeVar

from msgspec import Struct, structs

from etl.campaigns import find_campaign, id32
from etl.errors import ConfigError
from etl.obi import Client
from etl.obi.models import AgentStatistics, Campaign, CustomerResultStatistics, Statistics

T = TypeVar("T")
R = TypeVar("R")

PARTS = frozenset({"total", "result", "day", "agent", "campaign"})
LONGEST_SPAN = 366
"""Days that can be asked for at once: each is a request."""

_USUAL_SPAN = 7
_AT_ONCE = 4
"""Days that are asked for at the same time."""

_COUNTED = tuple(name for name in Statistics.__struct_fields__ if name != "number_of_agents")


class Days(Struct, frozen=True):
    """UTC days, both ends included: those that were named, and how many where an end was not."""

    first: date | None = None
    last: date | None = None
    count: int | None = None

    def between(self, today: date) -> tuple[date, date]:
        """The first and the last day: by default the last seven, up to today. Raises ConfigError."""
        try:
            first, last = self._ends(today)
        except OverflowError:
            raise ConfigError("The days go beyond the calendar; name others.") from None
        if first > last:
            raise ConfigError(f"The first day, {first}, is after the last, {last}.")
        if (last - first).days >= LONGEST_SPAN:
            raise ConfigError(
                f"From {first} to {last} are {(last - first).days + 1:,} days, and {LONGEST_SPAN} can be "
                "asked for at once: each is a request."
            )
        return first, last

    def _ends(self, today: date) -> tuple[date, date]:
        last = self.last or (
            self.first + timedelta(days=self.count - 1) if self.first and self.count else today
        )
        return self.first or last - timedelta(days=(self.count or _USUAL_SPAN) - 1), last


class DayFigures(Struct, frozen=True):
    """The figures of one UTC day (``2026-11-24``)."""

    day: str
    figures: Statistics


class AgentFigures(Struct, frozen=True):
    """The figures of one agent over the days; both are None for what the dialer did without an agent."""

    agent_id: str | None
    agent_name: str | None
    figures: Statistics


class CampaignFigures(Struct, frozen=True):
    """The figures of one campaign over the days."""

    id: str
    name: str
    figures: Statistics


class StatsReport(Struct, frozen=True, kw_only=True):
    """What was asked for; what was not is None or empty.

    ``first`` and ``last`` are the days (UTC, both included) of ``span``, ``days``, ``agents`` and
    ``campaigns``. ``total`` is of all time. ``results`` count customers by result, those that have one.
    ``notes`` say what is odd about the figures; where the days can't be right, they are not ``sound``.
    """

    first: str
    last: str
    campaign: Campaign | None = None
    total: Statistics | None = None
    span: Statistics | None = None
    results: tuple[CustomerResultStatistics, ...] = ()
    days: tuple[DayFigures, ...] = ()
    agents: tuple[AgentFigures, ...] = ()
    campaigns: tuple[CampaignFigures, ...] = ()
    notes: tuple[str, ...] = ()
    sound: bool = True


async def gather(
    client: Client,
    given: str = "",
    *,
    days: Days | None = None,
    agents: Sequence[str] = (),
    parts: Collection[str] = PARTS,
) -> StatsReport:
    """The figures of the campaign with this id or exact name, or of all; of these ``agents`` only, if any.

    ``parts`` are those of ``PARTS`` that are wanted; ``result`` needs a campaign. Days are by the server's
    clock. Raises ConfigError, CampaignError, and what the client raises.
    """
    wanted = _agent_ids(agents)
    campaign, total = await _of_all_time(client, given, agents=wanted)
    first, last = (days or Days()).between(_today(client))
    asking = _Asking(client, campaign_id=campaign.id if campaign else "", agents=wanted)
    rows: list[AgentStatistics] = []
    by_day: list[DayFigures] = []
    if has_rows := bool((PARTS - {"result"}) & {*parts}):
        rows = await asking.rows(first, last)
    if "day" in parts:
        by_day = await _by_day(asking, first, last, whole=rows)
    results: list[CustomerResultStatistics] = []
    if campaign is not None and "result" in parts:
        results = await client.campaigns.result_statistics(campaign.id)
        if wanted:
            asking.notes.append("Customers by result are those of all agents; the interface tells no other.")
    return StatsReport(
        first=first.isoformat(),
        last=last.isoformat(),
        campaign=campaign,
        total=total,
        span=summed(rows) if has_rows else None,
        results=tuple(sorted(results, key=lambda each: -(each.count or 0))),
        days=tuple(by_day),
        agents=tuple(_by_agent(rows)) if "agent" in parts else (),
        campaigns=tuple(_by_campaign(rows)) if "campaign" in parts and campaign is None else (),
        notes=tuple(dict.fromkeys(asking.notes)),
        sound=asking.sound,
    )


def summed(rows: Iterable[AgentStatistics | Statistics]) -> Statistics:
    """The figures together: of no rows all are 0, what no row tells is None, each agent counts once."""
    held = list(rows)
    sums: dict[str, float | int | None] = {}
    for name in _COUNTED:
        told = [value for each in held if (value := getattr(each, name)) is not None]
        whole = all(isinstance(value, int) for value in told)
        sums[name] = (sum(told) if whole else fsum(told)) if told or not held else None
    ids = {each.agent_id for each in held if isinstance(each, AgentStatistics) and each.agent_id}
    return Statistics(**sums, number_of_agents=len(ids))  # type: ignore[arg-type]  # as they were told


def successes(figures: Statistics | AgentStatistics) -> int | None:
    """Calls that ended in SUCCESS: the interface counts REFUSAL among the successful ones (its document)."""
    both, refusals = figures.number_of_successful_calls, figures.number_of_refusal_calls
    return None if both is None or refusals is None else both - refusals


def share(part: float, whole: float) -> str:
    """A part of a ``whole`` that is not 0 in percent; only nothing is 0.0%, and only all of it 100.0%."""
    if 0 < part / whole < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= part / whole < 1 else f"{part / whole:.1%}"


class _Asking:
    """Asks for rows by campaign and agent, and keeps those that were asked for: servers ignore filters."""

    def __init__(self, client: Client, *, campaign_id: str, agents: Collection[str]) -> None:
        self.notes: list[str] = []
        self.sound = True
        self._client = client
        self._campaign = campaign_id
        self._agents = agents

    async def rows(self, first: date, last: date) -> list[AgentStatistics]:
        """The rows of these days, summed by the server."""
        found = await self._client.statistics.list(
            start_date=first,
            end_date=last,
            campaign_id=self._campaign or None,
            agent_id=next(iter(self._agents)) if len(self._agents) == 1 else None,
        )
        of_campaign = [
            each for each in found if not self._campaign or _is_same(each.campaign_id, self._campaign)
        ]
        if len(of_campaign) < len(found):
            self.notes.append("The server told of other campaigns too; they were left out.")
        return [each for each in of_campaign if not self._agents or _is_one_of(each.agent_id, self._agents)]


async def _of_all_time(
    client: Client, given: str, *, agents: Collection[str]
) -> tuple[Campaign | None, Statistics | None]:
    """The campaign, None for all of them, and the figures of all time; None where there are none yet."""
    ids = sorted(agents) or None
    if not given:
        every = await client.campaigns.list(statistics=True, agent_id=ids)
        totals = [each.stats.total for each in every if each.stats and each.stats.total]
        # Agents work in several campaigns, so a sum of their numbers would be none.
        return None, structs.replace(summed(totals), number_of_agents=None) if totals else None
    campaign = await find_campaign(client, given)
    told = await client.campaigns.get(campaign.id, statistics=True, agent_id=ids)
    return told, told.stats.total if told.stats else None


async def _by_day(
    asking: _Asking, first: date, last: date, *, whole: Sequence[AgentStatistics]
) -> list[DayFigures]:
    """The figures of each day; a note where the server does not seem to go by days."""
    all_days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    rows = await _bounded(lambda day: asking.rows(day, day), all_days)
    calls = _calls(each for some in rows for each in some)
    if calls != _calls(whole) and not _calls(whole) <= calls <= _calls(await asking.rows(first, last)):
        asking.sound = False
        asking.notes.append(
            f"The days have {calls:,} calls one by one, and {_calls(whole):,} together: the server does not "
            "go by the days that it is asked for, or the figures changed meanwhile."
        )
    return [DayFigures(day.isoformat(), summed(some)) for day, some in zip(all_days, rows, strict=True)]


async def _bounded(ask: Callable[[T], Awaitable[R]], many: Sequence[T]) -> list[R]:
    """What ``ask`` gives for each, a few at the same time; the first error ends it."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(what: T) -> R:
        async with slots:
            return await ask(what)

    tasks = [asyncio.ensure_future(one(each)) for each in many]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _by_agent(rows: Sequence[AgentStatistics]) -> list[AgentFigures]:
    """By agent, those with the most calls first, and last what was done without one."""
    names = {each.agent_id: each.agent_name for each in rows}
    found = [
        AgentFigures(agent, name, summed(each for each in rows if each.agent_id == agent))
        for agent, name in names.items()
    ]
    return sorted(found, key=lambda each: (each.agent_id is None, -(each.figures.number_of_calls or 0)))


def _by_campaign(rows: Sequence[AgentStatistics]) -> list[CampaignFigures]:
    names = {each.campaign_id: each.campaign_name for each in rows}
    found = [
        CampaignFigures(campaign, name or "", summed(each for each in rows if each.campaign_id == campaign))
        for campaign, name in names.items()
    ]
    return sorted(found, key=lambda each: -(each.figures.number_of_calls or 0))


def _calls(rows: Iterable[AgentStatistics]) -> int:
    return sum(each.number_of_calls or 0 for each in rows)


def _today(client: Client) -> date:
    """The UTC day by the server's clock, which its figures go by."""
    return datetime.fromtimestamp(time.time() + (client.last_offset or 0), UTC).date()


def _agent_ids(given: Iterable[str]) -> frozenset[str]:
    found = {text: id32(text.strip()) for text in given}
    for text, agent in found.items():
        if agent is None:
            raise ConfigError(
                f"{text!r} is not an agent's id: 32 hexadecimal digits, with or without dashes."
            )
    return frozenset(filter(None, found.values()))


def _is_same(one: str, other: str) -> bool:
    return (id32(one) or one) == (id32(other) or other)


def _is_one_of(agent: str | None, agents: Collection[str]) -> bool:
    return agent is not None and (id32(agent) or agent) in agents
