"""Processes of our own that help a long run: each reads what to do from its standard input.

They are never needed: whatever becomes of one, the run does without it. Where there is only one processor,
none is started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from etl.collector import look_seldom

_START = "import sys; sys.path[:] = {path!r}; from {module} import main; sys.exit(main())"
"""With our own search path: ``-m`` would look into the working folder first."""

_LAST_WORDS = 10.0
"""Seconds that a process has to clear up, once it has no input any more."""


def begin(module: str, task: object, *, files: Sequence[int] = ()) -> subprocess.Popen[bytes] | None:
    """Start the ``main`` of a module of ours and say its task; None where that can't be done.

    It inherits the open ``files``.
    """
    process = start(module, files=files)
    if process is not None:
        say(process, task)
    return process


def start(module: str, *, files: Sequence[int] = ()) -> subprocess.Popen[bytes] | None:
    """The same, its task still to be said: a line of JSON. It has our modules from where we have them."""
    # The executable of a frozen program is the program.
    if os.name != "posix" or processors() < 2 or not sys.executable or getattr(sys, "frozen", False):
        return None
    try:
        return subprocess.Popen(  # noqa: S603  -- our own module
            [sys.executable, "-c", _START.format(path=sys.path, module=module)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=files,
            start_new_session=True,  # Ctrl-C is for the run, which ends us
        )
    except OSError:
        return None


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def say(process: subprocess.Popen[bytes], what: object) -> None:
    """Give the process one more line of JSON."""
    with suppress(OSError):  # it is no more; its exit code says so
        if process.stdin:
            process.stdin.write(msgspec.json.encode(what) + b"\n")
            process.stdin.flush()


def end(process: subprocess.Popen[bytes], *, at_once: bool = False) -> int:
    """Close its input and wait for its end, or bring it about; gives the exit code."""
    with suppress(OSError):
        if process.stdin:
            process.stdin.close()
    if at_once:
        process.kill()
    try:
        process.wait(_LAST_WORDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
    return process.returncode


def settle_in() -> None:
    """What such a process does first: an interrupt is for the run, which ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    look_seldom()
