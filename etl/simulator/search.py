"""The query parameters of the two lists: which customers and campaigns they mean."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from etl.simulator import values
from etl.simulator.messages import Refusal

_CUSTOMER_FIELDS = {
    "externalId": "external_id",
    "result": "result",
    **{
        name: f"CAST(json_extract(body, '$.{name}') AS TEXT)"
        for name in (
            "numbers",
            "callResult",
            "classifier",
            "callCount",
            "lastBNumber",
            "dialingMode",
            "previewTime",
            "priority",
            "timeZone",
        )
    },
}
_CUSTOMER_TIMES = {"date": "date", "modificationDate": "modified"}
_CAMPAIGN_FIELDS = (
    "name",
    "dialerName",
    "dialingMode",
    "status",
    "dialerStatus",
    "queueName",
    "customIvrNumber",
    "total",
    "handled",
    "maxCalls",
    "filtered",
    "timeZone",
)
_CAMPAIGN_IDS = ("dialerId", "queueId")
_CAMPAIGN_TIMES = ("startDate", "endDate", "registered")


class CustomerSearch(Struct, frozen=True):
    """A search as SQL: ``where`` is a condition over the customers table, ``values`` its parameters."""

    where: str
    values: Sequence[object]
    offset: int
    limit: int
    include_script: bool


def customer_search(query: Mapping[str, str]) -> CustomerSearch:
    """What the query of ``GET …/customers`` means; parameters that are not known are ignored.

    Raises Refusal (400) for a value that can't be read.
    """
    terms = [
        *(_text_term(column, query[name]) for name, column in _CUSTOMER_FIELDS.items() if name in query),
        *_time_terms(query),
        *_agent_terms(query),
        *_attribute_terms(query),
    ]
    return CustomerSearch(
        where=" AND ".join(sql for sql, _ in terms) or "1",
        values=[value for _, found in terms for value in found],
        offset=_integer(query, "offset", default=0),
        limit=_integer(query, "limit", default=100),
        include_script=boolean(query, "includeScript"),
    )


_Term = tuple[str, list[str]]


def _text_term(column: str, value: str, *, parameter: str = "?") -> _Term:
    if values.is_pattern(value):
        return f"{column} GLOB {parameter}", [values.as_glob(value)]
    return f"{column} = {parameter}", [value]


def _caseless_term(field: str, value: str) -> _Term:
    return _text_term(f"lower(json_extract(value, '$.{field}'))", value, parameter="lower(?)")


def _time_terms(query: Mapping[str, str]) -> list[_Term]:
    return [
        (f"{column} {comparison} ?", [_time(query, name + end)])
        for name, column in _CUSTOMER_TIMES.items()
        for end, comparison in (("", ">"), ("End", "<"))
        if name + end in query
    ]


def _agent_terms(query: Mapping[str, str]) -> list[_Term]:
    if "agentId" not in query:
        return []
    agents = agent_ids(query)
    marks = ", ".join("?" * len(agents))
    return [(f"json_extract(body, '$.agentId') IN ({marks})", agents)]


def _attribute_terms(query: Mapping[str, str]) -> list[_Term]:
    """Case does not count here: the document finds ``Classification``/``Gold`` by lower-case values."""
    if "attributeName" not in query:
        if "attributeValue" in query:
            raise Refusal(400, "attributeName is mandatory when attributeValue is given")
        return []
    where, found = _caseless_term("name", query["attributeName"])
    if "attributeValue" in query:
        value, more = _caseless_term("value", query["attributeValue"])
        where, found = f"{where} AND {value}", found + more
    rows = "json_each(body, '$.attributes.attribute')"
    return [(f"EXISTS (SELECT 1 FROM {rows} WHERE {where})", found)]  # noqa: S608  -- fixed fragments


def campaign_filter(query: Mapping[str, str], campaigns: list[dict[str, object]]) -> list[dict[str, object]]:
    """Those of ``campaigns`` that the query of ``GET /campaigns`` means. Raises Refusal (400)."""
    for name in _CAMPAIGN_FIELDS:
        if name in query:
            pattern = _as_regex(query[name])
            campaigns = [each for each in campaigns if pattern.fullmatch(str(each.get(name, "")))]
    for name in _CAMPAIGN_IDS:
        if name in query:
            wanted = _id(query[name], name)
            campaigns = [each for each in campaigns if each[name] == wanted]
    for name in _CAMPAIGN_TIMES:
        if name in query:
            after = _time(query, name)
            campaigns = [each for each in campaigns if name in each and _instant_of(each, name) > after]
        if name + "End" in query:
            before = _time(query, name + "End")
            campaigns = [each for each in campaigns if name in each and _instant_of(each, name) < before]
    return campaigns


def boolean(query: Mapping[str, str], name: str) -> bool:
    """A boolean parameter, false by default. Raises Refusal (400)."""
    value = query.get(name, "false").lower()
    if value not in {"true", "false"}:
        raise Refusal(400, f"Invalid {name}: true or false is expected")
    return value == "true"


def agent_ids(query: Mapping[str, str]) -> list[str]:
    """The ids in the comma-separated ``agentId``. Raises Refusal (400)."""
    return [_id(part.strip(), "agentId") for part in query["agentId"].split(",")]


def _as_regex(value: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(values.as_glob(value)))


def _instant_of(campaign: dict[str, object], name: str) -> str:
    return values.instant(str(campaign[name]))


def _id(value: str, name: str) -> str:
    found = values.id32(value)
    if found is None:
        raise Refusal(400, f"Invalid {name}: an id in id32 or id36 format is expected")
    return found


def _time(query: Mapping[str, str], name: str) -> str:
    try:
        return values.instant(query[name])
    except ValueError as error:
        raise Refusal(400, f"Invalid {name}: {error}") from None


def _integer(query: Mapping[str, str], name: str, *, default: int) -> int:
    value = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise Refusal(400, f"Invalid {name}: a number from 0 to 999999999 is expected")
    return int(value)
