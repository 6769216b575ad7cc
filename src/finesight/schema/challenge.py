"""What the MIPI 2025 challenge asks and what a submission says, as records a scorer can trust."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from finesight.schema.annotation import Annotation
from finesight.schema.box import Box
from finesight.schema.sample import Concern
from finesight.schema.taxonomy import DistortionType, Level

ItemId = int | str
QuestionType = Literal["region-perception", "distortion-detection"]


class TypedBox(BaseModel):
    """A distortion type in a place; all that the boxes of the challenge are scored by."""

    model_config = ConfigDict(frozen=True)

    type: DistortionType
    box: Box


class ChoiceQuestion(BaseModel):
    """A multiple-choice question (`mcq.json`); `correct` is the text of the right candidate."""

    model_config = ConfigDict(frozen=True)

    id: ItemId
    image: str
    concern: Concern | None = None
    candidates: tuple[str, ...]
    correct: str


class ChoiceAnswer(BaseModel):
    """An answer to it (`perception.json`) with the candidates in the order the model saw."""

    model_config = ConfigDict(frozen=True)

    id: ItemId
    image: str
    candidates: tuple[str, ...]
    text: str


class RegionQuestion(BaseModel):
    """What a queried region holds (`reg-p_bench.json`)."""

    model_config = ConfigDict(frozen=True)

    id: ItemId
    image: str
    boxes: tuple[TypedBox, ...] = ()


class GroundingAnswer(BaseModel):
    """Boxes of a region or of the whole picture (`grounding.json`).

    text: the model's own words, None where the file has only the stored boxes.
    unreadable: why stored boxes could not be read; each counts as a box that is wrong.
    """

    model_config = ConfigDict(frozen=True)

    id: ItemId
    image: str
    question_type: QuestionType
    text: str | None = None
    boxes: tuple[TypedBox, ...] = ()
    unreadable: tuple[str, ...] = ()


class DescriptionAnswer(BaseModel):
    """An overall assessment (`description.json`); `unreadable_keys` are those of `key_distortions`."""

    model_config = ConfigDict(frozen=True)

    image: str
    text: str | None = None
    boxes: tuple[TypedBox, ...] = ()
    unreadable: tuple[str, ...] = ()
    keys: tuple[TypedBox, ...] = ()
    unreadable_keys: tuple[str, ...] = ()
    level: Level | None = None


class Reference(BaseModel):
    """The three truth files; `skipped` says which records could not be read, and why."""

    model_config = ConfigDict(frozen=True)

    pictures: tuple[Annotation, ...]
    regions: tuple[RegionQuestion, ...]
    choices: tuple[ChoiceQuestion, ...]
    skipped: tuple[str, ...] = ()


class Submission(BaseModel):
    """The three prediction files; a file that is absent leaves its answers empty.

    problems: files that could not be read. skipped: records that could not be.
    """

    model_config = ConfigDict(frozen=True)

    descriptions: tuple[DescriptionAnswer, ...] = ()
    groundings: tuple[GroundingAnswer, ...] = ()
    choices: tuple[ChoiceAnswer, ...] = ()
    problems: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
