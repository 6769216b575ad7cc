"""By how much the sound of a processed file is late, heard and not read: waveforms are laid over each other.

What packets say is not enough: a coder puts silence before the first sample, and whether a file tells a player to
leave it out depends on how it was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finesight.data.pyav import load_av
from finesight.video.opening import open_video

RATE = 2000
"""Samples a second at which sound is compared: half a millisecond."""
SECONDS = 60.0
"""So much of the beginning is listened to."""
REACH_S = 0.5
_ALIKE = 0.5
_AS_GOOD = 0.98
_SILENCE = 1e-4

Wave = NDArray[np.float32]


def lateness(source: Path, processed: Path, track: int, starts: tuple[float, float]) -> float | None:
    """Seconds by which a track is later than in the source; None where that cannot be heard.

    Args:
        track: number of the stream of sound, from 0. starts: time stamps of the first frame of both files, seconds.
    """
    one, other = (_wave(path, track, start) for path, start in zip((source, processed), starts, strict=True))
    return shift(one, other)


def shift(one: Wave, other: Wave) -> float | None:
    """Seconds by which the second sound is later, up to half of one; None for silence and for other sounds.

    Of shifts that fit alike, as in a steady tone, the smallest counts.
    """
    if min(len(one), len(other)) == 0 or min(one.std(), other.std()) < _SILENCE:
        return None
    reach = round(REACH_S * RATE)
    length = 1 << (max(len(one), len(other)) + reach).bit_length()
    spectrum = np.conj(np.fft.rfft(one - one.mean(), length)) * np.fft.rfft(other - other.mean(), length)
    fits = np.fft.irfft(spectrum, length)
    near = np.concatenate([fits[-reach:], fits[: reach + 1]])
    norm = float(np.linalg.norm(one - one.mean()) * np.linalg.norm(other - other.mean()))
    if near.max() < _ALIKE * norm:
        return None
    good = np.flatnonzero(near >= _AS_GOOD * near.max()) - reach
    return float(good[np.argmin(np.abs(good))]) / RATE


def _wave(path: Path, track: int, start: float) -> Wave:
    """The beginning of a track as one channel at 2 kHz, the first sample at the first frame of the video."""
    wave = np.zeros(round(SECONDS * RATE), np.float32)
    end = 0
    for at, samples in _heard(path, track):
        begin = round((at - start) * RATE)
        samples = samples[max(0, -begin) :]
        begin = max(0, begin)
        if begin >= len(wave):
            break
        samples = samples[: len(wave) - begin]
        wave[begin : begin + len(samples)] = samples
        end = max(end, begin + len(samples))
    return wave[:end]


def _heard(path: Path, track: int) -> Iterator[tuple[float, Wave]]:
    """Stretches of a track with their times; what is damaged ends it."""
    av = load_av()
    with open_video(path) as (container, _):
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in _frames(container, track):
            for part in resampler.resample(frame):
                if part.time is not None:
                    yield float(part.time), part.to_ndarray().reshape(-1)


def _frames(container: Any, track: int) -> Iterator[Any]:
    av = load_av()
    try:
        yield from container.decode(audio=track)
    except av.error.FFmpegError:
        return  # damage is counted, and judged, where frames are decoded
