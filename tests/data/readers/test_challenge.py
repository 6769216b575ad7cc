"""The challenge's prediction and truth files."""

import json

import pytest

from finesight.data.readers import read_reference, read_submission
from finesight.errors import InputError
from finesight.schema.box import Box
from finesight.schema.challenge import TypedBox
from finesight.schema.taxonomy import DistortionType, Level

NOISE = TypedBox(type=DistortionType.NOISE, box=Box.of(1, 2, 30, 40))
STORED = {"distortion": "noise", "severity": "Minor", "coordinates": [1, 2, 30, 40]}
CHOICE = {"id": 1, "concern": "type", "image": "a.png", "candidates": ["x", "y"]}


@pytest.fixture
def put(tmp_path):
    def put(**files):
        for name, records in files.items():
            (tmp_path / f"{name.replace('reg_p', 'reg-p')}.json").write_text(
                json.dumps(records), encoding="utf-8"
            )
        return tmp_path

    return put


def test_the_words_of_a_model_come_before_stored_fields(put):
    item = {"id": 1, "image": "a.png", "question_type": "distortion-detection", "distortions": [STORED]}
    said, stored = read_submission(put(grounding=[item | {"pred_ans": "Noise:"}, item])).groundings
    assert (said.text, said.boxes) == ("Noise:", ())
    assert (stored.text, stored.boxes) == (None, (NOISE,))


def test_stored_boxes_that_cannot_be_read_are_named_and_no_distortion_is_none(put):
    bad = [{"distortion": "Glare", "coordinates": [1, 2, 3, 4]}, {"distortion": "noise"}, 7]
    nothing = {"distortion": "No distortion", "coordinates": None}
    item = {"id": 1, "image": "a.png", "distortions": [nothing, STORED, *bad]}
    (answer,) = read_submission(put(grounding=[item])).groundings
    assert answer.question_type == "region-perception"
    assert answer.boxes == (NOISE,)
    assert [why.split(".")[0] for why in answer.unreadable] == [f"distortions[{i}]" for i in (2, 3, 4)]


@pytest.mark.parametrize("place", ["coordinates", "pred_coords", "coords"])
def test_corners_may_stand_under_three_names(put, place):
    item = {"id": 1, "image": "a.png", "distortions": [{"distortion": "noise", place: [1, 2, 30, 40]}]}
    assert read_submission(put(grounding=[item])).groundings[0].boxes == (NOISE,)


def test_a_description_keeps_boxes_keys_and_level(put):
    item = {
        "image": "a.png",
        "all_distortions": [STORED],
        "key_distortions": [STORED],
        "image_quality": "poor",
    }
    (answer,) = read_submission(put(description=[item])).descriptions
    assert (answer.boxes, answer.keys, answer.level) == ((NOISE,), (NOISE,), Level.POOR)


def test_missing_prediction_files_are_problems_and_bad_items_are_skipped(put):
    submission = read_submission(put(perception=[CHOICE | {"pred_ans": "A."}, CHOICE, CHOICE | {"id": None}]))
    assert [a.text for a in submission.choices] == ["A."]
    assert ["pred_ans: missing" in s or "id: missing" in s for s in submission.skipped] == [True, True]
    assert len(submission.problems) == 2


def test_an_unknown_kind_of_question_is_skipped(put):
    item = {"id": 1, "image": "a.png", "question_type": "riddle", "distortions": []}
    assert "riddle" in read_submission(put(grounding=[item])).skipped[0]


def test_a_reference_needs_all_three_files(put):
    with pytest.raises(InputError, match=r"bench_metadata\.json"):
        read_reference(put(mcq=[], reg_p_bench=[]))


def test_a_reference_whose_every_record_is_bad_is_an_error_and_an_empty_one_is_not(put):
    assert read_reference(put(mcq=[], reg_p_bench=[], bench_metadata=[])).pictures == ()
    with pytest.raises(InputError, match="no record is usable"):
        read_reference(put(mcq=[{"id": 1}], reg_p_bench=[], bench_metadata=[]))


def test_a_right_answer_outside_the_candidates_is_a_bad_record(put):
    choices = [CHOICE | {"correct_ans": "x"}, CHOICE | {"correct_ans": "z"}]
    reference = read_reference(put(mcq=choices, reg_p_bench=[], bench_metadata=[]))
    assert [q.correct for q in reference.choices] == ["x"]
    assert "'z' is not among the candidates" in reference.skipped[0]
