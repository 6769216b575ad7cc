"""How chunks are encoded: the same for all of a video, for they become one stream."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from finesight.schema.hdr import ContentLight
from finesight.schema.video import Video
from finesight.video.settings import ProcessSettings

_RGB = ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8")
_FULL_CHROMA = (
    "444",
    "yuv440",
    "yuvj440",
    "p410",
    "p412",
    "p416",
    "vuya",
    "ayuv",
    "vuyx",
    "xv3",
    "xv4",
    "xyz",
)
_HALF_CHROMA = (
    "422",
    "yuv411",
    "yuvj411",
    "nv16",
    "p210",
    "p212",
    "p216",
    "yuyv",
    "uyvy",
    "yvyu",
    "y210",
    "y212",
)
_ALPHA = ("yuva", "gbra", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "vuya", "ayuv", "pal8")


_HDR10 = "yuv420p10le"
_MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"


class Encoding(NamedTuple):
    """Options of the encoder and its pixel format; notes: what it does not keep."""

    options: tuple[str, ...]
    pixel_format: str
    notes: tuple[str, ...] = ()


def encoding_of(video: Video, settings: ProcessSettings, fields: bool = False) -> Encoding:
    """The encoder for a video: its bits and its chroma are kept where x264 or x265 can.

    8 bits go to x264, more bits and RGB to x265, in 10 or 12 bits.

    Args:
        fields: frames hold two fields each, and stay so.
    """
    family, kept = _family(video)
    bits = 8 if video.bit_depth <= 8 else 10 if video.bit_depth <= 10 else 12
    encoder = settings.encoder
    if encoder == "auto":
        encoder = "libx264" if bits == 8 and family != "gbrp" else "libx265"
    notes = [*kept]
    if encoder == "libx264" and bits > 10:
        bits = 10
    if encoder == "libx264" and family == "gbrp":
        family = "yuv444p"
        notes.append("RGB is encoded as YUV, for x264 was asked for")
    if bits < video.bit_depth:
        notes.append(f"its {video.bit_depth} bits become {bits}, the most that {encoder} takes")
    if any(video.pixel_format.startswith(name) for name in _ALPHA):
        notes.append("its transparency is not kept")
    deep = "" if bits == 8 else f"{bits}le"
    options = ["-c:v", encoder, "-preset", settings.preset, "-crf", f"{settings.crf:g}"]
    if encoder == "libx264":
        options += ["-threads", str(settings.threads)]
        options += ["-flags", "+ilme+ildct"] if fields else []
    else:
        # An open GOP would lean on frames of another chunk; x265's result depends on its frame threads.
        told = f"log-level=error:open-gop=0:frame-threads={settings.threads}:pools={settings.threads}"
        options += ["-x265-params", told]
        notes += ["its fields are encoded as whole frames, for x265 does not take them"] if fields else []
    return Encoding(tuple(options), f"{family}{deep}", tuple(notes))


def hdr10_of(video: Video, settings: ProcessSettings, light: ContentLight) -> Encoding:
    """The encoder for HDR10: x265 with 10 bits, BT.2020 and PQ in every stream header, and the light of the content.

    The mastering display is P3-D65 of 0.0001 to 1000 nits, which holds all that our conversions make
    (SMPTE ST 2086; x265 counts in 0.00002 and in 0.0001 nits).
    """
    layout = hdr10_format(video)
    odd = layout != _HDR10
    notes = ["its size is odd, so that its chroma is not 4:2:0, and few players take it"] if odd else []
    told = [
        *("log-level=error", "open-gop=0", f"frame-threads={settings.threads}", f"pools={settings.threads}"),
        *("hdr10=1", "hdr10-opt=1", "repeat-headers=1"),
        *("colorprim=bt2020", "transfer=smpte2084", "colormatrix=bt2020nc", "range=limited"),
        f"master-display={_MASTERING}",
        f"max-cll={ceil(light.max_cll)},{ceil(light.max_fall)}",
    ]
    options = ["-c:v", "libx265", "-preset", settings.preset, "-crf", f"{settings.crf:g}"]
    options += ["-x265-params", ":".join(told), "-tag:v", "hvc1"]
    options += ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    options += ["-color_range", "tv"]
    return Encoding(tuple(options), layout, tuple(notes))


def hdr10_format(video: Video) -> str:
    """The pixel format of a video as HDR10."""
    return "yuv444p10le" if video.width % 2 or video.height % 2 else _HDR10


def _family(video: Video) -> tuple[str, list[str]]:
    """The layout of the pixels, and what is not as it was."""
    name = video.pixel_format
    odd = bool(video.width % 2), bool(video.height % 2)
    if name.startswith(_RGB):
        return "gbrp", []
    if name.startswith(("gray", "ya8", "ya16")):
        return "gray", []
    if any(part in name for part in _FULL_CHROMA):
        return "yuv444p", []
    half = any(part in name for part in _HALF_CHROMA)
    if odd[0] or (odd[1] and not half):
        return "yuv444p", [f"its chroma is enlarged, for its size of {video.width}x{video.height} is odd"]
    return ("yuv422p" if half else "yuv420p"), []
