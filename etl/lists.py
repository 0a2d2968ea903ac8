"""Do-not-call lists: files → indexes in the state folder, made once and shared by the loads that need them.

An index goes by the bytes of its list, the region and the version of the reading, so that a list that has
changed is read anew and one that has not is not. What can't be relied upon stops the load before anything is
sent: a list that is missing, empty, too old, unreadable, or of which nobody can tell what it holds.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path

from msgspec.structs import replace

from etl.entries import VERSION
from etl.errors import ConfigError, InputError, LockedError, StateError
from etl.journal import Journal
from etl.listcolumns import IDS
from etl.listfiles import Asked, build_index, expand
from etl.profile import LIST_KINDS, Profile
from etl.records import SuppressionList, in_days
from etl.state import StateFolder
from etl.suppression import Index, is_index
from etl.survey import fingerprint

_FACT = "lists"
"""Under which a journal keeps the lists that its run has gone by, where they have grown since it began."""
_INDEXES = frozenset({".keys", ".part", ".sqlite"})
"""How files of indexes end, of older versions too, and those that a crash left unfinished."""
_KEPT = 30 * 86_400
"""Seconds that an index is kept without being used."""


def lists_for(
    words: Iterable[str], profile: Profile, state: StateFolder, *, say: Callable[[str], None]
) -> tuple[SuppressionList, ...]:
    """The profile's standing lists and those that ``words`` ask for, indexed; raises as ``Lists.prepare``."""
    return lists_named((*profile.suppress.files, *words), profile, state, say=say)


def lists_named(
    words: Iterable[str], profile: Profile, state: StateFolder, *, say: Callable[[str], None]
) -> tuple[SuppressionList, ...]:
    """The lists that ``words`` ask for, indexed; raises as ``Lists.prepare``."""
    return _lists(profile, state, say=say).prepare(words)


def lists_of_run(
    journal: Journal,
    state: StateFolder,
    *,
    given: Sequence[SuppressionList] = (),
    say: Callable[[str], None],
) -> tuple[SuppressionList, ...]:
    """The lists that a run goes by: as it began with them, as their files are now, and those ``given`` now.

    A list may only grow in a run: who is on it today is not called, whatever stood there when the run began.
    Raises StateError where a list that the run began with can't be had any more, and ConfigError where rows
    are still to be sent and a file as it is now can't be relied upon.
    """
    begun = journal.fact(_FACT, list[SuppressionList], list(journal.manifest.lists))
    lists = _lists(Profile.thawed(journal.manifest.profile), state, say=say)
    lists.secure(begun)
    since = lists.since(begun, sending=journal.state() != "finished")
    indexes = {each.index: each for each in (*begun, *given, *since)}
    if len(indexes) > len(begun):
        journal.note(_FACT, list(indexes.values()))
    return tuple(indexes.values())


def _lists(profile: Profile, state: StateFolder, *, say: Callable[[str], None]) -> Lists:
    return Lists(state, profile, say=say, needed=partial(_needed, state))


def _needed(state: StateFolder) -> set[str] | None:
    """The indexes that unfinished runs need; None where a journal can't be read, so that nobody knows."""
    found: set[str] = set()
    for run in state.runs():
        try:
            with state.open(run) as journal:
                if journal.state() != "finished":
                    lists = journal.fact(_FACT, list[SuppressionList], list(journal.manifest.lists))
                    found |= {each.index for each in lists}
        except StateError:
            return None
    return found


class Lists:
    """Makes the lists of loads ready, by one profile.

    ``say`` is told what takes long. ``needed`` gives the indexes that unfinished runs need, None where
    that can't be known.
    """

    def __init__(
        self,
        state: StateFolder,
        profile: Profile,
        *,
        say: Callable[[str], None],
        needed: Callable[[], set[str] | None] = set,
    ) -> None:
        self._state = state
        self._rules = profile.suppress
        self._region = profile.suppress.region or profile.region
        self._say = say
        self._needed = needed

    def prepare(self, words: Iterable[str]) -> tuple[SuppressionList, ...]:
        """The lists that these words ask for, indexed.

        Raises ConfigError that names the list, the line and what to do, where one can't be relied upon.
        """
        found = tuple(self._ready(asked) for asked in expand(words))
        if found:
            self._prune()
        return found

    def secure(self, lists: Sequence[SuppressionList]) -> None:
        """Make sure of the indexes that a run began with; one that is gone is made again from its file.

        So is one that an older version made in another form.

        Raises StateError where the file has changed since.
        """
        for each in lists:
            with self._state.list_lock(each.index):
                if is_index(path := self._state.lists / each.index):
                    os.utime(path)
                    continue
                file = Path(each.path)
                if not file.is_file() or fingerprint(file) != each.fingerprint:
                    raise StateError(
                        f"The do-not-call list {each.name} is not what the run began with, and its index is "
                        "gone, so the run can't go on; put the file back, or load anew with --new-run."
                    )
                stated = next((kind for word, kind in LIST_KINDS.items() if each.asked.startswith(word)), "")
                build_index(
                    Asked(file, stated), path, region=each.region, digest=each.fingerprint, say=self._say
                )

    def since(self, lists: Sequence[SuppressionList], *, sending: bool) -> tuple[SuppressionList, ...]:
        """What the files of these lists hold now, where that is something else.

        A file that is gone is told, and adds nothing. While rows are still ``sending``, one that is too old
        by now, or that has changed and can't be relied upon any more, raises ConfigError; later it is told.
        """
        found: list[SuppressionList] = []
        for each in lists:
            file = Path(each.path)
            if not file.is_file():
                self._say(f"The do-not-call list {file} is gone; the run goes by it as it was.")
                continue
            try:
                self._modified(file)
                if fingerprint(file) != each.fingerprint:
                    found += self.prepare([each.asked])
            except ConfigError as error:
                if sending:
                    raise
                self._say(f"{error} The run goes by the list as it was.")
        return tuple(found)

    # --- one list -----------------------------------------------------------------------------------

    def _ready(self, asked: Asked) -> SuppressionList:
        path = asked.path
        modified = self._modified(path)
        try:
            digest = fingerprint(path)
        except InputError as error:
            raise ConfigError(f"Nothing was sent: do-not-call list {error}") from None
        key = f"{VERSION}\n{digest}\n{self._region}\n{asked.stated}"
        index = f"{blake2b(key.encode(), digest_size=16).hexdigest()}.keys"
        target = self._state.lists / index
        with self._locked(index, path):
            if not is_index(target):
                build_index(asked, target, region=self._region, digest=digest, say=self._say)
            os.utime(target)
            with Index(target) as built:
                facts = built.facts
        when = datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds")
        found = replace(facts, name=path.name, path=str(path), asked=asked.words, index=index, modified=when)
        self._check(found)
        return found

    @contextlib.contextmanager
    def _locked(self, index: str, path: Path) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._state.list_lock(index, wait=0))
            except LockedError:
                self._say(f"Another load reads the do-not-call list {path.name}; waiting for it.")
                stack.enter_context(self._state.list_lock(index))
            yield

    def _modified(self, path: Path) -> float:
        """When the list was written. Raises ConfigError where it is not there, or older than is allowed."""
        try:
            modified = path.stat().st_mtime
            here = "a folder" if path.is_dir() else ""
        except OSError:
            here = "not there"
        if here:
            raise ConfigError(
                f"The do-not-call list {path} is {here}, so nothing was sent; name its file, or load without."
            )
        old = time.time() - modified
        if 0 < self._rules.max_seconds < old:
            raise ConfigError(
                f"The do-not-call list {path} is {in_days(old)} old, and the profile's max_age is "
                f"{self._rules.max_age}, so nothing was sent; fetch the list anew."
            )
        return modified

    def _check(self, found: SuppressionList) -> None:
        if found.unreadable > self._rules.max_unreadable:
            entries = "1 entry" if found.unreadable == 1 else f"{found.unreadable:,} entries"
            lines = ", ".join(f"{line:,}" for line in found.unreadable_lines)
            no_region = not found.region and found.kind != IDS
            region = "; national numbers need a region (--region, or region under [suppress])" * no_region
            raise ConfigError(
                f"{entries} of the do-not-call list {found.path} can't be read (line {lines}), so nothing "
                f"was sent; correct them{region}. max_unreadable under [suppress] in a profile allows some."
            )
        if not found.entries:
            raise ConfigError(
                f"The do-not-call list {found.path} is empty, so nothing was sent; fetch it anew."
            )

    # --- keeping ------------------------------------------------------------------------------------

    def _prune(self) -> None:
        """Remove indexes that nobody used for a month and no unfinished run needs."""
        old = [
            path
            for path in self._state.lists.iterdir()
            if path.suffix in _INDEXES and path.stat().st_mtime < time.time() - _KEPT
        ]
        if not old:
            return
        needed = self._needed()
        for path in old if needed is not None else ():
            with (
                contextlib.suppress(LockedError, OSError),
                self._state.list_lock(path.name.removesuffix(".part"), wait=0),
            ):
                if path.name not in (needed or ()) and path.stat().st_mtime < time.time() - _KEPT:
                    path.unlink()
