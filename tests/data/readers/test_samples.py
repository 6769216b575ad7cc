"""LLaVA files of the nine subclasses and combined.json."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.readers import infer_subclass, read_samples, write_samples
from finesight.schema.box import Box
from finesight.schema.sample import Sample, Subclass
from finesight.text import prompts

MARKED = "<|object_ref_start|>Severe noise<|object_ref_end|><|box_start|>(1,2),(30,40)<|box_end|>"

samples = st.builds(
    Sample,
    id=st.text(),
    image=st.text(),
    subclass=st.sampled_from(Subclass),
    question=st.text() | st.just("\n<image>\n"),
    answer=st.text(),
    region=st.none() | st.just(Box.of(1, 2, 3, 4)),
    concern=st.sampled_from([None, "type", "position"]),
    candidates=st.lists(st.text(), max_size=3).map(tuple),
    source=st.text(),
)


def record(question: str, answer: str, **more: object) -> dict[str, object]:
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"image": "a.png", "conversations": turns, **more}


def read(path: Path, *records: object):
    path.write_text(json.dumps(records), encoding="utf-8")
    reading = read_samples(path)
    return list(reading), reading.skipped


@given(st.lists(samples, max_size=5))
def test_reading_what_was_written_gives_the_same_samples_in_both_kinds_of_file(tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder, written)
    assert list(read_samples(folder / "combined.json")) == written
    for subclass in {s.subclass for s in written}:
        own = list(read_samples(folder / f"{subclass.value}.json"))
        assert own == [s for s in written if s.subclass is subclass]


def test_the_file_name_says_the_subclass_and_the_image_mark_is_taken_off(tmp_path):
    (sample,), _ = read(tmp_path / "ref-grounding.json", record("<image>\nWhere?", "There."))
    assert sample.subclass is Subclass.REF_GROUNDING
    assert sample.question == "Where?"
    assert sample.id == "ref-grounding-0"


def test_json_lines_are_read_too(tmp_path):
    path = tmp_path / "qa.jsonl"
    path.write_text("\n".join(json.dumps(record(q, "Yes.")) for q in "ab"), encoding="utf-8")
    assert [s.question for s in read_samples(path)] == ["a", "b"]


ASSESS = (
    f"A street.\nThere is {MARKED} in the sky.\nThe {MARKED} is key.\nThus, the quality of the image is poor."
)
FORMS = [
    (Subclass.ASSESS, prompts.PROMPTS[Subclass.ASSESS], [ASSESS]),
    (
        Subclass.BRIEF_ASSESS,
        prompts.PROMPTS[Subclass.BRIEF_ASSESS],
        ["- **Conclusion**: The quality of the image is poor.\n- **Distortion assessment**: severe noise."],
    ),
    (
        Subclass.DIST_ASSESS,
        prompts.PROMPTS[Subclass.DIST_ASSESS],
        [f"There is {MARKED} in the sky. It hides detail."],
    ),
    (
        Subclass.DIST_ASSESS,
        ("Identify and assess the noise distortion of the image in detail.",),
        ["There is no noise in the image."],
    ),
    (Subclass.DIST_DETECT, prompts.PROMPTS[Subclass.DIST_DETECT], [f"Noise:\n{MARKED}.<|im_end|>"]),
    (
        Subclass.DIST_DETECT,
        prompts.PROMPTS[Subclass.DIST_DETECT][:1],
        ["There is no distortion in the image."],
    ),
    (
        Subclass.REF_GROUNDING,
        prompts.PROMPTS[Subclass.REF_GROUNDING],
        ["<|box_start|>(1,2),(30,40)<|box_end|>", f"{MARKED}."],
    ),
    (
        Subclass.REG_PERCEPTION,
        [
            p.format(box="<|box_start|>(1,2),(30,40)<|box_end|>")
            for p in prompts.PROMPTS[Subclass.REG_PERCEPTION]
        ],
        ["No distortion affects this region.", f"Noise: {MARKED}"],
    ),
    (
        Subclass.MCQ,
        ("Which?\nA. Noise\nB. Blur\nAnswer with a single option's letter from the given choices directly.",),
        ["B.", "B", "(B)"],
    ),
    (Subclass.QA, ("Is the sky noisy?",), ["Yes, the sky is noisy.", "A little."]),
    (Subclass.SCORE, prompts.PROMPTS[Subclass.SCORE], ["The quality of the image is fair."]),
]


@pytest.mark.parametrize(
    ("subclass", "question", "answer"),
    [(subclass, q, a) for subclass, questions, answers in FORMS for q in questions for a in answers],
)
def test_the_form_of_a_record_tells_its_subclass(subclass, question, answer):
    assert infer_subclass(question, answer) is subclass


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record("q", "a") | {"image": None}, "image"),
        ({"image": "a.png"}, "conversations: a list of turns"),
        (record("q", "a") | {"conversations": ["q", "a"]}, "conversations: a list of turns"),
        (record("q", "a") | {"conversations": []}, "not 0 turns"),
        (record("q", "a", subclass="mcqq"), "subclass: 'mcqq'"),
        (record("q", "a", subclass=[]), "subclass: []"),
        (record("q", "a", concern="taste"), "concern"),
        (record("q", "a", candidates=[1]), "candidates: a list of strings"),
        (record("q", "a", region=[3, 0, 1, 1]), "out of order"),
        (record("q", 5), "value: a string"),
        (
            {"image": "a", "conversations": [{"from": "gpt", "value": "a"}, {"from": [], "value": "q"}]},
            "'human' and then 'gpt'",
        ),
    ],
)
def test_a_bad_record_is_skipped_with_its_index_and_reason(tmp_path, bad, reason):
    good, skipped = read(tmp_path / "combined.json", record("q", "a"), bad, record("q", "a"))
    assert len(good) == 2
    assert [s.index for s in skipped] == [1]
    assert reason in skipped[0].reason
