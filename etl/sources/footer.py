"""What stands below the rows of an input and is none: totals, counts and notices.

Looked at from the end upward, and only what certainly is no lead counts: nothing that could be a telephone
number or an id of a real row ever does. What is doubtful stays a row, and is judged as one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from etl.sources.header import may_hold_contact
from etl.sources.rows import DataRecord, is_blank, line_ends

FOOTER_ROWS = 64
"""Records from the end upward among which a footer is looked for."""

_THINGS = (
    r"(?:records?|rows?|leads?|contacts?|accounts?|customers?|entries|items|results?|lines|"
    r"datens(?:a|ä)tze?|zeilen?|eintr(?:a|ä)ge?|kontakte?|kunden|"
    r"enregistrements?|lignes?|contacts|filas?|registros?|contactos?|righe|riga|contatti|"
    r"rijen|rij|records|rader|poster|rækker|rivi[äa]?|wiersz[ey]?|rekord(?:y|ów)?|z[áa]znam[yů]?|sor)"
)
_TOTALS = (
    r"(?:(?:grand|sub|overall|report)[\s-]*)?totals?|sum|gesamt(?:summe|ergebnis|anzahl|zahl)?|insgesamt|"
    r"(?:zwischen)?summen?|total g[ée]n[ée]ral|sous-total|totaal|totale(?: generale)?|"
    r"(?:suma|total)(?: general| total)?|summa|i alt|yhteens[äa]|razem|celkem|[öo]sszesen|toplam|итого|всего"
)
# No telephone number: a count has no leading zero, and thousands or seven digits at most.
_COUNT = r"[(\[]?\s*(?:0|[1-9]\d{0,2}(?:[.,' ]\d{3}){1,2}|[1-9]\d{0,6})(?:[.,]\d{1,2})?\s?"
_TOTAL = re.compile(
    rf"(?:{_TOTALS})(?:\s+(?:number|count|of|in|the|no\.?|{_THINGS}))*\s*[:=]?\s*"
    rf"(?:{_COUNT}\s*{_THINGS}?\s*[)\]]?)?\s*[.:;]?",
    re.IGNORECASE,
)
_STATISTIC = re.compile(
    r"(?:average|avg|mean|median|mittelwert|durchschnitt|moyenne|promedio|medelvärde|gemiddelde)\s*[:=]?",
    re.IGNORECASE,
)
_PLAIN_NUMBER = re.compile(r"[1-9]\d*(?:[.,]\d+)?(?:E\+?\d+)?")
"""What a spreadsheet makes of a column of numbers, telephone numbers too."""
_COUNTED = re.compile(
    rf"{_COUNT}\s*{_THINGS}(?:\s+(?:were|are|in|set|affected|selected|exported|found|returned|listed|total|"
    r"processed|shown|displayed|betroffen|exportiert|gefunden|ausgew(?:a|ä)hlt|insgesamt|affect[ée]+s?|"
    r"export[ée]+s?|afectadas?|exportad[oa]s?))*\s*[)\]]?\s*[.!]?"
    rf"|(?:(?:number|count|anzahl|nombre|n[úu]mero|numero|aantal|antal)(?:\s+(?:of|der|de|di|von|the))*\s+)?"
    rf"{_THINGS}(?:\s+(?:count|total|exported|found|exportiert))?\s*[:=]\s*{_COUNT}\s*",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"\W*(?:(?:strictly |private (?:and|&) )?confidential(?:ity)?\b|(?:streng )?vertraulich\b|confidentiel\b|"
    r"confidencial\b|riservato\b|vertrouwelijk\b|copyright\s*(?:\(c\)|©|by\b|\d{4})|(?:\(c\)|©)\s*(?:\d{4}|\w{3})|"
    r"all rights reserved|do not distribute|for internal use|internal use only|"
    r"nur f(?:ü|ue)r den internen gebrauch|"
    r"(?:report |file |list |data )?(?:generated|exported|created|printed|produced|downloaded|extracted|run) "
    r"(?:by|on|at|from|with|via|using)\b|(?:report|export|run|print|creation)(?:ed)? (?:date|time)\b|"
    r"report (?:generated|created|run|printed|ends?|name|id)\b|as of:|end of (?:the )?(?:report|file|list|"
    r"data|export|table|document)\b|page \d+(?: of \d+)?\b|"
    r"(?:bericht |liste )?(?:erstellt|exportiert|generiert|gedruckt|erzeugt) (?:am|von|durch|mit|um)\b|"
    r"exportdatum\b|stand:|seite \d+(?: von \d+)?\b|ende (?:der|des) (?:liste|datei|berichts?|exports?)\b|"
    r"(?:g[ée]n[ée]r[ée]|export[ée]|imprim[ée]|cr[ée][ée]) (?:le|par)\b|"
    r"fin d[ue] (?:rapport|fichier|la liste)|"
    r"(?:generado|exportado|impreso|creado) (?:el|por)\b|fin del (?:informe|archivo)|"
    r"(?:generato|esportato|stampato|creato) (?:il|da)\b|"
    r"(?:gegenereerd|ge[ëe]xporteerd|afgedrukt) (?:op|door)\b)"
    r"|\W*(?:end|eof|ende|fin|fine|einde)\W*\Z",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"[-+]?\s?[€$£]?\s?(?:\d{1,5}|\d{1,3}(?:,\d{3}){1,2})(?:[.,]\d{1,2})?\s?(?:%|[€$£]|[A-Z]{3})?"
    r"|[-+]?\s?[€$£]?\s?\d{1,3}(?:\.\d{3}){1,2},\d{1,2}\s?(?:%|[€$£]|[A-Z]{3})?"
    r"|#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|NOT CALCULATED)"
)
_LONGEST = 300
"""Characters of a notice."""
_CODE = re.compile(r"\S*\d\S*")
_CONTROLS = "".join(map(chr, (*range(32), 127)))


def footer_line(last: Sequence[DataRecord], *, width: int, sheet: bool) -> int:
    """The line on which the footer begins, 0 where there is none.

    ``last`` are the header's record and then the last rows of the input; ``width`` is the number of columns.
    Notices begin a footer; lines of one text cell belong to it below them, and above them where blank lines
    part them from the rows (the report's name, mostly).
    """
    begin = len(last)
    certain = 0
    while begin > 1 and (_is_certain(last[begin - 1]) or _is_bare(last[begin - 1], width)):
        begin -= 1
        if _is_certain(last[begin]):
            certain = begin
    if not certain:
        return 0
    for at in range(begin, certain):
        if _is_parted(last[at - 1], last[at], sheet=sheet):
            return last[at][0]
    return last[certain][0]


def _is_certain(record: DataRecord) -> bool:
    """Whether a record is a total, a count or a notice, without anything a lead is known by."""
    filled = _filled(record)
    if not filled or len(filled[0]) > _LONGEST:
        return False
    first, *others = filled
    if not first.strip(_CONTROLS):
        return not others
    if _STATISTIC.fullmatch(first):
        return bool(others) and all(map(_PLAIN_NUMBER.fullmatch, others))
    if _TOTAL.fullmatch(first):
        return all(_AMOUNT.fullmatch(cell) or _COUNTED.fullmatch(cell) for cell in others)
    is_notice = _COUNTED.fullmatch(first) or _NOTICE.match(first)
    if not is_notice or (others and not first.endswith(":") and " " not in first):
        return False
    return len(others) <= 2 and not any(may_hold_contact(cell) or _is_code(cell) for cell in others)


def _is_bare(record: DataRecord, width: int) -> bool:
    """Whether a record of a table is a single cell of words."""
    filled = _filled(record)
    if width < 2 or len(filled) != 1:
        return False
    return not may_hold_contact(filled[0]) and not _CODE.fullmatch(filled[0])


def _filled(record: DataRecord) -> list[str]:
    """The cells that are not blank; none of a record with content beyond the header's columns."""
    _, cells, extra = record
    is_within = not extra or extra.startswith("(")
    return [cell.strip() for cell in cells if not is_blank((cell,))] if is_within else []


def _is_code(cell: str) -> bool:
    """Whether a cell could be an id: one word of letters and digits."""
    return _CODE.fullmatch(cell) is not None and any(map(str.isalpha, cell))


def _is_parted(before: DataRecord, record: DataRecord, *, sheet: bool) -> bool:
    """Whether lines that are no rows stand between two records."""
    height = 1 if sheet else 1 + sum(map(line_ends, (*before[1], before[2])))
    return record[0] > before[0] + height
