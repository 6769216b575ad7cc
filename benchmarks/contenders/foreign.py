"""Distortions by other hands (Pillow, scikit-image, SciPy, FFmpeg), of whole pictures and at any strength.

None of it shares code or parameters with `finesight data synthesise`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from scipy import ndimage
from skimage import exposure, filters, morphology, util

from finesight.schema.taxonomy import DistortionType as T

Apply = Callable[[Image.Image, float], Image.Image]
_BLURS = frozenset({T.OUT_OF_FOCUS_BLUR, T.LOW_CLARITY})


class Foreign(NamedTuple):
    """A kind of distortion: the names that are right for it, and (picture, strength 0..1) -> picture."""

    right: frozenset[T]
    apply: Apply


def between(low: float, high: float, strength: float) -> float:
    """A parameter on a geometric scale."""
    return float(low * (high / low) ** strength)


def through(change: Callable[[np.ndarray, float], np.ndarray]) -> Apply:
    """A change of floats in 0..1 as one of pictures."""

    def apply(picture: Image.Image, strength: float) -> Image.Image:
        changed = change(np.asarray(picture, np.float64) / 255, strength)
        return Image.fromarray((np.clip(changed, 0, 1) * 255).round().astype(np.uint8))

    return apply


def encoded(codec: str, options: Callable[[float], dict[str, str]]) -> Apply:
    """A frame of a video that an encoder was given few bits for."""

    def apply(picture: Image.Image, strength: float) -> Image.Image:
        even = picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))
        file = io.BytesIO()
        with av.open(file, "w", format="matroska") as container:
            stream = container.add_stream(codec, rate=25, options=options(strength))
            stream.width, stream.height, stream.pix_fmt = even.width, even.height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 25)
            for _ in range(3):
                container.mux(stream.encode(av.VideoFrame.from_image(even)))
            container.mux(stream.encode(None))
        file.seek(0)
        with av.open(file) as container:
            frames = list(container.decode(video=0))
        return frames[-1].to_image().convert("RGB")

    return apply


def enlarged(way: Image.Resampling, small: Image.Resampling) -> Apply:
    def apply(picture: Image.Image, strength: float) -> Image.Image:
        step = between(2.2, 7, strength)
        size = max(1, round(picture.width / step)), max(1, round(picture.height / step))
        return picture.resize(size, small).resize(picture.size, way)

    return apply


def jpeg(picture: Image.Image, strength: float) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=round(between(22, 4, strength)))
    return Image.open(file).convert("RGB")


def patch(picture: Image.Image, strength: float) -> Image.Image:
    """A green rectangle at a third of the way."""
    side = between(0.2, 0.6, strength)
    x, y = picture.width / 3 * (1 - side), picture.height / 3 * (1 - side)
    out = picture.copy()
    box = (x, y, x + side * picture.width, y + side * picture.height)
    ImageDraw.Draw(out).rectangle(box, fill=(40, 160, 90))
    return out


def _disc(x: np.ndarray, strength: float) -> np.ndarray:
    disc = morphology.disk(round(between(2, 10, strength))).astype(float)
    return np.stack([ndimage.convolve(x[..., c], disc / disc.sum(), mode="nearest") for c in range(3)], -1)


def _noise(mode: str, low: float, high: float, key: str) -> Apply:
    return through(
        lambda x, s: util.random_noise(x, mode, rng=np.random.default_rng(0), **{key: between(low, high, s)})
    )


KINDS: dict[str, Foreign] = {
    "Gaussian blur (Pillow)": Foreign(
        _BLURS, lambda p, s: p.filter(ImageFilter.GaussianBlur(between(1.3, 7, s)))
    ),
    "box blur (Pillow)": Foreign(_BLURS, lambda p, s: p.filter(ImageFilter.BoxBlur(between(2, 10, s)))),
    "disc blur (SciPy)": Foreign(_BLURS, through(_disc)),
    "bicubic enlargement (Pillow)": Foreign(_BLURS, enlarged(Image.Resampling.BICUBIC, Image.Resampling.BOX)),
    "row blur (SciPy)": Foreign(
        frozenset({T.MOTION_BLUR}),
        through(lambda x, s: ndimage.uniform_filter1d(x, round(between(8, 48, s)), axis=1, mode="nearest")),
    ),
    "column blur (SciPy)": Foreign(
        frozenset({T.MOTION_BLUR}),
        through(lambda x, s: ndimage.uniform_filter1d(x, round(between(8, 48, s)), axis=0, mode="nearest")),
    ),
    "nearest enlargement (Pillow)": Foreign(
        frozenset({T.EDGE_ALIASING_EFFECT}), enlarged(Image.Resampling.NEAREST, Image.Resampling.NEAREST)
    ),
    "Gaussian noise (scikit-image)": Foreign(frozenset({T.NOISE}), _noise("gaussian", 0.001, 0.04, "var")),
    "speckle (scikit-image)": Foreign(frozenset({T.NOISE}), _noise("speckle", 0.006, 0.15, "var")),
    "salt and pepper (scikit-image)": Foreign(frozenset({T.NOISE}), _noise("s&p", 0.01, 0.12, "amount")),
    "JPEG (Pillow)": Foreign(frozenset({T.BLOCKING_ARTIFACTS}), jpeg),
    "H.264 (x264)": Foreign(
        frozenset({T.BLOCKING_ARTIFACTS}),
        encoded("libx264", lambda s: {"crf": str(round(40 + 11 * s)), "preset": "veryfast"}),
    ),
    "MPEG-4 (FFmpeg)": Foreign(
        frozenset({T.BLOCKING_ARTIFACTS}),
        encoded("mpeg4", lambda s: {"qmin": (q := str(round(14 + 17 * s))), "qmax": q}),
    ),
    "brighter (Pillow)": Foreign(
        frozenset({T.OVEREXPOSURE}), lambda p, s: ImageEnhance.Brightness(p).enhance(between(1.5, 4, s))
    ),
    "darker (Pillow)": Foreign(
        frozenset({T.UNDEREXPOSURE}), lambda p, s: ImageEnhance.Brightness(p).enhance(between(0.55, 0.1, s))
    ),
    "gamma (scikit-image)": Foreign(
        frozenset({T.UNDEREXPOSURE}), through(lambda x, s: exposure.adjust_gamma(x, between(2, 6, s)))
    ),
    "unsharp mask (Pillow)": Foreign(
        frozenset({T.EDGE_RINGING_EFFECT}),
        lambda p, s: p.filter(ImageFilter.UnsharpMask(2.5, round(between(250, 1200, s)), 2)),
    ),
    "Butterworth (scikit-image)": Foreign(
        frozenset({T.EDGE_RINGING_EFFECT}),
        through(lambda x, s: filters.butterworth(x, between(0.12, 0.05, s), False, 10, channel_axis=-1)),
    ),
    "rectangle (Pillow)": Foreign(frozenset({T.MEANINGLESS_SOLID_COLOR}), patch),
}
