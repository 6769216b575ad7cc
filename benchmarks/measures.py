"""How a model ranks severity beside classical measures that need no training of ours.

    python benchmarks/measures.py PHOTOS TEST [--model MODEL] [--pictures N] [--json]

PHOTOS and TEST as in foreign.py, whose distortions by other hands these are, at six strengths of each picture.
For every kind: Spearman's correlation of what a measure says with quality (falling strength), as the mean over
pictures of the correlation within one (`within`), and over all pictures at once (`across`), where a measure has to
know how good a picture is that it sees for the first time. `all kinds`: the same over all kinds at once, by the rank
of strength.

The measures: BRISQUE with the weights of the package `brisque` (Mittal et al., IEEE TIP 2012), sharpness (variance of
the Laplacian, Pech-Pacheco et al., ICPR 2000), noise (Immerkaer, CVIU 64, 1996) and blockiness (steps on the 8 x 8
grid over all steps, after Wang et al., ICIP 2000).
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from contenders.brisque import Brisque
from contenders.foreign import KINDS, Foreign
from foreign import STRENGTHS, load, look, shrink, unseen
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from finesight.scoring.correlation import srcc

Scores = NDArray[np.float64]
"""(pictures, strengths), higher is better."""


def main() -> None:
    """Print the table; with --json its rows on the last line."""
    arguments = parse()
    photos = unseen(arguments.photos, arguments.test)[: arguments.pictures]
    measures: dict[str, Callable[[Sequence[Image.Image]], list[float]]] = {
        "model": judged_by(load(arguments.model)),
        "BRISQUE": each(Brisque()),
        "sharpness": each(sharpness),
        "noise": each(lambda rgb: -noise(rgb)),
        "blockiness": each(lambda rgb: -blockiness(rgb)),
    }
    scores: dict[str, dict[str, Scores]] = {name: {} for name in measures}
    for kind, way in track(KINDS.items(), "kinds", console=Console(stderr=True), transient=True):
        pictures = [made(way, photo) for photo in photos]
        for name, measure in measures.items():
            scores[name][kind] = np.array([measure(row) for row in pictures])
    rows = {kind: {n: ranked(scores[n][kind]) for n in measures} for kind in KINDS}
    rows["all kinds"] = {n: ranked(np.concatenate(list(scores[n].values()))) for n in measures}
    show(rows)
    if arguments.json:
        print(json.dumps({"pictures": len(photos), "rows": rows}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--model", help="as in finesight diagnose")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def made(way: Foreign, photo: Path) -> list[Image.Image]:
    clean = shrink(photo, 512)
    return [way.apply(clean, strength) for strength in STRENGTHS]


def judged_by(model: Any) -> Callable[[Sequence[Image.Image]], list[float]]:
    """A model's scores; what it cannot say of a picture is no number."""
    return lambda pictures: [np.nan if o.score is None else o.score for o in look(model, pictures)]


def each(measure: Callable[[NDArray[np.uint8]], float]) -> Callable[[Sequence[Image.Image]], list[float]]:
    return lambda pictures: [measure(np.asarray(picture)) for picture in pictures]


def sharpness(rgb: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian."""
    return float(cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def noise(rgb: NDArray[np.uint8]) -> float:
    """Sigma of white noise in grey levels: Immerkaer's mask, which no edge that is straight answers to."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(float)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], float)
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(cv2.filter2D(luma, -1, mask)[1:-1, 1:-1]).mean())


def blockiness(rgb: NDArray[np.uint8]) -> float:
    """Mean step across the borders of 8 x 8 blocks over the mean of all others, both ways."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(float)
    ratios = []
    for plane in (luma, luma.T):
        steps = np.abs(np.diff(plane, axis=1)).mean(0)
        border = np.arange(len(steps)) % 8 == 7
        ratios.append(steps[border].mean() / (steps[~border].mean() + 1e-3))
    return float(np.mean(ratios))


def ranked(scores: Scores) -> dict[str, float | None]:
    """Correlation with quality within and across pictures; rows with no number or no order are left out."""
    quality = -np.array(STRENGTHS)
    rows = [row for row in scores if np.isfinite(row).all()]
    ordered = [srcc(quality, row) for row in rows if len(set(row)) > 1]
    values = np.concatenate(rows) if rows else np.zeros(0)
    across = srcc(np.tile(quality, len(rows)), values) if len(set(values)) > 1 else None
    return {"within": statistics.mean(ordered) if ordered else None, "across": across}


def show(rows: dict[str, dict[str, dict[str, float | None]]]) -> None:
    names = list(next(iter(rows.values())))
    table = Table("within / across", *names)
    for kind, row in rows.items():
        table.add_row(kind, *(" / ".join(map(written, row[name].values())) for name in names))
    Console(stderr=True, width=140).print(table)


def written(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
