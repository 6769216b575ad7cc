"""Broken and odd files through the whole chain: a clear message and nothing at OUT, or a right result."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from finesight.errors import FinesightError
from finesight.video.accept import Judging
from finesight.video.chain import Job, carry_out, check_places, prepare
from finesight.video.frames import FrameReader
from finesight.video.goals import Goal
from finesight.video.limits import load_limits
from finesight.video.probe import probe
from finesight.video.rule_files import load_rules
from finesight.video.settings import AnalysisSettings, ChainSettings, ProcessSettings

FRAMES = 12
SETTINGS = ChainSettings(
    analysis=AnalysisSettings(short_frames=2, extremes=False, again=0, min_shot=0.3),
    process=ProcessSettings(crf=8, preset="ultrafast", shortest=0, threads=1),
)


@pytest.fixture
def dark(shot) -> Callable[..., list[np.ndarray]]:
    """Frames that are called underexposed, so that something is done with them."""

    def made(count: int = FRAMES, size: tuple[int, int] = (96, 64)) -> list[np.ndarray]:
        pictures = [picture.astype(np.float32) for picture in shot(1, count, size)]
        return [np.clip(p * (55 / pictures[0].mean()), 0, 255).astype(np.uint8) for p in pictures]

    return made


@pytest.fixture
def chain(tmp_path, by_brightness, ffmpeg) -> Callable[..., tuple[Path | None, tuple[str, ...]]]:
    """`chain(source, ending=".mp4")`: where the result is (None: the source is kept), and the notes."""

    def run(source: Path, ending: str = ".mp4") -> tuple[Path | None, tuple[str, ...]]:
        out = tmp_path / "out" / f"better{ending}"
        place = out.with_name("work")
        how = Judging(load_limits(), by_brightness, cache=tmp_path / "cache")
        job = Job(source, out, place, load_rules(None), ffmpeg, Goal.CLEAN, "by-brightness", how, SETTINGS)
        try:
            check_places(source, out, place)
            ready = prepare(job)
            done = carry_out(job, ready)
        except FinesightError:
            assert not out.exists()
            raise
        notes = ready.timeline.notes
        return (Path(done.output) if done.output else None), notes

    return run


def same_film(source: Path, made: Path | None, frames: int = FRAMES) -> None:
    """What came out has the source's frames, times, size and pixels' shape, and is brighter."""
    assert made is not None
    before, after = probe(source), probe(made)
    for name in ("width", "height", "sar", "rotation", "audio", "subtitles", "chapters", "interlaced"):
        assert getattr(before, name) == getattr(after, name), name
    times = [[one.time for one in FrameReader(path, 25)] for path in (source, made)]
    assert len(times[1]) == frames
    assert times[1] == pytest.approx(times[0], abs=0.002)
    means = [
        np.mean([one.frame.to_ndarray(format="gray").mean() for one in FrameReader(p, 25)])
        for p in (source, made)
    ]
    assert means[1] > means[0] + 5


ODD_SHAPES = {
    "odd size": ({"size": (97, 63)}, {"pix_fmt": "yuv444p"}),
    "one column of blocks": ({"size": (32, 64)}, {}),
    "ten bits": ({}, {"pix_fmt": "yuv420p10le"}),
    "full chroma": ({}, {"pix_fmt": "yuv444p"}),
    "pixels twice as wide": ({}, {"sar": Fraction(2, 1)}),
    "turned": ({}, {"rotation": 90}),
    "fifty a second": ({}, {"rate": 50}),
    "sound and chapters": ({}, {"audio": 2, "chapters": 2}),
    "tags of BT.601": ({}, {"tags": (6, 6, 6, 1)}),
    "no tags": ({}, {}),
}


@pytest.mark.parametrize("name", ODD_SHAPES)
def test_odd_files_come_out_as_they_were_but_brighter(tmp_path, write_video, dark, chain, name) -> None:
    of_frames, of_file = ODD_SHAPES[name]
    source = write_video(tmp_path / "in.mp4", dark(**of_frames), **of_file)
    made, _ = chain(source)
    same_film(source, made)


def test_a_variable_rate_keeps_its_times(tmp_path, write_video, dark, chain) -> None:
    times = [0.0, 0.04, 0.08, 0.2, 0.24, 0.5, 0.54, 0.58, 0.7, 0.9, 0.94, 1.0]
    source = write_video(tmp_path / "in.mkv", dark(), times=times)
    made, _ = chain(source, ".mkv")
    same_film(source, made)


def test_one_frame_is_a_video(tmp_path, write_video, dark, chain) -> None:
    source = write_video(tmp_path / "in.mp4", dark(1))
    same_film(source, chain(source)[0], 1)


def test_a_name_may_have_anything_in_it(tmp_path, write_video, dark, chain) -> None:
    source = write_video(tmp_path / "it's: 50 % [ü], {a};b.mp4", dark())
    same_film(source, chain(source)[0])


def test_a_wrong_ending_does_not_mislead(tmp_path, write_video, dark, chain) -> None:
    source = tmp_path / "in.avi"
    write_video(tmp_path / "in.mp4", dark()).rename(source)
    same_film(source, chain(source)[0])


def test_a_link_is_followed(tmp_path, write_video, dark, chain) -> None:
    source = tmp_path / "link.mp4"
    source.symlink_to(write_video(tmp_path / "in.mp4", dark()))
    same_film(source, chain(source)[0])


def test_times_that_begin_anywhere_are_counted_from_the_first_frame(
    tmp_path, write_video, dark, chain
) -> None:
    source = write_video(tmp_path / "in.ts", dark(25))
    same_film(source, chain(source, ".mkv")[0], 25)


def test_large_frames_are_read_as_they_are(tmp_path, write_video, dark, chain) -> None:
    source = write_video(tmp_path / "in.mp4", dark(2, (4096, 2176)))
    same_film(source, chain(source)[0], 2)


def test_a_file_that_is_cut_off_is_mended_up_to_there_and_told_of(tmp_path, write_video, dark, chain) -> None:
    whole = write_video(tmp_path / "whole.mkv", dark(100))
    source = tmp_path / "in.mkv"
    source.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    made, notes = chain(source, ".mkv")
    assert made is not None
    assert sum(1 for _ in FrameReader(made, 25)) == sum(1 for _ in FrameReader(source, 25)) < 100
    assert any("cut off or damaged" in note for note in notes)


def test_hdr_stays_hdr(tmp_path, write_video, dark, chain) -> None:
    pictures = [(picture.astype(np.uint16) << 7) for picture in dark()]
    source = write_video(
        tmp_path / "in.mkv", pictures, codec="libx265", pix_fmt="yuv420p10le", tags=(9, 16, 9, 1)
    )
    made, notes = chain(source, ".mkv")
    assert any("HDR" in note for note in notes)
    video = probe(made or source)
    assert (video.colour.transfer, video.bit_depth) == ("smpte2084", 10)


def _truncated(path: Path, write_video, dark) -> None:
    write_video(path, dark(60))
    path.write_bytes(path.read_bytes()[:-2000])  # an MP4's index is at its end


def _no_frames(path: Path, write_video, dark) -> None:
    import av

    with av.open(str(path), "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        out.start_encoding()


BROKEN: dict[str, tuple[Callable[..., object], str]] = {
    "missing": (lambda path, *_: None, "no such file; check the name"),
    "empty": (lambda path, *_: path.write_bytes(b""), "empty file.*copy or download it again"),
    "text": (lambda path, *_: path.write_text("hello\n" * 200), "is not a video that can be read"),
    "noise": (lambda path, *_: path.write_bytes(os.urandom(5000)), "is not a video that can be read"),
    "index cut off": (_truncated, "cut off before its index"),
    "no frames": (_no_frames, "no frame of it can be decoded|is not a video"),
    "sound alone": (
        lambda path, write_video, dark: write_video(path, [], audio=1),
        "has no video stream but has 1",
    ),
    "folder": (lambda path, *_: path.mkdir(), "is a directory; name a video in it"),
    "pipe": (lambda path, *_: os.mkfifo(path), "is not a regular file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_told_with_a_remedy(tmp_path, write_video, dark, chain, name) -> None:
    make, says = BROKEN[name]
    source = tmp_path / "in.mp4"
    make(source, write_video, dark)
    with pytest.raises(FinesightError, match=says) as told:
        chain(source)
    assert str(source) in str(told.value)


def test_a_picture_is_sent_where_pictures_go(tmp_path, dark, chain) -> None:
    import cv2

    source = tmp_path / "in.png"
    cv2.imwrite(str(source), dark(1)[0])
    with pytest.raises(FinesightError, match="finesight diagnose"):
        chain(source)


def test_what_may_not_be_read_is_told(tmp_path, write_video, dark, chain, monkeypatch) -> None:
    source = write_video(tmp_path / "in.mp4", dark())

    def denied(self: Path, *args: object, **kwargs: object) -> object:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)  # root may read everything, whatever chmod says
    with pytest.raises(FinesightError, match=r"no permission to read it.*chmod"):
        chain(source)


def test_a_full_disk_is_told_before_anything_is_encoded(
    tmp_path, write_video, dark, chain, monkeypatch
) -> None:
    source = write_video(tmp_path / "in.mp4", dark())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5000))
    with pytest.raises(FinesightError, match=r"are needed and .* are free.*free some of the disk"):
        chain(source)
    assert not list((tmp_path / "out" / "work").rglob("*.mp4"))
