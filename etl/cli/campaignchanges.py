"""``obi campaigns update``, ``activate`` and ``pause``: what changes a campaign."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from etl.cli.linked import Doing, client_of, finished
from etl.cli.options import SERVER, STATE, Seconds, grouped
from etl.errors import InterruptedRunError
from etl.quoting import counted

if TYPE_CHECKING:
    from etl.campaignchanges import FieldChange, UpdatePlan, UpdateReport
    from etl.switching import Switched

_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
_CLEARABLE = (
    "remarks", "custom-ivr-number", "start-date", "end-date", "time-zone", "abandon-rate",
    "increase-predictive-ratio",
)  # fmt: skip
_FIELDS = grouped(
    click.option("--name", help="A new name."),
    click.option("--remarks", metavar="TEXT", help="Remarks."),
    click.option("--start-date", metavar="TIME", help="When it starts, with its zone: 2027-04-01T08:00Z."),
    click.option("--end-date", metavar="TIME", help="When it ends, with its zone: 2027-04-30T18:00+02:00."),
    click.option("--time-zone", metavar="ZONE", help="An IANA name, as Europe/Berlin."),
    click.option("--queue-id", metavar="ID", help="Id of the queue."),
    click.option("--dialing-mode", metavar="MODE", help="PREVIEW, PROGRESSIVE or PREDICTIVE."),
    click.option("--custom-ivr-number", metavar="NUMBER", help="IVR number."),
    click.option("--abandon-rate", metavar="PERCENT", help="0 to 2; predictive campaigns only."),
    click.option(
        "--increase-predictive-ratio", metavar="PERCENT", help="0 to 100; predictive campaigns only."
    ),
    click.option(
        "--clear",
        type=click.Choice(_CLEARABLE),
        multiple=True,
        metavar="FIELD",
        help=f"Empty a field; repeatable: {', '.join(_CLEARABLE)}.",
    ),
)
_SAID = {
    "unchanged": "It is so already; nothing was sent.",
    "would_change": "Nothing was changed: this was a dry run.",
    "changed": "Changed, and read back: it is so now.",
    "different": "Changed, and the server made something else of it:",
    "unconfirmed": "Changed, and not read back.",
}


@click.command("update")
@click.argument("campaign")
@_FIELDS
@click.option("--dry-run", is_flag=True, help="Change nothing, and show the difference.")
@click.option("--yes", is_flag=True, help="Do not ask before changing it.")
@_JSON
@SERVER
@STATE
def update(campaign: str, *, dry_run: bool, yes: bool, as_json: bool, **options: Any) -> int:
    """Change what is named of a campaign, and nothing else.

    The campaign is read, the difference shown, the whole put back (the interface replaces all of it), and
    read again.

    \b
    Examples:
      obi campaigns update "Spring" --end-date 2027-04-30T18:00+02:00 --dry-run
      obi campaigns update "Spring" --remarks "Late shift" --clear custom-ivr-number --yes
    """
    where = {name: options.pop(name) for name in ("base_url", "simulate", "state_dir")}
    changes = _changes(options)
    doing = Doing(where)

    async def work() -> UpdateReport:
        from etl.campaignchanges import apply_update, plan_update, report_of

        async with client_of(where) as client:
            plan = await plan_update(client, campaign, changes)
            if not plan.changes:
                return report_of(plan, state="unchanged")
            if dry_run:
                return report_of(plan, state="would_change")
            if not yes:
                _ask(plan)
            doing.begin(plan.campaign.id)
            return await apply_update(client, plan)

    report = finished(doing, work(), as_json=as_json)
    _tell_update(report, asked=not (yes or dry_run), as_json=as_json)
    return report.exit_code


_WAIT = click.option("--wait", type=Seconds(), help="Wait so long for the dialers to follow.")


@click.command("activate")
@click.argument("campaigns", nargs=-1, required=True, metavar="CAMPAIGN...")
@_WAIT
@_JSON
@SERVER
@STATE
def activate(campaigns: Sequence[str], *, wait: float | None, as_json: bool, **where: Any) -> int:
    """Make campaigns active, so that their customers are called.

    Those that are active already stay so; those that are closed for good are left as they are.

    \b
    Examples:
      obi campaigns activate "Spring"
      obi campaigns activate "Spring" "Summer" --wait 1m --json
    """
    return _switch(campaigns, where, status="Active", wait=wait or 0, as_json=as_json)


@click.command("pause")
@click.argument("campaigns", nargs=-1, required=True, metavar="CAMPAIGN...")
@_WAIT
@_JSON
@SERVER
@STATE
def pause(campaigns: Sequence[str], *, wait: float | None, as_json: bool, **where: Any) -> int:
    """Make campaigns passive, so that nobody new is called.

    Those that are passive already stay so; those that are closed for good are left as they are.

    \b
    Examples:
      obi campaigns pause "Spring"
      obi campaigns pause "Spring" "Summer" --wait 5m
    """
    return _switch(campaigns, where, status="Passive", wait=wait or 0, as_json=as_json)


# --- update -----------------------------------------------------------------------------------------


def _changes(options: dict[str, Any]) -> dict[str, str | float | None]:
    """What is to be changed, by the interface's names; None for what is to be cleared."""
    from etl.obi.query import camel

    cleared = options.pop("clear")
    changes = {camel(name): value for name, value in options.items() if value is not None}
    for name in cleared:
        field = camel(name.replace("-", "_"))
        if field in changes:
            raise click.UsageError(f"--{name} gives a value, and --clear {name} takes it away; choose one.")
        changes[field] = None
    if not changes:
        raise click.UsageError("Nothing is to be changed; name a field and its new value, or --clear FIELD.")
    return changes


def _ask(plan: UpdatePlan) -> None:
    """Show the difference and ask on a terminal; without one nobody has said yes, and nothing is changed."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            "This changes a campaign, and there is no terminal to ask on: add --yes, or --dry-run to see the "
            "difference."
        )
    from etl.cli.screen import drop_typed_ahead, say

    for line in (*_difference(plan.changes), *(f"Note: {note}" for note in plan.notes)):
        say(line, err=True)
    drop_typed_ahead()
    fields = counted(len(plan.changes), "field")
    if not click.confirm(f"Change {fields} of {plan.campaign.name!r}?", err=True):
        raise InterruptedRunError("Nothing was changed.")


def _tell_update(report: UpdateReport, *, asked: bool, as_json: bool) -> None:
    from etl.cli.screen import print_json, say

    shown_already = asked and report.state != "unchanged"
    lines = [f"{report.campaign.name} ({report.campaign.id}), {report.campaign.status or 'no status'}:"]
    if not shown_already:
        lines += _difference(report.changes)
    lines.append(_SAID[report.state])
    lines += _difference(report.made, before="wanted")
    lines += [f"Note: {note}" for note in report.notes]
    for line in lines:
        say(line, err=as_json)
    if report.stopped:
        click.echo(f"obi: {report.stopped}", err=True)
    if as_json:
        print_json(report)


def _difference(changes: Iterable[FieldChange], *, before: str = "") -> Iterator[str]:
    from etl.campaignchanges import shown

    held = list(changes)
    width = max((len(each.field) for each in held), default=0)
    for each in held:
        was = f"{before} {shown(each.before)}".lstrip()
        yield f"  {each.field:<{width}}  {was} → {'is ' if before else ''}{shown(each.after)}"


# --- activate, pause --------------------------------------------------------------------------------


def _switch(
    campaigns: Sequence[str], where: dict[str, Any], *, status: str, wait: float, as_json: bool
) -> int:
    doing = Doing(where)

    async def work() -> list[Switched]:
        from etl.obi.models import CampaignStatus
        from etl.switching import switch

        async with client_of(where) as client:
            return await switch(
                client, campaigns, status=CampaignStatus(status), wait=wait, begun=doing.begin
            )

    from etl.cli.screen import print_json, say

    switched = finished(doing, work(), as_json=as_json)
    for each in switched:
        say(_line(each), err=as_json)
    if as_json:
        print_json(switched)
    codes = {each.exit_code for each in switched}
    return next((code for code in (3, 6, 7, 9, 5) if code in codes), 0)


def _line(each: Switched) -> str:
    dialer = f", its dialer {each.dialer}" if each.dialer else ""
    if each.error:
        return f"{each.name}: was {each.was or 'without a status'}; {each.error}"
    note = f"; {each.note}" if each.note else ""
    if each.state == "same":
        return f"{each.name}: is {each.now} already{dialer}{note}"
    return f"{each.name}: was {each.was or 'without a status'}, is {each.now}{dialer}{note}"
