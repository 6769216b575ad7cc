"""What stands beside the graphs of an exported model: how it is asked, and how its answers are read."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from finesight.errors import ModelError
from finesight.model.resize import ResizePolicy
from finesight.model.verdicts import VerdictTokens

FILE = "onnx.json"


class OnnxDescription(BaseModel):
    """An exported nano.

    head, neck: ids before and behind the picture in a prefix; tail: text behind a question. forbidden: ids that are
    never written; levels: ids of the five level words, worst to best, or none. verdicts: the words of a model that
    judges options (see model/verdicts.py). kept: (heads, size) of a layer's keys.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    policy: ResizePolicy
    head: tuple[int, ...]
    neck: tuple[int, ...]
    tail: str
    image_id: int
    end_id: int
    forbidden: tuple[int, ...]
    levels: tuple[int, ...]
    verdicts: VerdictTokens | None = None
    layers: int
    kept: tuple[int, int]
    width: int


def read_description(folder: Path) -> OnnxDescription:
    """
    Raises:
        ModelError: it is not there, or not a description.
    """
    path = folder / FILE
    try:
        return OnnxDescription.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: cannot be read ({reason}); export the model again") from error
