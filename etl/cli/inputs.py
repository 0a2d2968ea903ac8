"""Which inputs are meant by the words on the command line."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import click

from etl.errors import InputError

_OURS = ("*.results.*", "*.rejects.*", "*.check.*", "*.undo.*")


def expand(words: Sequence[str]) -> list[str]:
    """Paths and globs as single inputs; among several, files that we wrote ourselves are left out.

    Raises InputError for a glob that fits nothing.
    """
    found: list[str] = []
    for word in words:
        if word == "-" or Path(word).exists() or not glob.has_magic(word):
            found.append(word)
            continue
        matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207  -- the word may begin anywhere
        if not matches:
            raise InputError(f"No file fits {word}; check the folder and the pattern.")
        found += matches
    if len(found) > 1:
        found = [path for path in found if not any(fnmatch(Path(path).name, ours) for ours in _OURS)]
    if not found:
        raise InputError("Only results, rejects, check or undo files fit; name one of them alone to load it.")
    return found


def one_path(folder: str | None, source: str, *, word: str, several: bool) -> str:
    """Where ``--results`` or ``--rejects`` puts the answers of ``source``; for several, a folder."""
    if not folder:
        return ""
    if several and not Path(folder).suffix:
        Path(folder).mkdir(parents=True, exist_ok=True)
    if Path(folder).is_dir():
        stem = Path(source).name.removesuffix(".gz")
        return str(Path(folder) / f"{Path(stem).stem or 'stdin'}.{word}.csv")
    if several:
        raise click.UsageError(f"--{word} must be a folder where there are several inputs.")
    return folder
