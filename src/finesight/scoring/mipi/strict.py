"""The six indicators under the protocol we would want; docs/scoring.md sets it beside the official one.

Every question of the reference counts once: an answer that is missing or does not parse is wrong, never left
out. Regions are matched question by question. Names are canonical. Keys are scored by F1. Boxes carry no
confidence, so a type has one operating point and its average precision is precision x recall: the area under
an all-point curve with that single point, whatever the order of the file.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from finesight.schema.challenge import (
    ChoiceQuestion,
    DescriptionAnswer,
    GroundingAnswer,
    QuestionType,
    Reference,
    RegionQuestion,
    Submission,
)
from finesight.schema.taxonomy import DistortionType
from finesight.scoring.bootstrap import RESAMPLES, Interval, bootstrap_intervals
from finesight.scoring.matching import Located, match_typed
from finesight.scoring.mipi.answers import (
    Boxes,
    Description,
    Notes,
    read_choice,
    read_description,
    read_grounding,
)
from finesight.scoring.mipi.result import INDICATORS, Difference, StrictIndicators

Counts = NDArray[np.float64]
Rows = dict[str, int]
K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")

_TYPES = list(DistortionType)


@dataclass(frozen=True)
class Evidence:
    """Counts whose sums over any set of pictures give that set's indicators; one row a picture.

    maps: by indicator, (pictures, 10 types, [hits, predicted, actual]). keys: (pictures, [hits, predicted,
    actual]). choices, levels: (pictures, [right, asked]).
    """

    maps: dict[str, Counts]
    keys: Counts
    choices: Counts
    levels: Counts

    def values(self, rows: NDArray[np.intp]) -> dict[str, float]:
        """The six indicators over the given rows, repetitions counted."""
        hits, predicted, actual = self.keys[rows].sum(axis=0)
        maps = {name: _mean(_precisions(counts[rows])) for name, counts in self.maps.items()}
        return maps | {
            "perception_accuracy": _ratio(*self.choices[rows].sum(axis=0)),
            "key_distortion_accuracy": _ratio(2 * hits, predicted + actual),
            "image_quality_accuracy": _ratio(*self.levels[rows].sum(axis=0)),
        }

    def figures(self, rows: NDArray[np.intp]) -> dict[str, float]:
        """The six and their sum, `final`."""
        values = self.values(rows)
        return values | {"final": sum(values.values())}


def score_strict(
    submission: Submission, reference: Reference, *, resamples: int = RESAMPLES, seed: int = 0
) -> StrictIndicators:
    """The indicators of a submission with 95 % bootstrap intervals over pictures, the same for one seed."""
    notes = Notes(skipped=[*reference.skipped, *submission.skipped])
    evidence = _collect(submission, reference, notes)
    hits, predicted, actual = evidence.keys.sum(axis=0)
    problems = [f"{problem}; its questions count as unanswered" for problem in submission.problems]
    return StrictIndicators(
        protocol="strict",
        **evidence.values(np.arange(len(evidence.keys))),
        unparsed=len(notes.unparsed),
        skipped=len(notes.skipped),
        missing=len(notes.missing),
        reasons=(*problems, *notes.unparsed, *notes.skipped, *notes.missing),
        key_precision=_ratio(hits, predicted),
        key_recall=_ratio(hits, actual),
        intervals=_intervals(evidence, resamples, seed),
        per_type={name: _precisions(counts) for name, counts in evidence.maps.items()},
    )


def score_difference(
    before: Submission,
    after: Submission,
    reference: Reference,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """By how much `after` is better in each of the six and in `final`, with 95 % intervals.

    Both are held to the same pictures in every draw, so what is hard for both widens no interval: two systems
    whose own intervals overlap may differ for certain.
    """
    ours, theirs = (_collect(one, reference, Notes(skipped=[])) for one in (after, before))

    def gained(rows: NDArray[np.intp]) -> dict[str, float]:
        a, b = ours.figures(rows), theirs.figures(rows)
        return {name: a[name] - b[name] for name in (*INDICATORS, "final")}

    count = len(ours.keys)
    intervals = bootstrap_intervals(gained, count, resamples=resamples, seed=seed)
    return {n: Difference(v, intervals.get(n)) for n, v in gained(np.arange(count)).items()}


def _collect(submission: Submission, reference: Reference, notes: Notes) -> Evidence:
    asked: tuple[RegionQuestion | ChoiceQuestion, ...] = (*reference.regions, *reference.choices)
    names = [picture.image for picture in reference.pictures] + [question.image for question in asked]
    rows = {image: row for row, image in enumerate(dict.fromkeys(names))}
    description, keys, levels = _describe(submission, reference, rows, notes)
    maps = {
        "region_map": _regions(submission, reference, rows, notes),
        "distortion_map": _detections(submission, reference, rows, notes),
        "description_map": description,
    }
    return Evidence(maps, keys, _choices(submission, reference, rows, notes), levels)


def _regions(submission: Submission, reference: Reference, rows: Rows, notes: Notes) -> Counts:
    counts = np.zeros((len(rows), len(_TYPES), 3))
    questions = [((q.id, q.image), q) for q in reference.regions]
    answers = [((a.id, a.image), a) for a in _grounded(submission, "region-perception")]
    for question, answer in _join("region", questions, answers, notes):
        said = read_grounding(answer, notes) if answer else Boxes()
        counts[rows[question.image]] += _by_type(said.boxes, question.boxes)
    return counts


def _detections(submission: Submission, reference: Reference, rows: Rows, notes: Notes) -> Counts:
    counts = np.zeros((len(rows), len(_TYPES), 3))
    pictures = [(p.image, p) for p in reference.pictures]
    answers = [(a.image, a) for a in _grounded(submission, "distortion-detection")]
    for picture, answer in _join("detection", pictures, answers, notes):
        said = read_grounding(answer, notes) if answer else Boxes()
        counts[rows[picture.image]] += _by_type(said.boxes, picture.distortions)
    return counts


def _describe(
    submission: Submission, reference: Reference, rows: Rows, notes: Notes
) -> tuple[Counts, Counts, Counts]:
    """The counts of the boxes, of the keys and of the levels."""
    boxes, keys = np.zeros((len(rows), len(_TYPES), 3)), np.zeros((len(rows), 3))
    levels = np.zeros((len(rows), 2))
    pictures = [(p.image, p) for p in reference.pictures]
    answers: list[tuple[str, DescriptionAnswer]] = [(a.image, a) for a in submission.descriptions]
    for picture, answer in _join("description", pictures, answers, notes):
        said = read_description(answer, notes) if answer else Description()
        row = rows[picture.image]
        boxes[row] += _by_type(said.found.boxes, picture.distortions)
        matched = match_typed(said.keys.boxes, picture.keys)
        keys[row] += len(matched), len(said.keys.boxes) + said.keys.invented, len(picture.keys)
        levels[row] += said.level is picture.level, 1
    return boxes, keys, levels


def _choices(submission: Submission, reference: Reference, rows: Rows, notes: Notes) -> Counts:
    counts = np.zeros((len(rows), 2))
    questions = [(q.id, q) for q in reference.choices]
    answers = [(a.id, a) for a in submission.choices]
    for question, answer in _join("choice", questions, answers, notes):
        said = read_choice(answer, question, notes) if answer else None
        counts[rows[question.image]] += said == question.correct, 1
    return counts


def _grounded(submission: Submission, kind: QuestionType) -> Iterator[GroundingAnswer]:
    return (answer for answer in submission.groundings if answer.question_type == kind)


def _join(
    what: str, questions: Iterable[tuple[K, Q]], answers: Iterable[tuple[K, A]], notes: Notes
) -> Iterator[tuple[Q, A | None]]:
    """Every question once with its answer; of several with one key the first counts."""
    asked, said = _first_of_each(f"{what} question", questions, notes), {}
    for key, answer in _first_of_each(f"{what} answer", answers, notes).items():
        if key in asked:
            said[key] = answer
        else:
            notes.skipped.append(f"{what} answer {key}: nobody asked")
    for key, question in asked.items():
        if key not in said:
            notes.missing.append(f"{what} question {key}: no answer")
        yield question, said.get(key)


def _first_of_each(what: str, items: Iterable[tuple[K, Q]], notes: Notes) -> dict[K, Q]:
    first: dict[K, Q] = {}
    for key, item in items:
        if key in first:
            notes.skipped.append(f"{what} {key}: given twice, the first counts")
        first.setdefault(key, item)
    return first


def _by_type(predicted: Sequence[Located], truth: Sequence[Located]) -> Counts:
    """(10 types, [hits, predicted, actual]) of one answer."""
    counts = np.zeros((len(_TYPES), 3))
    for i, _ in match_typed(predicted, truth):
        counts[_TYPES.index(predicted[i].type), 0] += 1
    for column, boxes in ((1, predicted), (2, truth)):
        for box in boxes:
            counts[_TYPES.index(box.type), column] += 1
    return counts


def _precisions(counts: Counts) -> dict[DistortionType, float]:
    """Average precision of each type the truth has, of counts (pictures, 10, 3)."""
    return {
        kind: _ratio(hits, predicted) * _ratio(hits, actual)
        for kind, (hits, predicted, actual) in zip(_TYPES, counts.sum(axis=0), strict=True)
        if actual
    }


def _intervals(evidence: Evidence, resamples: int, seed: int) -> dict[str, Interval | None]:
    return bootstrap_intervals(evidence.figures, len(evidence.keys), resamples=resamples, seed=seed)


def _mean(precisions: dict[DistortionType, float]) -> float:
    return _ratio(sum(precisions.values()), len(precisions))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
