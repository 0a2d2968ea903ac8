"""``obi campaigns``: what can be loaded into."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import SERVER, STATE

if TYPE_CHECKING:
    from etl.obi.models import Campaign
    from etl.obi.query import CampaignFilters

_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")


@click.group()
def campaigns() -> None:
    """Look at campaigns.

    \b
    Examples:
      obi campaigns list
      obi campaigns show "Spring"
    """


@campaigns.command("list")
@click.option("--name", help="Name, with * and ? as wildcards.")
@click.option("--status", help="Passive, Active, …")
@SERVER
@_JSON
@STATE
def list_campaigns(*, name: str | None, status: str | None, as_json: bool, **where: Any) -> None:
    """List the campaigns.

    \b
    Examples:
      obi campaigns list --name "Spring*"
      obi campaigns list --simulate --json
    """
    from etl.cli.screen import print_json, print_table

    found = asyncio.run(_list(where, {"name": name or None, "status": status or None}))
    if as_json:
        print_json(found)
    else:
        print_table(
            ("id", "name", "status", "mode", "customers", "callable"),
            [
                (
                    campaign.id,
                    campaign.name,
                    campaign.status or "",
                    campaign.dialing_mode or "",
                    _count(campaign.total),
                    _count(campaign.callable),
                )
                for campaign in found
            ],
        )


@campaigns.command("show")
@click.argument("campaign")
@SERVER
@_JSON
@STATE
def show_campaign(campaign: str, *, as_json: bool, **where: Any) -> None:
    """Show one campaign, named by its id or its exact name.

    \b
    Examples:
      obi campaigns show "Spring"
      obi campaigns show 62718C7889CC44F7B944C1A6F6BE9B7F --json
    """
    import msgspec

    from etl.cli.screen import print_facts, print_json

    found = asyncio.run(_show(where, campaign))
    if as_json:
        print_json(found)
    else:
        facts = msgspec.to_builtins(found)
        print_facts({name: "" if value is None else str(value) for name, value in facts.items()})


async def _list(where: dict[str, Any], filters: CampaignFilters) -> list[Campaign]:
    from etl.link import connected
    from etl.settings import load_settings

    simulate = where.pop("simulate")
    async with connected(load_settings(**where), simulate=simulate) as link:
        return await link.client.campaigns.list(**filters)


async def _show(where: dict[str, Any], campaign: str) -> Campaign:
    from etl.campaigns import find_campaign
    from etl.link import connected
    from etl.settings import load_settings

    simulate = where.pop("simulate")
    async with connected(load_settings(**where), simulate=simulate) as link:
        return await find_campaign(link.client, campaign)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
