"""A TOML file and dotted overrides to a frozen, strict config."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from finesight.errors import ConfigError

C = TypeVar("C", bound=BaseModel)


def load_config(kind: type[C], path: Path | None, overrides: Sequence[str] = ()) -> C:
    """The config of a TOML file with `key.sub=value` overrides on top (values in TOML or JSON; else text).

    Raises:
        ConfigError: unreadable file, malformed override, unknown or missing or out-of-range field.
    """
    values = _read(path) if path else {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"override {override!r}: write it as key=value, for example steps=500")
        _set(values, key.split("."), _value(text), override)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        where = str(path) if path else "settings"
        complaints = [f"{'.'.join(map(str, e['loc'])) or 'config'}: {e['msg']}" for e in error.errors()]
        raise ConfigError(f"{where}: " + "; ".join(complaints)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error


def _set(values: dict[str, Any], keys: list[str], value: Any, override: str) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"override {override!r}: {key!r} is a value, not a section")
    values[keys[-1]] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        pass
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
