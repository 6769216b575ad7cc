"""The organisers' conventions, each by a case small enough to work by hand, and their own figures."""

import json
from pathlib import Path

import pytest

from finesight.scoring.mipi import INDICATORS, score_official

SHARED = Path(__file__).parents[3] / "../shared/vida/mipi"

BOX, NEAR, FAR = [0, 0, 100, 100], [0, 0, 60, 100], [500, 500, 900, 900]
HALF = [0, 0, 50, 100]
"""NEAR overlaps BOX by .6, HALF by exactly .5, FAR not at all."""


def noise(coordinates=BOX, **more):
    return {"distortion": "Noise", "coordinates": coordinates, **more}


def blur(coordinates=BOX, **more):
    return {"distortion": "Motion blur", "coordinates": coordinates, **more}


@pytest.fixture
def score(tmp_path):
    """The official score of the given files; a file that is not given is an empty list."""

    def score(**files):
        names = {
            "predictions": ("perception", "grounding", "description"),
            "reference": ("mcq", "reg-p_bench", "bench_metadata"),
        }
        for folder, members in names.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            for name in members:
                content = files.get(name.replace("-", "_"), [])
                text = content if isinstance(content, str) else json.dumps(content)
                (tmp_path / folder / f"{name}.json").write_text(text, encoding="utf-8")
        return score_official(tmp_path / "predictions", tmp_path / "reference")

    return score


@pytest.mark.skipif(not SHARED.is_dir(), reason="the organisers' example files are not on this machine")
def test_all_indicators_and_the_sum_are_those_of_the_organisers_script():
    official = json.loads((SHARED / "scores.json").read_text())
    scores = score_official(SHARED / "predictions", SHARED / "reference")
    expected = {
        "perception_accuracy": "Perception Accuracy",
        "region_map": "Region mAP",
        "distortion_map": "Distortion mAP",
        "description_map": "Description mAP",
        "key_distortion_accuracy": "Key Distortion Accuracy",
        "image_quality_accuracy": "Image Quality Accuracy",
        "final": "Final Score",
    }
    for ours, theirs in expected.items():
        assert getattr(scores, ours) == pytest.approx(official[theirs], abs=1e-12, rel=0), ours
    assert scores.skipped == 0


def test_the_final_score_is_the_plain_sum_of_six(score):
    scores = score(
        perception=[{"id": 1, "pred_ans": "A", "candidates": ["x"]}],
        mcq=[{"id": 1, "correct_ans": "x"}],
        description=[{"image": "a", "image_quality": "poor"}],
        bench_metadata=[{"image": "a", "level": "poor"}],
    )
    assert scores.final == sum(getattr(scores, name) for name in INDICATORS) == 2
    assert scores.record()["final"] == 2


def test_empty_files_score_zero_without_a_reason_because_nothing_went_wrong(score):
    scores = score()
    assert scores.final == 0
    assert scores.reasons == ()


# --- perception ---------------------------------------------------------------------------------------------


def perception(score, answers, truth=None, candidates=("x", "y", "z")):
    truth = truth or [{"id": i, "correct_ans": "y"} for i in range(len(answers))]
    said = [{"id": i, "pred_ans": a, "candidates": list(candidates)} for i, a in enumerate(answers)]
    return score(perception=said, mcq=truth)


@pytest.mark.parametrize("answer", ["B", "B.", " B) because", "Bananas", "\nB", "?", "="])
def test_only_the_first_character_counts_and_before_a_it_wraps_round(score, answer):
    # '?' is two before 'A', so it is the second from the end; '=' is four before, which is out of range.
    scores = perception(score, [answer])
    assert scores.perception_accuracy == (0 if answer == "=" else 1)
    assert any("IndexError" in reason for reason in scores.reasons) is (answer == "=")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("The answer is B", "IndexError"),
        ("b", "IndexError"),
        ("", "IndexError"),
        (None, "AttributeError"),
        (2, "AttributeError"),
    ],
)
def test_one_bad_answer_loses_the_whole_indicator_and_says_which(score, answer, error):
    scores = perception(score, ["B", answer, "B"])
    assert scores.perception_accuracy == 0
    assert (
        f"perception_accuracy is 0.0: perception.json: item 1 against mcq.json: item 1: {error}"
        in scores.reasons[0]
    )


def test_answers_and_questions_are_sorted_by_id_and_then_only_their_order_counts(score):
    answers = [{"id": 9, "pred_ans": "B", "candidates": "xy"}, {"id": 2, "pred_ans": "A", "candidates": "xy"}]
    truth = [{"id": 70, "correct_ans": "x"}, {"id": 80, "correct_ans": "y"}]
    assert score(perception=answers, mcq=truth).perception_accuracy == 1


def test_the_candidates_are_the_predictions_own(score):
    truth = [{"id": 0, "correct_ans": "y", "candidates": ["y", "x"]}]
    assert perception(score, ["B"], truth, candidates=("x", "y")).perception_accuracy == 1


def test_another_number_of_answers_is_zero(score):
    scores = perception(score, ["B"], [{"id": 0, "correct_ans": "y"}, {"id": 1, "correct_ans": "y"}])
    assert scores.perception_accuracy == 0
    assert "1 answers to 2 questions" in scores.reasons[0]


def test_ids_of_two_kinds_cannot_be_sorted(score):
    truth = [{"id": 1, "correct_ans": "x"}, {"id": "2", "correct_ans": "x"}]
    assert "TypeError" in perception(score, ["A", "A"], truth).reasons[0]


# --- boxes --------------------------------------------------------------------------------------------------


def regions(score, answers, truth):
    return score(grounding=answers, reg_p_bench=truth)


def item(*distortions, image="a", **more):
    return {"image": image, "distortions": list(distortions), **more}


def test_an_overlap_of_exactly_half_is_enough_for_a_map_but_not_for_a_key(score):
    truth = [item(noise())]
    assert regions(score, [item(noise(HALF))], truth).region_map == 1
    answers = [{"image": "a", "key_distortions": [noise(HALF)], "all_distortions": [noise(HALF)]}]
    scores = score(description=answers, bench_metadata=truth)
    assert (scores.description_map, scores.key_distortion_accuracy) == (1, 0)


def test_a_truth_box_that_is_taken_makes_the_next_a_false_positive_even_if_another_would_fit(score):
    # Both predictions overlap the first truth box most; the second truth box is never given out.
    truth = [item(noise([0, 0, 100, 100]), noise([0, 0, 100, 80]))]
    scores = regions(score, [item(noise([0, 0, 100, 100]), noise([0, 0, 100, 95]))], truth)
    assert scores.region_map == pytest.approx(0.5)


def test_rank_is_file_order(score):
    truth = [item(noise())]
    assert regions(score, [item(noise(), noise(FAR))], truth).region_map == 1
    assert regions(score, [item(noise(FAR), noise())], truth).region_map == 0.5


def test_all_boxes_of_a_picture_rank_where_its_first_one_stands(score):
    # In file order the false positive of picture b would come before the second box of picture a.
    answers = [item(noise()), item(noise(FAR), image="b"), item(noise(FAR))]
    truth = [item(noise(), noise(FAR))]
    assert regions(score, answers, truth).region_map == 1


def test_region_answers_are_pooled_by_picture(score):
    answers = [item(noise(), id=1), item(noise(FAR), id=2)]
    truth = [item(noise(FAR), id=1), item(noise(), id=2)]
    assert regions(score, answers, truth).region_map == 1


def test_an_invented_name_adds_a_class_of_precision_zero(score):
    glare = noise(FAR) | {"distortion": "Glare"}
    assert regions(score, [item(noise(), glare)], [item(noise())]).region_map == 0.5


def test_names_of_grounding_are_compared_as_they_are_and_those_of_descriptions_folded(score):
    odd = noise() | {"distortion": " NOISE_"}
    scores = score(
        grounding=[item(odd, question_type="region-perception")],
        description=[{"image": "a", "all_distortions": [odd], "key_distortions": [odd]}],
        reg_p_bench=[item(noise())],
        bench_metadata=[item(noise())],
    )
    assert scores.region_map == scores.distortion_map == 0
    assert scores.description_map == scores.key_distortion_accuracy == 1


def test_region_questions_need_no_question_type_but_the_distortion_map_does(score):
    for kinds in ({}, {"question_type": "region-perception"}, {"question_type": "distortion-detection"}):
        scores = score(
            grounding=[item(noise(), **kinds)], reg_p_bench=[item(noise())], bench_metadata=[item(noise())]
        )
        assert scores.region_map == (kinds.get("question_type") != "distortion-detection")
        assert scores.distortion_map == bool(kinds)
        assert scores.skipped == (0 if kinds else 1)


def test_an_unknown_question_type_is_left_out_and_counted(score):
    scores = score(grounding=[item(noise(), question_type="riddle")], bench_metadata=[item(noise())])
    assert scores.distortion_map == 0
    assert scores.reasons == ("grounding.json: item 0: skipped: question_type 'riddle'",)


def test_no_distortion_is_passed_over_in_regions_and_a_class_of_its_own_in_the_distortion_map(score):
    nothing = {"distortion": "No distortion", "coordinates": BOX}
    scores = score(
        grounding=[item(noise(), nothing, question_type="region-perception")],
        reg_p_bench=[item(noise(), nothing)],
        bench_metadata=[item(noise())],
    )
    assert (scores.region_map, scores.distortion_map) == (1, 0.5)
    assert regions(score, [item(noise(), nothing)], [item(noise())]).region_map == 1
    assert regions(score, [item(noise())], [item(noise(), nothing)]).region_map == 1


@pytest.mark.parametrize("place", ["pred_coords", "coords"])
def test_predicted_grounding_has_two_other_places_for_corners_and_nothing_else_has(score, place):
    elsewhere = {"distortion": "Noise", place: BOX}
    answers = [item(elsewhere, question_type="region-perception")]
    scores = score(grounding=answers, reg_p_bench=[item(noise())], bench_metadata=[item(noise())])
    assert scores.region_map == scores.distortion_map == 1
    assert regions(score, [item(noise())], [item(elsewhere)]).region_map == 0
    described = [{"image": "a", "all_distortions": [elsewhere]}]
    assert score(description=described, bench_metadata=[item(noise())]).description_map == 0


@pytest.mark.parametrize("corners", [None, [], [1, 2, 3], [1, 2, 3, 4, 5], {}, ""])
def test_a_box_without_four_corners_is_left_out_and_counted(score, corners):
    scores = regions(score, [item(noise(corners), noise())], [item(noise())])
    assert scores.region_map == 1
    assert "grounding.json: item 0, distortion 0: skipped: not four coordinates" in scores.reasons


def test_inverted_and_empty_boxes_go_through_the_formula(score):
    inverted = [100, 100, 0, 0]
    assert regions(score, [item(noise(inverted))], [item(noise(inverted))]).region_map == 0
    # Two empty boxes in one place have no union, which is an overlap of 0 and not an error.
    both = [item(noise([5, 5, 5, 5]), noise())]
    assert regions(score, both, both).region_map == pytest.approx(1 / 2 * 1 / 2)


@pytest.mark.parametrize("side", ["grounding", "reg_p_bench"])
def test_one_side_without_boxes_is_zero(score, side):
    scores = score(**{side: [item(noise())]})
    assert scores.region_map == 0
    assert scores.reasons == (
        "grounding.json: item 0: skipped: no question_type, so not in distortion_map",
    ) * (side == "grounding")


def test_names_that_cannot_be_sorted_lose_the_map_and_are_named(score):
    scores = regions(score, [item(noise(), noise() | {"distortion": None})], [item(noise())])
    assert scores.region_map == 0
    assert "grounding.json: item 0, distortion 1: TypeError" in scores.reasons[0]
    alone = noise() | {"distortion": None}
    assert regions(score, [item(alone)], [item(alone)]).region_map == 1


def test_a_name_that_cannot_be_printed_loses_the_map(score):
    odd = noise() | {"distortion": "\ud800"}
    scores = regions(score, [item(odd)], [item(odd)])
    assert scores.region_map == 0
    assert "UnicodeEncodeError" in scores.reasons[0]


def test_corners_that_are_no_numbers_are_an_error_only_where_they_meet_others(score):
    words = ["0", "0", "9", "9"]
    answers = [item(noise()), item(noise(words), image="b")]
    assert regions(score, answers, [item(noise())]).region_map == 1
    scores = regions(score, [item(noise(words))], [item(noise())])
    assert scores.region_map == 0
    assert (
        "item 0, distortion 0 against reg-p_bench.json: item 0, distortion 0: TypeError" in scores.reasons[0]
    )


def test_a_sentence_instead_of_a_list_in_the_truth_loses_three_indicators(score):
    scores = score(
        description=[
            {"image": "a", "all_distortions": [noise()], "key_distortions": [], "image_quality": "fair"}
        ],
        grounding=[item(noise(), question_type="distortion-detection")],
        bench_metadata=[
            {"image": "a", "level": "fair", "distortions": "There is no distortion in the image."}
        ],
    )
    lost = ("distortion_map", "description_map", "key_distortion_accuracy")
    assert [getattr(scores, name) for name in lost] == [0, 0, 0]
    assert [reason.split(" is ")[0] for reason in scores.reasons] == list(lost)
    assert all("bench_metadata.json: item 0: AttributeError" in reason for reason in scores.reasons)
    assert scores.image_quality_accuracy == 1


# --- keys and levels ----------------------------------------------------------------------------------------


def keys(score, predicted, truth):
    return score(description=[{"image": "a", "key_distortions": predicted}], bench_metadata=truth)


def test_the_true_keys_are_all_of_the_highest_significance_and_missing_ones_are_zero(score):
    truth = [item(noise(significance_score=-1), blur(FAR), blur())]
    assert keys(score, [blur(), blur(FAR), noise()], truth).key_distortion_accuracy == pytest.approx(2 / 3)
    truth = [item(noise(significance_score=2), blur(FAR, significance_score=5))]
    assert keys(score, [blur(FAR), noise()], truth).key_distortion_accuracy == 0.5


def test_fewer_keys_never_hurt_and_a_key_may_be_found_twice(score):
    truth = [item(noise(significance_score=5), blur(FAR, significance_score=5))]
    assert keys(score, [noise(), noise(NEAR)], truth).key_distortion_accuracy == 1
    assert keys(score, [], truth).key_distortion_accuracy == 0


def test_keys_of_pictures_without_true_boxes_or_without_truth_are_left_out_and_counted(score):
    answers = [{"image": image, "key_distortions": [noise()]} for image in "abc"]
    scores = score(description=answers, bench_metadata=[item(noise()), item(image="b")])
    assert scores.key_distortion_accuracy == 1
    assert scores.skipped == 2


def test_of_a_picture_given_twice_the_last_truth_counts(score):
    truth = [item(noise(), level="good"), item(blur(), level="poor")]
    scores = score(
        description=[{"image": "a", "key_distortions": [blur()], "image_quality": "poor"}],
        bench_metadata=truth,
    )
    assert scores.key_distortion_accuracy == scores.image_quality_accuracy == 1


@pytest.mark.parametrize("broken", [{"coordinates": BOX}, {"distortion": "Noise"}])
def test_a_key_without_name_or_corners_loses_the_indicator(score, broken):
    scores = keys(score, [noise(), broken], [item(noise())])
    assert scores.key_distortion_accuracy == 0
    assert "description.json: item 0 against bench_metadata.json: item 0: KeyError" in scores.reasons[0]


def test_keys_that_are_null_are_an_error_and_not_none(score):
    assert "TypeError" in keys(score, None, [item(noise())]).reasons[0]


@pytest.mark.parametrize(
    ("said", "true", "accuracy"),
    [("poor", "poor", 1), ("Poor", "poor", 0), ("poor.", "poor", 0), (None, None, 1)],
)
def test_levels_have_to_be_exactly_equal(score, said, true, accuracy):
    scores = score(
        description=[{"image": "a", "image_quality": said}], bench_metadata=[{"image": "a", "level": true}]
    )
    assert scores.image_quality_accuracy == accuracy


def test_two_missing_levels_agree_and_missing_answers_cost_nothing(score):
    truth = [{"image": "a"}, {"image": "b", "level": "poor"}]
    assert score(description=[{"image": "a"}], bench_metadata=truth).image_quality_accuracy == 1


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["\ufeff[]", "[", "", "null", "7"])
def test_a_broken_file_loses_its_indicators_and_names_itself(score, content):
    scores = score(description=content, bench_metadata=[item(noise())])
    assert scores.description_map == scores.key_distortion_accuracy == scores.image_quality_accuracy == 0
    assert len(scores.reasons) == 3
    assert all("is 0.0: description.json: " in reason for reason in scores.reasons)


def test_missing_files_are_zero_and_named(tmp_path):
    scores = score_official(tmp_path, tmp_path)
    assert scores.final == 0
    assert len(scores.reasons) == 6
    assert all("FileNotFoundError" in reason for reason in scores.reasons)


def test_raw_answers_the_grammar_cannot_read_are_counted_and_change_no_score(score):
    answers = [
        item(noise(), question_type="region-perception", pred_ans="Noise everywhere"),
        item(question_type="distortion-detection", pred_ans="There is no distortion in the image."),
    ]
    scores = score(
        grounding=answers,
        reg_p_bench=[item(noise())],
        description=[{"image": "a", "pred_ans": "Nice."}, {"image": "b", "pred_ans": 5}, 3],
    )
    assert scores.region_map == 1
    assert scores.unparsed == 2
    assert next(r for r in scores.reasons if "unparsed" in r).startswith("grounding.json: item 0: unparsed")
