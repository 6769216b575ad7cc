"""Files, folders and patterns become pictures; whatever does not is named with its reason."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from PIL import Image

from finesight.data.images import PictureError, find_pictures, load_picture
from finesight.errors import InputError


def picture(path: Path, size: tuple[int, int] = (4, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path, "PNG")
    return path


def test_a_picture_knows_its_path_size_and_hash(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    loaded = load_picture(path)
    assert (loaded.path, loaded.width, loaded.height) == (str(path), 4, 3)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_content_decides_the_format_not_the_name(tmp_path: Path) -> None:
    assert load_picture(picture(tmp_path / "really-a-png.jpg")).width == 4


def test_every_error_names_the_file_the_reason_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    os.mkfifo(tmp_path / "pipe.png")
    reasons = {
        "missing.png": "no such file",
        "empty.png": "empty file",
        "text.jpg": "not a picture format",
        "pipe.png": "not a regular file",
        "": "is a directory",
        "a" * 300: "cannot be read",
        "nul\0.png": "cannot be read",
    }
    for name, reason in reasons.items():
        path = tmp_path / name
        with pytest.raises(InputError) as caught:
            load_picture(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert reason in str(caught.value)
        assert "; " in str(caught.value)


def test_a_file_without_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    path = picture(tmp_path / "locked.png")
    monkeypatch.setattr(Path, "read_bytes", denied)  # root may read everything, whatever chmod says
    with pytest.raises(PictureError, match="no permission"):
        load_picture(path)


def test_a_name_that_is_not_utf8_stays_showable(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    try:
        picture(path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert load_picture(path).path.endswith("caf�.png")


def test_a_folder_gives_its_pictures_sorted_and_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.jpg", "a/B.PNG", ".hidden.png", ".cache/c.png"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    paths, problems = find_pictures([tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in paths] == ["a/B.PNG", "a/z.jpg", "b.png"]
    assert problems == []


def test_arguments_keep_their_order_and_each_file_comes_once(tmp_path: Path) -> None:
    b, a = picture(tmp_path / "b.png"), picture(tmp_path / "a.png")
    assert find_pictures([b, tmp_path, a])[0] == [b, a]


def test_patterns_match_files_and_folders(tmp_path: Path) -> None:
    wanted = [picture(tmp_path / "x1.png"), picture(tmp_path / "x2" / "in.png")]
    picture(tmp_path / "y.png")
    assert find_pictures([f"{tmp_path}/x*"]) == (wanted, [])


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    odd = picture(tmp_path / "a[1].png")
    assert find_pictures([odd])[0] == [odd]


def test_what_stands_for_nothing_is_reported_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png")
    (tmp_path / "empty").mkdir()
    paths, problems = find_pictures([tmp_path / "none.png", f"{tmp_path}/*.webp", tmp_path / "empty", good])
    assert paths == [good]
    assert [problem.reason for problem in problems] == [
        "no such file",
        "no file matches",
        "no picture in this folder",
    ]


def test_a_photo_that_cannot_be_decoded_is_found_all_the_same(tmp_path: Path) -> None:
    heic = tmp_path / "IMG_1.HEIC"
    heic.write_bytes(b"\0\0\0\x18ftypheic")
    assert find_pictures([tmp_path])[0] == [heic]
