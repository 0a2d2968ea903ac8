"""The query parameters of the two lists: which customers and campaigns they mean."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from etl.simulator import values
from etl.simulator.dialect import Dialect
from etl.simulator.messages import Refusal

_LONGEST_PATTERN = 10_000  # SQLite refuses those above 50,000 bytes

_CUSTOMER_FIELDS = {
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


class StatisticsSearch(Struct, frozen=True):
    """The figures that are asked for: of one UTC day or (None) in total and of the present one, and whose."""

    day: str | None
    agents: Sequence[str] | None


def customer_search(query: Mapping[str, str], dialect: Dialect) -> CustomerSearch:
    """What the query of ``GET …/customers`` means; parameters that are not known are ignored.

    Raises Refusal (400) for a value that can't be read.
    """
    terms = [
        *_external_id_terms(query, dialect),
        *(
            _text_term(column, _text(query, name))
            for name, column in _CUSTOMER_FIELDS.items()
            if name in query
        ),
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


def _text_term(column: str, value: str) -> _Term:
    if values.is_pattern(value):
        return f"{column} GLOB ?", [values.as_glob(value)]
    return f"{column} = ?", [value]


def _external_id_terms(query: Mapping[str, str], dialect: Dialect) -> list[_Term]:
    """The folded column has the index."""
    if "externalId" not in query:
        return []
    value = _text(query, "externalId")
    if dialect.ids_ignore_case:
        return [_text_term("folded_id", value.casefold())]
    if values.is_pattern(value):
        return [_text_term("external_id", value)]
    return [_text_term("folded_id", value.casefold()), _text_term("external_id", value)]


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
    agents = msgspec.json.encode(ids(query, "agentId")).decode()
    return [("json_extract(body, '$.agentId') IN (SELECT value FROM json_each(?))", [agents])]


def _attribute_terms(query: Mapping[str, str]) -> list[_Term]:
    if "attributeName" not in query:
        if "attributeValue" in query:
            raise Refusal(400, "attributeName is mandatory when attributeValue is given")
        return []
    where, found = _caseless_term("name", _text(query, "attributeName"))
    if "attributeValue" in query:
        value, more = _caseless_term("value", _text(query, "attributeValue"))
        where, found = f"{where} AND {value}", found + more
    rows = "json_each(body, '$.attributes.attribute')"
    return [(f"EXISTS (SELECT 1 FROM {rows} WHERE {where})", found)]  # noqa: S608  -- fixed fragments


def _caseless_term(field: str, value: str) -> _Term:
    """Case does not count here: the document finds ``Classification``/``Gold`` by lower-case values."""
    fold = "lower" if value.isascii() else "casefold"  # ours costs a call into Python for each attribute
    return _text_term(f"{fold}(json_extract(value, '$.{field}'))", value.casefold())


def statistics_search(query: Mapping[str, str]) -> StatisticsSearch | None:
    """The figures that the query of ``GET /campaigns`` or of a single one asks for, None without.

    Raises Refusal (400).
    """
    if not boolean(query, "statistics"):
        for name in ("statisticsDate", "agentId"):
            if name in query:
                raise Refusal(400, f"{name} needs statistics=true")
        return None
    return StatisticsSearch(
        day=_time(query, "statisticsDate")[:10] if "statisticsDate" in query else None,
        agents=ids(query, "agentId") if "agentId" in query else None,
    )


def days(query: Mapping[str, str]) -> tuple[str, str]:
    """The first and the last UTC day that the query of ``GET /statistics`` means. Raises Refusal (400)."""
    first = _time(query, "startDate") if "startDate" in query else "0001-01-01"
    last = _time(query, "endDate") if "endDate" in query else "9999-12-31"
    return first[:10], last[:10]


def campaign_filter(query: Mapping[str, str], campaigns: list[dict[str, object]]) -> list[dict[str, object]]:
    """Those of ``campaigns`` that the query of ``GET /campaigns`` means. Raises Refusal (400)."""
    for name in _CAMPAIGN_FIELDS:
        if name in query:
            pattern = _as_regex(_text(query, name))
            campaigns = [each for each in campaigns if name in each and pattern.fullmatch(str(each[name]))]
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


def ids(query: Mapping[str, str], name: str) -> list[str]:
    """The ids of a comma-separated parameter. Raises Refusal (400)."""
    return [_id(part.strip(), name) for part in query[name].split(",")]


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


def _text(query: Mapping[str, str], name: str) -> str:
    """A value to search for. Raises Refusal (400) for one that SQLite or UTF-8 can't hold."""
    value = query[name]
    if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        raise Refusal(400, f"Invalid {name}: there is a character that is not allowed")
    if len(value) > _LONGEST_PATTERN and values.is_pattern(value):
        raise Refusal(400, f"Invalid {name}: the pattern is too long")
    return value


def _integer(query: Mapping[str, str], name: str, *, default: int) -> int:
    value = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise Refusal(400, f"Invalid {name}: a number from 0 to 999999999 is expected")
    return int(value)
