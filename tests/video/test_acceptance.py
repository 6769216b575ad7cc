"""Verdicts: what each gate does, by hand-made evidence, and the law that worse evidence is never judged better."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.plan import Rung, Step, ToolCall
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.schema.verdict import (
    OFFSETS,
    Change,
    Check,
    Evidence,
    Improvement,
    Outcome,
    Pooled,
    ShotEvidence,
    ShotVerdict,
    Structure,
    Track,
    Verdict,
)
from finesight.schema.video import Colour, Shot, Video, VideoFinding
from finesight.video.acceptance import judge
from finesight.video.limits import load_limits

MINOR, MODERATE, SEVERE = Severity
LIMITS = load_limits()
TAGS = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv")
SHOT = Shot(index=0, start=0, end=4, first_frame=0, frames=100)
WHOLE = Box.of(0, 0, 1000, 1000)


def file(**changes: Any) -> Structure:
    given: dict[str, Any] = {"path": "a.mp4", "bytes": 1, "container": "mp4", "codec": "h264", "width": 640}
    given |= {"height": 360, "pixel_format": "yuv420p", "bit_depth": 8, "duration": 4, "rate": 25}
    own = {name: changes.pop(name) for name in ("frames", "end", "damaged", "audio") if name in changes}
    video = Video(**(given | {"colour": TAGS} | changes))
    sound = (Track(codec="aac", channels=2, start=0, end=4),)
    return Structure(**({"video": video, "frames": 100, "end": 4, "audio": sound} | own))


def found(type_: T, severity: Severity, key: bool = False) -> VideoFinding:
    return VideoFinding(
        id=type_.name, type=type_, severity=severity, share=1, box=WHOLE, key=key, start=0, end=4
    )


def call(tool: str = "hqdn3d", lowers: tuple[T, ...] = (T.NOISE,), rungs: int = 2) -> ToolCall:
    weaker = tuple(Rung(strength=MINOR, parameters={"luma": float(n)}) for n in range(rungs))
    return ToolCall(
        tool=tool,
        step=Step.DENOISE,
        parameters={},
        strength=SEVERE,
        rule="denoise",
        why="noise",
        lowers=lowers,
        weaker=weaker,
    )


def change(**changes: Any) -> Change:
    unlike = {offset: 0.01 * abs(offset) for offset in OFFSETS}
    same = {"frames": 100, "jitter": 0, "unlike": unlike, "strangest": 0.01, "light": (0.3, 0.3)}
    same |= {"colour": 0.5, "brightness": 0.5, "detail": 1.0}
    return Change(**(same | {"flicker": (0.1, 0.1), "combing": (0.0, 0.0)} | changes))


def shot(
    *calls: ToolCall, vmaf: float = 97, findings: Improvement | None = None, **changes: Any
) -> ShotEvidence:
    scores = Pooled(harmonic=vmaf, low=vmaf, least=vmaf)
    return ShotEvidence(
        shot=SHOT,
        calls=calls,
        change=change(**changes),
        fidelity={"neg": scores, "v1": scores},
        improvement=findings,
    )


def judged(
    one: ShotEvidence, attempt: int = 0, whole: tuple[ToolCall, ...] = (), **processed: Any
) -> tuple[Verdict, ShotVerdict]:
    seen = Evidence(source=file(), processed=file(**processed), whole=whole, shots=(one,))
    verdict = judge(seen, LIMITS, attempt)
    return verdict, verdict.shots[0]


def failed(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def test_what_is_the_same_is_accepted_and_nothing_fails():
    verdict, one = judged(shot())
    assert (verdict.outcome, one.outcome, one.untouched) == ("accepted", Outcome.ACCEPTED, True)
    assert failed((*verdict.checks, *one.checks)) == []
    assert all(check.why and check.limit for check in (*verdict.checks, *one.checks))


# Gate A


@pytest.mark.parametrize(
    ("processed", "name"),
    [
        ({"damaged": 1}, "decodes"),
        ({"frames": 99}, "frames"),
        ({"end": 4.1}, "length"),
        ({"audio": ()}, "sound tracks"),
        ({"audio": (Track(codec="aac", channels=1, start=0, end=4),)}, "sound tracks"),
        ({"audio": (Track(codec="aac", channels=2, start=0.021, end=4),)}, "sound offset"),
        ({"audio": (Track(codec="aac", channels=2, start=0, end=3.5),)}, "sound end"),
        ({"subtitles": 1}, "subtitles"),
        ({"chapters": 3}, "chapters"),
        ({"width": 320}, "size"),
        ({"sar": 1.1}, "pixel shape"),
        ({"rotation": 90}, "rotation"),
        ({"interlaced": True}, "fields"),
        ({"colour": TAGS.model_copy(update={"matrix": "smpte170m"})}, "colour tags"),
        ({"colour": TAGS.model_copy(update={"range": "pc"})}, "colour tags"),
    ],
)
def test_a_file_that_is_built_otherwise_is_rejected_and_all_is_rolled_back(processed, name):
    verdict, one = judged(shot(), **processed)
    assert failed(verdict.checks) == [name]
    assert (verdict.outcome, one.outcome) == ("rejected", Outcome.ROLLED_BACK)


def test_sound_may_move_by_20_ms():
    moved = (Track(codec="aac", channels=2, start=0.02, end=4.02),)
    assert judged(shot(), audio=moved)[0].outcome == "accepted"


def test_bits_and_hdr_metadata_must_not_get_lost():
    hdr = {"bit_depth": 10, "hdr": {"max_cll": 1000.0, "max_fall": 200.0}}
    seen = Evidence(source=file(**hdr), processed=file(), shots=(shot(),))
    assert failed(judge(seen, LIMITS).checks) == ["bit depth", "HDR metadata"]
    kept = seen.model_copy(update={"processed": file(**hdr)})
    assert judge(kept, LIMITS).outcome == "accepted"


def test_what_was_called_for_the_whole_video_may_change_what_it_is_for():
    larger = call("enlarge", (T.LOW_CLARITY,), 0).model_copy(update={"step": Step.UPSCALE})
    assert judged(shot(), whole=(larger,), width=1280, height=720)[0].outcome == "accepted"
    assert failed(judged(shot(), whole=(larger,), width=1280, height=700)[0].checks) == ["size"]
    assert failed(judged(shot(), whole=(larger,), width=320, height=180)[0].checks) == ["size"]
    seen = Evidence(source=file(interlaced=True), processed=file(), shots=(shot(),))
    assert failed(judge(seen, LIMITS).checks) == ["fields"]
    whole = call("bwdif", ()).model_copy(update={"step": Step.DEINTERLACE})
    assert judge(seen.model_copy(update={"whole": (whole,)}), LIMITS).outcome == "accepted"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"frames": 99}, "shot frames"),
        ({"unlike": {-1: 0.03, 0: 0.02, 1: 0.001}}, "alignment"),
        ({"strangest": 0.41}, "worst frame"),
    ],
)
def test_a_shot_that_lacks_a_frame_or_is_late_is_rolled_back_however_it_could_be_weakened(changes, name):
    _, one = judged(shot(call(), **changes))
    assert (failed(one.checks), one.outcome) == ([name], Outcome.ROLLED_BACK)


def test_frames_shown_at_other_times_fail():
    verdict, _ = judged(shot(jitter=0.011))
    assert failed(verdict.checks) == ["timing"]
    assert judged(shot(jitter=0.009))[0].outcome == "accepted"


# Gate B


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"vmaf": 92}, ["VMAF neg mean"]),
        ({"vmaf": 89}, ["VMAF neg mean", "VMAF v1 mean"]),
        ({"colour": 2.1}, ["colour"]),
        ({"brightness": 2.1}, ["brightness"]),
        ({"detail": 0.94}, ["detail"]),
        ({"detail": 1.06}, ["detail"]),
        ({"flicker": (0.1, 0.7)}, ["flicker"]),
    ],
)
def test_a_shot_that_was_left_alone_and_is_not_like_the_source_is_rolled_back(changes, names):
    verdict, one = judged(shot(**changes))
    assert (failed(one.checks), one.outcome, verdict.outcome) == (names, Outcome.ROLLED_BACK, "rejected")


def test_a_treated_shot_is_weakened_twice_at_most_and_while_there_is_a_weaker_rung():
    worn = shot(call(), vmaf=40)
    assert [judged(worn, attempt)[1].outcome for attempt in range(3)] == [
        Outcome.WEAKEN,
        Outcome.WEAKEN,
        Outcome.ROLLED_BACK,
    ]
    assert judged(shot(call(rungs=0), vmaf=40))[1].outcome is Outcome.ROLLED_BACK


def test_each_tool_has_its_own_floors_and_those_of_several_multiply():
    assert judged(shot(call("hqdn3d"), vmaf=60))[1].outcome is Outcome.ACCEPTED
    assert judged(shot(call("deblock"), vmaf=60))[1].outcome is Outcome.WEAKEN
    assert judged(shot(call("hqdn3d"), call("darken"), vmaf=40))[1].outcome is Outcome.ACCEPTED
    assert judged(shot(call("of-ones-own"), vmaf=92))[1].outcome is Outcome.WEAKEN


def test_a_new_finding_above_minor_weakens_and_a_minor_one_does_not():
    before = (found(T.NOISE, SEVERE, key=True),)
    for severity, outcome in ((MODERATE, Outcome.WEAKEN), (MINOR, Outcome.NO_BENEFIT)):
        after = (found(T.LOW_CLARITY, severity),)
        _, one = judged(shot(call(), findings=Improvement(before=before, after=after)))
        assert one.outcome is outcome
        assert [(r.type, r.before, r.after) for r in one.regressions] == [(T.LOW_CLARITY, None, severity)]


# Gate C


@pytest.mark.parametrize(
    ("before", "after", "outcome", "names"),
    [
        ([(T.NOISE, SEVERE, True)], [], Outcome.ACCEPTED, []),
        ([(T.NOISE, SEVERE, True)], [(T.NOISE, MINOR, True)], Outcome.ACCEPTED, []),
        ([(T.NOISE, MODERATE, True)], [(T.NOISE, MODERATE, True)], Outcome.NO_BENEFIT, ["KEY"]),
        (
            [(T.NOISE, SEVERE, True), (T.LOW_CLARITY, MINOR, False)],
            [(T.LOW_CLARITY, SEVERE, True)],
            Outcome.NO_BENEFIT,
            ["nothing worse"],
        ),
        # The KEY is one that nothing was called against: what was treated counts.
        (
            [(T.MOTION_BLUR, SEVERE, True), (T.NOISE, MODERATE, False)],
            [(T.MOTION_BLUR, SEVERE, True)],
            Outcome.ACCEPTED,
            [],
        ),
        (
            [(T.MOTION_BLUR, SEVERE, True), (T.NOISE, MODERATE, False)],
            [(T.MOTION_BLUR, MINOR, True), (T.NOISE, MODERATE, False)],
            Outcome.NO_BENEFIT,
            ["treated finding"],
        ),
    ],
)
def test_the_key_must_be_less_severe_and_nothing_else_more(before, after, outcome, names):
    looked = Improvement(before=tuple(found(*f) for f in before), after=tuple(found(*f) for f in after))
    verdict, one = judged(shot(call(), findings=looked))
    assert (one.outcome, failed(one.checks)) == (outcome, names)
    assert verdict.outcome == ("accepted" if outcome is Outcome.ACCEPTED else "rejected")


@pytest.mark.parametrize(
    ("type_", "light", "names"),
    [
        (T.UNDEREXPOSURE, (0.1, 0.25), []),
        (T.UNDEREXPOSURE, (0.4, 0.55), ["light"]),
        (T.UNDEREXPOSURE, (0.2, 0.7), ["light"]),
        (T.OVEREXPOSURE, (0.8, 0.6), []),
        (T.OVEREXPOSURE, (0.45, 0.3), ["light"]),
    ],
)
def test_a_shot_that_is_dark_or_bright_to_the_model_alone_is_not_changed(type_, light, names):
    gamma = call("brighten", (type_,)).model_copy(update={"step": Step.EXPOSURE})
    looked = Improvement(before=(found(type_, SEVERE, key=True),), after=())
    _, one = judged(shot(gamma, findings=looked, light=light))
    assert failed(one.checks) == names
    assert one.outcome is (Outcome.NO_BENEFIT if names else Outcome.ACCEPTED)
    assert failed(judged(shot(call(lowers=(type_,)), findings=looked, light=light))[1].checks) == []


def test_types_that_are_less_severe_are_told_and_others_not():
    before = (found(T.NOISE, SEVERE, key=True), found(T.LOW_CLARITY, MINOR), found(T.UNDEREXPOSURE, MODERATE))
    after = (found(T.NOISE, SEVERE, key=True), found(T.UNDEREXPOSURE, MINOR), found(T.OVEREXPOSURE, MINOR))
    _, one = judged(shot(call(), findings=Improvement(before=before, after=after)))
    assert one.relieved == (T.LOW_CLARITY, T.UNDEREXPOSURE)
    assert judged(shot(call(), findings=Improvement(before=None, after=after)))[1].relieved == ()


@pytest.mark.parametrize("side", ["before", "after"])
def test_what_nobody_could_diagnose_shows_no_benefit(side):
    known = {"before": (found(T.NOISE, SEVERE, key=True),), "after": ()} | {side: None}
    _, one = judged(shot(call(), findings=Improvement(**known)))
    assert (one.outcome, failed(one.checks)) == (Outcome.NO_BENEFIT, ["KEY"])


def test_without_a_finding_flicker_or_combs_must_fall():
    nothing = Improvement(before=(), after=())
    flickers = call("deflicker", ())
    assert judged(shot(flickers, findings=nothing, flicker=(5.0, 1.0)))[1].outcome is Outcome.ACCEPTED
    assert judged(shot(flickers, findings=nothing, flicker=(5.0, 4.5)))[1].outcome is Outcome.NO_BENEFIT
    combs = call("bwdif", ())
    assert judged(shot(combs, findings=nothing, combing=(0.07, 0.0)))[1].outcome is Outcome.ACCEPTED


def test_of_shots_that_were_treated_some_or_all_or_none_may_be_accepted():
    good, bad = shot(call(rungs=0)), shot(call(rungs=0), vmaf=10)
    for shots, outcome in (((good, good), "accepted"), ((good, bad), "partly"), ((bad, shot()), "rejected")):
        assert judge(Evidence(source=file(), processed=file(), shots=shots), LIMITS).outcome == outcome


# The law


RANKS = {"rejected": 0, "partly": 1, "accepted": 2}
SCORES, FACTORS = st.floats(0, 100), st.floats(1, 4)
FINDINGS = st.lists(
    st.builds(found, st.sampled_from(T), st.sampled_from(Severity), st.booleans()),
    max_size=3,
    unique_by=lambda finding: finding.type,
).map(tuple)
TOOLS = st.sampled_from(["hqdn3d", "unsharp", "brighten", "deflicker"])


@st.composite
def seen_shots(draw: st.DrawFn) -> ShotEvidence:
    """Evidence near what the limits are, so that many of its checks pass."""
    calls = draw(st.lists(st.builds(call, TOOLS, rungs=st.integers(0, 2)), max_size=2))
    looked = draw(st.none() | st.builds(Improvement, before=FINDINGS, after=FINDINGS))
    return shot(
        *calls,
        vmaf=draw(st.floats(30, 100)),
        findings=looked,
        detail=draw(st.floats(0.8, 1.2)),
        colour=draw(st.floats(0, 3)),
        flicker=(1.0, draw(st.floats(0, 2))),
    )


@st.composite
def worse(draw: st.DrawFn, one: ShotEvidence) -> ShotEvidence:
    """The same shot, with each piece of evidence as bad or worse."""
    by = draw(FACTORS)
    old = one.change
    unlike = draw(st.sampled_from([old.unlike, {0: 0.02, 1: 0.001}]))
    detail = old.detail * by if old.detail >= 1 else old.detail / by
    new = {"colour": old.colour * by, "brightness": old.brightness * by, "detail": detail, "unlike": unlike}
    new |= {"flicker": (old.flicker[0], old.flicker[1] * by), "frames": draw(st.sampled_from([100, 100, 99]))}
    scores = {
        name: Pooled(harmonic=s.harmonic / by, low=s.low / by, least=s.least / by)
        for name, s in one.fidelity.items()
    }
    looked = one.improvement
    if looked and looked.after is not None:
        raised = tuple(
            f.model_copy(
                update={"severity": draw(st.sampled_from([s for s in Severity if s.rank >= f.severity.rank]))}
            )
            for f in looked.after
        )
        new_types = tuple(f for f in draw(FINDINGS) if f.type not in {r.type for r in raised})
        looked = looked.model_copy(update={"after": (*raised, *new_types)})
    return one.model_copy(
        update={"change": old.model_copy(update=new), "fidelity": scores, "improvement": looked}
    )


@given(st.data(), st.integers(0, 2))
def test_worse_evidence_is_never_judged_better(data, attempt):
    ones = data.draw(st.lists(seen_shots(), min_size=1, max_size=3))
    others = [data.draw(worse(one)) for one in ones]
    worse_file = data.draw(st.sampled_from([{}, {}, {"frames": 99}, {"audio": ()}, {"damaged": 2}]))
    good = judge(Evidence(source=file(), processed=file(), shots=tuple(ones)), LIMITS, attempt)
    bad = judge(Evidence(source=file(), processed=file(**worse_file), shots=tuple(others)), LIMITS, attempt)
    assert RANKS[bad.outcome] <= RANKS[good.outcome]
    for one, other in zip(good.shots, bad.shots, strict=True):
        assert other.outcome.rank <= one.outcome.rank
        assert set(failed(one.checks)) <= set(failed(other.checks))


@given(seen_shots(), st.integers(0, 2))
def test_the_outcome_follows_from_the_checks_that_are_shown(one, attempt):
    verdict, judged_shot = judged(one, attempt)
    assert (judged_shot.outcome is Outcome.ACCEPTED) == (not failed((*verdict.checks, *judged_shot.checks)))
    if judged_shot.outcome is Outcome.WEAKEN:
        assert attempt < 2
