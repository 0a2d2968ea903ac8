"""Lead files from a seed, and what is due to each of their rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

Due = Literal["send", "invalid", "duplicate"]


class Lead(Struct, frozen=True, kw_only=True):
    """One row: its own name, and its id (empty: one is derived). Where it is not ``valid`` it has no number.

    ``number`` is as it is sent. ``due`` is what our own checks must say of the row: ``send`` says nothing.
    """

    row: int
    external_id: str
    number: str
    valid: bool
    due: Due

    @property
    def name(self) -> str:
        """What no other row is called."""
        return f"Name {self.row}"


def draw_leads(
    dice: random.Random, *, rows: int, refused: Sequence[str] = (), twins: bool = False
) -> list[Lead]:
    """So many rows: some are invalid, some repeat an id or a number, some leave the id to be derived.

    ``refused`` are ids that stand somewhere in the file too. ``twins`` adds ids that differ from an earlier
    one in case only, which some servers take for the same.
    """
    ids = [f"K{row:03}" for row in range(1, rows + 1)]
    for at, external_id in zip(dice.sample(range(rows), len(refused)), refused, strict=True):
        ids[at] = external_id
    leads: list[Lead] = []
    seen: set[str] = set()
    for row, own in enumerate(ids, 1):
        external_id, number = own, f"+44207946{row:04}"
        chance = dice.random()
        earlier = dice.choice(leads) if leads else None
        if own in refused:
            pass
        elif earlier is not None and chance < 0.04:
            external_id = earlier.external_id
            number = number if external_id else earlier.number
        elif earlier is not None and twins and chance < 0.08:
            external_id = earlier.external_id.lower() or own
        elif chance < 0.2:
            external_id = ""
        valid = dice.random() > 0.04
        key = external_id or number
        due: Due = "invalid" if not valid else "duplicate" if key in seen else "send"
        if valid:
            seen.add(key)
        leads.append(Lead(row=row, external_id=external_id, number=number, valid=valid, due=due))
    return leads


def write_leads(path: Path, leads: Sequence[Lead]) -> None:
    """Write them as a CSV file."""
    lines = [
        f"{lead.external_id},{lead.number if lead.valid else 'nonsense'},{lead.name}\n" for lead in leads
    ]
    path.write_text("".join(["Lead ID,Phone,Name\n", *lines]), encoding="utf-8")
