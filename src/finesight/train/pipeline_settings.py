"""The settings of a pipeline: what all its stages share, and a section for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from finesight.data.merge.merging import Caps
from finesight.data.mine.settings import MiningSettings
from finesight.schema.sample import Subclass
from finesight.schema.workload import Layout
from finesight.scoring.rewards import REWARDS, RewardSettings
from finesight.train.policy.settings import GrpoConfig
from finesight.train.roll_folder import RolloutConfig
from finesight.train.settings import SftConfig

Choosable = Literal["sft", "rollouts", "mine", "grpo", "eval"]
CHOOSABLE: tuple[Choosable, ...] = get_args(Choosable)
STAGES = ("merge", "base", *CHOOSABLE)
"""In the order in which they are run; `merge` and `base` are there where layout and [base] want them."""

MERGED, BASE, SFT, ROLLOUTS, MINED, GRPO, EVAL = "merged", "base", "sft", "rollouts", "mined", "grpo", "eval"
MODEL = "model"


class PipelineConfig(BaseModel):
    """From a training folder and a bench to a table of what each stage was good for.

    A section has the fields of its recipe, but for those that follow from what stands here: where data, model and
    rewards come from and where results go. `seed` is that of every section that has none of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(description="training folder with images/ and samples/combined.json")
    bench: Path = Field(description="folder that `finesight data bench` wrote")
    out: Path = Field(description="folder for everything the pipeline makes")
    model: str | None = Field(default=None, description="base model, folder or hub id; none: a new nano")
    stages: tuple[Choosable, ...] = Field(
        default=CHOOSABLE, min_length=1, description="what the pipeline consists of"
    )
    seed: int = Field(default=0, ge=0, description="of all sections without one")
    layout: Layout = Field(
        default="tree", description="of the questions of a picture in supervised fine-tuning"
    )
    caps: Caps = Field(default=Caps(), description="most questions and tokens of a merged prompt")
    base: SftConfig | None = Field(
        default=None,
        description="a first, short training whose model is the base; as sft but for what it says",
    )
    sft: SftConfig | None = None
    rollout: RolloutConfig = RolloutConfig()
    rewards: RewardSettings = RewardSettings()
    own_rewards: dict[Subclass, str] = Field(
        default={}, description="package.module:function in place of a subclass' reward"
    )
    mining: MiningSettings = MiningSettings()
    grpo: GrpoConfig | None = None
    answer_tokens: int = Field(default=512, gt=0, description="longest answer to a question of the bench")

    @model_validator(mode="before")
    @classmethod
    def _placed(cls, given: Any) -> Any:
        """Every section with what follows from the others; the user's own words go where they may."""
        if not isinstance(given, Mapping):
            return given
        values = dict(given)
        seed = {"seed": values["seed"]} if "seed" in values else {}
        for name in ("rollout", "mining"):
            values.setdefault(name, {})
        for name, follows in _followers(values).items():
            if isinstance(values.get(name), Mapping):
                values[name] = _joined(name, {**seed, **_lent(name, values), **values[name]}, follows)
        return values

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if len(set(self.stages)) < len(self.stages):
            raise ValueError(f"stages: {', '.join(self.stages)} has one of them twice")
        for name in ("sft", "grpo"):
            if name in self.stages and getattr(self, name) is None:
                raise ValueError(f"give [{name}] with its steps, or leave {name} out of stages")
        if "mine" in self.stages and "rollouts" not in self.stages:
            raise ValueError("stages: mine needs rollouts, of whose answers it chooses")
        if self.base is not None and self.model is not None:
            raise ValueError("base trains a new nano and model names a base: give one of them")
        return self

    @property
    def start(self) -> str | None:
        """The base model; None where there is none, and supervised fine-tuning begins with a new nano."""
        return str(self.out / BASE / MODEL) if self.base else self.model

    @property
    def taught(self) -> str:
        """The model behind supervised fine-tuning, that rollouts and GRPO begin with."""
        return str(self.out / SFT / MODEL) if "sft" in self.stages else str(self.start)


def _followers(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What of each training section follows from the values outside it; paths as a file would have them."""
    data, out = str(values.get("data", ".")), Path(str(values.get("out", ".")))
    stages, layout = values.get("stages"), values.get("layout")
    stages = stages if isinstance(stages, list | tuple) else CHOOSABLE
    start = str(out / BASE / MODEL) if values.get("base") else values.get("model")
    taught = str(out / SFT / MODEL) if "sft" in stages else start
    if not taught:
        raise ValueError("stages without sft go on from a trained model: name it in model, or give [base]")
    supervised: dict[str, Any] = {"data": str(out / MERGED) if layout == "merge" else data}
    supervised |= {"questions": 1} if layout == "separate" else {}
    rewards, own = values.get("rewards", {}), values.get("own_rewards", {})
    return {
        "base": supervised | {"out": str(out / BASE), "model": None},
        "sft": supervised | {"out": str(out / SFT), "model": start},
        "grpo": {
            "data": str(out / MINED) if "mine" in stages else data,
            "out": str(out / GRPO),
            "model": taught,
            "rewards": rewards,
            "own_rewards": own,
        },
        "rollout": {
            "reward": rewards,
            "rewards": own,
            "thinking": _section(values, "grpo").get("thinking", False),
        },
        "mining": {},
    }


def _lent(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a section takes from another one where it has nothing of its own to say.

    Rollouts are to be to mining what the answers of the policy will be to GRPO.
    """
    grpo, own = _section(values, "grpo"), _section(values, "own_rewards")
    lent: dict[str, dict[str, Any]] = {
        "base": _section(values, "sft"),
        "rollout": {name: grpo[name] for name in ("sampling",) if name in grpo}
        | {"subclasses": [kind.value for kind in Subclass if kind in REWARDS or kind in own]},
        "mining": {name: grpo[name] for name in ("unparsed",) if name in grpo},
    }
    return lent.get(name, {})


def _section(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = values.get(name)
    return dict(section) if isinstance(section, Mapping) else {}


def _joined(name: str, section: Mapping[str, Any], follows: Mapping[str, Any]) -> dict[str, Any]:
    """A section with what follows; ValueError where it says something else."""
    for field, value in follows.items():
        if field in section and str(section[field]) != str(value):
            raise ValueError(
                f"{name}.{field} follows from what stands outside [{name}], here {value}: leave it out"
            )
    return {**section, **follows}
