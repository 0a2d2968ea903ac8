"""Which inputs are meant by the words on the command line."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import click

from etl.errors import InputError
from etl.remote import is_url, last_name, shown

_OURS = ("*.results.*", "*.rejects.*", "*.check.*", "*.undo.*", "*.deleted.*", "*.suppressed.*")


def expand(words: Sequence[str]) -> list[str]:
    """Paths, URLs and globs as single inputs; among several, files that we wrote ourselves are left out.

    Raises InputError for a glob that fits nothing, and for one in a URL.
    """
    found: list[str] = []
    for word in words:
        if is_url(word) and "*" in word:
            raise InputError(f"{shown(word)}: patterns in URLs are not looked up; name each file.")
        if word == "-" or is_url(word) or Path(word).exists() or not glob.has_magic(word):
            found.append(word)
            continue
        matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207  -- the word may begin anywhere
        if not matches:
            raise InputError(f"No file fits {word}; check the folder and the pattern.")
        found += matches
    if len(found) > 1:
        found = [path for path in found if not any(fnmatch(_name(path), ours) for ours in _OURS)]
    if not found:
        raise InputError(
            "Only files that obi wrote fit (results, rejects, …); name one of them alone to load it."
        )
    return found


def one_path(folder: str | None, source: str, *, word: str, several: bool) -> str:
    """Where ``--results`` or ``--rejects`` puts the answers of ``source``; for several, a folder."""
    if not folder:
        return ""
    if several and not Path(folder).suffix:
        Path(folder).mkdir(parents=True, exist_ok=True)
    if Path(folder).is_dir():
        from etl.files import stem_of

        return str(Path(folder) / f"{stem_of(source)}.{word}.csv")
    if several:
        option = "rejects" if word == "rejects" else "results"
        raise click.UsageError(f"--{option} must be a folder where there are several inputs.")
    return folder


def _name(source: str) -> str:
    return last_name(source) if source == "-" or is_url(source) else Path(source).name
