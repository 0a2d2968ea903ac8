"""Writes the sample lead files, the same bytes each time: ``python samples/make_samples.py``.

Nobody in them is real. Names are drawn at random from two lists, companies say that they are none, mail
addresses are at example.com, inward postcodes have letters that are never given out, German ones begin with
00, and telephone numbers are of ranges that Ofcom and the Bundesnetzagentur keep for fiction.

``python samples/make_samples.py --accept`` also loads the samples that have expected results, on the
simulator, and writes what came out beside them; read the difference before you commit it.
"""

from __future__ import annotations

import csv
import io
import random
import sys
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from etl import Settings, load

HERE = Path(__file__).resolve().parent
CAMPAIGN = "Test Preview Campaign"
OF_THE_RUN = ("obi_run", "obi_id")
"""Results columns that differ from run to run; they are empty in the expected results."""


def words(text: str, separator: str | None = None) -> list[str]:
    """The words of a text."""
    return text.split(separator)


# --- people ---------------------------------------------------------------------------------------------

FIRST = words(
    "Abena Adaeze Aiko Alasdair Amara Anouk Arjun Asel Astrid Ayesha Beatriz Bronwen Callum Camille Chidi "
    "Ciarán Daiyu Dafydd Elif Emeka Esme Eszter Farah Fergus Fintan Freya Gethin Giorgia Hamza Hana Ifeoma "
    "Imogen Ines Ishaan Jadwiga Joaquín Kamala Katarzyna Keiko Kwame Leila Linh Lorcan Łukasz Mairi Marek "
    "Matteo Mehmet Mireille Nadia Niamh Nikhil Oisín Olumide Padma Quentin Rafael Rosalind Saoirse Selin "
    "Siân Søren Tamsin Tariq Thandiwe Uwe Valentina Wanjiru Xiaoming Yasmin Yusuf Zofia"
)
LAST = words(
    "Achterberg Adeyemi Alderwick Anand Ashdown Barrowclough Bérenger Birchenough Boateng Brzeziński "
    "Cadwallader Castellani Chandra Chukwu Craigmyle Dalgleish Demir Drăgulescu Eriksen Fairweather Farouk "
    "Featherstone Fitzwarren Gallowglass Ghosh Greenhalgh Hathersage Hoang Holloway Iwu Jabłoński Kapoor "
    "Kinsella Kowalczyk Lindqvist Llewellyn MacAskill Mahmood Marchetti Mbeki Mistry Montague Nakagawa "
    "Nwosu Oakenshaw Okonkwo Özkan Pemberton Penhaligon Quigley Ramachandran Ravenscroft Rosenthal "
    "Sandoval Satō Silveira Strathearn Szabó Thistlewood Trevelyan Uddin Vasquez Warburton Whitlock Wójcik "
    "Yamamoto Zielińska"
)
COMPANY = (
    ("Example", "Sample", "Specimen", "Imaginary", "Fictional", "Placeholder", "Pretend", "Testbed"),
    ("Bakery", "Joinery", "Ironworks", "Florists", "Roofing", "Bicycles", "Ceramics", "Logistics", "Optics"),
    ("Ltd", "& Daughters", "& Sons", "Co-operative", "LLP", "Partnership"),
)
# City, area of the postcode, the part of the number before its last three digits, ways to write it.
PLACES = (
    ("London", "N", "20 7946 0", ("020 7946 0{}", "(020) 7946 0{}", "02079460{}", "+44 20 7946 0{}")),
    ("Birmingham", "B", "121 496 0", ("0121 496 0{}", "(0121) 496 0{}", "01214960{}", "+44 121 496 0{}")),
    ("Manchester", "M", "161 496 0", ("0161 496 0{}", "0161-496-0{}", "01614960{}", "+44 (0)161 496 0{}")),
    ("Berlin", "", "30 23125", ("+49 30 23125{}", "+49 30 23125-{}", "+49 (0)30 23125{}")),
)
NEVER_GIVEN_OUT = "CIKMOV"
NO_MARK = str.maketrans("Łł", "Ll")


class People:
    """Draws people without repeats of a name or a number."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self._taken: set[tuple[str, str]] = set()

    def name(self) -> tuple[str, str]:
        """First and last name."""
        while True:
            name = (self.draw.choice(FIRST), self.draw.choice(LAST))
            if name not in self._taken:
                self._taken.add(name)
                return name

    def company(self) -> str:
        """A company that says it is none."""
        return " ".join(map(self.draw.choice, COMPANY))

    def phone(self, place: int) -> str:
        """A number of a city in one of its usual spellings."""
        _, _, start, forms = PLACES[place]
        while True:
            number = (start, f"{self.draw.randrange(1000):03}")
            if number not in self._taken:
                self._taken.add(number)
                return self.draw.choice(forms).format(number[1])

    def postcode(self, place: int) -> str:
        """A postcode that looks like one of the city's, and is none."""
        area = PLACES[place][1]
        if not area:
            return f"00{self.draw.randrange(1000):03}"
        inward = self.draw.randrange(1, 10), *self.draw.choices(NEVER_GIVEN_OUT, k=2)
        return f"{area}{self.draw.randrange(1, 20)} {''.join(map(str, inward))}"


# --- leads.csv: nothing to complain about ---------------------------------------------------------------

CLEAN = words(
    "External ID,First Name,Last Name,Company,City,Postcode,Email,Phone 1,Phone 2,Classification,Priority,"
    "Time zone",
    ",",
)


def clean() -> bytes:
    """250 leads as a tidy export has them: UTF-8, commas."""
    people = People(1)
    rows: list[Sequence[str]] = [CLEAN]
    for number in range(1, 251):
        first, last = people.name()
        place = people.draw.choices(range(4), weights=(10, 6, 6, 3))[0]
        rows.append(
            (
                f"EX-{number:05}",
                first,
                last,
                people.company() if people.draw.random() < 0.7 else "",
                PLACES[place][0],
                people.postcode(place),
                f"lead{number:03}@example.com",
                people.phone(place),
                people.phone(place) if people.draw.random() < 0.35 else "",
                people.draw.choice(("New", "Returning", "Win-back")),
                str(people.draw.randrange(1, 6)),
                "Europe/Berlin" if PLACES[place][0] == "Berlin" else "Europe/London",
            )
        )
    return delimited(rows, ",").encode()


# --- leads-dirty.csv: one trouble a row -----------------------------------------------------------------

DIRTY = words(
    "Lead ID;First Name;Last Name;Company;Postcode;Mobile;Phone;Call after;Time zone;Mode;Priority;Owner;"
    "Do Not Call;About this row",
    ";",
)

TROUBLES: tuple[tuple[str, dict[str, str]], ...] = (
    ("in order", {}),
    ("a second number", {"Phone": "0161 496 0{n}"}),
    # numbers; {n} is the row's own number in three digits
    ("the leading zero is lost", {"Mobile": "2079460{n}"}),
    ("the plus is lost", {"Mobile": "442079460{n}"}),
    ("00 in place of the plus", {"Mobile": "0044 20 7946 0{n}"}),
    ("no plus, and another country's code", {"Mobile": "49 30 23125{n}"}),
    ("cut by a spreadsheet", {"Mobile": "4.42079E+11"}),
    ("the decimals of a number cell", {"Mobile": "2079460{n}.0"}),
    ("letters in place of digits", {"Mobile": "020 7946 OOO9"}),
    ("an extension", {"Mobile": "020 7946 0{n} ext. 12"}),
    ("two numbers in a cell", {"Mobile": "020 7946 0{n} / 0121 496 0{n}"}),
    ("three numbers in a cell, one of them again", {"Mobile": "020 7946 0{n}; 01614960{n}; 02079460{n}"}),
    ("four numbers", {"Mobile": "02079460{n};01214960{n};01614960{n}", "Phone": "020 7946 0999"}),
    ("a stump of a second number", {"Mobile": "020 7946 0{n}/5"}),
    ("a bad number beside a good one", {"Mobile": "020 7946", "Phone": "0161 496 0{n}"}),
    ("too short", {"Mobile": "020 7946"}),
    ("a placeholder", {"Mobile": "07777777777"}),
    ("an emergency number", {"Mobile": "999"}),
    ("a premium rate number", {"Mobile": "0909 879 0{n}"}),
    ("a number that was never given out", {"Mobile": "07700 900{n}"}),
    ("a date among the numbers", {"Mobile": "03/04/2027"}),
    ("a word for nothing, and a number", {"Mobile": "n/a", "Phone": "0161 496 0{n}"}),
    ("no number at all", {"Mobile": ""}),
    ("a foreign number", {"Mobile": "+49 30 23125{n}"}),
    # ids
    ("an id that is a number in many eyes", {"Lead ID": "007"}),
    ("no id", {"Lead ID": ""}),
    ("no id, and a number that came before", {"Lead ID": "", "Mobile": "0044 (0)20 7946 0026"}),
    ("an id that came before", {"Lead ID": "CRM-001"}),
    ("an id that differs by case", {"Lead ID": "crm-002"}),
    ("the id of an invalid row", {"Lead ID": "CRM-016"}),
    ("an id with a wildcard", {"Lead ID": "CRM-0*"}),
    ("an id cut by a spreadsheet", {"Lead ID": "1.23457E+17"}),
    # dates and time zones
    ("a date and time", {"Call after": "2027-04-06T09:30+02:00"}),
    ("a time without a zone", {"Call after": "2027-04-06 09:30"}),
    ("a time in the row's own zone", {"Call after": "2027-04-06 09:30", "Time zone": "europe/berlin"}),
    ("a day above twelve tells the order", {"Call after": "26/04/2027"}),
    ("two dates in one", {"Call after": "03/04/2027"}),
    ("no such day", {"Call after": "2027-02-30"}),
    ("words for a date", {"Call after": "after Easter"}),
    ("a spreadsheet's day number", {"Call after": "46484"}),
    ("an hour that the clocks skip", {"Call after": "2027-03-28 01:30"}),
    ("an hour that comes twice", {"Call after": "2027-10-31 01:30"}),
    ("never to be called", {"Call after": "9999-12-31"}),
    ("a time zone of Windows", {"Time zone": "GMT Standard Time"}),
    ("a time zone in three letters", {"Time zone": "EST"}),
    # other fields
    ("a mode in small letters", {"Mode": "preview"}),
    ("a mode that customers don't have", {"Mode": "PROGRESSIVE"}),
    ("a priority with decimals", {"Priority": "5.0"}),
    ("a word for a priority", {"Priority": "high"}),
    ("a priority below zero", {"Priority": "-1"}),
    ("an agent's id", {"Owner": "{62718c78-89cc-44f7-b944-c1a6f6be9b7f}"}),
    ("an agent's name", {"Owner": "Wanjiru"}),
    ("a postcode that the profile refuses", {"Postcode": "somewhere up north"}),
    ("three troubles", {"Mobile": "020 7946 xxxx", "Call after": "soon", "Priority": "high"}),
    # not to be called
    ("not to be called", {"Do Not Call": "yes"}),
    ("perhaps to be called", {"Do Not Call": "ask first"}),
    ("to be called", {"Do Not Call": "No"}),
    # cells that are not what they seem
    ("NA is text", {"Last Name": "NA", "Company": "TRUE"}),
    ("a line break", {"Company": "Specimen Ceramics\r\n2nd floor"}),
    ("quotation marks and a semicolon", {"Company": 'The "Pretend" Bakery; Ltd'}),
    ("a control character", {"Company": "Testbed\x07 Optics"}),
    ("a formula", {"Company": '=HYPERLINK("https://example.com";"Offer")'}),
    ("an at sign in front", {"Company": "@example"}),
    ("a minus in front", {"Company": "-10% Sample Roofing"}),
    ("a plus in front", {"Company": "+Imaginary Logistics"}),
    ("an apostrophe in front", {"Company": "'t Voorbeeld"}),
    (
        "letters of western Europe",
        {"First Name": "Zoë", "Last Name": "Groß-Nuñez", "Company": "Œuvre & Fils, 5 €"},
    ),
)


def dirty() -> bytes:
    """What exports suffer from: windows-1252, semicolons, and a trouble in each row."""
    people = People(2)
    lines = [delimited([DIRTY], ";")]
    for number, (about, cells) in enumerate(TROUBLES, 1):
        first, last = people.name()
        row = dict.fromkeys(DIRTY, "") | {
            "Lead ID": f"CRM-{number:03}",
            "First Name": western(first),
            "Last Name": western(last),
            "Company": people.company(),
            "Postcode": people.postcode(0),
            "Mobile": "020 7946 0{n}",
            "About this row": about,
        }
        written = (text.replace("{n}", f"{number:03}") for text in (row | cells).values())
        lines.append(delimited([list(written)], ";"))
    lines[20:20] = ["\r\n", delimited([[*[""] * len(DIRTY)]], ";")]
    lines[41:41] = [delimited([DIRTY], ";")]
    lines.append("CRM-901;Fergus;Iwu;Sample Optics LLP;N4 1CK;020 7946 0991\r\n")
    lines.append(
        "CRM-902;Keiko;Szabó;Testbed Roofing; Ltd;N4 2CK;020 7946 0992;;;;;;;;an unquoted semicolon\r\n"
    )
    return "".join(lines).encode("cp1252")


def western(name: str) -> str:
    """A name as a CRM of western Europe keeps it: without the accents that windows-1252 can't spell."""
    return "".join(
        char if char.encode("cp1252", "ignore") else unicodedata.normalize("NFD", char.translate(NO_MARK))[0]
        for char in name
    )


# --- leads.xlsx: a sheet that somebody works in ---------------------------------------------------------

SHEET = words(
    "Customer number,Name,Company,Postcode,Phone,Mobile,Date,Time zone,Priority,Do not call,Last contact,"
    "Balance,Newsletter",
    ",",
)


def sheet() -> list[list[Any]]:
    """The cells: numbers that have lost their zero, dates that are dates, and ids that are numbers."""
    people = People(3)
    rows: list[list[Any]] = [list(SHEET)]
    for at in range(1, 31):
        number: dict[str, Any] = {
            "Customer number": 100_200 + at,
            "Name": " ".join(people.name()),
            "Company": people.company(),
            "Postcode": people.postcode(0),
            "Phone": 2_079_460_300 + at,
            "Mobile": people.phone(1) if at % 3 == 0 else None,
            "Date": datetime(2027, 4, 5 + at % 5, 9, 30) if at % 4 == 0 else None,  # noqa: DTZ001  -- as in a cell
            "Time zone": "Europe/London",
            "Priority": at % 5 + 1,
            "Do not call": None,
            "Last contact": date(2026, 9, at) if at % 2 else None,
            "Balance": at * 1.25 if at % 6 == 0 else None,
            "Newsletter": at % 7 == 0,
        }
        rows.append(list((number | ODD_CELLS.get(at, {})).values()))
    return rows


ODD_CELLS: dict[int, dict[str, Any]] = {
    5: {"Phone": 442_079_460_305},  # the plus is lost
    8: {"Phone": "+49 30 23125308"},
    11: {"Phone": 2_079_460_311.5},  # a slip of the hand
    13: {"Phone": 20_794},  # too short
    14: {"Customer number": 100_202},  # again
    17: {"Do not call": True},
    19: {"Customer number": 12_345_678_901_234_567_890},  # more digits than a spreadsheet keeps
    22: {"Phone": "=NA()"},
    23: {"Phone": None, "Mobile": "0121 496 0323"},
    26: {"Date": "10/11/2027"},  # text, where the others are dates
    28: {"Company": "=Sample Florists"},  # text
    29: {"Phone": "020 7946 0329 / 020 7946 0429"},
}


def workbook(path: Path) -> None:
    """Write ``sheet`` as a CRM user would have it."""
    options = {"default_date_format": "yyyy-mm-dd hh:mm", "strings_to_formulas": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": datetime(2026, 11, 1)})  # noqa: DTZ001  -- the library wants it so
        page = book.add_worksheet("Leads")
        bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "dd/mm/yyyy"})
        page.set_column(0, len(SHEET) - 1, 16)
        page.freeze_panes(1, 0)
        for row, cells in enumerate(sheet()):
            for column, cell in enumerate(cells):
                if cell == "=NA()":
                    page.write_formula(row, column, cell, None, "#N/A")
                elif isinstance(cell, date) and not isinstance(cell, datetime):
                    page.write_datetime(row, column, cell, day)
                elif cell is not None:
                    page.write(row, column, cell, bold if row == 0 else None)


# --- all of them ----------------------------------------------------------------------------------------

EXPECTED: dict[str, dict[str, str]] = {
    "leads-dirty.csv": {"profile": str(HERE / "leads-dirty.toml")},
    "leads.xlsx": {"region": "GB"},
}
"""Samples that have expected results, and what they are loaded with."""


def delimited(rows: Iterable[Sequence[str]], delimiter: str) -> str:
    """Rows as RFC 4180 has them, but for the delimiter."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def comparable(path: Path) -> bytes:
    """A results or rejects file without what differs from run to run."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    blank = [at for at, name in enumerate(header) if name in OF_THE_RUN]
    for row in rows:
        for at in blank:
            row[at] = ""
    return delimited([header, *rows], ",").encode("utf-8-sig")


def accept() -> None:
    """Load the samples on the simulator, and keep what came out as what is expected."""
    for name, given in EXPECTED.items():
        results, rejects = expected_of(name)
        with tempfile.TemporaryDirectory() as folder:
            report = load(
                HERE / name,
                campaign=CAMPAIGN,
                results=Path(folder) / "results.csv",
                rejects=Path(folder) / "rejects.csv",
                settings=Settings(state_dir=Path(folder) / "state"),
                simulate=True,
                **given,
            )
            results.write_bytes(comparable(Path(report.results)))
            rejects.write_bytes(comparable(Path(report.rejects)))


def expected_of(name: str) -> tuple[Path, Path]:
    """Where the expected results and rejects of a sample are."""
    stem = name.removesuffix(".csv").replace(".xlsx", "-xlsx")
    return HERE / f"{stem}.expected.csv", HERE / f"{stem}.rejects.expected.csv"


def main() -> None:
    """Write the samples."""
    (HERE / "leads.csv").write_bytes(clean())
    (HERE / "leads-dirty.csv").write_bytes(dirty())
    workbook(HERE / "leads.xlsx")
    if "--accept" in sys.argv:
        accept()


if __name__ == "__main__":
    main()
