"""A model folder (or hub id) to something that can be asked and trained, and back to a folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from pydantic import BaseModel, ConfigDict, ValidationError
from transformers import AutoConfig, AutoModelForImageTextToText, AutoTokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.utils import cached_file

from finesight.errors import ModelError
from finesight.model.chat import ChatFormat, chat_format
from finesight.model.coordinates import Coordinates
from finesight.model.family import FAMILIES, Family
from finesight.model.nano import modeling as _nano  # noqa: F401  (registers the family with transformers)
from finesight.model.vision import ImageInput, NanoImageInput, QwenImageInput, ResizePolicy

DESCRIPTION_FILE = "finesight.json"


class ModelDescription(BaseModel):
    """What finesight knows of a model beyond its weights; kept as finesight.json in its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    name: str
    coordinates: Coordinates
    policy: ResizePolicy


@dataclass
class LoadedModel:
    """A family adapter with everything that stands around it."""

    family: Family
    tokenizer: Any
    images: ImageInput
    chat: ChatFormat
    description: ModelDescription

    @property
    def name(self) -> str:
        return self.description.name


def load_model(where: str | Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> LoadedModel:
    """A Qwen2-VL, Qwen2.5-VL, Qwen3-VL or finesight-nano from a local folder or a hub id.

    Raises:
        ModelError: nothing there, an unknown family, or files missing or broken.
    """
    transformers.logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(str(where))
        if config.model_type not in FAMILIES:
            raise ModelError(
                f"{where}: family {config.model_type!r} is not known; known are {', '.join(sorted(FAMILIES))}"
            )
        model = AutoModelForImageTextToText.from_pretrained(str(where), config=config, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(str(where))
        settings = _settings(str(where)) if config.model_type != "finesight_nano" else None
    except ModelError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{where}: not a model that can be loaded ({type(error).__name__}: {reason}); "
            "give a hub id, or a folder with config.json, safetensors and tokenizer files "
            "(and preprocessor_config.json, but for nano)"
        ) from error
    model.to(device).eval()
    return assemble(model, tokenizer, _description(where, config.model_type), settings)


def assemble(
    model: Any, tokenizer: Any, description: ModelDescription, processor: dict[str, Any] | None = None
) -> LoadedModel:
    """A LoadedModel from its parts; `processor` are the settings of a Qwen image processor."""
    kind = model.config.model_type
    family = FAMILIES[kind](model).train(model.training)
    images: ImageInput = (
        NanoImageInput(description.policy)
        if kind == "finesight_nano"
        else QwenImageInput(description.policy, processor or _vision_settings(model.config.vision_config))
    )
    return LoadedModel(family, tokenizer, images, chat_format(tokenizer, family.image_token_id), description)


def save_model(loaded: LoadedModel, folder: Path) -> None:
    """Write a folder `load_model` reads; the folder appears whole or not at all."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    loaded.family.model.save_pretrained(part)
    loaded.tokenizer.save_pretrained(part)
    (part / DESCRIPTION_FILE).write_text(
        loaded.description.model_dump_json(indent=2) + "\n", encoding="utf-8"
    )
    if isinstance(loaded.images, QwenImageInput):
        (part / "preprocessor_config.json").write_text(
            loaded.images.processor.to_json_string(), encoding="utf-8"
        )
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _description(where: str | Path, model_type: str) -> ModelDescription:
    # A checkpoint that is not ours has no such file, on the hub or here.
    path = cached_file(
        str(where),
        DESCRIPTION_FILE,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if path is None:
        pixels = model_type == "qwen2_5_vl"
        return ModelDescription(
            name=Path(where).name,
            coordinates=Coordinates.PIXELS if pixels else Coordinates.THOUSANDTHS,
            policy=ResizePolicy(),
        )
    try:
        return ModelDescription.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a model description: {error}") from error


def _settings(where: str) -> dict[str, Any]:
    """How a checkpoint wants its pictures. Nothing is assumed, as the families normalise differently."""
    settings: dict[str, Any] = Qwen2VLImageProcessorPil.get_image_processor_dict(where)[0]
    return settings


def _vision_settings(vision: Any) -> dict[str, Any]:
    return {
        "patch_size": vision.patch_size,
        "temporal_patch_size": vision.temporal_patch_size,
        "merge_size": vision.spatial_merge_size,
    }
