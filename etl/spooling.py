"""Our own copy of an input: a CRM may overwrite its export while we read it, and resume reads it again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from etl.errors import DiskFullError, InputError, StateError
from etl.remote import fetch
from etl.sources.files import check_readable, chunks, open_bytes


def spool(source: Path | BinaryIO | str, target: Path) -> None:
    """Copy the bytes of ``source`` to ``target``, for our user only, and on the disk when this returns.

    ``source`` is a path, a stream, or a URL. A copy that did not become whole is not left behind. Raises
    InputError where the source can't be read, DiskFullError or StateError where the copy can't be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        with _writing(target):
            _copied(source, part)
            part.replace(target)
            _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _copied(source: Path | BinaryIO | str, part: Path) -> None:
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy:
        if isinstance(source, str):
            fetch(source, part)
        else:
            with _opened_for_copy(source) as stream:
                for chunk in _read(stream, source):
                    with _writing(part):  # what goes wrong here is nothing that is wrong with the source
                        copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())


@contextmanager
def _opened_for_copy(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        check_readable(source, source.name)
        with open_bytes(source, source.name) as stream:
            yield stream
    else:
        yield source


def _read(stream: BinaryIO, source: Path | BinaryIO) -> Iterator[bytes]:
    label = source.name if isinstance(source, Path) else "the standard input"
    try:
        yield from chunks(stream)
    except OSError as error:
        raise InputError(f"{label} can't be read to its end ({error}); try again.") from error


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"No space left in {target.parent} for a copy of the input; free some."
            ) from error
        raise StateError(f"{target} can't be written ({error.strerror}); check the state folder.") from error


def _sync_folder(folder: Path) -> None:
    # The new name must survive a power cut too; Windows has no handle of a folder, and needs none.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
