"""A finished set beside the published table: types, extents, sizes, boxes per image, levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from pydantic import BaseModel, ConfigDict

from finesight.data.synthesise.published import BOXES_PER_IMAGE, FREQUENCIES, type_shares
from finesight.schema.annotation import Annotation
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.place import GLOBAL_AREA


class TypeRow(BaseModel):
    """One type, made and published: share of all boxes, share of global ones, median area (shares, 0..1)."""

    model_config = ConfigDict(frozen=True)

    boxes: int
    share: float
    share_published: float
    global_share: float
    global_share_published: float
    median_area: float
    median_area_published: float


class Statistics(BaseModel):
    """Counts over one set; the shares of images by number of boxes end with 11 for eleven and more."""

    model_config = ConfigDict(frozen=True)

    images: int
    boxes: int
    types: dict[DistortionType, TypeRow]
    boxes_per_image: dict[int, float]
    boxes_per_image_published: dict[int, float]
    severities: dict[Severity, float]
    levels: dict[Level, float]


def gather(annotations: Sequence[Annotation]) -> Statistics:
    """What a set of one image or more contains."""
    distortions = [d for a in annotations for d in a.distortions]
    areas: dict[DistortionType, list[float]] = {kind: [] for kind in DistortionType}
    for distortion in distortions:
        areas[distortion.type].append(distortion.box.area)
    severities = Counter(d.severity for d in distortions)
    levels = Counter(a.level for a in annotations)
    numbers = Counter(len(a.distortions) for a in annotations)
    published = sum(BOXES_PER_IMAGE.values())
    return Statistics(
        images=len(annotations),
        boxes=len(distortions),
        types={kind: _row(kind, areas[kind], len(distortions)) for kind in DistortionType},
        boxes_per_image={n: round(numbers[n] / len(annotations), 4) for n in sorted(numbers)},
        boxes_per_image_published={n: round(c / published, 4) for n, c in BOXES_PER_IMAGE.items()},
        severities={s: round(severities[s] / max(1, len(distortions)), 4) for s in Severity},
        levels={level: round(levels[level] / len(annotations), 4) for level in Level},
    )


def _row(kind: DistortionType, areas: list[float], boxes: int) -> TypeRow:
    table, n = FREQUENCIES[kind], max(1, len(areas))
    return TypeRow(
        boxes=len(areas),
        share=round(len(areas) / max(1, boxes), 4),
        share_published=round(type_shares()[kind], 4),
        global_share=round(sum(area > GLOBAL_AREA for area in areas) / n, 4),
        global_share_published=round(table.global_share, 4),
        median_area=round(median(areas), 4) if areas else 0.0,
        median_area_published=table.median_area,
    )


def table(statistics: Statistics) -> str:
    """The comparison as text, one line a type."""
    lines = [f"{statistics.images} images, {statistics.boxes} boxes", ""]
    lines.append(f"{'made (published)':24} {'share of boxes':>16} {'global':>14} {'median area':>14}")
    for kind, row in statistics.types.items():
        lines.append(
            f"{kind.value:24} {row.share:8.3f} ({row.share_published:.3f}) {row.global_share:6.2f}"
            f" ({row.global_share_published:.2f}) {row.median_area:7.2f} ({row.median_area_published:.2f})"
        )
    lines.append("")
    lines.append("levels      " + "  ".join(f"{k.value} {v:.2f}" for k, v in statistics.levels.items()))
    lines.append("severities  " + "  ".join(f"{k.value} {v:.2f}" for k, v in statistics.severities.items()))
    return "\n".join(lines)
