"""The dialler: a small model that calls customers in simulated time, so that there are results to show.

Five agents take the callable customers of the active campaigns, one after the other: by priority (1 before
2, those without one last), then in the order of adding. A campaign dials from its ``startDate`` to its
``endDate``. In preview and progressive dialling each call belongs to an agent; in predictive dialling agents
wait while the dialler is alone with calls that do not connect. Who is busy or does not answer is called again
later, at the next of the customer's numbers, until RetryCount + 1 such calls make MAXCALLS.

An agent's state is in the database, a call that is under way too, so that it does not matter whether time is
dialled in one piece or in many, by one dialler or by several.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from msgspec import structs

from etl.simulator import values
from etl.simulator.calling import Agent, Entry
from etl.simulator.campaigns import Campaign
from etl.simulator.outcomes import MISSED, Outcome, draw, figures, waiting
from etl.simulator.statistics import Figures
from etl.simulator.store import Store

_NAMES = ("Berg, Anna", "Costa, Rui", "Laine, Aino", "Novak, Petr", "Okoye, Ada")
_ATTEMPTS = 4  # RetryCount + 1, where RetryCount has its default
_SLICE_SECONDS = 1800.0
_LONGEST_SECONDS = 366 * 86400.0


class Dialler:
    """Dials in ``store``. The ``seed`` settles how calls end: the same customers get the same results."""

    def __init__(self, store: Store, *, seed: int = 0) -> None:
        self._store = store
        self._seed = seed

    def advance(self, seconds: float) -> int:
        """Dial for so many seconds of simulated time, by which the simulator's clock is moved on.

        Gives the number of calls that ended. Raises ValueError for less than 0 or more than 366 days.
        """
        return sum(self.steps(seconds))

    def steps(self, seconds: float) -> Iterator[int]:
        """``advance`` in pieces, each a transaction of its own: the number of calls of each."""
        if not 0 <= seconds <= _LONGEST_SECONDS:
            raise ValueError(f"a dialler dials for 0 to {_LONGEST_SECONDS:.0f} seconds at a time")
        while seconds > 0:
            piece = min(seconds, _SLICE_SECONDS)
            with self._store.transaction():
                calls = _Shift(self._store, seed=self._seed, seconds=piece).work()
                self._store.clock.move(piece)
            yield calls
            seconds -= piece


class _Shift:
    """What the agents do from now on for so many ``seconds``, within one transaction.

    Raises OverflowError where that would leave the calendar.
    """

    def __init__(self, store: Store, *, seed: int, seconds: float) -> None:
        self._store = store
        self._list = store.call_list
        self._seed = seed
        now = store.clock.now()
        self._start, self._end = _whole_ms(now), _whole_ms(now + timedelta(seconds=seconds))
        self._campaigns = {each.id: each for each in store.campaigns()}
        self._periods = [_period(each) for each in self._campaigns.values() if each.status == "Active"]
        self._agents = self._list.agents() or _new_agents()
        self._figures: dict[tuple[str, str, str], Figures] = {}

    def work(self) -> int:
        """The agents' moves in the order of time; the number of calls that ended."""
        calls = 0
        moves = [self._move(agent, place) for place, agent in enumerate(self._agents)]
        heapq.heapify(moves)
        while moves and moves[0][0] < self._end:
            moment, _, place = heapq.heappop(moves)
            agent = self._agents[place]
            if agent.customer is not None:
                calls += self._hang_up(agent, moment)
                moment = max(moment, self._start)
            if not self._pick_up(agent, place=place, moment=moment):
                self._wait(agent, place=place, moment=moment)
            heapq.heappush(moves, self._move(agent, place))
        self._leave()
        return calls

    def _move(self, agent: Agent, place: int) -> tuple[datetime, bool, int]:
        """When an agent moves next; of two at the same time, the one whose call ends is first."""
        is_free = agent.customer is None
        at = values.moment(agent.until) if agent.until else self._start
        return max(at, self._start) if is_free else at, is_free, place

    def _running(self, at: str) -> list[Campaign]:
        return [campaign for begins, ends, campaign in self._periods if begins <= at < ends]

    def _pick_up(self, agent: Agent, *, place: int, moment: datetime) -> bool:
        """Give the agent the next customer, if there is one; agents begin with different campaigns."""
        at = values.written(moment)
        running = self._running(at)
        busy = [each.customer for each in self._agents if each.customer is not None]
        for turn in range(len(running)):
            campaign = running[(place + turn) % len(running)]
            entry = self._list.next(campaign.id, at=at, but=busy)
            if entry is not None:
                agent.campaign, agent.customer = campaign.id, entry.number
                agent.until = values.written(moment + self._draw(entry, campaign)[1])
                return True
        return False

    def _draw(self, entry: Entry, campaign: Campaign) -> tuple[Outcome, timedelta]:
        mode = entry.customer.dialing_mode or campaign.dialing_mode
        outcome = draw(entry.customer, seed=self._seed, campaign_id=campaign.id, mode=mode)
        return outcome, timedelta(seconds=outcome.seconds)

    def _wait(self, agent: Agent, *, place: int, moment: datetime) -> None:
        """Let the agent wait for the next moment at which somebody may be callable, or for the end."""
        at = values.written(moment)
        running = self._running(at)
        dates = [self._list.next_date(each.id, after=at) for each in running]
        dates += [each.until for each in self._agents if each.customer is not None]
        dates += [date for begins, ends, _ in self._periods for date in (begins, ends) if date > at]
        until = min([self._end, *(values.moment(date) for date in dates if date)])
        agent.until = values.written(until)
        agent.campaign = running[place % len(running)].id if running else None
        if agent.campaign is not None:
            waited = waiting((until - moment).total_seconds())
            self._count(agent.campaign, agent.id, moment=until, figures=waited)

    def _hang_up(self, agent: Agent, moment: datetime) -> int:
        """Write down how the agent's call ended: 1, or 0 where the customer was deleted meanwhile."""
        entry = self._list.entry(agent.customer or 0)
        campaign = self._campaigns.get(agent.campaign or "")
        agent.customer = None
        if entry is None or campaign is None:
            return 0
        outcome, taken = self._draw(entry, campaign)
        called = _called(entry, outcome, agent_id=agent.id, moment=moment)
        self._list.put(called, script=msgspec.json.encode(outcome.script) if outcome.script else None)
        self._count(
            campaign.id,
            agent.id if outcome.by_agent else "",
            moment=moment,
            figures=figures(
                outcome,
                is_first=entry.customer.call_count == 0,
                is_handled=not outcome.again_in,
            ),
        )
        if not outcome.by_agent:
            self._count(campaign.id, agent.id, moment=moment, figures=waiting(taken.total_seconds()))
        return 1

    def _count(self, campaign_id: str, agent_id: str, *, moment: datetime, figures: Figures) -> None:
        key = campaign_id, agent_id, values.written(moment)[:10]
        self._figures[key] = self._figures.get(key, Figures()) + figures

    def _leave(self) -> None:
        """Keep what is to be known later: agents, figures, and who is on the line."""
        for agent in self._agents:
            entry = self._list.entry(agent.customer) if agent.customer is not None else None
            if entry is not None and entry.customer.result != "DIALING":
                self._list.put(_dialling(entry, now=values.written(self._end)))
        self._list.put_agents(self._agents)
        for (campaign_id, agent_id, day), found in self._figures.items():
            self._store.statistics.add(campaign_id, agent_id=agent_id, day=day, figures=found)


def _new_agents() -> list[Agent]:
    """The agents by id, which are the same in every database."""
    ids = {name: hashlib.sha256(name.encode()).hexdigest()[:32].upper() for name in _NAMES}
    return [Agent(id=ids[name], name=name) for name in sorted(_NAMES, key=ids.__getitem__)]


def _whole_ms(moment: datetime) -> datetime:
    """The moment as it is written and read again."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _period(campaign: Campaign) -> tuple[str, str, Campaign]:
    """From when to when a campaign dials, and the campaign."""
    begins = values.instant(campaign.start_date) if campaign.start_date else ""
    return begins, values.instant(campaign.end_date or values.NEVER), campaign


def _called(entry: Entry, outcome: Outcome, *, agent_id: str, moment: datetime) -> Entry:
    """The customer after a call that ended at ``moment``."""
    customer = entry.customer
    missed = entry.missed + (outcome.result in MISSED)
    is_given_up = outcome.result in MISSED and missed >= _ATTEMPTS
    again_in = 0 if is_given_up else outcome.again_in
    numbers = customer.numbers.split(";")
    return Entry(
        number=entry.number,
        missed=missed,
        customer=structs.replace(
            customer,
            result="MAXCALLS" if is_given_up else outcome.result,
            call_result=outcome.result,
            classifier=outcome.classifier,
            call_count=customer.call_count + 1,
            last_b_number=customer.call_count % len(numbers),
            agent_id=agent_id if outcome.by_agent else customer.agent_id,
            date=values.written(moment + timedelta(seconds=again_in)) if again_in else values.NEVER,
            modification_date=values.written(moment),
        ),
    )


def _dialling(entry: Entry, *, now: str) -> Entry:
    """The customer while a call is under way."""
    changed = structs.replace(
        entry.customer, result="DIALING", call_result=None, classifier=None, modification_date=now
    )
    return structs.replace(entry, customer=changed)
