"""The result of reading an answer: a value, or a failure that says where and why."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class ParseFailure(BaseModel):
    """Why a text is not an answer.

    `position` is the index into the text where reading stopped; `partial` is what had been read until
    then, for reports and for tools that count boxes, never to be taken for the answer.
    """

    model_config = ConfigDict(frozen=True)

    reason: str
    position: int
    partial: Any = None
