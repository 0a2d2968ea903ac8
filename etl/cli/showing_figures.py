"""Figures for people: facts of a campaign, counts with their shares, times as h:mm:ss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.table import Table
from rich.text import Text

from etl.cli.screen import roomy_console, say
from etl.cli.showing import print_tidy, printable
from etl.figures import StatsReport, share, successes
from etl.obi.models import Campaign, Statistics, moment

_CALLS = (
    ("refusal", "number_of_refusal_calls"),
    ("with an amount", "number_of_amount_calls"),
    ("hang-up", "number_of_hangup_calls"),
    ("abandoned", "number_of_abandoned_calls"),
    ("not dialled", "number_of_not_dialed_calls"),
    ("skipped", "number_of_skip_calls"),
    ("rejected by agents", "number_of_reject_calls"),
    ("agent logged out", "number_of_oper_logout_calls"),
)
_TIMES = (
    ("waiting", "wait_time"),
    ("preview", "preview_time"),
    ("dialling", "call_time"),
    ("talking", "talking_time"),
    ("wrap-up", "wrap_time"),
    ("pause", "pause_time"),
)
LIST_COLUMNS = (
    "calls", "success", "refusal", "abandoned", "handled", "talking", "logged in", "amount",
)  # fmt: skip


def campaign_facts(campaign: Campaign) -> dict[str, str]:
    """What a person wants to know of a campaign, empty where the server does not tell."""
    total = campaign.total
    return {
        "name": campaign.name,
        "id": campaign.id,
        "status": _with(
            campaign.status, f"dialer {campaign.dialer_status}" if campaign.dialer_status else ""
        ),
        "mode": campaign.dialing_mode or "",
        "dialer": _with(campaign.dialer_name or campaign.dialer_id, campaign.dialer_type or ""),
        "queue": _with(campaign.queue_name, campaign.queue_id or ""),
        "IVR number": campaign.custom_ivr_number or "",
        "starts": _in_zone(campaign.start_date, campaign.time_zone),
        "ends": _in_zone(campaign.end_date, campaign.time_zone),
        "registered": campaign.registered or "",
        "time zone": campaign.time_zone or "",
        "agents logged on": _count(campaign.logged_on),
        "customers": _count(total),
        "handled": with_share(campaign.handled, total),
        "not handled": with_share(campaign.not_handled, total),
        "callable now": with_share(campaign.callable, total),
        "MAXCALLS": with_share(campaign.max_calls, total),
        "filtered": with_share(campaign.filtered, total),
        "abandon rate": _percent(campaign.abandon_rate),
        "predictive ratio": _percent(campaign.increase_predictive_ratio),
        "remarks": campaign.remarks or "",
    }


def print_statistics(*columns: Mapping[str, Statistics | None]) -> None:
    """Counts with their shares of the calls, and times with their shares of the log-in, side by side.

    Of each column its title and figures; where the server has none, that is said.
    """
    titled = {title: figures for column in columns for title, figures in column.items()}
    for title, figures in titled.items():
        if figures is None:
            click.echo(f"There are no figures of {title}.")
    there = {title: figures for title, figures in titled.items() if figures is not None}
    if there:
        by_name = [_facts(figures) for figures in there.values()]
        rows = [(name, *(facts[name] for facts in by_name)) for name in by_name[0]]
        print_right(("", *there), rows)


def print_report(report: StatsReport, *, parts: Sequence[str]) -> None:
    """The parts of a report that were asked for, each as a table with its title."""
    days = f"{report.first} to {report.last}" if report.first != report.last else report.first
    name = report.campaign.name if report.campaign else "All campaigns"
    say(f"{name}, {days} (UTC)")
    if "total" in parts:
        _title("Calls and times")
        print_statistics({"all time": report.total}, {days: report.span})
    if "result" in parts and report.campaign:
        _title("Customers by result, of all time")
        print_right(("result", "call result", "classifier", "customers"), list(_results(report)), texts=3)
    if "campaign" in parts and not report.campaign:
        _title(f"By campaign, {days}")
        _print_list("campaign", [(each.name or each.id, each.figures) for each in report.campaigns])
    if "agent" in parts:
        _title(f"By agent, {days}")
        _print_list("agent", [(agent_name(each), each.figures) for each in report.agents])
    if "day" in parts:
        _title("By day (UTC)")
        _print_list("day", [(each.day, each.figures) for each in report.days])


def agent_name(agent: object) -> str:
    """What an agent is called; calls of the dialer alone have no agent."""
    known = getattr(agent, "agent_name", None) or getattr(agent, "agent_id", None)
    return str(known) if known else "(no agent)"


def print_right(columns: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> None:
    """A table on standard output: ``texts`` columns of words, then numbers, which end below one another."""
    if not rows:
        click.echo("None.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for at, column in enumerate(columns):
        words = at < texts
        table.add_column(
            Text(printable(column)), justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    print_tidy(roomy_console(columns, rows), table)


def hms(seconds: float | None) -> str:
    """A time as ``h:mm:ss``, to the nearest second; empty where there is none."""
    if seconds is None:
        return ""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:,}:{minute:02}:{second:02}"


def with_share(count: float | None, whole: float | None) -> str:
    """A count, and its share where there is something to share."""
    if count is None:
        return ""
    return f"{count:,} ({share(count, whole)})" if whole else f"{count:,}"


# --- parts of it ------------------------------------------------------------------------------------


def _facts(figures: Statistics) -> dict[str, str]:
    calls, login = figures.number_of_calls, figures.login_time
    return {
        "customers": _count(figures.number_of_customers),
        "handled customers": _count(figures.number_of_handled_customers),
        "calls": _count(calls),
        "success": with_share(successes(figures), calls),
        **{name: with_share(getattr(figures, field), calls) for name, field in _CALLS},
        "amount": money(figures.amount),
        "agents": _count(figures.number_of_agents),
        "logged in": hms(login),
        **{name: _time_with_share(getattr(figures, field), login) for name, field in _TIMES},
    }


def _print_list(first: str, rows: Sequence[tuple[str, Statistics]]) -> None:
    print_right((first, *LIST_COLUMNS), [(name, *_list_row(figures)) for name, figures in rows])


def _list_row(figures: Statistics) -> tuple[str, ...]:
    calls = figures.number_of_calls
    return (
        _count(calls),
        with_share(successes(figures), calls),
        with_share(figures.number_of_refusal_calls, calls),
        with_share(figures.number_of_abandoned_calls, calls),
        _count(figures.number_of_handled_customers),
        hms(figures.talking_time),
        hms(figures.login_time),
        money(figures.amount),
    )


def _results(report: StatsReport) -> Iterator[tuple[str, str, str, str]]:
    """Each combination with its share of all customers, and last those who have no result yet."""
    with_result = sum(each.count or 0 for each in report.results)
    total = report.campaign.total if report.campaign else None
    whole = max(total or 0, with_result)
    for each in report.results:
        yield (
            each.result or "",
            each.call_result or "",
            each.classifier or "",
            with_share(each.count, whole),
        )
    if whole > with_result:
        yield "no result yet", "", "", with_share(whole - with_result, whole)


def money(amount: float | None) -> str:
    """An amount in whatever money, to two places; empty where there is none."""
    return "" if amount is None else f"{amount:,.2f}"


def _title(title: str) -> None:
    click.echo()
    click.echo(title)


def _count(count: float | None) -> str:
    if count is None:
        return ""
    return f"{int(count):,}" if float(count).is_integer() else f"{count:,}"


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:g} %"


def _time_with_share(seconds: float | None, whole: float | None) -> str:
    if seconds is None:
        return ""
    return f"{hms(seconds)} ({share(seconds, whole)})" if whole else hms(seconds)


def _with(first: str | None, more: str) -> str:
    return f"{first} ({more})" if first and more else first or more


def _in_zone(text: str | None, zone: str | None) -> str:
    """A time as the server tells it, and what the clocks of the campaign's zone show then."""
    when = moment(text)
    if when is None or not zone:
        return text or ""
    try:
        local = when.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        return text or ""
    return f"{text} ({local:%Y-%m-%d %H:%M} in {zone})"
