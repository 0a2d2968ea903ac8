"""Where answers go, and that nothing of anybody's is overwritten on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.errors import OutputError
from etl.files import check_files, files_of, make_way, remember, remove_own
from etl.journal import Journal
from etl.records import CampaignRef, Manifest, SourceSpec

MANIFEST = Manifest(
    run="r",
    started="2027-03-01T12:00:00Z",
    input="leads.csv",
    source="leads.csv",
    base_url="https://host/RI/obi",
    campaign=CampaignRef("0" * 32, "Spring"),
    spec=SourceSpec(kind="csv", header=("Phone1",), header_line=1, rows=1, fingerprint="f", size=1),
    profile={},
    settings={},
    versions={},
    results="",
    rejects="",
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    (tmp_path / "state").mkdir()
    with Journal.create(tmp_path / "state" / "journal.sqlite", MANIFEST) as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- default names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "results", "rejects"),
    [
        ("leads.csv", "leads.results.csv", "leads.rejects.csv"),
        ("leads.csv.gz", "leads.results.csv", "leads.rejects.csv"),
        ("Leads.CSV", "Leads.results.csv", "Leads.rejects.csv"),
        ("Leads.CSV.GZ", "Leads.results.csv", "Leads.rejects.csv"),
        ("leads.txt", "leads.results.csv", "leads.rejects.csv"),
        ("leads", "leads.results.csv", "leads.rejects.csv"),
        (".leads", ".leads.results.csv", ".leads.rejects.csv"),
        ("2027.03.01 leads.csv", "2027.03.01 leads.results.csv", "2027.03.01 leads.rejects.csv"),
        ("leads.xlsx", "leads.results.csv", "leads.rejects.xlsx"),
        ("leads.XLSB", "leads.results.csv", "leads.rejects.xlsx"),
        ("leads.ods", "leads.results.csv", "leads.rejects.xlsx"),
        ("leads.rejects.csv", "leads.rejects.results.csv", "leads.rejects.rejects.csv"),
    ],
)
def test_answers_stand_beside_the_input_under_its_stem(
    source: str, results: str, rejects: str, place: Path
) -> None:
    files = files_of(str(place / source))
    assert (files.results, files.rejects) == (place / results, place / rejects)
    assert files_of(source) == files


def test_answers_for_standard_input_stand_in_the_current_folder(place: Path) -> None:
    files = files_of("-")
    assert (files.results, files.rejects) == (place / "stdin.results.csv", place / "stdin.rejects.csv")
    assert files.mode == 0o600


def test_a_check_has_a_name_of_its_own(place: Path) -> None:
    assert files_of("leads.csv", word="check").results == place / "leads.check.csv"


def test_paths_that_are_given_are_taken_from_the_current_folder(place: Path) -> None:
    files = files_of("/elsewhere/leads.csv", results="a.jsonl", rejects="b.xlsx", plain=True)
    assert (files.results, files.rejects, files.plain) == (place / "a.jsonl", place / "b.xlsx", True)


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o640, 0o640), (0o755, 0o644)])
def test_answers_have_the_inputs_own_permissions_and_never_run(mode: int, expected: int, place: Path) -> None:
    path = place / "leads.csv"
    path.write_text("Phone1\n")
    path.chmod(mode)
    assert files_of(str(path)).mode == expected


# --- before anything is sent ------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["results", "rejects"])
def test_the_input_is_never_overwritten(which: str, place: Path) -> None:
    (place / "leads.csv").write_text("Phone1\n")
    (place / "link.csv").symlink_to("leads.csv")
    os.link(place / "leads.csv", place / "hard.csv")
    for path in ("leads.csv", "./leads.csv", "link.csv", "hard.csv"):
        files = files_of("leads.csv", **{which: path})  # type: ignore[arg-type]  # one of two texts
        with pytest.raises(OutputError, match="input itself"):
            check_files(files, source="leads.csv", rows=1, columns=1)


def test_results_and_rejects_are_two_files(place: Path) -> None:
    files = files_of("leads.csv", results="a.csv", rejects="./a.csv")
    with pytest.raises(OutputError, match="name two files"):
        check_files(files, source="leads.csv", rows=1, columns=1)


def test_answers_that_could_not_be_written_at_the_end_stop_the_run_at_its_start(place: Path) -> None:
    with pytest.raises(OutputError):
        check_files(files_of("leads.csv", results="gone/a.csv"), source="leads.csv", rows=1, columns=1)
    with pytest.raises(OutputError, match="sheet"):
        check_files(files_of("leads.csv", rejects="a.xlsx"), source="leads.csv", rows=2_000_000, columns=1)
    check_files(files_of("leads.csv"), source="leads.csv", rows=1, columns=1)
    assert names(place) == []


# --- what stands there already ----------------------------------------------------------------------------


def put(path: Path, text: str = "x", *, at: float = 1_800_000_000) -> Path:
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def test_a_file_of_another_run_is_renamed_by_its_time_and_kept(place: Path, journal: Journal) -> None:
    path = put(place / "leads.results.csv", "of yesterday")
    make_way(path, journal)
    assert names(place) == ["leads.20270115-080000.results.csv"]
    assert (place / "leads.20270115-080000.results.csv").read_text() == "of yesterday"


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("leads.rejects.xlsx", "leads.20270115-080000.rejects.xlsx"),
        ("leads.check.csv", "leads.20270115-080000.check.csv"),
        ("answers.jsonl", "answers.20270115-080000.jsonl"),
        ("leads.results.results.csv", "leads.results.20270115-080000.results.csv"),
    ],
)
def test_the_time_stands_before_the_word(name: str, renamed: str, place: Path, journal: Journal) -> None:
    make_way(put(place / name), journal)
    assert names(place) == [renamed]


def test_not_even_a_renamed_file_is_overwritten(place: Path, journal: Journal) -> None:
    for text in ("one", "two", "three"):
        make_way(put(place / "leads.results.csv", text), journal)
    found = {path.name: path.read_text() for path in place.iterdir()}
    assert found == {
        "leads.20270115-080000.results.csv": "one",
        "leads.20270115-080000-1.results.csv": "two",
        "leads.20270115-080000-2.results.csv": "three",
    }


def test_what_this_run_wrote_it_may_write_anew(place: Path, journal: Journal) -> None:
    path = put(place / "leads.results.csv")
    remember(path, journal)
    make_way(path, journal)
    assert names(place) == ["leads.results.csv"]


@pytest.mark.parametrize("change", ["content", "time", "another file"])
def test_what_somebody_changed_since_is_theirs(change: str, place: Path, journal: Journal) -> None:
    """A person fills in the results file while the run is resumed: their work stays."""
    path = put(place / "leads.results.csv")
    remember(path, journal)
    if change == "content":
        put(path, "x and more")
    elif change == "time":
        put(path, at=1_800_000_001)
    else:
        put(place / "new").replace(path)
    remove_own(path, journal)
    make_way(path, journal)
    assert len(names(place)) == 1
    assert names(place) != ["leads.results.csv"]


def test_a_rejects_file_that_no_longer_holds_is_removed_if_it_is_ours(place: Path, journal: Journal) -> None:
    path = put(place / "leads.rejects.csv")
    remember(path, journal)
    remove_own(path, journal)
    assert names(place) == []
    put(path, "of another run")
    remove_own(path, journal)
    assert names(place) == ["leads.rejects.csv"]


def test_what_is_not_there_needs_no_way(place: Path, journal: Journal) -> None:
    path = place / "leads.results.csv"
    make_way(path, journal)
    remember(path, journal)
    remove_own(path, journal)
    assert names(place) == []
