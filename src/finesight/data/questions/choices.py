"""Multiple-choice questions of the four concerns, each with four options of which exactly one is right.

The forms follow the challenge's `mcq.json`. Severity questions keep the organisers' fixed order of
options; elsewhere the right one stands at each letter equally often. A distractor is only used where the
annotation rules it out: a type that does not touch the place asked about, a place the type does not touch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from finesight.data.questions.wording import name_of, with_article
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.sample import Concern
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.text.area import CELLS
from finesight.text.place import PLACES, place_of, the_place

OPTIONS = 4
LETTERS = "ABCD"
NO_DISTORTION = "No distortion"
NOT_VISIBLE = "Not visible"
SEVERITY_OPTIONS = ("Minor", "Moderate", "Severe", NOT_VISIBLE)
SEVERITY_PREAMBLE = (
    "You are an expert in image quality assessment. Please assess the severity of the distortion, which can "
    "be one of the following three levels:\nNot visible: The distortion is not present in the image. Minor: "
    "Barely perceptible upon close inspection. Moderate: Clearly noticeable at a glance. Severe: "
    "Significantly impacts the overall perception of the image.\nHere is the question: "
)
# Pictures without distortion always have "Not visible" for an answer; with their usual share of 6-10 %
# this share among the others makes one answer in four.
NOT_VISIBLE_SHARE = 0.2
NO_DISTORTION_SHARE = 0.15


@dataclass(frozen=True)
class Choice:
    """A question with its options in order; `correct` is one of them."""

    concern: Concern
    question: str
    candidates: tuple[str, ...]
    correct: str

    @property
    def letter(self) -> str:
        return LETTERS[self.candidates.index(self.correct)]


Maker = Callable[[Diagnosis, Random], Choice | None]


def choice_of(concern: Concern, diagnosis: Diagnosis, rng: Random) -> Choice | None:
    """A question of the concern; None where the picture allows none with a single right option."""
    makers = rng.sample(MAKERS[concern], k=len(MAKERS[concern]))
    return next((choice for make in makers if (choice := make(diagnosis, rng))), None)


def _shuffled(
    concern: Concern, question: str, correct: str, wrong: Iterable[str], rng: Random
) -> Choice | None:
    """The choice with its options in random order; `wrong` is in order of preference, spare ones drop out."""
    distractors = [text for text in dict.fromkeys(wrong) if text != correct][: OPTIONS - 1]
    if len(distractors) < OPTIONS - 1:
        return None
    options = [str(correct), *map(str, distractors)]
    rng.shuffle(options)
    return Choice(concern, question, tuple(options), str(correct))


def _mixed(items: Iterable[str], rng: Random) -> list[str]:
    listed = list(items)
    rng.shuffle(listed)
    return listed


def _touching(box: Box, findings: Iterable[Finding]) -> list[Finding]:
    return [f for f in findings if f.box.clip(box)]


def _absent(findings: Iterable[Finding]) -> list[DistortionType]:
    present = {f.type for f in findings}
    return [t for t in DistortionType if t not in present]


def _type_present(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    findings = diagnosis.findings
    present = sorted({f.type for f in findings})
    correct = rng.choice(present) if present else NO_DISTORTION
    wrong = _mixed(_absent(findings), rng)
    if present and rng.random() < NO_DISTORTION_SHARE:
        wrong.insert(0, NO_DISTORTION)
    question = rng.choice(
        (
            "What type of distortion is present in this image?",
            "Which of these distortions does the image have?",
            "Which distortion can be seen in this image?",
        )
    )
    return _shuffled("type", question, correct, wrong, rng)


def _type_absent(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    findings = diagnosis.findings
    absent = _absent(findings)
    if not absent:
        return None
    question = rng.choice(
        (
            "What type of distortion is not present in this image?",
            "Which of these distortions does the image not have?",
            "Which distortion is absent from this image?",
        )
    )
    present = sorted({f.type for f in findings})
    return _shuffled("type", question, rng.choice(absent), _mixed(present, rng), rng)


def _type_at_place(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    findings = diagnosis.findings
    if not findings:
        return None
    asked = rng.choice(findings)
    place = place_of(asked.box)
    near = _touching(asked.box, findings) + _touching(CELLS.get(place, asked.box), findings)
    question = rng.choice(
        (
            "What type of distortion affects {}?",
            "What distortion is present in {}?",
            "Which distortion affects {}?",
        )
    ).format(the_place(place))
    return _shuffled("position", question, asked.type, _mixed(_absent(near), rng), rng)


def _place_of_type(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    findings = diagnosis.findings
    local = [f for f in findings if place_of(f.box) in CELLS]
    if not local:
        return None
    asked = rng.choice(local)
    same = [f for f in findings if f.type is asked.type]
    places = {place_of(f.box) for f in same}
    wrong = [p for p, cell in CELLS.items() if p not in places and not _touching(cell, same)]
    question = rng.choice(
        (
            "Which part of the image is affected by {}?",
            "Which part of the image exhibits {}?",
            "Where is {} visible in the image?",
        )
    ).format(name_of(asked.type))
    return _shuffled(
        "position", question, _option(place_of(asked.box)), map(_option, _mixed(wrong, rng)), rng
    )


def _place_without(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    """Asks for the part that is free of distortion; the other options are at least half covered by one."""
    findings = diagnosis.findings
    free = [place for place, cell in CELLS.items() if not _touching(cell, findings)]
    covered = [place for place, cell in CELLS.items() if any(_covers(f.box, cell) for f in findings)]
    if not free:
        return None
    question = rng.choice(
        (
            "Which part of the image is not affected by any distortion?",
            "Which part of the image does not exhibit any distortion?",
            "Which part of the image is free from any distortion?",
        )
    )
    correct = _option(rng.choice(free))
    return _shuffled("position", question, correct, map(_option, _mixed(covered, rng)), rng)


def _covers(box: Box, cell: Box) -> bool:
    shared = box.clip(cell)
    return shared is not None and shared.area >= cell.area / 2


def _key_type(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    types = {f.type for f in diagnosis.keys}
    if len(types) != 1:
        return None
    rivals = sorted({f.type for f in diagnosis.findings} - types)
    wrong = _mixed(rivals, rng) + _mixed(_absent(diagnosis.findings), rng)
    question = rng.choice(
        (
            "What is the most significant distortion in the image?",
            "Which distortion most significantly affects the image?",
            "Which distortion harms the quality of the image most?",
        )
    )
    return _shuffled("significance", question, types.pop(), wrong, rng)


def _key_finding(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    """Options name type and place, as "Noise in the upper part of the image"; the others are rivals first."""
    keys = {_phrase(f.type, place_of(f.box)) for f in diagnosis.keys}
    if len(keys) != 1:
        return None
    rivals = [_phrase(f.type, place_of(f.box)) for f in diagnosis.findings if not f.key]
    invented = [_phrase(t, rng.choice(PLACES)) for t in _absent(diagnosis.findings)]
    question = rng.choice(
        (
            "What is the most significant distortion in this image?",
            "Which of these distortions is the most significant one?",
        )
    )
    wrong = _mixed(rivals, rng) + _mixed(invented, rng)
    return _shuffled("significance", question, keys.pop(), wrong, rng)


def _key_place(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    keys = diagnosis.keys
    places = {place_of(f.box) for f in keys}
    if len(places) != 1 or not places <= CELLS.keys():
        return None
    wrong = [place for place, cell in CELLS.items() if place not in places and not _touching(cell, keys)]
    question = rng.choice(
        (
            "Where is the most significant distortion located in the image?",
            "Which part of the image has the most significant distortion?",
        )
    )
    return _shuffled("significance", question, _option(places.pop()), map(_option, _mixed(wrong, rng)), rng)


def _severity(diagnosis: Diagnosis, rng: Random) -> Choice | None:
    """Draws the answer first and then what to ask, so that rare severities are asked as often as others."""
    findings = diagnosis.findings
    said: dict[tuple[DistortionType, str], set[Severity]] = {}
    for finding in findings:
        said.setdefault((finding.type, place_of(finding.box)), set()).add(finding.severity)
    clear = {phrase: severities.pop() for phrase, severities in said.items() if len(severities) == 1}
    absent = _absent(findings)
    if absent and (not findings or rng.random() < NOT_VISIBLE_SHARE):
        return _severity_choice(rng.choice(absent), rng.choice(PLACES), NOT_VISIBLE)
    if not clear:
        return None
    severity = rng.choice(sorted(set(clear.values())))
    asked, place = rng.choice([phrase for phrase, found in clear.items() if found is severity])
    return _severity_choice(asked, place, severity.value.capitalize())


def _severity_choice(asked: DistortionType, place: str, correct: str) -> Choice:
    question = f"There is {with_article(asked)} affecting {the_place(place)}. How severe is it?"
    return Choice("severity", SEVERITY_PREAMBLE + question, SEVERITY_OPTIONS, correct)


def _option(place: str) -> str:
    phrase = the_place(place)
    return phrase[0].upper() + phrase[1:]


def _phrase(type_: DistortionType, place: str) -> str:
    return f"{type_.value} in {the_place(place)}"


MAKERS: dict[Concern, Sequence[Maker]] = {
    "position": (_type_at_place, _place_of_type, _place_without),
    "type": (_type_present, _type_absent),
    "significance": (_key_type, _key_finding, _key_place),
    "severity": (_severity,),
}
"""Ways to ask about each concern, tried in random order until one fits the picture."""
