from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.model.nano.glance import BY_CELLS, SEEN_TOLERANCE, glance, log_odds, tilted
from finesight.schema.opinion import BEST_MOS, SEVERITY_WEIGHTS, TYPE_WEIGHTS
from finesight.schema.taxonomy import DistortionType, Severity

CELLS, TYPES = 6, len(DistortionType)
NO, YES = -30.0, 30.0


def view(presence=NO, severity=0.0, level=0.0, types=NO) -> dict[str, np.ndarray]:
    """Logits that are alike everywhere, and a box a cell."""
    corner = np.arange(CELLS)[:, None, None] / 10
    box = np.concatenate([corner, corner, corner + 0.25, corner + 0.5], axis=-1)
    return {
        "presence": np.full((CELLS, TYPES), presence, np.float32),
        "severity": np.full((CELLS, TYPES, len(Severity)), severity, np.float32),
        "box": np.broadcast_to(box, (CELLS, TYPES, 4)).astype(np.float32),
        "level": np.full(5, level, np.float32),
        "types": np.full(TYPES, types, np.float32),
        "tilt": np.float32(0.0),
    }


def score(**numbers: np.ndarray) -> float:
    return sum(rank * p for rank, p in enumerate(glance(**numbers).levels, 1))


def test_every_type_is_told_by_its_surest_cell():
    numbers = view()
    numbers["presence"][4, 9], numbers["severity"][4, 9, 2], numbers["types"][9] = 2.0, 1.0, np.log(3)
    *others, noise = glance(**numbers).types
    assert [f.type for f in (*others, noise)] == list(DistortionType)
    assert (noise.severity, noise.box.xyxy) == (Severity.SEVERE, (400, 400, 650, 900))
    assert noise.confidence == pytest.approx(0.75)
    assert max(f.confidence for f in others) < 1e-6


def test_the_levels_are_those_of_the_head_and_what_the_opinion_model_makes_of_the_cells():
    numbers = view()
    numbers["level"][1] = YES
    # By hand: severe noise in two of six cells, and a light blur, of which half counts, in one.
    numbers["presence"][:2, 9], numbers["severity"][:2, 9, 2] = YES, YES
    numbers["presence"][5, 0], numbers["severity"][5, 0, 0] = YES, YES
    noise = TYPE_WEIGHTS[DistortionType.NOISE] * SEVERITY_WEIGHTS[Severity.SEVERE] * (2 / 6) ** 0.5
    blur = TYPE_WEIGHTS[DistortionType.LOW_CLARITY] * SEVERITY_WEIGHTS[Severity.MINOR] * (1 / 6) ** 0.5
    seen = 1 + (BEST_MOS - 1) * np.exp(-(noise + blur / 2) / SEEN_TOLERANCE)
    assert score(**numbers) == pytest.approx(2 * (1 - BY_CELLS) + seen * BY_CELLS, abs=1e-3)
    assert sum(glance(**numbers).levels) == pytest.approx(1.0)


@given(
    st.lists(st.floats(-6, 6), min_size=CELLS, max_size=CELLS),
    st.integers(0, CELLS - 1),
    st.integers(0, TYPES - 1),
    st.floats(0.1, 4),
)
def test_more_of_a_distortion_and_worse_of_it_never_scores_better(presence, cell, kind, more):
    numbers = view(presence=-4.0)
    numbers["presence"][:, kind] = presence
    before = score(**numbers)
    worse = {k: v.copy() for k, v in numbers.items()}
    worse["severity"][:, kind, 2] += more
    assert score(**worse) <= before + 1e-9
    # All cells are of one severity here: one that sees more cannot make the whole milder.
    wider = {k: v.copy() for k, v in numbers.items()}
    wider["presence"][cell, kind] += more
    assert score(**wider) <= before + 1e-9


@given(st.floats(1.3, 4.7), st.floats(-2, 2))
def test_tilts_add_up_and_a_tilted_score_stays_on_its_scale(first, tilt):
    score = tilted(first, tilt)
    assert 1 < score < 5
    assert log_odds(score) == pytest.approx(log_odds(first) + tilt, abs=1e-6)
    assert tilted(score, -tilt) == pytest.approx(first, abs=1e-6)


@pytest.mark.parametrize("end", [1.0, 5.0])
def test_the_ends_of_the_scale_can_be_tilted_too(end):
    assert tilted(end, 0.0) == end
    assert 1 < tilted(end, -1.0) < tilted(end, 1.0) < 5


@given(st.floats(-6, 6), st.floats(-2, 2))
def test_the_levels_are_the_two_beside_the_tilted_score(presence, tilt):
    plain, numbers = view(presence=presence), view(presence=presence)
    numbers["tilt"] = np.float32(tilt)
    levels = glance(**numbers).levels
    assert score(**numbers) == pytest.approx(tilted(score(**plain), float(np.float32(tilt))), abs=1e-6)
    assert sum(levels) == pytest.approx(1.0)
    assert sum(p > 0 for p in levels) <= 2
