"""Lead files of any length: 12 columns, two of them phones, every number valid and kept for fiction."""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

HEADER = [
    "External ID", "Phone 1", "Phone 2", "First Name", "Last Name", "Company", "Address", "City",
    "Postcode", "Email", "Score", "Notes",
]  # fmt: skip
AREAS = ("020 7946 0", "0121 496 0", "0161 496 0", "+44 20 7946 0", "+49 30 23125 ")


def row(number: int, dice: random.Random) -> list[str]:
    """One lead."""
    first, second = (f"{dice.choice(AREAS)}{dice.randrange(1000):03}" for _ in range(2))
    return [
        f"L{number:08}", first, second, f"First{number % 977}", f"Last{number % 1009}",
        f"Company {number % 311}", f"{number % 200} Example Street", "London",
        f"N{number % 20} {number % 9}AB",
        f"lead{number}@example.com", str(number % 100), "called last year, wants an offer",
    ]  # fmt: skip


def make(path: Path, rows: int, *, seed: int = 1) -> None:
    """Write ``rows`` leads to ``path``."""
    dice = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        out.writerows(row(number, dice) for number in range(rows))


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("path", type=Path)
    options.add_argument("rows", type=int)
    chosen = options.parse_args()
    make(chosen.path, chosen.rows)
