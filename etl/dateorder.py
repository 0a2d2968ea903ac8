"""In which order an input writes day, month and year, told by all of its dates.

A date decides when a phone rings, so an order is never guessed. But it must be one order in all of a file:
where two dates can only be read in different ones, or one can't be read in the order that is stated, nothing
of the file is certain, and that is known before anything is sent.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from itertools import chain
from pathlib import Path

from msgspec import Struct

from etl.dates import possible_orders
from etl.errors import InputError
from etl.records import SourceSpec
from etl.sources import open_source, rows_of

_SAID = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}


class DateEvidence(Struct, frozen=True):
    """What the dates of an input say of their order.

    ``sure`` counts the dates that can only be read in one order (``dmy``, ``mdy``, ``ymd``), ``ambiguous``
    those that are different days in several. ``sentence`` tells a person; empty where no date needs an order.
    """

    sentence: str = ""
    sure: dict[str, int] = {}
    ambiguous: int = 0


def date_evidence(
    path: Path,
    spec: SourceSpec,
    column: int,
    *,
    formats: tuple[str, ...] = (),
    order: str = "",
    name: str = "",
) -> DateEvidence:
    """The evidence of all dates in ``column``, a position in ``spec.header``.

    ``order`` and ``formats`` are stated. Raises InputError, with the line, for a date that can't be of the
    order that is stated, or that others can only be read in.
    """
    label = name or path.name
    sure: Counter[str] = Counter()
    first: dict[str, int] = {}
    ambiguous = 0
    source = open_source(path, spec, label=label)
    with closing(rows_of(source, spec)) as groups:
        records = chain.from_iterable(zip(*group, strict=True) for group in groups)
        for line, cells, extra in records:
            days = {} if extra else possible_orders(cells[column], formats=formats)
            if not days:
                continue
            if order and order not in days:
                raise InputError(
                    f"{label}, line {line:,}: this date can't be {_SAID[order]}, as is stated (date_order "
                    f"{order}), but can be read otherwise; mend the date or the order."
                )
            if len(days) > 1:
                ambiguous += len(set(days.values())) > 1
                continue
            (only,) = days
            sure[only] += 1
            first.setdefault(only, line)
            if len(first) > 1:
                raise InputError(f"{label}: {_mixed(first)}")
    return DateEvidence(_sentence(sure, ambiguous, order=order, first=first), dict(sure), ambiguous)


def _mixed(first: dict[str, int]) -> str:
    (one, here), (other, there) = first.items()
    return (
        f"the date on line {here:,} can only be read with the {_SAID[one]} and that on line {there:,} only "
        f"with the {_SAID[other]}, so no date of the file is certain; write all of them as in 2027-04-03."
    )


def _sentence(sure: Counter[str], ambiguous: int, *, order: str, first: dict[str, int]) -> str:
    if not sure and not ambiguous:
        return ""
    if order:
        proof = f"; {sure[order]:,} can only be so" if sure else ""
        return f"dates: {_SAID[order]}, because it is stated{proof}"
    is_refused = "is refused" if ambiguous == 1 else "are refused"
    refused = f"{ambiguous:,} could be in another order too and {is_refused}" if ambiguous else ""
    if not sure:
        return f"dates: {refused}; state --date-order"
    (found,) = sure
    why = f"because {sure[found]:,} can only be so (the first on line {first[found]:,})"
    advice = f"; {refused}, unless you state --date-order {found}" if refused else ""
    return f"dates: {_SAID[found]}, {why}{advice}"
