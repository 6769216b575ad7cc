"""A planned video to one output; a shot of it can be looked at, made anew by another plan, and joined again.

processed/
  pace.json       times of the source's frames
  chunks/         encoded chunks by key; those of former plans stay, so that going back to one costs nothing
  chunks.jsonl    a line a chunk, appended as it ends
  video.mp4       the output (.mkv, .mov)
processed.json    which chunks hold which shots, and how they were made
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

import finesight
from finesight.data.atomic import settle, write_bytes, write_text
from finesight.data.pyav import load_av
from finesight.errors import InputError
from finesight.schema.plan import Plan, ShotPlan
from finesight.schema.processed import Made, Piece, Processed, ProcessedShot
from finesight.video.assembly import assemble, covers_of, listing, picture_of
from finesight.video.chunks import filters_of, with_files
from finesight.video.frames import Decoded, FrameReader
from finesight.video.making import PART, Order, Watch, Workshop
from finesight.video.space import Free, check_room, expected_bytes, free_bytes
from finesight.video.work import Work, assembly_of, encoding_for, notes_of, orders_of, resizing

PROCESSED = "processed.json"
CHUNKS, JOURNAL, LIST = "chunks", "chunks.jsonl", "chunks.ffconcat"


class Process:
    """Processes one run; no other process can at the same time.

    `make` makes the chunks of a plan that are not there yet. To make a shot anew, call it with a plan in which that
    shot has other calls. `join` makes the output of what `make` has told.
    """

    def __init__(self, work: Work) -> None:
        """
        Raises:
            InputError: another process works on the run.
        """
        self.work = work
        chunks = work.folder / CHUNKS
        self._shop = Workshop(chunks, work.folder / JOURNAL, work.source, work.pace, work.runner)

    def make(
        self,
        plan: Plan,
        jobs: int = 1,
        watch: Watch = lambda done, of: None,
        free: Free = free_bytes,
    ) -> Processed:
        """Encode all shots by their plans; the output is not there yet, and `bytes` is 0.

        Raises:
            ConfigError: the plan is of another analysis, or shots would differ in size. InputError: the disk has no
                room, or a chunk does not come out as it should.
        """
        orders = orders_of(self.work, plan)
        check_room(self.work.run, _needed(self.work, plan, orders, self._shop.made()), free)
        return _told(self.work, plan, orders, self._shop.make(orders, jobs, watch))

    def join(self, made: Processed) -> Processed:
        """Join the chunks, check the output, give it its name, and write processed.json.

        Raises:
            InputError: it does not come out as it should.
        """
        work = self.work
        part = work.output.with_name(work.output.name + PART)
        listed = work.folder / LIST
        write_text(listed, listing(*_chunks_in(made), work.pace))
        files = {"list": listed, "source": work.source, "output": part}
        for cover in covers_of(work.layout, work.timeline.video):
            files[cover.file] = work.folder / cover.file
            write_bytes(files[cover.file], picture_of(work.source, cover))
        try:
            command = with_files(made.assembly, **{name: str(path) for name, path in files.items()})
            assemble(command, part, work.layout, work.pace, work.runner)
            settle(part, work.output)
        finally:
            part.unlink(missing_ok=True)
        done = made.model_copy(update={"bytes": work.output.stat().st_size})
        write_text(work.record, done.model_dump_json(indent=1) + "\n")
        return done

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shop.close()


def read_processed(run: Path, name: str = PROCESSED) -> Processed:
    """What was made of a run. name: of the file that tells it.

    Raises:
        InputError: nothing that can be read.
    """
    path = run / name
    try:
        return Processed.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: cannot be read ({told}); `finesight video process {run}` makes it"
        ) from error


def frames_of(run: Path, shot: ProcessedShot) -> Iterator[Decoded]:
    """The frames of a shot as they came out, numbered and timed from its first one.

    Raises:
        InputError: a chunk is not there, or ends early.
    """
    number = 0
    rate = shot.frames / max(shot.end - shot.start, 1e-3)
    for piece in shot.pieces:
        begin: float | None = None
        late = 0.0
        for one in FrameReader(run / piece.chunk, rate):
            if one.ordinal < piece.first:
                continue
            if one.ordinal == piece.first + piece.frames:
                break
            begin = one.time if begin is None else begin
            yield Decoded(number, late + one.time - begin, one.frame)
            number += 1
    if number != shot.frames:
        raise InputError(f"{run}: shot {shot.shot} has {number} of {shot.frames} frames; process it again")


def _needed(work: Work, plan: Plan, orders: Sequence[Order], there: Mapping[str, Made]) -> int:
    """Bytes that will be written: chunks that are not there, the output, and in it all else of the source."""
    video, crf = work.timeline.video, work.settings.crf
    enlarged = prod(call.parameters.get("factor", 2.0) ** 2 for call in resizing(work, plan.shots[0]))
    left = sum(order.chunk.frames for order in orders if order.key not in there)
    done = sum(there[order.key].bytes for order in orders if order.key in there)
    rest = video.bytes if len(work.layout.streams) > 1 else 0
    return 2 * expected_bytes(video, left, len(work.pace.ticks), crf, enlarged) + done + rest


def _told(work: Work, plan: Plan, orders: Sequence[Order], made: Mapping[str, Made]) -> Processed:
    video = work.timeline.video
    encoding = encoding_for(work, plan)
    pieces: dict[int, list[tuple[Piece, Made]]] = {}
    for order in orders:
        first = 0
        for span in order.chunk.spans:
            one = made[order.key]
            piece = Piece(chunk=f"{work.folder_name}/{CHUNKS}/{one.file}", first=first, frames=span.frames)
            pieces.setdefault(span.shot, []).append((piece, one))
            first += span.frames
    return Processed(
        video=video.path,
        output=f"{work.folder_name}/{work.output.name}",
        frames=len(work.pace.ticks),
        bytes=0,
        settings=work.settings.model_dump(),
        encoder=(*encoding.options, "-pix_fmt", encoding.pixel_format),
        versions={
            "finesight": finesight.__version__,
            "av": load_av().__version__,
            "ffmpeg": work.runner.version,
        },
        assembly=assembly_of(work),
        shots=tuple(_shot(work, shot, pieces[shot.shot]) for shot in plan.shots),
        notes=notes_of(work, encoding),
    )


def _shot(work: Work, shot: ShotPlan, pieces: Sequence[tuple[Piece, Made]]) -> ProcessedShot:
    return ProcessedShot(
        shot=shot.shot,
        start=shot.start,
        end=shot.end,
        frames=sum(piece.frames for piece, _ in pieces),
        calls=shot.calls,
        filters=filters_of(shot.calls, work.tools, work.timeline.video),
        pieces=tuple(piece for piece, _ in pieces),
        commands=tuple(one.command for _, one in pieces),
        seconds=round(sum(one.seconds * piece.frames / one.frames for piece, one in pieces), 3),
    )


def _chunks_in(made: Processed) -> tuple[list[str], list[int]]:
    """The chunk files in order, relative to the folder of processing, and the number of the first frame of each."""
    files: dict[str, int] = {}
    number = 0
    for shot in made.shots:
        for piece in shot.pieces:
            if piece.first == 0:
                files[f"{CHUNKS}/{Path(piece.chunk).name}"] = number
            number += piece.frames
    return list(files), list(files.values())
