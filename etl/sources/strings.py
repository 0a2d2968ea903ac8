"""The shared strings of a workbook, by number, in little memory.

A million rows may share ten million strings: as Python objects these are 700 MiB. Here they stand in blocks
of bytes, in a temporary file beyond some size, and the blocks in use are kept.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from functools import lru_cache
from typing import IO, cast

from msgspec.msgpack import Decoder, Encoder

from etl.sources.cells import unescaped
from etl.sources.package import DEEPEST, MOST_TEXT, Markup, local

_BLOCK = 64
_IN_MEMORY = 32 << 20
_MOST_STRINGS = 50_000_000
_BLOCKS_KEPT = 2048


class Strings:
    """Strings in the order in which they were added; IndexError for a number that none of them has.

    All are added before the first is asked for.
    """

    def __init__(self) -> None:
        # The file lives as long as the strings do, and no caller has to close them.
        self._file = cast("IO[bytes]", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._ends = [0]
        self._newest: list[str] = []
        self._encode = Encoder().encode
        self._decode = Decoder(list[str]).decode
        self._block = lru_cache(_BLOCKS_KEPT)(self._read)

    def append(self, text: str) -> None:
        """Add one more at the end."""
        self._newest.append(text)
        if len(self._newest) == _BLOCK:
            self._ends.append(self._ends[-1] + self._file.write(self._encode(self._newest)))
            self._newest = []

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError(number)
        return self._block(number // _BLOCK)[number % _BLOCK]

    def _read(self, block: int) -> list[str]:
        if block == len(self._ends) - 1:
            return self._newest
        begin, end = self._ends[block], self._ends[block + 1]
        self._file.seek(begin)
        return self._decode(self._file.read(end - begin))


def read_strings(chunks: Iterator[bytes]) -> Strings:
    """The strings of a part ``sharedStrings``: rich text as plain, no phonetics (ECMA-376 part 1, 18.4)."""
    items = _Items()
    markup = Markup(items.start, items.end, items.characters)
    for chunk in chunks:
        markup.feed(chunk)
    return items.strings


class _Items:
    def __init__(self) -> None:
        self.strings = Strings()
        self._text = ""
        self._runs: list[str] = []
        self._size = self._depth = self._phonetic = self._count = 0

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._text = ""
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError("elements nested without end")
        name = local(tag)
        if name == "si":
            self._runs = []
            self._size = 0
        elif name == "rPh":
            self._phonetic += 1

    def characters(self, more: str) -> None:
        self._text += more
        self._size += len(more)
        if self._size > MOST_TEXT:
            raise ValueError("a text without end")

    def end(self, tag: str) -> None:
        self._depth -= 1
        name = local(tag)
        if name == "t":
            if self._text and not self._phonetic:
                self._runs.append(self._text)
        elif name == "si":
            self._count += 1
            if self._count > _MOST_STRINGS:
                raise ValueError("strings without end")
            self.strings.append(unescaped("".join(self._runs)))
        elif name == "rPh":
            self._phonetic -= 1
