"""What a person states about an input: flags beat the profile, and are said again where they are needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.cli.options import SOURCE_FLAGS, repeated_flags
from etl.errors import ProfileError
from etl.profile import SourceRules, find_profile

Obi = Callable[..., tuple[int, str, str]]
AnswersIn = Callable[[str | Path], list[dict[str, str]]]

CONTENT = "Übersicht\n#\nID#Phone#Call after\n1#+44 20 7946 0001#03/04/2027\n2#12#13/04/2027\n"
PROFILE = """
region = "GB"
[source]
encoding = "utf-8"
delimiter = ";"
header_row = 1
date_order = "mdy"
timezone = "Europe/London"
[columns]
externalId = "ID"
phones = ["Phone"]
date = "Call after"
"""
FLAGS = ("--encoding", "windows-1252", "--delimiter", "#", "--header-row", "3", "--date-order", "dmy")


@pytest.fixture
def leads(own_place: Path) -> Path:
    (own_place / "crm.toml").write_text(PROFILE, encoding="utf-8")
    path = own_place / "leads.csv"
    path.write_bytes(CONTENT.encode("cp1252"))
    return path


def test_each_flag_of_the_source_is_a_key_of_the_profile() -> None:
    assert set(SOURCE_FLAGS) <= SourceRules.model_fields.keys()


def test_flags_beat_the_profile(leads: Path, obi: Obi) -> None:
    code, out, _ = obi("check", leads, "--profile", "crm.toml", *FLAGS, "--json")
    report = json.loads(out)
    assert code == 5
    assert report["counts"] == {"ready": 1, "invalid": 1}
    assert "windows-1252, because it is stated" in report["evidence"]
    assert "'#', because it is stated" in report["evidence"]
    assert "dates: day first, because it is stated; 1 can only be so" in report["evidence"]
    code, out, err = obi("check", leads, "--profile", "crm.toml", *FLAGS[:-1], "mdy", "--json")
    assert code == 4
    assert "line 5: this date can't be month first" in err


def test_the_rejects_load_with_the_words_that_the_run_says(
    leads: Path, obi: Obi, answers_in: AnswersIn
) -> None:
    words = ("--campaign", "Test Preview Campaign", "--profile", "crm.toml", "--simulate", "--json")
    code, out, _ = obi("load", leads, *words, *FLAGS)
    assert (code, json.loads(out)["counts"]) == (5, {"created": 1, "invalid": 1})
    assert (
        "--encoding windows-1252 --delimiter '#' --header-row 3 --date-order dmy" in json.loads(out)["next"]
    )
    rejects = leads.with_name("leads.rejects.csv")
    rejects.write_text(
        rejects.read_text("utf-8-sig").replace("2,12,", "2,+44 20 7946 0002,"), encoding="utf-8-sig"
    )
    code, out, _ = obi("load", rejects, *words, *FLAGS)
    assert (code, json.loads(out)["counts"]) == (0, {"created": 1})
    assert answers_in(leads.with_name("leads.rejects.results.csv"))[0]["ID"] == "2"


def test_flags_are_repeated_as_they_were_given() -> None:
    stated: dict[str, object] = {"encoding": "utf-16", "delimiter": ";", "sheet": "My leads", "header_row": 4}
    assert repeated_flags(stated | {"date_order": "dmy", "hidden": "include"}) == (
        " --encoding utf-16 --delimiter ';' --sheet 'My leads' --header-row 4 --date-order dmy"
        " --hidden include"
    )
    assert repeated_flags(dict.fromkeys(SOURCE_FLAGS)) == ""


def test_what_is_stated_is_checked_as_the_profile_is() -> None:
    assert find_profile(None, header_row=3, sheet=None).source.header_row == 3
    with pytest.raises(ProfileError, match="date_order"):
        find_profile(None, date_order="ydm")


def test_several_sheets_ask_for_the_flag(own_place: Path, obi: Obi) -> None:
    import xlsxwriter  # noqa: PLC0415  -- only this test makes a workbook

    with xlsxwriter.Workbook(own_place / "leads.xlsx") as book:
        for name in ("Spring", "Old leads"):
            book.add_worksheet(name).write_row(0, 0, ["ID", "Phone"])
            book.get_worksheet_by_name(name).write_row(1, 0, ["1", "+44 20 7946 0001"])
    code, _, err = obi("check", "leads.xlsx")
    assert code == 4
    assert "--sheet" in err
    code, out, _ = obi("check", "leads.xlsx", "--sheet", "old leads", "--json")
    assert (code, json.loads(out)["counts"]) == (0, {"ready": 1})
