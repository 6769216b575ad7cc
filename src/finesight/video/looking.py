"""What a model says of the same frames after processing: those that it has looked at in the source."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import cv2

from finesight.data.atomic import write_bytes
from finesight.schema.verdict import Improvement
from finesight.schema.video import Frozen, SampledFrame, ShotAnalysis
from finesight.video.analyse import Watch
from finesight.video.evidence import found
from finesight.video.frames import FrameReader, luma, upright
from finesight.video.journal import Journal
from finesight.video.pooling import frame_score, pool_shot
from finesight.video.probe import probe
from finesight.video.settings import AnalysisSettings
from finesight.video.showing import Diagnose, outcomes_of
from finesight.video.signals import measure

PICTURES = "after"
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)


class Looked(Frozen):
    """A frame of a processed file that has been looked at. of: digest of the file and of the model."""

    of: str
    frame: SampledFrame


class Look:
    """Has frames of processed files diagnosed; what has been seen of a file is not asked again."""

    def __init__(
        self,
        run: Path,
        seen: Journal[Looked],
        diagnose: Diagnose,
        settings: AnalysisSettings,
        watch: Watch = lambda what, done, total: None,
    ) -> None:
        """settings: those of the source's analysis, so that findings are pooled as they were there."""
        self._run, self._seen, self._diagnose = run, seen, diagnose
        self._settings, self._watch = settings, watch

    def improvements(
        self, file: Path, of: str, shots: Sequence[ShotAnalysis], asked: Collection[int]
    ) -> dict[int, Improvement]:
        """Findings before and after of the shots that are asked for, by number.

        Args:
            file: the processed one. of: what it and the model are told from others by. shots: of the source's
                analysis.

        Raises:
            VideoError: the file is no video.
        """
        meant = [shot for shot in shots if shot.shot.index in asked]
        wanted = {frame.frame: shot.shot.index for shot in meant for frame in shot.frames if frame.diagnosis}
        self._diagnose_frames(file, of, dict(sorted(wanted.items())))
        seen = {one.frame.frame: one.frame for one in self._seen.records if one.of == of}
        return {
            shot.shot.index: Improvement(before=found(shot), after=found(self._pooled(shot, seen)))
            for shot in meant
        }

    def _pooled(self, before: ShotAnalysis, seen: dict[int, SampledFrame]) -> ShotAnalysis:
        frames = [seen[frame.frame] for frame in before.frames if frame.diagnosis and frame.frame in seen]
        return pool_shot(before.shot, frames, self._settings.present, self._settings.percentile)

    def _diagnose_frames(self, file: Path, of: str, wanted: Mapping[int, int]) -> None:
        """wanted: numbers of frames with those of their shots, in order."""
        known = {one.frame.frame for one in self._seen.records if one.of == of}
        left = [number for number in wanted if number not in known]
        done = len(wanted) - len(left)
        native, batch = self._settings.native, self._settings.batch
        group: list[SampledFrame] = []
        for frame in self._pictures(file, of, left):
            other = native and group and wanted[frame.frame] != wanted[group[0].frame]
            if other or (not native and len(group) == batch):
                self._add(of, group)
                done += len(group)
                self._watch("diagnosing what was made", done, len(wanted))
                group = []
            group.append(frame)
        self._add(of, group)
        self._watch("diagnosing what was made", done + len(group), len(wanted))

    def _add(self, of: str, group: Sequence[SampledFrame]) -> None:
        if not group:
            return
        paths, times = [self._run / frame.picture for frame in group], [frame.time for frame in group]
        outcomes = outcomes_of(self._diagnose, paths, times, self._settings.native)
        told = [
            frame.model_copy(
                update={
                    "diagnosis": outcome.diagnosis,
                    "score": frame_score(outcome.diagnosis, outcome.score),
                    "error": outcome.error,
                }
            )
            for frame, outcome in zip(group, outcomes, strict=True)
        ]
        self._seen.append(Looked(of=of, frame=frame) for frame in told)

    def _pictures(self, file: Path, of: str, wanted: Sequence[int]) -> Iterator[SampledFrame]:
        """Frames of a file as pictures in the run folder, not yet diagnosed."""
        if not wanted:
            return
        video = probe(file)
        left = set(wanted)
        for one in FrameReader(file, video.rate):
            if one.ordinal in left:
                left.remove(one.ordinal)
                name = f"{PICTURES}/{of[:12]}-{one.ordinal:08d}.png"
                bgr = cv2.cvtColor(upright(one.frame, video.colour), cv2.COLOR_RGB2BGR)
                write_bytes(self._run / name, cv2.imencode(".png", bgr, _PNG)[1].tobytes())
                signals = measure(luma(one.frame, video.colour))
                yield SampledFrame(frame=one.ordinal, time=one.time, picture=name, signals=signals)
            if not left:
                return
