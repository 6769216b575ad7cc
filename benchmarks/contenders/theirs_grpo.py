"""TRL's GRPOTrainer on the same questions and answers, in the settings that are fastest for it."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
import trl.trainer.utils
from datasets import Dataset, Image
from transformers import PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from contenders.answers import Group, read_answers, reward
from contenders.lane import Job, Track
from contenders.trainers import Reporter, load_frozen, load_processor, settings


class Trainer(GRPOTrainer):
    """GRPOTrainer that tells what it does when, and learns from answers that were drawn before.

    It samples as it always does; what it samples is counted and put aside. Nothing else it computes is changed.
    """

    seen = 0.0
    track: Track
    groups: list[Group]

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        self.seen += loss.item()
        return loss

    def _prepare_inputs(self, *args: Any, **kwargs: Any) -> Any:
        with self.track.part("prepare"):
            return super()._prepare_inputs(*args, **kwargs)

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> Any:
        expected = [[*group.prefix, *group.asked] for group in self.groups for _ in group.answers]
        if prompt_ids != expected:
            raise SystemExit(
                "trl: asks otherwise than the others; these times would not compare the same work"
            )
        with self.track.part("rollout"):
            _, logprobs = super()._generate_single_turn(prompt_ids, *args, **kwargs)
        # An answer that came upon its end token is cut behind it later on; what counts is what was computed.
        most = max(map(len, prompt_ids)) + self.max_completion_length - 1
        if self.track.parts["rollout"].columns != len(prompt_ids) * most:
            raise SystemExit(
                "trl: samples fewer tokens than the others; these times would not compare the same work"
            )
        return [answer for group in self.groups for answer in group.answers], logprobs


def train_trl(job: Job, track: Track) -> None:
    """Train with TRL step by step: all answers to all questions are one step, `job.batch` at a time."""
    # On a CPU the head would go over the tokens of the prompt too, since kernels of other devices want fixed shapes;
    # so told, it scores answers only, as on a GPU.
    trl.trainer.utils._use_triton = lambda _device: True
    processor, model = load_processor(job.model), load_frozen(job.model)
    processor.tokenizer.padding_side = "left"  # as TRL does where it loads it itself
    groups, longest = read_answers(job.data)
    answers = len(groups[0].answers)
    rows = len(groups) * answers
    reporter = Reporter(track, "update")
    with tempfile.TemporaryDirectory() as scratch:
        Trainer.track, Trainer.groups = track, groups
        trainer = Trainer(
            model=model,
            reward_funcs=_rewards,
            args=GRPOConfig(
                **settings(job, rows, scratch),
                num_generations=answers,
                steps_per_generation=rows // job.batch,  # all answers of a step are sampled together
                num_iterations=1,
                max_completion_length=longest,
                generation_kwargs={"eos_token_id": None},
                temperature=1.0,
                beta=0.0,  # no reference model
                loss_type="dapo",
                scale_rewards="none",
                epsilon=0.2,
                epsilon_high=0.28,
                shuffle_dataset=False,
                log_completions=False,
            ),
            train_dataset=Dataset.from_list([_row(group) for group in groups]).cast_column("image", Image()),
            processing_class=processor,
            callbacks=[reporter],
        )
        reporter.trainer = trainer
        trainer.remove_callback(PrinterCallback)
        track.watch(model)
        if track.wait():
            trainer.train()


def _rewards(completion_ids: list[list[int]], **_: Any) -> list[float]:
    return [reward(answer) for answer in completion_ids]


def _row(group: Group) -> dict[str, Any]:
    return {"prompt": [{"role": "user", "content": group.question}], "image": str(group.picture)}
