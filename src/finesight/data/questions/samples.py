"""An annotated picture -> samples of all nine subclasses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from random import Random
from types import MappingProxyType
from typing import Any

from finesight.data.questions.choices import MAKERS, Choice, choice_of
from finesight.data.questions.free import free_question
from finesight.data.questions.regions import region_of
from finesight.schema.annotation import Annotation
from finesight.schema.box import Box
from finesight.schema.diagnosis import Brief, Diagnosis, Finding, Mention
from finesight.schema.region import clipped
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType
from finesight.text import prompts, render
from finesight.text.place import place_of

PER_CLASS: Mapping[Subclass, int] = MappingProxyType(
    {
        Subclass.ASSESS: 1,
        Subclass.BRIEF_ASSESS: 1,
        Subclass.DIST_ASSESS: 2,
        Subclass.DIST_DETECT: 1,
        Subclass.REF_GROUNDING: 2,
        Subclass.REG_PERCEPTION: 2,
        Subclass.MCQ: 4,
        Subclass.QA: 2,
        Subclass.SCORE: 1,
    }
)
"""How many samples of each subclass a picture gives at most; 4 choices are one of each concern."""
EMPTY_SHARE = 0.15
"""Share of the region questions that ask, where the picture allows it, about a region without distortion."""
ABSENT_SHARE = 0.2
"""Share of the pictures whose first `dist_assess` sample asks about a type they do not have."""
_PHRASINGS = 1_000
"""Prompts wrap their index around, so any number above theirs draws each phrasing about equally often."""

Fields = dict[str, Any]
Maker = Callable[[Diagnosis, Random, int], Iterator[Fields]]


def questions_of(
    annotation: Annotation, seed: int, per_class: Mapping[Subclass, int] = PER_CLASS
) -> list[Sample]:
    """The samples of one picture, the same for the same (seed, image), whatever else is asked for.

    Args:
        per_class: the most samples of each subclass; a subclass left out gives none. A picture gives
            fewer where it has no more to ask about: no `ref-grounding` without distortions,
            no `assess` and `brief_assess` without a content sentence.
    """
    diagnosis = annotation.diagnosis()
    streams = {subclass: Random(f"{seed}|{annotation.image}|{subclass}") for subclass in per_class}
    return [
        Sample(
            id=f"{annotation.image}#{subclass}-{index}",
            image=annotation.image,
            subclass=subclass,
            source=annotation.source,
            **fields,
        )
        for subclass, count in per_class.items()
        for index, fields in enumerate(islice(_MAKERS[subclass](diagnosis, streams[subclass], count), count))
    ]


def _phrasing(rng: Random) -> int:
    return rng.randrange(_PHRASINGS)


def _repeated(make: Callable[[Diagnosis, Random], Fields | None]) -> Maker:
    """A maker that gives up to `count` different questions, and stops where a picture repeats itself."""

    def making(diagnosis: Diagnosis, rng: Random, count: int) -> Iterator[Fields]:
        seen: set[tuple[str, str]] = set()
        for _ in range(3 * count):
            fields = make(diagnosis, rng)
            if fields and (fields["question"], fields["answer"]) not in seen:
                seen.add((fields["question"], fields["answer"]))
                yield fields

    return making


def _assess(diagnosis: Diagnosis, rng: Random) -> Fields | None:
    if not diagnosis.content:
        return None
    answer = render.render_assess(diagnosis)
    return {"question": prompts.assess_prompt(_phrasing(rng)), "answer": answer}


def _brief(diagnosis: Diagnosis, rng: Random) -> Fields | None:
    if diagnosis.level is None or not diagnosis.content:
        return None
    mentions = tuple(Mention(type=f.type, severity=f.severity) for f in diagnosis.findings)
    brief = Brief(level=diagnosis.level, mentions=mentions, scene=diagnosis.content)
    return {"question": prompts.brief_prompt(_phrasing(rng)), "answer": render.render_brief(brief)}


def _dist_assess(diagnosis: Diagnosis, rng: Random, count: int) -> Iterator[Fields]:
    by_type: dict[DistortionType, list[Finding]] = {}
    for finding in diagnosis.findings:
        by_type.setdefault(finding.type, []).append(finding)
    asked = rng.sample(list(by_type), k=len(by_type))
    absent = [t for t in DistortionType if t not in by_type]
    if absent and (not asked or rng.random() < ABSENT_SHARE):
        asked.insert(0, rng.choice(absent))
    for type_ in asked:
        question = prompts.dist_assess_prompt(type_, _phrasing(rng))
        yield {"question": question, "answer": render.render_dist_assess(type_, by_type.get(type_, ()))}


def _detect(diagnosis: Diagnosis, rng: Random) -> Fields:
    answer = render.render_detect(diagnosis.findings)
    return {"question": prompts.detect_prompt(_phrasing(rng)), "answer": answer}


def _referring(diagnosis: Diagnosis, rng: Random, count: int) -> Iterator[Fields]:
    """A phrase stands for every box it fits, so that no phrase is ambiguous."""
    by_phrase: dict[tuple[DistortionType, str], dict[Box, None]] = {}
    for finding in diagnosis.findings:
        by_phrase.setdefault((finding.type, place_of(finding.box)), {})[finding.box] = None
    for type_, place in rng.sample(list(by_phrase), k=len(by_phrase)):
        question = prompts.referring_prompt(type_, place, _phrasing(rng))
        yield {"question": question, "answer": render.render_referring(tuple(by_phrase[type_, place]))}


def _region(diagnosis: Diagnosis, rng: Random) -> Fields | None:
    findings = diagnosis.findings
    region = region_of(findings, rng, empty=not findings or rng.random() < EMPTY_SHARE)
    if region is None:
        return None
    answer = render.render_region(clipped(findings, region))
    return {"question": prompts.region_prompt(region, _phrasing(rng)), "answer": answer, "region": region}


def _choices(diagnosis: Diagnosis, rng: Random, count: int) -> Iterator[Fields]:
    """Goes round the concerns in random order, asking of each no more than its share of `count`.

    So a clean picture, of which little but "not visible" can be asked, does not tip the balance of letters.
    """
    concerns = rng.sample(list(MAKERS), k=len(MAKERS))
    seen: set[tuple[str, str]] = set()
    for concern in concerns * -(-count // len(concerns)):
        choice = choice_of(concern, diagnosis, rng)
        if choice and (choice.question, choice.correct) not in seen:
            seen.add((choice.question, choice.correct))
            yield _choice_fields(choice)


def _choice_fields(choice: Choice) -> Fields:
    return {
        "question": prompts.choice_prompt(choice.question, choice.candidates),
        "answer": render.render_choice(choice.letter),
        "concern": choice.concern,
        "candidates": choice.candidates,
    }


def _free(diagnosis: Diagnosis, rng: Random) -> Fields:
    question, answer = free_question(diagnosis, rng)
    return {"question": question, "answer": answer}


def _score(diagnosis: Diagnosis, rng: Random) -> Fields | None:
    if diagnosis.level is None:
        return None
    return {"question": prompts.score_prompt(_phrasing(rng)), "answer": render.render_score(diagnosis.level)}


_MAKERS: dict[Subclass, Maker] = {
    Subclass.ASSESS: _repeated(_assess),
    Subclass.BRIEF_ASSESS: _repeated(_brief),
    Subclass.DIST_ASSESS: _dist_assess,
    Subclass.DIST_DETECT: _repeated(_detect),
    Subclass.REF_GROUNDING: _referring,
    Subclass.REG_PERCEPTION: _repeated(_region),
    Subclass.MCQ: _choices,
    Subclass.QA: _repeated(_free),
    Subclass.SCORE: _repeated(_score),
}
