"""``obi campaigns``: what can be loaded into, and looking after it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from etl.cli.campaignchanges import activate, pause, update
from etl.cli.linked import Doing, client_of, finished
from etl.cli.options import SERVER, STATE, grouped
from etl.cli.tables import FORMS, Cell, show

if TYPE_CHECKING:
    from etl.campaignsearch import Found
    from etl.obi.models import Campaign


class When(click.ParamType[str]):
    """A day or a time for a search, in UTC where it names no zone."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time in the interface's form."""
        from etl.obi.models import instant

        try:
            return instant(datetime.fromisoformat(str(value)))
        except ValueError:
            self.fail(f"{value!r} is not a day or time; use 2027-04-01 or 2027-04-01T08:00Z.", param, ctx)


class Day(click.ParamType[date]):
    """A day of the calendar."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day."""
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a day; use 2027-04-01.", param, ctx)


class Id(click.ParamType[str]):
    """An id as the interface has them, with or without dashes."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id's 32 digits."""
        from etl.campaigns import id32

        found = id32(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not an id: 32 hexadecimal digits, with or without dashes.", param, ctx)
        return found


STATISTICS = grouped(
    click.option("--statistics", is_flag=True, help="With what its calls came to."),
    click.option("--statistics-date", type=Day(), metavar="DAY", help="Of this UTC day only."),
    click.option(
        "--agent", "agents", type=Id(), metavar="ID", multiple=True, help="Of this agent; repeatable."
    ),
)
_PATTERN = "with * and ? as wildcards"
_FILTERS = grouped(
    click.option("--name", help=f"Name, {_PATTERN}."),
    click.option("--status", help="Passive, Active, Handled, Expired, Invalid, Deleted or Quota."),
    click.option("--dialing-mode", metavar="MODE", help="PREVIEW, PROGRESSIVE or PREDICTIVE."),
    click.option("--dialer-id", type=Id(), metavar="ID", help="Id of the dialer."),
    click.option("--dialer-name", metavar="NAME", help=f"Name of the dialer, {_PATTERN}."),
    click.option("--dialer-status", metavar="STATUS", help="OPEN, PASSIVE, CLOSING, CLOSED, …"),
    click.option("--queue-id", type=Id(), metavar="ID", help="Id of the queue."),
    click.option("--queue-name", metavar="NAME", help=f"Name of the queue, {_PATTERN}."),
    click.option("--custom-ivr-number", metavar="NUMBER", help=f"Its IVR number, {_PATTERN}."),
    click.option("--total", metavar="N", help="Number of customers, or a pattern of it."),
    click.option("--handled", metavar="N", help="Number of handled customers, or a pattern of it."),
    click.option("--max-calls", metavar="N", help="Number of customers with MAXCALLS, or a pattern of it."),
    click.option("--filtered", metavar="N", help="Number of filtered customers, or a pattern of it."),
    click.option("--time-zone", metavar="ZONE", help=f"Time zone, {_PATTERN}."),
    click.option("--starts-after", "start_date", type=When(), help="Starts after this time (UTC)."),
    click.option("--starts-before", "start_date_end", type=When(), help="Starts before it."),
    click.option("--ends-after", "end_date", type=When(), help="Ends after this time (UTC)."),
    click.option("--ends-before", "end_date_end", type=When(), help="Ends before it."),
    click.option("--registered-after", "registered", type=When(), help="Was made after this time (UTC)."),
    click.option("--registered-before", "registered_end", type=When(), help="Was made before it."),
)
_WHERE = ("base_url", "simulate", "state_dir")


@click.group()
def campaigns() -> None:
    """Look at campaigns, change them, switch them on and off.

    \b
    Examples:
      obi campaigns list
      obi campaigns show "Spring"
    """


for _command in (update, activate, pause):
    campaigns.add_command(_command)


@campaigns.command("list")
@_FILTERS
@STATISTICS
@SERVER
@FORMS
@STATE
def list_campaigns(*, as_json: bool, as_csv: bool, **options: Any) -> None:
    """List the campaigns that fit all of the filters.

    \b
    Examples:
      obi campaigns list --name "Spring*" --status Active
      obi campaigns list --ends-before 2027-04-01 --statistics --csv
    """
    where, asked = _parted(options)
    found = finished(Doing(where), _search(where, asked), as_json=as_json)
    if found.others:
        noun = "campaign that does" if found.others == 1 else "campaigns that do"
        click.echo(
            f"Note: the server answered {found.others:,} {noun} not fit the filters; left out.", err=True
        )
    if not found.campaigns:
        click.echo("obi: no campaign fits.", err=True)
    columns, row = (_CSV, _csv_row) if as_csv else (_TABLE, _table_row)
    more = _FIGURES if asked["statistics"] else {}
    daily = asked["statistics_date"] is not None
    show(
        (*columns, *(more if as_csv else more.values())),
        [
            (*row(each), *(_figures(each, daily=daily, plain=as_csv) if more else ()))
            for each in found.campaigns
        ],
        as_json=as_json,
        as_csv=as_csv,
        objects=found.campaigns,
    )  # fmt: skip


@campaigns.command("show")
@click.argument("campaign")
@STATISTICS
@SERVER
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
@STATE
def show_campaign(campaign: str, *, as_json: bool, **options: Any) -> None:
    """Show one campaign, named by its id or its exact name.

    \b
    Examples:
      obi campaigns show "Spring" --statistics
      obi campaigns show 62718C7889CC44F7B944C1A6F6BE9B7F --json
    """
    from etl.cli.screen import print_facts, print_json
    from etl.cli.showing_figures import campaign_facts, print_statistics

    where, asked = _parted(options)
    found = finished(Doing(where), _get(where, campaign, asked), as_json=as_json)
    if as_json:
        print_json(found)
        return
    print_facts(campaign_facts(found))
    if asked["statistics"]:
        day = asked["statistics_date"]
        stats = found.stats
        click.echo()
        print_statistics(
            {"all time": stats.total if stats else None} if day is None else {},
            {f"{day} (UTC)" if day else "today (UTC)": stats.daily if stats else None},
        )


async def _search(where: dict[str, Any], asked: dict[str, Any]) -> Found:
    from etl.campaignsearch import search

    async with client_of(where) as client:
        return await search(client, **asked)


async def _get(where: dict[str, Any], campaign: str, asked: dict[str, Any]) -> Campaign:
    from etl.campaigns import find_campaign

    async with client_of(where) as client:
        found = await find_campaign(client, campaign)
        if asked["statistics"]:
            found = await client.campaigns.get(found.id, **asked)
        return found


def _parted(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where to ask, and what to ask for: the filters by the client's names."""
    where = {name: options.pop(name) for name in _WHERE}
    agents = options.pop("agents")
    if (agents or options["statistics_date"]) and not options["statistics"]:
        raise click.UsageError("--statistics-date and --agent are of statistics; add --statistics.")
    for name, value in options.items():
        if value == "":
            raise click.UsageError(f"--{name.replace('_', '-')} is empty; give a value, or leave it out.")
    filters = {name: _as_known(name, value or None) for name, value in options.items()}
    return where, {**filters, "agent_id": list(agents) or None}


def _as_known(name: str, value: Any) -> Any:
    """A word of the interface in its own case, since a server may compare it letter by letter."""
    from etl.obi.models import CampaignStatus, DialerStatus, DialingMode

    words = {"status": CampaignStatus, "dialing_mode": DialingMode, "dialer_status": DialerStatus}.get(name)
    known = {word.value.lower(): word.value for word in words or ()}
    return known.get(str(value).lower(), value)


# --- rows -------------------------------------------------------------------------------------------

_TABLE = ("id", "name", "status", "mode", "dialer", "customers", "handled", "callable", "ends")
_CSV = (
    "id", "name", "remarks", "status", "dialerStatus", "dialingMode", "dialerId", "dialerName", "dialerType",
    "queueId", "queueName", "customIvrNumber", "total", "handled", "notHandled", "callable", "maxCalls",
    "filtered", "startDate", "endDate", "registered", "timeZone", "loggedOn", "abandonRate",
    "increasePredictiveRatio",
)  # fmt: skip
_FIGURES = {
    "numberOfCalls": "calls",
    "numberOfSuccessfulCalls": "success or refusal",
    "numberOfRefusalCalls": "refusal",
    "talkingTime": "talking",
    "amount": "amount",
}
"""Figures beside campaigns: the interface's names, and what a person reads."""


def _table_row(campaign: Campaign) -> tuple[Cell, ...]:
    return (
        campaign.id,
        campaign.name,
        campaign.status,
        campaign.dialing_mode,
        campaign.dialer_status,
        campaign.total,
        campaign.handled,
        campaign.callable,
        (campaign.end_date or "")[:10],
    )


def _csv_row(campaign: Campaign) -> tuple[Cell, ...]:
    import msgspec

    plain = msgspec.to_builtins(campaign)
    return tuple(plain.get(name) for name in _CSV)


def _figures(campaign: Campaign, *, daily: bool, plain: bool) -> tuple[Cell, ...]:
    """The figures of ``_FIGURES``; unless they are to be ``plain``, as a person reads them."""
    import msgspec

    from etl.cli.showing_figures import hms, money

    stats = campaign.stats
    figures = (stats.daily if daily else stats.total) if stats else None
    told = msgspec.to_builtins(figures) if figures else {}
    if not plain:
        told |= {"talkingTime": hms(told.get("talkingTime")), "amount": money(told.get("amount"))}
    return tuple(told.get(name) for name in _FIGURES)
