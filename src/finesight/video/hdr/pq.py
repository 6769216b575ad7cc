"""The perceptual quantizer of SMPTE ST 2084 and ITU-R BT.2100. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PQ_NITS = 10_000.0
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128


def pq_of_nits(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """PQ signal 0..1 of 0..10000 nits."""
    power = (np.clip(nits, 0, _PQ_NITS) / _PQ_NITS) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2, np.float64)


def nits_of_pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nits 0..10000 of a PQ signal 0..1."""
    power = np.clip(signal, 0, 1) ** (1 / _M2)
    return np.asarray(_PQ_NITS * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1), np.float64)
