"""Supervised fine-tuning, top to bottom: samples -> trees -> answer loss -> model folder.

All questions drawn for a picture hang as branches behind it, so the picture is laid out once a step; what is
frozen of the vision tower runs once a picture and run. Order and content of every step follow from the seed
alone, whatever the number of processes and passes, so a run killed at any moment goes on from its checkpoint to
the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch.optim import AdamW

from finesight.model.load import LoadedModel
from finesight.model.nano.build import build_nano
from finesight.model.nano.tokenizer import train_tokenizer
from finesight.train.checkpoint import Progress
from finesight.train.evaluate import evaluate
from finesight.train.examples import read_folder
from finesight.train.learner import Data, Learner
from finesight.train.plan import Draw, Limits, steps, steps_an_epoch
from finesight.train.prepare import prepare
from finesight.train.run import open_run
from finesight.train.settings import SftConfig
from finesight.train.track import Track
from finesight.train.workbench import Workbench, load_base, set_up


def train_sft(config: SftConfig, resume: bool = False, strict: bool = False) -> Path:
    """Run the recipe; returns the model folder. A run that was finished before is left as it is.

    Args:
        resume: go on from the last checkpoint of the run folder, if there is one.
        strict: let any sample or picture that cannot be used be an error at the start.

    Raises:
        InputError: no usable data, or with `strict` something in it that is not. ConfigError, ModelError:
            settings, a run folder or a model that do not fit.
    """
    target = config.out / "model"
    if open_run(config, resume):
        return target
    session = begin(config, strict)
    bench = session.bench
    progress = learn(session)
    if config.patience and progress.best not in (None, progress.step):
        best = bench.checkpoints.of(progress.best or 0)
        bench.checkpoints.load(best, bench.model.family, bench.optimizer)
    bench.finish(target)
    return target


class Session(NamedTuple):
    """All that stands ready when training begins; config: with its number of steps."""

    config: SftConfig
    bench: Workbench
    learner: Learner
    evaluator: Learner | None


def begin(config: SftConfig, strict: bool = False) -> Session:
    """Model, data and optimiser of a run, on every rank."""
    bench = set_up(
        config,
        lambda device: start_model(config, device),
        lambda model, ranks, say: prepare(config, model, ranks, strict, say),
    )
    config = resolve_steps(config, bench.data)

    def learner(data: Data) -> Learner:
        return Learner(config, bench.model, bench.module, data, bench.ranks, bench.say)

    evaluator = learner(bench.held_out) if bench.held_out else None
    return Session(config, bench, learner(bench.data), evaluator)


def learn(session: Session) -> Progress:
    """Every step that is left, from the last checkpoint on; returns how far the run came."""
    config, learner, bench = session.config, session.learner, session.bench
    progress = bench.resume()
    learner.module.train()
    with Track(config.out, "training", config.steps or 0, progress.step, bench.ranks) as track:
        for step, draws, coming in _plan(config, learner.data, progress.step):
            if 0 < config.patience <= progress.stale:
                break
            began = time.monotonic()
            rate = _set_rates(bench.optimizer, config, step)
            losses = learner.gradients(step, draws)
            learner.ahead(coming)
            norm = bench.update(config.clip)
            speed = sum(len(d.branches) for d in draws) / (time.monotonic() - began)
            track.log(step, **losses, learning_rate=rate, gradient_norm=norm, samples_per_s=speed)
            progress = progress.model_copy(update={"step": step})
            if session.evaluator and (step % config.eval_every == 0 or step == config.steps):
                evaluation = evaluate(session.evaluator, limits(config))
                track.evaluated(step, evaluation.numbers())
                progress = progress.evaluated(evaluation.loss)
            best = config.patience > 0 and progress.best == step
            if best or (step % config.checkpoint_every == 0 and step != config.steps):
                bench.save(progress)
    return progress


def start_model(config: SftConfig, device: torch.device | str = "cpu") -> LoadedModel:
    """The model to train: the one named, or a new nano with a tokenizer of the data's texts."""
    if config.model:
        base = load_base(config, torch.device(device))
        return base if "language" in config.frozen else _saying(base, config.verdicts)
    texts = (text for s in read_folder(config.data) for text in (s.question, s.answer))
    nano = build_nano(config.nano, train_tokenizer(texts, config.vocabulary), config.seed)
    nano.family.to(device)
    return _saying(nano, config.verdicts)


def _saying(model: LoadedModel, verdicts: bool) -> LoadedModel:
    """The model with a note whether its decoder can be asked for verdicts, once it is trained."""
    model.description = model.description.model_copy(update={"verdicts": verdicts})
    return model


def resolve_steps(config: SftConfig, data: Data) -> SftConfig:
    """The config with its number of steps, where it gives epochs instead."""
    if config.steps is not None:
        return config
    weights = config.subclass_weights if config.draw == "some" else None
    an_epoch = steps_an_epoch(data.examples, config.batch, limits(config), config.seed, weights)
    number = max(config.dense_steps, math.ceil((config.epochs or 0) * an_epoch))
    return config.model_copy(update={"steps": number, "epochs": None})


def limits(config: SftConfig) -> Limits:
    return Limits(config.questions, config.tokens_per_tree)


def learning_rate(config: SftConfig, step: int) -> float:
    """Linear warm-up, then a cosine to a twentieth; the dense-only steps have a cycle of their own."""
    last = config.steps or 0
    begin, end = (0, config.dense_steps) if step <= config.dense_steps else (config.dense_steps, last)
    done, total = step - begin, end - begin
    if done <= config.warmup:
        return config.learning_rate * done / max(1, config.warmup)
    progress = (done - config.warmup) / max(1, total - config.warmup)
    return config.learning_rate * (0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2)


def _plan(config: SftConfig, data: Data, done: int) -> Iterator[tuple[int, list[Draw], list[Draw]]]:
    """The steps that are left: number, draws, and the draws of the next one."""
    weights = config.subclass_weights if config.draw == "some" else None
    plan = steps(data.examples, config.batch, limits(config), config.seed, weights)
    numbered = zip(range(1, (config.steps or 0) + 2), plan, strict=False)
    for (step, draws), (_, coming) in pairwise(numbered):
        if step > done:
            yield step, draws, coming


def _set_rates(optimizer: AdamW, config: SftConfig, step: int) -> float:
    """Give each part its rate, nano's encoder the full one before the decoder learns; returns the full one."""
    rate = learning_rate(config, step)
    alone = step <= config.dense_steps
    for group in optimizer.param_groups:
        group["lr"] = rate * (1.0 if alone and group["part"] == "projector" else group["factor"])
    return rate
