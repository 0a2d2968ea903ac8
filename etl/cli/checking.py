"""``obi check``."""

from __future__ import annotations

from typing import Any

import click

from etl.cli.load import CAMPAIGN, INPUTS, each_input
from etl.cli.options import INPUT_RULES, LISTS, OUTPUTS, SERVER, STATE, TALK, ListingCommand, Whole


@click.command(cls=ListingCommand)
@INPUTS
@CAMPAIGN
@SERVER
@INPUT_RULES
@LISTS
@OUTPUTS
@click.option(
    "--show-bodies",
    "bodies",
    type=Whole(0, 10_000),
    default=0,
    metavar="N",
    help="Show the first N customers exactly as they would be sent.",
)
@TALK
@STATE
def check(bodies: int, **options: Any) -> int:
    """Do all that load does but send: what would be, and what is wrong.

    With --campaign it also reads what is there already, and whether numbers and attributes fit.

    \b
    Examples:
      obi check leads.csv --region GB
      obi check leads.csv --campaign "Spring" --show-bodies 3
      obi check leads.xlsx --profile crm.toml --json
    """
    from etl.cli.screen import Screen

    options["new_run"] = False
    screen = Screen.of(options, doing="checking")
    return each_input(
        options,
        screen,
        work=lambda runner, order: runner.check(order, bodies=bodies),
        question=None,
        word="check",
    )
