"""Answers to a bench's questions as the challenge's three prediction files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from finesight.data.atomic import write_text
from finesight.schema.answer import ParseFailure
from finesight.schema.bench import BenchQuestion
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.text import parse

Record = dict[str, Any]


def write_predictions(out: Path, answers: Iterable[tuple[BenchQuestion, str]]) -> dict[str, int]:
    """Write `perception.json`, `grounding.json` and `description.json` as the organisers' scorer reads them.

    An answer that cannot be parsed keeps its text in `pred_ans` and has empty fields.

    Returns:
        How many answers of each file could not be parsed.
    """
    records: dict[str, list[Record]] = {"perception": [], "grounding": [], "description": []}
    unparsed: Counter[str] = Counter(dict.fromkeys(records, 0))
    for question, text in answers:
        record, parsed = _prediction(question, text)
        records[question.file].append(record)
        unparsed[question.file] += not parsed
    for name, listed in records.items():
        write_records(out / f"{name}.json", listed)
    return dict(unparsed)


def finding_record(finding: Finding) -> Record:
    return {
        "distortion": finding.type.value,
        "severity": finding.severity.value,
        "coordinates": list(finding.box.xyxy),
    }


def write_records(path: Path, records: Sequence[Record]) -> None:
    write_text(path, json.dumps(records, ensure_ascii=False, indent=1) + "\n")


def _prediction(question: BenchQuestion, text: str) -> tuple[Record, bool]:
    """The record of one answer, and whether it could be parsed."""
    if question.file == "perception":
        parsed = not isinstance(parse.parse_choice(text, question.candidates), ParseFailure)
        return _choice_prediction(question, text), parsed
    if question.file == "grounding":
        read = parse.parse_region if question.region else parse.parse_detect
        findings = read(text)
        return _grounding_prediction(question, text, findings), not isinstance(findings, ParseFailure)
    diagnosis = parse.parse_assess(text)
    return _description_prediction(question, text, diagnosis), not isinstance(diagnosis, ParseFailure)


def _choice_prediction(question: BenchQuestion, text: str) -> Record:
    return {
        "id": question.id,
        "concern": question.concern,
        "question": question.question,
        "image": question.image,
        "candidates": list(question.candidates),
        "pred_ans": text,
    }


def _grounding_prediction(
    question: BenchQuestion, text: str, findings: tuple[Finding, ...] | ParseFailure
) -> Record:
    found = () if isinstance(findings, ParseFailure) else findings
    return {
        "id": question.id,
        "image": question.image,
        "width": question.width,
        "height": question.height,
        "question": question.question,
        "question_type": question.question_type,
        "pred_ans": text,
        "distortions": [finding_record(f) | {"severity": f.severity.value.capitalize()} for f in found],
    }


def _description_prediction(
    question: BenchQuestion, text: str, diagnosis: Diagnosis | ParseFailure
) -> Record:
    said = Diagnosis(content="", level=None) if isinstance(diagnosis, ParseFailure) else diagnosis
    return {
        "id": question.id,
        "image": question.image,
        "width": question.width,
        "height": question.height,
        "pred_ans": text,
        "all_distortions": [_lower(f) for f in said.findings],
        "key_distortions": [_lower(f) for f in said.keys],
        "image_quality": said.level.value if said.level else "",
    }


def _lower(finding: Finding) -> Record:
    """As description.json has it: names in lower case."""
    return finding_record(finding) | {"distortion": finding.type.value.lower()}
