from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from finesight.data.atomic import publish, settle, write_bytes, write_text


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "模糊\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "模糊\n".encode()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.bin"
    write_bytes(path, b"old")

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_permissions_are_those_of_an_ordinary_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_bytes(tmp_path / "atomic", b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")}
    assert len(modes) == 1


def test_a_file_of_another_program_has_its_final_name_only_when_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, target = tmp_path / "a.part", tmp_path / "a"
    part.write_bytes(b"new")
    target.write_bytes(b"old")
    real = os.fsync
    seen: list[tuple[bool, bytes]] = []

    def spy(handle: int) -> None:
        seen.append((part.exists(), target.read_bytes()))
        real(handle)

    monkeypatch.setattr(os, "fsync", spy)
    settle(part, target)
    assert seen == [(True, b"old"), (False, b"new")]


def test_who_may_read_a_published_folder_may_read_the_files_in_it(tmp_path: Path) -> None:
    part = tmp_path / ".model.part"
    (part / "deeper").mkdir(parents=True)
    part.chmod(0o750)
    for file in (part / "model.safetensors", part / "deeper" / "more.safetensors"):
        file.write_bytes(b"weights")
        file.chmod(0o600)
    publish(part, tmp_path / "model")
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o640, 0o640]
