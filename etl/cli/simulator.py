"""``obi simulator``: serve the interface here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from typing import Any

import click

from etl.cli.options import STATE
from etl.errors import ConfigError


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one."
)
@click.option("--db", help="Where the data is kept.  [default: in the state folder]")
@click.option("--auth", default="", help="Ask for credentials: basic:USER:PASSWORD.")
@click.option("--latency", "latency_ms", type=float, default=0, metavar="MS", help="Added to every call.")
@STATE
def simulator(*, port: int, db: str | None, auth: str, latency_ms: float, state_dir: Any) -> None:
    """Serve OBI v1 on this machine until stopped, with two campaigns to load into.

    \b
    Examples:
      obi simulator
      obi simulator --port 0 --db :memory: --auth basic:user:secret
    """
    from etl.settings import load_settings
    from etl.simulator import Simulator, serve
    from etl.state import StateFolder

    place = db or str(StateFolder(load_settings(state_dir=state_dir).state_dir).simulator)

    def ready(serving: Simulator) -> None:
        click.echo(f"OBI v1 simulator at {serving.base_url} (data in {place}); stop it with Ctrl-C.")

    async def until_stopped() -> None:
        task = asyncio.current_task()
        if task is not None and os.name == "posix":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await serve(db=place, port=port, auth=auth, latency_ms=latency_ms, ready=ready)

    try:
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(until_stopped())
    except ValueError as error:
        raise ConfigError(f"The simulator can't start: {error}.") from None
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"The simulator can't start on port {port} with {place}: {why}.") from None
