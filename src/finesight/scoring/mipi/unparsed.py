"""Which raw answers of a submission the answer grammar cannot read, whatever its stored fields say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from finesight.schema.answer import ParseFailure
from finesight.scoring.mipi.raw import Malformed, RawFile, load
from finesight.text.parse import parse_assess, parse_choice, parse_detect, parse_region


def unparsed_answers(predictions: Path) -> list[str]:
    """One line for every `pred_ans` that does not parse: file, item, reason and position."""
    return [
        f"{where}: unparsed: {failure.reason} at character {failure.position}"
        for name, parse in _PARSERS.items()
        for where, item in _answered(predictions / name)
        if isinstance(failure := parse(item), ParseFailure)
    ]


def _answered(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Items that have a raw answer; a broken file has none, its indicators say what is wrong with it."""
    try:
        file: RawFile = load(path)
    except Malformed:
        return
    for where, item in file.items() if isinstance(file.value, list) else ():
        if isinstance(item, dict) and isinstance(item.get("pred_ans"), str):
            yield where, item


def _choice(item: dict[str, Any]) -> object:
    candidates = item.get("candidates")
    return parse_choice(item["pred_ans"], len(candidates) if isinstance(candidates, list) else None)


def _grounding(item: dict[str, Any]) -> object:
    parse = parse_detect if item.get("question_type") == "distortion-detection" else parse_region
    return parse(item["pred_ans"])


def _description(item: dict[str, Any]) -> object:
    return parse_assess(item["pred_ans"])


_PARSERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "perception.json": _choice,
    "grounding.json": _grounding,
    "description.json": _description,
}
