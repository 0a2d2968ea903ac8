"""A disk that is full while an input is copied or its rows are decided: told as that, and nothing else."""

from __future__ import annotations

from io import BufferedRandom
from pathlib import Path
from typing import cast

import pytest

from etl import check
from etl.errors import DiskFullError
from etl.scratch import Scratch, told_when_full
from etl.scratchfiles import thrown_away
from etl.settings import Settings
from etl.spooling import spool

FULL = Path("/dev/full")
"""What says at each writing that there is no space left."""

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")


def full_file(_folder: Path) -> BufferedRandom:
    # open() would ask where in the device it stands, which it does not tell.
    return cast("BufferedRandom", FULL.open("wb"))


def leads(path: Path, *, rows: int = 2_000) -> Path:
    lines = (f"L{row},+44 20 7946 0{row % 1_000:03},{'x' * 100}\n" for row in range(rows))
    path.write_text("externalId,Phone,Note\n" + "".join(lines), encoding="utf-8")
    return path


def test_without_room_for_what_rows_claim_the_folder_is_named_and_no_result_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.scratchfiles.scratch_file", full_file)
    source, state = leads(tmp_path / "leads.csv"), tmp_path / "state"
    with pytest.raises(DiskFullError) as raised:
        check(source, settings=Settings(state_dir=state), results=tmp_path / "out.csv")
    assert str(raised.value).startswith(f"No space is left in {state / 'incoming'} for what is kept of rows")
    assert [path.name for path in tmp_path.glob("*.csv")] == ["leads.csv"]
    assert list((state / "incoming").iterdir()) == []


def test_a_throw_away_file_that_can_not_be_written_to_its_end_is_closed_all_the_same() -> None:
    file = full_file(Path())
    file.write(b"what stands in memory")
    thrown_away(file)
    assert file.closed


def test_a_throw_away_database_that_can_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    schema = "PRAGMA max_page_count=3; CREATE TABLE held (value BLOB);"
    with (
        Scratch(tmp_path / "held.sqlite", schema) as scratch,
        pytest.raises(DiskFullError, match="No space"),
        told_when_full(tmp_path),
    ):
        scratch._db.execute("INSERT INTO held VALUES (zeroblob(100000))")


def test_an_error_that_is_no_full_disk_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), told_when_full(tmp_path):
        raise PermissionError


def test_an_input_that_can_not_be_copied_for_want_of_space_is_not_called_unreadable(tmp_path: Path) -> None:
    source, target = leads(tmp_path / "leads.csv"), tmp_path / "copy"
    (tmp_path / "copy.part").symlink_to(FULL)
    with pytest.raises(DiskFullError, match="No space left"):
        spool(source, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leads.csv"]
