from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.questions import PER_CLASS, questions_of
from finesight.schema.annotation import Annotation
from finesight.schema.answer import ParseFailure
from finesight.schema.diagnosis import Brief
from finesight.schema.region import clipped
from finesight.schema.sample import Sample, Subclass
from finesight.text.parse import parse, parse_assess, parse_brief, parse_detect, parse_region, parse_score

MakePicture = Callable[..., Annotation]
seeds = st.integers(0, 400)


def of(samples: list[Sample], subclass: Subclass) -> list[Sample]:
    return [sample for sample in samples if sample.subclass is subclass]


@given(picture=seeds, seed=st.integers(0, 3))
def test_every_answer_is_read_back_by_the_parser_of_its_subclass(
    make_picture: MakePicture, picture: int, seed: int
) -> None:
    samples = questions_of(make_picture(picture), seed)
    for sample in samples:
        assert not isinstance(parse(sample.subclass, sample.answer), ParseFailure)


@given(picture=seeds)
def test_the_answers_are_what_the_annotation_says(make_picture: MakePicture, picture: int) -> None:
    annotation = make_picture(picture)
    diagnosis = annotation.diagnosis()
    samples = questions_of(annotation, 0)
    assert parse_assess(of(samples, Subclass.ASSESS)[0].answer) == diagnosis
    assert parse_detect(of(samples, Subclass.DIST_DETECT)[0].answer) == tuple(
        f.model_copy(update={"key": False}) for f in diagnosis.findings
    )
    assert parse_score(of(samples, Subclass.SCORE)[0].answer) is annotation.level
    brief = parse_brief(of(samples, Subclass.BRIEF_ASSESS)[0].answer)
    assert isinstance(brief, Brief)
    assert {(m.type, m.severity) for m in brief.mentions} == {
        (f.type, f.severity) for f in diagnosis.findings
    }
    named = of(samples, Subclass.BRIEF_ASSESS)[0].answer.splitlines()[1].lower().rstrip(".")
    listed = named.partition(": ")[2].split(", ")
    assert len(set(listed)) == len(listed)
    for sample in of(samples, Subclass.REG_PERCEPTION):
        assert sample.region
        assert parse_region(sample.answer) == clipped(diagnosis.findings, sample.region)


@given(picture=seeds)
def test_no_question_comes_twice_and_ids_are_unique(make_picture: MakePicture, picture: int) -> None:
    samples = questions_of(make_picture(picture), 0)
    assert len({sample.id for sample in samples}) == len(samples)
    assert len({(sample.question, sample.answer) for sample in samples}) == len(samples)
    counts = Counter(sample.subclass for sample in samples)
    assert all(counts[subclass] <= most for subclass, most in PER_CLASS.items())


def test_the_same_seed_gives_the_same_samples_and_another_one_others(make_picture: MakePicture) -> None:
    picture = make_picture(3)
    assert questions_of(picture, 5) == questions_of(picture, 5)
    assert questions_of(picture, 5) != questions_of(picture, 6)


def test_asking_for_less_of_one_kind_changes_no_other(make_picture: MakePicture) -> None:
    picture = make_picture(3)
    fewer = questions_of(picture, 0, {**PER_CLASS, Subclass.MCQ: 0})
    assert fewer == [s for s in questions_of(picture, 0) if s.subclass is not Subclass.MCQ]
    assert questions_of(picture, 0, {Subclass.SCORE: 1}) == of(questions_of(picture, 0), Subclass.SCORE)


def test_four_choices_are_of_four_concerns_and_prompts_come_in_several_wordings(
    make_picture: MakePicture,
) -> None:
    wordings: dict[Subclass, set[str]] = {}
    for seed in range(40):
        samples = questions_of(make_picture(seed), 0)
        concerns = [sample.concern for sample in of(samples, Subclass.MCQ)]
        assert len(set(concerns)) == len(concerns)
        for sample in samples:
            wordings.setdefault(sample.subclass, set()).add(sample.question)
    assert set(wordings) == set(Subclass)
    assert all(len(found) > 2 for found in wordings.values())


def test_some_regions_are_free_of_distortion(make_picture: MakePicture) -> None:
    regions = [
        sample.answer
        for seed in range(200)
        for sample in of(questions_of(make_picture(seed), 0), Subclass.REG_PERCEPTION)
    ]
    empty = regions.count("No distortion affects this region.")
    assert 0.05 < empty / len(regions) < 0.4


@pytest.mark.parametrize("subclass", [Subclass.ASSESS, Subclass.BRIEF_ASSESS])
def test_without_a_content_sentence_there_is_no_assessment_to_learn(
    make_picture: MakePicture, subclass: Subclass
) -> None:
    silent = make_picture(3).model_copy(update={"content": ""})
    assert not of(questions_of(silent, 0), subclass)


def test_referring_answers_hold_every_box_that_the_phrase_fits(make_picture: MakePicture) -> None:
    from finesight.text.parse import parse_referring
    from finesight.text.place import place_of, the_place

    for seed in range(60):
        findings = make_picture(seed, count=8).diagnosis().findings
        for sample in of(questions_of(make_picture(seed, count=8), 0), Subclass.REF_GROUNDING):
            boxes = {
                f.box
                for f in findings
                if f.type.value.lower() in sample.question.lower()
                and f"in {the_place(place_of(f.box))}" in sample.question
            }
            read = parse_referring(sample.answer)
            assert not isinstance(read, ParseFailure)
            assert set(read) == boxes
