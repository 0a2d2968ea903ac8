"""What the hostile server is like: how it reads what the interface's document leaves open."""

from __future__ import annotations

import random
from typing import Literal

from msgspec import Struct


class Quirks(Struct, frozen=True, kw_only=True):
    """How this server reads the document; times are in seconds.

    Its clock is ``ahead`` of ours, and its modification dates are ``dates_ahead`` of that. A look-up gives a
    ``page`` at most, shows customers only ``shows_after`` some time, and has ``filters`` or ignores them.
    ``folds``: ids that differ in case are the same. ``refuses_whole``: one bad row, and the request is
    answered 400. ``most`` customers fit into a request. ``closes`` is the share of answers after which the
    connection is closed.
    """

    ids: Literal["upper", "lower", "dashed"] = "upper"
    dated: bool = True
    ahead: float = 0
    dates: Literal["milliseconds", "seconds", "offset", "none"] = "milliseconds"
    dates_ahead: float = 0
    folds: bool = False
    attributes: Literal["wrapped", "bare", "single"] = "wrapped"
    semicolon: bool = False
    page: int = 100
    filters: bool = True
    shows_after: float = 0
    status: int = 200
    codes: Literal["number", "text", "float"] = "number"
    reason: str = "Ungültige externalId: Wert ist nicht eindeutig"
    refuses_whole: bool = False
    most: int = 10_000
    closes: float = 0
    chunked: bool = False
    slow: float = 0

    @property
    def proves(self) -> bool:
        """Whether its clocks can prove when a customer was put there."""
        return self.dated and self.dates != "none" and not self.dates_ahead


def draw_quirks(dice: random.Random) -> Quirks:
    """The odd server of a seed."""
    pick = dice.choice
    return Quirks(
        ids=pick(["upper", "lower", "dashed"]),
        dated=pick([True, True, True, False]),
        ahead=pick([0, 0, 7_200, -7_200, 90_000.4]),
        dates=pick(["milliseconds", "seconds", "offset", "milliseconds", "none"]),
        dates_ahead=pick([0, 0, 0, 0, 3_600, -3_600]),
        folds=pick([True, False]),
        attributes=pick(["wrapped", "bare", "single"]),
        semicolon=pick([True, False]),
        page=pick([100, 10, 3]),
        filters=pick([True, True, True, False]),
        shows_after=pick([0, 0, 0, 0.1]),
        status=pick([200, 201, 207]),
        codes=pick(["number", "text", "float"]),
        reason=pick(
            [
                "Ungültige externalId: Wert ist nicht eindeutig",
                "Virheellinen tunniste",
                "Invalid externalId: {} : Value is not unique",
            ]
        ),
        refuses_whole=pick([True, False, False]),
        most=pick([10_000, 10_000, 7, 3]),
        closes=pick([0, 0.3, 1]),
        chunked=pick([True, False, False]),
        slow=pick([0, 0.02]),
    )
