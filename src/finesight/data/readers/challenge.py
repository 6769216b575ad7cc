"""The challenge's three prediction files and three truth files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from finesight.data.readers import fields
from finesight.data.readers.metadata import read_metadata
from finesight.data.readers.reading import BadRecord, Reading, convert
from finesight.data.readers.stream import stream_records
from finesight.errors import InputError
from finesight.schema.challenge import (
    ChoiceAnswer,
    ChoiceQuestion,
    DescriptionAnswer,
    GroundingAnswer,
    ItemId,
    QuestionType,
    Reference,
    RegionQuestion,
    Submission,
    TypedBox,
)
from finesight.schema.taxonomy import find_level

PERCEPTION, GROUNDING, DESCRIPTION = "perception.json", "grounding.json", "description.json"
CHOICES, REGIONS, PICTURES = "mcq.json", "reg-p_bench.json", "bench_metadata.json"

T = TypeVar("T")


def read_reference(folder: Path) -> Reference:
    """The truth files of `folder`.

    Raises:
        InputError: one of the three is missing, is not JSON or has no record that can be used; nothing can
            be measured without it. An empty list is fine: nothing is asked.
    """
    skipped: list[str] = []

    def gather(reading: Reading[T]) -> tuple[T, ...]:
        items = tuple(reading)
        if reading.skipped and not items:
            raise InputError(f"{reading.skipped[0]}; no record is usable: is this the reference folder?")
        skipped.extend(map(str, reading.skipped))
        return items

    return Reference(
        pictures=gather(read_metadata(folder / PICTURES)),
        regions=gather(_read(folder / REGIONS, _region_question)),
        choices=gather(_read(folder / CHOICES, _choice_question)),
        skipped=tuple(skipped),
    )


def read_submission(folder: Path) -> Submission:
    """The prediction files of `folder`; one that cannot be read is a problem, and its answers are missing."""
    problems: list[str] = []
    skipped: list[str] = []

    def gather(name: str, build: Callable[[dict[str, Any], int], T]) -> tuple[T, ...]:
        reading = _read(folder / name, build)
        try:
            items = tuple(reading)
        except InputError as error:
            problems.append(str(error))
            return ()
        skipped.extend(map(str, reading.skipped))
        return items

    return Submission(
        descriptions=gather(DESCRIPTION, _description),
        groundings=gather(GROUNDING, _grounding),
        choices=gather(PERCEPTION, _choice_answer),
        problems=tuple(problems),
        skipped=tuple(skipped),
    )


def _read(path: Path, build: Callable[[dict[str, Any], int], T]) -> Reading[T]:
    return Reading(convert(stream_records(path), str(path), build))


def _choice_question(record: dict[str, Any], index: int) -> ChoiceQuestion:
    correct = fields.text(record, "correct_ans")
    candidates = fields.strings(record, "candidates")
    if correct not in candidates:
        raise BadRecord(f"correct_ans: {correct!r} is not among the candidates")
    return ChoiceQuestion(
        id=_id(record),
        image=fields.text(record, "image"),
        concern=record.get("concern"),
        candidates=candidates,
        correct=correct,
    )


def _choice_answer(record: dict[str, Any], index: int) -> ChoiceAnswer:
    return ChoiceAnswer(
        id=_id(record),
        image=fields.text(record, "image"),
        candidates=fields.strings(record, "candidates"),
        text=fields.text(record, "pred_ans"),
    )


def _region_question(record: dict[str, Any], index: int) -> RegionQuestion:
    boxes, unreadable = _boxes(record, "distortions")
    if unreadable:
        raise BadRecord(unreadable[0])
    return RegionQuestion(id=_id(record), image=fields.text(record, "image"), boxes=boxes)


def _grounding(record: dict[str, Any], index: int) -> GroundingAnswer:
    text = _said(record)
    boxes, unreadable = _boxes(record, "distortions") if text is None else ((), ())
    return GroundingAnswer(
        id=_id(record),
        image=fields.text(record, "image"),
        question_type=_question_type(record),
        text=text,
        boxes=boxes,
        unreadable=unreadable,
    )


def _description(record: dict[str, Any], index: int) -> DescriptionAnswer:
    image, text = fields.text(record, "image"), _said(record)
    if text is not None:
        return DescriptionAnswer(image=image, text=text)
    boxes, unreadable = _boxes(record, "all_distortions")
    keys, unreadable_keys = _boxes(record, "key_distortions")
    return DescriptionAnswer(
        image=image,
        boxes=boxes,
        unreadable=unreadable,
        keys=keys,
        unreadable_keys=unreadable_keys,
        level=find_level(fields.text(record, "image_quality", "")),
    )


def _id(record: dict[str, Any]) -> ItemId:
    value = record.get("id")
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise BadRecord(
            "id: missing" if value is None else f"id: a number or a string is expected, not {value!r}"
        )
    return value


def _said(record: dict[str, Any]) -> str | None:
    return fields.text(record, "pred_ans") if record.get("pred_ans") is not None else None


def _question_type(record: dict[str, Any]) -> QuestionType:
    match record.get("question_type", "region-perception"):
        case "region-perception":
            return "region-perception"
        case "distortion-detection":
            return "distortion-detection"
        case other:
            raise BadRecord(f"question_type: {other!r} is neither region-perception nor distortion-detection")


def _boxes(record: dict[str, Any], name: str) -> tuple[tuple[TypedBox, ...], tuple[str, ...]]:
    """The boxes at `name` and why others there could not be read; "No distortion" is neither."""
    given = record.get(name, [])
    if not isinstance(given, list):
        raise BadRecord(f"{name}: a list is expected, not {type(given).__name__}")
    boxes: list[TypedBox] = []
    unreadable: list[str] = []
    for i, item in enumerate(given):
        try:
            box = _typed_box(item)
        except BadRecord as error:
            unreadable.append(f"{name}[{i}].{error}")
        else:
            boxes.extend([box] if box else [])
    return tuple(boxes), tuple(unreadable)


def _typed_box(item: object) -> TypedBox | None:
    if not isinstance(item, dict):
        raise BadRecord(f"an object is expected, not {type(item).__name__}")
    if item.get("distortion") == "No distortion":
        return None
    place = next((name for name in ("coordinates", "pred_coords", "coords") if item.get(name)), "coordinates")
    return TypedBox(type=fields.distortion_type(item), box=fields.box(item, place))
