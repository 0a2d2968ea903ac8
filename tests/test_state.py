"""The state folder: private, and one load a campaign at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etl.errors import LockedError, StateError
from etl.journal import Journal
from etl.records import CampaignRef, Manifest, SourceSpec
from etl.state import JOURNAL, StateFolder, input_mode

URL, CAMPAIGN = "https://host/RI/obi", "A" * 32


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def begun(state: StateFolder, *, run: str = "", finished: bool = False) -> str:
    """A run with its journal, under the name given or a new one."""
    if run:
        state.folder_of(run).mkdir()
    else:
        run, _ = state.new_run()
    manifest = Manifest(
        run=run,
        started="2027-03-01T12:00:00Z",
        input="leads.csv",
        source="leads.csv",
        base_url=URL,
        campaign=CampaignRef(CAMPAIGN, "Spring"),
        spec=SourceSpec(kind="csv", header=("Phone1",), header_line=1, rows=1, fingerprint="f", size=1),
        profile={},
        settings={},
        versions={},
        results="",
        rejects="",
    )
    with Journal.create(state.folder_of(run) / JOURNAL, manifest) as journal:
        if finished:
            journal.note("state", "finished")
    return run


# --- the folder -------------------------------------------------------------------------------------------


def test_what_is_made_is_for_the_users_eyes_only(state: StateFolder) -> None:
    state.new_run()
    for path in (state.path, *state.path.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StateError, match="--state-dir"):
        StateFolder(tmp_path / "file" / "state")


def test_a_home_sign_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert StateFolder(Path("~/mine")).path == tmp_path / "mine"


def test_a_copy_that_no_run_took_is_removed_also_after_an_error(state: StateFolder) -> None:
    with state.incoming() as path:
        path.write_text("copy")
    assert not path.exists()

    def fail() -> None:
        with state.incoming() as path:
            path.write_text("copy")
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert list((state.path / "incoming").iterdir()) == []


def test_a_copy_that_a_run_took_stays_with_it(state: StateFolder) -> None:
    _, folder = state.new_run()
    with state.incoming() as path:
        path.write_text("copy")
        path.rename(folder / "source")
    assert (folder / "source").read_text() == "copy"


def test_a_scratch_folder_goes_with_all_that_is_in_it(state: StateFolder) -> None:
    with state.scratch() as path:
        (path / "deep").mkdir()
        (path / "deep" / "file").write_text("x")
    assert not path.exists()


def test_copies_that_a_killed_process_left_are_removed_after_a_day_and_newer_ones_stay(
    state: StateFolder,
) -> None:
    incoming = state.path / "incoming"
    yesterday = time.time() - 100_000
    for name in ("old", "new"):
        (incoming / f"{name}-file").write_text("x")
        (incoming / f"{name}-folder").mkdir()
        (incoming / f"{name}-folder" / "x").write_text("x")
    for name in ("old-file", "old-folder"):
        os.utime(incoming / name, (yesterday, yesterday))
    StateFolder(state.path)
    assert sorted(path.name for path in incoming.iterdir()) == ["new-file", "new-folder"]


def test_a_copy_that_goes_while_we_look_stops_nothing(state: StateFolder) -> None:
    """Another load removes its own copies at any time; a dangling link is as gone as they are."""
    (state.path / "incoming" / "gone").symlink_to("nowhere")
    StateFolder(state.path)


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o644, 0o644), (0o777, 0o666)])
def test_what_is_made_of_an_input_has_its_permissions(mode: int, expected: int, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("x")
    path.chmod(mode)
    assert input_mode(path) == expected
    assert input_mode(tmp_path / "gone") == 0o600


# --- runs -------------------------------------------------------------------------------------------------


def test_runs_are_listed_from_the_oldest_and_only_those_with_a_journal(state: StateFolder) -> None:
    state.new_run()
    for run in ("20270302-000000-bbbb", "20270301-000000-aaaa"):
        begun(state, run=run)
    assert state.runs() == ["20270301-000000-aaaa", "20270302-000000-bbbb"]


def test_no_two_new_runs_have_the_same_name(state: StateFolder) -> None:
    made = [state.new_run() for _ in range(50)]
    assert len({run for run, _ in made}) == 50
    assert all(folder.is_dir() for _, folder in made)


def test_a_run_is_found_by_its_name_or_a_unique_beginning_or_end(state: StateFolder) -> None:
    one = begun(state, run="20270301-000000-aaaa")
    begun(state, run="20270301-000001-bbbb")
    for given in (one, "20270301-000000", "aaaa"):
        with state.open(given) as journal:
            assert journal.manifest.run == one
    for given, told in (("20270301", "More than one run"), ("cccc", "There is no run")):
        with pytest.raises(StateError, match=told):
            state.open(given)


def test_a_run_that_another_ones_name_begins_with_is_found_by_its_whole_name(state: StateFolder) -> None:
    begun(state, run="20270301")
    begun(state, run="20270301-000001-bbbb")
    with state.open("20270301") as journal:
        assert journal.manifest.run == "20270301"


@pytest.mark.parametrize("damage", [b"", b"no journal", None])
def test_unfinished_runs_are_told_apart_from_those_with_unreadable_journals(
    damage: bytes | None, state: StateFolder
) -> None:
    begun(state, run="20270301-000000-aaaa", finished=True)
    open_run = begun(state, run="20270302-000000-bbbb")
    spoilt = begun(state, run="20270303-000000-cccc")
    journal = state.folder_of(spoilt) / JOURNAL
    if damage is None:
        import sqlite3  # noqa: PLC0415  -- only to spoil a journal

        with sqlite3.connect(journal) as db:
            db.execute("UPDATE facts SET value = '{' WHERE key = 'manifest'")
        db.close()
    else:
        journal.write_bytes(damage)
    unfinished, unreadable = state.unfinished()
    assert [manifest.run for manifest in unfinished] == [open_run]
    assert unreadable == [spoilt]


def test_unfinished_runs_come_the_oldest_first(state: StateFolder) -> None:
    runs = [begun(state, run=f"2027030{day}-000000-aaaa") for day in (3, 1, 2)]
    unfinished, unreadable = state.unfinished()
    assert [manifest.run for manifest in unfinished] == sorted(runs)
    assert unreadable == []


def test_a_journal_that_was_never_whole_is_no_run(state: StateFolder) -> None:
    """What a process leaves that was killed while it made the journal has another name."""
    (state.folder_of(state.new_run()[0]) / f"{JOURNAL}.part").write_bytes(b"half")
    assert state.runs() == []
    assert state.unfinished() == ([], [])


# --- locks ------------------------------------------------------------------------------------------------


@contextmanager
def holder(state: StateFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of the campaign."""
    script = """
        import sys
        from pathlib import Path
        from etl.state import StateFolder

        with StateFolder(Path(sys.argv[1])).campaign_lock(sys.argv[2], sys.argv[3]):
            print("held", flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(state.path), URL, CAMPAIGN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_load_into_the_campaign_is_locked_out_and_told_what_to_do(state: StateFolder) -> None:
    with holder(state):
        with pytest.raises(LockedError, match="--wait-lock"), state.campaign_lock(URL, CAMPAIGN):
            pass
        with state.campaign_lock(URL, "B" * 32), state.campaign_lock("https://other/obi", CAMPAIGN):
            pass


def test_a_lock_ends_with_its_process_killed_or_not(state: StateFolder) -> None:
    for end in (signal.SIGKILL, signal.SIGTERM):
        with holder(state) as process:
            process.send_signal(end)
            process.wait(timeout=30)
            with state.campaign_lock(URL, CAMPAIGN):
                pass


def test_who_waits_gets_the_lock_when_the_other_load_ends(state: StateFolder) -> None:
    with holder(state) as process:
        assert process.stdin
        process.stdin.close()
        with state.campaign_lock(URL, CAMPAIGN, wait=30):
            pass
        assert process.wait(timeout=30) == 0


def test_a_second_load_in_one_process_is_locked_out_too(state: StateFolder) -> None:
    with state.campaign_lock(URL, CAMPAIGN):
        with pytest.raises(LockedError), state.campaign_lock(URL, CAMPAIGN):
            pass
        with pytest.raises(LockedError), StateFolder(state.path).campaign_lock(URL, CAMPAIGN, wait=0.05):
            pass
    with state.campaign_lock(URL, CAMPAIGN):
        pass


def test_an_error_of_the_load_gives_the_lock_back_and_passes_through(state: StateFolder) -> None:
    with pytest.raises(TimeoutError, match="mine"), state.campaign_lock(URL, CAMPAIGN):
        raise TimeoutError("mine")
    with state.campaign_lock(URL, CAMPAIGN):
        pass


def test_no_campaign_is_named_by_a_lock_file(state: StateFolder) -> None:
    with state.campaign_lock(URL, CAMPAIGN):
        for path in (state.path / "locks").iterdir():
            assert CAMPAIGN not in path.name
            assert path.stat().st_mode & 0o077 == 0
