"""What TRL's trainers need here: a processor that does without torchvision, and settings that cost nothing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer, TrainerCallback
from transformers.models.qwen2_5_vl.processing_qwen2_5_vl import Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from contenders.lane import Job, Track


class ImageProcessor(Qwen2_5_VLProcessor):
    """Qwen2.5-VL's processor without its video part, which wants torchvision."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
        self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        super(Qwen2_5_VLProcessor, self).__init__(image_processor, tokenizer, chat_template=chat_template)

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
        return type(argument)


class Reporter(TrainerCallback):
    """Holds the trainer between two steps, and reports each as the part `part`."""

    def __init__(self, track: Track, part: str = "step") -> None:
        self.track = track
        self.part = part
        self.trainer: Any = None
        self.norms: dict[str, float] | None = None

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.track.begin(self.part)

    def on_pre_optimizer_step(self, _args: Any, _state: Any, _control: Any, model: Any, **_: Any) -> None:
        self.norms = self.track.gradients(model)

    def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
        self.track.end()
        self.track.finish(self.trainer.seen, self.norms)
        self.trainer.seen = 0.0
        control.should_training_stop = not self.track.wait()


def load_processor(folder: Path) -> ImageProcessor:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    images = Qwen2VLImageProcessorPil.from_pretrained(folder)
    return ImageProcessor(images, tokenizer, tokenizer.chat_template)


def load_frozen(folder: Path) -> Any:
    """The model with its vision tower frozen."""
    model = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa"
    )
    model.model.visual.requires_grad_(False)
    return model


def settings(job: Job, rows: int, scratch: str) -> dict[str, Any]:
    """Of both trainers: all rows are one step, `job.batch` at a time, and nothing is done beside the training."""
    # TRL has to name the option that its default turns on, and that name is old to transformers.
    warnings.filterwarnings("ignore", "`gradient_checkpointing` is deprecated")
    return {
        "output_dir": scratch,
        "per_device_train_batch_size": job.batch,
        "gradient_accumulation_steps": rows // job.batch,
        "max_steps": 1_000_000,
        "learning_rate": job.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 0.0,  # nobody clips, so nobody pays for the norm
        "optim": "adamw_torch_fused",
        "gradient_checkpointing": False,
        "bf16": False,
        "use_cpu": True,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "eval_strategy": "no",
        "logging_strategy": "no",
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": "none",
    }
