"""Answers a policy sampled to one question, with what they earned: the rows of `rollouts.jsonl`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from finesight.schema.sample import Sample


class Sampling(BaseModel):
    """How answers are drawn from a model.

    The log-probabilities that are kept are those of the model's distribution at `temperature` (at 0: at 1) over the
    tokens that may be said, which those that stand for pictures are not, before `top_p` cuts its tail off: with
    `top_p` below 1 they are not those of the draw, and importance ratios are biased by it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int = Field(default=8, ge=1, description="answers to a question: the size of its group")
    temperature: float = Field(default=1.0, ge=0, description="0: the likeliest token")
    top_p: float = Field(default=1.0, gt=0, le=1, description="likeliest tokens of this mass are drawn from")
    max_new_tokens: int = Field(default=512, ge=1)


class SampledAnswer(BaseModel):
    """One answer of a group.

    text: as generated, without what stands for pictures. tokens, logprobs: ids, the end token included where it came,
    and the log-probability of each (see `Sampling`); empty where the back end does not tell. finished: whether it
    came to its end token. reward: 0..1; None: not scored, then `unscored` says why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    finished: bool = True
    reward: float | None = Field(default=None, ge=0, le=1)
    unscored: str | None = None


class RolloutGroup(BaseModel):
    """A question and the answers sampled to it.

    index: place of the sample in its data, from 0. seed: of the question; answer n is drawn from the random stream
    (seed, n). model: name of the policy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    index: int = Field(ge=0)
    sample: Sample
    model: str
    seed: int
    sampling: Sampling
    answers: tuple[SampledAnswer, ...]

    @property
    def rewards(self) -> tuple[float | None, ...]:
        return tuple(answer.reward for answer in self.answers)
