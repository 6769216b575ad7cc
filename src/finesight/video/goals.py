"""What a video is to become."""

from __future__ import annotations

from enum import StrEnum

from finesight.errors import ConfigError


class Goal(StrEnum):
    """Clean: its flaws mended, all else as it was. HDR10: that, and converted from SDR to HDR."""

    CLEAN = "clean"
    HDR10 = "hdr10"


def goal_named(name: str) -> Goal:
    """
    Raises:
        ConfigError: there is no such goal.
    """
    if name not in list(Goal):
        raise ConfigError(f"--goal {name}: is none; there is {', '.join(Goal)}")
    return Goal(name)
