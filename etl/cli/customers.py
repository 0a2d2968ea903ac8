"""``obi customers``: who is in a campaign. Looking is here; what changes a campaign is in ``changing``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from etl.cli.changing import add, delete, simulate_of, suppress
from etl.cli.options import SERVER, STATE, Whole, grouped, settings_of
from etl.cli.tables import FORMS, show

if TYPE_CHECKING:
    from etl.cli.tables import Cell
    from etl.exportwalk import Walk
    from etl.obi.models import StoredCustomer

_AGE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SHOWN = ("id", "external_id", "numbers", "result", "call_count", "date", "modification_date")
_ALL = (
    "id", "external_id", "numbers", "result", "call_result", "classifier", "call_count", "last_b_number",
    "date", "agent_id", "dialing_mode", "preview_time", "priority", "modification_date", "time_zone",
)  # fmt: skip


class When(click.ParamType[datetime]):
    """A time (ISO 8601; UTC where it names no zone), or an age: ``30m``, ``12h``, ``2d``, ``1w``."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware."""
        text = str(value).strip()
        try:
            if age := _AGE.fullmatch(text):
                return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: float(age[1])})
            when = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is neither a time such as 2027-04-03T02:00Z nor an age such as 2d.", param, ctx
            )
        return when if when.tzinfo else when.replace(tzinfo=UTC)


@click.group()
def customers() -> None:
    """Look at the customers of a campaign, add one, delete some.

    \b
    Examples:
      obi customers list "Spring" --result "SUCCESS*"
      obi customers show "Spring" LEAD-77
    """


for _command in (add, delete, suppress):
    customers.add_command(_command)

_SEARCH = grouped(
    click.option("--external-id", metavar="TEXT", help="Your own id; * and ? are wildcards, here and below."),
    click.option("--number", metavar="N", help="A telephone number, however it is written, or a pattern."),
    click.option("--result", metavar="TEXT", help="SUCCESS, REFUSAL, …"),
    click.option("--call-result", metavar="TEXT", help="How the last call ended."),
    click.option("--classifier", metavar="TEXT", help="What the agent said of it."),
    click.option("--call-count", metavar="N", help="Calls so far."),
    click.option("--attribute", metavar="NAME[=VALUE]", help="An attribute, and its value."),
    click.option("--agent", metavar="ID", multiple=True, help="Whose customers; may be given again."),
    click.option("--dialing-mode", metavar="MODE", help="PREVIEW or PREDICTIVE."),
    click.option("--priority", metavar="N", help="Priority."),
    click.option("--time-zone", metavar="ZONE", help="IANA time zone."),
    click.option(
        "--modified-since", type=When(), metavar="WHEN", help="Changed after a time, or in the last 2d."
    ),
    click.option("--modified-before", type=When(), metavar="WHEN", help="Changed before it."),
    click.option("--call-after", type=When(), metavar="WHEN", help="To be called after a time."),
    click.option("--call-before", type=When(), metavar="WHEN", help="To be called before it."),
)


@customers.command("list")
@click.argument("campaign")
@_SEARCH
@click.option("--limit", type=Whole(min=1), metavar="N", help="The first N only.")
@FORMS
@SERVER
@STATE
def list_customers(campaign: str, *, limit: int | None, as_json: bool, as_csv: bool, **options: Any) -> int:
    """List the customers of CAMPAIGN, all of them or those that are searched for.

    Each search is made here once more, since a server may ignore one. CSV and JSON have all fields.

    \b
    Examples:
      obi customers list "Spring" --result "SUCCESS*" --modified-since 2d
      obi customers list "Spring" --number "020 7946 0018" --json
    """
    filters = _filters(options)
    found, doubt, more = asyncio.run(_list(campaign, options, filters=filters, limit=limit))
    columns = _ALL if as_csv else _SHOWN
    show(
        [_name(column) for column in columns],
        [_cells(each, columns, as_csv=as_csv) for each in found],
        as_json=as_json,
        as_csv=as_csv,
        objects=[plain(each) for each in found] if as_json else None,
    )
    if more:
        click.echo(f"obi: there are more than these {limit:,}; without --limit all are listed.", err=True)
    elif not found:
        click.echo("obi: no customer of the campaign fits.", err=True)
    if doubt:
        click.echo(f"obi: {doubt}", err=True)
    return 5 if doubt else 0


@customers.command("show")
@click.argument("campaign")
@click.argument("customer", metavar="ID|EXTERNAL_ID")
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
@SERVER
@STATE
def show_customer(campaign: str, customer: str, *, as_json: bool, **options: Any) -> int:
    """Show one customer of CAMPAIGN: fields, attributes, and the answers of a script.

    \b
    Examples:
      obi customers show "Spring" LEAD-77
      obi customers show "Spring" F5168FBDD6914C8DB1C6D0BD64563A39 --json
    """
    from etl.cli.screen import print_json, print_table
    from etl.cli.showing import printable

    found = asyncio.run(_show(campaign, customer, options))
    if as_json:
        print_json(plain(found))
    else:
        print_table(("", ""), [tuple(map(printable, line)) for line in _lines(found)])
    return 0


def _filters(options: dict[str, Any]) -> dict[str, Any]:
    """The searches, taken out of the options, under the client's names."""
    from etl.customersearch import bare_id, is_guid, number_pattern

    options_of = {
        "modified_since": "modification_date",
        "modified_before": "modification_date_end",
        "call_after": "date",
        "call_before": "date_end",
    }
    names = (
        "external_id",
        "result",
        "call_result",
        "classifier",
        "call_count",
        "dialing_mode",
        "priority",
        "time_zone",
    )
    found = {name: options.pop(name) for name in names}
    found |= {name: options.pop(option) for option, name in options_of.items()}
    attribute, number, agents = (options.pop(name) for name in ("attribute", "number", "agent"))
    if attribute:
        name, equals, value = attribute.partition("=")
        found |= {"attribute_name": name, "attribute_value": value if equals else None}
    if number:
        found["numbers"] = number_pattern(number)
        if not any(map(str.isdigit, number)):
            raise click.UsageError(f"--number {number!r} has no digit in it.")
    for agent in agents:
        if not is_guid(agent):
            raise click.UsageError(f"--agent {agent!r} is no id: 32 hexadecimal digits, perhaps with dashes.")
    if agents:
        found["agent_id"] = ",".join(map(bare_id, agents))
    return {name: value for name, value in found.items() if value is not None}


async def _list(
    campaign: str, options: dict[str, Any], *, filters: dict[str, Any], limit: int | None
) -> tuple[list[StoredCustomer], str, bool]:
    """The customers, why they may not be all, and whether there are more than the limit."""
    from etl.campaigns import find_campaign
    from etl.customersearch import search
    from etl.link import connected

    simulate = simulate_of(options)
    async with connected(settings_of(options), simulate=simulate) as link:
        held = await find_campaign(link.client, campaign)
        found = await search(link.client, held.id, limit=limit, **filters)
        total = None
        if found.walked and not filters:
            total = (await link.client.campaigns.get(held.id)).total
        return found.customers, _doubt(found.walked, total), found.more


def _doubt(walked: Walk | None, total: int | None) -> str:
    """Why somebody may be missing, empty where nothing speaks for that; ``total`` is the campaign's count."""
    if walked is None or (walked.unpaged and walked.customers == total):
        return ""
    if walked.unpaged:
        return "the server shows the same customers on a further page, so others may be missing."
    if not walked.joined:
        return (
            "customers came and went meanwhile, or the server has no fixed order, so some may be missing; "
            "list them again."
        )
    if total is None or walked.customers >= total:
        return ""
    return (
        f"the campaign says that it has {total:,} customers, and shows {walked.customers:,}: it changes "
        "meanwhile, or the server does not show all of its pages."
    )


async def _show(campaign: str, customer: str, options: dict[str, Any]) -> StoredCustomer:
    from etl.campaigns import find_campaign
    from etl.customersearch import find_customer
    from etl.link import connected

    simulate = simulate_of(options)
    async with connected(settings_of(options), simulate=simulate) as link:
        held = await find_campaign(link.client, campaign)
        return await find_customer(link.client, held.id, customer)


def plain(customer: StoredCustomer) -> dict[str, Any]:
    """A customer as plain data by the interface's names: what is absent left out, attributes a bare list."""
    found: dict[str, Any] = {
        _name(field): value for field in _ALL if (value := getattr(customer, field)) is not None
    }
    found["attributes"] = [{"name": each.name, "value": each.value} for each in customer.attributes]
    if script := customer.script:
        answers = [{"question": each.question, "answer": each.answer} for each in script.answers]
        found["script"] = {"name": script.name, "answers": answers}
    return found


def _name(field: str) -> str:
    from etl.obi.query import camel

    return camel(field)


def _cells(customer: StoredCustomer, columns: tuple[str, ...], *, as_csv: bool) -> list[Cell]:
    """The fields of one row; on a terminal without what could steer it."""
    from etl.cli.showing import printable

    cells = [getattr(customer, column) for column in columns]
    return [
        cell if cell is None or isinstance(cell, int) else str(cell) if as_csv else printable(str(cell))
        for cell in cells
    ]


def _lines(customer: StoredCustomer) -> Iterator[tuple[str, str]]:
    """Names and values, one a line; attributes and answers below headings of their own."""
    for field in _ALL:
        if (value := getattr(customer, field)) is not None:
            yield _name(field), str(value)
    if customer.attributes:
        yield "attributes", ""
        for each in customer.attributes:
            yield f"  {each.name}", each.value
    if script := customer.script:
        yield "script", script.name or ""
        for answer in script.answers:
            yield f"  {answer.question or ''}", answer.answer or ""
