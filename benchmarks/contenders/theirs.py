"""TRL's SFTTrainer on the same questions as separate samples, in the settings that are fastest for it."""

from __future__ import annotations

import tempfile
import warnings
from typing import Any

import torch
from datasets import Dataset, Image
from transformers import AutoModelForImageTextToText, AutoTokenizer, PrinterCallback, TrainerCallback
from transformers.models.qwen2_5_vl.processing_qwen2_5_vl import Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from trl import SFTConfig, SFTTrainer

from contenders.lane import Job, Track
from finesight.data.folder import image_path
from finesight.schema.sample import Sample
from finesight.train.examples import read_folder


class ImageProcessor(Qwen2_5_VLProcessor):
    """Qwen2.5-VL's processor without its video part, which wants torchvision."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
        self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        super(Qwen2_5_VLProcessor, self).__init__(image_processor, tokenizer, chat_template=chat_template)

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
        return type(argument)


class Trainer(SFTTrainer):
    """SFTTrainer that remembers the loss of a step; nothing it computes is changed."""

    seen = 0.0

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        self.seen += loss.item()
        return loss


class Reporter(TrainerCallback):
    """Holds the trainer between two steps, and reports each."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.trainer: Trainer | None = None
        self.norms: dict[str, float] | None = None

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.track.start()

    def on_pre_optimizer_step(self, _args: Any, _state: Any, _control: Any, model: Any, **_: Any) -> None:
        self.norms = self.track.gradients(model)

    def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
        self.track.finish(self.trainer.seen, self.norms)
        self.trainer.seen = 0.0
        control.should_training_stop = not self.track.wait()


def train_trl(job: Job, track: Track) -> None:
    """Train with TRL step by step: all samples of the data are one step, `job.batch` at a time."""
    tokenizer = AutoTokenizer.from_pretrained(job.model)
    processor = ImageProcessor(Qwen2VLImageProcessorPil.from_pretrained(job.model), tokenizer)
    model = AutoModelForImageTextToText.from_pretrained(
        job.model, dtype=torch.float32, attn_implementation="sdpa"
    )
    model.model.visual.requires_grad_(False)
    samples = list(read_folder(job.data))
    samples.sort(key=lambda s: len(s.question) + len(s.answer))
    rows = [_row(job, tokenizer, sample) for sample in samples]
    reporter = Reporter(track)
    # TRL has to name the option that its default turns on, and that name is old to transformers.
    warnings.filterwarnings("ignore", "`gradient_checkpointing` is deprecated")
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(
            model=model,
            args=_settings(job, len(rows), scratch),
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


def _settings(job: Job, samples: int, scratch: str) -> SFTConfig:
    return SFTConfig(
        output_dir=scratch,
        per_device_train_batch_size=job.batch,
        gradient_accumulation_steps=samples // job.batch,
        max_steps=1_000_000,
        learning_rate=job.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=0.0,  # nobody clips, so nobody pays for the norm
        optim="adamw_torch_fused",
        completion_only_loss=True,
        max_length=None,
        train_sampling_strategy="sequential",  # samples of like length side by side: less padding
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
    )
