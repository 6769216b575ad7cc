"""Each tool does what it says, on real frames through the real ffmpeg."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from finesight.schema.plan import Step, ToolCall
from finesight.schema.taxonomy import Severity
from finesight.schema.video import Colour
from finesight.video.ffmpeg import load_runner
from finesight.video.graph import graph_of, tags_of
from finesight.video.tool import Parameter, Tool
from finesight.video.tools import TOOLS

Frames = NDArray[Any]
H, W = 96, 128
UNTAGGED = Colour(
    primaries="smpte170m",
    transfer="smpte170m",
    matrix="smpte170m",
    range="tv",
    assumed=("primaries", "range"),
)
RUNNER = load_runner()


def luma_through(frames: Frames, graph: str, out: str = "yuv420p") -> Frames:
    """The luma planes of grey frames after a filter graph, (frames, height, width)."""
    count, height, width = frames.shape
    size = height * width * 3 // 2
    with_chroma = np.full((count, size), 128, np.uint8)
    with_chroma[:, : height * width] = frames.reshape(count, -1)
    return raw_through(with_chroma, graph, "yuv420p", out, width, height)[:, : height * width].reshape(
        frames.shape
    )


def raw_through(frames: Frames, graph: str, form: str, out: str, width: int, height: int) -> Frames:
    """Frames of raw samples after a filter graph, one row each."""
    source = ["-f", "rawvideo", "-pix_fmt", form, "-s", f"{width}x{height}", "-r", "25", "-i", "-"]
    ran = RUNNER.run([*source, "-vf", graph, "-f", "rawvideo", "-pix_fmt", out, "-"], frames.tobytes())
    assert ran.code == 0, ran.said
    return np.frombuffer(ran.out, frames.dtype).reshape(len(frames), -1)


def photo() -> Frames:
    """One frame with soft shading, shapes with clean edges and a little texture."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[0:H, 0:W]
    picture = (70 + columns * 0.6 + rows * 0.5).astype(np.float32)
    picture = picture.astype(np.uint8)
    for n in range(6):
        place = (int(rng.integers(W)), int(rng.integers(H)))
        cv2.circle(picture, place, int(rng.integers(8, 22)), int(rng.integers(40, 220)), -1, cv2.LINE_AA)
        cv2.line(picture, (0, 15 * n), (W, 8 * n + 40), int(rng.integers(40, 220)), 2, cv2.LINE_AA)
    return picture


def still(picture: Frames, frames: int = 3) -> Frames:
    return np.repeat(picture[None], frames, axis=0)


def error(a: Frames, b: Frames) -> float:
    return float(np.mean((a.astype(float) - b) ** 2))


def test_bwdif_makes_one_frame_without_combs_of_two_fields():
    moving = np.stack([np.roll(photo(), 3 * n, axis=1) for n in range(10)])
    combed = moving[::2].copy()
    combed[:, 1::2] = moving[1::2, 1::2]
    whole = luma_through(combed, TOOLS["bwdif"].graph())

    def teeth(frames: Frames) -> float:
        return float(np.abs(np.diff(frames.astype(float), n=2, axis=1)).mean())

    assert whole.shape == combed.shape
    assert teeth(whole) < 0.5 * teeth(combed)
    assert error(whole[1:], moving[2::2]) < 0.5 * error(combed[1:], moving[2::2])


def test_deblock_lowers_the_steps_on_the_grid_of_blocks_and_comes_nearer_to_the_original():
    clean = photo()
    _, coded = cv2.imencode(".jpg", clean, [cv2.IMWRITE_JPEG_QUALITY, 12])
    blocky = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    treated = luma_through(still(blocky), TOOLS["deblock"].graph({"across": 0.2, "inside": 0.1}))[1]

    def on_the_grid(picture: Frames) -> float:
        steps = np.abs(np.diff(picture.astype(float), axis=1)).mean(axis=0)
        return float(steps[7::8].mean() / np.delete(steps, np.s_[7::8]).mean())

    assert on_the_grid(treated) < 0.7 * on_the_grid(blocky)
    assert error(treated, clean) < error(blocky, clean)


def test_dering_takes_ripples_away_and_leaves_the_edge():
    x = np.arange(W, dtype=float)
    edge = np.where(x < W // 2, 60.0, 180.0)
    ripple = 10 * np.sin(x * 2 * np.pi / 6) * np.exp(-np.abs(x - W // 2) / 12)
    ringing = np.tile(edge + ripple, (H, 1)).round().astype(np.uint8)
    treated = luma_through(still(ringing), TOOLS["dering"].graph({"reach": 5, "ripple": 0.17}))[1]
    assert error(treated, np.tile(edge, (H, 1))) < 0.5 * error(ringing, np.tile(edge, (H, 1)))
    assert int(treated[50, W // 2 + 3]) - int(treated[50, W // 2 - 4]) > 100


def test_antialias_brings_stairs_nearer_to_the_slanted_edge():
    large = np.full((8 * H, 8 * W), 60, np.uint8)
    cv2.fillPoly(large, [np.array([[80, 40], [960, 320], [560, 720]])], 200)
    smooth, stairs = cv2.resize(large, (W, H), interpolation=cv2.INTER_AREA), large[4::8, 4::8]
    treated = luma_through(still(stairs), TOOLS["antialias"].graph({"soft": 0.6}))[1]
    assert error(treated, smooth) < 0.5 * error(stairs, smooth)


@pytest.mark.parametrize(("tool", "strength"), [("hqdn3d", {"luma": 18}), ("nlmeans", {"strength": 8})])
def test_denoisers_lower_the_variance_of_noise_and_come_nearer_to_the_original(tool, strength):
    rng = np.random.default_rng(0)
    noisy = (still(photo(), 5) + rng.normal(0, 9, (5, H, W))).clip(16, 235).round().astype(np.uint8)
    treated = luma_through(noisy, TOOLS[tool].graph(strength))
    assert error(treated[2:], photo()) < 0.6 * error(noisy[2:], photo())
    flat = (np.full((5, H, W), 120) + rng.normal(0, 9, (5, H, W))).round().astype(np.uint8)
    assert luma_through(flat, TOOLS[tool].graph(strength))[4].var() < 0.3 * flat[4].var()


@pytest.mark.parametrize(
    ("tool", "strength"), [("gradfun", {"strength": 3}), ("deband", {"threshold": 0.03})]
)
def test_debanders_turn_steps_into_slopes(tool, strength):
    ramp = np.tile(np.linspace(60, 80, W), (H, 1))
    banded = (np.round(ramp / 4) * 4).astype(np.uint8)
    treated = luma_through(still(banded), TOOLS[tool].graph(strength))[1]
    assert error(treated, ramp) < 0.7 * error(banded, ramp)


def test_deflicker_evens_out_brightness():
    jumping = np.stack([photo() + (12 if n % 2 else 0) for n in range(12)]).astype(np.uint8)
    treated = luma_through(jumping, TOOLS["deflicker"].graph())
    assert treated.mean(axis=(1, 2))[2:-2].std() < 0.5 * jumping.mean(axis=(1, 2))[2:-2].std()


@pytest.mark.parametrize(("tool", "sign"), [("brighten", 1), ("darken", -1)])
def test_exposure_moves_middle_tones_and_leaves_black_and_white(tool, sign):
    ramp = np.tile(np.linspace(16, 235, W).round().astype(np.uint8), (H, 1))
    treated = luma_through(still(ramp, 1), TOOLS[tool].graph({"gamma": 1.8}))[0].astype(float)
    assert sign * (treated[0, W // 2] - float(ramp[0, W // 2])) > 20
    assert (treated[0, 0], treated[0, -1]) == (16, 235)
    assert (np.diff(treated[0]) >= 0).all()


def test_brighten_is_the_gamma_that_it_says():
    levels = np.tile(np.linspace(16, 235, W).round().astype(np.uint8), (H, 1))
    treated = luma_through(still(levels, 1), TOOLS["brighten"].graph({"gamma": 2}))[0]
    expected = 16 + 219 * np.sqrt((levels[0].astype(float) - 16) / 219)
    assert np.abs(treated[0] - expected).max() <= 1


def test_saturation_moves_colours_away_from_grey():
    flat = np.concatenate([np.full(H * W, 120), np.full(H * W // 4, 108), np.full(H * W // 4, 158)]).astype(
        np.uint8
    )
    treated = raw_through(
        still(flat, 1), TOOLS["saturation"].graph({"factor": 1.5}), "yuv420p", "yuv420p", W, H
    )[0]
    assert (treated[0], treated[H * W], treated[-1]) == (120, 98, 173)


@pytest.mark.parametrize(("tool", "strength"), [("unsharp", {"amount": 0.8}), ("cas", {"amount": 0.6})])
def test_sharpeners_bring_a_soft_picture_nearer_to_the_original(tool, strength):
    soft = cv2.GaussianBlur(photo(), (0, 0), 1.2)
    treated = luma_through(still(soft), TOOLS[tool].graph(strength))[1]
    assert error(treated, photo()) < 0.95 * error(soft, photo())
    assert cv2.Laplacian(treated, cv2.CV_64F).var() > 1.2 * cv2.Laplacian(soft, cv2.CV_64F).var()


def test_enlarge_doubles_the_picture_though_the_file_says_nothing_of_its_colours():
    call = ToolCall(
        tool="enlarge",
        step=Step.UPSCALE,
        parameters={"factor": 2},
        strength=Severity.MINOR,
        rule="r",
        why="w",
    )
    graph = graph_of([call], TOOLS, UNTAGGED)
    assert graph.startswith("setparams=color_primaries=smpte170m:range=tv,zscale=")
    grey = np.full((3, H * W * 3 // 2), 128, np.uint8)
    grey[:, : H * W] = photo().ravel()
    large = raw_through(grey, graph, "yuv420p", "yuv420p", W, H)
    assert large.shape[1] == 4 * grey.shape[1]
    back = cv2.resize(large[0, : 4 * H * W].reshape(2 * H, 2 * W), (W, H), interpolation=cv2.INTER_AREA)
    assert error(back, photo()) < 30


# What holds for all of them

FILTERS = [name for name, tool in TOOLS.items() if tool.filter]


@pytest.mark.parametrize("name", FILTERS)
def test_no_tool_loses_frames_and_only_those_that_say_so_round_ten_bits(name):
    rng = np.random.default_rng(0)
    frames = 6
    samples = rng.integers(300, 700, (frames, H * W * 3 // 2)).astype("<u2")
    treated = raw_through(samples, TOOLS[name].graph(), "yuv420p10le", "yuv420p10le", W, H)
    assert len(treated) == frames
    rounded = bool((treated[:, : treated.shape[1] * 2 // 3] % 4 == 0).all())
    assert rounded == (TOOLS[name].bits < 10)


@pytest.mark.parametrize("name", FILTERS)
def test_sizes_that_are_odd_stay_as_they_are_unless_the_tool_resizes(name):
    frames = np.random.default_rng(0).integers(16, 235, (5, 33 * 47), dtype=np.uint8)
    treated = raw_through(frames, TOOLS[name].graph(), "gray", "gray", 47, 33)
    assert (treated.shape == frames.shape) != TOOLS[name].resizes


def test_clashes_are_mutual_and_name_tools_that_there_are():
    for tool in TOOLS.values():
        assert set(tool.conflicts) <= set(TOOLS)
        assert all(tool.name in TOOLS[other].conflicts for other in tool.conflicts)
        assert tool.clashes(tool)


def test_tools_are_listed_in_canonical_order():
    ranks = [tool.step.rank for tool in TOOLS.values()]
    assert ranks == sorted(ranks)


def test_a_graph_is_in_canonical_order_whatever_the_order_of_its_calls():
    calls = [
        ToolCall(tool=name, step=TOOLS[name].step, parameters={}, strength=Severity.MINOR, rule="r", why="w")
        for name in ("cas", "brighten", "hqdn3d", "dering", "deblock")
    ]
    expected = [TOOLS[name].graph() for name in ("deblock", "dering", "hqdn3d", "brighten", "cas")]
    assert graph_of(calls, TOOLS, UNTAGGED) == ",".join(expected)
    assert graph_of([], TOOLS, UNTAGGED) == ""


def test_only_what_was_assumed_is_said_of_the_colours():
    assert tags_of(UNTAGGED) == "setparams=color_primaries=smpte170m:range=tv"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (3, None),
        (2, "is 2; give 3 to 9"),
        (4, "is 4; give an odd number"),
        (3.5, "is 3.5; give a whole number"),
    ],
)
def test_a_parameter_says_what_is_wrong_with_a_value(value, says):
    assert Parameter(least=3, most=9, default=5, kind="odd", says="").complaint(value) == says


def test_a_tool_whose_filter_and_parameters_do_not_fit_is_refused():
    with pytest.raises(ValidationError, match=r"the filter has \['a'\], the parameters are \['b'\]"):
        Tool(
            name="odd",
            step=Step.COLOUR,
            says="",
            filter="hue=s={a}",
            parameters={"b": Parameter(least=0, most=1, default=0, says="")},
            fps=1,
        )
    with pytest.raises(ValidationError, match=r"default of a is 2; give 0 to 1"):
        Tool(
            name="odd",
            step=Step.COLOUR,
            says="",
            filter="hue=s={a}",
            parameters={"a": Parameter(least=0, most=1, default=2, says="")},
            fps=1,
        )
