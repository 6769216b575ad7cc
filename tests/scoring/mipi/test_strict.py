"""The strict protocol: every question counts once, whatever was or was not said to it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.readers import read_reference, read_submission
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.challenge import (
    ChoiceAnswer,
    ChoiceQuestion,
    DescriptionAnswer,
    GroundingAnswer,
    Reference,
    RegionQuestion,
    Submission,
    TypedBox,
)
from finesight.schema.diagnosis import Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.scoring.mipi import INDICATORS, score_difference, score_strict
from finesight.text.render import render_assess, render_detect, render_region

SHARED = Path(__file__).parents[3] / "../shared/vida/mipi"

NOISE, BLUR, DARK = DistortionType.NOISE, DistortionType.MOTION_BLUR, DistortionType.UNDEREXPOSURE
LEFT, RIGHT = Box.of(0, 0, 400, 1000), Box.of(600, 0, 1000, 1000)


def typed(kind, box=LEFT):
    return TypedBox(type=kind, box=box)


def picture(image, *distortions, level=Level.FAIR):
    """A picture whose first distortion is the KEY one."""
    return Annotation(
        image=image,
        width=100,
        height=100,
        mos=3,
        level=level,
        content="A street.",
        distortions=tuple(
            Distortion(type=kind, severity=Severity.SEVERE, box=box, significance=-rank)
            for rank, (kind, box) in enumerate(distortions)
        ),
    )


PICTURES = (
    picture("a", (NOISE, LEFT), (BLUR, RIGHT)),
    picture("b", (NOISE, RIGHT), level=Level.POOR),
    picture("c", level=Level.EXCELLENT),
)
REGIONS = (
    RegionQuestion(id=1, image="a", boxes=(typed(NOISE),)),
    RegionQuestion(id=2, image="a", boxes=(typed(BLUR, RIGHT),)),
    RegionQuestion(id=3, image="c"),
)
CHOICES = tuple(
    ChoiceQuestion(id=i, image="ab"[i % 2], candidates=("x", "y", "z"), correct="y") for i in range(4)
)
REFERENCE = Reference(pictures=PICTURES, regions=REGIONS, choices=CHOICES)


def findings(boxes):
    return tuple(Finding(type=b.type, severity=Severity.SEVERE, box=b.box) for b in boxes)


def perfect():
    """What a model that knows the truth would say, in its own words."""
    regions = tuple(
        GroundingAnswer(
            id=q.id, image=q.image, question_type="region-perception", text=render_region(findings(q.boxes))
        )
        for q in REGIONS
    )
    whole = tuple(
        GroundingAnswer(
            id=i,
            image=p.image,
            question_type="distortion-detection",
            text=render_detect(findings(p.distortions)),
        )
        for i, p in enumerate(PICTURES)
    )
    return Submission(
        descriptions=tuple(
            DescriptionAnswer(image=p.image, text=render_assess(p.diagnosis())) for p in PICTURES
        ),
        groundings=regions + whole,
        choices=tuple(
            ChoiceAnswer(id=q.id, image=q.image, candidates=q.candidates, text="B.") for q in CHOICES
        ),
    )


def changed(**fields):
    return perfect().model_copy(update=fields)


def test_the_truth_in_a_models_words_is_a_perfect_score():
    scores = score_strict(perfect(), REFERENCE)
    assert scores.values() == (1, 1, 1, 1, 1, 1)
    assert (scores.final, scores.key_precision, scores.key_recall) == (6, 1, 1)
    assert (scores.unparsed, scores.skipped, scores.missing, scores.reasons) == (0, 0, 0, ())
    assert scores.per_type["distortion_map"] == {NOISE: 1, BLUR: 1}


def test_an_empty_submission_is_all_zero_and_every_question_is_missing():
    scores = score_strict(Submission(problems=("perception.json: not found",)), REFERENCE)
    assert scores.final == 0
    assert scores.missing == len(REGIONS) + len(CHOICES) + 2 * len(PICTURES)
    assert scores.reasons[0] == "perception.json: not found; its questions count as unanswered"


def test_an_answer_that_does_not_parse_is_wrong_and_counted():
    answers = list(perfect().groundings)
    answers[0] = answers[0].model_copy(update={"text": "Noise, I think."})
    scores = score_strict(changed(groundings=tuple(answers)), REFERENCE)
    assert scores.unparsed == 1
    assert scores.reasons[0].startswith("region-perception 1 of a: unparsed: ")
    assert scores.per_type["region_map"] == {NOISE: 0, BLUR: 1}
    assert scores.region_map == 0.5


def test_the_words_of_an_answer_count_and_not_what_was_stored_beside_them():
    answers = [a.model_copy(update={"boxes": (typed(DARK),)}) for a in perfect().groundings]
    assert score_strict(changed(groundings=tuple(answers)), REFERENCE).region_map == 1


def test_regions_are_matched_question_by_question_and_not_pooled():
    first, second, third, *whole = perfect().groundings
    swapped = (first.model_copy(update={"text": second.text}), second.model_copy(update={"text": first.text}))
    scores = score_strict(changed(groundings=(*swapped, third, *whole)), REFERENCE)
    assert scores.region_map == 0


def test_detections_do_not_profit_from_region_answers():
    regions = perfect().groundings[: len(REGIONS)]
    scores = score_strict(changed(groundings=regions), REFERENCE)
    assert (scores.region_map, scores.distortion_map) == (1, 0)


def stored(image, *boxes, unreadable=()):
    return GroundingAnswer(
        id=0, image=image, question_type="distortion-detection", boxes=boxes, unreadable=unreadable
    )


def test_one_operating_point_gives_precision_times_recall():
    answers = (stored("a", typed(NOISE), typed(NOISE, RIGHT)), stored("b"), stored("c"))
    scores = score_strict(changed(groundings=answers), REFERENCE)
    assert scores.per_type["distortion_map"] == pytest.approx({NOISE: 1 / 2 * 1 / 2, BLUR: 0})
    assert scores.distortion_map == pytest.approx(1 / 8)


def test_a_type_the_truth_does_not_have_and_an_invented_one_do_not_dilute_the_mean():
    whole = [stored("a", typed(NOISE), typed(BLUR, RIGHT), typed(DARK), unreadable=("Glare",))]
    whole += [stored("b", typed(NOISE, RIGHT)), stored("c")]
    scores = score_strict(changed(groundings=tuple(whole)), REFERENCE)
    assert scores.distortion_map == 1
    assert scores.unparsed == 1


def test_keys_are_scored_by_f1_with_invented_keys_and_keys_on_clean_pictures_as_wrong():
    answers = (
        DescriptionAnswer(image="a", keys=(typed(NOISE),), unreadable_keys=("Glare",), level=Level.FAIR),
        DescriptionAnswer(image="b", level=Level.FAIR),
        DescriptionAnswer(image="c", keys=(typed(NOISE),)),
    )
    scores = score_strict(changed(descriptions=answers), REFERENCE)
    assert (scores.key_precision, scores.key_recall) == pytest.approx((1 / 3, 1 / 2))
    assert scores.key_distortion_accuracy == pytest.approx(2 * 1 / (3 + 2))
    assert scores.image_quality_accuracy == pytest.approx(1 / 3)


def test_leaving_the_keys_out_costs_recall():
    silent = tuple(a.model_copy(update={"text": None}) for a in perfect().descriptions)
    assert score_strict(changed(descriptions=silent), REFERENCE).key_distortion_accuracy == 0


def test_choices_go_by_id_in_any_order_and_with_the_candidates_as_the_model_saw_them():
    answers = [
        ChoiceAnswer(id=q.id, image=q.image, candidates=("y", "z", "x"), text="The answer is A.")
        for q in reversed(CHOICES)
    ]
    assert score_strict(changed(choices=tuple(answers)), REFERENCE).perception_accuracy == 1


@pytest.mark.parametrize("update", [{"candidates": ("y", "y", "y")}, {"text": "A dog"}, {"text": "E"}])
def test_a_choice_among_other_candidates_or_of_none_is_wrong_and_no_other_question_suffers(update):
    first, *others = perfect().choices
    scores = score_strict(changed(choices=(first.model_copy(update=update), *others)), REFERENCE)
    assert scores.perception_accuracy == 0.75
    assert scores.unparsed == 1


def test_second_answers_and_answers_nobody_asked_for_are_left_out_and_named():
    first, *others = perfect().choices
    wrong = first.model_copy(update={"text": "C."})
    stray = first.model_copy(update={"id": 99})
    scores = score_strict(changed(choices=(first, *others, wrong, stray)), REFERENCE)
    assert scores.perception_accuracy == 1
    assert scores.skipped == 2
    assert scores.reasons == (
        f"choice answer {first.id}: given twice, the first counts",
        "choice answer 99: nobody asked",
    )


def test_intervals_hold_the_scores_and_are_the_same_for_one_seed():
    submission = changed(choices=perfect().choices[:2])
    first, again = score_strict(submission, REFERENCE, seed=4), score_strict(submission, REFERENCE, seed=4)
    assert first == again
    assert set(first.intervals) == {*INDICATORS, "final"}
    for name, (low, high) in first.intervals.items():
        assert low <= getattr(first, name) <= high
    low, high = first.intervals["perception_accuracy"]
    assert low < high


def test_a_difference_is_that_of_the_scores_of_both_and_turns_its_sign_with_them():
    worse = changed(choices=perfect().choices[:2], descriptions=perfect().descriptions[:1])
    found = score_difference(worse, perfect(), REFERENCE)
    back = score_difference(perfect(), worse, REFERENCE)
    a, b = score_strict(perfect(), REFERENCE), score_strict(worse, REFERENCE)
    assert list(found) == [*INDICATORS, "final"]
    for name, (value, (low, high)) in found.items():
        assert value == pytest.approx(getattr(a, name) - getattr(b, name))
        assert low <= value <= high
        assert back[name].value == -value
    assert found["perception_accuracy"].value == 0.5


def test_what_both_get_wrong_does_not_blur_their_difference():
    """Answers about `a` are wrong: a score varies with how often a draw holds it, their difference does not."""
    wrong = tuple(c.model_copy(update={"text": "A."}) if c.image == "a" else c for c in perfect().choices)
    submission = changed(choices=wrong)
    low, high = score_strict(submission, REFERENCE).intervals["perception_accuracy"]
    assert low < high
    assert set(score_difference(submission, submission, REFERENCE).values()) == {(0, (0, 0))}


def test_a_difference_without_a_picture_has_no_interval():
    found = score_difference(Submission(), Submission(), Reference(pictures=(), regions=(), choices=()))
    assert set(found.values()) == {(0, None)}


@given(st.randoms())
def test_the_order_of_the_files_changes_nothing(random):
    def shuffle(items):
        return tuple(random.sample(items, len(items)))

    answers = list(perfect().groundings)
    answers[0] = answers[0].model_copy(update={"text": answers[1].text})
    submission = changed(groundings=tuple(answers))
    shuffled = Submission(
        descriptions=shuffle(submission.descriptions),
        groundings=shuffle(submission.groundings),
        choices=shuffle(submission.choices),
    )
    reference = Reference(pictures=shuffle(PICTURES), regions=shuffle(REGIONS), choices=shuffle(CHOICES))
    before = score_strict(submission, REFERENCE, resamples=1)
    after = score_strict(shuffled, reference, resamples=1)
    assert before.values() == after.values()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the organisers' example files are not on this machine")
def test_the_organisers_example_parses_but_for_a_handful_and_misses_nothing():
    submission, reference = read_submission(SHARED / "predictions"), read_reference(SHARED / "reference")
    scores = score_strict(submission, reference)
    assert (scores.skipped, scores.missing) == (0, 0)
    assert scores.unparsed <= 5
    assert all(
        reason.split(" ")[0] in ("region-perception", "distortion-detection") for reason in scores.reasons
    )
    for name, (low, high) in scores.intervals.items():
        assert low < getattr(scores, name) < high
