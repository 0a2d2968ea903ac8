"""When a fault happens: scripted rules, matched to the requests as they come in."""

from __future__ import annotations

import codecs
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from etl.simulator import faults
from etl.simulator.messages import Call


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: which fault (``mode``, see ``faults.MODES``), on which requests, and how often.

    It looks at the requests of its ``method`` whose path contains ``path`` (ends with it, where ``path``
    ends with ``$``); what is left out is as the mode is made for, mostly any. Of these requests, numbered
    from 1, it hits the ``nth`` (one or several), or each ``every``-th, or a share ``rate`` drawn from a
    generator seeded with ``seed``, or else each; in all at most ``times``. ``params`` are the mode's own.
    """

    mode: str
    nth: int | list[int] | None = None
    every: int | None = None
    rate: float | None = None
    seed: int = 0
    path: str | None = None
    method: str | None = None
    times: int | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse with ValueError what could never happen."""
        faults.check(self.mode, self.params)
        if sum(each is not None for each in (self.nth, self.every, self.rate)) > 1:
            raise ValueError("give one of nth, every and rate")
        if self.nth == [] or any(each < 1 for each in self.numbers):
            raise ValueError("nth counts from 1")
        if self.times is not None and self.times < 1:
            raise ValueError("times counts from 1")
        if self.every is not None and self.every < 1:
            raise ValueError("every counts from 1")
        if self.rate is not None and not 0 <= self.rate <= 1:
            raise ValueError("rate is a share from 0 to 1")

    @property
    def numbers(self) -> list[int]:
        """``nth`` as a list."""
        return [] if self.nth is None else [self.nth] if isinstance(self.nth, int) else self.nth


class _Rule:
    """A fault with its memory: the requests it has looked at, and those it has hit."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0
        self._random = random.Random(fault.seed)  # noqa: S311  -- a seeded draw is the purpose

    def is_due(self, call: Call) -> bool:
        """Count the call if the rule looks at it; True when it is one to be hit."""
        if not self._looks_at(call):
            return False
        self.seen += 1
        due = self._hits(self.seen)
        return due and (self.fault.times is None or self.hits < self.fault.times)

    def _looks_at(self, call: Call) -> bool:
        method, path = faults.MODES[self.fault.mode].target
        method, path = self.fault.method or method, self.fault.path or path
        if method is not None and method.upper() != call.method:
            return False
        if path is not None and path.endswith("$"):
            return call.path.endswith(path[:-1])
        return path is None or path in call.path

    def _hits(self, number: int) -> bool:
        fault = self.fault
        if fault.nth is not None:
            return number in fault.numbers
        if fault.every is not None:
            return number % fault.every == 0
        if fault.rate is not None:
            return self._random.random() < fault.rate
        return True


class Plan:
    """The rules in force. Each counts what it looks at; of several that are due, the first happens."""

    def __init__(self, planned: Iterable[Fault] = ()) -> None:
        self._rules = [_Rule(each) for each in planned]

    def add(self, fault: Fault) -> None:
        """Put one more rule behind the others; it counts from here."""
        self._rules.append(_Rule(fault))

    def clear(self) -> None:
        """Drop all rules."""
        self._rules.clear()

    def pick(self, call: Call) -> Fault | None:
        """The fault that is to happen to this call, if any."""
        due = [rule for rule in self._rules if rule.is_due(call)]
        if not due:
            return None
        due[0].hits += 1
        return due[0].fault

    def state(self) -> list[Mapping[str, object]]:
        """Each rule with the number of requests it looked at (``seen``) and of its ``hits``."""
        return [{"fault": rule.fault, "seen": rule.seen, "hits": rule.hits} for rule in self._rules]


def read_faults(path: Path) -> list[Fault]:
    """The rules in a JSON file: a list, or one. Raises ValueError, which names the file, and OSError."""
    try:
        given = msgspec.json.decode(path.read_bytes().removeprefix(codecs.BOM_UTF8))
        return msgspec.convert(given if isinstance(given, list) else [given], list[Fault])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None
