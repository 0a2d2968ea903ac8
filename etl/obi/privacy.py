"""What of a server's words may stand in an error: nothing that is somebody's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

EXCERPT = 200
"""Characters of an answer's body that go into ``excerpt`` and messages."""

_SHORTEST = 2
"""Characters of a value that is masked: to mask single ones would garble every message."""

_DIGITS = re.compile(r"\d(?:[ ().\-/]{0,2}\d){3,}")
_EMAIL = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+")
_TAG = re.compile(r"<[^<>]*>")
_TEXT = re.compile(r"<(?!name>)\w+>([^<]+)</")


def without_personal(text: str, body: bytes | None, query: Mapping[str, str] | None) -> str:
    """``text`` with the values of a request masked where it repeats them: ids, numbers, attributes.

    ``body`` is JSON or XML. Values are masked as whole words, so that short ones do not garble the rest.
    """
    values = {each for each in (*_values_of(body), *(query or {}).values()) if len(each) >= _SHORTEST}
    words = sorted((each for each in values if each in text), key=len, reverse=True)  # one may hold another
    if not words:
        return text
    found = "|".join(map(re.escape, words))
    return re.sub(rf"(?<!\w)(?:{found})(?!\w)", "***", text)


def _values_of(body: bytes | None) -> Iterator[str]:
    if body is None:
        return
    if body.startswith(b"<"):
        for text in _TEXT.findall(body.decode()):
            yield from _texts(text)
        return
    try:
        yield from _texts(msgspec.json.decode(body))
    except msgspec.DecodeError:  # a status is plain text, and nobody's
        return


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from value.split(";")  # numbers
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key != "name":  # of an attribute, or of a campaign
                yield from _texts(each)


def masked(text: str) -> str:
    """The beginning of ``text`` on one line, without tags, with e-mail addresses and long numbers masked.

    Of four digits or more (separators between them do not matter) the last two stay.
    """
    text = "".join(char if char.isprintable() else " " for char in text)  # a terminal would obey some
    parts = (" ".join(part.split()) for part in _TAG.split(text))  # "502" twice is no number
    line = " ".join(_DIGITS.sub(_stars, part) for part in parts if part)
    line = _EMAIL.sub("***@***", line)
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def _stars(word: re.Match[str]) -> str:
    return "*" * (len(word[0]) - 2) + word[0][-2:]
