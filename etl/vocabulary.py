"""The names that columns go by: the interface's own, and those of common exports, in their priority."""

from __future__ import annotations

import re

SCALARS = ("externalId", "date", "agentId", "dialingMode", "previewTime", "priority", "timeZone")
"""Customer fields that come from one column each."""

OWN_NAMES: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in SCALARS},
    "numbers": ("numbers",),
    "phones": ("Phone1", "Phone2", "Phone3"),
    "do_not_call": ("do not call",),
}
"""The interface's own names (and the administration's: ``External ID``, ``Phone 1``)."""

COMMON_NAMES: dict[str, tuple[str, ...]] = {
    "externalId": ("lead id", "contact id", "customer id", "record id", "customer number"),
    "phones": (
        "mobile", "mobile phone", "mobile number", "cell", "cell phone", "phone", "phone number",
        "telephone", "telephone number", "tel", "business phone", "work phone", "home phone",
        "other phone", "primary phone", "main phone", "direct phone", "company phone",
        "handy", "mobil", "mobiltelefon", "telefon", "telefonnummer", "rufnummer", "téléphone", "teléfono",
        "telefono",
    ),
    "do_not_call": (
        "do not phone", "do not contact", "phone opt out", "has opted out of call", "opted out of calls",
        "do not allow phone calls", "dnc", "robinson", "ctps", "tps", "call blocked", "no calls",
        "nicht anrufen", "bitte nicht anrufen", "kein anruf", "keine anrufe", "telefonsperre", "anrufsperre",
        "werbesperre", "sperrvermerk", "ne pas appeler", "ne pas démarcher", "bloctel", "no llamar",
        "non chiamare", "niet bellen", "bel me niet", "ei saa soittaa", "soittokielto", "ring ej",
        "ring inte", "ikke ring", "nie dzwonić",
    ),
}  # fmt: skip
"""Headers of common exports, recognised where no columns are named; the first found is the first dialled."""

CONSENT = re.compile(
    r"consent|opt(ed)?(in|out)|unsubscri|donot|dnc|permission|callable|gdpr|blacklist|blocklist|nocall"
    r"|robinson|^c?tps$|einwillig|werbe|widerspr|dsgvo|sperr|nichtanruf|anruferlaub|consentement|d[ée]march"
    r"|rgpd|consentim|consenso|toestemming|soittokiel|markkinointi|suostum|samtyc"
)
"""Normal headers that sound like a wish not to be called, or the leave to call."""
