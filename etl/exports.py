"""Which program's export a header is, by names that few others use.

What is known of an export stands in the built-in profile of its name; here are only the signs by which it is
recognised without being named.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from etl.profile import Profile, read_profile
from etl.vocabulary import loose

_ENOUGH = 2
"""Signs without which nothing is said."""


class Export(NamedTuple):
    """One kind of export: its built-in profile, what it is called in a sentence, and its headers."""

    profile: str
    title: str
    signs: frozenset[str]
    prefixes: tuple[str, ...] = ()

    def likeness(self, keys: frozenset[str]) -> int:
        """How many of a header's loose names speak for it."""
        return len(self.signs & keys) + sum(key.startswith(self.prefixes) for key in keys)


def _export(profile: str, title: str, signs: str, *, prefixes: str = "") -> Export:
    """An export by its signs, separated by ``|``."""
    return Export(
        profile,
        title,
        frozenset(map(loose, signs.split("|"))),
        tuple(loose(prefix) for prefix in prefixes.split("|") if prefix),
    )


EXPORTS: tuple[Export, ...] = (
    _export(
        "salesforce-leads",
        "a Salesforce export of leads",
        "Lead ID|Lead Owner|Lead Owner Alias|Lead Source|Lead Status|Company / Account|Fax Opt Out"
        "|Email Opt Out|Created By Alias|Do Not Call|Unread By Owner|LeadSource|IsConverted"
        "|ConvertedAccountId|DoNotCall|HasOptedOutOfEmail|HasOptedOutOfFax|IsUnreadByOwner|SystemModstamp"
        "|OwnerId|Jigsaw|PhotoUrl|Lead-ID|Lead-Inhaber|Lead-Status|Leadstatus|Leadquelle|Firma/Account"
        "|Nicht anrufen|ID de la piste|Propriétaire de la piste|Origine de la piste|Société/Compte"
        "|Propietario del prospecto|Origen del prospecto|Compañía/cuenta",
    ),
    _export(
        "salesforce-contacts",
        "a Salesforce export of contacts",
        "Contact ID|Contact Owner|Contact Owner Alias|Account ID|Account Name|Account Owner"
        "|Mailing Street|Mailing City|Mailing State/Province|Mailing Zip/Postal Code|Mailing Country"
        "|Asst. Phone|Assistant Phone|Reports To|Fax Opt Out|Email Opt Out|Created By Alias|AccountId"
        "|MailingStreet|MailingPostalCode|ReportsToId|AssistantPhone|HasOptedOutOfEmail|HasOptedOutOfFax"
        "|DoNotCall|SystemModstamp|OwnerId|Kontakt-ID|Kontaktinhaber|Accountname|Postanschrift (Land)"
        "|ID du contact|Propriétaire du contact|Nom du compte|Propietario del contacto"
        "|Nombre de la cuenta",
    ),
    _export(
        "zoho",
        "an export of Zoho CRM",
        "Record Id|Lead Owner|Lead Owner.id|Lead Owner ID|Contact Owner.id|Contact Owner ID"
        "|Account Name.id|Lead Name|Lead Source|Email Opt Out|SMS Opt Out|Secondary Email"
        "|Skype ID|Asst Phone|Created By.id|Modified By.id|Created Time|Modified Time|Last Activity Time"
        "|Tag|Mailing Zip|No. of Employees|Unsubscribed Mode|Unsubscribed Time|Change Log Time|Locked"
        "|Is Record Duplicate|Most Recent Visit|Average Time Spent (Minutes)|Days Visited|Visitor Score",
    ),
    _export(
        "hubspot",
        "a HubSpot export of contacts",
        "Record ID|Contact owner|Lifecycle Stage|Lead Status|Create Date|Last Modified Date"
        "|Last Contacted|Marketing contact status|Original Source"
        "|Original Traffic Source|Associated Company|Associated Company IDs|Primary Associated Company ID"
        "|Number of Form Submissions|Unsubscribed from all email"
        "|Legal basis for processing contact's data|HubSpot Score|HubSpot Team|hs_object_id"
        "|lifecyclestage|hubspot_owner_id|hs_lead_status|createdate|lastmodifieddate|Datensatz-ID"
        "|Lifecycle-Phase|Mobiltelefonnummer|Zuständiger Mitarbeiter|Marketingkontakt-Status"
        "|Numéro de téléphone mobile|Phase du cycle de vie|Propriétaire du contact|ID de registro"
        "|Número de teléfono móvil|Etapa del ciclo de vida",
    ),
    _export(
        "pipedrive",
        "a Pipedrive export",
        "Person - ID|Person - Name|Person - Phone|Person - Owner|Person - Label|Person - Labels",
        prefixes="Person - Phone - |Person - Email - |Person - Organi|Deal - T|Deal - S|Deal - O",
    ),
    _export(
        "dynamics365",
        "a Dynamics 365 export",
        "(Do Not Modify) Contact|(Do Not Modify) Lead|(Do Not Modify) Account"
        "|(Do Not Modify) Row Checksum|(Do Not Modify) Modified On|(Nicht ändern) Kontakt"
        "|(Nicht ändern) Lead|(Nicht ändern) Firma|(Nicht ändern) Zeilenprüfsumme"
        "|(Nicht ändern) Geändert am|(Ne pas modifier) Contact|(Ne pas modifier) Prospect"
        "|Do not allow Phone Calls|Do not allow Emails|Do not allow Bulk Emails|Do not allow Faxes"
        "|Do not allow Mails|Telefonanrufe nicht zulassen|contactid|leadid|donotphone|donotemail"
        "|donotbulkemail|donotfax|telephone1|address1_country|statecode|statuscode",
    ),
    _export(
        "google-contacts",
        "a Google Contacts export",
        "Phone 1 - Value|Phone 1 - Label|Phone 1 - Type|E-mail 1 - Value|E-mail 1 - Label|E-mail 1 - Type"
        "|Phonetic First Name|Organization Name|Organization 1 - Name|Group Membership|Yomi Name"
        "|Given Name|Address 1 - Country",
    ),
    _export(
        "outlook",
        "an Outlook export of contacts",
        "Assistant's Phone|Business Fax|Business Phone 2|Callback|Car Phone|Company Main Phone|Home Fax"
        "|Home Phone 2|ISDN|Other Fax|Primary Phone|Radio Phone|TTY/TDD Phone|Telex|E-mail Address"
        "|E-mail Type|Business Street|Business City|Business Postal Code|Business Country/Region"
        "|Home Country/Region|Telefon Assistent|Fax geschäftlich|Telefon geschäftlich"
        "|Telefon geschäftlich 2|Rückmeldung|Autotelefon|Telefon Firma|Fax privat|Telefon privat"
        "|Telefon privat 2|Weiteres Telefon|Weiteres Fax|Haupttelefon|Telefon für Hörbehinderte"
        "|E-Mail-Typ|Telefon Assistent(in)|Fax (geschäftlich)|Telefon (geschäftlich)"
        "|Telefon 2 (geschäftlich)|Fax (privat)|Telefon (privat)|Telefon (Sonstiges)|Texttelefon"
        "|Land/Region geschäftlich|Land (geschäftlich)|Land/Region privat",
    ),
    _export(
        "odoo",
        "an Odoo export",
        "Related Company|Is a Company|Complete Name|Display Name|Salesperson|Sales Team|Expected Revenue"
        "|Phone Blacklisted|Blacklisted Phone is Phone|Blacklisted Phone is Mobile|Sanitized Number"
        "|country_id|country_id/id|parent_id|parent_id/id|is_company|user_id|user_id/id|team_id"
        "|partner_name|phone_blacklisted|mobile_blacklisted|phone_sanitized|phone_sanitized_blacklisted"
        "|category_id",
    ),
    _export(
        "suitecrm",
        "a SuiteCRM export",
        "phone_other|phone_fax|do_not_call|primary_address_country"
        "|alt_address_country|assistant_phone|date_entered|date_modified|assigned_user_id"
        "|assigned_user_name|Office Phone|Primary Address Country|Primary Address Street"
        "|Alt Address Country|Other Address Country|Assistant Phone|Date Created|Date Modified"
        "|Assigned User|Assigned to|Refered By|Status Description",
    ),
    _export(
        "five9",
        "a Five9 list",
        "number1|number2|number3|ContactID|last_disposition|Last Disposition|Last Agent Disposition"
        "|Last System Disposition|Dial Attempts|salesforce_id|Last List|Last Campaign|Last Agent",
    ),
    _export(
        "genesys",
        "a Genesys contact list",
        "inin-outbound-id|ContactCallable|ContactableByVoice|ContactableBySms|ContactableByEmail"
        "|ZipCodeAutomaticTimeZone",
        prefixes="CallRecordLastAttempt-|CallRecordLastResult-|CallRecordLastAgentWrapup-|Callable-"
        "|AutomaticTimeZone-",
    ),
)


def recognised(headers: Sequence[str]) -> Export | None:
    """The export that a header looks like; None where nothing speaks for one, or as much for another."""
    keys = frozenset(map(loose, headers))
    first, second = sorted((export.likeness(keys) for export in EXPORTS), reverse=True)[:2]
    if first < _ENOUGH or first == second:
        return None
    return next(export for export in EXPORTS if export.likeness(keys) == first)


@cache
def profile_of(export: str) -> Profile:
    """The built-in profile of this name."""
    return read_profile(export)


@cache
def names() -> frozenset[str]:
    """The loose names of all columns that a built-in profile of an export names."""
    found: set[str] = set()
    for export in EXPORTS:
        found |= export.signs
        for _, named in profile_of(export.profile).columns:
            found.update(map(loose, named or ()))
    return frozenset(found)
