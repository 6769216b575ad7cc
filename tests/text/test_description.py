import json
from pathlib import Path

import pytest

from finesight.schema.answer import ParseFailure
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Level, Severity, find_severity, find_type
from finesight.text.description import parse_assess, parse_brief, parse_dist_assess
from finesight.text.grammar import Reason

PREDICTIONS = Path(__file__).parents[3] / "shared/vida/mipi/predictions/description.json"
FAIR = "\nThus, the quality of the image is fair."


def mark(name, box="(1,2),(3,4)"):
    return f"<|object_ref_start|>{name}<|object_ref_end|><|box_start|>{box}<|box_end|>"


def stored(items):
    return {(find_type(i["distortion"]), find_severity(i["severity"]), *i["coordinates"]) for i in items}


def read(findings):
    return {(f.type, f.severity, *f.box.xyxy) for f in findings}


@pytest.mark.skipif(not PREDICTIONS.exists(), reason="the organisers' example predictions are not here")
def test_boxes_keys_and_level_of_every_example_description_are_those_the_organisers_stored():
    for item in json.loads(PREDICTIONS.read_text(encoding="utf-8")):
        diagnosis = parse_assess(item["pred_ans"])
        assert read(diagnosis.findings) == stored(item["all_distortions"]), item["id"]
        assert len(diagnosis.findings) == len(stored(item["all_distortions"]))
        assert read(diagnosis.keys) == stored(item["key_distortions"]), item["id"]
        assert diagnosis.level == item["image_quality"], item["id"]
        assert diagnosis.content == item["pred_ans"].split("\n")[0], item["id"]


def test_keys_end_at_the_first_full_stop_of_the_second_last_line():
    key, other = mark("severe noise"), mark("minor noise", "(5,6),(7,8)")
    diagnosis = parse_assess(f"A car.\n{key} {other}.\nThe {key} is worst. The {other} is not.\n{FAIR}\n")
    assert [f.severity for f in diagnosis.findings] == [Severity.SEVERE, Severity.MINOR]
    assert [f.severity for f in diagnosis.keys] == [Severity.SEVERE]


def test_findings_of_the_key_line_alone_count_as_findings():
    diagnosis = parse_assess(f"A car.\nThe {mark('severe noise')} is worst.{FAIR}")
    assert diagnosis.findings == diagnosis.keys
    assert len(diagnosis.findings) == 1


def test_a_reference_without_a_box_is_prose():
    prose = "<|object_ref_start|>severe fog<|object_ref_end|>"
    diagnosis = parse_assess(f"A car.\n{prose} and {mark('severe noise')}.\n-{FAIR}")
    assert [f.type for f in diagnosis.findings] == [DistortionType.NOISE]


def test_a_first_line_with_a_box_is_not_the_content():
    assert parse_assess(f"{mark('severe noise')}: grain.\nNo key.{FAIR}").content == ""


def test_a_cut_off_assessment_keeps_its_boxes_and_has_neither_level_nor_keys():
    failure = parse_assess(f"A car.\n{mark('severe noise')}: grain.\nThe {mark('minor noise')} has the mo")
    assert failure.reason == Reason.NO_LEVEL
    assert failure.partial.content == "A car."
    assert failure.partial.level is None
    assert [f.key for f in failure.partial.findings] == [False, False]


def test_an_impossible_box_fails_the_assessment_but_not_the_boxes_beside_it():
    text = f"A car.\n{mark('severe noise', '(9,9),(1,1)')}{mark('severe noise')}: grain.\nNo key.{FAIR}"
    failure = parse_assess(text)
    assert (failure.reason, failure.position) == (Reason.BOX_INVERTED, text.index("<|box_start|>"))
    assert read(failure.partial.findings) == {(DistortionType.NOISE, Severity.SEVERE, 1, 2, 3, 4)}
    assert failure.partial.level is Level.FAIR


@pytest.mark.parametrize(
    "text",
    [
        f"A car.\nThere is no distortion in the image. All is sharp.{FAIR}",
        f"There are no distortions in this image.{FAIR}",
        f"A car.\nThe image is sharp and bright.{FAIR}",
        f"A car with severe noise.\nThere is no distortion in the image.{FAIR}",
    ],
)
def test_a_picture_is_clean_where_that_is_said_or_nothing_else_is(text):
    diagnosis = parse_assess(text)
    assert diagnosis.findings == ()
    assert diagnosis.level is Level.FAIR


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"A car.{FAIR}", Reason.NOTHING_SAID),
        (f"A car.\nThere is severe noise.{FAIR}", Reason.NAMED_WITHOUT_BOX),
        (f"A car.\n<|object_ref_start|>it<|object_ref_end|> is bad.{FAIR}", Reason.NAMED_WITHOUT_BOX),
        (f"A car. {mark('severe noise')} {FAIR.strip()}", Reason.MISSING_LINE),
    ],
)
def test_findings_without_a_box_are_not_taken_for_a_clean_picture(text, reason):
    assert parse_assess(text).reason == reason


def test_content_cannot_smuggle_in_a_token():
    assert parse_assess(f"A <||<|im_start|> car.\nAll well.{FAIR}").content == "A <<im_start|> car."


def test_brief_sections_come_in_any_order_and_dress():
    brief = parse_brief(
        "**Scene description:** A car.\n* **Distortion Assessment**:\nSlight noise AND severe blocking "
        "artifact;\nminor noise\n**Conclusion**: The quality of the image is bad.<|im_end|>"
    )
    assert (brief.scene, brief.level) == ("A car.", Level.BAD)
    assert [(m.severity, m.type) for m in brief.mentions] == [
        (Severity.MINOR, DistortionType.NOISE),
        (Severity.SEVERE, DistortionType.BLOCKING_ARTIFACTS),
    ]


def test_a_brief_answer_cut_off_keeps_what_it_mentioned():
    failure = parse_brief(
        "- **Conclusion**: The quality of the image is bad.\n- **Distortion assessment**: Minor noise."
    )
    assert failure.reason == Reason.MISSING_SECTION
    assert [m.type for m in failure.partial] == [DistortionType.NOISE]


def test_of_a_repeated_section_the_first_is_kept_as_partial():
    text = "**Conclusion**: The quality of the image is bad.\n**Distortion assessment**: Minor noise.\n"
    failure = parse_brief(text + "**Scene description**: A car.\n**Scene description**: A dog.")
    assert failure.reason == Reason.REPEATED_SECTION
    assert failure.partial.scene == "A car."


@pytest.mark.parametrize(
    "text",
    [
        "There is no low clarity in the image.",
        "The low clarity distortion is not present in the image.",
        "Low clarity is not present in this image",
        "There is no distortion in the image.<|im_end|>",
    ],
)
def test_one_type_may_be_said_to_be_absent(text):
    assert parse_dist_assess(text) == ()


@pytest.mark.parametrize(
    "text", ["There is no doubt in the image.", "There is no noise but severe low clarity."]
)
def test_prose_without_a_box_is_not_absence(text):
    assert parse_dist_assess(text).reason == Reason.NOTHING_SAID


def test_one_type_is_read_from_prose_of_several_lines():
    text = (
        f"There are two.\n{mark('Minor noise')} is above.\nOther {mark('severe noise')} below.\nBoth matter."
    )
    assert [f.box for f in parse_dist_assess(text)] == [Box.of(1, 2, 3, 4)] * 2
    cut = parse_dist_assess(text.removesuffix("."))
    assert isinstance(cut, ParseFailure)
    assert (cut.reason, len(cut.partial)) == (Reason.CUT_OFF, 2)
