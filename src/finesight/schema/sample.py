"""One question about one picture with its reference answer, in any of the nine subclasses."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from finesight.schema.box import Box

Concern = Literal["position", "type", "significance", "severity"]


class Subclass(StrEnum):
    """The nine kinds of question, by the names of their files."""

    ASSESS = "assess"
    BRIEF_ASSESS = "brief_assess"
    DIST_ASSESS = "dist_assess"
    DIST_DETECT = "dist_detect"
    REF_GROUNDING = "ref-grounding"
    REG_PERCEPTION = "reg-perception"
    MCQ = "mcq"
    QA = "qa"
    SCORE = "score"

    @property
    def task(self) -> str:
        """description, grounding or perception."""
        return _TASKS[self]


_TASKS = {
    Subclass.ASSESS: "description",
    Subclass.BRIEF_ASSESS: "description",
    Subclass.DIST_ASSESS: "description",
    Subclass.DIST_DETECT: "grounding",
    Subclass.REF_GROUNDING: "grounding",
    Subclass.REG_PERCEPTION: "grounding",
    Subclass.MCQ: "perception",
    Subclass.QA: "perception",
    Subclass.SCORE: "perception",
}


class Part(BaseModel):
    """One question of a merged sample: what its texts do not say of it.

    index: its place in the data before they were merged.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    index: int = Field(ge=0)
    region: Box | None = None
    concern: Concern | None = None
    candidates: tuple[str, ...] = ()
    source: str = ""


class Sample(BaseModel):
    """A prompt and its reference answer. `image` is a path relative to the data's image folder.

    parts: where several questions were merged into this one, each of them in order; where one was left as it
    is, that one, for its place alone. Empty in data that was not merged.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    image: str
    subclass: Subclass
    question: str
    answer: str
    region: Box | None = None
    concern: Concern | None = None
    candidates: tuple[str, ...] = ()
    source: str = Field(default="", description="photograph behind the picture, where it is known")
    parts: tuple[Part, ...] = ()
