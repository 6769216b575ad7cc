from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from finesight.baselines.answers import answer
from finesight.data.bench import bench_questions, read_questions, write_bench
from finesight.data.predictions import write_predictions
from finesight.data.readers import read_reference, read_submission
from finesight.errors import InputError
from finesight.schema.annotation import Annotation
from finesight.schema.bench import BenchQuestion
from finesight.schema.sample import Subclass
from finesight.scoring.mipi import score_official, score_strict

MakePicture = Callable[..., Annotation]
CHALLENGE = Path(__file__).parents[3] / "shared/vida/mipi"
REFERENCE = ("bench_metadata.json", "mcq.json", "reg-p_bench.json")
PREDICTIONS = ("perception.json", "grounding.json", "description.json")


def load(path: Path) -> list[dict[str, object]]:
    records: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return records


@pytest.fixture(scope="module")
def pictures(make_picture: MakePicture) -> list[Annotation]:
    return [make_picture(seed) for seed in range(60)]


@pytest.fixture(scope="module")
def folder(
    pictures: list[Annotation], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[BenchQuestion]]:
    out = tmp_path_factory.mktemp("bench")
    questions = write_bench(pictures, out, seed=1)
    truth = {a.image: a.diagnosis() for a in pictures}
    write_predictions(out, [(q, answer(q, truth[q.image])) for q in questions])
    return out, questions


def test_answers_from_the_truth_score_full_marks(folder: tuple[Path, list[BenchQuestion]]) -> None:
    out, _ = folder
    strict = score_strict(read_submission(out), read_reference(out)).record()
    assert strict["unparsed"] == strict["skipped"] == 0
    assert strict["final"] == pytest.approx(6.0)
    official = score_official(out, out).record()
    assert official["perception_accuracy"] == 1.0
    # The organisers' other two count region answers twice or pooled, and cap even the truth below 1.
    assert all(
        official[name] == pytest.approx(1.0)
        for name in ("description_map", "key_distortion_accuracy", "image_quality_accuracy")
    )


def test_a_bench_has_what_the_challenge_has_of_every_picture(
    folder: tuple[Path, list[BenchQuestion]], pictures: list[Annotation]
) -> None:
    _, questions = folder
    for picture in pictures:
        asked = [q for q in questions if q.image == picture.image]
        kinds = [q.subclass for q in asked]
        assert kinds.count(Subclass.DIST_DETECT) == kinds.count(Subclass.ASSESS) == 1
        concerns = [q.concern for q in asked if q.concern]
        assert len(set(concerns)) == len(concerns) > 0
        regions = kinds.count(Subclass.REG_PERCEPTION)
        assert regions <= 2 if picture.distortions else regions == 0


def test_ids_count_up_in_each_file_and_agree_with_the_truth(
    folder: tuple[Path, list[BenchQuestion]],
) -> None:
    out, questions = folder
    for subclass, name in ((Subclass.MCQ, "mcq.json"), (Subclass.REG_PERCEPTION, "reg-p_bench.json")):
        asked = [q for q in questions if q.subclass is subclass]
        truth = load(out / name)
        assert [q.id for q in asked] == list(range(1, len(asked) + 1)) == [item["id"] for item in truth]
        assert [q.question for q in asked] == [item["question"] for item in truth]


def test_the_question_file_holds_the_questions_and_no_answer(
    folder: tuple[Path, list[BenchQuestion]],
) -> None:
    out, questions = folder
    assert read_questions(out / "questions.jsonl") == questions
    assert "correct" not in (out / "questions.jsonl").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_bench(pictures: list[Annotation]) -> None:
    assert bench_questions(pictures, 1) == bench_questions(pictures, 1)
    assert bench_questions(pictures, 1) != bench_questions(pictures, 2)


@pytest.mark.skipif(not CHALLENGE.exists(), reason="the challenge's files are not beside the repository")
def test_records_have_the_fields_of_the_challenge(folder: tuple[Path, list[BenchQuestion]]) -> None:
    out, _ = folder
    for room, names in (("reference", REFERENCE), ("predictions", PREDICTIONS)):
        for name in names:
            theirs, ours = load(CHALLENGE / room / name)[0], load(out / name)[0]
            assert set(theirs) <= set(ours)
            extra = set(ours) - set(theirs)
            assert extra <= ({"content", "source"} if name == "bench_metadata.json" else set())
            assert {type(ours[key]) for key in theirs} == {type(value) for value in theirs.values()}


def test_an_answer_that_cannot_be_read_keeps_its_text_and_is_counted(
    pictures: list[Annotation], tmp_path: Path
) -> None:
    questions = bench_questions(pictures[:3], 0)
    garbage = "Ein Bild <|box_start|>(1,2"
    unparsed = write_predictions(tmp_path, [(q, garbage) for q in questions])
    assert sum(unparsed.values()) == len(questions)
    assert unparsed["description"] == 3
    for record in load(tmp_path / "description.json"):
        assert record["pred_ans"] == garbage
        assert (record["all_distortions"], record["key_distortions"]) == ([], [])
        assert record["image_quality"] == ""
    assert all(record["distortions"] == [] for record in load(tmp_path / "grounding.json"))


def test_a_question_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"questions.jsonl: .*finesight data bench"):
        read_questions(tmp_path / "questions.jsonl")
    with pytest.raises(InputError, match="No such file"):
        read_questions(tmp_path / "missing.jsonl")
