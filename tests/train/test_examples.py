from __future__ import annotations

import json

import pytest

from finesight.errors import InputError
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess, render_detect
from finesight.train.examples import make_examples, read_examples

FOUND = (
    Finding(type=DistortionType.NOISE, severity=Severity.SEVERE, box=Box.of(0, 0, 500, 500), key=True),
    Finding(type=DistortionType.OVEREXPOSURE, severity=Severity.MINOR, box=Box.of(10, 20, 300, 400)),
)
ASSESSED = render_assess(Diagnosis(content="A cat.", findings=FOUND, level=Level.FAIR))


def sample(image: str, subclass: Subclass, answer: str, question: str = "What?") -> Sample:
    return Sample(id=f"{image}{subclass}", image=image, subclass=subclass, question=question, answer=answer)


def test_all_questions_of_a_picture_hang_behind_it(tiny, tmp_path):
    model = tiny("finesight_nano")
    samples = [
        sample("b/1.jpg", Subclass.ASSESS, ASSESSED),
        sample("a.jpg", Subclass.MCQ, "B."),
        sample("b/1.jpg", Subclass.QA, "Yes.", "Is it noisy?"),
    ]
    (first, second), problems = make_examples(model, tmp_path, samples)
    assert problems == []
    assert first.path == tmp_path / "images" / "b/1.jpg"
    assert first.subclasses == [Subclass.ASSESS, Subclass.QA]
    assert (second.path.name, second.subclasses) == ("a.jpg", [Subclass.MCQ])


def test_a_branch_is_question_tail_answer_and_end(tiny, tmp_path):
    model = tiny("finesight_nano")
    ((example,), _) = make_examples(model, tmp_path, [sample("a.jpg", Subclass.QA, "Yes.", "Is it noisy?")])
    branch = example.branch(0)
    asked, said = branch.ids[: branch.answer_from], branch.ids[branch.answer_from :]
    assert model.tokenizer.decode(asked) == "Is it noisy?" + model.chat.tail
    assert model.tokenizer.decode(said[:-1]) == "Yes."
    assert said[-1] == model.chat.end_id


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(Subclass.QA, "Yes."), (Subclass.ASSESS, ASSESSED)], {f.identity for f in FOUND}),
        ([(Subclass.DIST_DETECT, render_detect(FOUND))], {f.identity for f in FOUND}),
        (
            [(Subclass.ASSESS, "Nonsense."), (Subclass.DIST_DETECT, render_detect(FOUND[:1]))],
            {FOUND[0].identity},
        ),
        ([(Subclass.DIST_DETECT, render_detect(()))], set()),
        ([(Subclass.QA, "Yes."), (Subclass.DIST_DETECT, "Nonsense.")], None),
    ],
)
def test_what_a_picture_shows_is_read_from_its_answers(tiny, tmp_path, samples, expected):
    made = [sample("a.jpg", subclass, answer) for subclass, answer in samples]
    ((example,), _) = make_examples(tiny("finesight_nano"), tmp_path, made)
    said = None if example.said is None else {f.identity for f in example.said.findings}
    assert said == expected


def test_the_assessment_comes_first_for_it_names_key_and_level(tiny, tmp_path):
    made = [
        sample("a.jpg", Subclass.DIST_DETECT, render_detect(FOUND)),
        sample("a.jpg", Subclass.ASSESS, ASSESSED),
    ]
    ((example,), _) = make_examples(tiny("finesight_nano"), tmp_path, made)
    assert example.said is not None
    assert example.said.level is Level.FAIR
    assert [f.type for f in example.said.keys] == [DistortionType.NOISE]


def test_bad_records_are_named_and_the_rest_goes_on(tiny, data):
    model = tiny("finesight_nano")
    file = data / "samples" / "combined.json"
    records = json.loads(file.read_text())
    good = len(records)
    records[3] = {"image": "x.jpg"}
    records[5]["conversations"][0]["value"] += " <|image_pad|>"
    records.insert(0, "not a record")
    file.write_text(json.dumps(records))
    examples, problems = read_examples(model, data)
    assert sum(len(e.tokens) for e in examples) == good - 2
    assert [("record 0" in p, "record 4" in p, "<|image_pad|>" in p) for p in problems] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_a_folder_without_samples_says_what_makes_them(tiny, tmp_path):
    model = tiny("finesight_nano")
    with pytest.raises(InputError, match=r"combined\.json: not found; .finesight data questions. writes it"):
        read_examples(model, tmp_path)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "combined.json").write_text('[{"image": 3}]')
    with pytest.raises(InputError, match="no usable sample among 1 records"):
        read_examples(model, tmp_path)
