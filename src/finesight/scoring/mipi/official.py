"""The six indicators exactly as the organisers' script gives them, silent zeros included but not silent.

The conventions are those of `eval/src/scoring.py` in DYEvaLab/ViDA-MIPI-code (Apache-2.0); docs/scoring.md
names every one that may surprise. The functions take raw JSON values, because the script does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from finesight.scoring.matching import IOU
from finesight.scoring.mipi.raw import (
    Ledger,
    Malformed,
    RawBox,
    RawFile,
    at,
    load,
    mean_average_precision,
    overlap,
)
from finesight.scoring.mipi.result import Indicators
from finesight.scoring.mipi.unparsed import unparsed_answers

Indicator = Callable[[RawFile, RawFile, Ledger], float]


def score_official(predictions: Path, reference: Path) -> Indicators:
    """The indicators of the files in two folders; a missing or broken file makes its indicators 0.0."""
    values: dict[str, float] = {}
    reasons: list[str] = []
    skips: dict[str, None] = {}
    for name, (indicator, answers, truth) in _INDICATORS.items():
        ledger = Ledger()
        try:
            values[name] = float(indicator(load(predictions / answers), load(reference / truth), ledger))
        except Malformed as error:
            values[name] = 0.0
            reasons.append(f"{name} is 0.0: {error}")
        # Two indicators may pass over the same record; it is one record.
        skips |= dict.fromkeys(ledger.reasons)
    unread = unparsed_answers(predictions)
    return Indicators(
        protocol="official",
        **values,
        unparsed=len(unread),
        skipped=len(skips),
        reasons=(*reasons, *skips, *unread),
    )


def perception_accuracy(answers: RawFile, truth: RawFile, ledger: Ledger) -> float:
    """Share of questions whose answer's first character, as a letter, picks the right candidate.

    Both files are sorted by id and read side by side; that the ids are equal is not checked. The candidates
    are the prediction's own. Characters before 'A' count from the end of the list.
    """
    with at(f"{answers.name} against {truth.name}"):
        if len(answers.value) != len(truth.value):
            raise ValueError(f"{len(answers.value)} answers to {len(truth.value)} questions")
        said, asked = (sorted(file.items(), key=_id) for file in (answers, truth))
    right = 0
    for (where, answer), (asked_where, question) in zip(said, asked, strict=True):
        with at(f"{where} against {asked_where}"):
            correct = question["correct_ans"]
            index = ord(answer["pred_ans"].strip()[0]) - ord("A")
            right += bool(correct == answer["candidates"][index])
    return right / len(asked) if asked else 0.0


def region_map(answers: RawFile, truth: RawFile, ledger: Ledger) -> float:
    """mAP of the region answers, pooled by picture; names as they are, "No distortion" passed over."""
    real = [
        box
        for where, image, item in _items(truth)
        if "distortions" in item
        for box in _boxes(where, image, item["distortions"], ledger, ("coordinates",), nothing=True)
    ]
    said = []
    for where, item in answers.items():
        with at(where):
            if "question_type" not in item or item["question_type"] == "region-perception":
                found = item["image"], item.get("distortions", [])
            else:
                continue
        said += _boxes(where, *found, ledger, _PLACES, nothing=True)
    return mean_average_precision(said, real)


def distortion_map(answers: RawFile, truth: RawFile, ledger: Ledger) -> float:
    """mAP of the boxes of both kinds of grounding question, pooled by picture; names as they are."""
    said = []
    for where, item in answers.items():
        with at(where):
            if "question_type" not in item:
                ledger.skip(where, "no question_type, so not in distortion_map")
                continue
            if item["question_type"] not in ["distortion-detection", "region-perception"]:
                ledger.skip(where, f"question_type {item['question_type']!r}")
                continue
            found = item["image"], item.get("distortions", [])
        said += _boxes(where, *found, ledger, _PLACES)
    return mean_average_precision(said, _all_boxes(truth, "distortions", ledger, normal=False))


def description_map(answers: RawFile, truth: RawFile, ledger: Ledger) -> float:
    """mAP of the boxes of the descriptions, pooled by picture; names in lower case, `_` as space."""
    real = _all_boxes(truth, "distortions", ledger, normal=True)
    return mean_average_precision(_all_boxes(answers, "all_distortions", ledger, normal=True), real)


def key_distortion_accuracy(answers: RawFile, truth: RawFile, ledger: Ledger) -> float:
    """Share of the predicted keys that meet a true key: the same name, IoU above .5 (not equal).

    Only pictures with true boxes count. The true keys are all boxes of the highest significance_score.
    """
    pictures = _last_of_each(truth)
    right = total = 0
    for where, item in answers.items():
        with at(where):
            image, keys = item["image"], item.get("key_distortions", [])
            known = image in pictures
        if not known:
            ledger.skip(where, "its image is not in the truth")
            continue
        real_where, real = pictures[image]
        with at(real_where):
            candidates = _true_keys(real.get("distortions", []))
        if candidates is None:
            ledger.skip(where, "its image has no true distortion")
            continue
        with at(f"{where} against {real_where}"):
            for key in keys:
                total += 1
                right += _is_key(key, candidates)
    return right / total if total else 0.0


def image_quality_accuracy(answers: RawFile, truth: RawFile, ledger: Ledger) -> float:
    """Share of the descriptions of known pictures with exactly the true level; two missing ones agree."""
    pictures = _last_of_each(truth)
    verdicts = []
    for where, item in answers.items():
        with at(where):
            image, said = item["image"], item.get("image_quality", "")
            known = image in pictures
        if not known:
            ledger.skip(where, "its image is not in the truth")
            continue
        real_where, real = pictures[image]
        with at(real_where):
            verdicts.append(bool(said == real.get("level", "")))
    return sum(verdicts) / len(verdicts) if verdicts else 0.0


_PLACES = ("coordinates", "pred_coords", "coords")

_INDICATORS: dict[str, tuple[Indicator, str, str]] = {
    "perception_accuracy": (perception_accuracy, "perception.json", "mcq.json"),
    "region_map": (region_map, "grounding.json", "reg-p_bench.json"),
    "distortion_map": (distortion_map, "grounding.json", "bench_metadata.json"),
    "description_map": (description_map, "description.json", "bench_metadata.json"),
    "key_distortion_accuracy": (key_distortion_accuracy, "description.json", "bench_metadata.json"),
    "image_quality_accuracy": (image_quality_accuracy, "description.json", "bench_metadata.json"),
}


def _id(placed: tuple[str, Any]) -> Any:
    where, item = placed
    with at(where):
        return item["id"]


def _normal(name: Any) -> str:
    return name.lower().replace("_", " ").strip() if isinstance(name, str) else ""


def _items(file: RawFile) -> Iterable[tuple[str, Any, Any]]:
    for where, item in file.items():
        with at(where):
            image = item["image"]
        yield where, image, item


def _all_boxes(file: RawFile, name: str, ledger: Ledger, *, normal: bool) -> list[RawBox]:
    return [
        box
        for where, image, item in _items(file)
        for box in _boxes(where, image, _get(where, item, name), ledger, ("coordinates",), normal=normal)
    ]


def _get(where: str, item: Any, name: str) -> Any:
    with at(where):
        return item.get(name, [])


def _boxes(
    where: str,
    image: Any,
    distortions: Any,
    ledger: Ledger,
    places: tuple[str, ...],
    *,
    nothing: bool = False,
    normal: bool = False,
) -> list[RawBox]:
    """The boxes of an item that have four corners, under the first of `places` that is not empty.

    Args:
        nothing: pass over "No distortion".
        normal: fold the names.
    """
    boxes = []
    with at(where):
        for number, distortion in enumerate(distortions):
            name = distortion.get("distortion")
            if nothing and name == "No distortion":
                continue
            corners = next((found for place in places if (found := distortion.get(place))), None)
            if corners and len(corners) == 4:
                box = RawBox(
                    image, _normal(name) if normal else name, corners, f"{where}, distortion {number}"
                )
                hash((box.image, box.name))
                boxes.append(box)
            elif name != "No distortion":
                ledger.skip(f"{where}, distortion {number}", "not four coordinates")
    return boxes


def _last_of_each(file: RawFile) -> dict[Any, tuple[str, Any]]:
    pictures: dict[Any, tuple[str, Any]] = {}
    for where, image, item in _items(file):
        with at(where):
            pictures[image] = where, item
    return pictures


def _true_keys(distortions: Any) -> list[Any] | None:
    if not distortions:
        return None
    top = max(distortion.get("significance_score", 0) for distortion in distortions)
    return [d for d in distortions if d.get("significance_score", 0) == top]


def _is_key(key: Any, candidates: list[Any]) -> bool:
    name, corners = _normal(key["distortion"]), key["coordinates"]
    for candidate in candidates:
        # The true corners are looked up before the names are compared, so that a box without any is an error.
        real_name, real_corners = _normal(candidate["distortion"]), candidate["coordinates"]
        if name == real_name and overlap(corners, real_corners) > IOU:
            return True
    return False
