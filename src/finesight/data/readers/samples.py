"""The nine LLaVA files and `combined.json`: `{image, conversations: [{from, value}, {from, value}]}`.

A file named after a subclass holds that subclass. `combined.json` does not say which record is what; the form
of the prompt and answer tells, first match of `_FORMS`. Records finesight writes carry `id`, `subclass`,
`region`, `concern`, `candidates`, `source` and `parts` beside the LLaVA fields, and those are believed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from finesight.data.atomic import replacing
from finesight.data.readers import fields
from finesight.data.readers.reading import BadRecord, Reading, convert
from finesight.data.readers.stream import stream_records
from finesight.schema.sample import Part, Sample, Subclass

COMBINED = "combined.json"

_IMAGE = "<image>\n"
_IMAGE_MARK = re.compile(r"\A<image>\n?")
_ASKERS, _ANSWERERS = ("human", "user"), ("gpt", "assistant")

_OPTIONS = re.compile(r"option's letter|^\(?A[.):]\s.*^\(?B[.):]\s", re.I | re.M | re.S)
_LETTER = re.compile(r"\s*\(?[A-Z]\)?[.:]?(\s|\Z)")
_QUALITY = r"the (?:overall )?quality of (?:the|this) image is"
_SCORE = re.compile(rf"\s*{_QUALITY}\s+\w+\s*\.?\s*\Z", re.I)
_ASSESS = re.compile(rf"^Thus, {_QUALITY}", re.I | re.M)
_REF, _BOX = r"<\|object_ref_start\|>[^<]*<\|object_ref_end\|>", r"<\|box_start\|>[^<]*<\|box_end\|>"
_BOXED = re.compile(_BOX)
_HEADED = re.compile(rf"\s*[A-Z][^:\n<]*:\s*{_REF}")
_BARE_BOXES = re.compile(rf"(?:{_REF}|{_BOX}|[\s,.;]|and)+\Z")
_ALL = re.compile(r"coordinates of (?:all|every|each)|all (?:the )?distortions", re.I)
_ONE = re.compile(r"coordinates of this distortion", re.I)
_IN_DETAIL = re.compile(r"\bassess\b.*\bdistortion\b.*\bin detail", re.I | re.S)

_FORMS: tuple[tuple[Subclass, Callable[[str, str], object]], ...] = (
    (Subclass.MCQ, lambda ask, answer: _OPTIONS.search(ask) and _LETTER.match(answer)),
    (Subclass.REG_PERCEPTION, lambda ask, answer: _BOXED.search(ask)),
    (Subclass.SCORE, lambda ask, answer: _SCORE.match(answer)),
    (Subclass.BRIEF_ASSESS, lambda ask, answer: "**conclusion" in answer.lower()),
    (Subclass.ASSESS, lambda ask, answer: _ASSESS.search(answer)),
    (Subclass.DIST_DETECT, lambda ask, answer: _HEADED.match(answer) or _ALL.search(ask)),
    (Subclass.REF_GROUNDING, lambda ask, answer: _BARE_BOXES.match(answer) or _ONE.search(ask)),
    (Subclass.DIST_ASSESS, lambda ask, answer: _BOXED.search(answer) or _IN_DETAIL.search(ask)),
)


def infer_subclass(question: str, answer: str) -> Subclass:
    """The subclass whose form a prompt and its answer have; the first that fits of:

    mcq, lettered options answered by a letter · reg-perception, a box in the prompt · score, one sentence
    of quality · brief_assess, a **Conclusion** · assess, a line "Thus, the quality of the image is" ·
    dist_detect, `Type:` before the first reference, or a prompt for all distortions · ref-grounding, boxes
    and no prose, or a prompt for the coordinates of this distortion · dist_assess, boxes in prose, or a
    prompt to assess a distortion in detail · qa, what has none of these.
    """
    return next((subclass for subclass, fits in _FORMS if fits(question, answer)), Subclass.QA)


def read_samples(path: Path, subclass: Subclass | None = None) -> Reading[Sample]:
    """The samples of a LLaVA file, list or JSONL, in file order.

    Args:
        subclass: of every record; by default the file's name says it, else each record's form.

    Raises:
        InputError: while iterating, where the file cannot be read or holds no JSON records.
    """
    fixed = subclass or next((s for s in Subclass if s.value == path.stem), None)

    def build(record: dict[str, Any], index: int) -> Sample:
        return _sample(record, f"{path.stem}-{index}", fixed)

    return Reading(convert(stream_records(path), str(path), build))


def write_samples(folder: Path, samples: Iterable[Sample]) -> int:
    """Write `<subclass>.json` for each subclass that occurs, and all of them in order as `combined.json`.

    Returns the number of samples. One is in memory at a time; the files appear when all are whole.
    """
    with ExitStack() as files:
        # Left last, so that a folder with a combined.json is a complete one.
        everything = files.enter_context(_listing(folder / COMBINED))
        by_subclass: dict[Subclass, Callable[[str], None]] = {}
        written = 0
        for sample in samples:
            if sample.subclass not in by_subclass:
                own = folder / f"{sample.subclass.value}.json"
                by_subclass[sample.subclass] = files.enter_context(_listing(own))
            record = json.dumps(_record(sample), ensure_ascii=False)
            everything(record)
            by_subclass[sample.subclass](record)
            written += 1
    return written


@contextmanager
def _listing(path: Path) -> Iterator[Callable[[str], None]]:
    """A JSON list that grows by each record it is called with, one a line."""
    with replacing(path) as file:
        joint = "[\n"

        def add(record: str) -> None:
            nonlocal joint
            file.write(f"{joint}{record}".encode())
            joint = ",\n"

        yield add
        file.write(b"[]\n" if joint == "[\n" else b"\n]\n")


def _sample(record: dict[str, Any], default_id: str, subclass: Subclass | None) -> Sample:
    question, answer = _turns(record)
    region = record.get("region")
    named = record.get("subclass")
    if named is not None and named not in list(Subclass):
        raise BadRecord(f"subclass: {named!r} is none of the nine")
    return Sample(
        id=fields.storable(str(record.get("id", default_id)), "id"),
        image=fields.text(record, "image"),
        subclass=subclass or (Subclass(named) if named else infer_subclass(question, answer)),
        question=question,
        answer=answer,
        region=None if region is None else fields.box(record, "region"),
        concern=record.get("concern"),
        candidates=fields.strings(record, "candidates") if "candidates" in record else (),
        source=fields.text(record, "source", ""),
        parts=tuple(_part(part) for part in fields.records(record, "parts")) if "parts" in record else (),
    )


def _part(record: dict[str, Any]) -> Part:
    return Part(
        id=fields.text(record, "id"),
        index=fields.whole(record, "index"),
        region=fields.box(record, "region") if "region" in record else None,
        concern=record.get("concern"),
        candidates=fields.strings(record, "candidates") if "candidates" in record else (),
        source=fields.text(record, "source", ""),
    )


def _turns(record: dict[str, Any]) -> tuple[str, str]:
    turns = record.get("conversations")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise BadRecord("conversations: a list of turns is expected")
    if len(turns) != 2:
        raise BadRecord(f"conversations: one question and one answer are expected, not {len(turns)} turns")
    asked, answered = turns
    if asked.get("from") not in _ASKERS or answered.get("from") not in _ANSWERERS:
        speakers = f"{asked.get('from')!r} and {answered.get('from')!r}"
        raise BadRecord(f"conversations: 'human' and then 'gpt' are expected, not {speakers}")
    return _IMAGE_MARK.sub("", fields.text(asked, "value")), fields.text(answered, "value")


def _record(sample: Sample) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": sample.id,
        "image": sample.image,
        "subclass": sample.subclass.value,
        "conversations": [
            {"from": "human", "value": _IMAGE + sample.question},
            {"from": "gpt", "value": sample.answer},
        ],
    }
    parts = [{"id": part.id, "index": part.index, **_extras(part)} for part in sample.parts]
    return record | _extras(sample) | ({"parts": parts} if parts else {})


def _extras(of: Sample | Part) -> dict[str, Any]:
    """What a question may have beside its texts, where it has it."""
    extras = {
        "region": list(of.region.xyxy) if of.region else None,
        "concern": of.concern,
        "candidates": list(of.candidates),
        "source": of.source,
    }
    return {name: value for name, value in extras.items() if value}
