"""What others may import: a change here is a change of the public interface."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest

import finesight

ROOT = Path(__file__).parents[1]

PUBLIC = {
    "finesight.data.questions": ["PER_CLASS", "questions_of"],
    "finesight.data.readers": [
        "Rating",
        "Reading",
        "Skipped",
        "infer_subclass",
        "read_metadata",
        "read_mos",
        "read_reference",
        "read_rollouts",
        "read_samples",
        "read_submission",
        "rollout_files",
        "write_metadata",
        "write_samples",
    ],
    "finesight.data.synthesise": [
        "DISTORTIONS",
        "Distorter",
        "SynthesisConfig",
        "SynthesisReport",
        "distort",
        "synthesise",
    ],
    "finesight.train.estimate": [
        "DataShape",
        "Estimate",
        "Flops",
        "GPUS",
        "Gpu",
        "IMAGE_TOKENS",
        "LayoutEstimate",
        "MODEL_SIZES",
        "Machine",
        "Memory",
        "ModelSize",
        "Recipe",
        "estimate",
        "find_gpu",
        "find_size",
        "flops",
        "forward_flops",
        "hours",
        "layouts",
        "memory",
        "pictures_of_samples",
        "pictures_of_shape",
        "recipe_of",
        "size_of",
        "trained_weights",
    ],
    "finesight.scoring.rewards": [
        "REWARDS",
        "Reward",
        "RewardFunction",
        "RewardSettings",
        "load_rewards",
        "reward_of",
        "score_group",
    ],
    "finesight.scoring.mipi": [
        "Difference",
        "INDICATORS",
        "Indicators",
        "StrictIndicators",
        "score_difference",
        "score_official",
        "score_strict",
    ],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_the_names_a_package_exports_are_these(module):
    assert sorted(importlib.import_module(module).__all__) == PUBLIC[module]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_exported_name_is_there(module):
    imported = importlib.import_module(module)
    assert all(hasattr(imported, name) for name in imported.__all__)


def test_every_package_that_exports_names_is_listed():
    package = Path(finesight.__file__).parent
    exporting = {
        ".".join(("finesight", *init.parent.relative_to(package).parts))
        for init in package.rglob("__init__.py")
        if "__all__" in init.read_text(encoding="utf-8")
    }
    assert exporting == set(PUBLIC)


def test_the_version_is_the_one_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert finesight.__version__ == project["version"]


def test_type_checkers_of_others_see_our_types():
    assert (Path(finesight.__file__).parent / "py.typed").is_file()
