from collections import Counter
from statistics import median

import numpy as np
import pytest

from finesight.data.synthesise.config import SynthesisConfig
from finesight.data.synthesise.plan import CORRECTIONS, SOLID_AREAS, draw_number, draw_wish
from finesight.data.synthesise.published import BOXES_PER_IMAGE, FREQUENCIES, type_shares
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity


def test_the_table_is_the_published_one() -> None:
    assert sum(row.boxes for row in FREQUENCIES.values()) == 7662
    assert sum(BOXES_PER_IMAGE.values()) == 2000
    assert sum(type_shares().values()) == pytest.approx(1)
    assert set(FREQUENCIES) == set(CORRECTIONS) == set(T)


@pytest.mark.parametrize("kind", [T.LOW_CLARITY, T.UNDEREXPOSURE, T.MOTION_BLUR])
def test_the_local_median_makes_the_overall_median_the_published_one(kind: T) -> None:
    row = FREQUENCIES[kind]
    rng = np.random.default_rng(0)
    local = row.local_median * np.exp(0.9 * rng.standard_normal(20_000))
    whole = np.ones(round(20_000 * row.global_share / (1 - row.global_share)))
    assert np.median(np.concatenate([local, whole])) == pytest.approx(row.median_area, rel=0.05)


def test_the_number_of_distortions_respects_clean_share_and_maximum() -> None:
    config = SynthesisConfig(clean_share=0.3, max_boxes=4)
    rng = np.random.default_rng(0)
    numbers = Counter(draw_number(rng, config) for _ in range(4000))
    assert numbers[0] / 4000 == pytest.approx(0.3, abs=0.03)
    assert max(numbers) == 4


def test_uniform_balance_wishes_rare_types_far_more_often() -> None:
    rng = np.random.default_rng(0)
    published = Counter(draw_wish(rng, "published").type for _ in range(3000))
    uniform = Counter(draw_wish(rng, "uniform").type for _ in range(3000))
    assert uniform[T.EDGE_RINGING_EFFECT] > 4 * published[T.EDGE_RINGING_EFFECT]


def test_local_light_has_no_hard_rectangles() -> None:
    rng = np.random.default_rng(0)
    wishes = [draw_wish(rng, "uniform") for _ in range(2000)]
    shapes = {w.shape for w in wishes if w.type is T.OVEREXPOSURE and not w.is_global}
    assert shapes == {"feathered", "ellipse", "blob"}
    assert {w.shape for w in wishes if w.type is T.NOISE and not w.is_global} == shapes | {"rectangle"}


def test_the_severity_of_a_solid_surface_is_its_size() -> None:
    rng = np.random.default_rng(0)
    wishes = [draw_wish(rng, "uniform") for _ in range(3000)]
    areas = {
        s: [
            w.area for w in wishes if w.type is T.MEANINGLESS_SOLID_COLOR and w.severity is s and w.area < 0.7
        ]
        for s in Severity
    }
    for severity, (low, high) in SOLID_AREAS.items():
        assert low <= min(areas[severity]) <= median(areas[severity]) <= max(areas[severity]) <= high
    assert SOLID_AREAS[Severity.MODERATE][0] > 1.5 * SOLID_AREAS[Severity.MINOR][1]
    assert SOLID_AREAS[Severity.SEVERE][0] > 1.5 * SOLID_AREAS[Severity.MODERATE][1]
