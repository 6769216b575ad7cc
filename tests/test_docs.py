"""The pages are held to the product: commands, options, config fields, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from finesight.ui.cli import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}

LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
PAGE = re.compile(r"\bdocs/[\w./-]+\.md\b")
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
OWN_PATHS = re.compile(r"(?<![\w.])(/home/|/root/|/Users/|/work/|/tmp/|[A-Z]:\\)")


def commands(command: Any = None, words: tuple[str, ...] = ("finesight",)) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its words."""
    command = command or typer.main.get_command(app)
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(words), command
    for name, sub in (below or {}).items():
        yield from commands(sub, (*words, name))


def options(command: Any) -> set[str]:
    """Long options of a command, both of a pair like --x/--no-x."""
    names = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    return {name for name in names if name.startswith("--")} | {"--help"}


def console_lines() -> list[str]:
    """What a reader would type: the lines after `$`, continued lines joined."""
    blocks = (block for text in TEXTS.values() for block in CONSOLE.findall(text))
    lines = (line for block in blocks for line in block.replace("\\\n", " ").splitlines())
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


COMMANDS = dict(commands())


def test_the_command_line_has_something_to_document():
    assert {"finesight diagnose", "finesight doctor", "finesight data synthesise"} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_and_option_is_in_the_docs(words):
    telling = [text for text in TEXTS.values() if re.search(rf"{words}\b", text)]
    assert telling, f"no page names `{words}`"
    shown = {o for o in options(COMMANDS[words]) if any(re.search(rf"(?<!\w){o}\b", t) for t in telling)}
    undocumented = {o for o in options(COMMANDS[words]) if not o.startswith("--no-")} - shown - {"--help"}
    assert not undocumented, f"no page that names `{words}` has {undocumented}"


def test_every_command_is_in_the_table_of_the_front_page():
    front = TEXTS[ROOT / "README.md"]
    assert not [words for words in COMMANDS if f"| `{words}`" not in front]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    missing = [link for link in LINK.findall(TEXTS[page]) if not (page.parent / link).exists()]
    assert not missing + [name for name in PAGE.findall(TEXTS[page]) if not (ROOT / name).exists()]


def test_pages_named_in_the_code_are_there():
    sources = [f for f in ROOT.glob("src/**/*.py") if PAGE.search(f.read_text(encoding="utf-8"))]
    named = {page for f in sources for page in PAGE.findall(f.read_text(encoding="utf-8"))}
    assert not [page for page in named if not (ROOT / page).is_file()]


def test_the_index_lists_every_page():
    index = TEXTS[DOCS / "README.md"]
    assert not [p.name for p in DOCS.glob("*.md") if p.name != "README.md" and f"({p.name})" not in index]


def test_the_map_names_every_room():
    rooms = [p.name for p in (ROOT / "src/finesight").iterdir() if (p / "__init__.py").exists()]
    assert not [room for room in rooms if f"{room}/" not in TEXTS[DOCS / "design.md"]]


@pytest.mark.parametrize("line", [line for line in console_lines() if line.startswith("finesight")])
def test_commands_shown_to_readers_exist_with_these_options(line):
    words = shlex.split(line.split(" > ")[0])
    name = next((n for n in COMMANDS if words[: len(n.split())] == n.split()), None)
    assert name, f"no command for {line!r}"
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    assert used <= options(COMMANDS[name])


@pytest.mark.parametrize("line", [line for line in console_lines() if line.startswith("make")])
def test_make_targets_shown_to_readers_exist(line):
    targets = {word for word in shlex.split(line)[1:] if "=" not in word and not word.startswith("-")}
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))


def fields(config: type[BaseModel], before: str = "") -> Iterator[str]:
    """Dotted names of the fields of a config and of the configs in it."""
    for name, field in config.model_fields.items():
        yield before + name
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{before}{name}.")


@pytest.mark.parametrize(
    ("config", "page"),
    [
        ("finesight.train.sft:SftConfig", "training.md"),
        ("finesight.data.mine.settings:MiningSettings", "mining.md"),
        ("finesight.train.grpo:GrpoConfig", "grpo.md"),
        ("finesight.train.roll_folder:RolloutConfig", "rollouts.md"),
        ("finesight.video.settings:AnalysisSettings", "video.md"),
        ("finesight.video.settings:ProcessSettings", "video.md"),
        ("finesight.train.pipeline_settings:PipelineConfig", "pipeline.md"),
    ],
)
def test_every_field_of_a_config_is_described(config, page):
    module, name = config.split(":")
    described = TEXTS.get(DOCS / page, "")
    # What a section has from a page of its own need not be told twice.
    elsewhere = ("rewards.", "reward.", "mining.", "rollout.reward.")
    told = {f for f in fields(getattr(import_module(module), name)) if not f.startswith(elsewhere)}
    assert not [f for f in told if f"`{f}`" not in described]


def test_every_setting_of_the_rewards_is_described_with_its_default():
    from finesight.scoring.rewards import RewardSettings

    fields = RewardSettings.model_fields
    rows = [f"| `{name}` | {field.default:g} | {field.description} |" for name, field in fields.items()]
    assert not [row for row in rows if row not in TEXTS[DOCS / "rewards.md"]]


def test_every_statistic_of_a_video_is_described_as_the_code_does():
    from finesight.video.signals import SHOT_SIGNALS, SIGNALS

    rows = [f"| `{name}` | {said} |" for name, said in (SIGNALS | SHOT_SIGNALS).items()]
    assert not [row for row in rows if row not in TEXTS[DOCS / "video.md"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_place_on_its_writers_machine(page):
    assert not OWN_PATHS.findall(TEXTS[page])
