"""Colour tags by ffmpeg's names, and what is assumed where a file has none.

The numbers are those of ITU-T H.273, which containers, codecs and ffmpeg share.
"""

from __future__ import annotations

from collections.abc import Sequence

from finesight.schema.video import Colour

PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
    10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
TRANSFERS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100",
    10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12",
    16: "smpte2084", 17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 14: "ictcp",
}  # fmt: skip
RANGES = {1: "tv", 2: "pc"}

HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})
_WIDE = frozenset({"bt2020nc", "bt2020c", "ictcp"})
_HD_WIDTH, _SD_HEIGHT = 1280, 576
_PAL_RATES = (25.0, 50.0)


def colour_of(tags: Sequence[int], width: int, height: int, rate: float, pixel_format: str) -> Colour:
    """The colour of a stream, with the tags that it lacks filled in.

    What a file says decides first: wide primaries or an HDR transfer mean BT.2020. Else BT.709 is taken for HD (1280
    wide, or higher than 576), and BT.601 for SD, in its European form at 576 lines or 25 or 50 frames a second.

    Args:
        tags: primaries, transfer, matrix and range as numbers; what is unknown has none of the numbers above.
    """
    names = zip((PRIMARIES, TRANSFERS, MATRICES, RANGES), tags, strict=True)
    primaries, transfer, matrix, range_ = (table.get(number) for table, number in names)
    if pixel_format.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "pal8", "0rgb")):
        usual = ("bt709", "iec61966-2-1", "gbr", "pc")
    elif primaries == "bt2020" or matrix in _WIDE or transfer in HDR_TRANSFERS:
        usual = ("bt2020", "bt2020-10", "bt2020nc", "tv")
    else:
        usual = _usual(width, height, rate)
    if pixel_format.startswith(("yuvj", "gray")):
        usual = (*usual[:3], "pc")
    given = {"primaries": primaries, "transfer": transfer, "matrix": matrix, "range": range_}
    taken = {name: said or usual[i] for i, (name, said) in enumerate(given.items())}
    return Colour(**taken, assumed=tuple(name for name, said in given.items() if said is None))


def _usual(width: int, height: int, rate: float) -> tuple[str, str, str, str]:
    if width >= _HD_WIDTH or height > _SD_HEIGHT:
        return ("bt709", "bt709", "bt709", "tv")
    european = height in (_SD_HEIGHT, _SD_HEIGHT // 2) or any(abs(rate - r) < 0.01 for r in _PAL_RATES)
    place = "bt470bg" if european else "smpte170m"
    return (place, "smpte170m", place, "tv")
