"""Tallies → the report of a run: counts, exit code, where the answers are, and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from etl.columns import map_columns
from etl.errors import EtlError, StoppedError
from etl.expectations import excused, outcome_unexpected, rows_unexpected
from etl.findings import CheckReport
from etl.guesses import note_of, uncertain
from etl.limits import ErrorLimit
from etl.link import unencrypted
from etl.loaded import Loaded
from etl.orders import Order, around, campaign_of
from etl.profile import Profile
from etl.quoting import counted
from etl.reconciler import Files, Tally
from etl.records import OPEN, CampaignRef, Manifest, RowStatus, RunReport, SourceSpec, exit_code_of
from etl.settings import Settings


def run_report(
    manifest: Manifest,
    tally: Tally,
    *,
    files: Files,
    stopped: EtlError | None,
    over: bool,
    repeat: str,
    seconds: float,
    worked: int,
) -> RunReport:
    """The report of a load or resume; ``stopped`` is what ended it early, ``seconds`` its wall time.

    ``over`` says that nothing is left to resume. ``worked`` are the rows that were settled in this time,
    earlier sittings not counted. ``repeat`` are the words that a further command needs to find the state.
    """
    profile = Profile.thawed(manifest.profile)
    code = stopped.exit_code if stopped else 0
    sentence = str(stopped) if stopped else ""
    if not stopped:
        sentence = _sentence(outcome_unexpected(profile.expect, tally.statuses, manifest.spec.rows))
        code = 5 if sentence else 0
    report = RunReport(
        run=manifest.run,
        command="load",
        input=manifest.input,
        campaign=manifest.campaign,
        exit_code=_exit_code(profile, tally, code),
        stopped=sentence,
        next=_next(manifest, tally, files=files, stopped=stopped, over=over, repeat=repeat),
        rows_per_second=round(worked / seconds, 1),
        **_common(manifest.spec, profile, tally, files=files, seconds=seconds, campaign=manifest.campaign),
    )
    warning = "" if manifest.simulated else unencrypted(manifest.base_url)
    return replace(report, warnings=(*report.warnings, warning)) if warning else report


def check_report(
    order: Order,
    settings: Settings,
    *,
    spec: SourceSpec,
    tally: Tally,
    files: Files,
    campaign: CampaignRef | None,
    exists: int,
    seconds: float,
) -> CheckReport:
    """The report of a check, which has no run; ``exists`` of its ready rows are in the campaign already."""
    expect, profile = order.profile.expect, order.profile
    would_be = Counter(tally.statuses)
    would_be[RowStatus.READY] -= exists
    unexpected = rows_unexpected(expect, spec.rows) or outcome_unexpected(expect, would_be, spec.rows)
    report = CheckReport(
        run="",
        command="check",
        input=order.input,
        campaign=campaign,
        exit_code=_exit_code(profile, tally, 5 if unexpected else 0),
        stopped=_sentence(unexpected),
        rows_per_second=round(spec.rows / seconds, 1),
        next=_load_after(order, tally),
        sheet=spec.sheet,
        profile=profile.name,
        region=profile.region,
        **_common(spec, profile, tally, files=files, seconds=seconds, campaign=campaign),
    )
    told = _with_consequence(report.warnings, order, spec)
    return replace(report, warnings=(*told, *_stops(order, settings, tally)))


def with_loaded(report: RunReport, loaded: Loaded, *, withheld: bool, repeat: str) -> RunReport:
    """The report with what was found there for suppressed rows; a customer who is left ends it with 5.

    ``withheld`` says that the campaign was not activated for their sake.
    """
    if not (loaded.found or loaded.since):
        return report
    again = f"obi resume {report.run} --if-loaded delete{' --activate' * withheld}{repeat}"
    told = [*loaded.sentences(), *[_WITHHELD] * withheld]
    return replace(
        report,
        exit_code=report.exit_code or (5 if loaded.left else 0),
        warnings=(*report.warnings, *told),
        next=again if withheld and loaded.deletable else report.next or again * bool(loaded.deletable),
    )


_WITHHELD = (
    "the campaign was not activated, because people who must not be called are in it: delete them first "
    "(--if-loaded delete), or activate it by hand"
)


def has_open_rows(tally: Tally) -> bool:
    """Whether ``resume`` has something to go on with."""
    return any(tally.statuses[status] for status in OPEN)


def _common(
    spec: SourceSpec,
    profile: Profile,
    tally: Tally,
    *,
    files: Files,
    seconds: float,
    campaign: CampaignRef | None,
) -> dict[str, Any]:
    mapping = map_columns(spec.columns, profile)
    return {
        "rows": spec.rows,
        "counts": _plain(tally.statuses),
        "balanced": tally.rows == spec.rows == sum(tally.statuses.values()),
        "results": str(files.results),
        "rejects": str(files.rejects) if tally.rejects else "",
        "left_out": spec.left_out,
        "reasons": dict(tally.reasons.most_common()),
        "examples": dict(tally.examples),
        "evidence": spec.evidence,
        "mapping": mapping.summary(),
        "warnings": (*mapping.notes, *(campaign.notes() if campaign else ()), *_advice(tally, profile)),
        "seconds": seconds,
    }


def _advice(tally: Tally, profile: Profile) -> list[str]:
    """What would mend many rows at once; with a region known, each row says what is wrong with its own."""
    national = tally.reasons["phone.no_region"]
    if not national or profile.region:
        return []
    rows = counted(national, "row")
    return [f"national numbers without a country, in {rows}: say of which they are, as in --region GB"]


def _exit_code(profile: Profile, tally: Tally, stopped_by: int) -> int:
    """Expected invalid rows are excused where nothing else went wrong; an imbalance is a bug."""
    counts = tally.statuses if stopped_by else excused(profile.expect, tally.statuses)
    return exit_code_of(counts, stopped_by=stopped_by)


def _next(
    manifest: Manifest, tally: Tally, *, files: Files, stopped: EtlError | None, over: bool, repeat: str
) -> str:
    """The command that goes on from here."""
    again = f"{manifest.flags}{' --simulate' if manifest.simulated else ''}{repeat}"
    where = f"--campaign {shlex.quote(manifest.asked_campaign or manifest.campaign.name)}{again}"
    if not over:
        go_on = stopped.go_on if isinstance(stopped, StoppedError) else ""
        return f"obi resume {manifest.run}{go_on}{repeat}"
    if isinstance(stopped, StoppedError):
        return f"obi load {shlex.quote(manifest.input)} {where} --new-run"
    if tally.reasons["phone.no_region"] and not manifest.profile.get("region"):
        where += " --region CC"  # of which country the national numbers are
    return f"obi load {shlex.quote(str(files.rejects))} {where}" if tally.rejects else ""


def _load_after(order: Order, tally: Tally) -> str:
    """The load that a check was made for; empty where it would send nothing, or its input is gone."""
    if not order.is_file or not tally.statuses[RowStatus.READY]:
        return ""
    campaign = shlex.quote(campaign_of(order) or "NAME")
    simulate = " --simulate" if order.simulate else ""
    return f"obi load {shlex.quote(order.input)} --campaign {campaign}{order.flags}{simulate}"


def _with_consequence(warnings: tuple[str, ...], order: Order, spec: SourceSpec) -> tuple[str, ...]:
    """The warnings, of which the one of guesses says what comes of them in a load."""
    guesses = map_columns(spec.columns, order.profile).guesses
    told = note_of(guesses, file=shlex.quote(order.input) if order.is_file else "FILE")
    if uncertain(guesses):
        told += "; a load that can ask nobody (without a terminal, or with --yes) stops here with exit code 3"
    return tuple(told if warning == note_of(guesses) else warning for warning in warnings)


def _stops(order: Order, settings: Settings, tally: Tally) -> list[str]:
    """What the check did not look at, and what would stop a load that it does not fail for itself."""
    notes = []
    if order.profile.campaign and not order.campaign:
        notes.append(
            f"the profile's campaign {order.profile.campaign!r} was not looked at; --campaign looks at one"
        )
    if sentences := around(settings):
        notes.append(f"a load with these settings: {', '.join(sentences)}")
    if settings.strict and tally.statuses[RowStatus.INVALID]:
        notes.append("strict is set, so a load sends nothing as long as a row is invalid")
    try:
        ErrorLimit(settings.max_errors, tally.statuses).enforce()
    except StoppedError:
        notes.append(f"max_errors is {settings.max_errors}, so a load stops before its end")
    return notes


def _plain(counts: Mapping[RowStatus, int]) -> dict[str, int]:
    return {status.value: counts[status] for status in RowStatus if counts.get(status)}


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""
