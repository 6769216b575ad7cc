"""A model folder (or hub id) to something that can be asked and trained, and back to a folder."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from pydantic import BaseModel, ConfigDict, ValidationError
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.utils import cached_file

from finesight.data.atomic import publish
from finesight.errors import InputError, ModelError
from finesight.model.attention import Attention, check_attention
from finesight.model.chat import ChatFormat, chat_format, encode, encode_all
from finesight.model.coordinates import Coordinates
from finesight.model.family import FAMILIES, Family, Visual
from finesight.model.nano import modeling as _nano  # noqa: F401  (registers the family with transformers)
from finesight.model.resize import ResizePolicy
from finesight.model.rows import RowsFamily
from finesight.model.verdicts import VerdictTokens, option_places
from finesight.model.vision import (
    ImageInput,
    NanoImageInput,
    ProcessorImageInput,
    QwenImageInput,
    TileImageInput,
    VisionInput,
)
from finesight.schema.picture import Clip, Picture
from finesight.text.choice import option_ends

DESCRIPTION_FILE = "finesight.json"


class ModelDescription(BaseModel):
    """What finesight knows of a model beyond its weights; kept as finesight.json in its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    name: str
    coordinates: Coordinates
    policy: ResizePolicy
    verdicts: bool = False
    """Whether it was taught to say of each option of a choice if it is right (see model/verdicts.py)."""


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

    @property
    def attention(self) -> str:
        """How the decoder attends: the back end that was asked for, or `rows` for a model without an adapter."""
        return "rows" if isinstance(self.family, RowsFamily) else self.family.attention

    @property
    def vision_ids(self) -> list[int]:
        """Ids that stand for pictures: never sampled, and refused in questions and answers."""
        marks = self.tokenizer.convert_tokens_to_ids([mark for mark in self.family.image_marks if mark])
        return sorted({*self.family.vision_ids, *marks})

    def see(self, picture: Picture) -> VisionInput:
        """A picture or a clip as the model takes it.

        Raises:
            ModelError: a clip, and the model sees no time.
        """
        if isinstance(picture, Clip) and not self.family.clips:
            raise ModelError(
                f"{self.name}: sees pictures, not clips; Qwen2-VL and Qwen2.5-VL do, to all others give single frames"
            )
        return self.images(picture)

    def prefix(self, picture: Visual) -> list[int]:
        """The tokens all questions of a picture share."""
        return self.chat.around(self.family.image_ids(picture))

    def ask(self, questions: Sequence[str]) -> list[list[int]]:
        """Tokens of each question, up to where its answer begins.

        Raises:
            InputError: a question holds a token that stands for a picture.
        """
        return self._plain(questions, self.chat.tail)

    def option_places(self, questions: Sequence[str]) -> list[tuple[int, ...]]:
        """Of each question the tokens of `ask` at which its options end; none where it has no options."""
        found: list[tuple[int, ...]] = [()] * len(questions)
        chosen = [number for number, question in enumerate(questions) if option_ends(question)]
        if chosen and self.tokenizer.is_fast:
            texts = [questions[number] + self.chat.tail for number in chosen]
            encoded = self.tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
            for number, spans in zip(chosen, encoded["offset_mapping"], strict=True):
                found[number] = option_places(questions[number], spans)
        return found

    @property
    def verdict_tokens(self) -> VerdictTokens | None:
        """What verdicts are said in; None where the tokenizer cannot tell them."""
        return VerdictTokens.of(partial(encode, self.tokenizer)) if self.tokenizer.is_fast else None

    def answer(self, answers: Sequence[str]) -> list[list[int]]:
        """Tokens of each answer, closed by the end token.

        Raises:
            InputError: an answer holds a token that stands for a picture.
        """
        return [[*ids, self.chat.end_id] for ids in self._plain(answers)]

    def _plain(self, texts: Sequence[str], tail: str = "") -> list[list[int]]:
        encoded = encode_all(self.tokenizer, [text + tail for text in texts])
        forbidden = set(self.vision_ids)
        for text, ids in zip(texts, encoded, strict=True):
            if found := sorted(forbidden.intersection(ids)):
                names = ", ".join(self.tokenizer.convert_ids_to_tokens(found))
                raise InputError(
                    f"{text[:80]!r} holds {names}, which to {self.name} stands for a picture; "
                    "take it out or write it with spaces"
                )
        return encoded


def load_model(
    where: str | Path,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    attention: Attention = "sdpa",
) -> LoadedModel:
    """A Qwen2-VL, Qwen2.5-VL, Qwen3-VL, InternVL3 or finesight-nano from a local folder or a hub id.

    Any other image-and-text model of transformers is run in separate rows, and a warning says so.

    Args:
        attention: back end of the decoder; never another one than asked for.

    Raises:
        ModelError: nothing there, no model for images and text, files missing or broken, or an attention that
            does not work there.
    """
    check_attention(attention, device)
    transformers.logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(str(where))
        _known(where, config, attention)
        model = AutoModelForImageTextToText.from_pretrained(str(where), config=config, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(str(where))
        processor = _processor(str(where), config.model_type)
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
    return assemble(model, tokenizer, _description(where, config.model_type), processor, attention)


def assemble(
    model: Any,
    tokenizer: Any,
    description: ModelDescription,
    processor: Any = None,
    attention: Attention = "sdpa",
) -> LoadedModel:
    """A LoadedModel from its parts.

    Args:
        processor: settings of a Qwen or InternVL image processor; of any other family, its whole processor.
    """
    kind = model.config.model_type
    family = FAMILIES[kind](model, attention) if kind in FAMILIES else RowsFamily(model)
    family.train(model.training)
    chat = chat_format(tokenizer, family.image_token_id, family.image_marks, family.image_alias)
    return LoadedModel(
        family, tokenizer, _images(family, tokenizer, description.policy, processor), chat, description
    )


def _images(family: Family, tokenizer: Any, policy: ResizePolicy, processor: Any) -> ImageInput:
    config = family.model.config
    if config.model_type == "finesight_nano":
        return NanoImageInput(policy)
    if isinstance(family, RowsFamily):
        token = tokenizer.convert_ids_to_tokens(family.image_token_id)
        return ProcessorImageInput(policy, processor, token)
    vision = config.vision_config
    if config.model_type == "internvl":
        size = {"size": dict(zip(("height", "width"), vision.image_size, strict=True))}
        return TileImageInput(policy, size if processor is None else processor, vision.patch_size[0])
    return QwenImageInput(policy, processor or _vision_settings(vision))


def _known(where: str | Path, config: Any, attention: Attention) -> None:
    """See that something here can run a configuration, and warn where that is the slow way.

    Raises:
        ModelError: it is not one of images and text, or slides a window, which a tree does not.
    """
    kind, known = config.model_type, ", ".join(sorted(FAMILIES))
    if kind in FAMILIES:
        if "sliding_attention" in (getattr(config.get_text_config(), "layer_types", None) or ()):
            raise ModelError(
                f"{where}: layers with a sliding window see less than a tree: set use_sliding_window to false"
            )
        return
    if type(config) not in AutoModelForImageTextToText._model_mapping:
        raise ModelError(f"{where}: family {kind!r} takes no images with text; known are {known}")
    if attention != "sdpa":
        raise ModelError(
            f"{where}: attention {attention!r} needs a family with an adapter ({known}), and {kind!r} has none"
        )
    warnings.warn(
        f"{where}: no adapter for family {kind!r}, every answer is run in a row of its own: "
        "pictures are encoded once an answer and nothing is shared",
        stacklevel=3,
    )


def save_model(loaded: LoadedModel, folder: Path, weights: Mapping[str, torch.Tensor] | None = None) -> None:
    """Write a folder `load_model` reads; the folder appears whole or not at all.

    Args:
        weights: of `loaded.family.model` by name, where they are not those it holds itself.
    """
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    transformers.logging.disable_progress_bar()
    loaded.family.model.save_pretrained(part, state_dict=None if weights is None else dict(weights))
    loaded.tokenizer.save_pretrained(part)
    (part / DESCRIPTION_FILE).write_text(
        loaded.description.model_dump_json(indent=2) + "\n", encoding="utf-8"
    )
    if isinstance(loaded.images, ProcessorImageInput):
        loaded.images.processor.save_pretrained(part)
    elif loaded.images.processor is not None:
        (part / "preprocessor_config.json").write_text(
            loaded.images.processor.to_json_string(), encoding="utf-8"
        )
    publish(part, folder)


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


def _processor(where: str, kind: str) -> Any:
    """How a checkpoint wants its pictures. Nothing is assumed, as the families normalise differently."""
    if kind == "finesight_nano":
        return None
    if kind not in FAMILIES:
        return AutoProcessor.from_pretrained(where)
    return Qwen2VLImageProcessorPil.get_image_processor_dict(where)[0]


def _vision_settings(vision: Any) -> dict[str, Any]:
    return {
        "patch_size": vision.patch_size,
        "temporal_patch_size": vision.temporal_patch_size,
        "merge_size": vision.spatial_merge_size,
    }
