"""What the dialler asks of the database and writes into it: customers to call, and its agents."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

import msgspec
from msgspec import Struct

from etl.simulator import values
from etl.simulator.customers import Customer
from etl.simulator.database import Database


class Agent(Struct):
    """Someone who calls customers: logged on to ``campaign``, or to none.

    ``customer`` is the number of the one on the line, ``until`` (a time as text) when the agent is done with
    that one, or was with the last.
    """

    id: str
    name: str
    campaign: str | None = None
    customer: int | None = None
    until: str | None = None


class Entry(Struct, frozen=True):
    """A customer on the call list: its number, its calls so far that met nobody, and its content."""

    number: int
    missed: int
    customer: Customer


class CallList:
    """The customers in ``db`` as the dialler sees them. Times are text, as ``values.instant`` writes it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def next(self, campaign_id: str, *, at: str, but: Collection[int] = ()) -> Entry | None:
        """The customer to be called next: the lowest priority number first, then the first added.

        Those whose ``date`` is after ``at``, or who are in ``but``, are not to be called yet.
        """
        marks = ", ".join("?" * len(but))
        rows = self._db.query(
            "SELECT number, missed, body FROM customers INDEXED BY customers_to_call"  # noqa: S608  -- marks only
            f" WHERE campaign = ? AND state = 'notHandled' AND number NOT IN ({marks})"
            " AND (date IS NULL OR date <= ?) ORDER BY rank, number LIMIT 1",
            (campaign_id, *but, at),
        )
        return _entry(rows)

    def next_date(self, campaign_id: str, *, after: str) -> str | None:
        """When the first of those who are not to be called before ``after`` will be; None where nobody is."""
        date: str | None = self._db.query(
            "SELECT min(date) FROM customers WHERE campaign = ? AND state = 'notHandled' AND date > ?",
            (campaign_id, after),
        )[0][0]
        return date

    def entry(self, number: int) -> Entry | None:
        """The customer of this number, if it is still there."""
        return _entry(
            self._db.query("SELECT number, missed, body FROM customers WHERE number = ?", (number,))
        )

    def put(self, entry: Entry, *, script: bytes | None = None) -> None:
        """Write what a call has made of a customer, and the ``script`` (JSON) that was filled in with it."""
        customer = entry.customer
        self._db.execute(
            "UPDATE customers SET date = ?, modified = ?, result = ?, missed = ?, body = ?,"
            " script = ifnull(?, script) WHERE number = ?",
            (
                customer.date and values.instant(customer.date),
                customer.modification_date,
                customer.result,
                entry.missed,
                msgspec.json.encode(customer).decode(),
                script and script.decode(),
                entry.number,
            ),
        )

    def agents(self) -> list[Agent]:
        """All agents, by id."""
        return [Agent(*row) for row in self._db.query("SELECT * FROM agents ORDER BY id")]

    def put_agents(self, agents: Iterable[Agent]) -> None:
        """Add the agents, or replace those of the same ids."""
        self._db.executemany(
            "INSERT OR REPLACE INTO agents VALUES (?, ?, ?, ?, ?)",
            [msgspec.structs.astuple(each) for each in agents],
        )

    def logged_on(self, campaign_id: str) -> int:
        """The number of agents who are logged on to a campaign."""
        count: int = self._db.query("SELECT count(*) FROM agents WHERE campaign = ?", (campaign_id,))[0][0]
        return count


def _entry(rows: list[sqlite3.Row]) -> Entry | None:
    if not rows:
        return None
    number, missed, body = rows[0]
    return Entry(number, missed, msgspec.json.decode(body, type=Customer))
