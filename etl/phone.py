"""Phone cells → numbers that are safe to dial, or the reason why there is none.

The law: never dial a wrong number in silence. What was guessed, dropped or changed is a warning; what can
be read in two ways is refused. Being valid by libphonenumber's metadata is necessary and not enough,
since a plain parse also makes valid numbers of fractions, dates, ``12345/67`` and digits that carry a
country code without a plus. This module takes a cell apart and knows what rows want of their cells;
``etl.numbering`` reads one number.

Fault codes: ``phone.missing``, ``do_not_call``, ``unreadable``, ``digits_lost``, ``fraction``, ``date``,
``letters``, ``fax``, ``ambiguous``, ``no_region``, ``short``, ``placeholder``, ``invalid``, ``premium``,
``pager``, ``voicemail``, ``foreign``, each after ``phone.``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct
from phonenumbers import PhoneNumberType, convert_alpha_characters_in_number, number_type, parse

from etl import phonetext as shapes
from etl.numbering import Context, Number, PhoneRules, read_number
from etl.plans import plan_of
from etl.quoting import quoted
from etl.records import Fault
from etl.regions import dial_code, region_of, says_region, time_zone_of

__all__ = [
    "CellReading",
    "Number",
    "PhoneRules",
    "Phones",
    "dial_code",
    "mask",
    "phones_of",
    "read_cell",
    "read_row",
    "region_of",
    "says_region",
    "time_zone_of",
]

_LONGEST_CELL = 500
_LONGEST_DATE = 13
ONLY_THREE = "only the first three numbers are sent"
_MOST_NUMBERS = 3  # the interface's document: numbers holds up to three


class CellReading(Struct, frozen=True, gc=False):
    """What one cell holds: the good numbers in order, why others are not good, and warnings."""

    numbers: tuple[Number, ...]
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()


class Phones(Struct, frozen=True, gc=False):
    """The numbers of a row, at most three, or the fault that leaves it without any.

    ``at`` is the index of the cell that the fault is about, 0 where there is no fault. ``beyond`` are good
    numbers after the third. ``places`` are the indexes of the cells of both, ``bad`` those of cells of which
    something was left out. ``notes`` are the cells that say not to call, with what they say: such a row has
    no fault for want of a number.
    """

    numbers: tuple[Number, ...] = ()
    beyond: tuple[Number, ...] = ()
    places: tuple[int, ...] = ()
    bad: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    fault: Fault | None = None
    at: int = 0
    notes: tuple[tuple[int, Fault], ...] = ()


def read_row(
    cells: Sequence[str],
    rules: PhoneRules,
    *,
    region: str | None = None,
    country: str = "",
    strict: bool = False,
) -> Phones:
    """Give the numbers of a row's phone ``cells``, which stand in priority order.

    Numbers come without repeats, the first three good ones. ``region`` beats the one in ``rules``; ``""``
    says that none is known, and ``country`` what is written where it should stand. ``strict`` lets the
    first cell with content decide alone (the ``numbers`` field): no other one is looked at, should it be
    bad. The number of a cell with a note that says not to call is never among them.
    """
    filled = [(at, cell) for at, cell in enumerate(cells) if cell.strip()]
    return phones_of(
        [
            (at, read_cell(cell, rules, region=region, country=country))
            for at, cell in (filled[:1] if strict else filled)
        ],
        rules,
    )


def phones_of(readings: Iterable[tuple[int, CellReading]], rules: PhoneRules) -> Phones:
    """Give the numbers of a row from its cells' indexes and readings, which stand in priority order."""
    numbers: dict[str, tuple[Number, int]] = {}
    faults: list[tuple[int, Fault]] = []
    warnings: list[str] = []
    for at, reading in readings:
        for number in reading.numbers:
            numbers.setdefault(number.e164 or number.sent, (number, at))
        faults += [(at, fault) for fault in reading.faults]
        warnings += reading.warnings
    notes = tuple(each for each in faults if each[1].code == _DO_NOT_CALL)
    faults = [each for each in faults if each not in notes]
    if notes and not numbers:
        return Phones(warnings=tuple(warnings), notes=notes)
    if not numbers or (faults and rules.bad_beside_good == "reject"):
        at, fault = faults.pop(0) if faults else (0, _MISSING)
        told = (*warnings, *(other.reason for _, other in faults))
        return Phones(warnings=told, fault=fault, at=at, notes=notes)
    warnings += [f"left out: {fault.reason}" for _, fault in faults]
    good = tuple(number for number, _ in numbers.values())
    if len(good) > _MOST_NUMBERS:
        left = ", ".join(number.sent for number in good[_MOST_NUMBERS:])
        warnings.append(f"{ONLY_THREE}, not {left}")
    return Phones(
        numbers=good[:_MOST_NUMBERS],
        beyond=good[_MOST_NUMBERS:],
        places=tuple(at for _, at in numbers.values()),
        bad=tuple(at for at, _ in faults),
        warnings=tuple(warnings),
        notes=notes,
    )


def read_cell(text: str, rules: PhoneRules, *, region: str | None = None, country: str = "") -> CellReading:
    """Read one phone cell as written: no, one or several numbers. Never raises, whatever the text.

    An empty cell, and words that stand for emptiness (``n/a``), give a reading without anything in it.
    """
    context = Context(rules, plan_of(rules.region if region is None else region), [], {}, country)
    found: Sequence[Number | Fault]
    if shapes.PLAIN.fullmatch(text):
        found = (_read_plain(text, context),)
    elif len(text) > _LONGEST_CELL:
        found = (Fault("phone.unreadable", f"{quoted(text)} is too long to be a phone number"),)
    else:
        found = _read_cell(shapes.plain_text(text), context)
    if context.without_zero:
        found = _zeros_weighed(found, context)
    warnings = tuple(context.warnings)
    if len(found) == 1:  # as nearly always
        (only,) = found
        return (
            CellReading((), (only,), warnings)
            if isinstance(only, Fault)
            else CellReading((only,), (), warnings)
        )
    return CellReading(
        tuple([each for each in found if isinstance(each, Number)]),
        tuple([each for each in found if isinstance(each, Fault)]),
        warnings,
    )


def mask(number: str) -> str:
    """Give the text with every digit but the last two hidden, for logs and messages."""
    hidden = len(_DIGIT.findall(number)) - 2
    return _DIGIT.sub("•", number, count=hidden) if hidden > 0 else number


# --- a cell -------------------------------------------------------------------------------------------

_MISSING = Fault("phone.missing", "there is no phone number in this row")
_DO_NOT_CALL = "phone.do_not_call"
_DIGIT = re.compile(r"\d")

_EXCEL_TEXT = re.compile(r'="([^"]*)"|"([^"]*)"')


def _read_cell(text: str, context: Context) -> Sequence[Number | Fault]:
    bare = shapes.LABEL_BEFORE.sub("", text, count=1)
    if shapes.PLAIN.fullmatch(bare):
        return (_read_plain(bare, context),)
    if shapes.DO_NOT_CALL.search(text):
        reason = f"{quoted(text)} says not to call: if that is wrong, leave only the number in the cell"
        return (Fault(_DO_NOT_CALL, reason),)
    bare = _unwrapped(text)
    if bare != text:
        context.warnings.append("the quotation mark of a spreadsheet around the number was taken off")
    if _VANITY.fullmatch(bare) and not (shapes.LABEL_AFTER.search(bare) or shapes.FAX.search(bare)):
        return (_read_vanity(bare, context),)
    pieces = [piece.strip() for piece in shapes.STRONG.split(bare)]
    if any(_is_broken(first, second, context) for first, second in pairwise(pieces)):
        return (_ambiguous(text),)
    return [each for piece in pieces for each in _read_list(piece, context)]


def _is_broken(first: str, second: str, context: Context) -> bool:
    """Tell one number that was broken in two (``030 2312`` and ``5123`` on the next line) from two."""
    if not (shapes.PLAIN.fullmatch(first) and _REST.fullmatch(second)):
        return False
    aside = context._replace(warnings=[], without_zero={})
    return not isinstance(_read_plain(second, aside), Number) and isinstance(
        _read_plain(f"{first} {second}", aside), Number
    )


def _zeros_weighed(found: Sequence[Number | Fault], context: Context) -> Sequence[Number | Fault]:
    """Refuse what lacks a leading 0 beside a number that has one: it may lack its area code as well."""
    without = context.without_zero
    numbers = [each.e164 for each in found if isinstance(each, Number)]
    if all(e164 in without for e164 in numbers):
        context.warnings.extend(without[e164] for e164 in dict.fromkeys(numbers))
        return found
    return [
        Fault(
            "phone.ambiguous",
            f"{without[each.e164]}, but another number in the cell has one: write it in full",
        )
        if isinstance(each, Number) and each.e164 in without
        else each
        for each in found
    ]


def _unwrapped(text: str) -> str:
    if match := _EXCEL_TEXT.fullmatch(text):
        text = (match[1] or match[2] or "").strip()
    return text.removeprefix("'").lstrip()


def _is_nothing(text: str) -> bool:
    return text.lower() in shapes.NOTHING or not any(map(str.isalnum, text))


def _read_list(text: str, context: Context) -> Sequence[Number | Fault]:
    """Read what may be several numbers with commas or slashes between them, or one written with them."""
    if fault := _misread(text):
        return (fault,)
    if _is_nothing(text):
        return ()
    if "," in text and (match := shapes.FRACTION.fullmatch(text)) and (match[1] or "").isdecimal():
        return (_read_decimals(match, context),)
    if (match := shapes.EXTENSION.fullmatch(text)) and _is_extension(match):
        context.warnings.append(f"the extension {match['extension']} was left out")
        text = match["head"]
    for separator in ",/":
        if separator not in text:
            continue
        parts = [part.strip() for part in text.split(separator)]
        parts = [part for part in parts if not _is_nothing(part)]
        if len(parts) < 2 or not all(map(_DIGIT.search, parts)):
            continue
        return _read_parts(parts, text, separator=separator, context=context)
    return (_read_one(text.strip(" ,/"), context),)


def _is_extension(match: re.Match[str]) -> bool:
    """Tell an extension from a digit that somebody hid or mistyped (``0302312x512``)."""
    head = match["head"]
    return "," not in head and bool(not match["mark"] or match["gap"] or len(_DIGIT.findall(head)) > 8)


def _read_parts(
    parts: Sequence[str], text: str, *, separator: str, context: Context
) -> Sequence[Number | Fault]:
    """Take the parts for numbers only if every one is a whole number by itself.

    ``020 7946 0123/4`` is not: is the second the last digit of another number, or an extension? After a
    comma a part may also be bad, if it is no mere piece of a number by its length.
    """
    aside = context._replace(warnings=[])
    found = [(part, each) for part in parts for each in _read_list(part, aside)]
    good = [part for part, each in found if isinstance(each, Number)]
    longest_piece = 6 if separator == "," else _LONGEST_CELL
    if good and all(
        isinstance(each, Number) or each.code == "phone.fax" or len(_DIGIT.findall(part)) > longest_piece
        for part, each in found
    ):
        context.warnings.extend(aside.warnings)
        return [each for _, each in found]
    text = shapes.LABEL_BEFORE.sub("", text, count=1)
    if separator == "/" and parts[0] not in good and _AREA_SLASH.fullmatch(text):
        return (_read_one(text.replace("/", " "), context),)
    return (_ambiguous(text),)


# --- one number ---------------------------------------------------------------------------------------

_PUNCTUATION = str.maketrans("", "", " ().-")
_REST = re.compile(r"[ ().-]*(?:[0-9][ ().-]*){1,6}")
_AREA_SLASH = re.compile(
    r"(?:\(?0[1-9](?:[ ()-]*\d){0,4}|(?:\+|00)(?:[ ()./-]*\d){1,7}|\(?[2-9]\d\d)[ )]*"
    r"/[ -]*[1-9](?:[ .-]*\d){4,} *"
)

_VANITY = re.compile(r"\+?[0-9() .-]*[0-9)][ .-]*[A-Z](?:[A-Z .-]*[A-Z])")
_LOOK_ALIKES = frozenset("OILSBZ .-")
_SERVICES = frozenset(
    {
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.UAN,
        PhoneNumberType.PREMIUM_RATE,
    }
)


def _read_one(text: str, context: Context) -> Number | Fault:
    """Read one number that may have a label before or after it."""
    if shapes.FAX.search(text):
        return Fault("phone.fax", f"{quoted(text)} is a fax number")
    bare = shapes.LABEL_AFTER.sub("", shapes.LABEL_BEFORE.sub("", text, count=1)).strip()
    if shapes.PLAIN.fullmatch(bare):
        return _read_plain(bare, context)
    if "+" in bare.lstrip("(+=-"):
        return _ambiguous(text)
    if any(map(str.isalpha, bare)):
        reason = f"{quoted(text)} has letters or words beside the digits: leave only the number in the cell"
        return Fault("phone.letters", reason)
    return _unreadable(text)


def _read_plain(text: str, context: Context) -> Number | Fault:
    """Read digits with spaces, dots, dashes and brackets between them, and perhaps a plus before them."""
    text = text.strip()
    if len(text) <= _LONGEST_DATE and shapes.DATE.fullmatch(text):
        return Fault("phone.date", f"{quoted(text)} {_LIKE_A_DATE}")
    if "." in text:
        if match := shapes.FRACTION.fullmatch(text):
            return _read_decimals(match, context)
        if shapes.is_ip_address(text, likely=context.plan is None or context.plan.trunk == "0"):
            return Fault("phone.unreadable", f"{quoted(text)} is an IP address, not a phone number")
    if "(" in text or ")" in text:
        if not shapes.BRACKETS.fullmatch(text):
            return _ambiguous(text)
        if match := shapes.OPTIONAL_ZERO.fullmatch(text):
            return _read_optional_zero(match, context)
    return read_number(text.translate(_PUNCTUATION), text, context=context)


_EXISTING = frozenset({"phone.premium", "phone.pager", "phone.voicemail", "phone.placeholder"})


def _read_optional_zero(match: re.Match[str], context: Context) -> Number | Fault:
    """Read ``+44 (0)20``: the 0 is for callers there only, unless it is part of the number (Italy)."""
    text = match[0]
    kept, dropped = (part.translate(_PUNCTUATION) for part in (text, match["code"] + match["rest"]))
    asides = [context._replace(warnings=[]) for _ in range(2)]
    with_zero = read_number(kept, text, context=asides[0])
    without = read_number(dropped, text, context=asides[1])
    if isinstance(without, Fault) and without.code in _EXISTING:
        return without
    if not isinstance(without, Number):
        context.warnings.extend(asides[0].warnings)
        return with_zero
    if isinstance(with_zero, Number) and with_zero.e164 != without.e164:
        readings = f"{with_zero.e164} or as {without.e164}"
        return Fault("phone.ambiguous", f"{quoted(text)} can be read as {readings}: write it without the (0)")
    context.warnings.extend(asides[1].warnings)
    if not isinstance(with_zero, Number):
        context.warnings.append(f"the (0) of {quoted(text)} was left out: numbers there have none")
    return without


def _read_decimals(match: re.Match[str], context: Context) -> Number | Fault:
    """Read a number cell that was written with decimals, if they are zeros."""
    text, whole = match[0], match[1]
    if not whole or not whole.isdecimal() or match[2].strip("0"):
        return Fault("phone.fraction", f"{quoted(text)} is a number with decimals, not a phone number")
    context.warnings.append(f"{quoted(text)} was a number cell: its decimals were taken off")
    return read_number(whole, whole, context=context)


def _read_vanity(text: str, context: Context) -> Number | Fault:
    """Convert letters by the telephone's keys, only for numbers that are given out as words."""
    letters = [char for char in text if char.isalpha()]
    digits = convert_alpha_characters_in_number(text).translate(_PUNCTUATION)
    if len(letters) > 2 and not _LOOK_ALIKES.issuperset(letters):
        found = read_number(digits, text, context=context)
        if isinstance(found, Number) and found.e164 and _is_service(found.e164):
            context.warnings.append(f"the letters of {quoted(text)} were read as the keys {digits}")
            return found
    return Fault("phone.letters", f"{quoted(text)} has letters in it")


def _is_service(e164: str) -> bool:
    number = parse(e164)
    return number.country_code == 1 or number_type(number) in _SERVICES


def _misread(text: str) -> Fault | None:
    """Give what a spreadsheet made of a number, or what is none at all."""
    for shape, code, what in _MISREAD:
        if shape.fullmatch(text):
            return Fault(f"phone.{code}", f"{quoted(text)} {what}")
    return None


_LIKE_A_DATE = "looks like a date or a time: if it is a number, write it with a plus"
_MISREAD = (
    (shapes.CUT, "digits_lost", "is what a spreadsheet left of a number: take it from the source again"),
    (shapes.ERROR, "unreadable", "is an error of the spreadsheet, not a phone number"),
    (shapes.DATE, "date", _LIKE_A_DATE),
    (shapes.THOUSANDS, "ambiguous", "has thousands separators: export the column as text, digits alone"),
    (shapes.EMAIL, "letters", "is an e-mail address, not a phone number"),
    (shapes.LINK, "letters", "is a link, not a phone number"),
)


def _unreadable(text: str) -> Fault:
    if re.fullmatch(r"[=-]\+?\d+", text):
        what = "a formula" if text[0] == "=" else "a negative number"
        reason = f"{quoted(text)} is {what}, not a phone number: take it from the source"
    else:
        reason = f"{quoted(text)} can't be read as a phone number: leave only its digits and its plus"
    return Fault("phone.unreadable", reason)


def _ambiguous(text: str) -> Fault:
    reason = f"{quoted(text)} can be read in more than one way: write each number in full, ; between them"
    return Fault("phone.ambiguous", reason)
