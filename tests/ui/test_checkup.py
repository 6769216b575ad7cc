"""The check-up sees what is here and names the line that brings what is not."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from finesight.ui import checkup as module
from finesight.ui.checkup import Check, checkup


def _by_name(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in checkup(folder)}


def test_versions_are_those_of_the_installed_packages(tmp_path: Path) -> None:
    checks = _by_name(tmp_path)
    for name in ("torch", "transformers", "numpy", "pillow", "pydantic"):
        assert checks[name].ok
        assert checks[name].required
        assert checks[name].found.startswith(importlib.metadata.version(name))
    assert "build" in checks["torch"].found


def test_every_declared_requirement_is_checked(tmp_path: Path) -> None:
    declared = importlib.metadata.requires("finesight") or []
    names = {re.match(r"[\w-]+", line)[0] for line in declared if "extra ==" not in line or "demo" in line}
    assert names <= set(_by_name(tmp_path))


def test_a_missing_package_comes_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name in ("transformers", "scikit-image"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "rich" else importlib.metadata.version(name)

    monkeypatch.setattr(module, "version", version)
    checks = _by_name(tmp_path)
    assert not checks["transformers"].ok
    assert checks["transformers"].required
    assert checks["transformers"].remedy.startswith('pip install "transformers')
    assert not checks["rich"].ok
    assert "0.0.1, not " in checks["rich"].found
    assert not checks["scikit-image"].ok
    assert not checks["scikit-image"].required


def test_the_default_model_is_looked_for_where_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(module.MODEL_VARIABLE, raising=False)
    from finesight.model import diagnose

    assert _by_name(tmp_path)["default model"].found == str(diagnose.SHIPPED_MODEL)
    monkeypatch.setattr(diagnose, "SHIPPED_MODEL", tmp_path / "none")
    missing = _by_name(tmp_path)["default model"]
    assert not missing.ok
    assert not missing.required
    assert str(tmp_path / "none") in missing.found
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv(module.MODEL_VARIABLE, str(mine))
    assert "has no config.json" in _by_name(tmp_path)["default model"].found
    (mine / "config.json").write_text("{}")
    assert _by_name(tmp_path)["default model"].found == str(mine)


def test_little_memory_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_available_gb", lambda: 0.5)
    check = _by_name(tmp_path)["free memory"]
    assert (check.ok, check.found) == (False, "0.5 GB")


def test_the_check_up_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from finesight.ui.checkup import checkup; checkup(pathlib.Path.cwd());"
        "heavy = {'torch', 'transformers', 'cv2', 'matplotlib', 'scipy', 'PIL'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
