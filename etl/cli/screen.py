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
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from etl.cli.telling import PlainProgress, RichProgress
from etl.errors import EtlError, InterruptedRunError
from etl.progress import Progress, Silence
from etl.records import LeftOut, RowStatus, RunReport

if TYPE_CHECKING:
    from etl.orders import Plan

T = TypeVar("T")

_MEANING = {
    RowStatus.CREATED: "put into the campaign by this run",
    RowStatus.EXISTS: "in the campaign already",
    RowStatus.INVALID: "failed our checks, never sent",
    RowStatus.DUPLICATE: "repeat an earlier row",
    RowStatus.SUPPRESSED: "must not be called",
    RowStatus.REJECTED: "refused by the server",
    RowStatus.UNSENT: "not sent, or held back with their batch",
    RowStatus.UNKNOWN: "sent, and the outcome is not known",
    RowStatus.READY: "would be sent",
}
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

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool, log_format: str) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self.stop = asyncio.Event()
        self._err = Console(stderr=True, highlight=False)
        self._out = self._err if as_json else Console(highlight=False)
        self.progress: Progress = self._progress(quiet=quiet, log_format=log_format)

    @classmethod
    def of(cls, options: dict[str, Any]) -> Screen:
        """The screen that a command's options ask for; takes them out of ``options``."""
        names = ("as_json", "quiet", "verbose", "log_format")
        return cls(**{name: options.pop(name) for name in names})

    def _progress(self, *, quiet: bool, log_format: str) -> Progress:
        if quiet:
            return Silence()
        if self._err.is_terminal and log_format == "text":
            return RichProgress(self._err, verbose=self.verbose)
        return PlainProgress(as_json=log_format == "json", verbose=self.verbose)

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
            print_no_run(sentence, 0)

    def question(self, plan: Plan) -> bool:
        """Show what was understood, and ask; without a terminal nothing is asked, and the answer is yes."""
        if not (sys.stdin.isatty() and self._err.is_terminal):
            return True
        self._show_plan(plan)
        with self._err.status("checking every row"):
            counts = plan.count()
        for status, count in counts.items():
            if count:
                self._err.print(f"{count:>9,}  {status.value}  {_MEANING[status]}", markup=False)
        sent = counts.get(RowStatus.READY, 0)
        drop_typed_ahead()
        return click.confirm(
            f"Send {sent:,} of {plan.spec.rows:,} rows into {plan.campaign.name!r}?", err=True
        )

    def failed(self, error: EtlError, *, source: str) -> None:
        """Tell what stopped a command before there was a run."""
        click.echo(f"obi: {error}", err=True)
        if self.as_json:
            print_no_run(str(error), error.exit_code, source=source)

    def report(self, report: RunReport) -> None:
        """Show the summary: counts that sum to the rows read, what was left out, what to do next."""
        if report.stopped:
            self._err.print(f"obi: {report.stopped}", markup=False, soft_wrap=True)
        out = self._out
        title = f"[bold]{_escape(report.input)}[/bold]"
        if report.campaign:
            title += f" → [bold]{_escape(report.campaign.name)}[/bold]"
        out.print()
        out.print(title + (f"  (run {report.run})" if report.run else ""), soft_wrap=True)
        out.print(_counts(report))
        if self.verbose or report.command == "check":
            for sentence in report.evidence:
                out.print(f"Found: {sentence}", markup=False, soft_wrap=True)
            for name, columns in report.mapping.items():
                out.print(f"{name}: {', '.join(columns) or 'nothing'}", markup=False, soft_wrap=True)
        for sentence in _sentences(report):
            out.print(sentence, markup=False, soft_wrap=True)
        if self.as_json:
            print_json(report)

    def _show_plan(self, plan: Plan) -> None:
        spec, mapping = plan.spec, plan.mapping
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_row(
            "input", _escape(f"{plan.order.input}: {spec.rows:,} rows, header on line {spec.header_line}")
        )
        for evidence in spec.evidence:
            table.add_row("", _escape(evidence))
        table.add_row("region", plan.order.profile.region or "none: national numbers are refused")
        for name, columns in mapping.summary().items():
            table.add_row(name, _names(columns) or "nothing")
        for note in mapping.notes:
            table.add_row("note", _escape(note))
        for note in (*plan.campaign.notes(), *plan.around):
            table.add_row("note", _escape(note))
        table.add_row("campaign", _escape(f"{plan.campaign.name} ({plan.campaign.status}) at {plan.server}"))
        self._err.print(table)


def _interrupt(_number: int, _frame: object) -> None:
    """Raise wherever we are: in a read of standard input, while a lock is waited for, at a question."""
    raise KeyboardInterrupt


def drop_typed_ahead() -> None:
    """What was typed before a question was there does not answer it."""
    with contextlib.suppress(ImportError, OSError):  # elsewhere, and where standard input is no terminal
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def print_no_run(sentence: str, exit_code: int, *, source: str = "") -> None:
    """The report of a command that came to no run, and why, as JSON on standard output."""
    report = RunReport(
        run="",
        command="",
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
        table.add_row(*map(_escape, row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    console.print(table)


def print_facts(facts: Mapping[str, str]) -> None:
    """Names and values on standard output, those without a value left out."""
    print_table(("", ""), [(name, value) for name, value in facts.items() if value])


def _counts(report: RunReport) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    for status, count in report.counts.items():
        table.add_row(f"{count:,}", status, _MEANING[RowStatus(status)])
    table.add_section()
    word = (
        "rows read, and the counts sum to them"
        if report.balanced
        else "rows read: THE COUNTS DO NOT SUM TO THEM"
    )
    table.add_row(f"[bold]{report.rows:,}[/bold]", "", word)
    return table


def _sentences(report: RunReport) -> Iterator[str]:
    for code, count in list(report.reasons.items())[:_LINES]:
        yield f"{count:>9,}  {code}, as in {report.examples[code]}"
    if (more := len(report.reasons) - _LINES) > 0:
        yield f"{'and':>9}  {more} other reason{'s' if more > 1 else ''}: each row has its own in the results"
    for left_out in report.left_out:
        yield f"Left out: {_left_out(left_out)}"
    for warning in report.warnings:
        yield f"Note: {warning}"
    if report.results:
        yield f"Results: {report.results}"
    if report.rejects:
        yield f"Rejects: {report.rejects}"
    work = (
        f"{report.requests:,} requests, {report.retries:,} of them retries"
        if report.requests
        else "nothing sent"
    )
    yield f"Took {report.seconds:.1f} s, {report.rows_per_second:,.0f} rows/s; {work}."
    if report.next.startswith("obi load "):
        what = "rejects" if report.rejects and report.rejects in report.next else "input"
        yield f"Next: correct the {what}, then run: {report.next}"
    elif report.next:
        yield f"Next: {report.next}"


def _left_out(left_out: LeftOut) -> str:
    lines = ", ".join(map(str, left_out.lines[:_LINES])) + (", …" if left_out.count > _LINES else "")
    several = "s" if left_out.count > 1 else ""
    return f"{left_out.count:,} {left_out.reason} line{several} ({lines})"


def _names(names: Iterator[str] | Sequence[str]) -> str:
    return _escape(", ".join(name.strip() for name in names))


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
