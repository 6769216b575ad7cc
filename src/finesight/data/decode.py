"""The bytes of a picture file -> the pixels a person would see.

Pixels of whatever kind end as uint8 RGB: the EXIF orientation is applied, alpha is laid over white, an
embedded colour profile (CMYK among them) is converted to sRGB, deeper samples are scaled, an animation gives
its first frame. The content decides the format, never a name.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from finesight.errors import InputError

WORKING_PIXELS = 50_000_000
"""Larger pictures are reduced by a whole factor until they fit: JPEG while decoding, others right after."""
MAX_PIXELS = 178_000_000
"""Refused above this, for these formats decode at full size (Pillow itself refuses at 178,956,970)."""
MAX_JPEG_PIXELS = 256_000_000
"""JPEG decodes at a half or quarter, so the 200-megapixel files of telephones are within reach."""

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000")
"""Only these decoders are tried: others of Pillow are rare, or run programs (EPS), or have no signature."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_THEIR_SIDE = (5, 6, 7, 8)
_ORIENTATION = 0x0112  # EXIF 2.32, section 4.6.4
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
_PICTURES = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM"),
    *(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    *(b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
)
_KINDS = (
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"RIFF", "a video or sound"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML document"),
)


class Undecodable(InputError):
    """Bytes that give no picture, why, and what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy


def decode(data: bytes) -> NDArray[np.uint8]:
    """RGB pixels, uint8 (height, width, 3); a picture above `WORKING_PIXELS` comes reduced.

    Raises:
        Undecodable: not a picture, damaged, or beyond the limits.
    """
    # What Pillow warns of (odd EXIF, size between its two limits) either does not matter for the pixels or is
    # checked here. The filter is per process since catch_warnings is not safe in the threads that decode.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        image = _open(data)
        _refuse_oversize(image)
        _draft(image)
        image.load()
        turn = _TURNS.get(_orientation(image))
        image = _shrink(_to_rgb(_shrink(image) if _is_reducible(image) else image))
        return np.array(image if turn is None else image.transpose(turn))
    except Undecodable:
        raise
    except UnidentifiedImageError:
        raise Undecodable(_kind(data), "export it as JPEG or PNG") from None
    except Image.DecompressionBombError:
        raise _oversize(MAX_PIXELS) from None
    except MemoryError:
        raise Undecodable("not enough memory to decode it", "store it smaller") from None
    except Exception as error:  # decoders meet hostile bytes with nearly any exception type
        raise Undecodable(f"damaged picture ({brief(error)})", "copy or export it again") from error


def header_size(file: BinaryIO) -> tuple[int, int]:
    """(width, height) as a person would see the picture, out of its header alone.

    Raises:
        Undecodable: its header is not that of a picture.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        with Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            return (height, width) if _orientation(image) in _ON_THEIR_SIDE else (width, height)
    except Exception as error:  # as in `decode`
        raise Undecodable(f"no header of a picture ({brief(error)})", "copy or export it again") from error


def _open(data: bytes) -> Image.Image:
    """The picture with its header read. Pillow's own limit does not know that a JPEG can decode reduced."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        if not data.startswith(b"\xff\xd8"):
            raise
        return JpegImageFile(io.BytesIO(data))


def _refuse_oversize(image: Image.Image) -> None:
    limit = MAX_JPEG_PIXELS if isinstance(image, JpegImageFile) else MAX_PIXELS
    if image.width * image.height > limit:
        raise _oversize(limit)


def _oversize(limit: int) -> Undecodable:
    return Undecodable(f"more than {limit // 10**6} megapixels", "store it smaller or crop it")


def _draft(image: Image.Image) -> None:
    """Have a JPEG decoder give the reduced picture at once, so that the full one is never in memory."""
    factor = _reduction(image)
    if factor > 1:
        image.draft(None, (image.width // factor, image.height // factor))


def _reduction(image: Image.Image) -> int:
    """The whole factor by which both sides are to shrink, >= 1."""
    return math.ceil(math.sqrt(image.width * image.height / WORKING_PIXELS))


def _shrink(image: Image.Image) -> Image.Image:
    factor = _reduction(image)
    return image.reduce(factor) if factor > 1 else image


def _is_reducible(image: Image.Image) -> bool:
    """Whether its pixels can be averaged as they are, which spares a full-size copy in RGB."""
    return image.mode in ("L", "RGB", "RGBA", "CMYK", "YCbCr") and "transparency" not in image.info


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1 where there is none. Read after load(), for TIFF turns itself there."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # EXIF written by hand is often broken, and the pixels are whole without it
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray(_SCALE_16_BIT[np.asarray(image).astype(np.uint16)]).convert("RGB")
    if image.mode in ("I", "F"):
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        return _to_srgb(_over_white(image), image.info.get("icc_profile"))
    if image.mode in ("1", "P"):
        return _to_srgb(image.convert("RGB"), image.info.get("icc_profile"))
    return _to_srgb(image, image.info.get("icc_profile"))


_SCALE_16_BIT = ((np.arange(65536) * 255 + 32767) // 65535).astype(np.uint8)


def _to_8_bit(samples: NDArray[np.int32] | NDArray[np.float32]) -> NDArray[np.uint8]:
    """Wide samples, int or float, scaled by the smallest usual full scale that holds them; nan, inf: 0."""
    values = np.nan_to_num(samples, nan=0, posinf=0, neginf=0)
    scales = (65535.0, 2.0**31 - 1) if np.issubdtype(values.dtype, np.integer) else (1.0, 255.0, 65535.0)
    top = float(values.max())
    full = next((scale for scale in scales if top <= scale), top)
    return np.asarray(np.rint(np.clip(values, 0, full) * (255.0 / full)), dtype=np.uint8)


def _over_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """In sRGB: through the embedded profile where it fits the pixels, by Pillow's formulas otherwise."""
    try:
        if image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        elif icc:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        else:
            return image.convert("RGB")
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image.convert("RGB")
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    return image.convert("RGB") if converted is None else converted


def _kind(data: bytes) -> str:
    """What a file is that no decoder takes, as far as its first bytes tell."""
    if data.startswith(_PICTURES) or data[8:12] in (b"WEBP", b"avif", b"avis"):
        return "damaged picture (its header cannot be read)"
    if data[4:8] == b"ftyp":
        return "a HEIF picture" if data[8:12] in _HEIF_BRANDS else "a video, not a picture"
    known = next((kind for magic, kind in _KINDS if data.startswith(magic)), None)
    return f"{known}, not a picture format known here" if known else "not a picture format known here"


def brief(error: Exception) -> str:
    """An exception's message as one short line; its type where it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:119] + "…"
