"""The work of a run: its input decided, chunk by chunk.

Reading and validating run in a thread, one chunk ahead of sending, so that the next one is ready when the
server is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import closing
from pathlib import Path
from subprocess import Popen
from typing import TypeVar

from msgspec import Struct, field

from etl.columns import map_columns
from etl.duplicates import Duplicates
from etl.earlier import Earlier
from etl.journal import Journal
from etl.obi.models import moment
from etl.payload import items_of
from etl.profile import Profile
from etl.reader import chunks
from etl.records import Customer, Item, Manifest, RowOutcome, SourceSpec, SuppressionList
from etl.scratch import told_when_full
from etl.seen import Seen
from etl.settings import Settings
from etl.suppression import Suppression
from etl.validator import Decided, Validator

T = TypeVar("T")


class Work(Struct, frozen=True, kw_only=True):
    """One input, where it is and how its rows are decided; the same on each day the run is worked on.

    ``lists`` are the do-not-call lists in use, with their indexes in the folder ``indexes``. ``earlier`` are
    the journals of runs whose customers count as duplicates. ``findings`` are counts over all rows, filled in
    when they are decided; ``listed_since`` the settled rows that would be suppressed by now. ``decider`` is
    a process that stands by to decide (``etl.deciding``).
    """

    source: Path
    spec: SourceSpec
    profile: Profile
    settings: Settings
    campaign_end: str = ""
    scratch: Path = field(default_factory=Path)
    lists: tuple[SuppressionList, ...] = ()
    indexes: Path = field(default_factory=Path)
    earlier: tuple[Path, ...] = ()
    findings: dict[str, int] = field(default_factory=dict)
    listed_since: list[int] = field(default_factory=list)
    decider: Popen[bytes] | None = None

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        settings: Settings,
        *,
        scratch: Path,
        lists: Sequence[SuppressionList] = (),
        indexes: Path = Path(),
        earlier: Sequence[Path] = (),
        decider: Popen[bytes] | None = None,
    ) -> Work:
        """The work of a run, from its manifest; ``settings`` are the manifest's, with today's credentials."""
        return cls(
            source=Path(manifest.source),
            spec=manifest.spec,
            profile=Profile.thawed(manifest.profile),
            settings=settings,
            campaign_end=manifest.campaign.end_date,
            scratch=scratch,
            lists=tuple(lists),
            indexes=indexes,
            earlier=tuple(earlier),
            decider=decider,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of all rows together, once they are decided."""
        shared = self.findings.get("shared_numbers", 0)
        if not shared:
            return ()
        number = "1 number stands" if shared == 1 else f"{shared:,} numbers stand"
        return (f"{number} under more than one externalId; --duplicates-by number sends only the first",)


def decisions(work: Work) -> Generator[list[Decided], None, None]:
    """Every row decided, chunk by chunk, in order: a customer to send, or the outcome without sending.

    Raises DiskFullError where the folder ``scratch`` has no room.
    """
    with (
        told_when_full(work.scratch.parent),
        Seen(work.scratch) as seen,
        Suppression.opened(work.indexes, work.lists) as suppression,
        Earlier(work.scratch / "earlier.sqlite") as earlier,
    ):
        earlier.fill(work.earlier)
        validator = Validator(
            profile=work.profile,
            mapping=map_columns(work.spec.columns, work.profile),
            duplicates=Duplicates(
                seen, by=work.settings.duplicates_by, earlier=earlier if work.earlier else None
            ),
            campaign_end=moment(work.campaign_end),
            suppression=suppression,
        )
        for rows in chunks(work.source, work.spec):
            yield validator.decide(rows)
        work.findings["shared_numbers"] = seen.shared()


class Portion(Struct, frozen=True):
    """What a chunk of rows comes to: those that are not sent and those to send, each in the order of rows."""

    outcomes: list[RowOutcome]
    items: list[Item]


def portions(work: Work, *, marker: tuple[str, str] | None) -> Generator[Portion, None, None]:
    """Every row decided, and what is sent ready to be sent; ``marker`` is an attribute of all customers."""
    as_attributes = work.profile.phones.send_as == "attributes"
    with closing(decisions(work)) as decided:
        for answers in decided:
            customers = [answer for answer in answers if isinstance(answer, Customer)]
            yield Portion(
                [answer for answer in answers if isinstance(answer, RowOutcome)],
                items_of(customers, as_attributes=as_attributes, marker=marker),
            )


async def ahead(source: Generator[T, None, None]) -> AsyncGenerator[T, None]:
    """What ``source`` gives, each worked out in a thread while the one before is used.

    It closes the source at its end, however it ends.
    """
    try:
        task = asyncio.create_task(asyncio.to_thread(next, source, None))
        # Shielded: cancelling the run does not end the thread, and its generator can't be closed meanwhile.
        while (given := await asyncio.shield(task)) is not None:
            task = asyncio.create_task(asyncio.to_thread(next, source, None))
            yield given
    finally:
        await asyncio.wait([task])
        await asyncio.to_thread(source.close)


def marker_of(settings: Settings, journal: Journal) -> tuple[str, str] | None:
    """The attribute that the run's customers carry, None where they carry none."""
    return (settings.marker, journal.manifest.run) if settings.marker else None
