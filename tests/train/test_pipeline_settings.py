from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finesight.config import load_config
from finesight.errors import ConfigError
from finesight.schema.sample import Subclass
from finesight.train.pipeline_settings import CHOOSABLE, STAGES, PipelineConfig

FULL: dict[str, Any] = {
    "data": "data/train",
    "bench": "bench",
    "out": "runs/all",
    "sft": {"steps": 30, "questions": 3},
    "grpo": {"steps": 10},
}


def make(**fields: Any) -> PipelineConfig:
    return PipelineConfig.model_validate(FULL | fields)


def complaint(tmp_path: Path, text: str, *overrides: str) -> str:
    """What `load_config` has to say of a TOML file."""
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(PipelineConfig, tmp_path / "p.toml", overrides)
    return str(error.value)


def test_every_section_knows_where_it_reads_and_where_it_writes():
    config = make(base={"steps": 5})
    assert config.base is not None
    assert config.sft is not None
    assert config.grpo is not None
    assert (config.base.data, config.base.out) == (Path("data/train"), Path("runs/all/base"))
    assert (config.sft.data, config.sft.out) == (Path("data/train"), Path("runs/all/sft"))
    assert (config.grpo.data, config.grpo.out) == (Path("runs/all/mined"), Path("runs/all/grpo"))


def test_each_model_is_made_of_the_one_before():
    config = make(base={"steps": 5})
    assert config.base is not None
    assert config.sft is not None
    assert config.grpo is not None
    models = (config.base.model, config.sft.model, config.grpo.model)
    assert models == (None, "runs/all/base/model", "runs/all/sft/model")
    named = make(model="Qwen/Qwen2.5-VL-7B-Instruct")
    assert named.sft is not None
    assert (named.sft.model, named.start) == ("Qwen/Qwen2.5-VL-7B-Instruct",) * 2
    new = make()
    assert new.sft is not None
    assert (new.sft.model, new.start, new.taught) == (None, None, "runs/all/sft/model")


def test_without_sft_the_policy_begins_with_the_base_and_without_mining_with_all_questions():
    config = make(model="base", stages=("grpo", "eval"))
    assert config.grpo is not None
    assert (config.grpo.model, config.taught, config.grpo.data) == ("base", "base", Path("data/train"))


def test_the_base_is_trained_as_sft_is_but_for_what_it_says():
    config = make(sft={"steps": 30, "questions": 3, "batch": 4}, base={"steps": 5, "batch": 2})
    assert config.base is not None
    assert (config.base.steps, config.base.batch, config.base.questions) == (5, 2, 3)


@pytest.mark.parametrize(
    ("layout", "data", "questions"),
    [("tree", "data/train", 3), ("merge", "runs/all/merged", 3), ("separate", "data/train", 1)],
)
def test_the_layout_says_what_a_tree_of_sft_is_made_of(layout, data, questions):
    sft = {"steps": 30} if layout == "separate" else FULL["sft"]
    config = make(layout=layout, sft=sft)
    assert config.sft is not None
    assert (config.sft.data, config.sft.questions) == (Path(data), questions)
    assert config.grpo is not None
    assert config.grpo.data == Path("runs/all/mined")


def test_the_seed_is_that_of_every_section_without_one():
    config = make(seed=3, sft={"steps": 30, "seed": 5}, base={"steps": 1})
    assert config.sft is not None
    assert config.grpo is not None
    assert config.base is not None
    seeds = (config.sft.seed, config.grpo.seed, config.rollout.seed, config.mining.seed, config.base.seed)
    assert seeds == (5, 3, 3, 3, 5)


def test_rewards_are_the_same_for_mining_and_for_the_policy():
    config = make(rewards={"key": 3.0}, own_rewards={"qa": "a:b"})
    assert config.grpo is not None
    assert (config.grpo.rewards.key, config.grpo.own_rewards) == (3.0, {"qa": "a:b"})


def test_resolved_settings_load_again_to_the_same():
    config = make(base={"steps": 5}, layout="merge", rewards={"key": 3.0}, seed=2)
    assert PipelineConfig.model_validate_json(config.model_dump_json()) == config


def test_stages_have_an_order():
    assert [name for name in STAGES if name in CHOOSABLE] == list(CHOOSABLE)
    assert make().stages == CHOOSABLE


START = 'data = "d"\nbench = "b"\nout = "o"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "data: Field required"),
        (START + "[sft]\nsteps = 5", r"give [grpo] with its steps, or leave grpo out of stages"),
        (START + "[grpo]\nsteps = 5", r"give [sft] with its steps"),
        (START + "[sft]\nstep = 5", "sft.step: Extra inputs"),
        (START + "[grpo]\nsteps = 5\nsamples = 5", "grpo.samples: Extra inputs"),
        (START + "[sft]\nquestions = 5", "sft: Value error, give either steps or epochs"),
        (START + '[sft]\nsteps = 5\ndata = "elsewhere"', "sft.data follows from what stands outside [sft]"),
        (START + '[sft]\nsteps = 5\nmodel = "x"', "sft.model follows"),
        (START + "[grpo]\nsteps = 5\n[grpo.rewards]\nkey = 2.0", "grpo.rewards follows"),
        ('layout = "separate"\n' + START + "[sft]\nsteps = 5\nquestions = 2", "sft.questions follows"),
        ('stages = ["sft", "sft"]\n' + START + "[sft]\nsteps = 5", "has one of them twice"),
        ('stages = ["sft", "mine"]\n' + START + "[sft]\nsteps = 5", "mine needs rollouts"),
        ('stages = ["grpo"]\n' + START + "[grpo]\nsteps = 5", "name it in model, or give [base]"),
        ('stages = ["sft", "merge"]\n' + START + "[sft]\nsteps = 5", "stages.1: Input should be"),
        ("stages = 3\n" + START + "[sft]\nsteps = 5", "stages: Input should be"),
        (
            'model = "m"\n' + START + "[base]\nsteps = 1\n[sft]\nsteps = 5\n[grpo]\nsteps = 5",
            "give one of them",
        ),
        ("sft = 3\n" + START, "sft: Input should be"),
        ("rollout = 3\n" + START, "rollout: Input should be"),
        ("out = 3\n" + START.replace('out = "o"\n', ""), "out: Input is not a valid path"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(tmp_path, text, said):
    assert said in complaint(tmp_path, text)


def test_overrides_reach_into_sections(tmp_path):
    (tmp_path / "p.toml").write_text(START + "[sft]\nsteps = 5\n[grpo]\nsteps = 5")
    config = load_config(
        PipelineConfig,
        tmp_path / "p.toml",
        ["grpo.sampling.samples=4", "rollout.rows=7", "mining.low=0.2"],
    )
    assert config.grpo is not None
    assert (config.grpo.sampling.samples, config.rollout.rows, config.mining.low) == (4, 7, 0.2)


def test_rollouts_are_sampled_and_rewarded_as_the_policy_will_be():
    config = make(
        grpo={
            "steps": 1,
            "thinking": True,
            "unparsed": 0.1,
            "sampling": {"samples": 4, "temperature": 0.9},
        },
        rewards={"key": 3.0},
        own_rewards={"mcq": "a:b"},
    )
    assert config.grpo is not None
    assert config.rollout.sampling == config.grpo.sampling
    assert config.rollout.thinking
    assert config.mining.unparsed == 0.1
    assert (config.rollout.reward.key, config.rollout.rewards) == (3.0, {"mcq": "a:b"})
    hotter = make(rollout={"sampling": {"temperature": 1.2}})
    assert hotter.rollout.sampling.temperature == 1.2


def test_rollouts_ask_only_what_has_a_reward():
    assert Subclass.QA not in make().rollout.subclasses
    assert len(make().rollout.subclasses) == len(Subclass) - 1
    assert Subclass.QA in make(own_rewards={"qa": "a:b"}).rollout.subclasses
    assert make(rollout={"subclasses": ["mcq"]}).rollout.subclasses == (Subclass.MCQ,)
