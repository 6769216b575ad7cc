"""Photographs in, images with known distortions out. See docs/synthesis.md."""

from finesight.data.synthesise.config import SynthesisConfig
from finesight.data.synthesise.distorters import DISTORTIONS, Distorter
from finesight.data.synthesise.plant import distort
from finesight.data.synthesise.produce import SynthesisReport, synthesise

__all__ = ["DISTORTIONS", "Distorter", "SynthesisConfig", "SynthesisReport", "distort", "synthesise"]
