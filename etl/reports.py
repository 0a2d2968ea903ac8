"""Tallies → the report of a run: counts, exit code, where the answers are, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from etl.columns import map_columns
from etl.errors import EtlError, StoppedError
from etl.expectations import excused, outcome_unexpected, rows_unexpected
from etl.link import unencrypted
from etl.profile import Profile
from etl.reconciler import Files, Tally
from etl.records import OPEN, CampaignRef, Manifest, RowStatus, RunReport, SourceSpec, exit_code_of


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
    profile: Profile,
    spec: SourceSpec,
    tally: Tally,
    *,
    source: str,
    campaign: CampaignRef | None,
    files: Files,
    seconds: float,
) -> RunReport:
    """The report of a check, which has no run."""
    expect = profile.expect
    unexpected = rows_unexpected(expect, spec.rows) or outcome_unexpected(expect, tally.statuses, spec.rows)
    return RunReport(
        run="",
        command="check",
        input=source,
        campaign=campaign,
        exit_code=_exit_code(profile, tally, 5 if unexpected else 0),
        stopped=_sentence(unexpected),
        rows_per_second=round(spec.rows / seconds, 1),
        **_common(spec, profile, tally, files=files, seconds=seconds, campaign=campaign),
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
        "warnings": (*mapping.notes, *(campaign.notes() if campaign else ()), *_advice(tally)),
        "seconds": seconds,
    }


def _advice(tally: Tally) -> list[str]:
    """What would mend many rows at once."""
    national = tally.reasons["phone.no_region"]
    if not national:
        return []
    rows = "1 row has" if national == 1 else f"{national:,} rows have"
    return [f"{rows} national numbers: say of which country, as in --region GB"]


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
    if tally.reasons["phone.no_region"] and "--region" not in where:
        where += " --region CC"  # of which country the national numbers are
    return f"obi load {shlex.quote(str(files.rejects))} {where}" if tally.rejects else ""


def _plain(counts: Mapping[RowStatus, int]) -> dict[str, int]:
    return {status.value: counts[status] for status in RowStatus if counts.get(status)}


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""
