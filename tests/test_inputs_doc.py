"""The table of files in docs/inputs.md: each kind is recognised, and told as the table says."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.columns import fit
from etl.profile import Profile
from etl.remote import EXTRAS
from etl.survey import SurveyOptions, survey

DOC = (Path(__file__).parent.parent / "docs" / "inputs.md").read_text("utf-8")
TABLE = DOC.split("<!-- files:")[1].split("\n\n")[0]
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in TABLE.splitlines()[3:]]
LEADS = "ID,Phone,Name\r\n1,+49 30 23125001,Jörg\r\n2,+49 30 23125002,Eva\r\n"


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("leads.csv", LEADS)
    return buffer.getvalue()


MADE: dict[str, Callable[[], list[bytes]]] = {
    "comma separated": lambda: [LEADS.encode()],
    "semicolon separated, decimal commas": lambda: [
        LEADS.replace(",", ";").replace("Jörg", "1,50").replace("Eva", "2,50").encode()
    ],
    "tab separated": lambda: [LEADS.replace(",", "\t").encode()],
    "pipe separated": lambda: [LEADS.replace(",", "|").encode()],
    "one column": lambda: [b"Phone\n+49 30 23125001\n+49 30 23125002\n"],
    "a line `sep=;` on top": lambda: [("sep=;\n" + LEADS.replace(",", ";")).encode()],
    "CR, LF or CRLF, also mixed": lambda: [
        LEADS.replace("\r\n", "\r").encode(),
        LEADS.replace("\r\n", "\n").encode(),
        LEADS.replace("\r\n", "\n", 1).encode(),
    ],
    "UTF-8, with a byte order mark or without": lambda: [LEADS.encode(), LEADS.encode("utf-8-sig")],
    'UTF-16 ("Unicode text"), with a mark or without': lambda: [
        LEADS.encode("utf-16"),
        LEADS.encode("utf-16-le"),
    ],
    "UTF-32, with a mark or without": lambda: [LEADS.encode("utf-32"), LEADS.encode("utf-32-le")],
    "windows-125x": lambda: [LEADS.encode("cp1252")],
    "gzip, of several members too": lambda: [
        gzip.compress(LEADS.encode()),
        gzip.compress(LEADS.encode()[:20]) + gzip.compress(LEADS.encode()[20:]),
    ],
    "zip with one file in it": lambda: [_zip()],
    "a title block above the header": lambda: [f"Spring leads\n\n{LEADS}".encode()],
    "totals and notices below the rows": lambda: [f"{LEADS}\nTotal,,2\nConfidential\n".encode()],
    "a delimiter that ends every record": lambda: [
        LEADS.replace("\r\n", ",\r\n").replace("Name,", "Name").encode()
    ],
    "standard input": lambda: [LEADS.encode()],
}


def test_each_kind_of_the_table_is_tried_and_no_other() -> None:
    assert [cells[0] for cells in ROWS] == list(MADE)


@pytest.mark.parametrize("cells", ROWS, ids=lambda cells: cells[0])
def test_a_file_is_recognised_as_the_table_says(tmp_path: Path, cells: list[str]) -> None:
    name, _, told, _ = cells
    for data in MADE[name]():
        (tmp_path / "leads").write_bytes(data)
        options = SurveyOptions(fit=lambda header: fit(header, Profile(name="test")))
        spec = survey(tmp_path / "leads", options)
        assert (spec.rows, spec.ragged) == (2, 0)
        assert told.strip("`") in " / ".join(spec.evidence) or not told.startswith("`")
        assert any(left.reason == "footer" for left in spec.left_out) == ("footer" in told)


def test_the_extras_of_urls_are_in_the_docs() -> None:
    named = dict(re.findall(r"\| (`\w+://`.*?) \| `pip install 'obi-import\[(\w+)\]'` \|", DOC))
    shown = {
        scheme: extra for schemes, extra in named.items() for scheme in re.findall(r"`(\w+)://`", schemes)
    }
    assert shown.items() <= EXTRAS.items()
    assert set(shown.values()) == set(EXTRAS.values())
