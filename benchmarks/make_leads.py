"""Lead files of any length: 12 columns, two of them phones, every number valid.

Numbers are drawn from whole ranges, not from the few that are kept for fiction: of those a long file would
repeat each hundreds of times, and whatever remembers numbers would look faster than it is. Nobody dials them:
the files are made for a while, and for servers that call nobody.
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

HEADER = [
    "External ID", "Phone 1", "Phone 2", "First Name", "Last Name", "Company", "Address", "City",
    "Postcode", "Email", "Score", "Notes",
]  # fmt: skip
RANGES = ("020 7{} {}", "0121 4{:.2} {}", "0161 4{:.2} {}", "+44 20 7{} {}", "+49 30 23{:.2}{}")


def phone(dice: random.Random) -> str:
    """A number of London, Birmingham, Manchester or Berlin, as people write it."""
    return dice.choice(RANGES).format(f"{dice.randrange(1_000):03}", f"{dice.randrange(10_000):04}")


def row(number: int, dice: random.Random) -> list[str]:
    """One lead."""
    return [
        f"L{number:08}", phone(dice), phone(dice), f"First{number % 977}", f"Last{number % 1009}",
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
