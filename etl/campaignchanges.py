"""Changing a campaign: read it, change what is named, put the whole back, and read what came of it.

The interface replaces a campaign as a whole, and clears what the replacement leaves out (the interface's
document, ``PUT /campaigns/{id}``). So a replacement is only ever made of all that the server tells: where a
part of it can't be read, nothing is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct, structs

from etl.campaignfields import FIELDS, NEEDED, Value, is_same, tidied
from etl.campaigns import find_campaign, id32
from etl.errors import ApiError, CampaignError, ConfigError, ContractError, UnknownOutcomeError
from etl.obi import Client
from etl.obi.models import Campaign, CampaignStatus, CampaignUpdate, DialingMode, moment
from etl.records import CampaignRef

_PAUSES = (0.2, 1.0, 3.0)
"""Seconds after which a campaign is looked at that was changed without an answer, or seems unchanged."""

_TOLD = {each.encode_name for each in structs.fields(Campaign)} | {"dialer"}
"""What the document says, and shows, of a campaign."""

_PREDICTIVE_ONLY = ("abandonRate", "increasePredictiveRatio")
_MOVES_BY_ITSELF = "increasePredictiveRatio"


class FieldChange(Struct, frozen=True):
    """A field, by the interface's name, and its value before and after; None where it has none."""

    field: str
    before: Value
    after: Value


class UpdatePlan(Struct, frozen=True, kw_only=True):
    """An update that was not sent yet: the campaign as it was read, and what it is to be.

    ``changes`` is what differs of the fields that are ``named``; where there is none, nothing is to be done.
    """

    campaign: CampaignRef
    held: dict[str, Any]
    wanted: CampaignUpdate
    named: frozenset[str]
    changes: tuple[FieldChange, ...]
    notes: tuple[str, ...] = ()


class UpdateReport(Struct, frozen=True, kw_only=True):
    """What became of an update.

    ``state`` is ``unchanged`` (it was so already), ``would_change`` (a dry run), ``changed``, ``different``
    (the server made something else of it: ``made`` holds what was wanted, and what is), or ``unconfirmed``
    (it was accepted, and could not be read back: ``stopped`` says why).
    """

    campaign: CampaignRef
    state: str
    changes: tuple[FieldChange, ...]
    made: tuple[FieldChange, ...] = ()
    notes: tuple[str, ...] = ()
    stopped: str = ""
    exit_code: int = 0


async def plan_update(client: Client, given: str, changes: Mapping[str, Value]) -> UpdatePlan:
    """What an update of the campaign with this id or exact name would change; nothing is sent.

    ``changes`` are new values by the interface's names, None for what is to be cleared. Raises ConfigError
    for values that can't be meant, CampaignError where the campaign can't be changed so or can't be put back
    whole, and what the client raises.
    """
    if not changes:
        raise ConfigError("Nothing is to be changed; name a field and its new value.")
    named = {name: tidied(name, value) for name, value in changes.items()}
    campaign = await find_campaign(client, given)
    if campaign.status == CampaignStatus.DELETED:
        raise CampaignError(f"The campaign {campaign.name!r} is Deleted, and can't be changed.")
    held = await _look(client, campaign.id)
    wanted = _replacement(held, named, name=campaign.name)
    _check(wanted, named)
    notes = [*_notes(held, wanted, named), *await _namesakes(client, campaign, str(named.get("name") or ""))]
    return UpdatePlan(
        campaign=CampaignRef(
            campaign.id, campaign.name, campaign.status or "", end_date=campaign.end_date or ""
        ),
        held=held,
        wanted=wanted,
        named=frozenset(named),
        changes=_differences(held, _plain(wanted), fields=named),
        notes=tuple(notes),
    )


async def apply_update(client: Client, plan: UpdatePlan) -> UpdateReport:
    """Send the update, and read what the server made of it.

    What somebody else changed meanwhile is kept where it is not named here. Without a readable answer the
    campaign is looked at, and the same is sent again only while it is as it was.

    Raises CampaignError, with nothing sent, where somebody else changed what is named; UnknownOutcomeError
    where nobody can tell whether the campaign was changed; and what the client raises.
    """
    if not plan.changes:
        return report_of(plan, state="unchanged")
    plan = await _brought_up_to_date(client, plan)
    await _put(client, plan)
    return await _read_back(client, plan)


def report_of(plan: UpdatePlan, *, state: str) -> UpdateReport:
    """The report of a plan that was not sent."""
    return UpdateReport(campaign=plan.campaign, state=state, changes=plan.changes, notes=plan.notes)


# --- before -------------------------------------------------------------------------------------------


async def _look(client: Client, campaign_id: str) -> dict[str, Any]:
    """The campaign as it is now. Raises ContractError where the server tells of another one."""
    held = await client.campaigns.describe(campaign_id)
    if id32(str(held.get("id"))) != id32(campaign_id):
        raise ContractError(f"The server was asked for campaign {campaign_id}, and tells of another one.")
    return held


def _replacement(held: Mapping[str, Any], named: Mapping[str, Value], *, name: str) -> CampaignUpdate:
    """The whole of what is to be sent. Raises CampaignError where the campaign can't be put back whole."""
    kept = {field: _as_text(held[field]) for field in FIELDS if held.get(field) is not None}
    whole = {field: value for field, value in {**kept, **named}.items() if value is not None}
    for field in NEEDED:
        if not whole.get(field):
            raise CampaignError(
                f"The server tells no {field} of the campaign {name!r}, which every update must name, so "
                "nothing was sent; give it too."
            )
    try:
        return msgspec.convert(whole, CampaignUpdate, strict=False)
    except msgspec.ValidationError as error:
        raise CampaignError(
            f"What the server tells of the campaign {name!r} can't be read ({error}) and would be lost, so "
            "nothing was sent; give that field too."
        ) from None


def _as_text(value: Any) -> Any:
    """A whole number as the text that it is put back as; numbers where they are due are read from text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check(wanted: CampaignUpdate, named: Collection[str]) -> None:
    plain = _plain(wanted)
    for field in _PREDICTIVE_ONLY:
        if field in named and plain[field] is not None and wanted.dialing_mode != DialingMode.PREDICTIVE:
            raise CampaignError(
                f"{field} is for predictive campaigns, and {wanted.name!r} is {wanted.dialing_mode}."
            )
    begins, ends = moment(wanted.start_date), moment(wanted.end_date)
    if begins and ends and begins >= ends and {"startDate", "endDate"} & {*named}:
        raise CampaignError(
            f"The campaign {wanted.name!r} would end ({wanted.end_date}) before it starts "
            f"({wanted.start_date})."
        )


def _notes(held: Mapping[str, Any], wanted: CampaignUpdate, named: Collection[str]) -> list[str]:
    notes = []
    if "endDate" in named and wanted.end_date:
        ends = moment(wanted.end_date)
        if ends and ends < datetime.now(UTC):
            notes.append(
                f"The end ({wanted.end_date}) has passed already, so nobody in the campaign is called."
            )
    if unknown := sorted(held.keys() - _TOLD):
        notes.append(
            f"The server tells more than the interface's document knows ({', '.join(unknown)}); whether an "
            "update keeps that is looked at afterwards."
        )
    return notes


async def _namesakes(client: Client, campaign: Campaign, name: str) -> list[str]:
    """A note where another campaign has the new name: neither is found by it then."""
    if name in ("", campaign.name):
        return []
    others = [
        each.id for each in await client.campaigns.list() if each.name == name and each.id != campaign.id
    ]
    if not others:
        return []
    return [f"{name!r} is the name of {', '.join(others)} too; by name none of them can be chosen then."]


async def _brought_up_to_date(client: Client, plan: UpdatePlan) -> UpdatePlan:
    """The plan on top of the campaign as it is now."""
    held = await _look(client, plan.campaign.id)
    moved = _differences(plan.held, held, fields=FIELDS)
    for change in moved:
        wanted = _plain(plan.wanted)[change.field]
        if change.field in plan.named and not is_same(change.field, change.after, wanted):
            raise CampaignError(
                f"Somebody changed {change.field} of {plan.campaign.name!r} meanwhile, from "
                f"{shown(change.before)} to {shown(change.after)}; nothing was sent, so look again."
            )
    theirs = [each for each in _of_note(plan, moved) if each.field not in plan.named]
    named = {field: _plain(plan.wanted)[field] for field in plan.named}
    return structs.replace(
        plan,
        held=held,
        wanted=_replacement(held, named, name=plan.campaign.name),
        notes=(
            *plan.notes,
            *(
                f"Somebody changed {each.field} meanwhile, from {shown(each.before)} to {shown(each.after)}; "
                "that is kept."
                for each in theirs
            ),
        ),
    )


# --- sending, and after -------------------------------------------------------------------------------


async def _put(client: Client, plan: UpdatePlan) -> None:
    """Send it; without a readable answer look, and send it again while the campaign is as it was."""
    for pause in _PAUSES:
        try:
            await client.campaigns.update(plan.campaign.id, plan.wanted)
        except UnknownOutcomeError as error:
            doubt = error
        else:
            return
        await asyncio.sleep(pause)
        try:
            now = await _look(client, plan.campaign.id)
        except ApiError as error:
            raise UnknownOutcomeError(
                f"The campaign {plan.campaign.name!r} may be changed or not, and can't be looked at now "
                f"({error}); look with `obi campaigns show {plan.campaign.id}` before it is changed again.",
                call=error.call,
                status=error.status,
            ) from None
        if _of_note(plan, _differences(plan.held, now, fields=FIELDS)):
            return
    raise UnknownOutcomeError(
        f"The campaign {plan.campaign.name!r} was not changed so far, and may be yet: {doubt}",
        call=doubt.call,
        status=doubt.status,
    )


async def _read_back(client: Client, plan: UpdatePlan) -> UpdateReport:
    try:
        for pause in (*_PAUSES, None):
            now = await _look(client, plan.campaign.id)
            made = _made(plan, now)
            if not made or pause is None:
                break
            await asyncio.sleep(pause)  # what was written is not promised to be read at once
    except ApiError as error:
        return UpdateReport(
            campaign=plan.campaign,
            state="unconfirmed",
            changes=plan.changes,
            notes=plan.notes,
            stopped=f"The change was accepted, and could not be read back: {error}",
            exit_code=error.exit_code,
        )
    notes = [*plan.notes]
    if (status := now.get("status") or "") != plan.campaign.status:
        notes.append(f"The campaign was {plan.campaign.status or 'without a status'}, and is {status} now.")
    return UpdateReport(
        campaign=structs.replace(plan.campaign, name=str(now.get("name")), status=status),
        state="different" if made else "changed",
        changes=plan.changes,
        made=made,
        notes=tuple(notes),
        exit_code=5 if made else 0,
    )


def _made(plan: UpdatePlan, now: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """What is not as it was wanted, and what the document does not know and is gone."""
    different = _differences(_plain(plan.wanted), now, fields=FIELDS)
    gone = tuple(
        FieldChange(name, _as_value(value), None)
        for name, value in plan.held.items()
        if name not in _TOLD and value is not None and now.get(name) is None
    )
    return _of_note(plan, different) + gone


def _of_note(plan: UpdatePlan, changes: Collection[FieldChange]) -> tuple[FieldChange, ...]:
    """The changes that somebody made: one field is moved by the dialer itself."""
    return tuple(each for each in changes if each.field in plan.named or each.field != _MOVES_BY_ITSELF)


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, fields: Collection[str]
) -> tuple[FieldChange, ...]:
    """The fields, in the order of the document, whose values do not come to the same."""
    return tuple(
        FieldChange(field, _as_value(before.get(field)), _as_value(after.get(field)))
        for field in FIELDS
        if field in fields and not is_same(field, before.get(field), after.get(field))
    )


def _plain(update: CampaignUpdate) -> dict[str, Value]:
    """The update by the interface's names, None for what it leaves out."""
    return {field: _as_value(value) for field, value in zip(FIELDS, structs.astuple(update), strict=True)}


def _as_value(value: Any) -> Value:
    if value is None or isinstance(value, float | int):
        return value
    return str(value)


def shown(value: Value) -> str:
    """A value in a sentence."""
    return "nothing" if value is None or value == "" else repr(value)
