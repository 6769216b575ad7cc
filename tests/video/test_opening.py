"""What is no video says so, by name and with a remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from finesight.errors import InputError
from finesight.video.opening import VideoError, open_video
from finesight.video.probe import probe


def refused(path: Path, words: str) -> None:
    with pytest.raises(VideoError, match=words) as caught:
        probe(path)
    assert isinstance(caught.value, InputError)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.remedy
    assert str(caught.value).endswith(caught.value.remedy)


def test_a_missing_file_a_folder_and_an_empty_file_are_told_apart(tmp_path: Path) -> None:
    refused(tmp_path / "no.mp4", "no such file")
    refused(tmp_path, "is a directory")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", r"empty file \(0 bytes\)")


def test_a_file_without_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", denied)  # root may read everything, whatever chmod says
    refused(tmp_path / "a.mp4", "no permission.*chmod")


def test_text_under_a_videos_name_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("This is not a video. " * 100)
    refused(tmp_path / "text.mp4", "is not a video that can be read")


def test_a_picture_is_sent_to_diagnose(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.zeros((40, 60, 3), np.uint8))
    refused(path, "is a picture.*finesight diagnose")
    path.rename(tmp_path / "picture.mp4")
    refused(tmp_path / "picture.mp4", "is a picture")


def test_sound_alone_is_no_video(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    refused(write_video(tmp_path / "sound.mp4", [], audio=1), "has no video stream but has 1 of sound")


def test_a_cover_picture_is_not_taken_for_a_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=8000)
        cover = out.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        out.mux(sound.encode(frame))
        out.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        out.mux(sound.encode(None))
        out.mux(cover.encode(None))
    refused(path, "has no video stream")


def test_a_file_cut_off_before_its_index_is_refused(three_shots: Path) -> None:
    whole = three_shots.read_bytes()
    three_shots.write_bytes(whole[: len(whole) // 2])  # an MP4's index is at its end
    refused(three_shots, "is not a video that can be read.*cut off")


def test_an_index_without_frames_is_refused(tmp_path: Path, write_video: Callable[..., Path], shot) -> None:
    faststart = {"movflags": "faststart"}
    path = write_video(tmp_path / "a.mp4", shot(1, 10), container_options=faststart)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"mdat") + 4])
    refused(path, "no frame of it can be decoded")


def test_the_right_content_under_a_wrong_extension_is_read(three_shots: Path) -> None:
    wrong = three_shots.rename(three_shots.with_suffix(".txt"))
    with open_video(wrong) as (container, stream):
        assert (container.format.name.split(",")[0], stream.type) == ("mov", "video")
