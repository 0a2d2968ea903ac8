"""Which character encoding a text is in: told by the whole of it, with the reason.

The order of the evidence: what the user states, a byte order mark, the NUL pattern of UTF-16, UTF-8 when
all of it decodes, and a Windows code page only when nothing at all of it is UTF-8. Nothing is ever decoded
to replacement characters.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import chain, pairwise
from typing import BinaryIO, NamedTuple

from charset_normalizer import from_bytes

from etl.errors import InputError
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
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_SIGN_INSIDE = re.compile(r"[^\W\d_][^\w\s'\u2019\xb4\xb7`-][^\W\d_]")
_EVIDENCE = 64 * 1024
"""Bytes of distinct words that the choice among code pages is made from."""

# The letters beyond ASCII of the languages that a code page serves: one language that explains all letters
# of a file is the best evidence there is for one page against another.
_ALPHABETS = {
    "cp1252": (
        ("German", "äöüß"),
        ("French", "àâæçéèêëîïôœùûüÿ"),
        ("Spanish", "áéíñóúü"),
        ("Portuguese", "àáâãçéêíóôõúü"),
        ("Italian", "àèéìíîòóùú"),
        ("Catalan", "àçèéíïòóúü"),
        ("Dutch", "áéèëíïóöúü"),
        ("Swedish or Finnish", "åäöéšž"),
        ("Danish or Norwegian", "æøåéèêóòô"),
        ("Icelandic", "áðéíóúýþæö"),
        ("Irish", "áéíóú"),
    ),
    "cp1250": (
        ("Polish", "ąćęłńóśźż"),
        ("Czech", "áčďéěíňóřšťúůýž"),
        ("Slovak", "áäčďéíĺľňóôŕšťúýž"),
        ("Hungarian", "áéíóöőúüű"),
        ("Croatian or Slovene", "čćđšž"),
        ("Romanian", "ăâîşţ"),
    ),
    "cp1254": (("Turkish", "çğıöşüâîû"),),
    "cp1257": (
        ("Lithuanian", "ąčęėįšųūž"),
        ("Latvian", "āčēģīķļņšūž"),
        ("Estonian", "äöõüšž"),
    ),
}
_OTHER_ALPHABETS = {
    "cp1255": (("Hebrew", "אבגדהוזחטיךכלםמןנסעףפץצקרשת"),),
    "cp1251": (
        ("Russian", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"),
        ("Ukrainian", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"),
        ("Serbian or Macedonian", "абвгдђѓежзѕијклљмнњопрстћќуфхцчџш"),
    ),
    "cp1253": (("Greek", "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"),),
}
_PAGES = [*_ALPHABETS, *_OTHER_ALPHABETS, "cp1256", "cp1258"]


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
        line = first_bad_line(opener, encoding.name)
        if line:
            raise InputError(
                f"{label}, line {line:,}: these bytes are not {display(encoding.name)} ({encoding.reason}); "
                "save the file again as UTF-8, or state its true encoding."
            )
        return encoding
    _refuse_binary(head, label)
    return _utf8(opener) or _legacy(opener, label)


def display(encoding: str) -> str:
    """A codec's name as people write it: ``UTF-8``, ``windows-1252``."""
    name = codecs.lookup(encoding).name
    return re.sub(r"^cp(125\d)$", r"windows-\1", name) if name.startswith("cp") else name.upper()


def first_bad_line(opener: Opener, encoding: str) -> int:
    """The number of the first line with bytes that ``encoding`` does not know; 0 when all decodes."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    line = 1
    with opener() as stream:
        for chunk in chain(chunks(stream), (b"",)):
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
    """UTF-16 without a mark: separators, digits and line ends have a NUL in every other byte."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    few, many = sorted((even, odd))
    if many * 10 < len(head) or few * 10 > many:
        return None
    codec = "utf-16-le" if odd > even else "utf-16-be"
    return Encoding(codec, f"{display(codec)}, because every other byte is NUL, without a byte order mark")


def _refuse_binary(head: bytes, label: str) -> None:
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls * 100 > len(head):
        raise InputError(
            f"{label} is binary and not a format that can be read; export it as CSV, or as an xlsx workbook."
        )


def _utf8(opener: Opener) -> Encoding | None:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    beyond = 0
    try:
        with opener() as stream:
            for chunk in chunks(stream):
                text = decoder.decode(chunk)
                beyond += _beyond_ascii(text)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    how_many = f"{beyond:,} characters are not ASCII" if beyond else "all of it is ASCII"
    return Encoding("utf-8", f"UTF-8, because the whole file decodes as such and {how_many}")


def _legacy(opener: Opener, label: str) -> Encoding:
    valid, invalid, words = _survey_high_bytes(opener)
    if valid:
        line = first_bad_line(opener, "utf-8")
        raise InputError(
            f"{label}, line {line:,}: this line is not UTF-8 while others are ({invalid:,} bytes against "
            f"{valid:,} characters): mend the line, or state the encoding if the whole file is in one."
        )
    encoding = _code_page(words)
    line = first_bad_line(opener, encoding.name) if encoding else first_bad_line(opener, "utf-8")
    if encoding is None or line:
        raise InputError(
            f"{label}, line {line:,}: the encoding of this text can't be told with certainty; "
            "save the file as UTF-8, or state its encoding."
        )
    return encoding


def _survey_high_bytes(opener: Opener) -> tuple[int, int, bytes]:
    """Characters that are valid UTF-8 beyond ASCII, bytes that are not, and the words they stand in."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    valid = invalid = size = 0
    words: dict[bytes, None] = {}
    with opener() as stream:
        for chunk in chunks(stream):
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


def _code_page(words: bytes) -> Encoding | None:
    """The code page that explains the words: by one language's letters, Western Europe's, or statistics."""
    foreign = _other_script(words)
    for codec, alphabets in (_OTHER_ALPHABETS if foreign else _ALPHABETS).items():
        letters = _letters(words, codec)
        for language, alphabet in alphabets:
            if letters is not None and letters <= set(alphabet):
                return _because(codec, words, f"its letters are those of {language}")
    western = set("".join(alphabet for _, alphabet in _ALPHABETS["cp1252"]))
    letters = _letters(words, "cp1252")
    if letters is not None and letters <= western and not foreign:
        return _because("cp1252", words, "its letters are those of Western Europe")
    pages = [page for page in _PAGES if not foreign or page not in _ALPHABETS]
    best = from_bytes(words, cp_isolation=pages, threshold=0.5).best()
    return (
        _because(best.encoding, words, "it is the likeliest by the frequency of its letters")
        if best
        else None
    )


def _letters(words: bytes, codec: str) -> set[str] | None:
    """The letters beyond ASCII, in lower case; None for a page that gives words as nobody writes them."""
    try:
        text = words.decode(codec)
    except UnicodeDecodeError:
        return None
    capital_inside = any(a.islower() and b.isupper() and not b.isascii() for a, b in pairwise(text))
    if capital_inside or _SIGN_INSIDE.search(text):
        return None
    return {letter for letter in text.lower() if not letter.isascii() and letter.isalpha()}


def _other_script(words: bytes) -> bool:
    """Whether most letters stand in words without any ASCII letter, as in Cyrillic, Greek or Arabic."""
    every = words.split()
    foreign = [word for word in every if len(word) > 1 and not re.search(rb"[A-Za-z]", word)]
    return len(foreign) * 2 > len(every)


def _because(codec: str, words: bytes, why: str) -> Encoding:
    seen = "".join(sorted(set(words.decode(codec, "ignore")) - set(map(chr, range(128)))))[:40]
    return Encoding(codec, f"{display(codec)}, because nothing beyond ASCII is UTF-8 and {why} ({seen})")
