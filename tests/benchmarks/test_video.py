"""The stages of the video chain as the benchmark times them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def test_every_stage_is_timed(run_benchmark, tmp_path: Path) -> None:
    import av

    clip = tmp_path / "clip.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(clip), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        picture = rng.integers(0, 255, (96, 160, 3), np.uint8)
        for _ in range(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    found = run_benchmark("video.py", str(clip), "--seconds", "2", "--side", "96", "--hdr")
    assert list(found) == ["analysis, no model", "plan", "processing", "judging, no model", "HDR10"]
    for stage in found.values():
        assert (
            stage["speed"] == round(2 / stage["seconds"], 2)
            or abs(stage["speed"] - 2 / stage["seconds"]) < 0.05
        )
        assert stage["peak"] > 30
