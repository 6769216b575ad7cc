import pytest

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level
from finesight.schema.taxonomy import Severity as S
from finesight.text.render import (
    render_assess,
    render_choices,
    render_detect,
    render_dist_assess,
    render_region,
    render_score,
)

LEFT, RIGHT = Box.of(0, 0, 400, 1000), Box.of(600, 0, 1000, 1000)


def finding(type_, severity, box, key=False):
    return Finding(type=type_, severity=severity, box=box, key=key)


def mark(name, box):
    return f"<|object_ref_start|>{name}<|object_ref_end|><|box_start|>{box}<|box_end|>"


def test_an_assessment_without_content_begins_with_its_distortions():
    said = render_assess(Diagnosis(content="", findings=(finding(T.NOISE, S.SEVERE, LEFT),), level=Level.BAD))
    assert said.split("\n") == [
        mark("Severe noise", "(0,0),(400,1000)") + ": grain covers the surface.",
        "No single distortion stands out.",
        "Thus, the quality of the image is bad.",
    ]


def test_all_keys_stand_in_the_first_sentence_of_the_second_last_line_in_lower_case():
    findings = (finding(T.NOISE, S.SEVERE, LEFT, key=True), finding(T.NOISE, S.MINOR, RIGHT, key=True))
    line = render_assess(Diagnosis(content="c", findings=findings, level=Level.BAD)).split("\n")[-2]
    one, other = mark("severe noise", "(0,0),(400,1000)"), mark("minor noise", "(600,0),(1000,1000)")
    assert line == f"The {one} and the {other} have the most significant impact on the quality."


def test_in_an_assessment_every_reference_has_one_box_right_behind_it_as_the_organisers_expect():
    findings = tuple(finding(T.NOISE, severity, box, key=True) for severity in S for box in (LEFT, RIGHT))
    said = render_assess(Diagnosis(content="c", findings=findings, level=Level.BAD))
    assert said.count("<|object_ref_end|><|box_start|>") == said.count("<|box_start|>") == 2 * len(findings)


def test_a_clean_picture_says_so_where_its_keys_would_stand():
    assert render_assess(Diagnosis(content="A car.", level=Level.GOOD)) == (
        "A car.\nThere is no distortion in the image.\nThus, the quality of the image is good."
    )


def test_a_diagnosis_without_a_level_is_refused():
    with pytest.raises(ValueError, match="level"):
        render_assess(Diagnosis(content="c", level=None))


def test_findings_of_another_type_than_asked_are_refused():
    with pytest.raises(ValueError, match="Low clarity"):
        render_dist_assess(T.LOW_CLARITY, [finding(T.NOISE, S.MINOR, LEFT)])


def test_a_detection_has_a_heading_a_type_and_shares_a_reference_among_equal_severities():
    findings = [
        finding(T.NOISE, S.MINOR, LEFT),
        finding(T.LOW_CLARITY, S.SEVERE, LEFT),
        finding(T.NOISE, S.MINOR, RIGHT),
    ]
    assert render_detect(findings) == (
        "Low clarity:\n" + mark("Severe low clarity", "(0,0),(400,1000)") + "\n"
        "Noise:\n" + mark("Minor noise", "(0,0),(400,1000)") + "<|box_start|>(600,0),(1000,1000)<|box_end|>."
    )


def test_a_region_answer_keeps_heading_and_reference_on_one_line_without_a_full_stop():
    findings = [finding(T.NOISE, S.MINOR, LEFT)]
    assert render_region(findings) == "Noise: " + mark("Minor noise", "(0,0),(400,1000)")


def test_nothing_found_is_said_in_the_challenges_words():
    assert render_detect([]) == "There is no distortion in the image."
    assert render_region([]) == "No distortion affects this region."
    assert render_dist_assess(T.NOISE, []) == "There is no noise in the image."


def test_choices_are_numbered_from_one_and_a_score_is_one_sentence():
    assert render_choices("BA") == "1. B\n2. A"
    assert render_score(Level.FAIR) == "The quality of the image is fair."
