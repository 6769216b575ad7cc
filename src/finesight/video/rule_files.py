"""Files of rules: read, checked with the line of everything that is wrong, and put on top of the shipped ones.

The shipped rules are rules.toml beside this module.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from finesight.errors import ConfigError
from finesight.video.rule_checks import Wrong, wrong_fields, wrong_rules
from finesight.video.rules import Rule, RuleFile, RuleSet
from finesight.video.toml_lines import line_of_error, lines_of
from finesight.video.tool import Tool
from finesight.video.tools import TOOLS, with_tools

SHIPPED = "rules.toml"


def load_rules(path: Path | None = None) -> RuleSet:
    """The shipped rules, or those of a file on top of them.

    Raises:
        ConfigError: a line for everything that is wrong, with file and line and what to write instead.
    """
    if path is None:
        return default_rules()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); give a TOML file of rules") from error
    return read_rules(text, str(path))


def read_rules(text: str, name: str) -> RuleSet:
    """The rules of a text on top of the shipped ones; `name` is how complaints name the text.

    Raises:
        ConfigError: as `load_rules`.
    """
    file = _parse(text, name)
    return _checked(file, text, name, () if file.extends == "nothing" else default_rules().rules)


@cache
def default_rules() -> RuleSet:
    """The shipped rules."""
    text = files("finesight.video").joinpath("rules.toml").read_text(encoding="utf-8")
    return _checked(_parse(text, SHIPPED), text, SHIPPED, ())


def _parse(text: str, name: str) -> RuleFile:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}:{line_of_error(error, text)}: not TOML: {error}") from error
    try:
        return RuleFile.model_validate(values)
    except ValidationError as error:
        raise _complaining(text, name, wrong_fields(values, error)) from error


def _checked(file: RuleFile, text: str, name: str, base: tuple[Rule, ...]) -> RuleSet:
    tools = _tools(file, text, name)
    if wrong := wrong_rules(file, base, tools):
        raise _complaining(text, name, wrong)
    rules = _merged(file, base)
    said = [rule.model_dump_json() for rule in rules] + [tool.model_dump_json() for tool in tools.values()]
    return RuleSet(rules, tools, hashlib.sha256("\n".join(said).encode()).hexdigest()[:16])


def _tools(file: RuleFile, text: str, name: str) -> Mapping[str, Tool]:
    tools = TOOLS
    for n, place in enumerate(file.tools):
        try:
            tools = with_tools(tools, place)
        except ConfigError as error:
            raise _complaining(text, name, [Wrong(("tools", n), str(error))]) from error
    return tools


def _merged(file: RuleFile, base: tuple[Rule, ...]) -> tuple[Rule, ...]:
    own = {rule.id: rule for rule in file.rule}
    there = {rule.id for rule in base}
    new = [rule for rule in file.rule if rule.id not in there]
    kept = [own.get(rule.id, rule) for rule in base if rule.id not in file.off]
    return (*new, *kept)


def _complaining(text: str, name: str, wrong: Iterable[Wrong]) -> ConfigError:
    complaints = list(wrong)
    lines = lines_of(text, [one.path for one in complaints])
    said = sorted({(line, one.says) for line, one in zip(lines, complaints, strict=True)})
    return ConfigError("\n".join(f"{name}:{line}: {message}" for line, message in said))
