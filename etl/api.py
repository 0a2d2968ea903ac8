"""The Python interface: three lines in a notebook, an Airflow task or a script.

::

    from etl import load

    report = load("leads.csv", campaign="Spring", region="GB")
    assert report.exit_code == 0, report.stopped or report.counts

Nothing here prints or logs. What stops a load before it is a run is raised as an EtlError; what stops it
later stands in the report, with the results written as far as they are known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

from etl.adding import AddOrder, AddReport, Person, add
from etl.campaignchanges import UpdateReport, apply_update, plan_update
from etl.campaignfields import Value
from etl.exportchoice import Choice, attribute_of, moment_of
from etl.exporting import Exporter
from etl.exportreport import ExportOrder, ExportReport
from etl.figures import Days, StatsReport, gather
from etl.findings import CheckReport
from etl.link import connected
from etl.namesback import NamesBack
from etl.obi import Client
from etl.obi.models import CampaignStatus
from etl.optouts import OptOutOrder, OptOutReport, OptOuts
from etl.orders import Order
from etl.profile import Profile, find_profile, read_profile
from etl.progress import Progress
from etl.records import RunReport
from etl.removal import RemovalOrder, Remover
from etl.removed import RemovalReport
from etl.runs import Runner
from etl.settings import Settings, load_settings
from etl.switching import Switched, switch
from etl.undo import Undoer, UndoOrder, UndoReport

T = TypeVar("T")


class LoadOptions(TypedDict, total=False):
    """What ``load`` takes beside its source and campaign; see ``aload``."""

    profile: Profile | str | None
    region: str | None
    settings: Settings | None
    results: str | Path
    rejects: str | Path
    simulate: bool
    new_run: bool
    suppress: Sequence[str | Path]
    if_loaded: str
    progress: Progress | None


async def aload(
    source: str | Path,
    *,
    campaign: str,
    profile: Profile | str | None = None,
    region: str | None = None,
    settings: Settings | None = None,
    results: str | Path = "",
    rejects: str | Path = "",
    simulate: bool = False,
    new_run: bool = False,
    suppress: Sequence[str | Path] = (),
    if_loaded: str = "",
    progress: Progress | None = None,
    stop: asyncio.Event | None = None,
) -> RunReport:
    """Load one input into one campaign; an unfinished load of the same content is continued.

    ``source`` is a path, or ``-`` for standard input. ``campaign`` is an id or an exact name. ``profile`` is
    a Profile, a path, a built-in name, or None to go by the header. ``settings`` default to the
    environment's and ``obi.toml``'s. ``suppress`` are do-not-call lists beside the profile's, ``if_loaded``
    (``warn``, ``delete``) is what happens to customers of suppressed rows in the campaign. ``stop``, once
    set, ends the load after what is in flight.

    Raises EtlError while there is no run yet: ConfigError, InputError, ApiError, StateError.
    """
    order = Order(
        input=str(source),
        profile=_profile(profile, region),
        campaign=campaign,
        results=str(results or ""),
        rejects=str(rejects or ""),
        new_run=new_run,
        simulate=simulate,
        suppress=tuple(map(str, suppress)),
        if_loaded=if_loaded,
    )
    return await Runner(settings or load_settings(), progress=progress, stop=stop).load(order)


def load(source: str | Path, *, campaign: str, **options: Unpack[LoadOptions]) -> RunReport:
    """``aload`` for code without an event loop; takes the same arguments, and works in notebooks too.

    ``profile``, ``region``, ``settings``, ``results``, ``rejects``, ``simulate``, ``new_run``, ``suppress``,
    ``if_loaded``, ``progress``.
    """
    return _finished(aload(source, campaign=campaign, **options))


def resume(run: str = "", *, settings: Settings | None = None) -> RunReport | None:
    """Go on with an unfinished run; None where there is none.

    ``run`` may be empty where only one run is unfinished. Raises StateError, and EtlError as ``aload`` does.
    """
    return _finished(Runner(settings or load_settings()).resume(run))


def check(
    source: str | Path,
    *,
    campaign: str = "",
    profile: Profile | str | None = None,
    region: str | None = None,
    settings: Settings | None = None,
    results: str | Path = "",
    rejects: str | Path = "",
    simulate: bool = False,
    suppress: Sequence[str | Path] = (),
    if_loaded: str = "",
    show_bodies: int = 0,
) -> CheckReport:
    """Decide every row and write what would be, sending nothing. Arguments and errors as of ``aload``.

    The report is that of a load, and what a person wants to see before one: columns, a preview of the first
    rows before and after, examples of each reason. ``campaign`` is read, and compared with the input.
    ``show_bodies`` is how many customers ``bodies`` holds, exactly as they would be sent.
    """
    order = Order(
        input=str(source),
        profile=_profile(profile, region),
        campaign=campaign,
        results=str(results or ""),
        rejects=str(rejects or ""),
        simulate=simulate,
        suppress=tuple(map(str, suppress)),
        if_loaded=if_loaded,
    )
    return _finished(Runner(settings or load_settings()).check(order, bodies=show_bodies))


def undo(
    run: str, *, handled_too: bool = False, dry_run: bool = False, settings: Settings | None = None
) -> UndoReport:
    """Delete the customers that a run created, but for those who were called, unless ``handled_too``.

    Nobody is asked. Raises EtlError for what stops it before anybody is deleted.
    """
    order = UndoOrder(run=run, handled_too=handled_too, dry_run=dry_run)
    return _finished(Undoer(settings or load_settings()).undo(order))


def export(
    campaign: str,
    out: str | Path,
    *,
    result: str | Sequence[str] = (),
    call_result: str | Sequence[str] = (),
    classifier: str | Sequence[str] = (),
    external_id: str | Sequence[str] = (),
    agent: str | Sequence[str] = (),
    attribute: str | Sequence[str] = (),
    modified_since: str | date | None = None,
    modified_before: str | date | None = None,
    script: bool = False,
    plain: bool = False,
    profile: Profile | str | Path | None = None,
    incremental: bool = False,
    name: str = "",
    awaits: bool = False,
    settings: Settings | None = None,
    simulate: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a campaign's customers, with their results, to ``out`` (.csv, .xlsx, .jsonl, .parquet).

    The filters are as of ``obi export``: patterns with ``*`` and ``?``, ``NAME[=VALUE]`` for attributes, a
    time, a day or an age (``2d``) for dates. ``profile`` gives columns the CRM's own names back.
    ``incremental`` gives what the receiver (``name``) does not have yet; with ``awaits`` that counts when it
    is acknowledged (``acknowledge_export``). Look at the report's ``complete``. Raises EtlError, and leaves
    no file then.
    """
    order = ExportOrder(
        campaign=campaign,
        out=str(out),
        choice=Choice(
            results=_several(result),
            call_results=_several(call_result),
            classifiers=_several(classifier),
            external_ids=_several(external_id),
            agents=_several(agent),
            attributes=tuple(map(attribute_of, _several(attribute))),
            since=moment_of(modified_since),
            before=moment_of(modified_before),
        ),
        script=script,
        plain=plain,
        names=_names_back(profile),
        incremental=incremental,
        name=name,
        awaits=awaits,
        simulate=simulate,
    )
    return _finished(Exporter(settings or load_settings(), progress=progress).export(order))


def acknowledge_export(run: str, *, settings: Settings | None = None) -> ExportReport:
    """Note that the receiver has the export ``run``, which ``export`` gave with ``awaits``.

    Saying so twice is as good as once. Raises StateError unless it is the last one of its hand-over.
    """
    return Exporter(settings or load_settings()).acknowledge(run)


def _several(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _names_back(profile: Profile | str | Path | None) -> NamesBack:
    if profile is None:
        return NamesBack()
    return NamesBack.of(profile if isinstance(profile, Profile) else read_profile(str(profile)))


def add_customer(
    campaign: str,
    *,
    numbers: Sequence[str],
    external_id: str = "",
    attributes: Mapping[str, str] | None = None,
    profile: Profile | str | None = None,
    region: str | None = None,
    suppress: Sequence[str | Path] = (),
    settings: Settings | None = None,
    simulate: bool = False,
    **fields: str,
) -> AddReport:
    """Add one person by the rules of a load; ``fields`` are the others of ``Person`` (``date``, …).

    Raises EtlError for what stops it before anything is sent.
    """
    person = Person(
        numbers=tuple(numbers),
        external_id=external_id,
        attributes=tuple((attributes or {}).items()),
        **fields,
    )
    order = AddOrder(
        campaign=campaign,
        person=person,
        profile=_profile(profile, region),
        suppress=tuple(map(str, suppress)),
        simulate=simulate,
    )
    return _finished(add(order, settings or load_settings()))


def delete_customers(
    campaign: str,
    *,
    names: Sequence[str] = (),
    source: str | Path = "",
    settings: Settings | None = None,
    **asked: Any,
) -> RemovalReport:
    """Delete customers by ``names`` (ids or externalIds) or by the rows of the file ``source``.

    ``asked`` are the other fields of ``RemovalOrder`` (``handled_too``, ``dry_run``, …). Nobody is asked.
    Raises EtlError for what stops it before anybody is deleted.
    """
    order = RemovalOrder(campaign=campaign, names=tuple(names), input=str(source or ""), **asked)
    return _finished(Remover(settings or load_settings()).remove(order))


def suppress_customers(
    lists: Sequence[str | Path],
    *,
    campaigns: Sequence[str] = (),
    profile: Profile | str | None = None,
    region: str | None = None,
    settings: Settings | None = None,
    **asked: Any,
) -> OptOutReport:
    """Find who is on do-not-call lists by now, in ``campaigns`` or in all of them (``all_campaigns=True``).

    ``asked`` are the other fields of ``OptOutOrder`` (``delete=True``, …). Nobody is asked. Raises EtlError
    for what stops it before anything is looked at.
    """
    order = OptOutOrder(
        lists=tuple(map(str, lists)), campaigns=tuple(campaigns), profile=_profile(profile, region), **asked
    )
    return _finished(OptOuts(settings or load_settings()).suppress(order))


def stats(
    campaign: str = "",
    *,
    days: Days | None = None,
    agents: Sequence[str] = (),
    settings: Settings | None = None,
    simulate: bool = False,
) -> StatsReport:
    """What the calls of a campaign (id or exact name) came to, or those of all campaigns.

    ``days`` are UTC days, by default the last seven; ``agents`` are ids. Raises EtlError.
    """
    return _finished(
        _linked(
            lambda client: gather(client, campaign, days=days, agents=agents), settings, simulate=simulate
        )
    )


def update_campaign(
    campaign: str,
    changes: Mapping[str, Value],
    *,
    settings: Settings | None = None,
    simulate: bool = False,
) -> UpdateReport:
    """Change what ``changes`` names of a campaign, and nothing else.

    They are new values by the interface's names (``{"endDate": "2027-04-30T18:00Z"}``), None for what is to
    be cleared. Raises EtlError; of what the server made of it tells the report.
    """

    async def work(client: Client) -> UpdateReport:
        return await apply_update(client, await plan_update(client, campaign, changes))

    return _finished(_linked(work, settings, simulate=simulate))


def switch_campaigns(
    *campaigns: str,
    active: bool,
    wait: float = 0,
    settings: Settings | None = None,
    simulate: bool = False,
) -> list[Switched]:
    """Make campaigns active or passive: one answer for each, also where it could not be done.

    ``wait`` is how many seconds to wait for each dialer to follow. Raises EtlError, with nothing changed,
    where one of them is not known.
    """
    status = CampaignStatus.ACTIVE if active else CampaignStatus.PASSIVE
    return _finished(
        _linked(
            lambda client: switch(client, campaigns, status=status, wait=wait), settings, simulate=simulate
        )
    )


async def _linked(
    work: Callable[[Client], Coroutine[Any, Any, T]], settings: Settings | None, *, simulate: bool
) -> T:
    async with connected(settings or load_settings(), simulate=simulate) as link:
        return await work(link.client)


def _profile(given: Profile | str | None, region: str | None) -> Profile:
    if isinstance(given, Profile):
        return given.model_validate(given.frozen() | {"region": region}) if region else given
    return find_profile(given, region=region)


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; in a thread of its own where this one has a running loop, as in a notebook."""
    if not _is_in_a_loop():
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
