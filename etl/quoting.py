"""How a value of a row is shown in a sentence."""

from __future__ import annotations

_SHOWN = 40


def quoted(text: str) -> str:
    """The beginning of a value in quotation marks, fit for any output.

    Quotation marks inside become apostrophes, so that a sentence can be shown without its values: whatever
    stands between two quotation marks is one.
    """
    text = text.strip()
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return '"' + "".join(char if char.isprintable() else "?" for char in shown).replace('"', "'") + '"'
