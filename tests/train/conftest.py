"""A small training set made on the spot, tiny policies, and settings for runs of seconds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from finesight.train.grpo import GrpoConfig
    from finesight.train.sft import SftConfig


@pytest.fixture
def data(training_set: Path, tmp_path: Path) -> Path:
    """A copy of the training set, to be damaged."""
    return Path(shutil.copytree(training_set, tmp_path / "data"))


@pytest.fixture(scope="session")
def settings_for() -> Callable[..., SftConfig]:
    """`settings_for(data, out, **fields)`: a run of a few steps on a nano of width 64."""
    from finesight.train.sft import SftConfig

    def make(data: Path, out: Path, **fields: Any) -> SftConfig:
        nano = {"width": 96, "layers": 2, "heads": 2, "encoder_layers": 1}
        small = {"nano": nano | {"max_pixels": 112 * 112, "min_pixels": 56 * 56}, "vocabulary": 1600}
        pace = {"steps": 6, "batch": 4, "questions": 2, "warmup": 2, "learning_rate": 3e-3}
        return SftConfig.model_validate({"data": data, "out": out} | small | pace | fields)

    return make


REWARD = '''
from finesight.scoring.rewards import Reward


def early_letters(sample, answer, settings):
    """The share of letters of the first half of the alphabet among all that is said."""
    said = [c for c in answer.lower() if c.isalpha()]
    return Reward(sum(c < "n" for c in said) / len(said)) if said else Reward(None, "no letter")
'''


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module `toy_reward`, to be put on the path."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "toy_reward.py").write_text(REWARD)
    return folder


@pytest.fixture
def toy(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The reward in place of those of all subclasses but `qa`."""
    from finesight.schema.sample import Subclass

    monkeypatch.syspath_prepend(str(toy_folder))
    return {name.value: "toy_reward:early_letters" for name in Subclass if name is not Subclass.QA}


@pytest.fixture(scope="session")
def policies(
    build_tiny: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """`policies(family)`: the folder of a random tiny model."""
    from finesight.model.load import save_model

    home = tmp_path_factory.mktemp("policies")

    def saved(family: str) -> Path:
        folder: Path = home / family
        if not folder.exists():
            save_model(build_tiny(family), folder)
        return folder

    return saved


@pytest.fixture
def grpo_for(
    training_set: Path, policies: Callable[[str], Path], toy: dict[str, str]
) -> Callable[..., GrpoConfig]:
    """`grpo_for(out, family="finesight_nano", **fields)`: a run of a few steps."""
    from finesight.train.grpo import GrpoConfig

    def make(out: Path, family: str = "finesight_nano", **fields: Any) -> GrpoConfig:
        pace = {"steps": 4, "batch": 2, "questions": 2, "warmup": 1, "learning_rate": 1e-3, "rows": 16}
        drawn = {"samples": 4, "max_new_tokens": 6}
        return GrpoConfig.model_validate(
            {
                "data": training_set,
                "out": out,
                "model": str(policies(family)),
                "own_rewards": toy,
                "cache": "ram",
            }
            | pace
            | fields
            | {"sampling": drawn | fields.get("sampling", {})}
        )

    return make
