"""`train_metadata.json` and `bench_metadata.json` of ViDA-UGC, and the metadata finesight writes itself.

A list of `{image, mos, level, width, height, distortions: [{id, distortion, coordinates, severity,
significance_score, position, "visual manifestation", "perception impact", ...}]}`; ours adds `content`,
`source` and `series`. Other fields are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from finesight.data.atomic import write_text
from finesight.data.readers import fields
from finesight.data.readers.reading import BadRecord, Reading, convert
from finesight.data.readers.stream import stream_records
from finesight.schema.annotation import Annotation, Distortion

_NOTHING = re.compile(r"\b(no|not|without|free)\b.*\bdistort", re.IGNORECASE | re.DOTALL)
"""A clean picture carries a sentence, "There is no distortion in the image.", where others have a list."""


def read_metadata(path: Path) -> Reading[Annotation]:
    """The annotated pictures of a metadata file.

    Raises:
        InputError: while iterating, where the file cannot be read or is not a JSON list.
    """
    return Reading(convert(stream_records(path), str(path), _annotation))


def write_metadata(path: Path, annotations: Iterable[Annotation]) -> None:
    """Write pictures in the ViDA schema; reading the file gives the same pictures."""
    records = [_record(annotation) for annotation in annotations]
    write_text(path, json.dumps(records, ensure_ascii=False, indent=1) + "\n")


def _annotation(record: dict[str, Any], index: int) -> Annotation:
    return Annotation(
        image=fields.text(record, "image"),
        width=fields.whole(record, "width"),
        height=fields.whole(record, "height"),
        mos=fields.number(record, "mos"),
        level=fields.level(record),
        distortions=_distortions(record),
        content=fields.text(record, "content", ""),
        source=fields.text(record, "source", ""),
        series=fields.text(record, "series", ""),
    )


def _distortions(record: dict[str, Any]) -> tuple[Distortion, ...]:
    given = record.get("distortions")
    if isinstance(given, str) and _NOTHING.search(given):
        return ()
    if not isinstance(given, list):
        raise BadRecord(f"distortions: a list or a 'no distortion' sentence is expected, not {given!r:.60}")
    return tuple(_distortion(item, f"distortions[{i}]") for i, item in enumerate(given))


def _distortion(item: object, where: str) -> Distortion:
    if not isinstance(item, dict):
        raise BadRecord(f"{where}: an object is expected, not {type(item).__name__}")
    # Null stands for "not rated" in exports that fill every column.
    item = {name: value for name, value in item.items() if value is not None}
    try:
        return Distortion(
            type=fields.distortion_type(item),
            severity=fields.severity(item),
            box=fields.box(item),
            significance=fields.number(item, "significance_score", 0.0),
            position=fields.text(item, "position", ""),
            manifestation=fields.text(item, "visual manifestation", ""),
            impact=fields.text(item, "perception impact", ""),
        )
    except BadRecord as error:
        raise BadRecord(f"{where}.{error}") from None


def _record(annotation: Annotation) -> dict[str, Any]:
    record: dict[str, Any] = {
        "image": annotation.image,
        "mos": annotation.mos,
        "level": annotation.level.value,
        "width": annotation.width,
        "height": annotation.height,
        # Never the sentence: the organisers' scorer gives a silent 0.0 for a truth file that has one.
        "distortions": [_distortion_record(d, i) for i, d in enumerate(annotation.distortions, start=1)],
    }
    extras = {"content": annotation.content, "source": annotation.source, "series": annotation.series}
    return record | {name: value for name, value in extras.items() if value}


def _distortion_record(distortion: Distortion, number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "distortion": distortion.type.value,
        "coordinates": list(distortion.box.xyxy),
        "position": distortion.position,
        "severity": distortion.severity.value,
        "visual manifestation": distortion.manifestation,
        "perception impact": distortion.impact,
        "significance_score": distortion.significance,
    }
