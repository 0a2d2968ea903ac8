"""What a check found, and how an input is read, on a terminal or as plain text.

Nothing is cut: what is too long for a column goes on in the next line. What does not print (line breaks,
control characters, marks that turn the direction of writing) is shown as its escape.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl.findings import CheckReport, ColumnUse, Example, PreviewRow, Reason, Standing
from etl.quoting import counted
from etl.records import LeftOut

_MOST_REASONS = 8
_MOST_AS_WRITTEN = 8
"""Attributes that are shown before and after even if both are the same; more are told in a line."""

_LINES = 5
_FIELDS = (
    "externalId", "numbers", "date", "timeZone", "agentId", "dialingMode", "previewTime", "priority",
)  # fmt: skip


def printable(text: str) -> str:
    """The text with escapes in place of what does not print."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def names_of(headers: Iterable[str]) -> str:
    """Headers or names in a line."""
    return ", ".join(printable(header.strip()) or "(blank)" for header in headers)


def left_out_words(left_out: LeftOut) -> str:
    """Lines that are no rows, in words."""
    lines = ", ".join(map(str, left_out.lines[:_LINES])) + (", …" if left_out.count > _LINES else "")
    return f"{counted(left_out.count, f'{left_out.reason} line')} ({lines})"


def reading_lines(columns: Sequence[ColumnUse]) -> Iterator[tuple[str, str]]:
    """How an input's columns are read: (what as, which), the fields first and what is not read last."""
    by_word: dict[str, list[ColumnUse]] = {}
    for use in sorted(columns, key=lambda use: use.rank):
        for word in (use.field, *use.also):
            by_word.setdefault(word, []).append(use)
    for word in (*_FIELDS, *(word for word in by_word if word not in (*_FIELDS, "", "attribute"))):
        if uses := by_word.get(word):
            yield word, ", ".join(map(_use_words, uses))
    yield "agents see", ", ".join(_attribute_words(use) for use in columns if use.name) or "nothing"
    if unread := [use.header for use in columns if not use.field and not use.also]:
        yield "not read", names_of(unread)
    if never := [use.header for use in columns if use.never_dialled]:
        yield "never dialled", names_of(never)


def _use_words(use: ColumnUse) -> str:
    return names_of([use.header]) + (f" ({use.guess})" if use.guess else "")


def _attribute_words(use: ColumnUse) -> str:
    written = use.header.strip()
    if not written:
        return f"{printable(use.name)} (without a name)"
    return printable(use.name) + (f" (from {printable(written)})" if written != use.name else "")


def lines_table(lines: Iterable[tuple[str, str]]) -> Table:
    """Words with what belongs to them, one beside the other."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for word, text in lines:
        table.add_row(Text(word), Text(text))
    return table


def show_check(console: Console, report: CheckReport) -> None:
    """All that a check found, but for the counts and what comes after them."""
    _heading(console, "What the input is")
    for sentence in report.evidence:
        _indented(console, Text(printable(sentence)))
    _heading(console, "How its columns are read")
    below = [("national numbers", _region_words(report)), ("profile", printable(report.profile))]
    _indented(console, lines_table([*reading_lines(report.columns), *below]))
    line = "sheet row" if report.sheet else "line"
    if report.preview:
        _heading(console, f"The first {counted(len(report.preview), 'row')}, before and after")
        for row in report.preview:
            _show_row(console, row, report.columns, line=line)
    if report.bodies:
        _heading(console, f"What would be sent, the first {counted(len(report.bodies), 'customer')} exactly")
        for body in report.bodies:
            _show_body(console, body)
    _show_reasons(console, "Rows that would not be sent", report.found, line=line)
    _show_reasons(console, "Warnings, of rows that would be sent and of others", report.cautions, line=line)
    if report.standing:
        _heading(console, "The campaign")
        _indented(console, lines_table(_standing_lines(report.standing, report.counts.get("ready", 0))))
    _heading(console, "In all")


def _region_words(report: CheckReport) -> str:
    """As of which country numbers without a country code are read."""
    countries = [use.header for use in report.columns if "region" in use.also]
    if countries:
        otherwise = report.region or "refused (--region)"
        return f"as of {' and '.join(map(printable, countries))}; in rows without a country: {otherwise}"
    return report.region or "none is known, so they are refused (--region)"


def _heading(console: Console, words: str) -> None:
    console.print()
    console.print(Text(words, style="bold"))


def _indented(console: Console, words: Table | Text, by: int = 2) -> None:
    print_tidy(console, Padding(words, (0, 0, 0, by), expand=False))


def print_tidy(console: Console, words: RenderableType) -> None:
    """Print it; what fills columns up is of no use in a file, and left out there."""
    if console.is_terminal:
        console.print(words)
        return
    with console.capture() as captured:
        console.print(words)
    lines = captured.get().removesuffix("\n").split("\n")
    console.out(*map(str.rstrip, lines), sep="\n")


# --- rows before and after ----------------------------------------------------------------------------


def _show_row(console: Console, row: PreviewRow, columns: Sequence[ColumnUse], *, line: str) -> None:
    place = f"Row {row.row:,} ({line} {row.line:,}): {row.status}"
    reason = f", {printable(row.reason)}" if row.reason else ""
    _indented(console, Text(place + reason, style="italic"))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    table.add_column("", overflow="fold", max_width=24)
    table.add_column("in the file", overflow="fold")
    if row.sent:
        table.add_column("would be sent", overflow="fold", min_width=18)
    lines = list(_row_lines(row, columns))
    as_written = [words for words in lines if words[0] not in _FIELDS and words[1] == words[2]]
    if len(as_written) <= _MOST_AS_WRITTEN:
        as_written = []
    for words in lines:
        if words not in as_written:
            table.add_row(*map(Text, words[: len(table.columns)]))
    _indented(console, table, by=4)
    below = {
        "as written": " | ".join(f"{word}: {value}" for word, _, value in as_written),
        "empty": names_of(
            use.header for use, cell in zip(columns, row.cells, strict=True) if not cell.strip()
        ),
        "warning": printable(row.warning),
    }
    if lines_below := [(word, text) for word, text in below.items() if text]:
        _indented(console, lines_table(lines_below), by=4)


def _row_lines(row: PreviewRow, columns: Sequence[ColumnUse]) -> Iterator[tuple[str, str, str]]:
    """(what as, cells of the file, what would be sent) of each field and attribute that is not empty."""
    cells: dict[str, list[str]] = {}
    for use, cell in sorted(zip(columns, row.cells, strict=True), key=lambda pair: pair[0].rank):
        if cell.strip():
            word = use.field or next(iter(use.also), "not read")
            key = f"attribute {use.name}" if use.name else word
            before = "" if use.name == use.header.strip() else f"{names_of([use.header])}: "
            cells.setdefault(key, []).append(before + printable(cell))
    sent = _sent_by_word(row)
    words = [*_FIELDS, *(word for word in (*sent, *cells) if word not in _FIELDS)]
    for word in dict.fromkeys(words):
        if word in cells or word in sent:
            before = "\n".join(cells.get(word, ["(not in the file)"]))
            yield printable(word.removeprefix("attribute ")), before, "\n".join(sent.get(word, []))


def _sent_by_word(row: PreviewRow) -> dict[str, list[str]]:
    sent = {field: [printable(str(value))] for field, value in row.sent.items()}
    attributes = dict(row.attributes)
    numbers = str(row.sent.get("numbers", "")).split(";")
    if row.sent and "numbers" not in row.sent:  # they are sent as attributes
        places = [name for name in ("Phone1", "Phone2", "Phone3") if name in attributes]
        numbers = [f"{name}: {attributes.pop(name)}" for name in places]
    if row.sent:
        sent["numbers"] = numbers
    return sent | {f"attribute {name}": [printable(value)] for name, value in attributes.items()}


def _show_body(console: Console, body: str) -> None:
    """Indented for a person; elsewhere the very text, in one line."""
    if not console.is_terminal:
        console.file.write(f"{body}\n")
        return
    lines = json.dumps(json.loads(body), indent=2, ensure_ascii=False) if body.startswith("{") else body
    shown = "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in lines)
    _indented(console, Text(shown))


# --- reasons and the campaign -------------------------------------------------------------------------


def _show_reasons(console: Console, words: str, reasons: Sequence[Reason], *, line: str) -> None:
    if not reasons:
        return
    _heading(console, words)
    for reason in reasons[:_MOST_REASONS]:
        status = f"{reason.status}: " if reason.status else ""
        _indented(console, lines_table([(f"{reason.rows:>7,}", f"{status}{printable(reason.code)}")]))
        if all(example.reason == reason.code for example in reason.examples):
            places = ", ".join(_place(example, line) for example in reason.examples)
            _indented(console, Text(f"as in {places}"), by=11)
        else:
            _indented(
                console, lines_table(_example_line(example, line) for example in reason.examples), by=11
            )
    if rest := reasons[_MOST_REASONS:]:
        rows = sum(reason.rows for reason in rest)
        others = counted(len(rest), "other reason")
        _indented(console, lines_table([(f"{rows:>7,}", f"for {others}: each row has its own in the file")]))


def _example_line(example: Example, line: str) -> tuple[str, str]:
    said = printable(example.reason)
    if not example.column and not example.value:
        return _place(example, line), said
    column = printable(example.column) or "fields too many or too few"
    return _place(example, line), f"{column}: {printable(example.value) or '(empty)'}\n{said}"


def _place(example: Example, line: str) -> str:
    return f"row {example.row:,} ({line} {example.line:,})"


def _standing_lines(standing: Standing, ready: int) -> Iterator[tuple[str, str]]:
    yield "campaign", f"{printable(standing.name)} ({standing.status}, {standing.dialing_mode})"
    yield "customers", "not told by the server" if standing.customers is None else f"{standing.customers:,}"
    yield "there already", f"{standing.exists:,} of the {counted(ready, 'row')} that would be sent"
    if standing.loaded:
        yield (
            "to be removed",
            f"{counted(standing.loaded, 'suppressed row')} with a customer there from earlier",
        )
    for word, forms in (("numbers there", standing.forms), ("numbers here", standing.own_forms)):
        if forms:
            yield word, ", ".join(f"{count:,} written {_form_words(form)}" for form, count in forms.items())


def _form_words(form: str) -> str:
    return "in other digits" if form == "other" else f"{form}…"
