"""What a command prints, without a shell, bounded in time and size, and never shown."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process

from etl.errors import ConfigError

SECONDS = 30.0
"""How long the command may take."""

MOST = 64 * 2**10
"""Bytes that it may print; tokens have a few thousand at most."""


class CommandError(Exception):
    """The command gave nothing of use; the message says why, and nothing of what it printed."""


def words_of(command: str) -> list[str]:
    """The command's words, split as a POSIX shell would.

    Raises ConfigError where they can't be told apart, or the first names no program.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise ConfigError(
            "OBI_TOKEN_COMMAND is no command: its quotation marks do not match, or it is blank."
        )
    if shutil.which(words[0]) is None:
        raise ConfigError("The first word of OBI_TOKEN_COMMAND is no program that can be run here.")
    return words


async def output_of(words: list[str]) -> str:
    """What the command prints on standard output, stripped; what it says on standard error is dropped.

    Nothing can be typed into it. It is killed, with what it started, when it takes too long, prints too much
    or the caller is cancelled. Raises CommandError.
    """
    try:
        process = await _started(words)
    except OSError as error:
        raise CommandError(f"it can't be run ({error.strerror})") from None
    try:
        async with asyncio.timeout(SECONDS):
            output = await _read(process)
            code = await process.wait()
    except TimeoutError:
        await _end(process)
        raise CommandError(f"it was not done within {SECONDS:g} seconds") from None
    except BaseException:
        await _end(process)
        raise
    if code != 0:
        raise CommandError(f"it ended with code {code}")
    try:
        text = output.decode().strip()
    except UnicodeDecodeError:
        raise CommandError("it printed something that is no text") from None
    if not text:
        raise CommandError("it printed nothing")
    return text


async def _started(words: list[str]) -> Process:
    """The command's process; of it nothing is left where the caller is cancelled meanwhile.

    Of what the command has started by then, asyncio would kill the command alone.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *words,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            start_new_session=True,  # no terminal to ask on, and one group to kill
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await _end(await starting)
        raise


async def _read(process: Process) -> bytes:
    output = bytearray()
    while process.stdout and (chunk := await process.stdout.read(MOST)):
        output += chunk
        if len(output) > MOST:
            raise CommandError("it printed far more than a token")
    return bytes(output)


async def _end(process: Process) -> None:
    """Kill the command and everything it started, and let its pipe end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):  # a process that left the group may hold the pipe open
            while process.stdout and await process.stdout.read(MOST):
                pass
            await process.wait()
