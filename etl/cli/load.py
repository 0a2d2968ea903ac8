"""``obi load``, ``obi check`` and ``obi resume``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from etl.cli.inputs import expand, one_path
from etl.cli.options import INPUT_RULES, OUTPUTS, SERVER, STATE, TALK, Seconds, again, grouped, repeated_flags
from etl.errors import EtlError
from etl.records import RunReport, worst_exit

if TYPE_CHECKING:
    from etl.cli.screen import Screen
    from etl.orders import Order
    from etl.runs import Runner

_CONCURRENCY = grouped(
    click.option("--concurrency", metavar="N|auto", help="Requests in flight.  [default: auto]"),
    click.option(
        "--max-concurrency", type=click.IntRange(1, 256), help="Most that auto goes up to.  [default: 16]"
    ),
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
        type=click.IntRange(min=1),
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
    click.option("--batch-size", type=click.IntRange(1, 10_000), help="Customers a request.  [default: 100]"),
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
_INPUTS = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
_CAMPAIGN = click.option("--campaign", metavar="NAME|ID", default="", help="Id, or exact name.")


@click.command()
@_INPUTS
@_CAMPAIGN
@SERVER
@INPUT_RULES
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
    question = screen.question if not options.pop("yes") else None
    return _each_input(options, screen, work=lambda runner, order: runner.load(order), question=question)


@click.command()
@_INPUTS
@_CAMPAIGN
@SERVER
@INPUT_RULES
@OUTPUTS
@TALK
@STATE
def check(**options: Any) -> int:
    """Do all that load does but send: what would be, and what is wrong.

    \b
    Examples:
      obi check leads.csv --region GB
      obi check leads.xlsx --profile crm.toml --json
    """
    from etl.cli.screen import Screen

    options["new_run"] = False
    return _each_input(
        options, Screen.of(options), work=lambda runner, order: runner.check(order), question=None
    )


@click.command()
@click.argument("run", required=False, default="")
@_CONCURRENCY
@_UNKNOWN
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
    from etl.settings import load_settings

    screen = Screen.of(options)
    settings = load_settings(**options)
    given = {name for name, value in options.items() if value is not None} - {"state_dir"}
    runner = Runner(
        settings,
        progress=screen.progress,
        stop=screen.stop,
        while_sending=screen.while_sending,
        repeat=again(state_dir=options["state_dir"]),
        changed={name: getattr(settings, name) for name in given},
    )
    report = screen.run(runner, runner.resume(run))
    if report is None:
        screen.nothing_to_do("There is no unfinished run; nothing to do.")
        return 0
    screen.report(report)
    return report.exit_code


def _each_input(
    options: dict[str, Any],
    screen: Screen,
    *,
    work: Callable[[Runner, Order], Coroutine[Any, Any, RunReport]],
    question: Callable[[Any], bool] | None,
) -> int:
    """Several inputs are several runs, one after the other."""
    from etl.orders import Order
    from etl.profile import find_profile
    from etl.runs import Runner
    from etl.settings import load_settings

    if options["simulate"] and options["base_url"]:
        raise click.UsageError(
            "--simulate uses the simulator that is built in, and --base-url another server."
        )
    inputs: tuple[str, ...] = options.pop("inputs")
    codes = []
    try:
        sources = expand(inputs)
        flags = repeated_flags(options)
        mapping = {name: options.pop(name) for name in ("profile", "region", "hidden")}
        profile = find_profile(mapping["profile"], region=mapping["region"], hidden=mapping["hidden"])
        asked = Order(
            input="",
            profile=profile,
            flags=flags,
            **{name: options.pop(name) for name in ("campaign", "new_run", "simulate")},
        )
        results, rejects = options.pop("results"), options.pop("rejects")
        settings = load_settings(**options)
        places = [
            {
                "results": one_path(results, source, word="results", several=len(sources) > 1),
                "rejects": one_path(rejects, source, word="rejects", several=len(sources) > 1),
            }
            for source in sources
        ]
    except EtlError as error:
        screen.failed(error, source=inputs[0])
        return error.exit_code
    for source, paths in zip(sources, places, strict=True):
        runner = Runner(
            settings,
            progress=screen.progress,
            stop=screen.stop,
            while_sending=screen.while_sending,
            repeat=again(state_dir=options["state_dir"]),
            question=question or (lambda _plan: True),
        )
        if screen.stop.is_set():
            break
        codes.append(_one_input(runner, replace(asked, input=source, **paths), screen, work))
    return worst_exit(codes)


def _one_input(
    runner: Runner,
    order: Order,
    screen: Screen,
    work: Callable[[Runner, Order], Coroutine[Any, Any, RunReport]],
) -> int:
    try:
        report = screen.run(runner, work(runner, order))
    except EtlError as error:
        screen.failed(error, source=order.input)
        return error.exit_code
    screen.report(report)
    return report.exit_code
