"""What a model says of distortions that other code made, of clean photographs and of a real camera's noise.

    python benchmarks/foreign.py PHOTOS TEST [--model MODEL] [--pairs FOLDER [DATA]] [--pictures N] [--json]

PHOTOS: the folder of photographs. TEST: a data folder whose pictures name, as their sources, the photographs that the
model has not seen. FOLDER: pairs NAME_real.* and NAME_mean.*, a noisy photograph and the mean of many of its kind;
with DATA only those of the scenes that this data folder names as its sources.

Recall: share of the distorted pictures in which a right name is found, over three strengths; SRCC: of the score with
the strength, over six strengths of a picture, mean over pictures; both of all kinds: the mean over kinds. Intervals
of 95 % are over photographs, those of a camera's noise over its pairs. MODEL may be `classical`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from contenders.foreign import KINDS, Foreign
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from finesight.data.folder import read_folder
from finesight.data.images import load_picture
from finesight.data.synthesise.camera import Pair, find_pairs
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType
from finesight.scoring.bootstrap import bootstrap_intervals
from finesight.scoring.correlation import srcc

STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
ASKED = (0.2, 0.6, 1.0)
SIDES = (384, 512, 1024)
"""Long sides at which clean photographs are shown."""


def main() -> None:
    arguments = parse()
    model = load(arguments.model)
    photos = unseen(arguments.photos, arguments.test)
    some = photos[: arguments.pictures]
    kinds = {
        name: measure(model, kind, some)
        for name, kind in track(KINDS.items(), "kinds", console=Console(stderr=True), transient=True)
    }
    clean = np.array(
        [[len(found(o)) for o in look(model, (shrink(p, side) for p in photos))] for side in SIDES]
    )
    figures = with_intervals(lambda rows: of_kinds(kinds, rows), len(some))
    figures |= with_intervals(
        lambda rows: {"clean_findings": clean[:, rows].mean(), "clean_share": (clean[:, rows] == 0).mean()},
        len(photos),
    )
    pairs = pairs_of(*arguments.pairs) if arguments.pairs else []
    if pairs:
        figures |= real_noise(model, pairs)
    result = {
        "pictures": len(some),
        "pairs": len(pairs),
        "figures": figures,
        "unreadable": {n: k.unreadable for n, k in kinds.items()},
    }
    show(result)
    if arguments.json:
        print(json.dumps(result))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="distortions of other hands")
    parser.add_argument("photos", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--model", help="as in finesight diagnose, or classical")
    parser.add_argument("--pairs", type=Path, nargs="+")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def load(name: str | None) -> Any:
    """Whatever diagnoses pictures under that name."""
    if name == "classical":
        from finesight.baselines.classical import ClassicalDiagnoser

        return ClassicalDiagnoser()
    from finesight.model.diagnose import load_diagnoser

    return load_diagnoser(name)


def unseen(photos: Path, test: Path) -> list[Path]:
    """The photographs of a data folder, by name."""
    return [photos / name for name in sorted({a.source for a in read_folder(test) if a.source})]


def shrink(path: Path, side: int) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def look(model: Any, pictures: Iterable[Image.Image]) -> Iterator[Outcome]:
    """What a model says of each, a few at a time."""
    waiting: list[Picture] = []
    for n, picture in enumerate(pictures):
        waiting.append(Picture(str(n), np.asarray(picture), ""))
        if len(waiting) == 8:
            yield from model.diagnose(waiting)
            waiting = []
    if waiting:
        yield from model.diagnose(waiting)


def found(outcome: Outcome) -> set[DistortionType]:
    return {f.type for f in outcome.diagnosis.findings} if outcome.diagnosis else set()


class Measured(NamedTuple):
    """What was seen of one kind.

    recalled: (photographs, asked strengths), whether a right name was found. ranks: (photographs,) correlations, NaN
    where all scores are alike. unreadable: answers.
    """

    recalled: NDArray[np.bool_]
    ranks: NDArray[np.float64]
    unreadable: int


def measure(model: Any, kind: Foreign, photos: Sequence[Path]) -> Measured:
    """Recall and ranking of one kind."""
    recalled, ranks, unreadable = [], [], 0
    for photo in photos:
        clean = shrink(photo, 512)
        outcomes = list(look(model, [kind.apply(clean, s) for s in STRENGTHS]))
        unreadable += sum(o.diagnosis is None for o in outcomes)
        recalled.append(
            [bool(found(o) & kind.right) for s, o in zip(STRENGTHS, outcomes, strict=True) if s in ASKED]
        )
        scores = [(s, o.score) for s, o in zip(STRENGTHS, outcomes, strict=True) if o.score is not None]
        varied = len({score for _, score in scores}) > 1
        ranks.append(srcc(*np.array([(-s, score) for s, score in scores]).T) if varied else np.nan)
    return Measured(np.array(recalled), np.array(ranks), unreadable)


def of_kinds(kinds: Mapping[str, Measured], rows: NDArray[np.intp]) -> dict[str, float | None]:
    """Recall and SRCC of each kind over some of the photographs, and of all; None where no scores differ."""
    recall: dict[str, float | None] = {
        name: float(kind.recalled[rows].mean()) for name, kind in kinds.items()
    }
    ranks = {name: kind.ranks[rows] for name, kind in kinds.items()}
    order = {name: float(np.nanmean(r)) if not np.isnan(r).all() else None for name, r in ranks.items()}
    every = {"recall": recall, "srcc": order}
    figures = {f"{what} of {name}": value for what, of in every.items() for name, value in of.items()}
    for what, of in every.items():
        known = [value for value in of.values() if value is not None]
        figures[what] = statistics.mean(known) if known else None
    return figures


def with_intervals(
    statistic: Callable[[NDArray[np.intp]], Mapping[str, float | None]], count: int
) -> dict[str, Any]:
    """Of each figure its value and 95 % interval over so many items."""
    whole, intervals = statistic(np.arange(count)), bootstrap_intervals(statistic, count)
    return {name: {"value": value, "interval": intervals[name]} for name, value in whole.items()}


def pairs_of(folder: Path, data: Path | None = None) -> list[Pair]:
    """The pairs of a folder, or of the scenes of a data folder alone."""
    scenes = {a.source for a in read_folder(data)} if data else None
    return [pair for pair in find_pairs(folder) if scenes is None or pair.scene in scenes]


def real_noise(model: Any, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Share of pictures with noise found, among those with a camera's noise and among their means."""
    noticed = {}
    for name in ("noisy", "mean"):
        pictures = (Image.fromarray(load_picture(getattr(pair, name)).rgb) for pair in pairs)
        noticed[name] = np.array([DistortionType.NOISE in found(o) for o in look(model, pictures)])
    return with_intervals(
        lambda rows: {f"noise_found_{name}": float(seen[rows].mean()) for name, seen in noticed.items()},
        len(pairs),
    )


def show(result: dict[str, Any]) -> None:
    figures = dict(result["figures"])
    table = Table("kind", "recall", "SRCC", "unreadable")
    for name, unreadable in result["unreadable"].items():
        cells = (told(figures.pop(f"{what} of {name}")) for what in ("recall", "srcc"))
        table.add_row(name, *cells, str(unreadable))
    console = Console(stderr=True)
    console.print(table)
    for name in ("pictures", "pairs"):
        console.print(f"{name}: {result[name]}")
    for name, figure in figures.items():
        console.print(f"{name.replace('_', ' ')}: {told(figure, 3)}")


def told(figure: dict[str, Any], digits: int = 2) -> str:
    if figure["value"] is None:
        return "-"
    interval = figure["interval"]
    sure = f" ({interval[0]:.{digits}f} to {interval[1]:.{digits}f})" if interval else ""
    return f"{figure['value']:.{digits}f}{sure}"


if __name__ == "__main__":
    main()
