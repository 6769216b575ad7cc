"""Large pictures: windows that tile them, and one answer of the whole and its crops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.model.crops import FINE, LARGER, MOST_CROPS, Window, merged, windows
from finesight.model.diagnose import Diagnoser
from finesight.model.generate import TreeGenerator
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level, Severity

SIDES = st.integers(30, 9000)
AREAS = st.sampled_from([448 * 448, 512 * 512, 1280 * 28 * 28])
ALL = Box.of(0, 0, 1000, 1000)


def found(kind: T, severity: Severity = Severity.MODERATE, box: Box = ALL, **more: object) -> Finding:
    return Finding(type=kind, severity=severity, box=box, **more)


def said(*findings: Finding, level: Level = Level.GOOD, score: float = 4.0, side: int = 2000) -> Outcome:
    diagnosis = Diagnosis(content="A picture.", findings=findings, level=level)
    return Outcome(image="a.png", width=side, height=side, diagnosis=diagnosis, score=score, raw="raw")


UNREAD = Outcome(image="a.png", width=500, height=500, error="the answer cannot be read")
FRAMES = windows(2000, 2000, 950 * 950)


def of_crops(*outcomes: Outcome) -> list[tuple[Window, Outcome]]:
    return list(zip(FRAMES, outcomes, strict=True))


@given(SIDES, SIDES, AREAS)
def test_cells_tile_the_picture_and_crops_lie_in_them_and_fit_the_model(width, height, area):
    found = windows(width, height, area)
    if width * height <= LARGER * area:
        assert found == []
        return
    assert 1 < len(found) <= MOST_CROPS
    seen = np.zeros((height, width), np.uint8) if width * height < 4e6 else None
    assert sum((c[2] - c[0]) * (c[3] - c[1]) for _, c in found) == width * height
    for crop, cell in found:
        assert cell[0] <= crop[0] < crop[2] <= cell[2]
        assert cell[1] <= crop[1] < crop[3] <= cell[3]
        assert (crop[2] - crop[0]) * (crop[3] - crop[1]) <= area
        if seen is not None:
            seen[cell[1] : cell[3], cell[0] : cell[2]] += 1
    assert seen is None or (seen == 1).all()


def test_wide_pictures_are_cut_along_their_length():
    assert len({cell[1] for _, cell in windows(6000, 600, 512 * 512)}) == 1
    assert len({cell[0] for _, cell in windows(600, 6000, 512 * 512)}) == 1


KINDS = st.builds(
    found,
    st.sampled_from(T),
    st.sampled_from(Severity),
    st.tuples(*[st.integers(0, 1000)] * 4).map(
        lambda v: Box.of(min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
    ),
)
OUTCOMES = st.builds(
    lambda f, level, score: said(*f, level=level, score=score),
    st.lists(KINDS, max_size=4), st.sampled_from(Level), st.floats(1, 5),
)  # fmt: skip


@given(OUTCOMES, st.lists(st.one_of(st.just(UNREAD), OUTCOMES), min_size=len(FRAMES), max_size=len(FRAMES)))
def test_what_the_whole_says_stays_and_only_agreed_fine_types_come_in(whole, crops):
    out = merged(whole, of_crops(*crops))
    kept, now = whole.diagnosis.findings, out.diagnosis.findings
    assert [f for f in now if f in kept] == list(kept)
    added = [f for f in now if f not in kept]
    assert {f.type for f in added} <= FINE - {f.type for f in kept}
    assert out.score <= whole.score
    assert out.diagnosis.level.rank <= whole.diagnosis.level.rank
    for kind in {f.type for f in added}:
        agree = sum(any(f.type is kind for f in o.diagnosis.findings) for o in crops if o.diagnosis)
        assert agree >= sum(o.diagnosis is not None for o in crops) / 3
        boxes = [f.box for f in added if f.type is kind]
        for i, a in enumerate(boxes):
            assert all(a.clip(b) is None for b in boxes[i + 1 :])
    if not added:
        assert out == whole


def test_noise_in_every_crop_is_noise_of_the_whole_picture():
    noisy = said(found(T.NOISE, Severity.SEVERE, confidence=0.6), level=Level.POOR, score=2.0, side=512)
    suspected = (found(T.NOISE, confidence=0.2), found(T.LOW_CLARITY, confidence=0.1))
    out = merged(said().model_copy(update={"suspected": suspected}), of_crops(*[noisy] * 4))
    (finding,) = out.diagnosis.findings
    assert [f.type for f in out.suspected] == [T.LOW_CLARITY]
    assert (finding.box, finding.severity, finding.key) == (ALL, Severity.SEVERE, True)
    assert finding.confidence == pytest.approx(0.6)
    assert (out.score, out.diagnosis.level) == (2.0, Level.POOR)


def test_one_crop_alone_a_blur_and_what_the_whole_has_already_add_nothing():
    clean, noisy = said(side=512), said(found(T.NOISE), side=512)
    blurred = said(found(T.OUT_OF_FOCUS_BLUR), found(T.OVEREXPOSURE), side=512)
    assert merged(said(), of_crops(noisy, clean, clean, clean)) == said()
    assert merged(said(), of_crops(*[blurred] * 4)) == said()
    whole = said(found(T.NOISE, Severity.MINOR, key=True))
    assert merged(whole, of_crops(*[noisy] * 4)) == whole
    assert merged(UNREAD, of_crops(*[noisy] * 4)) == UNREAD


def test_boxes_of_crops_lie_where_they_are_in_the_whole():
    inner, clean = Box.of(250, 250, 750, 750), said(side=512)
    out = merged(said(), of_crops(said(found(T.NOISE, box=inner), side=512), clean, clean,
                                  said(found(T.NOISE, box=Box.of(400, 400, 1000, 1000)), side=512)))  # fmt: skip
    first, last = (f.box for f in out.diagnosis.findings)
    # The first crop is at 25..975 of a cell 0..1000; the last at 1025..1975 of 1000..2000.
    assert first.xyxy == (131, 131, 369, 369)
    assert last.xyxy == (702, 702, 1000, 1000)


def test_a_small_picture_is_seen_once_and_a_large_one_once_a_view(tiny):
    generator = TreeGenerator(tiny("finesight_nano"), max_new_tokens=4)
    rng = np.random.default_rng(0)
    pictures = [
        Picture("p", rng.integers(0, 255, (h, w, 3), np.uint8), "") for h, w in ((56, 56), (600, 900))
    ]
    most = generator.model.description.policy.max_pixels
    for diagnoser, views in (
        (Diagnoser(generator), 2),
        (Diagnoser(generator, most), 2 + len(windows(900, 600, most))),
    ):
        before = generator.vision_passes
        outcomes = diagnoser.diagnose(pictures)
        assert [(o.width, o.height) for o in outcomes] == [(56, 56), (900, 600)]
        assert generator.vision_passes - before == views
