"""A file of keys: exactly those that were put into it are found, and damage is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl import keyfile
from etl.keyfile import DamagedError, KeyFile, KeyFileWriter

KEYS = st.lists(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.sampled_from([-(2**63), 2**63 - 1, 0, -1, *(at << 56 for at in range(-128, 128))]),
    ),
    max_size=200,
)


def written(path: Path, *parts: list[int], facts: bytes = b"facts") -> KeyFile:
    with KeyFileWriter(path) as writer:
        for part in parts:
            writer.add(part)
        writer.finish(facts)
    return KeyFile(path)


def found(file: KeyFile, wanted: list[int]) -> list[int]:
    return [int(key) for key in file.find(np.array(wanted, np.int64))]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(KEYS, max_size=6), others=KEYS)
def test_exactly_the_keys_that_were_put_in_are_found(
    parts: list[list[int]], others: list[int], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_FLUSH", 64)
        patch.setattr(keyfile, "_PIECE", 16)
        file = written(tmp_path / "a.keys", *parts)
        keys = {key for part in parts for key in part}
        wanted = sorted(keys | set(others))
        assert found(file, wanted) == sorted(keys)
        assert found(file, sorted(set(others) - keys)) == []
        assert file.facts == b"facts"
        assert (tmp_path / "a.keys").stat().st_size == 8 * len(keys) + len(b"facts") + keyfile._TAIL.size
        file.close()


def test_keys_are_found_in_whatever_order_they_are_asked_for(tmp_path: Path) -> None:
    file = written(tmp_path / "a.keys", [5, 3, 5], [9])
    assert found(file, [9, 1, 3, 9]) == [3, 9, 9]
    file.close()


def test_a_file_without_keys_finds_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "a.keys")
    assert found(file, [0, 1]) == []
    assert found(file, []) == []
    file.close()


def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    writer = KeyFileWriter(tmp_path / "a.keys").__enter__()
    writer.add([1])
    writer.__exit__(ValueError, ValueError("stopped"), None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 1, 20, 100, -1, -9])
def test_a_file_that_is_cut_is_told_when_it_is_opened(size: int, tmp_path: Path) -> None:
    path = tmp_path / "a.keys"
    written(path, list(range(100))).close()
    content = path.read_bytes()
    path.write_bytes(content[:size])
    with pytest.raises(DamagedError):
        KeyFile(path)
    path.write_bytes(content[8:])
    with pytest.raises(DamagedError):
        KeyFile(path)


@pytest.mark.parametrize("at", [0, 7, 400, 799, 801])
def test_a_changed_byte_is_told_when_a_key_is_looked_for(at: int, tmp_path: Path) -> None:
    path = tmp_path / "a.keys"
    written(path, list(range(100))).close()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    file = KeyFile(path)
    with pytest.raises(DamagedError, match="not what was written"):
        found(file, [1])
    file.close()


def test_many_read_a_file_at_the_same_time_each_in_its_own_place(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_PIECE", 16)
        first = written(tmp_path / "a.keys", list(range(0, 1_000, 2)))
        second = KeyFile(tmp_path / "a.keys")
        for start in range(0, 1_000, 100):
            even = list(range(start, start + 100, 2))
            assert found(first, list(range(start, start + 100))) == even
            assert found(second, list(range(900 - start, 1_000 - start))) == list(
                range(900 - start, 1_000 - start, 2)
            )
        first.close()
        second.close()
