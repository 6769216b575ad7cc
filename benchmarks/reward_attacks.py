"""What answers earn that try to be rewarded without being right, beside the reference and an honest half of it.

    python benchmarks/reward_attacks.py [--references 500] [--seed 0] [--json]

References are made by `finesight.data.questions` of invented annotations (see invented.py); those without a
distortion make the last row. Every attack is as strong as it can be: where an answer has a level, it is the
right one. Figures are mean rewards, an unscored answer taken as 0, and CPU time of one reward.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from invented import annotation
from rich.console import Console
from rich.table import Table

from finesight.data.questions import PER_CLASS, questions_of
from finesight.schema.box import SCALE, Box
from finesight.schema.diagnosis import Brief, Diagnosis, Finding, Mention
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.scoring.rewards import REWARDS, reward_of
from finesight.text.parse import parse
from finesight.text.render import (
    render_assess,
    render_brief,
    render_choice,
    render_detect,
    render_referring,
    render_region,
    render_score,
)

WHOLE = Box.of(0, 0, SCALE, SCALE)
COMMONEST = DistortionType.LOW_CLARITY
WORDS = "and so on and on it goes without any end in sight for as long as one likes"
TIMES = 4

Truth = Any
Attack = Callable[[Sample, Truth], str | None]


def main() -> None:
    """Print the table; with --json its figures as an object on the last line."""
    arguments = _arguments()
    cases = {subclass: _cases(subclass, arguments.references, arguments.seed) for subclass in REWARDS}
    earned = {
        name: {subclass: _mean(attack, dirty) for subclass, (dirty, _) in cases.items()}
        for name, attack in ATTACKS.items()
    }
    earned["a box where there is none"] = {s: _mean(_giant, clean) for s, (_, clean) in cases.items()}
    micros = {subclass: _micros(dirty) for subclass, (dirty, _) in cases.items()}
    console = Console(stderr=True, width=150)
    console.print(_table(earned, micros))
    if arguments.json:
        print(json.dumps({"references": arguments.references, "earned": earned, "microseconds": micros}))


def _cases(
    subclass: Subclass, wanted: int, seed: int
) -> tuple[list[tuple[Sample, Truth]], list[tuple[Sample, Truth]]]:
    """References with something to find, `wanted` of them, and those met on the way that have nothing."""
    found: list[tuple[Sample, Truth]] = []
    nothing: list[tuple[Sample, Truth]] = []
    for sample in _samples(subclass, seed):
        truth = _truth(sample)
        (found if _has_findings(truth) else nothing).append((sample, truth))
        if len(found) == wanted:
            break
    return found, nothing


def _samples(subclass: Subclass, seed: int) -> Iterator[Sample]:
    number = 0
    while True:
        yield from questions_of(annotation(number, seed), seed, {subclass: PER_CLASS[subclass]})[:1]
        number += 1


def _truth(sample: Sample) -> Truth:
    return parse(sample.subclass, sample.answer)


def _has_findings(truth: Truth) -> bool:
    if isinstance(truth, Diagnosis):
        return bool(truth.findings)
    return bool(truth.mentions) if isinstance(truth, Brief) else bool(truth)


def _mean(attack: Attack, cases: Sequence[tuple[Sample, Truth]]) -> float | None:
    answers = [(sample, attack(sample, truth)) for sample, truth in cases]
    values = [reward_of(sample, text).value or 0.0 for sample, text in answers if text is not None]
    return round(math.fsum(values) / len(values), 3) if values else None


def _micros(cases: Sequence[tuple[Sample, Truth]]) -> dict[str, float]:
    """CPU time of a reward of the reference, and of reading it alone."""

    def timed(work: Callable[[Sample], object]) -> float:
        start = time.process_time()
        for sample, _ in cases:
            work(sample)
        return round((time.process_time() - start) / len(cases) * 1e6, 1)

    timed(lambda s: reward_of(s, s.answer))  # references are read once and kept
    return {
        "reward": timed(lambda s: reward_of(s, s.answer)),
        "reading": timed(lambda s: parse(s.subclass, s.answer)),
    }


# Answers of another truth, in the form of the subclass.


def _say(sample: Sample, truth: Truth, findings: Sequence[Finding]) -> str | None:
    """The findings in the form of the subclass, with the level of the truth; None where it has none."""
    match sample.subclass:
        case Subclass.ASSESS:
            return render_assess(truth.model_copy(update={"findings": tuple(findings)}))
        case Subclass.BRIEF_ASSESS:
            mentions = tuple(Mention(type=f.type, severity=f.severity) for f in findings)
            return render_brief(truth.model_copy(update={"mentions": mentions}))
        case Subclass.DIST_DETECT:
            return render_detect(findings)
        case Subclass.DIST_ASSESS:
            return render_detect(findings) if findings else f"There is no {_asked(truth).value} in the image."
        case Subclass.REG_PERCEPTION:
            return render_region(findings)
        case Subclass.REF_GROUNDING:
            return render_referring(f.box for f in findings)
    return None


def _findings(truth: Truth) -> list[Finding]:
    """What is true, as findings; where only part of one is asked for, the rest of it is made up."""
    if isinstance(truth, Diagnosis):
        return list(truth.findings)
    if isinstance(truth, Brief):
        return [Finding(type=m.type, severity=m.severity, box=WHOLE) for m in truth.mentions]
    if isinstance(truth, tuple):
        return [t if isinstance(t, Finding) else _guess(COMMONEST, t) for t in truth]
    return []


def _guess(type_: DistortionType, box: Box = WHOLE, *, key: bool = False) -> Finding:
    return Finding(type=type_, severity=Severity.MODERATE, box=box, key=key)


def _asked(truth: Truth) -> DistortionType:
    """The type of a question about one; elsewhere the one guessed most wisely."""
    single = {f.type for f in _findings(truth)}
    return single.pop() if len(single) == 1 else COMMONEST


def _reference(sample: Sample, truth: Truth) -> str | None:
    return sample.answer


def _half(sample: Sample, truth: Truth) -> str | None:
    """Every second finding, keys first; of a single one the box by half its sides, or the next severity or level."""
    if isinstance(truth, Level):
        levels = list(Level)
        return render_score(levels[max(1, levels.index(truth)) - 1 if truth is not levels[0] else 1])
    findings = sorted(_findings(truth), key=lambda f: not f.key)
    if len(findings) != 1:
        return _say(sample, truth, findings[: -(-len(findings) // 2)])
    (only,) = findings
    box = only.box
    width = round(0.6 * (box.x2 - box.x1))
    changed = {"box": Box.of(box.x1, box.y1, box.x1 + width, box.y2)}
    if sample.subclass is Subclass.BRIEF_ASSESS:
        changed = {"severity": Severity.MINOR if only.severity is Severity.MODERATE else Severity.MODERATE}
    return _say(sample, truth, [only.model_copy(update=changed)])


def _empty(sample: Sample, truth: Truth) -> str | None:
    return ""


def _nothing(sample: Sample, truth: Truth) -> str | None:
    return _say(sample, truth, [])


def _giant(sample: Sample, truth: Truth) -> str | None:
    return _say(sample, truth, [_guess(_asked(truth), key=True)])


def _everywhere(sample: Sample, truth: Truth) -> str | None:
    if sample.subclass is Subclass.REF_GROUNDING:
        return None
    return _say(sample, truth, [_guess(type_, key=True) for type_ in DistortionType])


def _tiles(sample: Sample, truth: Truth) -> str | None:
    """The type guessed most wisely, in every cell of a grid."""
    if sample.subclass is Subclass.BRIEF_ASSESS:
        return None
    cuts = [0, 250, 500, 750, SCALE]
    cells = [Box.of(x1, y1, x1 + 250, y1 + 250) for y1 in cuts[:-1] for x1 in cuts[:-1]]
    return _say(sample, truth, [_guess(_asked(truth), cell, key=True) for cell in cells])


def _repeated(sample: Sample, truth: Truth) -> str | None:
    """The reference's findings word for word several times."""
    text = sample.answer
    match sample.subclass:
        case Subclass.ASSESS:
            content, *types, key, level = text.split("\n")
            return "\n".join((content, *types * TIMES, key, level))
        case Subclass.BRIEF_ASSESS:
            conclusion, names, scene = text.split("\n")
            head, _, said = names.rstrip(".").partition(": ")
            return "\n".join((conclusion, f"{head}: {', '.join([said] * TIMES)}.", scene))
        case Subclass.DIST_DETECT | Subclass.REG_PERCEPTION | Subclass.DIST_ASSESS:
            return "\n".join([text.removesuffix(".")] * TIMES) + "."
        case Subclass.REF_GROUNDING:
            return text * TIMES
    return None


def _shifted(sample: Sample, truth: Truth) -> str | None:
    """Every true box several times, each a little smaller than the last."""
    if sample.subclass is Subclass.BRIEF_ASSESS:
        return None
    return _say(sample, truth, [_shrunk(f, 2 * n) for f in _findings(truth) for n in range(TIMES)])


def _shrunk(finding: Finding, by: int) -> Finding:
    box = finding.box
    smaller = Box.of(box.x1, box.y1, max(box.x1, box.x2 - by), max(box.y1, box.y2 - by))
    return finding.model_copy(update={"box": smaller})


def _wrong_types(sample: Sample, truth: Truth) -> str | None:
    findings = _findings(truth)
    absent = [t for t in DistortionType if t not in {f.type for f in findings}]
    if sample.subclass is Subclass.REF_GROUNDING or not absent:
        return None
    wrong = [f.model_copy(update={"type": absent[i % len(absent)]}) for i, f in enumerate(findings)]
    return _say(sample, truth, wrong)


def _words(sample: Sample, truth: Truth) -> str | None:
    return f"{sample.answer} {WORDS}."


def _many_words(sample: Sample, truth: Truth) -> str | None:
    return f"{sample.answer}\n" + " ".join([WORDS] * 15) + "."


def _constant(sample: Sample, truth: Truth) -> str | None:
    """What is said whatever the picture."""
    constants = {Subclass.MCQ: render_choice("A"), Subclass.SCORE: render_score(Level.FAIR)}
    return constants.get(sample.subclass)


def _all_options(sample: Sample, truth: Truth) -> str | None:
    all_levels = " ".join(render_score(level) for level in Level)
    return {Subclass.MCQ: "A or B or C or D", Subclass.SCORE: all_levels}.get(sample.subclass)


ATTACKS: dict[str, Attack] = {
    "the reference": _reference,
    "an honest half": _half,
    "empty": _empty,
    "nothing found": _nothing,
    "one giant box": _giant,
    "ten types everywhere": _everywhere,
    "one type, 16 tiles": _tiles,
    "reference, findings 4 x": _repeated,
    "true boxes 4 x, shrinking": _shifted,
    "true boxes, wrong types": _wrong_types,
    "reference and 17 words": _words,
    "reference and 255 words": _many_words,
    "A, or fair": _constant,
    "all options at once": _all_options,
}


def _table(earned: dict[str, Any], micros: dict[Subclass, dict[str, float]]) -> Table:
    table = Table(title="mean reward")
    for column in ("answer", *(subclass.value for subclass in REWARDS)):
        table.add_column(column, justify="left" if column == "answer" else "right")
    for name, row in earned.items():
        table.add_row(name, *("" if value is None else f"{value:.2f}" for value in row.values()))
    table.add_section()
    for what in ("reward", "reading"):
        table.add_row(f"{what}, microseconds", *(f"{times[what]:.0f}" for times in micros.values()))
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--references", type=int, default=500, help="with a distortion, of each subclass")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
