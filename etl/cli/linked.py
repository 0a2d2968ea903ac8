"""A command that is one conversation with the server: connect, do it, and stop cleanly on Ctrl-C."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from etl.cli.options import again

if TYPE_CHECKING:
    from etl.obi import Client

T = TypeVar("T")


class Doing:
    """What is under way: ``run`` is the campaign once something may be changed in it, empty before.

    ``repeat`` are the words that find the same server again.
    """

    def __init__(self, where: dict[str, Any]) -> None:
        self.run = ""
        url = f" --base-url {shlex.quote(where['base_url'])}" if where["base_url"] else ""
        self.repeat = (" --simulate" if where["simulate"] else url) + again(state_dir=where["state_dir"])

    def begin(self, campaign: str) -> None:
        """From now on the campaign may be changed."""
        self.run = shlex.quote(campaign)


@asynccontextmanager
async def client_of(where: dict[str, Any]) -> AsyncIterator[Client]:
    """A connected client, as ``--base-url``, ``--simulate`` and ``--state-dir`` say."""
    from etl.link import connected
    from etl.settings import load_settings

    settings = load_settings(base_url=where["base_url"], state_dir=where["state_dir"])
    async with connected(settings, simulate=where["simulate"]) as link:
        yield link.client


def finished(doing: Doing, work: Coroutine[Any, Any, T], *, as_json: bool = False) -> T:
    """Run to the end; Ctrl-C and SIGTERM stop it at once, and say what to look at if that is needed."""
    try:
        from etl.cli.screen import Screen

        screen = Screen(as_json=as_json, quiet=True, verbose=False, log_format="text", doing="")
        return screen.run(doing, work, command="obi campaigns show")
    finally:
        work.close()  # Ctrl-C may come before it has begun
