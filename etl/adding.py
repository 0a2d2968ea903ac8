"""One person by hand: the same rules, the same do-not-call lists and the same sending as for a row of a load.

Whatever is given stands in a row of its own, under headers that are the options' names, and is decided by
the validator. A person whose externalId is in the campaign already is told and not sent; an answer that is
lost is looked up by the poster. Nothing is kept here: given once more, the same person is found by the id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import count
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from etl import outcomes
from etl.campaigns import count_customers, find_campaign, fit_for_load, sharpen_clock
from etl.circuit import CircuitRules
from etl.columns import map_columns
from etl.customersearch import fits, number_pattern
from etl.duplicates import Duplicates
from etl.errors import ConfigError, EtlError
from etl.holdings import Holdings, LookUps
from etl.link import Link, connected
from etl.lists import lists_for
from etl.obi.models import moment
from etl.pace import Pace
from etl.payload import item_of
from etl.poster import Poster
from etl.posting import PostRules
from etl.profile import GUESSED, AttributeRules, ColumnRules, Profile, normal_header
from etl.progress import Progress, Silence
from etl.quoting import counted
from etl.records import (
    Batch,
    CampaignRef,
    Customer,
    Item,
    RowOutcome,
    RowStatus,
    SourceRows,
    SuppressionList,
    exit_code_of,
)
from etl.seen import Seen
from etl.settings import Settings
from etl.state import StateFolder
from etl.suppression import Suppression
from etl.validator import Validator

_DIALLED = frozenset({"phone1", "phone2", "phone3"})
_FIELDS = ("externalId", "date", "agentId", "dialingMode", "previewTime", "priority", "timeZone")


class Person(Struct, frozen=True, kw_only=True):
    """Who is to be added, in texts as a person writes them; the interface's fields, empty for not given.

    ``numbers`` in priority order. ``attributes`` are names and values.
    """

    numbers: tuple[str, ...]
    external_id: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    date: str = ""
    agent_id: str = ""
    dialing_mode: str = ""
    preview_time: str = ""
    priority: str = ""
    time_zone: str = ""


class AddOrder(Struct, frozen=True, kw_only=True):
    """What is asked: to add a ``person`` to a ``campaign`` (an id or an exact name).

    Of ``profile`` count the rules (region, prefix of ids, defaults, attributes, do-not-call lists), not the
    columns. ``suppress`` are do-not-call lists beside its own. ``dry_run`` sends nothing.
    """

    campaign: str
    person: Person
    profile: Profile = GUESSED
    suppress: tuple[str, ...] = ()
    dry_run: bool = False
    simulate: bool = False


class AddReport(Struct, frozen=True, kw_only=True):
    """What became of the person, in the words of a load's row (``ready``: it would be sent).

    ``notes`` are sentences that a person should know, ``stopped`` says what stopped the sending.
    """

    campaign: CampaignRef
    status: RowStatus
    exit_code: int
    id: str = ""
    external_id: str = ""
    numbers: str = ""
    field: str = ""
    code: str = ""
    error: str = ""
    warning: str = ""
    command: str = "customers add"
    dry_run: bool = False
    stopped: str = ""
    notes: tuple[str, ...] = ()
    lists: tuple[SuppressionList, ...] = ()
    requests: int = 0
    retries: int = 0


async def add(order: AddOrder, settings: Settings, *, progress: Progress | None = None) -> AddReport:
    """Add one person, unless our checks, a do-not-call list or the campaign say no.

    Raises EtlError for what stops it before anything is sent; later that stands in the report.
    """
    told = progress or Silence()
    state = StateFolder(settings.state_dir)
    header, cells = _row(order.person)
    profile = _profile(order, header)
    lists = lists_for(order.suppress, profile, state, say=told.say)
    async with connected(settings, simulate=order.simulate, progress=told) as link:
        found = await find_campaign(link.client, order.campaign)
        campaign = fit_for_load(found)
        stopped: EtlError | None = None
        notes: tuple[str, ...] = ()
        with state.scratch() as scratch:
            with Seen(scratch) as seen, Suppression.opened(state.lists, lists) as suppression:
                (decided,) = Validator(
                    profile=profile,
                    mapping=map_columns(tuple(enumerate(header)), profile),
                    duplicates=Duplicates(seen, by="externalId"),
                    campaign_end=moment(campaign.end_date),
                    suppression=suppression,
                ).decide(SourceRows(1, [1], {at: [cell] for at, cell in enumerate(cells)}, [""]))
            if isinstance(decided, RowOutcome):
                outcome = decided
            else:
                notes = await _others(link, campaign.id, decided)
                item = item_of(decided, as_attributes=profile.phones.send_as == "attributes")
                with Holdings(scratch / "held.sqlite") as holdings:
                    outcome, stopped = await _sent(
                        item,
                        link,
                        settings,
                        campaign_id=campaign.id,
                        holdings=holdings,
                        dry_run=order.dry_run,
                    )
        return AddReport(
            campaign=campaign,
            status=outcome.status,
            exit_code=stopped.exit_code if stopped else exit_code_of({outcome.status: 1}),
            id=outcome.id,
            external_id=outcome.external_id,
            numbers=outcome.numbers,
            field=outcome.field,
            code=outcome.code,
            error=outcome.error,
            warning=outcome.warning,
            dry_run=order.dry_run,
            stopped=str(stopped or ""),
            notes=(*campaign.notes(), *notes),
            lists=lists,
            requests=link.client.stats.requests,
            retries=link.client.stats.retries,
        )


# --- the row --------------------------------------------------------------------------------------------


def _option(name: str, ordinal: int = 1) -> str:
    """The header under which an option's value stands; no attribute has such a name."""
    words = "".join(f"-{char.lower()}" if char.isupper() else char for char in name)
    return f"option --{words}" + (f" ({ordinal})" if ordinal > 1 else "")


def _row(person: Person) -> tuple[list[str], list[str]]:
    """Header and cells of the row that the person is. Raises ConfigError for attributes that can't be."""
    if not any(map(str.strip, person.numbers)):
        raise ConfigError("No number is given, and nobody can be called without one; give --number.")
    names: set[str] = set()
    for name, _ in person.attributes:
        key = normal_header(name)
        if not key:
            raise ConfigError("An attribute has no name; write --attribute NAME=VALUE.")
        if key in _DIALLED:
            raise ConfigError(f"The attribute {name!r} holds a number in the campaign; give it as --number.")
        if key in names:
            raise ConfigError(f"The attribute {name!r} is given twice; give it once.")
        names.add(key)
    values: dict[str, str] = {
        "externalId": person.external_id,
        "date": person.date,
        "agentId": person.agent_id,
        "dialingMode": person.dialing_mode,
        "previewTime": person.preview_time,
        "priority": person.priority,
        "timeZone": person.time_zone,
    }
    cells = {_option("number", at): number for at, number in enumerate(person.numbers, start=1)}
    cells |= {_option(name): value for name, value in values.items() if value.strip()}
    cells |= dict(person.attributes)
    return list(cells), list(cells.values())


def _profile(order: AddOrder, header: Sequence[str]) -> Profile:
    """The order's profile over the row's header: its rules without its columns.

    Raises ConfigError where a rule asks for what is not given.
    """
    profile, person = order.profile, order.person
    given = {normal_header(name) for name, _ in person.attributes}
    rules = profile.attributes
    needed = [name for name, rule in rules.rules.items() if rule.required]
    needed += [rule.column for rule in profile.suppress_when]
    needed += [] if person.external_id.strip() else profile.external_id.derive_from
    if lacking := [name for name in dict.fromkeys(needed) if normal_header(name) not in given]:
        names = " ".join(f"--attribute {name!r}=…" for name in lacking)
        raise ConfigError(f"The profile {profile.name} goes by what is not given; add {names}")
    numbers = [_option("number", at) for at in range(1, len(person.numbers) + 1)]
    columns: dict[str, Any] = {name: [_option(name)] for name in _FIELDS if _option(name) in header}
    own = {normal_header(name) for name in (*_FIELDS, "numbers")}
    columns |= {
        "phones": numbers,
        "not_fields": [name for name, _ in person.attributes if normal_header(name) in own],
    }
    policy = profile.external_id
    if person.external_id.strip():
        policy = policy.model_copy(update={"derive_from": ()})
    return profile.model_copy(
        update={
            "columns": ColumnRules.model_validate(columns),
            "region_column": (),
            "missing_columns": "stop",
            "guessing": False,
            "external_id": policy,
            "attributes": AttributeRules(
                include=("*",),
                rename={old: new for old, new in rules.rename.items() if normal_header(old) in given},
                rules={name: rule for name, rule in rules.rules.items() if normal_header(name) in given},
            ),
        }
    )


# --- the campaign ---------------------------------------------------------------------------------------


async def _others(link: Link, campaign_id: str, customer: Customer) -> tuple[str, ...]:
    """Who else in the campaign has one of the numbers, as far as a search shows it."""
    ids: set[str] = set()
    for number in customer.numbers:
        search = {"numbers": number_pattern(number)}
        page = await link.client.customers.list(campaign_id, numbers=search["numbers"])
        ids |= {each.id for each in page if fits(each, search) and each.external_id != customer.external_id}
    if not ids:
        return ()
    who, have = counted(len(ids), "other customer"), "has" if len(ids) == 1 else "have"
    return (f"{who} of the campaign {have} the number already ({', '.join(sorted(ids)[:3])})",)


async def _sent(
    item: Item, link: Link, settings: Settings, *, campaign_id: str, holdings: Holdings, dry_run: bool
) -> tuple[RowOutcome, EtlError | None]:
    """What becomes of the person, and what stopped it."""
    customers = link.client.customers
    batch = Batch(number=1, items=(item,))
    if held := await customers.find(campaign_id, item.external_id):
        return outcomes.found(item, batch, held, existing=settings.existing, between=None), None
    ready = RowOutcome(1, RowStatus.READY, None, "", item.external_id, item.numbers, warning=item.warning)
    if dry_run:
        return ready, None
    ledger = _Memory()
    poster = Poster(
        customers=customers,
        look_ups=LookUps(
            customers,
            campaign_id,
            holdings=holdings,
            pages=partial(customers.pages, campaign_id),
            total=partial(count_customers, link.client, campaign_id),
        ),
        ledger=ledger,
        campaign_id=campaign_id,
        rules=PostRules(
            existing=settings.existing,
            backoff=settings.backoff,
            doubt_seconds=settings.doubt_seconds,
            circuit=CircuitRules(
                pause=settings.backoff, longest=settings.backoff_max, patience=settings.retry_seconds
            ),
        ),
        pace=Pace(1, 1),
        numbers=count(2),
        offset=lambda: link.client.server_time_offset,
        sharpen=partial(sharpen_clock, link.client, campaign_id),
        on_outcomes=lambda _outcomes: None,
    )
    stopped = None
    try:
        await poster.run(_only(batch))
    except EtlError as error:
        stopped = error
    doubt = "whether it was created is not known; the same command looks"
    if (outcome := ledger.outcome) is not None:
        unknown = outcome.status is RowStatus.UNKNOWN
        return replace(outcome, error=doubt) if unknown else outcome, stopped
    status, told = (RowStatus.UNKNOWN, doubt) if ledger.in_doubt else (RowStatus.UNSENT, "it was not sent")
    return RowOutcome(1, status, None, "", item.external_id, item.numbers, error=told), stopped


async def _only(batch: Batch) -> AsyncIterator[Batch]:
    yield batch


class _Memory:
    """A ledger for one person, whose externalId finds again what a crash has left."""

    def __init__(self) -> None:
        self.in_doubt = False
        self.outcome: RowOutcome | None = None

    async def sent(self, number: int, *, at: float, offset: float | None) -> None:
        """Keep that it is on its way."""
        del number, at, offset
        self.in_doubt = True

    def returned(self, number: int) -> None:
        """Keep that it was certainly not processed."""
        del number
        self.in_doubt = False

    def answered(self, number: int, *, doubted_at: float) -> None:
        """Keep nothing: the outcome follows."""
        del number, doubted_at

    def split(self, number: int, parts: Sequence[Batch]) -> None:
        """Keep nothing: one person is one part."""
        del number, parts

    def settle(self, number: int, settled: Sequence[RowOutcome]) -> None:
        """Keep what became of the person."""
        del number
        self.outcome = settled[-1] if settled else self.outcome
