"""Whole columns at once and row by row: the same Phones, whatever is in the cells, wherever it is dialled."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings, strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType
from phonenumbers.phonemetadata import PhoneMetadata as Metadata

from etl.digitpatterns import Block, DigitPattern, Undecided
from etl.phone import PhoneRules, Phones, read_row
from etl.quickphones import PhoneReader

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = sorted(kind for kind in PhoneNumberType.values() if 0 <= kind <= PhoneNumberType.VOICEMAIL)
DESCRIPTIONS = (
    "general_desc fixed_line mobile toll_free premium_rate shared_cost personal_number voip pager uan voicemail"
).split()
RULES = [
    {},
    {"format": "digits"},
    {"format": "national"},
    {"format": "as-written"},
    {"accept": "possible"},
    {"accept": "possible", "premium": True},
]


def assert_same(cells: Sequence[tuple[str, ...]], regions: Sequence[str | None], **options: Any) -> int:
    """Compare all rows; gives how many cells no careful reading was needed for."""
    strict = options.pop("strict", False)
    rules = PhoneRules(**options)
    reader = PhoneReader(rules)
    columns = list(zip(*cells, strict=True))
    found = reader.read(columns, regions=regions, countries=[""] * len(cells), strict=strict)
    for row, region, phones in zip(cells, regions, found, strict=True):
        wanted = read_row(row, rules, region=region, strict=strict)
        assert phones == wanted, (row, region, rules, phones, wanted)
    info = reader._read_again.cache_info()
    return len(cells) * len(columns) - info.hits - info.misses


# --- forms of a number ------------------------------------------------------------------------------------


def examples(region: str) -> Iterator[PhoneNumber]:
    for kind in KINDS:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            yield number


def forms(number: PhoneNumber) -> list[str]:
    """How a number is written, with and without what belongs to it."""
    code = f"{number.country_code}"
    significant = phonenumbers.national_significant_number(number)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    bare = "".join(filter(str.isdigit, national))
    first, _, rest = international.removeprefix(f"+{code} ").partition(" ")
    return [
        f"+{code}{significant}",
        international,
        international.replace(" ", "-"),
        international.replace(" ", "."),
        f"+{code} (0){first} {rest}",
        f"+{code} ({first}) {rest}",
        f"(+{code}) {first} {rest}",
        f"00{code} {first} {rest}",
        f"00{code}{significant}",
        f"011{code}{significant}",
        f"{code}{significant}",
        national,
        national.replace(" ", "."),
        bare,
        significant,
        f"0{significant}",
        f"({first}) {rest}",
        f"(0{first}) {rest}",
        f"0{first}-{rest}",
        f"1{significant}",
    ]


def test_every_example_number_in_every_form_is_read_as_row_by_row() -> None:
    for at, region in enumerate(REGIONS):
        cells = [(form,) for number in examples(region) for form in forms(number)]
        options = RULES[at % len(RULES)]
        for home in (region, REGIONS[at - 1], ""):
            assert_same(cells, [home] * len(cells), **options)


# --- random cells --------------------------------------------------------------------------------------------

PUNCTUATION = [" ", "-", ".", "", "/", "(", ")", "  ", "+", ","]


def digits_like(rng: random.Random, region: str) -> str:
    """Digits that are a number of the region, or nearly so."""
    examples_of = list(examples(region))
    number = rng.choice(examples_of)
    significant = phonenumbers.national_significant_number(number)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        at = rng.randrange(len(significant))
        significant = significant[:at] + rng.choice("0123456789") + significant[at + 1 :]
    if rng.random() < 0.2:
        cut = rng.randint(1, len(significant))
        significant = significant[:cut] + "".join(rng.choices("0123456789", k=rng.randint(0, 9)))
    if rng.random() < 0.05:
        significant = significant[:3] + rng.choice("0123456789") * rng.randint(3, 9)
    trunk = PhoneMetadata.metadata_for_region(region).national_prefix or "0"
    code = str(number.country_code)
    before = rng.choice(
        ["", trunk, "0", f"+{code}", f"+{code}", f"00{code}", f"011{code}", code, f"+{code}0", "1", f"+{code}(0)"]
    )
    return before + significant


def written(rng: random.Random, digits: str) -> str:
    """Digits with something between them."""
    if rng.random() < 0.25:
        return digits
    mark = rng.choice(PUNCTUATION[:4])
    parts = []
    while digits:
        size = rng.randint(1, 5)
        parts.append(digits[:size])
        digits = digits[size:]
    text = mark.join(parts)
    if rng.random() < 0.3:
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(PUNCTUATION) + text[at:]
    if rng.random() < 0.2 and len(parts) > 1:
        at = rng.randrange(len(parts))
        parts[at] = f"({parts[at]})"
        text = " ".join(parts)
    return text


ODD_CELLS: list[Callable[[random.Random], str]] = [
    lambda rng: f"{rng.randint(1, 31)}{rng.choice('./- ')}{rng.randint(1, 13)}.{rng.randint(1900, 2040)}",
    lambda rng: f"{rng.randint(1900, 2040)}-{rng.randint(1, 13):02}-{rng.randint(1, 32):02}",
    lambda rng: ".".join(str(rng.randint(0, 300)) for _ in range(4)),
    lambda rng: f"{rng.randint(0, 10**11)}.{rng.choice(['0', '00', '5', '123'])}",
    lambda rng: f"{rng.randint(0, 24)}.{rng.randint(0, 59):02}-{rng.randint(0, 24)}.{rng.randint(0, 59):02}",
    lambda rng: rng.choice("0123456789") * rng.randint(3, 16),
    lambda rng: "1234567890"[rng.randint(0, 4) :][: rng.randint(3, 10)],
    lambda rng: "".join(rng.choices("0123456789", k=rng.randint(1, 20))),
    lambda rng: "+" + "".join(rng.choices("0123456789", k=rng.randint(1, 20))),
    lambda rng: "".join(rng.choices("0123456789+() .-/x\n\u00a0", k=rng.randint(0, 14))),
    lambda _: "",
]


def generated(rng: random.Random) -> tuple[str, str | None]:
    """A cell, and the region where it is dialled."""
    region = rng.choice(REGIONS)
    if rng.random() < 0.1:
        cell = rng.choice(ODD_CELLS)(rng)
    else:
        cell = written(rng, digits_like(rng, region))
    chance = rng.random()
    home = region if chance < 0.7 else "" if chance < 0.8 else None if chance < 0.85 else rng.choice(REGIONS)
    return cell, home


@pytest.mark.parametrize("seed", range(4))
def test_generated_cells_are_read_as_row_by_row(seed: int) -> None:
    rng = random.Random(seed + EXAMPLES)
    for _ in range((EXAMPLES or 40_000) // 4 // 2000):
        cells, regions = zip(*(generated(rng) for _ in range(2000)), strict=True)
        options = {**rng.choice(RULES), "region": rng.choice(["", "GB", "DE", "US", "IT"])}
        assert_same([(cell,) for cell in cells], regions, **options)
