"""Descriptions of a submission beside the annotations they are held against."""

from __future__ import annotations

from pathlib import Path

from finesight.data.readers import read_metadata, read_submission
from finesight.data.readers.challenge import PICTURES
from finesight.errors import InputError
from finesight.schema.annotation import Annotation
from finesight.schema.answer import ParseFailure
from finesight.schema.diagnosis import Diagnosis
from finesight.text.parse import parse_assess


def read_descriptions(predictions: Path, reference: Path) -> tuple[list[Diagnosis | None], list[Annotation]]:
    """What description.json says of each picture of bench_metadata.json (None: nothing readable), in order.

    Raises:
        InputError: description.json or the truth cannot be read.
    """
    submission = read_submission(predictions)
    if not submission.descriptions:
        raise InputError(
            "; ".join(submission.problems) or f"{predictions}: description.json has no usable record"
        )
    texts = {answer.image: answer.text for answer in submission.descriptions}
    annotations = list(read_metadata(reference / PICTURES))
    return [_diagnosis(texts.get(a.image)) for a in annotations], annotations


def _diagnosis(text: str | None) -> Diagnosis | None:
    said = parse_assess(text) if text is not None else None
    return None if isinstance(said, ParseFailure) else said
