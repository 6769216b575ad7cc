"""Plans: laws that hold for any video and any rules, and what the shipped rules say of typical shots."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.plan import Plan, ShotPlan
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.schema.video import Colour, SampledFrame, Shot, ShotAnalysis, Timeline, Video, VideoFinding
from finesight.video.planning import Offer, plan
from finesight.video.rule_checks import wrong_rules
from finesight.video.rule_files import default_rules, read_rules
from finesight.video.rules import Condition, Guard, Ladder, Range, Rule, RuleFile, RuleSet
from finesight.video.tool import Tool
from finesight.video.tools import TOOLS

WHOLE = Box.of(0, 0, 1000, 1000)
TAGS = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv")
EVERYTHING = Offer("ffmpeg")


def video(**changes: Any) -> Video:
    given = {"path": "a.mp4", "bytes": 1, "container": "mp4", "codec": "h264", "width": 640, "height": 360}
    given |= {"pixel_format": "yuv420p", "bit_depth": 8, "duration": 4, "rate": 25, "colour": TAGS}
    return Video(**(given | changes))


def found(
    type_: T, severity: Severity, share: float = 1, box: Box = WHOLE, key: bool = False
) -> VideoFinding:
    id_ = type_.name.lower()
    return VideoFinding(id=id_, type=type_, severity=severity, share=share, box=box, key=key, start=0, end=4)


def timeline(*findings: VideoFinding, signals: dict[str, float] | None = None, **changes: Any) -> Timeline:
    shot = Shot(index=0, start=0, end=4, first_frame=0, frames=100)
    frame = SampledFrame(frame=0, time=0, diagnosis=Diagnosis(content="", level=None))
    analysed = ShotAnalysis(shot=shot, frames=(frame,), findings=findings, signals=signals or {})
    return Timeline(video=video(**changes), shots=(analysed,), findings=findings)


def planned(*findings: VideoFinding, offer: Offer = EVERYTHING, **more: Any) -> ShotPlan:
    (shot,) = plan(timeline(*findings, **more), default_rules(), offer).shots
    return shot


def tools_of(shot: ShotPlan) -> list[str]:
    return [call.tool for call in shot.calls]


# What the shipped rules say


def test_a_shot_without_findings_is_left_as_it_is():
    shot = planned()
    assert (shot.calls, shot.fired, shot.lost, shot.unanswered) == ((), (), (), ())


@pytest.mark.parametrize(
    ("type_", "tool"),
    [
        (T.BLOCKING_ARTIFACTS, "deblock"),
        (T.EDGE_RINGING_EFFECT, "dering"),
        (T.EDGE_ALIASING_EFFECT, "antialias"),
        (T.NOISE, "hqdn3d"),
        (T.UNDEREXPOSURE, "brighten"),
        (T.OVEREXPOSURE, "darken"),
        (T.LOW_CLARITY, "unsharp"),
        (T.OUT_OF_FOCUS_BLUR, "unsharp"),
    ],
)
def test_each_type_that_can_be_mended_has_its_tool(type_, tool):
    (call,) = planned(found(type_, Severity.MODERATE)).calls
    assert (call.tool, call.findings, call.strength) == (tool, (type_.name.lower(),), Severity.MODERATE)
    assert type_ in call.lowers


@pytest.mark.parametrize(
    ("finding", "rule"),
    [
        (found(T.MEANINGLESS_SOLID_COLOR, Severity.SEVERE, box=Box.of(0, 0, 300, 300)), "flat-area"),
        (found(T.MEANINGLESS_SOLID_COLOR, Severity.MINOR), "flat-shot"),
        (found(T.OUT_OF_FOCUS_BLUR, Severity.SEVERE), "hopeless-blur"),
        (found(T.MOTION_BLUR, Severity.SEVERE), "motion-blur"),
    ],
)
def test_what_cannot_be_mended_is_left_and_the_reason_is_told(finding, rule):
    shot = planned(finding)
    assert (shot.calls, shot.unanswered) == ((), ())
    assert shot.fired[0].rule == rule
    assert shot.fired[0].tool is None
    assert len(shot.fired[0].why) > 20


def test_hopeless_blur_keeps_the_shot_from_being_sharpened_and_says_so():
    shot = planned(found(T.OUT_OF_FOCUS_BLUR, Severity.SEVERE), found(T.LOW_CLARITY, Severity.MODERATE))
    assert tools_of(shot) == []
    (lost,) = shot.lost
    assert (lost.rule, lost.to) == ("sharpen", "hopeless-blur")


def test_a_black_leader_is_not_brightened():
    shot = planned(found(T.UNDEREXPOSURE, Severity.SEVERE), signals={"luma_p99": 0.05})
    assert tools_of(shot) == []
    assert "fade or a leader" in shot.lost[0].why
    assert shot.unanswered == ("underexposure",)


def test_blocks_that_are_not_measured_are_not_smoothed():
    blocky = found(T.BLOCKING_ARTIFACTS, Severity.MODERATE)
    assert tools_of(planned(blocky, signals={"blockiness": 0.05})) == []
    assert tools_of(planned(blocky, signals={"blockiness": 0.4})) == ["deblock"]


def test_what_is_dark_or_bright_to_the_model_alone_is_left():
    dark, bright = found(T.UNDEREXPOSURE, Severity.MODERATE), found(T.OVEREXPOSURE, Severity.MODERATE)
    assert tools_of(planned(dark, signals={"luma_p50": 0.3, "luma_p99": 0.9})) == []
    assert tools_of(planned(dark, signals={"luma_p50": 0.1, "luma_p99": 0.9})) == ["brighten"]
    assert tools_of(planned(dark, signals={"luma_p50": 0.3, "luma_p99": 0.5})) == ["brighten"]
    assert tools_of(planned(bright, signals={"luma_p50": 0.5, "clipped_bright": 0.0})) == []
    assert tools_of(planned(bright, signals={"luma_p50": 0.8, "clipped_bright": 0.0})) == ["darken"]
    assert tools_of(planned(bright, signals={"luma_p50": 0.5, "clipped_bright": 0.1})) == ["darken"]


def test_a_small_bright_lamp_does_not_darken_the_shot():
    shot = planned(found(T.OVEREXPOSURE, Severity.SEVERE, box=Box.of(0, 0, 200, 200)))
    assert tools_of(shot) == []
    (lost,) = (one for one in shot.lost if one.rule == "darken")
    assert lost.why == "Overexposure covers 4% of the picture, asked for are 25%"


def test_of_too_dark_and_too_bright_the_key_decides():
    dark, bright = found(T.UNDEREXPOSURE, Severity.MINOR), found(T.OVEREXPOSURE, Severity.SEVERE, key=True)
    assert tools_of(planned(dark, bright)) == ["darken"]
    neither = bright.model_copy(update={"key": False})
    shot = planned(dark, neither)
    assert tools_of(shot) == ["brighten"]
    assert [(lost.rule, lost.to) for lost in shot.lost if lost.to] == [("darken", "brighten")]


def test_what_is_clipped_is_not_made_grey():
    bright = found(T.OVEREXPOSURE, Severity.SEVERE)
    assert tools_of(planned(bright, signals={"clipped_bright": 0.1})) == ["darken"]
    shot = planned(bright, signals={"clipped_bright": 0.5})
    assert (tools_of(shot), shot.fired[0].rule, shot.lost[0].to) == ([], "burnt", "burnt")


def test_brightness_that_jumps_is_smoothed_though_no_type_names_it():
    assert tools_of(planned(signals={"flicker": 5.0})) == ["deflicker"]
    assert tools_of(planned(signals={"flicker": 1.0})) == []


def test_noise_that_is_not_measured_is_not_smoothed():
    noisy = found(T.NOISE, Severity.MODERATE)
    assert tools_of(planned(noisy, signals={"noise": 0.2})) == []
    assert tools_of(planned(noisy, signals={"noise": 4.0})) == ["hqdn3d"]


def test_a_dark_noisy_blocky_shot_is_treated_in_the_order_of_the_work():
    types = (T.UNDEREXPOSURE, T.LOW_CLARITY, T.NOISE, T.BLOCKING_ARTIFACTS)
    shot = planned(*(found(type_, Severity.MODERATE) for type_ in types), interlaced=True)
    assert tools_of(shot) == ["bwdif", "deblock", "hqdn3d", "brighten", "unsharp"]


def test_combs_are_found_where_the_file_does_not_tell():
    assert tools_of(planned(signals={"combing": 0.1})) == ["bwdif"]
    both = planned(signals={"combing": 0.1}, interlaced=True)
    assert tools_of(both) == ["bwdif"]


def test_hdr_is_not_treated_with_curves_for_sdr():
    pq = TAGS.model_copy(update={"transfer": "smpte2084"})
    shot = planned(found(T.UNDEREXPOSURE, Severity.MODERATE), colour=pq, bit_depth=10)
    assert tools_of(shot) == []
    assert "HDR" in shot.lost[0].why


def test_a_tool_that_would_round_the_picture_is_not_used():
    mine = '[[rule]]\nid = "slow"\nwhy = "texture"\ntool = "nlmeans"\nwhen.types = ["Noise"]\n'
    rules = read_rules(mine, "my.toml")
    noisy = found(T.NOISE, Severity.MODERATE)
    assert tools_of(plan(timeline(noisy), rules, EVERYTHING).shots[0]) == ["nlmeans"]
    (shot,) = plan(timeline(noisy, bit_depth=10), rules, EVERYTHING).shots
    assert tools_of(shot) == ["hqdn3d"]
    assert [lost.why for lost in shot.lost] == ["nlmeans works in 8 bits and the video has 10"]


def test_a_tool_that_does_not_run_is_not_used_and_the_reason_is_ffmpegs():
    offer = Offer("ffmpeg", {"hqdn3d": "No such filter: 'hqdn3d'"})
    shot = planned(found(T.NOISE, Severity.MODERATE), offer=offer)
    assert shot.calls == ()
    assert [lost.why for lost in shot.lost] == ["this ffmpeg does not run hqdn3d: No such filter: 'hqdn3d'"]


def test_a_shot_of_which_no_frame_was_diagnosed_says_so():
    seen = timeline()
    (shot,) = seen.shots
    lost = shot.frames[0].model_copy(update={"diagnosis": None, "error": "no answer"})
    blind = seen.model_copy(update={"shots": (shot.model_copy(update={"frames": (lost,)}),)})
    (one,) = plan(blind, default_rules(), EVERYTHING).shots
    assert not one.diagnosed
    assert planned().diagnosed


# Laws

SEVERITIES, TYPES = st.sampled_from(Severity), st.sampled_from(T)
ASKED = st.sampled_from([Severity.MINOR, Severity.MINOR, *Severity])
SELDOM = st.sampled_from([False, False, False, True])
"""Where little is asked for, most rules fire: else there would be little that could be out of order."""
SIGNALS = ("noise", "combing", "flicker", "luma_p99", "clipped_bright")
BOXES = st.sampled_from([WHOLE, Box.of(0, 0, 500, 500), Box.of(100, 100, 900, 1000), Box.of(0, 0, 100, 100)])
FINDINGS = st.lists(
    st.builds(found, TYPES, SEVERITIES, st.floats(0, 1), BOXES, st.booleans()),
    min_size=1,
    max_size=10,
    unique_by=lambda finding: finding.type,
)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    signals = draw(st.dictionaries(st.sampled_from(SIGNALS), st.floats(0, 5), max_size=4))
    changes = {"interlaced": draw(st.booleans()), "bit_depth": draw(st.sampled_from([8, 10]))}
    return timeline(*draw(FINDINGS), signals=signals, **changes)


@st.composite
def ladders(draw: st.DrawFn, tool: Tool) -> Ladder:
    rungs: list[dict[str, float]] = [{}, {}, {}]
    for name, parameter in tool.parameters.items():
        if parameter.kind != "number" or parameter.stronger == "none":
            continue
        values = sorted(draw(st.lists(st.floats(parameter.least, parameter.most), min_size=3, max_size=3)))
        for rung, value in zip(rungs, values, strict=True):
            rung[name] = value
    return Ladder(minor=rungs[0], moderate=rungs[1], severe=rungs[2])


@st.composite
def conditions(draw: st.DrawFn, kind: type[Condition] = Condition, **more: Any) -> Condition:
    asked = {
        "types": draw(st.lists(TYPES, min_size=2, max_size=6, unique=True)),
        "severity": draw(ASKED),
    }
    asked |= {"share": draw(st.sampled_from([0, 0.4])), "key": draw(SELDOM)}
    if draw(SELDOM):
        asked["signals"] = {draw(st.sampled_from(SIGNALS)): Range(min=draw(st.floats(0, 5)))}
    return kind(**asked, **more)


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    ids = [f"rule{n}" for n in range(draw(st.integers(1, 6)))]
    rules = []
    for id_ in ids:
        tool = draw(st.none() | st.sampled_from(list(TOOLS.values())))
        named = {"tool": tool.name, "ladder": draw(ladders(tool))} if tool else {"leave": True}
        resizes = tool is not None and tool.resizes
        others = draw(st.lists(st.sampled_from(ids), max_size=2, unique=True))
        rules.append(
            Rule(
                id=id_,
                why="because",
                scope="video" if resizes else draw(st.sampled_from(["shot", "video"])),
                when=draw(conditions()),
                unless=(draw(conditions(Guard, why="no")),) if draw(SELDOM) else (),
                conflicts=tuple(other for other in others if other != id_),
                **named,
            )
        )
    assert wrong_rules(RuleFile(extends="nothing", rule=tuple(rules)), (), TOOLS) == []
    return RuleSet(tuple(rules), TOOLS, "digest")


@st.composite
def greedy(draw: st.DrawFn) -> RuleSet:
    """Every tool for any finding, in any order: as many calls as tools that may be used together."""
    rules = [
        Rule(
            id=name,
            why="because",
            tool=name,
            scope="video" if TOOLS[name].resizes else "shot",
            when=Condition(types=tuple(T)),
            ladder=draw(ladders(TOOLS[name])),
        )
        for name in draw(st.permutations(sorted(TOOLS)))
    ]
    return RuleSet(tuple(rules), TOOLS, "digest")


ANY_RULES = st.just(default_rules()) | rule_sets() | greedy()
OFFERS = st.builds(
    Offer, st.just("ffmpeg"), st.dictionaries(st.sampled_from(sorted(TOOLS)), st.just("no"), max_size=3)
)


def worse(seen: Timeline, type_: T) -> Timeline:
    """The same video with the findings of a type one step more severe."""

    def step(finding: VideoFinding) -> VideoFinding:
        if finding.type is not type_:
            return finding
        return finding.model_copy(update={"severity": list(Severity)[min(2, finding.severity.rank)]})

    (shot,) = seen.shots
    findings = tuple(map(step, shot.findings))
    return seen.model_copy(
        update={"findings": findings, "shots": (shot.model_copy(update={"findings": findings}),)}
    )


@given(timelines(), ANY_RULES, OFFERS, TYPES)
def test_what_is_more_severe_is_never_a_weaker_call(seen, rules, offer, type_):
    before, after = (plan(one, rules, offer) for one in (seen, worse(seen, type_)))
    (shot,) = after.shots
    by_rule = {call.rule: call for call in shot.calls}
    lost = {one.rule: one.why for one in (*shot.lost, *after.whole.lost)}
    for call in before.shots[0].calls:
        if call.rule not in by_rule:  # then another rule took its place, and the plan says why
            assert lost[call.rule]
            continue
        now = by_rule[call.rule]
        assert now.strength.rank >= call.strength.rank
        parameters = rules.tools[call.tool].parameters
        assert all(parameters[n].no_weaker(v, call.parameters[n]) for n, v in now.parameters.items())


@given(timelines(), ANY_RULES, OFFERS)
def test_calls_are_in_canonical_order_and_none_clash(seen, rules, offer):
    (shot,) = plan(seen, rules, offer).shots
    ranks = [call.step.rank for call in shot.calls]
    assert ranks == sorted(ranks)
    for n, call in enumerate(shot.calls):
        for other in shot.calls[:n]:
            assert not rules.tools[call.tool].clashes(rules.tools[other.tool])


@given(timelines(), ANY_RULES, OFFERS)
def test_rules_that_conflict_are_not_followed_together(seen, rules, offer):
    made = plan(seen, rules, offer)
    fired = {one.rule for one in (*made.whole.fired, *made.shots[0].fired)}
    by_id = {rule.id: rule for rule in rules.rules}
    assert not [(a, b) for a in fired for b in by_id[a].conflicts if b in fired]


@given(timelines(), ANY_RULES, OFFERS, st.randoms())
def test_a_plan_depends_on_nothing_but_what_is_given(seen, rules, offer, random):
    (shot,) = seen.shots
    findings = list(shot.findings)
    random.shuffle(findings)
    shuffled = seen.model_copy(
        update={
            "findings": tuple(findings),
            "shots": (shot.model_copy(update={"findings": tuple(findings)}),),
        }
    )
    once, again, other = (plan(one, rules, offer) for one in (seen, seen, shuffled))
    assert once == again
    assert Plan.model_validate_json(once.model_dump_json()) == once
    assert _without_order(once.shots[0]) == _without_order(other.shots[0])


def _without_order(shot: ShotPlan) -> list[tuple[Any, ...]]:
    return [(c.tool, c.strength, tuple(c.parameters.items()), frozenset(c.findings)) for c in shot.calls]


@given(timelines(), ANY_RULES, OFFERS)
def test_every_finding_is_answered_or_said_to_be_open(seen, rules, offer):
    (shot,) = plan(seen, rules, offer).shots
    answered = {id_ for one in shot.fired for id_ in one.findings}
    assert answered | set(shot.unanswered) == {finding.id for finding in seen.shots[0].findings}
    assert not answered & set(shot.unanswered)
    assert {one.rule for one in shot.fired}.isdisjoint({one.rule for one in shot.lost})


@given(timelines(), ANY_RULES)
def test_a_call_that_is_weakened_is_weaker_until_nothing_is_left(seen, rules):
    for call in plan(seen, rules, EVERYTHING).shots[0].calls:
        parameters = rules.tools[call.tool].parameters
        weaker = call.weakened()
        steps = 0
        while weaker:
            assert weaker.strength.rank < call.strength.rank
            assert weaker.parameters != call.parameters
            assert all(parameters[n].no_weaker(v, weaker.parameters[n]) for n, v in call.parameters.items())
            call, weaker, steps = weaker, weaker.weakened(), steps + 1
        assert steps <= 2


@given(timelines(), ANY_RULES)
def test_parameters_are_within_the_ranges_of_their_tool(seen, rules):
    for call in plan(seen, rules, EVERYTHING).shots[0].calls:
        tool = rules.tools[call.tool]
        assert set(call.parameters) == set(tool.parameters)
        assert not [n for n, value in call.parameters.items() if tool.parameters[n].complaint(value)]
