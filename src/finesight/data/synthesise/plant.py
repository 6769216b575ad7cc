"""One clean picture and a generator in, the picture with its distortions and their true labels out."""

from __future__ import annotations

from math import hypot

import numpy as np

from finesight.data.content import describe_content
from finesight.data.synthesise import phrases
from finesight.data.synthesise.config import SynthesisConfig
from finesight.data.synthesise.distorters import DISTORTIONS
from finesight.data.synthesise.place import Placement, claim, find_place
from finesight.data.synthesise.plan import Wish, draw_number, draw_wish
from finesight.data.synthesise.region import Region, Rgb, blend, changed_part
from finesight.data.synthesise.scene import Scene
from finesight.schema import opinion
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import Level
from finesight.text.place import place_of

_ATTEMPTS = 5  # at a picture that was to have distortions and on which none shows
_ROUNDS = 6  # in each, what found no place is replaced by other wishes
_TRIES = 4  # places tried for one distortion before it is given up
ORDER = {kind: i for i, kind in enumerate(DISTORTIONS)}
"""When a type reaches a picture, see `DISTORTIONS`."""


def distort(rgb: Rgb, rng: np.random.Generator, config: SynthesisConfig) -> tuple[Rgb, Annotation]:
    """A distorted copy of a clean picture, and what was done to it.

    The annotation's `image` and `source` are blank: files are the caller's business.

    Args:
        rgb: (height, width, 3) uint8, at least 64 pixels a side; left as it is.
        rng: all chance comes from here; one state gives one result.
        config: the mixture (`balance`, `clean_share`, `max_boxes`).
    """
    number = draw_number(rng, config)
    if number == 0:
        return rgb.copy(), annotate(rgb, [])
    scene = Scene.of(rgb)
    for _ in range(_ATTEMPTS):
        image, planted = plant(rgb, scene, _claim_number(number, rgb, scene, rng, config), rng)
        if planted:
            break
    return image, annotate(rgb, planted)


def _claim_number(
    number: int, rgb: Rgb, scene: Scene, rng: np.random.Generator, config: SynthesisConfig
) -> list[Placement]:
    """Places for that many distortions of the mixture, as far as they fit."""
    claimed: list[Placement] = []
    for _ in range(_ROUNDS):
        wishes = [draw_wish(rng, config.balance, config.variety) for _ in range(number - len(claimed))]
        claimed = claim(wishes, scene, (rgb.shape[1], rgb.shape[0]), rng, claimed)
    return claimed


def plant(
    rgb: Rgb, scene: Scene, claimed: list[Placement], rng: np.random.Generator
) -> tuple[Rgb, list[Placement]]:
    """A copy of the picture with every claim that could be planted truly, and the part each affects.

    They are applied in the order in which they happen in reality; one that does not show tries other places.
    """
    image, open_claims = rgb.copy(), list(claimed)
    planted: list[Placement] = []
    for placement in sorted(claimed, key=lambda p: ORDER[p.wish.type]):
        open_claims.remove(placement)
        done = _apply_somewhere(image, placement, open_claims + planted, scene, rng)
        if done is not None:
            planted.append(done)
    return image, planted


def annotate(rgb: Rgb, placements: list[Placement]) -> Annotation:
    """The record of a clean picture that carries these distortions, most significant first."""
    height, width = rgb.shape[:2]
    distortions = [_label(p.wish, p.region.box(width, height)) for p in placements]
    penalties = [opinion.penalty(d.type, d.severity, d.box) for d in distortions]
    mos = round(opinion.mean_opinion_score(penalties), 3)
    return Annotation(
        image="",
        width=width,
        height=height,
        mos=mos,
        level=Level.of_mos(mos),
        distortions=tuple(sorted(distortions, key=lambda d: -d.significance)),
        content=describe_content(rgb),
    )


def _apply_somewhere(
    image: Rgb, placement: Placement, others: list[Placement], scene: Scene, rng: np.random.Generator
) -> Placement | None:
    """Distort the image in place where it shows, first at the claimed place; None where it shows nowhere."""
    height, width = image.shape[:2]
    wish = placement.wish
    found: Region | None = placement.region
    for _ in range(1 if wish.is_global else _TRIES):
        affected = apply(image, Placement(wish, found), rng) if found else None
        if affected:
            return affected
        found = find_place(wish, scene, others, (width, height), rng)
    return None


def apply(
    image: Rgb, placement: Placement, rng: np.random.Generator, anyway: bool = False
) -> Placement | None:
    """Distort the image in place; the placement with the part that is affected, or None and no change if unseen.

    Args:
        anyway: whether it shows or not.
    """
    wish, region = placement.wish, placement.region
    distorter, diagonal = DISTORTIONS[wish.type], hypot(*image.shape[:2])
    before, make = image[region.window], wish.way or distorter.apply
    after = blend(before, make(before, wish.severity, rng, diagonal), region.mask)
    inner = Region(*region.bounds()) if wish.is_global else changed_part(before, after, region)
    if not anyway and (inner is None or not _shows(before, after, placement, inner)):
        return None
    image[region.window] = after
    return Placement(wish, inner or Region(*region.bounds()))


def _shows(before: Rgb, after: Rgb, placement: Placement, inner: Region) -> bool:
    """Whether the change within a part of the placement's window is what its severity has at least."""
    wish, region = placement.wish, placement.region
    distorter = DISTORTIONS[wish.type]
    x, y = inner.x1 - region.x1, inner.y1 - region.y1
    part = slice(y, y + inner.y2 - inner.y1), slice(x, x + inner.x2 - inner.x1)
    return distorter.change(before[part], after[part]) >= distorter.floors[wish.severity.rank - 1]


def _label(wish: Wish, box: Box) -> Distortion:
    kind, severity = wish.type, wish.severity
    return Distortion(
        type=kind,
        severity=severity,
        box=box,
        significance=opinion.significance(kind, severity, box),
        position=place_of(box),
        manifestation=phrases.manifestation(kind, severity),
        impact=phrases.impact(severity),
    )
