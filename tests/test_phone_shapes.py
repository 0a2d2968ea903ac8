"""What CRMs, spreadsheets and people make of a phone cell, and what becomes of it; every fault code once."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.phone import CellReading, Number, PhoneRules, read_cell, read_row, region_of, time_zone_of

LONDON, LONDON_2 = "+442079460123", "+442079460124"
BERLIN, BERLIN_2 = "+493023125123", "+493023125124"
MOBILE = "+447911123456"


def read(text: str, region: str = "GB", form: str = "e164") -> CellReading:
    return read_cell(text, PhoneRules(region=region, format=form))


def e164s(reading: CellReading) -> list[str]:
    return [number.e164 for number in reading.numbers]


def codes(reading: CellReading) -> list[str]:
    return [fault.code.removeprefix("phone.") for fault in reading.faults]


# --- what programs leave in a cell ------------------------------------------

MARKUP = [
    (r"020 7946 0123\n020 7946 0124", [LONDON, LONDON_2]),
    (r"020 7946 0123\r\n020 7946 0124", [LONDON, LONDON_2]),
    ("020 7946 0123_x000D_\n020 7946 0124", [LONDON, LONDON_2]),
    ("020 7946 0123<br>020 7946 0124", [LONDON, LONDON_2]),
    ("020 7946 0123<BR />020 7946 0124", [LONDON, LONDON_2]),
    ("<p>020 7946 0123</p>", [LONDON]),
    ("020 7946 0123 &amp; 020 7946 0124", [LONDON, LONDON_2]),
    ("&#43;442079460123", [LONDON]),
    ("020&nbsp;7946&nbsp;0123", [LONDON]),
    ("%2B442079460123", [LONDON]),
    ('["020 7946 0123","020 7946 0124"]', [LONDON, LONDON_2]),
    ("{020 7946 0123,020 7946 0124}", [LONDON, LONDON_2]),
    ("[020 7946 0123]", [LONDON]),
    ("<+442079460123>", [LONDON]),
    ("https://wa.me/447911123456", [MOBILE]),
    ("wa.me/447911123456?text=hello", [MOBILE]),
    ("https://api.whatsapp.com/send?phone=447911123456&text=hello", [MOBILE]),
    ("whatsapp:+447911123456", [MOBILE]),
    (r"020 7946 0123 \ 020 7946 0124", [LONDON, LONDON_2]),
    ("020 7946 0123 • 020 7946 0124", [LONDON, LONDON_2]),
    ("020 7946 0123 and/or 020 7946 0124", [LONDON, LONDON_2]),
]


@pytest.mark.parametrize(("text", "expected"), MARKUP)
def test_what_programs_leave_in_a_cell_is_taken_away(text: str, expected: list[str]) -> None:
    assert read(text) == CellReading(tuple(Number(e164, e164) for e164 in expected))


def test_a_link_to_whatsapp_holds_an_international_number_whatever_the_region() -> None:
    assert e164s(read("https://wa.me/447911123456", "DE")) == [MOBILE]
    assert e164s(read("https://wa.me/447911123456", "")) == [MOBILE]


LABELLED = [
    ("Telefon: 030 23125123", "DE", BERLIN),
    ("Mobil: 0151 23456789", "DE", "+4915123456789"),
    ("0151-23456789 (mobil)", "DE", "+4915123456789"),
    ("Tél. : 01 70 18 99 00", "FR", "+33170189900"),
    ("Te\u0301l. : 01 70 18 99 00", "FR", "+33170189900"),
    ("Port. 06 12 34 56 78", "FR", "+33612345678"),
    ("Cellulare: 333 1234567", "IT", "+393331234567"),
    ("Móvil 612 34 56 78", "ES", "+34612345678"),
    ("GSM: 0470 12 34 56", "BE", "+32470123456"),
    ("тел. 8 (495) 123-45-67", "RU", "+74951234567"),
    ("電話: 03-1234-5678", "JP", "+81312345678"),
    ("c: 212-555-0123", "US", "+12125550123"),
    ("212-555-0123 - work", "US", "+12125550123"),
    ("M 07911 123456", "GB", MOBILE),
    ("(M) 07911 123456", "GB", MOBILE),
]


@pytest.mark.parametrize(("text", "region", "expected"), LABELLED)
def test_labels_of_many_languages_are_known(text: str, region: str, expected: str) -> None:
    assert read(text, region) == CellReading((Number(expected, expected),))


EXTENSIONS = [
    ("020 7946 0123 x123", "GB", LONDON, "123"),
    ("020 7946 0123x123", "GB", LONDON, "123"),
    ("020 7946 0123 ext. 12", "GB", LONDON, "12"),
    ("020 7946 0123,,12#", "GB", LONDON, "12"),
    ("020 7946 0123p123", "GB", LONDON, "123"),
    ("+442079460123w12", "", LONDON, "12"),
    ("020 7946 0123 #12", "GB", LONDON, "12"),
    ("+442079460123;ext=12", "", LONDON, "12"),
    ("030 23125123 -DW 12", "DE", BERLIN, "12"),
    ("030 23125123 DW-12", "DE", BERLIN, "12"),
    ("01 58858 Kl. 12", "AT", "+43158858", "12"),
    ("01 70 18 99 00 poste 12", "FR", "+33170189900", "12"),
]


@pytest.mark.parametrize(("text", "region", "expected", "extension"), EXTENSIONS)
def test_an_extension_is_left_out_and_told(text: str, region: str, expected: str, extension: str) -> None:
    reading = read(text, region)
    assert e164s(reading) == [expected]
    assert reading.warnings == (f"the extension {extension} was left out",)


# --- what is refused ------------------------------------------

REFUSED = [
    # digits that a spreadsheet lost, or dressed
    ("4,47911E+11", "GB", "digits_lost"),
    ("4.47911E11", "GB", "digits_lost"),
    ("4,47911E+011", "DE", "digits_lost"),
    ("4,47911 E+11", "DE", "digits_lost"),
    ("4.47911×10^11", "GB", "digits_lost"),
    ("447,911,123,456", "GB", "ambiguous"),
    ("447'911'123'456", "CH", "ambiguous"),
    ("447\u2019911\u2019123\u2019456", "CH", "ambiguous"),
    ("4.915.123.456.789,00", "DE", "ambiguous"),
    ("-447911123456", "GB", "unreadable"),
    ("=+442079460123", "GB", "unreadable"),
    ("#REF!", "GB", "unreadable"),
    # a plus where none can be
    ("++44 20 7946 0123", "GB", "unreadable"),
    ("+0044 20 7946 0123", "GB", "invalid"),
    ("0+44 20 7946 0123", "GB", "ambiguous"),
    ("44+ 20 7946 0123", "GB", "ambiguous"),
    # two numbers, or one that was broken in two
    ("020 7946 0123 020 7946 0124", "GB", "invalid"),
    ("030 12345 030 67890", "DE", "invalid"),
    ("020 7946 0123 +44 7911 123456", "GB", "ambiguous"),
    ("030 23125;123", "DE", "ambiguous"),
    ("030 2312\n5123", "DE", "ambiguous"),
    ("030 23125-0/-12", "DE", "ambiguous"),
    ("020 7946 0123,12", "GB", "ambiguous"),
    # another thing altogether
    ("bob@example.com", "GB", "letters"),
    ("skype:bob.smith", "GB", "letters"),
    ("sip:+442079460123@example.com", "GB", "letters"),
    ("https://example.com/2079460123", "GB", "letters"),
    ("192.168.10.10", "AT", "unreadable"),
    ("10.20.30.114", "DK", "unreadable"),
    ("12:30", "GB", "date"),
    ("9:00-17:00", "GB", "date"),
    ("09.00-17.00", "SE", "date"),
    ("2027-04-03T10:00:00Z", "GB", "date"),
    ("198504035", "DE", "invalid"),
    ("19850403", "NZ", "invalid"),
    ("44927", "GB", "invalid"),
    ("SW1A 1AA", "GB", "letters"),
    ("£12.50", "GB", "unreadable"),
    ("3F2504E0-4F89-11D3-9A0C-0305E82C3301", "GB", "letters"),
    ("4242 4242 4242 4242", "GB", "invalid"),
    ("GB29 NWBK 6016 1331 9268 19", "GB", "letters"),
    # notes
    ("020 7946 0123 (ask for Bob)", "GB", "letters"),
    ("old: 020 7946 0123", "GB", "letters"),
    ("wrong number", "GB", "letters"),
    ("ex-directory", "GB", "letters"),
    # look-alikes
    ("O20 7946 0123", "GB", "letters"),
    ("020 7946 0l23", "GB", "letters"),
    ("\u041e20 7946 0123", "GB", "letters"),
    # numbers that nobody answers
    ("07000000000", "GB", "placeholder"),
    ("07111111111", "GB", "placeholder"),
    ("(555) 555-5555", "US", "placeholder"),
    ("123-456-7890", "US", "placeholder"),
    ("99999999999", "GB", "placeholder"),
    # not to be dialled
    ("33101234501", "VA", "ambiguous"),
    ("+39 331 0123 4501", "", "voicemail"),
    ("факс: 8 (495) 123-45-67", "RU", "fax"),
    ("telefaks 22 33 44 55", "NO", "fax"),
]


@pytest.mark.parametrize(("text", "region", "code"), REFUSED)
def test_what_is_no_number_for_certain_is_refused_for_its_reason(text: str, region: str, code: str) -> None:
    reading = read(text, region)
    assert (e164s(reading), codes(reading)) == ([], [code])


NOTES = """do not call 020 7946 0123|dnc 020 7946 0123|020 7946 0123 DNC|020 7946 0123 (do not call)
|DO NOT CALL
|don't phone 020 7946 0123|don\u2019t call|020 7946 0123 - no calls|opted out|020 7946 0123 (TPS)|deceased
|030 23125123 (nicht anrufen!)|bitte nicht mehr anrufen: 030 23125123|verstorben|ne pas appeler 01 70 18 99 00
|no llamar 612 34 56 78|non chiamare|niet bellen|ring inte 070-123 45 67|não ligar|nie dzwonić"""


@pytest.mark.parametrize("text", NOTES.replace("\n", "").split("|"))
def test_a_note_that_says_not_to_call_is_no_fault_and_its_number_is_not_sent(text: str) -> None:
    reading = read(text)
    assert (e164s(reading), codes(reading)) == ([], ["do_not_call"])
    row = read_row(["+44 7911 123456", text], PhoneRules(region="GB"))
    assert ([number.e164 for number in row.numbers], row.fault) == (["+447911123456"], None)
    assert [(place, fault.code) for place, fault in row.notes] == [(1, "phone.do_not_call")]
    alone = read_row([text, "rubbish"], PhoneRules(region="GB"))
    assert (alone.numbers, alone.fault, len(alone.notes)) == ((), None, 1)


def test_numbers_of_fiction_are_numbers() -> None:
    assert e164s(read("212-555-0100", "US")) == ["+12125550100"]
    assert e164s(read("020 7946 0018", "GB")) == ["+442079460018"]


def test_a_country_that_is_not_known_is_named() -> None:
    reading = read_cell("020 7946 0123", PhoneRules(region="GB"), region="", country="Narnia")
    assert codes(reading) == ["no_region"]
    assert '"Narnia"' in reading.faults[0].reason


# --- forms ------------------------------------------

FORMS = [
    ("+44 20 7946 0123", "GB", "national", "02079460123"),
    ("020 7946 0123", "GB", "national", "02079460123"),
    ("2079460123.0", "GB", "national", "02079460123"),
    ("01534 456789", "GB", "national", "01534456789"),
    ("+1 242 359 1234", "US", "national", "2423591234"),
    ("+39 06 69812345", "IT", "national", "0669812345"),
    ("+39 333 1234567", "IT", "national", "3331234567"),
    ("+7 495 123-45-67", "RU", "national", "84951234567"),
    ("+54 9 11 2345 6789", "AR", "national", "01115234567890"[:13]),
    ("+36 20 123 4567", "HU", "national", "06201234567"),
    ("+47 22 33 44 55", "NO", "national", "22334455"),
    ("+225 07 07 12 34 56", "CI", "national", "0707123456"),
    ("020 7946 0123", "GB", "digits", "442079460123"),
    ("+39 06 69812345", "GB", "digits", "390669812345"),
    ("0044 20 7946 0123", "GB", "as-written", "00442079460123"),
    ("+44 (0)20 7946 0123", "GB", "as-written", LONDON),
    ("(020) 7946-0123", "GB", "as-written", "02079460123"),
    ("Mobile: 07911 123456", "GB", "as-written", "07911123456"),
]


@pytest.mark.parametrize(("text", "region", "form", "sent"), FORMS)
def test_a_number_is_sent_as_it_is_dialled(text: str, region: str, form: str, sent: str) -> None:
    assert [number.sent for number in read(text, region, form).numbers] == [sent]


def test_a_number_of_another_country_has_no_national_form() -> None:
    for text, region in (("+49 30 23125123", "GB"), ("+378 0549 886377", "IT"), ("+442079460123", "")):
        assert codes(read(text, region, "national")) == ["foreign"]


ZONES = [
    ("+442079460123", "Europe/London"),
    ("+441534456789", "Europe/Jersey"),
    ("+493023125123", "Europe/Berlin"),
    ("+33170189900", "Europe/Paris"),
    ("+393331234567", "Europe/Rome"),
    ("+919876543211", "Asia/Calcutta"),
    ("+12125550123", "America/New_York"),
    ("+13125550123", "America/Chicago"),
    ("+18005550199", None),
    ("+61412345678", None),
    ("+34612345678", None),
    ("+79161234567", None),
    ("+5511961234567", "America/Sao_Paulo"),
    ("+80012345678", None),
    ("+999123", None),
    ("447911123456", None),
]


@pytest.mark.parametrize(("number", "zone"), ZONES)
def test_a_time_zone_is_inferred_only_where_a_number_has_one(number: str, zone: str | None) -> None:
    assert time_zone_of(number) == zone


# --- countries ------------------------------------------

COUNTRIES = """
GB: GB, gbr, UK, U.K., England, Great Britain, Northern Ireland, Großbritannien, Vereinigtes Königreich, +44,
 Grande-Bretagne, Royaume-Uni, Gran Bretaña, Reino Unido, Regno Unito,
 United Kingdom of Great Britain and Northern Ireland
DE: D, DE, DEU, Germany, Deutschland, BRD, Bundesrepublik Deutschland, Allemagne, Alemania, Germania
AT: A, Österreich, Oesterreich, Autriche
CH: CH, Schweiz, Suisse, Svizzera, Suiza
US: USA, U.S., U.S.A., the United States, Vereinigte Staaten, États-Unis, EE.UU., Estados Unidos,
 United States (USA)
CI: Côte d'Ivoire, Cote d’Ivoire, Ivory Coast
CZ: Czechia, Tschechien, Česko, Czech Republic
NL: The Netherlands, Holland, Niederlande, Pays-Bas
GR: EL, Ελλάδα, Griechenland
TR: Türkiye, Turkey, Turquie
RU: Russian Federation, Россия
CN: China, 中国, PR China
HK: Hong Kong SAR China
KR: South Korea, Republic of Korea
KP: North Korea
CD: DR Congo, Congo - Kinshasa
CG: Congo - Brazzaville
BQ: Caribbean Netherlands
MK: North Macedonia
XK: Kosovo
"""
ISO_NAMES = [
    ("Iran, Islamic Republic of", "IR"),
    ("Iran (Islamic Republic of)", "IR"),
    ("Korea, Democratic People's Republic of", "KP"),
    ("Korea (Republic of)", "KR"),
    ("Taiwan, Province of China", "TW"),
    ("Moldova, Republic of", "MD"),
    ("Venezuela, Bolivarian Republic of", "VE"),
    ("Virgin Islands, British", "VG"),
    ("Virgin Islands (U.S.)", "VI"),
    ("Congo, The Democratic Republic of the", "CD"),
    ("Germany (DE)", "DE"),
    ("GB - United Kingdom", "GB"),
    ("+1", "US"),
    ("+ 49", "DE"),
]
NO_COUNTRY = """n/a|N/A|NULL|-|other|EU|Europe|International|Congo|Korea|Virgin Islands|US-CA|DE-BY|44|+999
|Germany/Austria|Germany (AT)|China, Republic of|Yugoslavia|USSR|Czechoslovakia|Ger many or so|E|X|ZZ"""


def test_a_country_is_known_by_its_names() -> None:
    for line in COUNTRIES.strip().replace("\n ", " ").splitlines():
        region, _, names = line.partition(": ")
        for name in names.split(", "):
            assert region_of(name) == region, name
    for name, region in ISO_NAMES:
        assert region_of(name) == region, name


@pytest.mark.parametrize("text", NO_COUNTRY.replace("\n", "").split("|"))
def test_what_may_be_several_countries_or_none_is_no_country(text: str) -> None:
    assert region_of(text) is None


# --- reasons ------------------------------------------

DOCS = Path(__file__).parent.parent / "docs" / "inputs.md"
CODES = frozenset(
    {
        *(
            "ambiguous",
            "date",
            "digits_lost",
            "fax",
            "foreign",
            "fraction",
            "invalid",
            "letters",
        ),
        *("missing", "no_region", "pager", "placeholder", "premium", "short", "unreadable", "voicemail"),
    }
)


def documented() -> dict[str, str]:
    """The table of fault codes: code → an example cell."""
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    rows = (line.split("|") for line in lines if line.startswith("| `phone."))
    return {row[1].strip().strip("`").removeprefix("phone."): row[2].strip().strip("`") for row in rows}


def test_the_documentation_lists_every_code_and_its_example_is_refused_for_it() -> None:
    table = documented()
    assert set(table) >= CODES
    for code, text in table.items():
        if code in CODES - {"missing", "foreign", "no_region"}:
            found = codes(read(text, "GB")) + codes(read(text, "IT")) + codes(read(text, "DE"))
            assert code in found, (code, text)
    assert codes(read(table["no_region"], "")) == ["no_region"]
    assert codes(read(table["foreign"], "GB", "national")) == ["foreign"]
    missing = read_row([table["missing"]], PhoneRules(region="GB")).fault
    assert missing is not None
    assert missing.code == "phone.missing"


OTHERS = [("112", "DE", "short"), ("2079460123", "", "no_region"), ("07640 123456", "GB", "pager")]


@pytest.mark.parametrize(("text", "region", "code"), [*REFUSED, *OTHERS])
def test_a_reason_is_one_sentence_that_quotes_the_cell(text: str, region: str, code: str) -> None:
    (fault,) = read(text, region).faults
    assert fault.code == f"phone.{code}"
    assert fault.reason.startswith('"')
    assert fault.reason.count('"') % 2 == 0
    assert not fault.reason.endswith(".")
