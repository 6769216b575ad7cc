"""The six indicators of the MIPI 2025 challenge, as the organisers count them and as we would."""

from finesight.scoring.mipi.official import score_official
from finesight.scoring.mipi.result import INDICATORS, Difference, Indicators, StrictIndicators
from finesight.scoring.mipi.strict import score_difference, score_strict

__all__ = [
    "INDICATORS",
    "Difference",
    "Indicators",
    "StrictIndicators",
    "score_difference",
    "score_official",
    "score_strict",
]
