"""The SFT benchmark on one tiny picture: what it says, and that its contenders do the same work. No times."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HAS_TRL = bool(find_spec("trl") and find_spec("datasets"))
SMALL = [
    "--questions",
    "2",
    "--images",
    "1",
    "--image-tokens",
    "16",
    "--width",
    "64",
    "--steps",
    "1",
    "--repeats",
    "1",
    "--batches",
    "1",
]


def test_rows_and_trees_are_the_same_work_and_the_tree_is_less_of_it(run_benchmark):
    report = run_benchmark("sft_tree.py", *SMALL, "--contenders", "rows,merge,tree")
    assert report["loss_difference"] < 1e-5
    assert report["gradient_difference"] < 1e-5
    rows, merge, tree = (report["contenders"][name] for name in ("rows", "merge", "tree"))
    assert rows["first_loss"] == pytest.approx(tree["first_loss"], rel=1e-5)
    assert merge["first_loss"] != pytest.approx(tree["first_loss"], rel=1e-4)
    assert (rows["pictures_encoded"], tree["pictures_encoded"]) == (2, 1)
    assert report["layouts"]["tree"]["image_tokens"] == 16
    assert tree["lm_tokens"] == tree["lm_tokens_with_padding"] < rows["lm_tokens"]
    assert report["ideal_ratio"] == pytest.approx(rows["lm_tokens"] / tree["lm_tokens"])
    assert report["speedup_vs_rows"] > 0
    assert report["fraction_of_ideal"] == pytest.approx(report["speedup_vs_rows"] / report["ideal_ratio"])
    assert report["speedup_vs_trl"] is None
    assert {"settings", "machine", "parameters", "speedups", "decoder_fraction_of_ideal"} <= set(report)


@pytest.mark.skipif(not HAS_TRL, reason="TRL is the opponent: pip install 'finesight[oracle]'")
def test_trl_is_the_same_work_too(run_benchmark):
    report = run_benchmark("sft_tree.py", *SMALL, "--contenders", "trl,tree")
    assert report["loss_difference"] < 1e-5
    assert report["gradient_difference"] < 1e-5
    assert report["contenders"]["trl"]["pictures_encoded"] == 2
    assert report["speedup_vs_trl"] > 0


@pytest.mark.skipif(HAS_TRL, reason="TRL is installed")
def test_without_trl_it_says_what_to_install():
    program = [sys.executable, str(ROOT / "benchmarks" / "sft_tree.py"), "--contenders", "trl,tree"]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "finesight[oracle]" in ran.stderr
