"""``obi customers add``, ``delete`` and ``suppress``: what changes who is in a campaign."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from etl.cli.options import SERVER, STATE, TALK, ListingCommand, Seconds, again, grouped, settings_of
from etl.errors import InterruptedRunError
from etl.quoting import counted

if TYPE_CHECKING:
    from etl.optouts import OptOutPlan
    from etl.removal import RemovalPlan

_ENDING = grouped(
    click.option("--plain", is_flag=True, default=None, help="CSV for machines: no BOM, no prefix."),
    click.option("--yes", is_flag=True, help="Do not ask before deleting."),
    click.option("--wait-lock", type=Seconds(), help="Wait for a load into the same campaign."),
)


@click.command("add", cls=ListingCommand)
@click.argument("campaign")
@click.option(
    "--number", "numbers", metavar="N", multiple=True, required=True, help="Telephone number; up to three."
)
@click.option(
    "--external-id", metavar="ID", default="", help="Your own id.  [default: derived from the number]"
)
@click.option("--attribute", "attributes", metavar="NAME=VALUE", multiple=True, help="What agents see.")
@click.option("--date", metavar="WHEN", default="", help="Not to be called before, ISO 8601.")
@click.option("--agent", "agent_id", metavar="ID", default="", help="The agent who is to call.")
@click.option("--dialing-mode", metavar="MODE", default="", help="PREVIEW or PREDICTIVE.")
@click.option("--preview-time", metavar="N", default="", help="A whole number.")
@click.option("--priority", metavar="N", default="", help="A whole number.")
@click.option("--time-zone", metavar="ZONE", default="", help="IANA name, as Europe/London.")
@click.option("--region", metavar="CC", help="Of a number without a country code: GB, DE, US, …")
@click.option("--profile", help="Whose rules count: prefix of ids, defaults, standing do-not-call lists.")
@click.option(
    "--suppress", metavar="FILE...", multiple=True, help="Do-not-call lists, up to the next option."
)
@click.option("--dry-run", is_flag=True, help="Send nothing, and say what would be.")
@SERVER
@TALK
@STATE
def add(
    campaign: str,
    *,
    attributes: tuple[str, ...],
    region: str | None,
    profile: str | None,
    suppress: tuple[str, ...],
    dry_run: bool,
    **options: Any,
) -> int:
    """Add one person to CAMPAIGN, by the same rules as a row of a load.

    Who is there already is told and not sent. What was interrupted can be repeated: nobody is added twice.

    \b
    Examples:
      obi customers add "Spring" --external-id LEAD-77 --number "020 7946 0018" --region GB
      obi customers add "Spring" --number +442079460018 --attribute Name="A. Smith" --suppress dnc.csv
    """
    from etl.adding import AddOrder, Person, add as add_person
    from etl.cli.screen import Screen
    from etl.cli.showing_customers import show_added
    from etl.profile import find_profile

    fields = (
        "numbers",
        "external_id",
        "date",
        "agent_id",
        "dialing_mode",
        "preview_time",
        "priority",
        "time_zone",
    )
    person = Person(attributes=_pairs(attributes), **{name: options.pop(name) for name in fields})
    screen = Screen.of(options, doing="adding")
    order = AddOrder(
        campaign=campaign,
        person=person,
        profile=find_profile(profile, region=region),
        suppress=suppress,
        dry_run=dry_run,
        simulate=simulate_of(options),
    )
    work = add_person(order, settings_of(options), progress=screen.progress)
    try:
        report = screen.run(_Nothing(), work)
    except click.Abort:
        raise InterruptedRunError(
            "Stopped; the person may have been added by then: give the same command again, which looks first."
        ) from None
    show_added(report, screen)
    return report.exit_code


class _Nothing:
    """What goes on with nothing: the same command does."""

    run = ""
    repeat = ""


@click.command("delete")
@click.argument("campaign")
@click.argument("names", metavar="[ID|EXTERNAL_ID]...", nargs=-1)
@click.option(
    "--from", "source", metavar="FILE", default="", help="A file whose rows name them; - for standard input."
)
@click.option(
    "--by",
    type=click.Choice(["id", "externalId"]),
    help="What they are named by.  [default: told by the header]",
)
@click.option("--column", metavar="NAME", default="", help="The column that names them.")
@click.option("--sheet", metavar="NAME", default="", help="Of a workbook.")
@click.option(
    "--hidden",
    type=click.Choice(["refuse", "include", "exclude"]),
    default="refuse",
    help="Hidden rows of a workbook.",
)
@click.option("--profile", help="Whose prefix externalIds have in the campaign.")
@click.option("--handled-too", is_flag=True, help="Delete customers that were called already as well.")
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would be deleted.")
@click.option("--results", metavar="PATH", default="", help="Results file.  [default: STEM.deleted.csv]")
@_ENDING
@SERVER
@TALK
@STATE
def delete(campaign: str, *, names: tuple[str, ...], source: str, by: str | None, **options: Any) -> int:
    """Delete customers of CAMPAIGN by their ids or externalIds, but for those who were called already.

    Each row of a file has one answer in the results. What was interrupted goes on when it is asked again.

    \b
    Examples:
      obi customers delete "Spring" LEAD-77 LEAD-78 --dry-run
      obi customers delete "Spring" --from gone.csv --yes --json
    """
    from etl.cli.screen import Screen
    from etl.cli.showing_customers import show_removed
    from etl.removal import RemovalOrder, Remover

    if bool(names) == bool(source):
        raise click.UsageError("Name customers, or a file of them with --from FILE: one of the two.")
    from etl.profile import find_profile

    names_of = ("column", "sheet", "hidden", "handled_too", "dry_run", "results")
    asked = {name: options.pop(name) for name in names_of} | {"by": by or ""}
    profile = options.pop("profile")
    prefix = find_profile(profile).external_id.prefix if profile else ""
    yes = options.pop("yes") or asked["dry_run"]
    _demand_leave(yes=yes)
    screen = Screen.of(options, doing="deleting")
    repeat = _words(source, names, asked | {"profile": profile}) + _server_words(options)
    simulate = simulate_of(options)
    remover = Remover(
        settings_of(options),
        progress=screen.progress,
        stop=screen.stop,
        while_sending=screen.while_sending,
        repeat=repeat,
        **({} if yes else {"question": _may_remove}),
    )
    order = RemovalOrder(
        campaign=campaign, names=names, input=source, prefix=prefix, simulate=simulate, **asked
    )
    report = screen.run(remover, remover.remove(order), command="obi customers delete")
    show_removed(report, screen)
    return report.exit_code


class _Listing(ListingCommand):
    several: ClassVar[tuple[str, ...]] = ("--list", "--campaign")


@click.command("suppress", cls=_Listing)
@click.option(
    "--list", "lists", metavar="FILE...", multiple=True, help="Do-not-call lists.  [default: the profile's]"
)
@click.option("--campaign", "campaigns", metavar="NAME|ID...", multiple=True, help="Where to look.")
@click.option("--all-campaigns", is_flag=True, help="Look in every campaign.")
@click.option(
    "--delete", "deletes", is_flag=True, help="Delete who is found, called or not.  [default: list them]"
)
@click.option("--region", metavar="CC", help="Of numbers without a country code: GB, DE, US, …")
@click.option("--profile", help="Whose rules count: region, prefix of ids, standing do-not-call lists.")
@click.option(
    "--results", metavar="PATH", default="", help="Results file.  [default: STEM.suppressed.csv of the list]"
)
@_ENDING
@SERVER
@TALK
@STATE
def suppress(*, profile: str | None, region: str | None, deletes: bool, **options: Any) -> int:
    """Find customers who are on a do-not-call list by now, and list or delete them.

    All their numbers and the externalId are compared, as a load compares them.

    \b
    Examples:
      obi customers suppress --list optouts.csv --all-campaigns --region GB
      obi customers suppress --list optouts.csv --campaign "Spring" "Summer" --delete --yes
    """
    from etl.cli.screen import Screen
    from etl.cli.showing_customers import show_suppressed
    from etl.optouts import OptOutOrder, OptOuts
    from etl.profile import find_profile

    asked = {name: options.pop(name) for name in ("lists", "campaigns", "all_campaigns", "results")}
    if bool(asked["campaigns"]) == asked["all_campaigns"]:
        raise click.UsageError("Name campaigns with --campaign, or say --all-campaigns: one of the two.")
    yes = options.pop("yes") or not deletes
    _demand_leave(yes=yes)
    screen = Screen.of(options, doing="looking")
    repeat = _suppress_words(asked, profile, region, deletes=deletes) + _server_words(options)
    simulate = simulate_of(options)
    opt_outs = OptOuts(
        settings_of(options),
        progress=screen.progress,
        stop=screen.stop,
        while_sending=screen.while_sending,
        repeat=repeat,
        **({} if yes else {"question": _may_suppress}),
    )
    order = OptOutOrder(
        profile=find_profile(profile, region=region), delete=deletes, simulate=simulate, **asked
    )
    report = screen.run(opt_outs, opt_outs.suppress(order), command="obi customers")
    show_suppressed(report, screen)
    return report.exit_code


# --- words and questions --------------------------------------------------------------------------------


def _pairs(attributes: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = []
    for each in attributes:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"--attribute {each!r} has no name or no value; write NAME=VALUE.")
        found.append((name.strip(), value))
    return tuple(found)


def simulate_of(options: dict[str, Any]) -> bool:
    """Whether the simulator is to be used, taken out of the options; UsageError where both are meant."""
    simulate: bool = options.pop("simulate")
    if simulate and options["base_url"]:
        raise click.UsageError(
            "--simulate uses the simulator that is built in, and --base-url another server."
        )
    return simulate


def _words(source: str, names: tuple[str, ...], asked: dict[str, Any]) -> str:
    """The words that ask for the same deletion again, with a leading space."""
    words = [shlex.quote(name) for name in names]
    if source:
        words += ["--from", shlex.quote(source if source == "-" else str(Path(source).absolute()))]
    words += [
        f"--{name} {shlex.quote(asked[name])}"
        for name in ("by", "column", "sheet", "profile", "results")
        if asked[name]
    ]
    words += [f"--hidden {asked['hidden']}"] if asked["hidden"] != "refuse" else []
    words += ["--handled-too"] if asked["handled_too"] else []
    return "".join(f" {word}" for word in words)


def _suppress_words(asked: dict[str, Any], profile: str | None, region: str | None, *, deletes: bool) -> str:
    """The words that ask for the same search again, with a leading space."""
    words = [f"--list {shlex.quote(each)}" for each in asked["lists"]]
    words += [f"--campaign {shlex.quote(each)}" for each in asked["campaigns"]]
    words += ["--all-campaigns"] if asked["all_campaigns"] else []
    words += [f"--profile {shlex.quote(profile)}"] if profile else []
    words += [f"--region {shlex.quote(region)}"] if region else []
    words += [f"--results {shlex.quote(asked['results'])}"] if asked["results"] else []
    words += ["--delete"] if deletes else []
    return "".join(f" {word}" for word in words)


def _server_words(options: dict[str, Any]) -> str:
    server = " --simulate" if options["simulate"] else ""
    server += f" --base-url {shlex.quote(options['base_url'])}" if options["base_url"] else ""
    return server + again(state_dir=options["state_dir"])


def _demand_leave(*, yes: bool) -> None:
    """Without a terminal nobody can say yes, and nothing is deleted."""
    if not (yes or (sys.stdin.isatty() and sys.stderr.isatty())):
        raise click.UsageError(
            "This deletes customers, and there is no terminal to ask on: add --yes, or let it say first what "
            "would be (--dry-run; suppress without --delete)."
        )


def _may_remove(plan: RemovalPlan) -> bool:
    from etl.cli.screen import drop_typed_ahead

    who = "called or not" if plan.handled_too else "but for those who were called already"
    drop_typed_ahead()
    return click.confirm(
        f"Delete the {counted(plan.customers, 'customer')} of {plan.campaign.name!r} that "
        f"{counted(plan.rows, 'row')} name, {who}?",
        err=True,
    )


def _may_suppress(plan: OptOutPlan) -> bool:
    from etl.cli.screen import drop_typed_ahead

    drop_typed_ahead()
    names = ", ".join(map(repr, plan.campaigns[:5])) + (", …" if len(plan.campaigns) > 5 else "")
    return click.confirm(
        f"Delete the {counted(plan.customers, 'customer')} on do-not-call lists from {names}, called or not?",
        err=True,
    )
