"""``obi export``: a campaign's customers, with what became of them, back to whoever asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import SERVER, STATE, TALK, Seconds, again, grouped

if TYPE_CHECKING:
    from etl.exportchoice import Choice
    from etl.exporting import Exporter
    from etl.exportreport import ExportOrder, ExportReport
    from etl.namesback import NamesBack

_LATER = ""
"""What ``--ack`` without a run says: the receiver will."""

_WHOM = grouped(
    click.option(
        "--result", "results", multiple=True, metavar="PATTERN", help="As SUCCESS*; any of several."
    ),
    click.option(
        "--call-result", "call_results", multiple=True, metavar="PATTERN", help="As BUSY; any of several."
    ),
    click.option(
        "--classifier", "classifiers", multiple=True, metavar="PATTERN", help="As Sale*; any of several."
    ),
    click.option(
        "--external-id", "external_ids", multiple=True, metavar="PATTERN", help="As LEAD-1*; any of several."
    ),
    click.option(
        "--agent", "agents", multiple=True, metavar="ID", help="Their agent, by id; any of several."
    ),
    click.option(
        "--attribute", "attributes", multiple=True, metavar="NAME[=VALUE]", help="Patterns; all must hold."
    ),
    click.option("--modified-since", metavar="WHEN", help="2027-04-03, a time (UTC), or an age: 12h, 2d."),
    click.option("--modified-before", metavar="WHEN", help="The same, and not that time itself."),
)
_WHAT = grouped(
    click.option("--script", is_flag=True, help="Script answers too, a column a question."),
    click.option("--profile", metavar="PROFILE", help="A load's profile: its columns' names come back."),
    click.option(
        "--columns", metavar="FILE", help="A TOML file with [columns] and [attributes.rename] only."
    ),
    click.option("--plain", is_flag=True, help="CSV for machines: no BOM, no prefix."),
)
_ONLY_NEW = grouped(
    click.option("--incremental", is_flag=True, help="Only what the receiver does not have yet."),
    click.option("--name", default="", help="Tells several receivers of one campaign apart."),
    click.option(
        "--margin",
        type=Seconds(),
        metavar="TIME",
        help="How far before the last time to ask.  [default: 10m]",
    ),
    click.option(
        "--ack",
        is_flag=False,
        flag_value=_LATER,
        metavar="[RUN]",
        help="Of an export: it counts when acknowledged. With a RUN: acknowledge that one.",
    ),
    click.option("--again", is_flag=True, help="The last incremental export once more, as it was."),
)


@click.command("export")
@click.argument("campaign", required=False)
@click.option("--out", metavar="FILE", help="Where to: .csv, .xlsx, .jsonl or .parquet.")
@_WHOM
@_WHAT
@_ONLY_NEW
@SERVER
@TALK
@STATE
def export(*, campaign: str | None, out: str | None, ack: str | None, again: bool, **options: Any) -> int:
    """Write the customers of a campaign, with their results, into a file.

    The file is whole or not there, and the summary says if somebody may be missing (exit code 5).

    \b
    Examples:
      obi export "Spring" --out spring.csv --result "SUCCESS*" --profile acme.toml
      obi export "Spring" --out new.csv --incremental --ack
      obi export --ack 20270403-0200
    """
    if ack and (campaign or out or again):
        raise click.UsageError(
            f"--ack {ack} acknowledges that export, and takes no CAMPAIGN and no --out; an export that waits "
            "for it has CAMPAIGN before --ack."
        )
    if not ack and not (campaign and (out or again)):
        raise click.UsageError("Name a CAMPAIGN and where its customers go: obi export CAMPAIGN --out FILE.")
    from etl.cli.screen import Screen

    screen = Screen.of(options, doing="reading")
    exporter = _exporter(screen, options)
    if ack:
        report = exporter.acknowledge(ack)
    else:
        order = _order(campaign or "", out or "", awaits=ack is not None, again=again, options=options)
        work = exporter.again(order) if again else exporter.export(order)
        report = screen.run(exporter, work, command="obi export")
    _show(report, as_json=screen.as_json)
    return report.exit_code


def _exporter(screen: Any, options: dict[str, Any]) -> Exporter:
    from etl.exporting import Exporter
    from etl.settings import load_settings

    state_dir = options.pop("state_dir")
    settings = load_settings(state_dir=state_dir, base_url=options.pop("base_url"))
    return Exporter(settings, progress=screen.progress, repeat=again(state_dir=state_dir))


def _order(campaign: str, out: str, *, awaits: bool, again: bool, options: dict[str, Any]) -> ExportOrder:
    from datetime import timedelta

    from etl.exportreport import ExportOrder
    from etl.handover import MARGIN

    margin = options.pop("margin")
    names = _names(options.pop("profile"), options.pop("columns"))
    order = {name: options.pop(name) for name in ("script", "plain", "incremental", "name", "simulate")}
    order["incremental"] |= again
    return ExportOrder(
        campaign=campaign,
        out=out,
        choice=_choice(options),
        names=names,
        awaits=awaits,
        margin=MARGIN if margin is None else timedelta(seconds=margin),
        **order,
    )


def _choice(options: dict[str, Any]) -> Choice:
    from etl.exportchoice import Choice, attribute_of, moment_of

    return Choice(
        since=moment_of(options.pop("modified_since")),
        before=moment_of(options.pop("modified_before")),
        attributes=tuple(map(attribute_of, options.pop("attributes"))),
        **options,
    )


def _names(profile: str | None, columns: str | None) -> NamesBack:
    from etl.namesback import NamesBack
    from etl.profile import read_profile

    if profile and columns:
        raise click.UsageError("--profile and --columns both say what columns are called; give one of them.")
    given = profile or columns
    return NamesBack.of(read_profile(given)) if given else NamesBack()


def _show(report: ExportReport, *, as_json: bool) -> None:
    from etl.cli.screen import print_json, say

    for sentence in _sentences(report):
        say(sentence, err=as_json)
    if report.doubt:
        click.echo(f"obi: Not complete for certain: {report.doubt}. Export again later.", err=True)
    if as_json:
        print_json(report)


def _sentences(report: ExportReport) -> Iterator[str]:
    of = f" of {report.campaign.name}" if report.campaign else ""
    waits = ", not acknowledged yet" if report.next else ""
    run = f" (export {report.run}{waits})" if report.run else ""
    customers = "customer" if report.rows == 1 else "customers"
    yield f"{report.rows:,} {customers}{of} in {report.out}{run}"
    if report.filters:
        yield "Filters: " + "; ".join(f"{name} {value}" for name, value in report.filters.items())
    if report.since:
        yield f"Asked for what changed since {report.since}; {report.had:,} of it had been given already."
    for note in report.notes:
        yield f"Note: {note}"
    if report.requests:
        yield f"Took {report.seconds:.1f} s; {report.requests:,} requests, {report.retries:,} repeated."
    if report.next:
        yield f"Next: once the receiver has it: {report.next}"
