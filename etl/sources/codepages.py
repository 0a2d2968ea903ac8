"""Which code page a text is in that is no Unicode, told by the words that hold more than ASCII.

A page is believed only where it gives words as people write them, in the letters of one language, or of
neighbouring ones. What several pages could give, or none, is not guessed.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain
from typing import NamedTuple

from charset_normalizer import from_bytes

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
    "cp1256": (
        ("Arabic, Persian or Urdu", "ءآأؤإئابةتثجحخدذرزسشصضطظعغـفقكلمنهوىيپچژگکٹڈڑںھہےàâçèéêëîïôùûœ"),
    ),
    "cp1253": (("Greek", "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"),),
}
_NEIGHBOURS = {
    "cp1252": ("Western Europe", ("cp1252",), "ðýþ"),
    "cp1250": ("Central Europe", ("cp1250",), ""),
    "cp1254": ("Turkey and Western Europe", ("cp1252", "cp1254"), "ðýþ"),
    "cp1257": ("the Baltic and the North", ("cp1257",), ""),
}
"""Pages, what people call where they serve, whose alphabets together, and the letters of those not meant."""
_GERMAN = set("äöüßé")
_NO_LETTERS = set("ªºµ")
_INSIDE = set("’‘'´·`–—…")  # noqa: RUF001  -- signs that stand in names
_BEFORE = set("“‘„‚«‹”’»›¿¡©–—…§°•·")  # noqa: RUF001  -- the same
_AFTER = set("”’“‘»›«‹…®™©°²³¹–—´§")  # noqa: RUF001  -- the same
_SLIPS = 0.02
"""Share of words that may be mistyped: a capital within a word, a sign where none belongs."""


def find_code_page(words: bytes) -> tuple[str, str]:
    """The codec that explains the ``words`` (blanks between them), and why; two empty texts for none."""
    if _is_other_script(words):
        return _by_language(words, _OTHER_ALPHABETS)
    found = _by_language(words, _ALPHABETS)
    return found if found[0] else _by_neighbours(words)


def likeliest(words: bytes) -> str:
    """The encoding that statistics would guess, for a person to think about; empty where they can't."""
    best = from_bytes(words, threshold=0.5).best()
    return best.encoding if best else ""


def _by_language(words: bytes, pages: dict[str, tuple[tuple[str, str], ...]]) -> tuple[str, str]:
    return _best(
        words,
        [
            (codec, set(alphabet), f"its letters are those of {language}")
            for codec, alphabets in pages.items()
            for language, alphabet in alphabets
        ],
    )


def _by_neighbours(words: bytes) -> tuple[str, str]:
    together = []
    for codec, (where, pages, others) in _NEIGHBOURS.items():
        alphabets = chain.from_iterable(_ALPHABETS[page] for page in pages)
        letters = set("".join(alphabet for _, alphabet in alphabets)) - set(others) | _GERMAN
        together.append((codec, letters, f"its letters are those of {where}"))
    return _best(words, together)


def _best(words: bytes, candidates: list[tuple[str, set[str], str]]) -> tuple[str, str]:
    """The page whose letters hold all there are, with the fewest slips; the first of several."""
    read = {codec: _read(words, codec) for codec, _, _ in candidates}
    good = [
        (found.slips, codec, why)
        for codec, letters, why in candidates
        if (found := read[codec]) and found.letters <= letters
    ]
    _, codec, why = min(good, key=lambda each: each[0], default=(0, "", ""))
    return codec, why


class _Reading(NamedTuple):
    """What a page makes of the words: the letters beyond ASCII in lower case, and how many are mistyped."""

    letters: set[str]
    slips: int


def _read(words: bytes, codec: str) -> _Reading | None:
    """None for a page that gives words as nobody writes them."""
    try:
        read = words.decode(codec).split()
    except UnicodeDecodeError:
        return None
    sound = [word for word in read if not _is_nonsense(word)]
    slips = len(read) - len(sound)
    if slips > _SLIPS * len(read):
        return None
    letters = {letter for letter in "".join(sound).lower() if not letter.isascii() and letter.isalpha()}
    return _Reading(letters - _NO_LETTERS, slips)


def _is_nonsense(word: str) -> bool:
    for before, sign, after in zip(f" {word}", word, f"{word[1:]} ", strict=False):
        if sign.isalpha():
            follows = before.islower() or (before.isalpha() and after.islower())
            if follows and sign.isupper() and not sign.isascii():
                return True
            continue
        if before.isalpha() and after.isalpha():
            allowed = _INSIDE
        elif after.isalpha():
            allowed = _BEFORE
        elif before.isalpha():
            allowed = _AFTER
        else:
            continue
        if sign not in allowed:
            return True
    return len({_script(letter) for letter in word if letter.isalpha()}) > 1


def _script(letter: str) -> str:
    is_latin = letter.isascii() or letter in _NO_LETTERS
    return "LATIN" if is_latin else unicodedata.name(letter, "").partition(" ")[0]


def _is_other_script(words: bytes) -> bool:
    """Whether most letters stand in words without any ASCII letter, as in Cyrillic, Greek or Arabic."""
    every = words.split()
    foreign = [word for word in every if len(word) > 1 and not re.search(rb"[A-Za-z]", word)]
    return len(foreign) * 2 > len(every)
