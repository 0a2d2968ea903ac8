"""Cells → what a column looks like: the last tier of guessing, and the weakest.

It is for columns whose names say nothing. Looks propose, and a person disposes: no run dials a column for
its looks, and a name that tells against a field (``etl.guesses.never_dialled``) beats whatever its cells are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

from etl import fields
from etl.guesses import Guess, never_dialled, tokens
from etl.phone import PhoneRules, read_cell
from etl.plans import plan_of
from etl.records import Fault, Normal

_MOST = 200
"""Cells of a column that are looked at."""
_TRIED = 40
"""National numbers that every region is tried on."""
_FEW = 5
_FEW_PROVE = 50
"""Confidence in what so few cells look like."""
_MOSTLY = 0.8
_NEARLY_ALL = 0.95

_LIKE_A_PHONE = re.compile(
    r"\s*(?:(?:\+|00|\(?\+?\(?0)[\d\s()/.-]{6,24}|\(?\d{2,4}\)?[\s.-]\d{2,4}[\s.-]\d{3,4}(?:[\s.-]\d{2,4})?)\s*"
)
_NORTH_AMERICAN = re.compile(r"\s*1?[2-9]\d{9}\s*")
"""Plain digits; elsewhere than where all numbers have one length they can't be told from ids."""
_ID_NAME = re.compile(r"(?:id|nr|no|number|nummer|ref|reference|referenz|key|code|guid)s?(?:$|[^a-z])")
_ID = re.compile(r"[^\s@*?]{1,64}")
_GUID = re.compile(r"[0-9a-f]{32}|\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_DATE_NAME = re.compile(
    r"call|follow|next|not before|earliest|schedul|appointment|termin|wiedervorlage|r[uü]ckruf|anruf|rappel"
)
_AGENT_NAME = re.compile(r"agent|operator|user")
_PRIORITY_NAME = re.compile(r"prio|urgen|dringlich")

_OTHER_WAYS = r"^(?!.*(?:mail|fax|sms|text|post|letter|brief|cookie|whats|terms|agb))"
_REFUSES = re.compile(
    _OTHER_WAYS + r".*(?:opt(?:ed)? ?out|unsubscri|do ?not|dont|sperr|widerspr|black ?list|block|no calls?\b)"
)
_ALLOWS = re.compile(
    _OTHER_WAYS + r".*(?:consent|opt(?:ed)? ?in|permission|einwillig|erlaub|zustimm|gdpr|dsgvo|rgpd|toestemm)"
)
"""Names of wishes, as words without accents; those about other ways than the telephone are not meant."""

_REGIONS = (
    "GB", "US", "DE", "FR", "IT", "ES", "NL", "BE", "AT", "CH", "IE", "PT", "DK", "SE", "NO", "FI", "PL",
    "CZ", "SK", "HU", "RO", "BG", "GR", "HR", "SI", "RS", "UA", "TR", "EE", "LV", "LT", "LU", "IL", "ZA",
    "AE", "SA", "IN", "PK", "CN", "JP", "KR", "SG", "MY", "ID", "TH", "PH", "VN", "AU", "NZ", "BR", "MX",
    "AR", "CL", "CO",
)  # fmt: skip
"""Where lead files mostly come from."""


def guess_by_values(
    headers: Mapping[int, str], samples: Mapping[int, Sequence[str]], *, region: str = ""
) -> tuple[Guess, ...]:
    """What columns look like that no name says anything of.

    ``headers``: position → header, of the columns that are free. ``samples``: position → some of its cells,
    in the order of the rows. ``region`` is that of national numbers, ``""`` where none is known: any region
    that explains them will do then. At most one guess a column, each with confidence below 90.
    """
    guesses: list[Guess] = []
    for at, header in headers.items():
        filled = [cell for cell in samples.get(at, ()) if cell.strip()][:_MOST]
        if filled:
            look = _look(header, filled, region=region, rows=len(samples[at]))
            if look:
                field, confidence, reason = look
                confidence = confidence if len(filled) >= _FEW else min(confidence, _FEW_PROVE)
                guesses.append(
                    Guess(
                        field=field,
                        column=at,
                        header=header,
                        confidence=confidence,
                        how="values",
                        reason=reason,
                    )
                )
    return tuple(guesses)


def fitting_regions(cells: Sequence[str]) -> tuple[str, ...]:
    """The regions by which most national numbers among ``cells`` are numbers, those that read most of them.

    Of these, where there are international numbers too, the ones that they are of. None where there are no
    national numbers.
    """
    abroad = {cell: read_cell(cell, PhoneRules()).numbers for cell in cells if cell.strip()}
    national = [cell for cell, numbers in abroad.items() if not numbers][:_TRIED]
    shares = {region: _share(national, partial(_is_phone, region=region)) for region in _REGIONS}
    best = max(_MOSTLY, *shares.values())
    fitting = [region for region, share in shares.items() if share == best]
    e164 = [numbers[0].e164 for numbers in abroad.values() if numbers]
    local = {region: sum(number.startswith(f"+{_code(region)}") for number in e164) for region in fitting}
    most = max(local.values(), default=0)
    return tuple(region for region in fitting if local[region] == most)


def _code(region: str) -> str:
    plan = plan_of(region)
    return plan.digits if plan else ""


def phone_share(cells: Sequence[str], *, region: str = "") -> float:
    """The share of filled cells that are written as phone numbers are and can be read as such, from 0 to 1.

    Without a ``region``, by the one that reads most of them.
    """
    filled = [cell for cell in cells if cell.strip()][:_MOST]
    if not filled or is_a_series(filled):
        return 0.0
    regions = (region,) if region else fitting_regions(filled)[:1]
    return max(_share(filled, partial(_is_phone, region=each)) for each in ("", *regions))


def _look(header: str, filled: Sequence[str], *, region: str, rows: int) -> tuple[str, int, str] | None:
    """(field, confidence, reason) of the first look that fits."""
    name = " ".join(tokens(header))
    for field, confidence, least, names, rule, reason in _LOOKS:
        if names.search(name) and _share(filled, rule) >= least:
            return field, confidence, reason
    if not never_dialled(header) and (share := phone_share(filled, region=region)) >= _MOSTLY:
        return "phones", int(share * 85), f"{share * 100:.0f} % of its cells are written as phone numbers are"
    if len(filled) == rows > 1 and (confidence := _id_look(name, filled)):
        return "externalId", confidence, "its cells differ from row to row, as ids do"
    return None


def _share(cells: Sequence[str], test: Callable[[str], object]) -> float:
    return sum(1 for cell in cells if test(cell)) / len(cells) if cells else 0.0


def _is_phone(cell: str, region: str) -> bool:
    like = _LIKE_A_PHONE.fullmatch(cell) or (_code(region) == "1" and _NORTH_AMERICAN.fullmatch(cell))
    return bool(like) and bool(read_cell(cell, PhoneRules(region=region)).numbers)


def is_a_series(cells: Sequence[str]) -> bool:
    """Whether the cells are plain digits that only ever rise, as a system's own numbers do."""
    if len(cells) < _FEW or not all(cell.strip().isdecimal() for cell in cells):
        return False
    return all(before < after for before, after in pairwise(map(int, cells)))


def _id_look(name: str, cells: Sequence[str]) -> int:
    """Confidence that a column without empty cells holds ids, 0 where it does not."""
    if len(set(cells)) != len(cells) or not all(_ID.fullmatch(cell.strip()) for cell in cells):
        return 0
    if (
        any(isinstance(fields.external_id(cell), Fault) for cell in cells)
        or _share(cells, _is_date) > 1 - _MOSTLY
    ):
        return 0
    if all(_GUID.fullmatch(cell.strip()) for cell in cells):
        return 75
    return 65 if _ID_NAME.search(name) and _share(cells, _LIKE_A_PHONE.fullmatch) < _MOSTLY else 0


def _is_date(cell: str) -> bool:
    orders = ("", "dmy", "mdy")
    return not cell.strip().isdecimal() and any(
        isinstance(fields.date(cell, order=order, zone="UTC"), Normal) for order in orders
    )


def _is_yes_or_no(cell: str) -> bool:
    return fields.yes_no(cell) is not None


def _is(rule: Callable[[str], Normal | Fault]) -> Callable[[str], bool]:
    return lambda cell: isinstance(rule(cell), Normal)


_ANY_NAME = re.compile("")
_LOOKS: tuple[tuple[str, int, float, re.Pattern[str], Callable[[str], bool], str], ...] = (
    ("timeZone", 85, _NEARLY_ALL, _ANY_NAME, _is(fields.time_zone), "its cells are time zones"),
    ("dialingMode", 85, _NEARLY_ALL, _ANY_NAME, _is(fields.dialing_mode), "its cells are dialing modes"),
    ("agentId", 60, 1.0, _AGENT_NAME, _is(fields.guid), "its cells are ids, and its name speaks of agents"),
    ("date", 60, _MOSTLY, _DATE_NAME, _is_date, "its cells are dates, and its name speaks of calling"),
    ("do_not_call", 60, _NEARLY_ALL, _REFUSES, _is_yes_or_no, "its cells are yes or no, and a yes refuses"),
    ("callable", 60, _NEARLY_ALL, _ALLOWS, _is_yes_or_no, "its cells are yes or no, and a yes allows"),
    (
        "priority",
        60,
        _NEARLY_ALL,
        _PRIORITY_NAME,
        _is(partial(fields.whole_number, field="priority")),
        "its cells are whole numbers",
    ),
)
"""Field, confidence, the least share of cells, what the name must say, what a cell must be, the reason."""
