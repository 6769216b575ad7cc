"""TRL's SFTTrainer on the same questions as separate samples, in the settings that are fastest for it."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from datasets import Dataset, Image
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from contenders.lane import Job, Track
from contenders.trainers import Reporter, load_frozen, load_processor, settings
from finesight.data.folder import image_path
from finesight.schema.sample import Sample
from finesight.train.examples import read_folder


class Trainer(SFTTrainer):
    """SFTTrainer that remembers the loss of a step; nothing it computes is changed."""

    seen = 0.0

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        self.seen += loss.item()
        return loss


def train_trl(job: Job, track: Track) -> None:
    """Train with TRL step by step: all samples of the data are one step, `job.batch` at a time."""
    processor, model = load_processor(job.model), load_frozen(job.model)
    samples = list(read_folder(job.data))
    samples.sort(key=lambda s: len(s.question) + len(s.answer))
    rows = [_row(job, processor.tokenizer, sample) for sample in samples]
    reporter = Reporter(track)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(
            model=model,
            args=SFTConfig(
                **settings(job, len(rows), scratch),
                completion_only_loss=True,
                max_length=None,
                train_sampling_strategy="sequential",  # samples of like length side by side: less padding
            ),
            train_dataset=Dataset.from_list(rows).cast_column("image", Image()),
            processing_class=processor,
            callbacks=[reporter],
        )
        reporter.trainer = trainer
        trainer.remove_callback(PrinterCallback)
        # transformers marks Qwen2.5-VL so that it averages the means of micro-batches, however many answer tokens
        # they have; so told, TRL's loss is the mean over all answer tokens of the step, as it is for the others.
        trainer.model_accepts_loss_kwargs = True
        track.watch(model)
        if track.wait():
            trainer.train()


def _row(job: Job, tokenizer: Any, sample: Sample) -> dict[str, str]:
    """Prompt and completion as text, so that the answer ends where it does for the others: with its end token."""
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": sample.question}]}]
    prompt = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    image = str(image_path(job.data, sample.image))
    return {"prompt": prompt, "completion": f"{sample.answer}<|im_end|>", "image": image}
