"""Series: one picture several times, each time with more of one distortion. What orders pictures learns from them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from finesight.data.synthesise.config import SynthesisConfig
from finesight.data.synthesise.film import FilmWay, in_part
from finesight.data.synthesise.place import Placement, claim
from finesight.data.synthesise.plan import SOLID_AREAS, draw_number, draw_wish
from finesight.data.synthesise.plant import ORDER, annotate, apply
from finesight.data.synthesise.region import Rgb
from finesight.data.synthesise.scene import Scene
from finesight.schema.annotation import Annotation
from finesight.schema.taxonomy import DistortionType, Severity

_ATTEMPTS = 20
_ALONE = 0.5  # share of the series without any other distortion
_WHOLE = 0.5  # share in which what grows covers the picture, as what encoders and scalers do


class _Planned(NamedTuple):
    """A distortion, and the seed of all chance in it, so that it is the same in every picture of the series."""

    placement: Placement
    seed: int


def grow(rgb: Rgb, rng: np.random.Generator, config: SynthesisConfig, step: int) -> tuple[Rgb, Annotation]:
    """Picture `step` of the series of a clean picture: without the distortion that grows (0), then with it minor,
    moderate and severe (of a film: in ever stronger parts of its range). All else is the same in all of them; where
    nothing shows, all are the clean picture.

    The annotation's `image`, `source` and `series` are blank: files are the caller's business.

    Args:
        rgb: (height, width, 3) uint8, at least 64 pixels a side; left as it is.
        rng: all chance comes from here; one state gives one series.
        config: the mixture (`balance`, `max_boxes`, `variety`).
    """
    planned = _plan(rgb, rng, config)
    if not planned:
        return rgb.copy(), annotate(rgb, [])
    growing, *others = planned
    if step:
        others.append(_Planned(_at_step(growing.placement, step), growing.seed))
    image = rgb.copy()
    affected = [
        apply(image, placement, np.random.default_rng(seed), anyway=True)
        for placement, seed in sorted(others, key=lambda p: ORDER[p.placement.wish.type])
    ]
    return image, annotate(rgb, [placement for placement in affected if placement])


def _plan(rgb: Rgb, rng: np.random.Generator, config: SynthesisConfig) -> list[_Planned]:
    """The distortion that grows, at its worst, and then the others; none where nothing shows."""
    scene = Scene.of(rgb)
    for _ in range(_ATTEMPTS):
        worst = draw_wish(rng, config.balance, config.variety, Severity.SEVERE)
        if rng.random() < _WHOLE and worst.type is not DistortionType.MEANINGLESS_SOLID_COLOR:
            worst = replace(worst, area=1.0, shape="rectangle")
        number = 0 if rng.random() < _ALONE else draw_number(rng, config) - 1
        wishes = [draw_wish(rng, config.balance, config.variety) for _ in range(number)]
        claimed = claim([worst, *wishes], scene, (rgb.shape[1], rgb.shape[0]), rng)
        seeds = rng.integers(2**63, size=len(claimed)).tolist()
        claimed.sort(key=lambda placement: placement.wish is not worst)
        planned = [_Planned(*pair) for pair in zip(claimed, seeds, strict=True)]
        if not planned or planned[0].placement.wish is not worst:
            continue
        if apply(rgb.copy(), planned[0].placement, np.random.default_rng(planned[0].seed)):
            return planned
    return []


def _at_step(worst: Placement, step: int) -> Placement:
    wish, region = worst.wish, worst.region
    if isinstance(wish.way, FilmWay):
        way, severity = in_part(wish.way, step - 1)
        return Placement(replace(wish, way=way, severity=severity), region)
    severity = list(Severity)[step - 1]
    if wish.type is DistortionType.MEANINGLESS_SOLID_COLOR:
        # All there is of its severity is its area.
        region = region.middle(sum(SOLID_AREAS[severity]) / sum(SOLID_AREAS[Severity.SEVERE]))
    return Placement(replace(wish, severity=severity), region)
