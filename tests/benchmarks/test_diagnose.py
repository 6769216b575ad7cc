"""The benchmark of `finesight diagnose` runs the command itself and counts its answers."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess


def test_every_picture_is_counted_and_so_is_what_cannot_be_read(run_benchmark, tmp_path) -> None:
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    Image.fromarray(pixels).resize((600, 400)).save(tmp_path / "photos" / "a.png")
    found = Finding(type=DistortionType.NOISE, severity=Severity.MINOR, box=Box.of(0, 0, 9, 9), key=True)
    answer = render_assess(Diagnosis(content="A picture.", findings=(found,), level=Level.GOOD))
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(text) + "\n" for text in [answer] * 11 + ["nothing"]))
    rows = run_benchmark(
        "diagnose.py",
        str(tmp_path / "photos"),
        "--count",
        "12",
        "--size",
        "128",
        "--model",
        f"scripted:{script}",
    )
    for row in rows.values():
        assert (row["images"], row["unreadable"]) == (12, 1)
        assert row["first_s"] > 0
        assert row["images_per_s"] > 0
        assert 20 < row["peak_mb"] < 4000
