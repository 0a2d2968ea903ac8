"""The rows of a long input, decided in a process of its own while the run sends.

Deciding is what takes a processor longest. In a process of its own it has one for itself, and sending need
not share Python with it. What is decided comes back chunk by chunk, as it goes out or into the journal.
Whatever goes wrong with that process, the run decides by itself, from the beginning, and passes over what it
was given: the same rows give the same answers.

That process runs ``main``. It reads a line of JSON, what to decide, and writes frames: eight
bytes of length, and a chunk in MessagePack; the last one says what was found in all of them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from etl import apart
from etl.errors import EtlError
from etl.journal import Journal
from etl.records import SuppressionList
from etl.settings import Settings
from etl.sources.files import sniff
from etl.sources.rowcopy import Lent, borrow, lendable
from etl.work import Portion, Work, portions

LONG = 250_000
"""Rows from which on a second process decides.

Measured on two processors: 100,000 rows take 2.5 s without one and 2.8 with it, a million 17.5 and 14.8.
"""

LARGE = 24 << 20
"""Bytes of a text from which on that process is started before its rows are counted: both take as long."""

_MODULE = "etl.deciding"
_LENGTH = 8
_LARGEST = 1 << 30
_SETTINGS = ("duplicates_by",)


class _Task(Struct, frozen=True):
    """What the process needs beside the manifest in the journal; no credentials are among it."""

    journal: str
    scratch: str
    indexes: str
    lists: tuple[SuppressionList, ...]
    earlier: tuple[str, ...]
    settings: dict[str, Any]
    marker: tuple[str, str] | None
    copies: tuple[Lent, ...]


class _Findings(Struct, frozen=True, tag=True):
    findings: dict[str, int]


class _Decided(Struct, frozen=True, tag=True):
    portion: Portion


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Decided | _Findings).decode


@contextmanager
def standing_by(source: Path) -> Iterator[subprocess.Popen[bytes] | None]:
    """A process that will decide, if the input at ``source`` is as long as its size lets expect; else None.

    It is ended with the block.
    """
    process = apart.start(_MODULE) if _is_large(source) else None
    try:
        yield process
    finally:
        if process is not None:
            apart.end(process, at_once=True)


def _is_large(source: Path) -> bool:
    try:
        return source.stat().st_size >= LARGE and sniff(source, source.name) == ("csv", "")
    except (OSError, EtlError):
        return False  # the survey says what is wrong


def portions_of(
    work: Work, journal: Path, *, marker: tuple[str, str] | None
) -> Generator[Portion, None, None]:
    """What the rows of a run come to, in order; those of a long input from a process of its own."""
    had = 0
    copies = lendable(work.source)
    # Without a copy of its rows, a sheet is not worth parsing once more.
    if work.spec.rows >= LONG and (work.spec.kind == "csv" or copies):
        process = work.decider or apart.start(_MODULE, files=[each.file for each in copies])
        if process is not None:
            apart.say(process, _task_of(work, journal, marker=marker, copies=copies))
            try:
                for frame in _frames_of(process):
                    if isinstance(frame, _Findings):
                        work.findings.update(frame.findings)
                        return
                    yield frame.portion
                    had += 1
            finally:
                apart.end(process, at_once=True)
    elif work.decider is not None:  # fewer rows than it looked like
        apart.end(work.decider, at_once=True)
    with closing(portions(work, marker=marker)) as own:
        yield from islice(own, had, None)


def _task_of(work: Work, journal: Path, *, marker: tuple[str, str] | None, copies: tuple[Lent, ...]) -> _Task:
    scratch = work.scratch / "apart"
    scratch.mkdir(exist_ok=True)
    return _Task(
        str(journal),
        str(scratch),
        str(work.indexes),
        work.lists,
        tuple(map(str, work.earlier)),
        {name: getattr(work.settings, name) for name in _SETTINGS},
        marker,
        copies,
    )


def _frames_of(process: subprocess.Popen[bytes]) -> Iterator[_Decided | _Findings]:
    """What the process tells, as far as it comes."""
    stream = process.stdout
    while stream and len(head := stream.read(_LENGTH)) == _LENGTH:
        size = int.from_bytes(head, "little")
        if size > _LARGEST:
            return
        body = stream.read(size)
        try:
            yield _decode(body)
        except msgspec.MsgspecError:
            return


# --- the other side -------------------------------------------------------------------------------------


def main() -> int:
    """Decide what the first line of standard input says; 1 where that failed."""
    apart.settle_in()
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Task)
    try:
        borrow(task.copies)
        with Journal.open(Path(task.journal)) as journal:
            manifest = journal.manifest
        work = Work.of(
            manifest,
            Settings.model_construct(**task.settings),
            scratch=Path(task.scratch),
            lists=task.lists,
            indexes=Path(task.indexes),
            earlier=tuple(map(Path, task.earlier)),
        )
        with closing(portions(work, marker=task.marker)) as decided:
            for portion in decided:
                _write(sys.stdout.buffer, _Decided(portion))
        _write(sys.stdout.buffer, _Findings(work.findings))
    except (EtlError, OSError):
        return 1
    return 0


def _write(stream: IO[bytes], frame: _Decided | _Findings) -> None:
    body = _encode(frame)
    stream.write(len(body).to_bytes(_LENGTH, "little"))
    stream.write(body)
    stream.flush()
