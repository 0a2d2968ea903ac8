"""What ``obi profile`` shows: the draft of a profile, and how one fits a file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from etl.cli.screen import console
from etl.cli.showing import printable
from etl.drafts import Draft, Line
from etl.profilecheck import Lacking, ProfileCheck, Rate
from etl.quoting import counted

_LONGEST = 40
"""Characters of a sample."""

_SURE = 90


def show_draft(draft: Draft, *, out: str, stderr: bool) -> None:
    """Every column with what it is taken for, how surely, and some of its cells; then what to know."""
    screen = console(stderr=stderr)
    screen.print(Text(f"{draft.input}: {counted(draft.spec.rows, 'row')}"), soft_wrap=True)
    for sentence in draft.spec.evidence:
        screen.print(Text(f"Found: {printable(sentence)}"), soft_wrap=True)
    # What is parted by blanks alone can't be told apart once it goes on in the next line.
    screen.print(_draft_table(draft, apart=" | " if screen.is_terminal else "  "))
    for sentence in _remarks(draft, out):
        screen.print(Text(printable(sentence)), soft_wrap=True)


def show_check(check: ProfileCheck, *, given: str, stderr: bool) -> None:
    """What fits and what does not."""
    screen = console(stderr=stderr)
    by = f"the profile {given}" if given else "no profile: columns are recognised by their names"
    screen.print(Text(f"{check.input}: {counted(check.rows, 'row')}, by {by}"), soft_wrap=True)
    if check.rates:
        screen.print(_rates_table(check))
    for sentence in _findings(check):
        screen.print(Text(printable(sentence)), soft_wrap=True)


def _draft_table(draft: Draft, *, apart: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("field", no_wrap=True)
    for name in ("column", "sure", "how", "for example"):
        table.add_column(name, overflow="fold")
    for line in draft.lines:
        sure = f"{line.guess.confidence} %" if line.guess else ""
        how = f"{line.guess.how}: {line.guess.reason}" if line.guess else ""
        how = f"perhaps {line.proposed}, by {how}" if line.proposed else how
        style = "" if not line.guess or line.guess.confidence >= _SURE else "bold"
        samples = apart.join(_cut(sample) for sample in line.samples)
        cells = (_field(line), printable(line.header.strip()) or "(blank)", sure, how, samples)
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


def _field(line: Line) -> str:
    if not line.field:
        return "not read"
    if line.field == "attribute":
        return "agents see"
    return line.field


def _cut(sample: str) -> str:
    shown = printable(sample)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _remarks(draft: Draft, out: str) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for header, why in draft.not_dialled:
        by_reason.setdefault(why, []).append(header)
    for why, headers in by_reason.items():
        yield f"Never dialled: {', '.join(headers)}: {why}"
    if any(line.proposed for line in draft.lines):
        yield "What is perhaps a field stands in the profile as a comment: take the # away if it is."
    if draft.regions:
        some = ", ".join(draft.regions[:5])
        yield (
            "Note: no region is known, so numbers without a country code are refused; they would be numbers "
            f"in {some}: say --region, or write region into the profile"
        )
    for note in draft.notes:
        yield f"Note: {note}"
    if out != "-":
        file = "FILE" if draft.input == "-" else shlex.quote(draft.input)
        yield f"Profile: {out}"
        yield f"Next: read it, then run: obi check {file} --profile {shlex.quote(out)}"


def _rates_table(check: ProfileCheck) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("field", no_wrap=True)
    table.add_column("column", overflow="fold")
    table.add_column("can be read", overflow="fold")
    for rate in check.rates:
        table.add_row(Text(rate.field), Text(printable(rate.header.strip())), Text(_rate(rate)))
    return table


def _rate(rate: Rate) -> str:
    if not rate.filled:
        return "no cell with content"
    faults = ", ".join(f"{code} {count:,}" for code, count in rate.faults.items())
    return f"{rate.good:,} of {rate.filled:,} cells with content" + (f" ({faults})" if faults else "")


def _findings(check: ProfileCheck) -> Iterator[str]:
    yield from (_lacking(lacking) for lacking in check.lacking)
    if check.problem:
        yield f"Problem: {check.problem}"
    if check.new:
        yield f"New: the profile does not know {', '.join(check.new)}."
    yield from (f"Note: {sentence}" for sentence in (*check.unused, *check.notes))
    for rate in check.rates:
        if rate.field in {"numbers", "phones"} and rate.filled and rate.good <= rate.filled / 2:
            cells = f"{rate.filled - rate.good:,} of {rate.filled:,} cells"
            yield f"Beware: {cells} of {rate.header.strip()} can't be read as numbers."
    yield "It does not fit: a load would stop." if check.exit_code else "Every column that it names is there."


def _lacking(lacking: Lacking) -> str:
    if lacking.count:
        return f"Ambiguous: {lacking.count} columns are {lacking.name!r} ({lacking.key}); rename all but one"
    near = f". Did you mean {lacking.nearest!r}?" if lacking.nearest else ""
    return f"Missing: {lacking.name!r} ({lacking.key}){near}"
