"""How a customer looks on the wire, and whether what the server holds is that customer."""

from __future__ import annotations

import math
from collections.abc import Iterable

from etl.obi.models import Attribute, Attributes, DialingMode, NewCustomer, StoredCustomer, decode, encode
from etl.records import Customer, Item

_CLOCK_SLACK = 5.0
"""Seconds: our idea of the server's clock is a lower bound, off by a second and the way of an answer."""


_CLOCK_STEP = 1.5
"""Seconds by which two readings of one offset differ at most: a ``Date`` header is cut to whole seconds."""


def items_of(
    customers: Iterable[Customer], *, as_attributes: bool = False, marker: tuple[str, str] | None = None
) -> list[Item]:
    """The customers with their bodies; numbers as attributes Phone1 to Phone3 where ``as_attributes``.

    One form or the other, never both: the interface's document ignores the attributes beside ``numbers``.
    ``marker`` is one more attribute, which says what run it came with.
    """
    marked = (Attribute(*marker),) if marker else ()
    items = []
    for each in customers:
        numbers = ";".join(each.numbers)
        if "" in each.values:
            attributes = tuple(Attribute(name, value) for name, value in each.attributes)
        else:
            attributes = tuple(map(Attribute, each.names, each.values))
        attributes += marked
        if as_attributes:
            attributes += tuple(map(Attribute, _PHONES, each.numbers))
        body = encode(
            NewCustomer(
                each.external_id,
                "" if as_attributes else numbers,
                each.date,
                each.agent_id,
                _MODES[each.dialing_mode],
                each.preview_time,
                each.priority,
                each.time_zone,
                Attributes(attributes) if attributes else None,
            )
        )
        items.append(Item(each.row, each.external_id, numbers, body, each.warning))
    return items


_PHONES = ("Phone1", "Phone2", "Phone3")
_MODES = {None: None} | {str(mode): mode for mode in (DialingMode.PREVIEW, DialingMode.PREDICTIVE)}
"""The modes of customers, which are two of a campaign's three."""


def item_of(
    customer: Customer, *, as_attributes: bool = False, marker: tuple[str, str] | None = None
) -> Item:
    """One customer with its body, as ``items_of``."""
    return items_of([customer], as_attributes=as_attributes, marker=marker)[0]


def customer_of(item: Item, *, marker: tuple[str, str] | None = None) -> Customer:
    """The customer whose item it is, from its body; the ``marker`` and Phone1 to Phone3 are not its own."""
    sent = decode(item.body)
    pairs = tuple((each.name, each.value) for each in sent.attributes.attribute) if sent.attributes else ()
    if marker and marker in pairs:
        pairs = tuple(pair for pair in pairs if pair != marker)
    if not sent.numbers:
        pairs = pairs[: len(pairs) - item.numbers.count(";") - 1]
    return Customer(
        row=item.row,
        external_id=item.external_id,
        numbers=tuple(item.numbers.split(";")),
        date=sent.date,
        agent_id=sent.agent_id,
        dialing_mode=sent.dialing_mode,
        preview_time=sent.preview_time,
        priority=sent.priority,
        time_zone=sent.time_zone,
        names=tuple(name for name, _ in pairs),
        values=tuple(value for _, value in pairs),
        warning=item.warning,
    )


def pairs_of(stored: StoredCustomer) -> set[tuple[str, str]]:
    """The customer's attributes as (name, value)."""
    return {(attribute.name, attribute.value) for attribute in stored.attributes}


def differences(customer: Customer, stored: StoredCustomer) -> list[str]:
    """What of ``customer`` the server holds otherwise: ``numbers``, or names of attributes.

    Attributes are compared as a subset, since the server adds some of its own (Phone1 to Phone3).
    """
    held = {attribute.name: attribute.value for attribute in stored.attributes}
    found = [] if stored.number_list == customer.numbers else ["numbers"]
    return found + [name for name, value in customer.attributes if held.get(name) != value]


def is_of_this_run(
    customer: Customer,
    stored: StoredCustomer,
    *,
    between: tuple[float, float] | None,
    marker: tuple[str, str] | None = None,
) -> bool:
    """Whether it is proved that an earlier sending of this run put ``stored`` there.

    The run's ``marker`` decides, where there is one. Otherwise proof is the same content, no call yet, and
    a change in the time ``between``: when the row was first sent and now, in POSIX seconds by the server's
    clock. A clock that is not known proves nothing, nor does a change in the future: the dates are by another
    clock than the ``Date`` header then.
    """
    if marker:
        return marker in pairs_of(stored)
    modified = stored.modified_at
    if between is None or modified is None or differences(customer, stored):
        return False
    if stored.call_count or stored.call_result or stored.result:
        return False
    since, now = between
    # Dates are cut: to whole seconds, or to milliseconds.
    since = since - 0.001 if modified.microsecond else math.floor(since)
    return since <= modified.timestamp() <= now + _CLOCK_SLACK


def server_times(item: Item, *, offset: float | None, now: float) -> tuple[float, float] | None:
    """When the row was first sent, and now, by the server's clock; None where that is not known.

    ``offset`` is the server's clock minus ours as it is known by now, ``now`` our time in POSIX seconds.
    """
    if item.offset is None or offset is None:
        return None
    if abs(offset - item.offset) > _CLOCK_STEP:
        # Our clock was set meanwhile: what was known when the row was sent holds for that time.
        return item.sent_at + item.offset, now + offset
    return item.sent_at + max(offset, item.offset), now + offset
