"""What is asked of a run, and the manifest that it is frozen into."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import Struct

from etl.columns import Mapping, map_columns
from etl.errors import ConfigError, InputChangedError, InputError, ProfileError
from etl.link import SIMULATOR
from etl.profile import Profile
from etl.reconciler import Files
from etl.records import CampaignRef, Manifest, RowStatus, SourceSpec
from etl.settings import Settings
from etl.survey import SurveyOptions, fingerprint, survey

_DECIDING = ("duplicates_by", "existing", "strict", "stop_batch_if_invalid", "on_unknown", "marker")
"""Settings that decide what becomes of a row; the others only say how fast and from where."""
_DISTRIBUTIONS = ("obi-import", "phonenumbers", "pandas", "pandera")


class Order(Struct, frozen=True, kw_only=True):
    """What is asked of ``load`` or ``check``.

    ``input`` is a path or ``-``. ``campaign`` is an id or an exact name. ``results`` and ``rejects`` are
    paths, by default beside the input. ``flags`` are the words that gave the profile, for further commands.
    """

    input: str
    profile: Profile
    flags: str = ""
    campaign: str = ""
    results: str = ""
    rejects: str = ""
    new_run: bool = False
    simulate: bool = False


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


def campaign_of(order: Order) -> str:
    """The campaign that is named, by the order or else by its profile."""
    return order.campaign or order.profile.campaign


def survey_input(order: Order, source: Path) -> tuple[SourceSpec, Mapping]:
    """Survey the input at ``source`` and map its columns.

    Raises InputError, also for a header without rows where the profile does not expect that, and
    ProfileError, also for a do-not-call list: a load without it would call people who must not be called.
    """
    if lists := ", ".join(order.profile.suppress.files):
        raise ProfileError(
            f"The profile names do-not-call lists (suppress.files: {lists}), which this version does not "
            "apply, so nothing is sent; take those people out of the input, and the key out of the profile."
        )
    rules = order.profile.source
    name = "standard input" if order.input == "-" else order.input
    spec = survey(
        source,
        SurveyOptions(
            encoding=rules.encoding,
            delimiter=rules.delimiter,
            sheet=rules.sheet,
            header_row=rules.header_row,
            hidden=rules.hidden,
        ),
        name=name,
    )
    rows = order.profile.expect.rows
    if spec.rows == 0 and not (rows and rows[0] == 0):
        raise InputError(
            f"{name} has a header and no rows; a profile's [expect] rows = [0, …] would allow that."
        )
    return spec, map_columns(spec.columns, order.profile)


def around(settings: Settings) -> tuple[str, ...]:
    """What the settings want done around the sending, in sentences."""
    said = (
        (settings.pause_first, "the campaign is paused before anything is sent"),
        (settings.canary, f"{settings.canary} customers go ahead, the others only if all of these arrive"),
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
) -> Manifest:
    """All that the run goes by from now on."""
    return Manifest(
        run=run,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        input=order.input if order.input == "-" else str(Path(order.input).absolute()),
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
        other.insert(0, "--profile, --region or --hidden")
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
