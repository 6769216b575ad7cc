"""Gate A: whether the processed file is the same film. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import zip_longest

from finesight.schema.plan import Step
from finesight.schema.verdict import Check, Evidence, Gate, ShotEvidence, Structure, Track
from finesight.schema.video import Colour, Video
from finesight.video.lateness import offset_of

AV_OFFSET_S = 0.02
"""Seconds by which sound may move against pictures; by ITU-R BT.1359 45 ms early or 125 ms late are noticed."""
SOUND_END_S = 0.2
"""A coder of sound fills its last block, up to 128 ms of it at 8 kHz."""
JITTER_FRAMES, JITTER_S = 0.25, 0.02
STRANGE = 0.4
"""Unlikeness of a frame (see `Change`) from which on it is another picture; what tools do stays below 0.2."""
_SAR = 1e-3
_HDR = 0.01
_TICK = 1e-6

_check = partial(Check, gate=Gate.STRUCTURE)


def of_files(evidence: Evidence) -> tuple[Check, ...]:
    """The checks of the files as a whole. What was called for the whole video may change what it is for."""
    before, after = evidence.source, evidence.processed
    steps = {call.step for call in evidence.whole}
    return (
        _no_more("decodes", after.damaged, before.damaged, "a file that is damaged does not play"),
        _same("frames", after.frames, before.frames, "a frame less or more shifts all that follow"),
        _length(before, after),
        _jitter(evidence),
        *_sound(evidence),
        _same("subtitles", after.video.subtitles, before.video.subtitles, "streams must not get lost"),
        _same("chapters", after.video.chapters, before.video.chapters, "chapters must not get lost"),
        *_picture(before.video, after.video, steps),
    )


def of_shot(evidence: ShotEvidence) -> tuple[Check, ...]:
    """The checks of one shot: all of its frames are there, and none is early or late."""
    late = offset_of(evidence.change.unlike)
    return (
        _same("shot frames", evidence.change.frames, evidence.shot.frames, "a shot keeps all of its frames"),
        _check(
            name="alignment",
            value=late,
            limit="0",
            passed=late == 0,
            why="frames that are late would be compared with others, and run away from the sound",
        ),
        _check(
            name="worst frame",
            value=round(evidence.change.strangest, 3),
            limit=f"at most {STRANGE}",
            passed=evidence.change.strangest <= STRANGE,
            why="no frame may be another picture; 0 is alike but for its tone, 1 has nothing in common",
        ),
    )


def _same(name: str, value: float | str, wanted: float | str, why: str) -> Check:
    return _check(name=name, value=value, limit=str(wanted), passed=value == wanted, why=why)


def _no_more(name: str, value: int, most: int, why: str) -> Check:
    return _check(name=name, value=value, limit=f"at most {most}", passed=value <= most, why=why)


def _within(name: str, seconds: float, most: float, why: str) -> Check:
    """Seconds, told in milliseconds."""
    passed = seconds <= most + _TICK
    return _check(
        name=name, value=round(1000 * seconds, 2), limit=f"at most {1000 * most:g} ms", passed=passed, why=why
    )


def _length(before: Structure, after: Structure) -> Check:
    return _within(
        "length", abs(after.end - before.end), 1 / before.video.rate, "the pictures must end when they did"
    )


def _jitter(evidence: Evidence) -> Check:
    worst = max((shot.change.jitter for shot in evidence.shots), default=0.0)
    most = min(JITTER_FRAMES / evidence.source.video.rate, JITTER_S)
    return _within("timing", worst, most, "each frame is shown when it was, also at a variable rate")


def _sound(evidence: Evidence) -> Iterator[Check]:
    before, after = evidence.source, evidence.processed
    yield _same(
        "sound tracks", _told(after.audio), _told(before.audio), "each track must be there with its channels"
    )
    pairs = list(zip(before.audio, after.audio, strict=False))
    told = [a.start - b.start for b, a in pairs]
    heard = zip_longest(evidence.late, told)
    moved = max((abs(late if late is not None else by or 0.0) for late, by in heard), default=0.0)
    yield _within("sound offset", moved, AV_OFFSET_S, "lips and voice must stay together")
    ends = max((abs(b.end - a.end) for b, a in pairs), default=0.0)
    yield _within("sound end", ends, SOUND_END_S, "sound must not be cut off, nor drift")


def _told(tracks: Iterable[Track]) -> str:
    return ", ".join(f"{track.channels} ch" for track in tracks) or "none"


def _picture(before: Video, after: Video, steps: set[Step]) -> Iterator[Check]:
    yield _size(before, after, Step.UPSCALE in steps)
    yield _check(
        name="pixel shape",
        value=round(after.sar, 4),
        limit=f"{before.sar:.4g}",
        passed=abs(after.sar - before.sar) <= _SAR,
        why="another one stretches the picture",
    )
    yield _same("rotation", after.rotation, before.rotation, "the picture must stand upright as it did")
    yield _check(
        name="bit depth",
        value=after.bit_depth,
        limit=f"at least {before.bit_depth}",
        passed=after.bit_depth >= before.bit_depth,
        why="fewer bits draw bands",
    )
    fields = _fields(before.interlaced if Step.DEINTERLACE not in steps else False)
    yield _same("fields", _fields(after.interlaced), fields, "a player must know whether to deinterlace")
    if Step.HDR not in steps:
        tags = _tags(before.colour)
        yield _same("colour tags", _tags(after.colour), tags, "with others a player shows other colours")
        kept = _hdr_kept(before, after)
        yield _check(
            name="HDR metadata",
            value="kept" if kept else "lost or changed",
            limit="kept",
            passed=kept,
            why="a screen maps tones by it",
        )


def _size(before: Video, after: Video, may_grow: bool) -> Check:
    same = (before.width, before.height) == (after.width, after.height)
    grown = after.width * before.height == after.height * before.width and after.width >= before.width
    return _check(
        name="size",
        value=f"{after.width}x{after.height}",
        limit=f"{before.width}x{before.height}" + (" or a multiple" if may_grow else ""),
        passed=same or (may_grow and grown),
        why="players and later steps count on it",
    )


def _fields(interlaced: bool) -> str:
    return "interlaced" if interlaced else "whole frames"


def _tags(colour: Colour) -> str:
    return f"{colour.primaries}/{colour.transfer}/{colour.matrix}/{colour.range}"


def _hdr_kept(before: Video, after: Video) -> bool:
    """Whether all that was told is told alike, but for rounding."""
    return all(
        name in after.hdr and abs(after.hdr[name] - value) <= _HDR * max(abs(value), _TICK)
        for name, value in before.hdr.items()
    )
