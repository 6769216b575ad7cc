import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.answer import ParseFailure
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.grammar import Fault, Reason, findings_of, level_in, name_in, read, scan, settle

REF = "<|object_ref_start|>Severe noise<|object_ref_end|>"
BOX = "<|box_start|>(1,2),(3,4)<|box_end|>"


def test_an_answer_ends_at_the_first_end_token():
    answer = read("B. \n<|im_end|><|endoftext|>\n<|endoftext|>")
    assert answer == ("B.", True, ())
    assert read("B.") == ("B.", False, ())
    assert read("B.<|im_end|> C.").faults == (Fault(Reason.AFTER_END, 12),)
    assert read(" <|im_end|>").faults == (Fault(Reason.EMPTY, 0),)


def test_half_a_surrogate_pair_is_replaced_at_its_place():
    assert read("a\ud800b").body == "a\ufffdb"


def test_boxes_belong_to_the_reference_they_follow_with_nothing_but_space_and_commas_between():
    marks, faults = scan(f"x {REF}{BOX}, {BOX}\n and {BOX}{REF} at {BOX}")
    assert faults == ()
    assert [(m.label, len(m.boxes), m.boxed) for m in marks] == [
        ("Severe noise", 2, True),
        (None, 1, True),
        ("Severe noise", 0, False),
        (None, 1, True),
    ]


def test_a_mark_spans_reference_and_boxes():
    text = f"x {REF}{BOX} y"
    (mark,), _ = scan(text)
    assert text[mark.start : mark.end] == REF + BOX


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ("(1,2),(3)", Reason.MALFORMED_BOX),
        ("(-1,2),(3,4)", Reason.MALFORMED_BOX),
        ("(1.0,2),(3,4)", Reason.MALFORMED_BOX),
        ("(٣,2),(3,4)", Reason.MALFORMED_BOX),
        (f"(0,0),(1,{'9' * 5000})", Reason.MALFORMED_BOX),
        ("(0,0),(1,1001)", Reason.BOX_OUT_OF_RANGE),
        ("(0,0),(1,999999999)", Reason.BOX_OUT_OF_RANGE),
        ("(5,0),(4,9)", Reason.BOX_INVERTED),
        ("(0,9),(4,8)", Reason.BOX_INVERTED),
    ],
)
def test_an_impossible_box_is_a_fault_and_the_next_box_is_still_read(inner, reason):
    (mark,), faults = scan(f"{REF}<|box_start|>{inner}<|box_end|>{BOX}")
    assert faults == ((reason, len(REF)),)
    assert mark.boxed
    assert mark.boxes == (Box.of(1, 2, 3, 4),)


def test_a_box_may_hold_white_space_and_have_no_extent():
    (mark,), faults = scan("<|box_start|> ( 5 , 5 ) ,\n( 5 , 5 ) <|box_end|>")
    assert faults == ()
    assert mark.boxes == (Box.of(5, 5, 5, 5),)


@given(
    st.lists(st.sampled_from(["<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "a", BOX, REF]))
)
def test_every_token_is_part_of_a_mark_or_a_fault(parts):
    text = "".join(parts)
    marks, faults = scan(text)
    tokens = re.compile(r"<\|(?:object_ref_start|object_ref_end|box_start|box_end)\|>")
    spans = [range(m.start, m.end) for m in marks]
    accused = {fault.position for fault in faults}
    for token in tokens.finditer(text):
        assert (token.start() in accused) != any(token.start() in span for span in spans)


@pytest.mark.parametrize(
    "label", ["Slight blocking artifact", " minor  BLOCKING_artifacts", "轻微 压缩块效应"]
)
def test_other_spellings_of_a_reference_are_folded(label):
    assert name_in(label) == (Severity.MINOR, DistortionType.BLOCKING_ARTIFACTS)


def test_a_reference_needs_severity_and_type():
    assert name_in("low clarity") == Reason.UNKNOWN_SEVERITY
    assert name_in("severe fog") == Reason.UNKNOWN_TYPE


def test_findings_are_counted_once_and_are_key_where_any_mention_is():
    marks, _ = scan(f"{REF}{BOX} {REF}{BOX}")
    (finding,), faults = findings_of(marks, key=range(marks[1].start, marks[1].end))
    assert finding.key
    assert faults == ()


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("Thus, the quality of the image is fair.", Level.FAIR),
        ("Overall, The Quality of the Image is POOR", Level.POOR),
        ("the quality of the image is poor, though colours are vivid", Level.POOR),
        ("the quality of the image is poor to fair", Reason.SEVERAL_LEVELS),
        ("the quality of the image is not good", Reason.UNKNOWN_LEVEL),
        ("the quality of the image is", Reason.NO_LEVEL),
        ("good", Reason.NO_LEVEL),
    ],
)
def test_a_level_is_read_only_where_one_is_said(line, level):
    assert level_in(line) == level


def test_of_several_faults_the_first_in_the_text_is_reported_and_the_value_kept():
    faults = [Fault(Reason.NO_LEVEL, 7), Fault(Reason.UNPAIRED_TOKEN, 3)]
    assert settle("v", []) == "v"
    assert settle("v", faults) == ParseFailure(reason=Reason.UNPAIRED_TOKEN.value, position=3, partial="v")
