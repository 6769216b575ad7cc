from pathlib import Path

import numpy as np
import pytest

from finesight.data.synthesise import SynthesisConfig, distort
from finesight.data.synthesise.sources import cut, find_photographs, load_photograph
from finesight.data.synthesise.statistics import gather, table
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level, Severity

PHOTOS = Path(__file__).parents[4] / "shared" / "photos"


def annotation(*distortions: tuple[T, Box]) -> Annotation:
    listed = tuple(Distortion(type=t, severity=Severity.MINOR, box=b) for t, b in distortions)
    return Annotation(image="a", width=9, height=9, mos=3, level=Level.FAIR, distortions=listed)


def test_counts_of_a_small_set_worked_by_hand() -> None:
    whole, tenth, fifth = (Box.of(0, 0, 1000, y) for y in (1000, 100, 200))
    found = gather(
        [
            annotation((T.NOISE, whole), (T.NOISE, tenth), (T.NOISE, fifth), (T.OVEREXPOSURE, tenth)),
            annotation(),
        ]
    )
    assert (found.images, found.boxes) == (2, 4)
    assert found.types[T.NOISE].share == 0.75
    assert found.types[T.NOISE].global_share == pytest.approx(1 / 3, abs=1e-3)
    assert found.types[T.NOISE].median_area == 0.2
    assert found.types[T.NOISE].share_published == pytest.approx(467 / 7662, abs=1e-4)
    assert found.boxes_per_image == {0: 0.5, 4: 0.5}
    assert found.levels[Level.FAIR] == 1
    assert found.severities[Severity.MINOR] == 1


def test_the_table_has_a_line_for_every_type() -> None:
    text = table(gather([annotation()]))
    assert all(kind.value in text for kind in T)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs the folder of photographs beside the repository")
def test_a_default_set_is_as_the_published_table_says() -> None:
    photos, config = find_photographs(PHOTOS)[::3], SynthesisConfig(size=224)
    made = []
    for i in range(320):
        rng = np.random.default_rng([0, i])
        picture = cut(load_photograph(photos[i * len(photos) // 320], 224), 224, rng)
        made.append(distort(picture, rng, config)[1])
    found = gather(made)
    for kind, row in found.types.items():
        assert row.share == pytest.approx(row.share_published, abs=0.05), kind
    for kind in (T.LOW_CLARITY, T.EDGE_ALIASING_EFFECT, T.UNDEREXPOSURE, T.OVEREXPOSURE):
        row = found.types[kind]
        assert row.global_share == pytest.approx(row.global_share_published, abs=0.1), kind
        assert row.median_area == pytest.approx(row.median_area_published, abs=0.08), kind
    assert found.boxes / found.images == pytest.approx(7662 / 2000, abs=0.6)
    assert 0.05 <= found.boxes_per_image[0] <= 0.11
    assert min(found.levels.values()) > 0.03
    assert found.levels[Level.POOR] + found.levels[Level.FAIR] > 0.5
