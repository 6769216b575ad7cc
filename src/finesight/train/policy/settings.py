"""The settings of a GRPO run, beside those that every recipe has."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from finesight.data.mine.settings import MiningSettings
from finesight.schema.rollout import Sampling
from finesight.schema.sample import Subclass
from finesight.scoring.rewards import RewardSettings
from finesight.train.parts import Part
from finesight.train.policy.advantage import Scale
from finesight.train.policy.objective import ObjectiveSettings
from finesight.train.settings import Factor, RunSettings


class GrpoConfig(RunSettings):
    """One GRPO run. A step is `batch` trees of `questions` questions, `sampling.samples` answers behind each.

    bilibili published no formula and no value; where a field cites no paper, its default is our own.
    """

    model: str = Field(description="folder or hub id to start from")

    # What is trained: the article froze the vision encoder; what stands behind it stays as well.
    frozen: tuple[Part, ...] = ("vision", "projector")

    # In which steps
    steps: int = Field(gt=0)
    tokens_per_tree: int = Field(
        default=4096, ge=64, description="most of a picture with a question; a longer one is left out"
    )
    batch: int = Field(default=8, gt=0, description="trees a step, over all processes")
    questions: int = Field(default=4, gt=0, description="questions of a tree")
    learning_rate: float = Field(default=1e-6, gt=0)
    rates: dict[Part, Factor] = Field(default={}, description="factor on learning_rate per part")
    warmup: int = Field(default=10, ge=0, description="steps of linear rise; then the rate stays")
    weight_decay: float = Field(default=0.0, ge=0)

    # What is sampled
    sampling: Sampling = Sampling()
    rows: int = Field(default=64, gt=0, description="answers that are decoded at the same time")
    thinking: bool = Field(default=False, description="ask for a chain of thought before the answer")
    epsilon: float = Field(
        default=0.01, ge=0, description="a group whose rewards are closer together teaches nothing"
    )
    refills: int = Field(
        default=3, ge=0, description="further rounds of a step to replace groups that teach nothing"
    )

    servers: tuple[str, ...] = Field(
        default=(), description="URLs of OpenAI-compatible servers that sample instead of this process"
    )
    sync_every: int = Field(default=1, gt=0, description="steps between updates of their weights")
    sync_tolerance: float = Field(
        default=0.05, gt=0, description="most that their log-probabilities may differ behind one, in nats"
    )

    # What is rewarded
    rewards: RewardSettings = RewardSettings()
    own_rewards: dict[Subclass, str] = Field(
        default={}, description="package.module:function in place of a subclass' reward"
    )
    unparsed: float | None = Field(
        default=0.0, ge=0, le=1, description="what an answer that cannot be read counts as; none: not at all"
    )
    overlong: Literal["mask", "shape", "keep"] = Field(
        default="keep", description="answers without an end: no gradient, less reward, or as they are"
    )
    overlong_buffer: int = Field(
        default=64, gt=0, description="last tokens over which shape lowers the reward"
    )

    # What is made of it
    scale: Scale = Field(default="none", description="what advantages are divided by")
    objective: ObjectiveSettings = ObjectiveSettings()
    updates: int = Field(default=1, gt=0, description="of the weights, from the answers of a step")

    # What is asked
    mining: MiningSettings | None = Field(
        default=None, description="choose again from `data` while training; none takes all of it"
    )
    refresh_every: int = Field(default=50, gt=0, description="steps between choosing again, with mining")
    refresh_questions: int = Field(default=512, gt=0, description="of `data` that are tried for it")

    eval_every: int = Field(default=50, gt=0)
    checkpoint_every: int = Field(default=20, gt=0)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.sampling.samples < 2:
            raise ValueError("sampling.samples: a group of one has nothing to compare; take at least 2")
        if self.sampling.temperature == 0:
            raise ValueError("sampling.temperature 0 gives the same answer every time; take 1")
        if self.tokens_per_tree + self.sampling.max_new_tokens > self.tokens_per_pass:
            raise ValueError(
                f"tokens_per_tree {self.tokens_per_tree} and an answer of sampling.max_new_tokens "
                f"{self.sampling.max_new_tokens} do not fit into tokens_per_pass {self.tokens_per_pass}"
            )
        if self.lora and self.lora.dropout:
            raise ValueError("lora.dropout has to be 0: answers are drawn without it")
        if self.lora and self.servers:
            raise ValueError("servers take whole models and not adapters: leave out lora or servers")
        if self.overlong == "shape" and self.overlong_buffer >= self.sampling.max_new_tokens:
            raise ValueError("overlong_buffer has to be shorter than sampling.max_new_tokens")
        return self
