"""The settings of a run: what is trained on what, in which steps, with how much memory, and what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from finesight.model.attention import Attention
from finesight.model.nano.build import NanoSize
from finesight.schema.sample import Subclass
from finesight.train.parts import Part

Tracker = Literal["tensorboard", "wandb"]
Precision = Literal["fp32", "bf16"]
Factor = Annotated[float, Field(ge=0)]


class LoraSettings(BaseModel):
    """Adapters on linear layers of the decoder; all else is frozen.

    References:
        Hu et al., "LoRA", arXiv 2106.09685, section 4.1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, gt=0)
    alpha: int = Field(default=32, gt=0, description="the adapter counts alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1)
    layers: tuple[str, ...] = Field(
        default=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        min_length=1,
        description="names of the decoder's linear layers that get one",
    )


class RunSettings(BaseModel):
    """What every recipe needs to know, whatever its steps are made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(description="folder with images/ and samples/combined.json")
    out: Path = Field(description="run folder; the trained model is in its model/")

    # What is trained
    model: str | None = Field(
        default=None, description="folder or hub id to start from; none builds a new nano"
    )
    frozen: tuple[Part, ...] = Field(default=("vision",), description="parts that stay bit for bit")
    lora: LoraSettings | None = None

    # In which steps
    steps: int | None = Field(default=None, gt=0)
    batch: int = Field(default=16, gt=0, description="trees a step, over all processes")
    questions: int = Field(default=5, gt=0, description="most branches of a tree")
    learning_rate: float = Field(default=1e-3, gt=0)
    rates: dict[Part, Factor] = Field(
        default={"projector": 0.1}, description="factor on learning_rate per part, 1 where not named"
    )
    warmup: int = Field(default=50, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest gradient norm")
    seed: int = Field(default=0, ge=0)
    tokens_per_tree: int = Field(
        default=8192,
        ge=64,
        description="most of them; a question that takes more with its picture is left out",
    )

    # On what machine
    tokens_per_pass: int = Field(
        default=16_384,
        ge=64,
        description="most tokens in one pass of one process; a step takes what it needs",
    )
    precision: Precision = "fp32"
    gradient_checkpointing: bool = False
    attention: Attention = "sdpa"
    distribution: Literal["ddp", "fsdp"] = "ddp"
    cache: Literal["disk", "ram", "none"] = Field(
        default="disk", description="where the features of a frozen tower are kept"
    )
    cache_gb: float = Field(default=50.0, ge=0, description="most of them, in 10^9 bytes a process")

    # What is looked at, and what is left behind
    eval_data: Path | None = Field(default=None, description="held-out folder, of the form of data")
    eval_every: int = Field(default=200, gt=0)
    eval_pictures: int = Field(default=100, gt=0, description="the first ones of eval_data")
    checkpoint_every: int = Field(default=200, gt=0)
    keep: int = Field(default=2, gt=0, description="checkpoints that are kept, besides the best")
    trackers: tuple[Tracker, ...] = ()

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.tokens_per_tree > self.tokens_per_pass:
            raise ValueError(
                f"tokens_per_tree {self.tokens_per_tree} does not fit into tokens_per_pass {self.tokens_per_pass}"
            )
        if self.lora and not self.model:
            raise ValueError("lora adapts a trained model: name one in model")
        return self


class SftConfig(RunSettings):
    """One SFT run. Rates are per step; a step is `batch` trees of at most `questions` branches each."""

    # What is trained
    nano: NanoSize = NanoSize()
    vocabulary: int = Field(default=2560, ge=512, description="tokens of a new nano's tokenizer")

    # In which steps
    epochs: float | None = Field(default=None, gt=0, description="instead of steps")
    draw: Literal["every", "some"] = Field(
        default="every",
        description="every question once an epoch; or some: `questions` of a picture once an epoch, by weight",
    )
    subclass_weights: dict[Subclass, Factor] = {}
    ruler_width: float = Field(
        default=8.0, ge=0, description="spread of coordinate targets in thousandths; 0: none"
    )
    dense_weight: float = Field(default=1.0, ge=0, description="weight of nano's dense loss")
    hinted: float = Field(
        default=1.0, ge=0, le=1, description="share of pictures whose findings nano is told at first"
    )
    verdicts: bool = Field(
        default=False,
        description="of choices, whether an option is right is learned where it ends, and decides the letter",
    )
    dense_steps: int = Field(default=0, ge=0, description="first steps that train nano's encoder alone")
    patience: int = Field(
        default=0, ge=0, description="evaluations without a better loss before the run stops; 0: never"
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        if self.steps is not None and self.dense_steps > self.steps:
            raise ValueError(f"dense_steps {self.dense_steps} is more than steps {self.steps}")
        if self.patience and not self.eval_data:
            raise ValueError("patience waits for a better held-out loss: give eval_data")
        if self.draw == "every" and any(weight != 1 for weight in self.subclass_weights.values()):
            raise ValueError('subclass_weights are chances to be drawn: set draw to "some" with them')
        return self
