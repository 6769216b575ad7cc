"""Supervised fine-tuning, top to bottom: samples -> trees -> answer loss -> model folder.

All questions drawn for a picture hang as branches behind it, so the picture is laid out once a step; the
frozen part of the vision tower runs once a picture and run. Order and content of every step follow from the
seed alone, so a run killed at any moment goes on from its checkpoint to the same weights.
"""

from __future__ import annotations

import math
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from rich.console import Console
from rich.progress import track as progress_bar

from finesight.data.atomic import write_text
from finesight.data.readers import Skipped
from finesight.errors import InputError
from finesight.model.coordinates import Coordinates
from finesight.model.load import LoadedModel, load_model, save_model
from finesight.model.nano.build import NanoSize, build_nano
from finesight.model.nano.tokenizer import number_ids, train_tokenizer
from finesight.model.nano.vision import Dense
from finesight.model.tree import lay_out
from finesight.schema.sample import Sample, Subclass
from finesight.train.batch import Draw, hinted, make_trees, steps
from finesight.train.examples import Example, make_examples, read_folder
from finesight.train.features import FeatureStore
from finesight.train.loss import Ruler, answer_loss, dense_labels, dense_loss
from finesight.train.parts import Part, part_of
from finesight.train.state import clear, load_checkpoint, save_checkpoint
from finesight.train.track import Track


class SftConfig(BaseModel):
    """One SFT run. Rates are per step; a step is `batch` pictures with `questions` branches each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(description="folder with images/ and samples/combined.json")
    out: Path = Field(description="run folder; the trained model is in its model/")
    model: str | None = Field(
        default=None, description="folder or hub id to start from; none builds a new nano"
    )
    nano: NanoSize = NanoSize()
    vocabulary: int = Field(default=2560, ge=512, description="tokens of a new nano's tokenizer")
    steps: int = Field(gt=0)
    batch: int = Field(default=16, gt=0)
    questions: int = Field(default=5, gt=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    rates: dict[Part, Annotated[float, Field(ge=0)]] = Field(
        default={"vision": 0.1}, description="factor on learning_rate per part, 1 where not named"
    )
    warmup: int = Field(default=50, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest gradient norm")
    subclass_weights: dict[Subclass, Annotated[float, Field(ge=0)]] = {}
    ruler_width: float = Field(
        default=8.0, ge=0, description="spread of coordinate targets in thousandths; 0: none"
    )
    dense_weight: float = Field(default=1.0, ge=0, description="weight of nano's dense loss")
    hinted: float = Field(
        default=1.0, ge=0, le=1, description="share of pictures whose findings nano is told at first"
    )
    dense_steps: int = Field(default=0, ge=0, description="first steps that train nano's encoder alone")
    checkpoint_every: int = Field(default=200, gt=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _enough_steps(self) -> SftConfig:
        if self.dense_steps > self.steps:
            raise ValueError(f"dense_steps {self.dense_steps} is more than steps {self.steps}")
        return self


def train_sft(config: SftConfig) -> Path:
    """Run the recipe; returns the model folder. A run that was finished before is left as it is.

    Raises:
        InputError: no usable data. ConfigError, ModelError: settings or a model that do not fit.
    """
    target = config.out / "model"
    if (target / "config.json").is_file() and _same_config(config):
        return target
    config.out.mkdir(parents=True, exist_ok=True)
    samples, skipped = read_folder(config.data)
    model = start_model(config, samples)
    trained = _freeze(model)
    examples, store = prepare(config, model, samples, skipped)
    optimizer = make_optimizer(config, model)
    _forget_other_run(config)
    resumed = load_checkpoint(config.out, model.family, optimizer)
    begun = resumed.step if resumed else 0
    write_text(config.out / "config.json", config.model_dump_json(indent=2) + "\n")

    model.family.train()
    learner = Learner(config, model, examples, store)
    plan = steps(examples, config.batch, config.questions, config.seed, config.subclass_weights)
    with Track(config.out, "training", config.steps, begun) as track:
        for step, draws in zip(range(1, config.steps + 1), plan, strict=False):
            if step <= begun:
                continue
            began = time.monotonic()
            rate, dense_only = learning_rate(config, step), step <= config.dense_steps
            for group in optimizer.param_groups:
                group["lr"] = rate * (1.0 if dense_only else config.rates.get(group["part"], 1.0))
            losses = learner.losses(step, draws)
            total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(trained, config.clip)
            optimizer.step()
            numbers = {name: loss.item() for name, loss in losses.items()}
            speed = sum(len(d.branches) for d in draws) / (time.monotonic() - began)
            track.log(step, **numbers, learning_rate=rate, gradient_norm=norm.item(), samples_per_s=speed)
            said = " ".join(f"{name} {value:.3f}" for name, value in numbers.items())
            track.advance(step, f"{said}  {speed:.0f} samples/s")
            if step % config.checkpoint_every == 0 and step < config.steps:
                save_checkpoint(config.out, step, model.family, optimizer)
    model.family.eval()
    save_model(model, target)
    clear(config.out)
    return target


class Learner:
    """The losses of a step, by name."""

    def __init__(
        self, config: SftConfig, model: LoadedModel, examples: list[Example], store: FeatureStore
    ) -> None:
        self.config = config
        self.model = model
        self.examples = examples
        self.store = store
        vocabulary = model.family.model.config.text_config.vocab_size
        numbers = number_ids(model.tokenizer)
        single = config.ruler_width > 0 and len(numbers) == 1001
        device = model.family.device
        self.ruler = Ruler(numbers, vocabulary, config.ruler_width, device) if single else None

    def losses(self, step: int, draws: list[Draw]) -> dict[str, torch.Tensor]:
        """`loss` is the mean over the step's answer tokens; `dense` only for models with a dense head."""
        features = [self.store[self.examples[d.example].path] for d in draws]
        if step <= self.config.dense_steps:
            return {"dense": self._dense(self.model.family.look(features), draws)}
        trees = make_trees(self.model, self.examples, draws, self.store)
        layout = lay_out(trees).to(self.model.family.device)
        told = hinted(len(draws), hint_share(self.config, step), self.config.seed, step)
        hints = [self.examples[d.example].said if t else None for d, t in zip(draws, told, strict=True)]
        answers = self.model.family(layout, features, hints, partial(answer_loss, ruler=self.ruler))
        losses = {"loss": answers.read.mean()}
        if answers.dense is not None and self.config.dense_weight > 0:
            losses["dense"] = self.config.dense_weight * self._dense(answers.dense, draws)
        return losses

    def _dense(self, dense: Dense, draws: list[Draw]) -> torch.Tensor:
        grids = [_cells(self.store[self.examples[d.example].path].grid) for d in draws]
        labels = dense_labels([self.examples[d.example].said for d in draws], grids)
        return dense_loss(dense, labels)


def learning_rate(config: SftConfig, step: int) -> float:
    """Linear warm-up, then a cosine to a twentieth; the dense-only steps have a cycle of their own."""
    begin, end = (0, config.dense_steps) if step <= config.dense_steps else (config.dense_steps, config.steps)
    done, total = step - begin, end - begin
    if done <= config.warmup:
        return config.learning_rate * done / max(1, config.warmup)
    progress = (done - config.warmup) / max(1, total - config.warmup)
    return config.learning_rate * (0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2)


def hint_share(config: SftConfig, step: int) -> float:
    """Share of pictures told to nano: from `hinted` down to none, linearly over the joint steps.

    Copying is learned where what stands written is true, what to make of own proposals only from them.

    References:
        Bengio et al., "Scheduled Sampling", arXiv 1506.03099, section 2.4 (linear decay).
    """
    joint = config.steps - config.dense_steps
    return config.hinted * (config.steps - step) / joint if joint else 0.0


def make_optimizer(config: SftConfig, model: LoadedModel) -> torch.optim.AdamW:
    """AdamW over what is trained, a group for each part with and without weight decay."""
    groups: dict[tuple[Part, bool], list[torch.nn.Parameter]] = {}
    for name, p in model.family.model.named_parameters():
        if p.requires_grad:
            groups.setdefault((part_of(name), p.ndim > 1), []).append(p)
    return torch.optim.AdamW(
        [
            {"params": params, "part": part, "weight_decay": config.weight_decay if decayed else 0.0}
            for (part, decayed), params in groups.items()
        ],
        lr=config.learning_rate,
        betas=(0.9, 0.98),
    )


def start_model(config: SftConfig, samples: list[Sample]) -> LoadedModel:
    """The model to train: the one named, or a new nano with a tokenizer of these samples."""
    if config.model:
        base = load_model(config.model)
        # The data speaks thousandths, so what is trained on it does, whatever its base spoke.
        base.description = base.description.model_copy(update={"coordinates": Coordinates.THOUSANDTHS})
        return base
    texts = (text for s in samples for text in (s.question, s.answer))
    return build_nano(config.nano, train_tokenizer(texts, config.vocabulary), config.seed)


def prepare(
    config: SftConfig, model: LoadedModel, samples: list[Sample], skipped: list[Skipped]
) -> tuple[list[Example], FeatureStore]:
    """Examples whose picture can be read, and the features of those; what is left out is said on stderr."""
    console = Console(stderr=True)
    examples = make_examples(model, config.data, samples)
    store = FeatureStore(model, config.out / "features")
    paths = [e.path for e in examples]
    for path in progress_bar(paths, description="reading pictures", console=console):
        store.fill([path])
    for problem in [*store.failures.values(), *map(str, skipped)]:
        console.print(f"skipped {problem}", highlight=False, markup=False)
    usable = [e for e in examples if e.path in store]
    if not usable:
        raise InputError(f"{config.data}: none of its {len(examples)} pictures can be read")
    encoder = getattr(getattr(model.family.model.model, "visual", None), "encoder", None)
    if encoder is not None and config.model is None:
        encoder.standardise(torch.cat([store[e.path].cells for e in usable[:500]]).float())
    return usable, store


def _freeze(model: LoadedModel) -> list[torch.nn.Parameter]:
    """Freeze the vision tower (nano: its trunk) and return what is trained."""
    model.family.tower.requires_grad_(False)
    return [p for p in model.family.parameters() if p.requires_grad]


def _cells(grid: torch.Tensor) -> tuple[int, int]:
    return int(grid[1]) // 2, int(grid[2]) // 2


def _same_config(config: SftConfig) -> bool:
    path = config.out / "config.json"
    try:
        return path.is_file() and SftConfig.model_validate_json(path.read_text(encoding="utf-8")) == config
    except ValidationError:  # of another version
        return False


def _forget_other_run(config: SftConfig) -> None:
    """Remove what a run with other settings left in the run folder: none of it may pass for this one's."""
    if not _same_config(config):
        shutil.rmtree(config.out / "model", ignore_errors=True)
        clear(config.out)
