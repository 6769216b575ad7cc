"""The GRPO benchmark on one tiny picture: what it says, and that its contenders do the same work. No times."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
HAS_TRL = bool(find_spec("trl") and find_spec("datasets"))
SMALL = (
    "--images 1 --image-tokens 16 --width 64 --answers 3 --shortest 3 --longest 7 "
    "--steps 1 --repeats 1 --batches 1"
)


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    """The modules of the benchmark, which stand beside the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        names = ("answers", "data", "lane", "model", "ours_grpo", "race")
        yield SimpleNamespace(
            script=import_module("grpo_tree"), **{name: import_module(f"contenders.{name}") for name in names}
        )


@pytest.fixture(scope="module")
def made(parts: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Two questions of one picture, a model, and three answers to each."""
    folder = tmp_path_factory.mktemp("race")
    data, model = folder / "data", folder / "model"
    parts.data.make_data(data, 1, 2, 16, 0)
    parts.model.build_model(data, model, 64, 16, 0)
    counts = parts.answers.draw_answers(data, model, 3, 3, 7, 0)
    return SimpleNamespace(data=data, model=model, counts=counts)


class Pipe:
    """The other end of a contender that is to do one step and stop."""

    def __init__(self) -> None:
        self.told = [True, False]
        self.steps: list[Any] = []

    def recv(self) -> bool:
        return self.told.pop(0)

    def send(self, step: Any) -> None:
        self.steps.append(step)


def first_step(parts: SimpleNamespace, made: SimpleNamespace, contender: str, batch: int = 1) -> Any:
    pipe = Pipe()
    job = parts.lane.Job(contender, batch, made.data, made.model, 1e-5, 1)
    parts.ours_grpo.train_ours(job, parts.lane.Track(pipe))
    (step,) = pipe.steps
    return step


def test_rows_and_trees_are_the_same_work_and_the_tree_is_less_of_it(
    parts: SimpleNamespace, made: SimpleNamespace
) -> None:
    rows, tree, kept = (first_step(parts, made, name, 1) for name in ("rows", "tree", "tree-kept"))
    told = [parts.race.figures([s, s], parts.script.CLOCKS, 1, 6) for s in (rows, tree, kept)]
    apart = parts.race.differences(told)
    assert 0 < apart["gradient_difference"] < 1e-5
    assert apart["loss_difference"] < 1e-5
    assert abs(rows.loss) > 1e-4
    done = {name: step.parts for name, step in (("rows", rows), ("tree", tree), ("kept", kept))}
    assert [done["rows"][part].pictures for part in ("rollout", "update")] == [6, 6]
    assert [done["tree"][part].pictures for part in ("rollout", "update")] == [1, 1]
    assert [done["kept"][part].pictures for part in ("rollout", "update")] == [0, 0]
    assert done["rows"]["update"].columns == made.counts["tokens_in_rows"]
    assert done["tree"]["update"].columns == done["kept"]["update"].columns == made.counts["tokens_in_trees"]
    # The first token of an answer comes from the prompt, so six answers of seven tokens are six steps of decoding.
    assert (
        done["tree"]["rollout"].columns == made.counts["tokens_in_trees"] - made.counts["answer_tokens"] + 36
    )
    assert done["rows"]["rollout"].columns == 6 * made.counts["prompt_tokens"] + 36


def test_a_loss_that_is_not_the_same_is_seen(parts: SimpleNamespace, made: SimpleNamespace) -> None:
    step = first_step(parts, made, "tree")
    told = parts.race.figures([step, step], parts.script.CLOCKS, 1, 6)
    norms = dict(told["first_gradient_norms"])
    largest = max(norms, key=norms.__getitem__)
    norms[largest] *= 1 + 1e-4
    apart = parts.race.differences([told, told | {"first_gradient_norms": norms}])
    assert apart["gradient_difference"] == pytest.approx(1e-4, rel=1e-3)
    with pytest.raises(SystemExit, match="do not compare the same work"):
        parts.race.same_work(apart)


def test_answers_end_once_at_evenly_spread_lengths(parts: SimpleNamespace, made: SimpleNamespace) -> None:
    groups, longest = parts.answers.read_answers(made.data)
    assert longest == 7
    assert [len(group.answers) for group in groups] == [3, 3]
    for group in groups:
        assert sorted(len(answer) for answer in group.answers) == [3, 5, 7]
        end = group.answers[0][-1]
        assert all(answer[-1] == end and end not in answer[:-1] for answer in group.answers)
        assert group.image == 16
    assert parts.answers.spread(60, 150, 8) == [60, 73, 86, 99, 111, 124, 137, 150]


def test_an_answer_earns_what_it_has_of_different_tokens(parts: SimpleNamespace) -> None:
    reward = parts.answers.reward
    assert [reward([1, 2, 3, 3]), reward([3, 1, 2]), reward([1, 1])] == [0.015, 0.015, 0.005]
    assert reward(list(range(300))) == 1


def test_time_and_work_count_to_the_innermost_part(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = Pipe()
    track = parts.lane.Track(pipe)
    clock = iter([0, 1, 3, 6, 10, 12, 15, 100])
    monkeypatch.setattr(parts.lane.Seconds, "now", lambda: parts.lane.Seconds(t := next(clock), 2 * t))
    track.wait()
    with track.part("update"):  # from 1 on
        with track.part("prepare"):  # 3 to 6
            track._read(None, (), {"inputs_embeds": torch.zeros(2, 5, 8)})
        track._seen(None, (), {"grid_thw": torch.zeros(3, 3)}, None)
    track._seen(None, (), {"grid_thw": torch.zeros(7, 3)}, None)  # between the parts: of none
    with track.part("update"):  # 12 to 15
        track._seen(None, (None, torch.zeros(1, 3)), {}, None)
    track.finish(0.0, None)
    (step,) = pipe.steps
    assert step.parts["update"] == ((2 + 4 + 3, 18), 4, 0)
    assert step.parts["prepare"] == ((3, 6), 0, 10)
    assert step.took("update", "prepare") == (12, 24)
    assert step.whole == (100, 200)


@pytest.mark.slow
def test_the_last_line_tells_all_of_it(run_benchmark) -> None:
    report = run_benchmark("grpo_tree.py", *SMALL.split(), "--contenders", "rows,tree")
    assert report["loss_difference"] < 1e-5
    assert report["gradient_difference"] < 1e-5
    assert report["speedup_vs_rows"] > 0
    assert report["speedup_vs_trl"] is report["rollout_speedup"] is report["update_speedup"] is None
    tree = report["contenders"]["tree"]
    assert tree["pictures_encoded"] == {"rollout": 1, "update": 1}
    assert {"settings", "machine", "parameters", "counts", "speedups"} <= set(report)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TRL, reason="TRL is the opponent: pip install 'finesight[oracle]'")
def test_trl_is_the_same_work_too(run_benchmark) -> None:
    report = run_benchmark("grpo_tree.py", *SMALL.split(), "--contenders", "trl,tree")
    assert report["loss_difference"] < 1e-5
    assert report["gradient_difference"] < 1e-5
    assert report["contenders"]["trl"]["pictures_encoded"] == {"rollout": 3, "update": 3}
    assert all(report[name] > 0 for name in ("speedup_vs_trl", "rollout_speedup", "update_speedup"))


@pytest.mark.skipif(HAS_TRL, reason="TRL is installed")
def test_without_trl_it_says_what_to_install() -> None:
    program = [sys.executable, str(ROOT / "benchmarks" / "grpo_tree.py"), "--contenders", "trl,tree"]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "finesight[oracle]" in ran.stderr
