"""The ``obi`` command.

Heavy modules are imported inside the commands: ``--help`` must not wait for pandas.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from etl.cli.campaigns import campaigns
from etl.cli.checking import check
from etl.cli.customers import customers
from etl.cli.export import export
from etl.cli.load import load, resume
from etl.cli.profiles import profile
from etl.cli.runs import runs
from etl.cli.simulator import simulator
from etl.cli.stats import stats
from etl.collector import look_seldom
from etl.errors import EtlError

_EPILOG = """
Exit codes: 0 every row is in the campaign, or rightly not; 3 configuration; 4 input; 5 some rows invalid,
rejected or unsent; 6 not authorised; 7 server unavailable; 8 state; 10 rows of unknown outcome; 130
interrupted.
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.version_option(package_name="obi-import", prog_name="obi")
def cli() -> None:
    """Load lead files into contact centre campaigns: one true answer for every row.

    \b
    Try it without an account:
      obi load leads.csv --simulate --campaign "Test Preview Campaign" --region GB
    See what would be, and send nothing:
      obi check leads.csv --region GB
    """


for command in (load, check, resume, runs, campaigns, customers, export, stats, profile, simulator):
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command and end the process with its exit code; no traceback reaches a user."""
    look_seldom()
    # As Ctrl-C from the first moment on; while a run sends, both are handled more gently.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # an old code page must not turn a finished load into an error
    try:
        code = cli.main(prog_name="obi", standalone_mode=False)
    except EtlError as error:
        code = _tell(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        code = _as_json(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        code = _tell("Stopped.", 130)
    except BrokenPipeError:
        # Whoever read our output went away; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("OBI_DEBUG"):
            raise
        bug = f"A bug in obi-import ({type(error).__name__}); OBI_DEBUG=1 shows where."
        code = _tell("Stopped.", 130) if _was_stopped(error) else _tell(bug, 1)
    gc.freeze()  # what is left ends with the process: a search of it for cycles takes a tenth of a second
    sys.exit(code if isinstance(code, int) else 0)


def _was_stopped(error: Exception) -> bool:
    """Whether it was Ctrl-C, which compiled code that is making a model takes for a fault of the model."""
    return type(error).__name__ == "SchemaError" and "KeyboardInterrupt" in str(error)


def _tell(sentence: str, code: int) -> int:
    click.echo(f"obi: {sentence}", err=True)
    return _as_json(sentence, code)


def _as_json(sentence: str, code: int) -> int:
    """Tell scripts too, that asked for JSON, what kept a command from having a report of its own."""
    if "--json" in sys.argv[1:]:
        from etl.cli.screen import print_no_run

        print_no_run(sentence, code, command=_command_in(sys.argv[1:]))
    return code


def _command_in(words: Sequence[str]) -> str:
    """The command that these words name, as in ``load`` or ``runs undo``."""
    names: list[str] = []
    group: click.Command | None = cli
    for word in words:
        if not isinstance(group, click.Group) or word not in group.commands:
            break
        names.append(word)
        group = group.commands[word]
    return " ".join(names)
