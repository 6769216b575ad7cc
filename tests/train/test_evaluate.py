from __future__ import annotations

import math

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from finesight.model.load import load_model
from finesight.train import sft
from finesight.train.checkpoint import Checkpoints, Progress
from finesight.train.evaluate import evaluate
from finesight.train.sft import train_sft
from finesight.train.track import EVALUATION, read_metrics


@pytest.fixture
def watched(training_set, settings_for, tmp_path):
    """`watched(**fields)`: the config of a run that is evaluated on what it trains on."""

    def make(**fields):
        given = {"eval_data": training_set, "eval_every": 3, "eval_pictures": 4, "steps": 9}
        return settings_for(training_set, tmp_path / "run", **(given | fields))

    return make


def test_held_out_loss_is_the_mean_over_all_answer_tokens_however_it_is_split(watched):
    session = sft.begin(watched(ruler_width=0.0))
    found = evaluate(session.evaluator, sft.limits(session.config))
    examples = session.evaluator.data.examples
    assert len(examples) == 4
    tokens = {}
    for example in examples:
        for index, subclass in enumerate(example.subclasses):
            tokens[subclass] = tokens.get(subclass, 0) + example.predicted(index)
    assert found.by_subclass.keys() == tokens.keys()
    weighted = sum(found.by_subclass[s] * n for s, n in tokens.items()) / sum(tokens.values())
    assert found.loss == pytest.approx(weighted, rel=1e-6)
    assert 0 <= found.token_accuracy <= 1
    small = session.config.model_copy(update={"tokens_per_pass": 700, "tokens_per_tree": 700})
    session.evaluator.config = small
    split = evaluate(session.evaluator, sft.limits(small))
    assert split.loss == pytest.approx(found.loss, rel=1e-5)
    assert split.token_accuracy == pytest.approx(found.token_accuracy, abs=1e-9)


def test_a_run_is_evaluated_on_the_way_and_at_its_end(watched):
    config = watched(steps=7)
    train_sft(config)
    rows = read_metrics(config.out, EVALUATION)
    assert [row["step"] for row in rows] == [3, 6, 7]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert any(name.startswith("loss/") for name in rows[0])


def test_evaluation_changes_nothing_in_training(watched, settings_for, training_set, tmp_path):
    plain = settings_for(training_set, tmp_path / "plain", steps=9)
    a, b = (load_model(train_sft(c)).family.state_dict() for c in (watched(), plain))
    assert all(torch.equal(a[name], b[name]) for name in b)


def test_a_run_that_gets_no_better_stops_and_takes_its_best(watched, monkeypatch):
    """The losses of the evaluations are given; everything else is real."""
    given = iter([3.0, 2.0, 2.5, 2.1, 9.9])
    real = sft.evaluate
    monkeypatch.setattr(sft, "evaluate", lambda *a: real(*a)._replace(loss=next(given)))
    config = watched(steps=60, patience=2, keep=1, checkpoint_every=4)
    best: dict[str, torch.Tensor] = {}
    saved = Checkpoints.save

    def keep(self, progress, module, *rest):
        if progress.best == progress.step:
            best.update({n: t.clone() for n, t in module.state_dict().items()})
        saved(self, progress, module, *rest)

    monkeypatch.setattr(Checkpoints, "save", keep)
    model = load_model(train_sft(config)).family.state_dict()
    assert [row["step"] for row in read_metrics(config.out, EVALUATION)] == [3, 6, 9, 12]
    assert len(read_metrics(config.out)) == 12
    assert all(torch.equal(model[name], best[name]) for name in model)


def test_progress_counts_evaluations_since_the_best():
    progress = Progress(step=5).evaluated(2.0)
    assert (progress.best, progress.stale) == (5, 0)
    worse = progress.model_copy(update={"step": 8}).evaluated(2.0)
    assert (worse.best, worse.best_loss, worse.stale) == (5, 2.0, 1)
    better = worse.model_copy(update={"step": 9}).evaluated(1.0)
    assert (better.best, better.best_loss, better.stale) == (9, 1.0, 0)


def test_trackers_get_what_the_files_have(watched):
    config = watched(trackers=("tensorboard",), steps=6)
    train_sft(config)
    (events,) = {
        path.parent for path in config.out.rglob("events.out.tfevents*") if path.parent.parent == config.out
    }
    seen = EventAccumulator(str(events)).Reload()
    logged = [(e.step, e.value) for e in seen.Scalars("train/loss")]
    rows = [(row["step"], row["loss"]) for row in read_metrics(config.out)]
    assert logged == [(step, pytest.approx(loss, rel=1e-4)) for step, loss in rows]
    assert [e.step for e in seen.Scalars("eval/loss")] == [3, 6]
