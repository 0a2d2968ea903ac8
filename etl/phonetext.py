"""What people and programs write around phone numbers: labels, notes, links, markup, foreign characters.

Floor 1, beneath ``etl.phone``. Here stand the words and shapes; what follows from them is decided there.
"""

from __future__ import annotations

import html
import re
import unicodedata

# --- words ------------------------------------------------------------------------------------------

NOTHING = frozenset(
    """n/a|na|n.a.|n.a|none|no|null|nil|nan|tbc|tbd|unknown|not available|not provided|not given|no phone
    |no number|no mobile|not known|undefined|(null)|(none)|blank|empty|unbekannt|keine|kein|nein|k.a.
    |keine angabe|nicht vorhanden|inconnu|aucun|sans|néant|desconocido|ninguno|sconosciuto|nessuno|onbekend
    |geen|brak|okänd|ukendt|ukjent|x|xx|xxx""".replace("\n    ", "").split("|")
)
"""Cells that stand for emptiness, in lower case."""

DO_NOT_CALL = re.compile(
    r"""\b(?:dnc|c?tps|do\ ?n[o']?t\ (?:call|phone|ring|dial|contact|disturb|use)
    |never\ (?:call|phone|ring|contact)
    |not\ to\ be\ (?:called|phoned|contacted)|no\ (?:more\ |cold\ |sales\ |phone\ )?calls?|stop\ calling
    |does\ ?n[o']?t\ want\ (?:calls|to\ be\ called)|opt(?:ed|s)?[ -]?out|unsubscribed?|blacklisted|do-not-call
    |deceased|died|passed\ away
    |nicht\ (?:mehr\ )?(?:anrufen|kontaktieren|telefonieren)|keine?\ (?:anrufe?|werbung|werbeanrufe)
    |anruf(?:e|en)?\ (?:verboten|unerwünscht)|(?:werbe|telefon|anruf)sperre|gesperrt
    |robinson(?:liste)?|verstorben
    |ne\ (?:pas|plus)\ (?:appeler|contacter|démarcher|demarcher|déranger|deranger)|bloctel
    |décédée?|decede
    |no\ (?:llamar|contactar|molestar)|lista\ robinson|fallecid[oa]
    |non\ (?:chiamare|contattare|disturbare)|deceduto|deceduta
    |niet\ (?:meer\ )?(?:bellen|contacteren|benaderen)|bel-me-niet|bel\ me\ niet|overleden
    |não\ (?:ligar|contactar|perturbe)|nao\ (?:ligar|contactar)|falecid[oa]
    |ring\ (?:ej|inte|ikke)|ikke\ ring|må\ ikke\ ringes|nix-?telefon|nix18|avliden|afdød
    |(?:ei\ saa|älä)\ soitt?aa?|nie\ (?:dzwonić|dzwonic|kontaktować)|zmarł[ay]?|nevolat|не\ звонить)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""A note that says not to call: the person, whatever number it stands beside."""

FAX = re.compile(
    r"(?:\b|_)(?:tele)?fax|télécopie|telecopieur|\b(?:tele)?faks|факс|传真|傳真|ファックス|팩스|^f[:.]|\(f\)",
    re.IGNORECASE,
)

_WORD = (
    r"(?:mobile?|mob|mobiel|mobil(?:nummer|telefon|nr)?|movil|móvil|cell|cellular|cellulare|cel(?:ular)?|handy|"
    r"portable|port|gsm|komórka|matkapuhelin|mobilné|tel|tele(?:ph|f)one?|telefon(?:nummer)?|telefoon|telefono|"
    r"téléphone|teléfono|tél|tfn|tlf|puhelin|phone|ph|home|work|office|business|direct|main|landline|primary|"
    r"secondary|other|personal|daytime|evening|whatsapp|privat|private|privé|prive|büro|buero|geschäftlich|"
    r"geschäftl|dienstlich|dienstl|zentrale|bureau|domicile|fixe?|fijo|festnetz|casa|trabajo|oficina|ufficio|lavoro|thuis|werk|"
    r"zakelijk|hem|arbete|arbejde|jobb|dom|praca|тел|телефон|моб|мобильный|電話|携帯|电话|手机)"
)
LABEL_BEFORE = re.compile(
    rf"\A(?:(?:tel|callto):(?://)?|(?:{_WORD}[ ./-]*)+(?:(?:no|nr|number|nummer|numéro|numero)\b\.?)?[ :.-]*"
    r"|\([mthwopc]\)\s*|[mthwopc][:.]\s*|[tmc]\s+)(?=[\d(+])",
    re.IGNORECASE,
)
LABEL_AFTER = re.compile(
    rf"(?<=[\d)])(?:(?:\s+|\s*-\s*){_WORD}|\s*[(\[](?:{_WORD}|[mthwopc])[)\]])\.?$", re.IGNORECASE
)

# --- several numbers, extensions ------------------------------------------------------------------------

STRONG = re.compile(
    r"[|\n\r\v\f\u2028\u2029\x85•·]|:::|&|;(?!\s*(?:ext\b|[a-z-]+=))"
    r"|\s(?:and/or|or|and|und/oder|oder|und|et/ou|ou|et|y/o|o|y|of|en|eller|og|och|lub|tai)\s",
    re.IGNORECASE,
)
"""What stands between numbers for certain."""

EXTENSION = re.compile(
    r"(?P<head>.*[\d)])(?P<gap>[\s,;.(-]*)"
    r"(?:(?:extension|extensión|extn?|durchwahl|dw|nebenstelle|nst|klappe|kl|poste|interno|int|anexo|ramal|apparat"
    r"|app|toestel|tst|wewn?|linka|доб)[\s.:=#-]*|(?P<mark>[x#*pw]|(?<=,,))\s*)(?P<extension>\d{1,7})#?\)?",
    re.IGNORECASE | re.DOTALL,
)

# --- shapes that are no number ----------------------------------------------------------------------------

PLAIN = re.compile(r" *(?:\+ ?|\(\+?|\+ ?\()?[0-9][0-9 ().-]{0,40}")
"""Digits with spaces, dots, dashes and brackets between them, and perhaps a plus before them."""

BRACKETS = re.compile(
    r"\(\+?[\d .-]+\)|\(\+ ?\d{1,3}\)[ .-]*(?:\(0\))?[\d .-]{4,}"
    r"|\+?[\d .-]{0,8}(?:\([\d .-]{1,8}\)[ .-]*){1,2}[\d .-]{4,}"
)
"""Where brackets stand in one number."""

OPTIONAL_ZERO = re.compile(r"(?P<code>(?:\(?\+|\(?00|[1-9])[0-9 ().-]*?)\( ?0 ?\)(?P<rest>[0-9 ().-]*)")

_TIME = r"(?:[01]?\d|2[0-4])[.:h][0-5]\d"
DATE = re.compile(
    r"(?:(?:19|20)\d\d([-./ ])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./ ])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|[12]\d|3[01])\3\d\d)"
    r"(?:[ T,]+\d\d?:\d\d.*)?"
    rf"|{_TIME} ?(?:-|to|bis|à) ?{_TIME}|\d\d?:\d\d(?::\d\d)?(?: ?[ap]\.?m\.?)?",
    re.IGNORECASE,
)
CUT = re.compile(r"[+-]?\d+(?:[.,]\d*)? ?[eE] ?[+-]?\d+|\d+(?:[.,]\d*)? ?[*x\u00d7\u00b7] ?10\^\+?\d+|#+")
ERROR = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|CALC!|SPILL!|GETTING_DATA|ERROR|NOT CALCULATED)|Err:\d{3}",
    re.IGNORECASE,
)
THOUSANDS = re.compile(r"[1-9]\d{0,2}([,.'])\d{3}(?:\1\d{3})+(?:[.,]0+)?")
FRACTION = re.compile(r"([^.,]*)[.,](\d{1,2}|(?<=\d{7}[.,])\d{3})|.*\.\d")
EMAIL = re.compile(r"[^\s@:]+@[^\s@]+\.[^\s@]+")
LINK = re.compile(r"(?:https?|ftp|www\.|sips?:|skype:|mailto:|linkedin\.)\S*", re.IGNORECASE)
_BYTE = 255
_ADDRESS = re.compile(r"([1-9]\d{0,2})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})")


def is_ip_address(text: str, *, likely: bool) -> bool:
    """Tell ``192.168.10.10`` from a number with dots.

    ``likely`` says that a number without a leading 0 is unlikely there; groups of one length are a number
    even then (``22.33.44.55``). Elsewhere only a private network's is taken for one: ``91.234.56.78`` is a
    number in Uzbekistan.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or any(int(part) > _BYTE or str(int(part)) != part for part in match.groups()):
        return False
    if not likely:
        return text.startswith(("10.", "127.", "172.", "192.168."))
    return len({len(part) for part in match.groups()}) > 1


# --- characters ---------------------------------------------------------------------------------------

_BREAK = re.compile(r"<br\s*/?>|</?(?:p|div|li)>|\\r\\n|\\[nr]|_x000[DA]_", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,5}|[a-z]{2,8});", re.IGNORECASE)
_WRAPPED = re.compile(r"\[([^\[\]]*)\]|\{([^{}]*)\}|<([^<>]*)>", re.DOTALL)
_WHATSAPP = re.compile(
    r"(?:https?://)?(?:www\.)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)(?:\+|%2B)?(\d{7,15})/?(?:[?&].*)?",
    re.IGNORECASE,
)


def plain_text(text: str) -> str:
    """Give a cell without what programs leave in it: markup, entities, escapes, brackets of a list, links.

    Digits, spaces, dashes and full-width characters become ASCII, and invisible ones go. A link to WhatsApp
    holds an international number by WhatsApp's own rule, and becomes one.
    """
    if "&" in text and _ENTITY.search(text):
        text = html.unescape(text)
    text = to_ascii(text)
    if "<" in text or "\\" in text or "_x" in text:
        text = _BREAK.sub("\n", text).replace("\\", "/")
    if "%2" in text:
        text = re.sub("%2B", "+", text, flags=re.IGNORECASE).replace("%20", " ")
    text = text.strip()
    if (match := _WRAPPED.fullmatch(text)) and match.lastindex:
        text = match[match.lastindex].replace('"', "").strip()
    if match := _WHATSAPP.fullmatch(text):
        return "+" + match[1]
    return text


def to_ascii(text: str) -> str:
    """Give digits, spaces, dashes and full-width characters in ASCII; invisible characters go."""
    if text.isascii():
        return text.replace("\t", " ")
    return "".join(map(_ascii_of, unicodedata.normalize("NFC", text)))


def _ascii_of(char: str) -> str:
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    match unicodedata.category(char):
        case "Nd":
            return str(unicodedata.decimal(char))
        case "Zs":
            return " "
        case "Pd":
            return "-"
        case "Cf":
            return ""
    return {"\t": " ", "\u2212": "-", "\u2019": "'", "\u3001": ",", "\u00a0": " "}.get(char, char)
