"""The dynamic range of a video, and the conversion that suits each shot. Pure.

A video has one level, and shots follow it, for a conversion that jumps with every cut is seen; a shot that is two
levels away for two seconds or more goes its own way. A face is never pushed up by more than a stop, and large white
areas are not made to glare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from finesight.schema.hdr import Conversion, Conversions, Level, Light, ShotLight, Spread, VideoLight
from finesight.video.hdr.curves import PRESETS, lifted
from finesight.video.pooling import percentile

MODEST, WIDE, EXTREME = 3.0, 5.5, 8.0
"""Stops between the 5th and the 95th percentile of light from which on a level begins."""
HIGH_KEY = 0.5
"""Where the median is above this, most of the picture is bright already: at most modest."""
FLAT_SHARE = 0.05
FACE_STOPS = 1.0
APART, LONG_S = 2, 2.0

OF_LEVEL: Mapping[Level, str] = {
    Level.D0: "place",
    Level.D1: "expand600",
    Level.D2: "expand1000",
    Level.D3: "bt2446a",
}
_GENTLER = ("bt2446a", "expand1000", "expand600", "place")


def level_of(light: Light) -> Level:
    """The level of a picture, of a shot, or of what is in the middle of a video."""
    edges = (MODEST, WIDE, EXTREME)
    found = list(Level)[sum(light.stops >= edge for edge in edges)]
    return min(found, Level.D1, key=lambda one: one.rank) if light.p50 > HIGH_KEY else found


def pooled(shots: Sequence[ShotLight]) -> VideoLight:
    """Features over the time of a video; shots of which no frame was kept count for nothing."""
    seen = [(shot.light, shot.end - shot.start) for shot in shots if shot.light]
    spread = {}
    if seen:
        weights = [max(seconds, 1e-3) for _, seconds in seen]
        for name in Light.model_fields:
            values = [getattr(light, name) for light, _ in seen]
            spread[name] = Spread(
                **{f"p{p}": percentile(values, weights, p / 100) for p in (10, 50, 90)},
            )
    return VideoLight(shots=tuple(shots), spread=spread)


def level_of_video(video: VideoLight) -> tuple[Level, str]:
    """The level of most of a video's time, and why."""
    if not video.spread:
        return Level.D0, "no frame of it was looked at, so that nothing is expanded"
    light = Light(**{name: spread.p50 for name, spread in video.spread.items()})
    level = level_of(light)
    bright = f", with a median of {light.p50:.2f}" if light.p50 > HIGH_KEY else ""
    return level, f"{light.stops:.1f} stops between its dark and its bright parts{bright}: {level.says}"


def conversions(
    video: VideoLight, level: Level | None = None, by: str = "rules", why: str = ""
) -> Conversions:
    """What every shot is converted with.

    Args:
        level: that of the video, if a person or a model has decided it; by, why: who, and what is said of it.
    """
    measured, reason = level_of_video(video)
    chosen = measured if level is None else level
    told = reason if level is None else why
    shots = tuple(_conversion(shot, chosen) for shot in video.shots)
    return Conversions(level=chosen, by=by, why=told, shots=shots)


def _conversion(shot: ShotLight, whole: Level) -> Conversion:
    level, why = _level_of_shot(shot, whole)
    preset, guards = guarded(OF_LEVEL[level], shot)
    return Conversion(shot=shot.shot, level=level, preset=preset, why=(why, *guards))


def _level_of_shot(shot: ShotLight, whole: Level) -> tuple[Level, str]:
    seconds = shot.end - shot.start
    own = shot.level
    if own is not None and abs(own.rank - whole.rank) >= APART and seconds >= LONG_S:
        return own, f"{own} for {seconds:.1f} s, {abs(own.rank - whole.rank)} levels from the video's {whole}"
    return whole, f"{whole} ({whole.says}), as the video"


def guarded(preset: str, shot: ShotLight) -> tuple[str, tuple[str, ...]]:
    """The conversion, or the strongest gentler one that spares faces and large white areas, and why."""
    why: list[str] = []
    if shot.light and shot.light.clipped_flat >= FLAT_SHARE and preset != "place":
        share = shot.light.clipped_flat
        why.append(f"{share:.0%} of it is a large white area, which would glare: place instead of {preset}")
        preset = "place"
    faces = [face.face for frame in shot.frames for face in frame.faces]
    spared = _sparing(preset, faces)
    if spared != preset:
        most = max(lifted(PRESETS[preset], face) for face in faces)
        why.append(f"{preset} would make a face {most:.1f} stops brighter: {spared} instead")
    return spared, tuple(why)


def _sparing(preset: str, faces: Iterable[float]) -> str:
    lights = list(faces)
    for gentler in _GENTLER[_GENTLER.index(preset) :]:
        if all(lifted(PRESETS[gentler], light) <= FACE_STOPS for light in lights):
            return gentler
    return "place"
