"""Phone cells → numbers that are safe to dial, or the reason why there is none.

The law: never dial a wrong number in silence. What was guessed, dropped or changed is a warning; what can
be read in two ways is refused. Being valid by libphonenumber's metadata is necessary and not enough,
since a plain parse also makes valid numbers of fractions, dates, ``12345/67`` and digits that carry a
country code without a plus. This module takes a cell apart and knows what rows want of their cells;
``etl.numbering`` reads one number.

Fault codes: ``phone.missing``, ``unreadable``, ``digits_lost``, ``fraction``, ``date``, ``letters``,
``fax``, ``ambiguous``, ``no_region``, ``short``, ``placeholder``, ``invalid``, ``premium``, ``pager``,
``foreign``, each after ``phone.``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct
from phonenumbers import PhoneNumberType, convert_alpha_characters_in_number, number_type, parse

from etl.numbering import Context, Number, PhoneRules, plan_of, read_number
from etl.quoting import quoted
from etl.records import Fault
from etl.regions import region_of, time_zone_of

__all__ = [
    "CellReading",
    "Number",
    "PhoneRules",
    "Phones",
    "mask",
    "read_cell",
    "read_row",
    "region_of",
    "time_zone_of",
]

_LONGEST_CELL = 500
_MOST_NUMBERS = 3  # the interface's document: numbers holds up to three


class CellReading(Struct, frozen=True):
    """What one cell holds: the good numbers in order, why others are not good, and warnings."""

    numbers: tuple[Number, ...]
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()


class Phones(Struct, frozen=True, kw_only=True):
    """The numbers of a row, at most three, or the fault that leaves it without any.

    ``at`` is the index of the cell that the fault is about, 0 where there is no fault.
    """

    numbers: tuple[Number, ...] = ()
    warnings: tuple[str, ...] = ()
    fault: Fault | None = None
    at: int = 0


def read_row(
    cells: Sequence[str], rules: PhoneRules, *, region: str | None = None, strict: bool = False
) -> Phones:
    """Give the numbers of a row's phone ``cells``, which stand in priority order.

    Numbers come without repeats, the first three good ones. ``region`` beats the one in ``rules``; ``""``
    says that none is known. ``strict`` lets the first cell with content decide alone (the ``numbers``
    field): no other one is looked at, should it be bad.
    """
    numbers: dict[str, Number] = {}
    faults: list[tuple[int, Fault]] = []
    warnings: list[str] = []
    filled = [(at, cell) for at, cell in enumerate(cells) if cell.strip()]
    for at, cell in filled[:1] if strict else filled:
        reading = read_cell(cell, rules, region=region)
        for number in reading.numbers:
            numbers.setdefault(number.e164 or number.sent, number)
        faults += [(at, fault) for fault in reading.faults]
        warnings += reading.warnings
    if not numbers or (faults and rules.bad_beside_good == "reject"):
        at, fault = faults.pop(0) if faults else (0, _MISSING)
        return Phones(warnings=(*warnings, *(other.reason for _, other in faults)), fault=fault, at=at)
    warnings += [f"left out: {fault.reason}" for _, fault in faults]
    good = tuple(numbers.values())
    if len(good) > _MOST_NUMBERS:
        left = ", ".join(number.sent for number in good[_MOST_NUMBERS:])
        warnings.append(f"only the first three numbers are sent, not {left}")
    return Phones(numbers=good[:_MOST_NUMBERS], warnings=tuple(warnings))


def read_cell(text: str, rules: PhoneRules, *, region: str | None = None) -> CellReading:
    """Read one phone cell as written: no, one or several numbers. Never raises, whatever the text.

    An empty cell, and words that stand for emptiness (``n/a``), give a reading without anything in it.
    """
    context = Context(rules, plan_of(rules.region if region is None else region), [], {})
    found: Sequence[Number | Fault]
    if _PLAIN.fullmatch(text):
        found = (_read_plain(text, context),)
    elif len(text) > _LONGEST_CELL:
        found = (Fault("phone.unreadable", f"{quoted(text)} is too long to be a phone number"),)
    else:
        found = _read_cell(_to_ascii(text).strip(), context)
    if context.without_zero:
        found = _zeros_weighed(found, context)
    return CellReading(
        tuple(each for each in found if isinstance(each, Number)),
        tuple(each for each in found if isinstance(each, Fault)),
        tuple(context.warnings),
    )


def mask(number: str) -> str:
    """Give the text with every digit but the last two hidden, for logs and messages."""
    hidden = len(_DIGIT.findall(number)) - 2
    return _DIGIT.sub("•", number, count=hidden) if hidden > 0 else number


# --- a cell -------------------------------------------------------------------------------------------

_MISSING = Fault("phone.missing", "there is no phone number in this row")
_DIGIT = re.compile(r"\d")

_NOTHING = frozenset(
    """n/a|na|n.a.|n.a|none|no|null|nil|nan|tbc|tbd|unknown|not available|not provided|not given|no phone
    |no number|unbekannt|keine|kein|nein|k.a.|keine angabe|inconnu|aucun|sans|desconocido|ninguno
    |x|xx|xxx""".replace("\n    ", "").split("|")
)
_EXCEL_TEXT = re.compile(r'="(.*)"|"(.*)"', re.DOTALL)
_STRONG = re.compile(
    r"[|\n\r\v\f\u2028\u2029\x85]|:::|&|;(?!\s*(?:ext\b|[a-z-]+=))|\s(?:or|and|oder|und|ou|et|o|y)\s",
    re.IGNORECASE,
)
_EXTENSION = re.compile(
    r"(?P<head>.*[\d)])(?P<gap>[\s,;.(-]*)"
    r"(?:(?:extension|extn?|durchwahl|dw|poste|interno|int|anexo|ramal|apparat|app|toestel)[\s.:=#]*"
    r"|(?P<mark>[x#])\s*)(?P<extension>\d{1,7})#?\)?",
    re.IGNORECASE | re.DOTALL,
)


def _read_cell(text: str, context: Context) -> Sequence[Number | Fault]:
    bare = _unwrapped(text)
    if bare != text:
        context.warnings.append("the quotation mark of a spreadsheet around the number was taken off")
    if _VANITY.fullmatch(bare) and not (_LABEL_AFTER.search(bare) or _FAX.search(bare)):
        return (_read_vanity(bare, context),)
    return [each for piece in _STRONG.split(bare) for each in _read_list(piece.strip(), context)]


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
    return text.lower() in _NOTHING or not any(map(str.isalnum, text))


def _read_list(text: str, context: Context) -> Sequence[Number | Fault]:
    """Read what may be several numbers with commas or slashes between them, or one written with them."""
    if fault := _misread(text):
        return (fault,)
    if _is_nothing(text):
        return ()
    if _FRACTION.fullmatch(text):
        return (_read_plain(text.replace(",", "."), context),)
    if (match := _EXTENSION.fullmatch(text)) and _is_extension(match):
        context.warnings.append(f"the extension {match['extension']} was left out")
        text = match["head"]
    for separator in ",/":
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
    text = _LABEL_BEFORE.sub("", text, count=1)
    if separator == "/" and parts[0] not in good and _AREA_SLASH.fullmatch(text):
        return (_read_one(text.replace("/", " "), context),)
    return (_ambiguous(text),)


# --- one number ---------------------------------------------------------------------------------------

_PLAIN = re.compile(r" *(?:\+ ?|\(\+?|\+ ?\()?[0-9][0-9 ().-]{0,40}")
_PUNCTUATION = str.maketrans("", "", " ().-")
_DATE = re.compile(
    r"(?:(?:19|20)\d\d([-./ ])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./ ])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|[12]\d|3[01])\3\d\d)"
    r"(?:[ T,]+\d\d?:\d\d.*)?"
)
_CUT = re.compile(r"[+-]?\d+(?:[.,]\d*)?[eE][+-]?\d+|#+")
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!)", re.IGNORECASE)
_FRACTION = re.compile(r"([^.,]*)[.,](\d{1,2}|(?<=\d{7}[.,])\d{3})|.*\.\d")
_BRACKETS = re.compile(
    r"\(\+?[\d .-]+\)|\(\+ ?\d{1,3}\)[ .-]*(?:\(0\))?[\d .-]{4,}"
    r"|\+?[\d .-]{0,8}(?:\([\d .-]{1,8}\)[ .-]*){1,2}[\d .-]{4,}"
)
_AREA_SLASH = re.compile(
    r"(?:\(?0[1-9](?:[ ()-]*\d){0,4}|(?:\+|00)(?:[ ()./-]*\d){1,7}|\(?[2-9]\d\d)[ )]*"
    r"/[ -]*[1-9](?:[ .-]*\d){4,} *"
)

_WORD = (
    r"(?:mobile?|mob|movil|móvil|cell|cellular|handy|portable|tel|tele(?:ph|f)one?|téléphone|teléfono|"
    r"telefono|phone|ph|home|work|office|business|direct|main|landline|primary|other|whatsapp|privat|"
    r"private|büro|buero|geschäftlich|bureau|festnetz)"
)
_LABEL_BEFORE = re.compile(
    rf"(?:(?:tel|callto):(?://)?|(?:{_WORD}[ ./-]*)+(?:(?:no|nr|number|nummer)\b\.?)?[ :.-]*"
    r"|\([mthwop]\)\s*|[mthwop][:.]\s*)(?=[\d(+])",
    re.IGNORECASE,
)
_LABEL_AFTER = re.compile(rf"(?<=[\d)])(?:\s+{_WORD}|\s*\((?:{_WORD}|[mthwop])\))\.?$", re.IGNORECASE)
_FAX = re.compile(r"(?:\b|_)(?:tele)?fax|télécopie|^f[:.]|\(f\)", re.IGNORECASE)
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
    if _FAX.search(text):
        return Fault("phone.fax", f"{quoted(text)} is a fax number")
    bare = _LABEL_AFTER.sub("", _LABEL_BEFORE.sub("", text, count=1)).strip()
    if _PLAIN.fullmatch(bare):
        return _read_plain(bare, context)
    if "+" in bare.lstrip("(+"):
        return _ambiguous(text)
    if any(map(str.isalpha, bare)):
        return Fault("phone.letters", f"{quoted(text)} has letters in it")
    return Fault("phone.unreadable", f"{quoted(text)} can't be read as a phone number")


def _read_plain(text: str, context: Context) -> Number | Fault:
    """Read digits with spaces, dots, dashes and brackets between them, and perhaps a plus before them."""
    text = text.strip()
    if _DATE.fullmatch(text):
        return _date(text)
    if "." in text and (match := _FRACTION.fullmatch(text)):
        if not match[1] or not match[1].isdecimal() or match[2].strip("0"):
            return _fraction(text)
        context.warnings.append(f"{quoted(text)} was a number cell: its decimals were taken off")
        text = match[1]
    if ("(" in text or ")" in text) and not _BRACKETS.fullmatch(text):
        return _ambiguous(text)
    return read_number(text.translate(_PUNCTUATION), text, context=context)


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
    if _CUT.fullmatch(text):
        return _digits_lost(text)
    if _ERROR.fullmatch(text):
        return Fault("phone.unreadable", f"{quoted(text)} is an error of the spreadsheet, not a phone number")
    if _DATE.fullmatch(text):
        return _date(text)
    return None


def _digits_lost(text: str) -> Fault:
    reason = (
        f"a spreadsheet has cut the number to {quoted(text)}: take it from the source, its digits are lost"
    )
    return Fault("phone.digits_lost", reason)


def _fraction(text: str) -> Fault:
    return Fault("phone.fraction", f"{quoted(text)} is a number with decimals, not a phone number")


def _date(text: str) -> Fault:
    return Fault("phone.date", f"{quoted(text)} is a date, not a phone number")


def _ambiguous(text: str) -> Fault:
    reason = f"{quoted(text)} can be read in more than one way: write each number in full, ; between them"
    return Fault("phone.ambiguous", reason)


# --- characters ---------------------------------------------------------------------------------------


def _to_ascii(text: str) -> str:
    """Give digits, spaces, dashes and full-width characters in ASCII; invisible characters go."""
    return text.replace("\t", " ") if text.isascii() else "".join(map(_ascii_of, text))


def _ascii_of(char: str) -> str:
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    match unicodedata.category(char):
        case "Nd":
            return str(unicodedata.decimal(char))
        case "Zs":
            return " "
        case "Pd":
            return "-"
        case "Cf":
            return ""
    return {"\t": " ", "\u2212": "-", "\u2019": "'", "\u3001": ","}.get(char, char)
