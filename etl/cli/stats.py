"""``obi stats``: what campaigns came to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.campaigns import Day
from etl.cli.linked import Doing, client_of, finished
from etl.cli.options import SERVER, STATE, Whole
from etl.cli.tables import FORMS, Cell, show

if TYPE_CHECKING:
    from etl.figures import StatsReport
    from etl.obi.models import Statistics

_BY = ("total", "result", "campaign", "agent", "day")


@click.command()
@click.argument("campaign", required=False)
@click.option(
    "--from", "first", type=Day(), metavar="DAY", help="First day, UTC.  [default: 7 days up to the last]"
)
@click.option("--to", "last", type=Day(), metavar="DAY", help="Last day, UTC.  [default: today]")
@click.option("--days", "count", type=Whole(min=1, max=366), metavar="N", help="So many days, with the last.")
@click.option("--by", type=click.Choice(_BY), help="One table only.  [default: all; with --csv: day]")
@click.option("--agent", "agents", metavar="ID", multiple=True, help="Of this agent only; repeatable.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A picture of it as well: .svg or .png.",
)
@SERVER
@FORMS
@STATE
def stats(
    campaign: str | None,
    *,
    by: str | None,
    plot: Path | None,
    as_json: bool,
    as_csv: bool,
    **options: Any,
) -> int:
    """Show what a campaign's calls came to, or those of all campaigns.

    Figures are of all time and of days, which are UTC days by the server's clock: in total, by agent, by day,
    of a campaign its customers by result, else by campaign.

    \b
    Examples:
      obi stats "Spring" --days 30 --plot spring.svg
      obi stats --from 2027-04-01 --to 2027-04-30 --by agent --csv
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv are two forms of one answer; ask for one of them.")
    if campaign == "":
        raise click.UsageError("The campaign's name is empty; give one, or leave it out for all campaigns.")
    if by == "result" and not campaign:
        raise click.UsageError("--by result is of one campaign; name it.")
    if by == "campaign" and campaign:
        raise click.UsageError("--by campaign is of all campaigns; name none.")
    where = {name: options.pop(name) for name in ("base_url", "simulate", "state_dir")}
    span = _span(options)
    if plot is not None:
        from etl.pictures import check_picture

        check_picture(plot)
    wanted = by or ("day" if as_csv else "")
    parts = {wanted} if wanted and not as_json else {*_BY}
    drawn = {"day", "result", "total"} if plot else set()
    report = finished(
        Doing(where),
        _gather(where, campaign or "", span=span, agents=options["agents"], parts=parts | drawn),
        as_json=as_json,
    )
    _tell(report, parts=parts, as_json=as_json, as_csv=as_csv)
    for note in report.notes:
        click.echo(f"Note: {note}", err=True)
    if plot is not None:
        from etl.pictures import draw

        draw(report, plot)
        click.echo(f"Picture: {plot}", err=True)
    return 0 if report.sound else 5


def _span(options: dict[str, Any]) -> dict[str, date | int | None]:
    span = {name: options.pop(name) for name in ("first", "last", "count")}
    if all(value is not None for value in span.values()):
        raise click.UsageError("--from, --to and --days are two ways to say the same; leave one out.")
    return span


async def _gather(
    where: dict[str, Any], campaign: str, *, span: dict[str, Any], agents: tuple[str, ...], parts: set[str]
) -> StatsReport:
    from etl.figures import Days, gather

    async with client_of(where) as client:
        return await gather(client, campaign, days=Days(**span), agents=agents, parts=parts)


def _tell(report: StatsReport, *, parts: set[str], as_json: bool, as_csv: bool) -> None:
    if as_json or as_csv:
        columns, rows = ((), []) if as_json else _CSV_OF[next(iter(parts))](report)
        show(columns, rows, as_json=as_json, as_csv=as_csv, objects=report)
        return
    from etl.cli.showing_figures import print_report

    print_report(report, parts=[each for each in _BY if each in parts])


# --- CSV: the interface's names, times in seconds -----------------------------------------------------

_Csv = tuple[tuple[str, ...], list[tuple[Cell, ...]]]


def _figures(figures: Statistics | None) -> tuple[Cell, ...]:
    import msgspec

    from etl.obi.models import Statistics

    plain = msgspec.to_builtins(figures) if figures else {}
    return tuple(plain.get(each.encode_name) for each in msgspec.structs.fields(Statistics))


def _with_figures(*columns: str) -> tuple[str, ...]:
    import msgspec

    from etl.obi.models import Statistics

    return (*columns, *(each.encode_name for each in msgspec.structs.fields(Statistics)))


def _total(report: StatsReport) -> _Csv:
    rows = [("", "", *_figures(report.total)), (report.first, report.last, *_figures(report.span))]
    return _with_figures("from", "to"), rows


def _days(report: StatsReport) -> _Csv:
    return _with_figures("day"), [(each.day, *_figures(each.figures)) for each in report.days]


def _agents(report: StatsReport) -> _Csv:
    rows = [(each.agent_id, each.agent_name, *_figures(each.figures)) for each in report.agents]
    return _with_figures("agentId", "agentName"), rows


def _campaigns(report: StatsReport) -> _Csv:
    rows = [(each.id, each.name, *_figures(each.figures)) for each in report.campaigns]
    return _with_figures("campaignId", "campaignName"), rows


def _results(report: StatsReport) -> _Csv:
    rows: list[tuple[Cell, ...]] = [
        (each.result, each.call_result, each.classifier, each.count) for each in report.results
    ]
    return ("result", "callResult", "classifier", "count"), rows


_CSV_OF: dict[str, Callable[[StatsReport], _Csv]] = {
    "total": _total,
    "day": _days,
    "agent": _agents,
    "campaign": _campaigns,
    "result": _results,
}
