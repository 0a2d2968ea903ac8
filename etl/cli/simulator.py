"""``obi simulator``: serve the interface here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any

import click

from etl.cli.options import STATE, grouped
from etl.errors import ConfigError


def _lengths(_context: click.Context, _option: click.Parameter, given: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,3})-([0-9]{1,3})", given)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter("two numbers are expected, as in 3-20")
    return int(found[1]), int(found[2])


_SWITCHES = ("unique", "ids_ignore_case", "duplicates", "attributes", "language")
_DIALECT = grouped(
    click.option(
        "--unique",
        type=click.Choice(["campaign", "system"]),
        default="campaign",
        show_default=True,
        help="Where an externalId may stand once.",
    ),
    click.option(
        "--ids-ignore-case", is_flag=True, help="externalIds that differ only in case are the same."
    ),
    click.option(
        "--duplicates",
        type=click.Choice(["first", "none"]),
        default="first",
        show_default=True,
        help="Which copy of an externalId that one request brings twice is added.",
    ),
    click.option(
        "--attributes",
        type=click.Choice(["wrapped", "bare", "single"]),
        default="wrapped",
        show_default=True,
        help="How attributes are answered in JSON.",
    ),
    click.option(
        "--language",
        type=click.Choice(["en", "de", "fi"]),
        default="en",
        show_default=True,
        help="The language of reasons.",
    ),
    click.option(
        "--number-length",
        "number_length",
        default="3-20",
        show_default=True,
        metavar="MIN-MAX",
        callback=_lengths,
        help="Digits of a number.",
    ),
)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one."
)
@click.option("--db", help="Where the data is kept.  [default: in the state folder]")
@click.option(
    "--seed", type=click.Path(path_type=Path), help="Campaigns and customers to begin with, JSON or TOML."
)
@click.option("--faults", type=click.Path(path_type=Path), help="Faults in force from the start, JSON.")
@click.option(
    "--latency", "latency_ms", type=click.FloatRange(0), default=0, metavar="MS", help="Added to every call."
)
@click.option("--auth", default="", help="Ask for credentials: basic:USER:PASSWORD or bearer:TOKEN.")
@click.option("--strict", is_flag=True, help="Refuse media types that the document does not have (406, 415).")
@_DIALECT
@click.option(
    "--dial",
    type=click.FloatRange(0, 86_400),
    default=0,
    metavar="SPEED",
    help="Let a dialler call customers: so many seconds of simulated time in each real one.",
)
@click.option("--dial-seed", type=int, default=0, metavar="N", help="What the dialler's luck is drawn from.")
@STATE
def simulator(
    *, port: int, db: str | None, state_dir: Any, number_length: tuple[int, int], **options: Any
) -> None:
    """Serve OBI v1 on this machine until stopped, with two campaigns to load into.

    \b
    Examples:
      obi simulator
      obi simulator --port 0 --db :memory: --auth basic:user:secret
      obi simulator --seed seed.json --faults faults.json --dial 3600
    """
    from etl.settings import load_settings
    from etl.simulator import Dialect
    from etl.state import StateFolder

    place = db or str(StateFolder(load_settings(state_dir=state_dir).state_dir).simulator)
    dialect = Dialect(
        **{name: options.pop(name) for name in _SWITCHES},
        shortest_number=number_length[0],
        longest_number=number_length[1],
    )
    try:
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(_until_stopped(place, port=port, dialect=dialect, **options))
    except ValueError as error:
        raise ConfigError(f"The simulator can't start: {error}.") from None
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        named = getattr(error, "filename", None)
        where = f"with {named}" if named else f"on port {port} with {place}"
        raise ConfigError(f"The simulator can't start {where}: {why}.") from None


async def _until_stopped(place: str, *, port: int, **options: Any) -> None:
    from etl.simulator import Simulator, serve

    def ready(serving: Simulator) -> None:
        click.echo(f"OBI v1 simulator at {serving.base_url} (data in {place}); stop it with Ctrl-C.")
        click.echo(f"Told what to do, and telling what was asked, at {serving.control_url}/ (GET lists it).")
        click.echo(f"The interface's description (OpenAPI): {serving.base_url}/openapi.json")

    task = asyncio.current_task()
    if task is not None and os.name == "posix":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await serve(db=place, port=port, ready=ready, **options)
