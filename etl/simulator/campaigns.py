"""A campaign as it is kept, what may be changed in it, and the two that a new database has."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from etl.simulator import values

DialingMode = Literal["PREVIEW", "PROGRESSIVE", "PREDICTIVE"]
Status = Literal["Passive", "Active", "Handled", "Expired", "Invalid", "Deleted", "Quota"]

EXAMPLE_CAMPAIGN = "8A7C98EAF1164F2FAA93B98EECB95D76"
PREVIEW_CAMPAIGN = "62718C7889CC44F7B944C1A6F6BE9B7F"
_DIALER = "88B8B41C99E6484A94F402EA5E465FC5"
_QUEUE = "63AA93F493A54C5A8597FCFA670B2382"

DIALER_STATUS = {"Active": "OPEN", "Passive": "PASSIVE"}
"""The statuses that a client may set, and the dialer's status that goes with each in the document."""


class Campaign(Struct, rename="camel", omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign without its counters, which are counted when it is asked for."""

    id: str
    name: str
    dialer_id: str = _DIALER
    dialer_name: str | None = None
    dialer_type: Literal["QueueDialer", "CampaignDialer"]
    dialing_mode: DialingMode
    status: Status | None = None
    dialer_status: str | None = None
    queue_id: str
    queue_name: str | None = None
    registered: str
    remarks: str | None = None
    custom_ivr_number: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    time_zone: str | None = None
    logged_on: int | None = None
    abandon_rate: float | None = None
    increase_predictive_ratio: float | None = None

    def as_dict(self) -> dict[str, object]:
        """Its fields by the interface's names, without the absent ones."""
        plain: dict[str, object] = msgspec.to_builtins(self)
        return {**plain, "dialerId": self.dialer_id}


_WIRE_NAMES = {each.name: each.encode_name for each in msgspec.structs.fields(Campaign)}
_LONGEST_TEXT = 1000
_HIGHEST = {"abandon_rate": 2, "increase_predictive_ratio": 100}


class CampaignUpdate(Struct, rename="camel", kw_only=True):
    """The body of ``PUT /campaigns/{id}``: a field that is left out is emptied."""

    name: str
    dialing_mode: DialingMode
    queue_id: str
    remarks: str | None = None
    custom_ivr_number: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    time_zone: str | None = None
    abandon_rate: float | None = None
    increase_predictive_ratio: float | None = None


def updated(campaign: Campaign, posted: object, *, loose: bool = False) -> Campaign:
    """``campaign`` with all that a client may change taken from ``posted`` (decoded); the rest is ignored.

    ``loose`` takes numbers in text for numbers, as XML has them. Raises ValueError.
    """
    update = msgspec.convert(posted, CampaignUpdate, strict=not loose)
    fields = {name: getattr(update, name) for name in update.__struct_fields__}
    return _checked(msgspec.structs.replace(campaign, **fields))


def new_campaign(name: str, **fields: object) -> Campaign:
    """An active preview campaign; ``fields`` by the interface's names win. Raises ValueError."""
    plain = {
        "id": values.new_id(),
        "name": name,
        "dialerName": "Campaign Dialer",
        "dialerType": "CampaignDialer",
        "dialingMode": "PREVIEW",
        "status": "Active",
        "dialerStatus": "OPEN",
        "queueId": _QUEUE,
        "queueName": "Test Queue",
        "registered": values.now(),
    }
    return _checked(msgspec.convert(plain | fields, Campaign))


def _checked(campaign: Campaign) -> Campaign:
    """The campaign with its ids and times in the interface's form. Raises ValueError."""
    if not campaign.name.strip():
        raise ValueError("a campaign needs a name")
    for name in ("name", "remarks", "custom_ivr_number"):
        text = getattr(campaign, name) or ""
        if len(text) > _LONGEST_TEXT or "\0" in text:
            raise ValueError(f"{_WIRE_NAMES[name]} is too long, or has a NUL character")
    for name, highest in _HIGHEST.items():
        if not 0 <= (getattr(campaign, name) or 0) <= highest:
            raise ValueError(f"{_WIRE_NAMES[name]} is a number from 0 to {highest}")
    if campaign.time_zone is not None and campaign.time_zone not in values.time_zones():
        raise ValueError(f"timeZone {campaign.time_zone!r} is not known")
    return msgspec.structs.replace(
        campaign,
        **{name: _id(campaign, name) for name in ("id", "dialer_id", "queue_id")},
        **{name: _time(campaign, name) for name in ("start_date", "end_date", "registered")},
    )


def _id(campaign: Campaign, name: str) -> str:
    found = values.id32(getattr(campaign, name))
    if found is None:
        raise ValueError(f"{_WIRE_NAMES[name]} is neither id32 nor id36")
    return found


def _time(campaign: Campaign, name: str) -> str | None:
    given = getattr(campaign, name)
    try:
        return given if given is None else values.shown(given)
    except ValueError as error:
        raise ValueError(f"{_WIRE_NAMES[name]} is {error}") from None


def examples() -> list[Campaign]:
    """The two campaigns of the interface's document."""
    return [
        Campaign(
            id=EXAMPLE_CAMPAIGN,
            name="Test Campaign",
            dialer_name="Queue Dialer",
            dialer_type="QueueDialer",
            dialing_mode="PREDICTIVE",
            status="Passive",
            dialer_status="PASSIVE",
            queue_id=_QUEUE,
            queue_name="Test Queue",
            registered="2020-09-25T07:07:50.243Z",
            start_date="2020-12-20T22:00:00Z",
            end_date="2021-02-20T22:00:00Z",
            time_zone="Europe/Berlin",
        ),
        Campaign(
            id=PREVIEW_CAMPAIGN,
            name="Test Preview Campaign",
            dialer_name="Campaign Dialer",
            dialer_type="CampaignDialer",
            dialing_mode="PREVIEW",
            status="Active",
            dialer_status="OPEN",
            queue_id=_QUEUE,
            queue_name="Test Queue",
            registered="2019-09-25T07:07:50.243Z",
            logged_on=1,
        ),
    ]
