"""Make the table of calls in ``docs/interface.md`` from the code: ``python docs/make_calls_table.py``.

A line is an operation of ``schemas/openapi.json``. Which client method makes it is found by calling each
with a transport that only notes the request; the simulator's handler stands in its routes; the tests are
parametrised by the operation. ``--check`` writes nothing and ends with 1 where the page is stale.
"""
# ruff: noqa: INP001  -- a script beside the page that it makes

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from etl.obi import Client, Connection
from etl.obi.models import CampaignStatus, CampaignUpdate, DialingMode, NewCustomer
from etl.obi.wire import Call
from etl.simulator import app

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "interface.md"
BEGIN, END = "<!-- calls: made by docs/make_calls_table.py -->", "<!-- end of calls -->"
RESOURCES = ("campaigns", "customers", "statistics")
METHODS = ("get", "put", "post", "delete")
CLIENT_TEST = (
    "tests/contract/test_contract_client.py",
    "test_a_call_of_the_client_is_what_the_contract_describes",
)
SIMULATOR_TEST = ("tests/contract/test_contract_simulator.py", "test_the_simulator_keeps_the_contract")

COMMANDS = {
    "listCampaigns": "obi campaigns list",
    "getCampaign": "obi campaigns show",
    "updateCampaign": "obi campaigns update",
    "setCampaignStatus": "obi campaigns activate",
    "listCustomerResultStatistics": "obi stats",
    "addCustomers": "obi load",
    "listCustomers": "obi customers list`, `obi export",
    "getCustomer": "obi customers show",
    "addCustomer": "obi customers add",
    "deleteCustomer": "obi customers delete",
    "listStatistics": "obi stats",
}
"""The command that is first of all this call, where there is one. Nothing in the code says so."""

_ID = "0" * 32
_ARGUMENTS: dict[str, Any] = {
    "campaign_id": _ID,
    "customer_id": _ID,
    "external_id": "7",
    "external_ids": ["7"],
    "status": CampaignStatus.ACTIVE,
    "update": CampaignUpdate(name="-", dialing_mode=DialingMode.PREVIEW, queue_id=_ID),
    "customer": NewCustomer(),
    "bodies": [],
}


class _NotedError(Exception):
    def __init__(self, method: str, path: tuple[str, ...]) -> None:
        super().__init__(method, path)
        self.request = (method, path)


async def _note(call: Call, path: tuple[str, ...], **_more: object) -> NoReturn:
    raise _NotedError(call.method, path)


def operations() -> Iterator[tuple[str, str, str]]:
    """(operationId, method, path) of each call, in the order of the description."""
    paths = json.loads((ROOT / "schemas" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    for path, item in paths.items():
        for method in METHODS:
            if method in item:
                yield item[method]["operationId"], method.upper(), path


def client_methods() -> dict[str, list[str]]:
    """By operationId, the client's methods whose first request is this call, in the order of the code."""
    client = Client(Connection(base_url="http://127.0.0.1/RI/obi"))
    found: dict[str, list[str]] = {}
    for resource in RESOURCES:
        holder = getattr(client, resource)
        holder._transport.request = _note  # noqa: SLF001  -- notes instead of sending
        for name, method in inspect.getmembers(type(holder), inspect.isfunction):
            if not name.startswith("_"):
                found.setdefault(_operation_of(holder, method), []).append(f"{resource}.{name}")
    order = [name for names in (vars(type(getattr(client, each))) for each in RESOURCES) for name in names]
    return {
        each: sorted(names, key=lambda name: order.index(name.partition(".")[2]))
        for each, names in found.items()
    }


def _operation_of(holder: object, method: Any) -> str:
    required = [
        name
        for name, each in inspect.signature(method).parameters.items()
        if each.default is each.empty and each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
    ][1:]
    try:
        asyncio.run(_first_request(method(holder, *(_ARGUMENTS[name] for name in required))))
    except _NotedError as noted:
        verb, segments = noted.request
    for operation, wanted, path in operations():
        if wanted == verb and re.fullmatch(re.sub(r"{\w+}", _ID, path), "/" + "/".join(segments)):
            return operation
    raise LookupError(f"{method.__qualname__} is no operation: {verb} {segments}")


async def _first_request(asked: Any) -> None:
    if inspect.isasyncgen(asked):
        await anext(asked)
    else:
        await asked


def handlers() -> dict[str, str]:
    """By operationId, the simulator's handler."""
    by_route = {
        (each.method, re.sub(r"{\w+(?::[^}]*)?}", "{}", each.path)): each.handler.__name__
        for each in app._ROUTES  # noqa: SLF001  -- the table is made of what is served
    }
    return {name: by_route[method, re.sub(r"{\w+}", "{}", path)] for name, method, path in operations()}


def table() -> str:
    """The table in Markdown, between its markers."""
    methods, by_operation = client_methods(), handlers()
    lines = [
        "| call | client: `obi.` | command | simulator: `handlers.` | tests |",
        "|---|---|---|---|---|",
    ]
    for operation, method, path in operations():
        first, *others = methods[operation]
        also = f" (also {', '.join(f'`{name}`' for name in others)})" if others else ""
        command = f"`{COMMANDS[operation]}`" if operation in COMMANDS else ""
        lines.append(
            f"| {method} {path} | `{first}`{also} | {command} | `{by_operation[operation]}`"
            f" | [client][], [simulator][]: `{operation}` |"
        )
    tests = [
        f"Client: `{CLIENT_TEST[1]}`, by operation, in JSON and XML.",
        f"Simulator: `{SIMULATOR_TEST[1]}`, by method and path.",
        "",
        f"[client]: ../{CLIENT_TEST[0]}",
        f"[simulator]: ../{SIMULATOR_TEST[0]}",
    ]
    return "\n".join([BEGIN, "", *lines, "", *tests, "", END])


def page(text: str) -> str:
    """The page's text with the table as it must be now."""
    before, _, rest = text.partition(BEGIN)
    return before + table() + rest.partition(END)[2]


if __name__ == "__main__":
    now = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:]:
        sys.exit(int(page(now) != now))
    PAGE.write_text(page(now), encoding="utf-8")
