"""By how much an answer was better than the others to its question: pure functions of rewards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Scale = Literal["none", "group", "batch"]
"""What advantages are divided by, in TRL's words: nothing, the deviation within the group, or that of the batch."""

STEADY = 1e-4
"""Added to a deviation before it divides, as in TRL."""

Rewards = Sequence[float | None]


def centred(rewards: Rewards) -> list[float | None]:
    """Each reward less the mean of its group; None where an answer was not scored, which counts in no mean.

    They sum to 0, and where all rewards are the same they are exactly 0.

    Raises:
        ValueError: fewer than two answers, of which none can be better than another.

    References:
        Shao et al., "DeepSeekMath", arXiv 2402.03300, section 4.1.2 (outcome supervision), without its division;
        Liu et al., "Understanding R1-Zero-Like Training", arXiv 2503.20783, section 3.2 (why without).
    """
    if len(rewards) < 2:
        raise ValueError(f"a group of {len(rewards)} has nothing to compare: sample at least two answers")
    scored = [r for r in rewards if r is not None]
    if not scored or max(scored) == min(scored):
        return [None if r is None else 0.0 for r in rewards]
    mean = math.fsum(scored) / len(scored)
    return [None if r is None else r - mean for r in rewards]


def advantages(groups: Sequence[Rewards], scale: Scale = "none") -> list[list[float | None]]:
    """The advantage of every answer of the groups of a step; see `centred`.

    Args:
        scale: none leaves a group's advantages as large as its rewards are apart; group divides by their
            deviation, so that every group weighs the same; batch by that of all rewards of the step.

    References:
        arXiv 2402.03300, section 4.1.2 (group); Hu et al., "REINFORCE++", arXiv 2501.03262 (batch).
    """
    compared = [centred(rewards) for rewards in groups]
    if scale == "none":
        return compared
    together = deviation([r for rewards in groups for r in rewards])
    divisors = [together if scale == "batch" else deviation(rewards) for rewards in groups]
    return [
        [None if a is None else a / (divisor + STEADY) for a in group]
        for group, divisor in zip(compared, divisors, strict=True)
    ]


def deviation(rewards: Rewards) -> float:
    """Standard deviation of the scored rewards, of a sample (n - 1); 0 where there are fewer than two."""
    scored = [r for r in rewards if r is not None]
    if len(scored) < 2:
        return 0.0
    mean = math.fsum(scored) / len(scored)
    return math.sqrt(math.fsum((r - mean) ** 2 for r in scored) / (len(scored) - 1))
