"""What all of them share: a line of the file as a customer, every number checked in full."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import phonenumbers

BATCH = 100
REGION = "GB"
PHONES = ("Phone 1", "Phone 2")
OWN = frozenset({"External ID", *PHONES})


def lines(path: Path) -> Iterator[dict[str, str]]:
    """The file's lines by column."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def e164(text: str) -> str:
    """The number in E.164. Raises ValueError or NumberParseException for what is none."""
    number = phonenumbers.parse(text, REGION)
    if not (phonenumbers.is_possible_number(number) and phonenumbers.is_valid_number(number)):
        raise ValueError(f"{text!r} is no number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def customer(line: Mapping[str, str]) -> dict[str, Any]:
    """The line as the interface wants it. Raises as ``e164``."""
    return {
        "externalId": line["External ID"],
        "numbers": ";".join(dict.fromkeys(e164(line[name]) for name in PHONES if line[name])),
        "attributes": {
            "attribute": [
                {"name": name, "value": value} for name, value in line.items() if value and name not in OWN
            ]
        },
    }


def not_created(answers: Iterable[Mapping[str, Any]]) -> int:
    """How many of the answers say that their customer was not created."""
    return sum(answer["statusCode"] != 201 for answer in answers)
