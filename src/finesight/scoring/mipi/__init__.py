"""The six indicators of the MIPI 2025 challenge, as the organisers count them and as we would."""

from finesight.scoring.mipi.official import score_official
from finesight.scoring.mipi.result import INDICATORS, Indicators, StrictIndicators
from finesight.scoring.mipi.strict import score_strict

__all__ = ["INDICATORS", "Indicators", "StrictIndicators", "score_official", "score_strict"]
