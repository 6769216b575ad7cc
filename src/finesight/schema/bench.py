"""A question of a test bench, as it is put to a model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from finesight.schema.box import Box
from finesight.schema.challenge import QuestionType
from finesight.schema.sample import Concern, Subclass


class BenchQuestion(BaseModel):
    """One question about one picture; `id` is unique within its kind.

    `image` is a path relative to the data's image folder, width and height are its pixels, `question` is
    what the challenge's files call so, `prompt` the whole text a model is given.
    """

    model_config = ConfigDict(frozen=True)

    id: int
    image: str
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    subclass: Literal[Subclass.MCQ, Subclass.REG_PERCEPTION, Subclass.DIST_DETECT, Subclass.ASSESS]
    prompt: str
    question: str
    concern: Concern | None = None
    candidates: tuple[str, ...] = ()
    region: Box | None = None

    @property
    def file(self) -> str:
        """The prediction file the answer goes into: perception, grounding or description."""
        return self.subclass.task

    @property
    def question_type(self) -> QuestionType | None:
        """What grounding.json calls the kind of question; None in the other files."""
        if self.subclass is Subclass.REG_PERCEPTION:
            return "region-perception"
        return "distortion-detection" if self.subclass is Subclass.DIST_DETECT else None
