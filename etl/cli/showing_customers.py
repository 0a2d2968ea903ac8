"""What is told of customers that were added, deleted, or found on a do-not-call list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from etl.quoting import counted

if TYPE_CHECKING:
    from etl.adding import AddReport
    from etl.cli.screen import Screen
    from etl.optouts import OptOutReport
    from etl.removed import RemovalReport

_MEANING = {
    "deleted": "deleted from the campaign",
    "would_delete": "would be deleted",
    "gone": "deleted by somebody else meanwhile",
    "kept": "kept, see the reasons",
    "failed": "not deleted yet",
    "absent": "not in the campaign",
    "duplicate": "the same customer as an earlier row",
    "invalid": "the row names nobody for certain",
    "listed": "on a do-not-call list, and still in the campaign",
    "unreadable": "not compared: a number can't be read",
}
_SAID = {
    "created": "was added to",
    "exists": "was in {} already, and was not changed",
    "ready": "would be added to",
    "suppressed": "must not be called, and was not added to",
    "invalid": "was not added to",
    "rejected": "was refused, and is not added to",
    "unsent": "was not sent to",
    "unknown": "was sent, and nobody knows whether it is in",
}


def _tell(sentences: Iterator[str], report: Any, screen: Screen) -> None:
    from etl.cli.screen import print_json, say

    for sentence in sentences:
        say(sentence, err=screen.as_json)
    if report.stopped:
        click.echo(f"obi: {report.stopped}", err=True)
    if screen.as_json:
        print_json(report)


def show_added(report: AddReport, screen: Screen) -> None:
    """What became of the person, and why."""
    _tell(_added(report), report, screen)


def _added(report: AddReport) -> Iterator[str]:
    said = _SAID[report.status.value]
    name = report.campaign.name
    yield f"The person {said.format(name) if '{}' in said else f'{said} {name}'}: {report.status.value}"
    for word, value in (("id", report.id), ("externalId", report.external_id), ("numbers", report.numbers)):
        if value:
            yield f"  {word}: {value}"
    if report.error:
        yield f"Reason: {report.error} ({report.code})" if report.code else f"Reason: {report.error}"
    for each in report.lists:
        yield f"Do-not-call list {each.told()}"
    for note in (*report.warning.split("; "), *report.notes):
        if note:
            yield f"Note: {note}"
    if report.dry_run:
        yield "Nothing was changed: this was a dry run."


def show_removed(report: RemovalReport, screen: Screen) -> None:
    """Counts that sum to the rows, who was not deleted, what to do next."""
    _tell(_removed(report), report, screen)


def _removed(report: RemovalReport) -> Iterator[str]:
    yield f"{report.campaign.name}:"
    for status, count in report.counts.items():
        yield f"{count:>9,}  {status:<12}  {_MEANING[status]}"
    sums = "and the counts sum to them" if report.balanced else "THE COUNTS DO NOT SUM TO THEM"
    yield f"{report.rows:>9,}  {'rows' if report.input else 'named'}, {sums}"
    for column, header in report.named_by.items():
        yield f"Named by: {column}, " + (f"column {header}" if header else "a column without a header")
    for told in report.told:
        named = f", {told.named}" if told.named else ""
        yield f"{told.status.capitalize()}: row {told.row}{named}: {told.error}"
    left = sum(report.counts.get(status, 0) for status in ("kept", "failed", "absent", "invalid"))
    if more := left - len(report.told):
        yield f"And {more:,} more" + (", which the results name" if report.results else "")
    if report.dry_run:
        yield "Nothing was changed: this was a dry run."
    if report.results:
        yield f"Results: {report.results}"
    if report.next:
        yield f"Next: {report.next}"


def show_suppressed(report: OptOutReport, screen: Screen) -> None:
    """Each campaign in which somebody was found or something went wrong, and the counts of all."""
    _tell(_suppressed(report), report, screen)


def _suppressed(report: OptOutReport) -> Iterator[str]:
    for each in report.campaigns:
        if each.counts or each.error or not each.complete:
            words = (
                ", ".join(f"{count:,} {status}" for status, count in each.counts.items()) or "nobody found"
            )
            yield f"{each.name}: {counted(each.compared, 'customer')} compared, {words}"
        if each.error:
            yield f"  not looked through to the end: {each.error}"
        elif not each.complete:
            yield "  customers came and went meanwhile, so some may have been passed over: look again"
    for status, count in report.counts.items():
        yield f"{count:>9,}  {status:<12}  {_MEANING[status]}"
    yield f"{report.compared:>9,}  customers of {counted(len(report.campaigns), 'campaign')} compared"
    for listed in report.lists:
        yield f"Do-not-call list {listed.told()}"
    if report.counts.get("listed"):
        yield "They are still called: --delete deletes them."
    yield f"Results: {report.results}"
    if report.next:
        yield f"Next: {report.next}"
