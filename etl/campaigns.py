"""Which campaign is meant, and whether it can be loaded."""

from __future__ import annotations

import asyncio
import difflib
import re

from etl.errors import CampaignError, ContractError, NotFoundError, UnknownOutcomeError
from etl.obi import Client
from etl.obi.models import Campaign, CampaignStatus
from etl.records import CampaignRef

_ID = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
CLOSED = frozenset(
    {CampaignStatus.EXPIRED, CampaignStatus.DELETED, CampaignStatus.QUOTA, CampaignStatus.INVALID}
)

_TICK, _STEP = 1_100, 40
"""Milliseconds: a little more than a second, and the pause between two looks at the server's clock."""


_PAUSES = (0.2, 1.0)
"""Seconds after which a status that was set without an answer is looked at, and set again."""


def id32(text: str) -> str | None:
    """An id (id32 or id36, any case) as the interface writes it, None where the text is none."""
    return text.replace("-", "").upper() if _ID.fullmatch(text) else None


async def find_campaign(client: Client, given: str) -> Campaign:
    """The campaign with this id (id32 or id36) or exactly this name.

    Raises CampaignError that lists the near ones where none or several fit, ContractError where the server
    answers with another campaign, and what the client raises.
    """
    if not given:
        raise CampaignError("No campaign is named; give its name or id (for a load: --campaign).")
    if id32(given):
        return await _get(client, given)
    campaigns = await _list(client)
    found = [campaign for campaign in campaigns if campaign.name == given]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(campaign.id for campaign in found)
        raise CampaignError(f"{len(found)} campaigns are named {given!r}; name one by its id: {ids}.")
    near = difflib.get_close_matches(given, [campaign.name for campaign in campaigns], n=5, cutoff=0.5)
    shown = near or [campaign.name for campaign in campaigns[:10]]
    names = ", ".join(f"{name!r}" for name in shown) or "none"
    word = "near ones are" if near else "there are"
    raise CampaignError(f"There is no campaign named {given!r}; {word} {names}.")


async def _get(client: Client, given: str) -> Campaign:
    """The campaign of this id and no other: what follows may delete customers in it."""
    campaign_id = id32(given) or given
    try:
        campaign = await client.campaigns.get(campaign_id)
    except NotFoundError:
        raise CampaignError(
            f"There is no campaign with the id {given}; `obi campaigns list` shows them."
        ) from None
    if id32(campaign.id) != campaign_id:
        raise ContractError(f"The server was asked for campaign {campaign_id}, and tells of another one.")
    return campaign


async def _list(client: Client) -> list[Campaign]:
    try:
        return await client.campaigns.list()
    except NotFoundError as error:
        raise CampaignError(
            f"There is no OBI interface at the base URL (its whole root, https://HOST/RI/obi): {error}"
        ) from None


async def find_fit_campaign(client: Client, given: str) -> CampaignRef:
    """The campaign to load into. Raises CampaignError as well where it is closed for good."""
    return fit_for_load(await find_campaign(client, given))


def fit_for_load(campaign: Campaign) -> CampaignRef:
    """What a run keeps of its campaign. Raises CampaignError where it is closed for good."""
    if campaign.status in CLOSED:
        raise CampaignError(
            f"The campaign {campaign.name!r} is {campaign.status}, so its customers would not be called; "
            "choose another."
        )
    return CampaignRef(campaign.id, campaign.name, campaign.status or "", campaign.end_date or "")


async def count_customers(client: Client, campaign_id: str) -> int | None:
    """How many customers the campaign has, None where the server does not tell."""
    return (await client.campaigns.get(campaign_id)).total


async def pause(client: Client, campaign_id: str) -> bool:
    """Make the campaign passive; False where it was not active."""
    if (await client.campaigns.get(campaign_id)).status != CampaignStatus.ACTIVE:
        return False
    await _set_status(client, campaign_id, CampaignStatus.PASSIVE)
    return True


async def activate(client: Client, campaign_id: str) -> None:
    """Make the campaign active."""
    await _set_status(client, campaign_id, CampaignStatus.ACTIVE)


async def _set_status(client: Client, campaign_id: str, status: CampaignStatus) -> None:
    """Set it; without a readable answer look, and set it again: twice comes to the same as once."""
    for pause in _PAUSES:
        try:
            await client.campaigns.set_status(campaign_id, status)
        except UnknownOutcomeError:
            await asyncio.sleep(pause)
            if (await client.campaigns.get(campaign_id)).status == status:
                return
        else:
            return
    await client.campaigns.set_status(campaign_id, status)


async def sharpen_clock(client: Client, campaign_id: str) -> None:
    """Learn when the server's clock ticks: at most a second of small calls.

    ``Date`` headers are cut to whole seconds, so that one alone leaves the server's clock open by one. The
    first answer after a tick says where in the second we are.
    """
    before = client.last_offset
    for _ in range(_TICK // _STEP):
        await asyncio.sleep(_STEP / 1000)
        await client.campaigns.get(campaign_id)
        offset = client.last_offset
        if before is not None and offset is not None and offset > before + 0.5:
            return
        before = offset
