"""``obi load`` and ``obi resume``, and how a command works on several inputs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from etl.cli.inputs import expand, one_path
from etl.cli.options import (
    INPUT_RULES,
    LISTS,
    OUTPUTS,
    SERVER,
    SOURCE_FLAGS,
    STATE,
    TALK,
    ListingCommand,
    Seconds,
    Whole,
    again,
    grouped,
    repeated_flags,
    settings_of,
)
from etl.errors import EtlError
from etl.records import RunReport, worst_exit
from etl.remote import is_url, shown

if TYPE_CHECKING:
    from etl.cli.screen import Screen
    from etl.orders import Order
    from etl.runs import Runner

_CONCURRENCY = grouped(
    click.option("--concurrency", metavar="N|auto", help="Requests in flight.  [default: auto]"),
    click.option("--max-concurrency", type=Whole(1, 256), help="Most that auto goes up to.  [default: 16]"),
    click.option("--rate", type=float, help="Requests a second at most."),
)
_UNKNOWN = click.option(
    "--on-unknown",
    type=click.Choice(["verify", "hold"]),
    help="Rows in doubt: look up and send what is missing, or leave.  [default: verify]",
)
_LIMITS = grouped(
    click.option(
        "--max-errors",
        metavar="N|N%",
        help="Stop once more rows than this are invalid or rejected (a share: of those checked so far).",
    ),
    click.option(
        "--canary",
        type=Whole(min=1),
        metavar="N",
        help="Send N customers first; go on only if each is in the campaign then.",
    ),
    click.option("--strict", is_flag=True, default=None, help="One row fails our checks: send nothing."),
    click.option(
        "--stop-batch-if-invalid",
        is_flag=True,
        default=None,
        help="One row of a batch is refused: create none of it.",
    ),
)
_AROUND = grouped(
    click.option(
        "--verify", is_flag=True, default=None, help="Read every created customer back and compare."
    ),
    click.option("--pause-first", is_flag=True, default=None, help="Pause the campaign before sending."),
    click.option(
        "--activate",
        is_flag=True,
        default=None,
        help="Activate the campaign after a run that was not stopped.",
    ),
    click.option("--wait-lock", type=Seconds(), help="Wait for another load into the same campaign."),
)
_SENDING = grouped(
    click.option("--batch-size", type=Whole(1, 10_000), help="Customers a request.  [default: 100]"),
    _CONCURRENCY,
    click.option(
        "--existing", type=click.Choice(["skip", "fail"]), help="Ids that are there already.  [default: skip]"
    ),
    _UNKNOWN,
    click.option(
        "--marker", metavar="NAME", help="Add an attribute of this name with the run's id to every customer."
    ),
    _LIMITS,
    _AROUND,
)
INPUTS = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
CAMPAIGN = click.option("--campaign", metavar="NAME|ID", default="", help="Id, or exact name.")


@click.command(cls=ListingCommand)
@INPUTS
@CAMPAIGN
@SERVER
@INPUT_RULES
@LISTS
@OUTPUTS
@_SENDING
@click.option("--new-run", is_flag=True, help="Begin anew, also where a run of this content is unfinished.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@TALK
@STATE
def load(**options: Any) -> int:
    """Send the leads of INPUT into a campaign, and write what became of each row.

    INPUT is a file (CSV, TSV, xlsx, …), - for standard input, or a pattern. An unfinished load of the same
    content is continued.

    \b
    Examples:
      obi load leads.csv --campaign "Spring" --region GB
      crm-export | obi load - --campaign "Spring" --profile crm.toml --json
    """
    from etl.cli.screen import Screen

    screen = Screen.of(options)
    yes = options.pop("yes")
    question = screen.question if screen.can_ask() and not yes else None
    return each_input(options, screen, work=lambda runner, order: runner.load(order), question=question)


@click.command(cls=ListingCommand)
@click.argument("run", required=False, default="")
@_CONCURRENCY
@_UNKNOWN
@LISTS
@click.option("--max-errors", metavar="N|N%", help="Stop once more rows than this are invalid or rejected.")
@_AROUND
@TALK
@STATE
def resume(run: str, **options: Any) -> int:
    """Go on with a run that was interrupted, or that has unsent or unknown rows.

    RUN may be left out where only one run is unfinished. It goes on as it began, but for the options here.

    \b
    Examples:
      obi resume
      obi resume 20270403-0200 --concurrency 2
    """
    from etl.cli.screen import Screen
    from etl.runs import Runner

    screen = Screen.of(options)
    suppress, if_loaded = options.pop("suppress"), options.pop("if_loaded")
    settings = settings_of(options)
    given = {name for name, value in options.items() if value is not None} - {"state_dir"}
    runner = Runner(
        settings,
        progress=screen.progress,
        stop=screen.stop,
        while_sending=screen.while_sending,
        repeat=again(state_dir=options["state_dir"]),
        changed={name: getattr(settings, name) for name in given},
    )
    report = screen.run(runner, runner.resume(run, suppress=suppress, if_loaded=if_loaded or ""))
    if report is None:
        screen.nothing_to_do("There is no unfinished run; nothing to do.")
        return 0
    screen.report(report)
    return report.exit_code


def each_input(
    options: dict[str, Any],
    screen: Screen,
    *,
    work: Callable[[Runner, Order], Coroutine[Any, Any, RunReport]],
    question: Callable[[Any], bool] | None,
    word: str = "results",
) -> int:
    """Several inputs are several runs, one after the other.

    ``word`` is what the names of results have in them, in a folder that is given for several.
    """
    from etl.orders import Order
    from etl.profile import find_profile
    from etl.runs import Runner

    if options["simulate"] and options["base_url"]:
        raise click.UsageError(
            "--simulate uses the simulator that is built in, and --base-url another server."
        )
    inputs: tuple[str, ...] = options.pop("inputs")
    codes = []
    try:
        sources = expand(inputs)
        flags = repeated_flags(options)
        stated = {name: options.pop(name) for name in ("region", *SOURCE_FLAGS)}
        profile = find_profile(options.pop("profile"), **stated)
        asked = Order(
            input="",
            profile=profile,
            flags=flags,
            suppress=options.pop("suppress"),
            if_loaded=options.pop("if_loaded") or "",
            **{name: options.pop(name) for name in ("campaign", "new_run", "simulate")},
        )
        results, rejects = options.pop("results"), options.pop("rejects")
        settings = settings_of(options)
        places = [
            {
                "results": one_path(results, source, word=word, several=len(sources) > 1),
                "rejects": one_path(rejects, source, word="rejects", several=len(sources) > 1),
            }
            for source in sources
        ]
    except EtlError as error:
        screen.failed(error, source=shown(inputs[0]) if is_url(inputs[0]) else inputs[0])
        return error.exit_code
    for source, paths in zip(sources, places, strict=True):
        runner = Runner(
            settings,
            progress=screen.progress,
            stop=screen.stop,
            while_sending=screen.while_sending,
            repeat=again(state_dir=options["state_dir"]),
            question=question,
        )
        if screen.stop.is_set():
            break
        order = replace(asked, input=source, **paths)
        codes.append(_one_input(runner, order, screen, work, several=len(sources) > 1))
    return worst_exit(codes)


def _one_input(
    runner: Runner,
    order: Order,
    screen: Screen,
    work: Callable[[Runner, Order], Coroutine[Any, Any, RunReport]],
    *,
    several: bool,
) -> int:
    try:
        report = screen.run(runner, work(runner, order))
    except EtlError as error:
        screen.failed(error, source=order.input, several=several)
        return error.exit_code
    screen.report(report)
    return report.exit_code
