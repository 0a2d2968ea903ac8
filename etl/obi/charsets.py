"""The encoding of an answer: brought to UTF-8, whatever the server writes in."""

from __future__ import annotations

import codecs
import re

_UTF8 = frozenset({"utf-8", "utf8"})
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_WIDE = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
"""How XML begins in UTF-16 without a BOM (XML 1.0, appendix F)."""

_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7", "undefined"})
"""Codecs of Python's that no answer is in: some take for ever over a long one."""

_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.\-]*)["']""")


def as_utf8(content: bytes, charset: str | None) -> bytes:
    """``content`` in UTF-8 without a BOM: by its BOM, else by ``charset``, else as its XML declares.

    As it is where that is no encoding we know, or not the one it is in: who reads it will say so.
    """
    if content[:1] in {b"[", b"{"} and (charset is None or charset.lower() in _UTF8):
        return content
    encoding = _beginning(content, _BOMS) or charset or _beginning(content, _WIDE) or _declared(content)
    if not encoding or encoding.lower() in _UTF8:
        return content
    try:
        codec = codecs.lookup(encoding).name.replace("_", "-")
        return content if codec in _NO_CHARSETS else content.decode(codec).encode()
    except (LookupError, ValueError):
        return content


def _beginning(content: bytes, table: tuple[tuple[bytes, str], ...]) -> str:
    return next((encoding for start, encoding in table if content.startswith(start)), "")


def _declared(content: bytes) -> str:
    found = _DECLARED.match(content[:200])
    if found is None:
        return ""
    name = found[1].decode()
    # Its own declaration can be read as ASCII, so a wide encoding it is not.
    return "" if name.lower().startswith(("utf-16", "utf16", "utf-32", "utf32", "ucs")) else name
