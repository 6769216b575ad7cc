"""VMAF of pictures of any size and depth."""

from __future__ import annotations

import pytest

from finesight.schema.video import Shot
from finesight.video.ffmpeg import load_runner
from finesight.video.probe import probe
from finesight.video.vmaf import models, require_vmaf, vmaf


@pytest.mark.parametrize(
    "size", [(16, 16), (64, 320), (96, 64), (160, 96), (192, 192), (320, 144), (330, 250)]
)
@pytest.mark.parametrize("depth", ["yuv420p", "yuv420p10le"])
def test_pictures_of_every_size_are_like_themselves(tmp_path, write_video, shot, size, depth):
    path = write_video(tmp_path / "small.mkv", shot(1, 4, size), pix_fmt=depth)
    whole = Shot(index=0, start=0, end=4 / 25, first_frame=0, frames=4)
    scores = vmaf(path, path, probe(path), load_runner(), [whole])
    assert {name: len(each) for name, each in scores.items()} == {"neg": 4, "v1": 4}
    assert min(scores["v1"].values()) > 95


def test_large_pictures_have_a_model_of_their_own():
    assert models(1080)["v1"] != models(2160)["v1"]
    assert models(720) == models(1080)


def test_the_ffmpeg_that_is_installed_has_what_is_needed():
    require_vmaf(load_runner())
