"""What a model says of distortions that other code made, of clean photographs and of a real camera's noise.

    python benchmarks/foreign.py PHOTOS TEST [--model MODEL] [--pairs FOLDER [DATA]] [--pictures N] [--json]

PHOTOS: the folder of photographs. TEST: a data folder whose pictures name, as their sources, the photographs that the
model has not seen. FOLDER: pairs NAME_real.* and NAME_mean.*, a noisy photograph and the mean of many of its kind;
with DATA only those of the scenes that this data folder names as its sources.

Recall: share of the distorted pictures in which a right name is found, over three strengths; SRCC: of the score with
the strength, over six strengths of a picture, mean over pictures. MODEL may be `classical`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contenders.foreign import KINDS, Foreign
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from finesight.data.folder import read_folder
from finesight.data.images import load_picture
from finesight.data.synthesise.camera import Pair, find_pairs
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType
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
    clean = [len(found(o)) for side in SIDES for o in look(model, (shrink(p, side) for p in photos))]
    result: dict[str, Any] = {
        "pictures": len(some),
        "kinds": kinds,
        "recall": statistics.mean(k["recall"] for k in kinds.values()),
        "clean_findings": statistics.mean(clean),
        "clean_share": sum(not n for n in clean) / len(clean),
    }
    if arguments.pairs:
        result |= real_noise(model, pairs_of(*arguments.pairs))
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


def measure(model: Any, kind: Foreign, photos: Sequence[Path]) -> dict[str, Any]:
    """Recall and ranking of one kind."""
    recalled, ranks, unreadable = [], [], 0
    for photo in photos:
        clean = shrink(photo, 512)
        outcomes = list(look(model, [kind.apply(clean, s) for s in STRENGTHS]))
        unreadable += sum(o.diagnosis is None for o in outcomes)
        recalled += [
            bool(found(o) & kind.right) for s, o in zip(STRENGTHS, outcomes, strict=True) if s in ASKED
        ]
        scores = [(s, o.score) for s, o in zip(STRENGTHS, outcomes, strict=True) if o.score is not None]
        if len({score for _, score in scores}) > 1:
            ranks.append(srcc(np.array([-s for s, _ in scores]), np.array([score for _, score in scores])))
    return {
        "recall": sum(recalled) / len(recalled),
        "srcc": statistics.mean(ranks) if ranks else None,
        "unreadable": unreadable,
    }


def pairs_of(folder: Path, data: Path | None = None) -> list[Pair]:
    """The pairs of a folder, or of the scenes of a data folder alone."""
    scenes = {a.source for a in read_folder(data)} if data else None
    return [pair for pair in find_pairs(folder) if scenes is None or pair.scene in scenes]


def real_noise(model: Any, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Share of pictures with noise found, among those with a camera's noise and among their means."""
    shares: dict[str, Any] = {"pairs": len(pairs)}
    for name in ("noisy", "mean"):
        pictures = (Image.fromarray(load_picture(getattr(pair, name)).rgb) for pair in pairs)
        outcomes = list(look(model, pictures))
        shares[f"noise_found_{name}"] = sum(DistortionType.NOISE in found(o) for o in outcomes) / len(
            outcomes
        )
    return shares


def show(result: dict[str, Any]) -> None:
    table = Table("kind", "recall", "SRCC", "unreadable")
    for name, row in result["kinds"].items():
        ranking = "-" if row["srcc"] is None else f"{row['srcc']:.2f}"
        table.add_row(name, f"{row['recall']:.2f}", ranking, str(row["unreadable"]))
    console = Console(stderr=True)
    console.print(table)
    for name, value in result.items():
        if name != "kinds":
            console.print(f"{name.replace('_', ' ')}: {value:.3g}")


if __name__ == "__main__":
    main()
