"""Rankings of severity: a measure that looks for a thing ranks it, and one that does not look for it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from finesight.data.synthesise import SynthesisConfig, synthesise

pytest.importorskip("brisque", reason="pip install 'finesight[oracle]'")


def test_each_measure_ranks_what_it_measures(run_benchmark, tmp_path: Path) -> None:
    from skimage.data import astronaut, chelsea

    photos = tmp_path / "photos"
    photos.mkdir()
    for name, rgb in (("cat", chelsea()), ("woman", astronaut())):
        Image.fromarray(rgb).save(photos / f"{name}.png")
    synthesise([photos / "cat.png"], tmp_path / "test", SynthesisConfig(count=2, size=128))

    found = run_benchmark("measures.py", str(photos), str(tmp_path / "test"), "--model", "classical")

    rows = found["rows"]
    assert set(rows["JPEG (Pillow)"]) == {"model", "BRISQUE", "sharpness", "noise", "blockiness"}
    assert rows["JPEG (Pillow)"]["blockiness"]["within"] == pytest.approx(1)
    assert rows["Gaussian noise (scikit-image)"]["noise"]["within"] == pytest.approx(1)
    assert rows["Gaussian noise (scikit-image)"]["sharpness"]["within"] == pytest.approx(-1)
    assert rows["all kinds"]["BRISQUE"]["across"] > 0
