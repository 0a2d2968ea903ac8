"""Switching campaigns on and off: each is looked at, set if need be, and looked at again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from etl.campaigns import CLOSED, activate, find_campaign, pause
from etl.errors import (
    ApiError,
    NotAuthorisedError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)
from etl.obi import Client
from etl.obi.models import Campaign, CampaignStatus, DialerStatus, moment

_EVERY = 1.0
"""Seconds between two looks at a dialer that is waited for."""

_PAUSES = (0.2, 1.0)
"""Seconds after which a campaign that seems not to have been switched is looked at again."""

_NOT_YET = {
    CampaignStatus.ACTIVE: {
        DialerStatus.PASSIVE, DialerStatus.CLOSED, DialerStatus.CLOSING, DialerStatus.CLOSING2,
    },
    CampaignStatus.PASSIVE: {DialerStatus.OPEN, DialerStatus.CLOSING, DialerStatus.CLOSING2},
}  # fmt: skip
"""What a dialer still is that has not followed its campaign."""


class Switched(Struct, frozen=True, kw_only=True):
    """What became of one campaign that was to be switched.

    ``state`` is ``switched``, ``same`` (it was so already), ``closed`` (for good: left as it is) or
    ``failed``, which ``error`` explains. ``was`` and ``now`` are its status before and after, empty where
    that is not known; ``dialer`` is its dialer's. ``note`` says why nobody is called all the same.
    """

    id: str
    name: str
    state: str
    was: str
    now: str
    dialer: str = ""
    error: str = ""
    note: str = ""
    exit_code: int = 0


async def switch(
    client: Client,
    given: Sequence[str],
    *,
    status: CampaignStatus,
    wait: float = 0,
    begun: Callable[[str], None] = lambda _campaign_id: None,
) -> list[Switched]:
    """Make the campaigns with these ids or exact names ``ACTIVE`` or ``PASSIVE``, one after the other.

    Twice comes to the same as once. A campaign that is closed for good (expired, deleted, …) is left as it
    is. ``wait`` is how many seconds to wait for each dialer to follow; ``begun`` is told each id before
    anything is changed there. Once the server is away, or we are not
    let in, the others are not tried.

    Raises CampaignError, with nothing changed, where one of them is not known; and what the client raises
    while they are looked up.
    """
    found = {campaign.id: campaign for campaign in [await find_campaign(client, name) for name in given]}
    switched: list[Switched] = []
    stopped: ApiError | None = None
    for campaign in found.values():
        if stopped is None:
            begun(campaign.id)
            try:
                switched.append(await _switch(client, campaign, status=status, wait=wait))
            except ApiError as error:
                switched.append(_failed(campaign, error))
                if isinstance(error, NotAuthorisedError | UnavailableError):
                    stopped = error
        else:
            switched.append(_failed(campaign, stopped, tried=False))
    return switched


async def _switch(client: Client, campaign: Campaign, *, status: CampaignStatus, wait: float) -> Switched:
    if campaign.status in CLOSED:
        return Switched(
            id=campaign.id,
            name=campaign.name,
            state="closed",
            was=campaign.status or "",
            now=campaign.status or "",
            dialer=campaign.dialer_status or "",
            error=f"it is {campaign.status}, so nobody in it is called, and it was left so",
            exit_code=3,
        )
    same = campaign.status == status
    if not same:
        await (activate if status == CampaignStatus.ACTIVE else pause)(client, campaign.id)
    now = await _settled(client, campaign.id, status=status, wait=wait)
    error = ""
    if now.status != status:
        error = f"the server took the change, and the campaign is {now.status or 'without a status'}"
    elif wait and now.dialer_status in _NOT_YET[status]:
        error = f"its dialer is still {now.dialer_status} after {wait:g} s"
    return Switched(
        id=campaign.id,
        name=campaign.name,
        state="failed" if error else "same" if same else "switched",
        was=campaign.status or "",
        now=now.status or "",
        dialer=now.dialer_status or "",
        error=error,
        note=_over(now) if status == CampaignStatus.ACTIVE else "",
        exit_code=5 if error else 0,
    )


def _over(campaign: Campaign) -> str:
    """A note on a campaign whose end has passed."""
    ends = moment(campaign.end_date)
    return f"it ended {campaign.end_date}, so nobody is called" if ends and ends < datetime.now(UTC) else ""


async def _settled(client: Client, campaign_id: str, *, status: CampaignStatus, wait: float) -> Campaign:
    """The campaign once it is as wanted, or as it is when we give up."""
    for each in (*_PAUSES, None):
        now = await client.campaigns.get(campaign_id)
        if now.status == status or each is None:
            break
        await asyncio.sleep(each)
    until = time.monotonic() + wait
    while now.status == status and now.dialer_status in _NOT_YET[status] and time.monotonic() < until:
        await asyncio.sleep(min(_EVERY, wait))
        now = await client.campaigns.get(campaign_id)
    return now


def _failed(campaign: Campaign, error: ApiError, *, tried: bool = True) -> Switched:
    """Where it was sent and nobody could look afterwards, nothing is said of how it is now."""
    refused = error.call.startswith("PUT ") and isinstance(
        error, RefusedError | UnreachableError | ThrottledError
    )
    told = str(error) if refused else f"it may be switched or not, so look: {error}"
    return Switched(
        id=campaign.id,
        name=campaign.name,
        state="failed",
        was=campaign.status or "",
        now=campaign.status or "" if refused or not tried else "",
        error=told if tried else f"not tried: {error}",
        exit_code=error.exit_code,
    )
