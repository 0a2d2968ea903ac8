"""More sample exports of CRMs; see ``crm_exports.py``."""

from __future__ import annotations

from crm_exports import GB
from crm_forms import Sample, all_quoted, names, utf8, western, workbook

OUTLOOK = Sample(
    "outlook.csv",
    GB,
    names(
        "Title|First Name|Middle Name|Last Name|Suffix|Company|Department|Job Title|Business Street"
        "|Business City|Business Postal Code|Business Country/Region|Home Street|Home City"
        "|Home Postal Code|Home Country/Region|Assistant's Phone|Business Fax|Business Phone"
        "|Business Phone 2|Callback|Car Phone|Company Main Phone|Home Fax|Home Phone|Home Phone 2|ISDN"
        "|Mobile Phone|Other Fax|Other Phone|Pager|Primary Phone|Radio Phone|TTY/TDD Phone|Telex|Birthday"
        "|E-mail Address|E-mail Type|Notes|Priority|Private|Sensitivity|Web Page"
    ),
    {
        "First Name": "{first}",
        "Last Name": "{last}",
        "Company": "Pretend Roofing & Sons",
        "Business Country/Region": "United Kingdom",
        "Assistant's Phone": "0121 496 0997",
        "Business Fax": "0121 496 0{n}",
        "Business Phone": "0161 496 0{n}",
        "Birthday": "0/0/00",
        "E-mail Address": "contact{n}@example.com",
        "E-mail Type": "SMTP",
        "Priority": "Normal",
        "Private": "False",
        "Sensitivity": "Normal",
    },
    "Notes",
    (
        ("in order", {}),
        (
            "mobile, business, home: in this order",
            {"Mobile Phone": "020 7946 0{n}", "Home Phone": "020 7946 0900"},
        ),
        ("two business numbers", {"Business Phone 2": "020 7946 0{n}"}),
        (
            "every number that nobody is called at",
            {
                "Business Phone": "",
                "Callback": "020 7946 0901",
                "Car Phone": "020 7946 0902",
                "Home Fax": "020 7946 0903",
                "ISDN": "020 7946 0904",
                "Other Fax": "020 7946 0905",
                "Pager": "020 7946 0906",
                "Radio Phone": "020 7946 0907",
                "TTY/TDD Phone": "020 7946 0908",
                "Telex": "020 7946 0909",
            },
        ),
        ("only the company's number", {"Business Phone": "", "Company Main Phone": "0161 496 0{n}"}),
        (
            "five numbers",
            {
                "Mobile Phone": "020 7946 0{n}",
                "Business Phone 2": "0161 496 0901",
                "Home Phone": "0161 496 0902",
                "Other Phone": "0161 496 0903",
            },
        ),
        ("at home in another country", {"Home Country/Region": "Germany", "Home Phone": "030 23125{n}"}),
        (
            "at home in another country, with its code",
            {
                "Home Country/Region": "Germany",
                "Business Phone": "+44 161 496 0{n}",
                "Home Phone": "+49 30 23125{n}",
            },
        ),
        (
            "at home only, in another country",
            {
                "Business Country/Region": "",
                "Home Country/Region": "Germany",
                "Business Phone": "",
                "Home Phone": "(030) 23125{n}",
            },
        ),
        ("a country by its full name", {"Business Country/Region": "United States of America"}),
        ("the country in the number's own brackets", {"Business Phone": "+44 (161) 496-0{n}"}),
        ("an extension", {"Business Phone": "0161 496 0{n} Ext. 3"}),
        ("a name that windows-1252 can spell", {"Last Name": "Groß-Nuñez"}),
        ("a line break in the notes' neighbour", {"Business Street": "1 Imaginary Road\r\n2nd floor"}),
        ("no number", {"Business Phone": ""}),
        ("the number of the first row", {"Business Phone": "+44 161 496 0001"}),
    ),
    western,
)

OUTLOOK_GERMAN = Sample(
    "outlook-german.csv",
    {"region": "DE"},
    names(
        "Anrede|Vorname|Weitere Vornamen|Nachname|Suffix|Firma|Abteilung|Position|Straße geschäftlich"
        "|Ort geschäftlich|Postleitzahl geschäftlich|Land/Region geschäftlich|Land/Region privat"
        "|Telefon Assistent|Fax geschäftlich|Telefon geschäftlich|Telefon geschäftlich 2|Rückmeldung"
        "|Autotelefon|Telefon Firma|Fax privat|Telefon privat|Telefon privat 2|ISDN|Mobiltelefon"
        "|Weiteres Fax|Weiteres Telefon|Pager|Haupttelefon|Mobiltelefon 2|Telefon für Hörbehinderte|Telex"
        "|E-Mail-Adresse|E-Mail-Typ|Geburtstag|Notizen|Priorität"
    ),
    {
        "Vorname": "{first}",
        "Nachname": "{last}",
        "Firma": "Muster Keramik",
        "Telefon Assistent": "030 23125997",
        "Fax geschäftlich": "030 23125998",
        "Telefon geschäftlich": "030 23125{n}",
        "E-Mail-Adresse": "kontakt{n}@example.com",
        "E-Mail-Typ": "SMTP",
        "Geburtstag": "0.0.00",
        "Priorität": "Normal",
    },
    "Notizen",
    (
        ("in Ordnung", {}),
        ("Mobil zuerst", {"Mobiltelefon": "+44 20 7946 0{n}"}),
        ("nur privat", {"Telefon geschäftlich": "", "Telefon privat": "(030) 23125-{n}"}),
        ("nur Fax und Rückmeldung", {"Telefon geschäftlich": "", "Rückmeldung": "030 23125{n}"}),
        ("für Hörbehinderte", {"Telefon geschäftlich": "", "Telefon für Hörbehinderte": "030 23125{n}"}),
        ("Schrägstrich", {"Telefon geschäftlich": "030/23125{n}"}),
        ("Durchwahl", {"Telefon geschäftlich": "030 23125{n} DW 12"}),
        (
            "im Ausland",
            {"Land/Region geschäftlich": "Großbritannien", "Telefon geschäftlich": "0161 496 0{n}"},
        ),
        ("zwei Länder", {"Land/Region geschäftlich": "Deutschland", "Land/Region privat": "Österreich"}),
        ("keine Nummer", {"Telefon geschäftlich": ""}),
        ("Telefon Firma zuletzt", {"Telefon Firma": "030 23125900", "Weiteres Telefon": "030 23125901"}),
        ("Umlaute", {"Nachname": "Müller-Groß", "Ort geschäftlich": "Köln"}),
    ),
    western,
)

ODOO = Sample(
    "odoo.csv",
    GB,
    names(
        "External ID|Display Name|Company Name|Phone|Mobile|Email|Salesperson|Activities|City|Country"
        "|Tags|Phone Blacklisted|Blacklist|Notes"
    ),
    {
        "External ID": "__export__.res_partner_{n}_a1b2c3d4",
        "Display Name": "{name}",
        "Phone": "+44 161 496 0{n}",
        "Email": "partner{n}@example.com",
        "Salesperson": "Siân Whitlock",
        "City": "Manchester",
        "Country": "United Kingdom",
        "Phone Blacklisted": "False",
        "Blacklist": "False",
    },
    "Notes",
    (
        ("in order", {}),
        ("a mobile is called first", {"Mobile": "+44 20 7946 0{n}"}),
        ("only a mobile", {"Phone": "", "Mobile": "020 7946 0{n}"}),
        ("on the list of those who must not be called", {"Phone Blacklisted": "True"}),
        ("on the list of those who get no mail", {"Blacklist": "True"}),
        ("False for nothing", {"Mobile": "False"}),
        ("False for both numbers", {"Phone": "False", "Mobile": "False"}),
        ("another country", {"Country": "Germany", "Phone": "030 23125{n}"}),
        (
            "a second tag of the lead above",
            {
                "External ID": "",
                "Display Name": "",
                "Phone": "",
                "Email": "",
                "Salesperson": "",
                "City": "",
                "Country": "",
                "Phone Blacklisted": "",
                "Blacklist": "",
                "Tags": "Returning",
            },
        ),
        ("an id of a module", {"External ID": "base.partner_{n}"}),
        ("an id that came before", {"External ID": "__export__.res_partner_001_a1b2c3d4"}),
        ("no id", {"External ID": ""}),
        ("two numbers", {"Phone": "+44 161 496 0{n} or 020 7946 0{n}"}),
        ("letters in place of digits", {"Phone": "+44 161 496 OOO9"}),
    ),
    utf8,
)

SUITECRM = Sample(
    "suitecrm.csv",
    GB,
    names(
        "id|date_entered|date_modified|modified_user_id|created_by|description|deleted|assigned_user_id"
        "|salutation|first_name|last_name|title|department|do_not_call|phone_home|phone_mobile|phone_work"
        "|phone_other|phone_fax|primary_address_city|primary_address_country|alt_address_country"
        "|assistant|assistant_phone|lead_source|status|account_name|assigned_user_name|email_address"
    ),
    {
        "id": "5f0c1d2e-1111-4222-8333-444455556{n}",
        "date_entered": "2026-03-01 09:00:00",
        "date_modified": "2026-11-01 09:00:00",
        "deleted": "0",
        "first_name": "{first}",
        "last_name": "{last}",
        "do_not_call": "0",
        "phone_work": "0161 496 0{n}",
        "phone_fax": "0121 496 0{n}",
        "primary_address_country": "United Kingdom",
        "assistant_phone": "0121 496 0996",
        "lead_source": "Cold Call",
        "status": "New",
        "assigned_user_name": "Oisín Trevelyan",
        "email_address": "lead{n}@example.com",
    },
    "description",
    (
        ("in order", {}),
        (
            "mobile, work, home: in this order",
            {"phone_mobile": "020 7946 0{n}", "phone_home": "020 7946 0900"},
        ),
        ("only the home number", {"phone_work": "", "phone_home": "020 7946 0{n}"}),
        ("only a fax", {"phone_work": ""}),
        ("must not be called", {"do_not_call": "1"}),
        ("an empty flag", {"do_not_call": ""}),
        ("a word for a flag", {"do_not_call": "on"}),
        ("another country", {"primary_address_country": "DEU", "phone_work": "030 23125{n}"}),
        ("no country", {"primary_address_country": ""}),
        ("a number of letters", {"phone_work": "0161 HOLIDAY"}),
        ("an id that came before", {"id": "5f0c1d2e-1111-4222-8333-444455556001"}),
        ("the same id in capitals", {"id": "5F0C1D2E-1111-4222-8333-444455556002"}),
        ("a comma in the notes' neighbour", {"account_name": "Testbed, Bicycles"}),
        ("two numbers on two lines", {"phone_work": "0161 496 0{n}\n020 7946 0{n}"}),
    ),
    all_quoted,
)

FIVE9 = Sample(
    "five9.csv",
    {"region": "US"},
    names(
        "ContactID|number1|number2|number3|first_name|last_name|company|street|city|state|zip"
        "|last_disposition|Last Agent|Dial Attempts|DNC|comments"
    ),
    {
        "ContactID": "8{n}",
        "number1": "2125550{n}",
        "first_name": "{first}",
        "last_name": "{last}",
        "city": "New York",
        "state": "NY",
        "zip": "00501",
        "last_disposition": "No Answer",
        "Last Agent": "agent7",
        "Dial Attempts": "2",
    },
    "comments",
    (
        ("in order", {"number1": "2125550101"}),
        (
            "three numbers",
            {"number1": "2125550102", "number2": "(312) 555-0102", "number3": "+1 415 555 0102"},
        ),
        ("only the second", {"number1": "", "number2": "2125550103"}),
        ("must not be called", {"number1": "2125550104", "DNC": "Y"}),
        ("a 1 in front", {"number1": "12125550105"}),
        ("seven digits", {"number1": "5550106"}),
        ("dashes", {"number1": "212-555-0107"}),
        ("an extension", {"number1": "212-555-0108 x55"}),
        ("zeros", {"number1": "0000000000"}),
        ("one number twice", {"number1": "2125550110", "number2": "1-212-555-0110"}),
        ("an id that came before", {"number1": "2125550111", "ContactID": "8001"}),
        ("no id", {"number1": "2125550112", "ContactID": ""}),
        ("another country's number", {"number1": "011 44 20 7946 0013"}),
        ("no number", {"number1": ""}),
    ),
    utf8,
)

GENESYS = Sample(
    "genesys.csv",
    GB,
    names(
        "inin-outbound-id|CustomerName|Cell|Work|Country|ContactCallable|ContactableByVoice"
        "|ContactableBySms|ContactableByEmail|ZipCodeAutomaticTimeZone|CallRecordLastAttempt-Cell"
        "|CallRecordLastResult-Cell|CallRecordLastAgentWrapup-Cell|SmsLastAttempt-Cell|SmsLastResult-Cell"
        "|Callable-Cell|ContactableByVoice-Cell|ContactableBySms-Cell|AutomaticTimeZone-Cell"
        "|CallRecordLastAttempt-Work|CallRecordLastResult-Work|CallRecordLastAgentWrapup-Work"
        "|SmsLastAttempt-Work|SmsLastResult-Work|Callable-Work|ContactableByVoice-Work"
        "|ContactableBySms-Work|AutomaticTimeZone-Work|Remark"
    ),
    {
        "inin-outbound-id": "00000000000000000000000000000{n}",
        "CustomerName": "{name}",
        "Cell": "+442079460{n}",
        "ContactCallable": "1",
        "ContactableByVoice": "1",
        "ContactableBySms": "1",
        "ContactableByEmail": "1",
        "Callable-Cell": "1",
        "Callable-Work": "1",
        "ContactableByVoice-Cell": "1",
        "ContactableByVoice-Work": "1",
        "CallRecordLastAttempt-Cell": "2026-11-20T10:00Z",
        "CallRecordLastResult-Cell": "ININ-OUTBOUND-NO-ANSWER",
    },
    "Remark",
    (
        ("in order", {}),
        ("a second column of numbers", {"Work": "+441614960{n}"}),
        ("the contact is not callable", {"ContactCallable": "0"}),
        ("not by voice", {"ContactableByVoice": "0"}),
        ("not by text message, but by voice", {"ContactableBySms": "0"}),
        ("one number is not callable", {"Work": "+441614960{n}", "Callable-Work": "0"}),
        ("one number is not callable by voice", {"Work": "+441614960{n}", "ContactableByVoice-Work": "0"}),
        ("empty flags", {"ContactCallable": "", "Callable-Cell": "", "Callable-Work": ""}),
        ("flags in words", {"ContactCallable": "true", "Callable-Cell": "TRUE"}),
        ("a flag that nobody can read", {"ContactCallable": "2"}),
        ("a number without the plus", {"Cell": "442079460{n}"}),
        ("a national number", {"Cell": "02079460{n}"}),
        ("a national number and a country", {"Cell": "03023125{n}", "Country": "Germany"}),
        ("no number", {"Cell": ""}),
        ("an id that came before", {"inin-outbound-id": "00000000000000000000000000000001"}),
    ),
    all_quoted,
)

DYNAMICS = Sample(
    "dynamics365.xlsx",
    GB | {"hidden": "include"},
    names(
        "(Do Not Modify) Contact|(Do Not Modify) Row Checksum|(Do Not Modify) Modified On|Full Name"
        "|Company Name|Job Title|Email|Business Phone|Mobile Phone|Home Phone|Fax|Assistant Phone"
        "|Address 1: Country/Region|Preferred Method of Contact|Do not allow Phone Calls"
        "|Do not allow Emails|Owner|Created On|Description"
    ),
    {
        "(Do Not Modify) Contact": "9a1b2c3d-0000-4e11-8111-000d3a2b1{n}",
        "(Do Not Modify) Row Checksum": "sJ2yIv/0Nq+aN{n}==",
        "(Do Not Modify) Modified On": "2026-11-20 14:03",
        "Full Name": "{name}",
        "Email": "contact{n}@example.com",
        "Business Phone": "0161 496 0{n}",
        "Fax": "0121 496 0{n}",
        "Assistant Phone": "0121 496 0995",
        "Address 1: Country/Region": "United Kingdom",
        "Preferred Method of Contact": "Any",
        "Do not allow Phone Calls": "Allow",
        "Do not allow Emails": "Allow",
        "Owner": "Farah Mahmood",
        "Created On": "2026-02-01 10:00",
    },
    "Description",
    (
        ("in order", {}),
        ("a mobile is called first", {"Mobile Phone": "020 7946 0{n}"}),
        ("must not be called", {"Do not allow Phone Calls": "Do Not Allow"}),
        ("no mail, but calls", {"Do not allow Emails": "Do Not Allow"}),
        ("an empty flag", {"Do not allow Phone Calls": ""}),
        ("yes for do not allow", {"Do not allow Phone Calls": "Yes"}),
        ("only the assistant's phone", {"Business Phone": ""}),
        ("only the home phone", {"Business Phone": "", "Home Phone": "020 7946 0{n}"}),
        ("another country", {"Address 1: Country/Region": "Germany", "Business Phone": "030 23125{n}"}),
        ("a number cell without its zero", {"Business Phone": "#1614960{n}"}),
        ("a number cell with the country code", {"Business Phone": "#441614960{n}"}),
        ("an id that came before", {"(Do Not Modify) Contact": "9a1b2c3d-0000-4e11-8111-000d3a2b1001"}),
        ("no id", {"(Do Not Modify) Contact": ""}),
        ("mail is preferred, and calls are allowed", {"Preferred Method of Contact": "Email"}),
    ),
    workbook,
)
