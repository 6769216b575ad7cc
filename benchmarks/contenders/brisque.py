"""BRISQUE as the package `brisque` has it, weights included, set up for today's NumPy."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from brisque import BRISQUE
from numpy.typing import NDArray


class _Flat(BRISQUE):  # type: ignore[misc]
    """The package hands arrays of one number to float(), which NumPy refuses by now; the numbers are the same."""

    def scale_features(self, features: Iterable[object]) -> object:
        return super().scale_features(np.concatenate([np.ravel(f) for f in features]))


class Brisque:
    """Higher is better, as of all measures here; the published scale is 0 (best) to 100."""

    def __init__(self) -> None:
        self._brisque = _Flat(url=False)

    def __call__(self, rgb: NDArray[np.uint8]) -> float:
        return -float(self._brisque.score(rgb))
