"""How a planned video is cut into chunks, and the commands; that these work is shown in test_process.py."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.plan import ShotPlan, ToolCall
from finesight.schema.taxonomy import Severity
from finesight.schema.video import Colour, Shot, Video
from finesight.video.chunks import chunks_of, command_of, key_of, with_files
from finesight.video.encoding import Encoding
from finesight.video.pace import Pace
from finesight.video.settings import ProcessSettings
from finesight.video.tools import TOOLS

RATE = 25
ENCODING = Encoding(("-c:v", "libx264"), "yuv420p")


def video(**tags: str | tuple[str, ...]) -> Video:
    colour = {"primaries": "bt709", "transfer": "bt709", "matrix": "bt709", "range": "tv"} | tags
    return Video(
        path="a.mp4", bytes=1, container="mp4", codec="h264", width=96, height=64, pixel_format="yuv420p",
        bit_depth=8, duration=4, rate=RATE, colour=Colour(**colour),
    )  # fmt: skip


def pace(frames: int, keys: tuple[int, ...] = (0,), first: int = 0) -> Pace:
    ticks = tuple(first + 40 * n for n in range(frames))
    return Pace(mark="m", numerator=1, denominator=1000, ticks=ticks, keys=keys, length=40)


def call(name: str) -> ToolCall:
    tool = TOOLS[name]
    return ToolCall(
        tool=name, step=tool.step, parameters=tool.filled({}), strength=Severity.MINOR, rule="r", why=""
    )


def shots_of(lengths: list[int], calls: list[list[str]]) -> tuple[list[Shot], list[ShotPlan]]:
    firsts = [sum(lengths[:n]) for n in range(len(lengths) + 1)]
    shots = [
        Shot(index=n, start=at / RATE, end=behind / RATE, first_frame=at, frames=behind - at)
        for n, (at, behind) in enumerate(pairwise(firsts))
    ]
    plans = [
        ShotPlan(shot=s.index, start=s.start, end=s.end, calls=tuple(map(call, names)))
        for s, names in zip(shots, calls, strict=True)
    ]
    return shots, plans


PLANNED = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from([[], ["cas"], ["bwdif"], ["bwdif", "deflicker"]])),
    min_size=1,
    max_size=12,
)


@given(PLANNED, st.floats(0, 8), st.floats(0.1, 20))
def test_chunks_hold_each_frame_once_and_their_handles_stay_in_the_shot(planned, shortest, longest):
    lengths, calls = [n for n, _ in planned], [names for _, names in planned]
    shots, plans = shots_of(lengths, calls)
    settings = ProcessSettings(shortest=shortest, longest=longest)
    chunks = chunks_of(shots, plans, TOOLS, video(), pace(sum(lengths)), settings)
    spans = [span for chunk in chunks for span in chunk.spans]
    assert [s.first for s in spans] == [sum(s.frames for s in spans[:n]) for n in range(len(spans))]
    assert sum(s.frames for s in spans) == sum(lengths)
    for chunk in chunks:
        own = [shots[span.shot] for span in chunk.spans]
        assert all(shot.first_frame <= s.first for shot, s in zip(own, chunk.spans, strict=True))
        assert len({tuple(calls[span.shot]) for span in chunk.spans}) == 1
        radius = sum(TOOLS[name].radius for name in calls[own[0].index])
        if len(own) > 1:
            assert radius == chunk.before == chunk.after == 0
        at, behind = own[0].first_frame, own[0].first_frame + own[0].frames
        if len(own) == 1:
            assert chunk.before == min(radius, chunk.first - at)
            assert chunk.after == min(radius, behind - chunk.first - chunk.frames)
            assert chunk.frames / RATE <= longest + 1 / RATE


def test_short_shots_with_the_same_plan_are_put_together_until_they_are_long_enough():
    shots, plans = shots_of([50, 50, 50, 50, 50], [["cas"]] * 4 + [[]])
    chunks = chunks_of(shots, plans, TOOLS, video(), pace(250), ProcessSettings(shortest=5, longest=60))
    assert [[span.shot for span in chunk.spans] for chunk in chunks] == [[0, 1, 2], [3], [4]]
    assert [chunk.named for chunk in chunks] == ["shots 0 to 2", "shot 3", "shot 4"]


def test_frames_are_cut_out_by_their_times_and_handles_are_cut_off():
    shots, plans = shots_of([100], [["bwdif"]])
    settings = ProcessSettings(longest=2)
    one, two = chunks_of(shots, plans, TOOLS, video(), pace(100, first=700), settings)
    bwdif = TOOLS["bwdif"].graph()
    words = command_of(one, pace(100, first=700), ENCODING)
    trims = "trim=start_pts=700:end_pts=2740", "trim=start_frame=0:end_frame=50"
    assert words[words.index("-vf") + 1] == f"{trims[0]},{bwdif},{trims[1]},setpts=PTS-STARTPTS"
    assert "-ss" not in words
    words = command_of(two, pace(100, first=700), ENCODING)
    trims = "trim=start_pts=2660:end_pts=4700", "trim=start_frame=1:end_frame=51"
    assert words[words.index("-vf") + 1] == f"{trims[0]},{bwdif},{trims[1]},setpts=PTS-STARTPTS"


def test_decoding_begins_one_key_frame_earlier_than_need_be():
    shots, plans = shots_of([60, 40], [[], []])
    timed = pace(100, keys=(0, 20, 40, 55), first=500)
    (_, two) = chunks_of(shots, plans, TOOLS, video(), timed, ProcessSettings(shortest=0))
    words = command_of(two, timed, ENCODING)
    assert words[words.index("-ss") + 1] == "2.100000"
    assert "-ss" not in command_of(two, timed, ENCODING, seek=False)
    assert [timed.before(frame) for frame in (0, 19, 20, 39, 40, 99)] == [0, 0, 0, 0, 20, 40]


def test_colours_that_are_assumed_are_said_in_every_chunk():
    shots, plans = shots_of([30, 30], [[], ["enlarge"]])
    untagged = video(assumed=("primaries", "matrix"))
    chunks = chunks_of(shots, plans, TOOLS, untagged, pace(60), ProcessSettings())
    told = "setparams=color_primaries=bt709:colorspace=bt709"
    assert [chunk.filters for chunk in chunks] == [told, f"{told},{TOOLS['enlarge'].graph()}"]


def test_a_key_is_of_content_frames_filters_encoder_and_version():
    shots, plans = shots_of([30, 30, 30], [[], ["cas"], []])
    timed = pace(90)
    chunks = chunks_of(shots, plans, TOOLS, video(), timed, ProcessSettings(shortest=0))
    commands = [command_of(chunk, timed, ENCODING) for chunk in chunks]
    commands.append(command_of(chunks[0], timed, ENCODING._replace(pixel_format="yuv444p")))
    keys = [key_of(command, "mark", "1") for command in commands]
    keys += [key_of(commands[0], "other", "1"), key_of(commands[0], "mark", "2")]
    assert len(set(keys)) == 6
    assert keys[0] == key_of(command_of(chunks[0], timed, ENCODING), "mark", "1")


def test_a_colon_in_the_name_of_a_file_is_no_protocol():
    told = with_files(("-i", "{source}", "{chunk}"), source="a: b.mp4", chunk="c.mp4")
    assert told == ("-i", "file:a: b.mp4", "file:c.mp4")
