"""The names that columns go by: the interface's own, and those of common exports.

Names of one export alone stand in its profile (``schemas/profiles``). Telephone columns have a grammar rather
than a list: their headers consist of words for a line, a place and an ordinal, and of nothing else. So a word
that is not known (fax, type, extension, assistant) keeps a column from being dialled.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache

SCALARS = ("externalId", "date", "agentId", "dialingMode", "previewTime", "priority", "timeZone")
"""Customer fields that come from one column each."""

OWN_NAMES: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in SCALARS},
    "numbers": ("numbers",),
    "phones": ("Phone1", "Phone2", "Phone3"),
    "do_not_call": ("do not call",),
    "callable": ("callable",),
}
"""The interface's own names (and the administration's: ``External ID``, ``Phone 1``)."""

DIAL_CODES = (
    "phone country code", "mobile country code", "telephone country code", "country dial code",
    "country dialing code", "country dialling code", "country calling code", "dial code", "dialing code",
    "dialling code", "calling code", "phone code", "country prefix",
    "international code", "international prefix", "intl code", "isd code", "idd code", "ländervorwahl",
    "landesvorwahl", "internationale vorwahl", "indicatif pays",
    "prefijo internacional", "código de país", "prefisso internazionale",
)  # fmt: skip
"""Headers of columns with the code that is dialled for a number's country: ``+49``, or 49 alone."""

AREA_CODES = (
    "area code", "phone area code", "mobile area code", "home area code", "work area code", "std code",
    "phone prefix", "mobile prefix", "prefix", "vorwahl", "ortsvorwahl", "vorwahlnummer", "riktnr",
    "riktnummer", "ddd", "prefisso", "prefisso telefonico", "prefijo", "prefijo telefónico", "indicatif",
    "indicatif téléphonique", "netnummer", "kengetal", "lada", "suuntanumero", "retningsnummer",
    "numer kierunkowy", "kierunkowy",
)  # fmt: skip
"""Headers of columns with the code of a number's town or network: what is beside it is but a part."""

COMMON_NAMES: dict[str, tuple[str, ...]] = {
    "externalId": (
        "lead id", "contact id", "customer id", "client id", "record id", "customer number", "customer no",
        "lead number", "person id", "prospect id", "lead: lead id", "contact: contact id", "kundennummer",
        "kunden-nr", "kundennr", "numéro client", "kunden-id", "numéro de client", "n° client", "id client",
        "codice cliente", "id cliente", "código de cliente", "klantnummer", "asiakasnumero",
        "customer nr", "customer num", "customer ref", "customer reference", "client no",
        "client nr", "client number", "client ref", "client reference", "lead no", "lead nr", "lead ref",
        "lead reference", "prospect no", "prospect number", "member no", "member number", "member id", "urn",
        "unique reference number", "external identifier", "kd-nr", "kd-nummer", "kunde nr",
        "kunden no", "kundenkennung", "lead-nummer", "interessenten-nr", "interessentennummer",
        "mitglieds-nr", "mitgliedsnummer", "debitoren-nr", "debitorennummer", "externe id", "no client",
        "no de client", "num client", "code client", "réf client", "référence client", "id externe",
        "identifiant externe", "nº cliente", "nº de cliente", "núm cliente", "número cliente",
        "número de cliente", "código cliente", "id externo", "n. cliente", "id esterno",
        "klantnr", "klant-id", "kundnummer", "kundnr", "asiakasnro", "nr klienta",
        "apollo contact id", "zoominfo contact id", "id", "uuid", "guid",
    ),
    "do_not_call": (
        "do not phone", "do not contact", "phone opt out", "has opted out of call", "opted out of calls",
        "call opt out", "opt out of calls", "do not allow phone calls", "do not allow phone call",
        "do not call flag", "do not call registry", "on do not call list", "national do not call", "dnc",
        "dnd", "dnd status", "dnd flag", "ndnc", "ndnc status",
        "dnc flag", "dnc status", "do not dial", "don't call", "robinson", "ctps", "tps", "tps registered",
        "ctps registered", "tps flag", "call blocked", "no calls", "no call", "nicht anrufen",
        "bitte nicht anrufen", "kein anruf", "keine anrufe", "keine telefonanrufe",
        "telefonanrufe nicht zulassen", "telefonsperre", "anrufsperre", "werbesperre", "sperrvermerk",
        "ne pas appeler", "ne pas démarcher", "bloctel", "no llamar", "non chiamare", "niet bellen",
        "bel me niet", "não ligar", "ei saa soittaa", "soittokielto", "ring ej", "ring inte", "ikke ring",
        "nie dzwonić", "deceased", "is deceased", "verstorben", "décédé", "fallecido", "deceduto",
    ),
    "callable": (
        "contact callable", "contactable by voice", "call allowed", "calls allowed", "calling allowed",
        "phone calls allowed", "allow calls", "allow phone calls", "may be called", "can be called",
        "ok to call", "anruf erlaubt", "anrufe erlaubt", "darf angerufen werden",
        "telefonische kontaktaufnahme erlaubt", "contactable by phone", "phone contact allowed", "may call",
        "can call", "contact allowed", "phone allowed", "telephone allowed", "contact by phone allowed",
    ),
    "region": (
        "country", "country/region", "country name", "country code", "country iso", "iso country", "nation",
        "mailing country", "mailing country code", "person mailing country", "business country/region",
        "business country", "primary address country", "address 1 - country", "address 1: country/region",
        "address1 country", "person - country of postal address", "country id", "home country/region",
        "home country", "other country/region", "other country", "land", "land/region", "ländercode",
        "länderkennzeichen", "land/region geschäftlich", "land (geschäftlich)", "land/region privat",
        "land (privat)", "country_id/name", "country_id/code", "country/territory", "country of residence",
        "pays", "pays/région", "país", "país/región", "paese", "country/region code",
        "nazione", "landcode", *DIAL_CODES,
    ),
}  # fmt: skip
"""Headers of common exports, recognised where no columns are named; of flags all count, else the first."""

OTHERS = (
    "name", "full name", "first name", "last name", "middle name", "surname", "forename", "given name",
    "family name", "title", "salutation", "job title", "company", "company name", "organization",
    "account name", "email", "e-mail", "email address", "e-mail address", "street", "address", "city",
    "town", "state", "county", "postcode", "zip", "zip code", "postal code", "fax", "website", "notes",
    "description", "status", "source", "owner", "birthday", "date of birth", "gender", "language", "tags",
    "created", "modified", "vorname", "nachname", "anrede", "firma", "straße", "plz", "ort", "prénom",
    "nom", "société", "ville", "code postal", "nombre", "apellido", "apellidos", "empresa", "ciudad",
    "nome", "cognome", "azienda", "città",
)  # fmt: skip
"""Names of columns that are no customer field, and tell a header from a title."""

CONSENT = re.compile(
    r"consent|allowed|opt(ed)?(in|out)|unsubscri|donot(?!modify)|dnc|^n?dnd|permission|callable|contactable(?!by(?:sms|email|whatsapp))|gdpr|blacklist|blocklist"
    r"|nocall|robinson|^c?tps|einwillig|werbe|widerspr|dsgvo|sperr|nichtanruf|anruferlaub|consentement"
    r"|d[ée]march|rgpd|consentim|consenso|toestemming|soittokiel|markkinointi|suostum|samtyc|legalbasis"
    r"|lawfulbasis|notto?be(?:called|phoned|contacted)|oktocall|canwecall|maywecall|allow(?:ed)?(?:to)?(?:call|phone)"
    r"|nophone(?:contact|calls?)|no(?:marketing|sales|cold)calls?|contactbyphone|(?:phone|call|contact)preference"
    r"|suppress|deceased|verstorben|interdit|opposition|donotring"
)
"""Normal headers that sound like a wish not to be called, or the leave to call."""

WHEN_TO_CALL = re.compile(
    r"(?:call|phone|contact|ring)(?:again)?(?:after|at|on|not?before|earliest)$|nextcall|callback(?:date|time|at|on)"
    r"|callafter|calldate|bestcalldate|follow-?up(?:date|on)|nextcontactdate|wiedervorlage|r[üu]e?ckruf(?:termin|datum|am|zeit)"
    r"|anrufen?(?:ab|am|nach)"
)
"""Normal headers that sound like the time from which somebody wants to be called."""

OTHER_CHANNEL = re.compile(
    r"(?=.*(?:e?mail|fax|sms|whatsapp|newsletter|postal|bulk))(?!.*(?:phone|tel(?!ex)|call|anruf|voice|mobil))"
)
"""Normal headers that speak of another way to reach somebody than by telephone."""

_ANOTHER_LINE = (
    r"fax|telecop|pager|beeper|funkruf|(?<!ms)isdn|telex|ttytdd|^tty|^tdd|texttelefon|horbehinderte|modem|radiophone"
    r"|funktelefon|carphone|autotelefon|^callback(?:phone|number|no)?$|^(?:ruckruf|rueckruf|ruckmeldung)"
    r"(?:nummer)?$|(?:assist|asst|sekret|secret|manager|spouse|partner|emergency|notfall).{0,60}(?:phone|tel|mobil)"
    r"|(?:phone|tel|mobil).{0,60}(?:assist|asst|sekret|secret|manager|spouse|emergency|notfall)"
)
ANOTHER_LINE = re.compile(_ANOTHER_LINE)
"""Loose headers of columns whose numbers are not the lead's own to be dialled."""

FORBIDS_CALLS = re.compile(
    r"(?:is|on|person|lead|contact|customer|national|federal|internal|phone|mobile|home|work)*"
    r"(?:donotcall|donotphone|donotdial|dontcall|dncr?|c?tps|tpsctps|ctpstps)"
    r"(?:flag|list|listed|status|registry|registered|register|phone|mobile|home|work|yn|indicator|dnc)*"
)
"""Loose headers that consist of a wish not to be called, and of words around it; no reason, no date."""

NO_TELEPHONE = re.compile(
    rf"{_ANOTHER_LINE}|(?:telefon|mobil|handy|nummer|festnetz)alt$|assist|asst|sekret|secret|callback|ruckruf|rueckruf|rappel|extension|ext$|durchwahl|type"
    r"|typ$|(?:telefon|nummer|nummern)art$|label|verified|optin|optout|preferred|countrycode|vorwahl|areacode|emergency|notfall|spouse|owner|agent"
)
"""The same, and of columns that are about telephones and hold none."""

NO_TELEPHONE_LABEL = re.compile(
    r"fax|telecop|pager|beeper|isdn|telex|^tty|^tdd|modem|assist|asst|callback|^radio|^car(?:phone)?$"
)
"""Loose labels that say of the number beside them that nobody answers it, or somebody else."""


class Line(IntEnum):
    """What a telephone column is, in the order in which they are dialled."""

    MOBILE = 0
    WORK = 1
    PLAIN = 2
    HOME = 3
    OTHER = 4
    COMPANY = 5


# A header of thousands of columns, and the records below it, are asked for again and again.
_cached = lru_cache(maxsize=1 << 15)


@_cached
def loose(header: str) -> str:
    """Give a header as known names are compared: its letters and digits, without case and accents.

    ``No.`` is a number; ``__c`` at its end goes, with a package's name in front (Salesforce's own fields).
    """
    plain = _SALESFORCE_OWN.sub("", header) if "__" in header else header
    folded = unicodedata.normalize("NFKD", plain).casefold()
    if "no." in folded:
        folded = re.sub(r"\bno\.", "number", folded)
    return "".join(filter(str.isalnum, folded))


_SALESFORCE_OWN = re.compile(r"^\s*[a-z0-9]+__(?=.*__p?c\s*$)|__p?c\s*$", re.IGNORECASE)


@_cached
def telephone(header: str) -> tuple[Line, int] | None:
    """Give the kind and the ordinal of a telephone column, None where the header does not name one."""
    key = loose(header).replace("e164", "")
    if len(key) > _LONGEST or NO_TELEPHONE.search(key) or not _HEADER.fullmatch(key):
        return None
    words = {kind for kind, word in _LINES.items() if word.search(key)}
    kind = next((kind for kind in _PRECEDENCE if kind in words), Line.PLAIN)
    ordinal = re.search(r"[0-9]+", key)
    return kind, int(ordinal[0]) if ordinal else 1


@_cached
def is_number_of_nobody(header: str) -> bool:
    """Whether a header consists of the words for a line that no lead answers, as ``Fax 2`` does."""
    key = loose(header)
    return len(key) <= _LONGEST and _NOBODYS.fullmatch(key) is not None


def is_dial_code(header: str) -> bool:
    """Whether a column holds the code that is dialled for a country, and no other number of one."""
    return loose(header) in _DIAL_CODES


def is_area_code(header: str) -> bool:
    """Whether a column holds the code of a number's town or network apart from the number."""
    return loose(header) in _AREA_CODES


def dialled(cell: str, label: str) -> str:
    """Give a cell of numbers without those that nobody is to be called at, by the label beside it.

    Google puts several values into one cell, with ``:::`` between them; labels that are as many go each with
    theirs, a single one with all.
    """
    if not NO_TELEPHONE_LABEL.search(loose(label)):
        return cell
    numbers, labels = cell.split(_SEVERAL_VALUES), label.split(_SEVERAL_VALUES)
    if len(numbers) != len(labels):
        return ""
    kept = (
        number
        for number, each in zip(numbers, labels, strict=True)
        if not NO_TELEPHONE_LABEL.search(loose(each))
    )
    return _SEVERAL_VALUES.join(kept)


_SEVERAL_VALUES = ":::"
_DIAL_CODES = frozenset(map(loose, DIAL_CODES))
_AREA_CODES = frozenset(map(loose, AREA_CODES))


def _either(words: str) -> str:
    """Give a pattern of words, the longer ones first."""
    return "|".join(sorted({loose(word) for word in words.split()}, key=len, reverse=True))


_LONGEST = 60
_MOBILE = _either(
    "mobile mobil mobilfunk mob cell cellular cellphone handy gsm móvil celular portable cellulare "
    "mobiel telemóvel telemovel matkapuhelin mobiltelefon komórka komórkowy 手机 携帯 мобильный smartphone"
)
_PHONE = _either(
    "phone telephone tel tél telefon teléfono téléphone telefoon telefone puhelin rufnummer rufnr "
    "telefonu festnetz landline fixe fijo ddi directdial directline mainline fixedline msisdn phno 电话 "
    "電話 телефон"
)
_WORK = _either(
    "work business służbowy biz office direct day daytime geschäftl geschäftlich geschaeftlich "
    "geschäft geschäfts "
    "dienst dienstlich beruflich büro buero arbeit bureau professionnel pro trabajo oficina lavoro ufficio "
    "zakelijk werk arbete"
)
_HOME = _either(
    "home house domowy residencial abitazione private privat privater priv privé prive personal "
    "perso personnel evening eve domicile "
    "maison casa hem koti thuis particular"
)
_OTHER = _either(
    "other alternate alternative alt secondary second additional autre otro altro andere andereweitere "
    "weitere weiteres sonstige sonstiges zusätzliche"
)
_COMPANY = _either(
    "company account organization organisation firma firmen empresa société entreprise azienda "
    "corporate headquarters hq switchboard zentrale"
)
_PLAIN = _either(
    "main primary default first third stacjonarny fixo fisso vaste vast fast "
    "kontaktowy principal principale haupt person contact lead customer client prospect kunde "
    "kunden kontakt contacto contatto applicant member patient student guest buyer donor subscriber "
    "candidate tenant number numéro nummer value international formatted"
)
_AFTER = _either("no s nr num de du di")
"""Words that never stand first: ``No phone`` is no telephone's name."""
_HEADER = re.compile(
    rf"(?=.*(?:{_MOBILE}|{_PHONE}))"
    rf"(?:(?:nr?|num)(?:de|di)?)?(?:{_MOBILE}|{_PHONE}|{_WORK}|{_HOME}|{_OTHER}|{_COMPANY}|{_PLAIN}|(?<=.)(?:{_AFTER})"
    r"|[0-9]++(?:st|nd|rd|th)?)+"  # possessive: a long run of digits could be parted in no end of ways
)
_NOBODYS = re.compile(
    rf"(?:{_MOBILE}|{_PHONE}|{_WORK}|{_HOME}|{_OTHER}|{_COMPANY}|{_PLAIN}|tele|[0-9]++)*"
    r"(?:fax|pager|beeper|isdn|telex|assistants?|asst|callback)"
    rf"(?:{_MOBILE}|{_PHONE}|{_WORK}|{_HOME}|{_OTHER}|{_COMPANY}|{_PLAIN}|{_AFTER}|[0-9]++)*"
)
_LINES = {
    Line.COMPANY: re.compile(_COMPANY),
    Line.OTHER: re.compile(_OTHER),
    Line.MOBILE: re.compile(_MOBILE),
    Line.WORK: re.compile(_WORK),
    Line.HOME: re.compile(_HOME),
}
_PRECEDENCE = (Line.COMPANY, Line.OTHER, Line.MOBILE, Line.WORK, Line.HOME)
