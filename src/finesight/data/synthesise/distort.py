"""One clean picture and a generator in, the picture with its distortions and their true labels out."""

from __future__ import annotations

from math import hypot

import cv2
import numpy as np

from finesight.data.content import describe_content
from finesight.data.synthesise import judge, phrases
from finesight.data.synthesise.config import SynthesisConfig
from finesight.data.synthesise.distorters import DISTORTIONS
from finesight.data.synthesise.place import Placement, conflict, find_place, whole_image
from finesight.data.synthesise.plan import Wish, draw_wishes
from finesight.data.synthesise.region import Rgb, blend
from finesight.data.synthesise.scene import Scene
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import Level

_TRIES = 4  # places tried for one distortion before it is given up


def distort(rgb: Rgb, rng: np.random.Generator, config: SynthesisConfig) -> tuple[Rgb, Annotation]:
    """A distorted copy of a clean picture, and what was done to it.

    The annotation's `image` and `source` are blank: files are the caller's business.

    Args:
        rgb: (height, width, 3) uint8, at least 64 pixels a side; left as it is.
        rng: all chance comes from here; one state gives one result.
        config: the mixture (`balance`, `clean_share`, `max_boxes`).
    """
    image, placements = plant(rgb, draw_wishes(rng, config), rng)
    return image, annotate(rgb, placements)


def plant(rgb: Rgb, wishes: list[Wish], rng: np.random.Generator) -> tuple[Rgb, list[Placement]]:
    """A copy of the picture with every wish that could be planted truly, and where each went.

    Global distortions claim their place first, since they cannot move; then all are applied in the order in
    which they happen in reality, each local one trying a few places until it can be seen.
    """
    height, width = rgb.shape[:2]
    image, scene, diagonal = rgb.copy(), Scene.of(rgb), hypot(width, height)
    claimed = _claim_global(wishes, width, height, rng)
    planted: list[Placement] = []
    for kind, distorter in DISTORTIONS.items():
        for placement in [p for p in claimed if p.type is kind]:
            if _apply(image, placement, diagonal, rng):
                planted.append(placement)
            else:
                claimed.remove(placement)
        for wish in [w for w in wishes if w.type is kind and not w.is_global]:
            for _ in range(_TRIES):
                region = find_place(wish, distorter.visibility(scene), claimed, (width, height), rng)
                if region is None:
                    break
                placement = Placement(kind, wish.severity, region)
                if _apply(image, placement, diagonal, rng):
                    planted.append(placement)
                    claimed.append(placement)
                    break
    return image, planted


def annotate(rgb: Rgb, placements: list[Placement]) -> Annotation:
    """The record of a clean picture that carries these distortions, most significant first."""
    height, width = rgb.shape[:2]
    distortions = [_label(p, p.region.box(width, height)) for p in placements]
    penalties = [judge.penalty(d.type, d.severity, d.box) for d in distortions]
    mos = round(judge.mean_opinion_score(penalties), 3)
    return Annotation(
        image="",
        width=width,
        height=height,
        mos=mos,
        level=Level.of_mos(mos),
        distortions=tuple(sorted(distortions, key=lambda d: -d.significance)),
        content=describe_content(rgb),
    )


def _claim_global(wishes: list[Wish], width: int, height: int, rng: np.random.Generator) -> list[Placement]:
    claimed: list[Placement] = []
    for wish in wishes:
        if wish.is_global:
            region = whole_image(wish, width, height, rng)
            if not any(conflict(wish, region, other) for other in claimed):
                claimed.append(Placement(wish.type, wish.severity, region))
    return claimed


def _apply(image: Rgb, placement: Placement, diagonal: float, rng: np.random.Generator) -> bool:
    """Distort the image in place; False, and nothing changed, where it would not be seen."""
    distorter, region = DISTORTIONS[placement.type], placement.region
    before = image[region.window]
    changed = distorter.apply(before, placement.severity, rng, diagonal)
    after = blend(before, changed, region.mask)
    change = cv2.norm(before, after, cv2.NORM_L2) / before.size**0.5
    if change < distorter.floors[placement.severity.rank - 1]:
        return False
    image[region.window] = after
    return True


def _label(placement: Placement, box: Box) -> Distortion:
    kind, severity = placement.type, placement.severity
    return Distortion(
        type=kind,
        severity=severity,
        box=box,
        significance=judge.significance(kind, severity, box),
        position=phrases.position(box),
        manifestation=phrases.manifestation(kind, severity),
        impact=phrases.impact(severity),
    )
