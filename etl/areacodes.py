"""Numbers whose area code stands in a column of its own: what is beside it is no number by itself.

A local part can be a valid number of another town once a leading zero is put before it, so nothing is
repaired there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from etl.phone import Number, Phones
from etl.quoting import quoted
from etl.records import Fault

_IN_FULL = re.compile(r"[\s'=\"]*\(?\s*(?:\+|0)")
_NO_DIGIT = re.compile(r"\D")


def without_local_parts(found: Phones, cells: Sequence[str], codes: Sequence[str]) -> Phones:
    """``found`` without the numbers that may be local parts, where ``codes``, the row's area codes, hold any.

    ``cells`` are what the numbers were read from. A cell that begins with + or 0 has its number in full, and
    so has one that begins with the code itself or whose country the code is.
    """
    digits = [code for each in codes if (code := _NO_DIGIT.sub("", each)).strip("0")]
    if not digits or not found.places:
        return found
    every = list(zip((*found.numbers, *found.beyond), found.places, strict=True))
    whole = [(number, at) for number, at in every if _is_whole(number, cells[at], digits)]
    if len(whole) == len(every):
        return found
    left_out = [at for number, at in every if (number, at) not in whole]
    at = left_out[0]
    fault = Fault(
        "phone.area_code",
        f"{quoted(cells[at].strip())} stands beside an area code in another column: write the number in full",
    )
    kept = len([number for number in found.numbers if any(number is other for other, _ in whole)])
    numbers = tuple(number for number, _ in whole)
    return replace(
        found,
        numbers=numbers[:kept],
        beyond=numbers[kept:],
        places=tuple(place for _, place in whole),
        bad=tuple(dict.fromkeys((*found.bad, *left_out))),
        warnings=(*found.warnings, f"left out: {fault.reason}") if numbers else found.warnings,
        fault=None if numbers else fault,
        at=0 if numbers else at,
    )


def _is_whole(number: Number, cell: str, codes: Sequence[str]) -> bool:
    if _IN_FULL.match(cell):
        return True
    written = _NO_DIGIT.sub("", cell)
    return any(
        number.e164.startswith(f"+{code.lstrip('0')}") or (code[0] != "0" and written.startswith(code))
        for code in codes
    )
