"""Other ways in which the same complaint comes about: what `variety = "wide"` draws from beside the plain ones.

A model that has met one way only learns the way and not the complaint: JPEG blocks and no others, one kind of
sharpening. These are cruder and more varied; each keeps the severities of its plain sibling in steps that the
eye would put in the same class. Unlike those of the plain ways, the ranges of neighbouring severities meet: what
lies between two classes is to be learnt as lying between them. None is fitted to anything published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.synthesise import edges, exposure, noise, optics
from finesight.data.synthesise.region import Rgb
from finesight.errors import InputError
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

Span = tuple[float, float]
Way = Callable[[Rgb, Severity, np.random.Generator, float], Rgb]


def spans(minor: Span, moderate: Span, severe: Span) -> dict[Severity, Span]:
    """A parameter's range by severity."""
    return {Severity.MINOR: minor, Severity.MODERATE: moderate, Severity.SEVERE: severe}


GAUSSIAN_BLUR = spans((1.5, 2.9), (2.9, 5.9), (5.9, 13.0))
"""Standard deviation, thousandths of the diagonal."""
SHAKE = spans((9.0, 17.7), (17.7, 40.0), (40.0, 80.0))
"""Length of a bent path, thousandths of the diagonal."""
ENLARGED = spans((3.7, 5.9), (5.9, 9.5), (9.5, 16.0))
"""Distance of the samples before enlarging, thousandths of the diagonal."""
WEBP_QUALITY = spans((7.5, 18), (2, 7.5), (0, 2))
"""libwebp's, of 0..100."""
JPEG_QUALITY = spans((14.5, 30), (7.5, 14.5), (2, 7.5))
"""libjpeg's, of 1..100."""
GRAIN = spans((8.0, 16.0), (16.0, 34.0), (34.0, 65.0))
"""Standard deviation of grain in code values before it is smeared."""
CODE_SHIFT = spans((24.0, 52.0), (52.0, 95.0), (95.0, 155.0))
"""Brightness added or taken away in code values."""
CODE_GAIN = spans((1.3, 1.7), (1.7, 2.65), (2.65, 5.0))
"""Contrast-preserving gain of the code values."""
SHARPENING = spans((1.8, 3.7), (3.7, 7.7), (7.7, 15.0))
"""Gain of an unsharp mask."""
JAGGED = spans((3.8, 6.4), (6.4, 11.0), (11.0, 18.0))
"""Distance of the point samples before smooth enlarging, thousandths of the diagonal."""
BAND_PERIOD = spans((5.0, 8.0), (8.0, 13.0), (13.0, 24.0))
"""Distance of two ripples that an ideal low-pass leaves, thousandths of the diagonal."""
UNSHARP_RADIUS: Span = (1.8, 4.0)
"""Standard deviation of the mask, thousandths of the diagonal."""


def gaussian_blur(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Blurred by a Gaussian, as software does it."""
    sigma = _draw(GAUSSIAN_BLUR, severity, rng) * diagonal / 1000
    blurred: Rgb = cv2.GaussianBlur(rgb, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return blurred


def shake(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Moved along a bent path, as a hand moves."""
    length = _draw(SHAKE, severity, rng) * diagonal / 1000
    blurred: Rgb = cv2.filter2D(rgb, -1, _path(length, rng), borderType=cv2.BORDER_REPLICATE)
    return blurred


def enlarge(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Enlarged from few pixels by one of the usual interpolations, contrast as it was."""
    height, width = rgb.shape[:2]
    step = max(1.2, _draw(ENLARGED, severity, rng) * diagonal / 1000)
    small = cv2.resize(
        rgb, (max(1, round(width / step)), max(1, round(height / step))), interpolation=cv2.INTER_AREA
    )
    ways = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
    large: Rgb = cv2.resize(small, (width, height), interpolation=ways[int(rng.integers(3))])
    return large


def webp(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Predicted blocks of 4 to 16 pixels, as video encoders make them."""
    quality = round(_draw(WEBP_QUALITY, severity, rng))
    return _coded(rgb, ".webp", [cv2.IMWRITE_WEBP_QUALITY, max(1, quality)])


def jpeg_at_another_size(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Compressed before it was resized: blocks of 5 to 14 pixels, sharp or soft."""
    height, width = rgb.shape[:2]
    scale = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    quality = round(_draw(JPEG_QUALITY, severity, rng))
    coded = _coded(
        cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    way = cv2.INTER_NEAREST if rng.random() < 0.2 else cv2.INTER_LINEAR
    back: Rgb = cv2.resize(coded, (width, height), interpolation=way)
    return back


def jpeg(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Compressed with the encoder's own balance of colour and light, colour halved or not."""
    sampling = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if rng.random() < 0.6 else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    )
    quality = round(_draw(JPEG_QUALITY, severity, rng))
    return _coded(
        rgb, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    )


def smeared_grain(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Grain that a camera has smoothed: neighbours alike, more of it in the light, colour with it or not."""
    channels = 3 if rng.random() < 0.6 else 1
    grain = rng.standard_normal((*rgb.shape[:2], channels), dtype=np.float32)
    blurred = cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(0.4, 1.1)))
    blurred = (blurred / blurred.std()).reshape(*rgb.shape[:2], channels)
    by_light = np.sqrt(0.35 + 0.65 * rgb.astype(np.float32) / 128) if rng.random() < 0.5 else np.float32(1)
    return _added(rgb, blurred * by_light * np.float32(0.8 * _draw(GRAIN, severity, rng)))


def speckle(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Grain in proportion to the light."""
    grain = rng.standard_normal(rgb.shape, dtype=np.float32) * np.float32(_draw(GRAIN, severity, rng) / 110)
    return _added(rgb, rgb.astype(np.float32) * grain)


def compressed_grain(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Grain that went through a JPEG of good quality, as it does in every camera."""
    noisy = noise.add_noise(rgb, severity, rng, diagonal)
    return _coded(noisy, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(72, 95))])


def sharpen(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Sharpened too much: a halo on each side of an edge, no ripples."""
    sigma = max(0.8, float(rng.uniform(*UNSHARP_RADIUS)) * diagonal / 1000)
    picture = rgb.astype(np.float32)
    smooth = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    # Texture would be amplified with the edges; what is small on its own is left alone.
    detail = picture - smooth
    detail *= np.minimum(1, np.abs(detail) / 8)
    return _added(rgb, detail * np.float32(_draw(SHARPENING, severity, rng) * 0.5))


def band_limit(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Cut off above a frequency, as crude resizers and wavelet coders do it: what is left ripples beside edges."""
    period = max(3.0, round(_draw(BAND_PERIOD, severity, rng) * diagonal / 1000, 1))
    return edges.ideal_low_pass(rgb, period)


def jagged_rows(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Point-sampled, then enlarged smoothly: stairs with soft treads."""
    height, width = rgb.shape[:2]
    step = max(1.5, _draw(JAGGED, severity, rng) * diagonal / 1000)
    size = max(1, round(width / step)), max(1, round(height / step))
    coarse = cv2.resize(rgb, size, interpolation=cv2.INTER_NEAREST)
    doubled = cv2.resize(coarse, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_NEAREST)
    jagged: Rgb = cv2.resize(doubled, (width, height), interpolation=cv2.INTER_LINEAR)
    return jagged


def brighten(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Code values raised, multiplied until they clip, or bent by a gamma, as editors do it."""
    values, way = np.arange(256, dtype=np.float64), int(rng.integers(3))
    if way == 0:
        return _through(rgb, values + _draw(CODE_SHIFT, severity, rng))
    if way == 1:
        return _through(rgb, values * _draw(CODE_GAIN, severity, rng))
    return exposure.bend(rgb, 1 / _draw(CODE_GAIN, severity, rng))


def darken(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Code values lowered, divided or bent by a gamma."""
    values, way = np.arange(256, dtype=np.float64), int(rng.integers(3))
    if way == 0:
        return _through(rgb, values - _draw(CODE_SHIFT, severity, rng))
    if way == 1:
        return _through(rgb, values / (1.15 * _draw(CODE_GAIN, severity, rng)))
    return exposure.bend(rgb, 1.1 * _draw(CODE_GAIN, severity, rng))


def noisy_dark(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Too little light, with the faint grain that comes with it."""
    dark = exposure.underexpose(rgb, severity, rng, diagonal)
    return _added(dark, rng.standard_normal(rgb.shape, dtype=np.float32) * np.float32(rng.uniform(0.5, 2.5)))


WAYS: dict[T, tuple[Way, ...]] = {
    T.OUT_OF_FOCUS_BLUR: (optics.defocus, gaussian_blur),
    T.MOTION_BLUR: (optics.motion_blur, optics.motion_blur, shake),
    T.LOW_CLARITY: (optics.low_clarity, enlarge),
    T.OVEREXPOSURE: (exposure.overexpose, brighten),
    T.UNDEREXPOSURE: (exposure.underexpose, darken, noisy_dark),
    T.EDGE_ALIASING_EFFECT: (edges.alias, jagged_rows),
    T.EDGE_RINGING_EFFECT: (edges.ring, sharpen, band_limit),
    T.NOISE: (noise.add_noise, smeared_grain, compressed_grain, speckle),
    T.BLOCKING_ARTIFACTS: (jpeg, jpeg_at_another_size, webp),
}
"""The ways of a type, equally often; a type that is not here has its plain one. The plain JPEG starves colour less
than encoders do, so it is left out."""


def _draw(table: dict[Severity, Span], severity: Severity, rng: np.random.Generator) -> float:
    return float(rng.uniform(*table[severity]))


def _through(rgb: Rgb, curve: NDArray[np.float64]) -> Rgb:
    mapped: Rgb = cv2.LUT(rgb, np.round(curve).clip(0, 255).astype(np.uint8))
    return mapped


def _added(rgb: Rgb, change: NDArray[np.float32]) -> Rgb:
    changed: Rgb = (rgb + change).round().clip(0, 255).astype(np.uint8)
    return changed


def _coded(rgb: Rgb, suffix: str, options: list[int]) -> Rgb:
    ok, data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    decoded: Any = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if ok else None
    if decoded is None:
        raise InputError(f"cannot encode a picture of shape {rgb.shape} as {suffix}")
    coded: Rgb = decoded
    return coded


def _path(length: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Weights of a quadratic curve of that length in pixels, of unit sum, its middle in the middle."""
    angle, bend = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
    t = np.linspace(-0.5, 0.5, max(16, int(4 * length)))
    along, across = length * t, length * bend * (4 * t * t - 1 / 3)
    x = along * np.cos(angle) - across * np.sin(angle)
    y = along * np.sin(angle) + across * np.cos(angle)
    reach = int(np.ceil(max(np.abs(x).max(), np.abs(y).max()))) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    np.add.at(kernel, (np.round(y).astype(int) + reach, np.round(x).astype(int) + reach), 1.0)
    kernel = cv2.GaussianBlur(kernel, (0, 0), 0.5)
    path: NDArray[np.float32] = kernel / kernel.sum()
    return path
