"""What travels over the interface, typed: campaigns, customers, new customers, results.

Names are the document's, in snake case. What a server adds is ignored, what it leaves out is None, and a word
that a closed list does not know becomes a member of that list which equals no other: reading never fails
over something new. Dates stay text, because ``9999-12-31T23:59:59Z`` ("not to be called again") does not
fit into nanosecond timestamps; ``moment`` reads them and ``instant`` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Self

from msgspec import Struct, field, json

from etl.errors import ContractError


class _OpenEnum(StrEnum):
    """A closed list of the document that lets through what it does not know, as it was written."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class DialerType(_OpenEnum):
    """Who dials a campaign."""

    QUEUE_DIALER = "QueueDialer"
    CAMPAIGN_DIALER = "CampaignDialer"


class DialingMode(_OpenEnum):
    """How a campaign or customer is dialled; a customer's is never ``PROGRESSIVE``."""

    PREVIEW = "PREVIEW"
    PROGRESSIVE = "PROGRESSIVE"
    PREDICTIVE = "PREDICTIVE"


class CampaignStatus(_OpenEnum):
    """What a campaign is doing; ``set_status`` takes ``PASSIVE`` and ``ACTIVE`` only."""

    PASSIVE = "Passive"
    ACTIVE = "Active"
    HANDLED = "Handled"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    DELETED = "Deleted"
    QUOTA = "Quota"


class DialerStatus(_OpenEnum):
    """What a campaign's dialer is doing."""

    OPEN = "OPEN"
    CLOSING = "CLOSING"
    CLOSING2 = "CLOSING2"
    CLOSED = "CLOSED"
    PASSIVE = "PASSIVE"
    COMPLETED = "COMPLETED"
    SUSPEND = "SUSPEND"
    EXPIRED = "EXPIRED"
    SHUTDOWN = "SHUTDOWN"
    QUOTA = "QUOTA"


def moment(text: str | None) -> datetime | None:
    """The aware time that an ISO 8601 text of the interface means; UTC where it names no zone.

    None for an absent or unreadable one. The year 9999 is fine: nothing is converted.
    """
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def instant(when: date) -> str:
    """The interface's text for a time: UTC, milliseconds, ``Z``. A time without a zone, and a day, are UTC.

    A time that lies within the years 1 to 9999 in its own zone only is the first or last one that there is.
    """
    if not isinstance(when, datetime):
        when = datetime.combine(when, time.min)
    try:
        when = when.astimezone(UTC) if when.tzinfo else when
    except OverflowError:
        when = datetime.max if when.year > 1 else datetime.min  # noqa: DTZ901  -- UTC is what comes next
    return when.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


class _Figures(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is counted of calls; times in seconds, ``amount`` in whatever money, None where not told."""

    number_of_handled_customers: int | None = None
    number_of_calls: int | None = None
    number_of_successful_calls: int | None = None
    number_of_refusal_calls: int | None = None
    number_of_amount_calls: int | None = None
    number_of_skip_calls: int | None = None
    number_of_reject_calls: int | None = None
    number_of_oper_logout_calls: int | None = None
    number_of_not_dialed_calls: int | None = None
    number_of_hangup_calls: int | None = None
    number_of_abandoned_calls: int | None = None
    amount: float | None = None
    login_time: float | None = None
    pause_time: float | None = None
    wait_time: float | None = None
    preview_time: float | None = None
    call_time: float | None = None
    talking_time: float | None = None
    wrap_time: float | None = None
    number_of_customers: float | None = None


class Statistics(_Figures, frozen=True, kw_only=True, rename="camel"):
    """A campaign's figures, of all time or of one UTC day; times in seconds, None where not told."""

    number_of_agents: float | None = None


class AgentStatistics(_Figures, frozen=True, kw_only=True, rename="camel"):
    """The figures of one campaign and one agent over the days that were asked for (``GET /statistics``).

    ``agent_id`` and ``agent_name`` are None for what the dialer did without an agent.
    """

    campaign_id: str
    campaign_name: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None


class CustomerResultStatistics(Struct, frozen=True, kw_only=True, rename="camel"):
    """How many customers of a campaign have this combination of the three results.

    The last two are None where they are not there; a sum over all rows is the number of customers that have
    a result (the document, ``GET /campaigns/{id}/customerResultStatistics``).
    """

    result: str | None
    call_result: str | None = None
    classifier: str | None = None
    count: int | None = None


class CampaignStatistics(Struct, frozen=True, kw_only=True, rename="camel"):
    """What ``statistics=True`` adds to a campaign that has been active."""

    total: Statistics | None = None
    daily: Statistics | None = None


class Campaign(Struct, frozen=True, kw_only=True, rename="camel"):
    """A campaign as the server describes it (the document, ``GET /campaigns``)."""

    id: str
    name: str
    remarks: str | None = None
    dialer_id: str | None = None
    dialer_name: str | None = None
    dialer_type: DialerType | None = None
    dialing_mode: DialingMode | None = None
    status: CampaignStatus | None = None
    dialer_status: DialerStatus | None = None
    queue_id: str | None = None
    queue_name: str | None = None
    custom_ivr_number: str | None = None
    total: int | None = None
    handled: int | None = None
    not_handled: int | None = None
    callable: int | None = None
    max_calls: int | None = None
    filtered: int | None = None
    start_date: str | None = None
    end_date: str | None = None
    registered: str | None = None
    time_zone: str | None = None
    logged_on: int | None = None
    abandon_rate: float | None = None
    increase_predictive_ratio: float | None = None
    stats: CampaignStatistics | None = None

    @property
    def starts_at(self) -> datetime | None:
        """``start_date`` as an aware time."""
        return moment(self.start_date)

    @property
    def ends_at(self) -> datetime | None:
        """``end_date`` as an aware time."""
        return moment(self.end_date)

    def as_update(self) -> CampaignUpdate:
        """The replacement that changes nothing: what to begin from, as ``replace(campaign.as_update(), …)``.

        Raises ContractError where the server did not tell a dialing mode or queue, which every update needs.
        """
        if self.dialing_mode is None or not self.queue_id:
            raise ContractError(
                "The server told no dialing mode or no queue of the campaign, and an update must name both; "
                "make it whole yourself."
            )
        return CampaignUpdate(
            name=self.name,
            dialing_mode=self.dialing_mode,
            queue_id=self.queue_id,
            remarks=self.remarks,
            custom_ivr_number=self.custom_ivr_number,
            start_date=self.start_date,
            end_date=self.end_date,
            time_zone=self.time_zone,
            abandon_rate=self.abandon_rate,
            increase_predictive_ratio=self.increase_predictive_ratio,
        )


class CampaignUpdate(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a campaign is to be from now on, whole: what is left at None is cleared on the server.

    Dates are ISO 8601 in UTC (``instant`` writes them). ``abandon_rate`` (0 to 2, in percent) and
    ``increase_predictive_ratio`` (0 to 100, in percent) are for predictive campaigns only.
    """

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


class Attribute(Struct, frozen=True):
    """One named value that agents see beside a customer."""

    name: str
    value: str


class _LooseAttribute(Struct, frozen=True):
    name: str
    value: str | int | float | bool | None = None

    def tidy(self) -> Attribute:
        value = self.value
        if isinstance(value, bool):
            return Attribute(self.name, str(value).lower())
        return Attribute(self.name, "" if value is None else str(value))


class _WrappedAttributes(Struct, frozen=True):
    """``{"attribute": …}``, or one attribute in place of it: then ``name`` is not None."""

    attribute: list[_LooseAttribute] | _LooseAttribute | None = None
    name: str | None = None
    value: str | int | float | bool | None = None

    def flat(self) -> list[_LooseAttribute]:
        if isinstance(self.attribute, _LooseAttribute):
            return [self.attribute]
        if self.attribute is None and self.name is not None:
            return [_LooseAttribute(self.name, self.value)]
        return self.attribute or []


class ScriptAnswer(Struct, frozen=True):
    """What a customer answered to one question of a script."""

    question: str | None = None
    answer: str | None = None


class Script(Struct, frozen=True):
    """A script and its answers, as ``include_script=True`` adds them."""

    name: str | None = None
    wire_answers: list[ScriptAnswer] | ScriptAnswer | None = field(default=None, name="answers")

    @property
    def answers(self) -> tuple[ScriptAnswer, ...]:
        """The answers in the order of the questions; a single one may have come without its list."""
        held = self.wire_answers
        return (held,) if isinstance(held, ScriptAnswer) else tuple(held or ())


class StoredCustomer(Struct, frozen=True, kw_only=True, rename="camel"):
    """A customer as the server holds it (the document, ``GET /campaigns/{id}/customers``).

    ``numbers`` is the server's own text, ``;`` between numbers in priority order. ``unreadable`` names the
    fields that the server gave values that can't be theirs: they are as if they were not there.
    """

    id: str
    external_id: str | None = None
    numbers: str | None = None
    result: str | None = None
    call_result: str | None = None
    classifier: str | None = None
    call_count: int | None = None
    last_b_number: int | str | None = None
    date: str | None = None
    agent_id: str | None = None
    dialing_mode: DialingMode | None = None
    preview_time: int | None = None
    priority: int | None = None
    modification_date: str | None = None
    time_zone: str | None = None
    script: Script | None = None
    wire_attributes: _WrappedAttributes | list[_LooseAttribute] | None = field(
        default=None, name="attributes"
    )

    unreadable: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes in the server's order, Phone1 to Phone3 among them.

        The document types them as an array and shows them wrapped in ``{"attribute": […]}``; a single one
        may stand without its list. All of these read alike.
        """
        held = self.wire_attributes
        loose = held.flat() if isinstance(held, _WrappedAttributes) else held or []
        return tuple(item.tidy() for item in loose)

    @property
    def number_list(self) -> tuple[str, ...]:
        """The numbers one by one, in priority order."""
        return tuple(part for number in (self.numbers or "").split(";") if (part := number.strip()))

    @property
    def call_at(self) -> datetime | None:
        """``date`` as an aware time: when to call next; the year 9999 means never again."""
        return moment(self.date)

    @property
    def modified_at(self) -> datetime | None:
        """``modification_date`` as an aware time, by the server's clock."""
        return moment(self.modification_date)


class Attributes(Struct, frozen=True):
    """Attributes in the form in which every example of the document sends them."""

    attribute: tuple[Attribute, ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Self | None:
        """The attributes of (name, value) pairs, None where there are none."""
        items = tuple(Attribute(name, value) for name, value in pairs)
        return cls(items) if items else None


class NewCustomer(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A customer to be added; what is left at its default is not sent.

    ``numbers`` is up to three numbers with ``;`` between them, or empty where attribute Phone1 is given:
    never both (the document ignores the attributes then). ``date`` is ISO 8601 in UTC. There is no ``id``:
    the server makes it.
    """

    external_id: str = ""
    numbers: str = ""
    date: str | None = None
    agent_id: str | None = None
    dialing_mode: DialingMode | None = None
    preview_time: int | None = None
    priority: int | None = None
    time_zone: str | None = None
    attributes: Attributes | None = None


class ItemResult(Struct, frozen=True, rename="camel"):
    """What ``customers/list`` says about one item.

    ``status_code`` 201: created. 200: validated and *not* created. Anything else is an error, told in
    ``error``, which may repeat personal data.
    """

    status_code: int
    id: str | None = None
    error: str | None = None


_encode = json.Encoder().encode


_decode = json.Decoder(NewCustomer).decode


def decode(body: bytes) -> NewCustomer:
    """The customer that ``encode`` made ``body`` of."""
    return _decode(body)


def encode_text(text: str) -> str:
    """The JSON string (with its quotation marks) that stands for a text."""
    return _encode(text).decode()


def encode(what: NewCustomer | CampaignUpdate) -> bytes:
    """The JSON object (UTF-8) that stands for a customer, or a campaign's update, in a request."""
    return _encode(what)
