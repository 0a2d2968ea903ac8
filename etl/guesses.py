"""Header → what each column is read as, how surely, and why: the tiers of names.

A header that is a known name is certain. One that is a known name but for a typing error, another order of
its words or a joined spelling is a fuzzy guess: it is told, and an unattended load does not go by it. Words
such as fax, type, verified or postcode weigh more than any likeness: such a column never becomes a phone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from msgspec import Struct
from rapidfuzz.distance import OSA

from etl.errors import ProfileError
from etl.profile import normal_header
from etl.vocabulary import COMMON_NAMES, CONSENT, NO_TELEPHONE, OWN_NAMES, SCALARS, loose, telephone

DECIDING = frozenset({"numbers", "phones", "date", "do_not_call"})
"""Fields that decide who is called and when: a fuzzy guess for one of them needs a person, or a profile."""

READ_AS = {
    "externalId": "the lead's id",
    "numbers": "phone numbers",
    "phones": "a phone number",
    "date": "the date to call",
    "agentId": "the agent's id",
    "dialingMode": "the dialing mode",
    "previewTime": "the preview time",
    "priority": "the priority",
    "timeZone": "the time zone",
    "do_not_call": "a wish not to be called",
    "callable": "leave to be called",
    "region": "the country of the numbers",
}
"""Customer field → the words that say to a person what a column is read as."""

_CERTAIN = {"exact": 100, "normalised": 95}
_OTHERWISE = 90
"""Confidence in a header that is made of known words only, in an order or spelling that is none known."""


class Guess(Struct, frozen=True, kw_only=True):
    """What a column is read as.

    ``column`` is its position in ``SourceSpec.header``, ``header`` the name as written. ``confidence`` is in
    per cent. ``how``: ``exact`` and ``normalised`` are known names, ``fuzzy`` is like one, ``values`` goes by
    what the cells look like. ``reason`` is half a sentence for a person.
    """

    field: str
    column: int
    header: str
    confidence: int
    how: str
    reason: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether the header is a known name of the field."""
        return self.how in _CERTAIN


def guess(columns: Sequence[tuple[int, str]], found: Mapping[str, Sequence[int]]) -> tuple[Guess, ...]:
    """What the ``columns`` (position, header as written) are read as, where no profile names them.

    ``found`` are the fields' columns by known names. Gives these, then fuzzy guesses among the other columns:
    for a field without a column the one that is most like its names, and every further column that is like
    a phone's or a do-not-call column's name. No two guesses are of one column.
    """
    headers = dict(columns)
    guesses = [_certain(field, at, headers[at]) for field in found for at in found[field]]
    taken = {each.column for each in guesses}
    free = {at: name for at, name in columns if at not in taken}
    for field in ("do_not_call", *SCALARS):
        alike = [each for at, name in free.items() if (each := _alike(field, at, name))]
        if field != "do_not_call":
            alike = [] if found.get(field) else _only_best(alike)
        guesses += alike
        for each in alike:
            free.pop(each.column, None)
    if not found.get("numbers"):
        phones = [phone for at, name in free.items() if (phone := _phone(at, name))]
        guesses += [each for _, each in sorted(phones, key=itemgetter(0))]
    return tuple(guesses)


def note_of(guesses: Iterable[Guess], *, file: str = "FILE") -> str:
    """What to tell a person of the guesses that are not certain; empty where all are.

    ``file`` is the input as a shell reads it.
    """
    told = ", ".join(
        f"{each.header.strip()!r} as {READ_AS[each.field]} ({each.confidence} % sure: {each.reason})"
        for each in guesses
        if not each.is_certain
    )
    return f"read by a guess: {told}; to pin down what is right: obi profile new {file}" if told else ""


def uncertain(guesses: Iterable[Guess]) -> list[Guess]:
    """The guesses that an unattended load does not go by."""
    return [each for each in guesses if each.field in DECIDING and not each.is_certain]


def refuse_uncertain(guesses: Iterable[Guess], *, source: str) -> None:
    """Raise ProfileError where nobody can be asked and a deciding field was read by a fuzzy guess.

    ``source`` is the input as it was given. Until a person has said that a column holds numbers to dial,
    it holds none (the command line's contract).
    """
    if fuzzy := uncertain(guesses):
        told = ", ".join(
            f"{each.header.strip()!r} as {READ_AS[each.field]} ({each.confidence} % sure)" for each in fuzzy
        )
        file = "FILE" if source == "-" else shlex.quote(source)
        raise ProfileError(
            f"Nothing was sent, since nobody is asked here and the header leaves a doubt: it would read "
            f"{told}. Keep what is right in a profile (obi profile new {file}) and load with --profile."
        )


def never_dialled(header: str) -> str:
    """Why a column of this name never becomes a phone by likeness or by its values; empty where it may."""
    text = " ".join(tokens(header))
    if CONSENT.search(normal_header(header)):
        return "it is about consent"
    for pattern, reason in _NEVER:
        if pattern.search(text):
            return reason
    return "its name says that it is no line of the lead's" if NO_TELEPHONE.search(loose(header)) else ""


@lru_cache(maxsize=1 << 15)
def tokens(header: str) -> tuple[str, ...]:
    """The words and numbers of a header in lower case: of ``workPhone_2`` work, phone, 2."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ])(?=[A-ZÀ-Þ][a-zà-ÿ])", " ", header)
    numbered = re.sub(r"\b[Nn][Oo]\.", "number ", spaced.replace("'", ""))  # as in vocabulary.loose
    words = re.findall(r"[^\W\d_]+|\d+", numbered)
    return tuple(loose(word) or word for word in words)


# --- names --------------------------------------------------------------------------------------------


def _certain(field: str, column: int, header: str) -> Guess:
    names = (*OWN_NAMES.get(field, ()), *COMMON_NAMES.get(field, ()))
    key = loose(header)
    how = "exact" if header.strip().casefold() in {name.casefold() for name in names} else "normalised"
    if how == "exact" or any(loose(name) == key for name in names):
        reason = "a known name"
    else:
        reason = "its words say telephone" if telephone(header) else "a name in a known export"
    return Guess(
        field=field,
        column=column,
        header=header,
        confidence=_CERTAIN[how],
        how=how,
        reason=reason,
    )


@lru_cache(maxsize=1 << 15)
def _alike(field: str, column: int, header: str) -> Guess | None:
    """A guess by the most similar name of a field; None where none is similar."""
    own = tokens(header[:_LONGEST_NAME])
    near = _names_by_initials(field)
    # No slip changes a first letter, of each of the words or of all of them as one: other names are not like.
    names = {*near.get(_initials(own), ()), *near.get(own[0][0] if own else "", ())}
    best = max(((_similarity(own, words), name) for name, words in names), default=(0.0, ""))
    if not best[0]:
        return None
    return _fuzzy(field, column, header, similarity=best[0], reason=f"it is like {best[1]!r}")


def _phone(column: int, header: str) -> tuple[tuple[int, int], Guess] | None:
    """A guess where a header, with its typing errors mended, names a telephone column and nothing else.

    Before it the place in which such columns are dialled.
    """
    if len(header) > _LONGEST_NAME or never_dialled(header) or telephone(header):
        return None
    similarity, mended = 1.0, []
    for token in tokens(header):
        near, word = max((_typo(token, known), known) for known in _TELEPHONE_WORDS)
        mended.append(word if near else token)
        similarity = min(similarity, near or 1.0)
    name = " ".join(mended)
    place = telephone(name)
    if place is None or similarity == 1.0:
        return None
    return place, _fuzzy("phones", column, header, similarity=similarity, reason=f"it is like {name!r}")


def _fuzzy(field: str, column: int, header: str, *, similarity: float, reason: str) -> Guess:
    confidence = min(_OTHERWISE, int(similarity * 100))
    return Guess(field=field, column=column, header=header, confidence=confidence, how="fuzzy", reason=reason)


def _only_best(alike: list[Guess]) -> list[Guess]:
    """The surest guess, none where two are as sure: which one is meant is not for us to choose."""
    surest = max((each.confidence for each in alike), default=0)
    best = [each for each in alike if each.confidence == surest]
    return best if len(best) == 1 else []


def _similarity(words: Sequence[str], name: Sequence[str]) -> float:
    """How like a header is to a known name, from 0 to 1: by its words in any order, or as one word."""
    if len(words) != len(name):
        joined, known = "".join(words), "".join(name)
        return _slip(joined, known) if len(known) >= _LONG_HEADER else 0.0
    if _initials(words) != _initials(name):
        return 0.0  # no slip changes the first letter
    left, similarity = list(name), 1.0
    for word in words:
        near, known = max((_typo(word, each) or (len(name) > 1 and _slip(word, each)), each) for each in left)
        similarity = min(similarity, near)
        left.remove(known)
    return similarity


def _slip(text: str, known: str) -> float:
    """How like, where a letter is missing, too many, or has changed places with the next; 0 otherwise.

    Another letter in the place of one makes another word of a short one: code and mode, load and lead.
    """
    if text[:1] != known[:1] or len(known) < _SHORTEST_SLIP or any(word in text for word in _OTHER_WORDS):
        return 0.0
    digits_differ = re.findall(r"\d", text) != re.findall(r"\d", known)
    if digits_differ or OSA.distance(text, known, score_cutoff=1) > 1:
        return 0.0
    is_other_letter = len(text) == len(known) and sorted(text) != sorted(known)
    return 0.0 if is_other_letter else float(OSA.normalized_similarity(text, known))


@lru_cache(maxsize=32)
def _names_by_initials(field: str) -> dict[str | tuple[str, ...], list[tuple[str, tuple[str, ...]]]]:
    """Known names of a field with their words, by the initials of all words and by the first letter."""
    found: dict[str | tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = {}
    for name in (*OWN_NAMES.get(field, ()), *COMMON_NAMES.get(field, ())):
        words = tokens(name)
        found.setdefault(_initials(words), []).append((name, words))
        found.setdefault(words[0][0], []).append((name, words))
    return found


def _initials(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(word[0] for word in words))


@lru_cache(maxsize=4096)
def _typo(token: str, known: str) -> float:
    """How like a word is to a known one if it can be that one mistyped, 0 where it can't.

    One slip of a finger in five letters or more, two in nine or more; the first letter is right. Shorter
    words are too near to others: call and cell, load and lead.
    """
    if token == known:
        return 1.0
    if len(known) < _SHORTEST_TYPO or token[:1] != known[:1] or token in _OTHER_WORDS:
        return 0.0
    slips = 2 if len(known) >= _LONG_WORD else 1
    if OSA.distance(token, known, score_cutoff=slips) > slips:
        return 0.0
    return float(OSA.normalized_similarity(token, known))


_LONGEST_NAME = 100
"""Characters of a header, beyond which it is a text and like no name."""
_SHORTEST_TYPO = 5
_SHORTEST_SLIP = 4
_LONG_WORD = 9
_LONG_HEADER = 8

_TELEPHONE_WORDS = tuple(
    """phone phones phonenumber telephone telephon telefon telefonnummer telefonnr telefone telefono telefoon
    telefoonnummer mobile mobil mobilephone mobilenumber mobilfunk mobiltelefon mobilnummer cellphone cellular
    celular cellulare handynummer rufnummer festnetz festnetznummer landline movil portable puhelin
    number nummer numero business office private primary secondary alternative geschaeftlich geschaftlich
    dienstlich privat""".split()  # noqa: SIM905  -- a list of words reads better than one of quotes
)
"""Words that may be mistyped in the name of a telephone column; the short ones are too near to others."""
_OTHER_WORDS = frozenset(
    """contract contracts contrat phase phony phono prone phoned phoning telephony telefonie telephonie movie
    movies mobel portal portables telefonist telefonat cellar cellars""".split()  # noqa: SIM905  -- as above
)
"""Words of their own, which are no typing errors however near they are to a known one."""


def _never(words: str, reason: str) -> tuple[re.Pattern[str], str]:
    return re.compile(words), reason


_NEVER = (
    _never(r"fax|facsimil|telecopi", "it is a fax"),
    _never(r"pager|beeper|\bisdn\b|telex|\btdd\b|\btty\b|minicom", "nobody speaks on such a line"),
    _never(
        r"assist|\basst|sekret|secretar|emergency|notfall|next of kin|\bspouse|\bagents?\b|owner|manager"
        r"|supervisor|\brep\b|broker|betreuer|vertreter|referr|reports? to|\bsalesp",
        "it is somebody else's",
    ),
    _never(r"\bext\b|extn|extension|durchwahl|nebenstelle|\bposte\b", "it is an extension"),
    _never(r"\btypes?\b|\btyp\b|label|\bkind\b|categor|kategor", "it says of what kind something is"),
    _never(r"post ?code|\bzip|postal|\bplz\b|postleit|\bcap\b", "it is a postcode"),
    _never(
        r"\bvat\b|\btax|steuer|\bust\b|\btva\b|\bnif\b|\bssn\b|siret?\b|siren|passport|insurance",
        "it is a number of an office",
    ),
    _never(
        r"\bbank|iban|\bbic\b|swift|konto|\bblz\b|sort code|account (number|no|nr|num|id)\b|\bcards?\b"
        r"|kredit|credit",
        "it is about money",
    ),
    _never(
        r"price|preis|prix|\bcost|kosten|amount|betrag|montant|revenue|umsatz|budget|salary|gehalt|turnover"
        r"|\bvalue|\bwert|balance|total|\bsum\b|discount|rabatt",
        "it is about money",
    ),
    _never(r"birth|geburt|\bdob\b|naissance|nacimiento|nascita|\bage\b|\balter\b", "it is an age"),
    _never(r"employee|mitarbeiter|headcount|\bstaff\b|effectif", "it is a count"),
    _never(
        r"verif|valid|bestatigt|status|stage|result|score|rating|bounce|count\b|anzahl|number of|nombre de"
        r"|\bqty\b|menge|attempt|calls\b|duration|dauer|\btime\b|\bdate|datum|\bzeit|created|modified|updated"
        r"|\blast\b|letzte|rank|\byear|jahr|reachable|available|\bhas\b|\bhat\b|\bis\b",
        "it says something about a lead and is no number",
    ),
    _never(r"country|\bcode\b|vorwahl|prefix|prafix|indicatif|\barea\b|region", "it is a part of a number"),
    _never(
        r"carrier|provider|network|operator|model|device|brand|\bplan\b|tarif|contract|vertrag|order|bestell"
        r"|invoice|rechnung|ticket|\bcase\b|vorgang|policy|police|serial|imei|\bsim\b|iccid|\bsku\b",
        "it is a number of a thing",
    ),
    _never(r"mail|\burl\b|\bweb|\bsite\b|\bip\b|skype|linkedin|facebook", "it is an address of the net"),
    _never(r"house|\bhaus|street|strasse|\broom|zimmer|floor|\bstock", "it is an address"),
    _never(r"\bids?\b|\bguid\b|\buuid\b|\bkey\b", "it is an id"),
)
