"""Search parameters: Python names to the interface's, values to its notation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

Filter = str | int | bool | None
"""A search value; None leaves the filter out."""


def to_query(filters: Mapping[str, Filter]) -> dict[str, str]:
    """The query of ``filters``: ``external_id`` becomes ``externalId``, True ``true``; None is left out.

    Names that are in camel case already stay as they are.
    """
    return {_camel(name): _plain(value) for name, value in filters.items() if value is not None}


@lru_cache(maxsize=128)
def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _plain(value: str | int | bool) -> str:  # noqa: FBT001  -- a value, not a switch
    return str(value).lower() if isinstance(value, bool) else str(value)
