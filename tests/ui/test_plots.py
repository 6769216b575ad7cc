from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from finesight.train.track import METRICS, read_metrics
from finesight.ui.curves import smooth
from finesight.ui.plots import training_curve

ROWS = [{"step": i, "loss": 5 / i, **({"dense": 2.0} if i > 3 else {})} for i in range(1, 60)]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [{"step": 1, "dense": 3.0}], []])
@pytest.mark.parametrize("size", [(7.0, 3.0), (4.0, 2.0)])
def test_the_curve_is_a_png_of_the_size_asked_for(rows, size):
    image = Image.open(io.BytesIO(training_curve(rows, *size)))
    image.load()
    assert image.format == "PNG"
    assert image.size == (round(150 * size[0]), round(150 * size[1]))


def test_every_loss_that_was_logged_is_drawn():
    def colours(rows: list[dict[str, float]]) -> int:
        rgb = np.asarray(Image.open(io.BytesIO(training_curve(rows))).convert("RGB"))[:, 100:900].astype(int)
        strong = rgb.max(-1) - rgb.min(-1) > 120
        return len({tuple(c) for c in rgb[strong] // 128})

    answer_only = [{k: v for k, v in row.items() if k != "dense"} for row in ROWS]
    assert colours([]) == 0
    assert 0 < colours(answer_only) < colours(ROWS)


def test_the_rows_of_a_run_can_be_drawn_as_they_were_logged(tmp_path):
    (tmp_path / METRICS).write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert training_curve(read_metrics(tmp_path)) == training_curve(ROWS)


def testsmoothing_is_a_running_mean_that_narrows_at_the_ends():
    values = np.random.default_rng(0).normal(size=200)
    got = smooth(values, share=0.05)
    expected = [values[max(i - 5, 0) : i + 6].mean() for i in range(200)]
    np.testing.assert_allclose(got, expected, atol=1e-12)
    np.testing.assert_allclose(smooth(np.full(7, 3.0)), 3.0)
