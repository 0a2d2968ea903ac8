"""Do-not-call lists as files: what they hold, which can't be relied upon, and their indexes."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from msgspec.structs import replace

from etl import listfiles, suppression as suppression_module
from etl.errors import ConfigError, StateError
from etl.lists import Lists, lists_for, lists_named
from etl.profile import Profile, read_profile
from etl.records import SuppressionList
from etl.state import StateFolder
from etl.suppression import Suppression

A, B, C = (f"+4420794600{at:02}" for at in range(3))
HASHED = sha256(A.encode()).hexdigest()

Prepare = Callable[..., SuppressionList]


@pytest.fixture
def state(own_place: Path) -> StateFolder:
    return StateFolder(own_place / "state")


@pytest.fixture
def prepared(own_place: Path, state: StateFolder) -> Prepare:
    """Write a list and index it; ``suppress`` are keys of the profile's section."""

    def prepare(
        content: str | bytes, *, name: str = "dnc.csv", words: str = "", region: str = "GB", **suppress: Any
    ) -> SuppressionList:
        path = own_place / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        profile = Profile.model_validate({"region": region, "suppress": suppress})
        (found,) = lists_named([words or str(path)], profile, state, say=lambda _sentence: None)
        return found

    return prepare


def listed(state: StateFolder, found: SuppressionList, numbers: Sequence[str] = (A, B, C)) -> list[str]:
    """Those of the numbers that the list has."""
    with Suppression.opened(state.lists, [found]) as suppression:
        return sorted(suppression.numbers(numbers))


def listed_ids(state: StateFolder, found: SuppressionList, *external_ids: str) -> list[str]:
    with Suppression.opened(state.lists, [found]) as suppression:
        return sorted(suppression.external_ids(external_ids))


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\n{B}\n",
        f"{A}\n{B}",
        "Phone\n02079460000\n020 7946 0001\n",
        "02079460000\r\n020 7946 0001\r\n",
        "\ufeffNumber;Since\n020 7946 0000;2027-01-01\n020 7946 0001;2027-01-02\n",
        "Name,Phone,Mobile\nAnn,020 7946 0000,\nBob,,020 7946 0001\nCid,,\n",
        "name,ring\nAnn,020 7946 0000\nBob,+44 20 7946 0001\n",
        "Number,Phone\n1,020 7946 0000\n2,020 7946 0001\n",
        "msisdn\n442079460000\n442079460001\n",
        "442079460000\n442079460001\n",
        "Do not call since 2027\n\nPhone\n020 7946 0000\n020 7946 0001\n",
        f'"Phone"\n"{A}"\n"{B}"\n\n\n',
        f"{A}\n\n{B}\n{A}\n",
    ],
)
def test_a_list_of_numbers_is_read_whatever_form_its_file_has(
    content: str, prepared: Prepare, state: StateFolder
) -> None:
    found = prepared(content)
    assert found.kind == "numbers"
    assert listed(state, found) == [A, B]


@pytest.mark.parametrize(
    "content",
    [
        f"'{A}\n'{B}\n",
        f'="{A}"\n="{B}"\n',
        "\u200b02079460000\n\u202a02079460001\u202c\n",
        "\uff10\uff12\uff10\uff17\uff19\uff14\uff16\uff10\uff10\uff10\uff10\n02079460001\n",
        f"# fetched on Monday\n# two\n{A}\n\n{B}\n",
        f"Phone\n{A}\n# asked twice\n{B}\n",
        "Country,Phone\nGermany,030 23125123\nUK,020 7946 0000\nUnited Kingdom,02079460001\n",
        "Dial code,Phone\n44,2079460000\n+44,02079460001\n49,3023125123\n",
        f"Prefix,Phone\nMr,{A}\nMs,{B}\n",
    ],
)
def test_what_programs_and_people_leave_in_a_list_does_no_harm(
    content: str, prepared: Prepare, state: StateFolder
) -> None:
    found = prepared(content)
    assert (found.kind, found.unreadable) == ("numbers", 0)
    assert listed(state, found) == [A, B]


@pytest.mark.parametrize("content", ["Country,Phone\nDE,030 23125123\n", "cc;phone\n0049;3023125123\n"])
def test_a_number_is_of_the_country_that_stands_beside_it(
    content: str, prepared: Prepare, state: StateFolder
) -> None:
    assert listed(state, prepared(content), ["+493023125123"]) == ["+493023125123"]


@pytest.mark.parametrize(
    "content",
    [
        "Country,Phone\nAtlantis,020 7946 0000\n",
        "Vorwahl;Rufnummer\n030;23125123\n",
        "+49;3023125123\n+49;3023125124\n",
        "Phone\n020 7946 0000\n020 7946 00*\n",
        "Phone\n020 7946 0000\n0207946...\n",
        "ann@example.com\nbob@example.com\n",
        "Name\nAnn\nBob\n",
        '["02079460000", "02079460001"]',
        f"{sha1(A.encode(), usedforsecurity=False).hexdigest()}\n",
        f"md5\n{sha1(A.encode(), usedforsecurity=False).hexdigest()}\n",
        "".join(f"L{n}\n" for n in range(1, 12)) + f"{A}\n",
    ],
)
def test_a_list_that_would_protect_nobody_in_silence_is_refused(content: str, prepared: Prepare) -> None:
    for region in ("GB", "DE"):
        with pytest.raises(ConfigError):
            prepared(content, region=region)


@pytest.mark.parametrize("before", ["+", "", "00"])
@pytest.mark.parametrize("form", ["{}", "0x{}", "sha256:{}"])
def test_a_hash_counts_with_and_without_the_plus_and_behind_its_name(
    before: str, form: str, prepared: Prepare, state: StateFolder
) -> None:
    hashes = [sha256(f"{before}{number[1:]}".encode()).hexdigest() for number in (A, B)]
    found = prepared("".join(f"{form.format(each)}\n" for each in hashes))
    assert (found.kind, found.hashed) == ("hashes", True)
    assert listed(state, found) == [A, B]
    mixed = prepared(f"Phone\n{A}\n{form.format(hashes[1])}\n", name="mixed.csv")
    assert listed(state, mixed) == [A, B]


def test_a_list_may_be_compressed_or_a_workbook(
    prepared: Prepare, state: StateFolder, tmp_path: Path
) -> None:
    assert listed(state, prepared(gzip.compress(f"{A}\n".encode()), name="dnc.txt.gz")) == [A]
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["Phone"], ["020 7946 0000"], [2079460001]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    book.save(tmp_path / "dnc.xlsx")
    assert listed(state, prepared((tmp_path / "dnc.xlsx").read_bytes(), name="dnc.xlsx")) == [A, B]


def test_a_list_of_one_number_without_a_header_is_a_list(prepared: Prepare, state: StateFolder) -> None:
    found = prepared(A)
    assert (found.entries, found.columns) == (1, ())
    assert listed(state, found) == [A]


@pytest.mark.parametrize("header", ["", "hash\n", "sha256\n", "Phone\n", "anything\n"])
def test_a_list_of_hashes_is_known_by_its_values(header: str, prepared: Prepare, state: StateFolder) -> None:
    found = prepared(f"{header}{HASHED}\n{sha256(B.encode()).hexdigest().upper()}\n")
    assert listed(state, found) == [A, B]


@pytest.mark.parametrize(
    "content",
    [
        "External ID\n10000001\n10000002\n",
        "Lead ID,Reason\n10000001,moved\n10000002,moved\n",
        "id\n10000001\n10000002\n",
    ],
)
def test_a_header_makes_digits_ids(content: str, prepared: Prepare, state: StateFolder) -> None:
    found = prepared(content)
    assert (found.kind, found.entries) == ("externalIds", 2)
    assert listed_ids(state, found, "10000001", "10000002", "10000003") == ["10000001", "10000002"]
    assert listed(state, found) == []


@pytest.mark.parametrize("content", ["LEAD-1\nLEAD-2\n", "1001\n1002\n", "Key\nLEAD-1\nLEAD-2\n"])
def test_what_can_be_no_number_is_ids(content: str, prepared: Prepare, state: StateFolder) -> None:
    found = prepared(content)
    assert found.kind == "externalIds"
    assert len(listed_ids(state, found, "lead-1", "LEAD-2", "1001", "1002", "7")) == 2


@pytest.mark.parametrize("content", ["10000001\n10000002\n", "nr\n10000001\n10000002\n"])
def test_digits_that_may_be_either_are_refused_until_somebody_says_what_they_are(
    content: str, prepared: Prepare, state: StateFolder, own_place: Path
) -> None:
    with pytest.raises(ConfigError, match=r"dnc\.csv.*numbers or externalIds.*ids:FILE"):
        prepared(content)
    found = prepared(content, words=f"ids:{own_place / 'dnc.csv'}")
    assert found.kind == "externalIds"
    assert listed_ids(state, found, "10000001", "10000002") == ["10000001", "10000002"]


def test_good_numbers_of_nothing_but_digits_are_numbers_and_may_be_ids(
    prepared: Prepare, state: StateFolder
) -> None:
    found = prepared("442079460000\n442079460001\n")
    assert listed(state, found) == [A, B]
    assert listed_ids(state, found, "442079460000", "442079460009", "7") == ["442079460000"]


def test_good_numbers_under_the_name_of_ids_are_looked_for_as_both(
    prepared: Prepare, state: StateFolder
) -> None:
    found = prepared("ID\n442079460000\n442079460001\n")
    assert found.also_ids
    assert listed(state, found) == [A, B]
    assert listed_ids(state, found, "442079460001", "7") == ["442079460001"]


@pytest.mark.parametrize(
    ("content", "region", "said"),
    [
        ("", "GB", "is empty"),
        ("Phone\n", "GB", "is empty"),
        ("Phone\n\n\n", "GB", "is empty"),
        ("a,b\nx,y\n", "GB", "no column is named"),
        ("02079460000\n02079460001\n", "", "--region"),
        ("Phone\n02079460000\n", "", r"line 2.*--region"),
        ("Phone\n020 7946 0000\nrubbish\n020 7946 0001\n4.4E+11\n", "GB", r"2 entries of .* \(line 3, 5\)"),
        ("p,q\n020 7946 0000,020 7946 0001\n", "GB", "more than one column"),
        (f"ID\n{A}\n{B}\n", "GB", "numbers or externalIds"),
        ('Phone\n"020 7946 0000\n', "GB", r"line 2.*never closed"),
        ("<html><body>Phone</body></html>", "GB", "web page"),
    ],
)
def test_a_list_that_can_not_be_relied_upon_stops_with_its_name_and_what_to_do(
    content: str, region: str, said: str, prepared: Prepare
) -> None:
    with pytest.raises(ConfigError, match=said) as stopped:
        prepared(content, region=region)
    assert stopped.value.exit_code == 3
    assert "dnc.csv" in str(stopped.value)
    assert "othing was sent" in str(stopped.value)
    assert "7946" not in str(stopped.value)


def test_a_list_that_is_not_there_stops(state: StateFolder, own_place: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.csv is not there"):
        lists_named(["gone.csv"], Profile(), state, say=print)
    with pytest.raises(ConfigError, match=r"No do-not-call list fits .*\*\.dnc"):
        lists_named([str(own_place / "*.dnc")], Profile(), state, say=print)
    with pytest.raises(ConfigError, match="folder"):
        lists_named([str(own_place)], Profile(), state, say=print)
    with pytest.raises(ConfigError, match=r"https://\S+/dnc\.csv is no file.*fetch it") as told:
        lists_named(["ids:https://me:secret@example.com/dnc.csv"], Profile(), state, say=print)
    assert "secret" not in str(told.value)


def test_an_id_that_a_spreadsheet_has_damaged_is_unreadable(prepared: Prepare) -> None:
    with pytest.raises(ConfigError, match="line 3"):
        prepared("Lead ID\n10000001\n1.2E+11\n")


def test_some_entries_may_be_unreadable_where_the_profile_says_so(
    prepared: Prepare, state: StateFolder
) -> None:
    found = prepared("Phone\nrubbish\n020 7946 0000\n", max_unreadable=1)
    assert (found.entries, found.unreadable, found.unreadable_lines) == (1, 1, (2,))
    assert "1 of its entries not readable (line 2)" in found.told()
    assert listed(state, found) == [A]


def test_what_looks_like_a_footer_is_an_entry_that_can_not_be_read(prepared: Prepare) -> None:
    with pytest.raises(ConfigError, match="line 4"):
        prepared("Phone\n020 7946 0000\n020 7946 0001\nTotal: 2 numbers\n")


def test_a_list_that_is_too_old_stops(prepared: Prepare, own_place: Path) -> None:
    prepared(f"{A}\n", max_age="7d")
    week_ago = time.time() - 8 * 86_400
    os.utime(own_place / "dnc.csv", (week_ago, week_ago))
    profile = Profile.model_validate({"suppress": {"max_age": "7d"}})
    state = StateFolder(own_place / "state")
    with pytest.raises(ConfigError, match=r"dnc\.csv is 8 days old.*max_age is 7d.*fetch"):
        lists_named([str(own_place / "dnc.csv")], profile, state, say=print)
    assert lists_named([str(own_place / "dnc.csv")], Profile(), state, say=print)


def test_a_pattern_names_several_lists_and_each_counts_once(state: StateFolder, own_place: Path) -> None:
    for name, number in (("a.dnc", A), ("b.dnc", B)):
        (own_place / name).write_text(f"{number}\n", encoding="utf-8")
    found = lists_named(["*.dnc", "a.dnc"], Profile(), state, say=print)
    assert [each.name for each in found] == ["a.dnc", "b.dnc"]


def test_a_profiles_lists_stand_beside_the_profile(state: StateFolder, own_place: Path) -> None:
    folder = own_place / "crm"
    (folder / "dnc").mkdir(parents=True)
    (folder / "dnc" / "tps.csv").write_text("Phone\n020 7946 0000\n", encoding="utf-8")
    (folder / "left.csv").write_text("10000001\n", encoding="utf-8")
    (folder / "crm.toml").write_text(
        'region = "GB"\n[suppress]\nfiles = ["dnc/tps.csv", "ids:left.csv"]\n', encoding="utf-8"
    )
    (own_place / "more.csv").write_text("Phone\n020 7946 0001\n", encoding="utf-8")
    profile = read_profile("crm/crm.toml")
    found = lists_for(["more.csv"], profile, state, say=print)
    assert [(each.name, each.kind) for each in found] == [
        ("tps.csv", "numbers"),
        ("left.csv", "externalIds"),
        ("more.csv", "numbers"),
    ]


def test_the_lists_own_region_beats_the_profiles(state: StateFolder) -> None:
    Path("dnc.csv").write_text("Phone\n030 23125123\n", encoding="utf-8")
    profile = Profile.model_validate({"region": "GB", "suppress": {"region": "DE"}})
    (german,) = lists_named(["dnc.csv"], profile, state, say=print)
    assert listed(state, german, ["+493023125123"]) == ["+493023125123"]


# --- indexes ------------------------------------------------------------------------------------------------


def test_a_list_is_read_once_and_again_only_when_its_content_or_region_is_another(
    prepared: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []
    build = listfiles.build_index

    def counted(asked: Any, target: Path, **more: Any) -> None:
        built.append(target)
        build(asked, target, **more)

    monkeypatch.setattr("etl.lists.build_index", counted)
    first = prepared("Phone\n020 7946 0000\n")
    assert replace(prepared("Phone\n020 7946 0000\n"), modified="") == replace(first, modified="")
    assert prepared("Phone\n020 7946 0000\n", name="other.csv").index == first.index
    assert len(built) == 1
    prepared("Phone\n020 7946 0001\n")
    prepared("Phone\n+442079460000\n", region="DE")
    assert len(set(built)) == 3


def test_an_index_holds_no_number_that_anybody_could_read(prepared: Prepare, state: StateFolder) -> None:
    found = prepared(f"Phone\n{A}\n")
    content = (state.lists / found.index).read_bytes()
    assert A.encode() not in content
    assert A[1:].encode() not in content
    assert (state.lists / found.index).stat().st_mode & 0o777 == 0o600


_KILLED = """
import os, signal, sys
from pathlib import Path
from etl import keyfile, listfiles
from etl.lists import lists_named
from etl.profile import Profile
from etl.state import StateFolder
keyfile._FLUSH = 100
listfiles._BLOCK = 100
flush, left = keyfile.KeyFileWriter._flush, [int(sys.argv[1])]
def counted(self):
    flush(self)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
keyfile.KeyFileWriter._flush = counted
lists_named(["dnc.csv"], Profile(), StateFolder(Path("state")), say=print)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("flushes", [1, 3, 10])
def test_a_crash_while_an_index_is_built_leaves_nothing_half(
    flushes: int, own_place: Path, state: StateFolder
) -> None:
    numbers = [f"+4420794{at:05}" for at in range(1_000)]
    (own_place / "dnc.csv").write_text("\n".join(numbers), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, str(flushes)], capture_output=True, check=False, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not list(state.lists.glob("*.keys"))
    (found,) = lists_named(["dnc.csv"], Profile(), state, say=print)
    assert found.entries == 1_000
    assert listed(state, found, numbers) == numbers
    assert [path.name for path in state.lists.iterdir()] == [found.index]


def test_loads_that_need_a_list_at_the_same_time_build_it_once(
    own_place: Path, state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_place / "dnc.csv").write_text("\n".join(f"+4420794{at:05}" for at in range(3_000)), encoding="utf-8")
    built: list[str] = []
    monkeypatch.setattr(
        suppression_module.IndexWriter, "note", _counting(suppression_module.IndexWriter.note, built)
    )
    found: list[SuppressionList] = []

    def load() -> None:
        found.extend(
            lists_named(["dnc.csv"], Profile(), StateFolder(own_place / "state"), say=lambda _: None)
        )

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert len({each.index for each in found}) == len(built) == 1


def _counting(note: Callable[..., None], built: list[str]) -> Callable[..., None]:
    def counted(self: Any, facts: SuppressionList) -> None:
        built.append(facts.index)
        note(self, facts)

    return counted


def test_a_list_that_changes_while_it_is_read_is_refused(
    own_place: Path, state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_place / "dnc.csv"
    path.write_text(f"{A}\n{B}\n", encoding="utf-8")
    read_all = listfiles._Entries.read_all

    def slow(self: Any, *more: Any) -> None:
        read_all(self, *more)
        path.write_text(f"{C}\n", encoding="utf-8")

    monkeypatch.setattr(listfiles._Entries, "read_all", slow)
    with pytest.raises(ConfigError, match="changed while it was read"):
        lists_named(["dnc.csv"], Profile(), state, say=print)
    assert not list(state.lists.iterdir())


def test_an_index_that_nobody_used_for_a_month_goes_unless_a_run_needs_it(
    prepared: Prepare, state: StateFolder
) -> None:
    old, needed = prepared(f"{A}\n", name="old.csv"), prepared(f"{B}\n", name="needed.csv")
    long_ago = time.time() - 40 * 86_400
    for each in (old, needed):
        os.utime(state.lists / each.index, (long_ago, long_ago))
    keeper = Lists(state, Profile(), say=print, needed=lambda: {needed.index})
    Path("new.csv").write_text(f"{C}\n", encoding="utf-8")
    keeper.prepare(["new.csv"])
    kept = {path.name for path in state.lists.iterdir()}
    assert old.index not in kept
    assert needed.index in kept
    os.utime(state.lists / needed.index, (long_ago, long_ago))
    unknowing = Lists(state, Profile(), say=print, needed=lambda: None)
    unknowing.prepare(["new.csv"])
    assert (state.lists / needed.index).exists()


def test_an_index_that_is_gone_is_made_again_from_the_same_content_only(
    prepared: Prepare, state: StateFolder, own_place: Path
) -> None:
    found = prepared("Phone\n020 7946 0000\n")
    keeper = Lists(state, Profile(), say=print)
    (state.lists / found.index).unlink()
    keeper.secure([found])
    assert listed(state, found) == [A]
    (state.lists / found.index).unlink()
    (own_place / "dnc.csv").write_text("Phone\n020 7946 0001\n", encoding="utf-8")
    with pytest.raises(StateError, match=r"dnc\.csv is not what the run began with.*--new-run"):
        keeper.secure([found])


def test_an_index_of_another_format_is_made_anew(prepared: Prepare, state: StateFolder) -> None:
    found = prepared(f"{A}\n")
    path = state.lists / found.index
    path.write_bytes(b"SQLite format 3\0" * 300)
    Lists(state, Profile(), say=print).secure([found])
    assert listed(state, found) == [A]
    path.write_bytes(b"SQLite format 3\0" * 300)
    assert listed(state, prepared(f"{A}\n")) == [A]


def test_unreadable_entries_are_told_by_their_lines_in_the_lists_order(prepared: Prepare) -> None:
    rows = [f"{A},{B}", "abc,", f"{A},12", "x y z,x y z", f"{B},1", "7,7"]
    found = prepared("Phone,Mobile\n" + "\n".join(rows * 2) + "\n", max_unreadable=99)
    assert found.unreadable == 14
    assert found.unreadable_lines == (3, 4, 5, 5, 6)


def test_the_first_list_that_has_a_number_is_named(prepared: Prepare, state: StateFolder) -> None:
    first, second = prepared(f"{A}\n{B}\n", name="1.csv"), prepared(f"{B}\n{C}\n", name="2.csv")
    with Suppression.opened(state.lists, [first, second]) as suppression:
        assert suppression.numbers([C, B, A]) == {A: "1.csv", B: "1.csv", C: "2.csv"}


def test_a_damaged_index_is_told(prepared: Prepare, state: StateFolder) -> None:
    found = prepared(f"{A}\n")
    (state.lists / found.index).write_bytes(b"rubbish" * 1_000)
    with pytest.raises(StateError, match="remove it"):
        listed(state, found)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(str.encode),
        st.lists(st.text("0123456789+-() ,;\n\"'abc\t", max_size=20), max_size=10)
        .map("\n".join)
        .map(str.encode),
    )
)
def test_whatever_a_list_holds_it_is_read_or_refused_in_a_sentence(
    content: bytes, prepared: Prepare, state: StateFolder
) -> None:
    found, said = None, ""
    try:
        found = prepared(content)
    except ConfigError as refused:
        said = str(refused)
    if found is None:
        assert "dnc.csv" in said
        assert said.endswith(".")
    else:
        assert found.entries > 0
        assert listed(state, found) in ([], [A], [B], [C])


_number = st.integers(0, 9_999).map(lambda at: f"+44207946{at:04}")
_spelling = st.sampled_from(
    [
        lambda e164: e164,
        lambda e164: f"0{e164[3:]}",
        lambda e164: f"0{e164[3:5]} {e164[5:9]} {e164[9:]}",
        lambda e164: f"00{e164[1:]}",
        lambda e164: e164[1:],
        lambda e164: e164[3:],
        lambda e164: f"+44 (0){e164[3:]}",
        lambda e164: sha256(e164.encode()).hexdigest(),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.lists(st.tuples(_number, _spelling), min_size=1, max_size=30),
    others=st.lists(_number, max_size=30),
    region=st.just("GB"),
)
def test_exactly_what_a_list_names_in_any_spelling_is_found(
    entries: list[tuple[str, Callable[[str], str]]],
    others: list[str],
    region: str,
    prepared: Prepare,
    state: StateFolder,
) -> None:
    content = "Phone\n" + "".join(f"{spell(number)}\n" for number, spell in entries)
    found = prepared(content, region=region)
    names = {number for number, _ in entries}
    assert listed(state, found, [*names, *others]) == sorted(names)
