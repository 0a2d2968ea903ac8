"""What has been dialled: figures by campaign, agent and UTC day, and when campaigns were active."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import Struct, structs

from etl.simulator.database import Database


class Figures(Struct, frozen=True, rename="camel", kw_only=True):
    """Figures by the interface's names; times in seconds.

    ``number_of_customers`` counts a customer where the first call to it is counted, so it can be summed.
    """

    number_of_handled_customers: int = 0
    number_of_calls: int = 0
    number_of_successful_calls: int = 0
    number_of_refusal_calls: int = 0
    number_of_amount_calls: int = 0
    number_of_skip_calls: int = 0
    number_of_reject_calls: int = 0
    number_of_oper_logout_calls: int = 0
    number_of_not_dialed_calls: int = 0
    number_of_hangup_calls: int = 0
    number_of_abandoned_calls: int = 0
    amount: float = 0.0
    login_time: float = 0.0
    pause_time: float = 0.0
    wait_time: float = 0.0
    preview_time: float = 0.0
    call_time: float = 0.0
    talking_time: float = 0.0
    wrap_time: float = 0.0
    number_of_customers: int = 0

    def __add__(self, other: Figures) -> Figures:
        pairs = zip(_NAMES, structs.astuple(self), structs.astuple(other), strict=True)
        return Figures(**{name: mine + theirs for name, mine, theirs in pairs})


_NAMES = Figures.__struct_fields__


class _Row(Struct, frozen=True):
    """The figures of one agent (empty: of none) in one campaign on one day."""

    campaign: str
    agent: str
    day: str
    figures: Figures


class Statistics:
    """The figures that are kept in ``db``. Days are UTC dates, ``2026-11-24``; agent ids are id32."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, campaign_id: str, *, agent_id: str, day: str, figures: Figures) -> None:
        """Add to what is kept; ``agent_id`` is empty where the dialler did it without an agent."""
        key = (campaign_id, agent_id, day)
        with self._db.transaction():
            kept = self._db.query(
                "SELECT figures FROM statistics WHERE campaign = ? AND agent = ? AND day = ?", key
            )
            for row in kept:
                figures += msgspec.json.decode(row["figures"], type=Figures)
            self._db.execute(
                "INSERT OR REPLACE INTO statistics VALUES (?, ?, ?, ?)",
                (*key, msgspec.json.encode(figures).decode()),
            )

    def note_status(self, campaign_id: str, *, active: bool, since: str) -> None:
        """Record that a campaign has been active, or not, ``since`` this time; no change is no news."""
        if not active:
            self._db.execute(
                "UPDATE activity SET ended = ? WHERE campaign = ? AND ended IS NULL", (since, campaign_id)
            )
        elif not self._db.query(
            "SELECT 1 FROM activity WHERE campaign = ? AND ended IS NULL", (campaign_id,)
        ):
            self._db.execute("INSERT INTO activity VALUES (?, ?, NULL)", (campaign_id, since))

    def grouped(
        self,
        *,
        first_day: str = "",
        last_day: str = "9999-12-31",
        campaigns: Collection[str] | None = None,
        agents: Collection[str] | None = None,
    ) -> list[dict[str, Any]]:
        """``GET /statistics``: figures summed over the days, by campaign and agent; None is for all."""
        names = self._names()
        sums: dict[tuple[str, str], Figures] = {}
        for row in self._rows(campaigns, agents):
            if first_day <= row.day <= last_day:
                key = row.campaign, row.agent
                sums[key] = sums.get(key, Figures()) + row.figures
        return [
            {
                **msgspec.to_builtins(figures),
                "campaignId": campaign,
                "campaignName": names.get(campaign, ""),
                "agentId": agent or None,
                "agentName": names.get(agent),
            }
            for (campaign, agent), figures in sums.items()
        ]

    def of_campaign(
        self, campaign_id: str, *, now: str, day: str | None, agents: Collection[str] | None
    ) -> dict[str, Any]:
        """The ``stats`` of a campaign: ``total`` if it has ever been active, ``daily`` if it was on ``day``.

        With a ``day`` there is no total; without, daily is for the day of ``now``. With ``agents`` only their
        figures count, and without any of theirs it is empty.
        """
        rows = self._rows([campaign_id], agents)
        daily = [row for row in rows if row.day == (day or now[:10])]
        if agents is not None and not (rows if day is None else daily):
            return {}
        periods = self._db.query(
            "SELECT substr(began, 1, 10) AS first, substr(ifnull(ended, ?), 1, 10) AS last FROM activity"
            " WHERE campaign = ?",
            (now, campaign_id),
        )
        stats = {}
        if periods and day is None:
            stats["total"] = _summary(rows)
        if any(row["first"] <= (day or now[:10]) <= row["last"] for row in periods):
            stats["daily"] = _summary(daily)
        return stats

    def _rows(self, campaigns: Collection[str] | None, agents: Collection[str] | None) -> list[_Row]:
        found = self._db.query(
            "SELECT * FROM statistics"
            " WHERE (?1 IS NULL OR campaign IN (SELECT value FROM json_each(?1)))"
            " AND (?2 IS NULL OR agent IN (SELECT value FROM json_each(?2))) ORDER BY campaign, agent, day",
            [None if ids is None else msgspec.json.encode(list(ids)).decode() for ids in (campaigns, agents)],
        )
        return [
            _Row(
                row["campaign"],
                row["agent"],
                row["day"],
                msgspec.json.decode(row["figures"], type=Figures),
            )
            for row in found
        ]

    def _names(self) -> dict[str, str]:
        return {
            row["id"]: row["name"]
            for row in self._db.query(
                "SELECT id, json_extract(body, '$.name') AS name FROM campaigns"
                " UNION ALL SELECT id, name FROM agents"
            )
        }


def _summary(rows: Iterable[_Row]) -> dict[str, Any]:
    figures, agents = Figures(), set()
    for row in rows:
        figures += row.figures
        agents.add(row.agent)
    return {**msgspec.to_builtins(figures), "numberOfAgents": len(agents - {""})}
