"""What a person sees: progress, the question before sending, the summary; and JSON for machines.

Progress and questions go to standard error, the summary to standard output; with ``--json`` standard output
holds one JSON object a run and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.cli.showing import (
    left_out_words,
    lines_table,
    print_tidy,
    printable,
    reading_lines,
    show_check,
)
from etl.cli.telling import PlainProgress, RichProgress
from etl.errors import EtlError, InterruptedRunError
from etl.findings import CheckReport
from etl.progress import Progress, Silence
from etl.quoting import counted
from etl.records import RowStatus, RunReport

if TYPE_CHECKING:
    from etl.orders import Plan

T = TypeVar("T")

_MEANING = {
    RowStatus.CREATED: "put into the campaign by this run",
    RowStatus.EXISTS: "in the campaign already",
    RowStatus.INVALID: "failed our checks, never sent",
    RowStatus.DUPLICATE: "the same lead as an earlier row",
    RowStatus.SUPPRESSED: "must not be called",
    RowStatus.REJECTED: "refused by the server",
    RowStatus.UNSENT: "not sent, or held back with the batch",
    RowStatus.UNKNOWN: "sent, and the outcome is not known",
    RowStatus.READY: "would be sent",
}
_GAP, _FOLDED = 2, 26
"""Blanks between two columns of a table, and the least that a long cell is folded to, with them."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LINES = 5
_WIDE = 1_000
"""Columns of a table that goes into a file or a pipe: what reads it there does not want it folded."""


class Working(Protocol):
    """What works on a run: ``run`` names it, ``repeat`` are the words that find its state again."""

    run: str
    repeat: str


class Screen:
    """The terminal, or what stands for it, of one command."""

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool, log_format: str, doing: str) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        self.stop = asyncio.Event()
        self._err = console(stderr=True)
        self._out = self._err if as_json else console()
        self.progress: Progress = self._progress(log_format=log_format, doing=doing)

    @classmethod
    def of(cls, options: dict[str, Any], *, doing: str = "sending") -> Screen:
        """The screen that a command's options ask for; takes them out of ``options``.

        ``doing`` says what takes the time.
        """
        names = ("as_json", "quiet", "verbose", "log_format")
        return cls(doing=doing, **{name: options.pop(name) for name in names})

    def _progress(self, *, log_format: str, doing: str) -> Progress:
        if self.quiet:
            return Silence()
        if self._err.is_terminal and log_format == "text":
            return RichProgress(self._err, doing=doing, verbose=self.verbose)
        return PlainProgress(doing=doing, as_json=log_format == "json", verbose=self.verbose)

    # --- running ------------------------------------------------------------------------------------

    def run(self, runner: Working, work: Coroutine[Any, Any, T], *, command: str = "obi resume") -> T:
        """Run to the end; Ctrl-C and SIGTERM stop it at once, but while it sends (``while_sending``).

        ``command`` is what goes on with a run that was stopped so.
        """
        for number in _SIGNALS:
            signal.signal(number, _interrupt)
        try:
            return asyncio.run(work)
        except (KeyboardInterrupt, asyncio.CancelledError):
            if not runner.run:
                raise click.Abort from None
            self.stop.set()  # no further input is begun
            again = f"{command} {runner.run}{runner.repeat}"
            raise InterruptedRunError(f"Stopped at once; go on with: {again}") from None

    @contextlib.contextmanager
    def while_sending(self) -> Iterator[None]:
        """Let the first signal end the sending after what is in flight, the second at once."""
        if os.name != "posix":  # elsewhere event loops take no signal handlers: Ctrl-C stops at once
            yield
            return
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def on_signal() -> None:
            if self.stop.is_set() and task is not None:
                task.cancel()
            else:
                self.say("Stopping after what is in flight; once more stops at once.")
                self.stop.set()

        for number in _SIGNALS:
            loop.add_signal_handler(number, on_signal)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, _interrupt)

    # --- telling ------------------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """Tell a person something."""
        self._err.print(sentence, markup=False)

    def nothing_to_do(self, sentence: str) -> None:
        """Tell that there is no run, and that this is well."""
        self.say(sentence)
        if self.as_json:
            print_no_run(sentence, 0, command=command_name())

    def can_ask(self) -> bool:
        """Whether there is a person at a terminal."""
        return sys.stdin.isatty() and self._err.is_terminal

    def question(self, plan: Plan) -> bool:
        """Show what was understood, and ask."""
        self._show_plan(plan)
        with self._err.status("checking every row"):
            counts = plan.count()
        for status, count in counts.items():
            if count:
                self._err.print(f"{count:>9,}  {status.value}  {_MEANING[status]}", markup=False)
        sent = counts.get(RowStatus.READY, 0)
        drop_typed_ahead()
        rows = counted(plan.spec.rows, "row")
        return click.confirm(f"Send {sent:,} of {rows} into {plan.campaign.name!r}?", err=True)

    def failed(self, error: EtlError, *, source: str, several: bool = False) -> None:
        """Tell what stopped a command before there was a run; of ``several`` inputs, which one it was."""
        named = f"{source}: " if several and Path(source).name not in str(error) else ""
        say(f"obi: {named}{error}", err=True)
        if self.as_json:
            print_no_run(str(error), error.exit_code, command=command_name(), source=source)

    def report(self, report: RunReport) -> None:
        """Show the summary: counts that sum to the rows read, what was left out, what to do next."""
        if report.stopped:
            self._err.print(f"obi: {report.stopped}", markup=False, soft_wrap=True)
        out = self._out
        if shown := isinstance(report, CheckReport) and not self.quiet:
            show_check(out, report)
        title = f"[bold]{_escape(report.input)}[/bold]"
        if report.campaign:
            title += f" → [bold]{_escape(report.campaign.name)}[/bold]"
        out.print()
        out.print(title + (f"  (run {report.run})" if report.run else ""), soft_wrap=True)
        print_tidy(out, _counts(report))
        if self.verbose and report.command != "check":
            for sentence in report.evidence:
                out.print(f"Found: {sentence}", markup=False, soft_wrap=True)
            for name, columns in report.mapping.items():
                out.print(f"{name}: {', '.join(columns) or 'nothing'}", markup=False, soft_wrap=True)
        for sentence in _sentences(report, reasons=not shown):
            out.print(sentence, markup=False, soft_wrap=True)
        if self.as_json:
            print_json(report)

    def _show_plan(self, plan: Plan) -> None:
        from etl.guesses import note_of
        from etl.sample import uses_of

        spec = plan.spec
        rows = counted(spec.rows, "row")
        lines = [("input", f"{plan.order.input}: {rows}, header on line {spec.header_line}")]
        lines += [("", evidence) for evidence in spec.evidence]
        lines += [("do not call", each.told()) for each in plan.lists]
        otherwise = plan.order.profile.region or "refused (--region)"
        rows_else = ", in rows without a country" if plan.mapping.region is not None else ""
        lines += [("national numbers", otherwise + rows_else)]
        lines += reading_lines(tuple(uses_of(plan.mapping)))
        notes = (*plan.mapping.notes, *plan.campaign.notes(), *plan.around)
        guessed = note_of(plan.mapping.guesses)  # stands beside the columns already
        lines += [("note", note) for note in notes if note != guessed]
        lines += [("campaign", f"{plan.campaign.name} ({plan.campaign.status}) at {plan.server}")]
        self._err.print(lines_table((word, printable(text)) for word, text in lines))


def _interrupt(_number: int, _frame: object) -> None:
    """Raise wherever we are: in a read of standard input, while a lock is waited for, at a question."""
    raise KeyboardInterrupt


def drop_typed_ahead() -> None:
    """What was typed before a question was there does not answer it."""
    with contextlib.suppress(ImportError, OSError):  # elsewhere, and where standard input is no terminal
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def command_name() -> str:
    """The command that is at work, as in ``load`` or ``runs undo``."""
    context = click.get_current_context(silent=True)
    return context.command_path.partition(" ")[2] if context else ""


def print_no_run(sentence: str, exit_code: int, *, command: str, source: str = "") -> None:
    """The report of a command that came to no run, and why, as JSON on standard output."""
    report = RunReport(
        run="",
        command=command,
        input=source,
        campaign=None,
        rows=0,
        counts={},
        balanced=True,
        exit_code=exit_code,
        stopped=sentence,
    )
    print_json(report)


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    click.echo(msgspec.json.encode(value))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for at, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=at == 0)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    print_tidy(roomy_console(columns, rows), table)


def say(sentence: str, *, err: bool = False) -> None:
    """A sentence on a line of its own; what a name holds can't move a terminal's cursor or colour it."""
    click.echo(printable(sentence), err=err)


def print_facts(facts: Mapping[str, str]) -> None:
    """Names and values on standard output, those without a value left out."""
    print_table(("", ""), [(name, value) for name, value in facts.items() if value])


def roomy_console(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Console:
    """Where a table is printed. A narrow terminal breaks its lines, rather than that words are folded."""
    made = console()
    cells = zip(columns, *rows, strict=True)
    first, *others = (max(cell_len(printable(cell)) for cell in column) + _GAP for column in cells)
    made.width = max(made.width, first + sum(min(width, _FOLDED) for width in others))
    return made


def console(*, stderr: bool = False) -> Console:
    """What is printed on, and folded on a terminal only."""
    made = Console(stderr=stderr, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = _WIDE
    return made


def _counts(report: RunReport) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    for status, count in report.counts.items():
        table.add_row(f"{count:,}", status, _MEANING[RowStatus(status)])
    table.add_section()
    rows, them = ("row", "it") if report.rows == 1 else ("rows", "them")
    sum_to = f"the counts sum to {them}" if report.balanced else f"THE COUNTS DO NOT SUM TO {them.upper()}"
    table.add_row(f"[bold]{report.rows:,}[/bold]", "", f"{rows} read, and {sum_to}")
    return table


def _sentences(report: RunReport, *, reasons: bool) -> Iterator[str]:
    if reasons:
        for code, count in list(report.reasons.items())[:_LINES]:
            yield f"{count:>9,}  {code}, as in {report.examples[code]}"
        if (more := len(report.reasons) - _LINES) > 0:
            yield f"{'and':>9}  {counted(more, 'other reason')}: each row has its own in the results"
    for left_out in report.left_out:
        yield f"Left out: {left_out_words(left_out)}"
    for each in report.lists:
        yield f"Do-not-call list {each.told()}"
    for warning in report.warnings:
        yield f"Note: {warning}"
    if report.results:
        yield f"Results: {report.results}"
    if report.rejects:
        yield f"Rejects: {report.rejects}"
    yield f"Took {report.seconds:.1f} s, {report.rows_per_second:,.0f} rows/s; {_work(report)}."
    if report.next:
        yield f"Next: {_before_next(report)}{report.next}"


def _work(report: RunReport) -> str:
    retries = f"{report.retries:,} of them {'a retry' if report.retries == 1 else 'retries'}"
    requests = counted(report.requests, "request")
    if not report.requests:
        return "nothing sent"
    if report.command == "check":
        return f"nothing sent; {requests} that only read" + (f", {retries}" if report.retries else "")
    return f"{requests}, {retries}"


def _before_next(report: RunReport) -> str:
    """What to do before the next command."""
    if report.command == "check":
        return "correct the input, or load what is ready: " if report.exit_code else ""
    if not report.next.startswith("obi load "):
        return ""
    what = "rejects" if report.rejects and report.rejects in report.next else "input"
    return f"correct the {what}, then run: "


def _escape(text: str) -> str:
    return printable(text).replace("[", r"\[")
