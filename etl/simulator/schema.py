"""The tables of the simulator's database, and the way from those of earlier versions.

``PRAGMA user_version`` says which version a file has. Version 0 knew campaigns and customers only, and
its customers were unique by a constraint of the table; what is unique is a matter of the dialect now.
"""

from __future__ import annotations

import sqlite3

from etl.simulator.database import Database

VERSION = 1

LAST_RANK = 2**31
"""The ``rank`` of a customer without a priority: behind all that have one."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS campaigns (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    # ``body`` is the customer as it is answered; the other columns repeat what is searched, counted or sorted
    # by. Numbers are never used again, so the newest customer has the highest at all times.
    """
    CREATE TABLE customers (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        campaign TEXT NOT NULL REFERENCES campaigns (id),
        external_id TEXT NOT NULL,
        folded_id TEXT NOT NULL,
        id TEXT NOT NULL UNIQUE,
        date TEXT,
        modified TEXT NOT NULL,
        result TEXT,
        rank INTEGER NOT NULL,
        missed INTEGER NOT NULL DEFAULT 0,
        body TEXT NOT NULL,
        script TEXT,
        state TEXT NOT NULL GENERATED ALWAYS AS (CASE
            WHEN result IS NULL OR result IN ('DIALING', 'BUSY', 'NOANSWER', 'CALLBACK') THEN 'notHandled'
            WHEN result = 'MAXCALLS' THEN 'maxCalls'
            WHEN result = 'FILTERED' THEN 'filtered'
            ELSE 'handled' END) STORED
    )
    """,
    "CREATE INDEX customers_by_external_id ON customers (folded_id, campaign)",
    "CREATE INDEX customers_by_state ON customers (campaign, state, date)",
    "CREATE INDEX customers_by_campaign ON customers (campaign, number)",
    "CREATE INDEX customers_to_call ON customers (campaign, rank, number, date) WHERE state = 'notHandled'",
    # When each campaign was active; ``ended`` is NULL while it is.
    "CREATE TABLE activity (campaign TEXT NOT NULL, began TEXT NOT NULL, ended TEXT)",
    "CREATE INDEX activity_by_campaign ON activity (campaign)",
    # ``agent`` is empty where the dialler handled customers without one; ``day`` is a UTC date.
    """
    CREATE TABLE statistics (
        campaign TEXT NOT NULL,
        agent TEXT NOT NULL,
        day TEXT NOT NULL,
        figures TEXT NOT NULL,
        PRIMARY KEY (campaign, agent, day)
    ) WITHOUT ROWID
    """,
    # An agent is logged on to a campaign or to none, with a customer (its number) or free; ``until`` is when
    # the agent is done with the customer, or was with the last one.
    """
    CREATE TABLE agents (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        campaign TEXT,
        customer INTEGER,
        until TEXT
    ) WITHOUT ROWID
    """,
    # How far the simulator's clock is ahead of the real one.
    "CREATE TABLE clock (seconds REAL NOT NULL)",
    "INSERT INTO clock VALUES (0)",
)


def prepare(db: Database) -> None:
    """Give the database the tables of this version, with what earlier versions kept in it.

    Raises sqlite3.DatabaseError where a newer version wrote it.
    """
    with db.transaction():
        version = db.query("PRAGMA user_version")[0][0]
        if version > VERSION:
            raise sqlite3.DatabaseError(
                f"a newer version wrote this database (schema {version}, and this one reads up to {VERSION})"
            )
        if version == VERSION:
            return
        is_old = bool(db.query("SELECT 1 FROM sqlite_master WHERE name = 'customers'"))
        if is_old:
            db.execute("ALTER TABLE customers RENAME TO customers_0")
            db.execute("DROP INDEX IF EXISTS customers_by_state")
            db.execute("DROP INDEX IF EXISTS customers_by_campaign")
        for statement in _TABLES:
            db.execute(statement)
        if is_old:
            _move_from_0(db)
        db.execute(f"PRAGMA user_version = {VERSION}")


def _move_from_0(db: Database) -> None:
    columns = "number, campaign, external_id, id, date, modified, result, body, script"
    db.execute(
        # Fixed names only.
        f"INSERT INTO customers ({columns}, folded_id, rank) SELECT {columns}, casefold(external_id),"  # noqa: S608
        f" ifnull(json_extract(body, '$.priority'), {LAST_RANK}) FROM customers_0 ORDER BY number"
    )
    db.execute("DROP TABLE customers_0")
    db.execute(
        "INSERT INTO activity SELECT id, json_extract(body, '$.registered'), NULL FROM campaigns"
        " WHERE json_extract(body, '$.status') = 'Active'"
    )
