from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from finesight.data.questions.regions import LEAST, SIDE, region_of
from finesight.schema.annotation import Annotation
from finesight.schema.box import Box
from finesight.schema.diagnosis import Finding
from finesight.schema.region import clipped
from finesight.schema.taxonomy import DistortionType, Severity

MakePicture = Callable[..., Annotation]


@given(seed=st.integers(0, 500), empty=st.booleans())
def test_a_region_holds_what_was_asked_for_and_no_thin_strip_of_it(
    make_picture: MakePicture, seed: int, empty: bool
) -> None:
    findings = make_picture(seed).diagnosis().findings
    region = region_of(findings, Random(seed), empty=empty)
    if region is None:
        return
    assert SIDE[0] <= min(region.x2 - region.x1, region.y2 - region.y1)
    inside = clipped(findings, region)
    assert bool(inside) is not empty
    for part in inside:
        assert part.box.clip(region) == part.box
        assert min(part.box.x2 - part.box.x1, part.box.y2 - part.box.y1) >= LEAST


def test_clipped_findings_are_cut_keep_their_kind_and_come_once() -> None:
    boxes = [Box.of(0, 0, 400, 400), Box.of(100, 100, 350, 500), Box.of(600, 600, 700, 700)]
    findings = [Finding(type=DistortionType.NOISE, severity=Severity.MINOR, box=b, key=True) for b in boxes]
    assert clipped(findings, Box.of(200, 200, 300, 300)) == (
        Finding(type=DistortionType.NOISE, severity=Severity.MINOR, box=Box.of(200, 200, 300, 300)),
    )


def test_a_picture_distorted_all_over_has_no_empty_region() -> None:
    whole = Finding(type=DistortionType.NOISE, severity=Severity.MINOR, box=Box.of(0, 0, 1000, 1000))
    assert region_of([whole], Random(0), empty=True) is None
    assert region_of([], Random(0), empty=False) is None


def test_a_box_thinner_than_a_strip_may_be_asked_about_as_a_whole() -> None:
    thin = Finding(type=DistortionType.NOISE, severity=Severity.MINOR, box=Box.of(480, 400, 500, 600))
    regions = [region_of([thin], Random(seed), empty=False) for seed in range(20)]
    assert all(region and clipped([thin], region)[0].box == thin.box for region in regions)
