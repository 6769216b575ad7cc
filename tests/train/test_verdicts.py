"""SFT with verdicts: what is taught at the end of options, how it counts, and what is noted of the model after it."""

from __future__ import annotations

import pytest

from finesight.errors import ConfigError
from finesight.model.load import load_model
from finesight.schema.sample import Sample, Subclass
from finesight.text.prompts import choice_prompt
from finesight.train import sft
from finesight.train.evaluate import evaluate
from finesight.train.examples import make_examples
from finesight.train.sft import train_sft
from finesight.train.track import read_metrics

WORDS = ("Noise", "Low clarity", "Motion blur")


def asked(answer: str, subclass: Subclass = Subclass.MCQ, question: str | None = None) -> Sample:
    question = question or choice_prompt("What is wrong?", WORDS)
    return Sample(id="1", image="a.jpg", subclass=subclass, question=question, answer=answer)


def test_each_option_is_right_or_wrong_where_it_ends(tiny, tmp_path):
    model = tiny("finesight_nano")
    ((example,), _) = make_examples(model, tmp_path, [asked("B.")], verdicts=True)
    branch = example.branch(0)
    first = [model.tokenizer.encode(f"{word}.")[0] for word in ("No", "Yes", "No")]
    assert [token for _, token in branch.told] == first
    lines = [model.tokenizer.decode(branch.ids[:place]).rpartition("\n")[2] for place, _ in branch.told]
    assert lines == ["A. Noise", "B. Low clarity", "C. Motion blur"]
    assert example.predicted(0) == len(branch.ids) - branch.answer_from + 3


@pytest.mark.parametrize(
    "sample",
    [
        asked("No idea."),
        asked("D."),
        asked("B.", question="Noise or blur?"),
        asked("B.", subclass=Subclass.QA),
    ],
)
def test_nothing_is_told_of_what_has_no_right_option(tiny, tmp_path, sample):
    ((example,), _) = make_examples(tiny("finesight_nano"), tmp_path, [sample, asked("A.")], verdicts=True)
    assert example.branch(0).told == ()
    assert len(example.branch(1).told) == 3
    example.keep([1])
    assert len(example.branch(0).told) == 3
    ((plain,), _) = make_examples(tiny("finesight_nano"), tmp_path, [asked("A.")])
    assert plain.branch(0).told == ()


def test_a_tokenizer_that_cannot_tell_them_is_an_error(tiny, tmp_path, monkeypatch):
    model = tiny("finesight_nano")
    monkeypatch.setattr(type(model), "verdict_tokens", None)
    with pytest.raises(ConfigError, match="does not tell Yes, No and letters apart"):
        make_examples(model, tmp_path, [asked("A.")], verdicts=True)


@pytest.fixture(scope="module")
def judged(training_set, settings_for, tmp_path_factory):
    config = settings_for(
        training_set,
        tmp_path_factory.mktemp("verdicts") / "run",
        steps=40,
        questions=4,
        draw="some",
        subclass_weights={"mcq": 4.0},
        verdicts=True,
    )
    train_sft(config)
    return config


def test_verdicts_are_learned_beside_answers(judged):
    rows = read_metrics(judged.out)
    verdicts = [row["verdicts"] for row in rows]
    assert sum(verdicts[-5:]) < 0.5 * sum(verdicts[:5])
    assert all(row["loss"] > 0 for row in rows)
    assert load_model(judged.out / "model").description.verdicts


def test_without_them_the_note_is_taken_away_unless_the_decoder_stays(judged, tmp_path):
    goes_on = judged.model_copy(
        update={"model": str(judged.out / "model"), "steps": 1, "verdicts": False, "dense_weight": 1.0}
    )
    heard = goes_on.model_copy(update={"out": tmp_path / "heard"})
    assert not load_model(train_sft(heard)).description.verdicts
    seen = goes_on.model_copy(
        update={"out": tmp_path / "seen", "frozen": ("vision", "language"), "dense_steps": 1}
    )
    assert load_model(train_sft(seen)).description.verdicts


def test_loss_and_verdicts_are_parts_of_one_mean(training_set, settings_for, tmp_path):
    fields = {"questions": 4, "ruler_width": 0.0, "hinted": 0.0}
    both, plain = (
        sft.begin(settings_for(training_set, tmp_path / str(v), verdicts=v, **fields)) for v in (True, False)
    )
    draws = next(iter(sft.steps(both.learner.data.examples, 4, sft.limits(both.config), 0)))
    found, answers = (s.learner.gradients(1, draws) for s in (both, plain))
    counts = [
        sum(s.learner.data.examples[d.example].predicted(i) for d in draws for i in d.branches)
        for s in (both, plain)
    ]
    assert counts[0] > counts[1]
    assert found["loss"] * counts[0] == pytest.approx(answers["loss"] * counts[1], rel=1e-5)
    assert found["verdicts"] > 0
    assert "verdicts" not in answers


def test_held_out_loss_is_that_of_answers_alone(judged, training_set, settings_for, tmp_path):
    fields = {"eval_data": training_set, "eval_pictures": 3, "model": str(judged.out / "model"), "steps": 1}
    found = [
        evaluate(session.evaluator, sft.limits(session.config))
        for session in (
            sft.begin(settings_for(training_set, tmp_path / str(v), verdicts=v, **fields))
            for v in (True, False)
        )
    ]
    assert found[0].loss == pytest.approx(found[1].loss, rel=1e-6)
