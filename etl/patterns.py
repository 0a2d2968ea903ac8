r"""Regular expressions that a profile gives: they run on every row, so none may take for ever over a value.

The engine is pydantic's (Rust's regex), whose time is linear in the text. What it does not know (looking
around, back references, ``\Z``) goes to Python's, if it repeats nothing that repeats by itself: such a
pattern is what takes Python's engine years over thirty characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic_core import SchemaError, SchemaValidator, core_schema

LONGEST = 1_000
"""Characters of a value that Python's engine is let loose on; a longer one does not match there."""

_VARIES = re.compile(r"[*+?]|\{\d*,\d*\}")
_REPEATS = re.compile(r"[*+]|\{\d*,?\d*\}")
_PIECE = re.compile(r"\\.|\(\?|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|.", re.DOTALL)


def matcher(pattern: str) -> Callable[[str], bool]:
    """What tells whether ``pattern`` is found in a text.

    Raises ValueError, with half a sentence, for what is no regular expression or could take for ever.
    """
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern)).isinstance_python
    except SchemaError as error:
        reason = str(error)
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if "size limit" in reason:
        raise ValueError("repeats too much: it could take for ever")
    if _repeats_repetitions(pattern):
        raise ValueError(
            "looks around or back, and repeats a group with repetitions or alternatives in it: it could take "
            "for ever over one value; write it without one of these"
        )
    return lambda value: len(value) <= LONGEST and search(value) is not None


def _repeats_repetitions(pattern: str) -> bool:
    """Whether a group that holds a repetition or alternatives is repeated itself."""
    varies = [False]
    pieces = [found[0] for found in _PIECE.finditer(pattern)]
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        if piece in {"(", "(?"}:
            varies.append(False)
        elif piece == ")" and len(varies) > 1:
            inner = varies.pop()
            if inner and _REPEATS.fullmatch(following):
                return True
            varies[-1] = varies[-1] or inner
        elif piece == "|" or _VARIES.fullmatch(piece):
            varies[-1] = True
    return False
