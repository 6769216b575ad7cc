"""Annotated pictures -> questions with reference answers, in all nine subclasses."""

from finesight.data.questions.samples import PER_CLASS, questions_of

__all__ = ["PER_CLASS", "questions_of"]
