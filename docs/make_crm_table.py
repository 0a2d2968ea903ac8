"""Make the table of CRM exports in ``docs/inputs.md``: ``python docs/make_crm_table.py``.

A line is a sample export (``samples/crm``): what ``map_columns`` does with its header, without a profile.
``--check`` writes nothing and ends with 1 where the page is stale.
"""
# ruff: noqa: INP001  -- a script beside the page that it makes

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from etl.columns import map_columns
from etl.exports import recognised
from etl.profile import GUESSED

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "inputs.md"
BEGIN, END = "<!-- exports: made by docs/make_crm_table.py -->", "<!-- end of exports -->"
HEAD = (
    "export",
    "`--profile`",
    "id",
    "numbers, the first one first",
    "never dialled",
    "do not call",
    "country",
)


def table(samples: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The table of ``samples``: (file, header), a line each."""
    lines = (f"| {' | '.join(cells)} |" for cells in _cells(samples))
    return "\n".join([f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD), *lines]) + "\n"


def _cells(samples: Sequence[tuple[str, Sequence[str]]]) -> Iterator[list[str]]:
    for file, header in samples:
        found = map_columns(list(enumerate(header)), GUESSED)
        export = recognised(header)
        flags = [*found.do_not_call, *found.callable]
        yield [
            f"[{file}](../samples/crm/{file})",
            f"`{export.profile if export else 'obi-admin'}`",
            _listed(header, [found.fields["externalId"]] if "externalId" in found.fields else [])
            or "derived from the first number",
            _listed(header, found.number_columns),
            "by their labels" if found.labels else _listed(header, found.never_dialled) or "none",
            _listed(header, flags) + (" = 0" if found.callable else "") or "none",
            _listed(header, [] if found.region is None else [found.region, *found.other_regions]) or "none",
        ]


def _listed(header: Sequence[str], columns: Sequence[int]) -> str:
    return ", ".join(header[at] for at in columns)


def with_table(page: str, made: str) -> str:
    """The page with this table between its marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{made}{END}{rest.split(END)[1]}"


def main() -> int:
    """Write the page, or tell whether it is stale."""
    sys.path.insert(0, str(ROOT / "samples"))
    samples: Any = import_module("make_crm_samples")
    page = PAGE.read_text(encoding="utf-8")
    made = with_table(page, table([(sample.file, sample.header) for sample in samples.SAMPLES]))
    if "--check" in sys.argv:
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
