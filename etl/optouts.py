"""Customers who came onto a do-not-call list after they were loaded: found in campaigns, and told or deleted.

Lists are those of loads (``etl.lists``). All campaigns are looked through before anybody is deleted; one that
can't be does not hide the others. What becomes of who is deleted stands in a ledger for each campaign
(``etl.undone``) before it counts, and that goes once the results are in place: what was killed goes on by the
same command.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from etl.campaigns import find_campaign
from etl.errors import ConfigError, EtlError, InterruptedRunError, OutputError, UnavailableError
from etl.files import files_of, make_way
from etl.link import Link, connected
from etl.lists import lists_named
from etl.obi.models import Campaign, CampaignStatus
from etl.optoutsearch import Answer, CampaignSearch, Comparison
from etl.outputs import check_writable, table
from etl.profile import GUESSED, Profile
from etl.progress import Progress, Silence
from etl.quoting import counted
from etl.records import SuppressionList, worst_exit
from etl.removal import key_of
from etl.settings import Settings
from etl.state import StateFolder
from etl.suppression import Suppression
from etl.undone import UndoStatus

OPT_OUT_COLUMNS = (
    "obi_campaign",
    "obi_campaign_id",
    "obi_id",
    "obi_external_id",
    "obi_numbers",
    "obi_matched",
    "obi_list",
    "obi_status",
    "obi_result",
    "obi_call_count",
    "obi_error",
)
_FINE = frozenset({UndoStatus.DELETED.value, UndoStatus.GONE.value})


class OptOutOrder(Struct, frozen=True, kw_only=True):
    """What is asked: to look in ``campaigns`` (ids or exact names), or all of them, for who is on ``lists``.

    ``lists`` are words as of ``--suppress``; without any the profile's standing ones count. Of ``profile``
    count the region, the prefix of ids and the rules for lists. ``delete`` deletes who is found, called or
    not. ``results`` is a path, by default beside the first list.
    """

    lists: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    all_campaigns: bool = False
    profile: Profile = GUESSED
    delete: bool = False
    results: str = ""
    simulate: bool = False


class OptOutPlan(Struct, frozen=True):
    """What is about to be done, for the question before: ``customers`` of these campaigns are deleted."""

    customers: int
    campaigns: tuple[str, ...]


class Searched(Struct, frozen=True, kw_only=True):
    """What a campaign came to: customers ``compared``, and those found by status.

    ``complete`` is false where customers came and went so that some may have been passed over. ``error`` says
    what stopped it, empty where all of it was looked through.
    """

    id: str
    name: str
    compared: int
    counts: dict[str, int]
    complete: bool
    exit_code: int
    error: str = ""


class OptOutReport(Struct, frozen=True, kw_only=True):
    """The end of a search, for people and machines.

    ``counts`` are the customers found, of all campaigns: ``listed``, ``unreadable`` (a number can't be read,
    so it was not compared), ``deleted``, ``gone``, ``kept``, ``failed``.
    """

    campaigns: tuple[Searched, ...]
    compared: int
    counts: dict[str, int]
    exit_code: int
    deleting: bool
    lists: tuple[SuppressionList, ...]
    command: str = "customers suppress"
    stopped: str = ""
    results: str = ""
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    next: str = ""


class _Part:
    """One campaign of the work: its search, once there is one, and what stopped it."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.search: CampaignSearch | None = None
        self.error: EtlError | None = None

    def fail(self, error: EtlError) -> None:
        self.error = self.error or error

    def searched(self) -> Searched:
        counts = Counter(answer.status for answer in (self.search.answers() if self.search else ()))
        complete = bool(self.search and self.search.complete)
        left = not complete or any(status not in _FINE for status in counts)
        return Searched(
            id=self.campaign.id,
            name=self.campaign.name,
            compared=self.search.compared if self.search else 0,
            counts=dict(sorted(counts.items())),
            complete=complete,
            exit_code=self.error.exit_code if self.error else 5 if left else 0,
            error=str(self.error or ""),
        )


class OptOuts:
    """Looks for opt-outs with one set of settings and one state folder.

    ``run`` and ``repeat`` are the words that go on with what was stopped. ``stop`` ends the work after what
    is in flight; ``while_sending`` is entered for that time. ``question`` is asked before anybody is deleted.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Progress | None = None,
        stop: asyncio.Event | None = None,
        question: Callable[[OptOutPlan], bool] = lambda _plan: True,
        while_sending: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        repeat: str = "",
    ) -> None:
        self.settings = settings
        self.state = StateFolder(settings.state_dir)
        self.run = ""
        self.repeat = repeat
        self._progress = progress or Silence()
        self._stop = stop or asyncio.Event()
        self._question = question
        self._while_sending = while_sending

    async def suppress(self, order: OptOutOrder) -> OptOutReport:
        """Find who is listed, delete them if that is asked for, and write what became of each.

        Raises EtlError for what stops it before anything is changed: lists, campaigns, the results path, no.
        """
        began = time.monotonic()
        profile = order.profile
        words = order.lists or profile.suppress.files
        if not words:
            raise ConfigError("No do-not-call list is named; use --list, or a profile with [suppress] files.")
        lists = lists_named(words, profile, self.state, say=self._progress.say)
        files = files_of(lists[0].path, results=order.results, word="suppressed", plain=self.settings.plain)
        _check(files.results, lists)
        async with connected(self.settings, simulate=order.simulate, progress=self._progress) as link:
            parts = [_Part(campaign) for campaign in await _campaigns(link, order)]
            with self.state.scratch() as scratch, ExitStack() as stack:
                folder = self._folder(order, lists, parts, link.server, scratch=scratch)
                if order.delete:
                    lock = self.state.removal_lock(folder.name, wait=self.settings.wait_lock)
                    stack.enter_context(lock)
                comparison = Comparison(
                    stack.enter_context(Suppression.opened(self.state.lists, lists)),
                    region=profile.suppress.region or profile.region,
                    prefix=profile.external_id.prefix,
                )
                await self._look(parts, order, link, comparison=comparison, folder=folder, scratch=scratch)
                if order.delete:
                    await self._delete(parts, folder, server=link.server)
                make_way(files.results)
                with table(files.results, OPT_OUT_COLUMNS, plain=files.plain, mode=files.mode) as sink:
                    for part in parts:
                        for answer in part.search.answers() if part.search else ():
                            sink.write(_cells(part.campaign, answer))
                searched = tuple(part.searched() for part in parts)
                if order.delete and not any(each.error or each.counts.get("failed") for each in searched):
                    shutil.rmtree(folder, ignore_errors=True)
            report = _report(searched, lists, deleting=order.delete)
            return replace(
                report,
                stopped="Stopped; what was in flight is done." if self._stop.is_set() else "",
                exit_code=130 if self._stop.is_set() else report.exit_code,
                results=str(files.results),
                requests=link.client.stats.requests,
                retries=link.client.stats.retries,
                seconds=max(round(time.monotonic() - began, 3), 0.001),
                next=f"obi customers suppress{self.repeat}" if any(each.error for each in searched) else "",
            )

    def _folder(
        self,
        order: OptOutOrder,
        lists: Sequence[SuppressionList],
        parts: Sequence[_Part],
        server: str,
        *,
        scratch: Path,
    ) -> Path:
        """Where the ledgers are: of what is only listed nothing stays."""
        if not order.delete:
            return scratch
        ids = sorted(part.campaign.id for part in parts)
        prefix = order.profile.external_id.prefix
        folder = self.state.removals / key_of(server, *(each.index for each in lists), prefix, *ids)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    async def _look(
        self,
        parts: Sequence[_Part],
        order: OptOutOrder,
        link: Link,
        *,
        comparison: Comparison,
        folder: Path,
        scratch: Path,
    ) -> None:
        """Look through every campaign; what stops one stands in it."""
        with self._while_sending():
            for at, part in enumerate(parts):
                campaign = part.campaign
                search = CampaignSearch(
                    campaign,
                    link,
                    self.settings,
                    comparison=comparison,
                    ledger=folder / f"{campaign.id}.sqlite",
                    scratch=scratch,
                    stop=self._stop,
                    deletes=order.delete,
                    say=self._progress.say,
                )
                try:
                    with self._lock(link.server, campaign) if order.delete else contextlib.nullcontext():
                        part.search = search
                        await search.look()
                except (InterruptedRunError, UnavailableError) as error:
                    for other in parts[at:]:
                        other.fail(error)
                    return
                except EtlError as error:
                    part.fail(error)
                else:
                    self._progress.say(
                        f"{campaign.name}: {counted(search.compared, 'customer')} compared, "
                        f"{search.found:,} found."
                    )

    def _lock(self, server: str, campaign: Campaign) -> AbstractContextManager[None]:
        """Keeps loads out of a campaign while it is looked through, or customers of it are deleted.

        Whoever is loaded between the two is found after the deletions.
        """
        return self.state.campaign_lock(server, campaign.id, wait=self.settings.wait_lock)

    async def _delete(self, parts: Sequence[_Part], folder: Path, *, server: str) -> None:
        """Delete who was found, once that is agreed; raises InterruptedRunError where it is not."""
        open_ones = [part for part in parts if part.search and part.search.open_ones]
        customers = sum(part.search.open_ones for part in open_ones if part.search)
        if not customers or self._stop.is_set():
            return
        names = tuple(part.campaign.name for part in open_ones)
        if not self._question(OptOutPlan(customers, names)):
            if not any(part.search.done for part in parts if part.search):
                shutil.rmtree(folder, ignore_errors=True)
            raise InterruptedRunError("Nothing was deleted.")
        self.run = "suppress"
        with self._while_sending():
            for at, part in enumerate(open_ones):
                try:
                    if part.search:
                        with self._lock(server, part.campaign):
                            await part.search.delete()
                except (InterruptedRunError, UnavailableError) as error:
                    for other in open_ones[at:]:
                        other.fail(error)
                    return
                except EtlError as error:
                    part.fail(error)


async def _campaigns(link: Link, order: OptOutOrder) -> list[Campaign]:
    """The campaigns that are meant, each once. Raises CampaignError for one that is not there."""
    if order.all_campaigns:
        found = await link.client.campaigns.list()
        return [each for each in found if each.status != CampaignStatus.DELETED]
    if not order.campaigns:
        raise ConfigError("No campaign is named; use --campaign with names or ids, or --all-campaigns.")
    named = [await find_campaign(link.client, each) for each in order.campaigns]
    return [*{each.id: each for each in named}.values()]


def _check(results: Path, lists: Sequence[SuppressionList]) -> None:
    """Raise OutputError where the results can't be written, or would take the place of a list."""
    if results.exists() and any(results.samefile(each.path) for each in lists if Path(each.path).exists()):
        raise OutputError(f"{results} is a do-not-call list itself; name another file.")
    check_writable(results, rows=0, columns=len(OPT_OUT_COLUMNS))


def _cells(campaign: Campaign, answer: Answer) -> tuple[str | int | None, ...]:
    hit = answer.hit
    return (
        campaign.name,
        campaign.id,
        hit.id,
        hit.external_id,
        hit.numbers,
        hit.by,
        hit.listed,
        answer.status,
        hit.result,
        hit.call_count,
        answer.error,
    )


def _report(
    searched: tuple[Searched, ...], lists: tuple[SuppressionList, ...], *, deleting: bool
) -> OptOutReport:
    counts: Counter[str] = Counter()
    for each in searched:
        counts.update(each.counts)
    return OptOutReport(
        campaigns=searched,
        compared=sum(each.compared for each in searched),
        counts=dict(sorted(counts.items())),
        exit_code=worst_exit(each.exit_code for each in searched),
        deleting=deleting,
        lists=lists,
    )
