"""What the sample exports of CRMs hold: columns, and a trouble in each row.

``make_crm_samples.py`` writes them. The headers are those of the real exports; the cells are nobody's.
"""

from __future__ import annotations

from crm_forms import Sample, all_quoted, names, report, tabs, utf8

GB = {"region": "GB"}

SALESFORCE_LEADS = Sample(
    "salesforce-leads.csv",
    GB,
    names(
        "Lead ID|First Name|Last Name|Title|Company / Account|Email|Phone|Mobile|Fax|Street|City"
        "|Zip/Postal Code|Country|Lead Source|Lead Status|Lead Owner|Last Activity|Do Not Call"
        "|Fax Opt Out|Email Opt Out|Description"
    ),
    {
        "Lead ID": "00Q5g00000Ab{n}",
        "First Name": "{first}",
        "Last Name": "{last}",
        "Company / Account": "Specimen Optics Ltd",
        "Email": "lead{n}@example.com",
        "Phone": "0161 496 0{n}",
        "Fax": "0121 496 0{n}",
        "City": "Manchester",
        "Country": "United Kingdom",
        "Lead Source": "Web",
        "Lead Status": "Open - Not Contacted",
        "Lead Owner": "Mairi MacAskill",
        "Last Activity": "03/04/2026",
        "Do Not Call": "0",
        "Fax Opt Out": "0",
        "Email Opt Out": "0",
    },
    "Description",
    (
        ("in order", {}),
        ("a mobile is called first", {"Mobile": "020 7946 0{n}"}),
        ("only a fax", {"Phone": ""}),
        ("a fax in the phone column", {"Phone": "0161 496 0{n} (Fax)"}),
        ("must not be called", {"Do Not Call": "1"}),
        ("no fax and no mail, but calls", {"Fax Opt Out": "1", "Email Opt Out": "1"}),
        ("another country's national number", {"Country": "Germany", "Phone": "030 23125{n}"}),
        ("a country by its code", {"Country": "DE", "Phone": "(030) 23125-{n}"}),
        (
            "another country beside a number with its code",
            {"Country": "Germany"} | {"Phone": "+44 161 4960{n}"},
        ),
        ("a country that is none", {"Country": "Atlantis"}),
        ("a country that is none, and a full number", {"Country": "Atlantis", "Phone": "+44 161 496 0{n}"}),
        ("no country", {"Country": ""}),
        ("an extension", {"Phone": "0161 496 0{n} x4711"}),
        ("(0) beside the country code", {"Phone": "+44 (0)161 496 0{n}"}),
        ("words", {"Phone": "see mobile", "Mobile": "020 7946 0{n}"}),
        ("words in both", {"Phone": "tbc", "Mobile": "unknown"}),
        ("two numbers", {"Phone": "0161 496 0{n} / 020 7946 0{n}"}),
        ("one number twice", {"Mobile": "+441614960{n}"}),
        ("an id that differs by case alone", {"Lead ID": "00Q5g00000ab001"}),
        ("an id that came before", {"Lead ID": "00Q5g00000Ab002"}),
        ("no id", {"Lead ID": ""}),
        ("no first name", {"First Name": "", "Last Name": "[not provided]"}),
        ("a line break in a cell", {"Street": "2nd floor\n1 Imaginary Road"}),
        ("a formula", {"Title": "=1+1"}),
    ),
    report,
)

SALESFORCE_CONTACTS = Sample(
    "salesforce-contacts.csv",
    GB,
    names(
        "ID|ISDELETED|ACCOUNTID|LASTNAME|FIRSTNAME|SALUTATION|MAILINGCITY|MAILINGCOUNTRY|PHONE|FAX"
        "|MOBILEPHONE|HOMEPHONE|OTHERPHONE|ASSISTANTPHONE|EMAIL|TITLE|LEADSOURCE|DESCRIPTION|OWNERID"
        "|HASOPTEDOUTOFEMAIL|HASOPTEDOUTOFFAX|DONOTCALL|CREATEDDATE|LASTACTIVITYDATE|SYSTEMMODSTAMP"
        "|SECOND_MOBILE__C"
    ),
    {
        "ID": "0035g00000Kd{n}AAZ",
        "ISDELETED": "false",
        "ACCOUNTID": "0015g00000Zz001AAB",
        "LASTNAME": "{last}",
        "FIRSTNAME": "{first}",
        "MAILINGCOUNTRY": "United Kingdom",
        "PHONE": "+44 161 496 0{n}",
        "FAX": "+44 121 496 0{n}",
        "ASSISTANTPHONE": "+44 121 496 0999",
        "EMAIL": "contact{n}@example.com",
        "OWNERID": "0055g00000Ow001AAA",
        "HASOPTEDOUTOFEMAIL": "false",
        "HASOPTEDOUTOFFAX": "false",
        "DONOTCALL": "false",
        "CREATEDDATE": "2026-02-01T09:30:00.000Z",
        "LASTACTIVITYDATE": "2026-10-01",
        "SYSTEMMODSTAMP": "2026-11-01T09:30:00.000Z",
    },
    "DESCRIPTION",
    (
        ("in order", {}),
        (
            "four numbers: mobile, phone, home, other",
            {
                "MOBILEPHONE": "+44 20 7946 0{n}",
                "HOMEPHONE": "+44 20 7946 0900",
                "OTHERPHONE": "+44 20 7946 0901",
            },
        ),
        ("only a home number", {"PHONE": "", "HOMEPHONE": "020 7946 0{n}"}),
        ("only an assistant's number", {"PHONE": ""}),
        ("a field of one's own", {"PHONE": "", "SECOND_MOBILE__C": "020 7946 0{n}"}),
        ("must not be called", {"DONOTCALL": "true"}),
        ("no fax, no mail, but calls", {"HASOPTEDOUTOFFAX": "true", "HASOPTEDOUTOFEMAIL": "true"}),
        ("a flag in another spelling", {"DONOTCALL": "TRUE"}),
        ("a flag that nobody can read", {"DONOTCALL": "ask"}),
        ("the plus is lost", {"PHONE": "441614960{n}"}),
        ("the leading zero is lost", {"PHONE": "1614960{n}"}),
        ("the country rules", {"MAILINGCOUNTRY": "Germany", "PHONE": "030/23125{n}"}),
        ("cut by a spreadsheet", {"PHONE": "4.41615E+11"}),
        ("cut by a spreadsheet, and a mobile", {"PHONE": "4.41615E+11", "MOBILEPHONE": "020 7946 0{n}"}),
        ("an id cut to 15 characters", {"ID": "0035g00000Kd{n}"}),
        ("an id that came before", {"ID": "0035g00000Kd001AAZ"}),
        ("an id damaged by a spreadsheet", {"ID": "3.50E+15"}),
        ("too short", {"PHONE": "496 0{n}"}),
        ("a placeholder", {"PHONE": "00000000000"}),
        ("a premium rate number", {"PHONE": "0909 879 0{n}"}),
        ("an emergency number", {"PHONE": "999"}),
    ),
    all_quoted,
)

HUBSPOT = Sample(
    "hubspot.csv",
    GB,
    names(
        "Record ID|First Name|Last Name|Email|Phone Number|Mobile Phone Number|WhatsApp Phone Number"
        "|Fax Number|Company name|Country/Region|Contact owner|Lead Status|Lifecycle Stage|Create Date"
        "|Last Activity Date|Marketing contact status|Unsubscribed from all email"
        "|Legal basis for processing contact's data|Do Not Call|Time Zone|Message"
    ),
    {
        "Record ID": "2615{n}",
        "First Name": "{first}",
        "Last Name": "{last}",
        "Email": "contact{n}@example.com",
        "Phone Number": "+44 161 496 0{n}",
        "Fax Number": "+44 121 496 0{n}",
        "Country/Region": "United Kingdom",
        "Contact owner": "Uwe Rosenthal",
        "Lead Status": "New",
        "Lifecycle Stage": "Lead",
        "Create Date": "2026-11-03 14:05",
        "Last Activity Date": "2026-11-20 10:00",
        "Marketing contact status": "Marketing contact",
    },
    "Message",
    (
        ("in order", {}),
        ("a mobile is called first", {"Mobile Phone Number": "+44 20 7946 0{n}"}),
        ("only a mobile", {"Phone Number": "", "Mobile Phone Number": "02079460{n}"}),
        ("only a number for messages", {"Phone Number": "", "WhatsApp Phone Number": "+44 20 7946 0{n}"}),
        ("only a fax", {"Phone Number": ""}),
        ("no number", {"Phone Number": "", "Fax Number": ""}),
        ("must not be called", {"Do Not Call": "Yes"}),
        ("may be called", {"Do Not Call": "No"}),
        ("no mail, but calls", {"Unsubscribed from all email": "true"}),
        ("two numbers with a semicolon", {"Phone Number": "+44 161 496 0{n};+44 20 7946 0{n}"}),
        ("an apostrophe in front", {"Phone Number": "'+441614960{n}"}),
        ("an extension", {"Phone Number": "+44 161 496 0{n} ext 22"}),
        ("the country in German", {"Country/Region": "Deutschland", "Phone Number": "030 23125{n}"}),
        ("a national number without a country", {"Country/Region": "", "Phone Number": "0161 496 0{n}"}),
        ("letters", {"Phone Number": "+44 161 CALL US"}),
        ("a mail address in the wrong place", {"Phone Number": "contact@example.com"}),
        ("a time zone of the CRM's own", {"Time Zone": "europe_slash_london"}),
        ("a time zone", {"Time Zone": "Europe/London"}),
        ("an id with zeros in front", {"Record ID": "000261519"}),
        ("an id that came before", {"Record ID": "2615002"}),
        ("no id", {"Record ID": ""}),
        ("a comma and quotation marks", {"Company name": 'The "Pretend" Bakery, Ltd'}),
    ),
    all_quoted,
)

ZOHO = Sample(
    "zoho-contacts.csv",
    GB,
    names(
        "Record Id|Contact Owner.id|Contact Owner|Lead Source|First Name|Last Name|Account Name.id"
        "|Account Name|Email|Title|Phone|Home Phone|Other Phone|Fax|Mobile|Assistant|Asst Phone"
        "|Email Opt Out|Skype ID|Created Time|Modified Time|Last Activity Time|Mailing City|Mailing Zip"
        "|Mailing Country|Description|Secondary Email|Do Not Call|Tag"
    ),
    {
        "Record Id": "zcrm_5551230000000{n}",
        "Contact Owner.id": "zcrm_5551230000000901",
        "Contact Owner": "Niamh Quigley",
        "First Name": "{first}",
        "Last Name": "{last}",
        "Email": "contact{n}@example.com",
        "Phone": "0161 496 0{n}",
        "Fax": "0121 496 0{n}",
        "Assistant": "Yusuf Özkan",
        "Asst Phone": "0121 496 0998",
        "Email Opt Out": "false",
        "Created Time": "2026-03-02 10:15:00",
        "Modified Time": "2026-11-02 10:15:00",
        "Last Activity Time": "2026-11-02 10:15:00",
        "Mailing Country": "United Kingdom",
        "Do Not Call": "false",
    },
    "Description",
    (
        ("in order", {}),
        ("mobile, phone, home: in this order", {"Mobile": "020 7946 0{n}", "Home Phone": "020 7946 0900"}),
        ("only the other phone", {"Phone": "", "Other Phone": "020 7946 0{n}"}),
        ("only the assistant's phone", {"Phone": ""}),
        ("must not be called", {"Do Not Call": "true"}),
        ("no mail, but calls", {"Email Opt Out": "true"}),
        ("an id without the prefix", {"Record Id": "5551230000000{n}"}),
        ("an id damaged by a spreadsheet", {"Record Id": "5.55123E+15"}),
        ("a number cell's decimals", {"Phone": "1614960{n}.0"}),
        ("brackets and dashes", {"Phone": "(0161) 496-0{n}"}),
        ("dots", {"Phone": "0161.496.0{n}"}),
        ("00 for the plus", {"Phone": "0044 161 496 0{n}"}),
        ("another country", {"Mailing Country": "Germany", "Phone": "03023125{n}"}),
        ("a number of another country than said", {"Mailing Country": "Germany", "Phone": "0161 496 0{n}"}),
        ("a bad number beside a good one", {"Mobile": "07", "Phone": "0161 496 0{n}"}),
        ("a name in the phone column", {"Phone": "{name}"}),
        ("a dash for nothing", {"Phone": "-", "Mobile": "020 7946 0{n}"}),
        ("n/a everywhere", {"Phone": "n/a", "Mobile": "N/A"}),
        ("the id of the first row", {"Record Id": "zcrm_5551230000000001"}),
        ("an empty flag", {"Do Not Call": ""}),
    ),
    utf8,
)

PIPEDRIVE = Sample(
    "pipedrive-people.csv",
    GB,
    names(
        "Person - ID|Person - Name|Person - Label|Person - Organization|Person - Email - Work"
        "|Person - Email - Home|Person - Phone - Work|Person - Phone - Home|Person - Phone - Mobile"
        "|Person - Phone - Other|Person - Owner|Person - Open deals|Person - Next activity date"
        "|Person - Last activity date|Person - Person created|Person - Marketing status"
        "|Person - Country of Postal address|Person - Do not call|Person - Notes"
    ),
    {
        "Person - ID": "4{n}",
        "Person - Name": "{name}",
        "Person - Organization": "Fictional Ceramics LLP",
        "Person - Email - Work": "person{n}@example.com",
        "Person - Phone - Work": "0161 496 0{n}",
        "Person - Owner": "Tariq Ghosh",
        "Person - Open deals": "1",
        "Person - Next activity date": "2026-12-01",
        "Person - Person created": "2026-01-15 08:00:00",
        "Person - Marketing status": "no_consent",
        "Person - Country of Postal address": "United Kingdom",
    },
    "Person - Notes",
    (
        ("in order", {}),
        ("a mobile is called first", {"Person - Phone - Mobile": "020 7946 0{n}"}),
        ("only the home number", {"Person - Phone - Work": "", "Person - Phone - Home": "020 7946 0{n}"}),
        ("two in one cell", {"Person - Phone - Work": "0161 496 0{n}, 020 7946 0{n}"}),
        (
            "four in all",
            {
                "Person - Phone - Mobile": "020 7946 0{n}, 020 7946 0901",
                "Person - Phone - Other": "0121 496 0{n}",
            },
        ),
        ("must not be called", {"Person - Do not call": "Yes"}),
        ("may be called", {"Person - Do not call": "No"}),
        ("a spreadsheet's formula", {"Person - Phone - Work": '="0161 496 0{n}"'}),
        ("no number", {"Person - Phone - Work": ""}),
        ("the word mobile in the cell", {"Person - Phone - Work": "Mobile: 020 7946 0{n}"}),
        ("fax in the cell", {"Person - Phone - Work": "Fax: 0161 496 0{n}"}),
        ("a fax beside a phone", {"Person - Phone - Work": "Tel 0161 496 0{n}, Fax 0121 496 0{n}"}),
        ("a year", {"Person - Phone - Work": "2026"}),
        ("a date", {"Person - Phone - Work": "01/02/2026"}),
        (
            "another country",
            {"Person - Country of Postal address": "Germany", "Person - Phone - Work": "030 23125{n}"},
        ),
        ("no country", {"Person - Country of Postal address": ""}),
        ("the id came before", {"Person - ID": "4001"}),
        ("no id", {"Person - ID": ""}),
        ("wide digits", {"Person - Phone - Work": "\uff10\uff11\uff16\uff11 \uff14\uff19\uff16 \uff10{n}"}),
        ("a no-break space", {"Person - Phone - Work": "0161\u00a0496\u00a00{n}"}),
    ),
    utf8,
)

GOOGLE = Sample(
    "google-contacts.csv",
    GB,
    names(
        "First Name|Middle Name|Last Name|Phonetic First Name|Nickname|File As|Organization Name"
        "|Organization Title|Birthday|Notes|Photo|Labels|E-mail 1 - Label|E-mail 1 - Value"
        "|Phone 1 - Label|Phone 1 - Value|Phone 2 - Label|Phone 2 - Value|Phone 3 - Label|Phone 3 - Value"
        "|Address 1 - Label|Address 1 - Formatted|Address 1 - Country"
    ),
    {
        "First Name": "{first}",
        "Last Name": "{last}",
        "Photo": "https://example.com/photo/{n}",
        "Labels": "* myContacts",
        "E-mail 1 - Label": "* Work",
        "E-mail 1 - Value": "contact{n}@example.com",
        "Phone 1 - Label": "Mobile",
        "Phone 1 - Value": "020 7946 0{n}",
    },
    "Notes",
    (
        ("in order", {}),
        ("a second number", {"Phone 2 - Label": "Work", "Phone 2 - Value": "0161 496 0{n}"}),
        ("a fax beside it", {"Phone 2 - Label": "Work Fax", "Phone 2 - Value": "0161 496 0{n}"}),
        (
            "a fax first",
            {"Phone 1 - Label": "Home Fax", "Phone 2 - Label": "Work", "Phone 2 - Value": "0161 496 0{n}"},
        ),
        ("a pager only", {"Phone 1 - Label": "Pager"}),
        ("a fax in another case", {"Phone 1 - Label": "HOME FAX"}),
        ("two numbers under one label", {"Phone 1 - Value": "020 7946 0{n} ::: 0161 496 0{n}"}),
        (
            "two numbers under a fax label",
            {"Phone 1 - Label": "Work Fax", "Phone 1 - Value": "020 7946 0{n} ::: 0161 496 0{n}"},
        ),
        (
            "each with its label",
            {"Phone 1 - Label": "Mobile ::: Home Fax", "Phone 1 - Value": "020 7946 0{n} ::: 0161 496 0{n}"},
        ),
        (
            "labels and numbers that don't match",
            {
                "Phone 1 - Label": "Mobile ::: Home Fax",
                "Phone 1 - Value": "020 7946 0{n} ::: 0161 496 0{n} ::: 0121 496 0{n}",
            },
        ),
        ("no label", {"Phone 1 - Label": ""}),
        ("a label of one's own", {"Phone 1 - Label": "Ferienhaus"}),
        ("the main number", {"Phone 1 - Label": "* Main"}),
        ("no number", {"Phone 1 - Value": "", "Phone 1 - Label": ""}),
        (
            "the third number alone",
            {"Phone 1 - Value": "", "Phone 3 - Label": "Other", "Phone 3 - Value": "0161 496 0{n}"},
        ),
        ("the plus is lost", {"Phone 1 - Value": "442079460{n}"}),
        ("another country's number", {"Phone 1 - Value": "+49 30 23125{n}"}),
        ("an address in another country", {"Address 1 - Country": "DE", "Phone 1 - Value": "030 23125{n}"}),
        ("a star code", {"Phone 1 - Value": "*100#"}),
        ("a number that came before", {"Phone 1 - Value": "+44 20 7946 0001"}),
    ),
    utf8,
)

OBI_ADMIN = Sample(
    "obi-admin.txt",
    GB,
    names(
        "External ID|Phone 1|Phone 2|Phone 3|Date|Time zone|Priority|Dialing mode|First name|Last name|Remark"
    ),
    {
        "External ID": "X-{n}",
        "Phone 1": "020 7946 0{n}",
        "First name": "{first}",
        "Last name": "{last}",
    },
    "Remark",
    (
        ("in order", {}),
        ("three numbers", {"Phone 2": "0161 496 0{n}", "Phone 3": "0121 496 0{n}"}),
        ("the first one empty", {"Phone 1": "", "Phone 2": "0161 496 0{n}"}),
        ("a date and its zone", {"Date": "2027-04-06 09:30", "Time zone": "Europe/London"}),
        ("a date without a zone", {"Date": "2027-04-06 09:30"}),
        ("a priority and a mode", {"Priority": "5", "Dialing mode": "Preview"}),
        ("a mode that customers don't have", {"Dialing mode": "Progressive"}),
        ("an id like a number", {"External ID": "007"}),
        ("an id that came before", {"External ID": "X-001"}),
        ("a wildcard in the id", {"External ID": "X-*"}),
        ("no number", {"Phone 1": ""}),
        ("a tab in a cell", {"Last name": "Iwu\tJr"}),
    ),
    tabs,
)
