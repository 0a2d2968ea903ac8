"""``obi runs``: past runs from their journals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from etl.cli.options import STATE
from etl.cli.undo import undo

if TYPE_CHECKING:
    from etl.records import RunReport
    from etl.state import StateFolder
    from etl.undone import Undoing


class _Line(Struct, frozen=True):
    run: str
    state: str
    started: str
    input: str
    campaign: str
    rows: int
    counts: dict[str, int]
    undone: str = ""


@click.group()
def runs() -> None:
    """Look at past runs, and undo one.

    \b
    Examples:
      obi runs list
      obi runs undo 20270403-0200 --dry-run
    """


runs.add_command(undo)


@runs.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
@STATE
def list_runs(*, as_json: bool, state_dir: Any) -> None:
    """List the runs, the newest last.

    \b
    Examples:
      obi runs list
      obi runs list --json
    """
    from etl.cli.screen import print_json, print_table
    from etl.settings import load_settings
    from etl.state import StateFolder

    state = StateFolder(load_settings(state_dir=state_dir).state_dir)
    found = [_one(state, run) for run in state.runs()]
    if as_json:
        print_json(found)
    elif not found:
        click.echo("There are no runs yet.")
    else:
        print_table(
            ("run", "state", "rows", "campaign", "input", "counts"),
            [
                (
                    one.run,
                    "undone" if one.undone else one.state,
                    f"{one.rows:,}",
                    one.campaign,
                    Path(one.input).name,
                    _words(one.counts),
                )
                for one in found
            ],
        )


@runs.command("show")
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
@STATE
def show_run(run: str, *, as_json: bool, state_dir: Any) -> None:
    """Show one run: its input, campaign, settings and counts.

    \b
    Examples:
      obi runs show 20270403-0200
      obi runs show 20270403-0200 --json
    """
    import msgspec

    from etl.cli.screen import print_facts, print_json
    from etl.records import RunReport
    from etl.settings import load_settings
    from etl.state import StateFolder
    from etl.undone import undoing_of

    state = StateFolder(load_settings(state_dir=state_dir).state_dir)
    with state.open(run) as journal:
        manifest, report = journal.manifest, journal.fact("report", RunReport)
        counts = _one(state, journal.manifest.run).counts
        undoing = undoing_of(state.folder_of(manifest.run))
        if as_json:
            shown = {
                "manifest": msgspec.to_builtins(manifest),
                "state": journal.state(),
                "counts": counts,
                "report": msgspec.to_builtins(report),
                "undone": msgspec.to_builtins(undoing),
            }
            print_json(shown)
            return
        print_facts(
            {
                "run": manifest.run,
                "state": journal.state(),
                "started": manifest.started,
                "input": manifest.input,
                "rows": f"{manifest.spec.rows:,}",
                "campaign": f"{manifest.campaign.name} ({manifest.campaign.id})",
                "server": manifest.base_url,
                "profile": manifest.profile["name"],
                **{status: f"{count:,}" for status, count in counts.items()},
                "undone": _undone(undoing) if undoing else "",
                "stopped": report.stopped if report else "",
                "results": report.results if report else "",
                "rejects": report.rejects if report else "",
                "next": _next(manifest.run, report, undoing),
            }
        )


def _undone(undoing: Undoing) -> str:
    """When and how far a run is undone."""
    when = f"on {undoing.ended}" if undoing.ended else f"begun on {undoing.started}, not done yet"
    return f"{when}: {_words(undoing.counts)}"


def _next(run: str, report: RunReport | None, undoing: Undoing | None) -> str:
    if undoing:
        return "" if undoing.ended else f"obi runs undo {run}"
    return report.next if report else f"obi resume {run}"


def _one(state: StateFolder, run: str) -> _Line:
    from etl.records import RunReport
    from etl.undone import undoing_of

    undoing = undoing_of(state.folder_of(run))
    with state.open(run) as journal:
        manifest = journal.manifest
        counts = {status.value: count for status, count in sorted(journal.counts().items())}
        report = journal.fact("report", RunReport)
        if report and journal.state() != "running":
            counts = report.counts  # with the rows that were not sent
        return _Line(
            run=run,
            state=journal.state(),
            started=manifest.started,
            input=manifest.input,
            campaign=manifest.campaign.name,
            rows=manifest.spec.rows,
            counts=counts,
            undone=undoing.ended if undoing else "",
        )


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())
