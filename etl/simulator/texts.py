"""The reasons of refusals in the languages of a dialect.

In the code every reason is an English sentence, worded as the interface's document words its examples; here
it is the key to the others, with ``{}`` for what differs from case to case (ids, values, details, in order).
Those insertions stay as they are, and so do sentences that are not in the table.
"""

from __future__ import annotations

import functools
import re

_LANGUAGES = ("de", "fi")

TEXTS: dict[str, tuple[str, str]] = {
    # Customers. Of two that fit a sentence, the first counts.
    "Invalid externalId: {} : Value is not unique": (
        "Ungültige externalId: {} : Der Wert ist nicht eindeutig",
        "Virheellinen externalId: {} : Arvo ei ole yksilöllinen",
    ),
    "Invalid externalId: it is too long, or has a NUL character": (
        "Ungültige externalId: zu lang, oder sie enthält ein NUL-Zeichen",
        "Virheellinen externalId: liian pitkä, tai siinä on NUL-merkki",
    ),
    "Invalid numbers: without numbers, attribute Phone1 is mandatory": (
        "Ungültige numbers: ohne numbers ist das Attribut Phone1 erforderlich",
        "Virheellinen numbers: ilman numeroita attribuutti Phone1 on pakollinen",
    ),
    "Invalid attributes: a name is empty, or there is a NUL character": (
        "Ungültige attributes: ein Name ist leer, oder es gibt ein NUL-Zeichen",
        "Virheellinen attributes: nimi on tyhjä, tai siinä on NUL-merkki",
    ),
    # Searches and bodies.
    "Invalid status: Active or Passive is expected": (
        "Ungültiger status: Active oder Passive wird erwartet",
        "Virheellinen status: odotetaan arvoa Active tai Passive",
    ),
    "Invalid {}: true or false is expected": (
        "Ungültiger Wert für {}: true oder false wird erwartet",
        "Virheellinen {}: odotetaan arvoa true tai false",
    ),
    "Invalid {}: an id in id32 or id36 format is expected": (
        "Ungültiger Wert für {}: eine ID im Format id32 oder id36 wird erwartet",
        "Virheellinen {}: odotetaan tunnistetta muodossa id32 tai id36",
    ),
    "Invalid {}: a number from 0 to 999999999 is expected": (
        "Ungültiger Wert für {}: eine Zahl von 0 bis 999999999 wird erwartet",
        "Virheellinen {}: odotetaan lukua 0:n ja 999999999:n väliltä",
    ),
    "Invalid {}: {}": ("Ungültiger Wert für {}: {}", "Virheellinen {}: {}"),
    "{} needs statistics=true": ("{} verlangt statistics=true", "{} vaatii parametrin statistics=true"),
    "attributeName is mandatory when attributeValue is given": (
        "attributeName ist erforderlich, wenn attributeValue angegeben ist",
        "attributeName on pakollinen, kun attributeValue on annettu",
    ),
    "An array of customers is expected": (
        "Eine Liste von Kunden wird erwartet",
        "Odotetaan asiakkaiden luetteloa",
    ),
    "Malformed JSON: it is nested too deeply": (
        "Fehlerhaftes JSON: zu tief verschachtelt",
        "Virheellinen JSON: liian syvä rakenne",
    ),
    "Malformed JSON: {}": ("Fehlerhaftes JSON: {}", "Virheellinen JSON: {}"),
    "Malformed XML: {}": ("Fehlerhaftes XML: {}", "Virheellinen XML: {}"),
    # What is not there.
    "Campaign not found": ("Kampagne nicht gefunden", "Kampanjaa ei löydy"),
    "Customer not found": ("Kunde nicht gefunden", "Asiakasta ei löydy"),
    "There is nothing at this path": ("Unter diesem Pfad gibt es nichts", "Tässä polussa ei ole mitään"),
    "This method is not allowed here": (
        "Diese Methode ist hier nicht erlaubt",
        "Tämä metodi ei ole sallittu tässä",
    ),
    # The door.
    "Not authorised": ("Nicht angemeldet", "Ei kirjautunut"),
    "Access is denied": ("Zugriff verweigert", "Pääsy estetty"),
    "Accept: {} or {} is expected": (
        "Accept: {} oder {} wird erwartet",
        "Accept: odotetaan arvoa {} tai {}",
    ),
    "Content-Type: {} or {} is expected": (
        "Content-Type: {} oder {} wird erwartet",
        "Content-Type: odotetaan arvoa {} tai {}",
    ),
    "Accept: {} is expected": ("Accept: {} wird erwartet", "Accept: odotetaan arvoa {}"),
    "Content-Type: this charset is not known": (
        "Content-Type: dieser Zeichensatz ist nicht bekannt",
        "Content-Type: tuntematon merkistö",
    ),
    "Content-Type: {} is expected": ("Content-Type: {} wird erwartet", "Content-Type: odotetaan arvoa {}"),
    "Content-Encoding: gzip or deflate is expected": (
        "Content-Encoding: gzip oder deflate wird erwartet",
        "Content-Encoding: odotetaan arvoa gzip tai deflate",
    ),
    "The body is not what its Content-Encoding says": (
        "Der Inhalt passt nicht zu seinem Content-Encoding",
        "Sisältö ei vastaa sen Content-Encoding-otsaketta",
    ),
    "The body is not what its charset says": (
        "Der Inhalt passt nicht zu seinem Zeichensatz",
        "Sisältö ei vastaa sen merkistöä",
    ),
    "Unreadable body: {}": ("Unlesbarer Inhalt: {}", "Sisältöä ei voi lukea: {}"),
    "More than {} bytes in one request": (
        "Mehr als {} Bytes in einer Anfrage",
        "Yli {} tavua yhdessä pyynnössä",
    ),
    "More than {} customers in one request": (
        "Mehr als {} Kunden in einer Anfrage",
        "Yli {} asiakasta yhdessä pyynnössä",
    ),
    "Too large a request": ("Zu große Anfrage", "Liian suuri pyyntö"),
    "Too many customers in one request": (
        "Zu viele Kunden in einer Anfrage",
        "Liian monta asiakasta yhdessä pyynnössä",
    ),
    "Too many requests": ("Zu viele Anfragen", "Liian monta pyyntöä"),
    "Internal error": ("Interner Fehler", "Sisäinen virhe"),
    "Bad gateway": ("Fehlerhaftes Gateway", "Yhdyskäytävävirhe"),
    "Service unavailable": ("Dienst nicht verfügbar", "Palvelu ei ole käytettävissä"),
    "The database is busy": ("Die Datenbank ist beschäftigt", "Tietokanta on varattu"),
}


def localised(reason: str, language: str) -> str:
    """The English ``reason`` in a dialect's language; as it is where the table does not have it."""
    if language == "en":
        return reason
    column = _LANGUAGES.index(language)
    for pattern, texts in _patterns():
        if found := pattern.fullmatch(reason):
            parts = texts[column].split("{}")
            return "".join(
                text + (value or "") for text, value in zip(parts, (*found.groups(), ""), strict=True)
            )
    return reason


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], tuple[str, str]]]:
    return [
        (re.compile("(.*?)".join(map(re.escape, english.split("{}"))), re.DOTALL), texts)
        for english, texts in TEXTS.items()
    ]
