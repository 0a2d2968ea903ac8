"""One entry of a do-not-call list → the keys by which its people are found again.

A number that can be read in two ways is listed in both: a row whose number is listed in any spelling must be
found. So the reading is wider than ``etl.phone``'s, which refuses what is ambiguous. Numbers, and hashes of
numbers (SHA-256 of ``+`` and digits, in hexadecimal digits), have the same keys; so a list in clear and a
hashed one are the same list. A key is 64 bits of a SHA-256: an index holds no number that anybody could read.

``reference`` is libphonenumber's own parse; ``_quick`` is a shorter way that must give the same, or None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumberDesc,
    PhoneNumberFormat,
    country_code_for_region,
    format_number,
    is_valid_number,
    parse,
    region_code_for_country_code,
)

from etl import fields, phone, phonetext
from etl.records import Fault

VERSION = 3
"""Of the reading and its keeping: an index that another version made is not used."""

_RULES = phone.PhoneRules(accept="possible", premium=True)
_DIGITS = re.compile(r"\+?[0-9]{5,20}")
_WRITTEN = re.compile(r"(?:\+ ?|\(\+?|\+ ?\()?[0-9][0-9 ().\-/\u00a0\u2010-\u2015]{3,40}")
_SPACED = re.compile(r"\+?[0-9][0-9 -]{3,40}")
_INSIDE = re.compile(r"\+?\(?[0-9][0-9 ().\-\u00a0\u2010-\u2015]{4,30}[0-9]")
_TWO_WAYS = re.compile(r"/|\.\.|\.[0-9]{1,2}$")
"""Perhaps more than one number, or the decimals of a number cell."""
_PUNCTUATION = str.maketrans("", "", " ().-/\u00a0\u2010\u2011\u2012\u2013\u2014\u2015")
_HASH = re.compile(r"(?:0x|\\x|sha-?256[:=$ ]+)?[0-9a-f]{64}", re.IGNORECASE)
_OPEN = re.compile(r"[*?%\u2026_]|[0-9]\.{2,}|[xX]{2}")
"""What stands for digits that are not there: the entry is a pattern or a masked number, not a number."""


# --- keys -----------------------------------------------------------------------------------------------


def number_key(e164: str) -> int:
    """The key of a number in E.164: the first 64 bits of its SHA-256, as a signed integer."""
    return int.from_bytes(sha256(e164.encode()).digest()[:8], "big", signed=True)


def hash_key(text: str) -> int:
    """The key of the number that this hash is of."""
    return int.from_bytes(bytes.fromhex(text[-64:-48]), "big", signed=True)


def keys_of(e164s: Iterable[str]) -> NDArray[np.int64]:
    """The keys of many numbers, in their order."""
    digests = b"".join([sha256(e164.encode()).digest() for e164 in e164s])
    return np.frombuffer(digests, ">i8")[::4].astype(np.int64)


def spellings(e164s: Iterable[str]) -> Iterator[list[str]]:
    """What else than E.164 a list of hashes may have hashed of each: the digits behind 00, and alone."""
    digits = [e164.removeprefix("+") for e164 in e164s]
    yield [f"00{each}" for each in digits]
    yield digits


def id_keys(external_id: str) -> set[int]:
    """The keys of an externalId: compared without case, and a Salesforce id in both its lengths."""
    read = fields.external_id(external_id, salesforce18=True)
    texts = {external_id.strip()}
    if not isinstance(read, Fault):
        texts |= {read.value, *([read.value[:15]] if len(read.value) == 18 else ())}
    return {number_key(f"id:{text.casefold()}") for text in texts if text}


def is_hash(text: str) -> bool:
    """Whether this is a SHA-256 in hexadecimal digits, perhaps behind ``0x`` or its name."""
    return len(text) >= 64 and _HASH.fullmatch(text) is not None


def cleaned(text: str) -> str:
    """An entry without what spreadsheets put around it, its digits and invisible characters in ASCII."""
    text = text.strip()
    if not text.isascii():
        text = phonetext.to_ascii(text).strip()
    if text[:1] in {"'", "=", '"'}:
        text = text.removeprefix("=").strip("'\"").strip()
    return text


# --- numbers --------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """The numbers in E.164 that an entry may mean, and whether all of it was understood."""

    numbers: tuple[str, ...]
    whole: bool


class NumberReader:
    """Reads entries of numbers; national ones are of ``region`` (ISO 3166-1 alpha-2, ``""`` for none)."""

    def __init__(self, region: str = "") -> None:
        self.region = region
        self._rules = (
            _RULES if not region else phone.PhoneRules(region=region, accept="possible", premium=True)
        )
        self._home = _plan(region) if region else None
        self._shapes: dict[tuple[str, int], _Shape | None] = {}

    def read(self, text: str) -> Reading:
        """Every number that ``text`` may mean; not whole where a part of it could not be read."""
        text = cleaned(text)
        if _DIGITS.fullmatch(text):
            digits = text
        elif _WRITTEN.fullmatch(text):
            digits = text.translate(_PUNCTUATION)
        else:
            return self._read_cell(text)
        found = self._read_digits(digits)
        if found and not _TWO_WAYS.search(text):
            return Reading(found, whole=True)
        cell = self._read_cell(text)
        whole = cell.whole or (bool(found) and not _OPEN.search(text))
        return Reading(tuple(dict.fromkeys((*cell.numbers, *found))), whole=whole)

    def plain(self, texts: Iterable[str]) -> list[tuple[str, ...] | None]:
        """The numbers of each text, None for one that only ``read`` can tell of; texts are stripped.

        Most entries are digits, perhaps with spaces between them, of which the first five and how many they
        are say it all: that is worked out once.
        """
        shapes, is_spaced = self._shapes, _SPACED.fullmatch
        found: list[tuple[str, ...] | None] = []
        for text in texts:
            if not is_spaced(text):
                found.append(None)
                continue
            digits = text if text.isalnum() else text.replace(" ", "").replace("-", "")
            kind = digits[:_HEAD], len(digits)
            if kind not in shapes:
                shapes[kind] = self._shape(*kind)
            shape = shapes[kind]
            if shape is None or (shape.unless and shape.unless.fullmatch(digits)):
                found.append(self._read_digits(digits) or None)
            elif shape.both:
                found.append((shape.before + digits, "+" + digits))
            else:
                found.append((shape.before + digits[shape.cut :],))
        return found

    def _shape(self, head: str, length: int) -> _Shape | None:
        """How ``_quick`` reads digits that begin with ``head``, None where they do not say it."""
        if length <= _HEAD:
            return None
        if head[0] == "+":
            return _Shape() if _is_plain_abroad(head[1:], length - 1) else None
        home = self._home
        if home is None or home.may_be_abroad(head):
            return None
        before, met = f"+{home.code}", _met(home.prefix, head)
        if met:
            fits = home.drops_prefix and length - 1 in home.stripped & home.lengths
            return _Shape(before, cut=1, unless=home.general) if fits and met == ["0"] else None
        if met is None or length not in home.lengths:
            return None
        abroad = head[0] != "0" and _is_plain_abroad(head, length)
        return None if abroad is None else _Shape(before, both=abroad)

    def _read_cell(self, text: str) -> Reading:
        """What is no plain number: several in one cell, labels, extensions, other digits than ASCII's.

        What a row's number may not be (a placeholder, say) is listed all the same, if it stands there alone.
        """
        cell = phone.read_cell(text, self._rules)
        numbers = [number.e164 for number in cell.numbers if number.e164]
        if numbers and not cell.faults and not _OPEN.search(text):
            return Reading(tuple(dict.fromkeys(numbers)), whole=True)
        written = _INSIDE.findall(text)
        for each in written:
            numbers += reference(each.translate(_PUNCTUATION), self.region)
        alone = (
            len(written) == 1
            and not _OPEN.search(text)
            and not any(map(str.isdecimal, _INSIDE.sub("", text)))
        )
        return Reading(tuple(dict.fromkeys(numbers)), whole=alone and bool(numbers))

    def _read_digits(self, digits: str) -> tuple[str, ...]:
        found = self._quick(digits)
        return reference(digits, self.region) if found is None else found

    def _quick(self, digits: str) -> tuple[str, ...] | None:
        """What ``reference`` gives, where that is known without it."""
        if digits[0] == "+":
            return _quick_abroad(digits[1:])
        home = self._home
        if home is None or digits.startswith("00") or home.abroad.match(digits):
            return None
        return home.without_plus(digits) if digits.startswith(home.code) else _quick_national(digits, home)


def reference(digits: str, region: str) -> tuple[str, ...]:
    """Every number in E.164 that ``digits``, with a plus or without, may mean, by libphonenumber's parse.

    Without a plus they may be national in ``region``, with or without its prefix, or have a country code
    without its plus. What has a length that no number of its country has is none.
    """
    if digits[0] == "+":
        return _kept((digits, _parsed(digits, None)))
    readings = [_parsed(digits, region)] if region else []
    if region and digits[0] != "0":
        readings.append(f"+{_plan(region).code}{digits}")
    if digits.startswith("00"):
        readings += ["+" + digits[2:], _parsed("+" + digits[2:], None)]
    elif digits[0] != "0":
        readings += ["+" + digits, _parsed("+" + digits, None)]
    return _kept(readings)


def is_valid(e164: str) -> bool:
    """Whether a number in E.164 is one that exists, by libphonenumber's metadata."""
    try:
        return is_valid_number(parse(e164))
    except NumberParseException:
        return False


def other_readings(e164: str) -> tuple[str, ...]:
    """What else may be meant where a number does not exist: its digits may have a country code already."""
    if is_valid(e164):
        return ()
    number = parse(e164)
    return reference(str(number.national_number), region_code_for_country_code(number.country_code or 0))


def region_of_code(text: str) -> str:
    """The main region of a calling code (``44``, ``+44``, ``0044``); empty where it is none."""
    code = text.removeprefix("+").lstrip("0")
    region = COUNTRY_CODE_TO_REGION_CODE[int(code)][0] if code in _CODES else ""
    return region if region.isalpha() else ""


_HEAD = 5
"""Characters by which a calling code, with its plus, and the digit behind it are known."""


class _Shape(NamedTuple):
    """What stands ``before`` digits in E.164, ``cut`` of them off; or a plus alone as well (``both``).

    ``unless``: digits that fit this pattern are read in another way.
    """

    before: str = ""
    cut: int = 0
    both: bool = False
    unless: re.Pattern[str] | None = None


class _Plan(NamedTuple):
    """What the quick way knows of a region: patterns are libphonenumber's own.

    ``stripped`` are the lengths in which a number may be left without its prefix, ``lengths`` those of all
    its calling code. ``drops_prefix``: what stands for a national prefix is taken off, and nothing put in its
    place.
    """

    code: str
    prefix: re.Pattern[str] | None
    abroad: re.Pattern[str]
    general: re.Pattern[str]
    lengths: frozenset[int]
    stripped: frozenset[int]
    drops_prefix: bool

    def may_be_abroad(self, head: str) -> bool:
        """Whether digits that begin with ``head`` may have a country code, or what stands for its plus."""
        prefix = self.abroad.pattern
        known = prefix.isdecimal() and len(prefix) <= _HEAD
        return not known or head.startswith(("00", self.code, prefix))

    def without_plus(self, digits: str) -> tuple[str, ...] | None:
        """What digits are that begin with the calling code: a number behind it, if they are none already."""
        rest = digits[len(self.code) :]
        if (self.prefix and self.prefix.match(rest)) or self.general.fullmatch(digits):
            return None
        abroad = _quick_abroad(digits)
        if not abroad or not self.general.fullmatch(rest):
            return None
        return (*abroad, f"+{self.code}{digits}") if len(digits) in self.lengths else abroad


@lru_cache(maxsize=512)
def _plan(region: str) -> _Plan:
    metadata = PhoneMetadata.metadata_for_region(region)
    code = str(country_code_for_region(region))
    prefix = _prefix(metadata)
    rule = metadata.national_prefix_transform_rule if metadata else None
    abroad = (metadata and metadata.international_prefix) or "(?!)"
    return _Plan(
        code=code,
        prefix=prefix,
        abroad=re.compile(abroad if abroad.isdecimal() else f"(?:{abroad})"),
        general=re.compile(_general(metadata).national_number_pattern or "(?!)"),
        lengths=_lengths(code),
        stripped=frozenset(_general(metadata).possible_length),
        drops_prefix=prefix is not None and not prefix.groups and not rule,
    )


@lru_cache(maxsize=512)
def _lengths(code: str) -> frozenset[int]:
    """Lengths of national numbers, area code and all, in the countries of this calling code."""
    found: set[int] = set()
    for region in COUNTRY_CODE_TO_REGION_CODE[int(code)]:
        found.update(
            _general(PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)).possible_length
        )
    return frozenset(found)


@lru_cache(maxsize=512)
def _prefix_of(code: str) -> re.Pattern[str] | None:
    main = COUNTRY_CODE_TO_REGION_CODE[int(code)][0]
    return _prefix(PhoneMetadata.metadata_for_region_or_calling_code(int(code), main))


def _prefix(metadata: PhoneMetadata | None) -> re.Pattern[str] | None:
    """The pattern of what stands for a national prefix."""
    prefix = metadata.national_prefix_for_parsing if metadata else None
    return re.compile(prefix) if prefix else None


def _general(metadata: PhoneMetadata | None) -> PhoneNumberDesc:
    """What all numbers of a country have in common."""
    return (metadata and metadata.general_desc) or PhoneNumberDesc()


_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def _code_of(digits: str) -> str:
    """The calling code that international digits begin with, empty where there is none."""
    return next((digits[:length] for length in (1, 2, 3) if digits[:length] in _CODES), "")


def _quick_abroad(digits: str) -> tuple[str, ...] | None:
    """The same for digits behind a plus: nothing is taken off where no national prefix stands in front."""
    code = _code_of(digits)
    if not code:
        return ()
    rest = digits[len(code) :]
    prefix = _prefix_of(code)
    if prefix is not None and prefix.match(rest):
        return None
    return ("+" + digits,) if len(rest) in _lengths(code) else ()


def _quick_national(digits: str, home: _Plan) -> tuple[str, ...] | None:
    """The same for digits that do not begin with the calling code of ``home``."""
    national = digits
    if home.prefix and (match := home.prefix.match(digits)):
        if match[0] != "0" or not home.drops_prefix or home.general.fullmatch(digits):
            return None
        national = digits[1:]
        if len(national) not in home.stripped:
            return None
    found = (f"+{home.code}{national}",) if len(national) in home.lengths else ()
    if digits[0] == "0":
        return found
    abroad = _quick_abroad(digits)
    return None if abroad is None else found + abroad


def _is_plain_abroad(head: str, length: int) -> bool | None:
    """Whether international digits are a number as they stand, by their head; None where it can't be told."""
    code = _code_of(head)
    if not code:
        return False
    return None if _met(_prefix_of(code), head[len(code) :]) != [] else length - len(code) in _lengths(code)


def _met(prefix: re.Pattern[str] | None, head: str) -> list[str] | None:
    """The prefixes with which digits may begin, of which ``head`` is known; None where that can't be told."""
    prefixes = prefix.pattern.split("|") if prefix else []
    if not all(map(str.isdecimal, prefixes)):
        return None
    return [each for each in prefixes if each.startswith(head) or head.startswith(each)]


def _parsed(digits: str, region: str | None) -> str:
    try:
        return format_number(parse(digits, region), PhoneNumberFormat.E164)
    except NumberParseException:
        return ""


def _kept(readings: Iterable[str]) -> tuple[str, ...]:
    return tuple(e164 for e164 in dict.fromkeys(readings) if e164 and _has_a_length(e164[1:]))


def _has_a_length(digits: str) -> bool:
    code = _code_of(digits)
    return bool(code) and len(digits) - len(code) in _lengths(code)
