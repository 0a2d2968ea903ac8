"""``obi runs undo``: delete what a run put into its campaign."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import STATE, TALK, Seconds, again
from etl.quoting import counted

if TYPE_CHECKING:
    from etl.cli.screen import Screen
    from etl.undo import UndoPlan, UndoReport

_MEANING = {
    "deleted": "deleted from the campaign",
    "would_delete": "would be deleted",
    "gone": "not in the campaign any more",
    "kept": "kept, see the reasons",
    "failed": "not deleted yet",
}


@click.command("undo")
@click.argument("run")
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would be deleted.")
@click.option("--handled-too", is_flag=True, help="Delete customers that were called already as well.")
@click.option("--results", metavar="PATH", default="", help="Results file.  [default: STEM.undo.csv]")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@click.option("--wait-lock", type=Seconds(), help="Wait for a load into the same campaign.")
@TALK
@STATE
def undo(*, run: str, dry_run: bool, handled_too: bool, results: str, yes: bool, **options: Any) -> int:
    """Delete the customers that a run created, but for those who were called already.

    An Active campaign is paused first, and stays so. What was interrupted goes on when it is asked again.

    \b
    Examples:
      obi runs undo 20270403-0200 --dry-run
      obi runs undo 20270403-0200 --yes --json
    """
    from etl.cli.screen import Screen
    from etl.settings import load_settings
    from etl.undo import Undoer, UndoOrder

    screen = Screen.of(options)
    undoer = Undoer(
        load_settings(state_dir=options["state_dir"], wait_lock=options["wait_lock"]),
        progress=screen.progress,
        stop=screen.stop,
        while_sending=screen.while_sending,
        repeat=again(state_dir=options["state_dir"]),
        **({} if yes else {"question": _question}),
    )
    order = UndoOrder(run=run, handled_too=handled_too, dry_run=dry_run, results=results)
    report = screen.run(undoer, undoer.undo(order), command="obi runs undo")
    _show(report, screen)
    return report.exit_code


def _question(plan: UndoPlan) -> bool:
    """Ask on a terminal; without one nobody has said yes, and nothing is deleted."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            "This deletes customers, and there is no terminal to ask on: add --yes, or --dry-run to see what "
            "would be."
        )
    from etl.cli.screen import drop_typed_ahead

    who = "called or not" if plan.handled_too else "but for those who were called already"
    first = " The campaign is Active and is paused first." if plan.campaign.status == "Active" else ""
    drop_typed_ahead()
    return click.confirm(
        f"Delete the {counted(plan.rows, 'customer')} that run {plan.run} created in "
        f"{plan.campaign.name!r}, {who}?"
        f"{first}",
        err=True,
    )


def _show(report: UndoReport, screen: Screen) -> None:
    """The summary: counts that sum to the customers created, who was kept, what to do next."""
    from etl.cli.screen import print_json, say

    for sentence in (*_counts(report), *_kept(report), *_notes(report)):
        say(sentence, err=screen.as_json)
    if report.stopped:
        click.echo(f"obi: {report.stopped}", err=True)
    if screen.as_json:
        print_json(report)


def _counts(report: UndoReport) -> Iterator[str]:
    yield f"Run {report.run} in {report.campaign.name}:"
    for status, count in report.counts.items():
        yield f"{count:>9,}  {status:<12}  {_MEANING[status]}"
    sums = "and the counts sum to them" if report.balanced else "THE COUNTS DO NOT SUM TO THEM"
    yield f"{report.rows:>9,}  customers created by the run, {sums}"


def _kept(report: UndoReport) -> Iterator[str]:
    for kept in report.kept:
        yield f"Kept: row {kept.row}, {kept.external_id}: {kept.error}"
    if report.kept and (more := report.counts["kept"] - len(report.kept)):
        yield f"Kept: {more:,} more, which the results name"


def _notes(report: UndoReport) -> Iterator[str]:
    if report.undecided:
        more = ", …" if report.undecided > len(report.undecided_rows) else ""
        rows = ", ".join(map(str, report.undecided_rows))
        yield (
            f"Not decided: {counted(report.undecided, 'row')} ({rows}{more}) may have been created; "
            f"`obi resume {report.run}` settles them (and sends rows that are unsent), then undo again."
        )
    if report.before:
        yield f"The run was undone already, on {report.before}; nothing is left to do."
    elif not report.rows:
        yield "The run created no customers; nothing is left to do."
    if report.paused and not report.before:
        yield f"The campaign {report.campaign.name} was paused for this; activate it when it is right."
    if report.dry_run:
        yield "Nothing was changed: this was a dry run."
    if report.results:
        yield f"Results: {report.results}"
    if report.next:
        yield f"Next: {report.next}"
