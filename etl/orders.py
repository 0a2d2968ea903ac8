"""What is asked of a run, and the manifest that it is frozen into."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from etl.columns import Mapping, fit, map_columns
from etl.dateorder import date_evidence
from etl.errors import ConfigError, InputChangedError, InputError
from etl.link import SIMULATOR
from etl.profile import Profile
from etl.quoting import counted
from etl.reconciler import Files
from etl.records import CampaignRef, Manifest, RowStatus, SourceSpec, SuppressionList
from etl.remote import is_url, shown
from etl.settings import Settings
from etl.spooling import spool
from etl.state import StateFolder
from etl.survey import SurveyOptions, fingerprint, survey

_DECIDING = (
    "duplicates_by",
    "duplicates_across",
    "existing",
    "strict",
    "stop_batch_if_invalid",
    "on_unknown",
    "marker",
)
"""Settings that decide what becomes of a row; the others only say how fast and from where."""
_DISTRIBUTIONS = ("obi-import", "phonenumbers", "pandas", "pandera")


class Order(Struct, frozen=True, kw_only=True):
    """What is asked of ``load`` or ``check``.

    ``input`` is a path, ``-`` or a URL. A URL stands there without its secrets, and whole in ``url``, which
    is never shown or kept. ``campaign`` is an id or an exact name. ``results`` and ``rejects`` are paths, by
    default beside the input. ``flags`` are the words that gave the profile, for further commands.
    ``suppress`` names do-not-call lists beside the profile's (files, patterns, perhaps behind ``ids:`` or the
    like), ``if_loaded`` (``warn``, ``delete``) beats the profile's.
    """

    input: str
    profile: Profile
    flags: str = ""
    campaign: str = ""
    results: str = ""
    rejects: str = ""
    new_run: bool = False
    simulate: bool = False
    url: str = ""
    suppress: tuple[str, ...] = ()
    if_loaded: str = ""

    def __post_init__(self) -> None:
        if is_url(self.input) and not self.url:
            force_setattr(self, "url", self.input)
            force_setattr(self, "input", shown(self.input))

    @property
    def is_file(self) -> bool:
        """Whether the input is a file that stays where it is; else there is only our copy of it."""
        return self.input != "-" and not self.url

    @property
    def label(self) -> str:
        """What sentences call the input."""
        return "standard input" if self.input == "-" else self.input


class Plan(Struct, frozen=True):
    """What a load is about to do, for the question before it does; ``count`` decides every row for it.

    ``around`` are sentences about what the settings want done around the sending.
    """

    order: Order
    spec: SourceSpec
    mapping: Mapping
    campaign: CampaignRef
    server: str
    count: Callable[[], dict[RowStatus, int]]
    around: tuple[str, ...] = ()
    lists: tuple[SuppressionList, ...] = ()


def campaign_of(order: Order) -> str:
    """The campaign that is named, by the order or else by its profile."""
    return order.campaign or order.profile.campaign


def if_loaded_of(order: Order) -> str:
    """What to do where a suppressed row's customer is in the campaign, by the order or else its profile."""
    return order.if_loaded or order.profile.suppress.if_loaded


@contextlib.contextmanager
def copied(order: Order, settings: Settings, state: StateFolder) -> Iterator[Path]:
    """The input to read: our own copy, since a CRM may overwrite its export while we work."""
    if order.is_file and settings.spool == "never":
        yield Path(order.input).absolute()
        return
    with state.incoming() as copy:
        stdin = sys.stdin.buffer if order.input == "-" else None
        spool(order.url or stdin or Path(order.input), copy)
        yield copy


def survey_input(order: Order, source: Path) -> tuple[SourceSpec, Mapping]:
    """Survey the input at ``source`` and map its columns.

    Raises InputError, also for a header without rows where the profile does not expect that and for dates of
    two orders, and ProfileError.
    """
    spec = survey_only(order, source)
    rows = order.profile.expect.rows
    if spec.rows == 0 and not (rows and rows[0] == 0):
        raise InputError(
            f"{order.label} has a header and no rows; a profile's [expect] rows = [0, …] would allow that."
        )
    mapping = map_columns(spec.columns, order.profile)
    if "date" not in mapping.fields:
        return spec, mapping
    rules = order.profile.source
    dates = date_evidence(
        source,
        spec,
        mapping.fields["date"],
        formats=rules.date_formats,
        order=rules.date_order,
        name=order.label,
    )
    return replace(spec, evidence=(*spec.evidence, *filter(None, [dates.sentence]))), mapping


def survey_only(order: Order, source: Path) -> SourceSpec:
    """What the input at ``source`` is, before its columns are mapped. Raises InputError."""
    rules = order.profile.source
    return survey(
        source,
        SurveyOptions(
            encoding=rules.encoding,
            delimiter=rules.delimiter,
            sheet=rules.sheet,
            header_row=rules.header_row,
            hidden=rules.hidden,
            fit=partial(fit, profile=order.profile),
        ),
        name=order.label,
    )


def around(settings: Settings) -> tuple[str, ...]:
    """What the settings want done around the sending, in sentences."""
    first = counted(settings.canary or 0, "customer")
    said = (
        (settings.pause_first, "the campaign is paused before anything is sent"),
        (settings.canary, f"first go {first}, the others only if all of these arrive"),
        (settings.max_errors, f"sending stops once more than {settings.max_errors} rows are bad"),
        (settings.marker, f"agents see the run's id as the attribute {settings.marker!r}"),
        (settings.verify, "every created customer is read back"),
        (settings.activate, "the campaign is activated at the end"),
    )
    return tuple(sentence for wanted, sentence in said if wanted)


def check_marker(settings: Settings, mapping: Mapping) -> None:
    """Raise ConfigError where a column of the input has the marker's name."""
    taken = {name.casefold() for _, name in mapping.attributes}
    if settings.marker.casefold() in taken:
        raise ConfigError(
            f"The attribute {settings.marker!r} comes from a column of the input already; "
            "give --marker another name."
        )


def manifest_of(
    order: Order,
    settings: Settings,
    *,
    run: str,
    source: Path,
    spec: SourceSpec,
    campaign: CampaignRef,
    files: Files,
    server: str,
    lists: tuple[SuppressionList, ...] = (),
) -> Manifest:
    """All that the run goes by from now on."""
    return Manifest(
        run=run,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        input=str(Path(order.input).absolute()) if order.is_file else order.input,
        source=str(source),
        base_url=server,
        campaign=campaign,
        spec=spec,
        profile=order.profile.frozen(),
        settings=settings.frozen(),
        versions=_versions(),
        results=str(files.results),
        rejects=str(files.rejects or ""),
        asked_campaign=campaign_of(order),
        flags=order.flags,
        simulated=server == SIMULATOR,
        lists=lists,
        if_loaded=if_loaded_of(order),
    )


def refuse_other_rules(order: Order, settings: Settings, manifest: Manifest, *, repeat: str) -> None:
    """An unfinished run goes on with the rules that it began with; that must not surprise anybody.

    Raises ConfigError where the order's rules are others.
    """
    given = settings.frozen()
    other = [
        f"--{name.replace('_', '-')}"
        for name in _DECIDING
        if given[name] != manifest.settings.get(name, given[name])
    ]
    if order.profile.frozen() != manifest.profile:
        other.insert(0, "--profile, --region, or what was stated of the input")
    if other:
        raise ConfigError(
            f"Run {manifest.run} of this content is not finished and began with other rules "
            f"({', '.join(other)}). Go on with those: obi resume {manifest.run}{repeat}. Or begin anew with "
            "these: --new-run."
        )


def check_unchanged(manifest: Manifest) -> None:
    """Raise InputChangedError where the source is gone, or is not what the run began with."""
    source = Path(manifest.source)
    if not source.is_file():
        raise InputChangedError(
            f"{source} is gone, and run {manifest.run} can't go on without it; load the input anew."
        )
    if fingerprint(source) != manifest.spec.fingerprint:
        raise InputChangedError(
            f"{source} is not what run {manifest.run} began with, so the run can't go on; "
            "load the new content with --new-run."
        )


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in _DISTRIBUTIONS:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
