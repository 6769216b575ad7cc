"""Learning to rank, top to bottom: series of pictures -> pairs -> a tilt of nano's score -> model folder.

The dense head grades in classes: within one of them, weak and strong look alike. Series of one picture growing worse
(`finesight data synthesise --series`) say which is worse without saying by how much, and the features of the trunk
and what the encoder makes of them are fine enough to tell. Nothing but `encoder.feature_tilt` and
`encoder.hidden_tilt` changes, so answers stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from finesight.data.folder import image_path, read_folder
from finesight.errors import InputError, ModelError
from finesight.model.family import ImageFeatures, NanoFamily
from finesight.model.load import load_model, save_model
from finesight.model.nano.glance import log_odds
from finesight.model.nano.vision import CellEncoder, pad_cells
from finesight.schema.annotation import Annotation
from finesight.schema.taxonomy import Level
from finesight.train.bradley_terry import fit_tilt, ordered, ordered_by_others, pairs_of, ridge_of
from finesight.train.features import FeatureStore

PENALTY = 0.001
CONSTANCY = 0.005
"""Chosen on photographs that neither training nor test has (`runs/photos.sh OUT runs/held.txt`): every kind of what
other code distorted is well in order there (SRCC .92), and pictures of many scenes are as well in order as they were.
Firmer ones order those better and one scene growing worse less well, looser ones the other way round."""


class Look(NamedTuple):
    """What ranking needs to know of a picture: its traits (F,), and its score before it is tilted, in log-odds."""

    traits: Tensor
    odds: float


class RankReport(BaseModel):
    """What was fitted. ordered_before, ordered: share of the pairs that the score has in their order, before and now,
    each pair by a fit to other photographs; skipped: records and pictures that could not be used, and why.
    """

    model_config = ConfigDict(frozen=True)

    series: int
    pairs: int
    ordered_before: float
    ordered: float
    skipped: tuple[str, ...]


def train_rank(
    data: Path,
    out: Path,
    model: str,
    penalty: float = PENALTY,
    constancy: float = CONSTANCY,
    track: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> RankReport:
    """Fit the tilt of a nano's score to the series of a data folder and write the model to `out`.

    A run that was killed goes on from the features it has kept beside `out`.

    Args:
        penalty, constancy: of the weights and of what they make of different scenes, see `bradley_terry.ridge_of`.
        track: hands on pictures, and shows how far it has come.

    Raises:
        InputError: `out` is there already, or no series can be used. ModelError: no nano there.
    """
    if out.exists():
        raise InputError(f"{out}: is there already; name another folder or delete it")
    reading = read_folder(data)
    series = series_of(reading)
    if not series:
        raise InputError(
            f"{data}: has no series; make them with `finesight data synthesise PHOTOS {data} --series`"
        )
    loaded = load_model(model)
    if not isinstance(loaded.family, NanoFamily):
        raise ModelError(
            f"{model}: only the score of a nano is tilted; other families' is that of their words"
        )
    nano = loaded.family
    encoder: CellEncoder = nano.model.model.visual.encoder
    encoder.tilt_by(torch.zeros_like(encoder.tilt))
    store = FeatureStore(loaded, out.with_name(f"{out.name}.features"))
    seen, problems = _look(nano, store, data, [a.image for one in series for a in one], track)
    left = [[seen[a.image] for a in one if a.image in seen] for one in series]
    if all(len(looks) < 2 for looks in left):
        why = problems[0] if problems else "one picture each"
        raise InputError(f"{data}: no two pictures of a series can be compared ({why})")
    number = {source: n for n, source in enumerate(sorted({one[0].source for one in series}))}
    pairs = pairs_of(left, [number[one[0].source] for one in series])
    ridge = ridge_of(torch.stack([looks[0].traits for looks in left if looks]), penalty, constancy)
    encoder.tilt_by(fit_tilt(pairs, ridge))
    save_model(loaded, out)
    return RankReport(
        series=len(series),
        pairs=len(pairs.odds),
        ordered_before=float(ordered(pairs).float().mean()),
        ordered=float(ordered_by_others(pairs, ridge).float().mean()),
        skipped=(*map(str, reading.skipped), *problems),
    )


def series_of(annotations: Iterable[Annotation]) -> list[list[Annotation]]:
    """Pictures by series, each from best to worst; those of none are left out."""
    series: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        if annotation.series:
            series.setdefault(annotation.series, []).append(annotation)
    return list(series.values())


def _look(
    nano: NanoFamily,
    store: FeatureStore,
    data: Path,
    images: list[str],
    track: Callable[[Sequence[Any]], Iterable[Any]],
) -> tuple[dict[str, Look], list[str]]:
    """What is seen in each picture that can be read, and why the others cannot."""
    seen: dict[str, Look] = {}
    problems: list[str] = []
    for image in track(images):
        try:
            features = store(image_path(data, image))
        except InputError as error:
            problems.append(str(error))
            continue
        seen[image] = _look_at(nano, features)
    return seen, problems


def _look_at(nano: NanoFamily, features: ImageFeatures) -> Look:
    encoder: CellEncoder = nano.model.model.visual.encoder
    cells = pad_cells(*nano.cells([features]))
    with torch.inference_mode():
        seen = encoder(cells)
        traits = encoder.traits(encoder.standardised(cells.features), seen.hidden, cells.light)[0]
    return Look(traits, log_odds(Level.expected(seen.dense.glance(0, len(features.cells)).levels)))
