"""How a simulated call ends: drawn by weights, and always the same for the same call.

What is drawn depends on the seed, the campaign, the customer's externalId and the number of calls to that
customer before, and on nothing else: not on the hour, the agent, or who was called earlier.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from msgspec import Struct

from etl.simulator.customers import Customer
from etl.simulator.statistics import Figures

MISSED = frozenset({"BUSY", "NOANSWER"})
"""The results of calls that met nobody: those that are repeated until MAXCALLS."""

_SCRIPT = "Renewal"
_QUESTIONS = (
    ("Is the present contract still in use?", ("yes", "no", "not sure")),
    ("Who decides about a new one?", ("the customer", "somebody else")),
    ("How satisfied has the customer been, from 1 to 5?", ("1", "2", "3", "4", "5")),
)
_AMOUNTS = (19.5, 49.0, 120.0)


class _Result(Struct, frozen=True):
    """A result with its weight in the campaigns of each kind, and the classifiers that agents give it.

    ``talks`` and ``rings`` say whether the customer was spoken with, and was dialled. ``by_agent``: in a
    predictive campaign it takes an agent, or else the dialler is alone with it.
    """

    name: str
    by_hand: int
    predictive: int
    classifiers: tuple[str | None, ...] = (None,)
    talks: bool = False
    rings: bool = True
    by_agent: bool = True


_RESULTS = (
    _Result("SUCCESS", 20, 20, ("Offer accepted", "Offer accepted", "Wants a visit"), talks=True),
    _Result("REFUSAL", 17, 17, ("Refusal", "Refusal", "Has another supplier"), talks=True),
    _Result("CALLBACK", 5, 5, ("Call back",), talks=True),
    _Result("HANGUP", 5, 5, talks=True),
    _Result("AGENT_REJECTED", 2, 2, ("AGENT_REJECTED",), rings=False),
    _Result("SKIP", 3, 0, ("Skip",), rings=False),
    _Result("NOANSWER", 31, 31, by_agent=False),
    _Result("BUSY", 13, 13, by_agent=False),
    _Result("ABANDONED", 0, 2, by_agent=False),
    _Result("INVALID_NUMBER", 4, 4, rings=False, by_agent=False),
)
_WEIGHTS = {
    False: [each.by_hand for each in _RESULTS],
    True: [each.predictive for each in _RESULTS],
}


class Outcome(Struct, frozen=True, kw_only=True):
    """A call that was made: how it ended, and what it took in seconds.

    ``again_in`` is how many seconds later the customer is to be called next, 0 for never. ``by_agent`` says
    that an agent had it; else the dialler was alone with it, while an agent waited.
    """

    result: str
    classifier: str | None
    by_agent: bool
    again_in: int
    amount: float
    answers: Sequence[tuple[str, str]]
    wait: int
    preview: int
    call: int
    talking: int
    wrap: int
    pause: int

    @property
    def seconds(self) -> int:
        """How long the agent is taken."""
        return self.wait + self.preview + self.call + self.talking + self.wrap + self.pause

    @property
    def script(self) -> dict[str, object] | None:
        """What was filled in, as the interface shows it; None where nothing was."""
        if not self.answers:
            return None
        answers = [{"question": question, "answer": answer} for question, answer in self.answers]
        return {"name": _SCRIPT, "answers": answers}


def draw(customer: Customer, *, seed: int, campaign_id: str, mode: str) -> Outcome:
    """How the next call to ``customer`` ends in this ``mode`` of dialling."""
    key = f"{seed}/{campaign_id}/{customer.external_id}/{customer.call_count}"
    chance = random.Random(key)  # noqa: S311  -- a seeded draw is the purpose
    is_predictive = mode == "PREDICTIVE"
    (result,) = chance.choices(_RESULTS, _WEIGHTS[is_predictive])
    by_agent = result.by_agent or not is_predictive
    ringing = chance.randint(4, 25) if result.rings else 1
    spent = {
        "wait": ringing if is_predictive else 0,
        "preview": _preview(customer, chance) if mode == "PREVIEW" else 0,
        "call": 0 if is_predictive else ringing,
        "talking": chance.randint(15, 240) if result.talks else 0,
        "wrap": chance.randint(5, 40) if by_agent else 0,
        "pause": 300 if by_agent and chance.random() < 0.02 else 0,
    }
    is_success = result.name == "SUCCESS"
    return Outcome(
        result=result.name,
        classifier=chance.choice(result.classifiers),
        by_agent=by_agent,
        again_in=_again_in(result.name, chance),
        amount=chance.choice(_AMOUNTS) if is_success and chance.random() < 0.3 else 0.0,
        answers=[(question, chance.choice(given)) for question, given in _QUESTIONS] if is_success else (),
        **spent,
    )


def _preview(customer: Customer, chance: random.Random) -> int:
    longest = min(customer.preview_time or 20, 120)
    return chance.randint(min(3, longest), longest)


def _again_in(result: str, chance: random.Random) -> int:
    match result:
        case "BUSY":
            return 60 * chance.randint(10, 20)
        case "NOANSWER":
            return 60 * chance.randint(60, 180)
        case "CALLBACK":
            return 3600 * chance.randint(2, 48)
        case _:
            return 0


def figures(outcome: Outcome, *, is_first: bool, is_handled: bool) -> Figures:
    """What a call adds to the figures of the agent, or of the dialler, who had it."""
    result, by_agent = outcome.result, outcome.by_agent
    return Figures(
        number_of_handled_customers=int(is_handled),
        number_of_calls=1,
        number_of_successful_calls=int(result in {"SUCCESS", "REFUSAL"}),
        number_of_refusal_calls=int(result == "REFUSAL"),
        number_of_amount_calls=int(outcome.amount > 0),
        number_of_skip_calls=int(result == "SKIP"),
        number_of_reject_calls=int(result == "AGENT_REJECTED"),
        number_of_not_dialed_calls=int(result == "INVALID_NUMBER"),
        number_of_hangup_calls=int(result == "HANGUP"),
        number_of_abandoned_calls=int(result == "ABANDONED"),
        amount=outcome.amount,
        login_time=float(outcome.seconds if by_agent else 0),
        pause_time=float(outcome.pause),
        wait_time=float(outcome.wait if by_agent else 0),
        preview_time=float(outcome.preview),
        call_time=float(outcome.call),
        talking_time=float(outcome.talking),
        wrap_time=float(outcome.wrap),
        number_of_customers=int(is_first),
    )


def waiting(seconds: float) -> Figures:
    """What an agent's waiting adds to that agent's figures."""
    return Figures(login_time=seconds, wait_time=seconds)
