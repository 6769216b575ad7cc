"""A learnt way of choosing among the ways of doing a plan, and what it has been shown to be worth."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from finesight.schema.video import Frozen


class ArmModel(Frozen):
    """What one way is worth by the features: a line and how sure it is.

    weights: of 1 and the standardised features. spread: (1 + features) squared, times which the squared deviation
    `noise` is the covariance of the weights. penalty: of the ridge; tries: learnt from.
    """

    weights: tuple[float, ...]
    spread: tuple[tuple[float, ...], ...]
    noise: float = Field(ge=0)
    penalty: float = Field(gt=0)
    tries: int = Field(gt=0)


class Value(Frozen):
    """The mean reward of a first try under a policy, by three estimators.

    ips: inverse propensities; snips: the same over the sum of weights; dr: doubly robust. low, high: 95 % interval of
    dr. effective: so many tries the weighted ones count as.
    """

    ips: float
    snips: float
    dr: float
    low: float
    high: float
    effective: float


class Policy(Frozen):
    """A policy. features: names; mean, scale: by which they are standardised.

    tries: first tries that it learnt from; drawn: those of them whose way was drawn, on which it was valued. learnt,
    rules: their values; gain: learnt less rules, doubly robust, with its 95 % interval.
    """

    schema_version: int = 1
    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    arms: Mapping[str, ArmModel]
    tries: int
    drawn: int = 0
    learnt: Value | None = None
    rules: Value | None = None
    gain: tuple[float, float, float] | None = None

    @property
    def better(self) -> bool:
        """Whether it is shown to be better than the rules: the interval of its gain is above 0."""
        return self.gain is not None and self.gain[1] > 0
