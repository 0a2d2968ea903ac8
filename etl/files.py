"""Where the answers of a run go, and what becomes of what stands there already."""

from __future__ import annotations

import itertools
import shutil
from datetime import UTC, datetime
from pathlib import Path

from etl.errors import DiskFullError, OutputError
from etl.journal import Journal
from etl.outputs import check_writable
from etl.reconciler import RESULT_COLUMNS, Files
from etl.records import SourceSpec
from etl.remote import is_url, last_name
from etl.state import input_mode

_WORDS = (".results", ".rejects", ".check", ".undo", ".deleted", ".suppressed")
_BYTES_A_ROW = 300
"""About what the journal takes for a row, and what the results add to it."""

_BYTES_OF_WAL = 5_000_000
"""What SQLite writes ahead before it clears up after itself (1,000 pages, and the index of them)."""


def files_of(
    source: str, *, results: str = "", rejects: str = "", word: str = "results", plain: bool = False
) -> Files:
    """The paths for an input (a path, ``-`` or a URL): as given, else beside the input under its stem.

    What is no file has its answers in the current folder, a URL's under the last name of its path.
    ``word`` is ``results`` or ``check``; a check writes rejects only where they are asked for, since those
    beside the input are a load's.
    """
    is_file = source != "-" and not is_url(source)
    path = Path(source if is_file else last_name(source))
    folder = path.absolute().parent if is_file else Path.cwd()
    stem = stem_of(source)
    ending = ".xlsx" if path.suffix.lower() in {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"} else ".csv"
    beside = folder / f"{stem}.rejects{ending}" if word == "results" else None
    return Files(
        results=Path(results).absolute() if results else folder / f"{stem}.{word}.csv",
        rejects=Path(rejects).absolute() if rejects else beside,
        plain=plain,
        mode=input_mode(path) if is_file else 0o600,
    )


def stem_of(source: str) -> str:
    """The name of an input (a path, ``-`` or a URL) without its ending: ``a`` of ``a.csv.gz``."""
    name = last_name(source) if source == "-" or is_url(source) else Path(source).name
    name = Path(name).stem if Path(name).suffix.lower() in {".gz", ".zip"} else name
    return Path(name).stem or name


def check_files(files: Files, *, source: str, rows: int, columns: int) -> None:
    """Raise OutputError where the answers could not be written at the end, or would overwrite the input."""
    if files.results == files.rejects:
        raise OutputError(f"Results and rejects would both go to {files.results}; name two files.")
    for path in filter(None, (files.results, files.rejects)):
        if path.exists() and Path(source).exists() and path.samefile(source):
            raise OutputError(f"{path} is the input itself; name another file.")
        check_writable(path, rows=rows, columns=columns + len(RESULT_COLUMNS))


def check_space(files: Files, *, state: Path, spec: SourceSpec) -> None:
    """Raise DiskFullError where journal or results will not find the space that they take, about."""
    rows = spec.rows * _BYTES_A_ROW
    needed = {
        "the journal": (state, rows + _BYTES_OF_WAL),
        "the results": (files.results.parent, 2 * spec.size + rows),
    }
    for what, (folder, size) in needed.items():
        free = shutil.disk_usage(folder).free
        if free < size:
            raise DiskFullError(
                f"{folder} has {free / 1e6:,.0f} MB free, and {what} will take about {size / 1e6:,.0f} MB; "
                "nothing was sent. Free some space, then load again."
            )


def make_way(path: Path, journal: Journal | None = None) -> Path | None:
    """Rename a file that another run, or somebody, put at ``path``: it is never overwritten in silence.

    One that the run of ``journal`` wrote earlier stays, to be replaced. Gives what the file is called now,
    None where none was renamed.
    """
    if not path.exists() or (journal and stamp(path) == journal.fact(f"wrote {path}", list[int])):
        return None
    when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    stem, ending = path.stem, path.suffix
    word = next((word for word in _WORDS if stem.endswith(word)), "")
    stem = stem.removesuffix(word)
    marks = (f"{when:%Y%m%d-%H%M%S}" + (f"-{ordinal}" if ordinal else "") for ordinal in itertools.count())
    names = (path.with_name(f"{stem}.{mark}{word}{ending}") for mark in marks)
    other = next(name for name in names if not name.exists())
    path.rename(other)
    return other


def remember(path: Path, journal: Journal) -> None:
    """Keep that this run wrote ``path``, so that it may write it anew."""
    if path.exists():
        journal.note(f"wrote {path}", stamp(path))


def remove_own(path: Path, journal: Journal) -> None:
    """Remove a file that this run wrote earlier and that no longer holds."""
    if path.exists() and stamp(path) == journal.fact(f"wrote {path}", list[int]):
        path.unlink()


def stamp(path: Path) -> list[int]:
    """What tells whether a file is still the one that was written: when, how large, and which."""
    found = path.stat()
    return [found.st_mtime_ns, found.st_size, found.st_ino]
