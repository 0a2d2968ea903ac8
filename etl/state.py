"""The state folder: a folder for each run, and the locks that keep two loads out of one campaign.

::

    STATE/                   0700
    ├── runs/RUN/journal.sqlite
    ├── runs/RUN/source      our copy of the input
    ├── incoming/            copies that have no run yet
    ├── lists/NAME.keys      do-not-call lists, by their content
    ├── exports/KEY/         what a campaign's receiver was handed over
    ├── removals/KEY/        what became of deletions that were asked for
    ├── locks/
    └── simulator.sqlite
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock, Timeout
from yarl import URL

from etl.errors import DiskFullError, LockedError, StateError
from etl.journal import Journal
from etl.records import Manifest
from etl.scratch import told_when_full

JOURNAL = "journal.sqlite"
SOURCE = "source"


class StateFolder:
    """The state folder at ``path``, made where it is missing. Raises StateError if that can't be."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        try:
            made = (self._runs, self._incoming, self._locks, self.lists, self.exports, self.removals)
            for folder in (self.path, *made):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tidy()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFullError(f"No space is left for the state folder {self.path}.") from None
            raise StateError(
                f"The state folder {self.path} can't be made: {error.strerror}; "
                "name another with --state-dir."
            ) from None

    def _tidy(self) -> None:
        """Remove copies of inputs that a killed process left behind."""
        yesterday = time.time() - 86_400
        for left in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):  # its own process may remove it meanwhile
                if left.stat().st_mtime < yesterday:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()

        for folder in self._runs.iterdir():
            # Its process was killed before there was a run; nothing was sent.
            if not (folder / JOURNAL).exists() and folder.stat().st_mtime < yesterday:
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def _runs(self) -> Path:
        return self.path / "runs"

    @property
    def _incoming(self) -> Path:
        return self.path / "incoming"

    @property
    def _locks(self) -> Path:
        return self.path / "locks"

    @property
    def lists(self) -> Path:
        """Where the indexes of do-not-call lists are."""
        return self.path / "lists"

    @property
    def exports(self) -> Path:
        """Where it is kept what was handed over."""
        return self.path / "exports"

    @contextlib.contextmanager
    def export_lock(self, name: str, *, wait: float = 0) -> Iterator[None]:
        """Keep others from the hand-over of this name; ``wait`` in seconds. Raises LockedError."""
        lock = FileLock(self._locks / f"export-{name}.lock", mode=0o600, timeout=wait)
        try:
            with lock:
                yield
        except Timeout:
            raise LockedError("Another export of the same hand-over is running; wait for it.") from None

    @property
    def removals(self) -> Path:
        """Where it is kept what became of deletions that were asked for, a folder each."""
        return self.path / "removals"

    @contextlib.contextmanager
    def removal_lock(self, name: str, *, wait: float = 0) -> Iterator[None]:
        """Keep others from the deletions of this name; ``wait`` in seconds. Raises LockedError."""
        lock = FileLock(self._locks / f"removal-{name}.lock", mode=0o600, timeout=wait)
        try:
            with lock:
                yield
        except Timeout:
            raise LockedError("The same deletion is running already; wait for it.") from None

    @contextlib.contextmanager
    def list_lock(self, index: str, *, wait: float = -1) -> Iterator[None]:
        """Keep others from building or removing the index of this name; ``wait`` in seconds, -1 for ever.

        Raises LockedError.
        """
        lock = FileLock(self._locks / f"list-{index}.lock", mode=0o600, timeout=wait)
        try:
            with lock:
                yield
        except Timeout:
            raise LockedError(f"Another process works on the do-not-call list's index {index}.") from None

    @property
    def simulator(self) -> Path:
        """Where the embedded simulator keeps its data."""
        return self.path / "simulator.sqlite"

    @contextlib.contextmanager
    def incoming(self) -> Iterator[Path]:
        """A place for a copy of an input; what was not taken into a run by the end is removed."""
        path = self._incoming / secrets.token_hex(8)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for throw-away files. Raises DiskFullError where they find no room."""
        path = self._incoming / secrets.token_hex(8)
        with told_when_full(self._incoming):
            path.mkdir(mode=0o700)
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)

    def new_run(self) -> tuple[str, Path]:
        """A name that sorts by time, and its folder."""
        while True:
            run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            with contextlib.suppress(FileExistsError):
                self.folder_of(run).mkdir(mode=0o700)
                return run, self.folder_of(run)

    def folder_of(self, run: str) -> Path:
        """The folder of a run."""
        return self._runs / run

    def runs(self) -> list[str]:
        """The names of the runs, the oldest first."""
        return sorted(path.parent.name for path in self._runs.glob(f"*/{JOURNAL}"))

    def open(self, run: str) -> Journal:
        """The journal of a run, named whole or by a unique beginning or end of its name."""
        whole = run == Path(run).name and (self.folder_of(run) / JOURNAL).is_file()
        found = (
            [run] if whole else [name for name in self.runs() if name.startswith(run) or name.endswith(run)]
        )
        if len(found) != 1:
            what = "more than one run fits" if found else "there is no run"
            raise StateError(f"{what[0].upper()}{what[1:]} {run!r}; `obi runs list` shows them.")
        return Journal.open(self.folder_of(found[0]) / JOURNAL)

    def unfinished(self) -> tuple[list[Manifest], list[str]]:
        """The runs that ``resume`` can go on with, the oldest first, and those with unreadable journals."""
        found, unreadable = [], []
        for run in self.runs():
            try:
                with self.open(run) as journal:
                    if journal.state() != "finished":
                        found.append(journal.manifest)
            except StateError:
                unreadable.append(run)
        return found, unreadable

    @contextlib.contextmanager
    def campaign_lock(self, base_url: str, campaign_id: str, *, wait: float = 0) -> Iterator[None]:
        """Keep other loads out of this campaign; the lock ends with the process, killed or not.

        ``wait`` is how many seconds to wait for another load. Raises LockedError.
        """
        # URL() writes the same server the same way: host in lower case, no default port.
        name = blake2b(f"{URL(base_url)}\n{campaign_id}".encode(), digest_size=12).hexdigest()
        lock = FileLock(self._locks / f"{name}.lock", mode=0o600, timeout=wait)
        try:
            with lock:
                yield
        except Timeout:
            raise LockedError(
                "Another load into this campaign is running; wait for it, or let this one wait with "
                "--wait-lock."
            ) from None


def input_mode(path: Path) -> int:
    """The permissions of an input, for what is made from it; only the user's own where there is no file."""
    try:
        return path.stat().st_mode & 0o666
    except OSError:
        return 0o600
