"""Options that several commands share, and what they mean for settings."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


class Seconds(click.ParamType[float]):
    """A time such as ``30``, ``30s``, ``5m`` or ``1h``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The time in seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value).strip())
        if not found:
            self.fail(f"{value!r} is not a time; use 30s, 5m or 1h.", param, ctx)
        return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


class Whole(click.IntRange):
    """A whole number from ``min`` to ``max``, refused in words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            most = "or more" if self.max is None else f"to {self.max:,}"
            self.fail(f"{value!r} is not a whole number from {self.min:,} {most}.", param, ctx)


def grouped(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """One decorator of several options, in the order in which help shows them."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class ListingCommand(click.Command):
    """A command whose options in ``several`` (``--suppress``) take every word up to the next option.

    A list that was taken for an input would be called, so words behind ``--suppress`` are lists, all of them.
    """

    several: ClassVar[tuple[str, ...]] = ("--suppress",)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; raises UsageError where lists left no word for the input."""
        words = args
        for option in self.several:
            words = list(_each_with_its_option(words, option))
        try:
            return super().parse_args(ctx, [*words])
        except click.MissingParameter as error:
            if isinstance(error.param, click.Argument) and "--suppress" in words:
                missing = "INPUT" if error.param.name == "inputs" else error.param.human_readable_name
                raise click.UsageError(
                    f"{missing} is missing: all words after --suppress are do-not-call lists, so write "
                    f"{missing} before it, or --suppress=FILE.",
                    ctx,
                ) from None
            raise


def _each_with_its_option(args: Sequence[str], option: str) -> Iterator[str]:
    """``--o A B`` as ``--o A --o B``."""
    words = iter(args)
    repeated = False
    for word in words:
        if word == "--":
            yield word
            yield from words
        elif word == option:
            repeated = True
            yield word
            yield from itertools.islice(words, 1)
        elif repeated and not (word.startswith("-") and word != "-"):
            yield option
            yield word
        else:
            repeated = False
            yield word


STATE = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where journals and simulator data are kept.  [env: OBI_STATE_DIR]",
)
SERVER = grouped(
    click.option("--base-url", help="The interface's root, https://HOST/RI/obi.  [env: OBI_BASE_URL]"),
    click.option("--simulate", is_flag=True, help="Use the simulator that is built in, kept in a file."),
)
TALK = grouped(
    click.option("--json", "as_json", is_flag=True, help="The report as JSON on standard output."),
    click.option("--quiet", is_flag=True, help="No progress; the summary only."),
    click.option("--verbose", is_flag=True, help="Say more: retries, and what was detected."),
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Of progress lines where there is no terminal.",
    ),
)
SOURCE_FLAGS = ("encoding", "delimiter", "sheet", "header_row", "date_order", "hidden")
"""What beats the profile's ``[source]``, under the names that the keys have there."""
SOURCE_RULES = grouped(
    click.option("--region", metavar="CC", help="Default region of national numbers: GB, DE, US, …"),
    click.option("--encoding", metavar="NAME", help="Of a text: utf-8, windows-1252, …  [default: detected]"),
    click.option("--delimiter", metavar="CHAR", help="One character, or tab.  [default: detected]"),
    click.option("--sheet", metavar="NAME", help="Of a workbook.  [default: the only one with content]"),
    click.option(
        "--header-row",
        type=Whole(min=1),
        metavar="N",
        help="Line or sheet row of the columns' names.  [default: detected]",
    ),
    click.option(
        "--date-order",
        type=click.Choice(["dmy", "mdy", "ymd"]),
        help="Order of day, month and year in dates such as 03/04/2027.",
    ),
    click.option(
        "--hidden",
        type=click.Choice(["refuse", "include", "exclude"]),
        help="Hidden rows and columns of a workbook.  [default: refuse]",
    ),
)
INPUT_RULES = grouped(
    click.option("--profile", help="Mapping profile: a file, or the name of a built-in one."),
    SOURCE_RULES,
    click.option(
        "--duplicates-by",
        type=click.Choice(["externalId", "number", "both", "none"]),
        help="What makes two rows duplicates.  [default: externalId]",
    ),
    click.option(
        "--duplicates-across",
        type=click.Choice(["input", "runs"]),
        help="runs: also what an earlier run put into the campaign, by id or number.  [default: input]",
    ),
    click.option("--spool", type=click.Choice(["auto", "never"]), help="Read from a copy of the input."),
)
LISTS = grouped(
    click.option(
        "--suppress",
        metavar="FILE...",
        multiple=True,
        help="Do-not-call lists, beside the profile's: all words up to the next option. ids:FILE, "
        "numbers:FILE, hashes:FILE: what one holds.",
    ),
    click.option(
        "--if-loaded",
        type=click.Choice(["warn", "delete"]),
        help="Customers of suppressed rows that are in the campaign from earlier.  [default: warn]",
    ),
)
OUTPUTS = grouped(
    click.option("--results", metavar="PATH", help="Results file: .csv, .xlsx, .jsonl or .parquet."),
    click.option("--rejects", metavar="PATH", help="Rows to correct and load again."),
    click.option("--plain", is_flag=True, default=None, help="CSV for machines: no BOM, no prefix."),
)


_REPEATED = (
    "profile", "region", *SOURCE_FLAGS, "duplicates_by", "duplicates_across", "spool", "plain",
    "base_url", "batch_size", "concurrency", "max_concurrency", "rate", "existing", "on_unknown", "strict",
    "stop_batch_if_invalid", "max_errors", "canary", "marker", "verify", "pause_first", "activate",
    "if_loaded",
)  # fmt: skip


def repeated_flags(options: dict[str, Any]) -> str:
    """What a further load of the same kind must repeat to be decided and sent alike, with a leading space."""
    words = [f"--suppress={shlex.quote(_whole(each))}" for each in options.get("suppress") or ()]
    for name in _REPEATED:
        value = options.get(name)
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            is_file = name == "profile" and Path(value).is_file()
            words.append(shlex.quote(str(Path(value).absolute() if is_file else value)))
    return "".join(f" {word}" for word in words)


def _whole(words: str) -> str:
    """A list's words with its file's whole path."""
    prefix = next((each for each in ("numbers:", "hashes:", "ids:") if words.startswith(each)), "")
    return f"{prefix}{Path(words.removeprefix(prefix)).absolute()}"


def settings_of(options: dict[str, Any]) -> Settings:
    """The settings in force with these options; what is wrong with an option is told of the option."""
    from etl.settings import load_settings

    try:
        return load_settings(**options)
    except ConfigError as error:
        told = str(error)
        for name, value in options.items():
            if value is not None:
                told = told.replace(f"settings: {name} = ", f"--{name.replace('_', '-')} ")
        raise ConfigError(told) from None


def again(*, state_dir: Path | None) -> str:
    """What a further command must repeat to find the same state, with a leading space."""
    return f" --state-dir {shlex.quote(str(state_dir.absolute()))}" if state_dir else ""
