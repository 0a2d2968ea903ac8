"""The hand-over of a campaign to its receiver, export by export: nothing is lost, and nothing given twice.

::

    STATE/exports/KEY/            0700
    ├── ledger.sqlite             what was delivered (etl.handedover)
    └── RUN.csv                   the last export as it was delivered, for whoever needs it again

The next export asks for what was modified since the newest date that the receiver has, and a margin before
that: a server may cut its dates to seconds, and commit a change after one with a later date. What lies in
the margin and was given already, to the letter, is left out. No date counts that is later than the beginning
of the export: who is changed while a long walk goes on may have been met before.

A file goes from our folder to a temporary place beside its final one, and is *prepared* in the ledger; then
it is moved into place, and *delivered* in the ledger. So whatever is interrupted where, the next one knows
what was done: a prepared file that still waits beside its place is moved there, and one that is in place is
delivered. Only a file that is in neither leaves a doubt, which is asked about and never guessed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from msgspec.structs import replace
from yarl import URL

from etl.errors import DiskFullError, OutputError, StateError
from etl.files import make_way
from etl.handedover import Delivery, DeliveryStatus, Ledger, Version
from etl.obi.models import instant
from etl.state import StateFolder

__all__ = ["MARGIN", "Delivery", "DeliveryStatus", "Handover", "Version", "holding", "opened"]

MARGIN = timedelta(minutes=10)
"""How far before the newest date that the receiver has the next export begins to ask."""

LEDGER = "ledger.sqlite"


@contextlib.contextmanager
def opened(
    state: StateFolder, *, server: str, campaign_id: str, key: str = "", margin: timedelta = MARGIN
) -> Iterator[Handover]:
    """The hand-over of a campaign on a ``server`` (its base URL), kept from others meanwhile.

    ``key`` tells several of one campaign apart: whatever makes another receiver, or another set of customers.
    Call ``roll_forward`` first. Raises LockedError where another process has it open.
    """
    whole = f"{URL(server)}\n{campaign_id}\n{key}"
    name = blake2b(whole.encode(), digest_size=12).hexdigest()
    with state.export_lock(name):
        folder = state.exports / name
        with _told(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        with Ledger(folder / LEDGER) as ledger:
            for fact, value in {"server": server, "campaign": campaign_id, "key": key}.items():
                if ledger.fact(fact) != value:
                    ledger.note_fact(fact, value)
            yield Handover(folder, ledger, margin=margin)


@contextlib.contextmanager
def holding(state: StateFolder, run: str) -> Iterator[Handover]:
    """The hand-over that the export ``run`` belongs to (its name, a beginning or an end of it).

    Raises StateError where there is none or more than one, LockedError where another process has it open.
    """
    found = [path.parent.name for path in sorted(state.exports.glob(f"*/{LEDGER}")) if _has(path, run)]
    if len(found) != 1:
        what = "More than one hand-over has an" if found else "There is no"
        raise StateError(f"{what} export {run!r}; the export's own summary told its name.")
    with state.export_lock(found[0]):
        folder = state.exports / found[0]
        with Ledger(folder / LEDGER) as ledger:
            yield Handover(folder, ledger)


class Handover:
    """One hand-over, while its lock is held; ``opened`` and ``holding`` make it.

    Every method raises DiskFullError where no space is left, OutputError where the receiver's place can't be
    written, StateError where ours can't.
    """

    def __init__(self, folder: Path, ledger: Ledger, *, margin: timedelta = MARGIN) -> None:
        self._folder = folder
        self._ledger = ledger
        self._margin = margin

    @property
    def since(self) -> datetime | None:
        """From when on modifications are to be asked for, None for all; it reaches back into what was had."""
        watermark = self._ledger.watermark
        with contextlib.suppress(OverflowError):
            return watermark and watermark - self._margin
        return None

    def is_new(self, version: Version) -> bool:
        """Whether the receiver does not have this very version of the customer."""
        return not self._ledger.has_had(version)

    def last(self) -> Delivery | None:
        """The last export whose file was whole, None before the first."""
        whole = (each for each in reversed(self._all()) if each.status != DeliveryStatus.BEGUN)
        return next(whole, None)

    def roll_forward(self) -> Delivery | None:
        """Finish what was interrupted: the export that is in place by this, None where there was none.

        One that was never whole is forgotten, with its files. Raises StateError where a file is neither in
        its place nor beside it: a person must say whether the receiver has it, by ``acknowledge`` or
        ``again``.
        """
        for begun in self._in(DeliveryStatus.BEGUN):
            with _told(Path(begun.temporary)):
                Path(begun.temporary).unlink(missing_ok=True)
                self._table(begun).unlink(missing_ok=True)
            self._ledger.forget(begun)
        prepared = self._in(DeliveryStatus.PREPARED)
        return self.deliver(prepared[0].run) if prepared else None

    def begin(self, final: Path, *, server_time: datetime, awaits: bool = False) -> tuple[str, Path]:
        """Begin an export to ``final``: its name, and the path in our folder to write its table to.

        Call it before the first page is asked for, with the time by the server's own clock: nothing that is
        changed later counts as had. ``awaits``: its customers count when the receiver acknowledges them.
        """
        self.roll_forward()
        run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        delivery = Delivery(
            run=run,
            status=DeliveryStatus.BEGUN,
            started=instant(server_time),
            final=str(final.absolute()),
            temporary=str(self._beside(final.absolute(), run)),
            table=f"{run}{final.suffix}",
            awaits=awaits,
        )
        self._ledger.begin(delivery)
        return run, self._table(delivery)

    def prepare(
        self, run: str, *, versions: Iterable[Version], rows: int, complete: bool = True, mode: int = 0o600
    ) -> None:
        """The table is whole: bring it beside its place, and keep that ``versions`` are in it.

        ``complete``: nobody was missed for all we know. Otherwise the next export asks from where this one
        did; what is in this one is not given again all the same. ``mode`` are the file's permissions.
        """
        begun = self._named(run)
        temporary = Path(begun.temporary)
        with _told(Path(begun.final)):
            _copy(self._table(begun), temporary, mode=mode)
            stamp = _stamp(temporary)
        newest = begun.started if complete else ""
        whole = replace(begun, rows=rows, complete=complete, newest=newest, stamp=stamp)
        self._ledger.prepare(whole, versions)

    def deliver(self, run: str) -> Delivery:
        """Move the prepared file into place; what stands there already is moved aside, never overwritten.

        An export of this hand-over that is in the way and was not acknowledged goes: this one has its
        customers again.
        """
        prepared = self._named(run)
        temporary, final = Path(prepared.temporary), Path(prepared.final)
        with _told(final):
            if temporary.exists():
                self._make_way(final, prepared)
                temporary.replace(final)
                _sync(final.parent)
            elif not final.exists() or _stamp(final) != prepared.stamp:
                raise StateError(_doubt(prepared))
        return self._delivered(prepared)

    def again(self, final: Path | None = None, *, mode: int = 0o600) -> Delivery:
        """Put the last export in place once more, the very same file; by default where it went before.

        Nothing else changes by it. Raises StateError where there is none, or none is kept any more.
        """
        last = self.last()
        if last is None:
            raise StateError(
                "Nothing was handed over yet with these filters and this --name, so there is nothing to "
                "repeat; give those of the export that is meant."
            )
        kept, target = self._table(last), (final or Path(last.final)).absolute()
        if target.suffix.lower() != kept.suffix.lower():
            raise OutputError(
                f"The last export is kept as {kept.suffix} and {target} ends otherwise; name a file that "
                "ends in the same."
            )
        if not kept.exists():
            raise StateError(f"The file of export {last.run} is not kept any more in {self._folder}.")
        temporary = self._beside(target, last.run)
        with _told(target):
            _copy(kept, temporary, mode=mode)
            moved = replace(last, final=str(target), temporary=str(temporary), stamp=_stamp(temporary))
            self._make_way(target, last)
            self._ledger.put(moved)
            temporary.replace(target)
            _sync(target.parent)
            if last.temporary != moved.temporary:
                Path(last.temporary).unlink(missing_ok=True)
        return self._delivered(moved) if last.status == DeliveryStatus.PREPARED else moved

    def acknowledge(self, run: str) -> Delivery:
        """The receiver has the last export; saying so twice is as good as once.

        Raises StateError for one that a later export has given again, and for one that was not in place.
        """
        asked = self._named(run)
        if asked.status == DeliveryStatus.PREPARED:
            if Path(asked.temporary).exists():
                self.deliver(asked.run)
                raise StateError(
                    f"The export {asked.run} was interrupted before its file was in place, and it is there "
                    f"only now: {asked.final}; acknowledge it once the receiver has it."
                )
            asked = self._delivered(asked)
        last = self.last()
        if asked.status == DeliveryStatus.BEGUN or last is None:
            raise StateError(f"The export {asked.run} was interrupted and never in place; export again.")
        if asked.status == DeliveryStatus.SUPERSEDED or (
            asked.status == DeliveryStatus.DELIVERED and asked.run != last.run
        ):
            raise StateError(
                f"The customers of export {asked.run} were given again in {last.run}, together with what "
                "came since; acknowledge that one instead."
            )
        if asked.status == DeliveryStatus.ACKNOWLEDGED:
            return asked
        return self._ledger.acknowledge(asked, at=_now())

    def _delivered(self, delivery: Delivery) -> Delivery:
        """Keep that it is in place, and no copy of any other."""
        delivered = self._ledger.deliver(delivery, at=_now())
        with _told(self._folder):
            for path in self._folder.iterdir():
                if not path.name.startswith((LEDGER, delivery.table)):
                    path.unlink()
        return delivered

    def _all(self) -> list[Delivery]:
        return self._ledger.deliveries()

    def _in(self, status: DeliveryStatus) -> list[Delivery]:
        return [each for each in self._all() if each.status == status]

    def _named(self, run: str) -> Delivery:
        found = [each for each in self._all() if each.run == run]
        found = found or [each for each in self._all() if _goes_by(each, run)]
        if len(found) != 1:
            last = self.last()
            hint = f"the last is {last.run}" if last else "nothing was handed over yet"
            what = f"More than one export is named {run!r}" if found else f"There is no export {run!r}"
            raise StateError(f"{what} in this hand-over; {hint}.")
        return found[0]

    def _table(self, delivery: Delivery) -> Path:
        return self._folder / delivery.table

    def _beside(self, final: Path, run: str) -> Path:
        return final.with_name(f".{final.name}.{self._folder.name[:8]}-{run}.part")

    def _make_way(self, final: Path, coming: Delivery) -> None:
        """Move aside what stands there, but for what the export ``coming`` has again."""
        if not final.exists():
            return
        again = [each for each in self._in(DeliveryStatus.DELIVERED) if each.awaits]
        if _stamp(final) not in {each.stamp for each in (coming, *again) if each.final == str(final)}:
            make_way(final)


def _doubt(prepared: Delivery) -> str:
    final = Path(prepared.final)
    if not final.parent.is_dir():
        return (
            f"The export {prepared.run} was interrupted, and the folder {final.parent}, where its file "
            "waits, is not there; bring it back and export again."
        )
    return (
        f"The export {prepared.run} was interrupted, and its file is neither at {final} nor beside it: if "
        "the receiver has it, acknowledge it with --ack; if not, --again puts it there."
    )


def _copy(source: Path, target: Path, *, mode: int) -> None:
    """Copy a file durably, in place of one of that name; there is none where that fails."""
    target.unlink(missing_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as written, source.open("rb") as read:
            shutil.copyfileobj(read, written, 1 << 20)
            written.flush()
            target.chmod(mode)
            os.fsync(written.fileno())
    except BaseException:  # a full disk must not keep half of people's data beside the receiver's files
        target.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _sync(folder: Path) -> None:
    """Make durable what was moved in a folder."""
    if os.name != "posix":  # elsewhere a folder can't be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells a file apart from others of its place; a move within a file system leaves it as it is."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _goes_by(delivery: Delivery, run: str) -> bool:
    return bool(run) and (delivery.run.startswith(run) or delivery.run.endswith(run))


def _has(path: Path, run: str) -> bool:
    with Ledger(path) as ledger:
        return any(_goes_by(each, run) for each in ledger.deliveries())


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what an error of the file system means for the hand-over."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(f"No space is left for {path}; free some and export again.") from None
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from None
