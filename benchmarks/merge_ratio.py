"""How much `finesight data merge` shrinks a data set of the shape of ViDA-UGC, and that nothing is lost.

    python benchmarks/merge_ratio.py [--images 11000] [--questions 550000] [--seed 0] [--json]
                                     [--max-questions 32] [--max-tokens 2048]

The set is made up: real records of the nine subclasses in the order of ViDA-UGC's combined.json (class after
class, so that those of a picture lie far apart), but asked about invented annotations, without picture files.
It is written, merged, put back and compared byte by byte, all in a temporary folder.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import math
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from invented import BOXES, annotation
from rich.console import Console
from rich.table import Table

from finesight.data.folder import SAMPLES
from finesight.data.merge.folder import MergeReport, merge_folder
from finesight.data.merge.merging import Caps
from finesight.data.questions import questions_of
from finesight.data.readers import write_samples
from finesight.data.readers.samples import COMBINED
from finesight.schema.sample import Sample, Subclass

ONCE = (Subclass.ASSESS, Subclass.BRIEF_ASSESS, Subclass.DIST_DETECT, Subclass.SCORE)
"""Asked once of a picture, as in the bench of ViDA-UGC (476 pictures, 476 descriptions, 476 detections)."""
EACH = (Subclass.DIST_ASSESS, Subclass.REF_GROUNDING)
"""Asked of every type and of every phrase there is (the bench: 1,704 phrases, 3.6 a picture)."""
SHARED = {Subclass.MCQ: 2567, Subclass.QA: 2567, Subclass.REG_PERCEPTION: 926}
"""What the other questions are shared out by: the counts of the bench, and as many free questions as choices:
a guess, for the bench has none."""
PILOT = 100
"""Pictures on which it is found out how many questions to ask for, as some cannot be had of every picture."""


def main() -> None:
    """Print the figures; with --json as an object on the last line."""
    arguments = _arguments()
    caps = Caps(questions=arguments.max_questions, tokens=arguments.max_tokens)
    asked = _asked(arguments.questions / arguments.images, arguments.seed)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folders = source, merged, back = [Path(scratch, name) for name in ("source", "merged", "back")]
        pictures = range(arguments.images)
        written = write_samples(source / SAMPLES, _samples(pictures, asked, arguments.seed))
        made = time.perf_counter()
        counts = _Counts()
        report = merge_folder(source, merged, "merge", caps=caps, watch=counts.watch)
        done = time.perf_counter()
        returned = merge_folder(merged, back, "separate").samples
        files = [folder / SAMPLES / COMBINED for folder in folders]
        same = returned == written and filecmp.cmp(files[0], files[2], shallow=False)
    seconds = {"make": made - start, "merge": done - made, "undo": time.perf_counter() - done}
    figures = _figures(report, same, seconds)
    console = Console(stderr=True)
    console.print(_by_subclass(counts, arguments.images, caps))
    console.print(_totals(report))
    for name, value in figures.items():
        console.print(f"{name:20} {value}")
    if arguments.json:
        print(json.dumps(figures))


class _Counts:
    """Questions, prompts and pictures by subclass, counted as they pass."""

    def __init__(self) -> None:
        self.by_title = {"reading": Counter[Subclass](), "writing": Counter[Subclass]()}
        self.pictures: dict[Subclass, set[str]] = {subclass: set() for subclass in Subclass}

    def watch(self, samples: Iterable[Any], title: str) -> Iterator[Any]:
        for sample in samples:
            self.by_title[title][sample.subclass] += 1
            self.pictures[sample.subclass].add(sample.image)
            yield sample


def _asked(mean: float, seed: int) -> float:
    """How many questions of the shared subclasses to ask for, that a picture has `mean` questions in all."""
    low, high = 0.0, 4 * mean
    for _ in range(12):
        middle = (low + high) / 2
        got = sum(1 for _ in _samples(range(PILOT), middle, seed)) / PILOT
        low, high = (middle, high) if got < mean else (low, middle)
    return (low + high) / 2


def _samples(pictures: Iterable[int], asked: float, seed: int) -> Iterator[Sample]:
    """The questions of all pictures, subclass after subclass."""
    for subclass in Subclass:
        for number in pictures:
            yield from _questions(number, subclass, asked, seed)


def _questions(number: int, subclass: Subclass, asked: float, seed: int) -> list[Sample]:
    if subclass in ONCE:
        count = 1
    elif subclass in EACH:
        count = len(BOXES)
    else:
        mean = asked * SHARED[subclass] / sum(SHARED.values())
        count = _poisson(mean, Random(f"{seed}|{number}|{subclass}"))
    return questions_of(annotation(number, seed), seed, {subclass: count}) if count else []


def _poisson(mean: float, rng: Random) -> int:
    """Knuth's way: how many uniform numbers can be multiplied before the product falls to exp(-mean)."""
    count, product = 0, rng.random()
    while product > math.exp(-mean):
        count, product = count + 1, product * rng.random()
    return count


def _figures(report: MergeReport, same: bool, seconds: dict[str, float]) -> dict[str, Any]:
    separate, merge, tree = (report.workloads[layout] for layout in ("separate", "merge", "tree"))
    return {
        "images": report.pictures,
        "questions": separate.questions,
        "prompts": report.samples,
        "ratio": round(separate.questions / report.samples, 3),
        "tokens_before": separate.tokens,
        "tokens_after": merge.tokens,
        "tokens_tree": tree.tokens,
        "alone": report.alone,
        "skipped": len(report.skipped),
        "round_trip": same,
        "seconds": round(sum(seconds.values()), 1),
        **{f"seconds_{part}": round(value, 1) for part, value in seconds.items()},
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _by_subclass(counts: _Counts, images: int, caps: Caps) -> Table:
    """A row a subclass; `parted`: prompts beyond the first of a picture, which the caps make."""
    before, after = counts.by_title["reading"], counts.by_title["writing"]
    table = Table(title=f"{images:,} pictures, caps {caps.questions} questions, {caps.tokens:,} tokens")
    for column in ("subclass", "questions", "a picture", "prompts", "parted", "ratio"):
        table.add_column(column, justify="left" if column == "subclass" else "right")
    for subclass in (s for s in Subclass if after[s]):
        asked, prompts = before[subclass], after[subclass]
        parted = prompts - len(counts.pictures[subclass])
        row = f"{asked:,}", f"{asked / images:.2f}", f"{prompts:,}", f"{parted:,}", f"{asked / prompts:.2f}"
        table.add_row(subclass.value, *row)
    asked, prompts = before.total(), after.total()
    parted = prompts - sum(map(len, counts.pictures.values()))
    row = f"{asked:,}", f"{asked / images:.2f}", f"{prompts:,}", f"{parted:,}", f"{asked / prompts:.2f}"
    table.add_row("all", *row)
    return table


def _totals(report: MergeReport) -> Table:
    """A row a layout: sequences, pictures encoded and tokens of one epoch."""
    table = Table(title="one epoch, 1,200 tokens a picture")
    for column in ("layout", "sequences", "images encoded", "LM tokens", "trained tokens", "less"):
        table.add_column(column, justify="left" if column == "layout" else "right")
    whole = report.workloads["separate"].tokens
    for layout, work in report.workloads.items():
        numbers = (f"{n:,}" for n in (work.sequences, work.images, work.tokens, work.answers))
        table.add_row(layout, *numbers, f"{whole / work.tokens:.2f}x")
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=11_000)
    parser.add_argument("--questions", type=int, default=550_000, help="of all images, about")
    parser.add_argument("--max-questions", type=int, default=Caps().questions)
    parser.add_argument("--max-tokens", type=int, default=Caps().tokens)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
