"""Options that several commands share, and what they mean for settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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


def grouped(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """One decorator of several options, in the order in which help shows them."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


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
INPUT_RULES = grouped(
    click.option("--profile", help="Mapping profile: a file, or the name of a built-in one."),
    click.option("--region", metavar="CC", help="Default region of national numbers: GB, DE, US, …"),
    click.option(
        "--hidden",
        type=click.Choice(["refuse", "include", "exclude"]),
        help="Hidden rows and columns of a workbook.  [default: refuse]",
    ),
    click.option(
        "--duplicates-by",
        type=click.Choice(["externalId", "number", "both", "none"]),
        help="What makes two rows duplicates.  [default: externalId]",
    ),
    click.option("--spool", type=click.Choice(["auto", "never"]), help="Read from a copy of the input."),
)
OUTPUTS = grouped(
    click.option("--results", metavar="PATH", help="Results file: .csv, .xlsx, .jsonl or .parquet."),
    click.option("--rejects", metavar="PATH", help="Rows to correct and load again."),
    click.option("--plain", is_flag=True, default=None, help="CSV for machines: no BOM, no prefix."),
)


_REPEATED = (
    "profile", "region", "hidden", "duplicates_by", "spool", "plain", "base_url", "batch_size", "concurrency",
    "max_concurrency", "rate", "existing", "on_unknown", "strict", "stop_batch_if_invalid",
    "max_errors", "canary", "marker", "verify", "pause_first", "activate",
)  # fmt: skip


def repeated_flags(options: dict[str, Any]) -> str:
    """What a further load of the same kind must repeat to be decided and sent alike, with a leading space."""
    words = []
    for name in _REPEATED:
        value = options.get(name)
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            is_file = name == "profile" and Path(value).is_file()
            words.append(shlex.quote(str(Path(value).absolute() if is_file else value)))
    return "".join(f" {word}" for word in words)


def again(*, state_dir: Path | None) -> str:
    """What a further command must repeat to find the same state, with a leading space."""
    return f" --state-dir {shlex.quote(str(state_dir.absolute()))}" if state_dir else ""
