from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from finesight.errors import ConfigError, InputError
from finesight.model.coordinates import Coordinates
from finesight.model.generate import TreeGenerator
from finesight.model.load import load_model, save_model
from finesight.model.nano.trunk import pretrained_trunk_state
from finesight.model.protocol import Request
from finesight.train import sft
from finesight.train.learner import hint_share
from finesight.train.parts import FrozenChangedError, FrozenGuard, part_of
from finesight.train.plan import share_out
from finesight.train.settings import SftConfig
from finesight.train.sft import learning_rate, train_sft
from finesight.train.track import read_metrics

TRAINING = (
    "import sys; from pathlib import Path; from finesight.train.sft import *; torch.set_num_threads(1);"
)
RUN = TRAINING + "train_sft(SftConfig.model_validate_json(Path(sys.argv[1]).read_text()), resume=True)"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(folder).family.state_dict())


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def finished(training_set, tmp_path_factory, settings_for):
    """The config of a run of 30 steps, the first 8 for the encoder alone, that has been done."""
    out = tmp_path_factory.mktemp("run")
    config = settings_for(training_set, out, steps=30, dense_steps=8, questions=4)
    assert train_sft(config) == out / "model"
    return config


def test_the_loss_falls(finished):
    rows = read_metrics(finished.out)
    answer = [row["loss"] for row in rows if "loss" in row]
    dense = [row["dense"] for row in rows]
    assert sum(answer[-5:]) < 0.7 * sum(answer[:5])
    assert sum(dense[-5:]) < 0.9 * sum(dense[:5])


def test_metrics_have_a_full_row_for_every_step(finished):
    rows = read_metrics(finished.out)
    assert [row["step"] for row in rows] == list(range(1, 31))
    always = {"step", "dense", "learning_rate", "gradient_norm", "samples_per_s", "seconds"}
    assert all(set(row) == always | ({"loss"} if row["step"] > 8 else set()) for row in rows)
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert [row["learning_rate"] for row in rows] == pytest.approx(
        [learning_rate(finished, s) for s in range(1, 31)], rel=1e-5
    )


def test_the_frozen_trunk_is_the_published_one_bit_for_bit(finished):
    state = load_model(finished.out / "model").family.model.model.visual.trunk.state_dict()
    assert same(state, pretrained_trunk_state())


def test_the_run_folder_holds_config_metrics_features_and_model(finished):
    names = {path.name for path in finished.out.iterdir()}
    assert names == {"config.json", "metrics.jsonl", "skipped.txt", "features", "model"}
    assert SftConfig.model_validate_json((finished.out / "config.json").read_text()) == finished


def test_the_trained_model_answers(finished, make_noise):
    model = load_model(finished.out / "model")
    ((completion,),) = TreeGenerator(model, max_new_tokens=5).generate([Request(make_noise(0), ("What?",))])
    assert len(completion.logprobs) <= 5


def test_a_finished_run_is_not_repeated(finished, monkeypatch):
    monkeypatch.setattr(sft, "start_model", None)
    assert train_sft(finished) == finished.out / "model"


def test_a_part_learns_at_its_own_rate_once_the_decoder_learns(training_set, settings_for, tmp_path):
    def after(out, **fields):
        folder = train_sft(settings_for(training_set, tmp_path / out, steps=3, dense_steps=1, **fields))
        return load_model(folder).family.model.state_dict()

    still, moved = after("still", rates={"projector": 0.0}), after("moved", rates={})
    short = settings_for(training_set, tmp_path / "short", steps=1, dense_steps=1)
    dense_only = load_model(train_sft(short)).family.model.state_dict()
    encoder = [name for name in still if ".encoder." in name]
    assert encoder
    assert all(torch.equal(still[name], dense_only[name]) for name in encoder if name in dense_only)
    assert not all(torch.equal(still[name], moved[name]) for name in encoder)


def test_hints_fall_from_their_share_to_none_over_the_joint_steps(training_set, settings_for, tmp_path):
    config = settings_for(training_set, tmp_path, steps=30, dense_steps=10, hinted=0.8)
    assert [hint_share(config, step) for step in (10, 20, 30)] == pytest.approx([0.8, 0.4, 0.0])
    assert hint_share(settings_for(training_set, tmp_path, steps=5, dense_steps=5), 5) == 0.0


def test_a_killed_run_goes_on_to_the_weights_of_an_undisturbed_one(training_set, settings_for, tmp_path):
    def config_in(folder: Path) -> SftConfig:
        return settings_for(
            training_set, tmp_path / folder, steps=40, checkpoint_every=3, dense_steps=4, seed=5
        )

    killed = config_in(Path("killed"))
    file = tmp_path / "killed.json"
    file.write_text(killed.model_dump_json())
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, str(file)],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    while len(read_metrics(killed.out)) < 8:
        assert child.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    reached = len(read_metrics(killed.out))
    assert 8 <= reached < 40
    assert not (killed.out / "model").exists()

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train_sft(killed, resume=True)
        whole = config_in(Path("whole"))
        train_sft(whole)
    finally:
        torch.set_num_threads(threads)
    assert same(weights(killed.out / "model"), weights(whole.out / "model"))
    rows, undisturbed = read_metrics(killed.out), read_metrics(whole.out)
    timing = {"seconds", "samples_per_s"}
    assert [{k: v for k, v in r.items() if k not in timing} for r in rows] == [
        {k: v for k, v in r.items() if k not in timing} for r in undisturbed
    ]
    # It did go on: the seconds begin anew at the checkpoint, which is at most three steps back.
    begins = [b["step"] for a, b in pairwise(rows) if b["seconds"] < a["seconds"]]
    assert len(begins) == 1
    assert reached - 3 <= begins[0] - 1 <= reached


def test_a_folder_of_a_run_with_other_settings_is_left_alone(training_set, settings_for, tmp_path):
    train_sft(settings_for(training_set, tmp_path, steps=2))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(ConfigError, match=r"other settings \(seed\); name another `out`, or remove it"):
        train_sft(settings_for(training_set, tmp_path, steps=2, seed=1))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_run_half_way_is_gone_on_with_only_if_asked(training_set, settings_for, tmp_path, monkeypatch):
    config = settings_for(training_set, tmp_path, steps=6, checkpoint_every=2)
    with monkeypatch.context() as patch:
        patch.setattr(FrozenGuard, "check", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train_sft(config)
    assert [path.name for path in sorted((tmp_path / "checkpoints").iterdir())] == [
        "step-00000002",
        "step-00000004",
    ]
    with pytest.raises(ConfigError, match="half-way; go on with it by --resume"):
        train_sft(config)
    # How a run is done may change on the way, what comes of it may not.
    train_sft(config.model_copy(update={"tokens_per_pass": 9000, "cache": "ram"}), resume=True)
    assert not (tmp_path / "checkpoints").exists()
    assert [row["step"] for row in read_metrics(tmp_path)] == list(range(1, 7))


def test_what_cannot_be_read_is_named_and_skipped(data, settings_for, tmp_path, capsys):
    pictures = sorted((data / "images").iterdir())
    pictures[0].write_bytes(b"rubbish")
    pictures[1].unlink()
    combined = data / "samples" / "combined.json"
    records = json.loads(combined.read_text())
    combined.write_text(json.dumps([{"image": 3}, *records]))
    train_sft(settings_for(data, tmp_path / "run", steps=2))
    said = capsys.readouterr()
    text = " ".join(said.err.replace("\n", "").split())
    assert pictures[0].name in text
    assert pictures[1].name in text
    assert "record 0" in text
    assert "reading questions" in text
    assert "reading pictures" in text
    assert said.out == ""
    assert (tmp_path / "run" / "model" / "config.json").is_file()
    listed = (tmp_path / "run" / "skipped.txt").read_text().splitlines()
    assert len(listed) == 3
    assert "skipped 3 in all" in text
    with pytest.raises(InputError, match="3 samples or pictures cannot be used"):
        train_sft(settings_for(data, tmp_path / "strict", steps=2), strict=True)


def test_a_sample_over_the_token_budget_is_named_and_skipped(data, settings_for, tmp_path):
    combined = data / "samples" / "combined.json"
    records = json.loads(combined.read_text())
    records[0]["conversations"][1]["value"] += " very" * 3000
    combined.write_text(json.dumps(records))
    config = settings_for(data, tmp_path / "run", steps=2, tokens_per_tree=2000)
    train_sft(config)
    (said,) = (tmp_path / "run" / "skipped.txt").read_text().splitlines()
    assert records[0]["image"] in said
    assert "more than tokens_per_tree 2000" in said


def test_a_picture_that_is_lost_in_the_midst_of_a_run_does_not_end_it(data, settings_for, tmp_path, capsys):
    lost = sorted((data / "images").iterdir())[0]
    config = settings_for(data, tmp_path, steps=14, batch=2, cache="none")
    session = sft.begin(config)
    lost.unlink()
    progress = sft.learn(session)
    assert progress.step == 14
    assert session.learner.skipped >= 2
    assert lost.name in capsys.readouterr().err
    assert all(math.isfinite(row["loss"]) for row in read_metrics(tmp_path))


def test_a_set_without_a_readable_picture_is_an_error(data, settings_for, tmp_path):
    for path in (data / "images").iterdir():
        path.write_bytes(b"rubbish")
    with pytest.raises(InputError, match="none of its 12 pictures can be trained on"):
        train_sft(settings_for(data, tmp_path / "run"))


@pytest.mark.parametrize("frozen", [("vision",), ("vision", "projector"), ("language",), ()])
def test_frozen_parts_of_a_qwen_stay_bit_for_bit_and_the_others_move(
    tiny, training_set, settings_for, tmp_path, frozen
):
    base = tiny("qwen2_5_vl")
    save_model(base, tmp_path / "base")
    description = json.loads((tmp_path / "base" / "finesight.json").read_text())
    (tmp_path / "base" / "finesight.json").write_text(json.dumps(description | {"coordinates": "pixels"}))
    config = settings_for(
        training_set,
        tmp_path / "run",
        model=str(tmp_path / "base"),
        frozen=frozen,
        steps=3,
        batch=2,
        learning_rate=1e-3,
    )
    trained = load_model(train_sft(config))
    before, after = base.family.state_dict(), trained.family.state_dict()
    moved = {part_of(name) for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"vision", "projector", "language"} - set(frozen)
    # It was taught in thousandths, so it speaks them, whatever its base did.
    assert trained.description.coordinates is Coordinates.THOUSANDTHS
    assert all(set(row) >= {"loss"} and "dense" not in row for row in read_metrics(tmp_path / "run"))
    # A tower of which nothing is trained looks at a picture once a run.
    assert (tmp_path / "run" / "features").exists() == ({"vision", "projector"} <= set(frozen))


def test_frozen_weights_that_move_all_the_same_are_found_out(training_set, settings_for, tmp_path):
    session = sft.begin(settings_for(training_set, tmp_path, steps=2))
    session.bench.guard.check()
    trunk = session.learner.model.family.tower
    optimised = {id(p) for group in session.bench.optimizer.param_groups for p in group["params"]}
    assert optimised
    assert optimised.isdisjoint(map(id, trunk.parameters()))
    with torch.no_grad():
        next(trunk.parameters()).view(-1)[0] *= 1 + 1e-6
    with pytest.raises(FrozenChangedError):
        session.bench.guard.check()


def test_nothing_left_to_train_is_an_error(training_set, settings_for, tmp_path):
    with pytest.raises(ConfigError, match="leaves nothing to train"):
        train_sft(settings_for(training_set, tmp_path, frozen=("vision", "projector", "language")))


def test_the_trunk_of_a_nano_is_trained_where_it_is_not_frozen_and_the_decoder_stays(
    training_set, settings_for, tmp_path
):
    before = train_sft(settings_for(training_set, tmp_path / "base", steps=2))
    fields = {"model": str(before), "frozen": ("language",), "steps": 3, "dense_steps": 3}
    fields |= {"rates": {"vision": 0.5}, "warmup": 0, "learning_rate": 1e-3, "weight_decay": 0.0}
    config = settings_for(training_set, tmp_path / "tuned", **fields)
    old, new = weights(before), weights(train_sft(config))
    moved = {name: float((new[name] - old[name]).abs().max()) for name in old}
    by_part = {
        part: [m for n, m in moved.items() if part in n] for part in (".trunk.", ".encoder.", "language")
    }
    assert all(m == 0 for m in by_part["language"])
    # Adam's first steps are as long as the rate, which falls over three steps to a sum of 1.1; the trunk's half.
    assert 0.4e-3 < max(by_part[".trunk."]) < 0.6e-3 < max(by_part[".encoder."])
    assert not (config.out / "features").exists()


def final(config: SftConfig) -> dict[str, torch.Tensor]:
    return weights(train_sft(config))


@pytest.mark.parametrize("kind", [None, "qwen3_vl"])
def test_a_step_in_many_passes_and_another_order_has_the_gradient_of_one(
    tiny, training_set, settings_for, tmp_path, kind
):
    fields = {"steps": 3, "batch": 7, "tokens_per_tree": 300}
    if kind:
        save_model(tiny(kind), tmp_path / "base")
        fields |= {"model": str(tmp_path / "base"), "frozen": ("vision", "projector")}
    sides = []
    for name, most in (("one", 100_000), ("many", 300)):
        session = sft.begin(settings_for(training_set, tmp_path / name, tokens_per_pass=most, **fields))
        _, draws, _ = next(sft._plan(session.config, session.learner.data, 0))
        if kind and name == "many":  # which pictures nano is told of goes by their order
            draws = draws[::-1]
        passes = len(share_out(session.learner._costs(draws), 1, most)[0])
        losses = session.learner.gradients(1, draws)
        sides.append((passes, losses, dict(session.learner.model.family.named_parameters())))
    (few, said, one), (lots, also, many) = sides
    assert (few, lots > 3) == (1, True)
    assert said == pytest.approx(also, rel=1e-5)
    for name, weight in one.items():
        if weight.grad is not None:
            error = (weight.grad - many[name].grad).norm() / weight.grad.norm().clamp_min(1e-6)
            assert error <= 1e-4, (name, float(error))


def test_gradient_checkpointing_changes_nothing(tiny, training_set, settings_for, tmp_path):
    save_model(tiny("qwen2_5_vl"), tmp_path / "base")
    fields = {"model": str(tmp_path / "base"), "frozen": (), "steps": 3, "learning_rate": 1e-4}
    plain = final(settings_for(training_set, tmp_path / "plain", **fields))
    again = final(settings_for(training_set, tmp_path / "again", gradient_checkpointing=True, **fields))
    for name in plain:
        torch.testing.assert_close(plain[name], again[name], rtol=0, atol=1e-6)


def test_bf16_learns_in_masters_of_32_bits_and_saves_16(tiny, training_set, settings_for, tmp_path):
    save_model(tiny("qwen2_5_vl"), tmp_path / "base")
    fields = {"model": str(tmp_path / "base"), "frozen": ("vision", "projector")}
    config = settings_for(
        training_set, tmp_path / "run", steps=20, precision="bf16", learning_rate=1e-3, **fields
    )
    session = sft.begin(config)
    kinds = {p.dtype for p in session.learner.model.family.parameters() if p.requires_grad}
    assert kinds == {torch.float32}
    saved = load_file(train_sft(config) / "model.safetensors")
    assert {t.dtype for t in saved.values()} == {torch.bfloat16}
    rows = read_metrics(tmp_path / "run")
    assert sum(r["loss"] for r in rows[-4:]) < sum(r["loss"] for r in rows[:4])


def test_a_nano_keeps_32_bits_also_where_its_passes_run_in_16(training_set, settings_for, tmp_path):
    """The features of its frozen trunk would be others."""
    fields = {"steps": 2, "precision": "bf16"}
    first = train_sft(settings_for(training_set, tmp_path / "first", **fields))
    again = train_sft(settings_for(training_set, tmp_path / "again", model=str(first), **fields))
    before, after = (load_file(folder / "model.safetensors") for folder in (first, again))
    assert {t.dtype for t in (before | after).values()} == {torch.float32}
    trunk = [name for name in before if ".trunk." in name]
    assert trunk
    assert all(torch.equal(before[name], after[name]) for name in trunk)


def test_epochs_ask_every_question_so_many_times(training_set, settings_for, tmp_path):
    config = settings_for(training_set, tmp_path, epochs=2, steps=None, batch=4, questions=3)
    asked: Counter[tuple[int, int]] = Counter()
    session = sft.begin(config)
    for _, draws, _ in sft._plan(session.config, session.learner.data, 0):
        asked.update((d.example, i) for d in draws for i in d.branches)
    examples = session.learner.data.examples
    assert set(asked.values()) == {2}
    assert len(asked) == sum(len(e.tokens) for e in examples)


def test_a_model_without_a_dense_head_cannot_begin_with_dense_steps(
    tiny, training_set, settings_for, tmp_path
):
    save_model(tiny("qwen2_vl"), tmp_path / "base")
    config = settings_for(training_set, tmp_path / "run", model=str(tmp_path / "base"), dense_steps=2)
    with pytest.raises(Exception, match="set dense_steps to 0"):
        train_sft(config)


def test_the_rate_warms_up_and_falls_to_a_twentieth_in_each_of_its_two_cycles():
    config = SftConfig(data="d", out="o", steps=100, dense_steps=40, warmup=10, learning_rate=2.0)
    rates = {step: learning_rate(config, step) for step in range(1, 101)}
    assert rates[1] == pytest.approx(0.2)
    assert rates[10] == pytest.approx(2.0)
    assert rates[25] == pytest.approx(2.0 * (0.05 + 0.95 * 0.5))
    assert rates[40] == pytest.approx(0.1)
    assert rates[41] == pytest.approx(0.2)
    assert rates[50] == pytest.approx(2.0)
    assert rates[75] == pytest.approx(2.0 * (0.05 + 0.95 * 0.5))
    assert rates[100] == pytest.approx(0.1)
    assert learning_rate(SftConfig(data="d", out="o", steps=5, warmup=0), 1) <= 1e-3


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"steps": 0}, "steps"),
        ({"step": 5}, "step"),
        ({"batch": 0}, "batch"),
        ({"seed": -1}, "seed"),
        ({"vocabulary": 100}, "vocabulary"),
        ({"subclass_weights": {"mcq": -1}}, "subclass_weights"),
        ({"subclass_weights": {"mcqs": 1}}, "subclass_weights"),
        ({"nano": {"width": 65}}, "width"),
        ({"steps": 5, "dense_steps": 6}, "dense_steps 6 is more than steps 5"),
        ({"epochs": 1}, "either steps or epochs"),
        ({"lora": {}}, "name one in model"),
        ({"patience": 2}, "give eval_data"),
        ({"subclass_weights": {"mcq": 2}}, 'set draw to "some"'),
        ({"frozen": ["eyes"]}, "frozen"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields, complaint):
    with pytest.raises(ValidationError, match=complaint):
        SftConfig.model_validate({"data": "d", "out": "o", "steps": 9} | fields)
