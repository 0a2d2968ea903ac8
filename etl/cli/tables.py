"""Lists on standard output: a table for people, ``--csv`` for spreadsheets, ``--json`` for programs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import Any

import click

from etl.cli.options import grouped

Cell = str | int | float | None

FORMS = grouped(
    click.option("--json", "as_json", is_flag=True, help="As JSON on standard output."),
    click.option("--csv", "as_csv", is_flag=True, help="As CSV on standard output, for machines."),
)
"""The two options; a command hands ``as_json`` and ``as_csv`` on to ``show``."""


def show(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    as_json: bool,
    as_csv: bool,
    objects: Any = None,
) -> None:
    """Print a list in the form that was asked for.

    ``objects`` is what JSON shows, by default each row as an object by its columns. CSV is UTF-8 without a
    BOM, its cells as they are. Raises UsageError where both forms were asked for.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv are two forms of one answer; ask for one of them.")
    from etl.cli.screen import print_json, print_table

    if as_json:
        default = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json(default if objects is None else objects)
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        print_table(columns, [tuple(map(_shown, row)) for row in rows])


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int | float) else cell
