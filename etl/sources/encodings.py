"""Which character encoding a text is in: told by the whole of it, with the reason.

The order of the evidence: what the user states, a byte order mark, the NUL pattern of UTF-16, UTF-8 when
all of it decodes, and a Windows code page only when nothing at all of it is UTF-8. Nothing is ever decoded
to replacement characters.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from typing import BinaryIO, NamedTuple

from etl.errors import InputError
from etl.quoting import counted
from etl.sources.codepages import find_code_page, likeliest
from etl.sources.files import chunks

Opener = Callable[[], AbstractContextManager[BinaryIO]]

_MARKS = (  # UTF-32 first: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"
_ASCII_RUN = re.compile(rb"[\t\x20-\x7e]{16}")
_WIDE_RUN = re.compile(r"(?:[\t\r\n\x20-\x7e]\x00){6}|(?:\x00[\t\r\n\x20-\x7e]){6}")
_HOLE = re.compile(r"\x00{16}")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
LONGEST_LINE = 32 << 20
"""Bytes that a line may have."""
_EVIDENCE = 64 * 1024
"""Bytes of distinct words that the choice among code pages is made from."""


class Encoding(NamedTuple):
    """A codec's name, and the sentence that says why it is the one."""

    name: str
    reason: str


def detect(opener: Opener, label: str, *, stated: str = "") -> Encoding:
    """The encoding in which all of the text that ``opener`` opens can be decoded.

    ``stated`` is the user's word: then only whether it is true is checked. Raises InputError for what is no
    text, for mixed encodings and for bytes that the encoding does not know, with the line.
    """
    with opener() as stream:
        head = stream.read(64 * 1024)
    encoding = _stated(stated) or _marked(head) or _patterned(head)
    if encoding:
        line = _first_bad_line(opener, encoding.name, label=label)
        if line:
            raise InputError(
                f"{label}, line {line:,}: these bytes are not {display(encoding.name)} ({encoding.reason}); "
                "save the file again as UTF-8, or state its true encoding."
            )
        if stated:
            _refuse_garbling(encoding, opener, label)
        return encoding
    if b"\x00" in head and _ASCII_RUN.search(head):
        _refuse_damaged(opener, label)
    _refuse_binary(head, label)
    found = _utf8(opener, label)
    if found.encoding and found.has_nul:
        _refuse_damaged(opener, label)
    return found.encoding or _legacy(opener, label)


def _refuse_garbling(stated: Encoding, opener: Opener, label: str) -> None:
    """InputError where a page of single bytes is stated of what is UTF-8 from end to end.

    An encoding of last month's file, pinned in a profile, would garble each name in silence.
    """
    if len("ä".encode().decode(stated.name, "ignore")) != 2:
        return
    found = _utf8(opener, label)
    if found.encoding and found.beyond:
        raise InputError(
            f"{label}: {found.encoding.reason}, and {display(stated.name)} is stated, which would garble "
            "them; leave the encoding out."
        )


def display(encoding: str) -> str:
    """A codec's name as people write it: ``UTF-8``, ``windows-1252``."""
    name = codecs.lookup(encoding).name
    return re.sub(r"^cp(125\d)$", r"windows-\1", name) if name.startswith("cp") else name.upper()


def _first_bad_line(opener: Opener, encoding: str, *, label: str) -> int:
    """The number of the first line with bytes that ``encoding`` does not know; 0 when all decodes."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    line = 1
    with opener() as stream:
        for chunk in chain(_pieces(stream, label), (b"",)):
            try:
                line += newlines.decode(decoder.decode(chunk, final=not chunk)).count("\n")
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(encoding, "ignore")
                return line + newlines.decode(good, final=True).count("\n")
            except UnicodeError:
                return line
    return 0


def _stated(name: str) -> Encoding | None:
    if not name:
        return None
    try:
        bytes(4).decode(name)  # of no text encoding, empty bytes decode as well
        codec = codecs.lookup(name).name
        codecs.getincrementaldecoder(codec)
    except (LookupError, ValueError):
        raise InputError(
            f"{name!r} is not an encoding that is known here; write it as in utf-8, utf-16 or windows-1252."
        ) from None
    codec = "utf-8" if codec == "utf-8-sig" else codec
    return Encoding(codec, f"{display(codec)}, because it is stated")


def _marked(head: bytes) -> Encoding | None:
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, f"{display(codec)}, because the file begins with its byte order mark")
    return None


def _patterned(head: bytes) -> Encoding | None:
    """UTF-16 or 32 without a mark: separators, digits and line ends have NULs beside them."""
    if b"\x00" not in head or _ASCII_RUN.search(head):
        return None
    quarter = len(head) // 4
    first, *_, last = (head[at::4].count(0) for at in range(4))
    if quarter and max(first, last) == -(-len(head) // 4) and head.count(0) * 2 > len(head):
        codec = "utf-32-be" if first > last else "utf-32-le"
        reason = "three of four bytes are NUL"
    else:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        few, many = sorted((even, odd))
        if many * 10 < len(head) or few * 10 > many:
            return None
        codec = "utf-16-le" if odd > even else "utf-16-be"
        reason = "every other byte is NUL"
    return Encoding(codec, f"{display(codec)}, because {reason}, without a byte order mark")


def _refuse_binary(head: bytes, label: str) -> None:
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > max(1, len(head) // 100):
        raise InputError(
            f"{label} is binary and not a format that can be read; export it as CSV, or as an xlsx workbook."
        )


def _pieces(stream: BinaryIO, label: str) -> Iterator[bytes]:
    """The stream's bytes; InputError for a line that would fill the memory before anything is said of it."""
    size = 0
    for chunk in chunks(stream):
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        size = size + len(chunk) if last < 0 else len(chunk) - last
        if size > LONGEST_LINE:
            raise InputError(
                f"{label} has a line of more than {LONGEST_LINE >> 20} MiB, which no table has; "
                "export it again, as CSV or xlsx."
            )
        yield chunk


def _refuse_damaged(opener: Opener, label: str) -> None:
    """InputError for NULs that are no stray characters: another encoding's, or a hole in the file."""
    with opener() as stream, io.TextIOWrapper(stream, "latin-1", newline="") as lines:
        for line, text in enumerate(lines, 1):
            if _WIDE_RUN.search(text):
                raise InputError(
                    f"{label}, line {line:,}: from here on it is UTF-16, which what stands above is not; "
                    "put the files together again in one encoding."
                )
            if _HOLE.search(text):
                raise InputError(
                    f"{label}, line {line:,}: there is a hole of NUL bytes, as a copy that broke off leaves; "
                    "transfer or export the file again."
                )


class _Utf8(NamedTuple):
    """UTF-8 where all of a text decodes, whether a NUL is in it, and how many characters beyond ASCII."""

    encoding: Encoding | None
    has_nul: bool
    beyond: int = 0


def _utf8(opener: Opener, label: str) -> _Utf8:
    has_nul = False
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    beyond = 0
    try:
        with opener() as stream:
            for chunk in _pieces(stream, label):
                text = decoder.decode(chunk)
                beyond += _beyond_ascii(text)
                has_nul = has_nul or b"\x00" in chunk
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _Utf8(None, has_nul)
    are = "is" if beyond == 1 else "are"
    how_many = f"{counted(beyond, 'character')} {are} not ASCII" if beyond else "all of it is ASCII"
    reason = f"UTF-8, because the whole file decodes as such and {how_many}"
    return _Utf8(Encoding("utf-8", reason), has_nul, beyond)


def _legacy(opener: Opener, label: str) -> Encoding:
    valid, invalid, words = _survey_high_bytes(opener, label)
    if valid:
        line = _first_bad_line(opener, "utf-8", label=label)
        raise InputError(
            f"{label}, line {line:,}: this line is not UTF-8 while others are ({counted(invalid, 'byte')} "
            f"against {counted(valid, 'character')}): mend the line, or state the encoding if the whole file "
            "is in one."
        )
    codec, why = find_code_page(words)
    line = _first_bad_line(opener, codec or "utf-8", label=label)
    if line:
        guess = likeliest(words)
        hint = f" (--encoding {guess}, perhaps)" if guess else ""
        raise InputError(
            f"{label}, line {line:,}: the encoding of this text can't be told with certainty; "
            f"save the file as UTF-8, or state its encoding{hint}."
        )
    seen = "".join(sorted(set(words.decode(codec, "ignore")) - set(map(chr, range(128)))))[:40]
    return Encoding(codec, f"{display(codec)}, because nothing beyond ASCII is UTF-8 and {why} ({seen})")


def _survey_high_bytes(opener: Opener, label: str) -> tuple[int, int, bytes]:
    """Characters that are valid UTF-8 beyond ASCII, bytes that are not, and the words they stand in."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    valid = invalid = size = 0
    words: dict[bytes, None] = {}
    with opener() as stream:
        for chunk in _pieces(stream, label):
            text = decoder.decode(chunk)
            bad = _escaped(text)
            valid += _beyond_ascii(text) - bad
            invalid += bad
            for word in _WORD.findall(chunk) if size < _EVIDENCE else ():
                if not word.isascii() and word not in words:
                    words[word] = None
                    size += len(word)
    return valid, invalid + len(decoder.decode(b"", final=True)), b" ".join(words)


def _beyond_ascii(text: str) -> int:
    return 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))


def _escaped(text: str) -> int:
    return len(text) - len(text.encode("utf-8", "ignore").decode("utf-8"))
