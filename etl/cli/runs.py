"""``obi runs``: past runs from their journals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from etl.cli.options import STATE

if TYPE_CHECKING:
    from etl.state import StateFolder


class _Line(Struct, frozen=True):
    run: str
    state: str
    started: str
    input: str
    campaign: str
    rows: int
    counts: dict[str, int]


@click.group()
def runs() -> None:
    """Look at past runs."""


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
                (one.run, one.state, f"{one.rows:,}", one.campaign, Path(one.input).name, _words(one.counts))
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

    state = StateFolder(load_settings(state_dir=state_dir).state_dir)
    with state.open(run) as journal:
        manifest, report = journal.manifest, journal.fact("report", RunReport)
        counts = _one(state, journal.manifest.run).counts
        if as_json:
            shown = {
                "manifest": msgspec.to_builtins(manifest),
                "state": journal.state(),
                "counts": counts,
                "report": msgspec.to_builtins(report),
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
                "stopped": report.stopped if report else "",
                "results": report.results if report else "",
                "rejects": report.rejects if report else "",
                "next": report.next if report else f"obi resume {manifest.run}",
            }
        )


def _one(state: StateFolder, run: str) -> _Line:
    with state.open(run) as journal:
        manifest = journal.manifest
        return _Line(
            run=run,
            state=journal.state(),
            started=manifest.started,
            input=manifest.input,
            campaign=manifest.campaign.name,
            rows=manifest.spec.rows,
            counts={status.value: count for status, count in sorted(journal.counts().items())},
        )


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())
