"""Real videos through the whole of processing: frames, times, streams, resuming, doing one shot again."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from finesight.errors import ConfigError, InputError
from finesight.schema.plan import Plan
from finesight.schema.processed import Processed
from finesight.video.ffmpeg import Ran, Runner
from finesight.video.plan_file import read_plan
from finesight.video.probe import probe
from finesight.video.process import Process, frames_of, read_processed
from finesight.video.settings import ProcessSettings
from finesight.video.tools import TOOLS
from finesight.video.work import begin

LOSSLESS = ProcessSettings(crf=0, preset="ultrafast", shortest=0)
FINE = ProcessSettings(crf=4, preset="ultrafast", shortest=0)


def processed(
    run: Path, runner: Runner, settings: ProcessSettings = FINE, plan: Plan | None = None
) -> Processed:
    with Process(begin(run, TOOLS, runner, settings)) as process:
        return process.join(process.make(plan or read_plan(run), jobs=2))


def pixels(path: Path, form: str = "yuv420p") -> np.ndarray:
    """All frames of a file: (frames, rows, columns)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format=form) for frame in container.decode(video=0)])


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def filtered(runner: Runner, source: Path, first: int, frames: int, filters: str) -> np.ndarray:
    """What ffmpeg makes of some frames of a source, cut out first: an independent way to the same pixels."""
    graph = f"trim=start_frame={first}:end_frame={first + frames},setpts=PTS-STARTPTS,{filters}"
    words = ["-i", str(source), "-vf", graph, "-fps_mode", "passthrough", "-pix_fmt", "yuv420p"]
    ran = runner.run([*words, "-f", "rawvideo", "-"])
    video = probe(source)
    return np.frombuffer(ran.out, np.uint8).reshape(frames, video.height * 3 // 2, video.width)


def of_shot(run: Path, made: Processed, shot: int) -> np.ndarray:
    return np.stack([one.frame.to_ndarray(format="yuv420p") for one in frames_of(run, made.shots[shot])])


def psnr(one: np.ndarray, other: np.ndarray, white: float = 255) -> float:
    return float(10 * np.log10(white**2 / max(np.mean((one.astype(float) - other) ** 2), 1e-9)))


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Frames


def test_a_video_with_nothing_to_do_comes_out_frame_by_frame_as_it_was(three_shots, plan_run, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    before = file_digest(three_shots)
    made = processed(run, ffmpeg, LOSSLESS)
    out = run / made.output
    assert np.array_equal(pixels(out), pixels(three_shots))
    assert times(out) == times(three_shots)
    assert [shot.frames for shot in made.shots] == [20, 30, 40]
    assert made.bytes == out.stat().st_size
    assert file_digest(three_shots) == before


def test_each_shot_has_its_own_filters_and_no_other_frame_has_them(three_shots, plan_run, call, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [call("brighten", gamma=2)], [call("unsharp")]])
    made = processed(run, ffmpeg, LOSSLESS)
    out, source = pixels(run / made.output), pixels(three_shots)
    assert np.array_equal(out[:20], source[:20])
    bright = filtered(ffmpeg, three_shots, 20, 30, TOOLS["brighten"].graph({"gamma": 2}))
    assert np.array_equal(out[20:50], bright)
    assert np.array_equal(out[50:], filtered(ffmpeg, three_shots, 50, 40, TOOLS["unsharp"].graph()))
    assert [shot.filters.split(",")[-1].split("=")[0] for shot in made.shots] == [
        "setparams",
        "lutyuv",
        "unsharp",
    ]
    for index, (first, frames) in enumerate([(0, 20), (20, 30), (50, 40)]):
        assert np.array_equal(of_shot(run, made, index), out[first : first + frames])


def test_at_a_cut_a_tool_sees_nothing_of_the_other_shot(three_shots, plan_run, call, ffmpeg):
    calls = [call("deflicker"), call("hqdn3d")]
    run = plan_run(three_shots, [20, 30, 40], [calls] * 3)
    made = processed(run, ffmpeg, LOSSLESS)
    graph = f"{TOOLS['hqdn3d'].graph()},{TOOLS['deflicker'].graph()}"
    for index, (first, frames) in enumerate([(0, 20), (20, 30), (50, 40)]):
        assert np.array_equal(of_shot(run, made, index), filtered(ffmpeg, three_shots, first, frames, graph))


def test_a_shot_in_several_chunks_is_as_if_it_were_in_one(tmp_path, write_video, plan_run, call, ffmpeg):
    rng = np.random.default_rng(5)
    moving = [rng.integers(0, 255, (64, 96, 3), np.uint8) for _ in range(50)]
    source = write_video(tmp_path / "long.mp4", moving)
    run = plan_run(source, [50], [[call("bwdif")]])
    made = processed(run, ffmpeg, LOSSLESS.model_copy(update={"longest": 0.5}))
    assert [piece.frames for piece in made.shots[0].pieces] == [12, 13, 12, 13]
    whole = filtered(ffmpeg, source, 0, 50, TOOLS["bwdif"].graph())
    assert np.array_equal(of_shot(run, made, 0), whole)
    assert np.array_equal(pixels(run / made.output), whole)
    assert times(run / made.output) == times(source)
    # That it takes handles: cut out alone, the part would be another one.
    assert not np.array_equal(filtered(ffmpeg, source, 12, 13, TOOLS["bwdif"].graph()), whole[12:25])


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("open.ts", ["-c:v", "mpeg2video", "-q:v", "4", "-g", "12", "-bf", "2", "-flags", "-cgop"]),
        ("open.mkv", ["-c:v", "libx264", "-g", "12", "-bf", "3", "-x264-params", "open-gop=1:scenecut=0"]),
        ("open.mp4", ["-c:v", "libx265", "-x265-params", "log-level=error:open-gop=1:keyint=12:bframes=3"]),
        ("a.ts", ["-c:v", "libx264", "-g", "25", "-bf", "2"]),
        ("a.avi", ["-c:v", "mpeg4", "-q:v", "3", "-g", "12", "-bf", "0"]),
        ("a.webm", ["-c:v", "libvpx-vp9", "-g", "20", "-auto-alt-ref", "1", "-lag-in-frames", "16"]),
    ],
)
def test_frames_behind_a_seek_are_the_right_ones(tmp_path, plan_run, ffmpeg, name, codec):
    source = tmp_path / name
    words = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25,trim=end_frame=200", *codec]
    assert ffmpeg.run([*words, "-pix_fmt", "yuv420p", str(source)]).code == 0
    run = plan_run(source, [37, 40, 23, 61, 39], [[]] * 5)
    counting = Counting(ffmpeg)
    made = processed(run, counting, LOSSLESS)
    assert len(counting.followed) == 5
    assert sum("-ss" in told for told in counting.followed) >= 3
    assert np.array_equal(pixels(run / made.output), pixels(source))


def test_adjoining_short_shots_with_the_same_plan_share_a_chunk(three_shots, plan_run, call, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[call("unsharp")], [call("unsharp")], []])
    made = processed(run, ffmpeg, LOSSLESS.model_copy(update={"shortest": 5}))
    chunks = [[piece.chunk for piece in shot.pieces] for shot in made.shots]
    assert chunks[0] == chunks[1] != chunks[2]
    assert made.shots[1].pieces[0].first == 20
    whole = pixels(run / made.output)
    assert np.array_equal(of_shot(run, made, 1), whole[20:50])
    assert [one.ordinal for one in frames_of(run, made.shots[1])][:2] == [0, 1]


# Times, streams and signals


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_frames_at_uneven_times_stay_where_they_are(
    tmp_path, write_video, shot, plan_run, call, ffmpeg, name
):
    steps = np.random.default_rng(2).choice([0.021, 0.033, 0.04, 0.2], 60)
    at = [round(float(t), 3) for t in np.cumsum(steps) - steps[0]]
    source = write_video(tmp_path / name, [*shot(1, 25), *shot(2, 35)], times=at)
    run = plan_run(source, [25, 35], [[call("hqdn3d")], []])
    made = processed(run, ffmpeg)
    assert times(run / made.output) == pytest.approx(at, abs=0.0011)
    assert times(run / made.output) == pytest.approx(times(source), abs=1e-9)
    assert probe(run / made.output).variable_rate


RICH = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30000/1001,trim=end_frame=60", "-f", "lavfi"]
RICH += ["-itsoffset", "0.08", "-i", "sine=duration=2:sample_rate=48000"]


def rich(folder: Path, name: str, runner: Runner, *more: str) -> Path:
    """Two seconds with late sound, subtitles, two chapters, languages and a title."""
    (folder / "s.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nhello\n\n")
    chapters = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={n}000\nEND={n + 1}000\ntitle={t}\n" for n, t in enumerate("ab")
    )
    (folder / "meta.txt").write_text(f";FFMETADATA1\ntitle=My film\n{chapters}")
    (folder / "f.ttf").write_bytes(b"not really a font")
    files = ["-i", str(folder / "s.srt"), "-i", str(folder / "meta.txt")]
    kept = ["-map", "0:v", "-map", "1:a", "-map", "2:s", "-map_metadata", "3"]
    told = ["-metadata:s:a:0", "language=fra", "-metadata:s:v:0", "language=deu"]
    path = folder / name
    ran = runner.run(["-y", *RICH, *files, *kept, *told, "-preset", "ultrafast", *more, str(path)])
    assert ran.code == 0, ran.said
    return path


def streams(path: Path) -> list[tuple[Any, ...]]:
    """What a reader finds beside the frames; of a picture not its codec, which is ours."""
    with av.open(str(path)) as file:
        return [
            (s.type, "" if s.type == "video" else s.name, s.metadata.get("language"), s.disposition)
            for s in file.streams
            if s.type in ("video", "audio", "subtitle")
        ]


def sound_after_picture(path: Path) -> float:
    with av.open(str(path)) as file:
        sound = float(next(file.decode(file.streams.audio[0])).time)
        file.seek(0)
        return sound - float(next(file.decode(file.streams.video[0])).time)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a.mkv", ["-c:a", "flac", "-c:s", "srt", "-disposition:s:0", "forced"]),
        ("a.mp4", ["-c:a", "aac", "-c:s", "mov_text"]),
        ("late.mp4", ["-c:a", "aac", "-c:s", "mov_text", "-output_ts_offset", "0.5"]),
        ("a.mov", ["-c:a", "pcm_s16le", "-c:s", "mov_text"]),
        ("a.webm", ["-c:a", "libopus", "-c:s", "webvtt", "-c:v", "libvpx-vp9", "-deadline", "realtime"]),
    ],
)
def test_all_else_of_the_file_is_kept(tmp_path, plan_run, call, ffmpeg, name, more):
    source = rich(tmp_path, name, ffmpeg, *more)
    run = plan_run(source, [20, 40], [[call("unsharp")], []])
    out = run / processed(run, ffmpeg).output
    assert out.suffix == (".mkv" if name.endswith(".webm") else source.suffix)
    assert streams(out) == streams(source)
    assert sound_after_picture(out) == pytest.approx(sound_after_picture(source), abs=0.0011)
    assert times(out) == pytest.approx(times(source), abs=1e-6)
    with av.open(str(source)) as before, av.open(str(out)) as after:
        assert [c["metadata"]["title"] for c in after.chapters()] == ["a", "b"]
        assert [(c["start"], c["end"], c["time_base"]) for c in after.chapters()] == [
            (c["start"], c["end"], c["time_base"]) for c in before.chapters()
        ]
        assert after.metadata["title"] == "My film"
        assert [bytes(p) for p in after.demux(audio=0)] == [bytes(p) for p in before.demux(audio=0)]


def test_attachments_are_kept(tmp_path, plan_run, ffmpeg):
    font = ["-attach", str(tmp_path / "f.ttf"), "-metadata:s:t", "mimetype=font/ttf"]
    source = rich(tmp_path, "a.mkv", ffmpeg, "-c:a", "flac", "-c:s", "srt", *font)
    run = plan_run(source, [60], [[]])
    with av.open(str(run / processed(run, ffmpeg).output)) as file:
        (attached,) = (stream for stream in file.streams if stream.type == "attachment")
        assert attached.metadata["filename"] == "f.ttf"
        assert bytes(attached.data) == b"not really a font"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_cover_picture_is_kept_and_not_taken_for_the_video(tmp_path, plan_run, ffmpeg, name):
    cover, source = tmp_path / "cover.png", tmp_path / name
    assert ffmpeg.run(["-f", "lavfi", "-i", "color=red:size=40x30", "-frames:v", "1", str(cover)]).code == 0
    if name == "a.mkv":
        words = [*RICH, "-attach", str(cover), "-metadata:s:t", "mimetype=image/png"]
    else:
        words = ["-i", str(cover), *RICH, "-map", "0", "-map", "1", "-map", "2", "-c:v:0", "copy"]
        words += ["-c:v:1", "libx264", "-disposition:v:0", "attached_pic"]
    assert ffmpeg.run([*words, "-c:a", "aac", str(source)]).code == 0
    run = plan_run(source, [20, 40], [[], []])
    out = run / processed(run, ffmpeg).output
    assert probe(out).width == 96
    flag = av.stream.Disposition.attached_pic
    for path in (source, out):
        with av.open(str(path)) as file:
            (picture,) = (stream for stream in file.streams if flag in stream.disposition)
            assert bytes(next(file.demux(picture))) == cover.read_bytes()
            assert len(file.streams) == 3


def test_sound_of_an_mpeg_stream_that_begins_anywhere_stays_in_time(tmp_path, plan_run, ffmpeg):
    source = rich(
        tmp_path, "a.ts", ffmpeg, "-c:a", "mp2", "-sn", "-c:v", "mpeg2video", "-g", "12", "-bf", "2"
    )
    run = plan_run(source, [20, 40], [[], []])
    out = run / processed(run, ffmpeg).output
    assert sound_after_picture(source) > 0.05
    assert sound_after_picture(out) == pytest.approx(sound_after_picture(source), abs=0.0011)
    assert len(times(out)) == 60


def test_shape_rotation_and_colours_are_kept(tmp_path, write_video, shot, plan_run, call, ffmpeg):
    source = write_video(tmp_path / "a.mp4", shot(1, 20), sar=Fraction(4, 3), rotation=90, tags=(9, 16, 9, 1))
    run = plan_run(source, [10, 10], [[], [call("unsharp")]])
    before, after = probe(source), probe(run / processed(run, ffmpeg).output)
    assert (after.width, after.height, after.rotation) == (96, 64, before.rotation)
    assert before.rotation in (90, 270)
    assert after.sar == pytest.approx(4 / 3)
    assert after.colour == before.colour
    assert not after.colour.assumed


def test_colours_that_are_not_told_are_assumed_said_and_written(three_shots, plan_run, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    made = processed(run, ffmpeg)
    assumed = probe(three_shots).colour
    assert assumed.assumed
    assert f"primaries {assumed.primaries}, transfer {assumed.transfer}" in made.notes[0]
    after = probe(run / made.output).colour
    assert after == assumed.model_copy(update={"assumed": ()})


def test_ten_bits_stay_ten_bits(tmp_path, write_video, plan_run, call, ffmpeg):
    ramp = np.linspace(8000, 56000, 96 * 64 * 3).reshape(64, 96, 3).astype(np.uint16)
    source = write_video(
        tmp_path / "a.mkv", [np.roll(ramp, n, 1) for n in range(20)], codec="ffv1", pix_fmt="yuv420p10le"
    )
    run = plan_run(source, [10, 10], [[], [call("hqdn3d", luma=1, chroma=1, luma_time=0, chroma_time=0)]])
    out = run / processed(run, ffmpeg).output
    assert (probe(out).codec, probe(out).pixel_format) == ("hevc", "yuv420p10le")
    one, other = pixels(source, "yuv420p10le"), pixels(out, "yuv420p10le")
    assert psnr(one[:10], other[:10], 1023) > 50
    assert len(np.unique(other[:10])) > 256


def test_mastering_of_hdr_is_kept(tmp_path, plan_run, ffmpeg):
    source = tmp_path / "hdr.mkv"
    told = "log-level=error:hdr10=1:repeat-headers=1:max-cll=668,71:master-display="
    told += "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    words = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25,trim=end_frame=20", "-c:v", "libx265"]
    words += ["-pix_fmt", "yuv420p10le", "-x265-params", told, "-preset", "ultrafast", str(source)]
    graph = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    assert ffmpeg.run([*words[:4], "-vf", graph, *words[4:-1], *tags, words[-1]]).code == 0
    run = plan_run(source, [10, 10], [[], []])
    before, after = probe(source), probe(run / processed(run, ffmpeg).output)
    assert before.hdr["max_cll"] == 668
    assert after.hdr == pytest.approx(before.hdr, rel=1e-3)
    assert after.colour == before.colour


@pytest.mark.parametrize("size", [(97, 64), (96, 65), (97, 65)])
def test_odd_sizes_stay_as_they_are(tmp_path, write_video, shot, plan_run, ffmpeg, size):
    source = write_video(tmp_path / "odd.mkv", shot(1, 20, size), codec="ffv1")
    run = plan_run(source, [10, 10], [[], []])
    made = processed(run, ffmpeg)
    after = probe(run / made.output)
    assert (after.width, after.height) == size
    assert any("is odd" in note for note in made.notes)
    one, other = (pixels(path, "yuv444p") for path in (source, run / made.output))
    assert psnr(one[:, 0], other[:, 0]) > 45
    assert psnr(one[:, 1:], other[:, 1:]) > 35


def test_fields_stay_fields_where_nothing_takes_them_apart(tmp_path, plan_run, call, ffmpeg):
    source = tmp_path / "fields.mkv"
    words = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=96x64:rate=50,trim=end_frame=40",
        "-vf",
        "interlace,setfield=tff",
    ]
    assert ffmpeg.run([*words, "-c:v", "libx264", "-flags", "+ilme+ildct", str(source)]).code == 0
    assert probe(source).interlaced
    run = plan_run(source, [10, 10], [[], []])
    assert probe(run / processed(run, ffmpeg).output).interlaced
    run = plan_run(source, [10, 10], [[call("bwdif")], [call("bwdif")]])
    assert not probe(run / processed(run, ffmpeg).output).interlaced


def test_a_picture_that_is_enlarged_is_so_in_all_shots_or_in_none(three_shots, plan_run, call, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[call("enlarge")]] * 3)
    after = probe(run / processed(run, ffmpeg).output)
    assert (after.width, after.height) == (192, 128)
    run = plan_run(three_shots, [20, 30, 40], [[call("enlarge")], [], []])
    with pytest.raises(ConfigError, match=r'different sizes.*scope = "video"'):
        processed(run, ffmpeg)


# Going on, and doing a shot again


class Counting:
    """The real ffmpeg; `followed` has the chunks that it was asked for, and `broken` may change what is run."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.followed: list[Sequence[str]] = []

    @property
    def version(self) -> str:
        return self._runner.version

    def run(self, arguments: Sequence[str], given: bytes = b"", seconds: float | None = None) -> Ran:
        return self._runner.run(arguments, given, seconds)

    def follow(self, arguments: Sequence[str], hear: Any) -> Ran:
        self.followed.append(tuple(arguments))
        return self._runner.follow(arguments, hear)


def test_a_shot_is_done_again_by_another_plan_and_the_others_are_not(three_shots, plan_run, call, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [call("brighten", gamma=3)], []])
    counting = Counting(ffmpeg)
    first = processed(run, counting, LOSSLESS)
    assert len(counting.followed) == 3
    plan = read_plan(run)
    weaker = plan.shots[1].model_copy(update={"calls": (call("brighten", gamma=1.2),)})
    undone = plan.shots[1].model_copy(update={"calls": ()})
    for other in (weaker, undone):
        shots = (plan.shots[0], other, plan.shots[2])
        again = processed(run, counting, LOSSLESS, plan.model_copy(update={"shots": shots}))
        assert [a.pieces == b.pieces for a, b in zip(first.shots, again.shots, strict=True)] == [
            True,
            False,
            True,
        ]
    assert len(counting.followed) == 5
    assert np.array_equal(pixels(run / again.output), pixels(three_shots))
    # Back to the first plan costs nothing, and the file is the same to the byte.
    before = processed(run, counting, LOSSLESS)
    assert len(counting.followed) == 5
    assert before == first == read_processed(run)


KILLED = """
import sys
from pathlib import Path
from finesight.video.ffmpeg import load_runner
from finesight.video.plan_file import read_plan
from finesight.video.process import Process
from finesight.video.settings import ProcessSettings
from finesight.video.tools import TOOLS
from finesight.video.work import begin
run = Path(sys.argv[1])
settings = ProcessSettings(shortest=0, longest=0.4, preset="slow", threads=1)
with Process(begin(run, TOOLS, load_runner(), settings)) as process:
    process.join(process.make(read_plan(run), jobs=2))
"""


def until_it_is_let_go(journal: Path) -> None:
    """A process that was forked a moment ago dies a little later, and has the file until then."""
    with journal.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def test_killed_at_any_moment_it_goes_on_to_the_same_file(
    tmp_path, write_video, shot, plan_run, call, ffmpeg
):
    source = write_video(tmp_path / "a.mkv", [*shot(1, 60, (320, 240)), *shot(2, 60, (320, 240))])
    run = plan_run(source, [60, 60], [[call("nlmeans")], []])
    chunks, journal = run / "processed/chunks", run / "processed/chunks.jsonl"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(run)], env=os.environ, start_new_session=True)
    while child.poll() is None and not (journal.is_file() and journal.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    assert child.poll() is None, "it was done before it could be killed"
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    until_it_is_let_go(journal)
    assert not (run / "processed.json").exists()
    done = journal.read_bytes().count(b"\n")
    (chunks / "left.part").write_bytes(b"half")
    settings = ProcessSettings(shortest=0, longest=0.4, preset="slow", threads=1)
    counting = Counting(ffmpeg)
    went_on = processed(run, counting, settings)
    assert len(counting.followed) == 12 - done
    assert not list(chunks.glob("*.part"))
    first = file_digest(run / went_on.output)
    for path in (*chunks.iterdir(), journal):
        path.unlink()
    assert file_digest(run / processed(run, ffmpeg, settings).output) == first


def test_a_chunk_that_is_not_as_it_was_noted_is_made_again(three_shots, plan_run, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    made = processed(run, ffmpeg)
    before = file_digest(run / made.output)
    damaged, lost = (run / made.shots[n].pieces[0].chunk for n in (0, 1))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 255
    damaged.write_bytes(content)
    lost.unlink()
    counting = Counting(ffmpeg)
    assert file_digest(run / processed(run, counting).output) == before
    assert len(counting.followed) == 2


# What goes wrong


class Astray(Counting):
    """Seeks to a place that lies behind the frames."""

    def follow(self, arguments: Sequence[str], hear: Any) -> Ran:
        told = list(arguments)
        if "-ss" in told:
            told[told.index("-ss") + 1] = "3.2"
        return super().follow(told, hear)


def test_where_a_seek_goes_astray_the_file_is_decoded_from_its_beginning(
    tmp_path, write_video, shot, plan_run, ffmpeg
):
    options = {"preset": "ultrafast", "crf": "12", "g": "10"}
    source = write_video(tmp_path / "a.mkv", [*shot(1, 50), *shot(2, 50)], options=options)
    run = plan_run(source, [50, 50], [[], []])
    astray = Astray(ffmpeg)
    made = processed(run, astray, LOSSLESS)
    assert len(astray.followed) == 3
    assert "-ss" not in made.shots[1].commands[0]
    assert np.array_equal(pixels(run / made.output), pixels(source))


def test_who_interrupts_does_not_wait_for_what_has_begun(tmp_path, write_video, shot, plan_run, call, ffmpeg):
    source = write_video(tmp_path / "a.mkv", shot(1, 400, (640, 480)))
    run = plan_run(source, [200, 200], [[call("nlmeans", window=31, patch=15)]] * 2)
    first = threading.Event()

    def interrupt(done: float, of: float) -> None:
        if threading.current_thread() is not threading.main_thread() and not first.is_set():
            first.set()
            raise KeyboardInterrupt

    counting = Counting(ffmpeg)
    with Process(begin(run, TOOLS, counting, FINE)) as process, pytest.raises(KeyboardInterrupt):
        process.make(read_plan(run), jobs=2, watch=interrupt)
    assert len(counting.followed) == 2
    assert not list((run / "processed/chunks").iterdir())


class Dropping(Counting):
    """Loses a frame in each chunk, and exits with 0."""

    def follow(self, arguments: Sequence[str], hear: Any) -> Ran:
        told = [word.replace("setpts=", "select=not(eq(n\\,3)),setpts=") for word in arguments]
        return super().follow(told, hear)


class Shifting(Counting):
    """Leaves all frames there, one of them at another time."""

    def follow(self, arguments: Sequence[str], hear: Any) -> Ran:
        told = [w.replace("PTS-STARTPTS", "PTS-STARTPTS+if(eq(N\\,3)\\,100)") for w in arguments]
        return super().follow(told, hear)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (
            Dropping,
            r"three\.mp4: shot 2 \(frames 50 to 89\): 39 frames came out of 40; .*leave that tool off",
        ),
        (
            Shifting,
            r"three\.mp4: shot 2 \(frames 50 to 89\): frame 53 is shown at 0\.12\d+ s of it instead of 0\.12",
        ),
    ],
)
def test_a_chunk_with_other_frames_or_times_fails(three_shots, plan_run, ffmpeg, broken, says):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    with (
        Process(begin(run, TOOLS, broken(ffmpeg), FINE)) as process,
        pytest.raises(InputError, match=says),
    ):
        process.make(read_plan(run), jobs=1)
    assert not list((run / "processed/chunks").iterdir())


def test_without_room_on_the_disk_nothing_is_begun(three_shots, plan_run, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    counting = Counting(ffmpeg)
    with (
        Process(begin(run, TOOLS, counting, FINE)) as process,
        pytest.raises(InputError, match=r"are needed and 0\.0 MB are free; free some of the disk"),
    ):
        process.make(read_plan(run), free=lambda folder: 1000)
    assert not counting.followed


class Full(Counting):
    """A disk that fills up while ffmpeg writes."""

    def follow(self, arguments: Sequence[str], hear: Any) -> Ran:
        return super().follow([*arguments[:-1], "/dev/full"], hear)


def test_a_disk_that_becomes_full_is_said_to_be(three_shots, plan_run, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    with (
        Process(begin(run, TOOLS, Full(ffmpeg), FINE)) as process,
        pytest.raises(InputError, match=r"the disk is full .*what is done stays"),
    ):
        process.make(read_plan(run))


def test_another_file_under_the_same_name_is_refused(three_shots, write_video, shot, plan_run, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    write_video(three_shots, shot(7, 90))
    with pytest.raises(
        InputError, match=r"three\.mp4: is not the file that was analysed; name it with --source"
    ):
        begin(run, TOOLS, ffmpeg)
    three_shots.unlink()
    with pytest.raises(InputError, match=r"three\.mp4: is not there; name it with --source"):
        begin(run, TOOLS, ffmpeg)


def test_a_plan_of_other_shots_or_tools_is_refused(three_shots, plan_run, call, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [], [call("cas")]])
    plan = read_plan(run)
    with pytest.raises(ConfigError, match="finesight video plan"):
        processed(run, ffmpeg, plan=plan.model_copy(update={"shots": plan.shots[:2]}))
    without = {name: tool for name, tool in TOOLS.items() if name != "cas"}
    with (
        Process(begin(run, without, ffmpeg)) as process,
        pytest.raises(ConfigError, match=r"shot 2 calls 'cas', which is no tool here; .*--rules"),
    ):
        process.make(plan)


def test_two_at_a_time_on_one_run_are_refused(three_shots, plan_run, ffmpeg):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    work = begin(run, TOOLS, ffmpeg)
    with Process(work), pytest.raises(InputError, match="being written by another process"):
        Process(work)


def test_a_run_that_was_not_processed_is_said_to_be(three_shots, plan_run):
    run = plan_run(three_shots, [20, 30, 40], [[], [], []])
    with pytest.raises(InputError, match="finesight video process"):
        read_processed(run)
