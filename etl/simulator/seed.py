"""Campaigns and customers to begin with, from a file or the control plane.

::

    {"campaigns": [{"name": "Spring", "timeZone": "Europe/Rome",
                    "customers": [{"externalId": "10", "numbers": "0215428754", "result": "SUCCESS"}]}]}

A campaign has the interface's fields, of which only ``name`` is needed; what is left out makes an active
preview campaign, and its id comes from its name. One that is there already, by its ``id`` or else its
``name``, is left as it is. A customer has the fields that can be posted, and may have been called:
``result``, ``callResult``, ``classifier``, ``callCount``, ``lastBNumber``, ``script``, ``modificationDate``.
Those whose externalId is taken already are left out, and a customer without one gets the campaign's name and
its place there for it, so that seeding twice is seeding once.
"""

from __future__ import annotations

import codecs
import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, structs

from etl.simulator import values
from etl.simulator.campaigns import Campaign, new_campaign
from etl.simulator.customers import POSTED, Customer, draft
from etl.simulator.store import Store


class _Answered(Struct):
    question: str
    answer: str


class _Script(Struct):
    name: str
    answers: list[_Answered]


class _Called(Struct, rename="camel", kw_only=True):
    """What calls have made of a customer."""

    result: str | None = None
    call_result: str | None = None
    classifier: str | None = None
    call_count: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    last_b_number: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    modification_date: str | None = None
    script: _Script | None = None


_CALLED = tuple(each.encode_name for each in structs.fields(_Called))


class _Seed(Struct, forbid_unknown_fields=True):
    campaigns: list[dict[str, Any]]


def read_seed(path: Path) -> dict[str, Any]:
    """The content of a JSON file, or of a TOML file (``.toml``).

    Raises ValueError, which names the file, and OSError.
    """
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        if path.suffix.lower() == ".toml":
            times_as_text: dict[str, Any] = msgspec.to_builtins(tomllib.loads(content.decode()))
            return times_as_text
        return msgspec.json.decode(content, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None


def sow(store: Store, seed: Mapping[str, Any]) -> int:
    """Put what ``seed`` has into the store, all or nothing: the number of customers added.

    Raises ValueError, which says what in the seed is wrong.
    """
    with store.transaction():
        return sum(
            _sow_campaign(store, given, where=f"campaign {number}")
            for number, given in enumerate(msgspec.convert(seed, _Seed).campaigns, start=1)
        )


def _sow_campaign(store: Store, given: dict[str, Any], *, where: str) -> int:
    fields = {name: value for name, value in given.items() if name != "customers"}
    try:
        campaign = _campaign(store, fields)
        customers = msgspec.convert(given.get("customers", []), list[dict[str, Any]])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    made: dict[str, tuple[Customer, bytes | None]] = {}
    for place, each in enumerate(customers, start=1):
        external_id = f"{campaign.name}-{place}"
        try:
            customer, script = _customer(store, {"externalId": external_id, **each})
        except ValueError as error:
            raise ValueError(f"{where}, customer {place}: {error}") from None
        made.setdefault(store.key(customer.external_id), (customer, script))
    taken = store.taken(campaign.id, made)
    fresh = [each for key, each in made.items() if key not in taken]
    scripts = {customer.id: script for customer, script in fresh if script is not None}
    store.insert(campaign.id, [customer for customer, _ in fresh], scripts=scripts)
    return len(fresh)


def _campaign(store: Store, fields: dict[str, Any]) -> Campaign:
    """The campaign that is there by this id or name, or else a new one."""
    name = fields.get("name", "")
    if "id" not in fields:
        for each in store.campaigns():
            if each.name == name:
                return each
        fields = {"id": _id_of(str(name)), **fields}
    found = store.campaign(values.id32(str(fields["id"])) or "")
    if found is None:
        found = new_campaign(**{"name": name, "registered": store.now(), **fields})
        store.put_campaigns([found])
    return found


def _id_of(name: str) -> str:
    """The same id for a name each time, so that what is dialled there is the same too."""
    return hashlib.sha256(name.encode()).hexdigest()[:32].upper()


def _customer(store: Store, given: dict[str, Any]) -> tuple[Customer, bytes | None]:
    unknown = sorted(given.keys() - {*POSTED, *_CALLED})
    if unknown:
        raise ValueError(f"there is no field {unknown[0]!r}")
    called = structs.asdict(msgspec.convert(given, _Called))
    script, changed = called.pop("script"), called.pop("modification_date")
    now = store.now() if changed is None else values.instant(changed)
    made = draft(given, now=now, dialect=store.dialect)
    return structs.replace(made, **called), script and msgspec.json.encode(script)
