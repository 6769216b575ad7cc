"""What a file that is only appended to has after a kill, and who may write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from finesight.data.appending import append, lock, recover
from finesight.errors import InputError


def test_cut_off_at_any_byte_a_file_has_its_whole_lines_and_goes_on_behind_them(tmp_path: Path) -> None:
    path, lines = tmp_path / "a.jsonl", [b"one\n", b"\n", b"three\n"]
    whole = b"".join(lines)
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        with path.open("a+b") as file:
            found = list(recover(file))
            assert b"".join(found) == whole[: whole[:size].rfind(b"\n") + 1]
            append(file, lines[len(found) :])
            assert path.read_bytes() == whole


def test_a_file_is_not_cut_off_while_its_lines_are_not_all_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntwo\nthr")
    with path.open("a+b") as file:
        assert next(recover(file)) == b"one\n"
    assert path.read_bytes() == b"one\ntwo\nthr"


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("a+b") as first, path.open("a+b") as second:
        lock(first, path)
        with pytest.raises(InputError, match=r"a\.jsonl: is being written by another process"):
            lock(second, path)
    with path.open("a+b") as again:
        lock(again, path)
