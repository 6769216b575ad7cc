"""The laws that hold for all nine subclasses, and the documentation of the grammar."""

import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.answer import ParseFailure
from finesight.schema.box import Box
from finesight.schema.diagnosis import Brief, Diagnosis, Finding, Mention, canonical
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level
from finesight.schema.taxonomy import Severity as S
from finesight.text import render
from finesight.text.grammar import BOX_END, BOX_START, END_TOKENS, REF_END, REF_START, Reason
from finesight.text.merged import split_answers
from finesight.text.parse import (
    PARSERS,
    parse,
    parse_assess,
    parse_brief,
    parse_choice,
    parse_choices,
    parse_detect,
    parse_dist_assess,
    parse_qa,
    parse_referring,
    parse_region,
    parse_score,
)

DOCS = (Path(__file__).parents[2] / "docs/grammar.md").read_text(encoding="utf-8")
TOKENS = (REF_START, REF_END, BOX_START, BOX_END, *END_TOKENS, "<|im_start|>")
RULE_WORDS = (
    *TOKENS,
    "<|",
    ".",
    "\n",
    "\u2028",
    "\x00",
    "Thus, the quality of the image is bad.",
    "There is no distortion in the image.",
    "severe noise",
    "- **Conclusion**:",
    "1. B",
    "(1,2),(3,4)",
)

lines = st.lists(st.one_of(st.text(max_size=12), st.sampled_from(RULE_WORDS)), max_size=6).map("".join)
spans = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(sorted)
boxes = st.builds(lambda x, y: Box.of(x[0], y[0], x[1], y[1]), spans, spans)
# Few boxes as well as any, so that equal ones meet.
common_boxes = st.one_of(boxes, st.sampled_from([Box.of(0, 0, 0, 0), Box.of(1, 2, 3, 4)]))
findings = st.builds(
    Finding, type=st.sampled_from(T), severity=st.sampled_from(S), box=common_boxes, key=st.booleans()
)
diagnoses = st.builds(
    Diagnosis,
    content=lines,
    findings=st.lists(findings, max_size=6).map(tuple),
    level=st.sampled_from(Level),
)
mentions = st.builds(Mention, type=st.sampled_from(T), severity=st.sampled_from(S))
briefs = st.builds(
    Brief, level=st.sampled_from(Level), mentions=st.lists(mentions, max_size=5).map(tuple), scene=lines
)
plain_findings = st.lists(findings.map(lambda f: f.model_copy(update={"key": False})), max_size=6).map(
    canonical
)
letters = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
endings = st.sampled_from(["", "\n", "<|im_end|>", " <|im_end|>\n<|endoftext|><|endoftext|>"])


@given(diagnoses, endings)
def test_an_assessment_is_read_as_it_was_written(diagnosis, ending):
    assert parse_assess(render.render_assess(diagnosis) + ending) == diagnosis


@given(briefs, endings)
def test_a_brief_answer_is_read_as_it_was_written(brief, ending):
    assert parse_brief(render.render_brief(brief) + ending) == brief


@given(st.sampled_from(T), plain_findings, endings)
def test_the_assessment_of_a_type_is_read_as_it_was_written(type_, found, ending):
    found = canonical(f.model_copy(update={"type": type_}) for f in found)
    assert parse_dist_assess(render.render_dist_assess(type_, found) + ending) == found


@given(plain_findings, endings)
def test_detections_and_regions_are_read_as_they_were_written(found, ending):
    assert parse_detect(render.render_detect(found) + ending) == found
    assert parse_region(render.render_region(found) + ending) == found


@given(st.lists(common_boxes, max_size=5), endings)
def test_referring_boxes_are_written_and_read_once_each(found, ending):
    said = render.render_referring(found)
    assert said.count(BOX_START) == len(set(found))
    assert parse_referring(said + ending) == tuple(dict.fromkeys(found))


@given(st.lists(letters, min_size=1, max_size=12), endings)
def test_choices_are_read_as_they_were_written_single_and_merged(chosen, ending):
    assert parse_choice(render.render_choice(chosen[0]) + ending) == chosen[0]
    assert parse_choices(render.render_choices(chosen) + ending, len(chosen)) == tuple(chosen)


@given(st.sampled_from(Level), st.sampled_from(["Blue.", "Two\nlines.", "雪"]), endings)
def test_scores_and_free_answers_are_read_as_they_were_written(level, said, ending):
    assert parse_score(render.render_score(level) + ending) == level
    assert parse_qa(said + ending) == said


@given(diagnoses, st.data())
def test_an_answer_cut_off_anywhere_is_a_failure_or_still_says_the_same(diagnosis, data):
    full = render.render_assess(diagnosis)
    cut = parse_assess(full[: data.draw(st.integers(0, len(full)))])
    if not isinstance(cut, ParseFailure) and cut != diagnosis:
        # The content may itself hold a whole answer; nothing can tell it from one.
        assert "the quality of the image is" in diagnosis.content
    found = canonical(f.model_copy(update={"key": False}) for f in diagnosis.findings)
    full = render.render_detect(found)
    cut = parse_detect(full[: data.draw(st.integers(0, len(full)))])
    assert isinstance(cut, ParseFailure) or cut == found


def test_one_function_reads_all_nine_subclasses():
    assert set(PARSERS) == set(Subclass)
    assert parse(Subclass.SCORE, "The quality of the image is bad.") is Level.BAD
    assert parse(Subclass.MCQ, "B.", options=2) == "B"
    assert parse(Subclass.MCQ, "1. B\n2. C", count=2, options=[4, 4]) == ("B", "C")


N = f"{REF_START}Minor noise{REF_END}"
B = f"{BOX_START}(1,2),(3,4){BOX_END}"
BRIEF = "**Conclusion**: {}\n**Distortion assessment**: Minor noise.\n**Scene description**: A car."
BAD = BRIEF.format("The quality of the image is bad.")
CASES = [
    (parse_qa, " <|im_end|>", Reason.EMPTY, 0),
    (parse_qa, "a<|im_end|>b", Reason.AFTER_END, 11),
    (parse_detect, f"{N}{B}{REF_END}.", Reason.UNPAIRED_TOKEN, len(N + B)),
    (parse_detect, f"{N}{BOX_START}(1,2){BOX_END}.", Reason.MALFORMED_BOX, len(N)),
    (parse_referring, f"{BOX_START}(1,2),(3,1001){BOX_END}", Reason.BOX_OUT_OF_RANGE, 0),
    (parse_region, f"{N}{BOX_START}(5,2),(3,9){BOX_END}", Reason.BOX_INVERTED, len(N)),
    (parse_region, B, Reason.BOX_WITHOUT_REFERENCE, 0),
    (parse_region, N, Reason.REFERENCE_WITHOUT_BOX, 0),
    (parse_dist_assess, f"x {REF_START}noise{REF_END}{B}.", Reason.UNKNOWN_SEVERITY, 2),
    (parse_dist_assess, f"x {REF_START}minor fog{REF_END}{B}.", Reason.UNKNOWN_TYPE, 2),
    (parse_detect, f"Overexposure: {N}{B}.", Reason.HEADING_CONTRADICTED, 14),
    (parse_detect, f"{N}{B} so.", Reason.UNEXPECTED_TEXT, len(N + B) + 1),
    (parse_detect, f"{N}{B}", Reason.CUT_OFF, len(N + B)),
    (parse_detect, "Noise.", Reason.NOTHING_SAID, 0),
    (parse_assess, "A.\nMinor noise.\nThus, the quality of the image is bad.", Reason.NAMED_WITHOUT_BOX, 3),
    (parse_assess, "Thus, the quality of the image is bad.", Reason.MISSING_LINE, 0),
    (parse_assess, f"A.\n{N}{B}.", Reason.NO_LEVEL, 3),
    (parse_score, "The quality of the image is odd.", Reason.UNKNOWN_LEVEL, 0),
    (parse_brief, BRIEF.format("the quality of the image is bad or good"), Reason.SEVERAL_LEVELS, 15),
    (parse_brief, "**Conclusion**: bad", Reason.MISSING_SECTION, 19),
    (parse_brief, f"{BAD}\n**Conclusion**: b", Reason.REPEATED_SECTION, len(BAD) + 1),
    (parse_choice, "A dog", Reason.NO_LETTER, 0),
    (parse_choice, "A. or B.", Reason.SEVERAL_LETTERS, 0),
    (lambda text: parse_choice(text, 2), " C", Reason.LETTER_BEYOND_OPTIONS, 1),
    (lambda text: parse_choices(text, 2), "B", Reason.UNANSWERED, 0),
    (lambda text: parse_choices(text, 1)[0], "1. A\n1. A", Reason.ANSWERED_TWICE, 5),
    (lambda text: split_answers(text, 1)[0], "1. A\nB", Reason.STRAY_LINE, 5),
]


@pytest.mark.parametrize(("parser", "text", "reason", "position"), CASES)
def test_every_failure_names_its_reason_and_place(parser, text, reason, position):
    failure = parser(text)
    assert (failure.reason, failure.position) == (reason.value, position)


def test_every_reason_has_a_case_and_a_row_in_the_documentation():
    assert {case[2] for case in CASES} == set(Reason)
    assert re.findall(r"^\| `(.+?)` \|", DOCS, re.MULTILINE) == [reason.value for reason in Reason]


EXAMPLE = (
    Finding(type=T.LOW_CLARITY, severity=S.MODERATE, box=Box.of(199, 10, 922, 320)),
    Finding(type=T.LOW_CLARITY, severity=S.SEVERE, box=Box.of(0, 640, 1000, 1000), key=True),
    Finding(type=T.OVEREXPOSURE, severity=S.MINOR, box=Box.of(430, 391, 545, 508)),
)
PLAIN = tuple(f.model_copy(update={"key": False}) for f in EXAMPLE)
DETECTED = (PLAIN[0], PLAIN[0].model_copy(update={"box": Box.of(2, 5, 741, 275)}), *PLAIN[1:])
IN_REGION = (
    PLAIN[0].model_copy(update={"box": Box.of(199, 10, 600, 320)}),
    PLAIN[2].model_copy(update={"box": Box.of(430, 300, 545, 320)}),
)
SCENE = "A white sports car stands before a blue wall."
REFERRED = (Box.of(14, 635, 998, 991), Box.of(2, 5, 741, 275))
DIAGNOSIS = Diagnosis(content=SCENE, findings=EXAMPLE, level=Level.FAIR)
BRIEFLY = Brief(
    level=Level.FAIR,
    mentions=tuple(Mention(type=f.type, severity=f.severity) for f in EXAMPLE),
    scene=SCENE,
)
FREE = "The lower part of the image is out of focus."
EXAMPLES = [
    ("assess", render.render_assess(DIAGNOSIS), DIAGNOSIS, {}),
    ("brief_assess", render.render_brief(BRIEFLY), BRIEFLY, {}),
    ("dist_assess", render.render_dist_assess(T.LOW_CLARITY, PLAIN[:2]), PLAIN[:2], {}),
    ("dist_detect", render.render_detect(DETECTED), DETECTED, {}),
    ("ref-grounding", render.render_referring(REFERRED), REFERRED, {}),
    ("reg-perception", render.render_region(IN_REGION), IN_REGION, {}),
    ("mcq", render.render_choice("B"), "B", {}),
    ("mcq", render.render_choices("BA"), ("B", "A"), {"count": 2}),
    ("qa", FREE, FREE, {}),
    ("score", render.render_score(Level.FAIR), Level.FAIR, {}),
]


def documented():
    section, found = "", []
    for heading, block in re.findall(r"^### ([^\n]+)$|^```text\n(.*?)\n```$", DOCS, re.MULTILINE | re.DOTALL):
        section = heading or section
        if block:
            found.append((section, block))
    return found


def test_the_documentation_shows_every_format_as_it_is_written_and_read():
    assert documented() == [(name, text) for name, text, _, _ in EXAMPLES]
    for name, text, value, context in EXAMPLES:
        assert parse(Subclass(name), text, **context) == value


def everything(text):
    """What all parsers make of a text, each either a value or a failure within it."""
    read = [parse(subclass, text) for subclass in Subclass]
    read += [parse_choice(text, 4), parse_choices(text, 3, [4, 4, 4])]
    for outcome in read:
        for part in outcome if isinstance(outcome, tuple) else (outcome,):
            if isinstance(part, ParseFailure):
                assert part.reason in {reason.value for reason in Reason}
                assert 0 <= part.position <= len(text)
    return read


def mutated(rng):
    text = rng.choice(EXAMPLES)[1]
    for _ in range(rng.randint(1, 6)):
        i, j = sorted(rng.choices(range(len(text) + 1), k=2))
        strange = chr(rng.choice([rng.randrange(128), rng.randrange(0x3000), rng.randrange(0xD800, 0xE000)]))
        text = rng.choice(
            [
                text[:i] + text[j:],
                text[:j] + text[i:],
                text[:i] + text[i:j][::-1] + text[j:],
                text[j:] + text[:i],
                text[:i] + rng.choice(RULE_WORDS) + text[i:],
                text[:i],
                text[:i] + strange + text[i:],
                text[:i] + "9" * rng.choice([1, 4, 9, 5000]) + text[i:],
            ]
        )
    return text


def test_ten_thousand_mutated_answers_are_all_read_or_refused():
    rng = Random(20250512)
    refused = sum(
        isinstance(outcome, ParseFailure) for _ in range(10_000) for outcome in everything(mutated(rng))
    )
    assert 0.5 * 110_000 < refused < 110_000  # most are broken, some are not: the mutations reach both sides


@pytest.mark.parametrize(
    "unit",
    [
        *(token for token in TOKENS),
        *(
            word
            for word in (
                " ",
                "\n",
                "(",
                "1",
                "A ",
                "A.",
                "or ",
                ",",
                "*",
                "**",
                "1.",
                "1. A\n",
                "no ",
                "\x00",
            )
        ),
        "the quality of the image is ",
        "there is no ",
        "severe ",
        "Noise:",
        "**conclusion",
        "**Conclusion**",
        "answer is ",
        f"{REF_START}a",
        f"{BOX_START}(",
        N,
        B,
    ],
)
def test_a_hundred_thousand_characters_of_anything_are_read_or_refused(unit):
    repeated = unit * (100_000 // len(unit))
    everything(repeated)
    everything(f"{N}{B}{repeated}{N}{B}.\nThus, the quality of the image is bad.")
