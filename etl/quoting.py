"""How values and numbers are shown in a sentence."""

from __future__ import annotations

_SHOWN = 40


def quoted(text: str) -> str:
    """The beginning of a value in quotation marks, fit for any output.

    Quotation marks inside become apostrophes, so that a sentence can be shown without its values: whatever
    stands between two quotation marks is one.
    """
    return '"' + excerpt(text).replace('"', "'") + '"'


def excerpt(text: str) -> str:
    """The beginning of a text, without the characters that would break a line or a terminal."""
    text = text.strip()
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return shown if shown.isprintable() else "".join(char if char.isprintable() else "?" for char in shown)


def counted(count: int, noun: str, several: str = "") -> str:
    """A number and what it counts: ``1 row``, ``2,000 rows``; ``several`` where an s is not enough."""
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def masked(text: str) -> str:
    """An id with all but its last two characters hidden; of a short one all."""
    shown = 2 if len(text) > 4 else 0
    return "•" * (len(text) - shown) + text[len(text) - shown :]
