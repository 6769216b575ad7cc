"""How much work a pass over training data is, counted before any model sees it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Layout = Literal["separate", "merge", "tree"]


class Workload(BaseModel):
    """One epoch of a data set in one layout.

    sequences: token sequences laid out. images: pictures encoded. patches: vision patches of all encoded
    pictures, before they are merged into tokens. tokens: language-model tokens, image tokens included.
    attended: pairs of a token and a token it sees, itself included, over all sequences. answers: tokens
    whose prediction is trained.
    """

    model_config = ConfigDict(frozen=True)

    layout: Layout
    questions: int = Field(ge=0)
    sequences: int = Field(ge=0)
    images: int = Field(ge=0)
    patches: int = Field(ge=0)
    tokens: int = Field(ge=0)
    attended: int = Field(ge=0)
    answers: int = Field(ge=0)
