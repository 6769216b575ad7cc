"""Pooling frames to shots and shots to the video: hand-worked cases and laws."""

from __future__ import annotations

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.schema.video import SampledFrame, Shot, ShotAnalysis
from finesight.video.pooling import cells, frame_score, percentile, pool_shot, pool_video

NOISE, BLUR, DARK = DistortionType.NOISE, DistortionType.MOTION_BLUR, DistortionType.UNDEREXPOSURE
MINOR, MODERATE, SEVERE = Severity
SHOT = Shot(index=3, start=10, end=20, first_frame=250, frames=250)
PRESENT, SHARE = 0.4, 0.75


def finding(
    type_: DistortionType, severity: Severity = MODERATE, key: bool = False, side: int = 1000
) -> Finding:
    return Finding(type=type_, severity=severity, box=Box.of(0, 0, side, side), key=key, confidence=0.5)


def frame(time: float, *findings: Finding, score: float | None = 3.0) -> SampledFrame:
    diagnosis = Diagnosis(content="", findings=findings, level=Level.FAIR)
    return SampledFrame(frame=round(time * 25), time=time, diagnosis=diagnosis, score=score)


FINDINGS = st.builds(
    finding, st.sampled_from(DistortionType), st.sampled_from(Severity), st.booleans(), st.integers(1, 1000)
)


@st.composite
def shots(draw: st.DrawFn, start: float = 0.0, index: int = 0) -> ShotAnalysis:
    """A pooled shot of up to six frames, some of which have no diagnosis or no score."""
    length = draw(st.integers(1, 200)) / 10
    places = draw(st.lists(st.integers(0, 99), min_size=0, max_size=6, unique=True))
    frames = []
    for place in places:
        time = start + place / 100 * length
        if draw(st.integers(0, 5)) == 0:
            frames.append(SampledFrame(frame=round(time * 1000), time=time, error="cannot be read"))
        else:
            score = draw(st.none() | st.floats(1, 5))
            frames.append(frame(time, *draw(st.lists(FINDINGS, max_size=4)), score=score))
    shot = Shot(index=index, start=start, end=start + length, first_frame=0, frames=100)
    return pool_shot(shot, frames, PRESENT, SHARE)


@st.composite
def videos(draw: st.DrawFn) -> list[ShotAnalysis]:
    found: list[ShotAnalysis] = []
    for index in range(draw(st.integers(1, 4))):
        found.append(draw(shots(found[-1].shot.end if found else 0.0, index)))
    return found


def test_a_type_is_in_when_two_of_five_frames_show_it_and_not_when_one_does() -> None:
    frames = [
        frame(11, finding(NOISE)),
        frame(13, finding(NOISE)),
        frame(15, finding(BLUR)),
        frame(17),
        frame(19),
    ]
    (found,) = pool_shot(SHOT, frames, PRESENT, SHARE).findings
    assert (found.id, found.type, found.share, found.key) == ("s3-noise", NOISE, 0.4, True)
    # It begins with the shot and ends half way between the last frame that shows it and the next one.
    assert (found.start, found.end) == (10, 14)
    assert found.confidence == 0.5


def test_severity_is_the_75th_percentile_of_the_frames_that_show_it() -> None:
    def severity(*each: Severity) -> Severity:
        frames = [frame(10 + i, finding(NOISE, s)) for i, s in enumerate(each)]
        return pool_shot(SHOT, frames, PRESENT, SHARE).findings[0].severity

    assert severity(MINOR, MINOR, MINOR, SEVERE) is MINOR
    assert severity(MINOR, MINOR, MODERATE, SEVERE) is MODERATE
    assert severity(MINOR, SEVERE) is SEVERE


def test_the_box_is_where_it_was_worst() -> None:
    frames = [frame(11, finding(NOISE, MINOR, side=900)), frame(12, finding(NOISE, SEVERE, side=300))]
    assert pool_shot(SHOT, frames, PRESENT, SHARE).findings[0].box == Box.of(0, 0, 300, 300)


def test_the_key_is_what_most_frames_call_key_and_else_the_worst() -> None:
    called = [frame(11, finding(NOISE, MINOR, key=True), finding(DARK, SEVERE))] * 2
    uncalled = [frame(11, finding(NOISE, MINOR), finding(DARK, SEVERE))] * 2
    keys = [
        [f.type for f in pool_shot(SHOT, frames, PRESENT, SHARE).findings if f.key]
        for frames in (called, uncalled)
    ]
    assert keys == [[NOISE], [DARK]]


def test_a_frames_score_is_the_expected_one_and_else_its_level() -> None:
    said = Diagnosis(content="", level=Level.GOOD)
    assert frame_score(said, 3.3) == 3.3
    assert frame_score(said, None) == 4
    assert frame_score(said.model_copy(update={"level": None}), None) is None
    assert frame_score(None, None) is None


def test_a_shots_score_is_the_mean_over_the_time_its_frames_stand_for() -> None:
    frames = [frame(12, score=5), frame(18, score=1), frame(20, score=1)]
    # Half way between 12 and 18 is 15, between 18 and 20 is 19.
    assert pool_shot(SHOT, frames, PRESENT, SHARE).score == pytest.approx((5 * 5 + 4 + 1) / 10)


def test_each_flaw_of_a_film_of_different_flaws_is_one_of_the_film() -> None:
    first = pool_shot(
        Shot(index=0, start=0, end=6, first_frame=0, frames=6), [frame(1, finding(NOISE))], 0.4, 0.75
    )
    second = pool_shot(
        Shot(index=1, start=6, end=10, first_frame=6, frames=4),
        [frame(8, finding(DARK, SEVERE), score=1)],
        0.4,
        0.75,
    )
    whole = pool_video([first, second], SHARE)
    assert [(f.id, f.share, f.start, f.end) for f in whole.findings] == [
        ("v-underexposure", 0.4, 6, 10),
        ("v-noise", 0.6, 0, 6),
    ]
    # Severe for 4 s is more than moderate for 6 s: 3 x 4 against 2 x 6 is even, and the worse one counts.
    assert [f.type for f in whole.findings if f.key] == [DARK]
    assert (whole.score, whole.low, whole.worst) == (pytest.approx(3 * 0.6 + 0.4), 1, 1)


def test_nothing_known_is_no_score() -> None:
    empty = pool_shot(SHOT, [SampledFrame(frame=1, time=11, error="x")], PRESENT, SHARE)
    assert (empty.score, empty.findings) == (None, ())
    assert pool_video([empty], SHARE) == ((), None, None, None)


@given(shots())
def test_a_shot_with_findings_has_one_key_and_one_finding_a_type(one: ShotAnalysis) -> None:
    assert sum(f.key for f in one.findings) == bool(one.findings)
    assert len({f.type for f in one.findings}) == len(one.findings)
    assert all(one.shot.start <= f.start <= f.end <= one.shot.end for f in one.findings)


@given(shots())
def test_the_types_of_a_shot_are_those_that_enough_of_its_diagnosed_frames_show(one: ShotAnalysis) -> None:
    seen = [f.diagnosis for f in one.frames if f.diagnosis]
    counts = {t: sum(any(f.type is t for f in d.findings) for d in seen) for t in DistortionType}
    assert {f.type for f in one.findings} == {t for t, n in counts.items() if n and n >= PRESENT * len(seen)}
    for f in one.findings:
        ranks = [
            max(x.severity.rank for x in d.findings if x.type is f.type) for d in seen if f.type in types(d)
        ]
        assert min(ranks) <= f.severity.rank <= max(ranks)


def types(diagnosis: Diagnosis) -> set[DistortionType]:
    return {f.type for f in diagnosis.findings}


@given(shots(), st.randoms(use_true_random=False))
def test_the_order_of_frames_and_frames_without_diagnosis_change_nothing(one: ShotAnalysis, random) -> None:
    frames = [f for f in one.frames if f.diagnosis]
    random.shuffle(frames)
    again = pool_shot(one.shot, frames, PRESENT, SHARE)
    assert (again.findings, again.score) == (one.findings, one.score)


@given(videos())
def test_a_video_is_no_better_than_its_best_shot_and_no_worse_than_its_worst(
    all_: list[ShotAnalysis],
) -> None:
    whole = pool_video(all_, SHARE)
    scores = [one.score for one in all_ if one.score is not None]
    assert (whole.score is None) == (whole.worst is None) == (whole.low is None) == (not scores)
    if scores:
        assert whole.worst == min(scores)
        assert min(scores) - 1e-6 <= whole.score <= max(scores) + 1e-6
        assert whole.low in {f.score for one in all_ for f in one.frames}
    assert sum(f.key for f in whole.findings) == bool(whole.findings)
    assert {f.type for f in whole.findings} == {f.type for one in all_ for f in one.findings}


@given(shots())
def test_a_video_of_one_shot_is_that_shot(one: ShotAnalysis) -> None:
    whole = pool_video([one], SHARE)
    assert whole.score == one.score
    assert [(f.type, f.severity, f.box, f.key, f.start, f.end) for f in whole.findings] == [
        (f.type, f.severity, f.box, f.key, f.start, f.end) for f in one.findings
    ]
    assert [f.share for f in whole.findings] == pytest.approx([f.share for f in one.findings], abs=1e-5)


@given(st.lists(st.tuples(st.floats(1, 5), st.integers(1, 9)), min_size=1, max_size=12), st.floats(0.01, 1))
def test_a_weighted_percentile_is_that_of_values_repeated(
    pairs: list[tuple[float, int]], share: float
) -> None:
    repeated = sorted(value for value, count in pairs for _ in range(count))
    values, weights = zip(*pairs, strict=True)
    found = percentile(values, weights, share)
    assert sum(v <= found for v in repeated) >= share * len(repeated) - 1e-6
    assert sum(v < found for v in repeated) < share * len(repeated) + 1e-6
    assert found in values


@given(st.lists(st.floats(10, 20), min_size=1, max_size=9).map(sorted))
def test_the_cells_of_a_shot_are_the_shot(times: list[float]) -> None:
    spans = cells(SHOT, times)
    assert (spans[0][0], spans[-1][1]) == (10, 20)
    assert all(begin <= time <= end for time, (begin, end) in zip(times, spans, strict=True))
    assert fmean(end - begin for begin, end in spans) == pytest.approx(10 / len(times))
