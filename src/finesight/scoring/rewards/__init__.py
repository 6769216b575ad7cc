"""What a sampled answer earns, 0..1, one rule a subclass: pure functions of answer and reference."""

from finesight.scoring.rewards.judge import reward_of, score_group
from finesight.scoring.rewards.own import load_rewards
from finesight.scoring.rewards.reward import Reward, RewardFunction
from finesight.scoring.rewards.rules import REWARDS
from finesight.scoring.rewards.settings import RewardSettings

__all__ = [
    "REWARDS",
    "Reward",
    "RewardFunction",
    "RewardSettings",
    "load_rewards",
    "reward_of",
    "score_group",
]
