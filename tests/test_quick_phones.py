"""Whole columns at once and row by row: the same Phones, whatever is in the cells, wherever it is dialled."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings, strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from etl.digitpatterns import Block, DigitPattern, Undecided
from etl.phone import PhoneRules, read_row
from etl.quickphones import PhoneReader

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = sorted(kind for kind in PhoneNumberType.values() if 0 <= kind <= PhoneNumberType.VOICEMAIL)
RULES: list[dict[str, Any]] = [
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


# --- forms of a number ----------------------------------------


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


# --- random cells ----------------------------------------

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
    metadata = PhoneMetadata.metadata_for_region(region)
    trunk = (metadata and metadata.national_prefix) or "0"
    code = str(number.country_code)
    before = rng.choice(
        [
            "",
            trunk,
            "0",
            "1",
            code,
            f"+{code}",
            f"+{code}",
            f"00{code}",
            f"011{code}",
            f"+{code}0",
            f"+{code}(0)",
        ]
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
    lambda rng: f"{'0' * rng.randint(0, 2)}{rng.randint(1, 10**6)}.0",
    lambda _: "",
]


def generated(rng: random.Random) -> tuple[str, str | None]:
    """A cell, and the region where it is dialled."""
    region = rng.choice(REGIONS)
    odd = rng.random() < 0.1
    cell = rng.choice(ODD_CELLS)(rng) if odd else written(rng, digits_like(rng, region))
    chance = rng.random()
    home = region if chance < 0.7 else "" if chance < 0.8 else None if chance < 0.85 else rng.choice(REGIONS)
    return cell, home


@pytest.mark.parametrize("seed", range(4))
def test_generated_cells_are_read_as_row_by_row(seed: int) -> None:
    rng = random.Random(seed + EXAMPLES)
    for _ in range((EXAMPLES or 40_000) // 8000):
        cells, regions = zip(*(generated(rng) for _ in range(2000)), strict=True)
        options = {**rng.choice(RULES), "region": rng.choice(["", "GB", "DE", "US", "IT"])}
        assert_same([(cell,) for cell in cells], regions, **options)


CELLS = st.sampled_from(
    [
        *("020 7946 0123", "020 7946 0124", "+44 20 7946 0123", "0044 20 7946 0123", "+44 (0)20 7946 0123"),
        *("(020) 7946 0123", "2079460123", "442079460123", "+49 30 23125123", "030/23125123", "030 23125123"),
        *(
            "",
            " ",
            "n/a",
            "DNC",
            "020 7946 0123; 020 7946 0124",
            "020 7946 012x",
            "020 12345",
            "999",
            "07777777777",
        ),
        *(
            "\u0660\u0662\u0660 7946 0123",
            "020\u00a07946 0123",
            "020 7946 0123\n020 7946 0124",
            "ask for Ann",
        ),
    ]
)
HOMES = st.sampled_from([None, "", "GB", "DE", "US"])


@given(
    st.integers(0, 5).flatmap(lambda width: st.lists(st.tuples(HOMES, *[CELLS] * width), max_size=8)),
    st.booleans(),
    st.sampled_from(RULES),
    st.sampled_from(["drop", "reject"]),
    st.sampled_from(["", "GB", "DE"]),
)
@settings(max_examples=EXAMPLES or 300, deadline=None)
def test_rows_of_many_cells_are_read_as_row_by_row(
    rows: list[tuple[Any, ...]], strict: bool, options: dict[str, Any], bad_beside_good: str, region: str
) -> None:
    rules = PhoneRules(**options, bad_beside_good=bad_beside_good, region=region)
    regions = [home for home, *_ in rows]
    countries = ["Atlantis" if home == "" else "" for home in regions]
    columns = list(zip(*(cells for _, *cells in rows), strict=True))
    found = PhoneReader(rules).read(columns, regions=regions, countries=countries, strict=strict)
    assert found == [
        read_row(cells, rules, region=home, country=country, strict=strict)
        for (home, *cells), country in zip(rows, countries, strict=True)
    ]


def test_no_digits_of_a_quick_shape_are_a_date_or_an_address() -> None:
    rng = random.Random(5)
    shapes = [
        "99-99-99",
        "9999 99 99",
        "99.99.9999",
        "9.9.99",
        "99.99-99.99",
        "99.99 - 9.99",
        "999.99.9.99",
        "99.9.9.9",
    ]
    cells = [
        (re.sub("9", lambda _: rng.choice("0123456789"), shape),) for shape in shapes for _ in range(300)
    ]
    for region in ("GB", "NO", "US", ""):
        assert_same(cells, [region] * len(cells))


def test_most_cells_of_common_forms_need_no_careful_reading() -> None:
    cells = [(form,) for at in range(100) for form in (f"020 7946 0{at:03}", f"+44 20 7946 0{at:03}", "")]
    assert assert_same(cells, [None] * len(cells), region="GB") == len(cells)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.quickphones._MOST_KEPT", 50)
    rules = PhoneRules(region="GB")
    reader = PhoneReader(rules)
    for at in range(20):
        cells = [f"07{at:02}{other:03} {other:06}" for other in range(100, 200)]
        found = reader.read([cells], regions=[None] * 100, countries=[""] * 100, strict=False)
        assert found == [read_row([cell], rules) for cell in cells]
        assert sum(home.kept for home in reader._homes.values()) < 800


# --- the automaton ----------------------------------------


def patterns() -> list[str]:
    """Every pattern of digits in the metadata that numbers match as a whole."""
    found: set[str] = set()
    for region in REGIONS:
        metadata = PhoneMetadata.metadata_for_region(region)
        assert metadata
        for name in vars(metadata):
            description = getattr(metadata, name)
            if isinstance(description, phonenumbers.PhoneNumberDesc) and description.national_number_pattern:
                found.add(description.national_number_pattern)
        for form in metadata.number_format:
            found.update([form.pattern or "", *form.leading_digits_pattern])
    return sorted(found)


def answer(pattern: DigitPattern, block: Block) -> bool | None:
    try:
        return pattern.matches(block)
    except Undecided:
        return None


def test_a_block_matches_a_pattern_as_all_its_numbers_do_one_by_one() -> None:
    rng = random.Random(EXAMPLES)
    for text in patterns():
        whole, begins, oracle = DigitPattern(text), DigitPattern(text, begins=True), re.compile(text)
        for _ in range(12 if not EXAMPLES else 200):
            known, free = (
                "".join(rng.choices("0123456789", k=rng.randint(0, 11))),
                rng.choice((0, 0, 1, 1, 2)),
            )
            tails = [f"{tail:0{free}}" if free else "" for tail in range(10**free)]
            for pattern, match in ((whole, oracle.fullmatch), (begins, oracle.match)):
                matching = {bool(match(known + tail)) for tail in tails}
                wanted = matching.pop() if len(matching) == 1 else None
                assert answer(pattern, Block(known, free)) is wanted, (text, known, free)


def test_every_pattern_of_the_metadata_agrees_with_its_expression_on_all_short_numbers() -> None:
    short = [f"{number:0{length}}" for length in range(1, 4) for number in range(10**length)]
    for text in patterns()[:: 1 if EXAMPLES else 12]:
        oracle = re.compile(text)
        for begins, match in ((False, oracle.fullmatch), (True, oracle.match)):
            pattern = DigitPattern(text, begins=begins)
            assert [each for each in short if answer(pattern, Block(each, 0))] == [*filter(match, short)]


@pytest.mark.parametrize("pattern", ["1+", "(?=1)2", "[^1]", r"\D", "(1", "1)", "1$2", "1*"])
def test_nothing_is_told_of_a_pattern_that_is_not_understood(pattern: str) -> None:
    with pytest.raises(Undecided):
        DigitPattern(pattern)
