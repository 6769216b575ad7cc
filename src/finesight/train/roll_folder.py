"""The questions of a data folder to a folder of rollouts: a stage of training that goes on where it was killed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from finesight.data.folder import SAMPLES, image_path
from finesight.data.images import load_picture
from finesight.data.readers import Skipped, read_samples
from finesight.data.readers.samples import COMBINED
from finesight.data.rollouts import WHOLE, RolloutLog, RolloutRecord, Scoring, Shard
from finesight.errors import InputError
from finesight.model.protocol import Sampler
from finesight.model.samplers import mark_of_weights
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling
from finesight.schema.sample import Sample, Subclass
from finesight.scoring.rewards import RewardSettings, load_rewards, score_group
from finesight.text.thinking import thinking_prompt
from finesight.train.rollout import Indexed, Rollout, shard_of

Watch = Callable[[Iterable[Any], int], Iterable[Any]]
"""Hands on batches of groups as they come, `total` groups in all: the seam for a progress bar."""


class RolloutConfig(BaseModel):
    """What is sampled, how, and how it is scored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampling: Sampling = Sampling()
    seed: int = Field(default=0, description="of all random streams")
    thinking: bool = Field(default=False, description="ask for thoughts before the answer")
    subclasses: tuple[Subclass, ...] = Field(default=(), description="only these; empty: all")
    pictures: int | None = Field(
        default=None,
        ge=1,
        description="only the samples of so many pictures, drawn by seed; of more, these too",
    )
    limit: int | None = Field(default=None, ge=1, description="only so many samples, from the first one")
    rows: int = Field(default=32, ge=1, description="answers written at a time")
    reward: RewardSettings = RewardSettings()
    rewards: dict[str, str] = Field(
        default={}, description="rewards of your own by subclass, by import string"
    )

    @property
    def scoring(self) -> Scoring:
        return Scoring(settings=self.reward.model_dump(), own=self.rewards)


class RolledOut(NamedTuple):
    """What became of the samples asked for.

    sampled: groups of this run; before: that were there already; skipped: why others are not, by sample. file: where
    the groups of the shard are.
    """

    sampled: int
    before: int
    skipped: dict[str, str]
    file: Path


def roll_folder(
    data: Path,
    out: Path,
    model: str,
    config: RolloutConfig,
    load: Callable[[int], Sampler],
    shard: Shard = WHOLE,
    watch: Watch = lambda batches, total: batches,
) -> RolledOut:
    """Sample and score the questions of a data folder that `out` does not have yet.

    What is sampled to a question depends on the model, the sampling, the seed and the question's place in the data:
    not on the subclasses, pictures, limit, rows and shards, which may be others when the work goes on.

    Args:
        model: name of what `load` loads, where there is something to sample; it is told how many answers are there
            already.

    Raises:
        InputError: no samples, or none that is asked for. ConfigError: `out` is of other settings.
    """
    own = load_rewards(config.rewards)  # what is wrong with them shows before anything is sampled
    file = data / SAMPLES / COMBINED
    wanted, unread = _wanted(file, config)
    with RolloutLog(out, _record(file, model, config, shard), shard) as log:
        asked = shard_of(wanted, shard.index, shard.count)
        left = [one for one in asked if one[0] not in log.done]
        before = len(log.done)
        for record in unread:
            log.skip(f"record {record.index}", record.reason)
        if left:
            rollout = Rollout(
                load(before * config.sampling.samples),
                config.sampling,
                config.seed,
                config.rows,
                _thoughtful if config.thinking else _plain,
                partial(score_group, settings=config.reward, own=own),
                lambda one, reason: log.skip(f"sample {one[0]}, {one[1].image}", reason),
            )
            for groups in watch(rollout.batches(left, partial(_picture, data)), len(left)):
                log.add(groups)
        return RolledOut(len(log.done) - before, len(asked) - len(left), log.skipped, log.path)


def _record(file: Path, model: str, config: RolloutConfig, shard: Shard) -> RolloutRecord:
    return RolloutRecord(
        data=hashlib.sha256(file.read_bytes()).hexdigest(),
        model=model,
        weights=mark_of_weights(model),
        sampling=config.sampling,
        seed=config.seed,
        thinking=config.thinking,
        shards=shard.count,
        scoring=config.scoring,
    )


def _wanted(file: Path, config: RolloutConfig) -> tuple[list[Indexed], list[Skipped]]:
    """The samples that are wanted, each with its place among all that can be read, and what cannot be read."""
    if not file.is_file():
        raise InputError(f"{file}: not found; `finesight data questions` writes it")
    reading = read_samples(file)
    wanted = [
        one for one in enumerate(reading) if not config.subclasses or one[1].subclass in config.subclasses
    ]
    drawn = _drawn({sample.image for _, sample in wanted}, config)
    wanted = [one for one in wanted if one[1].image in drawn][: config.limit]
    if not wanted:
        named = f" of {', '.join(config.subclasses)}" if config.subclasses else ""
        raise InputError(f"{file}: no usable sample{named}; {len(reading.skipped)} records cannot be read")
    return wanted, reading.skipped


def _drawn(images: set[str], config: RolloutConfig) -> set[str]:
    """Pictures drawn by hash, so that whether one is among them hangs on no other one but by the count."""
    ranks = {image: hashlib.blake2b(f"{config.seed}:{image}".encode()).digest() for image in images}
    return set(sorted(images, key=ranks.__getitem__)[: config.pictures])


def _picture(data: Path, image: str) -> Picture:
    return load_picture(image_path(data, image))


def _plain(sample: Sample) -> str:
    return sample.question


def _thoughtful(sample: Sample) -> str:
    return thinking_prompt(sample.question)
