"""How a customer looks on the wire, and whether what the server holds is that customer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, compress, islice
from operator import attrgetter

from etl.obi.models import (
    Attribute,
    Attributes,
    DialingMode,
    NewCustomer,
    StoredCustomer,
    decode,
    encode,
    encode_text,
)
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
    items = []
    rest = iter(customers)
    while part := list(islice(rest, _AT_ONCE)):
        all_plain = _are_plain(chain.from_iterable((each.external_id, *each.values) for each in part))
        form = _form(part[0].names) if all_plain and not (as_attributes or marker) else ""
        for each in part:
            numbers = ";".join(each.numbers)
            names, values = each.names, each.values
            if form and names is part[0].names and "" not in values and _MORE(each) == _NO_MORE:
                body = (form % (each.external_id, numbers, *values)).encode()
                items.append(Item(each.row, each.external_id, numbers, body, each.warning))
                continue
            if "" in values:
                names, values = tuple(compress(names, values)), tuple(filter(None, values))
            if marker:
                names, values = (*names, marker[0]), (*values, marker[1])
            if as_attributes:
                names, values = (*names, *_PHONES[: len(each.numbers)]), (*values, *each.numbers)
            plain = all_plain or _are_plain((each.external_id, *values))
            write = _filled_in if plain else _encoded
            body = write(each, "" if as_attributes else numbers, names=names, values=values)
            items.append(Item(each.row, each.external_id, numbers, body, each.warning))
    return items


_AT_ONCE = 200
"""Customers whose texts are looked at together."""

_PHONES = ("Phone1", "Phone2", "Phone3")
_MODES = {None: None} | {str(mode): mode for mode in (DialingMode.PREVIEW, DialingMode.PREDICTIVE)}
"""The modes of customers, which are two of a campaign's three."""

_MORE = attrgetter("date", "agent_id", "dialing_mode", "preview_time", "priority", "time_zone")
_NO_MORE = (None,) * 6


def _encoded(customer: Customer, numbers: str, *, names: Sequence[str], values: Sequence[str]) -> bytes:
    attributes = tuple(map(Attribute, names, values))
    return encode(
        NewCustomer(
            customer.external_id,
            numbers,
            customer.date,
            customer.agent_id,
            _MODES[customer.dialing_mode],
            customer.preview_time,
            customer.priority,
            customer.time_zone,
            Attributes(attributes) if attributes else None,
        )
    )


def _are_plain(texts: Iterable[str]) -> bool:
    """Whether JSON writes all of these texts as they are."""
    joined = "".join(texts)
    return joined.isprintable() and '"' not in joined and "\\" not in joined


def _filled_in(customer: Customer, numbers: str, *, names: tuple[str, ...], values: Sequence[str]) -> bytes:
    """The same for plain texts, in half the time: customers of an input are of few forms."""
    found = (customer.external_id, numbers or None, *_MORE(customer))
    there = tuple(each is not None for each in found)
    return (_form(names, there) % (*compress(found, there), *values)).encode()


@lru_cache(maxsize=4096)
def _form(names: tuple[str, ...], there: tuple[bool, ...] = (True, True)) -> str:
    """The body of customers with these attributes and these of the fields, ``%s`` for each value."""
    fields = [f'"{name}":{mark}' for name, mark in compress(_FIELDS, there)]
    quoted = [encode_text(name).replace("%", "%%") for name in names]
    attributes = ",".join(f'{{"name":{name},"value":"%s"}}' for name in quoted)
    if attributes:
        fields.append(f'"attributes":{{"attribute":[{attributes}]}}')
    return f"{{{','.join(fields)}}}"


_FIELDS = (
    ("externalId", '"%s"'),
    ("numbers", '"%s"'),
    ("date", '"%s"'),
    ("agentId", '"%s"'),
    ("dialingMode", '"%s"'),
    ("previewTime", "%s"),
    ("priority", "%s"),
    ("timeZone", '"%s"'),
)
"""Fields of a customer in the order in which they are written, and how."""


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
