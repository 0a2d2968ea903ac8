"""A spreadsheet's values as the text that a person sees in the cell.

The number formats are those of ECMA-376 part 1, 18.8.30 and 18.8.31; xls and xlsb use the same. Text is
never touched; of a number it matters whether it is a date, and whether its format shows digits that the
number itself does not have.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
import re
from functools import lru_cache
from typing import NamedTuple

LAST_ROW = 1_048_576
LAST_COLUMN = 16_384
DIGITS = 15
"""Significant digits that a spreadsheet's number keeps."""
NOT_CALCULATED = "#NOT CALCULATED"
"""What a formula gives that no spreadsheet program has calculated: text that no field takes for a value."""
ERRORS = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!",
    0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A", 0x2B: "#GETTING_DATA",
}  # fmt: skip
"""Errors by the codes that binary workbooks have for them ([MS-XLS] 2.5.10)."""
BUILT_IN = {
    1: "0", 2: "0.00", 14: "m/d/yyyy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm", 19: "h:mm:ss",
    20: "h:mm", 21: "h:mm:ss", 22: "m/d/yyyy h:mm", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-m-d"),
    **dict.fromkeys((*range(32, 36), 55, 56), "h:mm:ss"),
}  # fmt: skip
"""Number formats that are known by number, as far as they matter here."""

_LAST_DAY = 2_958_465
_DAYS_TO_1904 = 1462
_TOKEN = re.compile(
    r'"([^"]*)"?|\\(.)|\[([^\]]*)\]|[_*](?:.)|(general)|(AM/PM|A/P)|(.)', re.IGNORECASE | re.DOTALL
)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_HOLDS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}
_PLACES = "0#?"
_LITERAL = " -()+:123456789"
"""Signs that a format shows as they are, in quotes or not; a bare slash makes a fraction."""


class Section(NamedTuple):
    """A part of a number format: when it holds, and what it shows: places of digits, and literals."""

    condition: tuple[str, float] | None
    tokens: tuple[tuple[bool, str], ...]


class NumberFormat(NamedTuple):
    """What a number format makes of a number: ``date``, ``time``, ``duration`` or ``mask``.

    A mask puts digits in places. ``fractions``: seconds are shown with fractions.
    """

    kind: str
    fractions: bool = False
    sections: tuple[Section, ...] = ()


def number_format(code: str) -> NumberFormat | None:
    """What has to be known of the format ``code``; None where the number itself says all."""
    letters, sections, elapsed = _parsed(code)
    if any(letter in "dyhms" for letter in letters.lower()):
        days = any(letter in "dy" for letter in letters.lower())
        fractions = re.search(r"s\.0", letters, re.IGNORECASE) is not None
        return NumberFormat("date" if days else "duration" if elapsed else "time", fractions)
    if any(map(_adds_digits, sections)):
        return NumberFormat("mask", sections=tuple(sections))
    return None


def number_text(value: float) -> str:
    """A number as a spreadsheet shows it where it has room.

    Whole numbers without ``.0``; from 1e15 on in scientific form, because a spreadsheet loses digits there.
    """
    if not math.isfinite(value):
        return repr(value)
    if abs(value) >= 10**DIGITS:
        mantissa, exponent = f"{value:.{DIGITS - 1}E}".split("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"
    return str(int(value)) if value == int(value) else f"{value:.{DIGITS}g}"


@lru_cache(maxsize=1 << 14)
def formatted(value: float, shown: NumberFormat, *, from_1904: bool = False) -> str:
    """The number ``value`` in its format: dates and times in ISO 8601, durations as ``26:05:00``.

    ``from_1904``: the workbook counts days from 1904. A number that can't be a date stays a number; the day
    60 of 1900, which only spreadsheets know, is ``1900-02-29``, so that it is refused and not moved.
    """
    if not math.isfinite(value):
        return number_text(value)
    if shown.kind == "mask":
        return _masked(value, shown.sections)
    precision = 1000 if shown.fractions else 1
    ticks = round(value * 86_400 * precision)
    if shown.kind == "duration":
        return _clock(ticks, precision)
    days, ticks = divmod(ticks, 86_400 * precision)
    if value < 0 or days > _LAST_DAY - (_DAYS_TO_1904 if from_1904 else 0):
        return number_text(value)
    time = _clock(ticks, precision)
    if days == 0 and (shown.kind == "time" or not from_1904):
        return time
    date = _date(days + _DAYS_TO_1904 if from_1904 else days)
    return f"{date}T{time}" if ticks else date


def raw_text(raw: str, shown: NumberFormat | None = None, *, from_1904: bool = False) -> str:
    """The text of a number that is written as ``raw`` in a file; what is no number stays what it is."""
    if shown is None and raw.isdigit() and raw.isascii() and len(raw) <= DIGITS and raw[0] != "0":
        return raw
    try:
        value = float(raw)
    except ValueError:
        return raw
    if "_" in raw:  # Python's own grouping of digits
        return raw
    return formatted(value, shown, from_1904=from_1904) if shown else number_text(value)


def iso_text(raw: str) -> str:
    """A date that a file holds as ISO 8601: without a time where that is midnight."""
    date, has_time, time = raw.strip().partition("T")
    time = re.sub(r"(:\d\d)\.0*$", r"\1", time.removesuffix("Z"))
    return date if not has_time or time in ("00:00:00", "00:00") else f"{date}T{time}"


def unescaped(text: str) -> str:
    """Text in which ``_x000D_`` stands for a carriage return (ECMA-376 part 1, 22.9.2.19, ST_Xstring)."""
    if "_x" not in text:
        return text
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    try:  # characters beyond U+FFFF are written as two escapes
        return plain.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text


def column_number(reference: str) -> int:
    """3 for ``C5`` or ``C``."""
    number = 0
    for letter in reference:
        if not letter.isalpha():
            break
        number = number * 26 + ord(letter.upper()) - 64
    return number


def column_letters(number: int) -> str:
    """``C`` for 3."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _parsed(code: str) -> tuple[str, list[Section], bool]:
    """The letters and signs outside of quotes, the sections, and whether it shows elapsed time."""
    letters = ""
    elapsed = False
    sections = []
    condition: tuple[str, float] | None = None
    tokens: list[tuple[bool, str]] = []
    for quoted, escaped, bracket, general, _noon, plain in _TOKEN.findall(code):
        if bracket:
            found = _CONDITION.fullmatch(bracket)
            if found:
                condition = found[1], float(found[2])
            elif _ELAPSED.fullmatch(bracket):
                elapsed = True
                letters += bracket
        elif plain == ";":
            sections.append(Section(condition, tuple(tokens)))
            condition, tokens = None, []
        elif plain:
            letters += plain
            tokens.append((plain not in _LITERAL, plain))
        elif quoted or escaped:
            tokens.append((False, quoted or escaped))
        elif general:
            tokens.append((True, "0"))  # of a whole number, the same
    sections.append(Section(condition, tuple(tokens)))
    return letters, sections, elapsed


def _adds_digits(section: Section) -> bool:
    """Whether what is shown has more digits than the number: zeros in front, or a country code."""
    places = [text for is_place, text in section.tokens if is_place]
    literal = "".join(text for is_place, text in section.tokens if not is_place)
    if not places or any(place not in _PLACES for place in places):
        return False
    return "0" in places[:-1] or re.search(r"[\d+]", literal) is not None


def _masked(value: float, sections: tuple[Section, ...]) -> str:
    if value < 0 or value != int(value) or value >= 10**DIGITS:
        return number_text(value)
    holding = (section for section in sections if not section.condition or _holds(value, *section.condition))
    section = next(holding, None)
    if section is None or not _adds_digits(section):
        return number_text(value)
    places = [text for is_place, text in section.tokens if is_place]
    # From its first zero on, a format shows a digit in every place: 0## makes 005 of 5.
    fewest = len(places) - places.index("0") if "0" in places else 0
    digits = list(str(int(value)).zfill(fewest))
    missing = len(places)
    shown: list[str] = []
    for is_place, text in reversed(section.tokens):
        if not is_place:
            shown.append(text)
            continue
        missing -= 1
        shown.append((digits.pop() if missing else "".join(digits)) if digits else "")
    return "".join(reversed(shown)).strip()


def _holds(value: float, sign: str, limit: float) -> bool:
    return bool(_HOLDS[sign](value, limit))


def _date(days: int) -> str:
    """The date of a day's number, from 1 for 1900-01-01, with the 29 February that 1900 did not have."""
    if days == 60:
        return "1900-02-29"
    first = dt.date(1899, 12, 31) if days < 60 else dt.date(1899, 12, 30)
    return (first + dt.timedelta(days)).isoformat()


def _clock(ticks: int, precision: int) -> str:
    sign = "-" if ticks < 0 else ""
    seconds, fraction = divmod(abs(ticks), precision)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    rest = f".{fraction:03}" if fraction else ""
    return f"{sign}{hours:02}:{minutes:02}:{seconds:02}{rest}"
